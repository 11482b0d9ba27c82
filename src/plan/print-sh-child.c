/* The lines of a --explain=sh script inside the new namespaces (print-sh.c); $root is where the new root is mounted. */
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "plan/plan-priv.h"

static void
sh_mount_flags(unsigned long flags, const char *data, struct sc_buf *out)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } names[] = {
        {MS_RDONLY, "ro"},         {MS_NOSUID, "nosuid"},           {MS_NODEV, "nodev"},
        {MS_NOEXEC, "noexec"},     {MS_NOATIME, "noatime"},         {MS_NODIRATIME, "nodiratime"},
        {MS_RELATIME, "relatime"}, {MS_STRICTATIME, "strictatime"}, {MS_SYNCHRONOUS, "sync"},
        {MS_DIRSYNC, "dirsync"},
    };
    const char *separator = " -o ";

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if ((flags & names[i].flag) != 0) {
            sc_buf_addf(out, "%s%s", separator, names[i].name);
            separator = ",";
        }
    }
    if (data != NULL && data[0] != '\0') {
        sc_buf_adds(out, separator);
        sc_buf_add_shell(out, data);
    }
}

static void
sh_target(struct sc_buf *out, const char *path)
{
    sc_buf_adds(out, "\"$root\"");
    sc_buf_add_shell(out, path);
}

static void
sh_overlay(const struct sc_step *s, struct sc_buf *out)
{
    const struct sc_overlay *o = s->u.overlay.overlay;
    sc_cleanup_buf data = SC_BUF_INIT;

    for (size_t i = 0; i < o->lowerdirs.count; i++)
        sc_buf_addf(&data, "%s%s", i > 0 ? ":" : "lowerdir=", o->lowerdirs.items[i]);
    if (o->upperdir != NULL)
        sc_buf_addf(&data, ",upperdir=%s,workdir=%s", o->upperdir, o->workdir);
    if (o->is_volatile)
        sc_buf_adds(&data, ",volatile");
    if (o->upperdir != NULL) {
        sc_buf_adds(out, "mkdir -p ");
        sc_buf_add_shell(out, o->upperdir);
        sc_buf_addc(out, ' ');
        sc_buf_add_shell(out, o->workdir);
        sc_buf_addc(out, '\n');
    }
    sc_buf_adds(out, "mount -t overlay -o ");
    sc_buf_add_shell(out, sc_buf_str(&data));
    sc_buf_adds(out, " overlay \"$root\"\n");
}

/* "--make-rshared" of MS_SHARED | MS_REC */
static void
sh_propagation(unsigned long flags, const char *path, struct sc_buf *out)
{
    static const struct {
        unsigned long flag;
        const char *name;
    } kinds[] = {{MS_SHARED, "shared"}, {MS_SLAVE, "slave"}, {MS_PRIVATE, "private"}, {MS_UNBINDABLE, "unbindable"}};

    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if ((flags & kinds[i].flag) == 0)
            continue;
        sc_buf_addf(out, "mount --make-%s%s ", (flags & MS_REC) != 0 ? "r" : "", kinds[i].name);
        sh_target(out, path);
        sc_buf_addc(out, '\n');
    }
}

