/*
 * kernel: the only code that talks to privileged Linux, one file per facility.
 *
 *   path.c       resolving inside a container's root (openat2), a verified procfs handle
 *   netlink.c    moving network devices
 *   copy-up.c    a directory's content into a fresh tmpfs
 *   mount.c      detached mounts, bind, attributes, propagation, pivot_root
 *   namespace.c  joining, unsharing, time offsets          idmap.c   id maps, subordinate ids, idmapped mounts
 *   caps.c       capability sets                            process.c clone3, pidfd, start time, rlimits, ids
 *   probe.c      what this kernel can do                    user.c    passwd and group files of an image
 *   program.c    why a program cannot be executed           undo.c    taking host steps back
 *   seccomp.h, cgroup/cgroup.h have headers of their own
 *
 * Invariants: functions marked [child] may run between clone and exec of a container: no allocation, no stdio, no
 * locks. They return 0 (or an fd) or -errno, and the runtime turns that into a step's error; all others return -1 with
 * *err. Every fd is close-on-exec.
 */
#ifndef SC_KERNEL_H
#define SC_KERNEL_H

#include <sched.h>
#include <sys/types.h>

#include "base/base.h"
#include "oci/oci.h"

/* ---- path.c [child] ------------------------------------------------------------- */
/* openat2 inside root: symlinks resolve as if root were "/", never through magic links. ENOSYS: component walk in
 * userspace. */
int sc_path_open(int root_fd, const char *path, int flags, mode_t mode);
/* The file that fd (O_PATH) is, opened with flags through the procfs proc_fd (-1: /proc). */
int sc_fd_reopen(int proc_fd, int fd, int flags);
/* chmod(2) of what fd (O_PATH) is, which must be no link. */
int sc_fd_chmod(int fd, mode_t mode);
/* The same as sc_path_open, and -ELOOP when any component is a symlink. */
int sc_path_open_plain(int root_fd, const char *path, int flags);
/* For reading, and only what is a regular file, looked at before it is opened: an open does things to devices (it
 * starts a watchdog, rewinds a tape), and lets a fifo's writer go on. -ENXIO: it is none. proc_fd: as sc_fd_reopen. */
int sc_path_open_regular(int proc_fd, int root_fd, const char *path);
/* Like open(O_PATH) of path, creating missing directories (mode 0755); the last component becomes a directory, or
 * (is_file) an empty regular file, when absent. */
int sc_path_make(int root_fd, const char *path, bool is_file, mode_t mode);
/* Opens the parent directory of path (created when missing) as O_PATH; *name points to the last component inside path.
 */
int sc_path_parent(int root_fd, const char *path, const char **name);
/* The same inside a root, erroring where a component is a symlink leading out etc. */
bool sc_proc_is_fs(int fd);   /* of a procfs */
bool sc_proc_is_root(int fd); /* the root of a procfs */
int sc_proc_open(void);       /* a verified O_PATH handle on /proc (PROC_SUPER_MAGIC, root inode) */
int sc_proc_write(int proc_fd, const char *path, const char *text,
                  size_t len); /* e.g. "self/oom_score_adj"; RESOLVE_NO_XDEV|NO_SYMLINKS but self */
/* Whether the file below /proc is there and may be written. */
bool sc_proc_can_write(const char *path);

/* ---- mount.c [child] --------------------------------------------------------------- */
/* A detached copy of the mount (or file) at path, recursive or not (open_tree(2)). */
int sc_mount_tree_open(int dir_fd, const char *path, bool is_recursive);
/* MOUNT_ATTR_* to set and clear, and MS_* propagation (0: leave), on the mount fd; nothing to do is success. */
int sc_mount_setattr(int mount_fd, bool is_recursive, uint64_t set, uint64_t clear, uint64_t propagation);
/* A directory of the engine's for a program that is confined: detached and read-only, so that ".." of it leads nowhere.
 * Where that is not ours to make it is the directory itself. The descriptor or -errno. */
int sc_mount_dir_open(const char *path);
int sc_mount_idmap(int mount_fd, bool is_recursive, int user_ns_fd);
/* Attaches a detached mount on the file that target_fd is, or (target_fd -1) over the root of this mount namespace. */
int sc_mount_move(int mount_fd, int target_fd);
/* mount(2) on the file that target_fd is (reached through /proc/self/fd, which is the host's until the root changes).
 */
