/* Names: what a container's hosts and resolv.conf say beside the usual. On a network that a user has made each
 * container's hosts file has its neighbours, changed in place as they come (here) and go (the undo operation
 * hosts-remove). The leases say who is there and what they are called: a hosts file is the container's to write in, so
 * nothing is ever read back from one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define HOSTS_MAX 1048576

static bool
has_names(const struct sc_inputs *in)
{
    return in->endpoint && strcmp(in->endpoint->network.name, SC_NET_DEFAULT) != 0;
}

/* "ADDRESS ID NAME..." as a line of hosts, marked with its owner. */
static void
add_neighbour(const char *lease, struct sc_buf *out)
{
    const char *id = strchr(lease, ' '), *names = id ? strchr(id + 1, ' ') : NULL;

    if (names)
        sc_buf_addf(out, "%.*s\t%s\t# %.*s\n", (int)(id - lease), lease, names + 1, SC_ID_LEN, id + 1);
}

static int
add_host(const char *entry, const struct sc_inputs *in, struct sc_buf *out, struct sc_err *err)
{
    const char *separator = strpbrk(entry, ":="), *address = separator ? separator + 1 : "";
    char gateway[SC_NET_ADDRESS_MAX];

    if (!separator || separator == entry || !*address)
        return sc_err_set(err, SC_ERR_INVALID, "--add-host \"%.100s\": it is not NAME:ADDRESS", entry);
    if (strcmp(address, "host-gateway") == 0) {
        if (!in->endpoint)
            return sc_err_set(err, SC_ERR_INVALID, "--add-host \"%.100s\": the container has no way to the host",
                              entry);
        sc_address_format(in->endpoint->network.gateway, gateway);
        address = gateway;
    }
    sc_buf_addf(out, "%s\t%.*s\n", address, (int)(separator - entry), entry);
    return 0;
}

int
sc_hosts_add(const struct sc_engine *engine, const struct sc_inputs *in, struct sc_buf *hosts, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv leases = {.items = NULL};
    char address[SC_NET_ADDRESS_MAX];
    struct sc_net net;

    for (size_t i = 0; i < o->add_hosts.count; i++) {
        if (add_host(o->add_hosts.items[i], in, hosts, err) < 0)
            return -1;
    }
    if (!in->endpoint)
        return 0;
    sc_address_format(in->endpoint->address, address);
    sc_buf_addf(hosts, "%s\t%s", address, in->hostname ? in->hostname : in->container->name);
    if (in->hostname && o->domainname)
        sc_buf_addf(hosts, ".%s %s", o->domainname, in->hostname);
    sc_buf_addc(hosts, '\n');
    if (!has_names(in))
        return 0;
    sc_engine_net((struct sc_engine *)(uintptr_t)engine, &net);
    if (sc_network_leases(&net, &in->endpoint->network, &arena, &leases, err) < 0)
        return -1;
    for (size_t i = 0; i < leases.count; i++)
        add_neighbour(leases.items[i], hosts);
    return 0;
}

/* Appends our line, unless it is there. */
static void
tell(const struct sc_engine *engine, const char *id, const char *line)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, id, &ignored), fd = -1;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (dir < 0)
        return;
    fd = openat(dir, "hosts", O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0 || sc_file_read_fd(fd, HOSTS_MAX, &text, &ignored) < 0 ||
        strstr(sc_buf_str(&text), line))
        return;
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        (void)!sc_io_write_all(fd, "\n", 1, &ignored);
    (void)!sc_io_write_all(fd, line, strlen(line), &ignored);
}

