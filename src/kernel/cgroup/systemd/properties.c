/*
 * Limits as unit properties (systemd.resource-control(5), org.freedesktop.systemd1(5)). They are read off the file
 * writes that the limits were translated to, so that both always say the same. Pure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/systemd/systemd.h"

#define ANNOTATION_PREFIX "org.systemd.property."
#define INFINITY_WORD     "18446744073709551615" /* UINT64_MAX is systemd's "infinity" */
#define PERIOD_DEFAULT    UINT64_C(100000)       /* of cpu.max and cpu.cfs_period_us, in microseconds */
#define CPUS_MAX          8192

struct sc_unit_property *
sc_unit_property_add(struct sc_unit_properties *list, struct sc_arena *arena, const char *name, const char *signature)
{
    struct sc_unit_property *property, *items;

    items = sc_arena_grow(arena, list->items, list->count, &list->capacity, sizeof(*items), 16);
    if (!items)
        return NULL;
    list->items = items;
    property = &list->items[list->count++];
    property->name = sc_arena_strdup(arena, name);
    property->signature = sc_arena_strdup(arena, signature);
    return property;
}

void
sc_unit_property_set(struct sc_unit_properties *list, struct sc_arena *arena, const char *name, const char *signature,
                     const char *word)
{
    struct sc_unit_property *property = sc_unit_property_add(list, arena, name, signature);

    if (property)
        sc_strv_add(&property->words, arena, word);
}

static void
set_number(struct sc_unit_properties *list, struct sc_arena *arena, const char *name, uint64_t number)
{
    char text[SC_NUM_MAX];

    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    sc_unit_property_set(list, arena, name, "t", text);
}

/* ---- what every scope gets ---------------------------------------------------- */

/* The last of a name wins: what an annotation sets replaces what is there. */
static void
replace(struct sc_unit_properties *list, const struct sc_unit_property *property, struct sc_arena *arena)
{
    struct sc_unit_property *added;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].name && property->name && strcmp(list->items[i].name, property->name) == 0) {
            list->items[i] = *property;
            return;
        }
    }
    added = sc_unit_property_add(list, arena, property->name, property->signature);
    if (added)
        added->words = property->words;
}

int
sc_systemd_common(const struct sc_unit *unit, const char *id, bool is_v2, const struct sc_strv *annotations,
                  struct sc_arena *arena, struct sc_unit_properties *out, struct sc_err *err)
{
    const char *const flags[][2] = {
        {"Delegate", "true"},        {"MemoryAccounting", "true"},
        {"CPUAccounting", "true"},   {is_v2 ? "IOAccounting" : "BlockIOAccounting", "true"},
        {"TasksAccounting", "true"}, {"DefaultDependencies", "false"},
    };

    sc_unit_property_set(out, arena, "Description", "s", sc_arena_printf(arena, "sc container %s", id));
    sc_unit_property_set(out, arena, "Slice", "s", unit->slice);
    for (size_t i = 0; i < SC_ARRAY_LEN(flags); i++)
        sc_unit_property_set(out, arena, flags[i][0], "b", flags[i][1]);
    for (size_t i = 0; i < annotations->count; i++) {
        const char *entry = annotations->items[i], *equals = strchr(entry, '=');
        struct sc_unit_property property = {.name = NULL};
        char *name;

        if (!equals || !sc_str_starts(entry, ANNOTATION_PREFIX))
            continue;
        name = sc_arena_strndup(arena, entry, (size_t)(equals - entry));
        if (!name)
            return sc_err_nomem(err);
        if (sc_systemd_annotation(name + strlen(ANNOTATION_PREFIX), equals + 1, arena, &property, err) < 0)
            return sc_err_wrap(err, "annotation \"%s\"", name);
        replace(out, &property, arena);
    }
    return sc_arena_check(arena, err);
}

/* ---- limits ---------------------------------------------------------------------- */

enum kind { NUMBER, MASK, QUOTA_V2, QUOTA_V1 };

