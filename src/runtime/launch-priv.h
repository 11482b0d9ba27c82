/*
 * The start-up protocol, over one SEQPACKET pair made before the clone. One packet is one struct sc_child_msg; the
 * answer to WAIT and to CREATED is one byte.
 *
 *   message   who sends   body                     answer      meaning
 *   WAIT      child       step                     one byte    the next `after` step may run now (id maps, hooks)
 *   -         launcher    struct sc_handed, fds       -           what WAIT_CGROUPS waits for; nothing else is waited
 *                                                              for before it
 *   CONSOLE   child       - (pty master rides)     -           process.terminal
 *   CREATED   child       -                        one byte    everything but execve is done; the child waits at the
 *                                                              gate, after the answer: end of file instead ends it
 *   LISTENER  child       number of its descriptor one byte    a seccomp filter is loaded: the agent must get this, or
 *                                                              with op SC_OP_CALLS the view
 *   EXECING   child       -                        -           execve comes next; end of file after it: it succeeded
 *   FAILED    child       step, op, errno, hook    -           the child waits to be looked at, then to be killed;
 *                         (its output rides)                   what a hook inside wrote is in the file that rides along
 *
 * End of file before EXECING or CREATED: the child died (SC_ERR_PEER_DIED). After CREATED the same EXECING and FAILED
 * travel over the connection that start opened at the gate.
 */
#ifndef SC_RUNTIME_LAUNCH_PRIV_H
#define SC_RUNTIME_LAUNCH_PRIV_H

#include "kernel/seccomp.h"
#include "runtime/runtime.h"

enum sc_child_msg_type {
    SC_CHILD_WAIT = 1,
    SC_CHILD_CONSOLE,
    SC_CHILD_CREATED,
    SC_CHILD_EXECING,
    SC_CHILD_FAILED,
    SC_CHILD_LISTENER
};
struct sc_child_msg {
    int32_t type, step, op, errnum; /* op: of the step, for start, which does not have the plan */
    int32_t hook, hook_status;      /* of a step that runs hooks: which one failed, and how it ended (waitpid(2)) */
};

/* The descriptors that come with it, in this order, are those of the slots. */
struct sc_handed {
    uint8_t count;
    struct {
        uint8_t slot;
        bool is_plain;
    } items[SC_MSG_FDS_MAX];
};

/* A hook that was begun early. */
struct sc_hook_begun {
    pid_t pid;         /* 0: none */
    int in, output_fd; /* its standard input, and what it writes */
};

/* What the executors of steps share. In the child it is a private copy. */
struct sc_executor {
    const struct sc_plan *plan;
    const struct sc_launch *how;
    int slots[SC_SLOTS_MAX];
    int sock;              /* the child's or the launcher's end */
    int start_sock;        /* child: connection accepted at the gate, or -1 */
    int null_fd, mask_fd;  /* child: our null device and the first empty tmpfs, O_PATH */
    int own_proc;          /* child: the container's procfs; -1: it has none; 0: not looked for yet */
    int node_dir;          /* child: directory of the last node or link made, or -1; */
    const char *node_path; /* the path of that, and how much of it was the directory's */
    size_t node_dir_len;
    size_t candidate; /* which of the program's names was found */
    struct sc_seccomp_filter filter;
    bool has_filter;
    bool is_plain[SC_SLOTS_MAX]; /* a bind source that is not a detached mount: mount-classic.c */
    bool is_root_attached;       /* an old kernel mounted the overlay in place */
    int64_t *times;              /* shared with the child: nanoseconds of each child step; NULL without explain */
    int32_t hook, hook_status;   /* child: of the last hook that ran */
    int hook_output;             /* child: what the hook that failed wrote; 0: none did */
    pid_t pid;                   /* launcher: the child; child: itself, as the launcher knows it, where hooks need it */
    struct sc_hook_begun begun;  /* launcher */
    bool is_foreign;             /* launcher: a cgroup of this name is another's; it must not be taken back */
    struct sc_resctrl_open resctrl; /* launcher: of which only what was made; its files are in slots */
    int names_udp, names_tcp;       /* launcher: sockets of the container's, or -1 */
    int write_fd;                   /* launcher: the cgroup file of the last write, for the next; or -1 */
    const struct sc_step *written;  /* launcher: that write */
    pid_t holder;                   /* launcher: the process with which the systemd unit began; 0: none */
};

