/*
 * Gzip by ISA-L, which inflates more than twice as fast as zlib. A file may be several gzip members, one after the
 * other; what follows the last and is no member is passed over, as gzip(1) does.
 */
#include <isa-l/igzip_lib.h>
#include <string.h>

#include "image/transfer-priv.h"

#define INFLATE_IN (512 << 10) /* each call of ISA-L copies its window twice: few of them */

struct sc_inflate {
    struct inflate_state state;
    uint8_t in[INFLATE_IN];
};

static void
start_member(struct sc_inflate *inflate)
{
    isal_inflate_reset(&inflate->state);
    inflate->state.crc_flag = ISAL_GZIP; /* header read, trailer verified */
}

int
sc_inflate_new(struct sc_inflate **out, struct sc_err *err)
{
    struct sc_inflate *inflate = calloc(1, sizeof(*inflate));

    if (!inflate)
        return sc_err_nomem(err);
    isal_inflate_init(&inflate->state);
    start_member(inflate);
    *out = inflate;
    return 0;
}

void
sc_inflate_free(struct sc_inflate *inflate)
{
    free(inflate);
}

static int
inflate_err(struct sc_err *err, const char *why)
{
    sc_err_set(err, SC_ERR_INVALID, "decompress: %s", why);
    return sc_err_remedy(err, "the archive is damaged or incomplete: get it again");
}

/* More packed bytes behind those that are left; their number, 0 at the end of the file. */
static ssize_t
refill(struct sc_inflate *inflate, struct sc_stream *stream, struct sc_err *err)
{
    size_t left = inflate->state.avail_in;
    ssize_t got;

    if (left > 0)
        memmove(inflate->in, inflate->state.next_in, left);
    got = sc_stream_read_packed(stream, inflate->in + left, sizeof(inflate->in) - left, err);
    inflate->state.next_in = inflate->in;
    if (got > 0)
        inflate->state.avail_in += (uint32_t)got;
    return got;
}

/* Whether another member follows (1), or nothing that is one (0). */
static int
next_member(struct sc_inflate *inflate, struct sc_stream *stream, struct sc_err *err)
{
    while (inflate->state.avail_in < 2) {
        ssize_t got = refill(inflate, stream, err);

        if (got <= 0)
            return (int)got;
    }
    if (sc_compression_of(inflate->state.next_in, 2) != SC_COMPRESSION_GZIP)
        return 0;
    start_member(inflate);
    return 1;
}

static int
check_status(int status, struct sc_err *err)
{
    if (status >= 0 && status != ISAL_NEED_DICT)
        return 0;
    if (status == ISAL_INCORRECT_CHECKSUM)
        return inflate_err(err, "the gzip checksum does not match");
    if (status == ISAL_INVALID_WRAPPER || status == ISAL_UNSUPPORTED_METHOD)
        return inflate_err(err, "the gzip header is not valid");
    return inflate_err(err, "the gzip data is not valid");
}

ssize_t
sc_inflate_read(struct sc_inflate *inflate, struct sc_stream *stream, void *data, size_t size, struct sc_err *err)
{
    struct inflate_state *state = &inflate->state;

    if (size > UINT32_MAX)
        size = UINT32_MAX;
    state->next_out = data;
    state->avail_out = (uint32_t)size;
    for (;;) {
        if (state->block_state == ISAL_BLOCK_FINISH) {
            int more = next_member(inflate, stream, err);

            if (more <= 0)
                return more;
        }
        /* Called before more is read: it may still hold back output. */
        if (check_status(isal_inflate(state), err) < 0)
            return -1;
        if (state->avail_out < size)
            return (ssize_t)(size - state->avail_out);
        if (state->block_state != ISAL_BLOCK_FINISH) {
            ssize_t got = state->avail_in == sizeof(inflate->in) ? 0 : refill(inflate, stream, err);

            if (got == 0)
                return inflate_err(err, "truncated gzip data");
            if (got < 0)
                return -1;
        }
    }
}
