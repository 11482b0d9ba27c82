/* --explain and --dry-run. */
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
    (void)fwrite(sc_buf_str(&text), 1, text.len, stdout);
    return 0;
}
