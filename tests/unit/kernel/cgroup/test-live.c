/* Real cgroups, named sc-test-PID, in every hierarchy of this host; they are gone afterwards. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup-test.h"

static struct sc_arena host_arena;
static struct sc_cgroup_layout host;

static const char *
own_path(struct sc_arena *arena, const char *below)
{
    return sc_arena_printf(arena, "/sc-test-%d%s", (int)getpid(), below);
}

static const char *
own_dir(struct sc_arena *arena, size_t hierarchy, const char *below)
{
    return sc_arena_printf(arena, "%s/sc-test-%d%s", host.items[hierarchy].mount_point, (int)getpid(), below);
}

/* An fd of the cgroup `below` our own in a hierarchy, made new. */
static int
create(size_t hierarchy, const char *below)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err;
    bool was_created = false;
    int fd = -1;

    assert_ok(fd = sc_cgroup_create(&host, (int)hierarchy, own_path(&arena, below), NULL, false, &was_created, &err));
    assert_true(was_created);
    if (host.items[hierarchy].is_v2)
        return fd;
    /* a v1 cpuset takes no task before it is filled */
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0};
    static const struct sc_oci_resources none;

    assert_ok(sc_cgroup_translate(&host, &none, true, &arena, &writes, &need, &err));
    assert_ok(sc_cgroup_apply(fd, (int)hierarchy, &writes, &err));
    return fd;
}

static void
remove_own(size_t hierarchy)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err;

    assert_ok(sc_cgroup_remove(own_dir(&arena, hierarchy, ""), &err));
    assert_int_equal(access(own_dir(&arena, hierarchy, ""), F_OK), -1);
    assert_ok(sc_cgroup_remove(own_dir(&arena, hierarchy, ""), &err)); /* twice is as good as once */
}

static void
join(int fd)
{
    struct sc_err err;

    if (sc_cgroup_write_file(fd, "cgroup.procs", "0", &err) < 0)
        _exit(99);
}

/* A process in the cgroup that waits to be killed; returns once it is in it. */
static pid_t
start_sleeper(int fd)
{
    int ends[2];
    pid_t pid;
    char byte;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        join(fd);
        (void)close(ends[0]);
        if (write(ends[1], "x", 1) != 1)
            _exit(98);
        for (;;)
            (void)pause();
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void
assert_killed(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- tests ---------------------------------------------------------------------- */

static void
test_detect(void **state)
{
    (void)state;
    assert_int_not_equal(host.mode, SC_CGROUP_ABSENT);
    for (size_t i = 0; i < host.count; i++) {
        char file[256];

        (void)snprintf(file, sizeof(file), "%s/cgroup.procs", host.items[i].mount_point);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(sc_cgroup_find(&host, host.items[i].controllers.count ? host.items[i].controllers.items[0]
                                                                               : "name=nothing"),
                         host.items[i].controllers.count ? (int)i : -1);
    }
    if (sc_cgroup_find(&host, "cpuset") >= 0)
        assert_true(host.cpuset_cpus && host.cpuset_cpus[0] && host.cpuset_mems && host.cpuset_mems[0]);
}

/* It waits for the process for a while, and then says who it is. */
static void
assert_busy(size_t hierarchy, pid_t pid)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err;

    assert_fails(sc_cgroup_remove(own_dir(&arena, hierarchy, ""), &err), SC_ERR_BUSY,
                 sc_arena_printf(&arena,
                                 "remove cgroup \"%s\": it holds 1 processes, the first is %d: device or resource busy",
                                 own_dir(&arena, hierarchy, ""), (int)pid));
}

static void
test_create(void **state)
{
    (void)state;
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_fd fd = create(i, "/parent/leaf"), again = -1;
        pid_t pid = start_sleeper(fd);
        struct sc_pid_list pids;
        struct sc_err err;
        bool was_created = true;

        /* it holds a process */
        assert_fails(sc_cgroup_create(&host, (int)i, own_path(&arena, "/parent/leaf"), NULL, false, &was_created, &err),
                     SC_ERR_BUSY,
                     sc_arena_printf(
                         &arena,
                         "create cgroup \"%s\": container's cgroup is not empty: it holds 1 processes, the first is %d",
                         own_dir(&arena, i, "/parent/leaf"), (int)pid));
        assert_ok(
            again = sc_cgroup_create(&host, (int)i, own_path(&arena, "/parent/leaf"), NULL, true, &was_created, &err));
        assert_false(was_created);
        assert_ok(sc_cgroup_pids(own_dir(&arena, i, ""), &arena, &pids, &err));
        assert_int_equal(pids.count, 1);
        assert_int_equal(pids.items[0], pid);
        if (i == 0 || host.items[i].is_v2)
            assert_busy(i, pid);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_killed(pid);
        /* one that is left over and empty is taken */
        sc_closep(&again);
        assert_ok(
            again = sc_cgroup_create(&host, (int)i, own_path(&arena, "/parent/leaf"), NULL, false, &was_created, &err));
        assert_false(was_created);
        sc_closep(&again);
        assert_ok(again = sc_cgroup_open(host.items[i].mount_point, own_path(&arena, "/parent/leaf"), &err));
        remove_own(i);
    }
}