static void
sh_tree(const struct sc_step *s, struct sc_buf *out)
{
    uint64_t set = s->u.tree.attr_set | s->u.tree.attr_set_rec;

    if (s->u.tree.is_root) {
        sc_buf_addf(out, "mount --%sbind ", s->u.tree.is_recursive ? "r" : "");
        sc_buf_add_shell(out, s->u.tree.source);
        sc_buf_adds(out, " \"$root\"\n");
        return;
    }
    sc_buf_adds(out, "if [ -d ");
    sc_buf_add_shell(out, s->u.tree.source);
    sc_buf_adds(out, " ]; then mkdir -p ");
    sh_target(out, s->u.tree.destination);
    sc_buf_adds(out, "; else mkdir -p \"$(dirname ");
    sh_target(out, s->u.tree.destination);
    sc_buf_adds(out, ")\"; [ -e ");
    sh_target(out, s->u.tree.destination);
    sc_buf_adds(out, " ] || : > ");
    sh_target(out, s->u.tree.destination);
    sc_buf_addf(out, "; fi\nmount --%sbind ", s->u.tree.is_recursive ? "r" : "");
    sc_buf_add_shell(out, s->u.tree.source);
    sc_buf_addc(out, ' ');
    sh_target(out, s->u.tree.destination);
    sc_buf_addc(out, '\n');
    if (set != 0) {
        sc_buf_addf(out, "mount -o remount,bind%s%s%s%s ", (set & MOUNT_ATTR_RDONLY) != 0 ? ",ro" : "",
                    (set & MOUNT_ATTR_NOSUID) != 0 ? ",nosuid" : "", (set & MOUNT_ATTR_NODEV) != 0 ? ",nodev" : "",
                    (set & MOUNT_ATTR_NOEXEC) != 0 ? ",noexec" : "");
        sh_target(out, s->u.tree.destination);
        sc_buf_addc(out, '\n');
    }
    /* private is what it is, below the rprivate root */
    if ((s->u.tree.propagation & MS_PRIVATE) == 0)
        sh_propagation((unsigned long)s->u.tree.propagation, s->u.tree.destination, out);
}

static void
sh_mount(const struct sc_step *s, struct sc_buf *out)
{
    sc_buf_adds(out, "mkdir -p ");
    sh_target(out, s->u.mount.destination);
    sc_buf_adds(out, "\nmount -t ");
    sc_buf_add_shell(out, s->u.mount.type);
    sh_mount_flags(s->u.mount.ms_flags, s->u.mount.data, out);
    sc_buf_addc(out, ' ');
    sc_buf_add_shell(out, s->u.mount.source);
    sc_buf_addc(out, ' ');
    sh_target(out, s->u.mount.destination);
    sc_buf_addc(out, '\n');
}

static void
sh_node(const struct sc_step *s, struct sc_buf *out)
{
    if (strchr(s->u.node.path + strlen("/dev/"), '/') != NULL) {
        sc_buf_adds(out, "mkdir -p \"$(dirname ");
        sh_target(out, s->u.node.path);
        sc_buf_adds(out, ")\"\n");
    }
    sc_buf_adds(out, "[ -e ");
    sh_target(out, s->u.node.path);
    sc_buf_addf(out, " ] || mknod -m %04o ", s->u.node.mode);
    sh_target(out, s->u.node.path);
    sc_buf_addf(out, " %c", s->u.node.type);
    if (s->u.node.type != 'p')
        sc_buf_addf(out, " %lld %lld", (long long)s->u.node.major, (long long)s->u.node.minor);
    sc_buf_addc(out, '\n');
}

static void
sh_mask(const struct sc_step *s, struct sc_buf *out)
{
    sc_buf_adds(out, "if [ -d ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, " ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec,nr_blocks=1,nr_inodes=1 tmpfs ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, "; elif [ -e ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, " ]; then mount --bind \"$root\"/dev/null ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, "; fi\n");
}

static void
sh_readonly(const struct sc_step *s, struct sc_buf *out)
{
    /* a mount point is remounted as it is, as sc does: bound upon itself it would be there twice */
    sc_buf_adds(out, "if [ -e ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, " ]; then mountpoint -q ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, " || mount --rbind ");
    sh_target(out, s->u.text.text);
    sc_buf_addc(out, ' ');
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, "; mount -o remount,bind,ro ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, "; fi\n");
}

