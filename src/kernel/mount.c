/* Mounts by descriptor: detached trees, attributes before anything is visible, and the change of root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 4
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#endif
#define FD_PATH_MAX         32
#define FSCONFIG_STRING_MAX 256  /* the kernel's limit of one value, with its NUL */
#define LAYERS_DATA_MAX     4096 /* one page: the limit of mount(2)'s data */

/* "/proc/self/fd/N" without stdio; returns its length */
static size_t
fd_path(int fd, char out[FD_PATH_MAX])
{
    static const char prefix[] = "/proc/self/fd/";
    char digits[12];
    size_t len = sizeof(prefix) - 1;
    int n = 0;

    memcpy(out, prefix, len);
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (n > 0)
        out[len++] = digits[--n];
    out[len] = '\0';
    return len;
}

int
sc_mount_tree_open(int dir_fd, const char *path, bool is_recursive)
{
    unsigned flags =
        OPEN_TREE_CLONE | O_CLOEXEC | (is_recursive ? AT_RECURSIVE : 0) | (path[0] == '\0' ? AT_EMPTY_PATH : 0);
    int fd = (int)syscall(SYS_open_tree, dir_fd, path, flags);

    return fd >= 0 ? fd : -errno;
}

int
sc_mount_setattr(int mount_fd, bool is_recursive, uint64_t set, uint64_t clear, uint64_t propagation)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clear, .propagation = propagation & ~(uint64_t)MS_REC};

    if (set == 0 && clear == 0 && propagation == 0)
        return 0;
    return syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0), &attr,
                   sizeof(attr)) == 0
               ? 0
               : -errno;
}

int
sc_mount_dir_open(const char *path)
{
    int fd = sc_mount_tree_open(AT_FDCWD, path, false);

    if (fd >= 0 && sc_mount_setattr(fd, false, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0, 0) < 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int
sc_mount_idmap(int mount_fd, bool is_recursive, int user_ns_fd)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_ns_fd};

    return syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | (is_recursive ? AT_RECURSIVE : 0), &attr,
                   sizeof(attr)) == 0
               ? 0
               : -errno;
}

int
sc_mount_move(int mount_fd, int target_fd)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | (target_fd >= 0 ? MOVE_MOUNT_T_EMPTY_PATH : 0);

    return syscall(SYS_move_mount, mount_fd, "", target_fd >= 0 ? target_fd : AT_FDCWD, target_fd >= 0 ? "" : "/",
                   flags) == 0
               ? 0
               : -errno;
}

int
sc_mount_fs(int target_fd, const char *type, const char *source, unsigned long flags, const char *data)
{
    char target[FD_PATH_MAX];

    fd_path(target_fd, target);
    if (mount(source, target, type, flags, data) == 0)
        return 0;
    /* In a mount namespace that was joined, /proc may be of another pid namespace, where we are not. */
    if (errno != ENOENT || access("/proc/self", F_OK) == 0 || fchdir(target_fd) < 0)
        return -errno;
    return mount(source, ".", type, flags, data) == 0 ? 0 : -errno;
}

int
sc_mount_bind(int source_fd, int target_fd)
{
    char source[FD_PATH_MAX], target[FD_PATH_MAX];

    fd_path(source_fd, source);
    fd_path(target_fd, target);
    return mount(source, target, NULL, MS_BIND, NULL) == 0 ? 0 : -errno;
}

int
sc_mount_bind_tree(int source_fd, int target_fd, bool is_recursive)
{
    char source[FD_PATH_MAX], target[FD_PATH_MAX] = "/";

    fd_path(source_fd, source);
    if (target_fd >= 0)
        fd_path(target_fd, target);
    return mount(source, target, NULL, MS_BIND | (is_recursive ? MS_REC : 0), NULL) == 0 ? 0 : -errno;
}