static void
test_open_absent(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_pid_list pids;
    uint64_t count;
    struct sc_err err;

    (void)state;
    assert_int_equal(sc_cgroup_open(host.items[0].mount_point, "/sc-test-none", &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    assert_int_equal(sc_cgroup_pids("/sys/fs/cgroup/sc-test-none", &arena, &pids, &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    assert_int_equal(sc_cgroup_oom_kills("/sys/fs/cgroup/sc-test-none", true, &count, &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    assert_ok(sc_cgroup_kill("/sys/fs/cgroup/sc-test-none", &err));
}

/* An empty cpuset above, as left by mkdir(1), is filled on the way. */
static void
test_cpuset_parent(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    int found = sc_cgroup_find(&host, "cpuset");
    sc_cleanup_fd fd = -1;
    pid_t pid;

    (void)state;
    if (found < 0 || host.items[found].is_v2)
        return; /* v2 has no such rule */
    assert_int_equal(mkdir(own_dir(&arena, (size_t)found, ""), 0755), 0);
    fd = create((size_t)found, "/leaf");
    pid = start_sleeper(fd);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_killed(pid);
    remove_own((size_t)found);
}

/* A parent with fewer CPUs: what is inherited shrinks, what is asked is refused. */
static void
test_cpuset_narrow(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    int found = sc_cgroup_find(&host, "cpuset");
    sc_cleanup_fd parent = -1, leaf = -1;
    char text[64];
    bool was_created;
    struct sc_err err;

    (void)state;
    if (found < 0 || host.items[found].is_v2 || strcmp(host.cpuset_cpus, "0") == 0)
        return; /* v2 has no such rule, and one CPU cannot be fewer */
    parent = create((size_t)found, "");
    assert_ok(sc_cgroup_write_file(parent, "cpuset.cpus", "0", &err));
    assert_ok(leaf = sc_cgroup_create(&host, found, own_path(&arena, "/leaf"), NULL, false, &was_created, &err));
    assert_fails(sc_cgroup_write_file(leaf, "cpuset.cpus", host.cpuset_cpus, &err), SC_ERR_INVALID,
                 sc_arena_printf(&arena,
                                 "write \"%s\" to \"cpuset.cpus\": the cgroup above has fewer, or this process may "
                                 "not write it",
                                 host.cpuset_cpus));
    assert_ok(sc_cgroup_write_optional(leaf, "cpuset.cpus", host.cpuset_cpus, &err));
    assert_true(sc_cgroup_read_small(leaf, "cpuset.cpus", text, sizeof(text)) > 0);
    assert_string_equal(text, "0");
    remove_own((size_t)found);
}

static void
test_limits(void **state)
{
    static const struct sc_oci_resources ask = {.memory = {.limit = I64(64 * MIB)},
                                                .cpu = {.quota = I64(50000), .period = U64(100000), .shares = U64(512)},
                                                .pids_limit = I64(64)};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0};
    struct sc_err err;

    (void)state;
    assert_ok(sc_cgroup_translate(&host, &ask, true, &arena, &writes, &need, &err));
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_fd fd = -1;
        bool was_created;

        assert_ok(fd = sc_cgroup_create(&host, (int)i, own_path(&arena, "/x"), &need, false, &was_created, &err));
        assert_ok(sc_cgroup_apply(fd, (int)i, &writes, &err));
        for (size_t j = 0; j < writes.count; j++) {
            char text[64];

            if (writes.items[j].hierarchy != (int)i)
                continue;
            assert_true(sc_cgroup_read_small(fd, writes.items[j].file, text, sizeof(text)) > 0);
            assert_string_equal(text, writes.items[j].value);
        }
    }
    for (size_t i = 0; i < host.count; i++)
        remove_own(i);
}

/* Every live change between two settings, in both directions: the kernel must accept the order of the writes. */
static void
test_update(void **state)
{
    static const struct sc_oci_resources small = {
        .memory = {.limit = I64(16 * MIB), .swap = I64(16 * MIB)},
        .cpu = {.quota = I64(2000), .period = U64(10000), .burst = U64(1000), .shares = U64(2)}};
    static const struct sc_oci_resources large = {
        .memory = {.limit = I64(64 * MIB), .swap = I64(128 * MIB)},
        .cpu = {.quota = I64(500000), .period = U64(1000000), .burst = U64(400000), .shares = U64(4096)}};
    static const struct sc_oci_resources none = {.memory = {.limit = I64(-1)},
                                                 .cpu = {.quota = I64(-1), .burst = U64(0)}};
    static const struct sc_oci_resources *const steps[] = {&small, &large, &small, &none,
                                                           &large, &none,  &small, &small};
    static const char *const controllers[] = {"memory", "cpu"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(controllers); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        int found = sc_cgroup_find(&host, controllers[i]);
        struct sc_cgroup_writes writes;
        struct sc_strv need = {.count = 0};
        sc_cleanup_fd fd = -1;
        struct sc_err err;
        bool was_created;

        if (!host.has_swap_accounting && i == 0)
            continue;
        assert_true(found >= 0);
        for (size_t j = 0; j < SC_ARRAY_LEN(steps); j++) {
            assert_ok(sc_cgroup_translate(&host, steps[j], j == 0, &arena, &writes, &need, &err));
            if (j == 0)
                assert_ok(fd = sc_cgroup_create(&host, found, own_path(&arena, ""), &need, false, &was_created, &err));
            assert_ok(sc_cgroup_apply(fd, found, &writes, &err));
        }
        remove_own((size_t)found);
    }
}

static void
test_write_errors(void **state)
{
    int found = sc_cgroup_find(&host, "pids");
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd fd = -1;
    static const struct sc_oci_resources ask = {.pids_limit = I64(5)};
    struct sc_strv need = {.count = 0};
    struct sc_cgroup_writes writes;
    struct sc_err err;
    bool was_created;

    (void)state;
    assert_true(found >= 0);
    assert_ok(sc_cgroup_translate(&host, &ask, true, &arena, &writes, &need, &err));
    assert_ok(fd = sc_cgroup_create(&host, found, own_path(&arena, ""), &need, false, &was_created, &err));
    assert_fails(sc_cgroup_write_file(fd, "pids.none", "5", &err), SC_ERR_NOT_FOUND,
                 "write \"5\" to \"pids.none\": this kernel has no such file in this cgroup");
    assert_int_equal(err.errnum, ENOENT);
    assert_ok(sc_cgroup_write_optional(fd, "pids.none", "5", &err));
    assert_fails(sc_cgroup_write_file(fd, "pids.max", "many", &err), SC_ERR_KERNEL,
                 "write \"many\" to \"pids.max\": invalid argument");
    remove_own((size_t)found);
}

/* checkBeforeUpdate on a file that every pids cgroup has, here in the place of memory.current */
static void
test_not_below(void **state)
{
    int found = sc_cgroup_find(&host, "pids");
    struct sc_cgroup_write write = {
        .hierarchy = found, .file = (char *)"pids.max", .value = (char *)"0", .why = "", .not_below = "pids.current"};
    const struct sc_cgroup_writes writes = {.items = &write, .count = 1};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv need = {.count = 0};
    sc_cleanup_fd fd = -1;
    struct sc_err err;
    bool was_created;
    pid_t pid;

    (void)state;
    sc_strv_add(&need, &arena, "pids");
    assert_ok(fd = sc_cgroup_create(&host, found, own_path(&arena, ""), &need, false, &was_created, &err));
    pid = start_sleeper(fd);
    assert_fails(sc_cgroup_apply(fd, found, &writes, &err), SC_ERR_BUSY,
                 "write \"0\" to \"pids.max\": the cgroup uses 1 bytes");
    write.value = (char *)"1";
    assert_ok(sc_cgroup_apply(fd, found, &writes, &err));
    assert_ok(sc_cgroup_kill(own_dir(&arena, (size_t)found, ""), &err));
    assert_killed(pid);
    remove_own((size_t)found);
}

/* Processes in the cgroup and in one below it, hidden from ls(1), in every hierarchy: with cgroup.kill, with a freezer
 * and without. */
static void
test_kill(void **state)
{
    (void)state;
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_fd inner = create(i, "/a/.b"), outer = -1;
        pid_t pids[80];
        struct sc_err err;

        assert_ok(outer = sc_cgroup_open(host.items[i].mount_point, own_path(&arena, ""), &err));
        assert_ok(sc_cgroup_kill(own_dir(&arena, i, ""), &err)); /* nobody there */
        for (size_t j = 0; j < SC_ARRAY_LEN(pids); j++)
            pids[j] = start_sleeper(j % 2 && !host.items[i].is_v2 ? outer : inner);
        assert_ok(sc_cgroup_kill(own_dir(&arena, i, ""), &err));
        for (size_t j = 0; j < SC_ARRAY_LEN(pids); j++)
            assert_killed(pids[j]);
        remove_own(i);
    }
}

/* One that forks as fast as it can is caught all the same. */
static void
test_kill_forking(void **state)
{
    (void)state;
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_fd fd = create(i, "");
        struct sc_pid_list pids;
        struct sc_err err;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            join(fd);
            (void)signal(SIGCHLD, SIG_IGN);
            for (;;) {
                if (fork() != 0)
                    _exit(0); /* the child goes on: a process that is a new one at every look */
            }
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_ok(sc_cgroup_kill(own_dir(&arena, i, ""), &err));
        assert_ok(sc_cgroup_pids(own_dir(&arena, i, ""), &arena, &pids, &err));
        assert_int_equal(pids.count, 0);
        remove_own(i);
    }
}

/* Deeper than the descriptors that this process may have. */
static void
test_deep(void **state)
{
    (void)state;
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        sc_cleanup_buf below = SC_BUF_INIT;
        sc_cleanup_fd fd = -1;
        struct rlimit old, few;
        struct sc_err err;
        pid_t pid;

        for (int depth = 0; depth < 60; depth++)
            sc_buf_adds(&below, "/d");
        fd = create(i, sc_buf_str(&below));
        pid = start_sleeper(fd);
        sc_closep(&fd);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        few = (struct rlimit){.rlim_cur = 20, .rlim_max = old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        assert_ok(sc_cgroup_kill(own_dir(&arena, i, ""), &err));
        assert_killed(pid);
        remove_own(i);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    }
}

/* The root of a hierarchy, here a bind mount of our own cgroup, is nobody's container. */
static void
test_mount_root(void **state)
{
    char dir[] = "/tmp/sc-test-cgroup-XXXXXX";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd fd = create(0, "/child");
    pid_t sleeper = start_sleeper(fd), pid;
    struct sc_err err;
    int status;

    (void)state;
    assert_non_null(mkdtemp(dir));
    pid = fork();
    if (pid == 0) {
        char message[256];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount(sc_arena_printf(&arena, "%s/sc-test-%d", host.items[0].mount_point, (int)getppid()), dir, NULL,
                  MS_BIND, NULL) < 0)
            _exit(1);
        (void)snprintf(message, sizeof(message), "kill the processes of cgroup \"%s\": it is the root of a hierarchy",
                       dir);
        if (sc_cgroup_kill(dir, &err) == 0 || err.kind != SC_ERR_INVALID || strcmp(err.msg, message) != 0)
            _exit(2);
        (void)snprintf(message, sizeof(message), "remove cgroup \"%s\": it is the root of a hierarchy", dir);
        if (sc_cgroup_remove(dir, &err) == 0 || err.kind != SC_ERR_INVALID || strcmp(err.msg, message) != 0)
            _exit(3);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(kill(sleeper, 0), 0); /* alive */
    assert_ok(sc_cgroup_kill(own_dir(&arena, 0, ""), &err));
    assert_killed(sleeper);
    remove_own(0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_freeze(void **state)
{
    (void)state;
    for (size_t i = 0; i < host.count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        bool is_v2 = host.items[i].is_v2, was_created;
        bool can = is_v2 || sc_cgroup_find(&host, "freezer") == (int)i;
        volatile unsigned *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        sc_cleanup_fd fd = create(i, "");
        unsigned seen;
        struct sc_err err;
        pid_t pid;

        assert_true(counter != MAP_FAILED);
        if (!can) {
            assert_fails(
                sc_cgroup_freeze(own_dir(&arena, i, ""), is_v2, true, &err), SC_ERR_UNSUPPORTED,
                sc_arena_printf(&arena, "freeze cgroup \"%s\": it has no \"freezer.state\"", own_dir(&arena, i, "")));
            remove_own(i);
            continue;
        }
        pid = fork();
        if (pid == 0) {
            join(fd);
            for (;; usleep(100))
                ++*counter;
        }
        while (*counter == 0)
            usleep(100);
        assert_ok(sc_cgroup_freeze(own_dir(&arena, i, ""), is_v2, true, &err));
        seen = *counter;
        usleep(20000); /* two hundred of its rounds */
        assert_int_equal(*counter, seen);
        assert_fails(
            sc_cgroup_create(&host, (int)i, own_path(&arena, ""), NULL, false, &was_created, &err), SC_ERR_BUSY,
            sc_arena_printf(
                &arena, "create cgroup \"%s\": container's cgroup is not empty: it holds 1 processes, the first is %d",
                own_dir(&arena, i, ""), (int)pid));
        assert_ok(sc_cgroup_freeze(own_dir(&arena, i, ""), is_v2, false, &err));
        while (*counter == seen)
            usleep(100);
        /* frozen ones can be killed */
        assert_ok(sc_cgroup_freeze(own_dir(&arena, i, ""), is_v2, true, &err));
        assert_ok(sc_cgroup_kill(own_dir(&arena, i, ""), &err));
        assert_killed(pid);
        /* an empty one that is frozen would swallow whoever joins */
        assert_ok(sc_cgroup_freeze(own_dir(&arena, i, ""), is_v2, true, &err));
        assert_fails(sc_cgroup_create(&host, (int)i, own_path(&arena, ""), NULL, false, &was_created, &err),
                     SC_ERR_BUSY,
                     sc_arena_printf(&arena, "create cgroup \"%s\": container's cgroup unexpectedly frozen",
                                     own_dir(&arena, i, "")));
        remove_own(i);
        assert_int_equal(munmap((void *)counter, 4096), 0);
    }
}

static void
test_oom(void **state)
{
    struct sc_oci_resources ask = {.memory = {.limit = I64(16 * MIB)}};
    int found = sc_cgroup_find(&host, "memory");
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0};
    sc_cleanup_fd fd = -1;
    bool was_created;
    uint64_t count = 77;
    struct sc_err err;
    pid_t pid;

    (void)state;
    assert_true(found >= 0);
    if (host.has_swap_accounting)
        ask.memory.swap = (struct sc_opt_i64)I64(16 * MIB); /* else it would first fill the swap */
    assert_ok(sc_cgroup_translate(&host, &ask, true, &arena, &writes, &need, &err));
    assert_ok(fd = sc_cgroup_create(&host, found, own_path(&arena, ""), &need, false, &was_created, &err));
    assert_ok(sc_cgroup_apply(fd, found, &writes, &err));
    assert_ok(sc_cgroup_oom_kills(own_dir(&arena, (size_t)found, ""), host.items[found].is_v2, &count, &err));
    assert_int_equal(count, 0);
    pid = fork();
    if (pid == 0) {
        join(fd);
        for (;;) {
            char *more = malloc(MIB);

            if (more)
                memset(more, 1, MIB);
        }
    }
    assert_killed(pid);
    assert_ok(sc_cgroup_oom_kills(own_dir(&arena, (size_t)found, ""), host.items[found].is_v2, &count, &err));
    assert_int_equal(count, 1);
    remove_own((size_t)found);
}

/* ---- devices ------------------------------------------------------------------------ */

#define DEVICE(allow_, minor_, read_, write_)                                                                          \
    {                                                                                                                  \
        .allow = (allow_), .type = 'c', .major = I64(1), .minor = I64(minor_), .can_read = (read_),                    \
        .can_write = (write_)                                                                                          \
    }

/* /dev/null (1:3) may be read and written, /dev/zero (1:5) read, and nothing else */
static struct sc_oci_device_rule only_null_zero[] = {
    {.type = 'a', .can_read = true, .can_write = true, .can_mknod = true},
    DEVICE(true, 3, true, true),
    DEVICE(true, 5, true, true),
    DEVICE(false, 5, false, true),
};
static struct sc_oci_device_rule only_full[] = {DEVICE(true, 7, true, false)};

static int
try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    int result = fd < 0 ? errno : 0;

    sc_closep(&fd);
    return result;
}

static int
try_mknod(int minor)
{
    char path[64];
    int result;

    (void)snprintf(path, sizeof(path), "/tmp/sc-test-node-%d", (int)getpid());
    result = mknod(path, S_IFCHR | 0600, makedev(1, (unsigned)minor)) < 0 ? errno : 0;
    (void)unlink(path);
    return result;
}

/* What a process in the cgroup sees: one letter for each try, in capitals where it was denied. */
static void
assert_devices(int fd, const char *expected)
{
    static const char names[] = "nwzyfm"; /* null read, null write, zero read, zero write, full read, mknod null */
    char seen[sizeof(names)] = "";
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        int results[6];

        join(fd);
        results[0] = try_open("/dev/null", O_RDONLY);
        results[1] = try_open("/dev/null", O_WRONLY);
        results[2] = try_open("/dev/zero", O_RDONLY);
        results[3] = try_open("/dev/zero", O_RDWR);
        results[4] = try_open("/dev/full", O_RDONLY);
        results[5] = try_mknod(3);
        for (size_t i = 0; i < 6; i++)
            seen[i] = results[i] == 0 ? names[i] : results[i] == EPERM ? (char)(names[i] - 32) : '?';
        _exit(write(ends[1], seen, sizeof(seen)) == sizeof(seen) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], seen, sizeof(seen)), sizeof(seen));
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_string_equal(seen, expected);
}

