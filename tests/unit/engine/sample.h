/* A container that uses every member of its record, each with a value of its own: what the tables are tested with. */
#ifndef SC_TESTS_ENGINE_SAMPLE_H
#define SC_TESTS_ENGINE_SAMPLE_H

#include "engine/engine-priv.h"
#include "test.h"

#define SAMPLE_ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Fills one member so that it differs from its default and from every other's. */
static inline void
sample_fill(const struct sc_field *field, void *base, struct sc_arena *arena, unsigned n)
{
    void *at = (char *)base + field->offset;
    struct sc_mount_ask *mounts;
    struct sc_device_ask *devices;

    switch (field->kind) {
    case SC_FIELD_STR:
        *(char **)at = sc_arena_printf(arena, "%s-%u\n\"", field->key, n);
        break;
    case SC_FIELD_STRV:
        sc_strv_addf(at, arena, "%s=%u", field->key, n);
        sc_strv_add(at, arena, "");
        break;
    case SC_FIELD_BOOL:
        *(bool *)at = true;
        break;
    case SC_FIELD_INT:
        *(int *)at = (int)n + 1000;
        break;
    case SC_FIELD_I64:
        *(int64_t *)at = -(int64_t)n - ((int64_t)1 << 40);
        break;
    case SC_FIELD_U64:
        *(uint64_t *)at = UINT64_MAX - n;
        break;
    case SC_FIELD_OPT_I64:
        *(struct sc_opt_i64 *)at = (struct sc_opt_i64){true, -(int64_t)n};
        break;
    case SC_FIELD_NS:
        *(struct sc_ns_choice *)at = (struct sc_ns_choice){SC_NS_PATH, sc_arena_printf(arena, "/ns/%u", n)};
        break;
    case SC_FIELD_TIME:
        *(struct sc_oci_time_offset *)at = (struct sc_oci_time_offset){true, -(int64_t)n, n};
        break;
    case SC_FIELD_MOUNTS:
        mounts = SC_ARENA_ARRAY(arena, struct sc_mount_ask, 2);
        assert_non_null(mounts);
        mounts[0] = (struct sc_mount_ask){.kind = SC_MOUNT_VOLUME,
                                          .source = sc_arena_strdup(arena, "vol"),
                                          .target = sc_arena_strdup(arena, "/v"),
                                          .is_readonly = true,
                                          .creates_source = true,
                                          .copies_up = true,
                                          .propagation = sc_arena_strdup(arena, "rslave"),
                                          .non_recursive = true,
                                          .is_idmapped = true,
                                          .subpath = sc_arena_strdup(arena, "a/b"),
                                          .is_anonymous = true};
        sc_strv_add(&mounts[0].labels, arena, "k=v");
        mounts[1] = (struct sc_mount_ask){
            .kind = SC_MOUNT_TMPFS, .target = sc_arena_strdup(arena, "/t"), .tmpfs_size = 4096, .tmpfs_mode = 01770};
        sc_strv_add(&mounts[1].options, arena, "exec");
        *(struct sc_mount_ask **)at = mounts;
        *(size_t *)(void *)((char *)base + field->count_offset) = 2;
        break;
    case SC_FIELD_DEVICES:
        devices = SC_ARENA_ARRAY(arena, struct sc_device_ask, 1);
        assert_non_null(devices);
        devices[0] = (struct sc_device_ask){sc_arena_strdup(arena, "/dev/a"), sc_arena_strdup(arena, "/dev/b"),
                                            sc_arena_strdup(arena, "rm")};
        *(struct sc_device_ask **)at = devices;
        *(size_t *)(void *)((char *)base + field->count_offset) = 1;
        break;
    }
}

static inline void
sample_container(struct sc_container *out, struct sc_arena *arena)
{
    *out = (struct sc_container)SC_CONTAINER_INIT;
    memcpy(out->id, SAMPLE_ID, sizeof(out->id));
    sc_create_options_init(&out->options);
    for (unsigned i = 0; i < sc_container_field_count; i++)
        sample_fill(&sc_container_fields[i], out, arena, i);
    for (unsigned i = 0; i < sc_option_field_count; i++)
        sample_fill(&sc_option_fields[i], &out->options, arena, i + 500);
    /* These two have a grammar. */
    out->name = sc_arena_strdup(arena, "a-name.of_mine");
    out->chain_ids = (struct sc_strv){.items = NULL};
    sc_strv_add(&out->chain_ids, arena, SAMPLE_ID);
}

#endif
