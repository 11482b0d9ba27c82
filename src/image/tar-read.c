/* The members of an archive, one after the other, out of the chunks of a pump. */
#include <limits.h>
#include <string.h>

#include "image/tar-read-priv.h"

#define BLOCK SC_TAR_READ_BLOCK

static int
cut_off(struct sc_err *err)
{
    sc_err_set(err, SC_ERR_INVALID, "truncated tar archive: it ends in the middle of an entry");
    return sc_err_remedy(err, "it is damaged or incomplete: get it again");
}

int
sc_tar_read_open(struct sc_stream *stream_take, uint64_t max_entries, struct sc_tar_read *out, struct sc_err *err)
{
    *out = (struct sc_tar_read){.max_entries = max_entries};
    return sc_pump_open(stream_take, false, &out->pump, err);
}

void
sc_tar_read_release(struct sc_tar_read *tar)
{
    sc_pump_closep(&tar->pump);
    sc_buf_release(&tar->name);
    sc_buf_release(&tar->link);
    sc_buf_release(&tar->records);
}

/* Sees to it that something is left; 0 at the end of the stream. */
static int
refill(struct sc_tar_read *tar, struct sc_err *err)
{
    const void *data;
    ssize_t got;

    if (tar->left > 0)
        return 1;
    got = sc_pump_next(tar->pump, &data, err);
    if (got <= 0)
        return (int)got;
    tar->at = data;
    tar->left = (size_t)got;
    return 1;
}

/* Up to max bytes, without a copy; 0 at the end of the stream. */
static ssize_t
take(struct sc_tar_read *tar, size_t max, const char **data, struct sc_err *err)
{
    int status = refill(tar, err);
    size_t len = tar->left < max ? tar->left : max;

    if (status <= 0)
        return status;
    *data = tar->at;
    tar->at += len;
    tar->left -= len;
    return (ssize_t)len;
}

static int
skip(struct sc_tar_read *tar, int64_t *len, struct sc_err *err)
{
    while (*len > 0) {
        const char *unused;
        ssize_t got = take(tar, *len > INT_MAX ? INT_MAX : (size_t)*len, &unused, err);

        if (got <= 0)
            return got < 0 ? -1 : cut_off(err);
        *len -= got;
    }
    return 0;
}

/* Where the stream ends between two entries, and not with a block of zeros, it ends all the same (1: a block). */
static int
read_block(struct sc_tar_read *tar, char block[BLOCK], struct sc_err *err)
{
    size_t len = 0;

    while (len < BLOCK) {
        const char *data;
        ssize_t got = take(tar, BLOCK - len, &data, err);

        if (got < 0)
            return -1;
        if (got == 0)
            return len == 0 ? 0 : tar->entries == 0 ? sc_tar_head_err(err) : cut_off(err);
        memcpy(block + len, data, (size_t)got);
        len += (size_t)got;
    }
    return 1;
}

/* The content of a header that is about the next one. */
static int
read_text(struct sc_tar_read *tar, size_t max, struct sc_buf *out, struct sc_err *err)
{
    if (tar->content > (int64_t)max)
        return sc_err_set(err, SC_ERR_INVALID, "a header of the archive has %lld bytes", (long long)tar->content);
    sc_buf_clear(out);
    for (;;) {
        const void *data;
        ssize_t got = sc_tar_read_data(tar, &data, err);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        sc_buf_add(out, data, (size_t)got);
    }
    sc_buf_addc(out, '\0');
    return sc_buf_check(out, err);
}

static int
drain(struct sc_tar_read *tar, struct sc_err *err)
{
    const char *unused;
    ssize_t got;

    /* What is compressed says at its end whether it was whole. */
    do
        got = take(tar, INT_MAX, &unused, err);
    while (got > 0);
    return (int)got;
}

