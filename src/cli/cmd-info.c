/* sc info and sc version. */
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "kernel/trial.h"

struct format_options {
    char *format;
};

static const struct sc_option table[] = {
    {"format", 'f', SC_OPTION_STR, offsetof(struct format_options, format), "how", "json, or a Go template", NULL,
     NULL},
    {.name = NULL},
};

/* ---- version ------------------------------------------------------------------------------------------- */

static int
run_version(struct sc_cli *cli, struct sc_err *err)
{
    struct format_options options = {.format = NULL};
    struct sc_strv args = {0};
    static const char *const sides[] = {"Client", "Server"};
    struct utsname host;
    char arch[SC_PLATFORM_MAX];
    sc_cleanup_json object = NULL;

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    (void)uname(&host);
    if (!options.format || !*options.format) {
        (void)printf("sc version %s\nOCI runtime specification: %s\nplatform: linux/%s\nkernel: %s\n", SC_VERSION,
                     SC_OCI_VERSION, host.machine, host.release);
        return 0;
    }
    object = json_object();
    /* Without a daemon both are this program. */
    for (size_t i = 0; i < SC_ARRAY_LEN(sides); i++)
        (void)json_object_set_new(object, sides[i],
                                  json_pack("{s:s, s:s, s:s, s:s, s:s}", "Version", SC_VERSION, "OCIVersion",
                                            SC_OCI_VERSION, "Os", "linux", "Arch", sc_platform_arch(arch),
                                            "KernelVersion", host.release));
    return object ? sc_object_print(options.format, object, err) : sc_err_nomem(err);
}

/* --version, as scripts read it; `sc version` says more. */
static int
run_version_line(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_strv args = {0};

    if (sc_cli_parse(cli, NULL, &args, err) < 0)
        return -1;
    (void)printf("sc version %s\n", SC_VERSION);
    return 0;
}

const struct sc_command sc_cmd_version_line = {
    .name = "--version",
    .synopsis = "",
    .help = "Print the version of sc in one line",
    .run = run_version_line,
};

const struct sc_command sc_cmd_version = {
    .name = "version",
    .synopsis = "[OPTIONS]",
    .help = "Print the version of sc",
    .options = table,
    .run = run_version,
};

/* ---- info ------------------------------------------------------------------------------------------------ */

static const char *
cgroup_version(const struct sc_host *host)
{
    switch (host->cgroups.mode) {
    case SC_CGROUP_V2:
        return "2";
    case SC_CGROUP_HYBRID:
        return "1"; /* where limits are set; CgroupMode says more */
    default:
        return "1";
    }
}

/* How the layers of all images are kept that are there. */
static int
count_layers(struct sc_cli *cli, const struct sc_image_list *images, json_t *object, struct sc_err *err)
{
    sc_cleanup_json seen = json_object();
    json_t *counts = json_pack("{s:i, s:i, s:i}", "directory", 0, "erofs", 0, "index", 0);

    for (size_t i = 0; i < images->count; i++) {
        for (size_t k = 0; k < images->items[i].chain_ids.count; k++) {
            const char *chain = images->items[i].chain_ids.items[k];
            const char *kept_as = json_object_get(seen, chain) ? NULL : sc_layer_kept_as(&cli->engine.store, chain);

            if (!kept_as)
                continue;
            (void)json_object_set_new(seen, chain, json_true());
            (void)json_object_set_new(counts, kept_as,
                                      json_integer(json_integer_value(json_object_get(counts, kept_as)) + 1));
        }
    }
    return json_object_set_new(object, "Layers", counts) < 0 ? sc_err_nomem(err) : 0;
}

