/* Networks that programs of others make: CNI plugins for root, pasta or slirp4netns without privilege.
 *
 *     start:  <container>/network.json ─ CNI: a createRuntime hook, `sc __network up FILE`, told the pid on its stdin
 *                                      ─ without root: sc_helper_start, as soon as the program is executed, for until
 *                                        then nobody may look at the process's namespaces
 *     end:    the undo operation network-down: `sc __network down FILE`
 *
 * The file is written before anything is made, so whoever finds it can take back what there may be; down removes it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define FILE_NAME    "network.json"
#define STATE_MAX    (1 << 20)
#define SETTLE_MS    2000
#define HELPER_PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define UNPRIVILEGED "/proc/sys/net/ipv4/ip_unprivileged_port_start"

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

bool
sc_network_is_helped(const struct sc_create_options *options)
{
    return options->network.mode == SC_NS_CNI || options->network.mode == SC_NS_USER_NET;
}

/* ---- before the start ---------------------------------------------------------------------------------------------
 */

/* The program of --network pasta or slirp4netns; "auto": whichever is installed. */
static int
find_program(const char *wanted, struct sc_arena *arena, char **out, struct sc_err *err)
{
    static const char *const known[] = {"pasta", "slirp4netns"}, *const dirs[] = {"/usr/local/bin", "/usr/bin", "/bin"};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(wanted, "auto") != 0 && strcmp(wanted, known[i]) != 0)
            continue;
        for (size_t k = 0; k < SC_ARRAY_LEN(dirs); k++) {
            *out = sc_arena_printf(arena, "%s/%s", dirs[k], known[i]);
            if (!*out)
                return sc_err_nomem(err);
            if (faccessat(AT_FDCWD, *out, X_OK, 0) == 0) /* lint: the host's own */
                return 0;
        }
    }
    if (strcmp(wanted, "auto") != 0)
        sc_err_set(err, SC_ERR_NOT_FOUND, "--network %s: the program is not installed", wanted);
    else
        sc_err_set(err, SC_ERR_NOT_FOUND,
                   "a network without root needs pasta or slirp4netns, and neither is installed");
    return sc_err_remedy(err, "install one (Debian: passt, slirp4netns), or use --network none or host");
}

/* tap devices are made with it, in the container's namespace, but by us. */
static int
check_tun(struct sc_err *err)
{
    if (faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, AT_EACCESS) == 0) /* lint: the host's own */
        return 0;
    sc_err_errno(err, errno, "open /dev/net/tun, which a network without root needs");
    return sc_err_remedy(err, "as root: modprobe tun; chmod 666 /dev/net/tun");
}

bool
sc_helper_is_there(struct sc_err *why)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *program = NULL;

    return find_program("auto", &arena, &program, why) == 0 && check_tun(why) == 0;
}

bool
sc_engine_lacks_network(const struct sc_create_options *asked, const struct sc_container *c, struct sc_err *why)
{
    return geteuid() != 0 && asked->network.mode == SC_NS_NONE && !asked->network.value &&
           c->options.network.mode == SC_NS_NONE && !c->options.network.value && !sc_helper_is_there(why);
}

static int
check_low_port(const struct sc_port *port, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    uint32_t first = 1024;

    if (sc_file_read_at(AT_FDCWD, UNPRIVILEGED, SC_NUM_MAX, &text, &ignored) == 0) /* lint: the kernel's own */
        first = (uint32_t)strtoul(sc_buf_str(&text), NULL, 10);
    if (port->host_port >= first)
        return 0;
    sc_err_set(err, SC_ERR_DENIED, "publish port %u/%s: ports below %u are root's", port->host_port,
               sc_proto_name(port->proto), first);
    return sc_err_remedy(err, "choose another, or lower " UNPRIVILEGED);
}

/* Leases say who has a port of the host: their target is no address, as no element of ours leads there. */
static int
take_port(const struct sc_net *net, bool is_root, const char *id, const struct sc_port *port, bool is_dry,
          struct sc_ports *taken, struct sc_err *err)
{
    const struct sc_address nowhere[SC_FAMILIES] = {[SC_V4] = sc_address_v4(0)};

