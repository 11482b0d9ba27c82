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
};

static void
change_release(struct change *change)
{
    sc_closep(&change->guard);
    sc_closep(&change->run);
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
    if (sc_network_find(&change->net, network, change->arena, &change->network, err) < 0 ||
        sc_attachments_of(&change->now.options, change->arena, &change->all, err) < 0)
        return -1;
    if (!is_up(change))
        return 0;
    change->run = sc_engine_run_dir(engine, id, err);
    return change->run < 0
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

/* Sends a packet in the container's network namespace; before that the file no_ra below /proc gets a 0 (or NULL). */
static int
send_inside(const struct change *change, struct sc_net_packet *packet, const char *no_ra, int tolerated,
            struct sc_err *err)
{
    sc_cleanup_fd own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there = -1; /* lint: the kernel's own */
    sc_cleanup_fd proc = sc_proc_open();
    int result = 0;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)change->now.pid);
    there = open(path, O_RDONLY | O_CLOEXEC); /* lint: the kernel's own */
    if (own < 0 || there < 0 || proc < 0)
        return sc_err_errno(err, errno, "open the container's network namespace");
    if (setns(there, CLONE_NEWNET) < 0)
        return sc_err_errno(err, errno, "enter the container's network namespace");
    if (no_ra)
        result = sc_proc_write(proc, no_ra, "0", 1);
    if (result == 0)
        result = sc_packet_send(packet, change->now.pid, tolerated);
    if (setns(own, CLONE_NEWNET) < 0)
        SC_BUG("our own network namespace is closed to us");
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

/* ---- the verbs --------------------------------------------------------------------------------------------------- */

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
    if (ask.index == SC_NET_ENDPOINTS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "a container can be on %d networks", SC_NET_ENDPOINTS_MAX);
    if (sc_network_get(&change->net, change->network.name, false, change->arena, &change->network, err) < 0 ||
        sc_endpoint_make(&change->net, &change->network, &ask, false, change->arena, &endpoint, err) < 0)
        return -1;
    if (sc_endpoint_packets(&change->net, &endpoint, 1, change->now.id, change->arena, &net, err) < 0)
        return -1;
    if (sc_undo_file_edit(change->run, &change->now, net.undo, true, err) < 0) {
        (void)!sc_undo_run(net.undo, &ignored);
        return -1;
    }
    result = net.publish ? sc_packet_send(net.publish, 0, 0) : 0;
    if (result < 0)
        sc_err_errno(err, -result, "%s", net.publish->title);
    else if ((result = sc_packet_send(net.links[0], change->now.pid, 0)) < 0)
        sc_err_errno(err, -result, "%s", net.links[0]->title);
    else if (net.rates[0] && (result = sc_packet_send(net.rates[0], change->now.pid, 0)) < 0)
        sc_err_errno(err, -result, "%s", net.rates[0]->title);
    if (result < 0 || send_inside(change, net.inside[0], net.no_ra[0], 0, err) < 0 ||
        set_route(change, &endpoint, err) < 0 || sc_hosts_connect(change->engine, &change->now, &endpoint, err) < 0 ||
        record(change, err) < 0) {
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
    sc_cleanup_change change = {.arena = &arena, .guard = -1, .run = -1, .now = SC_CONTAINER_INIT};
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

/* The published ports go with the network that they lead to. */
static int
leave(struct change *change, struct sc_err *err)
{
    struct sc_net_ask net = {.undo = NULL};
    struct sc_endpoint *own = NULL;
    struct sc_ports ports;

    for (size_t i = 0; i < change->count; i++) {
        if (strcmp(change->endpoints[i].network.id, change->network.id) == 0)
            own = &change->endpoints[i];
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
    for (size_t i = 0; i < change->count; i++) {
        if (&change->endpoints[i] != own && !change->endpoints[i].network.is_internal)
            return set_route(change, &change->endpoints[i], err);
    }
    return 0;
}

int
sc_engine_disconnect(struct sc_engine *engine, const struct sc_container *container, const char *network,
                     struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_change change = {.arena = &arena, .guard = -1, .run = -1, .now = SC_CONTAINER_INIT};
    size_t at;

    if (begin(engine, container->id, network, &change, err) < 0)
        return -1;
    at = find(&change);
    if (at == change.all.count)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "container \"%s\" is not connected to network \"%s\"", change.now.name,
                          change.network.name);
    memmove(&change.all.items[at], &change.all.items[at + 1], (change.all.count - at - 1) * sizeof(*change.all.items));
    change.all.count--;
    if ((is_up(&change) ? leave(&change, err) : record(&change, err)) < 0)
        return -1;
    tell(engine, "disconnect", &change);
    return 0;
}
