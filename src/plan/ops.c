/* One row per op: its name, and how a step of it is told to a person, as a title and as system calls. */
#include <linux/netlink.h>
#include <string.h>

#include "plan/ops-priv.h"

static void
print_cgroup_create(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make cgroup %s%s", s->u.cgroup.mount_point, s->u.cgroup.path);
    sc_buf_addf(out, "mkdir(\"%s%s\", 0755)", s->u.cgroup.mount_point, s->u.cgroup.path);
    if (s->u.cgroup.is_v2 && s->u.cgroup.need_controllers != NULL && s->u.cgroup.need_controllers->count > 0) {
        sc_buf_adds(out, "; write(\"cgroup.subtree_control\" of its parents, \"");
        for (size_t i = 0; i < s->u.cgroup.need_controllers->count; i++)
            sc_buf_addf(out, "%s+%s", i > 0 ? " " : "", s->u.cgroup.need_controllers->items[i]);
        sc_buf_adds(out, "\")");
    }
}

/* The words of busctl(1), which makes the same call. */
static void
print_unit_start(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_strv words = {.count = 0};

    TITLE("start unit %s in %s", s->u.unit.unit->name, s->u.unit.unit->slice);
    sc_systemd_start_words(s->u.unit.unit->name, &s->u.unit.unit->properties, 0, &arena, &words);
    sc_buf_adds(out, "fork(); StartTransientUnit(");
    for (size_t i = 0; i < words.count; i++) {
        bool is_quoted = words.items[i][0] == '\0' || strchr(words.items[i], ' ') != NULL;

        sc_buf_addf(out, is_quoted ? "%s\"%s\"" : "%s%s", i > 0 ? " " : "", words.items[i]);
    }
    sc_buf_adds(out, ")");
}

static void
print_unit_attach(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("move the process into unit %s", s->u.unit.unit->name);
    sc_buf_addf(out, "AttachProcessesToUnit(%s \"\" 1 $PID)", s->u.unit.unit->name);
}

static void
print_cgroup_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open cgroup %s%s", s->u.cgroup.mount_point, s->u.cgroup.path);
    sc_buf_addf(out, "open(\"%s%s\", O_PATH|O_DIRECTORY)", s->u.cgroup.mount_point, s->u.cgroup.path);
}

static void
print_cgroup_write(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set %s to %s", s->u.cgroup_write.file, s->u.cgroup_write.value);
    sc_buf_addf(out, "write(\"%s%s/%s\", \"%s\")", s->u.cgroup_write.mount_point, s->u.cgroup_write.path,
                s->u.cgroup_write.file, s->u.cgroup_write.value);
}

static void
print_cgroup_devices(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("limit devices: %s", s->u.devices.summary);
    sc_buf_addf(out,
                "bpf(BPF_PROG_LOAD, {BPF_PROG_TYPE_CGROUP_DEVICE, %zu insns}); bpf(BPF_PROG_ATTACH, BPF_CGROUP_DEVICE)",
                s->u.devices.insn_count);
}

static void
print_packet(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("%s", s->u.packet->title);
    sc_buf_addf(out, "sendto(%s, %zu bytes): %s",
                s->u.packet->family == NETLINK_NETFILTER ? "NETLINK_NETFILTER" : "NETLINK_ROUTE", s->u.packet->len,
                s->u.packet->shell);
}

static void
print_names(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("%s", s->u.packet->title);
    sc_buf_addf(
        out,
        "setns(CLONE_NEWNET of the child); sendto(NETLINK_NETFILTER, %zu bytes): what goes to %s:%d goes to port %d; "
        "bind(SOCK_DGRAM, and SOCK_STREAM, %s:%d); setns(back)",
        s->u.packet->len, SC_NAMES_ADDRESS, SC_NAMES_DNS, SC_NAMES_PORT, SC_NAMES_ADDRESS, SC_NAMES_PORT);
}

