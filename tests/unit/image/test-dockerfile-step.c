/* Steps: what an instruction says once its variables are known, and what history says of it. */
#include "dockerfile-fixture.h"

static void
test_env_and_arg(void **state)
{
    static const char text[] =
        "ARG G=global H\nFROM a\nARG G H N D=def E=$D-$G\nENV A=one\nENV A=two B=$A C=\"x y\"\nENV D=env\n"
        "ARG D=arg\nLABEL \"k e\"=$B l='$A' m=${D}\n";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT, .options = {.build_args = LIST("H=asked", "HTTPS_PROXY=p:1")}};
    struct sc_df_step step;
    struct sc_strv env;

    (void)state;
    assert_ok(df_step(&df, text, &step, &err));
    assert_int_equal(step.pairs.count, 3);
    assert_string_equal(step.pairs.items[0].key, "k e");
    assert_string_equal(step.pairs.items[0].value, "one");
    assert_string_equal(step.pairs.items[1].value, "$A");
    assert_string_equal(step.pairs.items[2].value, "env"); /* ENV wins, wherever it stands */
    assert_string_equal(df_joined(&df.scope.args, &df.arena), "G=global|H=asked|N|D=arg|E=def-global");
    assert_string_equal(df_joined(&df.scope.env, &df.arena),
                        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|A=two|B=one|C=x y|D=env");
    assert_ok(sc_df_scope_run_env(&df.scope, false, &df.arena, &env, &err));
    assert_string_equal(df_joined(&env, &df.arena),
                        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|A=two|B=one|C=x y|D=env|"
                        "G=global|H=asked|E=def-global");
    assert_ok(sc_df_scope_run_env(&df.scope, true, &df.arena, &env, &err));
    assert_string_equal(env.items[env.count - 2], "HTTPS_PROXY=p:1");
    assert_string_equal(env.items[env.count - 1], "https_proxy=p:1");
}

/* A global ARG is not seen in a stage that does not ask for it; a platform's neither. */
static void
test_scope_of_args(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT}, asked = {.arena = SC_ARENA_INIT};
    struct sc_strv base_env = LIST("PATH=/bin", "B=base");
    struct sc_df_scope child;
    struct sc_df_step step;

    (void)state;
    assert_ok(df_step(&df, "ARG G=1\nFROM a\nUSER x${G}${TARGETARCH}y\n", &step, &err));
    assert_string_equal(step.text, "xy");
    assert_ok(df_step(&asked, "FROM a AS one\nARG TARGETPLATFORM X=1\nUSER $TARGETPLATFORM\n", &step, &err));
    assert_string_equal(step.text, "linux/arm64/v8");
    /* A stage that begins from another has its arguments. */
    assert_ok(sc_df_scope_init(&child, &asked.plan, 0, &base_env, &asked.scope, &asked.arena, &err));
    assert_string_equal(df_joined(&child.args, &asked.arena), "TARGETPLATFORM=linux/arm64/v8|X=1");
    assert_ok(sc_df_scope_init(&child, &asked.plan, 0, &base_env, NULL, &asked.arena, &err));
    assert_string_equal(df_joined(&child.env, &asked.arena), "PATH=/bin|B=base");
}

static void
test_run(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF exec = {.arena = SC_ARENA_INIT}, shell = {.arena = SC_ARENA_INIT}, script = {.arena = SC_ARENA_INIT},
       file = {.arena = SC_ARENA_INIT}, whole = {.arena = SC_ARENA_INIT}, bad = {.arena = SC_ARENA_INIT};
    struct sc_df_step step;

    (void)state;
    assert_ok(df_step(&exec, "FROM a\nRUN --network=none --security=insecure [\"$A\", \"b c\"]\n", &step, &err));
    assert_int_equal(step.run.kind, SC_DF_RUN_EXEC);
    assert_string_equal(df_joined(&step.run.argv, &exec.arena), "$A|b c");
    assert_int_equal(step.run.network, SC_DF_NETWORK_NONE);
    assert_true(step.run.is_insecure);
    assert_ok(df_step(&shell, "FROM a\nENV A=1\nrun echo $A \"x\"\n", &step, &err));
    assert_int_equal(step.run.kind, SC_DF_RUN_SHELL);
    assert_string_equal(step.run.script, "echo $A \"x\"");
    assert_string_equal(step.shown, "RUN echo $A \"x\"");
    assert_int_equal(step.run.network, SC_DF_NETWORK_DEFAULT);
    assert_false(step.run.is_insecure);
    assert_ok(df_step(&script, "FROM a\nRUN <<EOF\n\necho a\necho b\nEOF\n", &step, &err));
    assert_int_equal(step.run.kind, SC_DF_RUN_SHELL);
    assert_string_equal(step.run.script, "\necho a\necho b\n");
    assert_string_equal(step.shown, "RUN <<EOF (echo a...)");
    assert_ok(df_step(&file, "FROM a\nRUN <<EOF\n#!/bin/x\nEOF\n", &step, &err));
    assert_int_equal(step.run.kind, SC_DF_RUN_FILE);
    assert_string_equal(step.run.script, "#!/bin/x\n");
    assert_string_equal(step.run.file_name, "EOF");
    assert_ok(df_step(&whole, "FROM a\nRUN cat <<A <<'B'>x\n1\nA\n2\nB\n", &step, &err));
    assert_int_equal(step.run.kind, SC_DF_RUN_SHELL);
    assert_string_equal(step.run.script, "cat <<A <<'B'>x\n1\nA\n2\nB");
    assert_fails(df_step(&bad, "FROM a\nRUN <<../x\n#!/bin/x\n../x\n", &step, &err), SC_ERR_INVALID,
                 "Dockerfile:2: RUN: \"../x\" is no name of a file, which <<../x is to be");
}

