/* What sc-transfer must know of a container to reach its files (image/container-options-priv.h reads these words). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define LOCK_MS 2000 /* for a monitor to end after its container has */

static void
add(struct sc_strv *words, struct sc_arena *arena, const char *option, const char *value)
{
    sc_strv_add(words, arena, option);
    sc_strv_add(words, arena, value);
}

static void
add_maps(struct sc_strv *words, struct sc_arena *arena, const char *option, const struct sc_strv *maps)
{
    for (size_t i = 0; i < maps->count; i++)
        add(words, arena, option, maps->items[i]);
}

/* Without root, files on disk have the ids of a container whose id 0 is the caller; where another id is (--userns
 * keep-id), those below it are one higher. */
static void
add_kept_maps(struct sc_strv *words, struct sc_arena *arena, const char *option, uint32_t kept)
{
    if (kept > 0)
        add(words, arena, option, sc_arena_printf(arena, "0:1:%u", kept));
    add(words, arena, option, sc_arena_printf(arena, "%u:0:1", kept));
    add(words, arena, option, sc_arena_printf(arena, "%u:%u:%u", kept + 1, kept + 1, UINT32_MAX - 1 - kept));
}

static int
add_ids(const struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct sc_strv *words,
        struct sc_err *err)
{
    struct sc_id_shift shift;

    if (c->options.rootfs)
        return 0;
    if (engine->is_root) {
        add_maps(words, arena, "--uid-map", &c->effective_uid_maps);
        add_maps(words, arena, "--gid-map", &c->effective_gid_maps);
        if (c->effective_uid_maps.count > 0)
            sc_strv_add(words, arena, "--idmapped");
        return 0;
    }
    if (c->options.user_ns.mode != SC_NS_KEEP_ID)
        return 0;
    if (sc_id_shift_of(&c->options, arena, &shift, err) < 0)
        return -1;
    add_kept_maps(words, arena, "--uid-map", shift.uid);
    add_kept_maps(words, arena, "--gid-map", shift.gid);
    return 0;
}

static void
add_layers(const struct sc_engine *engine, const struct sc_container *c, const char *dir,
           const struct sc_overlay *overlay, struct sc_arena *arena, struct sc_strv *words)
{
    char *copy = sc_arena_printf(arena, "%s/image", dir);

    /* The copy of the layers that has other owners. */
    if (copy && !engine->is_root && c->options.user_ns.mode == SC_NS_KEEP_ID &&
        faccessat(AT_FDCWD, copy, F_OK, 0) == 0) { /* lint: in our data root */
        add(words, arena, "--lower", copy);
        add(words, arena, "--layer-image", "");
        return;
    }
    for (size_t i = 0; i < overlay->lowerdirs.count; i++) {
        add(words, arena, "--lower", overlay->lowerdirs.items[i]);
        add(words, arena, "--layer-image", overlay->images.items[i]);
    }
}

/* Its volumes and directories of the host as a start would mount them; a tmpfs is empty then, and is not. */
static int
add_mounts(const struct sc_engine *engine, const struct sc_container *c, const struct sc_overlay *overlay,
           struct sc_arena *arena, struct sc_strv *words, struct sc_err *err)
{
    struct sc_overlay image = *overlay;

    if (c->options.rootfs) {
        sc_strv_add(&image.lowerdirs, arena, c->options.rootfs);
        image.upperdir = NULL;
    }
    if (sc_volumes_resolve(engine, c, false, arena, err) < 0 || sc_volumes_prepare(engine, c, &image, false, err) < 0)
        return -1;
    for (size_t i = 0; i < c->options.mount_count; i++) {
        const struct sc_mount_ask *m = &c->options.mounts[i];

        if (m->kind == SC_MOUNT_TMPFS || (sc_volume_is_mounted(engine, m) && !sc_volume_is_up(engine, m->source)))
            continue;
        add(words, arena, "--bind-source",
            m->resolved                  ? m->resolved
            : m->kind == SC_MOUNT_VOLUME ? sc_arena_printf(arena, "%s/volume/%s/_data", engine->data_path, m->source)
                                         : m->source);
        add(words, arena, "--bind-target", m->target);
        add(words, arena, "--bind-mode", m->is_readonly || m->resolved_readonly ? "ro" : "rw");
    }
    return 0;
}

