/* What each instruction does to the image's configuration, and what its history says. Pure. */
#include <stdio.h>
#include <string.h>

#include "engine/build/build-priv.h"

#define COMMENT "buildkit.dockerfile.v0" /* what Docker's own builder writes: tools know such a history by it */

json_t *
sc_build_config_of(const struct sc_build_stage *stage)
{
    return json_object_get(stage->root, "config");
}

const char *
sc_build_config_text(const struct sc_build_stage *stage, const char *key)
{
    const char *text = json_string_value(json_object_get(sc_build_config_of(stage), key));

    return text ? text : "";
}

void
sc_build_shell(const struct sc_build_stage *stage, struct sc_arena *arena, struct sc_strv *out)
{
    const json_t *shell = json_object_get(sc_build_config_of(stage), "Shell");

    for (size_t i = 0; i < json_array_size(shell); i++) {
        const char *word = json_string_value(json_array_get(shell, i));

        if (word)
            sc_strv_add(out, arena, word);
    }
    if (out->count > 0)
        return;
    sc_strv_add(out, arena, "/bin/sh");
    sc_strv_add(out, arena, "-c");
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static int
put(json_t *object, const char *key, json_t *value_take, struct sc_err *err)
{
    if (json_object_set_new(object, key, value_take) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s: it is not UTF-8", key);
    return 0;
}

/* A member that is an object, made where there is none. */
static json_t *
object_in(json_t *config, const char *key)
{
    json_t *object = json_object_get(config, key);

    if (json_is_object(object))
        return object;
    (void)json_object_set_new(config, key, json_object());
    return json_object_get(config, key);
}

static int
put_keys(json_t *config, const char *key, const struct sc_strv *names, struct sc_err *err)
{
    json_t *object = object_in(config, key);

    for (size_t i = 0; i < names->count; i++) {
        if (json_object_get(object, names->items[i]))
            continue;
        if (put(object, names->items[i], json_object(), err) < 0)
            return -1;
    }
    return 0;
}

static int
put_labels(json_t *config, const struct sc_df_pair *pairs, size_t count, struct sc_err *err)
{
    json_t *labels = object_in(config, "Labels");

    for (size_t i = 0; i < count; i++) {
        if (put(labels, pairs[i].key, json_string(pairs[i].value ? pairs[i].value : ""), err) < 0)
            return -1;
    }
    return 0;
}

static int
put_command(struct sc_build_stage *stage, const char *key, const struct sc_df_command *command, struct sc_arena *arena,
            struct sc_err *err)
{
    struct sc_strv words = {0};

    if (!command->is_shell)
        return put(sc_build_config_of(stage), key, sc_json_strv(&command->argv), err);
    sc_build_shell(stage, arena, &words);
    sc_strv_add(&words, arena, command->text);
    return sc_arena_check(arena, err) < 0 ? -1 : put(sc_build_config_of(stage), key, sc_json_strv(&words), err);
}

static int
put_health(json_t *config, const struct sc_df_health *health, struct sc_err *err)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"Interval", health->interval},
                   {"Timeout", health->timeout},
                   {"StartPeriod", health->start_period},
                   {"StartInterval", health->start_interval},
                   {"Retries", health->retries}};
    json_t *out = json_object();

    if (put(out, "Test", sc_json_strv(&health->test), err) < 0) {
        json_decref(out);
        return -1;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        if (numbers[i].value > 0)
            (void)json_object_set_new(out, numbers[i].key, json_integer((json_int_t)numbers[i].value));
    }
    return put(config, "Healthcheck", out, err);
}

static int
add_trigger(json_t *config, const char *text, struct sc_err *err)
{
    json_t *list = json_object_get(config, "OnBuild");

    if (!json_is_array(list)) {
        (void)json_object_set_new(config, "OnBuild", json_array());
        list = json_object_get(config, "OnBuild");
    }
    return json_array_append_new(list, json_string(text)) < 0
               ? sc_err_set(err, SC_ERR_INVALID, "ONBUILD: it is not UTF-8")
               : 0;
}

/* ---- instructions ------------------------------------------------------------------------------------------------ */

int
sc_build_config_apply(struct sc_build_stage *stage, const struct sc_df_step *step, struct sc_arena *arena,
                      struct sc_err *err)
{
    json_t *config = sc_build_config_of(stage);
    char *path;

