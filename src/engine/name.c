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

#define CLAIM_TRIES 100
#define NAME_TRIES  20
#define NAME_LEN    200 /* a file name, with room for what is put around it */

static bool
is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int
sc_name_check(const char *name, struct sc_err *err)
{
    size_t len = strlen(name);
    bool is_good = len >= 2 && len <= NAME_LEN && is_alnum(name[0]);

    for (size_t i = 1; i < len && is_good; i++)
        is_good = is_alnum(name[i]) || name[i] == '_' || name[i] == '.' || name[i] == '-';
    if (is_good)
        return 0;
    sc_err_set(err, SC_ERR_INVALID, "invalid container name \"%.80s\"", name);
    return sc_err_remedy(err, "use [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most %d characters", NAME_LEN);
}

static int
open_kind(const struct sc_engine *engine, const char *kind, struct sc_err *err)
{
    return sc_dir_open_at(engine->data_fd, kind, err);
}

static void
read_owner(int kind_fd, const char *name, char owner[SC_ID_LEN + 1])
{
    ssize_t len = readlinkat(kind_fd, name, owner, SC_ID_LEN + 1);

    owner[len == SC_ID_LEN ? SC_ID_LEN : 0] = '\0';
    if (!sc_engine_is_id(owner))
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

    if (kind_fd < 0)
        return -1;
    for (int i = 0; i < CLAIM_TRIES; i++) {
        if (symlinkat(id, kind_fd, name) == 0)
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
