/* What a container has used, from files that stay open and are read again: for who looks often (the monitor, `sc
 * stats`). musl-clean: only base. A file that this host lacks leaves its number 0. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

#define USEC UINT64_C(1000) /* in nanoseconds */
/* v1's memory limit of "none" is the largest number of whole pages that fits a long. */
#define NO_LIMIT    UINT64_C(0x7ffffffffff00000)
#define CPU_UNKNOWN UINT64_MAX

/* ---- parsers ------------------------------------------------------------------------------------- */

static void
take_number(const char *text, uint64_t *out)
{
    *out = strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

/* The number behind "key" and one character (a space, or an equals sign) that begins a word; else *out stays. */
static bool
take_key(const char *text, const char *key, uint64_t scale, uint64_t *out)
{
    size_t len = strlen(key);

    for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
        if ((at == text || at[-1] == '\n' || at[-1] == ' ') && (at[len] == ' ' || at[len] == '=')) {
            *out = strtoull(at + len + 1, NULL, 10) * scale;
            return true;
        }
    }
    return false;
}

static void
parse_cpu_usage(const char *text, struct sc_usage *out)
{
    take_number(text, &out->cpu_ns);
}

static void
parse_cpu_user(const char *text, struct sc_usage *out)
{
    take_number(text, &out->user_ns);
}

static void
parse_cpu_system(const char *text, struct sc_usage *out)
{
    take_number(text, &out->system_ns);
}

/* v1's has the throttling alone; v2's has the times too, and without the cpu controller them alone. */
static void
parse_cpu_stat(const char *text, struct sc_usage *out)
{
    (void)take_key(text, "usage_usec", USEC, &out->cpu_ns);
    (void)take_key(text, "user_usec", USEC, &out->user_ns);
    (void)take_key(text, "system_usec", USEC, &out->system_ns);
    (void)take_key(text, "nr_periods", 1, &out->periods);
    (void)take_key(text, "nr_throttled", 1, &out->throttled_periods);
    if (!take_key(text, "throttled_time", 1, &out->throttled_ns))
        (void)take_key(text, "throttled_usec", USEC, &out->throttled_ns);
}

static void
parse_memory(const char *text, struct sc_usage *out)
{
    take_number(text, &out->memory);
}

static void
parse_memory_limit(const char *text, struct sc_usage *out)
{
    take_number(text, &out->memory_limit);
    if (out->memory_limit >= NO_LIMIT)
        out->memory_limit = UINT64_MAX;
}

static void
parse_memory_peak(const char *text, struct sc_usage *out)
{
    take_number(text, &out->memory_peak);
}

static void
parse_memory_stat1(const char *text, struct sc_usage *out)
{
    (void)take_key(text, "total_inactive_file", 1, &out->inactive_file);
    (void)take_key(text, "total_swap", 1, &out->swap);
}

static void
parse_memory_stat2(const char *text, struct sc_usage *out)
{
    (void)take_key(text, "inactive_file", 1, &out->inactive_file);
}

static void
parse_swap(const char *text, struct sc_usage *out)
{
    take_number(text, &out->swap);
}

static void
parse_oom(const char *text, struct sc_usage *out)
{
    (void)take_key(text, "oom_kill", 1, &out->oom_kills);
}

static void
parse_pids(const char *text, struct sc_usage *out)
{
    take_number(text, &out->pids);
}

static void
parse_pids_limit(const char *text, struct sc_usage *out)
{
    take_number(text, &out->pids_limit);
}

static void
parse_pids_events(const char *text, struct sc_usage *out)
{
    (void)take_key(text, "max", 1, &out->pids_hits);
}

/* "254:0 Read 4096", one line each device and kind */
static void
sum_io1(const char *text, const char *kind, uint64_t *out)
{
    *out = 0;
    for (const char *at = strstr(text, kind); at; at = strstr(at + 1, kind)) {
        if (at > text && at[-1] == ' ')
            *out += strtoull(at + strlen(kind), NULL, 10);
    }
}

