/* transfer-build-priv: the verbs of sc-transfer that are a build's steps. */
#ifndef SC_IMAGE_TRANSFER_BUILD_PRIV_H
#define SC_IMAGE_TRANSFER_BUILD_PRIV_H

#include "image/build-priv.h"
#include "image/transfer-program-priv.h"

/* ---- transfer-build.c */
/* What `there` does in a process of its own, which ends with ours, and writes to the descriptor that it is given. */
SC_MUST_CHECK int sc_job_apart(struct sc_job *job, int (*there)(void *data, int to, struct sc_err *err), void *data,
                               struct sc_buf *said, struct sc_err *err);

/* ---- transfer-build-remote.c */
/* checksum: what their content is to be, or NULL: then its digest is known before it is fetched. */
SC_MUST_CHECK int sc_build_remotes_read(const json_t *urls, const char *checksum, struct sc_arena *arena,
                                        struct sc_build_copy *copy, struct sc_err *err);
/* All that are not here yet. Release them also on failure. */
SC_MUST_CHECK int sc_build_remotes_fetch(struct sc_job *job, const struct sc_build_copy *copy, const char *checksum,
                                         struct sc_err *err);
void sc_build_remotes_release(struct sc_build_copy *copy);

#endif
