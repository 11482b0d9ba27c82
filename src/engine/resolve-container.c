/* A container to be, made complete: its image, its network, and what it takes of other containers. */
#include <string.h>

#include "engine/engine-priv.h"

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
    struct sc_err ignored = SC_ERR_INIT;

    if (o->network.mode != SC_NS_NONE || o->network.value ||
        (!engine->is_root && !has_ports && !sc_helper_is_there(&ignored)))
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
    if (options->step_layers) {
        out->image_name = options->image;
        out->chain_ids = *options->step_layers;
    } else if (options->image) {
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
