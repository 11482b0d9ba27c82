/* COPY, ADD, WORKDIR: what sc-transfer is to copy, and the step's key. */
#include <string.h>

#include "engine/build/build-priv.h"
#include "rootfs/rootfs.h"

struct copy {
    struct sc_builder *b;
    struct sc_build_stage *stage;
    const struct sc_df_step *step;
    struct sc_strv words;
    json_t *input; /* for sc-transfer */
    const char *written;
};

static int
refuse(const char *what, const char *instead, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_UNSUPPORTED, "%s is not supported", what);
    return sc_err_remedy(err, "%s", instead);
}

/* Of what ADD takes only: schemes in lower case, as BuildKit has it. */
static bool
is_url(const struct sc_df_step *step, const char *source)
{
    return step && step->op == SC_DF_ADD && (sc_str_starts(source, "http://") || sc_str_starts(source, "https://"));
}

/* "https://host/repository.git#branch" is one too. */
static bool
is_git(const char *source)
{
    const size_t len = strcspn(source, "?#");

    return sc_str_starts(source, "git@") || sc_str_starts(source, "git://") || sc_str_starts(source, "ssh://") ||
           ((sc_str_starts(source, "http://") || sc_str_starts(source, "https://")) && len > strlen(".git") &&
            strncmp(source + len - strlen(".git"), ".git", strlen(".git")) == 0);
}

static int
check_checksum(const struct sc_df_step *step, struct sc_err *err)
{
    const struct sc_df_copy *copy = &step->copy;

    if (!copy->checksum)
        return 0;
    if (!is_url(step, copy->sources.items[0]))
        return sc_err_set(err, SC_ERR_INVALID, "--checksum is for http and https addresses alone");
    if (!sc_digest_is_valid(copy->checksum))
        return sc_err_set(err, SC_ERR_INVALID, "--checksum=%.100s: it is sha256: and 64 hexadecimal digits",
                          copy->checksum);
    return 0;
}

static int
check(const struct sc_df_step *step, struct sc_err *err)
{
    const struct sc_df_copy *copy = &step->copy;

    if (copy->chmod && !copy->has_mode)
        return refuse("--chmod in letters", "write it in octal: --chmod=755", err);
    if (copy->has_parents)
        return refuse("--parents", "name the directories in the destination", err);
    for (size_t i = 0; i < copy->sources.count; i++) {
        const char *source = copy->sources.items[i];

        if (step->op == SC_DF_ADD && is_git(source))
            return refuse("ADD of a git repository", "clone it in a RUN, or before the build", err);
        if (step->op == SC_DF_COPY && (sc_str_starts(source, "http://") || sc_str_starts(source, "https://"))) {
            sc_err_set(err, SC_ERR_INVALID, "source can't be a URL for COPY");
            return sc_err_remedy(err, "ADD fetches it");
        }
    }
    return check_checksum(step, err);
}

/* Layers that are copied from. */
static int
add_from(struct sc_builder *b, const struct sc_built_layers *layers, const char *dir, struct sc_strv *words,
         struct sc_err *err)
{
    struct sc_overlay overlay = {.is_volatile = false};
    struct sc_strv chains = {0};
    struct sc_arena *arena = b->arena;

    for (size_t i = 0; i < layers->count; i++)
        sc_strv_add(&chains, arena, layers->items[i].chain);
    sc_rootfs_describe(b->engine->data_path, &chains, dir, false, arena, &overlay);
    for (size_t i = 0; i < overlay.lowerdirs.count; i++) {
        sc_strv_add(words, arena, "--from-lower");
        sc_strv_add(words, arena, overlay.lowerdirs.items[i]);
        sc_strv_add(words, arena, "--from-image");
        sc_strv_add(words, arena, overlay.images.items[i]);
    }
    if (overlay.lowerdirs.count == 0) {
        sc_strv_add(words, arena, "--from-lower");
        sc_strv_addf(words, arena, "%s/empty", b->dir);
        sc_strv_add(words, arena, "--from-image");
        sc_strv_add(words, arena, "");
    }
    return sc_arena_check(arena, err);
}

int
sc_build_from_layers(struct sc_builder *b, const struct sc_df_from *from, struct sc_built_layers *out,
                     struct sc_err *err)
{
    struct sc_build_stage other = {.root = NULL};
    struct sc_image image;
    int status;

