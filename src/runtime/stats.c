/*
 * The accounts of a container as `runc events --stats` prints them, from whichever version of cgroups has each. What
 * engines know of that document: names are its Go structs', a number that is 0 is left out where they leave it out, and
 * a controller that is absent is an empty object.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"

#define FILE_MAX   (1 << 20)
#define DIRS_MAX   SC_CGROUP_HIERARCHIES_MAX
#define USEC       UINT64_C(1000) /* in nanoseconds */
#define SECTOR_MAX 64

struct accounts {
    int fds[DIRS_MAX];
    size_t count;
    long ticks; /* of cpuacct.stat, a second */
};

/* The directory that has a file of this name, or -1. */
static int
dir_with(const struct accounts *a, const char *file)
{
    for (size_t i = 0; i < a->count; i++)
        if (faccessat(a->fds[i], file, F_OK, 0) == 0)
            return a->fds[i];
    return -1;
}

static bool
read_text(int fd, const char *file, struct sc_buf *text)
{
    struct sc_err ignored = SC_ERR_INIT;

    sc_buf_clear(text);
    return fd >= 0 && sc_file_read_at(fd, file, FILE_MAX, text, &ignored) == 0;
}

/* "max" is as much as there can be; a missing file is 0. */
static uint64_t
number(int fd, const char *file)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!read_text(fd, file, &text))
        return 0;
    return sc_str_starts(sc_buf_str(&text), "max") ? UINT64_MAX : strtoull(sc_buf_str(&text), NULL, 10);
}

static uint64_t
keyed(int fd, const char *file, const char *key)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    size_t len = strlen(key);

    if (!read_text(fd, file, &text))
        return 0;
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return strtoull(line + len + 1, NULL, 10);
    return 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* A comma where one belongs. */
static void
name(struct sc_buf *out, const char *key)
{
    char last = out->len > 0 ? out->data[out->len - 1] : '{';

    sc_buf_addf(out, "%s\"%s\":", last == '{' ? "" : ",", key);
}

static void
add(struct sc_buf *out, const char *key, uint64_t value)
{
    name(out, key);
    sc_buf_addf(out, "%" PRIu64, value);
}

static void
add_unless_zero(struct sc_buf *out, const char *key, uint64_t value)
{
    if (value != 0)
        add(out, key, value);
}

/* ---- cpu ----------------------------------------------------------------------------------------------------- */

/* The words of a line as a list of numbers, or nothing where there are none. */
static void
add_numbers(struct sc_buf *out, const char *key, const char *line)
{
    if (strspn(line, "0123456789") == 0)
        return;
    name(out, key);
    sc_buf_addc(out, '[');
    for (const char *at = line; *at >= '0' && *at <= '9'; at += strspn(at, " ")) {
        size_t len = strspn(at, "0123456789");

        sc_buf_add(out, at, len);
        at += len;
        if (at[strspn(at, " ")] >= '0' && at[strspn(at, " ")] <= '9')
            sc_buf_addc(out, ',');
    }
    sc_buf_addc(out, ']');
}

/* cpuacct.usage_all: "cpu user system" and a line for each CPU, in nanoseconds */
static void
add_column(struct sc_buf *out, const char *key, const char *table, int column)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    for (const char *row = strchr(table, '\n'); row != NULL && row[1] != '\0'; row = strchr(row + 1, '\n')) {
        const char *at = row + 1;

        for (int i = 0; i < column; i++) {
            at += strspn(at, "0123456789");
            at += strspn(at, " ");
        }
        sc_buf_addf(&line, "%" PRIu64 " ", (uint64_t)strtoull(at, NULL, 10));
    }
    add_numbers(out, key, sc_buf_str(&line));
}

static void
add_cpu1(const struct accounts *a, int fd, struct sc_buf *out)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    uint64_t tick = UINT64_C(1000000000) / (uint64_t)a->ticks;

    add_unless_zero(out, "total", number(fd, "cpuacct.usage"));
    if (read_text(fd, "cpuacct.usage_percpu", &text))
        add_numbers(out, "percpu", sc_buf_str(&text));
    if (read_text(fd, "cpuacct.usage_all", &text)) {
        add_column(out, "percpu_kernel", sc_buf_str(&text), 2);
        add_column(out, "percpu_user", sc_buf_str(&text), 1);
    }
    add(out, "kernel", keyed(fd, "cpuacct.stat", "system") * tick);
    add(out, "user", keyed(fd, "cpuacct.stat", "user") * tick);
}