/* Kept open for the program that follows. */
static int
add_fd(struct sc_strv *words, struct sc_arena *arena, const char *option, int fd, struct sc_err *err)
{
    int kept = fcntl(fd, F_DUPFD, 3);

    if (kept < 0)
        return sc_err_errno(err, errno, "keep the container's root");
    add(words, arena, option, sc_arena_printf(arena, "%d", kept));
    return 0;
}

/* The root of a container that runs, and the mount namespace that it is in. */
static int
add_root(const struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena, struct sc_strv *words,
         struct sc_err *err)
{
    struct sc_state state = {0};
    sc_cleanup_fd root = -1, ns = -1;

    if (sc_engine_running_state(engine, c, arena, &state, err) < 0)
        return -1;
    root = sc_engine_open_root(&state, err);
    ns = root < 0 ? -1 : sc_engine_open_mount_ns(&state, err);
    if (ns < 0)
        return -1;
    return add_fd(words, arena, "--root-fd", root, err) < 0 ? -1 : add_fd(words, arena, "--mount-ns-fd", ns, err);
}

/* Of a container that does not run: nobody starts or removes it while sc-transfer lives. */
static int
add_stopped(const struct sc_engine *engine, const struct sc_container *c, const char *dir,
            const struct sc_overlay *overlay, struct sc_arena *arena, struct sc_strv *words, struct sc_err *err)
{
    sc_cleanup_fd lock = sc_engine_lock(engine, c->id, LOCK_MS, err);
    struct sc_oci_id_maps uids, gids;
    uint32_t uid = geteuid(), gid = getegid();

    if (lock < 0)
        return sc_err_wrap(err, "container \"%s\"", c->name);
    if (fcntl(lock, F_DUPFD, 3) < 0)
        return sc_err_errno(err, errno, "keep the container's lock");
    if (engine->is_root) {
        if (sc_id_maps_parse(&c->effective_uid_maps, arena, &uids, err) < 0 ||
            sc_id_maps_parse(&c->effective_gid_maps, arena, &gids, err) < 0)
            return -1;
        (void)sc_id_map_find(&uids, 0, &uid);
        (void)sc_id_map_find(&gids, 0, &gid);
    }
    if (!c->options.rootfs && sc_rootfs_prepare(dir, uid, gid, arena, err) < 0)
        return -1;
    if (c->options.read_only)
        sc_strv_add(words, arena, "--read-only");
    return add_mounts(engine, c, overlay, arena, words, err);
}

int
sc_engine_files_words(struct sc_engine *engine, const struct sc_container *c, bool with_mounts, struct sc_arena *arena,
                      struct sc_strv *words, struct sc_err *err)
{
    const bool runs = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;
    char *dir = sc_engine_container_path(engine, c->id, arena);
    struct sc_overlay overlay = {.is_volatile = false};

    if (!dir)
        return sc_err_nomem(err);
    if (!with_mounts && !c->options.rootfs && !c->image_id) /* what it changed is in the build's directory */
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "container \"%s\" is a step of a build", c->name);
    add(words, arena, "--container", c->name);
    add(words, arena, "--dir", dir);
    if (c->options.rootfs) {
        add(words, arena, "--rootfs", c->options.rootfs);
    } else {
        sc_rootfs_describe(engine->data_path, &c->chain_ids, dir, false, arena, &overlay);
        add_layers(engine, c, dir, &overlay, arena, words);
    }
    if (sc_arena_check(arena, err) < 0 || add_ids(engine, c, arena, words, err) < 0)
        return -1;
    if (with_mounts &&
        (runs ? add_root(engine, c, arena, words, err) : add_stopped(engine, c, dir, &overlay, arena, words, err)) < 0)
        return -1;
    return sc_arena_check(arena, err);
}

/* ---- commit ----------------------------------------------------------------------------------------------------- */

/* "k=v" as members. */
static json_t *
map_of(const struct sc_strv *list)
{
    json_t *out = json_object();

    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        char *key = equals ? strndup(list->items[i], (size_t)(equals - list->items[i])) : strdup(list->items[i]);

        if (key)
            (void)json_object_set_new(out, key, json_string(equals ? equals + 1 : ""));
        free(key);
    }
    return out;
}

