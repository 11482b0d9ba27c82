/*
 * engine/ inside: what its files share.
 *
 *   open.c     directories        lock.c     who may change a container now
 *   record.c   record.json        load.c     record + kernel -> struct sc_container; find.c, list.c ask it
 *   name.c     names (claims)     words.c    made-up names
 *   create.c   resolve.c          options + image -> record
 *   spec*.c                       record + host -> OCI config: pure
 *   inputs.c   users.c files.c volume.c devices.c   what spec*.c needs to know of the host, and what must exist on it
 *   userns.c   rootless.c         id maps; work with all ids that the caller may map
 *   start.c    child.c            fork, launch, monitor
 *   recover.c  remove.c stop.c exec.c inspect*.c
 *   restart.c  sc restart         restart-policy.c   --restart (monitor/restart.h)
 *
 * The lock <run>/container/<id>/lock decides who may change a container: its monitor while it runs, else the command
 * that holds it. Claims (name, id range) are symlinks to the owner's id; only the holder of that owner's lock removes
 * them.
 */
#ifndef SC_ENGINE_PRIV_H
#define SC_ENGINE_PRIV_H

#include "engine/engine.h"
#include "rootfs/rootfs.h"

#define SC_RECORD_MAX      (4U << 20)
#define SC_SMALL_FILE_MAX  (1U << 20)
#define SC_ID_SHORT        12
#define SC_CODE_KILLED     137 /* its monitor was killed, so it was */
#define SC_CODE_REBOOT     255 /* what Docker says of a container that the host's end ended */
#define SC_CODE_ENGINE     125
#define SC_CODE_CANNOT_RUN 126

/* ---- open.c ---- */
char *sc_engine_container_path(const struct sc_engine *engine, const char *id, struct sc_arena *arena);
char *sc_engine_run_path(const struct sc_engine *engine, const char *id, struct sc_arena *arena);
/* Directory fd of <data>/container/<id> or <run>/container/<id>; SC_ERR_NOT_FOUND when absent. */
SC_MUST_CHECK int sc_engine_data_dir(const struct sc_engine *engine, const char *id, struct sc_err *err);
SC_MUST_CHECK int sc_engine_run_dir(const struct sc_engine *engine, const char *id, struct sc_err *err);
bool sc_engine_is_id(const char *text); /* 64 lower-case hex digits: safe as a file name */

/* ---- lock.c ---- */
/* Makes the run directory and locks it. Waits up to wait_ms for the holder, then SC_ERR_BUSY. Returns the fd. */
SC_MUST_CHECK int sc_engine_lock(const struct sc_engine *engine, const char *id, int wait_ms, struct sc_err *err);
/* Whether somebody holds it. Takes nothing for longer than the question. */
bool sc_engine_is_locked(const struct sc_engine *engine, const char *id);

/* ---- record.c ---- */
SC_MUST_CHECK int sc_record_encode(const struct sc_container *container, struct sc_buf *out, struct sc_err *err);
SC_MUST_CHECK int sc_record_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_container *out,
                                   struct sc_err *err);
SC_MUST_CHECK int sc_record_write(const struct sc_engine *engine, const struct sc_container *container,
                                  struct sc_err *err);
/* No more durable than that */
SC_MUST_CHECK int sc_record_write_as(const struct sc_engine *engine, const struct sc_container *container,
                                     enum sc_durability most, struct sc_err *err);
SC_MUST_CHECK int sc_record_read(const struct sc_engine *engine, const char *id, struct sc_arena *arena,
                                 struct sc_container *out, struct sc_err *err);
enum sc_durability sc_record_durability(const struct sc_container *container);

/* The table of struct sc_create_options' members, walked by encoder, decoder and test. */
enum sc_field_kind {
    SC_FIELD_STR,
    SC_FIELD_STRV,
    SC_FIELD_BOOL,
    SC_FIELD_INT,
    SC_FIELD_I64,
    SC_FIELD_U64,
    SC_FIELD_OPT_I64,
    SC_FIELD_NS,
    SC_FIELD_TIME,
    SC_FIELD_MOUNTS,
    SC_FIELD_DEVICES,
};
struct sc_field {
    const char *key;
    enum sc_field_kind kind;
    size_t offset;
    size_t count_offset;
};
extern const struct sc_field sc_option_fields[];
extern const size_t sc_option_field_count;
extern const struct sc_field sc_container_fields[];
extern const size_t sc_container_field_count;

