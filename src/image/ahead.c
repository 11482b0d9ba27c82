/*
 * Layers that are unpacked while their blobs come in.
 *
 *     archive ─► blob writer: SHA-256 ─► blob in tmp/ ──follow──► inflate ─► tar ─► layer/tmp-*
 *                └────────── the caller's thread ─┘  └───────── a thread for each ─────────┘
 *
 * The thread reads the blob's file behind the writer, from memory that the kernel just wrote to, as far as it is told
 * that bytes are there. The writer is an archive's member or a download. What is made is a guess: that the blob is a
 * layer, is what its name says, and will be wanted. A commit that wants a layer of this blob and this diff id takes it
 * (commit-layers.c); all else is removed. Whatever goes wrong here is only remembered: the commit then unpacks the blob
 * itself, and says what is wrong with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/transfer-priv.h"
#include "kernel/kernel.h"

struct sc_ahead {
    struct sc_ahead *next;
    const struct sc_store *store;
    int layers_fd, blob_fd; /* the thread's, until it is joined */
    bool is_running;        /* there is a thread to join */
    pthread_t thread;
    struct sc_follow follow;
    char name[64]; /* below layers_fd; "": somebody took it */
    struct sc_unpack unpack;
    struct sc_err err; /* the thread's, until it is joined */
    bool is_compressed;
    char diff_id[SC_DIGEST_LEN + 1]; /* of a compressed one */
    char digest[SC_DIGEST_LEN + 1];  /* of the blob; "" until it is whole */
};

static int
unpack(struct sc_ahead *ahead, struct sc_err *err)
{
    struct sc_unpacked unpacked;

    /* The digest of what is not compressed is the blob's own. */
    if (sc_layer_unpack_blob(&ahead->unpack, ahead->blob_fd, &ahead->follow, false, &unpacked, err) < 0)
        return -1;
    ahead->is_compressed = unpacked.is_compressed;
    memcpy(ahead->diff_id, unpacked.diff_id, sizeof(ahead->diff_id));
    return 0;
}

static void *
work(void *data)
{
    struct sc_ahead *ahead = data;

    if (unpack(ahead, &ahead->err) < 0 && ahead->err.kind == SC_ERR_NONE)
        ahead->err.kind = SC_ERR_INTERNAL;
    return NULL;
}

static void
join(struct sc_ahead *ahead)
{
    if (ahead->is_running)
        (void)pthread_join(ahead->thread, NULL);
    ahead->is_running = false;
    sc_closep(&ahead->blob_fd);
    sc_closep(&ahead->layers_fd);
}

static void
ahead_free(struct sc_ahead *ahead)
{
    struct sc_err ignored = SC_ERR_INIT;

    sc_follow_tell(&ahead->follow, 0, SC_FOLLOW_BROKEN);
    join(ahead);
    sc_layer_unpack_release(&ahead->unpack);
    if (ahead->name[0]) {
        sc_cleanup_fd layers = sc_store_open_layers(ahead->store, &ignored);

        if (layers >= 0)
            (void)!sc_tree_remove_at(layers, ahead->name, &ignored);
    }
    sc_follow_release(&ahead->follow);
    free(ahead);
}

void
sc_ahead_release(struct sc_ahead_list *list)
{
    while (list->first) {
        struct sc_ahead *ahead = list->first;

        list->first = ahead->next;
        ahead_free(ahead);
    }
}

static int
start(struct sc_ahead *ahead, int blob_fd, int64_t blob_size)
{
    struct sc_err err = SC_ERR_INIT;

    /* The writer's own fd may write: who unpacks must not. */
    ahead->blob_fd = sc_fd_reopen(-1, blob_fd, O_RDONLY);
    ahead->layers_fd = sc_store_open_layers(ahead->store, &err);
    if (ahead->blob_fd < 0 || ahead->layers_fd < 0)
        return -1;
    (void)snprintf(ahead->name, sizeof(ahead->name), "tmp-%d-%lld-ahead", (int)getpid(),
                   (long long)sc_time_monotonic());
    if (sc_stage_open(ahead->store, ahead->layers_fd, ahead->name, ahead->blob_fd, blob_size, &ahead->unpack, &err) < 0)
        return -1;
    ahead->is_running = pthread_create(&ahead->thread, NULL, work, ahead) == 0;
    return ahead->is_running ? 0 : -1;
}