    switch (step->op) {
    case SC_DF_LABEL:
        return put_labels(config, step->pairs.items, step->pairs.count, err);
    case SC_DF_CMD:
        stage->has_cmd = true;
        return put_command(stage, "Cmd", &step->command, arena, err);
    case SC_DF_ENTRYPOINT:
        /* The base's Cmd was for the base's Entrypoint. */
        if (!stage->has_cmd)
            (void)json_object_del(config, "Cmd");
        return put_command(stage, "Entrypoint", &step->command, arena, err);
    case SC_DF_WORKDIR:
        path = sc_df_path_join(sc_build_config_text(stage, "WorkingDir"), step->text, arena);
        return path ? put(config, "WorkingDir", json_string(path), err) : sc_err_nomem(err);
    case SC_DF_USER:
        return put(config, "User", json_string(step->text), err);
    case SC_DF_STOPSIGNAL:
        return put(config, "StopSignal", json_string(step->text), err);
    case SC_DF_EXPOSE:
        return put_keys(config, "ExposedPorts", &step->list, err);
    case SC_DF_VOLUME:
        return put_keys(config, "Volumes", &step->list, err);
    case SC_DF_SHELL:
        return put(config, "Shell", sc_json_strv(&step->list), err);
    case SC_DF_HEALTHCHECK:
        return put_health(config, &step->health, err);
    case SC_DF_ONBUILD:
        return add_trigger(config, step->text, err);
    case SC_DF_MAINTAINER:
        return put(stage->root, "author", json_string(step->text), err);
    default: /* ENV and ARG are the scope's; the others change files */
        return 0;
    }
}

int
sc_build_add_history(struct sc_build_stage *stage, const char *created_by, bool is_empty, int64_t created,
                     struct sc_err *err)
{
    json_t *item = json_object();
    char text[SC_TIME_MAX];

    if (created > 0) {
        sc_time_format(created, text);
        (void)json_object_set_new(item, "created", json_string(text));
    }
    if (json_object_set_new(item, "created_by", json_string(created_by)) < 0 ||
        json_object_set_new(item, "comment", json_string(COMMENT)) < 0 ||
        (is_empty && json_object_set_new(item, "empty_layer", json_true()) < 0) ||
        json_array_append(json_object_get(stage->root, "history"), item) < 0) {
        json_decref(item);
        return sc_err_set(err, SC_ERR_INVALID, "the instruction is not UTF-8");
    }
    json_decref(item);
    return 0;
}

static const char *
created_of(const json_t *history, size_t at)
{
    return json_string_value(json_object_get(json_array_get(history, at), "created"));
}

/* The time of what has none, from the first instruction `at` on: of the first layer behind it, so that a build of which
 * everything is in the cache gives the same image; where none is, of the last one before. */
static const char *
first_time(const json_t *history, size_t at)
{
    const size_t count = json_array_size(history);
    const char *before = at > 0 ? created_of(history, at - 1) : NULL;

    for (; at < count; at++) {
        if (created_of(history, at))
            return created_of(history, at);
    }
    return before;
}

/* An instruction that made no layer has the time of the layer before it. */
static int
fill_times(json_t *history, size_t from, int64_t now, bool is_fixed, char last[SC_TIME_MAX], struct sc_err *err)
{
    const char *first = is_fixed ? NULL : first_time(history, from);

    sc_time_format(now, last);
    if (first)
        (void)snprintf(last, SC_TIME_MAX, "%s", first);
    for (size_t i = from; i < json_array_size(history); i++) {
        const char *own = is_fixed ? NULL : created_of(history, i);

        if (own)
            (void)snprintf(last, SC_TIME_MAX, "%s", own);
        else if (json_object_set_new(json_array_get(history, i), "created", json_string(last)) < 0)
            return sc_err_nomem(err);
    }
    return 0;
}

static int
put_diff_ids(struct sc_build_stage *stage, struct sc_err *err)
{
    json_t *rootfs = json_pack("{s:s, s:[]}", "type", "layers", "diff_ids");
    json_t *ids = json_object_get(rootfs, "diff_ids");

    for (size_t i = 0; rootfs && i < stage->layers.count; i++) {
        if (json_array_append_new(ids, json_string(stage->layers.items[i].diff_id)) < 0)
            return sc_err_nomem(err);
    }
    return json_object_set_new(stage->root, "rootfs", rootfs) < 0 ? sc_err_nomem(err) : 0;
}

int
sc_build_finish_config(struct sc_build_stage *stage, const struct sc_strv *labels, int64_t now, bool is_fixed,
                       struct sc_err *err)
{
    json_t *config = sc_build_config_of(stage);
    char created[SC_TIME_MAX];

    for (size_t i = 0; i < labels->count; i++) {
        const char *equals = strchr(labels->items[i], '=');
        sc_cleanup_free char *key =
            equals ? strndup(labels->items[i], (size_t)(equals - labels->items[i])) : strdup(labels->items[i]);
        const struct sc_df_pair pair = {key, equals ? equals + 1 : ""};

        if (!key)
            return sc_err_nomem(err);
        if (put_labels(config, &pair, 1, err) < 0)
            return sc_err_wrap(err, "--label");
    }
    if (put(config, "Env", sc_json_strv(&stage->scope.env), err) < 0 || put_diff_ids(stage, err) < 0 ||
        fill_times(json_object_get(stage->root, "history"), stage->inherited, now, is_fixed, created, err) < 0)
        return -1;
    return put(stage->root, "created", json_string(created), err);
}
