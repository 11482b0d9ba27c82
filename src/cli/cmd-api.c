/* sc api: Docker's Engine API on a UNIX socket. What is served is sc-api (src/api); this checks the words. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define SCHEME "unix://"

struct api_options {
    char *listen;
    int64_t idle_timeout;
};

static const struct sc_option table[] = {
    {"idle-timeout", 0, SC_OPTION_CALL, offsetof(struct api_options, idle_timeout), "seconds",
     "End when nothing was asked for so long (default 300; 0: never)", sc_value_i64, NULL},
    {"listen", 0, SC_OPTION_STR, offsetof(struct api_options, listen), "address",
     "The socket: unix://PATH (default api.sock in the run directory)", NULL, NULL},
    {.name = NULL},
};

static int
run_api(struct sc_cli *cli, struct sc_err *err)
{
    struct api_options options = {.idle_timeout = 300};
    struct sc_strv args = {0};
    const char *run_root;
    char self[PATH_MAX], *program, *path, idle[SC_NUM_MAX];

    if (sc_cli_parse(cli, &options, &args, err) < 0)
        return -1;
    if (options.idle_timeout < 0 || options.idle_timeout > INT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--idle-timeout \"%lld\": must be 0 to %d",
                          (long long)options.idle_timeout, INT_MAX);
    if (options.listen && (!sc_str_starts(options.listen, SCHEME) || options.listen[strlen(SCHEME)] != '/')) {
        sc_err_set(err, SC_ERR_INVALID, "--listen \"%s\": must be unix:// and an absolute path", options.listen);
        return sc_err_remedy(err, "who may use this socket is root: it is never open to a network");
    }
    if (sc_cli_engine(cli, err) < 0)
        return -1;
    run_root = cli->engine.run_path;
    path = options.listen ? options.listen + strlen(SCHEME) : sc_arena_printf(&cli->arena, "%s/api.sock", run_root);
    if (sc_engine_program("sc-api", &cli->arena, &program, err) < 0 || sc_self_path(self, sizeof(self), err) < 0 ||
        sc_arena_check(&cli->arena, err) < 0)
        return -1;
    (void)snprintf(idle, sizeof(idle), "%lld", (long long)options.idle_timeout);
    (void)execv(program, (char *[]){"sc-api", self, (char *)(uintptr_t)run_root, path, idle, NULL});
    return sc_err_errno(err, errno, "execute \"%s\"", program);
}

const struct sc_command sc_cmd_api = {
    .name = "api",
    .synopsis = "[OPTIONS]",
    .help = "Serve Docker's Engine API on a UNIX socket",
    .options = table,
    .run = run_api,
};