static const struct row {
    bool is_v2;
    const char *file, *property;
    enum kind kind;
    unsigned since; /* the first version of systemd that knows it */
} rows[] = {
    {true, "memory.max", "MemoryMax", NUMBER, 231},
    {true, "memory.high", "MemoryHigh", NUMBER, 231},
    {true, "memory.low", "MemoryLow", NUMBER, 231},
    {true, "memory.min", "MemoryMin", NUMBER, 240},
    {true, "memory.swap.max", "MemorySwapMax", NUMBER, 232},
    {true, "memory.zswap.max", "MemoryZSwapMax", NUMBER, 253},
    {true, "pids.max", "TasksMax", NUMBER, 227},
    {true, "cpu.weight", "CPUWeight", NUMBER, 232},
    {true, "cpu.max", "CPUQuotaPerSecUSec", QUOTA_V2, 213},
    {true, "cpuset.cpus", "AllowedCPUs", MASK, 244},
    {true, "cpuset.mems", "AllowedMemoryNodes", MASK, 244},
    {true, "io.weight", "IOWeight", NUMBER, 230},
    {false, "memory.limit_in_bytes", "MemoryLimit", NUMBER, 208},
    {false, "pids.max", "TasksMax", NUMBER, 227},
    {false, "cpu.shares", "CPUShares", NUMBER, 208},
    {false, "cpu.cfs_quota_us", "CPUQuotaPerSecUSec", QUOTA_V1, 213},
    {false, "blkio.weight", "BlockIOWeight", NUMBER, 208},
};

/* "0-2,8" as bytes, least significant first */
static int
set_mask(struct sc_unit_properties *out, struct sc_arena *arena, const char *name, const char *list, struct sc_err *err)
{
    unsigned char bits[CPUS_MAX / 8] = {0};
    struct sc_unit_property *property;
    size_t len = 0;

    if (sc_parse_cpu_list(list, err) < 0)
        return -1;
    for (const char *at = list; *at;) {
        char *end;
        unsigned long from = strtoul(at, &end, 10), to = from;

        if (*end == '-')
            to = strtoul(end + 1, &end, 10);
        if (from > to || to >= CPUS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\": numbers go up to %d", list, CPUS_MAX - 1);
        for (unsigned long bit = from; bit <= to; bit++)
            bits[bit / 8] = (unsigned char)(bits[bit / 8] | (1U << (bit % 8)));
        len = to / 8 + 1 > len ? to / 8 + 1 : len;
        at = *end == ',' || *end == '\n' ? end + 1 : end;
    }
    property = sc_unit_property_add(out, arena, name, "ay");
    if (!property)
        return sc_err_nomem(err);
    sc_strv_addf(&property->words, arena, "%zu", len);
    for (size_t i = 0; i < len; i++)
        sc_strv_addf(&property->words, arena, "%u", bits[i]);
    return 0;
}

static void
set_quota(struct sc_unit_properties *out, struct sc_arena *arena, const struct sc_systemd *systemd, uint64_t quota,
          uint64_t period)
{
    if (period != PERIOD_DEFAULT && period != 0 && systemd->version >= 242)
        set_number(out, arena, "CPUQuotaPeriodUSec", period);
    if (quota == UINT64_MAX || period == 0) {
        sc_unit_property_set(out, arena, "CPUQuotaPerSecUSec", "t", INFINITY_WORD);
        return;
    }
    /* systemd keeps whole percents: 10 ms of a second. Rounded up, it is never the tighter of the two limits. */
    uint64_t per_second = quota * 1000000 / period;

    set_number(out, arena, "CPUQuotaPerSecUSec", (per_second + 9999) / 10000 * 10000);
}

/* The value that the last write to file leaves, not counting those for one device ("8:0 200"), which systemd wants by
 * path; NULL where there is none. */
static const char *
value_of(const struct sc_cgroup_writes *writes, int hierarchy, const char *file)
{
    const char *value = NULL;

    for (size_t i = 0; i < writes->count; i++) {
        if (writes->items[i].hierarchy == hierarchy && !writes->items[i].is_optional &&
            strcmp(writes->items[i].file, file) == 0 && !strchr(writes->items[i].value, ':'))
            value = writes->items[i].value;
    }
    return value;
}

static int
set_limit(struct sc_unit_properties *out, struct sc_arena *arena, const struct row *row,
          const struct sc_systemd *systemd, const struct sc_cgroup_writes *writes, int hierarchy, const char *value,
          struct sc_err *err)
{
    const char *period;
    char *end;

    switch (row->kind) {
    case NUMBER:
        if (sc_str_starts(value, "default "))
            value += strlen("default ");
        sc_unit_property_set(out, arena, row->property, "t",
                             strcmp(value, "max") == 0 || value[0] == '-' ? INFINITY_WORD : value);
        return 0;
    case MASK:
        return value[0] ? set_mask(out, arena, row->property, value, err) : 0;
    case QUOTA_V2:
        period = strchr(value, ' ');
        set_quota(out, arena, systemd, sc_str_starts(value, "max") ? UINT64_MAX : strtoull(value, &end, 10),
                  period ? strtoull(period + 1, NULL, 10) : PERIOD_DEFAULT);
        return 0;
    case QUOTA_V1:
        period = value_of(writes, hierarchy, "cpu.cfs_period_us");
        set_quota(out, arena, systemd, value[0] == '-' ? UINT64_MAX : strtoull(value, &end, 10),
                  period ? strtoull(period, NULL, 10) : PERIOD_DEFAULT);
        return 0;
    }
    return 0;
}

