/*
 * api: the program `sc-api`, which speaks Docker's Engine API over a UNIX socket. It is a translator and nothing else:
 *
 *     client ─► head.c (one request) ─► route.c ─► a handler ─► `sc ...` as a child ─► answer.c ─► client
 *
 * Each request becomes the command line that a person would type, as a list of words and without a shell; so locks,
 * checks and messages are the engine's own. Each connection is a process of its own, that answers one request and ends:
 * nobody waits for another, and what a client breaks is its own.
 *
 *   main.c       the socket, who may connect, a process for each, the end after an idle time
 *   head.c       a request's head to a struct; pure
 *   body.c       a request's body: counted or in chunks
 *   answer.c     heads, JSON, errors, streams
 *   child.c      sc as a child: what it is told, what it says, what its failure means in HTTP
 *   relay.c      a child's streams and a client's, raw or in Docker's frames
 *   session.c    how `start` and `resize` find the process that holds an attached client
 *   create.c     the body of a creation to the words of `sc create`; pure
 *   the rest     the end points, by subject
 *
 * Invariants: what a client says is never a path, a flag or a word of a shell, only the value of one option
 * (`--name=VALUE`) or an argument after `--`. A head, a body that is read whole and an answer that is kept whole have a
 * limit. Nothing is remembered from one request to the next but below <run root>/api: the sockets of attached clients,
 * and the executions that are made by one request and started by another.
 */
#ifndef SC_API_H
#define SC_API_H

#include <jansson.h>

#include "base/base.h"

#define SC_API_HEAD_MAX  (64 << 10)
#define SC_API_BODY_MAX  (4 << 20)
#define SC_API_MINOR_MAX 41
#define SC_API_MINOR_MIN 24

struct sc_api_pair {
    char *key, *value;
};
struct sc_api_pairs {
    struct sc_api_pair *items;
    size_t count;
};

struct sc_api_request {
    char *method;              /* "GET" */
    char *path;                /* decoded, without "/v1.41" and the first slash: "containers/json" */
    unsigned minor;            /* of the version that is asked for; SC_API_MINOR_MAX where none is */
    struct sc_api_pairs query; /* decoded */
    int64_t length;            /* of the body; 0 without one */
    bool is_chunked;           /* the body has no length, but chunks */
    bool wants_upgrade, expects_continue;
    char *registry_auth;   /* X-Registry-Auth, or NULL */
    char *registry_config; /* X-Registry-Config, the logins of a build, or NULL */
};

/* Length of a head with its empty line, or 0: there is more to come. */
size_t sc_api_head_len(const char *text, size_t len);
/* text: a whole head. What is not HTTP/1.x, or has two meanings, is SC_ERR_INVALID. */
SC_MUST_CHECK int sc_api_head_parse(const char *text, size_t len, struct sc_arena *arena, struct sc_api_request *out,
                                    struct sc_err *err);
const char *sc_api_query(const struct sc_api_request *request, const char *key); /* or NULL */
bool sc_api_query_is(const struct sc_api_request *request, const char *key);     /* 1, true, True */
/* The size that a chunk's first line says ("1a;x=y"), or -1. */
int64_t sc_api_chunk_size(const char *line, size_t len);

/* A line that sc writes to SC_ERROR_FD (base/err-report.c). */
struct sc_api_failure {
    enum sc_err_kind kind;
    int errnum, exit_code;
    const char *message; /* in the line */
};
bool sc_api_failure_parse(const char *line, struct sc_api_failure *out);
int sc_api_failure_status(const struct sc_api_failure *failure); /* 404, 409, 400, ... */

/* "filters={...}" to "--filter=key=value" words; both of Docker's forms, {"k":["v"]} and {"k":{"v":true}}. */
SC_MUST_CHECK int sc_api_filters(const char *text, struct sc_arena *arena, struct sc_strv *words, struct sc_err *err);
/* The body of POST /containers/create to the words behind `sc create`; body is borrowed. */
SC_MUST_CHECK int sc_api_create_words(const json_t *body, const char *name, const char *platform,
                                      struct sc_arena *arena, struct sc_strv *words, struct sc_err *err);
/* The query of POST /build to the words behind `sc build`. */
SC_MUST_CHECK int sc_api_build_words(const struct sc_api_request *request, struct sc_arena *arena,
                                     struct sc_strv *words, struct sc_err *err);
/* The limits of a HostConfig, as create and update have them. */
SC_MUST_CHECK int sc_api_limit_words(const json_t *host, struct sc_arena *arena, struct sc_strv *words,
                                     struct sc_err *err);
/* "1795754131.97": seconds since 1970, with up to nine decimals, as sc takes a time; anything else as it is. */
const char *sc_api_time(struct sc_arena *arena, const char *text);
/* One element of `sc inspect` to one of GET /containers/json; status: "Up 3 seconds". New. */
json_t *sc_api_summary(const json_t *container, const char *status);
/* X-Registry-Auth (JSON in base64url) to the text of an authentication file for `host`; nothing in out: there is no
 * login in it. */
SC_MUST_CHECK int sc_api_auth_file(const char *header, const char *host, struct sc_buf *out, struct sc_err *err);
/* X-Registry-Config ({"host":{"username":...}} in base64url) to the text of an authentication file; as above. */
SC_MUST_CHECK int sc_api_auth_files(const char *header, struct sc_buf *out, struct sc_err *err);

#endif
