/*
 * sc-view: a /proc that tells the truth. One small process for each container that asks serves meminfo, cpuinfo, stat,
 * uptime, loadavg, swaps, diskstats, pressure/ and the directories of CPUs and memory nodes from the container's cgroup
 * (the tightest of all above it) by a FUSE file system whose files are bound over those of the container's /proc and
 * /sys.
 *
 *     sc-start ──createRuntime hook──► sc-view ─fork─► server ◄─── waits for its end ─── sc-monitor
 *                                        │ enters the container's mount namespace, mounts, ends
 *     reader ──► kernel ──/dev/fuse──► server ──► host's file + cgroup files ──► view-render.c
 *
 * When the server is killed, the container's monitor takes the mounts away inside the container, so that the real files
 * show again. The server ends with the container's first process, and is not in its namespaces, so it does not keep
 * them alive.
 *
 * Invariants: what is rendered depends only on the host's text and struct sc_view_values (pure, tested). A value that
 * is not known leaves the host's line as it is. Nothing of the container is read but its cgroup.
 */
#ifndef SC_MONITOR_VIEW_H
#define SC_MONITOR_VIEW_H

#include <linux/seccomp.h>

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
    SC_VIEW_CPU_PRESENT,
    SC_VIEW_FILE_COUNT
};
struct sc_view_file_info {
    const char *name;   /* in the file system's root; NULL: in one of its directories */
    const char *target; /* the file that it stands for: "proc/meminfo" */
};
extern const struct sc_view_file_info sc_view_files[SC_VIEW_FILE_COUNT];
/* Directories are the host's below SC_VIEW_SYS, less what the container has not. */
#define SC_VIEW_SYS       "sys/devices/system"
#define SC_VIEW_DIR_COUNT 2
extern const char *const sc_view_dirs[SC_VIEW_DIR_COUNT]; /* "cpu", "node" */
/* Takes away, below the working directory, whatever of this kind covers one of the files. */
void sc_view_uncover(void);
#define SC_VIEW_PID_FILE "view" /* in the container's run directory: the server's pid */

/* Bytes, nanoseconds, numbers; -1: not known or not limited. */
struct sc_view_values {
    int64_t memory_limit, memory_usage;
    int64_t swap_limit, swap_usage; /* swap alone */
    int64_t anon, file, mapped, dirty, writeback, inactive_anon, active_anon, inactive_file, active_file, unevictable,
        shmem, anon_huge, slab_reclaimable, slab_unreclaimable;
    double cpus;    /* quota / period */
    char *cpu_list; /* "0-3,7" that it may use, or NULL; in the arena of the reader */
    char *mem_list; /* of memory nodes, the same */
    int64_t cpu_user, cpu_system;
    int64_t up; /* since the container's first process began */
    int64_t pids;
    int64_t started_at; /* seconds since 1970 */
    const char *io;     /* lines "MAJ:MIN reads writes rbytes wbytes", or NULL */
    double load[3];
};
void sc_view_values_init(struct sc_view_values *values);

/* view-list.c. The numbers of a list "0-3,7", one at a time: {.at = list, .next = 1, .last = 0} is the start. */
struct sc_view_walk {
    const char *at;
    long next, last;
};
bool sc_view_walk_next(struct sc_view_walk *walk, long *number);
/* Whether it is in the list; no list holds all. */
bool sc_view_has(const char *list, long number);

/* How many CPUs the container can keep busy: those of its list, at most its quota rounded up, at least 1. host: how
 * many there are. */
int sc_view_cpu_count(const struct sc_view_values *values, int host);

/* What the file shows, from the host's text. */
void sc_view_render(enum sc_view_file file, const char *host, const struct sc_view_values *values, int host_cpus,
                    struct sc_buf *out);
/* Whether it depends on the container that there is an entry of this name. */
bool sc_view_sys_depends(const char *name);
/* Whether the entry "cpu3" of directory "cpu" below SC_VIEW_SYS is there for the container. */
bool sc_view_sys_is_shown(const char *dir, const char *name, const struct sc_view_values *values, int host_cpus);
/* What a file below SC_VIEW_SYS shows, "node/node0/meminfo", from the host's text. */
void sc_view_render_sys(const char *path, const char *host, const struct sc_view_values *values, int host_cpus,
                        struct sc_buf *out);
/* The averages of uptime(1), from the CPU time used since they were last asked for: seconds of it in a second. */
void sc_view_load(double load[3], double used, double elapsed);

