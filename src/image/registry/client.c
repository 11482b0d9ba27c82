/* Requests to one repository: endpoints in turn, tries, waits, authorisation, redirects. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image/registry/registry-priv.h"

#define BACKOFF_FIRST_MS 200
#define WORDS_MAX        400 /* of the registry's own message */

int
sc_client_open(struct sc_client *client, const struct sc_reference *ref, const struct sc_store *store,
               const struct sc_registry_options *options, bool is_push, struct sc_err *err)
{
    *client = (struct sc_client){.store = store,
                                 .options = options,
                                 .registry = ref->registry,
                                 .repository = ref->repository,
                                 .is_push = is_push,
                                 .arena = SC_ARENA_INIT};
    if (sc_tokens_new(&client->tokens, err) < 0)
        return -1;
    return sc_hosts_find(ref->registry, options, &client->arena, &client->endpoints, err);
}

void
sc_client_release(struct sc_client *client)
{
    sc_tokens_free(client->tokens);
    client->tokens = NULL;
    sc_arena_release(&client->arena);
}

int
sc_channel_open(struct sc_client *client, struct sc_channel *out, struct sc_err *err)
{
    *out = (struct sc_channel){.client = client, .curl = sc_http_open(err), .arena = SC_ARENA_INIT};
    return out->curl ? 0 : -1;
}

void
sc_channel_release(struct sc_channel *channel)
{
    sc_http_close(channel->curl);
    channel->curl = NULL;
    sc_buf_release(&channel->answer.body);
    sc_arena_release(&channel->arena);
}

/* ---- what a refusal says ------------------------------------------------------------------------------------- */

/* The first error of {"errors":[{"code":..,"message":..}]} (distribution-spec, "Error Codes"). */
static void
registry_words(const struct sc_http_answer *answer, char out[WORDS_MAX])
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_json root = NULL;
    const json_t *first;
    const char *code, *message;

    out[0] = '\0';
    if (answer->body.len == 0 ||
        sc_json_parse(sc_buf_str(&answer->body), answer->body.len, "error", &root, &ignored) < 0)
        return;
    first = json_array_get(json_object_get(root, "errors"), 0);
    code = json_string_value(json_object_get(first, "code"));
    message = json_string_value(json_object_get(first, "message"));
    if (message || code)
        (void)snprintf(out, WORDS_MAX, ": %.300s", message && *message ? message : code);
}

static int
refused(const struct sc_channel *channel, const char *what, struct sc_err *err)
{
    const struct sc_client *client = channel->client;
    const char *after = sc_http_header(&channel->answer, "retry-after");
    char words[WORDS_MAX];
    int64_t wait;

    registry_words(&channel->answer, words);
    switch (channel->answer.status) {
    case 401:
    case 403:
        sc_err_set(err, SC_ERR_DENIED, "%s: access denied%s", what, words);
        return sc_err_remedy(err, "check the name, or log in with `sc login %s`", client->registry);
    case 404:
        return sc_err_set(err, SC_ERR_NOT_FOUND, "%s: not found%s", what, words);
    case 429:
        sc_err_set(err, SC_ERR_BUSY, "%s: the registry allows no more requests now (429)%s", what, words);
        wait = after ? sc_http_retry_after(after, time(NULL)) : -1;
        if (wait < 0)
            return sc_err_remedy(err, "try again in some time; a login may raise the limit");
        return sc_err_remedy(err, "try again in %lld seconds; a login may raise the limit", (long long)wait);
    default:
        return sc_err_set(err, SC_ERR_KERNEL, "%s: the registry answers with status %ld%s", what,
                          channel->answer.status, words);
    }
}

/* ---- tries ------------------------------------------------------------------------------------------------------ */

static void
sleep_ms(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&left, NULL);
}

static bool
is_accepted(const struct sc_request *request, long status)
{
    if (status >= 200 && status <= 299)
        return true;
    for (const long *accept = request->accepts; accept && *accept; accept++) {
        if (*accept == status)
            return true;
    }
    return false;
}

