/*
 * Archives as streams: decompression, a count against bombs, and a tar reader that hashes the uncompressed bytes.
 *
 * libarchive runs in whatever locale the thread has; in the C locale (nobody here calls setlocale) it cannot convert
 * names that are not ASCII, warns, and keeps their bytes, which is exactly what a container needs. So warnings pass.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "image/jail-priv.h"

const struct sc_limits sc_limits_default = {
    .ratio = 1100,                   /* deflate reaches 1032 on zeros: what is above was made to hurt */
    .ratio_from = UINT64_C(1) << 30, /* a GiB never hurts */
    .entries = UINT64_C(4) << 20,    /* ten times what the largest distributions have */
    .name_bytes = UINT64_C(256) << 20,
    .xattr_bytes = (size_t)64 << 10, /* XATTR_SIZE_MAX */
};

int
sc_limits_choose(struct sc_store *store, struct sc_err *err)
{
    const char *text = getenv("SC_LAYER_ENTRIES");
    struct sc_err ignored = SC_ERR_INIT;
    uint64_t entries;

    if (!text || !*text)
        return 0;
    if (sc_parse_u64(text, &entries, &ignored) < 0 || entries == 0)
        return sc_err_set(err, SC_ERR_INVALID, "SC_LAYER_ENTRIES: \"%.100s\": must be a number of entries", text);
    store->limits = malloc(sizeof(*store->limits));
    if (!store->limits)
        return sc_err_nomem(err);
    *store->limits = sc_limits_default;
    store->limits->entries = entries;
    return 0;
}

const struct sc_limits *
sc_limits_of(const struct sc_store *store)
{
    return store->limits ? store->limits : &sc_limits_default;
}

struct sc_stream {
    int fd;
    struct sc_follow *follow; /* NULL: the file is whole */
    const struct sc_limits *limits;
    struct archive *filter;         /* of all but gzip; NULL also when the file is not compressed */
    struct sc_inflate *inflate;     /* of gzip */
    struct sc_inflating *inflating; /* instead of both: another process inflates */
    struct sc_ring ring;            /* instead of a file: what only our parent writes to */
    const char *slot;               /* of it, not read yet */
    size_t slot_left;
    bool has_slot;
    uint64_t in, out;
    struct sc_err err; /* of the read callback */
    struct sc_peek peek;
    size_t peek_used;
    char chunk[65536];
};

enum sc_compression
sc_compression_of(const void *data, size_t len)
{
    static const struct {
        enum sc_compression compression;
        const char *magic;
        size_t len;
    } magics[] = {
        {SC_COMPRESSION_GZIP, "\x1f\x8b", 2},
        {SC_COMPRESSION_ZSTD, "\x28\xb5\x2f\xfd", 4},
        {SC_COMPRESSION_BZIP2, "BZh", 3},
        {SC_COMPRESSION_XZ,
         "\xfd"
         "7zXZ",
         6},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(magics); i++) {
        if (len >= magics[i].len && memcmp(data, magics[i].magic, magics[i].len) == 0)
            return magics[i].compression;
    }
    return SC_COMPRESSION_NONE;
}

void
sc_follow_init(struct sc_follow *follow)
{
    int pair[2] = {-1, -1};

    *follow = (struct sc_follow){.state = SC_FOLLOW_GROWS};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        follow->state = follow->heard_state = SC_FOLLOW_BROKEN;
    follow->tell_fd = pair[0];
    follow->hear_fd = pair[1];
}

void
sc_follow_release(struct sc_follow *follow)
{
    sc_closep(&follow->tell_fd);
    sc_closep(&follow->hear_fd);
}

struct follow_word {
    uint64_t written;
    enum sc_follow_state state;
};

