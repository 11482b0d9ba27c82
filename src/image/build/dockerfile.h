/*
 * image/build: what a Dockerfile says, as structures. Text in, structures out: no system call, no file, no output.
 *
 *   1. sc_df_parse()        text to stages and instructions. Whatever can be said to be wrong without a variable's
 *                           value is said here, with the line: "Dockerfile:3: unknown instruction: RNU (did you mean
 *                           RUN?)"
 *   2. sc_df_plan_make()    with the build arguments, the platforms and --target: what each stage begins from, which
 *                           stages are needed, and in which order
 *   3. sc_df_scope_init()   a stage's variables, from its base's environment, and then for each instruction
 *      sc_df_step_make()    the step to execute: all variables expanded, all values checked
 *   4. sc_ignore_*          .dockerignore and --exclude;   sc_df_glob()   the wildcards of COPY's and ADD's sources
 *
 * The words and their meaning are those of Docker's reference of the Dockerfile (docker/dockerfile 1.x); where the
 * reference is silent, what BuildKit does.
 *
 * How a builder uses it:
 *
 *     sc_df_parse(text, len, "Dockerfile", &arena, &file, err)
 *     sc_df_plan_make(&file, &options, &arena, &plan, err)
 *     while ((at = sc_df_plan_next(&plan, is_done)) >= 0)
 *         stage = &plan.stages[at]
 *         base: SCRATCH nothing, STAGE the result of plan.stages[stage->base_stage], IMAGE fetch stage->base
 *         if the base (a stage too) has config.OnBuild: sc_df_plan_add_triggers(&plan, at, &triggers, &arena, err);
 *             if (!sc_df_plan_is_ready(&plan, at, is_done)) continue   (a trigger needs a stage that is not built yet)
 *         sc_df_scope_init(&scope[at], &plan, at, &base_env, STAGE ? &scope[base_stage] : NULL, &arena, err)
 *         for each i < stage->instr_count:
 *             sc_df_step_make(&scope[at], stage->instrs[i], &arena, &step, err), execute it,
 *             sc_df_step_history(&scope[at], &step, &shell, &arena) is history's created_by
 *         config.Env is scope[at].env; is_done[at] = true
 *     the result is plan.stages[plan.target]
 *
 * Invariants: a Dockerfile, a .dockerignore and a base image's triggers come from anyone. No recursion without a bound
 * (nested ${...}: SC_DF_NEST_MAX), no work that grows faster than input times SC_DF_EXPAND_MAX, all memory in the
 * caller's arena (which outlives every structure made with it), no text that is not followed by NUL, and a NUL in
 * the input is an error. What is shown (original, shown, messages) may have control characters of the author's: who
 * prints it on a terminal passes it through sc_buf_add_visible().
 */
#ifndef SC_IMAGE_BUILD_DOCKERFILE_H
#define SC_IMAGE_BUILD_DOCKERFILE_H

#include "base/base.h"

#define SC_DF_TEXT_MAX   (1 << 20) /* bytes of a Dockerfile, of a .dockerignore */
#define SC_DF_NEST_MAX   32        /* ${A:-${B:-...}} */
#define SC_DF_EXPAND_MAX (1 << 20) /* bytes that the words of one instruction may grow to */

/* ---- instructions (parse.c) -------------------------------------------------------------------------------------- */

enum sc_df_op {
    SC_DF_FROM,
    SC_DF_ARG,
    SC_DF_ENV,
    SC_DF_LABEL,
    SC_DF_RUN,
    SC_DF_CMD,
    SC_DF_ENTRYPOINT,
    SC_DF_COPY,
    SC_DF_ADD,
    SC_DF_WORKDIR,
    SC_DF_USER,
    SC_DF_EXPOSE,
    SC_DF_VOLUME,
    SC_DF_STOPSIGNAL,
    SC_DF_HEALTHCHECK,
    SC_DF_SHELL,
    SC_DF_ONBUILD,
    SC_DF_MAINTAINER,
    SC_DF_OPS, /* how many there are */
};
const char *sc_df_op_name(enum sc_df_op op); /* "FROM" */

