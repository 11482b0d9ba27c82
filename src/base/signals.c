/*
 * Signals by the kernel's numbers, 1 to 64. The C libraries keep some for themselves and leave them out of what they
 * fill and reset: glibc 32 and 33, musl 34 too, which is SIGRTMIN to every program linked with glibc. What a container
 * or its caller sends must not depend on the library that we are linked with.
 */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

#define KERNEL_SET_SIZE (SC_SIGNAL_MAX / CHAR_BIT)
#define WORD_BITS       (CHAR_BIT * sizeof(unsigned long))

void
sc_sigset_fill(sigset_t *set)
{
    (void)sigemptyset(set);
    memset(set, UCHAR_MAX, KERNEL_SET_SIZE);
}

void
sc_sigset_add(sigset_t *set, int signum)
{
    unsigned bit = (unsigned)signum - 1;

    ((unsigned long *)set)[bit / WORD_BITS] |= 1UL << bit % WORD_BITS;
}

void
sc_signals_reset(void)
{
    /* the kernel's struct sigaction, not larger than this: SIG_DFL, no flags, an empty mask */
    static const unsigned long defaults[4] = {0};
    static const unsigned char none[KERNEL_SET_SIZE] = {0};

    for (int signum = 1; signum <= SC_SIGNAL_MAX; signum++)
        if (signum != SIGKILL && signum != SIGSTOP)
            (void)syscall(SYS_rt_sigaction, signum, defaults, NULL, sizeof(none));
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, sizeof(none));
}
