/* config.md, "Process": also the checks of a process that exec starts. */
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <string.h>

#include "oci/oci-priv.h"

#define ID_INVALID    UINT32_MAX /* (uid_t) -1 means "leave it" to setresuid(2) */
#define UMASK_MOST    0777
#define OOM_ADJ_MOST  1000
#define NICE_MOST     19
#define NICE_LEAST    (-20)
#define RT_PRIO_MOST  99
#define IOPRIO_LEVELS 8

struct process_check {
    const char *where;
    int (*check)(const struct sc_oci_process *process, struct sc_err *err);
};

static int
check_args(const struct sc_oci_process *process, struct sc_err *err)
{
    if (process->args.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "process.args: must name a program");
    return 0;
}

static int
check_cwd(const struct sc_oci_process *process, struct sc_err *err)
{
    if (!process->cwd)
        return sc_err_set(err, SC_ERR_INVALID, "process.cwd: is required");
    if (!sc_oci_path_is_absolute(process->cwd))
        return sc_err_set(err, SC_ERR_INVALID, "process.cwd: \"%s\" must be absolute", process->cwd);
    return 0;
}

static int
check_env(const struct sc_oci_process *process, struct sc_err *err)
{
    for (size_t i = 0; i < process->env.count; i++) {
        const char *entry = process->env.items[i];

        if (entry[0] == '=' || !strchr(entry, '='))
            return sc_err_set(err, SC_ERR_INVALID, "process.env[%zu]: \"%s\" must be KEY=VALUE", i, entry);
    }
    return 0;
}

static int
check_user(const struct sc_oci_process *process, struct sc_err *err)
{
    const struct sc_oci_user *user = &process->user;

    if (user->uid == ID_INVALID)
        return sc_err_set(err, SC_ERR_INVALID, "process.user.uid: %u is not a user id", user->uid);
    if (user->gid == ID_INVALID)
        return sc_err_set(err, SC_ERR_INVALID, "process.user.gid: %u is not a group id", user->gid);
    for (size_t i = 0; i < user->additional_gid_count; i++) {
        if (user->additional_gids[i] == ID_INVALID)
            return sc_err_set(err, SC_ERR_INVALID, "process.user.additionalGids[%zu]: %u is not a group id", i,
                              ID_INVALID);
    }
    if (user->umask.is_set && user->umask.value > UMASK_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "process.user.umask: must be a number from 0 to %d", UMASK_MOST);
    return 0;
}

static int
check_capabilities(const struct sc_oci_process *process, struct sc_err *err)
{
    uint64_t excess = process->capabilities.effective & ~process->capabilities.permitted;

    if (excess)
        return sc_err_set(err, SC_ERR_INVALID, "process.capabilities.effective: %s must be in permitted too",
                          sc_cap_name(__builtin_ctzll(excess)));
    return 0;
}

static int
check_rlimits(const struct sc_oci_process *process, struct sc_err *err)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < process->rlimit_count; i++) {
        const struct sc_oci_rlimit *limit = &process->rlimits[i];

        if (seen >> limit->resource & 1)
            return sc_err_set(err, SC_ERR_INVALID, "process.rlimits[%zu].type: %s is given twice", i,
                              sc_rlimit_name(limit->resource));
        seen |= 1ULL << limit->resource;
        if (limit->soft > limit->hard)
            return sc_err_set(err, SC_ERR_INVALID, "process.rlimits[%zu].soft: %s must not be above its hard limit", i,
                              sc_rlimit_name(limit->resource));
    }
    return 0;
}

static int
check_oom_score_adj(const struct sc_oci_process *process, struct sc_err *err)
{
    const struct sc_opt_i64 *adj = &process->oom_score_adj;

    if (adj->is_set && (adj->value < -OOM_ADJ_MOST || adj->value > OOM_ADJ_MOST))
        return sc_err_set(err, SC_ERR_INVALID, "process.oomScoreAdj: must be a number from %d to %d", -OOM_ADJ_MOST,
                          OOM_ADJ_MOST);
    return 0;
}

static int
check_scheduler(const struct sc_oci_process *process, struct sc_err *err)
{
    const struct sc_oci_scheduler *scheduler = &process->scheduler;
    bool is_realtime = scheduler->policy == SCHED_FIFO || scheduler->policy == SCHED_RR;

    if (!scheduler->is_set)
        return 0;
    if (scheduler->nice < NICE_LEAST || scheduler->nice > NICE_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "process.scheduler.nice: must be a number from %d to %d", NICE_LEAST,
                          NICE_MOST);
    if (scheduler->priority != 0 && !is_realtime)
        return sc_err_set(err, SC_ERR_INVALID, "process.scheduler.priority: is for SCHED_FIFO and SCHED_RR only");
    if (is_realtime && (scheduler->priority < 1 || scheduler->priority > RT_PRIO_MOST))
        return sc_err_set(err, SC_ERR_INVALID, "process.scheduler.priority: must be a number from 1 to %d",
                          RT_PRIO_MOST);
    if (scheduler->policy != SCHED_DEADLINE && (scheduler->runtime || scheduler->deadline || scheduler->period))
        return sc_err_set(err, SC_ERR_INVALID,
                          "process.scheduler: runtime, deadline and period are for SCHED_DEADLINE only");
    return 0;
}

static int
check_io_priority(const struct sc_oci_process *process, struct sc_err *err)
{
    const struct sc_oci_io_priority *priority = &process->io_priority;

    if (priority->is_set && (priority->priority < 0 || priority->priority >= IOPRIO_LEVELS))
        return sc_err_set(err, SC_ERR_INVALID, "process.ioPriority.priority: must be a number from 0 to %d",
                          IOPRIO_LEVELS - 1);
    return 0;
}

static int
check_exec_cpu_affinity(const struct sc_oci_process *process, struct sc_err *err)
{
    if (process->exec_cpu_affinity_initial && sc_parse_cpu_list(process->exec_cpu_affinity_initial, err) < 0)
        return sc_err_wrap(err, "process.execCPUAffinity.initial");
    if (process->exec_cpu_affinity_final && sc_parse_cpu_list(process->exec_cpu_affinity_final, err) < 0)
        return sc_err_wrap(err, "process.execCPUAffinity.final");
    return 0;
}

static const struct process_check process_checks[] = {
    {"config.md, POSIX process: args", check_args},
    {"config.md, Process: cwd", check_cwd},
    {"execve(2): environment", check_env},
    {"setresuid(2), setgroups(2), umask(2)", check_user},
    {"capset(2): effective is a subset of permitted", check_capabilities},
    {"config.md, POSIX process: rlimits; setrlimit(2)", check_rlimits},
    {"proc(5): oom_score_adj", check_oom_score_adj},
    {"config.md, Linux Process: scheduler; sched_setattr(2)", check_scheduler},
    {"config.md, Linux Process: ioPriority; ioprio_set(2)", check_io_priority},
    {"config.md, Linux Process: execCPUAffinity", check_exec_cpu_affinity},
};

int
sc_oci_validate_process(const struct sc_oci_process *process, struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(process_checks); i++) {
        if (process_checks[i].check(process, err) < 0)
            return -1;
    }
    return 0;
}
