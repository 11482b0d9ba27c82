/*
 * The plan as a sh script that builds the same container by hand, with unshare(1), mount(8), setpriv(1) and echo.
 *
 * The script has two halves: what the host does, and what `unshare` runs in the new namespaces. Two things differ from
 * what sc does, and the script says so: it covers the old root and chroots where sc pivots (the tools it still needs
 * would vanish with the old root), and it has no way to load a seccomp filter. Steps whose effect is only a handle
 * between two system calls (opening a tree, a pidfd) print nothing of their own.
 */
#include <limits.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

static void
sh_path(struct sc_buf *out, const char *prefix, const char *path)
{
    sc_buf_adds(out, prefix);
    sc_buf_add_shell(out, path);
}

/* Each directory of a cgroup's path, as words for `for`. */
static void
sh_path_parts(struct sc_buf *out, const char *path)
{
    char part[NAME_MAX + 1];

    for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
        size_t len = strcspn(path, "/");

        (void)snprintf(part, sizeof(part), "%.*s", (int)len, path);
        sc_buf_addc(out, ' ');
        sc_buf_add_shell(out, part);
        path += len;
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
        sc_buf_adds(out, "; do\n  d=");
        sc_buf_add_shell(out, s->u.cgroup.mount_point);
        sc_buf_adds(out, "\n  for part in");
        sh_path_parts(out, s->u.cgroup.path);
        sc_buf_adds(out, "; do echo \"+$c\" > \"$d/cgroup.subtree_control\"; d=$d/$part; done\ndone");
    }
    sc_buf_addc(out, '\n');
    /* v1: a cpuset is born empty, and so are its parents that did not exist */
    if (!s->u.cgroup.is_v2 && strstr(s->u.cgroup.mount_point, "cpuset") != NULL) {
        sc_buf_adds(out, "d=");
        sc_buf_add_shell(out, s->u.cgroup.mount_point);
        sc_buf_adds(out, "\nfor part in");
        sh_path_parts(out, s->u.cgroup.path);
        sc_buf_adds(out, "; do\n  for f in cpuset.cpus cpuset.mems; do\n"
                         "    [ -n \"$(cat \"$d/$part/$f\")\" ] || cat \"$d/$f\" > \"$d/$part/$f\"\n"
                         "  done\n  d=$d/$part\ndone\n");
    }
}

/* A scope must begin with a process: one that sleeps until the script ends. */
static void
sh_unit_start(const struct sc_step *s, struct sc_buf *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv words = {.count = 0};
    const char *user = s->u.unit.is_user ? " --user" : "";

    sc_systemd_start_words(s->u.unit.unit->name, &s->u.unit.unit->properties, 0, &arena, &words);
    sc_buf_addf(out,
                "sleep infinity &\nPID=$!\nbusctl%s -q call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
                "org.freedesktop.systemd1.Manager StartTransientUnit '" SC_SYSTEMD_START_SIGNATURE "'",
                user);
    for (size_t i = 0; i < words.count; i++) {
        sc_buf_addc(out, ' ');
        if (strcmp(words.items[i], "$PID") == 0)
            sc_buf_adds(out, "\"$PID\"");
        else
            sc_buf_add_shell(out, words.items[i]);
    }
    sc_buf_addf(out, "\nuntil systemctl%s -q is-active ", user);
    sc_buf_add_shell(out, s->u.unit.unit->name);
    sc_buf_adds(out, "; do sleep 0.1; done\n");
}

