/* Another program may flush nftables, and our tables with the rest. The monitor hears of it and has `sc` put them back:
 * it knows what must be in them, and the monitor stays small. Of the monitors of a host one does it, and the others
 * look whether it is done.
 *
 * The kernel wakes us for deletions only: what containers that come and go add and take away is filtered before it is
 * queued (socket(7), SO_ATTACH_FILTER). But it copies each message for each of us first, a microsecond in every start
 * and every end, so two monitors of a host listen, and all others wait for the end of either. Who listens has
 * locked its place (fcntl(2), which tells who that is) in a file that all share; a place is a network namespace's. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/nlmsg.h"
#include "monitor/monitor-priv.h"

#define RETRY_MS    100
#define TRIES       4
#define PLACES_FILE "lease/watch"
#define EVENTS_ROOM 8192
#define ENV_MAX     (PATH_MAX + 16)
/* Of nlmsg_type, its low byte is what has happened. */
#define TYPE_AT (offsetof(struct nlmsghdr, nlmsg_type) + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 1 : 0))

/* The first message of a packet decides: a transaction that deletes a table begins with what is in it. */
static int
attach_filter(int sock)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TYPE_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFT_MSG_DELTABLE, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFT_MSG_DELCHAIN, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFT_MSG_DELRULE, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFT_MSG_DELSET, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NFT_MSG_DELOBJ, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, ~0U),
    };
    const struct sock_fprog program = {.len = SC_ARRAY_LEN(code), .filter = code};

    return setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int
listen_to_deletions(void)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    const int group = NFNLGRP_NFTABLES;
    sc_cleanup_fd sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

    if (sock < 0 || bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0 || attach_filter(sock) < 0 ||
        setsockopt(sock, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
        return -1;
    return sc_steal_fd(&sock);
}

/* The file of the places; -1: there is none, so nobody else is known to listen. */
static int
open_places(const struct sc_monitor *monitor)
{
    const char *run = strrchr(monitor->config.refill, '\n');
    char path[PATH_MAX];

    if (!run || snprintf(path, sizeof(path), "%s/%s", run + 1, PLACES_FILE) >= (int)sizeof(path))
        return -1;
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); /* lint: the engine's own */
}

/* A descriptor that tells of the end of who has the place; -1: nobody has it, or nobody that we can see. */
static int
follow(int places, const struct flock *place)
{
    struct flock holder = *place, again = *place;
    sc_cleanup_fd fd = -1;

    if (fcntl(places, F_GETLK, &holder) < 0 || holder.l_type == F_UNLCK || holder.l_pid <= 0)
        return -1;
    fd = (int)syscall(SYS_pidfd_open, holder.l_pid, 0);
    /* its number may have become another's before we had it */
    if (fd < 0 || fcntl(places, F_GETLK, &again) < 0 || again.l_type == F_UNLCK || again.l_pid != holder.l_pid)
        return -1;
    return sc_steal_fd(&fd);
}

static void
close_fds(struct sc_monitor *monitor)
{
    for (int k = 0; k < SC_REFILL_PLACES; k++)
        sc_closep(&monitor->refill_fds[k]);
}

/* Takes a free place (true), or leaves in refill_fds whom to wait for. */
static bool
takes_place(struct sc_monitor *monitor, int places)
{
    struct flock place = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    struct stat netns;

    if (places < 0 || stat("/proc/self/ns/net", &netns) < 0) /* lint: the kernel's own */
        return true;
    for (int i = 0; i < TRIES; i++) {
        int followed = 0;

        for (int k = 0; k < SC_REFILL_PLACES; k++) {
            place.l_start = (off_t)netns.st_ino * SC_REFILL_PLACES + k;
            if (fcntl(places, F_SETLK, &place) == 0) {
                close_fds(monitor);
                return true;
            }
            monitor->refill_fds[k] = follow(places, &place);
            followed += monitor->refill_fds[k] >= 0;
        }
        if (followed == SC_REFILL_PLACES)
            return false;
        close_fds(monitor); /* one has ended meanwhile */
    }
    return true;
}