int
sc_systemd_limits(const struct sc_cgroup_layout *layout, const struct sc_cgroup_writes *writes,
                  const struct sc_systemd *systemd, struct sc_arena *arena, struct sc_unit_properties *out,
                  struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];

        if (systemd->version < row->since)
            continue;
        for (size_t hierarchy = 0; hierarchy < layout->count; hierarchy++) {
            const char *value =
                layout->items[hierarchy].is_v2 == row->is_v2 ? value_of(writes, (int)hierarchy, row->file) : NULL;

            if (value && set_limit(out, arena, row, systemd, writes, (int)hierarchy, value, err) < 0)
                return sc_err_wrap(err, "systemd property %s", row->property);
        }
    }
    return sc_arena_check(arena, err);
}

/* ---- devices ------------------------------------------------------------------------ */

/* The driver of a major number, by which DeviceAllow= takes all its devices; NULL when there is none. */
static const char *
driver_of(const char *devices, bool is_block, int64_t major, struct sc_arena *arena)
{
    const char *line = devices ? strstr(devices, is_block ? "Block devices:" : "Character devices:") : NULL;

    for (line = line ? strchr(line, '\n') : NULL; line && line[1] && line[1] != '\n'; line = strchr(line + 1, '\n')) {
        char *end;

        if (strtoll(line + 1, &end, 10) == major && *end == ' ')
            return sc_arena_strndup(arena, end + 1, strcspn(end + 1, "\n"));
    }
    return NULL;
}

static void
allow(struct sc_strv *words, struct sc_arena *arena, const char *node, const struct sc_oci_device_rule *rule)
{
    sc_strv_add(words, arena, node);
    sc_strv_addf(words, arena, "%s%s%s", rule->can_read ? "r" : "", rule->can_write ? "w" : "",
                 rule->can_mknod ? "m" : "");
}

/* Adds what systemd can say that allows at least what the rule does; returns how many entries that is. */
static size_t
allow_rule(struct sc_strv *words, struct sc_arena *arena, const struct sc_oci_device_rule *rule,
           const struct sc_systemd *systemd)
{
    bool is_block = rule->type == 'b';
    const char *kind = is_block ? "block" : "char", *driver;

    if (!rule->can_read && !rule->can_write && !rule->can_mknod)
        return 0;
    if (!rule->major.is_set) {
        allow(words, arena, sc_arena_printf(arena, "%s-*", kind), rule);
        return 1;
    }
    if (rule->minor.is_set) {
        allow(words, arena,
              sc_arena_printf(arena, "/dev/%s/%" PRId64 ":%" PRId64, kind, rule->major.value, rule->minor.value), rule);
        return 1;
    }
    driver = driver_of(systemd->devices, is_block, rule->major.value, arena);
    /* No driver, no device to open. */
    if (!driver)
        return 0;
    allow(words, arena, sc_arena_printf(arena, "%s-%s", kind, driver), rule);
    return 1;
}

int
sc_systemd_devices(const struct sc_oci_device_rule *rules, size_t count, const struct sc_systemd *systemd,
                   struct sc_arena *arena, struct sc_unit_properties *out, struct sc_err *err)
{
    struct sc_strv words = {.count = 0};
    struct sc_unit_property *property;
    bool allows_all = count == 0;
    size_t entries = 0;

    /* The last rule for everything decides what those after it are exceptions from. */
    for (size_t i = 0; i < count; i++) {
        if ((rules[i].type == 'a' || rules[i].type == '\0') && !rules[i].major.is_set && !rules[i].minor.is_set) {
            allows_all = rules[i].allow;
            words = (struct sc_strv){.count = 0};
            entries = 0;
        } else if (rules[i].allow && !allows_all) {
            entries += allow_rule(&words, arena, &rules[i], systemd);
        }
    }
    sc_unit_property_set(out, arena, "DevicePolicy", "s", allows_all ? "auto" : "strict");
    property = sc_unit_property_add(out, arena, "DeviceAllow", "a(ss)");
    if (!property)
        return sc_err_nomem(err);
    sc_strv_addf(&property->words, arena, "%zu", entries);
    for (size_t i = 0; i < words.count; i++)
        sc_strv_add(&property->words, arena, words.items[i]);
    return sc_arena_check(arena, err);
}
