/*
 * base: what every folder stands on; it knows nothing of containers.
 *
 *   struct sc_err    the one way an error travels: filled once where it happens,
 *                    wrapped on the way up, printed once by cli/ or monitor/
 *   sc_cleanup_*     resources that release themselves; every one accepts its
 *                    empty value, can run twice and keeps errno
 *   struct sc_arena  memory of one job (a config, a plan, a record), freed at once
 *   struct sc_buf    a growing byte string
 *   sc_parse_*       text to numbers, Docker's spellings of sizes and durations
 *   sc_file_*        whole-file reading and crash-safe replacement, by directory fd
 *   sc_json_*        typed reading of a jansson tree, with the path in each error
 *   sc_msg_*         SEQPACKET messages with fds riding along
 *
 * Invariants: nothing here prints, exits or keeps global state. A function that
 * returns int returns 0 (or a documented non-negative value) or -1 with *err
 * filled; *err is untouched on success. Everything must also build
 * with musl, for all programs but sc-transfer.
 */
#ifndef SC_BASE_H
#define SC_BASE_H

#include <signal.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define SC_MUST_CHECK        __attribute__((warn_unused_result))
#define SC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SC_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

/* For impossible states, never for input: says where and aborts. */
#define SC_BUG(why) sc_bug(__FILE__, __LINE__, why)
_Noreturn void sc_bug(const char *file, int line, const char *why);

/* ---- errors (err.c) ------------------------------------------------------- */

enum sc_err_kind {
    SC_ERR_NONE,
    SC_ERR_INVALID,     /* the caller's input */
    SC_ERR_NOT_FOUND,   /* an object that was named does not exist */
    SC_ERR_EXISTS,      /* a name is taken */
    SC_ERR_BUSY,        /* the object's state forbids it now */
    SC_ERR_DENIED,      /* privilege is missing */
    SC_ERR_UNSUPPORTED, /* this host or build cannot do it */
    SC_ERR_KERNEL,      /* a system call failed for another reason */
    SC_ERR_PEER_DIED,   /* the other end of a protocol is gone */
    SC_ERR_INTERNAL,    /* a defect of sc */
};

/* Plain data: it crosses a process boundary whole. Init with SC_ERR_INIT. */
struct sc_err {
    enum sc_err_kind kind;
    int errnum;       /* errno, or 0 */
    int exit_code;    /* 0: derive from kind (125); 126/127 where Docker says so */
    char msg[1024];   /* lower case, no full stop: `doing what: to what: why` */
    char remedy[512]; /* what to do about it, or "" */
};
#define SC_ERR_INIT                                                                                                    \
    {                                                                                                                  \
        .kind = SC_ERR_NONE                                                                                            \
    }

/* Each returns -1, so that a failure reads `return sc_err_set(...)`. A long message is cut. */
int sc_err_set(struct sc_err *err, enum sc_err_kind kind, const char *fmt, ...) SC_PRINTF(3, 4);
/* Appends ": " and the words for errnum, the first letter made small; the kind follows from errnum (ENOENT is
 * NOT_FOUND, EEXIST is EXISTS, EBUSY is BUSY, EPERM and EACCES are DENIED, ENOSYS and EOPNOTSUPP are UNSUPPORTED, else
 * KERNEL). */
int sc_err_errno(struct sc_err *err, int errnum, const char *fmt, ...) SC_PRINTF(3, 4);
/* glibc's words for it, whatever library is linked; not to be kept (errno-text.c) */
const char *sc_errno_text(int errnum);
/* Puts "what: " before the message. */
int sc_err_wrap(struct sc_err *err, const char *fmt, ...) SC_PRINTF(2, 3);
int sc_err_remedy(struct sc_err *err, const char *fmt, ...) SC_PRINTF(2, 3);
int sc_err_nomem(struct sc_err *err);
/* After a call of inotify(7) that failed with errnum, whose limits share their errnos with others. */
int sc_err_watch_remedy(struct sc_err *err, int errnum);
void sc_err_clear(struct sc_err *err);
const char *sc_err_kind_name(enum sc_err_kind kind);
/* err-report.c: tells who set SC_ERROR_FD; line: what is printed behind "sc: ", with its newline */
void sc_err_report(const struct sc_err *err, const char *line);
/* Does what we execute get the descriptor too? At first it does. */
void sc_err_report_keep(bool over_execve);

/* ---- cleanup (cleanup.c) ---------------------------------------------------- */

void sc_closep(int *fd);
void sc_freep(void *ptr_to_ptr);
void sc_closedirp(void *ptr_to_dir);
#define sc_cleanup_fd   __attribute__((cleanup(sc_closep))) int      /* init with -1 */
#define sc_cleanup_free __attribute__((cleanup(sc_freep)))           /* any T *, init with NULL */
#define sc_cleanup_dir  __attribute__((cleanup(sc_closedirp))) DIR * /* init with NULL */

