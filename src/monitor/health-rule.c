/* Health checks: when the next look is due, and what is made of one (health.h). Pure. */
#include <string.h>

#include "monitor/health.h"

#define SECOND  INT64_C(1000000000)
#define LONGEST (INT64_MAX / 4) /* 73 years: with any time added to it, it is a time still */

static const char *const names[] = {
    [SC_HEALTH_STARTING] = "starting", [SC_HEALTH_HEALTHY] = "healthy", [SC_HEALTH_UNHEALTHY] = "unhealthy"};

const char *
sc_health_name(enum sc_health_status status)
{
    return names[status];
}

bool
sc_health_parse(const char *name, enum sc_health_status *out)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (name && strcmp(name, names[i]) == 0) {
            *out = (enum sc_health_status)i;
            return true;
        }
    }
    return false;
}

struct sc_health_times
sc_health_defaults(const struct sc_health_times *given)
{
    struct sc_health_times times = *given;
    int64_t *const all[] = {&times.interval, &times.timeout, &times.start_period, &times.start_interval};

    if (times.interval <= 0)
        times.interval = 30 * SECOND;
    if (times.timeout <= 0)
        times.timeout = 30 * SECOND;
    if (times.start_interval <= 0)
        times.start_interval = 5 * SECOND;
    if (times.retries <= 0)
        times.retries = 3;
    for (size_t i = 0; i < SC_ARRAY_LEN(all); i++) {
        if (*all[i] > LONGEST)
            *all[i] = LONGEST;
    }
    return times;
}

int64_t
sc_health_pause(const struct sc_health_times *times, bool is_starting, int64_t since_start)
{
    int64_t asked = is_starting && since_start < times->start_period ? times->start_interval : times->interval;

    return asked < SC_HEALTH_PAUSE_MIN ? SC_HEALTH_PAUSE_MIN : asked;
}

enum sc_health_status
sc_health_judge(const struct sc_health_times *times, enum sc_health_status before, bool is_good, int64_t since_start,
                int *failing_streak)
{
    if (is_good) {
        *failing_streak = 0;
        return SC_HEALTH_HEALTHY;
    }
    if (before == SC_HEALTH_STARTING && since_start < times->start_period)
        return before; /* it may need that long */
    (*failing_streak)++;
    return *failing_streak >= times->retries ? SC_HEALTH_UNHEALTHY : before;
}
