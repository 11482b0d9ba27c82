/* The container's network: which one, with which address and ports. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/nlmsg.h"

/* What a neighbour calls it: name, aliases, short id. */
const char *
sc_network_names(const struct sc_container *c, const struct sc_attachment *a, struct sc_arena *arena)
{
    sc_cleanup_buf names = SC_BUF_INIT;

    sc_buf_addf(&names, "%s", c->name);
    for (size_t i = 0; i < a->aliases.count; i++)
        sc_buf_addf(&names, " %s", a->aliases.items[i]);
    if (strncmp(c->name, c->id, SC_ID_SHORT) != 0)
        sc_buf_addf(&names, " %.*s", SC_ID_SHORT, c->id);
    return names.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&names));
}

int
sc_network_get(const struct sc_net *net, const char *name, bool is_dry, struct sc_arena *arena, struct sc_network *out,
               struct sc_err *err)
{
    if (geteuid() != 0) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--network %s: only root can make links of the host", name);
        return sc_err_remedy(err, "use --network pasta, slirp4netns, none or host");
    }
    if (sc_network_find(net, name, arena, out, err) < 0)
        return err->kind == SC_ERR_NOT_FOUND
                   ? sc_err_remedy(err, "make it first (sc network create %s), or see sc network ls", name)
                   : -1;
    out->is_guarded = out->driver == SC_NET_BRIDGE; /* as far as a plan can say */
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

/* Its networks, found and up. *out NULL: it does without. */
static int
get_networks(struct sc_engine *engine, struct sc_container *c, const struct sc_attachments *all, bool is_dry,
             struct sc_arena *arena, struct sc_network **out, struct sc_err *err)
{
    struct sc_network *networks = SC_ARENA_ARRAY(arena, struct sc_network, all->count);
    struct sc_net net;

    *out = NULL;
    if (!networks)
        return sc_err_nomem(err);
    sc_engine_net(engine, &net);
    net.is_dry = is_dry;
    for (size_t i = 0; i < all->count; i++) {
        struct sc_err why = SC_ERR_INIT;

        if (sc_network_get(&net, all->items[i].name, is_dry, arena, &networks[i], &why) == 0)
            continue;
        if (c->options.is_default_network && is_unavailable(&why))
            return is_dry ? 0 : do_without(engine, c, arena, err);
        *err = why;
        return -1;
    }
    *out = networks;
    return 0;
}

static void
release(const struct sc_net *net, const struct sc_endpoint *endpoints, size_t count, const char *id)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_net_ask ask = {.undo = NULL};

    if (count > 0 && sc_endpoint_packets(net, endpoints, count, id, &arena, &ask, &ignored) == 0)
        (void)!sc_undo_run(ask.undo, &ignored);
}

/* The way out is that of the first network that has one; the ports lead to the first that can have any. */
static int
make_endpoints(const struct sc_net *net, const struct sc_container *c, const struct sc_attachments *all,
               const struct sc_network *networks, bool is_dry, struct sc_arena *arena, struct sc_endpoint *out,
               struct sc_err *err)
{
    bool has_route = false, has_ports = false;
    struct sc_ports ports = {.items = NULL};

    if (sc_ports_asked(c, arena, &ports, err) < 0)
        return -1;
    for (size_t i = 0; i < all->count; i++) {
        const struct sc_attachment *a = &all->items[i];
        struct sc_endpoint_ask ask = {.id = c->id,
                                      .index = (unsigned)i,
                                      .ip = {a->ip, a->ip6},
                                      .mac = a->mac,
                                      .rate_in = c->options.net_rate_in,
                                      .rate_out = c->options.net_rate_out};

        ask.has_route = !has_route && !networks[i].is_internal;
        has_route = has_route || ask.has_route;
        if (!has_ports && sc_network_publishes(&networks[i]))
            ask.ports = ports;
        has_ports = has_ports || sc_network_publishes(&networks[i]);
        ask.names = sc_network_names(c, a, arena);
        if (!ask.names)
            sc_err_nomem(err);
        if (!ask.names || sc_endpoint_make(net, &networks[i], &ask, is_dry, arena, &out[i], err) < 0) {
            if (!is_dry)
                release(net, out, i, c->id);
            return -1;
        }
    }
    return 0;
}

int
sc_network_prepare(struct sc_engine *engine, struct sc_container *c, bool is_dry, struct sc_arena *arena,
                   struct sc_start_job *job, struct sc_err *err)
{
    struct sc_attachments all;
    struct sc_endpoint *endpoints;
    struct sc_network *networks;
    struct sc_net net;

    if (sc_network_is_helped(&c->options))
        return sc_helper_prepare(engine, c, is_dry, arena, job, err);
    if (sc_attachments_of(&c->options, arena, &all, err) < 0)
        return -1;
    if (all.count == 0)
        return 0;
    if (get_networks(engine, c, &all, is_dry, arena, &networks, err) < 0)
        return -1;
    if (!networks)
        return 0;
    endpoints = SC_ARENA_ARRAY(arena, struct sc_endpoint, all.count);
    if (!endpoints)
        return sc_err_nomem(err);
    sc_engine_net(engine, &net);
    if (make_endpoints(&net, c, &all, networks, is_dry, arena, endpoints, err) < 0)
        return -1;
    if (sc_endpoint_packets(&net, endpoints, all.count, c->id, arena, &job->ask.net, err) < 0) {
        if (!is_dry)
            release(&net, endpoints, all.count, c->id);
        return -1;
    }
    job->inputs.endpoints = endpoints;
    job->inputs.endpoint_count = all.count;
    return 0;
}

void
sc_engine_refill(struct sc_engine *engine)
{
    struct sc_err ignored = SC_ERR_INIT; /* the command is about something else */
    struct sc_net net;

    sc_engine_net(engine, &net);
    if (engine->is_root)
        (void)!sc_network_refill(&net, &ignored);
}

void
sc_network_give_up(const struct sc_start_job *job)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (job->ask.net.undo)
        (void)!sc_undo_run(job->ask.net.undo, &ignored);
}

int
sc_engine_endpoints(struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena,
                    struct sc_endpoint **out, size_t *count, struct sc_err *err)
{
    struct sc_attachments all;
    struct sc_net net;

    *count = 0;
    *out = NULL;
    if (c->status != SC_STATUS_RUNNING && c->status != SC_STATUS_PAUSED)
        return 0;
    if (sc_attachments_of(&c->options, arena, &all, err) < 0)
        return -1;
    *out = SC_ARENA_ARRAY(arena, struct sc_endpoint, all.count + 1);
    if (!*out)
        return sc_err_nomem(err);
    sc_engine_net(engine, &net);
    for (size_t i = 0; i < all.count; i++) {
        struct sc_endpoint *e = &(*out)[*count];
        struct sc_lease_list leases;
        struct sc_err absent = SC_ERR_INIT;
        bool is_there = false;

        if (sc_network_find(&net, all.items[i].name, arena, &e->network, &absent) < 0)
            continue; /* removed since */
        if (sc_network_leases(&net, &e->network, arena, &leases, err) < 0)
            return -1;
        for (int f = 0; f < SC_FAMILIES; f++) {
            const struct sc_lease *lease = sc_lease_find(&leases, c->id, f);

            e->addresses[f] = lease ? lease->address : (struct sc_address){.len = 0};
            if (!lease)
                continue;
            e->index = lease->index;
            memcpy(e->mac, lease->mac, sizeof(e->mac));
            is_there = true;
        }
        if (!is_there)
            continue;
        sc_endpoint_link(c->id, e->index, e->link);
        ++*count;
    }
    return 0;
}
