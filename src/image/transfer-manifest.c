/*
 * sc-transfer: manifest create, annotate, push, rm. A list being made is an OCI index in <data>/image/sc-manifest/,
 * under the digest of its name; pushing sends it to the registry that has its parts. Until then each of its items also
 * has the full name it was added by, as "ref".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"
#include "image/transfer-manifest-priv.h"

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

int
sc_making_read(struct sc_job *job, const char *name, struct sc_making *out, struct sc_err *err)
{
    if (list_ref(job, name, &out->ref, &out->path, err) < 0 || sc_job_open_store(job, err) < 0)
        return -1;
    if (sc_json_read_at(job->store.image_fd, out->path, SC_IMAGE_JSON_MAX, &out->list, err) == 0)
        return 0;
    if (err->kind != SC_ERR_NOT_FOUND)
        return -1;
    sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest list: \"%s\"", name);
    return sc_err_remedy(err, "make it with `sc manifest create`");
}

void
sc_making_release(struct sc_making *making)
{
    sc_json_decrefp(&making->list);
}

json_t *
sc_making_find(struct sc_job *job, const struct sc_making *making, const char *name)
{
    const json_t *manifests = json_object_get(making->list, "manifests");
    const char *at = strchr(name, '@');
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref;
    const char *full = NULL;

    if (sc_reference_parse(name, &job->arena, &ref, &ignored) == 0)
        full = sc_reference_full(&ref, &job->arena);
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        json_t *item = json_array_get(manifests, i);

        if ((full && sc_str_eq(json_string_value(json_object_get(item, "ref")), full)) ||
            (at && sc_str_eq(json_string_value(json_object_get(item, "digest")), at + 1)))
            return item;
    }
    return NULL;
}

int
sc_making_source(struct sc_job *job, const json_t *item, struct sc_reference *out, struct sc_err *err)
{
    const char *name = json_string_value(json_object_get(item, "ref"));
    const char *digest = json_string_value(json_object_get(item, "digest"));

    if (!name || !sc_digest_is_valid(digest))
        return sc_err_set(err, SC_ERR_INVALID, "an item of the manifest list has no name or digest");
    if (sc_reference_parse(name, &job->arena, out, err) < 0)
        return -1;
    out->digest = sc_arena_strdup(&job->arena, digest);
    return out->digest ? 0 : sc_err_nomem(err);
}

static int
write_list(const struct sc_job *job, const char *path, const json_t *list, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_json_dump(list, &text, err) < 0)
        return -1;
    return sc_file_replace_at(job->store.image_fd, path, sc_buf_str(&text), text.len, 0644, SC_DURABLE, err);
}

int
sc_making_text(json_t *list, struct sc_buf *text, struct sc_err *err)
{
    json_t *manifests = json_object_get(list, "manifests");
    const char *first = json_string_value(json_object_get(json_array_get(manifests, 0), "mediaType"));

    /* As Docker has it: the first image tells of which kind the list is. */
    if (first && !sc_str_eq(first, SC_MEDIA_MANIFEST))
        (void)json_object_set_new(list, "mediaType", json_string(SC_MEDIA_DOCKER_LIST));
    for (size_t i = 0; i < json_array_size(manifests); i++)
        (void)json_object_del(json_array_get(manifests, i), "ref");
    return sc_json_dump_indented(list, 3, text, err);
}

/* ---- one image at a registry ----------------------------------------------------------------------------------- */

int
sc_manifest_absent(const struct sc_reference *ref, struct sc_job *job, struct sc_err *err)
{
    if (err->kind == SC_ERR_NOT_FOUND)
        sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest: \"%s\"", sc_reference_full(ref, &job->arena));
    return -1;
}

void
sc_described_release(struct sc_described *described)
{
    sc_buf_clear(&described->text);
}

int
sc_describe(struct sc_job *job, const struct sc_reference *ref, const struct sc_registry_options *options,
            struct sc_described *out, struct sc_err *err)
{
    sc_cleanup_buf config = SC_BUF_INIT;
    char *media_type;

    if (sc_registry_manifest(ref, options, &job->arena, &out->text, &out->digest, &media_type, err) < 0)
        return sc_manifest_absent(ref, job, err);
    if (sc_str_eq(media_type, SC_MEDIA_INDEX) || sc_str_eq(media_type, SC_MEDIA_DOCKER_LIST)) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\" is a manifest list", sc_reference_full(ref, &job->arena));
        return sc_err_remedy(err, "name the images in it: `sc manifest inspect` shows their digests");
    }
    if (sc_manifest_decode(sc_buf_str(&out->text), out->text.len, &job->arena, &out->manifest, err) < 0 ||
        sc_registry_blob(ref, options, out->manifest.config_digest, &config, err) < 0 ||
        sc_image_config_decode(sc_buf_str(&config), config.len, &job->arena, &out->image, err) < 0)
        return sc_err_wrap(err, "\"%s\"", sc_reference_full(ref, &job->arena));
    return 0;
}