static void
parse_io_bytes1(const char *text, struct sc_usage *out)
{
    sum_io1(text, "Read ", &out->read_bytes);
    sum_io1(text, "Write ", &out->written_bytes);
}

static void
parse_io_count1(const char *text, struct sc_usage *out)
{
    sum_io1(text, "Read ", &out->reads);
    sum_io1(text, "Write ", &out->writes);
}

/* "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0" */
static void
parse_io2(const char *text, struct sc_usage *out)
{
    sum_io1(text, "rbytes=", &out->read_bytes);
    sum_io1(text, "wbytes=", &out->written_bytes);
    sum_io1(text, "rios=", &out->reads);
    sum_io1(text, "wios=", &out->writes);
}

/* "some avg10=0.12 avg60=0.00 avg300=0.00 total=5" */
static void
parse_pressure(const char *text, struct sc_pressure *out)
{
    const char *at = strstr(text, "avg10=");
    uint64_t hundredths = 0;

    if (!at)
        return;
    out->is_known = 1;
    for (at += strlen("avg10="); (*at >= '0' && *at <= '9') || *at == '.'; at++) {
        if (*at != '.')
            hundredths = hundredths * 10 + (uint64_t)(*at - '0');
    }
    out->some10 = hundredths;
    (void)take_key(text, "total", 1, &out->some_us);
}

static void
parse_pressure_cpu(const char *text, struct sc_usage *out)
{
    parse_pressure(text, &out->pressure[0]);
}

static void
parse_pressure_memory(const char *text, struct sc_usage *out)
{
    parse_pressure(text, &out->pressure[1]);
}

static void
parse_pressure_io(const char *text, struct sc_usage *out)
{
    parse_pressure(text, &out->pressure[2]);
}

/* ---- files --------------------------------------------------------------------------------------- */

/* What must happen before a number changes. */
enum moves {
    ANYHOW,  /* the host's doing, or the passing of time */
    BY_RUN,  /* a process of it runs */
    BY_SIZE, /* one runs, or the memory that it uses changes */
};

/* The first of a group tells whether a directory has it: most directories of v1 have one group. */
static const struct file {
    bool is_first, is_in_table;
    enum moves moves;
    const char *name;
    void (*parse)(const char *text, struct sc_usage *out);
} files[] = {
    {true, true, ANYHOW, "cpuacct.usage", parse_cpu_usage},
    {false, false, BY_RUN, "cpuacct.usage_user", parse_cpu_user},
    {false, false, BY_RUN, "cpuacct.usage_sys", parse_cpu_system},
    {true, true, BY_RUN, "cpu.stat", parse_cpu_stat},
    {true, true, BY_RUN, "cpu.stat", parse_cpu_stat}, /* hybrid: one in v1, one in v2 */
    {true, true, ANYHOW, "memory.usage_in_bytes", parse_memory},
    {false, true, ANYHOW, "memory.limit_in_bytes", parse_memory_limit},
    {false, false, BY_SIZE, "memory.max_usage_in_bytes", parse_memory_peak},
    {false, true, BY_SIZE, "memory.stat", parse_memory_stat1},
    {false, true, BY_RUN, "memory.oom_control", parse_oom},
    {true, true, ANYHOW, "memory.current", parse_memory},
    {false, true, ANYHOW, "memory.max", parse_memory_limit},
    {false, false, BY_SIZE, "memory.peak", parse_memory_peak},
    {false, true, BY_SIZE, "memory.stat", parse_memory_stat2},
    {false, false, BY_SIZE, "memory.swap.current", parse_swap},
    {false, true, BY_RUN, "memory.events", parse_oom},
    {true, true, ANYHOW, "pids.current", parse_pids},
    {false, false, ANYHOW, "pids.max", parse_pids_limit},
    {false, false, BY_RUN, "pids.events", parse_pids_events},
    {true, true, BY_RUN, "blkio.throttle.io_service_bytes_recursive", parse_io_bytes1},
    {false, false, BY_RUN, "blkio.throttle.io_serviced_recursive", parse_io_count1},
    {true, true, ANYHOW, "io.stat", parse_io2}, /* writeback is the kernel's */
    {true, true, ANYHOW, "cpu.pressure", parse_pressure_cpu},
    {false, true, ANYHOW, "memory.pressure", parse_pressure_memory},
    {false, true, ANYHOW, "io.pressure", parse_pressure_io},
};
_Static_assert(SC_ARRAY_LEN(files) == SC_ACCOUNT_FILES, "one descriptor for each file");

