/* What a worker that was taken over may say, and what comes of it: each jail here is one of the test's own, which lies.
 */
#include "store-fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "image/jail-priv.h"

#define LIE  "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define LONG ((size_t)5 << 20) /* more than a ring holds */

enum lie {
    TRUE_WORKERS, /* whatever comes is read and counted; what was read has the digest that is said */
    ANOTHERS_DIGEST,
    DONE_AT_ONCE,   /* "all is unpacked" before anything is read */
    INFLATER_FAILS, /* having written half */
    INFLATER_DIES,
    INFLATER_ASKS, /* it has nothing to ask */
    TRIES,         /* what its descriptors might be good for; it fails where they are */
};

static bool
receive(int sock, struct sc_jail_ask *ask, int fds[SC_JAIL_FD_COUNT])
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(SC_JAIL_FD_COUNT * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = ask, .iov_len = sizeof(*ask)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)};
    const struct cmsghdr *cmsg = NULL;

    if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) == (ssize_t)sizeof(*ask))
        cmsg = CMSG_FIRSTHDR(&msg);
    if (!cmsg)
        return false;
    memcpy(fds, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
    return true;
}

/* What an inflater of these tests makes of any input. */
static void
fill(char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(i * 7 + i / 4096);
}

static bool
pass(int ring_sock, const char *data, size_t len)
{
    struct sc_ring ring = SC_RING_INIT;
    struct sc_err err = SC_ERR_INIT;
    enum sc_ring_state state;
    char *slot;

    if (sc_ring_open(&ring, ring_sock, true, &err) < 0)
        return false;
    while (len > 0) {
        size_t part = len < SC_RING_SLOT ? len : SC_RING_SLOT;

        if (sc_ring_room(&ring, -1, &slot, &state, &err) < 0 || state != SC_RING_READY)
            return false;
        memcpy(slot, data, part);
        sc_ring_pass(&ring, part);
        data += part;
        len -= part;
    }
    return true;
}

static void
inflate(enum lie lie, int out_fd, struct sc_jail_word *word)
{
    char *data = malloc(LONG);

    if (!data)
        _exit(1);
    fill(data, LONG);
    if (!pass(out_fd, data, lie == INFLATER_FAILS ? LONG / 2 : LONG) || lie == INFLATER_DIES)
        _exit(1);
    if (lie == INFLATER_ASKS)
        word->say = SC_JAIL_LOWER;
    if (lie == INFLATER_FAILS) {
        word->has_failed = true;
        (void)sc_err_set(&word->err, SC_ERR_INVALID, "decompress: truncated gzip data");
    }
}

static void
unpack(enum lie lie, const struct sc_jail_ask *ask, int in_fd, struct sc_jail_word *word)
{
    const struct sc_peek *peek = &ask->peek;
    struct sc_stream *stream = NULL;
    sc_cleanup_hash hash = SC_HASH_INIT;
    struct sc_err err = SC_ERR_INIT;
    const void *chunk;
    char plain[65536];
    ssize_t got;

    if (sc_hash_start(&hash, &err) < 0 || sc_hash_add(&hash, peek->data, peek->len, &err) < 0)
        _exit(1);
    word->unpacked.file_bytes = peek->len;
    if (ask->reads_ring && sc_stream_start_ring(in_fd, &stream, &err) < 0)
        _exit(1);
    while (lie != DONE_AT_ONCE) {
        chunk = plain;
        got = stream ? sc_stream_lend(stream, &chunk, &err) : read(in_fd, plain, sizeof(plain));
        if (got <= 0)
            break;
        if (sc_hash_add(&hash, chunk, (size_t)got, &err) < 0)
            _exit(1);
        word->unpacked.file_bytes += (uint64_t)got;
    }
    if (sc_hash_end(&hash, word->unpacked.diff_id, &err) < 0)
        _exit(1);
    if (lie == ANOTHERS_DIGEST)
        memcpy(word->unpacked.diff_id, LIE, sizeof(LIE));
    word->unpacked.is_compressed = lie == ANOTHERS_DIGEST;
}

/* Its input is there to be read, and no device that it makes to be opened. */
static void
try_fds(const struct sc_jail_ask *ask, const int fds[SC_JAIL_FD_COUNT], struct sc_jail_word *word)
{
    if ((fcntl(fds[SC_JAIL_FD_IN], F_GETFL) & O_ACCMODE) != O_RDONLY)
        word->has_failed = sc_err_set(&word->err, SC_ERR_INTERNAL, "its input can be written to") < 0;
    else if (ask->work == SC_JAIL_TREE && mknodat(fds[SC_JAIL_FD_OUT], "null", S_IFCHR | 0600, makedev(1, 3)) == 0 &&
             (openat(fds[SC_JAIL_FD_OUT], "null", O_RDWR) >= 0 || errno != EACCES))
        word->has_failed = sc_err_set(&word->err, SC_ERR_INTERNAL, "a device can be opened") < 0;
}

