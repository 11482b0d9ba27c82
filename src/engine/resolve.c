/* Options and image to what is recorded: Docker's rules for command, environment, mounts. Pure. */
#include <signal.h>
#include <string.h>

#include "engine/engine-priv.h"

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- the command ---------------------------------------------------------------------------- */

static void
add_all(struct sc_strv *to, struct sc_arena *arena, const struct sc_strv *from)
{
    for (size_t i = 0; i < from->count; i++)
        sc_strv_add(to, arena, from->items[i]);
}

/* --entrypoint replaces the image's and drops its Cmd; without it, arguments replace Cmd. */
static int
resolve_args(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
             struct sc_container *out, struct sc_err *err)
{
    struct sc_strv all = {0};

    add_all(&out->effective_entrypoint, arena, options->has_entrypoint ? &options->entrypoint : &image->entrypoint);
    add_all(&all, arena, &out->effective_entrypoint);
    if (options->args.count > 0)
        add_all(&all, arena, &options->args);
    else if (!options->has_entrypoint)
        add_all(&all, arena, &image->cmd);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    /* `run IMAGE ""` names one that cannot be found; an empty Entrypoint of the image names none */
    if (all.count == 0 || (all.count == 1 && all.items[0][0] == '\0' && options->args.count == 0)) {
        sc_err_set(err, SC_ERR_INVALID, "no command specified");
        return sc_err_remedy(err, "name a command after the image: it has neither Entrypoint nor Cmd");
    }
    out->path = all.items[0];
    for (size_t i = 1; i < all.count; i++)
        sc_strv_add(&out->args, arena, all.items[i]);
    return 0;
}

void
sc_env_merge(struct sc_strv *env, struct sc_arena *arena, const struct sc_strv *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const char *entry = from->items[i];
        ssize_t at;

        if (strchr(entry, '=')) {
            sc_strv_set_env(env, arena, entry);
            continue;
        }
        at = sc_strv_find_key(env, entry);
        if (at < 0)
            continue;
        memmove(&env->items[at], &env->items[at + 1], (env->count - (size_t)at) * sizeof(env->items[0]));
        env->count--;
    }
}

static void
resolve_env(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
            struct sc_container *out)
{
    sc_strv_add(&out->effective_env, arena, PATH_DEFAULT);
    if (options->tty)
        sc_strv_add(&out->effective_env, arena, "TERM=xterm");
    sc_env_merge(&out->effective_env, arena, &image->env);
    sc_env_merge(&out->effective_env, arena, &options->env);
    sc_env_merge(&out->effective_labels, arena, &image->labels);
    for (size_t i = 0; i < options->labels.count; i++) {
        const char *label = options->labels.items[i];
        char *with_value = strchr(label, '=') ? NULL : sc_arena_printf(arena, "%s=", label);

        sc_strv_set_env(&out->effective_labels, arena, with_value ? with_value : label);
    }
}

static void
resolve_exposed(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
                struct sc_container *out)
{
    for (size_t i = 0; i < image->exposed_ports.count; i++)
        sc_strv_add(&out->exposed, arena, image->exposed_ports.items[i]);
    for (size_t i = 0; i < options->expose.count; i++)
        sc_strv_add(&out->exposed, arena, options->expose.items[i]);
}

static int
resolve_workdir(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
                struct sc_container *out, struct sc_err *err)
{
    const char *dir = options->workdir && *options->workdir ? options->workdir : NULL;

    if (dir && dir[0] != '/') {
        sc_err_set(err, SC_ERR_INVALID, "working directory \"%s\": it is not an absolute path", dir);
        return sc_err_remedy(err, "give -w a path that starts with /");
    }
    if (!dir && image->working_dir && *image->working_dir)
        dir = image->working_dir[0] == '/' ? image->working_dir : sc_arena_printf(arena, "/%s", image->working_dir);
    out->effective_workdir = sc_path_clean(dir ? dir : "/", arena);
    return sc_arena_check(arena, err);
}

