/* sc exec: one more process in a running container. */
#include <unistd.h>

#include "cli/cli.h"

struct exec_options {
    struct sc_exec_options exec;
    struct sc_strv env_files;
    enum sc_explain explain;
};

#define AT(member) offsetof(struct exec_options, member)

static const struct sc_option table[] = {
    {"detach", 'd', SC_OPTION_FLAG, AT(exec.detach), NULL, "Run it in the background", NULL, NULL},
    {"detach-keys", 0, SC_OPTION_CALL, AT(exec.detach_keys), "keys", "Keys that detach (default ctrl-p,ctrl-q)",
     sc_value_detach_keys, NULL},
    {"env", 'e', SC_OPTION_STRV, AT(exec.env), "name[=value]", "Set an environment variable", NULL, NULL},
    {"env-file", 0, SC_OPTION_STRV, AT(env_files), "file", "Read environment variables from a file", NULL, NULL},
    {"explain", 0, SC_OPTION_OPTIONAL, AT(explain), "text|json", "Say what the kernel is told, step by step, and why",
     sc_value_explain, NULL},
    {"interactive", 'i', SC_OPTION_FLAG, AT(exec.interactive), NULL, "Keep standard input open", NULL, NULL},
    {"privileged", 0, SC_OPTION_FLAG, AT(exec.privileged), NULL, "Give it all capabilities", NULL, NULL},
    {"tty", 't', SC_OPTION_FLAG, AT(exec.tty), NULL, "Give it a terminal", NULL, NULL},
    {"user", 'u', SC_OPTION_STR, AT(exec.user), "user[:group]", "User by name or id", NULL, NULL},
    {"workdir", 'w', SC_OPTION_STR, AT(exec.workdir), "dir", "Working directory", NULL, NULL},
    {.name = NULL},
};

static int
stay(const struct sc_exec_options *exec, struct sc_exec_process *process, struct sc_err *err)
{
    struct sc_relay relay = {
        .sock = -1,
        .tty_fd = exec->tty ? process->process.console_fd : -1,
        .in_fd = process->in_fd,
        .out_fd = process->out_fd,
        .err_fd = process->err_fd,
        .pidfd = process->process.pidfd,
        .with_stdin = exec->interactive,
        .with_terminal = exec->tty,
        .forwards_signals = true,
    };

    return sc_cli_stay(&relay, exec->detach_keys, err);
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct exec_options options = {.exec = {.interactive = false}};
    struct sc_exec_options *exec = &options.exec;
    struct sc_exec_process process;
    struct sc_container container = SC_CONTAINER_INIT;
    struct sc_strv args = {0}, env = {0};
    int status = 0;

    if (sc_cli_parse(cli, &options, &args, err) < 0 ||
        sc_env_collect(&options.env_files, &exec->env, &cli->arena, &env, err) < 0)
        return -1;
    if (options.explain == SC_EXPLAIN_SH)
        return sc_err_set(err, SC_ERR_INVALID, "--explain \"sh\": is for sc run and sc create");
    exec->explain = options.explain != SC_EXPLAIN_NONE;
    exec->trace = sc_explain_trace;
    exec->trace_data = &options.explain;
    exec->env = env;
    for (size_t i = 1; i < args.count; i++)
        sc_strv_add(&exec->args, &cli->arena, args.items[i]);
    if (exec->detach)
        exec->interactive = false;
    if (exec->tty && exec->interactive && !isatty(STDIN_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "the input device is not a TTY");
        return sc_err_remedy(err, "leave out -t, or run it from a terminal");
    }
    if (sc_arena_check(&cli->arena, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_engine_find(&cli->engine, args.items[0], &cli->arena, &container, err) < 0 ||
        sc_engine_exec(&cli->engine, &container, exec, &process, err) < 0)
        return -1;
    if (!exec->detach)
        status = stay(exec, &process, err);
    if (!exec->detach && status >= 0)
        sc_engine_exec_ended(&cli->engine, &container, status);
    sc_process_release(&process.process);
    return status;
}

const struct sc_command sc_cmd_exec = {
    .name = "exec",
    .synopsis = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .help = "Run a command in a running container",
    .options = table,
    .args_min = 2,
    .args_max = -1,
    .stops_at_argument = true,
    .starts_containers = true,
    .run = run,
};
