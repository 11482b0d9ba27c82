/*
 * A container that a command has paused for as long as it works on it (commit). A command can be killed, and then
 * nobody would let the container go on; so
 *
 *     <run>/committing     is there and flocked by the command while it does
 *
 * and whoever finds the container paused and the file unlocked thaws it. A pause or an unpause by hand removes the
 * file: the container is its user's from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define NAME  "committing"
#define FRESH "committing.new"

/* Whether the name is still the one of what we have open. */
static bool
is_named(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* The file of a holder that is gone, locked by us; -1: there is none, or its holder lives. */
static int
open_left(int run_fd)
{
    sc_cleanup_fd fd = openat(run_fd, NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && is_named(fd) ? sc_steal_fd(&fd) : -1;
}

/* It has its name only once it is locked: nobody takes it for one that was left. */
static int
make_file(int run_fd, const char *name, struct sc_err *err)
{
    for (;;) {
        sc_cleanup_fd fd = sc_lock_at(run_fd, FRESH, SC_LOCK_EXCLUSIVE, true, err), left = -1;

        if (fd < 0)
            return -1;
        if (syscall(SYS_renameat2, run_fd, FRESH, run_fd, NAME, RENAME_NOREPLACE) == 0)
            return sc_steal_fd(&fd);
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "note that container \"%s\" is held", name);
        left = open_left(run_fd);
        if (left < 0)
            return sc_err_set(err, SC_ERR_BUSY, "container \"%s\" is being committed", name);
        (void)unlinkat(run_fd, NAME, 0);
    }
}

int
sc_engine_hold(struct sc_engine *engine, const struct sc_container *container, int *out, struct sc_err *err)
{
    sc_cleanup_fd run = sc_engine_run_dir(engine, container->id, err), fd = -1;

    if (run < 0)
        return -1;
    fd = make_file(run, container->name, err);
    if (fd < 0)
        return -1;
    if (sc_engine_freeze(engine, container, true, err) < 0) {
        (void)unlinkat(run, NAME, 0);
        return -1;
    }
    *out = sc_steal_fd(&fd);
    return 0;
}

int
sc_engine_let_go(struct sc_engine *engine, const struct sc_container *container, int fd, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, container->id, &ignored);
    int result = 0;

    if (is_named(fd)) {
        result = sc_engine_freeze(engine, container, false, err);
        if (run >= 0)
            (void)unlinkat(run, NAME, 0);
    }
    close(fd);
    return result;
}

void
sc_hold_forget(const struct sc_engine *engine, const char *id)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, &ignored);

    if (run >= 0)
        (void)unlinkat(run, NAME, 0);
}

bool
sc_hold_end(int run_fd, const struct sc_state *state)
{
    struct sc_err ignored = SC_ERR_INIT; /* it stays paused, as its state says */
    sc_cleanup_fd left = open_left(run_fd);

    if (left < 0 || sc_runtime_freeze(state, false, &ignored) < 0)
        return false;
    (void)unlinkat(run_fd, NAME, 0);
    return true;
}
