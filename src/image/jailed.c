/* Our side of the walls: a jail is started once, and asked for each layer. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/jail-priv.h"
#include "kernel/kernel.h"

struct sc_jailed {
    struct sc_jail *jail;
    bool is_erofs;
    int sock; /* to the worker, -1: not asked yet */
};

void
sc_jail_stop(struct sc_jail **jail)
{
    if (!*jail)
        return;
    sc_jail_stop(&(*jail)->images);
    sc_closep(&(*jail)->sock);
    while (waitpid((*jail)->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    sc_freep(jail);
}

/* The jail says that it is one, or why not. */
static int
await(int sock, struct sc_err *err)
{
    union {
        char ready;
        struct sc_err err;
    } said;
    ssize_t len;

    do
        len = recv(sock, &said, sizeof(said), 0);
    while (len < 0 && errno == EINTR);
    if (len == 1)
        return 0;
    if (len == (ssize_t)sizeof(said.err)) {
        *err = said.err;
        return -1;
    }
    return sc_err_set(err, SC_ERR_PEER_DIED, "start the process that unpacks: it ended at once");
}

static int
start_one(bool has_tree, struct sc_jail **out, struct sc_err *err)
{
    struct sc_jail *jail;
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return sc_err_errno(err, errno, "start the process that unpacks");
    jail = calloc(1, sizeof(*jail));
    pid = jail ? fork() : -1;
    if (pid == 0) {
        close(pair[0]);
        sc_jail_serve(pair[1], has_tree);
    }
    close(pair[1]);
    if (pid < 0) {
        sc_err_errno(err, errno, "start the process that unpacks");
        close(pair[0]);
        free(jail);
        return -1;
    }
    *jail = (struct sc_jail){.sock = pair[0], .pid = pid};
    if (await(jail->sock, err) < 0) {
        sc_jail_stop(&jail);
        return -1;
    }
    *out = jail;
    return 0;
}

void
sc_jail_prepare(void)
{
    char uids[2 * SC_NUM_MAX + 8], gids[2 * SC_NUM_MAX + 8];
    struct sc_err ignored = SC_ERR_INIT;

    if (!sc_process_is_in_user_ns()) {
        if (geteuid() == 0)
            return;
        (void)snprintf(uids, sizeof(uids), "%u %u 1", geteuid(), geteuid());
        (void)snprintf(gids, sizeof(gids), "%u %u 1", getegid(), getegid());
        if (sc_idmap_enter(uids, gids, SC_IDMAP_OWN_ID, &ignored) < 0)
            return;
    }
    (void)unshare(CLONE_NEWNS); /* lint: our own */
}

int
sc_jail_start(struct sc_store *store, struct sc_err *err)
{
    struct sc_jail *jail = NULL;

    /* Unasked, small layers are directories beside images (stage.c): each kind has the narrowest jail that will do. */
    if (start_one(store->backend == SC_LAYER_DIRECTORY || !store->is_backend_asked, &jail, err) < 0)
        return -1;
    if (store->backend == SC_LAYER_EROFS && !store->is_backend_asked && start_one(false, &jail->images, err) < 0) {
        sc_jail_stop(&jail);
        return -1;
    }
    store->jail = jail;
    return 0;
}

int
sc_jailed_new(struct sc_jail *jail, bool is_erofs, struct sc_jailed **out, struct sc_err *err)
{
    struct sc_jailed *jailed = calloc(1, sizeof(*jailed));

    if (!jailed)
        return sc_err_nomem(err);
    *jailed =
        (struct sc_jailed){.jail = is_erofs && jail->images ? jail->images : jail, .is_erofs = is_erofs, .sock = -1};
    *out = jailed;
    return 0;
}

void
sc_jailed_free(struct sc_jailed *jailed)
{
    if (!jailed)
        return;
    sc_closep(&jailed->sock);
    free(jailed);
}

static int
send_ask(int sock, const struct sc_jail_ask *ask, const int *fds, size_t count, struct sc_err *err)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(SC_JAIL_FD_COUNT * sizeof(int))];
    } control = {.space = {0}};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)ask, .iov_len = sizeof(*ask)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
    if (sendmsg(sock, &msg, MSG_NOSIGNAL) != (ssize_t)sizeof(*ask))
        return sc_err_errno(err, errno, "ask the process that unpacks");
    return 0;
}

int
sc_jail_employ(struct sc_jail *jail, const struct sc_jail_ask *ask, int fds[], int *sock, struct sc_err *err)
{
    sc_cleanup_fd theirs = -1;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return sc_err_errno(err, errno, "ask the process that unpacks");
    *sock = pair[0];
    fds[SC_JAIL_FD_SOCK] = theirs = pair[1];
    return send_ask(jail->sock, ask, fds, ask->has_follow ? SC_JAIL_FD_COUNT : SC_JAIL_FD_COUNT - 1, err);
}

