/* Text to values: numbers, limits, lists. Each error says what the value should be; the parser adds which option it
 * was. */
#include <string.h>
#include <sys/resource.h>

#include "cli/cli.h"

/* Docker takes an empty text for one that was not given. */
static bool
is_empty(char **text, const char *value)
{
    if (*value)
        return false;
    *text = NULL;
    return true;
}

/* A positive number of bytes. */
int
sc_value_size(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (sc_parse_size(value, i64, err) < 0)
        return -1;
    if (*(int64_t *)i64 < 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must not be negative", value);
    return 0;
}

int
sc_value_memory_swap(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (strcmp(value, "-1") == 0) {
        *(int64_t *)i64 = -1;
        return 0;
    }
    return sc_value_size(i64, value, arena, err);
}

int
sc_value_cpus(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return sc_parse_decimal_nano(value, i64, err);
}

int
sc_value_i64(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return sc_parse_i64(value, i64, err);
}

int
sc_value_u64(void *u64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return sc_parse_u64(value, u64, err);
}

int
sc_value_cpu_list(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (is_empty(str, value))
        return 0;
    if (sc_parse_cpu_list(value, err) < 0)
        return -1;
    *(char **)str = sc_arena_strdup(arena, value);
    return 0;
}

/* Docker takes 0 and -1 for unlimited. */
int
sc_value_pids(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    int64_t count;

    (void)arena;
    if (sc_parse_i64(value, &count, err) < 0)
        return -1;
    if (count < -1)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be a number of tasks, or -1 for no limit", value);
    *(int64_t *)i64 = count == 0 ? -1 : count;
    return 0;
}

static int
ranged(struct sc_opt_i64 *to, const char *value, int64_t min, int64_t max, struct sc_err *err)
{
    int64_t number;

    if (sc_parse_i64(value, &number, err) < 0)
        return -1;
    if (number < min || number > max)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be from %lld to %lld", value, (long long)min,
                          (long long)max);
    *to = (struct sc_opt_i64){.is_set = true, .value = number};
    return 0;
}

int
sc_value_oom_score(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return ranged(opt_i64, value, -1000, 1000, err);
}

/* Docker takes -1 for not set. */
int
sc_value_swappiness(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    if (strcmp(value, "-1") == 0) {
        *(struct sc_opt_i64 *)opt_i64 = (struct sc_opt_i64){.is_set = false};
        return 0;
    }
    return ranged(opt_i64, value, 0, 100, err);
}

int
sc_value_seconds(void *integer, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_opt_i64 number = {.is_set = false};

    (void)arena;
    if (ranged(&number, value, 0, INT32_MAX, err) < 0)
        return -1;
    *(int *)integer = (int)number.value;
    return 0;
}

int
sc_value_signal_text(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    int ignored;

    if (is_empty(str, value))
        return 0;
    if (sc_signal_parse(value, &ignored, err) < 0)
        return -1;
    *(char **)str = sc_arena_strdup(arena, value);
    return 0;
}

int
sc_value_signal(void *integer, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    (void)arena;
    return sc_signal_parse(value, integer, err);
}

int
sc_value_detach_keys(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_detach_keys ignored;

    if (sc_detach_keys_parse(value, &ignored, err) < 0)
        return -1;
    *(char **)str = sc_arena_strdup(arena, value);
    return 0;
}

/* ---- lists whose entries have a grammar ---------------------------------------------------------- */

/* -1 is no limit, above every number. */
static int
parse_limit(const char *text, size_t len, uint64_t *out, struct sc_err *err)
{
    char number[SC_NUM_MAX];
    int64_t value;

    if (len == 0 || len >= sizeof(number))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.*s\": must be a number", (int)len, text);
    memcpy(number, text, len);
    number[len] = '\0';
    if (sc_parse_i64(number, &value, err) < 0)
        return -1;
    if (value < -1)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": a limit is a number, or -1 for none", number);
    *out = value == -1 ? RLIM_INFINITY : (uint64_t)value;
    return 0;
}

