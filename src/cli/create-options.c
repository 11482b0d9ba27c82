/* The flags of run and create. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "cli/cli.h"

#define AT(member)     offsetof(struct sc_run_options, member)
#define CREATE(member) AT(create.member)
#define FLAG           SC_OPTION_FLAG
#define STR            SC_OPTION_STR
#define STRV           SC_OPTION_STRV
#define CALL           SC_OPTION_CALL

/* Limits that `sc update` can change too (engine/limits.c has what they mean). */
#define LIMIT_OPTIONS                                                                                                    \
    {"blkio-weight", 0,   CALL, CREATE(blkio_weight), "10-1000", "Weight of block I/O relative to others",               \
     sc_value_i64,   NULL},                                                                                              \
        {"blkio-weight-device",  0,   CALL, CREATE(blkio_weight_devices), "device:weight", "The same for one device",    \
         sc_value_weight_device, NULL},                                                                                  \
        {"cgroup-conf",                                                                                                  \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(cgroup_conf),                                                                                            \
         "file=value",                                                                                                   \
         "Write a file of the container's cgroup (v2): memory.high=1073741824",                                          \
         sc_value_cgroup_conf,                                                                                           \
         NULL},                                                                                                          \
        {"cpu-burst",  0,   CALL, CREATE(cpu_burst), "usec", "Unused CPU quota that may be saved up, in microseconds",   \
         sc_value_i64, NULL},                                                                                            \
        {"cpu-idle",         0,                                                                                          \
         SC_OPTION_OPTIONAL, CREATE(cpu_idle),                                                                           \
         "true|false",       "Run only when nothing else wants the CPU",                                                 \
         sc_value_idle,      NULL},                                                                                      \
        {"cpu-period", 0,   CALL, CREATE(cpu_period), "usec", "Period of the CPU quota, in microseconds",                \
         sc_value_i64, NULL},                                                                                            \
        {"cpu-quota",  0,   CALL, CREATE(cpu_quota), "usec", "CPU time in each period, in microseconds",                 \
         sc_value_i64, NULL},                                                                                            \
        {"cpu-rt-period",       0,      CALL,                                                                            \
         CREATE(cpu_rt_period), "usec", "Period of realtime CPU time (cgroup v1), in microseconds",                      \
         sc_value_i64,          NULL},                                                                                   \
        {"cpu-rt-runtime",       0,      CALL,                                                                           \
         CREATE(cpu_rt_runtime), "usec", "Realtime CPU time in each period (cgroup v1), in microseconds",                \
         sc_value_i64,           NULL},                                                                                  \
        {"cpu-shares", 'c', CALL, CREATE(cpu_shares), "number", "CPU weight relative to others (default 1024)",          \
         sc_value_u64, NULL},                                                                                            \
        {"cpus", 0, CALL, CREATE(nano_cpus), "number", "Number of CPUs, such as 1.5", sc_value_cpus, NULL},              \
        {"cpuset-cpus", 0, CALL, CREATE(cpuset_cpus), "list", "CPUs to run on: 0-3,7", sc_value_cpu_list, NULL},         \
        {"cpuset-mems", 0, CALL, CREATE(cpuset_mems), "list", "Memory nodes to use: 0,1", sc_value_cpu_list, NULL},      \
        {"device-read-bps",                                                                                              \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(device_read_bps),                                                                                        \
         "device:bytes",                                                                                                 \
         "Most bytes a second read from a device",                                                                       \
         sc_value_device_bps,                                                                                            \
         NULL},                                                                                                          \
        {"device-read-iops",   0,   CALL, CREATE(device_read_iops), "device:count", "Most reads a second from a device", \
         sc_value_device_iops, NULL},                                                                                    \
        {"device-write-bps",                                                                                             \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(device_write_bps),                                                                                       \
         "device:bytes",                                                                                                 \
         "Most bytes a second written to a device",                                                                      \
         sc_value_device_bps,                                                                                            \
         NULL},                                                                                                          \
        {"device-write-iops",  0,   CALL, CREATE(device_write_iops), "device:count", "Most writes a second to a device", \
         sc_value_device_iops, NULL},                                                                                    \
        {"io-max",                                                                                                       \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(io_max),                                                                                                 \
         "device:limits",                                                                                                \
         "All four at once: /dev/sda:rbps=1m,wbps=2m,riops=100,wiops=max",                                               \
         sc_value_io_max,                                                                                                \
         NULL},                                                                                                          \
        {"kernel-memory", 0,   CALL, AT(kernel_memory), "bytes", "Ignored: kernels have no such limit any more",         \
         sc_value_size,   NULL},                                                                                         \
        {"memory", 'm', CALL, CREATE(memory), "bytes", "Memory limit, such as 256m", sc_value_size, NULL},               \
        {"memory-high", 0,   CALL, CREATE(memory_high), "bytes", "Above this, slow down and reclaim (cgroup v2)",        \
         sc_value_size, NULL},                                                                                           \
        {"memory-low",  0,   CALL, CREATE(memory_low), "bytes", "Below this, reclaim from others first (cgroup v2)",     \
         sc_value_size, NULL},                                                                                           \
        {"memory-min",  0,   CALL, CREATE(memory_min), "bytes", "Below this, reclaim nothing (cgroup v2)",               \
         sc_value_size, NULL},                                                                                           \
        {"memory-reservation", 0,   CALL, CREATE(memory_reservation), "bytes", "Memory to keep under pressure",          \
         sc_value_size,        NULL},                                                                                    \
        {"memory-swap",        0,       CALL,                                                                            \
         CREATE(memory_swap),  "bytes", "Limit of memory and swap together; -1: no limit",                               \
         sc_value_memory_swap, NULL},                                                                                    \
        {"memory-swappiness",       0,       CALL,                                                                       \
         CREATE(memory_swappiness), "0-100", "How readily memory is swapped out (cgroup v1)",                            \
         sc_value_swappiness,       NULL},                                                                               \
    {                                                                                                                    \
        "pids-limit", 0, CALL, CREATE(pids_limit), "number", "Most tasks at a time; -1: no limit", sc_value_pids, NULL   \
    }

