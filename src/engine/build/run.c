/* RUN: a container on the layers so far, whose upper directory becomes a layer. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/build/build-priv.h"

#define FILE_DIR "/dev/pipes" /* where Docker has a heredoc that is a program */

struct run {
    struct sc_builder *b;
    struct sc_build_stage *stage;
    const struct sc_df_step *step;
    struct sc_create_options options;
    struct sc_strv argv, layers;
    struct sc_build_mounts mounts;
    char *dir;
};

static void
run_release(struct run *run)
{
    sc_build_mounts_release(run->b->engine, &run->mounts);
}

#define CLEANUP_RUN __attribute__((cleanup(run_release))) struct run

/* ---- what is executed -------------------------------------------------------------------------------------------- */

static void
find_argv(struct run *run)
{
    const struct sc_df_run *what = &run->step->run;
    struct sc_arena *arena = run->b->arena;

    switch (what->kind) {
    case SC_DF_RUN_EXEC:
        run->argv = what->argv;
        break;
    case SC_DF_RUN_SHELL:
        sc_build_shell(run->stage, arena, &run->argv);
        sc_strv_add(&run->argv, arena, what->script);
        break;
    case SC_DF_RUN_FILE:
        sc_strv_addf(&run->argv, arena, FILE_DIR "/%s", what->file_name);
        break;
    }
}

/* The words as people know them, in messages. */
static char *
command_text(const struct run *run)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    for (size_t i = 0; i < run->argv.count; i++)
        sc_buf_addf(&text, "%s%s", i > 0 ? " " : "", run->argv.items[i]);
    return sc_arena_strdup(run->b->arena, sc_buf_str(&text));
}

/* All that the result depends on but the files that are bound, hashed: values of build arguments are in it. */
static int
make_key(const struct run *run, char **out, struct sc_err *err)
{
    const struct sc_df_run *what = &run->step->run;
    struct sc_strv env = {0};
    sc_cleanup_json key = NULL;
    json_t *mounts = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *script = what->kind == SC_DF_RUN_FILE ? what->script : "";

    if (sc_df_scope_run_env(&run->stage->scope, false, run->b->arena, &env, err) < 0)
        return -1;
    key = json_pack("[s, s, o, o, s, s, i, s]", "run", sc_build_parent(run->stage), sc_json_strv(&run->argv),
                    sc_json_strv(&env), sc_build_config_text(run->stage, "User"),
                    sc_build_config_text(run->stage, "WorkingDir"), (int)what->network, script);
    if (!key || json_array_size(json_array_get(key, 2)) != run->argv.count ||
        json_array_size(json_array_get(key, 3)) != env.count)
        return sc_err_set(err, SC_ERR_INVALID, "the command, or its environment, is not UTF-8");
    if (what->is_insecure && json_array_append_new(key, json_string("insecure")) < 0)
        return sc_err_nomem(err);
    if (what->mount_count > 0 && (sc_build_mounts_describe(run->b, run->stage, what, &mounts, err) < 0 ||
                                  json_array_append_new(key, mounts) < 0))
        return mounts ? sc_err_nomem(err) : -1;
    if (sc_json_dump(key, &text, err) < 0)
        return -1;
    *out = sc_build_key("run", &text, run->b->arena);
    return *out ? 0 : sc_err_nomem(err);
}

/* ---- the container ----------------------------------------------------------------------------------------------- */

static void
set_network(const struct run *run, struct sc_create_options *o)
{
    if (run->step->run.network == SC_DF_NETWORK_NONE)
        o->network = (struct sc_ns_choice){SC_NS_NONE, sc_arena_strdup(run->b->arena, "none")};
    else if (run->step->run.network == SC_DF_NETWORK_HOST)
        o->network = (struct sc_ns_choice){.mode = SC_NS_HOST};
}

