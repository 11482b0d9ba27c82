/* What is done to the cgroups of a running or dying container. musl-clean: only base. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"
#include "kernel/kernel.h"

#define KILL_WAIT_NSEC   INT64_C(10000000000)
#define FREEZE_WAIT_NSEC INT64_C(2000000000)
#define DELAY_MOST       INT64_C(5000000)
#define KILL_BATCH       64 /* pidfds open at once */

void
sc_cgroup_back_off(int64_t *delay, int64_t most)
{
    struct timespec time = {.tv_sec = *delay / 1000000000, .tv_nsec = *delay % 1000000000};

    (void)nanosleep(&time, NULL);
    *delay = *delay * 2 < most ? *delay * 2 : most;
}

ssize_t
sc_cgroup_read_small(int dirfd, const char *file, char *out, size_t size)
{
    sc_cleanup_fd fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got;

    if (fd < 0)
        return -1;
    do
        got = read(fd, out, size - 1);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -1;
    while (got > 0 && out[got - 1] == '\n')
        got--;
    out[got] = '\0';
    return got;
}

/* The number behind "key " at the start of a line of text. */
static bool
find_key(const char *text, const char *key, uint64_t *value)
{
    size_t len = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            *value = strtoull(line + len + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

int
sc_cgroup_read_key(int dirfd, const char *file, const char *key, uint64_t *value)
{
    char text[8192];

    if (sc_cgroup_read_small(dirfd, file, text, sizeof(text)) < 0)
        return -1;
    if (find_key(text, key, value))
        return 0;
    errno = ENOENT;
    return -1;
}

/* One write without an error to explain: 0, or -1 with errno. */
static int
write_quiet(int dirfd, const char *file, const char *text)
{
    sc_cleanup_fd fd = openat(dirfd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && write(fd, text, strlen(text)) >= 0 ? 0 : -1;
}

/* ---- pids -------------------------------------------------------------------- */

struct collect {
    struct sc_arena *arena;
    struct sc_pid_list *out;
    size_t capacity;
};

static int
collect_add(struct collect *to, pid_t pid, struct sc_err *err)
{
    pid_t *items = sc_arena_grow(to->arena, to->out->items, to->out->count, &to->capacity, sizeof(*items), 32);

    if (!items)
        return sc_err_nomem(err);
    to->out->items = items;
    to->out->items[to->out->count++] = pid;
    return 0;
}

static int
collect_one(int dirfd, void *data, struct sc_err *err)
{
    struct collect *to = data;
    sc_cleanup_fd fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char chunk[4096];
    pid_t pid = 0;
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT || errno == ENODEV ? 0 : sc_err_errno(err, errno, "open \"cgroup.procs\"");
    while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        /* ENODEV: removed meanwhile. EOPNOTSUPP: a threaded cgroup, whose processes are listed above it. */
        if (got < 0)
            return errno == ENODEV || errno == EOPNOTSUPP ? 0 : sc_err_errno(err, errno, "read \"cgroup.procs\"");
        for (ssize_t i = 0; i < got; i++) {
            if (chunk[i] >= '0' && chunk[i] <= '9') {
                pid = pid * 10 + (chunk[i] - '0');
                continue;
            }
            /* 0 is a process of a pid namespace that we cannot see. */
            if (pid > 0 && collect_add(to, pid, err) < 0)
                return -1;
            pid = 0;
        }
    }
    return 0;
}

int
sc_cgroup_collect(int fd, bool is_deep, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err)
{
    struct collect to = {.arena = arena, .out = out};
    const struct sc_cgroup_visitor visitor = {.enter = collect_one, .data = &to};

    out->items = NULL;
    out->count = 0;
    return is_deep ? sc_cgroup_walk(fd, &visitor, err) : collect_one(fd, &to, err);
}

int
sc_cgroup_pids(const char *dir, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    if (sc_cgroup_collect(fd, true, arena, out, err) < 0)
        return sc_err_wrap(err, "list processes of cgroup \"%s\"", dir);
    return 0;
}

struct emptiness {
    bool is_empty;
};

static int
check_one(int dirfd, void *data, struct sc_err *err)
{
    struct emptiness *state = data;
    char text[32];
    ssize_t got;

    (void)err;
    if (!state->is_empty)
        return 0;
    got = sc_cgroup_read_small(dirfd, "cgroup.procs", text, sizeof(text));
    if (got > 0)
        state->is_empty = false;
    return 0;
}

int
sc_cgroup_is_empty(int fd, bool *is_empty, struct sc_err *err)
{
    struct emptiness state = {.is_empty = true};
    const struct sc_cgroup_visitor visitor = {.enter = check_one, .data = &state};
    uint64_t populated;

    /* v2 keeps count of the whole tree; v1 is asked directory by directory. */
    if (sc_cgroup_read_key(fd, "cgroup.events", "populated", &populated) == 0) {
        *is_empty = populated == 0;
        return 0;
    }
    if (sc_cgroup_walk(fd, &visitor, err) < 0)
        return -1;
    *is_empty = state.is_empty;
    return 0;
}

/* ---- freezing ------------------------------------------------------------------ */

/* Waits until `key` of v2's cgroup.events is value: the file raises POLLPRI at each change. */
static bool
wait_event(int fd, const char *key, uint64_t value, int64_t nsec)
{
    sc_cleanup_fd events = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    int64_t deadline = sc_time_monotonic() + nsec;
    char text[256];

    for (;;) {
        struct pollfd ready = {.fd = events, .events = POLLPRI};
        int64_t left = deadline - sc_time_monotonic();
        /* Reading the polled descriptor arms it for the next change. */
        ssize_t got = events < 0 ? -1 : pread(events, text, sizeof(text) - 1, 0);
        uint64_t now = 0;

        if (got < 0)
            return value == 0; /* a cgroup that is gone holds nobody and is not frozen */
        text[got] = '\0';
        if (!find_key(text, key, &now))
            return false;
        if (now == value)
            return true;
        if (left <= 0)
            return false;
        (void)poll(&ready, 1, (int)(left / 1000000) + 1);
    }
}

/* v1's freezer.state passes through FREEZING; a task that forks at the wrong moment holds it there until the state is
 * written again. */
static bool
freeze_v1(int fd, int64_t nsec)
{
    int64_t deadline = sc_time_monotonic() + nsec, delay = SC_CGROUP_DELAY_FIRST;
    char state[32];

    for (;;) {
        if (write_quiet(fd, "freezer.state", "FROZEN") < 0 ||
            sc_cgroup_read_small(fd, "freezer.state", state, sizeof(state)) < 0)
            return false;
        if (strcmp(state, "FROZEN") == 0)
            return true;
        if (sc_time_monotonic() >= deadline)
            return false;
        sc_cgroup_back_off(&delay, DELAY_MOST);
    }
}

int
sc_cgroup_freeze(const char *dir, bool is_v2, bool frozen, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const char *file = is_v2 ? "cgroup.freeze" : "freezer.state";
    const char *thaw = is_v2 ? "0" : "THAWED";
    bool is_done;

    if (fd < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    if (faccessat(fd, file, F_OK, 0) < 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "freeze cgroup \"%s\": it has no \"%s\"", dir, file);
        return sc_err_remedy(err, "%s",
                             is_v2 ? "Linux 5.2 is the first that freezes cgroup v2"
                                   : "mount the freezer hierarchy: mount -t cgroup -o freezer cgroup "
                                     "/sys/fs/cgroup/freezer");
    }
    if (!frozen)
        return write_quiet(fd, file, thaw) < 0 ? sc_err_errno(err, errno, "thaw cgroup \"%s\"", dir) : 0;
    if (is_v2) {
        if (write_quiet(fd, file, "1") < 0)
            return sc_err_errno(err, errno, "freeze cgroup \"%s\"", dir);
        is_done = wait_event(fd, "frozen", 1, FREEZE_WAIT_NSEC);
    } else {
        is_done = freeze_v1(fd, FREEZE_WAIT_NSEC);
    }
    if (is_done)
        return 0;
    (void)write_quiet(fd, file, thaw);
    sc_err_set(err, SC_ERR_BUSY, "freeze cgroup \"%s\": some of its processes do not stop", dir);
    return sc_err_remedy(err, "one in state D of ps waits for a device or a network file system; it was left running");
}

/* ---- killing ------------------------------------------------------------------- */

static bool
list_has(const struct sc_pid_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i] == pid)
            return true;
    }
    return false;
}