_Noreturn static void
serve(enum lie lie, int sock)
{
    struct sc_jail_ask ask;
    int fds[SC_JAIL_FD_COUNT];

    (void)signal(SIGCHLD, SIG_IGN);
    while (receive(sock, &ask, fds)) {
        struct sc_jail_word word = {.say = SC_JAIL_RESULT};
        pid_t pid = fork();

        if (pid == 0) {
            if (lie == TRIES)
                try_fds(&ask, fds, &word);
            else if (ask.work == SC_JAIL_INFLATE)
                inflate(lie, fds[SC_JAIL_FD_OUT], &word);
            else
                unpack(lie, &ask, fds[SC_JAIL_FD_IN], &word);
            (void)!send(fds[SC_JAIL_FD_SOCK], &word, sizeof(word), MSG_NOSIGNAL);
            _exit(0);
        }
        for (size_t i = 0; i < SC_JAIL_FD_FOLLOW; i++)
            close(fds[i]);
    }
    _exit(0);
}

static struct sc_jail *
start(enum lie lie)
{
    struct sc_jail *jail = calloc(1, sizeof(*jail));
    int pair[2];

    assert_non_null(jail);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    jail->sock = pair[0];
    jail->pid = fork();
    assert_true(jail->pid >= 0);
    if (jail->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        serve(lie, pair[1]);
    }
    close(pair[1]);
    return jail;
}

