/*
 * sc-monitor from inside. One thread, one poll(2) loop, no allocation while idle.
 *
 *   main.c     set-up: descriptors, signals, log
 *   loop.c     what poll reports; reading the container's output
 *   output.c   chunks of output on their way to clients
 *   client.c   accepting clients, their messages, stdin
 *   finish.c   what happens when init has ended
 *   restart.c  whether it is started again, and who waits to do that (restart.h)
 *   blackbox.c the black box: a sample every few seconds
 *   oom.c      memory that ran out
 *   on-demand.c    programs that run while there is something for them to do:
 *   names-watch.c  sc-names, when its container has a question for it
 *   ports-watch.c  sc-ports, when somebody comes to a published port by IPv6
 *   health.c   health checks: when the next look is due
 *   refill.c   our tables of nftables, when another program flushes them
 *   view-watch.c  the view of /proc, when it has one
 *   calls.c    the system calls that the view answers
 *
 * A chunk is one packet of output, kept once for all clients that still need it. New output is read only while no
 * chunk waits, so a slow client holds back the container and memory stays at one chunk. At the end everything that is
 * in the pipes is queued at once, so that recording the exit never waits for a client.
 */
#ifndef SC_MONITOR_PRIV_H
#define SC_MONITOR_PRIV_H

#include <poll.h>

#include "monitor/log-priv.h"
#include "monitor/monitor.h"

#define SC_CLIENTS_MAX 64

struct sc_chunk {
    struct sc_chunk *next;
    size_t waiting;                          /* clients that have not been sent it */
    size_t len;                              /* of packet */
    uint8_t packet[1 + SC_MONITOR_DATA_MAX]; /* type, output */
};

/* What of a client's stdin the container has not taken yet. */
struct sc_stdin_data {
    char *packet;
    size_t at, len;
};

struct sc_client {
    int fd;            /* -1: gone, but its stdin is still being written */
    int flags;         /* SC_ATTACH_* */
    bool is_greeted;   /* HELLO has come */
    bool feeds_stdin;  /* until STDIN_EOF or its end */
    bool owes_eof;     /* ^D for the terminal, after input */
    bool is_owed_done; /* STDIN_DONE did not fit into its socket */
    bool is_owner;     /* config.dies_with_client, and this is that client */
    struct sc_stdin_data input;
    struct sc_chunk *next; /* first chunk it needs; NULL: it has all */
};

#define SC_REFILL_PLACES 2 /* of a network namespace: should one be stopped, there is another */

struct sc_on_demand {
    pid_t pid;    /* 0: it does not run */
    int fd;       /* its pidfd */
    int64_t next; /* CLOCK_MONOTONIC: not before this is it started again */
};

struct sc_monitor {
    struct sc_monitor_config config; /* descriptors in it are ours; -1 once closed */
    struct sc_log_writer log;
    int tty_hold_fd; /* the slave side, held so that the master never hangs up while init lives */
    struct sc_client clients[SC_CLIENTS_MAX];
    size_t client_count;
    struct sc_chunk *chunks, *last_chunk, *spare;
    char *recv_buf;                  /* SC_MONITOR_PACKET_MAX, or NULL */
    bool had_feeder;                 /* a client with SC_ATTACH_STDIN has been there */
    bool has_scratch;                /* buffers are held that an idle monitor does not need */
    int64_t started_at, next_sample; /* CLOCK_REALTIME; CLOCK_MONOTONIC, INT64_MAX: none */
    struct sc_accounts accounts;
    struct sc_usage last_usage; /* of the last sample */
    uint64_t sample_count, oom_told;
    int blackbox_fd, oom_fd, view_fd;
    struct sc_calls *calls; /* or NULL */
    bool refill_pending, refill_listens;
    int refill_places, refill_fds[SC_REFILL_PLACES]; /* the socket, if it listens; else pidfds of those who do */
    struct sc_on_demand names, ports, health;        /* sc-names, sc-ports, sc __health */
};

/* loop.c: returns when init has ended */
void sc_monitor_loop(struct sc_monitor *monitor);
/* Reads output of *fd once (closing it at its end), logs it and queues it. False: nothing was there. */
bool sc_monitor_read(struct sc_monitor *monitor, int *fd, enum sc_monitor_msg type);

/* output.c */
/* Empty, for one read; NULL without memory. */
struct sc_chunk *sc_chunk_new(struct sc_monitor *monitor);
void sc_chunk_push_take(struct sc_monitor *monitor, struct sc_chunk *chunk);
void sc_chunk_drop_take(struct sc_monitor *monitor, struct sc_chunk *chunk);
/* Sends what the socket takes; false: the client is gone. */
bool sc_chunk_send(struct sc_monitor *monitor, struct sc_client *client);
/* The client will take no more. */
void sc_chunk_forget(struct sc_monitor *monitor, struct sc_client *client);
void sc_chunk_trim(struct sc_monitor *monitor);

