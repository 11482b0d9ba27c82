/* create: from what was asked to a record that a start needs nothing beside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define CREATE_WAIT_MS 10000

/* `container:NAME` is recorded by id: the name may change hands later. */
static int
pin_target(struct sc_engine *engine, const char *flag, struct sc_ns_choice *choice, struct sc_arena *arena,
           struct sc_err *err)
{
    struct sc_container target = SC_CONTAINER_INIT;

    if (choice->mode != SC_NS_CONTAINER)
        return 0;
    if (!choice->value)
        return sc_err_set(err, SC_ERR_INVALID, "--%s container: which one is not said", flag);
    if (sc_engine_find(engine, choice->value, arena, &target, err) < 0)
        return sc_err_wrap(err, "--%s container:%s", flag, choice->value);
    choice->value = sc_arena_strdup(arena, target.id);
    return sc_arena_check(arena, err);
}

static int
pin_targets(struct sc_engine *engine, struct sc_create_options *options, struct sc_arena *arena, struct sc_err *err)
{
    if (pin_target(engine, "pid", &options->pid, arena, err) < 0 ||
        pin_target(engine, "ipc", &options->ipc, arena, err) < 0 ||
        pin_target(engine, "uts", &options->uts, arena, err) < 0 ||
        pin_target(engine, "userns", &options->user_ns, arena, err) < 0 ||
        pin_target(engine, "cgroupns", &options->cgroup_ns, arena, err) < 0)
        return -1;
    return pin_target(engine, "network", &options->network, arena, err);
}

/* Docker's default, where it can be had: links of the host are root's to make, and others need a program for it. Ports
 * want a network in any case. A mode that was asked for has a value or another word. */
static int
choose_network(const struct sc_engine *engine, struct sc_arena *arena, struct sc_create_options *o, struct sc_err *err)
{
    bool has_ports = o->publish.count > 0 || o->publish_all;

    if (o->network.mode != SC_NS_NONE || o->network.value || (!engine->is_root && !has_ports && !sc_helper_is_there()))
        return 0;
    if (!engine->is_root) {
        o->network = (struct sc_ns_choice){SC_NS_USER_NET, sc_arena_strdup(arena, "auto")};
        return sc_arena_check(arena, err);
    }
    o->network = (struct sc_ns_choice){SC_NS_BRIDGE, sc_arena_strdup(arena, "bridge")};
    o->is_default_network = !has_ports;
    return sc_arena_check(arena, err);
}

/* --volumes-from: what the other container has of volumes and directories of the host, unless something else of ours is
 * there. A volume without a name is both's then: the last of them takes it along. */
static int
add_volumes_from(struct sc_engine *engine, const char *text, struct sc_arena *arena, struct sc_create_options *o,
                 struct sc_err *err)
{
    const char *colon = strchr(text, ':');
    char *name = sc_arena_strndup(arena, text, colon ? (size_t)(colon - text) : strlen(text));
    struct sc_container from = SC_CONTAINER_INIT;
    struct sc_mount_ask *mounts;
    size_t count = o->mount_count;

    if (!name)
        return sc_err_nomem(err);
    if (sc_engine_find(engine, name, arena, &from, err) < 0)
        return sc_err_wrap(err, "--volumes-from");
    mounts = SC_ARENA_ARRAY(arena, struct sc_mount_ask, count + from.options.mount_count + 1);
    if (!mounts)
        return sc_err_nomem(err);
    if (count > 0)
        memcpy(mounts, o->mounts, count * sizeof(*mounts));
    for (size_t i = 0; i < from.options.mount_count; i++) {
        bool is_taken = from.options.mounts[i].kind == SC_MOUNT_TMPFS;

        for (size_t k = 0; k < count && !is_taken; k++)
            is_taken = sc_str_eq(mounts[k].target, from.options.mounts[i].target);
        if (is_taken)
            continue;
        mounts[count] = from.options.mounts[i];
        mounts[count].is_readonly = mounts[count].is_readonly || sc_str_eq(colon, ":ro");
        count++;
    }
    o->mounts = mounts;
    o->mount_count = count;
    return 0;
}

int
sc_engine_resolve(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
                  struct sc_container *out, struct sc_err *err)
{
    struct sc_image image = {0};

