/* docker inspect's object of a container: the same names, filled from the record and the kernel. */
#include <string.h>

#include "base/json.h"
#include "engine/engine-priv.h"

/* Docker writes an empty list as null. */
static json_t *
strings_or_null(const struct sc_strv *list)
{
    return list->count > 0 ? sc_json_strv(list) : json_null();
}

static json_t *
map(const struct sc_strv *list)
{
    json_t *out = json_object();

    for (size_t i = 0; i < list->count; i++) {
        const char *equals = strchr(list->items[i], '=');
        size_t len = equals ? (size_t)(equals - list->items[i]) : strlen(list->items[i]);

        (void)json_object_setn_new(out, list->items[i], len, json_string(equals ? equals + 1 : ""));
    }
    return out;
}

static json_t *
text(const char *value)
{
    return json_string(value ? value : "");
}

static json_t *
moment(int64_t nsec)
{
    char buf[SC_TIME_MAX] = "0001-01-01T00:00:00Z"; /* Go's zero time, which is what Docker shows */

    if (nsec > 0)
        sc_time_format(nsec, buf);
    return json_string(buf);
}

static json_t *
state_of(const struct sc_engine *engine, const struct sc_container *c)
{
    bool is_up = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;

    return json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:o, s:o, s:o, s:o, s:o?}", "Status",
                     sc_container_state(c), "Running", (int)(is_up || c->is_restarting), "Paused",
                     (int)(c->status == SC_STATUS_PAUSED), "Restarting", (int)c->is_restarting, "OOMKilled",
                     (int)(!is_up && c->exit.was_oom_killed), "Dead", 0, "Pid", is_up ? (int)c->pid : 0, "ExitCode",
                     is_up ? 0 : (int)c->exit.code, "Error", text(c->since_error ? c->since_error : c->start_error),
                     "StartedAt", moment(c->started_at), "FinishedAt", moment(is_up ? 0 : c->finished_at), "OOMVictim",
                     text(is_up ? NULL : c->oom_victim), "Health", sc_health_state_json(engine, c));
}

/* "host", "container:ID", "private" ... as Docker writes modes */
static json_t *
mode_of(const struct sc_ns_choice *choice, const char *own)
{
    static const char *const names[] = {
        [SC_NS_HOST] = "host",
        [SC_NS_NONE] = "none",
        [SC_NS_SHAREABLE] = "shareable",
        [SC_NS_KEEP_ID] = "keep-id",
    };

    if (choice->mode == SC_NS_CONTAINER)
        return json_sprintf("container:%s", choice->value);
    if (choice->mode == SC_NS_PATH)
        return json_sprintf("ns:%s", choice->value);
    if (choice->mode == SC_NS_CNI)
        return json_sprintf("cni:%s", choice->value);
    if (choice->mode == SC_NS_BRIDGE || choice->mode == SC_NS_USER_NET)
        return json_string(choice->value);
    if (choice->mode < SC_ARRAY_LEN(names) && names[choice->mode])
        return json_string(names[choice->mode]);
    return json_string(own);
}

static json_t *
devices(const struct sc_create_options *o)
{
    json_t *out = json_array();

    for (size_t i = 0; i < o->device_count; i++) {
        const struct sc_device_ask *d = &o->devices[i];

        (void)json_array_append_new(out,
                                    json_pack("{s:o, s:o, s:o}", "PathOnHost", text(d->host_path), "PathInContainer",
                                              text(d->container_path ? d->container_path : d->host_path),
                                              "CgroupPermissions", text(d->permissions ? d->permissions : "rwm")));
    }
    return out;
}

