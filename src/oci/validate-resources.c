/* config-linux.md, "Control groups" and "Seccomp": values that no kernel takes. */
#include <linux/seccomp.h>
#include <string.h>

#include "oci/oci-priv.h"

#define SWAPPINESS_MOST   100
#define CPU_PERIOD_LEAST  1000    /* microseconds: min_cfs_quota_period of kernel/sched/core.c */
#define CPU_PERIOD_MOST   1000000 /* max_cfs_quota_period */
#define BLKIO_LEAST       10      /* CFQ_WEIGHT_LEGACY_MIN, kept by the specification */
#define BLKIO_MOST        1000
#define SECCOMP_ARGS_MOST 6

struct resources_check {
    const char *where;
    int (*check)(const struct sc_oci_resources *resources, struct sc_err *err);
};

static int
check_device_rules(const struct sc_oci_resources *resources, struct sc_err *err)
{
    for (size_t i = 0; i < resources->device_count; i++) {
        const struct sc_oci_device_rule *rule = &resources->devices[i];

        if (!rule->can_read && !rule->can_write && !rule->can_mknod)
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.resources.devices[%zu].access: must have at least one of r, w and m", i);
    }
    return 0;
}

static int
check_memory_floor(const char *key, const struct sc_opt_i64 *value, struct sc_err *err)
{
    if (value->is_set && value->value < -1)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.%s: must be a number of bytes, or -1", key);
    return 0;
}

static int
check_memory(const struct sc_oci_resources *resources, struct sc_err *err)
{
    const struct sc_oci_memory *memory = &resources->memory;

    if (check_memory_floor("limit", &memory->limit, err) < 0 ||
        check_memory_floor("reservation", &memory->reservation, err) < 0 ||
        check_memory_floor("swap", &memory->swap, err) < 0 || check_memory_floor("kernel", &memory->kernel, err) < 0 ||
        check_memory_floor("kernelTCP", &memory->kernel_tcp, err) < 0)
        return -1;
    if (memory->swappiness.is_set && memory->swappiness.value > SWAPPINESS_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.swappiness: must be a number from 0 to %d",
                          SWAPPINESS_MOST);
    return 0;
}

/* swap is memory and swap together, whichever cgroup version will hold it. 0 is "not set" to Go's runtimes. */
static int
check_memory_swap(const struct sc_oci_resources *resources, struct sc_err *err)
{
    const struct sc_oci_memory *memory = &resources->memory;

    if (memory->swap.value <= 0)
        return 0;
    if (memory->limit.value == 0)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.swap: needs a memory limit beside it");
    if (memory->limit.value == -1 || memory->swap.value < memory->limit.value)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.memory.swap: must not be below the memory limit");
    return 0;
}

static int
check_cpu(const struct sc_oci_resources *resources, struct sc_err *err)
{
    const struct sc_oci_cpu *cpu = &resources->cpu;

    if (cpu->period.value != 0 && (cpu->period.value < CPU_PERIOD_LEAST || cpu->period.value > CPU_PERIOD_MOST))
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.cpu.period: must be a number from %d to %d",
                          CPU_PERIOD_LEAST, CPU_PERIOD_MOST);
    if (cpu->quota.value > 0 && cpu->quota.value < CPU_PERIOD_LEAST)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.cpu.quota: must be at least %d, or -1",
                          CPU_PERIOD_LEAST);
    if (cpu->idle.value != 0 && cpu->idle.value != 1)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.cpu.idle: must be 0 or 1");
    if (cpu->cpus && sc_parse_cpu_list(cpu->cpus, err) < 0)
        return sc_err_wrap(err, "linux.resources.cpu.cpus");
    if (cpu->mems && sc_parse_cpu_list(cpu->mems, err) < 0)
        return sc_err_wrap(err, "linux.resources.cpu.mems");
    return 0;
}

static bool
weight_is_valid(const struct sc_opt_u64 *weight)
{
    return weight->value == 0 || (weight->value >= BLKIO_LEAST && weight->value <= BLKIO_MOST);
}

static int
check_block_io(const struct sc_oci_resources *resources, struct sc_err *err)
{
    const struct sc_oci_block_io *io = &resources->block_io;

    if (!weight_is_valid(&io->weight) || !weight_is_valid(&io->leaf_weight))
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.blockIO.%s: must be a number from %d to %d",
                          weight_is_valid(&io->weight) ? "leafWeight" : "weight", BLKIO_LEAST, BLKIO_MOST);
    for (size_t i = 0; i < io->weight_device_count; i++) {
        const struct sc_oci_weight_device *device = &io->weight_devices[i];

        if (!weight_is_valid(&device->weight) || !weight_is_valid(&device->leaf_weight))
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.resources.blockIO.weightDevice[%zu]: weights must be numbers from %d to %d", i,
                              BLKIO_LEAST, BLKIO_MOST);
    }
    return 0;
}

/* "2MB", "1GB": the names of the kernel's hugetlb files. */
static bool
page_size_is_valid(const char *size)
{
    size_t digits = strspn(size, "0123456789");

    return digits > 0 && size[0] != '0' && size[digits] != '\0' && strchr("KMG", size[digits]) &&
           strcmp(size + digits + 1, "B") == 0;
}