static void
print_wait_link(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    (void)s;
    TITLE("wait for the link");
    sc_buf_adds(out, "recv() from the launcher");
}

static void
print_ns_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open %s namespace %s", sc_ns_table[s->u.ns.kind].oci_name, s->u.ns.path);
    sc_buf_addf(out, "open(\"%s\", O_RDONLY|O_CLOEXEC)", s->u.ns.path);
}

static void
print_pidfd_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open process %d", (int)s->u.ns.pid);
    sc_buf_addf(out, "pidfd_open(%d, 0)", (int)s->u.ns.pid);
}

static void
print_root_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open the root of process %d", (int)s->u.ns.pid);
    sc_buf_addf(out, "open(\"/proc/%d/root\", O_PATH|O_DIRECTORY)", (int)s->u.ns.pid);
}

static void
print_ns_join(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    if (what == SC_PRINT_TITLE && s->u.ns.path != NULL)
        sc_buf_addf(out, "join %s namespace %s", sc_ns_table[s->u.ns.kind].oci_name, s->u.ns.path);
    else if (what == SC_PRINT_TITLE)
        sc_buf_addf(out, "join the namespaces of process %d", (int)s->u.ns.pid);
    else {
        sc_buf_addf(out, "setns(fd of %s, ", s->u.ns.path != NULL ? s->u.ns.path : "the pidfd");
        sc_print_clone_flags(s->u.ns.flags, out);
        sc_buf_addc(out, ')');
    }
}

static void
print_one_line(const char *text, struct sc_buf *out)
{
    for (const char *p = text; p != NULL && *p != '\0'; p++)
        if (*p != '\n')
            sc_buf_addc(out, *p);
        else if (p[1] != '\0')
            sc_buf_adds(out, ", ");
}

static void
print_idmap_ns(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make a user namespace for idmapped mounts");
    sc_buf_adds(out, "clone(CLONE_NEWUSER); write(\"/proc/PID/uid_map\", \"");
    print_one_line(s->u.idmap.uid_map, out);
    sc_buf_adds(out, "\"); open(\"/proc/PID/ns/user\")");
}

/* newuidmap's arguments are the map's words. */
static void
print_helper(const char *program, const char *map, struct sc_buf *out)
{
    sc_buf_addf(out, "%s PID", program);
    while (*map != '\0') {
        size_t len = strcspn(map, " \n");

        sc_buf_addc(out, ' ');
        sc_buf_add(out, map, len);
        map += len + (map[len] != '\0');
    }
}

static void
print_idmap_write(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("map ids");
    if (s->u.idmap.how == SC_IDMAP_BY_HELPERS) {
        print_helper(SC_NEWUIDMAP, s->u.idmap.uid_map, out);
        sc_buf_adds(out, "; ");
        print_helper(SC_NEWGIDMAP, s->u.idmap.gid_map, out);
        return;
    }
    if (s->u.idmap.how == SC_IDMAP_OWN_ID)
        sc_buf_adds(out, "write(\"/proc/PID/setgroups\", \"deny\"); ");
    sc_buf_adds(out, "write(\"/proc/PID/uid_map\", \"");
    print_one_line(s->u.idmap.uid_map, out);
    sc_buf_adds(out, "\"); write(\"/proc/PID/gid_map\", \"");
    print_one_line(s->u.idmap.gid_map, out);
    sc_buf_adds(out, "\")");
}

static void
print_clone(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("clone the process");
    if (s->u.clone.join_count > 0)
        sc_buf_adds(out, "fork(); ");
    for (size_t i = 0; i < s->u.clone.join_count; i++) {
        sc_buf_addf(out, "setns(fd of %s, ", s->u.clone.joins[i].path);
        sc_print_clone_flags(sc_ns_table[s->u.clone.joins[i].kind].clone_flag, out);
        sc_buf_adds(out, "); ");
    }
    sc_buf_adds(out, "clone3(");
    sc_print_clone_flags(s->u.clone.flags, out);
    sc_buf_addf(out, "%s%s|CLONE_PIDFD)", s->u.clone.join_count > 0 ? "|CLONE_PARENT" : "",
                s->u.clone.cgroup_slot != SC_SLOT_NONE ? "|CLONE_INTO_CGROUP" : "");
}

