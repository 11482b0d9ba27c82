/* linux.cgroupsPath (config-linux.md, "Cgroups Path") to a path below the root of every hierarchy. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

/* systemd's spelling, "slice:prefix:name" */
static bool
is_systemd_path(const char *path)
{
    const char *first = strchr(path, ':');

    return first && !strchr(path, '/') && strchr(first + 1, ':') != NULL;
}

int
sc_cgroup_path(const char *cgroups_path, const char *default_parent, const char *id, struct sc_arena *arena, char **out,
               struct sc_err *err)
{
    sc_cleanup_buf raw = SC_BUF_INIT, path = SC_BUF_INIT;
    char *save = NULL;

    if (cgroups_path && cgroups_path[0] != '\0') {
        if (is_systemd_path(cgroups_path)) {
            sc_err_set(err, SC_ERR_UNSUPPORTED,
                       "linux.cgroupsPath: \"%s\" is a systemd unit, and the cgroup files are used", cgroups_path);
            return sc_err_remedy(err, "give a path such as \"/sc/%s\", or use the systemd cgroup driver", id);
        }
        sc_buf_adds(&raw, cgroups_path);
    } else {
        sc_buf_addf(&raw, "%s/%s", default_parent ? default_parent : "", id);
    }
    if (sc_buf_check(&raw, err) < 0)
        return -1;
    for (char *part = strtok_r(raw.data, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        if (strcmp(part, ".") == 0)
            continue;
        /* It would name a cgroup outside the one that the caller is allowed to fill. */
        if (strcmp(part, "..") == 0)
            return sc_err_set(err, SC_ERR_INVALID, "cgroup path \"%s\": \"..\" is not allowed",
                              cgroups_path && cgroups_path[0] ? cgroups_path : default_parent);
        sc_buf_addf(&path, "/%s", part);
    }
    if (path.len == 0)
        sc_buf_addc(&path, '/');
    if (sc_buf_check(&path, err) < 0)
        return -1;
    *out = sc_arena_strdup(arena, sc_buf_str(&path));
    return sc_arena_check(arena, err);
}

int
sc_cgroup_join_path(char *out, size_t size, const char *mount_point, const char *path, struct sc_err *err)
{
    int len = snprintf(out, size, "%s%s", mount_point, strcmp(path, "/") == 0 ? "" : path);

    if (len < 0 || (size_t)len >= size)
        return sc_err_errno(err, ENAMETOOLONG, "cgroup \"%s\"", path);
    return 0;
}
