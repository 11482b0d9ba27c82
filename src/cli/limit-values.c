/* Values of limits that are more than a number. */
#include <string.h>

#include "cli/cli.h"

int
sc_value_idle(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    bool is_idle = true;

    (void)arena;
    if (*value && sc_parse_bool(value, &is_idle, err) < 0)
        return -1;
    *(struct sc_opt_i64 *)opt_i64 = (struct sc_opt_i64){.is_set = true, .value = is_idle};
    return 0;
}

/* ---- "/dev/sda:VALUE" ------------------------------------------------------------------------------ */

/* Docker's words; that the device is there is looked at when a container is made. */
static int
split_device(const char *value, const char **number, const char *example, struct sc_err *err)
{
    const char *colon = strrchr(value, ':');

    if (!colon || colon == value || !colon[1]) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": bad format: must be DEVICE:VALUE", value);
        return sc_err_remedy(err, "for example %s", example);
    }
    if (value[0] != '/') {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": bad format for device path", value);
        return sc_err_remedy(err, "for example %s", example);
    }
    *number = colon + 1;
    return 0;
}

static int
add_rate(struct sc_strv *list, const char *value, bool is_bytes, struct sc_arena *arena, struct sc_err *err)
{
    const char *number;
    uint64_t rate;

    if (split_device(value, &number, is_bytes ? "/dev/sda:10mb" : "/dev/sda:1000", err) < 0)
        return -1;
    if (sc_rate_parse(number, is_bytes, &rate, err) < 0 || rate == 0) {
        sc_err_clear(err);
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": invalid rate for device", value);
        return sc_err_remedy(err, "%s",
                             is_bytes ? "give a positive number of bytes a second, with an optional unit: /dev/sda:10mb"
                                      : "give a positive number of operations a second: /dev/sda:1000");
    }
    sc_strv_add(list, arena, value);
    return 0;
}

int
sc_value_device_bps(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return add_rate(strv, value, true, arena, err);
}

int
sc_value_device_iops(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    return add_rate(strv, value, false, arena, err);
}

int
sc_value_weight_device(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    const char *number;
    uint64_t weight;

    if (split_device(value, &number, "/dev/sda:200", err) < 0)
        return -1;
    if (sc_parse_u64(number, &weight, err) < 0 || (weight != 0 && (weight < 10 || weight > 1000))) {
        sc_err_clear(err);
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": invalid weight for device: must be between 10 and 1000", value);
    }
    sc_strv_add(strv, arena, value);
    return 0;
}

/* One word of --io-max: "rbps=1m" */
static bool
is_io_word(const char *word)
{
    static const char *const keys[] = {"rbps=", "wbps=", "riops=", "wiops="};
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t rate = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(keys); i++) {
        const char *number = word + strlen(keys[i]);

        if (!sc_str_starts(word, keys[i]))
            continue;
        return strcmp(number, "max") == 0 || (sc_rate_parse(number, i < 2, &rate, &ignored) == 0 && rate > 0);
    }
    return false;
}

int
sc_value_io_max(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    static const char example[] = "/dev/sda:rbps=10m,wiops=max";
    const char *words;
    char *rest, *word;

    if (split_device(value, &words, example, err) < 0)
        return -1;
    rest = sc_arena_strdup(arena, words);
    while (rest && (word = strsep(&rest, ",")) != NULL) {
        if (is_io_word(word))
            continue;
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": \"%s\" is not rbps, wbps, riops or wiops = a number or max", value,
                   word);
        return sc_err_remedy(err, "for example %s", example);
    }
    sc_strv_add(strv, arena, value);
    return 0;
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

/* The name of a file of a cgroup, and what is written to it. */
int
sc_value_cgroup_conf(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    size_t len = strcspn(value, "="), dot = strcspn(value, ".");

    if (value[len] != '=' || !value[len + 1] || dot == 0 || dot + 1 >= len || memchr(value, '/', len) ||
        memchr(value, ' ', len)) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be FILE=VALUE", value);
        return sc_err_remedy(err, "for example memory.high=1073741824");
    }
    if (strpbrk(value, "\n\r"))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be one line", value);
    sc_strv_add(strv, arena, value);
    return 0;
}

int
sc_value_cgroup_manager(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (strcmp(value, "cgroupfs") != 0 && strcmp(value, "systemd") != 0 && strcmp(value, "auto") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be cgroupfs, systemd or auto", value);
    *(char **)str = sc_arena_strdup(arena, value);
    return sc_arena_check(arena, err);
}

int
sc_value_proc_view(void *str, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    if (strcmp(value, "auto") != 0 && strcmp(value, "on") != 0 && strcmp(value, "full") != 0 &&
        strcmp(value, "off") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be auto, on, full or off", value);
    *(char **)str = sc_arena_strdup(arena, value);
    return sc_arena_check(arena, err);
}

int
sc_value_device_rule(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_device_rule ignored;

    if (sc_device_rule_parse(value, &ignored, err) < 0)
        return -1;
    sc_strv_add(strv, arena, value);
    return 0;
}
