/* Health checks (monitor/health.h): what is asked for, what is known, and one look. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define HEALTH_FILE_MAX (1U << 20)
#define KILL_ROUNDS     20
#define CODE_NO_ANSWER  (-1)

/* ---- what is asked for ----------------------------------------------------------------------------------------- */

void
sc_health_resolve(const struct sc_create_options *options, const struct sc_image_config *image, struct sc_arena *arena,
                  struct sc_container *out)
{
    const struct sc_image_health *own = &image->healthcheck;

    if (options->no_healthcheck) {
        sc_strv_add(&out->health_test, arena, "NONE");
        return;
    }
    if (options->health_cmd && *options->health_cmd) {
        sc_strv_add(&out->health_test, arena, "CMD-SHELL");
        sc_strv_add(&out->health_test, arena, options->health_cmd);
    } else {
        out->health_test = own->test;
    }
    out->health = (struct sc_health_times){
        .interval = options->health.interval ? options->health.interval : own->interval,
        .timeout = options->health.timeout ? options->health.timeout : own->timeout,
        .start_period = options->health.start_period ? options->health.start_period : own->start_period,
        .start_interval = options->health.start_interval ? options->health.start_interval : own->start_interval,
        .retries = options->health.retries ? options->health.retries : own->retries,
    };
}

bool
sc_container_has_health(const struct sc_container *c)
{
    return c->health_test.count > 1 && strcmp(c->health_test.items[0], "NONE") != 0;
}

json_t *
sc_health_config_json(const struct sc_container *c)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"Interval", c->health.interval},
                   {"Timeout", c->health.timeout},
                   {"StartPeriod", c->health.start_period},
                   {"StartInterval", c->health.start_interval},
                   {"Retries", c->health.retries}};
    json_t *out = json_object();

    if (c->health_test.count > 0)
        (void)json_object_set_new(out, "Test", sc_json_strv(&c->health_test));
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        if (numbers[i].value > 0)
            (void)json_object_set_new(out, numbers[i].key, json_integer(numbers[i].value));
    }
    if (json_object_size(out) > 0)
        return out;
    json_decref(out);
    return NULL;
}

/* ---- what is known --------------------------------------------------------------------------------------------- */

/* Docker's: what nobody looks at, paused or ended, is not healthy. */
static bool
is_unseen(const struct sc_container *c)
{
    return c->status == SC_STATUS_PAUSED || c->status == SC_STATUS_STOPPED;
}

/* Docker's State.Health; as it begins where nothing is written yet. */
static json_t *
read_state(int run_fd)
{
    struct sc_err ignored = SC_ERR_INIT;
    enum sc_health_status status;
    json_t *state = NULL;

    if (run_fd >= 0 && sc_json_read_at(run_fd, SC_HEALTH_FILE, HEALTH_FILE_MAX, &state, &ignored) == 0 &&
        json_is_array(json_object_get(state, "Log")) &&
        sc_health_parse(json_string_value(json_object_get(state, "Status")), &status))
        return state;
    json_decref(state);
    return json_pack("{s:s, s:i, s:[]}", "Status", "starting", "FailingStreak", 0, "Log");
}

json_t *
sc_health_state_json(const struct sc_engine *engine, const struct sc_container *c)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd run = -1;
    json_t *state;

    if (!sc_container_has_health(c) || c->status == SC_STATUS_CREATED)
        return NULL;
    run = sc_engine_run_dir(engine, c->id, &ignored);
    state = read_state(run);
    if (is_unseen(c))
        (void)json_object_set_new(state, "Status", json_string(sc_health_name(SC_HEALTH_UNHEALTHY)));
    return state;
}

void
sc_health_load(int run_fd, struct sc_arena *arena, struct sc_container *out)
{
    bool is_looked_at = sc_container_has_health(out) && out->status != SC_STATUS_CREATED;
    sc_cleanup_json state = is_looked_at && !is_unseen(out) ? read_state(run_fd) : NULL;

    if (is_looked_at)
        out->health_status = sc_arena_strdup(arena, state ? json_string_value(json_object_get(state, "Status"))
                                                          : sc_health_name(SC_HEALTH_UNHEALTHY));
}

/* ---- one look -------------------------------------------------------------------------------------------------- */

struct look {
    int64_t start, end;
    int code;
    struct sc_buf output; /* the first SC_HEALTH_OUTPUT_MAX bytes */
    bool is_cut;
    bool is_void; /* it says nothing of the container, which ends or was paused */
};

