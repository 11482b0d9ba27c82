/* A directory of the test's own, gone with it, and its files as text. */
#ifndef SC_TESTS_MONITOR_SCRATCH_H
#define SC_TESTS_MONITOR_SCRATCH_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

struct scratch {
    char path[64];
    int fd;
};

static inline int
scratch_setup(void **state)
{
    struct scratch *scratch = calloc(1, sizeof(*scratch));

    if (!scratch)
        return -1;
    (void)snprintf(scratch->path, sizeof(scratch->path), "/tmp/sc-unit.XXXXXX");
    if (!mkdtemp(scratch->path))
        return -1;
    scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = scratch;
    return scratch->fd < 0 ? -1 : 0;
}

static inline int
scratch_teardown(void **state)
{
    struct scratch *scratch = *state;
    struct sc_err err = SC_ERR_INIT;
    int result;

    close(scratch->fd);
    result = sc_tree_remove_at(AT_FDCWD, scratch->path, &err);
    free(scratch);
    return result;
}

/* The file's content, to be freed; fails the test when it is not there. */
static inline char *
scratch_read(const struct scratch *scratch, const char *name)
{
    struct sc_buf text = SC_BUF_INIT;
    struct sc_err err;

    assert_ok(sc_file_read_at(scratch->fd, name, 64 << 20, &text, &err));
    if (!text.data)
        sc_buf_adds(&text, "");
    assert_non_null(text.data);
    return text.data;
}

static inline void
scratch_write(const struct scratch *scratch, const char *name, const char *text)
{
    struct sc_err err;

    assert_ok(sc_file_replace_at(scratch->fd, name, text, strlen(text), 0644, SC_VOLATILE, &err));
}

static inline bool
scratch_has(const struct scratch *scratch, const char *name)
{
    return faccessat(scratch->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

#endif
