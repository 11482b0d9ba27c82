/* What is asked of the engine as a whole: ping, version, info, df, events, a login; and what containers use. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/api-priv.h"

static int
ping(struct sc_api_call *call)
{
    return sc_api_answer(
        call, 200, "text/plain; charset=utf-8",
        "Cache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\nBuilder-Version: 1\r\n", "OK", 2);
}

static int
version(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "version", "--format=json", NULL);
    sc_cleanup_json told = NULL;
    const json_t *server;
    json_t *out, *engine;
    char max[16], min[16];

    if (sc_api_run_json(call, &words, &told) < 0)
        return -1;
    server = json_object_get(told, "Server");
    (void)snprintf(max, sizeof(max), "1.%d", SC_API_MINOR_MAX);
    (void)snprintf(min, sizeof(min), "1.%d", SC_API_MINOR_MIN);
    out = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "ApiVersion", max, "MinAPIVersion", min, "GitCommit", "",
                    "GoVersion", "", "Os", sc_api_str_at(server, "Os"), "Arch", sc_api_str_at(server, "Arch"),
                    "KernelVersion", sc_api_str_at(server, "KernelVersion"), "BuildTime", "");
    /* the same once more, where newer clients look */
    engine = json_pack("{s:s,s:s,s:o}", "Name", "Engine", "Version", sc_api_str_at(server, "Version"), "Details",
                       json_copy(out));
    (void)json_object_set_new(json_object_get(engine, "Details"), "Experimental", json_string("false"));
    (void)json_object_set_new(out, "Version", json_string(sc_api_str_at(server, "Version")));
    (void)json_object_set_new(out, "Platform", json_pack("{s:s}", "Name", "sc"));
    (void)json_object_set_new(out, "Components", json_pack("[o]", engine));
    return sc_api_answer_json(call, 200, out);
}

static int
info(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "info", "--format=json", NULL);
    static const char *const empty_lists[] = {"DriverStatus", "Warnings", "Labels"};
    static const char *const yes[] = {"MemoryLimit",    "SwapLimit",       "CpuCfsPeriod", "CpuCfsQuota",
                                      "CPUShares",      "CPUSet",          "PidsLimit",    "IPv4Forwarding",
                                      "OomKillDisable", "BridgeNfIptables"};
    json_t *out = NULL;

    if (sc_api_run_json(call, &words, &out) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(empty_lists); i++)
        (void)json_object_set_new(out, empty_lists[i], json_array());
    for (size_t i = 0; i < SC_ARRAY_LEN(yes); i++)
        (void)json_object_set_new(out, yes[i], json_true());
    (void)json_object_set_new(out, "ID", json_string(sc_api_str_at(out, "Name")));
    (void)json_object_set_new(out, "OperatingSystem", json_string("Linux"));
    (void)json_object_set_new(out, "IndexServerAddress", json_string("https://index.docker.io/v1/"));
    (void)json_object_set_new(out, "DefaultRuntime", json_string("sc"));
    (void)json_object_set_new(out, "Runtimes", json_pack("{s:{s:s}}", "sc", "path", "sc"));
    (void)json_object_set_new(out, "Swarm", json_pack("{s:s,s:s}", "NodeID", "", "LocalNodeState", "inactive"));
    (void)json_object_set_new(out, "Plugins",
                              json_pack("{s:[s],s:[s,s,s],s:n,s:[s,s]}", "Volume", "local", "Network", "bridge",
                                        "macvlan", "ipvlan", "Authorization", "Log", "json-file", "local"));
    return sc_api_answer_json(call, 200, out);
}

/* ---- disk space ------------------------------------------------------------------------------------------------- */

/* "4.28MB" to bytes, of three or four digits. */
static json_int_t
bytes_of(const char *text)
{
    static const char units[] = "kMGTPE";
    double value = strtod(text, NULL), factor = 1;
    const char *unit = text + strspn(text, "0123456789.");

    for (const char *at = *unit ? strchr(units, *unit) : NULL; at && at >= units; at--)
        factor *= 1000;
    return (json_int_t)(value * factor);
}

