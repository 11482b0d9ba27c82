/*
 * cli: the program `sc`. One small file per command; tables say what can be typed; this is the only folder that prints.
 *
 *     argv ─► commands.c (which command) ─► options.c (its table) ─► cmd-*.c ─► engine ─► output.c, table.c, template.c
 *
 * A command is a row of sc_spellings and a struct sc_command: its words, its option table, its limits. Help text,
 * manual, completions and the parser all read these tables; tests/unit/cli proves that none of them forgets a row.
 *
 * Invariants: a library function never prints and a command prints its result only after it has it. A command returns
 * the exit status, or -1 with err filled; main() prints that as one line, `sc: MESSAGE; REMEDY`. `--help` never opens
 * the engine.
 */
#ifndef SC_CLI_H
#define SC_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "base/base.h"
#include "engine/engine.h"

#define SC_EXIT_ENGINE 125
#define SC_DETACH_KEYS "ctrl-p,ctrl-q"

/* ---- options (options.c) -------------------------------------------------------------------------------------- */

enum sc_option_kind {
    SC_OPTION_FLAG,     /* bool: --rm, --rm=false, -i */
    SC_OPTION_STR,      /* char * */
    SC_OPTION_STRV,     /* struct sc_strv: may be repeated */
    SC_OPTION_CALL,     /* set() reads the value */
    SC_OPTION_OPTIONAL, /* set() reads the value, which may be absent: --explain[=HOW]; then it is "" */
};
/* Reads value into the member at `to`. Its error need not name the option: the parser does. */
typedef int (*sc_option_set_fn)(void *to, const char *value, struct sc_arena *arena, struct sc_err *err);
struct sc_option {
    const char *name; /* "memory"; NULL ends a table */
    char letter;      /* 'm', or 0 */
    enum sc_option_kind kind;
    size_t offset;     /* of the member in the command's options */
    const char *value; /* what help calls the value: "bytes"; NULL for a flag */
    const char *help;
    sc_option_set_fn set;
    const char *alias; /* a second long name, or NULL */
};

/* ---- misspelt words (suggest.c): the nearest of those considered, where it is near */
struct sc_suggestion {
    const char *typed;
    size_t len;       /* of typed */
    const char *word; /* NULL: nothing is near */
    size_t off;
};
void sc_suggest_consider(struct sc_suggestion *suggestion, const char *word);
/* What to do without a flag of Docker that is not here; NULL: it is none of those. */
const char *sc_suggest_instead(const char *flag, size_t len);
/* What to do in place of a command of Docker's that is not here; or NULL. */
const char *sc_suggest_program(const char *word);

/* ---- commands (commands.c) ------------------------------------------------------------------------------------- */

struct sc_cli;
struct sc_command {
    const char *name;     /* as help shows it: "run", "image import" */
    const char *synopsis; /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
    const char *help;     /* one line */
    const struct sc_option *options;
    int args_min, args_max; /* args_max -1: any number */
    bool stops_at_argument; /* options end at the first argument: the rest is the container's command */
    bool starts_containers; /* protects its own executable first; a flag's bad value is 125 and not 1 */
    bool protects_itself;   /* the first half of that alone */
    int (*run)(struct sc_cli *cli, struct sc_err *err);
};
struct sc_spelling {
    const char *group, *name; /* group NULL: at the top */
    const struct sc_command *command;
};
extern const struct sc_spelling sc_spellings[];
extern const size_t sc_spelling_count;
extern const struct sc_command sc_cmd_image_unpack, sc_cmd_image_mount, sc_cmd_image_umount, sc_cmd_image_tree,
    sc_cmd_image_diff, sc_cmd_system_fsck;