/* "/dev/sda:1mb" as Docker's {"Path": ..., "Rate": ...} */
static json_t *
device_rates(const struct sc_strv *list, const char *key, bool is_bytes)
{
    json_t *out = json_array();

    for (size_t i = 0; i < list->count; i++) {
        const char *colon = strrchr(list->items[i], ':');
        struct sc_err ignored = SC_ERR_INIT;
        uint64_t rate = 0;

        if (!colon || sc_rate_parse(colon + 1, is_bytes, &rate, &ignored) < 0)
            continue;
        (void)json_array_append_new(out, json_pack("{s:s%, s:I}", "Path", list->items[i],
                                                   (size_t)(colon - list->items[i]), key, (json_int_t)rate));
    }
    return out;
}

static json_t *
security_options(const struct sc_create_options *o)
{
    struct sc_arena arena = SC_ARENA_INIT;
    struct sc_strv list = {0};
    json_t *out;

    if (o->seccomp)
        sc_strv_addf(&list, &arena, "seccomp=%s", o->seccomp);
    if (o->no_new_privileges)
        sc_strv_add(&list, &arena, "no-new-privileges");
    if (o->systempaths_unconfined)
        sc_strv_add(&list, &arena, "systempaths=unconfined");
    out = strings_or_null(&list);
    sc_arena_release(&arena);
    return out;
}

static json_t *
binds(const struct sc_create_options *o)
{
    json_t *out = json_array();

    for (size_t i = 0; i < o->mount_count; i++) {
        const struct sc_mount_ask *m = &o->mounts[i];

        if (m->kind == SC_MOUNT_BIND || (m->kind == SC_MOUNT_VOLUME && !m->is_anonymous))
            (void)json_array_append_new(out,
                                        json_sprintf("%s:%s%s", m->source, m->target, m->is_readonly ? ":ro" : ""));
    }
    if (json_array_size(out) > 0)
        return out;
    json_decref(out);
    return json_null();
}

static int
set(json_t *obj, const char *key, json_t *value)
{
    return json_object_set_new(obj, key, value);
}

/* Docker: twice the memory where it was not given. */
static int64_t
memory_swap(const struct sc_create_options *o)
{
    if (o->memory_swap != 0 || o->memory <= 0)
        return o->memory_swap;
    return o->memory > INT64_MAX / 2 ? -1 : o->memory * 2;
}

/* {"/run": "size=1m"}, as --tmpfs has them */
static json_t *
tmpfs_of(const struct sc_create_options *o)
{
    json_t *out = json_object();

    for (size_t i = 0; i < o->mount_count; i++) {
        const struct sc_mount_ask *m = &o->mounts[i];
        sc_cleanup_buf options = SC_BUF_INIT;

        if (m->kind != SC_MOUNT_TMPFS)
            continue;
        if (m->is_readonly)
            sc_buf_adds(&options, ",ro");
        if (m->tmpfs_size > 0)
            sc_buf_addf(&options, ",size=%lld", (long long)m->tmpfs_size);
        if (m->tmpfs_mode)
            sc_buf_addf(&options, ",mode=%o", m->tmpfs_mode);
        for (size_t k = 0; k < m->options.count; k++)
            sc_buf_addf(&options, ",%s", m->options.items[k]);
        (void)set(out, m->target, json_string(options.len > 0 ? sc_buf_str(&options) + 1 : ""));
    }
    return out;
}

/* What Docker's object has beside what sc was asked; programs that decode it expect these too. */
static void
set_host_rest(json_t *out, const struct sc_create_options *o)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv masked = {0}, readonly = {0};

    sc_spec_paths(o, &arena, &masked, &readonly);
    (void)set(out, "Cgroup", json_string(""));
    (void)set(out, "ConsoleSize", json_pack("[i, i]", 0, 0));
    (void)set(out, "CpuCount", json_integer(0));
    (void)set(out, "CpuPercent", json_integer(0));
    (void)set(out, "DeviceRequests", json_null());
    (void)set(out, "IOMaximumBandwidth", json_integer(0));
    (void)set(out, "IOMaximumIOps", json_integer(0));
    (void)set(out, "Isolation", json_string(""));
    (void)set(out, "KernelMemory", json_integer(0)); /* no kernel has that limit any more */
    (void)set(out, "MaskedPaths", strings_or_null(&masked));
    (void)set(out, "ReadonlyPaths", strings_or_null(&readonly));
    (void)set(out, "Runtime", json_string("sc"));
    (void)set(out, "Tmpfs", tmpfs_of(o));
    (void)set(out, "VolumeDriver", json_string(""));
}

