/*
 * sc-transfer: manifest inspect, create, annotate, push, rm. A list being made is an OCI index in
 * <data>/image/sc-manifest/, under the digest of its name; pushing sends it to the registry that has its parts. Until
 * then each of its items also has the name it was added by, as "ref".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"
#include "image/transfer-program-priv.h"

#define LIST_NAME_MAX 600

/* ---- lists ----------------------------------------------------------------------------------------------------- */

/* "sc-manifest/<hex of the name>" */
static int
list_path(const char *full_name, struct sc_arena *arena, char **out, struct sc_err *err)
{
    char digest[SC_DIGEST_LEN + 1];

    if (sc_hash_text(full_name, strlen(full_name), digest, err) < 0)
        return -1;
    *out = sc_arena_printf(arena, "sc-manifest/%s", sc_digest_hex(digest));
    return *out ? 0 : sc_err_nomem(err);
}

static int
list_ref(struct sc_job *job, const char *name, struct sc_reference *ref, char **path, struct sc_err *err)
{
    if (sc_reference_parse(name, &job->arena, ref, err) < 0)
        return -1;
    if (!ref->tag)
        return sc_err_set(err, SC_ERR_INVALID, "manifest list \"%s\": needs a tag", name);
    return list_path(sc_reference_full(ref, &job->arena), &job->arena, path, err);
}

/* The list that is being made under this name; SC_ERR_NOT_FOUND. */
static int
read_list(const struct sc_job *job, const char *name, const char *path, json_t **out, struct sc_err *err)
{
    if (sc_json_read_at(job->store.image_fd, path, SC_IMAGE_JSON_MAX, out, err) == 0)
        return 0;
    if (err->kind != SC_ERR_NOT_FOUND)
        return -1;
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest list: \"%s\"", name);
    return sc_err_remedy(err, "make it with `sc manifest create`");
}

static int
write_list(const struct sc_job *job, const char *path, const json_t *list, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(list, &text, err) < 0)
        return -1;
    return sc_file_replace_at(job->store.image_fd, path, sc_buf_str(&text), text.len, 0644, SC_DURABLE, err);
}

/* The index as others shall see it. */
static int
public_text(json_t *list, struct sc_buf *text, struct sc_err *err)
{
    json_t *manifests = json_object_get(list, "manifests");

    for (size_t i = 0; i < json_array_size(manifests); i++)
        (void)json_object_del(json_array_get(manifests, i), "ref");
    return sc_json_dump(list, text, err);
}

/* The descriptor of one image at a registry, with the platform that its config says; its manifest is in text. */
static int
describe(struct sc_job *job, const char *name, const struct sc_registry_options *options, struct sc_buf *text,
         json_t **out, struct sc_err *err)
{
    sc_cleanup_buf config = SC_BUF_INIT;
    struct sc_manifest manifest;
    struct sc_reference ref;
    struct sc_image image;
    char *digest, *media_type;
    json_t *platform;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0 ||
        sc_registry_manifest(&ref, options, &job->arena, text, &digest, &media_type, err) < 0 ||
        sc_manifest_decode(sc_buf_str(text), text->len, &job->arena, &manifest, err) < 0 ||
        sc_registry_blob(&ref, options, manifest.config_digest, &config, err) < 0 ||
        sc_image_config_decode(sc_buf_str(&config), config.len, &job->arena, &image, err) < 0)
        return sc_err_wrap(err, "\"%s\"", name);
    platform = json_pack("{s:s, s:s}", "architecture", image.architecture ? image.architecture : "", "os",
                         image.os ? image.os : "linux");
    if (image.variant && *image.variant)
        (void)json_object_set_new(platform, "variant", json_string(image.variant));
    *out = json_pack("{s:s, s:s, s:I, s:o}", "mediaType", manifest.media_type, "digest", digest, "size",
                     (json_int_t)text->len, "platform", platform);
    return *out ? 0 : sc_err_nomem(err);
}

static int
open_list(const struct sc_store *store, const char *path, bool may_exist, json_t **out, struct sc_err *err)
{
    struct sc_err cause = SC_ERR_INIT;

    if (sc_json_read_at(store->image_fd, path, SC_IMAGE_JSON_MAX, out, &cause) == 0) {
        if (may_exist)
            return 0;
        json_decref(*out);
        *out = NULL;
        sc_err_set(err, SC_ERR_EXISTS, "refusing to amend an existing manifest list");
        return sc_err_remedy(err, "give --amend to add to it");
    }
    if (cause.kind != SC_ERR_NOT_FOUND) {
        *err = cause;
        return -1;
    }
    *out = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", SC_MEDIA_INDEX, "manifests");
    return *out ? 0 : sc_err_nomem(err);
}