static void
print_hooks(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    const char *separator = "";

    if (what == SC_PRINT_TITLE)
        sc_buf_adds(out, "run hooks: ");
    for (size_t i = 0; i < SC_ARRAY_LEN(s->u.hooks.lists); i++) {
        for (size_t k = 0; s->u.hooks.lists[i] != NULL && k < s->u.hooks.lists[i]->count; k++) {
            const char *path = s->u.hooks.lists[i]->items[k].path;

            if (what == SC_PRINT_TITLE)
                sc_buf_addf(out, "%s%s %s", separator, s->u.hooks.names[i], path);
            else
                sc_buf_addf(out, "%sfork(); execve(\"%s\") with the state on its standard input", separator, path);
            separator = "; ";
        }
    }
}

static void
print_cgroup_join(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("enter cgroup %s%s", s->u.cgroup.mount_point, s->u.cgroup.path);
    sc_buf_addf(out, "write(\"%s%s/tasks\", \"0\")", s->u.cgroup.mount_point, s->u.cgroup.path);
}

static void
print_unshare(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make a %s namespace", sc_ns_table[s->u.ns.kind].oci_name);
    sc_buf_adds(out, "unshare(");
    sc_print_clone_flags(s->u.ns.flags, out);
    sc_buf_addc(out, ')');
}

static void
print_time_offsets(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make a time namespace");
    sc_buf_adds(out, "unshare(CLONE_NEWTIME); write(\"/proc/self/timens_offsets\", \"");
    print_one_line(s->u.text.text, out);
    sc_buf_adds(out, "\"); setns(\"/proc/self/ns/time_for_children\", CLONE_NEWTIME)");
}

#define PRINT_FIXED(function, title, call)                                                                             \
    static void function(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)                         \
    {                                                                                                                  \
        (void)s;                                                                                                       \
        sc_buf_adds(out, what == SC_PRINT_TITLE ? (title) : (call));                                                   \
    }
PRINT_FIXED(print_wait_unit, "wait to be in the unit", "recvmsg(launcher)")
PRINT_FIXED(print_wait_cgroups, "wait for the cgroups", "recvmsg(launcher, SCM_RIGHTS)")
PRINT_FIXED(print_wait_maps, "wait for the id maps", "recvmsg(launcher)")
PRINT_FIXED(print_setsid, "start a session", "setsid()")
PRINT_FIXED(print_loopback, "bring lo up", "ioctl(SIOCSIFFLAGS, {\"lo\", IFF_UP})")
PRINT_FIXED(print_wait_net_devices, "wait for network devices", "recvmsg(launcher)")
PRINT_FIXED(print_wait_hooks, "wait for hooks", "recvmsg(launcher)")
PRINT_FIXED(print_pivot, "pivot to the new root",
            "fchdir(root); pivot_root(\".\", \".\"); umount2(\".\", MNT_DETACH); chdir(\"/\"); "
            "setns(\"/proc/self/ns/mnt\"): once more if that leads elsewhere, out of a caller's chroot")
PRINT_FIXED(print_chroot, "change to the new root", "fchdir(root); chroot(\".\"); chdir(\"/\")")
PRINT_FIXED(print_root_readonly, "make the root read-only", "mount_setattr(root, MOUNT_ATTR_RDONLY)")
PRINT_FIXED(print_no_new_privs, "forbid new privileges", "prctl(PR_SET_NO_NEW_PRIVS, 1)")
PRINT_FIXED(print_pdeathsig, "die with the monitor", "prctl(PR_SET_PDEATHSIG, SIGKILL)")
PRINT_FIXED(print_wait_start, "wait for start", "accept(gate)")
PRINT_FIXED(print_scheduler, "set the scheduling policy", "sched_setattr(0)")
PRINT_FIXED(print_io_priority, "set the I/O priority", "ioprio_set(IOPRIO_WHO_PROCESS, 0)")
PRINT_FIXED(print_memory_policy, "set the NUMA memory policy", "set_mempolicy()")