    if (from->kind == SC_DF_STAGE) {
        *out = b->stages[from->stage].layers;
        return 0;
    }
    if (sc_build_get_image(b, from->image, NULL, &image, err) < 0)
        return sc_err_wrap(err, "--from=%s", from->image);
    status = sc_build_begin_image(b, &image, &other, err);
    if (other.root)
        json_decref(other.root);
    *out = other.layers;
    return status;
}

int
sc_build_from_words(struct sc_builder *b, const struct sc_df_from *from, const char *dir, struct sc_strv *words,
                    int *fd, struct sc_err *err)
{
    struct sc_built_layers layers;

    if (from->kind != SC_DF_CONTEXT)
        return sc_build_from_layers(b, from, &layers, err) < 0 ? -1 : add_from(b, &layers, dir, words, err);
    if (b->ask->context_fd < 0) {
        sc_err_set(err, SC_ERR_INVALID, "there is no build context to copy from");
        return sc_err_remedy(err, "give a directory: sc build DIR");
    }
    *fd = b->ask->context_fd;
    sc_strv_add(words, b->arena, "--context-fd");
    sc_strv_addf(words, b->arena, "%d", *fd);
    return sc_arena_check(b->arena, err);
}

/* The member "copy" of what sc-transfer reads: all that is to be done. */
static json_t *
describe(const struct copy *copy, const struct sc_df_copy *what, const char *dest)
{
    json_t *out = json_object(), *names = json_array(), *texts = json_array(), *sources = json_array(),
           *urls = json_array();

    for (size_t i = 0; i < what->file_count; i++) {
        (void)json_array_append_new(names, json_string(what->files[i].name));
        (void)json_array_append_new(texts, json_stringn(what->files[i].content, what->files[i].len));
    }
    for (size_t i = 0; i < what->sources.count; i++) {
        const char *source = what->sources.items[i];

        (void)json_array_append_new(is_url(copy->step, source) ? urls : sources, json_string(source));
    }
    (void)json_object_set_new(out, "sources", sources);
    (void)json_object_set_new(out, "urls", urls);
    (void)json_object_set_new(out, "fileNames", names);
    (void)json_object_set_new(out, "fileTexts", texts);
    (void)json_object_set_new(out, "excludes", sc_json_strv(&what->excludes));
    (void)json_object_set_new(out, "dest", json_string(dest));
    (void)json_object_set_new(out, "destIsDir", json_boolean(what->dest_is_dir));
    (void)json_object_set_new(out, "isUnpacked",
                              json_boolean(copy->step && copy->step->op == SC_DF_ADD && what->is_unpacked));
    (void)json_object_set_new(out, "keepsOwner", json_boolean(what->from.kind != SC_DF_CONTEXT));
    if (what->checksum)
        (void)json_object_set_new(out, "checksum", json_string(what->checksum));
    (void)json_object_set_new(out, "unpacksRemotes", json_boolean(what->has_unpack && what->is_unpacked));
    if (what->chown)
        (void)json_object_set_new(out, "chown", json_string(what->chown));
    if (what->has_mode)
        (void)json_object_set_new(out, "mode", json_integer((json_int_t)what->mode));
    return out;
}

/* Everything that the step depends on but the files: their digest follows in the key. */
static int
make_stem(const struct copy *copy, const json_t *what, const char **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json stem = json_pack("[s, s, O]", "copy", sc_build_parent(copy->stage), what);

    if (!stem)
        return sc_err_set(err, SC_ERR_INVALID, "a name is not UTF-8");
    if (sc_json_dump(stem, &text, err) < 0)
        return -1;
    *out = sc_build_key("copy", &text, copy->b->arena);
    return *out ? 0 : sc_err_nomem(err);
}

