/* network connect and disconnect: what is recorded, and for a running container what is. The undo file is changed
 * before anything is made and after all is gone, so whoever finds it takes back what there may be. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/nlmsg.h"

struct change {
    struct sc_engine *engine;
    struct sc_container now;
    struct sc_arena *arena;
    struct sc_attachments all;
    struct sc_net net;
    struct sc_network network;
    struct sc_endpoint *endpoints; /* of a running container */
    size_t count;
    int guard, run;
    int ns; /* .. and its network namespace */
};

static void
change_release(struct change *change)
{
    sc_closep(&change->guard);
    sc_closep(&change->run);
    sc_closep(&change->ns);
}
#define sc_cleanup_change __attribute__((cleanup(change_release))) struct change

static bool
is_up(const struct change *change)
{
    return change->now.status == SC_STATUS_RUNNING || change->now.status == SC_STATUS_PAUSED;
}

/* The monitor holds a running container's lock; those who change its record exclude each other by its directory's. */
static int
begin(struct sc_engine *engine, const char *id, const char *network, struct change *change, struct sc_err *err)
{
    struct sc_state state = {0};

    if (strcmp(network, "host") == 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "container cannot be disconnected from host network or connected to host network");
    if (strcmp(network, "none") == 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "container cannot be connected to or disconnected from \"none\", which is "
                          "no network");
    change->engine = engine;
    change->guard = sc_engine_data_dir(engine, id, err);
    if (change->guard < 0)
        return -1;
    if (flock(change->guard, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock container %.12s", id);
    sc_engine_net(engine, &change->net);
    if (sc_engine_load(engine, id, change->arena, &change->now, err) < 0)
        return -1;
    if (change->now.options.network.mode == SC_NS_HOST)
        return sc_err_set(err, SC_ERR_INVALID,
                          "container cannot be disconnected from host network or connected to another one");
    if (change->now.options.network.mode != SC_NS_BRIDGE && change->now.options.network.mode != SC_NS_NONE)
        return sc_err_set(err, SC_ERR_INVALID, "container \"%s\" shares the network of another", change->now.name);
    if (sc_attachments_of(&change->now.options, change->arena, &change->all, err) < 0 ||
        sc_network_find(&change->net, network, change->arena, &change->network, err) < 0)
        return -1;
    if (!is_up(change))
        return 0;
    change->run = sc_engine_run_dir(engine, id, err);
    if (change->run < 0 || sc_engine_running_state(engine, &change->now, change->arena, &state, err) < 0)
        return -1;
    change->ns = sc_engine_open_net_ns(&state, err);
    return change->ns < 0
               ? -1
               : sc_engine_endpoints(engine, &change->now, change->arena, &change->endpoints, &change->count, err);
}

/* Which of the recorded networks it is; count: none. */
static size_t
find(struct change *change)
{
    for (size_t i = 0; i < change->all.count; i++) {
        struct sc_network one;
        struct sc_err ignored = SC_ERR_INIT;

        if (sc_network_find(&change->net, change->all.items[i].name, change->arena, &one, &ignored) == 0 &&
            strcmp(one.id, change->network.id) == 0)
            return i;
    }
    return change->all.count;
}

/* The first is told by flags of its own. Without any the mode is none. */
static int
record(struct change *change, struct sc_err *err)
{
    struct sc_create_options *o = &change->now.options;
    const struct sc_attachment *first = change->all.items;

    o->networks = (struct sc_strv){.items = NULL};
    o->ip = o->ip6 = o->mac_address = NULL;
    o->network_aliases = (struct sc_strv){.items = NULL};
    o->is_default_network = false;
    if (change->all.count == 0) {
        o->network = (struct sc_ns_choice){SC_NS_NONE, sc_arena_strdup(change->arena, "none")};
    } else {
        o->network = (struct sc_ns_choice){SC_NS_BRIDGE, first->name};
        o->ip = first->ip;
        o->ip6 = first->ip6;
        o->mac_address = first->mac;
        o->network_aliases = first->aliases;
    }
    for (size_t i = 1; i < change->all.count; i++)
        sc_strv_add(&o->networks, change->arena, sc_attachment_format(&change->all.items[i], change->arena));
    if (sc_arena_check(change->arena, err) < 0)
        return -1;
    return sc_record_write(change->engine, &change->now, err);
}

/* ---- inside ------------------------------------------------------------------------------------------------------ */

static int
enter(const struct change *change, int *own, struct sc_err *err)
{
    *own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
    if (*own < 0)
        return sc_err_errno(err, errno, "open our own network namespace");
    return setns(change->ns, CLONE_NEWNET) < 0 ? sc_err_errno(err, errno, "enter the container's network namespace")
                                               : 0;
}

static void
come_back(int own)
{
    if (setns(own, CLONE_NEWNET) < 0)
        SC_BUG("our own network namespace is closed to us");
}

/* 0 or -errno */
static int
open_names(const struct change *change, struct sc_net_packet *rules, int *udp, int *tcp)
{
    struct sc_err why = SC_ERR_INIT;
    sc_cleanup_fd own = -1;
    int result;

    if (enter(change, &own, &why) < 0)
        return -why.errnum;
    result = sc_names_open(rules, udp, tcp);
    come_back(own);
    return result;
}

/* Sends a packet in the container's network namespace; before that the file no_ra below /proc gets a 0 (or NULL). */
static int
send_inside(const struct change *change, struct sc_net_packet *packet, const char *no_ra, int tolerated,
            struct sc_err *err)
{
    sc_cleanup_fd own = -1, proc = sc_proc_open();
    int result = 0;

    if (proc < 0)
        return sc_err_errno(err, errno, "open /proc");
    if (enter(change, &own, err) < 0)
        return -1;
    if (no_ra)
        result = sc_proc_write(proc, no_ra, "0", 1);
    if (result == 0)
        result = sc_packet_send_to(packet, change->ns, tolerated);
    come_back(own);
    return result < 0 ? sc_err_errno(err, -result, "%s", packet->title) : 0;
}

/* The way out leads to the first network that has one, where none leads out yet. */
static int
set_route(const struct change *change, const struct sc_endpoint *endpoint, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_net_packet packet = {.title = "set the default route", .family = NETLINK_ROUTE};
    char inside[SC_NET_LINK_MAX];

    if (endpoint->network.is_internal)
        return 0;
    sc_link_inside(endpoint, inside);
    sc_link_routes(&endpoint->network, &data, packet.index_at);
    packet.index_of = inside;
    if (sc_buf_check(&data, err) < 0)
        return -1;
    packet.data = data.data;
    packet.len = data.len;
    return send_inside(change, &packet, NULL, EEXIST, err);
}

/* The link of a bridge's network is taken away by its end on the host; others have none there. */
static int
remove_inside(const struct change *change, const struct sc_endpoint *endpoint, struct sc_err *err)
{
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_net_packet packet = {.title = "remove the container's link", .family = NETLINK_ROUTE};

    if (endpoint->network.driver == SC_NET_BRIDGE)
        return 0;
    sc_link_sub_remove(endpoint, &data);
    if (sc_buf_check(&data, err) < 0)
        return -1;
    packet.data = data.data;
    packet.len = data.len;
    return send_inside(change, &packet, NULL, ENODEV, err);
}

static unsigned
free_index(const struct change *change)
{
    for (unsigned index = 0; index < SC_NET_ENDPOINTS_MAX; index++) {
        bool is_taken = false;

        for (size_t i = 0; i < change->count; i++)
            is_taken = is_taken || change->endpoints[i].index == index;
        if (!is_taken)
            return index;
    }
    return SC_NET_ENDPOINTS_MAX;
}

/* ---- published ports --------------------------------------------------------------------------------------------- */

/* The first of its networks, but for one, that ports can lead to. */
static struct sc_endpoint *
publishing(const struct change *change, const struct sc_endpoint *but)
{
    for (size_t i = 0; i < change->count; i++) {
        if (&change->endpoints[i] != but && sc_network_publishes(&change->endpoints[i].network))
            return &change->endpoints[i];
    }
    return NULL;
}

/* Of an undo text, the operations of ports. */
static int
port_lines(const char *undo, struct sc_buf *out, struct sc_err *err)
{
    while (*undo) {
        size_t len = strcspn(undo, "\n");

        len += undo[len] == '\n';
        if (sc_str_starts(undo, "port-release "))
            sc_buf_add(out, undo, len);
        undo += len;
    }
    return sc_buf_check(out, err);
}

/* As in Docker, ports go on to a network that is left: with the numbers that they had, as far as it has addresses of
 * their families. */
static int
move_ports(struct change *change, const struct sc_ports *ports, struct sc_endpoint *to, struct sc_err *err)
{
    struct sc_net_ask net = {.undo = NULL};
    sc_cleanup_buf undo = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    int result = 0;

    to->ports.items = SC_ARENA_ARRAY(change->arena, struct sc_port, ports->count * SC_FAMILIES + 1);
    if (!to->ports.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < ports->count && result == 0; i++) {
        if (to->addresses[sc_address_family(&ports->items[i].host_address)].len > 0)
            result =
                sc_lease_port(&change->net, change->now.id, to->addresses, &ports->items[i], false, &to->ports, err);
    }
    to->network.is_guarded = false; /* that it may send is in the table already */
    if (sc_endpoint_packets(&change->net, to, 1, change->now.id, change->arena, &net, &ignored) < 0 ||
        port_lines(net.undo, &undo, &ignored) < 0)
        return result < 0 ? -1 : sc_err_nomem(err);
    if (result == 0 && net.publish) {
        result = sc_undo_file_edit(change->run, &change->now, sc_buf_str(&undo), true, err);
        if (result == 0) {
            int sent = sc_packet_send(net.publish, 0, 0);

            result = sent < 0 ? sc_err_errno(err, -sent, "%s", net.publish->title) : 0;
        }
    }
    if (result < 0)
        (void)!sc_undo_run(sc_buf_str(&undo), &ignored);
    return result;
}

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

static void
refused(const struct sc_net_packet *packet, int result, struct sc_err *err)
{
    sc_err_errno(err, -result, "%s", packet->title);
    if (packet->needs && (result == -ENOENT || result == -EOPNOTSUPP))
        (void)sc_err_remedy(err, "the kernel must have %s", packet->needs);
}

/* What the monitor of a container learns at its start, told to that of one which is there: how our tables are put back,
 * and who answers for names. */
static int
tell_monitor(const struct change *change, const struct sc_endpoint *endpoint, struct sc_err *err)
{
    const struct sc_create_options *o = &change->now.options;
    bool is_bridge = endpoint->network.driver == SC_NET_BRIDGE, has_names = sc_network_has_names(&endpoint->network);
    sc_cleanup_fd udp = -1, tcp = -1;
    struct sc_net_packet *rules = NULL;
    int result = 0;

    if (has_names) {
        if (sc_names_packet(change->arena, &rules, err) < 0)
            return -1;
        result = open_names(change, rules, &udp, &tcp);
        if (result < 0 && result != -EADDRINUSE)
            return sc_err_errno(err, -result, "%s", rules->title);
    }
    if (sc_monitor_join(change->run, is_bridge ? sc_refill_lines(change->engine, change->arena) : NULL,
                        has_names ? sc_names_lines(change->engine, o, change->arena) : NULL, udp, tcp, err) < 0)
        return -1;
    return has_names && result == 0 ? sc_resolv_connect(change->engine, &change->now, endpoint, err) : 0;
}

/* A place on the network that is not recorded: whoever made it was killed before it could say so. False: there is none.
 */
static bool
find_unrecorded(struct change *change, struct sc_endpoint *out)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_lease_list leases;
    bool is_there = false;

    *out = (struct sc_endpoint){.network = change->network, .rate_out = change->now.options.net_rate_out};
    if (sc_network_leases(&change->net, &change->network, change->arena, &leases, &ignored) < 0)
        return false;
    for (int f = 0; f < SC_FAMILIES; f++) {
        const struct sc_lease *lease = sc_lease_find(&leases, change->now.id, f);

        if (!lease || (is_there && lease->index != out->index))
            continue;
        out->addresses[f] = lease->address;
        out->index = lease->index;
        memcpy(out->mac, lease->mac, sizeof(out->mac));
        is_there = true;
    }
    sc_endpoint_link(change->now.id, out->index, out->link);
    out->network.is_guarded = out->network.driver == SC_NET_BRIDGE;
    return is_there;
}

/* Else its neighbours would be told of an address that nobody answers at. */
static int
forget_unrecorded(struct change *change, struct sc_err *err)
{
    struct sc_endpoint endpoint;

    for (unsigned i = 0; i < SC_NET_ENDPOINTS_MAX && find_unrecorded(change, &endpoint); i++) {
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_net_ask net = {.undo = NULL};

        (void)!remove_inside(change, &endpoint, &ignored);
        if (sc_endpoint_packets(&change->net, &endpoint, 1, change->now.id, change->arena, &net, err) < 0 ||
            sc_undo_run(net.undo, err) < 0 || sc_undo_file_edit(change->run, &change->now, net.undo, false, err) < 0)
            return -1;
    }
    return 0;
}

static int
join(struct change *change, const struct sc_attachment *a, struct sc_err *err)
{
    struct sc_endpoint_ask ask = {.id = change->now.id,
                                  .index = free_index(change),
                                  .ip = {a->ip, a->ip6},
                                  .mac = a->mac,
                                  .rate_in = change->now.options.net_rate_in,
                                  .rate_out = change->now.options.net_rate_out};
    struct sc_net_ask net = {.undo = NULL};
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_endpoint endpoint;
    int result;

    ask.names = sc_network_names(&change->now, a, change->arena);
    if (!ask.names)
        return sc_err_nomem(err);
    if (forget_unrecorded(change, err) < 0)
        return -1;
    if (ask.index == SC_NET_ENDPOINTS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "a container can be on %d networks", SC_NET_ENDPOINTS_MAX);
    /* The first network that ports can lead to. */
    if (!publishing(change, NULL) && sc_network_publishes(&change->network) &&
        sc_ports_asked(&change->now, change->arena, &ask.ports, err) < 0)
        return -1;
    if (sc_network_get(&change->net, change->network.name, false, change->arena, &change->network, err) < 0 ||
        sc_endpoint_make(&change->net, &change->network, &ask, false, change->arena, &endpoint, err) < 0)
        return -1;
    if (sc_endpoint_packets(&change->net, &endpoint, 1, change->now.id, change->arena, &net, err) < 0)
        return -1;
    if (sc_carry_connected(change->engine, change->now.id, &endpoint, err) < 0) {
        (void)!sc_undo_run(net.undo, &ignored);
        return -1;
    }
    if (sc_undo_file_edit(change->run, &change->now, net.undo, true, err) < 0) {
        (void)!sc_undo_run(net.undo, &ignored);
        return -1;
    }
    result = net.publish ? sc_packet_send(net.publish, 0, 0) : 0;
    if (result < 0)
        sc_err_errno(err, -result, "%s", net.publish->title);
    else if ((result = sc_packet_send_to(net.links[0], change->ns, 0)) < 0)
        refused(net.links[0], result, err);
    else if (net.rates[0] && (result = sc_packet_send_to(net.rates[0], change->ns, 0)) < 0)
        refused(net.rates[0], result, err);
    if (result < 0 || send_inside(change, net.inside[0], net.no_ra[0], 0, err) < 0 ||
        set_route(change, &endpoint, err) < 0 || sc_hosts_connect(change->engine, &change->now, &endpoint, err) < 0 ||
        tell_monitor(change, &endpoint, err) < 0 || record(change, err) < 0) {
        (void)!remove_inside(change, &endpoint, &ignored);
        (void)!sc_undo_run(net.undo, &ignored);
        (void)!sc_undo_file_edit(change->run, &change->now, net.undo, false, &ignored);
        return -1;
    }
    return 0;
}

/* For `sc events`. */
static void
tell(const struct sc_engine *engine, const char *action, const struct change *change)
{
    sc_cleanup_buf attributes = SC_BUF_INIT;

    sc_buf_addf(&attributes, "\"container\":\"%s\",\"name\":", change->now.id);
    sc_buf_add_json(&attributes, change->network.name, strlen(change->network.name));
    sc_buf_addf(&attributes, ",\"type\":\"%s\"", sc_net_driver_name(change->network.driver));
    sc_engine_event_of(engine, "network", action, change->network.id, sc_buf_str(&attributes));
}

int
sc_engine_connect(struct sc_engine *engine, const struct sc_container *container, const struct sc_attachment *a,
                  struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_change change = {.arena = &arena, .guard = -1, .run = -1, .ns = -1, .now = SC_CONTAINER_INIT};
    struct sc_attachment *items;

    if (sc_attachment_check(a, err) < 0 || begin(engine, container->id, a->name, &change, err) < 0)
        return -1;
    if (find(&change) < change.all.count)
        return sc_err_set(err, SC_ERR_EXISTS, "container \"%s\" is on network \"%s\" already", change.now.name,
                          change.network.name);
    items = SC_ARENA_ARRAY(&arena, struct sc_attachment, change.all.count + 1);
    if (!items)
        return sc_err_nomem(err);
    if (change.all.count > 0)
        memcpy(items, change.all.items, change.all.count * sizeof(*items));
    items[change.all.count] = *a;
    change.all.items = items;
    change.all.count++;
    if ((is_up(&change) ? join(&change, a, err) : record(&change, err)) < 0)
        return -1;
    tell(engine, "connect", &change);
    return 0;
}

static int
leave(struct change *change, struct sc_err *err)
{
    struct sc_net_ask net = {.undo = NULL};
    struct sc_endpoint *const all = change->endpoints, *own = NULL, *next;
    struct sc_ports ports;

    for (size_t i = 0; i < change->count; i++) {
        if (strcmp(all[i].network.id, change->network.id) == 0)
            own = &all[i];
    }
    if (!own)
        return record(change, err);
    own->rate_out = change->now.options.net_rate_out; /* so that its undo is whole */
    if (sc_ports_to(&change->net, change->now.id, own->addresses, change->arena, &ports, err) < 0)
        return -1;
    own->ports = ports;
    own->network.is_guarded = own->network.driver == SC_NET_BRIDGE; /* if it is not, there is nothing to remove */
    if (sc_endpoint_packets(&change->net, own, 1, change->now.id, change->arena, &net, err) < 0 ||
        remove_inside(change, own, err) < 0 || sc_undo_run(net.undo, err) < 0)
        return -1;
    sc_hosts_disconnect(change->engine, change->now.id, &change->network);
    if (sc_undo_file_edit(change->run, &change->now, net.undo, false, err) < 0 || record(change, err) < 0)
        return -1;
    next = ports.count > 0 ? publishing(change, own) : NULL;
    if (next && move_ports(change, &ports, next, err) < 0)
        return -1;
    for (size_t i = 0; i < change->count; i++) {
        if (&all[i] != own && !all[i].network.is_internal)
            return set_route(change, &all[i], err);
    }
    return 0;
}

static void
drop(struct change *change, size_t at)
{
    struct sc_attachments *all = &change->all;

    memmove(&all->items[at], &all->items[at + 1], (all->count - at - 1) * sizeof(*all->items));
    all->count--;
}

/* A network that has been removed since: only the record knows of it, and the container could not start again. */
static int
leave_removed(struct change *change, const char *network, struct sc_err *err)
{
    for (size_t i = 0; i < change->all.count && err->kind == SC_ERR_NOT_FOUND; i++) {
        if (strcmp(change->all.items[i].name, network) != 0)
            continue;
        sc_err_clear(err);
        drop(change, i);
        return record(change, err);
    }
    return -1;
}

int
sc_engine_disconnect(struct sc_engine *engine, const struct sc_container *container, const char *network,
                     struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_change change = {.arena = &arena, .guard = -1, .run = -1, .ns = -1, .now = SC_CONTAINER_INIT};
    size_t at;

    if (begin(engine, container->id, network, &change, err) < 0)
        return leave_removed(&change, network, err);
    at = find(&change);
    if (at == change.all.count)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "container \"%s\" is not connected to network \"%s\"", change.now.name,
                          change.network.name);
    drop(&change, at);
    if ((is_up(&change) ? leave(&change, err) : record(&change, err)) < 0)
        return -1;
    tell(engine, "disconnect", &change);
    return 0;
}
