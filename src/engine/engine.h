/*
 * engine: Docker-like verbs over container records; the only place where image, rootfs, monitor and runtime meet.
 *
 *     struct sc_create_options ─create─► record.json ─start─► OCI spec ─► plan ─► init + sc-monitor
 *       (what the user asked)            (durable)            (spec.c)
 *
 * On disk:   <data>/container/<id>/record.json  what was asked, with the image's id; durable unless --rm
 *                                  config.json  the OCI config of the last start
 *                                  exit.json    how it last ended (the monitor writes it; in the run directory when
 *                                               the disk is full)
 *                                  upper/ work/ log.json  hosts hostname resolv.conf
 *            <data>/name/<name> -> <id>         symlink (the id in base64url): symlink(2) never replaces, so a name is
 *                                               taken once
 *            <data>/userns/<host id> -> <id>    the same for the id ranges of --userns auto
 *            <data>/volume/<name>/_data         volumes
 *            <run>/container/<id>/lock          held from start on by CLI, child, then monitor while it lives (flock)
 *                                 state.json undo monitor.sock shm/ (--ipc shareable)
 *                                 stopped restart restarting  (monitor/restart.h)
 *            <run>/seccomp/                     filter cache
 * <data> is /var/lib/sc ($SC_DATA_ROOT; not root: $XDG_DATA_HOME/sc), <run> is /run/sc ($SC_RUN_ROOT; not root:
 * $XDG_RUNTIME_DIR/sc).
 *
 * Invariants: whether a container runs is asked of the kernel (lock held, state's pid + start time + boot id), never
 * believed from a record. Anything on the host is named after the container before it is made; sc_engine_open's user
 * may be killed at any system call and the next verb repairs what it finds (recover.c): a record without its monitor
 * whose --rm is set is removed, undo files are run, a half-made directory (no record.json, lock free) is removed.
 * Nothing here prints.
 */
#ifndef SC_ENGINE_H
#define SC_ENGINE_H

#include <limits.h>

#include "base/base.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "monitor/health.h"
#include "monitor/monitor.h"
#include "monitor/restart.h"
#include "net/net.h"
#include "plan/plan.h"
#include "runtime/runtime.h"

struct sc_engine {
    char *data_path, *run_path; /* heap */
    int data_fd, run_fd;
    int copy_fd; /* of sc_self_protect, or -1 */
    struct sc_store store;
    bool is_root;
};
#define SC_ENGINE_INIT                                                                                                 \
    {                                                                                                                  \
        .data_fd = -1, .run_fd = -1, .copy_fd = -1, .store = SC_STORE_INIT                                             \
    }
SC_MUST_CHECK int sc_engine_open(struct sc_engine *out, struct sc_err *err);
void sc_engine_release(struct sc_engine *engine);
/* <our own directory>/NAME (build tree) or SC_LIBEXECDIR/NAME: the helper programs */
SC_MUST_CHECK int sc_engine_program(const char *name, struct sc_arena *arena, char **out, struct sc_err *err);
#define sc_cleanup_engine __attribute__((cleanup(sc_engine_release))) struct sc_engine
/* What a caller without root should know: why its containers have no id but 0. NULL: they have, or it is root. */
SC_MUST_CHECK int sc_rootless_note(const struct sc_engine *engine, struct sc_arena *arena, const char **note,
                                   struct sc_err *err);
/* What a network without root needs: a program, and a tun that the caller may open. False: why says what is missing. */
bool sc_helper_is_there(struct sc_err *why);
/* This process enters a user namespace in which all ids of the caller are mapped, so that layers can be unpacked and
 * removed with their owners. Does nothing for root, and without ranges (then *note says why) only what must_mount wants
 * it for: there is one id in it then. */
SC_MUST_CHECK int sc_rootless_enter(const struct sc_engine *engine, bool must_mount, struct sc_arena *arena,
                                    const char **note, struct sc_err *err);

