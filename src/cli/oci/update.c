/* update: from runc's options, or a file, to linux.resources. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define RESOURCES_MAX (1 << 20)
#define SCHEMATA_MAX  (64 << 10)

static int
read_resources(struct sc_oci_cli *cli, const char *file, struct sc_oci_resources *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    int result = strcmp(file, "-") == 0 ? sc_file_read_fd(STDIN_FILENO, RESOURCES_MAX, &text, err)
                                        : sc_file_read_at(AT_FDCWD, file, RESOURCES_MAX, &text, err);

    if (result < 0 || sc_oci_decode_resources(sc_buf_str(&text), text.len, &cli->arena, out, err) < 0)
        return sc_err_wrap(err, "--resources \"%s\"", file);
    return 0;
}

enum value_kind { SIZE, SIGNED, UNSIGNED };

/* "64m", or -1 for no limit */
static int
parse_value(enum value_kind kind, const char *text, int64_t *value, struct sc_err *err)
{
    uint64_t number = 0;

    if (kind == SIZE)
        return strcmp(text, "-1") == 0 ? (*value = -1, 0) : sc_parse_size(text, value, err);
    if (kind == SIGNED)
        return sc_parse_i64(text, value, err);
    if (sc_parse_u64(text, &number, err) < 0)
        return -1;
    if (number > INT64_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is too large", text);
    *value = (int64_t)number;
    return 0;
}

/* kernel-memory's is read, to refuse nonsense, and passed over: no kernel since 5.16 has such a limit. */
int
sc_oci_update_parse(struct sc_oci_cli *cli, struct sc_oci_resources *r, struct sc_err *err)
{
    const struct sc_oci_update_options *o = &cli->update;
    struct sc_opt_i64 ignored = {0};
    const struct {
        const char *name, *text;
        enum value_kind kind;
        struct sc_opt_i64 *number; /* or */
        struct sc_opt_u64 *count;
    } rows[] = {
        {"memory", o->memory, SIZE, &r->memory.limit, NULL},
        {"memory-swap", o->memory_swap, SIZE, &r->memory.swap, NULL},
        {"memory-reservation", o->memory_reservation, SIZE, &r->memory.reservation, NULL},
        {"kernel-memory", o->kernel_memory, SIZE, &ignored, NULL},
        {"kernel-memory-tcp", o->kernel_memory_tcp, SIZE, &r->memory.kernel_tcp, NULL},
        {"cpu-share", o->cpu_shares, UNSIGNED, NULL, &r->cpu.shares},
        {"cpu-period", o->cpu_period, UNSIGNED, NULL, &r->cpu.period},
        {"cpu-quota", o->cpu_quota, SIGNED, &r->cpu.quota, NULL},
        {"cpu-burst", o->cpu_burst, UNSIGNED, NULL, &r->cpu.burst},
        {"cpu-idle", o->cpu_idle, SIGNED, &r->cpu.idle, NULL},
        {"cpu-rt-period", o->cpu_rt_period, UNSIGNED, NULL, &r->cpu.realtime_period},
        {"cpu-rt-runtime", o->cpu_rt_runtime, SIGNED, &r->cpu.realtime_runtime, NULL},
        {"pids-limit", o->pids_limit, SIGNED, &r->pids_limit, NULL},
        {"blkio-weight", o->blkio_weight, UNSIGNED, NULL, &r->block_io.weight},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        int64_t value = 0;

        if (rows[i].text == NULL || rows[i].text[0] == '\0')
            continue;
        if (parse_value(rows[i].kind, rows[i].text, &value, err) < 0)
            return sc_err_wrap(err, "invalid value for --%s", rows[i].name);
        if (rows[i].number != NULL)
            *rows[i].number = (struct sc_opt_i64){.is_set = true, .value = value};
        else
            *rows[i].count = (struct sc_opt_u64){.is_set = true, .value = (uint64_t)value};
    }
    if (ignored.is_set)
        sc_oci_log(cli, "warning", "--kernel-memory is ignored: kernels have no such limit any more");
    r->cpu.cpus = sc_arena_strdup(&cli->arena, o->cpuset_cpus);
    r->cpu.mems = sc_arena_strdup(&cli->arena, o->cpuset_mems);
    return sc_arena_check(&cli->arena, err);
}

/* Opens resctrl's root, and keeps what the container's group has, to be written back where the rest cannot be done.
 * *group is the group's name. */
static int
open_resctrl(struct sc_oci_cli *cli, int state_dir, const struct sc_state *state, const char **group,
             struct sc_buf *before, struct sc_err *err)
{
    struct sc_oci_spec spec = {0};
    struct sc_host host = {0};
    char *file;

    if (sc_oci_load_config(cli, state_dir, &spec, err) < 0 || sc_host_find_resctrl(&host, &cli->arena, err) < 0)
        return -1;
    if (!spec.linux_.intel_rdt.is_set || host.resctrl == NULL)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: Intel RDT is not supported: the container has no group of it",
                          cli->update.l3_cache_schema != NULL ? "--l3-cache-schema" : "--mem-bw-schema");
    *group = sc_plan_resctrl_name(&spec.linux_.intel_rdt, state->id);
    file = sc_arena_printf(&cli->arena, "%s%sschemata", *group, (*group)[0] != '\0' ? "/" : "");
    if (file == NULL)
        return sc_err_nomem(err);
    sc_cleanup_fd root = sc_dir_open_at(AT_FDCWD, host.resctrl, err);
    if (root < 0 || sc_file_read_at(root, file, SCHEMATA_MAX, before, err) < 0)
        return -1;
    return sc_steal_fd(&root);
}

