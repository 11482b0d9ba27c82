/* sc-oci: options, the table of verbs, and the only place that prints an error. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define EXIT_RUNTIME 255 /* runc's code where run and exec fail themselves */

struct option_row {
    const char *name, *alias;
    char kind; /* 's' text, 'b' flag, 'l' list, 'u' count, 'i' text that is accepted and has no effect, 'f' the same as
                  flag */
    size_t offset;
};
#define AT(member) offsetof(struct sc_oci_cli, member)

static const struct option_row option_rows[] = {
    {"root", NULL, 's', AT(root)},
    {"log", NULL, 's', AT(log_path)},
    {"log-format", NULL, 's', AT(format)},
    {"debug", NULL, 'f', 0},
    {"systemd-cgroup", NULL, 'b', AT(systemd_cgroup)},
    {"rootless", NULL, 'i', 0},
    {"criu", NULL, 'i', 0},
    {"cgroup-manager", NULL, 'i', 0},
    {"bundle", "b", 's', AT(bundle)},
    {"config", "f", 's', AT(config)},
    {"console-socket", NULL, 's', AT(console_socket)},
    {"pid-file", NULL, 's', AT(pid_file)},
    {"preserve-fds", NULL, 'u', AT(preserve_fds)},
    {"no-pivot", NULL, 'b', AT(no_pivot)},
    {"no-new-keyring", NULL, 'b', AT(no_new_keyring)},
    {"detach", "d", 'b', AT(is_detached)},
    {"keep", NULL, 'b', AT(keeps)},
    {"force", "f", 'b', AT(is_force)},
    {"all", "a", 'b', AT(is_all)},
    {"process", "p", 's', AT(process_file)},
    {"tty", "t", 'b', AT(has_tty)},
    {"cwd", NULL, 's', AT(cwd)},
    {"user", "u", 's', AT(user)},
    {"env", "e", 'l', AT(env)},
    {"cap", "c", 'l', AT(caps)},
    {"no-new-privs", NULL, 'b', AT(no_new_privs)},
    {"format", "f", 's', AT(format)},
    {"quiet", "q", 'b', AT(is_quiet)},
    {"no-subreaper", NULL, 'f', 0},
    {"ignore-paused", NULL, 'f', 0},
};

static const struct verb_row {
    const char *name;
    int (*run)(struct sc_oci_cli *cli, struct sc_err *err);
    bool makes_process;  /* enters containers: the executable must be protected */
    bool takes_command;  /* options end at the id */
    const char *short_f; /* what -f means here */
    const char *help;
} verb_rows[] = {
    {"create", sc_oci_verb_create, true, false, "config", "create a container from a bundle; it waits for start"},
    {"start", sc_oci_verb_start, false, false, NULL, "run the program of a created container"},
    {"run", sc_oci_verb_run, true, false, "config", "create, start, wait and delete"},
    {"state", sc_oci_verb_state, false, false, NULL, "print the state of a container as JSON"},
    {"kill", sc_oci_verb_kill, false, false, NULL, "send a signal (default TERM) to a container"},
    {"delete", sc_oci_verb_delete, false, false, "force", "delete a stopped container"},
    {"exec", sc_oci_verb_exec, true, true, NULL, "run a further process in a container"},
    {"list", sc_oci_verb_list, false, false, "format", "list containers"},
    {"ps", sc_oci_verb_ps, false, false, "format", "list the processes of a container"},
    {"pause", sc_oci_verb_pause, false, false, NULL, "freeze a container"},
    {"resume", sc_oci_verb_resume, false, false, NULL, "thaw a container"},
};

static const struct option_row *
find_option(const char *name, size_t len, const struct verb_row *verb)
{
    if (len == 1 && name[0] == 'f' && verb != NULL && verb->short_f != NULL) {
        name = verb->short_f;
        len = strlen(name);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++) {
        const struct option_row *row = &option_rows[i];

        if ((strlen(row->name) == len && strncmp(row->name, name, len) == 0) ||
            (row->alias != NULL && len == 1 && row->alias[0] == name[0] && name[0] != 'f'))
            return row;
    }
    return NULL;
}

static int
set_option(struct sc_oci_cli *cli, const struct option_row *row, const char *value, struct sc_err *err)
{
    void *member = (char *)cli + row->offset;

    switch (row->kind) {
    case 's':
        *(const char **)member = value;
        return 0;
    case 'b':
        *(bool *)member = value == NULL || strcmp(value, "false") != 0;
        return 0;
    case 'l':
        sc_strv_add(member, &cli->arena, value);
        return 0;
    case 'u':
        if (sc_parse_u32(value, member, err) < 0)
            return sc_err_wrap(err, "--%s", row->name);
        return 0;
    default:
        return 0;
    }
}

