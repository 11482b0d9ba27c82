/*
 * runtime: executes plans. It knows bundles, cgroups and namespaces; not images, names or logs.
 *
 *     sc_host_detect ─► sc_plan_compile ─► sc_launch ─► struct sc_process
 *                                              │ clone3
 *     launcher ──────── SEQPACKET ─────────── child      (table of messages in launch-priv.h)
 *
 * Invariants: sc_launch either returns a running (or created and waiting) process, or has taken back every step. The
 * child executes prepared steps only. After the launcher returns, the container depends on nothing of it but the
 * descriptors it was given.
 */
#ifndef SC_RUNTIME_H
#define SC_RUNTIME_H

#include "base/base.h"
#include "kernel/kernel.h"
#include "plan/plan.h"

SC_MUST_CHECK int sc_host_detect(struct sc_arena *arena, struct sc_host *out, struct sc_err *err);
/* Fills in host->bare_mounts, for a container whose root covers the old one instead of taking its place. */
SC_MUST_CHECK int sc_host_find_bare_mounts(struct sc_host *host, struct sc_arena *arena, struct sc_err *err);
/* Fills in host->resctrl and has_resctrl, for a container with linux.intelRdt. */
SC_MUST_CHECK int sc_host_find_resctrl(struct sc_host *host, struct sc_arena *arena, struct sc_err *err);
/* What the systemd cgroup driver must know: of PID 1, or for an unprivileged caller of the user's own manager; then the
 * host's cgroups are those below that manager too. */
SC_MUST_CHECK int sc_host_detect_systemd(struct sc_host *host, struct sc_arena *arena, struct sc_systemd *out,
                                         struct sc_err *err);

/* The features document (runtime-spec, features.md), indented JSON with a newline: `sc-oci features` prints it. */
SC_MUST_CHECK int sc_runtime_features(struct sc_arena *arena, struct sc_buf *out, struct sc_err *err);

/* First thing in main() of a program that starts containers: the process continues from a read-only view of its own
 * executable, so that a container that reopens /proc/self/exe cannot overwrite it (CVE-2019-5736). Returns only when
 * that holds already; otherwise execs itself again. Also makes the process non-dumpable. *copy_fd: what is left open of
 * it, or -1; whoever closes it last waits for a grace period of RCU, so it is to be closed while one waits anyway. */
SC_MUST_CHECK int sc_self_protect(char **argv, int *copy_fd, struct sc_err *err);
/* Absolute path of this program as it was first started (heap-free, static storage filled by sc_self_protect or from
 * /proc/self/exe). */
SC_MUST_CHECK int sc_self_path(char *out, size_t size, struct sc_err *err);

/* Fills in what is known only now and sends it to the kernel: 0 or -errno; an answer of -tolerated (0: none) is none
 * [child]. */
int sc_packet_send(struct sc_net_packet *packet, pid_t pid, int tolerated);
/* The same where the link is to go into the network namespace ns_fd: a pid may come to mean another process. */
int sc_packet_send_to(struct sc_net_packet *packet, int ns_fd, int tolerated);

/* In the container's network namespace: sends the rules, and makes the sockets that they lead to. 0 or -errno, with
 * whatever was made; -EADDRINUSE: they are there already. */
int sc_names_open(struct sc_net_packet *packet, int *udp, int *tcp);

