/* The body of POST /containers/create to words of `sc create`: a table for what is one value each, and a function for
 * what is not. A value of a wrong type, and what sc does not have, are errors: nothing is passed over in silence. */
#include <string.h>

#include "api/api.h"
#include "base/json.h"

enum kind { TEXT, NUMBER, TRUE, LIST, MAP };
struct field {
    const char *key;
    enum kind kind;
    const char *option;
};

/* What one writes into "--option=value". */
struct writer {
    struct sc_arena *arena;
    struct sc_strv *words;
    struct sc_err *err;
};

static const struct field config_fields[] = {
    {"Hostname", TEXT, "hostname"},
    {"Domainname", TEXT, "domainname"},
    {"User", TEXT, "user"},
    {"Tty", TRUE, "tty"},
    {"OpenStdin", TRUE, "interactive"},
    {"WorkingDir", TEXT, "workdir"},
    {"Labels", MAP, "label"},
    {"StopSignal", TEXT, "stop-signal"},
    {"StopTimeout", NUMBER, "stop-timeout"},
    {"MacAddress", TEXT, "mac-address"},
};

static const struct field host_fields[] = {
    {"AutoRemove", TRUE, "rm"},
    {"Binds", LIST, "volume"},
    {"CapAdd", LIST, "cap-add"},
    {"CapDrop", LIST, "cap-drop"},
    {"CgroupParent", TEXT, "cgroup-parent"},
    {"CgroupnsMode", TEXT, "cgroupns"},
    {"DeviceCgroupRules", LIST, "device-cgroup-rule"},
    {"Dns", LIST, "dns"},
    {"DnsOptions", LIST, "dns-option"},
    {"DnsSearch", LIST, "dns-search"},
    {"ExtraHosts", LIST, "add-host"},
    {"GroupAdd", LIST, "group-add"},
    {"Init", TRUE, "init"},
    {"IpcMode", TEXT, "ipc"},
    {"Isolation", TEXT, "isolation"},
    {"OomScoreAdj", NUMBER, "oom-score-adj"},
    {"PidMode", TEXT, "pid"},
    {"Privileged", TRUE, "privileged"},
    {"PublishAllPorts", TRUE, "publish-all"},
    {"ReadonlyRootfs", TRUE, "read-only"},
    {"ShmSize", NUMBER, "shm-size"},
    {"Sysctls", MAP, "sysctl"},
    {"UTSMode", TEXT, "uts"},
    {"UsernsMode", TEXT, "userns"},
    {"VolumesFrom", LIST, "volumes-from"},
};

static const struct field limit_fields[] = {
    {"BlkioWeight", NUMBER, "blkio-weight"},
    {"CpuPeriod", NUMBER, "cpu-period"},
    {"CpuQuota", NUMBER, "cpu-quota"},
    {"CpuRealtimePeriod", NUMBER, "cpu-rt-period"},
    {"CpuRealtimeRuntime", NUMBER, "cpu-rt-runtime"},
    {"CpuShares", NUMBER, "cpu-shares"},
    {"CpusetCpus", TEXT, "cpuset-cpus"},
    {"CpusetMems", TEXT, "cpuset-mems"},
    {"KernelMemory", NUMBER, "kernel-memory"},
    {"Memory", NUMBER, "memory"},
    {"MemoryReservation", NUMBER, "memory-reservation"},
    {"MemorySwap", NUMBER, "memory-swap"},
    {"OomKillDisable", TRUE, "oom-kill-disable"},
    {"PidsLimit", NUMBER, "pids-limit"},
};

static int
wrong(const struct writer *w, const char *key, const char *what)
{
    return sc_err_set(w->err, SC_ERR_INVALID, "%s must be %s", key, what);
}

static int
add_list(const struct writer *w, const json_t *value, const struct field *field)
{
    const json_t *one;
    size_t i;

    if (!json_is_array(value))
        return wrong(w, field->key, "a list");
    json_array_foreach (value, i, one) {
        if (!json_is_string(one))
            return wrong(w, field->key, "a list of texts");
        sc_strv_addf(w->words, w->arena, "--%s=%s", field->option, json_string_value(one));
    }
    return 0;
}

