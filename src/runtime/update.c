/*
 * Changing the limits of a container that exists: all of them, or none. Before each write the file's old value is kept;
 * after a failure the writes are taken back from the last to the first, so that every state on the way is one that the
 * kernel has accepted before.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/runtime.h"

#define VALUE_MAX 65536
#define NO_LIMIT1 (INT64_MAX - 65535) /* v1's "none": the largest number of bytes in whole pages */

struct written {
    int fd; /* of the cgroup; borrowed */
    const char *file;
    char *old; /* what takes the write back; NULL: nothing can */
};

/* "8:0 1048576" is a line of a file that has one for each device; "lo 5" one of net_prio.ifpriomap. Returns the length
 * of the key, 0 where the file holds one value. */
static size_t
key_length(const char *file, const char *value)
{
    size_t len = strcspn(value, " ");

    if (value[len] != ' ')
        return 0;
    if (strchr(value, ':') != NULL && strchr(value, ':') < value + len)
        return len;
    return strcmp(file, "net_prio.ifpriomap") == 0 || sc_str_starts(file, "rdma.") ? len : 0;
}

/* What a device's line is like when nothing is asked of it. */
static char *
unset_line(const char *file, const char *key, size_t len, struct sc_arena *arena)
{
    const char *nothing = "0";

    if (strcmp(file, "io.max") == 0)
        nothing = "rbps=max wbps=max riops=max wiops=max";
    else if (strcmp(file, "io.weight") == 0)
        nothing = "default";
    else if (sc_str_starts(file, "rdma."))
        nothing = "hca_handle=max hca_object=max";
    return sc_arena_printf(arena, "%.*s %s", (int)len, key, nothing);
}

/* The value that puts back what the write of `value` to file is about to change. */
static char *
old_value(int fd, const char *file, const char *value, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    size_t key = key_length(file, value);

    if (sc_file_read_at(fd, file, VALUE_MAX, &text, &ignored) < 0)
        return NULL;
    if (key == 0) {
        const char *line = sc_buf_str(&text);

        if (sc_str_starts(line, "default ")) /* io.weight reads "default 100" */
            return sc_arena_strndup(arena, line, strcspn(line, "\n"));
        if (strcmp(file, "memory.oom_control") == 0)
            return sc_arena_strdup(arena, sc_str_starts(line, "oom_kill_disable 1") ? "1" : "0");
        return sc_arena_strndup(arena, line, strcspn(line, "\n"));
    }
    for (const char *line = sc_buf_str(&text); *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, value, key) == 0 && line[key] == ' ')
            return sc_arena_strndup(arena, line, strcspn(line, "\n"));
    return unset_line(file, value, key, arena);
}

/* The container's directory in a hierarchy, as its state names it. */
static const char *
dir_of(const struct sc_state *state, const struct sc_cgroup_hierarchy *hierarchy)
{
    size_t len = strlen(hierarchy->mount_point);

    for (size_t i = 0; i < state->cgroup_dirs.count; i++)
        if (strncmp(state->cgroup_dirs.items[i], hierarchy->mount_point, len) == 0 &&
            state->cgroup_dirs.items[i][len] == '/')
            return state->cgroup_dirs.items[i];
    return NULL;
}

static int
open_dirs(const struct sc_state *state, const struct sc_cgroup_layout *layout, const struct sc_cgroup_writes *writes,
          const struct sc_strv *need, int *fds, struct sc_err *err)
{
    for (size_t i = 0; i < writes->count; i++) {
        int hierarchy = writes->items[i].hierarchy;
        const char *dir = dir_of(state, &layout->items[hierarchy]);

        if (fds[hierarchy] >= 0)
            continue;
        if (dir == NULL)
            return sc_err_set(err, SC_ERR_UNSUPPORTED, "write \"%s\": the container has no cgroup in \"%s\"",
                              writes->items[i].file, layout->items[hierarchy].mount_point);
        /* lint: a cgroup directory that the engine made */
        fds[hierarchy] = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fds[hierarchy] < 0)
            return sc_err_errno(err, errno, "open cgroup \"%s\"", dir);
        /* It was made with the controllers that its limits wanted then. */
        if (sc_cgroup_enable(&layout->items[hierarchy], dir, fds[hierarchy], need, err) < 0)
            return -1;
    }
    return 0;
}

static int
write_one(int fd, const struct sc_cgroup_write *write, struct sc_err *err)
{
    struct sc_cgroup_write alone = *write;
    struct sc_cgroup_writes list = {.items = &alone, .count = 1};

    return sc_cgroup_apply(fd, write->hierarchy, &list, err);
}

static void
take_back(const struct written *done, size_t count)
{
    while (count-- > 0) {
        struct sc_err ignored = SC_ERR_INIT;

        if (done[count].old != NULL)
            (void)!sc_cgroup_write_file(done[count].fd, done[count].file, done[count].old, &ignored);
    }
}