static void
print_net_devices(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    if (what == SC_PRINT_TITLE)
        sc_buf_adds(out, "move network devices: ");
    for (size_t i = 0; i < s->u.net_devices.count; i++) {
        const struct sc_oci_net_device *d = &s->u.net_devices.items[i];
        const char *name = d->name != NULL ? d->name : d->host_name;

        if (what == SC_PRINT_TITLE)
            sc_buf_addf(out, "%s%s", i > 0 ? ", " : "", d->host_name);
        else
            sc_buf_addf(out,
                        "%srtnetlink(RTM_NEWLINK \"%s\", IFLA_NET_NS_FD of the child, IFLA_IFNAME \"%s\"); "
                        "RTM_NEWADDR for each permanent address; RTM_NEWLINK IFF_UP",
                        i > 0 ? "; " : "", d->host_name, name);
    }
}

static void
print_keyring(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("join a new session keyring");
    sc_buf_addf(out, "keyctl(KEYCTL_JOIN_SESSION_KEYRING, \"%s\")", s->u.text.text);
}

static void
print_hostname(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the host name to %s", s->u.text.text);
    sc_buf_addf(out, "sethostname(\"%s\")", s->u.text.text);
}

static void
print_domainname(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the domain name to %s", s->u.text.text);
    sc_buf_addf(out, "setdomainname(\"%s\")", s->u.text.text);
}

static void
print_console(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open a terminal");
    sc_buf_addf(out, "open(\"/dev/pts/ptmx\"); ioctl(TIOCGPTPEER); %sioctl(TIOCSCTTY); dup2(0, 1, 2)",
                s->u.console.binds_console ? "bind it on \"/dev/console\"; " : "");
}

static void
print_sysctl(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set /proc/%s to %s", s->u.text.text, s->u.text.value);
    sc_buf_addf(out, "write(\"/proc/%s\", \"%s\")", s->u.text.text, s->u.text.value);
}

static void
print_rlimit(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("limit %s", sc_rlimit_name(s->u.rlimit.resource));
    sc_buf_addf(out, "prlimit(%s, {%llu, %llu})", sc_rlimit_name(s->u.rlimit.resource),
                (unsigned long long)s->u.rlimit.soft, (unsigned long long)s->u.rlimit.hard);
}

static void
print_oom_score(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set oom_score_adj to %lld", (long long)s->u.number.value);
    sc_buf_addf(out, "write(\"/proc/self/oom_score_adj\", \"%lld\")", (long long)s->u.number.value);
}

static void
print_affinity(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("run on CPUs %s", s->u.text.text);
    sc_buf_addf(out, "sched_setaffinity(0, {%s})", s->u.text.text);
}

static void
print_personality(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the personality");
    sc_buf_addf(out, "personality(0x%llx)", (unsigned long long)s->u.number.value);
}

static void
print_cgroup_owner(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("give cgroup %s%s to user %u", s->u.cgroup_owner.mount_point, s->u.cgroup_owner.path, s->u.cgroup_owner.uid);
    sc_buf_addf(out, "chown(\"%s%s\" and its files that /sys/kernel/cgroup/delegate lists, %u, -1)",
                s->u.cgroup_owner.mount_point, s->u.cgroup_owner.path, s->u.cgroup_owner.uid);
}

static void
print_label(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the %s label \"%s\"", s->u.label.module, s->u.label.value);
    sc_buf_addf(out, "write(\"/proc/thread-self/attr/%s\"", s->u.label.files[0]);
    if (s->u.label.files[1] != NULL)
        sc_buf_addf(out, " or \"%s\"", s->u.label.files[1]);
    sc_buf_addf(out, ", \"%s\")", s->u.label.value);
}

