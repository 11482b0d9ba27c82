/* Names and other claims: symlink(2) never replaces, so of two who claim one name at once exactly one gets it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define CLAIM_LEN   43 /* an id in base64url */
#define CLAIM_TRIES 100
#define NAME_TRIES  20

static int
open_kind(const struct sc_engine *engine, const char *kind, struct sc_err *err)
{
    return sc_dir_open_at(engine->data_fd, kind, err);
}

/* ---- an id as a link's target ----------------------------------------------------------------
 * ext4 keeps a target of less than 60 bytes in the inode itself; 64 digits would take a block of the disk, whose
 * freeing is a third of a millisecond of every start. So the 32 bytes are written as base64url (RFC 4648). */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static unsigned
hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void
sc_claim_encode(const char *id, char out[SC_CLAIM_MAX])
{
    /* Three digits of four bits are two of six; 64 digits leave one, padded with two zero bits. */
    for (size_t i = 0; i < SC_ID_LEN / 3; i++) {
        unsigned bits = hex_value(id[3 * i]) << 8 | hex_value(id[3 * i + 1]) << 4 | hex_value(id[3 * i + 2]);

        out[2 * i] = base64url[bits >> 6];
        out[2 * i + 1] = base64url[bits & 63];
    }
    out[CLAIM_LEN - 1] = base64url[hex_value(id[SC_ID_LEN - 1]) << 2];
    out[CLAIM_LEN] = '\0';
}

bool
sc_claim_decode(const char *text, size_t len, char id[SC_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned values[CLAIM_LEN];

    if (len != CLAIM_LEN)
        return false;
    for (size_t i = 0; i < CLAIM_LEN; i++) {
        const char *at = text[i] ? strchr(base64url, text[i]) : NULL;

        if (!at)
            return false;
        values[i] = (unsigned)(at - base64url);
    }
    if (values[CLAIM_LEN - 1] & 3)
        return false;
    for (size_t i = 0; i < SC_ID_LEN / 3; i++) {
        unsigned bits = values[2 * i] << 6 | values[2 * i + 1];

        id[3 * i] = digits[bits >> 8];
        id[3 * i + 1] = digits[bits >> 4 & 15];
        id[3 * i + 2] = digits[bits & 15];
    }
    id[SC_ID_LEN - 1] = digits[values[CLAIM_LEN - 1] >> 2];
    id[SC_ID_LEN] = '\0';
    return true;
}

static void
read_owner(int kind_fd, const char *name, char owner[SC_ID_LEN + 1])
{
    char target[SC_CLAIM_MAX + 1];
    ssize_t len = readlinkat(kind_fd, name, target, sizeof(target));

    if (len < 0 || !sc_claim_decode(target, (size_t)len, owner))
        owner[0] = '\0';
}

void
sc_claim_owner(const struct sc_engine *engine, const char *kind, const char *name, char owner[SC_ID_LEN + 1])
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd kind_fd = open_kind(engine, kind, &ignored);

    owner[0] = '\0';
    if (kind_fd >= 0)
        read_owner(kind_fd, name, owner);
}

void
sc_claim_release(const struct sc_engine *engine, const char *kind, const char *name, const char *id)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd kind_fd = open_kind(engine, kind, &ignored);
    char owner[SC_ID_LEN + 1];

    if (kind_fd < 0)
        return;
    read_owner(kind_fd, name, owner);
    if (strcmp(owner, id) == 0)
        (void)unlinkat(kind_fd, name, 0);
}

static bool
has_record(const struct sc_engine *engine, const char *id)
{
    char path[sizeof("container//record.json") + SC_ID_LEN];

    (void)snprintf(path, sizeof(path), "container/%s/record.json", id);
    return faccessat(engine->data_fd, path, F_OK, 0) == 0;
}

/* Whether its owner's record says something else, as after a rename that was cut short. */
static bool
is_name_stale(const struct sc_engine *engine, const char *kind, const char *name, const char *owner)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    if (!has_record(engine, owner))
        return true;
    return strcmp(kind, "name") == 0 && sc_record_read(engine, owner, &arena, &container, &ignored) == 0 &&
           strcmp(container.name, name) != 0;
}

