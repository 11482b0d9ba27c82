/* What the files of a view show. Pure: the host's text and the container's values in, text out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "monitor/view.h"

#define TICK_NSEC 10000000 /* USER_HZ is 100 everywhere */

void
sc_view_values_init(struct sc_view_values *v)
{
    *v = (struct sc_view_values){.memory_limit = -1,
                                 .memory_usage = -1,
                                 .swap_limit = -1,
                                 .swap_usage = -1,
                                 .anon = -1,
                                 .file = -1,
                                 .mapped = -1,
                                 .dirty = -1,
                                 .writeback = -1,
                                 .inactive_anon = -1,
                                 .active_anon = -1,
                                 .inactive_file = -1,
                                 .active_file = -1,
                                 .unevictable = -1,
                                 .shmem = -1,
                                 .anon_huge = -1,
                                 .slab_reclaimable = -1,
                                 .slab_unreclaimable = -1,
                                 .cpus = -1,
                                 .cpu_user = -1,
                                 .cpu_system = -1,
                                 .up = -1,
                                 .pids = -1,
                                 .started_at = -1};
}

static const char *
line_end(const char *line)
{
    const char *end = strchr(line, '\n');

    return end ? end : line + strlen(line);
}

static const char *
next_line(const char *line)
{
    const char *end = line_end(line);

    return *end ? end + 1 : end;
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The number of kilobytes behind "KEY:" as bytes; -1 when the line is another's. */
static int64_t
meminfo_value(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *line = text; *line; line = next_line(line)) {
        if (strncmp(line, key, len) == 0 && line[len] == ':')
            return strtoll(line + len + 1, NULL, 10) * 1024;
    }
    return -1;
}

struct memory_row {
    const char *key;
    int64_t value; /* -1: the host's line stays */
};

static int64_t
sum(int64_t a, int64_t b)
{
    return a < 0 || b < 0 ? -1 : a + b;
}

static void
render_meminfo(const char *host, const struct sc_view_values *v, struct sc_buf *out)
{
    int64_t host_total = meminfo_value(host, "MemTotal"), host_swap = meminfo_value(host, "SwapTotal");
    int64_t total = v->memory_limit < 0 ? -1 : least(v->memory_limit, host_total);
    int64_t free_bytes = total < 0 || v->memory_usage < 0 ? -1 : total - least(v->memory_usage, total);
    int64_t reclaimable = v->slab_reclaimable < 0 ? 0 : v->slab_reclaimable;
    int64_t files = sum(v->active_file, v->inactive_file);
    /* of a v1 cgroup nobody knows it; the host's would be more than there is */
    int64_t slab =
        v->slab_reclaimable < 0 || v->slab_unreclaimable < 0 ? 0 : v->slab_reclaimable + v->slab_unreclaimable;
    int64_t swap = v->swap_limit < 0 ? host_swap : least(v->swap_limit, host_swap);
    const struct memory_row rows[] = {
        {"MemTotal", total},
        {"MemFree", free_bytes},
        {"MemAvailable", free_bytes < 0 || files < 0 ? free_bytes : least(free_bytes + files + reclaimable, total)},
        {"Buffers", 0},
        {"Cached", v->file},
        {"SwapCached", 0},
        {"Active", sum(v->active_anon, v->active_file)},
        {"Inactive", sum(v->inactive_anon, v->inactive_file)},
        {"Active(anon)", v->active_anon},
        {"Inactive(anon)", v->inactive_anon},
        {"Active(file)", v->active_file},
        {"Inactive(file)", v->inactive_file},
        {"Unevictable", v->unevictable},
        {"SwapTotal", swap},
        {"SwapFree", swap < 0 || v->swap_usage < 0 ? swap : swap - least(v->swap_usage, swap)},
        {"Dirty", v->dirty},
        {"Writeback", v->writeback},
        {"AnonPages", v->anon},
        {"Mapped", v->mapped},
        {"Shmem", v->shmem},
        {"AnonHugePages", v->anon_huge},
        {"KReclaimable", reclaimable},
        {"Slab", slab},
        {"SReclaimable", reclaimable},
        {"SUnreclaim", slab - reclaimable},
    };

    for (const char *line = host; *line; line = next_line(line)) {
        size_t len = strcspn(line, ":\n"), i = 0;

        while (i < SC_ARRAY_LEN(rows) && (strlen(rows[i].key) != len || strncmp(rows[i].key, line, len) != 0))
            i++;
        if (total < 0 || i == SC_ARRAY_LEN(rows) || rows[i].value < 0) {
            sc_buf_add(out, line, (size_t)(next_line(line) - line));
            continue;
        }
        sc_buf_addf(out, "%s:%*s%8" PRId64 " kB\n", rows[i].key, len < 15 ? (int)(15 - len) : 1, "",
                    rows[i].value / 1024);
    }
}

