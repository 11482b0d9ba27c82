/* Names: what a container's hosts and resolv.conf say beside the usual. Its neighbours on networks that a user has made
 * are in neither: sc-names (monitor/names.h) tells of them, from the leases. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define HOSTS_MAX 1048576

static int
add_host(const char *entry, const struct sc_inputs *in, struct sc_buf *out, struct sc_err *err)
{
    const char *separator = strpbrk(entry, ":="), *address = separator ? separator + 1 : "";
    size_t len = strlen(address);
    int name_len;

    if (!separator || separator == entry || !*address)
        return sc_err_set(err, SC_ERR_INVALID, "--add-host \"%.100s\": it is not NAME:ADDRESS", entry);
    name_len = (int)(separator - entry);
    if (strcmp(address, "host-gateway") != 0) {
        bool has_brackets = address[0] == '[' && address[len - 1] == ']';

        sc_buf_addf(out, "%.*s\t%.*s\n", (int)(has_brackets ? len - 2 : len), address + has_brackets, name_len, entry);
        return 0;
    }
    if (in->endpoint_count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "--add-host \"%.100s\": the container has no way to the host", entry);
    for (int f = 0; f < SC_FAMILIES; f++) {
        const struct sc_network *network = &in->endpoints[0].network;
        char gateway[SC_NET_ADDRESS_MAX];

        sc_address_format(&network->pools[f].gateway, gateway);
        if (sc_network_has(network, f))
            sc_buf_addf(out, "%s\t%.*s\n", gateway, name_len, entry);
    }
    return 0;
}

/* "web.example.org web": as a host name may have its domain in it. */
static void
add_own_names(const char *hostname, const char *domainname, struct sc_buf *out)
{
    size_t label = strcspn(hostname, ".");

    sc_buf_adds(out, hostname);
    if (domainname)
        sc_buf_addf(out, ".%s %s", domainname, hostname);
    else if (hostname[label] && label > 0)
        sc_buf_addf(out, " %.*s", (int)label, hostname);
}

/* The container's own name at its addresses there. */
static void
add_network(const struct sc_endpoint *e, const char *own, struct sc_buf *hosts)
{
    char address[SC_NET_ADDRESS_MAX];

    for (int f = 0; f < SC_FAMILIES; f++) {
        sc_address_format(&e->addresses[f], address);
        if (e->addresses[f].len > 0)
            sc_buf_addf(hosts, "%s\t%s\n", address, own);
    }
}

int
sc_hosts_add(const struct sc_inputs *in, struct sc_buf *hosts, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    sc_cleanup_buf own = SC_BUF_INIT;

    for (size_t i = 0; i < o->add_hosts.count; i++) {
        if (add_host(o->add_hosts.items[i], in, hosts, err) < 0)
            return -1;
    }
    add_own_names(in->hostname ? in->hostname : in->container->name, in->hostname ? o->domainname : NULL, &own);
    if (sc_buf_check(&own, err) < 0)
        return -1;
    for (size_t i = 0; i < in->endpoint_count; i++)
        add_network(&in->endpoints[i], sc_buf_str(&own), hosts);
    return 0;
}

/* Whether it is an address of this network. */
static bool
is_of(const struct sc_network *network, const char *text, struct sc_address *out)
{
    struct sc_err ignored = SC_ERR_INIT;

    return sc_address_parse(text, out, &ignored) == 0 &&
           sc_subnet_has(&network->pools[sc_address_family(out)].subnet, out);
}

/* Drops the lines of the container's hosts file that `drops` says; a container that is gone has none. Who changes the
 * file has the lock of the container's directory. A lock of the file itself would be the container's to take, which has
 * it as /etc/hosts, and to keep. */
