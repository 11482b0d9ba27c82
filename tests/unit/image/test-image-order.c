/*
 * Nothing that is acknowledged is lost in a power loss: what gets a name in the store was synced before, the directory
 * that the name is in is synced before anything leads there, and before the command says that it is done; and nothing
 * is removed before the index that no longer leads there is on the disk. Each sync that the store does is seen here, so
 * that none can be left out. (tests/faults/power-loss tries it with a disk.)
 */
#include <pthread.h>

#include "image/tree-priv.h"
#include "store-fixture.h"

#define EVENTS_MAX 400
#define PLACE_MAX  200
#define PARTS      4

enum kind { SYNC, SYNCFS, RENAME, UNLINK };
struct event {
    enum kind kind;
    ino_t ino; /* of what is synced, or gets a name */
    ino_t to_dir, gone_dir;
    ino_t parts[PARTS];   /* of a layer that gets its name: its image and its notes */
    char from[PLACE_MAX]; /* below the data root */
    char to[PLACE_MAX];
};
static struct {
    pthread_mutex_t mutex;
    const struct fixture *fixture; /* NULL: nothing is recorded */
    struct event events[EVENTS_MAX];
    size_t count;
} record = {.mutex = PTHREAD_MUTEX_INITIALIZER};

int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_unlinkat(int dir_fd, const char *name, int flags);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);

static void
add(const struct event *event)
{
    (void)pthread_mutex_lock(&record.mutex);
    if (record.fixture) {
        assert_true(record.count < EVENTS_MAX);
        record.events[record.count++] = *event;
    }
    (void)pthread_mutex_unlock(&record.mutex);
}

/* Where a name is, below the data root, and the inode of its directory. */
static void
locate(int dir_fd, const char *name, char out[PLACE_MAX], ino_t *dir_ino)
{
    char link[64], dir[PATH_MAX], whole[2 * PATH_MAX];
    size_t root = record.fixture ? strlen(record.fixture->data) : 0;
    struct stat st = {.st_ino = 0};
    ssize_t len;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
    len = readlink(link, dir, sizeof(dir) - 1);
    dir[len > 0 ? len : 0] = '\0';
    (void)snprintf(whole, sizeof(whole), "%s/%s", dir, name);
    *strrchr(whole, '/') = '\0';
    if (stat(whole, &st) == 0)
        *dir_ino = st.st_ino;
    whole[strlen(whole)] = '/';
    (void)snprintf(out, PLACE_MAX, "%.199s", root > 0 && strlen(whole) > root ? whole + root + 1 : "");
}

int
__wrap_fsync(int fd)
{
    struct stat st = {.st_ino = 0};

    (void)fstat(fd, &st);
    add(&(struct event){.kind = SYNC, .ino = st.st_ino});
    return 0;
}

int
__wrap_syncfs(int fd)
{
    (void)fd;
    add(&(struct event){.kind = SYNCFS});
    return 0;
}

static const char *const part_names[PARTS] = {"erofs", "blob", "size", "diff"};

static struct event
renaming(int from_fd, const char *from, int to_fd, const char *to)
{
    struct event event = {.kind = RENAME};
    struct stat st = {.st_ino = 0};
    char path[PATH_MAX];

    (void)fstatat(from_fd, from, &st, AT_SYMLINK_NOFOLLOW);
    event.ino = st.st_ino;
    for (size_t i = 0; i < PARTS; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", from, part_names[i]);
        if (fstatat(from_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
            event.parts[i] = st.st_ino;
    }
    locate(from_fd, from, event.from, &event.gone_dir);
    locate(to_fd, to, event.to, &event.to_dir);
    return event;
}

int
__wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    struct event event = renaming(from_fd, from, to_fd, to);
    int result = __real_renameat(from_fd, from, to_fd, to);

    if (result == 0)
        add(&event);
    return result;
}

int
__wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    struct event event = renaming(from_fd, from, to_fd, to);
    int result = __real_renameat2(from_fd, from, to_fd, to, flags);

    if (result == 0)
        add(&event);
    return result;
}

int
__wrap_unlinkat(int dir_fd, const char *name, int flags)
{
    struct event event = {.kind = UNLINK};

    locate(dir_fd, name, event.from, &event.gone_dir);
    add(&event);
    return __real_unlinkat(dir_fd, name, flags);
}

/* ---- what must be so ------------------------------------------------------------------------------------------- */

static bool
is_layer(const char *place)
{
    return sc_str_starts(place, "layer/") && sc_hex_is_valid(place + 6, SC_DIGEST_HEX_LEN) &&
           place[6 + SC_DIGEST_HEX_LEN] == '\0';
}

static bool
is_index(const char *place)
{
    return strcmp(place, "image/index.json") == 0;
}

static bool
is_kept(const char *place)
{
    return is_layer(place) || is_index(place) || sc_str_starts(place, "image/blobs/sha256/") ||
           sc_str_starts(place, "image/sc-chain/");
}

static bool
is_synced(ino_t ino, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (record.events[i].kind == SYNCFS || (record.events[i].kind == SYNC && record.events[i].ino == ino))
            return true;
    }
    return false;
}

/* The next change of the index, which says that all before it is there; or the end, which says so to the caller. */
static size_t
next_index(size_t at)
{
    while (++at < record.count && !(record.events[at].kind == RENAME && is_index(record.events[at].to)))
        continue;
    return at;
}

