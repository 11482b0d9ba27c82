/*
 * Where a registry's requests go. The first of these directories that has one for the registry ("host:port") decides:
 *
 *     $SC_CERTS_D, or: ~/.config/sc/certs.d  /etc/sc/certs.d  /etc/containerd/certs.d  /etc/docker/certs.d
 *
 * In it, hosts.toml (containerd's: server, mirrors, what each may do, certificates) or else ca.crt, NAME.cert and
 * NAME.key (Docker's). Loopback addresses need no TLS, as in Docker; others only when said so.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"
#include "image/registry/toml-priv.h"
#include "kernel/kernel.h"

#define HOSTS_MAX      ((size_t)256 << 10)
#define CA_MAX         ((size_t)4 << 20)
#define DOCKER_IO      "docker.io"
#define DOCKER_IO_HOST "registry-1.docker.io"

bool
sc_host_is_loopback(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

    if (len == 5 && memcmp(host, "[::1]", len) == 0)
        return true;
    if (len == 9 && memcmp(host, "localhost", len) == 0)
        return true;
    if (strncmp(host, "127.", 4) != 0)
        return false;
    return strspn(host, "0123456789.") == len;
}

bool
sc_endpoint_skips_verify(const struct sc_endpoint *endpoint, const char *url)
{
    const char *authority = strstr(url, "://");

    return endpoint->skip_verify && (!endpoint->is_unasked || (authority && sc_host_is_loopback(authority + 3)));
}

static struct sc_endpoint *
add_endpoint(struct sc_endpoints *list, struct sc_arena *arena)
{
    struct sc_endpoint *items = SC_ARENA_ARRAY(arena, struct sc_endpoint, list->count + 1);

    if (!items)
        return NULL;
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    list->items = items;
    return &items[list->count++];
}

/* url: scheme and authority, perhaps a path. */
static int
set_address(struct sc_endpoint *endpoint, const char *url, const char *registry, bool overrides_path,
            struct sc_arena *arena, struct sc_err *err)
{
    size_t len = strlen(url);

    while (len > 0 && url[len - 1] == '/')
        len--;
    url = sc_arena_strndup(arena, url, len);
    if (!url)
        return sc_err_nomem(err);
    if (sc_url_origin(url, arena, &endpoint->origin, err) < 0)
        return -1;
    endpoint->base = sc_arena_printf(arena, "%s%s", url, overrides_path || sc_str_ends(url, "/v2") ? "" : "/v2");
    /* As it was written: a login for "host:443" is kept under that name. */
    endpoint->auth_key = sc_arena_strdup(arena, strstr(url, "://") + 3);
    if (!endpoint->auth_key || sc_arena_check(arena, err) < 0)
        return sc_err_nomem(err);
    endpoint->auth_key[strcspn(endpoint->auth_key, "/?#")] = '\0';
    /* docker.io's own host answers for it: its credential is docker.io's. */
    if (strcmp(endpoint->auth_key, DOCKER_IO_HOST) == 0 && strcmp(registry, DOCKER_IO) == 0)
        endpoint->auth_key = sc_arena_strdup(arena, DOCKER_IO);
    return sc_arena_check(arena, err);
}

/* ---- hosts.toml -------------------------------------------------------------------------------------- */

static char *
file_in(const char *dir, const char *file, struct sc_arena *arena)
{
    return file[0] == '/' ? sc_arena_strdup(arena, file) : sc_arena_printf(arena, "%s/%s", dir, file);
}

static int
take_capabilities(const json_t *table, struct sc_endpoint *endpoint, struct sc_err *err)
{
    const json_t *list = json_object_get(table, "capabilities");

    endpoint->can_pull = endpoint->can_resolve = endpoint->can_push = list == NULL;
    if (list && !json_is_array(list))
        return sc_err_set(err, SC_ERR_INVALID, "capabilities: must be an array");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));

        if (sc_str_eq(word, "pull"))
            endpoint->can_pull = true;
        else if (sc_str_eq(word, "push"))
            endpoint->can_push = true;
        else if (sc_str_eq(word, "resolve"))
            endpoint->can_resolve = true;
        else
            return sc_err_set(err, SC_ERR_INVALID, "capabilities: must be of \"pull\", \"resolve\" and \"push\"");
    }
    return 0;
}