void
sc_follow_tell(struct sc_follow *follow, uint64_t len, enum sc_follow_state state)
{
    struct follow_word word = {.written = follow->written + len, .state = state};

    if (follow->state != SC_FOLLOW_GROWS)
        return;
    follow->written = word.written;
    follow->state = state;
    /* A reader that is behind need not hear everything, only the last word. One that has gone hears nothing. */
    (void)!send(follow->tell_fd, &word, sizeof(word), MSG_NOSIGNAL | (state == SC_FOLLOW_GROWS ? MSG_DONTWAIT : 0));
}

void
sc_follow_hear(struct sc_follow *follow, uint64_t read)
{
    while (follow->heard_state == SC_FOLLOW_GROWS && follow->heard <= read) {
        struct follow_word word;
        ssize_t len = recv(follow->hear_fd, &word, sizeof(word), 0);

        if (len < 0 && errno == EINTR)
            continue;
        if (len == (ssize_t)sizeof(word)) {
            follow->heard = word.written;
            follow->heard_state = word.state;
        } else { /* nobody is there any more */
            follow->heard_state = SC_FOLLOW_BROKEN;
        }
    }
}

/* The next bytes, behind *in, of a file that may still grow; 0 at its end. */
static ssize_t
read_file(int fd, struct sc_follow *follow, uint64_t *in, void *data, size_t size, struct sc_err *err)
{
    ssize_t got;

    if (follow) {
        sc_follow_hear(follow, *in);
        if (follow->heard_state == SC_FOLLOW_BROKEN)
            return sc_err_set(err, SC_ERR_PEER_DIED, "read the archive: its writer gave up");
        if (follow->heard - *in < size)
            size = (size_t)(follow->heard - *in);
    }
    do
        got = follow ? pread(fd, data, size, (off_t)*in) : read(fd, data, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sc_err_errno(err, errno, "read the archive");
    *in += (uint64_t)got;
    return got;
}

int
sc_stream_peek(int fd, struct sc_follow *follow, struct sc_peek *out, struct sc_err *err)
{
    uint64_t in = 0;

    out->len = 0;
    while (out->len < sizeof(out->data)) {
        ssize_t got = read_file(fd, follow, &in, out->data + out->len, sizeof(out->data) - out->len, err);

        if (got < 0)
            return -1;
        if (got == 0)
            break;
        out->len += (size_t)got;
    }
    out->compression = sc_compression_of(out->data, out->len);
    return 0;
}

/* Packed bytes: first those that were looked at, then the file's. */
ssize_t
sc_stream_read_packed(struct sc_stream *stream, void *data, size_t size, struct sc_err *err)
{
    size_t ahead = stream->peek.len - stream->peek_used;

    if (ahead > 0) {
        size_t len = ahead < size ? ahead : size;

        memcpy(data, stream->peek.data + stream->peek_used, len);
        stream->peek_used += len;
        return (ssize_t)len;
    }
    return read_file(stream->fd, stream->follow, &stream->in, data, size, err);
}

static la_ssize_t
filter_read(struct archive *archive, void *data, const void **buffer)
{
    struct sc_stream *stream = data;
    ssize_t got = sc_stream_read_packed(stream, stream->chunk, sizeof(stream->chunk), &stream->err);

    *buffer = stream->chunk;
    if (got < 0)
        archive_set_error(archive, EIO, "%s", stream->err.msg);
    return got;
}

/* A failure of libarchive, unless a callback of ours failed first: then that is the cause. */
static int
archive_err(struct sc_err *err, const struct sc_err *callback, struct archive *archive, const char *what)
{
    const char *why = archive_error_string(archive);

    if (callback->kind != SC_ERR_NONE) {
        *err = *callback;
        return -1;
    }
    if (archive_errno(archive) == ENOMEM)
        return sc_err_nomem(err);
    sc_err_set(err, SC_ERR_INVALID, "%s: %s", what, why ? why : "it is damaged");
    return sc_err_remedy(err, "the archive is damaged or incomplete: get it again");
}

static int
stream_open_filter(struct sc_stream *stream, struct sc_err *err)
{
    struct archive_entry *entry;
    int status;

    stream->filter = archive_read_new();
    if (!stream->filter)
        return sc_err_nomem(err);
    /* Only these: libarchive can also run programs as filters. */
    if (stream->peek.compression == SC_COMPRESSION_ZSTD)
        status = archive_read_support_filter_zstd(stream->filter);
    else if (stream->peek.compression == SC_COMPRESSION_BZIP2)
        status = archive_read_support_filter_bzip2(stream->filter);
    else
        status = archive_read_support_filter_xz(stream->filter);
    if (status != ARCHIVE_OK)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "decompress: %s", archive_error_string(stream->filter));
    if (archive_read_support_format_raw(stream->filter) != ARCHIVE_OK ||
        archive_read_support_format_empty(stream->filter) != ARCHIVE_OK ||
        archive_read_open(stream->filter, stream, NULL, filter_read, NULL) != ARCHIVE_OK)
        return archive_err(err, &stream->err, stream->filter, "decompress");
    status = archive_read_next_header(stream->filter, &entry);
    if (status != ARCHIVE_OK && status != ARCHIVE_EOF)
        return archive_err(err, &stream->err, stream->filter, "decompress");
    return 0;
}

