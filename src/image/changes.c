/* `import --change`: the Dockerfile words that set image metadata. */
#include <string.h>

#include "image/transfer-priv.h"

static const char blanks[] = " \t";

static int
change_err(struct sc_err *err, const char *word, const char *why)
{
    return sc_err_set(err, SC_ERR_INVALID, "%s: %s", word, why);
}

/* A JSON array of strings as it is; anything else is a command line for the shell, as in a Dockerfile. */
static int
change_command(json_t *config, const char *key, const char *rest, struct sc_err *err)
{
    sc_cleanup_json list = NULL;
    struct sc_err not_json = SC_ERR_INIT;

    if (rest[0] != '[' || sc_json_parse(rest, strlen(rest), key, &list, &not_json) < 0) {
        sc_json_decrefp(&list);
        list = json_pack("[s,s,s]", "/bin/sh", "-c", rest);
    }
    for (size_t i = 0; list && i < json_array_size(list); i++) {
        if (!json_is_string(json_array_get(list, i)))
            return change_err(err, key, "must be a list of strings");
    }
    if (!list || json_object_set(config, key, list) < 0)
        return sc_err_nomem(err);
    return 0;
}

/* The next word, in which quotes group and a backslash escapes; NULL in *word at the end. */
static int
next_word(const char **text, struct sc_buf *word, bool *has_word, struct sc_err *err)
{
    const char *at = *text + strspn(*text, blanks);
    char quote = '\0';

    *has_word = *at != '\0';
    for (; *at && (quote || !strchr(blanks, *at)); at++) {
        if (!quote && (*at == '"' || *at == '\'')) {
            quote = *at;
        } else if (quote && *at == quote) {
            quote = '\0';
        } else {
            if (*at == '\\' && quote != '\'' && at[1])
                at++;
            sc_buf_addc(word, *at);
        }
    }
    if (quote)
        return sc_err_set(err, SC_ERR_INVALID, "a quote is not closed");
    *text = at;
    return sc_buf_check(word, err);
}

/* Env is a list of NAME=VALUE in which a later value replaces an earlier one. */
static int
env_put(json_t *config, const char *entry, struct sc_err *err)
{
    size_t name = strcspn(entry, "=") + 1;
    json_t *list = json_object_get(config, "Env");

    if (!list) {
        list = json_array();
        if (json_object_set_new(config, "Env", list) < 0)
            return sc_err_nomem(err);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strncmp(json_string_value(json_array_get(list, i)), entry, name) == 0)
            return json_array_set_new(list, i, json_string(entry)) < 0 ? sc_err_nomem(err) : 0;
    }
    return json_array_append_new(list, json_string(entry)) < 0 ? sc_err_nomem(err) : 0;
}

static int
member_put(json_t *config, const char *key, const char *member, json_t *value_take, struct sc_err *err)
{
    json_t *set = json_object_get(config, key);

    if (!set) {
        set = json_object();
        if (json_object_set_new(config, key, set) < 0) {
            json_decref(value_take);
            return sc_err_nomem(err);
        }
    }
    return json_object_set_new(set, member, value_take) < 0 ? sc_err_nomem(err) : 0;
}

/* "A=b C=d", or the old "A b c" which sets A to all of the rest. */
static int
change_pairs(json_t *config, const char *word, const char *rest, struct sc_err *err)
{
    bool is_env = strcmp(word, "ENV") == 0;
    size_t first = strcspn(rest, " \t=");

    if (rest[first] != '=' && rest[first] != '\0') {
        sc_cleanup_buf entry = SC_BUF_INIT;

        sc_buf_add(&entry, rest, first);
        sc_buf_addf(&entry, "=%s", rest + first + strspn(rest + first, blanks));
        if (sc_buf_check(&entry, err) < 0)
            return -1;
        if (is_env)
            return env_put(config, entry.data, err);
        entry.data[first] = '\0';
        return member_put(config, "Labels", entry.data, json_string(entry.data + first + 1), err);
    }
    for (;;) {
        sc_cleanup_buf entry = SC_BUF_INIT;
        bool has_word;
        char *equals;

        if (next_word(&rest, &entry, &has_word, err) < 0)
            return -1;
        if (!has_word)
            return 0;
        equals = entry.data ? strchr(entry.data, '=') : NULL;
        if (!equals || equals == entry.data)
            return sc_err_set(err, SC_ERR_INVALID, "%s: \"%s\" is not NAME=VALUE", word, sc_buf_str(&entry));
        if (is_env) {
            if (env_put(config, entry.data, err) < 0)
                return -1;
            continue;
        }
        *equals = '\0';
        if (member_put(config, "Labels", entry.data, json_string(equals + 1), err) < 0)
            return -1;
    }
}