static void
open_dir(const char *dir, enum sc_accounts_which which, struct sc_accounts *out)
{
    sc_cleanup_fd fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool has_group = false;

    for (size_t i = 0; fd >= 0 && i < SC_ARRAY_LEN(files); i++) {
        bool is_same = i > 0 && files[i].is_first && strcmp(files[i].name, files[i - 1].name) == 0;

        if (is_same && has_group)
            continue; /* this directory's is open */
        if ((which == SC_ACCOUNTS_TABLE && !files[i].is_in_table) || (is_same && out->fds[0] >= 0))
            continue; /* the same: v1 has said it */
        if (files[i].is_first)
            has_group = out->fds[i] < 0;
        else if (!has_group)
            continue;
        if (out->fds[i] < 0)
            out->fds[i] = openat(fd, files[i].name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (files[i].is_first)
            has_group = has_group && out->fds[i] >= 0;
    }
}

void
sc_accounts_open(const char *dirs, enum sc_accounts_which which, struct sc_accounts *out)
{
    char dir[4096];

    *out = (struct sc_accounts)SC_ACCOUNTS_INIT;
    for (size_t i = 0; i < SC_ACCOUNT_FILES; i++)
        out->fds[i] = -1;
    for (const char *at = dirs; at && *at;) {
        size_t len = strcspn(at, "\n");

        if (len > 0 && len < sizeof(dir)) {
            memcpy(dir, at, len);
            dir[len] = '\0';
            open_dir(dir, which, out);
        }
        at += len + (at[len] == '\n');
    }
    for (size_t i = 0; i < SC_ACCOUNT_FILES; i++)
        out->is_open = out->is_open || out->fds[i] >= 0;
}

void
sc_accounts_close(struct sc_accounts *accounts)
{
    for (size_t i = 0; accounts->is_open && i < SC_ACCOUNT_FILES; i++)
        sc_closep(&accounts->fds[i]);
    accounts->is_open = false;
}

/* Processor time and memory are read before what depends on them. */
static bool
is_as_before(const struct file *file, const struct sc_usage *before, const struct sc_usage *now)
{
    return before && file->moves != ANYHOW && now->cpu_ns == before->cpu_ns &&
           (file->moves == BY_RUN || now->memory == before->memory);
}

bool
sc_accounts_read(const struct sc_accounts *accounts, const struct sc_usage *before, struct sc_usage *out)
{
    const struct sc_usage none = {.memory_limit = UINT64_MAX, .pids_limit = UINT64_MAX};
    char text[8192];
    bool is_alive = false;

    *out = before ? *before : none;
    out->cpu_ns = CPU_UNKNOWN;
    for (size_t i = 0; accounts->is_open && i < SC_ACCOUNT_FILES; i++) {
        ssize_t got;

        if (accounts->fds[i] < 0 || is_as_before(&files[i], before, out))
            continue;
        got = pread(accounts->fds[i], text, sizeof(text) - 1, 0);
        if (got < 0)
            continue; /* ENODEV: the cgroup is gone */
        is_alive = true;
        text[got] = '\0';
        files[i].parse(text, out);
    }
    if (out->cpu_ns == CPU_UNKNOWN)
        out->cpu_ns = 0;
    return is_alive;
}
