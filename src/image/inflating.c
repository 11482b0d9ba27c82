/* Our side of a process that inflates: its output is a ring, its last word whether the input was whole. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "image/jail-priv.h"

#define PASS_PIECE ((size_t)32 << 10) /* what is copied is still in the nearest cache when it is hashed */

struct sc_inflating {
    int sock;
    struct sc_ring from;
    const char *data; /* of the slot at hand, not read yet */
    size_t left;
    bool is_over;
};

void
sc_inflating_free(struct sc_inflating *inflating)
{
    if (!inflating)
        return;
    sc_closep(&inflating->sock);
    sc_ring_release(&inflating->from);
    free(inflating);
}

void
sc_inflating_freep(struct sc_inflating **inflating)
{
    sc_inflating_free(*inflating);
    *inflating = NULL;
}

int
sc_inflating_start(struct sc_jail *jail, int fd, struct sc_follow *follow, const struct sc_limits *limits,
                   const struct sc_peek *peek, struct sc_inflating **out, struct sc_err *err)
{
    sc_cleanup_inflating inflating = calloc(1, sizeof(*inflating));
    struct sc_jail_ask ask = {.work = SC_JAIL_INFLATE, .has_follow = follow != NULL, .limits = *limits, .peek = *peek};
    sc_cleanup_fd theirs = -1;
    int fds[SC_JAIL_FD_COUNT];

    if (!inflating)
        return sc_err_nomem(err);
    inflating->sock = -1;
    inflating->from = (struct sc_ring)SC_RING_INIT;
    if (sc_ring_make(&inflating->from, false, &theirs, err) < 0)
        return -1;
    fds[SC_JAIL_FD_OUT] = theirs;
    fds[SC_JAIL_FD_IN] = fd;
    fds[SC_JAIL_FD_FOLLOW] = -1;
    if (follow) {
        fds[SC_JAIL_FD_FOLLOW] = follow->hear_fd;
        ask.heard = follow->heard;
        ask.heard_state = follow->heard_state;
    }
    /* It writes to memory only: the narrowest jail will do. */
    if (sc_jail_employ(jail->images ? jail->images : jail, &ask, fds, &inflating->sock, err) < 0)
        return -1;
    if (follow)
        sc_closep(&follow->hear_fd);
    *out = sc_steal_ptr(&inflating);
    return 0;
}

/* Nothing more comes: because there is no more, or because something was wrong? */
static int
end(struct sc_inflating *inflating, struct sc_err *err)
{
    struct sc_jail_word word;

    inflating->is_over = true;
    return sc_jail_hear(inflating->sock, NULL, &word, err);
}

ssize_t
sc_inflating_read(struct sc_inflating *inflating, void *data, size_t size, struct sc_err *err)
{
    enum sc_ring_state state;

    if (inflating->is_over)
        return 0;
    if (inflating->left == 0) {
        if (sc_ring_next(&inflating->from, -1, &inflating->data, &inflating->left, &state, err) < 0)
            return -1;
        if (state != SC_RING_READY)
            return end(inflating, err);
    }
    size = size < inflating->left ? size : inflating->left;
    memcpy(data, inflating->data, size);
    inflating->data += size;
    inflating->left -= size;
    if (inflating->left == 0)
        sc_ring_give_back(&inflating->from);
    return (ssize_t)size;
}

/* Copies once, from memory that another may change, to memory that only we can change; and hashes what is there. */
static int
copy_hashed(char *to, const char *from, size_t len, struct sc_hash *hash, struct sc_err *err)
{
    while (len > 0) {
        size_t piece = len < PASS_PIECE ? len : PASS_PIECE;

        memcpy(to, from, piece);
        if (sc_hash_add(hash, to, piece, err) < 0)
            return -1;
        to += piece;
        from += piece;
        len -= piece;
    }
    return 0;
}

int
sc_inflating_pass(struct sc_inflating *inflating, struct sc_ring *to, int sock, struct sc_hash *hash, bool *is_whole,
                  struct sc_err *err)
{
    *is_whole = false;
    for (;;) {
        enum sc_ring_state state;
        const char *data;
        char *slot;
        size_t len;

        if (sc_ring_next(&inflating->from, sock, &data, &len, &state, err) < 0)
            return -1;
        if (state == SC_RING_GONE) {
            *is_whole = true;
            return end(inflating, err);
        }
        if (state == SC_RING_HEARD)
            return 0;
        if (sc_ring_room(to, sock, &slot, &state, err) < 0)
            return -1;
        if (state != SC_RING_READY)
            return 0;
        if (copy_hashed(slot, data, len, hash, err) < 0)
            return -1;
        sc_ring_give_back(&inflating->from);
        sc_ring_pass(to, len);
    }
}
