/* --log-opt beside the size: what each record of the log says of its container, as Docker's json-file driver has it. */
#include <regex.h>
#include <string.h>

#include <jansson.h>

#include "engine/engine-priv.h"

/* ---- the tag, a template of few words ------------------------------------------------------ */

static const char *
field_of(const struct sc_container *c, const char *name, size_t len, struct sc_arena *arena)
{
    static const char digest[] = "sha256:";
    const char *image_id = c->image_id != NULL ? c->image_id : "";
    const struct {
        const char *name, *value;
    } fields[] = {
        {"ID", sc_arena_printf(arena, "%.*s", SC_ID_SHORT, c->id)},
        {"FullID", c->id},
        {"Name", c->name},
        {"ImageID", sc_arena_printf(arena, "%.*s", SC_ID_SHORT,
                                    sc_str_starts(image_id, digest) ? image_id + strlen(digest) : image_id)},
        {"ImageFullID", image_id},
        {"ImageName", c->image_name != NULL ? c->image_name : ""},
        {"DaemonName", "sc"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++) {
        if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
            return fields[i].value;
    }
    return NULL;
}

/* "{{.Name}}/{{.ID}}" of the container; err: which word is not known. */
static int
tag_expand(const char *tag, const struct sc_container *c, struct sc_arena *arena, struct sc_buf *out,
           struct sc_err *err)
{
    for (const char *at = tag, *open; *at != '\0';) {
        if ((open = strstr(at, "{{")) == NULL) {
            sc_buf_adds(out, at);
            break;
        }
        const char *close = strstr(open, "}}"), *name = open + 2;
        sc_buf_add(out, at, (size_t)(open - at));
        name += strspn(name, " ");
        size_t len = close != NULL && *name == '.' ? strcspn(++name, " }") : 0;
        const char *value =
            len > 0 && name + len + strspn(name + len, " ") == close ? field_of(c, name, len, arena) : NULL;

        if (value == NULL) {
            sc_err_set(err, SC_ERR_INVALID, "--log-opt \"tag=%s\": \"%.*s\" is not known", tag,
                       close != NULL ? (int)(close + 2 - open) : (int)strlen(open), open);
            return sc_err_remedy(err, "give {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, "
                                      "{{.ImageName}} or {{.DaemonName}}");
        }
        sc_buf_adds(out, value);
        at = close + 2;
    }
    return sc_buf_check(out, err);
}

/* ---- labels and variables ------------------------------------------------------------------ */

/* "a" of "a,b,c" */
static bool
is_listed(const char *list, const char *key, size_t len)
{
    for (const char *at = list; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (strcspn(at, ",") == len && memcmp(at, key, len) == 0)
            return true;
    }
    return false;
}

static bool
does_match(const char *pattern, const char *key)
{
    regex_t regex;
    bool is_match;

    if (pattern == NULL || *pattern == '\0' || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    is_match = regexec(&regex, key, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

static void
choose(json_t *out, const struct sc_strv *from, const char *list, const char *pattern, struct sc_arena *arena)
{
    for (size_t i = 0; i < from->count; i++) {
        const char *entry = from->items[i];
        size_t len = strcspn(entry, "=");
        const char *key = sc_arena_printf(arena, "%.*s", (int)len, entry);

        if (key != NULL && (is_listed(list, entry, len) || does_match(pattern, key)))
            (void)json_object_set_new(out, key, json_string(entry[len] == '=' ? entry + len + 1 : ""));
    }
}

static const char *
option(const struct sc_log_ask *log, const char *key)
{
    ssize_t at = sc_strv_find_key(&log->options, key);

    return at < 0 ? NULL : log->options.items[at] + strlen(key) + 1;
}

const char *
sc_log_attributes(const struct sc_container *container, struct sc_arena *arena)
{
    const struct sc_log_ask *log = &container->options.log;
    const char *tag = option(log, "tag");
    struct sc_err ignored = SC_ERR_INIT; /* create has checked */
    sc_cleanup_buf text = SC_BUF_INIT;
    json_t *out;
    char *printed = NULL, *kept = NULL;

    if (log->options.count == 0)
        return NULL;
    out = json_object();
    choose(out, &container->effective_labels, option(log, "labels"), option(log, "labels-regex"), arena);
    choose(out, &container->effective_env, option(log, "env"), option(log, "env-regex"), arena);
    if (tag != NULL && *tag != '\0' && tag_expand(tag, container, arena, &text, &ignored) == 0)
        (void)json_object_set_new(out, "tag", json_string(sc_buf_str(&text)));
    if (json_object_size(out) > 0)
        printed = json_dumps(out, JSON_COMPACT | JSON_SORT_KEYS);
    if (printed != NULL)
        kept = sc_arena_strdup(arena, printed);
    free(printed);
    json_decref(out);
    return kept;
}

/* ---- what is refused ------------------------------------------------------------------------- */

static int
check_pattern(const struct sc_log_ask *log, const char *key, struct sc_err *err)
{
    const char *pattern = option(log, key);
    char why[128];
    regex_t regex;
    int code;

    if (pattern == NULL || *pattern == '\0')
        return 0;
    if ((code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)) != 0) {
        (void)regerror(code, &regex, why, sizeof(why));
        return sc_err_set(err, SC_ERR_INVALID, "--log-opt \"%s=%s\": it is no regular expression: %s", key, pattern,
                          why);
    }
    regfree(&regex);
    return 0;
}

static int
check_mode(const struct sc_log_ask *log, struct sc_err *err)
{
    const char *mode = option(log, "mode"), *size = option(log, "max-buffer-size");
    bool is_loose = sc_str_eq(mode, "non-blocking");
    int64_t bytes;

    if (mode != NULL && *mode != '\0' && !is_loose && !sc_str_eq(mode, "blocking"))
        return sc_err_set(err, SC_ERR_INVALID, "--log-opt \"mode=%s\": must be blocking or non-blocking", mode);
    if (size == NULL)
        return 0;
    if (!is_loose)
        return sc_err_set(err, SC_ERR_INVALID, "--log-opt \"max-buffer-size=%s\": it goes with mode=non-blocking",
                          size);
    if (sc_parse_size(size, &bytes, err) < 0)
        return sc_err_wrap(err, "--log-opt \"max-buffer-size=%s\"", size);
    return 0;
}

int
sc_check_log_options(const struct sc_log_ask *log, struct sc_err *err)
{
    static const struct sc_container sample = {.id = "0", .name = ""};
    const char *tag = option(log, "tag"), *compress = option(log, "compress");
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    bool is_compressed = false;

    if (log->options.count == 0)
        return 0;
    if (tag != NULL && tag_expand(tag, &sample, &arena, &text, err) < 0)
        return -1;
    if (check_pattern(log, "labels-regex", err) < 0 || check_pattern(log, "env-regex", err) < 0 ||
        check_mode(log, err) < 0)
        return -1;
    if (compress != NULL && sc_parse_bool(compress, &is_compressed, err) < 0)
        return sc_err_wrap(err, "--log-opt \"compress=%s\"", compress);
    if (is_compressed) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "--log-opt \"compress=%s\": logs are kept as they are written", compress);
        return sc_err_remedy(err, "bound them with max-size and max-file");
    }
    return 0;
}
