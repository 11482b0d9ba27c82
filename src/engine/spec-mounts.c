/* Mounts: Docker's defaults, what the user asked for, and the engine's own files over /etc. */
#include <string.h>

#include "engine/engine-priv.h"

#define SHM_DEFAULT ((int64_t)64 << 20)
#define TTY_GID     5 /* Debian's and everybody's group "tty": owner of new terminals */

struct mounts {
    struct sc_oci_mount *items;
    size_t count, capacity;
};

/* options as mount(8) writes them: "nosuid,nodev" */
static struct sc_oci_mount *
add(struct mounts *list, struct sc_arena *arena, const char *destination, const char *type, const char *source,
    const char *options)
{
    struct sc_oci_mount *m;

    if (list->count == list->capacity) {
        arena->has_failed = true; /* the callers' sum is wrong */
        return NULL;
    }
    m = &list->items[list->count++];
    m->destination = sc_arena_strdup(arena, destination);
    m->type = sc_arena_strdup(arena, type);
    m->source = sc_arena_strdup(arena, source);
    while (*options) {
        size_t len = strcspn(options, ",");

        sc_strv_addf(&m->options, arena, "%.*s", (int)len, options);
        options += len + (options[len] == ',');
    }
    return m;
}

/* A mount of the user's on this very place takes the place of a default one. */
static bool
is_taken(const struct sc_inputs *in, const char *destination)
{
    const struct sc_create_options *o = &in->container->options;

    for (size_t i = 0; i < o->mount_count; i++) {
        if (strcmp(o->mounts[i].target, destination) == 0)
            return true;
    }
    return false;
}

/* ---- the defaults ----------------------------------------------------------------------------- */

/* The kernel mounts proc and sysfs only for who owns the pid or network namespace they show: in a user namespace of its
 * own a container does not own the host's or another's, and gets a bind of what is there. */
static bool
is_foreign(const struct sc_inputs *in, enum sc_ns_mode mode)
{
    return in->has_userns && mode != SC_NS_PRIVATE && mode != SC_NS_NONE && mode != SC_NS_SHAREABLE;
}

