#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/relay-priv.h"

#define DRAIN_ROUNDS_MAX 128 /* reads; a process that the exec'ed one leaves behind may write for ever */

enum { WAIT_STDIN, WAIT_FAR_OUT, WAIT_FAR_ERR, WAIT_FAR_IN, WAIT_OUT, WAIT_ERR, WAIT_SIGNAL, WAIT_PID, WAIT_COUNT };

struct relay {
    const struct sc_relay *ask;
    struct sc_far far;
    struct sc_outlet out, err_out;
    struct sc_detach_filter filter;
    struct sc_terminal terminal;
    bool is_raw, reads_stdin, is_over;
    enum sc_relay_end end;
    struct sc_exit record;
    sigset_t old_mask;
    int signal_fd;
};

/* ---- signals --------------------------------------------------------------------------------- */

/* What a user or a service manager sends. Not: those that stop us (the shell's job control), faults of our own,
 * SIGCHLD, SIGPIPE. */
static void
add_forwarded(sigset_t *set)
{
    static const int forwarded[] = {SIGHUP,  SIGINT,    SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                                    SIGALRM, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};

    for (size_t i = 0; i < SC_ARRAY_LEN(forwarded); i++)
        (void)sigaddset(set, forwarded[i]);
    for (int signum = SC_SIGNAL_RT_MIN; signum <= SC_SIGNAL_MAX; signum++)
        sc_sigset_add(set, signum);
}

static int
signals_take(struct relay *relay, struct sc_err *err)
{
    sigset_t taken, blocked;

    (void)sigemptyset(&taken);
    if (relay->is_raw) {
        static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT};

        for (size_t i = 0; i < SC_ARRAY_LEN(ending); i++)
            (void)sigaddset(&taken, ending[i]);
    } else if (relay->ask->forwards_signals) {
        add_forwarded(&taken);
    }
    if (relay->ask->with_terminal)
        (void)sigaddset(&taken, SIGWINCH);
    blocked = taken;
    (void)sigaddset(&blocked, SIGPIPE); /* write(2) says EPIPE */
    (void)sigprocmask(SIG_BLOCK, &blocked, &relay->old_mask);
    relay->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return relay->signal_fd < 0 ? sc_err_errno(err, errno, "receive signals") : 0;
}

static void
signals_give_back(struct relay *relay)
{
    const struct timespec now = {0};
    sigset_t pipe_only, pending;

    sc_closep(&relay->signal_fd);
    /* A SIGPIPE of ours that is still pending would end us as soon as it is unblocked. */
    (void)sigemptyset(&pipe_only);
    (void)sigaddset(&pipe_only, SIGPIPE);
    if (!sigismember(&relay->old_mask, SIGPIPE) && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE))
        (void)sigtimedwait(&pipe_only, NULL, &now);
    (void)sigprocmask(SIG_SETMASK, &relay->old_mask, NULL);
}

/* Ends or stops this process by signum's own default action. */
static void
suffer(struct relay *relay, int signum)
{
    struct sigaction action = {.sa_handler = SIG_DFL}, old;
    sigset_t one;

    sc_terminal_leave(&relay->terminal);
    (void)sigaction(signum, &action, &old);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, signum);
    (void)raise(signum);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL); /* here it acts */
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    (void)sigaction(signum, &old, NULL);
    sc_terminal_enter_again(&relay->terminal);
}

static void
on_signal(struct relay *relay)
{
    struct signalfd_siginfo info;

    while (read(relay->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        int signum = (int)info.ssi_signo;

        if (signum == SIGWINCH) {
            sc_far_send_size(&relay->far);
        } else if (signum == SIGCONT) { /* after a SIGSTOP; the shell has set its own modes meanwhile */
            sc_terminal_enter_again(&relay->terminal);
            sc_far_send_size(&relay->far);
        } else if (relay->is_raw) {
            suffer(relay, signum);
        } else {
            if (relay->ask->before_signal)
                relay->ask->before_signal(relay->ask->data, signum);
            sc_far_send_signal(&relay->far, signum);
        }
    }
}

/* ---- copying ------------------------------------------------------------------------------------ */

static void
on_stdin(struct relay *relay)
{
    char in[SC_MONITOR_DATA_MAX - SC_DETACH_KEYS_MAX], out[SC_MONITOR_DATA_MAX];
    size_t len = 0;
    ssize_t got = read(STDIN_FILENO, in, sizeof(in));
    bool is_detached;

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        relay->reads_stdin = false;
        sc_far_send_eof(&relay->far);
        return;
    }
    if (!relay->is_raw) {
        sc_far_send_input(&relay->far, in, (size_t)got);
        return;
    }
    is_detached = sc_detach_filter_run(&relay->filter, in, (size_t)got, out, &len);
    sc_far_send_input(&relay->far, out, len);
    if (is_detached) {
        relay->end = SC_RELAY_DETACHED;
        relay->is_over = true;
    }
}

