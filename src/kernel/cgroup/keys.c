/* Keys of either cgroup version on a host of the other: how each kind of value is converted. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup/keys-priv.h"

/* v1 says "unlimited" with the largest multiple of the page size that fits */
#define V1_UNLIMITED INT64_C(0x7ffffffffffff000)

static const struct {
    const char *name, *io; /* v1's file, io.max's key */
} throttles[] = {
    {"blkio.throttle.read_bps_device", "rbps"},
    {"blkio.throttle.write_bps_device", "wbps"},
    {"blkio.throttle.read_iops_device", "riops"},
    {"blkio.throttle.write_iops_device", "wiops"},
};

/* ---- numbers ------------------------------------------------------------------------------------------------- */

/* The scheduler has one number behind both files, and takes a weight of 100 for 1024 (sched_weight_from_cgroup). */
uint64_t
sc_cgroup_weight_of_shares(uint64_t shares)
{
    if (shares >= 102400)
        return 10000;
    return shares * 100 < 1024 ? 1 : (shares * 100 + 512) / 1024;
}

uint64_t
sc_cgroup_shares_of_weight(uint64_t weight)
{
    return weight >= 10000 ? 102400 : (weight * 1024 + 50) / 100;
}

static int
bad_value(const char *key, const char *value, const char *what, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "%s: \"%.60s\" is not %s", key, value, what);
}

/* A size as the v1 files take it ("64M", "-1"), or v2's "max", which is -1. */
static int
parse_limit(const char *key, const char *value, int64_t *out, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;

    if (strcmp(value, "max") == 0 || strcmp(value, "-1") == 0) {
        *out = -1;
        return 0;
    }
    if (sc_parse_size(value, out, &ignored) < 0)
        return bad_value(key, value, "a number of bytes, -1 or max", err);
    return 0;
}

/* The number in a file; -1 for unlimited in either way. */
static int64_t
read_limit(const struct sc_cgroup_files *files, const char *file, struct sc_arena *arena)
{
    const char *text = files->read(files->data, file, arena);
    int64_t number;

    if (!text || strcmp(text, "max") == 0)
        return -1;
    number = strtoll(text, NULL, 10);
    return number >= V1_UNLIMITED ? -1 : number;
}

static const char *
show_limit(struct sc_arena *arena, bool as_v2, int64_t number)
{
    if (number < 0)
        return as_v2 ? "max" : sc_arena_printf(arena, "%" PRId64, V1_UNLIMITED);
    return sc_arena_printf(arena, "%" PRId64, number);
}

/* ---- setting -------------------------------------------------------------------------------------------------- */

struct set {
    const struct sc_cgroup_files *files;
    const struct sc_key_row *row;
    const char *key, *value;
    struct sc_arena *arena;
    struct sc_cgroup_writes *out;
};

static void
add_write(const struct set *s, const char *file, const char *value)
{
    struct sc_cgroup_write *grown = SC_ARENA_ARRAY(s->arena, struct sc_cgroup_write, s->out->count + 1);

    if (!grown)
        return;
    if (s->out->count > 0)
        memcpy(grown, s->out->items, s->out->count * sizeof(*grown));
    grown[s->out->count++] = (struct sc_cgroup_write){
        .hierarchy = -1, .file = sc_arena_strdup(s->arena, file), .value = sc_arena_strdup(s->arena, value)};
    s->out->items = grown;
}

static int
set_weight(const struct set *s, uint64_t low, uint64_t high, uint64_t (*convert)(uint64_t), struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t number;
    char what[64];

    (void)snprintf(what, sizeof(what), "a number from %" PRIu64 " to %" PRIu64, low, high);
    if (sc_parse_u64(s->value, &number, &ignored) < 0 || number < low || number > high)
        return bad_value(s->key, s->value, what, err);
    add_write(s, s->row->other, sc_arena_printf(s->arena, "%" PRIu64, convert(number)));
    return 0;
}

static int
set_freeze(const struct set *s, struct sc_err *err)
{
    static const char *const words[2][2] = {{"THAWED", "0"}, {"FROZEN", "1"}};
    bool is_v2 = s->files->is_v2;

    for (size_t i = 0; i < 2; i++) {
        if (strcmp(s->value, words[i][is_v2 ? 0 : 1]) == 0) {
            add_write(s, s->row->other, words[i][is_v2 ? 1 : 0]);
            return 0;
        }
    }
    return bad_value(s->key, s->value, is_v2 ? "FROZEN or THAWED" : "0 or 1", err);
}

