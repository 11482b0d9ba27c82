/* events: one JSON line for each account and for each process that was killed because memory was out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define INTERVAL_DEFAULT INT64_C(5000000000)
#define CONTROL_MAX      64

static int
print_event(const char *type, const char *id, const struct sc_buf *data, struct sc_err *err)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    sc_buf_addf(&line, "{\"type\":\"%s\",\"id\":", type);
    sc_buf_add_json(&line, id, strlen(id));
    if (data != NULL)
        sc_buf_addf(&line, ",\"data\":%s", sc_buf_str(data));
    sc_buf_adds(&line, "}\n");
    if (sc_buf_check(&line, err) < 0)
        return -1;
    return sc_io_write_all(STDOUT_FILENO, line.data, line.len, err);
}

static int
print_stats(const struct sc_state *state, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT;

    return sc_runtime_stats(state, &data, err) < 0 ? -1 : print_event("stats", state->id, &data, err);
}

/* cgroup-v1/memory.rst, "OOM Control": an eventfd that is named, with the file it watches, in cgroup.event_control. */
static int
watch_oom1(const char *dir, struct sc_err *err)
{
    char control[CONTROL_MAX];
    sc_cleanup_fd event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* lint: a cgroup directory that the engine made */
    sc_cleanup_fd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    sc_cleanup_fd watched = fd >= 0 ? openat(fd, "memory.oom_control", O_RDONLY | O_CLOEXEC) : -1;

    if (event < 0 || watched < 0)
        return sc_err_errno(err, errno, "watch \"%s/memory.oom_control\"", dir);
    snprintf(control, sizeof(control), "%d %d", event, watched);
    return sc_file_write_at(fd, "cgroup.event_control", control, err) < 0 ? -1 : sc_steal_fd(&event);
}

/* cgroup-v2.rst: memory.events changes are file modified events. */
static int
watch_oom2(const char *dir, struct sc_err *err)
{
    char path[4096];
    sc_cleanup_fd fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    snprintf(path, sizeof(path), "%s/memory.events", dir);
    /* lint: a cgroup directory that the engine made */
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0) {
        const int errnum = errno;

        sc_err_errno(err, errnum, "watch \"%s\"", path);
        return sc_err_watch_remedy(err, errnum);
    }
    return sc_steal_fd(&fd);
}

struct watch {
    const struct sc_state *state;
    int oom_fd, timer_fd, pidfd;
    uint64_t oom_kills; /* told so far */
};

/* v1 counts an event before the kill that it tells of; the removal of the cgroup counts too. v2 has a counter of kills,
 * in a file that tells of more than kills. */
static int
on_oom(struct watch *w, struct sc_err *err)
{
    char drained[4096];
    uint64_t events = 0, kills = 0;
    struct sc_err gone = SC_ERR_INIT;

    if (!w->state->memory_is_v2 && read(w->oom_fd, &events, sizeof(events)) < 0)
        return 0;
    while (w->state->memory_is_v2 && read(w->oom_fd, drained, sizeof(drained)) > 0)
        ;
    if (sc_cgroup_oom_kills(w->state->memory_dir, w->state->memory_is_v2, &kills, &gone) < 0)
        return 0;
    if (w->state->memory_is_v2)
        events = kills - w->oom_kills;
    w->oom_kills = kills;
    for (; events > 0; events--)
        if (print_event("oom", w->state->id, NULL, err) < 0)
            return -1;
    return 0;
}

static int
follow(struct watch *w, struct sc_err *err)
{
    struct pollfd polled[] = {
        {.fd = w->pidfd, .events = POLLIN}, {.fd = w->timer_fd, .events = POLLIN}, {.fd = w->oom_fd, .events = POLLIN}};

    for (;;) {
        uint64_t expirations;

        if (poll(polled, SC_ARRAY_LEN(polled), -1) < 0 && errno != EINTR)
            return sc_err_errno(err, errno, "wait for events");
        if (w->oom_fd >= 0 && (polled[2].revents != 0 || polled[0].revents != 0) && on_oom(w, err) < 0)
            return -1;
        if (polled[0].revents != 0)
            return 0;
        if (polled[1].revents != 0 && read(w->timer_fd, &expirations, sizeof(expirations)) > 0 &&
            print_stats(w->state, err) < 0)
            return -1;
    }
}

static int
watch_container(const struct sc_state *state, int64_t interval, struct sc_err *err)
{
    struct itimerspec every = {.it_interval = {.tv_sec = interval / 1000000000, .tv_nsec = interval % 1000000000}};
    sc_cleanup_fd oom = -1, timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), pidfd = -1;

    every.it_value = every.it_interval;
    if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
        return sc_err_errno(err, errno, "make a timer");
    pidfd = sc_pidfd_open(state->pid, state->start_time, err);
    if (pidfd < 0)
        return -1;
    if (state->memory_dir != NULL) {
        oom = state->memory_is_v2 ? watch_oom2(state->memory_dir, err) : watch_oom1(state->memory_dir, err);
        if (oom < 0)
            return -1;
    }

    struct watch w = {.state = state, .oom_fd = oom, .timer_fd = timer, .pidfd = pidfd};
    if (oom >= 0 && sc_cgroup_oom_kills(state->memory_dir, state->memory_is_v2, &w.oom_kills, err) < 0)
        return -1;
    return follow(&w, err);
}

int
sc_oci_verb_events(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    int64_t interval = INTERVAL_DEFAULT;
    sc_cleanup_fd dir = -1;

    if (cli->interval != NULL && sc_parse_duration(cli->interval, &interval, err) < 0)
        return sc_err_wrap(err, "--interval");
    if (interval <= 0)
        return sc_err_set(err, SC_ERR_INVALID, "--interval: \"%s\" must be greater than 0", cli->interval);
    dir = sc_oci_open_state(cli, cli->args.items[0], &state, err);
    if (dir < 0)
        return -1;
    if (sc_state_status(&state) == SC_STATUS_STOPPED)
        return sc_err_set(err, SC_ERR_BUSY, "container with id %s is not running", state.id);
    if (cli->only_stats)
        return print_stats(&state, err);
    return watch_container(&state, interval, err);
}
