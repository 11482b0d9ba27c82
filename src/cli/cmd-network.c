/* sc network: ls, create, rm, inspect. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct network_options {
    bool quiet, force, no_trunc, attachable, verbose, has_v4;
    char *format, *scope, *ipam_driver;
    struct sc_strv filters;
    struct sc_network_ask ask;
};

#define AT(member) offsetof(struct network_options, member)

static const struct sc_option ls_table[] = {
    {"filter", 'f', SC_OPTION_STRV, AT(filters), "filter",
     "name=.., id=.., driver=.., label=.., scope=local, type=builtin or custom, dangling=true or false", NULL, NULL},
    {"format", 0, SC_OPTION_STR, AT(format), "how", "json, table, or a Go template", NULL, NULL},
    {"no-trunc", 0, SC_OPTION_FLAG, AT(no_trunc), NULL, "Show whole ids", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show ids only", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option create_table[] = {
    {"attachable", 0, SC_OPTION_FLAG, AT(attachable), NULL, "Every network is: accepted for Docker's command lines",
     NULL, NULL},
    {"aux-address", 0, SC_OPTION_STRV, AT(ask.aux), "name=address", "Address that no container gets", NULL, NULL},
    {"driver", 'd', SC_OPTION_STR, AT(ask.driver), "driver", "bridge (the default), macvlan or ipvlan", NULL, NULL},
    {"gateway", 0, SC_OPTION_STRV, AT(ask.gateways), "address",
     "The host's address on it (default: the first); one for each family", NULL, NULL},
    {"internal", 0, SC_OPTION_FLAG, AT(ask.is_internal), NULL, "Reach nothing outside, and be reached by nothing", NULL,
     NULL},
    {"ipam-driver", 0, SC_OPTION_STR, AT(ipam_driver), "driver", "default: leases of our own", NULL, NULL},
    {"ip-range", 0, SC_OPTION_STRV, AT(ask.ranges), "subnet", "Part of the subnet that containers get addresses of",
     NULL, NULL},
    {"ipv4", 0, SC_OPTION_FLAG, AT(has_v4), NULL, "Every network has IPv4: accepted for Docker's command lines", NULL,
     NULL},
    {"ipv6", 0, SC_OPTION_FLAG, AT(ask.wants_v6), NULL, "IPv6 too; without a --subnet of it in one of our own (ULA)",
     NULL, NULL},
    {"label", 0, SC_OPTION_CALL, AT(ask.labels), "name[=value]", "Label the network", sc_value_label, NULL},
    {"opt", 'o', SC_OPTION_STRV, AT(ask.options), "name=value",
     "mtu=BYTES; icc=false: its containers do not reach each other; Docker's com.docker.network.bridge.name, "
     ".enable_ip_masquerade and .host_binding_ipv4; of macvlan and ipvlan: parent=LINK, "
     "macvlan_mode=bridge, "
     "private, vepa or passthru, ipvlan_mode=l2, l3 or l3s",
     NULL, NULL},
    {"scope", 0, SC_OPTION_STR, AT(scope), "scope", "local: this host", NULL, NULL},
    {"subnet", 0, SC_OPTION_STRV, AT(ask.subnets), "subnet",
     "Such as 10.1.2.0/24 or fd00:1:2::/64, one of each family (default: one that is free)", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option rm_table[] = {
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "One that does not exist is no failure", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option inspect_table[] = {
    {"format", 'f', SC_OPTION_STR, AT(format), "how", "json, or a Go template", NULL, NULL},
    {"verbose", 'v', SC_OPTION_FLAG, AT(verbose), NULL, "Accepted: all is printed anyway", NULL, NULL},
    {.name = NULL},
};
static const struct sc_column columns[] = {
    {"ID", "NETWORK ID"},        {"Name", "NAME"},     {"Driver", "DRIVER"},
    {"Scope", "SCOPE"},          {"IPv4", "IPV4"},     {"IPv6", "IPV6"},
    {"Internal", "INTERNAL"},    {"Labels", "LABELS"}, {"Label", "LABEL", true},
    {"CreatedAt", "CREATED AT"}, {NULL, NULL},
};

/* "bridge" in Docker's listing. */
static const char *
shown_name(const struct sc_network *network)
{
    return strcmp(network->name, SC_NET_DEFAULT) == 0 ? "bridge" : network->name;
}

