/*
 * RUN --mount: what RUN's container has besides its layers, none of which gets into the layer.
 *
 *     bind    a copy of the files, made by sc-transfer below the step's directory: so .dockerignore counts, no link
 *             leads out of where they are from, and whatever RUN writes to them goes with the copy
 *     cache   a directory that is kept (dirs.c)
 *     tmpfs   one of the container's own
 *     secret  a file on a tmpfs (secret.c), or a variable
 */
#include <string.h>

#include "engine/build/build-priv.h"

static const struct sc_build_secret *
find_secret(const struct sc_builder *b, const char *id)
{
    for (size_t i = 0; i < b->ask->secret_count; i++) {
        if (strcmp(b->ask->secrets[i].id, id) == 0)
            return &b->ask->secrets[i];
    }
    return NULL;
}

/* ---- the key ----------------------------------------------------------------------------------------------------- */

static int
check(const struct sc_builder *b, const struct sc_df_mount *mount, struct sc_err *err)
{
    const struct sc_build_secret *secret;

    if (mount->type == SC_DF_MOUNT_SSH) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "RUN --mount=type=ssh is not supported");
        return sc_err_remedy(err, "give a key by --mount=type=secret");
    }
    if (mount->type == SC_DF_MOUNT_CACHE && !mount->has_from && strcmp(mount->source, "/") != 0)
        return sc_err_set(err, SC_ERR_INVALID,
                          "RUN --mount=type=cache: source=%s is of nothing: there is no from=", mount->source);
    if (mount->type != SC_DF_MOUNT_SECRET)
        return 0;
    secret = find_secret(b, mount->id);
    if (!secret && mount->is_required) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "secret \"%s\" is required, and not there", mount->id);
        return sc_err_remedy(err, "sc build --secret id=%s,src=FILE", mount->id);
    }
    if (secret && mount->env && memchr(secret->data, '\0', secret->len))
        return sc_err_set(err, SC_ERR_INVALID, "secret \"%s\" has a zero byte, which no variable can have", mount->id);
    return 0;
}

/* What a cache begins with: "" for nothing. */
static int
base_of(struct sc_builder *b, const struct sc_df_mount *mount, const char **out, struct sc_err *err)
{
    struct sc_built_layers layers;

    *out = "";
    if (!mount->has_from)
        return 0;
    if (sc_build_from_layers(b, &mount->from, &layers, err) < 0)
        return -1;
    *out = layers.count > 0 ? layers.items[layers.count - 1].chain : "scratch";
    return 0;
}

int
sc_build_mounts_describe(struct sc_builder *b, const struct sc_build_stage *stage, const struct sc_df_run *run,
                         json_t **out, struct sc_err *err)
{
    const char *workdir = sc_build_config_text(stage, "WorkingDir");
    sc_cleanup_json list = json_array();

    for (size_t i = 0; i < run->mount_count; i++) {
        const struct sc_df_mount *mount = &run->mounts[i];
        const char *target = mount->target ? sc_df_path_join(workdir, mount->target, b->arena) : "";
        const char *base = "";
        json_t *item;

        if (!target)
            return sc_err_nomem(err);
        if (check(b, mount, err) < 0 || (mount->type == SC_DF_MOUNT_CACHE && base_of(b, mount, &base, err) < 0))
            return -1;
        item =
            json_pack("[i, s, s, s, s, s, b, i, I, I, I]", (int)mount->type, target, mount->id ? mount->id : "",
                      mount->source ? mount->source : "", base, mount->env ? mount->env : "", (int)mount->is_read_only,
                      (int)mount->mode, (json_int_t)mount->uid, (json_int_t)mount->gid, (json_int_t)mount->size);
        if (!item)
            return sc_err_set(err, SC_ERR_INVALID, "RUN --mount: a value is not UTF-8");
        if (json_array_append_new(list, item) < 0)
            return sc_err_nomem(err);
    }
    *out = json_incref(list);
    return 0;
}

/* ---- bind -------------------------------------------------------------------------------------------------------- */

/* into NULL: only the digest. Of a cache it is what it begins with. */
static int
copy_files(struct sc_builder *b, const struct sc_df_mount *mount, const char *into, struct sc_buf *digests,
           struct sc_err *err)
{
    const bool is_bind = mount->type == SC_DF_MOUNT_BIND, has_files = is_bind || mount->has_from;
    sc_cleanup_json answer = NULL;
    sc_cleanup_json input = NULL;
    struct sc_strv words = {0}, sources = {0};
    const char *digest;
    int fd = -1;

