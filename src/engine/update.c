/* update: other limits, or another restart policy, for a container that exists. All of them, or none: the record is
 * written first, and written back when the kernel refuses; the kernel's files are taken back by runtime/update.c. */
#include <errno.h>
#include <string.h>
#include <sys/file.h>

#include "engine/engine-priv.h"

/* Limits that depend on each other are told to the kernel together. */
static const char *const families[][6] = {
    {"memory", "memory-swap", NULL},
    {"cpus", "cpu-period", "cpu-quota", "cpu-burst", NULL},
};

static int
conflict(const char *asked, const char *recorded, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "conflicting options: --%s cannot be updated: --%s has been set", asked, recorded);
    return sc_err_remedy(err, "update --%s instead", recorded);
}

static int
check_conflicts(const struct sc_create_options *asked, const struct sc_create_options *recorded, struct sc_err *err)
{
    if (asked->nano_cpus != 0 && recorded->cpu_quota != 0)
        return conflict("cpus", "cpu-quota", err);
    if (asked->nano_cpus != 0 && recorded->cpu_period != 0)
        return conflict("cpus", "cpu-period", err);
    if (recorded->nano_cpus != 0 && asked->cpu_quota != 0)
        return conflict("cpu-quota", "cpus", err);
    if (recorded->nano_cpus != 0 && asked->cpu_period != 0)
        return conflict("cpu-period", "cpus", err);
    return 0;
}

/* What is said of one device more comes behind what was said: the last word on a device wins. */
static void
add_list(const struct sc_limit *limit, const struct sc_create_options *asked, struct sc_create_options *to,
         struct sc_arena *arena)
{
    const struct sc_strv *more = (const void *)((const char *)asked + limit->option);
    struct sc_strv *list = (void *)((char *)to + limit->option), joined = {0};

    for (size_t i = 0; i < list->count; i++)
        sc_strv_add(&joined, arena, list->items[i]);
    for (size_t i = 0; i < more->count; i++)
        sc_strv_add(&joined, arena, more->items[i]);
    *list = joined;
}

static void
merge(const struct sc_create_options *asked, struct sc_create_options *to, struct sc_arena *arena)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        const struct sc_limit *limit = &sc_limits[i];

        if (!limit->can_update || !sc_limit_is_given(limit, asked))
            continue;
        if (limit->kind == SC_FIELD_STRV)
            add_list(limit, asked, to, arena);
        else
            sc_limit_copy(limit, asked, to);
    }
    if (asked->restart && (to->restart || strcmp(asked->restart, "no") != 0))
        to->restart = asked->restart; /* "no" is kept where another was: how often that came is known still */
    if (asked->net_rate_in != 0)
        to->net_rate_in = asked->net_rate_in;
    if (asked->net_rate_out != 0)
        to->net_rate_out = asked->net_rate_out;
}

/* As Docker's: memory and swap together keep the limit that they have, also where it is twice --memory because nothing
 * was said of it, until it is given anew. */
static int
keep_swap(const struct sc_create_options *asked, const struct sc_create_options *recorded, const struct sc_host *host,
          struct sc_create_options *merged, struct sc_err *err)
{
    int64_t swap = recorded->memory_swap;

    if (swap == 0 && recorded->memory > 0 && recorded->memory <= INT64_MAX / 2 && host->cgroups.has_swap_accounting)
        swap = recorded->memory * 2;
    if (asked->memory <= 0 || asked->memory_swap != 0 || swap <= 0)
        return 0;
    if (asked->memory > swap) {
        sc_err_set(
            err, SC_ERR_INVALID,
            "memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same "
            "time");
        return sc_err_remedy(err, "memory and swap together are %lld bytes: give --memory-swap too", (long long)swap);
    }
    merged->memory_swap = swap;
    return 0;
}

