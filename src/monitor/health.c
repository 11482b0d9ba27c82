/* sc-monitor's part in health checks (health.h): it keeps the time. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/health.h"
#include "monitor/monitor-priv.h"

#define ENV_MAX   16
#define NS_PER_MS INT64_C(1000000)

static struct sc_health_times
times_of(const struct sc_monitor_config *config)
{
    const struct sc_health_times given = {.interval = config->health_interval,
                                          .start_period = config->health_start_period,
                                          .start_interval = config->health_start_interval};

    return sc_health_defaults(&given);
}

static void
plan_next(struct sc_monitor *monitor, bool is_starting)
{
    const struct sc_health_times times = times_of(&monitor->config);
    int64_t now = sc_time_monotonic(), since_start = sc_time_now() - monitor->started_at;
    int64_t pause = sc_health_pause(&times, is_starting, since_start);

    monitor->health.next = pause < INT64_MAX - now ? now + pause : INT64_MAX;
}

void
sc_health_start(struct sc_monitor *monitor)
{
    if (monitor->config.health)
        plan_next(monitor, true);
}

int
sc_health_wait(const struct sc_monitor *monitor, int wait)
{
    int64_t left;

    if (!monitor->config.health || monitor->health.pid > 0)
        return wait;
    left = monitor->health.next - sc_time_monotonic();
    left = left <= 0 ? 0 : left / NS_PER_MS + 1;
    if (left > INT_MAX)
        return wait;
    return wait < 0 || wait > left ? (int)left : wait;
}

/* [child] health: "PROGRAM\nNAME=VALUE.." */
static void
execute(const struct sc_monitor_config *config)
{
    sc_cleanup_free char *copy = strdup(config->health);
    char *save = NULL, *program = copy ? strtok_r(copy, "\n", &save) : NULL, verb[] = "__health";
    char *argv[] = {program, verb, (char *)(uintptr_t)config->id, NULL}, *envp[ENV_MAX + 1];
    size_t count = 0;

    while (program && count < ENV_MAX && (envp[count] = strtok_r(NULL, "\n", &save)) != NULL)
        count++;
    envp[count] = NULL;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (program && sc_fds_close(-1, 3, ~0U) == 0)
        (void)execve(program, argv, envp);
}

void
sc_health_tick(struct sc_monitor *monitor)
{
    struct sc_err ignored = SC_ERR_INIT;
    pid_t child;

    if (!monitor->config.health || monitor->health.pid > 0 || sc_time_monotonic() < monitor->health.next)
        return;
    plan_next(monitor, false); /* where it cannot be started */
    child = fork();
    if (child == 0) {
        execute(&monitor->config);
        _exit(127);
    }
    if (child < 0)
        return;
    monitor->health.pid = child;
    monitor->health.fd = sc_pidfd_open(child, 0, &ignored);
    if (monitor->health.fd >= 0)
        return;
    (void)kill(child, SIGKILL); /* nobody would hear of its end */
    sc_health_ended(monitor);
}

void
sc_health_ended(struct sc_monitor *monitor)
{
    int status = 0;

    while (waitpid(monitor->health.pid, &status, 0) < 0 && errno == EINTR)
        ;
    sc_closep(&monitor->health.fd);
    monitor->health.pid = 0;
    plan_next(monitor, WIFEXITED(status) && WEXITSTATUS(status) == SC_HEALTH_STILL_STARTING);
}

void
sc_health_stop(struct sc_monitor *monitor)
{
    sc_on_demand_stop(&monitor->health);
}