/* ---- options.c: what may be said; pure ---- */
#define SC_NAME_LEN 200 /* of a container or volume, in bytes: a file name, with room for what is put around it */
SC_MUST_CHECK int sc_name_check(const char *name, struct sc_err *err);
SC_MUST_CHECK int sc_volume_name_check(const char *name, struct sc_err *err);
/* "/a/../b//c" -> "/b/c"; NULL when not absolute */
char *sc_path_clean(const char *path, struct sc_arena *arena);

/* ---- name.c ---- */
#define SC_CLAIM_MAX 44
/* An id as a claim's target, and back (false: it is no id's). Inverses, tested so. */
void sc_claim_encode(const char *id, char out[SC_CLAIM_MAX]);
bool sc_claim_decode(const char *text, size_t len, char id[SC_ID_LEN + 1]);
/* Claims are symlinks <data>/<kind>/<name> -> id in base64url. SC_ERR_EXISTS when another container has it: owner says
 * whose it is. */
SC_MUST_CHECK int sc_claim(const struct sc_engine *engine, const char *kind, const char *name, const char *id,
                           char owner[SC_ID_LEN + 1], struct sc_err *err);
/* Removes it when it is id's. */
void sc_claim_release(const struct sc_engine *engine, const char *kind, const char *name, const char *id);
/* "" when nobody has it */
void sc_claim_owner(const struct sc_engine *engine, const char *kind, const char *name, char owner[SC_ID_LEN + 1]);
/* Removes claims of containers that are no more. */
void sc_claim_sweep(const struct sc_engine *engine, const char *kind);
SC_MUST_CHECK int sc_name_claim(const struct sc_engine *engine, const char *name, const char *id, struct sc_err *err);
/* Makes one up and claims it. */
SC_MUST_CHECK int sc_name_make(const struct sc_engine *engine, const char *id, struct sc_arena *arena, char **out,
                               struct sc_err *err);
void sc_name_random(uint64_t random, bool with_number, char out[64]); /* words.c */

/* ---- load.c ---- */
/* The container with this id as it is now, recovered where that is needed. */
SC_MUST_CHECK int sc_engine_load(struct sc_engine *engine, const char *id, struct sc_arena *arena,
                                 struct sc_container *out, struct sc_err *err);
/* state.json of a running container; SC_ERR_BUSY "container X is not running" */
SC_MUST_CHECK int sc_engine_running_state(const struct sc_engine *engine, const struct sc_container *container,
                                          struct sc_arena *arena, struct sc_state *out, struct sc_err *err);
SC_MUST_CHECK int sc_engine_not_running(const struct sc_container *container, struct sc_err *err);

/* ---- stop.c ---- */
/* sc_engine_pause, whoever asks for it */
SC_MUST_CHECK int sc_engine_freeze(struct sc_engine *engine, const struct sc_container *container, bool paused,
                                   struct sc_err *err);

/* ---- hold.c ---- */
/* Its user pauses or unpauses it by hand: no command's end is to undo that. */
void sc_hold_forget(const struct sc_engine *engine, const char *id);
/* Of a paused container: lets it go on where the command that has paused it was killed; whether it was. */
bool sc_hold_end(int run_fd, const struct sc_state *state);

/* ---- exit-file.c ---- */
/* exit.json with why a start failed, or what ended it while nobody watched */
SC_MUST_CHECK int sc_engine_exit_write(int data_fd, int code, int signum, const char *start_error,
                                       bool is_start_failure, int restart_count, enum sc_durability durability,
                                       struct sc_err *err);
/* Why a start by hand has failed, into the exit.json of the end before; of one that never ran, an exit.json of that. */
SC_MUST_CHECK int sc_engine_exit_note(int data_fd, const struct sc_err *why, struct sc_err *err);
/* exit.json as out's end and status; *has_ended: there is one. */
SC_MUST_CHECK int sc_exit_load(int data_fd, struct sc_arena *arena, struct sc_container *out, bool *has_ended,
                               struct sc_err *err);

/* open.c: every directory name below <data>/container that is an id */
SC_MUST_CHECK int sc_engine_ids(const struct sc_engine *engine, struct sc_arena *arena, struct sc_strv *out,
                                struct sc_err *err);

/* ---- health.c ---- */
void sc_health_resolve(const struct sc_create_options *options, const struct sc_image_config *image,
                       struct sc_arena *arena, struct sc_container *out);
bool sc_container_has_health(const struct sc_container *container);
json_t *sc_health_config_json(const struct sc_container *container); /* Docker's Config.Healthcheck, or NULL */
json_t *sc_health_state_json(const struct sc_engine *engine, const struct sc_container *container); /* or NULL */
void sc_health_load(int run_fd, struct sc_arena *arena, struct sc_container *out); /* its health_status */