json_t *
sc_cli_map_of(const struct sc_strv *list)
{
    json_t *out = json_object();

    for (size_t i = 0; i < list->count; i++) {
        size_t len = strcspn(list->items[i], "=");

        (void)json_object_setn_new(out, list->items[i], len,
                                   json_string(list->items[i][len] ? list->items[i] + len + 1 : ""));
    }
    return out;
}

struct row {
    const char *id, *name, *driver;
    const struct sc_network *network; /* NULL: a mode */
    bool is_used;                     /* by a container that lives, or by being there always */
};

static bool
is_builtin(const struct row *row)
{
    return !row->network || strcmp(row->network->name, SC_NET_DEFAULT) == 0;
}

/* As a network of that name is used by its leases; whoever has died has none. */
static bool
is_used(const struct sc_net *net, const struct sc_network *network, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_lease_list leases;

    if (sc_network_leases(net, network, arena, &leases, &ignored) < 0)
        return true;
    for (size_t i = 0; i < leases.count; i++) {
        if (net->is_alive(leases.items[i].id, net->data))
            return true;
    }
    return false;
}

/* A regular expression, as Docker's: "^web$". */
static bool
has_name(const struct row *row, const char *wanted)
{
    bool is_match;
    regex_t regex;

    if (regcomp(&regex, wanted, REG_EXTENDED | REG_NOSUB) != 0)
        return strcmp(row->name, wanted) == 0;
    is_match = regexec(&regex, row->name, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

/* 1: shown; 0: not; -1: there is no such filter. */
static int
passes(const struct row *row, const char *key, size_t key_len, const char *value, struct sc_err *err)
{
    static const char *const keys[] = {"name", "id", "driver", "label", "scope", "type", "dangling"};
    size_t which = 0;
    bool wanted = false;

    while (which < SC_ARRAY_LEN(keys) && (strlen(keys[which]) != key_len || strncmp(keys[which], key, key_len) != 0))
        which++;
    switch (which) {
    case 0:
        return has_name(row, value);
    case 1:
        return sc_str_starts(row->id, value);
    case 2:
        return strcmp(row->driver, value) == 0;
    case 3:
        return row->network && sc_cli_has_label(&row->network->labels, value);
    case 4:
        return strcmp(value, "local") == 0;
    case 5:
        if (strcmp(value, "builtin") != 0 && strcmp(value, "custom") != 0)
            return sc_err_set(err, SC_ERR_INVALID, "invalid filter \"type=%.100s\": it is builtin or custom", value);
        return (strcmp(value, "builtin") == 0) == is_builtin(row);
    case 6:
        if (sc_parse_bool(value, &wanted, err) < 0)
            return sc_err_wrap(err, "invalid filter \"dangling=%.100s\"", value);
        return wanted == !row->is_used;
    default:
        return sc_err_set(err, SC_ERR_INVALID, "invalid filter \"%.100s\"", key);
    }
}

/* Of several values of one key any will do, as with Docker; labels are all wanted. */
static int
is_shown(const struct row *row, const struct sc_strv *filters, bool *out, struct sc_err *err)
{
    *out = true;
    for (size_t i = 0; i < filters->count; i++) {
        const size_t key_len = strcspn(filters->items[i], "=");
        const bool is_label = sc_str_starts(filters->items[i], "label=");
        bool is_passed = false;

        for (size_t j = is_label ? i : 0; j < (is_label ? i + 1 : filters->count); j++) {
            const char *filter = filters->items[j];
            int result;

            if (strcspn(filter, "=") != key_len || strncmp(filter, filters->items[i], key_len) != 0)
                continue;
            result = passes(row, filter, key_len, filter[key_len] ? filter + key_len + 1 : "", err);
            if (result < 0)
                return -1;
            is_passed = is_passed || result > 0;
        }
        *out = *out && is_passed;
    }
    return 0;
}

static json_t *
row_of(const struct network_options *options, const struct row *row)
{
    const struct sc_network *network = row->network;
    sc_cleanup_buf labels = SC_BUF_INIT;
    char created[SC_HUMAN_MAX] = "";

    if (network)
        sc_human_time(network->created_at, created);
    for (size_t i = 0; network && i < network->labels.count; i++) {
        const char *label = network->labels.items[i];

        sc_buf_addf(&labels, "%s%s%s", i > 0 ? "," : "", label, strchr(label, '=') ? "" : "=");
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:s}", "CreatedAt", created, "Driver", row->driver,
                     "ID", json_sprintf("%.*s", options->no_trunc ? SC_ID_LEN : 12, row->id), "IPv4",
                     network && sc_network_has(network, SC_V4) ? "true" : "false", "IPv6",
                     network && sc_network_has(network, SC_V6) ? "true" : "false", "Internal",
                     network && network->is_internal ? "true" : "false", "Labels", sc_buf_str(&labels), "Label",
                     network ? sc_cli_map_of(&network->labels) : json_object(), "Name", row->name, "Scope", "local");
}

static int
add_row(const struct network_options *options, const struct row *row, json_t *rows, struct sc_err *err)
{
    bool shown;

    if (is_shown(row, &options->filters, &shown, err) < 0)
        return -1;
    if (shown)
        (void)json_array_append_new(rows, row_of(options, row));
    return 0;
}

/* Modes, not networks: they have no record, and ids that never change. */
static const struct row modes[] = {
    {"5accd5297b035a9422f48049064e4bdb28b38992a0000c87adc54762614d79bf", "host", "host", NULL, true},
    {"cc1c7fc0365da1714d25b04ddea899cd93c7b540ddbc7743f9e1b24ca50c74e4", "none", "null", NULL, true},
};

/* As Docker's: n2 before n10. strverscmp(3) is another thing with each libc. */
static int
by_name(const void *a, const void *b)
{
    static const char digits[] = "0123456789";
    const char *left = ((const struct row *)a)->name, *right = ((const struct row *)b)->name;

    while (*left && *right) {
        size_t len = strspn(left, digits), right_len = strspn(right, digits);

        if (len == 0 || right_len == 0) {
            if (*left != *right)
                break;
            left++;
            right++;
            continue;
        }
        if (len != right_len)
            return len < right_len ? -1 : 1;
        if (memcmp(left, right, len) != 0)
            return memcmp(left, right, len);
        left += len;
        right += len;
    }
    return (unsigned char)*left - (unsigned char)*right;
}

/* The others are listed all the same. */
static void
warn_damaged(const char *name, const char *why)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    (void)sc_network_damaged(name, why, &err);
    sc_buf_addf(&text, "%s; %s", err.msg, err.remedy);
    sc_print_note(sc_buf_str(&text));
}