static void
sh_resctrl(const struct sc_step *s, struct sc_buf *out)
{
    const struct sc_resctrl_group *g = s->u.resctrl.group;
    sc_cleanup_buf dir = SC_BUF_INIT;

    sc_buf_addf(&dir, "%s/%s", s->u.resctrl.mount_point, g->name);
    if (g->schemata != NULL || g->how == SC_RESCTRL_OWN) {
        sc_buf_adds(out, "mkdir -p ");
        sc_buf_add_shell(out, sc_buf_str(&dir));
        sc_buf_addc(out, '\n');
    }
    if (g->schemata != NULL) {
        sc_buf_adds(out, "printf %s ");
        sc_buf_add_shell(out, g->schemata);
        sc_buf_adds(out, " > ");
        sc_buf_add_shell(out, sc_buf_str(&dir));
        sc_buf_adds(out, "/schemata\n");
    }
    if (g->monitor != NULL) {
        sc_buf_adds(out, "mkdir ");
        sc_buf_add_shell(out, sc_buf_str(&dir));
        sc_buf_addf(out, "/mon_groups/%s\n", g->monitor);
    }
}

static void
sh_cgroup_file(const struct sc_step *s, const char *file, const char *value, struct sc_buf *out)
{
    sc_buf_adds(out, "echo ");
    sc_buf_add_shell(out, value);
    sc_buf_adds(out, " > ");
    sh_path(out, s->u.cgroup_write.mount_point, s->u.cgroup_write.path);
    sc_buf_addf(out, "/%s", file);
}

