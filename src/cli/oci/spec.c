/* spec and features: documents that need no container. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define SPEC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A mount of the starter file. */
struct row {
    const char *destination, *type, *source, *options;              /* options: separated by spaces */
    const char *rootless_type, *rootless_source, *rootless_options; /* what an ordinary user's has instead, or NULL */
};
static const struct row mount_rows[] = {
    {"/proc", "proc", "proc", "", NULL, NULL, NULL},
    {"/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k", NULL, NULL, NULL},
    /* gid 5 is not mapped where a user has only one id */
    {"/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5", "devpts", "devpts",
     "nosuid noexec newinstance ptmxmode=0666 mode=0620"},
    {"/dev/shm", "tmpfs", "shm", "nosuid noexec nodev mode=1777 size=65536k", NULL, NULL, NULL},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev", NULL, NULL, NULL},
    /* a new sysfs needs a network namespace of one's own */
    {"/sys", "sysfs", "sysfs", "nosuid noexec nodev ro", "none", "/sys", "rbind nosuid noexec nodev ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "nosuid noexec nodev relatime ro", NULL, NULL, NULL},
};
static const char *const masked_rows[] = {
    "/proc/acpi",       "/proc/asound",      "/proc/kcore",       "/proc/keys",    "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
};
static const char *const readonly_rows[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
static const char *const cap_rows[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};

static void
add_words(struct sc_strv *list, struct sc_arena *arena, const char *words)
{
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");

        sc_strv_addf(list, arena, "%.*s", (int)len, at);
        at += len;
    }
}

static int
fill_mounts(struct sc_oci_spec *spec, bool for_rootless, struct sc_arena *arena, struct sc_err *err)
{
    spec->mounts = SC_ARENA_ARRAY(arena, struct sc_oci_mount, SC_ARRAY_LEN(mount_rows));
    if (spec->mounts == NULL)
        return sc_err_nomem(err);
    for (size_t i = 0; i < SC_ARRAY_LEN(mount_rows); i++) {
        const struct row *row = &mount_rows[i];
        bool is_other = for_rootless && row->rootless_type != NULL;
        struct sc_oci_mount *mount = &spec->mounts[spec->mount_count++];

        mount->destination = sc_arena_strdup(arena, row->destination);
        mount->type = sc_arena_strdup(arena, is_other ? row->rootless_type : row->type);
        mount->source = sc_arena_strdup(arena, is_other ? row->rootless_source : row->source);
        add_words(&mount->options, arena, is_other ? row->rootless_options : row->options);
    }
    return 0;
}

static int
fill_process(struct sc_oci_process *p, struct sc_arena *arena, struct sc_err *err)
{
    p->is_set = p->terminal = p->no_new_privileges = true;
    sc_strv_add(&p->args, arena, "sh");
    sc_strv_add(&p->env, arena, "PATH=" SPEC_PATH);
    sc_strv_add(&p->env, arena, "TERM=xterm");
    p->cwd = sc_arena_strdup(arena, "/");
    for (size_t i = 0; i < SC_ARRAY_LEN(cap_rows); i++)
        p->capabilities.bounding |= SC_CAP_BIT(sc_cap_from_name(cap_rows[i]));
    p->capabilities.is_set = true;
    p->capabilities.effective = p->capabilities.permitted = p->capabilities.ambient = p->capabilities.bounding;
    p->rlimits = SC_ARENA_NEW(arena, struct sc_oci_rlimit);
    if (p->rlimits == NULL)
        return sc_err_nomem(err);
    p->rlimits[0] =
        (struct sc_oci_rlimit){.resource = sc_rlimit_from_name("RLIMIT_NOFILE"), .soft = 1024, .hard = 1024};
    p->rlimit_count = 1;
    return 0;
}

/* The one id that needs no privilege to be mapped: the caller's. */
static int
fill_mapping(struct sc_oci_id_maps *maps, uint32_t id, struct sc_arena *arena, struct sc_err *err)
{
    maps->items = SC_ARENA_NEW(arena, struct sc_oci_id_map);
    if (maps->items == NULL)
        return sc_err_nomem(err);
    maps->items[0] = (struct sc_oci_id_map){.container_id = 0, .host_id = id, .size = 1};
    maps->count = 1;
    return 0;
}

static int
fill_linux(struct sc_oci_linux *l, bool for_rootless, struct sc_arena *arena, struct sc_err *err)
{
    static const enum sc_ns_kind kinds[] = {SC_NS_PID, SC_NS_NET, SC_NS_IPC, SC_NS_UTS, SC_NS_MOUNT, SC_NS_CGROUP};
    /* lint: the kernel's own file */
    bool is_v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;

    l->namespaces = SC_ARENA_ARRAY(arena, struct sc_oci_namespace, SC_ARRAY_LEN(kinds) + 1);
    if (l->namespaces == NULL)
        return sc_err_nomem(err);
    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if ((for_rootless && kinds[i] == SC_NS_NET) || (kinds[i] == SC_NS_CGROUP && !is_v2))
            continue; /* as runc has it: rootless shares the network; a cgroup namespace is usual only on v2 */
        l->namespaces[l->namespace_count++] = (struct sc_oci_namespace){.kind = kinds[i]};
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(masked_rows); i++)
        sc_strv_add(&l->masked_paths, arena, masked_rows[i]);
    for (size_t i = 0; i < SC_ARRAY_LEN(readonly_rows); i++)
        sc_strv_add(&l->readonly_paths, arena, readonly_rows[i]);
    if (for_rootless) {
        l->namespaces[l->namespace_count++] = (struct sc_oci_namespace){.kind = SC_NS_USER};
        return fill_mapping(&l->uid_mappings, geteuid(), arena, err) < 0 ||
                       fill_mapping(&l->gid_mappings, getegid(), arena, err) < 0
                   ? -1
                   : 0;
    }
    l->resources.is_set = true;
    l->resources.devices = SC_ARENA_NEW(arena, struct sc_oci_device_rule);
    if (l->resources.devices == NULL)
        return sc_err_nomem(err);
    l->resources.devices[0] =
        (struct sc_oci_device_rule){.type = 'a', .can_read = true, .can_write = true, .can_mknod = true};
    l->resources.device_count = 1;
    return 0;
}

