/* A directory of the test's own, gone with it. */
#ifndef SC_TESTS_BASE_SCRATCH_H
#define SC_TESTS_BASE_SCRATCH_H

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
    scratch->fd = openat(AT_FDCWD, scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = scratch;
    return scratch->fd < 0 ? -1 : 0;
}

static inline int
scratch_teardown(void **state)
{
    struct scratch *scratch = *state;
    char command[128];

    /* Not with the code under test. */
    (void)snprintf(command, sizeof(command), "rm -rf %s", scratch->path);
    close(scratch->fd);
    free(*state);
    return system(command);
}

/* How many entries the directory has. */
static inline int
scratch_count(const struct scratch *scratch)
{
    char command[128], text[16] = "";
    FILE *pipe;

    (void)snprintf(command, sizeof(command), "find %s -mindepth 1 | wc -l", scratch->path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof(text), pipe));
    assert_int_equal(pclose(pipe), 0);
    return (int)strtol(text, NULL, 10);
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

#endif
