/* The child's steps on mounts and files of the new root. All [child]: no allocation, no stdio. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "runtime/launch-priv.h"

static int
root_of(const struct sc_executor *x)
{
    return x->slots[SC_SLOT_ROOT];
}

static int
set_attributes(const struct sc_step *step, const int *slots, int fd)
{
    bool is_rec = (step->u.tree.propagation & MS_REC) != 0;
    /* of one mount all is changed at once */
    bool is_one = !step->u.tree.is_recursive && step->u.tree.attr_set_rec == 0 && step->u.tree.attr_clear_rec == 0;
    int result = sc_mount_setattr(fd, false, step->u.tree.attr_set, step->u.tree.attr_clear,
                                  is_one ? step->u.tree.propagation : 0);

    if (result == 0)
        result = sc_mount_setattr(fd, true, step->u.tree.attr_set_rec, step->u.tree.attr_clear_rec, 0);
    if (result == 0 && !is_one)
        result = sc_mount_setattr(fd, is_rec, 0, 0, step->u.tree.propagation);
    if (result == 0 && step->u.tree.idmap_slot != SC_SLOT_NONE)
        result = sc_mount_idmap(fd, step->u.tree.is_idmap_recursive, slots[step->u.tree.idmap_slot]);
    return result;
}

int
sc_tree_open_step(const struct sc_step *step, const int *slots, bool *is_plain)
{
    /* lint: the host's, as the caller's configuration names it */
    int fd = sc_mount_tree_open(AT_FDCWD, step->u.tree.source, step->u.tree.is_recursive);
    int result = fd < 0 ? fd : set_attributes(step, slots, fd);

    *is_plain = result == -ENOSYS;
    if (*is_plain) {
        if (fd >= 0)
            close(fd);
        fd = sc_classic_tree_open(step);
        result = fd < 0 ? fd : 0;
    }
    if (result == 0 && step->u.tree.must_be_proc && !sc_proc_is_root(fd))
        result = -EXDEV;
    if (result == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return result;
}

static int
step_tree_open(struct sc_executor *x, const struct sc_step *step)
{
    int fd = sc_tree_open_step(step, x->slots, &x->is_plain[step->slot]);

    if (fd < 0)
        return fd;
    x->slots[step->slot] = fd;
    return 0;
}

int
sc_overlay_step(const struct sc_step *step, bool *is_attached)
{
    const struct sc_overlay *o = step->u.overlay.overlay;
    struct sc_mount_overlay ask = {
        .lower = o->lowerdirs.items,
        .images = o->images.count == o->lowerdirs.count ? o->images.items : NULL,
        .mounts = o->mounts,
        .lower_count = o->lowerdirs.count,
        .upper = o->upperdir,
        .work = o->workdir,
        .is_volatile = o->is_volatile,
        .is_userxattr = o->is_userxattr,
    };

    return sc_mount_overlay(&ask, is_attached);
}

static int
step_overlay(struct sc_executor *x, const struct sc_step *step)
{
    int fd = sc_overlay_step(step, &x->is_root_attached);

    if (fd < 0)
        return fd;
    x->slots[SC_SLOT_ROOT] = fd;
    return 0;
}

static int
step_root_attach(struct sc_executor *x, const struct sc_step *step)
{
    int target = -1, result;

    bool is_shared = step->u.text.value != NULL;

    if (x->is_root_attached)
        return 0;
    if (x->is_plain[SC_SLOT_ROOT]) /* over "/", which others would be under */
        return is_shared ? -ENOSYS : sc_classic_root(x);
    if (step->u.text.text != NULL) {
        /* lint: the host's, as the caller's configuration names it */
        target = open(step->u.text.text, O_PATH | O_DIRECTORY | O_CLOEXEC);
        /* a mapped user may have no way there: then hooks have none either */
        if (target < 0 && (is_shared || errno != EACCES))
            return -errno;
    }
    result = sc_mount_move(root_of(x), target);
    if (target >= 0)
        close(target);
    return result;
}

static int
step_propagation(struct sc_executor *x, const struct sc_step *step)
{
    int fd = -1, result;

    if (step->u.propagation.path != NULL) {
        fd = sc_path_open(root_of(x), step->u.propagation.path, O_PATH, 0);
        if (fd < 0)
            return fd;
    }
    result = sc_mount_propagation(fd, (unsigned long)step->u.propagation.flags);
    if (fd >= 0)
        close(fd);
    return result;
}

static int
bind_instead(const struct sc_executor *x, const struct sc_step *step, int target)
{
    const char *source = step->u.mount.fallback_bind;
    uint64_t set = (step->u.mount.ms_flags & MS_RDONLY) != 0 ? MOUNT_ATTR_RDONLY : 0;
    const struct sc_bind bind = {.is_recursive = true, .attr_set = set, .propagation = MS_PRIVATE};
    /* lint: the host's, as the caller's configuration names it */
    int tree = sc_mount_tree_open(AT_FDCWD, source, true);
    int result = tree < 0 ? tree : sc_mount_setattr(tree, true, set, 0, MS_PRIVATE);

    if (result == 0)
        result = sc_mount_move(tree, target);
    if (tree >= 0)
        close(tree);
    return result == -ENOSYS ? sc_classic_bind(x, source, -1, target, step->u.mount.destination, &bind) : result;
}

/* A tmpfs takes after the directory that it covers: its mode where the config names none, and with tmpcopyup all that
 * is in it. It is writable until that is done. */
static int
mount_over(struct sc_executor *x, const struct sc_step *step, int covered, const struct stat *st)
{
    const char *path = step->u.mount.destination;
    int result = sc_mount_fs(covered, step->u.mount.type, step->u.mount.source,
                             step->u.mount.ms_flags & ~(unsigned long)MS_RDONLY, step->u.mount.data);
    int fd = result == 0 ? sc_path_open(root_of(x), path, O_RDONLY | O_DIRECTORY, 0) : result;

    struct statfs fs;

    if (fd < 0)
        return fd;
    /* a shared volume may have been exchanged meanwhile */
    if (fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC)
        result = -ESTALE;
    if (result == 0 && step->u.mount.keeps_mode && st != NULL && fchmod(fd, st->st_mode & 07777) < 0)
        result = -errno;
    if (result == 0 && step->u.mount.copies_up)
        result = sc_copy_up(covered, fd);
    if (result == 0 && (step->u.mount.ms_flags & MS_RDONLY) != 0)
        result = sc_mount_fs(fd, NULL, NULL, MS_REMOUNT | MS_BIND | step->u.mount.ms_flags, NULL);
    close(fd);
    return result;
}

/* What is to be mounted on destination may cover fd. By name the config was checked already, but a link of the image
 * can lead anywhere: in procfs only files that are a virtual machine's own may be covered, and /proc by a procfs. */
static int
check_target(int fd, const char *destination, bool is_proc)
{
    if (!sc_proc_is_fs(fd))
        return fd;
    enum sc_oci_in_proc in_proc = sc_oci_in_proc(destination);
    if (in_proc == SC_OCI_PROC_FILE || (in_proc == SC_OCI_PROC_ROOT && is_proc))
        return fd;
    close(fd);
    return -EPERM;
}

static int
label_mount(struct sc_executor *x, const struct sc_step *step)
{
    const char *label = step->u.mount.label;
    int result = 0, fd = sc_path_open(root_of(x), step->u.mount.destination, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return fd;
    if (fsetxattr(fd, "security.selinux", label, strlen(label), 0) < 0)
        result = -errno;
    close(fd);
    return result;
}

static int
step_mount(struct sc_executor *x, const struct sc_step *step)
{
    bool is_proc = strcmp(step->u.mount.type, "proc") == 0, was_there = false;
    int result, target = sc_child_open_target(x, step->u.mount.destination,
                                              is_proc || strcmp(step->u.mount.type, "sysfs") == 0, false, &was_there);
    struct stat st;

    if (target >= 0)
        target = check_target(target, step->u.mount.destination, is_proc);
    if (target < 0)
        return target;
    if (step->u.mount.copies_up || step->u.mount.keeps_mode)
        result = mount_over(x, step, target, was_there && fstat(target, &st) == 0 ? &st : NULL);
    else
        result =
            sc_mount_fs(target, step->u.mount.type, step->u.mount.source, step->u.mount.ms_flags, step->u.mount.data);
    if ((result == -EPERM || result == -EBUSY) && step->u.mount.fallback_bind != NULL)
        result = bind_instead(x, step, target);
    else if (result == 0 && step->u.mount.label != NULL)
        result = label_mount(x, step);
    close(target);
    return result;
}

static int
step_mount_tree(struct sc_executor *x, const struct sc_step *step)
{
    struct stat st;
    int tree = x->slots[step->slot], result;
    bool was_there;

    if (fstat(tree, &st) < 0)
        return -errno;
    int target =
        sc_child_open_target(x, step->u.tree.destination, step->u.tree.must_be_proc, !S_ISDIR(st.st_mode), &was_there);
    if (target >= 0)
        target = check_target(target, step->u.tree.destination, step->u.tree.must_be_proc);
    if (target < 0)
        return target;
    if (x->is_plain[step->slot]) {
        const struct sc_bind bind = {.is_recursive = step->u.tree.is_recursive,
                                     .attr_set = step->u.tree.attr_set,
                                     .attr_clear = step->u.tree.attr_clear,
                                     .propagation = step->u.tree.propagation};

        result = sc_classic_bind(x, step->u.tree.source, tree, target, step->u.tree.destination, &bind);
    } else {
        result = sc_mount_move(tree, target);
    }
    /* move_mount(2) says EINVAL of a file on a directory as of much else; engines know mount(2)'s own word for it. */
    bool is_dir = S_ISDIR(st.st_mode);
    if (result == -EINVAL && fstat(target, &st) == 0 && S_ISDIR(st.st_mode) != is_dir)
        result = -ENOTDIR;
    close(target);
    return result;
}

static int
step_mknod(struct sc_executor *x, const struct sc_step *step)
{
    mode_t type = step->u.node.type == 'b' ? S_IFBLK : step->u.node.type == 'p' ? S_IFIFO : S_IFCHR;
    dev_t device = makedev((unsigned)step->u.node.major, (unsigned)step->u.node.minor);
    struct stat st;
    const char *name;
    int result = 0, dir = sc_child_open_dir(x, step->u.node.path, &name);

    if (dir < 0)
        return dir;
    if (mknodat(dir, name, type | (step->u.node.mode & 07777), device) < 0) {
        result = -errno;
        /* an image may bring the node; anything else in its place is refused */
        if (result == -EEXIST && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type &&
            st.st_rdev == device)
            result = 0;
    }
    if (result == 0 && (step->u.node.uid != 0 || step->u.node.gid != 0) &&
        fchownat(dir, name, step->u.node.uid, step->u.node.gid, AT_SYMLINK_NOFOLLOW) < 0)
        result = -errno;
    /* /proc's masked files are covered by this node, never by one the image brought */
    if (result == 0 && step->u.node.major == 1 && step->u.node.minor == 3 && type == S_IFCHR && x->null_fd < 0)
        x->null_fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return result;
}

static int
step_symlink(struct sc_executor *x, const struct sc_step *step)
{
    const char *name;
    int dir = sc_child_open_dir(x, step->u.link.path, &name);

    if (dir < 0)
        return dir;
    return symlinkat(step->u.link.target, dir, name) == 0 || errno == EEXIST ? 0 : -errno;
}

static int
step_root_readonly(struct sc_executor *x, const struct sc_step *step)
{
    (void)step;
    return sc_mount_change(root_of(x), MOUNT_ATTR_RDONLY, 0);
}

static int
step_readonly_path(struct sc_executor *x, const struct sc_step *step)
{
    int result, target = sc_path_open(root_of(x), step->u.text.text, O_PATH, 0);

    if (target < 0)
        return target == -ENOENT || target == -ENOTDIR ? 0 : target;
    /* the root of a mount changes in place; anything else is covered by a copy of itself */
    result = sc_mount_setattr(target, false, MOUNT_ATTR_RDONLY, 0, 0);
    if (result != 0) {
        int tree = sc_mount_tree_open(target, "", true);

        result = tree < 0 ? tree : sc_mount_setattr(tree, true, MOUNT_ATTR_RDONLY, 0, 0);
        if (result == 0)
            result = sc_mount_move(tree, target);
        if (tree >= 0)
            close(tree);
        if (result == -ENOSYS)
            result = sc_classic_readonly(x, target, step->u.text.text);
    }
    close(target);
    return result;
}

/* One empty tmpfs serves every masked directory: the first is mounted, the others are binds of it. */
static int
mask_directory(struct sc_executor *x, int target, const char *path, const char *data)
{
    int result;

    if (x->mask_fd >= 0)
        return sc_mount_bind(x->mask_fd, target);
    result = sc_mount_fs(target, "tmpfs", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                         data != NULL ? data : "nr_blocks=1,nr_inodes=1");
    if (result < 0)
        return result;
    x->mask_fd = sc_path_open(root_of(x), path, O_PATH | O_DIRECTORY, 0);
    return x->mask_fd < 0 ? x->mask_fd : 0;
}

static int
step_mask_path(struct sc_executor *x, const struct sc_step *step)
{
    struct stat st;
    int result, target = sc_path_open(root_of(x), step->u.text.text, O_PATH, 0);

    if (target < 0)
        return target == -ENOENT || target == -ENOTDIR ? 0 : target;
    if (fstat(target, &st) < 0) {
        result = -errno;
    } else if (S_ISDIR(st.st_mode)) {
        result = mask_directory(x, target, step->u.text.text, step->u.text.value);
    } else {
        /* in a user namespace no node was made: the host's is bound, where the container has no right over it */
        if (x->null_fd < 0)
            /* lint: the host's, as the caller's configuration names it */
            x->null_fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (x->null_fd < 0 || fstat(x->null_fd, &st) < 0)
            result = -errno;
        else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
            result = -ENODEV;
        else
            result = sc_mount_bind(x->null_fd, target);
    }
    close(target);
    return result;
}

static int
step_pivot(struct sc_executor *x, const struct sc_step *step)
{
    (void)step;
    return sc_mount_pivot(root_of(x), x->slots[SC_SLOT_PROC]);
}

static int
step_detach(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_mount_detach(step->u.text.text);
}

static int
step_chroot(struct sc_executor *x, const struct sc_step *step)
{
    (void)step;
    return sc_mount_chroot(root_of(x));
}

/* The master of a new pty. What is opened is looked at first: opening a device that an image brought can do things. */
static int
open_master(int proc_fd, int root_fd)
{
    struct statfs fs;
    struct stat st;
    int result, fd = sc_path_open(root_fd, "dev/pts/ptmx", O_PATH, 0);

    if (fd < 0)
        return fd;
    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        result = -errno;
    else if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        result = -ENODEV;
    else
        result = sc_fd_reopen(proc_fd, fd, O_RDWR | O_NOCTTY);
    close(fd);
    return result;
}

static int
open_terminal(int proc_fd, int root_fd, int *master)
{
    int unlocked = 0;

    *master = open_master(proc_fd, root_fd);
    if (*master < 0)
        return *master;
    if (ioctl(*master, TIOCSPTLCK, &unlocked) < 0)
        return -errno;
    int slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return slave >= 0 ? slave : -errno;
}

/* The file that the terminal covers: never what a link of the image points to. */
static int
open_console(int root_fd)
{
    struct stat st;
    const char *name;
    int fd = -1, dir = sc_path_parent(root_fd, "/dev/console", &name);

    if (dir < 0)
        return dir;
    int made = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made >= 0)
        close(made);
    fd = made >= 0 || errno == EEXIST ? openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    int result = fd < 0 ? -errno : fstat(fd, &st) < 0 ? -errno : S_ISLNK(st.st_mode) ? -ELOOP : fd;
    close(dir);
    if (result >= 0)
        return check_target(result, "/dev/console", false);
    if (fd >= 0)
        close(fd);
    return result;
}

static int
clear_onlcr(int terminal)
{
    struct termios modes;

    if (tcgetattr(terminal, &modes) < 0)
        return -errno;
    modes.c_oflag &= ~(tcflag_t)ONLCR;
    return tcsetattr(terminal, TCSANOW, &modes) < 0 ? -errno : 0;
}

static int
step_console(struct sc_executor *x, const struct sc_step *step)
{
    struct winsize size = {.ws_row = (unsigned short)step->u.console.height,
                           .ws_col = (unsigned short)step->u.console.width};
    int master = -1, result = 0, own_root = -1;

    if (root_of(x) < 0) /* an exec is inside already */
        /* lint: the host's, as the caller's configuration names it */
        x->slots[SC_SLOT_ROOT] = own_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int slave = open_terminal(x->slots[SC_SLOT_PROC], root_of(x), &master);
    if (slave < 0) {
        if (master >= 0)
            close(master);
        return slave;
    }
    if (size.ws_row != 0 && ioctl(slave, TIOCSWINSZ, &size) < 0)
        result = -errno;
    if (result == 0 && x->how->clears_onlcr)
        result = clear_onlcr(slave);
    if (result == 0 && step->u.console.uid != 0 && fchown(slave, step->u.console.uid, (gid_t)-1) < 0)
        result = -errno;
    if (result == 0 && step->u.console.binds_console) {
        int target = open_console(root_of(x));

        result = target < 0 ? target : sc_mount_bind(slave, target);
        if (target >= 0)
            close(target);
    }
    if (result == 0)
        result = sc_child_send(x->sock, &(struct sc_child_msg){.type = SC_CHILD_CONSOLE}, master);
    if (result == 0 &&
        (ioctl(slave, TIOCSCTTY, 0) < 0 || dup2(slave, 0) < 0 || dup2(slave, 1) < 0 || dup2(slave, 2) < 0))
        result = -errno;
    close(slave);
    close(master);
    return result;
}

sc_child_fn
sc_child_mount_executor(enum sc_op op)
{
    static const sc_child_fn table[SC_OP_COUNT] = {
        [SC_OP_TREE_OPEN] = step_tree_open,
        [SC_OP_OVERLAY] = step_overlay,
        [SC_OP_ROOT_ATTACH] = step_root_attach,
        [SC_OP_PROPAGATION] = step_propagation,
        [SC_OP_ROOT_PROPAGATION] = step_propagation,
        [SC_OP_MOUNT] = step_mount,
        [SC_OP_MOUNT_TREE] = step_mount_tree,
        [SC_OP_MKNOD] = step_mknod,
        [SC_OP_SYMLINK] = step_symlink,
        [SC_OP_ROOT_READONLY] = step_root_readonly,
        [SC_OP_READONLY_PATH] = step_readonly_path,
        [SC_OP_MASK_PATH] = step_mask_path,
        [SC_OP_PIVOT] = step_pivot,
        [SC_OP_DETACH] = step_detach,
        [SC_OP_CHROOT] = step_chroot,
        [SC_OP_CONSOLE] = step_console,
    };

    return table[op];
}