int
sc_stream_start(int fd, struct sc_follow *follow, const struct sc_limits *limits, const struct sc_peek *peek,
                struct sc_stream **out, struct sc_err *err)
{
    sc_cleanup_stream stream = calloc(1, sizeof(*stream));

    if (!stream)
        return sc_err_nomem(err);
    stream->fd = fd;
    stream->ring = (struct sc_ring)SC_RING_INIT;
    stream->follow = follow;
    stream->limits = limits;
    stream->peek = *peek;
    stream->in = peek->len;
    if (peek->compression == SC_COMPRESSION_GZIP) {
        if (sc_inflate_new(&stream->inflate, err) < 0)
            return -1;
    } else if (peek->compression != SC_COMPRESSION_NONE && stream_open_filter(stream, err) < 0) {
        return -1;
    }
    *out = sc_steal_ptr(&stream);
    return 0;
}

int
sc_stream_open(struct sc_jail *jail, int fd, const struct sc_limits *limits, struct sc_stream **out, struct sc_err *err)
{
    struct sc_peek peek, nothing = {.compression = SC_COMPRESSION_NONE};
    struct sc_inflating *inflating = NULL;

    if (sc_stream_peek(fd, NULL, &peek, err) < 0)
        return -1;
    if (!jail || peek.compression == SC_COMPRESSION_NONE)
        return sc_stream_start(fd, NULL, limits, &peek, out, err);
    if (sc_inflating_start(jail, fd, NULL, limits, &peek, &inflating, err) < 0)
        return -1;
    if (sc_stream_start(fd, NULL, limits, &nothing, out, err) < 0) {
        sc_inflating_free(inflating);
        return -1;
    }
    (*out)->inflating = inflating;
    return 0;
}

int
sc_stream_start_ring(int sock_take, struct sc_stream **out, struct sc_err *err)
{
    sc_cleanup_stream stream = calloc(1, sizeof(*stream));

    if (!stream) {
        sc_closep(&sock_take);
        return sc_err_nomem(err);
    }
    stream->fd = -1;
    if (sc_ring_open(&stream->ring, sock_take, false, err) < 0)
        return -1;
    *out = sc_steal_ptr(&stream);
    return 0;
}

bool
sc_stream_is_lent(const struct sc_stream *stream)
{
    return stream->ring.memory != NULL;
}

ssize_t
sc_stream_lend(struct sc_stream *stream, const void **data, struct sc_err *err)
{
    enum sc_ring_state state;
    size_t len;

    if (stream->has_slot)
        sc_ring_give_back(&stream->ring);
    stream->has_slot = false;
    if (sc_ring_next(&stream->ring, -1, &stream->slot, &len, &state, err) < 0)
        return -1;
    if (state != SC_RING_READY)
        return 0;
    stream->has_slot = true;
    *data = stream->slot;
    return (ssize_t)len;
}

