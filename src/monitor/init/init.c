/*
 * sc-init: PID 1 of a container started with --init.
 *
 *     sc-init [--] PROGRAM [ARGUMENT...]
 *
 * PID 1 is not like others: the kernel gives it no default action for a signal (a program without a SIGTERM handler
 * cannot be stopped), orphans become its children, and when it ends everything ends (pid_namespaces(7)). sc-init takes
 * that place: it runs the program as an ordinary child in a process group of its own, in the foreground of the terminal
 * if there is one, passes on every signal it gets, reaps every orphan, and ends as the program ended: with its status
 * or 128 + the number of the signal. No allocation, no stdio, nothing but libc: it runs inside the container, from the
 * engine's static file.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGNALS 64

enum { CODE_ENGINE = 125, CODE_CANNOT_EXECUTE = 126, CODE_NOT_FOUND = 127, CODE_SIGNAL = 128 };

/* The mask that the program was meant to start with. */
struct signals {
    sigset_t original, waited;
};

static void
say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

static void
complain(const char *what, const char *name, int errnum)
{
    say("sc-init: ");
    say(what);
    say(" \"");
    say(name);
    say("\": ");
    say(strerror(errnum));
    say("\n");
}

/* Everything is blocked and taken one by one with sigwaitinfo(2), but what a fault of our own raises: that must end us.
 */
static void
block_signals(struct signals *signals)
{
    static const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};

    (void)sigemptyset(&signals->waited);
    /* all 64; musl's sigfillset(3) leaves out three, the first of glibc's SIGRTMIN among them */
    memset(&signals->waited, UCHAR_MAX, SIGNALS / CHAR_BIT);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        (void)sigdelset(&signals->waited, faults[i]);
    (void)sigprocmask(SIG_BLOCK, &signals->waited, &signals->original);
}

static _Noreturn void
run_program(char **argv, const struct signals *signals)
{
    int errnum;

    /* A group of its own, in the foreground: the terminal's ^C then reaches the program itself, and job control works.
     * SIGTTOU is still blocked, else tcsetpgrp(3) from the background would stop us. Without a terminal it fails: fine.
     */
    (void)setpgid(0, 0);
    (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    (void)sigprocmask(SIG_SETMASK, &signals->original, NULL);
    (void)execvp(argv[0], argv);
    errnum = errno;
    complain("cannot run", argv[0], errnum);
    _exit(errnum == ENOENT || errnum == ENOTDIR ? CODE_NOT_FOUND : CODE_CANNOT_EXECUTE);
}

/* Reaps all that have ended. True once the program is among them; *code is what it ended with. */
static bool
reap(pid_t program, int *code)
{
    bool is_over = false;

    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return is_over;
        if (pid != program)
            continue;
        *code = WIFSIGNALED(status) ? CODE_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
        is_over = true;
    }
}

int
main(int argc, char **argv)
{
    struct signals signals;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    int code = CODE_ENGINE;
    pid_t program;

    if (first >= argc) {
        say("sc-init: usage: sc-init [--] PROGRAM [ARGUMENT...]\n");
        return CODE_ENGINE;
    }
    /* Ignored, which is inherited, it would make the kernel reap our children unseen. */
    (void)signal(SIGCHLD, SIG_DFL);
    block_signals(&signals);
    /* With --pid host we are not PID 1, and orphans come to us only by this (prctl(2), Linux 3.4). */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    program = fork();
    if (program == 0)
        run_program(argv + first, &signals);
    if (program < 0) {
        complain("cannot fork for", argv[first], errno);
        return CODE_ENGINE;
    }
    for (;;) {
        int signum = sigwaitinfo(&signals.waited, NULL);

        if (signum == SIGCHLD) {
            if (reap(program, &code))
                return code;
        } else if (signum > 0) {
            (void)kill(program, signum);
        }
    }
}