static int
add_map(const struct writer *w, const json_t *value, const struct field *field)
{
    const char *key;
    json_t *one;

    if (!json_is_object(value))
        return wrong(w, field->key, "an object");
    json_object_foreach ((json_t *)(uintptr_t)value, key, one) {
        if (!json_is_string(one))
            return wrong(w, field->key, "an object of texts");
        sc_strv_addf(w->words, w->arena, "--%s=%s=%s", field->option, key, json_string_value(one));
    }
    return 0;
}

/* Absent, null, "" and 0 are what a client sends that was told nothing. */
static int
add_field(const struct writer *w, const json_t *object, const struct field *field)
{
    const json_t *value = json_object_get(object, field->key);

    if (!value || json_is_null(value))
        return 0;
    switch (field->kind) {
    case TEXT:
        if (!json_is_string(value))
            return wrong(w, field->key, "a text");
        if (json_string_length(value) > 0)
            sc_strv_addf(w->words, w->arena, "--%s=%s", field->option, json_string_value(value));
        return 0;
    case NUMBER:
        if (!json_is_integer(value))
            return wrong(w, field->key, "a number");
        if (json_integer_value(value) != 0)
            sc_strv_addf(w->words, w->arena, "--%s=%lld", field->option, (long long)json_integer_value(value));
        return 0;
    case TRUE:
        if (!json_is_boolean(value))
            return wrong(w, field->key, "true or false");
        if (json_is_true(value))
            sc_strv_addf(w->words, w->arena, "--%s", field->option);
        return 0;
    case LIST:
        return add_list(w, value, field);
    case MAP:
        return add_map(w, value, field);
    }
    return 0;
}

static int
add_fields(const struct writer *w, const json_t *object, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (add_field(w, object, &fields[i]) < 0)
            return -1;
    }
    return 0;
}

/* The texts of an object, "" for what is not there. */
static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static long long
number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* [{"Path":"/dev/sda","Rate":1}] */
static int
add_devices(const struct writer *w, const json_t *host, const char *key, const char *member, const char *option)
{
    const json_t *list = json_object_get(host, key), *one;
    size_t i;

    if (list && !json_is_null(list) && !json_is_array(list))
        return wrong(w, key, "a list");
    json_array_foreach (list, i, one) {
        sc_strv_addf(w->words, w->arena, "--%s=%s:%lld", option, text_of(one, "Path"), number_of(one, member));
    }
    return 0;
}

static int
add_restart(const struct writer *w, const json_t *host)
{
    const json_t *policy = json_object_get(host, "RestartPolicy");
    const char *name = text_of(policy, "Name");
    long long count = number_of(policy, "MaximumRetryCount");

    if (*name && count > 0)
        sc_strv_addf(w->words, w->arena, "--restart=%s:%lld", name, count);
    else if (*name)
        sc_strv_addf(w->words, w->arena, "--restart=%s", name);
    return 0;
}

int
sc_api_limit_words(const json_t *host, struct sc_arena *arena, struct sc_strv *words, struct sc_err *err)
{
    struct writer w = {.arena = arena, .words = words, .err = err};
    long long cpus = number_of(host, "NanoCpus");
    const json_t *swappiness = json_object_get(host, "MemorySwappiness");

    if (add_fields(&w, host, limit_fields, SC_ARRAY_LEN(limit_fields)) < 0 ||
        add_devices(&w, host, "BlkioWeightDevice", "Weight", "blkio-weight-device") < 0 ||
        add_devices(&w, host, "BlkioDeviceReadBps", "Rate", "device-read-bps") < 0 ||
        add_devices(&w, host, "BlkioDeviceWriteBps", "Rate", "device-write-bps") < 0 ||
        add_devices(&w, host, "BlkioDeviceReadIOps", "Rate", "device-read-iops") < 0 ||
        add_devices(&w, host, "BlkioDeviceWriteIOps", "Rate", "device-write-iops") < 0 || add_restart(&w, host) < 0)
        return -1;
    if (cpus < 0)
        return wrong(&w, "NanoCpus", "a number above 0");
    if (cpus > 0)
        sc_strv_addf(words, arena, "--cpus=%lld.%09lld", cpus / 1000000000, cpus % 1000000000);
    if (json_is_integer(swappiness) && json_integer_value(swappiness) >= 0)
        sc_strv_addf(words, arena, "--memory-swappiness=%lld", (long long)json_integer_value(swappiness));
    return sc_arena_check(arena, err);
}