static json_t *
log_config(const struct sc_log_ask *log)
{
    json_t *out = map(&log->options);

    (void)set(out, "max-size", json_sprintf("%lld", (long long)log->max_size));
    (void)set(out, "max-file", json_sprintf("%d", log->max_files));
    return out;
}

static json_t *
restart_policy(const struct sc_create_options *o)
{
    struct sc_restart_policy policy = {.kind = SC_RESTART_NO};
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_restart_policy_parse(o->restart ? o->restart : "", &policy, &ignored);
    return json_pack("{s:s, s:i}", "Name", sc_restart_policy_name(&policy), "MaximumRetryCount", policy.max);
}

static json_t *
host_config(const struct sc_container *c)
{
    const struct sc_create_options *o = &c->options;
    bool has_maps = c->effective_uid_maps.count > 0;
    json_t *out = json_object();

    (void)set(out, "Binds", binds(o));
    (void)set(out, "VolumesFrom", strings_or_null(&o->volumes_from));
    if (o->annotations.count > 0)
        (void)set(out, "Annotations", map(&o->annotations));
    (void)set(out, "ContainerIDFile", text(o->cidfile));
    (void)set(
        out, "LogConfig",
        json_pack("{s:s, s:o}", "Type", o->log.driver ? o->log.driver : "json-file", "Config", log_config(&o->log)));
    (void)set(out, "ProcView", text(o->proc_view ? o->proc_view : "auto"));
    (void)set(out, "NetworkMode", mode_of(&o->network, "none"));
    (void)set(out, "NetRateIn", json_integer(o->net_rate_in > 0 ? o->net_rate_in : 0)); /* bits a second */
    (void)set(out, "NetRateOut", json_integer(o->net_rate_out > 0 ? o->net_rate_out : 0));
    (void)set(out, "PortBindings", sc_port_bindings(c));
    (void)set(out, "PublishAllPorts", json_boolean(o->publish_all));
    (void)set(out, "Dns", sc_json_strv(&o->dns));
    (void)set(out, "DnsOptions", sc_json_strv(&o->dns_options));
    (void)set(out, "DnsSearch", sc_json_strv(&o->dns_search));
    (void)set(out, "ExtraHosts", strings_or_null(&o->add_hosts));
    (void)set(out, "Links", json_null());
    (void)set(out, "RestartPolicy", restart_policy(o));
    (void)set(out, "AutoRemove", json_boolean(c->is_rm));
    (void)set(out, "CapAdd", strings_or_null(&o->cap_add));
    (void)set(out, "CapDrop", strings_or_null(&o->cap_drop));
    (void)set(out, "CgroupnsMode", mode_of(&o->cgroup_ns, "private"));
    (void)set(out, "GroupAdd", strings_or_null(&o->group_add));
    (void)set(out, "IpcMode", mode_of(&o->ipc, "private"));
    (void)set(out, "OomScoreAdj", json_integer(o->oom_score_adj.is_set ? o->oom_score_adj.value : 0));
    (void)set(out, "PidMode", mode_of(&o->pid, ""));
    (void)set(out, "Privileged", json_boolean(o->privileged));
    (void)set(out, "ReadonlyRootfs", json_boolean(o->read_only));
    (void)set(out, "SecurityOpt", security_options(o));
    (void)set(out, "UTSMode", mode_of(&o->uts, ""));
    (void)set(out, "UsernsMode", has_maps ? json_string("private") : mode_of(&o->user_ns, ""));
    (void)set(out, "ShmSize", json_integer(o->shm_size > 0 ? o->shm_size : (json_int_t)64 << 20));
    (void)set(out, "Sysctls", map(&o->sysctls));
    (void)set(out, "CpuShares", json_integer((json_int_t)o->cpu_shares));
    (void)set(out, "Memory", json_integer(o->memory));
    (void)set(out, "MemoryHigh", json_integer(o->memory_high));
    (void)set(out, "MemoryLow", json_integer(o->memory_low));
    (void)set(out, "MemoryMin", json_integer(o->memory_min));
    (void)set(out, "NanoCpus", json_integer(o->nano_cpus));
    (void)set(out, "CpuBurst", json_integer(o->cpu_burst));
    (void)set(out, "CpuIdle", json_boolean(o->cpu_idle.is_set && o->cpu_idle.value != 0));
    (void)set(out, "CpuRealtimePeriod", json_integer(o->cpu_rt_period));
    (void)set(out, "CpuRealtimeRuntime", json_integer(o->cpu_rt_runtime));
    (void)set(out, "BlkioWeight", json_integer(o->blkio_weight));
    (void)set(out, "BlkioWeightDevice", device_rates(&o->blkio_weight_devices, "Weight", false));
    (void)set(out, "BlkioDeviceReadBps", device_rates(&o->device_read_bps, "Rate", true));
    (void)set(out, "BlkioDeviceWriteBps", device_rates(&o->device_write_bps, "Rate", true));
    (void)set(out, "BlkioDeviceReadIOps", device_rates(&o->device_read_iops, "Rate", false));
    (void)set(out, "BlkioDeviceWriteIOps", device_rates(&o->device_write_iops, "Rate", false));
    (void)set(out, "IOMax", strings_or_null(&o->io_max));
    (void)set(out, "DeviceCgroupRules", strings_or_null(&o->device_cgroup_rules));
    (void)set(out, "CgroupConf", strings_or_null(&o->cgroup_conf));
    (void)set(out, "CgroupManager", text(o->cgroup_manager ? o->cgroup_manager : "cgroupfs"));
    (void)set(out, "CgroupParent", text(o->cgroup_parent));
    (void)set(out, "CpuPeriod", json_integer(o->cpu_period));
    (void)set(out, "CpuQuota", json_integer(o->cpu_quota));
    (void)set(out, "CpusetCpus", text(o->cpuset_cpus));
    (void)set(out, "CpusetMems", text(o->cpuset_mems));
    (void)set(out, "Devices", devices(o));
    (void)set(out, "MemoryReservation", json_integer(o->memory_reservation));
    (void)set(out, "MemorySwap", json_integer(memory_swap(o)));
    (void)set(out, "MemorySwappiness",
              o->memory_swappiness.is_set ? json_integer(o->memory_swappiness.value) : json_null());
    (void)set(out, "OomKillDisable", json_boolean(o->oom_kill_disable));
    (void)set(out, "PidsLimit", o->pids_limit > 0 ? json_integer(o->pids_limit) : json_null());
    (void)set(out, "Ulimits", sc_ulimits_json(&o->ulimits));
    (void)set(out, "Init", json_boolean(o->init));
    (void)set(out, "UidMappings", strings_or_null(&c->effective_uid_maps));
    (void)set(out, "GidMappings", strings_or_null(&c->effective_gid_maps));
    set_host_rest(out, o);
    return out;
}