/* systemd would write its own idea of the limits again one day (daemon-reload), so it must be told. */
static int
tell_systemd(const struct sc_state *state, const struct sc_cgroup_layout *layout, const struct sc_cgroup_writes *writes,
             struct sc_arena *arena, struct sc_err *err)
{
    struct sc_unit_properties properties = {.count = 0};
    struct sc_systemd systemd = {.version = 0};

    if (state->unit == NULL)
        return 0;
    if (sc_systemd_query(state->unit_is_user, arena, &systemd, err) < 0 ||
        sc_systemd_limits(layout, writes, &systemd, arena, &properties, err) < 0)
        return -1;
    return sc_systemd_update(state->unit_is_user, state->unit, &properties, err);
}

static int
apply_all(const struct sc_state *state, const struct sc_cgroup_layout *layout, const struct sc_cgroup_writes *writes,
          const int *fds, struct sc_arena *arena, struct sc_err *err)
{
    struct written *done = SC_ARENA_ARRAY(arena, struct written, writes->count + 1);
    size_t count = 0;

    if (done == NULL)
        return sc_err_nomem(err);
    for (; count < writes->count; count++) {
        const struct sc_cgroup_write *write = &writes->items[count];
        int fd = fds[write->hierarchy];

        done[count] =
            (struct written){.fd = fd, .file = write->file, .old = old_value(fd, write->file, write->value, arena)};
        if (write_one(fd, write, err) < 0)
            break;
    }
    if (count == writes->count && tell_systemd(state, layout, writes, arena, err) == 0)
        return 0;
    take_back(done, count);
    return -1;
}

/* v2 has quota and period in one file. A period alone leaves the quota as it is; a quota alone the period, which
 * systemd, who is told of time in a second, must know. */
static void
complete_cpu(const struct sc_state *state, struct sc_oci_cpu *cpu)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    bool is_quota_alone = cpu->quota.value != 0 && cpu->period.value == 0;
    bool is_period_alone = cpu->quota.value == 0 && cpu->period.value != 0;
    const char *value, *space;

    if (!state->memory_is_v2 || state->memory_dir == NULL ||
        !(is_period_alone || (is_quota_alone && state->unit != NULL)))
        return;
    /* lint: a cgroup directory that the engine made */
    sc_cleanup_fd fd = open(state->memory_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || sc_file_read_at(fd, "cpu.max", VALUE_MAX, &text, &ignored) < 0)
        return;
    value = sc_buf_str(&text);
    space = strchr(value, ' ');
    if (space == NULL)
        return;
    if (is_period_alone)
        cpu->quota =
            (struct sc_opt_i64){.is_set = true, .value = sc_str_starts(value, "max ") ? -1 : strtoll(value, NULL, 10)};
    else
        cpu->period = (struct sc_opt_u64){.is_set = true, .value = strtoull(space + 1, NULL, 10)};
}

/* A limit on memory and swap together may come alone: the memory limit of the moment stands beside it. (v2 counts swap
 * apart from memory, and needs it to tell the difference.) */
static void
complete_memory(const struct sc_state *state, struct sc_oci_memory *memory)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    const char *file = state->memory_is_v2 ? "memory.max" : "memory.limit_in_bytes";

    if (state->memory_dir == NULL || memory->swap.value <= 0 || memory->limit.value != 0)
        return;
    /* lint: a cgroup directory that the engine made */
    sc_cleanup_fd fd = open(state->memory_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || sc_file_read_at(fd, file, VALUE_MAX, &text, &ignored) < 0 || sc_str_starts(sc_buf_str(&text), "max"))
        return;
    int64_t limit = strtoll(sc_buf_str(&text), NULL, 10);
    if (limit < NO_LIMIT1)
        memory->limit = (struct sc_opt_i64){.is_set = true, .value = limit};
}

int
sc_runtime_update(const struct sc_state *state, const struct sc_cgroup_layout *layout,
                  const struct sc_oci_resources *resources, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_resources asked = *resources;
    struct sc_cgroup_writes writes = {0};
    struct sc_strv need = {0};
    int fds[SC_CGROUP_HIERARCHIES_MAX], result;

    for (size_t i = 0; i < SC_ARRAY_LEN(fds); i++)
        fds[i] = -1;
    /* the devices of a container are settled when it is made */
    asked.devices = NULL;
    asked.device_count = 0;
    complete_memory(state, &asked.memory);
    complete_cpu(state, &asked.cpu);
    if (sc_oci_validate_resources(&asked, err) < 0 ||
        sc_cgroup_translate(layout, &asked, false, &arena, &writes, &need, err) < 0)
        return -1;
    result = open_dirs(state, layout, &writes, &need, fds, err);
    if (result == 0)
        result = apply_all(state, layout, &writes, fds, &arena, err);
    for (size_t i = 0; i < SC_ARRAY_LEN(fds); i++)
        sc_closep(&fds[i]);
    return result;
}