/* ---- restart-policy.c ---- */
/* The variables that a start looks at, for a program that the monitor starts. */
void sc_engine_env(const struct sc_engine *engine, struct sc_arena *arena, struct sc_strv *out);
/* What the monitor goes by; without a policy there is none. again: as in struct sc_start_options. */
SC_MUST_CHECK int sc_restart_plan_write(const struct sc_engine *engine, const struct sc_container *container,
                                        int run_fd, const struct sc_restarting *again, struct sc_err *err);
void sc_restart_plan_read(int run_fd, int *count, int64_t *delay); /* 0 where there is none */
/* With the lock held: leaves a process that waits to start it, in the place of one that was killed. */
SC_MUST_CHECK int sc_restart_revive(const struct sc_engine *engine, const struct sc_container *container, int run_fd,
                                    struct sc_restarting *restarting, struct sc_err *err);
bool sc_restart_was_killed(int run_fd, struct sc_restarting *out); /* who waited: what its file says */
/* Before what ends it: after this its monitor begins no restart. */
SC_MUST_CHECK int sc_restart_mark_stopped(const struct sc_engine *engine, const struct sc_container *container,
                                          struct sc_err *err);
/* Whether any signal by hand is a stop to its policy. */
bool sc_restart_minds_signals(const struct sc_container *container);
void sc_restart_unmark_stopped(int data_fd, int run_fd);
bool sc_restart_was_stopped(int data_fd, int run_fd);
/* Whether somebody waits to start it, or does. run_fd may be -1. */
bool sc_restarting_read(int run_fd, struct sc_restarting *out);
/* With the lock held: nobody does any more. */
SC_MUST_CHECK int sc_restart_cancel(int run_fd, struct sc_err *err);
/* Without it: takes a restart back, or waits until it is done and the container runs. */
SC_MUST_CHECK int sc_restart_settle(struct sc_engine *engine, const char *id, bool *was_cancelled, struct sc_err *err);
/* With the lock held, in who waited: it still is to start it. */
SC_MUST_CHECK int sc_restart_check(const struct sc_container *container, int data_fd, int run_fd, struct sc_err *err);

json_t *sc_ulimits_json(const struct sc_strv *ulimits); /* limits.c: HostConfig.Ulimits */

/* ---- exec.c ---- */
/* The container's root as its first process sees it, and its namespaces; SC_ERR_NOT_FOUND: that has just ended. */
SC_MUST_CHECK int sc_engine_open_root(const struct sc_state *state, struct sc_err *err);
SC_MUST_CHECK int sc_engine_open_mount_ns(const struct sc_state *state, struct sc_err *err);
SC_MUST_CHECK int sc_engine_open_net_ns(const struct sc_state *state, struct sc_err *err);

/* ---- exec-group.c: a command's own cgroup below the container's ---- */
/* Makes it; dirs: the container's cgroups, with the new one in the place of that which it is below. Where none can be
 * made, group->dir is "" and dirs are the container's. */
void sc_exec_group_make(struct sc_exec_group *group, const struct sc_state *state, struct sc_arena *arena,
                        struct sc_strv *dirs);
void sc_exec_group_kill(const struct sc_exec_group *group); /* all in it */
/* What is still in it is the container's from now on. */
void sc_exec_group_remove(struct sc_exec_group *group);

/* ---- event.c: what `sc events` shows ---- */
/* "image":..., "name":..., and the labels: what every event of a container says of it. */
void sc_event_attributes(const struct sc_container *container, struct sc_buf *out);
/* As sc_engine_stop, without its event; *has_run is set where there was something to be ended. */
SC_MUST_CHECK int sc_engine_end(struct sc_engine *engine, const struct sc_container *container, int timeout_sec,
                                int signum, bool *has_run, struct sc_err *err);

/* ---- recover.c ---- */
/* With the lock held: runs undo, writes what is true, removes what is garbage. *is_gone: nothing is left of it.
 * revives: where its monitor was killed that would have started it again, somebody else does. */
SC_MUST_CHECK int sc_engine_recover(struct sc_engine *engine, const char *id, bool revives, bool *is_gone,
                                    struct sc_err *err);
/* erase.c, with the lock held: all of it. container may be NULL when there is no record. */
SC_MUST_CHECK int sc_engine_remove_all(struct sc_engine *engine, const char *id, const struct sc_container *container,
                                       bool volumes, struct sc_err *err);