/* client.c */
struct sc_client *sc_client_add(struct sc_monitor *monitor, int fd); /* takes fd; NULL when there are too many */
void sc_client_accept(struct sc_monitor *monitor);                   /* all that are waiting */
void sc_client_event(struct sc_monitor *monitor, struct sc_client *client, short events);
void sc_client_drop(struct sc_monitor *monitor, struct sc_client *client);
void sc_client_sweep(struct sc_monitor *monitor); /* forgets slots that hold nothing */
bool sc_client_wants_input_room(const struct sc_monitor *monitor);
void sc_client_write_input(struct sc_monitor *monitor); /* the container's stdin has room */
void sc_client_close_input(struct sc_monitor *monitor);

/* finish.c */
void sc_monitor_finish(struct sc_monitor *monitor);

/* restart.c: with how it ended known, and not yet written. What keeps the next start waiting until it is closed; -1:
 * there will be none. Sets record->restart_count; *why: what kept one that is due from coming, for exit.json. */
int sc_restart_decide(const struct sc_monitor *monitor, struct sc_exit *record, struct sc_buf *why);

/* blackbox.c */
void sc_blackbox_start(struct sc_monitor *monitor);
int sc_blackbox_wait(const struct sc_monitor *monitor);
void sc_blackbox_tick(struct sc_monitor *monitor);
/* The last sample; what was used in all. False: nobody knows. */
bool sc_blackbox_end(struct sc_monitor *monitor, struct sc_usage *usage);
void sc_blackbox_keep(struct sc_monitor *monitor, int data_dir);

/* oom.c */
void sc_oom_watch(struct sc_monitor *monitor);
void sc_oom_tell(struct sc_monitor *monitor);
void sc_oom_victim(const struct sc_monitor *monitor, struct sc_buf *victim, struct sc_buf *place);

/* on-demand.c: a program that runs while there is something for it to do */
bool sc_on_demand_is_due(const struct sc_on_demand *program); /* what waits for it would start it */
int sc_on_demand_wait(const struct sc_on_demand *program, bool is_wanted, int wait); /* the loop's, or sooner */
void sc_on_demand_start(struct sc_on_demand *program, const struct sc_monitor_config *config,
                        void (*execute)(const struct sc_monitor_config *config)); /* [child] execute */
void sc_on_demand_ended(struct sc_on_demand *program);
void sc_on_demand_stop(struct sc_on_demand *program); /* with its container */

/* names-watch.c */
void sc_names_asked(struct sc_monitor *monitor);
void sc_names_stop(struct sc_monitor *monitor);

/* ports-watch.c */
/* The sockets that config->ports tells of, at most SC_PORTS_MAX: how many. */
size_t sc_ports_sockets(const struct sc_monitor_config *config, int out[SC_PORTS_MAX]);
void sc_ports_asked(struct sc_monitor *monitor);
void sc_ports_stop(struct sc_monitor *monitor);

/* health.c */
void sc_health_start(struct sc_monitor *monitor);
int sc_health_wait(const struct sc_monitor *monitor, int wait); /* the loop's, or sooner */
void sc_health_tick(struct sc_monitor *monitor);
void sc_health_ended(struct sc_monitor *monitor);
void sc_health_stop(struct sc_monitor *monitor);

/* refill.c */
void sc_refill_watch(struct sc_monitor *monitor);
void sc_refill_event(struct sc_monitor *monitor);
int sc_refill_wait(const struct sc_monitor *monitor, int wait); /* the loop's, or sooner */
void sc_refill_tick(struct sc_monitor *monitor);

/* view-watch.c */
void sc_view_watch(struct sc_monitor *monitor);
/* The real files show again, in the container. */
void sc_view_ended(struct sc_monitor *monitor);

/* calls.c */
void sc_calls_start(struct sc_monitor *monitor);
/* False: the listener is closed, for lack of room or of a view that answers. */
bool sc_calls_add_take(struct sc_monitor *monitor, int listener_take);
int sc_calls_fd(const struct sc_monitor *monitor); /* to wait for, or -1 */
void sc_calls_event(struct sc_monitor *monitor);

/* tell.c: a line in run_dir/monitor.err */
void sc_monitor_complain(const struct sc_monitor *monitor, const struct sc_err *err);
/* An event of its container; more: further attributes, as JSON, or NULL. */
void sc_monitor_event(const struct sc_monitor *monitor, const char *action, const char *more);
/* The same where the run directory may have gone meanwhile: run_root as this opened it before, or -1. */
int sc_monitor_open_run_root(const struct sc_monitor *monitor); /* <run root>: two above the run directory */
void sc_monitor_event_in(const struct sc_monitor *monitor, int run_root, const char *action, const char *more);

#endif