int
sc_described_platform(const struct sc_described *described, json_t **out, struct sc_err *err)
{
    const struct sc_image *image = &described->image;

    *out = json_pack("{s:s, s:s}", "architecture", image->architecture ? image->architecture : "", "os",
                     image->os ? image->os : "linux");
    if (image->variant && *image->variant)
        (void)json_object_set_new(*out, "variant", json_string(image->variant));
    return *out ? 0 : sc_err_nomem(err);
}

/* ---- create ---------------------------------------------------------------------------------------------------- */

static int
open_list(const struct sc_store *store, const char *path, bool may_exist, json_t **out, struct sc_err *err)
{
    struct sc_err cause = SC_ERR_INIT;

    if (sc_json_read_at(store->image_fd, path, SC_IMAGE_JSON_MAX, out, &cause) == 0) {
        if (may_exist)
            return 0;
        json_decref(*out);
        *out = NULL;
        return sc_err_set(err, SC_ERR_EXISTS, "refusing to amend an existing manifest list with no --amend flag");
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
    json_t *manifests = json_object_get(list, "manifests"), *platform;
    sc_cleanup_described described = {.text = SC_BUF_INIT};
    sc_cleanup_json item = NULL;
    struct sc_reference ref;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0 || sc_describe(job, &ref, options, &described, err) < 0 ||
        sc_described_platform(&described, &platform, err) < 0)
        return -1;
    item = json_pack("{s:s, s:I, s:s, s:o, s:s}", "mediaType", described.manifest.media_type, "size",
                     (json_int_t)described.text.len, "digest", described.digest, "platform", platform, "ref",
                     sc_reference_full(&ref, &job->arena));
    if (!item)
        return sc_err_nomem(err);
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        if (sc_str_eq(json_string_value(json_object_get(json_array_get(manifests, i), "digest")), described.digest))
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

/* ---- annotate -------------------------------------------------------------------------------------------------- */

/* What Go, whose words these are, builds for: a misspelt one would make an image that nobody ever chooses. */
static bool
is_known_platform(const char *os, const char *arch)
{
    static const struct {
        const char *os, *archs;
    } known[] = {
        {"aix", " ppc64 "},
        {"android", " 386 amd64 arm arm64 "},
        {"darwin", " 386 amd64 arm arm64 "},
        {"dragonfly", " amd64 "},
        {"freebsd", " 386 amd64 arm arm64 riscv64 "},
        {"illumos", " amd64 "},
        {"ios", " amd64 arm64 "},
        {"js", " wasm "},
        {"linux", " 386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x "},
        {"netbsd", " 386 amd64 arm arm64 "},
        {"openbsd", " 386 amd64 arm arm64 mips64 ppc64 riscv64 "},
        {"plan9", " 386 amd64 arm "},
        {"solaris", " amd64 "},
        {"wasip1", " wasm "},
        {"windows", " 386 amd64 arm arm64 "},
    };
    char word[32];

    (void)snprintf(word, sizeof(word), " %s ", arch);
    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].os, os) == 0)
            return !strchr(arch, ' ') && strstr(known[i].archs, word);
    }
    return false;
}

/* Members of "platform" in their order, so that the same annotations make the same bytes. */
static int
annotate_platform(json_t *item, const struct sc_strv *features, const char *const values[4], struct sc_err *err)
{
    static const char *const keys[] = {"architecture", "os", "os.version", "os.features", "variant"};
    const json_t *old = json_object_get(item, "platform");
    json_t *platform = json_object();
    const char *os, *arch;

    if (!platform)
        return sc_err_nomem(err);
    for (size_t i = 0; i < SC_ARRAY_LEN(keys); i++) {
        const char *value = i < 3 ? values[i] : i == 4 ? values[3] : NULL;

        if (value)
            (void)json_object_set_new(platform, keys[i], json_string(value));
        else if (json_object_get(old, keys[i]))
            (void)json_object_set(platform, keys[i], json_object_get(old, keys[i]));
        if (i == 3 && features->count > 0 && !json_object_get(platform, keys[i]))
            (void)json_object_set_new(platform, keys[i], json_array());
    }
    for (size_t i = 0; i < features->count; i++)
        (void)json_array_append_new(json_object_get(platform, "os.features"), json_string(features->items[i]));
    (void)json_object_set_new(item, "platform", platform);
    os = json_string_value(json_object_get(platform, "os"));
    arch = json_string_value(json_object_get(platform, "architecture"));
    if (os && arch && is_known_platform(os, arch))
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "manifest entry for image has unsupported os/arch combination: %s/%s",
                      os ? os : "", arch ? arch : "");
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
    sc_cleanup_making making = {.list = NULL};
    json_t *item;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 2)
        return sc_job_usage(err, "sc manifest annotate [--arch A] [--os O] [--variant V] LIST MANIFEST");
    if (sc_making_read(job, operands.items[0], &making, err) < 0)
        return -1;
    item = sc_making_find(job, &making, operands.items[1]);
    if (!item)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "manifest for image \"%s\" does not exist in \"%s\"",
                          operands.items[1], operands.items[0]);
    if (annotate_platform(item, &features, (const char *const[]){arch, os, version, variant}, err) < 0)
        return -1;
    return write_list(job, making.path, making.list, err);
}

