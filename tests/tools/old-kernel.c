/*
 * old-kernel: runs a program as on a kernel that does not have some system calls: each answers ENOSYS, for the program
 * and all that it starts (a seccomp filter).
 *
 *     old-kernel CALLS PROGRAM [ARGUMENT...]
 *
 * CALLS are names joined by commas: clone3, openat2, mount-api (open_tree, move_mount, fsopen, fsconfig, fsmount,
 * fspick), mount_setattr, close_range, pidfd (pidfd_open, pidfd_send_signal, pidfd_getfd), statx, faccessat2; or all.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 32

static const struct {
    const char *name;
    int number;
} calls[] = {
    {"clone3", SYS_clone3},           {"openat2", SYS_openat2},  {"mount-api", SYS_open_tree},
    {"mount-api", SYS_move_mount},    {"mount-api", SYS_fsopen}, {"mount-api", SYS_fsconfig},
    {"mount-api", SYS_fsmount},       {"mount-api", SYS_fspick}, {"mount_setattr", SYS_mount_setattr},
    {"close_range", SYS_close_range}, {"pidfd", SYS_pidfd_open}, {"pidfd", SYS_pidfd_send_signal},
    {"pidfd", SYS_pidfd_getfd},       {"statx", SYS_statx},      {"faccessat2", SYS_faccessat2},
};
#define COUNT (sizeof(calls) / sizeof(calls[0]))

static int
has_name(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcmp(at, "all") == 0 || (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0')))
            return 1;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    struct sock_filter code[CALLS_MAX * 2 + 2];
    unsigned short at = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: old-kernel CALLS PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < COUNT; i++) {
        if (!has_name(argv[1], calls[i].name))
            continue;
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    if (at == 1) {
        fprintf(stderr, "old-kernel: no such call: %s\n", argv[1]);
        return 2;
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    /* As root without no_new_privs, which would change what is tested. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &(struct sock_fprog){.len = at, .filter = code}) < 0) {
        perror("old-kernel: load the filter");
        return 2;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
