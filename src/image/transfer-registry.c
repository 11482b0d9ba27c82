/* sc-transfer: pull, push, login, logout. What is printed is what Docker prints. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "image/transfer-program-priv.h"

#define LINE_MAX_LEN 4096

void
sc_registry_flags_apply(const struct sc_registry_flags *flags, int argc, char **argv, struct sc_registry_options *out)
{
    out->auth_file = flags->auth_file;
    out->credentials = flags->credentials;
    out->certs_dir = flags->cert_dir;
    out->platform = flags->platform;
    out->tls_verify = flags->tls_verify;
    /* Said or left to the registry's configuration: not the same. */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        out->has_tls_verify = out->has_tls_verify || sc_str_starts(argv[i], "--tls-verify");
    if (flags->is_insecure) {
        out->has_tls_verify = true;
        out->tls_verify = false;
    }
}

static int
progress_kind(const char *text, bool is_quiet, enum sc_progress_kind *out, struct sc_err *err)
{
    static const struct {
        const char *word;
        enum sc_progress_kind kind;
    } words[] = {
        {"auto", SC_PROGRESS_AUTO},   {"tty", SC_PROGRESS_BAR},   {"bar", SC_PROGRESS_BAR},
        {"plain", SC_PROGRESS_PLAIN}, {"json", SC_PROGRESS_JSON}, {"none", SC_PROGRESS_NONE},
        {"quiet", SC_PROGRESS_NONE},
    };

    *out = is_quiet ? SC_PROGRESS_NONE : SC_PROGRESS_AUTO;
    if (!text || is_quiet)
        return 0;
    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, text) == 0) {
            *out = words[i].kind;
            return 0;
        }
    }
    sc_err_set(err, SC_ERR_INVALID, "invalid value \"%s\" of --progress", text);
    return sc_err_remedy(err, "give auto, bar, plain, json or none");
}

static void say(struct sc_progress *progress, const char *fmt, ...) SC_PRINTF(2, 3);

static void
say(struct sc_progress *progress, const char *fmt, ...)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    va_list args;

    va_start(args, fmt);
    sc_buf_vaddf(&text, fmt, args);
    va_end(args);
    sc_progress_line(progress, sc_buf_str(&text));
}

static bool
names_a_tag(const char *text)
{
    const char *colon = strrchr(text, ':');

    return strchr(text, '@') || (colon && !strchr(colon, '/'));
}

/* ---- what pull and push share ------------------------------------------------------------------------------------ */

struct asked {
    struct sc_registry_options options;
    struct sc_strv operands;
    bool all_tags, is_quiet;
};
struct verb {
    int (*run)(struct sc_job *job, const struct asked *asked, struct sc_err *err);
    size_t max_operands;
    const char *usage;
};

static int
do_verb(struct sc_job *job, const struct verb *verb, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct asked asked = {.all_tags = false};
    bool no_trust; /* Docker's content trust is not known here: its flag changes nothing */
    const struct sc_transfer_option table[] = {
        {.letter = 'a', .name = "all-tags", .flag = &asked.all_tags},
        {.letter = 'q', .name = "quiet", .flag = &asked.is_quiet},
        {.name = "progress", .value = &flags.progress},
        {.name = "disable-content-trust", .flag = &no_trust},
        SC_REGISTRY_OPTIONS(&flags),
        {.name = "platform", .value = &flags.platform},
    };
    enum sc_progress_kind kind;
    int status;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &asked.operands, err) < 0 ||
        progress_kind(flags.progress, asked.is_quiet, &kind, err) < 0)
        return -1;
    if (asked.operands.count < 1 || asked.operands.count > verb->max_operands)
        return sc_job_usage(err, verb->usage);
    sc_registry_flags_apply(&flags, argc, argv, &asked.options);
    if (sc_progress_new(kind, &asked.options.progress, err) < 0)
        return -1;
    status = verb->run(job, &asked, err);
    sc_progress_done(asked.options.progress);
    sc_progress_free(asked.options.progress);
    return status;
}

/* ---- pull -------------------------------------------------------------------------------------------------- */

