/* sc network connect and disconnect. */
#include <string.h>

#include "cli/cli.h"

struct connect_options {
    bool force;
    struct sc_attachment ask;
};

#define AT(member) offsetof(struct connect_options, member)

static const struct sc_option connect_table[] = {
    {"alias", 0, SC_OPTION_STRV, AT(ask.aliases), "name", "Further name for its neighbours there", NULL, NULL},
    {"ip", 0, SC_OPTION_CALL, AT(ask.ip), "address", "Its address there", sc_value_ip, NULL},
    {"ip6", 0, SC_OPTION_CALL, AT(ask.ip6), "address", "Its IPv6 address there", sc_value_ip6, NULL},
    {"mac-address", 0, SC_OPTION_CALL, AT(ask.mac), "mac", "MAC address of the link", sc_value_mac, NULL},
    {.name = NULL},
};
static const struct sc_option disconnect_table[] = {
    {"force", 'f', SC_OPTION_FLAG, AT(force), NULL, "One that is not connected is no failure", NULL, NULL},
    {.name = NULL},
};

static int
run_connect(struct sc_cli *cli, struct sc_err *err)
{
    struct connect_options options = {.force = false};
    struct sc_container c = SC_CONTAINER_INIT;
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[1], &cli->arena, &c, err) < 0)
        return -1;
    options.ask.name = args.items[0];
    return sc_engine_connect(&cli->engine, &c, &options.ask, err);
}

static int
run_disconnect(struct sc_cli *cli, struct sc_err *err)
{
    struct connect_options options = {.force = false};
    struct sc_container c = SC_CONTAINER_INIT;
    struct sc_err why = SC_ERR_INIT;
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[1], &cli->arena, &c, err) < 0)
        return -1;
    if (sc_engine_disconnect(&cli->engine, &c, args.items[0], &why) == 0 ||
        (options.force && why.kind == SC_ERR_NOT_FOUND))
        return 0;
    *err = why;
    return -1;
}

const struct sc_command sc_cmd_network_connect = {
    .name = "network connect",
    .synopsis = "[OPTIONS] NETWORK CONTAINER",
    .help = "Connect a container to a network",
    .options = connect_table,
    .args_min = 2,
    .args_max = 2,
    .run = run_connect,
};

const struct sc_command sc_cmd_network_disconnect = {
    .name = "network disconnect",
    .synopsis = "[OPTIONS] NETWORK CONTAINER",
    .help = "Disconnect a container from a network",
    .options = disconnect_table,
    .args_min = 2,
    .args_max = 2,
    .run = run_disconnect,
};
