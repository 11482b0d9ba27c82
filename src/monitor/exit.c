/* The exit record: how a process ended, in the words of a shell. */
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "monitor/monitor.h"

#define DISK_ROOM_MIN 65536

void
sc_exit_from_wait(int code, int status, struct sc_exit *out)
{
    if (code == CLD_EXITED) {
        out->code = status;
        out->signal = 0;
    } else { /* CLD_KILLED, CLD_DUMPED */
        out->code = 128 + status;
        out->signal = status;
    }
}

bool
sc_disk_is_full(int fd)
{
    struct statvfs fs;

    if (fstatvfs(fd, &fs) < 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize < DISK_ROOM_MIN || (fs.f_files > 0 && fs.f_ffree == 0);
}

int
sc_exit_write(int data_dir_fd, const struct sc_exit *exit_record, const struct sc_usage *usage,
              const struct sc_exit_words *words, enum sc_durability durability, struct sc_err *err)
{
    static const struct sc_exit_words none = {.oom_victim = NULL};
    const struct sc_exit_words *w = words ? words : &none;
    const struct {
        const char *name, *value;
    } texts[] = {{"oomVictim", w->oom_victim}, {"oomPlace", w->oom_place}, {"startError", w->start_error}};
    sc_cleanup_buf text = SC_BUF_INIT;
    char time[SC_TIME_MAX];

    sc_time_format(exit_record->finished_at, time);
    sc_buf_addf(&text, "{\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"finishedAt\":\"%s\"", exit_record->code,
                exit_record->signal, exit_record->was_oom_killed ? "true" : "false", time);
    if (exit_record->was_disk_full)
        sc_buf_adds(&text, ",\"diskFull\":true");
    if (exit_record->restart_count > 0)
        sc_buf_addf(&text, ",\"restartCount\":%d", (int)exit_record->restart_count);
    if (usage) {
        sc_buf_adds(&text, ",\"usage\":");
        sc_usage_encode(usage, &text);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        if (!texts[i].value)
            continue;
        sc_buf_addf(&text, ",\"%s\":", texts[i].name);
        sc_buf_add_json(&text, texts[i].value, strlen(texts[i].value));
    }
    sc_buf_adds(&text, "}\n");
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_file_replace_at(data_dir_fd, "exit.json", text.data, text.len, 0600, durability, err);
}