/* As containerd's: "both.pem", ["both.pem", ..] or [["cert", "key"], ..], where a key of "", or none, is in the file of
 * the certificate. One can be offered: the first. */
static int
take_client(const json_t *table, const char *dir, struct sc_arena *arena, struct sc_endpoint *endpoint,
            struct sc_err *err)
{
    const json_t *client = json_object_get(table, "client");
    const char *cert, *key = NULL;

    if (!client)
        return 0;
    if (json_is_array(client))
        client = json_array_get(client, 0);
    if (json_is_array(client)) {
        key = json_string_value(json_array_get(client, 1));
        client = json_array_get(client, 0);
    }
    cert = json_string_value(client);
    if (!cert)
        return sc_err_set(err, SC_ERR_INVALID, "client: must be a file, or an array of files or of pairs of files");
    endpoint->cert_file = file_in(dir, cert, arena);
    endpoint->key_file = file_in(dir, key && *key ? key : cert, arena);
    return 0;
}

static int
take_tls(const json_t *table, const char *dir, struct sc_arena *arena, struct sc_endpoint *endpoint, struct sc_err *err)
{
    const json_t *ca = json_object_get(table, "ca"), *skip = json_object_get(table, "skip_verify");

    for (size_t i = 0; ca && i < (json_is_array(ca) ? json_array_size(ca) : 1); i++) {
        const char *file = json_string_value(json_is_array(ca) ? json_array_get(ca, i) : ca);

        if (!file)
            return sc_err_set(err, SC_ERR_INVALID, "ca: must be a file, or several");
        sc_strv_add(&endpoint->ca_files, arena, file_in(dir, file, arena));
    }
    if (skip && !json_is_boolean(skip))
        return sc_err_set(err, SC_ERR_INVALID, "skip_verify: must be true or false");
    endpoint->skip_verify = json_is_true(skip);
    return take_client(table, dir, arena, endpoint, err);
}

static int
take_headers(const json_t *table, struct sc_arena *arena, struct sc_endpoint *endpoint, struct sc_err *err)
{
    const char *name;
    json_t *value;

    json_object_foreach (json_object_get(table, "header"), name, value) {
        size_t count = json_is_array(value) ? json_array_size(value) : 1;

        for (size_t i = 0; i < count; i++) {
            const char *text = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);

            if (!text || strpbrk(text, "\r\n") || strpbrk(name, "\r\n: "))
                return sc_err_set(err, SC_ERR_INVALID, "header: \"%.100s\": must be a text", name);
            sc_strv_addf(&endpoint->headers, arena, "%s: %s", name, text);
        }
    }
    return sc_arena_check(arena, err);
}

static int
take_host(const json_t *table, const char *url, const char *dir, const char *registry, struct sc_arena *arena,
          struct sc_endpoints *out, struct sc_err *err)
{
    struct sc_endpoint *endpoint = add_endpoint(out, arena);
    char *whole = strstr(url, "://") ? sc_arena_strdup(arena, url) : sc_arena_printf(arena, "https://%s", url);

    if (!endpoint || !whole)
        return sc_err_nomem(err);
    if (set_address(endpoint, whole, registry, json_is_true(json_object_get(table, "override_path")), arena, err) < 0 ||
        take_capabilities(table, endpoint, err) < 0 || take_tls(table, dir, arena, endpoint, err) < 0)
        return -1;
    return take_headers(table, arena, endpoint, err);
}

static char *
default_server(const char *registry, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "https://%s", strcmp(registry, DOCKER_IO) == 0 ? DOCKER_IO_HOST : registry);
}

