/* save-priv: what save.c (OCI, the outputs) and save-docker.c share. */
#ifndef SC_IMAGE_SAVE_PRIV_H
#define SC_IMAGE_SAVE_PRIV_H

#include "image/transfer-priv.h"

struct sc_save_image {
    struct sc_image image;
    struct sc_strv names; /* full, as asked for */
};
struct sc_save_list { /* each image once, in the order asked for */
    struct sc_save_image *items;
    size_t count;
};
struct sc_tar;
struct sc_save_out {
    struct sc_tar *tar; /* or, when NULL: */
    int dir_fd, file_fd;
};
SC_MUST_CHECK int sc_save_begin_file(struct sc_save_out *out, const char *name, uint64_t size, struct sc_err *err);
SC_MUST_CHECK int sc_save_data(struct sc_save_out *out, const void *data, size_t len, struct sc_err *err);
SC_MUST_CHECK int sc_save_text(struct sc_save_out *out, const char *name, const struct sc_buf *text,
                               struct sc_err *err);
SC_MUST_CHECK int sc_save_oci(const struct sc_store *store, const struct sc_save_list *list, struct sc_arena *arena,
                              struct sc_save_out *out, struct sc_err *err);
SC_MUST_CHECK int sc_save_docker(const struct sc_store *store, const struct sc_save_list *list, struct sc_arena *arena,
                                 struct sc_save_out *out, struct sc_err *err);

#endif