/* ---- what a user can ask of run/create (docker run's flags, parsed and checked, not yet resolved) -------- */
enum sc_ns_mode {
    SC_NS_PRIVATE,
    SC_NS_HOST,
    SC_NS_CONTAINER,
    SC_NS_PATH,
    SC_NS_NONE /* ipc, network */,
    SC_NS_SHAREABLE /* ipc */,
    SC_NS_BRIDGE /* network: value is the name of one, or "bridge" */,
    SC_NS_KEEP_ID /* user: value is NULL or "uid=1,gid=2" */,
    SC_NS_CNI /* network: value is the name of a configuration */,
    SC_NS_USER_NET /* network: value is "pasta", "slirp4netns" or "auto" */
};
struct sc_ns_choice {
    enum sc_ns_mode mode;
    char *value; /* container name or path */
};

enum sc_mount_kind { SC_MOUNT_BIND, SC_MOUNT_VOLUME, SC_MOUNT_TMPFS };
struct sc_mount_ask { /* -v, --mount, --tmpfs */
    enum sc_mount_kind kind;
    char *source, *target; /* source: absolute path, volume name, or NULL (anonymous volume) */
    bool is_readonly, creates_source /* -v makes a missing host directory, --mount does not */,
        copies_up /* volume: not nocopy */, is_idmapped /* its files carry the ids that the container knows */;
    char *propagation;      /* "rprivate" (default) "private" "rslave" "slave" "rshared" "shared" */
    bool non_recursive;     /* --mount bind-recursive=disabled */
    int64_t tmpfs_size;     /* bytes, 0: none */
    unsigned tmpfs_mode;    /* 0: 1777 */
    struct sc_strv options; /* further tmpfs options: noexec, uid=..; of a volume that is made by it, its own */
    struct sc_strv labels;  /* of a volume that is made by it */
    char *subpath;          /* of a volume: what of it is mounted */
    bool is_anonymous;      /* set by create: a volume that was given no name and goes with the container */
    char *resolved;         /* not recorded: of a volume, what a start binds instead of its directory */
    bool resolved_readonly;
};
struct sc_device_ask {
    char *host_path, *container_path, *permissions /* "rwm" */;
};
struct sc_log_ask {
    char *driver; /* "json-file" "none" */
    int64_t max_size;
    int max_files;
    bool has_options;       /* --log-opt was given, of which "none" has no use */
    struct sc_strv options; /* the others, as given and checked: tag labels labels-regex env env-regex mode ... */
};

