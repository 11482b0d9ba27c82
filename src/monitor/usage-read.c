/* Reading back what the monitor wrote of a container's use; apart from usage.c because sc-monitor has no JSON reader.
 */
#include <string.h>

#include "base/json.h"
#include "monitor/monitor.h"
#include "monitor/usage-priv.h"

int
sc_usage_decode(const json_t *json, struct sc_usage *out, struct sc_err *err)
{
    *out = (struct sc_usage){.cpu_ns = 0};
    for (size_t i = 0; i < sc_usage_field_count; i++) {
        int64_t value = 0;

        if (sc_json_get_i64(json, sc_usage_fields[i].name, "usage", &value, err) < 0)
            return -1;
        *(uint64_t *)(void *)((char *)out + sc_usage_fields[i].offset) = value < 0 ? UINT64_MAX : (uint64_t)value;
    }
    return 0;
}

static int
by_age(const void *a, const void *b)
{
    const struct sc_blackbox_sample *x = a, *y = b;

    return x->made < y->made ? -1 : x->made > y->made;
}

int
sc_blackbox_read(int dir_fd, struct sc_arena *arena, struct sc_blackbox_sample **out, size_t *count, struct sc_err *err)
{
    const struct sc_blackbox_head head = SC_BLACKBOX_HEAD;
    sc_cleanup_buf text = SC_BUF_INIT;
    size_t size = sizeof(head) + SC_BLACKBOX_SLOTS * sizeof(struct sc_blackbox_sample);

    *count = 0;
    if (sc_file_read_at(dir_fd, SC_BLACKBOX_FILE, size, &text, err) < 0)
        return -1;
    if (text.len > 0 && (text.len < sizeof(head) || memcmp(text.data, &head, sizeof(head)) != 0))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "read the container's accounts: another version of sc wrote them");
    *count = text.len < sizeof(head) ? 0 : (text.len - sizeof(head)) / sizeof(**out);
    *out = SC_ARENA_ARRAY(arena, struct sc_blackbox_sample, *count + 1);
    if (!*out)
        return sc_err_nomem(err);
    if (*count > 0)
        memcpy(*out, text.data + sizeof(head), *count * sizeof(**out));
    qsort(*out, *count, sizeof(**out), by_age);
    return 0;
}
