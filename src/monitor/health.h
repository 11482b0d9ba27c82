/*
 * Health checks: a command that is run in a container from time to time, and what is made of its answers.
 *
 *     sc-monitor ──(the time has come)──► sc __health ID ──exec──► the command, in the container
 *         ▲                                   │ its code, its first 4096 bytes
 *         └── exit code: still starting? ─────┴─► <run>/container/<id>/health.json (Docker's State.Health), an event
 *
 * The monitor keeps the time and nothing else: when one look has ended, it asks for the next after an interval. Only sc
 * __health writes health.json, and there is one of it at a time. A command that takes too long is killed with its whole
 * session, and with all that is in the cgroup that was made for it.
 */
#ifndef SC_MONITOR_HEALTH_H
#define SC_MONITOR_HEALTH_H

#include "base/base.h"

#define SC_HEALTH_FILE           "health.json"
#define SC_HEALTH_STILL_STARTING 2 /* sc __health's code; 0: its state is settled, however it is */
#define SC_HEALTH_OUTPUT_MAX     4096
#define SC_HEALTH_LOG_MAX        5
#define SC_HEALTH_PAUSE_MIN      INT64_C(50000000) /* ns: an interval of 1 ms would keep a CPU busy with looks */

enum sc_health_status { SC_HEALTH_STARTING, SC_HEALTH_HEALTHY, SC_HEALTH_UNHEALTHY };
struct sc_health_times { /* ns; 0: Docker's default */
    int64_t interval, timeout, start_period, start_interval, retries;
};
/* With the defaults in the place of 0: 30 s, 30 s, none, 5 s, 3 times. */
struct sc_health_times sc_health_defaults(const struct sc_health_times *given);
/* From the end of one look to the next, SC_HEALTH_PAUSE_MIN or more; times has its defaults. since_start: how long the
 * container has run. */
int64_t sc_health_pause(const struct sc_health_times *times, bool is_starting, int64_t since_start);
/* What a look that began since_start after the container makes of its state. */
enum sc_health_status sc_health_judge(const struct sc_health_times *times, enum sc_health_status before, bool is_good,
                                      int64_t since_start, int *failing_streak);
const char *sc_health_name(enum sc_health_status status); /* "starting" "healthy" "unhealthy" */
bool sc_health_parse(const char *name, enum sc_health_status *out);

#endif
