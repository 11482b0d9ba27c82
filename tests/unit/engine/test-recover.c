/* What killed commands, killed monitors and reboots leave behind, made by hand: the next look must tell the truth and
 * repair. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "engine-fixture.h"

static void
load(struct engine_fixture *f, const char *id, struct sc_container *out)
{
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_engine_load(&f->engine, id, &f->arena, out, &err));
}

static void
assert_gone(struct engine_fixture *f, const char *id)
{
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;
    char *dir = sc_arena_printf(&f->arena, "container/%s", id);

    assert_int_equal(sc_engine_load(&f->engine, id, &f->arena, &out, &err), -1);
    assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    assert_false(is_there(f, false, dir));
    assert_false(is_there(f, true, dir));
}

/* What was opened by a pid counts only if the pid is still that process's. */
static void
test_a_pid_that_is_another_process_opens_nothing(void **state)
{
    struct sc_state own = {.pid = getpid(), .start_time = sc_process_start_time(getpid())};
    int (*const open_fn[])(const struct sc_state *, struct sc_err *) = {sc_engine_open_root, sc_engine_open_mount_ns,
                                                                        sc_engine_open_net_ns};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(open_fn); i++) {
        struct sc_state other = own;
        struct sc_err err = SC_ERR_INIT;
        int fd = open_fn[i](&own, &err);

        assert_true(fd >= 0);
        close(fd);
        other.start_time++;
        assert_int_equal(open_fn[i](&other, &err), -1);
        assert_int_equal(err.kind, SC_ERR_NOT_FOUND);
    }
}

/* state.json of a process that has these */
static void
put_state(struct engine_fixture *f, const char *id, pid_t pid, uint64_t start_time, const char *boot_id)
{
    struct sc_state state = {0};
    struct sc_err err = SC_ERR_INIT;
    char *dir = sc_arena_printf(&f->arena, "container/%s", id);
    sc_cleanup_fd run = -1;

    assert_ok(sc_dir_make_at(f->engine.run_fd, dir, 0700, &err));
    run = sc_engine_run_dir(&f->engine, id, &err);
    assert_true(run >= 0);
    state.id = sc_arena_strdup(&f->arena, id);
    state.boot_id = sc_arena_strdup(&f->arena, boot_id);
    state.pid = pid;
    state.start_time = start_time;
    state.created_at = 77;
    state.was_started = true;
    assert_ok(sc_state_write(run, &state, SC_VOLATILE, &err));
}

static const char *
this_boot(struct engine_fixture *f)
{
    char boot[40];
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_boot_id(boot, &err));
    return sc_arena_strdup(&f->arena, boot);
}

static void
test_created(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container out;

    load(f, made_container(f, 1, "web", false, false), &out);
    assert_int_equal(out.status, SC_STATUS_CREATED);
    load(f, made_container(f, 2, "kept", true, false), &out); /* create --rm waits for its start */
    assert_int_equal(out.status, SC_STATUS_CREATED);
}

static void
test_killed_between_create_and_start(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container out;
    char *id = made_container(f, 1, "kept", false, true);

    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_CREATED);
    assert_gone(f, made_container(f, 2, "temporary", true, true));
    assert_false(is_there(f, false, "name/temporary"));
}

static void
test_half_made(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_id(f, 1), *dir = sc_arena_printf(&f->arena, "container/%s", id);
    struct sc_container_list list;
    struct sc_err err = SC_ERR_INIT;

    assert_int_equal(mkdirat(f->engine.data_fd, dir, 0700), 0);
    put_claim(f, "name/web", 1);
    put_file(f, true, made_id(f, 2), "undo", "");
    assert_ok(sc_engine_list(&f->engine, true, &f->arena, &list, &err));
    assert_int_equal(list.count, 0);
    assert_gone(f, id);
    assert_gone(f, made_id(f, 2));
    assert_false(is_there(f, false, "name/web"));
}