/* The two words of cpu.max. */
static void
read_cpu_max(const struct sc_cgroup_files *files, struct sc_arena *arena, const char **quota, const char **period)
{
    const char *text = files->read(files->data, "cpu.max", arena);
    size_t len = text ? strcspn(text, " ") : 0;

    *quota = len ? sc_arena_strndup(arena, text, len) : "max";
    *period = len && text[len] ? text + len + 1 : "100000";
}

static int
set_cpu_max(const struct set *s, struct sc_err *err)
{
    const char *quota, *period;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number = -1;
    size_t len;

    if (s->row->form != SC_KEY_CPU_MAX) { /* one of v1's, on v2 */
        if (sc_parse_i64(s->value, &number, &ignored) < 0)
            return bad_value(s->key, s->value, "a number of microseconds", err);
        read_cpu_max(s->files, s->arena, &quota, &period);
        if (s->row->form == SC_KEY_CPU_QUOTA)
            quota = number < 0 ? "max" : s->value;
        else
            period = s->value;
        add_write(s, "cpu.max", sc_arena_printf(s->arena, "%s %s", quota, period));
        return 0;
    }
    len = strcspn(s->value, " ");
    quota = sc_arena_strndup(s->arena, s->value, len);
    period = s->value[len] ? s->value + len + 1 : NULL;
    if (!quota)
        return sc_err_nomem(err);
    if ((strcmp(quota, "max") != 0 && sc_parse_i64(quota, &number, &ignored) < 0) ||
        (period && sc_parse_i64(period, &number, &ignored) < 0))
        return bad_value(s->key, s->value, "QUOTA, or QUOTA PERIOD, of max and microseconds", err);
    if (period)
        add_write(s, "cpu.cfs_period_us", period);
    add_write(s, "cpu.cfs_quota_us", strcmp(quota, "max") == 0 ? "-1" : quota);
    return 0;
}

/* v1 counts memory and swap together, v2 swap alone. */
static int
set_swap(const struct set *s, struct sc_err *err)
{
    const char *memory_file = s->files->is_v2 ? "memory.max" : "memory.limit_in_bytes";
    int64_t memory = read_limit(s->files, memory_file, s->arena), number;

    for (size_t i = 0; i < s->out->count; i++) { /* as it will be */
        if (strcmp(s->out->items[i].file, memory_file) == 0)
            memory = strcmp(s->out->items[i].value, "max") == 0 ? -1 : strtoll(s->out->items[i].value, NULL, 10);
    }
    if (parse_limit(s->key, s->value, &number, err) < 0)
        return -1;
    if (number >= 0 && memory < 0) {
        sc_err_set(err, SC_ERR_INVALID, "%s: a limit that counts swap %s memory needs one on memory first", s->key,
                   s->files->is_v2 ? "and" : "without");
        return sc_err_remedy(err, "set %s before it", memory_file);
    }
    if (s->files->is_v2 && number >= 0 && number < memory)
        return sc_err_set(err, SC_ERR_INVALID,
                          "%s: %" PRId64 " bytes of memory and swap are less than the %" PRId64 " of memory alone",
                          s->key, number, memory);
    if (number >= 0)
        number += s->files->is_v2 ? -memory : memory;
    add_write(s, s->row->other, number < 0 && !s->files->is_v2 ? "-1" : show_limit(s->arena, s->files->is_v2, number));
    return 0;
}

/* "8:0 1048576", v1's way; 0 lifts the limit, as "max" does in v2. */
static int
set_io_part(const struct set *s, struct sc_err *err)
{
    size_t len = strcspn(s->value, " ");
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number;

    if (!s->value[len] || !memchr(s->value, ':', len) || sc_parse_size(s->value + len + 1, &number, &ignored) < 0)
        return bad_value(s->key, s->value, "MAJOR:MINOR NUMBER", err);
    add_write(s, "io.max",
              number ? sc_arena_printf(s->arena, "%.*s %s=%" PRId64, (int)len, s->value, s->row->other, number)
                     : sc_arena_printf(s->arena, "%.*s %s=max", (int)len, s->value, s->row->other));
    return 0;
}

/* "8:0 rbps=1048576 wiops=max", v2's way */
static int
set_io_max(const struct set *s, struct sc_err *err)
{
    size_t len = strcspn(s->value, " "), before = s->out->count;

    for (const char *at = s->value + len; *at == ' ';) {
        size_t word = strcspn(++at, " "), equals = strcspn(at, "=");
        bool is_known = false;

        for (size_t i = 0; i < SC_ARRAY_LEN(throttles) && equals < word; i++) {
            const char *number = sc_arena_strndup(s->arena, at + equals + 1, word - equals - 1);

            if (strlen(throttles[i].io) != equals || strncmp(throttles[i].io, at, equals) != 0)
                continue;
            is_known = number && *number && strspn(number, "0123456789") == strlen(number);
            is_known = is_known || sc_str_eq(number, "max");
            add_write(s, throttles[i].name,
                      sc_arena_printf(s->arena, "%.*s %s", (int)len, s->value,
                                      sc_str_eq(number, "max") ? "0"
                                      : number                 ? number
                                                               : ""));
        }
        if (!is_known)
            break;
        at += word;
        if (!*at && s->out->count > before && memchr(s->value, ':', len))
            return 0;
    }
    s->out->count = before;
    return bad_value(s->key, s->value, "MAJOR:MINOR and rbps=, wbps=, riops= or wiops= numbers", err);
}