/* One message of the monitor. Nothing is waiting in the outlets. */
static int
on_message(struct relay *relay, struct sc_err *err)
{
    struct sc_outlet *outlet = &relay->out;
    enum sc_monitor_msg type;
    ssize_t len = sc_monitor_recv(relay->far.sock, &type, outlet->data, SC_MONITOR_PACKET_MAX, err);

    if (len < 0)
        return -1;
    switch (type) {
    case SC_MSG_STDERR:
        outlet = &relay->err_out;
        memcpy(outlet->data, relay->out.data, (size_t)len);
        __attribute__((fallthrough));
    case SC_MSG_STDOUT:
        outlet->at = 0;
        outlet->len = (size_t)len;
        return 0;
    case SC_MSG_STDIN_DONE:
        relay->far.awaits_done = false;
        return 0;
    case SC_MSG_STARTED:
        return 0;
    case SC_MSG_EXIT:
        if (len != sizeof(relay->record))
            break;
        memcpy(&relay->record, outlet->data, sizeof(relay->record));
        relay->is_over = true;
        return 0;
    case SC_MSG_ERROR:
        if (len != sizeof(*err))
            break;
        memcpy(err, outlet->data, sizeof(*err));
        return -1;
    default:
        break;
    }
    return sc_err_set(err, SC_ERR_INTERNAL, "receive from the monitor: message %d of %zd bytes is not known", (int)type,
                      len);
}

static void
close_output(const struct relay *relay, int *fd)
{
    if (*fd == relay->far.tty_fd)
        *fd = -1; /* borrowed */
    sc_closep(fd);
}

/* Reads a pipe or terminal into its (empty) outlet. False: nothing was there. */
static bool
on_pipe(struct relay *relay, int *fd, struct sc_outlet *outlet)
{
    ssize_t got = read(*fd, outlet->data, SC_MONITOR_PACKET_MAX);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return errno == EINTR;
    if (got <= 0) { /* EIO: the terminal's last user has gone */
        close_output(relay, fd);
        return false;
    }
    outlet->at = 0;
    outlet->len = (size_t)got;
    return true;
}

/* exec: the process has ended. What it has written is copied, others that hold its pipes are not waited for. */
static int
on_process_end(struct relay *relay, struct sc_err *err)
{
    struct sc_far *far = &relay->far;
    siginfo_t info = {0};

    sc_outlet_flush(&relay->out);
    sc_outlet_flush(&relay->err_out);
    for (int i = 0; i < DRAIN_ROUNDS_MAX && far->out_fd >= 0 && on_pipe(relay, &far->out_fd, &relay->out); i++)
        sc_outlet_flush(&relay->out);
    for (int i = 0; i < DRAIN_ROUNDS_MAX && far->err_fd >= 0 && on_pipe(relay, &far->err_fd, &relay->err_out); i++)
        sc_outlet_flush(&relay->err_out);
    while (waitid((idtype_t)3 /* P_PIDFD, Linux 5.4 */, (id_t)far->pidfd, &info, WEXITED) < 0) {
        if (errno != EINTR)
            return sc_err_errno(err, errno, "wait for the process");
    }
    sc_exit_from_wait(info.si_code, info.si_status, &relay->record);
    relay->record.finished_at = sc_time_now();
    relay->is_over = true;
    return 0;
}

static void
fill_polls(const struct relay *relay, struct pollfd polls[WAIT_COUNT])
{
    const struct sc_far *far = &relay->far;
    bool out_is_empty = sc_outlet_is_empty(&relay->out), err_is_empty = sc_outlet_is_empty(&relay->err_out);

    for (int i = 0; i < WAIT_COUNT; i++)
        polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    if (relay->reads_stdin && sc_far_takes_input(far))
        polls[WAIT_STDIN].fd = STDIN_FILENO;
    if (far->sock >= 0)
        polls[WAIT_FAR_OUT].fd = out_is_empty && err_is_empty ? far->sock : -1;
    else
        polls[WAIT_FAR_OUT].fd = out_is_empty ? far->out_fd : -1;
    polls[WAIT_FAR_ERR].fd = err_is_empty ? far->err_fd : -1;
    if (far->in_fd >= 0 && far->at < far->len)
        polls[WAIT_FAR_IN] = (struct pollfd){.fd = far->in_fd, .events = POLLOUT};
    else if (far->in_fd >= 0 && far->tty_fd < 0)
        polls[WAIT_FAR_IN] = (struct pollfd){.fd = far->in_fd, .events = 0}; /* POLLERR: nobody reads it any more */
    polls[WAIT_OUT] = (struct pollfd){.fd = out_is_empty ? -1 : STDOUT_FILENO, .events = POLLOUT};
    polls[WAIT_ERR] = (struct pollfd){.fd = err_is_empty ? -1 : STDERR_FILENO, .events = POLLOUT};
    polls[WAIT_SIGNAL].fd = relay->signal_fd;
    polls[WAIT_PID].fd = far->pidfd;
}

