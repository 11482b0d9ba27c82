/* state.json: what was recorded when a container was created; and what the kernel says of it now. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/runtime.h"

#define STATE_MAX        (1 << 20)
#define FREEZER_TEXT_MAX 64
#define LOCK_WAIT_NSEC   INT64_C(10000000000)
#define LOCK_DELAY_NSEC  2000000

static const struct {
    enum sc_status status;
    const char *name;
} status_names[] = {
    {SC_STATUS_CREATING, "creating"}, {SC_STATUS_CREATED, "created"}, {SC_STATUS_RUNNING, "running"},
    {SC_STATUS_PAUSED, "paused"},     {SC_STATUS_STOPPED, "stopped"},
};

const char *
sc_status_name(enum sc_status status)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(status_names); i++)
        if (status_names[i].status == status)
            return status_names[i].name;
    SC_BUG("no such status");
}

static json_t *
list_to_json(const struct sc_strv *list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static void
set_text(json_t *json, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(json, key, json_string(text));
}

int
sc_state_write(int dir_fd, const struct sc_state *state, enum sc_durability durability, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json json = json_object();

    if (json == NULL)
        return sc_err_nomem(err);
    set_text(json, "id", state->id);
    set_text(json, "bundle", state->bundle);
    set_text(json, "rootfs", state->rootfs);
    set_text(json, "bootId", state->boot_id);
    set_text(json, "undo", state->undo);
    set_text(json, "cgroupPath", state->cgroup_path);
    set_text(json, "memoryDir", state->memory_dir);
    set_text(json, "owner", state->owner);
    set_text(json, "unit", state->unit);
    json_object_set_new(json, "unitIsUser", json_boolean(state->unit_is_user));
    json_object_set_new(json, "pid", json_integer(state->pid));
    json_object_set_new(json, "startTime", json_integer((json_int_t)state->start_time));
    json_object_set_new(json, "namespaces", json_integer((json_int_t)state->ns_flags));
    json_object_set_new(json, "createdAt", json_integer(state->created_at));
    json_object_set_new(json, "isCreating", json_boolean(state->is_creating));
    json_object_set_new(json, "wasStarted", json_boolean(state->was_started));
    json_object_set_new(json, "hasTerminal", json_boolean(state->has_terminal));
    json_object_set_new(json, "hasOwnPidNamespace", json_boolean(state->has_own_pid_ns));
    json_object_set_new(json, "memoryIsV2", json_boolean(state->memory_is_v2));
    json_object_set_new(json, "cgroupDirs", list_to_json(&state->cgroup_dirs));
    json_object_set_new(json, "freezers", list_to_json(&state->freezers));
    json_object_set_new(json, "annotations", list_to_json(&state->annotations));
    if (sc_json_dump(json, &text, err) < 0)
        return -1;
    return sc_file_replace_at(dir_fd, "state.json", text.data, text.len, 0600, durability, err);
}

int
sc_state_read(int dir_fd, struct sc_arena *arena, struct sc_state *out, struct sc_err *err)
{
    sc_cleanup_json json = NULL;
    int64_t pid = 0;

    memset(out, 0, sizeof(*out));
    if (sc_json_read_at(dir_fd, "state.json", STATE_MAX, &json, err) < 0)
        return -1;
    if (sc_json_get_str(json, "id", "state", arena, &out->id, err) < 0 ||
        sc_json_get_str(json, "bundle", "state", arena, &out->bundle, err) < 0 ||
        sc_json_get_str(json, "rootfs", "state", arena, &out->rootfs, err) < 0 ||
        sc_json_get_str(json, "bootId", "state", arena, &out->boot_id, err) < 0 ||
        sc_json_get_str(json, "undo", "state", arena, &out->undo, err) < 0 ||
        sc_json_get_str(json, "cgroupPath", "state", arena, &out->cgroup_path, err) < 0 ||
        sc_json_get_str(json, "memoryDir", "state", arena, &out->memory_dir, err) < 0 ||
        sc_json_get_str(json, "owner", "state", arena, &out->owner, err) < 0 ||
        sc_json_get_str(json, "unit", "state", arena, &out->unit, err) < 0 ||
        sc_json_get_bool(json, "unitIsUser", "state", &out->unit_is_user, err) < 0 ||
        sc_json_get_i64(json, "pid", "state", &pid, err) < 0 ||
        sc_json_get_u64(json, "startTime", "state", &out->start_time, err) < 0 ||
        sc_json_get_u64(json, "namespaces", "state", &out->ns_flags, err) < 0 ||
        sc_json_get_i64(json, "createdAt", "state", &out->created_at, err) < 0 ||
        sc_json_get_bool(json, "isCreating", "state", &out->is_creating, err) < 0 ||
        sc_json_get_bool(json, "wasStarted", "state", &out->was_started, err) < 0 ||
        sc_json_get_bool(json, "hasTerminal", "state", &out->has_terminal, err) < 0 ||
        sc_json_get_bool(json, "hasOwnPidNamespace", "state", &out->has_own_pid_ns, err) < 0 ||
        sc_json_get_bool(json, "memoryIsV2", "state", &out->memory_is_v2, err) < 0 ||
        sc_json_get_strv(json, "cgroupDirs", "state", arena, &out->cgroup_dirs, err) < 0 ||
        sc_json_get_strv(json, "freezers", "state", arena, &out->freezers, err) < 0 ||
        sc_json_get_strv(json, "annotations", "state", arena, &out->annotations, err) < 0)
        return -1;
    out->pid = (pid_t)pid;
    if (out->is_creating) {
        out->has_creator = flock(dir_fd, LOCK_SH | LOCK_NB) < 0;
        if (!out->has_creator)
            sc_state_unlock(dir_fd);
    }
    return sc_arena_check(arena, err);
}

int
sc_state_lock(int dir_fd, struct sc_err *err)
{
    int64_t deadline = 0;

    while (flock(dir_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return sc_err_errno(err, errno, "lock the state directory");
        if (deadline == 0)
            deadline = sc_time_monotonic() + LOCK_WAIT_NSEC;
        else if (sc_time_monotonic() >= deadline)
            return sc_err_set(err, SC_ERR_BUSY,
                              "lock the state directory: another process creates, starts or deletes "
                              "this container");
        nanosleep(&(struct timespec){.tv_nsec = LOCK_DELAY_NSEC}, NULL);
    }
    return 0;
}

void
sc_state_unlock(int dir_fd)
{
    (void)flock(dir_fd, LOCK_UN);
}

void
sc_state_from_plan(const struct sc_plan *plan, const struct sc_process *process, struct sc_arena *arena,
                   struct sc_state *out)
{
    char boot_id[40];
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t cgroup_flag = sc_ns_table[SC_NS_CGROUP].clone_flag, time_flag = sc_ns_table[SC_NS_TIME].clone_flag;

    memset(out, 0, sizeof(*out));
    out->id = sc_arena_strdup(arena, plan->id);
    out->pid = process->pid;
    out->start_time = process->start_time;
    out->ns_flags = plan->clone.u.clone.flags;
    for (size_t i = 0; i < plan->child.count; i++) {
        if (plan->child.items[i].op == SC_OP_UNSHARE)
            out->ns_flags |= cgroup_flag;
        if (plan->child.items[i].op == SC_OP_TIME_OFFSETS)
            out->ns_flags |= time_flag;
    }
    out->created_at = sc_time_now();
    out->has_terminal = plan->process->terminal;
    out->has_own_pid_ns = (plan->clone.u.clone.flags & sc_ns_table[SC_NS_PID].clone_flag) != 0;
    out->undo = sc_arena_strdup(arena, plan->undo);
    out->cgroup_path = sc_arena_strdup(arena, plan->cgroup_path);
    out->memory_dir = sc_arena_strdup(arena, plan->memory_dir);
    out->memory_is_v2 = plan->memory_is_v2;
    out->unit = sc_arena_strdup(arena, plan->unit);
    out->unit_is_user = plan->unit_is_user;
    out->cgroup_dirs = plan->cgroup_dirs;
    out->freezers = plan->freezers;
    if (sc_boot_id(boot_id, &ignored) == 0)
        out->boot_id = sc_arena_strdup(arena, boot_id);
    if (plan->spec != NULL) {
        out->annotations = plan->spec->annotations;
        out->rootfs = sc_arena_strdup(arena, plan->spec->root.path);
    }
}

static const char *
find_freezer(const struct sc_state *state, bool *is_v2)
{
    for (size_t i = 0; i < state->cgroup_dirs.count; i++) {
        const char *dir = state->cgroup_dirs.items[i];
        /* lint: a cgroup directory that the engine made */
        sc_cleanup_fd fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            continue;
        *is_v2 = faccessat(fd, "cgroup.freeze", F_OK, 0) == 0;
        if (*is_v2 || faccessat(fd, "freezer.state", F_OK, 0) == 0)
            return dir;
    }
    return NULL;
}

