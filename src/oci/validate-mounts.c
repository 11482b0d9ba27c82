/* config.md, "Mounts", and what else of the config is done by mounting. */
#include <limits.h>
#include <string.h>

#include "oci/oci-priv.h"

static int
check_mount_namespace(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_linux *linux_ = &spec->linux_;
    const char *key = NULL;

    if (sc_oci_find_namespace(spec, SC_NS_MOUNT))
        return 0;
    /* Done without one, each of these would be undone as easily. */
    if (linux_->masked_paths.count > 0)
        key = "linux.maskedPaths";
    else if (linux_->readonly_paths.count > 0)
        key = "linux.readonlyPaths";
    else if (linux_->rootfs_propagation)
        key = "linux.rootfsPropagation";
    else if (spec->root.readonly)
        key = "root.readonly";
    if (key)
        return sc_err_set(err, SC_ERR_INVALID, "%s: needs a mount namespace in linux.namespaces", key);
    return 0;
}

static bool
mount_is_bind(const struct sc_oci_mount *mount)
{
    return sc_str_eq(mount->type, "bind") || sc_oci_strv_has(&mount->options, "bind") ||
           sc_oci_strv_has(&mount->options, "rbind");
}

static int
check_mounts(const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *mount = &spec->mounts[i];

        if (!sc_oci_path_is_absolute(mount->destination))
            return sc_err_set(err, SC_ERR_INVALID, "mounts[%zu].destination: \"%s\" must be absolute", i,
                              mount->destination ? mount->destination : "");
        if (sc_oci_strv_has(&mount->options, "remount"))
            continue; /* neither source nor type: the mount is there */
        if (mount_is_bind(mount) && !mount->source)
            return sc_err_set(err, SC_ERR_INVALID, "mounts[%zu].source: is required for a bind mount on \"%s\"", i,
                              mount->destination);
        if (!mount_is_bind(mount) && !mount->type)
            return sc_err_set(err, SC_ERR_INVALID, "mounts[%zu].type: is required to mount on \"%s\"", i,
                              mount->destination);
    }
    return 0;
}

/* Files of /proc that a virtual machine has of its own, which lxcfs and criu cover. All else there is what programs,
 * and our own writes, take for the kernel's word. */
static const char *const own_proc_files[] = {"cpuinfo",
                                             "diskstats",
                                             "loadavg",
                                             "meminfo",
                                             "net/dev",
                                             "slabinfo",
                                             "stat",
                                             "swaps",
                                             "uptime",
                                             "sys/crypto/fips_enabled",
                                             "sys/kernel/ns_last_pid"};

/* "/a//b/../c" to "a/c"; false when it does not fit */
static bool
normalise(const char *path, char *out, size_t size)
{
    size_t len = 0;

    for (const char *at = path; *at != '\0';) {
        size_t skip = strspn(at, "/"), part = strcspn(at + skip, "/");
        const char *name = at + skip;

        at = name + part;
        if (part == 0 || (part == 1 && name[0] == '.'))
            continue;
        if (part == 2 && name[0] == '.' && name[1] == '.') {
            while (len > 0 && out[--len] != '/')
                ;
            continue;
        }
        if (len + part + 2 > size)
            return false;
        if (len > 0)
            out[len++] = '/';
        memcpy(out + len, name, part);
        len += part;
    }
    out[len] = '\0';
    return true;
}

enum sc_oci_in_proc
sc_oci_in_proc(const char *destination)
{
    char path[PATH_MAX];

    if (!normalise(destination, path, sizeof(path)))
        return SC_OCI_PROC_REFUSED;
    if (strcmp(path, "proc") == 0)
        return SC_OCI_PROC_ROOT;
    if (!sc_str_starts(path, "proc/"))
        return SC_OCI_PROC_OUTSIDE;
    for (size_t i = 0; i < SC_ARRAY_LEN(own_proc_files); i++) {
        if (strcmp(path + strlen("proc/"), own_proc_files[i]) == 0)
            return SC_OCI_PROC_FILE;
    }
    return SC_OCI_PROC_REFUSED;
}