/* value NULL: none was given (ARG NAME). */
struct sc_df_pair {
    const char *key, *value;
};

/* --name or --name=value, as written (not expanded); value NULL where there is no '='. */
struct sc_df_flag {
    const char *name, *value;
};

/* <<EOF: the lines up to EOF, each with its newline; tabs at their beginnings are gone already where it is <<-EOF. */
struct sc_df_heredoc {
    const char *name;
    const char *content;
    size_t len;
    bool is_expanded; /* the word was not quoted: variables in the content count (but RUN leaves them to the shell) */
    bool is_chomped;  /* <<- */
};

/* One instruction as written. A builder needs of it op, line and original; the rest is sc_df_step_make()'s. */
struct sc_df_instr {
    enum sc_df_op op;
    unsigned line, last_line; /* from 1; of an ONBUILD trigger, 0 */
    const char *original;     /* for progress texts: one line, continuations joined, comments gone, no heredoc bodies */
    const char *args;         /* after the name and the flags, likewise */
    bool is_json;             /* args are a JSON list of strings: words */
    struct sc_strv words;     /* by instruction; as written, not expanded */
    const struct sc_df_pair *pairs; /* ARG, ENV, LABEL; as written */
    size_t pair_count;
    const struct sc_df_flag *flags;
    size_t flag_count;
    const struct sc_df_heredoc *heredocs;
    size_t heredoc_count;
    const struct sc_df_file *file;
};

struct sc_df_stage {
    const char *name; /* AS name, in lower case; NULL: only its number */
    const struct sc_df_instr *from;
    const struct sc_df_instr *const *instrs; /* those after FROM */
    size_t instr_count;
};

struct sc_df_file {
    const char *name;                         /* for messages: "Dockerfile" */
    const char *syntax;                       /* # syntax=, or NULL; nothing follows from it */
    char escape;                              /* '\\' or '`' */
    const struct sc_df_instr *const *globals; /* ARGs before the first FROM */
    size_t global_count;
    const struct sc_df_stage *stages; /* at least one */
    size_t stage_count;
};

/* All messages are "NAME:LINE: what is wrong" (or "NAME: what ...", where no line is to blame), SC_ERR_INVALID. */
SC_MUST_CHECK int sc_df_parse(const char *text, size_t len, const char *name, struct sc_arena *arena,
                              struct sc_df_file *out, struct sc_err *err);

/* ---- stages (plan.c) --------------------------------------------------------------------------------------------- */

struct sc_df_platform {
    const char *os, *arch, *variant; /* "linux", "amd64", ""; the level of an ordinary amd64 machine is not a variant */
};

struct sc_df_options {
    struct sc_strv build_args;             /* --build-arg, "NAME=VALUE" each; the last of a name counts */
    const char *target;                    /* --target: a stage's name or number; NULL or "": the last stage */
    struct sc_df_platform build, platform; /* this machine's, and what is built for (--platform; else the same) */
};

/* The value of --build-arg NAME, or NULL. */
const char *sc_df_build_arg(const struct sc_df_options *options, const char *name);

enum sc_df_base { SC_DF_BASE_SCRATCH, SC_DF_BASE_STAGE, SC_DF_BASE_IMAGE };

struct sc_df_stage_plan {
    const char *name;     /* or NULL */
    const char *shown;    /* its name, or "stage-N" */
    unsigned line;        /* of its FROM */
    const char *original; /* the FROM, for progress texts */
    enum sc_df_base base_kind;
    const char *base;  /* what FROM names, expanded: an image's reference, as written; or the stage's name; "scratch" */
    size_t base_stage; /* of SC_DF_BASE_STAGE */
    const char *platform;                    /* FROM --platform=, expanded; NULL: what is built for */
    const struct sc_df_instr *const *instrs; /* with the base's triggers first, once added */
    size_t instr_count;
    const size_t *needs; /* the stages that it is made from: base, COPY --from, RUN --mount=from */
    size_t need_count;
    const char *const *images; /* the images that COPY --from and RUN --mount=from name, as written, each once */
    size_t image_count;
    bool is_needed; /* for the target */
};

struct sc_df_stage_name; /* private */

