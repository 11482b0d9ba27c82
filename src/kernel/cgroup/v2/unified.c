/* linux.resources.unified: v2's own files by name (config-linux.md, "Unified"). */
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

/* cgroup.* files that limit something; the others move, kill or freeze tasks and are not resources. */
static const char *const core_limits[] = {"cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure"};

static int
check_key(const char *key, struct sc_err *err)
{
    const char *dot = strchr(key, '.');

    if (!dot || dot == key || dot[1] == '\0' || strchr(key, '/'))
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.unified: \"%s\" is not a file name such as \"memory.high\"", key);
    if (!sc_str_starts(key, "cgroup."))
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(core_limits); i++) {
        if (strcmp(key, core_limits[i]) == 0)
            return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "linux.resources.unified: \"%s\" is not a limit", key);
}

static int
add_entry(struct sc_cgroup_job *job, const char *key, const char *value, struct sc_err *err)
{
    sc_cleanup_buf what = SC_BUF_INIT;
    const char *controller;
    int found;

    if (check_key(key, err) < 0)
        return -1;
    controller = sc_arena_strndup(job->arena, key, strcspn(key, "."));
    if (!controller)
        return sc_err_nomem(err);
    found = strcmp(controller, "cgroup") == 0 ? job->hierarchy : sc_cgroup_find(job->layout, controller);
    sc_buf_addf(&what, "set unified \"%s\"", key);
    if (sc_buf_check(&what, err) < 0)
        return -1;
    if (found >= 0 && !job->layout->items[found].is_v2) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: the \"%s\" controller is in a cgroup v1 hierarchy here",
                   sc_buf_str(&what), controller);
        return sc_err_remedy(err, "use the limit's own member of linux.resources, which works on both versions");
    }
    if (found < 0)
        return sc_cgroup_missing(job->layout, sc_buf_str(&what), controller, err);
    (void)sc_cgroup_job_add(job, key, value, "asked for under the kernel's own name");
    return 0;
}

int
sc_cgroup2_unified(struct sc_cgroup_job *job, struct sc_err *err)
{
    const struct sc_strv *unified = &job->resources->unified;

    if (unified->count == 0)
        return 0;
    job->hierarchy = sc_cgroup_find_v2(job->layout);
    if (job->hierarchy < 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "linux.resources.unified: this host has no cgroup v2 hierarchy");
        return sc_err_remedy(err, "use the other members of linux.resources, which work on both versions");
    }
    for (size_t i = 0; i < unified->count; i++) {
        const char *equals = strchr(unified->items[i], '=');
        char *key =
            equals ? sc_arena_strndup(job->arena, unified->items[i], (size_t)(equals - unified->items[i])) : NULL;

        if (equals && !key)
            return sc_err_nomem(err);
        if (!key)
            return sc_err_set(err, SC_ERR_INVALID, "linux.resources.unified: \"%s\" has no value", unified->items[i]);
        if (add_entry(job, key, equals + 1, err) < 0)
            return -1;
    }
    return 0;
}
