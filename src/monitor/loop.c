#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"

#define TRIM_AFTER_MS 1000

enum {
    WAIT_INIT,
    WAIT_OOM,
    WAIT_VIEW,
    WAIT_CALLS,
    WAIT_REFILL,
    WAIT_REFILL_OTHER,
    WAIT_NAMES_UDP,
    WAIT_NAMES_TCP,
    WAIT_NAMES,
    WAIT_PORTS_ASK,
    WAIT_PORTS,
    WAIT_HEALTH,
    WAIT_LISTEN,
    WAIT_OUT,
    WAIT_ERR,
    WAIT_INPUT,
    WAIT_CLIENTS
};

bool
sc_monitor_read(struct sc_monitor *monitor, int *fd, enum sc_monitor_msg type)
{
    struct sc_chunk *chunk = sc_chunk_new(monitor);
    ssize_t got;

    if (!chunk)
        return false;
    do
        got = read(*fd, chunk->packet + 1, SC_MONITOR_DATA_MAX);
    while (got < 0 && errno == EINTR);
    if (got <= 0) {
        /* EIO is a terminal whose last user has gone. */
        if (got == 0 || errno != EAGAIN)
            sc_closep(fd);
        sc_chunk_drop_take(monitor, chunk);
        return false;
    }
    chunk->packet[0] = (uint8_t)type;
    chunk->len = (size_t)got + 1;
    sc_log_write(&monitor->log, type == SC_MSG_STDERR, (const char *)chunk->packet + 1, (size_t)got, sc_time_now());
    sc_chunk_push_take(monitor, chunk);
    return true;
}

/* Hands out what has just been read, without waiting for poll to say that there is room. */
static void
send_all(struct sc_monitor *monitor)
{
    for (size_t i = 0; i < monitor->client_count; i++) {
        if (monitor->clients[i].next && !sc_chunk_send(monitor, &monitor->clients[i]))
            sc_client_drop(monitor, &monitor->clients[i]);
    }
}

static void
read_output(struct sc_monitor *monitor, int *fd, enum sc_monitor_msg type)
{
    if (sc_monitor_read(monitor, fd, type))
        send_all(monitor);
}

static size_t
fill_polls(struct sc_monitor *monitor, struct pollfd *polls)
{
    const struct sc_monitor_config *config = &monitor->config;
    bool has_room = !monitor->chunks;
    int in_fd = config->tty_fd >= 0 ? config->tty_fd : config->in_fd;
    int out_fd = config->tty_fd >= 0 ? config->tty_fd : config->out_fd;

    polls[WAIT_INIT] = (struct pollfd){.fd = config->pidfd, .events = POLLIN};
    polls[WAIT_OOM] =
        (struct pollfd){.fd = monitor->oom_fd, .events = (short)(config->memory_is_v2 ? POLLPRI : POLLIN)};
    polls[WAIT_VIEW] = (struct pollfd){.fd = monitor->view_fd, .events = POLLIN};
    polls[WAIT_CALLS] = (struct pollfd){.fd = sc_calls_fd(monitor), .events = POLLIN};
    for (int i = 0; i < SC_REFILL_PLACES; i++)
        polls[WAIT_REFILL + i] = (struct pollfd){.fd = monitor->refill_fds[i], .events = POLLIN};
    polls[WAIT_NAMES_UDP] =
        (struct pollfd){.fd = sc_on_demand_is_due(&monitor->names) ? config->names_udp : -1, .events = POLLIN};
    polls[WAIT_NAMES_TCP] =
        (struct pollfd){.fd = sc_on_demand_is_due(&monitor->names) ? config->names_tcp : -1, .events = POLLIN};
    polls[WAIT_NAMES] = (struct pollfd){.fd = monitor->names.fd, .events = POLLIN};
    polls[WAIT_PORTS_ASK] =
        (struct pollfd){.fd = sc_on_demand_is_due(&monitor->ports) ? config->ports_fd : -1, .events = POLLIN};
    polls[WAIT_PORTS] = (struct pollfd){.fd = monitor->ports.fd, .events = POLLIN};
    polls[WAIT_HEALTH] = (struct pollfd){.fd = monitor->health.fd, .events = POLLIN};
    polls[WAIT_LISTEN] = (struct pollfd){.fd = config->listen_fd, .events = POLLIN};
    polls[WAIT_OUT] = (struct pollfd){.fd = has_room ? out_fd : -1, .events = POLLIN};
    polls[WAIT_ERR] = (struct pollfd){.fd = has_room ? config->err_fd : -1, .events = POLLIN};
    polls[WAIT_INPUT] = (struct pollfd){.fd = -1, .events = POLLOUT};
    if (sc_client_wants_input_room(monitor))
        polls[WAIT_INPUT].fd = in_fd;
    else if (config->in_fd >= 0)
        /* Asks for nothing but the error that says that no reader is left. */
        polls[WAIT_INPUT] = (struct pollfd){.fd = config->in_fd, .events = 0};
    for (size_t i = 0; i < monitor->client_count; i++) {
        const struct sc_client *client = &monitor->clients[i];
        bool is_behind = client->next || client->is_owed_done;

        polls[WAIT_CLIENTS + i] =
            (struct pollfd){.fd = client->fd, .events = (short)(POLLIN | (is_behind ? POLLOUT : 0))};
    }
    return WAIT_CLIENTS + monitor->client_count;
}