    if (!is_root && port->host_port > 0 && check_low_port(port, err) < 0)
        return -1;
    if (!is_root && port->proto == IPPROTO_SCTP)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "publish port %u/sctp: without root only tcp and udp are forwarded",
                          port->port);
    return sc_lease_port(net, id, nowhere, port, is_dry, taken, err);
}

static int
take_ports(struct sc_engine *engine, const struct sc_container *c, bool is_dry, struct sc_arena *arena, json_t *state,
           struct sc_buf *undo, struct sc_err *err)
{
    struct sc_ports asked = {.items = NULL}, taken = {.items = NULL};
    json_t *list = json_array();
    struct sc_net net;
    int result = 0;

    (void)json_object_set_new(state, "ports", list);
    sc_engine_net(engine, &net);
    if (sc_ports_asked(c, arena, &asked, err) < 0)
        return -1;
    taken.items = SC_ARENA_ARRAY(arena, struct sc_port, asked.count * SC_FAMILIES + 1);
    if (!taken.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < asked.count && result == 0; i++)
        result = take_port(&net, engine->is_root, c->id, &asked.items[i], is_dry, &taken, err);
    /* those that were taken before one was refused, too */
    for (size_t i = 0; i < taken.count; i++) {
        const struct sc_port *p = &taken.items[i];
        char address[SC_NET_ADDRESS_MAX];

        sc_address_format(&p->host_address, address);
        sc_lease_port_undo(&net, c->id, p, undo);
        (void)json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s}", "hostPort", p->host_port, "containerPort",
                                                    p->port, "protocol", sc_proto_name(p->proto), "hostIP",
                                                    sc_address_is_any(&p->host_address) ? "" : address));
    }
    return result;
}

static int
prepare_cni(const struct sc_engine *engine, const struct sc_container *c, json_t **state, struct sc_err *err)
{
    const struct sc_create_options *o = &c->options;

    if (!engine->is_root)
        return sc_err_set(err, SC_ERR_DENIED, "--network cni:%s: plugins of CNI are run by root only",
                          o->network.value);
    if (sc_cni_load(o->network.value, state, err) < 0)
        return sc_err_wrap(err, "--network cni:%s", o->network.value);
    if ((o->publish.count > 0 || o->publish_all) && !sc_cni_can(*state, "portMappings"))
        return sc_err_set(err, SC_ERR_INVALID,
                          "--network cni:%s: none of its plugins publishes ports (capability portMappings)",
                          o->network.value);
    if (o->mac_address && !sc_cni_can(*state, "mac"))
        return sc_err_set(err, SC_ERR_INVALID,
                          "--network cni:%s: none of its plugins takes a --mac-address (capability mac)",
                          o->network.value);
    if (o->ip && !sc_cni_can(*state, "ips"))
        return sc_err_set(err, SC_ERR_INVALID, "--network cni:%s: none of its plugins takes an --ip (capability ips)",
                          o->network.value);
    if (o->mac_address)
        (void)json_object_set_new(*state, "mac", json_string(o->mac_address));
    if (o->ip)
        (void)json_object_set_new(*state, "ips", json_pack("[s]", o->ip));
    return 0;
}

static int
prepare_user(const struct sc_container *c, struct sc_arena *arena, json_t **state, struct sc_err *err)
{
    char *program = NULL;

    if (find_program(c->options.network.value, arena, &program, err) < 0 || check_tun(err) < 0)
        return -1;
    *state = json_pack("{s:s}", "program", program);
    return *state ? 0 : sc_err_nomem(err);
}

