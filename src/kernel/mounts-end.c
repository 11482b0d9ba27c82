/* The end of a container's mounts. musl-clean: the monitor too. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/kernel.h"

int
sc_mounts_hold(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
}

static void *
let_go(void *data)
{
    close(*(const int *)data);
    return NULL;
}

void
sc_mounts_end_begin(struct sc_mounts_end *end, int *hold_fd)
{
    end->fd = *hold_fd;
    *hold_fd = -1;
    end->is_running = end->fd >= 0 && pthread_create(&end->thread, NULL, let_go, &end->fd) == 0;
    /* a limit of processes may forbid the thread */
    if (end->fd >= 0 && !end->is_running)
        close(end->fd);
}

void
sc_mounts_end_join(struct sc_mounts_end *end)
{
    if (end->is_running)
        (void)pthread_join(end->thread, NULL);
    end->is_running = false;
}
