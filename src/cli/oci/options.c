/* The verbs and options of sc-oci: one row each, from which the parser works and --help is printed. */
#include <stdio.h>
#include <string.h>

#include "cli/oci/oci-priv.h"

enum {
    CREATE = 1 << 0,
    START = 1 << 1,
    RUN = 1 << 2,
    STATE = 1 << 3,
    KILL = 1 << 4,
    DELETE = 1 << 5,
    EXEC = 1 << 6,
    LIST = 1 << 7,
    PS = 1 << 8,
    PAUSE = 1 << 9,
    RESUME = 1 << 10,
    UPDATE = 1 << 11,
    EVENTS = 1 << 12,
    SPEC = 1 << 13,
    CHECKPOINT = 1 << 14,
    RESTORE = 1 << 15,
    FEATURES = 1 << 16,
    MAKE = CREATE | RUN | RESTORE, /* what makes a container */
    GLOBAL = ~0,                   /* before the verb, and anywhere after it */
};

#define TEXT       SC_OCI_TEXT
#define FLAG       SC_OCI_FLAG
#define OPT_FLAG   SC_OCI_OPT_FLAG
#define LIST_OF    SC_OCI_LIST
#define COUNT      SC_OCI_COUNT
#define AT(member) offsetof(struct sc_oci_cli, member)

