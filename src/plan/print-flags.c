/* Sets of flags in the words of the kernel's headers. */
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/mount.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

struct flag_name {
    uint64_t flag;
    const char *name;
};

static void
print_flags(uint64_t flags, const struct flag_name *names, size_t count, struct sc_buf *out)
{
    const char *separator = "";

    for (size_t i = 0; i < count; i++) {
        if (names[i].flag != 0 && (flags & names[i].flag) == names[i].flag) {
            sc_buf_addf(out, "%s%s", separator, names[i].name);
            separator = "|";
            flags &= ~names[i].flag;
        }
    }
    if (flags != 0 || separator[0] == '\0')
        sc_buf_addf(out, flags != 0 ? "%s0x%llx" : "%s%llu", separator, (unsigned long long)flags);
}

void
sc_print_ms_flags(unsigned long flags, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {MS_RDONLY, "MS_RDONLY"},
        {MS_REMOUNT, "MS_REMOUNT"},
        {MS_NOSUID, "MS_NOSUID"},
        {MS_NODEV, "MS_NODEV"},
        {MS_NOEXEC, "MS_NOEXEC"},
        {MS_SYNCHRONOUS, "MS_SYNCHRONOUS"},
        {MS_MANDLOCK, "MS_MANDLOCK"},
        {MS_DIRSYNC, "MS_DIRSYNC"},
        {MS_NOATIME, "MS_NOATIME"},
        {MS_NODIRATIME, "MS_NODIRATIME"},
        {MS_BIND, "MS_BIND"},
        {MS_REC, "MS_REC"},
        {MS_SILENT, "MS_SILENT"},
        {MS_UNBINDABLE, "MS_UNBINDABLE"},
        {MS_PRIVATE, "MS_PRIVATE"},
        {MS_SLAVE, "MS_SLAVE"},
        {MS_SHARED, "MS_SHARED"},
        {MS_RELATIME, "MS_RELATIME"},
        {MS_STRICTATIME, "MS_STRICTATIME"},
        {MS_LAZYTIME, "MS_LAZYTIME"},
        {MS_I_VERSION, "MS_I_VERSION"},
        {MS_POSIXACL, "MS_POSIXACL"},
        {256, "MS_NOSYMFOLLOW"}, /* Linux 5.10 */
    };
    print_flags(flags, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_attr(uint64_t attr, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY"},
        {MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID"},
        {MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV"},
        {MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC"},
        {MOUNT_ATTR__ATIME, "MOUNT_ATTR__ATIME"},
        {MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
        {MOUNT_ATTR_STRICTATIME, "MOUNT_ATTR_STRICTATIME"},
        {MOUNT_ATTR_NODIRATIME, "MOUNT_ATTR_NODIRATIME"},
        {0x00200000, "MOUNT_ATTR_NOSYMFOLLOW"}, /* Linux 5.14 */
    };
    print_flags(attr, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_clone_flags(uint64_t flags, struct sc_buf *out)
{
    static const struct flag_name names[] = {
        {CLONE_NEWUSER, "CLONE_NEWUSER"},     {CLONE_NEWPID, "CLONE_NEWPID"},   {CLONE_NEWNET, "CLONE_NEWNET"},
        {CLONE_NEWNS, "CLONE_NEWNS"},         {CLONE_NEWIPC, "CLONE_NEWIPC"},   {CLONE_NEWUTS, "CLONE_NEWUTS"},
        {CLONE_NEWCGROUP, "CLONE_NEWCGROUP"}, {CLONE_NEWTIME, "CLONE_NEWTIME"},
    };
    print_flags(flags, names, SC_ARRAY_LEN(names), out);
}

void
sc_print_caps(uint64_t caps, struct sc_buf *out)
{
    const char *separator = "";
    uint64_t known = sc_cap_last >= 63 ? ~UINT64_C(0) : SC_CAP_BIT(sc_cap_last + 1) - 1;

    if ((caps & known) == known) {
        sc_buf_adds(out, "all");
        return;
    }
    if (caps == 0)
        sc_buf_adds(out, "none");
    for (int cap = 0; cap <= sc_cap_last; cap++) {
        if ((caps & SC_CAP_BIT(cap)) != 0) {
            sc_buf_addf(out, "%s%s", separator, sc_cap_name(cap));
            separator = "|";
        }
    }
}
