/* config-linux.md but for mounts, resources and seccomp. */
#include <ctype.h>
#include <linux/mempolicy.h>
#include <string.h>

#include "oci/oci-priv.h"

#define ID_MAP_LINES_MOST 340 /* UID_GID_MAP_MAX_EXTENTS, Linux 4.15 */
#define ID_COUNT          (1ULL << 32)
#define NSEC_PER_SEC      1000000000U
#define IFNAME_MOST       15   /* IFNAMSIZ without its NUL */
#define DEV_MAJOR_MOST    4095 /* MKDEV(): 12 bits of major, 20 of minor */
#define DEV_MINOR_MOST    1048575

/* ---- namespaces ------------------------------------------------------------------------ */

static int
check_namespaces(const struct sc_oci_spec *spec, struct sc_err *err)
{
    unsigned seen = 0;

    for (size_t i = 0; i < spec->linux_.namespace_count; i++) {
        const struct sc_oci_namespace *ns = &spec->linux_.namespaces[i];

        if (seen >> ns->kind & 1)
            return sc_err_set(err, SC_ERR_INVALID, "linux.namespaces[%zu].type: %s is given twice", i,
                              sc_ns_table[ns->kind].oci_name);
        seen |= 1U << ns->kind;
        if (ns->path && !sc_oci_path_is_absolute(ns->path))
            return sc_err_set(err, SC_ERR_INVALID, "linux.namespaces[%zu].path: \"%s\" must be absolute", i, ns->path);
    }
    return 0;
}

static bool
ranges_overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
    return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int
sc_oci_check_id_maps(const struct sc_oci_id_maps *maps, const char *where, struct sc_err *err)
{
    if (maps->count > ID_MAP_LINES_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "%s: must have at most %d entries", where, ID_MAP_LINES_MOST);
    for (size_t i = 0; i < maps->count; i++) {
        const struct sc_oci_id_map *map = &maps->items[i];

        if (map->size == 0)
            return sc_err_set(err, SC_ERR_INVALID, "%s[%zu].size: must be more than 0", where, i);
        if ((uint64_t)map->container_id + map->size > ID_COUNT || (uint64_t)map->host_id + map->size > ID_COUNT)
            return sc_err_set(err, SC_ERR_INVALID, "%s[%zu]: must end below id 4294967296", where, i);
        for (size_t j = 0; j < i; j++) {
            const struct sc_oci_id_map *other = &maps->items[j];

            if (ranges_overlap(map->container_id, map->size, other->container_id, other->size) ||
                ranges_overlap(map->host_id, map->size, other->host_id, other->size))
                return sc_err_set(err, SC_ERR_INVALID, "%s[%zu]: must not overlap entry %zu", where, i, j);
        }
    }
    return 0;
}

static int
check_user_namespace(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_namespace *user = sc_oci_find_namespace(spec, SC_NS_USER);
    const struct sc_oci_linux *linux_ = &spec->linux_;

    if (!user && (linux_->uid_mappings.count > 0 || linux_->gid_mappings.count > 0))
        return sc_err_set(err, SC_ERR_INVALID, "linux.%s: needs a user namespace in linux.namespaces",
                          linux_->uid_mappings.count > 0 ? "uidMappings" : "gidMappings");
    if (user && !user->path && linux_->uid_mappings.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "linux.uidMappings: is required for a new user namespace");
    if (user && !user->path && linux_->gid_mappings.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "linux.gidMappings: is required for a new user namespace");
    if (sc_oci_check_id_maps(&linux_->uid_mappings, "linux.uidMappings", err) < 0)
        return -1;
    return sc_oci_check_id_maps(&linux_->gid_mappings, "linux.gidMappings", err);
}

static bool
id_is_mapped(const struct sc_oci_id_maps *maps, uint32_t id)
{
    for (size_t i = 0; i < maps->count; i++) {
        if (id >= maps->items[i].container_id && id - maps->items[i].container_id < maps->items[i].size)
            return true;
    }
    return maps->count == 0;
}