/* Signals a batch of pids of a cgroup that is not frozen. A pid read a moment ago may be another process's by now, on
 * the host's side: it is pinned by a pidfd first and signalled only if the cgroup still lists it. */
static int
signal_batch(int fd, int signum, const pid_t *pids, size_t count, struct sc_arena *arena, struct sc_err *err)
{
    int pidfds[KILL_BATCH];
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_pid_list now;
    int result;

    for (size_t i = 0; i < count; i++)
        pidfds[i] = sc_pidfd_open(pids[i], 0, &ignored);
    result = sc_cgroup_collect(fd, true, arena, &now, err);
    for (size_t i = 0; i < count; i++) {
        if (result == 0 && pidfds[i] >= 0 && list_has(&now, pids[i]))
            (void)!sc_pidfd_kill(pidfds[i], signum, &ignored);
        sc_closep(&pidfds[i]);
    }
    return result;
}

static int
signal_all(int fd, int signum, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids;

    if (sc_cgroup_collect(fd, true, &arena, &pids, err) < 0)
        return -1;
    for (size_t i = 0; i < pids.count; i += KILL_BATCH) {
        size_t count = pids.count - i < KILL_BATCH ? pids.count - i : KILL_BATCH;

        if (signal_batch(fd, signum, pids.items + i, count, &arena, err) < 0)
            return -1;
    }
    return 0;
}