static int
count(struct sc_cli *cli, json_t *object, struct sc_err *err)
{
    struct sc_container_list containers = {.items = NULL};
    struct sc_image_list images = {.items = NULL};
    int running = 0, paused = 0, distinct = 0;

    if (sc_engine_list(&cli->engine, true, &cli->arena, &containers, err) < 0 ||
        sc_image_list(&cli->engine.store, &cli->arena, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < containers.count; i++) {
        running += containers.items[i].status == SC_STATUS_RUNNING;
        paused += containers.items[i].status == SC_STATUS_PAUSED;
    }
    for (size_t i = 0; i < images.count; i++) {
        bool is_new = true;

        for (size_t j = 0; j < i; j++)
            is_new = is_new && !sc_str_eq(images.items[i].id, images.items[j].id);
        distinct += is_new;
    }
    (void)json_object_set_new(object, "Containers", json_integer((json_int_t)containers.count));
    (void)json_object_set_new(object, "ContainersRunning", json_integer(running));
    (void)json_object_set_new(object, "ContainersPaused", json_integer(paused));
    (void)json_object_set_new(object, "ContainersStopped",
                              json_integer((json_int_t)containers.count - running - paused));
    (void)json_object_set_new(object, "Images", json_integer(distinct));
    return count_layers(cli, &images, object, err);
}

/* How layers are kept that come from now on, and why so. */
static int
describe_layers(struct sc_cli *cli, json_t *object, struct sc_err *err)
{
    char *why = NULL;

    if (sc_layer_backend_choose(&cli->engine.store, &why, &cli->arena, err) < 0)
        return -1;
    (void)json_object_set_new(object, "LayerBackend", json_string(sc_layer_backend_name(cli->engine.store.backend)));
    (void)json_object_set_new(object, "LayerBackendReason", json_string(why));
    return 0;
}

/* The walls around what unpacks images (kernel/jail.h), of those that not everybody has. */
static json_t *
unpack_walls(void)
{
    static const struct {
        enum sc_trial trial;
        const char *name;
    } walls[] = {{SC_TRIAL_MOUNT_NS, "namespaces"}, {SC_TRIAL_LANDLOCK, "landlock"}, {SC_TRIAL_SECCOMP, "seccomp"}};
    json_t *names = json_array();

    for (size_t i = 0; i < SC_ARRAY_LEN(walls); i++) {
        if (sc_trial_run(walls[i].trial, -1) == 0)
            (void)json_array_append_new(names, json_string(walls[i].name));
    }
    return names;
}

static void
describe_host(const struct sc_cli *cli, const struct sc_host *host, json_t *object)
{
    struct utsname name;
    struct sysinfo memory = {.mem_unit = 1};

    (void)uname(&name);
    (void)sysinfo(&memory);
    (void)json_object_set_new(object, "Driver", json_string("overlay"));
    (void)json_object_set_new(object, "DockerRootDir", json_string(cli->engine.data_path)); /* Docker's word for it */
    (void)json_object_set_new(object, "DataRoot", json_string(cli->engine.data_path));
    (void)json_object_set_new(object, "RunRoot", json_string(cli->engine.run_path));
    (void)json_object_set_new(object, "LoggingDriver", json_string("json-file"));
    (void)json_object_set_new(object, "CgroupDriver", json_string("cgroupfs"));
    (void)json_object_set_new(object, "CgroupVersion", json_string(cgroup_version(host)));
    (void)json_object_set_new(object, "CgroupMode",
                              json_string(host->cgroups.mode == SC_CGROUP_HYBRID ? "hybrid"
                                          : host->cgroups.mode == SC_CGROUP_V2   ? "unified"
                                                                                 : "legacy"));
    (void)json_object_set_new(object, "SecurityOptions", json_pack("[s]", "name=seccomp,profile=builtin"));
    (void)json_object_set_new(object, "UnpackWalls", unpack_walls());
    (void)json_object_set_new(object, "IdMappedMounts", json_boolean(host->has_idmapped_mounts));
    (void)json_object_set_new(object, "TimeNamespaces", json_boolean(host->has_time_namespaces));
    (void)json_object_set_new(object, "Rootless", json_boolean(!cli->engine.is_root));
    (void)json_object_set_new(object, "KernelVersion", json_string(name.release));
    (void)json_object_set_new(object, "OSType", json_string("linux"));
    (void)json_object_set_new(object, "Architecture", json_string(name.machine));
    (void)json_object_set_new(object, "NCPU", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    (void)json_object_set_new(object, "MemTotal", json_integer((json_int_t)memory.totalram * memory.mem_unit));
    (void)json_object_set_new(object, "Name", json_string(name.nodename));
    (void)json_object_set_new(object, "ServerVersion", json_string(SC_VERSION));
}

static void
print_text(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach (object, key, value) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err ignored = SC_ERR_INIT;

        if (json_is_string(value))
            sc_buf_adds(&text, json_string_value(value));
        else if (sc_json_dump(value, &text, &ignored) < 0)
            continue;
        (void)printf("%s: %s\n", key, sc_buf_str(&text));
    }
}

static int
run_info(struct sc_cli *cli, struct sc_err *err)
{
    struct format_options options = {.format = NULL};
    struct sc_strv args = {0};
    struct sc_host *host = SC_ARENA_NEW(&cli->arena, struct sc_host);
    sc_cleanup_json object = json_object();

    if (!host || !object)
        return sc_err_nomem(err);
    if (sc_cli_parse(cli, &options, &args, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_host_detect(&cli->arena, host, err) < 0 || count(cli, object, err) < 0)
        return -1;
    describe_host(cli, host, object);
    if (describe_layers(cli, object, err) < 0)
        return -1;
    if (options.format && *options.format)
        return sc_object_print(options.format, object, err);
    print_text(object);
    return 0;
}

const struct sc_command sc_cmd_info = {
    .name = "info",
    .synopsis = "[OPTIONS]",
    .help = "Print what sc knows of this host",
    .options = table,
    .run = run_info,
};
