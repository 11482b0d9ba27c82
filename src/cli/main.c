/* sc: finds the command, runs it, prints what went wrong. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"

/* Docker's: 125 is for flags that cannot be understood, and for a run that came to nothing; all else that fails is 1.
 */
static int
report(const struct sc_command *command, const struct sc_err *err)
{
    sc_print_err(err);
    if (err->exit_code)
        return err->exit_code;
    return command == &sc_cmd_run ? SC_EXIT_ENGINE : 1;
}

static void
print_options(void)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_help_options(&text);
    (void)fputs(sc_buf_str(&text), stdout);
}

/* What docs/concepts/cgroups.md must say. */
static void
print_limits(void)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_limits_print(&text);
    (void)fputs(sc_buf_str(&text), stdout);
}

/* A shell asks in the middle of a line: what cannot be said is left out, without a word. */
static void
print_candidates(int argc, char **argv)
{
    struct sc_cli cli = {.arena = SC_ARENA_INIT, .engine = SC_ENGINE_INIT, .copy_fd = -1};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    bool is_open = sc_cli_engine(&cli, &ignored) == 0;

    sc_cli_complete(&cli, argc, argv, is_open, &text);
    (void)fputs(sc_buf_str(&text), stdout);
    sc_engine_release(&cli.engine);
    sc_arena_release(&cli.arena);
}

/* What a container's hook and its undo run where programs of others make the network; the hook is told the pid. */
static int
run_network(const char *verb, const char *file)
{
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json state = NULL;
    int64_t pid = 0;
    int result;

    if (strcmp(verb, "down") == 0)
        result = sc_helper_down(file, &err);
    else if (sc_file_read_fd(0, 1 << 20, &text, &err) < 0 ||
             sc_json_parse(text.data, text.len, "the state", &state, &err) < 0 ||
             sc_json_get_i64(state, "pid", "the state", &pid, &err) < 0)
        result = -1;
    else
        result = sc_helper_up(file, (pid_t)pid, &err);
    return result < 0 ? report(NULL, &err) : 0;
}

/* What a monitor's wait for a restart becomes: fd is the file that says so, which is to be held until this has ended,
 * and by nobody else. */
static int
run_restart(char **argv)
{
    struct sc_cli cli = {.arena = SC_ARENA_INIT, .engine = SC_ENGINE_INIT, .copy_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    int64_t fd = -1;
    int result = sc_parse_i64(argv[3], &fd, &err);

    if (result == 0 && (fd < 3 || fd > INT_MAX))
        result = sc_err_set(&err, SC_ERR_INVALID, "\"%s\": it is started by sc-monitor, not by hand", argv[1]);
    if (result == 0)
        result = sc_self_protect(argv, &cli.copy_fd, &err);
    if (result == 0 && sc_fd_cloexec((int)fd, true) < 0)
        result = sc_err_errno(&err, errno, "take over descriptor %d", (int)fd);
    if (result == 0)
        result = sc_cli_engine(&cli, &err);
    if (result == 0)
        result = sc_engine_start_again(&cli.engine, argv[2], &err);
    sc_engine_release(&cli.engine);
    sc_arena_release(&cli.arena);
    return result < 0 ? report(NULL, &err) : 0;
}

/* What a monitor runs when it is time for a look at its container's health. */
static int
run_health(char **argv)
{
    struct sc_cli cli = {.arena = SC_ARENA_INIT, .engine = SC_ENGINE_INIT, .copy_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    bool is_starting = false;
    int result = sc_self_protect(argv, &cli.copy_fd, &err);

    if (result == 0)
        result = sc_cli_engine(&cli, &err);
    if (result == 0)
        result = sc_engine_health_look(&cli.engine, argv[2], &is_starting, &err);
    sc_engine_release(&cli.engine);
    sc_arena_release(&cli.arena);
    return result < 0 ? report(NULL, &err) : is_starting ? SC_HEALTH_STILL_STARTING : 0;
}

static int
run(int argc, char **argv)
{
    struct sc_cli cli = {.arena = SC_ARENA_INIT, .engine = SC_ENGINE_INIT, .copy_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    int used, status;

    if (argc >= 2 && argc <= 3 && !sc_cli_by_link(argv[0]) && sc_cli_is_group(argv[1]) &&
        (argc == 2 || sc_cli_is_help(argv[2]))) {
        sc_cleanup_buf text = SC_BUF_INIT;

        sc_help_group(argv[1], &text);
        (void)fputs(sc_buf_str(&text), stdout);
        return sc_output_flush(&err) < 0 ? report(NULL, &err) : 0;
    }
    cli.command = sc_cli_by_link(argv[0]);
    used = 0;
    if (!cli.command && sc_cli_find(argc - 1, argv + 1, &cli.command, &used, &err) < 0)
        return report(NULL, &err);
    cli.argc = argc - 1 - used;
    cli.argv = argv + 1 + used;
    if ((cli.command->starts_containers || cli.command->protects_itself) &&
        sc_self_protect(argv, &cli.copy_fd, &err) < 0)
        return report(cli.command, &err);
    sc_err_report_keep(false); /* nobody else's: neither a monitor's nor a container's */
    status = cli.command->run(&cli, &err);
    if (status < 0 && cli.wants_help) {
        sc_cleanup_buf text = SC_BUF_INIT;

        sc_help_command(cli.command, &text);
        (void)fputs(sc_buf_str(&text), stdout);
        status = 0;
    }
    if (status < 0)
        status = report(cli.command, &err);
    if (sc_output_flush(&err) < 0)
        status = report(cli.command, &err);
    sc_engine_release(&cli.engine);
    sc_arena_release(&cli.arena);
    return status;
}

int
main(int argc, char **argv)
{
    /* A file beyond RLIMIT_FSIZE is an error of write(2) like another, told and cleaned up after, not our end. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "__options") == 0) {
        struct sc_err err = SC_ERR_INIT;

        print_options();
        return sc_output_flush(&err) < 0 ? report(NULL, &err) : 0;
    }
    if (argc == 2 && strcmp(argv[1], "__limits") == 0) {
        struct sc_err err = SC_ERR_INIT;

        print_limits();
        return sc_output_flush(&err) < 0 ? report(NULL, &err) : 0;
    }
    if (argc >= 2 && strcmp(argv[1], "__complete") == 0) {
        struct sc_err err = SC_ERR_INIT;

        print_candidates(argc - 2, argv + 2);
        return sc_output_flush(&err) < 0 ? report(NULL, &err) : 0;
    }
    if (argc == 4 && strcmp(argv[1], "__network") == 0)
        return run_network(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "__restart") == 0)
        return run_restart(argv);
    if (argc == 3 && strcmp(argv[1], "__health") == 0)
        return run_health(argv);
    return run(argc, argv);
}
