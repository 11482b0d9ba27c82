/* Who else drops what we forward: nftables asks every table, so a chain of another's with the policy "drop", as ufw's
 * and Docker's, drops ours too. Rules of others are theirs: we only say so. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#include "net/net-priv.h"

struct seen {
    struct sc_forward_drop *drop;
    bool has_docker, has_ufw; /* chains that exist for such rules */
};

struct mention {
    const char *name; /* of a link */
    bool is_there;
};

static const char *
text_of(const struct nlattr *attr)
{
    const char *text = attr ? (const char *)attr + NLA_HDRLEN : "";
    size_t len = attr ? attr->nla_len - (size_t)NLA_HDRLEN : 1;

    return memchr(text, '\0', len) ? text : "";
}

static uint32_t
number_of(const struct nlattr *attr, uint32_t otherwise)
{
    uint32_t number;

    if (!attr || attr->nla_len < NLA_HDRLEN + sizeof(number))
        return otherwise;
    memcpy(&number, (const char *)attr + NLA_HDRLEN, sizeof(number));
    return ntohl(number);
}

static void
see_chain(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    const struct nfgenmsg *body = NLMSG_DATA(head);
    const char *data = (const char *)NLMSG_DATA(head) + sizeof(*body);
    size_t len = head->nlmsg_len - NLMSG_LENGTH(sizeof(*body));
    const struct nlattr *hook = sc_nl_find(data, len, NFTA_CHAIN_HOOK);
    const char *table = text_of(sc_nl_find(data, len, NFTA_CHAIN_TABLE)),
               *chain = text_of(sc_nl_find(data, len, NFTA_CHAIN_NAME));
    bool is_of_ip = body->nfgen_family == NFPROTO_INET || body->nfgen_family == NFPROTO_IPV4;
    struct seen *seen = user;

    if (head->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWCHAIN) || !is_of_ip)
        return;
    seen->has_docker = seen->has_docker || strcmp(chain, "DOCKER-USER") == 0;
    seen->has_ufw = seen->has_ufw || strcmp(chain, "ufw-user-forward") == 0;
    if (!hook || seen->drop->table[0] || strcmp(table, SC_NFT_TABLE) == 0 ||
        number_of(sc_nl_find_in(hook, NFTA_HOOK_HOOKNUM), NF_INET_NUMHOOKS) != NF_INET_FORWARD ||
        number_of(sc_nl_find(data, len, NFTA_CHAIN_POLICY), NF_ACCEPT) != NF_DROP ||
        strlen(table) >= sizeof(seen->drop->table) || strlen(chain) >= sizeof(seen->drop->chain))
        return;
    seen->drop->family = body->nfgen_family;
    memcpy(seen->drop->table, table, strlen(table) + 1);
    memcpy(seen->drop->chain, chain, strlen(chain) + 1);
}

static void
see_rule(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    struct mention *mention = user;

    mention->is_there = mention->is_there || memmem(head, head->nlmsg_len, mention->name, strlen(mention->name) + 1);
}

/* Whether a rule of that table speaks of the link. */
static int
is_mentioned(const struct sc_forward_drop *drop, const char *link, bool *out)
{
    sc_cleanup_buf request = SC_BUF_INIT;
    struct mention mention = {.name = link};
    size_t at = sc_nl_nft(&request, drop->family, NFT_MSG_GETRULE, NLM_F_DUMP);
    int result;

    sc_nl_attr_str(&request, NFTA_RULE_TABLE, drop->table);
    sc_nl_end(&request, at);
    if (request.has_failed)
        return -ENOMEM;
    result = sc_nl_dump(NETLINK_NETFILTER, request.data, request.len, see_rule, &mention);
    *out = mention.is_there;
    return result;
}

bool
sc_forward_is_dropped(const char *link, struct sc_forward_drop *out)
{
    struct seen seen = {.drop = out};
    sc_cleanup_buf request = SC_BUF_INIT;
    bool is_known = false;

    *out = (struct sc_forward_drop){.table = ""};
    sc_nl_end(&request, sc_nl_nft(&request, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN, NLM_F_DUMP));
    if (request.has_failed || sc_nl_dump(NETLINK_NETFILTER, request.data, request.len, see_chain, &seen) < 0 ||
        !out->table[0] || is_mentioned(out, link, &is_known) < 0 || is_known)
        return false;
    out->whose = seen.has_ufw ? SC_FORWARD_UFW : seen.has_docker ? SC_FORWARD_DOCKER : SC_FORWARD_OTHER;
    return true;
}
