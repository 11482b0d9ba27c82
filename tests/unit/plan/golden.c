/* Compiles a config from standard input for a made-up host and prints the plan, or the error: the driver of
 * tests/golden/run. */
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "plan/plan.h"

static const char v1_mounts[] = "30 1 0:25 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                "31 1 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                                "32 1 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                "33 1 0:28 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
                                "34 1 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
                                "35 1 0:30 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n"
                                "36 1 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
static const char hybrid_mount[] = "37 1 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
static const char v2_mount[] = "30 1 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
static const char v1_self[] =
    "7:name=systemd:/\n6:freezer:/\n5:pids:/\n4:devices:/\n3:memory:/\n2:cpuset:/\n1:cpu,cpuacct:/\n";

static int
make_host(const char *kind, struct sc_arena *arena, struct sc_host *host, struct sc_err *err)
{
    char mounts[4096] = "", self[4096] = "";

    *host = (struct sc_host){.caps = sc_caps_default(),
                             .cpu_count = 2,
                             .has_idmapped_mounts = true,
                             .has_time_namespaces = true,
                             .kernel_release = "6.1.0",
                             .machine = "x86_64"};
    if (strcmp(kind, "none") == 0)
        return 0;
    snprintf(mounts, sizeof(mounts), "%s%s", strcmp(kind, "v2") == 0 ? v2_mount : v1_mounts,
             strcmp(kind, "hybrid") == 0 ? hybrid_mount : "");
    snprintf(self, sizeof(self), "%s%s", strcmp(kind, "v2") == 0 ? "" : v1_self,
             strcmp(kind, "v1") == 0 ? "" : "0::/\n");
    if (sc_cgroup_parse_layout(mounts, self, arena, &host->cgroups, err) < 0)
        return -1;
    /* what detection reads of the root files */
    for (size_t i = 0; i < host->cgroups.count; i++)
        if (host->cgroups.items[i].is_v2 && strcmp(kind, "v2") == 0)
            for (size_t k = 0; k < 6; k++)
                sc_strv_add(&host->cgroups.items[i].controllers, arena,
                            (const char *[]){"cpuset", "cpu", "io", "memory", "hugetlb", "pids"}[k]);
    host->cgroups.cpuset_cpus = sc_arena_strdup(arena, "0-1");
    host->cgroups.cpuset_mems = sc_arena_strdup(arena, "0");
    host->cgroups.has_swap_accounting = true;
    return 0;
}