struct sc_create_options {
    char *name, *image, *rootfs; /* rootfs: --rootfs DIR instead of an image */
    struct sc_strv args;         /* the command after the image */
    struct sc_strv entrypoint;   /* --entrypoint ""  : has_entrypoint and no items */
    bool has_entrypoint;
    bool interactive, tty, detach, rm, read_only, init, privileged, no_new_privileges, systempaths_unconfined;
    struct sc_strv annotations; /* "key=value" or "key", into the OCI config */
    struct sc_strv
        volumes_from; /* "NAME", "NAME:ro", "NAME:rw": its volumes and directories; create adds them to mounts */
    bool no_healthcheck;
    char *health_cmd;              /* for /bin/sh -c; NULL: the image's */
    struct sc_health_times health; /* 0: the image's, or the default */
    struct sc_strv env, labels, cap_add, cap_drop, group_add, sysctls, ulimits /* "nofile=1024:2048" checked */;
    char *workdir, *user, *hostname, *domainname, *stop_signal, *seccomp /* NULL default, "unconfined", or path */,
        *cgroup_parent;
    int stop_timeout; /* seconds; -1: default 10 */
    int64_t shm_size; /* bytes; 0: 64 MiB */
    struct sc_mount_ask *mounts;
    size_t mount_count;
    struct sc_device_ask *devices;
    size_t device_count;
    struct sc_ns_choice pid, ipc, uts, user_ns, cgroup_ns, network;
    struct sc_strv networks; /* further ones, as sc_attachment_parse reads them; ip and the like are of the first */
    struct sc_strv publish, expose, network_aliases, add_hosts, dns, dns_search, dns_options; /* as typed, checked */
    bool publish_all;
    bool is_default_network; /* nobody asked for the bridge: without one in the kernel it is none */
    char *ip, *ip6, *mac_address;
    int64_t net_rate_in, net_rate_out; /* bits a second; 0: not given, SC_NET_RATE_NONE: none */
    struct sc_strv uid_maps, gid_maps; /* "0:100000:65536" */
    struct sc_oci_time_offset time_monotonic, time_boottime;
    /* Limits (limits.c has their table); 0: not set. */
    int64_t memory, memory_swap /* -1 unlimited */, memory_reservation, memory_high, memory_low, memory_min;
    int64_t nano_cpus, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, cpu_burst;
    uint64_t cpu_shares;
    struct sc_opt_i64 cpu_idle; /* 0 or 1 */
    int64_t blkio_weight;
    struct sc_strv blkio_weight_devices, device_read_bps, device_write_bps, device_read_iops,
        device_write_iops; /* "/dev/sda:1mb" as typed, checked */
    struct sc_strv io_max; /* "/dev/sda:rbps=1m,wiops=max" */
    struct sc_strv device_cgroup_rules /* "c 1:3 rwm" */, cgroup_conf /* "memory.high=1g" */;
    char *proc_view;      /* "auto" (default, NULL): where a limit is set, "on", "full", "off": /proc with its limits */
    char *cgroup_manager; /* "cgroupfs" (default, NULL), "systemd", "auto": systemd's where that is PID 1 */
    char *cpuset_cpus, *cpuset_mems;
    int64_t pids_limit; /* 0: not set; -1: unlimited */
    struct sc_opt_i64 oom_score_adj;
    struct sc_opt_i64 memory_swappiness;
    bool oom_kill_disable;
    struct sc_log_ask log;
    char *restart;  /* --restart, as sc_restart_policy_parse reads it; NULL: "no", and always has been */
    char *pull;     /* "missing" (default, NULL), "always", "never" */
    char *platform; /* of the image to pull, "linux/arm64"; NULL: this machine's */
    bool pull_quiet;
    char *cidfile; /* the engine writes it once the record exists; exists already: error */
    char *detach_keys;
    bool as_service;             /* its processes are a service of systemd (service.c) */
    struct sc_strv command_line; /* of run or create, from the first option: for `sc generate systemd --new` */
    int command_options;         /* how many words of it are before the image */
    bool starts_now; /* run: create keeps the container's lock for the start that follows, and an --rm container whose
                        caller dies in between is garbage (create --rm is not) */
    /* Not recorded; of a step of a build (engine/build.h), with starts_now and rm. */
    const struct sc_strv *step_layers; /* chain ids, lowest first, instead of an image's: image is a name alone */
    const char *step_dir;              /* where upper/ and work/ are, which stay when the container goes */
};
void sc_create_options_init(struct sc_create_options *options);

/* ---- a container, as recorded and as the kernel sees it ------------------------------------------------- */
struct sc_container {
    char id[SC_ID_LEN + 1];
    char *name, *image_id, *image_name;          /* name as the user typed it, for ps */
    int64_t created_at, started_at, finished_at; /* ns; 0: never */
    enum sc_status status;                       /* CREATED, RUNNING, PAUSED, STOPPED ("exited") */
    bool is_rm;
    pid_t pid;             /* 0 unless running */
    struct sc_exit exit;   /* when stopped */
    struct sc_usage usage; /* when stopped, what it used, where has_usage */
    bool has_usage;
    char *oom_victim;                 /* "sh (process 42)", or NULL */
    char *oom_place;                  /* the memory cgroup that was full, SC_OOM_HOST, or NULL */
    char *start_error;                /* why the last start failed, or NULL */
    char *since_error;                /* when stopped: why it could not be started since, or NULL */
    struct sc_create_options options; /* as asked */
    char *path;                       /* the program and */
    struct sc_strv args;              /* its arguments, resolved with the image */
    char *effective_user, *effective_workdir, *effective_stop_signal;
    struct sc_strv effective_entrypoint; /* the first words of path and args, as Docker tells them from Cmd */
    struct sc_strv effective_env, effective_labels, exposed /* by image and --expose */;
    int restart_count; /* since it was last started by hand */
    /* With the status STOPPED, exit and finished_at of the end before: somebody waits to start it again, or is at it.
     */
    bool is_restarting;
    bool was_stopped, has_run; /* read where there is a policy: it was stopped by hand; it has been started */
    struct sc_strv chain_ids;  /* its image's layers, lowest first: a start reads no image again */
    struct sc_strv effective_uid_maps, effective_gid_maps; /* "0:100000:65536"; empty: no user namespace of its own */
    bool is_i386;                                          /* the image is for i386: its system calls are allowed */
    struct sc_strv health_test;    /* "CMD-SHELL" and a line, "CMD" and words, "NONE", or empty */
    struct sc_health_times health; /* 0: the default */
    char *health_status;           /* "starting" "healthy" "unhealthy", or NULL: nothing is checked */
    int lock_fd;                   /* of create with starts_now, until start takes it; else -1 */
};
/* Closes lock_fd; the rest is the arena's. */
void sc_container_release(struct sc_container *container);
const char *sc_container_state(const struct sc_container *container); /* Docker's word: "running", "exited" */
#define SC_CONTAINER_INIT                                                                                              \
    {                                                                                                                  \
        .lock_fd = -1                                                                                                  \
    }
