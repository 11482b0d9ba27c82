/* rusage: runs a program and says, on standard error, what it took: "maxrss KIB utime USEC stime USEC".
 *
 *     rusage PROGRAM [ARGUMENT...]
 *
 * maxrss is ru_maxrss of wait4(2): the largest resident set of the program or of any descendant it waited for. The
 * parent is static and small because a fork's own pages count too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    struct rusage usage;
    int status;

    if (argc < 2) {
        fprintf(stderr, "usage: rusage PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    pid_t pid =
        vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): fork would count our pages as the program's */
    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
        fprintf(stderr, "rusage: %s\n", strerror(errno));
        return 125;
    }
    fprintf(stderr, "maxrss %ld utime %ld stime %ld\n", usage.ru_maxrss,
            usage.ru_utime.tv_sec * 1000000L + usage.ru_utime.tv_usec,
            usage.ru_stime.tv_sec * 1000000L + usage.ru_stime.tv_usec);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
