#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup.h"
#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

#define DRAIN_ROUNDS_MAX 128 /* packets: a process that init leaves behind may write for ever */
#define UNDO_FILE_MAX    1048576
#define CODE_UNKNOWN     255 /* init was not our child: nobody can say how it ended */

/* Says what failed in monitor.err and goes on: each part of the end is tried whatever became of the others. */
static void
check(const struct sc_monitor *monitor, int result, struct sc_err *err)
{
    if (result < 0)
        sc_monitor_complain(monitor, err);
    sc_err_clear(err);
}

static void
drain(struct sc_monitor *monitor)
{
    struct sc_monitor_config *config = &monitor->config;
    int *out_fd = config->tty_fd >= 0 ? &config->tty_fd : &config->out_fd;

    /* Without the slave, a read of the master says when it has given everything. */
    sc_closep(&monitor->tty_hold_fd);
    for (int i = 0; i < DRAIN_ROUNDS_MAX; i++) {
        bool has_more = *out_fd >= 0 && sc_monitor_read(monitor, out_fd, SC_MSG_STDOUT);

        if (config->err_fd >= 0 && sc_monitor_read(monitor, &config->err_fd, SC_MSG_STDERR))
            has_more = true;
        if (!has_more)
            break;
    }
    sc_client_close_input(monitor);
    sc_closep(out_fd);
    sc_closep(&config->err_fd);
}

/* Waits for init: how (WNOWAIT) keeps it a zombie. */
static void
wait_for_init(const struct sc_monitor *monitor, int how, struct sc_exit *out)
{
    siginfo_t info = {0};

    while (waitid(P_PID, (id_t)monitor->config.pid, &info, WEXITED | how) < 0) {
        if (errno == EINTR)
            continue;
        out->code = CODE_UNKNOWN;
        return;
    }
    sc_exit_from_wait(info.si_code, info.si_status, out);
}

/* All that is kept of a container that has ended. */
struct end {
    struct sc_exit record;
    struct sc_usage usage;
    bool has_usage;
    struct sc_buf victim, place; /* of the OOM killer; empty: none, or not known */
    struct sc_buf start_error;   /* why the start again that was due does not come; empty: it does, or none was */
};

/* SIGKILL and an OOM kill in the cgroup belong together; 137 without a signal is a shell or sc-init passing it on.
 * systemd removes a scope's cgroup when its last process has ended, perhaps before this: then the kernel's log tells.
 */
static bool
is_oom_killed(const struct sc_monitor *monitor, struct end *end, struct sc_err *err)
{
    uint64_t kills = 0;

    if (end->record.code != 128 + SIGKILL || !monitor->config.memory_dir)
        return false;
    if (sc_cgroup_oom_kills(monitor->config.memory_dir, monitor->config.memory_is_v2, &kills, err) == 0)
        return kills > 0;
    if (err->kind != SC_ERR_NOT_FOUND)
        check(monitor, -1, err);
    sc_err_clear(err);
    sc_oom_victim(monitor, &end->victim, &end->place);
    return end->victim.len > 0;
}

static int
write_exit_in(const char *path, const struct end *end, enum sc_durability durability, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, path, err); /* lint: the engine's own directory */
    const struct sc_exit_words words = {
        .oom_victim = end->victim.len > 0 ? sc_buf_str(&end->victim) : NULL,
        .oom_place = end->place.len > 0 ? sc_buf_str(&end->place) : NULL,
        .start_error = end->start_error.len > 0 ? sc_buf_str(&end->start_error) : NULL,
    };

    return dir < 0 ? -1
                   : sc_exit_write(dir, &end->record, end->has_usage ? &end->usage : NULL, &words, durability, err);
}

/* A container that has filled the disk still ends with a code: then the record lies in the run directory, which is
 * another file system as a rule. */
static int
write_exit(const struct sc_monitor *monitor, const struct end *end, struct sc_err *err)
{
    struct sc_err second = SC_ERR_INIT;

    if (write_exit_in(monitor->config.data_dir, end, SC_DURABLE, err) == 0)
        return 0;
    if (write_exit_in(monitor->config.run_dir, end, SC_VOLATILE, &second) < 0)
        return -1;
    sc_err_clear(err);
    return 0;
}

/* What is taken back when nobody waits any more. */
struct rest {
    struct sc_buf undo;
    int nft_sock;
};

/* Takes the host steps back, but for the rest. The undo file stays when that failed, for the next command to try again.
 * Of the rest it says nothing: a link goes with its namespace, and its address is given away once there is no link. */