struct sc_df_plan {
    const struct sc_df_file *file;
    const struct sc_df_options *options; /* borrowed, must outlive the plan */
    struct sc_df_stage_plan *stages;
    size_t stage_count;
    size_t target;
    struct sc_strv global_args; /* "NAME=VALUE": what an ARG NAME in a stage gets from before the first FROM */
    struct sc_strv unused_args; /* names of --build-arg that no ARG of the file names: worth a warning, as Docker's */
    const struct sc_df_stage_name *names; /* private: sorted */
    size_t name_count;
};

/* Errors: an unknown target, an empty or unknown base, a stage that needs itself, --from=7 of five stages. */
SC_MUST_CHECK int sc_df_plan_make(const struct sc_df_file *file, const struct sc_df_options *options,
                                  struct sc_arena *arena, struct sc_df_plan *out, struct sc_err *err);
/* The first stage that is needed, not done, and whose needs are all done; -1: the target is done. is_done has one
 * for each stage. */
ssize_t sc_df_plan_next(const struct sc_df_plan *plan, const bool *is_done);
bool sc_df_plan_is_ready(const struct sc_df_plan *plan, size_t stage, const bool *is_done);
/* The base's config.OnBuild becomes the stage's first instructions. Call it once for a stage, before its scope is
 * begun. More stages may be needed after it. A message begins with the trigger: ONBUILD trigger "COPY . .": ... */
SC_MUST_CHECK int sc_df_plan_add_triggers(struct sc_df_plan *plan, size_t stage, const struct sc_strv *triggers,
                                          struct sc_arena *arena, struct sc_err *err);

/* ---- steps (scope.c, step.c) ------------------------------------------------------------------------------------- */

/* The variables of a stage while its instructions go by. */
struct sc_df_scope {
    const struct sc_df_plan *plan;
    size_t stage;
    struct sc_strv env; /* "NAME=VALUE": the base's and each ENV so far: config.Env */
    /* "NAME=VALUE" or "NAME" (declared, without a value): each ARG so far, those of the base stage too */
    struct sc_strv args;
    size_t spent; /* private: bytes that the steps have grown to */
    size_t ports; /* private: how many EXPOSE has named */
};

/* base_env: config.Env of the base (NULL or empty: none). parent: the base stage's scope at its end, for
 * SC_DF_BASE_STAGE; then base_env is not looked at. As Docker, adds PATH=/usr/local/sbin:... where the base has
 * none. */
SC_MUST_CHECK int sc_df_scope_init(struct sc_df_scope *out, const struct sc_df_plan *plan, size_t stage,
                                   const struct sc_strv *base_env, const struct sc_df_scope *parent,
                                   struct sc_arena *arena, struct sc_err *err);
/* What a RUN sees: env, the args that have a value (ENV wins), and the predefined proxy arguments of --build-arg.
 * For the key of a cache use `with_proxies` false: a proxy changes nothing that is built, as Docker has it. */
SC_MUST_CHECK int sc_df_scope_run_env(const struct sc_df_scope *scope, bool with_proxies, struct sc_arena *arena,
                                      struct sc_strv *out, struct sc_err *err);

enum sc_df_from_kind { SC_DF_CONTEXT, SC_DF_STAGE, SC_DF_IMAGE };

/* Where COPY, ADD or a bind or cache mount take files from. */
struct sc_df_from {
    enum sc_df_from_kind kind;
    size_t stage;      /* of SC_DF_STAGE */
    const char *image; /* of SC_DF_IMAGE, as written */
};

enum sc_df_mount_type { SC_DF_MOUNT_BIND, SC_DF_MOUNT_CACHE, SC_DF_MOUNT_TMPFS, SC_DF_MOUNT_SECRET, SC_DF_MOUNT_SSH };
enum sc_df_sharing { SC_DF_SHARED, SC_DF_PRIVATE, SC_DF_LOCKED };

