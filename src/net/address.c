/* IPv4 addresses and subnets. Pure. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/net.h"

static uint32_t
mask_of(unsigned prefix)
{
    return prefix == 0 ? 0 : ~UINT32_C(0) << (32 - prefix);
}

int
sc_address_parse(const char *text, uint32_t *out, struct sc_err *err)
{
    struct in_addr address;

    if (strchr(text, ':'))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "\"%.80s\": IPv6 addresses are not supported yet", text);
    if (inet_pton(AF_INET, text, &address) != 1)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not an IPv4 address", text);
    *out = ntohl(address.s_addr);
    return 0;
}

void
sc_address_format(uint32_t address, char out[SC_NET_ADDRESS_MAX])
{
    (void)snprintf(out, SC_NET_ADDRESS_MAX, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                   address & 255);
}

void
sc_subnet_format(const struct sc_subnet *subnet, char out[SC_NET_CIDR_MAX])
{
    char address[SC_NET_ADDRESS_MAX];

    sc_address_format(subnet->base, address);
    (void)snprintf(out, SC_NET_CIDR_MAX, "%s/%u", address, subnet->prefix);
}

int
sc_subnet_parse(const char *text, struct sc_subnet *out, struct sc_err *err)
{
    const char *slash = strchr(text, '/');
    char address[SC_NET_ADDRESS_MAX], meant[SC_NET_CIDR_MAX];
    struct sc_err why = SC_ERR_INIT;
    uint32_t prefix = 0, base = 0;

    if (strchr(text, ':'))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "subnet \"%.80s\": IPv6 is not supported yet", text);
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not a subnet such as 10.1.2.0/24", text);
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    if (sc_address_parse(address, &base, &why) < 0 || sc_parse_u32(slash + 1, &prefix, &why) < 0 || prefix > 32)
        return sc_err_set(err, SC_ERR_INVALID, "\"%.80s\" is not a subnet such as 10.1.2.0/24", text);
    *out = (struct sc_subnet){.base = base & mask_of(prefix), .prefix = prefix};
    if (out->base == base)
        return 0;
    sc_subnet_format(out, meant);
    return sc_err_set(err, SC_ERR_INVALID, "subnet \"%.80s\" has bits below its prefix: \"%s\" is meant", text, meant);
}

uint32_t
sc_subnet_last(const struct sc_subnet *subnet)
{
    return subnet->base | ~mask_of(subnet->prefix);
}

bool
sc_subnet_has(const struct sc_subnet *subnet, uint32_t address)
{
    return (address & mask_of(subnet->prefix)) == subnet->base;
}

bool
sc_subnets_overlap(const struct sc_subnet *a, const struct sc_subnet *b)
{
    return sc_subnet_has(a, b->base) || sc_subnet_has(b, a->base);
}

bool
sc_subnet_pool(size_t n, struct sc_subnet *out)
{
    enum { FIRST = 17, WIDE = 31 - FIRST + 1, NARROW = 16 };

    if (n < WIDE)
        *out = (struct sc_subnet){.base = UINT32_C(172) << 24 | (uint32_t)(FIRST + n) << 16, .prefix = 16};
    else if (n < WIDE + NARROW)
        *out = (struct sc_subnet){.base = UINT32_C(192) << 24 | UINT32_C(168) << 16 | (uint32_t)(n - WIDE) << 12,
                                  .prefix = 20};
    else
        return false;
    return true;
}

static int
hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

int
sc_mac_parse(const char *text, unsigned char out[6], struct sc_err *err)
{
    bool is_good = strlen(text) == 17;

    for (size_t i = 0; i < 6 && is_good; i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

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
sc_mac_of(uint32_t address, unsigned char out[6])
{
    out[0] = 0x02;
    out[1] = 0x42;
    for (int i = 0; i < 4; i++)
        out[2 + i] = (unsigned char)(address >> (24 - 8 * i));
}
