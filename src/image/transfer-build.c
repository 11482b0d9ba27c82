/*
 * sc-transfer: the steps of a build that make layers and the image. sc alone calls these; what is to be done comes as
 * JSON on standard input, what came of it goes as JSON to standard output.
 *
 *     build-copy   COPY and ADD: {"layers", "stem", "copy", "ignore"}  ─► {"key", "isCached", "created", "layer"}
 *     build-context  a tar on standard input, unpacked into the directory --to
 *     build-mount  what RUN --mount shows, as a directory --to of its own: {"copy", "ignore"}  ─► {"digest"}
 *     build-layer  what a RUN left in its upper directory: {"layers", "stubs"}   ─► {"layer"}
 *     build-image  {"layers", "config", "names"}                        ─► {"id"}
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/container-options-priv.h"
#include "image/jail-priv.h"
#include "image/transfer-build-priv.h"
#include "kernel/kernel.h"

#define INPUT_MAX ((size_t)64 << 20)

struct step {
    struct sc_container_words words;
    struct sc_files files;
    struct sc_built_layers layers;
    json_t *input;
};

static void
step_release(struct step *step)
{
    sc_json_decrefp(&step->input);
}

#define CLEANUP_STEP __attribute__((cleanup(step_release))) struct step

static int
read_input(struct sc_job *job, struct step *step, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_fd(STDIN_FILENO, INPUT_MAX, &text, err) < 0 ||
        sc_json_parse(sc_buf_str(&text), text.len, "what is to be built", &step->input, err) < 0)
        return -1;
    return sc_built_layers_read(json_object_get(step->input, "layers"), &job->arena, &step->layers, err);
}

static const char *
text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void
list_of(const json_t *array, struct sc_arena *arena, struct sc_strv *out)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));

        if (text)
            sc_strv_add(out, arena, text);
    }
}

static int
answer(const json_t *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!out)
        return sc_err_nomem(err);
    if (sc_json_dump(out, &text, err) < 0)
        return -1;
    (void)fwrite(text.data, 1, text.len, stdout);
    return 0;
}

/* What strangers wrote is unpacked in a jail, which is made before the first thread. */
static int
start_jail(struct sc_job *job, struct sc_err *err)
{
    return sc_limits_choose(&job->store, err) < 0 ? -1 : sc_jail_start(&job->store, err);
}

/* ---- a layer ----------------------------------------------------------------------------------------------------- */

/* The new blob, unpacked on top of the layers below, which are there. */
static int
unpack_layer(struct sc_job *job, const struct step *step, const struct sc_store_layer *own, struct sc_built_layer *out,
             struct sc_err *err)
{
    const size_t count = step->layers.count + 1;
    struct sc_manifest manifest = {.layer_sizes = SC_ARENA_ARRAY(&job->arena, int64_t, count)};
    struct sc_image image = {.id = NULL};
    int64_t *bytes = NULL;

    if (!manifest.layer_sizes || !step->layers.items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        const struct sc_built_layer *below = i + 1 < count ? &step->layers.items[i] : NULL;

        sc_strv_add(&manifest.layer_digests, &job->arena, below ? below->digest : own->digest);
        sc_strv_add(&manifest.layer_media_types, &job->arena, below ? below->media_type : own->media_type);
        sc_strv_add(&image.diff_ids, &job->arena, below ? below->diff_id : own->diff_id);
        manifest.layer_sizes[i] = below ? below->size : own->size;
    }
    if (sc_arena_check(&job->arena, err) < 0 || sc_chain_ids(&image.diff_ids, &job->arena, &image.chain_ids, err) < 0 ||
        sc_layers_commit(&job->store, &manifest, &image, &job->arena, &bytes, err) < 0)
        return -1;
    *out = (struct sc_built_layer){.digest = own->digest,
                                   .diff_id = own->diff_id,
                                   .media_type = own->media_type,
                                   .chain = image.chain_ids.items ? image.chain_ids.items[count - 1] : NULL,
                                   .size = own->size,
                                   .bytes = bytes[count - 1]};
    return out->chain ? 0 : sc_err_nomem(err);
}

