/* Writing limits into a cgroup, and what the kernel's refusals mean. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup-priv.h"

/* ---- refusals in words ---------------------------------------------------- */

/* "memory.*" as a prefix when it ends in a star */
struct refusal {
    const char *file;
    int errnum;
    enum sc_err_kind kind;
    const char *text, *remedy;
};

static const struct refusal refusals[] = {
    {"memory.memsw.limit_in_bytes", EINVAL, SC_ERR_INVALID, "it is below the memory limit of the cgroup",
     "memory and swap together (--memory-swap) must be at least the memory limit"},
    {"memory.limit_in_bytes", EINVAL, SC_ERR_INVALID, "it is above the cgroup's limit on memory and swap together",
     "raise memory and swap (--memory-swap) at the same time"},
    {"memory.*", EBUSY, SC_ERR_BUSY, "the cgroup uses more than that and cannot be shrunk",
     "end or shrink what runs in it first"},
    {"memory.kmem.*", EOPNOTSUPP, SC_ERR_UNSUPPORTED, "this kernel has no separate limit on kernel memory", ""},
    {"cpuset.*", EACCES, SC_ERR_INVALID, "the cgroup above has fewer, or this process may not write it", ""},
    {"cpuset.*", ERANGE, SC_ERR_INVALID, "this host has no such number", ""},
    {"cpuset.*", EINVAL, SC_ERR_INVALID, "this host has no such CPU or memory node, or the cgroup above is narrower",
     ""},
    {"cpuset.*", ENOSPC, SC_ERR_BUSY, "it holds tasks and would be left without CPUs or memory nodes", ""},
    {"cpu.shares", EINVAL, SC_ERR_BUSY, "the cgroup is idle (cpu.idle)", "set idle to 0 first"},
    {"cpu.weight", EINVAL, SC_ERR_BUSY, "the cgroup is idle (cpu.idle)", "set idle to 0 first"},
    {"cpu.rt_*", EINVAL, SC_ERR_INVALID, "the cgroup above has not that much realtime budget to give",
     "give the cgroup above a realtime budget first (cpu.rt_runtime_us of each on the way)"},
    {"cpu.cfs_*", EINVAL, SC_ERR_INVALID,
     "it does not fit the cgroup above, or the kernel's bounds (period 1 ms to 1 s, quota 1 ms or more)", ""},
    {"cpu.max*", EINVAL, SC_ERR_INVALID, "it does not fit the kernel's bounds (period 1 ms to 1 s, quota 1 ms or more)",
     ""},
    {"io.*", ENODEV, SC_ERR_NOT_FOUND, "there is no such block device (a partition does not count)", ""},
    {"blkio.*", ENODEV, SC_ERR_NOT_FOUND, "there is no such block device (a partition does not count)", ""},
    {"blkio.*", EOPNOTSUPP, SC_ERR_UNSUPPORTED, "the scheduler of that block device has no weights",
     "switch it to bfq: echo bfq > /sys/block/DISK/queue/scheduler"},
    {"io.*", EOPNOTSUPP, SC_ERR_UNSUPPORTED, "the scheduler of that block device has no weights",
     "switch it to bfq: echo bfq > /sys/block/DISK/queue/scheduler"},
    {"devices.*", EPERM, SC_ERR_DENIED, "the cgroup above does not allow it, or this process may not write it", ""},
    {"net_prio.*", ENODEV, SC_ERR_NOT_FOUND, "there is no such network interface", ""},
    {"cgroup.procs", EBUSY, SC_ERR_BUSY,
     "it has controllers enabled for its children, and cgroup v2 then takes no process",
     "use a cgroup without children"},
    {"cgroup.procs", EOPNOTSUPP, SC_ERR_BUSY,
     "a cgroup above it holds processes beside controllers, so it takes only threads",
     "choose another --cgroup-parent, one that holds only cgroups"},
    {"cgroup.procs", ENOSPC, SC_ERR_BUSY, "its cpuset is empty", "write cpuset.cpus and cpuset.mems first"},
};

