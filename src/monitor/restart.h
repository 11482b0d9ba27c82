/*
 * Restarting a container without a daemon. Three files, and who makes them:
 *
 *   <run>/container/<id>/restart      the engine, at each start of a container with a policy (sc update rewrites it):
 *                                     struct sc_restart_plan. The monitor reads it when its container has ended.
 *   <data>/container/<id>/stopped     sc stop, kill and rm -f, before their signal (and a client that passes on one of
 *                                     the user's): nothing is to start it again. A start by hand removes it. On a full
 *                                     disk it lies in the run directory.
 *   <run>/container/<id>/restarting   the monitor, before exit.json: struct sc_restarting. As long as somebody holds
 *                                     its flock(2) the container is "restarting", and that is the process that is named
 *                                     in it.
 *
 *     init ends ─► monitor decides (stopped? policy, code, count) ─no─► exit.json, undo: "exited"
 *                      │yes: forks the waiter, which holds `restarting`; goes on as ever: exit.json, undo, lock, EXIT
 *                      └► waiter: until the monitor is done, then until the time has come ─execve─► sc __restart ID FD
 *                             takes the container's lock, looks whether it still is the one, starts as sc start does
 *
 * A command that finds a container whose monitor or waiter was killed, or whose monitor could not fork (it leaves the
 * file without a holder), leaves a waiter in its place (recover.c).
 * Who takes a restart back has the container's lock, kills the holder of `restarting` and removes the file. Nothing can
 * come in between: before it starts anything the waiter needs that lock, and then looks for its own pid in the file.
 */
#ifndef SC_MONITOR_RESTART_H
#define SC_MONITOR_RESTART_H

#include "base/base.h"

#define SC_RESTART_FILE    "restart"
#define SC_STOPPED_FILE    "stopped"
#define SC_RESTARTING_FILE "restarting"

enum sc_restart_kind { SC_RESTART_NO, SC_RESTART_ON_FAILURE, SC_RESTART_ALWAYS, SC_RESTART_UNLESS_STOPPED };
struct sc_restart_policy {
    enum sc_restart_kind kind;
    int max; /* on-failure: how often at most; 0: however often */
};
/* "no" (""), "on-failure[:N]", "always", "unless-stopped"; errors in Docker's words. */
SC_MUST_CHECK int sc_restart_policy_parse(const char *text, struct sc_restart_policy *out, struct sc_err *err);
const char *sc_restart_policy_name(const struct sc_restart_policy *policy); /* "on-failure", without its number */
/* Whether a container that has just ended with this code, after count restarts, is started again. */
bool sc_restart_is_due(const struct sc_restart_policy *policy, int code, int count);
/* How long that is put off: 100 ms, doubled from one to the next up to a minute; from the beginning after ten seconds
 * of run. before: the last, in ms; 0: none. */
int64_t sc_restart_delay(int64_t before, int64_t lived_ns);

struct sc_restart_plan {
    char *policy;  /* as sc_restart_policy_parse reads it */
    int count;     /* restarts since it was last started by hand */
    int64_t delay; /* ms: what the last was put off by */
    char *program; /* sc */
    char **envp;   /* for it */
    size_t env_count;
};
#define SC_RESTART_ENV_MAX 16
void sc_restart_plan_encode(const struct sc_restart_plan *plan, struct sc_buf *out);
/* Changes text, which what is read points into. False: it is no plan. envp: room for SC_RESTART_ENV_MAX and NULL. */
bool sc_restart_plan_decode(char *text, char **envp, struct sc_restart_plan *out);

struct sc_restarting {
    pid_t pid;
    int count;     /* with this one */
    int64_t delay; /* ms */
    int code;      /* of the end before */
    int64_t finished_at;
};
void sc_restarting_encode(const struct sc_restarting *restarting, struct sc_buf *out);
bool sc_restarting_decode(const char *text, struct sc_restarting *out);
/* Leaves a process that waits for delay, and for *done to be closed by all who have it, and then starts container id.
 * Fills in restarting->pid. (restart-wait.c) */
SC_MUST_CHECK int sc_restart_leave(const char *id, const struct sc_restart_plan *plan, int run_dir,
                                   struct sc_restarting *restarting, int *done, struct sc_err *err);

#endif