static int
run_ls(struct sc_cli *cli, struct sc_err *err)
{
    struct network_options options = {.quiet = false};
    struct sc_list_format how = {.columns = columns, .default_table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}"};
    struct sc_network_list list = {.items = NULL};
    sc_cleanup_json rows = json_array();
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_network builtin;
    struct sc_strv args = {0};
    struct row *all;
    struct sc_net net;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    sc_engine_refill(&cli->engine);
    sc_engine_net(&cli->engine, &net);
    /* It is there always, as in Docker, not from its first container on. */
    if (geteuid() == 0)
        (void)!sc_network_find(&net, SC_NET_DEFAULT, &cli->arena, &builtin, &ignored);
    if (sc_network_list(&net, &cli->arena, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < list.damaged.count; i++)
        warn_damaged(list.damaged.items[i], list.why.items[i]);
    all = SC_ARENA_ARRAY(&cli->arena, struct row, list.count + SC_ARRAY_LEN(modes));
    if (!all)
        return sc_err_nomem(err);
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_network *n = &list.items[i];

        all[i] =
            (struct row){.id = n->id, .name = shown_name(n), .driver = sc_net_driver_name(n->driver), .network = n};
        all[i].is_used = is_builtin(&all[i]) || (options.filters.count > 0 && is_used(&net, n, &cli->arena));
    }
    memcpy(&all[list.count], modes, sizeof(modes));
    qsort(all, list.count + SC_ARRAY_LEN(modes), sizeof(*all), by_name);
    for (size_t i = 0; i < list.count + SC_ARRAY_LEN(modes); i++) {
        if (add_row(&options, &all[i], rows, err) < 0)
            return -1;
    }
    how.format = options.quiet && !options.format ? "{{.ID}}" : options.format;
    return sc_list_print(&how, rows, err);
}