/* What both have: one list, so that neither forgets one. */
#define CREATE_OPTIONS                                                                                                   \
    LIMIT_OPTIONS, {"add-host",                                                                                          \
                    0,                                                                                                   \
                    CALL,                                                                                                \
                    CREATE(add_hosts),                                                                                   \
                    "name:address",                                                                                      \
                    "Name in /etc/hosts; the address may be host-gateway",                                               \
                    sc_value_add_host,                                                                                   \
                    NULL},                                                                                               \
        {"annotation",   0,   CALL, CREATE(annotations), "name[=value]", "Annotation in the OCI configuration",          \
         sc_value_label, NULL},                                                                                          \
        {"attach", 'a', STRV, AT(attach), "stream", "Attach to stdin, stdout or stderr", NULL, NULL},                    \
        {"cap-add", 0, CALL, CREATE(cap_add), "name", "Give a capability (ALL: all)", sc_value_cap, NULL},               \
        {"cap-drop", 0, CALL, CREATE(cap_drop), "name", "Take a capability away (ALL: all)", sc_value_cap, NULL},        \
        {"cgroup-parent", 0, STR, CREATE(cgroup_parent), "path", "Parent of the container's cgroup", NULL, NULL},        \
        {"cgroupns",        0,      CALL,                                                                                \
         CREATE(cgroup_ns), "mode", "Cgroup namespace: private, host, container:X or ns:PATH",                           \
         sc_value_cgroupns, NULL},                                                                                       \
        {"cgroup-manager",        0,         CALL,                                                                       \
         CREATE(cgroup_manager),  "manager", "Who makes the cgroup: cgroupfs (default), systemd or auto",                \
         sc_value_cgroup_manager, NULL},                                                                                 \
        {"cidfile", 0, STR, CREATE(cidfile), "file", "Write the container's id to this file", NULL, NULL},               \
        {"dns", 0, CALL, CREATE(dns), "address", "Name server of the container", sc_value_dns, NULL},                    \
        {"dns-option",      0,        CALL, CREATE(dns_options), "option", "Resolver option, such as ndots:2",           \
         sc_value_dns_word, "dns-opt"},                                                                                  \
        {"dns-search",      0,   CALL, CREATE(dns_search), "domain", "Domain to search names in; \".\": none",           \
         sc_value_dns_word, NULL},                                                                                       \
        {"detach-keys",        0,   CALL, CREATE(detach_keys), "keys", "Keys that detach (default ctrl-p,ctrl-q)",       \
         sc_value_detach_keys, NULL},                                                                                    \
        {"device",        0,   CALL, AT(create), "device", "Give a device of the host: HOST[:CONTAINER][:rwm]",          \
         sc_value_device, NULL},                                                                                         \
        {"device-cgroup-rule", 0,   CALL, CREATE(device_cgroup_rules), "rule", "Allow devices by number: \"c 1:3 rwm\"", \
         sc_value_device_rule, NULL},                                                                                    \
        {"domainname", 0, STR, CREATE(domainname), "name", "NIS domain name", NULL, NULL},                               \
        {"dry-run", 0, FLAG, AT(dry_run), NULL, "Print the plan of a start, do nothing", NULL, NULL},                    \
        {"entrypoint", 0, STR, AT(entrypoint), "program", "Run this instead of the image's entrypoint", NULL, NULL},     \
        {"env", 'e', STRV, CREATE(env), "name[=value]", "Set an environment variable", NULL, NULL},                      \
        {"env-file", 0, STRV, AT(env_files), "file", "Read environment variables from a file", NULL, NULL},              \
        {"explain",                                                                                                      \
         0,                                                                                                              \
         SC_OPTION_OPTIONAL,                                                                                             \
         AT(explain),                                                                                                    \
         "text|json|sh",                                                                                                 \
         "Say what the kernel is told, step by step, and why; sh: print a script that does the same",                    \
         sc_value_explain,                                                                                               \
         NULL},                                                                                                          \
        {"expose", 0, CALL, CREATE(expose), "port[/proto]", "Port that -P publishes", sc_value_expose, NULL},            \
        {"gidmap", 0, CALL, CREATE(gid_maps), "map", "Map group ids: CONTAINER:HOST:COUNT", sc_value_id_map, NULL},      \
        {"group-add", 0, STRV, CREATE(group_add), "group", "Add a supplementary group", NULL, NULL},                     \
        {"hostname", 'h', STR, CREATE(hostname), "name", "Host name of the container", NULL, NULL},                      \
        {"init", 0, FLAG, CREATE(init), NULL, "Run a small init that reaps zombies and forwards signals", NULL, NULL},   \
        {"interactive", 'i', FLAG, CREATE(interactive), NULL, "Keep standard input open", NULL, NULL},                   \
        {"ip", 0, CALL, CREATE(ip), "address", "Address on a network that a user has made", sc_value_ip, NULL},          \
        {"ip6", 0, CALL, CREATE(ip6), "address", "IPv6 address on such a network", sc_value_ip6, NULL},                  \
        {"isolation", 0, CALL, AT(create), "technology", "default, as with Docker on Linux", sc_value_isolation, NULL},  \
        {"ipc",        0,      CALL,                                                                                     \
         CREATE(ipc),  "mode", "IPC namespace: private, shareable, none, host, container:X or ns:PATH",                  \
         sc_value_ipc, NULL},                                                                                            \
        {"label", 'l', CALL, CREATE(labels), "name[=value]", "Label the container", sc_value_label, NULL},               \
        {"label-file", 0, STRV, AT(label_files), "file", "Read labels from a file, one a line", NULL, NULL},             \
        {"log-driver", 0, CALL, AT(create), "driver", "json-file (default), local or none", sc_value_log_driver, NULL},  \
        {"log-opt",        0,   CALL, AT(create), "name=value", "max-size=10m, max-file=3, labels=a,b, tag=TEXT",        \
         sc_value_log_opt, NULL},                                                                                        \
        {"mac-address", 0, CALL, CREATE(mac_address), "mac", "MAC address of the container's link", sc_value_mac, NULL}, \
        {"mount",        0,   CALL, AT(create), "spec", "Mount: type=bind|volume|tmpfs,source=..,target=..[,readonly]",  \
         sc_value_mount, NULL},                                                                                          \
        {"name", 0, STR, CREATE(name), "name", "Name of the container", NULL, NULL},                                     \
        {"net-rate-in",       0,      CALL,                                                                              \
         CREATE(net_rate_in), "rate", "What each of its links receives: 10mbit, 500kbyte a second",                      \
         sc_value_rate,       NULL},                                                                                     \
        {"net-rate-out", 0, CALL, CREATE(net_rate_out), "rate", "What each of its links sends", sc_value_rate, NULL},    \
        {"health-cmd", 0,   STR, CREATE(health_cmd), "command", "What is run by /bin/sh to see whether it is healthy",   \
         NULL,         NULL},                                                                                            \
        {"health-interval",       0,          CALL,                                                                      \
         CREATE(health.interval), "duration", "From one look to the next (default 30s)",                                 \
         sc_value_health_time,    NULL},                                                                                 \
        {"health-retries",        0,        CALL,                                                                        \
         CREATE(health.retries),  "number", "Failures in a row that make it unhealthy (default 3)",                      \
         sc_value_health_retries, NULL},                                                                                 \
        {"health-start-interval",       0,          CALL,                                                                \
         CREATE(health.start_interval), "duration", "From one look to the next in the start period (default 5s)",        \
         sc_value_health_time,          NULL},                                                                           \
        {"health-start-period",       0,          CALL,                                                                  \
         CREATE(health.start_period), "duration", "How long failures do not count after the start (default 0s)",         \
         sc_value_health_time,        NULL},                                                                             \
        {"health-timeout",       0,          CALL,                                                                       \
         CREATE(health.timeout), "duration", "How long one look may take (default 30s)",                                 \
         sc_value_health_time,   NULL},                                                                                  \
        {"no-healthcheck", 0, FLAG, CREATE(no_healthcheck), NULL, "Do without the image's health check", NULL, NULL},    \
        {"network",                                                                                                      \
         0,                                                                                                              \
         CALL,                                                                                                           \
         AT(create),                                                                                                     \
         "mode",                                                                                                         \
         "Network: bridge (root's default), none, host, one of sc network ls, container:X, ns:PATH, cni:NAME, pasta "    \
         "or slirp4netns",                                                                                               \
         sc_value_networks,                                                                                              \
         "net"},                                                                                                         \
        {"network-alias", 0, STRV, CREATE(network_aliases), "name", "Further name for neighbours on its network", NULL,  \
         "net-alias"},                                                                                                   \
        {"oom-kill-disable",                                                                                             \
         0,                                                                                                              \
         FLAG,                                                                                                           \
         CREATE(oom_kill_disable),                                                                                       \
         NULL,                                                                                                           \
         "Do not kill at the memory limit (cgroup v1)",                                                                  \
         NULL,                                                                                                           \
         NULL},                                                                                                          \
        {"oom-score-adj",    0,   CALL, CREATE(oom_score_adj), "number", "Preference of the OOM killer, -1000 to 1000",  \
         sc_value_oom_score, NULL},                                                                                      \
        {"pid",        0,   CALL, CREATE(pid), "mode", "PID namespace: private, host, container:X or ns:PATH",           \
         sc_value_pid, NULL},                                                                                            \
        {"platform", 0, STR, CREATE(platform), "platform", "Platform of an image to pull: linux/arm64", NULL, NULL},     \
        {"proc-view",                                                                                                    \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(proc_view),                                                                                              \
         "auto|on|full|off",                                                                                             \
         "Show the limits in /proc; auto: when there are any; full: sysinfo(2) and sched_getaffinity(2) too",            \
         sc_value_proc_view,                                                                                             \
         NULL},                                                                                                          \
        {"privileged", 0, FLAG, CREATE(privileged), NULL, "All capabilities and devices, no confinement", NULL, NULL},   \
        {"publish",        'p',     CALL,                                                                                \
         CREATE(publish),  "ports", "Publish ports: [ADDRESS:][HOSTPORT:]PORT[/tcp|udp|sctp]",                           \
         sc_value_publish, NULL},                                                                                        \
        {"publish-all", 'P', FLAG, CREATE(publish_all), NULL, "Publish all exposed ports on ports that are free",        \
         NULL,          NULL},                                                                                           \
        {"pull",        0,   CALL, CREATE(pull), "policy", "Pull the image: missing (default), always or never",         \
         sc_value_pull, NULL},                                                                                           \
        {"quiet", 'q', FLAG, CREATE(pull_quiet), NULL, "Show no progress of a pull", NULL, NULL},                        \
        {"read-only", 0, FLAG, CREATE(read_only), NULL, "Mount the root file system read-only", NULL, NULL},             \
        {"restart",        0,        CALL,                                                                               \
         CREATE(restart),  "policy", "When it is started again: no, on-failure[:N], always, unless-stopped",             \
         sc_value_restart, NULL},                                                                                        \
        {"rm", 0, FLAG, CREATE(rm), NULL, "Remove the container when it ends", NULL, NULL},                              \
        {"rootfs", 0, STR, CREATE(rootfs), "dir", "Use this directory as root, and no image", NULL, NULL},               \
        {"security-opt",    0,        CALL,                                                                              \
         AT(create),        "option", "seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined",              \
         sc_value_security, NULL},                                                                                       \
        {"shm-size", 0, CALL, CREATE(shm_size), "bytes", "Size of /dev/shm (default 64m)", sc_value_size, NULL},         \
        {"stop-signal",        0,   CALL, CREATE(stop_signal), "signal", "Signal of sc stop (default SIGTERM)",          \
         sc_value_signal_text, NULL},                                                                                    \
        {"stop-timeout",       0,         CALL,                                                                          \
         CREATE(stop_timeout), "seconds", "Patience of sc stop before it kills (default 10)",                            \
         sc_value_seconds,     NULL},                                                                                    \
        {"sysctl",                                                                                                       \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(sysctls),                                                                                                \
         "name=value",                                                                                                   \
         "Set a kernel parameter of the container's namespaces",                                                         \
         sc_value_sysctl,                                                                                                \
         NULL},                                                                                                          \
        {"time-offset",        0,   CALL, AT(create), "clocks", "Shift clocks: monotonic=SECS,boottime=SECS",            \
         sc_value_time_offset, NULL},                                                                                    \
        {"tmpfs", 0, CALL, AT(create), "path[:opts]", "Mount a tmpfs", sc_value_tmpfs, NULL},                            \
        {"tty", 't', FLAG, CREATE(tty), NULL, "Give the container a terminal", NULL, NULL},                              \
        {"uidmap", 0, CALL, CREATE(uid_maps), "map", "Map user ids: CONTAINER:HOST:COUNT", sc_value_id_map, NULL},       \
        {"ulimit",        0,   CALL, CREATE(ulimits), "name=soft[:hard]", "Resource limit, such as nofile=1024:2048",    \
         sc_value_ulimit, NULL},                                                                                         \
        {"user", 'u', STR, CREATE(user), "user[:group]", "User by name or id", NULL, NULL},                              \
        {"userns",        0,      CALL,                                                                                  \
         CREATE(user_ns), "mode", "User namespace: host (default), auto, keep-id, container:X or ns:PATH",               \
         sc_value_userns, NULL},                                                                                         \
        {"uts",        0,   CALL, CREATE(uts), "mode", "UTS namespace: private, host, container:X or ns:PATH",           \
         sc_value_uts, NULL},                                                                                            \
        {"volumes-from",                                                                                                 \
         0,                                                                                                              \
         CALL,                                                                                                           \
         CREATE(volumes_from),                                                                                           \
         "container[:ro]",                                                                                               \
         "Mount what another container has mounted",                                                                     \
         sc_value_volumes_from,                                                                                          \
         NULL},                                                                                                          \
        {"volume",        'v', CALL, AT(create), "spec", "Mount [SOURCE:]TARGET[:ro]: a host path or a volume",          \
         sc_value_volume, NULL},                                                                                         \
    {                                                                                                                    \
        "workdir", 'w', STR, CREATE(workdir), "dir", "Working directory", NULL, NULL                                     \
    }