/* Whether a cgroup's file is there and does not begin with the word. */
static bool
says_not(const char *path, const char *word)
{
    char text[FREEZER_TEXT_MAX];
    /* lint: of a cgroup directory that the engine made */
    sc_cleanup_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (len < 0)
        return false;
    text[len] = '\0';
    return !sc_str_starts(text, word);
}

static bool
is_frozen(const struct sc_state *state)
{
    /* hybrid hosts have two; either may have been used */
    for (size_t i = 0; i < state->freezers.count; i++) {
        const char *file = state->freezers.items[i];

        if (says_not(file, sc_str_ends(file, "cgroup.freeze") ? "0" : "THAWED"))
            return true;
    }
    return false;
}

static bool
is_alive(const struct sc_state *state)
{
    struct sc_err ignored = SC_ERR_INIT;
    char boot_id[40];

    if (state->pid <= 0)
        return false;
    if (state->boot_id != NULL && (sc_boot_id(boot_id, &ignored) < 0 || strcmp(boot_id, state->boot_id) != 0))
        return false;
    return sc_process_is_alive(state->pid, state->start_time);
}

bool
sc_state_has_program(const struct sc_state *state)
{
    return !state->is_creating && state->was_started && is_alive(state);
}

enum sc_status
sc_state_status(const struct sc_state *state)
{
    if (state->is_creating && state->has_creator)
        return SC_STATUS_CREATING;
    if (!is_alive(state))
        return SC_STATUS_STOPPED;
    if (is_frozen(state))
        return SC_STATUS_PAUSED;
    if (state->is_creating)
        return SC_STATUS_CREATING;
    return state->was_started ? SC_STATUS_RUNNING : SC_STATUS_CREATED;
}

