/* The grammar of the command line, and the tables that it is read by. */
#include "test.h"

#include "cli/cli.h"

struct values {
    bool is_a, is_b, is_long;
    char *text;
    struct sc_strv list;
    int64_t size;
    enum sc_explain explain;
};

#define AT(member) offsetof(struct values, member)
static const struct sc_option table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(is_a), NULL, "", NULL, NULL},
    {"both", 'b', SC_OPTION_FLAG, AT(is_b), NULL, "", NULL, NULL},
    {"long", 0, SC_OPTION_FLAG, AT(is_long), NULL, "", NULL, NULL},
    {"text", 't', SC_OPTION_STR, AT(text), "text", "", NULL, "words"},
    {"list", 'l', SC_OPTION_STRV, AT(list), "text", "", NULL, NULL},
    {"memory", 'm', SC_OPTION_CALL, AT(size), "bytes", "", sc_value_size, NULL},
    {"explain", 0, SC_OPTION_OPTIONAL, AT(explain), "text|json|sh", "", sc_value_explain, NULL},
    {.name = NULL},
};
static const struct sc_command stops = {.name = "try",
                                        .options = table,
                                        .args_max = -1,
                                        .stops_at_argument = true,
                                        .synopsis = "[OPTIONS] IMAGE",
                                        .help = ""};
static const struct sc_command mixes = {
    .name = "try", .options = table, .args_min = 1, .args_max = 2, .synopsis = "[OPTIONS] A [B]", .help = ""};

/* Parses the line, whose words are parted by single blanks ("" stands as _), and writes what it gave as one text. */
static int
parse(const struct sc_command *command, const char *line, struct sc_buf *out, bool *wants_help, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct values v = {.is_a = false};
    struct sc_strv args = {0}, words = {0};
    char *rest = sc_arena_strdup(&arena, line), *word;
    int result;

    assert_non_null(rest);
    while (*line && (word = strsep(&rest, " ")) != NULL)
        sc_strv_add(&words, &arena, strcmp(word, "_") == 0 ? "" : word);
    *wants_help = false;
    result = sc_options_parse(command, (int)words.count, words.items, &v, &arena, &args, wants_help, err);
    if (result < 0)
        return -1;
    sc_buf_addf(out, "%s%s%s", v.is_a ? "a" : "", v.is_b ? "b" : "", v.is_long ? "L" : "");
    if (v.text)
        sc_buf_addf(out, " t=%s", v.text);
    for (size_t i = 0; i < v.list.count; i++)
        sc_buf_addf(out, " l=%s", v.list.items[i]);
    if (v.size)
        sc_buf_addf(out, " m=%lld", (long long)v.size);
    if (v.explain)
        sc_buf_addf(out, " e=%d", (int)v.explain);
    for (size_t i = 0; i < args.count; i++)
        sc_buf_addf(out, " <%s>", args.items[i]);
    return 0;
}

