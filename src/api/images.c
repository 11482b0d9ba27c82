/* Images, and what moves them: registries, archives, commit. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static json_t *
summary(const json_t *image)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t created = 0;
    json_t *labels = json_incref((json_t *)(uintptr_t)sc_api_at(image, "Config.Labels"));
    json_t *out = json_object();
    static const char *const same[] = {"Id", "RepoTags", "RepoDigests", "Size", "VirtualSize"};

    (void)!sc_time_parse(sc_api_str_at(image, "Created"), &created, &ignored);
    for (size_t i = 0; i < SC_ARRAY_LEN(same); i++)
        (void)json_object_set(out, same[i], json_object_get(image, same[i]));
    (void)json_object_set_new(out, "Labels", labels ? labels : json_null());
    (void)json_object_set_new(out, "ParentId", json_string(""));
    (void)json_object_set_new(out, "Created", json_integer(created / 1000000000));
    (void)json_object_set_new(out, "Containers", json_integer(-1));
    (void)json_object_set_new(out, "SharedSize", json_integer(-1));
    return out;
}

static bool
has_word(const struct sc_strv *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->items[i], word) == 0)
            return true;
    }
    return false;
}

static int
list(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "images", "--quiet", "--no-trunc", NULL), ids = {0};
    sc_cleanup_json all = NULL;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    json_t *out, *image;
    size_t i;

    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &words, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    ids = sc_api_words(call->arena, "image", "inspect", "--", NULL);
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n");
        char *id = sc_arena_strndup(call->arena, line, n);

        if (n > 0 && id && !has_word(&ids, id)) /* an image of several names is there once for each */
            sc_strv_add(&ids, call->arena, id);
        line += n + (line[n] == '\n');
    }
    if (ids.count > 3 && sc_api_run_json(call, &ids, &all) < 0)
        return -1;
    out = json_array();
    json_array_foreach (all, i, image) {
        (void)json_array_append_new(out, summary(image));
    }
    return sc_api_answer_json(call, 200, out);
}

static int
inspect(struct sc_api_call *call)
{
    json_t *image = NULL;

    return sc_api_inspect(call, "image", call->word, &image) < 0 ? -1 : sc_api_answer_json(call, 200, image);
}

static int
history(struct sc_api_call *call)
{
    struct sc_strv words =
        sc_api_words(call->arena, "history", "--no-trunc", "--human=false", "--format=json", "--", call->word, NULL);
    sc_cleanup_json rows = NULL;
    json_t *out, *row;
    size_t i;

    if (sc_api_run_lines(call, &words, &rows) < 0)
        return -1;
    out = json_array();
    json_array_foreach (rows, i, row) {
        struct sc_err ignored = SC_ERR_INIT;
        int64_t created = 0, size = 0;

        (void)!sc_time_parse(sc_api_str_at(row, "CreatedAt"), &created, &ignored);
        (void)!sc_parse_i64(sc_api_str_at(row, "Size"), &size, &ignored);
        (void)json_array_append_new(out, json_pack("{s:s,s:I,s:s,s:n,s:I,s:s}", "Id", sc_api_str_at(row, "ID"),
                                                   "Created", (json_int_t)(created / 1000000000), "CreatedBy",
                                                   sc_api_str_at(row, "CreatedBy"), "Tags", "Size", (json_int_t)size,
                                                   "Comment", sc_api_str_at(row, "Comment")));
    }
    return sc_api_answer_json(call, 200, out);
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* "repo" and "tag" of a query as one name; "sha256:..." is a digest. */
static const char *
name_of(struct sc_api_call *call, const char *repo_key, const char *fallback)
{
    const char *repo = repo_key ? sc_api_query(&call->request, repo_key) : fallback;
    const char *tag = sc_api_query(&call->request, "tag");

    if (!repo || !*repo || !tag || !*tag)
        return repo ? repo : "";
    return sc_arena_printf(call->arena, "%s%c%s", repo, sc_str_starts(tag, "sha256:") ? '@' : ':', tag);
}

static int
tag(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "tag", "--", call->word, NULL);

    sc_strv_add(&words, call->arena, name_of(call, "repo", NULL));
    return sc_api_run(call, &words, NULL) < 0 ? -1 : sc_api_answer_none(call, 201);
}

/* Lines "Untagged: NAME", "Deleted: ID"; a prune's further ones are none of them. */
static json_t *
removals(const char *text)
{
    json_t *out = json_array();

    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *key = sc_str_starts(line, "Untagged: ") || sc_str_starts(line, "untagged: ") ? "Untagged"
                          : sc_str_starts(line, "Deleted: ") || sc_str_starts(line, "deleted: ") ? "Deleted"
                                                                                                 : NULL;

        if (key)
            (void)json_array_append_new(out, json_pack("{s:s%}", key, line + strlen(key) + 2, n - strlen(key) - 2));
        line += n + (line[n] == '\n');
    }
    return out;
}