static bool
is_redirect(const struct sc_http_ask *ask, long status)
{
    return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
           (strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0);
}

/* Where a redirect leads. What belongs to the endpoint (authorisation, its own certificate, headers) stays with its
 * origin. */
static int
follow(struct sc_channel *channel, const char **url, struct sc_err *err)
{
    const char *location = sc_http_header(&channel->answer, "location");
    char *next = location ? sc_url_resolve(*url, location, &channel->arena) : NULL, *origin, *from;

    if (!location)
        return sc_err_set(err, SC_ERR_INVALID, "the registry redirects to nowhere");
    if (!next)
        return sc_err_nomem(err);
    if (sc_url_origin(*url, &channel->arena, &from, err) < 0 || sc_url_origin(next, &channel->arena, &origin, err) < 0)
        return sc_err_wrap(err, "redirect");
    if (sc_str_starts(from, "https://") && !sc_str_starts(origin, "https://"))
        return sc_err_set(err, SC_ERR_DENIED, "the registry redirects from https to \"%.200s\"", origin);
    *url = next;
    return 0;
}

static bool
is_of(const struct sc_endpoint *endpoint, const char *url, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    char *origin;

    return sc_url_origin(url, arena, &origin, &ignored) == 0 && strcmp(origin, endpoint->origin) == 0;
}

static int
exchange_once(struct sc_channel *channel, const struct sc_endpoint *endpoint, struct sc_request *request,
              const char *url, const char *authorization, bool *passing, struct sc_err *err)
{
    struct sc_http_ask ask = request->ask;
    struct sc_strv headers = {.items = NULL};
    struct sc_arena *arena = &channel->arena;
    char *origin;

    *passing = false;
    if (sc_url_origin(url, arena, &origin, err) < 0) /* refuses what is no address of a server */
        return -1;
    for (size_t i = 0; ask.headers && i < ask.headers->count; i++)
        sc_strv_add(&headers, arena, ask.headers->items[i]);
    if (request->before_try && request->before_try(ask.data, &headers, arena, err) < 0)
        return -1;
    if (is_of(endpoint, url, arena)) {
        for (size_t i = 0; i < endpoint->headers.count; i++)
            sc_strv_add(&headers, arena, endpoint->headers.items[i]);
        ask.authorization = authorization;
        ask.cert_file = endpoint->cert_file;
        ask.key_file = endpoint->key_file;
    }
    ask.ca_pem = endpoint->ca_pem; /* whom to believe is no secret: a store of blobs may have the same authority */
    ask.skip_verify = sc_endpoint_skips_verify(endpoint, url);
    ask.headers = &headers;
    ask.url = url;
    return sc_http_exchange(channel->curl, &ask, arena, &channel->answer, passing, err);
}

/* One try: redirects followed, a 401 answered once; of the endpoint itself only, as an answer is a credential for
 * whoever the challenge names. */
static int
exchange(struct sc_channel *channel, const struct sc_endpoint *endpoint, struct sc_request *request, const char *url,
         bool *passing, struct sc_err *err)
{
    char *authorization = sc_tokens_current(channel->client->tokens, endpoint->origin, &channel->arena);
    bool has_answered = false;

    for (int hops = 0; hops <= SC_REGISTRY_REDIRECTS;) {
        if (exchange_once(channel, endpoint, request, url, authorization, passing, err) < 0)
            return -1;
        if (channel->answer.status == 401 && !has_answered && is_of(endpoint, url, &channel->arena)) {
            has_answered = true;
            if (sc_tokens_answer(channel, endpoint, authorization, &authorization, passing, err) < 0)
                return -1;
            continue;
        }
        if (!is_redirect(&request->ask, channel->answer.status))
            return 0;
        if (follow(channel, &url, err) < 0)
            return -1;
        hops++;
    }
    return sc_err_set(err, SC_ERR_INVALID, "more than %d redirects", SC_REGISTRY_REDIRECTS);
}