static void
test_mounts(void **state)
{
    static const char text[] =
        "FROM a AS s\nENV V=/v\n"
        "RUN --mount=target=$V/b,from=img,source=/s --mount=type=bind,dst=w,rw "
        "--mount=type=cache,target=/c,sharing=locked,mode=0700,uid=3,gid=4 "
        "--mount=type=tmpfs,target=/t,size=1m --mount=type=secret,id=a/tok --mount=type=secret,id=e,env=E,required "
        "--mount=type=secret,target=/x/y,mode=0440 --mount=type=ssh,required=true --mount='type=bind,\"target=/q,r\"' "
        "x\n";
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT};
    const struct sc_df_mount *mounts;
    struct sc_df_step step;

    (void)state;
    assert_ok(df_step(&df, text, &step, &err));
    assert_int_equal(step.run.mount_count, 9);
    mounts = step.run.mounts;
    assert_int_equal(mounts[0].type, SC_DF_MOUNT_BIND);
    assert_string_equal(mounts[0].target, "/v/b");
    assert_string_equal(mounts[0].source, "/s");
    assert_int_equal(mounts[0].from.kind, SC_DF_IMAGE);
    assert_string_equal(mounts[0].from.image, "img");
    assert_true(mounts[0].is_read_only);
    assert_false(mounts[1].is_read_only);
    assert_string_equal(mounts[1].source, "/");
    assert_int_equal(mounts[1].from.kind, SC_DF_CONTEXT);
    assert_int_equal(mounts[2].type, SC_DF_MOUNT_CACHE);
    assert_string_equal(mounts[2].id, "/c");
    assert_int_equal(mounts[2].sharing, SC_DF_LOCKED);
    assert_int_equal(mounts[2].mode, 0700);
    assert_int_equal(mounts[2].uid, 3);
    assert_int_equal(mounts[2].gid, 4);
    assert_false(mounts[2].is_read_only);
    assert_int_equal(mounts[3].size, 1 << 20);
    assert_string_equal(mounts[4].target, "/run/secrets/tok");
    assert_int_equal(mounts[4].mode, 0400);
    assert_false(mounts[4].is_required);
    assert_null(mounts[5].target);
    assert_string_equal(mounts[5].env, "E");
    assert_true(mounts[5].is_required);
    assert_string_equal(mounts[6].id, "y");
    assert_int_equal(mounts[6].mode, 0440);
    assert_string_equal(mounts[7].id, "default");
    assert_true(mounts[7].is_required);
    assert_string_equal(mounts[8].target, "/q,r");
}