/* A container that somebody is making just now has no record either, but a lock. */
static void
test_in_the_making_is_left_alone(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_id(f, 1), *dir = sc_arena_printf(&f->arena, "container/%s", id);
    struct sc_container_list list;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd lock = sc_engine_lock(&f->engine, id, 0, &err);

    assert_true(lock >= 0);
    assert_int_equal(mkdirat(f->engine.data_fd, dir, 0700), 0);
    put_claim(f, "name/web", 1);
    assert_ok(sc_engine_list(&f->engine, true, &f->arena, &list, &err));
    assert_int_equal(list.count, 0);
    assert_true(is_there(f, false, dir));
    assert_true(is_there(f, false, "name/web"));
}

static void
test_interrupted_start(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false), *scratch = sc_arena_printf(&f->arena, "%s/made", f->path);
    struct sc_container out;

    assert_int_equal(mkdir(scratch, 0700), 0);
    put_file(f, false, id, "config.json", "{}");
    put_file(f, true, id, "undo", sc_arena_printf(&f->arena, "tree %s\n", scratch));
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_CREATED);
    assert_string_equal(out.start_error, "the start was interrupted");
    assert_int_equal(out.exit.code, 125);
    assert_int_equal(access(scratch, F_OK), -1);
    assert_false(is_there(f, true, sc_arena_printf(&f->arena, "container/%s/undo", id)));
}

static void
test_killed_monitor(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;

    put_file(f, false, id, "config.json", "{}");
    put_file(f, true, id, "undo", "");
    put_state(f, id, 999999999, 12345, this_boot(f));
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
    assert_int_equal(out.exit.code, 137);
    assert_int_equal(out.exit.signal, 9);
    assert_string_equal(out.start_error, "its monitor (sc-monitor) was killed, and it with it");
    assert_false(is_there(f, true, sc_arena_printf(&f->arena, "container/%s/state.json", id)));
    load(f, id, &out); /* and again the same */
    assert_int_equal(out.exit.code, 137);
}

/* Nobody holds the lock: what still lives has lost its monitor and is ended. */
static void
test_orphan_is_killed(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)pause();
    }
    put_state(f, id, pid, sc_process_start_time(pid), this_boot(f));
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
    assert_int_equal(out.exit.code, 137);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
test_running_under_its_monitor(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd lock = sc_engine_lock(&f->engine, id, 0, &err);
    struct sc_container out;

    assert_true(lock >= 0);
    put_state(f, id, getpid(), sc_process_start_time(getpid()), this_boot(f));
    put_file(f, true, id, "undo", "");
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_RUNNING);
    assert_int_equal(out.pid, getpid());
    assert_int_equal(out.started_at, 77);
    assert_fails(sc_engine_remove(&f->engine, &out, false, false, &err), SC_ERR_BUSY,
                 "cannot remove container \"web\": container is running");
    assert_string_equal(err.remedy, "stop it first (sc stop web) or use --force");
}

/* The pid is in use, but by another process than the one recorded. */
static void
test_reused_pid(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;

    put_state(f, id, getpid(), sc_process_start_time(getpid()) + 1, this_boot(f));
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
}

