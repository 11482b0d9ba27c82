/* Dockerfiles: lines, instructions, here-documents, and what is wrong with them. */
#include "dockerfile-fixture.h"

#define A10  "aaaaaaaaaa"
#define A100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10

/* The only stage's i-th instruction. */
static const struct sc_df_instr *
instr(const struct df *df, size_t i)
{
    assert_true(i < df->file.stages[0].instr_count);
    return df->file.stages[0].instrs[i];
}

static void
test_lines(void **state)
{
    static const char text[] = "\xef\xbb\xbf# syntax = docker/dockerfile:1 \r\n#check=skip=all\n"
                               "\n  # a comment\n  from  alpine\r\n"
                               "run a && \\  \n   # between\n\n \t\n   b \\\n c\n"
                               "RUN x \\\\\nLABEL a=b\n"
                               "RUN last \\";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_ok(df_parse(&df, text, &err));
    assert_string_equal(df.file.syntax, "docker/dockerfile:1");
    assert_int_equal(df.file.escape, '\\');
    assert_int_equal(df.file.stage_count, 1);
    assert_int_equal(df.file.stages[0].from->line, 5);
    assert_string_equal(df.file.stages[0].from->words.items[0], "alpine");
    assert_int_equal(df.file.stages[0].instr_count, 4);
    assert_string_equal(instr(&df, 0)->args, "a &&    b  c");
    assert_string_equal(instr(&df, 0)->original, "run a &&    b  c");
    assert_int_equal(instr(&df, 0)->line, 6);
    assert_int_equal(instr(&df, 0)->last_line, 11);
    assert_string_equal(instr(&df, 1)->args, "x \\\\"); /* two of them do not go on */
    assert_int_equal(instr(&df, 2)->op, SC_DF_LABEL);
    assert_string_equal(instr(&df, 3)->args, "last");
}

static void
test_escape_directive(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT}, late = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_ok(df_parse(&df, "# escape=`\nFROM a\nRUN c:\\ `\n b\n", &err));
    assert_int_equal(df.file.escape, '`');
    assert_string_equal(instr(&df, 0)->args, "c:\\  b");
    assert_ok(df_parse(&late, "# other=1\n# escape=`\nFROM a\nRUN b `\nRUN c\n", &err)); /* a comment ended them */
    assert_int_equal(late.file.escape, '\\');
    assert_int_equal(late.file.stages[0].instr_count, 2);
}

static void
test_forms(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_ok(
        df_parse(&df,
                 "FROM a\nRUN [\"a b\", \"c\\n\"]\nRUN [ -f x ] && y\nCMD []\nENV A=\"b c\" D='e f' G=h\\ i\nENV OLD a "
                 "\"b\"  c\n"
                 "ARG X Y=1 Z=\nCOPY --chown=1:2 --link --exclude=\"a b\" --exclude=c x y /z/\nCOPY [\"a b\", \"c\"]\n"
                 "RUN -- --not-a-flag\n",
                 &err));
    assert_true(instr(&df, 0)->is_json);
    assert_string_equal(df_joined(&instr(&df, 0)->words, &df.arena), "a b|c\n");
    assert_false(instr(&df, 1)->is_json);
    assert_string_equal(instr(&df, 1)->args, "[ -f x ] && y");
    assert_true(instr(&df, 2)->is_json);
    assert_int_equal(instr(&df, 2)->words.count, 0);
    assert_int_equal(instr(&df, 3)->pair_count, 3);
    assert_string_equal(instr(&df, 3)->pairs[0].value, "\"b c\"");
    assert_string_equal(instr(&df, 3)->pairs[2].value, "h\\ i");
    assert_string_equal(instr(&df, 4)->pairs[0].key, "OLD");
    assert_string_equal(instr(&df, 4)->pairs[0].value, "a \"b\"  c");
    assert_null(instr(&df, 5)->pairs[0].value);
    assert_string_equal(instr(&df, 5)->pairs[2].value, "");
    assert_int_equal(instr(&df, 6)->flag_count, 4);
    assert_string_equal(instr(&df, 6)->flags[0].value, "1:2");
    assert_null(instr(&df, 6)->flags[1].value);
    assert_string_equal(instr(&df, 6)->flags[2].value, "a b");
    assert_string_equal(df_joined(&instr(&df, 6)->words, &df.arena), "x|y|/z/");
    assert_string_equal(df_joined(&instr(&df, 7)->words, &df.arena), "a b|c");
    assert_string_equal(instr(&df, 8)->args, "--not-a-flag");
}