static void
test_mounts_refused(void **state)
{
    static const struct {
        const char *mount, *why;
    } cases[] = {
        {"type=bnid,target=/x", "unsupported mount type \"bnid\" (did you mean bind?)"},
        {"type=bind", "a mount of type bind needs a target"},
        {"type=cache,target=$N", "a mount of type cache needs a target"},
        {"type=bind,taget=/x", "unexpected key 'taget' (did you mean target?)"},
        {"type=bind,target=/x,required", "unexpected key 'required' for mount type 'bind'"},
        {"type=bind,target=/x,uid=1", "unexpected key 'uid' for mount type 'bind'"},
        {"type=cache,target=/x,size=1", "unexpected key 'size' for mount type 'cache'"},
        {"type=cache,target=/x,sharing=all", "unsupported sharing value \"all\""},
        {"type=cache,target=/x,mode=9", "invalid value 9 for mode"},
        {"type=cache,target=/x,uid=-1", "invalid value -1 for uid"},
        {"type=cache,target=/x,gid=4294967295", "invalid value 4294967295 for gid"},
        {"type=tmpfs,target=/x,size=x", "invalid value for size: x"},
        {"type=bind,target", "invalid field 'target' must be a key=value pair"},
        {"type=bind,target=/x,ro=maybe", "invalid value for ro: maybe"},
        {"type=secret", "a secret needs an id or a target"},
        {"type=secret,id=a,src=b", "both source and id can't be set"},
        {"type=secret,target=/a/", "the id of a secret is empty"},
        {"type=secret,target=$N", "a secret needs an id or a target"},
        {"type=secret,id=a,from=b", "unexpected key 'from' for mount type 'secret'"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        DF df = {.arena = SC_ARENA_INIT};
        struct sc_df_step step;
        char text[200], expected[400];

        (void)snprintf(text, sizeof(text), "FROM a\nRUN --mount=%s x\n", cases[i].mount);
        (void)snprintf(expected, sizeof(expected), "Dockerfile:2: RUN: --mount=%s: %s", cases[i].mount, cases[i].why);
        assert_fails(df_step(&df, text, &step, &err), SC_ERR_INVALID, expected);
    }
}

static void
test_copy(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    DF df = {.arena = SC_ARENA_INIT}, add = {.arena = SC_ARENA_INIT}, here = {.arena = SC_ARENA_INIT},
       dot = {.arena = SC_ARENA_INIT};
    struct sc_df_step step;

    (void)state;
    assert_ok(df_step(&df,
                      "FROM x AS s\nFROM a\nENV V=v W=\"a b\"\nCOPY --from=s --chown=$V:1 --chmod=u=rwX,go-w --link "
                      "--parents --exclude=*.$V $W ${V}* /d/\n",
                      &step, &err));
    assert_int_equal(step.copy.from.kind, SC_DF_STAGE);
    assert_int_equal(step.copy.from.stage, 0);
    assert_string_equal(df_joined(&step.copy.sources, &df.arena), "a b|v*");
    assert_string_equal(step.copy.dest, "/d/");
    assert_true(step.copy.dest_is_dir);
    assert_string_equal(step.copy.chown, "v:1");
    assert_string_equal(step.copy.chmod, "u=rwX,go-w");
    assert_false(step.copy.has_mode);
    assert_true(step.copy.is_link && step.copy.has_parents);
    assert_string_equal(df_joined(&step.copy.excludes, &df.arena), "*.v");
    assert_false(step.copy.is_unpacked);
    assert_string_equal(step.shown, "COPY --from=s --chown=v:1 --chmod=u=rwX,go-w --link --parents --exclude=*.v a b "
                                    "v* /d/");
    assert_ok(
        df_step(&add, "FROM a\nADD --chmod=0644 --checksum=sha256:1 --keep-git-dir=true https://x/y z\n", &step, &err));
    assert_true(step.copy.has_mode);
    assert_int_equal(step.copy.mode, 0644);
    assert_string_equal(step.copy.checksum, "sha256:1");
    assert_true(step.copy.keep_git_dir && step.copy.is_unpacked);
    assert_false(step.copy.has_unpack || step.copy.dest_is_dir);
    assert_ok(df_step(&here, "FROM a\nENV V=v\nCOPY <<a <<'b' c /d/\n\"$V\" \\$V\na\n$V\nb\n", &step, &err));
    assert_int_equal(step.copy.file_count, 2);
    assert_string_equal(step.copy.files[0].content, "\"v\" $V\n");
    assert_int_equal(step.copy.files[0].len, 7);
    assert_string_equal(step.copy.files[1].content, "$V\n");
    assert_string_equal(df_joined(&step.copy.sources, &here.arena), "c");
    assert_ok(df_step(&dot, "FROM a\nCOPY x .\n", &step, &err));
    assert_true(step.copy.dest_is_dir);
}

static void
test_others(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_df_step step;

    (void)state;
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nENV P=\"80 81\"\nEXPOSE $P 8000-8002/UDP 1.2.3.4:90:91/sctp\n", &step, &err));
        assert_string_equal(df_joined(&step.list, &df.arena), "80/tcp|81/tcp|8000/udp|8001/udp|8002/udp|91/sctp");
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df,
                          "FROM a\nHEALTHCHECK --interval=5m --timeout=1.5s --start-period=20ms --start-interval=1s "
                          "--retries=3 CMD curl -f x || exit 1\n",
                          &step, &err));
        assert_string_equal(df_joined(&step.health.test, &df.arena), "CMD-SHELL|curl -f x || exit 1");
        assert_int_equal(step.health.interval, 300000000000);
        assert_int_equal(step.health.start_period, 20000000);
        assert_int_equal(step.health.retries, 3);
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nHEALTHCHECK CMD [\"a\", \"b\"]\n", &step, &err));
        assert_string_equal(df_joined(&step.health.test, &df.arena), "CMD|a|b");
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nHEALTHCHECK none\n", &step, &err));
        assert_true(step.health.is_none);
        assert_string_equal(df_joined(&step.health.test, &df.arena), "NONE");
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nONBUILD COPY <<A /x\n$Y\nA\n", &step, &err));
        assert_string_equal(step.text, "COPY <<A /x\n$Y\nA");
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nENV V=v\nVOLUME [\"/$V\", \"/b c\"]\n", &step, &err));
        assert_string_equal(df_joined(&step.list, &df.arena), "/v|/b c");
    }
    {
        DF df = {.arena = SC_ARENA_INIT};

        assert_ok(df_step(&df, "FROM a\nENTRYPOINT exec $V\n", &step, &err));
        assert_true(step.command.is_shell);
        assert_string_equal(step.command.text, "exec $V");
    }
}

