/* The other side of the walls: the jail, which makes workers, and a worker, which unpacks one layer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/jail-priv.h"
#include "kernel/jail.h"

static int
say(int sock, const struct sc_jail_word *word)
{
    return send(sock, word, sizeof(*word), MSG_NOSIGNAL) == (ssize_t)sizeof(*word) ? 0 : -1;
}

/* Asks our parent what a directory has in the layers below, which it alone can see. */
static struct sc_layer_attrs
ask_lower(void *data, const char *dir)
{
    const int sock = *(const int *)data;
    struct sc_jail_word word = {.say = SC_JAIL_LOWER};
    struct sc_layer_attrs attrs;

    if (strlen(dir) >= sizeof(word.path))
        _exit(1);
    memcpy(word.path, dir, strlen(dir) + 1);
    if (say(sock, &word) < 0 || recv(sock, &attrs, sizeof(attrs), 0) != (ssize_t)sizeof(attrs))
        _exit(1);
    return attrs;
}

static struct sc_follow
follow_of(const struct sc_jail_ask *ask, const int fds[SC_JAIL_FD_COUNT])
{
    return (struct sc_follow){
        .tell_fd = -1, .hear_fd = fds[SC_JAIL_FD_FOLLOW], .heard = ask->heard, .heard_state = ask->heard_state};
}

static int
unpack_ask(const struct sc_jail_ask *ask, int fds[SC_JAIL_FD_COUNT], struct sc_unpack *unpack, struct sc_unpacked *out,
           struct sc_err *err)
{
    const bool is_erofs = ask->work == SC_JAIL_EROFS;
    struct sc_follow follow = follow_of(ask, fds);
    sc_cleanup_stream stream = NULL;
    int status;

    if ((is_erofs ? sc_layer_unpack_init_erofs(unpack, fds[SC_JAIL_FD_OUT], ask->is_index, &ask->limits, err)
                  : sc_layer_unpack_init(unpack, fds[SC_JAIL_FD_OUT], &ask->limits, err)) < 0)
        return -1;
    unpack->is_root = ask->is_root;
    unpack->makes_plain = ask->makes_plain;
    unpack->can_make_devices = ask->can_make_devices;
    if (ask->is_index) {
        if (sc_layer_index(fds[SC_JAIL_FD_IN], ask->has_follow ? &follow : NULL, unpack, err) < 0)
            return -1;
        out->file_bytes = unpack->file_bytes;
        return 0;
    }
    status = ask->reads_ring ? sc_stream_start_ring(fds[SC_JAIL_FD_IN], &stream, err)
                             : sc_stream_start(fds[SC_JAIL_FD_IN], ask->has_follow ? &follow : NULL, &ask->limits,
                                               &ask->peek, &stream, err);
    if (status < 0 ||
        sc_layer_unpack_from(sc_steal_ptr(&stream), unpack, ask->hashes_plain ? out->diff_id : NULL, err) < 0)
        return -1;
    out->file_bytes = unpack->file_bytes;
    return 0;
}

static int
inflate_ask(const struct sc_jail_ask *ask, int fds[SC_JAIL_FD_COUNT], struct sc_err *err)
{
    struct sc_follow follow = follow_of(ask, fds);
    sc_cleanup_ring ring = SC_RING_INIT;
    sc_cleanup_stream stream = NULL;
    ssize_t got = 1;

    if (sc_ring_open(&ring, fds[SC_JAIL_FD_OUT], true, err) < 0 ||
        sc_stream_start(fds[SC_JAIL_FD_IN], ask->has_follow ? &follow : NULL, &ask->limits, &ask->peek, &stream, err) <
            0)
        return -1;
    while (got > 0) {
        enum sc_ring_state state;
        size_t len = 0;
        char *slot;

        if (sc_ring_room(&ring, -1, &slot, &state, err) < 0)
            return -1;
        if (state == SC_RING_GONE) /* nobody wants more */
            return sc_err_set(err, SC_ERR_PEER_DIED, "pass on what was inflated: nobody reads it");
        while (len < SC_RING_SLOT && (got = sc_stream_read(stream, slot + len, SC_RING_SLOT - len, err)) > 0)
            len += (size_t)got;
        if (len > 0)
            sc_ring_pass(&ring, len);
    }
    return got < 0 ? -1 : 0;
}