/* ---- view-values.c ---- */
struct sc_view_source {
    pid_t pid;
    char *cgroup_text;                                    /* /proc/PID/cgroup when it was looked at, or NULL */
    bool is_found;                                        /* what is below is known: it can wait until somebody reads */
    char *memory, *cpu, *cpuacct, *cpuset, *pids, *blkio; /* directories, or NULL; v2: all the same */
    bool memory_is_v2, cpu_is_v2, cpuset_is_v2, io_is_v2;
    int64_t started_boot; /* CLOCK_BOOTTIME, ns */
    double load[3];
    int64_t load_at, load_used; /* when it was last asked for */
    int64_t sys_at;             /* CLOCK_BOOTTIME of what follows */
    double sys_cpus;
    char sys_cpu_list[256];
};
/* Of process pid; it must be there as long as the source is used. */
void sc_view_source_begin(pid_t pid, struct sc_view_source *out);
/* In which cgroups it is; without this, as of the first reader. */
void sc_view_source_look(struct sc_view_source *source);
/* Only what the file shows is read: memory.stat alone takes the kernel longer than all the rest. */
void sc_view_values_read(struct sc_view_source *source, enum sc_view_file file, struct sc_arena *arena,
                         struct sc_view_values *out);
/* What the file or directory below SC_VIEW_SYS depends on. */
void sc_view_values_read_sys(struct sc_view_source *source, const char *path, struct sc_arena *arena,
                             struct sc_view_values *out);
/* Whether there is such a file: pressure only where the cgroup has it. Nothing is read. */
bool sc_view_is_served(const struct sc_view_source *source, enum sc_view_file file);
/* The host's file, or the cgroup's own for pressure; false: there is none. */
bool sc_view_host_text(struct sc_view_source *source, enum sc_view_file file, struct sc_buf *out);

/* What sysinfo(2) says; strings live in the source. */
void sc_view_values_read_sysinfo(struct sc_view_source *source, struct sc_view_values *out);
/* The CPUs alone, as of a few milliseconds ago. */
void sc_view_values_read_cpus(struct sc_view_source *source, struct sc_view_values *out);

/* ---- view-tree.c: the directories, by numbers that begin with SC_VIEW_FIRST_NODE ---- */
#define SC_VIEW_FIRST_NODE ((uint64_t)1000)
struct sc_view_node {
    char *path;       /* below SC_VIEW_SYS */
    uint64_t lookups; /* that the kernel has not forgotten */
    size_t size;      /* of the text as it was last made */
};
/* The number of the file or directory, with one look-up more; 0: there is none. */
uint64_t sc_view_node_find(const char *path);
/* NULL: a number that is not in use */
struct sc_view_node *sc_view_node_get(uint64_t number);
void sc_view_node_forget(uint64_t number, uint64_t lookups);
/* Appends a struct fuse_direntplus. */
struct fuse_entry_out;
void sc_view_add_entry(const struct fuse_entry_out *entry, const char *name, uint32_t type, struct sc_buf *out);
/* All entries of a directory. */
SC_MUST_CHECK int sc_view_node_list(const char *path, const struct sc_view_values *values, int host_cpus,
                                    struct sc_buf *out);

/* ---- view-answer.c, view-calls.c: `sc-view --calls PID` answers system calls; calls.c is the monitor's part ---- */
#define SC_CALLS_MAX 256 /* listeners: the container's, and those of execs that run */
#define SC_CALLS_SOCK_FD                                                                                               \
    3                       /* to the monitor: a number with a listener; back comes the number when that is not needed \
                             */
#define SC_CALLS_MEM_FD 4   /* struct sc_calls_at */
#define SC_CALLS_ROOM   256 /* the kernel's structure may grow */
/* The call that is being answered; id 0: none. */
struct sc_calls_at {
    int32_t number; /* of its listener */
    union {
        struct seccomp_notif call;
        char room[SC_CALLS_ROOM];
    };
};
/* linux/sysinfo.h as i386 and arm have it */
struct sc_view_sysinfo32 {
    int32_t uptime;
    uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint32_t totalhigh, freehigh, mem_unit;
    char reserved[8];
};
struct sysinfo;
/* The container's values in place of the host's. */
void sc_view_answer_sysinfo(const struct sc_view_values *values, struct sysinfo *info);
void sc_view_narrow_sysinfo(const struct sysinfo *info, struct sc_view_sysinfo32 *out);
/* Of a mask of CPUs the first `count` that are set stay. */
void sc_view_trim_mask(unsigned char *mask, size_t len, int count);
/* Until the monitor ends. */
int sc_view_calls(int monitor_fd, struct sc_calls_at *at, struct sc_view_source *source);

/* ---- view-serve.c ---- */
/* Whose view it is. Its pidfd comes with it. */
struct sc_view_whose {
    pid_t pid;
    char cgroup_text[8192]; /* as of /proc/PID/cgroup; empty: look there */
};
/* Answers requests until the file system or the container is gone. whose_fd: here comes whose it is, before anybody
 * can read; its end without that ends the server. */
int sc_view_serve(int fuse_fd, int whose_fd);

#endif
