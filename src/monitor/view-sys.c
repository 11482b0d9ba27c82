/* What a view shows of /sys/devices/system: the directories of CPUs and memory nodes. Pure. */
#include <inttypes.h>
#include <string.h>

#include "monitor/view.h"

/* The number of "cpu12"; -1: it is no such name. */
static long
number_of(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(name, prefix, len) != 0 || name[len] == '\0' || name[len + strspn(name + len, "0123456789")] != '\0')
        return -1;
    return strtol(name + len, NULL, 10);
}

bool
sc_view_sys_depends(const char *name)
{
    return number_of(name, "cpu") > 0 || number_of(name, "node") >= 0;
}

bool
sc_view_sys_is_shown(const char *dir, const char *name, const struct sc_view_values *v, int host_cpus)
{
    long cpu = number_of(name, "cpu"), node = number_of(name, "node");

    if (cpu >= 0)
        return cpu == 0 || cpu < sc_view_cpu_count(v, host_cpus);
    if (node >= 0 && strcmp(dir, "node") == 0)
        return sc_view_has(v->mem_list, node);
    /* counts the host's interrupts; hidden from containers in any case */
    return strcmp(name, "thermal_throttle") != 0;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

/* Which of the container's CPUs are in a node that has those of the host's list: with one node all are. */
static bool
is_in_node(const struct sc_view_values *v, const char *host_list, long cpu)
{
    struct sc_view_walk walk = {.at = v->mem_list, .next = 1, .last = 0};
    long node;
    int nodes = 0;

    while (sc_view_walk_next(&walk, &node))
        nodes++;
    return nodes == 1 || sc_view_has(host_list, cpu);
}

static void
render_node_cpus(const char *host_list, const struct sc_view_values *v, int count, struct sc_buf *out)
{
    const char *comma = "";

    for (long cpu = 0; cpu < count; cpu++) {
        long last = cpu;

        if (!is_in_node(v, host_list, cpu))
            continue;
        while (last + 1 < count && is_in_node(v, host_list, last + 1))
            last++;
        if (last == cpu)
            sc_buf_addf(out, "%s%ld", comma, cpu);
        else
            sc_buf_addf(out, "%s%ld-%ld", comma, cpu, last);
        comma = ",";
        cpu = last;
    }
    sc_buf_addc(out, '\n');
}

/* "00000000,0000000f": the host's words of 32 CPUs, the last first, with the bits of the container's CPUs alone. */
static void
render_node_map(const char *host, const struct sc_view_values *v, int count, struct sc_buf *out)
{
    struct sc_view_walk walk = {.at = v->mem_list, .next = 1, .last = 0};
    size_t words = 1;
    long node;
    int nodes = 0;

    while (sc_view_walk_next(&walk, &node))
        nodes++;
    for (const char *at = host; (at = strchr(at, ',')) != NULL; at++)
        words++;
    for (const char *at = host; words-- > 0; at += strcspn(at, ",\n"), at += *at == ',') {
        unsigned long word = strtoul(at, NULL, 16), mask = 0;

        for (size_t bit = 0; bit < 32; bit++)
            mask |= (unsigned long)(words * 32 + bit < (size_t)count) << bit;
        sc_buf_addf(out, "%0*lx%s", (int)strcspn(at, ",\n"), nodes == 1 ? mask : word & mask, words ? "," : "\n");
    }
}

/* "Node 0 MemTotal:  1234 kB": never more than the container has. */
static void
render_node_memory(const char *host, const struct sc_view_values *v, struct sc_buf *out)
{
    int64_t total = -1, free_bytes = -1;

    for (const char *line = host; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *key = line + strcspn(line, ":\n");
        int64_t value = *key == ':' ? strtoll(key + 1, NULL, 10) * 1024 : -1, least = v->memory_limit;

        while (key > line && key[-1] != ' ')
            key--;
        if (strncmp(key, "MemFree:", 8) == 0)
            least = v->memory_usage > v->memory_limit ? 0 : v->memory_limit - v->memory_usage;
        if (strncmp(key, "MemUsed:", 8) == 0 && total >= 0 && free_bytes >= 0)
            value = total - free_bytes;
        if (value > least)
            value = least;
        if (strncmp(key, "MemTotal:", 9) == 0)
            total = value;
        if (strncmp(key, "MemFree:", 8) == 0)
            free_bytes = value;
        if (value < 0 || !strstr(key, " kB"))
            sc_buf_add(out, line, strcspn(line, "\n"));
        else
            sc_buf_addf(out, "%.*s%*s%8" PRId64 " kB", (int)(key - line + (ptrdiff_t)strcspn(key, ":") + 1), line,
                        strcspn(key, ":") < 15 ? (int)(15 - strcspn(key, ":")) : 1, "", value / 1024);
        sc_buf_addc(out, '\n');
    }
}

void
sc_view_render_sys(const char *path, const char *host, const struct sc_view_values *v, int host_cpus,
                   struct sc_buf *out)
{
    static const char *const lists[] = {"online", "possible", "has_cpu", "has_memory", "has_normal_memory"};
    const char *name = strrchr(path, '/');
    int count = sc_view_cpu_count(v, host_cpus);

    name = name ? name + 1 : path;
    if (strncmp(path, "node/node", 9) == 0 && strcmp(name, "cpulist") == 0) {
        render_node_cpus(host, v, count, out);
        return;
    }
    if (strncmp(path, "node/node", 9) == 0 && strcmp(name, "cpumap") == 0) {
        render_node_map(host, v, count, out);
        return;
    }
    if (strncmp(path, "node/node", 9) == 0 && strcmp(name, "meminfo") == 0 && v->memory_limit >= 0) {
        render_node_memory(host, v, out);
        return;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(lists); i++) {
        if (v->mem_list && *v->mem_list && strncmp(path, "node/", 5) == 0 && strcmp(path + 5, lists[i]) == 0) {
            sc_buf_addf(out, "%s\n", v->mem_list);
            return;
        }
    }
    sc_buf_adds(out, host);
}