/* The worker's word: its last, or a question, which is answered. */
int
sc_jail_hear(int sock, struct sc_unpack *unpack, struct sc_jail_word *word, struct sc_err *err)
{
    for (;;) {
        ssize_t len = recv(sock, word, sizeof(*word), 0);
        struct sc_layer_attrs attrs;

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno != ECONNRESET)
            return sc_err_errno(err, errno, "hear of the process that unpacks");
        if (len != (ssize_t)sizeof(*word) || (word->say != SC_JAIL_RESULT && !unpack))
            return sc_err_set(err, SC_ERR_PEER_DIED, "the process that unpacks it ended: killed, or out of memory");
        word->path[sizeof(word->path) - 1] = '\0';
        if (word->say == SC_JAIL_RESULT)
            break;
        attrs = sc_layer_lower_attrs(unpack, word->path);
        if (send(sock, &attrs, sizeof(attrs), MSG_NOSIGNAL) < 0)
            return sc_err_errno(err, errno, "answer the process that unpacks");
    }
    if (!word->has_failed)
        return 0;
    /* Its strings are a stranger's by now, perhaps. */
    *err = word->err;
    err->msg[sizeof(err->msg) - 1] = err->remedy[sizeof(err->remedy) - 1] = '\0';
    return -1;
}

/* Starts the worker that unpacks what it reads from ask's input. */
static int
employ(struct sc_unpack *unpack, const struct sc_jail_ask *ask, int in_fd, struct sc_follow *follow, struct sc_err *err)
{
    struct sc_jailed *jailed = unpack->jailed;
    sc_cleanup_fd tree = -1;
    int fds[SC_JAIL_FD_COUNT];

    /* A detached mount of the directory: from it, no ".." leads anywhere, and no device that a layer brings can be
     * opened there. Who may not mount is shut in by less. */
    if (!jailed->is_erofs)
        tree = sc_mount_tree_open(unpack->root_fd, "", false);
    if (tree >= 0)
        (void)!sc_mount_setattr(tree, false, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0);
    fds[SC_JAIL_FD_OUT] = tree >= 0 ? tree : unpack->root_fd;
    fds[SC_JAIL_FD_IN] = in_fd;
    fds[SC_JAIL_FD_FOLLOW] = follow ? follow->hear_fd : -1;
    if (sc_jail_employ(jailed->jail, ask, fds, &jailed->sock, err) < 0)
        return -1;
    if (follow)
        sc_closep(&follow->hear_fd);
    return 0;
}

/* One worker inflates, another unpacks, and what passes from one to the other is hashed. */
static int
unpack_compressed(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, struct sc_jail_ask *ask,
                  char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_inflating inflating = NULL;
    sc_cleanup_ring to = SC_RING_INIT;
    sc_cleanup_fd theirs = -1;
    sc_cleanup_hash hash = SC_HASH_INIT;
    bool is_whole = false;

    if (sc_inflating_start(unpack->jailed->jail, blob_fd, follow, unpack->limits, &ask->peek, &inflating, err) < 0 ||
        sc_ring_make(&to, true, &theirs, err) < 0)
        return -1;
    ask->peek = (struct sc_peek){.compression = SC_COMPRESSION_NONE};
    ask->has_follow = ask->hashes_plain = false;
    ask->reads_ring = true;
    if (employ(unpack, ask, theirs, NULL, err) < 0 || sc_hash_start(&hash, err) < 0)
        return -1;
    sc_closep(&theirs); /* the worker's end is then the last one */
    if (sc_inflating_pass(inflating, &to, unpack->jailed->sock, &hash, &is_whole, err) < 0)
        return -1;
    /* Otherwise the worker has failed, and says so; had it succeeded before the end, the digest would be of something
     * else. */
    return is_whole ? sc_hash_end(&hash, digest, err) : 0;
}

int
sc_jailed_unpack(struct sc_unpack *unpack, int blob_fd, struct sc_follow *follow, bool hashes_plain,
                 struct sc_unpacked *out, struct sc_err *err)
{
    struct sc_jailed *jailed = unpack->jailed;
    struct sc_jail_ask ask = {.work = jailed->is_erofs ? SC_JAIL_EROFS : SC_JAIL_TREE,
                              .has_follow = follow != NULL,
                              .hashes_plain = hashes_plain,
                              .is_index = unpack->is_index,
                              .is_root = unpack->is_root,
                              .makes_plain = unpack->makes_plain,
                              .can_make_devices = unpack->can_make_devices,
                              .limits = *unpack->limits};
    char digest[SC_DIGEST_LEN + 1] = "";
    struct sc_jail_word word;
    bool is_compressed;

    if (sc_stream_peek(blob_fd, follow, &ask.peek, err) < 0)
        return -1;
    is_compressed = ask.peek.compression != SC_COMPRESSION_NONE;
    if (follow) {
        ask.heard = follow->heard;
        ask.heard_state = follow->heard_state;
    }
    if ((is_compressed ? unpack_compressed(unpack, blob_fd, follow, &ask, digest, err)
                       : employ(unpack, &ask, blob_fd, follow, err)) < 0 ||
        sc_jail_hear(jailed->sock, unpack, &word, err) < 0)
        return -1;
    *out = (struct sc_unpacked){.is_compressed = is_compressed, .file_bytes = word.unpacked.file_bytes};
    memcpy(out->diff_id, is_compressed ? digest : word.unpacked.diff_id, SC_DIGEST_LEN);
    unpack->file_bytes = out->file_bytes;
    return 0;
}

int
sc_jailed_finish(struct sc_unpack *unpack, const char *diff_id, struct sc_err *err)
{
    struct sc_jail_finish finish = {.diff_id = ""};
    struct sc_jail_word word;

    memcpy(finish.diff_id, diff_id, SC_DIGEST_LEN);
    if (send(unpack->jailed->sock, &finish, sizeof(finish), MSG_NOSIGNAL) < 0)
        return sc_err_set(err, SC_ERR_PEER_DIED, "the process that unpacks it ended: killed, or out of memory");
    return sc_jail_hear(unpack->jailed->sock, unpack, &word, err);
}
