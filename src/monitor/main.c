/* sc-monitor: see monitor.h. Started by the engine's forked child through execve; never by hand. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"

#ifndef TIOCGPTPEER /* asm-generic/ioctls.h, Linux 4.13; not in every libc's headers */
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static void
ignore_signals(void)
{
    /* A monitor ends with its container and not otherwise. SIGTSTP and its kin would stop it with the caller's
     * terminal. */
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE,   SIGALRM, SIGTERM, SIGUSR1, SIGUSR2,
                                  SIGTSTP, SIGTTIN, SIGTTOU, SIGVTALRM, SIGPROF, SIGIO,   SIGXFSZ};
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigset_t none;

    for (size_t i = 0; i < SC_ARRAY_LEN(ignored); i++)
        (void)sigaction(ignored[i], &action, NULL);
    /* SIGCHLD ignored by a parent is inherited over execve(2), and would reap init before we could wait for it. */
    action.sa_handler = SIG_DFL;
    (void)sigaction(SIGCHLD, &action, NULL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Closes everything but 0..2 and what the configuration names: a descriptor of the caller (a pipe of `sc run -d | cat`)
 * that stayed open here would keep its reader waiting as long as the container runs. */
static void
close_others(const struct sc_monitor_config *config)
{
    const int own[] = {config->pidfd,    config->lock_fd,   config->listen_fd, config->client_fd,
                       config->tty_fd,   config->in_fd,     config->out_fd,    config->err_fd,
                       config->calls_fd, config->names_udp, config->names_tcp, config->ports_fd};
    int keep[SC_ARRAY_LEN(own) + SC_MONITOR_HELD_MAX + SC_PORTS_MAX];
    const char *held = config->held ? config->held : "";
    size_t count = SC_ARRAY_LEN(own), sockets;

    memcpy(keep, own, sizeof(own));
    for (char *end = NULL; *held != '\0' && count < SC_ARRAY_LEN(own) + SC_MONITOR_HELD_MAX; held = end) {
        keep[count++] = (int)strtol(held, &end, 10);
        if (end == held)
            break;
    }
    sockets = sc_ports_sockets(config, keep + count);
    for (size_t i = 0; i < sockets; i++) /* no other program of ours may keep a port from the next container */
        (void)sc_fd_cloexec(keep[count + i], true);
    if (sockets > 0)
        (void)sc_fd_cloexec(config->ports_fd, true);
    sc_fds_close_but(3, keep, count + sockets);
}

static void
detach_from_caller(void)
{
    sc_cleanup_fd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC); /* lint: the host's own */
    sc_cleanup_fd score = -1;

    (void)setsid(); /* fails where the caller did it */
    (void)umask(022);
    (void)!chdir("/"); /* lint: so that no filesystem of the caller stays busy */
    for (int i = 0; null_fd >= 0 && i <= 2; i++)
        (void)dup2(null_fd, i);
    (void)prctl(PR_SET_NAME, "sc-monitor");
    /* With us the container dies, so better any other process. Lowering it needs CAP_SYS_RESOURCE; the attempt is all.
     */
    score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); /* lint: the host's own */
    if (score >= 0)
        (void)!write(score, "-999", 4);
}

static void
set_nonblocking(int fd)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void
prepare_stdio(struct sc_monitor *monitor)
{
    struct sc_monitor_config *config = &monitor->config;

    if (!config->keeps_stdin_open)
        sc_closep(&config->in_fd);
    set_nonblocking(config->tty_fd);
    set_nonblocking(config->in_fd);
    set_nonblocking(config->out_fd);
    set_nonblocking(config->err_fd);
    set_nonblocking(config->listen_fd);
    /* When the last user of a terminal closes it the master hangs up, though another program may open it a moment later
     * (a login prompt does). A slave of our own keeps the line up as long as init lives. */
    if (config->tty_fd >= 0)
        monitor->tty_hold_fd = ioctl(config->tty_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void
prepare_first_client(struct sc_monitor *monitor)
{
    struct sc_client *client;

    if (monitor->config.client_fd < 0)
        return;
    client = sc_client_add(monitor, sc_steal_fd(&monitor->config.client_fd));
    client->is_greeted = true;
    client->flags = monitor->config.client_flags;
    client->feeds_stdin = client->flags & SC_ATTACH_STDIN;
    monitor->had_feeder = client->feeds_stdin;
    client->is_owner = monitor->config.dies_with_client;
}

int
main(int argc, char **argv)
{
    static struct sc_monitor monitor; /* zeroed; only what is used is ever touched */
    struct sc_err err = SC_ERR_INIT;

    monitor.tty_hold_fd = monitor.blackbox_fd = monitor.oom_fd = monitor.view_fd = monitor.refill_places =
        monitor.refill_fds[0] = monitor.refill_fds[1] = monitor.names.fd = monitor.ports.fd = monitor.health.fd = -1;
    monitor.started_at = sc_time_now();
    monitor.log = (struct sc_log_writer)SC_LOG_WRITER_INIT;
    if (sc_monitor_config_decode(argc, argv, &monitor.config, &err) < 0) {
        (void)dprintf(STDERR_FILENO, "sc-monitor: %s (it is started by sc, not by hand)\n", err.msg);
        return 125;
    }
    ignore_signals();
    close_others(&monitor.config);
    detach_from_caller();
    prepare_stdio(&monitor);
    prepare_first_client(&monitor);
    if (monitor.config.log_path && sc_log_open(&monitor.log, monitor.config.log_path, monitor.config.log_max_size,
                                               monitor.config.log_max_files, &err) < 0) {
        sc_monitor_complain(&monitor, &err);
        sc_log_release(&monitor.log);
    }
    monitor.log.attributes = monitor.config.log_attributes;
    sc_oom_watch(&monitor);
    sc_view_watch(&monitor);
    sc_calls_start(&monitor);
    sc_refill_watch(&monitor);
    sc_blackbox_start(&monitor);
    sc_health_start(&monitor);
    sc_monitor_loop(&monitor);
    sc_monitor_finish(&monitor);
    return 0;
}