/* hosts.toml that names no server: it is the registry itself, by http also where that is allowed. */
static int
take_registry(const json_t *root, const char *dir, const char *registry, bool allows_http, struct sc_arena *arena,
              struct sc_endpoints *out, struct sc_err *err)
{
    char *https = default_server(registry, arena), *http = sc_arena_printf(arena, "http://%s", registry);
    size_t first = out->count;

    if (sc_arena_check(arena, err) < 0 || take_host(root, https, dir, registry, arena, out, err) < 0)
        return -1;
    if (!allows_http || out->items[first].ca_files.count > 0)
        return 0;
    if (take_host(root, http, dir, registry, arena, out, err) < 0)
        return -1;
    out->items[first].is_unasked = !out->items[first].skip_verify;
    out->items[first].skip_verify = true;
    return 0;
}

int
sc_hosts_parse(const char *text, size_t len, const char *name, const char *dir, const char *registry, bool allows_http,
               struct sc_arena *arena, struct sc_endpoints *out, struct sc_err *err)
{
    sc_cleanup_json root = NULL;
    char *server = NULL;
    const char *url;
    json_t *table;

    if (sc_toml_parse(text, len, name, &root, err) < 0 || sc_json_get_str(root, "server", "", arena, &server, err) < 0)
        return -1;
    json_object_foreach (json_object_get(root, "host"), url, table) {
        if (!json_is_object(table))
            return sc_err_set(err, SC_ERR_INVALID, "%s: host: must be a table", name);
        if (take_host(table, url, dir, registry, arena, out, err) < 0)
            return sc_err_wrap(err, "%s: host \"%.200s\"", name, url);
        out->items[out->count - 1].is_mirror = true;
    }
    if ((server ? take_host(root, server, dir, registry, arena, out, err)
                : take_registry(root, dir, registry, allows_http, arena, out, err)) < 0)
        return sc_err_wrap(err, "%s: server", name);
    return 0;
}

/* ---- directories ------------------------------------------------------------------------------------------ */

static void
config_dirs(struct sc_arena *arena, struct sc_strv *out)
{
    const char *given = getenv("SC_CERTS_D"), *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (given && *given) {
        sc_strv_add(out, arena, given);
        return;
    }
    bool is_user = geteuid() != 0 || sc_process_is_in_user_ns(); /* an ordinary user unpacks as root of a namespace */

    if (is_user && xdg && xdg[0] == '/')
        sc_strv_addf(out, arena, "%s/sc/certs.d", xdg);
    else if (is_user && home && home[0] == '/')
        sc_strv_addf(out, arena, "%s/.config/sc/certs.d", home);
    sc_strv_add(out, arena, "/etc/sc/certs.d");
    sc_strv_add(out, arena, "/etc/containerd/certs.d");
    sc_strv_add(out, arena, "/etc/docker/certs.d");
}

/* The registry's directory, or NULL. A registry's name is a host and a port: it holds no '/'. */
static char *
find_dir(const char *registry, struct sc_arena *arena)
{
    struct sc_strv dirs = {.items = NULL};
    const char *colon = strrchr(registry, ':');
    char *with_port = !colon || strchr(colon, ']')
                          ? NULL
                          : sc_arena_printf(arena, "%.*s_%s_", (int)(colon - registry), registry, colon + 1);

    config_dirs(arena, &dirs);
    for (size_t i = 0; i < dirs.count; i++) {
        /* containerd also knows "host_port_", for file systems without ':' */
        const char *names[] = {registry, with_port, "_default"};

        for (size_t k = 0; k < SC_ARRAY_LEN(names); k++) {
            if (!names[k])
                continue;
            char *dir = sc_arena_printf(arena, "%s/%s", dirs.items[i], names[k]);

            /* lint: the host's own configuration */
            if (dir && faccessat(AT_FDCWD, dir, X_OK, 0) == 0)
                return dir;
        }
    }
    return NULL;
}

