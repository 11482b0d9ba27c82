/*
 * Blobs into the store, several at a time. What has come of one lies in image/partial/<hex>, under an flock of that
 * file: a second process that wants the same blob waits, and then finds it there; a later one, after a kill, goes on
 * where it ended. While a layer comes in it is unpacked behind (ahead.c), one for each worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

#define WORKERS_DEFAULT 3
#define WORKERS_MAX     16
#define READ_SIZE       (256 << 10)
#define HEAD_SIZE       512 /* by which a layer is known */

struct fetch {
    const struct sc_fetch *item;
    struct sc_channel *channel;
    struct sc_progress *progress;
    int fd; /* of the partial file, which it locks */
    struct sc_hash hash;
    int64_t done, begun; /* here, and on its way to the disk */
    char id[13];
    char partial[sizeof("partial/") + SC_DIGEST_HEX_LEN];
    struct sc_ahead *ahead;
    bool was_followed; /* ahead was tried */
    bool no_ranges;    /* what the server said to a Range was wrong: it is asked for all of it */
};

static const struct sc_store *
store_of(const struct fetch *f)
{
    return f->channel->client->store;
}

static int
hash_restart(struct fetch *f, struct sc_err *err)
{
    sc_hash_release(&f->hash);
    f->done = f->begun = 0;
    sc_ahead_break(f->ahead); /* the commit unpacks it then */
    f->ahead = NULL;
    f->was_followed = true;
    if (sc_hash_start(&f->hash, err) < 0)
        return -1;
    if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "empty a partial blob");
    return 0;
}

/* Takes up what an earlier run has left. */
static int
hash_what_is_there(struct fetch *f, struct sc_err *err)
{
    sc_cleanup_free char *data = malloc(READ_SIZE);
    struct stat st;

    if (!data)
        return sc_err_nomem(err);
    if (fstat(f->fd, &st) < 0)
        return sc_err_errno(err, errno, "look at a partial blob");
    if (st.st_size > f->item->size)
        return hash_restart(f, err);
    if (sc_hash_start(&f->hash, err) < 0)
        return -1;
    while (f->done < st.st_size) {
        ssize_t len = read(f->fd, data, READ_SIZE);

        if (len < 0 && errno == EINTR)
            continue;
        if (len <= 0)
            return sc_err_errno(err, len < 0 ? errno : ENODATA, "read a partial blob");
        if (sc_hash_add(&f->hash, data, (size_t)len, err) < 0)
            return -1;
        f->done += len;
    }
    return 0;
}

static int
on_try(void *data, struct sc_strv *headers, struct sc_arena *arena, struct sc_err *err)
{
    struct fetch *f = data;

    if (f->done > 0 && !f->no_ranges)
        sc_strv_addf(headers, arena, "Range: bytes=%lld-", (long long)f->done);
    return sc_arena_check(arena, err);
}

/* 206 continues; a server that knows no ranges sends it all again. */
static int
on_started(void *data, long status, struct sc_err *err)
{
    struct fetch *f = data;
    const char *range;

    if (status != 206)
        return f->done > 0 ? hash_restart(f, err) : 0;
    range = sc_http_header(&f->channel->answer, "content-range");
    if (range) {
        char expected[sizeof("bytes -") + SC_NUM_MAX];

        (void)snprintf(expected, sizeof(expected), "bytes %lld-", (long long)f->done);
        f->no_ranges = !sc_str_starts(range, expected);
        if (f->no_ranges)
            return sc_err_set(err, SC_ERR_INVALID, "the registry sends \"%.100s\", asked for was \"%s\"", range,
                              expected);
    }
    return 0;
}

