/*
 * `sc __complete WORD...`: what the last word may become, one candidate a line; the shells' completions (completion/)
 * only ask this. Where names of files fit, a line ":file" or ":dir" tells the shell to offer its own.
 *
 * What an argument is, the command's synopsis says: IMAGE, CONTAINER..., FILE. What an option's value is, a row of
 * `values` says, or else the name that help gives it: "file", "dir", "text|json".
 */
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/cli.h"

struct complete {
    struct sc_cli *cli;
    const char *word;    /* the one to complete */
    const char *prefix;  /* what stands before the value in it: "--network=" */
    bool opens_engine;   /* the containers and images there are may be asked for */
    struct sc_strv args; /* arguments before it */
    struct sc_buf *out;
};

/* ---- candidates ------------------------------------------------------------------------------------------ */

static void
offer(const struct complete *c, const char *candidate)
{
    const char *typed = c->word + strlen(c->prefix);

    if (sc_str_starts(candidate, typed))
        sc_buf_addf(c->out, "%s%s\n", c->prefix, candidate);
}

static void
offer_words(const struct complete *c, const char *words, char between)
{
    const char separators[] = {between, '\0'};

    while (*words) {
        size_t len = strcspn(words, separators);
        char *word = sc_arena_strndup(&c->cli->arena, words, len);

        if (word)
            offer(c, word);
        words += len + (words[len] != '\0');
    }
}

/* Which containers a command is of use for. */
static bool
is_of_use(const struct sc_command *command, const struct sc_container *container)
{
    if (command == &sc_cmd_start)
        return container->status != SC_STATUS_RUNNING && container->status != SC_STATUS_PAUSED;
    if (command == &sc_cmd_unpause)
        return container->status == SC_STATUS_PAUSED;
    if (command == &sc_cmd_exec || command == &sc_cmd_attach || command == &sc_cmd_pause)
        return container->status == SC_STATUS_RUNNING;
    if (container->is_restarting)
        return command != &sc_cmd_top;
    if (command == &sc_cmd_stop || command == &sc_cmd_kill || command == &sc_cmd_top)
        return container->status == SC_STATUS_RUNNING || container->status == SC_STATUS_PAUSED;
    return true;
}

/* Names; ids too, once one is being typed. */
static void
offer_containers(struct complete *c, const char *before)
{
    struct sc_container_list list = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    if (!c->opens_engine || sc_engine_list_known(&c->cli->engine, true, &c->cli->arena, &list, &ignored) < 0)
        return;
    for (size_t i = 0; i < list.count; i++) {
        const struct sc_container *container = &list.items[i];
        char *name = sc_arena_printf(&c->cli->arena, "%s%s", before, container->name);
        char *id = sc_arena_printf(&c->cli->arena, "%s%.12s", before, container->id);

        if (!name || !id || !is_of_use(c->cli->command, container))
            continue;
        offer(c, name);
        if (strlen(c->word) > strlen(c->prefix) + strlen(before))
            offer(c, id);
    }
}

static void
offer_images(struct complete *c)
{
    struct sc_image_list list = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;
    bool has_base = false;

    if (!c->opens_engine || sc_image_list(&c->cli->engine.store, &c->cli->arena, &list, &ignored) < 0)
        return;
    for (size_t i = 0; i < list.count; i++) {
        struct sc_reference ref = {0};
        const char *name;

        if (!list.items[i].name || sc_reference_parse(list.items[i].name, &c->cli->arena, &ref, &ignored) < 0)
            continue;
        name = sc_reference_familiar(&ref, &c->cli->arena);
        if (!name)
            continue;
        has_base = has_base || strcmp(name, "base") == 0;
        if (sc_str_eq(ref.tag, "latest"))
            offer(c, name);
        else if (ref.tag && (name = sc_arena_printf(&c->cli->arena, "%s:%s", name, ref.tag)) != NULL)
            offer(c, name);
    }
    if (!has_base && c->cli->command->starts_containers)
        offer(c, "base"); /* made on first use */
}

static void
offer_signals(const struct complete *c)
{
    const char *typed = c->word + strlen(c->prefix);

    for (int signum = 1; signum < 32; signum++) {
        const char *name = sc_signal_name(signum);

        /* "TERM" is as good as "SIGTERM": whichever was begun. */
        if (name)
            offer(c, *typed && !sc_str_starts("SIG", typed) && !sc_str_starts(typed, "SIG") ? name + 3 : name);
    }
}

static void
offer_capabilities(const struct complete *c)
{
    const char *typed = c->word + strlen(c->prefix);

    offer(c, "ALL");
    for (int cap = 0; cap <= sc_cap_last; cap++) {
        const char *name = sc_cap_name(cap);

        if (name)
            offer(c, sc_str_starts(typed, "CAP_") ? name : name + strlen("CAP_"));
    }
}

static void
offer_environment(const struct complete *c)
{
    for (char **entry = environ; *entry; entry++) {
        size_t len = strcspn(*entry, "=");
        char *name = sc_arena_strndup(&c->cli->arena, *entry, len);

        if (name && !strchr(c->word + strlen(c->prefix), '='))
            offer(c, name);
    }
}