static int
remove_it(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "rmi", NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    json_t *image = NULL;

    if (sc_api_inspect(call, "image", call->word, &image) < 0)
        return -1;
    json_decref(image);
    if (sc_api_query_is(&call->request, "force"))
        sc_strv_add(&words, call->arena, "--force");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, call->word);
    return sc_api_run(call, &words, &text) < 0 ? -1 : sc_api_answer_json(call, 200, removals(sc_buf_str(&text)));
}

static int
prune(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "image", "prune", "--force", NULL), given = {0};
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    if (sc_api_filters(sc_api_query(&call->request, "filters"), call->arena, &given, &err) < 0)
        return sc_api_fail_err(call, &err);
    for (size_t i = 0; i < given.count; i++) {
        if (strcmp(given.items[i], "--filter=dangling=false") == 0 ||
            strcmp(given.items[i], "--filter=dangling=0") == 0)
            sc_strv_add(&words, call->arena, "--all");
        else if (!sc_str_starts(given.items[i], "--filter=dangling="))
            sc_strv_add(&words, call->arena, given.items[i]);
    }
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    return sc_api_answer_json(
        call, 200, json_pack("{s:o,s:i}", "ImagesDeleted", removals(sc_buf_str(&text)), "SpaceReclaimed", 0));
}

/* ---- registries ------------------------------------------------------------------------------------------------- */

/* On the command line everybody could read it. */
int
sc_api_login_write(struct sc_api_call *call, const struct sc_buf *text, char name[64])
{
    (void)snprintf(name, 64, "login-%d", (int)getpid());
    return sc_file_replace_at(call->server->dir_fd, name, text->data, text->len, 0600, SC_VOLATILE, &call->err);
}

static int
login_file(struct sc_api_call *call, const char *image, char name[64], struct sc_strv *words)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    size_t n = strcspn(image, "/");
    char *host = sc_arena_strndup(call->arena, image, n);

    name[0] = '\0';
    if (!host)
        return sc_err_nomem(&call->err);
    if (image[n] != '/' || (!strpbrk(host, ".:") && strcmp(host, "localhost") != 0) || strcmp(host, "docker.io") == 0)
        host = (char *)(uintptr_t) "https://index.docker.io/v1/";
    if (sc_api_auth_file(call->request.registry_auth, host, &text, &err) < 0)
        return sc_api_fail_err(call, &err);
    if (text.len == 0)
        return 0;
    if (sc_api_login_write(call, &text, name) < 0)
        return -1;
    sc_strv_addf(words, call->arena, "--authfile=%s/api/%s", call->server->run_root, name);
    return 0;
}

/* What fails after the first line of progress is told as one more line. */
static int
tell_late(struct sc_api_call *call)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    if (!call->has_begun || call->err.msg[0] == '\0')
        return -1;
    sc_buf_adds(&line, "{\"errorDetail\":{\"message\":");
    sc_buf_add_json(&line, call->err.msg, strlen(call->err.msg));
    sc_buf_adds(&line, "},\"error\":");
    sc_buf_add_json(&line, call->err.msg, strlen(call->err.msg));
    sc_buf_adds(&line, "}\r\n");
    if (sc_buf_check(&line, &call->err) < 0 || sc_api_stream_write(call, line.data, line.len) < 0)
        return -1;
    return sc_api_stream_end(call);
}

/* pull and push print Docker's own lines of progress. */
static int
transfer(struct sc_api_call *call, const char *verb, const char *image)
{
    struct sc_strv words = sc_api_words(call->arena, verb, "--progress=json", NULL);
    const char *platform = sc_api_query(&call->request, "platform");
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    char login[64];
    int result;

    if (!*image)
        return sc_api_fail(call, 400, "an image needs a name");
    if (platform && *platform)
        sc_strv_addf(&words, call->arena, "--platform=%s", platform);
    if (login_file(call, image, login, &words) < 0)
        return -1;
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, image);
    result = sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child);
    if (result == 0)
        result = sc_api_pass(call, &child, "application/json", NULL);
    if (login[0])
        (void)unlinkat(call->server->dir_fd, login, 0);
    return result < 0 ? tell_late(call) : sc_api_stream_end(call);
}

