/* -e, --env-file and --label-file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/cli.h"

#define ENV_FILE_MAX (1U << 20)

int
sc_env_add(struct sc_strv *env, const char *entry, struct sc_arena *arena, struct sc_err *err)
{
    const char *value;

    if (entry[0] == '\0' || entry[0] == '=') {
        sc_err_set(err, SC_ERR_INVALID, "invalid environment variable: \"%s\"", entry);
        err->exit_code = SC_EXIT_ENGINE; /* a flag's bad value */
        return -1;
    }
    if (strchr(entry, '=')) {
        sc_strv_add(env, arena, entry);
        return 0;
    }
    value = getenv(entry);
    if (value)
        sc_strv_addf(env, arena, "%s=%s", entry, value);
    else
        sc_strv_add(env, arena, entry);
    return 0;
}

/* One line of a file: what is not set here is left out, not unset. */
static int
add_line(const char *line, size_t len, const char *name, size_t number, struct sc_strv *env, struct sc_arena *arena,
         struct sc_err *err)
{
    size_t blanks = 0;
    char *entry;

    while (blanks < len && (line[blanks] == ' ' || line[blanks] == '\t'))
        blanks++;
    line += blanks;
    len -= blanks;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (len == 0 || line[0] == '#')
        return 0;
    entry = sc_arena_strndup(arena, line, len);
    if (!entry)
        return sc_err_nomem(err);
    if (entry[0] == '=')
        return sc_err_set(err, SC_ERR_INVALID, "--env-file \"%s\": line %zu: no variable name before \"=\"", name,
                          number);
    if (strcspn(entry, " \t") < strcspn(entry, "="))
        return sc_err_set(err, SC_ERR_INVALID, "--env-file \"%s\": line %zu: the name of \"%.80s\" contains whitespace",
                          name, number, entry);
    if (!strchr(entry, '=') && !getenv(entry))
        return 0;
    return sc_env_add(env, entry, arena, err);
}

int
sc_env_parse(const char *text, const char *name, struct sc_strv *env, struct sc_arena *arena, struct sc_err *err)
{
    size_t number = 1;

    if (sc_str_starts(text, "\xef\xbb\xbf")) /* a byte order mark, as editors of other systems write */
        text += 3;
    for (; *text; number++) {
        size_t len = strcspn(text, "\n");

        if (add_line(text, len, name, number, env, arena, err) < 0)
            return -1;
        text += len + (text[len] == '\n');
    }
    return 0;
}

int
sc_env_collect(const struct sc_strv *files, const struct sc_strv *flags, struct sc_arena *arena, struct sc_strv *out,
               struct sc_err *err)
{
    for (size_t i = 0; i < files->count; i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        if (sc_file_read_at(AT_FDCWD, files->items[i], ENV_FILE_MAX, &text, err) < 0) /* lint: the caller's own path */
            return sc_err_wrap(err, "--env-file");
        if (memchr(sc_buf_str(&text), '\0', text.len))
            return sc_err_set(err, SC_ERR_INVALID, "--env-file \"%s\": it is not a text file", files->items[i]);
        if (sc_env_parse(sc_buf_str(&text), files->items[i], out, arena, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < flags->count; i++) {
        if (sc_env_add(out, flags->items[i], arena, err) < 0)
            return sc_err_wrap(err, "--env");
    }
    return 0;
}

int
sc_label_parse(const char *text, const char *name, struct sc_strv *labels, struct sc_arena *arena, struct sc_err *err)
{
    if (sc_str_starts(text, "\xef\xbb\xbf"))
        text += 3;
    for (size_t number = 1; *text; number++) {
        const size_t len = strcspn(text, "\n"), blanks = strspn(text, " \t");
        char *line = sc_arena_strndup(arena, text + (blanks < len ? blanks : len), blanks < len ? len - blanks : 0);

        if (!line)
            return sc_err_nomem(err);
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '=')
            return sc_err_set(err, SC_ERR_INVALID, "--label-file \"%s\": line %zu: no name before \"=\"", name, number);
        if (line[0] != '\0' && line[0] != '#')
            sc_strv_add(labels, arena, line);
        text += len + (text[len] == '\n');
    }
    return sc_arena_check(arena, err);
}

int
sc_label_collect(const struct sc_strv *files, const struct sc_strv *flags, struct sc_arena *arena, struct sc_strv *out,
                 struct sc_err *err)
{
    for (size_t i = 0; i < files->count; i++) {
        sc_cleanup_buf text = SC_BUF_INIT;

        if (sc_file_read_at(AT_FDCWD, files->items[i], ENV_FILE_MAX, &text, err) < 0) /* lint: the caller's own path */
            return sc_err_wrap(err, "--label-file");
        if (memchr(sc_buf_str(&text), '\0', text.len))
            return sc_err_set(err, SC_ERR_INVALID, "--label-file \"%s\": it is not a text file", files->items[i]);
        if (sc_label_parse(sc_buf_str(&text), files->items[i], out, arena, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < flags->count; i++)
        sc_strv_add(out, arena, flags->items[i]);
    return sc_arena_check(arena, err);
}
