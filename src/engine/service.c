/*
 * A container as a service of systemd (sc run --as-service): a transient unit sc-NAME.service, whose main process is
 * `sc start --attach` and ends as the container does.
 *
 *     sc run --as-service ──StartTransientUnit──► systemd ──► sc start --attach ──READY=1──► systemd
 *
 * On pure cgroup v2 all of it is in the service's cgroup, which systemd delegates: the container's own cgroup is a
 * child of it, and beside that one, "supervisor" holds sc and the monitor, as a cgroup with controllers holds no
 * processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/engine-priv.h"
#include "kernel/cgroup/systemd/systemd.h"
#include "runtime/runtime.h"

#define SUPERVISOR      "supervisor"
#define STOP_TIMEOUT    10 /* Docker's */
#define STOP_MORE       10 /* what systemd waits longer than we do */
#define USEC_PER_SEC    1000000
#define EXIT_AFTER_TERM "143"
#define CGROUP_FILE_MAX 65536

char *
sc_service_unit(const struct sc_container *container, struct sc_arena *arena)
{
    return sc_arena_printf(arena, "sc-%s.service", container->name);
}

int
sc_service_program(struct sc_arena *arena, char **out, struct sc_err *err)
{
    char self[PATH_MAX];

    if (sc_self_path(self, sizeof(self), err) < 0)
        return -1;
    *out = sc_arena_strdup(arena, self);
    return sc_arena_check(arena, err);
}

/* "a(sasb)": one command that must succeed */
static void
add_command(struct sc_unit_properties *list, struct sc_arena *arena, const char *name, const struct sc_strv *argv)
{
    struct sc_unit_property *property = sc_unit_property_add(list, arena, name, "a(sasb)");

    if (!property)
        return;
    sc_strv_add(&property->words, arena, "1");
    sc_strv_add(&property->words, arena, argv->items[0]);
    sc_strv_addf(&property->words, arena, "%zu", argv->count);
    for (size_t i = 0; i < argv->count; i++)
        sc_strv_add(&property->words, arena, argv->items[i]);
    sc_strv_add(&property->words, arena, "false");
}

static void
add_environment(struct sc_unit_properties *list, const struct sc_engine *engine, struct sc_arena *arena)
{
    struct sc_unit_property *property = sc_unit_property_add(list, arena, "Environment", "as");
    const char *path = getenv("PATH");

    if (!property)
        return;
    sc_strv_add(&property->words, arena, path ? "3" : "2");
    sc_strv_addf(&property->words, arena, "SC_DATA_ROOT=%s", engine->data_path);
    sc_strv_addf(&property->words, arena, "SC_RUN_ROOT=%s", engine->run_path);
    if (path)
        sc_strv_addf(&property->words, arena, "PATH=%s", path);
}

static int
make_properties(const struct sc_engine *engine, const struct sc_container *c, struct sc_arena *arena,
                struct sc_unit_properties *out, struct sc_err *err)
{
    int seconds = c->options.stop_timeout < 0 ? STOP_TIMEOUT : c->options.stop_timeout;
    struct sc_strv start = {0}, stop = {0};
    struct sc_unit_property *success;
    char *program = NULL;

    if (sc_service_program(arena, &program, err) < 0)
        return -1;
    sc_strv_add(&start, arena, program);
    sc_strv_add(&start, arena, "start");
    sc_strv_add(&start, arena, "--attach");
    sc_strv_add(&start, arena, c->id);
    sc_strv_add(&stop, arena, program);
    sc_strv_add(&stop, arena, "stop");
    sc_strv_add(&stop, arena, c->id);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    sc_unit_property_set(out, arena, "Description", "s", sc_arena_printf(arena, "sc container %s", c->name));
    if (c->options.cgroup_parent)
        sc_unit_property_set(out, arena, "Slice", "s", c->options.cgroup_parent);
    sc_unit_property_set(out, arena, "Type", "s", "notify");
    sc_unit_property_set(out, arena, "NotifyAccess", "s", "main");
    sc_unit_property_set(out, arena, "Delegate", "b", "true");
    sc_unit_property_set(out, arena, "TasksMax", "t", sc_arena_printf(arena, "%" PRIu64, UINT64_MAX));
    sc_unit_property_set(out, arena, "CollectMode", "s", "inactive-or-failed");
    sc_unit_property_set(out, arena, "TimeoutStopUSec", "t",
                         sc_arena_printf(arena, "%lld", (long long)(seconds + STOP_MORE) * USEC_PER_SEC));
    success = sc_unit_property_add(out, arena, "SuccessExitStatus", "(aiai)");
    if (success) {
        sc_strv_add(&success->words, arena, "1");
        sc_strv_add(&success->words, arena, EXIT_AFTER_TERM);
        sc_strv_add(&success->words, arena, "0");
    }
    add_environment(out, engine, arena);
    add_command(out, arena, "ExecStart", &start);
    add_command(out, arena, "ExecStop", &stop);
    return sc_arena_check(arena, err);
}

