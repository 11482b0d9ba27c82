/* What this host can do, read once per start: as little as the compiler needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/runtime.h"

#define FILE_MAX      4096
#define MOUNTINFO_MAX (16 << 20)

static unsigned
possible_cpus(void)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    unsigned last = 0;

    /* "0-3": offline CPUs have their directories too */
    if (sc_file_read_at(AT_FDCWD, "/sys/devices/system/cpu/possible", FILE_MAX, &text, &ignored) < 0)
        return 1;
    for (const char *p = sc_buf_str(&text); *p != '\0'; p++) {
        if (*p >= '0' && *p <= '9') {
            last = 0;
            while (*p >= '0' && *p <= '9')
                last = last * 10 + (unsigned)(*p++ - '0');
            if (*p == '\0')
                break;
        }
    }
    return last + 1;
}

static bool
has_narrow_affinity(unsigned cpu_count)
{
    cpu_set_t set;

    /* fails with EINVAL where there are more CPUs than fit: then all is left as it is */
    return sched_getaffinity(0, sizeof(set), &set) == 0 && (unsigned)CPU_COUNT(&set) < cpu_count;
}

/* pivot_root(2) fails with EINVAL when the root is the initial ramfs, which is mounted on nothing: its mount is its own
 * parent. */
static bool
root_is_initial_ramfs(void)
{
    struct statfs fs;
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    /* lint: a path of the host, never a container's */
    if (statfs("/", &fs) < 0 || (fs.f_type != RAMFS_MAGIC && fs.f_type != TMPFS_MAGIC))
        return false;
    if (sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, &ignored) < 0)
        return fs.f_type == RAMFS_MAGIC;
    /* the initial one is the line "ID PARENT 0:N / / ... - rootfs rootfs" */
    for (const char *line = sc_buf_str(&text); line != NULL && *line != '\0';
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *end = strchr(line, '\n'), *dash = strstr(line, " - ");

        if (dash != NULL && (end == NULL || dash < end) && sc_str_starts(dash, " - rootfs ") &&
            strstr(line, " / / ") != NULL && strstr(line, " / / ") < dash)
            return true;
    }
    return false;
}

/* Up to the next space, with "\040" and the like turned back (proc(5)). */
static void
unescape(char *field)
{
    char *to = field;

    for (const char *from = field; *from != '\0' && *from != ' '; to++) {
        bool is_octal = from[0] == '\\' && strspn(from + 1, "01234567") >= 3;

        *to = is_octal ? (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0')) : from[0];
        from += is_octal ? 4 : 1;
    }
    *to = '\0';
}

/* The mount point of a line "ID PARENT MAJOR:MINOR ROOT MOUNTPOINT ...", in place; NULL: it is no such line. */
static char *
mount_point_of(char *line)
{
    for (int i = 0; i < 4 && line != NULL; i++)
        line = strchr(line, ' ') != NULL ? strchr(line, ' ') + 1 : NULL;
    if (line != NULL)
        unescape(line);
    return line;
}

int
sc_host_find_resctrl(struct sc_host *host, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char *save = NULL;

    /* lint: the kernel makes this directory where there is such hardware */
    host->has_resctrl = access("/sys/fs/resctrl", F_OK) == 0;
    if (sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
        return -1;
    for (char *line = strtok_r(text.data, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        const char *dash = strstr(line, " - ");

        if (dash == NULL || !sc_str_starts(dash, " - resctrl "))
            continue;
        host->resctrl = sc_arena_strdup(arena, mount_point_of(line));
        host->has_resctrl = true;
        break;
    }
    return sc_arena_check(arena, err);
}

int
sc_host_find_bare_mounts(struct sc_host *host, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, err) < 0)
        return -1;
    /* ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS... - TYPE SOURCE OPTIONS; from the last, which may cover others */
    for (char *end = text.data + text.len; end > text.data;) {
        char *line = end - 1;

        while (line > text.data && line[-1] != '\n')
            line--;
        end[-1] = '\0';
        const char *dash = strstr(line, " - ");
        if (dash != NULL && (sc_str_starts(dash, " - proc ") || sc_str_starts(dash, " - sysfs "))) {
            char *point = mount_point_of(line);

            if (point != NULL)
                sc_strv_add(&host->bare_mounts, arena, point);
        }
        end = line;
    }
    return sc_arena_check(arena, err);
}

/* Whether the file begins with this: "Y\n" of a module's parameter. */
static bool
file_says(const char *path, const char *start)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    return sc_file_read_at(AT_FDCWD, path, FILE_MAX, &text, &ignored) == 0 && sc_str_starts(sc_buf_str(&text), start);
}

static bool
kernel_at_least(const char *release, unsigned long major, unsigned long minor)
{
    char *end = NULL;
    unsigned long have_major = strtoul(release, &end, 10), have_minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

    return have_major > major || (have_major == major && have_minor >= minor);
}

int
sc_host_detect(struct sc_arena *arena, struct sc_host *out, struct sc_err *err)
{
    struct utsname name;
    struct sysinfo memory;

    *out = (struct sc_host){.uid = geteuid(), .gid = getegid()};
    if (uname(&name) < 0)
        return sc_err_errno(err, errno, "uname");
    out->kernel_release = sc_arena_strdup(arena, name.release);
    out->machine = sc_arena_strdup(arena, name.machine);
    out->caps = sc_caps_all();
    out->cpu_count = possible_cpus();
    out->memory_total = sysinfo(&memory) == 0 ? (uint64_t)memory.totalram * memory.mem_unit : 0;
    out->has_narrow_affinity = has_narrow_affinity(out->cpu_count);
    out->root_is_ramfs = root_is_initial_ramfs();
    if (out->root_is_ramfs && sc_host_find_bare_mounts(out, arena, err) < 0)
        return -1;
    /* overlay on idmapped layers: 5.19 */
    out->has_idmapped_mounts = kernel_at_least(name.release, 5, 19);
    /* lint: the kernel's own file or the program's, never a container's */
    out->has_time_namespaces = access("/proc/self/ns/time", F_OK) == 0;
    /* lint: the kernel's own file */
    out->has_selinux = access("/sys/fs/selinux/enforce", F_OK) == 0;
    out->has_apparmor = file_says("/sys/module/apparmor/parameters/enabled", "Y");
    if (sc_cgroup_detect(arena, &out->cgroups, err) < 0)
        return -1;
    /* root of a user namespace, as podman makes for an ordinary user, has no more rights outside than the user */
    out->is_in_user_namespace = out->uid == 0 && sc_process_is_in_user_ns();
    if ((out->uid != 0 || out->is_in_user_namespace) && sc_cgroup_keep_delegated(&out->cgroups, arena, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}

int
sc_host_detect_systemd(struct sc_host *host, struct sc_arena *arena, struct sc_systemd *out, struct sc_err *err)
{
    bool is_user = host->uid != 0 || host->is_in_user_namespace;

    if (sc_systemd_query(is_user, arena, out, err) < 0)
        return -1;
    /* The unit lies below the manager's own cgroup, which needs no delegation by root to the caller's. */
    return host->uid != 0 ? sc_cgroup_detect(arena, &host->cgroups, err) : 0;
}