    *out = (struct sc_container)SC_CONTAINER_INIT;
    out->options = *options;
    if (choose_network(engine, arena, &out->options, err) < 0 || sc_check_options(&out->options, err) < 0)
        return -1;
    out->is_rm = options->rm;
    out->created_at = sc_time_now();
    out->status = SC_STATUS_CREATED;
    if (options->image) {
        if (sc_check_platform(options, arena, err) < 0 ||
            sc_image_find(&engine->store, options->image, arena, &image, err) < 0 ||
            sc_check_image_platform(options, &image, arena, err) < 0)
            return -1;
        out->image_id = image.id;
        out->image_name = options->image;
        out->chain_ids = image.chain_ids;
        out->is_i386 = sc_str_eq(image.architecture, "386");
    } else if (options->rootfs[0] != '/') {
        return sc_err_set(err, SC_ERR_INVALID, "--rootfs \"%s\": it is not an absolute path", options->rootfs);
    }
    for (size_t i = 0; i < options->volumes_from.count; i++) {
        if (add_volumes_from(engine, options->volumes_from.items[i], arena, &out->options, err) < 0)
            return -1;
    }
    if (sc_resolve_command(options, &image.config, arena, out, err) < 0 ||
        sc_resolve_mounts(&out->options, &image.config, arena, &out->options, err) < 0)
        return -1;
    return pin_targets(engine, &out->options, arena, err);
}

/* ---- the record ---------------------------------------------------------------------------------- */

/* docker run --cidfile: an existing file is an error, since two containers may not share one. */
static int
cidfile_open(const char *path, struct sc_err *err)
{
    int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); /* lint: the caller's own file */

    if (fd >= 0)
        return fd;
    if (errno != EEXIST)
        return sc_err_errno(err, errno, "create --cidfile \"%s\"", path);
    sc_err_set(err, SC_ERR_EXISTS, "--cidfile \"%s\": it exists already", path);
    return sc_err_remedy(err, "make sure the other container is not running, or delete the file");
}

/* With the lock held: everything a container is on disk. */
static int
write_container(struct sc_engine *engine, struct sc_arena *arena, struct sc_container *out, struct sc_err *err)
{
    char *dir = sc_arena_printf(arena, "container/%s", out->id);

    if (!dir)
        return sc_err_nomem(err);
    if (mkdirat(engine->data_fd, dir, 0711) < 0)
        return sc_err_errno(err, errno, "make directory \"%s/%s\"", engine->data_path, dir);
    if (out->options.name) {
        if (sc_name_claim(engine, out->options.name, out->id, err) < 0)
            return -1;
        out->name = out->options.name;
    } else if (sc_name_make(engine, out->id, arena, &out->name, err) < 0) {
        return -1;
    }
    if (sc_resolve_userns(engine, false, arena, out, err) < 0)
        return -1;
    return sc_record_write(engine, out, err);
}

/* What a start would refuse, a create refuses too; a run finds out at its start a moment later. */
static int
try_plan(struct sc_engine *engine, struct sc_container *container, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_start_job *job = SC_ARENA_NEW(&arena, struct sc_start_job);

    if (!job)
        return sc_err_nomem(err);
    return sc_engine_prepare(engine, container, true, &arena, job, err);
}

static int
make_container(struct sc_engine *engine, struct sc_arena *arena, int cid_fd, struct sc_container *out,
               struct sc_err *err)
{
    /* A run directory without a container looks like what a crash leaves: somebody who lists may be taking it away. */
    sc_cleanup_fd lock = sc_engine_lock(engine, out->id, CREATE_WAIT_MS, err);
    struct sc_err ignored = SC_ERR_INIT;

    if (lock < 0)
        return -1;
    if (write_container(engine, arena, out, err) < 0 || (!out->options.starts_now && try_plan(engine, out, err) < 0) ||
        (cid_fd >= 0 && sc_io_write_all(cid_fd, out->id, SC_ID_LEN, err) < 0)) {
        (void)!sc_engine_remove_all(engine, out->id, out, false, &ignored);
        return -1;
    }
    sc_engine_event(engine, out, "create", NULL);
    if (out->options.starts_now)
        out->lock_fd = sc_steal_fd(&lock);
    return 0;
}

int
sc_engine_create(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
                 struct sc_container *out, struct sc_err *err)
{
    sc_cleanup_fd cid_fd = -1, hold = -1;

    *out = (struct sc_container)SC_CONTAINER_INIT;
    if (options->cidfile) {
        cid_fd = cidfile_open(options->cidfile, err);
        if (cid_fd < 0)
            return -1;
    }
    if (sc_engine_get_image(engine, options, arena, out, &hold, err) < 0 || sc_id_random(out->id, err) < 0 ||
        make_container(engine, arena, cid_fd, out, err) < 0) {
        if (cid_fd >= 0)
            (void)unlinkat(AT_FDCWD, options->cidfile, 0); /* lint: as above */
        return -1;
    }
    return 0;
}