/* Options stand before and after the verb and the id; exec's stop at the id. */
static int
parse(struct sc_oci_cli *cli, int argc, char **argv, const struct verb_row **verb, struct sc_err *err)
{
    *verb = NULL;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (arg[0] != '-' || strcmp(arg, "-") == 0 ||
            (*verb != NULL && (*verb)->takes_command && cli->args.count > 0)) {
            if (*verb == NULL) {
                for (size_t k = 0; k < SC_ARRAY_LEN(verb_rows); k++)
                    if (strcmp(arg, verb_rows[k].name) == 0)
                        *verb = &verb_rows[k];
                if (*verb == NULL)
                    return sc_err_set(err, SC_ERR_INVALID, "unknown command \"%s\": see sc-oci --help", arg);
                if (cli->format != NULL && strcmp(cli->format, "json") == 0)
                    cli->log_is_json = true;
                cli->format = NULL;
                continue;
            }
            sc_strv_add(&cli->args, &cli->arena, arg);
            continue;
        }
        if (strcmp(arg, "--") == 0)
            continue;
        const char *name = arg + (arg[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
        size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
        const struct option_row *row = find_option(name, len, *verb);
        const char *value = equals != NULL ? equals + 1 : NULL;

        if (row == NULL)
            return sc_err_set(err, SC_ERR_INVALID, "unknown option \"%s\": see sc-oci --help", arg);
        if (value == NULL && row->kind != 'b' && row->kind != 'f') {
            if (i + 1 == argc)
                return sc_err_set(err, SC_ERR_INVALID, "option \"%s\" needs a value", arg);
            value = argv[++i];
        }
        if (set_option(cli, row, value, err) < 0)
            return -1;
    }
    return sc_arena_check(&cli->arena, err);
}

static void
report(const struct sc_oci_cli *cli, const struct sc_err *err)
{
    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char when[SC_TIME_MAX];

    fprintf(stderr, "sc-oci: %s%s%s\n", err->msg, err->remedy[0] != '\0' ? "; " : "", err->remedy);
    if (cli->log_path == NULL)
        return;
    /* lint: a path of the host that the caller names */
    sc_cleanup_fd fd = open(cli->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    sc_time_format(sc_time_now(), when);
    if (cli->log_is_json) {
        sc_buf_adds(&line, "{\"level\":\"error\",\"msg\":");
        sc_buf_add_json(&line, err->msg, strlen(err->msg));
        sc_buf_addf(&line, ",\"time\":\"%s\"}\n", when);
    } else {
        sc_buf_addf(&line, "time=\"%s\" level=error msg=", when);
        sc_buf_add_json(&line, err->msg, strlen(err->msg));
        sc_buf_addc(&line, '\n');
    }
    (void)!sc_io_write_all(fd, line.data, line.len, &ignored);
}

static int
help(void)
{
    puts("sc-oci: an OCI runtime\n\nusage: sc-oci [options] COMMAND [options] ID [arguments]\n\ncommands:");
    for (size_t i = 0; i < SC_ARRAY_LEN(verb_rows); i++)
        printf("  %-8s %s\n", verb_rows[i].name, verb_rows[i].help);
    puts("\noptions:");
    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++)
        printf("  --%s%s\n", option_rows[i].name,
               option_rows[i].kind == 'b' || option_rows[i].kind == 'f' ? "" : " VALUE");
    return 0;
}

static bool
is_word(int argc, char **argv, const char *a, const char *b)
{
    return argc > 1 && (strcmp(argv[1], a) == 0 || strcmp(argv[1], b) == 0);
}

int
main(int argc, char **argv)
{
    struct sc_oci_cli cli = {.root = "/run/sc-oci"};
    struct sc_err err = SC_ERR_INIT;
    const struct verb_row *verb = NULL;
    int result;

    if (is_word(argc, argv, "--version", "-v")) {
        printf("sc-oci version %s\nspec: %s\n", SC_VERSION, SC_OCI_VERSION);
        return 0;
    }
    if (argc < 2 || is_word(argc, argv, "--help", "help"))
        return help();
    result = parse(&cli, argc, argv, &verb, &err);
    if (result == 0 && verb == NULL)
        result = sc_err_set(&err, SC_ERR_INVALID, "no command given: see sc-oci --help");
    if (result == 0 && cli.systemd_cgroup)
        result = sc_err_set(&err, SC_ERR_UNSUPPORTED, "--systemd-cgroup: only cgroups by file are supported");
    if (result == 0 && verb->makes_process)
        result = sc_self_protect(argv, &err);
    if (result == 0)
        result = verb->run(&cli, &err);
    if (result < 0) {
        report(&cli, &err);
        cli.exit_code =
            verb != NULL && (verb->run == sc_oci_verb_run || verb->run == sc_oci_verb_exec) ? EXIT_RUNTIME : 1;
    }
    sc_arena_release(&cli.arena);
    return cli.exit_code;
}
