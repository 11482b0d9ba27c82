/* sc doctor: tries what containers need of this host, and says how to mend what fails. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "kernel/cgroup/cgroup.h"
#include "kernel/trial.h"

struct doctor_options {
    char *format;
    bool quiet;
};

static const struct sc_option doctor_table[] = {
    {"format", 0, SC_OPTION_STR, offsetof(struct doctor_options, format), "how", "json, table, or a Go template", NULL,
     NULL},
    {"quiet", 'q', SC_OPTION_FLAG, offsetof(struct doctor_options, quiet), NULL, "Only what fails", NULL, NULL},
    {.name = NULL},
};
static const struct sc_column columns[] = {
    {"Status", "STATUS"}, {"Check", "CHECK"}, {"Need", "NEED"}, {"Detail", "DETAIL"}, {"Fix", "FIX"}, {NULL, NULL},
};

/* What goes missing with it. */
enum need {
    NEEDED,   /* no container starts */
    WANTED,   /* some option is refused, or a slower way is taken */
    ROOTLESS, /* needed without root, wanted with it */
};

static const struct check {
    enum sc_trial trial;
    const char *name;
    enum need need;
    const char *without; /* what does not work then */
    const char *fix;
} checks[] = {
    {SC_TRIAL_MOUNT_NS, "mount namespaces", NEEDED, "no container starts",
     "run as root; in a container, give this one CAP_SYS_ADMIN (--privileged)"},
    {SC_TRIAL_PID_NS, "pid namespaces", NEEDED, "no container starts",
     "run as root, or raise /proc/sys/user/max_pid_namespaces; kernel option CONFIG_PID_NS"},
    {SC_TRIAL_IPC_NS, "ipc namespaces", NEEDED, "only with --ipc host",
     "raise /proc/sys/user/max_ipc_namespaces; kernel option CONFIG_IPC_NS"},
    {SC_TRIAL_UTS_NS, "uts namespaces", NEEDED, "only with --uts host",
     "raise /proc/sys/user/max_uts_namespaces; kernel option CONFIG_UTS_NS"},
    {SC_TRIAL_NET_NS, "network namespaces", NEEDED, "only with --network host",
     "raise /proc/sys/user/max_net_namespaces; kernel option CONFIG_NET_NS"},
    {SC_TRIAL_CGROUP_NS, "cgroup namespaces", WANTED, "only with --cgroupns host",
     "raise /proc/sys/user/max_cgroup_namespaces; Linux 4.6 or later"},
    {SC_TRIAL_USER_NS, "user namespaces", ROOTLESS, "no --userns, and nothing without root",
     "sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1 "
     "kernel.apparmor_restrict_unprivileged_userns=0, those of the three that exist; in a chroot, nobody makes one"},
    {SC_TRIAL_TIME_NS, "time namespaces", WANTED, "no --time-offset", "Linux 5.6 or later, with CONFIG_TIME_NS"},
    {SC_TRIAL_SECCOMP, "seccomp filters", NEEDED, "only with --security-opt seccomp=unconfined",
     "kernel option CONFIG_SECCOMP_FILTER; in a container, one whose own filter allows seccomp(2)"},
    {SC_TRIAL_OVERLAY, "overlay in the data root", NEEDED, "images cannot be run, only --rootfs",
     "modprobe overlay; an overlay cannot lie on an overlay: set SC_DATA_ROOT to a directory of ext4, xfs or tmpfs"},
    {SC_TRIAL_IDMAP, "idmapped mounts in the data root", WANTED, "layers are copied for --userns",
     "Linux 5.12 or later and a file system that has them: ext4, xfs, btrfs, tmpfs (6.3)"},
    {SC_TRIAL_PIDFD, "clone3, pidfd", WANTED, "older calls are used", "Linux 5.3 or later"},
    {SC_TRIAL_OPENAT2, "openat2", WANTED, "paths are walked step by step", "Linux 5.6 or later"},
    {SC_TRIAL_MOUNT_API, "open_tree, mount_setattr", WANTED, "mount(2) is used", "Linux 5.12 or later"},
    {SC_TRIAL_BRIDGE, "bridges", WANTED, "no networks but none and host", "modprobe bridge"},
    {SC_TRIAL_VETH, "veth pairs", WANTED, "no networks but none and host", "modprobe veth"},
    {SC_TRIAL_NFTABLES, "nftables", WANTED, "no networks with NAT and ports", "modprobe nf_tables nft_nat nft_masq"},
    {SC_TRIAL_FUSE, "FUSE", WANTED, "no view of /proc with a container's limits", "modprobe fuse"},
    {SC_TRIAL_LANDLOCK, "Landlock", WANTED, "one wall less around what unpacks images",
     "Linux 5.19 or later, with CONFIG_SECURITY_LANDLOCK, and landlock in the boot parameter lsm="},
};