extern const struct sc_command sc_cmd_run, sc_cmd_create, sc_cmd_start, sc_cmd_stop, sc_cmd_restart, sc_cmd_kill,
    sc_cmd_rm, sc_cmd_ps, sc_cmd_exec, sc_cmd_attach, sc_cmd_logs, sc_cmd_wait, sc_cmd_inspect,
    sc_cmd_container_inspect, sc_cmd_image_inspect, sc_cmd_rename, sc_cmd_update, sc_cmd_pause, sc_cmd_unpause,
    sc_cmd_images, sc_cmd_rmi, sc_cmd_tag, sc_cmd_load, sc_cmd_save, sc_cmd_import, sc_cmd_from_host, sc_cmd_info,
    sc_cmd_version, sc_cmd_version_line, sc_cmd_help, sc_cmd_pull, sc_cmd_push, sc_cmd_login, sc_cmd_logout,
    sc_cmd_manifest_inspect, sc_cmd_manifest_create, sc_cmd_manifest_push, sc_cmd_history, sc_cmd_image_prune,
    sc_cmd_container_prune, sc_cmd_system_prune, sc_cmd_system_df, sc_cmd_volume_ls, sc_cmd_volume_create,
    sc_cmd_volume_rm, sc_cmd_volume_inspect, sc_cmd_volume_prune, sc_cmd_network_ls, sc_cmd_network_create,
    sc_cmd_network_rm, sc_cmd_network_inspect, sc_cmd_network_prune, sc_cmd_network_connect, sc_cmd_network_disconnect,
    sc_cmd_port;
extern const struct sc_command sc_cmd_manifest_annotate, sc_cmd_manifest_rm;
extern const struct sc_command sc_cmd_generate_systemd, sc_cmd_doctor, sc_cmd_ns_ls, sc_cmd_ns_unshare, sc_cmd_ns_enter,
    sc_cmd_ns_diff;
extern const struct sc_command sc_cmd_api, sc_cmd_build, sc_cmd_builder_prune;
extern const struct sc_command sc_cmd_export, sc_cmd_diff, sc_cmd_commit, sc_cmd_cp;
extern const struct sc_command sc_cmd_events, sc_cmd_stats, sc_cmd_top, sc_cmd_why;
extern const struct sc_command sc_cmd_cgroup_create, sc_cmd_cgroup_set, sc_cmd_cgroup_get, sc_cmd_cgroup_exec,
    sc_cmd_cgroup_classify, sc_cmd_cgroup_delete, sc_cmd_cgroup_ls, sc_cmd_cgroup_tree, sc_cmd_cgroup_procs,
    sc_cmd_cgroup_mount, sc_cmd_cgroup_umount, sc_cmd_cgroup_apply, sc_cmd_cgroup_controllers;

/* One invocation. */
struct sc_cli {
    const struct sc_command *command;
    int argc; /* what follows the command's words */
    char **argv;
    bool wants_help; /* the parser met --help */
    struct sc_arena arena;
    struct sc_engine engine;
    int copy_fd; /* of sc_self_protect, until there is an engine, or -1 */
};

/* Which command argv (without the program's name) asks for; *used counts its words. A word that is none, and a group
 * without a word, are SC_ERR_INVALID. Nothing at all, --help and -h give sc_cmd_help; --version and -v
 * sc_cmd_version_line.
 */
bool sc_cli_is_group(const char *word); /* "container": what `sc container ls` begins with */
bool sc_cli_is_help(const char *word);
/* The command that a link of this name to sc is ("cgcreate"), or NULL. */
const struct sc_command *sc_cli_by_link(const char *argv0);
SC_MUST_CHECK int sc_cli_find(int argc, char **argv, const struct sc_command **out, int *used, struct sc_err *err);
/* Parses cli->argv by the command's table into `options`, the rest into args, and checks their number. On --help:
 * cli->wants_help and -1 with err untouched. */
SC_MUST_CHECK int sc_cli_parse(struct sc_cli *cli, void *options, struct sc_strv *args, struct sc_err *err);
/* The same without a struct sc_cli: what the tests call. */
SC_MUST_CHECK int sc_options_parse(const struct sc_command *command, int argc, char **argv, void *options,
                                   struct sc_arena *arena, struct sc_strv *args, bool *wants_help, struct sc_err *err);
SC_MUST_CHECK int sc_cli_engine(struct sc_cli *cli, struct sc_err *err); /* opens cli->engine, once */
/* Becomes sc-transfer, with the same arguments, for what needs its libraries; only returns when it fails. The arguments
 * are checked by the command's own table first, into options. */
int sc_cli_transfer(struct sc_cli *cli, const char *verb, void *options, struct sc_err *err);
/* The same with these words, of a caller that has opened the engine. */
int sc_cli_become_transfer(struct sc_cli *cli, const char *verb, const struct sc_strv *words, struct sc_err *err);
SC_MUST_CHECK int sc_transfer_program(struct sc_arena *arena, char **out, struct sc_err *err);
/* "CONTAINER:PATH" of cp: the length of CONTAINER; 0: a path of this host ("-", "/x", "./x:y", "a/b:c"). */
size_t sc_cp_container(const char *word);
/* For each argument: the container, then fn; an error is printed as it occurs and the rest goes on, as in Docker.
 * Returns 0 or 1. */
