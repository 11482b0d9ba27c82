/*
 * A stream read ahead: threads read, inflate and hash while the caller makes files of what came before.
 *
 *     file ─► inflate ─► ring of chunks ─► caller
 *                              └─────────► SHA-256
 *
 * Each of the three has a thread, as inflating alone is as much work as one processor can do while a layer comes in.
 * What another process inflates, and a third one hashes, comes in memory of its own (ring-priv.h): then there is no
 * thread, and the caller reads there.
 * head and tail only grow; chunk i is in slot i modulo PUMP_SLOTS. The reader owns [head]; the caller [tail, head) and
 * the hasher only read. What is to be hashed waits in a queue: the reader puts whole chunks there, or the caller those
 * parts of its chunk that belong to a file. A slot is free again when the caller and the queue are past it.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "image/transfer-priv.h"

#define PUMP_SLOTS 8
#define PUMP_JOBS  (2 * PUMP_SLOTS)
#define PUMP_CHUNK ((size_t)256 << 10)

struct pump_thread {
    pthread_t thread;
    bool is_running; /* to be joined */
};

/* Bytes of a chunk that are to be hashed. */
struct pump_job {
    struct sc_hash *hash;
    const void *data;
    size_t len, chunk;
};

struct sc_pump {
    struct sc_stream *stream; /* owned; the reader's while it runs */
    struct sc_hash hash;      /* of all, if asked; the hasher's while it runs */
    bool hashes;
    struct pump_thread reader, hasher;
    bool is_lent_all;      /* no threads: the stream's own memory is what the caller gets */
    pthread_mutex_t mutex; /* of what follows, and of nothing else */
    pthread_cond_t freed;  /* the reader waits for it */
    pthread_cond_t filled; /* the caller does */
    pthread_cond_t queued; /* the hasher does */
    pthread_cond_t hashed; /* the caller does, for what it gave to the hasher */
    size_t head, tail;
    struct pump_job jobs[PUMP_JOBS];
    size_t first_job, job_count; /* the first is the hasher's until it is done */
    bool is_lent;                /* the caller has chunk [tail] */
    bool is_over;                /* no chunk will follow */
    bool is_asked;               /* to end early */
    bool is_last;                /* no job will follow */
    struct sc_err err, hash_err;
    size_t lens[PUMP_SLOTS];
    char *chunks; /* PUMP_SLOTS of PUMP_CHUNK bytes */
};

