/*
 * registry-priv: what the files of the registry client share. See registry.h for the data's way through them.
 */
#ifndef SC_IMAGE_REGISTRY_PRIV_H
#define SC_IMAGE_REGISTRY_PRIV_H

#include <time.h>

#include "image/registry/registry.h"
#include "image/transfer-priv.h"

#define SC_REGISTRY_TRIES      5  /* of a request that fails for a passing reason */
#define SC_REGISTRY_REDIRECTS  10 /* followed for one request */
#define SC_REGISTRY_WAIT_MAX_S 60 /* the longest Retry-After that is waited out */

/* ---- http.c: one exchange by libcurl, nothing retried, no redirect followed */
struct sc_http_ask {
    const char *method; /* "GET" */
    const char *url;
    const struct sc_strv *headers; /* "Accept: x"; may be NULL */
    const char *authorization;     /* "Bearer ..", or NULL; kept out of headers so that it can be left out */
    const void *body;              /* of body_len bytes, or */
    size_t body_len;
    int body_fd; /* a file's body_len bytes from body_offset; -1: none */
    int64_t body_offset;
    const char *ca_pem, *cert_file, *key_file; /* or NULL */
    bool skip_verify;
    bool is_file; /* of a web server: what helps with a registry does not help here */
    /* Bytes of a 2xx answer's body, as they come; NULL: they go to the answer's body. An error ends the exchange and is
     * its error. */
    int (*sink)(void *data, const void *bytes, size_t len, struct sc_err *err);
    /* Called once before the first byte; may refuse. NULL: none. */
    int (*started)(void *data, long status, struct sc_err *err);
    void (*sent)(void *data, int64_t total); /* of the body, so far; or NULL */
    void *data;
};
struct sc_http_answer {
    long status;
    struct sc_buf body;     /* at most SC_IMAGE_JSON_MAX bytes; of an error at most 64 KiB are kept */
    struct sc_strv headers; /* "name: value", names in lower case; of the last header block */
};
const char *sc_http_header(const struct sc_http_answer *answer, const char *name); /* value or NULL */
void sc_http_answer_clear(struct sc_http_answer *answer);
/* The answer, whatever its status, is 0. -1: there was none; *passing tells whether another try may succeed. */
SC_MUST_CHECK int sc_http_exchange(void *curl, const struct sc_http_ask *ask, struct sc_arena *arena,
                                   struct sc_http_answer *answer, bool *passing, struct sc_err *err);
/* Seconds that a Retry-After asks to wait from `now` on, given in seconds or as a date; -1: it says neither. */
int64_t sc_http_retry_after(const char *text, time_t now);
/* The date of a header, in seconds since 1970; -1: it is none. */
int64_t sc_http_date(const char *text);
/* A handle for one thread, or NULL. */
void *sc_http_open(struct sc_err *err);
void sc_http_close(void *curl);

/* ---- curl.c */
/* Opens libcurl, once; its functions may be called where it is there. */
bool sc_curl_is_there(void);

/* ---- url.c: pure */
/* "https://host:port": scheme and authority, for comparing where a credential may go; in lower case, and without a port
 * that goes without saying. */
SC_MUST_CHECK int sc_url_origin(const char *url, struct sc_arena *arena, char **out, struct sc_err *err);
/* Resolves a Location header against the address it came from (RFC 3986, 5.2). */
char *sc_url_resolve(const char *base, const char *location, struct sc_arena *arena);
/* text with everything but unreserved characters percent-encoded, appended */
void sc_url_encode(struct sc_buf *out, const char *text);

/* ---- challenge.c: WWW-Authenticate (RFC 9110, 11.6.1); pure, fuzzed */
struct sc_challenge {
    bool is_bearer;                /* else Basic */
    char *realm, *service, *scope; /* NULL where absent */
};
/* The first challenge we can answer, bearer before basic. SC_ERR_UNSUPPORTED where there is none. */
SC_MUST_CHECK int sc_challenge_parse(const struct sc_strv *headers, struct sc_arena *arena, struct sc_challenge *out,
                                     struct sc_err *err);

/* ---- credentials.c: Docker's config.json and its helpers */
struct sc_credential {
    char *user, *password; /* NULL: none, ask as anybody */
    char *identity_token;  /* for the token service, instead of a password */
};
/* repository: NULL for none: then a login that holds for a part of the registry is not looked at. */
SC_MUST_CHECK int sc_credential_find(const char *registry, const char *repository,
                                     const struct sc_registry_options *options, struct sc_arena *arena,
                                     struct sc_credential *out, struct sc_err *err);
SC_MUST_CHECK int sc_credential_store(const char *registry, const struct sc_credential *credential,
                                      const struct sc_registry_options *options, struct sc_arena *arena,
                                      char **clear_file, struct sc_err *err);
SC_MUST_CHECK int sc_credential_erase(const char *registry, const struct sc_registry_options *options,
                                      struct sc_arena *arena, struct sc_err *err);
/* RFC 4648; the result is NUL-terminated and in the arena. */
char *sc_base64_encode(const void *data, size_t len, struct sc_arena *arena);
SC_MUST_CHECK int sc_base64_decode(const char *text, struct sc_arena *arena, char **out, size_t *len,
                                   struct sc_err *err);

