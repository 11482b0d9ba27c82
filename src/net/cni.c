/* Networks that CNI plugins make (cni.dev, spec 0.3.1 to 1.1): --network cni:NAME finds the configuration of that name,
 * and its plugins are run one after another. What must be known to take it back is one JSON object, the state, which
 * engine keeps in a file: {"id", "conf", "path", "ports", "mac", "ips", "result"}. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "net/net-priv.h"

#define CONF_DIR     "/etc/cni/net.d"
#define PLUGIN_PATH  "/opt/cni/bin:/usr/lib/cni"
#define CONF_MAX     (1 << 20)
#define OUTPUT_MAX   (1 << 20)
#define TYPE_MAX     64
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* ---- configurations --------------------------------------------------------------------------------------------- */

static bool
is_conf_name(const char *file)
{
    return file[0] != '.' &&
           (sc_str_ends(file, ".conflist") || sc_str_ends(file, ".conf") || sc_str_ends(file, ".json"));
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list_confs(const char *path, int *dir_fd, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    sc_cleanup_dir dir = NULL;
    struct dirent *item;

    *dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the administrator's own */
    if (*dir_fd < 0)
        return sc_err_errno(err, errno, "read CNI's configurations in \"%s\"", path);
    dir = opendir(path); /* lint: the same */
    if (!dir)
        return sc_err_errno(err, errno, "read CNI's configurations in \"%s\"", path);
    for (errno = 0; (item = readdir(dir)) != NULL; errno = 0) {
        if (is_conf_name(item->d_name))
            sc_strv_add(out, arena, item->d_name);
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read CNI's configurations in \"%s\"", path);
    if (out->count > 1)
        qsort(out->items, out->count, sizeof(*out->items), by_text);
    return sc_arena_check(arena, err);
}

/* A single plugin is a list of one. */
static json_t *
as_list(json_t *conf)
{
    json_t *list, *version;

    if (json_is_array(json_object_get(conf, "plugins")))
        return json_incref(conf);
    list = json_pack("{s:O, s:[O]}", "name", json_object_get(conf, "name"), "plugins", conf);
    version = json_object_get(conf, "cniVersion");
    if (list && version)
        (void)json_object_set(list, "cniVersion", version);
    return list;
}

/* "bridge" in the directories of path, or NULL. */
static char *
find_plugin(const char *type, const char *path, struct sc_arena *arena)
{
    if (!*type || strlen(type) > TYPE_MAX || strchr(type, '/'))
        return NULL;
    while (*path) {
        size_t len = strcspn(path, ":");
        char *program = sc_arena_printf(arena, "%.*s/%s", (int)len, path, type);

        if (len > 0 && program && faccessat(AT_FDCWD, program, X_OK, 0) == 0) /* lint: the administrator's own */
            return program;
        path += len + (path[len] == ':');
    }
    return NULL;
}

static int
check_plugins(const json_t *list, const char *path, const char *name, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const json_t *plugins = json_object_get(list, "plugins");

    if (json_array_size(plugins) == 0)
        return sc_err_set(err, SC_ERR_INVALID, "CNI network \"%s\" has no plugins", name);
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        const char *type = text_of(json_array_get(plugins, i), "type");

        if (!find_plugin(type, path, &arena)) {
            sc_err_set(err, SC_ERR_NOT_FOUND, "CNI network \"%s\": its plugin \"%s\" is in none of \"%s\"", name, type,
                       path);
            return sc_err_remedy(err, "install it (Debian: containernetworking-plugins), or set CNI_PATH");
        }
    }
    return 0;
}

static bool
can(const json_t *plugin, const char *capability)
{
    return json_is_true(json_object_get(json_object_get(plugin, "capabilities"), capability));
}

int
sc_cni_load(const char *name, json_t **out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *dir_path = getenv("NETCONFPATH"), *path = getenv("CNI_PATH");
    struct sc_strv files = {.items = NULL};
    sc_cleanup_fd dir = -1;

    dir_path = dir_path && *dir_path ? dir_path : CONF_DIR;
    path = path && *path ? path : PLUGIN_PATH;
    if (list_confs(dir_path, &dir, &arena, &files, err) < 0)
        return -1;
    for (size_t i = 0; i < files.count; i++) {
        sc_cleanup_json conf = NULL;
        sc_cleanup_json list = NULL;
        struct sc_err damaged = SC_ERR_INIT;

        /* one that is damaged is another network's trouble */
        if (sc_json_read_at(dir, files.items[i], CONF_MAX, &conf, &damaged) < 0 ||
            strcmp(text_of(conf, "name"), name) != 0)
            continue;
        list = as_list(conf);
        if (!list)
            return sc_err_nomem(err);
        if (check_plugins(list, path, name, err) < 0)
            return -1;
        *out = json_pack("{s:O, s:s}", "conf", list, "path", path);
        return *out ? 0 : sc_err_nomem(err);
    }
    return sc_err_set(err, SC_ERR_NOT_FOUND, "no such CNI network: \"%s\" (in \"%s\")", name, dir_path);
}

bool
sc_cni_can(const json_t *state, const char *capability)
{
    const json_t *plugins = json_object_get(json_object_get(state, "conf"), "plugins");

    for (size_t i = 0; i < json_array_size(plugins); i++) {
        if (can(json_array_get(plugins, i), capability))
            return true;
    }
    return false;
}

/* ---- running ------------------------------------------------------------------------------------------------------
 */

/* What a plugin reads: its own part, with the list's name and version, what it is capable of, and what came before. */
static json_t *
config_of(const json_t *state, const json_t *plugin, json_t *previous)
{
    static const struct {
        const char *capability, *member;
    } known[] = {{"portMappings", "ports"}, {"mac", "mac"}, {"ips", "ips"}};
    const json_t *list = json_object_get(state, "conf");
    json_t *out = json_copy((json_t *)plugin), *runtime = json_object();
    const char *version = text_of(list, "cniVersion");

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        json_t *value = json_object_get(state, known[i].member);

        if (can(plugin, known[i].capability) && value)
            (void)json_object_set(runtime, known[i].capability, value);
    }
    (void)json_object_del(out, "capabilities");
    (void)json_object_set(out, "name", json_object_get(list, "name"));
    (void)json_object_set_new(out, "cniVersion", json_string(*version ? version : "0.2.0"));
    if (json_object_size(runtime) > 0)
        (void)json_object_set(out, "runtimeConfig", runtime);
    if (previous)
        (void)json_object_set(out, "prevResult", previous);
    json_decref(runtime);
    return out;
}

