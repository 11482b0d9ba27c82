/*
 * registry: the client of OCI and Docker registries (distribution-spec v2), linked into sc-transfer only.
 *
 *     reference ─hosts.c─► endpoints (mirrors first) ─client.c─► request, retried, authorised ─http.c─► libcurl
 *                                                        │ 401: challenge.c reads it, credentials.c knows the user,
 *                                                        │      token.c gets a bearer token
 *     pull.c   manifest ─► platform ─► config, layers (fetch.c: in threads, resumed, verified) ─► store
 *     push.c   layers, config (HEAD, mount, upload in chunks) ─► manifest
 *
 * Invariants: every byte that enters the store was hashed and is what a digest named; a digest is checked against its
 * grammar before it is part of a path or an address. A credential is sent to the host it was found for and to the
 * token service that host names, never along a redirect to another host. Plain http and unverified TLS are used only
 * where configuration or --tls-verify=false says so, and for loopback addresses, as in Docker. What is not finished
 * is invisible: a partial blob lies in image/partial/<hex> under its own lock, and is continued by whoever needs it
 * next.
 */
#ifndef SC_IMAGE_REGISTRY_H
#define SC_IMAGE_REGISTRY_H

#include <stdio.h>

#include "image/image.h"

/* ---- progress.c: what a transfer says while it runs; safe to call from several threads */
enum sc_progress_kind { SC_PROGRESS_AUTO, SC_PROGRESS_BAR, SC_PROGRESS_PLAIN, SC_PROGRESS_JSON, SC_PROGRESS_NONE };
struct sc_progress;
/* AUTO: bars where stdout is a terminal, else plain lines. */
SC_MUST_CHECK int sc_progress_new(enum sc_progress_kind kind, struct sc_progress **out, struct sc_err *err);
void sc_progress_free(struct sc_progress *progress_take);
/* A line of its own: "latest: Pulling from library/base". */
void sc_progress_line(struct sc_progress *progress, const char *text);
/* What was asked for, on a line of its own, also where nothing else is shown; where progress is JSON, this is as well.
 */
void sc_progress_result(struct sc_progress *progress, const char *text, const char *image_id);
/* Item `id` (12 digits) is now in this state; total in bytes, or 0 where the state has no amount. */
void sc_progress_item(struct sc_progress *progress, const char *id, const char *state, int64_t done, int64_t total);
void sc_progress_done(struct sc_progress *progress); /* leaves the bars as they stand */
/* One line of at most width characters; speed in bytes a second, 0 where it is not known. Pure. */
struct sc_progress_shown {
    char id[13], state[40];
    int64_t done, total;
};
void sc_progress_text(const struct sc_progress_shown *item, int64_t speed, size_t width, struct sc_buf *out);

/* ---- what a caller chooses */
struct sc_registry_options {
    const char *auth_file;   /* --authfile, or NULL: REGISTRY_AUTH_FILE, DOCKER_CONFIG, ~/.docker, containers */
    const char *credentials; /* --creds USER[:PASSWORD], or NULL */
    const char *certs_dir;   /* --cert-dir, or NULL */
    bool has_tls_verify;     /* --tls-verify was given: */
    bool tls_verify;         /* false allows plain http and unverified TLS */
    const char *platform;    /* "linux/arm64/v8", or NULL: this machine's */
    unsigned parallel;       /* layers at a time; 0: 3, as Docker */
    struct sc_progress *progress;
};

/* Gets an image into the store and names it. *image_id as in struct sc_image; *is_new: the name meant another image
 * before, or none. SC_ERR_NOT_FOUND: the registry has no such image; SC_ERR_DENIED: it wants a login. */
struct sc_pulled {
    char *image_id, *digest, *shown; /* digest: what the registry calls it (an index where there is one) */
    bool is_new;
};
SC_MUST_CHECK int sc_image_pull(const struct sc_store *store, const struct sc_reference *ref,
                                const struct sc_registry_options *options, struct sc_arena *arena,
                                struct sc_pulled *out, struct sc_err *err);
/* Every tag of a repository, as the registry lists them (Link headers followed). */
SC_MUST_CHECK int sc_registry_tags(const struct sc_reference *ref, const struct sc_registry_options *options,
                                   struct sc_arena *arena, struct sc_strv *tags, struct sc_err *err);
/* Sends the image that `source` names to where ref says. */
struct sc_pushed {
    char *digest;
    int64_t size;
};
SC_MUST_CHECK int sc_image_push(const struct sc_store *store, const char *source, const struct sc_reference *ref,
                                const struct sc_registry_options *options, struct sc_arena *arena,
                                struct sc_pushed *out, struct sc_err *err);
/* The manifest or index itself, as the registry has it, verified. media_type may be NULL. */
SC_MUST_CHECK int sc_registry_manifest(const struct sc_reference *ref, const struct sc_registry_options *options,
                                       struct sc_arena *arena, struct sc_buf *out, char **digest, char **media_type,
                                       struct sc_err *err);
/* Puts a manifest or index whose parts the registry has. */
SC_MUST_CHECK int sc_registry_manifest_put(const struct sc_reference *ref, const struct sc_registry_options *options,
                                           const char *media_type, const void *data, size_t len, struct sc_err *err);
/* Makes an image of repository `from` one of ref's repository too, under its digest: its blobs are mounted there.
 * SC_ERR_UNSUPPORTED: the registry mounts none. */
SC_MUST_CHECK int sc_registry_manifest_mount(const struct sc_reference *ref, const char *from,
                                             const struct sc_registry_options *options, const char *digest,
                                             const struct sc_manifest *manifest, const struct sc_buf *text,
                                             struct sc_err *err);
/* A small blob (of at most SC_IMAGE_JSON_MAX bytes) of the repository, verified: an image's config. */
SC_MUST_CHECK int sc_registry_blob(const struct sc_reference *ref, const struct sc_registry_options *options,
                                   const char *digest, struct sc_buf *out, struct sc_err *err);
/* What is at an http or https address, in a file of the store that has no name: its fd, at the beginning. */
SC_MUST_CHECK int sc_url_download(const struct sc_store *store, const char *url, struct sc_err *err);
/* The same into fd, at most max bytes. *modified: what Last-Modified says, in seconds since 1970; 0: nothing. */
SC_MUST_CHECK int sc_url_download_to(const struct sc_store *store, const char *url, int fd, int64_t max,
                                     int64_t *modified, struct sc_err *err);
/* The name of the file at an address: the last part of its path, decoded; NULL where that is no name. Pure. */
char *sc_url_file_name(const char *url, struct sc_arena *arena);
/* Tries user and password at the registry, then keeps them in the authentication file. warning: where the password
 * now lies in clear, a text for the user, or NULL. */
SC_MUST_CHECK int sc_registry_login(const char *registry, const char *user, const char *password,
                                    const struct sc_registry_options *options, struct sc_arena *arena, char **warning,
                                    struct sc_err *err);
/* The user of the login that is kept, tried again at the registry; NULL in *user: there is none. */
SC_MUST_CHECK int sc_registry_login_kept(const char *registry, const struct sc_registry_options *options,
                                         struct sc_arena *arena, char **user, struct sc_err *err);
/* SC_ERR_NOT_FOUND when there was nothing to forget. */
SC_MUST_CHECK int sc_registry_logout(const char *registry, const struct sc_registry_options *options,
                                     struct sc_arena *arena, struct sc_err *err);

#endif
