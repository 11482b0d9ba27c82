/* exit.json: how a container ended, of its monitor's making or, where that was killed, of ours. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define EXIT_FILE_MAX 65536

int
sc_engine_exit_write(int data_fd, int code, int signum, const char *start_error, bool is_start_failure,
                     int restart_count, enum sc_durability durability, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char time[SC_TIME_MAX];

    sc_time_format(sc_time_now(), time);
    sc_buf_addf(
        &text,
        "{\"exitCode\":%d,\"signal\":%d,\"oomKilled\":false,\"finishedAt\":\"%s\",\"startFailed\":%s,\"error\":", code,
        signum, time, is_start_failure ? "true" : "false");
    sc_buf_add_json(&text, start_error, strlen(start_error));
    if (restart_count > 0)
        sc_buf_addf(&text, ",\"restartCount\":%d", restart_count);
    sc_buf_adds(&text, "}\n");
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_file_replace_at(data_fd, "exit.json", text.data, text.len, 0600, durability, err);
}

int
sc_engine_exit_note(int data_fd, const struct sc_err *why, struct sc_err *err)
{
    sc_cleanup_json json = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (faccessat(data_fd, "exit.json", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return sc_engine_exit_write(data_fd, why->exit_code ? why->exit_code : SC_CODE_ENGINE, 0, why->msg, true, 0,
                                    SC_VOLATILE, err);
    if (sc_json_read_at(data_fd, "exit.json", EXIT_FILE_MAX, &json, err) < 0)
        return -1;
    if (json_object_set_new(json, "startError", json_string(why->msg)) < 0)
        return sc_err_nomem(err);
    if (sc_json_dump(json, &text, err) < 0)
        return -1;
    return sc_file_replace_at(data_fd, "exit.json", text.data, text.len, 0600, SC_VOLATILE, err);
}

/* exit.json, of the monitor's making or ours. Absent: the container never ended. */
int
sc_exit_load(int data_fd, struct sc_arena *arena, struct sc_container *out, bool *has_ended, struct sc_err *err)
{
    sc_cleanup_json json = NULL;
    json_t *usage = NULL;
    struct sc_err read_err = SC_ERR_INIT;
    bool is_start_failure = false;

    *has_ended = false;
    if (sc_exit_read(data_fd, &out->exit, &read_err) < 0) {
        if (read_err.errnum == ENOENT)
            return 0;
        *err = read_err;
        return -1;
    }
    if (sc_json_read_at(data_fd, "exit.json", EXIT_FILE_MAX, &json, err) < 0 ||
        sc_json_get_str(json, "error", "exit.json", arena, &out->start_error, err) < 0 ||
        sc_json_get_str(json, "startError", "exit.json", arena, &out->since_error, err) < 0 ||
        sc_json_get_bool(json, "startFailed", "exit.json", &is_start_failure, err) < 0 ||
        sc_json_get_str(json, "oomVictim", "exit.json", arena, &out->oom_victim, err) < 0 ||
        sc_json_get_str(json, "oomPlace", "exit.json", arena, &out->oom_place, err) < 0 ||
        sc_json_get_obj(json, "usage", "exit.json", &usage, err) < 0)
        return -1;
    if (usage && sc_usage_decode(usage, &out->usage, err) < 0)
        return -1;
    out->has_usage = usage != NULL;
    out->restart_count = out->exit.restart_count;
    out->finished_at = is_start_failure ? 0 : out->exit.finished_at;
    out->status = is_start_failure ? SC_STATUS_CREATED : SC_STATUS_STOPPED;
    *has_ended = true;
    return 0;
}
