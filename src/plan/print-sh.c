/*
 * The plan as a sh script that builds the same container by hand, with unshare(1), mount(8), setpriv(1) and echo.
 *
 * The script has two halves: what the host does, and what `unshare` runs in the new namespaces. Two things differ from
 * what sc does, and the script says so: it covers the old root and chroots where sc pivots (the tools it still needs
 * would vanish with the old root), and it has no way to load a seccomp filter. Steps whose effect is only a handle
 * between two system calls (opening a tree, a pidfd) print nothing of their own.
 */
#include <linux/mount.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

static void
sh_path(struct sc_buf *out, const char *prefix, const char *path)
{
    sc_buf_adds(out, prefix);
    sc_buf_add_shell(out, path);
}

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
sh_cgroup_create(const struct sc_step *s, struct sc_buf *out)
{
    sc_buf_adds(out, "mkdir -p ");
    sh_path(out, s->u.cgroup.mount_point, s->u.cgroup.path);
    if (s->u.cgroup.is_v2 && s->u.cgroup.need_controllers != NULL && s->u.cgroup.need_controllers->count > 0) {
        sc_buf_addf(out, "\nfor c in");
        for (size_t i = 0; i < s->u.cgroup.need_controllers->count; i++)
            sc_buf_addf(out, " %s", s->u.cgroup.need_controllers->items[i]);
        /* from the hierarchy's root down to the parent */
        sc_buf_addf(out, "; do\n  d=%s\n  for part in $(echo ", s->u.cgroup.mount_point);
        sc_buf_add_shell(out, s->u.cgroup.path);
        sc_buf_adds(out, " | tr / ' '); do echo +$c > $d/cgroup.subtree_control; d=$d/$part; done\ndone");
    }
    sc_buf_addc(out, '\n');
    /* v1: a cpuset is born empty, and so are its parents that did not exist */
    if (!s->u.cgroup.is_v2 && strstr(s->u.cgroup.mount_point, "cpuset") != NULL) {
        sc_buf_addf(out, "d=%s\nfor part in $(echo ", s->u.cgroup.mount_point);
        sc_buf_add_shell(out, s->u.cgroup.path);
        sc_buf_adds(out, " | tr / ' '); do\n  for f in cpuset.cpus cpuset.mems; do\n    [ -n \"$(cat $d/$part/$f)\" ] "
                         "|| cat $d/$f > $d/$part/$f\n"
                         "  done\n  d=$d/$part\ndone\n");
    }
}

static void
sh_cgroup_write(const struct sc_step *s, struct sc_buf *out)
{
    sc_buf_adds(out, "echo ");
    sc_buf_add_shell(out, s->u.cgroup_write.value);
    sc_buf_adds(out, " > ");
    sh_path(out, s->u.cgroup_write.mount_point, s->u.cgroup_write.path);
    sc_buf_addf(out, "/%s%s\n", s->u.cgroup_write.file, s->u.cgroup_write.is_optional ? " 2>/dev/null || :" : "");
}

/* --- child half; $root is where the new root is mounted ------------------------------------------------- */

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
    sc_buf_adds(out, "if [ -e ");
    sh_target(out, s->u.text.text);
    sc_buf_adds(out, " ]; then mount --rbind ");
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
    switch (s->op) {
    case SC_OP_HOSTNAME:
        sc_buf_adds(out, "hostname ");
        break;
    case SC_OP_DOMAINNAME:
        sc_buf_adds(out, "echo ");
        break;
    default:
        sc_buf_adds(out, "echo ");
        break;
    }
    sc_buf_add_shell(out, s->op == SC_OP_SYSCTL ? s->u.text.value : s->u.text.text);
    if (s->op == SC_OP_DOMAINNAME)
        sc_buf_adds(out, " > /proc/sys/kernel/domainname");
    if (s->op == SC_OP_SYSCTL)
        sh_path(out, " > /proc/", s->u.text.text);
    sc_buf_addc(out, '\n');
}

