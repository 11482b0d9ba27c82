/* The list of writes to which every controller's translation adds. */
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

/* "memory.max" is memory's; "cgroup.max.depth" is nobody's. */
static void
need_add(struct sc_cgroup_job *job, const char *file)
{
    char *controller = sc_arena_strndup(job->arena, file, strcspn(file, "."));

    if (!controller || strcmp(controller, "cgroup") == 0)
        return;
    for (size_t i = 0; i < job->need->count; i++) {
        if (strcmp(job->need->items[i], controller) == 0)
            return;
    }
    sc_strv_add(job->need, job->arena, controller);
}

struct sc_cgroup_write *
sc_cgroup_job_add(struct sc_cgroup_job *job, const char *file, const char *value, const char *why)
{
    struct sc_cgroup_write *write, *items;

    items = sc_arena_grow(job->arena, job->items, job->count, &job->capacity, sizeof(*items), 32);
    if (!items)
        return NULL;
    job->items = items;
    write = &job->items[job->count++];
    write->hierarchy = job->hierarchy;
    write->file = sc_arena_strdup(job->arena, file);
    write->value = sc_arena_strdup(job->arena, value);
    write->why = why;
    if (job->layout->items[job->hierarchy].is_v2)
        need_add(job, file);
    return write;
}

void
sc_cgroup_job_add_number(struct sc_cgroup_job *job, const char *file, int64_t value, const char *why)
{
    char text[SC_NUM_MAX];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    (void)sc_cgroup_job_add(job, file, text, why);
}
