/* The members of a record, once: encoder, decoder and the test that walks them read these tables. */
#include "engine/engine-priv.h"

#define OPTION(key, kind, member)                                                                                      \
    {                                                                                                                  \
        key, kind, offsetof(struct sc_create_options, member), 0                                                       \
    }
#define OPTION_LIST(key, kind, member, count)                                                                          \
    {                                                                                                                  \
        key, kind, offsetof(struct sc_create_options, member), offsetof(struct sc_create_options, count)               \
    }
#define MEMBER(key, kind, member)                                                                                      \
    {                                                                                                                  \
        key, kind, offsetof(struct sc_container, member), 0                                                            \
    }

const struct sc_field sc_option_fields[] = {
    OPTION("name", SC_FIELD_STR, name),
    OPTION("image", SC_FIELD_STR, image),
    OPTION("rootfs", SC_FIELD_STR, rootfs),
    OPTION("args", SC_FIELD_STRV, args),
    OPTION("entrypoint", SC_FIELD_STRV, entrypoint),
    OPTION("hasEntrypoint", SC_FIELD_BOOL, has_entrypoint),
    OPTION("interactive", SC_FIELD_BOOL, interactive),
    OPTION("tty", SC_FIELD_BOOL, tty),
    OPTION("detach", SC_FIELD_BOOL, detach),
    OPTION("rm", SC_FIELD_BOOL, rm),
    OPTION("readOnly", SC_FIELD_BOOL, read_only),
    OPTION("init", SC_FIELD_BOOL, init),
    OPTION("privileged", SC_FIELD_BOOL, privileged),
    OPTION("noNewPrivileges", SC_FIELD_BOOL, no_new_privileges),
    OPTION("systempathsUnconfined", SC_FIELD_BOOL, systempaths_unconfined),
    OPTION("env", SC_FIELD_STRV, env),
    OPTION("labels", SC_FIELD_STRV, labels),
    OPTION("capAdd", SC_FIELD_STRV, cap_add),
    OPTION("capDrop", SC_FIELD_STRV, cap_drop),
    OPTION("groupAdd", SC_FIELD_STRV, group_add),
    OPTION("sysctls", SC_FIELD_STRV, sysctls),
    OPTION("ulimits", SC_FIELD_STRV, ulimits),
    OPTION("workdir", SC_FIELD_STR, workdir),
    OPTION("user", SC_FIELD_STR, user),
    OPTION("hostname", SC_FIELD_STR, hostname),
    OPTION("domainname", SC_FIELD_STR, domainname),
    OPTION("stopSignal", SC_FIELD_STR, stop_signal),
    OPTION("seccomp", SC_FIELD_STR, seccomp),
    OPTION("cgroupParent", SC_FIELD_STR, cgroup_parent),
    OPTION("stopTimeout", SC_FIELD_INT, stop_timeout),
    OPTION("shmSize", SC_FIELD_I64, shm_size),
    OPTION_LIST("mounts", SC_FIELD_MOUNTS, mounts, mount_count),
    OPTION_LIST("devices", SC_FIELD_DEVICES, devices, device_count),
    OPTION("pid", SC_FIELD_NS, pid),
    OPTION("ipc", SC_FIELD_NS, ipc),
    OPTION("uts", SC_FIELD_NS, uts),
    OPTION("userNs", SC_FIELD_NS, user_ns),
    OPTION("cgroupNs", SC_FIELD_NS, cgroup_ns),
    OPTION("network", SC_FIELD_NS, network),
    OPTION("networkIsDefault", SC_FIELD_BOOL, is_default_network),
    OPTION("publish", SC_FIELD_STRV, publish),
    OPTION("publishAll", SC_FIELD_BOOL, publish_all),
    OPTION("expose", SC_FIELD_STRV, expose),
    OPTION("ip", SC_FIELD_STR, ip),
    OPTION("macAddress", SC_FIELD_STR, mac_address),
    OPTION("networkAliases", SC_FIELD_STRV, network_aliases),
    OPTION("addHosts", SC_FIELD_STRV, add_hosts),
    OPTION("dns", SC_FIELD_STRV, dns),
    OPTION("dnsSearch", SC_FIELD_STRV, dns_search),
    OPTION("dnsOptions", SC_FIELD_STRV, dns_options),
    OPTION("uidMaps", SC_FIELD_STRV, uid_maps),
    OPTION("gidMaps", SC_FIELD_STRV, gid_maps),
    OPTION("timeMonotonic", SC_FIELD_TIME, time_monotonic),
    OPTION("timeBoottime", SC_FIELD_TIME, time_boottime),
    OPTION("memory", SC_FIELD_I64, memory),
    OPTION("memorySwap", SC_FIELD_I64, memory_swap),
    OPTION("memoryReservation", SC_FIELD_I64, memory_reservation),
    OPTION("nanoCpus", SC_FIELD_I64, nano_cpus),
    OPTION("cpuPeriod", SC_FIELD_I64, cpu_period),
    OPTION("cpuQuota", SC_FIELD_I64, cpu_quota),
    OPTION("cpuShares", SC_FIELD_U64, cpu_shares),
    OPTION("cpusetCpus", SC_FIELD_STR, cpuset_cpus),
    OPTION("cpusetMems", SC_FIELD_STR, cpuset_mems),
    OPTION("pidsLimit", SC_FIELD_I64, pids_limit),
    OPTION("oomScoreAdj", SC_FIELD_OPT_I64, oom_score_adj),
    OPTION("memorySwappiness", SC_FIELD_OPT_I64, memory_swappiness),
    OPTION("oomKillDisable", SC_FIELD_BOOL, oom_kill_disable),
    OPTION("logDriver", SC_FIELD_STR, log.driver),
    OPTION("logMaxSize", SC_FIELD_I64, log.max_size),
    OPTION("logMaxFiles", SC_FIELD_INT, log.max_files),
    OPTION("pull", SC_FIELD_STR, pull),
    OPTION("platform", SC_FIELD_STR, platform),
    OPTION("pullQuiet", SC_FIELD_BOOL, pull_quiet),
    OPTION("cidfile", SC_FIELD_STR, cidfile),
    OPTION("detachKeys", SC_FIELD_STR, detach_keys),
    OPTION("startsNow", SC_FIELD_BOOL, starts_now),
};
const size_t sc_option_field_count = SC_ARRAY_LEN(sc_option_fields);

