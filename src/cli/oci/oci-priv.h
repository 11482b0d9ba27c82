/*
 * sc-oci: the OCI runtime's command line, with runc's verbs and options, for podman, containerd and Docker. Each verb
 * is a function over an opened context; state lives in <root>/<id>/state.json. Only main.c and log.c print errors: to
 * standard error, and to --log in the asked-for format.
 *
 *   main.c       from argv to a verb and its exit code        options.c   the tables of verbs and options, --help
 *   log.c        --log, --log-format, --debug                 create.c    create, run, start
 *   exec.c       exec                                         verbs.c     state, kill, delete, pause, resume
 *   list.c       list, ps                                     update.c    update
 *   events.c     events                                       spec.c      spec, features
 *   checkpoint.c checkpoint                                   restore.c   restore
 *   criu.c       what the two have in common                  criu-rpc.c  how criu is talked to
 *   notify.c     sd_notify(3) and LISTEN_FDS
 */
#ifndef SC_CLI_OCI_PRIV_H
#define SC_CLI_OCI_PRIV_H

#include "runtime/runtime.h"

/* update's options, as they were written; update.c reads them */
struct sc_oci_update_options {
    const char *resources, *memory, *memory_swap, *memory_reservation, *kernel_memory, *kernel_memory_tcp;
    const char *cpu_shares, *cpu_period, *cpu_quota, *cpu_burst, *cpu_idle, *cpu_rt_period, *cpu_rt_runtime;
    const char *cpuset_cpus, *cpuset_mems, *pids_limit, *blkio_weight, *l3_cache_schema, *mem_bw_schema;
};
struct sc_oci_criu_options {
    const char *image_path, *work_path, *parent_path, *page_server, *cgroups_mode, *lsm_profile, *lsm_mount_context;
    const char *status_fd;
    struct sc_strv empty_ns;
    bool leaves_running, tcp_established, ext_unix_sk, shell_job, lazy_pages, file_locks, pre_dump, auto_dedup;
};

struct sc_oci_cli {
    const char *root; /* --root, or main's default */
    const char *log_path, *log_format, *criu, *cgroup_manager, *rootless;
    bool systemd_cgroup, is_debug, log_is_json;
    int log_fd; /* of --log, or -1: standard error */
    /* options of the verbs */
    const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket, *process_file, *cwd, *user, *format;
    const char *apparmor, *process_label, *interval, *file;
    struct sc_strv env, caps, additional_gids, cgroups;
    bool is_detached, is_force, is_all, has_tty, no_pivot, no_new_keyring, keeps, is_quiet, no_subreaper;
    bool ignores_paused, only_stats, for_rootless;
    struct sc_opt_bool no_new_privs;
    unsigned preserve_fds;
    unsigned listen_fds; /* of sd_listen_fds(3), passed on before the preserved ones */
    struct sc_oci_update_options update;
    struct sc_oci_criu_options checkpoint;
    struct sc_strv args; /* what is left: id, signal, command */
    struct sc_arena arena;
    int exit_code; /* of run and exec */
    int copy_fd;   /* of sc_self_protect, or -1 */
};

/* ---- options.c ------------------------------------------------------------------------------------------- */
struct sc_oci_verb {
    const char *name;
    int (*run)(struct sc_oci_cli *cli, struct sc_err *err);
    unsigned bit;           /* in the options' rows */
    bool makes_process;     /* enters containers: the executable must be protected */
    bool takes_command;     /* options end at the id */
    int failure;            /* exit code where the verb itself fails: runc's 255 for run and exec */
    int args_min, args_max; /* -1: any number */
    const char *usage, *help;
};
/* A row of the table of options. */
enum sc_oci_option_kind { SC_OCI_TEXT, SC_OCI_FLAG, SC_OCI_OPT_FLAG, SC_OCI_LIST, SC_OCI_COUNT };
struct sc_oci_option {
    const char *name;
    char letter; /* 0: none */
    enum sc_oci_option_kind kind;
    int verbs;                /* bits of the verbs that take it */
    size_t offset;            /* of its value in struct sc_oci_cli */
    const char *value, *help; /* help NULL: another spelling of the row before */
};
/* The tables, for the test that walks them; NULL after the last row. */
const struct sc_oci_option *sc_oci_option_at(size_t i);
const struct sc_oci_verb *sc_oci_verb_at(size_t i);
/* Reads argv into *cli. *verb is NULL where --help or --version has answered already. */
SC_MUST_CHECK int sc_oci_parse(struct sc_oci_cli *cli, int argc, char **argv, const struct sc_oci_verb **verb,
                               struct sc_err *err);

