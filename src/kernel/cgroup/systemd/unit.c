/* What is asked of systemd's manager (org.freedesktop.systemd1(5)). musl-clean: only base. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/systemd/systemd.h"

#define MANAGER      "org.freedesktop.systemd1.Manager"
#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"
#define UNIT_EXISTS  "org.freedesktop.systemd1.UnitExists"
#define DEVICES_MAX  ((size_t)64 << 10)

bool
sc_systemd_is_running(void)
{
    return faccessat(AT_FDCWD, "/run/systemd/system", F_OK, 0) == 0;
}

static int
get_property(struct sc_bus *bus, const char *name, struct sc_arena *arena, char **out, struct sc_err *err)
{
    char *items[] = {(char *)MANAGER, (char *)name, NULL};
    const struct sc_strv words = {.items = items, .count = 2};
    struct sc_dbus_message reply;
    const char *error_name = NULL, *text;

    if (sc_bus_call(bus, "org.freedesktop.DBus.Properties", "Get", "ss", &words, &reply, &error_name, err) < 0)
        return sc_err_wrap(err, "ask systemd for its %s", name);
    text = sc_dbus_string(&reply, 0);
    if (!text)
        return sc_err_set(err, SC_ERR_KERNEL, "ask systemd for its %s: the answer is not a string", name);
    *out = sc_arena_strdup(arena, text);
    return sc_arena_check(arena, err);
}

int
sc_systemd_query(bool is_user, struct sc_arena *arena, struct sc_systemd *out, struct sc_err *err)
{
    sc_cleanup_bus bus = SC_BUS_INIT;
    sc_cleanup_buf devices = SC_BUF_INIT;
    char *version = NULL;

    *out = (struct sc_systemd){.is_user = is_user};
    if (!sc_systemd_is_running()) {
        sc_err_set(err, SC_ERR_UNSUPPORTED,
                   "systemd cgroup flag passed, but systemd support for managing cgroups is not available");
        return sc_err_remedy(err, "systemd is not the init of this machine: use the cgroupfs driver");
    }
    if (sc_bus_open(is_user, &bus, err) < 0)
        return sc_err_wrap(err, "use the systemd cgroup driver");
    if (get_property(&bus, "Version", arena, &version, err) < 0 ||
        get_property(&bus, "ControlGroup", arena, &out->control_group, err) < 0)
        return -1;
    /* "252.38-1~deb12u1", "v246" */
    while (*version && !(*version >= '0' && *version <= '9'))
        version++;
    out->version = (unsigned)strtoul(version, NULL, 10);
    if (sc_file_read_at(AT_FDCWD, "/proc/devices", DEVICES_MAX, &devices, err) < 0)
        return -1;
    out->devices = sc_arena_strdup(arena, sc_buf_str(&devices));
    return sc_arena_check(arena, err);
}

/* ---- start and update ---------------------------------------------------------- */

static void
add_properties(const struct sc_unit_properties *properties, struct sc_arena *arena, struct sc_strv *words)
{
    for (size_t i = 0; i < properties->count; i++) {
        const struct sc_unit_property *property = &properties->items[i];

        sc_strv_add(words, arena, property->name);
        sc_strv_add(words, arena, property->signature);
        for (size_t k = 0; k < property->words.count; k++)
            sc_strv_add(words, arena, property->words.items[k]);
    }
}

void
sc_systemd_start_words(const char *unit, const struct sc_unit_properties *properties, pid_t pid, struct sc_arena *arena,
                       struct sc_strv *words)
{
    static const char *const head[] = {"PIDs", "au", "1"};

    sc_strv_add(words, arena, unit);
    sc_strv_add(words, arena, "fail");
    sc_strv_addf(words, arena, "%zu", properties->count + (pid >= 0));
    for (size_t i = 0; pid >= 0 && i < SC_ARRAY_LEN(head); i++)
        sc_strv_add(words, arena, head[i]);
    if (pid > 0)
        sc_strv_addf(words, arena, "%" PRIdMAX, (intmax_t)pid);
    else if (pid == 0)
        sc_strv_add(words, arena, "$PID");
    add_properties(properties, arena, words);
    sc_strv_add(words, arena, "0"); /* auxiliary units */
}

static int
reset_failed(struct sc_bus *bus, const char *unit, struct sc_err *err)
{
    char *items[] = {(char *)unit, NULL};
    const struct sc_strv words = {.items = items, .count = 1};
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    if (sc_bus_call(bus, MANAGER, "ResetFailedUnit", "s", &words, &reply, &error_name, err) == 0 ||
        sc_str_eq(error_name, NO_SUCH_UNIT))
        return 0;
    return sc_err_wrap(err, "reset the failed unit \"%s\"", unit);
}