struct sc_process;
struct sc_state;
struct sc_launch {
    int in, out, err_fd;  /* become 0, 1, 2 of the process; -1: /dev/null. Not used with a terminal. Borrowed. */
    bool clears_onlcr;    /* of a terminal: a newline stays one byte, for a caller whose own terminal makes two of it */
    int seccomp_cache_fd; /* directory, or -1 */
    int gate_fd;          /* waits_for_start: a listening SEQPACKET socket (see sc_gate_listen) */
    bool explain;         /* call trace for each step after it ran */
    void (*trace)(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data);
    void *trace_data;
    const struct sc_cgroup_layout *cgroups; /* of the host the plan was compiled for */
    /* writes the OCI state for hooks outside once the pid is known; NULL: hooks get an empty standard input */
    int (*state_with_pid)(void *data, pid_t pid, struct sc_buf *out, struct sc_err *err);
    void *state_data;
    /* Called as soon as the process exists, while it works: what is needed to find it again is written down here. An
     * error ends the process. NULL: nothing to do. */
    int (*record)(void *data, const struct sc_process *process, struct sc_err *err);
    void *record_data;
    int lock_fd;          /* its flock must die with the caller: the child closes it first thing; or -1 */
    int copy_fd;          /* of sc_self_protect: is closed while the child works; or -1 */
    const char *hook_dir; /* where hooks outside start: the bundle; NULL: where the caller is */
    /* The state for hooks inside, without pid, which they find out: while creating, and when created. */
    const char *state_json, *created_json;
    /* Takes the listener of the calls that a view answers, which waits for no answer before the program runs. NULL: the
     * plan has no such step. */
    int (*calls)(void *data, int listener_take, struct sc_err *err);
    void *calls_data;
    /* A step that the kernel refused: says what to do about it in words of the caller's own input. NULL: nothing. */
    void (*step_failed)(const struct sc_step *step, struct sc_err *err);
};
#define SC_LAUNCH_INIT                                                                                                 \
    {                                                                                                                  \
        .in = -1, .out = -1, .err_fd = -1, .seccomp_cache_fd = -1, .gate_fd = -1, .lock_fd = -1, .copy_fd = -1         \
    }

struct sc_process {
    pid_t pid;
    int pidfd;                /* close-on-exec */
    uint64_t start_time;      /* clock ticks since boot */
    int console_fd;           /* pty master when process.terminal, else -1 */
    int names_udp, names_tcp; /* the container's sockets for questions about names (monitor/names.h), or -1 */
};
#define SC_PROCESS_INIT                                                                                                \
    {                                                                                                                  \
        .pidfd = -1, .console_fd = -1, .names_udp = -1, .names_tcp = -1                                                \
    }
void sc_process_release(struct sc_process *process); /* closes; does not kill */

/* EMFILE when the limit of open files is below what a launch may take. Asked before anything is made: without a file to
 * open nothing half-made can be taken back. */
SC_MUST_CHECK int sc_launch_check_files(struct sc_err *err);

/* Runs the plan. err.exit_code is 126 or 127 when the program itself could not be executed. The caller is the parent of
 * the process and must wait for it (or exit). The calling process must be single-threaded. */
SC_MUST_CHECK int sc_launch_run(const struct sc_plan *plan, const struct sc_launch *how, struct sc_process *out,
                                struct sc_err *err);

/* The plan's cgroups with their limits, and its systemd unit, without a process of its own: made, then with() is
 * called, which puts one there. When either fails all is taken back. */
SC_MUST_CHECK int sc_launch_into_cgroups(const struct sc_plan *plan, const struct sc_launch *how,
                                         int (*with)(void *data, struct sc_err *err), void *data, struct sc_err *err);

/* Hooks outside, in order, in directory dir, with the state on standard input; the first that fails ends it. The error
 * says how it ended and what it wrote. name: of the list, "poststart". */
SC_MUST_CHECK int sc_hooks_run(const struct sc_oci_hook_list *list, const char *name, const char *dir,
                               const char *state_json, struct sc_err *err);

/* create/start: the gate is a socket in the state directory on which the waiting init accepts once. */
SC_MUST_CHECK int sc_gate_listen(int state_dir_fd, struct sc_err *err);
/* Lets it go; returns when execve has succeeded, or the error that the child met. */
SC_MUST_CHECK int sc_gate_open(int state_dir_fd, const struct sc_oci_spec *spec, const struct sc_state *state,
                               struct sc_err *err);

