/* Id maps of a user namespace: explicit, the caller alone (rootless), or a range of /etc/subuid that nobody else has.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define RANGE      65536U
#define CLAIM_KIND "userns"
#define MAPS_MAX   340 /* the kernel's limit of lines in uid_map, user_namespaces(7) */

int
sc_id_map_parse(const char *text, struct sc_oci_id_map *out, struct sc_err *err)
{
    uint32_t values[3];
    const char *at = text;

    for (size_t i = 0; i < 3; i++) {
        size_t len = strcspn(at, ":");
        char part[SC_NUM_MAX];

        if (len == 0 || len >= sizeof(part) || (i < 2 ? at[len] != ':' : at[len] != '\0')) {
            sc_err_set(err, SC_ERR_INVALID, "id map \"%.60s\": it is not CONTAINER:HOST:COUNT", text);
            return sc_err_remedy(err, "for example 0:100000:65536");
        }
        memcpy(part, at, len);
        part[len] = '\0';
        if (sc_parse_u32(part, &values[i], err) < 0)
            return sc_err_wrap(err, "id map \"%s\"", text);
        at += len + 1;
    }
    if (values[2] == 0 || values[0] > UINT32_MAX - values[2] || values[1] > UINT32_MAX - values[2])
        return sc_err_set(err, SC_ERR_INVALID, "id map \"%s\": the count is out of range", text);
    *out = (struct sc_oci_id_map){values[0], values[1], values[2]};
    return 0;
}

int
sc_id_maps_parse(const struct sc_strv *texts, struct sc_arena *arena, struct sc_oci_id_maps *out, struct sc_err *err)
{
    *out = (struct sc_oci_id_maps){.items = NULL};
    if (texts->count == 0)
        return 0;
    if (texts->count > MAPS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "id maps: more than %d", MAPS_MAX);
    out->items = SC_ARENA_ARRAY(arena, struct sc_oci_id_map, texts->count);
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < texts->count; i++) {
        if (sc_id_map_parse(texts->items[i], &out->items[i], err) < 0)
            return -1;
    }
    out->count = texts->count;
    return 0;
}

bool
sc_id_map_find(const struct sc_oci_id_maps *maps, uint32_t id, uint32_t *host_id)
{
    *host_id = id;
    return sc_oci_id_outside(maps, host_id);
}

static int
check_maps(const struct sc_strv *texts, const char *flag, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_oci_id_maps maps;
    uint32_t ignored;

    if (sc_id_maps_parse(texts, arena, &maps, err) < 0)
        return sc_err_wrap(err, "%s", flag);
    if (!sc_id_map_find(&maps, 0, &ignored))
        return sc_err_set(err, SC_ERR_INVALID, "%s: id 0 of the container must be mapped", flag);
    return 0;
}

/* The ranges of the first user that has some in both files: podman's, then ours, then root's. */
static int
read_ranges(struct sc_arena *arena, struct sc_oci_id_maps *uids, struct sc_oci_id_maps *gids, struct sc_err *err)
{
    /* A uid that no line names: only a user's name counts, but for root. */
    static const struct {
        const char *name;
        uint32_t uid;
    } users[] = {{"containers", UINT32_MAX}, {"sc", UINT32_MAX}, {"root", 0}};

    for (size_t i = 0; i < SC_ARRAY_LEN(users); i++) {
        if (sc_subid_read("/etc/subuid", users[i].name, users[i].uid, arena, uids, err) < 0 ||
            sc_subid_read("/etc/subgid", users[i].name, users[i].uid, arena, gids, err) < 0)
            return -1;
        if (uids->count > 0 && gids->count > 0)
            return 0;
    }
    sc_err_set(err, SC_ERR_NOT_FOUND,
               "--userns auto: /etc/subuid and /etc/subgid give no range to user containers, sc or root");
    return sc_err_remedy(err, "add to both the line: containers:200000:6553600");
}

/* The n-th whole range of RANGE ids (or the one shorter range there is); false when there are no more. */
static bool
nth_range(const struct sc_oci_id_maps *ranges, size_t n, uint32_t *host_id, uint32_t *size)
{
    for (size_t i = 0; i < ranges->count; i++) {
        size_t here = ranges->items[i].size < RANGE ? 1 : ranges->items[i].size / RANGE;

        if (n < here) {
            *host_id = ranges->items[i].host_id + (uint32_t)n * RANGE;
            *size = ranges->items[i].size < RANGE ? ranges->items[i].size : RANGE;
            return true;
        }
        n -= here;
    }
    return false;
}

