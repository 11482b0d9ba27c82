/* Networks and volumes. */
#include <string.h>

#include "api/api-priv.h"

/* ---- what both share -------------------------------------------------------------------------------------------- */

/* `sc KIND ls -q` and all of those with `sc KIND inspect`. */
static int
list_of(struct sc_api_call *call, const char *kind, json_t **out)
{
    struct sc_strv words = sc_api_words(call->arena, kind, "ls", "--quiet", NULL);
    struct sc_strv look = sc_api_words(call->arena, kind, "inspect", "--", NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (strcmp(kind, "network") == 0)
        sc_strv_add(&words, call->arena, "--no-trunc");
    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n");
        char *word = sc_arena_strndup(call->arena, line, n);

        if (n > 0 && word)
            sc_strv_add(&look, call->arena, word);
        line += n + (line[n] == '\n');
    }
    if (look.count > 3)
        return sc_api_run_json(call, &look, out);
    *out = json_array();
    return 0;
}

static int
look_at(struct sc_api_call *call, const char *kind, const char *word, int status)
{
    sc_cleanup_json list = NULL;
    struct sc_strv words = sc_api_words(call->arena, kind, "inspect", "--", word, NULL);

    if (sc_api_run_json(call, &words, &list) < 0)
        return -1;
    return sc_api_answer_json(call, status, json_incref(json_array_get(list, 0)));
}

static int
remove_one(struct sc_api_call *call, const char *kind, bool force)
{
    struct sc_strv words = sc_api_words(call->arena, kind, "rm", NULL), look = {0};
    sc_cleanup_buf ignored = SC_BUF_INIT;

    look = sc_api_words(call->arena, kind, "inspect", "--", call->word, NULL);
    if (!force && sc_api_run(call, &look, &ignored) < 0)
        return -1;
    if (force)
        sc_strv_add(&words, call->arena, "--force");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, call->word);
    return sc_api_run(call, &words, NULL) < 0 ? -1 : sc_api_answer_none(call, 204);
}

/* The lines behind a title ("Deleted Networks:") up to the empty one. */
static int
prune_of(struct sc_api_call *call, const char *kind, json_t **out)
{
    struct sc_strv words = sc_api_words(call->arena, kind, "prune", "--force", NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    *out = json_array();
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n");

        if (n > 0 && line[n - 1] != ':' && !sc_str_starts(line, "Total reclaimed"))
            (void)json_array_append_new(*out, json_stringn(line, n));
        line += n + (line[n] == '\n');
    }
    return 0;
}

static void
add_map(struct sc_api_call *call, struct sc_strv *words, const json_t *map, const char *option)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)map, key, value) {
        sc_strv_addf(words, call->arena, "--%s=%s=%s", option, key,
                     json_is_string(value) ? json_string_value(value) : "");
    }
}

static void
add_text(struct sc_api_call *call, struct sc_strv *words, const json_t *object, const char *path, const char *option)
{
    if (*sc_api_str_at(object, path))
        sc_strv_addf(words, call->arena, "--%s=%s", option, sc_api_str_at(object, path));
}

static void
add_flag(struct sc_api_call *call, struct sc_strv *words, const json_t *object, const char *key, const char *option)
{
    if (json_is_true(json_object_get(object, key)))
        sc_strv_addf(words, call->arena, "--%s", option);
}

/* ---- networks --------------------------------------------------------------------------------------------------- */

static int
network_list(struct sc_api_call *call)
{
    json_t *out = NULL;

    return list_of(call, "network", &out) < 0 ? -1 : sc_api_answer_json(call, 200, out);
}

static int
network_inspect(struct sc_api_call *call)
{
    return look_at(call, "network", call->word, 200);
}

static int
network_create(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "network", "create", NULL);
    sc_cleanup_json body = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;
    const json_t *config;
    size_t i;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    add_text(call, &words, body, "Driver", "driver");
    add_text(call, &words, body, "IPAM.Driver", "ipam-driver");
    add_flag(call, &words, body, "Internal", "internal");
    add_flag(call, &words, body, "Attachable", "attachable");
    add_flag(call, &words, body, "EnableIPv6", "ipv6");
    add_map(call, &words, json_object_get(body, "Options"), "opt");
    add_map(call, &words, json_object_get(body, "Labels"), "label");
    json_array_foreach (sc_api_at(body, "IPAM.Config"), i, config) {
        add_text(call, &words, config, "Subnet", "subnet");
        add_text(call, &words, config, "Gateway", "gateway");
        add_text(call, &words, config, "IPRange", "ip-range");
        add_map(call, &words, json_object_get(config, "AuxiliaryAddresses"), "aux-address");
    }
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, sc_api_str_at(body, "Name"));
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    return sc_api_answer_json(
        call, 201,
        json_pack("{s:s#,s:s}", "Id", sc_buf_str(&text), (int)strcspn(sc_buf_str(&text), "\n"), "Warning", ""));
}