/* How long to wait before another try, in ms; -1: none will help. */
static int64_t
wait_before_retry(struct sc_channel *channel, const char *what, int tries, bool is_last)
{
    const char *after = sc_http_header(&channel->answer, "retry-after");
    long status = channel->answer.status;
    int64_t seconds;
    char *line;

    if (is_last || (status != 429 && status != 408 && (status < 500 || status == 501)))
        return -1;
    seconds = after ? sc_http_retry_after(after, time(NULL)) : -1;
    if (seconds < 0)
        return (int64_t)BACKOFF_FIRST_MS << tries;
    if (seconds > SC_REGISTRY_WAIT_MAX_S)
        return -1;
    line = sc_arena_printf(&channel->arena, "%s: the registry asks to wait %lld s (status %ld)", what,
                           (long long)seconds, status);
    if (line)
        sc_progress_line(channel->client->options->progress, line);
    return seconds * 1000;
}

/* A mirror of several registries is told whose repository is meant (distribution-spec, "Registry Proxying"). */
static char *
url_at(struct sc_channel *channel, const struct sc_endpoint *endpoint, const char *path)
{
    sc_cleanup_buf url = SC_BUF_INIT;

    sc_buf_addf(&url, "%s/%s", endpoint->base, path);
    if (endpoint->is_mirror) {
        sc_buf_adds(&url, strchr(path, '?') ? "&ns=" : "?ns=");
        sc_url_encode(&url, channel->client->registry);
    }
    return sc_arena_strdup(&channel->arena, sc_buf_str(&url));
}

/* All tries at one endpoint: 0 with an accepted status in the answer, or -1. *is_absent: it only does not have it. */
static int
try_endpoint(struct sc_channel *channel, const struct sc_endpoint *endpoint, struct sc_request *request, int tries,
             struct sc_err *err)
{
    const char *url = request->url;

    if (!url)
        url = url_at(channel, endpoint, request->path);
    if (!url)
        return sc_err_nomem(err);
    for (int i = 0;; i++) {
        struct sc_err cause = SC_ERR_INIT;
        bool passing = false;
        int64_t wait;

        if (exchange(channel, endpoint, request, url, &passing, &cause) == 0) {
            if (is_accepted(request, channel->answer.status))
                return 0;
            wait = wait_before_retry(channel, request->what, i, i + 1 >= tries);
            (void)refused(channel, request->what, &cause);
        } else {
            /* Nobody listening is seldom a passing matter; once more is enough. */
            wait = passing && (i == 0 || cause.errnum != ECONNREFUSED) ? (int64_t)BACKOFF_FIRST_MS << i : -1;
            (void)sc_err_wrap(&cause, "%s", request->what);
        }
        if (wait < 0 || i + 1 >= tries) {
            *err = cause;
            return -1;
        }
        sleep_ms(wait);
    }
}

int
sc_client_request(struct sc_channel *channel, struct sc_request *request, struct sc_err *err)
{
    const struct sc_client *client = channel->client;
    struct sc_err first = SC_ERR_INIT;
    size_t count = request->url ? 1 : client->endpoints.count;

    for (size_t i = 0; i < count; i++) {
        size_t at = (channel->endpoint + i) % client->endpoints.count;
        const struct sc_endpoint *endpoint = &client->endpoints.items[at];
        struct sc_err cause = SC_ERR_INIT;

        if (client->is_login && endpoint->is_mirror)
            continue;
        if (client->is_push ? !endpoint->can_push
                            : !endpoint->can_pull || (request->needs_resolve && !endpoint->can_resolve))
            continue;
        /* While there is another to ask, one is not waited for. */
        if (try_endpoint(channel, endpoint, request, i + 1 < count ? 1 : SC_REGISTRY_TRIES, &cause) == 0) {
            channel->endpoint = at;
            return 0;
        }
        /* Of several failures the most telling: that of the registry rather than that of no connection. */
        if (first.kind == SC_ERR_NONE || first.kind == SC_ERR_KERNEL)
            first = cause;
        /* What the registry itself has answered it would not answer otherwise by plain http. */
        if (!endpoint->is_mirror && channel->answer.status != 0)
            break;
    }
    if (first.kind == SC_ERR_NONE)
        return sc_err_set(err, SC_ERR_INVALID, "%s: no configured host of \"%s\" may %s", request->what,
                          client->registry, client->is_push ? "be pushed to" : "be pulled from");
    *err = first;
    return -1;
}

