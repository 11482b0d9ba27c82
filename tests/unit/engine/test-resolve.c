/* Docker's rules: what is run, with which environment, on which mounts; and what does not go together. */
#include <unistd.h>

#include "sample.h"

struct fixture {
    struct sc_arena arena;
    struct sc_create_options options;
    struct sc_image_config image;
    struct sc_container out;
};

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    sc_create_options_init(&f->options);
    f->options.image = sc_arena_strdup(&f->arena, "x");
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    sc_arena_release(&f->arena);
    free(f);
    return 0;
}

#define ADD(f, list, text) sc_strv_add(&(f)->list, &(f)->arena, text)

/* path and arguments, joined with blanks */
static const char *
command(struct fixture *f)
{
    struct sc_err err = SC_ERR_INIT;
    char *text;

    f->out = (struct sc_container)SC_CONTAINER_INIT;
    assert_ok(sc_resolve_command(&f->options, &f->image, &f->arena, &f->out, &err));
    text = f->out.path;
    for (size_t i = 0; i < f->out.args.count; i++)
        text = sc_arena_printf(&f->arena, "%s %s", text, f->out.args.items[i]);
    return text;
}

static void
test_entrypoint_and_cmd(void **state)
{
    struct fixture *f = *state;

    ADD(f, image.cmd, "cmd");
    assert_string_equal(command(f), "cmd");
    ADD(f, image.entrypoint, "entry");
    assert_string_equal(command(f), "entry cmd");
    ADD(f, options.args, "args");
    assert_string_equal(command(f), "entry args");
    f->options.has_entrypoint = true;
    ADD(f, options.entrypoint, "mine");
    assert_string_equal(command(f), "mine args");
    f->options.args.count = 0;
    assert_string_equal(command(f), "mine"); /* the image's Cmd was made for its Entrypoint */
    f->options.entrypoint.count = 0;
    ADD(f, options.args, "only");
    assert_string_equal(command(f), "only");
}

static void
test_no_command(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;

    assert_fails(sc_resolve_command(&f->options, &f->image, &f->arena, &f->out, &err), SC_ERR_INVALID,
                 "no command specified");
    assert_int_equal(err.exit_code, 0); /* the command decides: 125 of run, 1 of create */
    ADD(f, image.cmd, "cmd");
    f->options.has_entrypoint = true; /* --entrypoint "" */
    assert_fails(sc_resolve_command(&f->options, &f->image, &f->arena, &f->out, &err), SC_ERR_INVALID,
                 "no command specified");
}

static void
test_environment(void **state)
{
    struct fixture *f = *state;

    ADD(f, image.cmd, "x");
    ADD(f, image.env, "PATH=/image");
    ADD(f, image.env, "A=image");
    ADD(f, image.env, "B=image");
    ADD(f, options.env, "A=user");
    ADD(f, options.env, "B");
    f->options.tty = true;
    (void)command(f);
    assert_int_equal(f->out.effective_env.count, 3);
    assert_string_equal(f->out.effective_env.items[0], "PATH=/image");
    assert_string_equal(f->out.effective_env.items[1], "TERM=xterm");
    assert_string_equal(f->out.effective_env.items[2], "A=user");
    assert_null(f->out.effective_env.items[3]);
}

