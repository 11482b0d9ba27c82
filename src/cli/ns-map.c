/* The id maps that unshare(1)'s options mean. Pure. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static int
parse_part(const char *text, const char **end, int64_t *out, const char *whole, struct sc_err *err)
{
    char digits[SC_NUM_MAX];
    size_t len = strcspn(text, ",");
    struct sc_err ignored = SC_ERR_INIT;

    if (len == 0 || len >= sizeof(digits))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.60s\" is not OUTER,INNER,COUNT", whole);
    memcpy(digits, text, len);
    digits[len] = '\0';
    if (sc_parse_i64(digits, out, &ignored) < 0 || *out < 0 || *out > UINT32_MAX - 1)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.60s\" is not OUTER,INNER,COUNT", whole);
    *end = text + len + (text[len] == ',');
    return 0;
}

int
sc_ns_range_parse(const char *text, struct sc_ns_range *out, struct sc_err *err)
{
    const char *at = text;

    if (parse_part(at, &at, &out->outer, text, err) < 0 || parse_part(at, &at, &out->inner, text, err) < 0 ||
        parse_part(at, &at, &out->count, text, err) < 0)
        return -1;
    if (*at || at[-1] == ',' || out->count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.60s\" is not OUTER,INNER,COUNT", text);
    if (out->outer + out->count > UINT32_MAX || out->inner + out->count > UINT32_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.60s\" goes beyond the last id", text);
    return 0;
}

void
sc_ns_map_add(struct sc_buf *out, const struct sc_opt_i64 *single, uint32_t self, const struct sc_ns_range *range)
{
    int64_t before = range->count, inner = range->inner, outer = range->outer;

    if (single->is_set)
        sc_buf_addf(out, "%" PRId64 " %" PRIu32 " 1\n", single->value, self);
    if (range->count == 0)
        return;
    /* The single one makes a hole in what the range becomes inside; outside, the range is used from its start. */
    if (single->is_set && single->value >= inner && single->value < inner + range->count)
        before = single->value - inner;
    if (before > 0)
        sc_buf_addf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", inner, outer, before);
    if (range->count - before > 1)
        sc_buf_addf(out, "%" PRId64 " %" PRId64 " %" PRId64 "\n", inner + before + 1, outer + before,
                    range->count - before - 1);
}
