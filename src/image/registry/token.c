/*
 * Authorisation: what answers a 401 (distribution-spec's token authentication, and Basic). One answer is kept for each
 * origin and shared by all channels of a client; whoever finds it refused gets a new one, the others wait for that.
 */
#include <pthread.h>
#include <string.h>

#include "image/registry/registry-priv.h"

#define ORIGINS_MAX    32
#define DEFAULT_EXPIRY 60 /* seconds, where the service does not say (distribution's token.md) */
#define NSEC           INT64_C(1000000000)

struct sc_tokens {
    pthread_mutex_t lock;
    struct token {
        char *origin, *authorization; /* heap */
        int64_t expires;              /* CLOCK_MONOTONIC ns; 0: never */
    } items[ORIGINS_MAX];
    size_t count;
};

int
sc_tokens_new(struct sc_tokens **out, struct sc_err *err)
{
    struct sc_tokens *tokens = calloc(1, sizeof(*tokens));

    if (!tokens)
        return sc_err_nomem(err);
    (void)pthread_mutex_init(&tokens->lock, NULL);
    *out = tokens;
    return 0;
}

void
sc_tokens_free(struct sc_tokens *tokens)
{
    if (!tokens)
        return;
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->items[i].origin);
        free(tokens->items[i].authorization);
    }
    (void)pthread_mutex_destroy(&tokens->lock);
    free(tokens);
}

static struct token *
find(struct sc_tokens *tokens, const char *origin)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->items[i].origin, origin) == 0)
            return &tokens->items[i];
    }
    return NULL;
}

static char *
current(struct sc_tokens *tokens, const char *origin, struct sc_arena *arena)
{
    const struct token *token = find(tokens, origin);

    if (!token || (token->expires != 0 && token->expires <= sc_time_monotonic()))
        return NULL;
    return sc_arena_strdup(arena, token->authorization);
}

char *
sc_tokens_current(struct sc_tokens *tokens, const char *origin, struct sc_arena *arena)
{
    char *out;

    (void)pthread_mutex_lock(&tokens->lock);
    out = current(tokens, origin, arena);
    (void)pthread_mutex_unlock(&tokens->lock);
    return out;
}

static int
keep(struct sc_tokens *tokens, const char *origin, const char *authorization, int64_t expires, struct sc_err *err)
{
    struct token *token = find(tokens, origin);
    char *copy = strdup(authorization);

    if (!copy)
        return sc_err_nomem(err);
    if (!token) {
        if (tokens->count == ORIGINS_MAX) {
            free(copy);
            return sc_err_set(err, SC_ERR_INVALID, "more than %d hosts ask for a login", ORIGINS_MAX);
        }
        token = &tokens->items[tokens->count];
        token->origin = strdup(origin);
        if (!token->origin) {
            free(copy);
            return sc_err_nomem(err);
        }
        tokens->count++;
    }
    free(token->authorization);
    token->authorization = copy;
    token->expires = expires;
    return 0;
}

/* ---- bearer -------------------------------------------------------------------------------------------------- */

static char *
basic(const struct sc_credential *credential, struct sc_arena *arena)
{
    char *pair = sc_arena_printf(arena, "%s:%s", credential->user, credential->password ? credential->password : "");
    char *text = pair ? sc_base64_encode(pair, strlen(pair), arena) : NULL;

    return text ? sc_arena_printf(arena, "Basic %s", text) : NULL;
}

static int
take_token(const struct sc_http_answer *answer, struct sc_arena *arena, char **authorization, int64_t *expires,
           struct sc_err *err)
{
    sc_cleanup_json root = NULL;
    char *token = NULL, *access = NULL;
    int64_t seconds = DEFAULT_EXPIRY;

    if (sc_json_parse(sc_buf_str(&answer->body), answer->body.len, "the token service's answer", &root, err) < 0 ||
        sc_json_get_str(root, "token", "", arena, &token, err) < 0 ||
        sc_json_get_str(root, "access_token", "", arena, &access, err) < 0 ||
        sc_json_get_i64(root, "expires_in", "", &seconds, err) < 0)
        return -1;
    if (!token || !*token)
        token = access;
    if (!token || !*token || strpbrk(token, "\r\n"))
        return sc_err_set(err, SC_ERR_INVALID, "the token service's answer has no token");
    if (seconds < 1 || seconds > 30 * 86400)
        seconds = DEFAULT_EXPIRY;
    *expires = sc_time_monotonic() + seconds * NSEC;
    *authorization = sc_arena_printf(arena, "Bearer %s", token);
    return *authorization ? 0 : sc_err_nomem(err);
}

/* "service=..&scope=..&scope=..": scopes of a challenge are separated by blanks. */
static void
add_query(struct sc_buf *out, const struct sc_client *client, const struct sc_challenge *challenge)
{
    sc_cleanup_buf scopes = SC_BUF_INIT;
    char *rest = NULL;

    if (challenge->service) {
        sc_buf_adds(out, "service=");
        sc_url_encode(out, challenge->service);
        sc_buf_addc(out, '&');
    }
    if (challenge->scope)
        sc_buf_adds(&scopes, challenge->scope);
    else if (client->repository)
        sc_buf_addf(&scopes, "repository:%s:%s", client->repository, client->is_push ? "pull,push" : "pull");
    for (char *scope = scopes.data ? strtok_r(scopes.data, " ", &rest) : NULL; scope;
         scope = strtok_r(NULL, " ", &rest)) {
        sc_buf_adds(out, "scope=");
        sc_url_encode(out, scope);
        sc_buf_addc(out, '&');
    }
}