    if (has_files)
        sc_strv_add(&sources, b->arena, mount->source);
    input = json_pack("{s:{s:o, s:s, s:b, s:b, s:b}, s:I, s:I, s:i, s:s*}", "copy", "sources", sc_json_strv(&sources),
                      "dest", is_bind ? "/source" : "/", "destIsDir", (int)!is_bind, "isLiteral", 1, "keepsOwner",
                      (int)(mount->from.kind != SC_DF_CONTEXT), "uid", (json_int_t)(is_bind ? 0 : mount->uid), "gid",
                      (json_int_t)(is_bind ? 0 : mount->gid), "mode", is_bind ? 0755 : (int)mount->mode, "ignore",
                      has_files && mount->from.kind == SC_DF_CONTEXT ? b->ask->ignore : NULL);
    if (!input)
        return sc_err_set(err, SC_ERR_INVALID, "RUN --mount: a name, or .dockerignore, is not UTF-8");
    sc_strv_add(&words, b->arena, "build-mount");
    sc_strv_add(&words, b->arena, "--dir");
    sc_strv_add(&words, b->arena, b->dir);
    if (into) {
        sc_strv_add(&words, b->arena, "--to");
        sc_strv_add(&words, b->arena, into);
    }
    if ((has_files && sc_build_from_words(b, &mount->from, b->dir, &words, &fd, err) < 0) ||
        sc_build_transfer(b, &words, input, fd, &answer, err) < 0)
        return -1;
    digest = json_string_value(json_object_get(answer, "digest"));
    if (!digest)
        return sc_err_set(err, SC_ERR_INTERNAL, "sc-transfer named no digest");
    sc_buf_addf(digests, "%s\n", digest);
    return sc_buf_check(digests, err);
}

static char *
digest_of(const struct sc_buf *digests, struct sc_arena *arena)
{
    char hex[SC_SHA256_HEX_LEN + 1] = "";

    if (digests->len > 0)
        sc_sha256_hex(digests->data, digests->len, hex);
    return sc_arena_strdup(arena, hex);
}

static int
wrap(const struct sc_builder *b, const struct sc_df_mount *mount, struct sc_err *err)
{
    return b->signum ? -1 : sc_err_wrap(err, "mount on \"%s\"", mount->target ? mount->target : mount->id);
}

int
sc_build_mounts_digest(struct sc_builder *b, const struct sc_df_run *run, char **out, struct sc_err *err)
{
    sc_cleanup_buf digests = SC_BUF_INIT;

    for (size_t i = 0; i < run->mount_count; i++) {
        if (run->mounts[i].type == SC_DF_MOUNT_BIND && copy_files(b, &run->mounts[i], NULL, &digests, err) < 0)
            return wrap(b, &run->mounts[i], err);
    }
    *out = digest_of(&digests, b->arena);
    return *out ? 0 : sc_err_nomem(err);
}

/* ---- cache ------------------------------------------------------------------------------------------------------- */

static int
take_dirs(struct sc_builder *b, const struct sc_df_run *run, struct sc_build_mounts *out, struct sc_err *err)
{
    struct sc_strv names = {0};
    int *sharing = SC_ARENA_ARRAY(b->arena, int, run->mount_count + 1);

    if (!sharing)
        return sc_err_nomem(err);
    for (size_t i = 0; i < run->mount_count; i++) {
        const struct sc_df_mount *mount = &run->mounts[i];
        sc_cleanup_buf text = SC_BUF_INIT;
        char hex[SC_SHA256_HEX_LEN + 1];
        const char *base;

        if (mount->type != SC_DF_MOUNT_CACHE)
            continue;
        if (base_of(b, mount, &base, err) < 0)
            return -1;
        sc_buf_addf(&text, "%s\n%s\n%u:%u:%o\n%s", base, *base ? mount->source : "", mount->uid, mount->gid,
                    (unsigned)mount->mode, mount->id);
        if (sc_buf_check(&text, err) < 0)
            return -1;
        sc_sha256_hex(text.data, text.len, hex);
        sharing[names.count] = (int)mount->sharing;
        sc_strv_add(&names, b->arena, hex);
    }
    return sc_arena_check(b->arena, err) < 0 ? -1 : sc_build_dirs_take(b, &names, sharing, &out->dirs, err);
}

