/*
 * Namespaces as objects: which there are, who is in them, and how to make and to enter them one by one. What a
 * container gets is the plan's business (kernel.h); this is for `sc ns`, which works on any process.
 *
 *     scan     /proc/PID/ns, nsfs mounts, and what the NS_GET ioctls lead to   (nsfs.c)
 *     unshare  what unshare(1) does to the caller before it runs a program     (ns-unshare.c)
 *     enter    what nsenter(1) does                                           (ns-enter.c)
 *
 * Invariants: every file that names a namespace is opened before any is entered. A half that failed leaves the caller
 * in a state that is only good for exiting.
 */
#ifndef SC_KERNEL_NSFS_H
#define SC_KERNEL_NSFS_H

#include <sched.h>

#include "kernel/kernel.h"

/* ---- scan (nsfs.c) ------------------------------------------------------------------------------------------- */

struct sc_nsfs {
    enum sc_ns_kind kind;
    uint64_t ino;
    size_t process_count;
    pid_t pid;              /* the lowest in it; 0: none that can be seen */
    uint64_t parent, owner; /* inode numbers; 0: none, or out of the caller's sight */
    char *mount;            /* where it is bind-mounted, or NULL */
};
struct sc_nsfs_list {
    struct sc_nsfs *items; /* by inode number */
    size_t count;
    size_t hidden; /* processes whose namespaces the caller may not see */
};
SC_MUST_CHECK int sc_nsfs_scan(struct sc_arena *arena, struct sc_nsfs_list *out, struct sc_err *err);
/* NULL: not in the list */
const struct sc_nsfs *sc_nsfs_find(const struct sc_nsfs_list *list, uint64_t ino);
/* The id that this process's network namespace has for the one at the path (RTM_GETNSID, Linux 4.0): -1 where none was
 * assigned; false where the kernel does not say. */
bool sc_nsfs_netns_id(const char *path, int32_t *id);
/* The inode number of a process's namespace of a kind; 0 with errno where it cannot be seen. */
uint64_t sc_nsfs_of(pid_t pid, enum sc_ns_kind kind);
/* Pids (thread group leaders) in namespace ino, ascending. */
struct sc_nsfs_pids {
    pid_t *items;
    size_t count;
};
SC_MUST_CHECK int sc_nsfs_members(uint64_t ino, struct sc_arena *arena, struct sc_nsfs_pids *out, struct sc_err *err);

/* What ps(1) would say of a process. */
struct sc_process_text {
    pid_t ppid;
    uint32_t uid;
    char *user;    /* of /etc/passwd, or the number */
    char *command; /* its arguments with spaces between; a kernel thread's name */
};
/* false: it is gone */
bool sc_process_describe(pid_t pid, struct sc_arena *arena, struct sc_process_text *out);
/* A file of /proc/PID, whole; "" where it cannot be read. */
const char *sc_process_file(pid_t pid, const char *file, struct sc_arena *arena);

/* ---- unshare (ns-unshare.c) ------------------------------------------------------------------------------------ */

enum sc_setgroups { SC_SETGROUPS_LEAVE, SC_SETGROUPS_DENY, SC_SETGROUPS_ALLOW };
struct sc_ns_unshare {
    uint64_t flags;          /* CLONE_NEW* */
    char *uid_map, *gid_map; /* lines of uid_map(5): then flags holds CLONE_NEWUSER; or NULL */
    enum sc_idmap_how how;
    enum sc_setgroups setgroups;
    bool keeps_caps;           /* the new capabilities survive execve */
    unsigned long propagation; /* MS_*; 0: unchanged */
    char *proc_dir, *root, *wd;
    struct sc_opt_i64 uid, gid, boottime, monotonic; /* the last two in seconds */
    char *persist[SC_NS_COUNT];                      /* a file that the namespace is bind-mounted on, or NULL */
};
/* A process that stays outside, to bind what persist names once told. */
struct sc_ns_binder {
    pid_t pid;
    int go_fd;
    const struct sc_ns_unshare *ask;
};
#define SC_NS_BINDER_INIT                                                                                              \
    {                                                                                                                  \
        .pid = -1, .go_fd = -1                                                                                         \
    }
/* Enters the new namespaces, with their id maps and clocks. */
SC_MUST_CHECK int sc_ns_unshare(const struct sc_ns_unshare *ask, struct sc_ns_binder *binder, struct sc_err *err);
/* After the fork, if there is one: in the process that called sc_ns_unshare. */
SC_MUST_CHECK int sc_ns_bind(struct sc_ns_binder *binder, struct sc_err *err);
/* In the process that will run the program: propagation, root, directory, /proc, ids. */
SC_MUST_CHECK int sc_ns_unshare_finish(const struct sc_ns_unshare *ask, struct sc_err *err);

/* Forks: 0 in the child (which is killed by kill_signal when its parent ends, if that is not 0), 1 in the parent. */
SC_MUST_CHECK int sc_ns_fork(int kill_signal, pid_t *child, struct sc_err *err);
/* Waits as a shell's foreground job would: stops with it, dies by the signal it died by. Returns its exit status. */
int sc_ns_await(pid_t child);

/* ---- enter (ns-enter.c) ---------------------------------------------------------------------------------------- */

struct sc_ns_enter {
    pid_t pid;      /* 0: only files are named */
    uint64_t flags; /* which of its namespaces */
    bool skips_own; /* those that are the caller's already are left out */
    char *files[SC_NS_COUNT];
    bool takes_root, takes_wd; /* those of pid */
    char *root, *wd;           /* or these, of the caller's mount namespace */
    char *wd_inside;           /* as seen after all is entered; or NULL */
    struct sc_opt_i64 uid, gid;
    bool keeps_credentials;
};
/* *needs_fork: a pid namespace was entered, which begins with the next child. */
SC_MUST_CHECK int sc_ns_enter(const struct sc_ns_enter *ask, bool *needs_fork, struct sc_err *err);
/* Directory and ids, in the process that will run the program. */
SC_MUST_CHECK int sc_ns_enter_finish(const struct sc_ns_enter *ask, struct sc_err *err);

#endif
