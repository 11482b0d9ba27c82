/* The container's values: its cgroups' files, the tightest of all above where that is what counts. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup.h"
#include "kernel/kernel.h"
#include "monitor/view.h"

#define FILE_MAX     ((size_t)16 << 20)
#define SYS_NSEC     INT64_C(5000000)
#define V1_UNLIMITED INT64_C(0x7ffffffffffff000)

static bool
read_file(const char *dir, const char *file, struct sc_buf *out)
{
    char path[4096];
    struct sc_err ignored = SC_ERR_INIT;

    sc_buf_clear(out);
    if (!dir || snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
        return false;
    /* lint: the host's own hierarchy */
    return sc_file_read_at(AT_FDCWD, path, FILE_MAX, out, &ignored) == 0 && out->len > 0;
}

/* -1: unlimited, or no such file */
static int64_t
read_number(const char *dir, const char *file)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    int64_t number;

    if (!read_file(dir, file, &text) || text.data[0] == 'm')
        return -1;
    number = strtoll(text.data, NULL, 10);
    return number >= V1_UNLIMITED ? -1 : number;
}

/* "KEY NUMBER" of a flat-keyed text */
static int64_t
flat(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return strtoll(line + len, NULL, 10);
    }
    return -1;
}

/* Calls fn for the directory and each above it that has the file. */
static void
each_above(const char *dir, const char *file, void (*fn)(const char *text, void *data), void *data)
{
    char path[4096];
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!dir || snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
        return;
    while (read_file(path, file, &text)) {
        char *slash = strrchr(path, '/');

        fn(text.data, data);
        if (!slash || slash == path)
            return;
        *slash = '\0';
    }
}

static void
take_least(const char *text, void *data)
{
    int64_t *least = data, number = strtoll(text, NULL, 10);

    if (text[0] != 'm' && number < V1_UNLIMITED && (*least < 0 || number < *least))
        *least = number;
}

static void
take_cpu_max(const char *text, void *data)
{
    double *least = data, quota = strtod(text, NULL);
    const char *space = strchr(text, ' ');

    if (text[0] != 'm' && space && quota > 0 && (*least < 0 || quota / strtod(space, NULL) < *least))
        *least = quota / strtod(space, NULL);
}