static void
sh_cgroup_write(const struct sc_step *s, struct sc_buf *out)
{
    char value[64];
    const char *file = s->u.cgroup_write.file, *other = sc_cgroup_bfq(file, s->u.cgroup_write.value, value);

    /* one of the two is there, by the scheduler of block I/O */
    if (other) {
        sc_buf_adds(out, "{ ");
        sh_cgroup_file(s, file, s->u.cgroup_write.value, out);
        sc_buf_adds(out, "; } 2>/dev/null || ");
        sh_cgroup_file(s, other, value, out);
        sc_buf_addc(out, '\n');
        return;
    }
    sh_cgroup_file(s, file, s->u.cgroup_write.value, out);
    sc_buf_adds(out, s->u.cgroup_write.is_optional ? " 2>/dev/null || :\n" : "\n");
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
    const uint64_t chroot_caps = SC_CAP_BIT(18), ids_caps = SC_CAP_BIT(6) | SC_CAP_BIT(7); /* SETGID, SETUID */
    bool is_root = ids->u.ids.uid == 0;

    sc_buf_adds(out, find_step(plan, SC_OP_CALLS) != NULL
                         ? "# sc has sysinfo and sched_getaffinity answered here; there is no command for that\n"
                         : "");
    sc_buf_adds(out, find_step(plan, SC_OP_SECCOMP) != NULL
                         ? "# sc loads its seccomp filter here; there is no command for that\n"
                         : "");
    /* made when it is absent, by sc below the root, here before the program may not make it */
    if (strcmp(cwd->u.text.text, "/") != 0) {
        sc_buf_adds(out, "mkdir -p .");
        sc_buf_add_shell(out, cwd->u.text.text);
        sc_buf_addc(out, '\n');
    }
    if (((bounding->u.caps.bounding & chroot_caps) == 0 || (!is_root && (~bounding->u.caps.bounding & ids_caps) != 0)))
        sc_buf_adds(out, "# the bounding set is wider than sc's by what chroot(8) needs itself\n");
    sc_buf_adds(out, "exec setpriv");
    /* chroot(1) below still needs its capability, and for another user those of its --userspec: the sets that count are
     * dropped with the user, and root's bounding set is wider by CAP_SYS_CHROOT */
    sh_caps_list(bounding->u.caps.bounding | chroot_caps | (is_root ? 0 : ids_caps), "bounding-set", out);
    sh_caps_list(caps->u.caps.inheritable, "inh-caps", out);
    if (find_step(plan, SC_OP_NO_NEW_PRIVS) != NULL)
        sc_buf_adds(out, " --no-new-privs");
    if (is_root)
        sc_buf_addf(out, " --regid=%u", ids->u.ids.gid);
    else
        sc_buf_addf(out, " chroot --userspec=%u:%u", ids->u.ids.uid, ids->u.ids.gid);
    sc_buf_adds(out, is_root && ids->u.ids.group_count == 0 ? " --clear-groups" : " --groups=");
    for (size_t i = 0; i < ids->u.ids.group_count; i++)
        sc_buf_addf(out, "%s%u", i > 0 ? "," : "", ids->u.ids.groups[i]);
    sc_buf_adds(out, is_root ? " chroot . /bin/sh" : " . /bin/sh");
    sc_buf_adds(out, " -c 'cd \"$0\" && exec \"$@\"' ");
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

/* "monotonic SECONDS NANOSECONDS" a line becomes " --monotonic SECONDS". */
static void
sh_time_offsets(const char *text, struct sc_buf *out)
{
    while (*text != '\0') {
        size_t name = strcspn(text, " ");
        const char *seconds = text + name + 1;

        sc_buf_adds(out, " --");
        sc_buf_add(out, text, name + 1);
        sc_buf_add(out, seconds, strcspn(seconds, " "));
        text += strcspn(text, "\n");
        text += *text != '\0';
    }
}

static bool
has_link(const struct sc_plan *plan)
{
    return find_step(plan, SC_OP_WAIT_LINK) != NULL;
}

/* unshare(1) makes all namespaces at once and tells nobody of them before it runs the program; so a process that sleeps
 * holds the network's, and gets its link first. */
static void
sh_network(const struct sc_plan *plan, struct sc_buf *out)
{
    sc_buf_addf(
        out,
        "# the network's bridge and table, unless they are there\n%s"
        "# a process to hold the network namespace\nunshare --net sleep infinity &\nNET=$!\n"
        "until [ \"$(readlink \"/proc/$NET/ns/net\")\" != \"$(readlink /proc/self/ns/net)\" ]; do sleep 0.01; done\n",
        plan->net_shell_up != NULL ? plan->net_shell_up : "");
    for (size_t i = 0; i < plan->before.count; i++)
        if (plan->before.items[i].op == SC_OP_NET_PUBLISH)
            sc_buf_addf(out, "# %s\n%s\n", plan->before.items[i].why, plan->before.items[i].u.packet->shell);
    for (size_t i = 0; i < plan->after.count; i++)
        if (plan->after.items[i].op == SC_OP_NET_LINK || plan->after.items[i].op == SC_OP_NET_RATE)
            sc_buf_addf(out, "# %s\n(PID=$NET; %s)\n", plan->after.items[i].why, plan->after.items[i].u.packet->shell);
    for (size_t i = 0; i < plan->beside.count; i++)
        if (plan->beside.items[i].op == SC_OP_NET_NAMES)
            sc_buf_adds(out, "# sc answers questions about names here; there is no command for that\n");
}

static void
sh_unshare(const struct sc_plan *plan, struct sc_buf *out)
{
    static const struct {
        uint64_t flag;
        const char *option;
    } options[] = {
        {CLONE_NEWPID, "--pid"}, {CLONE_NEWNET, "--net"},   {CLONE_NEWNS, "--mount"},      {CLONE_NEWIPC, "--ipc"},
        {CLONE_NEWUTS, "--uts"}, {CLONE_NEWTIME, "--time"}, {CLONE_NEWCGROUP, "--cgroup"},
    };
    uint64_t flags = plan->clone.u.clone.flags;

    if (find_step(plan, SC_OP_UNSHARE) != NULL)
        flags |= CLONE_NEWCGROUP;
    if (has_link(plan)) {
        sc_buf_adds(out, "nsenter --net=\"/proc/$NET/ns/net\" ");
        flags &= ~(uint64_t)CLONE_NEWNET;
    }
    sc_buf_adds(out, "unshare --fork");
    for (size_t i = 0; i < SC_ARRAY_LEN(options); i++)
        if ((flags & options[i].flag) != 0)
            sc_buf_addf(out, " %s", options[i].option);
    const struct sc_step *offsets = find_step(plan, SC_OP_TIME_OFFSETS);
    if (offsets != NULL) {
        sc_buf_adds(out, " --time");
        sh_time_offsets(offsets->u.text.text, out);
    }
    sc_buf_adds(out, " sh -e \"$child\" \"$root\"\n");
}

static void
sh_host_half(const struct sc_steps *list, struct sc_buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct sc_step *s = &list->items[i];

        if (s->op == SC_OP_RESCTRL) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_resctrl(s, out);
        } else if (s->op == SC_OP_UNIT_START) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_unit_start(s, out);
        } else if (s->op == SC_OP_CGROUP_CREATE) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_cgroup_create(s, out);
        } else if (s->op == SC_OP_CGROUP_WRITE) {
            sc_buf_addf(out, "# %s\n", s->why);
            sh_cgroup_write(s, out);
        } else if (s->op == SC_OP_CGROUP_DEVICES) {
            sc_buf_addf(out, "# %s: there is no command to load it\n", s->why);
        } else if (s->op == SC_OP_CGROUP_OWNER) {
            sc_buf_addf(out, "# %s\nfor file in . $(cat /sys/kernel/cgroup/delegate); do chown %u ", s->why,
                        s->u.cgroup_owner.uid);
            sc_buf_add_shell(out, s->u.cgroup_owner.mount_point);
            sc_buf_add_shell(out, s->u.cgroup_owner.path);
            sc_buf_adds(out, "/\"$file\" 2>/dev/null; done\n");
        }
    }
}