static int
change_port(json_t *config, const char *text, struct sc_err *err)
{
    const char *slash = strchr(text, '/');
    size_t digits = strspn(text, "0123456789");
    sc_cleanup_buf port = SC_BUF_INIT;
    unsigned number = 0;

    for (size_t i = 0; i < digits && i < 6; i++)
        number = number * 10 + (unsigned)(text[i] - '0');
    if (digits == 0 || text[digits] != (slash ? '/' : '\0') || number < 1 || number > 65535)
        return sc_err_set(err, SC_ERR_INVALID, "EXPOSE: \"%s\" is no port", text);
    if (slash && strcmp(slash, "/tcp") != 0 && strcmp(slash, "/udp") != 0 && strcmp(slash, "/sctp") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "EXPOSE: \"%s\" is of no known protocol (tcp, udp, sctp)", text);
    sc_buf_addf(&port, "%s%s", text, slash ? "" : "/tcp");
    if (sc_buf_check(&port, err) < 0)
        return -1;
    return member_put(config, "ExposedPorts", port.data, json_object(), err);
}

static int
change_set(json_t *config, const char *word, const char *rest, struct sc_err *err)
{
    sc_cleanup_json list = NULL;
    struct sc_err not_json = SC_ERR_INIT;
    bool is_port = strcmp(word, "EXPOSE") == 0;

    if (!is_port && rest[0] == '[' && sc_json_parse(rest, strlen(rest), word, &list, &not_json) == 0) {
        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *path = json_string_value(json_array_get(list, i));

            if (!path || !*path)
                return change_err(err, word, "must be a list of paths");
            if (member_put(config, "Volumes", path, json_object(), err) < 0)
                return -1;
        }
        return 0;
    }
    for (;;) {
        sc_cleanup_buf item = SC_BUF_INIT;
        bool has_word;

        if (next_word(&rest, &item, &has_word, err) < 0)
            return -1;
        if (!has_word)
            return 0;
        if ((is_port ? change_port(config, sc_buf_str(&item), err)
                     : member_put(config, "Volumes", sc_buf_str(&item), json_object(), err)) < 0)
            return -1;
    }
}

static int
change_text(json_t *config, const char *word, const char *rest, struct sc_err *err)
{
    const char *key = strcmp(word, "USER") == 0 ? "User" : strcmp(word, "WORKDIR") == 0 ? "WorkingDir" : "StopSignal";
    const char *old = json_string_value(json_object_get(config, key));
    int signum;

    if (strcmp(word, "STOPSIGNAL") == 0 && sc_signal_parse(rest, &signum, err) < 0)
        return -1;
    if (strcmp(word, "WORKDIR") == 0 && rest[0] != '/')
        return json_object_set_new(config, key, json_sprintf("%s/%s", old && strcmp(old, "/") != 0 ? old : "", rest)) <
                       0
                   ? sc_err_nomem(err)
                   : 0;
    return json_object_set_new(config, key, json_string(rest)) < 0 ? sc_err_nomem(err) : 0;
}

