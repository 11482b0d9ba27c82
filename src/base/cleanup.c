#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/base.h"

void
sc_closep(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = saved;
}

void
sc_freep(void *ptr_to_ptr)
{
    void **where = ptr_to_ptr;
    int saved = errno;

    free(*where);
    *where = NULL;
    errno = saved;
}

void
sc_closedirp(void *ptr_to_dir)
{
    DIR **where = ptr_to_dir;
    int saved = errno;

    if (*where)
        (void)closedir(*where);
    *where = NULL;
    errno = saved;
}
