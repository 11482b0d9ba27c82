/*
 * Removing many files by several processes. Where the disk is asked at each file (ext4 mounted with "discard" and
 * without a journal waits for it; so do network file systems), one process waits nearly all of the time.
 *
 *     what is to go ──► tasks: a directory below it, the files of one above, a file ──► whoever is free takes the next
 *
 * Processes, not threads: the heap of `sc` has no locks (base/heap.c). They share a counter and nothing else, and end
 * with us. What they could not do, or did not come to, is done by the one walk that follows, which also takes what is
 * left of the upper directories; so nothing here needs to say that it failed.
 *
 * Whoever asked need not wait for what takes long. The blocks of a large file go when nobody has it open any more: its
 * name goes at once, and a process of its own closes it. Where there are many directories, that process removes them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/image-priv.h"

#define WORKERS_MAX    8 /* with us */
#define TASKS_A_WORKER 16
#define TASKS_MAX      512
#define OPEN_MAX_      128 /* directories that are split */
#define HELD_MAX       128 /* large files that are closed behind the caller */
#define LARGE          ((off_t)64 << 20)
#define LONG           4000 /* entries of directories that take long */
#define LONG_DEPTH     32

struct sc_bulk_task {
    int dir_fd;
    char *name; /* NULL: the files of dir_fd itself */
    bool is_dir;
};

/* What is to go, in parts: the tasks that were given first, then those that they were split into. */
struct parts {
    struct sc_bulk tasks;
    size_t given_count, large_count;
    int fds[OPEN_MAX_];
    size_t fd_count;
};

struct held { /* files without a name */
    int fds[HELD_MAX];
    size_t count;
};

void
sc_bulk_release(struct sc_bulk *bulk)
{
    for (size_t i = 0; i < bulk->count; i++)
        free(bulk->tasks[i].name);
    sc_freep(&bulk->tasks);
    bulk->count = bulk->capacity = 0;
}

int
sc_bulk_add(struct sc_bulk *bulk, int dir_fd, const char *name, bool is_dir, struct sc_err *err)
{
    sc_cleanup_free char *copy = strdup(name);

    if (!copy)
        return sc_err_nomem(err);
    if (bulk->count == bulk->capacity) {
        size_t capacity = bulk->capacity ? bulk->capacity * 2 : 64;
        struct sc_bulk_task *tasks = reallocarray(bulk->tasks, capacity, sizeof(*tasks));

        if (!tasks)
            return sc_err_nomem(err);
        bulk->tasks = tasks;
        bulk->capacity = capacity;
    }
    bulk->tasks[bulk->count++] = (struct sc_bulk_task){.dir_fd = dir_fd, .name = sc_steal_ptr(&copy), .is_dir = is_dir};
    return 0;
}

static bool
is_large(int dir_fd, const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_size >= LARGE;
}

/* A directory below, and nothing beyond a mount or a link. */
static int
open_below(int dir_fd, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};

    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
}

static DIR *
open_again(int dir_fd) /* with a place of its own */
{
    sc_cleanup_fd fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir)
        (void)sc_steal_fd(&fd);
    return dir;
}

/* A task for each directory in a directory, whose own task then is only its files. A large file right in what was given
 * gets one too. Nothing changes where there would be none, or too many. */
static void
split(struct parts *parts, size_t at)
{
    struct sc_bulk *tasks = &parts->tasks;
    sc_cleanup_fd fd = open_below(tasks->tasks[at].dir_fd, tasks->tasks[at].name);
    sc_cleanup_dir dir = fd < 0 ? NULL : open_again(fd);
    struct sc_err nomem = SC_ERR_INIT;
    size_t before = tasks->count;
    struct dirent *entry;

    while (dir && nomem.kind == SC_ERR_NONE && tasks->count <= TASKS_MAX && (entry = readdir(dir))) {
        bool is_dir = entry->d_type == DT_DIR;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (is_dir || (at < parts->given_count && is_large(fd, entry->d_name)))
            (void)!sc_bulk_add(tasks, fd, entry->d_name, is_dir, &nomem);
    }
    if (nomem.kind != SC_ERR_NONE || tasks->count > TASKS_MAX) {
        while (tasks->count > before)
            free(tasks->tasks[--tasks->count].name);
    }
    if (tasks->count == before)
        return;
    for (size_t i = before; i < tasks->count; i++)
        parts->large_count += !tasks->tasks[i].is_dir;
    sc_freep(&tasks->tasks[at].name);
    parts->fds[parts->fd_count++] = tasks->tasks[at].dir_fd = sc_steal_fd(&fd);
}