/* ---- manifests --------------------------------------------------------------------------------------------------- */

const char *const sc_manifest_types[] = {
    SC_MEDIA_MANIFEST, SC_MEDIA_INDEX, SC_MEDIA_DOCKER, SC_MEDIA_DOCKER_LIST, NULL,
};

static int
check_schema(const struct sc_http_answer *answer, const char *what, struct sc_err *err)
{
    const char *type = sc_http_header(answer, "content-type");

    if (!type || !sc_str_starts(type, "application/vnd.docker.distribution.manifest.v1+"))
        return 0;
    sc_err_set(err, SC_ERR_UNSUPPORTED, "%s: is in Docker's schema 1, the format of before 2016", what);
    return sc_err_remedy(err, "have the image's owner push it again with a present tool");
}

/* The document is in the answer's body; what it is called is checked against what it is. */
static int
verify(const struct sc_channel *channel, const char *asked, const char *what, char digest[SC_DIGEST_LEN + 1],
       struct sc_err *err)
{
    const char *said = sc_http_header(&channel->answer, "docker-content-digest");
    const char *expected = sc_digest_is_valid(asked) ? asked : said;

    if (sc_hash_text(sc_buf_str(&channel->answer.body), channel->answer.body.len, digest, err) < 0)
        return -1;
    if (expected && sc_digest_is_valid(expected) && strcmp(expected, digest) != 0) {
        sc_err_set(err, SC_ERR_INVALID, "%s: has the wrong digest: it should be %s, its content is %s", what, expected,
                   digest);
        return sc_err_remedy(err, "the registry or a proxy before it is damaged or lies");
    }
    return 0;
}

int
sc_client_manifest(struct sc_channel *channel, const char *tag_or_digest, struct sc_buf *out, char **digest,
                   char **media_type, struct sc_err *err)
{
    const struct sc_client *client = channel->client;
    struct sc_arena *arena = &channel->arena;
    struct sc_strv headers = {.items = NULL};
    struct sc_request request = {.ask = {.method = "GET", .body_fd = -1, .headers = &headers}};
    char actual[SC_DIGEST_LEN + 1];
    const char *type;

    for (size_t i = 0; sc_manifest_types[i]; i++)
        sc_strv_addf(&headers, arena, "Accept: %s", sc_manifest_types[i]);
    request.path = sc_arena_printf(arena, "%s/manifests/%s", client->repository, tag_or_digest);
    request.needs_resolve = !sc_digest_is_valid(tag_or_digest);
    request.what = sc_arena_printf(arena, "manifest of \"%s/%s%s%s\"", client->registry, client->repository,
                                   sc_digest_is_valid(tag_or_digest) ? "@" : ":", tag_or_digest);
    if (sc_arena_check(arena, err) < 0 || sc_client_request(channel, &request, err) < 0 ||
        check_schema(&channel->answer, request.what, err) < 0 ||
        verify(channel, tag_or_digest, request.what, actual, err) < 0)
        return -1;
    type = sc_http_header(&channel->answer, "content-type");
    *digest = sc_arena_strdup(arena, actual);
    *media_type = type ? sc_arena_strndup(arena, type, strcspn(type, "; ")) : NULL;
    sc_buf_add(out, sc_buf_str(&channel->answer.body), channel->answer.body.len);
    if (sc_buf_check(out, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}