/* ---- networks (network.c, network-names.c) */
/* net/'s view of the engine, which must stay where it is as long as out is used. */
void sc_engine_net(struct sc_engine *engine, struct sc_net *out);
/* Nobody said that it was to have none, and without root nothing is there that would make one: why says what. */
bool sc_engine_lacks_network(const struct sc_create_options *asked, const struct sc_container *container,
                             struct sc_err *why);
/* Where a running container is on its networks: from their leases, without ports. */
SC_MUST_CHECK int sc_engine_endpoints(struct sc_engine *engine, const struct sc_container *container,
                                      struct sc_arena *arena, struct sc_endpoint **out, size_t *count,
                                      struct sc_err *err);
/* "NAME", "NAME:alias=A,alias=B,ip=ADDRESS,ip6=ADDRESS,mac=MAC", "name=NAME,alias=A..": a network, and how it is
 * joined. */
struct sc_attachment {
    char *name;           /* of the network, as typed */
    char *ip, *ip6, *mac; /* NULL: chosen */
    struct sc_strv aliases;
};
SC_MUST_CHECK int sc_attachment_parse(const char *text, struct sc_arena *arena, struct sc_attachment *out,
                                      struct sc_err *err);
/* What ports and isolation need is put back where another program has flushed it. Without root nothing is done. */
void sc_engine_refill(struct sc_engine *engine);
/* network-helper.c: what the hook and the undo of a network that others' programs make do (`sc __network up|down FILE`)
 */
SC_MUST_CHECK int sc_helper_up(const char *file, pid_t pid, struct sc_err *err);
SC_MUST_CHECK int sc_helper_down(const char *file, struct sc_err *err);
/* network-connect.c: what is recorded, and for a running container what is. */
SC_MUST_CHECK int sc_engine_connect(struct sc_engine *engine, const struct sc_container *container,
                                    const struct sc_attachment *attachment, struct sc_err *err);
SC_MUST_CHECK int sc_engine_disconnect(struct sc_engine *engine, const struct sc_container *container,
                                       const char *network, struct sc_err *err);
/* As `docker ps` shows them: "0.0.0.0:8080->80/tcp, 443/tcp"; and Docker's NetworkSettings. */
SC_MUST_CHECK int sc_engine_ports_text(struct sc_engine *engine, const struct sc_container *container,
                                       struct sc_buf *out, struct sc_err *err);
/* ---- volumes (volume-list.c) */
struct sc_volume {
    char *name, *mountpoint;
    size_t links;                   /* containers that have it */
    int64_t bytes;                  /* of disk */
    int64_t created_at;             /* ns */
    bool is_anonymous;              /* nobody gave it a name */
    struct sc_strv labels, options; /* "k=v" */
};
struct sc_volume_ask {
    const char *name;
    struct sc_strv labels, options; /* options: of the driver "local" (volume-options.c) */
};
struct sc_volume_list {
    struct sc_volume *items; /* by name */
    size_t count;
};
SC_MUST_CHECK int sc_volume_list(struct sc_engine *engine, struct sc_arena *arena, struct sc_volume_list *out,
                                 struct sc_err *err);
