/* nosync: preloaded, it makes a program's syncs do nothing, so that one can see what they cost (bench/images). */
#include <fcntl.h>
#include <unistd.h>

int
fsync(int fd)
{
    (void)fd;
    return 0;
}

int
fdatasync(int fd)
{
    (void)fd;
    return 0;
}

int
syncfs(int fd)
{
    (void)fd;
    return 0;
}

int
sync_file_range(int fd, off_t offset, off_t count, unsigned flags)
{
    (void)fd;
    (void)offset;
    (void)count;
    (void)flags;
    return 0;
}