/* What mount(2) is to be told so that a mount keeps what it has, but for set and clear. */
static int
remount_flags(int mount_fd, uint64_t set, uint64_t clear, unsigned long *flags)
{
    static const struct {
        uint64_t attr;
        unsigned long st_flag, ms_flag;
    } table[] = {
        {MOUNT_ATTR_RDONLY, ST_RDONLY, MS_RDONLY},
        {MOUNT_ATTR_NOSUID, ST_NOSUID, MS_NOSUID},
        {MOUNT_ATTR_NODEV, ST_NODEV, MS_NODEV},
        {MOUNT_ATTR_NOEXEC, ST_NOEXEC, MS_NOEXEC},
        {MOUNT_ATTR_NODIRATIME, ST_NODIRATIME, MS_NODIRATIME},
    };
    struct statvfs have;

    if (fstatvfs(mount_fd, &have) < 0)
        return -errno;
    /* MOUNT_ATTR_NOSYMFOLLOW and what came later: mount(2) would not do it, and must not seem to */
    if ((set & ~(uint64_t)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                           MOUNT_ATTR_NODIRATIME | MOUNT_ATTR__ATIME)) != 0)
        return -ENOSYS;
    *flags = MS_REMOUNT | MS_BIND;
    for (size_t i = 0; i < SC_ARRAY_LEN(table); i++)
        if ((set & table[i].attr) != 0 || ((have.f_flag & table[i].st_flag) != 0 && (clear & table[i].attr) == 0))
            *flags |= table[i].ms_flag;
    if ((clear & MOUNT_ATTR__ATIME) != 0)
        *flags |= (set & MOUNT_ATTR_NOATIME) != 0       ? MS_NOATIME
                  : (set & MOUNT_ATTR_STRICTATIME) != 0 ? MS_STRICTATIME
                                                        : MS_RELATIME;
    else
        *flags |= (have.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : (have.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
    return 0;
}

int
sc_mount_change(int mount_fd, uint64_t set, uint64_t clear)
{
    char name[FD_PATH_MAX];
    unsigned long flags = 0;
    int result = sc_mount_setattr(mount_fd, false, set, clear, 0);

    if (result != -ENOSYS)
        return result;
    result = remount_flags(mount_fd, set, clear, &flags);
    fd_path(mount_fd, name);
    return result < 0 ? result : mount(NULL, name, NULL, flags, NULL) == 0 ? 0 : -errno;
}

int
sc_mount_root_over(int source_fd)
{
    int result = sc_mount_bind_tree(source_fd, -1, true);

    /* "/" is still the mount beneath; ".." of it is followed up to the mount that covers it */
    if (result == 0)
        result = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return result == -1 ? -errno : result;
}

int
sc_mount_propagation(int target_fd, unsigned long flags)
{
    char target[FD_PATH_MAX] = "/";

    if (target_fd >= 0)
        fd_path(target_fd, target);
    if (mount(NULL, target, NULL, flags, NULL) == 0)
        return 0;
    if (errno != ENOENT || target_fd < 0 || access("/proc/self", F_OK) == 0 || fchdir(target_fd) < 0)
        return -errno;
    return mount(NULL, ".", NULL, flags, NULL) == 0 ? 0 : -errno;
}

/* ---- overlay ---------------------------------------------------------------------------------------- */

static int
set_string(int fs_fd, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, key, value, 0) == 0 ? 0 : -errno;
}

/* The descriptor stays open in *held: before Linux 6.5 the name is looked up when the mount is made, not when it is
 * given. */
static int
set_directory(int fs_fd, const char *key, const char *path, int *held)
{
    char name[FD_PATH_MAX];

    *held = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*held < 0)
        return -errno;
    /* as a descriptor's name: no ':' or ',' of a path can be taken for syntax, and no host path shows in the container
     */
    fd_path(*held, name);
    return set_string(fs_fd, key, name);
}

/* "lowerdir=/proc/self/fd/5:/proc/self/fd/6" opens the layers; they stay open until the mount is made. */
static int
join_layers(const struct sc_mount_overlay *o, int *fds, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < o->lower_count; i++) {
        fds[i] = open(o->lower[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fds[i] < 0)
            return -errno;
        if (at + FD_PATH_MAX + 1 > size)
            return -E2BIG;
        if (i > 0)
            out[at++] = ':';
        at += fd_path(fds[i], out + at);
    }
    return 0;
}

/* "lowerdir+" came with Linux 6.5, which looks a name up when it is given. As ".", from within each layer: a
 * descriptor's name is looked up in procfs, which makes an inode for it, and an image may have hundreds of layers. */
