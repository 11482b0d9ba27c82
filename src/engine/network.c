/* The container's network: which one, with which address and ports. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/nlmsg.h"

#define SETTLE_MS 10000 /* for a monitor that is cleaning up */

/* Its process is gone, and its monitor about to be. One that is starting has no state yet. */
static bool
is_ending(const struct sc_engine *engine, const char *id)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = sc_engine_run_dir(engine, id, &ignored);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};

    return run >= 0 && sc_state_read(run, &arena, &state, &ignored) == 0 &&
           sc_state_status(&state) == SC_STATUS_STOPPED;
}

/* Called with the id of a lease's owner. A container lives while its lock is held; whoever can take the lock finishes
 * what the dead one has left. */
static bool
is_alive(const char *id, void *data)
{
    struct sc_engine *engine = data;
    struct sc_err err = SC_ERR_INIT;
    char link[SC_NET_LINK_MAX];
    sc_cleanup_fd lock = -1;
    bool is_gone = false;

    if (!sc_engine_is_id(id))
        return false;
    lock = sc_engine_lock(engine, id, 0, &err);
    if (lock < 0 && err.kind == SC_ERR_BUSY && is_ending(engine, id)) {
        sc_err_clear(&err);
        lock = sc_engine_lock(engine, id, SETTLE_MS, &err);
    }
    if (lock < 0)
        return err.kind == SC_ERR_BUSY;
    (void)!sc_engine_recover(engine, id, &is_gone, &err);
    /* Its monitor may have been killed between the halves of its undo, and the link still answer to the address. */
    sc_err_clear(&err);
    sc_endpoint_link(id, link);
    (void)!sc_undo_link(link, &err);
    return false;
}

void
sc_engine_net(struct sc_engine *engine, struct sc_net *out)
{
    *out = (struct sc_net){
        .data_fd = engine->data_fd,
        .run_fd = engine->run_fd,
        .run_path = engine->run_path,
        .data_path = engine->data_path,
        .is_alive = is_alive,
        .data = engine,
    };
}

static int
check_names(const struct sc_strv *names, const char *flag, struct sc_err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    for (size_t i = 0; i < names->count; i++) {
        size_t len = strlen(names->items[i]);

        if (len == 0 || len > 253 || strspn(names->items[i], letters) != len)
            return sc_err_set(err, SC_ERR_INVALID, "%s \"%.100s\": it is not a host name", flag, names->items[i]);
    }
    return 0;
}

int
sc_check_network(const struct sc_create_options *o, struct sc_err *err)
{
    bool is_bridge = o->network.mode == SC_NS_BRIDGE;
    bool is_user =
        is_bridge && strcmp(o->network.value, "bridge") != 0 && strcmp(o->network.value, SC_NET_DEFAULT) != 0;

    if (o->network.mode == SC_NS_CONTAINER && (o->publish.count > 0 || o->publish_all))
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: port publishing and the container type network mode");
    if (o->network.mode == SC_NS_CONTAINER && (o->add_hosts.count > 0 || o->dns.count > 0))
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: custom hosts or dns and the network mode container");
    if (o->ip && !is_user)
        return sc_err_set(err, SC_ERR_INVALID,
                          "--ip: user specified IP address is supported on user defined networks only");
    if (o->mac_address && !is_bridge)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --mac-address and a network mode that has no link");
    if (o->network_aliases.count > 0 && !is_user)
        return sc_err_set(
            err, SC_ERR_INVALID,
            "--network-alias: network-scoped alias is supported only for containers in user defined networks");
    return check_names(&o->network_aliases, "--network-alias", err);
}

/* -p, and with -P what is exposed and not published yet. */
static int
collect_ports(const struct sc_container *c, struct sc_arena *arena, struct sc_ports *out, struct sc_err *err)
{
    struct sc_ports exposed = {.items = NULL};

    for (size_t i = 0; i < c->options.publish.count; i++) {
        if (sc_port_parse(c->options.publish.items[i], arena, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < c->exposed.count && c->options.publish_all; i++) {
        if (sc_expose_parse(c->exposed.items[i], arena, &exposed, err) < 0)
            return -1;
    }
    size_t published = out->count;
    for (size_t i = 0; i < exposed.count; i++) {
        char text[32];
        bool is_there = false;

        for (size_t k = 0; k < published; k++)
            is_there = is_there ||
                       (out->items[k].port == exposed.items[i].port && out->items[k].proto == exposed.items[i].proto);
        (void)snprintf(text, sizeof(text), "%u/%s", exposed.items[i].port, sc_proto_name(exposed.items[i].proto));
        if (!is_there && sc_port_parse(text, arena, out, err) < 0)
            return -1;
    }
    return 0;
}

/* What a neighbour calls it: name, aliases, short id. */
static const char *
names_of(const struct sc_container *c, struct sc_arena *arena)
{
    sc_cleanup_buf names = SC_BUF_INIT;

    sc_buf_addf(&names, "%s", c->name);
    for (size_t i = 0; i < c->options.network_aliases.count; i++)
        sc_buf_addf(&names, " %s", c->options.network_aliases.items[i]);
    if (strncmp(c->name, c->id, SC_ID_SHORT) != 0)
        sc_buf_addf(&names, " %.*s", SC_ID_SHORT, c->id);
    return names.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&names));
}

