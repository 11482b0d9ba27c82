/*
 * monitor: the per-container supervisor `sc-monitor`, its protocol, and the log it writes.
 *
 * The engine forks; the child starts the container (so the container's init is its child) and then becomes
 * sc-monitor by execve, keeping its pid and the descriptors named on the command line. sc-monitor is
 * static, built with musl where it can be, and stays under 300 kB: it links base (without JSON) and
 * the musl-clean files of kernel only.
 *
 *     container init ──pipes or pty──► sc-monitor ──► log (json-file, rotated)
 *            ▲ pidfd, wait                  ▲ SEQPACKET
 *            └── signals ──────────────────┘◄── sc run / attach / wait / stop (clients)
 *
 * What it does when init ends, in this order: drains what is in the pipes at that moment (a process outside a pid
 * namespace may hold them open for ever), asks the memory cgroup for OOM kills, closes the log, writes exit.json, only
 * then reaps init (so a pid that is gone always has its exit.json), runs the undo file, removes an --rm container's
 * directory, name and run directory, releases the lock, and tells every client EXIT once it has taken all output. A
 * crash in between is repaired by the next command. Before exit.json it decides whether the container is started again,
 * and leaves a process that does (restart.h). What went wrong meanwhile is a line each in run_dir/monitor.err.
 * The container dies with its monitor (PDEATHSIG): nobody runs unsupervised.
 *
 * Messages: one packet each, first byte the type, numbers in host order. End of file from a client means it is gone
 * (nothing else); end of file from the monitor without EXIT means the monitor died: SC_ERR_PEER_DIED.
 *
 *   type       from      body                       answer
 *   HELLO      client    u8 flags (SC_ATTACH_*)     STARTED; then output as asked for. Not sent on config.client_fd.
 *   STDIN      client    1..32000 bytes             STDIN_DONE once the container's stdin has taken them all; until
 *                                                   then the client sends no other STDIN (so KILL never queues behind
 *                                                   data)
 *   STDIN_EOF  client    -                          - (the container's stdin closes with stdin_once, when no client
 *                                                   with SC_ATTACH_STDIN feeds it any more; a terminal gets ^D)
 *   RESIZE     client    u16 rows, u16 columns      -
 *   KILL       client    i32 signal                 - (to init, by pidfd)
 *   LISTENER   client    - (a listener rides)       LISTENER_KEPT, or end of file when there is no room for it
 *   JOINED     client    refill NUL names NUL, fds  - (it is on a network that its monitor was not started with: as in
 *                                                   struct sc_monitor_config, either may be ""; the sockets for names
 *                                                   ride along, udp and tcp)
 *   STARTED    monitor   i32 pid                    also sent by the engine's forked child when exec succeeded
 *   ERROR      monitor   struct sc_err, whole       sent by the engine's forked child: the start failed, all is undone
 *   STDOUT     monitor   bytes                      a terminal's output is STDOUT
 *   STDERR     monitor   bytes
 *   STDIN_DONE monitor   -                          never comes when a container without terminal has closed its stdin
 *   EXIT       monitor   struct sc_exit             last message: cleanup is complete
 *
 * Output is held back, never dropped: a client that does not read stops the container's writes once the pipe, one
 * packet and its socket are full, as in Docker. The log never holds anything back: what a full disk refuses is counted,
 * and noted in the log once it has room again.
 */
#ifndef SC_MONITOR_H
#define SC_MONITOR_H

#include "base/base.h"
#include "base/event.h"
#include "kernel/cgroup/cgroup.h"

enum sc_monitor_msg {
    SC_MSG_HELLO = 1,
    SC_MSG_STDIN,
    SC_MSG_STDIN_EOF,
    SC_MSG_RESIZE,
    SC_MSG_KILL,
    SC_MSG_JOINED,
    SC_MSG_LISTENER,
    SC_MSG_STARTED = 32,
    SC_MSG_ERROR,
    SC_MSG_STDOUT,
    SC_MSG_STDERR,
    SC_MSG_EXIT,
    SC_MSG_STDIN_DONE,
    SC_MSG_LISTENER_KEPT,
};
#define SC_MONITOR_DATA_MAX   32000
#define SC_MONITOR_PACKET_MAX (SC_MONITOR_DATA_MAX + 64)

