/* All of a start up to the plan: looks at the host, compiles, then makes on disk what the plan counts on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "rootfs/rootfs.h"

#define FUSE_DEV      0xae5 /* 10:229 */
#define CGROUP_PARENT "/sc"

/* ---- joined namespaces ------------------------------------------------------------------------- */

/* The running container whose namespace is joined. */
static int
join_target(struct sc_engine *engine, const char *flag, const char *id, struct sc_arena *arena,
            struct sc_container **out, struct sc_err *err)
{
    *out = SC_ARENA_NEW(arena, struct sc_container);
    if (!*out)
        return sc_err_nomem(err);
    if (sc_engine_find(engine, id, arena, *out, err) < 0)
        return sc_err_wrap(err, "--%s container:%.12s", flag, id);
    if ((*out)->status == SC_STATUS_RUNNING || (*out)->status == SC_STATUS_PAUSED)
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "--%s container:%s: container \"%s\" is not running", flag, (*out)->name,
               (*out)->name);
    return sc_err_remedy(err, "start it first: sc start %s", (*out)->name);
}

static int
join_ipc(struct sc_engine *engine, const struct sc_container *target, struct sc_arena *arena, struct sc_inputs *in,
         struct sc_err *err)
{
    if (target->options.ipc.mode != SC_NS_SHAREABLE) {
        sc_err_set(err, SC_ERR_INVALID, "--ipc container:%s: its /dev/shm is private", target->name);
        return sc_err_remedy(err, "create \"%s\" with --ipc shareable", target->name);
    }
    in->shared_shm = sc_arena_printf(arena, "%s/container/%s/shm", engine->run_path, target->id);
    return 0;
}

/* A container that shares a network shares the names of that network too. */
static int
join_net(struct sc_engine *engine, const struct sc_container *target, struct sc_arena *arena, struct sc_inputs *in,
         struct sc_err *err)
{
    in->files_dir = sc_engine_container_path(engine, target->id, arena);
    in->hostname =
        target->options.hostname ? target->options.hostname : sc_arena_strndup(arena, target->id, SC_ID_SHORT);
    return sc_arena_check(arena, err);
}

static int
join_one(struct sc_engine *engine, const char *flag, enum sc_ns_kind kind, const struct sc_ns_choice *choice,
         struct sc_arena *arena, struct sc_inputs *in, struct sc_err *err)
{
    struct sc_container *target = NULL;

    if (choice->mode == SC_NS_PATH) {
        if (!choice->value || choice->value[0] != '/')
            return sc_err_set(err, SC_ERR_INVALID, "--%s ns:%s: it is not an absolute path", flag,
                              choice->value ? choice->value : "");
        in->ns_paths[kind] = choice->value;
    }
    if (choice->mode != SC_NS_CONTAINER)
        return 0;
    if (join_target(engine, flag, choice->value, arena, &target, err) < 0)
        return -1;
    in->ns_paths[kind] = sc_arena_printf(arena, "/proc/%d/ns/%s", (int)target->pid, sc_ns_table[kind].proc_name);
    if (kind == SC_NS_IPC)
        return join_ipc(engine, target, arena, in, err);
    return kind == SC_NS_NET ? join_net(engine, target, arena, in, err) : sc_arena_check(arena, err);
}

static int
look_at_namespaces(struct sc_engine *engine, struct sc_arena *arena, struct sc_inputs *in, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    struct utsname host;

    in->hostname = o->hostname;
    if (!in->hostname && o->network.mode == SC_NS_HOST && uname(&host) == 0)
        in->hostname = sc_arena_strdup(arena, host.nodename);
    if (!in->hostname)
        in->hostname = sc_arena_strndup(arena, in->container->id, SC_ID_SHORT);
    if (join_one(engine, "pid", SC_NS_PID, &o->pid, arena, in, err) < 0 ||
        join_one(engine, "ipc", SC_NS_IPC, &o->ipc, arena, in, err) < 0 ||
        join_one(engine, "uts", SC_NS_UTS, &o->uts, arena, in, err) < 0 ||
        join_one(engine, "userns", SC_NS_USER, &o->user_ns, arena, in, err) < 0 ||
        join_one(engine, "cgroupns", SC_NS_CGROUP, &o->cgroup_ns, arena, in, err) < 0 ||
        join_one(engine, "network", SC_NS_NET, &o->network, arena, in, err) < 0)
        return -1;
    if (o->ipc.mode == SC_NS_SHAREABLE)
        in->shared_shm = sc_arena_printf(arena, "%s/shm", in->run_dir);
    if (o->ipc.mode == SC_NS_HOST) {
        in->shared_shm = "/dev/shm";
        in->has_host_mqueue = faccessat(AT_FDCWD, "/dev/mqueue", F_OK, 0) == 0; /* lint: the host's own */
    }
    if (o->uts.mode != SC_NS_PRIVATE)
        in->hostname = NULL;
    in->has_userns = in->container->effective_uid_maps.count > 0 || in->ns_paths[SC_NS_USER];
    if (sc_id_maps_parse(&in->container->effective_uid_maps, arena, &in->uid_maps, err) < 0)
        return -1;
    return sc_id_maps_parse(&in->container->effective_gid_maps, arena, &in->gid_maps, err);
}