static json_t *
set_of(const struct sc_strv *list)
{
    json_t *out = json_object();

    for (size_t i = 0; i < list->count; i++)
        (void)set(out, list->items[i], json_object());
    return out;
}

json_t *
sc_anonymous_volumes(const struct sc_create_options *o)
{
    json_t *out = json_object();

    for (size_t i = 0; i < o->mount_count; i++) {
        if (o->mounts[i].kind == SC_MOUNT_VOLUME && o->mounts[i].is_anonymous)
            (void)set(out, o->mounts[i].target, json_object());
    }
    if (json_object_size(out) > 0)
        return out;
    json_decref(out);
    return json_null();
}

static json_t *
config_of(const struct sc_container *c)
{
    const struct sc_create_options *o = &c->options;
    const size_t entrypoint = c->effective_entrypoint.count;
    json_t *out = json_object(), *cmd = json_array(), *healthcheck = sc_health_config_json(c);

    if (entrypoint == 0)
        (void)json_array_append_new(cmd, text(c->path));
    for (size_t i = entrypoint > 0 ? entrypoint - 1 : 0; i < c->args.count; i++)
        (void)json_array_append_new(cmd, json_string(c->args.items[i]));
    if (json_array_size(cmd) == 0) {
        json_decref(cmd);
        cmd = json_null();
    }
    (void)set(out, "Hostname", o->hostname ? json_string(o->hostname) : json_sprintf("%.12s", c->id));
    (void)set(out, "Domainname", text(o->domainname));
    (void)set(out, "User", text(c->effective_user));
    (void)set(out, "AttachStdin", json_boolean(o->interactive && !o->detach));
    (void)set(out, "AttachStdout", json_boolean(!o->detach));
    (void)set(out, "AttachStderr", json_boolean(!o->detach));
    (void)set(out, "Tty", json_boolean(o->tty));
    (void)set(out, "OpenStdin", json_boolean(o->interactive));
    (void)set(out, "StdinOnce", json_boolean(o->interactive && !o->detach));
    (void)set(out, "Env", sc_json_strv(&c->effective_env));
    (void)set(out, "Cmd", cmd);
    (void)set(out, "Image", text(c->image_name));
    (void)set(out, "Volumes", sc_anonymous_volumes(o));
    (void)set(out, "WorkingDir", text(c->effective_workdir));
    (void)set(out, "Entrypoint", strings_or_null(&c->effective_entrypoint));
    (void)set(out, "Labels", map(&c->effective_labels));
    (void)set(out, "StopSignal", text(c->effective_stop_signal));
    if (c->exposed.count + o->publish.count > 0)
        (void)set(out, "ExposedPorts", sc_exposed_ports(c));
    if (healthcheck)
        (void)set(out, "Healthcheck", healthcheck);
    if (o->stop_timeout >= 0)
        (void)set(out, "StopTimeout", json_integer(o->stop_timeout));
    return out;
}