int
sc_systemd_start(bool is_user, const char *unit, const struct sc_unit_properties *properties, pid_t pid,
                 struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_bus bus = SC_BUS_INIT;
    struct sc_strv words = {.count = 0};
    struct sc_dbus_message reply;
    const char *error_name = NULL;
    bool was_reset = false;

    sc_systemd_start_words(unit, properties, pid, &arena, &words);
    if (sc_arena_check(&arena, err) < 0 || sc_bus_open(is_user, &bus, err) < 0)
        return -1;
    for (;;) {
        struct sc_err own = SC_ERR_INIT, ignored = SC_ERR_INIT;
        bool exists;

        if (sc_bus_call(&bus, MANAGER, "StartTransientUnit", SC_SYSTEMD_START_SIGNATURE, &words, &reply, &error_name,
                        &own) == 0)
            break;
        exists = sc_str_eq(error_name, UNIT_EXISTS);
        /* A scope that failed stays until it is reset; one that runs is another's. */
        if (!was_reset && exists && reset_failed(&bus, unit, &ignored) == 0) {
            was_reset = true;
            continue;
        }
        if (exists)
            own.kind = SC_ERR_EXISTS;
        *err = own;
        return sc_err_wrap(err, "start unit \"%s\"", unit);
    }
    return sc_bus_wait_job(&bus, &reply, err) < 0 ? sc_err_wrap(err, "start unit \"%s\"", unit) : 0;
}

int
sc_systemd_update(bool is_user, const char *unit, const struct sc_unit_properties *properties, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_bus bus = SC_BUS_INIT;
    struct sc_strv words = {.count = 0};
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    if (properties->count == 0)
        return 0;
    sc_strv_add(&words, &arena, unit);
    sc_strv_add(&words, &arena, "true"); /* until the unit ends; nothing goes to /etc */
    sc_strv_addf(&words, &arena, "%zu", properties->count);
    add_properties(properties, &arena, &words);
    if (sc_arena_check(&arena, err) < 0 || sc_bus_open(is_user, &bus, err) < 0)
        return -1;
    if (sc_bus_call(&bus, MANAGER, "SetUnitProperties", "sba(sv)", &words, &reply, &error_name, err) < 0)
        return sc_err_wrap(err, "set properties of unit \"%s\"", unit);
    return 0;
}

int
sc_systemd_attach(bool is_user, const char *unit, pid_t pid, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_bus bus = SC_BUS_INIT;
    struct sc_strv words = {.count = 0};
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    sc_strv_add(&words, &arena, unit);
    sc_strv_add(&words, &arena, ""); /* the unit's own cgroup, not one below it */
    sc_strv_add(&words, &arena, "1");
    sc_strv_addf(&words, &arena, "%" PRIdMAX, (intmax_t)pid);
    if (sc_arena_check(&arena, err) < 0 || sc_bus_open(is_user, &bus, err) < 0)
        return -1;
    if (sc_bus_call(&bus, MANAGER, "AttachProcessesToUnit", "ssau", &words, &reply, &error_name, err) < 0)
        return sc_err_wrap(err, "move a process into unit \"%s\"", unit);
    return 0;
}

/* ---- stop ------------------------------------------------------------------------ */

int
sc_systemd_stop(bool is_user, const char *unit, struct sc_err *err)
{
    sc_cleanup_bus bus = SC_BUS_INIT;
    char *items[] = {(char *)unit, (char *)"replace", NULL};
    const struct sc_strv words = {.items = items, .count = 2};
    struct sc_err own = SC_ERR_INIT;
    struct sc_dbus_message reply;
    const char *error_name = NULL;

    /* After a boot into another init there is no unit left to stop. */
    if (!sc_systemd_is_running())
        return 0;
    if (sc_bus_open(is_user, &bus, err) < 0)
        return sc_err_wrap(err, "stop unit \"%s\"", unit);
    if (sc_bus_call(&bus, MANAGER, "StopUnit", "ss", &words, &reply, &error_name, &own) < 0) {
        if (sc_str_eq(error_name, NO_SUCH_UNIT))
            return 0;
        *err = own;
        return sc_err_wrap(err, "stop unit \"%s\"", unit);
    }
    if (sc_bus_wait_job(&bus, &reply, err) < 0)
        return sc_err_wrap(err, "stop unit \"%s\"", unit);
    return reset_failed(&bus, unit, err);
}