/* One that is there stays as it is. */
SC_MUST_CHECK int sc_volume_create(struct sc_engine *engine, const struct sc_volume_ask *ask, struct sc_err *err);
/* SC_ERR_NOT_FOUND; SC_ERR_BUSY while a container, running or not, has it. */
SC_MUST_CHECK int sc_volume_remove(struct sc_engine *engine, const char *name, struct sc_err *err);

/* By name, id or unique id prefix. SC_ERR_NOT_FOUND `no such container: "x"`. Recovers it first where that is needed.
 */
SC_MUST_CHECK int sc_engine_find(struct sc_engine *engine, const char *name_or_id, struct sc_arena *arena,
                                 struct sc_container *out, struct sc_err *err);
struct sc_container_list {
    struct sc_container *items;
    size_t count;
    struct sc_err unread; /* of sc_engine_list_known */
};
/* Newest first; all: stopped ones too. Recovers and collects garbage on the way. */
SC_MUST_CHECK int sc_engine_list(struct sc_engine *engine, bool all, struct sc_arena *arena,
                                 struct sc_container_list *out, struct sc_err *err);
/* For who decides nothing by what is not listed: those that can be read, and out->unread why the first of the others
 * cannot. */
SC_MUST_CHECK int sc_engine_list_known(struct sc_engine *engine, bool all, struct sc_arena *arena,
                                       struct sc_container_list *out, struct sc_err *err);
/* Makes record and directories. An image that is not there is pulled, as options->pull says ("base" is made from this
 * host's busybox instead): the engine runs sc-transfer for either. */
SC_MUST_CHECK int sc_engine_create(struct sc_engine *engine, const struct sc_create_options *options,
                                   struct sc_arena *arena, struct sc_container *out, struct sc_err *err);

struct sc_start_options {
    int client_flags; /* SC_ATTACH_* of the caller, or -1: nobody attaches (detached) */
    bool explain;
    const struct sc_restarting *again; /* of a restart by policy: what the waiter's file says; else NULL */
    void (*trace)(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data);
    void *trace_data; /* called in the forked child, whose fd 2 is still the caller's */
};
/* Starts it: fork, plan, launch, sc-monitor. Returns when execve has succeeded. *client_fd (may be NULL) is the
 * attached monitor socket. */
SC_MUST_CHECK int sc_engine_start(struct sc_engine *engine, struct sc_container *container,
                                  const struct sc_start_options *how, int *client_fd, struct sc_err *err);
/* The end of a monitor's wait (sc __restart): the start that its container's policy asks for, unless that was taken
 * back. */
SC_MUST_CHECK int sc_engine_start_again(struct sc_engine *engine, const char *id, struct sc_err *err);
/* Whether its policy wants it up when the host comes up: "always", and "unless-stopped" where nobody stopped it. */
bool sc_container_starts_at_boot(const struct sc_container *container);
/* ---- as a service of systemd (service.c) */
char *sc_service_unit(const struct sc_container *container, struct sc_arena *arena); /* "sc-NAME.service" */
/* Before anything is made. */
SC_MUST_CHECK int sc_service_check(const struct sc_create_options *options, struct sc_err *err);
/* Has systemd start the container's transient service, whose program is `sc start --attach`; returns when the container
 * runs. */
SC_MUST_CHECK int sc_engine_service_start(struct sc_engine *engine, const struct sc_container *container,
                                          struct sc_err *err);
/* In that program, before it starts the container: where the cgroup is. False: it is not the service's. */
SC_MUST_CHECK int sc_engine_service_enter(struct sc_container *container, struct sc_arena *arena, bool *is_inside,
                                          struct sc_err *err);
/* There, when it could not be started: what the caller that asked systemd for it will say. */
void sc_engine_service_failed(const struct sc_engine *engine, const struct sc_container *container,
                              const struct sc_err *err);
/* sd_notify(3): tells a service manager that waits for it that the container runs. */
void sc_service_ready(void);
/* This program, as a unit file names it. */
SC_MUST_CHECK int sc_service_program(struct sc_arena *arena, char **out, struct sc_err *err);

/* Compiles without doing: the plan that start would run (--dry-run, needs no root; the image must exist or rootfs be
 * given). */