static void
sh_rlimit(const struct sc_step *s, struct sc_buf *out)
{
    const char *name = sc_rlimit_name(s->u.rlimit.resource);

    sc_buf_adds(out, "prlimit --pid $$ --");
    for (const char *p = name + strlen("RLIMIT_"); *p != '\0'; p++)
        sc_buf_addc(out, (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
    sc_buf_adds(out, "=");
    if (s->u.rlimit.soft == RLIM_INFINITY)
        sc_buf_adds(out, "unlimited:");
    else
        sc_buf_addf(out, "%llu:", (unsigned long long)s->u.rlimit.soft);
    if (s->u.rlimit.hard == RLIM_INFINITY)
        sc_buf_adds(out, "unlimited\n");
    else
        sc_buf_addf(out, "%llu\n", (unsigned long long)s->u.rlimit.hard);
}

static void
sh_text(const struct sc_step *s, struct sc_buf *out)
{
    /* hostname(1) has its own idea of a name, the kernel has none */
    bool is_plain = s->op == SC_OP_HOSTNAME && s->u.text.text[0] != '-' && s->u.text.text[0] != '.' &&
                    s->u.text.text[strspn(s->u.text.text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                          "0123456789-.")] == '\0';

    sc_buf_adds(out, is_plain ? "hostname " : "echo ");
    sc_buf_add_shell(out, s->op == SC_OP_SYSCTL ? s->u.text.value : s->u.text.text);
    if (s->op != SC_OP_SYSCTL && !is_plain)
        sc_buf_addf(out, " > /proc/sys/kernel/%s", s->op == SC_OP_HOSTNAME ? "hostname" : "domainname");
    if (s->op == SC_OP_SYSCTL)
        sc_buf_adds(out, " > /proc/"), sc_buf_add_shell(out, s->u.text.text);
    sc_buf_addc(out, '\n');
}

bool
sc_sh_child_step(const struct sc_plan *plan, const struct sc_step *s, struct sc_buf *out)
{
    switch (s->op) {
    case SC_OP_HOSTNAME:
    case SC_OP_DOMAINNAME:
    case SC_OP_SYSCTL:
        sh_text(s, out);
        return true;
    case SC_OP_LOOPBACK_UP:
        sc_buf_adds(out, "ip link set lo up\n");
        return true;
    case SC_OP_NET_ADDRESS:
        sc_buf_addf(out, "%s\n", s->u.packet->shell);
        return true;
    case SC_OP_PROPAGATION:
        if (s->u.propagation.path != NULL)
            sh_propagation((unsigned long)s->u.propagation.flags, s->u.propagation.path, out);
        else
            sc_buf_adds(out, "mount --make-rprivate /\n");
        return true;
    case SC_OP_OVERLAY:
        sh_overlay(s, out);
        return true;
    case SC_OP_MOUNT:
        sh_mount(s, out);
        return true;
    case SC_OP_MOUNT_TREE:
        sh_tree(s, out);
        return true;
    case SC_OP_MKNOD:
        sh_node(s, out);
        return true;
    case SC_OP_SYMLINK:
        sc_buf_adds(out, "[ -e ");
        sh_target(out, s->u.link.path);
        sc_buf_addf(out, " ] || ln -sf %s ", s->u.link.target);
        sh_target(out, s->u.link.path);
        sc_buf_addc(out, '\n');
        return true;
    case SC_OP_ROOT_READONLY:
        sc_buf_adds(out, "mount -o remount,bind,ro \"$root\"\n");
        return true;
    case SC_OP_READONLY_PATH:
        sh_readonly(s, out);
        return true;
    case SC_OP_MASK_PATH:
        sh_mask(s, out);
        return true;
    case SC_OP_RLIMIT:
        sh_rlimit(s, out);
        return true;
    case SC_OP_OOM_SCORE:
        sc_buf_addf(out, "echo %lld > /proc/self/oom_score_adj\n", (long long)s->u.number.value);
        return true;
    case SC_OP_UMASK:
        sc_buf_addf(out, "umask %03o\n", (unsigned)s->u.number.value);
        return true;
    case SC_OP_ROOT_ATTACH:
        /* a plain root is opened by the launcher, so its bind belongs here */
        for (size_t i = 0; i < plan->before.count; i++)
            if (plan->before.items[i].op == SC_OP_TREE_OPEN && plan->before.items[i].u.tree.is_root) {
                sh_tree(&plan->before.items[i], out);
                return true;
            }
        return false;
    case SC_OP_PIVOT:
    case SC_OP_CHROOT:
        sc_buf_adds(
            out,
            "# sc calls pivot_root here; from sh the tools below would go with the old root, so it is covered instead\n"
            "cd \"$root\" && mount --move . /\n");
        return true;
    default:
        return false;
    }
}