typedef int (*sc_each_fn)(struct sc_cli *cli, const struct sc_container *container, const char *word, void *data,
                          struct sc_err *err);
SC_MUST_CHECK int sc_cli_each(struct sc_cli *cli, const struct sc_strv *names, sc_each_fn fn, void *data);
/* sc_relay_run, until the container ends (its exit code) or the user detaches (0); detach_keys NULL: Docker's. */
SC_MUST_CHECK int sc_cli_stay(struct sc_relay *relay, const char *detach_keys, struct sc_err *err);
/* The same with a container's monitor at sock (SC_ATTACH_* flags): a signal that is forwarded is one of sc kill. */
struct sc_stay {
    int sock, flags;
    bool sig_proxy;
    const char *detach_keys;
};
SC_MUST_CHECK int sc_cli_stay_with(struct sc_cli *cli, const struct sc_container *container, const struct sc_stay *how,
                                   struct sc_err *err);
/* A filter's "name" or "name=value" among "name=value" of labels. */
json_t *sc_cli_map_of(const struct sc_strv *pairs); /* "k=v" as members of an object */
bool sc_cli_has_label(const struct sc_strv *labels, const char *wanted);

void sc_help_command(const struct sc_command *command, struct sc_buf *out);
void sc_help_all(struct sc_buf *out);
void sc_help_group(const char *group, struct sc_buf *out); /* "container" */
/* `sc __options`: every command and option, one a line, for the tests of manual and completions. */
void sc_help_options(struct sc_buf *out);
/* `sc __complete WORD...` (complete.c): what the last word may become, for the shells. Containers and images are asked
 * of cli->engine, which the caller has opened when opens_engine. */
void sc_cli_complete(struct sc_cli *cli, int argc, char **argv, bool opens_engine, struct sc_buf *out);

/* ---- what run and create share (create-options.c, values.c, mount-value.c, env.c) ------------------------------ */

enum sc_explain { SC_EXPLAIN_NONE, SC_EXPLAIN_TEXT, SC_EXPLAIN_JSON, SC_EXPLAIN_SH };
struct sc_run_options {
    struct sc_create_options create;
    struct sc_strv env_files, label_files, attach;
    char *entrypoint;
    bool sig_proxy, dry_run;
    enum sc_explain explain;
    int64_t kernel_memory; /* read and passed over */
    bool only_runtime;     /* update */
};
extern const struct sc_option sc_run_table[], sc_create_table[], sc_update_table[];
/* What is accepted and has no effect, or may do harm: a note each. */
void sc_run_notes(const struct sc_run_options *options);
void sc_run_options_init(struct sc_run_options *options);
/* After parsing: image and command from args, files read, relative paths made absolute, values that belong together
 * checked. command is for messages: "run". */
SC_MUST_CHECK int sc_run_options_finish(struct sc_run_options *options, const char *command, const struct sc_strv *args,
                                        struct sc_arena *arena, struct sc_err *err);
/* The network that SC_NETWORK says, where none is asked for. */
SC_MUST_CHECK int sc_run_network_from_env(struct sc_create_options *options, struct sc_arena *arena,
                                          struct sc_err *err);
/* Keeps the words of the command, which `sc generate systemd --new` makes a unit of. */
void sc_run_record_command(struct sc_create_options *options, const struct sc_cli *cli, const struct sc_strv *args);
/* The SC_ATTACH_* that run's options ask for. */
SC_MUST_CHECK int sc_run_attach_flags(const struct sc_run_options *options, int *flags, struct sc_err *err);
/* create --dry-run, run --dry-run, --explain=sh: prints the plan, does nothing */
SC_MUST_CHECK int sc_run_print_plan(struct sc_cli *cli, const struct sc_run_options *options, struct sc_err *err);
/* struct sc_start_options.trace; data is an enum sc_explain * */
void sc_explain_trace(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data);

/* "K=V" kept; "K" takes the caller's value, or stays "K" when there is none. */
SC_MUST_CHECK int sc_env_add(struct sc_strv *env, const char *entry, struct sc_arena *arena, struct sc_err *err);
/* Files first, then flags. */
SC_MUST_CHECK int sc_env_collect(const struct sc_strv *files, const struct sc_strv *flags, struct sc_arena *arena,
                                 struct sc_strv *out, struct sc_err *err);