static void
add_cpu(const struct accounts *a, struct sc_buf *out)
{
    int v1 = dir_with(a, "cpuacct.usage"), v2 = v1 < 0 ? dir_with(a, "cpu.stat") : -1;
    int quota = dir_with(a, "cpu.cfs_quota_us");

    sc_buf_adds(out, "{\"usage\":{");
    if (v1 >= 0) {
        add_cpu1(a, v1, out);
    } else {
        add_unless_zero(out, "total", keyed(v2, "cpu.stat", "usage_usec") * USEC);
        add(out, "kernel", keyed(v2, "cpu.stat", "system_usec") * USEC);
        add(out, "user", keyed(v2, "cpu.stat", "user_usec") * USEC);
    }
    sc_buf_adds(out, "},\"throttling\":{");
    int throttle = quota >= 0 ? quota : v2;
    add_unless_zero(out, "periods", keyed(throttle, "cpu.stat", "nr_periods"));
    add_unless_zero(out, "throttledPeriods", keyed(throttle, "cpu.stat", "nr_throttled"));
    add_unless_zero(out, "throttledTime",
                    quota >= 0 ? keyed(quota, "cpu.stat", "throttled_time")
                               : keyed(v2, "cpu.stat", "throttled_usec") * USEC);
    sc_buf_adds(out, "}}");
}

/* "0-2,7" as [0,1,2,7] */
static void
add_list(struct sc_buf *out, const char *key, int fd, const char *file)
{
    sc_cleanup_buf text = SC_BUF_INIT, list = SC_BUF_INIT;

    if (!read_text(fd, file, &text))
        return;
    for (const char *at = sc_buf_str(&text); *at >= '0' && *at <= '9'; at += *at == ',') {
        char *end = NULL;
        unsigned long from = strtoul(at, &end, 10), to = *end == '-' ? strtoul(end + 1, &end, 10) : from;

        for (unsigned long i = from; i <= to && i <= UINT16_MAX; i++)
            sc_buf_addf(&list, "%lu ", i);
        at = end;
    }
    add_numbers(out, key, sc_buf_str(&list));
}

static void
add_cpuset(const struct accounts *a, struct sc_buf *out)
{
    static const char *const flags[][2] = {{"mem_hardwall", "cpuset.mem_hardwall"},
                                           {"mem_exclusive", "cpuset.mem_exclusive"},
                                           {"memory_migrate", "cpuset.memory_migrate"},
                                           {"memory_spread_page", "cpuset.memory_spread_page"},
                                           {"memory_spread_slab", "cpuset.memory_spread_slab"},
                                           {"memory_pressure", "cpuset.memory_pressure"},
                                           {"sched_load_balance", "cpuset.sched_load_balance"}};
    int fd = dir_with(a, "cpuset.cpus");
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addc(out, '{');
    add_list(out, "cpus", fd, "cpuset.cpus");
    add(out, "cpu_exclusive", number(fd, "cpuset.cpu_exclusive"));
    add_list(out, "mems", fd, "cpuset.mems");
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++)
        add(out, flags[i][0], number(fd, flags[i][1]));
    name(out, "sched_relax_domain_level"); /* -1 is its usual value */
    sc_buf_addf(out, "%lld",
                read_text(fd, "cpuset.sched_relax_domain_level", &text) ? strtoll(sc_buf_str(&text), NULL, 10) : 0);
    sc_buf_addc(out, '}');
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static void
add_entry(struct sc_buf *out, const char *key, uint64_t limit, uint64_t usage, uint64_t max, uint64_t failures)
{
    name(out, key);
    sc_buf_addc(out, '{');
    add(out, "limit", limit);
    add_unless_zero(out, "usage", usage);
    add_unless_zero(out, "max", max);
    add(out, "failcnt", failures);
    sc_buf_addc(out, '}');
}

static void
add_entry1(struct sc_buf *out, const char *key, int fd, const char *prefix)
{
    char file[4][64];

    snprintf(file[0], sizeof(file[0]), "%slimit_in_bytes", prefix);
    snprintf(file[1], sizeof(file[1]), "%susage_in_bytes", prefix);
    snprintf(file[2], sizeof(file[2]), "%smax_usage_in_bytes", prefix);
    snprintf(file[3], sizeof(file[3]), "%sfailcnt", prefix);
    add_entry(out, key, number(fd, file[0]), number(fd, file[1]), number(fd, file[2]), number(fd, file[3]));
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
    return a == UINT64_MAX || b == UINT64_MAX ? UINT64_MAX : a + b;
}