/* ---- resolve.c: options and image to what is recorded; pure ---- */
/* "KEY=VALUE" sets; "KEY" alone takes away, as docker run -e KEY does where KEY is not set. */
void sc_env_merge(struct sc_strv *env, struct sc_arena *arena, const struct sc_strv *from);
SC_MUST_CHECK int sc_resolve_command(const struct sc_create_options *options, const struct sc_image_config *image,
                                     struct sc_arena *arena, struct sc_container *out, struct sc_err *err);
SC_MUST_CHECK int sc_resolve_mounts(const struct sc_create_options *options, const struct sc_image_config *image,
                                    struct sc_arena *arena, struct sc_create_options *out, struct sc_err *err);
SC_MUST_CHECK int sc_check_options(const struct sc_create_options *options, struct sc_err *err);
/* "0:100000:65536" */
SC_MUST_CHECK int sc_id_map_parse(const char *text, struct sc_oci_id_map *out, struct sc_err *err);
SC_MUST_CHECK int sc_id_maps_parse(const struct sc_strv *texts, struct sc_arena *arena, struct sc_oci_id_maps *out,
                                   struct sc_err *err);
/* host id of a container id; false when it is not mapped (no maps: the same) */
bool sc_id_map_find(const struct sc_oci_id_maps *maps, uint32_t id, uint32_t *host_id);
/* userns.c: which maps a container gets; auto claims a range of /etc/subuid */
SC_MUST_CHECK int sc_resolve_userns(const struct sc_engine *engine, bool is_dry, struct sc_arena *arena,
                                    struct sc_container *container, struct sc_err *err);
/* own: the caller's, as sc_rootless has them; the caller's own id becomes `keep`. Pure. */
void sc_keep_id_maps(const struct sc_oci_id_maps *own, uint32_t keep, struct sc_arena *arena, struct sc_strv *out);
/* "uid=1,gid=2", or NULL; what is not said stays as it is in out. Pure. */
SC_MUST_CHECK int sc_keep_id_parse(const char *text, struct sc_arena *arena, struct sc_id_shift *out,
                                   struct sc_err *err);
/* Of a container with --userns keep-id, made by this user. */
SC_MUST_CHECK int sc_id_shift_of(const struct sc_create_options *options, struct sc_arena *arena,
                                 struct sc_id_shift *out, struct sc_err *err);
void sc_userns_release(const struct sc_engine *engine, const struct sc_container *container);
/* subid.c: the ranges that a subuid(5) file gives user (name or uid), numbered from 0; none: count 0. */
SC_MUST_CHECK int sc_subid_read(const char *file, const char *user, uint32_t uid, struct sc_arena *arena,
                                struct sc_oci_id_maps *out, struct sc_err *err);

/* ---- rootless.c ---- */
struct sc_rootless {
    struct sc_oci_id_maps uids, gids; /* 0 is the caller, 1.. are its ranges */
    enum sc_idmap_how how;
    const char *note; /* why there are no ranges; NULL when there are */
};
SC_MUST_CHECK int sc_rootless_read(struct sc_arena *arena, struct sc_rootless *out, struct sc_err *err);
/* fn with the caller's ids mapped, in a child; as root, or without ranges, here. */
SC_MUST_CHECK int sc_rootless_run(const struct sc_engine *engine, int (*fn)(void *data, struct sc_err *err), void *data,
                                  struct sc_err *err);
/* sc_spawn_wait for what unpacks layers; without standard input. */
SC_MUST_CHECK int sc_rootless_spawn(const struct sc_engine *engine, const char *const argv[], const char *const envp[],
                                    int out, int err_fd, int *status, struct sc_err *err);
/* rm -rf and undo of what may belong to any of the caller's ids. */
SC_MUST_CHECK int sc_engine_tree_remove(const struct sc_engine *engine, int dir_fd, const char *name,
                                        struct sc_err *err);
SC_MUST_CHECK int sc_engine_undo(const struct sc_engine *engine, const char *text, struct sc_err *err);
/* resolve-container.c: the record without making anything (dry) or claiming all it needs. The image is found, not made.
 */
SC_MUST_CHECK int sc_engine_resolve(struct sc_engine *engine, const struct sc_create_options *options,
                                    struct sc_arena *arena, struct sc_container *out, struct sc_err *err);

