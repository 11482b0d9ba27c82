/* sc-transfer as a child of a build: what it is told, what it says, and what a signal does to it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/build/build-priv.h"
#include "kernel/kernel.h"

#define ANSWER_MAX ((size_t)16 << 20)
#define SIGNALLED  128
#define TICK_MS    200

int
sc_build_interrupted(const struct sc_builder *b, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_BUSY, "build: %s; no image was made",
               b->signum == SIGINT    ? "interrupted"
               : b->signum == SIGTERM ? "terminated"
                                      : "the terminal has gone");
    err->exit_code = SIGNALLED + b->signum;
    return -1;
}

static void
take_signal(struct sc_builder *b)
{
    struct signalfd_siginfo info;

    while (read(b->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        b->signum = (int)info.ssi_signo;
}

int
sc_build_check_signal(struct sc_builder *b, struct sc_err *err)
{
    take_signal(b);
    return b->signum ? sc_build_interrupted(b, err) : 0;
}

/* ---- the child --------------------------------------------------------------------------------------------------- */

static int
put_stdio(const struct sc_build_spawn *spawn, int said, struct sc_err *err)
{
    const int fds[] = {spawn->in, spawn->out, said};
    sc_cleanup_fd nothing = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY); /* lint: the host's own */

    if (nothing < 0)
        return sc_err_errno(err, errno, "open \"/dev/null\"");
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i] < 0 ? nothing : fds[i], i) < 0)
            return sc_err_errno(err, errno, "give it its descriptors");
    }
    if (spawn->keep_fd >= 0 && sc_fd_cloexec(spawn->keep_fd, false) < 0)
        return sc_err_errno(err, errno, "give it its descriptors");
    return 0;
}

/* In the child: becomes sc-transfer, or says why not as that would. */
_Noreturn static void
become(struct sc_builder *b, const struct sc_build_spawn *spawn, pid_t parent, int said)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_strv argv = {0};
    char *program = NULL;
    const char *note;

    sc_signals_reset();
    if (sc_engine_program("sc-transfer", b->arena, &program, &err) == 0 &&
        sc_rootless_enter(b->engine, true, b->arena, &note, &err) == 0 && put_stdio(spawn, said, &err) == 0) {
        sc_strv_add(&argv, b->arena, program);
        sc_strv_add(&argv, b->arena, "--data");
        sc_strv_add(&argv, b->arena, b->engine->data_path);
        for (size_t i = 0; i < spawn->words->count; i++)
            sc_strv_add(&argv, b->arena, spawn->words->items[i]);
        /* It ends with the build. Not before it has the namespace's capabilities: getting them takes that back
         * (prctl(2)). */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
            _exit(1);
        if (sc_arena_check(b->arena, &err) == 0 && setenv("SC_RUN_ROOT", b->engine->run_path, 1) == 0) {
            (void)execv(program, argv.items);
            sc_err_errno(&err, errno, "execute \"%s\"", program);
        }
    }
    (void)dprintf(said, "sc: %s\n", err.msg);
    _exit(1);
}

/* ---- us ---------------------------------------------------------------------------------------------------------- */

int
sc_build_tick_ms(const struct sc_builder *b)
{
    return b->ask && b->ask->has_ticks ? TICK_MS : -1; /* a context is unpacked before there is anything to ask for */
}

/* Until it has ended; a signal ends it first. shows: it writes where our caller does. */
static int
wait_for(struct sc_builder *b, pid_t pid, bool shows, struct sc_err *err)
{
    sc_cleanup_fd pidfd = sc_pidfd_open(pid, 0, err);
    int status = 0;

    while (pidfd >= 0) {
        struct pollfd polls[] = {{.fd = pidfd, .events = POLLIN}, {.fd = b->signal_fd, .events = POLLIN}};

        const int count = poll(polls, SC_ARRAY_LEN(polls), shows ? -1 : sc_build_tick_ms(b));

        if (count < 0 && errno != EINTR)
            break;
        if (count == 0)
            sc_build_say(b, SC_BUILD_TICK, NULL, 0);
        if (polls[0].revents)
            break;
        if (polls[1].revents) {
            take_signal(b);
            (void)kill(pid, SIGTERM); /* ours, and not waited for yet */
        }
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    take_signal(b);
    return pidfd < 0 ? -1 : status;
}

int
sc_build_spawn(struct sc_builder *b, const struct sc_build_spawn *spawn, struct sc_err *err)
{
    sc_cleanup_fd said = memfd_create("sc-build", MFD_CLOEXEC);
    const bool shows = spawn->out >= 0 && spawn->out == b->ask->out_fd;
    const pid_t parent = getpid();
    int status;
    pid_t pid;

    if (said < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_build_check_signal(b, err) < 0)
        return -1;
    if (shows) /* lines of its own */
        sc_build_say(b, SC_BUILD_OUTPUT, "\n", 0);
    pid = fork();
    if (pid < 0)
        return sc_err_errno(err, errno, "fork");
    if (pid == 0)
        become(b, spawn, parent, said);
    status = wait_for(b, pid, shows, err);
    if (status < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    /* A terminal's Ctrl-C reaches both of us; it may be done before we hear of it. */
    if (b->signum || (WIFEXITED(status) && WEXITSTATUS(status) == SIGNALLED + SIGINT)) {
        b->signum = b->signum ? b->signum : SIGINT;
        return sc_build_interrupted(b, err);
    }
    return sc_engine_transfer_failed(said, spawn->kind, spawn->doing, err);
}

static int
to_memory(const json_t *json, struct sc_err *err)
{
    sc_cleanup_fd fd = memfd_create("sc-build", MFD_CLOEXEC);
    sc_cleanup_buf text = SC_BUF_INIT;

    if (fd < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_json_dump(json, &text, err) < 0 || sc_io_write_all(fd, text.data, text.len, err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    return sc_steal_fd(&fd);
}

int
sc_build_transfer(struct sc_builder *b, const struct sc_strv *words, const json_t *input, int keep_fd, json_t **out,
                  struct sc_err *err)
{
    sc_cleanup_fd in = to_memory(input, err), answer = memfd_create("sc-build", MFD_CLOEXEC);
    const struct sc_build_spawn spawn = {
        .words = words, .in = in, .out = answer, .keep_fd = keep_fd, .kind = SC_ERR_INVALID};
    sc_cleanup_buf text = SC_BUF_INIT;

    if (in < 0)
        return -1;
    if (answer < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_build_spawn(b, &spawn, err) < 0)
        return -1;
    if (lseek(answer, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "seek");
    if (sc_file_read_fd(answer, ANSWER_MAX, &text, err) < 0)
        return -1;
    return sc_json_parse(sc_buf_str(&text), text.len, "what sc-transfer says", out, err);
}
