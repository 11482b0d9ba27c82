/*
 * sc-init (named by $SC_INIT) as PID 1 of a pid namespace of its own: exit codes, signals, orphans, the terminal. Needs
 * root, as all that makes namespaces does.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "test.h"

struct running {
    pid_t init;  /* as we see it */
    int in, out; /* our ends of its 0 and of its 1 and 2; a pty's master is both */
};

/* argv[0] is replaced by sc-init. */
static void
start(struct running *running, unsigned long flags, bool on_pty, const char *const argv[])
{
    int in[2] = {-1, -1}, out[2] = {-1, -1};

    assert_non_null(getenv("SC_INIT"));
    if (on_pty) {
        running->in = running->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_int_equal(grantpt(running->in), 0);
        assert_int_equal(unlockpt(running->in), 0);
    } else {
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        running->in = in[1];
        running->out = out[0];
    }
    running->init = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    assert_true(running->init >= 0);
    if (running->init == 0) {
        (void)setsid();
        if (on_pty)
            in[0] = out[1] = open(ptsname(running->in), O_RDWR); /* becomes the controlling terminal */
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(out[1], 2);
        execv(getenv("SC_INIT"), (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    sc_closep(&in[0]);
    sc_closep(&out[1]);
}

#define START(running, ...) start((running), CLONE_NEWPID, false, (const char *const[]){"sc-init", __VA_ARGS__, NULL})

static void
read_until(struct running *running, struct sc_buf *out, const char *text)
{
    while (!text || !strstr(sc_buf_str(out), text)) {
        char part[256];
        ssize_t got = read(running->out, part, sizeof(part));

        if (got <= 0 && !text)
            return;
        assert_true(got > 0);
        sc_buf_add(out, part, (size_t)got);
    }
}

static void
assert_code(struct running *running, int code)
{
    int status = -1;

    assert_int_equal(waitpid(running->init, &status, 0), running->init);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    if (running->in != running->out)
        sc_closep(&running->in);
    sc_closep(&running->out);
}

static void
assert_run(const char *const argv[], int code, const char *expected)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct running running;

    start(&running, CLONE_NEWPID, false, argv);
    read_until(&running, &out, NULL);
    assert_string_equal(sc_buf_str(&out), expected);
    assert_code(&running, code);
}

static void
test_it_ends_as_the_program_ends(void **state)
{
    static const struct {
        const char *argv[6];
        int code;
        const char *out;
    } cases[] = {
        {{"sc-init", "sh", "-c", "echo $$; exit 7"}, 7, "2\n"},
        {{"sc-init", "--", "sh", "-c", "exit 0"}, 0, ""},
        {{"sc-init", "sh", "-c", "kill -KILL $$"}, 137, ""},
        {{"sc-init", "sh", "-c", "kill -SEGV $$"}, 139, ""},
        {{"sc-init", "/no/such"}, 127, "sc-init: cannot run \"/no/such\": No such file or directory\n"},
        {{"sc-init", "no-such-command"}, 127, "sc-init: cannot run \"no-such-command\": No such file or directory\n"},
        {{"sc-init", "/etc/passwd"}, 126, "sc-init: cannot run \"/etc/passwd\": Permission denied\n"},
        {{"sc-init"}, 125, "sc-init: usage: sc-init [--] PROGRAM [ARGUMENT...]\n"},
        {{"sc-init", "--"}, 125, "sc-init: usage: sc-init [--] PROGRAM [ARGUMENT...]\n"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++)
        assert_run(cases[i].argv, cases[i].code, cases[i].out);
}

/* A program without handlers: as PID 1 itself it could not be stopped by SIGTERM, even from outside. */
static void
test_sigterm_ends_a_program_without_handlers(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct running running;

    (void)state;
    START(&running, "sh", "-c", "echo ready; exec sleep 1000");
    read_until(&running, &out, "ready\n");
    assert_int_equal(kill(running.init, SIGTERM), 0);
    assert_code(&running, 128 + SIGTERM);
}

static void
test_signals_are_passed_on(void **state)
{
    static const struct {
        const char *name;
        int signum;
    } cases[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"TERM", SIGTERM}, {"USR1", SIGUSR1},
                 {"USR2", SIGUSR2}, {"ALRM", SIGALRM}, {"WINCH", SIGWINCH}, {"CONT", SIGCONT}, {"PWR", SIGPWR}};

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf out = SC_BUF_INIT;
        struct running running;
        char script[128], expected[32];

        (void)snprintf(script, sizeof(script),
                       "trap 'echo got %s; exit 9' %s; echo ready; while :; do sleep 0.02; done", cases[i].name,
                       cases[i].name);
        (void)snprintf(expected, sizeof(expected), "got %s\n", cases[i].name);
        START(&running, "sh", "-c", script);
        read_until(&running, &out, "ready\n");
        assert_int_equal(kill(running.init, cases[i].signum), 0);
        read_until(&running, &out, expected);
        assert_code(&running, 9);
    }
}

static void
test_the_program_starts_with_no_signal_blocked(void **state)
{
    static const char *const argv[] = {"sc-init", "grep", "SigBlk", "/proc/self/status", NULL};

    (void)state;
    assert_run(argv, 0, "SigBlk:\t0000000000000000\n");
}

/* Children of pid, zombies too. */
static long
count_children(pid_t pid)
{
    char command[64], text[32] = "";
    FILE *pipe;

    (void)snprintf(command, sizeof(command), "ps --no-headers -o pid --ppid %d | wc -l", (int)pid);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(text, sizeof(text), pipe));
    (void)pclose(pipe);
    return strtol(text, NULL, 10);
}

