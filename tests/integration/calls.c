/* calls WHAT: what sysinfo(2) and sched_getaffinity(2) answer here, and whether they answer as the kernel does.
 *
 *   cpus       how many, asked in each way that names this thread, and from another thread of this process
 *   memory     total, free of it, swap in kB; processes
 *   faults     wrong arguments: the errors
 *   compat     what an i386 program gets: result, total, result, CPUs
 *   pin        what sched_setaffinity has set is what is asked for then
 *   crowd N    N threads ask at once, and get what one gets; some processes among them are killed while they ask
 *   time       nanoseconds that each call takes, the least of many rounds, beside a call that nobody answers
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 200

static int
cpus_of(pid_t pid)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    return syscall(SYS_sched_getaffinity, pid, sizeof(set), &set) < 0 ? -errno : CPU_COUNT(&set);
}

static void *
cpus_from_thread(void *data)
{
    int *out = data;

    out[0] = cpus_of(0);
    out[1] = cpus_of(getpid());
    out[2] = cpus_of((pid_t)syscall(SYS_gettid));
    return NULL;
}

static int
cpus(void)
{
    int inside[3];
    pthread_t thread;

    if (pthread_create(&thread, NULL, cpus_from_thread, inside) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    printf("%d %d %d %d %d %ld\n", cpus_of(0), cpus_of(getpid()), inside[0], inside[1], inside[2],
           sysconf(_SC_NPROCESSORS_ONLN));
    return 0;
}

static int
memory(void)
{
    struct sysinfo info;

    if (sysinfo(&info) < 0)
        return 1;
    printf("%llu %llu %llu %d\n", (unsigned long long)info.totalram * info.mem_unit / 1024,
           (unsigned long long)info.freeram * info.mem_unit / 1024,
           (unsigned long long)info.totalswap * info.mem_unit / 1024, info.procs);
    return 0;
}

static void
say(const char *what, long result)
{
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static int
faults(void)
{
    long page = sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 3 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || mprotect(pages, (size_t)page, PROT_READ) < 0 ||
        mprotect(pages + 2 * page, (size_t)page, PROT_NONE) < 0)
        return 1;
    say("sysinfo, null", syscall(SYS_sysinfo, NULL));
    say("sysinfo, unmapped", syscall(SYS_sysinfo, (void *)16));
    say("sysinfo, the kernel's", syscall(SYS_sysinfo, (void *)~(uintptr_t)4095));
    say("sysinfo, read-only", syscall(SYS_sysinfo, pages));
    say("sysinfo, half", syscall(SYS_sysinfo, pages + 2 * page - 16));
    say("sysinfo, fresh", syscall(SYS_sysinfo, pages + page));
    say("affinity, null", syscall(SYS_sched_getaffinity, 0, 128, NULL));
    say("affinity, read-only", syscall(SYS_sched_getaffinity, 0, 128, pages));
    say("affinity, no room", syscall(SYS_sched_getaffinity, 0, 0, pages + page));
    say("affinity, odd room", syscall(SYS_sched_getaffinity, 0, 129, pages + page));
    say("affinity, much room", syscall(SYS_sched_getaffinity, 0, 4096, pages + page));
    say("affinity, nobody", syscall(SYS_sched_getaffinity, 1 << 22, 128, pages + page));
    say("affinity, negative", syscall(SYS_sched_getaffinity, -1, 128, pages + page));
    return 0;
}

static int
pin(void)
{
    cpu_set_t all, one, now;

    if (sched_getaffinity(0, sizeof(all), &all) < 0)
        return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof(one), &one) < 0)
            continue;
        if (sched_getaffinity(0, sizeof(now), &now) < 0 || !CPU_EQUAL(&now, &one))
            return 1;
    }
    return 0;
}

/* As an i386 program calls: the same memory in its smaller structure, and the CPUs. */
static int
compat(void)
{
#ifdef __x86_64__
    struct {
        uint32_t uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        uint16_t procs, pad;
        uint32_t totalhigh, freehigh, mem_unit, reserved[2];
    } *info = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    unsigned char *mask = (unsigned char *)(info + 1);
    long result = 116, count = 242;

    if (info == MAP_FAILED)
        return 1;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(info) : "memory", "r8", "r9", "r10", "r11");
    __asm__ volatile("int $0x80" : "+a"(count) : "b"(0), "c"(128), "d"(mask) : "memory", "r8", "r9", "r10", "r11");
    printf("%d %llu %d %d\n", (int)result, (unsigned long long)info->totalram * info->mem_unit / 1024, (int)count,
           __builtin_popcount(mask[0]));
#endif
    return 0;
}

static void *
ask(void *data)
{
    const struct sysinfo *expected = data;
    struct sysinfo info;
    long wrong = 0;

    for (int i = 0; i < ROUNDS; i++)
        wrong += sysinfo(&info) < 0 || info.totalram != expected->totalram || cpus_of(0) < 1;
    return (void *)wrong;
}

static int
crowd(int count)
{
    pthread_t *threads = calloc((size_t)count, sizeof(*threads));
    pid_t victims[8];
    struct sysinfo info;
    long wrong = 0;

    if (!threads || sysinfo(&info) < 0)
        return 1;
    for (size_t i = 0; i < 8; i++) {
        victims[i] = fork();
        while (victims[i] == 0)
            (void)ask(&info);
    }
    for (int i = 0; i < count; i++)
        wrong += pthread_create(&threads[i], NULL, ask, &info) != 0;
    for (size_t i = 0; i < 8; i++)
        wrong += kill(victims[i], SIGKILL) != 0 || waitpid(victims[i], NULL, 0) < 0;
    for (int i = 0; i < count; i++) {
        void *result = NULL;

        wrong += pthread_join(threads[i], &result) != 0;
        wrong += (long)result;
    }
    printf("%ld\n", wrong);
    return wrong != 0;
}

static double
nsec_of(int what)
{
    double least = 1e12;
    cpu_set_t set;
    struct sysinfo info;

    for (int round = 0; round < ROUNDS; round++) {
        struct timespec from, to;

        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < 20; i++) {
            if (what == 0)
                (void)sysinfo(&info);
            else if (what == 1)
                (void)syscall(SYS_sched_getaffinity, 0, sizeof(set), &set);
            else
                (void)syscall(SYS_getppid);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        double now = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / 20;

        least = now < least ? now : least;
    }
    return least;
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "cpus") == 0)
        return cpus();
    if (strcmp(what, "memory") == 0)
        return memory();
    if (strcmp(what, "faults") == 0)
        return faults();
    if (strcmp(what, "compat") == 0)
        return compat();
    if (strcmp(what, "pin") == 0)
        return pin();
    if (strcmp(what, "crowd") == 0 && argc == 3)
        return crowd((int)strtol(argv[2], NULL, 10));
    if (strcmp(what, "time") == 0) {
        printf("sysinfo %.0f, sched_getaffinity %.0f, getppid %.0f\n", nsec_of(0), nsec_of(1), nsec_of(2));
        return 0;
    }
    return 2;
}