/* The text of an --env-file; name is for messages. */
SC_MUST_CHECK int sc_env_parse(const char *text, const char *name, struct sc_strv *env, struct sc_arena *arena,
                               struct sc_err *err);

/* --label-file: files first, then what is in flags. */
SC_MUST_CHECK int sc_label_collect(const struct sc_strv *files, const struct sc_strv *flags, struct sc_arena *arena,
                                   struct sc_strv *out, struct sc_err *err);
/* The text of one; name is for messages. */
SC_MUST_CHECK int sc_label_parse(const char *text, const char *name, struct sc_strv *labels, struct sc_arena *arena,
                                 struct sc_err *err);

/* One value each: `to` is the member, typed as named. */
int sc_value_size(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_memory_swap(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cpus(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_i64(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_u64(void *u64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cpu_list(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_pids(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_oom_score(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_swappiness(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_seconds(void *integer, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_signal_text(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_signal(void *integer, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_detach_keys(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_ulimit(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_sysctl(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cap(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_id_map(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_label(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_volumes_from(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_pid(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_ipc(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_uts(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_userns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cgroupns(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
/* --network, which may be repeated: into a struct sc_create_options */
int sc_value_networks(void *create_options, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_network(void *ns_choice, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_publish(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_expose(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_add_host(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_ip(void *text, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_rate(void *bits, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_ip6(void *text, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_mac(void *text, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_dns(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_dns_word(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_pull(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
/* RFC 3339, seconds since 1970, or how long ago: nanoseconds since 1970 */
int sc_value_time(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_explain(void *explain, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_idle(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_weight_device(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_device_bps(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_device_iops(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_io_max(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cgroup_conf(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_cgroup_manager(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_proc_view(void *str, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_device_rule(void *strv, const char *value, struct sc_arena *arena, struct sc_err *err);
/* a name of the host's, or an id (cmd-ns-run.c) */
int sc_value_user_id(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_group_id(void *opt_i64, const char *value, struct sc_arena *arena, struct sc_err *err);
/* to is the whole struct sc_create_options */
int sc_value_device(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_security(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_time_offset(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_health_time(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_health_retries(void *i64, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_restart(void *text, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_isolation(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_log_driver(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_log_opt(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_volume(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_mount(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);
int sc_value_tmpfs(void *create, const char *value, struct sc_arena *arena, struct sc_err *err);

/* cmd-ns.c: a number is a pid, which must exist; anything else a running container. */
SC_MUST_CHECK int sc_cli_pid_of(struct sc_cli *cli, const char *word, pid_t *pid, struct sc_err *err);
/* cmd-ns-run.c: becomes the program, or a login shell; only returns when it cannot: 127 not found, 126 another reason.
 */
int sc_cli_execute(const struct sc_strv *args);
/* ns-map.c: count ids, outer outside and inner inside of a user namespace; count 0: none */
struct sc_ns_range {
    int64_t outer, inner, count;
};
SC_MUST_CHECK int sc_ns_range_parse(const char *text, struct sc_ns_range *out,
                                    struct sc_err *err); /* "100000,0,65536" */
/* Lines of uid_map(5): single inside is self outside, and the range around it. */
void sc_ns_map_add(struct sc_buf *out, const struct sc_opt_i64 *single, uint32_t self, const struct sc_ns_range *range);

/* ---- output ----------------------------------------------------------------------------------------------------- */

/* One line on standard error, nothing in it that speaks to the terminal. */
void sc_print_err(const struct sc_err *err);
void sc_print_note(const char *text); /* the same for what is no error: "sc: note: TEXT" */
/* Flushes standard output; what could not be written is an error. */
SC_MUST_CHECK int sc_output_flush(struct sc_err *err);

/* human.c: Docker's units. */
#define SC_HUMAN_MAX 48
void sc_human_size(int64_t bytes, char out[SC_HUMAN_MAX]);      /* "4.27MB", three digits, powers of 1000 */
void sc_human_size_long(int64_t bytes, char out[SC_HUMAN_MAX]); /* four digits: of sums, where Docker has so many */
void sc_human_binary(uint64_t bytes, char out[SC_HUMAN_MAX]);   /* "4.27MiB", four digits, powers of 1024 */
void sc_human_duration(int64_t nsec, char out[SC_HUMAN_MAX]);   /* "2 minutes", "About an hour" */
/* "Up 3 seconds", "Exited (0) 5 minutes ago", "Created" */
void sc_human_status(const struct sc_container *container, int64_t now, struct sc_buf *out);
/* "2026-11-25 21:07:51 +0000 UTC", in the time zone of the caller */
void sc_human_time(int64_t nsec, char out[SC_HUMAN_MAX]);
/* "2026-11-25T21:07:51+01:00" or "..Z", in the time zone of the caller */
void sc_human_rfc3339(int64_t nsec, char out[SC_HUMAN_MAX]);
/* "\"sh -c 'sleep 5'\"", at most 20 characters of it unless it is wanted whole (cmd-ps.c) */
void sc_human_command(const struct sc_container *container, bool no_trunc, struct sc_buf *out);
/* At most max characters of UTF-8, the last being an ellipsis when something was cut. */
void sc_human_cut(const char *text, size_t max, struct sc_buf *out);

/* table.c: text with tabs and newlines to columns, as Go's tabwriter does for Docker: at least ten wide, three apart.
 */
void sc_table_align(const char *text, struct sc_buf *out);

/* template.c: what of Go's text/template people use with --format: fields, variables, pipelines, if, range, with and
 * the functions json, index, len, upper, lower, title, join, split, eq, ne, and, or, not, print, printf, println. */
SC_MUST_CHECK int sc_template_run(const char *text, const json_t *data, struct sc_buf *out, struct sc_err *err);
/* The same for a row of a list, of which {{json .}} is sc_row_dump. */
SC_MUST_CHECK int sc_template_run_row(const char *text, const json_t *row, struct sc_buf *out, struct sc_err *err);
/* One line of JSON in which <, > and & are escaped, as in Docker's lists (its objects, and members of rows, have them
 * as they are). */
SC_MUST_CHECK int sc_row_dump(const json_t *row, struct sc_buf *out, struct sc_err *err);

/* ---- event-read.c: the log of events, oldest first; the reader may go on where it ended ---------------------------
 */
struct sc_event_reader {
    int dir_fd, fd; /* borrowed; of the file that is read now */
    struct sc_buf pending;
    size_t at; /* in pending */
};
void sc_event_reader_open(int run_root_fd, struct sc_event_reader *out);
void sc_event_reader_close(struct sc_event_reader *reader);
/* The next event (the caller decrefs), or NULL: there is none yet. */
json_t *sc_event_next(struct sc_event_reader *reader);

/* list-output.c: a list as Docker prints lists. */
struct sc_column {
    const char *key, *header; /* "ID", "CONTAINER ID" */
    bool is_map;              /* {{.Label "x"}}: the header is the same for every x */
};
struct sc_list_format {
    const char *format;              /* --format, or NULL */
    const char *default_table;       /* "{{.ID}}\t{{.Image}}" */
    const struct sc_column *columns; /* key NULL ends */
};
SC_MUST_CHECK int sc_list_print(const struct sc_list_format *how, const json_t *rows, struct sc_err *err);
/* Rows of `sc images`, `sc ps --no-trunc` and `sc volume ls`: new objects, NULL without memory. ref: the image's name,
 * or NULL; now: of sc_time_now(). */
json_t *sc_images_row(const struct sc_image *image, const struct sc_reference *ref, bool no_trunc, int64_t now,
                      struct sc_arena *arena);
/* images --tree (cmd-images-tree.c): of a list as sc_image_list gives it; those without a name only where all are
 * wanted. */
SC_MUST_CHECK int sc_images_print_tree(struct sc_cli *cli, const struct sc_image_list *list, bool all,
                                       struct sc_err *err);
json_t *sc_ps_row(struct sc_engine *engine, const struct sc_container *container, int64_t now);
json_t *sc_volume_row(const struct sc_volume *volume);
/* One object: "" or NULL indents, "json" is one line, else a template. */
SC_MUST_CHECK int sc_object_print(const char *format, const json_t *object, struct sc_err *err);
/* One object that `sc inspect` may mean beside containers and images: SC_ERR_NOT_FOUND where there is none. */
SC_MUST_CHECK int sc_cli_inspect_volume(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err);
SC_MUST_CHECK int sc_cli_inspect_network(struct sc_cli *cli, const char *name, json_t **out, struct sc_err *err);
/* What inspect found, and behind it the messages for what it did not find: 0, or 1 where there are such. */
SC_MUST_CHECK int sc_objects_print(const char *format, const json_t *objects, const struct sc_strv *failures,
                                   struct sc_err *err);

#endif
