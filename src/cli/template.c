/*
 * A subset of Go's text/template over JSON values: what people write after --format. A value is a JSON value; a node of
 * the text is run as it is read, so a range runs its body's text again for each item.
 */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "cli/template-priv.h"

/* The next action at or after t->at: text before it goes out (when out is given), the action's inside is given back.
 * False: the end. */
static int
next_action(struct sc_template *t, struct sc_buf *out, const char **inside, size_t *len, struct sc_err *err)
{
    const char *open = strstr(t->at, "{{"), *close, *text = t->at;
    size_t text_len = open ? (size_t)(open - text) : strlen(text);
    bool trims_left = open && open[2] == '-' && isspace((unsigned char)open[3]);

    if (t->trims_next) {
        size_t blanks = strspn(text, " \t\r\n");

        blanks = blanks < text_len ? blanks : text_len;
        text += blanks;
        text_len -= blanks;
    }
    t->trims_next = false;
    while (trims_left && text_len > 0 && isspace((unsigned char)text[text_len - 1]))
        text_len--;
    if (out)
        sc_buf_add(out, text, text_len);
    if (!open) {
        t->at += strlen(t->at);
        return 0;
    }
    *inside = open + 2 + (trims_left ? 1 : 0);
    close = *inside;
    while (*close && !(close[0] == '}' && close[1] == '}')) {
        if (*close == '"' || *close == '`') {
            char quote = *close++;

            while (*close && *close != quote)
                close += quote == '"' && close[0] == '\\' && close[1] ? 2 : 1;
            if (!*close)
                break;
        }
        close++;
    }
    if (!*close)
        return sc_err_set(err, SC_ERR_INVALID, "template: \"{{\" without \"}}\" in \"%.80s\"", open);
    t->at = close + 2;
    *len = (size_t)(close - *inside);
    if (*len >= 2 && (*inside)[*len - 1] == '-' && isspace((unsigned char)(*inside)[*len - 2])) {
        t->trims_next = true;
        *len -= 1;
    }
    return 1;
}

static bool
is_word(const char *inside, size_t len, const char *word, const char **rest)
{
    size_t blanks = 0, word_len = strlen(word);

    while (blanks < len && isspace((unsigned char)inside[blanks]))
        blanks++;
    if (len - blanks < word_len || strncmp(inside + blanks, word, word_len) != 0)
        return false;
    if (len - blanks > word_len && !isspace((unsigned char)inside[blanks + word_len]))
        return false;
    *rest = inside + blanks + word_len;
    return true;
}

enum stop { STOP_END, STOP_ELSE, STOP_TEXT, STOP_ERROR };

static enum stop run_list(struct sc_template *t, const json_t *dot, struct sc_buf *out, struct sc_err *err);

/* What `{{else}}` or `{{end}}` was read with: `else if X` leaves X here. */
static enum stop
run_block(struct sc_template *t, const json_t *dot, struct sc_buf *out, bool has_else, struct sc_err *err)
{
    enum stop stop = run_list(t, dot, out, err);

    if (stop == STOP_TEXT) {
        sc_err_set(err, SC_ERR_INVALID, "template: an if, range or with has no {{end}}");
        return STOP_ERROR;
    }
    if (stop == STOP_ELSE && !has_else) {
        sc_err_set(err, SC_ERR_INVALID, "template: a second {{else}}");
        return STOP_ERROR;
    }
    return stop;
}

static int run_if(struct sc_template *t, const char *cond, size_t len, const json_t *dot, struct sc_buf *out,
                  bool is_with, struct sc_err *err);

/* After {{else}} or {{else if}}: out NULL skips. */
static int
run_else(struct sc_template *t, const json_t *dot, struct sc_buf *out, struct sc_err *err)
{
    const char *rest;

    if (t->else_len > 0 && is_word(t->else_inside, t->else_len, "if", &rest))
        return run_if(t, rest, t->else_len - (size_t)(rest - t->else_inside), dot, out, false, err);
    return run_block(t, dot, out, false, err) == STOP_ERROR ? -1 : 0;
}

static int
run_if(struct sc_template *t, const char *cond, size_t len, const json_t *dot, struct sc_buf *out, bool is_with,
       struct sc_err *err)
{
    sc_cleanup_json value = NULL;
    bool is_true = false;
    enum stop stop;