/* Fills one chunk as far as the stream goes: its length, 0 at the end. */
static ssize_t
fill(struct sc_pump *pump, char *chunk, struct sc_err *err)
{
    size_t len = 0;

    while (len < PUMP_CHUNK) {
        ssize_t got = sc_stream_read(pump->stream, chunk + len, PUMP_CHUNK - len, err);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

static bool
is_full(const struct sc_pump *pump)
{
    size_t oldest = pump->job_count > 0 ? pump->jobs[pump->first_job].chunk : pump->head;

    return pump->head - pump->tail == PUMP_SLOTS || pump->head - oldest == PUMP_SLOTS;
}

/* With the mutex, and room for one more. */
static void
put_job(struct sc_pump *pump, struct sc_hash *hash, const void *data, size_t len, size_t chunk)
{
    pump->jobs[(pump->first_job + pump->job_count++) % PUMP_JOBS] =
        (struct pump_job){.hash = hash, .data = data, .len = len, .chunk = chunk};
    (void)pthread_cond_signal(&pump->queued);
}

static void *
reader_main(void *data)
{
    struct sc_pump *pump = data;
    struct sc_err err = SC_ERR_INIT;

    for (;;) {
        size_t slot;
        ssize_t len;

        (void)pthread_mutex_lock(&pump->mutex);
        while (is_full(pump) && !pump->is_asked)
            (void)pthread_cond_wait(&pump->freed, &pump->mutex);
        slot = pump->head % PUMP_SLOTS;
        len = pump->is_asked ? 0 : 1;
        (void)pthread_mutex_unlock(&pump->mutex);
        if (len > 0)
            len = fill(pump, pump->chunks + slot * PUMP_CHUNK, &err);
        (void)pthread_mutex_lock(&pump->mutex);
        if (len > 0) {
            pump->lens[slot] = (size_t)len;
            if (pump->hashes)
                put_job(pump, &pump->hash, pump->chunks + slot * PUMP_CHUNK, (size_t)len, pump->head);
            pump->head++;
        } else {
            pump->is_over = true;
            pump->err = err;
        }
        (void)pthread_cond_signal(&pump->filled);
        (void)pthread_mutex_unlock(&pump->mutex);
        if (len <= 0)
            return NULL;
    }
}

/* Hashes all that was put into the queue, also what nobody asks for any more, until it is told to end. */
static void *
hasher_main(void *data)
{
    struct sc_pump *pump = data;
    struct sc_err err = SC_ERR_INIT;

    (void)pthread_mutex_lock(&pump->mutex);
    for (;;) {
        struct pump_job job;

        while (pump->job_count == 0 && !pump->is_last)
            (void)pthread_cond_wait(&pump->queued, &pump->mutex);
        if (pump->job_count == 0)
            break;
        job = pump->jobs[pump->first_job];
        (void)pthread_mutex_unlock(&pump->mutex);
        if (err.kind == SC_ERR_NONE)
            (void)!sc_hash_add(job.hash, job.data, job.len, &err);
        (void)pthread_mutex_lock(&pump->mutex);
        pump->hash_err = err;
        pump->first_job = (pump->first_job + 1) % PUMP_JOBS;
        pump->job_count--;
        (void)pthread_cond_signal(&pump->freed);
        (void)pthread_cond_signal(&pump->hashed);
    }
    (void)pthread_mutex_unlock(&pump->mutex);
    return NULL;
}

static void
thread_join(struct pump_thread *thread)
{
    if (thread->is_running)
        (void)pthread_join(thread->thread, NULL);
    thread->is_running = false;
}

static void
pump_join(struct sc_pump *pump)
{
    (void)pthread_mutex_lock(&pump->mutex);
    pump->is_asked = true;
    (void)pthread_cond_signal(&pump->freed);
    (void)pthread_mutex_unlock(&pump->mutex);
    thread_join(&pump->reader);
    (void)pthread_mutex_lock(&pump->mutex);
    pump->is_last = true;
    (void)pthread_cond_signal(&pump->queued);
    (void)pthread_mutex_unlock(&pump->mutex);
    thread_join(&pump->hasher);
}

void
sc_pump_closep(struct sc_pump **pump)
{
    if (!*pump)
        return;
    pump_join(*pump);
    (void)pthread_cond_destroy(&(*pump)->freed);
    (void)pthread_cond_destroy(&(*pump)->filled);
    (void)pthread_cond_destroy(&(*pump)->queued);
    (void)pthread_cond_destroy(&(*pump)->hashed);
    (void)pthread_mutex_destroy(&(*pump)->mutex);
    sc_stream_close((*pump)->stream);
    sc_hash_release(&(*pump)->hash);
    free((*pump)->chunks);
    free(*pump);
    *pump = NULL;
}

static int
thread_start(struct sc_pump *pump, struct pump_thread *thread, void *(*fn)(void *), struct sc_err *err)
{
    int status = pthread_create(&thread->thread, NULL, fn, pump);

    if (status != 0)
        return sc_err_errno(err, status, "start a thread to read the archive");
    thread->is_running = true;
    return 0;
}

int
sc_pump_open(struct sc_stream *stream_take, bool hashes, struct sc_pump **out, struct sc_err *err)
{
    sc_cleanup_stream stream = stream_take;
    sc_cleanup_pump pump = calloc(1, sizeof(*pump));

    if (!pump)
        return sc_err_nomem(err);
    (void)pthread_mutex_init(&pump->mutex, NULL);
    (void)pthread_cond_init(&pump->freed, NULL);
    (void)pthread_cond_init(&pump->filled, NULL);
    (void)pthread_cond_init(&pump->queued, NULL);
    (void)pthread_cond_init(&pump->hashed, NULL);
    pump->stream = sc_steal_ptr(&stream);
    pump->hashes = hashes;
    pump->is_lent_all = !hashes && sc_stream_is_lent(pump->stream);
    if (pump->is_lent_all) {
        *out = sc_steal_ptr(&pump);
        return 0;
    }
    pump->chunks = malloc(PUMP_SLOTS * PUMP_CHUNK);
    if (!pump->chunks)
        return sc_err_nomem(err);
    if (hashes && (sc_hash_start(&pump->hash, err) < 0 || thread_start(pump, &pump->hasher, hasher_main, err) < 0))
        return -1;
    if (thread_start(pump, &pump->reader, reader_main, err) < 0)
        return -1;
    *out = sc_steal_ptr(&pump);
    return 0;
}

ssize_t
sc_pump_next(struct sc_pump *pump, const void **data, struct sc_err *err)
{
    ssize_t len = 0;

    if (pump->is_lent_all)
        return sc_stream_lend(pump->stream, data, err);
    (void)pthread_mutex_lock(&pump->mutex);
    if (pump->is_lent) { /* and is done with it */
        pump->is_lent = false;
        pump->tail++;
        (void)pthread_cond_signal(&pump->freed);
    }
    while (pump->head == pump->tail && !pump->is_over)
        (void)pthread_cond_wait(&pump->filled, &pump->mutex);
    if (pump->head != pump->tail) {
        *data = pump->chunks + pump->tail % PUMP_SLOTS * PUMP_CHUNK;
        len = (ssize_t)pump->lens[pump->tail % PUMP_SLOTS];
        pump->is_lent = true;
    } else if (pump->err.kind != SC_ERR_NONE) {
        *err = pump->err;
        len = -1;
    }
    (void)pthread_mutex_unlock(&pump->mutex);
    return len;
}

int
sc_pump_hash(struct sc_pump *pump, struct sc_hash *hash, const void *data, size_t len, struct sc_err *err)
{
    if (pump->is_lent_all)
        return sc_hash_add(hash, data, len, err);
    if (!pump->hasher.is_running && thread_start(pump, &pump->hasher, hasher_main, err) < 0)
        return -1;
    (void)pthread_mutex_lock(&pump->mutex);
    while (pump->job_count == PUMP_JOBS)
        (void)pthread_cond_wait(&pump->hashed, &pump->mutex);
    put_job(pump, hash, data, len, pump->tail);
    (void)pthread_mutex_unlock(&pump->mutex);
    return 0;
}

int
sc_pump_hashed(struct sc_pump *pump, struct sc_err *err)
{
    int status = 0;

    (void)pthread_mutex_lock(&pump->mutex);
    while (pump->job_count > 0)
        (void)pthread_cond_wait(&pump->hashed, &pump->mutex);
    if (pump->hash_err.kind != SC_ERR_NONE) {
        *err = pump->hash_err;
        status = -1;
    }
    (void)pthread_mutex_unlock(&pump->mutex);
    return status;
}

int
sc_pump_digest(struct sc_pump *pump, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    pump_join(pump);
    return sc_pump_hashed(pump, err) < 0 ? -1 : sc_hash_end(&pump->hash, digest, err);
}