/* Drops the lines of neighbours whose lease has gone since ours was written: they looked for our file too early. */
static void
look_again(const struct sc_engine *engine, const char *id, const struct sc_strv *leases)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, id, &ignored), fd = -1;
    sc_cleanup_buf before = SC_BUF_INIT, after = SC_BUF_INIT;

    if (dir < 0)
        return;
    fd = openat(dir, "hosts", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0 || sc_file_read_fd(fd, HOSTS_MAX, &before, &ignored) < 0)
        return;
    for (const char *line = sc_buf_str(&before); *line;) {
        size_t len = strcspn(line, "\n");
        const char *owner = len > SC_ID_LEN + 2 ? line + len - SC_ID_LEN : NULL;
        bool is_gone = owner && owner[-1] == ' ' && owner[-2] == '#';

        for (size_t i = 0; i < leases->count && is_gone; i++) {
            const char *space = strchr(leases->items[i], ' ');

            is_gone = !space || strncmp(space + 1, owner, SC_ID_LEN) != 0;
        }
        len += line[len] == '\n';
        if (!is_gone)
            sc_buf_add(&after, line, len);
        line += len;
    }
    if (!after.has_failed && after.len < before.len &&
        pwrite(fd, sc_buf_str(&after), after.len, 0) == (ssize_t)after.len)
        (void)!ftruncate(fd, (off_t)after.len);
}

void
sc_hosts_tell(const struct sc_engine *engine, const struct sc_inputs *in)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_strv leases = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;
    const char *id = in->container->id;
    struct sc_net net;

    if (!has_names(in))
        return;
    sc_engine_net((struct sc_engine *)(uintptr_t)engine, &net);
    if (sc_network_leases(&net, &in->endpoint->network, &arena, &leases, &ignored) < 0)
        return;
    look_again(engine, id, &leases);
    for (size_t i = 0; i < leases.count; i++) {
        const char *owner = strchr(leases.items[i], ' ');

        if (owner && strncmp(owner + 1, id, SC_ID_LEN) == 0)
            add_neighbour(leases.items[i], &line);
    }
    for (size_t i = 0; i < leases.count && line.len > 0 && !line.has_failed; i++) {
        const char *space = strchr(leases.items[i], ' ');
        char owner[SC_ID_LEN + 1] = "";

        if (space)
            (void)snprintf(owner, sizeof(owner), "%s", space + 1);
        if (strcmp(owner, id) != 0 && sc_engine_is_id(owner))
            tell(engine, owner, line.data);
    }
}

/* ---- resolv.conf ------------------------------------------------------------------------------------------------- */

/* The host's lines, but for those that our own options replace and name servers that only the host itself reaches. */
static void
filter(const char *text, const struct sc_create_options *o, struct sc_buf *out)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        bool is_server = sc_str_starts(text, "nameserver");
        const char *value = is_server ? text + strlen("nameserver") : text;
        bool is_dropped;

        value += strspn(value, " \t");
        is_dropped = (is_server && (o->dns.count > 0 || sc_str_starts(value, "127.") || sc_str_starts(value, "::1"))) ||
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

int
sc_resolv_make(const struct sc_inputs *in, struct sc_buf *resolv, struct sc_err *err)
{
    static const char behind_stub[] = "/run/systemd/resolve/resolv.conf";
    const struct sc_create_options *o = &in->container->options;
    sc_cleanup_buf host = SC_BUF_INIT;
    struct sc_err absent = SC_ERR_INIT;

    if (!in->endpoint && o->dns.count + o->dns_search.count + o->dns_options.count == 0)
        return 0;
    sc_buf_add(&host, sc_buf_str(resolv), resolv->len);
    sc_buf_clear(resolv);
    for (size_t i = 0; i < o->dns.count; i++)
        sc_buf_addf(resolv, "nameserver %s\n", o->dns.items[i]);
    /* "search ." means none */
    if (!(o->dns_search.count == 1 && strcmp(o->dns_search.items[0], ".") == 0))
        add_list("search", &o->dns_search, resolv);
    add_list("options", &o->dns_options, resolv);
    filter(sc_buf_str(&host), o, resolv);
    if (!strstr(sc_buf_str(resolv), "nameserver")) {
        /* The host's only server was a stub on its loopback. */
        sc_buf_clear(&host);
        if (sc_file_read_at(AT_FDCWD, behind_stub, HOSTS_MAX, &host, &absent) == 0) /* lint: the host's own */
            filter(sc_buf_str(&host), o, resolv);
    }
    if (sc_buf_check(&host, err) < 0)
        return -1;
    return sc_buf_check(resolv, err);
}