static int
set_translated(const struct set *s, struct sc_err *err)
{
    bool to_v2 = s->files->is_v2;
    int64_t number;

    switch (s->row->form) {
    case SC_KEY_LIMIT:
        if (parse_limit(s->key, s->value, &number, err) < 0)
            return -1;
        add_write(s, s->row->other, number < 0 && !to_v2 ? "-1" : show_limit(s->arena, to_v2, number));
        return 0;
    case SC_KEY_SHARES:
        return to_v2 ? set_weight(s, 2, 262144, sc_cgroup_weight_of_shares, err)
                     : set_weight(s, 1, 10000, sc_cgroup_shares_of_weight, err);
    case SC_KEY_WEIGHT:
        return to_v2 ? set_weight(s, 10, 1000, sc_cgroup2_io_weight, err)
                     : set_weight(s, 1, 10000, sc_cgroup2_bfq_weight, err);
    case SC_KEY_FREEZE:
        return set_freeze(s, err);
    case SC_KEY_CPU_QUOTA:
    case SC_KEY_CPU_PERIOD:
    case SC_KEY_CPU_MAX:
        return set_cpu_max(s, err);
    case SC_KEY_MEMSW:
    case SC_KEY_SWAP:
        return set_swap(s, err);
    case SC_KEY_IO_MAX_PART:
        return set_io_part(s, err);
    case SC_KEY_IO_MAX:
        return set_io_max(s, err);
    default:
        add_write(s, s->row->other, s->value);
        return 0;
    }
}

static int
no_counterpart(const struct sc_cgroup_files *files, const char *key, const struct sc_key_row *row, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: it is of cgroup v%d, and this is v%d: %s", key,
                      files->is_v2 ? 1 : 2, files->is_v2 ? 2 : 1, row->other);
}

int
sc_cgroup_key_set(const struct sc_cgroup_files *files, const char *key, const char *value, struct sc_arena *arena,
                  struct sc_cgroup_writes *out, struct sc_err *err)
{
    struct sc_key_row row = {.key = NULL};
    struct set s = {.files = files, .row = &row, .key = key, .value = value, .arena = arena, .out = out};

    if (!sc_cgroup_key_find_row(files->is_v2, key, arena, &row))
        add_write(&s, key, value);
    else if (row.form == SC_KEY_NONE)
        return no_counterpart(files, key, &row, err);
    else if (row.is_readonly)
        return sc_err_set(err, SC_ERR_INVALID, "%s: it can only be read", key);
    else if (set_translated(&s, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}

/* ---- getting --------------------------------------------------------------------------------------------------- */

/* "usage_usec 123" in a flat-keyed text */
static const char *
flat_value(const char *text, const char *key, struct sc_arena *arena)
{
    size_t len = strlen(key);

    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return sc_arena_strndup(arena, line + len + 1, strcspn(line + len + 1, "\n"));
    }
    return NULL;
}

/* Lines "8:0 1000" out of "8:0 rbps=1000 wbps=max riops=max wiops=max" */
static const char *
get_io_part(const char *text, const char *part, struct sc_arena *arena)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    char wanted[16];

    (void)snprintf(wanted, sizeof(wanted), " %s=", part);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = strstr(line, wanted), *end = strchrnul(line, '\n');

        if (!at || at > end || strncmp(at + strlen(wanted), "max", 3) == 0)
            continue;
        at += strlen(wanted);
        sc_buf_addf(&out, "%s%.*s %.*s", out.len ? "\n" : "", (int)strcspn(line, " "), line, (int)strcspn(at, " \n"),
                    at);
    }
    return sc_arena_strdup(arena, sc_buf_str(&out));
}

static const char *
get_io_max(const struct sc_cgroup_files *files, struct sc_arena *arena)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    for (size_t i = 0; i < SC_ARRAY_LEN(throttles); i++) {
        const char *text = files->read(files->data, throttles[i].name, arena);

        for (const char *line = text ? text : ""; *line; line += strcspn(line, "\n"), line += *line == '\n') {
            size_t device = strcspn(line, " \n");

            if (line[device] == ' ')
                sc_buf_addf(&out, "%s%.*s %s=%.*s", out.len ? "\n" : "", (int)device, line, throttles[i].io,
                            (int)strcspn(line + device + 1, "\n"), line + device + 1);
        }
    }
    return sc_arena_strdup(arena, sc_buf_str(&out));
}