SC_MUST_CHECK int sc_engine_plan(struct sc_engine *engine, const struct sc_create_options *options,
                                 struct sc_arena *arena, struct sc_plan *out, struct sc_err *err);

/* ---- what it uses (stats.c) */
struct sc_tracked {
    struct sc_accounts accounts;
    int net_fd;
};
struct sc_stats_sample {
    int64_t when; /* CLOCK_MONOTONIC ns */
    struct sc_usage usage;
    uint64_t received, sent; /* bytes, on all interfaces but lo */
};
/* Opens the files of a container that runs. */
SC_MUST_CHECK int sc_engine_track(struct sc_engine *engine, const struct sc_container *container,
                                  enum sc_accounts_which which, struct sc_tracked *out, struct sc_err *err);
void sc_tracked_release(struct sc_tracked *tracked);
/* False: it has ended, or has no cgroup. before: as of sc_accounts_read. */
bool sc_tracked_read(const struct sc_tracked *tracked, const struct sc_stats_sample *before,
                     struct sc_stats_sample *out);
/* What it has used so far, or used in all. False: nobody knows. */
bool sc_engine_usage(struct sc_engine *engine, const struct sc_container *container, struct sc_usage *out);
/* The samples of its monitor, oldest first; none is no error. */
SC_MUST_CHECK int sc_engine_blackbox(struct sc_engine *engine, const struct sc_container *container,
                                     struct sc_arena *arena, struct sc_blackbox_sample **out, size_t *count,
                                     struct sc_err *err);

/* Every process of a container that runs. */
SC_MUST_CHECK int sc_engine_pids(struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena,
                                 struct sc_pid_list *out, struct sc_err *err);

/* Other limits: those of `asked` that are given; all or none. only_runtime: not for the next start. */
SC_MUST_CHECK int sc_engine_update(struct sc_engine *engine, const struct sc_container *container,
                                   const struct sc_create_options *asked, bool only_runtime, struct sc_err *err);
/* Whether any limit is given that update can change. */
bool sc_limits_any(const struct sc_create_options *options);
/* Grammars of values, for who reads them: "c 1:3 rwm"; "10m" or a count. */
SC_MUST_CHECK int sc_device_rule_parse(const char *text, struct sc_oci_device_rule *out, struct sc_err *err);
SC_MUST_CHECK int sc_rate_parse(const char *text, bool is_bytes, uint64_t *out, struct sc_err *err);
/* The table of limits in Markdown: docs/concepts/cgroups.md holds it. */
void sc_limits_print(struct sc_buf *out);

SC_MUST_CHECK int sc_engine_stop(struct sc_engine *engine, const struct sc_container *container, int timeout_sec,
                                 int signum /* 0: its own */, struct sc_err *err);
/* Stops what runs, and starts it again. A container whose end removes it (--rm) is refused while it runs. */
SC_MUST_CHECK int sc_engine_restart(struct sc_engine *engine, const struct sc_container *container, int timeout_sec,
                                    int signum /* 0: its own */, struct sc_arena *arena, struct sc_err *err);
/* SIGKILL: returns when the container has ended. */
SC_MUST_CHECK int sc_engine_kill(struct sc_engine *engine, const struct sc_container *container, int signum,
                                 struct sc_err *err);
/* Before another sends it signum for the user: as with sc_engine_kill no policy starts it again. verb: "run" */
void sc_engine_before_signal(struct sc_engine *engine, const struct sc_container *container, const char *verb,
                             int signum);
SC_MUST_CHECK int sc_engine_remove(struct sc_engine *engine, const struct sc_container *container, bool force,
                                   bool volumes, struct sc_err *err);
SC_MUST_CHECK int sc_engine_rename(struct sc_engine *engine, const struct sc_container *container, const char *name,
                                   struct sc_err *err);
SC_MUST_CHECK int sc_engine_pause(struct sc_engine *engine, const struct sc_container *container, bool paused,
                                  struct sc_err *err);
/* A pause for as long as a command works on it, which ends with sc_engine_let_go, or with all who have *fd open. */
SC_MUST_CHECK int sc_engine_hold(struct sc_engine *engine, const struct sc_container *container, int *fd,
                                 struct sc_err *err);
