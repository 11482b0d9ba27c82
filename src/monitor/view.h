/*
 * sc-view: a /proc that tells the truth. One small process for each container that asks serves meminfo, cpuinfo, stat,
 * uptime, loadavg, swaps, diskstats, pressure/ and the lists of CPUs from the container's cgroup (the tightest of all
 * above it) by a FUSE file system whose files are bound over those of the container's /proc and /sys.
 *
 *     sc-start ──createRuntime hook──► sc-view ─fork─► guard ─fork─► server
 *                                        │ enters the container's mount namespace, mounts, ends
 *     reader ──► kernel ──/dev/fuse──► server ──► host's file + cgroup files ──► view-render.c
 *
 * The guard waits for the server. When the server is killed, the guard takes the mounts away inside the container, so
 * that the real files show again; both end with the container's first process. Neither is in the container's
 * namespaces, so neither keeps them alive.
 *
 * Invariants: what is rendered depends only on the host's text and struct sc_view_values (pure, tested). A value that
 * is not known leaves the host's line as it is. Nothing of the container is read but its cgroup.
 */
#ifndef SC_MONITOR_VIEW_H
#define SC_MONITOR_VIEW_H

#include "base/base.h"

#define SC_VIEW_CPUS_MAX 4096

enum sc_view_file {
    SC_VIEW_MEMINFO,
    SC_VIEW_CPUINFO,
    SC_VIEW_STAT,
    SC_VIEW_UPTIME,
    SC_VIEW_LOADAVG,
    SC_VIEW_SWAPS,
    SC_VIEW_DISKSTATS,
    SC_VIEW_PRESSURE_CPU,
    SC_VIEW_PRESSURE_IO,
    SC_VIEW_PRESSURE_MEMORY,
    SC_VIEW_CPU_ONLINE,
    SC_VIEW_CPU_POSSIBLE,
    SC_VIEW_CPU_PRESENT,
    SC_VIEW_FILE_COUNT
};
struct sc_view_file_info {
    const char *name;   /* in the file system */
    const char *target; /* the file that it covers: "proc/meminfo" */
};
extern const struct sc_view_file_info sc_view_files[SC_VIEW_FILE_COUNT];

/* Bytes, nanoseconds, numbers; -1: not known or not limited. */
struct sc_view_values {
    int64_t memory_limit, memory_usage;
    int64_t swap_limit, swap_usage; /* swap alone */
    int64_t anon, file, mapped, dirty, writeback, inactive_anon, active_anon, inactive_file, active_file, unevictable,
        shmem, slab_reclaimable, slab_unreclaimable;
    double cpus;    /* quota / period */
    char *cpu_list; /* "0-3,7" that it may use, or NULL; in the arena of the reader */
    int64_t cpu_user, cpu_system;
    int64_t up; /* since the container's first process began */
    int64_t pids;
    int64_t started_at; /* seconds since 1970 */
    const char *io;     /* lines "MAJ:MIN reads writes rbytes wbytes", or NULL */
    double load[3];
};
void sc_view_values_init(struct sc_view_values *values);

/* How many CPUs the container can keep busy: those of its list, at most its quota rounded up, at least 1. host: how
 * many there are. */
int sc_view_cpu_count(const struct sc_view_values *values, int host);
/* What the file shows, from the host's text. */
void sc_view_render(enum sc_view_file file, const char *host, const struct sc_view_values *values, int host_cpus,
                    struct sc_buf *out);
/* The averages of uptime(1), from the CPU time used since they were last asked for: seconds of it in a second. */
void sc_view_load(double load[3], double used, double elapsed);

/* ---- view-values.c ---- */
struct sc_view_source {
    char *memory, *cpu, *cpuacct, *cpuset, *pids, *blkio; /* directories, or NULL; v2: all the same */
    bool memory_is_v2, cpu_is_v2, cpuset_is_v2, io_is_v2;
    int64_t started_boot; /* CLOCK_BOOTTIME, ns */
    double load[3];
    int64_t load_at, load_used; /* when it was last asked for */
};
/* The cgroups of process pid, on whatever hierarchies there are. */
SC_MUST_CHECK int sc_view_source_find(pid_t pid, struct sc_arena *arena, struct sc_view_source *out,
                                      struct sc_err *err);
/* Only what the file shows is read: memory.stat alone takes the kernel longer than all the rest. */
void sc_view_values_read(struct sc_view_source *source, enum sc_view_file file, struct sc_arena *arena,
                         struct sc_view_values *out);
/* The host's file, or the cgroup's own for pressure; false: there is none. */
bool sc_view_host_text(const struct sc_view_source *source, enum sc_view_file file, struct sc_buf *out);

/* ---- view-serve.c ---- */
/* Answers requests until the file system is gone. */
int sc_view_serve(int fuse_fd, struct sc_view_source *source);

#endif