static void
test_devices_v1(void **state)
{
    struct sc_oci_resources ask = {.devices = only_null_zero, .device_count = SC_ARRAY_LEN(only_null_zero)};
    int found = sc_cgroup_find(&host, "devices");
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_cgroup_writes writes;
    struct sc_strv need = {.count = 0};
    sc_cleanup_fd fd = -1;
    struct sc_err err;

    (void)state;
    if (found < 0)
        return; /* a pure v2 host: the next test is what counts */
    fd = create((size_t)found, "");
    assert_devices(fd, "nwzyfm");
    assert_ok(sc_cgroup_translate(&host, &ask, false, &arena, &writes, &need, &err));
    assert_ok(sc_cgroup_apply(fd, found, &writes, &err));
    assert_devices(fd, "nwzYFM");
    ask = (struct sc_oci_resources){.devices = only_full, .device_count = 1};
    assert_ok(sc_cgroup_translate(&host, &ask, false, &arena, &writes, &need, &err));
    assert_ok(sc_cgroup_apply(fd, found, &writes, &err));
    assert_devices(fd, "NWZYfM");
    remove_own((size_t)found);
}

static void
test_devices_v2(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd fd = -1;
    struct bpf_insn *insns;
    size_t found = 0, count;
    struct sc_err err;

    (void)state;
    while (found < host.count && !host.items[found].is_v2)
        found++;
    if (found == host.count)
        return; /* a host of v1 alone: the test before is what counts */
    fd = create(found, "");
    assert_devices(fd, "nwzyfm");
    assert_ok(sc_cgroup_device_program(only_null_zero, SC_ARRAY_LEN(only_null_zero), &arena, &insns, &count, &err));
    assert_ok(sc_cgroup_device_attach(fd, insns, count, &err));
    assert_devices(fd, "nwzYFM");
    /* the new program replaces the old: had both to allow it, nothing would be left */
    assert_ok(sc_cgroup_device_program(only_full, 1, &arena, &insns, &count, &err));
    assert_ok(sc_cgroup_device_attach(fd, insns, count, &err));
    assert_devices(fd, "NWZYfM");
    remove_own(found);
}