static int
add_to_list(struct sc_job *job, json_t *list, const char *name, const struct sc_registry_options *options,
            struct sc_err *err)
{
    json_t *manifests = json_object_get(list, "manifests");
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json item = NULL;
    const char *digest;

    if (describe(job, name, options, &text, &item, err) < 0)
        return -1;
    (void)json_object_set_new(item, "ref", json_string(name));
    digest = json_string_value(json_object_get(item, "digest"));
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        if (sc_str_eq(json_string_value(json_object_get(json_array_get(manifests, i), "digest")), digest))
            (void)json_array_remove(manifests, i);
    }
    return json_array_append(manifests, item) < 0 ? sc_err_nomem(err) : 0;
}

int
sc_job_manifest_create(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    bool amends = false;
    const struct sc_transfer_option table[] = {{.letter = 'a', .name = "amend", .flag = &amends},
                                               {.letter = 'i', .name = "insecure", .flag = &flags.is_insecure},
                                               SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_json list = NULL;
    struct sc_reference ref;
    char *path;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count < 2)
        return sc_job_usage(err, "sc manifest create [--amend] LIST MANIFEST...");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (list_ref(job, operands.items[0], &ref, &path, err) < 0 || sc_job_open_store(job, err) < 0 ||
        sc_dir_make_at(job->store.image_fd, "sc-manifest", 0755, err) < 0 ||
        open_list(&job->store, path, amends, &list, err) < 0)
        return -1;
    for (size_t i = 1; i < operands.count; i++) {
        if (add_to_list(job, list, operands.items[i], &options, err) < 0)
            return -1;
    }
    if (write_list(job, path, list, err) < 0)
        return -1;
    (void)printf("Created manifest list %s\n", sc_reference_full(&ref, &job->arena));
    return 0;
}

/* The item that was added by this name, or has the digest that the name ends in. */
static json_t *
find_item(const json_t *list, const char *name)
{
    const json_t *manifests = json_object_get(list, "manifests");
    const char *at = strchr(name, '@');

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *item = json_array_get(manifests, i);

        if (sc_str_eq(json_string_value(json_object_get(item, "ref")), name) ||
            (at && sc_str_eq(json_string_value(json_object_get(item, "digest")), at + 1)))
            return item;
    }
    return NULL;
}

int
sc_job_manifest_annotate(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL}, features = {.items = NULL};
    const char *arch = NULL, *os = NULL, *variant = NULL, *version = NULL;
    const struct sc_transfer_option table[] = {
        {.name = "arch", .value = &arch},
        {.name = "os", .value = &os},
        {.name = "os-features", .values = &features},
        {.name = "os-version", .value = &version},
        {.name = "variant", .value = &variant},
    };
    const struct {
        const char *key;
        const char **value;
    } texts[] = {{"architecture", &arch}, {"os", &os}, {"os.version", &version}, {"variant", &variant}};
    sc_cleanup_json list = NULL;
    json_t *item, *platform;
    struct sc_reference ref;
    char *path;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 2)
        return sc_job_usage(err, "sc manifest annotate [--arch A] [--os O] [--variant V] LIST MANIFEST");
    if (list_ref(job, operands.items[0], &ref, &path, err) < 0 || sc_job_open_store(job, err) < 0 ||
        read_list(job, operands.items[0], path, &list, err) < 0)
        return -1;
    item = find_item(list, operands.items[1]);
    if (!item)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "manifest \"%s\" is not in the list \"%s\"", operands.items[1],
                          operands.items[0]);
    platform = json_object_get(item, "platform");
    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        if (*texts[i].value)
            (void)json_object_set_new(platform, texts[i].key, json_string(*texts[i].value));
    }
    if (features.count > 0)
        (void)json_object_set_new(platform, "os.features", json_array());
    for (size_t i = 0; i < features.count; i++)
        (void)json_array_append_new(json_object_get(platform, "os.features"), json_string(features.items[i]));
    return write_list(job, path, list, err);
}

int
sc_job_manifest_rm(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count < 1)
        return sc_job_usage(err, "sc manifest rm LIST...");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    for (size_t i = 0; i < operands.count; i++) {
        sc_cleanup_json list = NULL;
        struct sc_reference ref;
        char *path;

        if (list_ref(job, operands.items[i], &ref, &path, err) < 0 ||
            read_list(job, operands.items[i], path, &list, err) < 0)
            return -1;
        if (unlinkat(job->store.image_fd, path, 0) < 0)
            return sc_err_errno(err, errno, "remove manifest list \"%s\"", operands.items[i]);
    }
    return 0;
}