const struct sc_option sc_create_table[] = {
    CREATE_OPTIONS,
    {.name = NULL},
};

const struct sc_option sc_run_table[] = {
    CREATE_OPTIONS,
    {"as-service", 0, FLAG, CREATE(as_service), NULL, "Have systemd run it, as service sc-NAME.service", NULL, NULL},
    {"detach", 'd', FLAG, CREATE(detach), NULL, "Run in the background and print the id", NULL, NULL},
    {"sig-proxy", 0, FLAG, AT(sig_proxy), NULL, "Forward signals to the container (default true)", NULL, NULL},
    {.name = NULL},
};

const struct sc_option sc_update_table[] = {
    LIMIT_OPTIONS,
    {"net-rate-in", 0, CALL, CREATE(net_rate_in), "rate",
     "What it receives: 10mbit, 500kbyte a second; 0: as fast as it goes", sc_value_rate, NULL},
    {"net-rate-out", 0, CALL, CREATE(net_rate_out), "rate", "What it sends", sc_value_rate, NULL},
    {"restart", 0, CALL, CREATE(restart), "policy",
     "When it is started again: no, on-failure[:N], always, unless-stopped", sc_value_restart, NULL},
    {"runtime", 0, FLAG, AT(only_runtime), NULL, "Until it ends only: the next start has what it had", NULL, NULL},
    {.name = NULL},
};