enum { SC_ATTACH_STDIN = 1, SC_ATTACH_STDOUT = 2, SC_ATTACH_STDERR = 4, SC_ATTACH_WAIT_ONLY = 0 };

struct sc_exit {
    int32_t code;   /* as a shell says it: status, or 128 + signal */
    int32_t signal; /* 0 when it exited */
    uint8_t was_oom_killed;
    uint8_t was_disk_full; /* sc_disk_is_full of the data directory, when it had ended */
    int32_t restart_count; /* since it was started by hand, with one that is about to come (restart.h) */
    int64_t finished_at;   /* CLOCK_REALTIME ns */
};

/* In run_dir: the attributes that events have instead of those in the config, after a rename. */
#define SC_MONITOR_EVENT_FILE "event"
#define SC_MONITOR_HELD_MAX   16
#define SC_PORTS_MAX          256 /* sockets of ports.h for one container */
/* What sc-monitor is started with; fds are inherited, -1 where absent. */
struct sc_monitor_config {
    const char *id;
    const char *run_dir;            /* /run/sc/container/<id>: lock, state.json, undo, monitor.sock */
    const char *data_dir;           /* /var/lib/sc/container/<id>: exit.json is written here; removed when is_rm */
    const char *name_link;          /* /var/lib/sc/name/<name>: unlinked when is_rm; NULL: none */
    const char *log_path;           /* NULL: no log */
    int64_t log_max_size;           /* bytes; <= 0: no rotation */
    int log_max_files;              /* 1: truncate; n: path, path.1 .. path.(n-1) */
    const char *log_attributes;     /* JSON: an object, "attrs" of each record; NULL: none */
    const char *memory_dir;         /* memory cgroup directory, for OOM kills; NULL: not known */
    bool memory_is_v2, watches_oom; /* watches_oom: it has a limit of its own */
    const char *cgroups;            /* its directories, one a line; NULL: it has none */
    const char *event;              /* members of the Attributes of its events, as JSON; NULL: no events */
    const char *held;               /* numbers of descriptors that others take from it, "7 9"; NULL: none */
    const char *refill; /* sc, data root and run root, one a line: to put back our tables; NULL: it needs none */
    const char *health; /* sc, and its environment, one a line: it has a health check (health.h); NULL: it has none */
    int64_t health_interval, health_start_interval, health_start_period; /* ns; 0: the default */
    const char
        *names; /* sc-names, the directory of leases, and name servers if any are given, one a line; NULL: none */
    int names_udp, names_tcp; /* the container's sockets for it */
    const char *ports;        /* sc-ports, the directory of ports' leases, and "FD KEY" lines (ports.h); NULL: none */
    int ports_fd;             /* epoll(7) of those FDs */
    pid_t pid;
    int pidfd;
    int lock_fd;               /* flock on run_dir/lock, held for the monitor's life */
    int listen_fd;             /* bound and listening run_dir/monitor.sock */
    int client_fd;             /* the first client (sc run), or -1 */
    int client_flags;          /* its SC_ATTACH_* */
    int tty_fd;                /* pty master; then in/out/err are -1 */
    int in_fd, out_fd, err_fd; /* our ends of the container's stdio pipes */
    const char *calls;         /* sc-view, to answer system calls; NULL: nobody does */
    int calls_fd;              /* the listener of the container's first process */
    bool keeps_stdin_open;     /* -i; without it a stdin pipe is closed at once */
    bool stdin_once;           /* close stdin when no attached client feeds it any more (docker run -i without -d) */
    bool is_rm;
    bool dies_with_client; /* the first client is who wants it: when that goes, it is killed */
};
/* config -> argv for execve and back (both halves in one file, tested as inverses). argv lives in the arena. */
void sc_monitor_config_encode(const struct sc_monitor_config *config, const char *program, struct sc_arena *arena,
                              struct sc_strv *argv);
SC_MUST_CHECK int sc_monitor_config_decode(int argc, char **argv, struct sc_monitor_config *out, struct sc_err *err);