/* The entry itself, with what was said of it before. */
static int
finish(struct sc_tar_read *tar, const struct sc_tar_records *said, struct sc_tar_member *out, struct sc_err *err)
{
    const struct sc_tar_head *head = &tar->head;
    const char *name = tar->name.len > 0 ? tar->name.data : head->name;
    const char *link = tar->link.len > 0 ? tar->link.data : head->link;
    const bool is_file = head->kind == SC_MEMBER_FILE;

    if (said->path)
        name = said->path;
    if (said->linkpath)
        link = said->linkpath;
    *out = (struct sc_tar_member){.kind = head->kind, .name = name, .link = link, .size = tar->content};
    if (head->kind == SC_MEMBER_OTHER)
        return sc_err_set(err, SC_ERR_INVALID,
                          "entry \"%.300s\": an image archive holds files, directories and links only", name);
    /* To one tar the content is there to be skipped, to another it is the next entry. */
    if (!is_file && tar->content > 0)
        return sc_err_set(err, SC_ERR_INVALID, "entry \"%.300s\": it has content, and is no file", name);
    return 1;
}

static bool
is_extension(enum sc_member_kind kind)
{
    return kind == SC_MEMBER_LONG_NAME || kind == SC_MEMBER_LONG_LINK || kind == SC_MEMBER_RECORDS ||
           kind == SC_MEMBER_GLOBAL;
}

/* One header and, where it is about the next one, its content: 1 when it is the entry itself, 2 when there is more to
 * read, 0 at the end. */
static int
read_head(struct sc_tar_read *tar, struct sc_tar_records *said, struct sc_err *err)
{
    char block[BLOCK];
    int status = read_block(tar, block, err);

    if (status <= 0)
        return status;
    if (sc_tar_head_decode(block, &tar->head, err) < 0)
        return -1;
    if (tar->head.kind == SC_MEMBER_ZEROS)
        return 0;
    if (++tar->entries > tar->max_entries)
        return sc_err_set(err, SC_ERR_INVALID, "the archive has more than %llu entries",
                          (unsigned long long)tar->max_entries);
    /* Records are about the entry, not about other headers before it. */
    tar->content = said->size >= 0 && !is_extension(tar->head.kind) ? said->size : tar->head.size;
    tar->padding = (BLOCK - tar->content % BLOCK) % BLOCK;
    switch (tar->head.kind) {
    case SC_MEMBER_LONG_NAME:
        return read_text(tar, PATH_MAX, &tar->name, err) < 0 ? -1 : 2;
    case SC_MEMBER_LONG_LINK:
        return read_text(tar, PATH_MAX, &tar->link, err) < 0 ? -1 : 2;
    case SC_MEMBER_RECORDS:
        if (read_text(tar, SC_TAR_RECORDS_MAX, &tar->records, err) < 0 ||
            sc_tar_records_decode(tar->records.data, tar->records.len - 1, said, err) < 0)
            return -1;
        return 2;
    case SC_MEMBER_GLOBAL:
        return read_text(tar, SC_TAR_RECORDS_MAX, &tar->records, err) < 0 ? -1 : 2;
    default:
        return 1;
    }
}

int
sc_tar_read_next(struct sc_tar_read *tar, struct sc_tar_member *out, struct sc_err *err)
{
    struct sc_tar_records said = {.size = -1};
    int status;

    sc_buf_clear(&tar->name);
    sc_buf_clear(&tar->link);
    do {
        if (skip(tar, &tar->content, err) < 0 || skip(tar, &tar->padding, err) < 0)
            return -1;
        status = read_head(tar, &said, err);
    } while (status == 2);
    if (status < 0)
        return -1;
    return status == 0 ? drain(tar, err) : finish(tar, &said, out, err);
}

ssize_t
sc_tar_read_data(struct sc_tar_read *tar, const void **data, struct sc_err *err)
{
    const char *bytes;
    ssize_t got;

    if (tar->content == 0)
        return 0;
    got = take(tar, tar->content > INT_MAX ? INT_MAX : (size_t)tar->content, &bytes, err);
    if (got == 0)
        return cut_off(err);
    if (got > 0) {
        *data = bytes;
        tar->content -= got;
    }
    return got;
}

int
sc_tar_read_hash(struct sc_tar_read *tar, struct sc_hash *hash, const void *data, size_t len, struct sc_err *err)
{
    return sc_pump_hash(tar->pump, hash, data, len, err);
}

int
sc_tar_read_hashed(struct sc_tar_read *tar, struct sc_err *err)
{
    return sc_pump_hashed(tar->pump, err);
}