struct sc_df_mount {
    enum sc_df_mount_type type;
    /* bind, cache, tmpfs: never NULL. secret: /run/secrets/ID where neither it nor env is said, NULL: only env. ssh:
     * NULL: the builder's choice. May be relative to WORKDIR, as written. */
    const char *target;
    const char *source;     /* bind, cache: a path in from, "/" where it is not said */
    struct sc_df_from from; /* bind: the context by default; cache: has_from says whether there is one */
    bool has_from;
    const char *id;    /* cache: the target by default; secret: the last part of target by default; ssh: "default" */
    const char *env;   /* secret: the variable to put it in, or NULL */
    bool is_read_only; /* bind: true by default; writes to a bind that is rw are thrown away, as Docker has it */
    bool is_required;  /* secret, ssh */
    enum sc_df_sharing sharing; /* cache */
    bool has_mode;
    mode_t mode;       /* cache 0755, secret 0400, ssh 0600 by default */
    uint32_t uid, gid; /* cache, secret, ssh */
    int64_t size;      /* tmpfs: bytes, 0: no limit */
};

enum sc_df_run_kind {
    SC_DF_RUN_EXEC,  /* argv as it is */
    SC_DF_RUN_SHELL, /* the shell (config.Shell, else /bin/sh -c) with script as its last word */
    SC_DF_RUN_FILE,  /* a heredoc that begins with "#!": script as a file that can be executed, and that is run */
};
enum sc_df_network { SC_DF_NETWORK_DEFAULT, SC_DF_NETWORK_NONE, SC_DF_NETWORK_HOST };

struct sc_df_run {
    enum sc_df_run_kind kind;
    struct sc_strv argv; /* EXEC */
    const char *script;  /* SHELL, FILE */
    size_t script_len;
    const char *file_name; /* FILE: the heredoc's word, one part of a path; Docker runs /dev/pipes/NAME */
    const struct sc_df_mount *mounts;
    size_t mount_count;
    enum sc_df_network network;
    bool is_insecure; /* --security=insecure */
};

/* CMD, ENTRYPOINT. */
struct sc_df_command {
    bool is_shell;       /* the shell with text as its last word */
    const char *text;    /* is_shell */
    struct sc_strv argv; /* not is_shell; may be empty: CMD [] */
};

struct sc_df_copy {
    struct sc_df_from from;            /* ADD: always the context */
    struct sc_strv sources;            /* at least one, or one of files; expanded; ADD: URLs and git repositories too */
    const struct sc_df_heredoc *files; /* made of the text of the Dockerfile, expanded; after the sources */
    size_t file_count;
    const char *dest;  /* expanded; may be relative to WORKDIR */
    bool dest_is_dir;  /* dest ends with '/' or is "." or "..", or there are several sources */
    const char *chown; /* "user[:group]", names or numbers; NULL: root (or, for COPY, 0:0) */
    const char *chmod; /* as written: octal or symbolic (u=rwX,go=rX); NULL: as it was */
    bool has_mode;     /* chmod is octal: mode */
    mode_t mode;
    bool is_link;            /* --link */
    bool has_parents;        /* --parents */
    struct sc_strv excludes; /* --exclude; for sc_ignore_make(); relative to each source */
    const char *checksum;    /* ADD: "sha256:..." */
    bool keep_git_dir;       /* ADD */
    bool is_unpacked;        /* ADD: local archives by default, and with --unpack=true those of URLs */
    bool has_unpack;         /* ADD: --unpack was said */
};

struct sc_df_health {
    bool is_none;
    struct sc_strv test; /* config.Healthcheck.Test: ["NONE"], ["CMD", ...], ["CMD-SHELL", text] */
    int64_t interval, timeout, start_period, start_interval; /* ns; 0: not said */
    int64_t retries;                                         /* 0: not said */
};

struct sc_df_step {
    enum sc_df_op op;
    const struct sc_df_instr *instr;
    const char *shown; /* the instruction for progress texts, with its variables expanded where they are */
    union {
        struct {
            const struct sc_df_pair *items;
            size_t count;
        } pairs;                      /* ENV, LABEL; ARG: the value it has from here on, or NULL */
        struct sc_df_run run;         /* RUN */
        struct sc_df_command command; /* CMD, ENTRYPOINT */
        struct sc_df_copy copy;       /* COPY, ADD */
        /* WORKDIR (as written, expanded: sc_df_path_join()), USER, STOPSIGNAL, MAINTAINER, and of ONBUILD what goes
         * into config.OnBuild */
        const char *text;
        struct sc_strv list;        /* EXPOSE ("80/tcp" each, ranges as their ports), VOLUME, SHELL */
        struct sc_df_health health; /* HEALTHCHECK */
    };
};