static int
undo(int run_dir, struct rest *rest, struct sc_err *err)
{
    if (sc_file_read_at(run_dir, "undo", UNDO_FILE_MAX, &rest->undo, err) < 0) {
        if (err->errnum != ENOENT)
            return -1;
        sc_err_clear(err);
        return 0;
    }
    if (sc_undo_run_part(sc_buf_str(&rest->undo), SC_UNDO_NOW, &rest->nft_sock, err) < 0)
        return -1;
    return unlinkat(run_dir, "undo", 0) < 0 ? sc_err_errno(err, errno, "remove \"undo\"") : 0;
}

static void
undo_rest(const struct sc_monitor *monitor, struct rest *rest, struct sc_err *err)
{
    check(monitor, sc_undo_run_part(sc_buf_str(&rest->undo), SC_UNDO_LATER, &rest->nft_sock, err), err);
    sc_closep(&rest->nft_sock);
    sc_buf_release(&rest->undo);
}

static bool
gone_name(const char *dir, char gone[PATH_MAX])
{
    int len = snprintf(gone, PATH_MAX, "%s.gone", dir);

    return len > 0 && len < PATH_MAX;
}

/* Takes an --rm container's directory out of sight at once; deleting what is in it may take a disk milliseconds, and no
 * client need wait for that. */
static void
put_aside(const struct sc_monitor *monitor, const char *dir, struct sc_err *err)
{
    char gone[PATH_MAX];

    if (gone_name(dir, gone) && renameat(AT_FDCWD, dir, AT_FDCWD, gone) == 0) /* lint: the engine's own directory */
        return;
    check(monitor, sc_tree_remove_at(AT_FDCWD, dir, err), err); /* lint: the same */
}

/* After this nobody can connect any more: the socket's name is gone. */
static void
remove_traces(const struct sc_monitor *monitor, struct rest *rest, struct sc_err *err)
{
    const struct sc_monitor_config *config = &monitor->config;
    sc_cleanup_fd run_dir = sc_dir_open_at(AT_FDCWD, config->run_dir, err); /* lint: the engine's own directory */

    check(monitor, run_dir, err);
    if (run_dir >= 0)
        check(monitor, undo(run_dir, rest, err), err);
    if (!config->is_rm) {
        if (run_dir >= 0)
            (void)unlinkat(run_dir, "monitor.sock", 0);
        return;
    }
    put_aside(monitor, config->data_dir, err);
    if (config->name_link && unlinkat(AT_FDCWD, config->name_link, 0) < 0 && errno != ENOENT) /* lint: the same */
        check(monitor, sc_err_errno(err, errno, "remove the name \"%s\"", config->name_link), err);
    put_aside(monitor, config->run_dir, err);
}

/* What was put aside. A later `sc ps` does it where this monitor is killed before. */
static void
remove_aside(const struct sc_monitor *monitor)
{
    const char *const dirs[] = {monitor->config.data_dir, monitor->config.run_dir};

    for (size_t i = 0; i < SC_ARRAY_LEN(dirs) && monitor->config.is_rm; i++) {
        struct sc_err ignored = SC_ERR_INIT; /* monitor.err is gone too */
        char gone[PATH_MAX];

        if (gone_name(dirs[i], gone))
            (void)!sc_tree_remove_at(AT_FDCWD, gone, &ignored); /* lint: the engine's own directory */
    }
}

/* All output that is left, then EXIT. True: the client has it all, or is gone. */
static bool
say_goodbye(struct sc_monitor *monitor, struct sc_client *client, const struct sc_exit *record)
{
    uint8_t packet[1 + sizeof(*record)] = {SC_MSG_EXIT};

    if (!sc_chunk_send(monitor, client))
        return true;
    if (client->next)
        return false;
    memcpy(packet + 1, record, sizeof(*record));
    while (send(client->fd, packet, sizeof(packet), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EAGAIN)
            return false;
        if (errno != EINTR)
            return true;
    }
    return true;
}

/* EXIT for each client that can take it now. */
static void
say_goodbye_once(struct sc_monitor *monitor, const struct sc_exit *record)
{
    for (size_t i = 0; i < monitor->client_count; i++) {
        struct sc_client *client = &monitor->clients[i];

        if (client->fd >= 0 && say_goodbye(monitor, client, record))
            sc_client_drop(monitor, client);
    }
    sc_client_sweep(monitor);
}

/* A client may take its time (a pager): nothing but this process waits for it. */
static void
say_goodbye_to_all(struct sc_monitor *monitor, const struct sc_exit *record)
{
    struct pollfd polls[SC_CLIENTS_MAX];

    for (;;) {
        say_goodbye_once(monitor, record);
        if (monitor->client_count == 0)
            return;
        for (size_t i = 0; i < monitor->client_count; i++)
            polls[i] = (struct pollfd){.fd = monitor->clients[i].fd, .events = POLLOUT};
        (void)poll(polls, monitor->client_count, -1);
        for (size_t i = 0; i < monitor->client_count; i++) {
            if (polls[i].revents & (POLLHUP | POLLERR))
                sc_client_drop(monitor, &monitor->clients[i]);
        }
        sc_client_sweep(monitor);
    }
}