    if (out && sc_template_eval(t, cond, len, dot, &value, err) < 0)
        return -1;
    is_true = value && sc_template_is_true(value);
    stop = run_block(t, is_with && value ? value : dot, out && is_true ? out : NULL, true, err);
    if (stop == STOP_ERROR)
        return -1;
    return stop == STOP_ELSE ? run_else(t, dot, out && !is_true ? out : NULL, err) : 0;
}

/* `$k, $v := pipeline`, `$v := pipeline` or a pipeline alone. */
static void
range_variables(const char **cond, size_t *len, char names[2][SC_TEMPLATE_NAME_MAX])
{
    const char *assign = NULL;

    for (size_t i = 0; i + 1 < *len; i++) {
        if ((*cond)[i] == ':' && (*cond)[i + 1] == '=') {
            assign = *cond + i;
            break;
        }
    }
    if (!assign)
        return;
    for (const char *at = *cond; at < assign; at++) {
        size_t name_len = 0;

        if (*at != '$')
            continue;
        at++;
        while (at + name_len < assign && (isalnum((unsigned char)at[name_len]) || at[name_len] == '_'))
            name_len++;
        /* the only one is the value; with two the first is the key */
        if (names[1][0])
            memcpy(names[0], names[1], SC_TEMPLATE_NAME_MAX);
        (void)snprintf(names[1], SC_TEMPLATE_NAME_MAX, "%.*s", (int)name_len, at);
        at += name_len - (name_len > 0);
    }
    *len -= (size_t)(assign + 2 - *cond);
    *cond = assign + 2;
}

struct range_item {
    json_t *key, *value; /* owned */
};

/* One time through the body, from its beginning. */
static enum stop
run_item(struct sc_template *t, struct sc_template body, const struct range_item *item,
         char names[2][SC_TEMPLATE_NAME_MAX], struct sc_buf *out, struct sc_err *err)
{
    size_t count = t->variable_count;
    enum stop stop;

    t->at = body.at;
    t->trims_next = body.trims_next;
    if (names[0][0])
        sc_template_set(t, names[0], item->key);
    if (names[1][0])
        sc_template_set(t, names[1], item->value);
    stop = run_block(t, item->value, out, true, err);
    sc_template_forget(t, count);
    return stop;
}

static int
by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Go visits a map by its keys' order. */
static enum stop
range_map(struct sc_template *t, struct sc_template body, const json_t *map, char names[2][SC_TEMPLATE_NAME_MAX],
          struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_free const char **keys = calloc(json_object_size(map) + 1, sizeof(*keys));
    enum stop stop = STOP_ERROR;
    json_t *member;
    const char *key;
    size_t count = 0;

    if (!keys) {
        sc_err_nomem(err);
        return STOP_ERROR;
    }
    json_object_foreach ((json_t *)(uintptr_t)map, key, member)
        keys[count++] = key;
    qsort(keys, count, sizeof(*keys), by_key);
    for (size_t i = 0; i < count; i++) {
        sc_cleanup_json name = json_string(keys[i]);
        struct range_item item = {name, json_object_get(map, keys[i])};

        stop = run_item(t, body, &item, names, out, err);
        if (stop == STOP_ERROR)
            break;
    }
    return stop;
}

static int
range_over(struct sc_template *t, const json_t *value, char names[2][SC_TEMPLATE_NAME_MAX], struct sc_buf *out,
           enum stop *stop, struct sc_err *err)
{
    const struct sc_template body = *t;

    *stop = STOP_ERROR;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            sc_cleanup_json number = json_integer((json_int_t)i);
            struct range_item item = {number, json_array_get(value, i)};

            *stop = run_item(t, body, &item, names, out, err);
            if (*stop == STOP_ERROR)
                return -1;
        }
        return 0;
    }
    if (!json_is_object(value))
        return sc_err_set(err, SC_ERR_INVALID, "template: range needs a list or a map");
    *stop = range_map(t, body, value, names, out, err);
    return *stop == STOP_ERROR ? -1 : 0;
}

static int
run_range(struct sc_template *t, const char *cond, size_t len, const json_t *dot, struct sc_buf *out,
          struct sc_err *err)
{
    char names[2][SC_TEMPLATE_NAME_MAX] = {"", ""};
    sc_cleanup_json value = NULL;
    bool is_empty = true;
    enum stop stop;

