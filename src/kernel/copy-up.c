/* A directory's content into a fresh tmpfs (the mount option tmpcopyup). [child]: no allocation, no stdio. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel/kernel.h"

#define DEPTH_MAX    128 /* directories within each other: one buffer of the stack each */
#define ENTRIES_MAX  4096
#define COPY_MAX     65536
#define XATTR_MAX    4096
#define LINK_LEN_MAX 4096

struct linux_dirent { /* getdents64(2); libc has no declaration */
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

static int copy_entries(int from_fd, int to_fd, dev_t device, int depth);

/* What the tmpfs does not store (user.* before Linux 6.6) is left out, as cp -a does. */
static void
copy_xattrs(int from_fd, int to_fd)
{
    char names[XATTR_MAX], value[XATTR_MAX];
    ssize_t len = flistxattr(from_fd, names, sizeof(names));

    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from_fd, names + at, value, sizeof(value));

        if (size >= 0)
            (void)fsetxattr(to_fd, names + at, value, (size_t)size, 0);
    }
}

/* The owner first: changing it clears setuid and file capabilities. */
static int
copy_attributes(int from_fd, int to_fd, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
        return -errno;
    copy_xattrs(from_fd, to_fd);
    return futimens(to_fd, times) < 0 ? -errno : 0;
}

static int
copy_bytes(int from_fd, int to_fd)
{
    char buffer[COPY_MAX];

    for (;;) {
        ssize_t len = read(from_fd, buffer, sizeof(buffer));

        if (len == 0)
            return 0;
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return -errno;
        for (ssize_t done = 0; done < len;) {
            ssize_t n = write(to_fd, buffer + done, (size_t)(len - done));

            if (n < 0 && errno != EINTR)
                return -errno;
            done += n > 0 ? n : 0;
        }
    }
}

static int
copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), result;

    if (from < 0)
        return -errno;
    int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) {
        result = -errno;
    } else {
        result = copy_bytes(from, to);
        if (result == 0)
            result = copy_attributes(from, to, st);
        close(to);
    }
    close(from);
    return result;
}

static int
copy_directory(int from_dir, int to_dir, const char *name, const struct stat *st, dev_t device, int depth)
{
    int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), to = -1, result;

    if (from < 0)
        return -errno;
    if (mkdirat(to_dir, name, 0700) < 0 ||
        (to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0) {
        result = -errno;
    } else {
        result = copy_entries(from, to, device, depth + 1);
        if (result == 0)
            result = copy_attributes(from, to, st);
        close(to);
    }
    close(from);
    return result;
}

static int
copy_other(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char target[LINK_LEN_MAX];

    if (S_ISLNK(st->st_mode)) {
        ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

        if (len < 0)
            return -errno;
        target[len] = '\0';
        if (symlinkat(target, to_dir, name) < 0)
            return -errno;
    } else if (mknodat(to_dir, name, st->st_mode & (S_IFMT | 07777), st->st_rdev) < 0) {
        return -errno;
    }
    return fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int
copy_entry(int from_fd, int to_fd, const char *name, dev_t device, int depth)
{
    struct stat st;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (st.st_dev != device)
        return 0; /* another file system that is mounted there: it stays covered */
    if (S_ISREG(st.st_mode))
        return copy_file(from_fd, to_fd, name, &st);
    if (S_ISDIR(st.st_mode))
        return depth < DEPTH_MAX ? copy_directory(from_fd, to_fd, name, &st, device, depth) : -ELOOP;
    return copy_other(from_fd, to_fd, name, &st);
}

static int
copy_entries(int from_fd, int to_fd, dev_t device, int depth)
{
    _Alignas(8) char entries[ENTRIES_MAX];

    for (;;) {
        long len = syscall(SYS_getdents64, from_fd, entries, sizeof(entries));

        if (len <= 0)
            return len < 0 ? -errno : 0;
        for (long at = 0; at < len;) {
            const struct linux_dirent *entry = (const void *)(entries + at);
            int result = copy_entry(from_fd, to_fd, entry->name, device, depth);

            if (result < 0)
                return result;
            at += entry->reclen;
        }
    }
}

int
sc_copy_up(int from_fd, int to_fd)
{
    struct stat st;
    /* from_fd may be O_PATH, which cannot be read */
    int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

    if (from < 0)
        return -errno;
    result = fstat(from, &st) < 0 ? -errno : copy_entries(from, to_fd, st.st_dev, 0);
    if (result == 0 && fchown(to_fd, st.st_uid, st.st_gid) < 0)
        result = -errno;
    close(from);
    return result;
}
