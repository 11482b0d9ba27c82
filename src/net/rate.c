/* --net-rate-in and --net-rate-out: what a container receives and sends, held to a rate on the host's end of its link,
 * where it cannot change it. Pure.
 *
 *     to the container:    scv<id>  root qdisc tbf
 *     from the container:  scv<id>  qdisc ingress ─ redirect all ─► scr<id> (an ifb)  root qdisc tbf ─► the bridge
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/net-priv.h"

#define RATE_MIN    INT64_C(8000)          /* bits a second */
#define RATE_MAX    INT64_C(1000000000000) /* a terabit */
#define BURST_MIN   65536                  /* bytes: a packet that segmentation has not divided yet */
#define BURST_PARTS 50                     /* of a second */
#define QUEUE_PARTS 10
#define HANDLE      0x10000U /* 1: */
#define PRIORITY    1

int
sc_net_rate_parse(const char *text, int64_t *out, struct sc_err *err)
{
    static const struct {
        const char *unit;
        int64_t bits;
    } units[] = {
        {"bit", 1},  {"kbit", 1000},  {"mbit", 1000000},  {"gbit", 1000000000},
        {"byte", 8}, {"kbyte", 8000}, {"mbyte", 8000000}, {"gbyte", 8000000000},
    };
    size_t digits = strspn(text, "0123456789");
    char number[SC_NUM_MAX];
    int64_t value = 0;

    if (strcmp(text, "0") == 0) {
        *out = SC_NET_RATE_NONE;
        return 0;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(units) && digits > 0 && digits < sizeof(number); i++) {
        if (strcasecmp(text + digits, units[i].unit) != 0)
            continue;
        (void)snprintf(number, sizeof(number), "%.*s", (int)digits, text);
        if (sc_parse_i64(number, &value, err) < 0)
            return -1;
        if (value > RATE_MAX / units[i].bits || value * units[i].bits < RATE_MIN)
            return sc_err_set(err, SC_ERR_INVALID, "\"%.40s\": must be 8kbit to 1000gbit a second", text);
        *out = value * units[i].bits;
        return 0;
    }
    sc_err_set(err, SC_ERR_INVALID, "\"%.40s\" is not a rate", text);
    return sc_err_remedy(err, "write bits a second as 500kbit, 10mbit or 1gbit, bytes as 500kbyte, 10mbyte or 1gbyte");
}

void
sc_net_rate_format(int64_t bits, char out[SC_NUM_MAX])
{
    static const char *const units[] = {"bit", "kbit", "mbit", "gbit"};
    size_t i = 0;

    while (i + 1 < SC_ARRAY_LEN(units) && bits % 1000 == 0) {
        bits /= 1000;
        i++;
    }
    (void)snprintf(out, SC_NUM_MAX, "%lld%s", (long long)bits, units[i]);
}

void
sc_net_rate_link(const struct sc_endpoint *endpoint, char out[SC_NET_LINK_MAX])
{
    (void)snprintf(out, SC_NET_LINK_MAX, "scr%s", endpoint->link + strlen("scv"));
}

static uint32_t
burst_of(int64_t bits)
{
    int64_t bytes = bits / 8 / BURST_PARTS;

    return bytes < BURST_MIN ? BURST_MIN : (uint32_t)bytes;
}

static uint32_t
queue_of(int64_t bits)
{
    return burst_of(bits) + (uint32_t)(bits / 8 / QUEUE_PARTS);
}

/* ---- messages -----------------------------------------------------------------------------------------------------
 */

/* One of a qdisc or filter, whose link is told when it is known. */
static size_t
begin(struct sc_net_rate_packet *p, uint16_t type, uint16_t flags, const char *link, const struct tcmsg *body)
{
    size_t at = sc_nl_begin(p->data, type, NLM_F_ACK | flags, body, sizeof(*body));

    p->fills[p->fill_count++] =
        (struct sc_net_fill){.at = at + sizeof(struct nlmsghdr) + offsetof(struct tcmsg, tcm_ifindex), .link = link};
    return at;
}

static void
add_tbf(struct sc_net_rate_packet *p, const char *link, int64_t bits)
{
    const uint64_t bytes = (uint64_t)bits / 8;
    const struct tcmsg body = {.tcm_family = AF_UNSPEC, .tcm_parent = TC_H_ROOT, .tcm_handle = HANDLE};
    const struct tc_tbf_qopt shape = {
        .rate = {.rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes, .linklayer = TC_LINKLAYER_ETHERNET},
        .limit = queue_of(bits),
    };
    size_t at = begin(p, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, link, &body), options;

    sc_nl_attr_str(p->data, TCA_KIND, "tbf");
    options = sc_nl_nest(p->data, TCA_OPTIONS);
    sc_nl_attr(p->data, TCA_TBF_PARMS, &shape, sizeof(shape));
    sc_nl_attr_u32(p->data, TCA_TBF_BURST, burst_of(bits));
    if (bytes > UINT32_MAX)
        sc_nl_attr(p->data, TCA_TBF_RATE64, &bytes, sizeof(bytes));
    sc_nl_nest_end(p->data, options);
    sc_nl_end(p->data, at);
}