/* setresuid(2) and setgroups(2) answer EINVAL to an id that has no mapping. */
static int
check_user_is_mapped(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_id_maps *gids = &spec->linux_.gid_mappings;
    const struct sc_oci_user *user = &spec->process.user;

    if (!id_is_mapped(&spec->linux_.uid_mappings, user->uid))
        return sc_err_set(err, SC_ERR_INVALID, "process.user.uid: %u is not in linux.uidMappings", user->uid);
    if (!id_is_mapped(gids, user->gid))
        return sc_err_set(err, SC_ERR_INVALID, "process.user.gid: %u is not in linux.gidMappings", user->gid);
    for (size_t i = 0; i < user->additional_gid_count; i++) {
        if (!id_is_mapped(gids, user->additional_gids[i]))
            return sc_err_set(err, SC_ERR_INVALID, "process.user.additionalGids[%zu]: %u is not in linux.gidMappings",
                              i, user->additional_gids[i]);
    }
    return 0;
}

static int
check_time_offsets(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_time_offset *monotonic = &spec->linux_.time_monotonic;
    const struct sc_oci_time_offset *boottime = &spec->linux_.time_boottime;
    const struct sc_oci_namespace *ns = sc_oci_find_namespace(spec, SC_NS_TIME);

    if (!monotonic->is_set && !boottime->is_set)
        return 0;
    if (!ns)
        return sc_err_set(err, SC_ERR_INVALID, "linux.timeOffsets: needs a time namespace in linux.namespaces");
    if (ns->path)
        return sc_err_set(err, SC_ERR_INVALID, "linux.timeOffsets: cannot be set in a joined time namespace");
    if (monotonic->nanosecs >= NSEC_PER_SEC || boottime->nanosecs >= NSEC_PER_SEC)
        return sc_err_set(err, SC_ERR_INVALID, "linux.timeOffsets.%s.nanosecs: must be below 1000000000",
                          monotonic->nanosecs >= NSEC_PER_SEC ? "monotonic" : "boottime");
    return 0;
}

/* ---- sysctl -------------------------------------------------------------------------------- */

/* Which namespace a file of /proc/sys belongs to; a prefix ends with '/'. */
static const struct {
    const char *path;
    enum sc_ns_kind kind;
} sysctl_namespaces[] = {
    {"kernel/msgmax", SC_NS_IPC},
    {"kernel/msgmnb", SC_NS_IPC},
    {"kernel/msgmni", SC_NS_IPC},
    {"kernel/msg_next_id", SC_NS_IPC},
    {"kernel/sem", SC_NS_IPC},
    {"kernel/sem_next_id", SC_NS_IPC},
    {"kernel/shmall", SC_NS_IPC},
    {"kernel/shmmax", SC_NS_IPC},
    {"kernel/shmmni", SC_NS_IPC},
    {"kernel/shm_next_id", SC_NS_IPC},
    {"fs/mqueue/", SC_NS_IPC},
    {"kernel/shm_rmid_forced", SC_NS_IPC},
    {"net/", SC_NS_NET},
    {"kernel/domainname", SC_NS_UTS},
    {"kernel/hostname", SC_NS_UTS},
};

int
sc_oci_sysctl_path(const char *key, struct sc_arena *arena, char **out, struct sc_err *err)
{
    size_t len = strcspn(key, "="), first = strcspn(key, "./");
    char *path = sc_arena_strndup(arena, key, len);
    size_t start = 0;

    if (!path)
        return sc_err_nomem(err);
    for (size_t i = 0; i < len && key[first] == '.'; i++) {
        if (path[i] == '.')
            path[i] = '/';
        else if (path[i] == '/')
            path[i] = '.';
    }
    for (size_t i = 0; i <= len; i++) {
        size_t part_len = i - start;

        if (i < len && path[i] != '/')
            continue;
        if (part_len == 0 || strspn(path + start, ".") >= part_len)
            return sc_err_set(err, SC_ERR_INVALID, "\"%.*s\" is not the name of a sysctl", (int)len, key);
        start = i + 1;
    }
    *out = path;
    return 0;
}