/* In the run directory: the container may be gone with its start (--rm). */
static const char *
error_file(const struct sc_container *container, struct sc_arena *arena)
{
    const char *name = sc_arena_printf(arena, "service-%s.error", container->id);

    return name ? name : "service.error";
}

void
sc_engine_service_failed(const struct sc_engine *engine, const struct sc_container *container, const struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    (void)!sc_file_replace_at(engine->run_fd, error_file(container, &arena), err->msg, strlen(err->msg), 0600,
                              SC_VOLATILE, &ignored);
}

int
sc_service_check(const struct sc_create_options *options, struct sc_err *err)
{
    const char *parent = options->cgroup_parent;

    if (!sc_systemd_is_running()) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--as-service: systemd is not the init of this machine");
        return sc_err_remedy(err, "run it without --as-service");
    }
    if (!parent || sc_str_ends(parent, ".slice"))
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "--cgroup-parent \"%s\": it is not the name of a slice", parent);
    return sc_err_remedy(err, "a service lies in a slice: give NAME.slice");
}

int
sc_engine_service_start(struct sc_engine *engine, const struct sc_container *container, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_unit_properties properties = {.count = 0};
    struct sc_err own = SC_ERR_INIT, ignored = SC_ERR_INIT;
    sc_cleanup_buf said = SC_BUF_INIT;
    char *unit = sc_service_unit(container, &arena);

    if (sc_service_check(&container->options, err) < 0)
        return -1;
    if (make_properties(engine, container, &arena, &properties, err) < 0)
        return -1;
    if (sc_systemd_start(!engine->is_root, unit, &properties, -1, &own) == 0)
        return 0;
    /* What systemd says is no more than that it failed. */
    if (own.kind != SC_ERR_EXISTS &&
        sc_file_read_at(engine->run_fd, error_file(container, &arena), SC_SMALL_FILE_MAX, &said, &ignored) == 0) {
        (void)unlinkat(engine->run_fd, error_file(container, &arena), 0);
        return sc_err_set(err, SC_ERR_KERNEL, "start unit \"%s\": %s", unit, sc_buf_str(&said));
    }
    *err = own;
    return sc_err_remedy(err, "systemctl status %s; journalctl -u %s", unit, unit);
}

/* This process's cgroup in the hierarchy of systemd: v2's, or the named one. */
static int
own_cgroup(struct sc_arena *arena, char **out, bool *is_v2, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *line, *named = "name=systemd:";

    /* lint: the host's own /proc */
    if (sc_file_read_at(AT_FDCWD, "/proc/self/cgroup", CGROUP_FILE_MAX, &text, err) < 0)
        return -1;
    *is_v2 = sc_str_starts(sc_buf_str(&text), "0::");
    line = *is_v2 ? sc_buf_str(&text) + strlen("0::") : strstr(sc_buf_str(&text), named);
    if (line && !*is_v2)
        line += strlen(named);
    *out = line ? sc_arena_strndup(arena, line, strcspn(line, "\n")) : NULL;
    return sc_arena_check(arena, err);
}

static int
move_into_supervisor(const char *cgroup, struct sc_arena *arena, struct sc_err *err)
{
    char *dir = sc_arena_printf(arena, "/sys/fs/cgroup%s/" SUPERVISOR, cgroup);
    sc_cleanup_fd fd = -1;

    if (!dir)
        return sc_err_nomem(err);
    if (mkdirat(AT_FDCWD, dir, 0755) < 0 && errno != EEXIST) /* lint: the host's own hierarchy */
        return sc_err_errno(err, errno, "make cgroup \"%s\"", dir);
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* lint: as above */
    if (fd < 0)
        return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
    return sc_cgroup_write_file(fd, "cgroup.procs", "0", err);
}

int
sc_engine_service_enter(struct sc_container *container, struct sc_arena *arena, bool *is_inside, struct sc_err *err)
{
    char *cgroup = NULL, *unit = sc_service_unit(container, arena), *slash;
    bool is_v2 = false;

    *is_inside = false;
    if (!unit)
        return sc_err_nomem(err);
    if (own_cgroup(arena, &cgroup, &is_v2, err) < 0)
        return -1;
    slash = cgroup ? strrchr(cgroup, '/') : NULL;
    if (!slash || strcmp(slash + 1, unit) != 0)
        return 0;
    *is_inside = true;
    container->options.cgroup_manager = NULL;
    container->options.cgroup_parent = is_v2 ? cgroup : NULL;
    return is_v2 ? move_into_supervisor(cgroup, arena, err) : 0;
}

void
sc_service_ready(void)
{
    static const char text[] = "READY=1";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd fd = -1;
    size_t len = path ? strlen(path) : 0;

    if (len == 0 || (path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