void
sc_run_options_init(struct sc_run_options *options)
{
    *options = (struct sc_run_options){.sig_proxy = true};
    sc_create_options_init(&options->create);
}

/* An empty value is one that was not given, as in Docker: scripts write --name "$NAME". */
static void
drop_empty(struct sc_create_options *o)
{
    char **const texts[] = {&o->name,     &o->rootfs,     &o->workdir,       &o->user,
                            &o->hostname, &o->domainname, &o->cgroup_parent, &o->cidfile};

    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        if (*texts[i] && **texts[i] == '\0')
            *texts[i] = NULL;
    }
    /* inspect and Docker write a name so, and take it so */
    if (o->name && o->name[0] == '/')
        o->name++;
}

/* Relative to where the caller stands; the engine wants absolute paths. Not resolved: the kernel does that in the open.
 */
static int
make_absolute(char **path, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_free char *here = NULL;

    if (!*path || (*path)[0] == '/')
        return 0;
    here = getcwd(NULL, 0);
    if (!here)
        return sc_err_errno(err, errno, "find out where \"%s\" is", *path);
    *path = sc_arena_printf(arena, "%s/%s", here, *path);
    return *path ? 0 : sc_err_nomem(err);
}

static int
make_paths_absolute(struct sc_create_options *o, struct sc_arena *arena, struct sc_err *err)
{
    if (make_absolute(&o->rootfs, arena, err) < 0)
        return -1;
    if (o->seccomp && strcmp(o->seccomp, "unconfined") != 0 && make_absolute(&o->seccomp, arena, err) < 0)
        return -1;
    for (size_t i = 0; i < o->mount_count; i++) {
        if (o->mounts[i].kind == SC_MOUNT_BIND && make_absolute(&o->mounts[i].source, arena, err) < 0)
            return -1;
    }
    return 0;
}