static void
sh_caps_list(uint64_t caps, const char *option, struct sc_buf *out)
{
    sc_buf_addf(out, " --%s=-all", option);
    for (int cap = 0; cap <= sc_cap_last; cap++) {
        if ((caps & SC_CAP_BIT(cap)) == 0)
            continue;
        sc_buf_adds(out, ",+");
        for (const char *p = sc_cap_name(cap) + strlen("CAP_"); *p != '\0'; p++)
            sc_buf_addc(out, (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p));
    }
}

/* One step of the child's half; false: it needs no line. */
static bool
sh_child_step(const struct sc_plan *plan, const struct sc_step *s, struct sc_buf *out)
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
    case SC_OP_PROPAGATION:
        if (s->u.propagation.path != NULL)
            return false;
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

static const struct sc_step *
find_step(const struct sc_plan *plan, enum sc_op op)
{
    for (size_t i = 0; i < plan->child.count; i++)
        if (plan->child.items[i].op == op)
            return &plan->child.items[i];
    return NULL;
}

/* The last line: privileges are dropped by setpriv, the environment is emptied by env, and the program takes over. */
static void
sh_exec(const struct sc_plan *plan, struct sc_buf *out)
{
    const struct sc_step *bounding = find_step(plan, SC_OP_CAPS_BOUNDING), *ids = find_step(plan, SC_OP_SET_IDS);
    const struct sc_step *caps = find_step(plan, SC_OP_CAPS), *cwd = find_step(plan, SC_OP_CWD),
                         *run = find_step(plan, SC_OP_EXEC);

    sc_buf_adds(out, find_step(plan, SC_OP_SECCOMP) != NULL
                         ? "# sc loads its seccomp filter here; there is no command for that\n"
                         : "");
    sc_buf_adds(out, "exec setpriv");
    /* chroot(1) below still needs its capability; it stays within what the container may have or is dropped with the
     * user */
    sh_caps_list(bounding->u.caps.bounding | SC_CAP_BIT(18), "bounding-set", out);
    sh_caps_list(caps->u.caps.inheritable, "inh-caps", out);
    if (find_step(plan, SC_OP_NO_NEW_PRIVS) != NULL)
        sc_buf_adds(out, " --no-new-privs");
    sc_buf_addf(out, " chroot --userspec=%u:%u", ids->u.ids.uid, ids->u.ids.gid);
    if (ids->u.ids.group_count > 0) {
        sc_buf_adds(out, " --groups=");
        for (size_t i = 0; i < ids->u.ids.group_count; i++)
            sc_buf_addf(out, "%s%u", i > 0 ? "," : "", ids->u.ids.groups[i]);
    }
    sc_buf_adds(out, " . /bin/sh -c 'cd \"$0\" && exec \"$@\"' ");
    sc_buf_add_shell(out, cwd->u.text.text);
    sc_buf_adds(out, " env -i");
    for (char *const *p = run->u.exec.envp; p != NULL && *p != NULL; p++) {
        sc_buf_addc(out, ' ');
        sc_buf_add_shell(out, *p);
    }
    for (char *const *p = run->u.exec.argv; *p != NULL; p++) {
        sc_buf_addc(out, ' ');
        sc_buf_add_shell(out, *p);
    }
    sc_buf_addc(out, '\n');
}

