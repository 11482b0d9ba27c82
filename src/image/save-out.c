/* Where saved images go: an archive, or a directory. */
#include <errno.h>
#include <fcntl.h>

#include "image/save-priv.h"
#include "image/tar-write-priv.h"

int
sc_save_begin_file(struct sc_save_out *out, const char *name, uint64_t size, struct sc_err *err)
{
    struct sc_tar_entry entry = {.path = name, .type = SC_TAR_FILE, .mode = 0644, .size = size};

    if (out->tar)
        return sc_tar_add(out->tar, &entry, err);
    sc_closep(&out->file_fd);
    out->file_fd = openat(out->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    return out->file_fd < 0 ? sc_err_errno(err, errno, "create \"%s\"", name) : 0;
}

int
sc_save_data(struct sc_save_out *out, const void *data, size_t len, struct sc_err *err)
{
    return out->tar ? sc_tar_data(out->tar, data, len, err) : sc_io_write_all(out->file_fd, data, len, err);
}

int
sc_save_text(struct sc_save_out *out, const char *name, const struct sc_buf *text, struct sc_err *err)
{
    if (sc_buf_check(text, err) < 0 || sc_save_begin_file(out, name, text->len, err) < 0)
        return -1;
    return sc_save_data(out, sc_buf_str(text), text->len, err);
}