static void
drop_lines(const struct sc_engine *engine, const char *id,
           bool (*drops)(const char *line, size_t len, const void *data), const void *data)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, id, &ignored), fd = -1;
    sc_cleanup_buf before = SC_BUF_INIT, after = SC_BUF_INIT;

    if (dir < 0)
        return;
    fd = openat(dir, "hosts", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || sc_file_read_fd(fd, HOSTS_MAX, &before, &ignored) < 0)
        return;
    for (const char *line = sc_buf_str(&before); *line;) {
        size_t len = strcspn(line, "\n");
        bool is_dropped = drops(line, len, data);

        len += line[len] == '\n';
        if (!is_dropped)
            sc_buf_add(&after, line, len);
        line += len;
    }
    if (!after.has_failed && after.len < before.len &&
        pwrite(fd, sc_buf_str(&after), after.len, 0) == (ssize_t)after.len)
        (void)!ftruncate(fd, (off_t)after.len);
}

/* ---- connect, disconnect ----------------------------------------------------------------------------------------- */

int
sc_hosts_connect(const struct sc_engine *engine, const struct sc_container *c, const struct sc_endpoint *e,
                 struct sc_err *err)
{
    sc_cleanup_fd dir = sc_engine_data_dir(engine, c->id, err), fd = -1;
    sc_cleanup_buf lines = SC_BUF_INIT, own = SC_BUF_INIT;
    char short_id[SC_ID_SHORT + 1];