/* ---- for clients (lib_monitor; linked into sc) ----------------------------------- */
/* Binds run_dir/monitor.sock (mode 0600) through the directory fd, whatever the length of its path; returns the
 * listening fd. */
SC_MUST_CHECK int sc_monitor_listen(int run_dir_fd, struct sc_err *err);
/* Connects and sends HELLO; SC_ERR_NOT_FOUND when no monitor listens. Returns the socket. */
SC_MUST_CHECK int sc_monitor_connect(int run_dir_fd, int attach_flags, struct sc_err *err);
/* Hands the monitor the listener of a further process's calls, and waits until it has it. */
SC_MUST_CHECK int sc_monitor_give_listener(int run_dir_fd, int listener, struct sc_err *err);
SC_MUST_CHECK int sc_monitor_send(int sock, enum sc_monitor_msg type, const void *body, size_t len, struct sc_err *err);
/* JOINED, without waiting for anything. udp, tcp: borrowed, or -1. */
SC_MUST_CHECK int sc_monitor_join(int run_dir_fd, const char *refill, const char *names, int udp, int tcp,
                                  struct sc_err *err);
/* One message: *type and its body in data (room SC_MONITOR_PACKET_MAX); returns the body's length; end of file is
 * SC_ERR_PEER_DIED. */
SC_MUST_CHECK ssize_t sc_monitor_recv(int sock, enum sc_monitor_msg *type, void *data, size_t size, struct sc_err *err);

/* Whether a file system has no room for a container: less than 64 KiB, or no inode. */
bool sc_disk_is_full(int fd);
/* exit.json: {"exitCode":137,"signal":9,"oomKilled":true,"finishedAt":"2026-11-23T09:10:47.123456789Z"}, and with usage
 * also "usage":{"cpu":NANOSECONDS,...}, and with words those of them that are not NULL. On a full disk "diskFull":true;
 * after restarts "restartCount":N. usage, words: or NULL. */
struct sc_exit_words {
    const char *oom_victim;  /* "oomVictim": "sh (process 42)" */
    const char *oom_place;   /* "oomPlace": the memory cgroup that was full, "/sc/...", or SC_OOM_HOST */
    const char *start_error; /* "startError": why it could not be started again */
};
SC_MUST_CHECK int sc_exit_write(int data_dir_fd, const struct sc_exit *exit_record, const struct sc_usage *usage,
                                const struct sc_exit_words *words, enum sc_durability durability, struct sc_err *err);
#define SC_OOM_HOST "host"
/* The same two of a record of the kernel's log; false where it tells of nothing in container id. */
bool sc_oom_record(const char *record, const char *id, struct sc_buf *victim, struct sc_buf *place);
/* Its inverse; SC_ERR_NOT_FOUND when there is none. In lib_monitor only (jansson). */
SC_MUST_CHECK int sc_exit_read(int data_dir_fd, struct sc_exit *out, struct sc_err *err);
/* The code and signal of a process that waitid(2) has reported: its si_code and si_status. */
void sc_exit_from_wait(int code, int status, struct sc_exit *out);

/* ---- what it used (usage-fields.c, usage-read.c, blackbox.c) ---------------------------------------------------- */
void sc_usage_encode(const struct sc_usage *usage, struct sc_buf *out);
/* Its inverse: the member "usage". In lib_monitor only (jansson). */
struct json_t;
SC_MUST_CHECK int sc_usage_decode(const struct json_t *json, struct sc_usage *out, struct sc_err *err);
/* A head and a ring: each second of the first ten, then every fifth, ten minutes in all. In the run directory while it
 * runs, then in the data directory. */
#define SC_BLACKBOX_FILE    "blackbox"
#define SC_BLACKBOX_SECONDS 5
#define SC_BLACKBOX_DENSE   10
#define SC_BLACKBOX_SLOTS   130
#define SC_SECOND           INT64_C(1000000000)
struct sc_blackbox_sample {
    int64_t when; /* CLOCK_REALTIME ns, for people */
    int64_t made; /* CLOCK_MONOTONIC ns: the order, and what has passed, when the other clock is set */
    struct sc_usage usage;
};
/* At the file's beginning: another build's samples are not ours to read. A sample that changes changes its size, or
 * the version. */