static int
add_hook(struct sc_start_job *job, const char *self, const char *file, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_hook_list *list = &job->spec.hooks.create_runtime;
    struct sc_oci_hook *items = SC_ARENA_ARRAY(arena, struct sc_oci_hook, list->count + 1);

    if (!items)
        return sc_err_nomem(err);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    items[list->count] = (struct sc_oci_hook){.path = sc_arena_strdup(arena, self)};
    sc_strv_add(&items[list->count].args, arena, "sc");
    sc_strv_add(&items[list->count].args, arena, "__network");
    sc_strv_add(&items[list->count].args, arena, "up");
    sc_strv_add(&items[list->count].args, arena, file);
    sc_strv_add(&items[list->count].env, arena, HELPER_PATH);
    list->items = items;
    list->count++;
    return sc_arena_check(arena, err);
}

int
sc_helper_prepare(struct sc_engine *engine, const struct sc_container *c, bool is_dry, struct sc_arena *arena,
                  struct sc_start_job *job, struct sc_err *err)
{
    char *file = sc_arena_printf(arena, "%s/" FILE_NAME, job->inputs.container_dir), self[PATH_MAX];
    sc_cleanup_buf undo = SC_BUF_INIT, target = SC_BUF_INIT;
    sc_cleanup_json state = NULL;
    struct sc_err ignored = SC_ERR_INIT;

    if (!file)
        return sc_err_nomem(err);
    if (sc_self_path(self, sizeof(self), err) < 0)
        return -1;
    if ((c->options.network.mode == SC_NS_CNI ? prepare_cni(engine, c, &state, err)
                                              : prepare_user(c, arena, &state, err)) < 0)
        return -1;
    (void)json_object_set_new(state, "id", json_string(c->id));
    (void)json_object_set_new(state, "hosts", json_sprintf("%s/hosts", job->inputs.container_dir));
    (void)json_object_set_new(state, "resolv", json_sprintf("%s/resolv.conf", job->inputs.container_dir));
    (void)json_object_set_new(
        state, "keepsResolv",
        json_boolean(c->options.dns.count + c->options.dns_search.count + c->options.dns_options.count > 0));
    (void)json_object_set_new(state, "hostname", json_string(job->inputs.hostname ? job->inputs.hostname : ""));
    sc_buf_addf(&target, "%s\n%s", self, file);
    sc_undo_add(&undo, SC_UNDO_NETWORK, sc_buf_str(&target));
    /* of a start before the machine's, whose undo was never run */
    if (!is_dry)
        (void)!sc_helper_down(file, &ignored);
    if (take_ports(engine, c, is_dry, arena, state, &undo, err) < 0 ||
        (!is_dry && sc_helper_write(file, state, err) < 0) ||
        (c->options.network.mode == SC_NS_CNI && add_hook(job, self, file, arena, err) < 0) ||
        sc_buf_check(&undo, err) < 0) {
        if (!is_dry)
            (void)!sc_undo_run(sc_buf_str(&undo), &ignored);
        return -1;
    }
    job->ask.net.undo = sc_arena_strdup(arena, sc_buf_str(&undo));
    return sc_arena_check(arena, err);
}

/* ---- up: in the hook's process -------------------------------------------------------------------------------------
 */

/* Its own line in /etc/hosts: the file is bound into the container already. */
static void
add_host(const json_t *state)
{
    struct sc_cni_address found;
    sc_cleanup_fd fd = open(text_of(state, "hosts"), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC); /* lint: engine's */

    sc_cni_result(state, &found);
    if (fd >= 0 && *found.address)
        (void)dprintf(fd, "%.*s\t%s\n", (int)strcspn(found.address, "/"), found.address, text_of(state, "hostname"));
}

/* What the plugins say of name servers, unless --dns or its like has said it: the file is bound in, by its inode. */
static void
write_resolv(const json_t *state)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd fd = -1;

    sc_cni_resolv(state, &text);
    if (text.len == 0 || text.has_failed || json_is_true(json_object_get(state, "keepsResolv")))
        return;
    fd = open(text_of(state, "resolv"), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC); /* lint: engine's */
    if (fd >= 0)
        (void)!sc_io_write_all(fd, text.data, text.len, &ignored);
}