static const struct {
    const char *name, *flags, *fix;
} cgroup_checks[] = {
    {"memory", "-m", "boot with cgroup_enable=memory swapaccount=1"},
    {"cpu", "--cpus, --cpu-shares", "mount the cgroup hierarchies: mount -t cgroup2 none /sys/fs/cgroup"},
    {"pids", "--pids-limit", "kernel option CONFIG_CGROUP_PIDS"},
    {"cpuset", "--cpuset-cpus", "kernel option CONFIG_CPUSETS"},
    {"blkio", "--blkio-weight, --device-read-bps", "kernel option CONFIG_BLK_CGROUP"},
    {"devices", "device rules", "v1: CONFIG_CGROUP_DEVICE; v2: CONFIG_CGROUP_BPF"},
    {"freezer", "pause", "v1: CONFIG_CGROUP_FREEZER; v2: Linux 5.2 or later"},
};

struct doctor {
    struct sc_cli *cli;
    json_t *rows;
    bool is_root, has_failed;
};

static void
add(struct doctor *d, const char *name, bool is_needed, const char *detail, const char *fix)
{
    d->has_failed = d->has_failed || (fix && is_needed);
    (void)json_array_append_new(d->rows, json_pack("{s:s, s:s, s:s, s:s, s:s}", "Status",
                                                   !fix        ? "ok"
                                                   : is_needed ? "FAILED"
                                                               : "missing",
                                                   "Check", name, "Need", is_needed ? "needed" : "optional", "Detail",
                                                   detail, "Fix", fix ? fix : ""));
}

static void
check_trials(struct doctor *d, int data_fd)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(checks); i++) {
        const struct check *c = &checks[i];
        bool is_needed = c->need == NEEDED || (c->need == ROOTLESS && !d->is_root);
        struct sc_err err = SC_ERR_INIT;
        int result;

        if ((c->trial == SC_TRIAL_IDMAP || c->trial == SC_TRIAL_BRIDGE || c->trial == SC_TRIAL_VETH ||
             c->trial == SC_TRIAL_NFTABLES) &&
            !d->is_root)
            continue; /* not used without root */
        if ((c->trial == SC_TRIAL_OVERLAY || c->trial == SC_TRIAL_IDMAP) && data_fd < 0)
            continue; /* its own line says why */
        result = sc_trial_run(c->trial, data_fd);
        if (result == 0) {
            add(d, c->name, is_needed, "", NULL);
            continue;
        }
        sc_err_errno(&err, -result, "%s", c->without);
        add(d, c->name, is_needed, err.msg, c->fix);
    }
}

static int
check_cgroups(struct doctor *d, struct sc_err *err)
{
    struct sc_cgroup_layout layout;

    if (sc_cgroup_detect(&d->cli->arena, &layout, err) < 0)
        return -1;
    if (!d->is_root && sc_cgroup_keep_delegated(&layout, &d->cli->arena, err) < 0)
        return -1;
    if (layout.count == 0) {
        add(d, "cgroups", d->is_root, d->is_root ? "none is mounted" : "no cgroup of this user's own: no limits",
            d->is_root ? "mount -t cgroup2 none /sys/fs/cgroup"
                       : "systemd-run --user --scope -p Delegate=yes, or let root give a cgroup away");
        return 0;
    }
    add(d, "cgroups", d->is_root,
        sc_arena_printf(&d->cli->arena, "%s%s", sc_cgroup_mode_name(layout.mode),
                        layout.has_swap_accounting ? "" : ", swap is not accounted"),
        NULL);
    for (size_t i = 0; i < SC_ARRAY_LEN(cgroup_checks); i++) {
        struct sc_err one = SC_ERR_INIT;
        const char *name = sc_arena_printf(&d->cli->arena, "cgroup controller %s", cgroup_checks[i].name);

        if (!name)
            return sc_err_nomem(err);
        if (sc_trial_controller(&layout, cgroup_checks[i].name, &one) == 0)
            add(d, name, false, "", NULL);
        else
            add(d, name, false, sc_arena_printf(&d->cli->arena, "no %s: %s", cgroup_checks[i].flags, one.msg),
                one.remedy[0] && one.kind != SC_ERR_UNSUPPORTED ? sc_arena_strdup(&d->cli->arena, one.remedy)
                                                                : cgroup_checks[i].fix);
    }
    return sc_arena_check(&d->cli->arena, err);
}

static int
check_helpers(struct doctor *d, struct sc_err *err)
{
    static const char *const programs[] = {SC_NEWUIDMAP, SC_NEWGIDMAP};
    const char *note = NULL;

    for (size_t i = 0; i < SC_ARRAY_LEN(programs); i++) {
        int result = sc_trial_helper(programs[i]);
        struct sc_err one = SC_ERR_INIT;

        if (result == 0) {
            add(d, programs[i], false, "", NULL);
            continue;
        }
        sc_err_errno(&one, -result, "without root only id 0 exists");
        add(d, programs[i], false, one.msg,
            result == -ENOENT ? "apt-get install uidmap"
                              : sc_arena_printf(&d->cli->arena, "chmod u+s %s", programs[i]));
    }
    if (sc_rootless_note(&d->cli->engine, &d->cli->arena, &note, err) < 0)
        return -1;
    if (!d->is_root)
        add(d, "ranges of ids", false, note ? note : "",
            note ? "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER" : NULL);
    return sc_arena_check(&d->cli->arena, err);
}