static void
print_umask(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the umask");
    sc_buf_addf(out, "umask(0%03o)", (unsigned)s->u.number.value);
}

static void
print_cwd(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("change to directory %s", s->u.text.text);
    sc_buf_addf(out, "fchdir(openat2(root, \"%s\", RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS))", s->u.text.text);
}

static void
print_find_program(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("find program %s", s->u.exec.candidates[0]);
    sc_buf_adds(out, "access(");
    for (char *const *p = s->u.exec.candidates; *p != NULL; p++)
        sc_buf_addf(out, "%s\"%s\"", p != s->u.exec.candidates ? " or " : "", *p);
    sc_buf_adds(out, ", X_OK)");
}

static void
print_become_root(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    if (what == SC_PRINT_TITLE && s->u.ids.uid != 0)
        sc_buf_addf(out, "become user %u of the user namespace", s->u.ids.uid);
    else if (what == SC_PRINT_TITLE)
        sc_buf_adds(out, "become root of the user namespace");
    else
        sc_buf_addf(out, "setgroups(0, NULL); setresgid(%2$u, %2$u, %2$u); setresuid(%1$u, %1$u, %1$u)", s->u.ids.uid,
                    s->u.ids.gid);
}

static void
print_detach(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("detach the host's %s", s->u.text.text);
    sc_buf_addf(out, "umount2(\"%s\", MNT_DETACH) or mount a tmpfs on it", s->u.text.text);
}

static void
print_home(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("find the home directory of user %u", s->u.home.uid);
    sc_buf_adds(out, "read(openat2(root, \"/etc/passwd\")); HOME is its directory there, or \"/\"");
}

static void
print_null_fds(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    (void)s;
    TITLE("take the container's /dev/null");
    sc_buf_adds(out, "for 0, 1 and 2 where they are the host's: dup2(open(\"/dev/null\", O_RDWR))");
}

static void
print_close_fds(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("close the launcher's descriptors");
    sc_buf_addf(out, "close_range(%lld, ~0U, 0)", 3 + (long long)s->u.number.value);
}

static void
print_caps_bounding(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("drop capabilities from the bounding set");
    sc_buf_adds(out, "prctl(PR_CAPBSET_DROP) all but ");
    sc_print_caps(s->u.caps.bounding, out);
}

static void
print_set_ids(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("become user %u, group %u", s->u.ids.uid, s->u.ids.gid);
    sc_buf_addf(out, "setgroups(%zu, [", s->u.ids.group_count);
    for (size_t i = 0; i < s->u.ids.group_count; i++)
        sc_buf_addf(out, "%s%u", i > 0 ? ", " : "", s->u.ids.groups[i]);
    sc_buf_adds(out, s->u.ids.may_keep_groups ? "]) or EPERM; " : "]); ");
    sc_buf_addf(out, "setresgid(%2$u, %2$u, %2$u); setresuid(%1$u, %1$u, %1$u)", s->u.ids.uid, s->u.ids.gid);
}

static void
print_caps_set(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set capabilities");
    sc_buf_adds(out, "capset(effective=");
    sc_print_caps(s->u.caps.effective, out);
    sc_buf_adds(out, ", permitted=");
    sc_print_caps(s->u.caps.permitted, out);
    sc_buf_adds(out, ", inheritable=");
    sc_print_caps(s->u.caps.inheritable, out);
    sc_buf_addc(out, ')');
    if (s->u.caps.ambient != 0) {
        sc_buf_adds(out, "; prctl(PR_CAP_AMBIENT_RAISE) ");
        sc_print_caps(s->u.caps.ambient, out);
    }
}

