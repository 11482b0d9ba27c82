/* sc-oci's tables of verbs and options, walked row by row, and its grammar. */
#include <stdio.h>

#include "test.h"

#include "cli/oci/oci-priv.h"

/* Parses a line whose words are parted by single blanks. */
static int
parse(struct sc_oci_cli *cli, const char *line, const struct sc_oci_verb **verb, struct sc_err *err)
{
    struct sc_strv words = {0};
    char *rest = sc_arena_strdup(&cli->arena, line), *word;

    assert_non_null(rest);
    while ((word = strsep(&rest, " ")) != NULL)
        sc_strv_add(&words, &cli->arena, word);
    return sc_oci_parse(cli, (int)words.count, words.items, verb, err);
}

static bool
takes_value(const struct sc_oci_option *row)
{
    return row->kind != SC_OCI_FLAG && row->kind != SC_OCI_OPT_FLAG;
}

/* Has the member of this row, and of this kind, got the value "7" (or true)? */
static bool
is_set(const struct sc_oci_cli *cli, const struct sc_oci_option *row)
{
    const void *member = (const char *)cli + row->offset;

    switch (row->kind) {
    case SC_OCI_TEXT:
        return sc_str_eq(*(const char *const *)member, "7");
    case SC_OCI_FLAG:
        return *(const bool *)member;
    case SC_OCI_OPT_FLAG:
        return ((const struct sc_opt_bool *)member)->is_set && ((const struct sc_opt_bool *)member)->value;
    case SC_OCI_LIST:
        return ((const struct sc_strv *)member)->count == 1 &&
               strcmp(((const struct sc_strv *)member)->items[0], "7") == 0;
    case SC_OCI_COUNT:
        return *(const unsigned *)member == 7;
    }
    return false;
}

/* The option, spelled so, before the arguments of this verb: it must reach the row's own member. */
static void
assert_reaches(const struct sc_oci_verb *verb, const struct sc_oci_option *row, const char *spelling)
{
    struct sc_oci_cli cli = {.log_fd = -1};
    const struct sc_oci_verb *found = NULL;
    struct sc_err err;
    char line[256];
    size_t len = (size_t)snprintf(line, sizeof(line), "sc-oci %s %s", verb->name, spelling);

    for (int i = 0; i < verb->args_min; i++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, " id");
    assert_ok(parse(&cli, line, &found, &err));
    assert_ptr_equal(found, verb);
    assert_int_equal(cli.args.count, verb->args_min);
    if (!is_set(&cli, row))
        fail_msg("%s: another row is found first", line);
    sc_arena_release(&cli.arena);
}

static void
test_every_row_is_reached(void **state)
{
    const struct sc_oci_option *row;
    const struct sc_oci_verb *verb;

    (void)state;
    for (size_t i = 0; (row = sc_oci_option_at(i)) != NULL; i++) {
        int reached = 0;

        for (size_t k = 0; (verb = sc_oci_verb_at(k)) != NULL; k++) {
            char spelling[64];

            if ((row->verbs & (int)verb->bit) == 0)
                continue;
            snprintf(spelling, sizeof(spelling), "--%s%s", row->name, takes_value(row) ? " 7" : "");
            assert_reaches(verb, row, spelling);
            snprintf(spelling, sizeof(spelling), "-%s%s", row->name, takes_value(row) ? "=7" : "=true");
            assert_reaches(verb, row, spelling);
            if (row->letter != 0) {
                snprintf(spelling, sizeof(spelling), "-%c%s", row->letter, takes_value(row) ? "7" : "");
                assert_reaches(verb, row, spelling);
            }
            reached++;
        }
        assert_int_not_equal(reached, 0);
    }
}

static void
test_no_two_rows_are_alike(void **state)
{
    const struct sc_oci_option *a, *b;

    (void)state;
    for (size_t i = 0; (a = sc_oci_option_at(i)) != NULL; i++) {
        for (size_t k = i + 1; (b = sc_oci_option_at(k)) != NULL; k++) {
            bool is_spelling = k == i + 1 && b->help == NULL;

            if ((a->verbs & b->verbs) != 0 &&
                (strcmp(a->name, b->name) == 0 || (a->letter != 0 && a->letter == b->letter)))
                fail_msg("--%s and --%s of the same verb are spelled alike", a->name, b->name);
            if ((a->offset == b->offset) != is_spelling)
                fail_msg("--%s and --%s: one member for two options", a->name, b->name);
        }
    }
}

static void
test_rows_are_whole(void **state)
{
    const struct sc_oci_option *row;
    const struct sc_oci_verb *verb, *other;

    (void)state;
    for (size_t i = 0; (row = sc_oci_option_at(i)) != NULL; i++) {
        assert_true(row->help != NULL || i > 0);
        assert_int_equal(row->value != NULL, takes_value(row)); /* what --help shows */
    }
    for (size_t i = 0; (verb = sc_oci_verb_at(i)) != NULL; i++) {
        assert_non_null(verb->run);
        assert_int_equal(verb->bit & (verb->bit - 1), 0);
        for (size_t k = i + 1; (other = sc_oci_verb_at(k)) != NULL; k++) {
            assert_string_not_equal(verb->name, other->name);
            assert_int_equal(verb->bit & other->bit, 0);
        }
    }
}