static void
test_grammar(void **state)
{
    static const struct {
        const struct sc_command *command;
        const char *line, *expected;
    } cases[] = {
        {&stops, "", ""},
        {&stops, "-a", "a"},
        {&stops, "-ab", "ab"},
        {&stops, "-a -b --long", "abL"},
        {&stops, "--all --both=true --long=false", "ab"},
        {&stops, "--all --all=0", ""},
        {&stops, "-a=false -b=1", "b"},
        {&stops, "-ab=false", "a"},
        {&stops, "-t x", " t=x"},
        {&stops, "-tx", " t=x"},
        {&stops, "-t=x", " t=x"},
        {&stops, "-abtx", "ab t=x"},
        {&stops, "-abt x", "ab t=x"},
        {&stops, "--text x", " t=x"},
        {&stops, "--text=x", " t=x"},
        {&stops, "--text=a=b", " t=a=b"},
        {&stops, "--words=x", " t=x"},
        {&stops, "--text= y", " t= <y>"},
        {&stops, "--text _", " t="},
        {&stops, "-t -a", " t=-a"}, /* what must follow is the value, whatever it looks like */
        {&stops, "--text -- -a", "a t=--"},
        {&stops, "-t x -t y", " t=y"},
        {&stops, "-l x --list=y -lz", " l=x l=y l=z"},
        {&stops, "-m 64m", " m=67108864"},
        {&stops, "-m64MB", " m=67108864"},
        {&stops, "--explain", " e=1"},
        {&stops, "--explain x", " e=1 <x>"}, /* an optional value stands in the same word */
        {&stops, "--explain=json x", " e=2 <x>"},
        {&stops, "-a image -b --nosuch", "a <image> <-b> <--nosuch>"},
        {&stops, "-a -- image -b", "a <image> <-b>"},
        {&stops, "-- -a", " <-a>"},
        {&stops, "image -- x", " <image> <--> <x>"},
        {&stops, "- x", " <-> <x>"},
        {&stops, "_ x", " <> <x>"},
        {&mixes, "x -a y -b", "ab <x> <y>"},
        {&mixes, "x -- -a", " <x> <-a>"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;
        bool wants_help;

        assert_ok(parse(cases[i].command, cases[i].line, &text, &wants_help, &err));
        assert_string_equal(sc_buf_str(&text), cases[i].expected);
        assert_false(wants_help);
    }
}

static void
test_mistakes(void **state)
{
    static const struct {
        const struct sc_command *command;
        const char *line, *message;
    } cases[] = {
        {&stops, "--nosuch", "unknown flag: --nosuch"},
        {&stops, "--nosuch=x", "unknown flag: --nosuch"},
        {&stops, "--al", "unknown flag: --al"}, /* no abbreviations: they would change meaning with the next option */
        {&stops, "--", ""},
        {&stops, "-x", "unknown shorthand flag: -x"},
        {&stops, "-ax", "unknown shorthand flag: 'x' in -ax"},
        {&stops, "-t", "flag needs an argument: -t"},
        {&stops, "-at", "flag needs an argument: -t"},
        {&stops, "--text", "flag needs an argument: --text"},
        {&stops, "--all=perhaps", "--all: \"perhaps\": must be true or false"},
        {&stops, "-a=", "--all: \"\": must be true or false"},
        {&stops, "-m x", "--memory: \"x\": must be a size such as 512, 64k, 256m or 1.5g"},
        {&stops, "--explain=loud", "--explain: \"loud\": must be text, json or sh"},
        {&mixes, "", "'sc try' requires at least 1 argument"},
        {&mixes, "x y z", "'sc try' accepts at most 2 arguments"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;
        bool wants_help;

        if (*cases[i].message == '\0')
            assert_ok(parse(cases[i].command, cases[i].line, &text, &wants_help, &err));
        else
            assert_fails(parse(cases[i].command, cases[i].line, &text, &wants_help, &err), SC_ERR_INVALID,
                         cases[i].message);
    }
}

static void
test_help_is_no_mistake(void **state)
{
    static const char *const lines[] = {"--help", "-h", "-ah", "-a --help", "--text x --help"};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(lines); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err = SC_ERR_INIT;
        bool wants_help;

        assert_int_equal(parse(&stops, lines[i], &text, &wants_help, &err), -1);
        assert_true(wants_help);
        assert_int_equal(err.kind, SC_ERR_NONE);
    }
}

/* ---- the real tables ------------------------------------------------------------------------------------ */

static void
check_option(const struct sc_command *command, const struct sc_option *o)
{
    bool has_value = o->kind != SC_OPTION_FLAG, is_read = o->kind == SC_OPTION_CALL || o->kind == SC_OPTION_OPTIONAL;

    if (has_value != (o->value != NULL) || is_read != (o->set != NULL) || !o->help || !*o->help)
        fail_msg("sc %s: --%s: its kind, value name, reader and help do not fit", command->name, o->name);
    for (const struct sc_option *other = command->options; other->name; other++) {
        if (other != o && (strcmp(other->name, o->name) == 0 || sc_str_eq(other->alias, o->name) ||
                           (o->letter && other->letter == o->letter)))
            fail_msg("sc %s: --%s and --%s are spelled alike", command->name, o->name, other->name);
    }
}

static void
test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];
        char *words[] = {s->group ? (char *)(uintptr_t)s->group : (char *)(uintptr_t)s->name,
                         (char *)(uintptr_t)s->name};
        const struct sc_command *found = NULL;
        struct sc_err err;
        int used;

        assert_ok(sc_cli_find(s->group ? 2 : 1, words, &found, &used, &err));
        assert_ptr_equal(found, s->command);
        assert_int_equal(used, s->group ? 2 : 1);
        assert_non_null(found->run);
        assert_true(*found->help && found->synopsis);
        assert_true((found->options != NULL) == (strstr(found->synopsis, "[OPTIONS]") != NULL));
        for (const struct sc_option *o = found->options; o && o->name; o++)
            check_option(found, o);
    }
}

/* run has what create has, with the same meaning, and its three more. */
static void
test_run_and_create(void **state)
{
    size_t count = 0, more = 0;

    (void)state;
    for (const struct sc_option *o = sc_create_table; o->name; o++)
        count++;
    for (const struct sc_option *o = sc_run_table; o->name; o++)
        more++;
    assert_int_equal(more, count + 3);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(sc_run_table[i].name, sc_create_table[i].name);
}

