/* The black box: a file that is written around, by what files of a cgroup say; here of a directory that is none. */
#include <fcntl.h>

#include "monitor/monitor-priv.h"
#include "scratch.h"

static void
say_use(const struct scratch *scratch, unsigned usec)
{
    struct sc_err err = SC_ERR_INIT;
    char text[64];
    int len = snprintf(text, sizeof(text), "usage_usec %u\n", usec);

    assert_ok(sc_file_replace_at(scratch->fd, "cpu.stat", text, (size_t)len, 0600, SC_VOLATILE, &err));
}

static void
begin(struct sc_monitor *monitor, const struct scratch *scratch)
{
    *monitor = (struct sc_monitor){.blackbox_fd = -1};
    monitor->config.run_dir = monitor->config.cgroups = (char *)(uintptr_t)scratch->path;
    say_use(scratch, 1);
    sc_blackbox_start(monitor);
}

/* Returns how far away the next sample is. */
static int64_t
tick(struct sc_monitor *monitor)
{
    int64_t now = sc_time_monotonic();

    monitor->next_sample = now;
    sc_blackbox_tick(monitor);
    return monitor->next_sample - now;
}

/* More than it has room for: the oldest go, and what is kept can be read, with the last word of the container in it. */
static void
test_the_last_samples_are_kept(void **state)
{
    const struct scratch *scratch = *state;
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_blackbox_sample *back;
    struct sc_err err = SC_ERR_INIT;
    struct sc_monitor monitor;
    struct sc_usage usage;
    size_t count = 0;
    int kept;

    begin(&monitor, scratch);
    for (int i = 0; i < 2 * SC_BLACKBOX_SLOTS; i++)
        (void)tick(&monitor);
    assert_int_equal(monitor.sample_count, 2 * SC_BLACKBOX_SLOTS);
    sc_accounts_close(&monitor.accounts);
    say_use(scratch, 7);
    assert_true(sc_blackbox_end(&monitor, &usage));
    assert_int_equal(usage.cpu_ns, 7000);
    assert_int_equal(mkdirat(scratch->fd, "data", 0700), 0);
    kept = openat(scratch->fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_blackbox_keep(&monitor, kept);
    assert_ok(sc_blackbox_read(kept, &arena, &back, &count, &err));
    assert_int_equal(count, SC_BLACKBOX_SLOTS);
    assert_int_equal(back[0].usage.cpu_ns, 1000);
    assert_int_equal(back[count - 1].usage.cpu_ns, 7000);
    close(kept);
    sc_closep(&monitor.blackbox_fd);
}

/* Each second at first; then so seldom that the file holds ten minutes. */
static void
test_samples_become_seldom(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_monitor monitor;

    begin(&monitor, scratch);
    for (int i = 1; i < SC_BLACKBOX_DENSE; i++)
        assert_true(tick(&monitor) >= SC_SECOND);
    for (int i = 0; i < 3; i++)
        assert_true(tick(&monitor) >= SC_BLACKBOX_SECONDS * SC_SECOND);
    assert_true((SC_BLACKBOX_SLOTS - SC_BLACKBOX_DENSE) * SC_BLACKBOX_SECONDS >= 600);
    sc_accounts_close(&monitor.accounts);
    sc_closep(&monitor.blackbox_fd);
}

/* Where there are no accounts there is no file, and nothing more to wait for. */
static void
test_without_accounts(void **state)
{
    const struct scratch *scratch = *state;
    struct sc_monitor monitor;
    struct sc_usage usage;

    begin(&monitor, scratch);
    assert_int_equal(unlinkat(scratch->fd, "cpu.stat", 0), 0);
    (void)tick(&monitor);
    assert_int_equal(sc_blackbox_wait(&monitor), -1);
    assert_false(sc_blackbox_end(&monitor, &usage));
    assert_int_equal(monitor.blackbox_fd, -1);
    assert_false(scratch_has(scratch, SC_BLACKBOX_FILE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(test_the_last_samples_are_kept),
        SCRATCH_TEST(test_samples_become_seldom),
        SCRATCH_TEST(test_without_accounts),
    };

    return RUN_TESTS(tests);
}