/* The file that a heredoc with "#!" is, in the step's directory. */
static int
mount_file(struct run *run, struct sc_err *err)
{
    const struct sc_df_run *what = &run->step->run;
    struct sc_arena *arena = run->b->arena;
    char *path = sc_arena_printf(arena, "%s/script", run->dir);
    sc_cleanup_fd fd = -1;

    if (!path)
        return sc_err_nomem(err);
    fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700); /* lint: in our data root */
    if (fd < 0 || fchmod(fd, 0755) < 0)
        return sc_err_errno(err, errno, "write \"%s\"", path);
    if (sc_io_write_all(fd, what->script, what->script_len, err) < 0)
        return -1;
    run->mounts.items[run->mounts.count++] =
        (struct sc_mount_ask){.kind = SC_MOUNT_BIND,
                              .source = path,
                              .target = sc_arena_printf(arena, FILE_DIR "/%s", what->file_name),
                              .is_readonly = true};
    return sc_arena_check(arena, err);
}

static int
set_options(struct run *run, struct sc_err *err)
{
    struct sc_create_options *o = &run->options;
    struct sc_arena *arena = run->b->arena;
    const char *user = sc_build_config_text(run->stage, "User");
    const char *dir = sc_build_config_text(run->stage, "WorkingDir");

    *o = *run->b->ask->run;
    for (size_t i = 0; i < run->stage->layers.count; i++)
        sc_strv_add(&run->layers, arena, run->stage->layers.items[i].chain);
    o->image = sc_arena_strdup(arena, "build");
    o->args = run->argv;
    o->has_entrypoint = true;
    o->user = *user ? sc_arena_strdup(arena, user) : NULL;
    o->workdir = *dir ? sc_arena_strdup(arena, dir) : NULL;
    o->rm = o->starts_now = o->no_healthcheck = true;
    o->log.driver = sc_arena_strdup(arena, "none");
    o->step_layers = &run->layers;
    o->step_dir = run->dir;
    o->privileged = run->step->run.is_insecure;
    set_network(run, o);
    if (run->step->run.kind == SC_DF_RUN_FILE && mount_file(run, err) < 0)
        return -1;
    o->mounts = run->mounts.items;
    o->mount_count = run->mounts.count;
    if (sc_df_scope_run_env(&run->stage->scope, true, arena, &o->env, err) < 0)
        return -1;
    for (size_t i = 0; i < run->mounts.env.count; i++)
        sc_strv_set_env(&o->env, arena, run->mounts.env.items[i]);
    return sc_arena_check(arena, err);
}

/* Of a file in which the output is kept only the end stays: RUN may say more than there is room for. */
static int
keep_end(int fd, size_t keep, struct sc_err *err)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    sc_cleanup_free char *data = NULL;
    ssize_t got;

    if (size < 0)
        return sc_err_errno(err, errno, "seek");
    if ((size_t)size <= 2 * keep)
        return 0;
    data = malloc(keep);
    if (!data)
        return sc_err_nomem(err);
    got = pread(fd, data, keep, size - (off_t)keep);
    if (got < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "shorten it");
    return sc_io_write_all(fd, data, (size_t)got, err);
}

/* Output goes on; what the reader of it cannot take is waited for, as with any program. */
static int
show(const struct sc_builder *b, const char *data, size_t len, struct sc_err *err)
{
    if (b->ask->out_fd < 0 || len == 0)
        return 0;
    sc_build_say(b, SC_BUILD_OUTPUT, data[len - 1] == '\n' ? "\n" : "", 0);
    if (sc_io_write_all(b->ask->out_fd, data, len, err) < 0 ||
        (b->ask->out_keep > 0 && keep_end(b->ask->out_fd, b->ask->out_keep, err) < 0))
        return sc_err_wrap(err, "show what it says");
    return 0;
}

/* One message of the monitor. *is_over: it was the last. is_killed: nobody wants to see what it says. */
static int
take_message(const struct sc_builder *b, int client, bool is_killed, char *data, struct sc_exit *exit_record,
             bool *is_over, struct sc_err *err)
{
    enum sc_monitor_msg type;
    ssize_t len = sc_monitor_recv(client, &type, data, SC_MONITOR_PACKET_MAX, err);

    if (len < 0)
        return -1;
    if (type == SC_MSG_STDOUT || type == SC_MSG_STDERR)
        return is_killed ? 0 : show(b, data, (size_t)len, err);
    if (type == SC_MSG_ERROR && len == sizeof(*err)) {
        memcpy(err, data, sizeof(*err));
        return -1;
    }
    if (type == SC_MSG_EXIT && len == sizeof(*exit_record)) {
        memcpy(exit_record, data, sizeof(*exit_record));
        *is_over = true;
    }
    return 0;
}

