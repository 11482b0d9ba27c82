/* What a shell is offered, without an engine: commands, options and their values. */
#include "test.h"

#include "cli/cli.h"

/* Candidates for the last word of the line, joined with blanks. */
static const char *
offered(const char *line, struct sc_buf *out)
{
    struct sc_cli cli = {.arena = SC_ARENA_INIT, .engine = SC_ENGINE_INIT};
    struct sc_strv words = {0};
    char *rest = sc_arena_strdup(&cli.arena, line), *word;

    while ((word = strsep(&rest, " ")) != NULL)
        sc_strv_add(&words, &cli.arena, word);
    sc_cli_complete(&cli, (int)words.count, words.items, false, out);
    sc_arena_release(&cli.arena);
    for (size_t i = 0; i < out->len; i++) {
        if (out->data[i] == '\n')
            out->data[i] = ' ';
    }
    return sc_buf_str(out);
}

static void
test_words(void **state)
{
    static const struct {
        const char *line, *expected;
    } cases[] = {
        {"ru", "run "},
        {"im", "images import image "},
        {"--", "--help --version "},
        {"container l", "ls list logs "},
        {"image l", "ls list load "},
        {"nosuch ", ""},
        {"nosuch x ", ""},
        {"help con", "container "},
        {"help container l", "ls list logs "},
        {"run --cpus", "--cpus --cpuset-cpus --cpuset-mems "},
        {"stop -", "--signal --timeout --help "},
        {"ns unshare --pid=", ":file "},
        {"ns unshare --propagation s", "shared slave "},
        {"ns ls --tree=o", "--tree=owner "},
        {"cgroup cr", "create "},
        {"run --proc-view a", "auto "},
        {"run --network h", "host "},
        {"run --net h", "host "},
        {"run --network=h", "--network=host "},
        {"run --network=", "--network=none --network=host --network=bridge --network=container: --network=ns: "},
        {"run --pid container:", ""},
        {"run --rm --pid p", "private "},
        {"run --explain=", "--explain=text --explain=json --explain=sh "},
        {"run --explain ", ""}, /* its value stands in the same word: what follows is the image */
        {"run -itw ", ":dir "},
        {"run -w", ""},
        {"run --env-file ", ":file "},
        {"run -v ", ":file "},
        {"run -v /a:", ""},
        {"run --cap-add NET_A", "NET_ADMIN "},
        {"run --cap-add CAP_NET_A", "CAP_NET_ADMIN "},
        {"run --cap-add A", "ALL AUDIT_WRITE AUDIT_CONTROL AUDIT_READ "},
        {"stop -s TE", "TERM "},
        {"stop -s SIGTE", "SIGTERM "},
        {"ps --filter status=", "status=created status=running status=paused status=exited "},
        {"images --filter d", "dangling=true "},
        {"events --filter e", "event= "},
        {"run --cgroup-manager s", "systemd "},
        {"update --device-read-bps ", ":file "},
        {"update --device-read-bps /dev/sda:", ""},
        {"save --format ", "docker-archive oci-archive oci-dir "},
        {"ps --format ", "json table "},
        {"inspect --type i", "image "},
        {"load -i ", ":file "},
        {"import ", ":file "},
        {"image from-host ls ", ":file "},
        {"run base sh -", ""}, /* the container's command is its own */
        {"run -- -", ""},
        {"ps x", ""},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        assert_string_equal(offered(cases[i].line, &text), cases[i].expected);
    }
}

/* Every option of every command is offered when its first letters are typed, and nothing before a value ends badly. */
static void
test_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];

        for (const struct sc_option *o = s->command->options; o && o->name; o++) {
            sc_cleanup_buf text = SC_BUF_INIT, value = SC_BUF_INIT;
            char line[200], expected[100];

            (void)snprintf(line, sizeof(line), "%s%s%s --%s", s->group ? s->group : "", s->group ? " " : "", s->name,
                           o->name);
            (void)snprintf(expected, sizeof(expected), "--%s ", o->name);
            if (!strstr(offered(line, &text), expected))
                fail_msg("\"%s\" offers \"%s\"", line, sc_buf_str(&text));
            (void)snprintf(line, sizeof(line), "%s%s%s --%s ", s->group ? s->group : "", s->group ? " " : "", s->name,
                           o->name);
            (void)offered(line, &value);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_every_option),
    };

    return RUN_TESTS(tests);
}
