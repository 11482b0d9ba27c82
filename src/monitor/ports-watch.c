/* sc-monitor's part of ports.h: it starts sc-ports when a connection waits, and again after its end. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/monitor-priv.h"

enum { PROGRAM, LEASES, SOCKETS, PARTS };

/* Of "PROGRAM\nLEASES\nFD KEY\n..". */
static const char *
part(const struct sc_monitor_config *config, int which)
{
    const char *text = config->ports ? config->ports : "";

    for (int i = 0; i < which; i++) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return text;
}

size_t
sc_ports_sockets(const struct sc_monitor_config *config, int out[SC_PORTS_MAX])
{
    size_t count = 0;

    for (const char *line = part(config, SOCKETS); *line && count < SC_PORTS_MAX;) {
        out[count++] = (int)strtol(line, NULL, 10);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return count;
}

/* [child] */
static void
execute(const struct sc_monitor_config *config)
{
    const char *program = part(config, PROGRAM), *leases = part(config, LEASES);
    char epoll[SC_NUM_MAX], path[PATH_MAX], dir[PATH_MAX];
    char *argv[] = {path, epoll, (char *)(uintptr_t)config->id, dir, (char *)(uintptr_t)part(config, SOCKETS), NULL};
    char *envp[] = {NULL};
    int kept[SC_PORTS_MAX + 1];
    size_t count = sc_ports_sockets(config, kept);

    kept[count++] = config->ports_fd;
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(program, "\n"), program);
    (void)snprintf(dir, sizeof(dir), "%.*s", (int)strcspn(leases, "\n"), leases);
    (void)snprintf(epoll, sizeof(epoll), "%d", config->ports_fd);
    for (size_t i = 0; i < count; i++)
        (void)sc_fd_cloexec(kept[i], false);
    sc_fds_close_but(3, kept, count);
    (void)execve(path, argv, envp);
}

void
sc_ports_asked(struct sc_monitor *monitor)
{
    sc_on_demand_start(&monitor->ports, &monitor->config, execute);
}

void
sc_ports_stop(struct sc_monitor *monitor)
{
    int sockets[SC_PORTS_MAX];
    size_t count = sc_ports_sockets(&monitor->config, sockets);

    sc_on_demand_stop(&monitor->ports);
    sc_closep(&monitor->config.ports_fd);
    for (size_t i = 0; i < count; i++)
        sc_closep(&sockets[i]);
    monitor->config.ports = NULL;
}
