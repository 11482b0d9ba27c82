/* Where images are loaded from: a tar, whose members are taken as they come by, or a directory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/tar-read-priv.h"

#define HOLD_ONE_MAX ((int64_t)1 << 20)   /* smaller members stay in memory until they are asked for ... */
#define HOLD_ALL_MAX ((uint64_t)64 << 20) /* ... while all of them are no more than this */
#define LINKS_MAX    8
#define BLOB_DIR     "blobs/sha256/"
#define AHEAD_MAX    4 /* layers that are unpacked at a time while more come */

struct sc_member {
    const char *link; /* clean name of the member that it stands for, or NULL */
    const char *data; /* held, or NULL */
    char *digest;     /* of a blob of the store, or NULL */
    int64_t size;
};

void
sc_source_release(struct sc_source *source)
{
    sc_closep(&source->dir_fd);
    sc_json_decrefp(&source->members);
    sc_freep(&source->items);
    source->count = source->capacity = 0;
}

static int
incomplete(struct sc_err *err, const char *name)
{
    sc_err_set(err, SC_ERR_INVALID, "the archive has no \"%.300s\"", name);
    return sc_err_remedy(err, "it is damaged or incomplete: get it again");
}

/* A name inside an archive as its clean form "a/b". */
static char *
clean_name(const char *name, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_layer_name parsed;

    if (sc_layer_name_parse(name, &parsed, err) < 0)
        return NULL;
    if (parsed.kind != SC_LAYER_ENTRY) {
        sc_err_set(err, SC_ERR_INVALID, "entry \"%.300s\": an image archive cannot have it", name);
        return NULL;
    }
    return sc_arena_printf(arena, "%s%s%s", parsed.dir, *parsed.dir ? "/" : "", parsed.base);
}

/* What a symbolic link at name means: "../x/layer.tar" at "y/layer.tar" is "x/layer.tar". By the text alone. */
static char *
link_name(const char *name, const char *target, struct sc_arena *arena, struct sc_err *err)
{
    const char *slash = strrchr(name, '/');
    size_t dir = slash ? (size_t)(slash - name) : 0;

    while (sc_str_starts(target, "../")) {
        if (dir == 0) {
            sc_err_set(err, SC_ERR_INVALID, "it leads out of the archive");
            return NULL;
        }
        while (dir > 0 && name[--dir] != '/')
            continue;
        target += 3;
    }
    target = sc_arena_printf(arena, "%.*s%s%s", (int)dir, name, dir ? "/" : "", target);
    return target ? clean_name(target, arena, err) : NULL;
}

static int
source_add(struct sc_source *source, const char *name, const struct sc_member *member, struct sc_err *err)
{
    if (source->count == source->capacity) {
        size_t capacity = source->capacity ? source->capacity * 2 : 64;
        struct sc_member *items = reallocarray(source->items, capacity, sizeof(*items));

        if (!items)
            return sc_err_nomem(err);
        source->items = items;
        source->capacity = capacity;
    }
    if (json_object_set_new_nocheck(source->members, name, json_integer((json_int_t)source->count)) < 0)
        return sc_err_nomem(err);
    source->items[source->count++] = *member;
    return 0;
}

/* The digest that a member's place promises, or NULL. */
static const char *
promised_digest(const char *name, struct sc_arena *arena)
{
    const char *hex = name + sizeof(BLOB_DIR) - 1;
    const char *digest;

    if (!sc_str_starts(name, BLOB_DIR))
        return NULL;
    digest = sc_arena_printf(arena, "sha256:%s", hex);
    return sc_digest_is_valid(digest) ? digest : NULL;
}

/* A member that is kept in memory until it is asked for. */
static int
hold_file(struct sc_source *source, struct sc_tar_read *tar, struct sc_member *member, struct sc_err *err)
{
    char *held = sc_arena_alloc(source->arena, (size_t)member->size + 1);
    const void *data;
    size_t end = 0;
    ssize_t len;

    if (!held)
        return sc_err_nomem(err);
    while ((len = sc_tar_read_data(tar, &data, err)) > 0) {
        memcpy(held + end, data, (size_t)len);
        end += (size_t)len;
    }
    member->data = held;
    source->held += end;
    return len < 0 ? -1 : 0;
}

/* A member's content into a blob, hashed beside, and unpacked behind where it can be a layer. */
static int
copy_file(const struct sc_source *source, struct sc_tar_read *tar, int64_t size, struct sc_blob_writer *writer,
          struct sc_ahead **ahead, struct sc_err *err)
{
    bool is_begun = false;
    const void *data;
    ssize_t len;

