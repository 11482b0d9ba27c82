/*
 * nlmsg: netlink requests as bytes. They are built one after another in a buffer (pure), and sent as one packet:
 *
 *     sc_nl_begin ─ sc_nl_attr, sc_nl_nest ─ sc_nl_end ─► bytes ─ sc_nl_send ─► 0 or -errno
 *
 * So a plan holds the very bytes that the kernel gets. Invariants: a message's sequence number is its offset in the
 * buffer + 1; of a packet the last message that wants an answer (NLM_F_ACK) says that all before it were answered.
 * Sending needs no memory: the container's first process does it too. musl-clean, for sc-monitor.
 */
#ifndef SC_KERNEL_NLMSG_H
#define SC_KERNEL_NLMSG_H

#include "base/base.h"

struct nlattr;

/* body: the family's own header, e.g. struct ifinfomsg. Returns the message's offset, for sc_nl_end. */
size_t sc_nl_begin(struct sc_buf *out, uint16_t type, uint16_t flags, const void *body, size_t len);
void sc_nl_end(struct sc_buf *out, size_t at);
void sc_nl_attr(struct sc_buf *out, uint16_t type, const void *data, size_t len);
void sc_nl_attr_str(struct sc_buf *out, uint16_t type, const char *text); /* with its NUL */
void sc_nl_attr_u32(struct sc_buf *out, uint16_t type, uint32_t value);   /* host order */
void sc_nl_attr_be32(struct sc_buf *out, uint16_t type, uint32_t value);  /* network order, as nf_tables wants */
size_t sc_nl_nest(struct sc_buf *out, uint16_t type);                     /* returns what sc_nl_nest_end wants */
void sc_nl_nest_end(struct sc_buf *out, size_t at);
/* Of a transaction of nf_tables: all messages between these happen, or none. */
void sc_nl_batch_begin(struct sc_buf *out);
void sc_nl_batch_end(struct sc_buf *out);
/* one of its messages; family: NFPROTO_INET, NFPROTO_BRIDGE */
size_t sc_nl_nft(struct sc_buf *out, uint8_t family, uint16_t type, uint16_t flags);

/* Sends to the kernel and takes all answers; an answer of -tolerated (0: none) is none. Returns 0 or -errno [child]. */
int sc_nl_send(int family, const void *data, size_t len, int tolerated);
/* The same on a socket that stays open; *sock -1: it is opened. */
int sc_nl_send_on(int *sock, int family, const void *data, size_t len, int tolerated);
/* Sends one dump request, or one with NLM_F_ACK; what each answer holds goes to fn. Returns 0 or -errno. */
int sc_nl_dump(int family, const void *data, size_t len, void (*fn)(const void *message, void *user), void *user);
/* Of what the request's header tells, an index of a link, the kernel dumps no more than that (since Linux 4.20; older
 * ones dump all). */
int sc_nl_dump_strict(int family, const void *data, size_t len, void (*fn)(const void *message, void *user),
                      void *user);
int sc_nl_dump_on(int *sock, int family, const void *data, size_t len, void (*fn)(const void *message, void *user),
                  void *user);
/* The attribute of a type among those of len bytes, or in a nest (NULL: in none); NULL: there is none. */
const struct nlattr *sc_nl_find(const void *data, size_t len, uint16_t type);
const struct nlattr *sc_nl_find_in(const struct nlattr *nest, uint16_t type);
/* The index of an interface in this network namespace, 0 when there is none [child]. */
unsigned sc_nl_link_index(const char *name);

/* Whether a chain of table `sc` (forward of inet, prerouting of bridge) is there and has its rules, all of them:
 * another program may have taken some, an older sc have made fewer. 0 or -errno: the kernel has no nf_tables, or not of
 * this family. */
#define SC_NFT_FORWARD_RULES 10
#define SC_NFT_GUARD_RULES   10
int sc_nft_has_rules(uint8_t family, const char *chain, bool *out);

/* ---- undo-net.c: what undo.c runs; its targets are documented there */
int sc_undo_link(const char *name, struct sc_err *err);
int sc_undo_lease(const char *target, struct sc_err *err);
int sc_undo_network(const char *target, struct sc_err *err);
int sc_undo_names(const char *target, struct sc_err *err);
/* The last count - 1 words, and before them a first one, a path that may have spaces; false where there are fewer. */
bool sc_undo_split(char *text, char **words, size_t count);

/* ---- undo-nft.c: elements of our tables, given as targets of port-release and guard-remove */
struct sc_undo_element {
    char *target; /* is taken apart */
    bool is_port;
};
/* All in one transaction; goes on after an error and reports the first. */
int sc_undo_elements(int *nft_sock, const struct sc_undo_element *elements, size_t count, struct sc_err *err);

/* ---- leases: symbolic links whose target begins with their owner's id -------- */
/* Whether the link `name` below dir_fd is owner's. */
bool sc_lease_is_owned(int dir_fd, const char *name, const char *owner);
/* The directory of the lease at path, which is cut there, locked; -1: there is none, so nothing to take back. */
int sc_lease_lock(char *path, const char **name);

#define SC_NFT_TABLE   "sc"
#define SC_NFT_KEY_MAX 40 /* of an element; what it maps to is shorter */
/* Adds a message that makes or deletes one element of a set or map (data) of table `sc` of a family. */
void sc_nft_element(struct sc_buf *out, uint8_t family, bool is_new, const char *set, const void *key, size_t key_len,
                    const void *data, size_t data_len);
/* The same for sets of what containers have, which are made with NFT_SET_TIMEOUT: an element that stays, whether or not
 * it was there and was to end; or, ends, one that ends with the next tick of the kernel's clock. Linux up to 6.11 ends
 * none that is there (undo-nft.c). */
void sc_nft_lease(struct sc_buf *out, uint8_t family, bool ends, const char *set, const void *key, size_t key_len,
                  const void *data, size_t data_len);
/* Adds a request for one element of a set, for sc_nl_dump_on. */
void sc_nft_get_element(struct sc_buf *out, uint8_t family, const char *set, const void *key, size_t key_len);
/* Of an interval set of `inet sc`: the first key that is beyond. */
void sc_nft_end_element(struct sc_buf *out, bool is_new, const char *set, const void *key, size_t key_len);

#endif