/* An image, as mount(8) wants it. */
static void
sh_layer_mount(const char *image, struct sc_buf *out)
{
    sc_buf_adds(out, "# a layer is an image of a file system; what its files hold may be in a tar beside it\n"
                     "tar=");
    sc_buf_add_shell(out, image);
    sc_buf_adds(out, SC_EROFS_TAR "\n"
                                  "[ ! -e \"$tar\" ] && tar= || tar=,device=$(losetup -rf --show \"$tar\")\n"
                                  "mount -t erofs -o \"ro,loop$tar\" ");
    sc_buf_add_shell(out, image);
}

/* Layers that are images, each on its directory. mount(8) wants a loop device, which the container's cgroup forbids: so
 * on the host, before the container. */
static void
sh_layers(const struct sc_plan *plan, bool is_up, struct sc_buf *out)
{
    const struct sc_step *s = find_step(plan, SC_OP_OVERLAY);

    for (size_t i = 0; s != NULL && i < s->u.overlay.overlay->images.count; i++) {
        const struct sc_overlay *o = s->u.overlay.overlay;

        if (o->images.items[i][0] == '\0')
            continue;
        if (is_up)
            sh_layer_mount(o->images.items[i], out);
        else
            sc_buf_adds(out, "  umount");
        sc_buf_addc(out, ' ');
        sc_buf_add_shell(out, o->lowerdirs.items[i]);
        sc_buf_adds(out, is_up ? "\n" : " 2>/dev/null || :\n");
        if (!is_up) {
            sc_buf_adds(out, "  losetup -n -O NAME -j ");
            sc_buf_add_shell(out, o->images.items[i]);
            sc_buf_adds(out, SC_EROFS_TAR " | xargs -r losetup -d\n");
        }
    }
}

static void
sh_resctrl_join(const struct sc_plan *plan, struct sc_buf *out)
{
    for (size_t i = 0; i < plan->child.count; i++) {
        const struct sc_step *s = &plan->child.items[i];

        if (s->op != SC_OP_RESCTRL_JOIN)
            continue;
        sc_buf_adds(out, "  sh -c 'echo $PPID' > ");
        sh_path(out, s->u.resctrl.mount_point, "/");
        sc_buf_add_shell(out, s->u.resctrl.group->name);
        if (s->u.resctrl.is_monitor)
            sc_buf_addf(out, "/mon_groups/%s", s->u.resctrl.group->monitor);
        sc_buf_adds(out, "/tasks\n");
    }
}