static const struct sc_oci_option option_rows[] = {
    {"root", 0, TEXT, GLOBAL, AT(root), "DIR",
     "where the state of containers is kept (default /run/sc-oci; without root $XDG_RUNTIME_DIR/sc-oci)"},
    {"log", 0, TEXT, GLOBAL, AT(log_path), "FILE", "write messages to FILE too"},
    {"log-format", 0, TEXT, GLOBAL, AT(log_format), "FORMAT", "of messages: text (default) or json"},
    {"debug", 0, FLAG, GLOBAL, AT(is_debug), NULL, "log every step that is taken"},
    {"systemd-cgroup", 0, FLAG, GLOBAL, AT(systemd_cgroup), NULL,
     "let systemd make the cgroup; cgroupsPath is \"slice:prefix:name\""},
    {"cgroup-manager", 0, TEXT, GLOBAL, AT(cgroup_manager), "MANAGER", "cgroupfs (default), systemd or disabled"},
    {"rootless", 0, TEXT, GLOBAL & ~SPEC, AT(rootless), "VALUE",
     "true, false or auto: go on where cgroups cannot be had"},
    {"criu", 0, TEXT, GLOBAL, AT(criu), "PROGRAM", "the criu to call (default: criu in PATH)"},

    {"bundle", 'b', TEXT, MAKE | SPEC, AT(bundle), "DIR", "the bundle (default: the current directory)"},
    {"config", 'f', TEXT, CREATE | RUN, AT(config), "FILE", "instead of the bundle's config.json"},
    {"console-socket", 0, TEXT, MAKE | EXEC, AT(console_socket), "PATH",
     "socket that receives the terminal's descriptor"},
    {"pid-file", 0, TEXT, MAKE | EXEC, AT(pid_file), "FILE", "write the process id to FILE"},
    {"pidfd-socket", 0, TEXT, CREATE | RUN | EXEC, AT(pidfd_socket), "PATH",
     "socket that receives a pidfd of the process"},
    {"preserve-fds", 0, COUNT, CREATE | RUN | EXEC, AT(preserve_fds), "N",
     "descriptors 3 to 2 + N (after those of LISTEN_FDS) reach the process"},
    {"no-pivot", 0, FLAG, MAKE, AT(no_pivot), NULL, "do not use pivot_root: for a root on the initial ramfs"},
    {"no-new-keyring", 0, FLAG, CREATE | RUN | EXEC, AT(no_new_keyring), NULL, "keep the caller's session keyring"},
    {"no-subreaper", 0, FLAG, MAKE, AT(no_subreaper), NULL, "accepted: sc-oci never is a subreaper"},
    {"detach", 'd', FLAG, RUN | EXEC | RESTORE, AT(is_detached), NULL, "do not wait for the process"},
    {"keep", 0, FLAG, RUN, AT(keeps), NULL, "do not delete the container when it ends"},

    {"force", 'f', FLAG, DELETE, AT(is_force), NULL, "end what still runs (SIGKILL); an absent container is fine"},
    {"all", 'a', FLAG, KILL, AT(is_all), NULL, "signal all processes of the container"},

    {"process", 'p', TEXT, EXEC, AT(process_file), "FILE", "the process as an OCI process object in JSON"},
    {"tty", 't', FLAG, EXEC, AT(has_tty), NULL, "give it a terminal"},
    {"cwd", 0, TEXT, EXEC, AT(cwd), "DIR", "its working directory"},
    {"user", 'u', TEXT, EXEC, AT(user), "UID[:GID]", "its user and group"},
    {"additional-gids", 'g', LIST_OF, EXEC, AT(additional_gids), "GID", "a further group; may be repeated"},
    {"env", 'e', LIST_OF, EXEC, AT(env), "NAME=VALUE", "an environment variable; may be repeated"},
    {"cap", 'c', LIST_OF, EXEC, AT(caps), "CAPABILITY", "a further capability; may be repeated"},
    {"apparmor", 0, TEXT, EXEC, AT(apparmor), "PROFILE", "its AppArmor profile"},
    {"process-label", 0, TEXT, EXEC, AT(process_label), "LABEL", "its SELinux label"},
    {"no-new-privs", 0, OPT_FLAG, EXEC, AT(no_new_privs), NULL,
     "no privileges by setuid programs or file capabilities"},
    {"cgroup", 0, LIST_OF, EXEC, AT(cgroups), "[CONTROLLERS:]PATH", "an existing cgroup below the container's"},
    {"ignore-paused", 0, FLAG, EXEC, AT(ignores_paused), NULL, "also in a paused container, where it waits"},

    {"format", 'f', TEXT, LIST | PS, AT(format), "FORMAT", "table (default) or json"},
    {"quiet", 'q', FLAG, LIST, AT(is_quiet), NULL, "ids only"},

    {"interval", 0, TEXT, EVENTS, AT(interval), "DURATION", "between two accounts (default 5s)"},
    {"stats", 0, FLAG, EVENTS, AT(only_stats), NULL, "one account, then end"},

    {"rootless", 0, FLAG, SPEC, AT(for_rootless), NULL, "for a container of an ordinary user"},
    {"file", 'f', TEXT, SPEC, AT(file), "FILE", "instead of config.json"},

    {"resources", 'r', TEXT, UPDATE, AT(update.resources), "FILE",
     "linux.resources in JSON; \"-\" reads standard input; other options are then ignored"},
    {"memory", 0, TEXT, UPDATE, AT(update.memory), "BYTES", "memory limit; -1: none"},
    {"memory-swap", 0, TEXT, UPDATE, AT(update.memory_swap), "BYTES", "limit on memory and swap together; -1: none"},
    {"memory-reservation", 0, TEXT, UPDATE, AT(update.memory_reservation), "BYTES", "memory that is kept longest"},
    {"kernel-memory", 0, TEXT, UPDATE, AT(update.kernel_memory), "BYTES", "ignored: kernels have no such limit now"},
    {"kernel-memory-tcp", 0, TEXT, UPDATE, AT(update.kernel_memory_tcp), "BYTES", "TCP buffers (cgroup v1)"},
    {"cpu-share", 0, TEXT, UPDATE, AT(update.cpu_shares), "N", "CPU time relative to others, who have 1024"},
    {"cpu-shares", 0, TEXT, UPDATE, AT(update.cpu_shares), "N", NULL},
    {"cpu-period", 0, TEXT, UPDATE, AT(update.cpu_period), "USEC", "period in which CPU time is counted"},
    {"cpu-quota", 0, TEXT, UPDATE, AT(update.cpu_quota), "USEC", "CPU time in a period; -1: unlimited"},
    {"cpu-burst", 0, TEXT, UPDATE, AT(update.cpu_burst), "USEC", "unused quota that may be saved up"},
    {"cpu-idle", 0, TEXT, UPDATE, AT(update.cpu_idle), "0|1", "1: run only when nothing else wants the CPU"},
    {"cpu-rt-period", 0, TEXT, UPDATE, AT(update.cpu_rt_period), "USEC", "realtime period (cgroup v1)"},
    {"cpu-rt-runtime", 0, TEXT, UPDATE, AT(update.cpu_rt_runtime), "USEC", "realtime CPU time (cgroup v1)"},
    {"cpuset-cpus", 0, TEXT, UPDATE, AT(update.cpuset_cpus), "LIST", "CPUs to run on: \"0-2,7\""},
    {"cpuset-mems", 0, TEXT, UPDATE, AT(update.cpuset_mems), "LIST", "memory nodes to use"},
    {"pids-limit", 0, TEXT, UPDATE, AT(update.pids_limit), "N", "tasks at once; -1: any number"},
    {"blkio-weight", 0, TEXT, UPDATE, AT(update.blkio_weight), "N", "weight of block I/O, 10 to 1000"},
    {"l3-cache-schema", 0, TEXT, UPDATE, AT(update.l3_cache_schema), "SCHEMA", "Intel RDT cache allocation"},
    {"mem-bw-schema", 0, TEXT, UPDATE, AT(update.mem_bw_schema), "SCHEMA", "Intel RDT memory bandwidth"},

    {"image-path", 0, TEXT, CHECKPOINT | RESTORE, AT(checkpoint.image_path), "DIR",
     "criu's images (default ./checkpoint)"},
    {"work-path", 0, TEXT, CHECKPOINT | RESTORE, AT(checkpoint.work_path), "DIR", "criu's log and work files"},
    {"parent-path", 0, TEXT, CHECKPOINT, AT(checkpoint.parent_path), "DIR",
     "images of the last --pre-dump, from --image-path"},
    {"leave-running", 0, FLAG, CHECKPOINT, AT(checkpoint.leaves_running), NULL, "do not end the container"},
    {"tcp-established", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.tcp_established), NULL,
     "allow open TCP connections"},
    {"ext-unix-sk", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.ext_unix_sk), NULL, "allow unix sockets of others"},
    {"shell-job", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.shell_job), NULL, "allow jobs of a shell"},
    {"lazy-pages", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.lazy_pages), NULL, "bring memory when it is used"},
    {"status-fd", 0, TEXT, CHECKPOINT, AT(checkpoint.status_fd), "FD",
     "criu writes a NUL here when lazy pages are ready"},
    {"page-server", 0, TEXT, CHECKPOINT, AT(checkpoint.page_server), "ADDRESS:PORT", "send memory there"},
    {"file-locks", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.file_locks), NULL, "keep file locks"},
    {"pre-dump", 0, FLAG, CHECKPOINT, AT(checkpoint.pre_dump), NULL, "memory only; the container runs on"},
    {"manage-cgroups-mode", 0, TEXT, CHECKPOINT | RESTORE, AT(checkpoint.cgroups_mode), "MODE",
     "soft (default), full, strict or ignore"},
    {"empty-ns", 0, LIST_OF, CHECKPOINT | RESTORE, AT(checkpoint.empty_ns), "NAMESPACE",
     "do not keep what is in it: network"},
    {"auto-dedup", 0, FLAG, CHECKPOINT | RESTORE, AT(checkpoint.auto_dedup), NULL,
     "drop memory that a later image holds"},
    {"lsm-profile", 0, TEXT, RESTORE, AT(checkpoint.lsm_profile), "TYPE:NAME", "security profile to restore with"},
    {"lsm-mount-context", 0, TEXT, RESTORE, AT(checkpoint.lsm_mount_context), "CONTEXT", "of mounts"},
};