/* What is in the upper directory. *out: the caller's; JSON null where nothing changed. */
static int
make_layer(struct sc_job *job, const struct step *step, json_t **out, struct sc_err *err)
{
    sc_cleanup_fd session = sc_store_session(&job->store, err);
    struct sc_store_layer own = {.digest = NULL};
    struct sc_built_layer built;

    if (session < 0 || sc_files_layer(&job->store, &step->files, &job->arena, &own, err) < 0)
        return -1;
    if (own.digest && unpack_layer(job, step, &own, &built, err) < 0)
        return -1;
    *out = own.digest ? sc_built_layer_json(&built) : json_null();
    return *out ? 0 : sc_err_nomem(err);
}

/* What the mounts of a RUN were mounted on is no change of its. */
static int
remove_stubs(struct sc_job *job, const struct step *step, struct sc_err *err)
{
    struct sc_strv targets = {.items = NULL};
    sc_cleanup_fd root = -1, upper = -1;

    list_of(json_object_get(step->input, "stubs"), &job->arena, &targets);
    if (targets.count == 0)
        return sc_arena_check(&job->arena, err);
    root = sc_files_open_image(&step->files, err);
    if (root < 0)
        return -1;
    upper = sc_files_open_upper(&step->files, err);
    return upper < 0 ? -1 : sc_build_stubs_remove(root, upper, &targets, err);
}

int
sc_job_build_layer(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    CLEANUP_STEP step = {.input = NULL};
    struct sc_strv operands = {.items = NULL};
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&step.words)};
    sc_cleanup_json out = NULL;
    json_t *layer = NULL;

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&step.words, &job->arena, &step.files, err) < 0 || read_input(job, &step, err) < 0 ||
        remove_stubs(job, &step, err) < 0 || sc_job_open_writer(job, err) < 0 ||
        make_layer(job, &step, &layer, err) < 0)
        return -1;
    out = json_pack("{s:o}", "layer", layer);
    return answer(out, err);
}

/* ---- COPY and ADD ------------------------------------------------------------------------------------------------ */

struct copy_job {
    struct sc_job *job;
    const struct step *step;
    struct sc_build_copy copy;
    const char *checksum; /* of what is fetched, or NULL */
    char digest[SC_DIGEST_LEN + 1];
};

static void
copy_release(struct copy_job *copy)
{
    sc_build_remotes_release(&copy->copy);
}

#define CLEANUP_COPY __attribute__((cleanup(copy_release))) struct copy_job

static int
read_copy(struct sc_job *job, const json_t *input, struct sc_build_copy *copy, struct sc_ignore *ignore,
          struct sc_err *err)
{
    const json_t *from = json_object_get(input, "copy");
    const char *text = text_of(input, "ignore");

    list_of(json_object_get(from, "sources"), &job->arena, &copy->sources);
    list_of(json_object_get(from, "fileNames"), &job->arena, &copy->file_names);
    list_of(json_object_get(from, "fileTexts"), &job->arena, &copy->file_texts);
    list_of(json_object_get(from, "excludes"), &job->arena, &copy->excludes);
    copy->dest = text_of(from, "dest");
    copy->chown = text_of(from, "chown");
    copy->dest_is_dir = json_is_true(json_object_get(from, "destIsDir"));
    copy->is_unpacked = json_is_true(json_object_get(from, "isUnpacked"));
    copy->is_literal = json_is_true(json_object_get(from, "isLiteral"));
    copy->keeps_owner = json_is_true(json_object_get(from, "keepsOwner"));
    copy->has_mode = json_is_integer(json_object_get(from, "mode"));
    copy->mode = (mode_t)json_integer_value(json_object_get(from, "mode"));
    copy->unpacks_remotes = json_is_true(json_object_get(from, "unpacksRemotes"));
    if (sc_build_remotes_read(json_object_get(from, "urls"), text_of(from, "checksum"), &job->arena, copy, err) < 0)
        return -1;
    if (!copy->dest || copy->dest[0] != '/' || copy->file_names.count != copy->file_texts.count)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    if (text) {
        if (sc_ignore_parse(text, strlen(text), ".dockerignore", &job->arena, ignore, err) < 0)
            return -1;
        copy->ignore = ignore;
    }
    return sc_arena_check(&job->arena, err);
}