static int
network_connect(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "network", "connect", NULL);
    sc_cleanup_json body = NULL;
    const json_t *end, *one;
    size_t i;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    end = json_object_get(body, "EndpointConfig");
    add_text(call, &words, end, "IPAMConfig.IPv4Address", "ip");
    add_text(call, &words, end, "IPAMConfig.IPv6Address", "ip6");
    add_text(call, &words, end, "MacAddress", "mac-address");
    json_array_foreach (json_object_get(end, "Aliases"), i, one) {
        if (json_is_string(one))
            sc_strv_addf(&words, call->arena, "--alias=%s", json_string_value(one));
    }
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, call->word);
    sc_strv_add(&words, call->arena, sc_api_str_at(body, "Container"));
    return sc_api_run(call, &words, NULL) < 0 ? -1 : sc_api_answer(call, 200, NULL, NULL, "", 0);
}

static int
network_disconnect(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "network", "disconnect", NULL);
    sc_cleanup_json body = NULL;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    add_flag(call, &words, body, "Force", "force");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, call->word);
    sc_strv_add(&words, call->arena, sc_api_str_at(body, "Container"));
    return sc_api_run(call, &words, NULL) < 0 ? -1 : sc_api_answer(call, 200, NULL, NULL, "", 0);
}

static int
network_remove(struct sc_api_call *call)
{
    return remove_one(call, "network", false);
}

static int
network_prune(struct sc_api_call *call)
{
    json_t *out = NULL;

    return prune_of(call, "network", &out) < 0
               ? -1
               : sc_api_answer_json(call, 200, json_pack("{s:o}", "NetworksDeleted", out));
}

/* ---- volumes ---------------------------------------------------------------------------------------------------- */

static int
volume_list(struct sc_api_call *call)
{
    json_t *out = NULL;

    return list_of(call, "volume", &out) < 0
               ? -1
               : sc_api_answer_json(call, 200, json_pack("{s:o,s:n}", "Volumes", out, "Warnings"));
}

static int
volume_inspect(struct sc_api_call *call)
{
    return look_at(call, "volume", call->word, 200);
}

static int
volume_create(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "volume", "create", NULL);
    sc_cleanup_json body = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    add_text(call, &words, body, "Driver", "driver");
    add_map(call, &words, json_object_get(body, "DriverOpts"), "opt");
    add_map(call, &words, json_object_get(body, "Labels"), "label");
    sc_strv_add(&words, call->arena, "--");
    if (*sc_api_str_at(body, "Name"))
        sc_strv_add(&words, call->arena, sc_api_str_at(body, "Name"));
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    return look_at(call, "volume", sc_arena_strndup(call->arena, sc_buf_str(&text), strcspn(sc_buf_str(&text), "\n")),
                   201);
}

static int
volume_remove(struct sc_api_call *call)
{
    return remove_one(call, "volume", sc_api_query_is(&call->request, "force"));
}

static int
volume_prune(struct sc_api_call *call)
{
    json_t *out = NULL;

    return prune_of(call, "volume", &out) < 0
               ? -1
               : sc_api_answer_json(call, 200, json_pack("{s:o,s:i}", "VolumesDeleted", out, "SpaceReclaimed", 0));
}

const struct sc_api_row sc_api_networks[] = {
    {"GET", "networks", network_list},
    {"POST", "networks/create", network_create},
    {"POST", "networks/prune", network_prune},
    {"GET", "networks/*", network_inspect},
    {"POST", "networks/*/connect", network_connect},
    {"POST", "networks/*/disconnect", network_disconnect},
    {"DELETE", "networks/*", network_remove},
    {"GET", "volumes", volume_list},
    {"POST", "volumes/create", volume_create},
    {"POST", "volumes/prune", volume_prune},
    {"GET", "volumes/*", volume_inspect},
    {"DELETE", "volumes/*", volume_remove},
    {NULL, NULL, NULL},
};
