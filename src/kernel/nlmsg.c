/* Netlink messages: built in a buffer, sent as one packet (netlink(7), nfnetlink in linux/netfilter/nfnetlink.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/nlmsg.h"

#define ANSWER_MAX 32768

static void
pad(struct sc_buf *out)
{
    static const char zeroes[NLMSG_ALIGNTO];

    sc_buf_add(out, zeroes, NLMSG_ALIGN(out->len) - out->len);
}

size_t
sc_nl_begin(struct sc_buf *out, uint16_t type, uint16_t flags, const void *body, size_t len)
{
    size_t at = out->len;
    struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};

    head.nlmsg_seq = (uint32_t)at + 1;
    sc_buf_add(out, &head, sizeof(head));
    sc_buf_add(out, body, len);
    pad(out);
    return at;
}

void
sc_nl_end(struct sc_buf *out, size_t at)
{
    uint32_t len = (uint32_t)(out->len - at);

    if (!out->has_failed)
        memcpy(out->data + at + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof(len));
}

void
sc_nl_attr(struct sc_buf *out, uint16_t type, const void *data, size_t len)
{
    struct nlattr head = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type};

    sc_buf_add(out, &head, sizeof(head));
    sc_buf_add(out, data, len);
    pad(out);
}

void
sc_nl_attr_str(struct sc_buf *out, uint16_t type, const char *text)
{
    sc_nl_attr(out, type, text, strlen(text) + 1);
}

void
sc_nl_attr_u32(struct sc_buf *out, uint16_t type, uint32_t value)
{
    sc_nl_attr(out, type, &value, sizeof(value));
}

void
sc_nl_attr_be32(struct sc_buf *out, uint16_t type, uint32_t value)
{
    sc_nl_attr_u32(out, type, htonl(value));
}

size_t
sc_nl_nest(struct sc_buf *out, uint16_t type)
{
    size_t at = out->len;

    sc_nl_attr(out, type | NLA_F_NESTED, NULL, 0);
    return at;
}

void
sc_nl_nest_end(struct sc_buf *out, size_t at)
{
    uint16_t len = (uint16_t)(out->len - at);

    if (!out->has_failed)
        memcpy(out->data + at, &len, sizeof(len));
}

static void
batch_mark(struct sc_buf *out, uint16_t type)
{
    struct nfgenmsg body = {.nfgen_family = AF_UNSPEC, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

    sc_nl_end(out, sc_nl_begin(out, type, 0, &body, sizeof(body)));
}

void
sc_nl_batch_begin(struct sc_buf *out)
{
    batch_mark(out, NFNL_MSG_BATCH_BEGIN);
}

/* The kernel tells of every error by itself; of success it tells once, for the last message. */
static void
ask_last(struct sc_buf *out)
{
    struct nlmsghdr head;
    size_t last = 0;

    if (out->has_failed)
        return;
    for (size_t at = 0; at < out->len; at += NLMSG_ALIGN(head.nlmsg_len)) {
        memcpy(&head, out->data + at, sizeof(head));
        last = at;
    }
    memcpy(&head, out->data + last, sizeof(head));
    head.nlmsg_flags |= NLM_F_ACK;
    memcpy(out->data + last, &head, sizeof(head));
}

void
sc_nl_batch_end(struct sc_buf *out)
{
    ask_last(out);
    batch_mark(out, NFNL_MSG_BATCH_END);
}

size_t
sc_nl_nft(struct sc_buf *out, uint8_t family, uint16_t type, uint16_t flags)
{
    struct nfgenmsg body = {.nfgen_family = family, .version = NFNETLINK_V0};

    return sc_nl_begin(out, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &body, sizeof(body));
}

struct element {
    const void *key, *data;
    size_t key_len, data_len;
    uint32_t flags;
    bool has_timeout;
    unsigned char timeout; /* ms */
};

