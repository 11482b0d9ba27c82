/* Lists of steps, and slots: what every file of the compiler adds to. */
#include <string.h>

#include "plan/plan-priv.h"

#define STEPS_INITIAL 64

struct sc_step *
sc_steps_add(struct sc_arena *arena, struct sc_steps *list, enum sc_op op, int slot, const char *why)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity != 0 ? list->capacity * 2 : STEPS_INITIAL;
        struct sc_step *items = SC_ARENA_ARRAY(arena, struct sc_step, capacity);

        if (items == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }

    struct sc_step *step = &list->items[list->count++];
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