#define ID   "CONTAINER-ID"
#define FAIL 255 /* runc's code where run and exec fail themselves */
static const struct sc_oci_verb verb_rows[] = {
    {"create", sc_oci_verb_create, CREATE, true, false, 1, 1, 1, ID,
     "make a container from a bundle; it waits for start"},
    {"start", sc_oci_verb_start, START, false, false, 1, 1, 1, ID, "run the program of a created container"},
    {"run", sc_oci_verb_run, RUN, true, false, FAIL, 1, 1, ID, "create, start, wait and delete"},
    {"state", sc_oci_verb_state, STATE, false, false, 1, 1, 1, ID, "print the state of a container as JSON"},
    {"kill", sc_oci_verb_kill, KILL, false, false, 1, 1, 2, ID " [SIGNAL]",
     "send a signal (default TERM) to a container"},
    {"delete", sc_oci_verb_delete, DELETE, false, false, 1, 1, 1, ID, "delete a stopped container"},
    {"exec", sc_oci_verb_exec, EXEC, true, true, FAIL, 1, -1, ID " COMMAND [ARGUMENT...]",
     "run a further process in a container"},
    {"list", sc_oci_verb_list, LIST, false, false, 1, 0, 0, "", "list containers"},
    {"ps", sc_oci_verb_ps, PS, false, true, 1, 1, -1, ID " [PS-OPTION...]", "list the processes of a container"},
    {"pause", sc_oci_verb_pause, PAUSE, false, false, 1, 1, 1, ID, "freeze a container"},
    {"resume", sc_oci_verb_resume, RESUME, false, false, 1, 1, 1, ID, "thaw a container"},
    {"update", sc_oci_verb_update, UPDATE, false, false, 1, 1, 1, ID,
     "change the limits of a container: all of them or none"},
    {"events", sc_oci_verb_events, EVENTS, false, false, 1, 1, 1, ID, "print accounts and OOM notices as JSON lines"},
    {"spec", sc_oci_verb_spec, SPEC, false, false, 1, 0, 0, "", "write a config.json to start from"},
    {"features", sc_oci_verb_features, FEATURES, false, false, 1, 0, 0, "", "print what this runtime can do, as JSON"},
    {"checkpoint", sc_oci_verb_checkpoint, CHECKPOINT, false, false, 1, 1, 1, ID, "save a running container with criu"},
    {"restore", sc_oci_verb_restore, RESTORE, true, false, 1, 1, 1, ID, "run a saved container again"},
};

