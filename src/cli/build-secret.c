/* sc build --secret id=NAME[,src=FILE|env=NAME], as buildx reads it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cli/build-priv.h"
#include "cli/cli.h"

#define SECRET_MAX ((size_t)500 << 10) /* BuildKit's */

struct secret_words {
    const char *id, *file, *env, *type;
};

static int
take(struct secret_words *out, const char *word, const char *field, char *value, struct sc_err *err)
{
    const struct {
        const char *name;
        const char **to;
    } known[] = {
        {"id", &out->id}, {"src", &out->file}, {"source", &out->file}, {"env", &out->env}, {"type", &out->type}};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].name, field) == 0) {
            *known[i].to = value;
            return 0;
        }
    }
    return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": unknown key \"%s\": there are id, src, env, type", word,
                      field);
}

static int
split(const char *word, struct sc_arena *arena, struct secret_words *out, struct sc_err *err)
{
    char *copy = sc_arena_strdup(arena, word), *save = NULL;

    *out = (struct secret_words){.id = NULL};
    if (!copy)
        return sc_err_nomem(err);
    for (char *field = strtok_r(copy, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(field, '=');

        if (!equals)
            return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": \"%s\" is not KEY=VALUE", word, field);
        *equals = '\0';
        if (take(out, word, field, equals + 1, err) < 0)
            return -1;
    }
    if (!out->id || !*out->id)
        return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": it has no id", word);
    if (out->type && strcmp(out->type, "env") != 0 && strcmp(out->type, "file") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": its type is file or env", word);
    if (out->file && out->env)
        return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": it is of a file or of a variable", word);
    if (out->file && out->type && strcmp(out->type, "env") == 0) {
        out->env = out->file;
        out->file = NULL;
    }
    if (!out->file && !out->env) { /* the variable of that name, else the file */
        const bool is_env = out->type ? strcmp(out->type, "env") == 0 : getenv(out->id) != NULL;

        *(is_env ? &out->env : &out->file) = out->id;
    }
    return 0;
}

static int
read_one(const char *word, struct sc_arena *arena, struct sc_build_secret *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct secret_words words;
    const char *value;
    char *data;

    if (split(word, arena, &words, err) < 0)
        return -1;
    if (words.env) {
        value = getenv(words.env);
        if (!value)
            return sc_err_set(err, SC_ERR_NOT_FOUND, "--secret \"%s\": there is no variable \"%s\"", word, words.env);
        sc_buf_adds(&text, value);
    } else if (sc_file_read_at(AT_FDCWD, words.file, SECRET_MAX + 1, &text, err) < 0) { /* lint: the caller's own */
        return sc_err_wrap(err, "--secret \"%s\"", word);
    }
    if (text.len > SECRET_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "--secret \"%s\": it is longer than %zu bytes", word, SECRET_MAX);
    data = sc_arena_alloc(arena, text.len + 1);
    if (!data)
        return sc_err_nomem(err);
    memcpy(data, sc_buf_str(&text), text.len + 1);
    *out = (struct sc_build_secret){.id = words.id, .data = data, .len = text.len};
    return 0;
}

int
sc_build_secrets_read(const struct sc_strv *words, struct sc_arena *arena, struct sc_build_ask *ask, struct sc_err *err)
{
    struct sc_build_secret *items = SC_ARENA_ARRAY(arena, struct sc_build_secret, words->count + 1);

    if (!items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < words->count; i++) {
        if (read_one(words->items[i], arena, &items[i], err) < 0)
            return -1;
    }
    ask->secrets = items;
    ask->secret_count = words->count;
    return 0;
}