static void
test_reboot(void **state)
{
    struct engine_fixture *f = *state;
    char *kept = made_container(f, 1, "web", false, false), *lost = made_container(f, 2, "gone", false, false);
    struct sc_container out;

    /* A run directory that outlived the boot: same pid and start time, yet another boot. */
    put_state(f, kept, getpid(), sc_process_start_time(getpid()), "00000000-0000-0000-0000-000000000000");
    load(f, kept, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
    assert_int_equal(out.exit.code, 255);
    assert_string_equal(out.start_error, "the host was restarted while it ran");
    /* The usual case: /run is empty. */
    put_file(f, false, lost, "config.json", "{}");
    load(f, lost, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
    assert_int_equal(out.exit.code, 255);
}

static void
test_exited(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;

    put_file(f, false, id, "config.json", "{}");
    put_file(f, false, id, "exit.json",
             "{\"exitCode\":3,\"signal\":0,\"oomKilled\":true,\"finishedAt\":\"2026-01-02T03:04:05Z\"}\n");
    put_state(f, id, 999999999, 1, this_boot(f));
    load(f, id, &out);
    assert_int_equal(out.status, SC_STATUS_STOPPED);
    assert_int_equal(out.exit.code, 3);
    assert_true(out.exit.was_oom_killed);
    assert_null(out.start_error);
    assert_true(out.started_at > 0);
    assert_true(out.finished_at == INT64_C(1767323045) * 1000000000);
}

/* A monitor that was killed while it removed an --rm container. */
static void
test_half_removed(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", true, true);

    put_file(f, false, id, "exit.json",
             "{\"exitCode\":0,\"signal\":0,\"oomKilled\":false,\"finishedAt\":\"2026-01-02T03:04:05Z\"}\n");
    put_file(f, true, id, "undo", "");
    assert_gone(f, id);
    assert_false(is_there(f, false, "name/web"));
}

/* A monitor that was killed after it took the container out of sight. */
static void
test_put_aside(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container_list list;
    struct sc_err err = SC_ERR_INIT;
    char *gone = sc_arena_printf(&f->arena, "container/%s.gone", made_id(f, 1));

    assert_ok(sc_dir_make_at(f->engine.data_fd, sc_arena_printf(&f->arena, "%s/upper/x", gone), 0700, &err));
    assert_ok(sc_dir_make_at(f->engine.run_fd, gone, 0700, &err));
    assert_ok(sc_engine_list(&f->engine, true, &f->arena, &list, &err));
    assert_int_equal(list.count, 0);
    assert_false(is_there(f, false, gone));
    assert_false(is_there(f, true, gone));
}

static void
test_damaged_record_is_said_not_removed(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    put_file(f, false, id, "record.json", "{}");
    assert_fails(sc_engine_load(&f->engine, id, &f->arena, &out, &err), SC_ERR_UNSUPPORTED,
                 "container 000000010000: record.json: version 0: this sc reads version 1");
    assert_true(is_there(f, false, sc_arena_printf(&f->arena, "container/%s/record.json", id)));
}

static void
test_list_is_newest_first(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container_list list;
    struct sc_err err = SC_ERR_INIT;

    (void)made_container(f, 2, "middle", false, false);
    (void)made_container(f, 3, "newest", false, false);
    (void)made_container(f, 1, "oldest", false, false);
    assert_ok(sc_engine_list(&f->engine, true, &f->arena, &list, &err));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].name, "newest");
    assert_string_equal(list.items[2].name, "oldest");
    assert_ok(sc_engine_list(&f->engine, false, &f->arena, &list, &err));
    assert_int_equal(list.count, 0);
}

static void
test_remove(void **state)
{
    struct engine_fixture *f = *state;
    char *id = made_container(f, 1, "web", false, false);
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_dir_make_at(f->engine.data_fd, sc_arena_printf(&f->arena, "container/%s/upper/deep", id), 0700, &err));
    put_file(f, false, id, "upper/deep/file", "x");
    load(f, id, &out);
    assert_ok(sc_engine_remove(&f->engine, &out, false, false, &err));
    assert_gone(f, id);
    assert_false(is_there(f, false, "name/web"));
    assert_ok(sc_engine_remove(&f->engine, &out, true, false, &err)); /* --force: gone is what was wanted */
}

int
main(void)
{
#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, engine_setup, engine_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pid_that_is_another_process_opens_nothing),
        WITH_ENGINE(test_created),
        WITH_ENGINE(test_killed_between_create_and_start),
        WITH_ENGINE(test_half_made),
        WITH_ENGINE(test_in_the_making_is_left_alone),
        WITH_ENGINE(test_interrupted_start),
        WITH_ENGINE(test_killed_monitor),
        WITH_ENGINE(test_orphan_is_killed),
        WITH_ENGINE(test_running_under_its_monitor),
        WITH_ENGINE(test_reused_pid),
        WITH_ENGINE(test_reboot),
        WITH_ENGINE(test_exited),
        WITH_ENGINE(test_half_removed),
        WITH_ENGINE(test_put_aside),
        WITH_ENGINE(test_damaged_record_is_said_not_removed),
        WITH_ENGINE(test_list_is_newest_first),
        WITH_ENGINE(test_remove),
    };

    return RUN_TESTS(tests);
}
