/* An engine over directories of the test's own. */
#ifndef SC_TESTS_ENGINE_FIXTURE_H
#define SC_TESTS_ENGINE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sample.h"

struct engine_fixture {
    char path[64];
    struct sc_engine engine;
    struct sc_arena arena;
};

static inline int
engine_setup(void **state)
{
    struct engine_fixture *f = calloc(1, sizeof(*f));
    struct sc_err err = SC_ERR_INIT;
    char dir[80];

    assert_non_null(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/sc-engine.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    (void)snprintf(dir, sizeof(dir), "%s/data", f->path);
    assert_int_equal(setenv("SC_DATA_ROOT", dir, 1), 0);
    (void)snprintf(dir, sizeof(dir), "%s/run", f->path);
    assert_int_equal(setenv("SC_RUN_ROOT", dir, 1), 0);
    f->engine = (struct sc_engine)SC_ENGINE_INIT;
    assert_ok(sc_engine_open(&f->engine, &err));
    *state = f;
    return 0;
}

static inline int
engine_teardown(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;

    sc_engine_release(&f->engine);
    assert_ok(sc_tree_remove_at(AT_FDCWD, f->path, &err));
    sc_arena_release(&f->arena);
    free(f);
    return 0;
}

/* The n-th made-up id */
static inline char *
made_id(struct engine_fixture *f, unsigned n)
{
    return sc_arena_printf(&f->arena, "%08x00000000000000000000000000000000000000000000000000000000", n);
}

/* A claim, made by hand */
static inline void
put_claim(struct engine_fixture *f, const char *path, unsigned n)
{
    char target[SC_CLAIM_MAX];

    sc_claim_encode(made_id(f, n), target);
    assert_int_equal(symlinkat(target, f->engine.data_fd, path), 0);
}

/* A container on disk, as create leaves it. */
static inline char *
made_container(struct engine_fixture *f, unsigned n, const char *name, bool is_rm, bool starts_now)
{
    struct sc_container c = SC_CONTAINER_INIT;
    struct sc_err err = SC_ERR_INIT;
    char *id = made_id(f, n), *dir = sc_arena_printf(&f->arena, "container/%s", id);

    memcpy(c.id, id, sizeof(c.id));
    sc_create_options_init(&c.options);
    c.name = sc_arena_strdup(&f->arena, name);
    c.created_at = n;
    c.is_rm = c.options.rm = is_rm;
    c.options.starts_now = starts_now;
    c.path = sc_arena_strdup(&f->arena, "sh");
    assert_int_equal(mkdirat(f->engine.data_fd, dir, 0700), 0);
    assert_ok(sc_name_claim(&f->engine, name, id, &err));
    assert_ok(sc_record_write(&f->engine, &c, &err));
    return id;
}

/* Writes <data>/container/<id>/name, or the same below <run>. */
static inline void
put_file(struct engine_fixture *f, bool in_run, const char *id, const char *name, const char *text)
{
    struct sc_err err = SC_ERR_INIT;
    int root = in_run ? f->engine.run_fd : f->engine.data_fd;
    char *dir = sc_arena_printf(&f->arena, "container/%s", id), *path = sc_arena_printf(&f->arena, "%s/%s", dir, name);

    assert_ok(sc_dir_make_at(root, dir, 0700, &err));
    assert_ok(sc_file_replace_at(root, path, text, strlen(text), 0600, SC_VOLATILE, &err));
}

static inline bool
is_there(struct engine_fixture *f, bool in_run, const char *path)
{
    return faccessat(in_run ? f->engine.run_fd : f->engine.data_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