static void
test_default_path(void **state)
{
    struct fixture *f = *state;

    ADD(f, image.cmd, "x");
    (void)command(f);
    assert_int_equal(f->out.effective_env.count, 1);
    assert_string_equal(f->out.effective_env.items[0],
                        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

static void
test_image_members_and_overrides(void **state)
{
    struct fixture *f = *state;
    char relative[] = "srv/./app", user[] = "www", stop[] = "SIGINT", mine[] = "/w//x/..", quit[] = "3";

    ADD(f, image.cmd, "x");
    ADD(f, image.labels, "l=1");
    ADD(f, image.labels, "m=1");
    ADD(f, options.labels, "l=2");
    ADD(f, options.labels, "bare");
    f->image.working_dir = relative;
    f->image.user = user;
    f->image.stop_signal = stop;
    (void)command(f);
    assert_string_equal(f->out.effective_workdir, "/srv/app");
    assert_string_equal(f->out.effective_user, "www");
    assert_string_equal(f->out.effective_stop_signal, "SIGINT");
    assert_string_equal(f->out.effective_labels.items[0], "l=2");
    assert_string_equal(f->out.effective_labels.items[1], "m=1");
    assert_string_equal(f->out.effective_labels.items[2], "bare=");
    f->options.workdir = mine;
    f->options.stop_signal = quit;
    f->options.user = sc_arena_strdup(&f->arena, "0:0");
    (void)command(f);
    assert_string_equal(f->out.effective_workdir, "/w");
    assert_string_equal(f->out.effective_user, "0:0");
    assert_string_equal(f->out.effective_stop_signal, "SIGQUIT");
}

static void
test_relative_workdir_is_refused(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    char dir[] = "srv";

    ADD(f, image.cmd, "x");
    f->options.workdir = dir;
    assert_fails(sc_resolve_command(&f->options, &f->image, &f->arena, &f->out, &err), SC_ERR_INVALID,
                 "working directory \"srv\": it is not an absolute path");
}

static void
test_clean_paths(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"/", "/"},           {"//", "/"},          {"/a", "/a"},           {"/a/", "/a"},    {"/a//b/./c", "/a/b/c"},
        {"/../..", "/"},      {"/a/../b", "/b"},    {"/a/b/../../c", "/c"}, {"/...", "/..."}, {"/a/..b", "/a/..b"},
        {"/a/../../b", "/b"}, {"/ab/../c/..", "/"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_string_equal(sc_path_clean(cases[i][0], &f->arena), cases[i][1]);
    assert_null(sc_path_clean("a/b", &f->arena));
    assert_null(sc_path_clean("", &f->arena));
}

/* ---- mounts ----------------------------------------------------------------------------------- */

static int
resolve_mounts(struct fixture *f, struct sc_mount_ask *mounts, size_t count, struct sc_err *err)
{
    f->options.mounts = mounts;
    f->options.mount_count = count;
    return sc_resolve_mounts(&f->options, &f->image, &f->arena, &f->out.options, err);
}

static void
test_image_volumes_become_anonymous(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    char target[] = "/data/", source[] = "/host";
    struct sc_mount_ask mount = {.kind = SC_MOUNT_BIND, .source = source, .target = target};

    ADD(f, image.volumes, "/data");
    ADD(f, image.volumes, "/var/lib/x");
    assert_ok(resolve_mounts(f, &mount, 1, &err));
    assert_int_equal(f->out.options.mount_count, 2); /* /data is the user's */
    assert_string_equal(f->out.options.mounts[0].target, "/data");
    assert_int_equal(f->out.options.mounts[0].kind, SC_MOUNT_BIND);
    assert_string_equal(f->out.options.mounts[1].target, "/var/lib/x");
    assert_int_equal(f->out.options.mounts[1].kind, SC_MOUNT_VOLUME);
    assert_true(f->out.options.mounts[1].is_anonymous);
    assert_true(f->out.options.mounts[1].copies_up);
    assert_true(sc_engine_is_id(f->out.options.mounts[1].source));
}

static void
test_bad_mounts(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    char a[] = "/a", a2[] = "/b/../a", relative[] = "a", root[] = "/x/..", name[] = "../x", odd[] = "sideways";
    struct sc_mount_ask twice[] = {{.kind = SC_MOUNT_TMPFS, .target = a}, {.kind = SC_MOUNT_TMPFS, .target = a2}};
    struct sc_mount_ask one = {.kind = SC_MOUNT_TMPFS, .target = relative};

    assert_fails(resolve_mounts(f, twice, 2, &err), SC_ERR_INVALID, "duplicate mount point \"/a\"");
    assert_fails(resolve_mounts(f, &one, 1, &err), SC_ERR_INVALID,
                 "mount path \"a\" inside the container must be absolute");
    one.target = root;
    assert_fails(resolve_mounts(f, &one, 1, &err), SC_ERR_INVALID, "mount on \"/\": the root cannot be a mount point");
    one = (struct sc_mount_ask){.kind = SC_MOUNT_BIND, .source = relative, .target = a};
    assert_fails(resolve_mounts(f, &one, 1, &err), SC_ERR_INVALID,
                 "mount on \"/a\": source \"a\" is not an absolute path");
    one = (struct sc_mount_ask){.kind = SC_MOUNT_VOLUME, .source = name, .target = a};
    assert_fails(resolve_mounts(f, &one, 1, &err), SC_ERR_INVALID, "invalid volume name \"../x\"");
    one = (struct sc_mount_ask){.kind = SC_MOUNT_BIND, .source = a, .target = a, .propagation = odd};
    assert_fails(resolve_mounts(f, &one, 1, &err), SC_ERR_INVALID, "mount on \"/a\": unknown propagation \"sideways\"");
}

/* ---- conflicts and maps ------------------------------------------------------------------------- */

static void
test_conflicts(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_create_options *o = &f->options;
    char host[] = "h", root[] = "/r", bad[] = "-x";

    assert_ok(sc_check_options(o, &err));
    o->rootfs = root;
    assert_fails(sc_check_options(o, &err), SC_ERR_INVALID, "either an image or --rootfs must be given");
    o->rootfs = NULL;
    o->hostname = host;
    o->uts.mode = SC_NS_HOST;
    assert_fails(sc_check_options(o, &err), SC_ERR_INVALID, "conflicting options: --hostname and --uts host");
    o->uts.mode = SC_NS_PRIVATE;
    o->network.mode = SC_NS_CONTAINER;
    assert_fails(sc_check_options(o, &err), SC_ERR_INVALID,
                 "conflicting options: --hostname and --network container:...");
    o->network.mode = SC_NS_NONE;
    o->ipc.mode = SC_NS_SHAREABLE;
    o->shm_size = 1;
    assert_fails(sc_check_options(o, &err), SC_ERR_UNSUPPORTED,
                 "--shm-size with --ipc shareable: a shared /dev/shm has no size of its own");
    o->shm_size = 0;
    o->privileged = true;
    o->user_ns.mode = SC_NS_PRIVATE;
    assert_fails(sc_check_options(o, &err), SC_ERR_INVALID, "conflicting options: --privileged and --userns auto");
    o->name = bad;
    assert_fails(sc_check_options(o, &err), SC_ERR_INVALID, "invalid container name \"-x\"");
}

static void
test_id_maps(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_oci_id_maps maps;
    struct sc_oci_id_map map;
    struct sc_strv texts = {0};
    uint32_t host;

    sc_strv_add(&texts, &f->arena, "0:100000:1000");
    sc_strv_add(&texts, &f->arena, "1000:5:1");
    assert_ok(sc_id_maps_parse(&texts, &f->arena, &maps, &err));
    assert_true(sc_id_map_find(&maps, 999, &host));
    assert_int_equal(host, 100999);
    assert_true(sc_id_map_find(&maps, 1000, &host));
    assert_int_equal(host, 5);
    assert_false(sc_id_map_find(&maps, 1001, &host));
    assert_fails(sc_id_map_parse("0:1", &map, &err), SC_ERR_INVALID, "id map \"0:1\": it is not CONTAINER:HOST:COUNT");
    assert_fails(sc_id_map_parse("0:1:2:3", &map, &err), SC_ERR_INVALID,
                 "id map \"0:1:2:3\": it is not CONTAINER:HOST:COUNT");
    assert_fails(sc_id_map_parse("0:1:0", &map, &err), SC_ERR_INVALID, "id map \"0:1:0\": the count is out of range");
    assert_fails(sc_id_map_parse("0:4294967295:2", &map, &err), SC_ERR_INVALID,
                 "id map \"0:4294967295:2\": the count is out of range");
}

static void
test_explicit_maps(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_engine engine = SC_ENGINE_INIT;

    engine.is_root = true;
    sc_create_options_init(&f->out.options);
    ADD(f, out.options.uid_maps, "0:70000:10");
    assert_ok(sc_resolve_userns(&engine, true, &f->arena, &f->out, &err));
    assert_string_equal(f->out.effective_uid_maps.items[0], "0:70000:10");
    assert_string_equal(f->out.effective_gid_maps.items[0], "0:70000:10");
    f->out.options.uid_maps.count = 0;
    ADD(f, out.options.uid_maps, "1:70000:10");
    assert_fails(sc_resolve_userns(&engine, true, &f->arena, &f->out, &err), SC_ERR_INVALID,
                 "--uidmap: id 0 of the container must be mapped");
}

static void
test_without_root_the_caller_is_root_inside(void **state)
{
    struct fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    struct sc_engine engine = SC_ENGINE_INIT;

    sc_create_options_init(&f->out.options);
    assert_ok(sc_resolve_userns(&engine, true, &f->arena, &f->out, &err));
    assert_string_equal(f->out.effective_uid_maps.items[0], sc_arena_printf(&f->arena, "0:%u:1", geteuid()));
    ADD(f, out.options.uid_maps, "0:70000:10");
    assert_fails(sc_resolve_userns(&engine, true, &f->arena, &f->out, &err), SC_ERR_DENIED,
                 "--uidmap: other maps than that of /etc/subuid need root");
}

static void
test_attachments(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"alias=a", "no network is named"},
        {":ip=10.0.0.1", "no network is named"},
        {"n:ip=ten", "\"ten\" is not an IP address"},
        {"n:mac=01:00:00:00:00:01", "MAC address \"01:00:00:00:00:01\" is a multicast address"},
        {"n:alias", "alias= is empty"},
        {"n:weight=3", "unknown option \"weight\": known are alias=, ip=, ip6= and mac="},
    };
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_attachment a;
    struct sc_err err;

    (void)state;
    assert_ok(sc_attachment_parse("net:alias=one,alias=two,ip=10.0.0.7", &arena, &a, &err));
    assert_string_equal(a.name, "net");
    assert_int_equal(a.aliases.count, 2);
    assert_string_equal(a.aliases.items[1], "two");
    assert_string_equal(a.ip, "10.0.0.7");
    assert_string_equal(sc_attachment_format(&a, &arena), "name=net,alias=one,alias=two,ip=10.0.0.7");
    assert_ok(sc_attachment_parse("net:ip6=fd00::7", &arena, &a, &err));
    assert_string_equal(sc_attachment_format(&a, &arena), "name=net,ip6=fd00::7");
    assert_ok(sc_attachment_parse("name=net,mac-address=02:00:00:00:00:01", &arena, &a, &err));
    assert_string_equal(a.name, "net");
    assert_string_equal(a.mac, "02:00:00:00:00:01");
    assert_ok(sc_attachment_parse("default", &arena, &a, &err));
    assert_string_equal(a.name, "bridge");
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++)
        assert_fails(sc_attachment_parse(bad[i].text, &arena, &a, &err), SC_ERR_INVALID, bad[i].message);
}