/* For sc events. */
static void
tell(const struct sc_cli *cli, const char *action, const struct sc_network *network)
{
    sc_cleanup_buf attributes = SC_BUF_INIT;

    sc_buf_adds(&attributes, "\"name\":");
    sc_buf_add_json(&attributes, network->name, strlen(network->name));
    sc_buf_addf(&attributes, ",\"type\":\"%s\"", sc_net_driver_name(network->driver));
    sc_engine_event_of(&cli->engine, "network", action, network->id, sc_buf_str(&attributes));
}

static int
run_create(struct sc_cli *cli, struct sc_err *err)
{
    struct network_options options = {.has_v4 = true};
    struct sc_strv args = {0};
    struct sc_network made;
    struct sc_net net;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    options.ask.name = args.items[0];
    if (options.scope && strcmp(options.scope, "local") != 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "create network: --scope %.40s: a network is of this host: local",
                          options.scope);
    if (!options.has_v4)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "create network: --ipv4=false: a network has IPv4");
    if (options.ipam_driver && strcmp(options.ipam_driver, "default") != 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "create network: --ipam-driver %.40s: the only one is \"default\"",
                          options.ipam_driver);
    if (sc_cli_engine(cli, err) < 0)
        return -1;
    sc_engine_net(&cli->engine, &net);
    if (sc_network_create(&net, &options.ask, &cli->arena, &made, err) < 0)
        return sc_err_wrap(err, "create network");
    tell(cli, "create", &made);
    (void)printf("%s\n", made.id);
    return 0;
}

static int
remove_one(struct sc_cli *cli, const struct sc_net *net, const char *name, struct sc_err *err)
{
    const bool is_default = strcmp(name, "bridge") == 0 || strcmp(name, SC_NET_DEFAULT) == 0;
    struct sc_err damaged = SC_ERR_INIT;
    struct sc_network network;

    /* The default network's record goes when it is damaged: the next start makes it anew. */
    if (is_default && sc_network_remove_damaged(net, SC_NET_DEFAULT, &damaged) == 0)
        return 0;
    if (is_default && damaged.kind == SC_ERR_BUSY) {
        *err = damaged;
        return -1;
    }
    if (is_default || strcmp(name, "host") == 0 || strcmp(name, "none") == 0)
        return sc_err_set(err, SC_ERR_DENIED, "%s is a pre-defined network and cannot be removed", name);
    if (sc_network_find(net, name, &cli->arena, &network, err) < 0) {
        struct sc_err why = SC_ERR_INIT;

        if (err->kind == SC_ERR_NOT_FOUND || sc_network_remove_damaged(net, name, &why) < 0) {
            if (why.kind == SC_ERR_BUSY)
                *err = why;
            return -1;
        }
        sc_err_clear(err);
        return 0;
    }
    if (sc_network_remove(net, &network, err) < 0)
        return -1;
    tell(cli, "destroy", &network);
    return 0;
}