/* ---- values of options ---------------------------------------------------------------------------------- */

#define JOINS "container: ns:"

/* By the option's name: what it takes, of which the last may be begun only ("container:"). */
static const struct {
    const char *option, *words;
} values[] = {
    {"attach", "stdin stdout stderr"},
    {"cgroup-manager", "cgroupfs systemd auto"},
    {"cgroupns", "private host " JOINS},
    {"filter", "name= id= status= label= ancestor= before= since= exited= volume= network= publish= expose= health= "
               "is-task= restart-policy= should-start-on-boot="},
    {"format", "json table"},
    {"ipc", "private shareable none host " JOINS},
    {"isolation", "default"},
    {"log-driver", "json-file local none"},
    {"log-opt", "max-size= max-file= tag= labels= labels-regex= env= env-regex= mode= max-buffer-size="},
    {"mount", "type=bind,source= type=volume,source= type=tmpfs,target="},
    {"network", "none host bridge " JOINS},
    {"pid", "private host " JOINS},
    {"restart", "no on-failure on-failure: always unless-stopped"},
    {"security-opt", "no-new-privileges seccomp= seccomp=unconfined systempaths=unconfined"},
    {"time-offset", "monotonic= boottime="},
    {"type", "container image network volume"},
    {"ulimit",
     "core= cpu= data= fsize= locks= memlock= msgqueue= nice= nofile= nproc= rss= rtprio= rttime= sigpending= stack="},
    {"userns", "host auto keep-id " JOINS},
    {"uts", "private host " JOINS},
};

static void
offer_value(struct complete *c, const struct sc_option *option)
{
    static const char container[] = "container:", status[] = "status=";
    const char *typed = c->word + strlen(c->prefix);

    /* `sc ns`: the same words as of run, with other values */
    if (option->kind == SC_OPTION_OPTIONAL && strcmp(option->value, "file") == 0) {
        sc_buf_adds(c->out, ":file\n");
        return;
    }
    if (c->cli->command == &sc_cmd_ns_enter && strcmp(option->name, "target") == 0) {
        offer_containers(c, "");
        return;
    }
    if (c->cli->command == &sc_cmd_save && strcmp(option->name, "format") == 0) {
        offer_words(c, "docker-archive oci-archive oci-dir", ' ');
        return;
    }
    if (c->cli->command == &sc_cmd_images && strcmp(option->name, "filter") == 0) {
        offer_words(c, "dangling=true reference= label= before= since=", ' ');
        return;
    }
    if (c->cli->command == &sc_cmd_events && strcmp(option->name, "filter") == 0) {
        offer_words(c, "container= event= image= label= network= type= volume=", ' ');
        return;
    }
    if (c->cli->command == &sc_cmd_volume_create && strcmp(option->name, "opt") == 0) {
        offer_words(c, "type= device= o=", ' ');
        return;
    }
    if (c->cli->command == &sc_cmd_volume_ls && strcmp(option->name, "filter") == 0) {
        offer_words(c, "name= dangling=true driver=local label=", ' ');
        return;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(values); i++) {
        if (strcmp(values[i].option, option->name) != 0)
            continue;
        if (sc_str_starts(typed, container) && strstr(values[i].words, container))
            offer_containers(c, container);
        else if (sc_str_starts(typed, status) && strstr(values[i].words, status))
            offer_words(c, "status=created status=running status=paused status=exited", ' ');
        else
            offer_words(c, values[i].words, ' ');
        return;
    }
    if (strcmp(option->value, "signal") == 0)
        offer_signals(c);
    else if (strcmp(option->name, "cap-add") == 0 || strcmp(option->name, "cap-drop") == 0)
        offer_capabilities(c);
    else if (strcmp(option->name, "env") == 0)
        offer_environment(c);
    else if (strcmp(option->name, "tag") == 0)
        offer_images(c);
    else if (strchr(option->value, '|'))
        offer_words(c, option->value, '|');
    else if (strcmp(option->value, "dir") == 0)
        sc_buf_adds(c->out, ":dir\n");
    else if (strcmp(option->value, "file") == 0 || strcmp(option->name, "device") == 0 ||
             ((strcmp(option->name, "volume") == 0 || sc_str_starts(option->value, "device:")) && !strchr(typed, ':')))
        sc_buf_adds(c->out, ":file\n");
}

/* ---- commands, options, arguments -------------------------------------------------------------------- */

/* The words that may stand after `group`, or at the top. */
static void
offer_commands(const struct complete *c, const char *group)
{
    for (size_t i = 0; i < sc_spelling_count; i++) {
        const struct sc_spelling *s = &sc_spellings[i];
        bool is_first = s->group && (i == 0 || !sc_str_eq(s->group, sc_spellings[i - 1].group));

        if (sc_str_eq(s->group, group))
            offer(c, s->name);
        else if (!group && is_first)
            offer(c, s->group);
    }
}