    range_variables(&cond, &len, names);
    if (out && sc_template_eval(t, cond, len, dot, &value, err) < 0)
        return -1;
    is_empty = !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0);
    if (is_empty)
        stop = run_block(t, dot, NULL, true, err);
    else if (range_over(t, value, names, out, &stop, err) < 0)
        return -1;
    if (stop == STOP_ERROR)
        return -1;
    return stop == STOP_ELSE ? run_else(t, dot, out && is_empty ? out : NULL, err) : 0;
}

/* `$x := pipeline`. 0: it was none. */
static int
run_assignment(struct sc_template *t, const char *inside, size_t len, const json_t *dot, struct sc_err *err)
{
    char names[2][SC_TEMPLATE_NAME_MAX] = {"", ""};
    sc_cleanup_json value = NULL;
    size_t blanks = 0;

    while (blanks < len && isspace((unsigned char)inside[blanks]))
        blanks++;
    if (blanks == len || inside[blanks] != '$')
        return 0;
    range_variables(&inside, &len, names);
    if (!names[1][0])
        return 0;
    if (sc_template_eval(t, inside, len, dot, &value, err) < 0)
        return -1;
    sc_template_set(t, names[1], value);
    return 1;
}

static int
run_action(struct sc_template *t, const char *inside, size_t len, const json_t *dot, struct sc_buf *out,
           struct sc_err *err)
{
    sc_cleanup_json value = NULL;
    const char *rest;
    int assigned;

    if (is_word(inside, len, "if", &rest))
        return run_if(t, rest, len - (size_t)(rest - inside), dot, out, false, err);
    if (is_word(inside, len, "with", &rest))
        return run_if(t, rest, len - (size_t)(rest - inside), dot, out, true, err);
    if (is_word(inside, len, "range", &rest))
        return run_range(t, rest, len - (size_t)(rest - inside), dot, out, err);
    if (!out || sc_str_starts(inside, "/*"))
        return 0;
    assigned = run_assignment(t, inside, len, dot, err);
    if (assigned != 0)
        return assigned < 0 ? -1 : 0;
    if (sc_template_eval(t, inside, len, dot, &value, err) < 0)
        return -1;
    if (json_is_null(value))
        sc_template_print_null(inside, len, out);
    else
        sc_template_print(value, out);
    return 0;
}

/* Until {{end}}, {{else}} or the end of the text. out NULL: nothing is evaluated. */
static enum stop
run_list(struct sc_template *t, const json_t *dot, struct sc_buf *out, struct sc_err *err)
{
    for (;;) {
        const char *inside = "", *rest;
        size_t len = 0;
        int more = next_action(t, out, &inside, &len, err);

        if (more < 0)
            return STOP_ERROR;
        if (more == 0)
            return STOP_TEXT;
        if (is_word(inside, len, "end", &rest))
            return STOP_END;
        if (is_word(inside, len, "else", &rest)) {
            t->else_inside = rest;
            t->else_len = len - (size_t)(rest - inside);
            return STOP_ELSE;
        }
        if (++t->depth > SC_TEMPLATE_DEPTH_MAX) {
            sc_err_set(err, SC_ERR_INVALID, "template: nested too deeply");
            return STOP_ERROR;
        }
        if (run_action(t, inside, len, dot, out, err) < 0)
            return STOP_ERROR;
        t->depth--;
    }
}

static int
run_template(struct sc_template *t, struct sc_buf *out, struct sc_err *err)
{
    enum stop stop = run_list(t, t->root, out, err);

    sc_template_forget(t, 0);
    if (stop == STOP_ERROR)
        return -1;
    if (stop != STOP_TEXT)
        return sc_err_set(err, SC_ERR_INVALID, "template: {{%s}} without an if, range or with",
                          stop == STOP_END ? "end" : "else");
    return sc_buf_check(out, err);
}

int
sc_template_run(const char *text, const json_t *data, struct sc_buf *out, struct sc_err *err)
{
    return run_template(&(struct sc_template){.at = text, .root = data}, out, err);
}

int
sc_template_run_row(const char *text, const json_t *row, struct sc_buf *out, struct sc_err *err)
{
    return run_template(&(struct sc_template){.at = text, .root = row, .is_row = true}, out, err);
}