    if (dir < 0)
        return -1;
    (void)snprintf(short_id, sizeof(short_id), "%.*s", SC_ID_SHORT, c->id);
    add_own_names(c->options.hostname ? c->options.hostname : short_id,
                  c->options.hostname ? c->options.domainname : NULL, &own);
    add_network(e, sc_buf_str(&own), &lines);
    if (sc_buf_check(&own, err) < 0 || sc_buf_check(&lines, err) < 0)
        return -1;
    fd = openat(dir, "hosts", O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sc_err_errno(err, errno, "open hosts of container \"%s\"", c->name);
    return sc_io_write_all(fd, sc_buf_str(&lines), lines.len, err);
}

/* Whether a line of hosts is about an address of this network. */
static bool
is_about(const char *line, size_t len, const void *data)
{
    const struct sc_network *network = data;
    size_t address_len = strcspn(line, "\t\n");
    char text[SC_NET_ADDRESS_MAX];
    struct sc_address address;

    (void)len;
    if (address_len >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", (int)address_len, line);
    return is_of(network, text, &address);
}

void
sc_hosts_disconnect(const struct sc_engine *engine, const char *id, const struct sc_network *network)
{
    drop_lines(engine, id, is_about, network);
}

/* ---- resolv.conf ------------------------------------------------------------------------------------------------- */

/* Whether one of the networks has names: then all questions go to who knows them. */
static bool
has_names(const struct sc_inputs *in)
{
    for (size_t i = 0; i < in->endpoint_count; i++) {
        if (sc_network_has_names(&in->endpoints[i].network))
            return true;
    }
    return false;
}

/* The host's lines, but for those that our own options replace and name servers that only the host itself reaches, or
 * all of them. */
static void
filter(const char *text, const struct sc_create_options *o, bool is_alone, struct sc_buf *out)
{
    const bool is_host = o->network.mode == SC_NS_HOST;

    while (*text) {
        size_t len = strcspn(text, "\n");
        bool is_server = sc_str_starts(text, "nameserver");
        const char *value = is_server ? text + strlen("nameserver") : text;
        bool is_dropped;

        value += strspn(value, " \t");
        is_dropped =
            (is_server && (is_alone || (!is_host && (sc_str_starts(value, "127.") || sc_str_starts(value, "::1"))))) ||
            ((sc_str_starts(text, "search") || sc_str_starts(text, "domain")) && o->dns_search.count > 0) ||
            (sc_str_starts(text, "options") && o->dns_options.count > 0);
        if (!is_dropped) {
            sc_buf_add(out, text, len);
            sc_buf_addc(out, '\n');
        }
        text += len + (text[len] == '\n');
    }
}

static void
add_list(const char *word, const struct sc_strv *list, struct sc_buf *out)
{
    if (list->count == 0)
        return;
    sc_buf_adds(out, word);
    for (size_t i = 0; i < list->count; i++)
        sc_buf_addf(out, " %s", list->items[i]);
    sc_buf_addc(out, '\n');
}

/* Names without a dot are asked as they are, and not only with each domain of a search list behind them. */
static void
add_ndots(struct sc_buf *resolv)
{
    if (!strstr(sc_buf_str(resolv), "ndots:"))
        sc_buf_adds(resolv, "options ndots:0\n");
}

int
sc_resolv_make(const struct sc_inputs *in, struct sc_buf *resolv, struct sc_err *err)
{
    static const char behind_stub[] = "/run/systemd/resolve/resolv.conf";
    const struct sc_create_options *o = &in->container->options;
    bool is_ours = has_names(in), is_alone = is_ours || o->dns.count > 0;
    sc_cleanup_buf host = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    if (in->endpoint_count == 0 && o->dns.count + o->dns_search.count + o->dns_options.count == 0)
        return 0;
    sc_buf_add(&host, sc_buf_str(resolv), resolv->len);
    sc_buf_clear(resolv);
    if (is_ours)
        sc_buf_adds(resolv, "nameserver " SC_NAMES_ADDRESS "\n");
    for (size_t i = 0; i < o->dns.count && !is_ours; i++)
        sc_buf_addf(resolv, "nameserver %s\n", o->dns.items[i]);
    /* "search ." means none */
    if (!(o->dns_search.count == 1 && strcmp(o->dns_search.items[0], ".") == 0))
        add_list("search", &o->dns_search, resolv);
    add_list("options", &o->dns_options, resolv);
    filter(sc_buf_str(&host), o, is_alone, resolv);
    if (!strstr(sc_buf_str(resolv), "nameserver")) {
        /* The host's only server was a stub on its loopback. */
        sc_buf_clear(&host);
        if (sc_file_read_at(AT_FDCWD, behind_stub, HOSTS_MAX, &host, &absent) == 0) /* lint: the host's own */
            filter(sc_buf_str(&host), o, is_alone, resolv);
    }
    if (is_ours)
        add_ndots(resolv);
    if (sc_buf_check(&host, err) < 0)
        return -1;
    return sc_buf_check(resolv, err);
}

/* In place: the file is bound into the container, by its inode. */
int
sc_resolv_connect(const struct sc_engine *engine, const struct sc_container *c, const struct sc_endpoint *e,
                  struct sc_err *err)
{
    const struct sc_inputs in = {.container = c, .endpoints = e, .endpoint_count = 1};
    sc_cleanup_fd dir = sc_engine_data_dir(engine, c->id, err), fd = -1;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    if (dir < 0)
        return -1;
    (void)!sc_file_read_at(AT_FDCWD, "/etc/resolv.conf", HOSTS_MAX, &text, &absent); /* lint: the host's own */
    if (sc_resolv_make(&in, &text, err) < 0)
        return -1;
    fd = openat(dir, "resolv.conf", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, sc_buf_str(&text), text.len, 0) != (ssize_t)text.len || ftruncate(fd, (off_t)text.len) < 0)
        return sc_err_errno(err, errno, "write resolv.conf of container \"%s\"", c->name);
    return 0;
}

const char *
sc_names_lines(const struct sc_engine *engine, const struct sc_create_options *o, struct sc_arena *arena)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char *program = NULL;

    if (sc_engine_program("sc-names", arena, &program, &ignored) < 0)
        return NULL;
    sc_buf_addf(&out, "%s\n%s/lease/net", program, engine->run_path);
    for (size_t i = 0; i < o->dns.count; i++)
        sc_buf_addf(&out, "\n%s", o->dns.items[i]);
    return out.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&out));
}