static int
claim_range(const struct sc_engine *engine, bool is_dry, struct sc_arena *arena, struct sc_container *container,
            struct sc_err *err)
{
    struct sc_oci_id_maps uids = {0}, gids = {0};
    uint32_t uid, gid, uid_size, gid_size;

    if (read_ranges(arena, &uids, &gids, err) < 0)
        return -1;
    for (size_t n = 0; nth_range(&uids, n, &uid, &uid_size) && nth_range(&gids, n, &gid, &gid_size); n++) {
        char name[SC_NUM_MAX], owner[SC_ID_LEN + 1] = "";
        struct sc_err taken = SC_ERR_INIT;

        (void)snprintf(name, sizeof(name), "%u", uid);
        if (!is_dry && sc_claim(engine, CLAIM_KIND, name, container->id, owner, &taken) < 0) {
            if (taken.kind == SC_ERR_EXISTS)
                continue;
            *err = taken;
            return -1;
        }
        sc_strv_addf(&container->effective_uid_maps, arena, "0:%u:%u", uid, uid_size);
        sc_strv_addf(&container->effective_gid_maps, arena, "0:%u:%u", gid, gid_size);
        return sc_arena_check(arena, err);
    }
    sc_err_set(err, SC_ERR_BUSY, "--userns auto: every range of /etc/subuid is in use by a container");
    return sc_err_remedy(err,
                         "remove containers that are not needed, or widen the ranges in /etc/subuid and /etc/subgid");
}

static void
add_maps(struct sc_strv *out, const struct sc_oci_id_maps *maps, struct sc_arena *arena)
{
    for (size_t i = 0; i < maps->count; i++)
        sc_strv_addf(out, arena, "%u:%u:%u", maps->items[i].container_id, maps->items[i].host_id, maps->items[i].size);
}

/* ---- keep-id, podman's ------------------------------------------------------------------------------ */

void
sc_keep_id_maps(const struct sc_oci_id_maps *own, uint32_t keep, struct sc_arena *arena, struct sc_strv *out)
{
    bool is_left = true;
    uint32_t next = 0;

    for (size_t i = 1; i < own->count; i++) {
        uint32_t first = own->items[i].host_id, left = own->items[i].size;

        while (left > 0) {
            uint32_t size = left;

            if (is_left && next == keep) {
                sc_strv_addf(out, arena, "%u:%u:1", next++, own->items[0].host_id);
                is_left = false;
            }
            if (is_left && keep - next < size)
                size = keep - next;
            sc_strv_addf(out, arena, "%u:%u:%u", next, first, size);
            next += size;
            first += size;
            left -= size;
        }
    }
    if (is_left)
        sc_strv_addf(out, arena, "%u:%u:1", keep, own->items[0].host_id);
}

int
sc_keep_id_parse(const char *text, struct sc_arena *arena, struct sc_id_shift *out, struct sc_err *err)
{
    char *rest = text ? sc_arena_strdup(arena, text) : NULL, *word;

    if (text && !rest)
        return sc_err_nomem(err);
    while ((word = strsep(&rest, ",")) != NULL) {
        uint32_t *to = sc_str_starts(word, "uid=") ? &out->uid : sc_str_starts(word, "gid=") ? &out->gid : NULL;

        if (!to) {
            sc_err_set(err, SC_ERR_INVALID, "--userns keep-id: \"%s\" is not known", word);
            return sc_err_remedy(err, "give uid= or gid=, for example keep-id:uid=1000,gid=1000");
        }
        if (sc_parse_u32(word + 4, to, err) < 0)
            return sc_err_wrap(err, "--userns keep-id: %.4s", word);
    }
    return 0;
}

/* As who the container runs where nobody said: the caller. */
static int
keep_user(const struct sc_id_shift *shift, struct sc_arena *arena, struct sc_container *container, struct sc_err *err)
{
    if (!container->options.user || !*container->options.user)
        container->effective_user = sc_arena_printf(arena, "%u:%u", shift->uid, shift->gid);
    return sc_arena_check(arena, err);
}

int
sc_id_shift_of(const struct sc_create_options *options, struct sc_arena *arena, struct sc_id_shift *out,
               struct sc_err *err)
{
    *out = (struct sc_id_shift){.uid = geteuid(), .gid = getegid()};
    return sc_keep_id_parse(options->user_ns.value, arena, out, err);
}

static int
resolve_kept(const struct sc_rootless *rootless, struct sc_arena *arena, struct sc_container *container,
             struct sc_err *err)
{
    struct sc_id_shift shift;

