/* The documents of which this folder knows the form: what each is made of, where its members' names begin in messages.
 */
#include <string.h>

#include "oci/oci-priv.h"

/* what names the document in messages; where is the path its members start with. */
static int
decode_document(const char *text, size_t len, const char *what, const char *where, struct sc_oci_decoder *decoder,
                const struct sc_oci_object *object, void *out, struct sc_err *err)
{
    sc_cleanup_json json = NULL;

    if (sc_json_parse(text, len, what, &json, err) < 0)
        return -1;
    if (!json_is_object(json))
        return sc_err_set(err, SC_ERR_INVALID, "%s: must be an object", what);
    (void)sc_oci_path_push(decoder, where);
    memset(out, 0, object->size);
    if (sc_oci_decode_object(decoder, json, object, out, err) < 0)
        return -1;
    return sc_arena_check(decoder->arena, err);
}

int
sc_oci_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_oci_spec *out, struct sc_err *err)
{
    struct sc_oci_decoder decoder = {.arena = arena};

    return decode_document(text, len, "config.json", "", &decoder, &sc_oci_spec_object, out, err);
}

int
sc_oci_decode_process(const char *text, size_t len, struct sc_arena *arena, struct sc_oci_process *out,
                      struct sc_err *err)
{
    struct sc_oci_decoder decoder = {.arena = arena};

    return decode_document(text, len, "process", "process", &decoder, &sc_oci_process_object, out, err);
}

int
sc_oci_decode_resources(const char *text, size_t len, struct sc_arena *arena, struct sc_oci_resources *out,
                        struct sc_err *err)
{
    struct sc_oci_decoder decoder = {.arena = arena};

    return decode_document(text, len, "resources", "linux.resources", &decoder, &sc_oci_resources_object, out, err);
}

int
sc_oci_decode_seccomp(const char *text, size_t len, uint64_t caps, const char *kernel_release, struct sc_arena *arena,
                      struct sc_oci_seccomp *out, struct sc_err *err)
{
    struct sc_oci_seccomp_host host = {.caps = caps};
    struct sc_oci_decoder decoder = {.arena = arena, .seccomp_host = &host};

    if (!sc_oci_kernel_version(kernel_release, &host.kernel_major, &host.kernel_minor))
        return sc_err_set(err, SC_ERR_INTERNAL, "kernel release \"%s\": must be a version", kernel_release);
    return decode_document(text, len, "seccomp profile", "seccomp", &decoder, &sc_oci_seccomp_object, out, err);
}

int
sc_oci_encode(const struct sc_oci_spec *spec, struct sc_buf *out, struct sc_err *err)
{
    struct sc_oci_encoder encoder = {.out = out};

    sc_oci_encode_object(&encoder, &sc_oci_spec_object, spec);
    sc_buf_addc(out, '\n');
    return sc_buf_check(out, err);
}
