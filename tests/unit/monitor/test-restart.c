/* Restart policies: what may be said, when one is due, for how long it is put off; the files that tell of them. */
#include <string.h>

#include "monitor/restart.h"
#include "scratch.h"

static void
test_policies(void **state)
{
    static const struct {
        const char *text, *name;
        enum sc_restart_kind kind;
        int max;
    } good[] = {
        {"", "no", SC_RESTART_NO, 0},
        {"no", "no", SC_RESTART_NO, 0},
        {"no:", "no", SC_RESTART_NO, 0},
        {"always", "always", SC_RESTART_ALWAYS, 0},
        {"always:0", "always", SC_RESTART_ALWAYS, 0},
        {"unless-stopped", "unless-stopped", SC_RESTART_UNLESS_STOPPED, 0},
        {"on-failure", "on-failure", SC_RESTART_ON_FAILURE, 0},
        {"on-failure:", "on-failure", SC_RESTART_ON_FAILURE, 0},
        {"on-failure:7", "on-failure", SC_RESTART_ON_FAILURE, 7},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++) {
        struct sc_restart_policy policy;
        struct sc_err err = SC_ERR_INIT;

        assert_ok(sc_restart_policy_parse(good[i].text, &policy, &err));
        assert_int_equal(policy.kind, good[i].kind);
        assert_int_equal(policy.max, good[i].max);
        assert_string_equal(sc_restart_policy_name(&policy), good[i].name);
    }
}

/* Docker's words. */
static void
test_mistakes(void **state)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        {":3", "invalid restart policy format: no policy provided before colon"},
        {"always:x", "invalid restart policy format: maximum retry count must be an integer"},
        {"on-failure:1:2", "invalid restart policy format: maximum retry count must be an integer"},
        {"on-failure:99999999999", "invalid restart policy format: maximum retry count must be an integer"},
        {"always:3", "invalid restart policy: maximum retry count cannot be used with restart policy 'always'"},
        {"no:1", "invalid restart policy: maximum retry count cannot be used with restart policy 'no'"},
        {"on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"},
        {"sometimes", "invalid restart policy 'sometimes'"},
        {"alway", "invalid restart policy 'alway'"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_restart_policy policy;
        struct sc_err err = SC_ERR_INIT;

        assert_int_equal(sc_restart_policy_parse(bad[i].text, &policy, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
        assert_string_equal(err.msg, bad[i].words);
    }
}

static void
test_due(void **state)
{
    static const struct {
        struct sc_restart_policy policy;
        int code, count;
        bool is_due;
    } cases[] = {
        {{SC_RESTART_NO, 0}, 1, 0, false},
        {{SC_RESTART_ALWAYS, 0}, 0, 1000, true},
        {{SC_RESTART_UNLESS_STOPPED, 0}, 0, 0, true},
        {{SC_RESTART_ON_FAILURE, 0}, 0, 0, false},
        {{SC_RESTART_ON_FAILURE, 0}, 137, 1000, true},
        {{SC_RESTART_ON_FAILURE, 2}, 1, 1, true},
        {{SC_RESTART_ON_FAILURE, 2}, 1, 2, false},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_int_equal(sc_restart_is_due(&cases[i].policy, cases[i].code, cases[i].count), cases[i].is_due);
}

static void
test_delays(void **state)
{
    static const int64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000};
    const int64_t second = INT64_C(1000000000);
    int64_t delay = 0;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(expected); i++) {
        delay = sc_restart_delay(delay, 10 * second - 1);
        assert_int_equal(delay, expected[i]);
    }
    assert_int_equal(sc_restart_delay(delay, 10 * second), 100);
}

static void
test_plan_and_back(void **state)
{
    char policy[] = "on-failure:3", program[] = "/usr/bin/sc", one[] = "A=b c", two[] = "PATH=";
    char *envp[] = {one, two}, *room[SC_RESTART_ENV_MAX + 1];
    const struct sc_restart_plan plan = {
        .policy = policy, .count = 2, .delay = 400, .program = program, .envp = envp, .env_count = 2};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_restart_plan back;

    (void)state;
    sc_restart_plan_encode(&plan, &text);
    (void)sc_buf_str(&text);
    assert_true(sc_restart_plan_decode(text.data, room, &back));
    assert_string_equal(back.policy, policy);
    assert_int_equal(back.count, 2);
    assert_int_equal(back.delay, 400);
    assert_string_equal(back.program, program);
    assert_int_equal(back.env_count, 2);
    assert_string_equal(room[0], one);
    assert_string_equal(room[1], two);
    assert_null(room[2]);
}

static void
test_bad_plans(void **state)
{
    static const char *const bad[] = {"",
                                      "always",
                                      "always\n1\n",
                                      "always\nx\n1\n/sc\n",
                                      "always\n1\n-1\n/sc\n",
                                      "always\n1\n99999999999\n/sc\n",
                                      "always\n1\n1\n"};
    char text[64], *room[SC_RESTART_ENV_MAX + 1];
    struct sc_restart_plan back;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "%s", bad[i]);
        assert_false(sc_restart_plan_decode(text, room, &back));
    }
}

static void
test_restarting_and_back(void **state)
{
    const struct sc_restarting restarting = {
        .pid = 4711, .count = 3, .delay = 800, .code = 137, .finished_at = INT64_C(1795425047123456789)};
    static const char *const bad[] = {"",
                                      "\n",
                                      "1 2 3 4",
                                      "1 2 3 4\n",
                                      "0 1 1 1 1\n",
                                      "1 1 1 256 1\n",
                                      "1 1 1 1 -1\n",
                                      "99999999999 1 1 1 1\n",
                                      "1 1 x 1 1\n"};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_restarting back;

    (void)state;
    sc_restarting_encode(&restarting, &text);
    assert_true(sc_restarting_decode(sc_buf_str(&text), &back));
    assert_int_equal(back.pid, restarting.pid);
    assert_int_equal(back.count, restarting.count);
    assert_int_equal(back.delay, restarting.delay);
    assert_int_equal(back.code, restarting.code);
    assert_int_equal(back.finished_at, restarting.finished_at);
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++)
        assert_false(sc_restarting_decode(bad[i], &back));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_delays),
        cmocka_unit_test(test_plan_and_back),
        cmocka_unit_test(test_bad_plans),
        cmocka_unit_test(test_restarting_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
