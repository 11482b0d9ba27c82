/*
 * hostile: what an attacker does while a container is made (tests/integration/oci-hostile.bats).
 *
 *     hostile swap A B      exchanges the names A and B, again and again, until it is killed
 *     hostile grab          holds the first executable of another process that it sees in /proc, waits until it can be
 *                           opened for writing or can certainly not be, and leaves the file /grabbed with "writable" or
 *                           the error in it; then sleeps
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
swap(const char *a, const char *b)
{
    for (;;) {
        if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0) {
            perror("hostile: exchange");
            return 1;
        }
    }
}

/* The executable of a process that runs another one than ours; -1: nobody does. */
static int
find_other(const struct stat *own)
{
    for (int pid = 1; pid < 400; pid++) {
        struct stat st;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d/exe", pid);
        int fd = open(path, O_RDONLY);
        if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_dev != own->st_dev || st.st_ino != own->st_ino))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

static int
grab(void)
{
    char path[32], text[64];
    struct stat own;
    int fd, file, result = ETXTBSY;

    if (stat("/proc/self/exe", &own) < 0)
        return 1;
    while ((fd = find_other(&own)) < 0)
        ;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    while (result == ETXTBSY)
        result = open(path, O_WRONLY) < 0 ? errno : 0;
    snprintf(text, sizeof(text), "%s\n", result == 0 ? "writable" : strerror(result));
    file = open("/grabbed.new", O_WRONLY | O_CREAT, 0600);
    if (file < 0 || write(file, text, strlen(text)) < 0 || rename("/grabbed.new", "/grabbed") < 0)
        return 1;
    for (;;)
        pause();
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "swap") == 0)
        return swap(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "grab") == 0)
        return grab();
    fprintf(stderr, "usage: hostile swap A B | hostile grab\n");
    return 2;
}