/* v1 has quota and period in two files. */
static double
cpus_v1(const char *dir)
{
    char path[4096];
    double least = -1;

    if (!dir || snprintf(path, sizeof(path), "%s", dir) >= (int)sizeof(path))
        return -1;
    for (;;) {
        int64_t quota = read_number(path, "cpu.cfs_quota_us"), period = read_number(path, "cpu.cfs_period_us");
        char *slash = strrchr(path, '/');

        if (period <= 0 || !slash || slash == path)
            return least;
        if (quota > 0 && (least < 0 || (double)quota / (double)period < least))
            least = (double)quota / (double)period;
        *slash = '\0';
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void
parse_memory_stat(const char *text, bool is_v2, struct sc_view_values *v)
{
    const struct {
        int64_t *to;
        const char *v2, *v1;
    } rows[] = {
        {&v->anon, "anon", "total_rss"},
        {&v->file, "file", "total_cache"},
        {&v->mapped, "file_mapped", "total_mapped_file"},
        {&v->dirty, "file_dirty", "total_dirty"},
        {&v->writeback, "file_writeback", "total_writeback"},
        {&v->inactive_anon, "inactive_anon", "total_inactive_anon"},
        {&v->active_anon, "active_anon", "total_active_anon"},
        {&v->inactive_file, "inactive_file", "total_inactive_file"},
        {&v->active_file, "active_file", "total_active_file"},
        {&v->unevictable, "unevictable", "total_unevictable"},
        {&v->shmem, "shmem", "total_shmem"},
        {&v->anon_huge, "anon_thp", "total_rss_huge"},
        {&v->slab_reclaimable, "slab_reclaimable", "total_slab_reclaimable"},
        {&v->slab_unreclaimable, "slab_unreclaimable", "total_slab_unreclaimable"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++)
        *rows[i].to = flat(text, is_v2 ? rows[i].v2 : rows[i].v1);
}

static int64_t
limit_or_none(int64_t number)
{
    return number >= V1_UNLIMITED ? -1 : number;
}

/* v1 says in memory.stat what the tightest limit of all above is, and counts memory and swap together. */
static void
read_memory_v1(const struct sc_view_source *s, const char *stat, struct sc_view_values *v)
{
    int64_t both = limit_or_none(flat(stat, "hierarchical_memsw_limit"));

    v->memory_limit = limit_or_none(flat(stat, "hierarchical_memory_limit"));
    v->memory_usage = read_number(s->memory, "memory.usage_in_bytes");
    if (both >= 0 && v->memory_limit >= 0)
        v->swap_limit = both > v->memory_limit ? both - v->memory_limit : 0;
    v->swap_usage = flat(stat, "total_swap");
}

static void
read_memory(const struct sc_view_source *s, struct sc_view_values *v)
{
    sc_cleanup_buf stat = SC_BUF_INIT;

    if (!read_file(s->memory, "memory.stat", &stat))
        return;
    parse_memory_stat(stat.data, s->memory_is_v2, v);
    if (!s->memory_is_v2) {
        read_memory_v1(s, stat.data, v);
        return;
    }
    each_above(s->memory, "memory.max", take_least, &v->memory_limit);
    each_above(s->memory, "memory.swap.max", take_least, &v->swap_limit);
    v->memory_usage = read_number(s->memory, "memory.current");
    v->swap_usage = read_number(s->memory, "memory.swap.current");
}

/* ---- CPU, disks ---------------------------------------------------------------------------------------------------
 */

static int64_t
clock_now(clockid_t clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How much CPU it may use. */
static void
read_cpu_limits(const struct sc_view_source *s, struct sc_arena *arena, struct sc_view_values *v)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (s->cpu_is_v2)
        each_above(s->cpu, "cpu.max", take_cpu_max, &v->cpus);
    else
        v->cpus = cpus_v1(s->cpu);
    if (read_file(s->cpuset, s->cpuset_is_v2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", &text) ||
        read_file(s->cpuset, "cpuset.cpus", &text))
        v->cpu_list = sc_arena_strndup(arena, text.data, strcspn(text.data, "\n"));
}

/* How much it has used. */
static void
read_cpu_times(struct sc_view_source *s, struct sc_view_values *v)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    int64_t now = clock_now(CLOCK_BOOTTIME), used;

    v->up = now - s->started_boot;
    v->started_at = (clock_now(CLOCK_REALTIME) - v->up) / 1000000000;
    if (s->cpu_is_v2 && read_file(s->cpu, "cpu.stat", &text)) {
        v->cpu_user = flat(text.data, "user_usec") * 1000;
        v->cpu_system = flat(text.data, "system_usec") * 1000;
    } else if (!s->cpu_is_v2 && read_file(s->cpuacct, "cpuacct.stat", &text)) {
        v->cpu_user = flat(text.data, "user") * 10000000;
        v->cpu_system = flat(text.data, "system") * 10000000;
    }
    used = v->cpu_user < 0 ? 0 : v->cpu_user + v->cpu_system;
    /* more often than that there is nothing new */
    if (now - s->load_at > 100000000) {
        sc_view_load(s->load, (double)(used - s->load_used) / 1e9, (double)(now - s->load_at) / 1e9);
        s->load_at = now;
        s->load_used = used;
    }
    memcpy(v->load, s->load, sizeof(v->load));
}

/* io.stat: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ..." */
static void
add_io_v2(const char *text, struct sc_buf *out)
{
    static const char *const keys[] = {" rios=", " wios=", " rbytes=", " wbytes="};

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        sc_buf_add(out, line, strcspn(line, " \n"));
        for (size_t i = 0; i < SC_ARRAY_LEN(keys); i++) {
            const char *at = strstr(line, keys[i]), *end = line + strcspn(line, "\n");

            sc_buf_addf(out, " %llu", at && at < end ? strtoull(at + strlen(keys[i]), NULL, 10) : 0ULL);
        }
        sc_buf_addc(out, '\n');
    }
}

/* "8:0 Read 123": of the device at `device`, the number behind word */
static uint64_t
v1_io_number(const char *text, const char *device, size_t len, const char *word)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, device, len) == 0 && line[len] == ' ' && strncmp(line + len + 1, word, strlen(word)) == 0)
            return strtoull(line + len + 1 + strlen(word), NULL, 10);
    }
    return 0;
}