static int
take_args(struct sc_create_options *o, const char *command, const struct sc_strv *args, struct sc_arena *arena,
          struct sc_err *err)
{
    size_t first = 0;

    if (!o->rootfs) {
        if (args->count == 0) {
            sc_err_set(err, SC_ERR_INVALID, "'sc %s' requires at least 1 argument: no image is named", command);
            err->exit_code = 1; /* as with any wrong number of arguments */
            return sc_err_remedy(err, "see 'sc %s --help'", command);
        }
        o->image = args->items[0];
        first = 1;
    }
    for (size_t i = first; i < args->count; i++)
        sc_strv_add(&o->args, arena, args->items[i]);
    return 0;
}

/* $SC_NETWORK stands for --network where that is not given. Ports want a network: for them none is not the answer. */
int
sc_run_network_from_env(struct sc_create_options *o, struct sc_arena *arena, struct sc_err *err)
{
    const char *value = getenv("SC_NETWORK");

    if (o->network.mode != SC_NS_NONE || o->network.value || !value || !*value)
        return 0;
    if (strcmp(value, "none") == 0 && (o->publish.count > 0 || o->publish_all))
        return 0;
    return sc_value_network(&o->network, value, arena, err) < 0 ? sc_err_wrap(err, "SC_NETWORK") : 0;
}

