/* Importing root trees, and the Dockerfile words that go with it. */
#include <sys/xattr.h>

#include "store-fixture.h"

static void
test_changes(void **state)
{
    static const struct {
        const char *changes[4], *config;
    } cases[] = {
        {{"CMD [\"sh\",\"-c\"]"}, "{\"Cmd\":[\"sh\",\"-c\"]}"},
        {{"cmd echo hi"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo hi\"]}"},
        {{"CMD [not json"}, "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[not json\"]}"},
        {{"  ENTRYPOINT   [\"/e\"]"}, "{\"Entrypoint\":[\"/e\"]}"},
        {{"ENV A=1 B=\"x y\" C='q\"' D=e\\ f", "ENV A=2"}, "{\"Env\":[\"A=2\",\"B=x y\",\"C=q\\\"\",\"D=e f\"]}"},
        {{"ENV PATH /bin:/usr/bin and more"}, "{\"Env\":[\"PATH=/bin:/usr/bin and more\"]}"},
        {{"LABEL a=b", "LABEL a=c \"k y\"=v"}, "{\"Labels\":{\"a\":\"c\",\"k y\":\"v\"}}"},
        {{"LABEL a b c"}, "{\"Labels\":{\"a\":\"b c\"}}"},
        {{"EXPOSE 80 53/udp"}, "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}"},
        {{"VOLUME /a /b", "VOLUME [\"/c d\"]"}, "{\"Volumes\":{\"/a\":{},\"/b\":{},\"/c d\":{}}}"},
        {{"USER 1000:1000"}, "{\"User\":\"1000:1000\"}"},
        {{"WORKDIR /a", "WORKDIR b"}, "{\"WorkingDir\":\"/a/b\"}"},
        {{"WORKDIR b"}, "{\"WorkingDir\":\"/b\"}"},
        {{"STOPSIGNAL SIGINT"}, "{\"StopSignal\":\"SIGINT\"}"},
        {{"HEALTHCHECK CMD true x"}, "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"true x\"]}}"},
        {{"healthcheck --interval=5s --retries=3 cmd [\"a\",\"b\"]"},
         "{\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":3,\"Test\":[\"CMD\",\"a\",\"b\"]}}"},
        {{"HEALTHCHECK CMD x", "HEALTHCHECK NONE"}, "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}"},
        {{"ONBUILD RUN a", "ONBUILD COPY . /"}, "{\"OnBuild\":[\"RUN a\",\"COPY . /\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_json config = json_object();
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;

        for (size_t k = 0; cases[i].changes[k]; k++)
            assert_ok(sc_change_apply(config, cases[i].changes[k], &err));
        assert_ok(sc_json_dump(config, &text, &err));
        assert_string_equal(text.data, cases[i].config);
    }
}

static void
test_changes_refused(void **state)
{
    static const struct {
        const char *change, *why;
    } cases[] = {
        {"", "it must be a word and its value, as in \"CMD sh\""},
        {"CMD", "it must be a word and its value, as in \"CMD sh\""},
        {"RUN ls", "\"RUN\" cannot be changed"},
        {"PRIVILEGED yes", "\"PRIVILEGED\" cannot be changed"},
        {"CMD [1]", "Cmd: must be a list of strings"},
        {"ENV =x", "ENV: \"=x\" is not NAME=VALUE"},
        {"ENV A=1 B", "ENV: \"B\" is not NAME=VALUE"},
        {"ENV A=\"x", "a quote is not closed"},
        {"EXPOSE 0", "EXPOSE: \"0\" is no port"},
        {"EXPOSE 65536", "EXPOSE: \"65536\" is no port"},
        {"EXPOSE 4294967376", "EXPOSE: \"4294967376\" is no port"},
        {"EXPOSE http", "EXPOSE: \"http\" is no port"},
        {"EXPOSE 80/http", "EXPOSE: \"80/http\" is of no known protocol (tcp, udp, sctp)"},
        {"VOLUME [7]", "VOLUME: must be a list of paths"},
        {"HEALTHCHECK true", "HEALTHCHECK: must end in CMD and a command, or be NONE"},
        {"HEALTHCHECK CMD", "HEALTHCHECK: must end in CMD and a command, or be NONE"},
        {"HEALTHCHECK --colour=red CMD x", "HEALTHCHECK: \"--colour=red\" is not known"},
        {"ONBUILD FROM x", "ONBUILD: FROM isn't allowed as an ONBUILD trigger"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_json config = json_object();
        struct sc_err err;
        char expected[300];

        (void)snprintf(expected, sizeof(expected), "apply change \"%s\": %s", cases[i].change, cases[i].why);
        assert_fails(sc_change_apply(config, cases[i].change, &err), SC_ERR_INVALID, expected);
    }
}

static void
test_import_tar(void **state)
{
    static const struct tar_item items[] = {{.name = "etc/motd", .data = "hi", .mode = 0600}, {NULL}};
    struct fixture *fixture = *state;
    struct sc_strv changes = {.items = NULL};
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_image image;
    struct sc_err err;
    char *id;

    tar_build(&tar, items);
    fixture_write(fixture, "root.tar", tar.data, tar.len);
    sc_strv_add(&changes, &fixture->arena, "CMD [\"sh\"]");
    assert_ok(sc_image_import(&fixture->store, fixture_path(fixture, "root.tar"), "docker.io/library/r:1",
                              &(struct sc_import){&changes, "why", NULL}, &fixture->arena, &id, &err));
    assert_ok(sc_image_find(&fixture->store, "r:1", &fixture->arena, &image, &err));
    assert_string_equal(image.id, id);
    assert_string_equal(image.comment, "why");
    assert_string_equal(image.os, "linux");
    assert_string_equal(image.config.cmd.items[0], "sh");
    assert_int_equal(image.size, 2);
    assert_string_equal(image.layer_digests.items[0], image.diff_ids.items[0]);
}

static void
test_import_refused(void **state)
{
    static const struct tar_item items[] = {{.name = "../evil", .data = "x"}, {NULL}};
    struct fixture *fixture = *state;
    const char *path = fixture_path(fixture, "root.tar");
    struct sc_strv changes = {.items = NULL};
    sc_cleanup_buf tar = SC_BUF_INIT;
    struct sc_err err;
    char *id, expected[300];

    tar_build(&tar, items);
    fixture_write(fixture, "root.tar", tar.data, tar.len);
    assert_int_equal(
        sc_image_import(&fixture->store, path, NULL, &(struct sc_import){NULL}, &fixture->arena, &id, &err), -1);
    assert_non_null(strstr(err.msg, "entry \"../evil\": its name has \"..\""));
    fixture_write(fixture, "root.tar", "not a tar", 9);
    assert_int_equal(
        sc_image_import(&fixture->store, path, NULL, &(struct sc_import){NULL}, &fixture->arena, &id, &err), -1);
    assert_non_null(strstr(err.msg, "read as tar: "));
    sc_strv_add(&changes, &fixture->arena, "RUN x");
    (void)snprintf(expected, sizeof(expected), "import \"%s\": apply change \"RUN x\": \"RUN\" cannot be changed",
                   path);
    assert_fails(sc_image_import(&fixture->store, path, NULL, &(struct sc_import){&changes, NULL, NULL},
                                 &fixture->arena, &id, &err),
                 SC_ERR_INVALID, expected);
    assert_int_equal(fixture_count(fixture, "image/blobs/sha256"), 0);
    assert_int_equal(fixture_count(fixture, "image/tmp"), 0);
    assert_int_equal(fixture_count(fixture, "layer"), 0);
}

/* A directory comes out of the image as it went in. */
static void
test_import_directory(void **state)
{
    struct fixture *fixture = *state;
    const struct timespec times[2] = {{.tv_sec = 1, .tv_nsec = 2}, {.tv_sec = 1234567890, .tv_nsec = 987654321}};
    char long_name[201] = "", text[8];
    struct sc_image image;
    struct stat st, before;
    sc_cleanup_fd root = -1, diff = -1, file = -1;
    struct sc_err err;
    char *id, *again;

    memset(long_name, 'n', 200);
    assert_ok(sc_dir_make_at(fixture->dir_fd, "root/dir/deep", 0700, &err));
    root = openat(fixture->dir_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(sc_file_replace_at(root, "dir/file", "content", 7, 04711, SC_VOLATILE, &err));
    assert_ok(sc_file_replace_at(root, long_name, "", 0, 0644, SC_VOLATILE, &err));
    assert_ok(sc_file_replace_at(root, "\xff\xfe", "", 0, 0644, SC_VOLATILE, &err));
    assert_ok(sc_file_replace_at(root, "caf\xc3\xa9", "", 0, 0644, SC_VOLATILE, &err));
    assert_int_equal(linkat(root, "dir/file", root, "dir/deep/link", 0), 0);
    assert_int_equal(symlinkat("/etc/\xc3\xa9", root, "symlink"), 0);
    assert_int_equal(mknodat(root, "fifo", S_IFIFO | 0600, 0), 0);
    assert_int_equal(mknodat(root, "socket", S_IFSOCK | 0600, 0), 0);
    file = openat(root, "dir/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fsetxattr(file, "user.note", "x", 1, 0), 0);
    assert_int_equal(futimens(file, times), 0);
    assert_int_equal(fstatat(root, "dir", &before, 0), 0);
    assert_ok(sc_image_import(&fixture->store, fixture_path(fixture, "root"), NULL,
                              &(struct sc_import){NULL, "m", NULL}, &fixture->arena, &id, &err));
    assert_ok(sc_image_find(&fixture->store, id, &fixture->arena, &image, &err));
    diff = fixture_open_diff(fixture, image.chain_ids.items[0]);
    assert_int_equal(fstatat(diff, "dir/file", &st, 0), 0);
    assert_int_equal(st.st_mode, S_IFREG | 04711);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(st.st_mtim.tv_sec, 1234567890);
    assert_int_equal(st.st_mtim.tv_nsec, 987654321);
    assert_int_equal(fstatat(diff, "dir", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_int_equal(fstatat(diff, long_name, &st, 0), 0);
    assert_int_equal(fstatat(diff, "\xff\xfe", &st, 0), 0);
    assert_int_equal(fstatat(diff, "caf\xc3\xa9", &st, 0), 0);
    assert_int_equal(readlinkat(diff, "symlink", text, sizeof(text)), 7);
    assert_memory_equal(text, "/etc/\xc3\xa9", 7);
    assert_int_equal(fstatat(diff, "fifo", &st, 0), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(fstatat(diff, "socket", &st, 0), -1);
    sc_closep(&file);
    file = openat(diff, "dir/file", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fgetxattr(file, "user.note", text, sizeof(text)), 1);
    /* The same tree is the same layer. */
    assert_ok(sc_image_import(&fixture->store, fixture_path(fixture, "root"), NULL,
                              &(struct sc_import){NULL, "n", NULL}, &fixture->arena, &again, &err));
    assert_string_not_equal(again, id);
    assert_int_equal(fixture_count(fixture, "layer"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),    cmocka_unit_test(test_changes_refused), FIXTURE_TEST(test_import_tar),
        FIXTURE_TEST(test_import_refused), FIXTURE_TEST(test_import_directory),
    };

    return RUN_TESTS(tests);
}
