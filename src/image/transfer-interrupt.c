/*
 * Ctrl-C, kill(1) and a terminal that goes away: what was half done is tidied up, and said.
 *
 *     SIGINT ─► on_signal ─► execve: sc-transfer interrupted ─► the half-written file and what the store has of it go,
 *                                                               one line, exit code 130
 *
 * A signal handler may do next to nothing, but it may execute a program: that ends every thread, gives up the store's
 * locks, and what runs then is free to do anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "image/transfer-program-priv.h"

#define SIGNALLED    128
#define REAP_TRIES   100
#define REAP_NSEC    10000000
#define VALUE_SIGNAL 4 /* of the words after execve */
#define VALUE_FILE   6
#define VALUE_COUNT  8

static const struct {
    int signum;
    const char *text, *is;
} signals[] = {{SIGINT, "2", "interrupted"}, {SIGTERM, "15", "terminated"}, {SIGHUP, "1", "the terminal has gone"}};

/* A handler is given nothing but the number of its signal: what it needs must be static. Only sc_interrupt_* write
 * here. */
static struct {
    pid_t pid;               /* ours: a child that has not executed yet is nobody's to tidy up after */
    char *argv[VALUE_COUNT]; /* argv[0] NULL: there is no store */
    const struct termios *terminal;
} state;

static void
on_signal(int signum)
{
    if (getpid() != state.pid)
        _exit(SIGNALLED + signum);
    if (state.terminal)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, state.terminal);
    for (size_t i = 0; i < SC_ARRAY_LEN(signals); i++) {
        if (signals[i].signum == signum)
            state.argv[VALUE_SIGNAL] = (char *)(uintptr_t)signals[i].text;
    }
    if (state.argv[0])
        (void)execv("/proc/self/exe", state.argv); /* lint: our own program */
    _exit(SIGNALLED + signum);
}

int
sc_interrupt_ready(struct sc_job *job, const char *verb, struct sc_err *err)
{
    char *words[VALUE_COUNT] = {"sc-transfer", "--data", job->store.data_path,
                                "interrupted", "2",      sc_arena_strdup(&job->arena, verb)};
    struct sigaction act = {.sa_handler = on_signal};

    if (sc_arena_check(&job->arena, err) < 0)
        return -1;
    memcpy(state.argv, words, sizeof(words));
    if (!words[2])
        state.argv[0] = NULL;
    state.pid = getpid();
    (void)sigemptyset(&act.sa_mask);
    for (size_t i = 0; i < SC_ARRAY_LEN(signals); i++) {
        struct sigaction before;

        /* A shell's background jobs and nohup(1) have them ignored. */
        if (sigaction(signals[i].signum, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            (void)sigaction(signals[i].signum, &act, NULL);
    }
    return 0;
}

void
sc_interrupt_file(const char *path)
{
    state.argv[VALUE_FILE] = (char *)(uintptr_t)path;
}

void
sc_interrupt_terminal(const struct termios *before)
{
    state.terminal = before;
}

/* What unpacks for us ends with our ends of its sockets, which execve closed. */
static void
reap(void)
{
    for (int i = 0; i < REAP_TRIES && waitpid(-1, NULL, WNOHANG) >= 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = REAP_NSEC}, NULL);
}

/* SIGNAL VERB [FILE] */
int
sc_job_interrupted(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    const char *what;
    size_t at = 0;

    sc_signals_reset();
    if (argc < 2 || argc > 3)
        return sc_job_usage(err, "sc-transfer interrupted SIGNAL VERB [FILE]");
    while (at + 1 < SC_ARRAY_LEN(signals) && strcmp(signals[at].text, argv[0]) != 0)
        at++;
    if (argc > 2)
        (void)!sc_tree_remove_at(AT_FDCWD, argv[2], &ignored); /* what we were writing */
    reap();
    if (sc_job_open_store(job, &ignored) == 0)
        sc_store_collect(&job->store);
    what = strcmp(argv[1], "pull") == 0   ? "; what has come is kept for a day: pull again to go on"
           : strcmp(argv[1], "push") == 0 ? "; what has been sent stays there: push again to go on"
                                          : "; nothing was changed";
    (void)fprintf(stderr, "sc: %s: %s%s\n", argv[1], signals[at].is, what);
    return SIGNALLED + signals[at].signum;
}