const struct sc_field sc_container_fields[] = {
    MEMBER("name", SC_FIELD_STR, name),
    MEMBER("imageId", SC_FIELD_STR, image_id),
    MEMBER("imageName", SC_FIELD_STR, image_name),
    MEMBER("createdAt", SC_FIELD_I64, created_at),
    MEMBER("rm", SC_FIELD_BOOL, is_rm),
    MEMBER("path", SC_FIELD_STR, path),
    MEMBER("args", SC_FIELD_STRV, args),
    MEMBER("user", SC_FIELD_STR, effective_user),
    MEMBER("workdir", SC_FIELD_STR, effective_workdir),
    MEMBER("stopSignal", SC_FIELD_STR, effective_stop_signal),
    MEMBER("env", SC_FIELD_STRV, effective_env),
    MEMBER("labels", SC_FIELD_STRV, effective_labels),
    MEMBER("exposed", SC_FIELD_STRV, exposed),
    MEMBER("restartCount", SC_FIELD_INT, restart_count),
    MEMBER("layers", SC_FIELD_STRV, chain_ids),
    MEMBER("uidMaps", SC_FIELD_STRV, effective_uid_maps),
    MEMBER("gidMaps", SC_FIELD_STRV, effective_gid_maps),
    MEMBER("i386", SC_FIELD_BOOL, is_i386),
};
const size_t sc_container_field_count = SC_ARRAY_LEN(sc_container_fields);