/* ---- what is not one value -------------------------------------------------------------------------------------- */

/* Without a '=' it would be taken from our own environment. */
static int
add_env(const struct writer *w, const json_t *config)
{
    const json_t *list = json_object_get(config, "Env"), *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *text = json_string_value(one);

        if (!text)
            return wrong(w, "Env", "a list of texts");
        if (strchr(text, '='))
            sc_strv_addf(w->words, w->arena, "--env=%s", text);
    }
    return 0;
}

/* {"80/tcp":{}} */
static void
add_keys(const struct writer *w, const json_t *object, const char *option)
{
    const char *key;
    json_t *one;

    json_object_foreach ((json_t *)(uintptr_t)object, key, one) {
        sc_strv_addf(w->words, w->arena, "--%s=%s", option, key);
    }
}

/* Is something else mounted at target? "source:target[:options]", or a mount's Target. */
static bool
has_target(const json_t *host, const char *target)
{
    const json_t *one;
    size_t i, n = strlen(target);

    json_array_foreach (json_object_get(host, "Binds"), i, one) {
        const char *colon = json_is_string(one) ? strchr(json_string_value(one), ':') : NULL;

        if (colon && strncmp(colon + 1, target, n) == 0 && (colon[1 + n] == '\0' || colon[1 + n] == ':'))
            return true;
    }
    json_array_foreach (json_object_get(host, "Mounts"), i, one) {
        if (strcmp(text_of(one, "Target"), target) == 0)
            return true;
    }
    return json_object_get(json_object_get(host, "Tmpfs"), target);
}

/* {"/data":{}}: clients name there also what they bind, and Docker lets that go first. */
static void
add_volumes(const struct writer *w, const json_t *body, const json_t *host)
{
    const char *target;
    json_t *one;

    json_object_foreach (json_object_get(body, "Volumes"), target, one) {
        if (!has_target(host, target))
            sc_strv_addf(w->words, w->arena, "--volume=%s", target);
    }
}

static void
add_ports(const struct writer *w, const json_t *host)
{
    const char *port;
    json_t *bindings;

    json_object_foreach (json_object_get(host, "PortBindings"), port, bindings) {
        const json_t *one;
        size_t i;

        json_array_foreach (bindings, i, one) {
            const char *ip = text_of(one, "HostIp"), *at = text_of(one, "HostPort");
            bool is_v6 = strchr(ip, ':');

            if (*ip)
                sc_strv_addf(w->words, w->arena, "--publish=%s%s%s:%s:%s", is_v6 ? "[" : "", ip, is_v6 ? "]" : "", at,
                             port);
            else if (*at)
                sc_strv_addf(w->words, w->arena, "--publish=%s:%s", at, port);
            else
                sc_strv_addf(w->words, w->arena, "--publish=%s", port);
        }
    }
}

