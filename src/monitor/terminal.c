#include <sys/ioctl.h>
#include <unistd.h>

#include "monitor/relay-priv.h"

void
sc_terminal_enter_again(const struct sc_terminal *terminal)
{
    struct termios raw = terminal->saved;

    if (terminal->fd < 0)
        return;
    cfmakeraw(&raw);
    if (terminal->keeps_output)
        raw.c_oflag = terminal->saved.c_oflag;
    (void)tcsetattr(terminal->fd, TCSANOW, &raw);
}

void
sc_terminal_enter(struct sc_terminal *terminal, int fd)
{
    terminal->fd = tcgetattr(fd, &terminal->saved) == 0 ? fd : -1;
    sc_terminal_enter_again(terminal);
}

void
sc_terminal_leave(const struct sc_terminal *terminal)
{
    pid_t foreground;

    if (terminal->fd < 0)
        return;
    /* In the background the terminal is another's, who has set its own modes. */
    foreground = tcgetpgrp(terminal->fd);
    if (foreground >= 0 && foreground != getpgrp())
        return;
    (void)tcsetattr(terminal->fd, TCSANOW, &terminal->saved);
}

bool
sc_terminal_size(uint16_t *rows, uint16_t *columns)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct winsize size;

        if (ioctl(fd, TIOCGWINSZ, &size) < 0)
            continue;
        *rows = size.ws_row;
        *columns = size.ws_col;
        return true;
    }
    return false;
}
