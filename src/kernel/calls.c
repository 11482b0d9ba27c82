/* The filter of calls.h. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <unistd.h>

#include "base/base.h"
#include "kernel/calls.h"

/* a header of before Linux 5.19 does not have it */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LOAD(member)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF(value, t, f)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (t), (f))
#define ANSWER(decision) BPF_STMT(BPF_RET | BPF_K, (decision))

int
sc_calls_load(void)
{
#ifdef SC_CALLS_ARCH
    struct sock_filter code[] = {
        LOAD(arch),
        IF(SC_CALLS_ARCH, 1, 0),
        IF(SC_CALLS_ARCH32, 3, 6),
        LOAD(nr),
        IF(SYS_sysinfo, 5, 0),
        IF(SYS_sched_getaffinity, 4, 3),
        LOAD(nr),
        IF(SC_CALLS_SYSINFO32, 2, 0),
        IF(SC_CALLS_AFFINITY32, 1, 0),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_USER_NOTIF),
    };
    const struct sock_fprog program = {.len = SC_ARRAY_LEN(code), .filter = code};
    /* As with the default profile, speculation is not what is to be kept from it. */
    const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    /* A call that is being answered is not begun anew for each signal (Linux 5.19): Go sends itself one every 10 ms. */
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);

    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return fd < 0 ? -errno : (int)fd;
#else
    return -ENOSYS;
#endif
}
