/* Messages of nf_tables, part by part: expressions, rules, chains, sets. Pure. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "net/firewall-priv.h"

struct sc_fw_nest
sc_fw_open_expr(struct sc_buf *out, const char *name)
{
    struct sc_fw_nest nest;

    nest.expr = sc_nl_nest(out, NFTA_LIST_ELEM);
    sc_nl_attr_str(out, NFTA_EXPR_NAME, name);
    nest.data = sc_nl_nest(out, NFTA_EXPR_DATA);
    return nest;
}

void
sc_fw_close_expr(struct sc_buf *out, struct sc_fw_nest nest)
{
    sc_nl_nest_end(out, nest.data);
    sc_nl_nest_end(out, nest.expr);
}

void
sc_fw_add_value(struct sc_buf *out, uint16_t attr, const void *value, size_t len)
{
    size_t at = sc_nl_nest(out, attr);

    sc_nl_attr(out, NFTA_DATA_VALUE, value, len);
    sc_nl_nest_end(out, at);
}

void
sc_fw_meta(struct sc_buf *out, uint32_t key, uint32_t reg)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "meta");

    sc_nl_attr_be32(out, NFTA_META_KEY, key);
    sc_nl_attr_be32(out, NFTA_META_DREG, reg);
    sc_fw_close_expr(out, nest);
}

void
sc_fw_payload(struct sc_buf *out, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "payload");

    sc_nl_attr_be32(out, NFTA_PAYLOAD_DREG, reg);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_BASE, base);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_OFFSET, offset);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_LEN, len);
    sc_fw_close_expr(out, nest);
}

void
sc_fw_set_payload(struct sc_buf *out, uint32_t base, uint32_t offset, uint32_t len, uint32_t reg, uint32_t checksum_at)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "payload");

    sc_nl_attr_be32(out, NFTA_PAYLOAD_SREG, reg);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_BASE, base);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_OFFSET, offset);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_LEN, len);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    sc_nl_attr_be32(out, NFTA_PAYLOAD_CSUM_OFFSET, checksum_at);
    sc_fw_close_expr(out, nest);
}

void
sc_fw_compare(struct sc_buf *out, enum nft_cmp_ops op, const void *value, size_t len)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "cmp");

    sc_nl_attr_be32(out, NFTA_CMP_SREG, SC_REG_A);
    sc_nl_attr_be32(out, NFTA_CMP_OP, op);
    sc_fw_add_value(out, NFTA_CMP_DATA, value, len);
    sc_fw_close_expr(out, nest);
}

/* dreg 0: of a set */
void
sc_fw_lookup(struct sc_buf *out, const char *set, uint32_t dreg, bool is_inverted)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "lookup");

    sc_nl_attr_str(out, NFTA_LOOKUP_SET, set);
    sc_nl_attr_be32(out, NFTA_LOOKUP_SREG, SC_REG_A);
    if (dreg)
        sc_nl_attr_be32(out, NFTA_LOOKUP_DREG, dreg);
    if (is_inverted)
        sc_nl_attr_be32(out, NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
    sc_fw_close_expr(out, nest);
}

/* chain NULL: a verdict without one */
static void
add_verdict(struct sc_buf *out, uint32_t code, const char *chain)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "immediate");
    size_t data, value;

    sc_nl_attr_be32(out, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    data = sc_nl_nest(out, NFTA_IMMEDIATE_DATA);
    value = sc_nl_nest(out, NFTA_DATA_VERDICT);
    sc_nl_attr_be32(out, NFTA_VERDICT_CODE, code);
    if (chain)
        sc_nl_attr_str(out, NFTA_VERDICT_CHAIN, chain);
    sc_nl_nest_end(out, value);
    sc_nl_nest_end(out, data);
    sc_fw_close_expr(out, nest);
}

void
sc_fw_verdict(struct sc_buf *out, uint32_t code)
{
    add_verdict(out, code, NULL);
}

void
sc_fw_jump(struct sc_buf *out, const char *chain)
{
    add_verdict(out, (uint32_t)NFT_JUMP, chain);
}

void
sc_fw_load(struct sc_buf *out, uint32_t reg, const void *value, size_t len)
{
    struct sc_fw_nest nest = sc_fw_open_expr(out, "immediate");

    sc_nl_attr_be32(out, NFTA_IMMEDIATE_DREG, reg);
    sc_fw_add_value(out, NFTA_IMMEDIATE_DATA, value, len);
    sc_fw_close_expr(out, nest);
}

void
sc_fw_plain(struct sc_buf *out, const char *name)
{
    sc_fw_close_expr(out, sc_fw_open_expr(out, name));
}

struct sc_fw_rule
sc_fw_open_rule(struct sc_buf *out, uint8_t family, const char *chain)
{
    struct sc_fw_rule rule = {.message = sc_nl_nft(out, family, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND)};

    sc_nl_attr_str(out, NFTA_RULE_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_RULE_CHAIN, chain);
    rule.list = sc_nl_nest(out, NFTA_RULE_EXPRESSIONS);
    return rule;
}

void
sc_fw_close_rule(struct sc_buf *out, struct sc_fw_rule rule)
{
    sc_nl_nest_end(out, rule.list);
    sc_nl_end(out, rule.message);
}

void
sc_fw_add_table(struct sc_buf *out, uint8_t family, uint16_t type)
{
    size_t at = sc_nl_nft(out, family, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0);

    sc_nl_attr_str(out, NFTA_TABLE_NAME, SC_NFT_TABLE);
    sc_nl_end(out, at);
}