/* The maps of keep-id for a user 1000 with these ranges, as text. */
static const char *
kept(struct fixture *f, uint32_t keep, const struct sc_oci_id_map *ranges, size_t count)
{
    struct sc_oci_id_map items[4] = {{0, 1000, 1}};
    struct sc_oci_id_maps own = {.items = items, .count = count + 1};
    struct sc_strv out = {.items = NULL};
    const char *text = "";

    for (size_t i = 0; i < count; i++)
        items[i + 1] = ranges[i];
    sc_keep_id_maps(&own, keep, &f->arena, &out);
    for (size_t i = 0; i < out.count; i++)
        text = sc_arena_printf(&f->arena, "%s%s%s", text, i > 0 ? " " : "", out.items[i]);
    return text;
}

static void
test_keep_id(void **state)
{
    static const struct sc_oci_id_map one[] = {{1, 100000, 65536}}, two[] = {{1, 5000, 10}, {11, 7000, 10}};
    struct fixture *f = *state;
    struct sc_id_shift shift = {.uid = 1, .gid = 2};
    struct sc_err err = SC_ERR_INIT;

    assert_string_equal(kept(f, 1000, one, 1), "0:100000:1000 1000:1000:1 1001:101000:64536");
    assert_string_equal(kept(f, 0, one, 1), "0:1000:1 1:100000:65536");
    /* at the end of the ranges, and beyond */
    assert_string_equal(kept(f, 65536, one, 1), "0:100000:65536 65536:1000:1");
    assert_string_equal(kept(f, 70000, one, 1), "0:100000:65536 70000:1000:1");
    /* within the second range, between the two, and with none */
    assert_string_equal(kept(f, 13, two, 2), "0:5000:10 10:7000:3 13:1000:1 14:7003:7");
    assert_string_equal(kept(f, 10, two, 2), "0:5000:10 10:1000:1 11:7000:10");
    assert_string_equal(kept(f, 3, NULL, 0), "3:1000:1");

    assert_ok(sc_keep_id_parse(NULL, &f->arena, &shift, &err));
    assert_int_equal(shift.uid, 1);
    assert_ok(sc_keep_id_parse("gid=7", &f->arena, &shift, &err));
    assert_int_equal(shift.uid, 1);
    assert_int_equal(shift.gid, 7);
    assert_ok(sc_keep_id_parse("uid=5,gid=6", &f->arena, &shift, &err));
    assert_int_equal(shift.uid, 5);
    assert_fails(sc_keep_id_parse("uid=5,", &f->arena, &shift, &err), SC_ERR_INVALID,
                 "--userns keep-id: \"\" is not known");
    assert_fails(sc_keep_id_parse("uid=x", &f->arena, &shift, &err), SC_ERR_INVALID,
                 "--userns keep-id: uid=: \"x\": must be a whole number from 0 to 4294967295");
}

int
main(void)
{
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_entrypoint_and_cmd),
        WITH_FIXTURE(test_no_command),
        WITH_FIXTURE(test_environment),
        WITH_FIXTURE(test_default_path),
        WITH_FIXTURE(test_image_members_and_overrides),
        WITH_FIXTURE(test_relative_workdir_is_refused),
        WITH_FIXTURE(test_clean_paths),
        WITH_FIXTURE(test_image_volumes_become_anonymous),
        WITH_FIXTURE(test_bad_mounts),
        WITH_FIXTURE(test_conflicts),
        WITH_FIXTURE(test_id_maps),
        WITH_FIXTURE(test_explicit_maps),
        WITH_FIXTURE(test_without_root_the_caller_is_root_inside),
        cmocka_unit_test(test_attachments),
        WITH_FIXTURE(test_keep_id),
    };

    return RUN_TESTS(tests);
}
