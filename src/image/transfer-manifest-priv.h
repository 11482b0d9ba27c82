/* transfer-manifest-priv: lists of images that are being made, for the files of `sc manifest`. */
#ifndef SC_IMAGE_TRANSFER_MANIFEST_PRIV_H
#define SC_IMAGE_TRANSFER_MANIFEST_PRIV_H

#include "image/transfer-program-priv.h"

/* The list that is being made under a name, and that name in full; SC_ERR_NOT_FOUND. Opens the store. */
struct sc_making {
    struct sc_reference ref;
    char *path; /* below the store's image directory */
    json_t *list;
};
SC_MUST_CHECK int sc_making_read(struct sc_job *job, const char *name, struct sc_making *out, struct sc_err *err);
void sc_making_release(struct sc_making *making);
#define sc_cleanup_making __attribute__((cleanup(sc_making_release))) struct sc_making

/* The item that was added by this name, or has the digest that the name ends in; NULL: none. */
json_t *sc_making_find(struct sc_job *job, const struct sc_making *making, const char *name);
/* Where the registry has what an item stands for: its repository, by its digest. */
SC_MUST_CHECK int sc_making_source(struct sc_job *job, const json_t *item, struct sc_reference *out,
                                   struct sc_err *err);
/* The index as others shall see it. */
SC_MUST_CHECK int sc_making_text(json_t *list, struct sc_buf *text, struct sc_err *err);

/* One image at a registry: its manifest, and its descriptor with the platform that its config says. */
struct sc_described {
    struct sc_buf text;
    struct sc_manifest manifest;
    char *digest;
    struct sc_image image;
};
SC_MUST_CHECK int sc_describe(struct sc_job *job, const struct sc_reference *ref,
                              const struct sc_registry_options *options, struct sc_described *out, struct sc_err *err);
void sc_described_release(struct sc_described *described);
#define sc_cleanup_described __attribute__((cleanup(sc_described_release))) struct sc_described
/* {"architecture": .., "os": .., "variant": ..} as its config says */
SC_MUST_CHECK int sc_described_platform(const struct sc_described *described, json_t **out, struct sc_err *err);
/* Of a registry's answer: the words for a name that it has not. */
int sc_manifest_absent(const struct sc_reference *ref, struct sc_job *job, struct sc_err *err);

#endif
