/* A program that the monitor starts when something waits for it, and again after its end. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

/* From one start to the next: a program that does not live must not keep us busy. */
#define PAUSE_NS INT64_C(200000000)
#define MS_NS    INT64_C(1000000)

bool
sc_on_demand_is_due(const struct sc_on_demand *program)
{
    return program->pid == 0 && (program->next == 0 || sc_time_monotonic() >= program->next);
}

int
sc_on_demand_wait(const struct sc_on_demand *program, bool is_wanted, int wait)
{
    int64_t left = program->next - (program->next ? sc_time_monotonic() : 0);
    int msec = (int)(left / MS_NS) + 1;

    if (!is_wanted || program->pid != 0 || left <= 0)
        return wait;
    return wait < 0 || wait > msec ? msec : wait;
}

void
sc_on_demand_start(struct sc_on_demand *program, const struct sc_monitor_config *config,
                   void (*execute)(const struct sc_monitor_config *config))
{
    struct sc_err ignored = SC_ERR_INIT;
    pid_t child;

    if (!sc_on_demand_is_due(program))
        return;
    program->next = sc_time_monotonic() + PAUSE_NS;
    child = fork();
    if (child == 0) {
        execute(config);
        _exit(127);
    }
    if (child < 0)
        return; /* without memory for it: again after the pause */
    program->pid = child;
    program->fd = sc_pidfd_open(child, 0, &ignored);
    if (program->fd >= 0)
        return;
    (void)kill(child, SIGKILL); /* nobody would hear of its end */
    sc_on_demand_ended(program);
}

void
sc_on_demand_ended(struct sc_on_demand *program)
{
    while (waitpid(program->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    sc_closep(&program->fd);
    program->pid = 0;
}

void
sc_on_demand_stop(struct sc_on_demand *program)
{
    if (program->pid > 0) {
        (void)kill(program->pid, SIGKILL);
        sc_on_demand_ended(program);
    }
}