static json_t *
annotations_to_json(const struct sc_state *state)
{
    json_t *annotations = json_object();

    for (size_t i = 0; i < state->annotations.count; i++) {
        const char *equals = strchr(state->annotations.items[i], '=');

        if (equals != NULL)
            json_object_setn_new(annotations, state->annotations.items[i],
                                 (size_t)(equals - state->annotations.items[i]), json_string(equals + 1));
    }
    return annotations;
}

int
sc_state_oci(const struct sc_state *state, enum sc_status status, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json json = json_object();

    if (json == NULL)
        return sc_err_nomem(err);
    set_text(json, "ociVersion", SC_OCI_VERSION);
    set_text(json, "id", state->id);
    json_object_set_new(json, "status", json_string(sc_status_name(status)));
    if (state->pid > 0 && status != SC_STATUS_STOPPED)
        json_object_set_new(json, "pid", json_integer(state->pid));
    set_text(json, "bundle", state->bundle);
    json_object_set_new(json, "annotations", annotations_to_json(state));
    return sc_json_dump_pretty(json, out, err);
}

int
sc_state_document(const struct sc_state *state, enum sc_status status, bool is_pretty, struct sc_buf *out,
                  struct sc_err *err)
{
    sc_cleanup_json json = json_object();
    char created[SC_TIME_MAX];