/* What runs outside of the container while it waits, in JSON's words, so that no argument ends the comment. */
static void
sh_hooks(const struct sc_plan *plan, struct sc_buf *out)
{
    for (size_t i = 0; i < plan->after.count; i++) {
        const struct sc_step *s = &plan->after.items[i];

        for (size_t k = 0; s->op == SC_OP_HOOKS_RUNTIME && k < SC_ARRAY_LEN(s->u.hooks.lists); k++) {
            const struct sc_oci_hook_list *list = s->u.hooks.lists[k];

            for (size_t n = 0; list != NULL && n < list->count; n++) {
                sc_buf_addf(out, "# not here: the %s hook ", s->u.hooks.names[k]);
                sc_buf_add_json(out, list->items[n].path, strlen(list->items[n].path));
                sc_buf_adds(out,
                            list->items[n].begins_early
                                ? ", which gives files of /proc and /sys the limits; the script leaves the host's\n"
                                : ", which gets the state of the container\n");
            }
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
    /* there is no command that mounts an overlay of idmapped layers */
    if ((plan->clone.u.clone.flags & CLONE_NEWUSER) != 0)
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "explain as sh: a container in a user namespace of its own cannot be written as a script");
    if (plan->is_exec)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "explain as sh: only for run and create");

    sc_buf_adds(
        out, "#!/bin/sh\n# Builds by hand the container that sc would build; run as root. What it makes on the host it "
             "removes at the end.\nset -e\n\n"
             "root=$(mktemp -d)\nchild=$(mktemp)\nfinish() {\n  rm -f \"$child\"; rmdir \"$root\" 2>/dev/null || :\n");
    if (plan->unit != NULL) {
        sc_buf_addf(out, "  kill \"$PID\" 2>/dev/null || :\n  systemctl%s -q stop ",
                    plan->unit_is_user ? " --user" : "");
        sc_buf_add_shell(out, plan->unit);
        sc_buf_adds(out, " 2>/dev/null || :\n");
    }
    if (has_link(plan))
        sc_buf_addf(out, "  kill \"$NET\" 2>/dev/null || :\n%s",
                    plan->net_shell_down != NULL ? plan->net_shell_down : "");
    for (size_t i = 0; i < plan->cgroup_dirs.count; i++) {
        sc_buf_adds(out, "  rmdir ");
        sc_buf_add_shell(out, plan->cgroup_dirs.items[i]);
        sc_buf_adds(out, " 2>/dev/null || :\n");
    }
    if (plan->resctrl_dir != NULL) {
        sc_buf_adds(out, "  rmdir ");
        sc_buf_add_shell(out, plan->resctrl_dir);
        sc_buf_adds(out, " 2>/dev/null || :\n");
    }
    sh_layers(plan, false, out);
    sc_buf_adds(out, "}\ntrap finish EXIT\n\n# --- on the host\n");
    sh_host_half(&plan->before, out);
    sh_host_half(&plan->beside, out);
    sh_layers(plan, true, out);
    if (has_link(plan))
        sh_network(plan, out);
    sc_buf_adds(out, "\n# --- in the new namespaces\ncat > \"$child\" <<'END_OF_CHILD'\nroot=$1\n");
    for (size_t i = 0; i < plan->child.count; i++) {
        sc_cleanup_buf lines = SC_BUF_INIT;

        if (plan->child.items[i].op == SC_OP_WAIT_HOOKS)
            sh_hooks(plan, out);
        if (sc_sh_child_step(plan, &plan->child.items[i], &lines))
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
    sh_resctrl_join(plan, out);
    sc_buf_adds(out, "  exec ");
    sh_unshare(plan, out);
    sc_buf_adds(out, ")\n");
    return sc_buf_check(out, err);
}