static int
run(int argc, char **argv, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_oci_spec spec = {0};
    struct sc_host host;
    struct sc_plan plan;
    struct sc_ask ask = {.id = "golden", .bundle = "/bundle", .cgroup_parent = "/sc"};
    enum sc_plan_format format = SC_PLAN_TEXT;
    struct sc_systemd systemd = {.version = 252,
                                 .control_group = sc_arena_strdup(arena, ""),
                                 .devices = sc_arena_strdup(arena, "Character devices:\n  1 mem\n136 pts\n\n"
                                                                   "Block devices:\n  8 sd\n")};
    char bytes[5][4] = {"pub", "lnk", "adr", "rat", "nam"};
    struct sc_net_packet packets[] = {
        {.title = "publish 0.0.0.0:80/tcp",
         .shell = "nft add element inet sc ports '{ tcp . 80 : 10.0.0.2 . 80 }'",
         .family = NETLINK_NETFILTER,
         .data = bytes[0],
         .len = sizeof(bytes[0])},
        {.title = "make link scv on bridge sc0",
         .shell = "ip link add scv type veth",
         .family = NETLINK_ROUTE,
         .data = bytes[1],
         .len = sizeof(bytes[1])},
        {.title = "give eth0 the address 10.0.0.2/24",
         .shell = "ip address add 10.0.0.2/24 dev eth0",
         .family = NETLINK_ROUTE,
         .data = bytes[2],
         .len = sizeof(bytes[2])},
        {.title = "set the rates of scv",
         .shell = "tc qdisc replace dev scv root handle 1: tbf rate 10mbit burst 65536 limit 190536",
         .family = NETLINK_ROUTE,
         .data = bytes[3],
         .len = sizeof(bytes[3])},
        {.title = "lead questions about names to 127.0.0.11",
         .shell = "",
         .family = NETLINK_NETFILTER,
         .data = bytes[4],
         .len = sizeof(bytes[4])},
    };
    struct sc_net_packet *link = &packets[1], *inside = &packets[2], *rate = &packets[3];
    struct sc_net_ask bridge = {
        .publish = &packets[0],
        .count = 1,
        .links = &link,
        .inside = &inside,
        .undo = "link-remove scv\n",
        .shell_up = "ip link add sc0 type bridge\n",
        .shell_down = "  nft delete element inet sc ports '{ tcp . 80 }'\n",
    };
    const char *kind = "v1";

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "host=", 5) == 0)
            kind = argv[i] + 5;
    if (make_host(kind, arena, &host, err) < 0)
        return -1;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (strcmp(word, "overlay") == 0) {
            sc_strv_add(&ask.overlay.lowerdirs, arena, "/layer/top/diff");
            sc_strv_add(&ask.overlay.lowerdirs, arena, "/layer/base/diff");
            ask.overlay.upperdir = sc_arena_strdup(arena, "/c/upper");
            ask.overlay.workdir = sc_arena_strdup(arena, "/c/work");
        } else if (strcmp(word, "erofs") == 0) { /* the upper of its two layers */
            sc_strv_add(&ask.overlay.images, arena, "/layer/top/erofs");
            sc_strv_add(&ask.overlay.images, arena, "");
        } else if (strcmp(word, "volatile") == 0)
            ask.overlay.is_volatile = true;
        else if (strcmp(word, "bare") == 0)
            sc_strv_add(&host.bare_mounts, arena, "/proc");
        else if (strcmp(word, "one-cpu") == 0)
            host.cpu_count = 1;
        else if (strcmp(word, "narrow") == 0)
            host.has_narrow_affinity = true;
        else if (strcmp(word, "systemd") == 0)
            ask.systemd = &systemd;
        else if (strcmp(word, "systemd-user") == 0) {
            host.uid = host.gid = 1000;
            systemd.is_user = true;
            systemd.control_group = sc_arena_strdup(arena, "/user.slice/user-1000.slice/user@1000.service");
            ask.systemd = &systemd;
        } else if (strcmp(word, "user") == 0) {
            host.uid = host.gid = 1000;
            host.cgroups.is_delegated_part = true;
            host.cgroups.count = 0;
        } else if (strcmp(word, "root-of-user-ns") == 0) {
            host.is_in_user_namespace = true;
            host.cgroups.is_delegated_part = true;
            host.cgroups.count = 0;
        } else if (strcmp(word, "delegated") == 0) {
            /* of v2 the whole, of v1 the memory hierarchy */
            host.uid = host.gid = 1000;
            host.cgroups.is_delegated_part = true;
            if (host.cgroups.count > 1) {
                host.cgroups.items[0] = host.cgroups.items[sc_cgroup_find(&host.cgroups, "memory")];
                host.cgroups.count = 1;
            }
            host.cgroups.items[0].mount_point =
                sc_arena_printf(arena, "%s/user-1000", host.cgroups.items[0].mount_point);
        } else if (strcmp(word, "ramfs") == 0)
            host.root_is_ramfs = true;
        else if (strcmp(word, "no-pivot") == 0)
            ask.no_pivot = true;
        else if (strcmp(word, "no-idmap") == 0)
            host.has_idmapped_mounts = false;
        else if (strcmp(word, "no-time") == 0)
            host.has_time_namespaces = false;
        else if (strcmp(word, "bridge") == 0)
            ask.net = bridge;
        else if (strcmp(word, "names") == 0)
            ask.net.names = &packets[4];
        else if (strcmp(word, "rate") == 0)
            ask.net.rates = &rate;
        else if (strcmp(word, "apparmor") == 0)
            host.has_apparmor = true;
        else if (strcmp(word, "resctrl") == 0) {
            host.has_resctrl = true;
            host.resctrl = sc_arena_strdup(arena, "/sys/fs/resctrl");
        } else if (strcmp(word, "resctrl-unmounted") == 0)
            host.has_resctrl = true;
        else if (strcmp(word, "selinux") == 0)
            host.has_selinux = true;
        else if (strcmp(word, "wait") == 0)
            ask.waits_for_start = true;
        else if (strcmp(word, "monitor") == 0)
            ask.dies_with_parent = true;
        else if (strcmp(word, "init") == 0)
            ask.init_path = "/libexec/sc-init";
        else if (strcmp(word, "no-cgroups") == 0)
            ask.without_cgroups = true;
        else if (strcmp(word, "calls") == 0)
            ask.has_calls = true;
        else if (strcmp(word, "no-keyring") == 0)
            ask.no_new_keyring = true;
        else if (strcmp(word, "fds") == 0)
            ask.preserve_fds = 2;
        else if (strcmp(word, "json") == 0)
            format = SC_PLAN_JSON;
        else if (strcmp(word, "sh") == 0)
            format = SC_PLAN_SH;
    }
    if (sc_file_read_fd(STDIN_FILENO, 1 << 20, &text, err) < 0 ||
        sc_oci_decode(text.data, text.len, arena, &spec, err) < 0 ||
        sc_plan_compile(&spec, &host, &ask, arena, &plan, err) < 0 || sc_plan_print(&plan, format, &out, err) < 0)
        return -1;
    fputs(sc_buf_str(&out), stdout);
    return 0;
}

int
main(int argc, char **argv)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (run(argc, argv, &arena, &err) < 0)
        printf("error %s: %s\n", sc_err_kind_name(err.kind), err.msg);
    if (err.remedy[0] != '\0')
        printf("remedy: %s\n", err.remedy);
    return 0;
}
