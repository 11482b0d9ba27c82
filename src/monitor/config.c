/* The command line of sc-monitor: "key=value" words, encoded and decoded from one table. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "monitor/monitor.h"

enum field_type { FIELD_TEXT, FIELD_INT, FIELD_I64, FIELD_BOOL };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    bool is_required;
};

#define FIELD(member, type, is_required)                                                                               \
    {                                                                                                                  \
#member, (type), offsetof(struct sc_monitor_config, member), (is_required)                                     \
    }

static const struct field fields[] = {
    FIELD(id, FIELD_TEXT, true),
    FIELD(run_dir, FIELD_TEXT, true),
    FIELD(data_dir, FIELD_TEXT, true),
    FIELD(name_link, FIELD_TEXT, false),
    FIELD(log_path, FIELD_TEXT, false),
    FIELD(log_max_size, FIELD_I64, false),
    FIELD(log_max_files, FIELD_INT, false),
    FIELD(log_attributes, FIELD_TEXT, false),
    FIELD(memory_dir, FIELD_TEXT, false),
    FIELD(memory_is_v2, FIELD_BOOL, false),
    FIELD(watches_oom, FIELD_BOOL, false),
    FIELD(cgroups, FIELD_TEXT, false),
    FIELD(event, FIELD_TEXT, false),
    FIELD(refill, FIELD_TEXT, false),
    FIELD(held, FIELD_TEXT, false),
    FIELD(health, FIELD_TEXT, false),
    FIELD(health_interval, FIELD_I64, false),
    FIELD(health_start_interval, FIELD_I64, false),
    FIELD(health_start_period, FIELD_I64, false),
    FIELD(names, FIELD_TEXT, false),
    FIELD(names_udp, FIELD_INT, false),
    FIELD(names_tcp, FIELD_INT, false),
    FIELD(ports, FIELD_TEXT, false),
    FIELD(ports_fd, FIELD_INT, false),
    FIELD(pid, FIELD_INT, true),
    FIELD(pidfd, FIELD_INT, true),
    FIELD(lock_fd, FIELD_INT, false),
    FIELD(listen_fd, FIELD_INT, false),
    FIELD(client_fd, FIELD_INT, false),
    FIELD(client_flags, FIELD_INT, false),
    FIELD(tty_fd, FIELD_INT, false),
    FIELD(in_fd, FIELD_INT, false),
    FIELD(out_fd, FIELD_INT, false),
    FIELD(err_fd, FIELD_INT, false),
    FIELD(calls, FIELD_TEXT, false),
    FIELD(calls_fd, FIELD_INT, false),
    FIELD(keeps_stdin_open, FIELD_BOOL, false),
    FIELD(stdin_once, FIELD_BOOL, false),
    FIELD(is_rm, FIELD_BOOL, false),
    FIELD(dies_with_client, FIELD_BOOL, false),
};

/* What a word that is not there means; words that say the same are not written. */
static const struct sc_monitor_config defaults = {
    .names_udp = -1,
    .names_tcp = -1,
    .ports_fd = -1,
    .pidfd = -1,
    .lock_fd = -1,
    .listen_fd = -1,
    .client_fd = -1,
    .tty_fd = -1,
    .in_fd = -1,
    .out_fd = -1,
    .err_fd = -1,
    .calls_fd = -1,
};

_Static_assert(sizeof(pid_t) == sizeof(int), "pid is read and written as an int");

static const void *
field_of(const struct sc_monitor_config *config, const struct field *field)
{
    return (const char *)config + field->offset;
}

void
sc_monitor_config_encode(const struct sc_monitor_config *config, const char *program, struct sc_arena *arena,
                         struct sc_strv *argv)
{
    sc_strv_add(argv, arena, program);
    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++) {
        const struct field *field = &fields[i];
        const void *value = field_of(config, field), *absent = field_of(&defaults, field);

        switch (field->type) {
        case FIELD_TEXT:
            if (*(const char *const *)value)
                sc_strv_addf(argv, arena, "%s=%s", field->name, *(const char *const *)value);
            break;
        case FIELD_INT:
            if (*(const int *)value != *(const int *)absent)
                sc_strv_addf(argv, arena, "%s=%d", field->name, *(const int *)value);
            break;
        case FIELD_I64:
            if (*(const int64_t *)value != *(const int64_t *)absent)
                sc_strv_addf(argv, arena, "%s=%lld", field->name, (long long)*(const int64_t *)value);
            break;
        case FIELD_BOOL:
            if (*(const bool *)value)
                sc_strv_addf(argv, arena, "%s=true", field->name);
            break;
        }
    }
}

static int
field_decode(const struct field *field, const char *text, struct sc_monitor_config *out, struct sc_err *err)
{
    void *value = (char *)out + field->offset;
    int64_t number = 0;

    switch (field->type) {
    case FIELD_TEXT:
        *(const char **)value = text;
        return 0;
    case FIELD_INT:
        if (sc_parse_i64(text, &number, err) < 0)
            return sc_err_wrap(err, "%s", field->name);
        if (number < INT_MIN || number > INT_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "%s: \"%s\" is out of range", field->name, text);
        *(int *)value = (int)number;
        return 0;
    case FIELD_I64:
        if (sc_parse_i64(text, (int64_t *)value, err) < 0)
            return sc_err_wrap(err, "%s", field->name);
        return 0;
    case FIELD_BOOL:
        if (sc_parse_bool(text, (bool *)value, err) < 0)
            return sc_err_wrap(err, "%s", field->name);
        return 0;
    }
    return 0;
}

static const struct field *
field_find(const char *word, size_t len)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++) {
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, word, len) == 0)
            return &fields[i];
    }
    return NULL;
}

int
sc_monitor_config_decode(int argc, char **argv, struct sc_monitor_config *out, struct sc_err *err)
{
    bool is_seen[SC_ARRAY_LEN(fields)] = {false};

    *out = defaults;
    for (int i = 1; i < argc; i++) {
        size_t len = strcspn(argv[i], "=");
        const struct field *field = field_find(argv[i], len);

        if (!field || argv[i][len] != '=')
            return sc_err_set(err, SC_ERR_INVALID, "unknown argument \"%s\"", argv[i]);
        if (is_seen[field - fields])
            return sc_err_set(err, SC_ERR_INVALID, "%s is given twice", field->name);
        is_seen[field - fields] = true;
        if (field_decode(field, argv[i] + len + 1, out, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++) {
        if (fields[i].is_required && !is_seen[i])
            return sc_err_set(err, SC_ERR_INVALID, "%s is missing", fields[i].name);
    }
    if (out->pid < 1)
        return sc_err_set(err, SC_ERR_INVALID, "pid: %d is not a process", (int)out->pid);
    return 0;
}