static int
check_hugepages(const struct sc_oci_resources *resources, struct sc_err *err)
{
    for (size_t i = 0; i < resources->hugepage_count; i++) {
        if (!page_size_is_valid(resources->hugepages[i].page_size))
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.resources.hugepageLimits[%zu].pageSize: \"%s\" must be a size such as 2MB", i,
                              resources->hugepages[i].page_size);
    }
    return 0;
}

static int
check_rdma(const struct sc_oci_resources *resources, struct sc_err *err)
{
    for (size_t i = 0; i < resources->rdma_count; i++) {
        const struct sc_oci_rdma *rdma = &resources->rdma[i];

        if (!rdma->hca_handles.is_set && !rdma->hca_objects.is_set)
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.resources.rdma.%s: must have at least one of hcaHandles and hcaObjects",
                              rdma->name);
    }
    return 0;
}

/* A key is the name of a file of the cgroup, "controller.what". */
static int
check_unified(const struct sc_oci_resources *resources, struct sc_err *err)
{
    for (size_t i = 0; i < resources->unified.count; i++) {
        const char *entry = resources->unified.items[i];
        size_t len = strcspn(entry, "="), dot = strcspn(entry, ".");

        if (dot == 0 || dot + 1 >= len || memchr(entry, '/', len))
            return sc_err_set(err, SC_ERR_INVALID, "linux.resources.unified: \"%.*s\" must be a file name such as %s",
                              (int)len, entry, "memory.high");
    }
    return 0;
}

static const struct resources_check resources_checks[] = {
    {"config-linux.md, Allowed Device list", check_device_rules},
    {"config-linux.md, Memory", check_memory},
    {"config-linux.md, Memory: swap", check_memory_swap},
    {"config-linux.md, CPU; cpuset(7)", check_cpu},
    {"config-linux.md, Block IO", check_block_io},
    {"config-linux.md, Huge page limits", check_hugepages},
    {"config-linux.md, RDMA", check_rdma},
    {"config-linux.md, Unified", check_unified},
};

int
sc_oci_validate_resources(const struct sc_oci_resources *resources, struct sc_err *err)
{
    if (!resources->is_set)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(resources_checks); i++) {
        if (resources_checks[i].check(resources, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- seccomp ---------------------------------------------------------------------------- */

static int
check_seccomp_notify(const struct sc_oci_seccomp *seccomp, struct sc_err *err)
{
    static const char *const needed[] = {"write", "sendmsg"};
    bool has_notify = false;

    /* Everything would wait for a listener that is not there yet. */
    if (seccomp->default_action == SECCOMP_RET_USER_NOTIF)
        return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.defaultAction: must not be SCMP_ACT_NOTIFY");
    for (size_t i = 0; i < seccomp->rule_count; i++) {
        if (seccomp->rules[i].action != SECCOMP_RET_USER_NOTIF)
            continue;
        has_notify = true;
        /* The runtime itself sends the listener's descriptor after the filter is in place. */
        for (size_t k = 0; k < SC_ARRAY_LEN(needed); k++)
            if (sc_oci_strv_has(&seccomp->rules[i].names, needed[k]))
                return sc_err_set(err, SC_ERR_INVALID,
                                  "linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be used for the %s syscall", i,
                                  needed[k]);
    }
    if (has_notify && !seccomp->listener_path)
        return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.listenerPath: is required for SCMP_ACT_NOTIFY");
    if (seccomp->listener_metadata && !seccomp->listener_path)
        return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.listenerMetadata: needs a listenerPath beside it");
    if (seccomp->listener_path && !sc_oci_path_is_absolute(seccomp->listener_path))
        return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.listenerPath: \"%s\" must be absolute",
                          seccomp->listener_path);
    return 0;
}

static int
check_seccomp_rules(const struct sc_oci_seccomp *seccomp, struct sc_err *err)
{
    for (size_t i = 0; i < seccomp->rule_count; i++) {
        const struct sc_oci_seccomp_rule *rule = &seccomp->rules[i];

        if (rule->names.count == 0)
            return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.syscalls[%zu].names: must not be empty", i);
        for (size_t j = 0; j < rule->arg_count; j++) {
            if (rule->args[j].index >= SECCOMP_ARGS_MOST)
                return sc_err_set(err, SC_ERR_INVALID,
                                  "linux.seccomp.syscalls[%zu].args[%zu].index: must be a number from 0 to %d", i, j,
                                  SECCOMP_ARGS_MOST - 1);
        }
    }
    return 0;
}

static int
check_seccomp_architectures(const struct sc_oci_seccomp *seccomp, struct sc_err *err)
{
    for (size_t i = 0; i < seccomp->architectures.count; i++) {
        if (!sc_oci_name_find(sc_oci_seccomp_arch_names, seccomp->architectures.items[i]))
            return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.architectures[%zu]: unknown value \"%s\"", i,
                              seccomp->architectures.items[i]);
    }
    return 0;
}

int
sc_oci_validate_seccomp(const struct sc_oci_seccomp *seccomp, struct sc_err *err)
{
    if (!seccomp->is_set)
        return 0;
    if (check_seccomp_architectures(seccomp, err) < 0 || check_seccomp_notify(seccomp, err) < 0)
        return -1;
    return check_seccomp_rules(seccomp, err);
}
