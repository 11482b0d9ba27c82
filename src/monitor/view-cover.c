/* The files that a view covers, and how they are uncovered again. musl-clean, for sc-monitor too. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "monitor/view.h"

const struct sc_view_file_info sc_view_files[SC_VIEW_FILE_COUNT] = {
    [SC_VIEW_MEMINFO] = {"meminfo", "proc/meminfo"},
    [SC_VIEW_CPUINFO] = {"cpuinfo", "proc/cpuinfo"},
    [SC_VIEW_STAT] = {"stat", "proc/stat"},
    [SC_VIEW_UPTIME] = {"uptime", "proc/uptime"},
    [SC_VIEW_LOADAVG] = {"loadavg", "proc/loadavg"},
    [SC_VIEW_SWAPS] = {"swaps", "proc/swaps"},
    [SC_VIEW_DISKSTATS] = {"diskstats", "proc/diskstats"},
    [SC_VIEW_PRESSURE_CPU] = {"pressure-cpu", "proc/pressure/cpu"},
    [SC_VIEW_PRESSURE_IO] = {"pressure-io", "proc/pressure/io"},
    [SC_VIEW_PRESSURE_MEMORY] = {"pressure-memory", "proc/pressure/memory"},
    [SC_VIEW_CPU_ONLINE] = {NULL, "sys/devices/system/cpu/online"},
    [SC_VIEW_CPU_PRESENT] = {NULL, "sys/devices/system/cpu/present"},
};
const char *const sc_view_dirs[SC_VIEW_DIR_COUNT] = {"cpu", "node"};

static void
uncover(const char *target)
{
    struct statfs fs;
    /* lint: in the container's own namespace; a dead file system does not even say what it is */
    bool is_view = statfs(target, &fs) < 0 ? errno == ENOTCONN : fs.f_type == FUSE_SUPER_MAGIC;

    if (is_view)
        /* lint: in the container's own namespace, and only a file system of this kind */
        (void)umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}

void
sc_view_uncover(void)
{
    for (int i = 0; i < SC_VIEW_FILE_COUNT; i++) {
        if (sc_view_files[i].name)
            uncover(sc_view_files[i].target);
    }
    for (size_t i = 0; i < SC_VIEW_DIR_COUNT; i++) {
        char target[64];

        (void)snprintf(target, sizeof(target), SC_VIEW_SYS "/%s", sc_view_dirs[i]);
        uncover(target);
    }
}