static void
add_io_v1(const char *ios, const char *bytes, struct sc_buf *out)
{
    for (const char *line = ios; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, " \n");

        if (strncmp(line + len, " Read", 5) != 0)
            continue;
        sc_buf_addf(out, "%.*s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", (int)len, line,
                    v1_io_number(ios, line, len, "Read"), v1_io_number(ios, line, len, "Write"),
                    v1_io_number(bytes, line, len, "Read"), v1_io_number(bytes, line, len, "Write"));
    }
}

static void
read_io(const struct sc_view_source *s, struct sc_arena *arena, struct sc_view_values *v)
{
    sc_cleanup_buf ios = SC_BUF_INIT, bytes = SC_BUF_INIT, out = SC_BUF_INIT;

    if (!s->blkio)
        return;
    if (s->io_is_v2 && read_file(s->blkio, "io.stat", &ios))
        add_io_v2(ios.data, &out);
    else if (!s->io_is_v2 && read_file(s->blkio, "blkio.throttle.io_serviced_recursive", &ios) &&
             read_file(s->blkio, "blkio.throttle.io_service_bytes_recursive", &bytes))
        add_io_v1(ios.data, bytes.data, &out);
    v->io = sc_arena_strdup(arena, sc_buf_str(&out));
}

/* ---- where ----------------------------------------------------------------------------------------------------------
 */

static bool
has_controller(const struct sc_cgroup_hierarchy *h, const char *name)
{
    for (size_t i = 0; i < h->controllers.count; i++) {
        if (strcmp(h->controllers.items[i], name) == 0)
            return true;
    }
    return false;
}

/* The process's directory in a hierarchy, as this mount shows it. */
static char *
directory(const struct sc_cgroup_hierarchy *h, struct sc_arena *arena)
{
    size_t root = strcmp(h->mount_root, "/") == 0 ? 0 : strlen(h->mount_root);
    const char *path = strncmp(h->self_path, h->mount_root, root) == 0 ? h->self_path + root : h->self_path;

    return sc_arena_printf(arena, "%s%s", h->mount_point, strcmp(path, "/") == 0 ? "" : path);
}

void
sc_view_source_begin(pid_t pid, struct sc_view_source *out)
{
    *out = (struct sc_view_source){.pid = pid, .load_at = clock_now(CLOCK_BOOTTIME)};
}

void
sc_view_source_look(struct sc_view_source *s)
{
    sc_cleanup_buf cgroup = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char path[64];

    if (s->cgroup_text)
        return;
    (void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)s->pid);
    /* lint: the host's own /proc */
    if (sc_file_read_at(AT_FDCWD, path, FILE_MAX, &cgroup, &ignored) == 0)
        s->cgroup_text = strdup(sc_buf_str(&cgroup));
}