/* ---- the rest ------------------------------------------------------------------------------------ */

static int
look_at_user(const struct sc_container *c, struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err)
{
    sc_cleanup_fd root = -1;

    if (c->options.rootfs) {
        root = openat(AT_FDCWD, c->options.rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: the caller's own path */
        if (root < 0)
            return sc_err_errno(err, errno, "open --rootfs \"%s\"", c->options.rootfs);
    }
    return sc_users_resolve(c->effective_user, &c->options.group_add, &job->ask.overlay, root, arena, &job->inputs.user,
                            err);
}

static int
look_at_seccomp(const struct sc_create_options *o, struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    uint64_t caps = 0;

    if (!o->seccomp || strcmp(o->seccomp, "unconfined") == 0)
        return 0;
    if (sc_spec_caps(o, job->host.caps, &caps, err) < 0)
        return -1;
    if (sc_file_read_at(AT_FDCWD, o->seccomp, SC_SMALL_FILE_MAX, &text, err) < 0) /* lint: the caller's own path */
        return sc_err_wrap(err, "--security-opt seccomp");
    if (sc_oci_decode_seccomp(text.data ? text.data : "", text.len, caps, job->host.kernel_release, arena,
                              &job->inputs.seccomp, err) < 0)
        return sc_err_wrap(err, "--security-opt seccomp=\"%s\"", o->seccomp);
    job->inputs.seccomp.is_set = true;
    return 0;
}

static bool
is_fuse(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == FUSE_DEV; /* lint: the host's own */
}

/* Most hosts have none, and in a view of /sys each look for one is a question to its server. */
static void
look_at_counters(const struct sc_host *host, struct sc_arena *arena, struct sc_strv *out)
{
    for (unsigned cpu = 0; cpu < host->cpu_count; cpu++) {
        const char *path = sc_arena_printf(arena, "/sys/devices/system/cpu/cpu%u/thermal_throttle", cpu);

        if (path && access(path, F_OK) == 0) /* lint: the host's own /sys */
            sc_strv_add(out, arena, path);
    }
}

/* systemd's cgroups, where it is asked to make them; with "auto" where it is there to be asked. */
static int
look_at_manager(const struct sc_create_options *o, struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err)
{
    bool is_auto = sc_str_eq(o->cgroup_manager, "auto");
    struct sc_err absent = SC_ERR_INIT;

    if (!is_auto && !sc_str_eq(o->cgroup_manager, "systemd"))
        return 0;
    if (sc_host_detect_systemd(&job->host, arena, &job->systemd, &absent) < 0) {
        if (is_auto)
            return 0;
        *err = absent;
        return sc_err_wrap(err, "--cgroup-manager systemd");
    }
    job->ask.systemd = &job->systemd;
    if (!o->cgroup_parent || sc_str_ends(o->cgroup_parent, ".slice"))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "--cgroup-parent \"%s\": it is not the name of a slice", o->cgroup_parent);
    return sc_err_remedy(err, "systemd's cgroups lie in slices: give NAME.slice, or --cgroup-manager cgroupfs");
}

static int
fill_ask(const struct sc_container *c, struct sc_arena *arena, struct sc_start_job *job, struct sc_err *err)
{
    const char *parent = c->options.cgroup_parent;
    char *init = NULL;

    job->ask.id = c->id;
    job->ask.bundle = job->inputs.container_dir;
    job->ask.cgroup_parent =
        parent ? parent : sc_arena_printf(arena, "%s" CGROUP_PARENT, sc_cgroup_container(&job->host.cgroups, arena));
    if (job->ask.systemd)
        job->spec.linux_.cgroups_path = sc_arena_printf(arena, "%s:sc:%s", parent ? parent : "", c->id);
    job->ask.dies_with_parent = true;
    job->ask.has_calls = sc_spec_has_calls(&c->options);
    if (c->options.init && sc_engine_program("sc-init", arena, &init, err) < 0)
        return -1;
    job->ask.init_path = init;
    return 0;
}

