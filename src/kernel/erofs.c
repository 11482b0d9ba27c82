/*
 * EROFS images as file systems: a detached read-only mount of a file, or of two: an image may say that what its files
 * hold is in another file, which is then beside it.
 *
 * Linux 6.12 mounts files themselves. Before, loop devices stand between; they go away with the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

#ifndef LOOP_CONFIGURE /* Linux 5.8; Debian's headers have it, older ones may not */
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
    __u32 fd;
    __u32 block_size;
    struct loop_info64 info;
    __u64 reserved[8];
};
#endif
#define LOOP_TRIES 64
#define NAME_MAX_  32

#define SUPER_AT    1024
#define HAS_DEVICES 8u /* among the features of a superblock */

/* device: NULL where the image holds everything. */
static int
mount_source(const char *source, const char *device)
{
    int fs_fd = (int)syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC), result;

    if (fs_fd < 0)
        return -errno;
    result = syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
                     syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "source", source, 0) == 0 &&
                     (!device || syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "device", device, 0) == 0) &&
                     syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0
                 ? (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)
                 : -1;
    if (result < 0)
        result = -errno;
    close(fs_fd);
    return result;
}

/* A loop device with the file in it, which is freed when nobody has it open or mounted: its fd. */
static int
open_loop(int file_fd, unsigned block, char name[NAME_MAX_])
{
    struct loop_config config = {.fd = (__u32)file_fd, .block_size = block};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), result = -EBUSY;

    if (control < 0)
        return -errno;
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    for (int i = 0; i < LOOP_TRIES && result == -EBUSY; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        if (number < 0) {
            result = -errno;
            break;
        }
        (void)snprintf(name, NAME_MAX_, "/dev/loop%d", number);
        result = open(name, O_RDONLY | O_CLOEXEC);
        if (result < 0) {
            result = -errno;
        } else if (ioctl(result, LOOP_CONFIGURE, &config) < 0) {
            /* EBUSY: another process took it first */
            int saved = errno;

            close(result);
            result = -saved;
        }
    }
    close(control);
    return result;
}

/* What has two files has blocks of 512 bytes (image/erofs-priv.h). */
static int
mount_loops(int image_fd, int tar_fd)
{
    const unsigned block = tar_fd >= 0 ? 512 : 4096;
    char image[NAME_MAX_], tar[NAME_MAX_];
    int image_loop = open_loop(image_fd, block, image), tar_loop = -1, result;

    if (image_loop < 0)
        return image_loop;
    result = tar_loop = tar_fd >= 0 ? open_loop(tar_fd, block, tar) : -1;
    if (tar_fd < 0 || tar_loop >= 0)
        result = mount_source(image, tar_fd >= 0 ? tar : NULL);
    if (tar_loop >= 0)
        close(tar_loop);
    close(image_loop);
    return result;
}

/* tar_fd: -1 where there is none. */
static int
mount_files(int image_fd, int tar_fd, bool may_loop)
{
    char image[NAME_MAX_], tar[NAME_MAX_];
    int result;

    (void)snprintf(image, sizeof(image), "/proc/self/fd/%d", image_fd);
    (void)snprintf(tar, sizeof(tar), "/proc/self/fd/%d", tar_fd);
    result = mount_source(image, tar_fd >= 0 ? tar : NULL);
    return result == -ENOTBLK && may_loop ? mount_loops(image_fd, tar_fd) : result;
}

static uint32_t
get_le32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Whether an image has the tar that it wants: -EUCLEAN where there is none, or too short a one. The kernel would mount
 * it all the same, and what it does not find it leaves as its memory was. (image/erofs-priv.h has the format.) */
static int
check_tar(int image_fd, int tar_fd)
{
    unsigned char head[128 + 128]; /* the slot of the tar, and the superblock */
    struct stat st;

    if (pread(image_fd, head, sizeof(head), SUPER_AT - 128) != (ssize_t)sizeof(head) ||
        !(get_le32(head + 128 + 80) & HAS_DEVICES))
        return tar_fd >= 0 ? -EUCLEAN : 0;
    if (tar_fd < 0)
        return -EUCLEAN;
    if (fstat(tar_fd, &st) < 0)
        return -errno;
    return ((uint64_t)st.st_size + 511) / 512 < get_le32(head + 64) ? -EUCLEAN : 0;
}

int
sc_mount_erofs(int dir_fd, const char *path, bool may_loop)
{
    char tar[PATH_MAX];
    int image_fd = -1, tar_fd = -1, result = -ENAMETOOLONG;

    if ((size_t)snprintf(tar, sizeof(tar), "%s" SC_EROFS_TAR, path) >= sizeof(tar))
        return result;
    image_fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (image_fd < 0)
        return -errno;
    tar_fd = openat(dir_fd, tar, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    result = tar_fd < 0 && errno != ENOENT ? -errno : check_tar(image_fd, tar_fd);
    if (result == 0)
        result = mount_files(image_fd, tar_fd, may_loop);
    if (tar_fd >= 0)
        close(tar_fd);
    close(image_fd);
    return result;
}

/* ---- whether it works ----------------------------------------------------------------------------------- */

#define BLOCK       4096
#define ROOT_OFFSET 1152 /* right behind the superblock, 36 slots of 32 bytes */

static void
put_le(unsigned char *at, int bytes, uint64_t value)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* The smallest file system: a superblock and an empty directory (image/erofs-priv.h has the format). */
static void
empty_image(unsigned char image[2 * BLOCK])
{
    unsigned char *super = image + SUPER_AT, *inode = image + ROOT_OFFSET, *entries = inode + 64;

    memset(image, 0, 2 * (size_t)BLOCK);
    put_le(super, 4, 0xE0F5E1E2);
    super[12] = 12; /* blocks of 4 KiB */
    put_le(super + 14, 2, ROOT_OFFSET / 32);
    put_le(super + 16, 8, 1);     /* one inode */
    put_le(super + 36, 4, 2);     /* two blocks */
    put_le(inode, 2, 1 | 2 << 1); /* an extended inode, data inline */
    put_le(inode + 4, 2, 040755);
    put_le(inode + 8, 8, 2 * 12 + 3);
    put_le(inode + 20, 4, 1);
    put_le(inode + 44, 4, 2);
    for (int i = 0; i < 2; i++) { /* "." and "..": both itself */
        put_le(entries + 12 * i, 8, ROOT_OFFSET / 32);
        put_le(entries + 12 * i + 8, 2, 24 + (uint64_t)i);
        entries[12 * i + 10] = 2;
    }
    memset(entries + 24, '.', 3);
}

int
sc_erofs_probe(int dir_fd)
{
    unsigned char image[2 * BLOCK];
    char name[NAME_MAX_];
    int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), read_fd, result = 0;

    if (fd < 0)
        return -errno;
    empty_image(image);
    if (write(fd, image, sizeof(image)) != (ssize_t)sizeof(image))
        result = errno ? -errno : -EIO;
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    read_fd = result == 0 ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    close(fd);
    if (read_fd < 0)
        return result ? result : -errno;
    result = mount_files(read_fd, -1, false);
    close(read_fd);
    if (result < 0)
        return result;
    close(result);
    return 0;
}