/* The cgroups, on whatever hierarchies there are; kept for the life of the process. Unknown, files are the host's. */
static void
find_source(struct sc_view_source *s)
{
    static struct sc_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf mounts = SC_BUF_INIT;
    struct sc_cgroup_layout layout;
    struct sc_err ignored = SC_ERR_INIT;

    if (s->is_found)
        return;
    s->is_found = true;
    sc_view_source_look(s);
    s->started_boot = (int64_t)sc_process_start_time(s->pid) * 10000000;
    /* lint: the host's own /proc */
    if (!s->cgroup_text || sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", FILE_MAX, &mounts, &ignored) < 0 ||
        sc_cgroup_parse_layout(sc_buf_str(&mounts), s->cgroup_text, &arena, &layout, &ignored) < 0)
        return;
    for (size_t i = 0; i < layout.count; i++) {
        const struct sc_cgroup_hierarchy *h = &layout.items[i];
        bool is_only = layout.mode == SC_CGROUP_V2;
        char *dir = directory(h, &arena);

        if (is_only || has_controller(h, "memory"))
            s->memory = dir, s->memory_is_v2 = h->is_v2;
        if (is_only || has_controller(h, "cpu"))
            s->cpu = dir, s->cpu_is_v2 = h->is_v2;
        if (is_only || has_controller(h, "cpuacct"))
            s->cpuacct = dir;
        if (is_only || has_controller(h, "cpuset"))
            s->cpuset = dir, s->cpuset_is_v2 = h->is_v2;
        if (is_only || has_controller(h, "pids"))
            s->pids = dir;
        if (is_only || has_controller(h, "blkio"))
            s->blkio = dir, s->io_is_v2 = h->is_v2;
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

void
sc_view_values_read(struct sc_view_source *s, enum sc_view_file file, struct sc_arena *arena,
                    struct sc_view_values *out)
{
    sc_view_values_init(out);
    find_source(s);
    switch (file) {
    case SC_VIEW_MEMINFO:
    case SC_VIEW_SWAPS:
        read_memory(s, out);
        break;
    case SC_VIEW_DISKSTATS:
        read_io(s, arena, out);
        break;
    case SC_VIEW_LOADAVG:
        out->pids = read_number(s->pids, "pids.current");
        read_cpu_times(s, out);
        break;
    case SC_VIEW_STAT:
    case SC_VIEW_UPTIME:
        read_cpu_times(s, out);
        read_cpu_limits(s, arena, out);
        break;
    case SC_VIEW_CPUINFO:
    case SC_VIEW_CPU_ONLINE:
    case SC_VIEW_CPU_PRESENT:
        read_cpu_limits(s, arena, out);
        break;
    default: /* the cgroup's own file */
        break;
    }
}

void
sc_view_values_read_sysinfo(struct sc_view_source *s, struct sc_view_values *out)
{
    sc_view_values_init(out);
    find_source(s);
    read_memory(s, out);
    out->pids = read_number(s->pids, "pids.current");
    read_cpu_times(s, out);
}

void
sc_view_values_read_cpus(struct sc_view_source *s, struct sc_view_values *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;

    sc_view_values_init(out);
    find_source(s);
    /* a directory of many is looked at entry by entry, and each thread of a program may ask for its CPUs */
    if (s->sys_at == 0 || clock_now(CLOCK_BOOTTIME) - s->sys_at > SYS_NSEC) {
        read_cpu_limits(s, &arena, out);
        (void)snprintf(s->sys_cpu_list, sizeof(s->sys_cpu_list), "%s", out->cpu_list ? out->cpu_list : "");
        s->sys_cpus = out->cpus;
        s->sys_at = clock_now(CLOCK_BOOTTIME);
    }
    out->cpus = s->sys_cpus;
    out->cpu_list = s->sys_cpu_list;
}

void
sc_view_values_read_sys(struct sc_view_source *s, const char *path, struct sc_arena *arena, struct sc_view_values *out)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_view_values_read_cpus(s, out);
    if (strncmp(path, "node", 4) != 0)
        return;
    read_memory(s, out);
    if (read_file(s->cpuset, s->cpuset_is_v2 ? "cpuset.mems.effective" : "cpuset.effective_mems", &text) ||
        read_file(s->cpuset, "cpuset.mems", &text))
        out->mem_list = sc_arena_strndup(arena, text.data, strcspn(text.data, "\n"));
}

/* Pressure is the cgroup's where that is all in v2's hierarchy. */
bool
sc_view_is_served(const struct sc_view_source *s, enum sc_view_file file)
{
    bool is_v2 = s->cgroup_text && strncmp(s->cgroup_text, "0::", 3) == 0;

    return is_v2 || (file != SC_VIEW_PRESSURE_CPU && file != SC_VIEW_PRESSURE_IO && file != SC_VIEW_PRESSURE_MEMORY);
}

bool
sc_view_host_text(struct sc_view_source *s, enum sc_view_file file, struct sc_buf *out)
{
    find_source(s);
    if ((file == SC_VIEW_PRESSURE_CPU && read_file(s->cpu, "cpu.pressure", out)) ||
        (file == SC_VIEW_PRESSURE_IO && read_file(s->blkio, "io.pressure", out)) ||
        (file == SC_VIEW_PRESSURE_MEMORY && read_file(s->memory, "memory.pressure", out)))
        return true;
    return read_file("", sc_view_files[file].target, out);
}