/* Swap is where the host has it, but how much of it is the container's. */
static void
render_swaps(const char *host, const struct sc_view_values *v, struct sc_buf *out)
{
    int64_t total = 0;

    if (v->swap_limit < 0) {
        sc_buf_adds(out, host);
        return;
    }
    sc_buf_add(out, host, (size_t)(next_line(host) - host));
    for (const char *line = next_line(host); *line; line = next_line(line)) {
        char name[128], type[32];
        const char *at = line;
        size_t len = strcspn(at, " \t");

        (void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
        at += len + strspn(at + len, " \t");
        (void)snprintf(type, sizeof(type), "%.*s", (int)strcspn(at, " \t"), at);
        at += strcspn(at, " \t");
        total += strtoll(at, NULL, 10) * 1024;
    }
    total = least(total, v->swap_limit);
    if (total > 0)
        sc_buf_addf(out, "%-40s%-8s\t%" PRId64 "\t\t%" PRId64 "\t\t%d\n", "none", "virtual", total / 1024,
                    v->swap_usage < 0 ? 0 : v->swap_usage / 1024, 0);
}

/* ---- CPUs -------------------------------------------------------------------------------------------------------- */

/* Blocks of lines that begin with "processor : N", renumbered: as many as the container has. */
static void
render_cpuinfo(const char *host, const struct sc_view_values *v, int count, struct sc_buf *out)
{
    static const char key[] = "processor";
    int shown = 0;
    bool in_block = false;

    for (const char *line = host; *line; line = next_line(line)) {
        if (strncmp(line, key, sizeof(key) - 1) == 0) {
            const char *colon = strchr(line, ':');
            long cpu = colon ? strtol(colon + 1, NULL, 10) : 0;

            in_block = shown < count && sc_view_has(v->cpu_list, cpu);
            if (in_block)
                sc_buf_addf(out, "processor\t: %d\n", shown++);
            continue;
        }
        if (in_block)
            sc_buf_add(out, line, (size_t)(next_line(line) - line));
    }
}

static void
add_cpu_line(struct sc_buf *out, const char *name, int64_t user, int64_t system, int64_t all)
{
    int64_t idle = all > user + system ? all - user - system : 0;

    sc_buf_addf(out, "%s %" PRId64 " 0 %" PRId64 " %" PRId64 " 0 0 0 0 0 0\n", name, user / TICK_NSEC,
                system / TICK_NSEC, idle / TICK_NSEC);
}

static void
render_stat(const char *host, const struct sc_view_values *v, int count, struct sc_buf *out)
{
    bool has_times = v->cpu_user >= 0 && v->cpu_system >= 0 && v->up >= 0;

    if (!has_times) {
        sc_buf_adds(out, host);
        return;
    }
    add_cpu_line(out, "cpu ", v->cpu_user, v->cpu_system, v->up * count);
    for (int i = 0; i < count; i++) {
        char name[SC_NUM_MAX];

        (void)snprintf(name, sizeof(name), "cpu%d", i);
        add_cpu_line(out, name, v->cpu_user / count, v->cpu_system / count, v->up);
    }
    for (const char *line = host; *line; line = next_line(line)) {
        if (strncmp(line, "cpu", 3) == 0)
            continue;
        if (strncmp(line, "btime ", 6) == 0 && v->started_at >= 0)
            sc_buf_addf(out, "btime %" PRId64 "\n", v->started_at);
        else
            sc_buf_add(out, line, (size_t)(next_line(line) - line));
    }
}

static void
render_uptime(const char *host, const struct sc_view_values *v, int count, struct sc_buf *out)
{
    int64_t used = v->cpu_user < 0 || v->cpu_system < 0 ? 0 : v->cpu_user + v->cpu_system, idle;

    if (v->up < 0) {
        sc_buf_adds(out, host);
        return;
    }
    idle = v->up * count > used ? v->up * count - used : 0;
    sc_buf_addf(out, "%.2f %.2f\n", (double)v->up / 1e9, (double)idle / 1e9);
}

void
sc_view_load(double load[3], double used, double elapsed)
{
    static const double minutes[] = {1, 5, 15};

    if (elapsed <= 0)
        return;
    for (size_t i = 0; i < 3; i++) {
        /* exp(-x) by its series, which is enough for what is shown: x is cut where nothing of the past is left */
        double x = elapsed / (60 * minutes[i]), weight = 1, term = 1;

        if (x > 20) {
            load[i] = used / elapsed;
            continue;
        }
        for (int n = 1; n < 80; n++) {
            term *= -x / n;
            weight += term;
        }
        load[i] = load[i] * weight + used / elapsed * (1 - weight);
    }
}

static void
render_loadavg(const char *host, const struct sc_view_values *v, struct sc_buf *out)
{
    const char *last = strrchr(host, ' ');
    int64_t pids = v->pids < 0 ? 1 : v->pids;

    sc_buf_addf(out, "%.2f %.2f %.2f 1/%" PRId64 " %s", v->load[0], v->load[1], v->load[2], pids,
                last ? last + 1 : "1\n");
}

/* "0-1", or "0" */
static void
render_cpu_list(int count, struct sc_buf *out)
{
    if (count == 1)
        sc_buf_adds(out, "0\n");
    else
        sc_buf_addf(out, "0-%d\n", count - 1);
}

/* ---- disks ------------------------------------------------------------------------------------------------------- */

/* "MAJ MIN NAME reads merged sectors ms writes merged sectors ms ...": of the devices that the container used. */
static void
render_diskstats(const char *host, const struct sc_view_values *v, struct sc_buf *out)
{
    if (!v->io) {
        sc_buf_adds(out, host);
        return;
    }
    for (const char *line = host; *line; line = next_line(line)) {
        char *end;
        long major = strtol(line, &end, 10), minor = strtol(end, &end, 10);
        size_t name_len = strcspn(end + strspn(end, " "), " \n");
        const char *name = end + strspn(end, " ");
        char wanted[48];
        const char *own;
        uint64_t numbers[4];

        (void)snprintf(wanted, sizeof(wanted), "%ld:%ld ", major, minor);
        for (own = v->io; *own && strncmp(own, wanted, strlen(wanted)) != 0;)
            own = next_line(own);
        if (!*own)
            continue;
        own += strlen(wanted);
        for (size_t i = 0; i < 4; i++) {
            numbers[i] = strtoull(own, &end, 10);
            own = end;
        }
        sc_buf_addf(out, "%4ld %7ld %.*s %" PRIu64 " 0 %" PRIu64 " 0 %" PRIu64 " 0 %" PRIu64 " 0 0 0 0\n", major, minor,
                    (int)name_len, name, numbers[0], numbers[2] / 512, numbers[1], numbers[3] / 512);
    }
}

void
sc_view_render(enum sc_view_file file, const char *host, const struct sc_view_values *values, int host_cpus,
               struct sc_buf *out)
{
    int count = sc_view_cpu_count(values, host_cpus);

    switch (file) {
    case SC_VIEW_MEMINFO:
        render_meminfo(host, values, out);
        break;
    case SC_VIEW_CPUINFO:
        render_cpuinfo(host, values, count, out);
        break;
    case SC_VIEW_STAT:
        render_stat(host, values, count, out);
        break;
    case SC_VIEW_UPTIME:
        render_uptime(host, values, count, out);
        break;
    case SC_VIEW_LOADAVG:
        render_loadavg(host, values, out);
        break;
    case SC_VIEW_SWAPS:
        render_swaps(host, values, out);
        break;
    case SC_VIEW_DISKSTATS:
        render_diskstats(host, values, out);
        break;
    case SC_VIEW_CPU_ONLINE:
    case SC_VIEW_CPU_PRESENT:
        render_cpu_list(count, out);
        break;
    default: /* pressure is the cgroup's own file */
        sc_buf_adds(out, host);
        break;
    }
}
