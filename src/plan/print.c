/* The plan as text and as JSON. */
#include <string.h>

#include "plan/plan-priv.h"

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