int sc_mount_fs(int target_fd, const char *type, const char *source, unsigned long flags, const char *data);
int sc_mount_bind(int source_fd, int target_fd);
/* ---- the same by mount(2), for kernels without open_tree, move_mount (5.2) and mount_setattr (5.12); both descriptors
 * are of the caller's own mount namespace, attached. target_fd -1: "/". */
int sc_mount_bind_tree(int source_fd, int target_fd, bool is_recursive);
/* MOUNT_ATTR_* of an attached mount: by mount_setattr(2), or by a remount that keeps the rest. */
int sc_mount_change(int mount_fd, uint64_t set, uint64_t clear);
/* Binds source over the root of this mount namespace; its descriptor. */
int sc_mount_root_over(int source_fd);
int sc_mount_propagation(int target_fd, unsigned long flags);
/* A detached overlay; lower top first. Layers are opened here, so the caller's mount namespace must be the one it is
 * used in. upper may be NULL. options: "volatile", "userxattr". Old kernels, which cannot take many layers through
 * fsconfig(2), mount it over "/" and open it there: *is_attached says so. */
struct sc_mount_overlay {
    char *const *lower;
    /* NULL, or for each lower "" or the EROFS image that is mounted on it first: then the mount namespace must be one
     * that nobody else has. */
    char *const *images;
    const int *mounts; /* NULL, or for each the detached mount of its image; -1: there is none yet */
    size_t lower_count;
    const char *upper, *work;
    bool is_volatile, is_userxattr;
};
int sc_mount_overlay(const struct sc_mount_overlay *overlay, bool *is_attached);
/* Mounts image (or its detached mount, -1: none) over lower, idmapped for a user namespace (-1: not). */
int sc_mount_layer(const char *image, int mount_fd, const char *lower, int user_ns_fd);
/* The root of this mount namespace becomes root_fd's mount, which covers "/" already; of the whole of it, in a chroot
 * too, where proc_fd is a procfs that shows the caller (-1: its chroot's root is enough). */
int sc_mount_pivot(int root_fd, int proc_fd);
int sc_mount_chroot(int root_fd);
/* A mount of the old root out of the way, or out of sight. */
int sc_mount_detach(const char *path);

/* ---- erofs.c [child] ------------------------------------------------------------------ */
/* After an image's name: the tar beside it that what its files hold is in, if there is one. */
#define SC_EROFS_TAR ".tar"
/* A detached, read-only mount of the EROFS image that is at path. ENOTBLK: this kernel (before 6.12) mounts block
 * devices only; with may_loop loop devices are put between. ENODEV: it has no EROFS. EINVAL: it does not know its
 * blocks. */
int sc_mount_erofs(int dir_fd, const char *path, bool may_loop);
/* Whether a file in directory dir_fd can be mounted as it is: 0, or what says no. By doing it. */
int sc_erofs_probe(int dir_fd);

/* ---- copy-up.c [child] --------------------------------------------------------------- */
/* Everything below directory from_fd into directory to_fd: files, directories, links, nodes, with owner, mode, times
 * and extended attributes. What from_fd holds is hostile: no link is followed and no file system is entered. */
int sc_copy_up(int from_fd, int to_fd);

/* ---- namespace.c [child] -------------------------------------------------------------- */
int sc_clone3(uint64_t flags, int cgroup_fd, int *pidfd); /* pid, 0 in the child, -errno; cgroup_fd -1: none */
int sc_ns_loopback_up(void);
int sc_ns_time_offsets(const char *text); /* unshares, writes, enters */
int sc_keyring_join(const char *name);
/* Joins the namespaces `flags` of the process that fd (sc_pidfd_open) is, pid in the procfs proc_fd; or with pid 0 the
 * namespace that fd is. */
int sc_ns_join(int fd, int proc_fd, pid_t pid, uint64_t flags);
int sc_ns_check_kind(int ns_fd, uint64_t clone_flag); /* -EINVAL when the fd is another kind of namespace */

/* ---- netlink.c ------------------------------------------------------------------------ */
/* Moves device host_name of our network namespace into another, where it is called name ("eth%d": the kernel chooses),
 * keeps its permanent global addresses, and is up. */
SC_MUST_CHECK int sc_net_device_move(const char *host_name, const char *name, int netns_fd, struct sc_err *err);