    while ((len = sc_tar_read_data(tar, &data, err)) > 0) {
        if (sc_tar_read_hash(tar, sc_blob_hash(writer), data, (size_t)len, err) < 0 ||
            sc_blob_append(writer, data, (size_t)len, err) < 0)
            return -1;
        if (!is_begun) {
            if (source->store->ahead)
                sc_ahead_limit(source->store->ahead, AHEAD_MAX);
            *ahead = sc_ahead_start(source->store, sc_blob_fd(writer), size, data, (size_t)len);
        }
        is_begun = true;
        sc_ahead_wrote(*ahead, (size_t)len);
    }
    return len < 0 ? -1 : 0;
}

static int
keep_file(const struct sc_source *source, struct sc_tar_read *tar, const char *promised, struct sc_member *member,
          struct sc_err *err)
{
    sc_cleanup_blob writer = NULL;
    struct sc_ahead *ahead = NULL;
    struct sc_err other = SC_ERR_INIT;
    int status;

    if (sc_blob_create(source->store, &writer, err) < 0)
        return -1;
    status = copy_file(source, tar, member->size, writer, &ahead, err);
    /* Told before the blob is synced: the two go on side by side. */
    if (status == 0)
        sc_ahead_end(ahead);
    if (sc_tar_read_hashed(tar, status == 0 ? err : &other) < 0 || status < 0)
        return -1;
    if (sc_blob_commit(sc_steal_ptr(&writer), promised, source->arena, &member->digest, NULL, err) < 0)
        return -1;
    sc_ahead_name(ahead, member->digest);
    return 0;
}

static int
take_file(struct sc_source *source, struct sc_tar_read *tar, const char *name, int64_t size, struct sc_err *err)
{
    struct sc_member member = {.size = size};
    const char *promised = promised_digest(name, source->arena);

    if (size <= HOLD_ONE_MAX && source->held + (uint64_t)size <= HOLD_ALL_MAX) {
        if (hold_file(source, tar, &member, err) < 0)
            return -1;
    } else if (promised && sc_store_has_blob(source->store, promised)) {
        member.digest = sc_arena_strdup(source->arena, promised);
        if (!member.digest)
            return sc_err_nomem(err);
    } else if (keep_file(source, tar, promised, &member, err) < 0) {
        return -1;
    }
    return source_add(source, name, &member, err);
}

static int
take_entry(struct sc_source *source, struct sc_tar_read *tar, const struct sc_tar_member *entry, struct sc_err *err)
{
    struct sc_member member = {.size = 0};
    char *name;

    if (entry->kind == SC_MEMBER_DIR)
        return 0;
    name = clean_name(entry->name, source->arena, err);
    if (!name)
        return err->kind == SC_ERR_NONE ? sc_err_nomem(err) : -1;
    if (entry->kind == SC_MEMBER_FILE)
        return take_file(source, tar, name, entry->size, err) < 0 ? sc_err_wrap(err, "entry \"%.300s\"", name) : 0;
    member.link = entry->kind == SC_MEMBER_HARD_LINK ? clean_name(entry->link, source->arena, err)
                                                     : link_name(name, entry->link, source->arena, err);
    if (!member.link)
        return err->kind == SC_ERR_NONE ? sc_err_nomem(err) : sc_err_wrap(err, "link \"%.300s\"", name);
    return source_add(source, name, &member, err);
}

static int
source_open_tar(struct sc_source *source, int fd, struct sc_err *err)
{
    /* Entries of an archive of images are few, but each costs memory here. */
    static const struct sc_limits limits = {.ratio = 1100, .ratio_from = UINT64_C(1) << 30, .entries = 100000};
    sc_cleanup_stream stream = NULL;
    sc_cleanup_tar_read tar = SC_TAR_READ_INIT;
    struct sc_tar_member entry;
    int status;

    source->members = json_object();
    if (!source->members)
        return sc_err_nomem(err);
    if (sc_stream_open(source->store->jail, fd, &limits, &stream, err) < 0 ||
        sc_tar_read_open(sc_steal_ptr(&stream), limits.entries, &tar, err) < 0)
        return -1;
    while ((status = sc_tar_read_next(&tar, &entry, err)) > 0) {
        if (take_entry(source, &tar, &entry, err) < 0)
            return -1;
    }
    return status < 0 ? -1 : sc_arena_check(source->arena, err);
}

int
sc_transfer_open(const char *path, struct sc_err *err)
{
    int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                    /* lint: the caller's own path */
                                    : openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return sc_err_errno(err, errno, "open \"%s\"", path);
    return fd;
}

int
sc_source_open(const struct sc_store *store, const char *path, struct sc_arena *arena, struct sc_source *out,
               struct sc_err *err)
{
    sc_cleanup_source source = {.store = store, .arena = arena, .dir_fd = -1};
    sc_cleanup_fd fd = sc_transfer_open(path, err);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at \"%s\"", path);
    if (S_ISDIR(st.st_mode))
        source.dir_fd = sc_steal_fd(&fd);
    else if (source_open_tar(&source, fd, err) < 0)
        return sc_err_wrap(err, "read \"%s\"", path);
    *out = source;
    source = (struct sc_source)SC_SOURCE_INIT;
    return 0;
}