static int
check_proc_mounts(const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *mount = &spec->mounts[i];
        enum sc_oci_in_proc in_proc = sc_oci_in_proc(mount->destination);

        if (sc_oci_strv_has(&mount->options, "remount"))
            continue;
        /* a bind on /proc itself must be of a procfs, which is seen when its source is opened */
        if (in_proc == SC_OCI_PROC_REFUSED ||
            (in_proc == SC_OCI_PROC_ROOT && !mount_is_bind(mount) && !sc_str_eq(mount->type, "proc")))
            return sc_err_set(err, SC_ERR_INVALID,
                              "mounts[%zu].destination: \"%s\" is in /proc, where nothing but proc can be mounted", i,
                              mount->destination);
        if (in_proc == SC_OCI_PROC_FILE && !mount_is_bind(mount))
            return sc_err_set(err, SC_ERR_INVALID,
                              "mounts[%zu].destination: \"%s\" is a file of /proc, which only a bind can cover", i,
                              mount->destination);
    }
    return 0;
}

static int
check_idmapped_mount(const struct sc_oci_spec *spec, const struct sc_oci_mount *mount, const char *where,
                     struct sc_err *err)
{
    bool has_maps = mount->uid_mappings.count > 0 || mount->gid_mappings.count > 0;
    bool has_option = sc_oci_strv_has(&mount->options, "idmap") || sc_oci_strv_has(&mount->options, "ridmap");

    if (!has_maps && !has_option)
        return 0;
    if (!mount_is_bind(mount))
        return sc_err_set(err, SC_ERR_INVALID, "%s: only a bind mount can be id-mapped", where);
    if (!has_maps && !sc_oci_find_namespace(spec, SC_NS_USER))
        return sc_err_set(err, SC_ERR_INVALID,
                          "%s.options: idmap without mappings needs a user namespace in linux.namespaces", where);
    if (has_maps && (mount->uid_mappings.count == 0 || mount->gid_mappings.count == 0))
        return sc_err_set(err, SC_ERR_INVALID, "%s: uidMappings and gidMappings must both be given", where);
    return 0;
}

static int
check_idmapped_mounts(const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct sc_oci_mount *mount = &spec->mounts[i];
        sc_cleanup_arena arena = SC_ARENA_INIT;
        const char *where, *uid_where, *gid_where;

        if (mount->uid_mappings.count == 0 && mount->gid_mappings.count == 0 && mount->options.count == 0)
            continue;
        where = sc_arena_printf(&arena, "mounts[%zu]", i);
        uid_where = sc_arena_printf(&arena, "mounts[%zu].uidMappings", i);
        gid_where = sc_arena_printf(&arena, "mounts[%zu].gidMappings", i);
        if (sc_arena_check(&arena, err) < 0 || check_idmapped_mount(spec, mount, where, err) < 0 ||
            sc_oci_check_id_maps(&mount->uid_mappings, uid_where, err) < 0 ||
            sc_oci_check_id_maps(&mount->gid_mappings, gid_where, err) < 0)
            return -1;
    }
    return 0;
}

static int
check_path_list(const struct sc_strv *paths, const char *key, struct sc_err *err)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (!sc_oci_path_is_absolute(paths->items[i]))
            return sc_err_set(err, SC_ERR_INVALID, "linux.%s[%zu]: \"%s\" must be absolute", key, i, paths->items[i]);
    }
    return 0;
}

static int
check_masked_and_readonly(const struct sc_oci_spec *spec, struct sc_err *err)
{
    if (check_path_list(&spec->linux_.masked_paths, "maskedPaths", err) < 0)
        return -1;
    return check_path_list(&spec->linux_.readonly_paths, "readonlyPaths", err);
}

static int
check_propagation(const struct sc_oci_spec *spec, struct sc_err *err)
{
    static const char *const known[] = {"shared",  "slave",  "private",  "unbindable",
                                        "rshared", "rslave", "rprivate", "runbindable"};
    const char *propagation = spec->linux_.rootfs_propagation;

    if (!propagation)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(propagation, known[i]) == 0)
            return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID,
                      "linux.rootfsPropagation: unknown value \"%s\", must be shared, slave, private or unbindable",
                      propagation);
}

static const struct sc_oci_check rows[] = {
    {"mount_namespaces(7)", check_mount_namespace},
    {"config.md, Mounts", check_mounts},
    {"proc(5): what the runtime and programs trust", check_proc_mounts},
    {"config.md, POSIX-platform Mounts: uidMappings, gidMappings", check_idmapped_mounts},
    {"config-linux.md, Masked Paths, Readonly Paths", check_masked_and_readonly},
    {"config-linux.md, Rootfs Mount Propagation", check_propagation},
};
const struct sc_oci_checks sc_oci_mount_checks = {rows, SC_ARRAY_LEN(rows)};