int
sc_engine_commit_config(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena,
                        struct sc_commit_words *out, struct sc_err *err)
{
    const struct sc_create_options *o = &c->options;
    const struct sc_strv *entrypoint, *cmd;
    sc_cleanup_json config = json_object(), *healthcheck = sc_health_config_json(c);
    sc_cleanup_buf text = SC_BUF_INIT, said = SC_BUF_INIT;
    struct sc_image image;

    if (o->rootfs) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "container \"%s\" was made of a directory, not of an image", c->name);
        return sc_err_remedy(err, "make an image of it with: sc import %s", o->rootfs);
    }
    if (!c->image_id)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "container \"%s\" is a step of a build", c->name);
    if (sc_image_find_used(&engine->store, c->image_id, arena, &image, err) < 0)
        return -1;
    entrypoint = o->has_entrypoint ? &o->entrypoint : &image.config.entrypoint;
    cmd = o->args.count > 0 || o->has_entrypoint ? &o->args : &image.config.cmd;
    if (json_object_set_new(config, "User", json_string(c->effective_user ? c->effective_user : "")) < 0 ||
        json_object_set_new(config, "Env", sc_json_strv(&c->effective_env)) < 0 ||
        json_object_set_new(config, "Entrypoint", entrypoint->count > 0 ? sc_json_strv(entrypoint) : json_null()) < 0 ||
        json_object_set_new(config, "Cmd", cmd->count > 0 ? sc_json_strv(cmd) : json_null()) < 0 ||
        json_object_set_new(config, "WorkingDir", json_string(c->effective_workdir ? c->effective_workdir : "")) < 0 ||
        json_object_set_new(config, "Labels", map_of(&c->effective_labels)) < 0 ||
        (c->exposed.count + o->publish.count > 0 &&
         json_object_set_new(config, "ExposedPorts", sc_exposed_ports(c)) < 0) ||
        json_object_set_new(config, "Volumes", sc_anonymous_volumes(o)) < 0 ||
        (healthcheck && json_object_set(config, "Healthcheck", healthcheck) < 0) ||
        (o->stop_signal && json_object_set_new(config, "StopSignal", json_string(o->stop_signal)) < 0))
        return sc_err_set(err, SC_ERR_INVALID, "commit container \"%s\": its configuration is not UTF-8", c->name);
    if (sc_json_dump(config, &text, err) < 0)
        return -1;
    for (size_t i = 0; i < cmd->count; i++)
        sc_buf_addf(&said, "%s%s", i > 0 ? " " : "", cmd->items[i]);
    *out = (struct sc_commit_words){.config = sc_arena_strdup(arena, sc_buf_str(&text)),
                                    .created_by = sc_arena_strdup(arena, sc_buf_str(&said)),
                                    .image_id = sc_arena_strdup(arena, c->image_id)};
    return sc_buf_check(&said, err) < 0 ? -1 : sc_arena_check(arena, err);
}

void
sc_engine_files_event(const struct sc_engine *engine, const struct sc_container *container, const char *action)
{
    sc_engine_event(engine, container, action, NULL);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

#define DEPTH_MAX 200

/* Bytes in regular files, as Docker counts; what cannot be read counts nothing. */
static int64_t
bytes_below(int at_fd, const char *name, int depth)
{
    sc_cleanup_fd fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    sc_cleanup_dir dir = fd < 0 || depth > DEPTH_MAX ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int64_t bytes = 0;

    if (!dir)
        return 0;
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            bytes += bytes_below(dirfd(dir), entry->d_name, depth + 1);
        else if (S_ISREG(st.st_mode))
            bytes += st.st_size;
    }
    return bytes;
}

void
sc_engine_size(struct sc_engine *engine, const struct sc_container *c, int64_t *own, int64_t *all)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, c->id, &ignored);
    struct sc_image image = {.size = 0};

    *own = dir < 0 ? 0 : bytes_below(dir, "upper", 0);
    if (c->image_id && sc_image_find_used(&engine->store, c->image_id, &arena, &image, &ignored) < 0)
        image.size = 0;
    *all = *own + image.size;
}