static int
set_lower_each(int fs_fd, const struct sc_mount_overlay *o)
{
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), result = here < 0 ? -errno : 0;

    for (size_t i = 0; i < o->lower_count && result == 0; i++)
        result = chdir(o->lower[i]) < 0 ? -errno : set_string(fs_fd, "lowerdir+", ".");
    if (here >= 0) {
        if (fchdir(here) < 0 && result == 0)
            result = -errno;
        close(here);
    }
    return result;
}

static int
overlay_create(int fs_fd, const struct sc_mount_overlay *o)
{
    int result = 0;

    if (o->is_volatile && o->upper != NULL)
        result = syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, "volatile", NULL, 0) == 0 ? 0 : -errno;
    if (result == 0 && o->is_userxattr)
        result = syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) == 0 ? 0 : -errno;
    if (result == 0)
        result = syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ? 0 : -errno;
    if (result == 0) {
        result = (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, 0);
        if (result < 0)
            result = -errno;
    }
    return result;
}

static int
overlay_detached(const struct sc_mount_overlay *o, bool is_joined)
{
    char value[FSCONFIG_STRING_MAX];
    int fds[FSCONFIG_STRING_MAX / 16], upper = -1, work = -1, result;
    int fs_fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);

    if (fs_fd < 0)
        return -errno;
    memset(fds, -1, sizeof(fds));
    if (!is_joined) {
        result = set_lower_each(fs_fd, o);
    } else {
        result = o->lower_count > SC_ARRAY_LEN(fds) ? -E2BIG : join_layers(o, fds, value, sizeof(value));
        if (result == 0)
            result = set_string(fs_fd, "lowerdir", value);
    }
    if (result == 0 && o->upper != NULL)
        result = set_directory(fs_fd, "upperdir", o->upper, &upper);
    if (result == 0 && o->upper != NULL)
        result = set_directory(fs_fd, "workdir", o->work, &work);
    if (result == 0)
        result = overlay_create(fs_fd, o);
    for (size_t i = 0; i < SC_ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (upper >= 0)
        close(upper);
    if (work >= 0)
        close(work);
    close(fs_fd);
    return result;
}

static bool
append(char *out, size_t size, size_t *at, const char *text)
{
    size_t len = strlen(text);

    if (*at + len + 1 > size)
        return false;
    memcpy(out + *at, text, len + 1);
    *at += len;
    return true;
}