static int
check_realm(const struct sc_endpoint *endpoint, const char *realm, struct sc_arena *arena, struct sc_err *err)
{
    char *origin;

    if (sc_url_origin(realm, arena, &origin, err) < 0)
        return sc_err_wrap(err, "the registry's token service");
    /* A credential that came by https does not go on by http. */
    if (sc_str_starts(endpoint->origin, "https://") && !sc_str_starts(origin, "https://") &&
        !sc_host_is_loopback(strstr(origin, "://") + 3))
        return sc_err_set(err, SC_ERR_DENIED, "the registry's token service \"%.200s\" is not on https", origin);
    return 0;
}

static int
ask_token(struct sc_channel *channel, const struct sc_endpoint *endpoint, const struct sc_challenge *challenge,
          const struct sc_credential *credential, char **authorization, int64_t *expires, bool *passing,
          struct sc_err *err)
{
    sc_cleanup_buf url = SC_BUF_INIT, form = SC_BUF_INIT;
    struct sc_strv headers = {.items = NULL};
    struct sc_http_ask ask = {.method = "GET", .body_fd = -1};

    if (check_realm(endpoint, challenge->realm, &channel->arena, err) < 0)
        return -1;
    ask.skip_verify = sc_endpoint_skips_verify(endpoint, challenge->realm);
    ask.ca_pem = endpoint->ca_pem;
    sc_buf_adds(&url, challenge->realm);
    if (credential->identity_token) {
        /* OAuth 2: a refresh token stands for the password (distribution's oauth.md) */
        sc_buf_adds(&form, "grant_type=refresh_token&client_id=sc&");
        add_query(&form, channel->client, challenge);
        sc_buf_adds(&form, "refresh_token=");
        sc_url_encode(&form, credential->identity_token);
        sc_strv_add(&headers, &channel->arena, "Content-Type: application/x-www-form-urlencoded");
        ask.method = "POST";
        ask.body = sc_buf_str(&form);
        ask.body_len = form.len;
    } else {
        sc_buf_addc(&url, strchr(challenge->realm, '?') ? '&' : '?');
        add_query(&url, channel->client, challenge);
        url.len--; /* the last '&' or '?' */
        url.data[url.len] = '\0';
        ask.authorization = credential->user ? basic(credential, &channel->arena) : NULL;
    }
    if (sc_buf_check(&url, err) < 0 || sc_buf_check(&form, err) < 0)
        return -1;
    ask.url = sc_buf_str(&url);
    ask.headers = &headers;
    if (sc_http_exchange(channel->curl, &ask, &channel->arena, &channel->answer, passing, err) < 0)
        return sc_err_wrap(err, "get a token");
    if (channel->answer.status == 401 || channel->answer.status == 403) {
        sc_err_set(err, SC_ERR_DENIED, "get a token for \"%s\": %s", channel->client->registry,
                   credential->user || credential->identity_token ? "the user name or password is wrong"
                                                                  : "the registry wants a login");
        return sc_err_remedy(err, "log in with `sc login %s`", channel->client->registry);
    }
    if (channel->answer.status != 200) {
        *passing = channel->answer.status == 429 || channel->answer.status >= 500;
        return sc_err_set(err, SC_ERR_KERNEL, "get a token: the service answers with status %ld",
                          channel->answer.status);
    }
    return take_token(&channel->answer, &channel->arena, authorization, expires, err);
}

/* --creds are for the registry, not for a mirror of it; where the registry's own host has another name, a login may be
 * kept under either. */
static int
find_credential(const struct sc_client *client, const struct sc_endpoint *endpoint, struct sc_arena *arena,
                struct sc_credential *out, struct sc_err *err)
{
    struct sc_registry_options options = *client->options;

    if (endpoint->is_mirror)
        options.credentials = NULL;
    if (sc_credential_find(endpoint->auth_key, client->repository, &options, arena, out, err) < 0)
        return -1;
    if (out->user || out->identity_token || endpoint->is_mirror || strcmp(endpoint->auth_key, client->registry) == 0)
        return 0;
    return sc_credential_find(client->registry, client->repository, &options, arena, out, err);
}

static int
answer_locked(struct sc_channel *channel, const struct sc_endpoint *endpoint, const char *refused, char **out,
              bool *passing, struct sc_err *err)
{
    struct sc_client *client = channel->client;
    struct sc_challenge challenge = {.realm = NULL};
    struct sc_credential credential;
    int64_t expires = 0;

    *out = current(client->tokens, endpoint->origin, &channel->arena);
    if (*out && !sc_str_eq(*out, refused))
        return 0;
    if (sc_challenge_parse(&channel->answer.headers, &channel->arena, &challenge, err) < 0 ||
        find_credential(client, endpoint, &channel->arena, &credential, err) < 0)
        return -1;
    if (challenge.is_bearer) {
        if (ask_token(channel, endpoint, &challenge, &credential, out, &expires, passing, err) < 0)
            return -1;
    } else {
        *out = credential.user ? basic(&credential, &channel->arena) : NULL;
        if (!*out || sc_str_eq(*out, refused)) {
            sc_err_set(err, SC_ERR_DENIED, "\"%s\" %s", client->registry,
                       *out ? "refuses the user name or password" : "wants a login");
            return sc_err_remedy(err, "log in with `sc login %s`", client->registry);
        }
    }
    return *out ? keep(client->tokens, endpoint->origin, *out, expires, err) : sc_err_nomem(err);
}

int
sc_tokens_answer(struct sc_channel *channel, const struct sc_endpoint *endpoint, const char *refused, char **out,
                 bool *passing, struct sc_err *err)
{
    struct sc_tokens *tokens = channel->client->tokens;
    int status;

    (void)pthread_mutex_lock(&tokens->lock);
    status = answer_locked(channel, endpoint, refused, out, passing, err);
    (void)pthread_mutex_unlock(&tokens->lock);
    return status;
}
