/* A process in the foreground: its end is ours, its signals are those sent to us. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"
#include "monitor/monitor.h"

/* Everything that another process can send; not the faults of our own, nor SIGCHLD, nor job control. */
static void
fill_forwarded(sigset_t *set)
{
    static const int kept[] = {SIGCHLD, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT,
                               SIGSYS,  SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,  SIGWINCH};

    sc_sigset_fill(set);
    for (size_t i = 0; i < SC_ARRAY_LEN(kept); i++)
        (void)sigdelset(set, kept[i]);
}

void
sc_oci_hold_signals(void)
{
    sigset_t forwarded;

    fill_forwarded(&forwarded);
    (void)sigprocmask(SIG_BLOCK, &forwarded, NULL);
}

static int
wait_status(const struct sc_process *process, int *code, struct sc_err *err)
{
    int status = 0;

    while (waitpid(process->pid, &status, 0) < 0)
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for process %d", (int)process->pid);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

static int
wait_terminal(struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err)
{
    struct sc_relay relay = {.sock = -1,
                             .tty_fd = process->console_fd,
                             .in_fd = -1,
                             .out_fd = -1,
                             .err_fd = -1,
                             .pidfd = process->pidfd,
                             .with_stdin = true,
                             .with_terminal = isatty(0),
                             .keeps_output = true,
                             .forwards_signals = true};
    enum sc_relay_end end = SC_RELAY_EXITED;
    struct sc_exit ended = {0};

    if (sc_relay_run(&relay, &end, &ended, err) < 0)
        return -1;
    cli->exit_code = ended.code;
    return 0;
}

int
sc_oci_wait(struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err)
{
    sigset_t forwarded, old;

    if (process->console_fd >= 0)
        return wait_terminal(cli, process, err);
    fill_forwarded(&forwarded);
    (void)sigprocmask(SIG_BLOCK, &forwarded, &old);
    sc_cleanup_fd signals = signalfd(-1, &forwarded, SFD_CLOEXEC | SFD_NONBLOCK);
    struct pollfd polled[] = {{.fd = process->pidfd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    int result = signals < 0 ? sc_err_errno(err, errno, "receive signals") : 0;

    /* an old kernel has no pidfd: then only waiting is left */
    while (result == 0 && process->pidfd >= 0 && polled[0].revents == 0) {
        struct signalfd_siginfo info;
        struct sc_err gone = SC_ERR_INIT;

        if (poll(polled, SC_ARRAY_LEN(polled), -1) < 0 && errno != EINTR)
            result = sc_err_errno(err, errno, "wait for process %d", (int)process->pid);
        while (result == 0 && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
            (void)!sc_pidfd_kill(process->pidfd, (int)info.ssi_signo, &gone);
    }
    if (result == 0)
        result = wait_status(process, &cli->exit_code, err);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return result;
}