static int
memory_file(const char *name, const struct sc_buf *text, struct sc_err *err)
{
    sc_cleanup_fd fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (text && (sc_io_write_all(fd, text->data, text->len, err) < 0 || lseek(fd, 0, SEEK_SET) < 0))
        return -1;
    return sc_steal_fd(&fd);
}

static int
read_back(int fd, struct sc_buf *out, struct sc_err *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "read what a plugin has said");
    return sc_file_read_fd(fd, OUTPUT_MAX, out, err);
}

/* The first of these that says something, on one line: the message of its error object, what it wrote to its standard
 * error, what it wrote instead of an object, how it ended. */
static int
complain(const char *type, const char *command, const struct sc_buf *output, int errors, int status, struct sc_err *err)
{
    sc_cleanup_json object = NULL;
    sc_cleanup_buf said = SC_BUF_INIT, line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    bool is_object = output->len > 0 && sc_json_parse(output->data, output->len, "answer", &object, &ignored) == 0 &&
                     *text_of(object, "msg");

    if (is_object)
        sc_buf_addf(&line, "%s%s%s", text_of(object, "msg"), *text_of(object, "details") ? ": " : "",
                    text_of(object, "details"));
    else if (read_back(errors, &said, &ignored) == 0 && said.len > 0)
        sc_buf_add(&line, sc_buf_str(&said), strcspn(sc_buf_str(&said), "\n"));
    else if (output->len > 0)
        sc_buf_add(&line, output->data, output->len);
    else if (WIFSIGNALED(status))
        sc_buf_addf(&line, "it was killed by signal %d", WTERMSIG(status));
    else
        sc_buf_adds(&line, "it failed and said nothing");
    while (line.len > 0 && line.data[line.len - 1] == '\n')
        line.len--;
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.data[i] < ' ')
            line.data[i] = ' ';
    }
    return sc_err_set(err, SC_ERR_KERNEL, "CNI plugin \"%s\", %s: %.*s", type, command, (int)line.len,
                      line.len ? line.data : "");
}