static void
check_order(const char *what, size_t names_at_least)
{
    size_t names = 0, index_synced = record.count;

    for (size_t i = 0; i < record.count; i++) {
        const struct event *event = &record.events[i];

        if (event->kind == RENAME && is_kept(event->to)) {
            names++;
            if (!is_synced(event->ino, 0, i))
                fail_msg("%s: \"%s\" is not synced before it gets its name", what, event->to);
            for (size_t k = 0; k < PARTS; k++) {
                if (event->parts[k] && !is_synced(event->parts[k], 0, i))
                    fail_msg("%s: \"%s\" of \"%s\" is not synced before that gets its name", what, part_names[k],
                             event->to);
            }
            if (!is_synced(event->to_dir, i + 1, next_index(i)))
                fail_msg("%s: the directory of \"%s\" is not synced in time", what, event->to);
        }
        if (event->kind == RENAME && is_layer(event->from) && !is_synced(event->gone_dir, i + 1, record.count))
            fail_msg("%s: that \"%s\" has no name is not synced", what, event->from);
        if (event->kind == RENAME && is_index(event->to))
            index_synced = record.count;
        if (event->kind == SYNC && i > 0 && index_synced == record.count)
            index_synced = i;
        if (event->kind == UNLINK && sc_str_starts(event->from, "image/blobs/") && index_synced > i)
            fail_msg("%s: \"%s\" goes before the index is synced", what, event->from);
    }
    if (names < names_at_least)
        fail_msg("%s: only %zu names were given", what, names);
}

static void
begin(const struct fixture *fixture)
{
    record.count = 0;
    record.fixture = fixture;
}

static void
end(const char *what, size_t names_at_least)
{
    record.fixture = NULL;
    check_order(what, names_at_least);
}

/* ---- ------------------------------------------------------------------------------------------------------------ */

static const struct tar_item items_a[] = {{.name = "a", .data = "aaaa"}, {NULL}};
static const struct tar_item items_b[] = {{.name = "b/c", .data = "bb"}, {NULL}};

static void
test_each_command(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layers[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};
    sc_cleanup_fd fd = openat(fixture->dir_fd, "x.tar", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    struct sc_strv names = {.items = NULL}, loaded = {.items = NULL};
    struct sc_image_removed removed;
    struct sc_import how = {.message = "m"};
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *id;

    begin(fixture);
    (void)fixture_image(fixture, layers, 2, "x", "docker.io/library/x:latest");
    end("commit", 6);
    sc_strv_add(&names, &fixture->arena, "x");
    assert_ok(sc_image_save(&fixture->store, &names, SC_ARCHIVE_DOCKER, fd, NULL, &err));
    begin(fixture);
    assert_ok(sc_image_tag(&fixture->store, "x", "docker.io/library/y:latest", &err));
    end("tag", 1);
    begin(fixture);
    assert_ok(sc_image_remove(&fixture->store, "y", false, NULL, NULL, &fixture->arena, &removed, &err));
    end("untag", 1);
    begin(fixture);
    assert_ok(sc_image_remove(&fixture->store, "x", false, NULL, NULL, &fixture->arena, &removed, &err));
    end("remove", 1);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
    begin(fixture);
    assert_ok(sc_image_load(&fixture->store, fixture_path(fixture, "x.tar"), &fixture->arena, &loaded, &err));
    end("load", 8);
    tar_build(&tar, items_a);
    fixture_write(fixture, "layer.tar", tar.data, tar.len);
    begin(fixture);
    assert_ok(sc_image_import(&fixture->store, fixture_path(fixture, "layer.tar"), "docker.io/library/z:latest", &how,
                              &fixture->arena, &id, &err));
    end("import", 4);
}

/* A layer that is an image is synced file by file. */
static void
test_images(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layers[] = {fixture_layer(fixture, items_a), fixture_layer(fixture, items_b)};
    size_t images = 0;

    fixture->store.backend = SC_LAYER_EROFS;
    fixture->store.is_backend_asked = true;
    begin(fixture);
    (void)fixture_image(fixture, layers, 2, "x", "docker.io/library/x:latest");
    end("commit of images", 6);
    for (size_t i = 0; i < record.count; i++) {
        assert_int_not_equal(record.events[i].kind, SYNCFS);
        images += record.events[i].kind == RENAME && record.events[i].parts[0];
    }
    assert_int_equal(images, 2);
}

static void
ignore_line(void *data, const char *line)
{
    (void)data;
    (void)line;
}

static void
test_repair(void **state)
{
    struct fixture *fixture = *state;
    struct sc_store_layer layer = fixture_layer(fixture, items_a);
    struct sc_store_check check = {.repairs = true, .say = ignore_line};
    char path[PATH_MAX];
    struct sc_err err = SC_ERR_INIT;

    (void)fixture_image(fixture, &layer, 1, "x", "docker.io/library/x:latest");
    (void)snprintf(path, sizeof(path), "data/layer/%s/diff/a", sc_digest_hex(layer.diff_id));
    assert_int_equal(unlinkat(fixture->dir_fd, path, 0), 0);
    begin(fixture);
    assert_ok(sc_store_fsck(&fixture->store, &check, &err));
    end("fsck", 1);
    assert_int_equal(check.repaired, check.problems);
    assert_true(check.repaired > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {FIXTURE_TEST(test_each_command), FIXTURE_TEST(test_images),
                                       FIXTURE_TEST(test_repair)};

    return RUN_TESTS(tests);
}
