/* The networks of a container as `sc ps` lists them. */
#include <string.h>

#include "base/json.h"
#include "cli/ps-priv.h"

/* "one,two" */
static json_t *
networks_of(const struct sc_container *c)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf names = SC_BUF_INIT;

    sc_buf_adds(&names, c->options.network.value);
    for (size_t i = 0; i < c->options.networks.count; i++) {
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_attachment a;

        if (sc_attachment_parse(c->options.networks.items[i], &arena, &a, &ignored) == 0)
            sc_buf_addf(&names, ",%s", a.name);
    }
    return json_string(sc_buf_str(&names));
}

json_t *
sc_ps_networks(const struct sc_container *c)
{
    switch (c->options.network.mode) {
    case SC_NS_HOST:
        return json_string("host");
    case SC_NS_CONTAINER:
        return json_sprintf("container:%s", c->options.network.value);
    case SC_NS_PATH:
        return json_sprintf("ns:%s", c->options.network.value);
    case SC_NS_CNI:
        return json_sprintf("cni:%s", c->options.network.value);
    case SC_NS_USER_NET:
        return json_string(c->options.network.value);
    case SC_NS_BRIDGE:
        return networks_of(c);
    default:
        return json_string("none");
    }
}

bool
sc_ps_is_on(const struct sc_container *container, const char *network)
{
    sc_cleanup_json networks = sc_ps_networks(container);
    const char *at = json_string_value(networks);
    size_t len = strlen(network);

    while (at && *at) {
        size_t n = strcspn(at, ",");

        if (n == len && strncmp(at, network, len) == 0)
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}
