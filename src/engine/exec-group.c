/* A cgroup of its own, below the container's, for a command that is executed in it: all that the command has started is
 * found there, also what has left its session and what another process has adopted. It has no limits of its own: the
 * container's hold. Where none can be made (a caller without root to whom none is delegated, a container that allows no
 * more of them or has made its own a threaded one), the command is in the container's, as any other. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/cgroup/groups.h"

#define GROUP "/sc-health"

/* The DIR of "DIR/cgroup.freeze" (v2), else of "DIR/freezer.state" (v1): what forks while it is killed is frozen. */
static char *
dir_of(const struct sc_state *state, struct sc_arena *arena)
{
    const char *file = NULL;

    for (size_t i = 0; i < state->freezers.count; i++) {
        if (!file || sc_str_ends(state->freezers.items[i], "/cgroup.freeze"))
            file = state->freezers.items[i];
    }
    return file ? sc_arena_strndup(arena, file, (size_t)(strrchr(file, '/') - file)) : NULL;
}

/* "domain" in v2 unless somebody within has made threaded ones; v1 has no such file. */
static bool
takes_processes(const char *dir)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW); /* lint: a cgroup's */
    struct sc_err ignored = SC_ERR_INIT;

    if (fd < 0 || faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) < 0)
        return false;
    return sc_file_read_at(fd, "cgroup.type", SC_SMALL_FILE_MAX, &text, &ignored) < 0 ||
           strcmp(sc_buf_str(&text), "domain\n") == 0;
}

/* From below a cgroup that gives controllers to its children nothing can be moved back into it: what a look left would
 * stay in ours, and be killed by the next. */
static bool
has_controllers_below(const char *dir)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW); /* lint: a cgroup's */
    struct sc_err ignored = SC_ERR_INIT;

    return fd >= 0 && sc_file_read_at(fd, "cgroup.subtree_control", SC_SMALL_FILE_MAX, &text, &ignored) == 0 &&
           text.len > 1;
}

void
sc_exec_group_make(struct sc_exec_group *group, const struct sc_state *state, struct sc_arena *arena,
                   struct sc_strv *dirs)
{
    struct sc_err ignored = SC_ERR_INIT;
    const char *above = dir_of(state, arena);

    group->dir[0] = '\0';
    *dirs = state->cgroup_dirs;
    if (!above || strlen(above) + sizeof(GROUP) > sizeof(group->dir) || has_controllers_below(above))
        return;
    (void)snprintf(group->dir, sizeof(group->dir), "%s" GROUP, above);
    if (mkdir(group->dir, 0755) < 0) { /* lint: a cgroup's */
        /* that of a look that was killed itself, with what it has left */
        if (errno != EEXIST || sc_cgroup_kill(group->dir, &ignored) < 0) {
            group->dir[0] = '\0';
            return;
        }
    }
    if (!takes_processes(group->dir)) {
        sc_exec_group_remove(group);
        return;
    }
    *dirs = (struct sc_strv){.items = NULL};
    for (size_t i = 0; i < state->cgroup_dirs.count; i++) {
        const char *dir = state->cgroup_dirs.items[i];

        sc_strv_add(dirs, arena, strcmp(dir, above) == 0 ? group->dir : dir);
    }
}

void
sc_exec_group_kill(const struct sc_exec_group *group)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (group->dir[0])
        (void)!sc_cgroup_kill(group->dir, &ignored);
}

void
sc_exec_group_remove(struct sc_exec_group *group)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (group->dir[0])
        (void)!sc_cgroup_delete(group->dir, "", true, &ignored);
    group->dir[0] = '\0';
}
