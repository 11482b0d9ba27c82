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
    return 0;
}

static int
fill_memory(const struct sc_inputs *in, struct sc_oci_memory *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;
    bool can_swap = in->host->cgroups.has_swap_accounting;

    if (check_memory(o, err) < 0)
        return -1;
    if (o->memory > 0)
        out->limit = (struct sc_opt_i64){true, o->memory};
    if (o->memory_reservation > 0)
        out->reservation = (struct sc_opt_i64){true, o->memory_reservation};
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
    if (o->oom_kill_disable)
        out->disable_oom_killer = (struct sc_opt_bool){true, true};
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
        return 0;
    }
    if (o->cpu_period != 0)
        out->period = (struct sc_opt_u64){true, (uint64_t)o->cpu_period};
    if (o->cpu_quota != 0)
        out->quota = (struct sc_opt_i64){true, o->cpu_quota};
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

    if (fill_cpu_time(in, out, err) < 0)
        return -1;
    if (o->cpu_shares > 0)
        out->shares = (struct sc_opt_u64){true, o->cpu_shares};
    if (check_list("--cpuset-cpus", o->cpuset_cpus, layout->cpuset_cpus, err) < 0 ||
        check_list("--cpuset-mems", o->cpuset_mems, layout->cpuset_mems, err) < 0)
        return -1;
    out->cpus = o->cpuset_cpus && *o->cpuset_cpus ? o->cpuset_cpus : NULL;
    out->mems = o->cpuset_mems && *o->cpuset_mems ? o->cpuset_mems : NULL;
    return 0;
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

static int
fill_devices(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    struct sc_oci_device_rule *rules =
        SC_ARENA_ARRAY(arena, struct sc_oci_device_rule, 1 + SC_ARRAY_LEN(default_rules) + in->devices.count);
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
    out->devices = rules;
    out->device_count = count;
    return 0;
}

int
sc_spec_resources(const struct sc_inputs *in, struct sc_arena *arena, struct sc_oci_resources *out, struct sc_err *err)
{
    const struct sc_create_options *o = &in->container->options;

    out->is_set = true;
    if (fill_memory(in, &out->memory, err) < 0 || fill_cpu(in, &out->cpu, err) < 0)
        return -1;
    if (o->pids_limit < -1)
        return sc_err_set(err, SC_ERR_INVALID, "--pids-limit %lld: it is a count, or -1 for no limit",
                          (long long)o->pids_limit);
    if (o->pids_limit != 0)
        out->pids_limit = (struct sc_opt_i64){true, o->pids_limit};
    /* Rootless there is no cgroup to hold device rules; the user namespace gives no access to devices anyway. */
    return in->is_root ? fill_devices(in, arena, out, err) : 0;
}