/* Removes the claim if nobody stands behind it. The owner's lock makes the check and the removal one. */
static void
drop_if_stale(const struct sc_engine *engine, int kind_fd, const char *kind, const char *name, const char *owner)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_fd lock = -1;
    char now[SC_ID_LEN + 1];
    char run[sizeof("container/") + SC_ID_LEN];

    if (!is_name_stale(engine, kind, name, owner))
        return;
    lock = sc_engine_lock(engine, owner, 0, &ignored);
    if (lock < 0)
        return;
    read_owner(kind_fd, name, now);
    if (strcmp(now, owner) == 0 && is_name_stale(engine, kind, name, owner))
        (void)unlinkat(kind_fd, name, 0);
    if (has_record(engine, owner))
        return;
    (void)snprintf(run, sizeof(run), "container/%s", owner);
    (void)!sc_tree_remove_at(engine->run_fd, run, &ignored);
}

int
sc_claim(const struct sc_engine *engine, const char *kind, const char *name, const char *id, char owner[SC_ID_LEN + 1],
         struct sc_err *err)
{
    sc_cleanup_fd kind_fd = open_kind(engine, kind, err);
    char target[SC_CLAIM_MAX];

    if (kind_fd < 0)
        return -1;
    sc_claim_encode(id, target);
    for (int i = 0; i < CLAIM_TRIES; i++) {
        if (symlinkat(target, kind_fd, name) == 0)
            return 0;
        if (errno != EEXIST)
            return sc_err_errno(err, errno, "claim %s \"%s\"", kind, name);
        read_owner(kind_fd, name, owner);
        if (owner[0] == '\0') { /* gone meanwhile, or no link of ours */
            struct stat st;

            if (fstatat(kind_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(st.st_mode))
                return sc_err_set(err, SC_ERR_INVALID, "claim %s \"%s\": something else is there", kind, name);
            if (i > CLAIM_TRIES / 2)
                (void)unlinkat(kind_fd, name, 0); /* a damaged link names nobody */
            continue;
        }
        if (!is_name_stale(engine, kind, name, owner))
            break;
        drop_if_stale(engine, kind_fd, kind, name, owner);
    }
    return sc_err_set(err, SC_ERR_EXISTS, "%s \"%s\" is in use by container %.12s", kind, name, owner);
}

void
sc_claim_sweep(const struct sc_engine *engine, const char *kind)
{
    struct sc_err ignored = SC_ERR_INIT;
    int fd = open_kind(engine, kind, &ignored);
    sc_cleanup_dir dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    if (!dir)
        return;
    while ((item = readdir(dir)) != NULL) {
        char owner[SC_ID_LEN + 1];

        if (item->d_name[0] == '.')
            continue;
        read_owner(dirfd(dir), item->d_name, owner);
        if (owner[0] && !has_record(engine, owner))
            drop_if_stale(engine, dirfd(dir), kind, item->d_name, owner);
    }
}

int
sc_name_claim(const struct sc_engine *engine, const char *name, const char *id, struct sc_err *err)
{
    char owner[SC_ID_LEN + 1] = "";

    if (sc_claim(engine, "name", name, id, owner, err) == 0)
        return 0;
    if (err->kind != SC_ERR_EXISTS)
        return -1;
    return sc_err_remedy(err, "remove it (sc rm %s), rename it, or choose another --name", name);
}

int
sc_name_make(const struct sc_engine *engine, const char *id, struct sc_arena *arena, char **out, struct sc_err *err)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        struct sc_err taken = SC_ERR_INIT;
        char name[64];
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return sc_err_errno(err, errno, "get random bytes");
        sc_name_random(random, i > 2, name);
        if (sc_name_claim(engine, name, id, &taken) == 0) {
            *out = sc_arena_strdup(arena, name);
            return sc_arena_check(arena, err);
        }
        if (taken.kind != SC_ERR_EXISTS) {
            *err = taken;
            return -1;
        }
    }
    return sc_err_set(err, SC_ERR_EXISTS, "make up a name: every one tried was taken");
}
