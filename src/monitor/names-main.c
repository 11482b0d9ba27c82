/* sc-names UDP TCP ID LEASES [SERVER..]: see names.h. Started by sc-monitor, never by hand: UDP and TCP are numbers of
 * descriptors, LEASES the directory of all networks' leases. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernel/jail.h"
#include "kernel/kernel.h"
#include "monitor/names.h"

#define IDLE_NS (30 * INT64_C(1000000000)) /* without a question */
/* Then the host's resolv.conf may be another: an end at a quiet moment, and the next question finds a new process. */
#define LIFE_NS    (300 * INT64_C(1000000000))
#define TICK_MS    200
#define RESOLV     "/etc/resolv.conf"
#define RESOLV_MAX 65536
#define FIXED_MAX  2

struct wait {
    struct pollfd polls[FIXED_MAX + SC_NAMES_UDP_MAX + SC_NAMES_TCP_MAX];
    void *what[FIXED_MAX + SC_NAMES_UDP_MAX + SC_NAMES_TCP_MAX];
    size_t count, udp_end; /* from udp_end on they are of TCP */
};

static void
add(struct wait *wait, int fd, short events, void *what)
{
    wait->polls[wait->count] = (struct pollfd){.fd = fd, .events = events};
    wait->what[wait->count++] = what;
}

static void
fill(struct sc_names *names, struct wait *wait)
{
    size_t connections = 0;

    wait->count = 0;
    add(wait, names->udp_fd, POLLIN, NULL);
    add(wait, names->tcp_fd, POLLIN, NULL);
    for (size_t i = 0; i < SC_NAMES_UDP_MAX; i++) {
        if (names->udp[i].fd >= 0)
            add(wait, names->udp[i].fd, POLLIN, &names->udp[i]);
    }
    wait->udp_end = wait->count;
    for (size_t i = 0; i < SC_NAMES_TCP_MAX; i++) {
        short events;
        int fd = names->tcp[i].fd < 0 ? -1 : sc_names_tcp_wait(&names->tcp[i], &events);

        connections += names->tcp[i].fd >= 0;
        if (fd >= 0)
            add(wait, fd, events, &names->tcp[i]);
    }
    if (connections == SC_NAMES_TCP_MAX) /* others wait in the kernel */
        wait->polls[1].fd = -1;
}

/* Until nobody has asked for a while. */
static void
serve(struct sc_names *names)
{
    static struct wait wait;
    int64_t begin = sc_time_monotonic(), asked = begin;

    for (;;) {
        bool is_quiet;
        int64_t now;

        fill(names, &wait);
        is_quiet = wait.count == FIXED_MAX;
        if (poll(wait.polls, wait.count, is_quiet ? (int)(IDLE_NS / 1000000) : TICK_MS) < 0)
            continue;
        now = sc_time_monotonic();
        for (size_t i = FIXED_MAX; i < wait.count; i++) {
            if (!wait.polls[i].revents)
                continue;
            if (i < wait.udp_end)
                sc_names_udp_event(names, wait.what[i], now);
            else
                sc_names_tcp_event(names, wait.what[i], now);
        }
        if (wait.polls[0].revents)
            sc_names_udp_take(names, now);
        if (wait.polls[1].revents)
            sc_names_tcp_take(names, now);
        if (wait.polls[0].revents || wait.polls[1].revents)
            asked = now;
        sc_names_udp_expire(names, now);
        sc_names_tcp_expire(names, now);
        if (is_quiet && (now - asked >= IDLE_NS || now - begin >= LIFE_NS))
            return; /* a question that comes now waits for the next of us */
    }
}

static void
find_servers(int argc, char **argv, struct sc_names_servers *out)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    for (int i = 0; i < argc; i++)
        (void)sc_names_server_add(argv[i], out);
    if (argc == 0 && sc_file_read_at(AT_FDCWD, RESOLV, RESOLV_MAX, &text, &ignored) == 0) /* lint: the host's own */
        sc_names_servers_read(sc_buf_str(&text), out);
}

int
main(int argc, char **argv)
{
    static struct sc_names names;
    char containers[PATH_MAX];
    struct sc_err err = SC_ERR_INIT;

    if (argc < 5 || strlen(argv[3]) != SC_ID_LEN) {
        (void)dprintf(STDERR_FILENO, "sc-names: it is started by sc-monitor, not by hand\n");
        return 125;
    }
    (void)prctl(PR_SET_NAME, "sc-names");
    names.udp_fd = (int)strtol(argv[1], NULL, 10);
    names.tcp_fd = (int)strtol(argv[2], NULL, 10);
    names.id = argv[3];
    (void)fcntl(names.tcp_fd, F_SETFL, O_NONBLOCK);
    for (size_t i = 0; i < SC_NAMES_UDP_MAX; i++)
        names.udp[i].fd = -1;
    for (size_t i = 0; i < SC_NAMES_TCP_MAX; i++)
        names.tcp[i].fd = names.tcp[i].server_fd = -1;
    find_servers(argc - 5, argv + 5, &names.servers);
    names.leases = sc_mount_dir_open(argv[4]);
    (void)snprintf(containers, sizeof(containers), "%s/../../container", argv[4]);
    names.containers = sc_mount_dir_open(containers);
    if (names.leases < 0 || sc_jail_enter(SC_JAIL_HAS_NET, 0, &err) < 0)
        return 125;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve(&names);
    _exit(0);
}
