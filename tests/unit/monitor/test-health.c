/* Health checks: when the next look is due, and what is made of one. */
#include "monitor/health.h"
#include "scratch.h"

#define SECOND INT64_C(1000000000)

static void
test_defaults(void **state)
{
    const struct sc_health_times none = {0}, given = {1, 2, 3, 4, 5},
                                 endless = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 1};
    struct sc_health_times times = sc_health_defaults(&none);

    (void)state;
    assert_int_equal(times.interval, 30 * SECOND);
    assert_int_equal(times.timeout, 30 * SECOND);
    assert_int_equal(times.start_period, 0);
    assert_int_equal(times.start_interval, 5 * SECOND);
    assert_int_equal(times.retries, 3);
    times = sc_health_defaults(&given);
    assert_memory_equal(&times, &given, sizeof(times));
    /* an image may say anything: what it says is added to a time */
    times = sc_health_defaults(&endless);
    assert_true(times.interval > INT64_MAX / 5 && times.interval < INT64_MAX / 2);
    assert_int_equal(times.timeout, times.interval);
    assert_int_equal(times.start_period, times.interval);
    assert_int_equal(times.start_interval, times.interval);
}

static void
test_pauses(void **state)
{
    const struct sc_health_times times = {
        .interval = 30 * SECOND, .start_interval = 5 * SECOND, .start_period = 60 * SECOND};

    (void)state;
    assert_int_equal(sc_health_pause(&times, true, 0), 5 * SECOND);
    assert_int_equal(sc_health_pause(&times, true, 60 * SECOND - 1), 5 * SECOND);
    assert_int_equal(sc_health_pause(&times, true, 60 * SECOND), 30 * SECOND);
    assert_int_equal(sc_health_pause(&times, false, 0), 30 * SECOND);
}

/* However often it is asked for, the host is for something else too. */
static void
test_shortest_pause(void **state)
{
    const struct sc_health_times times = {
        .interval = SECOND / 1000, .start_interval = SECOND / 1000, .start_period = 60 * SECOND};

    (void)state;
    assert_int_equal(sc_health_pause(&times, true, 0), SECOND / 20);
    assert_int_equal(sc_health_pause(&times, false, 0), SECOND / 20);
}

static void
test_judgement(void **state)
{
    const struct sc_health_times times = {.start_period = 60 * SECOND, .retries = 2};
    int streak = 0;

    (void)state;
    /* in its start period it may fail as often as it likes */
    for (int i = 0; i < 5; i++)
        assert_int_equal(sc_health_judge(&times, SC_HEALTH_STARTING, false, SECOND, &streak), SC_HEALTH_STARTING);
    assert_int_equal(streak, 0);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_STARTING, true, SECOND, &streak), SC_HEALTH_HEALTHY);
    /* until it has been healthy once */
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_HEALTHY, false, SECOND, &streak), SC_HEALTH_HEALTHY);
    assert_int_equal(streak, 1);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_HEALTHY, true, SECOND, &streak), SC_HEALTH_HEALTHY);
    assert_int_equal(streak, 0);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_HEALTHY, false, SECOND, &streak), SC_HEALTH_HEALTHY);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_HEALTHY, false, SECOND, &streak), SC_HEALTH_UNHEALTHY);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_UNHEALTHY, false, SECOND, &streak), SC_HEALTH_UNHEALTHY);
    assert_int_equal(streak, 3);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_UNHEALTHY, true, SECOND, &streak), SC_HEALTH_HEALTHY);
    /* after the start period failures count from the first */
    streak = 0;
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_STARTING, false, 60 * SECOND, &streak), SC_HEALTH_STARTING);
    assert_int_equal(sc_health_judge(&times, SC_HEALTH_STARTING, false, 90 * SECOND, &streak), SC_HEALTH_UNHEALTHY);
}

static void
test_names(void **state)
{
    enum sc_health_status back = SC_HEALTH_STARTING;

    (void)state;
    for (int i = SC_HEALTH_STARTING; i <= SC_HEALTH_UNHEALTHY; i++) {
        assert_true(sc_health_parse(sc_health_name((enum sc_health_status)i), &back));
        assert_int_equal(back, i);
    }
    assert_false(sc_health_parse("none", &back));
    assert_false(sc_health_parse(NULL, &back));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_pauses), cmocka_unit_test(test_shortest_pause),
        cmocka_unit_test(test_judgement), cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
