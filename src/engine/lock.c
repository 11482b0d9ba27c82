/* Who may change a container now: an flock(2) that dies with its holder. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define RETRY_MS 2

static int
lock_once(const struct sc_engine *engine, const char *id, struct sc_err *err)
{
    char path[sizeof("container//lock") + SC_ID_LEN];
    struct sc_err first = SC_ERR_INIT;
    int fd;

    (void)snprintf(path, sizeof(path), "container/%s", id);
    if (mkdirat(engine->run_fd, path, 0700) < 0 && errno != EEXIST)
        return sc_err_errno(err, errno, "make run directory \"%s/%s\"", engine->run_path, path);
    (void)snprintf(path, sizeof(path), "container/%s/lock", id);
    fd = sc_lock_at(engine->run_fd, path, SC_LOCK_EXCLUSIVE, false, &first);
    if (fd >= 0)
        return fd;
    /* The directory was removed between mkdir and open: by its last holder, who is gone now. */
    if (first.errnum == ENOENT)
        return sc_err_set(err, SC_ERR_BUSY, "the container is being removed");
    *err = first;
    return -1;
}

int
sc_engine_lock(const struct sc_engine *engine, const char *id, int wait_ms, struct sc_err *err)
{
    int64_t until = sc_time_monotonic() + (int64_t)wait_ms * 1000000;

    if (!sc_engine_is_id(id))
        return sc_err_set(err, SC_ERR_INTERNAL, "\"%s\" is not a container id", id);
    for (;;) {
        struct sc_err try = SC_ERR_INIT;
        int fd = lock_once(engine, id, &try);

        if (fd >= 0)
            return fd;
        if (try.kind != SC_ERR_BUSY || sc_time_monotonic() >= until) {
            *err = try;
            return -1;
        }
        (void)poll(NULL, 0, RETRY_MS);
    }
}

bool
sc_engine_is_locked(const struct sc_engine *engine, const char *id)
{
    char path[sizeof("container//lock") + SC_ID_LEN];
    sc_cleanup_fd fd = -1;

    (void)snprintf(path, sizeof(path), "container/%s/lock", id);
    fd = openat(engine->run_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}