static inline int
sc_steal_fd(int *fd)
{
    int value = *fd;
    *fd = -1;
    return value;
}

static inline void *
sc_steal_ptr_impl(void *ptr_to_ptr)
{
    void **where = ptr_to_ptr;
    void *value = *where;
    *where = NULL;
    return value;
}
#define sc_steal_ptr(pp) ((__typeof__(*(pp)))sc_steal_ptr_impl(pp))

/* ---- arena (arena.c) ---------------------------------------------------------- */

/* Memory for one job. Allocation is zeroed; failure is sticky as with ferror(3): it returns
 * NULL and sets has_failed, so a decoder may check once at its end what it has not used. */
struct sc_arena {
    struct sc_arena_block *blocks;
    bool has_failed;
};
#define SC_ARENA_INIT                                                                                                  \
    {                                                                                                                  \
        .blocks = NULL                                                                                                 \
    }
void sc_arena_release(struct sc_arena *arena);
#define sc_cleanup_arena __attribute__((cleanup(sc_arena_release))) struct sc_arena

void *sc_arena_alloc(struct sc_arena *arena, size_t size);
/* count * size, checked for overflow */
void *sc_arena_array(struct sc_arena *arena, size_t count, size_t size);
/* A list of count items that takes one more: items itself while capacity allows, else a copy with twice the room (at
 * first: with room for `first`). NULL without memory, and nothing has changed. */
SC_MUST_CHECK void *sc_arena_grow(struct sc_arena *arena, void *items, size_t count, size_t *capacity, size_t size,
                                  size_t first);
#define SC_ARENA_NEW(arena, type)          ((type *)sc_arena_alloc((arena), sizeof(type)))
#define SC_ARENA_ARRAY(arena, type, count) ((type *)sc_arena_array((arena), (count), sizeof(type)))
char *sc_arena_strdup(struct sc_arena *arena, const char *text); /* NULL stays NULL */
char *sc_arena_strndup(struct sc_arena *arena, const char *text, size_t len);
char *sc_arena_printf(struct sc_arena *arena, const char *fmt, ...) SC_PRINTF(2, 3);
/* 0, or -1 with err filled where any allocation of this arena has failed */
SC_MUST_CHECK int sc_arena_check(const struct sc_arena *arena, struct sc_err *err);

/* A counted list of strings; items[count] is NULL, so items can be handed to execve(2). */
struct sc_strv {
    char **items;
    size_t count;
    size_t capacity;
};
/* Appends a copy, in the arena. Failure shows in the arena only. */
void sc_strv_add(struct sc_strv *list, struct sc_arena *arena, const char *text);
void sc_strv_addf(struct sc_strv *list, struct sc_arena *arena, const char *fmt, ...) SC_PRINTF(3, 4);
/* Index of the entry "KEY=..." or -1; key without '='. */
ssize_t sc_strv_find_key(const struct sc_strv *list, const char *key);
/* Replaces the entry "KEY=..." or appends it; entry is "KEY=VALUE". */
void sc_strv_set_env(struct sc_strv *list, struct sc_arena *arena, const char *entry);

/* ---- growing byte string (buf.c) ------------------------------------------------- */

/* data is always NUL-terminated once anything was added; failure is sticky like the arena's. */
struct sc_buf {
    char *data;
    size_t len;
    size_t capacity;
    bool has_failed;
};
#define SC_BUF_INIT                                                                                                    \
    {                                                                                                                  \
        .data = NULL                                                                                                   \
    }
void sc_buf_release(struct sc_buf *buf);
#define sc_cleanup_buf __attribute__((cleanup(sc_buf_release))) struct sc_buf
void sc_buf_clear(struct sc_buf *buf); /* length to 0, memory kept */
void sc_buf_add(struct sc_buf *buf, const void *data, size_t len);
void sc_buf_adds(struct sc_buf *buf, const char *text);
void sc_buf_addc(struct sc_buf *buf, char c);
void sc_buf_add_newline(struct sc_buf *buf, size_t indent); /* "\n" and indent spaces */
void sc_buf_addf(struct sc_buf *buf, const char *fmt, ...) SC_PRINTF(2, 3);
void sc_buf_vaddf(struct sc_buf *buf, const char *fmt, va_list args) SC_PRINTF(2, 0);
void sc_buf_add_json(struct sc_buf *buf, const char *text,
                     size_t len); /* quoted and escaped (RFC 8259); invalid UTF-8 becomes U+FFFD */