static void
sh_unshare(const struct sc_plan *plan, struct sc_buf *out)
{
    static const struct {
        uint64_t flag;
        const char *option;
    } options[] = {
        {CLONE_NEWUSER, "--user"}, {CLONE_NEWPID, "--pid"}, {CLONE_NEWNET, "--net"},   {CLONE_NEWNS, "--mount"},
        {CLONE_NEWIPC, "--ipc"},   {CLONE_NEWUTS, "--uts"}, {CLONE_NEWTIME, "--time"}, {CLONE_NEWCGROUP, "--cgroup"},
    };
    uint64_t flags = plan->clone.u.clone.flags;

    if (find_step(plan, SC_OP_UNSHARE) != NULL)
        flags |= CLONE_NEWCGROUP;
    sc_buf_adds(out, "unshare --fork");
    for (size_t i = 0; i < SC_ARRAY_LEN(options); i++)
        if ((flags & options[i].flag) != 0)
            sc_buf_addf(out, " %s", options[i].option);
    if ((flags & CLONE_NEWUSER) != 0)
        sc_buf_adds(out, " --map-root-user");
    const struct sc_step *offsets = find_step(plan, SC_OP_TIME_OFFSETS);
    if (offsets != NULL) {
        sc_buf_adds(out, " --time");
        for (const char *p = offsets->u.text.text; *p != '\0'; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] != '\0')) {
            size_t name = strcspn(p, " ");

            sc_buf_addf(out, " --%.*s %.*s", (int)name, p, (int)strcspn(p + name + 1, " "), p + name + 1);
        }
    }
    sc_buf_adds(out, " sh -e \"$child\" \"$root\"\n");
}

static void
sh_host_half(const struct sc_plan *plan, struct sc_buf *out)
{
    for (size_t i = 0; i < plan->before.count; i++) {
        const struct sc_step *s = &plan->before.items[i];

        if (s->op == SC_OP_CGROUP_CREATE) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_cgroup_create(s, out);
        } else if (s->op == SC_OP_CGROUP_WRITE) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_cgroup_write(s, out);
        } else if (s->op == SC_OP_CGROUP_DEVICES) {
            sc_buf_addf(out, "# %s: there is no command to load it\n", s->why);
        }
    }
}

int
sc_plan_print_sh(const struct sc_plan *plan, struct sc_buf *out, struct sc_err *err)
{
    for (size_t i = 0; i < plan->before.count; i++)
        if (plan->before.items[i].op == SC_OP_NS_OPEN)
            return sc_err_set(
                err, SC_ERR_UNSUPPORTED,
                "explain as sh: a container that joins another's namespaces cannot be written as a script");
    if (plan->is_exec)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "explain as sh: only for run and create");

    sc_buf_adds(
        out, "#!/bin/sh\n# Builds by hand the container that sc would build; run as root. What it makes on the host it "
             "removes at the end.\nset -e\n\n"
             "root=$(mktemp -d)\nchild=$(mktemp)\nfinish() {\n  rm -f \"$child\"; rmdir \"$root\" 2>/dev/null || :\n");
    for (size_t i = 0; i < plan->cgroup_dirs.count; i++) {
        sc_buf_adds(out, "  rmdir ");
        sc_buf_add_shell(out, plan->cgroup_dirs.items[i]);
        sc_buf_adds(out, " 2>/dev/null || :\n");
    }
    sc_buf_adds(out, "}\ntrap finish EXIT\n\n# --- on the host\n");
    sh_host_half(plan, out);
    sc_buf_adds(out, "\n# --- in the new namespaces\ncat > \"$child\" <<'END_OF_CHILD'\nroot=$1\n");
    for (size_t i = 0; i < plan->child.count; i++) {
        sc_cleanup_buf lines = SC_BUF_INIT;

        if (sh_child_step(plan, &plan->child.items[i], &lines))
            sc_buf_addf(out, "# %s\n%s", plan->child.items[i].why, sc_buf_str(&lines));
    }
    sh_exec(plan, out);
    sc_buf_adds(
        out,
        "END_OF_CHILD\n\n# A process enters its cgroups itself, then starts the container, which inherits them.\n(\n");
    for (size_t i = 0; i < plan->cgroup_dirs.count; i++) {
        sc_buf_adds(out, "  sh -c 'echo $PPID' > ");
        sc_buf_add_shell(out, plan->cgroup_dirs.items[i]);
        sc_buf_adds(out, "/cgroup.procs\n");
    }
    sc_buf_adds(out, "  exec ");
    sh_unshare(plan, out);
    sc_buf_adds(out, ")\n");
    return sc_buf_check(out, err);
}