static int
add_mount(const struct writer *w, const json_t *mount)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *values[] = {text_of(mount, "Type"), text_of(mount, "Source"), text_of(mount, "Target")};
    static const char *const names[] = {"type=", ",source=", ",target="};
    const json_t *bind = json_object_get(mount, "BindOptions"), *tmpfs = json_object_get(mount, "TmpfsOptions");
    const json_t *volume = json_object_get(mount, "VolumeOptions");

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (strpbrk(values[i], ",\"\n")) /* would be a further option */
            return wrong(w, "Mounts", "without a comma or a quote in a path");
        if (*values[i])
            sc_buf_addf(&text, "%s%s", names[i], values[i]);
    }
    if (json_is_true(json_object_get(mount, "ReadOnly")))
        sc_buf_adds(&text, ",readonly");
    if (*text_of(bind, "Propagation") && !strpbrk(text_of(bind, "Propagation"), ",\"\n"))
        sc_buf_addf(&text, ",bind-propagation=%s", text_of(bind, "Propagation"));
    if (json_is_true(json_object_get(volume, "NoCopy")))
        sc_buf_adds(&text, ",volume-nocopy");
    if (number_of(tmpfs, "SizeBytes") > 0)
        sc_buf_addf(&text, ",tmpfs-size=%lld", number_of(tmpfs, "SizeBytes"));
    if (number_of(tmpfs, "Mode") > 0)
        sc_buf_addf(&text, ",tmpfs-mode=%llo", (unsigned long long)number_of(tmpfs, "Mode"));
    sc_strv_addf(w->words, w->arena, "--mount=%s", sc_buf_str(&text));
    return sc_buf_check(&text, w->err);
}

static int
add_mounts(const struct writer *w, const json_t *host)
{
    const json_t *one;
    const char *target;
    json_t *options;
    size_t i;

    json_array_foreach (json_object_get(host, "Mounts"), i, one) {
        if (add_mount(w, one) < 0)
            return -1;
    }
    json_object_foreach (json_object_get(host, "Tmpfs"), target, options) {
        const char *text = json_string_value(options);

        sc_strv_addf(w->words, w->arena, "--tmpfs=%s%s%s", target, text && *text ? ":" : "", text ? text : "");
    }
    json_array_foreach (json_object_get(host, "Devices"), i, one) {
        const char *from = text_of(one, "PathOnHost"), *to = text_of(one, "PathInContainer");
        const char *how = text_of(one, "CgroupPermissions");

        sc_strv_addf(w->words, w->arena, "--device=%s:%s:%s", from, *to ? to : from, *how ? how : "rwm");
    }
    json_array_foreach (json_object_get(host, "Ulimits"), i, one) {
        sc_strv_addf(w->words, w->arena, "--ulimit=%s=%lld:%lld", text_of(one, "Name"), number_of(one, "Soft"),
                     number_of(one, "Hard"));
    }
    return 0;
}

static int
add_security(const struct writer *w, const json_t *host)
{
    const json_t *masked = json_object_get(host, "MaskedPaths"), *one;
    size_t i;

    json_array_foreach (json_object_get(host, "SecurityOpt"), i, one) {
        const char *text = json_string_value(one);

        if (!text)
            return wrong(w, "SecurityOpt", "a list of texts");
        if (sc_str_starts(text, "seccomp={") || sc_str_starts(text, "seccomp:{"))
            return sc_err_set(
                w->err, SC_ERR_UNSUPPORTED,
                "a seccomp profile within a request is not supported: sc run --security-opt seccomp=FILE");
        sc_strv_addf(w->words, w->arena, "--security-opt=%s", text);
    }
    /* what Docker's own client makes of systempaths=unconfined */
    if (json_is_array(masked) && json_array_size(masked) == 0)
        sc_strv_add(w->words, w->arena, "--security-opt=systempaths=unconfined");
    return 0;
}

static int
add_log(const struct writer *w, const json_t *host)
{
    const json_t *log = json_object_get(host, "LogConfig");
    static const struct field options = {"Config", MAP, "log-opt"};

    if (*text_of(log, "Type"))
        sc_strv_addf(w->words, w->arena, "--log-driver=%s", text_of(log, "Type"));
    return add_field(w, log, &options);
}

