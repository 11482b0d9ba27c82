/*
 * devices.deny and devices.allow (cgroup-v1/devices.rst).
 *
 * In the OCI the last rule that matches wins. A v1 cgroup cannot hold that: it holds one default (all or none) and
 * exceptions from it, and a rule that only narrows an exception ("c 1:3" out of "c 1:*") is silently without effect. So
 * the rules are first reduced to what they mean, a default and its exceptions, and then written; a list that does not
 * reduce is an error.
 */
#include <inttypes.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_MKNOD = 4, ACCESS_ALL = 7 };
#define ANY (-1)

struct exception {
    char type; /* 'c' or 'b' */
    int64_t major, minor;
    unsigned access;
};
struct reduced {
    bool allows; /* the default */
    struct exception *items;
    size_t count, capacity;
};

static bool
covers(int64_t wide, int64_t narrow)
{
    return wide == ANY || wide == narrow;
}

static bool
overlaps(int64_t a, int64_t b)
{
    return a == ANY || b == ANY || a == b;
}

static const char *
show_number(struct sc_arena *arena, int64_t number)
{
    return number == ANY ? "*" : sc_arena_printf(arena, "%" PRId64, number);
}

/* "c 1:3 rwm", the line that the kernel reads and lists */
static const char *
show(struct sc_arena *arena, const struct exception *item)
{
    const char *major = show_number(arena, item->major), *minor = show_number(arena, item->minor);

    if (!major || !minor)
        return NULL;
    return sc_arena_printf(arena, "%c %s:%s %s%s%s", item->type, major, minor, item->access & ACCESS_READ ? "r" : "",
                           item->access & ACCESS_WRITE ? "w" : "", item->access & ACCESS_MKNOD ? "m" : "");
}

/* Takes access away from the exceptions that the rule covers. */
static int
subtract(struct reduced *set, const struct exception *rule, struct sc_arena *arena, struct sc_err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        struct exception *item = &set->items[i];

        if (item->type != rule->type || !(item->access & rule->access))
            continue;
        if (covers(rule->major, item->major) && covers(rule->minor, item->minor)) {
            item->access &= ~rule->access;
        } else if (overlaps(rule->major, item->major) && overlaps(rule->minor, item->minor)) {
            const char *hole = show(arena, rule), *around = show(arena, item);

            if (!hole || !around)
                return sc_err_nomem(err);
            sc_err_set(err, SC_ERR_UNSUPPORTED,
                       "linux.resources.devices: %s \"%s\" out of \"%s\": cgroup v1 cannot except a part of a rule",
                       set->allows ? "allow" : "deny", hole, around);
            return sc_err_remedy(err, "list the devices one by one instead of \"%s\"", around);
        }
    }
    return 0;
}

static void
insert(struct reduced *set, const struct exception *rule, struct sc_arena *arena)
{
    for (size_t i = 0; i < set->count; i++) {
        struct exception *item = &set->items[i];

        if (item->type == rule->type && item->major == rule->major && item->minor == rule->minor) {
            item->access |= rule->access;
            return;
        }
    }
    struct exception *items = sc_arena_grow(arena, set->items, set->count, &set->capacity, sizeof(*items), 32);
    if (!items)
        return;
    set->items = items;
    set->items[set->count++] = *rule;
}

static int
reduce_one(struct reduced *set, const struct sc_oci_device_rule *rule, struct sc_arena *arena, struct sc_err *err)
{
    struct exception item = {
        .type = rule->type,
        .major = rule->major.is_set ? rule->major.value : ANY,
        .minor = rule->minor.is_set ? rule->minor.value : ANY,
        .access = (rule->can_read ? ACCESS_READ : 0U) | (rule->can_write ? ACCESS_WRITE : 0U) |
                  (rule->can_mknod ? ACCESS_MKNOD : 0U),
    };

    if (item.major < ANY || item.minor < ANY)
        return sc_err_set(err, SC_ERR_INVALID,
                          "linux.resources.devices: %" PRId64 ":%" PRId64 " is not a device number", item.major,
                          item.minor);
    if (item.type == 'a' && item.major == ANY && item.minor == ANY && item.access == ACCESS_ALL) {
        set->allows = rule->allow;
        set->count = 0;
        return 0;
    }
    /* The kernel reads 'a' as "everything" and ignores the rest of the line, so it is never written with numbers. */
    for (const char *type = item.type == 'a' ? "bc" : item.type == 'b' ? "b" : "c"; *type; type++) {
        item.type = *type;
        if (rule->allow != set->allows)
            insert(set, &item, arena);
        else if (subtract(set, &item, arena, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_cgroup1_devices(struct sc_cgroup_job *job, struct sc_err *err)
{
    struct reduced set = {.allows = false};

    if (job->resources->device_count == 0)
        return 0;
    for (size_t i = 0; i < job->resources->device_count; i++) {
        if (reduce_one(&set, &job->resources->devices[i], job->arena, err) < 0)
            return -1;
    }
    (void)sc_cgroup_job_add(job, set.allows ? "devices.allow" : "devices.deny", "a",
                            set.allows ? "all devices" : "no device but those that follow");
    for (size_t i = 0; i < set.count; i++) {
        const char *line = show(job->arena, &set.items[i]);

        if (set.items[i].access == 0)
            continue;
        (void)sc_cgroup_job_add(
            job, set.allows ? "devices.deny" : "devices.allow", line,
            sc_arena_printf(job->arena, "%s %s", set.allows ? "but not" : "allow", line ? line : ""));
    }
    return 0;
}
