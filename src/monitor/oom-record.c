/* What the kernel's log says of a process that was killed for memory (dump_tasks and dump_oom_summary of
 * mm/oom_kill.c):
 * "6,12,34,-;oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/sc,task_memcg=/sc/ID,task=sh,pid=42,uid=0", with
 * "global_oom" in place of oom_memcg where the host's memory was out. */
#include <stdio.h>
#include <string.h>

#include "monitor/monitor.h"

bool
sc_oom_record(const char *record, const char *id, struct sc_buf *victim, struct sc_buf *place)
{
    static const char where[] = ",oom_memcg=", of[] = ",task_memcg=", whom[] = ",task=", pid_of[] = ",pid=";
    const char *at = strstr(record, ";oom-kill:"), *memcg, *task, *pid;

    memcg = at ? strstr(at, of) : NULL;
    task = memcg ? strstr(memcg, whom) : NULL;
    pid = task ? strstr(task, pid_of) : NULL;
    if (!pid || !memmem(memcg, (size_t)(task - memcg), id, strlen(id)))
        return false;
    sc_buf_clear(victim);
    task += sizeof(whom) - 1;
    sc_buf_addf(victim, "%.*s (process %d)", (int)(pid - task), task, (int)strtol(pid + sizeof(pid_of) - 1, NULL, 10));
    sc_buf_clear(place);
    if ((at = strstr(at, where)) != NULL && at < memcg) {
        at += sizeof(where) - 1;
        sc_buf_addf(place, "%.*s", (int)(memcg - at), at);
    } else {
        sc_buf_adds(place, SC_OOM_HOST);
    }
    return true;
}