static void
add_proc_and_sys(const struct sc_inputs *in, struct sc_arena *arena, struct mounts *list)
{
    const struct sc_create_options *o = &in->container->options;

    if (!is_taken(in, "/proc")) {
        if (is_foreign(in, o->pid.mode))
            add(list, arena, "/proc", "bind", "/proc", "rbind,nosuid,noexec,nodev");
        else
            add(list, arena, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    }
    if (!is_taken(in, "/dev"))
        add(list, arena, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
    if (!is_taken(in, "/sys")) {
        if (is_foreign(in, o->network.mode))
            add(list, arena, "/sys", "bind", "/sys",
                o->privileged ? "rbind,nosuid,noexec,nodev,rw" : "rbind,nosuid,noexec,nodev,ro");
        else
            add(list, arena, "/sys", "sysfs", "sysfs",
                o->privileged ? "nosuid,noexec,nodev,rw" : "nosuid,noexec,nodev,ro");
    }
}

/* The last of the defaults: on v1 the launcher makes the cgroups while the container's process mounts the others. */
static void
add_cgroup(const struct sc_inputs *in, struct sc_arena *arena, struct mounts *list)
{
    const struct sc_create_options *o = &in->container->options;

    /* Without root only v2's cgroup, in a cgroup namespace, is the container's to look at. */
    if (!is_taken(in, "/sys/fs/cgroup") && (in->is_root || in->host->cgroups.mode == SC_CGROUP_V2))
        add(list, arena, "/sys/fs/cgroup", "cgroup", "cgroup",
            o->privileged ? "rw,nosuid,noexec,nodev" : "ro,nosuid,noexec,nodev");
}

static void
add_dev(const struct sc_inputs *in, struct sc_arena *arena, struct mounts *list)
{
    const struct sc_create_options *o = &in->container->options;
    int64_t shm_size = o->shm_size > 0 ? o->shm_size : SHM_DEFAULT;
    uint32_t ignored;

    if (!is_taken(in, "/dev/pts")) {
        struct sc_oci_mount *pts =
            add(list, arena, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");

        if (pts && sc_id_map_find(&in->gid_maps, TTY_GID, &ignored))
            sc_strv_addf(&pts->options, arena, "gid=%d", TTY_GID);
    }
    if (!is_taken(in, "/dev/mqueue")) {
        if (!is_foreign(in, o->ipc.mode))
            add(list, arena, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
        else if (in->has_host_mqueue && o->ipc.mode == SC_NS_HOST)
            add(list, arena, "/dev/mqueue", "bind", "/dev/mqueue", "bind,nosuid,noexec,nodev");
    }
    if (is_taken(in, "/dev/shm") || o->ipc.mode == SC_NS_NONE)
        return;
    if (in->shared_shm) {
        add(list, arena, "/dev/shm", "bind", in->shared_shm, "bind,nosuid,noexec,nodev");
    } else {
        struct sc_oci_mount *shm = add(list, arena, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777");

        if (shm)
            sc_strv_addf(&shm->options, arena, "size=%lld", (long long)shm_size);
    }
}

/* ---- what was asked for -------------------------------------------------------------------------- */

/* "exec" takes back the default "noexec", as with mount(8): the last word counts. */
static void
add_tmpfs_option(struct sc_strv *options, struct sc_arena *arena, const char *option)
{
    static const char *const pairs[][2] = {{"exec", "noexec"}, {"suid", "nosuid"}, {"dev", "nodev"}};

    for (size_t i = 0; i < SC_ARRAY_LEN(pairs); i++) {
        if (strcmp(option, pairs[i][0]) != 0)
            continue;
        for (size_t j = 0; j < options->count; j++) {
            if (strcmp(options->items[j], pairs[i][1]) == 0)
                options->items[j] = sc_arena_strdup(arena, option);
        }
        return;
    }
    sc_strv_add(options, arena, option);
}

static void
add_tmpfs(const struct sc_mount_ask *ask, struct sc_arena *arena, struct mounts *list)
{
    struct sc_oci_mount *m = add(list, arena, ask->target, "tmpfs", "tmpfs", "noexec,nosuid,nodev");

    if (!m)
        return;
    for (size_t i = 0; i < ask->options.count; i++)
        add_tmpfs_option(&m->options, arena, ask->options.items[i]);
    if (ask->is_readonly)
        sc_strv_add(&m->options, arena, "ro");
    if (ask->tmpfs_size > 0)
        sc_strv_addf(&m->options, arena, "size=%lld", (long long)ask->tmpfs_size);
    if (ask->tmpfs_mode)
        sc_strv_addf(&m->options, arena, "mode=%o", ask->tmpfs_mode);
}

static void
add_asked(const struct sc_inputs *in, const struct sc_mount_ask *ask, struct sc_arena *arena, struct mounts *list)
{
    const char *source = ask->source;
    struct sc_oci_mount *m;

    if (ask->kind == SC_MOUNT_TMPFS) {
        add_tmpfs(ask, arena, list);
        return;
    }
    if (ask->kind == SC_MOUNT_VOLUME)
        source = ask->resolved ? ask->resolved : sc_arena_printf(arena, "%s/%s/_data", in->volume_dir, ask->source);
    m = add(list, arena, ask->target, "bind", source, ask->non_recursive ? "bind" : "rbind");
    if (!m)
        return;
    sc_strv_add(&m->options, arena, ask->propagation ? ask->propagation : "rprivate");
    if (ask->is_readonly || ask->resolved_readonly)
        sc_strv_add(&m->options, arena, ask->non_recursive ? "ro" : "rro");
    /* A volume is the containers' own: its files carry the ids that they know. A directory of the host keeps the
     * host's, if not asked otherwise. */
    if (ask->is_idmapped ||
        (ask->kind == SC_MOUNT_VOLUME && in->uid_maps.count > 0 && in->host->has_idmapped_mounts && in->is_root))
        sc_strv_add(&m->options, arena, "idmap");
}

static void
add_files(const struct sc_inputs *in, struct sc_arena *arena, struct mounts *list)
{
    static const char *const names[] = {"resolv.conf", "hostname", "hosts"};
    const char *options = in->container->options.read_only ? "bind,rprivate,ro" : "bind,rprivate,rw";

    for (size_t i = 0; i < SC_ARRAY_LEN(names) && in->has_files; i++) {
        char *destination = sc_arena_printf(arena, "/etc/%s", names[i]);
        char *source = sc_arena_printf(arena, "%s/%s", in->files_dir, names[i]);

        if (destination && source && !is_taken(in, destination))
            add(list, arena, destination, "bind", source, options);
    }
}

/* In a user namespace no node can be made: the host's is bound. */
static void
add_bound_devices(const struct sc_inputs *in, struct sc_arena *arena, struct mounts *list)
{
    for (size_t i = 0; i < in->devices.count && in->has_userns; i++)
        add(list, arena, in->devices.items[i].path, "bind", in->devices.items[i].host_path, "bind,rprivate");
}

static size_t
depth(const char *path)
{
    size_t count = 0;

    for (const char *at = path; *at; at++)
        count += *at == '/' && at[1] != '\0';
    return count;
}

/* Parents before children, else a mount would hide what was mounted below its place. Stable. */
static void
sort_by_depth(struct sc_oci_mount *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sc_oci_mount m = items[i];
        size_t at = i, own = depth(m.destination);

        while (at > 0 && depth(items[at - 1].destination) > own) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = m;
    }
}

int
sc_spec_mounts(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    struct mounts list = {.capacity = 16 + o->mount_count + in->devices.count};
    size_t default_count;

    list.items = SC_ARENA_ARRAY(arena, struct sc_oci_mount, list.capacity);
    if (!list.items)
        return sc_err_nomem(err);
    add_proc_and_sys(in, arena, &list);
    add_dev(in, arena, &list);
    add_cgroup(in, arena, &list);
    default_count = list.count;
    for (size_t i = 0; i < o->mount_count; i++)
        add_asked(in, &o->mounts[i], arena, &list);
    add_files(in, arena, &list);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    sort_by_depth(list.items + default_count, list.count - default_count);
    add_bound_devices(in, arena, &list);
    out->mounts = list.items;
    out->mount_count = list.count;
    return sc_arena_check(arena, err);
}