static void
test_unknown_words(void **state)
{
    static const struct {
        const char *words[2];
        int count;
        const char *message;
    } cases[] = {
        {{"rn"}, 1, "\"rn\" is not a command"},
        {{"--rn"}, 1, "unknown flag: --rn"},
        {{"container"}, 1, "\"container\" needs a command"},
        {{"container", "rn"}, 2, "\"container rn\" is not a command"},
        {{"image", "run"}, 2, "\"image run\" is not a command"},
        {{""}, 1, "\"\" is not a command"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        const struct sc_command *found;
        struct sc_err err;
        int used;

        assert_fails(sc_cli_find(cases[i].count, (char **)(uintptr_t)cases[i].words, &found, &used, &err),
                     SC_ERR_INVALID, cases[i].message);
    }
}

static void
test_help_names_everything(void **state)
{
    sc_cleanup_buf all = SC_BUF_INIT, run = SC_BUF_INIT;

    (void)state;
    sc_help_all(&all);
    for (size_t i = 0; i < sc_spelling_count; i++)
        assert_non_null(strstr(sc_buf_str(&all), sc_spellings[i].command->help));
    sc_help_command(&sc_cmd_run, &run);
    for (const struct sc_option *o = sc_run_table; o->name; o++) {
        char flag[64];

        (void)snprintf(flag, sizeof(flag), "--%s", o->name);
        assert_non_null(strstr(sc_buf_str(&run), flag));
        assert_non_null(strstr(sc_buf_str(&run), o->help));
    }
}

/* ---- what run makes of them --------------------------------------------------------------------------- */

static int
finish(struct sc_arena *arena, const char *const *line, struct sc_run_options *options, struct sc_err *err)
{
    struct sc_strv args = {0};
    bool wants_help = false;
    int count = 0;

    while (line[count])
        count++;
    sc_run_options_init(options);
    if (sc_options_parse(&sc_cmd_run, count, (char **)(uintptr_t)line, options, arena, &args, &wants_help, err) < 0)
        return -1;
    return sc_run_options_finish(options, "run", &args, arena, err);
}

static void
test_run(void **state)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_run_options o;
    struct sc_err err;
    int flags;

    (void)state;
    assert_ok(finish(&arena,
                     (const char *const[]){"-itd", "--rm", "--name=", "-h", "", "-u=", "-w=", "--cidfile=", "base",
                                           "sh", "-c", "x", NULL},
                     &o, &err));
    assert_true(o.create.interactive && o.create.tty && o.create.detach && o.create.rm && o.sig_proxy);
    assert_string_equal(o.create.image, "base");
    assert_int_equal(o.create.args.count, 3);
    /* empty: as if they were not given */
    assert_null(o.create.name);
    assert_null(o.create.hostname);
    assert_null(o.create.user);
    assert_null(o.create.workdir);
    assert_null(o.create.cidfile);

    assert_ok(finish(&arena, (const char *const[]){"--rootfs", "/srv", "sh", NULL}, &o, &err));
    assert_null(o.create.image);
    assert_string_equal(o.create.args.items[0], "sh");

    assert_ok(finish(&arena, (const char *const[]){"--entrypoint=", "base", NULL}, &o, &err));
    assert_true(o.create.has_entrypoint);
    assert_int_equal(o.create.entrypoint.count, 0);

    assert_ok(finish(&arena, (const char *const[]){"-a", "STDOUT", "-a", "stdin", "base", NULL}, &o, &err));
    assert_ok(sc_run_attach_flags(&o, &flags, &err));
    assert_int_equal(flags, SC_ATTACH_STDOUT); /* standard input is kept open by -i only */

    assert_fails(finish(&arena, (const char *const[]){"--rm", NULL}, &o, &err), SC_ERR_INVALID,
                 "'sc run' requires at least 1 argument: no image is named");
    assert_fails(finish(&arena, (const char *const[]){"-a", "stdlog", "base", NULL}, &o, &err), SC_ERR_INVALID,
                 "--attach \"stdlog\": must be stdin, stdout or stderr");
    assert_fails(finish(&arena, (const char *const[]){"-d", "-a", "stdin", "base", NULL}, &o, &err), SC_ERR_INVALID,
                 "conflicting options: --detach and --attach");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_help_is_no_mistake),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_run_and_create),
        cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_help_names_everything),
        cmocka_unit_test(test_run),
    };

    return RUN_TESTS(tests);
}