/* [child] executors: 0 or -errno */
typedef int (*sc_child_fn)(struct sc_executor *x, const struct sc_step *step);
sc_child_fn sc_child_executor(enum sc_op op);          /* NULL: not a child's op */
sc_child_fn sc_child_mount_executor(enum sc_op op);    /* steps-mount.c */
sc_child_fn sc_child_process_executor(enum sc_op op);  /* steps-process.c */
sc_child_fn sc_child_schedule_executor(enum sc_op op); /* steps-schedule.c */
/* The plan's clone step: pid, 0 in the child, -errno. */
int sc_clone_child(const struct sc_executor *x, int *pidfd);
_Noreturn void sc_child_main(struct sc_executor *x);
int sc_child_result(long result);                                    /* of a system call by its wrapper: 0 or -errno */
int sc_child_send(int sock, const struct sc_child_msg *msg, int fd); /* fd: rides along, or -1 */
/* value in decimal, at the end of text; snprintf(3) may allocate */
const char *sc_child_number(int64_t value, char text[SC_NUM_MAX]);
/* [child] Hooks in order; the first that fails ends it. 0, -errno, or -ECANCELED when the hook itself said no. dir:
 * where they start, or NULL. The executor's pid is added to the state. */
int sc_child_hooks(struct sc_executor *x, const struct sc_oci_hook_list *list, const char *dir, const char *state_json);
/* A single hook of ours that begins early is started, told the state when there is a process, and told to go on, by the
 * end of its standard input. It has succeeded when it ends so or sends a byte there, and is reaped at last. */
SC_MUST_CHECK int sc_hook_begin(const struct sc_oci_hook_list *list, const char *name, const char *dir,
                                struct sc_hook_begun *out, struct sc_err *err);
void sc_hook_tell(const struct sc_hook_begun *begun, const char *state_json);
SC_MUST_CHECK int sc_hook_finish(const struct sc_oci_hook_list *list, const char *name, struct sc_hook_begun *begun,
                                 struct sc_err *err);
void sc_hook_reap(struct sc_hook_begun *begun);
void sc_hook_abandon(struct sc_hook_begun *begun);
/* FAILED of such a step in words: "error running startContainer hook #1: "/bin/false": exit status 1". output: what the
 * hook wrote, or -1. The container's own program may have written it. */
int sc_hook_failed(const struct sc_oci_hook_list *list, const char *name, const struct sc_child_msg *msg, int output,
                   struct sc_err *err);
/* fd or -errno. *is_plain: this kernel has no detached mounts, and the fd only pins the source. */
int sc_tree_open_step(const struct sc_step *step, const int *slots, bool *is_plain);
int sc_overlay_step(const struct sc_step *step, bool *is_attached);

/* ---- mount-point.c [child]: descriptors or -errno ---- */
/* The directory of a node, link or mount point, and *name in it; it stays the executor's. The last one is kept, as they
 * come a dozen in a row. */
int sc_child_open_dir(struct sc_executor *x, const char *path, const char **name);
/* O_PATH of the file that is mounted on, made when missing. Where proc and sysfs are, programs and the masks below look
 * by name: no link may stand there, that could later be turned elsewhere. */
int sc_child_open_target(struct sc_executor *x, const char *destination, bool is_plain, bool is_file, bool *was_there);

/* ---- mount-classic.c [child]: binds for kernels before 5.12 ---- */
struct sc_bind {
    bool is_recursive;
    uint64_t attr_set, attr_clear, propagation; /* as sc_mount_setattr */
};
int sc_classic_tree_open(const struct sc_step *step);
/* Binds source on target, which destination leads to in the new root. pinned: what source must still be, or -1. */
int sc_classic_bind(const struct sc_executor *x, const char *source, int pinned, int target, const char *destination,
                    const struct sc_bind *bind);
int sc_classic_readonly(const struct sc_executor *x, int target, const char *path);
int sc_classic_root(struct sc_executor *x); /* binds the root's source over "/" */

/* A copy of that descriptor of the process, or -1 with *err. */
int sc_listener_fetch(int pidfd, int number, struct sc_err *err);
/* Fetches descriptor number of the process and sends it to the profile's agent, with the state beside it. */
SC_MUST_CHECK int sc_listener_send(const struct sc_oci_seccomp *profile, pid_t pid, int pidfd, int number,
                                   const char *state_json, struct sc_err *err);

int sc_affinity_set(const char *list); /* [child] "0-3,7": 0 or -errno */

/* launcher executors */
void sc_holder_end(struct sc_executor *x); /* from when the unit holds the container's own process */
bool sc_launcher_has_op(enum sc_op op);
SC_MUST_CHECK int sc_launcher_step(struct sc_executor *x, const struct sc_step *step, struct sc_err *err);

/* Turns FAILED of a step into words: "mount proc on /proc: operation not permitted (step 14 of 41)". */
int sc_step_failed(const struct sc_plan *plan, enum sc_phase phase, size_t index, int errnum, struct sc_err *err);
/* The program could not be found or executed: says why, by looking at it from the root of the child, pid. Always -1. */
int sc_launch_explain(pid_t pid, const struct sc_oci_process *process, int errnum, struct sc_err *err);
#endif
