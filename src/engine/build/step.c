/* What RUN, COPY, ADD and WORKDIR have in common: a directory, the layers below, the cache. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/build/build-priv.h"
#include "rootfs/rootfs.h"

#define SCRATCH "scratch"

void
sc_build_say(const struct sc_builder *b, enum sc_build_event event, const char *text, int64_t nsec)
{
    if (b->ask->say)
        b->ask->say(b->ask->say_data, event, text, nsec);
}

int
sc_build_step_dir(struct sc_builder *b, char **out, struct sc_err *err)
{
    char name[SC_NUM_MAX];

    (void)snprintf(name, sizeof(name), "%zu", b->steps++);
    *out = sc_arena_printf(b->arena, "%s/%s", b->dir, name);
    if (!*out)
        return sc_err_nomem(err);
    if (mkdirat(b->dir_fd, name, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s\"", *out);
    return sc_rootfs_prepare(*out, geteuid(), getegid(), b->arena, err);
}

int
sc_build_layer_words(struct sc_builder *b, const char *verb, const struct sc_build_stage *stage, const char *dir,
                     struct sc_strv *out, struct sc_err *err)
{
    struct sc_overlay overlay = {.is_volatile = false};
    struct sc_strv chains = {0};

    for (size_t i = 0; i < stage->layers.count; i++)
        sc_strv_add(&chains, b->arena, stage->layers.items[i].chain);
    sc_rootfs_describe(b->engine->data_path, &chains, dir, false, b->arena, &overlay);
    sc_strv_add(out, b->arena, verb);
    sc_strv_add(out, b->arena, "--container");
    sc_strv_add(out, b->arena, "build");
    sc_strv_add(out, b->arena, "--dir");
    sc_strv_add(out, b->arena, dir);
    for (size_t i = 0; i < overlay.lowerdirs.count; i++) {
        sc_strv_add(out, b->arena, "--lower");
        sc_strv_add(out, b->arena, overlay.lowerdirs.items[i]);
        sc_strv_add(out, b->arena, "--layer-image");
        sc_strv_add(out, b->arena, overlay.images.items[i]);
    }
    if (overlay.lowerdirs.count == 0) { /* overlay wants one */
        sc_strv_add(out, b->arena, "--lower");
        sc_strv_addf(out, b->arena, "%s/empty", b->dir);
        sc_strv_add(out, b->arena, "--layer-image");
        sc_strv_add(out, b->arena, "");
    }
    return sc_arena_check(b->arena, err);
}

const char *
sc_build_parent(const struct sc_build_stage *stage)
{
    return stage->layers.count > 0 ? stage->layers.items[stage->layers.count - 1].chain : SCRATCH;
}

char *
sc_build_key(const char *kind, const struct sc_buf *text, struct sc_arena *arena)
{
    char hex[SC_SHA256_HEX_LEN + 1];

    sc_sha256_hex(text->data, text->len, hex);
    return sc_arena_printf(arena, "%s:%s", kind, hex);
}

int
sc_build_step_done(struct sc_builder *b, struct sc_build_stage *stage, const char *key, const char *written,
                   const struct sc_built_layer *layer, int64_t created, struct sc_err *err)
{
    struct sc_build_entry *entry;

    b->entries = sc_arena_grow(b->arena, b->entries, b->entry_count, &b->entry_capacity, sizeof(*b->entries), 16);
    if (!b->entries)
        return sc_err_nomem(err);
    entry = &b->entries[b->entry_count];
    *entry = (struct sc_build_entry){.key = sc_arena_strdup(b->arena, key),
                                     .shown = sc_arena_strdup(b->arena, written),
                                     .has_layer = layer != NULL,
                                     .created = created,
                                     .used = sc_time_now()};
    if (layer)
        entry->layer = *layer;
    if (sc_arena_check(b->arena, err) < 0 || sc_built_layers_add(&stage->layers, layer, b->arena, err) < 0)
        return -1;
    b->entry_count++;
    stage->created = created;
    return 0;
}
