/* What the files of sc-api share: a call, its answer, sc as its child. */
#ifndef SC_API_PRIV_H
#define SC_API_PRIV_H

#include "api/api.h"
#include "base/json.h"

#define SC_API_CLIENT_MS 30000 /* the longest that a client may keep silent within a head or a body */
#define SC_API_KEPT_MAX  (64 << 20)

struct sc_api_server {
    const char *sc;       /* the program */
    const char *run_root; /* of the engine */
    int dir_fd;
};

/* One request and what has become of it. */
struct sc_api_call {
    const struct sc_api_server *server;
    int fd;
    struct sc_arena *arena;
    struct sc_api_request request;
    char *word, *second; /* what the route's * stood for */
    /* the body (body.c) */
    struct sc_buf ahead; /* was read with the head */
    size_t ahead_at;
    int64_t left; /* of the body or the chunk */
    bool body_ended, wants_chunk_end;
    /* the answer (answer.c) */
    bool has_begun, in_chunks;
    int status;    /* of the failure */
    int exit_code; /* that sc gives it; 127: the container's program is missing */
    struct sc_err err;
};
typedef int (*sc_api_fn)(struct sc_api_call *call); /* 0, or -1 with status and err */

/* ---- body.c: as read(2): a piece of the body, 0 at its end, -1 */
ssize_t sc_api_body_read(struct sc_api_call *call, char *data, size_t size);
/* The whole of it as JSON; NULL in *out where there is none. */
SC_MUST_CHECK int sc_api_body_json(struct sc_api_call *call, json_t **out);

/* ---- answer.c */
int sc_api_fail(struct sc_api_call *call, int status, const char *fmt, ...) SC_PRINTF(3, 4); /* -1 */
int sc_api_fail_err(struct sc_api_call *call, const struct sc_err *err);                     /* -1 */
void sc_api_answer_failure(struct sc_api_call *call);
int sc_api_answer(struct sc_api_call *call, int status, const char *type, const char *headers, const char *data,
                  size_t len);
int sc_api_answer_json(struct sc_api_call *call, int status, json_t *take);
int sc_api_answer_none(struct sc_api_call *call, int status);
/* A body of unknown length, in chunks; or, with is_upgrade, the connection itself. */
int sc_api_stream_begin(struct sc_api_call *call, const char *type, const char *headers, bool is_upgrade);
int sc_api_stream_write(struct sc_api_call *call, const void *data, size_t len);
int sc_api_stream_end(struct sc_api_call *call);

/* ---- child.c */
enum { SC_API_IN = 1, SC_API_OUT = 2, SC_API_ERR = 4, SC_API_TTY = 8 };
struct sc_api_child {
    pid_t pid;        /* 0: none */
    int in, out, err; /* our ends, or -1; with SC_API_TTY in and out are the terminal's */
    int report;       /* where it tells an error's kind */
    char said[4096];  /* the first of them, once it has ended; "" without one */
};
#define SC_API_CHILD_INIT                                                                                              \
    {                                                                                                                  \
        .in = -1, .out = -1, .err = -1, .report = -1                                                                   \
    }
void sc_api_child_release(struct sc_api_child *child); /* kills what has not ended */
#define sc_cleanup_api_child __attribute__((cleanup(sc_api_child_release))) struct sc_api_child
/* env: "NAME=VALUE" or NULL */
SC_MUST_CHECK int sc_api_spawn(struct sc_api_call *call, const struct sc_strv *words, int streams, const char *env,
                               struct sc_api_child *out);
int sc_api_child_wait(struct sc_api_child *child); /* its exit code */
/* A list of words for sc: sc_api_words(arena, "inspect", "--type=image", NULL) */
struct sc_strv sc_api_words(struct sc_arena *arena, ...) __attribute__((sentinel));
/* Runs it to its end. out: what it printed, or NULL. A failure is the call's, by what sc said. */
SC_MUST_CHECK int sc_api_run(struct sc_api_call *call, const struct sc_strv *words, struct sc_buf *out);
SC_MUST_CHECK int sc_api_run_json(struct sc_api_call *call, const struct sc_strv *words, json_t **out);
/* Each line is an object; the result an array. */
SC_MUST_CHECK int sc_api_run_lines(struct sc_api_call *call, const struct sc_strv *words, json_t **out);
/* It has ended with code. text: what it said on standard error, for what has not told its kind. -1 */
int sc_api_fail_child(struct sc_api_call *call, const struct sc_api_child *child, const char *text, int code);
/* The first of `sc inspect --type=TYPE -- WORD`; new. */
SC_MUST_CHECK int sc_api_inspect(struct sc_api_call *call, const char *type, const char *word, json_t **out);
SC_MUST_CHECK int sc_api_container_id(struct sc_api_call *call, const char *word, char **id, json_t **out);
const json_t *sc_api_at(const json_t *json, const char *path);   /* "State.Running", or NULL */
const char *sc_api_str_at(const json_t *json, const char *path); /* or "" */

/* A login that came with a request: a file that others cannot read, below <run root>/api; unlinked with the answer. */
SC_MUST_CHECK int sc_api_login_write(struct sc_api_call *call, const struct sc_buf *text, char name[64]);

/* ---- relay.c */
struct sc_api_relay {
    struct sc_api_child *child;
    bool is_tty, has_input; /* raw; the client's bytes are the child's input */
    bool ends_with_client;  /* a client that shuts its half is gone (logs), not only its input (attach) */
    int session, notify;    /* of session.c, or -1 */
    int *starter;           /* who waits for the start, or NULL */
    struct sc_buf *held;    /* what came on standard error before the start, or NULL */
    unsigned streams;       /* 1 standard output, 2 standard error: what the client wants */
};
/* Until the child has ended and all is passed on: its exit code; -1: the client is gone. */
int sc_api_relay(struct sc_api_call *call, struct sc_api_relay *relay);
/* Passes what the child prints to the client as it is, and begins the answer at the first byte. */
int sc_api_pass(struct sc_api_call *call, struct sc_api_child *child, const char *type, const char *headers);
/* The body becomes its input, to its end, also where it does not want all of it. */
int sc_api_feed_child(struct sc_api_call *call, struct sc_api_child *child);
int sc_api_feed(struct sc_api_call *call, const struct sc_strv *words, struct sc_buf *out); /* the body is its input */
bool sc_api_client_is_gone(int fd);

/* ---- session.c: sockets below <run root>/api, named KIND-ID-PID */
#define SC_API_SESSION_MSG 1024
int sc_api_session_open(struct sc_api_call *call, char kind, const char *id, char name[64]); /* fd or -1 */
void sc_api_session_close(struct sc_api_call *call, const char *name, int *fd);
int sc_api_notify_open(char env[64]); /* for NOTIFY_SOCKET=...; fd or -1 */
bool sc_api_notify_came(int fd);
/* Tells each session of that kind and id; the first that takes it answers into reply (or NULL): true. */
bool sc_api_session_tell(struct sc_api_call *call, char kind, const char *id, const char *text, char *reply);
int sc_api_terminal_resize(int fd, const char *text); /* "resize 24 80" */

/* ---- the end points */
int sc_api_route(struct sc_api_call *call);
extern const struct sc_api_row {
    const char *method, *pattern; /* *: a word; **: words with slashes */
    sc_api_fn fn;
} sc_api_containers[], sc_api_streams[], sc_api_images[], sc_api_networks[], sc_api_system[], sc_api_files[],
    sc_api_execs[], sc_api_build[]; /* each ends with a NULL method */

#endif