int
sc_oci_sysctl_check(const struct sc_oci_spec *spec, const char *path, struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(sysctl_namespaces); i++) {
        const char *known = sysctl_namespaces[i].path;
        enum sc_ns_kind kind = sysctl_namespaces[i].kind;

        if (!(sc_str_ends(known, "/") ? sc_str_starts(path, known) : strcmp(path, known) == 0))
            continue;
        if (strcmp(path, "kernel/hostname") == 0 && spec->hostname)
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" conflicts with hostname", path);
        if (strcmp(path, "kernel/domainname") == 0 && spec->domainname)
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" conflicts with domainname", path);
        if (!sc_oci_find_namespace(spec, kind))
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" needs a namespace of type %s", path,
                              sc_ns_table[kind].oci_name);
        return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not of one container but of the whole host", path);
}

static int
check_sysctl(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_strv *sysctl = &spec->linux_.sysctl;

    for (size_t i = 0; i < sysctl->count; i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        char *path = NULL;

        if (sc_oci_sysctl_path(sysctl->items[i], &arena, &path, err) < 0 || sc_oci_sysctl_check(spec, path, err) < 0)
            return sc_err_wrap(err, "linux.sysctl");
    }
    return 0;
}

/* ---- devices, network devices ---------------------------------------------------------------- */

static int
check_devices(const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->linux_.device_count; i++) {
        const struct sc_oci_device *device = &spec->linux_.devices[i];

        if (!strchr("bcup", device->type) || !device->type)
            return sc_err_set(err, SC_ERR_INVALID, "linux.devices[%zu].type: must be b, c, u or p", i);
        if (!sc_oci_path_is_absolute(device->path))
            return sc_err_set(err, SC_ERR_INVALID, "linux.devices[%zu].path: \"%s\" must be absolute", i,
                              device->path ? device->path : "");
        if (device->type == 'p')
            continue;
        if (device->major < 0 || device->major > DEV_MAJOR_MOST)
            return sc_err_set(err, SC_ERR_INVALID, "linux.devices[%zu].major: must be a number from 0 to %d", i,
                              DEV_MAJOR_MOST);
        if (device->minor < 0 || device->minor > DEV_MINOR_MOST)
            return sc_err_set(err, SC_ERR_INVALID, "linux.devices[%zu].minor: must be a number from 0 to %d", i,
                              DEV_MINOR_MOST);
    }
    return 0;
}

/* As the kernel's dev_valid_name(). */
static bool
ifname_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > IFNAME_MOST || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '/' || name[i] == ':' || isspace((unsigned char)name[i]))
            return false;
    }
    return true;
}

static int
check_net_devices(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_linux *linux_ = &spec->linux_;

    if (linux_->net_device_count > 0 && !sc_oci_find_namespace(spec, SC_NS_NET))
        return sc_err_set(err, SC_ERR_INVALID, "linux.netDevices: needs a network namespace in linux.namespaces");
    for (size_t i = 0; i < linux_->net_device_count; i++) {
        const struct sc_oci_net_device *device = &linux_->net_devices[i];

        if (!ifname_is_valid(device->host_name))
            return sc_err_set(err, SC_ERR_INVALID, "linux.netDevices: \"%s\" is not the name of a network device",
                              device->host_name);
        if (device->name && !ifname_is_valid(device->name))
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.netDevices.%s.name: \"%s\" is not the name of a network device", device->host_name,
                              device->name);
    }
    return 0;
}

/* ---- cgroup path, resctrl, memory policy ------------------------------------------------------- */