static void
print_calls(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    (void)s;
    TITLE("have sysinfo and sched_getaffinity answered");
    sc_buf_adds(out, "seccomp(SECCOMP_SET_MODE_FILTER, NEW_LISTENER): SECCOMP_RET_USER_NOTIF for sysinfo and "
                     "sched_getaffinity");
}

static void
print_seccomp(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("load the seccomp filter");
    sc_buf_addf(out, "seccomp(SECCOMP_SET_MODE_FILTER): %s",
                s->u.seccomp.profile->is_sc_default ? "sc's default profile" : "the config's profile");
}

static void
print_exec(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("execute %s", s->u.exec.argv[0]);
    sc_buf_adds(out, "execve(");
    for (char *const *p = s->u.exec.argv; *p != NULL; p++) {
        sc_buf_addf(out, "%s", p == s->u.exec.argv ? "[" : ", ");
        sc_buf_add_json(out, *p, strlen(*p));
    }
    size_t count = 0;
    while (s->u.exec.envp != NULL && s->u.exec.envp[count] != NULL)
        count++;
    sc_buf_addf(out, "], %zu variables)", count);
}

const struct sc_op_row sc_op_table[SC_OP_COUNT] = {
    [SC_OP_UNIT_START] = {"unit-start", print_unit_start},
    [SC_OP_UNIT_ATTACH] = {"unit-attach", print_unit_attach},
    [SC_OP_WAIT_UNIT] = {"wait-unit", print_wait_unit},
    [SC_OP_WAIT_CGROUPS] = {"wait-cgroups", print_wait_cgroups},
    [SC_OP_CGROUP_CREATE] = {"cgroup-create", print_cgroup_create},
    [SC_OP_CGROUP_OPEN] = {"cgroup-open", print_cgroup_open},
    [SC_OP_CGROUP_WRITE] = {"cgroup-write", print_cgroup_write},
    [SC_OP_CGROUP_DEVICES] = {"cgroup-devices", print_cgroup_devices},
    [SC_OP_CGROUP_OWNER] = {"cgroup-owner", print_cgroup_owner},
    [SC_OP_NS_OPEN] = {"ns-open", print_ns_open},
    [SC_OP_PIDFD_OPEN] = {"pidfd-open", print_pidfd_open},
    [SC_OP_ROOT_OPEN] = {"root-open", print_root_open},
    [SC_OP_IDMAP_NS] = {"idmap-ns", print_idmap_ns},
    [SC_OP_TREE_OPEN] = {"tree-open", sc_print_tree_open},
    [SC_OP_NET_PUBLISH] = {"net-publish", print_packet},
    [SC_OP_CLONE] = {"clone", print_clone},
    [SC_OP_IDMAP_WRITE] = {"idmap-write", print_idmap_write},
    [SC_OP_NET_DEVICES] = {"net-devices", print_net_devices},
    [SC_OP_NET_NAMES] = {"net-names", print_names},
    [SC_OP_NET_LINK] = {"net-link", print_packet},
    [SC_OP_NET_RATE] = {"net-rate", print_packet},
    [SC_OP_HOOKS_RUNTIME] = {"hooks-runtime", print_hooks},
    [SC_OP_RESCTRL] = {"resctrl", sc_print_resctrl},
    [SC_OP_RESCTRL_JOIN] = {"resctrl-join", sc_print_resctrl_join},
    [SC_OP_CGROUP_JOIN] = {"cgroup-join", print_cgroup_join},
    [SC_OP_NS_JOIN] = {"ns-join", print_ns_join},
    [SC_OP_WAIT_MAPS] = {"wait-maps", print_wait_maps},
    [SC_OP_BECOME_ROOT] = {"become-root", print_become_root},
    [SC_OP_UNSHARE] = {"unshare", print_unshare},
    [SC_OP_TIME_OFFSETS] = {"time-offsets", print_time_offsets},
    [SC_OP_SETSID] = {"setsid", print_setsid},
    [SC_OP_KEYRING] = {"keyring", print_keyring},
    [SC_OP_HOSTNAME] = {"hostname", print_hostname},
    [SC_OP_DOMAINNAME] = {"domainname", print_domainname},
    [SC_OP_LOOPBACK_UP] = {"loopback-up", print_loopback},
    [SC_OP_WAIT_LINK] = {"wait-link", print_wait_link},
    [SC_OP_NET_ADDRESS] = {"net-address", print_packet},
    [SC_OP_PROPAGATION] = {"propagation", sc_print_propagation},
    [SC_OP_OVERLAY] = {"overlay", sc_print_overlay},
    [SC_OP_ROOT_ATTACH] = {"root-attach", sc_print_root_attach},
    [SC_OP_MOUNT] = {"mount", sc_print_mount},
    [SC_OP_MOUNT_TREE] = {"mount-tree", sc_print_mount_tree},
    [SC_OP_MKNOD] = {"mknod", sc_print_mknod},
    [SC_OP_SYMLINK] = {"symlink", sc_print_symlink},
    [SC_OP_CONSOLE] = {"console", print_console},
    [SC_OP_WAIT_NET_DEVICES] = {"wait-net-devices", print_wait_net_devices},
    [SC_OP_WAIT_HOOKS] = {"wait-hooks", print_wait_hooks},
    [SC_OP_HOOKS_CONTAINER] = {"hooks-container", print_hooks},
    [SC_OP_SYSCTL] = {"sysctl", print_sysctl},
    [SC_OP_PIVOT] = {"pivot", print_pivot},
    [SC_OP_DETACH] = {"detach", print_detach},
    [SC_OP_CHROOT] = {"chroot", print_chroot},
    [SC_OP_READONLY_PATH] = {"readonly-path", sc_print_readonly_path},
    [SC_OP_MASK_PATH] = {"mask-path", sc_print_mask_path},
    [SC_OP_ROOT_READONLY] = {"root-readonly", print_root_readonly},
    [SC_OP_ROOT_PROPAGATION] = {"root-propagation", sc_print_root_propagation},
    [SC_OP_RLIMIT] = {"rlimit", print_rlimit},
    [SC_OP_OOM_SCORE] = {"oom-score", print_oom_score},
    [SC_OP_SCHEDULER] = {"scheduler", print_scheduler},
    [SC_OP_IO_PRIORITY] = {"io-priority", print_io_priority},
    [SC_OP_AFFINITY] = {"affinity", print_affinity},
    [SC_OP_PERSONALITY] = {"personality", print_personality},
    [SC_OP_MEMORY_POLICY] = {"memory-policy", print_memory_policy},
    [SC_OP_LABEL] = {"label", print_label},
    [SC_OP_CWD] = {"cwd", print_cwd},
    [SC_OP_FIND_PROGRAM] = {"find-program", print_find_program},
    [SC_OP_WAIT_START] = {"wait-start", print_wait_start},
    [SC_OP_HOOKS_START] = {"hooks-start", print_hooks},
    [SC_OP_HOME] = {"home", print_home},
    [SC_OP_NULL_FDS] = {"null-fds", print_null_fds},
    [SC_OP_CLOSE_FDS] = {"close-fds", print_close_fds},
    [SC_OP_CAPS_BOUNDING] = {"caps-bounding", print_caps_bounding},
    [SC_OP_SET_IDS] = {"set-ids", print_set_ids},
    [SC_OP_UMASK] = {"umask", print_umask},
    [SC_OP_CAPS] = {"caps", print_caps_set},
    [SC_OP_NO_NEW_PRIVS] = {"no-new-privs", print_no_new_privs},
    [SC_OP_CALLS] = {"calls", print_calls},
    [SC_OP_SECCOMP] = {"seccomp", print_seccomp},
    [SC_OP_PDEATHSIG] = {"pdeathsig", print_pdeathsig},
    [SC_OP_EXEC] = {"exec", print_exec},
};
