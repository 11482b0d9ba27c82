/* sc port: where the host has a container's ports. */
#include <stdio.h>

#include "cli/cli.h"

static int
run_port(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_container c = SC_CONTAINER_INIT;
    struct sc_ports asked = {.items = NULL}, ports = {.items = NULL};
    struct sc_net net;
    struct sc_strv args = {0};
    bool has_any = false;

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    if (args.count > 1 && sc_expose_parse(args.items[1], &cli->arena, &asked, err) < 0)
        return -1;
    if (sc_cli_engine(cli, err) < 0 || sc_engine_find(&cli->engine, args.items[0], &cli->arena, &c, err) < 0)
        return -1;
    sc_engine_refill(&cli->engine);
    sc_engine_net(&cli->engine, &net);
    if ((c.status == SC_STATUS_RUNNING || c.status == SC_STATUS_PAUSED) &&
        sc_ports_of(&net, c.id, &cli->arena, &ports, err) < 0)
        return -1;
    for (size_t i = 0; i < ports.count; i++) {
        const struct sc_port *p = &ports.items[i];
        char address[SC_NET_ADDRESS_MAX + 2];

        if (asked.count > 0 && (p->port != asked.items[0].port || p->proto != asked.items[0].proto))
            continue;
        sc_address_format_host(&p->host_address, address);
        if (asked.count == 0)
            (void)printf("%u/%s -> ", p->port, sc_proto_name(p->proto));
        (void)printf("%s:%u\n", address, p->host_port);
        has_any = true;
    }
    if (asked.count > 0 && !has_any)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no public port '%u/%s' published for %s", asked.items[0].port,
                          sc_proto_name(asked.items[0].proto), args.items[0]);
    return 0;
}

const struct sc_command sc_cmd_port = {
    .name = "port",
    .synopsis = "CONTAINER [PORT[/PROTOCOL]]",
    .help = "List a container's published ports",
    .args_min = 1,
    .args_max = 2,
    .run = run_port,
};