/* Until its end; a signal of ours ends it. When we return, nothing of it is left but the upper directory. */
static int
stay(struct sc_builder *b, int client, struct sc_exit *exit_record, struct sc_err *err)
{
    sc_cleanup_free char *data = malloc(SC_MONITOR_PACKET_MAX);
    const int32_t kill_signal = SIGKILL;
    struct sc_err why = SC_ERR_INIT, ignored = SC_ERR_INIT;
    bool is_over = false, is_killed = false;

    if (!data)
        return sc_err_nomem(err);
    while (!is_over) {
        struct pollfd polls[] = {{.fd = client, .events = POLLIN},
                                 {.fd = is_killed ? -1 : b->signal_fd, .events = POLLIN}};

        const int count = poll(polls, SC_ARRAY_LEN(polls), sc_build_tick_ms(b));

        if (count < 0 && errno != EINTR)
            return sc_err_errno(err, errno, "wait for the container");
        if (count == 0)
            sc_build_say(b, SC_BUILD_TICK, NULL, 0);
        if (!is_killed && polls[1].revents && sc_build_check_signal(b, &why) < 0) {
            (void)!sc_monitor_send(client, SC_MSG_KILL, &kill_signal, sizeof(kill_signal), &ignored);
            is_killed = true;
        }
        if (polls[0].revents && take_message(b, client, is_killed, data, exit_record, &is_over, err) < 0) {
            if (is_killed || err->kind == SC_ERR_PEER_DIED)
                return -1;
            why = *err; /* nobody reads its output: end it, and wait for that */
            sc_err_clear(err);
            (void)!sc_monitor_send(client, SC_MSG_KILL, &kill_signal, sizeof(kill_signal), &ignored);
            is_killed = true;
        }
    }
    if (!is_killed)
        return 0;
    *err = why;
    return -1;
}

static int
fail(const struct run *run, const struct sc_exit *exit_record, struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "process \"%.700s\" did not complete successfully: exit code: %d",
               command_text(run), (int)exit_record->code);
    if (exit_record->was_oom_killed)
        (void)sc_err_remedy(err, "it was killed as memory was out: raise --memory");
    err->exit_code = 1;
    return -1;
}

static int
execute(struct run *run, struct sc_err *err)
{
    struct sc_builder *b = run->b;
    __attribute__((cleanup(sc_container_release))) struct sc_container container = SC_CONTAINER_INIT;
    const struct sc_start_options how = {.client_flags = SC_ATTACH_STDOUT | SC_ATTACH_STDERR};
    struct sc_exit exit_record = {.code = 0};
    sc_cleanup_fd client = -1;

    if (sc_build_check_signal(b, err) < 0 || sc_engine_create(b->engine, &run->options, b->arena, &container, err) < 0)
        return -1;
    if (sc_engine_start(b->engine, &container, &how, &client, err) < 0) {
        if (err->exit_code == 126 || err->exit_code == 127) { /* as Docker's, whose shell or runtime says so */
            sc_err_wrap(err, "process \"%.300s\"", command_text(run));
            err->exit_code = 1;
        }
        return -1;
    }
    if (stay(b, client, &exit_record, err) < 0)
        return -1;
    return exit_record.code == 0 ? 0 : fail(run, &exit_record, err);
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static int
make_layer(struct run *run, const char *key, bool *has_layer, struct sc_err *err)
{
    struct sc_builder *b = run->b;
    sc_cleanup_json input = json_pack("{s:o, s:o}", "layers", sc_built_layers_json(&run->stage->layers), "stubs",
                                      sc_json_strv(&run->mounts.targets));
    sc_cleanup_json answer = NULL;
    struct sc_strv words = {0};
    struct sc_built_layer built;
    const json_t *layer;

    if (!input)
        return sc_err_nomem(err);
    if (sc_build_layer_words(b, "build-layer", run->stage, run->dir, &words, err) < 0 ||
        sc_build_transfer(b, &words, input, -1, &answer, err) < 0)
        return -1;
    layer = json_object_get(answer, "layer");
    *has_layer = json_is_object(layer);
    if (*has_layer && sc_built_layer_read(layer, b->arena, &built, err) < 0)
        return -1;
    return sc_build_step_done(b, run->stage, key, run->step->instr->original, *has_layer ? &built : NULL, sc_time_now(),
                              err);
}

/* A Dockerfile, or a base image's trigger, does not choose these by itself. */
static int
refuse(const struct sc_builder *b, const struct sc_df_run *what, struct sc_err *err)
{
    if (what->network == SC_DF_NETWORK_HOST && b->ask->run->network.mode != SC_NS_HOST &&
        !b->ask->allows_host_network) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "RUN --network=host is not allowed");
        return sc_err_remedy(err, "if the Dockerfile may have this machine's network: sc build --network host");
    }
    if (what->is_insecure && !b->ask->allows_insecure) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "RUN --security=insecure is not allowed");
        return sc_err_remedy(err, "if the Dockerfile may have all privileges: sc build --allow security.insecure");
    }
    return 0;
}