/* Without root, files that the container wrote as another of its ids are only its user namespace's to remove. Init, a
 * zombie still, has a name for it. Where it is our own namespace, or we are root, there is nothing to do. */
static void
enter_user_namespace(const struct sc_monitor *monitor)
{
    char path[64];
    sc_cleanup_fd fd = -1;

    if (geteuid() == 0)
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)monitor->config.pid);
    fd = open(path, O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
    if (fd >= 0)
        (void)setns(fd, CLONE_NEWUSER);
}

/* What the cgroups say goes with them. */
static void
look_back(struct sc_monitor *monitor, struct end *end, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t kills = 0;

    end->record.was_oom_killed = is_oom_killed(monitor, end, err);
    sc_oom_tell(monitor);
    sc_closep(&monitor->oom_fd);
    if (monitor->config.is_rm) /* nobody can ever read it */
        return;
    end->has_usage = sc_blackbox_end(monitor, &end->usage);
    if (monitor->config.watches_oom && monitor->config.memory_dir)
        (void)!sc_cgroup_oom_kills(monitor->config.memory_dir, monitor->config.memory_is_v2, &kills, &ignored);
    /* without a limit of its own it may be a victim of another's */
    if ((kills > 0 || end->record.was_oom_killed) && end->victim.len == 0)
        sc_oom_victim(monitor, &end->victim, &end->place);
}

static void
look_at_disk(struct sc_monitor *monitor, struct sc_exit *record)
{
    struct sc_err ignored = SC_ERR_INIT;
    /* lint: the engine's own directory */
    sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, monitor->config.data_dir, &ignored);

    if (dir < 0)
        return;
    record->was_disk_full = sc_disk_is_full(dir);
    if (monitor->blackbox_fd >= 0)
        sc_blackbox_keep(monitor, dir);
}

static void
tell_of_death(const struct sc_monitor *monitor, int run_root, const struct sc_exit *record)
{
    int64_t lived = record->finished_at - monitor->started_at;
    char more[96];

    (void)snprintf(more, sizeof(more), "\"execDuration\":\"%lld\",\"exitCode\":\"%d\"",
                   (long long)(lived > 0 ? lived / SC_SECOND : 0), record->code);
    sc_monitor_event_in(monitor, run_root, "die", more);
}

void
sc_monitor_finish(struct sc_monitor *monitor)
{
    struct sc_exit reaped;
    struct sc_err err = SC_ERR_INIT;
    struct rest rest = {.undo = SC_BUF_INIT, .nft_sock = -1};
    sc_cleanup_fd run_root = sc_monitor_open_run_root(monitor);
    struct end end;
    struct sc_exit *record = &end.record;
    sc_cleanup_fd restarts = -1;

    memset(&end, 0, sizeof(end)); /* the record is sent whole, with its padding */
    record->finished_at = sc_time_now();
    sc_names_stop(monitor);
    sc_ports_stop(monitor);
    sc_health_stop(monitor);
    drain(monitor);
    wait_for_init(monitor, WNOWAIT, record);
    look_back(monitor, &end, &err);
    sc_log_finish(&monitor->log, record->finished_at);
    sc_log_release(&monitor->log);
    if (!monitor->config.is_rm) { /* else nobody can ever read it */
        restarts = sc_restart_decide(monitor, record, &end.start_error);
        look_at_disk(monitor, record);
        check(monitor, write_exit(monitor, &end, &err), &err);
    }
    sc_buf_release(&end.victim);
    sc_buf_release(&end.place);
    sc_buf_release(&end.start_error);
    tell_of_death(monitor, run_root, record);
    enter_user_namespace(monitor);
    wait_for_init(monitor, 0, &reaped);
    remove_traces(monitor, &rest, &err);
    if (monitor->config.is_rm)
        sc_monitor_event_in(monitor, run_root, "destroy", NULL);
    sc_client_accept(monitor);
    sc_closep(&monitor->config.listen_fd);
    if (monitor->config.is_rm)
        sc_closep(&monitor->config.lock_fd);
    say_goodbye_once(monitor, record);
    undo_rest(monitor, &rest, &err);
    /* Only now may it start again: its next link has the same name. */
    sc_closep(&monitor->config.lock_fd);
    sc_closep(&restarts);
    remove_aside(monitor);
    say_goodbye_to_all(monitor, record);
}