/* v2: controllers reach the leaf through parents that did not exist, and processes in a parent are named as the cause.
 */
static void
test_controllers(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv need = {.count = 0}, unknown = {.count = 0};
    sc_cleanup_fd fd = -1, parent = -1;
    char text[256];
    size_t found = 0;
    bool was_created;
    struct sc_err err;
    pid_t pid;

    (void)state;
    while (found < host.count && (!host.items[found].is_v2 || host.items[found].controllers.count == 0))
        found++;
    if (found == host.count)
        return;                                                         /* no v2 hierarchy with a controller */
    sc_strv_add(&need, &arena, host.items[found].controllers.items[0]); /* also one that works on threads */
    assert_ok(fd = sc_cgroup_create(&host, (int)found, own_path(&arena, "/a/b"), &need, false, &was_created, &err));
    assert_true(sc_cgroup_read_small(fd, "cgroup.controllers", text, sizeof(text)) > 0);
    assert_non_null(strstr(text, need.items[0]));
    sc_strv_add(&unknown, &arena, "sc_none");
    assert_int_equal(sc_cgroup_create(&host, (int)found, own_path(&arena, "/x"), &unknown, false, &was_created, &err),
                     -1);
    assert_true(sc_str_starts(err.msg, "enable the \"sc_none\" controller below "));
    assert_int_equal(access(own_dir(&arena, found, "/x"), F_OK), -1);
    /* /c holds a process, so its children get no controller of that kind */
    assert_ok(parent = sc_cgroup_create(&host, (int)found, own_path(&arena, "/c"), NULL, false, &was_created, &err));
    pid = start_sleeper(parent);
    assert_fails(sc_cgroup_create(&host, (int)found, own_path(&arena, "/c/d"), &need, false, &was_created, &err),
                 SC_ERR_BUSY,
                 sc_arena_printf(&arena,
                                 "enable the \"%s\" controller below \"%s\": it holds processes, and a cgroup v2 with "
                                 "processes gives its children no controllers",
                                 need.items[0], own_dir(&arena, found, "/c")));
    assert_int_equal(access(own_dir(&arena, found, "/c/d"), F_OK), -1);
    assert_ok(sc_cgroup_kill(own_dir(&arena, found, ""), &err));
    assert_killed(pid);
    remove_own(found);
}