static void
add_memory(const struct accounts *a, struct sc_buf *out)
{
    int v1 = dir_with(a, "memory.usage_in_bytes"), v2 = v1 < 0 ? dir_with(a, "memory.current") : -1;
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addc(out, '{');
    add_unless_zero(out, "cache", keyed(v1 >= 0 ? v1 : v2, "memory.stat", v1 >= 0 ? "cache" : "file"));
    if (v1 >= 0) {
        add_entry1(out, "usage", v1, "memory.");
        add_entry1(out, "swap", v1, "memory.memsw.");
        add_entry1(out, "kernel", v1, "memory.kmem.");
        add_entry1(out, "kernelTCP", v1, "memory.kmem.tcp.");
    } else {
        /* as the OCI counts it: swap together with memory */
        uint64_t usage = number(v2, "memory.current"), limit = number(v2, "memory.max");

        add_entry(out, "usage", limit, usage, number(v2, "memory.peak"), keyed(v2, "memory.events", "max"));
        add_entry(out, "swap", sum(limit, number(v2, "memory.swap.max")), usage + number(v2, "memory.swap.current"), 0,
                  keyed(v2, "memory.swap.events", "fail"));
        add_entry(out, "kernel", 0, 0, 0, 0);
        add_entry(out, "kernelTCP", 0, 0, 0, 0);
    }
    if (read_text(v1 >= 0 ? v1 : v2, "memory.stat", &text)) {
        name(out, "raw");
        sc_buf_addc(out, '{');
        for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
            char key[SECTOR_MAX];
            size_t len = strcspn(line, " \n");

            if (len == 0 || len >= sizeof(key) || line[len] != ' ')
                continue;
            snprintf(key, sizeof(key), "%.*s", (int)len, line);
            add(out, key, strtoull(line + len + 1, NULL, 10));
        }
        sc_buf_addc(out, '}');
    }
    sc_buf_addc(out, '}');
}

/* ---- tasks, block I/O, huge pages ------------------------------------------------------------------------------ */

static void
add_pids(const struct accounts *a, struct sc_buf *out)
{
    int fd = dir_with(a, "pids.current");
    uint64_t limit = number(fd, "pids.max");

    sc_buf_addc(out, '{');
    add_unless_zero(out, "current", number(fd, "pids.current"));
    add_unless_zero(out, "limit", limit == UINT64_MAX ? 0 : limit); /* none */
    sc_buf_addc(out, '}');
}

static void
add_io_entry(struct sc_buf *list, uint64_t major, uint64_t minor, const char *op, size_t op_len, uint64_t value)
{
    sc_buf_adds(list, list->len > 0 ? ",{" : "{");
    add_unless_zero(list, "major", major);
    add_unless_zero(list, "minor", minor);
    if (op_len > 0) {
        name(list, "op");
        sc_buf_addf(list, "\"%.*s\"", (int)op_len, op);
    }
    add_unless_zero(list, "value", value);
    sc_buf_addc(list, '}');
}

/* "8:0 Read 4096"; a "Total 4096" at the end is of all devices */
static void
add_io1(struct sc_buf *out, const char *key, int fd, const char *file)
{
    sc_cleanup_buf text = SC_BUF_INIT, list = SC_BUF_INIT;

    if (!read_text(fd, file, &text))
        return;
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        char *at = NULL;
        uint64_t major = strtoull(line, &at, 10), minor = *at == ':' ? strtoull(at + 1, &at, 10) : 0;

        if (at == line || *at != ' ')
            continue;
        const char *op = at + 1;
        size_t len = *op >= '0' && *op <= '9' ? 0 : strcspn(op, " \n");
        add_io_entry(&list, major, minor, op, len, strtoull(op + len, NULL, 10));
    }
    if (list.len == 0)
        return;
    name(out, key);
    sc_buf_addf(out, "[%s]", sc_buf_str(&list));
}

/* io.stat: "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0" */
static void
add_io2(struct sc_buf *out, const char *key, const char *text, const char *const words[2])
{
    static const char *const ops[] = {"Read", "Write"};
    sc_cleanup_buf list = SC_BUF_INIT;

    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        char *at = NULL;
        uint64_t major = strtoull(line, &at, 10), minor = *at == ':' ? strtoull(at + 1, &at, 10) : 0;
        const char *end = line + strcspn(line, "\n");

        for (int i = 0; at != line && i < 2; i++) {
            const char *found = strstr(at, words[i]);

            if (found != NULL && found < end)
                add_io_entry(&list, major, minor, ops[i], strlen(ops[i]), strtoull(found + strlen(words[i]), NULL, 10));
        }
    }
    if (list.len == 0)
        return;
    name(out, key);
    sc_buf_addf(out, "[%s]", sc_buf_str(&list));
}

