/*
 * A tar of which only heads are read, and what belongs to them: what its files hold is jumped over. It is a file, which
 * may still grow.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/tar-read-priv.h"

#define BLOCK SC_TAR_READ_BLOCK
#define SHORT ((size_t)4 << 10) /* most files are short, and the next head comes soon */
#define LONG  ((size_t)64 << 10)

struct sc_tar_heads {
    int fd; /* borrowed, as is follow */
    struct sc_follow *follow;
    uint64_t at; /* of the next byte */
    size_t len;  /* of what was read last, which ends at `at` */
    char chunk[LONG];
};

int
sc_tar_heads_open(int fd, struct sc_follow *follow, struct sc_tar_heads **out, struct sc_err *err)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return sc_err_nomem(err);
    (*out)->fd = fd;
    (*out)->follow = follow;
    return 0;
}

/* Bytes that are there behind `at`, at most max; waits for the first of them. 0: there are no more. */
static ssize_t
there(const struct sc_tar_heads *heads, uint64_t at, size_t max, struct sc_err *err)
{
    const struct sc_follow *follow = heads->follow;

    if (!follow)
        return (ssize_t)max;
    sc_follow_hear(heads->follow, at);
    if (follow->heard_state == SC_FOLLOW_BROKEN)
        return sc_err_set(err, SC_ERR_PEER_DIED, "read the archive: its writer gave up");
    if (follow->heard <= at)
        return 0;
    return follow->heard - at < max ? (ssize_t)(follow->heard - at) : (ssize_t)max;
}

/* As much as there is, up to size; less is the end. */
static ssize_t
read_at(const struct sc_tar_heads *heads, uint64_t at, char *data, size_t size, struct sc_err *err)
{
    size_t len = 0;

    while (len < size) {
        ssize_t got = there(heads, at + len, size - len, err);

        if (got > 0) {
            do
                got = pread(heads->fd, data + len, (size_t)got, (off_t)(at + len));
            while (got < 0 && errno == EINTR);
            if (got < 0)
                return sc_err_errno(err, errno, "read the archive");
        }
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* Reads on until the chunk has len bytes. */
static int
extend(struct sc_tar_heads *heads, size_t len, struct sc_err *err)
{
    ssize_t got = read_at(heads, heads->at, heads->chunk + heads->len, len - heads->len, err);

    if (got < 0)
        return -1;
    heads->len += (size_t)got;
    heads->at += (uint64_t)got;
    return 0;
}

ssize_t
sc_tar_heads_next(struct sc_tar_heads *heads, struct sc_tar_guard *guard, const void **data, struct sc_err *err)
{
    struct sc_tar_guard before = *guard;

    heads->len = 0;
    if (extend(heads, SHORT, err) < 0 || sc_tar_guard(guard, heads->chunk, heads->len, err) < 0)
        return -1;
    /* What belongs to a head may be cut off here, so that the guard cannot go on. */
    if (guard->is_over && !before.is_over) {
        *guard = before;
        if (extend(heads, LONG, err) < 0 || sc_tar_guard(guard, heads->chunk, heads->len, err) < 0)
            return -1;
    }
    *data = heads->chunk;
    return (ssize_t)heads->len;
}

int64_t
sc_tar_heads_skip(struct sc_tar_heads *heads, struct sc_tar_guard *guard, int64_t len)
{
    len -= len % BLOCK; /* what is read then begins with a block */
    heads->at += (uint64_t)len;
    heads->len = 0;
    guard->is_over = guard->is_over || guard->skip < len;
    guard->skip -= guard->is_over ? 0 : len;
    return len;
}

uint64_t
sc_tar_heads_at(const struct sc_tar_heads *heads)
{
    return heads->at;
}

/* The head that ends at `at`: what was read last, or what is read again. */
static int
head_before(const struct sc_tar_heads *heads, uint64_t at, char head[BLOCK], struct sc_err *err)
{
    const uint64_t from = at - BLOCK;
    ssize_t got = BLOCK;

    if (from >= heads->at - heads->len && at <= heads->at)
        memcpy(head, heads->chunk + (from - (heads->at - heads->len)), BLOCK);
    else
        got = read_at(heads, from, head, BLOCK, err);
    return got < 0 ? -1 : got == BLOCK;
}

/* Waits until there are so many bytes; 0: there never will be. */
static int
reaches(const struct sc_tar_heads *heads, uint64_t end, struct sc_err *err)
{
    struct stat st;

    if (heads->follow) {
        ssize_t last = there(heads, end - 1, 1, err);

        return last < 0 ? -1 : last > 0;
    }
    if (fstat(heads->fd, &st) < 0)
        return sc_err_errno(err, errno, "look at the archive");
    return end <= (uint64_t)st.st_size;
}

int
sc_tar_heads_is_whole(const struct sc_tar_heads *heads, uint64_t at, uint64_t size, struct sc_err *err)
{
    struct sc_err other = SC_ERR_INIT;
    struct sc_tar_head head;
    char block[BLOCK];
    int status;

    if (size == 0 || at < BLOCK || at % BLOCK != 0 || size > INT64_MAX - at - BLOCK)
        return 0;
    status = head_before(heads, at, block, err);
    if (status <= 0)
        return status;
    if (sc_tar_head_decode(block, &head, &other) < 0 || head.kind != SC_MEMBER_FILE || (uint64_t)head.size != size)
        return 0;
    return reaches(heads, at + (size + BLOCK - 1) / BLOCK * BLOCK, err);
}
