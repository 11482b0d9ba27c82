/* Limits: Docker's rules for what goes together, in the OCI's words. That a host can enforce them is kernel/cgroup's to
 * say. */
#include <string.h>

#include "engine/engine-priv.h"

#define MEMORY_MIN     ((int64_t)6 << 20) /* below this nothing starts; Docker's bound */
#define PERIOD_DEFAULT 100000
#define PERIOD_MIN     1000
#define PERIOD_MAX     1000000
#define QUOTA_MIN      1000
#define NANO           INT64_C(1000000000)
#define SHARES_MIN     2 /* kernel/sched/sched.h */
#define SHARES_MAX     262144
#define WEIGHT_MIN     10 /* v1's; v2's are made of them */
#define WEIGHT_MAX     1000
#define PIDS_MAX       4194304 /* PID_MAX_LIMIT, include/linux/threads.h */

/* A limit that the host could not reach is a slip of the pen, and none at all. */
static int
check_memory_host(const struct sc_create_options *o, const struct sc_host *host, struct sc_err *err)
{
    const struct {
        const char *flag;
        int64_t value;
    } rows[] = {{"memory", o->memory},
                {"memory-reservation", o->memory_reservation},
                {"memory-high", o->memory_high},
                {"memory-low", o->memory_low},
                {"memory-min", o->memory_min}};

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        if (rows[i].value < 0)
            return sc_err_set(err, SC_ERR_INVALID, "--%s %lld: it must not be negative", rows[i].flag,
                              (long long)rows[i].value);
        if (host->memory_total != 0 && (uint64_t)rows[i].value > host->memory_total) {
            sc_err_set(err, SC_ERR_INVALID, "--%s %lld: more than the %llu bytes of memory of this host", rows[i].flag,
                       (long long)rows[i].value, (unsigned long long)host->memory_total);
            return sc_err_remedy(err, "leave it out for no limit");
        }
    }
    return 0;
}

/* v2's ladder: min <= low <= high <= max. A step out of order would have no effect. */
static int
check_memory_ladder(const struct sc_create_options *o, struct sc_err *err)
{
    const struct {
        const char *flag;
        int64_t value;
    } rows[] = {{"memory-min", o->memory_min},
                {"memory-low", o->memory_low},
                {"memory-high", o->memory_high},
                {"memory", o->memory}};

    if (o->memory_low != 0 && o->memory_reservation != 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --memory-low and --memory-reservation are the same limit");
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        for (size_t k = i + 1; k < SC_ARRAY_LEN(rows); k++) {
            if (rows[i].value > 0 && rows[k].value > 0 && rows[i].value > rows[k].value)
                return sc_err_set(err, SC_ERR_INVALID, "--%s is larger than --%s", rows[i].flag, rows[k].flag);
        }
    }
    return 0;
}

static int
check_memory(const struct sc_create_options *o, struct sc_err *err)
{
    if (o->memory != 0 && o->memory < MEMORY_MIN)
        return sc_err_set(err, SC_ERR_INVALID, "--memory %lld: the least is 6m", (long long)o->memory);
    if (o->memory_reservation != 0 && o->memory_reservation < MEMORY_MIN)
        return sc_err_set(err, SC_ERR_INVALID, "--memory-reservation %lld: the least is 6m",
                          (long long)o->memory_reservation);
    if (o->memory > 0 && o->memory_reservation > o->memory)
        return sc_err_set(err, SC_ERR_INVALID, "--memory-reservation is larger than --memory");
    if (o->memory_high != 0 && o->memory_high < MEMORY_MIN)
        return sc_err_set(err, SC_ERR_INVALID, "--memory-high %lld: the least is 6m", (long long)o->memory_high);
    if (o->memory_swap < -1)
        return sc_err_set(err, SC_ERR_INVALID, "--memory-swap %lld: it is a size, or -1 for no limit",
                          (long long)o->memory_swap);
    if (o->memory_swap > 0 && o->memory == 0) {
        sc_err_set(err, SC_ERR_INVALID, "--memory-swap without --memory");
        return sc_err_remedy(err, "set --memory too: --memory-swap is memory and swap together");
    }
    if (o->memory_swap > 0 && o->memory_swap < o->memory) {
        sc_err_set(err, SC_ERR_INVALID, "--memory-swap is smaller than --memory");
        return sc_err_remedy(err, "--memory-swap is memory and swap together, so at least as large");
    }
    if (o->memory_swappiness.is_set && (o->memory_swappiness.value < -1 || o->memory_swappiness.value > 100))
        return sc_err_set(err, SC_ERR_INVALID, "--memory-swappiness %lld: it must be between 0 and 100",
                          (long long)o->memory_swappiness.value);
    return check_memory_ladder(o, err);
}