static bool
refusal_matches(const struct refusal *refusal, const char *file, int errnum)
{
    size_t len = strlen(refusal->file);

    if (refusal->errnum != errnum)
        return false;
    return refusal->file[len - 1] == '*' ? strncmp(refusal->file, file, len - 1) == 0
                                         : strcmp(refusal->file, file) == 0;
}

/* Always returns -1. A missing file keeps the kind NOT_FOUND and errnum ENOENT, by which callers know it. */
static int
write_err(const char *file, const char *value, int errnum, struct sc_err *err)
{
    if (errnum == ENOENT) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "write \"%s\" to \"%s\": this kernel has no such file in this cgroup", value,
                   file);
        err->errnum = ENOENT;
        return sc_err_remedy(err, "leave this limit out, or use a kernel that has it");
    }
    if (errnum == EROFS) {
        sc_err_errno(err, errnum, "write \"%s\" to \"%s\"", value, file);
        return sc_err_remedy(err, "inside a container /sys/fs/cgroup is read-only unless it is privileged");
    }
    /* "cpu.shares" of "many": nothing in the cgroup is to blame */
    if (errnum == EINVAL && isalpha((unsigned char)value[0]) && !sc_str_starts(value, "max"))
        return sc_err_errno(err, errnum, "write \"%s\" to \"%s\"", value, file);
    for (size_t i = 0; i < SC_ARRAY_LEN(refusals); i++) {
        if (!refusal_matches(&refusals[i], file, errnum))
            continue;
        sc_err_set(err, refusals[i].kind, "write \"%s\" to \"%s\": %s", value, file, refusals[i].text);
        err->errnum = errnum;
        return sc_err_remedy(err, "%s", refusals[i].remedy);
    }
    return sc_err_errno(err, errnum, "write \"%s\" to \"%s\"", value, file);
}

/* ---- one write ------------------------------------------------------------- */

/* io.weight exists where blk-iocost is built, io.bfq.weight where BFQ is loaded; a kernel has either, both or none, and
 * v1 likewise. BFQ's numbers are v1's. */
static const char *const bfq_files[][2] = {
    {"io.weight", "io.bfq.weight"},
    {"blkio.weight", "blkio.bfq.weight"},
    {"blkio.weight_device", "blkio.bfq.weight_device"},
};

static void
bfq_value(const char *file, const char *value, char out[64])
{
    const char *number = strrchr(value, ' ');
    const char *digits = number ? number + 1 : value;

    if (strcmp(file, "io.weight") != 0) {
        (void)snprintf(out, 64, "%s", value);
        return;
    }
    (void)snprintf(out, 64, "%.*s%" PRIu64, (int)(digits - value), value,
                   sc_cgroup2_bfq_weight(strtoull(digits, NULL, 10)));
}

const char *
sc_cgroup_bfq(const char *file, const char *value, char out[64])
{
    for (size_t i = 0; i < SC_ARRAY_LEN(bfq_files); i++) {
        if (strcmp(file, bfq_files[i][0]) != 0)
            continue;
        bfq_value(file, value, out);
        return bfq_files[i][1];
    }
    return NULL;
}