/* ---- help --------------------------------------------------------------------------------------------------- */

const struct sc_oci_option *
sc_oci_option_at(size_t i)
{
    return i < SC_ARRAY_LEN(option_rows) ? &option_rows[i] : NULL;
}

const struct sc_oci_verb *
sc_oci_verb_at(size_t i)
{
    return i < SC_ARRAY_LEN(verb_rows) ? &verb_rows[i] : NULL;
}

/* The options of these verbs, below their title; neither where they have none. */
static void
help_options(const char *title, int verbs, bool is_global)
{
    bool has_title = false;

    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++) {
        const struct sc_oci_option *row = &option_rows[i];
        char left[64];

        if (row->help == NULL || (row->verbs & verbs) == 0 || is_global != ((row->verbs | SPEC) == GLOBAL))
            continue;
        if (!has_title)
            puts(title);
        has_title = true;
        snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
                 row->letter ? ',' : ' ', row->name, row->value != NULL ? " " : "",
                 row->value != NULL ? row->value : "");
        printf("  %-30s %s\n", left, row->help);
    }
}

static int
help(const struct sc_oci_verb *verb)
{
    if (verb != NULL) {
        printf("sc-oci %s: %s\n\nusage: sc-oci [OPTIONS] %s [OPTIONS] %s\n", verb->name, verb->help, verb->name,
               verb->usage);
        help_options("\noptions:", (int)verb->bit, false);
    } else {
        puts("sc-oci: an OCI runtime\n\nusage: sc-oci [OPTIONS] COMMAND [OPTIONS] ...\n\ncommands:");
        for (size_t i = 0; i < SC_ARRAY_LEN(verb_rows); i++)
            printf("  %-11s %s\n", verb_rows[i].name, verb_rows[i].help);
        puts("\n\"sc-oci COMMAND --help\" lists the options of a command.");
    }
    help_options("\noptions of every command:", GLOBAL, true);
    puts("   -v, --version                 print the version\n   -h, --help                    print this");
    return 0;
}

