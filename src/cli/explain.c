/* --explain and --dry-run. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

void
sc_explain_trace(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data)
{
    const enum sc_explain *how = data;
    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    if (*how == SC_EXPLAIN_JSON)
        sc_step_print_json(plan, phase, index, nsec, &line);
    else
        sc_step_print(plan, phase, index, nsec, &line);
    if (line.len > 0 && line.data[line.len - 1] != '\n')
        sc_buf_addc(&line, '\n');
    /* An explanation that cannot be written must not stop the start. */
    if (sc_buf_check(&line, &ignored) == 0)
        (void)!sc_io_write_all(STDERR_FILENO, line.data, line.len, &ignored);
}

/* Volumes, and the /dev/shm of --ipc shareable: sc makes them, a start finds them. */
static void
print_own_source(const struct sc_engine *engine, const char *source, struct sc_buf *out)
{
    size_t data = strlen(engine->data_path), run = strlen(engine->run_path);

    if (!source)
        return;
    if (strncmp(source, engine->data_path, data) == 0 && sc_str_starts(source + data, "/volume/"))
        sc_buf_adds(out, "mkdir -p ");
    else if (strncmp(source, engine->run_path, run) == 0 && sc_str_ends(source, "/shm"))
        sc_buf_adds(out, "run=");
    else
        return;
    sc_buf_add_shell(out, source);
    sc_buf_adds(out, sc_str_ends(source, "/shm") ? "\nmkdir -p -m 1777 \"$run\"\n" : "\n");
}

/* A start finds the container's directory made and the files in it written (engine/files.c): a script that is to do the
 * same by hand makes them first, and removes them when its inner part, the plan, has ended. */
static void
print_script(const struct sc_engine *engine, const char *dir, const struct sc_oci_spec *spec, const char *plan,
             struct sc_buf *out)
{
    sc_buf_adds(out, "#!/bin/sh\n# What sc keeps on disk for the container.\ndir=");
    sc_buf_add_shell(out, dir);
    sc_buf_adds(out, "\numask 022\nmkdir -p \"$dir\"\nrun=\ntrap 'rm -rf \"$dir\" ${run:+\"${run%/*}\"}' EXIT\n"
                     "cat /etc/resolv.conf >\"$dir/resolv.conf\" 2>/dev/null\necho ");
    sc_buf_add_shell(out, spec->hostname ? spec->hostname : "localhost");
    sc_buf_adds(out, " >\"$dir/hostname\"\n"
                     "printf '127.0.0.1\\tlocalhost\\n::1\\tlocalhost\\n' >\"$dir/hosts\"\n");
    for (size_t i = 0; i < spec->mount_count; i++)
        print_own_source(engine, spec->mounts[i].source, out);
    sc_buf_adds(out, "(\n");
    sc_buf_adds(out, plan);
    sc_buf_adds(out, "\n)\n");
}

int
sc_run_print_plan(struct sc_cli *cli, const struct sc_run_options *options, struct sc_err *err)
{
    static const enum sc_plan_format formats[] = {
        [SC_EXPLAIN_NONE] = SC_PLAN_TEXT,
        [SC_EXPLAIN_TEXT] = SC_PLAN_TEXT,
        [SC_EXPLAIN_JSON] = SC_PLAN_JSON,
        [SC_EXPLAIN_SH] = SC_PLAN_SH,
    };
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_plan *plan = SC_ARENA_NEW(&cli->arena, struct sc_plan);

    if (!plan)
        return sc_err_nomem(err);
    if (sc_cli_engine(cli, err) < 0 || sc_engine_plan(&cli->engine, &options->create, &cli->arena, plan, err) < 0 ||
        sc_plan_print(plan, formats[options->explain], &text, err) < 0 || sc_buf_check(&text, err) < 0)
        return -1;
    if (options->explain == SC_EXPLAIN_SH) {
        sc_cleanup_buf script = SC_BUF_INIT;
        const char *dir = sc_arena_printf(&cli->arena, "%s/container/%s", cli->engine.data_path, plan->id);

        if (!dir)
            return sc_err_nomem(err);
        print_script(&cli->engine, dir, plan->spec, sc_buf_str(&text), &script);
        if (sc_buf_check(&script, err) < 0)
            return -1;
        (void)fwrite(sc_buf_str(&script), 1, script.len, stdout);
        return 0;
    }
    (void)fwrite(sc_buf_str(&text), 1, text.len, stdout);
    return 0;
}