#define SC_BLACKBOX_VERSION 1
struct sc_blackbox_head {
    char mark[8];
    uint32_t version, sample_size;
};
#define SC_BLACKBOX_HEAD                                                                                               \
    (struct sc_blackbox_head)                                                                                          \
    {                                                                                                                  \
        .mark = "sc-black", .version = SC_BLACKBOX_VERSION, .sample_size = sizeof(struct sc_blackbox_sample)           \
    }
/* Oldest first. In lib_monitor only. SC_ERR_NOT_FOUND when there is none, UNSUPPORTED of another build's. */
SC_MUST_CHECK int sc_blackbox_read(int dir_fd, struct sc_arena *arena, struct sc_blackbox_sample **out, size_t *count,
                                   struct sc_err *err);

/* ---- relaying a terminal or pipes (relay.c): used by run -i/-t, attach, exec ------------ */
/* --detach-keys as Docker writes them: a comma list of single characters and ctrl-a..z, ctrl-@ [ \ ] ^ _ */
#define SC_DETACH_KEYS_MAX 16
struct sc_detach_keys {
    unsigned char bytes[SC_DETACH_KEYS_MAX];
    size_t count;
};
SC_MUST_CHECK int sc_detach_keys_parse(const char *text, struct sc_detach_keys *out, struct sc_err *err);
struct sc_relay {
    int sock;                  /* monitor socket, or -1 when pipes/pty are relayed directly (exec) */
    int tty_fd;                /* exec -t: pty master */
    int in_fd, out_fd, err_fd; /* exec: our pipe ends */
    int pidfd; /* exec: our child; ends when it does and what is in the pipes has been copied; it is reaped */
    bool with_stdin,
        with_terminal; /* with_terminal: our stdin, where it is a terminal, is put in raw mode; SIGWINCH is forwarded */
    bool keeps_output; /* with_terminal: our terminal goes on making "\r\n" of a newline */
    bool forwards_signals; /* --sig-proxy: TERM INT HUP QUIT USR1 USR2 ... go to the container (not in raw mode) */
    void (*before_signal)(void *data, int signum); /* called before one goes there; NULL: nothing is */
    void *data;
    const char *detach_keys; /* "ctrl-p,ctrl-q"; NULL or "": none. Only in raw mode. */
};
enum sc_relay_end { SC_RELAY_EXITED, SC_RELAY_DETACHED };
/* Copies between this process's fds 0, 1, 2 and the container until it ends or the user detaches. in_fd, out_fd
 * and err_fd are taken: closed on return at the latest; sock, tty_fd and pidfd are borrowed. Terminal modes are always
 * restored; a signal that ends this process (raw mode: TERM HUP INT QUIT) does so after that. A reader of our stdout
 * or stderr that leaves ends this with an error, not the container; a process of exec gets SIGPIPE then. */
SC_MUST_CHECK int sc_relay_run(const struct sc_relay *relay, enum sc_relay_end *end, struct sc_exit *exit_record,
                               struct sc_err *err);

/* ---- reading logs (log-read.c) ------------------------------------------------------ */
struct sc_log_query {
    int64_t tail;         /* last n lines; -1: all */
    int64_t since, until; /* CLOCK_REALTIME ns; 0: not set */
    bool follow;          /* until is_running says no and the log has been read to its end; inotify */
    bool timestamps;      /* RFC 3339 nano before each line */
    bool details;         /* its attributes before each line, "a=1,b=2 ", or a space alone */
};
/* True as long as anything may still be written to the log: while the monitor holds its lock, not while init lives. */
typedef bool (*sc_log_running_fn)(void *data);
typedef int (*sc_log_line_fn)(bool is_stderr, const char *line, size_t len, void *data); /* nonzero stops */
/* Calls line for each record, oldest first, over all rotated files; a line longer than 16 KiB comes in pieces of which
 * only the last ends in a newline. A log that does not exist is empty. Records that a crash has torn are passed over.
 */
SC_MUST_CHECK int sc_log_read(const char *log_path, const struct sc_log_query *query, sc_log_running_fn is_running,
                              sc_log_line_fn line, void *data, struct sc_err *err);

#endif