static int
write_failed(const struct sc_outlet *outlet, struct sc_err *err)
{
    (void)!sc_err_errno(err, outlet->errnum, "write to standard %s", outlet->fd == STDOUT_FILENO ? "output" : "error");
    err->exit_code = 1;
    return -1;
}

/* `sc run base yes | head -1` would never end; as Docker's, the command does, and the container goes on. */
static int
check_readers(const struct relay *relay, struct sc_err *err)
{
    const struct sc_outlet *outlets[] = {&relay->out, &relay->err_out};

    for (size_t i = 0; i < SC_ARRAY_LEN(outlets) && relay->far.sock >= 0; i++) {
        if (outlets[i]->errnum != EPIPE)
            continue;
        (void)!write_failed(outlets[i], err);
        return sc_err_remedy(err, "the container goes on, if it does not end by itself: see sc ps");
    }
    return 0;
}

static int
relay_step(struct relay *relay, struct sc_err *err)
{
    struct pollfd polls[WAIT_COUNT];
    struct sc_far *far = &relay->far;

    fill_polls(relay, polls);
    if (poll(polls, WAIT_COUNT, -1) < 0)
        return errno == EINTR ? 0 : sc_err_errno(err, errno, "wait for input and output");
    if (polls[WAIT_SIGNAL].revents)
        on_signal(relay);
    if (polls[WAIT_OUT].revents)
        sc_outlet_write(&relay->out);
    if (polls[WAIT_ERR].revents)
        sc_outlet_write(&relay->err_out);
    if (check_readers(relay, err) < 0)
        return -1;
    if (polls[WAIT_FAR_IN].revents & POLLERR)
        sc_far_stop_input(far);
    else if (polls[WAIT_FAR_IN].revents)
        sc_far_write_input(far);
    if (polls[WAIT_STDIN].revents && sc_far_takes_input(far))
        on_stdin(relay);
    if (far->sock >= 0)
        return polls[WAIT_FAR_OUT].revents ? on_message(relay, err) : 0;
    /* Our reader has left: let the process know, as a shell's pipe would. */
    if (relay->out.is_broken && far->tty_fd < 0)
        sc_closep(&far->out_fd);
    if (relay->err_out.is_broken)
        sc_closep(&far->err_fd);
    if (polls[WAIT_FAR_OUT].revents && far->out_fd >= 0)
        (void)on_pipe(relay, &far->out_fd, &relay->out);
    if (polls[WAIT_FAR_ERR].revents && far->err_fd >= 0)
        (void)on_pipe(relay, &far->err_fd, &relay->err_out);
    return polls[WAIT_PID].revents ? on_process_end(relay, err) : 0;
}

static void
relay_release(struct relay *relay)
{
    sc_terminal_leave(&relay->terminal);
    signals_give_back(relay);
    sc_far_release(&relay->far);
}

int
sc_relay_run(const struct sc_relay *ask, enum sc_relay_end *end, struct sc_exit *exit_record, struct sc_err *err)
{
    /* Not on the stack, whose limit may be small (`ulimit -s`); not initialised: most runs touch little of it. */
    sc_cleanup_free char *data = malloc((size_t)3 * SC_MONITOR_PACKET_MAX);

    if (data == NULL)
        return sc_err_nomem(err);
    __attribute__((cleanup(relay_release))) struct relay relay = {
        .ask = ask,
        .terminal = SC_TERMINAL_INIT,
        .is_raw = ask->with_terminal && ask->with_stdin && isatty(STDIN_FILENO),
        .reads_stdin = ask->with_stdin,
        .end = SC_RELAY_EXITED,
        .signal_fd = -1,
    };

    sc_outlet_init(&relay.out, STDOUT_FILENO, data);
    sc_outlet_init(&relay.err_out, STDERR_FILENO, data + SC_MONITOR_PACKET_MAX);
    sc_far_init(&relay.far, ask, data + (size_t)2 * SC_MONITOR_PACKET_MAX);
    if (signals_take(&relay, err) < 0)
        return -1;
    if (sc_detach_keys_parse(ask->detach_keys, &relay.filter.keys, err) < 0)
        return -1;
    if (relay.is_raw) {
        relay.terminal.keeps_output = ask->keeps_output;
        sc_terminal_enter(&relay.terminal, STDIN_FILENO);
    }
    if (ask->with_terminal)
        sc_far_send_size(&relay.far);
    while (!relay.is_over) {
        if (relay_step(&relay, err) < 0)
            return -1;
    }
    /* A full disk is no reason to leave, but what was lost on it is not a success. */
    if (relay.end == SC_RELAY_EXITED && relay.far.sock >= 0 && relay.record.code == 0 && relay.out.errnum)
        return write_failed(&relay.out, err);
    *end = relay.end;
    if (relay.end == SC_RELAY_EXITED)
        *exit_record = relay.record;
    return 0;
}
