#ifndef SC_FIREWALL_PRIV_H
#define SC_FIREWALL_PRIV_H

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "net/net-priv.h"

/* nft's own numbers of data types, which say how `nft list` prints them; two are six bits each. */
enum {
    SC_NFT_TYPE_INTEGER = 4,
    SC_NFT_TYPE_ADDRESS = 7,
    SC_NFT_TYPE_ADDRESS6 = 8,
    SC_NFT_TYPE_ETHER = 9,
    SC_NFT_TYPE_PROTO = 12,
    SC_NFT_TYPE_PORT = 13,
    SC_NFT_TYPE_IFNAME = 41,
    SC_NFT_TYPE_BITS = 6
};
#define SC_NFT_TYPES(a, b) ((a) << SC_NFT_TYPE_BITS | (b))

enum {
    SC_REG_A = NFT_REG_1,
    SC_REG_B = NFT_REG_2,
    SC_REG_A_SECOND = NFT_REG32_01,
    SC_REG_A_THIRD = NFT_REG32_02,
    SC_REG_A_FIFTH = NFT_REG32_04,
    SC_REG_A_SIXTH = NFT_REG32_05,
    SC_REG_B_THIRD = NFT_REG32_06
};

/* firewall-expr.c */
struct sc_fw_nest {
    size_t expr, data;
};
struct sc_fw_rule {
    size_t message, list;
};
struct sc_fw_nest sc_fw_open_expr(struct sc_buf *out, const char *name);
void sc_fw_close_expr(struct sc_buf *out, struct sc_fw_nest nest);
void sc_fw_add_value(struct sc_buf *out, uint16_t attr, const void *value, size_t len);
void sc_fw_meta(struct sc_buf *out, uint32_t key, uint32_t reg);
void sc_fw_payload(struct sc_buf *out, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg);
/* The bytes at offset become the register's; checksum_at: of the Internet checksum there. */
void sc_fw_set_payload(struct sc_buf *out, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg,
                       uint32_t checksum_at);
void sc_fw_compare(struct sc_buf *out, enum nft_cmp_ops op, const void *value, size_t len);
void sc_fw_lookup(struct sc_buf *out, const char *set, uint32_t dreg, bool is_inverted); /* dreg 0: of a set */
void sc_fw_verdict(struct sc_buf *out, uint32_t code);
void sc_fw_jump(struct sc_buf *out, const char *chain);
struct sc_fw_rule sc_fw_open_rule(struct sc_buf *out, uint8_t family, const char *chain);
void sc_fw_close_rule(struct sc_buf *out, struct sc_fw_rule rule);
void sc_fw_add_table(struct sc_buf *out, uint8_t family, uint16_t type);
void sc_fw_add_chain(struct sc_buf *out, uint8_t family, const char *name, const char *type, uint32_t hook,
                     int priority);
/* Of table `inet sc`: a chain that others jump to; and one whose rules all go. */
void sc_fw_add_plain_chain(struct sc_buf *out, const char *name);
void sc_fw_flush_chain(struct sc_buf *out, const char *name);
void sc_fw_add_set(struct sc_buf *out, uint8_t family, const char *name, uint32_t id, uint32_t key_type,
                   uint32_t key_len, uint32_t flags);
/* A map to an address of the family `to` and a port. */
void sc_fw_add_port_map(struct sc_buf *out, const char *name, uint32_t id, uint32_t key_type, uint32_t key_len,
                        enum sc_family to);
/* The set of table `bridge sc` that holds targets of neighbour advertisements. */
void sc_fw_add_target_set(struct sc_buf *out, const char *name, uint32_t id, uint32_t key_len);
void sc_fw_load(struct sc_buf *out, uint32_t reg, const void *value, size_t len); /* a constant */
void sc_fw_plain(struct sc_buf *out, const char *name);                           /* without anything to say */

#endif