static int
fill_memory(const struct sc_inputs *in, struct sc_oci_memory *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    bool can_swap = in->host->cgroups.has_swap_accounting;

    if (check_memory(o, err) < 0 || check_memory_host(o, in->host, err) < 0)
        return -1;
    if (o->memory_swap > 0 && !can_swap) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--memory-swap: this host does not account swap (memory controller)");
        return sc_err_remedy(err, "leave --memory-swap out, or boot with swapaccount=1");
    }
    /* Docker: as much swap as memory where nothing else is said. */
    if (can_swap && o->memory_swap != 0)
        out->swap = (struct sc_opt_i64){true, o->memory_swap};
    else if (can_swap && o->memory > 0)
        out->swap = (struct sc_opt_i64){true, o->memory > INT64_MAX / 2 ? -1 : o->memory * 2};
    if (o->memory_swappiness.is_set && o->memory_swappiness.value >= 0)
        out->swappiness = (struct sc_opt_u64){true, (uint64_t)o->memory_swappiness.value};
    return 0;
}

static int
fill_cpu_time(const struct sc_inputs *in, struct sc_oci_cpu *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;

    if (o->nano_cpus != 0 && (o->cpu_quota != 0 || o->cpu_period != 0)) {
        sc_err_set(err, SC_ERR_INVALID, "conflicting options: --cpus and %s",
                   o->cpu_quota != 0 ? "--cpu-quota" : "--cpu-period");
        return sc_err_remedy(err, "--cpus N is --cpu-quota N*100000 with --cpu-period 100000: give one or the other");
    }
    if (o->nano_cpus < 0 || (o->nano_cpus > 0 && o->nano_cpus < NANO / 100))
        return sc_err_set(err, SC_ERR_INVALID, "--cpus: the least is 0.01");
    if (o->nano_cpus > (int64_t)in->host->cpu_count * NANO)
        return sc_err_set(err, SC_ERR_INVALID, "--cpus: more than the %u CPUs of this host", in->host->cpu_count);
    if (o->cpu_period != 0 && (o->cpu_period < PERIOD_MIN || o->cpu_period > PERIOD_MAX))
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-period %lld: it must be between %d and %d microseconds",
                          (long long)o->cpu_period, PERIOD_MIN, PERIOD_MAX);
    if (o->cpu_quota < -1 || (o->cpu_quota > 0 && o->cpu_quota < QUOTA_MIN))
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-quota %lld: the least is %d microseconds",
                          (long long)o->cpu_quota, QUOTA_MIN);
    if (o->nano_cpus > 0) {
        out->period = (struct sc_opt_u64){true, PERIOD_DEFAULT};
        out->quota = (struct sc_opt_i64){true, o->nano_cpus / (NANO / PERIOD_DEFAULT)};
    }
    return 0;
}

/* kernel/sched/core.c and rt.c: what is saved up can be no more than a period's quota. */
static int
check_burst_and_realtime(const struct sc_create_options *o, const struct sc_oci_cpu *cpu, struct sc_err *err)
{
    if (o->cpu_burst < 0)
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-burst %lld: it must not be negative", (long long)o->cpu_burst);
    if (o->cpu_burst > 0 && cpu->quota.value <= 0) {
        sc_err_set(err, SC_ERR_INVALID, "--cpu-burst without a quota");
        return sc_err_remedy(err, "it lets unused quota be saved up: give --cpus or --cpu-quota too");
    }
    if (o->cpu_burst > cpu->quota.value && o->cpu_burst > 0)
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-burst %lld: more than the quota of %lld microseconds",
                          (long long)o->cpu_burst, (long long)cpu->quota.value);
    if (o->cpu_rt_period < 0 || o->cpu_rt_period > PERIOD_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-rt-period %lld: it must be between 1 and %d microseconds",
                          (long long)o->cpu_rt_period, PERIOD_MAX);
    if (o->cpu_rt_runtime < 0)
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-rt-runtime %lld: it must not be negative",
                          (long long)o->cpu_rt_runtime);
    if (o->cpu_rt_runtime > (o->cpu_rt_period != 0 ? o->cpu_rt_period : PERIOD_MAX))
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-rt-runtime %lld: more than the period (--cpu-rt-period)",
                          (long long)o->cpu_rt_runtime);
    return 0;
}