int
sc_resolve_command(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
                   struct sc_container *out, struct sc_err *err)
{
    const char *stop = options->stop_signal ? options->stop_signal : image->stop_signal;
    int signum = SIGTERM;

    if (resolve_args(options, image, arena, out, err) < 0 || resolve_workdir(options, image, arena, out, err) < 0)
        return -1;
    resolve_env(options, image, arena, out);
    resolve_exposed(options, image, arena, out);
    sc_health_resolve(options, image, arena, out);
    if (stop && *stop && sc_signal_parse(stop, &signum, err) < 0)
        return sc_err_wrap(err, "stop signal");
    out->effective_stop_signal = sc_arena_strdup(arena, sc_signal_name(signum));
    if (!out->effective_stop_signal)
        out->effective_stop_signal = sc_arena_printf(arena, "%d", signum);
    out->effective_user = sc_arena_strdup(arena, options->user                 ? options->user
                                                 : image->user && *image->user ? image->user
                                                                               : "");
    return sc_arena_check(arena, err);
}

/* ---- mounts --------------------------------------------------------------------------------- */

static int
check_propagation(const struct sc_mount_ask *m, struct sc_err *err)
{
    static const char *const known[] = {"rprivate", "private", "rslave", "slave", "rshared", "shared"};

    if (!m->propagation)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(m->propagation, known[i]) == 0)
            return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": unknown propagation \"%s\"", m->target, m->propagation);
}

static int
resolve_mount(struct sc_mount_ask *m, struct sc_arena *arena, struct sc_err *err)
{
    char *clean = m->target ? sc_path_clean(m->target, arena) : NULL;

    if (!clean)
        return sc_err_set(err, SC_ERR_INVALID, "mount path \"%s\" inside the container must be absolute",
                          m->target ? m->target : "");
    if (strcmp(clean, "/") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "mount on \"/\": the root cannot be a mount point");
    m->target = clean;
    if (m->kind == SC_MOUNT_BIND && (!m->source || m->source[0] != '/'))
        return sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": source \"%s\" is not an absolute path", m->target,
                          m->source ? m->source : "");
    if (check_propagation(m, err) < 0)
        return -1;
    if (m->kind != SC_MOUNT_VOLUME)
        return 0;
    if (!m->source || !*m->source) {
        char id[SC_ID_LEN + 1];

        if (sc_id_random(id, err) < 0)
            return -1;
        m->source = sc_arena_strdup(arena, id);
        m->is_anonymous = true;
        return sc_arena_check(arena, err);
    }
    return sc_volume_name_check(m->source, err);
}

static bool
has_target(const struct sc_mount_ask *mounts, size_t count, const char *target)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(mounts[i].target, target) == 0)
            return true;
    }
    return false;
}

int
sc_resolve_mounts(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
                  struct sc_create_options *out, struct sc_err *err)
{
    size_t count = 0;
    struct sc_mount_ask *mounts =
        SC_ARENA_ARRAY(arena, struct sc_mount_ask, options->mount_count + image->volumes.count + 1);

    if (!mounts)
        return sc_err_nomem(err);
    for (size_t i = 0; i < options->mount_count; i++) {
        mounts[count] = options->mounts[i];
        if (resolve_mount(&mounts[count], arena, err) < 0)
            return -1;
        if (has_target(mounts, count, mounts[count].target))
            return sc_err_set(err, SC_ERR_INVALID, "duplicate mount point \"%s\"", mounts[count].target);
        count++;
    }
    for (size_t i = 0; i < image->volumes.count; i++) {
        const char *path = image->volumes.items[i];
        struct sc_mount_ask m = {.kind = SC_MOUNT_VOLUME, .copies_up = true};

        m.target = path[0] == '/' ? sc_arena_strdup(arena, path) : sc_arena_printf(arena, "/%s", path);
        mounts[count] = m;
        if (resolve_mount(&mounts[count], arena, err) < 0)
            return sc_err_wrap(err, "volume of the image");
        if (!has_target(mounts, count, mounts[count].target))
            count++;
    }
    out->mounts = mounts;
    out->mount_count = count;
    return 0;
}