static int
import(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "import", NULL);
    sc_cleanup_buf text = SC_BUF_INIT;
    const char *name = name_of(call, "repo", NULL), *message = sc_api_query(&call->request, "message");
    const char *platform = sc_api_query(&call->request, "platform");

    if (!sc_str_eq(sc_api_query(&call->request, "fromSrc"), "-"))
        return sc_api_fail(call, 501, "only an archive in the request can be imported (fromSrc=-)");
    for (size_t i = 0; i < call->request.query.count; i++) {
        if (strcmp(call->request.query.items[i].key, "changes") == 0)
            sc_strv_addf(&words, call->arena, "--change=%s", call->request.query.items[i].value);
    }
    if (message && *message)
        sc_strv_addf(&words, call->arena, "--message=%s", message);
    if (platform && *platform)
        sc_strv_addf(&words, call->arena, "--platform=%s", platform);
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, "-");
    if (*name)
        sc_strv_add(&words, call->arena, name);
    if (sc_api_feed(call, &words, &text) < 0)
        return -1;
    return sc_api_answer_json(call, 200,
                              json_pack("{s:s#}", "status", sc_buf_str(&text), (int)strcspn(sc_buf_str(&text), "\n")));
}

static int
create(struct sc_api_call *call)
{
    if (sc_api_query(&call->request, "fromSrc"))
        return import(call);
    return transfer(call, "pull", name_of(call, "fromImage", NULL));
}

static int
push(struct sc_api_call *call)
{
    return transfer(call, "push", name_of(call, NULL, call->word));
}

/* ---- archives --------------------------------------------------------------------------------------------------- */

static int
load(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "load", "--quiet", NULL);
    sc_cleanup_buf text = SC_BUF_INIT, out = SC_BUF_INIT;

    if (sc_api_feed(call, &words, &text) < 0)
        return -1;
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n"), whole = n + (line[n] == '\n');

        sc_buf_adds(&out, "{\"stream\":");
        sc_buf_add_json(&out, line, whole);
        sc_buf_adds(&out, "}\r\n");
        line += whole;
    }
    return sc_api_answer(call, 200, "application/json", NULL, sc_buf_str(&out), out.len);
}

static int
save(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "save", "--", NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;

    if (call->word)
        sc_strv_add(&words, call->arena, call->word);
    for (size_t i = 0; i < call->request.query.count; i++) {
        if (strcmp(call->request.query.items[i].key, "names") == 0)
            sc_strv_add(&words, call->arena, call->request.query.items[i].value);
    }
    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0 ||
        sc_api_pass(call, &child, "application/x-tar", NULL) < 0)
        return -1;
    return sc_api_stream_end(call);
}

static int
commit(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "commit", NULL);
    const char *container = sc_api_query(&call->request, "container"), *name = name_of(call, "repo", NULL);
    const char *pause = sc_api_query(&call->request, "pause");
    static const char *const values[][2] = {{"author", "author"}, {"comment", "message"}, {"changes", "change"}};
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json body = NULL;
    const char *member;
    json_t *unused;

    if (sc_api_body_json(call, &body) < 0)
        return -1;
    /* Some clients say the query's words here again (container, repo, tag); a configuration's members have capitals. */
    json_object_foreach (body, member, unused) {
        if (*member >= 'A' && *member <= 'Z')
            return sc_api_fail(call, 501, "a configuration in the body of a commit is not supported: use changes");
    }
    for (size_t i = 0; i < call->request.query.count; i++) {
        const struct sc_api_pair *pair = &call->request.query.items[i];

        for (size_t k = 0; k < SC_ARRAY_LEN(values); k++) {
            if (strcmp(pair->key, values[k][0]) == 0 && *pair->value)
                sc_strv_addf(&words, call->arena, "--%s=%s", values[k][1], pair->value);
        }
    }
    if (pause && !sc_api_query_is(&call->request, "pause"))
        sc_strv_add(&words, call->arena, "--pause=false");
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, container ? container : "");
    if (*name)
        sc_strv_add(&words, call->arena, name);
    if (sc_api_run(call, &words, &text) < 0)
        return -1;
    return sc_api_answer_json(call, 201,
                              json_pack("{s:s#}", "Id", sc_buf_str(&text), (int)strcspn(sc_buf_str(&text), "\n")));
}

static int
search(struct sc_api_call *call)
{
    return sc_api_fail(call, 501, "search is not supported: registries of today have no such end point");
}

const struct sc_api_row sc_api_images[] = {
    {"GET", "images/json", list},
    {"GET", "images/search", search},
    {"GET", "images/get", save},
    {"POST", "images/create", create},
    {"POST", "images/load", load},
    {"POST", "images/prune", prune},
    {"POST", "commit", commit},
    {"GET", "images/**/json", inspect},
    {"GET", "images/**/history", history},
    {"GET", "images/**/get", save},
    {"POST", "images/**/push", push},
    {"POST", "images/**/tag", tag},
    {"DELETE", "images/**", remove_it},
    {NULL, NULL, NULL},
};