static int
check_weights(const struct sc_create_options *o, struct sc_err *err)
{
    if (o->cpu_shares != 0 && (o->cpu_shares < SHARES_MIN || o->cpu_shares > SHARES_MAX))
        return sc_err_set(err, SC_ERR_INVALID, "--cpu-shares %llu: it must be between %d and %d",
                          (unsigned long long)o->cpu_shares, SHARES_MIN, SHARES_MAX);
    if (o->cpu_idle.is_set && o->cpu_idle.value != 0 && o->cpu_shares != 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "conflicting options: --cpu-idle and --cpu-shares: what is idle has no share");
    if (o->blkio_weight != 0 && (o->blkio_weight < WEIGHT_MIN || o->blkio_weight > WEIGHT_MAX))
        return sc_err_set(err, SC_ERR_INVALID, "--blkio-weight %lld: it must be between %d and %d",
                          (long long)o->blkio_weight, WEIGHT_MIN, WEIGHT_MAX);
    return 0;
}

/* Whether every number of the list `asked` is in `available`; both have passed sc_parse_cpu_list. */
static bool
list_is_within(const char *asked, const char *available)
{
    const char *at = asked;

    while (*at) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;

        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (unsigned long n = first; n <= last; n++) {
            bool is_there = false;

            for (const char *in = available; *in && !is_there;) {
                char *stop;
                unsigned long low = strtoul(in, &stop, 10), high = low;

                if (*stop == '-')
                    high = strtoul(stop + 1, &stop, 10);
                is_there = n >= low && n <= high;
                if (stop == in)
                    break;
                in = *stop == ',' ? stop + 1 : stop;
            }
            if (!is_there)
                return false;
        }
        at = *end == ',' ? end + 1 : end;
        if (*end && *end != ',')
            break;
    }
    return true;
}

static int
check_list(const char *flag, const char *asked, const char *available, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (!asked || !*asked)
        return 0;
    if (sc_parse_cpu_list(asked, err) < 0)
        return sc_err_wrap(err, "%s", flag);
    if (available && *available && sc_parse_cpu_list(available, &ignored) == 0 && !list_is_within(asked, available))
        return sc_err_set(err, SC_ERR_INVALID, "%s \"%s\": available are %s", flag, asked, available);
    return 0;
}

static int
fill_cpu(const struct sc_inputs *in, struct sc_oci_cpu *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    const struct sc_cgroup_layout *layout = &in->host->cgroups;

    if (fill_cpu_time(in, out, err) < 0 || check_burst_and_realtime(o, out, err) < 0 || check_weights(o, err) < 0)
        return -1;
    if (check_list("--cpuset-cpus", o->cpuset_cpus, layout->cpuset_cpus, err) < 0 ||
        check_list("--cpuset-mems", o->cpuset_mems, layout->cpuset_mems, err) < 0)
        return -1;
    return 0;
}

/* ---- cgroup v2's own words --------------------------------------------------------------------- */

static int
fill_conf(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    const struct sc_strv *conf = &in->container->options.cgroup_conf;
    const struct sc_cgroup_layout *layout = &in->host->cgroups;

    for (size_t i = 0; i < conf->count; i++) {
        const char *entry = conf->items[i];
        char *controller = sc_arena_strndup(arena, entry, strcspn(entry, ".="));
        int found = controller ? sc_cgroup_find(layout, controller) : -1;

        if (found >= 0 && !layout->items[found].is_v2) {
            sc_err_set(err, SC_ERR_UNSUPPORTED,
                       "--cgroup-conf \"%s\": the \"%s\" cgroup controller is in cgroup v1 here", entry, controller);
            return sc_err_remedy(err, "give the limit's own flag, which works on both versions, or boot with cgroup v2 "
                                      "(systemd.unified_cgroup_hierarchy=1)");
        }
        if (found < 0 && controller && strcmp(controller, "cgroup") != 0) {
            sc_err_set(err, SC_ERR_UNSUPPORTED, "--cgroup-conf \"%s\": this host has no \"%s\" cgroup controller",
                       entry, controller);
            return sc_err_remedy(err, "cgroup.controllers of the v2 hierarchy lists what there is");
        }
        sc_strv_add(&out->unified, arena, entry);
    }
    return sc_arena_check(arena, err);
}

/* ---- devices ---------------------------------------------------------------------------------- */

#define ANY (-1)
static const struct {
    char type;
    int major, minor;
    bool only_mknod;
} default_rules[] = {
    {'c', ANY, ANY, true}, {'b', ANY, ANY, true},  /* making a node is harmless: using it is what the others decide */
    {'c', 1, 3, false},    {'c', 1, 5, false},     /* null zero */
    {'c', 1, 7, false},    {'c', 1, 8, false},     /* full random */
    {'c', 1, 9, false},    {'c', 5, 0, false},     /* urandom tty */
    {'c', 5, 2, false},    {'c', 136, ANY, false}, /* ptmx pts */
};

static struct sc_opt_i64
rule_number(int64_t number)
{
    return number == ANY ? (struct sc_opt_i64){.is_set = false} : (struct sc_opt_i64){true, number};
}

