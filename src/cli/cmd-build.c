/* sc build: finds Dockerfile and context, shows what is done. engine/build/ does it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/build-priv.h"

struct build_options {
    struct sc_create_options run; /* of RUN's containers */
    struct sc_strv tags, build_args, labels, secrets, allows;
    char *file, *target, *iidfile, *progress, *platform, *output;
    bool no_cache, pull, quiet, rm, force_rm;
    bool is_stdout_taken; /* an archive goes there */
};

#define AT(member)  offsetof(struct build_options, member)
#define RUN(member) (AT(run) + offsetof(struct sc_create_options, member))

static const struct sc_option table[] = {
    {"add-host", 0, SC_OPTION_CALL, RUN(add_hosts), "name:address", "One more line for /etc/hosts of RUN",
     sc_value_add_host, NULL},
    {"allow", 0, SC_OPTION_STRV, AT(allows), "what", "Let RUN have it: network.host, security.insecure", NULL, NULL},
    {"build-arg", 0, SC_OPTION_STRV, AT(build_args), "name[=value]", "Value of an ARG", NULL, NULL},
    {"cgroup-parent", 0, SC_OPTION_STR, RUN(cgroup_parent), "path", "Parent of the cgroup of RUN", NULL, NULL},
    {"cpu-period", 0, SC_OPTION_CALL, RUN(cpu_period), "usec", "Period of the CPU quota, in microseconds", sc_value_i64,
     NULL},
    {"cpu-quota", 0, SC_OPTION_CALL, RUN(cpu_quota), "usec", "CPU time in each period, in microseconds", sc_value_i64,
     NULL},
    {"cpu-shares", 'c', SC_OPTION_CALL, RUN(cpu_shares), "number", "CPU weight relative to others (default 1024)",
     sc_value_u64, NULL},
    {"cpus", 0, SC_OPTION_CALL, RUN(nano_cpus), "number", "Number of CPUs, such as 1.5", sc_value_cpus, NULL},
    {"cpuset-cpus", 0, SC_OPTION_CALL, RUN(cpuset_cpus), "list", "CPUs to run on: 0-3,7", sc_value_cpu_list, NULL},
    {"cpuset-mems", 0, SC_OPTION_CALL, RUN(cpuset_mems), "list", "Memory nodes to use: 0,1", sc_value_cpu_list, NULL},
    {"file", 'f', SC_OPTION_STR, AT(file), "file", "The Dockerfile (default: PATH/Dockerfile); - is standard input",
     NULL, NULL},
    {"force-rm", 0, SC_OPTION_FLAG, AT(force_rm), NULL, "Accepted: containers of steps are always removed", NULL, NULL},
    {"iidfile", 0, SC_OPTION_STR, AT(iidfile), "file", "Write the image's id to this file", NULL, NULL},
    {"label", 0, SC_OPTION_CALL, AT(labels), "name=value", "Label of the image", sc_value_label, NULL},
    {"memory", 'm', SC_OPTION_CALL, RUN(memory), "bytes", "Memory limit of RUN, such as 256m", sc_value_size, NULL},
    {"memory-swap", 0, SC_OPTION_CALL, RUN(memory_swap), "bytes", "Limit of memory and swap together; -1: no limit",
     sc_value_memory_swap, NULL},
    {"network", 0, SC_OPTION_CALL, RUN(network), "name", "Network of RUN: bridge, none, host, or a name",
     sc_value_network, NULL},
    {"no-cache", 0, SC_OPTION_FLAG, AT(no_cache), NULL, "Execute every step, whatever the cache has", NULL, NULL},
    {"output", 'o', SC_OPTION_STR, AT(output), "how", "Write it: DIR, - (tar), type=local|tar|oci|docker,dest=PATH",
     NULL, NULL},
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Only this machine's: linux/amd64", NULL, NULL},
    {"progress", 0, SC_OPTION_STR, AT(progress), "how", "auto, plain, tty or quiet", NULL, NULL},
    {"pull", 0, SC_OPTION_FLAG, AT(pull), NULL, "Pull base images also where they are there", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Show the image's id alone", NULL, NULL},
    {"rm", 0, SC_OPTION_FLAG, AT(rm), NULL, "Accepted: containers of steps are always removed", NULL, NULL},
    {"secret", 0, SC_OPTION_STRV, AT(secrets), "id=name[,src=file|env=name]",
     "A file or variable for RUN --mount=type=secret", NULL, NULL},
    {"shm-size", 0, SC_OPTION_CALL, RUN(shm_size), "bytes", "Size of /dev/shm of RUN (default 64m)", sc_value_size,
     NULL},
    {"tag", 't', SC_OPTION_STRV, AT(tags), "name[:tag]", "Name of the image", NULL, NULL},
    {"target", 0, SC_OPTION_STR, AT(target), "stage", "Build this stage", NULL, NULL},
    {"ulimit", 0, SC_OPTION_CALL, RUN(ulimits), "name=soft[:hard]", "Resource limit of RUN, such as nofile=1024:2048",
     sc_value_ulimit, NULL},
    {.name = NULL},
};

/* ---- the options ------------------------------------------------------------------------------------------------- */

static int
full_names(const struct sc_strv *tags, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    for (size_t i = 0; i < tags->count; i++) {
        struct sc_reference ref;

        if (sc_reference_parse(tags->items[i], arena, &ref, err) < 0)
            return sc_err_wrap(err, "--tag");
        if (ref.digest)
            return sc_err_set(err, SC_ERR_INVALID, "invalid name \"%s\": a new image cannot be given a digest",
                              tags->items[i]);
        sc_strv_add(out, arena, sc_reference_full(&ref, arena));
    }
    return sc_arena_check(arena, err);
}

/* "NAME" takes the caller's value, as Docker's does; where there is none it is not given. */
static int
build_args(const struct sc_strv *words, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");

    if (epoch && *epoch) /* as buildx: for an ARG too; one that is said comes later and wins */
        sc_strv_addf(out, arena, "SOURCE_DATE_EPOCH=%s", epoch);
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->items[i], *value = strchr(word, '=') ? NULL : getenv(word);

        if (*word == '=' || !*word)
            return sc_err_set(err, SC_ERR_INVALID, "--build-arg \"%s\": it has no name", word);
        if (strchr(word, '='))
            sc_strv_add(out, arena, word);
        else if (value)
            sc_strv_addf(out, arena, "%s=%s", word, value);
    }
    return sc_arena_check(arena, err);
}