static void
say_status(const struct sc_registry_options *options, bool is_new, const char *shown, const char *image_id)
{
    say(options->progress, "Status: %s for %s", is_new ? "Downloaded newer image" : "Image is up to date", shown);
    sc_progress_result(options->progress, shown, image_id);
    sc_job_event("pull", shown);
}

static int
pull_one(struct sc_job *job, const struct sc_reference *ref, const struct sc_registry_options *options,
         struct sc_pulled *pulled, struct sc_err *err)
{
    if (sc_image_pull(&job->store, ref, options, &job->arena, pulled, err) < 0)
        return -1;
    sc_progress_done(options->progress);
    say(options->progress, "Digest: %s", pulled->digest);
    return 0;
}

static int
pull_all(struct sc_job *job, struct sc_reference *ref, const struct sc_registry_options *options, struct sc_err *err)
{
    struct sc_strv tags = {.items = NULL};
    struct sc_pulled pulled;
    bool is_new = false;

    if (sc_registry_tags(ref, options, &job->arena, &tags, err) < 0)
        return -1;
    if (tags.count == 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "pull \"%s/%s\": it has no tags", ref->registry, ref->repository);
    for (size_t i = 0; i < tags.count; i++) {
        struct sc_reference one;
        char *text = sc_arena_printf(&job->arena, "%s/%s:%s", ref->registry, ref->repository, tags.items[i]);

        /* Also checks a tag that a registry made up. */
        if (!text)
            return sc_err_nomem(err);
        if (sc_reference_parse(text, &job->arena, &one, err) < 0 || pull_one(job, &one, options, &pulled, err) < 0)
            return -1;
        is_new = is_new || pulled.is_new;
    }
    /* As Docker: once, for the repository. */
    say_status(options, is_new, sc_reference_familiar(ref, &job->arena), NULL);
    return 0;
}

static int
pull_as_asked(struct sc_job *job, const struct asked *asked, struct sc_err *err)
{
    const struct sc_registry_options *options = &asked->options;
    const char *name = asked->operands.items[0];
    struct sc_pulled pulled = {.is_new = false};
    struct sc_reference ref;
    int status;

    if (sc_reference_parse(name, &job->arena, &ref, err) < 0)
        return -1;
    if (asked->all_tags && names_a_tag(name))
        return sc_err_set(err, SC_ERR_INVALID, "tag can't be used with --all-tags/-a");
    if (sc_job_open_writer(job, err) < 0 || sc_interrupt_ready(job, "pull", err) < 0)
        return -1;
    if (!asked->all_tags && !names_a_tag(name))
        say(options->progress, "Using default tag: latest");
    status = asked->all_tags ? pull_all(job, &ref, options, err) : pull_one(job, &ref, options, &pulled, err);
    if (status == 0 && !asked->all_tags)
        say_status(options, pulled.is_new, pulled.shown, pulled.image_id);
    sc_store_collect(&job->store);
    return status;
}

int
sc_job_pull(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    static const struct verb pull = {pull_as_asked, 1, "sc pull [-a] [-q] [--platform OS/ARCH] NAME[:TAG|@DIGEST]"};

    return do_verb(job, &pull, argc, argv, err);
}

/* ---- push --------------------------------------------------------------------------------------------------- */

/* The one that the store has is the one that is asked for, or nothing is sent. */
static int
check_platform(struct sc_job *job, const char *source, const char *platform, struct sc_err *err)
{
    struct sc_image image = {.id = NULL};

    if (!platform || !*platform)
        return 0;
    if (sc_image_find(&job->store, source, &job->arena, &image, err) < 0)
        return -1;
    return sc_image_want_platform(&image, source, platform, &job->arena, err) < 0 ? sc_err_wrap(err, "push") : 0;
}

