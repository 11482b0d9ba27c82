/* <data>/network/NAME.json: a network as text. Pure. */
#include <string.h>

#include "base/json.h"
#include "net/net-priv.h"

#define WHERE "network"

/* "subnet", "range", "gateway"; of IPv6 "subnet6".. */
static const char *const keys[SC_FAMILIES][3] = {{"subnet", "range", "gateway"}, {"subnet6", "range6", "gateway6"}};

static void
set_pool(json_t *root, enum sc_family family, const struct sc_pool *pool)
{
    char text[SC_NET_CIDR_MAX];

    sc_subnet_format(&pool->subnet, text);
    (void)json_object_set_new(root, keys[family][0], json_string(text));
    sc_subnet_format(&pool->range, text);
    (void)json_object_set_new(root, keys[family][1], json_string(text));
    sc_address_format(&pool->gateway, text);
    (void)json_object_set_new(root, keys[family][2], json_string(text));
}

static int
get_pool(const json_t *root, enum sc_family family, struct sc_arena *arena, struct sc_pool *out, struct sc_err *err)
{
    char *texts[3] = {NULL};

    for (int i = 0; i < 3; i++) {
        if (sc_json_get_str(root, keys[family][i], WHERE, arena, &texts[i], err) < 0)
            return -1;
        if (!texts[i] && family == SC_V6 && i == 0)
            return 0;
        if (!texts[i])
            return sc_err_set(err, SC_ERR_INVALID, "network: a member is missing");
    }
    if (sc_subnet_parse(texts[0], &out->subnet, err) < 0 || sc_subnet_parse(texts[1], &out->range, err) < 0 ||
        sc_address_parse(texts[2], &out->gateway, err) < 0)
        return -1;
    return sc_address_family(&out->subnet.base) == family && out->range.base.len == out->subnet.base.len &&
                   out->gateway.len == out->subnet.base.len
               ? 0
               : sc_err_set(err, SC_ERR_INVALID, "network: a damaged record");
}

int
sc_network_encode(const struct sc_network *network, struct sc_buf *out, struct sc_err *err)
{
    char created[SC_TIME_MAX], binding[SC_NET_ADDRESS_MAX];
    sc_cleanup_json root = NULL;
    json_t *labels = json_array(), *options = json_array(), *aux = json_array();

    sc_time_format(network->created_at, created);
    for (size_t i = 0; i < network->labels.count; i++)
        (void)json_array_append_new(labels, json_string(network->labels.items[i]));
    for (size_t i = 0; i < network->options.count; i++)
        (void)json_array_append_new(options, json_string(network->options.items[i]));
    for (size_t i = 0; i < network->aux.count; i++)
        (void)json_array_append_new(aux, json_string(network->aux.items[i]));
    root = json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:b, s:i, s:o, s:o, s:o}", "name", network->name, "id",
                     network->id, "driver", sc_net_driver_name(network->driver), "bridge", network->bridge, "mode",
                     (int)network->mode, "created", created, "internal", network->is_internal, "noIcc",
                     network->forbids_icc, "mtu", network->mtu, "labels", labels, "options", options, "aux", aux);
    sc_address_format(&network->binding, binding);
    if (root && network->binding.len > 0)
        (void)json_object_set_new(root, "binding", json_string(binding));
    if (root && network->keeps_source)
        (void)json_object_set_new(root, "keepsSource", json_true());
    for (int f = 0; f < SC_FAMILIES && root; f++) {
        if (sc_network_has(network, f))
            set_pool(root, f, &network->pools[f]);
    }
    return root ? sc_json_dump(root, out, err) : sc_err_nomem(err);
}

int
sc_network_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    sc_cleanup_json root = NULL;
    char *created = NULL, *driver = NULL, *binding = NULL;
    int64_t mtu = 0;
    uint32_t mode = 0;

    *out = (struct sc_network){.name = NULL};
    if (sc_json_parse(text, len, WHERE, &root, err) < 0 ||
        sc_json_get_str(root, "name", WHERE, arena, &out->name, err) < 0 ||
        sc_json_get_str(root, "id", WHERE, arena, &out->id, err) < 0 ||
        sc_json_get_str(root, "driver", WHERE, arena, &driver, err) < 0 || /* of older records: there was one only */
        sc_json_get_u32(root, "mode", WHERE, &mode, err) < 0 || sc_net_driver_parse(driver, &out->driver, err) < 0 ||
        sc_json_get_str(root, "bridge", WHERE, arena, &out->bridge, err) < 0 ||
        sc_json_get_str(root, "created", WHERE, arena, &created, err) < 0 ||
        get_pool(root, SC_V4, arena, &out->pools[SC_V4], err) < 0 ||
        get_pool(root, SC_V6, arena, &out->pools[SC_V6], err) < 0 ||
        sc_json_get_bool(root, "internal", WHERE, &out->is_internal, err) < 0 ||
        sc_json_get_bool(root, "noIcc", WHERE, &out->forbids_icc, err) < 0 ||
        sc_json_get_bool(root, "keepsSource", WHERE, &out->keeps_source, err) < 0 ||
        sc_json_get_str(root, "binding", WHERE, arena, &binding, err) < 0 ||
        sc_json_get_i64(root, "mtu", WHERE, &mtu, err) < 0 ||
        sc_json_get_strv(root, "labels", WHERE, arena, &out->labels, err) < 0 ||
        sc_json_get_strv(root, "options", WHERE, arena, &out->options, err) < 0 ||
        sc_json_get_strv(root, "aux", WHERE, arena, &out->aux, err) < 0)
        return -1;
    if (!out->name || !out->id || !out->bridge || !created)
        return sc_err_set(err, SC_ERR_INVALID, "network: a member is missing");
    if (binding && sc_address_parse(binding, &out->binding, err) < 0)
        return -1;
    out->mtu = (int)mtu;
    out->mode = mode;
    if ((mode > 0 && !sc_net_mode_name(out->driver, mode)) || strlen(out->id) != SC_ID_LEN ||
        strlen(out->bridge) >= SC_NET_LINK_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "network: a damaged record");
    if (sc_time_parse(created, &out->created_at, err) < 0)
        return -1;
    return sc_network_reserve(out, arena, err);
}
