/* The child's steps on what the kernel gives it of time and memory: limits, scheduling, CPUs, nodes. All [child]: no
 * allocation, no stdio. */
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

#define IOPRIO_CLASS_SHIFT 13

static int
step_rlimit(struct sc_executor *x, const struct sc_step *step)
{
    struct rlimit limit = {.rlim_cur = step->u.rlimit.soft, .rlim_max = step->u.rlimit.hard};

    (void)x;
    return sc_child_result(prlimit(0, step->u.rlimit.resource, &limit, NULL));
}

static int
step_oom_score(struct sc_executor *x, const struct sc_step *step)
{
    char text[SC_NUM_MAX];
    const char *start = sc_child_number(step->u.number.value, text);

    return sc_proc_write(x->slots[SC_SLOT_PROC], "self/oom_score_adj", start, strlen(start));
}

/* struct sched_attr, second version (sched_setattr(2)), which the utilization clamp flags need; a kernel that knows
 * only the first takes it as long as the rest is 0. libc has no declaration. */
struct sched_attr_v1 {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

static int
step_scheduler(struct sc_executor *x, const struct sc_step *step)
{
    const struct sc_oci_scheduler *s = step->u.scheduler;
    struct sched_attr_v1 attr = {
        .size = sizeof(attr),
        .policy = (uint32_t)s->policy,
        .flags = s->flags,
        .nice = s->nice,
        .priority = (uint32_t)s->priority,
        .runtime = s->runtime,
        .deadline = s->deadline,
        .period = s->period,
    };

    (void)x;
    return sc_child_result(syscall(SYS_sched_setattr, 0, &attr, 0));
}

static int
step_io_priority(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_child_result(syscall(SYS_ioprio_set, 1, 0,
                                   (step->u.io_priority->klass << IOPRIO_CLASS_SHIFT) | step->u.io_priority->priority));
}

/* "0-3,7" into a bit set; the text was checked when the config was validated */
static void
parse_list(const char *text, unsigned long *bits, size_t limit)
{
    const size_t width = 8 * sizeof(*bits);
    unsigned long first = 0, value = 0;
    bool is_range = false;

    for (const char *p = text;; p++) {
        if (*p >= '0' && *p <= '9') {
            value = value * 10 + (unsigned long)(*p - '0');
        } else if (*p == '-') {
            first = value;
            value = 0;
            is_range = true;
        } else if (*p == ',' || *p == '\0') {
            for (unsigned long i = is_range ? first : value; i <= value && i < limit; i++)
                bits[i / width] |= 1UL << (i % width);
            value = 0;
            is_range = false;
            if (*p == '\0')
                return;
        }
    }
}

int
sc_affinity_set(const char *list)
{
    unsigned long bits[128] = {0};

    parse_list(list, bits, 8 * sizeof(bits));
    return sc_child_result(syscall(SYS_sched_setaffinity, 0, sizeof(bits), bits));
}

static int
step_affinity(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_affinity_set(step->u.text.text);
}

static int
step_memory_policy(struct sc_executor *x, const struct sc_step *step)
{
    unsigned long bits[16] = {0};

    (void)x;
    if (step->u.memory_policy->nodes != NULL)
        parse_list(step->u.memory_policy->nodes, bits, 8 * sizeof(bits));
    return sc_child_result(syscall(SYS_set_mempolicy, step->u.memory_policy->mode | (int)step->u.memory_policy->flags,
                                   step->u.memory_policy->nodes != NULL ? bits : NULL,
                                   step->u.memory_policy->nodes != NULL ? 8 * sizeof(bits) : 0));
}

static int
step_personality(struct sc_executor *x, const struct sc_step *step)
{
    (void)x;
    return sc_child_result(personality((unsigned long)step->u.number.value));
}

sc_child_fn
sc_child_schedule_executor(enum sc_op op)
{
    static const sc_child_fn table[SC_OP_COUNT] = {
        [SC_OP_RLIMIT] = step_rlimit,           [SC_OP_OOM_SCORE] = step_oom_score,
        [SC_OP_SCHEDULER] = step_scheduler,     [SC_OP_IO_PRIORITY] = step_io_priority,
        [SC_OP_AFFINITY] = step_affinity,       [SC_OP_MEMORY_POLICY] = step_memory_policy,
        [SC_OP_PERSONALITY] = step_personality,
    };

    return table[op];
}