static int
write_schemata(const struct sc_oci_update_options *o, int resctrl, const char *group, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (o->l3_cache_schema != NULL)
        sc_buf_addf(&text, "%s\n", o->l3_cache_schema);
    if (o->mem_bw_schema != NULL)
        sc_buf_addf(&text, "%s\n", o->mem_bw_schema);
    return sc_buf_check(&text, err) < 0 ? -1 : sc_resctrl_write(resctrl, group, sc_buf_str(&text), err);
}

int
sc_oci_verb_update(struct sc_oci_cli *cli, struct sc_err *err)
{
    struct sc_state state = {0};
    struct sc_oci_resources resources = {0};
    struct sc_cgroup_layout layout = {0};
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf before = SC_BUF_INIT;
    sc_cleanup_fd resctrl = -1;
    const char *group = "";
    bool has_schemata = cli->update.l3_cache_schema != NULL || cli->update.mem_bw_schema != NULL;
    sc_cleanup_fd dir = sc_oci_open_state(cli, cli->args.items[0], &state, err);

    if (dir < 0)
        return -1;
    if (has_schemata && (resctrl = open_resctrl(cli, dir, &state, &group, &before, err)) < 0)
        return -1;
    resources.is_set = true;
    if ((cli->update.resources != NULL ? read_resources(cli, cli->update.resources, &resources, err)
                                       : sc_oci_update_parse(cli, &resources, err)) < 0)
        return -1;
    if (sc_state_status(&state) == SC_STATUS_STOPPED)
        return sc_err_set(err, SC_ERR_BUSY, "container not running");
    if (sc_cgroup_detect(&cli->arena, &layout, err) < 0)
        return -1;
    if (has_schemata && write_schemata(&cli->update, resctrl, group, err) < 0)
        return sc_err_wrap(err, "update %s", state.id);
    if (sc_runtime_update(&state, &layout, &resources, err) == 0)
        return 0;
    if (has_schemata)
        (void)!sc_resctrl_write(resctrl, group, sc_buf_str(&before), &ignored);
    return sc_err_wrap(err, "update %s", state.id);
}
