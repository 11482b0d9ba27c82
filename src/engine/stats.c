/* What running containers use, looked at again and again: their files stay open. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

int
sc_engine_track(struct sc_engine *engine, const struct sc_container *container, enum sc_accounts_which which,
                struct sc_tracked *out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf dirs = SC_BUF_INIT;
    struct sc_state state = {0};
    char path[64];

    *out = (struct sc_tracked){.net_fd = -1};
    if (sc_engine_running_state(engine, container, &arena, &state, err) < 0)
        return -1;
    for (size_t i = 0; i < state.cgroup_dirs.count; i++)
        sc_buf_addf(&dirs, "%s\n", state.cgroup_dirs.items[i]);
    if (sc_buf_check(&dirs, err) < 0)
        return -1;
    sc_accounts_open(sc_buf_str(&dirs), which, &out->accounts);
    /* The host's own interfaces are not the container's. */
    if (container->options.network.mode != SC_NS_HOST) {
        (void)snprintf(path, sizeof(path), "/proc/%d/net/dev", (int)state.pid);
        out->net_fd = open(path, O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
    }
    return 0;
}

void
sc_tracked_release(struct sc_tracked *tracked)
{
    sc_accounts_close(&tracked->accounts);
    sc_closep(&tracked->net_fd);
}

/* proc(5): behind "eth0:" bytes received is the first number, bytes sent the ninth. */
static void
read_net(int fd, uint64_t *received, uint64_t *sent)
{
    char text[8192];
    ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

    *received = *sent = 0;
    if (got <= 0)
        return;
    text[got] = '\0';
    for (char *line = strchr(text, '\n'); line && *line; line = strchr(line + 1, '\n')) {
        char *colon = strchr(line + 1, ':'), *next = strchr(line + 1, '\n');
        const char *name = line + 1 + strspn(line + 1, " ");

        if (!colon || (next && colon > next) || strncmp(name, "lo:", 3) == 0)
            continue;
        colon++;
        for (int column = 1; column <= 9; column++) {
            uint64_t value = strtoull(colon, &colon, 10);

            if (column == 1)
                *received += value;
            if (column == 9)
                *sent += value;
        }
    }
}

bool
sc_tracked_read(const struct sc_tracked *tracked, const struct sc_stats_sample *before, struct sc_stats_sample *out)
{
    bool is_alive;

    memset(out, 0, sizeof(*out));
    is_alive = sc_accounts_read(&tracked->accounts, before ? &before->usage : NULL, &out->usage);
    out->when = sc_time_monotonic();
    if (is_alive)
        read_net(tracked->net_fd, &out->received, &out->sent);
    return is_alive;
}

bool
sc_engine_usage(struct sc_engine *engine, const struct sc_container *container, struct sc_usage *out)
{
    struct sc_tracked tracked;
    struct sc_err ignored = SC_ERR_INIT;
    bool is_known;

    if (container->status != SC_STATUS_RUNNING && container->status != SC_STATUS_PAUSED) {
        *out = container->usage;
        return container->has_usage;
    }
    if (sc_engine_track(engine, container, SC_ACCOUNTS_ALL, &tracked, &ignored) < 0)
        return false;
    is_known = sc_accounts_read(&tracked.accounts, NULL, out);
    sc_tracked_release(&tracked);
    return is_known;
}

int
sc_engine_pids(struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena,
               struct sc_pid_list *out, struct sc_err *err)
{
    struct sc_state state = {0};

    if (sc_engine_running_state(engine, container, arena, &state, err) < 0)
        return -1;
    if (state.cgroup_dirs.count > 0)
        return sc_runtime_pids(&state, arena, out, err);
    /* Without a cgroup nobody but its first process is known. */
    out->items = SC_ARENA_NEW(arena, pid_t);
    if (!out->items)
        return sc_err_nomem(err);
    out->items[0] = state.pid;
    out->count = 1;
    return 0;
}

int
sc_engine_blackbox(struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena,
                   struct sc_blackbox_sample **out, size_t *count, struct sc_err *err)
{
    struct sc_err absent = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, container->id, &absent), data = -1;

    *count = 0;
    *out = NULL;
    data = sc_engine_data_dir(engine, container->id, err);
    if (data < 0)
        return -1;
    if (sc_blackbox_read(data, arena, out, count, &absent) == 0)
        return 0;
    if (run >= 0 && absent.errnum == ENOENT) {
        sc_err_clear(&absent);
        if (sc_blackbox_read(run, arena, out, count, &absent) == 0)
            return 0;
    }
    if (absent.errnum == ENOENT)
        return 0;
    *err = absent;
    return -1;
}