    if (sc_id_shift_of(&container->options, arena, &shift, err) < 0)
        return -1;
    if (rootless->how != SC_IDMAP_BY_HELPERS) {
        sc_err_set(err, SC_ERR_DENIED, "--userns keep-id: it needs ids beside your own");
        return sc_err_remedy(err, "%s", rootless->note ? rootless->note : "see /etc/subuid and /etc/subgid");
    }
    sc_keep_id_maps(&rootless->uids, shift.uid, arena, &container->effective_uid_maps);
    sc_keep_id_maps(&rootless->gids, shift.gid, arena, &container->effective_gid_maps);
    return keep_user(&shift, arena, container, err);
}

/* As podman has it: root's own ids, all of them, in a new namespace. */
static int
resolve_kept_root(struct sc_arena *arena, struct sc_container *container, struct sc_err *err)
{
    struct sc_id_shift shift;

    if (sc_id_shift_of(&container->options, arena, &shift, err) < 0)
        return -1;
    sc_strv_addf(&container->effective_uid_maps, arena, "0:0:%u", UINT32_MAX);
    sc_strv_addf(&container->effective_gid_maps, arena, "0:0:%u", UINT32_MAX);
    return keep_user(&shift, arena, container, err);
}

static int
resolve_rootless(const struct sc_create_options *options, struct sc_arena *arena, struct sc_container *container,
                 struct sc_err *err)
{
    struct sc_rootless rootless = {.how = SC_IDMAP_OWN_ID};

    if (options->user_ns.mode == SC_NS_PRIVATE) {
        sc_err_set(err, SC_ERR_DENIED, "--userns auto: a range for each container needs root");
        return sc_err_remedy(err,
                             "leave it out: your containers are in a user namespace anyway, all with your own range");
    }
    if (options->uid_maps.count > 0 || options->gid_maps.count > 0) {
        sc_err_set(err, SC_ERR_DENIED, "--uidmap: other maps than that of /etc/subuid need root");
        return sc_err_remedy(err, "leave it out: uid 0 is you, and the ids from 1 on are those of your range");
    }
    if (sc_rootless_read(arena, &rootless, err) < 0)
        return -1;
    if (options->user_ns.mode == SC_NS_KEEP_ID)
        return resolve_kept(&rootless, arena, container, err);
    add_maps(&container->effective_uid_maps, &rootless.uids, arena);
    add_maps(&container->effective_gid_maps, &rootless.gids, arena);
    return sc_arena_check(arena, err);
}

int
sc_resolve_userns(const struct sc_engine *engine, bool is_dry, struct sc_arena *arena, struct sc_container *container,
                  struct sc_err *err)
{
    const struct sc_create_options *options = &container->options;
    const struct sc_strv *uids = &options->uid_maps, *gids = &options->gid_maps;

    if (options->user_ns.mode == SC_NS_CONTAINER || options->user_ns.mode == SC_NS_PATH)
        return 0;
    if (!engine->is_root)
        return resolve_rootless(options, arena, container, err);
    if (uids->count > 0 || gids->count > 0) {
        /* One given alone is meant for both, as podman has it. */
        uids = uids->count > 0 ? uids : gids;
        gids = gids->count > 0 ? gids : uids;
        if (check_maps(uids, "--uidmap", arena, err) < 0 || check_maps(gids, "--gidmap", arena, err) < 0)
            return -1;
        for (size_t i = 0; i < uids->count; i++)
            sc_strv_add(&container->effective_uid_maps, arena, uids->items[i]);
        for (size_t i = 0; i < gids->count; i++)
            sc_strv_add(&container->effective_gid_maps, arena, gids->items[i]);
        return sc_arena_check(arena, err);
    }
    if (options->user_ns.mode == SC_NS_KEEP_ID)
        return resolve_kept_root(arena, container, err);
    return options->user_ns.mode == SC_NS_PRIVATE ? claim_range(engine, is_dry, arena, container, err) : 0;
}

void
sc_userns_release(const struct sc_engine *engine, const struct sc_container *container)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_oci_id_maps maps;
    struct sc_err ignored = SC_ERR_INIT;
    char name[SC_NUM_MAX];

    if (container->effective_uid_maps.count == 0 ||
        sc_id_maps_parse(&container->effective_uid_maps, &arena, &maps, &ignored) < 0 || !maps.items)
        return;
    (void)snprintf(name, sizeof(name), "%u", maps.items[0].host_id);
    sc_claim_release(engine, CLAIM_KIND, name, container->id);
}
