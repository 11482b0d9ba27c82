/* The process: arguments, environment, user, limits of its own. */
#include <sys/ioctl.h>
#include <unistd.h>
#include <string.h>
#include <sys/resource.h>

#include "engine/engine-priv.h"

void
sc_terminal_of_caller(bool tty, struct sc_oci_process *out)
{
    struct winsize size;

    out->terminal = tty;
    if (!tty || ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
        return;
    out->console_height = size.ws_row;
    out->console_width = size.ws_col;
}

int
sc_ulimit_parse(const char *text, struct sc_oci_rlimit *out, struct sc_err *err)
{
    const char *equals = strchr(text, '='), *colon = equals ? strchr(equals, ':') : NULL;
    char name[32], soft[SC_NUM_MAX], hard[SC_NUM_MAX];
    size_t name_len = equals ? (size_t)(equals - text) : 0;
    size_t soft_len = equals ? (colon ? (size_t)(colon - equals - 1) : strlen(equals + 1)) : 0;
    int64_t values[2];

    if (name_len == 0 || name_len >= sizeof(name) || soft_len == 0 || soft_len >= sizeof(soft) ||
        (colon && strlen(colon + 1) >= sizeof(hard)))
        return sc_err_set(err, SC_ERR_INVALID, "--ulimit \"%.60s\": it is not NAME=SOFT[:HARD]", text);
    memcpy(name, text, name_len);
    name[name_len] = '\0';
    memcpy(soft, equals + 1, soft_len);
    soft[soft_len] = '\0';
    memcpy(hard, colon ? colon + 1 : soft, strlen(colon ? colon + 1 : soft) + 1);
    out->resource = sc_rlimit_from_name(name);
    if (out->resource < 0) {
        sc_err_set(err, SC_ERR_INVALID, "--ulimit \"%s\": unknown limit \"%s\"", text, name);
        return sc_err_remedy(err, "known are: core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio "
                                  "rttime sigpending stack");
    }
    if (sc_parse_i64(soft, &values[0], err) < 0 || sc_parse_i64(hard, &values[1], err) < 0)
        return sc_err_wrap(err, "--ulimit \"%s\"", text);
    if (values[0] < -1 || values[1] < -1)
        return sc_err_set(err, SC_ERR_INVALID, "--ulimit \"%s\": a limit is a number or -1 (none)", text);
    out->soft = values[0] == -1 ? RLIM_INFINITY : (uint64_t)values[0];
    out->hard = values[1] == -1 ? RLIM_INFINITY : (uint64_t)values[1];
    if (out->soft > out->hard)
        return sc_err_set(err, SC_ERR_INVALID, "--ulimit \"%s\": the soft limit is above the hard limit", text);
    return 0;
}

int
sc_spec_caps(const struct sc_create_options *options, uint64_t host_caps, uint64_t *out, struct sc_err *err)
{
    uint64_t base = options->privileged ? host_caps : sc_caps_default() & host_caps;

    return sc_caps_apply_flags(base, host_caps, &options->cap_add, &options->cap_drop, out, err);
}

static int
process_limits(const struct sc_create_options *o, struct sc_arena *arena, struct sc_oci_process *out,
               struct sc_err *err)
{
    if (o->ulimits.count == 0)
        return 0;
    out->rlimits = SC_ARENA_ARRAY(arena, struct sc_oci_rlimit, o->ulimits.count);
    if (!out->rlimits)
        return sc_err_nomem(err);
    for (size_t i = 0; i < o->ulimits.count; i++) {
        struct sc_oci_rlimit limit = {.resource = -1};
        size_t at = 0;

        if (sc_ulimit_parse(o->ulimits.items[i], &limit, err) < 0)
            return -1;
        /* The last one of a kind counts. */
        while (at < out->rlimit_count && out->rlimits[at].resource != limit.resource)
            at++;
        out->rlimits[at] = limit;
        if (at == out->rlimit_count)
            out->rlimit_count++;
    }
    return 0;
}

/* Ids that no line of the maps covers cannot be taken on, and setuid(2) would say no more than EINVAL. */
static int
check_mapped(const struct sc_inputs *in, struct sc_err *err)
{
    uint32_t ignored;

    if (!sc_id_map_find(&in->uid_maps, in->user.uid, &ignored)) {
        sc_err_set(err, SC_ERR_INVALID, "user %u: it is not mapped in the container's user namespace", in->user.uid);
        return in->is_root ? -1
                           : sc_err_remedy(err, "without root the ids that exist are 0 and as many as /etc/subuid and "
                                                "/etc/subgid give you");
    }
    if (!sc_id_map_find(&in->gid_maps, in->user.gid, &ignored))
        return sc_err_set(err, SC_ERR_INVALID, "group %u: it is not mapped in the container's user namespace",
                          in->user.gid);
    return 0;
}

static int
process_user(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_process *out, struct sc_err *err)
{
    const struct sc_user_result *user = &in->user;
    /* Whoever maps no more than their own id gave setgroups(2) up for it. */
    bool can_set_groups = in->is_root || in->gid_maps.count > 1;

    if (check_mapped(in, err) < 0)
        return -1;
    out->user.uid = user->uid;
    out->user.gid = user->gid;
    if (user->additional_gid_count == 0)
        return 0;
    out->user.additional_gids = SC_ARENA_ARRAY(arena, uint32_t, user->additional_gid_count);
    if (!out->user.additional_gids)
        return sc_err_nomem(err);
    for (size_t i = 0; i < user->additional_gid_count; i++) {
        uint32_t ignored;

        /* Groups of the image that the maps leave out are dropped, as they name nobody here. */
        if (can_set_groups && sc_id_map_find(&in->gid_maps, user->additional_gids[i], &ignored))
            out->user.additional_gids[out->user.additional_gid_count++] = user->additional_gids[i];
    }
    return 0;
}

int
sc_spec_process(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_process *out, struct sc_err *err)
{
    const struct sc_container *c = in->container;
    const struct sc_create_options *o = &c->options;
    uint64_t caps = 0;

    out->is_set = true;
    sc_terminal_of_caller(o->tty, out);
    sc_strv_add(&out->args, arena, c->path);
    for (size_t i = 0; i < c->args.count; i++)
        sc_strv_add(&out->args, arena, c->args.items[i]);
    for (size_t i = 0; i < c->effective_env.count; i++)
        sc_strv_add(&out->env, arena, c->effective_env.items[i]);
    if (in->hostname && sc_strv_find_key(&out->env, "HOSTNAME") < 0)
        sc_strv_addf(&out->env, arena, "HOSTNAME=%s", in->hostname);
    if (sc_strv_find_key(&out->env, "HOME") < 0)
        sc_strv_addf(&out->env, arena, "HOME=%s", in->user.home && *in->user.home ? in->user.home : "/");
    out->cwd = c->effective_workdir;
    if (process_user(in, arena, out, err) < 0 || process_limits(o, arena, out, err) < 0 ||
        sc_spec_caps(o, in->host->caps, &caps, err) < 0)
        return -1;
    out->capabilities =
        (struct sc_oci_capabilities){.is_set = true, .bounding = caps, .permitted = caps, .effective = caps};
    out->no_new_privileges = o->no_new_privileges;
    out->oom_score_adj = o->oom_score_adj;
    if (o->oom_score_adj.is_set && (o->oom_score_adj.value < -1000 || o->oom_score_adj.value > 1000))
        return sc_err_set(err, SC_ERR_INVALID, "--oom-score-adj %lld: it must be between -1000 and 1000",
                          (long long)o->oom_score_adj.value);
    return sc_arena_check(arena, err);
}