/* ---- rm, push -------------------------------------------------------------------------------------------------- */

int
sc_job_manifest_rm(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    sc_cleanup_buf absent = SC_BUF_INIT;

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count < 1)
        return sc_job_usage(err, "sc manifest rm LIST...");
    if (sc_job_open_store(job, err) < 0)
        return -1;
    for (size_t i = 0; i < operands.count; i++) {
        struct sc_reference ref;
        char *path;

        if (list_ref(job, operands.items[i], &ref, &path, err) < 0)
            return -1;
        if (unlinkat(job->store.image_fd, path, 0) == 0)
            continue;
        if (errno != ENOENT)
            return sc_err_errno(err, errno, "remove manifest list \"%s\"", operands.items[i]);
        sc_buf_addf(&absent, "%s\"%s\"", absent.len > 0 ? ", " : "", operands.items[i]);
    }
    if (sc_buf_check(&absent, err) < 0)
        return -1;
    if (absent.len > 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such manifest list: %s", sc_buf_str(&absent));
    return 0;
}

/* Images of other repositories become images of the list's: an index names what its own repository has. */
static int
gather(struct sc_job *job, const struct sc_making *making, const struct sc_registry_options *options,
       struct sc_err *err)
{
    const json_t *manifests = json_object_get(making->list, "manifests");

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        sc_cleanup_described described = {.text = SC_BUF_INIT};
        const json_t *item = json_array_get(manifests, i);
        struct sc_reference source;

        if (sc_making_source(job, item, &source, err) < 0)
            return -1;
        if (!sc_str_eq(source.registry, making->ref.registry))
            return sc_err_set(err, SC_ERR_INVALID,
                              "cannot use source images from a different registry than the target image: \"%s\" is not "
                              "\"%s\"",
                              source.registry, making->ref.registry);
        if (sc_str_eq(source.repository, making->ref.repository))
            continue;
        if (sc_describe(job, &source, options, &described, err) < 0 ||
            sc_registry_manifest_mount(&making->ref, source.repository, options, described.digest, &described.manifest,
                                       &described.text, err) < 0)
            return -1;
        (void)printf("Pushed ref %s/%s@%s with digest: %s\n", making->ref.registry, making->ref.repository,
                     described.digest, described.digest);
    }
    return 0;
}

static int
check_platforms(const json_t *list, struct sc_err *err)
{
    const json_t *manifests = json_object_get(list, "manifests");

    for (size_t i = 0; i < json_array_size(manifests); i++) {
        const json_t *item = json_array_get(manifests, i);
        const json_t *platform = json_object_get(item, "platform");
        const char *arch = json_string_value(json_object_get(platform, "architecture"));
        const char *os = json_string_value(json_object_get(platform, "os"));

        if (os && *os && arch && *arch)
            continue;
        sc_err_set(err, SC_ERR_INVALID, "manifest \"%s\" must have an OS and Architecture to be pushed to a registry",
                   json_string_value(json_object_get(item, "ref")));
        return sc_err_remedy(err, "say them with `sc manifest annotate`");
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
    sc_cleanup_making making = {.list = NULL};
    char digest[SC_DIGEST_LEN + 1];
    const char *media_type;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count != 1)
        return sc_job_usage(err, "sc manifest push [--purge] LIST");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    if (sc_making_read(job, operands.items[0], &making, err) < 0 || check_platforms(making.list, err) < 0 ||
        gather(job, &making, &options, err) < 0 || sc_making_text(making.list, &text, err) < 0)
        return -1;
    media_type = json_string_value(json_object_get(making.list, "mediaType"));
    if (sc_hash_text(sc_buf_str(&text), text.len, digest, err) < 0 ||
        sc_registry_manifest_put(&making.ref, &options, media_type ? media_type : SC_MEDIA_INDEX, sc_buf_str(&text),
                                 text.len, err) < 0)
        return -1;
    if (purges)
        (void)unlinkat(job->store.image_fd, making.path, 0);
    (void)printf("%s\n", digest);
    return 0;
}