static int
run_rm(struct sc_cli *cli, struct sc_err *err)
{
    struct network_options options = {.quiet = false};
    struct sc_strv args = {0};
    struct sc_net net;
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    sc_engine_net(&cli->engine, &net);
    for (size_t i = 0; i < args.count; i++) {
        struct sc_err one = SC_ERR_INIT;

        if (remove_one(cli, &net, args.items[i], &one) == 0) {
            (void)printf("%s\n", args.items[i]);
        } else if (!options.force || one.kind != SC_ERR_NOT_FOUND) {
            sc_print_err(&one);
            status = 1;
        }
    }
    return status;
}

static json_t *
containers_of(struct sc_cli *cli, const struct sc_net *net, const struct sc_network *network, struct sc_err *err)
{
    json_t *out = json_object();
    struct sc_lease_list leases;

    if (sc_network_leases(net, network, &cli->arena, &leases, err) < 0) {
        json_decref(out);
        return NULL;
    }
    for (size_t i = 0; i < leases.count; i++) {
        const struct sc_lease *lease = &leases.items[i];
        const char *member = sc_address_family(&lease->address) == SC_V6 ? "IPv6Address" : "IPv4Address";
        json_t *one = json_object_get(out, lease->id);
        char hardware[18] = "", address[SC_NET_ADDRESS_MAX];

        if (!one && !net->is_alive(lease->id, net->data))
            continue;
        if (network->driver != SC_NET_IPVLAN) /* its parent's */
            sc_mac_format(lease->mac, hardware);
        if (!one) {
            one = json_pack("{s:o, s:s, s:s, s:s, s:s}", "Name", json_stringn(lease->names, strcspn(lease->names, " ")),
                            "EndpointID", "", "MacAddress", hardware, "IPv4Address", "", "IPv6Address", "");
            (void)json_object_set_new(out, lease->id, one);
        }
        sc_address_format(&lease->address, address);
        (void)json_object_set_new(
            one, member,
            json_sprintf("%s/%u", address, network->pools[sc_address_family(&lease->address)].subnet.prefix));
    }
    return out;
}

static json_t *
config_of(const struct sc_network *n)
{
    json_t *out = json_array();

    for (int f = 0; f < SC_FAMILIES; f++) {
        const struct sc_pool *pool = &n->pools[f];
        char subnet[SC_NET_CIDR_MAX], range[SC_NET_CIDR_MAX], gateway[SC_NET_ADDRESS_MAX];
        json_t *one, *aux;

        if (!sc_network_has(n, f))
            continue;
        sc_subnet_format(&pool->subnet, subnet);
        sc_subnet_format(&pool->range, range);
        sc_address_format(&pool->gateway, gateway);
        one = json_pack("{s:s, s:s}", "Subnet", subnet, "Gateway", gateway);
        if (strcmp(subnet, range) != 0)
            (void)json_object_set_new(one, "IPRange", json_string(range));
        aux = json_object();
        for (size_t i = 0; i < n->aux.count; i++) {
            size_t len = strcspn(n->aux.items[i], "=");

            if ((strchr(n->aux.items[i], ':') != NULL) == (f == SC_V6))
                (void)json_object_setn_new(aux, n->aux.items[i], len, json_string(n->aux.items[i] + len + 1));
        }
        if (json_object_size(aux) > 0)
            (void)json_object_set(one, "AuxiliaryAddresses", aux);
        json_decref(aux);
        (void)json_array_append_new(out, one);
    }
    return out;
}

/* The containers of a mode have no address of it. */
static json_t *
inspect_mode(const struct row *mode)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:n, s:[]}, s:b, s:b, s:b, s:{s:s}, s:b, s:{}, s:{}, "
                     "s:{}}",
                     "Name", mode->name, "Id", mode->id, "Created", "0001-01-01T00:00:00Z", "Scope", "local", "Driver",
                     mode->driver, "EnableIPv4", 1, "EnableIPv6", 0, "IPAM", "Driver", "default", "Options", "Config",
                     "Internal", 0, "Attachable", 0, "Ingress", 0, "ConfigFrom", "Network", "", "ConfigOnly", 0,
                     "Containers", "Options", "Labels");
}

