/*
 * Shared by the files of kernel/cgroup; nobody else includes it.
 *
 *   struct sc_cgroup_job   one translation under way: what it reads, where its writes go
 *   sc_cgroup1_*           a controller's files in v1 (v1/NAME.c)
 *   sc_cgroup2_*           the same limits in v2 (v2/NAME.c)
 *   sc_cgroup_ask_*        what is asked of a controller, in words, or NULL (ask.c)
 *   sc_cgroup_walk ...     live trees (walk.c, live.c); musl-clean
 */
#ifndef SC_CGROUP_PRIV_H
#define SC_CGROUP_PRIV_H

#include "kernel/cgroup/cgroup.h"

struct sc_cgroup_job {
    const struct sc_cgroup_layout *layout;
    const struct sc_oci_resources *resources;
    bool for_new;
    int hierarchy; /* of the controller being translated */
    struct sc_arena *arena;
    struct sc_cgroup_write *items;
    size_t count, capacity;
    struct sc_strv *need;
};

/* Appends a write (file and value are copied; why is in the arena or static) and returns it for the caller to mark;
 * NULL when memory is out, which the arena remembers. */
struct sc_cgroup_write *sc_cgroup_job_add(struct sc_cgroup_job *job, const char *file, const char *value,
                                          const char *why);
void sc_cgroup_job_add_number(struct sc_cgroup_job *job, const char *file, int64_t value, const char *why);

/* "64 MiB", "1000 bytes", "unlimited" for -1 */
const char *sc_cgroup_show_size(struct sc_arena *arena, int64_t bytes);
/* OCI fields where 0 means "not set" to every engine, as in runc */
static inline bool
sc_cgroup_is_asked(const struct sc_opt_i64 *number)
{
    return number->is_set && number->value != 0;
}
static inline bool
sc_cgroup_is_asked_u(const struct sc_opt_u64 *number)
{
    return number->is_set && number->value != 0;
}

/* ---- ask.c ---- */
const char *sc_cgroup_ask_cpuset(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_cpu(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_memory(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_pids(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_devices(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_blkio(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_hugetlb(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_net_cls(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_net_prio(const struct sc_cgroup_job *job);
const char *sc_cgroup_ask_rdma(const struct sc_cgroup_job *job);
/* Ranges and contradictions that hold for both versions. */
int sc_cgroup_check_values(const struct sc_oci_resources *resources, struct sc_err *err);

/* ---- controllers ---- */
int sc_cgroup1_cpuset(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_cpu(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_memory(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_pids(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_devices(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_blkio(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_hugetlb(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_net_cls(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup1_net_prio(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_cpuset(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_cpu(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_memory(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_pids(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_io(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_hugetlb(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup2_unified(struct sc_cgroup_job *job, struct sc_err *err);
/* limit: the word that ends the file's name, the only difference of the versions */
int sc_cgroup_hugetlb(struct sc_cgroup_job *job, const char *limit, struct sc_err *err);
int sc_cgroup_rdma(struct sc_cgroup_job *job, struct sc_err *err);
int sc_cgroup_missing(const struct sc_cgroup_layout *layout, const char *what, const char *controller,
                      struct sc_err *err);

/* cpu.shares (2..262144, 1024 by default) to cpu.weight (1..10000, 100 by default) */
uint64_t sc_cgroup2_cpu_weight(uint64_t shares);
/* blkio.weight (10..1000) to io.weight (1..10000), and back for BFQ, whose range is blkio's */
uint64_t sc_cgroup2_io_weight(uint64_t weight);
uint64_t sc_cgroup2_bfq_weight(uint64_t io_weight);

/* ---- directories (live.c, walk.c): musl-clean ---- */
/* mount_point + path; the root ("/") gives mount_point itself */
int sc_cgroup_join_path(char *out, size_t size, const char *mount_point, const char *path, struct sc_err *err);
/* First word of a small file, at most size - 1 bytes of it, without newline; -1 with errno */
ssize_t sc_cgroup_read_small(int dirfd, const char *file, char *out, size_t size);
/* The number behind "key " in a flat-keyed file; -1 where there is none */
int sc_cgroup_read_key(int dirfd, const char *file, const char *key, uint64_t *value);
bool sc_cgroup_has_children(int fd);
bool sc_cgroup_is_mount_root(int fd);
/* Where this is a container and fd (of v2) holds its process 1: all processes in fd move to "init" below it, if they
 * can. */
void sc_cgroup_make_room(int fd);
/* Pids of fd and (is_deep) all below, appended to out */
int sc_cgroup_collect(int fd, bool is_deep, struct sc_arena *arena, struct sc_pid_list *out, struct sc_err *err);
/* Whether fd and all below hold no process */
int sc_cgroup_is_empty(int fd, bool *is_empty, struct sc_err *err);
/* Sleeps *delay nanoseconds and doubles it up to most; starts at SC_CGROUP_DELAY_FIRST */
#define SC_CGROUP_DELAY_FIRST 200000
void sc_cgroup_back_off(int64_t *delay, int64_t most);

/* Depth-first walk of the cgroups below top with one descriptor open at a time, however deep a container nests.
 * enter: for top and each one below, before what is below it. leave: after it, from its parent. Either may be NULL. */
struct sc_cgroup_visitor {
    int (*enter)(int fd, void *data, struct sc_err *err);
    int (*leave)(int parent_fd, const char *name, void *data, struct sc_err *err);
    void *data;
};
int sc_cgroup_walk(int top, const struct sc_cgroup_visitor *visitor, struct sc_err *err);

#endif
