/* proc COUNT FILE...: microseconds that it takes to open, read and close each file; the least of ten rounds of COUNT.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double
round_of(const char *path, int count)
{
    static char text[1 << 16];
    struct timespec from, to;

    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < count; i++) {
        int fd = open(path, O_RDONLY);

        if (fd < 0) {
            perror(path);
            exit(1);
        }
        while (read(fd, text, sizeof(text)) > 0)
            ;
        (void)close(fd);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) / count;
}

int
main(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        double least = 1e12;

        for (int round = 0; round < 10; round++) {
            double now = round_of(argv[i], (int)strtol(argv[1], NULL, 10));

            least = now < least ? now : least;
        }
        printf("%.1f\n", least);
    }
    return 0;
}