/* A layer of which only the first bytes matter: they say how it is compressed. */
static int
blob(const char *text, size_t len)
{
    int fd = memfd_create("blob", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int
try_layer(enum lie lie, int blob_fd, struct sc_unpacked *out, struct sc_err *err)
{
    struct sc_unpack layer = {.root_fd = memfd_create("image", MFD_CLOEXEC), .cached_fd = -1};
    struct sc_jail *jail = start(lie);
    int status;

    assert_true(layer.root_fd >= 0);
    layer.limits = &sc_limits_default;
    assert_int_equal(sc_jailed_new(jail, true, &layer.jailed, err), 0);
    status = sc_layer_unpack_blob(&layer, blob_fd, NULL, true, out, err);
    sc_layer_unpack_release(&layer);
    sc_jail_stop(&jail);
    close(blob_fd);
    return status;
}

static void
digest_of_inflated(char digest[SC_DIGEST_LEN + 1])
{
    struct sc_err err = SC_ERR_INIT;
    char *data = malloc(LONG);

    assert_non_null(data);
    fill(data, LONG);
    assert_ok(sc_hash_text(data, LONG, digest, &err));
    free(data);
}

static int
gzip_blob(void)
{
    return blob("\x1f\x8b and nothing else", 19);
}

static int
plain_blob(void)
{
    return blob("plain", 5);
}

/* What is hashed is what is unpacked, to the last byte. */
static void
test_what_passes_is_hashed(void **state)
{
    char digest[SC_DIGEST_LEN + 1];
    struct sc_unpacked out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    digest_of_inflated(digest);
    assert_ok(try_layer(TRUE_WORKERS, gzip_blob(), &out, &err));
    assert_true(out.is_compressed);
    assert_int_equal(out.file_bytes, LONG);
    assert_string_equal(out.diff_id, digest);
}

static void
test_no_worker_says_the_digest(void **state)
{
    char digest[SC_DIGEST_LEN + 1];
    struct sc_unpacked out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    digest_of_inflated(digest);
    assert_ok(try_layer(ANOTHERS_DIGEST, gzip_blob(), &out, &err));
    assert_string_equal(out.diff_id, digest);
}

/* Nor whether there is another digest than the blob's own. */
static void
test_no_worker_says_what_is_compressed(void **state)
{
    struct sc_unpacked out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_ok(try_layer(ANOTHERS_DIGEST, plain_blob(), &out, &err));
    assert_false(out.is_compressed);
    assert_int_equal(out.file_bytes, 5);
}

/* It could go on as it likes with what it did not read. */
static void
test_who_is_done_early_has_no_digest(void **state)
{
    struct sc_unpacked out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_ok(try_layer(DONE_AT_ONCE, gzip_blob(), &out, &err));
    assert_true(out.is_compressed);
    assert_string_equal(out.diff_id, "");
}

static void
test_an_inflater_that_fails_ends_it(void **state)
{
    struct sc_unpacked out;
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_fails(try_layer(INFLATER_FAILS, gzip_blob(), &out, &err), SC_ERR_INVALID, "decompress: truncated gzip data");
    assert_fails(try_layer(INFLATER_DIES, gzip_blob(), &out, &err), SC_ERR_PEER_DIED,
                 "the process that unpacks it ended: killed, or out of memory");
    assert_fails(try_layer(INFLATER_ASKS, gzip_blob(), &out, &err), SC_ERR_PEER_DIED,
                 "the process that unpacks it ended: killed, or out of memory");
}

/* A commit wants the digest in the config; a plain layer's is the blob's, whatever the worker says it read. */
static void
test_a_plain_layer_is_what_its_blob_is(void **state)
{
    char path[] = "/tmp/sc-jailed.XXXXXX", digest[SC_DIGEST_LEN + 1], name[SC_BLOB_PATH_MAX], message[300];
    struct sc_unpack layer = {.root_fd = memfd_create("image", MFD_CLOEXEC), .cached_fd = -1};
    struct sc_jail *jail = start(ANOTHERS_DIGEST);
    struct sc_store store = {.jail = jail};
    struct sc_err err = SC_ERR_INIT;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(path));
    store.image_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(store.image_fd >= 0);
    assert_int_equal(mkdirat(store.image_fd, "blobs", 0700), 0);
    assert_int_equal(mkdirat(store.image_fd, "blobs/sha256", 0700), 0);
    assert_ok(sc_hash_text("plain", 5, digest, &err));
    sc_blob_path(digest, name);
    fd = openat(store.image_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "plain", 5), 5);
    close(fd);
    layer.limits = &sc_limits_default;
    assert_ok(sc_jailed_new(jail, true, &layer.jailed, &err));
    (void)snprintf(message, sizeof(message), "unpack layer %s: its content is %s, the image says " LIE, digest, digest);
    assert_fails(sc_layer_unpack_stream(&store, digest, LIE, &layer, &err), SC_ERR_INVALID, message);
    sc_layer_unpack_release(&layer);
    sc_jail_stop(&jail);
    assert_int_equal(unlinkat(store.image_fd, name, 0), 0);
    assert_int_equal(unlinkat(store.image_fd, "blobs/sha256", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(store.image_fd, "blobs", AT_REMOVEDIR), 0);
    close(store.image_fd);
    assert_int_equal(rmdir(path), 0);
}

/* A layer that is unpacked while its blob comes in, as a directory: whoever is talked into something by it has the blob
 * to read, and no device of the host's. */
static void
test_no_worker_reaches_more_than_its_layer(void **state)
{
    struct fixture *fixture = *state;
    struct sc_ahead_list list = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    struct sc_unpack layer = {.root_fd = -1, .cached_fd = -1};
    struct sc_jail *jail = start(TRIES);
    sc_cleanup_blob writer = NULL;
    struct sc_err err = SC_ERR_INIT;
    char digest[SC_DIGEST_LEN + 1], data[512] = "x", *name;
    struct sc_ahead *ahead;

    memcpy(data + 257, "ustar", 5);
    fixture->store.jail = jail;
    fixture->store.ahead = &list;
    assert_ok(sc_blob_create(&fixture->store, &writer, &err));
    assert_ok(sc_blob_write(writer, data, sizeof(data), &err));
    assert_ok(sc_hash_text(data, sizeof(data), digest, &err));
    ahead = sc_ahead_start(&fixture->store, sc_blob_fd(writer), sizeof(data), data, sizeof(data));
    assert_non_null(ahead);
    sc_ahead_wrote(ahead, sizeof(data));
    sc_ahead_end(ahead);
    sc_ahead_name(ahead, digest);
    assert_true(sc_ahead_take(&fixture->store, digest, digest, &fixture->arena, &name, &layer));
    sc_layer_unpack_release(&layer);
    sc_ahead_release(&list);
    fixture->store.jail = NULL;
    fixture->store.ahead = NULL;
    sc_jail_stop(&jail);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_no_worker_reaches_more_than_its_layer),
        cmocka_unit_test(test_what_passes_is_hashed),
        cmocka_unit_test(test_no_worker_says_the_digest),
        cmocka_unit_test(test_no_worker_says_what_is_compressed),
        cmocka_unit_test(test_who_is_done_early_has_no_digest),
        cmocka_unit_test(test_an_inflater_that_fails_ends_it),
        cmocka_unit_test(test_a_plain_layer_is_what_its_blob_is),
    };

    return RUN_TESTS(tests);
}
