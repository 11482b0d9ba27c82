/* ADD of http and https addresses: each is fetched once, by a process of its own, into a file of the step's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/transfer-build-priv.h"

#define CHUNK      ((size_t)128 << 10)
#define REMOTE_MAX ((int64_t)64 << 30) /* bytes of one address: a server may send without end */

struct fetch {
    struct sc_job *job;
    struct sc_build_remote *remote;
};

/* libcurl has threads, and the rest of the step shall have none. */
static int
fetch_there(void *data, int to, struct sc_err *err)
{
    const struct fetch *fetch = data;
    int64_t modified = 0;

    if (sc_url_download_to(&fetch->job->store, fetch->remote->url, fetch->remote->fd, REMOTE_MAX, &modified, err) < 0)
        return -1;
    return sc_io_write_all(to, &modified, sizeof(modified), err);
}

static int
hash_of(int fd, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_free char *chunk = malloc(CHUNK);
    sc_cleanup_hash hash = SC_HASH_INIT;
    off_t at = 0;

    if (!chunk)
        return sc_err_nomem(err);
    if (sc_hash_start(&hash, err) < 0)
        return -1;
    for (;;) {
        const ssize_t got = pread(fd, chunk, CHUNK, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read what was fetched");
        if (got == 0)
            return sc_hash_end(&hash, digest, err);
        if (sc_hash_add(&hash, chunk, (size_t)got, err) < 0)
            return -1;
        at += got;
    }
}

static int
fetch_one(struct sc_job *job, struct sc_build_remote *remote, int tmp_fd, const char *checksum, struct sc_err *err)
{
    struct fetch fetch = {.job = job, .remote = remote};
    sc_cleanup_buf said = SC_BUF_INIT;

    remote->fd = openat(tmp_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (remote->fd < 0)
        return sc_err_errno(err, errno, "make a temporary file");
    if (sc_job_apart(job, fetch_there, &fetch, &said, err) < 0)
        return -1;
    if (said.len != sizeof(remote->modified))
        return sc_err_set(err, SC_ERR_PEER_DIED, "the process that fetches said nothing");
    memcpy(&remote->modified, said.data, said.len);
    if (hash_of(remote->fd, remote->digest, err) < 0)
        return -1;
    if (!checksum || strcmp(remote->digest, checksum) == 0)
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "\"%.300s\" is not what --checksum says: it is %s", remote->url,
                      remote->digest);
}

int
sc_build_remotes_read(const json_t *urls, const char *checksum, struct sc_arena *arena, struct sc_build_copy *copy,
                      struct sc_err *err)
{
    copy->remotes = SC_ARENA_ARRAY(arena, struct sc_build_remote, json_array_size(urls) + 1);
    if (!copy->remotes)
        return sc_err_nomem(err);
    for (size_t i = 0; i < json_array_size(urls); i++) {
        const char *url = json_string_value(json_array_get(urls, i));
        struct sc_build_remote *remote = &copy->remotes[copy->remote_count];
        char *name;

        if (!url)
            continue;
        name = sc_url_file_name(url, arena);
        *remote = (struct sc_build_remote){
            .url = sc_arena_strdup(arena, url), .name = name ? name : sc_arena_strdup(arena, ""), .fd = -1};
        if (checksum && strlen(checksum) == SC_DIGEST_LEN)
            memcpy(remote->digest, checksum, SC_DIGEST_LEN + 1);
        copy->remote_count++;
    }
    return sc_arena_check(arena, err);
}

int
sc_build_remotes_fetch(struct sc_job *job, const struct sc_build_copy *copy, const char *checksum, struct sc_err *err)
{
    for (size_t i = 0; i < copy->remote_count; i++) {
        if (copy->remotes[i].fd < 0 && fetch_one(job, &copy->remotes[i], copy->tmp_fd, checksum, err) < 0)
            return -1;
    }
    return 0;
}

void
sc_build_remotes_release(struct sc_build_copy *copy)
{
    for (size_t i = 0; i < copy->remote_count; i++)
        sc_closep(&copy->remotes[i].fd);
}