/* "[--interval=30s ..] CMD command" or "NONE"; times in nanoseconds, as in Docker's config. */
static int
change_health(json_t *config, const char *rest, struct sc_err *err)
{
    static const struct {
        const char *flag, *key;
    } times[] = {{"--interval=", "Interval"},
                 {"--timeout=", "Timeout"},
                 {"--start-period=", "StartPeriod"},
                 {"--start-interval=", "StartInterval"}};
    sc_cleanup_json health = json_object();

    if (!health)
        return sc_err_nomem(err);
    while (sc_str_starts(rest, "--")) {
        size_t len = strcspn(rest, blanks), flag = strcspn(rest, "=") + 1, at = 0;
        sc_cleanup_buf value = SC_BUF_INIT;
        int64_t number = 0;

        sc_buf_add(&value, rest + flag, len > flag ? len - flag : 0);
        while (at < SC_ARRAY_LEN(times) && strncmp(rest, times[at].flag, flag) != 0)
            at++;
        if (at < SC_ARRAY_LEN(times) ? sc_parse_duration(sc_buf_str(&value), &number, err) < 0
            : strncmp(rest, "--retries=", flag) == 0
                ? sc_parse_i64(sc_buf_str(&value), &number, err) < 0
                : sc_err_set(err, SC_ERR_INVALID, "\"%.*s\" is not known", (int)len, rest) < 0)
            return sc_err_wrap(err, "HEALTHCHECK");
        (void)json_object_set_new(health, at < SC_ARRAY_LEN(times) ? times[at].key : "Retries", json_integer(number));
        rest += len + strspn(rest + len, blanks);
    }
    if (strcasecmp(rest, "NONE") == 0) {
        (void)json_object_set_new(health, "Test", json_pack("[s]", "NONE"));
    } else if (strncasecmp(rest, "CMD", 3) == 0 && strchr(blanks, rest[3]) && rest[3]) {
        json_t *test = NULL;

        rest += 3 + strspn(rest + 3, blanks);
        if (change_command(health, "Test", rest, err) < 0)
            return -1;
        test = json_object_get(health, "Test");
        if (rest[0] == '[')
            (void)json_array_insert_new(test, 0, json_string("CMD"));
        else
            (void)json_object_set_new(health, "Test", json_pack("[s, s]", "CMD-SHELL", rest));
    } else {
        return change_err(err, "HEALTHCHECK", "must end in CMD and a command, or be NONE");
    }
    return json_object_set(config, "Healthcheck", health) < 0 ? sc_err_nomem(err) : 0;
}

/* Kept for who builds on the image; nothing here runs it. */
static int
change_onbuild(json_t *config, const char *rest, struct sc_err *err)
{
    json_t *list = json_object_get(config, "OnBuild");

    for (size_t i = 0; i < 3; i++) {
        static const char *const banned[] = {"ONBUILD", "FROM", "MAINTAINER"};

        if (strncasecmp(rest, banned[i], strlen(banned[i])) == 0 && strchr(blanks, rest[strlen(banned[i])]))
            return sc_err_set(err, SC_ERR_INVALID, "ONBUILD: %s isn't allowed as an ONBUILD trigger", banned[i]);
    }
    if (!list) {
        list = json_array();
        if (json_object_set_new(config, "OnBuild", list) < 0)
            return sc_err_nomem(err);
    }
    return json_array_append_new(list, json_string(rest)) < 0 ? sc_err_nomem(err) : 0;
}

static int
apply(json_t *config, const char *word, const char *rest, struct sc_err *err)
{
    if (strcmp(word, "CMD") == 0)
        return change_command(config, "Cmd", rest, err);
    if (strcmp(word, "ENTRYPOINT") == 0)
        return change_command(config, "Entrypoint", rest, err);
    if (strcmp(word, "ENV") == 0 || strcmp(word, "LABEL") == 0)
        return change_pairs(config, word, rest, err);
    if (strcmp(word, "EXPOSE") == 0 || strcmp(word, "VOLUME") == 0)
        return change_set(config, word, rest, err);
    if (strcmp(word, "USER") == 0 || strcmp(word, "WORKDIR") == 0 || strcmp(word, "STOPSIGNAL") == 0)
        return change_text(config, word, rest, err);
    if (strcmp(word, "HEALTHCHECK") == 0)
        return change_health(config, rest, err);
    if (strcmp(word, "ONBUILD") == 0)
        return change_onbuild(config, rest, err);
    sc_err_set(err, SC_ERR_INVALID, "\"%s\" cannot be changed", word);
    return sc_err_remedy(
        err, "the words are CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR");
}

int
sc_change_apply(json_t *config, const char *change, struct sc_err *err)
{
    const char *start = change + strspn(change, blanks), *rest;
    size_t len = strcspn(start, blanks);
    char word[16] = "";

    rest = start + len + strspn(start + len, blanks);
    for (size_t i = 0; i < len && i + 1 < sizeof(word); i++)
        word[i] = (char)(start[i] >= 'a' && start[i] <= 'z' ? start[i] - 32 : start[i]);
    if (len == 0 || *rest == '\0')
        sc_err_set(err, SC_ERR_INVALID, "it must be a word and its value, as in \"CMD sh\"");
    else if (apply(config, word, rest, err) == 0)
        return 0;
    return sc_err_wrap(err, "apply change \"%.200s\"", change);
}
