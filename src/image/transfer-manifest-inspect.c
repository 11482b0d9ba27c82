/* sc-transfer: manifest inspect, of a list that is being made, of an image in it, or of what a registry has. */
#include <stdio.h>
#include <string.h>

#include "image/registry/registry-priv.h"
#include "image/transfer-manifest-priv.h"

/* Docker's words for one manifest: where it is, its descriptor, its bytes, and the document itself. platform: what an
 * index says of it, or NULL: what its config does. */
static int
explain(struct sc_job *job, const struct sc_reference *ref, const char *shown,
        const struct sc_registry_options *options, json_t *platform, json_t **out, struct sc_err *err)
{
    sc_cleanup_described described = {.text = SC_BUF_INIT};
    sc_cleanup_json own = NULL;
    json_t *document;
    const char *key;

    if (sc_describe(job, ref, options, &described, err) < 0 || sc_described_platform(&described, &own, err) < 0 ||
        sc_json_parse(sc_buf_str(&described.text), described.text.len, "manifest", &document, err) < 0)
        return -1;
    key = sc_str_eq(described.manifest.media_type, SC_MEDIA_MANIFEST) ? "OCIManifest" : "SchemaV2Manifest";
    *out = json_pack("{s:s, s:{s:s, s:s, s:I, s:O}, s:s, s:o}", "Ref", shown, "Descriptor", "mediaType",
                     described.manifest.media_type, "digest", described.digest, "size", (json_int_t)described.text.len,
                     "platform", platform ? platform : own, "Raw",
                     sc_base64_encode(described.text.data, described.text.len, &job->arena), key, document);
    return *out ? 0 : sc_err_nomem(err);
}

/* The images of a list that is being made, each from where it was named. */
static int
explain_making(struct sc_job *job, const struct sc_making *making, const struct sc_registry_options *options,
               json_t **out, struct sc_err *err)
{
    const json_t *manifests = json_object_get(making->list, "manifests");

    *out = json_array();
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);
        struct sc_reference ref;
        json_t *one = NULL;

        if (sc_making_source(job, item, &ref, err) < 0 ||
            explain(job, &ref, json_string_value(json_object_get(item, "ref")), options,
                    json_object_get(item, "platform"), &one, err) < 0)
            return -1;
        (void)json_array_append_new(*out, one);
    }
    return 0;
}

/* The images of an index that the registry has under ref. */
static int
explain_index(struct sc_job *job, struct sc_reference *ref, const json_t *index,
              const struct sc_registry_options *options, json_t **out, struct sc_err *err)
{
    const json_t *manifests = json_object_get(index, "manifests");
    const char *name = sc_reference_full(ref, &job->arena);

    *out = json_array();
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);
        const char *digest = json_string_value(json_object_get(item, "digest"));
        json_t *one = NULL;
        char *shown;

        if (!sc_digest_is_valid(digest))
            return sc_err_set(err, SC_ERR_INVALID, "index \"%s\": item %zu has no valid digest", name, i);
        ref->digest = sc_arena_strdup(&job->arena, digest);
        shown = sc_arena_printf(&job->arena, "%s@%s", name, digest);
        if (sc_arena_check(&job->arena, err) < 0 ||
            explain(job, ref, shown, options, json_object_get(item, "platform"), &one, err) < 0)
            return -1;
        (void)json_array_append_new(*out, one);
    }
    return 0;
}

/* What the registry has, as Docker prints it: with a tab for each level, an index with three spaces. */
static int
inspect_remote(struct sc_job *job, struct sc_reference *ref, const struct sc_registry_options *options, bool is_verbose,
               struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json document = NULL;
    sc_cleanup_json all = NULL;
    char *digest, *media_type;
    bool is_index;

    if (sc_registry_manifest(ref, options, &job->arena, &text, &digest, &media_type, err) < 0)
        return sc_manifest_absent(ref, job, err);
    if (sc_json_parse(sc_buf_str(&text), text.len, "manifest", &document, err) < 0)
        return -1;
    is_index = json_is_array(json_object_get(document, "manifests"));
    if (!is_verbose)
        return sc_json_dump_indented(document, is_index ? 3 : 0, out, err);
    if ((is_index ? explain_index(job, ref, document, options, &all, err)
                  : explain(job, ref, sc_reference_full(ref, &job->arena), options, NULL, &all, err)) < 0)
        return -1;
    return sc_json_dump_indented(all, 0, out, err);
}

static int
inspect_making(struct sc_job *job, struct sc_making *making, const struct sc_registry_options *options, bool is_verbose,
               struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json all = NULL;

    if (!is_verbose)
        return sc_making_text(making->list, out, err);
    if (explain_making(job, making, options, &all, err) < 0)
        return -1;
    return sc_json_dump_indented(all, 0, out, err);
}

/* One image of a list that is being made. */
static int
inspect_item(struct sc_job *job, const char *list, const char *name, const struct sc_registry_options *options,
             bool is_verbose, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_making making = {.list = NULL};
    sc_cleanup_json all = NULL;
    struct sc_reference ref;
    const json_t *item;

    if (sc_making_read(job, list, &making, err) < 0)
        return -1;
    item = sc_making_find(job, &making, name);
    if (!item)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest: \"%s\": it is not in the list \"%s\"", name, list);
    if (sc_making_source(job, item, &ref, err) < 0)
        return -1;
    if (!is_verbose)
        return inspect_remote(job, &ref, options, false, out, err);
    if (explain(job, &ref, json_string_value(json_object_get(item, "ref")), options, json_object_get(item, "platform"),
                &all, err) < 0)
        return -1;
    return sc_json_dump_indented(all, 0, out, err);
}

/* A list that is being made is looked at before the registry is. */
static int
inspect_name(struct sc_job *job, const char *name, const struct sc_registry_options *options, bool is_verbose,
             struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_making making = {.list = NULL};
    struct sc_err cause = SC_ERR_INIT;
    struct sc_reference ref;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0)
        return -1;
    if (ref.tag && !ref.digest && sc_making_read(job, name, &making, &cause) == 0)
        return inspect_making(job, &making, options, is_verbose, out, err);
    return inspect_remote(job, &ref, options, is_verbose, out, err);
}

int
sc_job_manifest_inspect(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    bool is_verbose = false;
    const struct sc_transfer_option table[] = {{.letter = 'v', .name = "verbose", .flag = &is_verbose},
                                               {.name = "insecure", .flag = &flags.is_insecure},
                                               SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count < 1 || operands.count > 2)
        return sc_job_usage(err, "sc manifest inspect [-v] [LIST] NAME[:TAG|@DIGEST]");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if ((operands.count == 2 ? inspect_item(job, operands.items[0], operands.items[1], &options, is_verbose, &text, err)
                             : inspect_name(job, operands.items[0], &options, is_verbose, &text, err)) < 0)
        return -1;
    (void)fwrite(text.data, 1, text.len, stdout);
    (void)putchar('\n');
    return 0;
}
