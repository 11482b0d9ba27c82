/* The query of POST /build to words of `sc build`; pure. */
#include <string.h>

#include "api/api.h"
#include "base/json.h"

/* How a key of the query is told to sc. What is not in the table is refused: an image that is not what was asked for
 * is worse than none. */
enum how {
    FLAG,   /* 1: --option */
    TEXT,   /* --option=value, once for each */
    NUMBER, /* the same; what is 0 was not asked for */
    MAP,    /* {"a":"1","b":null}: --option=a=1; a null is a variable that the client does not have */
    ULIMIT, /* [{"Name":"nofile","Soft":1,"Hard":2}] */
    NONE,   /* changes nothing of the image */
    ABSENT, /* sc does not have it */
};
static const struct key {
    const char *name;
    enum how how;
    const char *option, *is_default;
} keys[] = {
    {"buildargs", MAP, "build-arg", ""},
    {"buildid", NONE, NULL, NULL},
    {"cachefrom", NONE, NULL, NULL}, /* sc's cache is its own */
    {"cgroupparent", TEXT, "cgroup-parent", ""},
    {"cpuperiod", NUMBER, "cpu-period", "0"},
    {"cpuquota", NUMBER, "cpu-quota", "0"},
    {"cpusetcpus", TEXT, "cpuset-cpus", ""},
    {"cpusetmems", TEXT, "cpuset-mems", ""},
    {"cpushares", NUMBER, "cpu-shares", "0"},
    {"dockerfile", TEXT, "file", "Dockerfile"},
    {"extrahosts", TEXT, "add-host", ""},
    {"forcerm", NONE, NULL, NULL}, /* containers of steps are always removed */
    {"isolation", ABSENT, NULL, "default"},
    {"labels", MAP, "label", ""},
    {"memory", NUMBER, "memory", "0"},
    {"memswap", NUMBER, "memory-swap", "0"},
    {"networkmode", TEXT, "network", "default"},
    {"nocache", FLAG, "no-cache", NULL},
    {"outputs", ABSENT, NULL, "[]"},
    {"platform", TEXT, "platform", ""},
    {"pull", FLAG, "pull", NULL},
    {"q", FLAG, "quiet", NULL},
    {"remote", ABSENT, NULL, ""},
    {"rm", NONE, NULL, NULL},
    {"securityopt", ABSENT, NULL, ""},
    {"session", NONE, NULL, NULL},
    {"shmsize", NUMBER, "shm-size", "0"},
    {"squash", ABSENT, NULL, "0"},
    {"t", TEXT, "tag", ""},
    {"target", TEXT, "target", ""},
    {"ulimits", ULIMIT, "ulimit", ""},
    {"version", ABSENT, NULL, "1"},
};

static int
add_json(struct sc_arena *arena, struct sc_strv *words, const struct key *key, const char *text, struct sc_err *err)
{
    sc_cleanup_json given = NULL;
    const char *name;
    json_t *one;
    size_t i;

    if (sc_json_parse(text, strlen(text), key->name, &given, err) < 0)
        return -1;
    if (json_is_null(given))
        return 0;
    if (key->how == MAP ? !json_is_object(given) : !json_is_array(given))
        return sc_err_set(err, SC_ERR_INVALID, "%s must be %s", key->name, key->how == MAP ? "an object" : "a list");
    json_object_foreach (given, name, one) {
        /* a label's = would be another name */
        if ((!json_is_string(one) && !json_is_null(one)) || !*name || strchr(name, '='))
            return sc_err_set(err, SC_ERR_INVALID, "%s must have names and texts", key->name);
        if (json_is_string(one))
            sc_strv_addf(words, arena, "--%s=%s=%s", key->option, name, json_string_value(one));
    }
    json_array_foreach (given, i, one) {
        const char *ulimit = json_string_value(json_object_get(one, "Name"));

        if (!ulimit || !json_is_integer(json_object_get(one, "Soft")) || !json_is_integer(json_object_get(one, "Hard")))
            return sc_err_set(err, SC_ERR_INVALID, "%s must have Name, Soft and Hard", key->name);
        sc_strv_addf(words, arena, "--%s=%s=%lld:%lld", key->option, ulimit,
                     (long long)json_integer_value(json_object_get(one, "Soft")),
                     (long long)json_integer_value(json_object_get(one, "Hard")));
    }
    return 0;
}

static int
add_key(const struct sc_api_request *request, const struct sc_api_pair *pair, struct sc_arena *arena,
        struct sc_strv *words, struct sc_err *err)
{
    const struct key *key = NULL;

    for (size_t i = 0; i < SC_ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i].name, pair->key) == 0)
            key = &keys[i];
    }
    if (key && key->how == NONE)
        return 0;
    if (key && key->how == FLAG) {
        if (sc_api_query_is(request, key->name))
            sc_strv_addf(words, arena, "--%s", key->option);
        return 0;
    }
    if (*pair->value == '\0' ||
        (key && (strcmp(pair->value, key->is_default) == 0 || (key->how != TEXT && strcmp(pair->value, "null") == 0))))
        return 0;
    if (sc_str_eq(pair->key, "version"))
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "BuildKit's protocol is not supported: use DOCKER_BUILDKIT=0, or sc build");
    if (!key || key->how == ABSENT)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "a build with \"%.80s\" is not supported", pair->key);
    if (key->how == MAP || key->how == ULIMIT)
        return add_json(arena, words, key, pair->value, err);
    if (sc_str_eq(key->option, "file") && strcmp(pair->value, "-") == 0)
        return sc_err_set(err, SC_ERR_INVALID, "dockerfile must be a file of the context");
    sc_strv_addf(words, arena, "--%s=%s", key->option, pair->value);
    return 0;
}

int
sc_api_build_words(const struct sc_api_request *request, struct sc_arena *arena, struct sc_strv *words,
                   struct sc_err *err)
{
    for (size_t i = 0; i < request->query.count; i++) {
        if (add_key(request, &request->query.items[i], arena, words, err) < 0)
            return -1;
    }
    sc_strv_add(words, arena, "-");
    return sc_arena_check(arena, err);
}
