/* Leases: whose they are, and that what is taken from the dead is theirs still when it is taken. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "net/net-priv.h"
#include "test.h"

#define DEAD  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define OTHER "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define OURS  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define NAME  "10.0.0.2"

struct fixture {
    char path[32];
    int dir;
    bool is_overtaken; /* who is asked about the dead one finds that another has taken its lease since */
};

static bool
is_alive(const char *id, void *data)
{
    struct fixture *fixture = data;

    if (strcmp(id, DEAD) != 0)
        return true;
    if (fixture->is_overtaken) {
        assert_int_equal(unlinkat(fixture->dir, NAME, 0), 0);
        assert_int_equal(symlinkat(OTHER "/0//", fixture->dir, NAME), 0);
    }
    return false;
}

static void
begin(struct fixture *fixture, struct sc_net *net, const char *target)
{
    *fixture = (struct fixture){.path = "/tmp/sc-unit.XXXXXX"};
    assert_non_null(mkdtemp(fixture->path));
    fixture->dir = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *net = (struct sc_net){.data_fd = -1, .run_fd = -1, .is_alive = is_alive, .data = fixture};
    if (target)
        assert_int_equal(symlinkat(target, fixture->dir, NAME), 0);
}

/* What the lease says at the end, in the arena of nobody: until the next call. */
static const char *
end(struct fixture *fixture)
{
    static char target[SC_LEASE_TARGET_MAX];
    ssize_t len = readlinkat(fixture->dir, NAME, target, sizeof(target) - 1);

    assert_true(len >= 0);
    target[len] = '\0';
    assert_int_equal(unlinkat(fixture->dir, NAME, 0), 0);
    close(fixture->dir);
    assert_int_equal(rmdir(fixture->path), 0);
    return target;
}

/* Before it is taken the lease is as `before` says; what the taking answers, and what the lease is then. */
static void
check_take(const char *before, bool is_overtaken, int answer, const char *after)
{
    struct fixture fixture;
    struct sc_net net;
    struct sc_err err;
    char owner[SC_ID_LEN + 1] = "";

    begin(&fixture, &net, before);
    fixture.is_overtaken = is_overtaken;
    assert_int_equal(sc_lease_take(&net, fixture.dir, NAME, OURS "/0//", owner, &err), answer);
    if (answer == 0)
        assert_string_equal(owner, OTHER);
    assert_string_equal(end(&fixture), after);
}

static void
test_a_lease_is_taken(void **state)
{
    struct fixture fixture;
    struct sc_net net;
    struct sc_err err;
    char owner[SC_ID_LEN + 1] = "";

    (void)state;
    begin(&fixture, &net, NULL);
    assert_int_equal(sc_lease_take(&net, fixture.dir, NAME, OURS "/0//", owner, &err), 1);
    assert_int_equal(sc_lease_take(&net, fixture.dir, NAME, OURS "/0//", owner, &err), 1); /* ours already */
    assert_string_equal(end(&fixture), OURS "/0//");
    check_take(OTHER "/0//", false, 0, OTHER "/0//");
}

static void
test_a_dead_ones_lease_is_taken(void **state)
{
    (void)state;
    check_take(DEAD "/0//", false, 1, OURS "/0//");
    check_take("nobody", false, 1, OURS "/0//");
}

/* Between the look and the taking it can become another's, who lives. */
static void
test_a_lease_that_is_anothers_meanwhile_stays(void **state)
{
    (void)state;
    check_take(DEAD "/0//", true, 0, OTHER "/0//");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lease_is_taken),
        cmocka_unit_test(test_a_dead_ones_lease_is_taken),
        cmocka_unit_test(test_a_lease_that_is_anothers_meanwhile_stays),
    };

    return RUN_TESTS(tests);
}