/* "127.0.0.1/8080:80,9090:90" of one protocol; "none" without any. */
static char *
forwards(const json_t *state, const char *proto, struct sc_arena *arena)
{
    const json_t *ports = json_object_get(state, "ports");
    sc_cleanup_buf out = SC_BUF_INIT;

    for (size_t i = 0; i < json_array_size(ports); i++) {
        const json_t *p = json_array_get(ports, i);
        const char *address = text_of(p, "hostIP");

        if (strcmp(text_of(p, "protocol"), proto) == 0)
            sc_buf_addf(&out, "%s%s%s%d:%d", out.len ? "," : "", address, *address ? "/" : "",
                        (int)json_integer_value(json_object_get(p, "hostPort")),
                        (int)json_integer_value(json_object_get(p, "containerPort")));
    }
    return sc_arena_strdup(arena, out.len ? sc_buf_str(&out) : "none");
}

/* Its last line that says why: it complains between them that there is no syslog. */
static const char *
last_words(struct sc_buf *said)
{
    const char *found = "it failed and said nothing";

    for (char *line = said->len > 0 ? said->data : NULL; line && *line;) {
        char *next = strchr(line, '\n');

        if (next)
            *next++ = '\0';
        if (*line && !strstr(line, "syslog"))
            found = line;
        line = next;
    }
    return found;
}

