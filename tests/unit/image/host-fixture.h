/* host-fixture: a false host root in a temporary directory, filled file by file, for the tests of from-host. */
#ifndef SC_TEST_HOST_FIXTURE_H
#define SC_TEST_HOST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf-build.h"
#include "image/from-host-priv.h"

#define TRIPLET "x86_64-linux-gnu"

struct host {
    char top[64]; /* of this test; "root" and "data" below */
    char root[80];
    int root_fd;
    struct sc_arena arena;
    struct sc_host_build build;
    struct sc_from_host ask;
    struct sc_strv found;
    struct sc_err err;
};

static inline int
host_setup(void **state)
{
    struct host *host = calloc(1, sizeof(*host));

    if (host == NULL)
        return -1;
    *state = host;
    (void)snprintf(host->top, sizeof(host->top), "%s/sc-host-XXXXXX", "/tmp");
    if (mkdtemp(host->top) == NULL)
        return -1;
    (void)snprintf(host->root, sizeof(host->root), "%s/root", host->top);
    if (mkdir(host->root, 0755) < 0)
        return -1;
    host->root_fd = open(host->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    host->build = (struct sc_host_build)SC_HOST_BUILD_INIT;
    host->ask.root = host->root;
    return host->root_fd < 0 ? -1 : 0;
}

static inline int
host_teardown(void **state)
{
    struct host *host = *state;
    sc_cleanup_fd tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sc_err err = SC_ERR_INIT;
    int rc = sc_tree_remove_at(tmp, strrchr(host->top, '/') + 1, &err);

    sc_host_build_release(&host->build);
    sc_arena_release(&host->arena);
    sc_closep(&host->root_fd);
    free(host);
    return rc;
}

/* Paths are absolute in the false root. */
static inline void
host_parent(struct host *host, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct sc_err err = SC_ERR_INIT;
    char *dir;

    if (slash == path)
        return;
    dir = sc_arena_strndup(&host->arena, path + 1, (size_t)(slash - path - 1));
    assert_int_equal(sc_dir_make_at(host->root_fd, dir, 0755, &err), 0);
}

static inline void
host_file(struct host *host, const char *path, mode_t mode, const void *data, size_t len)
{
    sc_cleanup_fd fd = -1;

    host_parent(host, path);
    fd = openat(host->root_fd, path + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
}

static inline void
host_text(struct host *host, const char *path, mode_t mode, const char *text)
{
    host_file(host, path, mode, text, strlen(text));
}

static inline void
host_elf(struct host *host, const char *path, struct elf_spec spec)
{
    sc_cleanup_buf file = SC_BUF_INIT;

    if (spec.machine == 0)
        spec.machine = spec.is_32 ? EM_386 : EM_X86_64;
    elf_build(&spec, &file, NULL);
    host_file(host, path, 0755, file.data, file.len);
}

static inline void
host_link(struct host *host, const char *path, const char *target)
{
    host_parent(host, path);
    assert_int_equal(symlinkat(target, host->root_fd, path + 1), 0);
}

static inline void
host_ask(struct host *host, const char *program)
{
    sc_strv_add(&host->ask.programs, &host->arena, program);
}

static inline int
host_collect(struct host *host)
{
    sc_host_build_release(&host->build);
    sc_err_clear(&host->err);
    if (sc_host_build_open(&host->build, host->root, NULL, &host->arena, &host->err) < 0)
        return -1;
    return sc_host_collect(&host->build, &host->ask, &host->found, &host->err);
}

static inline void
host_collects(struct host *host)
{
    if (host_collect(host) < 0)
        fail_msg("collect: %s", host->err.msg);
}

static inline void
host_refuses(struct host *host, enum sc_err_kind kind, const char *message)
{
    if (host_collect(host) == 0)
        fail_msg("collect succeeded, expected: %s", message);
    if (strstr(host->err.msg, message) == NULL)
        fail_msg("message \"%s\" lacks \"%s\"", host->err.msg, message);
    assert_int_equal(host->err.kind, kind);
}

static inline const struct sc_host_file *
host_has(struct host *host, const char *path)
{
    const struct sc_host_file *file = sc_host_files_find(&host->build.files, path + 1);

    if (file == NULL)
        fail_msg("\"%s\" is not in the image", path);
    return file;
}

static inline void
host_lacks(struct host *host, const char *path)
{
    if (sc_host_files_find(&host->build.files, path + 1) != NULL)
        fail_msg("\"%s\" is in the image", path);
}

static inline void
host_has_link(struct host *host, const char *path, const char *target)
{
    const struct sc_host_file *file = host_has(host, path);

    assert_int_equal(file->kind, SC_HOST_LINK);
    assert_string_equal(file->target, target);
}

#endif
