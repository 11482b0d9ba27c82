/*
 * kernel/calls: the system calls by which a program asks how much of the machine it has, handed to a listener that
 * answers them for its container (seccomp_unotify(2)): sysinfo and sched_getaffinity, of 64-bit and i386 programs.
 *
 * It is a filter of its own, beside any profile: of several filters' answers the strictest counts, so a profile that
 * refuses one of the calls still does. The kernel allows one listener in a process's filters.
 */
#ifndef SC_KERNEL_CALLS_H
#define SC_KERNEL_CALLS_H

#include <linux/audit.h>
#include <sys/syscall.h>

/* x32 is left alone: its numbers have a bit of their own. */
#if defined(__x86_64__)
#define SC_CALLS_ARCH       AUDIT_ARCH_X86_64
#define SC_CALLS_ARCH32     AUDIT_ARCH_I386
#define SC_CALLS_SYSINFO32  116
#define SC_CALLS_AFFINITY32 242
#elif defined(__aarch64__)
#define SC_CALLS_ARCH       AUDIT_ARCH_AARCH64
#define SC_CALLS_ARCH32     AUDIT_ARCH_ARM
#define SC_CALLS_SYSINFO32  116
#define SC_CALLS_AFFINITY32 242
#endif

/* Loads the filter: the listener, or -errno; -EBUSY: there is one already. [child] */
int sc_calls_load(void);

#endif