/* The same with a copy, in pieces. */
static ssize_t
read_slots(struct sc_stream *stream, void *data, size_t size, struct sc_err *err)
{
    const void *slot;

    if (stream->slot_left == 0) {
        ssize_t got = sc_stream_lend(stream, &slot, err);

        if (got <= 0)
            return got;
        stream->slot_left = (size_t)got;
    }
    size = size < stream->slot_left ? size : stream->slot_left;
    memcpy(data, stream->slot, size);
    stream->slot += size;
    stream->slot_left -= size;
    return (ssize_t)size;
}

ssize_t
sc_stream_read(struct sc_stream *stream, void *data, size_t size, struct sc_err *err)
{
    ssize_t got;

    if (stream->ring.memory)
        return read_slots(stream, data, size, err);
    if (stream->inflating) /* that process counts */
        return sc_inflating_read(stream->inflating, data, size, err);
    if (!stream->filter && !stream->inflate)
        return sc_stream_read_packed(stream, data, size, err);
    got = stream->inflate ? sc_inflate_read(stream->inflate, stream, data, size, err)
                          : archive_read_data(stream->filter, data, size);
    if (got < 0)
        return stream->inflate ? -1 : archive_err(err, &stream->err, stream->filter, "decompress");
    stream->out += (uint64_t)got;
    if (stream->out > stream->limits->ratio_from && stream->out / stream->limits->ratio > stream->in)
        return sc_err_set(err, SC_ERR_INVALID,
                          "the archive unpacks to more than %llu times its size: it is taken for a decompression bomb",
                          (unsigned long long)stream->limits->ratio);
    return got;
}

void
sc_stream_close(struct sc_stream *stream)
{
    if (!stream)
        return;
    if (stream->filter)
        (void)archive_read_free(stream->filter);
    sc_inflate_free(stream->inflate);
    sc_inflating_free(stream->inflating);
    sc_ring_release(&stream->ring);
    free(stream);
}

void
sc_stream_closep(struct sc_stream **stream)
{
    sc_stream_close(*stream);
    *stream = NULL;
}

/* ---- tar ----------------------------------------------------------------------------- */

static la_ssize_t
tar_read(struct archive *archive, void *data, const void **buffer)
{
    struct sc_tar_in *tar = data;
    ssize_t got = tar->heads ? sc_tar_heads_next(tar->heads, &tar->guard, buffer, &tar->err)
                             : sc_pump_next(tar->pump, buffer, &tar->err);

    if (!tar->heads && got > 0 && sc_tar_guard(&tar->guard, *buffer, (size_t)got, &tar->err) < 0)
        got = -1;
    if (got < 0)
        archive_set_error(archive, EIO, "%s", tar->err.msg);
    return got;
}

static la_int64_t
tar_skip(struct archive *archive, void *data, la_int64_t len)
{
    struct sc_tar_in *tar = data;

    (void)archive;
    return tar->heads ? sc_tar_heads_skip(tar->heads, &tar->guard, len) : 0;
}

void
sc_tar_in_closep(struct sc_tar_in **tar)
{
    if (!*tar)
        return;
    if ((*tar)->archive)
        (void)archive_read_free((*tar)->archive);
    sc_pump_closep(&(*tar)->pump);
    free((*tar)->heads);
    free(*tar);
    *tar = NULL;
}