static int
df(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "system", "df", "--verbose", "--format=json", NULL);
    sc_cleanup_json told = NULL;
    json_t *images = json_array(), *containers = json_array(), *volumes = json_array(), *one;
    json_int_t layers = 0;
    size_t i;

    if (sc_api_run_json(call, &words, &told) == 0) {
        json_array_foreach (json_object_get(told, "Images"), i, one) {
            json_int_t size = bytes_of(sc_api_str_at(one, "Size"));
            const char *repository = sc_api_str_at(one, "Repository"), *tag = sc_api_str_at(one, "Tag");
            json_t *tags = json_array();

            if (*tag && strcmp(tag, "<none>") != 0)
                (void)json_array_append_new(tags, json_sprintf("%s:%s", repository, tag));
            layers += bytes_of(sc_api_str_at(one, "UniqueSize"));
            (void)json_array_append_new(
                images, json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:I}", "Id", sc_api_str_at(one, "ID"), "RepoTags", tags,
                                  "Size", size, "VirtualSize", size, "SharedSize",
                                  bytes_of(sc_api_str_at(one, "SharedSize")), "Created", (json_int_t)0, "Containers",
                                  (json_int_t)strtol(sc_api_str_at(one, "Containers"), NULL, 10)));
        }
        json_array_foreach (json_object_get(told, "Containers"), i, one) {
            (void)json_array_append_new(
                containers, json_pack("{s:s,s:[o],s:s,s:s,s:s,s:s,s:I,s:I,s:[]}", "Id", sc_api_str_at(one, "ID"),
                                      "Names", json_sprintf("/%s", sc_api_str_at(one, "Names")), "Image",
                                      sc_api_str_at(one, "Image"), "State", sc_api_str_at(one, "State"), "Status",
                                      sc_api_str_at(one, "Status"), "Command", sc_api_str_at(one, "Command"), "SizeRw",
                                      bytes_of(sc_api_str_at(one, "Size")), "Created", (json_int_t)0, "Mounts"));
        }
        json_array_foreach (json_object_get(told, "Volumes"), i, one)
            (void)json_array_append_new(
                volumes, json_pack("{s:s,s:s,s:s,s:s,s:{s:I,s:I}}", "Name", sc_api_str_at(one, "Name"), "Driver",
                                   sc_api_str_at(one, "Driver"), "Mountpoint", sc_api_str_at(one, "Mountpoint"),
                                   "Scope", "local", "UsageData", "Size", bytes_of(sc_api_str_at(one, "Size")),
                                   "RefCount", (json_int_t)strtol(sc_api_str_at(one, "Links"), NULL, 10)));
    }
    one = json_pack("{s:I,s:o,s:o,s:o,s:[]}", "LayersSize", layers, "Images", images, "Containers", containers,
                    "Volumes", volumes, "BuildCache");
    if (!told) {
        json_decref(one);
        return -1;
    }
    return sc_api_answer_json(call, 200, one);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

static int
events(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "events", "--format=json", NULL);
    static const char *const times[] = {"since", "until"};
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    struct sc_err err = SC_ERR_INIT;

    for (size_t i = 0; i < SC_ARRAY_LEN(times); i++) {
        const char *value = sc_api_query(&call->request, times[i]);

        if (value && *value && strcmp(value, "0") != 0)
            sc_strv_addf(&words, call->arena, "--%s=%s", times[i], sc_api_time(call->arena, value));
    }
    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    /* sc prints events and nothing else: the answer may begin before the first */
    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0 ||
        sc_api_stream_begin(call, "application/json", NULL, false) < 0 || sc_api_pass(call, &child, NULL, NULL) < 0)
        return -1;
    return sc_api_stream_end(call);
}

/* ---- login ------------------------------------------------------------------------------------------------------ */

static int
auth(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "login", "--password-stdin", NULL);
    sc_cleanup_json body = NULL;
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;
    const char *password, *server;
    char name[64];
    int code = -1;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    password = sc_api_str_at(body, "password");
    server = sc_api_str_at(body, "serveraddress");
    /* It is the client that keeps a login; what sc writes goes. */
    (void)snprintf(name, sizeof(name), "login-%d", (int)getpid());
    sc_strv_addf(&words, call->arena, "--authfile=%s/api/%s", call->server->run_root, name);
    sc_strv_addf(&words, call->arena, "--username=%s", sc_api_str_at(body, "username"));
    sc_strv_add(&words, call->arena, "--");
    if (*server)
        sc_strv_add(&words, call->arena, server);
    if (sc_api_spawn(call, &words, SC_API_IN | SC_API_OUT | SC_API_ERR, NULL, &child) == 0 &&
        fcntl(child.in, F_SETFL, 0) == 0 && sc_io_write_all(child.in, password, strlen(password), &call->err) == 0) {
        sc_closep(&child.in);
        if (sc_file_read_fd(child.err, SC_API_BODY_MAX, &said, &call->err) == 0)
            code = sc_api_child_wait(&child);
    }
    (void)unlinkat(call->server->dir_fd, name, 0);
    if (code > 0) {
        (void)sc_api_fail_child(call, &child, sc_buf_str(&said), code);
        call->status = call->status == 500 ? 500 : 401;
    }
    if (code != 0)
        return -1;
    return sc_api_answer_json(call, 200, json_pack("{s:s,s:s}", "IdentityToken", "", "Status", "Login Succeeded"));
}

/* ---- what a container uses -------------------------------------------------------------------------------------- */

static json_int_t
raw(const json_t *row, const char *path)
{
    return json_integer_value(sc_api_at(row, path));
}

