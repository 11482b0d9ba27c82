/*
 * The relay from inside: one thread, one poll(2) loop; signals arrive as reads of a signalfd(2), so that none
 * interrupts anything and each is handled between two copies.
 *
 *   relay.c          the loop, signals
 *   relay-io.c       outlets (our stdout and stderr), the container's side (socket or pipes)
 *   terminal.c       raw mode and window size
 *   detach-keys.c    the key sequence that detaches
 *
 * Our own fds 0..2 are shared with the shell: they are never made non-blocking. Instead only as much is written as
 * poll(2) guarantees: a pipe that polls writable takes PIPE_BUF bytes at once (pipe(7)).
 */
#ifndef SC_MONITOR_RELAY_PRIV_H
#define SC_MONITOR_RELAY_PRIV_H

#include <signal.h>
#include <termios.h>

#include "monitor/monitor.h"

/* ---- detach-keys.c ------------------------------------------------------------------- */
struct sc_detach_filter {
    struct sc_detach_keys keys;
    size_t matched; /* keys seen and held back */
};
/* Copies the len bytes of in to out (room for len + SC_DETACH_KEYS_MAX) but for what may be the start of the sequence.
 * True: the sequence is complete; what follows it is dropped. */
bool sc_detach_filter_run(struct sc_detach_filter *filter, const char *in, size_t len, char *out, size_t *out_len);

/* ---- terminal.c ------------------------------------------------------------------------ */
struct sc_terminal {
    int fd; /* -1: not a terminal, or not raw */
    struct termios saved;
    bool keeps_output; /* raw for input only */
};
#define SC_TERMINAL_INIT                                                                                               \
    {                                                                                                                  \
        .fd = -1                                                                                                       \
    }
/* Remembers the modes of fd and makes it raw; does nothing when it is no terminal. */
void sc_terminal_enter(struct sc_terminal *terminal, int fd);
void sc_terminal_enter_again(const struct sc_terminal *terminal); /* after SIGCONT: the shell has set its own modes */
void sc_terminal_leave(const struct sc_terminal *terminal);       /* modes as they were; may be entered again */
bool sc_terminal_size(uint16_t *rows, uint16_t *columns);         /* of the first of 0, 1, 2 that is a terminal */

/* ---- relay-io.c ---------------------------------------------------------------------------- */
struct sc_outlet {
    int fd;
    size_t most;    /* bytes that one write may take without blocking */
    bool is_broken; /* nobody reads it any more */
    int errnum;     /* why, when a write has told so; 0: it was closed when we began */
    size_t at, len; /* what of data is not written yet */
    char *data;     /* SC_MONITOR_PACKET_MAX bytes, borrowed */
};
void sc_outlet_init(struct sc_outlet *outlet, int fd, char *data);
bool sc_outlet_is_empty(const struct sc_outlet *outlet);
void sc_outlet_write(struct sc_outlet *outlet); /* poll has said that there is room */
void sc_outlet_flush(struct sc_outlet *outlet); /* waits until all is written or nobody reads */

/* What a container's side is: a monitor's socket, or the pipes or terminal of an exec'ed process. */
struct sc_far {
    int sock;
    int tty_fd, in_fd, out_fd, err_fd, pidfd;
    bool awaits_done; /* sock: STDIN was sent, STDIN_DONE has not come */
    size_t at, len;   /* pipes: what of data stdin has not taken yet */
    char *data;       /* SC_MONITOR_PACKET_MAX bytes, borrowed */
};
void sc_far_init(struct sc_far *far, const struct sc_relay *relay, char *data);
void sc_far_release(struct sc_far *far);
bool sc_far_takes_input(const struct sc_far *far);
void sc_far_send_input(struct sc_far *far, const char *data, size_t len); /* only when it takes input */
void sc_far_send_eof(struct sc_far *far);
void sc_far_write_input(struct sc_far *far); /* pipes: poll has said that there is room */
void sc_far_stop_input(struct sc_far *far);  /* nobody reads it any more */
void sc_far_send_size(struct sc_far *far);
void sc_far_send_signal(struct sc_far *far, int signum);

#endif