static void
test_where_options_end(void **state)
{
    static const struct {
        const char *line, *args; /* what is left */
    } rows[] = {
        {"sc-oci kill --all id KILL", "id KILL"},
        {"sc-oci kill id KILL --all", "id KILL"},
        {"sc-oci --root 7 kill id 9", "id 9"},
        {"sc-oci kill id 9 --root=7", "id 9"},
        {"sc-oci exec -t id sh -c true", "id sh -c true"},
        {"sc-oci exec id -- -d", "id -- -d"},
        {"sc-oci exec -- id --all", "id --all"},
        {"sc-oci ps id --format json", "id"},
        {"sc-oci ps id -f json", "id"},
        {"sc-oci ps id -f -o pid", "id -f -o pid"},
        {"sc-oci run -db7 -- -id", "-id"},
        {"sc-oci update -r - id", "id"},
        {"sc-oci run -bundle 7 id", "id"},
        {"sc-oci state -- id", "id"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_oci_cli cli = {.log_fd = -1};
        const struct sc_oci_verb *verb = NULL;
        sc_cleanup_buf left = SC_BUF_INIT;
        struct sc_err err;

        assert_ok(parse(&cli, rows[i].line, &verb, &err));
        for (size_t k = 0; k < cli.args.count; k++)
            sc_buf_addf(&left, "%s%s", k > 0 ? " " : "", cli.args.items[k]);
        assert_string_equal(sc_buf_str(&left), rows[i].args);
        sc_arena_release(&cli.arena);
    }
}

static void
test_wrong_lines(void **state)
{
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"sc-oci nosuch", "unknown command \"nosuch\": see sc-oci --help"},
        {"sc-oci --root 7", "no command given: see sc-oci --help"},
        {"sc-oci --nosuch list", "unknown option \"--nosuch\": see sc-oci --help"},
        {"sc-oci --bundle 7 run id", "unknown option \"--bundle\": see sc-oci --help"},
        {"sc-oci run --nosuch id", "unknown option \"--nosuch\" of run: see sc-oci run --help"},
        {"sc-oci run -dx id", "unknown option \"-dx\" of run: see sc-oci run --help"},
        {"sc-oci state --all id", "unknown option \"--all\" of state: see sc-oci state --help"},
        {"sc-oci run id --bundle", "option --bundle needs a value"},
        {"sc-oci run id -b", "option --bundle needs a value"},
        {"sc-oci run --preserve-fds x id", "--preserve-fds: \"x\": must be a whole number from 0 to 4294967295"},
        {"sc-oci delete --force=maybe id", "--force: \"maybe\": must be true or false"},
        {"sc-oci state", "\"state\" requires exactly 1 argument(s): sc-oci state [OPTIONS] CONTAINER-ID"},
        {"sc-oci kill a b c", "\"kill\" requires at most 2 argument(s): sc-oci kill [OPTIONS] CONTAINER-ID [SIGNAL]"},
        {"sc-oci exec",
         "\"exec\" requires at least 1 argument(s): sc-oci exec [OPTIONS] CONTAINER-ID COMMAND [ARGUMENT...]"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_oci_cli cli = {.log_fd = -1};
        const struct sc_oci_verb *verb = NULL;
        struct sc_err err;

        assert_fails(parse(&cli, rows[i].line, &verb, &err), SC_ERR_INVALID, rows[i].message);
        assert_null(verb);
        sc_arena_release(&cli.arena);
    }
}

static void
test_flags_and_lists(void **state)
{
    struct sc_oci_cli cli = {.log_fd = -1};
    const struct sc_oci_verb *verb = NULL;
    struct sc_err err;

    (void)state;
    assert_ok(
        parse(&cli, "sc-oci exec --detach=false --no-new-privs=false -e A=1 -eB=2 --env=C=3 --tty id", &verb, &err));
    assert_false(cli.is_detached);
    assert_true(cli.no_new_privs.is_set);
    assert_false(cli.no_new_privs.value);
    assert_true(cli.has_tty);
    assert_int_equal(cli.env.count, 3);
    assert_string_equal(cli.env.items[0], "A=1");
    assert_string_equal(cli.env.items[1], "B=2");
    assert_string_equal(cli.env.items[2], "C=3");
    sc_arena_release(&cli.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_reached), cmocka_unit_test(test_no_two_rows_are_alike),
        cmocka_unit_test(test_rows_are_whole),       cmocka_unit_test(test_where_options_end),
        cmocka_unit_test(test_wrong_lines),          cmocka_unit_test(test_flags_and_lists),
    };

    return RUN_TESTS(tests);
}