static int
make_cache(struct sc_builder *b, const struct sc_df_mount *mount, struct sc_build_dir *dir, struct sc_err *err)
{
    sc_cleanup_buf ignored = SC_BUF_INIT;
    char *fresh;

    if (!dir->is_new)
        return 0;
    fresh = sc_arena_printf(b->arena, "%.*s/new", (int)(strrchr(dir->path, '/') - dir->path), dir->path);
    if (!fresh)
        return sc_err_nomem(err);
    return copy_files(b, mount, fresh, &ignored, err) < 0 ? -1 : sc_build_dir_made(b, dir, (int)mount->sharing, err);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static struct sc_mount_ask *
add(struct sc_builder *b, struct sc_build_mounts *out, const struct sc_df_mount *mount, enum sc_mount_kind kind,
    const char *source, const char *target)
{
    struct sc_mount_ask *ask = &out->items[out->count++];

    *ask = (struct sc_mount_ask){.kind = kind,
                                 .source = source ? sc_arena_strdup(b->arena, source) : NULL,
                                 .target = sc_arena_strdup(b->arena, target),
                                 .is_readonly = mount->is_read_only};
    sc_strv_add(&out->targets, b->arena, target);
    return ask;
}

static int
add_secret(struct sc_builder *b, const struct sc_df_mount *mount, const char *target, struct sc_build_mounts *out,
           struct sc_err *err)
{
    const struct sc_build_secret *secret = find_secret(b, mount->id);
    char *path;

    if (!secret)
        return 0;
    if (mount->env)
        sc_strv_addf(&out->env, b->arena, "%s=%.*s", mount->env, (int)secret->len, secret->data);
    if (!mount->target)
        return sc_arena_check(b->arena, err);
    if (sc_build_secret_put(b, &out->secrets, secret, mount, &path, err) < 0)
        return -1;
    add(b, out, mount, SC_MOUNT_BIND, path, target);
    return 0;
}

static int
add_mount(struct sc_builder *b, const struct sc_df_mount *mount, const char *target, const char *dir,
          struct sc_build_mounts *out, struct sc_buf *digests, struct sc_build_dir *cache, struct sc_err *err)
{
    struct sc_mount_ask *ask;
    char *into;

    switch (mount->type) {
    case SC_DF_MOUNT_BIND:
        into = sc_arena_printf(b->arena, "%s/mount-%zu", dir, out->count);
        if (!into)
            return sc_err_nomem(err);
        if (copy_files(b, mount, into, digests, err) < 0)
            return -1;
        into = sc_arena_printf(b->arena, "%s/source", into);
        if (!into)
            return sc_err_nomem(err);
        add(b, out, mount, SC_MOUNT_BIND, into, target);
        break;
    case SC_DF_MOUNT_CACHE:
        if (make_cache(b, mount, cache, err) < 0)
            return -1;
        add(b, out, mount, SC_MOUNT_BIND, cache->path, target);
        break;
    case SC_DF_MOUNT_TMPFS:
        ask = add(b, out, mount, SC_MOUNT_TMPFS, NULL, target);
        ask->tmpfs_size = mount->size;
        sc_strv_add(&ask->options, b->arena, "exec");
        sc_strv_add(&ask->options, b->arena, "dev");
        break;
    case SC_DF_MOUNT_SECRET:
        return add_secret(b, mount, target, out, err);
    case SC_DF_MOUNT_SSH: /* was refused */
        break;
    }
    return sc_arena_check(b->arena, err);
}

int
sc_build_mounts_make(struct sc_builder *b, const struct sc_build_stage *stage, const struct sc_df_run *run,
                     const char *dir, struct sc_build_mounts *out, char **digest, struct sc_err *err)
{
    const char *workdir = sc_build_config_text(stage, "WorkingDir");
    sc_cleanup_buf digests = SC_BUF_INIT;
    size_t cache = 0;

    out->items = SC_ARENA_ARRAY(b->arena, struct sc_mount_ask, run->mount_count + 1);
    if (!out->items)
        return sc_err_nomem(err);
    if (take_dirs(b, run, out, err) < 0)
        return -1;
    for (size_t i = 0; i < run->mount_count; i++) {
        const struct sc_df_mount *mount = &run->mounts[i];
        const char *target = mount->target ? sc_df_path_join(workdir, mount->target, b->arena) : "";
        struct sc_build_dir *own = mount->type == SC_DF_MOUNT_CACHE ? &out->dirs.items[cache++] : NULL;

        if (!target)
            return sc_err_nomem(err);
        if (add_mount(b, mount, target, dir, out, &digests, own, err) < 0)
            return wrap(b, mount, err);
    }
    *digest = digest_of(&digests, b->arena);
    return *digest ? 0 : sc_err_nomem(err);
}

void
sc_build_mounts_release(const struct sc_engine *engine, struct sc_build_mounts *mounts)
{
    sc_build_secret_dir_release(engine, &mounts->secrets);
    sc_build_dirs_release(&mounts->dirs);
}