static int
check_health(const struct sc_create_options *o, struct sc_err *err)
{
    const struct sc_health_times *h = &o->health;

    if (o->no_healthcheck && ((o->health_cmd && *o->health_cmd) || h->interval || h->timeout || h->start_period ||
                              h->start_interval || h->retries))
        return sc_err_set(err, SC_ERR_INVALID, "--no-healthcheck conflicts with --health-* options");
    return 0;
}

static int
check_restart(struct sc_create_options *o, struct sc_err *err)
{
    if (o->restart && strcmp(o->restart, "no") == 0)
        o->restart = NULL;
    if (o->restart && o->rm)
        return sc_err_set(err, SC_ERR_INVALID, "conflicting options: cannot specify both --restart and --rm");
    if (o->restart && o->as_service) {
        sc_err_set(err, SC_ERR_INVALID, "conflicting options: --restart and --as-service");
        return sc_err_remedy(err, "a service is systemd's to restart: see sc generate systemd --restart-policy");
    }
    return 0;
}

int
sc_run_options_finish(struct sc_run_options *options, const char *command, const struct sc_strv *args,
                      struct sc_arena *arena, struct sc_err *err)
{
    struct sc_create_options *o = &options->create;
    struct sc_strv env = {0}, labels = {0};
    int ignored;

