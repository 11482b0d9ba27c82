/* The JSON parser beside jansson's: the same texts, the same values; and what is dumped is parsed to the same. */
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
errors_differ_knowingly(const char *ours, const char *theirs)
{
    /* jansson nests deeper, has no numbers above INT64_MAX, and takes strings that look like ours of those. */
    return strstr(ours, "too many levels") || strstr(ours, "stands for a number") || strstr(theirs, "too big");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json ours = NULL;
    sc_cleanup_json theirs = NULL;
    sc_cleanup_json again = NULL;
    struct sc_err err = SC_ERR_INIT;
    json_error_t error = {.line = 0};

    theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (sc_json_parse((const char *)data, size, "input", &ours, &err) < 0) {
        if (err.kind != SC_ERR_INVALID)
            SC_BUG("an error of another kind");
        /* jansson takes a NUL at the end of a scalar for the end. */
        if (theirs && !errors_differ_knowingly(err.msg, "") && !memchr(data, 0, size))
            SC_BUG("jansson takes it");
        return 0;
    }
    if (!theirs) {
        if (!errors_differ_knowingly("", error.text))
            SC_BUG("jansson refuses it");
    } else if (!json_equal(ours, theirs)) {
        SC_BUG("jansson reads another value");
    }
    if (sc_json_dump_pretty(ours, &text, &err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "dump", &again, &err) < 0)
        SC_BUG(err.msg);
    if (!json_equal(ours, again))
        SC_BUG("the dump has another value");
    return 0;
}
