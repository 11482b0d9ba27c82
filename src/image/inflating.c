/* Our side of a process that inflates: its output is a pipe, its last word whether the input was whole. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "image/jail-priv.h"

#define PIPE_ROOM (1 << 20) /* as much as whoever is not root may have */
#define PASS_MAX  ((size_t)256 << 10)

struct sc_inflating {
    int sock, from;
    bool is_over;
};

void
sc_inflating_free(struct sc_inflating *inflating)
{
    if (!inflating)
        return;
    sc_closep(&inflating->sock);
    sc_closep(&inflating->from);
    free(inflating);
}

void
sc_inflating_freep(struct sc_inflating **inflating)
{
    sc_inflating_free(*inflating);
    *inflating = NULL;
}

int
sc_inflating_pipe(int ends[2], struct sc_err *err)
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe to the process that unpacks");
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_ROOM); /* with less it is slower */
    return 0;
}

int
sc_inflating_start(struct sc_jail *jail, int fd, struct sc_follow *follow, const struct sc_limits *limits,
                   const struct sc_peek *peek, struct sc_inflating **out, struct sc_err *err)
{
    sc_cleanup_inflating inflating = calloc(1, sizeof(*inflating));
    struct sc_jail_ask ask = {.work = SC_JAIL_INFLATE, .has_follow = follow != NULL, .limits = *limits, .peek = *peek};
    sc_cleanup_fd theirs = -1;
    int ends[2], fds[SC_JAIL_FD_COUNT];

    if (!inflating)
        return sc_err_nomem(err);
    inflating->sock = inflating->from = -1;
    if (sc_inflating_pipe(ends, err) < 0)
        return -1;
    inflating->from = ends[0];
    theirs = ends[1];
    fds[SC_JAIL_FD_OUT] = theirs;
    fds[SC_JAIL_FD_IN] = fd;
    fds[SC_JAIL_FD_FOLLOW] = -1;
    if (follow) {
        fds[SC_JAIL_FD_FOLLOW] = follow->hear_fd;
        ask.heard = follow->heard;
        ask.heard_state = follow->heard_state;
    }
    /* It writes to a pipe only: the narrowest jail will do. */
    if (sc_jail_employ(jail->images ? jail->images : jail, &ask, fds, &inflating->sock, err) < 0)
        return -1;
    if (follow)
        sc_closep(&follow->hear_fd);
    *out = sc_steal_ptr(&inflating);
    return 0;
}

/* Nothing more comes: because there is no more, or because something was wrong? */
static int
end(struct sc_inflating *inflating, struct sc_err *err)
{
    struct sc_jail_word word;

    inflating->is_over = true;
    return sc_jail_hear(inflating->sock, NULL, &word, err);
}

ssize_t
sc_inflating_read(struct sc_inflating *inflating, void *data, size_t size, struct sc_err *err)
{
    ssize_t got;

    if (inflating->is_over)
        return 0;
    do
        got = read(inflating->from, data, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sc_err_errno(err, errno, "read from the process that unpacks");
    return got == 0 ? end(inflating, err) : got;
}

/* Takes as much from the pipe as was passed on, for the hash. */
static int
hash_passed(struct sc_inflating *inflating, char *chunk, size_t len, struct sc_hash *hash, struct sc_err *err)
{
    while (len > 0) {
        ssize_t got = read(inflating->from, chunk, len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sc_err_errno(err, got < 0 ? errno : EIO, "read from the process that unpacks");
        if (sc_hash_add(hash, chunk, (size_t)got, err) < 0)
            return -1;
        len -= (size_t)got;
    }
    return 0;
}

/* Waits until fd can be used, or sock has something to be heard (1). */
static int
await(int fd, short events, int sock, struct sc_err *err)
{
    struct pollfd fds[] = {{.fd = fd, .events = events}, {.fd = sock, .events = POLLIN}};

    while (poll(fds, SC_ARRAY_LEN(fds), -1) < 0) {
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for the process that unpacks");
    }
    return fds[1].revents != 0;
}

static int
pass(struct sc_inflating *inflating, int to_fd, int sock, char *chunk, struct sc_hash *hash, bool *is_whole,
     struct sc_err *err)
{
    for (;;) {
        int is_heard = await(inflating->from, POLLIN, sock, err);
        ssize_t len;

        if (is_heard != 0)
            return is_heard < 0 ? -1 : 0;
        len = tee(inflating->from, to_fd, PASS_MAX, SPLICE_F_NONBLOCK);
        if (len == 0) {
            *is_whole = true;
            return end(inflating, err);
        }
        if (len > 0) {
            if (hash_passed(inflating, chunk, (size_t)len, hash, err) < 0)
                return -1;
        } else if (errno == EAGAIN) {
            is_heard = await(to_fd, POLLOUT, sock, err);
            if (is_heard != 0)
                return is_heard < 0 ? -1 : 0;
        } else if (errno != EINTR) {
            return sc_err_errno(err, errno, "pass on what was inflated");
        }
    }
}

int
sc_inflating_pass(struct sc_inflating *inflating, int to_fd, int sock, struct sc_hash *hash, bool *is_whole,
                  struct sc_err *err)
{
    char *chunk = malloc(PASS_MAX);
    int status;

    *is_whole = false;
    if (!chunk)
        return sc_err_nomem(err);
    status = pass(inflating, to_fd, sock, chunk, hash, is_whole, err);
    free(chunk);
    return status;
}