static void
add_element(struct sc_buf *out, uint8_t family, uint16_t type, uint16_t flags, const char *set,
            const struct element *element)
{
    const unsigned char timeout[8] = {[7] = element->timeout}; /* in network order */
    size_t at = sc_nl_nft(out, family, type, flags);

    sc_nl_attr_str(out, NFTA_SET_ELEM_LIST_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(out, NFTA_SET_ELEM_LIST_SET, set);
    size_t list = sc_nl_nest(out, NFTA_SET_ELEM_LIST_ELEMENTS), item = sc_nl_nest(out, NFTA_LIST_ELEM);
    size_t part = sc_nl_nest(out, NFTA_SET_ELEM_KEY);
    sc_nl_attr(out, NFTA_DATA_VALUE, element->key, element->key_len);
    sc_nl_nest_end(out, part);
    if (element->flags)
        sc_nl_attr_be32(out, NFTA_SET_ELEM_FLAGS, element->flags);
    if (element->has_timeout)
        sc_nl_attr(out, NFTA_SET_ELEM_TIMEOUT, timeout, sizeof(timeout));
    if (element->data_len > 0) {
        part = sc_nl_nest(out, NFTA_SET_ELEM_DATA);
        sc_nl_attr(out, NFTA_DATA_VALUE, element->data, element->data_len);
        sc_nl_nest_end(out, part);
    }
    sc_nl_nest_end(out, item);
    sc_nl_nest_end(out, list);
    sc_nl_end(out, at);
}

void
sc_nft_element(struct sc_buf *out, uint8_t family, bool is_new, const char *set, const void *key, size_t key_len,
               const void *data, size_t data_len)
{
    const struct element element = {.key = key, .data = data, .key_len = key_len, .data_len = data_len};

    add_element(out, family, is_new ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, is_new ? NLM_F_CREATE : 0, set,
                &element);
}

void
sc_nft_lease(struct sc_buf *out, uint8_t family, bool ends, const char *set, const void *key, size_t key_len,
             const void *data, size_t data_len)
{
    const struct element element = {
        .key = key,
        .data = data,
        .key_len = key_len,
        .data_len = data_len,
        .has_timeout = true,
        .timeout = ends, /* one millisecond: the kernel makes a tick of it. None: for ever. */
    };

    add_element(out, family, NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, &element);
}

void
sc_nft_get_element(struct sc_buf *out, uint8_t family, const char *set, const void *key, size_t key_len)
{
    const struct element element = {.key = key, .key_len = key_len};

    add_element(out, family, NFT_MSG_GETSETELEM, NLM_F_ACK, set, &element);
}

void
sc_nft_end_element(struct sc_buf *out, bool is_new, const char *set, const void *key, size_t key_len)
{
    const struct element element = {.key = key, .key_len = key_len, .flags = NFT_SET_ELEM_INTERVAL_END};

    add_element(out, NFPROTO_INET, is_new ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, is_new ? NLM_F_CREATE : 0, set,
                &element);
}

/* ---- sending ------------------------------------------------------------------------------------------------- */

static int
open_and_send(int *sock, int family, const void *data, size_t len)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;

    if (*sock < 0)
        *sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (*sock < 0)
        return -errno;
    do
        sent = sendto(*sock, data, len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* How many of the messages are to be answered. */
static size_t
count_acks(const void *data, size_t len)
{
    size_t count = 0;
    struct nlmsghdr head;

    for (size_t at = 0; at + sizeof(head) <= len; at += NLMSG_ALIGN(head.nlmsg_len)) {
        memcpy(&head, (const char *)data + at, sizeof(head));
        if (head.nlmsg_len < sizeof(head))
            break;
        count += (head.nlmsg_flags & NLM_F_ACK) != 0;
    }
    return count;
}

/* The kernel has queued every answer by the time that sending returns. */
int
sc_nl_send_on(int *sock, int family, const void *data, size_t len, int tolerated)
{
    _Alignas(struct nlmsghdr) char room[ANSWER_MAX];
    size_t wanted = count_acks(data, len), seen = 0;
    int result = open_and_send(sock, family, data, len);

    if (result < 0)
        return result;
    for (;;) {
        ssize_t got = recv(*sock, room, sizeof(room), MSG_DONTWAIT);
        int left = (int)got;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        for (struct nlmsghdr *m = (void *)room; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left)) {
            int answer = m->nlmsg_type == NLMSG_ERROR ? ((const struct nlmsgerr *)NLMSG_DATA(m))->error : 0;

            seen += m->nlmsg_type == NLMSG_ERROR;
            if (answer != 0 && answer != -tolerated && result == 0)
                result = answer;
        }
    }
    return result == 0 && seen < wanted ? -EIO : result;
}

int
sc_nl_send(int family, const void *data, size_t len, int tolerated)
{
    int sock = -1, result = sc_nl_send_on(&sock, family, data, len, tolerated);

    if (sock >= 0)
        close(sock);
    return result;
}

int
sc_nl_dump_on(int *sock, int family, const void *data, size_t len, void (*fn)(const void *message, void *user),
              void *user)
{
    _Alignas(struct nlmsghdr) char room[ANSWER_MAX];
    int result = open_and_send(sock, family, data, len);

    if (result < 0)
        return result;
    for (;;) {
        ssize_t got = recv(*sock, room, sizeof(room), 0);
        int left = (int)got;

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        for (struct nlmsghdr *m = (void *)room; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_ERROR)
                return ((const struct nlmsgerr *)NLMSG_DATA(m))->error;
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            fn(m, user);
        }
    }
}