static int
push_one(struct sc_job *job, const char *source, const struct sc_reference *ref,
         const struct sc_registry_options *options, bool is_quiet, struct sc_err *err)
{
    struct sc_pushed pushed;

    if (check_platform(job, source, options->platform, err) < 0 ||
        sc_image_push(&job->store, source, ref, options, &job->arena, &pushed, err) < 0)
        return -1;
    sc_progress_done(options->progress);
    sc_job_event("push", sc_reference_shown(ref, &job->arena));
    if (is_quiet)
        (void)printf("%s\n", sc_reference_shown(ref, &job->arena));
    else
        say(options->progress, "%s: digest: %s size: %lld", ref->tag ? ref->tag : pushed.digest, pushed.digest,
            (long long)pushed.size);
    return 0;
}

/* Every tag that the store has of the repository. */
static int
push_all(struct sc_job *job, const struct sc_reference *ref, const struct sc_registry_options *options, bool is_quiet,
         struct sc_err *err)
{
    struct sc_image_list images;
    size_t count = 0;

    if (sc_image_list(&job->store, &job->arena, &images, err) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        struct sc_err ignored = SC_ERR_INIT;
        struct sc_reference one;

        if (!images.items[i].name || sc_reference_parse(images.items[i].name, &job->arena, &one, &ignored) < 0 ||
            !one.tag || !sc_str_eq(one.registry, ref->registry) || !sc_str_eq(one.repository, ref->repository))
            continue;
        if (push_one(job, images.items[i].name, &one, options, is_quiet, err) < 0)
            return -1;
        count++;
    }
    if (count == 0)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "no such image: \"%s/%s\"", ref->registry, ref->repository);
    return 0;
}

static int
push_as_asked(struct sc_job *job, const struct asked *asked, struct sc_err *err)
{
    const struct sc_registry_options *options = &asked->options;
    const char *source = asked->operands.items[0], *target = asked->operands.items[asked->operands.count - 1];
    struct sc_reference ref;

    if (sc_reference_parse(target, &job->arena, &ref, err) < 0)
        return -1;
    if (asked->all_tags && names_a_tag(target))
        return sc_err_set(err, SC_ERR_INVALID, "tag can't be used with --all-tags/-a");
    if (ref.digest)
        return sc_err_set(err, SC_ERR_INVALID, "push \"%s\": it is sent under a tag, not a digest", target);
    if (sc_job_open_store(job, err) < 0 || sc_interrupt_ready(job, "push", err) < 0)
        return -1;
    if (!asked->all_tags && !names_a_tag(target))
        say(options->progress, "Using default tag: latest");
    say(options->progress, "The push refers to repository [%s/%s]", ref.registry, ref.repository);
    return asked->all_tags ? push_all(job, &ref, options, asked->is_quiet, err)
                           : push_one(job, source, &ref, options, asked->is_quiet, err);
}

int
sc_job_push(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    static const struct verb push = {push_as_asked, 2,
                                     "sc push [-a] [-q] [--platform OS/ARCH] NAME[:TAG] [DESTINATION[:TAG]]"};

    return do_verb(job, &push, argc, argv, err);
}

/* ---- login, logout -------------------------------------------------------------------------------------------- */

/* "https://host/v1/" and "host" are the same registry. */
static const char *
registry_of(const struct sc_strv *operands, struct sc_arena *arena)
{
    const char *text = operands->count > 0 ? operands->items[0] : "docker.io";

    if (sc_str_starts(text, "https://"))
        text += strlen("https://");
    else if (sc_str_starts(text, "http://"))
        text += strlen("http://");
    text = sc_arena_strndup(arena, text, strcspn(text, "/"));
    return sc_str_eq(text, "index.docker.io") || sc_str_eq(text, "registry-1.docker.io") ? "docker.io" : text;
}

/* One line of standard input, without its end. */
static int
read_line(const char *what, struct sc_arena *arena, char **out, struct sc_err *err)
{
    char line[LINE_MAX_LEN];

    if (!fgets(line, sizeof(line), stdin))
        return sc_err_set(err, SC_ERR_INVALID, "log in: standard input has no %s", what);
    line[strcspn(line, "\r\n")] = '\0';
    *out = sc_arena_strdup(arena, line);
    return *out ? 0 : sc_err_nomem(err);
}