/* ---- hosts.c: where a registry's requests go */
struct sc_endpoint {
    char *base;                                        /* "https://mirror.example/v2", without a slash at its end */
    char *origin;                                      /* "https://mirror.example" */
    char *auth_key;                                    /* what credentials are looked for under: "mirror.example" */
    bool can_pull, can_resolve, can_push, skip_verify; /* resolve: tags are asked for there, not only digests */
    bool is_mirror;                                    /* stands in for the registry: its logins are its own */
    bool is_unasked;         /* skip_verify is what loopback has without a word: it holds for no other host */
    struct sc_strv ca_files; /* each holds authorities, beside the system's */
    char *ca_pem;            /* what they hold, once sc_hosts_find has read them; or NULL */
    char *cert_file, *key_file;
    struct sc_strv headers;
};
struct sc_endpoints {
    struct sc_endpoint *items;
    size_t count;
};
/* In the order to try. */
SC_MUST_CHECK int sc_hosts_find(const char *registry, const struct sc_registry_options *options, struct sc_arena *arena,
                                struct sc_endpoints *out, struct sc_err *err);
/* containerd's hosts.toml; pure, fuzzed. name is for messages, dir where relative file names start. allows_http: a
 * registry that it gives no server may be asked by plain http. */
SC_MUST_CHECK int sc_hosts_parse(const char *text, size_t len, const char *name, const char *dir, const char *registry,
                                 bool allows_http, struct sc_arena *arena, struct sc_endpoints *out,
                                 struct sc_err *err);
bool sc_host_is_loopback(const char *host_and_port);
/* Whether the certificate at url, where the endpoint leads to, goes unchecked. */
bool sc_endpoint_skips_verify(const struct sc_endpoint *endpoint, const char *url);

/* ---- client.c: requests to one repository */
struct sc_client {
    const struct sc_store *store; /* or NULL: nothing is stored */
    const struct sc_registry_options *options;
    const char *registry, *repository;
    struct sc_endpoints endpoints;
    bool is_push;
    bool is_login;            /* no mirror is asked */
    struct sc_tokens *tokens; /* shared by threads */
    struct sc_arena arena;    /* of what lives as long as the client; not for threads */
};
SC_MUST_CHECK int sc_client_open(struct sc_client *client, const struct sc_reference *ref, const struct sc_store *store,
                                 const struct sc_registry_options *options, bool is_push, struct sc_err *err);
void sc_client_release(struct sc_client *client);
#define sc_cleanup_client __attribute__((cleanup(sc_client_release))) struct sc_client

/* One worker's connection. */
struct sc_channel {
    struct sc_client *client;
    void *curl;
    size_t endpoint; /* that answered last */
    struct sc_arena arena;
    struct sc_http_answer answer;
};
SC_MUST_CHECK int sc_channel_open(struct sc_client *client, struct sc_channel *out, struct sc_err *err);
void sc_channel_release(struct sc_channel *channel);
#define sc_cleanup_channel __attribute__((cleanup(sc_channel_release))) struct sc_channel

/* Retries what is passing, waits when told to, authorises, follows redirects of GET and HEAD; a path is tried at the
 * endpoint that answered last and then at the others. The answer is in channel->answer: 2xx, or a status that `accepts`
 * lists; anything else is an error with the registry's own words in it. */
struct sc_request {
    struct sc_http_ask ask; /* url, authorization and TLS are filled in */
    const char *path;       /* below the endpoint's base: "library/base/manifests/latest" */
    const char *url;        /* instead: a whole address that the endpoint gave */
    const char *what;       /* for messages: "manifest latest of localhost:5000/base" */
    const long *accepts;    /* ends in 0; NULL: none */
    bool needs_resolve;     /* a tag: only of endpoints that may say what it means */
    /* Before each try: what else to say in its headers ("Range: .."), with the data of ask. NULL: nothing. */
    int (*before_try)(void *data, struct sc_strv *headers, struct sc_arena *arena, struct sc_err *err);
};
SC_MUST_CHECK int sc_client_request(struct sc_channel *channel, struct sc_request *request, struct sc_err *err);
/* A manifest by tag or digest, from the first endpoint that has it; its digest is what a digest asked for, and what the
 * registry says it is. Texts are in the channel's arena. */
SC_MUST_CHECK int sc_client_manifest(struct sc_channel *channel, const char *tag_or_digest, struct sc_buf *out,
                                     char **digest, char **media_type, struct sc_err *err);
extern const char *const sc_manifest_types[]; /* ends in NULL: what is asked for */

/* ---- token.c: bearer tokens, one for each scope, kept until they expire */
SC_MUST_CHECK int sc_tokens_new(struct sc_tokens **out, struct sc_err *err);
void sc_tokens_free(struct sc_tokens *tokens_take);
/* The authorisation to begin with: what worked before for this origin, or NULL. Copied into the arena. */
char *sc_tokens_current(struct sc_tokens *tokens, const char *origin, struct sc_arena *arena);
/* After a 401, whose headers are in the channel's answer: *out is another authorisation than `refused` for this
 * endpoint. Runs exchanges of its own: the answer is overwritten. *passing: the token service may answer later. */
SC_MUST_CHECK int sc_tokens_answer(struct sc_channel *channel, const struct sc_endpoint *endpoint, const char *refused,
                                   char **out, bool *passing, struct sc_err *err);

/* ---- fetch.c: blobs into the store */
struct sc_fetch {
    const char *digest;
    int64_t size;
    bool is_silent; /* no progress is told of it: the config */
    bool has_come;  /* out: it was not there before */
};
/* All of them, several at a time; those in the store already are only reported. The first error stops the rest. */
SC_MUST_CHECK int sc_fetch_blobs(struct sc_client *client, struct sc_fetch *items, size_t count, struct sc_err *err);

#endif