    if (json == NULL)
        return sc_err_nomem(err);
    sc_time_format(state->created_at, created);
    set_text(json, "ociVersion", SC_OCI_VERSION);
    set_text(json, "id", state->id);
    json_object_set_new(json, "pid", json_integer(status == SC_STATUS_STOPPED ? 0 : state->pid));
    set_text(json, "status", sc_status_name(status));
    set_text(json, "bundle", state->bundle != NULL ? state->bundle : "");
    if (state->rootfs != NULL && state->rootfs[0] != '/' && state->bundle != NULL)
        json_object_set_new(json, "rootfs", json_sprintf("%s/%s", state->bundle, state->rootfs));
    else
        set_text(json, "rootfs", state->rootfs != NULL ? state->rootfs : "");
    set_text(json, "created", created);
    if (state->annotations.count > 0)
        json_object_set_new(json, "annotations", annotations_to_json(state));
    set_text(json, "owner", state->owner != NULL ? state->owner : "");
    return is_pretty ? sc_json_dump_pretty(json, out, err) : sc_json_dump(json, out, err);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

const char *
sc_runtime_freezer(const struct sc_state *state)
{
    bool is_v2 = false;

    return find_freezer(state, &is_v2);
}

int
sc_runtime_freeze(const struct sc_state *state, bool frozen, struct sc_err *err)
{
    bool is_v2 = false;
    const char *dir = find_freezer(state, &is_v2);

    if (dir == NULL) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "pause: the container has no cgroup that can freeze it");
        return sc_err_remedy(err, "mount the freezer hierarchy, or cgroup2");
    }
    return sc_cgroup_freeze(dir, is_v2, frozen, err);
}

/* The directory whose processes are all of the container's: where killing is exact (cgroup.kill, or frozen meanwhile),
 * else the first that is still there; NULL: all have been removed, and so there is no process. */
static const char *
find_processes(const struct sc_state *state)
{
    bool is_v2 = false;
    const char *dir = find_freezer(state, &is_v2);

    for (size_t i = 0; dir == NULL && i < state->cgroup_dirs.count; i++) {
        /* lint: a cgroup directory that the engine made */
        if (access(state->cgroup_dirs.items[i], F_OK) == 0)
            dir = state->cgroup_dirs.items[i];
    }
    return dir;
}

int
sc_runtime_pids(const struct sc_state *state, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err)
{
    const char *dir = find_processes(state);

    *out = (struct sc_pid_list){0};
    if (state->cgroup_dirs.count == 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "the container has no cgroup to find its processes by");
    return dir != NULL ? sc_cgroup_pids(dir, arena, out, err) : 0;
}

static int
kill_all(const struct sc_state *state, int signum, struct sc_err *err)
{
    const char *dir = find_processes(state);

    if (state->cgroup_dirs.count == 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "kill all: the container has no cgroup to find its processes by");
    if (dir == NULL)
        return 0;
    return signum == SIGKILL ? sc_cgroup_kill(dir, err) : sc_cgroup_signal(dir, signum, err);
}

int
sc_runtime_kill(const struct sc_state *state, int signum, bool all, struct sc_err *err)
{
    /* Without a pid namespace of its own the end of its first process ends no other. */
    if (all || (signum == SIGKILL && !state->has_own_pid_ns && state->cgroup_dirs.count > 0))
        return kill_all(state, signum, err);

    sc_cleanup_fd pidfd = sc_pidfd_open(state->pid, state->start_time, err);
    if (pidfd < 0)
        return -1;
    if (sc_pidfd_kill(pidfd, signum, err) < 0)
        return -1;
    /* a frozen process does not die of SIGKILL on v1 until it is thawed */
    if (signum == SIGKILL && is_frozen(state))
        return sc_runtime_freeze(state, false, err);
    return 0;
}

int
sc_runtime_delete(const struct sc_state *state, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_state_status(state) != SC_STATUS_STOPPED)
        (void)!sc_runtime_kill(state, SIGKILL, false, &ignored);
    return state->undo != NULL ? sc_undo_run(state->undo, err) : 0;
}

int
sc_runtime_ns_flags(pid_t pid, uint64_t *flags, struct sc_err *err)
{
    *flags = 0;
    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        char path[64], theirs[64], ours[64];
        ssize_t a, b;

        snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, sc_ns_table[kind].proc_name);
        /* lint: a cgroup directory that the engine made */
        a = readlink(path, theirs, sizeof(theirs) - 1);
        snprintf(path, sizeof(path), "/proc/self/ns/%s", sc_ns_table[kind].proc_name);
        /* lint: a cgroup directory that the engine made */
        b = readlink(path, ours, sizeof(ours) - 1);
        if (b < 0)
            continue; /* this kernel has no such namespace */
        if (a < 0)
            return sc_err_errno(err, errno, "read the namespaces of process %d", (int)pid);
        theirs[a] = ours[b] = '\0';
        if (strcmp(theirs, ours) != 0)
            *flags |= sc_ns_table[kind].clone_flag;
    }
    return 0;
}
