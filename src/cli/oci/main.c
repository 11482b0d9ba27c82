/* sc-oci: from argv to a verb, and from its result to an exit code. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define EXIT_USAGE 1

/* What the options of every command say that this build or host cannot do. */
static int
check_globals(struct sc_oci_cli *cli, struct sc_err *err)
{
    bool ignored;

    if (cli->cgroup_manager != NULL) {
        if (strcmp(cli->cgroup_manager, "systemd") == 0)
            cli->systemd_cgroup = true;
        else if (strcmp(cli->cgroup_manager, "cgroupfs") != 0 && strcmp(cli->cgroup_manager, "disabled") != 0)
            return sc_err_set(err, SC_ERR_INVALID, "--cgroup-manager: \"%s\" is not cgroupfs, systemd or disabled",
                              cli->cgroup_manager);
    }
    if (cli->rootless != NULL && strcmp(cli->rootless, "auto") != 0 && sc_parse_bool(cli->rootless, &ignored, err) < 0)
        return sc_err_wrap(err, "--rootless");
    return 0;
}

/* Where state is kept without --root, by runc's rule: a user's containers in the user's own directory, also when an
 * engine (podman) has made the user root of a namespace; there USER tells it from a container's own root. */
static int
default_root(struct sc_oci_cli *cli, struct sc_err *err)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *user = getenv("USER");

    cli->root = "/run/sc-oci";
    if (runtime == NULL || runtime[0] == '\0' ||
        (geteuid() == 0 && ((user != NULL && strcmp(user, "root") == 0) || !sc_process_is_in_user_ns())))
        return 0;
    cli->root = sc_arena_printf(&cli->arena, "%s/sc-oci", runtime);
    return cli->root == NULL ? sc_err_nomem(err) : 0;
}

int
main(int argc, char **argv)
{
    struct sc_oci_cli cli = {.criu = "criu", .log_fd = -1, .copy_fd = -1};
    struct sc_err err = SC_ERR_INIT;
    const struct sc_oci_verb *verb = NULL;
    int result = sc_oci_parse(&cli, argc, argv, &verb, &err);
    bool is_usage = true;

    /* a file beyond RLIMIT_FSIZE is an error of write(2) like another, not our end */
    (void)signal(SIGXFSZ, SIG_IGN);
    /* a message about options goes where the options before it say */
    if (sc_oci_log_open(&cli, &err) < 0)
        result = -1;
    if (result == 0 && verb != NULL) {
        result = check_globals(&cli, &err);
        if (result == 0 && cli.root == NULL)
            result = default_root(&cli, &err);
        is_usage = result < 0;
        if (result == 0 && verb->makes_process)
            result = sc_self_protect(argv, &cli.copy_fd, &err);
        if (result == 0)
            result = verb->run(&cli, &err);
    }
    if (result == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        result = sc_err_errno(&err, errno, "write to standard output");
    if (result < 0) {
        sc_oci_report(&cli, &err);
        cli.exit_code = is_usage || verb == NULL ? EXIT_USAGE : verb->failure;
    }
    sc_closep(&cli.log_fd);
    sc_arena_release(&cli.arena);
    return cli.exit_code;
}
