/*
 * ring-priv: memory that one process fills and another reads, a slot at a time.
 *
 *     writer ── slot n holds LEN bytes ──► reader      tokens on a SEQPACKET socket; the bytes are in a memfd that
 *            ◄── slot n is free again ────             both have mapped, and are copied by nobody
 *
 * Slots go round, so a token need not say which it is about, and nothing else of what the two must agree on lies in
 * memory that both can change. End-of-file on the socket is the end of the bytes to a reader; whether it was a good one
 * is said elsewhere (jail-priv.h).
 *
 * Who makes a ring trusts itself only. Neither side can change its size, so that no mapping has a hole; of a ring that
 * it writes to, the other side can map nothing writable (F_SEAL_FUTURE_WRITE, Linux 5.1). Of a ring that it reads, the
 * other side may change each byte at each moment: what is read is copied once, and only the copy is looked at.
 */
#ifndef SC_IMAGE_RING_PRIV_H
#define SC_IMAGE_RING_PRIV_H

#include "base/base.h"

#define SC_RING_SLOTS 4
#define SC_RING_SLOT  ((size_t)1 << 20) /* inflating costs more in small pieces (inflate.c) */

struct sc_ring {
    int sock;
    char *memory; /* NULL: not open */
    size_t at;    /* the slot to be filled, or read, next */
    size_t lent;  /* of a writer: slots that the reader has */
    bool writes;
};
#define SC_RING_INIT                                                                                                   \
    {                                                                                                                  \
        .sock = -1                                                                                                     \
    }
/* A new ring that we write to, or read; *their_sock is for the other side. */
SC_MUST_CHECK int sc_ring_make(struct sc_ring *out, bool writes, int *their_sock, struct sc_err *err);
/* The other side's ring, from that socket. */
SC_MUST_CHECK int sc_ring_open(struct sc_ring *out, int sock_take, bool writes, struct sc_err *err);
void sc_ring_release(struct sc_ring *ring); /* to the other side it is the end */
#define sc_cleanup_ring __attribute__((cleanup(sc_ring_release))) struct sc_ring

/* What comes of waiting. GONE: the other side is not there any more; to a reader, that is the end. HEARD: there is
 * something to read from also_fd. */
enum sc_ring_state { SC_RING_READY, SC_RING_GONE, SC_RING_HEARD };
/* Waits for a slot of SC_RING_SLOT bytes to write to. also_fd: -1 for none. */
SC_MUST_CHECK int sc_ring_room(struct sc_ring *ring, int also_fd, char **slot, enum sc_ring_state *state,
                               struct sc_err *err);
/* Gives the slot, with len bytes in it, to the reader. One that has gone takes nothing, which is no error here. */
void sc_ring_pass(struct sc_ring *ring, size_t len);
/* Waits for the next filled slot. Its bytes are there until it is given back. */
SC_MUST_CHECK int sc_ring_next(struct sc_ring *ring, int also_fd, const char **data, size_t *len,
                               enum sc_ring_state *state, struct sc_err *err);
void sc_ring_give_back(struct sc_ring *ring);

#endif