/* A member of a directory: never outside it, never anything that blocks. */
static int
open_in_dir(const struct sc_source *source, const char *name, struct sc_err *err)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    sc_cleanup_fd fd = (int)syscall(SYS_openat2, source->dir_fd, name, &how, sizeof(how));
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return incomplete(err, name);
    if (fd < 0)
        return sc_err_errno(err, errno, "open \"%.300s\"", name);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "open \"%.300s\": it is no regular file", name);
    return sc_steal_fd(&fd);
}

/* A member of a tar, links followed; NULL when it is absent. */
static const struct sc_member *
find_member(const struct sc_source *source, const char *name)
{
    const struct sc_member *member = NULL;

    for (int i = 0; i < LINKS_MAX && name; i++) {
        const json_t *at = json_object_get(source->members, name);

        if (!at)
            return NULL;
        member = &source->items[json_integer_value(at)];
        name = member->link;
    }
    return name ? NULL : member;
}

bool
sc_source_has(const struct sc_source *source, const char *name)
{
    struct stat st;

    if (source->dir_fd >= 0)
        return fstatat(source->dir_fd, name, &st, 0) == 0;
    return find_member(source, name) != NULL;
}

int
sc_source_text(const struct sc_source *source, const char *name, struct sc_buf *out, struct sc_err *err)
{
    const char *clean = clean_name(name, source->arena, err);
    const struct sc_member *member;

    if (!clean)
        return err->kind == SC_ERR_NONE ? sc_err_nomem(err) : -1;
    if (source->dir_fd >= 0) {
        sc_cleanup_fd fd = open_in_dir(source, clean, err);

        if (fd < 0 || sc_file_read_fd(fd, SC_IMAGE_JSON_MAX, out, err) < 0)
            return sc_err_wrap(err, "read \"%s\"", clean);
        return 0;
    }
    member = find_member(source, clean);
    if (!member)
        return incomplete(err, clean);
    if (!member->data)
        return sc_store_read_blob(source->store, member->digest, clean, out, err);
    sc_buf_add(out, member->data, (size_t)member->size);
    return sc_buf_check(out, err);
}

static int
copy_to_blob(const struct sc_source *source, int fd, const char *expected, char **digest, int64_t *size,
             struct sc_err *err)
{
    sc_cleanup_blob writer = NULL;
    char chunk[65536];
    ssize_t got;

    if (sc_blob_create(source->store, &writer, err) < 0)
        return -1;
    while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read a blob");
        if (sc_blob_write(writer, chunk, (size_t)got, err) < 0)
            return -1;
    }
    return sc_blob_commit(sc_steal_ptr(&writer), expected, source->arena, digest, size, err);
}

/* A blob that the store has already. */
static int
blob_in_store(const struct sc_source *source, const char *expected, char **digest, int64_t *size, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_blob_open(source->store, expected, err);
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "look at blob %s", expected);
    *size = st.st_size;
    *digest = sc_arena_strdup(source->arena, expected);
    return *digest ? 0 : sc_err_nomem(err);
}

int
sc_source_blob(const struct sc_source *source, const char *name, const char *expected, char **digest, int64_t *size,
               struct sc_err *err)
{
    const char *clean = clean_name(name, source->arena, err);
    const struct sc_member *member;

    if (!clean)
        return err->kind == SC_ERR_NONE ? sc_err_nomem(err) : -1;
    if (source->dir_fd >= 0) {
        sc_cleanup_fd fd = open_in_dir(source, clean, err);

        if (fd < 0)
            return -1;
        if (expected && sc_store_has_blob(source->store, expected))
            return blob_in_store(source, expected, digest, size, err);
        return copy_to_blob(source, fd, expected, digest, size, err);
    }
    member = find_member(source, clean);
    if (!member)
        return incomplete(err, clean);
    if (member->data)
        return sc_blob_put(source->store, member->data, (size_t)member->size, expected, source->arena, digest, size,
                           err);
    if (expected && strcmp(expected, member->digest) != 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" has the wrong digest: its content is %s, not %s", clean,
                          member->digest, expected);
    return blob_in_store(source, member->digest, digest, size, err);
}

bool
sc_load_is_wanted(const struct sc_source *source, const char *os, const char *arch, const char *variant)
{
    const char *slash = variant && *variant ? "/" : "";
    char *shown;

    if (!source->platform || sc_platform_is(source->platform, os, arch, variant))
        return true;
    shown = sc_arena_printf(source->arena, "%.40s/%.40s%s%.40s", os ? os : "?", arch ? arch : "?", slash,
                            variant ? variant : "");
    for (size_t i = 0; i < source->passed_over->count; i++) {
        if (sc_str_eq(source->passed_over->items[i], shown))
            return false;
    }
    sc_strv_add(source->passed_over, source->arena, shown);
    return false;
}