/* pasta goes into the background by itself, once all is set up. Its pid is in a file of its own. */
static int
run_pasta(json_t *state, const char *file, pid_t pid, struct sc_err *err)
{
    static const char *const env[] = {HELPER_PATH, NULL};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *pid_file = sc_arena_printf(&arena, "%s.pid", file), *errors = sc_arena_printf(&arena, "%s.err", file);
    sc_cleanup_buf text = SC_BUF_INIT, said = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_strv argv = {.items = NULL};
    sc_cleanup_fd log = -1;
    int status = 0;
    pid_t helper;

    sc_strv_add(&argv, &arena, text_of(state, "program"));
    sc_strv_add(&argv, &arena, "--config-net");
    sc_strv_add(&argv, &arena, "--quiet");
    sc_strv_add(&argv, &arena, "--ns-ifname");
    sc_strv_add(&argv, &arena, "eth0");
    sc_strv_addf(&argv, &arena, "--pid=%s", pid_file);
    sc_strv_addf(&argv, &arena, "--tcp-ports=%s", forwards(state, "tcp", &arena));
    sc_strv_addf(&argv, &arena, "--udp-ports=%s", forwards(state, "udp", &arena));
    sc_strv_add(&argv, &arena, "--tcp-ns=none");
    sc_strv_add(&argv, &arena, "--udp-ns=none");
    sc_strv_addf(&argv, &arena, "%d", (int)pid);
    if (sc_arena_check(&arena, err) < 0)
        return -1;
    log = open(errors, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* lint: the engine's own */
    if (log < 0)
        return sc_err_errno(err, errno, "create \"%s\"", errors);
    if (sc_spawn_wait((const char *const *)argv.items, env, -1, log, log, &status, err) < 0)
        return -1;
    (void)lseek(log, 0, SEEK_SET);
    (void)!sc_file_read_fd(log, STATE_MAX, &said, &ignored);
    (void)unlinkat(AT_FDCWD, errors, 0); /* lint: the engine's own */
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return sc_err_set(err, SC_ERR_KERNEL, "pasta: %s", last_words(&said));
    if (sc_file_read_at(AT_FDCWD, pid_file, SC_NUM_MAX, &text, err) < 0) /* lint: the engine's own */
        return -1;
    helper = (pid_t)strtol(sc_buf_str(&text), NULL, 10);
    (void)json_object_set_new(state, "pid", json_integer(helper));
    (void)json_object_set_new(state, "startTime", json_integer((json_int_t)sc_process_start_time(helper)));
    return 0;
}

int
sc_helper_up(const char *file, pid_t pid, struct sc_err *err)
{
    sc_cleanup_json state = NULL;
    const char *program;

    if (sc_json_read_at(AT_FDCWD, file, STATE_MAX, &state, err) < 0) /* lint: the engine's own */
        return -1;
    program = text_of(state, "program");
    if (!*program) {
        if (sc_cni_add(state, pid, err) < 0)
            return -1;
        add_host(state);
        write_resolv(state);
    } else if ((sc_str_ends(program, "/pasta") ? run_pasta(state, file, pid, err)
                                               : sc_slirp_run(state, file, pid, err)) < 0) {
        return -1;
    }
    return sc_helper_write(file, state, err);
}

int
sc_helper_start(const struct sc_inputs *in, pid_t pid, struct sc_err *err)
{
    char path[PATH_MAX];

    if (in->container->options.network.mode != SC_NS_USER_NET)
        return 0;
    (void)snprintf(path, sizeof(path), "%s/" FILE_NAME, in->container_dir);
    return sc_helper_up(path, pid, err);
}

void
sc_helper_explain(const struct sc_create_options *o, struct sc_err *err)
{
    const char *plugin = strstr(err->msg, "sc: CNI plugin");

    if (o->network.mode != SC_NS_CNI || !plugin)
        return;
    plugin += strlen("sc: ");
    memmove(err->msg, plugin, strlen(plugin) + 1);
    (void)sc_err_wrap(err, "--network cni:%s", o->network.value);
}

/* ---- down -----------------------------------------------------------------------------------------------------------
 */

/* By the pid that it wrote itself where it had not come so far as to be recorded. */
static void
stop_helper(const json_t *state, const char *file)
{
    pid_t pid = (pid_t)json_integer_value(json_object_get(state, "pid"));
    uint64_t start = (uint64_t)json_integer_value(json_object_get(state, "startTime"));
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *pid_file = sc_arena_printf(&arena, "%s.pid", file);
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd pidfd = -1;

    if (pid > 0)
        pidfd = sc_pidfd_open(pid, start, &ignored);
    if (pidfd >= 0 && sc_pidfd_kill(pidfd, SIGTERM, &ignored) == 0 && !sc_pidfd_wait(pidfd, SETTLE_MS)) {
        (void)!sc_pidfd_kill(pidfd, SIGKILL, &ignored);
        (void)sc_pidfd_wait(pidfd, SETTLE_MS);
    }
    if (pid_file)
        (void)unlinkat(AT_FDCWD, pid_file, 0); /* lint: the engine's own */
}

int
sc_helper_down(const char *file, struct sc_err *err)
{
    sc_cleanup_json state = NULL;
    struct sc_err absent = SC_ERR_INIT;
    int result = 0;

    if (sc_json_read_at(AT_FDCWD, file, STATE_MAX, &state, &absent) < 0) { /* lint: the engine's own */
        if (absent.errnum == ENOENT)
            return 0;
        *err = absent;
        return -1;
    }
    if (*text_of(state, "program"))
        stop_helper(state, file);
    else
        result = sc_cni_del(state, err);
    if (result == 0 && unlinkat(AT_FDCWD, file, 0) < 0 && errno != ENOENT) /* lint: the engine's own */
        return sc_err_errno(err, errno, "remove \"%s\"", file);
    return result;
}

void
sc_helper_recover(const struct sc_engine *engine, const char *id)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *file = sc_arena_printf(&arena, "%s/container/%s/" FILE_NAME, engine->data_path, id);
    struct sc_err ignored = SC_ERR_INIT; /* a plugin that is gone must not keep its container */

    if (file)
        (void)!sc_helper_down(file, &ignored);
}

/* ---- for inspect
 * ------------------------------------------------------------------------------------------------------ */

json_t *
sc_helper_state(const struct sc_engine *engine, const struct sc_container *c)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd dir = sc_engine_data_dir(engine, c->id, &ignored);
    json_t *state = NULL;

    return dir >= 0 && sc_json_read_at(dir, FILE_NAME, STATE_MAX, &state, &ignored) == 0 ? state : NULL;
}
