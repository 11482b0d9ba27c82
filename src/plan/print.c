/* The plan as text and as JSON, and the names of flags. */
#include <linux/mount.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mount.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

struct flag_name {
    uint64_t flag;
    const char *name;
};

static void
print_flags(uint64_t flags, const struct flag_name *names, size_t count, struct sc_buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < count; i++) {
        if (names[i].flag != 0 && (flags & names[i].flag) == names[i].flag) {
            sc_buf_addf(out, "%s%s", separator, names[i].name);
            separator = "|";
            flags &= ~names[i].flag;
        }
    }
    if (flags != 0 || separator[0] == '\0')
        sc_buf_addf(out, flags != 0 ? "%s0x%llx" : "%s%llu", separator, (unsigned long long)flags);
}

void
sc_print_ms_flags(unsigned long flags, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {MS_RDONLY, "MS_RDONLY"},
        {MS_REMOUNT, "MS_REMOUNT"},
        {MS_NOSUID, "MS_NOSUID"},
        {MS_NODEV, "MS_NODEV"},
        {MS_NOEXEC, "MS_NOEXEC"},
        {MS_SYNCHRONOUS, "MS_SYNCHRONOUS"},
        {MS_MANDLOCK, "MS_MANDLOCK"},
        {MS_DIRSYNC, "MS_DIRSYNC"},
        {MS_NOATIME, "MS_NOATIME"},
        {MS_NODIRATIME, "MS_NODIRATIME"},
        {MS_BIND, "MS_BIND"},
        {MS_REC, "MS_REC"},
        {MS_SILENT, "MS_SILENT"},
        {MS_UNBINDABLE, "MS_UNBINDABLE"},
        {MS_PRIVATE, "MS_PRIVATE"},
        {MS_SLAVE, "MS_SLAVE"},
        {MS_SHARED, "MS_SHARED"},
        {MS_RELATIME, "MS_RELATIME"},
        {MS_STRICTATIME, "MS_STRICTATIME"},
        {MS_LAZYTIME, "MS_LAZYTIME"},
        {MS_I_VERSION, "MS_I_VERSION"},
        {MS_POSIXACL, "MS_POSIXACL"},
        {256, "MS_NOSYMFOLLOW"}, /* Linux 5.10 */
    };
    print_flags(flags, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_attr(uint64_t attr, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"},
        {MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
        {MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"},
        {MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
        {MOUNT_ATTR__ATIME, "MOUNT_ATTR__ATIME"},
        {MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
        {MOUNT_ATTR_STRICTATIME, "MOUNT_ATTR_STRICTATIME"},
        {MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"},
        {0x00200000, "MOUNT_ATTR_NOSYMFOLLOW"}, /* Linux 5.14 */
    };
    print_flags(attr, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_clone_flags(uint64_t flags, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {CLONE_NEWUSER, "CLONE_NEWUSER"},     {CLONE_NEWPID, "CLONE_NEWPID"},   {CLONE_NEWNET, "CLONE_NEWNET"},
        {CLONE_NEWNS, "CLONE_NEWNS"},         {CLONE_NEWIPC, "CLONE_NEWIPC"},   {CLONE_NEWUTS, "CLONE_NEWUTS"},
        {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {CLONE_NEWTIME, "CLONE_NEWTIME"},
    };
    print_flags(flags, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_caps(uint64_t caps, struct sc_buf *out)
{
    const char *separator = "";
    uint64_t known = sc_cap_last >= 63 ? ~UINT64_C(0) : SC_CAP_BIT(sc_cap_last + 1) - 1;

    if ((caps & known) == known) {
        sc_buf_adds(out, "all");
        return;
    }
    if (caps == 0)
        sc_buf_adds(out, "none");
    for (int cap = 0; cap <= sc_cap_last; cap++) {
        if ((caps & SC_CAP_BIT(cap)) != 0) {
            sc_buf_addf(out, "%s%s", separator, sc_cap_name(cap));
            separator = "|";
        }
    }
}

const char *
sc_phase_name(enum sc_phase phase)
{
    static const char *const names[] = {"before", "clone", "beside", "child", "after"};

    return names[phase];
}

const char *
sc_op_name(enum sc_op op)
{
    return sc_op_table[op].name;
}

void
sc_step_title(const struct sc_step *step, struct sc_buf *out)
{
    sc_op_table[step->op].print(step, SC_PRINT_TITLE, out);
}

void
sc_step_call(const struct sc_step *step, struct sc_buf *out)
{
    sc_op_table[step->op].print(step, SC_PRINT_CALL, out);
}

const struct sc_steps *
sc_plan_list(const struct sc_plan *plan, enum sc_phase phase)
{
    switch (phase) {
    case SC_PHASE_BEFORE:
        return &plan->before;
    case SC_PHASE_BESIDE:
        return &plan->beside;
    case SC_PHASE_CHILD:
        return &plan->child;
    case SC_PHASE_AFTER:
        return &plan->after;
    case SC_PHASE_CLONE:
        break;
    }
    SC_BUG("no such list");
}

static const struct sc_step *
step_at(const struct sc_plan *plan, enum sc_phase phase, size_t index)
{
    return phase == SC_PHASE_CLONE ? &plan->clone : &sc_plan_list(plan, phase)->items[index];
}

static size_t
phase_count(const struct sc_plan *plan, enum sc_phase phase)
{
    return phase == SC_PHASE_CLONE ? 1 : sc_plan_list(plan, phase)->count;
}

size_t
sc_plan_step_count(const struct sc_plan *plan)
{
    size_t count = 0;

    for (int phase = SC_PHASE_BEFORE; phase <= SC_PHASE_AFTER; phase++)
        count += phase_count(plan, (enum sc_phase)phase);
    return count;
}

/* Numbers follow the lists as they are printed, in the order of the phases. */
size_t
sc_plan_step_number(const struct sc_plan *plan, enum sc_phase phase, size_t index)
{
    size_t number = index + 1;

    for (int earlier = SC_PHASE_BEFORE; earlier < (int)phase; earlier++)
        number += phase_count(plan, (enum sc_phase)earlier);
    return number;
}

void
sc_step_print(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, struct sc_buf *out)
{
    const struct sc_step *step = step_at(plan, phase, index);

    sc_buf_addf(out, "%3zu %-6s ", sc_plan_step_number(plan, phase, index), sc_phase_name(phase));
    if (nsec >= 0)
        sc_buf_addf(out, "%7.1f us  ", (double)nsec / 1000);
    sc_step_title(step, out);
    sc_buf_adds(out, "\n      # ");
    sc_buf_adds(out, step->why);
    sc_buf_adds(out, "\n      ");
    sc_step_call(step, out);
    sc_buf_addc(out, '\n');
}

static void
add_json_member(struct sc_buf *out, const char *key, const struct sc_buf *value)
{
    sc_buf_addf(out, ",\"%s\":", key);
    sc_buf_add_json(out, sc_buf_str(value), value->len);
}

void
sc_step_print_json(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, struct sc_buf *out)
{
    const struct sc_step *step = step_at(plan, phase, index);
    sc_cleanup_buf title = SC_BUF_INIT;
    sc_cleanup_buf call = SC_BUF_INIT;

    sc_step_title(step, &title);
    sc_step_call(step, &call);
    sc_buf_addf(out, "{\"step\":%zu,\"phase\":\"%s\",\"op\":\"%s\"", sc_plan_step_number(plan, phase, index),
                sc_phase_name(phase), sc_op_name(step->op));
    add_json_member(out, "title", &title);
    sc_buf_adds(out, ",\"why\":");
    sc_buf_add_json(out, step->why, strlen(step->why));
    add_json_member(out, "call", &call);
    if (nsec >= 0)
        sc_buf_addf(out, ",\"nanoseconds\":%lld", (long long)nsec);
    sc_buf_addc(out, '}');
}

static void
print_list(const struct sc_plan *plan, enum sc_phase phase, bool is_json, struct sc_buf *out)
{
    for (size_t i = 0; i < phase_count(plan, phase); i++) {
        if (!is_json) {
            sc_step_print(plan, phase, i, -1, out);
            continue;
        }
        sc_buf_adds(out, sc_plan_step_number(plan, phase, i) > 1 ? ",\n" : "");
        sc_step_print_json(plan, phase, i, -1, out);
    }
}

int
sc_plan_print(const struct sc_plan *plan, enum sc_plan_format format, struct sc_buf *out, struct sc_err *err)
{
    bool is_json = format == SC_PLAN_JSON;

    if (format == SC_PLAN_SH)
        return sc_plan_print_sh(plan, out, err);
    sc_buf_adds(out, is_json ? "[" : "");
    for (int phase = SC_PHASE_BEFORE; phase <= SC_PHASE_AFTER; phase++)
        print_list(plan, (enum sc_phase)phase, is_json, out);
    sc_buf_adds(out, is_json ? "]\n" : "");
    if (!is_json && plan->undo != NULL && plan->undo[0] != '\0')
        sc_buf_addf(out, "undo\n%s", plan->undo);
    return sc_buf_check(out, err);
}
