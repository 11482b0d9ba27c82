/* Values of run and create that fill more than one member. */
#include <string.h>

#include "cli/cli.h"

/* ---- --device HOST[:CONTAINER][:rwm] --------------------------------------------------------------- */

static bool
is_permissions(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len <= 3 && strspn(text, "rwm") == len;
}

int
sc_value_device(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_create_options *o = create;
    struct sc_device_ask *all, ask = {0};
    char *rest = sc_arena_strdup(arena, value), *part;

    if (!rest)
        return sc_err_nomem(err);
    ask.host_path = strsep(&rest, ":");
    part = strsep(&rest, ":");
    if (part && !rest && is_permissions(part)) {
        ask.permissions = part;
    } else {
        ask.container_path = part;
        ask.permissions = strsep(&rest, ":");
    }
    if (rest || ask.host_path[0] != '/' || (ask.container_path && ask.container_path[0] != '/') ||
        (ask.permissions && !is_permissions(ask.permissions))) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be /HOST[:/CONTAINER][:rwm]", value);
        return sc_err_remedy(err, "for example /dev/fuse:/dev/fuse:rw");
    }
    if (!ask.container_path)
        ask.container_path = ask.host_path;
    if (!ask.permissions)
        ask.permissions = sc_arena_strdup(arena, "rwm");
    all = SC_ARENA_ARRAY(arena, struct sc_device_ask, o->device_count + 1);
    if (!all)
        return sc_err_nomem(err);
    if (o->device_count > 0)
        memcpy(all, o->devices, o->device_count * sizeof(*all));
    all[o->device_count++] = ask;
    o->devices = all;
    return 0;
}

/* ---- --security-opt ------------------------------------------------------------------------------------ */

int
sc_value_security(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_create_options *o = create;
    size_t len = strcspn(value, "=:"); /* Docker took ':' first and still takes it */
    const char *arg = value[len] ? value + len + 1 : NULL;

    if (len == strlen("no-new-privileges") && sc_str_starts(value, "no-new-privileges")) {
        o->no_new_privileges = true;
        return arg ? sc_parse_bool(arg, &o->no_new_privileges, err) : 0;
    }
    if (len == strlen("seccomp") && sc_str_starts(value, "seccomp") && arg && *arg) {
        o->seccomp = sc_arena_strdup(arena, arg);
        return 0;
    }
    if (len == strlen("systempaths") && sc_str_starts(value, "systempaths") && sc_str_eq(arg, "unconfined")) {
        o->systempaths_unconfined = true;
        return 0;
    }
    /* sc run applies neither, so that there is nothing to leave out */
    if ((len == strlen("apparmor") && sc_str_starts(value, "apparmor") && sc_str_eq(arg, "unconfined")) ||
        (len == strlen("label") && sc_str_starts(value, "label") && sc_str_eq(arg, "disable")))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "\"%s\": is not known", value);
    return sc_err_remedy(err, "give seccomp=FILE, seccomp=unconfined, no-new-privileges or systempaths=unconfined");
}

/* ---- --time-offset monotonic=SECS,boottime=SECS ------------------------------------------------------------- */

static int
parse_offset(const char *text, struct sc_oci_time_offset *out, struct sc_err *err)
{
    const int64_t second = 1000000000;
    bool is_negative = text[0] == '-';
    int64_t nsec;

    if (text[is_negative] == '-')
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be seconds or a duration", text);
    if ((strspn(text + is_negative, "0123456789.") == strlen(text + is_negative)
             ? sc_parse_decimal_nano(text + is_negative, &nsec, err)
             : sc_parse_duration(text + is_negative, &nsec, err)) < 0)
        return -1;
    if (is_negative)
        nsec = -nsec;
    out->is_set = true;
    out->secs = nsec / second - (nsec % second < 0);
    out->nanosecs = (uint32_t)(nsec - out->secs * second);
    return 0;
}