/* ---- log.c ----------------------------------------------------------------------------------------------- */
SC_MUST_CHECK int sc_oci_log_open(struct sc_oci_cli *cli, struct sc_err *err);
/* level: "debug" "warning" "error", as logrus names them */
void sc_oci_log(const struct sc_oci_cli *cli, const char *level, const char *message);
void sc_oci_report(const struct sc_oci_cli *cli, const struct sc_err *err);
/* One debug line for each step of a plan, for struct sc_launch. */
void sc_oci_log_step(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *cli);

SC_MUST_CHECK int sc_oci_verb_create(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_run(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_start(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_state(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_kill(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_delete(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_exec(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_list(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_pause(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_resume(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_ps(struct sc_oci_cli *cli, struct sc_err *err);
/* update's options, as they were written, to the numbers that they ask for (update.c). */
SC_MUST_CHECK int sc_oci_update_parse(struct sc_oci_cli *cli, struct sc_oci_resources *out, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_update(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_events(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_features(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_spec(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_checkpoint(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_restore(struct sc_oci_cli *cli, struct sc_err *err);

/* ---- state-dir.c. First whether the directory is there, whatever is in it. */
SC_MUST_CHECK int sc_oci_open_dir(struct sc_oci_cli *cli, const char *id, struct sc_err *err);
/* The container's state directory (O_PATH is not enough: files are made in it) and state. */
SC_MUST_CHECK int sc_oci_open_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state,
                                    struct sc_err *err); /* fd or -1 */
/* The same, and locked against other creates, starts and deletes of it until the descriptor is closed. */
SC_MUST_CHECK int sc_oci_lock_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err);
SC_MUST_CHECK int sc_oci_check_id(const char *id, struct sc_err *err);
/* After a process was made: pid file, console socket, pidfd socket. */
SC_MUST_CHECK int sc_oci_publish(const struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err);
/* From before a process in the foreground is made until sc_oci_wait, which forwards them, signals to us wait. */
void sc_oci_hold_signals(void);
/* Waits for a process in the foreground, forwarding signals and, with a terminal, relaying it. */
SC_MUST_CHECK int sc_oci_wait(struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err);
/* Whether dir_fd is still what the name of the container leads to: not one that a delete removed meanwhile. */
bool sc_oci_dir_is_of(const struct sc_oci_cli *cli, const char *id, int dir_fd);
SC_MUST_CHECK int sc_oci_remove_state(struct sc_oci_cli *cli, const char *id, struct sc_err *err);
/* Name of the user that the state directory belongs to, or the number. */
char *sc_oci_owner(int dir_fd, struct sc_arena *arena);
int sc_oci_cache_open(const struct sc_oci_cli *cli); /* directory of compiled seccomp filters, or -1 */
/* The path of a program of the host, by PATH where its name has no '/'. */
SC_MUST_CHECK int sc_oci_program_find(const char *name, char *out, size_t size, struct sc_err *err);
/* Runs a program of the host, found in PATH, to its end: what it printed, and its exit status (128 + signal). */
SC_MUST_CHECK int sc_oci_program_output(const struct sc_strv *argv, struct sc_buf *out, int *status,
                                        struct sc_err *err);
/* ---- lifecycle.c: what start, run and delete have in common ------------------------------------------------- */
#define SC_OCI_CONFIG_MAX  (8 << 20)
#define SC_OCI_KEPT_CONFIG "config.json" /* in the state directory: no later change of the bundle's has any effect */
/* The config.json that the container was made of. */
SC_MUST_CHECK int sc_oci_load_config(struct sc_oci_cli *cli, int state_dir, struct sc_oci_spec *out,
                                     struct sc_err *err);
/* Ends what still runs, takes back what create made, runs poststop hooks, forgets the container. */
SC_MUST_CHECK int sc_oci_destroy(struct sc_oci_cli *cli, const struct sc_state *state, const struct sc_oci_hooks *hooks,
                                 struct sc_err *err);
/* A hook that fails destroys the container, and is the error. */
SC_MUST_CHECK int sc_oci_poststart(struct sc_oci_cli *cli, const struct sc_state *state,
                                   const struct sc_oci_hooks *hooks, struct sc_err *err);
/* A hook that fails is a warning. */
void sc_oci_poststop(struct sc_oci_cli *cli, const struct sc_state *state, const struct sc_oci_hooks *hooks);
/* Who gets a terminal's other end must be known before it is made. */
SC_MUST_CHECK int sc_oci_check_terminal(const struct sc_oci_cli *cli, bool has_terminal, bool is_detached,
                                        struct sc_err *err);

/* ---- create.c: a container while it is made; restore makes one too -------------------------------------------- */
struct sc_oci_creation {
    struct sc_oci_spec spec;
    struct sc_host host;
    struct sc_systemd systemd;
    struct sc_plan plan;
    struct sc_state state;
    char *bundle, *config;     /* config: of --config, absolute */
    struct sc_buf config_text; /* kept in the state directory */
    bool was_launched;         /* something of the container has been made */
    int dir_fd, gate_fd, notify_fd;
};
void sc_oci_creation_release(struct sc_oci_creation *c);
#define sc_cleanup_creation __attribute__((cleanup(sc_oci_creation_release))) struct sc_oci_creation
#define SC_OCI_CREATION_INIT                                                                                           \
    {                                                                                                                  \
        .dir_fd = -1, .gate_fd = -1, .notify_fd = -1, .config_text = SC_BUF_INIT                                       \
    }
/* Reads the bundle and compiles the plan; nothing is made yet. */
SC_MUST_CHECK int sc_oci_creation_prepare(struct sc_oci_cli *cli, const char *id, bool waits, struct sc_oci_creation *c,
                                          struct sc_err *err);
/* The state directory, locked; SC_ERR_EXISTS when the id is taken. */
SC_MUST_CHECK int sc_oci_make_state_dir(struct sc_oci_cli *cli, const char *id, struct sc_err *err);
/* In the foreground: waits for its end, then deletes it (but for --keep). */
SC_MUST_CHECK int sc_oci_creation_finish(struct sc_oci_cli *cli, struct sc_oci_creation *c, struct sc_process *process,
                                         struct sc_err *err);

/* The state as hooks get it, with this pid. */
SC_MUST_CHECK int sc_oci_write_state(void *creation, pid_t pid, struct sc_buf *out, struct sc_err *err);

/* ---- criu-rpc.c: criu's protocol (rpc.proto), as a client of `criu swrk` ---------------------------------------- */
enum sc_criu_type { SC_CRIU_DUMP = 1, SC_CRIU_RESTORE = 2, SC_CRIU_PRE_DUMP = 4, SC_CRIU_NOTIFY = 6 };
struct sc_criu_answer {
    int type; /* enum sc_criu_type, or one that was not asked for */
    bool is_success;
    int errnum;         /* what criu met, or 0 */
    const char *script; /* of a notification: its name */
    pid_t pid;          /* of a notification; what a restore restored */
};
/* Members of a message under construction. */
void sc_criu_add_number(struct sc_buf *buf, unsigned member, uint64_t value);
void sc_criu_add_text(struct sc_buf *buf, unsigned member, const char *text);
void sc_criu_add_bytes(struct sc_buf *buf, unsigned member, const void *data, size_t len);
SC_MUST_CHECK int sc_criu_read_answer(const void *data, size_t len, struct sc_arena *arena, struct sc_criu_answer *out,
                                      struct sc_err *err);
/* *fd: came with the notification, or -1; to be stolen by who wants it. An error ends the conversation. */
typedef int (*sc_criu_notify_fn)(void *data, const struct sc_criu_answer *notification, int *fd, struct sc_err *err);
/* Sends the request, answers notifications, and returns the answer, be it a success or not. */
SC_MUST_CHECK int sc_criu_talk(int sock, enum sc_criu_type type, const struct sc_buf *opts, sc_criu_notify_fn notify,
                               void *data, struct sc_arena *arena, struct sc_criu_answer *answer, struct sc_err *err);

/* ---- notify.c: nothing is done where the caller has no NOTIFY_SOCKET ---------------------------------------- */
SC_MUST_CHECK int sc_oci_notify_spec(struct sc_oci_cli *cli, const char *id, struct sc_oci_spec *spec,
                                     struct sc_err *err);
SC_MUST_CHECK int sc_oci_notify_directory(int state_dir, struct sc_err *err);
/* The socket that the container writes to, or -1; then *err is filled only where it should be there. */
SC_MUST_CHECK int sc_oci_notify_bind(int state_dir, struct sc_err *err);
/* Passes READY=1 (and MAINPID) on, or returns when the process has ended. */
SC_MUST_CHECK int sc_oci_notify_follow(int fd, const struct sc_process *process, bool tells_pid, struct sc_err *err);
/* The same beside a run in the foreground, in a process of its own that ends with the container's. */
pid_t sc_oci_notify_fork(int fd, const struct sc_process *process);
SC_MUST_CHECK int sc_oci_listen_spec(struct sc_oci_cli *cli, struct sc_oci_process *process, struct sc_err *err);
/* Descriptors 3 to 2 + n are open, as --preserve-fds and LISTEN_FDS promise. */
SC_MUST_CHECK int sc_oci_check_preserved(const struct sc_oci_cli *cli, struct sc_err *err);

#endif