/* ---- idmap.c -------------------------------------------------------------------------- */
#define SC_NEWUIDMAP "/usr/bin/newuidmap"
#define SC_NEWGIDMAP "/usr/bin/newgidmap"
enum sc_idmap_how {
    SC_IDMAP_DIRECT,     /* the writer is privileged */
    SC_IDMAP_OWN_ID,     /* the caller's own ids alone; setgroups(2) is given up for it */
    SC_IDMAP_BY_HELPERS, /* newuidmap(1) and newgidmap(1), setuid root, check them against /etc/subuid and /etc/subgid
                          */
};
/* Writes the maps of a process in a new user namespace. */
SC_MUST_CHECK int sc_idmap_write(pid_t pid, const char *uid_map, const char *gid_map, enum sc_idmap_how how,
                                 struct sc_err *err);
/* This process, which must have one thread, enters a new user namespace with these maps. */
SC_MUST_CHECK int sc_idmap_enter(const char *uid_map, const char *gid_map, enum sc_idmap_how how, struct sc_err *err);
/* The same for a child that calls fn there; its error comes back whole. */
SC_MUST_CHECK int sc_idmap_run(const char *uid_map, const char *gid_map, enum sc_idmap_how how,
                               int (*fn)(void *data, struct sc_err *err), void *data, struct sc_err *err);
/* A user namespace with these maps and no process: its fd. */
SC_MUST_CHECK int sc_idmap_ns_create(const char *uid_map, const char *gid_map, struct sc_err *err);

/* ---- user.c: pure parsers of passwd(5) and group(5) text ------------------------------ */
struct sc_user_request {
    const char *user; /* "", "name", "uid", "name:group", "uid:gid" */
    struct sc_strv extra_groups;
};
struct sc_user_result {
    uint32_t uid, gid;
    uint32_t *additional_gids;
    size_t additional_gid_count;
    char *home, *name; /* "/" and "" when unknown */
};
/* As Docker: "" is uid 0; a name must be found; a number need not be; supplementary groups from group(5) for a known
 * user. */
SC_MUST_CHECK int sc_user_resolve(const char *passwd_text, const char *group_text, const struct sc_user_request *ask,
                                  struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err);
/* The home directory that passwd_text gives uid, absolute, with its NUL in at most size bytes; false: none. [child] */
bool sc_user_home(const char *passwd_text, size_t len, uint32_t uid, char *out, size_t size);
/* subuid(5): the ranges of user (name or uid) in the text of /etc/subuid or /etc/subgid */
SC_MUST_CHECK int sc_subid_find(const char *subid_text, const char *user, uint32_t uid, struct sc_arena *arena,
                                struct sc_oci_id_maps *out, struct sc_err *err);

/* ---- program.c: why execve failed, in words -------------------------------------------------- */
/* Looks at program inside root_fd (PATH searched in env's PATH when it has no '/'), reads the shebang or ELF header,
 * and fills err: not found in PATH (127), no such file (127), is a directory (126), not executable (126), script
 * interpreter "x" missing (127), ELF interpreter (loader) "x" missing (127), wrong architecture (126, names both),
 * empty or unknown format (126). Always returns -1; errnum is what execve gave. */
int sc_program_explain(int root_fd, const char *program, const struct sc_strv *env, const char *cwd, int errnum,
                       struct sc_err *err);

/* ---- caps.c ----------------------------------------------------------------------------------- */
#define SC_CAP_BIT(cap) (UINT64_C(1) << (cap))
uint64_t sc_caps_default(void); /* the security baseline's eleven */
uint64_t sc_caps_all(void); /* every capability of the running kernel that this process's bounding set has [child] */
/* --cap-add/--cap-drop as Docker: ALL, CAP_ prefix or not, any case */
SC_MUST_CHECK int sc_caps_apply_flags(uint64_t base, uint64_t all, const struct sc_strv *add,
                                      const struct sc_strv *drop, uint64_t *out, struct sc_err *err);
int sc_caps_drop_bounding(uint64_t keep);                                         /* [child] */
int sc_caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable);    /* [child] capset(2) */
int sc_caps_set_ambient(uint64_t ambient);                                        /* [child] */
int sc_caps_get(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable); /* [child] */