static int
take_answer(struct copy *copy, const json_t *answer, bool *has_layer, struct sc_err *err)
{
    const json_t *layer = json_object_get(answer, "layer");
    const bool is_cached = json_is_true(json_object_get(answer, "isCached"));
    const char *key = json_string_value(json_object_get(answer, "key"));
    int64_t created = is_cached ? json_integer_value(json_object_get(answer, "created")) : sc_time_now();
    struct sc_built_layer built;

    *has_layer = json_is_object(layer);
    if (!key || (*has_layer && sc_built_layer_read(layer, copy->b->arena, &built, err) < 0))
        return key ? -1 : sc_err_set(err, SC_ERR_INTERNAL, "sc-transfer named no key");
    if (is_cached)
        sc_build_say(copy->b, SC_BUILD_CACHED, NULL, 0);
    return sc_build_step_done(copy->b, copy->stage, key, copy->written, *has_layer ? &built : NULL, created, err);
}

static int
copy_run(struct copy *copy, const struct sc_df_copy *what, const char *dest, bool *has_layer, struct sc_err *err)
{
    struct sc_builder *b = copy->b;
    sc_cleanup_json answer = NULL;
    const char *stem;
    const int64_t begin = sc_time_monotonic();
    json_t *description = describe(copy, what, dest);
    const json_t *sources = json_object_get(description, "sources");
    char *dir = NULL;
    int fd = -1;

    copy->input = json_object();
    if (json_object_set_new(copy->input, "copy", description) < 0)
        return sc_err_nomem(err);
    /* What is not UTF-8 was left out. */
    if (!json_object_get(description, "dest") || (what->chown && !json_object_get(description, "chown")) ||
        json_array_size(sources) + json_array_size(json_object_get(description, "urls")) != what->sources.count ||
        json_array_size(json_object_get(description, "excludes")) != what->excludes.count ||
        json_array_size(json_object_get(description, "fileNames")) != what->file_count ||
        json_array_size(json_object_get(description, "fileTexts")) != what->file_count)
        return sc_err_set(err, SC_ERR_INVALID, "a name or a file is not UTF-8");
    if (make_stem(copy, description, &stem, err) < 0 || sc_build_step_dir(b, &dir, err) < 0)
        return -1;
    if (json_object_set_new(copy->input, "layers", sc_built_layers_json(&copy->stage->layers)) < 0 ||
        json_object_set_new(copy->input, "stem", json_string(stem)) < 0 ||
        json_object_set_new(copy->input, "noCache", json_boolean(b->ask->no_cache)) < 0 ||
        (what->from.kind == SC_DF_CONTEXT && b->ask->ignore &&
         json_object_set_new(copy->input, "ignore", json_string(b->ask->ignore)) < 0))
        return sc_err_set(err, SC_ERR_INVALID, "a name, or .dockerignore, is not UTF-8");
    if (sc_build_layer_words(b, "build-copy", copy->stage, dir, &copy->words, err) < 0 ||
        /* text of the Dockerfile, an address, or WORKDIR, is from nowhere here */
        (json_array_size(sources) > 0 && sc_build_from_words(b, &what->from, dir, &copy->words, &fd, err) < 0) ||
        sc_build_transfer(b, &copy->words, copy->input, fd, &answer, err) < 0 ||
        take_answer(copy, answer, has_layer, err) < 0)
        return -1;
    if (!json_is_true(json_object_get(answer, "isCached")))
        sc_build_say(b, SC_BUILD_DONE, NULL, sc_time_monotonic() - begin);
    return 0;
}

int
sc_build_copy(struct sc_builder *b, struct sc_build_stage *stage, const struct sc_df_step *step, bool *has_layer,
              struct sc_err *err)
{
    struct copy copy = {.b = b, .stage = stage, .step = step, .written = step->instr->original};
    const char *dest = sc_df_path_join(sc_build_config_text(stage, "WorkingDir"), step->copy.dest, b->arena);
    int status;

    if (!dest)
        return sc_err_nomem(err);
    if (check(step, err) < 0)
        return -1;
    status = copy_run(&copy, &step->copy, dest, has_layer, err);
    sc_json_decrefp(&copy.input);
    return status;
}

int
sc_build_mkdir(struct sc_builder *b, struct sc_build_stage *stage, const char *path, const char *written,
               bool *has_layer, struct sc_err *err)
{
    const char *user = sc_build_config_text(stage, "User");
    const struct sc_df_copy what = {.dest_is_dir = true, .chown = *user ? user : NULL};
    struct copy copy = {.b = b, .stage = stage, .written = written};
    int status = copy_run(&copy, &what, path, has_layer, err);

    sc_json_decrefp(&copy.input);
    return status;
}