/* ---- what does not go together, whatever the host ------------------------------------------------ */

static int
conflict(const char *what, const char *with, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "conflicting options: %s and %s", what, with);
}

/* It would name a cgroup outside the one that the caller is allowed to fill. */
static bool
has_dotdot(const char *path)
{
    for (const char *at = path; *at; at += strspn(at, "/")) {
        size_t len = strcspn(at, "/");

        if (len == 2 && strncmp(at, "..", len) == 0)
            return true;
        at += len;
    }
    return false;
}

int
sc_check_options(const struct sc_create_options *options, struct sc_err *err)
{
    if (options->name && sc_name_check(options->name, err) < 0)
        return -1;
    if (options->log.has_options && sc_str_eq(options->log.driver, "none"))
        return conflict("--log-opt", "--log-driver none, which keeps no log", err);
    if (sc_check_log_options(&options->log, err) < 0)
        return -1;
    if (!options->image == !options->rootfs)
        return sc_err_set(err, SC_ERR_INVALID, "either an image or --rootfs must be given");
    if (options->hostname && options->uts.mode == SC_NS_HOST)
        return conflict("--hostname", "--uts host", err);
    if (options->hostname && options->uts.mode != SC_NS_PRIVATE)
        return conflict("--hostname", "a joined --uts", err);
    if (options->hostname && options->network.mode == SC_NS_CONTAINER)
        return conflict("--hostname", "--network container:...", err);
    if (sc_check_network(options, err) < 0)
        return -1;
    if (options->hostname && strlen(options->hostname) > 64)
        return sc_err_set(err, SC_ERR_INVALID, "--hostname \"%.80s\": it is longer than 64 bytes", options->hostname);
    if (options->domainname && strlen(options->domainname) > 64)
        return sc_err_set(err, SC_ERR_INVALID, "--domainname \"%.80s\": it is longer than 64 bytes",
                          options->domainname);
    if (options->cgroup_parent && has_dotdot(options->cgroup_parent))
        return sc_err_set(err, SC_ERR_INVALID, "--cgroup-parent \"%s\": \"..\" is not allowed", options->cgroup_parent);
    if ((options->uid_maps.count > 0 || options->gid_maps.count > 0) &&
        (options->user_ns.mode == SC_NS_CONTAINER || options->user_ns.mode == SC_NS_PATH))
        return conflict("--uidmap or --gidmap", "a joined --userns", err);
    if (options->privileged && options->user_ns.mode == SC_NS_PRIVATE)
        return conflict("--privileged", "--userns auto", err);
    if ((options->uid_maps.count > 0 || options->gid_maps.count > 0) && options->user_ns.mode == SC_NS_KEEP_ID)
        return conflict("--uidmap or --gidmap", "--userns keep-id", err);
    for (size_t i = 0; i < options->mount_count; i++) {
        if (options->mounts[i].is_idmapped && options->user_ns.mode == SC_NS_HOST && options->uid_maps.count == 0 &&
            options->gid_maps.count == 0) {
            sc_err_set(err, SC_ERR_INVALID, "mount on \"%s\": idmap without a user namespace of the container's",
                       options->mounts[i].target);
            return sc_err_remedy(err, "add --userns auto or --uidmap, or leave idmap out");
        }
    }
    if (options->ipc.mode == SC_NS_SHAREABLE && options->shm_size > 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "--shm-size with --ipc shareable: a shared /dev/shm has no size of its own");
    if (options->stop_timeout < -1)
        return sc_err_set(err, SC_ERR_INVALID, "--stop-timeout %d: it must not be negative", options->stop_timeout);
    return 0;
}