static json_t *
mounts_of(const struct sc_engine *engine, const struct sc_container *c)
{
    static const char *const kinds[] = {
        [SC_MOUNT_BIND] = "bind", [SC_MOUNT_VOLUME] = "volume", [SC_MOUNT_TMPFS] = "tmpfs"};
    json_t *out = json_array();

    for (size_t i = 0; i < c->options.mount_count; i++) {
        const struct sc_mount_ask *m = &c->options.mounts[i];
        json_t *mount = json_pack("{s:s}", "Type", kinds[m->kind]);

        if (m->kind == SC_MOUNT_VOLUME) {
            (void)set(mount, "Name", text(m->source));
            (void)set(mount, "Source", json_sprintf("%s/volume/%s/_data", engine->data_path, m->source));
        } else {
            (void)set(mount, "Source", text(m->source));
        }
        (void)set(mount, "Destination", text(m->target));
        if (m->kind == SC_MOUNT_VOLUME)
            (void)set(mount, "Driver", json_string("local"));
        (void)set(mount, "Mode", json_string(m->is_readonly ? "ro" : ""));
        (void)set(mount, "RW", json_boolean(!m->is_readonly));
        (void)set(mount, "Propagation",
                  m->kind == SC_MOUNT_BIND ? text(m->propagation ? m->propagation : "rprivate") : json_string(""));
        (void)json_array_append_new(out, mount);
    }
    return out;
}

/* The root is mounted inside the container alone: the host sees it by way of its first process. */
static json_t *
graph_driver(const struct sc_container *c, const char *dir)
{
    bool is_up = c->status == SC_STATUS_RUNNING || c->status == SC_STATUS_PAUSED;
    json_t *data = json_object();

    (void)set(data, "MergedDir", is_up ? json_sprintf("/proc/%d/root", (int)c->pid) : json_string(""));
    (void)set(data, "UpperDir", json_sprintf("%s/upper", dir));
    (void)set(data, "WorkDir", json_sprintf("%s/work", dir));
    return json_pack("{s:s, s:o}", "Name", "overlay", "Data", data);
}

