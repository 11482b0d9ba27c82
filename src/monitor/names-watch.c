/* sc-monitor's part of names.h: it starts sc-names when a question waits, and again after its end. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

enum { UDP_FD = 3, TCP_FD, FIRST_OTHER, ARGS_MAX = 16 };

/* [child] names: "PROGRAM\nLEASES\nSERVER.." */
static void
execute(const struct sc_monitor_config *config)
{
    sc_cleanup_free char *names = strdup(config->names ? config->names : "");
    char udp[SC_NUM_MAX], tcp[SC_NUM_MAX], *save = NULL, *program = names ? strtok_r(names, "\n", &save) : NULL;
    char *argv[ARGS_MAX] = {program, udp, tcp, (char *)(uintptr_t)config->id};
    char *envp[] = {NULL};
    /* neither may be where the other belongs */
    int high_udp = fcntl(config->names_udp, F_DUPFD, FIRST_OTHER),
        high_tcp = fcntl(config->names_tcp, F_DUPFD, FIRST_OTHER);

    for (size_t i = 4; program && i + 1 < ARGS_MAX && argv[i - 1]; i++)
        argv[i] = strtok_r(NULL, "\n", &save);
    (void)snprintf(udp, sizeof(udp), "%d", UDP_FD);
    (void)snprintf(tcp, sizeof(tcp), "%d", TCP_FD);
    if (program && high_udp >= 0 && high_tcp >= 0 && dup2(high_udp, UDP_FD) == UDP_FD &&
        dup2(high_tcp, TCP_FD) == TCP_FD && sc_fds_close(-1, FIRST_OTHER, ~0U) == 0)
        (void)execve(program, argv, envp);
}

void
sc_names_asked(struct sc_monitor *monitor)
{
    sc_on_demand_start(&monitor->names, &monitor->config, execute);
}

void
sc_names_stop(struct sc_monitor *monitor)
{
    sc_on_demand_stop(&monitor->names);
    sc_closep(&monitor->config.names_udp);
    sc_closep(&monitor->config.names_tcp);
}