int
sc_value_ulimit(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    const char *equals = strchr(value, '=');
    char name[16];
    uint64_t soft, hard;
    size_t len;

    if (!equals) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be NAME=SOFT[:HARD]", value);
        return sc_err_remedy(err, "for example nofile=1024:2048");
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - value), value);
    if (equals == value || equals - value >= (ptrdiff_t)sizeof(name) || sc_rlimit_from_name(name) < 0) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": unknown limit \"%.*s\"", value, (int)(equals - value), value);
        return sc_err_remedy(err,
                             "known are core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime "
                             "sigpending stack");
    }
    len = strcspn(equals + 1, ":");
    if (parse_limit(equals + 1, len, &soft, err) < 0)
        return -1;
    hard = soft;
    if (equals[1 + len] == ':' && parse_limit(equals + 2 + len, strlen(equals + 2 + len), &hard, err) < 0)
        return -1;
    if (soft > hard)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": the soft limit is above the hard limit", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_sysctl(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    char *path;

    if (value[0] == '=' || !strchr(value, '=')) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be NAME=VALUE", value);
        return sc_err_remedy(err, "for example net.ipv4.ip_forward=1");
    }
    if (sc_oci_sysctl_path(value, arena, &path, err) < 0)
        return -1;
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_cap(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf name = SC_BUF_INIT;
    const char *bare = strncasecmp(value, "cap_", 4) == 0 ? value + 4 : value;

    if (strcasecmp(bare, "all") != 0) {
        sc_buf_adds(&name, "CAP_");
        for (const char *at = bare; *at; at++)
            sc_buf_addc(&name, (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at));
        if (sc_buf_check(&name, err) < 0)
            return -1;
        if (sc_cap_from_name(sc_buf_str(&name)) < 0) {
            sc_err_set(err, SC_ERR_INVALID, "\"%s\": no such capability", value);
            return sc_err_remedy(err, "give ALL or a name of capabilities(7), such as NET_ADMIN");
        }
    }
    sc_strv_add(strv, arena, name.len > 0 ? sc_buf_str(&name) : "ALL");
    return 0;
}

int
sc_value_id_map(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    const char *at = value;

    for (size_t i = 0; i < 3; i++) {
        size_t len = strcspn(at, ":");
        char number[SC_NUM_MAX];
        struct sc_err ignored = SC_ERR_INIT;
        uint32_t id;

        (void)snprintf(number, sizeof(number), "%.*s", (int)len, at);
        if (len >= sizeof(number) || sc_parse_u32(number, &id, &ignored) < 0 || (i < 2) != (at[len] == ':') ||
            (i == 2 && (id == 0 || at[len] != '\0'))) {
            sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be CONTAINER:HOST:COUNT", value);
            return sc_err_remedy(err, "for example 0:100000:65536");
        }
        at += len + 1;
    }
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_label(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (value[0] == '\0' || value[0] == '=')
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be NAME or NAME=VALUE", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_volumes_from(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    const char *colon = strchr(value, ':');

    if (value[0] == '\0' || value[0] == ':' || (colon && strcmp(colon, ":ro") != 0 && strcmp(colon, ":rw") != 0))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be CONTAINER, CONTAINER:ro or CONTAINER:rw", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_pull(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (strcmp(value, "missing") != 0 && strcmp(value, "always") != 0 && strcmp(value, "never") != 0) {
        sc_err_set(err, SC_ERR_INVALID, "invalid value \"%s\"", value);
        return sc_err_remedy(err, "give missing, always or never");
    }
    *(char **)str = sc_arena_strdup(arena, value);
    return sc_arena_check(arena, err);
}

/* ---- times ------------------------------------------------------------------------------------------- */

/* "2026-11-23", "2026-11-23T09:10[:47[.5]]" in UTC: what is missing of RFC 3339 is added. */
static bool
parse_short_time(const char *text, int64_t *out)
{
    static const char full[] = "0000-00-00T00:00:00Z";
    struct sc_err ignored = SC_ERR_INIT;
    char whole[sizeof(full) + sizeof(".123456789")];
    size_t len = strlen(text);

    if (len > 20 && len < sizeof(whole) - 1 && text[19] == '.') {
        (void)snprintf(whole, sizeof(whole), "%sZ", text);
        return sc_time_parse(whole, out, &ignored) == 0;
    }
    if (len != 10 && len != 16 && len != 19)
        return false;
    memcpy(whole, full, sizeof(full));
    memcpy(whole, text, len);
    return sc_time_parse(whole, out, &ignored) == 0;
}

/* RFC 3339, seconds since 1970 with decimals, or how long ago. */
int
sc_value_time(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number;

    (void)arena;
    if (sc_time_parse(value, i64, &ignored) == 0 || parse_short_time(value, i64))
        return 0;
    if (strspn(value, "0123456789.") == strlen(value) && sc_parse_decimal_nano(value, i64, &ignored) == 0)
        return 0;
    if (sc_parse_duration(value, &number, &ignored) == 0) {
        *(int64_t *)i64 = sc_time_now() - number;
        return 0;
    }
    sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be a time or how long ago", value);
    return sc_err_remedy(err, "for example 2026-11-23T09:00:00Z, or 10m");
}
