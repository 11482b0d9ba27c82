/*
 * A stream read ahead: a thread reads, inflates and hashes while the caller makes files of what came before.
 *
 *     file ─► inflate ─► SHA-256 ─► ring of chunks ─► caller
 *     └──────── the pump's thread ────────┘
 *
 * head and tail only grow; chunk i is in slot i modulo PUMP_SLOTS. The thread owns [head], the caller [tail, head).
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "image/transfer-priv.h"

#define PUMP_SLOTS 8
#define PUMP_CHUNK ((size_t)128 << 10)

struct sc_pump {
    struct sc_stream *stream; /* owned; the thread's while it runs */
    struct sc_hash hash;
    bool hashes;
    bool is_running; /* there is a thread to join */
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows, and of nothing else */
    pthread_cond_t changed;
    size_t head, tail;
    bool is_lent;  /* the caller has chunk [tail] */
    bool is_over;  /* no chunk will follow */
    bool is_asked; /* to end early */
    struct sc_err err;
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
    if (len > 0 && pump->hashes && sc_hash_add(&pump->hash, chunk, len, err) < 0)
        return -1;
    return (ssize_t)len;
}

static void *
pump_main(void *data)
{
    struct sc_pump *pump = data;
    struct sc_err err = SC_ERR_INIT;

    for (;;) {
        size_t slot;
        ssize_t len;

        (void)pthread_mutex_lock(&pump->mutex);
        while (pump->head - pump->tail == PUMP_SLOTS && !pump->is_asked)
            (void)pthread_cond_wait(&pump->changed, &pump->mutex);
        slot = pump->head % PUMP_SLOTS;
        len = pump->is_asked ? 0 : 1;
        (void)pthread_mutex_unlock(&pump->mutex);
        if (len > 0)
            len = fill(pump, pump->chunks + slot * PUMP_CHUNK, &err);
        (void)pthread_mutex_lock(&pump->mutex);
        if (len > 0) {
            pump->lens[slot] = (size_t)len;
            pump->head++;
        } else {
            pump->is_over = true;
            pump->err = err;
        }
        (void)pthread_cond_signal(&pump->changed);
        (void)pthread_mutex_unlock(&pump->mutex);
        if (len <= 0)
            return NULL;
    }
}

static void
pump_join(struct sc_pump *pump)
{
    if (!pump->is_running)
        return;
    (void)pthread_mutex_lock(&pump->mutex);
    pump->is_asked = true;
    (void)pthread_cond_signal(&pump->changed);
    (void)pthread_mutex_unlock(&pump->mutex);
    (void)pthread_join(pump->thread, NULL);
    pump->is_running = false;
}

void
sc_pump_closep(struct sc_pump **pump)
{
    if (!*pump)
        return;
    pump_join(*pump);
    (void)pthread_cond_destroy(&(*pump)->changed);
    (void)pthread_mutex_destroy(&(*pump)->mutex);
    sc_stream_close((*pump)->stream);
    sc_hash_release(&(*pump)->hash);
    free((*pump)->chunks);
    free(*pump);
    *pump = NULL;
}

int
sc_pump_open(struct sc_stream *stream_take, bool hashes, struct sc_pump **out, struct sc_err *err)
{
    sc_cleanup_stream stream = stream_take;
    sc_cleanup_pump pump = calloc(1, sizeof(*pump));
    int status;

    if (!pump)
        return sc_err_nomem(err);
    (void)pthread_mutex_init(&pump->mutex, NULL);
    (void)pthread_cond_init(&pump->changed, NULL);
    pump->stream = sc_steal_ptr(&stream);
    pump->hashes = hashes;
    pump->chunks = malloc(PUMP_SLOTS * PUMP_CHUNK);
    if (!pump->chunks)
        return sc_err_nomem(err);
    if (hashes && sc_hash_start(&pump->hash, err) < 0)
        return -1;
    status = pthread_create(&pump->thread, NULL, pump_main, pump);
    if (status != 0)
        return sc_err_errno(err, status, "start a thread to read the archive");
    pump->is_running = true;
    *out = sc_steal_ptr(&pump);
    return 0;
}

ssize_t
sc_pump_next(struct sc_pump *pump, const void **data, struct sc_err *err)
{
    ssize_t len = 0;

    (void)pthread_mutex_lock(&pump->mutex);
    if (pump->is_lent) { /* and is done with it */
        pump->is_lent = false;
        pump->tail++;
        (void)pthread_cond_signal(&pump->changed);
    }
    while (pump->head == pump->tail && !pump->is_over)
        (void)pthread_cond_wait(&pump->changed, &pump->mutex);
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
sc_pump_digest(struct sc_pump *pump, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    pump_join(pump);
    return sc_hash_end(&pump->hash, digest, err);
}
