/* Reading the exit record back; apart from exit.c because sc-monitor has no JSON reader. */
#include "base/json.h"
#include "monitor/monitor.h"

#define EXIT_FILE_MAX 4096

int
sc_exit_read(int data_dir_fd, struct sc_exit *out, struct sc_err *err)
{
    sc_cleanup_json json = NULL;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_exit record = {0};
    int64_t code = -1, signum = 0, restarts = 0;
    bool was_oom_killed = false, was_disk_full = false;
    char *finished_at = NULL;

    if (sc_json_read_at(data_dir_fd, "exit.json", EXIT_FILE_MAX, &json, err) < 0)
        return -1;
    if (sc_json_get_i64(json, "exitCode", "", &code, err) < 0 ||
        sc_json_get_i64(json, "signal", "", &signum, err) < 0 ||
        sc_json_get_i64(json, "restartCount", "", &restarts, err) < 0 ||
        sc_json_get_bool(json, "oomKilled", "", &was_oom_killed, err) < 0 ||
        sc_json_get_bool(json, "diskFull", "", &was_disk_full, err) < 0 ||
        sc_json_get_str(json, "finishedAt", "", &arena, &finished_at, err) < 0)
        return sc_err_wrap(err, "exit.json");
    if (code < 0 || code > 255 || signum < 0 || signum > 127 || restarts < 0 || restarts > INT32_MAX || !finished_at)
        return sc_err_set(err, SC_ERR_INVALID, "exit.json: it does not hold an exit record");
    if (sc_time_parse(finished_at, &record.finished_at, err) < 0)
        return sc_err_wrap(err, "exit.json");
    record.code = (int32_t)code;
    record.signal = (int32_t)signum;
    record.was_oom_killed = was_oom_killed;
    record.was_disk_full = was_disk_full;
    record.restart_count = (int32_t)restarts;
    *out = record;
    return 0;
}