/* "c 1:3 rwm", "b 8:* r", "a *:* rwm" */
int
sc_device_rule_parse(const char *text, struct sc_oci_device_rule *out, struct sc_err *err)
{
    struct sc_opt_i64 *const numbers[] = {&out->major, &out->minor};
    bool is_good = text[0] && strchr("abc", text[0]) && text[1] == ' ';
    const char *at = is_good ? text + 2 : "";
    size_t len;

    *out = (struct sc_oci_device_rule){.allow = true, .type = text[0]};
    for (size_t i = 0; is_good && i < 2; i++) {
        char number[SC_NUM_MAX];
        struct sc_err ignored = SC_ERR_INIT;
        uint32_t value = 0;

        len = *at == '*' ? 1 : strspn(at, "0123456789");
        (void)snprintf(number, sizeof(number), "%.*s", (int)len, at);
        is_good = len > 0 && len < sizeof(number) && at[len] == (i == 0 ? ':' : ' ') &&
                  (*at == '*' || sc_parse_u32(number, &value, &ignored) == 0);
        if (*at != '*')
            *numbers[i] = (struct sc_opt_i64){true, value};
        at += len + 1;
    }
    len = is_good ? strspn(at, "rwm") : 0;
    if (!is_good || len == 0 || len > 3 || at[len]) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be TYPE MAJOR:MINOR ACCESS", text);
        return sc_err_remedy(err, "for example \"c 1:3 rwm\"; the type is a, b or c, a number may be *");
    }
    out->can_read = strchr(at, 'r') != NULL;
    out->can_write = strchr(at, 'w') != NULL;
    out->can_mknod = strchr(at, 'm') != NULL;
    return 0;
}

static int
fill_devices(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    const struct sc_strv *asked = &in->container->options.device_cgroup_rules;
    struct sc_oci_device_rule *rules = SC_ARENA_ARRAY(
        arena, struct sc_oci_device_rule, 1 + SC_ARRAY_LEN(default_rules) + in->devices.count + asked->count);
    bool is_privileged = in->container->options.privileged;
    size_t count = 0;

    if (!rules)
        return sc_err_nomem(err);
    rules[count++] = (struct sc_oci_device_rule){
        .allow = is_privileged, .type = 'a', .can_read = true, .can_write = true, .can_mknod = true};
    for (size_t i = 0; i < SC_ARRAY_LEN(default_rules) && !is_privileged; i++) {
        bool can_use = !default_rules[i].only_mknod;

        rules[count++] = (struct sc_oci_device_rule){.allow = true,
                                                     .type = default_rules[i].type,
                                                     .major = rule_number(default_rules[i].major),
                                                     .minor = rule_number(default_rules[i].minor),
                                                     .can_read = can_use,
                                                     .can_write = can_use,
                                                     .can_mknod = true};
    }
    for (size_t i = 0; i < in->devices.count && !is_privileged; i++) {
        const struct sc_device_node *node = &in->devices.items[i];

        if (node->type == 'p')
            continue;
        rules[count++] = (struct sc_oci_device_rule){.allow = true,
                                                     .type = node->type,
                                                     .major = rule_number(node->major),
                                                     .minor = rule_number(node->minor),
                                                     .can_read = strchr(node->permissions, 'r') != NULL,
                                                     .can_write = strchr(node->permissions, 'w') != NULL,
                                                     .can_mknod = strchr(node->permissions, 'm') != NULL};
    }
    for (size_t i = 0; i < asked->count && !is_privileged; i++) {
        if (sc_device_rule_parse(asked->items[i], &rules[count++], err) < 0)
            return sc_err_wrap(err, "--device-cgroup-rule");
    }
    out->devices = rules;
    out->device_count = count;
    return 0;
}

int
sc_spec_resources(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;

    out->is_set = true;
    out->block_io = in->block_io;
    if (fill_memory(in, &out->memory, err) < 0 || sc_limits_fill(o, &in->host->cgroups, arena, out, err) < 0 ||
        fill_cpu(in, &out->cpu, err) < 0 || fill_conf(in, arena, out, err) < 0)
        return -1;
    if (o->pids_limit < -1)
        return sc_err_set(err, SC_ERR_INVALID, "--pids-limit %lld: it is a count, or -1 for no limit",
                          (long long)o->pids_limit);
    if (o->pids_limit > PIDS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--pids-limit %lld: the most that a kernel can have is %d",
                          (long long)o->pids_limit, PIDS_MAX);
    /* Rootless there is no cgroup to hold device rules; the user namespace gives no access to devices anyway. */
    return in->is_root ? fill_devices(in, arena, out, err) : 0;
}