/* In a container with a cgroup namespace, the root that it sees is an ordinary cgroup, and it is in it. */
static void
test_inside_container(void **state)
{
    char dir[] = "/tmp/sc-test-cgroup-XXXXXX";
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_fd fd = -1;
    size_t found = 0;
    struct sc_err err;
    int status;
    pid_t pid;

    (void)state;
    while (found < host.count && (!host.items[found].is_v2 || host.items[found].controllers.count == 0))
        found++;
    if (found == host.count)
        return; /* no v2 hierarchy with a controller */
    assert_non_null(mkdtemp(dir));
    fd = create(found, "");
    pid = fork();
    if (pid == 0) {
        struct sc_cgroup_layout inside = {.mode = SC_CGROUP_V2, .count = 1, .items = {host.items[found]}};
        struct sc_strv need = {.count = 0};
        char message[512];
        bool was_created;

        join(fd);
        if (unshare(CLONE_NEWCGROUP | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("none", dir, "cgroup2", 0, NULL) < 0)
            _exit(1);
        inside.items[0].mount_point = dir;
        sc_strv_add(&need, &arena, host.items[found].controllers.items[0]);
        (void)snprintf(
            message, sizeof(message),
            "enable the \"%s\" controller below \"%s\": this is a container whose own cgroup holds processes, "
            "and a cgroup v2 with processes gives its children no controllers",
            need.items[0], dir);
        if (sc_cgroup_create(&inside, 0, "/x", &need, false, &was_created, &err) >= 0 || err.kind != SC_ERR_BUSY ||
            strcmp(err.msg, message) != 0)
            _exit(2);
        (void)snprintf(message, sizeof(message), "move them into a child first: mkdir %s/init && ", dir);
        _exit(sc_str_starts(err.remedy, message) ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(rmdir(dir), 0);
    remove_own(found);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_open_absent),
        cmocka_unit_test(test_cpuset_parent),
        cmocka_unit_test(test_cpuset_narrow),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_write_errors),
        cmocka_unit_test(test_not_below),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_kill_forking),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_mount_root),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_oom),
        cmocka_unit_test(test_devices_v1),
        cmocka_unit_test(test_devices_v2),
        cmocka_unit_test(test_controllers),
        cmocka_unit_test(test_inside_container),
    };
    struct sc_err err = SC_ERR_INIT;
    int failed;

    if (geteuid() != 0) {
        print_message("skipped: only root may make cgroups\n");
        return 77;
    }
    if (sc_cgroup_detect(&host_arena, &host, &err) < 0) {
        print_message("%s\n", err.msg);
        return 1;
    }
    failed = RUN_TESTS(tests);
    sc_arena_release(&host_arena);
    return failed;
}
