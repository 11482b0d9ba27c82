/* resources: what tests of limits run inside a container.
 *
 *     resources touch MIB     uses that much memory, and says so
 *     resources huge PAGES    the same of huge pages
 *     resources bomb          forks for ever, and so do its children; a second after one that was refused
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
touch(size_t bytes, size_t step, int flags)
{
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    if (at == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    for (size_t i = 0; i < bytes; i += step)
        at[i] = (char)(i / step + 1);
    printf("touched %zu\n", bytes);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "touch") == 0)
        return touch(strtoul(argv[2], NULL, 10) << 20, 4096, 0);
    if (argc == 3 && strcmp(argv[1], "huge") == 0)
        return touch(strtoul(argv[2], NULL, 10) << 21, 2 << 20, MAP_HUGETLB);
    if (argc == 2 && strcmp(argv[1], "bomb") == 0) {
        for (;;) {
            if (fork() < 0)
                sleep(1);
        }
    }
    fprintf(stderr, "usage: resources touch MIB | huge PAGES | bomb\n");
    return 2;
}
