/* Lists of CPUs and memory nodes, as cpuset(7) writes them. Pure. */
#include <stdlib.h>

#include "monitor/view.h"

bool
sc_view_walk_next(struct sc_view_walk *walk, long *number)
{
    if (walk->next > walk->last) {
        char *end;

        if (!walk->at || *walk->at < '0' || *walk->at > '9')
            return false;
        walk->next = walk->last = strtol(walk->at, &end, 10);
        if (*end == '-')
            walk->last = strtol(end + 1, &end, 10);
        walk->at = *end == ',' ? end + 1 : end;
    }
    *number = walk->next++;
    return *number < SC_VIEW_CPUS_MAX;
}

bool
sc_view_has(const char *list, long number)
{
    struct sc_view_walk walk = {.at = list, .next = 1, .last = 0};
    long one;

    if (!list || !*list)
        return true;
    while (sc_view_walk_next(&walk, &one)) {
        if (one == number)
            return true;
    }
    return false;
}

int
sc_view_cpu_count(const struct sc_view_values *v, int host)
{
    struct sc_view_walk walk = {.at = v->cpu_list, .next = 1, .last = 0};
    int count = 0, quota;
    long cpu;

    while (sc_view_walk_next(&walk, &cpu))
        count++;
    if (count == 0 || count > host)
        count = host;
    if (v->cpus > 0) {
        quota = (int)v->cpus;
        quota += quota < v->cpus;
        count = quota < count ? quota : count;
    }
    return count > 0 ? count : 1;
}