/* ---- undo.c: host steps taken back; musl-clean, used by the monitor, delete and recovery ------------- */
/* Undo is text, one operation a line, run from the first to the last; each is idempotent:
 *     cgroup-kill DIR       SIGKILL all below, wait
 *     cgroup-remove DIR     rmdir it and its children
 *     resctrl-remove DIR    rmdir a group of resctrl, whose tasks go into the default one
 *     tree PATH             rm -rf
 *     volume-remove PATH OWNER
 *                           rm -rf a volume <data>/volume/NAME that others than the owner may have had, as
 *                           SC_VOLUME_SHARED in it says, unless the record of one of them names it
 *     volume-leave PATH OWNER
 *                           unlink PATH/OWNER; if it was the last, unmount where PATH/at leads
 *     unlink PATH
 *     link-remove NAME      of this network namespace
 *     lease-release PATH OWNER
 *                           where the lease (a symbolic link to OWNER...) is still the owner's
 *     port-release PATH OWNER MAP KEY DATA
 *                           the same for a published port: its element of a map of `inet sc` goes first
 *     guard-remove SET KEY  a link's element of a set of table `bridge sc`
 *     names-withdraw PATH OWNER
 *                           from a lease that is still the owner's the names that it is found by
 *     network-down PROGRAM\nFILE
 *                           run `PROGRAM __network down FILE`
 *     systemd-stop UNIT     stop a unit of the system's manager; systemd-user-stop: of the user's
 * What follows the operation is percent-encoded as a whole (%20, %0A, %25); of several words only the first, a path,
 * may have spaces of its own. All paths are absolute and the engine's own. */
enum sc_undo_op {
    SC_UNDO_CGROUP_KILL,
    SC_UNDO_CGROUP_REMOVE,
    SC_UNDO_RESCTRL_REMOVE,
    SC_UNDO_TREE,
    SC_UNDO_VOLUME,
    SC_UNDO_VOLUME_LEAVE,
    SC_UNDO_UNLINK,
    SC_UNDO_LINK,
    SC_UNDO_LEASE,
    SC_UNDO_PORT,
    SC_UNDO_GUARD,
    SC_UNDO_NAMES,
    SC_UNDO_NETWORK,
    SC_UNDO_SYSTEMD_STOP,
    SC_UNDO_SYSTEMD_USER_STOP
};
#define SC_VOLUME_SHARED "shared"
#define SC_VOLUME_AT     "at"
void sc_undo_add(struct sc_buf *text, enum sc_undo_op op, const char *target);
/* Runs all; goes on after an error and reports the first. */
SC_MUST_CHECK int sc_undo_run(const char *text, struct sc_err *err);
/* In two goes, for who is waited for: the kernel takes milliseconds to remove a link. What others may ask for at once
 * (a cgroup, a port) is taken back now; links, and the addresses that they hold as long as they are there, later. The
 * kernel also takes its time over deleted elements of nftables when the socket that they were deleted by is closed:
 * *nft_sock (-1 before) is it, the caller's to close, best after the second go. */
enum sc_undo_part { SC_UNDO_ALL, SC_UNDO_NOW, SC_UNDO_LATER };
SC_MUST_CHECK int sc_undo_run_part(const char *text, enum sc_undo_part part, int *nft_sock, struct sc_err *err);

/* ---- process.c -------------------------------------------------------------------------------------- */
/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat); 0 when it does not exist. */
uint64_t sc_process_start_time(pid_t pid);
/* Whether it is there, started then, and is no zombie. */
bool sc_process_is_alive(pid_t pid, uint64_t start_time);
/* Whether it has begun to exit at the latest: what its pid namespace kills with it dies before it is a zombie. */
bool sc_process_is_exiting(pid_t pid, uint64_t start_time);
/* Whether our root is not the host's: uid_map is not the one line that maps every id to itself. */
bool sc_process_is_in_user_ns(void);
/* Whether we may give files to any user: root, and not in a user namespace of one id. */
bool sc_process_can_chown(void);
/* /proc/sys/kernel/random/boot_id without newline */
SC_MUST_CHECK int sc_boot_id(char out[40], struct sc_err *err);
/* pidfd_open(2), then verifies start_time (0: no check): -1 with SC_ERR_NOT_FOUND when gone or another process. Before
 * Linux 5.3 it is the process's directory of procfs, with which the next two work as well. */
SC_MUST_CHECK int sc_pidfd_open(pid_t pid, uint64_t start_time, struct sc_err *err);
SC_MUST_CHECK int sc_pidfd_kill(int pidfd, int signum, struct sc_err *err);
bool sc_pidfd_wait(int pidfd, int msec); /* until it has ended; false: it has not */

#endif