static void
test_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"EXPOSE 65536", "invalid containerPort: 65536"},
        {"EXPOSE 80/icmp", "invalid protocol of a port: 80/icmp (tcp, udp or sctp)"},
        {"EXPOSE 90-80", "invalid range of ports: 90-80"},
        {"EXPOSE 0-65535 0-65535/udp", "more than 65536 ports"},
        {"STOPSIGNAL SIGNO", "STOPSIGNAL: invalid signal: SIGNO"},
        {"VOLUME [\"\"]", "VOLUME specified can not be an empty string"},
        {"ENV $N=1", "ENV names can not be blank"},
        {"HEALTHCHECK --interval=1us CMD x", "HEALTHCHECK: --interval cannot be less than 1ms"},
        {"HEALTHCHECK --timeout=30 CMD x", "HEALTHCHECK: --timeout: invalid duration \"30\""},
        {"HEALTHCHECK --retries=-1 CMD x", "HEALTHCHECK: --retries cannot be negative (-1)"},
        {"HEALTHCHECK --retries=x CMD x", "HEALTHCHECK: --retries: invalid number \"x\""},
        {"COPY --chmod=999 a b", "COPY: invalid chmod parameter: \"999\""},
        {"COPY --chmod=u+z a b", "COPY: invalid chmod parameter: \"u+z\""},
        {"COPY --chmod=17777 a b", "COPY: invalid chmod parameter: \"17777\""},
        {"COPY a b c",
         "when using COPY with more than one source file, the destination must be a directory and end with a /"},
        {"USER ${N:?who}", "\"${N:?who}\": N: who"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        DF df = {.arena = SC_ARENA_INIT};
        struct sc_df_step step;
        char text[200], expected[300];

        (void)snprintf(text, sizeof(text), "FROM a\n%s\n", cases[i].text);
        (void)snprintf(expected, sizeof(expected), "Dockerfile:2: %s", cases[i].message);
        assert_fails(df_step(&df, text, &step, &err), SC_ERR_INVALID, expected);
    }
}

static void
test_history(void **state)
{
    static const struct {
        const char *text, *history;
        bool is_empty;
    } cases[] = {
        {"RUN make", "RUN |2 A=1 N= /bin/sh -c make # buildkit", false},
        {"RUN [\"a\", \"b\"]", "RUN |2 A=1 N= a b # buildkit", false},
        {"RUN <<E\n#!x\nE", "RUN |2 A=1 N= /bin/sh -c /dev/pipes/E # buildkit", false},
        {"COPY --chown=1 a b /c/", "COPY --chown=1 a b /c/ # buildkit", false},
        {"COPY <<a /c\nx\na", "COPY <<a /c # buildkit", false},
        {"ENV X=$A Y=\"b c\"", "ENV X=1 Y=b c", true},
        {"ARG Q Z=$A", "ARG Q Z=1", true},
        {"LABEL a=b", "LABEL a=b", true},
        {"CMD a \"b\"", "CMD [\"/bin/sh\" \"-c\" \"a \\\"b\\\"\"]", true},
        {"ENTRYPOINT [\"a\", \"b\\n\"]", "ENTRYPOINT [\"a\" \"b\\n\"]", true},
        {"EXPOSE 80 81", "EXPOSE [80/tcp 81/tcp]", true},
        {"SHELL [\"a\", \"b\"]", "SHELL [a b]", true},
        {"USER u", "USER u", true},
        {"WORKDIR /w", "WORKDIR /w", false},
        {"HEALTHCHECK --interval=90m --timeout=1.5s --start-period=20ms --retries=2 CMD x",
         "HEALTHCHECK {Test:[CMD-SHELL x] Interval:1h30m0s Timeout:1.5s StartPeriod:20ms StartInterval:0s Retries:2}",
         true},
    };
    struct sc_strv shell = LIST("/bin/bash", "-ec");

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        DF df = {.arena = SC_ARENA_INIT};
        struct sc_df_step step;
        bool is_empty = !cases[i].is_empty;

        assert_ok(df_step(&df, sc_arena_printf(&df.arena, "FROM a\nARG A=1 N\n%s\n", cases[i].text), &step, &err));
        assert_string_equal(sc_df_step_history(&df.scope, &step, NULL, &df.arena, &is_empty), cases[i].history);
        assert_int_equal(is_empty, cases[i].is_empty);
        if (i == 0)
            assert_string_equal(sc_df_step_history(&df.scope, &step, &shell, &df.arena, &is_empty),
                                "RUN |2 A=1 N= /bin/bash -ec make # buildkit");
    }
}