/* Without root: the program that carries the packets, and what it is made of. */
static int
check_carrier(struct doctor *d, struct sc_err *err)
{
    struct sc_err why = SC_ERR_INIT;
    const char *name = "pasta or slirp4netns", *detail, *fix;

    if (sc_helper_is_there(&why)) {
        add(d, name, false, "", NULL);
        return 0;
    }
    detail = sc_arena_printf(&d->cli->arena, "no networks but none and host: %s", why.msg);
    fix = sc_arena_strdup(&d->cli->arena, why.remedy);
    if (!detail || !fix)
        return sc_err_nomem(err);
    add(d, name, false, detail, fix);
    return 0;
}

/* Rules of others are theirs to change. */
static int
check_forwarding(struct doctor *d, struct sc_err *err)
{
    static const char *const fixes[] = {
        [SC_FORWARD_DOCKER] = "iptables -I DOCKER-USER -i " SC_NET_DEFAULT
                              " -j ACCEPT; iptables -I DOCKER-USER -o " SC_NET_DEFAULT " -j ACCEPT",
        [SC_FORWARD_UFW] = "ufw route allow in on " SC_NET_DEFAULT "; ufw route allow out on " SC_NET_DEFAULT,
    };
    const char *name = "forwarding of packets", *family, *detail, *fix;
    struct sc_forward_drop drop;

    if (!sc_forward_is_dropped(SC_NET_DEFAULT, &drop)) {
        add(d, name, false, "", NULL);
        return 0;
    }
    family = drop.family == NFPROTO_INET ? "inet" : "ip";
    detail =
        sc_arena_printf(&d->cli->arena,
                        "chain %s of table %s %s drops it: ports are not reached from outside, and containers reach "
                        "nothing there",
                        drop.chain, family, drop.table);
    fix = drop.whose == SC_FORWARD_OTHER
              ? sc_arena_printf(&d->cli->arena,
                                "nft insert rule %s %s %s iifname " SC_NET_DEFAULT
                                " accept; nft insert rule %s %s %s oifname " SC_NET_DEFAULT " accept",
                                family, drop.table, drop.chain, family, drop.table, drop.chain)
              : fixes[drop.whose];
    if (!detail || !fix)
        return sc_err_nomem(err);
    add(d, name, false, detail, fix);
    return 0;
}

static void
print(const struct doctor *d, bool quiet)
{
    const json_t *row;
    size_t i;

    json_array_foreach (d->rows, i, row) {
        const char *status = json_string_value(json_object_get(row, "Status"));
        const char *detail = json_string_value(json_object_get(row, "Detail"));
        const char *fix = json_string_value(json_object_get(row, "Fix"));

        if (quiet && !*fix)
            continue;
        (void)printf("%-8s %s%s%s\n", status, json_string_value(json_object_get(row, "Check")), *detail ? ": " : "",
                     detail);
        if (*fix)
            (void)printf("         fix: %s\n", fix);
    }
}

static int
run_doctor(struct sc_cli *cli, struct sc_err *err)
{
    struct doctor_options options = {.format = NULL};
    struct doctor d = {.cli = cli, .is_root = geteuid() == 0};
    struct sc_err store = SC_ERR_INIT;
    sc_cleanup_json rows = json_array();
    struct sc_strv args = {0};
    bool has_engine;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    d.rows = rows;
    has_engine = sc_cli_engine(cli, &store) == 0;
    add(&d, "data root and run root", true, has_engine ? cli->engine.data_path : store.msg,
        has_engine ? NULL : "set SC_DATA_ROOT and SC_RUN_ROOT to directories of this user");
    check_trials(&d, has_engine ? cli->engine.data_fd : -1);
    if ((d.is_root ? check_forwarding(&d, err) : check_carrier(&d, err)) < 0 || check_cgroups(&d, err) < 0 ||
        (has_engine && check_helpers(&d, err) < 0))
        return -1;
    if (options.format) {
        struct sc_list_format how = {.format = options.format,
                                     .columns = columns,
                                     .default_table = "{{.Status}}\t{{.Check}}\t{{.Need}}\t{{.Detail}}"};

        if (sc_list_print(&how, rows, err) < 0)
            return -1;
    } else {
        print(&d, options.quiet);
    }
    return d.has_failed ? 1 : 0;
}

const struct sc_command sc_cmd_doctor = {
    .name = "doctor",
    .synopsis = "[OPTIONS]",
    .help = "Try what containers need of this host; 1 if something needed fails",
    .options = doctor_table,
    .run = run_doctor,
};