static void
test_heredocs(void **state)
{
    static const char text[] = "FROM a\n"
                               "RUN <<EOF\none\n  # two\n\\\nEOF\n"
                               "RUN cat <<-A > x; cat 3<<'B C' && z\n\t\tin a\n\tA\n$b\nB C\n"
                               "COPY <<f <<\"g\" /d/\nF\nf\nG\ng\n"
                               "RUN echo '<<no' it\\'s $((1<<2)) $((1 <<2)) $((x << y))\n"
                               "ONBUILD RUN <<E\nlater\nE\n"
                               "CMD <<x\nRUN [\"a\", \"<<x\"]\n";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_ok(df_parse(&df, text, &err));
    assert_int_equal(instr(&df, 0)->heredoc_count, 1);
    assert_string_equal(instr(&df, 0)->heredocs[0].content, "one\n  # two\n\\\n");
    assert_string_equal(instr(&df, 0)->original, "RUN <<EOF");
    assert_int_equal(instr(&df, 0)->last_line, 6);
    assert_int_equal(instr(&df, 1)->heredoc_count, 2);
    assert_string_equal(instr(&df, 1)->heredocs[0].name, "A");
    assert_string_equal(instr(&df, 1)->heredocs[0].content, "in a\n");
    assert_true(instr(&df, 1)->heredocs[0].is_chomped);
    assert_string_equal(instr(&df, 1)->heredocs[1].name, "B C");
    assert_string_equal(instr(&df, 1)->heredocs[1].content, "$b\n");
    assert_false(instr(&df, 1)->heredocs[1].is_expanded);
    assert_string_equal(instr(&df, 2)->heredocs[0].content, "F\n");
    assert_true(instr(&df, 2)->heredocs[0].is_expanded);
    assert_false(instr(&df, 2)->heredocs[1].is_expanded);
    assert_string_equal(df_joined(&instr(&df, 2)->words, &df.arena), "/d/");
    assert_int_equal(instr(&df, 3)->heredoc_count, 0);
    assert_string_equal(instr(&df, 4)->heredocs[0].content, "later\n");
    assert_int_equal(instr(&df, 5)->heredoc_count, 0);
    assert_int_equal(instr(&df, 6)->heredoc_count, 0);
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "Dockerfile: there is no instruction in it"},
        {"# only\n\n", "Dockerfile: there is no instruction in it"},
        {"ARG A\n", "Dockerfile: there is no FROM in it"},
        {"RUN x\n", "Dockerfile:1: RUN comes before the first FROM, where only ARG may stand"},
        {"FROM a\n\nRNU x\n", "Dockerfile:3: unknown instruction: RNU (did you mean RUN?)"},
        {"FROM a\nrunn\n", "Dockerfile:2: unknown instruction: runn (did you mean RUN?)"},
        {"FROM a\n" A100 " x\n", "Dockerfile:2: unknown instruction: " A10 A10 A10 A10 A10 A10},
        {"FROM a\nRUN \\\n  b\nFOO\n", "Dockerfile:4: unknown instruction: FOO"},
        {"# escape=x\nFROM a\n", "Dockerfile:1: the directive escape is \\ or `, not \"x\""},
        {"# escape=\\\n# Escape=`\nFROM a\n", "Dockerfile:2: the directive \"Escape\" is there twice"},
        {"FROM\n", "Dockerfile:1: FROM requires either one or three arguments: FROM IMAGE [AS NAME]"},
        {"FROM a as\n", "Dockerfile:1: FROM requires either one or three arguments: FROM IMAGE [AS NAME]"},
        {"FROM a AS 1a\n", "Dockerfile:1: invalid name for build stage: \"1a\": it begins with a letter, and has "
                           "letters, digits, '-', '_' and '.'"},
        {"FROM --platfrom=x a\n", "Dockerfile:1: FROM: unknown flag: --platfrom (did you mean platform?)"},
        {"FROM a\nCOPY --from x /y\n", "Dockerfile:2: COPY: missing a value on flag: --from"},
        {"FROM a\nCOPY --from=1 --from=2 x /y\n", "Dockerfile:2: COPY: --from is there twice"},
        {"FROM a\nCOPY --link=maybe x /y\n", "Dockerfile:2: COPY: --link is true or false, not \"maybe\""},
        {"FROM a\nCMD --x y\n", "Dockerfile:2: CMD: unknown flag: --x"},
        {"FROM a\nCOPY x\n", "Dockerfile:2: COPY requires at least two arguments, but only one was provided: the last "
                             "is the destination"},
        {"FROM a\nADD x <<y\n1\ny\n", "Dockerfile:2: ADD cannot accept a here-document as a destination"},
        {"FROM a\nCOPY <<../x /y\n1\n../x\n",
         "Dockerfile:2: COPY: \"../x\" is no name of a file, which <<../x is to be"},
        {"FROM a\nRUN <<E\nx\n", "Dockerfile:2: the here-document <<E has no end: there is no line \"E\""},
        {"FROM a\nRUN\n", "Dockerfile:2: RUN requires at least one argument"},
        {"FROM a\nRUN []\n", "Dockerfile:2: RUN requires at least one argument"},
        {"FROM a\nRUN [\"a\", 1]\n", "Dockerfile:2: a list in brackets must be made of strings only"},
        {"FROM a\nRUN --network=x y\n", "Dockerfile:2: RUN: --network is default, none or host, not \"x\""},
        {"FROM a\nRUN --mount=type=bind,from=$X,target=/y z\n",
         "Dockerfile:2: RUN: --mount: 'from' doesn't support variable expansion, define alias stage instead"},
        {"FROM a\nENV A\n", "Dockerfile:2: ENV must have two arguments"},
        {"FROM a\nENV A=1 B\n", "Dockerfile:2: ENV: there is no '=' in \"B\": it must be NAME=VALUE"},
        {"FROM a\nLABEL =b\n", "Dockerfile:2: LABEL names can not be blank"},
        {"FROM a\nARG\n", "Dockerfile:2: ARG requires at least one argument"},
        {"FROM a\nWORKDIR\n", "Dockerfile:2: WORKDIR requires exactly one argument"},
        {"FROM a\nEXPOSE\n", "Dockerfile:2: EXPOSE requires at least one argument"},
        {"FROM a\nSHELL /bin/sh\n",
         "Dockerfile:2: SHELL requires the arguments to be in JSON form: [\"/bin/sh\", \"-c\"]"},
        {"FROM a\nHEALTHCHECK\n", "Dockerfile:2: HEALTHCHECK requires at least one argument"},
        {"FROM a\nHEALTHCHECK NONE x\n", "Dockerfile:2: HEALTHCHECK NONE takes no arguments"},
        {"FROM a\nHEALTHCHECK curl\n", "Dockerfile:2: unknown type \"curl\" in HEALTHCHECK (try CMD)"},
        {"FROM a\nHEALTHCHECK CMD\n", "Dockerfile:2: missing command after HEALTHCHECK CMD"},
        {"FROM a\nONBUILD ONBUILD RUN x\n", "Dockerfile:2: chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
        {"FROM a\nONBUILD FROM b\n", "Dockerfile:2: FROM isn't allowed as an ONBUILD trigger"},
        {"FROM a\nONBUILD COPY x\n", "Dockerfile:2: ONBUILD: COPY requires at least two arguments, but only one was "
                                     "provided: the last is the destination"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        DF df = {.arena = SC_ARENA_INIT};

        assert_fails(df_parse(&df, cases[i].text, &err), SC_ERR_INVALID, cases[i].message);
    }
}