static void
test_path_join(void **state)
{
    static const struct {
        const char *workdir, *path, *joined;
    } cases[] = {
        {"", "", "/"},       {"/a", "", "/a"},      {"/a", "b", "/a/b"},
        {"/a", "/b/", "/b"}, {"/a", "../..", "/"},  {"/a/b", "../c//d/.", "/a/c/d"},
        {"a", "b", "/a/b"},  {"/a", "/../x", "/x"}, {"/", ".", "/"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;

        assert_string_equal(sc_df_path_join(cases[i].workdir, cases[i].path, &arena), cases[i].joined);
    }
}

/* Variables that double in each line stop before they fill the memory; so do many lines that each use a large one. */
static void
test_bounds(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    DF doubled = {.arena = SC_ARENA_INIT}, many = {.arena = SC_ARENA_INIT}, names = {.arena = SC_ARENA_INIT};
    DF args = {.arena = SC_ARENA_INIT};
    struct sc_df_step step;

    (void)state;
    sc_buf_adds(&text, "ARG A=aaaaaaaaaaaaaaaa\n");
    for (size_t i = 0; i < 13; i++)
        sc_buf_adds(&text, "ARG A=$A$A\n");
    sc_buf_adds(&text, "FROM a\nARG");
    for (size_t i = 0; i < 1000; i++)
        sc_buf_adds(&text, " A");
    assert_fails(df_step(&args, text.data, &step, &err), SC_ERR_INVALID,
                 "Dockerfile:16: the variables of the stage make it larger than 67108864 bytes");
    sc_buf_clear(&text);
    sc_buf_adds(&text, "FROM a\nENV A=aaaaaaaaaaaaaaaa\n");
    for (size_t i = 0; i < 30; i++)
        sc_buf_adds(&text, "ENV A=$A$A\n");
    assert_fails(df_step(&doubled, text.data, &step, &err), SC_ERR_INVALID,
                 "Dockerfile:18: the variables are larger than 1048576 bytes");
    sc_buf_clear(&text);
    sc_buf_adds(&text, "FROM a\nENV A=aaaaaaaaaaaaaaaa\n");
    for (size_t i = 0; i < 15; i++)
        sc_buf_adds(&text, "ENV A=$A$A\n");
    for (size_t i = 0; i < 1000; i++)
        sc_buf_adds(&text, "LABEL a=$A\n");
    assert_int_equal(df_step(&many, text.data, &step, &err), -1);
    assert_non_null(strstr(err.msg, "the variables of the stage make it larger than 67108864 bytes"));
    sc_buf_clear(&text);
    sc_buf_adds(&text, "FROM a\n");
    for (size_t i = 0; i < 1100; i++)
        sc_buf_addf(&text, "ENV A%zu=1\n", i);
    assert_fails(df_step(&names, text.data, &step, &err), SC_ERR_INVALID, "Dockerfile:1025: more than 1024 variables");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env_and_arg), cmocka_unit_test(test_scope_of_args),  cmocka_unit_test(test_run),
        cmocka_unit_test(test_mounts),      cmocka_unit_test(test_mounts_refused), cmocka_unit_test(test_copy),
        cmocka_unit_test(test_others),      cmocka_unit_test(test_refused),        cmocka_unit_test(test_history),
        cmocka_unit_test(test_path_join),   cmocka_unit_test(test_bounds),
    };

    return RUN_TESTS(tests);
}