/* Begins to read, from whichever of the two there is. */
static int
tar_in_start(struct sc_tar_in *tar, struct sc_err *err)
{
    tar->archive = archive_read_new();
    if (!tar->archive)
        return sc_err_nomem(err);
    if (archive_read_support_format_tar(tar->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(tar->archive) != ARCHIVE_OK ||
        archive_read_open2(tar->archive, tar, NULL, tar_read, tar_skip, NULL) != ARCHIVE_OK)
        return archive_err(err, &tar->err, tar->archive, "read as tar");
    return 0;
}

int
sc_tar_in_open(struct sc_stream *stream_take, const struct sc_limits *limits, bool hashes, struct sc_tar_in **out,
               struct sc_err *err)
{
    sc_cleanup_stream stream = stream_take;
    sc_cleanup_tar_in tar = calloc(1, sizeof(*tar));

    if (!tar)
        return sc_err_nomem(err);
    tar->limits = limits;
    if (sc_pump_open(sc_steal_ptr(&stream), hashes, &tar->pump, err) < 0 || tar_in_start(tar, err) < 0)
        return -1;
    *out = sc_steal_ptr(&tar);
    return 0;
}

int
sc_tar_in_open_heads(int fd, struct sc_follow *follow, const struct sc_limits *limits, struct sc_tar_in **out,
                     struct sc_err *err)
{
    sc_cleanup_tar_in tar = calloc(1, sizeof(*tar));

    if (!tar)
        return sc_err_nomem(err);
    tar->limits = limits;
    if (sc_tar_heads_open(fd, follow, &tar->heads, err) < 0 || tar_in_start(tar, err) < 0)
        return -1;
    *out = sc_steal_ptr(&tar);
    return 0;
}

int
sc_tar_in_place(const struct sc_tar_in *tar, struct archive_entry *entry, uint64_t *at, struct sc_err *err)
{
    const int64_t size = archive_entry_size(entry), from = archive_filter_bytes(tar->archive, 0);

    if (archive_entry_sparse_count(entry) > 0 || from < 0)
        return 0;
    *at = (uint64_t)from;
    return sc_tar_heads_is_whole(tar->heads, *at, (uint64_t)size, err);
}

int
sc_tar_in_next(struct sc_tar_in *tar, struct archive_entry **entry, struct sc_err *err)
{
    int status = archive_read_next_header(tar->archive, entry);

    if (status == ARCHIVE_EOF) {
        *entry = NULL;
        return 0;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
        return archive_err(err, &tar->err, tar->archive, "read as tar");
    if (++tar->entries > tar->limits->entries)
        return sc_err_set(err, SC_ERR_INVALID, "the archive has more than %llu entries",
                          (unsigned long long)tar->limits->entries);
    if (!archive_entry_pathname(*entry))
        return sc_err_set(err, SC_ERR_INVALID, "entry %llu of the archive has no readable name",
                          (unsigned long long)tar->entries);
    tar->size = archive_entry_size(*entry);
    tar->end = 0;
    return 0;
}

int
sc_tar_in_data(struct sc_tar_in *tar, const void **data, size_t *len, int64_t *offset, struct sc_err *err)
{
    la_int64_t at = 0;
    int status;

    do { /* a hole may be told as a piece without bytes */
        *len = 0;
        status = archive_read_data_block(tar->archive, data, len, &at);
    } while ((status == ARCHIVE_OK || status == ARCHIVE_WARN) && *len == 0);
    *offset = at;
    if (status == ARCHIVE_EOF) {
        *len = 0;
        return 0;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
        return archive_err(err, &tar->err, tar->archive, "read as tar");
    if (at < tar->end || at > tar->size || (uint64_t)*len > (uint64_t)(tar->size - at))
        return sc_err_set(err, SC_ERR_INVALID, "its content does not fit into its size");
    tar->end = at + (int64_t)*len;
    return 0;
}

int
sc_tar_in_digest(struct sc_tar_in *tar, char *digest, struct sc_err *err)
{
    const void *passed;
    ssize_t got;

    /* What libarchive did not ask for is hashed all the same. */
    do
        got = tar->heads ? sc_tar_heads_next(tar->heads, &tar->guard, &passed, err)
                         : sc_pump_next(tar->pump, &passed, err);
    while (got > 0);
    if (got < 0)
        return -1;
    return digest ? sc_pump_digest(tar->pump, digest, err) : 0;
}