/* Opens file, or the one that stands in for it; then *value points to what is to be written there instead. */
static int
open_file(int cgroup_fd, const char **file, const char **value, char buffer[64])
{
    int fd = openat(cgroup_fd, *file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    const char *other = fd < 0 && errno == ENOENT ? sc_cgroup_bfq(*file, *value, buffer) : NULL;

    if (other) {
        fd = openat(cgroup_fd, other, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0) {
            *value = buffer;
            *file = other;
        }
    }
    return fd;
}

static int
write_value(int fd, const char *value)
{
    ssize_t written;

    /* One write(2): the kernel parses each by itself. */
    do
        written = write(fd, value, strlen(value));
    while (written < 0 && errno == EINTR);
    return written < 0 ? -1 : 0;
}

/* A write to a v1 cpuset takes the kernel longer the more siblings it has, also when it changes nothing. */
static bool
has_cpuset(int cgroup_fd, const char *file, const char *value)
{
    char text[4096];

    return (strcmp(file, "cpuset.cpus") == 0 || strcmp(file, "cpuset.mems") == 0) &&
           sc_cgroup_read_small(cgroup_fd, file, text, sizeof(text)) > 0 && strcmp(text, value) == 0;
}

int
sc_cgroup_write_more(int *fd, int cgroup_fd, const char *file, const char *value, struct sc_err *err)
{
    const char *asked = file;
    char buffer[64];

    if (*fd < 0 && has_cpuset(cgroup_fd, file, value))
        return 0;
    if (*fd < 0)
        *fd = open_file(cgroup_fd, &file, &value, buffer);
    if (*fd < 0 || write_value(*fd, value) < 0)
        return write_err(file, value, errno, err);
    if (file != asked) /* a stand-in needs each value converted */
        sc_closep(fd);
    return 0;
}

int
sc_cgroup_write_file(int cgroup_fd, const char *file, const char *value, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    return sc_cgroup_write_more(&fd, cgroup_fd, file, value, err);
}

/* The parent's own mask, where the one of the hierarchy's root is too wide for it. */
static int
write_inherited(int cgroup_fd, const char *file, struct sc_err *err)
{
    char above[64], text[4096];

    (void)snprintf(above, sizeof(above), "../%s", file);
    if (sc_cgroup_read_small(cgroup_fd, above, text, sizeof(text)) < 0)
        return sc_err_errno(err, errno, "read \"%s\" of the cgroup above", file);
    if (text[0] == '\0') {
        sc_err_set(err, SC_ERR_BUSY, "write \"%s\": the cgroup above has none to give", file);
        return sc_err_remedy(err, "write cpuset.cpus and cpuset.mems of the cgroup above first");
    }
    return sc_cgroup_write_file(cgroup_fd, file, text, err);
}

int
sc_cgroup_write_optional(int cgroup_fd, const char *file, const char *value, struct sc_err *err)
{
    struct sc_err own = SC_ERR_INIT;

    if (sc_cgroup_write_file(cgroup_fd, file, value, &own) == 0 || own.errnum == ENOENT)
        return 0;
    if ((own.errnum == EACCES || own.errnum == EINVAL) && sc_str_starts(file, "cpuset."))
        return write_inherited(cgroup_fd, file, err);
    *err = own;
    return -1;
}

/* ---- all writes ------------------------------------------------------------- */

/* memory.checkBeforeUpdate: v2 would kill until the usage fits. */
static int
check_not_below(int cgroup_fd, const struct sc_cgroup_write *write, struct sc_err *err)
{
    char text[SC_NUM_MAX + 2];

    if (sc_cgroup_read_small(cgroup_fd, write->not_below, text, sizeof(text)) < 0)
        return sc_err_errno(err, errno, "read \"%s\"", write->not_below);
    if (strtoull(text, NULL, 10) <= strtoull(write->value, NULL, 10))
        return 0;
    sc_err_set(err, SC_ERR_BUSY, "write \"%s\" to \"%s\": the cgroup uses %s bytes", write->value, write->file, text);
    return sc_err_remedy(err, "end or shrink what runs in it first, or leave checkBeforeUpdate out");
}

int
sc_cgroup_apply(int cgroup_fd, int hierarchy, const struct sc_cgroup_writes *writes, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;
    const char *opened = NULL;

    for (size_t i = 0; i < writes->count; i++) {
        const struct sc_cgroup_write *write = &writes->items[i];
        const char *file = write->file, *value = write->value;

        if (write->hierarchy != hierarchy)
            continue;
        if (write->is_optional) {
            if (sc_cgroup_write_optional(cgroup_fd, file, value, err) < 0)
                return -1;
            continue;
        }
        if (write->not_below && check_not_below(cgroup_fd, write, err) < 0)
            return -1;
        if (!opened || strcmp(opened, file) != 0)
            sc_closep(&fd);
        opened = file;
        if (sc_cgroup_write_more(&fd, cgroup_fd, file, value, err) < 0)
            return -1;
    }
    return 0;
}
