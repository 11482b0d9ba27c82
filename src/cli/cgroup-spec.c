/* libcgroup's way to name cgroups: CONTROLLERS:PATH. */
#include <string.h>

#include "cli/cgroup-priv.h"

int
sc_cgroup_spec_path(const char *text, struct sc_arena *arena, const char **out, struct sc_err *err)
{
    sc_cleanup_buf path = SC_BUF_INIT;

    for (const char *at = text; *at;) {
        size_t len = strcspn(at, "/");

        if (len == 2 && strncmp(at, "..", 2) == 0)
            return sc_err_set(err, SC_ERR_INVALID, "cgroup \"%.200s\": \"..\" is not allowed", text);
        if (len > 0 && !(len == 1 && *at == '.'))
            sc_buf_addf(&path, "/%.*s", (int)len, at);
        at += len + (at[len] == '/');
    }
    *out = sc_arena_strdup(arena, path.len ? path.data : "/");
    return sc_arena_check(arena, err);
}

static int
add(struct sc_cgroup_targets *out, int hierarchy, const char *path, const char *controller, size_t first,
    struct sc_arena *arena, struct sc_err *err)
{
    struct sc_cgroup_target *grown = out->items;

    for (size_t i = first; i < out->count; i++) {
        if (out->items[i].hierarchy == hierarchy) {
            sc_strv_add(&out->items[i].controllers, arena, controller);
            return sc_arena_check(arena, err);
        }
    }
    if ((out->count & (out->count - 1)) == 0) { /* full: it doubles */
        grown = SC_ARENA_ARRAY(arena, struct sc_cgroup_target, out->count ? 2 * out->count : 1);
        if (!grown)
            return sc_err_nomem(err);
        if (out->count > 0)
            memcpy(grown, out->items, out->count * sizeof(*grown));
    }
    grown[out->count] = (struct sc_cgroup_target){.hierarchy = hierarchy, .path = path};
    sc_strv_add(&grown[out->count].controllers, arena, controller);
    out->items = grown;
    out->count++;
    return sc_arena_check(arena, err);
}

static int
add_all(const struct sc_cgroup_layout *layout, const char *path, struct sc_arena *arena, struct sc_cgroup_targets *out,
        struct sc_err *err)
{
    size_t first = out->count;

    for (size_t i = 0; i < layout->count; i++) {
        const struct sc_strv *controllers = &layout->items[i].controllers;

        for (size_t j = 0; j < controllers->count; j++) {
            if (add(out, (int)i, path, controllers->items[j], first, arena, err) < 0)
                return -1;
        }
    }
    return 0;
}

int
sc_cgroup_spec_parse(const struct sc_cgroup_layout *layout, const char *text, struct sc_arena *arena,
                     struct sc_cgroup_targets *out, struct sc_err *err)
{
    const char *colon = strchr(text, ':'), *path;
    size_t first = out->count;

    if (!colon || colon == text)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.200s\" is not CONTROLLER[,CONTROLLER...]:PATH", text);
    if (sc_cgroup_spec_path(colon + 1, arena, &path, err) < 0)
        return -1;
    if (colon == text + 1 && *text == '*')
        return add_all(layout, path, arena, out, err);
    for (const char *at = text; at < colon;) {
        size_t len = strcspn(at, ",:");
        const char *controller = sc_arena_strndup(arena, at, len);
        int hierarchy;

        if (!controller)
            return sc_err_nomem(err);
        if (len == 0)
            return sc_err_set(err, SC_ERR_INVALID, "\"%.200s\" is not CONTROLLER[,CONTROLLER...]:PATH", text);
        hierarchy = sc_cgroup_controller_place(layout, controller, err);
        if (hierarchy < 0 || add(out, hierarchy, path, controller, first, arena, err) < 0)
            return -1;
        at += len + (at[len] == ',');
    }
    return 0;
}

int
sc_cgroup_spec_all(const struct sc_cgroup_layout *layout, const struct sc_strv *specs, struct sc_arena *arena,
                   struct sc_cgroup_targets *out, struct sc_err *err)
{
    for (size_t i = 0; i < specs->count; i++) {
        if (sc_cgroup_spec_parse(layout, specs->items[i], arena, out, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_cgroup_target_open(const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target, struct sc_err *err)
{
    return sc_cgroup_open(layout->items[target->hierarchy].mount_point, target->path, err);
}

/* v1: a cpuset without CPUs takes no task. */
static int
fill_cpuset(const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target, int fd, struct sc_err *err)
{
    bool has_cpuset = sc_cgroup_find(layout, "cpuset") == target->hierarchy;

    if (layout->items[target->hierarchy].is_v2 || !has_cpuset || !layout->cpuset_cpus || !layout->cpuset_mems)
        return 0;
    if (sc_cgroup_write_optional(fd, "cpuset.cpus", layout->cpuset_cpus, err) < 0)
        return -1;
    return sc_cgroup_write_optional(fd, "cpuset.mems", layout->cpuset_mems, err);
}

int
sc_cgroup_target_create(const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target,
                        struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv need = {0};
    bool was_created = false;
    sc_cleanup_fd fd = -1;

    if (strcmp(target->path, "/") == 0)
        return 0;
    for (size_t i = 0; layout->items[target->hierarchy].is_v2 && i < target->controllers.count; i++) {
        const char *v2 = sc_cgroup_controller_v2(target->controllers.items[i]);

        if (v2)
            sc_strv_add(&need, &arena, v2);
    }
    if (sc_arena_check(&arena, err) < 0)
        return -1;
    fd = sc_cgroup_create(layout, target->hierarchy, target->path, &need, true, &was_created, err);
    if (fd < 0)
        return -1;
    return was_created ? fill_cpuset(layout, target, fd, err) : 0;
}

int
sc_cgroup_target_note(struct sc_cli *cli, const struct sc_cgroup_layout *layout, const struct sc_cgroup_target *target,
                      struct sc_err *err)
{
    const char *unit;
    char text[256];

    if (sc_cgroup_systemd_owns(layout->items[target->hierarchy].mount_point, target->path, &cli->arena, &unit, err) < 0)
        return -1;
    if (!unit)
        return 0;
    (void)snprintf(text, sizeof(text),
                   "%.100s is systemd's, which may undo this: systemctl set-property, or Delegate=yes in the unit",
                   unit);
    sc_print_note(text);
    return 0;
}

/* ---- values --------------------------------------------------------------------------------------------------- */

int
sc_cgroup_value_mode(void *mode, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    size_t len = strlen(value);

    (void)arena;
    if (len == 0 || len > 4 || strspn(value, "01234567") != len || strtoul(value, NULL, 8) > 0777)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is no mode: three octal digits", value);
    *(mode_t *)mode = (mode_t)strtoul(value, NULL, 8);
    return 0;
}
