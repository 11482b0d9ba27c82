/*
 * sc-transfer: manifest inspect, create, push. A list being made is an OCI index in <data>/image/sc-manifest/, under
 * its name in hexadecimal; pushing sends it to the registry that has its parts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"
#include "image/transfer-program-priv.h"

#define LIST_NAME_MAX 600

int
sc_job_manifest_inspect(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    const struct sc_transfer_option table[] = {SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_reference ref;
    char *digest, *media_type;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 1)
        return sc_job_usage(err, "sc manifest inspect NAME[:TAG|@DIGEST]");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (sc_reference_parse(operands.items[0], &job->arena, &ref, err) < 0 ||
        sc_registry_manifest(&ref, &options, &job->arena, &text, &digest, &media_type, err) < 0)
        return -1;
    (void)fwrite(sc_buf_str(&text), 1, text.len, stdout);
    if (text.len > 0 && text.data[text.len - 1] != '\n')
        (void)putchar('\n');
    return 0;
}

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

/* The descriptor of one image at a registry, with the platform that its config says. */
static int
describe(struct sc_job *job, const char *name, const struct sc_registry_options *options, json_t **out,
         struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT, config = SC_BUF_INIT;
    struct sc_manifest manifest;
    struct sc_reference ref;
    struct sc_image image;
    char *digest, *media_type;
    json_t *platform;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0 ||
        sc_registry_manifest(&ref, options, &job->arena, &text, &digest, &media_type, err) < 0 ||
        sc_manifest_decode(sc_buf_str(&text), text.len, &job->arena, &manifest, err) < 0 ||
        sc_registry_blob(&ref, options, manifest.config_digest, &config, err) < 0 ||
        sc_image_config_decode(sc_buf_str(&config), config.len, &job->arena, &image, err) < 0)
        return sc_err_wrap(err, "\"%s\"", name);
    platform = json_pack("{s:s, s:s}", "architecture", image.architecture ? image.architecture : "", "os",
                         image.os ? image.os : "linux");
    if (image.variant && *image.variant)
        (void)json_object_set_new(platform, "variant", json_string(image.variant));
    *out = json_pack("{s:s, s:s, s:I, s:o}", "mediaType", manifest.media_type, "digest", digest, "size",
                     (json_int_t)text.len, "platform", platform);
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
    sc_cleanup_json item = NULL;
    const char *digest;

    if (describe(job, name, options, &item, err) < 0)
        return -1;
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
                                               SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_buf text = SC_BUF_INIT;
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
    if (sc_json_dump(list, &text, err) < 0 ||
        sc_file_replace_at(job->store.image_fd, path, sc_buf_str(&text), text.len, 0644, SC_DURABLE, err) < 0)
        return -1;
    (void)printf("Created manifest list %s\n", sc_reference_full(&ref, &job->arena));
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
                                               SC_REGISTRY_OPTIONS(&flags)};
    sc_cleanup_buf text = SC_BUF_INIT;
    char digest[SC_DIGEST_LEN + 1], *path;
    struct sc_reference ref;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 1)
        return sc_job_usage(err, "sc manifest push [--purge] LIST");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (list_ref(job, operands.items[0], &ref, &path, err) < 0 || sc_job_open_store(job, err) < 0)
        return -1;
    if (sc_file_read_at(job->store.image_fd, path, SC_IMAGE_JSON_MAX, &text, err) < 0) {
        if (err->kind != SC_ERR_NOT_FOUND)
            return -1;
        sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest list: \"%s\"", operands.items[0]);
        return sc_err_remedy(err, "make it with `sc manifest create`");
    }
    if (sc_hash_text(sc_buf_str(&text), text.len, digest, err) < 0 ||
        sc_registry_manifest_put(&ref, &options, SC_MEDIA_INDEX, sc_buf_str(&text), text.len, err) < 0)
        return -1;
    if (purges)
        (void)unlinkat(job->store.image_fd, path, 0);
    (void)printf("%s\n", digest);
    return 0;
}