/* In a process of its own, as it mounts over the upper directory: the digest of what it copied goes to `to`. */
static int
copy_there(void *data, int to, struct sc_err *err)
{
    struct copy_job *copy = data;
    struct sc_jail *jail = NULL;
    sc_cleanup_fd root = -1;

    if (copy->copy.is_unpacked) {
        if (start_jail(copy->job, err) < 0)
            return -1;
        jail = copy->job->store.jail;
    }
    root = sc_files_open_root(&copy->step->files, err);
    if (root < 0 || sc_build_copy_into(&copy->copy, root, jail, &copy->job->arena, copy->digest, err) < 0)
        return -1;
    return sc_io_write_all(to, copy->digest, SC_DIGEST_LEN, err);
}

int
sc_job_apart(struct sc_job *job, int (*there)(void *data, int to, struct sc_err *err), void *data, struct sc_buf *said,
             struct sc_err *err)
{
    int ends[2], status = 0;
    sc_cleanup_fd from = -1, to = -1;
    const pid_t parent = getpid();
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    from = ends[0];
    to = ends[1];
    pid = fork();
    if (pid < 0)
        return sc_err_errno(err, errno, "fork");
    if (pid == 0) {
        struct sc_err why = SC_ERR_INIT;
        bool is_done;

        /* A build that was ended goes no further. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
            _exit(1);
        is_done = there(data, to, &why) == 0;

        if (!is_done)
            (void)!sc_io_write_all(to, &why, sizeof(why), &(struct sc_err)SC_ERR_INIT);
        sc_jail_stop(&job->store.jail);
        _exit(is_done ? 0 : 1);
    }
    sc_closep(&to);
    if (sc_file_read_fd(from, sizeof(*err), said, err) < 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && said->len == sizeof(*err)) {
        memcpy(err, said->data, said->len);
        return -1;
    }
    return sc_err_set(err, SC_ERR_PEER_DIED, "a process of the step was killed");
}

static int
copy_apart(struct copy_job *copy, struct sc_err *err)
{
    sc_cleanup_buf said = SC_BUF_INIT;

    if (sc_job_apart(copy->job, copy_there, copy, &said, err) < 0)
        return -1;
    if (said.len != SC_DIGEST_LEN)
        return sc_err_set(err, SC_ERR_PEER_DIED, "the process that copies said nothing");
    memcpy(copy->digest, said.data, said.len);
    return 0;
}

static char *
key_of(struct sc_arena *arena, const char *stem, const char *digest)
{
    return sc_arena_printf(arena, "%s%s", stem, digest);
}

static json_t *
cached(const struct sc_build_entry *entry)
{
    return json_pack("{s:s, s:b, s:I, s:o}", "key", entry->key, "isCached", 1, "created", (json_int_t)entry->created,
                     "layer", entry->has_layer ? sc_built_layer_json(&entry->layer) : json_null());
}

/* Of the files as they are now. NULL: there is none, or nobody asked. */
static int
look_up(struct copy_job *copy, const char *stem, const struct sc_build_cache *cache, json_t **out, struct sc_err *err)
{
    const struct sc_build_entry *entry;
    const char *key;

    *out = NULL;
    if (json_is_true(json_object_get(copy->step->input, "noCache")) || !sc_build_cache_has_stem(cache, stem))
        return 0;
    /* Of an address only a checksum says beforehand what it holds. */
    if ((!copy->checksum && sc_build_remotes_fetch(copy->job, &copy->copy, NULL, err) < 0) ||
        sc_build_copy_digest(&copy->copy, &copy->job->arena, copy->digest, err) < 0)
        return -1;
    key = key_of(&copy->job->arena, stem, copy->digest);
    entry = key ? sc_build_cache_find(&copy->job->store, cache, key) : NULL;
    if (entry) {
        *out = cached(entry);
        return *out ? 0 : sc_err_nomem(err);
    }
    return 0;
}

static int
copy_step(struct sc_job *job, struct copy_job *copy, const char *stem, json_t **out, struct sc_err *err)
{
    struct sc_build_cache cache;
    json_t *layer = NULL;
    const char *key;

    if (sc_build_cache_read(&job->store, &job->arena, &cache, err) < 0 || look_up(copy, stem, &cache, out, err) < 0)
        return -1;
    if (*out)
        return 0;
    if (sc_build_remotes_fetch(job, &copy->copy, copy->checksum, err) < 0 || copy_apart(copy, err) < 0 ||
        start_jail(job, err) < 0 || make_layer(job, copy->step, &layer, err) < 0)
        return -1;
    key = key_of(&job->arena, stem, copy->digest);
    *out = json_pack("{s:s, s:b, s:o}", "key", key ? key : "", "isCached", 0, "layer", layer);
    return *out ? 0 : sc_err_nomem(err);
}

/* Where the files are: --context-fd N, or the layers of another image or stage. */
struct from_words {
    const char *context_fd;
    struct sc_strv lowers, images;
};

static int
open_from(const struct from_words *from, const struct step *step, struct sc_err *err)
{
    struct sc_files files = {
        .name = "--from", .dir = step->files.dir, .lowers = from->lowers, .images = from->images, .root_fd = -1};
    int64_t fd = -1;

    if (!from->context_fd && from->lowers.count == 0)    /* text alone, or a directory: nothing is looked for here */
        return sc_dir_open_at(AT_FDCWD, files.dir, err); /* lint: in our data root */
    if (!from->context_fd)
        return sc_files_open_image(&files, err);
    if (sc_parse_i64(from->context_fd, &fd, err) < 0)
        return -1;
    fd = openat((int)fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? sc_err_errno(err, errno, "open the build context") : (int)fd;
}

int
sc_job_build_copy(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    CLEANUP_STEP step = {.input = NULL};
    struct from_words from = {.context_fd = NULL};
    CLEANUP_COPY copy = {.job = job, .step = &step};
    struct sc_strv operands = {.items = NULL};
    struct sc_ignore ignore;
    sc_cleanup_json out = NULL;
    sc_cleanup_fd root = -1, tmp = -1;
    const char *stem;
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&step.words),
                                                 {.name = "context-fd", .value = &from.context_fd},
                                                 {.name = "from-lower", .values = &from.lowers},
                                                 {.name = "from-image", .values = &from.images}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&step.words, &job->arena, &step.files, err) < 0 || read_input(job, &step, err) < 0 ||
        read_copy(job, step.input, &copy.copy, &ignore, err) < 0)
        return -1;
    stem = text_of(step.input, "stem");
    copy.checksum = text_of(json_object_get(step.input, "copy"), "checksum");
    if (!stem || from.lowers.count != from.images.count ||
        (!from.context_fd && from.lowers.count == 0 && copy.copy.sources.count > 0))
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    tmp = sc_dir_open_at(AT_FDCWD, step.files.dir, err); /* lint: in our data root */
    if (tmp < 0)
        return -1;
    root = open_from(&from, &step, err);
    if (root < 0)
        return -1;
    copy.copy.root_fd = root;
    copy.copy.tmp_fd = tmp;
    if (sc_job_open_store(job, err) < 0 || copy_step(job, &copy, stem, &out, err) < 0)
        return -1;
    return answer(out, err);
}