static json_t *
inspect_one(struct sc_cli *cli, const struct sc_net *net, const char *name, struct sc_err *err)
{
    char created[SC_TIME_MAX];
    struct sc_network n;
    json_t *containers, *out;

    for (size_t i = 0; i < SC_ARRAY_LEN(modes); i++) {
        if (strcmp(name, modes[i].name) == 0 || strcmp(name, modes[i].id) == 0)
            return inspect_mode(&modes[i]);
    }
    if (sc_network_find(net, name, &cli->arena, &n, err) < 0)
        return NULL;
    containers = containers_of(cli, net, &n, err);
    if (!containers)
        return NULL;
    sc_time_format(n.created_at, created);
    out = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:o, s:o}, s:b, s:b, s:b, s:{s:s}, s:b, s:o, s:o, s:o}", "Name",
        shown_name(&n), "Id", n.id, "Created", created, "Scope", "local", "Driver", sc_net_driver_name(n.driver),
        "EnableIPv4", 1, "EnableIPv6", (int)sc_network_has(&n, SC_V6), "IPAM", "Driver", "default", "Options",
        strcmp(n.name, SC_NET_DEFAULT) == 0 ? json_null() : json_object(), "Config", config_of(&n), "Internal",
        (int)n.is_internal, "Attachable", 0, "Ingress", 0, "ConfigFrom", "Network", "", "ConfigOnly", 0, "Containers",
        containers, "Options", sc_cli_map_of(&n.options), "Labels", sc_cli_map_of(&n.labels));
    if (out)
        (void)json_object_set_new(out, "Bridge", json_string(n.driver == SC_NET_BRIDGE ? n.bridge : ""));
    else
        sc_err_nomem(err);
    return out;
}

int
sc_cli_inspect_network(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err)
{
    struct sc_net net;

    sc_engine_refill(&cli->engine);
    sc_engine_net(&cli->engine, &net);
    *out = inspect_one(cli, &net, name, err);
    return *out ? 0 : -1;
}

static int
run_inspect(struct sc_cli *cli, struct sc_err *err)
{
    struct network_options options = {.quiet = false};
    sc_cleanup_json out = json_array();
    struct sc_strv args = {0}, failures = {0};
    struct sc_net net;

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0)
        return -1;
    sc_engine_refill(&cli->engine);
    sc_engine_net(&cli->engine, &net);
    for (size_t i = 0; i < args.count; i++) {
        struct sc_err one = SC_ERR_INIT;
        json_t *json = inspect_one(cli, &net, args.items[i], &one);

        if (json)
            (void)json_array_append_new(out, json);
        else
            sc_strv_addf(&failures, &cli->arena, "%s%s%s", one.msg, one.remedy[0] ? "; " : "", one.remedy);
    }
    return sc_objects_print(options.format, out, &failures, err);
}

const struct sc_command sc_cmd_network_ls = {
    .name = "network ls",
    .synopsis = "[OPTIONS]",
    .help = "List networks",
    .options = ls_table,
    .run = run_ls,
};

const struct sc_command sc_cmd_network_create = {
    .name = "network create",
    .synopsis = "[OPTIONS] NETWORK",
    .help = "Make a network",
    .options = create_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_create,
};

const struct sc_command sc_cmd_network_rm = {
    .name = "network rm",
    .synopsis = "[OPTIONS] NETWORK...",
    .help = "Remove networks",
    .options = rm_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_rm,
};

const struct sc_command sc_cmd_network_inspect = {
    .name = "network inspect",
    .synopsis = "[OPTIONS] NETWORK...",
    .help = "Print all that is known of networks",
    .options = inspect_table,
    .args_min = 1,
    .args_max = -1,
    .run = run_inspect,
};