/* mount(2) over "/" for kernels before 6.5 with more layers than one fsconfig value can name. */
static int
overlay_classic(const struct sc_mount_overlay *o)
{
    char data[LAYERS_DATA_MAX] = "lowerdir=", name[FD_PATH_MAX];
    int fds[LAYERS_DATA_MAX / 16], upper = -1, work = -1, result;
    size_t at;

    if (o->lower_count > SC_ARRAY_LEN(fds))
        return -E2BIG;
    memset(fds, -1, sizeof(fds));
    result = join_layers(o, fds, data + strlen("lowerdir="), sizeof(data) - 128);
    at = strlen(data);
    if (result == 0 && o->upper != NULL) {
        upper = open(o->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
        work = open(o->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (upper < 0 || work < 0) {
            result = -errno;
        } else {
            bool fits = append(data, sizeof(data), &at, ",upperdir=");
            fd_path(upper, name);
            fits = fits && append(data, sizeof(data), &at, name) && append(data, sizeof(data), &at, ",workdir=");
            fd_path(work, name);
            fits = fits && append(data, sizeof(data), &at, name) &&
                   (!o->is_volatile || append(data, sizeof(data), &at, ",volatile"));
            result = fits ? 0 : -E2BIG;
        }
    }
    if (result == 0 && o->is_userxattr && !append(data, sizeof(data), &at, ",userxattr"))
        result = -E2BIG;
    if (result == 0)
        result = mount("overlay", "/", "overlay", 0, data) == 0 ? 0 : -errno;
    for (size_t i = 0; i < o->lower_count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (upper >= 0)
        close(upper);
    if (work >= 0)
        close(work);
    /* "/" is still the mount beneath; ".." of it is followed up to the mount that covers it */
    if (result == 0)
        result = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return result >= 0 ? result : (result == -1 ? -errno : result);
}

int
sc_mount_layer(const char *image, int mount_fd, const char *lower, int user_ns_fd)
{
    int tree = mount_fd < 0 ? sc_mount_erofs(AT_FDCWD, image, true) : mount_fd, target = -1, result;

    if (tree < 0)
        return tree;
    result = user_ns_fd >= 0 ? sc_mount_idmap(tree, false, user_ns_fd) : 0;
    if (result == 0) {
        target = open(lower, O_PATH | O_DIRECTORY | O_CLOEXEC);
        result = target < 0 ? -errno : sc_mount_move(tree, target);
    }
    if (mount_fd < 0)
        close(tree);
    if (target >= 0)
        close(target);
    return result;
}

int
sc_mount_overlay(const struct sc_mount_overlay *overlay, bool *is_attached)
{
    int fd;

    *is_attached = false;
    for (size_t i = 0; overlay->images != NULL && i < overlay->lower_count; i++) {
        int mount_fd = overlay->mounts != NULL ? overlay->mounts[i] : -1, result = 0;

        if (overlay->images[i][0] != '\0')
            result = sc_mount_layer(overlay->images[i], mount_fd, overlay->lower[i], -1);
        if (result < 0)
            return result;
    }
    fd = overlay_detached(overlay, false);
    /* A kernel before 6.5 takes any key, and refuses "lowerdir+" only when the mount is made. */
    if (fd == -EINVAL)
        fd = overlay_detached(overlay, true);
    if (fd == -E2BIG || fd == -ENOSYS) {
        *is_attached = true;
        fd = overlay_classic(overlay);
    }
    return fd;
}

/* ---- the root -------------------------------------------------------------------------------------------- */

static int
pivot_to(int root_fd)
{
    int old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), result = 0;

    if (old_fd < 0)
        return -errno;
    /* pivot_root(2), "pivot_root(".", ".")": old and new root are stacked on one place, and the old one is taken away
     */
    if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || fchdir(old_fd) < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        result = -errno;
    close(old_fd);
    return result;
}

/* A caller in a chroot has a root that is not its mount namespace's. There pivot_root changes that root only, or, where
 * what is above has shared mounts, nothing (EINVAL). The namespace's would stay: for who enters it (setns(2) goes to
 * that root, so an exec would run on the host's files), and for who finds a way above its own. Entering the own
 * namespace shows which it is. Returns 1 when it was another and is left, 0 when there is nothing to leave. */
static int
pivot_again(int root_fd, int proc_fd)
{
    struct stat own, of_namespace;
    int result = 0, ns_fd = openat(proc_fd, "self/ns/mnt", O_RDONLY | O_CLOEXEC);

    if (ns_fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (stat("/", &own) < 0)
        result = -errno;
    else if (setns(ns_fd, CLONE_NEWNS) < 0)
        result = errno == EPERM ? 0 : -errno; /* no CAP_SYS_CHROOT: nor was there a chroot, then, by this caller */
    else if (stat("/", &of_namespace) < 0)
        result = -errno;
    else if (own.st_dev != of_namespace.st_dev || own.st_ino != of_namespace.st_ino) {
        /* what is above the chroot still hears of the host's mounts, and would tell it of the detaching */
        result = sc_mount_propagation(-1, MS_REC | MS_PRIVATE);
        if (result == 0 && (result = pivot_to(root_fd)) == 0)
            result = 1;
    }
    close(ns_fd);
    return result;
}

int
sc_mount_pivot(int root_fd, int proc_fd)
{
    int first = pivot_to(root_fd), result = first;

    if (proc_fd >= 0 && (first == 0 || first == -EINVAL))
        result = pivot_again(root_fd, proc_fd);
    if (first < 0) /* done by the second, or the first one's error */
        return result == 1 ? 0 : first;
    return result < 0 ? result : 0;
}

int
sc_mount_detach(const char *path)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || errno == ENOENT || errno == ENOTDIR)
        return 0;
    /* EINVAL: it came with the namespace of an owner with more rights, and can only be covered */
    return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0") == 0 ? 0 : -errno;
}

int
sc_mount_chroot(int root_fd)
{
    if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}