static int
run_plugin(const json_t *state, const json_t *plugin, const char *command, const char *netns, json_t *previous,
           json_t **result, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *type = text_of(plugin, "type");
    char *program = find_plugin(type, text_of(state, "path"), &arena);
    const char *argv[] = {program, NULL};
    sc_cleanup_json config = config_of(state, plugin, previous);
    sc_cleanup_buf text = SC_BUF_INIT, output = SC_BUF_INIT;
    sc_cleanup_fd in = -1, out = -1, errors = -1;
    struct sc_strv env = {.items = NULL};
    int status = 0;

    if (!program)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "CNI plugin \"%s\" is in none of \"%s\"", type,
                          text_of(state, "path"));
    sc_strv_addf(&env, &arena, "CNI_COMMAND=%s", command);
    sc_strv_addf(&env, &arena, "CNI_CONTAINERID=%s", text_of(state, "id"));
    sc_strv_addf(&env, &arena, "CNI_NETNS=%s", netns);
    sc_strv_add(&env, &arena, "CNI_IFNAME=eth0");
    sc_strv_add(&env, &arena, "CNI_ARGS=IgnoreUnknown=1");
    sc_strv_addf(&env, &arena, "CNI_PATH=%s", text_of(state, "path"));
    sc_strv_add(&env, &arena, "PATH=" PROGRAM_PATH);
    if (sc_arena_check(&arena, err) < 0 || sc_json_dump(config, &text, err) < 0)
        return -1;
    in = memory_file("cni-config", &text, err);
    out = in < 0 ? -1 : memory_file("cni-result", NULL, err);
    errors = out < 0 ? -1 : memory_file("cni-errors", NULL, err);
    if (errors < 0 || sc_spawn_wait(argv, (const char *const *)env.items, in, out, errors, &status, err) < 0 ||
        read_back(out, &output, err) < 0)
        return sc_err_wrap(err, "CNI plugin \"%s\"", type);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return complain(type, command, &output, errors, status, err);
    if (!result)
        return 0;
    return sc_json_parse(output.data, output.len, "its answer", result, err) < 0
               ? sc_err_wrap(err, "CNI plugin \"%s\", %s", type, command)
               : 0;
}

int
sc_cni_add(json_t *state, pid_t pid, struct sc_err *err)
{
    const json_t *plugins = json_object_get(json_object_get(state, "conf"), "plugins");
    sc_cleanup_json result = NULL;
    char netns[64];

    (void)snprintf(netns, sizeof(netns), "/proc/%d/ns/net", (int)pid);
    for (size_t i = 0; i < json_array_size(plugins); i++) {
        json_t *next = NULL;

        if (run_plugin(state, json_array_get(plugins, i), "ADD", netns, result, &next, err) < 0)
            return -1;
        json_decref(result);
        result = next;
    }
    return json_object_set(state, "result", result) < 0 ? sc_err_nomem(err) : 0;
}

/* Without the namespace, which has ended: plugins forget addresses and ports. The last comes first; one that fails does
 * not keep the others. */
int
sc_cni_del(const json_t *state, struct sc_err *err)
{
    const json_t *plugins = json_object_get(json_object_get(state, "conf"), "plugins");
    int result = 0;

    for (size_t i = json_array_size(plugins); i-- > 0;) {
        struct sc_err one = SC_ERR_INIT;

        if (run_plugin(state, json_array_get(plugins, i), "DEL", "", json_object_get(state, "result"), NULL, &one) ==
                0 ||
            result < 0)
            continue;
        *err = one;
        result = -1;
    }
    return result;
}

/* ---- what came out ------------------------------------------------------------------------------------------------
 */

/* "10.1.2.3/24" of the first IPv4 address, its gateway and the link's MAC address; "" each where there is none. */
void
sc_cni_result(const json_t *state, struct sc_cni_address *out)
{
    const json_t *result = json_object_get(state, "result"), *ips = json_object_get(result, "ips"),
                 *links = json_object_get(result, "interfaces");

    *out = (struct sc_cni_address){.address = "", .gateway = "", .mac = ""};
    for (size_t i = json_array_size(ips); i-- > 0;) {
        const json_t *ip = json_array_get(ips, i);

        if (strchr(text_of(ip, "address"), ':'))
            continue;
        out->address = text_of(ip, "address");
        out->gateway = text_of(ip, "gateway");
    }
    for (size_t i = json_array_size(links); i-- > 0;) {
        const json_t *link = json_array_get(links, i);

        if (strcmp(text_of(link, "name"), "eth0") == 0 && *text_of(link, "sandbox"))
            out->mac = text_of(link, "mac");
    }
}

static void
add_words(const char *word, const json_t *list, struct sc_buf *out)
{
    sc_buf_adds(out, word);
    for (size_t i = 0; i < json_array_size(list); i++)
        sc_buf_addf(out, " %s", json_string_value(json_array_get(list, i)));
    sc_buf_addc(out, '\n');
}

static bool
are_lines(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (!text || strpbrk(text, "\r\n"))
            return false;
    }
    return json_array_size(list) > 0;
}

void
sc_cni_resolv(const json_t *state, struct sc_buf *out)
{
    const json_t *dns = json_object_get(json_object_get(state, "result"), "dns"),
                 *servers = json_object_get(dns, "nameservers"), *search = json_object_get(dns, "search"),
                 *options = json_object_get(dns, "options");
    const char *domain = text_of(dns, "domain");

    if (!are_lines(servers))
        return;
    for (size_t i = 0; i < json_array_size(servers); i++)
        sc_buf_addf(out, "nameserver %s\n", json_string_value(json_array_get(servers, i)));
    if (are_lines(search))
        add_words("search", search, out);
    else if (*domain && !strpbrk(domain, "\r\n"))
        sc_buf_addf(out, "search %s\n", domain);
    if (are_lines(options))
        add_words("options", options, out);
}