/* ---- spec: the pure half of a start ---- */
struct sc_device_node {
    char *host_path, *path, *permissions;
    char type;
    int64_t major, minor;
    unsigned mode;
    uint32_t uid, gid;
};
struct sc_device_nodes {
    struct sc_device_node *items;
    size_t count, capacity;
};
struct sc_inputs {
    /* all that is not in the record */
    const struct sc_endpoint *endpoints; /* one for each network */
    size_t endpoint_count;
    const struct sc_container *container;
    const struct sc_host *host;
    const char *container_dir, *run_dir, *volume_dir; /* absolute */
    bool can_set_sysctls;    /* of the network: /proc/sys is not somebody's who keeps us from it */
    bool is_root, has_files; /* has_files: hosts, hostname and resolv.conf exist below container_dir */
    const char *files_dir;   /* where they are: its own container_dir or that of the container whose network it joins */
    struct sc_user_result user;
    struct sc_oci_id_maps uid_maps, gid_maps;
    bool has_userns;                   /* new or joined */
    const char *ns_paths[SC_NS_COUNT]; /* joined: path, else NULL */
    const char *hostname;              /* NULL: not ours to set */
    const char *shared_shm;            /* host directory to be /dev/shm, or NULL */
    bool has_host_mqueue;              /* the host has /dev/mqueue */
    bool has_fuse;                     /* and /dev/fuse */
    struct sc_strv cpu_counters;       /* of the host's CPUs, to be masked: they tell of others' load, and can signal */
    struct sc_device_nodes devices;    /* --device and --privileged, looked at */
    struct sc_oci_block_io block_io;   /* limits of block devices, looked at */
    struct sc_oci_seccomp seccomp;     /* decoded profile of --security-opt seccomp=FILE (is_set), else empty */
};
SC_MUST_CHECK int sc_spec_build(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                                struct sc_err *err);
/* its parts, one file each */
SC_MUST_CHECK int sc_spec_process(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_process *out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_spec_view(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                               struct sc_err *err);
/* --proc-view full: system calls are answered too */
bool sc_spec_has_calls(const struct sc_create_options *options);
SC_MUST_CHECK int sc_spec_mounts(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                                 struct sc_err *err);
SC_MUST_CHECK int sc_spec_resources(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out,
                                    struct sc_err *err);
SC_MUST_CHECK int sc_spec_devices(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_spec_namespaces(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                                     struct sc_err *err);
/* What is hidden and what is read-only in a container that is asked for like this. */
void sc_spec_paths(const struct sc_create_options *o, struct sc_arena *arena, struct sc_strv *hidden,
                   struct sc_strv *unwritable);
SC_MUST_CHECK int sc_spec_security(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out,
                                   struct sc_err *err);
SC_MUST_CHECK int sc_spec_caps(const struct sc_create_options *options, uint64_t host_caps, uint64_t *out,
                               struct sc_err *err);
/* "nofile=1024:2048" */
SC_MUST_CHECK int sc_ulimit_parse(const char *text, struct sc_oci_rlimit *out, struct sc_err *err);

/* ---- limits.c: the table of them, which specification, update, documents and tests walk ---- */
enum sc_limit_to {
    SC_LIMIT_OWN,     /* more than one member, or more than one flag: code of its own */
    SC_LIMIT_I64,     /* a member of linux.resources at `resource`: struct sc_opt_i64 */
    SC_LIMIT_U64,     /* struct sc_opt_u64 */
    SC_LIMIT_BOOL,    /* struct sc_opt_bool */
    SC_LIMIT_TEXT,    /* char * */
    SC_LIMIT_SHARES,  /* a member, or on v2 the file */
    SC_LIMIT_UNIFIED, /* bytes, into the v2 file of that name; v1 has nothing like it */
};
struct sc_limit {
    const char *flag;       /* "memory" */
    const char *controller; /* "memory"; NULL: none, or more than one */
    const char *member;     /* of linux.resources: "memory.limit" */
    const char *v1, *v2;    /* the files that say it; NULL: that version has none */
    enum sc_field_kind kind;
    size_t option; /* offset in struct sc_create_options */
    enum sc_limit_to to;
    size_t resource;     /* offset in struct sc_oci_resources */
    bool can_update;     /* of a container that exists */
    const char *instead; /* what to give where the version has none */
};
extern const struct sc_limit sc_limits[];
extern const size_t sc_limit_count;
bool sc_limit_is_given(const struct sc_limit *limit, const struct sc_create_options *options);
void sc_limit_copy(const struct sc_limit *limit, const struct sc_create_options *from, struct sc_create_options *to);
/* The first flag that is about this file, or NULL. */
const char *sc_limit_of_file(const char *file);
/* What the table itself says: rows with `to` other than OWN. */
SC_MUST_CHECK int sc_limits_fill(const struct sc_create_options *options, const struct sc_cgroup_layout *layout,
                                 struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err);

/* ---- inputs.c, users.c, files.c, volume.c, devices.c: the half that looks at the host ---- */
struct sc_start_job { /* all of one start; lives in the arena */
    struct sc_host host;
    struct sc_inputs inputs;
    struct sc_oci_spec spec;
    struct sc_ask ask;
    struct sc_systemd systemd; /* ask.systemd, with that cgroup manager */
    struct sc_plan plan;
    uint32_t layers_taken; /* bit i: overlay.mounts[i] is a copy of another container's */
};
/* is_dry: nothing is written, nothing is made. */
SC_MUST_CHECK int sc_engine_prepare(struct sc_engine *engine, struct sc_container *container, bool is_dry,
                                    struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err);
SC_MUST_CHECK int sc_users_resolve(const char *user, const struct sc_strv *group_add, const struct sc_overlay *overlay,
                                   int root_fd, struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err);
SC_MUST_CHECK int sc_files_write(const struct sc_engine *engine, const struct sc_inputs *in, struct sc_err *err);
SC_MUST_CHECK int sc_devices_look(const struct sc_create_options *options, bool is_root, struct sc_arena *arena,
                                  struct sc_device_nodes *out, struct sc_err *err);
/* block-io.c: "/dev/sda:1mb" and --io-max to numbers of devices. */
SC_MUST_CHECK int sc_block_io_look(const struct sc_create_options *options, struct sc_arena *arena,
                                   struct sc_oci_block_io *out, struct sc_err *err);
/* Makes missing volumes and -v directories, copies up; is_dry only checks. */
SC_MUST_CHECK int sc_volumes_prepare(const struct sc_engine *engine, const struct sc_container *container,
                                     const struct sc_overlay *overlay, bool is_dry, struct sc_err *err);
/* Its directory, made where it is not there, and locked: *lock (-1 before) is the caller's. */
SC_MUST_CHECK int sc_volume_open(const struct sc_engine *engine, const struct sc_volume_ask *ask, int *lock,
                                 bool *is_new, struct sc_err *err);
/* ---- volume-options.c: <data>/volume/NAME/options.json */
struct sc_volume_mount { /* what is mounted over its directory; type NULL: nothing */
    const char *type, *device, *data;
    unsigned long flags; /* of mount(2); MS_BIND: the device is a directory that containers get itself */
};
/* What "type=..", "device=.." and "o=.." say; strings are the options'. */
SC_MUST_CHECK int sc_volume_options_check(const struct sc_strv *options, struct sc_arena *arena,
                                          struct sc_volume_mount *out, struct sc_err *err);
SC_MUST_CHECK int sc_volume_options_write(int volume_fd, const struct sc_strv *labels, const struct sc_strv *options,
                                          struct sc_err *err);
SC_MUST_CHECK int sc_volume_options_read(int volume_fd, struct sc_arena *arena, struct sc_strv *labels,
                                         struct sc_strv *options, struct sc_err *err);
/* ---- volume-mount.c */
/* Sets `resolved` of volumes that are bound from elsewhere, or in part. */
SC_MUST_CHECK int sc_volumes_resolve(const struct sc_engine *engine, const struct sc_container *container, bool is_dry,
                                     struct sc_arena *arena, struct sc_err *err);
/* Mounts those that want it and fills what is empty; sc_volumes_undo's text must have been written. */
SC_MUST_CHECK int sc_volumes_mount(const struct sc_engine *engine, const struct sc_container *container,
                                   const struct sc_overlay *overlay, struct sc_arena *arena, struct sc_err *err);
void sc_volumes_undo(const struct sc_engine *engine, const struct sc_container *container, struct sc_buf *undo);
bool sc_volume_is_mounted(const struct sc_engine *engine, const struct sc_mount_ask *mount); /* while it is in use */
bool sc_volume_is_up(const struct sc_engine *engine, const char *name);                      /* now */
SC_MUST_CHECK int sc_volume_down(const struct sc_engine *engine, const char *name, struct sc_err *err);

/* Of --volumes-from: who has a volume without a name and ends with --rm is to look for others before it takes it along.
 */
void sc_volumes_mark_shared(const struct sc_engine *engine, const struct sc_container *container);
void sc_volumes_remove_anonymous(const struct sc_engine *engine, const struct sc_container *container);

/* ---- layer-share.c: layers in images are mounted once for all containers, as far as the kernel lets us */
struct sc_layers_held { /* descriptors for its monitor to keep open: of the upper layers, if there are more */
    int fds[SC_MONITOR_HELD_MAX];
    size_t count;
};
/* Copies the mounts that other containers' monitors hold, where there are any. */
void sc_layers_take(const struct sc_engine *engine, struct sc_start_job *job);
/* What takes back the offer that will be made of the others. */
void sc_layers_undo(const struct sc_engine *engine, const struct sc_start_job *job, struct sc_buf *undo);
/* By the process that becomes the monitor, before the mounts are used. */
void sc_layers_offer(const struct sc_engine *engine, const struct sc_start_job *job, struct sc_layers_held *held);

/* ---- log-attributes.c */
/* The options beside max-size and max-file, each alone and with the others. */
SC_MUST_CHECK int sc_check_log_options(const struct sc_log_ask *log, struct sc_err *err);
/* What --log-opt tag, labels and env choose, as a JSON object; NULL: nothing. */
const char *sc_log_attributes(const struct sc_container *container, struct sc_arena *arena);

/* ---- attachment.c */
struct sc_attachments {
    struct sc_attachment *items;
    size_t count;
};
SC_MUST_CHECK int sc_attachments_of(const struct sc_create_options *options, struct sc_arena *arena,
                                    struct sc_attachments *out, struct sc_err *err);
SC_MUST_CHECK int sc_attachment_check(const struct sc_attachment *attachment, struct sc_err *err);
char *sc_attachment_format(const struct sc_attachment *attachment, struct sc_arena *arena);
SC_MUST_CHECK int sc_check_network(const struct sc_create_options *options, struct sc_err *err);
/* -p, and with -P what is exposed and not published yet */
SC_MUST_CHECK int sc_ports_asked(const struct sc_container *container, struct sc_arena *arena, struct sc_ports *out,
                                 struct sc_err *err);
/* ---- network.c: the container's places on its networks, for the plan: takes leases unless is_dry. Nothing for none,
 * host and joined ones. */
SC_MUST_CHECK int sc_network_prepare(struct sc_engine *engine, struct sc_container *container, bool is_dry,
                                     struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err);
/* Found and up, unless is_dry. */
SC_MUST_CHECK int sc_network_get(const struct sc_net *net, const char *name, bool is_dry, struct sc_arena *arena,
                                 struct sc_network *out, struct sc_err *err);
const char *sc_network_names(const struct sc_container *container, const struct sc_attachment *attachment,
                             struct sc_arena *arena);
/* network-rate.c: appends lines to a running container's undo file, or takes them out. Gone: it has just ended. */
SC_MUST_CHECK int sc_undo_file_edit(int run_fd, const struct sc_container *container, const char *text, bool is_added,
                                    struct sc_err *err);
/* From the rates that are recorded to these. */
SC_MUST_CHECK int sc_network_rates(struct sc_engine *engine, const struct sc_container *now, int64_t rate_in,
                                   int64_t rate_out, struct sc_arena *arena, struct sc_err *err);
/* network-helper.c: networks that programs of others make; network-slirp.c: one of them */
bool sc_network_is_helped(const struct sc_create_options *options);
SC_MUST_CHECK int sc_helper_prepare(struct sc_engine *engine, const struct sc_container *container, bool is_dry,
                                    struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err);
/* Of a container that has just executed its program: pasta or slirp4netns, where its network is made so. */
SC_MUST_CHECK int sc_helper_start(const struct sc_inputs *in, pid_t pid, struct sc_err *err);
SC_MUST_CHECK int sc_slirp_run(json_t *state, const char *file, pid_t pid, struct sc_err *err);
SC_MUST_CHECK int sc_helper_write(const char *file, const json_t *state, struct sc_err *err); /* its state */
/* Of a container that does not live: what a restart of the host has left, as the undo text is gone. */
void sc_helper_recover(const struct sc_engine *engine, const char *id);
/* A start's error, where it is a plugin's: without the hook that ran it. */
void sc_helper_explain(const struct sc_create_options *options, struct sc_err *err);
/* What is known of it while it is there; NULL: nothing. */
json_t *sc_helper_state(const struct sc_engine *engine, const struct sc_container *container);
/* inspect-network.c: NULL with err filled */
json_t *sc_network_settings(struct sc_engine *engine, const struct sc_container *container, struct sc_arena *arena,
                            struct sc_err *err);
/* Pure: what ps says of them. */
SC_MUST_CHECK int sc_ports_text(const struct sc_strv *exposed, const struct sc_ports *published, struct sc_buf *out,
                                struct sc_err *err);
json_t *sc_port_bindings(const struct sc_container *container);
/* A set, as in Config: ports of the image, of --expose, and those that are published */
json_t *sc_exposed_ports(const struct sc_container *container);
/* inspect.c: the same of volumes that the image or `-v /dir` asked for, without a name; null: there are none */
json_t *sc_anonymous_volumes(const struct sc_create_options *options);
/* network-carry.c: sockets for ports at the host's IPv6 addresses of a container that has none (monitor/ports.h) */
struct sc_carried {
    int epoll_fd;      /* -1: none */
    const char *lines; /* sc-monitor's `ports` */
    int fds[SC_PORTS_MAX];
    size_t count;
};
SC_MUST_CHECK int sc_carry_listen(struct sc_engine *engine, const struct sc_inputs *in, struct sc_arena *arena,
                                  struct sc_carried *out, struct sc_err *err);
/* Of a container that runs, and has just been connected: only ports that it had before have a socket of its monitor's.
 */
SC_MUST_CHECK int sc_carry_connected(struct sc_engine *engine, const char *id, const struct sc_endpoint *endpoint,
                                     struct sc_err *err);
/* Takes the leases back. */
void sc_network_give_up(const struct sc_start_job *job);
/* ---- network-names.c: what hosts and resolv.conf say */
SC_MUST_CHECK int sc_hosts_add(const struct sc_inputs *in, struct sc_buf *hosts, struct sc_err *err);
SC_MUST_CHECK int sc_resolv_make(const struct sc_inputs *in, struct sc_buf *resolv, struct sc_err *err);
/* sc-monitor's `names`: sc-names, where it reads, whom it asks. NULL: there is no such program. */
const char *sc_names_lines(const struct sc_engine *engine, const struct sc_create_options *options,
                           struct sc_arena *arena);
/* sc-monitor's `refill` (child.c). */
const char *sc_refill_lines(const struct sc_engine *engine, struct sc_arena *arena);
/* Of a running container: its resolv.conf, where this network is its first with names. */
SC_MUST_CHECK int sc_resolv_connect(const struct sc_engine *engine, const struct sc_container *container,
                                    const struct sc_endpoint *endpoint, struct sc_err *err);
/* Of a running container: the lines of one network come and go. */
SC_MUST_CHECK int sc_hosts_connect(const struct sc_engine *engine, const struct sc_container *container,
                                   const struct sc_endpoint *endpoint, struct sc_err *err);
void sc_hosts_disconnect(const struct sc_engine *engine, const char *id, const struct sc_network *network);

/* ---- child.c ---- */
struct sc_start_child { /* what start.c hands to the forked child */
    struct sc_engine *engine;
    struct sc_container *container;
    struct sc_start_job *job;
    const struct sc_start_options *how;
    const char *monitor_path;
    int lock_fd, listen_fd, sock, data_fd, run_fd, seccomp_fd;
    int calls_fd; /* the listener of the calls that a view answers */
};
_Noreturn void sc_start_child_run(struct sc_start_child *child, struct sc_arena *arena);

/* A terminal begins with the size of the caller's: a program may ask before the first resize arrives. */
void sc_terminal_of_caller(bool tty, struct sc_oci_process *out);

/* ---- platform.c */
/* Whether --platform is one that this machine can run: said before anything is pulled. */
SC_MUST_CHECK int sc_check_platform(const struct sc_create_options *options, struct sc_arena *arena,
                                    struct sc_err *err);
/* Whether the image is for the platform that was asked for (NOT_FOUND, as with Docker: another may be pulled) and for
 * this machine. */
SC_MUST_CHECK int sc_check_image_platform(const struct sc_create_options *options, const struct sc_image *image,
                                          struct sc_arena *arena, struct sc_err *err);

/* ---- get-image.c */
/* What sc-transfer left in `said`, its standard error, becomes the error: "sc: cause; remedy", or what the dynamic
 * loader says of it. doing: before that, or NULL. */
int sc_engine_transfer_failed(int said, enum sc_err_kind kind, const char *doing, struct sc_err *err);
/* "base", which is made here and not pulled. */
bool sc_engine_is_base(const char *image);
/* sc_engine_resolve, after making or pulling an image that is missing. *hold_fd keeps it (sc_store_hold) until the
 * container is written down. */
SC_MUST_CHECK int sc_engine_get_image(struct sc_engine *engine, const struct sc_create_options *options,
                                      struct sc_arena *arena, struct sc_container *out, int *hold_fd,
                                      struct sc_err *err);

#endif
