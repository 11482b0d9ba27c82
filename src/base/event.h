/* base/event: <run root>/events.log, a line of JSON for each thing that happened, which `sc events` reads. */
#ifndef SC_BASE_EVENT_H
#define SC_BASE_EVENT_H

#include "base/base.h"

#define SC_EVENT_FILE     "events.log"
#define SC_EVENT_FILE_OLD "events.log.1"
#define SC_EVENT_FILE_MAX (4 << 20)
struct sc_event {
    const char *type, *action, *id; /* "container", "die" */
    const char *attributes;         /* members as JSON: "\"image\":\"base\",\"name\":\"web\""; or NULL */
    const char *more;               /* further ones, which come first; or NULL */
};
/* Never fails for the caller: a full disk costs an event. */
void sc_event_add(int run_root_fd, const struct sc_event *event);

#endif
