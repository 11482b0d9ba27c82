/* linux.cgroupsPath for systemd, "slice:prefix:name", to the unit's name and the path of its cgroup (systemd.unit(5),
 * systemd.slice(5)). Pure. */
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/systemd/systemd.h"

#define UNIT_NAME_MAX 255
#define SLICE         ".slice"
#define VALID                                                                                                          \
    "abcdefghijklmnopqrstuvwxyz"                                                                                       \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                                                       \
    "0123456789:-_.\\"

/* What a unit's name may not hold is written as systemd-escape(1) does. */
static void
add_escaped(struct sc_buf *out, const char *text)
{
    for (; *text; text++) {
        if (strchr(VALID, *text))
            sc_buf_addc(out, *text);
        else
            sc_buf_addf(out, "\\x%02x", (unsigned)(unsigned char)*text);
    }
}

int
sc_systemd_slice_path(const char *slice, struct sc_arena *arena, char **out, struct sc_err *err)
{
    size_t len = strlen(slice), stem = sc_str_ends(slice, SLICE) ? len - strlen(SLICE) : 0;
    sc_cleanup_buf path = SC_BUF_INIT;

    if (strcmp(slice, "-" SLICE) == 0) {
        *out = sc_arena_strdup(arena, "");
        return sc_arena_check(arena, err);
    }
    if (stem == 0 || len > UNIT_NAME_MAX || strspn(slice, VALID) != len || slice[0] == '-' || slice[stem - 1] == '-' ||
        strstr(slice, "--"))
        return sc_err_set(err, SC_ERR_INVALID, "linux.cgroupsPath: \"%s\" is not the name of a slice", slice);
    /* Each dash is a step down: a-b.slice lies in a.slice. */
    for (size_t i = 1; i <= stem; i++) {
        if (i == stem || slice[i] == '-')
            sc_buf_addf(&path, "/%.*s" SLICE, (int)i, slice);
    }
    if (sc_buf_check(&path, err) < 0)
        return -1;
    *out = sc_arena_strdup(arena, sc_buf_str(&path));
    return sc_arena_check(arena, err);
}

struct parts {
    char *slice, *prefix, *name;
};

static int
split(const char *cgroups_path, const char *id, const struct sc_systemd *systemd, struct sc_arena *arena,
      struct parts *out, struct sc_err *err)
{
    const char *first, *second;

    *out = (struct parts){.slice = sc_arena_strdup(arena, ""),
                          .prefix = sc_arena_strdup(arena, "sc"),
                          .name = sc_arena_strdup(arena, id)};
    if (cgroups_path && cgroups_path[0]) {
        first = strchr(cgroups_path, ':');
        second = first ? strchr(first + 1, ':') : NULL;
        if (!second || strchr(second + 1, ':'))
            return sc_err_set(err, SC_ERR_INVALID,
                              "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got "
                              "\"%s\" instead",
                              cgroups_path);
        out->slice = sc_arena_strndup(arena, cgroups_path, (size_t)(first - cgroups_path));
        out->prefix = sc_arena_strndup(arena, first + 1, (size_t)(second - first - 1));
        out->name = sc_arena_strdup(arena, second + 1);
    }
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (!out->slice[0])
        out->slice = sc_arena_strdup(arena, systemd->is_user ? "user.slice" : "system.slice");
    return sc_arena_check(arena, err);
}

int
sc_systemd_name(const char *cgroups_path, const char *id, const struct sc_systemd *systemd, struct sc_arena *arena,
                struct sc_unit *out, struct sc_err *err)
{
    sc_cleanup_buf unit = SC_BUF_INIT;
    const char *top = systemd->control_group;
    struct parts parts;
    char *slice_path = NULL;

    if (split(cgroups_path, id, systemd, arena, &parts, err) < 0)
        return -1;
    if (!parts.name[0])
        return sc_err_set(err, SC_ERR_INVALID, "linux.cgroupsPath: \"%s\" names no unit", cgroups_path);
    if (sc_str_ends(parts.name, SLICE)) {
        sc_err_set(err, SC_ERR_INVALID, "linux.cgroupsPath: \"%s\": a slice holds no process itself", cgroups_path);
        return sc_err_remedy(err, "name the container's own unit: \"%s::%s\"", parts.name, id);
    }
    add_escaped(&unit, parts.prefix);
    if (parts.prefix[0])
        sc_buf_addc(&unit, '-');
    add_escaped(&unit, parts.name);
    sc_buf_adds(&unit, ".scope");
    if (sc_buf_check(&unit, err) < 0 || sc_systemd_slice_path(parts.slice, arena, &slice_path, err) < 0)
        return -1;
    if (unit.len > UNIT_NAME_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "linux.cgroupsPath: the unit's name \"%s\" has more than %d bytes",
                          unit.data, UNIT_NAME_MAX);
    if (strcmp(top, "/") == 0)
        top = "";
    out->name = sc_arena_strdup(arena, unit.data);
    out->slice = parts.slice;
    out->path = sc_arena_printf(arena, "%s%s/%s", top, slice_path, unit.data);
    return sc_arena_check(arena, err);
}