static void
assert_orphans_are_reaped(unsigned long flags)
{
    static const char *const argv[] = {
        "sc-init", "sh", "-c",
        "for i in 1 2 3 4 5; do (sh -c 'kill -STOP $$; exit 3' &); done; echo ready; read x; exit 6", NULL};
    sc_cleanup_buf out = SC_BUF_INIT;
    struct running running;
    char command[64];

    start(&running, flags, false, argv);
    read_until(&running, &out, "ready\n");
    /* They have come to sc-init, and stay until we let them end: one program and five orphans. */
    for (int i = 0; i < 1000 && count_children(running.init) != 6; i++)
        usleep(10000);
    assert_int_equal(count_children(running.init), 6);
    (void)snprintf(command, sizeof(command), "pkill -CONT -P %d", (int)running.init);
    for (int i = 0; i < 1000 && count_children(running.init) != 1; i++) {
        assert_true(system(command) >= 0);
        usleep(10000);
    }
    assert_int_equal(count_children(running.init), 1);
    assert_int_equal(write(running.in, "\n", 1), 1);
    assert_code(&running, 6);
}

static void
test_orphans_are_reaped(void **state)
{
    (void)state;
    assert_orphans_are_reaped(CLONE_NEWPID);
}

/* --pid host: it is not PID 1, yet orphans come to it. */
static void
test_orphans_are_reaped_in_the_hosts_pid_namespace(void **state)
{
    (void)state;
    assert_orphans_are_reaped(0);
}

static void
test_everything_ends_with_the_program(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;
    struct running running;

    (void)state;
    START(&running, "sh", "-c", "sleep 1000 & echo started; exit 2");
    /* End of file: sleep, which held the pipe, is gone too. */
    read_until(&running, &out, NULL);
    assert_string_equal(sc_buf_str(&out), "started\n");
    assert_code(&running, 2);
}

static void
test_the_program_is_in_the_foreground(void **state)
{
    static const char *const argv[] = {
        "sc-init", "sh", "-c", "trap 'echo got INT; exit 3' INT; echo ready; while :; do sleep 0.02; done", NULL};
    sc_cleanup_buf out = SC_BUF_INIT;
    struct running running;

    (void)state;
    start(&running, CLONE_NEWPID, true, argv);
    read_until(&running, &out, "ready\r\n");
    assert_int_equal(write(running.in, "\x03", 1), 1);
    read_until(&running, &out, "got INT\r\n");
    assert_code(&running, 3);
}

static void
test_it_is_small(void **state)
{
    const char *max = getenv("SC_INIT_BYTES_MAX"); /* set where it was built with musl */
    struct sc_err err;
    uint64_t bytes;
    struct stat st;

    (void)state;
    assert_int_equal(stat(getenv("SC_INIT"), &st), 0);
    assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0111) == 0111);
    if (!max)
        return;
    assert_ok(sc_parse_u64(max, &bytes, &err));
    assert_in_range(st.st_size, 1, bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_as_the_program_ends),
        cmocka_unit_test(test_sigterm_ends_a_program_without_handlers),
        cmocka_unit_test(test_signals_are_passed_on),
        cmocka_unit_test(test_the_program_starts_with_no_signal_blocked),
        cmocka_unit_test(test_orphans_are_reaped),
        cmocka_unit_test(test_orphans_are_reaped_in_the_hosts_pid_namespace),
        cmocka_unit_test(test_everything_ends_with_the_program),
        cmocka_unit_test(test_the_program_is_in_the_foreground),
        cmocka_unit_test(test_it_is_small),
    };

    /* Whoever runs the tests in the background of a script, or by nohup, has made their programs ignore these. */
    (void)signal(SIGHUP, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGQUIT, SIG_DFL);
    return RUN_TESTS(tests);
}