/* What it used, for bills: kept when it has ended. Docker has nothing like it. */
static json_t *
usage_of(struct sc_engine *engine, const struct sc_container *c)
{
    struct sc_usage u;

    if (!sc_engine_usage(engine, c, &u))
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "CpuNanoseconds",
                     (json_int_t)u.cpu_ns, "CpuUserNanoseconds", (json_int_t)u.user_ns, "CpuSystemNanoseconds",
                     (json_int_t)u.system_ns, "Periods", (json_int_t)u.periods, "ThrottledPeriods",
                     (json_int_t)u.throttled_periods, "ThrottledNanoseconds", (json_int_t)u.throttled_ns, "MemoryPeak",
                     (json_int_t)u.memory_peak, "OOMKills", (json_int_t)u.oom_kills, "PidsLimitHits",
                     (json_int_t)u.pids_hits, "ReadBytes", (json_int_t)u.read_bytes, "WrittenBytes",
                     (json_int_t)u.written_bytes, "Reads", (json_int_t)u.reads, "Writes", (json_int_t)u.writes);
}

int
sc_engine_inspect(struct sc_engine *engine, const struct sc_container *c, json_t **out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *dir = sc_engine_container_path(engine, c->id, &arena), *log = sc_engine_log_path(engine, c, &arena);
    json_t *json = json_object();

    if (!json || !dir) {
        json_decref(json);
        return sc_err_nomem(err);
    }
    (void)set(json, "Id", json_string(c->id));
    (void)set(json, "Created", moment(c->created_at));
    (void)set(json, "Path", text(c->path));
    (void)set(json, "Args", sc_json_strv(&c->args));
    (void)set(json, "State", state_of(engine, c));
    (void)set(json, "Image", text(c->image_id));
    (void)set(json, "ResolvConfPath", json_sprintf("%s/resolv.conf", dir));
    (void)set(json, "HostnamePath", json_sprintf("%s/hostname", dir));
    (void)set(json, "HostsPath", json_sprintf("%s/hosts", dir));
    (void)set(json, "LogPath", text(log));
    (void)set(json, "Name", json_sprintf("/%s", c->name));
    (void)set(json, "RestartCount", json_integer(c->restart_count));
    (void)set(json, "Driver", json_string("overlay"));
    (void)set(json, "Platform", json_string("linux"));
    (void)set(json, "MountLabel", json_string(""));
    (void)set(json, "ProcessLabel", json_string(""));
    (void)set(json, "AppArmorProfile", json_string(""));
    (void)set(json, "ExecIDs", json_null());
    (void)set(json, "GraphDriver", graph_driver(c, dir));
    (void)set(json, "HostConfig", host_config(c));
    (void)set(json, "Usage", usage_of(engine, c));
    (void)set(json, "Mounts", mounts_of(engine, c));
    (void)set(json, "Config", config_of(c));
    if (set(json, "NetworkSettings", sc_network_settings(engine, c, &arena, err)) < 0) {
        json_decref(json);
        return -1;
    }
    *out = json;
    return 0;
}

/* ---- images ------------------------------------------------------------------------------------- */