/* Engines look for "NAME version X", "commit: X" and "spec: X", each at the start of a line. */
static int
version(void)
{
    printf("sc-oci version %s\ncommit: %s\nspec: %s\n", SC_VERSION, SC_VERSION, SC_OCI_VERSION);
    return 0;
}

/* ---- parsing ------------------------------------------------------------------------------------------------ */

struct parser {
    struct sc_oci_cli *cli;
    const struct sc_oci_verb *verb;
    int argc, at;
    char **argv;
    bool has_answered; /* --help, --version */
};

static const struct sc_oci_option *
find_option(const struct parser *p, const char *name, size_t len)
{
    int verbs = p->verb != NULL ? (int)p->verb->bit : GLOBAL;

    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++) {
        const struct sc_oci_option *row = &option_rows[i];

        if ((row->verbs & verbs) == 0 || (p->verb == NULL && (row->verbs | SPEC) != GLOBAL))
            continue;
        if ((strlen(row->name) == len && strncmp(row->name, name, len) == 0) ||
            (len == 1 && row->letter != 0 && row->letter == name[0]))
            return row;
    }
    return NULL;
}

static int
set_option(struct parser *p, const struct sc_oci_option *row, const char *value, struct sc_err *err)
{
    void *member = (char *)p->cli + row->offset;
    bool flag = true;

    if ((row->kind == FLAG || row->kind == OPT_FLAG) && value != NULL && sc_parse_bool(value, &flag, err) < 0)
        return sc_err_wrap(err, "--%s", row->name);
    if (row->kind != FLAG && row->kind != OPT_FLAG && value == NULL) {
        if (p->at + 1 >= p->argc)
            return sc_err_set(err, SC_ERR_INVALID, "option --%s needs a value", row->name);
        value = p->argv[++p->at];
    }
    switch (row->kind) {
    case TEXT:
        *(const char **)member = value;
        return 0;
    case FLAG:
        *(bool *)member = flag;
        return 0;
    case OPT_FLAG:
        *(struct sc_opt_bool *)member = (struct sc_opt_bool){.is_set = true, .value = flag};
        return 0;
    case LIST_OF:
        sc_strv_add(member, &p->cli->arena, value);
        return 0;
    case COUNT:
        return sc_parse_u32(value, member, err) < 0 ? sc_err_wrap(err, "--%s", row->name) : 0;
    }
    return 0;
}

/* "-dt", "-b/bundle": letters together, the last with its value. */
static int
parse_letters(struct parser *p, const char *arg, struct sc_err *err)
{
    for (const char *letter = arg + 1; *letter != '\0'; letter++) {
        const struct sc_oci_option *row = find_option(p, letter, 1);

        if (row == NULL)
            return sc_err_set(err, SC_ERR_INVALID, "unknown option \"%s\"%s%s: see sc-oci %s%s--help", arg,
                              p->verb != NULL ? " of " : "", p->verb != NULL ? p->verb->name : "",
                              p->verb != NULL ? p->verb->name : "", p->verb != NULL ? " " : "");
        if (row->kind == FLAG || row->kind == OPT_FLAG) {
            if (set_option(p, row, NULL, err) < 0)
                return -1;
            continue;
        }
        return set_option(p, row, letter[1] != '\0' ? letter + 1 : NULL, err);
    }
    return 0;
}

static bool
is_one_of(const char *arg, const char *a, const char *b, const char *c)
{
    return strcmp(arg, a) == 0 || strcmp(arg, b) == 0 || strcmp(arg, c) == 0;
}