static int
find_network(const struct sc_net *net, const struct sc_container *c, bool is_dry, struct sc_arena *arena,
             struct sc_network *out, struct sc_err *err)
{
    const char *name = c->options.network.value;

    if (geteuid() != 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--network %s: only root can make links of the host", name);
        return sc_err_remedy(err, "use --network none or host");
    }
    if (sc_network_find(net, name, arena, out, err) < 0)
        return err->kind == SC_ERR_NOT_FOUND
                   ? sc_err_remedy(err, "make it first (sc network create %s), or see sc network ls", name)
                   : -1;
    return is_dry ? 0 : sc_network_up(net, out, err);
}

/* The kernel has no bridges or nftables for us: it lacks them, or we are in a container that may not make any. */
static bool
is_unavailable(const struct sc_err *err)
{
    static const int causes[] = {EPERM, EACCES, EROFS, EOPNOTSUPP, EAFNOSUPPORT, EPROTONOSUPPORT, ENOENT};

    for (size_t i = 0; i < SC_ARRAY_LEN(causes); i++) {
        if (err->errnum == causes[i])
            return true;
    }
    return err->kind == SC_ERR_UNSUPPORTED;
}

/* Nobody asked for a network: without one the container is as with --network none, and its record says so. */
static int
do_without(struct sc_engine *engine, struct sc_container *c, struct sc_arena *arena, struct sc_err *err)
{
    c->options.network = (struct sc_ns_choice){SC_NS_NONE, sc_arena_strdup(arena, "none")};
    c->options.is_default_network = false;
    return sc_arena_check(arena, err) < 0 ? -1 : sc_record_write(engine, c, err);
}

int
sc_network_prepare(struct sc_engine *engine, struct sc_container *c, bool is_dry, struct sc_arena *arena,
                   struct sc_start_job *job, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    struct sc_endpoint_ask ask = {.id = c->id, .ip = c->options.ip, .mac = c->options.mac_address};
    struct sc_endpoint *endpoint;
    struct sc_network network;
    struct sc_net net;

    if (c->options.network.mode != SC_NS_BRIDGE)
        return 0;
    endpoint = SC_ARENA_NEW(arena, struct sc_endpoint);
    ask.names = names_of(c, arena);
    if (!endpoint || !ask.names)
        return sc_err_nomem(err);
    sc_engine_net(engine, &net);
    net.is_dry = is_dry;
    if (collect_ports(c, arena, &ask.ports, err) < 0)
        return -1;
    if (find_network(&net, c, is_dry, arena, &network, &why) < 0) {
        if (c->options.is_default_network && is_unavailable(&why))
            return is_dry ? 0 : do_without(engine, c, arena, err);
        *err = why;
        return -1;
    }
    if (sc_endpoint_make(&net, &network, &ask, is_dry, arena, endpoint, err) < 0 ||
        sc_endpoint_packets(&net, endpoint, c->id, arena, &job->ask.net, err) < 0)
        return -1;
    job->inputs.endpoint = endpoint;
    return 0;
}

void
sc_network_give_up(const struct sc_start_job *job)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (job->ask.net.undo)
        (void)!sc_undo_run(job->ask.net.undo, &ignored);
}

int
sc_engine_endpoint(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena,
                   struct sc_endpoint *out, struct sc_err *err)
{
    struct sc_strv leases = {.items = NULL};
    struct sc_err absent = SC_ERR_INIT;
    struct sc_net net;

    *out = (struct sc_endpoint){.address = 0};
    if (c->options.network.mode != SC_NS_BRIDGE || (c->status != SC_STATUS_RUNNING && c->status != SC_STATUS_PAUSED))
        return 0;
    sc_engine_net(engine, &net);
    if (sc_network_find(&net, c->options.network.value, arena, &out->network, &absent) < 0)
        return 0; /* removed since */
    if (sc_network_leases(&net, &out->network, arena, &leases, err) < 0)
        return -1;
    for (size_t i = 0; i < leases.count; i++) {
        char *space = strchr(leases.items[i], ' ');

        if (!space || !sc_str_starts(space + 1, c->id))
            continue;
        *space = '\0';
        if (sc_address_parse(leases.items[i], &out->address, err) < 0)
            return -1;
    }
    if (out->address == 0)
        out->network.name = NULL;
    sc_mac_of(out->address, out->mac);
    if (c->options.mac_address && sc_mac_parse(c->options.mac_address, out->mac, err) < 0)
        return -1;
    sc_endpoint_link(c->id, out->link);
    return sc_ports_of(&net, c->id, arena, &out->ports, err);
}