static json_t *
cpu_of(const json_t *look, json_int_t cpus)
{
    return json_pack("{s:{s:I,s:I,s:I,s:n},s:I,s:I,s:{s:I,s:I,s:I}}", "cpu_usage", "total_usage", raw(look, "cpu_ns"),
                     "usage_in_usermode", raw(look, "cpu_user_ns"), "usage_in_kernelmode", raw(look, "cpu_system_ns"),
                     "percpu_usage", /* all that the host's CPUs could have given: what a share is counted of */
                     "system_cpu_usage", raw(look, "when") * cpus, "online_cpus", cpus, "throttling_data", "periods",
                     raw(look, "periods"), "throttled_periods", raw(look, "throttled_periods"), "throttled_time",
                     raw(look, "throttled_ns"));
}

static json_t *
stats_of(const json_t *row, json_int_t cpus, bool is_first)
{
    const json_t *now = json_object_get(row, "now"), *before = json_object_get(row, "before");
    char time[SC_TIME_MAX], last[SC_TIME_MAX], name[256];
    json_t *out;

    sc_time_format(sc_time_now(), time);
    sc_time_format(sc_time_now() - (raw(now, "when") - raw(before, "when")), last);
    (void)snprintf(name, sizeof(name), "/%s", sc_api_str_at(row, "name"));
    out = json_pack("{s:s,s:s,s:{s:I,s:I},s:{s:[{s:I,s:s,s:s,s:I},{s:I,s:s,s:s,s:I}]},s:I,s:{},s:s,s:s}", "read", time,
                    "preread", is_first ? "0001-01-01T00:00:00Z" : last, "pids_stats", "current", raw(now, "pids"),
                    "limit", raw(now, "pids_limit"), "blkio_stats", "io_service_bytes_recursive", "major",
                    (json_int_t)0, "op", "read", "name", "", "value", raw(now, "read_bytes"), "major", (json_int_t)0,
                    "op", "write", "name", "", "value", raw(now, "written_bytes"), "num_procs", (json_int_t)0,
                    "storage_stats", "name", name, "id", sc_api_str_at(row, "id"));
    (void)json_object_set_new(out, "cpu_stats", cpu_of(now, cpus));
    (void)json_object_set_new(out, "precpu_stats", cpu_of(before, cpus));
    (void)json_object_set_new(out, "memory_stats",
                              json_pack("{s:I,s:I,s:{s:I,s:I}}", "usage", raw(now, "memory"), "limit",
                                        raw(now, "memory_limit"), "stats", "total_inactive_file",
                                        raw(now, "inactive_file"), "inactive_file", raw(now, "inactive_file")));
    (void)json_object_set_new(
        out, "networks",
        json_pack("{s:{s:I,s:I}}", "eth0", "rx_bytes", raw(now, "received"), "tx_bytes", raw(now, "sent")));
    return out;
}

static int
stats(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "stats", "--all", "--no-trunc", "--format={{json .Raw}}", NULL);
    const char *stream = sc_api_query(&call->request, "stream");
    bool is_once = stream && !sc_api_query_is(&call->request, "stream"), is_first = true;
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    json_int_t cpus = sysconf(_SC_NPROCESSORS_ONLN);
    char *id, piece[4096];

    if (sc_api_container_id(call, call->word, &id, NULL) < 0)
        return -1;
    if (is_once)
        sc_strv_add(&words, call->arena, "--no-stream");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, id);
    if (sc_api_spawn(call, &words, SC_API_OUT, NULL, &child) < 0 ||
        sc_api_stream_begin(call, "application/json", NULL, false) < 0)
        return -1;
    for (;;) {
        struct pollfd fds[2] = {{.fd = child.out, .events = POLLIN}, {.fd = call->fd, .events = POLLRDHUP}};
        char *newline;
        ssize_t n;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            return -1;
        n = read(child.out, piece, sizeof(piece));
        if (n <= 0)
            return sc_api_stream_end(call);
        sc_buf_add(&text, piece, (size_t)n);
        while (text.data && (newline = strchr(text.data, '\n'))) {
            sc_cleanup_json row = NULL, *shown = NULL;
            sc_cleanup_buf line = SC_BUF_INIT;
            size_t used = (size_t)(newline - text.data) + 1;

            if (used > 1 && sc_json_parse(text.data, used - 1, "stats", &row, &call->err) < 0)
                return -1;
            memmove(text.data, newline + 1, text.len - used + 1);
            text.len -= used;
            shown = row ? stats_of(row, cpus, is_first && !is_once) : NULL;
            if (!shown)
                continue;
            is_first = false;
            if (sc_json_dump(shown, &line, &call->err) < 0)
                return -1;
            sc_buf_addc(&line, '\n');
            if (sc_api_stream_write(call, line.data, line.len) < 0)
                return -1;
        }
    }
}

const struct sc_api_row sc_api_system[] = {
    {"GET", "_ping", ping},      {"HEAD", "_ping", ping},
    {"GET", "version", version}, {"GET", "info", info},
    {"GET", "system/df", df},    {"GET", "events", events},
    {"POST", "auth", auth},      {"GET", "containers/*/stats", stats},
    {NULL, NULL, NULL},
};
