/*
 * EROFS images as file systems: a detached read-only mount of a file.
 *
 * Linux 6.12 mounts the file itself. Before, a loop device stands between; it goes away with the mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
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

static int
mount_source(const char *source)
{
    int fs_fd = (int)syscall(SYS_fsopen, "erofs", FSOPEN_CLOEXEC), result;

    if (fs_fd < 0)
        return -errno;
    result = syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
                     syscall(SYS_fsconfig, fs_fd, FSCONFIG_SET_STRING, "source", source, 0) == 0 &&
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
open_loop(int image_fd, char name[NAME_MAX_])
{
    struct loop_config config = {.fd = (__u32)image_fd, .block_size = 4096};
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

int
sc_mount_erofs(int image_fd, bool may_loop)
{
    char source[NAME_MAX_];
    int result, loop;

    (void)snprintf(source, sizeof(source), "/proc/self/fd/%d", image_fd);
    result = mount_source(source);
    if (result != -ENOTBLK || !may_loop)
        return result;
    loop = open_loop(image_fd, source);
    if (loop < 0)
        return loop;
    result = mount_source(source);
    close(loop);
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
    unsigned char *super = image + 1024, *inode = image + ROOT_OFFSET, *entries = inode + 64;

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
    result = sc_mount_erofs(read_fd, false);
    close(read_fd);
    if (result < 0)
        return result;
    close(result);
    return 0;
}