/* ---- a context that is an archive -------------------------------------------------------------------------------- */

int
sc_job_build_context(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    static const struct sc_files files = {.root_fd = -1, .mount_ns_fd = -1}; /* owners are as the archive says */
    struct sc_strv operands = {.items = NULL};
    sc_cleanup_fd to = -1;
    const char *to_path = NULL;
    const struct sc_transfer_option options[] = {{.name = "to", .value = &to_path}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0)
        return -1;
    if (!to_path)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    /* A user namespace may copy mounts, for the walls, of a mount namespace of its own only. */
    if (sc_process_is_in_user_ns() && unshare(CLONE_NEWNS) < 0) /* lint: our own */
        return sc_err_errno(err, errno, "make a mount namespace");
    to = sc_dir_open_at(AT_FDCWD, to_path, err); /* lint: in our data root */
    return to < 0 ? -1 : sc_untar_jailed(&files, STDIN_FILENO, to, "/", err);
}

/* ---- RUN --mount ------------------------------------------------------------------------------------------------- */

/* The directory to copy into, empty and anew: what is there already was left half made. */
static int
make_dir(const char *path, const json_t *how, struct sc_err *err)
{
    const char *slash = strrchr(path, '/');
    sc_cleanup_arena arena = SC_ARENA_INIT;
    char *parent = slash ? sc_arena_strndup(&arena, path, (size_t)(slash - path)) : NULL;
    const uid_t uid = (uid_t)json_integer_value(json_object_get(how, "uid"));
    const gid_t gid = (gid_t)json_integer_value(json_object_get(how, "gid"));
    const mode_t mode = (mode_t)json_integer_value(json_object_get(how, "mode"));
    sc_cleanup_fd at = -1, fd = -1;

    if (!slash || path[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    if (!parent)
        return sc_err_nomem(err);
    at = sc_dir_open_at(AT_FDCWD, parent, err); /* lint: in our data root */
    if (at < 0 || sc_tree_remove_at(at, slash + 1, err) < 0)
        return -1;
    if (mkdirat(at, slash + 1, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", path);
    fd = sc_dir_open_at(at, slash + 1, err);
    if (fd < 0)
        return -1;
    if (fchown(fd, uid, gid) < 0)
        return sc_build_owner_error(err, uid, gid);
    if (fchmod(fd, mode) < 0)
        return sc_err_errno(err, errno, "set the mode of \"%s\"", path);
    return sc_steal_fd(&fd);
}

int
sc_job_build_mount(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    CLEANUP_STEP step = {.input = NULL};
    struct from_words from = {.context_fd = NULL};
    struct sc_build_copy copy = {.dest = NULL};
    struct sc_strv operands = {.items = NULL};
    struct sc_ignore ignore;
    sc_cleanup_json out = NULL;
    sc_cleanup_fd root = -1, to = -1;
    char digest[SC_DIGEST_LEN + 1];
    const char *to_path = NULL;
    const struct sc_transfer_option options[] = {{.name = "dir", .value = &step.words.dir},
                                                 {.name = "to", .value = &to_path},
                                                 {.name = "context-fd", .value = &from.context_fd},
                                                 {.name = "from-lower", .values = &from.lowers},
                                                 {.name = "from-image", .values = &from.images}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        read_input(job, &step, err) < 0 || read_copy(job, step.input, &copy, &ignore, err) < 0)
        return -1;
    if (!step.words.dir || from.lowers.count != from.images.count)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    step.files.dir = step.words.dir;
    if (to_path) {
        to = make_dir(to_path, step.input, err);
        if (to < 0)
            return -1;
    }
    root = open_from(&from, &step, err);
    if (root < 0)
        return -1;
    copy.root_fd = root;
    copy.tmp_fd = -1; /* nothing is unpacked */
    if ((to_path ? sc_build_copy_into(&copy, to, NULL, &job->arena, digest, err)
                 : sc_build_copy_digest(&copy, &job->arena, digest, err)) < 0)
        return -1;
    out = json_pack("{s:s}", "digest", digest);
    return answer(out, err);
}

/* ---- the image --------------------------------------------------------------------------------------------------- */

static int
commit_image(struct sc_job *job, const struct step *step, char **id, struct sc_err *err)
{
    sc_cleanup_buf config = SC_BUF_INIT;
    struct sc_strv names = {.items = NULL};
    struct sc_store_layer *layers = SC_ARENA_ARRAY(&job->arena, struct sc_store_layer, step->layers.count + 1);

    list_of(json_object_get(step->input, "names"), &job->arena, &names);
    if (!layers)
        return sc_err_nomem(err);
    for (size_t i = 0; i < step->layers.count; i++)
        layers[i] = (struct sc_store_layer){.digest = step->layers.items[i].digest,
                                            .diff_id = step->layers.items[i].diff_id,
                                            .media_type = step->layers.items[i].media_type,
                                            .size = step->layers.items[i].size};
    if (sc_json_dump(json_object_get(step->input, "config"), &config, err) < 0)
        return -1;
    for (size_t i = 0; i == 0 || i < names.count; i++) {
        if (sc_image_commit(&job->store, sc_buf_str(&config), config.len, layers, step->layers.count,
                            names.count > 0 ? names.items[i] : NULL, &job->arena, id, err) < 0)
            return -1;
    }
    return sc_arena_check(&job->arena, err);
}

int
sc_job_build_image(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    CLEANUP_STEP step = {.input = NULL};
    struct sc_strv operands = {.items = NULL};
    sc_cleanup_json out = NULL;
    char *id = NULL;

    if (sc_transfer_options(argc, argv, NULL, 0, false, &job->arena, &operands, err) < 0 ||
        read_input(job, &step, err) < 0 || sc_job_open_writer(job, err) < 0 || commit_image(job, &step, &id, err) < 0)
        return -1;
    sc_job_event("build", id);
    out = json_pack("{s:s}", "id", id);
    return answer(out, err);
}