static void
test_limits(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    DF nul = {.arena = SC_ARENA_INIT}, large = {.arena = SC_ARENA_INIT}, many = {.arena = SC_ARENA_INIT},
       flags = {.arena = SC_ARENA_INIT};

    (void)state;
    assert_fails(sc_df_parse("FROM a\nRUN \0x", 13, "D", &nul.arena, &nul.file, &err), SC_ERR_INVALID,
                 "D:2: a NUL character: this is no text");
    sc_buf_adds(&text, "FROM a\nRUN ");
    while (text.len <= SC_DF_TEXT_MAX)
        sc_buf_adds(&text, A100);
    assert_fails(df_parse(&large, text.data, &err), SC_ERR_INVALID, "Dockerfile: larger than 1048576 bytes");
    sc_buf_clear(&text);
    for (size_t i = 0; i < 10001; i++)
        sc_buf_adds(&text, "FROM a\n");
    assert_fails(df_parse(&many, text.data, &err), SC_ERR_INVALID, "Dockerfile:10001: more than 10000 instructions");
    sc_buf_clear(&text);
    sc_buf_adds(&text, "FROM a\nRUN ");
    for (size_t i = 0; i < 129; i++)
        sc_buf_adds(&text, "--mount=a ");
    assert_fails(df_parse(&flags, text.data, &err), SC_ERR_INVALID, "Dockerfile:2: RUN: more than 128 flags");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),    cmocka_unit_test(test_escape_directive), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_heredocs), cmocka_unit_test(test_refused),          cmocka_unit_test(test_limits),
    };

    return RUN_TESTS(tests);
}