int
sc_job_manifest_push(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    bool purges = false;
    const struct sc_transfer_option table[] = {{.letter = 'p', .name = "purge", .flag = &purges},
                                               {.letter = 'i', .name = "insecure", .flag = &flags.is_insecure},
                                               SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json list = NULL;
    char digest[SC_DIGEST_LEN + 1], *path;
    struct sc_reference ref;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 1)
        return sc_job_usage(err, "sc manifest push [--purge] LIST");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (list_ref(job, operands.items[0], &ref, &path, err) < 0 || sc_job_open_store(job, err) < 0 ||
        read_list(job, operands.items[0], path, &list, err) < 0 || public_text(list, &text, err) < 0)
        return -1;
    if (sc_hash_text(sc_buf_str(&text), text.len, digest, err) < 0 ||
        sc_registry_manifest_put(&ref, &options, SC_MEDIA_INDEX, sc_buf_str(&text), text.len, err) < 0)
        return -1;
    if (purges)
        (void)unlinkat(job->store.image_fd, path, 0);
    (void)printf("%s\n", digest);
    return 0;
}

/* ---- inspect ---------------------------------------------------------------------------------------------------- */

/* Docker's words for one manifest: where it is, its descriptor, its bytes, and the document itself. */
static int
explain(struct sc_job *job, const char *name, const struct sc_registry_options *options, json_t **out,
        struct sc_err *err)
{
    sc_cleanup_json item = NULL;
    sc_cleanup_json document = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *key;

    if (describe(job, name, options, &text, &item, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "manifest", &document, err) < 0)
        return -1;
    key = sc_str_eq(json_string_value(json_object_get(item, "mediaType")), SC_MEDIA_MANIFEST) ? "OCIManifest"
                                                                                              : "SchemaV2Manifest";
    *out = json_pack("{s:s, s:O, s:s, s:O}", "Ref", name, "Descriptor", item, "Raw",
                     sc_base64_encode(sc_buf_str(&text), text.len, &job->arena), key, document);
    return *out ? 0 : sc_err_nomem(err);
}

static int
explain_all(struct sc_job *job, const char *name, const struct sc_registry_options *options, json_t *index,
            json_t **out, struct sc_err *err)
{
    const json_t *manifests = json_object_get(index, "manifests");
    struct sc_reference ref;

    if (!json_is_array(manifests))
        return explain(job, name, options, out, err);
    *out = json_array();
    if (!*out)
        return sc_err_nomem(err);
    if (sc_reference_parse(name, &job->arena, &ref, err) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);
        const char *digest = json_string_value(json_object_get(item, "digest"));
        json_t *one = NULL;
        char *each;

        if (!sc_digest_is_valid(digest))
            return sc_err_set(err, SC_ERR_INVALID, "index \"%s\": item %zu has no valid digest", name, i);
        each = sc_arena_printf(&job->arena, "%s/%s@%s", ref.registry, ref.repository, digest);
        if (!each)
            return sc_err_nomem(err);
        if (explain(job, each, options, &one, err) < 0)
            return -1;
        if (json_object_get(item, "platform")) /* what the index says of it, not what its config does */
            (void)json_object_set(json_object_get(one, "Descriptor"), "platform", json_object_get(item, "platform"));
        if (json_array_append_new(*out, one) < 0)
            return sc_err_nomem(err);
    }
    return 0;
}

/* The document that the name means: a list that is being made here, or what the registry has. */
static int
find_document(struct sc_job *job, const char *name, const struct sc_registry_options *options, struct sc_buf *text,
              struct sc_err *err)
{
    struct sc_err cause = SC_ERR_INIT;
    sc_cleanup_json list = NULL;
    struct sc_reference ref;
    char *digest, *media_type, *path;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0)
        return -1;
    if (ref.tag && !ref.digest && list_ref(job, name, &ref, &path, err) == 0 && sc_job_open_store(job, &cause) == 0 &&
        read_list(job, name, path, &list, &cause) == 0)
        return public_text(list, text, err);
    return sc_registry_manifest(&ref, options, &job->arena, text, &digest, &media_type, err);
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
    sc_cleanup_json document = NULL;
    sc_cleanup_json all = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 1)
        return sc_job_usage(err, "sc manifest inspect [-v] NAME[:TAG|@DIGEST]");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (find_document(job, operands.items[0], &options, &text, err) < 0)
        return -1;
    if (is_verbose) {
        if (sc_json_parse(sc_buf_str(&text), text.len, "manifest", &document, err) < 0 ||
            explain_all(job, operands.items[0], &options, document, &all, err) < 0)
            return -1;
        sc_buf_clear(&text);
        if (sc_json_dump_pretty(all, &text, err) < 0)
            return -1;
    }
    (void)fwrite(sc_buf_str(&text), 1, text.len, stdout);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        (void)putchar('\n');
    return 0;
}