    drop_empty(o);
    if (take_args(o, command, args, arena, err) < 0 || sc_run_network_from_env(o, arena, err) < 0 ||
        make_paths_absolute(o, arena, err) < 0 || sc_run_attach_flags(options, &ignored, err) < 0)
        return -1;
    if (sc_env_collect(&options->env_files, &o->env, arena, &env, err) < 0 ||
        sc_label_collect(&options->label_files, &o->labels, arena, &labels, err) < 0) {
        err->exit_code = SC_EXIT_ENGINE; /* a flag's bad value, also of create */
        return -1;
    }
    o->env = env;
    o->labels = labels;
    if (options->entrypoint) {
        o->has_entrypoint = true;
        if (*options->entrypoint)
            sc_strv_add(&o->entrypoint, arena, options->entrypoint);
    }
    if (o->detach && options->attach.count > 0)
        return sc_err_set(err, SC_ERR_INVALID, "conflicting options: --detach and --attach");
    if (check_restart(o, err) < 0 || check_health(o, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}

void
sc_run_notes(const struct sc_run_options *options)
{
    struct sysinfo host;

    if (options->create.network.mode == SC_NS_HOST &&
        (options->create.publish.count > 0 || options->create.publish_all))
        sc_print_note("published ports are discarded when using host network mode");
    if (options->kernel_memory != 0)
        sc_print_note("--kernel-memory is ignored: kernels have no such limit any more; --memory counts the kernel's "
                      "memory too");
    if (options->create.oom_kill_disable && options->create.memory == 0)
        sc_print_note("--oom-kill-disable without --memory: when the host runs out of memory, nothing stops this "
                      "container");
    if (options->create.memory > 0 && options->create.memory_swap > options->create.memory && sysinfo(&host) == 0 &&
        host.totalswap == 0)
        sc_print_note("--memory-swap: this host has no swap, so --memory is the end");
}

int
sc_run_attach_flags(const struct sc_run_options *options, int *flags, struct sc_err *err)
{
    const struct sc_create_options *o = &options->create;

    *flags = 0;
    for (size_t i = 0; i < options->attach.count; i++) {
        const char *stream = options->attach.items[i];

        if (strcasecmp(stream, "stdin") == 0)
            *flags |= SC_ATTACH_STDIN;
        else if (strcasecmp(stream, "stdout") == 0)
            *flags |= SC_ATTACH_STDOUT;
        else if (strcasecmp(stream, "stderr") == 0)
            *flags |= SC_ATTACH_STDERR;
        else
            return sc_err_set(err, SC_ERR_INVALID, "--attach \"%s\": must be stdin, stdout or stderr", stream);
    }
    if (options->attach.count == 0)
        *flags = SC_ATTACH_STDOUT | SC_ATTACH_STDERR | (o->interactive ? SC_ATTACH_STDIN : 0);
    if (!o->interactive)
        *flags &= ~SC_ATTACH_STDIN;
    return 0;
}

void
sc_run_record_command(struct sc_create_options *options, const struct sc_cli *cli, const struct sc_strv *args)
{
    size_t words = cli->argc > 0 ? (size_t)cli->argc : 0;

    options->command_line = (struct sc_strv){.items = cli->argv, .count = words};
    options->command_options = (int)(words - (args->count < words ? args->count : words));
    /* "--" ends the options and is none */
    if (options->command_options > 0 && strcmp(cli->argv[options->command_options - 1], "--") == 0)
        options->command_options--;
}