/* The session that a process belongs to; 0: it is gone. */
static pid_t
session_of(int proc_fd, const char *pid)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    char path[64];
    const char *at;
    char *end;

    (void)snprintf(path, sizeof(path), "%.20s/stat", pid);
    if (sc_file_read_at(proc_fd, path, SC_SMALL_FILE_MAX, &text, &ignored) < 0)
        return 0;
    at = strrchr(sc_buf_str(&text), ')');
    if (!at || strlen(at) < 4) /* ") S PARENT GROUP SESSION", proc_pid_stat(5) */
        return 0;
    (void)strtol(at + 3, &end, 10);
    (void)strtol(end, &end, 10);
    return (pid_t)strtol(end, NULL, 10);
}

/* All that the command has started, unless it went to a session of its own: that is found in its cgroup, if it has one.
 * True: there was something left. */
static bool
kill_session(pid_t leader)
{
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* lint: the kernel's own */
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;
    bool is_any = false;

    while (dir && (item = readdir(dir)) != NULL) {
        struct sc_err ignored = SC_ERR_INIT;
        sc_cleanup_fd pidfd = -1;

        if (item->d_name[0] < '1' || item->d_name[0] > '9' || session_of(fd, item->d_name) != leader)
            continue;
        pidfd = sc_pidfd_open((pid_t)strtol(item->d_name, NULL, 10), 0, &ignored);
        /* the number may have become another's before we had it */
        if (pidfd < 0 || session_of(fd, item->d_name) != leader)
            continue;
        is_any = sc_pidfd_kill(pidfd, SIGKILL, &ignored) == 0 || is_any;
    }
    return is_any;
}

/* What is there now. False: nobody writes there any more. */
static bool
take_output(int fd, struct look *look)
{
    char room[SC_HEALTH_OUTPUT_MAX];

    for (int i = 0; i < 16; i++) { /* who writes for ever is read no faster than others */
        ssize_t got = read(fd, room, sizeof(room));
        size_t left = SC_HEALTH_OUTPUT_MAX - look->output.len;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        look->is_cut = look->is_cut || (size_t)got > left;
        sc_buf_add(&look->output, room, (size_t)got < left ? (size_t)got : left);
    }
    return true;
}

/* Until it has ended (true), or is to end. What it leaves behind with its output open is not waited for. */
static bool
follow(const struct sc_exec_process *process, int64_t until, struct look *look)
{
    struct pollfd polls[] = {{.fd = process->process.pidfd, .events = POLLIN},
                             {.fd = process->out_fd, .events = POLLIN},
                             {.fd = process->err_fd, .events = POLLIN}};

    for (size_t i = 1; i < SC_ARRAY_LEN(polls); i++)
        (void)fcntl(polls[i].fd, F_SETFL, fcntl(polls[i].fd, F_GETFL) | O_NONBLOCK);
    for (;;) {
        int64_t left = (until - sc_time_monotonic()) / 1000000;

        if (poll(polls, SC_ARRAY_LEN(polls),
                 left < 0            ? 0
                 : left >= INT32_MAX ? INT32_MAX
                                     : (int)left + 1) < 0 &&
            errno != EINTR)
            return false;
        for (size_t i = 1; i < SC_ARRAY_LEN(polls); i++) {
            if (polls[i].fd >= 0 && !take_output(polls[i].fd, look))
                polls[i].fd = -1;
        }
        if (polls[0].revents)
            return true;
        if (sc_time_monotonic() >= until)
            return false;
    }
}

/* Whether a look fails because of what has become of its container meanwhile: nobody is told of it then. */
static bool
is_void(int run_fd, bool has_ended)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_state state = {0};
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_state_read(run_fd, &arena, &state, &ignored) < 0 || sc_process_is_exiting(state.pid, state.start_time))
        return true;
    return !has_ended && sc_state_status(&state) == SC_STATUS_PAUSED;
}

