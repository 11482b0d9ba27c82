/* Lists of steps, and slots: what every file of the compiler adds to. */
#include "plan/plan-priv.h"

#define STEPS_INITIAL 64

struct sc_step *
sc_steps_add(struct sc_arena *arena, struct sc_steps *list, enum sc_op op, int slot, const char *why)
{
    struct sc_step *items =
        sc_arena_grow(arena, list->items, list->count, &list->capacity, sizeof(*items), STEPS_INITIAL);
    struct sc_step *step;

    if (items == NULL)
        return NULL;
    list->items = items;
    step = &list->items[list->count++];
    step->op = op;
    step->slot = slot;
    step->why = why;
    return step;
}

int
sc_plan_new_slot(struct sc_plan *plan)
{
    return plan->slot_count < SC_SLOTS_MAX ? plan->slot_count++ : SC_SLOT_NONE;
}