/* --network NAME:ip=..,alias=.. for each; the mode's own network first, as it is the container's first. */
static int
add_endpoint(const struct writer *w, const char *name, const json_t *endpoint)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    const json_t *ipam = json_object_get(endpoint, "IPAMConfig"), *one;
    const struct {
        const char *name, *value;
    } values[] = {{"ip", text_of(ipam, "IPv4Address")},
                  {"ip6", text_of(ipam, "IPv6Address")},
                  {"mac", text_of(endpoint, "MacAddress")}};
    char mark = ':';
    size_t i;

    sc_buf_adds(&text, name);
    for (i = 0; i < SC_ARRAY_LEN(values); i++) {
        if (strchr(values[i].value, ','))
            return wrong(w, "EndpointsConfig", "without a comma in an address");
        if (*values[i].value) {
            sc_buf_addf(&text, "%c%s=%s", mark, values[i].name, values[i].value);
            mark = ',';
        }
    }
    json_array_foreach (json_object_get(endpoint, "Aliases"), i, one) {
        if (!json_is_string(one) || strchr(json_string_value(one), ','))
            return wrong(w, "Aliases", "names");
        sc_buf_addf(&text, "%calias=%s", mark, json_string_value(one));
        mark = ',';
    }
    sc_strv_addf(w->words, w->arena, "--network=%s", sc_buf_str(&text));
    return sc_buf_check(&text, w->err);
}

static int
add_networks(const struct writer *w, const json_t *body, const json_t *host)
{
    const char *mode = text_of(host, "NetworkMode"), *name;
    json_t *endpoints = json_object_get(json_object_get(body, "NetworkingConfig"), "EndpointsConfig"), *one;
    bool is_default = !*mode || strcmp(mode, "default") == 0;

    if (json_is_true(json_object_get(body, "NetworkDisabled")))
        mode = "none";
    if (json_array_size(json_object_get(host, "Links")) > 0)
        return sc_err_set(w->err, SC_ERR_UNSUPPORTED,
                          "links are not supported: on a network of your own containers "
                          "find each other by name");
    if (!is_default || strcmp(mode, "none") == 0) {
        if (add_endpoint(w, mode, json_object_get(endpoints, mode)) < 0)
            return -1;
    }
    json_object_foreach (endpoints, name, one) {
        if (strcmp(name, mode) != 0 && strcmp(name, "default") != 0 && add_endpoint(w, name, one) < 0)
            return -1;
    }
    return 0;
}

/* ["CMD","a b"], ["CMD-SHELL","a b"], ["NONE"]; times in nanoseconds */
static int
add_health(const struct writer *w, const json_t *config)
{
    const json_t *health = json_object_get(config, "Healthcheck"), *test = json_object_get(health, "Test"), *one;
    const char *how = json_string_value(json_array_get(test, 0));
    static const struct {
        const char *key, *option;
    } times[] = {
        {"Interval", "health-interval"}, {"Timeout", "health-timeout"}, {"StartPeriod", "health-start-period"}};
    sc_cleanup_buf line = SC_BUF_INIT;
    size_t i;

    for (i = 0; i < SC_ARRAY_LEN(times); i++) {
        if (number_of(health, times[i].key) > 0)
            sc_strv_addf(w->words, w->arena, "--%s=%lldms", times[i].option, number_of(health, times[i].key) / 1000000);
    }
    if (number_of(health, "Retries") > 0)
        sc_strv_addf(w->words, w->arena, "--health-retries=%lld", number_of(health, "Retries"));
    if (!how)
        return 0;
    if (strcmp(how, "NONE") == 0) {
        sc_strv_add(w->words, w->arena, "--no-healthcheck");
        return 0;
    }
    json_array_foreach (test, i, one) {
        if (!json_is_string(one))
            return wrong(w, "Healthcheck.Test", "a list of texts");
        if (i == 0)
            continue;
        sc_buf_adds(&line, i > 1 ? " " : "");
        if (strcmp(how, "CMD-SHELL") == 0)
            sc_buf_adds(&line, json_string_value(one));
        else
            sc_buf_add_shell(&line, json_string_value(one));
    }
    sc_strv_addf(w->words, w->arena, "--health-cmd=%s", sc_buf_str(&line));
    return sc_buf_check(&line, w->err);
}