static const struct sc_limit *
find_limit(const char *flag)
{
    for (size_t i = 0; i < sc_limit_count; i++) {
        if (strcmp(sc_limits[i].flag, flag) == 0)
            return &sc_limits[i];
    }
    return NULL;
}

/* asked with the rest of each family that it touches. */
static void
complete(struct sc_create_options *asked, const struct sc_create_options *merged)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(families); i++) {
        bool is_touched = false;

        for (size_t k = 0; families[i][k]; k++)
            is_touched = is_touched || sc_limit_is_given(find_limit(families[i][k]), asked);
        for (size_t k = 0; is_touched && families[i][k]; k++)
            sc_limit_copy(find_limit(families[i][k]), merged, asked);
    }
}

/* The resources that a container with these options has. */
static int
resources_of(const struct sc_container *container, const struct sc_create_options *options, const struct sc_host *host,
             struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    struct sc_container as = *container;
    struct sc_inputs in = {.container = &as, .host = host};

    as.options = *options;
    if (sc_block_io_look(options, arena, &in.block_io, err) < 0)
        return -1;
    return sc_spec_resources(&in, arena, out, err);
}

/* Everything that can be wrong whatever the kernel's state. */
static int
check(const struct sc_container *container, const struct sc_create_options *merged, const struct sc_host *host,
      struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_resources *resources = SC_ARENA_NEW(arena, struct sc_oci_resources);
    struct sc_cgroup_writes ignored = {0};
    struct sc_strv need = {0};

    if (!resources)
        return sc_err_nomem(err);
    if (sc_check_network(merged, err) < 0 || resources_of(container, merged, host, arena, resources, err) < 0)
        return -1;
    return sc_cgroup_translate(&host->cgroups, resources, true, arena, &ignored, &need, err);
}

static int
apply(struct sc_engine *engine, const struct sc_container *container, const struct sc_create_options *delta,
      const struct sc_host *host, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_resources *resources = SC_ARENA_NEW(arena, struct sc_oci_resources);
    struct sc_cgroup_layout *layout = SC_ARENA_NEW(arena, struct sc_cgroup_layout);
    struct sc_state state = {0};

    if (!resources || !layout)
        return sc_err_nomem(err);
    if (sc_engine_running_state(engine, container, arena, &state, err) < 0 ||
        resources_of(container, delta, host, arena, resources, err) < 0)
        return -1;
    if (state.cgroup_dirs.count == 0) {
        sc_err_set(err, SC_ERR_DENIED, "it has no cgroup of its own");
        return sc_err_remedy(err,
                             "start it in a cgroup that is delegated to this user: systemd-run --user --scope -p "
                             "Delegate=yes -- sc start %s",
                             container->name);
    }
    /* A user's systemd hands out cgroups that are not below the caller's own. */
    if (sc_cgroup_detect(arena, layout, err) < 0)
        return -1;
    return sc_runtime_update(&state, layout, resources, err);
}

/* The network's rates first: they are no files of a cgroup, and are taken back by themselves. */
static int
apply_all(struct sc_engine *engine, const struct sc_container *now, const struct sc_container *next,
          const struct sc_create_options *delta, const struct sc_host *host, struct sc_arena *arena, struct sc_err *err)
{
    bool has_rates = delta->net_rate_in != 0 || delta->net_rate_out != 0;
    struct sc_err ignored = SC_ERR_INIT;

    if (has_rates &&
        sc_network_rates(engine, now, next->options.net_rate_in, next->options.net_rate_out, arena, err) < 0)
        return -1;
    if (!sc_limits_any(delta) || apply(engine, now, delta, host, arena, err) == 0)
        return 0;
    if (has_rates)
        (void)!sc_network_rates(engine, next, now->options.net_rate_in, now->options.net_rate_out, arena, &ignored);
    return -1;
}