static int
check_cgroups_path(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const char *path = spec->linux_.cgroups_path;

    for (const char *at = path; at && *at;) {
        size_t len = strcspn(at, "/");

        if (len == 2 && strncmp(at, "..", 2) == 0)
            return sc_err_set(err, SC_ERR_INVALID, "linux.cgroupsPath: \"%s\" must not contain \"..\"", path);
        at += len + (at[len] == '/');
    }
    return 0;
}

static int
check_intel_rdt(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_intel_rdt *rdt = &spec->linux_.intel_rdt;
    const char *clos = rdt->clos_id, *mb = rdt->mem_bw_schema;

    /* It becomes the name of a directory of /sys/fs/resctrl; "/" is the file system's root, the default group. */
    if (clos && strcmp(clos, "/") != 0 && (strchr(clos, '/') || strcmp(clos, ".") == 0 || strcmp(clos, "..") == 0))
        return sc_err_set(err, SC_ERR_INVALID, "linux.intelRdt.closID: \"%s\" must be a file name", clos);
    if (clos && strchr(clos, '\n'))
        return sc_err_set(err, SC_ERR_INVALID, "linux.intelRdt.closID: must be one line");
    if (mb && strchr(mb, '\n'))
        return sc_err_set(err, SC_ERR_INVALID, "linux.intelRdt.memBwSchema: must be one line");
    if (mb && mb[0] && strncmp(mb, "MB:", 3) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "linux.intelRdt.memBwSchema: \"%s\" must begin with \"MB:\"", mb);
    for (size_t i = 0; i < rdt->schemata.count; i++)
        if (strchr(rdt->schemata.items[i], '\n'))
            return sc_err_set(err, SC_ERR_INVALID, "linux.intelRdt.schemata[%zu]: must be one line", i);
    return 0;
}

/* set_mempolicy(2): MPOL_DEFAULT and MPOL_LOCAL take no nodes, the others need some. */
static int
check_memory_policy(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_memory_policy *policy = &spec->linux_.memory_policy;
    bool is_without = policy->mode == MPOL_DEFAULT || policy->mode == MPOL_LOCAL;

    if (!policy->is_set)
        return 0;
    if (is_without && policy->nodes)
        return sc_err_set(err, SC_ERR_INVALID, "linux.memoryPolicy.nodes: must not be given for this mode");
    if (is_without && policy->flags)
        return sc_err_set(err, SC_ERR_INVALID, "linux.memoryPolicy.flags: must not be given for this mode");
    /* MPOL_PREFERRED without nodes is the old spelling of MPOL_LOCAL. */
    if (!is_without && policy->mode != MPOL_PREFERRED && !policy->nodes)
        return sc_err_set(err, SC_ERR_INVALID, "linux.memoryPolicy.nodes: is required for this mode");
    if (policy->nodes && sc_parse_cpu_list(policy->nodes, err) < 0)
        return sc_err_wrap(err, "linux.memoryPolicy.nodes");
    if ((policy->flags & MPOL_F_STATIC_NODES) && (policy->flags & MPOL_F_RELATIVE_NODES))
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.memoryPolicy.flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
    return 0;
}

static const struct sc_oci_check rows[] = {
    {"config-linux.md, Namespaces", check_namespaces},
    {"config-linux.md, User namespace mappings; user_namespaces(7)", check_user_namespace},
    {"user_namespaces(7)", check_user_is_mapped},
    {"config-linux.md, Offset for Time Namespace; time_namespaces(7)", check_time_offsets},
    {"config-linux.md, Sysctl; namespaces(7)", check_sysctl},
    {"config-linux.md, Devices; mknod(2)", check_devices},
    {"config-linux.md, Network Devices", check_net_devices},
    {"config-linux.md, Cgroups Path", check_cgroups_path},
    {"config-linux.md, IntelRdt", check_intel_rdt},
    {"config-linux.md, Memory Policy; set_mempolicy(2)", check_memory_policy},
};
const struct sc_oci_checks sc_oci_linux_checks = {rows, SC_ARRAY_LEN(rows)};