static void
trim(struct sc_monitor *monitor)
{
    sc_chunk_trim(monitor);
    sc_freep(&monitor->recv_buf);
    sc_log_trim(&monitor->log);
    monitor->has_scratch = false;
}

void
sc_monitor_loop(struct sc_monitor *monitor)
{
    struct pollfd polls[WAIT_CLIENTS + SC_CLIENTS_MAX];
    struct sc_monitor_config *config = &monitor->config;

    for (;;) {
        size_t clients = monitor->client_count;
        size_t count = fill_polls(monitor, polls);
        int own = sc_health_wait(monitor, sc_refill_wait(monitor, sc_blackbox_wait(monitor))),
            wait = sc_on_demand_wait(&monitor->names, config->names_udp >= 0,
                                     sc_on_demand_wait(&monitor->ports, config->ports_fd >= 0, own));
        bool trims = monitor->has_scratch && (wait < 0 || wait > TRIM_AFTER_MS);
        int ready = poll(polls, count, trims ? TRIM_AFTER_MS : wait);

        if (ready == 0 && trims)
            trim(monitor);
        sc_blackbox_tick(monitor);
        sc_refill_tick(monitor);
        sc_health_tick(monitor);
        if (ready <= 0)
            continue;
        for (size_t i = 0; i < clients; i++) {
            if (polls[WAIT_CLIENTS + i].revents)
                sc_client_event(monitor, &monitor->clients[i], polls[WAIT_CLIENTS + i].revents);
        }
        if (polls[WAIT_INPUT].revents & POLLERR)
            sc_client_close_input(monitor);
        else if (polls[WAIT_INPUT].revents)
            sc_client_write_input(monitor);
        if (polls[WAIT_OUT].revents)
            read_output(monitor, config->tty_fd >= 0 ? &config->tty_fd : &config->out_fd, SC_MSG_STDOUT);
        /* At most one chunk is behind: what stdout has just filled, stderr waits for. */
        if (polls[WAIT_ERR].revents && !monitor->chunks)
            read_output(monitor, &config->err_fd, SC_MSG_STDERR);
        if (polls[WAIT_LISTEN].revents)
            sc_client_accept(monitor);
        sc_client_sweep(monitor);
        if (polls[WAIT_NAMES].revents)
            sc_on_demand_ended(&monitor->names);
        if (polls[WAIT_NAMES_UDP].revents || polls[WAIT_NAMES_TCP].revents)
            sc_names_asked(monitor);
        if (polls[WAIT_HEALTH].revents)
            sc_health_ended(monitor);
        if (polls[WAIT_PORTS].revents)
            sc_on_demand_ended(&monitor->ports);
        if (polls[WAIT_PORTS_ASK].revents)
            sc_ports_asked(monitor);
        if (polls[WAIT_REFILL].revents || polls[WAIT_REFILL_OTHER].revents)
            sc_refill_event(monitor);
        if (polls[WAIT_OOM].revents)
            sc_oom_tell(monitor);
        if (polls[WAIT_INIT].revents)
            return;
        if (polls[WAIT_VIEW].revents)
            sc_view_ended(monitor);
        if (polls[WAIT_CALLS].revents)
            sc_calls_event(monitor);
    }
}