/* ---- state.json ------------------------------------------------------------------------------------------ */
enum sc_status { SC_STATUS_CREATING, SC_STATUS_CREATED, SC_STATUS_RUNNING, SC_STATUS_PAUSED, SC_STATUS_STOPPED };
const char *sc_status_name(enum sc_status status);
struct sc_state { /* what was recorded when it was created */
    char *id, *bundle, *rootfs, *boot_id, *undo, *cgroup_path, *memory_dir, *owner;
    char *unit; /* its scope, with the systemd cgroup driver; else NULL */
    pid_t pid;
    uint64_t start_time, ns_flags; /* CLONE_NEW* it has of its own */
    int64_t created_at;            /* CLOCK_REALTIME ns */
    bool is_creating;              /* written by a create that has not finished */
    bool has_creator; /* read with is_creating: that create still runs (it holds the lock of the directory) */
    bool was_started, has_terminal, has_own_pid_ns, memory_is_v2, unit_is_user;
    struct sc_strv cgroup_dirs, freezers, annotations;
};
SC_MUST_CHECK int sc_state_write(int dir_fd, const struct sc_state *state, enum sc_durability durability,
                                 struct sc_err *err); /* state.json */
SC_MUST_CHECK int sc_state_read(int dir_fd, struct sc_arena *arena, struct sc_state *out, struct sc_err *err);
/* Locks the state directory for a create, start or delete; dies with its holder. SC_ERR_BUSY after a wait. */
SC_MUST_CHECK int sc_state_lock(int dir_fd, struct sc_err *err);
void sc_state_unlock(int dir_fd);
void sc_state_from_plan(const struct sc_plan *plan, const struct sc_process *process, struct sc_arena *arena,
                        struct sc_state *out);
/* What the kernel says now: the pid with this start time and boot id, not a zombie; frozen? */
enum sc_status sc_state_status(const struct sc_state *state);
/* Whether it is running or paused, without asking each hierarchy which. */
bool sc_state_has_program(const struct sc_state *state);
/* What `state` and `list` print: the OCI's document with runc's additions (rootfs, created, owner); pid 0: none. */
SC_MUST_CHECK int sc_state_document(const struct sc_state *state, enum sc_status status, bool is_pretty,
                                    struct sc_buf *out, struct sc_err *err);
/* The OCI's state document (runtime-spec, runtime.md "State"). pid 0 is left out. */
SC_MUST_CHECK int sc_state_oci(const struct sc_state *state, enum sc_status status, struct sc_buf *out,
                               struct sc_err *err);

/* runc's "events --stats" document of the container's cgroups: the member "data" (stats.c). */
SC_MUST_CHECK int sc_runtime_stats(const struct sc_state *state, struct sc_buf *out, struct sc_err *err);

/* ---- verbs on a running container ----------------------------------------------------------------------- */
SC_MUST_CHECK int sc_runtime_kill(const struct sc_state *state, int signum, bool all, struct sc_err *err);
/* Every process in its cgroups; none when they are gone */
SC_MUST_CHECK int sc_runtime_pids(const struct sc_state *state, struct sc_arena *arena, struct sc_pid_list *out,
                                  struct sc_err *err);
/* The cgroup directory that freezes the container, or NULL. */
const char *sc_runtime_freezer(const struct sc_state *state);
SC_MUST_CHECK int sc_runtime_freeze(const struct sc_state *state, bool frozen, struct sc_err *err);
/* Changes limits, all or none; devices in resources are passed over. layout is of this host. */
SC_MUST_CHECK int sc_runtime_update(const struct sc_state *state, const struct sc_cgroup_layout *layout,
                                    const struct sc_oci_resources *resources, struct sc_err *err);
/* Kills what is left, runs undo. Idempotent. */
SC_MUST_CHECK int sc_runtime_delete(const struct sc_state *state, struct sc_err *err);
/* Namespaces (CLONE_NEW*) in which pid differs from the caller */
SC_MUST_CHECK int sc_runtime_ns_flags(pid_t pid, uint64_t *flags, struct sc_err *err);

#endif