static void
run_command(struct sc_engine *engine, const struct sc_container *c, int run_fd, int64_t timeout, struct look *look)
{
    char limit[SC_DURATION_MAX];
    struct sc_exec_group group = {.dir = ""};
    struct sc_exec_options how = {.group = &group};
    struct sc_exec_process process;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_exit record = {.code = 0};
    siginfo_t info = {0};
    bool has_ended;

    if (strcmp(c->health_test.items[0], "CMD-SHELL") == 0) {
        sc_strv_add(&how.args, &arena, "/bin/sh");
        sc_strv_add(&how.args, &arena, "-c");
    }
    for (size_t i = 1; i < c->health_test.count; i++)
        sc_strv_add(&how.args, &arena, c->health_test.items[i]);
    look->code = CODE_NO_ANSWER;
    if (sc_arena_check(&arena, &err) < 0 || sc_engine_exec(engine, c, &how, &process, &err) < 0) {
        sc_buf_adds(&look->output, err.msg);
        look->is_void = is_void(run_fd, true);
        sc_exec_group_remove(&group);
        return;
    }
    has_ended = follow(&process, sc_time_monotonic() + timeout, look);
    look->is_void = is_void(run_fd, has_ended);
    for (int i = 0; !has_ended && i < KILL_ROUNDS && kill_session(process.process.pid); i++)
        (void)sc_pidfd_wait(process.process.pidfd, 1);
    while (waitid(P_PID, (id_t)process.process.pid, &info, WEXITED) < 0 && errno == EINTR)
        ;
    if (!has_ended)
        sc_exec_group_kill(&group);
    sc_exec_group_remove(&group);
    if (has_ended) {
        sc_exit_from_wait(info.si_code, info.si_status, &record);
        look->code = record.code;
    } else {
        sc_buf_release(&look->output);
        look->is_cut = false;
        sc_duration_format(timeout, limit);
        sc_buf_addf(&look->output, "Health check exceeded timeout (%s)", limit);
    }
    sc_engine_exec_ended(engine, c, has_ended ? record.code : 137);
    sc_closep(&process.out_fd);
    sc_closep(&process.err_fd);
    sc_process_release(&process.process);
}

static json_t *
entry_of(struct look *look)
{
    char start[SC_TIME_MAX], end[SC_TIME_MAX];
    sc_cleanup_buf text = SC_BUF_INIT;

    if (look->is_cut)
        sc_buf_adds(&look->output, "...");
    sc_time_format(look->start, start);
    sc_time_format(look->end, end);
    for (size_t i = 0; i < look->output.len; i++) {
        if (look->output.data[i] == '\0')
            look->output.data[i] = '?';
    }
    sc_buf_add_utf8(&text, sc_buf_str(&look->output), look->output.len);
    return json_pack("{s:s, s:s, s:i, s:s}", "Start", start, "End", end, "ExitCode", look->code, "Output",
                     sc_buf_str(&text));
}

static int
write_state(int run_fd, const json_t *state, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(state, &text, err) < 0)
        return -1;
    return sc_file_replace_at(run_fd, SC_HEALTH_FILE, text.data, text.len, 0600, SC_VOLATILE, err);
}

static enum sc_health_status
take_answer(const struct sc_health_times *times, json_t *state, struct look *look, int64_t since_start)
{
    json_t *log = json_object_get(state, "Log");
    enum sc_health_status status = SC_HEALTH_STARTING;
    int streak = (int)json_integer_value(json_object_get(state, "FailingStreak"));

    (void)sc_health_parse(json_string_value(json_object_get(state, "Status")), &status);
    status = sc_health_judge(times, status, look->code == 0, since_start, &streak);
    (void)json_object_set_new(state, "Status", json_string(sc_health_name(status)));
    (void)json_object_set_new(state, "FailingStreak", json_integer(streak));
    (void)json_array_append_new(log, entry_of(look));
    while (json_array_size(log) > SC_HEALTH_LOG_MAX)
        (void)json_array_remove(log, 0);
    return status;
}

int
sc_engine_health_look(struct sc_engine *engine, const char *id, bool *is_starting, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container c = SC_CONTAINER_INIT;
    struct sc_health_times times;
    enum sc_health_status before = SC_HEALTH_STARTING, after;
    struct look look = {.output = SC_BUF_INIT};
    sc_cleanup_json state = NULL;
    sc_cleanup_fd run = -1;
    char action[64];
    int result;

    if (!sc_engine_is_id(id))
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": it is started by sc-monitor, not by hand", id);
    run = sc_engine_run_dir(engine, id, err);
    if (run < 0 || sc_engine_load(engine, id, &arena, &c, err) < 0)
        return -1;
    state = read_state(run);
    (void)sc_health_parse(json_string_value(json_object_get(state, "Status")), &before);
    *is_starting = before == SC_HEALTH_STARTING;
    if (c.status != SC_STATUS_RUNNING || !sc_container_has_health(&c)) /* a paused one would not answer */
        return 0;
    times = sc_health_defaults(&c.health);
    look.start = sc_time_now();
    run_command(engine, &c, run, times.timeout, &look);
    if (look.is_void) {
        sc_buf_release(&look.output);
        return 0;
    }
    look.end = sc_time_now();
    after = take_answer(&times, state, &look, look.start - c.started_at);
    *is_starting = after == SC_HEALTH_STARTING;
    result = write_state(run, state, err);
    sc_buf_release(&look.output);
    (void)snprintf(action, sizeof(action), "health_status: %s", sc_health_name(after));
    if (result == 0 && after != before)
        sc_engine_event(engine, &c, action, NULL);
    return result;
}