static void
parts_make(struct parts *parts, const struct sc_bulk *given)
{
    struct sc_err nomem = SC_ERR_INIT;

    for (size_t i = 0; i < given->count; i++) {
        const struct sc_bulk_task *task = &given->tasks[i];

        if (sc_bulk_add(&parts->tasks, task->dir_fd, task->name, task->is_dir, &nomem) < 0)
            return;
        parts->large_count += !task->is_dir && is_large(task->dir_fd, task->name);
    }
    parts->given_count = given->count;
    for (size_t i = 0; i < parts->tasks.count && parts->fd_count < OPEN_MAX_; i++) {
        if (parts->tasks.tasks[i].is_dir)
            split(parts, i);
    }
}

static void
parts_release(struct parts *parts)
{
    sc_bulk_release(&parts->tasks);
    for (size_t i = 0; i < parts->fd_count; i++)
        sc_closep(&parts->fds[i]);
}

static void
do_task(const struct sc_bulk_task *task)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_dir dir = NULL;
    struct dirent *entry;

    if (task->name) {
        (void)!sc_tree_remove_at(task->dir_fd, task->name, &ignored);
        return;
    }
    dir = open_again(task->dir_fd);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
}

static void
work(const struct sc_bulk *tasks, atomic_size_t *next)
{
    size_t i;

    while ((i = atomic_fetch_add(next, 1)) < tasks->count)
        do_task(&tasks->tasks[i]);
}