/* Closes fd. One that was unpaused by hand meanwhile, and perhaps paused again, is left as it is. */
SC_MUST_CHECK int sc_engine_let_go(struct sc_engine *engine, const struct sc_container *container, int fd,
                                   struct sc_err *err);
/* Blocks until it is not running; its exit record. */
SC_MUST_CHECK int sc_engine_wait(struct sc_engine *engine, const struct sc_container *container, struct sc_exit *out,
                                 struct sc_err *err);
SC_MUST_CHECK int sc_engine_attach(struct sc_engine *engine, const struct sc_container *container, int attach_flags,
                                   int *client_fd, struct sc_err *err);
char *sc_engine_log_path(const struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena);

struct sc_exec_group {
    char dir[PATH_MAX]; /* a cgroup of the command's own; "": it has none */
};
struct sc_exec_options {
    struct sc_strv args, env;
    struct sc_exec_group *group; /* to be made and filled in, or NULL; the caller removes it, also after a failure */
    char *user, *workdir;
    bool interactive, tty, detach, privileged;
    bool explain; /* trace is called as for a start */
    void (*trace)(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data);
    void *trace_data;
    char *detach_keys;
};
/* A process in a running container, with pipes (or a pty) for stdio; the caller relays (sc_relay) and reaps it. */
struct sc_exec_process {
    struct sc_process process;
    int in_fd, out_fd, err_fd;
};
SC_MUST_CHECK int sc_engine_exec(struct sc_engine *engine, const struct sc_container *container,
                                 const struct sc_exec_options *options, struct sc_exec_process *out,
                                 struct sc_err *err);
/* For `sc events`, of a container. more: further attributes as JSON members, or NULL. Never fails for the caller. */
void sc_engine_event(const struct sc_engine *engine, const struct sc_container *container, const char *action,
                     const char *more);
/* For `sc events`: of a volume ("driver" is its attribute) or a network. Never fails for the caller. */
void sc_engine_event_of(const struct sc_engine *engine, const char *type, const char *action, const char *id,
                        const char *attributes);
/* ---- its files (container-files.c): sc-transfer reads and writes them */
/* The words that tell sc-transfer of them. with_mounts: as the container sees them. Then an fd stays open for the
 * program that the caller becomes: of the root of a running container, else of the container's lock. */
SC_MUST_CHECK int sc_engine_files_words(struct sc_engine *engine, const struct sc_container *container,
                                        bool with_mounts, struct sc_arena *arena, struct sc_strv *words,
                                        struct sc_err *err);
struct sc_commit_words {
    char *config /* JSON: image-spec's "config" */, *created_by, *image_id;
};
SC_MUST_CHECK int sc_engine_commit_config(struct sc_engine *engine, const struct sc_container *container,
                                          struct sc_arena *arena, struct sc_commit_words *out, struct sc_err *err);
/* Bytes of the files that it wrote, and of those with its image's. */
void sc_engine_size(struct sc_engine *engine, const struct sc_container *container, int64_t *own, int64_t *all);
/* For `sc events`: "export", "commit", "archive-path", "extract-to-dir". Never fails for the caller. */
void sc_engine_files_event(const struct sc_engine *engine, const struct sc_container *container, const char *action);
/* ---- health checks (health.c): of its monitor, which is told whether its container is still starting */
SC_MUST_CHECK int sc_engine_health_look(struct sc_engine *engine, const char *id, bool *is_starting,
                                        struct sc_err *err);
/* For `sc events`: the caller has reaped it. */
void sc_engine_exec_ended(const struct sc_engine *engine, const struct sc_container *container, int code);
/* Docker's inspect object of a container, and of an image (jansson, caller decrefs). */
#include <jansson.h>
SC_MUST_CHECK int sc_engine_inspect(struct sc_engine *engine, const struct sc_container *container, json_t **out,
                                    struct sc_err *err);
SC_MUST_CHECK int sc_engine_inspect_image(struct sc_engine *engine, const struct sc_image *image, json_t **out,
                                          struct sc_err *err);
/* Is an image used by a container: for sc_image_remove */
SC_MUST_CHECK int sc_engine_image_in_use(const char *image_id, void *engine, struct sc_image_use *out,
                                         struct sc_err *err);

#endif
