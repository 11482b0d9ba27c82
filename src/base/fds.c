/* Closing what a program must not inherit. [child]: no allocation, no stdio. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* Linux 5.9; the same number on every architecture */
#endif
#define FDS_LIMIT (1U << 20)

/* struct linux_dirent64 of getdents64(2), which libc does not declare */
struct entry {
    uint64_t ino;
    int64_t off;
    unsigned short len;
    unsigned char type;
    char name[];
};

/* The number that a name of /proc/self/fd is; ~0U for "." and "..". */
static unsigned
entry_fd(const char *name)
{
    unsigned fd = 0;

    for (; *name != '\0'; name++) {
        if (*name < '0' || *name > '9')
            return ~0U;
        fd = fd * 10 + (unsigned)(*name - '0');
    }
    return fd;
}

static int
close_listed(int dir, unsigned first, unsigned last)
{
    _Alignas(struct entry) char chunk[1024];
    long got;

    /* procfs lists by number: closing what was listed leaves the rest where it is */
    while ((got = syscall(SYS_getdents64, dir, chunk, sizeof(chunk))) > 0) {
        for (long at = 0; at < got;) {
            const struct entry *entry = (const struct entry *)(chunk + at);
            unsigned fd = entry_fd(entry->name);

            if (fd != ~0U && fd >= first && fd <= last && fd != (unsigned)dir)
                close((int)fd);
            at += entry->len;
        }
    }
    return got < 0 ? -errno : 0;
}

int
sc_fds_close(int proc_fd, unsigned first, unsigned last)
{
    struct rlimit limit;

    if (first > last || syscall(SYS_close_range, first, last, 0U) == 0)
        return 0;
    /* ENOSYS; or EPERM, of a seccomp filter that does not know it */
    if (errno == EINVAL)
        return -errno;
    int dir = openat(proc_fd, proc_fd >= 0 ? "self/fd" : "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        int result = close_listed(dir, first, last);

        close(dir);
        return result;
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    for (unsigned fd = first; fd <= last && fd < limit.rlim_max && fd < FDS_LIMIT; fd++)
        close((int)fd);
    return 0;
}

static int
compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

void
sc_fds_close_but(unsigned first, int *keep, size_t count)
{
    qsort(keep, count, sizeof(*keep), compare);
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < 0 || (unsigned)keep[i] < first)
            continue;
        if ((unsigned)keep[i] > first)
            (void)sc_fds_close(-1, first, (unsigned)keep[i] - 1);
        first = (unsigned)keep[i] + 1;
    }
    (void)sc_fds_close(-1, first, ~0U);
}