static json_t *
image_config(const struct sc_image_config *config)
{
    json_t *out = json_object();

    (void)set(out, "User", text(config->user));
    (void)set(out, "ExposedPorts", config->exposed_ports.count > 0 ? set_of(&config->exposed_ports) : json_null());
    (void)set(out, "Env", strings_or_null(&config->env));
    (void)set(out, "Cmd", strings_or_null(&config->cmd));
    (void)set(out, "Volumes", config->volumes.count > 0 ? set_of(&config->volumes) : json_null());
    (void)set(out, "Entrypoint", strings_or_null(&config->entrypoint));
    (void)set(out, "WorkingDir", text(config->working_dir));
    (void)set(out, "OnBuild", strings_or_null(&config->on_build));
    (void)set(out, "Labels", config->labels.count > 0 ? map(&config->labels) : json_null());
    if (config->stop_signal && *config->stop_signal)
        (void)set(out, "StopSignal", json_string(config->stop_signal));
    if (config->healthcheck.is_set)
        (void)set(out, "Healthcheck",
                  json_pack("{s:o, s:I, s:I, s:I, s:I}", "Test", sc_json_strv(&config->healthcheck.test), "Interval",
                            (json_int_t)config->healthcheck.interval, "Timeout",
                            (json_int_t)config->healthcheck.timeout, "StartPeriod",
                            (json_int_t)config->healthcheck.start_period, "Retries",
                            (json_int_t)config->healthcheck.retries));
    return out;
}

/* NAME@DIGEST, by which a registry has what is here, or would have it once it is pushed there; each once, and that of
 * the repository that was asked about first. */
static void
add_digest(const struct sc_image *image, const struct sc_reference *ref, bool is_first, struct sc_arena *arena,
           json_t *digests)
{
    char *own = sc_arena_printf(arena, "%s@%s", sc_reference_familiar(ref, arena),
                                ref->digest ? ref->digest : image->manifest_digest);

    for (size_t i = 0; i < json_array_size(digests); i++) {
        if (sc_str_eq(json_string_value(json_array_get(digests, i)), own))
            return;
    }
    (void)json_array_insert_new(digests, is_first ? 0 : json_array_size(digests), json_string(own));
}

int
sc_engine_inspect_image(struct sc_engine *engine, const struct sc_image *image, json_t **out, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_image_list list = {.items = NULL};
    json_t *json = json_object(), *tags = json_array(), *digests = json_array();

    if (!json || sc_image_list(&engine->store, &arena, &list, err) < 0) {
        json_decref(json);
        json_decref(tags);
        json_decref(digests);
        return json ? -1 : sc_err_nomem(err);
    }
    for (size_t i = 0; i < list.count; i++) {
        struct sc_reference ref = {0};
        struct sc_err ignored = SC_ERR_INIT;

        if (!list.items[i].name || !sc_str_eq(list.items[i].id, image->id) ||
            sc_reference_parse(list.items[i].name, &arena, &ref, &ignored) < 0)
            continue;
        if (ref.tag)
            (void)json_array_append_new(tags, json_sprintf("%s:%s", sc_reference_familiar(&ref, &arena), ref.tag));
        add_digest(&list.items[i], &ref, sc_str_eq(list.items[i].name, image->name), &arena, digests);
    }
    (void)set(json, "Id", text(image->id));
    (void)set(json, "RepoTags", tags);
    (void)set(json, "RepoDigests", digests);
    (void)set(json, "Parent", json_string("")); /* a layer has no image of its own here */
    (void)set(json, "Comment", text(image->comment));
    (void)set(json, "Created", text(image->created));
    (void)set(json, "Author", text(image->author));
    (void)set(json, "DockerVersion", json_string(""));
    (void)set(json, "Config", image_config(&image->config));
    (void)set(json, "Architecture", text(image->architecture));
    if (image->variant)
        (void)set(json, "Variant", json_string(image->variant));
    (void)set(json, "Os", text(image->os));
    (void)set(json, "Size", json_integer(image->size));
    (void)set(json, "VirtualSize", json_integer(image->size));
    (void)set(json, "RootFS", json_pack("{s:s, s:o}", "Type", "layers", "Layers", sc_json_strv(&image->diff_ids)));
    /* the store does not say when */
    (void)set(json, "Metadata", json_pack("{s:s}", "LastTagTime", "0001-01-01T00:00:00Z"));
    (void)set(json, "Descriptor", json_pack("{s:o}", "digest", text(image->manifest_digest)));
    *out = json;
    return 0;
}