static void
offer_options(const struct complete *c)
{
    for (const struct sc_option *o = c->cli->command->options; o && o->name; o++) {
        char *name = sc_arena_printf(&c->cli->arena, "--%s", o->name);

        if (name)
            offer(c, name);
    }
    offer(c, "--help");
}

/* The synopsis' word for the argument at `index`: "IMAGE", "CONTAINER..."; the last repeats when it says so. */
static size_t
argument_name(const char *synopsis, size_t index, const char **name)
{
    size_t count = 0;

    for (const char *at = synopsis; *at;) {
        size_t len = strcspn(at, " ");

        *name = at;
        if (!(len == strlen("[OPTIONS]") && sc_str_starts(at, "[OPTIONS]")) &&
            (count++ == index || (len > 3 && strncmp(at + len - 3, "...", 3) == 0)))
            return len;
        at += len + (at[len] == ' ');
    }
    return 0;
}

static void
offer_argument(struct complete *c)
{
    const struct sc_command *command = c->cli->command;
    const char *at = NULL;
    size_t len = argument_name(command->synopsis, c->args.count, &at);
    char *name = len > 0 ? sc_arena_strndup(&c->cli->arena, at, len) : NULL;

    if (command == &sc_cmd_help) {
        offer_commands(c, c->args.count > 0 ? c->args.items[0] : NULL);
        return;
    }
    if (!name)
        return;
    if (strstr(name, "CONTAINER"))
        offer_containers(c, "");
    else if (strstr(name, "IMAGE") || strstr(name, "REPOSITORY"))
        offer_images(c);
    else if (sc_str_starts(name, "FILE") || sc_str_starts(name, "PROGRAM"))
        sc_buf_adds(c->out, ":file\n");
    else if (command == &sc_cmd_inspect) {
        offer_containers(c, "");
        offer_images(c);
    }
}

/* The option of this word whose value has to follow; *value is it when it stands in the word itself, or else NULL. */
static const struct sc_option *
option_with_value(const struct sc_command *command, const char *word, const char **value)
{
    size_t len = word[0] == '-' && word[1] == '-' ? strcspn(word + 2, "=") : 0;

    *value = NULL;
    for (const struct sc_option *o = command->options; o && o->name; o++) {
        bool is_named = len > 0 && ((strlen(o->name) == len && strncmp(o->name, word + 2, len) == 0) ||
                                    (o->alias && strlen(o->alias) == len && strncmp(o->alias, word + 2, len) == 0));

        if (is_named && o->value) {
            *value = word[2 + len] == '=' ? word + 3 + len : NULL;
            return *value || o->kind != SC_OPTION_OPTIONAL ? o : NULL;
        }
    }
    if (word[0] != '-' || word[1] == '-')
        return NULL;
    for (const char *letter = word + 1; *letter; letter++) {
        for (const struct sc_option *o = command->options; o && o->name; o++) {
            if (o->letter == *letter && o->value) {
                *value = letter[1] == '=' ? letter + 2 : letter[1] ? letter + 1 : NULL;
                return o;
            }
        }
    }
    return NULL;
}

static void
complete_command(struct complete *c, int argc, char **argv)
{
    const struct sc_command *command = c->cli->command;
    const struct sc_option *option = NULL; /* whose value the next word is */
    const char *value;
    bool is_over = false;

    for (int i = 0; i < argc; i++) {
        if (option) {
            option = NULL;
        } else if (is_over || argv[i][0] != '-' || argv[i][1] == '\0') {
            is_over = is_over || command->stops_at_argument;
            sc_strv_add(&c->args, &c->cli->arena, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            is_over = true;
        } else {
            option = option_with_value(command, argv[i], &value);
            option = value ? NULL : option;
        }
    }
    if (option) {
        offer_value(c, option);
        return;
    }
    if (is_over || c->word[0] != '-') {
        offer_argument(c);
        return;
    }
    option = option_with_value(command, c->word, &value);
    if (option && value) {
        c->prefix = sc_arena_strndup(&c->cli->arena, c->word, (size_t)(value - c->word));
        if (c->prefix)
            offer_value(c, option);
        return;
    }
    offer_options(c);
}

void
sc_cli_complete(struct sc_cli *cli, int argc, char **argv, bool opens_engine, struct sc_buf *out)
{
    struct complete c = {
        .cli = cli, .prefix = "", .word = argc > 0 ? argv[argc - 1] : "", .opens_engine = opens_engine, .out = out};
    struct sc_err ignored = SC_ERR_INIT;
    int used;

    if (argc <= 1) {
        cli->command = NULL;
        if (c.word[0] == '-')
            offer_words(&c, "--help --version", ' ');
        else
            offer_commands(&c, NULL);
        return;
    }
    if (sc_cli_find(argc - 1, argv, &cli->command, &used, &ignored) < 0 || !cli->command) {
        if (argc == 2)
            offer_commands(&c, argv[0]);
        return;
    }
    if (argc - 1 < used)
        return;
    complete_command(&c, argc - 1 - used, argv + used);
}