/* Whether the first bytes of a member can be a layer's. */
static bool
is_layer(const void *data, size_t len)
{
    enum sc_compression compression = sc_compression_of(data, len);

    return compression == SC_COMPRESSION_GZIP || compression == SC_COMPRESSION_ZSTD ||
           (len >= 262 && memcmp((const char *)data + 257, "ustar", 5) == 0);
}

struct sc_ahead *
sc_ahead_start(const struct sc_store *store, int blob_fd, int64_t blob_size, const void *data, size_t len)
{
    struct sc_ahead *ahead;

    if (!store->ahead || !is_layer(data, len))
        return NULL;
    ahead = calloc(1, sizeof(*ahead));
    if (!ahead)
        return NULL;
    ahead->store = store;
    ahead->layers_fd = ahead->blob_fd = ahead->unpack.root_fd = ahead->unpack.cached_fd = -1;
    sc_follow_init(&ahead->follow);
    if (start(ahead, blob_fd, blob_size) < 0) {
        ahead_free(ahead);
        return NULL;
    }
    (void)pthread_mutex_lock(&store->ahead->mutex);
    ahead->next = store->ahead->first;
    store->ahead->first = ahead;
    (void)pthread_mutex_unlock(&store->ahead->mutex);
    return ahead;
}

void
sc_ahead_limit(struct sc_ahead_list *list, size_t max)
{
    size_t running = 0;

    for (struct sc_ahead *ahead = list->first; ahead; ahead = ahead->next)
        running += ahead->is_running;
    /* The newest come first: the last of these is the one that began first. */
    for (struct sc_ahead *ahead = list->first; ahead && running >= max; ahead = ahead->next) {
        if (ahead->is_running && --running < max)
            join(ahead);
    }
}

void
sc_ahead_wait(struct sc_ahead *ahead)
{
    if (ahead)
        join(ahead);
}

void
sc_ahead_wrote(struct sc_ahead *ahead, size_t len)
{
    if (ahead)
        sc_follow_tell(&ahead->follow, len, SC_FOLLOW_GROWS);
}

void
sc_ahead_end(struct sc_ahead *ahead)
{
    if (ahead)
        sc_follow_tell(&ahead->follow, 0, SC_FOLLOW_WHOLE);
}

void
sc_ahead_break(struct sc_ahead *ahead)
{
    if (ahead)
        sc_follow_tell(&ahead->follow, 0, SC_FOLLOW_BROKEN);
}

void
sc_ahead_name(struct sc_ahead *ahead, const char *digest)
{
    if (ahead)
        memcpy(ahead->digest, digest, sizeof(ahead->digest));
}

bool
sc_ahead_take(const struct sc_store *store, const char *digest, const char *diff_id, struct sc_arena *arena,
              char **name, struct sc_unpack *unpack)
{
    for (struct sc_ahead *ahead = store->ahead ? store->ahead->first : NULL; ahead; ahead = ahead->next) {
        if (!ahead->name[0] || strcmp(ahead->digest, digest) != 0)
            continue;
        join(ahead);
        if (ahead->err.kind != SC_ERR_NONE ||
            strcmp(ahead->is_compressed ? ahead->diff_id : ahead->digest, diff_id) != 0)
            continue;
        *name = sc_arena_strdup(arena, ahead->name);
        if (!*name)
            return false;
        *unpack = ahead->unpack;
        ahead->unpack = (struct sc_unpack){.root_fd = -1, .cached_fd = -1};
        ahead->name[0] = '\0';
        return true;
    }
    return false;
}