static void
add_ingress(struct sc_net_rate_packet *p, const char *link)
{
    const struct tcmsg body = {
        .tcm_family = AF_UNSPEC, .tcm_parent = TC_H_INGRESS, .tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0)};
    size_t at = begin(p, RTM_NEWQDISC, NLM_F_CREATE, link, &body);

    sc_nl_attr_str(p->data, TCA_KIND, "ingress");
    sc_nl_end(p->data, at);
}

/* Every packet, by a key of which no bit counts. */
static void
add_redirect(struct sc_net_rate_packet *p, const char *link, const char *to)
{
    const struct tcmsg body = {
        .tcm_family = AF_UNSPEC,
        .tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0),
        .tcm_info = TC_H_MAKE((uint32_t)PRIORITY << 16, htons(ETH_P_ALL)),
    };
    const struct tc_u32_sel head = {.flags = TC_U32_TERMINAL, .nkeys = 1};
    unsigned char match[sizeof(head) + sizeof(struct tc_u32_key)] = ""; /* its keys are a flexible array */
    const struct tc_mirred parms = {.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR};
    size_t at = begin(p, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, link, &body), options, actions, first, inner;

    sc_nl_attr_str(p->data, TCA_KIND, "u32");
    options = sc_nl_nest(p->data, TCA_OPTIONS);
    memcpy(match, &head, sizeof(head));
    sc_nl_attr(p->data, TCA_U32_SEL, match, sizeof(match));
    actions = sc_nl_nest(p->data, TCA_U32_ACT);
    first = sc_nl_nest(p->data, 1);
    sc_nl_attr_str(p->data, TCA_ACT_KIND, "mirred");
    inner = sc_nl_nest(p->data, TCA_ACT_OPTIONS);
    p->fills[p->fill_count++] =
        (struct sc_net_fill){.at = p->data->len + NLA_HDRLEN + offsetof(struct tc_mirred, ifindex), .link = to};
    sc_nl_attr(p->data, TCA_MIRRED_PARMS, &parms, sizeof(parms));
    sc_nl_nest_end(p->data, inner);
    sc_nl_nest_end(p->data, first);
    sc_nl_nest_end(p->data, actions);
    sc_nl_nest_end(p->data, options);
    sc_nl_end(p->data, at);
}

static void
add_shell(struct sc_buf *shell, const char *link, int64_t bits)
{
    char rate[SC_NUM_MAX];

    sc_net_rate_format(bits, rate);
    sc_buf_addf(shell, "%stc qdisc replace dev %s root handle 1: tbf rate %s burst %u limit %u", shell->len ? "; " : "",
                link, rate, burst_of(bits), queue_of(bits));
}

/* ---- what others ask for -------------------------------------------------------------------------------------------
 */

/* The ifb, with its link: so that the rest can name its index. */
void
sc_net_rate_make(const struct sc_endpoint *endpoint, struct sc_buf *out)
{
    struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    size_t at = sc_nl_begin(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &body, sizeof(body)), info;
    char name[SC_NET_LINK_MAX];

    sc_net_rate_link(endpoint, name);
    sc_nl_attr_str(out, IFLA_IFNAME, name);
    info = sc_nl_nest(out, IFLA_LINKINFO);
    sc_nl_attr_str(out, IFLA_INFO_KIND, "ifb");
    sc_nl_nest_end(out, info);
    sc_nl_end(out, at);
}

void
sc_net_rate_set(const struct sc_endpoint *endpoint, const char *ifb, struct sc_net_rate_packet *out,
                struct sc_buf *shell)
{
    if (endpoint->rate_in > 0) {
        add_tbf(out, endpoint->link, endpoint->rate_in);
        add_shell(shell, endpoint->link, endpoint->rate_in);
    }
    if (endpoint->rate_out <= 0)
        return;
    add_tbf(out, ifb, endpoint->rate_out);
    add_shell(shell, ifb, endpoint->rate_out);
}

void
sc_net_rate_redirect(const struct sc_endpoint *endpoint, const char *ifb, struct sc_net_rate_packet *out,
                     struct sc_buf *shell)
{
    add_ingress(out, endpoint->link);
    add_redirect(out, endpoint->link, ifb);
    sc_buf_addf(
        shell,
        "%stc qdisc add dev %s ingress; tc filter add dev %s parent ffff: protocol all prio %d u32 match u32 0 0 "
        "action mirred egress redirect dev %s",
        shell->len ? "; " : "", endpoint->link, endpoint->link, PRIORITY, ifb);
}

/* Of either direction: the kernel's own qdisc comes back. */
void
sc_net_rate_clear(struct sc_net_rate_packet *out, const char *link, bool is_ingress)
{
    const struct tcmsg body = {.tcm_family = AF_UNSPEC, .tcm_parent = is_ingress ? TC_H_INGRESS : TC_H_ROOT};

    sc_nl_end(out->data, begin(out, RTM_DELQDISC, 0, link, &body));
}