/* runc takes one dash for two: "-root DIR" */
static int
parse_option(struct parser *p, struct sc_err *err)
{
    const char *arg = p->argv[p->at], *name = arg + (arg[1] == '-' ? 2 : 1), *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct sc_oci_option *row = find_option(p, name, len);

    if (row != NULL && (arg[1] != '-' || len > 1))
        return set_option(p, row, equals != NULL ? equals + 1 : NULL, err);
    if (is_one_of(arg, "--help", "-h", "-help")) {
        p->has_answered = true;
        return help(p->verb);
    }
    if (p->verb == NULL && is_one_of(arg, "--version", "-v", "-V")) {
        p->has_answered = true;
        return version();
    }
    if (arg[1] != '-')
        return parse_letters(p, arg, err);
    return sc_err_set(err, SC_ERR_INVALID, "unknown option \"%s\"%s%s: see sc-oci %s%s--help", arg,
                      p->verb != NULL ? " of " : "", p->verb != NULL ? p->verb->name : "",
                      p->verb != NULL ? p->verb->name : "", p->verb != NULL ? " " : "");
}

static const struct sc_oci_verb *
find_verb(const char *name)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(verb_rows); i++)
        if (strcmp(name, verb_rows[i].name) == 0)
            return &verb_rows[i];
    return NULL;
}

/* After the id, what follows is the command's of exec. To ps it is ps(1)'s, but for the format. */
static bool
ends_options(const struct parser *p)
{
    const char *arg = p->argv[p->at], *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : "";

    if (p->verb == NULL || !p->verb->takes_command || p->cli->args.count == 0)
        return false;
    if ((p->verb->bit & PS) == 0)
        return true;
    return !(sc_str_starts(arg, "--format") ||
             (strcmp(arg, "-f") == 0 && (strcmp(next, "json") == 0 || strcmp(next, "table") == 0)));
}

static int
check_count(const struct parser *p, struct sc_err *err)
{
    size_t count = p->cli->args.count;

    if (count >= (size_t)p->verb->args_min && (p->verb->args_max < 0 || count <= (size_t)p->verb->args_max))
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "\"%s\" requires %s %d argument(s): sc-oci %s [OPTIONS] %s", p->verb->name,
                      p->verb->args_min == p->verb->args_max ? "exactly"
                      : count < (size_t)p->verb->args_min    ? "at least"
                                                             : "at most",
                      count < (size_t)p->verb->args_min ? p->verb->args_min : p->verb->args_max, p->verb->name,
                      p->verb->usage);
}

int
sc_oci_parse(struct sc_oci_cli *cli, int argc, char **argv, const struct sc_oci_verb **verb, struct sc_err *err)
{
    struct parser p = {.cli = cli, .argc = argc, .argv = argv};
    bool is_literal = false; /* after "--" */

    *verb = NULL;
    if (argc < 2)
        return help(NULL);
    for (p.at = 1; p.at < argc && !p.has_answered; p.at++) {
        const char *arg = argv[p.at];

        if (ends_options(&p) || (p.verb != NULL && (arg[0] != '-' || arg[1] == '\0' || is_literal))) {
            sc_strv_add(&cli->args, &cli->arena, arg);
        } else if (strcmp(arg, "--") == 0) {
            is_literal = true;
        } else if (arg[0] == '-' && arg[1] != '\0') {
            if (parse_option(&p, err) < 0)
                return -1;
        } else if (strcmp(arg, "help") == 0 || strcmp(arg, "h") == 0) {
            return help(p.at + 1 < argc ? find_verb(argv[p.at + 1]) : NULL);
        } else {
            p.verb = find_verb(arg);
            if (p.verb == NULL)
                return sc_err_set(err, SC_ERR_INVALID, "unknown command \"%s\": see sc-oci --help", arg);
        }
    }
    if (p.has_answered)
        return 0;
    if (p.verb == NULL)
        return sc_err_set(err, SC_ERR_INVALID, "no command given: see sc-oci --help");
    if (check_count(&p, err) < 0)
        return -1;
    *verb = p.verb;
    return sc_arena_check(&cli->arena, err);
}