void sc_buf_add_utf8(struct sc_buf *buf, const char *text, size_t len); /* what is not UTF-8 becomes U+FFFD */
/* For a terminal: control characters, also those past ASCII, and what is not UTF-8 as \xNN. Names that others chose
 * (processes, files, cgroups, images) must stay text. */
void sc_buf_add_visible(struct sc_buf *buf, const char *text);
void sc_buf_add_shell(struct sc_buf *buf, const char *text); /* quoted for sh(1) where needed */
const char *sc_buf_str(const struct sc_buf *buf);            /* "" when nothing was added */
SC_MUST_CHECK int sc_buf_check(const struct sc_buf *buf, struct sc_err *err);

/* ---- digests of short texts (sha256.c) ------------------------------------------------------ */
#define SC_SHA256_HEX_LEN 64
void sc_sha256_hex(const void *data, size_t len, char hex[SC_SHA256_HEX_LEN + 1]);

/* ---- text to values (parse.c): each names the offending text in err ---------------- */

#define SC_NUM_MAX 24 /* room for any 64-bit number as text */
SC_MUST_CHECK int sc_parse_i64(const char *text, int64_t *out, struct sc_err *err);
SC_MUST_CHECK int sc_parse_u64(const char *text, uint64_t *out, struct sc_err *err);
SC_MUST_CHECK int sc_parse_u32(const char *text, uint32_t *out, struct sc_err *err);
/* "256m", "1.5g", "64kb", "1073741824": bytes; binary multiples, as docker/go-units RAMInBytes */
SC_MUST_CHECK int sc_parse_size(const char *text, int64_t *bytes, struct sc_err *err);
/* "300ms", "1.5h", "10s", "1m30s": nanoseconds, as Go's time.ParseDuration: of bare numbers only "0" */
#define SC_DURATION_MAX 40
/* "1m30s" "1.5s" "200ms", as Go; of a millisecond at least */
void sc_duration_format(int64_t nsec, char out[SC_DURATION_MAX]);
SC_MUST_CHECK int sc_parse_duration(const char *text, int64_t *nsec, struct sc_err *err);
/* ".5", "1.25": billionths, at most nine decimals, as Docker's --cpus */
SC_MUST_CHECK int sc_parse_decimal_nano(const char *text, int64_t *nano, struct sc_err *err);
SC_MUST_CHECK int sc_parse_bool(const char *text, bool *out, struct sc_err *err); /* Go's strconv.ParseBool */
/* "0-3,7": checks the grammar of cpuset(7) lists */
SC_MUST_CHECK int sc_parse_cpu_list(const char *text, struct sc_err *err);
/* RFC 3339 with nanoseconds to and from CLOCK_REALTIME nanoseconds since 1970 */
#define SC_TIME_MAX 40
void sc_time_format(int64_t nsec, char out[SC_TIME_MAX]); /* "2026-11-23T09:10:47.123456789Z" */
SC_MUST_CHECK int sc_time_parse(const char *text, int64_t *nsec, struct sc_err *err);
int64_t sc_time_now(void);       /* CLOCK_REALTIME, ns */
int64_t sc_time_monotonic(void); /* CLOCK_MONOTONIC, ns */
int sc_hex_digit(char c);        /* 0 to 15; -1: it is none */
bool sc_str_starts(const char *text, const char *prefix);
bool sc_str_ends(const char *text, const char *suffix);
bool sc_str_eq(const char *a, const char *b); /* both may be NULL */
/* Signal names as kill(1) writes them: "TERM", "SIGTERM", "15", "RTMIN+3" */
SC_MUST_CHECK int sc_signal_parse(const char *text, int *signum, struct sc_err *err);
const char *sc_signal_name(int signum); /* "SIGTERM", or NULL */

/* ---- files (file.c); paths given to these are the engine's own, never a container's ---- */

int sc_fd_cloexec(int fd, bool on);
SC_MUST_CHECK int sc_io_write_all(int fd, const void *data, size_t len, struct sc_err *err);
/* For who writes a large file front to back and syncs it at its end: has the disk begin with what is there, a good
 * piece at a time, and waits for nothing. written: bytes so far; *begun: 0 at first, then ours. What goes wrong, the
 * sync says. */
void sc_io_write_behind(int fd, int64_t written, int64_t *begun);
/* The whole of a file of at most max bytes into buf (appended); larger is an error. */
SC_MUST_CHECK int sc_file_read_fd(int fd, size_t max, struct sc_buf *buf, struct sc_err *err);
SC_MUST_CHECK int sc_file_read_at(int dirfd, const char *path, size_t max, struct sc_buf *buf, struct sc_err *err);
/* One write(2) of text into an existing file: for /proc, /sys and cgroup files. */
SC_MUST_CHECK int sc_file_write_at(int dirfd, const char *path, const char *text, struct sc_err *err);
/* After a power loss: whatever there is; the old or the new, whole (fsync of the file); the new (and of its directory)
 */