/* ---- layers for other ids ------------------------------------------------------------------------- */

/* Without root, files on disk have the ids of a container whose id 0 is the caller. Where it is another (--userns
 * keep-id) the layers are copied once, with other owners, as no user may shift a mount of the host's file systems. */
static bool
is_shifted(const struct sc_engine *engine, const struct sc_container *c)
{
    return !engine->is_root && !c->options.rootfs && c->options.user_ns.mode == SC_NS_KEEP_ID;
}

struct shift_job {
    const char *container_dir;
    struct sc_overlay layers;
    struct sc_id_shift shift;
};

static int
shift_inside(void *data, struct sc_err *err)
{
    const struct shift_job *job = data;
    uint32_t root_uid = job->shift.uid == 0 ? 0 : 1;
    uint32_t root_gid = job->shift.gid == 0 ? 0 : 1;
    sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, job->container_dir, err), copy = -1; /* lint: the engine's own */

    if (dir < 0 || sc_tree_remove_at(dir, "image.part", err) < 0)
        return -1;
    if (mkdirat(dir, "image.part", 0755) < 0)
        return sc_err_errno(err, errno, "make directory \"image.part\"");
    copy = sc_dir_open_at(dir, "image.part", err);
    if (copy < 0 || sc_rootfs_copy_shifted(&job->layers, &job->shift, copy, err) < 0)
        return -1;
    if (fchownat(dir, "upper", root_uid, root_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchownat(dir, "work", root_uid, root_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(dir, "image.part", dir, "image") < 0)
        return sc_err_errno(err, errno, "give \"%s\" to the container's root", job->container_dir);
    return 0;
}

/* Where upper/ and work/ are. */
static const char *
layer_dir(const struct sc_container *c, const struct sc_inputs *in)
{
    return c->options.step_dir ? c->options.step_dir : in->container_dir;
}

static int
shift_layers(const struct sc_engine *engine, const struct sc_container *c, const struct sc_inputs *in,
             const struct sc_overlay *image, struct sc_arena *arena, struct sc_err *err)
{
    struct shift_job job = {.container_dir = in->container_dir, .layers = *image};
    char *done = sc_arena_printf(arena, "%s/image", in->container_dir);

    if (!done)
        return sc_err_nomem(err);
    if (faccessat(AT_FDCWD, done, F_OK, 0) == 0) /* lint: the engine's own */
        return 0;
    job.layers.upperdir = NULL;
    if (sc_id_shift_of(&c->options, arena, &job.shift, err) < 0)
        return -1;
    return sc_rootless_run(engine, shift_inside, &job, err);
}

/* Nothing has been made so far: all that can be wrong with what the user asked has been said. */
static int
make(struct sc_engine *engine, struct sc_container *c, struct sc_arena *arena, struct sc_start_job *job,
     const struct sc_overlay *image, struct sc_err *err)
{
    const struct sc_inputs *in = &job->inputs;
    uint32_t uid = geteuid(), gid = getegid();

    if (in->uid_maps.count > 0 && engine->is_root) {
        (void)sc_id_map_find(&in->uid_maps, 0, &uid);
        (void)sc_id_map_find(&in->gid_maps, 0, &gid);
    }
    if (!c->options.rootfs && sc_rootfs_prepare(layer_dir(c, in), uid, gid, arena, err) < 0)
        return -1;
    if (is_shifted(engine, c) && shift_layers(engine, c, in, image, arena, err) < 0)
        return sc_err_wrap(err, "container \"%s\"", c->name);
    if (in->has_files && strcmp(in->files_dir, in->container_dir) == 0 && sc_files_write(engine, in, err) < 0)
        return sc_err_wrap(err, "container \"%s\"", c->name);
    if (c->options.ipc.mode == SC_NS_SHAREABLE) {
        sc_cleanup_fd run = sc_engine_run_dir(engine, c->id, err), shm = -1;

        if (run < 0)
            return -1;
        if (mkdirat(run, "shm", 0700) < 0 && errno != EEXIST)
            return sc_err_errno(err, errno, "make \"%s\"", in->shared_shm);
        shm = sc_dir_open_at(run, "shm", err);
        if (shm < 0)
            return -1;
        if (fchmod(shm, 01777) < 0 || fchown(shm, uid, gid) < 0)
            return sc_err_errno(err, errno, "prepare \"%s\"", in->shared_shm);
    }
    return sc_volumes_prepare(engine, c, image, false, err);
}

int
sc_engine_prepare(struct sc_engine *engine, struct sc_container *c, bool is_dry, struct sc_arena *arena,
                  struct sc_start_job *job, struct sc_err *err)
{
    struct sc_inputs *in = &job->inputs;
    struct sc_overlay image = {.is_volatile = false};
    mode_t old_umask;
    int result;

    if (sc_host_detect(arena, &job->host, err) < 0)
        return -1;
    in->container = c;
    in->host = &job->host;
    in->is_root = engine->is_root;
    in->can_set_sysctls = engine->is_root && sc_proc_can_write("sys/net/ipv4/ping_group_range");
    in->has_fuse = is_fuse("/dev/fuse");
    look_at_counters(&job->host, arena, &in->cpu_counters);
    in->container_dir = in->files_dir = sc_engine_container_path(engine, c->id, arena);
    in->run_dir = sc_engine_run_path(engine, c->id, arena);
    in->volume_dir = sc_arena_printf(arena, "%s/volume", engine->data_path);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    in->has_files = true;
    if (!c->options.rootfs)
        sc_rootfs_describe(engine->data_path, &c->chain_ids, layer_dir(c, in), c->is_rm, arena, &job->ask.overlay);
    if (engine->is_root && !is_dry)
        sc_layers_take(engine, job);
    job->ask.overlay.is_userxattr = !engine->is_root;
    image = job->ask.overlay;
    if (c->options.rootfs)
        sc_strv_add(&image.lowerdirs, arena, c->options.rootfs);
    image.upperdir = c->options.rootfs ? NULL : image.upperdir;
    if (look_at_manager(&c->options, arena, job, err) < 0 || look_at_namespaces(engine, arena, in, err) < 0 ||
        look_at_user(c, arena, job, err) < 0 || sc_block_io_look(&c->options, arena, &in->block_io, err) < 0 ||
        sc_devices_look(&c->options, engine->is_root, arena, &in->devices, err) < 0 ||
        look_at_seccomp(&c->options, arena, job, err) < 0 || sc_volumes_resolve(engine, c, is_dry, arena, err) < 0 ||
        sc_spec_build(in, arena, &job->spec, err) < 0 || fill_ask(c, arena, job, err) < 0 ||
        sc_volumes_prepare(engine, c, &image, true, err) < 0 ||
        sc_network_prepare(engine, c, is_dry, arena, job, err) < 0)
        return -1;
    if (is_shifted(engine, c)) {
        job->ask.overlay.lowerdirs = job->ask.overlay.images = (struct sc_strv){.items = NULL};
        sc_strv_addf(&job->ask.overlay.lowerdirs, arena, "%s/image", in->container_dir);
    }
    if (sc_plan_compile(&job->spec, &job->host, &job->ask, arena, &job->plan, err) < 0) {
        if (!is_dry)
            sc_network_give_up(job);
        return -1;
    }
    if (is_dry)
        return 0;
    /* The caller's umask is not the container's. */
    old_umask = umask(022);
    result = make(engine, c, arena, job, &image, err);
    (void)umask(old_umask);
    if (result < 0)
        sc_network_give_up(job);
    return result;
}

int
sc_engine_plan(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
               struct sc_plan *out, struct sc_err *err)
{
    struct sc_container *container = SC_ARENA_NEW(arena, struct sc_container);
    struct sc_start_job *job = SC_ARENA_NEW(arena, struct sc_start_job);

    if (!container || !job)
        return sc_err_nomem(err);
    if (sc_engine_resolve(engine, options, arena, container, err) < 0 || sc_id_random(container->id, err) < 0)
        return -1;
    container->name = options->name ? options->name : sc_arena_strndup(arena, container->id, SC_ID_SHORT);
    if (sc_resolve_userns(engine, true, arena, container, err) < 0 ||
        sc_engine_prepare(engine, container, true, arena, job, err) < 0)
        return -1;
    *out = job->plan;
    return 0;
}