int
sc_value_time_offset(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char monotonic[] = "monotonic=", boottime[] = "boottime=";
    struct sc_create_options *o = create;
    char *rest = sc_arena_strdup(arena, value), *part;

    if (!rest)
        return sc_err_nomem(err);
    while ((part = strsep(&rest, ",")) != NULL) {
        int result;

        if (sc_str_starts(part, monotonic))
            result = parse_offset(part + sizeof(monotonic) - 1, &o->time_monotonic, err);
        else if (sc_str_starts(part, boottime))
            result = parse_offset(part + sizeof(boottime) - 1, &o->time_boottime, err);
        else
            result = sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be monotonic=SECONDS,boottime=SECONDS", value);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* ---- logging ------------------------------------------------------------------------------------------------------
 */

int
sc_value_log_driver(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_create_options *o = create;

    if (*value == '\0')
        value = "json-file"; /* as if it was not given */
    /* local is Docker's word for a file that only it reads: ours is the same for both */
    if (strcmp(value, "json-file") != 0 && strcmp(value, "local") != 0 && strcmp(value, "none") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be json-file, local or none", value);
    o->log.driver = sc_arena_strdup(arena, value);
    return 0;
}

/* ---- restart policies ------------------------------------------------------------------------------------------ */

/* The policy as it is recorded: "no" is kept for update, which would not know it from nothing. */
int
sc_value_restart(void *text, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_restart_policy policy;

    if (sc_restart_policy_parse(value, &policy, err) < 0)
        return -1;
    *(char **)text = policy.max > 0 ? sc_arena_printf(arena, "%s:%d", sc_restart_policy_name(&policy), policy.max)
                                    : sc_arena_strdup(arena, sc_restart_policy_name(&policy));
    return *(char **)text ? 0 : sc_err_nomem(err);
}

/* ---- health checks ---------------------------------------------------------------------------------------------- */

int
sc_value_health_time(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (sc_parse_duration(value, i64, err) < 0)
        return -1;
    if (*(int64_t *)i64 < 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": cannot be negative", value);
    if (*(int64_t *)i64 > 0 && *(int64_t *)i64 < 1000000)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": cannot be less than 1ms", value);
    return 0;
}

int
sc_value_health_retries(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (sc_parse_i64(value, i64, err) < 0)
        return -1;
    return *(int64_t *)i64 < 0 || *(int64_t *)i64 > INT32_MAX
               ? sc_err_set(err, SC_ERR_INVALID, "\"%s\": cannot be negative, or beyond %d", value, INT32_MAX)
               : 0;
}

/* ---- words of Docker that have one value here ------------------------------------------------------------------ */

int
sc_value_isolation(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)create;
    (void)arena;
    if (*value == '\0' || strcmp(value, "default") == 0)
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be default", value);
}

int
sc_value_log_opt(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char size[] = "max-size=", file[] = "max-file=";
    static const char *const others[] = {
        "tag=", "labels=", "labels-regex=", "env=", "env-regex=", "mode=", "max-buffer-size=", "compress="};
    struct sc_create_options *o = create;
    uint32_t count;

    o->log.has_options = true;
    if (strcmp(value, "max-size=-1") == 0) {
        o->log.max_size = -1;
        return 0;
    }
    if (sc_str_starts(value, size)) {
        if (sc_value_size(&o->log.max_size, value + sizeof(size) - 1, arena, err) < 0)
            return -1;
        return o->log.max_size > 0 ? 0 : sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be above 0, or -1", value);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(others); i++) { /* their values belong together: sc_check_options */
        if (sc_str_starts(value, others[i])) {
            sc_strv_set_env(&o->log.options, arena, value);
            return 0;
        }
    }
    if (!sc_str_starts(value, file)) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": is not known", value);
        return sc_err_remedy(err, "give max-size=10m, max-file=3, tag=, labels=, env= or mode=");
    }
    if (sc_parse_u32(value + sizeof(file) - 1, &count, err) < 0)
        return -1;
    if (count < 1 || count > 1000)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be from 1 to 1000", value);
    o->log.max_files = (int)count;
    return 0;
}

int
sc_value_explain(void *explain, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    enum sc_explain *out = explain;

    (void)arena;
    if (*value == '\0' || strcmp(value, "text") == 0 || strcmp(value, "true") == 0)
        *out = SC_EXPLAIN_TEXT;
    else if (strcmp(value, "json") == 0)
        *out = SC_EXPLAIN_JSON;
    else if (strcmp(value, "sh") == 0)
        *out = SC_EXPLAIN_SH;
    else if (strcmp(value, "false") == 0)
        *out = SC_EXPLAIN_NONE;
    else
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be text, json or sh", value);
    return 0;
}