enum sc_durability { SC_VOLATILE, SC_WHOLE, SC_DURABLE };
/* Replaces path by write to a temporary name, (fsync,) rename. A reader sees old or new, never half. */
SC_MUST_CHECK int sc_file_replace_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                                     enum sc_durability durability, struct sc_err *err);
/* mkdir -p below dirfd; existing directories are fine */
SC_MUST_CHECK int sc_dir_make_at(int dirfd, const char *path, mode_t mode, struct sc_err *err);
/* Opens (O_DIRECTORY|O_CLOEXEC|O_NOFOLLOW); returns the fd or -1 */
SC_MUST_CHECK int sc_dir_open_at(int dirfd, const char *path, struct sc_err *err);
/* Cuts "DIR/NAME" into DIR ("." when there is none) and what is returned, NAME, inside path; NULL: it has no name. */
const char *sc_path_split(const char *path, char dir[PATH_MAX]);
/* Has it no entries? What cannot be read is not empty. */
bool sc_dir_is_empty(int dir_fd);
/* rm -rf of name below dirfd without following links or crossing mounts; absent is success. */
SC_MUST_CHECK int sc_tree_remove_at(int dirfd, const char *name, struct sc_err *err);
/* Bytes of disk that the tree at name takes, as du(1) counts; what cannot be read counts nothing. */
int64_t sc_tree_size_at(int dirfd, const char *name);
/* Closes first to last: one close_range(2), or before Linux 5.9 what procfs lists (proc_fd, or -1: /proc). 0 or -errno.
 * [child]: may run between clone and exec. */
int sc_fds_close(int proc_fd, unsigned first, unsigned last);
/* Closes all from first but those in keep, which is sorted by this and may hold some twice, and -1. Not for [child]. */
void sc_fds_close_but(unsigned first, int *keep, size_t count);
/* flock(2) that dies with its holder. Opens or creates path, locks it exclusive or shared.
 * With wait false, a held lock is SC_ERR_BUSY. Returns the fd that holds the lock. */
enum sc_lock_mode { SC_LOCK_SHARED, SC_LOCK_EXCLUSIVE };
SC_MUST_CHECK int sc_lock_at(int dirfd, const char *path, enum sc_lock_mode mode, bool wait, struct sc_err *err);
/* 64 hexadecimal digits from getrandom(2), as Docker's ids; out[64] is NUL */
#define SC_ID_LEN 64
SC_MUST_CHECK int sc_id_random(char out[SC_ID_LEN + 1], struct sc_err *err);

/* ---- messages over SOCK_SEQPACKET (msg.c) ------------------------------------------- */

#define SC_MSG_FDS_MAX 32
/* Sends one packet with count fds (borrowed). EPIPE is SC_ERR_PEER_DIED. Never raises SIGPIPE. */
SC_MUST_CHECK int sc_msg_send(int sock, const void *data, size_t len, const int *fds, size_t count, struct sc_err *err);
/* Receives one packet: returns its length, 0 at end of file, or -1. fds arrive close-on-exec; *count
 * holds the room on entry and the number received on return (fds and count may both be NULL: then any
 * fd that arrives is closed). A truncated packet is an error. */
SC_MUST_CHECK ssize_t sc_msg_recv(int sock, void *data, size_t size, int *fds, size_t *count, struct sc_err *err);

/* ---- signals by the kernel's numbers (signals.c) ---------------------------------------- */

#define SC_SIGNAL_MAX    64
#define SC_SIGNAL_RT_MIN 34         /* as programs linked with glibc count */
void sc_sigset_fill(sigset_t *set); /* every number; sigfillset(3) leaves some out */
void sc_sigset_add(sigset_t *set, int signum);
/* Every signal to its default action, none blocked. [child]: for a program that must not notice what we ignore. */
void sc_signals_reset(void);

/* ---- child programs (spawn.c) --------------------------------------------------------- */

/* Runs argv (argv[0] is a path) with stdin, stdout, stderr being the given fds (-1: /dev/null) and every
 * other descriptor closed; waits; returns the wait status in *status. */
SC_MUST_CHECK int sc_spawn_wait(const char *const argv[], const char *const envp[], int in, int out, int err_fd,
                                int *status, struct sc_err *err);
/* The same, but what has not ended after so many seconds (0: no limit) is killed, and SC_ERR_BUSY. */
SC_MUST_CHECK int sc_spawn_wait_for(const char *const argv[], const char *const envp[], int in, int out, int err_fd,
                                    int seconds, int *status, struct sc_err *err);

#endif