/* Docker's layout: authorities, *.crt, and a pair of one name. */
static int
take_cert_dir(const char *path, struct sc_arena *arena, struct sc_endpoint *endpoint, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_dir_open_at(AT_FDCWD, path, err);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!dir)
        return fd < 0 ? -1 : sc_err_errno(err, errno, "read \"%s\"", path);
    (void)sc_steal_fd(&fd);
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if (sc_str_ends(entry->d_name, ".crt")) {
            sc_strv_add(&endpoint->ca_files, arena, file_in(path, entry->d_name, arena));
        } else if (sc_str_ends(entry->d_name, ".cert")) {
            endpoint->cert_file = file_in(path, entry->d_name, arena);
            endpoint->key_file = sc_arena_printf(arena, "%s/%.*s.key", path, (int)(len - 5), entry->d_name);
        }
    }
    return sc_arena_check(arena, err);
}

/* What holds without hosts.toml: the registry itself, by https; by http also where that is allowed. */
static int
add_default(const char *registry, const char *cert_dir, bool allows_insecure, bool is_asked, struct sc_arena *arena,
            struct sc_endpoints *out, struct sc_err *err)
{
    for (int i = 0; i < (allows_insecure ? 2 : 1); i++) {
        struct sc_endpoint *endpoint = add_endpoint(out, arena);
        char *url = i == 0 ? default_server(registry, arena) : sc_arena_printf(arena, "http://%s", registry);

        if (!endpoint || !url)
            return sc_err_nomem(err);
        endpoint->can_pull = endpoint->can_resolve = endpoint->can_push = true;
        endpoint->skip_verify = allows_insecure;
        endpoint->is_unasked = !is_asked;
        if (set_address(endpoint, url, registry, false, arena, err) < 0)
            return -1;
        if (i == 0 && cert_dir && take_cert_dir(cert_dir, arena, endpoint, err) < 0)
            return -1;
        /* Whoever went to the trouble of giving an authority wants it to be checked, unless he says so. */
        if (endpoint->ca_files.count > 0 && !is_asked) {
            endpoint->skip_verify = false;
            break;
        }
    }
    return 0;
}

/* The authorities of all files of an endpoint, one after the other: libcurl takes one file, or this. */
static int
read_authorities(struct sc_endpoint *endpoint, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < endpoint->ca_files.count; i++) {
        /* lint: the host's own configuration */
        if (sc_file_read_at(AT_FDCWD, endpoint->ca_files.items[i], CA_MAX, &text, err) < 0)
            return sc_err_wrap(err, "read the authorities of %s", endpoint->origin);
        sc_buf_adds(&text, "\n");
    }
    if (endpoint->ca_files.count > 0)
        endpoint->ca_pem = sc_arena_strndup(arena, sc_buf_str(&text), text.len);
    return sc_arena_check(arena, err);
}

int
sc_hosts_find(const char *registry, const struct sc_registry_options *options, struct sc_arena *arena,
              struct sc_endpoints *out, struct sc_err *err)
{
    bool allows_insecure = options->has_tls_verify ? !options->tls_verify : sc_host_is_loopback(registry);
    const char *dir = options->certs_dir ? options->certs_dir : find_dir(registry, arena);
    char *file = dir ? sc_arena_printf(arena, "%s/hosts.toml", dir) : NULL;
    sc_cleanup_buf text = SC_BUF_INIT;

    *out = (struct sc_endpoints){.items = NULL};
    /* lint: the host's own configuration */
    if (!file || faccessat(AT_FDCWD, file, F_OK, 0) < 0) {
        if (add_default(registry, dir, allows_insecure, options->has_tls_verify, arena, out, err) < 0)
            return -1;
    } else {
        if (sc_file_read_at(AT_FDCWD, file, HOSTS_MAX, &text, err) < 0 ||
            sc_hosts_parse(sc_buf_str(&text), text.len, file, dir, registry, allows_insecure, arena, out, err) < 0)
            return -1;
        for (size_t i = 0; options->has_tls_verify && i < out->count; i++) {
            out->items[i].skip_verify = !options->tls_verify;
            out->items[i].is_unasked = false;
        }
    }
    for (size_t i = 0; i < out->count; i++) {
        if (read_authorities(&out->items[i], arena, err) < 0)
            return -1;
    }
    return 0;
}