static int
refuse_foreign(const struct writer *w, const json_t *host)
{
    static const char *const texts[] = {"VolumeDriver", "Runtime"};
    static const char *const lists[] = {"DeviceRequests"};

    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        const char *text = text_of(host, texts[i]);

        if (*text && strcmp(text, "local") != 0 && strcmp(text, "sc") != 0)
            return sc_err_set(w->err, SC_ERR_UNSUPPORTED, "%s \"%.80s\" is not supported", texts[i], text);
    }
    if (json_array_size(json_object_get(host, lists[0])) > 0 ||
        json_object_size(json_object_get(host, "StorageOpt")) > 0)
        return sc_err_set(w->err, SC_ERR_UNSUPPORTED, "DeviceRequests and StorageOpt are not supported");
    if (number_of(host, "KernelMemoryTCP") > 0)
        return sc_err_set(w->err, SC_ERR_UNSUPPORTED, "KernelMemoryTCP is not supported");
    return 0;
}

/* sc's entrypoint is one word: the rest of it goes before the command. */
static int
add_command(const struct writer *w, const json_t *config)
{
    const json_t *entry = json_object_get(config, "Entrypoint"), *command = json_object_get(config, "Cmd"), *one;
    size_t i;

    if (*text_of(config, "Image") == '\0')
        return wrong(w, "Image", "a name");
    if (json_is_array(entry)) {
        const char *first = json_string_value(json_array_get(entry, 0));

        sc_strv_addf(w->words, w->arena, "--entrypoint=%s", first ? first : "");
    } else if (json_is_string(entry)) {
        sc_strv_addf(w->words, w->arena, "--entrypoint=%s", json_string_value(entry));
    }
    sc_strv_add(w->words, w->arena, "--");
    sc_strv_add(w->words, w->arena, text_of(config, "Image"));
    json_array_foreach (entry, i, one) {
        if (!json_is_string(one))
            return wrong(w, "Entrypoint", "a list of texts");
        if (i > 0)
            sc_strv_add(w->words, w->arena, json_string_value(one));
    }
    if (json_is_string(command))
        sc_strv_add(w->words, w->arena, json_string_value(command));
    json_array_foreach (command, i, one) {
        if (!json_is_string(one))
            return wrong(w, "Cmd", "a list of texts");
        sc_strv_add(w->words, w->arena, json_string_value(one));
    }
    return 0;
}

int
sc_api_create_words(const json_t *body, const char *name, const char *platform, struct sc_arena *arena,
                    struct sc_strv *words, struct sc_err *err)
{
    struct writer w = {.arena = arena, .words = words, .err = err};
    const json_t *host = json_object_get(body, "HostConfig");

    if (host && !json_is_null(host) && !json_is_object(host))
        return wrong(&w, "HostConfig", "an object");
    sc_strv_add(words, arena, "--pull=never"); /* the client pulls, and shows how it goes */
    if (name && *name)
        sc_strv_addf(words, arena, "--name=%s", *name == '/' ? name + 1 : name);
    if (platform && *platform)
        sc_strv_addf(words, arena, "--platform=%s", platform);
    if (refuse_foreign(&w, host) < 0 || add_fields(&w, body, config_fields, SC_ARRAY_LEN(config_fields)) < 0 ||
        add_env(&w, body) < 0 || add_health(&w, body) < 0 ||
        add_fields(&w, host, host_fields, SC_ARRAY_LEN(host_fields)) < 0 ||
        sc_api_limit_words(host, arena, words, err) < 0 || add_mounts(&w, host) < 0 || add_security(&w, host) < 0 ||
        add_log(&w, host) < 0 || add_networks(&w, body, host) < 0)
        return -1;
    add_keys(&w, json_object_get(body, "ExposedPorts"), "expose");
    add_volumes(&w, body, host);
    add_ports(&w, host);
    if (add_command(&w, body) < 0)
        return -1;
    return sc_arena_check(arena, err);
}
