/*
 * config.json, and the parts of it that come alone: whatever decodes can be validated, and what the
 * encoder makes of it decodes to the same again.
 */
#include <string.h>

#include "oci/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only these are the input's fault. */
static void
check_err(const struct sc_err *err)
{
    if (err->kind != SC_ERR_INVALID && err->kind != SC_ERR_UNSUPPORTED)
        SC_BUG("an error of another kind");
    if (err->msg[0] == '\0')
        SC_BUG("an error without a message");
}

static void
fuzz_config(const char *text, size_t len)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf once = SC_BUF_INIT, twice = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_oci_spec spec, again;

    if (sc_oci_decode(text, len, &arena, &spec, &err) < 0) {
        check_err(&err);
        return;
    }
    if (sc_oci_encode(&spec, &once, &err) < 0)
        SC_BUG("what was decoded is not encoded");
    if (sc_oci_decode(sc_buf_str(&once), once.len, &arena, &again, &err) < 0)
        SC_BUG(err.msg);
    if (sc_oci_encode(&again, &twice, &err) < 0 || strcmp(sc_buf_str(&once), sc_buf_str(&twice)) != 0)
        SC_BUG("decoding what was encoded gives something else");
    if (sc_oci_validate(&spec, &err) < 0)
        check_err(&err);
}

static void
fuzz_parts(const char *text, size_t len)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_resources resources;
    struct sc_oci_process process;
    struct sc_oci_seccomp seccomp;
    struct sc_err err = SC_ERR_INIT;

    if (sc_oci_decode_process(text, len, &arena, &process, &err) < 0 || sc_oci_validate_process(&process, &err) < 0)
        check_err(&err);
    if (sc_oci_decode_resources(text, len, &arena, &resources, &err) < 0 ||
        sc_oci_validate_resources(&resources, &err) < 0)
        check_err(&err);
    if (sc_oci_decode_seccomp(text, len, 0xa80425fb, "6.1.0", &arena, &seccomp, &err) < 0 ||
        sc_oci_validate_seccomp(&seccomp, &err) < 0)
        check_err(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_config((const char *)data, size);
    fuzz_parts((const char *)data, size);
    return 0;
}