int
sc_nl_dump(int family, const void *data, size_t len, void (*fn)(const void *message, void *user), void *user)
{
    sc_cleanup_fd sock = -1;

    return sc_nl_dump_on(&sock, family, data, len, fn, user);
}

int
sc_nl_dump_strict(int family, const void *data, size_t len, void (*fn)(const void *message, void *user), void *user)
{
    sc_cleanup_fd sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    const int on = 1;

    if (sock < 0)
        return -errno;
    (void)setsockopt(sock, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    return sc_nl_dump_on(&sock, family, data, len, fn, user);
}

const struct nlattr *
sc_nl_find(const void *data, size_t len, uint16_t type)
{
    for (size_t at = 0; at + NLA_HDRLEN <= len;) {
        const struct nlattr *attr = (const void *)((const char *)data + at);

        if (attr->nla_len < NLA_HDRLEN || at + attr->nla_len > len)
            return NULL;
        if ((attr->nla_type & NLA_TYPE_MASK) == type)
            return attr;
        at += NLA_ALIGN(attr->nla_len);
    }
    return NULL;
}

const struct nlattr *
sc_nl_find_in(const struct nlattr *nest, uint16_t type)
{
    return nest ? sc_nl_find((const char *)nest + NLA_HDRLEN, nest->nla_len - NLA_HDRLEN, type) : NULL;
}

unsigned
sc_nl_link_index(const char *name)
{
    struct ifreq ask = {.ifr_ifindex = 0};
    int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result;

    if (sock < 0 || strlen(name) >= sizeof(ask.ifr_name)) {
        sc_closep(&sock);
        return 0;
    }
    memcpy(ask.ifr_name, name, strlen(name) + 1);
    result = ioctl(sock, SIOCGIFINDEX, &ask);
    close(sock);
    return result < 0 ? 0 : (unsigned)ask.ifr_ifindex;
}

static void
count_rule(const void *message, void *user)
{
    (void)message;
    ++*(size_t *)user;
}

int
sc_nft_has_rules(uint8_t family, const char *chain, bool *out)
{
    sc_cleanup_buf request = SC_BUF_INIT;
    size_t count = 0, at = sc_nl_nft(&request, family, NFT_MSG_GETRULE, NLM_F_DUMP);
    int result;

    sc_nl_attr_str(&request, NFTA_RULE_TABLE, SC_NFT_TABLE);
    sc_nl_attr_str(&request, NFTA_RULE_CHAIN, chain);
    sc_nl_end(&request, at);
    if (request.has_failed)
        return -ENOMEM;
    result = sc_nl_dump(NETLINK_NETFILTER, request.data, request.len, count_rule, &count);
    if (result < 0 && result != -ENOENT)
        return result;
    *out = count >= (family == NFPROTO_BRIDGE ? SC_NFT_GUARD_RULES : SC_NFT_FORWARD_RULES);
    return 0;
}
