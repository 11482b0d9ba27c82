/* Addresses, subnets and MACs. Pure. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/net.h"

#define V4_LEN 4
#define V6_LEN 16

int
sc_address_parse(const char *text, struct sc_address *out, struct sc_err *err)
{
    bool is_v6 = strchr(text, ':') != NULL;

    *out = (struct sc_address){.len = is_v6 ? V6_LEN : V4_LEN};
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, out->bytes) == 1)
        return 0;
    *out = (struct sc_address){.len = 0};
    return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not an IP address", text);
}

void
sc_address_format(const struct sc_address *address, char out[SC_NET_ADDRESS_MAX])
{
    out[0] = '\0';
    if (address->len > 0)
        (void)inet_ntop(address->len == V6_LEN ? AF_INET6 : AF_INET, address->bytes, out, SC_NET_ADDRESS_MAX);
}

void
sc_address_format_host(const struct sc_address *address, char out[SC_NET_ADDRESS_MAX + 2])
{
    char plain[SC_NET_ADDRESS_MAX];

    sc_address_format(address, plain);
    (void)snprintf(out, SC_NET_ADDRESS_MAX + 2, address->len == V6_LEN ? "[%s]" : "%s", plain);
}

int
sc_address_compare(const struct sc_address *a, const struct sc_address *b)
{
    return a->len != b->len ? a->len - b->len : memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
sc_address_is_any(const struct sc_address *address)
{
    static const unsigned char zeroes[V6_LEN];

    return memcmp(address->bytes, zeroes, sizeof(zeroes)) == 0;
}

enum sc_family
sc_address_family(const struct sc_address *address)
{
    return address->len == V6_LEN ? SC_V6 : SC_V4;
}

struct sc_address
sc_address_v4(uint32_t number)
{
    struct sc_address out = {.len = V4_LEN};

    number = htonl(number);
    memcpy(out.bytes, &number, sizeof(number));
    return out;
}

struct sc_address
sc_address_next(const struct sc_address *address)
{
    struct sc_address out = *address;

    for (size_t i = out.len; i > 0 && ++out.bytes[i - 1] == 0;)
        i--;
    return out;
}

/* ---- subnets ------------------------------------------------------------------------------------------------------
 */

/* The bits of byte i that belong to the prefix. */
static unsigned char
mask_of(unsigned prefix, size_t i)
{
    unsigned bits = prefix > 8 * i ? prefix - 8 * (unsigned)i : 0;

    return bits >= 8 ? 0xff : (unsigned char)(0xff00U >> bits);
}

static struct sc_address
masked(const struct sc_address *address, unsigned prefix)
{
    struct sc_address out = *address;

    for (size_t i = 0; i < out.len; i++)
        out.bytes[i] &= mask_of(prefix, i);
    return out;
}

void
sc_subnet_format(const struct sc_subnet *subnet, char out[SC_NET_CIDR_MAX])
{
    char address[SC_NET_ADDRESS_MAX];

    sc_address_format(&subnet->base, address);
    (void)snprintf(out, SC_NET_CIDR_MAX, "%s/%u", address, subnet->prefix);
}

int
sc_subnet_parse(const char *text, struct sc_subnet *out, struct sc_err *err)
{
    const char *slash = strchr(text, '/');
    char part[SC_NET_ADDRESS_MAX] = "", meant[SC_NET_CIDR_MAX];
    struct sc_err why = SC_ERR_INIT;
    struct sc_address address;
    uint32_t prefix = 0;

    if (slash && (size_t)(slash - text) < sizeof(part))
        memcpy(part, text, (size_t)(slash - text));
    if (sc_address_parse(part, &address, &why) < 0 || sc_parse_u32(slash + 1, &prefix, &why) < 0 ||
        prefix > 8U * address.len)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not a subnet such as 10.1.2.0/24 or fd00:1:2::/64", text);
    *out = (struct sc_subnet){.base = masked(&address, prefix), .prefix = prefix};
    if (sc_address_compare(&out->base, &address) == 0)
        return 0;
    sc_subnet_format(out, meant);
    return sc_err_set(err, SC_ERR_INVALID, "subnet \"%.80s\" has bits below its prefix: \"%s\" is meant", text, meant);
}

struct sc_address
sc_subnet_last(const struct sc_subnet *subnet)
{
    struct sc_address out = subnet->base;

    for (size_t i = 0; i < out.len; i++)
        out.bytes[i] |= (unsigned char)~mask_of(subnet->prefix, i);
    return out;
}

bool
sc_subnet_has(const struct sc_subnet *subnet, const struct sc_address *address)
{
    struct sc_address base = masked(address, subnet->prefix);

    return address->len > 0 && sc_address_compare(&base, &subnet->base) == 0;
}

bool
sc_subnet_has_host(const struct sc_subnet *subnet, const struct sc_address *address)
{
    struct sc_address last = sc_subnet_last(subnet);

    /* IPv6 knows no broadcast; the subnet's own address is its routers' there (RFC 4291). */
    return sc_subnet_has(subnet, address) && sc_address_compare(address, &subnet->base) != 0 &&
           (address->len == V6_LEN || sc_address_compare(address, &last) != 0);
}

bool
sc_subnets_overlap(const struct sc_subnet *a, const struct sc_subnet *b)
{
    return sc_subnet_has(a, &b->base) || sc_subnet_has(b, &a->base);
}

bool
sc_subnet_pool(size_t n, struct sc_subnet *out)
{
    enum { FIRST = 17, WIDE = 31 - FIRST + 1, NARROW = 16 };

    if (n < WIDE)
        *out = (struct sc_subnet){sc_address_v4(UINT32_C(172) << 24 | (uint32_t)(FIRST + n) << 16), 16};
    else if (n < WIDE + NARROW)
        *out = (struct sc_subnet){sc_address_v4(UINT32_C(192) << 24 | UINT32_C(168) << 16 | (uint32_t)(n - WIDE) << 12),
                                  20};
    else
        return false;
    return true;
}

void
sc_subnet_unique_local(const unsigned char random[5], struct sc_subnet *out)
{
    *out = (struct sc_subnet){.base = {.len = V6_LEN, .bytes = {0xfd}}, .prefix = 64};
    memcpy(out->base.bytes + 1, random, 5);
}

/* ---- MACs -----------------------------------------------------------------------------------------------------------
 */

int
sc_mac_parse(const char *text, unsigned char out[6], struct sc_err *err)
{
    bool is_good = strlen(text) == 17;

    for (size_t i = 0; i < 6 && is_good; i++) {
        int high = sc_hex_digit(text[3 * i]), low = sc_hex_digit(text[3 * i + 1]);

        is_good = high >= 0 && low >= 0 && text[3 * i + 2] == (i < 5 ? ':' : '\0');
        if (is_good)
            out[i] = (unsigned char)(high << 4 | low);
    }
    if (!is_good)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not a MAC address such as 02:42:ac:11:00:02", text);
    if (out[0] & 1)
        return sc_err_set(err, SC_ERR_INVALID, "MAC address \"%s\" is a multicast address", text);
    return 0;
}

void
sc_mac_format(const unsigned char mac[6], char out[18])
{
    (void)snprintf(out, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void
sc_mac_of(const struct sc_address *address, unsigned char out[6])
{
    out[0] = 0x02;
    out[1] = 0x42;
    memcpy(out + 2, address->bytes, 4);
}