static int
ask(const char *prompt, bool is_secret, struct sc_arena *arena, char **out, struct sc_err *err)
{
    struct termios before, silent;
    int status;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0) {
        sc_err_set(err, SC_ERR_INVALID, "cannot log in interactively: standard input is not a terminal");
        return sc_err_remedy(err, "give --username and --password-stdin");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (is_secret)
        sc_interrupt_terminal(&before);
    (void)fputs(prompt, stdout);
    (void)fflush(stdout);
    if (is_secret)
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    status = read_line(is_secret ? "password" : "user name", arena, out, err);
    if (is_secret) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        sc_interrupt_terminal(NULL);
        (void)putchar('\n');
    }
    return status;
}

static int
login(struct sc_job *job, const char *registry, char *user, char *password, bool from_stdin,
      const struct sc_registry_options *options, struct sc_err *err)
{
    char *warning;

    if (from_stdin && password)
        return sc_err_set(err, SC_ERR_INVALID, "--password and --password-stdin are mutually exclusive");
    if (from_stdin && !user)
        return sc_err_set(err, SC_ERR_INVALID, "must provide --username with --password-stdin");
    if (password)
        (void)fputs("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n", stderr);
    if (!user && !password) {
        char *kept = NULL;
        struct sc_err refused = SC_ERR_INIT;

        /* As Docker: a login that is kept and still good needs no other. */
        if (sc_registry_login_kept(registry, options, &job->arena, &kept, &refused) == 0 && kept) {
            (void)printf("Authenticating with existing credentials... [Username: %s]\nLogin Succeeded\n", kept);
            return 0;
        }
    }
    if (!user && ask("Username: ", false, &job->arena, &user, err) < 0)
        return -1;
    if (!password && (from_stdin ? read_line("password", &job->arena, &password, err)
                                 : ask("Password: ", true, &job->arena, &password, err)) < 0)
        return -1;
    if (sc_registry_login(registry, user, password, options, &job->arena, &warning, err) < 0)
        return -1;
    if (warning)
        (void)fprintf(stderr, "%s\n", warning);
    (void)printf("Login Succeeded\n");
    return 0;
}

int
sc_job_login(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    const char *user = NULL, *password = NULL;
    bool from_stdin = false;
    const struct sc_transfer_option table[] = {
        {.letter = 'u', .name = "username", .value = &user},
        {.letter = 'p', .name = "password", .value = &password},
        {.name = "password-stdin", .flag = &from_stdin},
        SC_REGISTRY_OPTIONS(&flags),
    };
    const char *registry;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count > 1)
        return sc_job_usage(err, "sc login [-u USER] [-p PASSWORD | --password-stdin] [REGISTRY]");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    registry = registry_of(&operands, &job->arena);
    if (sc_arena_check(&job->arena, err) < 0 || sc_interrupt_ready(job, "login", err) < 0)
        return -1;
    return login(job, registry, sc_arena_strdup(&job->arena, user), sc_arena_strdup(&job->arena, password), from_stdin,
                 &options, err);
}

int
sc_job_logout(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_registry_flags flags = SC_REGISTRY_FLAGS_INIT;
    struct sc_registry_options options = {.auth_file = NULL};
    struct sc_strv operands = {.items = NULL};
    struct sc_err cause = SC_ERR_INIT;
    const struct sc_transfer_option table[] = {{.name = "authfile", .value = &flags.auth_file}};
    const char *registry;

    if (sc_transfer_options(argc, argv, table, SC_ARRAY_LEN(table), false, &job->arena, &operands, err) < 0)
        return -1;
    if (operands.count > 1)
        return sc_job_usage(err, "sc logout [REGISTRY]");
    sc_registry_flags_apply(&flags, argc, argv, &options);
    registry = registry_of(&operands, &job->arena);
    if (sc_arena_check(&job->arena, err) < 0)
        return -1;
    if (sc_registry_logout(registry, &options, &job->arena, &cause) == 0) {
        (void)printf("Removing login credentials for %s\n", registry);
    } else if (cause.kind == SC_ERR_NOT_FOUND) {
        (void)printf("Not logged in to %s\n", registry);
    } else {
        *err = cause;
        return -1;
    }
    return 0;
}