_Noreturn static void
work(const struct sc_jail_ask *ask, int fds[SC_JAIL_FD_COUNT])
{
    struct sc_unpack unpack = {.root_fd = -1, .cached_fd = -1};
    struct sc_jail_word word = {.say = SC_JAIL_RESULT};
    struct sc_jail_finish finish;
    int sock = fds[SC_JAIL_FD_SOCK];

    (void)prctl(PR_SET_NAME, "sc-unpack");
    (void)signal(SIGCHLD, SIG_DFL);
    if (sc_jail_narrow(ask->work == SC_JAIL_TREE ? fds[SC_JAIL_FD_OUT] : -1, &word.err) < 0) {
        word.has_failed = true;
        (void)say(sock, &word);
        _exit(0);
    }
    if (ask->work == SC_JAIL_INFLATE) {
        (void)prctl(PR_SET_NAME, "sc-inflate");
        word.has_failed = inflate_ask(ask, fds, &word.err) < 0;
        (void)say(sock, &word);
        _exit(0); /* and the end of the ring */
    }
    word.has_failed = unpack_ask(ask, fds, &unpack, &word.unpacked, &word.err) < 0;
    if (say(sock, &word) < 0 || word.has_failed || recv(sock, &finish, sizeof(finish), 0) != (ssize_t)sizeof(finish))
        _exit(0);
    finish.diff_id[SC_DIGEST_LEN] = '\0';
    unpack.lower_fn = ask_lower;
    unpack.lower_data = &sock;
    word.has_failed = sc_layer_unpack_finish(&unpack, finish.diff_id, &word.err) < 0;
    (void)say(sock, &word);
    _exit(0);
}

static bool
receive(int sock, struct sc_jail_ask *ask, int fds[SC_JAIL_FD_COUNT])
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(SC_JAIL_FD_COUNT * sizeof(int))];
    } control = {.space = {0}};
    struct iovec iov = {.iov_base = ask, .iov_len = sizeof(*ask)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    const struct cmsghdr *cmsg;
    ssize_t len;

    for (size_t i = 0; i < SC_JAIL_FD_COUNT; i++)
        fds[i] = -1;
    do
        len = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    cmsg = len == (ssize_t)sizeof(*ask) ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(fds, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
    return true;
}

void
sc_jail_serve(int sock, bool has_tree)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    struct sc_jail_ask ask;
    struct sc_err err = SC_ERR_INIT;
    int fds[SC_JAIL_FD_COUNT];
    char ready = 'y';

    (void)prctl(PR_SET_NAME, "sc-jail");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < SC_ARRAY_LEN(ending); i++) /* what our parent does about them is not for us */
        (void)signal(ending[i], SIG_DFL);
    (void)signal(SIGCHLD, SIG_IGN); /* workers are reaped by themselves */
    if (sock != 3 && (dup3(sock, 3, O_CLOEXEC) < 0))
        _exit(1);
    sock = 3;
    if (close_range(4, ~0U, 0) < 0 || close_range(0, 2, 0) < 0)
        _exit(1);
    if (sc_jail_enter(has_tree ? SC_JAIL_HAS_TREE : 0, has_tree ? SC_JAIL_TREE_CAPS : 0, &err) < 0) {
        (void)send(sock, &err, sizeof(err), MSG_NOSIGNAL);
        _exit(1);
    }
    if (send(sock, &ready, 1, MSG_NOSIGNAL) != 1)
        _exit(1);
    while (receive(sock, &ask, fds)) {
        pid_t pid = fork();

        if (pid == 0) {
            close(sock);
            work(&ask, fds);
        }
        for (size_t i = 0; i < SC_JAIL_FD_COUNT; i++)
            sc_closep(&fds[i]); /* where there is no worker, this is how the asker knows */
    }
    _exit(0);
}