/* As buildx's: what a Dockerfile may not choose by itself. */
static int
read_allows(const struct sc_strv *words, struct sc_build_ask *ask, struct sc_err *err)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->items[i], "network.host") == 0)
            ask->allows_host_network = true;
        else if (strcmp(words->items[i], "security.insecure") == 0)
            ask->allows_insecure = true;
        else
            return sc_err_set(err, SC_ERR_INVALID, "--allow \"%s\": it is network.host or security.insecure",
                              words->items[i]);
    }
    return 0;
}

static int
write_id(const char *path, const char *id, struct sc_err *err)
{
    sc_cleanup_fd fd = -1;

    if (!path || !id)
        return 0;
    /* lint: the caller's own */
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0)
        return sc_err_errno(err, errno, "--iidfile \"%s\"", path);
    return sc_io_write_all(fd, id, strlen(id), err) < 0 ? sc_err_wrap(err, "--iidfile \"%s\"", path) : 0;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static int
build(struct sc_cli *cli, struct build_options *o, const char *path, struct sc_build_input *input, char **id,
      struct sc_err *err)
{
    struct sc_build_ask ask = {.no_cache = o->no_cache,
                               .pulls = o->pull,
                               .target = o->target,
                               .platform = o->platform,
                               .labels = o->labels,
                               .run = &o->run};
    struct sc_build_show show;
    const char *note = NULL;
    int status;

    if (sc_run_network_from_env(&o->run, &cli->arena, err) < 0 ||
        full_names(&o->tags, &cli->arena, &ask.names, err) < 0 ||
        build_args(&o->build_args, &cli->arena, &ask.build_args, err) < 0 || read_allows(&o->allows, &ask, err) < 0 ||
        sc_build_output_read(o->output, &cli->arena, &ask, err) < 0 ||
        sc_build_secrets_read(&o->secrets, &cli->arena, &ask, err) < 0 || sc_cli_engine(cli, err) < 0 ||
        sc_build_input_read(input, &cli->engine, o->file, path, &cli->arena, err) < 0 ||
        sc_rootless_note(&cli->engine, &cli->arena, &note, err) < 0)
        return -1;
    if (note)
        sc_print_note(note);
    o->is_stdout_taken = ask.to_path && strcmp(ask.to_path, "-") == 0;
    ask.dockerfile = sc_buf_str(&input->text);
    ask.dockerfile_len = input->text.len;
    ask.dockerfile_name = input->name;
    ask.ignore = input->has_ignore ? sc_buf_str(&input->ignore) : NULL;
    ask.context_fd = input->context_fd;
    if (sc_build_show_open(&show, o->progress, o->quiet, &ask, err) < 0)
        return -1;
    o->quiet = show.is_quiet;
    status = sc_engine_build(&cli->engine, &ask, &cli->arena, id, err);
    sc_build_show_end(&show, status < 0);
    return status;
}

/* What the caller closed stays of no use (but standard error, which nobody wants then), and its number is taken: else
 * the context has it, or what sc-transfer reads, until sc-transfer is given its own there. */
static int
fill_stdio(struct sc_err *err)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};

    for (int fd = 0; fd < (int)SC_ARRAY_LEN(modes); fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* lint: the host's own; and the lowest number that is free, which is this one */
        sc_cleanup_fd opened = openat(AT_FDCWD, "/dev/null", modes[fd] | O_CLOEXEC | O_NOCTTY);

        if (opened < 0)
            return sc_err_errno(err, errno, "open \"/dev/null\"");
        (void)sc_steal_fd(&opened);
    }
    return 0;
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct sc_build_input input = {.context_fd = -1, .unpacked = SC_BUILD_CONTEXT_INIT};
    struct build_options options = {.quiet = false};
    struct sc_strv args = {0};
    char *id = NULL;
    int status;

    sc_create_options_init(&options.run);
    if (sc_cli_parse(cli, &options, &args, err) < 0 || fill_stdio(err) < 0)
        return -1;
    status = build(cli, &options, args.items[0], &input, &id, err);
    sc_build_input_release(&input, &cli->engine);
    if (status < 0 || write_id(options.iidfile, id, err) < 0) {
        err->exit_code = err->exit_code > 128 ? err->exit_code : 1; /* Docker's, also where a run would say 127 */
        return -1;
    }
    if (!id) /* files alone were asked for */
        return 0;
    if (options.quiet && !options.is_stdout_taken)
        (void)printf("%s\n", id);
    else
        (void)fprintf(stderr, "%s\n", id);
    return 0;
}

const struct sc_command sc_cmd_build = {
    .name = "build",
    .synopsis = "[OPTIONS] PATH|-",
    .help = "Build an image from a Dockerfile",
    .options = table,
    .args_min = 1,
    .args_max = 1,
    .starts_containers = true,
    .run = run,
};