void
sc_refill_watch(struct sc_monitor *monitor)
{
    sc_cleanup_fd places = -1;

    if (!monitor->config.refill)
        return;
    places = open_places(monitor);
    monitor->refill_listens = takes_place(monitor, places);
    if (!monitor->refill_listens)
        return;
    monitor->refill_fds[0] = listen_to_deletions();
    monitor->refill_places = sc_steal_fd(&places); /* with it the lock would be gone */
}

/* Whether a message is about a table called sc: that is the first attribute of all of them. */
static bool
is_ours(const struct nlmsghdr *message)
{
    const struct nlattr *attr = (const void *)((const char *)NLMSG_DATA(message) + sizeof(struct nfgenmsg));

    return message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg)) + NLA_HDRLEN + sizeof(SC_NFT_TABLE) &&
           (attr->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME && attr->nla_len == NLA_HDRLEN + sizeof(SC_NFT_TABLE) &&
           memcmp((const char *)attr + NLA_HDRLEN, SC_NFT_TABLE, sizeof(SC_NFT_TABLE)) == 0;
}

/* Takes all events; those that were lost may have been about us. */
static bool
was_touched(int sock)
{
    _Alignas(struct nlmsghdr) char room[EVENTS_ROOM];
    bool result = false;

    for (;;) {
        ssize_t got = recv(sock, room, sizeof(room), 0);
        int left = (int)got;

        if (got < 0 && (errno == EINTR || errno == ENOBUFS)) {
            result = result || errno == ENOBUFS;
            continue;
        }
        if (got <= 0)
            return result;
        for (const struct nlmsghdr *m = (const void *)room; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left))
            result = result || is_ours(m);
    }
}

static bool
is_whole(void)
{
    bool has_rules = true, has_guards = true;

    return sc_nft_has_rules(NFPROTO_INET, "forward", &has_rules) == 0 && has_rules &&
           (sc_nft_has_rules(NFPROTO_BRIDGE, "prerouting", &has_guards) < 0 || has_guards);
}

/* In a grandchild, which is nobody's to wait for here. lock stays open in it: it is held until sc has ended. */
static void
run_sc(char *program, const char *data, const char *run, int lock)
{
    char data_text[ENV_MAX], run_text[ENV_MAX];
    char *argv[] = {program, "network", "ls", "--quiet", NULL}, *envp[] = {data_text, run_text, NULL};
    pid_t child;

    (void)snprintf(data_text, sizeof(data_text), "SC_DATA_ROOT=%s", data);
    (void)snprintf(run_text, sizeof(run_text), "SC_RUN_ROOT=%s", run);
    child = fork();
    if (child == 0) {
        if (fork() == 0) {
            (void)dup2(lock, 3);
            (void)sc_fds_close(-1, 4, ~0U);
            (void)execve(program, argv, envp);
        }
        _exit(127);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* "PROGRAM\nDATA ROOT\nRUN ROOT" */
static void
refill(struct sc_monitor *monitor)
{
    sc_cleanup_free char *copy = strdup(monitor->config.refill);
    char *save = NULL, *program = copy ? strtok_r(copy, "\n", &save) : NULL;
    const char *data = program ? strtok_r(NULL, "\n", &save) : NULL, *run = data ? strtok_r(NULL, "\n", &save) : NULL;
    sc_cleanup_fd lock = -1;

    monitor->refill_pending = false;
    if (!run)
        return;
    lock = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the engine's own */
    if (lock < 0)
        return;
    if (flock(lock, LOCK_EX | LOCK_NB) < 0)
        monitor->refill_pending = true; /* another is at it */
    else if (!is_whole())
        run_sc(program, data, run, lock);
}

void
sc_refill_event(struct sc_monitor *monitor)
{
    if (monitor->refill_listens) {
        if (was_touched(monitor->refill_fds[0]))
            refill(monitor);
        return;
    }
    close_fds(monitor); /* one who listened has ended */
    sc_refill_watch(monitor);
    if (monitor->refill_listens) /* what was deleted meanwhile nobody has heard of */
        refill(monitor);
}

int
sc_refill_wait(const struct sc_monitor *monitor, int wait)
{
    return monitor->refill_pending && (wait < 0 || wait > RETRY_MS) ? RETRY_MS : wait;
}

void
sc_refill_tick(struct sc_monitor *monitor)
{
    if (monitor->refill_pending)
        refill(monitor);
}