/* The cgroups that a user's systemd makes are not below the caller's own. */
static int
look_at_host(const struct sc_create_options *o, struct sc_host *host, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_systemd systemd = {.version = 0};
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_host_detect(arena, host, err) < 0)
        return -1;
    if (host->uid != 0 && o->cgroup_manager && !sc_str_eq(o->cgroup_manager, "cgroupfs"))
        (void)!sc_host_detect_systemd(host, arena, &systemd, &ignored); /* that it is gone is said by what needs it */
    return 0;
}

/* What its monitor will go by. Of one that does not run, the record is all there is. */
static int
tell_policy(const struct sc_engine *engine, const struct sc_container *next, struct sc_err *err)
{
    sc_cleanup_fd run = sc_engine_run_dir(engine, next->id, err);
    struct sc_restarting now = {.pid = 0};

    if (run < 0)
        return -1;
    sc_restart_plan_read(run, &now.count, &now.delay);
    return sc_restart_plan_write(engine, next, run, &now, err);
}

static int
check_policy(const struct sc_container *now, const struct sc_create_options *asked, bool only_runtime,
             struct sc_err *err)
{
    if (!asked->restart)
        return 0;
    if (now->is_rm && strcmp(asked->restart, "no") != 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "restart policy cannot be updated because AutoRemove is enabled for the container");
    if (only_runtime)
        return sc_err_set(err, SC_ERR_INVALID, "--restart is kept, and --runtime would not: give one of them");
    return 0;
}

static int
update(struct sc_engine *engine, const struct sc_container *now, const struct sc_create_options *asked,
       bool only_runtime, struct sc_arena *arena, struct sc_err *err)
{
    bool is_running = now->status == SC_STATUS_RUNNING || now->status == SC_STATUS_PAUSED;
    struct sc_host *host = SC_ARENA_NEW(arena, struct sc_host);
    struct sc_create_options delta = *asked;
    struct sc_container next = *now;
    struct sc_err ignored = SC_ERR_INIT;

    if (!host)
        return sc_err_nomem(err);
    if (only_runtime && !is_running)
        return sc_engine_not_running(now, err);
    if (look_at_host(&now->options, host, arena, err) < 0 || check_conflicts(asked, &now->options, err) < 0)
        return -1;
    if (check_policy(now, asked, only_runtime, err) < 0)
        return -1;
    merge(asked, &next.options, arena);
    if (keep_swap(asked, &now->options, host, &next.options, err) < 0)
        return -1;
    complete(&delta, &next.options);
    if (sc_arena_check(arena, err) < 0 || check(now, &next.options, host, arena, err) < 0)
        return -1;
    /* What a power loss may take back is an update of the last seconds, as with Docker's; to wait for the new name too
     * would double the time of all of it. */
    if (!only_runtime && sc_record_write_as(engine, &next, SC_WHOLE, err) < 0)
        return -1;
    if (!is_running || ((!asked->restart || tell_policy(engine, &next, err) == 0) &&
                        apply_all(engine, now, &next, &delta, host, arena, err) == 0))
        return 0;
    if (asked->restart)
        (void)!tell_policy(engine, now, &ignored);
    if (!only_runtime)
        (void)!sc_record_write_as(engine, now, SC_WHOLE, &ignored);
    return -1;
}

int
sc_engine_update(struct sc_engine *engine, const struct sc_container *container, const struct sc_create_options *asked,
                 bool only_runtime, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container now = SC_CONTAINER_INIT;
    /* As for rename: the monitor holds the container's lock and changes no record. */
    sc_cleanup_fd guard = sc_engine_data_dir(engine, container->id, err);

    if (guard < 0)
        return -1;
    if (flock(guard, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock container \"%s\"", container->name);
    if (sc_engine_load(engine, container->id, &arena, &now, err) < 0)
        return -1;
    if (update(engine, &now, asked, only_runtime, &arena, err) < 0)
        return sc_err_wrap(err, "update container \"%s\"", now.name);
    sc_engine_event(engine, &now, "update", NULL);
    return 0;
}