static const char *
get_sum(const struct sc_cgroup_files *files, const char *file, const char *other, bool subtracts, bool is_limit,
        struct sc_arena *arena)
{
    int64_t a = read_limit(files, file, arena), b = read_limit(files, other, arena);

    if (a < 0 || b < 0)
        return is_limit ? show_limit(arena, !files->is_v2, -1) : NULL;
    return sc_arena_printf(arena, "%" PRId64, subtracts ? (a > b ? a - b : 0) : a + b);
}

static const char *
get_translated(const struct sc_cgroup_files *files, const struct sc_key_row *row, struct sc_arena *arena)
{
    const char *quota, *period, *text, *space;

    switch (row->form) {
    case SC_KEY_MEMSW:
        return get_sum(files, "memory.swap.max", "memory.max", false, true, arena);
    case SC_KEY_MEMSW_USAGE:
        return get_sum(files, "memory.swap.current", "memory.current", false, false, arena);
    case SC_KEY_SWAP:
        return get_sum(files, "memory.memsw.limit_in_bytes", "memory.limit_in_bytes", true, true, arena);
    case SC_KEY_SWAP_USAGE:
        return get_sum(files, "memory.memsw.usage_in_bytes", "memory.usage_in_bytes", true, false, arena);
    case SC_KEY_CPU_QUOTA:
    case SC_KEY_CPU_PERIOD:
        read_cpu_max(files, arena, &quota, &period);
        return row->form == SC_KEY_CPU_PERIOD ? period : sc_str_eq(quota, "max") ? "-1" : quota;
    case SC_KEY_IO_MAX:
        return get_io_max(files, arena);
    case SC_KEY_COUNT:
        space = strchr(row->other, ' ');
        text = files->read(files->data, sc_arena_strndup(arena, row->other, (size_t)(space - row->other)), arena);
        return text ? flat_value(text, space + 1, arena) : NULL;
    default:
        break;
    }
    text = files->read(files->data, row->form == SC_KEY_IO_MAX_PART ? "io.max" : row->other, arena);
    if (!text)
        return NULL;
    switch (row->form) {
    case SC_KEY_LIMIT:
        return show_limit(arena, !files->is_v2, read_limit(files, row->other, arena));
    case SC_KEY_SHARES:
        return sc_arena_printf(arena, "%" PRIu64,
                               files->is_v2 ? sc_cgroup_shares_of_weight(strtoull(text, NULL, 10))
                                            : sc_cgroup_weight_of_shares(strtoull(text, NULL, 10)));
    case SC_KEY_WEIGHT: /* "default 100" and a line for each device */
        text = sc_str_starts(text, "default ") ? text + strlen("default ") : text;
        return files->is_v2
                   ? sc_arena_printf(arena, "%" PRIu64, sc_cgroup2_bfq_weight(strtoull(text, NULL, 10)))
                   : sc_arena_printf(arena, "default %" PRIu64, sc_cgroup2_io_weight(strtoull(text, NULL, 10)));
    case SC_KEY_FREEZE:
        return files->is_v2 ? (*text == '1' ? "FROZEN" : "THAWED") : (strcmp(text, "THAWED") == 0 ? "0" : "1");
    case SC_KEY_CPU_MAX:
        period = files->read(files->data, "cpu.cfs_period_us", arena);
        return sc_arena_printf(arena, "%s %s", *text == '-' ? "max" : text, period ? period : "100000");
    case SC_KEY_IO_MAX_PART:
        return get_io_part(text, row->other, arena);
    case SC_KEY_USAGE_NS:
        text = flat_value(text, "usage_usec", arena);
        return text ? sc_arena_printf(arena, "%s000", text) : NULL;
    default:
        return text;
    }
}

int
sc_cgroup_key_get(const struct sc_cgroup_files *files, const char *key, struct sc_arena *arena, const char **out,
                  struct sc_err *err)
{
    struct sc_key_row row;
    const char *value;

    errno = ENOENT;
    if (!sc_cgroup_key_find_row(files->is_v2, key, arena, &row))
        value = files->read(files->data, key, arena);
    else if (row.form == SC_KEY_NONE)
        return no_counterpart(files, key, &row, err);
    else
        value = get_translated(files, &row, arena);
    if (!value) {
        if (errno == ENOENT)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "the cgroup has no \"%s\"", key);
        return sc_err_errno(err, errno, "read \"%s\"", key);
    }
    *out = value;
    return sc_arena_check(arena, err);
}