static void
add_blkio(const struct accounts *a, struct sc_buf *out)
{
    static const char *const files[][3] = {
        {"ioServiceBytesRecursive", "blkio.bfq.io_service_bytes_recursive",
         "blkio.throttle.io_service_bytes_recursive"},
        {"ioServicedRecursive", "blkio.bfq.io_serviced_recursive", "blkio.throttle.io_serviced_recursive"},
        {"ioQueueRecursive", "blkio.bfq.io_queued_recursive", NULL},
        {"ioServiceTimeRecursive", "blkio.bfq.io_service_time_recursive", NULL},
        {"ioWaitTimeRecursive", "blkio.bfq.io_wait_time_recursive", NULL},
        {"ioMergedRecursive", "blkio.bfq.io_merged_recursive", NULL},
        {"ioTimeRecursive", "blkio.bfq.time_recursive", NULL},
        {"sectorsRecursive", "blkio.bfq.sectors_recursive", NULL},
    };
    int v1 = dir_with(a, "blkio.throttle.io_serviced");
    bool has_bfq = dir_with(a, "blkio.bfq.io_serviced_recursive") >= 0;
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addc(out, '{');
    if (v1 >= 0) {
        for (size_t i = 0; i < SC_ARRAY_LEN(files); i++)
            if (files[i][has_bfq ? 1 : 2] != NULL)
                add_io1(out, files[i][0], v1, files[i][has_bfq ? 1 : 2]);
    } else if (read_text(dir_with(a, "io.stat"), "io.stat", &text)) {
        add_io2(out, "ioServiceBytesRecursive", sc_buf_str(&text), (const char *const[]){"rbytes=", "wbytes="});
        add_io2(out, "ioServicedRecursive", sc_buf_str(&text), (const char *const[]){"rios=", "wios="});
    }
    sc_buf_addc(out, '}');
}

/* "hugetlb.2MB.usage_in_bytes" (v1) or "hugetlb.2MB.current": one entry for each size of page */
static void
add_hugetlb(const struct accounts *a, struct sc_buf *out)
{
    sc_buf_addc(out, '{');
    for (size_t i = 0; i < a->count; i++) {
        int copy = openat(a->fds[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        sc_cleanup_dir entries = copy >= 0 ? fdopendir(copy) : NULL;

        if (entries == NULL && copy >= 0)
            close(copy);
        for (struct dirent *e = entries != NULL ? readdir(entries) : NULL; e != NULL; e = readdir(entries)) {
            bool is_v1 = sc_str_ends(e->d_name, ".usage_in_bytes") && !strstr(e->d_name, ".rsvd.");
            char size[SECTOR_MAX], file[3 * SECTOR_MAX];
            size_t len = sc_str_starts(e->d_name, "hugetlb.") ? strcspn(e->d_name + 8, ".") : 0;

            if (len == 0 || len >= sizeof(size) || (!is_v1 && strcmp(e->d_name + 8 + len, ".current") != 0))
                continue;
            snprintf(size, sizeof(size), "%.*s", (int)len, e->d_name + 8);
            name(out, size);
            sc_buf_addc(out, '{');
            add_unless_zero(out, "usage", number(a->fds[i], e->d_name));
            snprintf(file, sizeof(file), "hugetlb.%s.%s", size, is_v1 ? "max_usage_in_bytes" : "peak");
            add_unless_zero(out, "max", number(a->fds[i], file));
            snprintf(file, sizeof(file), "hugetlb.%s.%s", size, is_v1 ? "failcnt" : "events");
            add(out, "failcnt", is_v1 ? number(a->fds[i], file) : keyed(a->fds[i], file, "max"));
            sc_buf_addc(out, '}');
        }
    }
    sc_buf_addc(out, '}');
}

int
sc_runtime_stats(const struct sc_state *state, struct sc_buf *out, struct sc_err *err)
{
    static const struct {
        const char *key;
        void (*add)(const struct accounts *a, struct sc_buf *out);
    } parts[] = {{"cpu", add_cpu},   {"cpuset", add_cpuset}, {"memory", add_memory},
                 {"pids", add_pids}, {"blkio", add_blkio},   {"hugetlb", add_hugetlb}};
    struct accounts a = {.ticks = sysconf(_SC_CLK_TCK)};

    for (size_t i = 0; i < state->cgroup_dirs.count && a.count < DIRS_MAX; i++) {
        /* lint: a cgroup directory that the engine made */
        a.fds[a.count] = open(state->cgroup_dirs.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        a.count += a.fds[a.count] >= 0;
    }
    if (a.ticks <= 0)
        a.ticks = 100;
    sc_buf_addc(out, '{');
    for (size_t i = 0; i < SC_ARRAY_LEN(parts); i++) {
        name(out, parts[i].key);
        parts[i].add(&a, out);
    }
    sc_buf_adds(out, ",\"intel_rdt\":{},\"network_interfaces\":null}");
    for (size_t i = 0; i < a.count; i++)
        sc_closep(&a.fds[i]);
    return sc_buf_check(out, err);
}