/* Begins to unpack behind the download, once its first bytes are there. */
static void
follow(struct fetch *f)
{
    const struct sc_store *store = store_of(f);
    /* A description of its own: f->fd is the lock, which is to end before the unpacking does. */
    sc_cleanup_fd fd = openat(store->image_fd, f->partial, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char head[HEAD_SIZE];
    ssize_t len;

    f->was_followed = true;
    if (fd < 0)
        return;
    len = pread(fd, head, sizeof(head), 0);
    if (len > 0)
        f->ahead = sc_ahead_start(store, fd, f->item->size, head, (size_t)len);
    sc_ahead_wrote(f->ahead, (size_t)f->done);
}

static int
on_bytes(void *data, const void *bytes, size_t len, struct sc_err *err)
{
    struct fetch *f = data;

    if ((int64_t)len > f->item->size - f->done)
        return sc_err_set(err, SC_ERR_INVALID, "blob %s has more than the %lld bytes that the manifest says",
                          f->item->digest, (long long)f->item->size);
    if (sc_hash_add(&f->hash, bytes, len, err) < 0)
        return -1;
    if (sc_io_write_all(f->fd, bytes, len, err) < 0) {
        sc_err_wrap(err, "write a blob in \"%s/image\"", store_of(f)->data_path);
        return sc_err_disk(err, store_of(f));
    }
    f->done += (int64_t)len;
    sc_io_write_behind(f->fd, f->done, &f->begun);
    sc_ahead_wrote(f->ahead, len);
    if (!f->was_followed && (f->done >= HEAD_SIZE || f->done == f->item->size))
        follow(f);
    sc_progress_item(f->progress, f->id, "Downloading", f->done, f->item->size);
    return 0;
}

/* A server may refuse a range (416), or send another one than was asked for: then all of it comes again, once. */
static int
request_rest(struct fetch *f, struct sc_request *request, struct sc_err *err)
{
    bool had_ranges = !f->no_ranges;
    struct sc_err cause = SC_ERR_INIT;

    if (sc_client_request(f->channel, request, &cause) == 0) {
        if (f->channel->answer.status != 416)
            return 0;
        f->no_ranges = true;
    } else if (!had_ranges || !f->no_ranges) {
        *err = cause;
        return -1;
    }
    request->accepts = NULL;
    return hash_restart(f, err) < 0 ? -1 : sc_client_request(f->channel, request, err);
}

static int
download(struct fetch *f, struct sc_err *err)
{
    static const long refused_range[] = {416, 0};
    struct sc_channel *channel = f->channel;
    const struct sc_client *client = channel->client;
    struct sc_request request = {
        .ask = {.method = "GET", .body_fd = -1, .sink = on_bytes, .started = on_started, .data = f},
        .accepts = refused_range,
        .before_try = on_try};

    if (f->done == f->item->size && f->done > 0)
        return 0;
    request.path = sc_arena_printf(&channel->arena, "%s/blobs/%s", client->repository, f->item->digest);
    request.what =
        sc_arena_printf(&channel->arena, "blob %s of \"%s/%s\"", f->item->digest, client->registry, client->repository);
    if (sc_arena_check(&channel->arena, err) < 0)
        return -1;
    for (int i = 0; i < SC_REGISTRY_TRIES; i++) {
        int64_t before = f->done;

        if (request_rest(f, &request, err) < 0)
            return -1;
        if (f->done == f->item->size)
            return 0;
        /* An answer that ends early, in good order: go on as long as it brings something. */
        if (f->done == before)
            break;
    }
    return sc_err_set(err, SC_ERR_INVALID, "blob %s has %lld bytes, the manifest says %lld", f->item->digest,
                      (long long)f->done, (long long)f->item->size);
}

static int
publish(struct fetch *f, struct sc_err *err)
{
    const struct sc_store *store = store_of(f);
    sc_cleanup_fd dir = sc_dir_open_at(store->image_fd, "blobs/sha256", err);
    char path[SC_BLOB_PATH_MAX];

    sc_ahead_end(f->ahead); /* before the blob is synced: the two go on side by side */
    sc_ahead_name(f->ahead, f->item->digest);
    if (dir < 0)
        return -1;
    sc_blob_path(f->item->digest, path);
    if (fchmod(f->fd, 0644) < 0 || fsync(f->fd) < 0) {
        sc_err_errno(err, errno, "sync blob %s", f->item->digest);
        return sc_err_disk(err, store);
    }
    if (renameat(store->image_fd, f->partial, store->image_fd, path) < 0)
        return sc_err_errno(err, errno, "name blob %s", f->item->digest);
    return fsync(dir) < 0 ? sc_err_errno(err, errno, "sync the directory of blob %s", f->item->digest) : 0;
}

/* Downloads and verifies. What an earlier run left may be what is wrong: then once more from the start. */
static int
fetch_verified(struct fetch *f, struct sc_err *err)
{
    char actual[SC_DIGEST_LEN + 1];
    bool was_resumed;

    if (hash_what_is_there(f, err) < 0)
        return -1;
    was_resumed = f->done > 0;
    for (;;) {
        if (download(f, err) < 0 || sc_hash_end(&f->hash, actual, err) < 0)
            return -1;
        if (strcmp(actual, f->item->digest) == 0)
            return publish(f, err);
        if (hash_restart(f, err) < 0)
            return -1;
        if (!was_resumed)
            break;
        was_resumed = false;
    }
    (void)unlinkat(store_of(f)->image_fd, f->partial, 0);
    sc_err_set(err, SC_ERR_INVALID, "blob %s has the wrong digest: its content is %s", f->item->digest, actual);
    return sc_err_remedy(err, "the registry or a proxy before it is damaged or lies");
}

static int
fetch_one(struct sc_channel *channel, struct sc_fetch *item, struct sc_err *err)
{
    const struct sc_store *store = channel->client->store;
    struct fetch f = {.item = item,
                      .channel = channel,
                      .progress = item->is_silent ? NULL : channel->client->options->progress,
                      .fd = -1,
                      .hash = SC_HASH_INIT};
    int status = 0;

    (void)snprintf(f.id, sizeof(f.id), "%s", sc_digest_hex(item->digest));
    if (sc_store_has_blob(store, item->digest)) {
        sc_progress_item(f.progress, f.id, "Already exists", 0, 0);
        return 0;
    }
    (void)snprintf(f.partial, sizeof(f.partial), "partial/%s", sc_digest_hex(item->digest));
    sc_progress_item(f.progress, f.id, "Pulling fs layer", 0, 0);
    f.fd = sc_lock_at(store->image_fd, f.partial, SC_LOCK_EXCLUSIVE, true, err);
    if (f.fd < 0)
        return -1;
    if (sc_store_has_blob(store, item->digest)) {
        /* Who held the lock has fetched it, and taken the file's name away. */
        (void)unlinkat(store->image_fd, f.partial, 0);
        sc_progress_item(f.progress, f.id, "Already exists", 0, 0);
    } else {
        status = fetch_verified(&f, err);
        item->has_come = status == 0;
        if (status == 0)
            sc_progress_item(f.progress, f.id, "Download complete", 0, 0);
    }
    sc_hash_release(&f.hash);
    sc_closep(&f.fd);
    if (status < 0)
        sc_ahead_break(f.ahead);
    /* No further download before this one is unpacked: so there are as many of either as there are workers. */
    sc_ahead_wait(f.ahead);
    return status;
}

/* ---- workers -------------------------------------------------------------------------------------------------- */

struct pool {
    struct sc_client *client;
    struct sc_fetch *items; /* each its worker's */
    size_t count, next;
    pthread_mutex_t lock;
    bool has_failed;
    struct sc_err err; /* the first */
};

static bool
take(struct pool *pool, size_t *index)
{
    bool has_one;

    (void)pthread_mutex_lock(&pool->lock);
    has_one = !pool->has_failed && pool->next < pool->count;
    if (has_one)
        *index = pool->next++;
    (void)pthread_mutex_unlock(&pool->lock);
    return has_one;
}

static void *
worker(void *data)
{
    struct pool *pool = data;
    sc_cleanup_channel channel = {.curl = NULL};
    struct sc_err err = SC_ERR_INIT;
    size_t index = 0;
    int status = sc_channel_open(pool->client, &channel, &err);

    while (status == 0 && take(pool, &index))
        status = fetch_one(&channel, &pool->items[index], &err);
    if (status < 0) {
        (void)pthread_mutex_lock(&pool->lock);
        if (!pool->has_failed)
            pool->err = err;
        pool->has_failed = true;
        (void)pthread_mutex_unlock(&pool->lock);
    }
    return NULL;
}

int
sc_fetch_blobs(struct sc_client *client, struct sc_fetch *items, size_t count, struct sc_err *err)
{
    struct pool pool = {.client = client, .items = items, .count = count, .err = SC_ERR_INIT};
    size_t wanted = client->options->parallel ? client->options->parallel : WORKERS_DEFAULT, started = 0;
    pthread_t threads[WORKERS_MAX];

    if (sc_dir_make_at(client->store->image_fd, "partial", 0700, err) < 0)
        return -1;
    wanted = wanted > WORKERS_MAX ? WORKERS_MAX : wanted > count ? count : wanted;
    (void)pthread_mutex_init(&pool.lock, NULL);
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, worker, &pool) == 0)
        started++;
    (void)worker(&pool); /* this thread is one of them */
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&pool.lock);
    if (!pool.has_failed)
        return 0;
    *err = pool.err;
    return -1;
}