static pid_t
start_worker(const struct sc_bulk *tasks, atomic_size_t *next)
{
    pid_t ours = getpid(), pid = fork();

    if (pid != 0)
        return pid;
    /* The lock that says that nobody writes is held by whoever has it open: nobody may outlive us with it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != ours)
        _exit(1);
    work(tasks, next);
    _exit(0);
}

static void
remove_given(const struct sc_bulk *bulk, bool dirs_too)
{
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; i < bulk->count; i++) {
        if (dirs_too || !bulk->tasks[i].is_dir)
            (void)!sc_tree_remove_at(bulk->tasks[i].dir_fd, bulk->tasks[i].name, &ignored);
    }
}

static void
remove_parts(const struct parts *parts, const struct sc_bulk *bulk)
{
    pid_t workers[WORKERS_MAX] = {0};
    atomic_size_t *next = MAP_FAILED;
    size_t wanted = parts->tasks.count / TASKS_A_WORKER + parts->large_count, count = 0;

    wanted = wanted > WORKERS_MAX ? WORKERS_MAX : wanted;
    if (wanted > 1)
        next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (next != MAP_FAILED) {
        atomic_init(next, 0);
        while (count + 1 < wanted && (workers[count] = start_worker(&parts->tasks, next)) > 0)
            count++;
        work(&parts->tasks, next);
        for (size_t i = 0; i < count; i++) {
            while (waitpid(workers[i], NULL, 0) < 0 && errno == EINTR)
                continue;
        }
        (void)munmap(next, sizeof(*next));
    }
    remove_given(bulk, true);
}

void
sc_bulk_remove(const struct sc_bulk *bulk)
{
    __attribute__((cleanup(parts_release))) struct parts parts = {.fd_count = 0};

    parts_make(&parts, bulk);
    remove_parts(&parts, bulk);
}

/* ---- behind the caller ----------------------------------------------------------------------------------------- */

static void
held_release(struct held *held)
{
    for (size_t i = 0; i < held->count; i++)
        sc_closep(&held->fds[i]);
}

/* Takes the names of large files, whose blocks then go with their last descriptor. */
static void
hold_large(struct held *held, const struct sc_bulk *tasks)
{
    for (size_t i = 0; i < tasks->count && held->count < HELD_MAX; i++) {
        const struct sc_bulk_task *task = &tasks->tasks[i];
        sc_cleanup_fd fd = -1;

        if (task->is_dir || !task->name || !is_large(task->dir_fd, task->name))
            continue;
        fd = openat(task->dir_fd, task->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && unlinkat(task->dir_fd, task->name, 0) == 0)
            held->fds[held->count++] = sc_steal_fd(&fd);
    }
}

/* Counts down for each entry below a directory. */
static void
count_down(int at_fd, const char *name, int depth, size_t *left)
{
    sc_cleanup_fd fd = open_below(at_fd, name);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return;
    (void)sc_steal_fd(&fd);
    while (*left > 0 && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (*left)--;
        if (entry->d_type == DT_DIR && depth < LONG_DEPTH)
            count_down(dirfd(dir), entry->d_name, depth + 1, left);
    }
}

static bool
takes_long(const struct sc_bulk *bulk)
{
    size_t left = LONG;

    for (size_t i = 0; i < bulk->count && left > 0; i++) {
        if (bulk->tasks[i].is_dir)
            count_down(bulk->tasks[i].dir_fd, bulk->tasks[i].name, 0, &left);
    }
    return left == 0;
}

/* All but what is still needed: a lock that is held, a pipe whose reader waits for its end. */
static void
close_others(const struct held *held, const struct sc_bulk *bulk)
{
    sc_cleanup_free int *needed = calloc(bulk->count + held->count + 1, sizeof(*needed));
    size_t count = 0;

    if (!needed)
        _exit(1);
    for (size_t i = 0; i < bulk->count; i++)
        needed[count++] = bulk->tasks[i].dir_fd;
    for (size_t i = 0; i < held->count; i++)
        needed[count++] = held->fds[i];
    sc_fds_close_but(0, needed, count);
}

/* The directories alone: the name of a file that has gone may be another's by now. */
static void
remove_dirs(const struct sc_bulk *bulk)
{
    struct sc_bulk dirs = {.tasks = calloc(bulk->count, sizeof(*dirs.tasks))};

    for (size_t i = 0; dirs.tasks && i < bulk->count; i++) {
        if (bulk->tasks[i].is_dir)
            dirs.tasks[dirs.count++] = bulk->tasks[i];
    }
    sc_bulk_remove(&dirs);
    free(dirs.tasks);
}

/* A process that outlives the caller, and keeps nothing of the caller's busy. As fork(2). */
static pid_t
start_behind(const struct held *held, const struct sc_bulk *bulk)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_NAME, "sc-remove");
    (void)setsid();
    if (chdir("/") < 0) /* lint: whoever unmounts the directory of the caller need not wait */
        _exit(1);
    close_others(held, bulk);
    return 0;
}

void
sc_bulk_remove_behind(const struct sc_bulk *bulk)
{
    __attribute__((cleanup(parts_release))) struct parts parts = {.fd_count = 0};
    __attribute__((cleanup(held_release))) struct held held = {.count = 0};
    bool is_long = takes_long(bulk);
    pid_t pid;

    if (is_long) {
        hold_large(&held, bulk);
        remove_given(bulk, false);
    } else {
        parts_make(&parts, bulk);
        hold_large(&held, &parts.tasks);
        parts.large_count = 0;
        remove_parts(&parts, bulk);
        if (held.count == 0)
            return;
    }
    pid = start_behind(&held, bulk);
    if (pid <= 0 && is_long)
        remove_dirs(bulk);
    if (pid == 0)
        _exit(0);
}