void
sc_fw_add_chain(struct sc_buf *out, uint8_t family, const char *name, const char *type, uint32_t hook, int priority)
{
    size_t at = sc_nl_nft(out, family, NFT_MSG_NEWCHAIN, NLM_F_CREATE), nest;

    sc_nl_attr_str(out, NFTA_CHAIN_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_CHAIN_NAME, name);
    nest = sc_nl_nest(out, NFTA_CHAIN_HOOK);
    sc_nl_attr_be32(out, NFTA_HOOK_HOOKNUM, hook);
    sc_nl_attr_be32(out, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    sc_nl_nest_end(out, nest);
    sc_nl_attr_str(out, NFTA_CHAIN_TYPE, type);
    sc_nl_end(out, at);
}

void
sc_fw_add_plain_chain(struct sc_buf *out, const char *name)
{
    size_t at = sc_nl_nft(out, NFPROTO_INET, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

    sc_nl_attr_str(out, NFTA_CHAIN_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_CHAIN_NAME, name);
    sc_nl_end(out, at);
}

void
sc_fw_flush_chain(struct sc_buf *out, const char *name)
{
    size_t at = sc_nl_nft(out, NFPROTO_INET, NFT_MSG_DELRULE, 0);

    sc_nl_attr_str(out, NFTA_RULE_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_RULE_CHAIN, name);
    sc_nl_end(out, at);
}

static size_t
open_set(struct sc_buf *out, uint8_t family, const char *name, uint32_t id, uint32_t key_type, uint32_t key_len,
         uint32_t flags)
{
    size_t at = sc_nl_nft(out, family, NFT_MSG_NEWSET, NLM_F_CREATE);

    sc_nl_attr_str(out, NFTA_SET_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_SET_NAME, name);
    if (flags)
        sc_nl_attr_be32(out, NFTA_SET_FLAGS, flags);
    sc_nl_attr_be32(out, NFTA_SET_KEY_TYPE, key_type);
    sc_nl_attr_be32(out, NFTA_SET_KEY_LEN, key_len);
    sc_nl_attr_be32(out, NFTA_SET_ID, id);
    return at;
}

void
sc_fw_add_set(struct sc_buf *out, uint8_t family, const char *name, uint32_t id, uint32_t key_type, uint32_t key_len,
              uint32_t flags)
{
    /* For nft's eyes only: a name is no number in network order. */
    static const unsigned char host_order[] = {0, 4, 1, 0, 0, 0};
    size_t at = open_set(out, family, name, id, key_type, key_len, flags);

    if (key_type == SC_NFT_TYPE_IFNAME)
        sc_nl_attr(out, NFTA_SET_USERDATA, host_order, sizeof(host_order));
    sc_nl_end(out, at);
}

void
sc_fw_add_port_map(struct sc_buf *out, const char *name, uint32_t id, uint32_t key_type, uint32_t key_len,
                   enum sc_family to)
{
    const uint32_t address = to == SC_V6 ? SC_NFT_TYPE_ADDRESS6 : SC_NFT_TYPE_ADDRESS;
    size_t at = open_set(out, NFPROTO_INET, name, id, key_type, key_len, NFT_SET_MAP | NFT_SET_TIMEOUT);

    sc_nl_attr_be32(out, NFTA_SET_DATA_TYPE, SC_NFT_TYPES(address, SC_NFT_TYPE_PORT));
    sc_nl_attr_be32(out, NFTA_SET_DATA_LEN, to == SC_V6 ? 20 : 8);
    sc_nl_end(out, at);
}

void
sc_fw_add_target_set(struct sc_buf *out, const char *name, uint32_t id, uint32_t key_len)
{
    /* For nft's eyes only: "typeof iifname . ether saddr . @th,64,128" in its own attributes, which say of each part
     * what expression it is of. */
    static const unsigned char type_of[] = {
        0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x03, 0x56, 0x00, 0x04, 0x0d, 0x00, 0x00, 0x00, 0x01, 0x4e,
        0x00, 0x0e, 0x00, 0x04, 0x09, 0x00, 0x00, 0x00, 0x01, 0x06, 0x00, 0x04, 0x06, 0x00, 0x00, 0x00,
        0x01, 0x14, 0x00, 0x04, 0x07, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x00, 0x04, 0x11, 0x00, 0x00, 0x00,
        0x01, 0x04, 0x02, 0x00, 0x00, 0x00, 0x02, 0x26, 0x00, 0x04, 0x07, 0x00, 0x00, 0x00, 0x01, 0x1e,
        0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x00, 0x02, 0x04, 0x03, 0x00,
        0x00, 0x00, 0x03, 0x04, 0x40, 0x00, 0x00, 0x00, 0x04, 0x04, 0x80, 0x00, 0x00, 0x00,
    };
    const uint32_t type = SC_NFT_TYPES(SC_NFT_TYPES(SC_NFT_TYPE_IFNAME, SC_NFT_TYPE_ETHER), SC_NFT_TYPE_INTEGER);
    size_t at = open_set(out, NFPROTO_BRIDGE, name, id, type, key_len, NFT_SET_TIMEOUT);

    sc_nl_attr(out, NFTA_SET_USERDATA, type_of, sizeof(type_of));
    sc_nl_end(out, at);
}