/* The cache's entry, or NULL. With files that are bound their digest follows in the key. */
static int
look_up(struct run *run, const char *stem, const struct sc_build_entry **out, struct sc_err *err)
{
    struct sc_builder *b = run->b;
    const char *key;
    char *digest;

    *out = NULL;
    if (b->ask->no_cache || !sc_build_cache_has_stem(&b->cache, stem))
        return 0;
    if (sc_build_mounts_digest(b, &run->step->run, &digest, err) < 0)
        return -1;
    key = sc_arena_printf(b->arena, "%s%s", stem, digest);
    if (!key)
        return sc_err_nomem(err);
    *out = sc_build_cache_find(&b->engine->store, &b->cache, key);
    return 0;
}

/* Under the digest of what was copied, whatever somebody does to the context meanwhile. */
static int
run_it(struct run *run, const char *stem, bool *has_layer, struct sc_err *err)
{
    struct sc_builder *b = run->b;
    char *digest = NULL, *key;

    if (sc_build_step_dir(b, &run->dir, err) < 0 ||
        sc_build_mounts_make(b, run->stage, &run->step->run, run->dir, &run->mounts, &digest, err) < 0)
        return -1;
    key = sc_arena_printf(b->arena, "%s%s", stem, digest);
    if (!key)
        return sc_err_nomem(err);
    return set_options(run, err) < 0 || execute(run, err) < 0 ? -1 : make_layer(run, key, has_layer, err);
}

int
sc_build_run(struct sc_builder *b, struct sc_build_stage *stage, const struct sc_df_step *step, bool *has_layer,
             struct sc_err *err)
{
    CLEANUP_RUN run = {.b = b, .stage = stage, .step = step, .mounts = SC_BUILD_MOUNTS_INIT};
    const int64_t begin = sc_time_monotonic();
    const struct sc_build_entry *entry;
    char *stem;

    find_argv(&run);
    if (refuse(b, &step->run, err) < 0 || make_key(&run, &stem, err) < 0 || look_up(&run, stem, &entry, err) < 0)
        return -1;
    if (entry) {
        sc_build_say(b, SC_BUILD_CACHED, NULL, 0);
        *has_layer = entry->has_layer;
        return sc_build_step_done(b, stage, entry->key, step->instr->original, entry->has_layer ? &entry->layer : NULL,
                                  entry->created, err);
    }
    if (stage->layers.count == 0) {
        sc_err_set(err, SC_ERR_INVALID, "there is no program to run: the image is empty");
        return sc_err_remedy(err, "begin with an image that has one, or COPY it");
    }
    if (run_it(&run, stem, has_layer, err) < 0)
        return -1;
    sc_build_say(b, SC_BUILD_DONE, NULL, sc_time_monotonic() - begin);
    return 0;
}