/* One round: freeze so that nobody forks past the signal, signal, thaw so that they can die of it. */
static int
kill_round(int fd, struct sc_err *err)
{
    bool is_v1 = faccessat(fd, "freezer.state", F_OK, 0) == 0;
    bool is_v2 = !is_v1 && faccessat(fd, "cgroup.freeze", F_OK, 0) == 0;
    int result;

    if (is_v1)
        (void)freeze_v1(fd, DELAY_MOST * 10);
    if (is_v2 && write_quiet(fd, "cgroup.freeze", "1") == 0)
        (void)wait_event(fd, "frozen", 1, DELAY_MOST * 10);
    result = signal_all(fd, SIGKILL, err);
    if (is_v1)
        (void)write_quiet(fd, "freezer.state", "THAWED");
    if (is_v2)
        (void)write_quiet(fd, "cgroup.freeze", "0");
    return result;
}

int
sc_cgroup_signal(const char *dir, int signum, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    return signal_all(fd, signum, err) < 0 ? sc_err_wrap(err, "signal the processes of cgroup \"%s\"", dir) : 0;
}

static int
kill_stuck(const char *dir, int fd, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids;

    if (sc_cgroup_collect(fd, true, &arena, &pids, err) < 0)
        return -1;
    sc_err_set(err, SC_ERR_BUSY, "kill the processes of cgroup \"%s\": %zu do not end, the first is %" PRIdMAX, dir,
               pids.count, pids.count ? (intmax_t)pids.items[0] : 0);
    return sc_err_remedy(err, "one in state D of ps waits for a device or a network file system");
}

/* A cgroup of v1, or of v2 before Linux 5.14: rounds until nobody is left. */
static int
kill_by_rounds(const char *dir, int fd, struct sc_err *err)
{
    int64_t deadline = sc_time_monotonic() + KILL_WAIT_NSEC, delay;
    bool is_empty = false;

    while (!is_empty) {
        if (kill_round(fd, err) < 0)
            return sc_err_wrap(err, "kill the processes of cgroup \"%s\"", dir);
        delay = SC_CGROUP_DELAY_FIRST;
        /* The dead leave one by one; nearly always the first round was enough. */
        for (int i = 0; i < 10 && !is_empty; i++) {
            sc_cgroup_back_off(&delay, DELAY_MOST);
            if (sc_cgroup_is_empty(fd, &is_empty, err) < 0)
                return sc_err_wrap(err, "kill the processes of cgroup \"%s\"", dir);
        }
        if (!is_empty && sc_time_monotonic() >= deadline)
            return kill_stuck(dir, fd, err);
    }
    return 0;
}

int
sc_cgroup_kill(const char *dir, struct sc_err *err)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool is_empty;

    if (fd < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    if (sc_cgroup_is_empty(fd, &is_empty, err) < 0)
        return sc_err_wrap(err, "kill the processes of cgroup \"%s\"", dir);
    if (is_empty)
        return 0;
    if (sc_cgroup_is_mount_root(fd))
        return sc_err_set(err, SC_ERR_INVALID, "kill the processes of cgroup \"%s\": it is the root of a hierarchy",
                          dir);
    if (write_quiet(fd, "cgroup.kill", "1") == 0)
        return wait_event(fd, "populated", 0, KILL_WAIT_NSEC) ? 0 : kill_stuck(dir, fd, err);
    return kill_by_rounds(dir, fd, err);
}

int
sc_cgroup_oom_kills(const char *memory_dir, bool is_v2, uint64_t *count, struct sc_err *err)
{
    const char *file = is_v2 ? "memory.events" : "memory.oom_control";
    sc_cleanup_fd fd = openat(AT_FDCWD, memory_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", memory_dir);
    *count = 0;
    if (sc_cgroup_read_key(fd, file, "oom_kill", count) == 0)
        return 0;
    if (faccessat(fd, file, F_OK, 0) == 0)
        return 0; /* before Linux 4.13 nobody counted */
    return sc_err_errno(err, errno, "open \"%s\" of cgroup \"%s\"", file, memory_dir);
}