/* The instruction's variables expanded by the scope; ARG and ENV change the scope, the others do not. Call it once
 * for each instruction, in order. */
SC_MUST_CHECK int sc_df_step_make(struct sc_df_scope *scope, const struct sc_df_instr *instr, struct sc_arena *arena,
                                  struct sc_df_step *out, struct sc_err *err);
/* What history's created_by says of a step: "RUN |1 A=b /bin/sh -c make # buildkit", as Docker writes it. shell:
 * config.Shell, or NULL. NULL without memory. Call it after sc_df_step_make() of the same step, before the next.
 * is_empty: the step makes no layer (history's empty_layer). */
const char *sc_df_step_history(const struct sc_df_scope *scope, const struct sc_df_step *step,
                               const struct sc_strv *shell, struct sc_arena *arena, bool *is_empty);

/* path below workdir ("" is "/"), unless it is absolute; without ".", ".." and double slashes, and never above "/".
 * Ends with no '/' but "/" itself. NULL without memory. For WORKDIR, destinations and mounts. */
char *sc_df_path_join(const char *workdir, const char *path, struct sc_arena *arena);

/* ---- variables (expand.c) ---------------------------------------------------------------------------------------- */

/* Looks a variable up: its value, or NULL. */
typedef const char *sc_df_lookup(void *context, const char *name, size_t len);
/* text with its variables expanded, quotes and escapes taken away, as one word. */
SC_MUST_CHECK int sc_df_expand(const char *text, char escape, sc_df_lookup *lookup, void *context,
                               struct sc_arena *arena, char **out, struct sc_err *err);
/* The same as words, split at unquoted blanks, those of values too; appended to out. */
SC_MUST_CHECK int sc_df_expand_words(const char *text, char escape, sc_df_lookup *lookup, void *context,
                                     struct sc_arena *arena, struct sc_strv *out, struct sc_err *err);

/* ---- which files (glob.c, ignore.c) ------------------------------------------------------------------------------ */

/* Go's filepath.Match: the whole of name by pattern; '*' and '?' stop at '/', [a-z] [^a-z] classes, '\' quotes. A
 * pattern that is malformed matches nothing: sc_df_glob_check() says so. Time: pattern times name. */
bool sc_df_glob(const char *pattern, const char *name);
bool sc_df_glob_has_wildcard(const char *pattern); /* any of * ? [ \ */
/* "syntax error in pattern" */
SC_MUST_CHECK int sc_df_glob_check(const char *pattern, struct sc_err *err);

/* The patterns of a .dockerignore, as github.com/moby/patternmatcher understands them. */
struct sc_ignore {
    struct sc_ignore_pattern *patterns; /* private */
    size_t count;
    bool has_exceptions; /* one begins with '!' */
};
/* name: for messages, ".dockerignore". A malformed pattern is an error, with its line. */
SC_MUST_CHECK int sc_ignore_parse(const char *text, size_t len, const char *name, struct sc_arena *arena,
                                  struct sc_ignore *out, struct sc_err *err);
/* The same of a list (--exclude); messages have no line. */
SC_MUST_CHECK int sc_ignore_make(const struct sc_strv *patterns, struct sc_arena *arena, struct sc_ignore *out,
                                 struct sc_err *err);
/* Whether path, relative and clean ("a/b"), is left out: the last pattern that matches it or one of its parents
 * decides. */
bool sc_ignore_is_ignored(const struct sc_ignore *ignore, const char *path);
/* Whether the directory path is left out and nothing below it can be brought back by a '!': it need not be read. (A
 * directory that is ignored but not skipped is made only if something in it is kept.) */
bool sc_ignore_skips_dir(const struct sc_ignore *ignore, const char *path);

#endif