int
sc_oci_verb_spec(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_oci_spec spec = {0};
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *file = cli->file != NULL ? cli->file : "config.json";
    char *path = cli->bundle != NULL && file[0] != '/' ? sc_arena_printf(&cli->arena, "%s/%s", cli->bundle, file)
                                                       : sc_arena_strdup(&cli->arena, file);

    spec.oci_version = sc_arena_strdup(&cli->arena, SC_OCI_VERSION);
    spec.hostname = sc_arena_strdup(&cli->arena, "sc");
    spec.root.path = sc_arena_strdup(&cli->arena, "rootfs");
    spec.root.readonly = true;
    if (fill_process(&spec.process, &cli->arena, err) < 0 ||
        fill_mounts(&spec, cli->for_rootless, &cli->arena, err) < 0 ||
        fill_linux(&spec.linux_, cli->for_rootless, &cli->arena, err) < 0 || sc_arena_check(&cli->arena, err) < 0 ||
        sc_oci_encode(&spec, &text, err) < 0)
        return -1;
    /* lint: a path of the host that the caller names */
    sc_cleanup_fd fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return sc_err_set(err, SC_ERR_EXISTS, "file %s exists: remove it first", path);
    if (fd < 0)
        return sc_err_errno(err, errno, "write \"%s\"", path);
    if (text.len == 0 || text.data[text.len - 1] != '\n')
        sc_buf_addc(&text, '\n');
    return sc_io_write_all(fd, text.data, text.len, err);
}

int
sc_oci_verb_features(struct sc_oci_cli *cli, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_runtime_features(&cli->arena, &text, err) < 0)
        return -1;
    return sc_io_write_all(STDOUT_FILENO, text.data, text.len, err);
}
