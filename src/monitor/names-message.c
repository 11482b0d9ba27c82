/* Messages of DNS (RFC 1035, EDNS of RFC 6891): questions read, answers made. Pure; what is read is a stranger's. */
#include <arpa/inet.h>
#include <string.h>

#include "monitor/names.h"

#define HEADER      12
#define LABEL_MAX   63
#define POINTER     0xc0
#define OPT_LEN     11   /* of a record OPT without options */
#define OPT_SIZE    1232 /* bytes that we take over UDP */
#define TTL         5    /* seconds: neighbours come and go */
#define CLASS_IN    1
#define RECORD_HEAD 10 /* of a record behind its name: type, class, TTL, length */
#define EDNS_MAX    4096

enum { FLAG_QR = 0x8000, FLAG_OPCODE = 0x7800, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100, FLAG_RA = 0x0080 };

static unsigned
get16(const unsigned char *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void
put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

uint16_t
sc_dns_id(const unsigned char *message)
{
    return (uint16_t)get16(message);
}

void
sc_dns_set_id(unsigned char *message, uint16_t id)
{
    put16(message, id);
}

int
sc_dns_rcode(const unsigned char *message)
{
    return message[3] & 0xf;
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

/* Letters made small; a byte that no name of ours has makes the name nobody's. */
static bool
add_label(const unsigned char *label, size_t len, char *text, size_t *at)
{
    bool is_plain = true;

    if (*at > 0)
        text[(*at)++] = '.';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = label[i];

        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c - 'A' + 'a');
        is_plain = is_plain && c > ' ' && c < 127 && c != '.' && c != '/';
        text[(*at)++] = (char)c;
    }
    return is_plain;
}

/* The name of a question, which has nothing to be compressed against. Returns where it ends; 0: it is damaged. */
static size_t
read_name(const unsigned char *data, size_t len, size_t at, char text[SC_DNS_NAME_MAX])
{
    bool is_plain = true;
    size_t used = 0;

    while (at < len && data[at] != 0) {
        size_t label = data[at];

        /* 255 bytes are the most that a name has, its lengths and its end among them */
        if (label > LABEL_MAX || at + 1 + label >= len || used + label + 2 >= SC_DNS_NAME_MAX)
            return 0;
        is_plain = add_label(data + at + 1, label, text, &used) && is_plain;
        at += 1 + label;
    }
    text[is_plain ? used : 0] = '\0';
    return at < len ? at + 1 : 0;
}

/* Behind a name of which nothing is wanted, which may end in a pointer; 0: it is damaged. */
static size_t
skip_name(const unsigned char *data, size_t len, size_t at)
{
    while (at < len) {
        if (data[at] == 0)
            return at + 1;
        if ((data[at] & POINTER) == POINTER)
            return at + 2 <= len ? at + 2 : 0;
        if (data[at] > LABEL_MAX)
            return 0;
        at += 1U + data[at];
    }
    return 0;
}

/* EDNS, behind the question. False: a record is damaged. */
static bool
read_records(const unsigned char *data, size_t len, struct sc_dns_question *out)
{
    unsigned count = get16(data + 6) + get16(data + 8) + get16(data + 10);
    size_t at = out->end;

    for (unsigned i = 0; i < count; i++) {
        bool is_root = at < len && data[at] == 0;

        at = skip_name(data, len, at);
        if (at == 0 || at + RECORD_HEAD > len || at + RECORD_HEAD + get16(data + at + 8) > len)
            return false;
        if (is_root && get16(data + at) == SC_DNS_OPT) {
            unsigned size = get16(data + at + 2);

            if (out->has_edns)
                return false;
            out->has_edns = true;
            if (size > SC_DNS_PLAIN_MAX)
                out->answer_max = size < EDNS_MAX ? size : EDNS_MAX;
        }
        at += RECORD_HEAD + get16(data + at + 8);
    }
    return true;
}

static enum sc_dns_kind
is_bad(struct sc_dns_question *out, int rcode)
{
    out->rcode = rcode;
    return SC_DNS_IS_BAD;
}

enum sc_dns_kind
sc_dns_parse(const unsigned char *data, size_t len, struct sc_dns_question *out)
{
    size_t at;

    *out = (struct sc_dns_question){.end = HEADER, .answer_max = SC_DNS_PLAIN_MAX};
    /* an answer is never answered: two who did would not come to an end */
    if (len < HEADER || (get16(data + 2) & FLAG_QR) != 0)
        return SC_DNS_IS_NONE;
    if ((get16(data + 2) & FLAG_OPCODE) != 0)
        return is_bad(out, SC_DNS_NOTIMP);
    if (get16(data + 4) != 1)
        return is_bad(out, SC_DNS_FORMERR);
    at = read_name(data, len, HEADER, out->name);
    if (at == 0 || at + 4 > len)
        return is_bad(out, SC_DNS_FORMERR);
    out->type = (uint16_t)get16(data + at);
    out->class = (uint16_t)get16(data + at + 2);
    if (out->class != CLASS_IN)
        out->name[0] = '\0';
    out->end = at + 4;
    return read_records(data, len, out) ? SC_DNS_ASKS : is_bad(out, SC_DNS_FORMERR);
}

/* ---- reverse look-ups -------------------------------------------------------------------------------------------- */

static bool
has_suffix(const char *name, size_t len, const char *suffix)
{
    return len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

/* "2.0.0.10" before the suffix */
static size_t
reverse_v4(const char *name, size_t len, unsigned char out[16])
{
    const char *at = name, *end = name + len;

    for (int i = 3; i >= 0; i--) {
        unsigned value = 0;
        const char *digits = at;

        for (; at < end && *at >= '0' && *at <= '9' && at - digits < 3; at++)
            value = value * 10 + (unsigned)(*at - '0');
        if (at == digits || value > 255 || (i > 0 ? at == end || *at++ != '.' : at != end))
            return 0;
        out[i] = (unsigned char)value;
    }
    return 4;
}

/* 32 digits, the last first, a dot behind each */
static size_t
reverse_v6(const char *name, size_t len, unsigned char out[16])
{
    static const char digits[] = "0123456789abcdef";

    if (len != 63)
        return 0;
    memset(out, 0, 16);
    for (size_t i = 0; i < 32; i++) {
        const char *digit = name[2 * i] ? strchr(digits, name[2 * i]) : NULL;

        if (digit == NULL || (i < 31 && name[2 * i + 1] != '.'))
            return 0;
        out[15 - i / 2] = (unsigned char)(out[15 - i / 2] | (unsigned)(digit - digits) << (i % 2 ? 4 : 0));
    }
    return 16;
}

size_t
sc_dns_reverse(const char *name, unsigned char out[16])
{
    static const char v4[] = ".in-addr.arpa", v6[] = ".ip6.arpa";
    size_t len = strlen(name);

    if (has_suffix(name, len, v4))
        return reverse_v4(name, len - strlen(v4), out);
    return has_suffix(name, len, v6) ? reverse_v6(name, len - strlen(v6), out) : 0;
}

/* ---- answers of others ------------------------------------------------------------------------------------------- */

bool
sc_dns_answers(const unsigned char *reply, size_t len, const unsigned char *query, size_t question_end, uint16_t id)
{
    if (len < HEADER || get16(reply) != id || (get16(reply + 2) & FLAG_QR) == 0)
        return false;
    /* One that knows no EDNS may leave the question out of what it says about that. */
    if (get16(reply + 4) == 0)
        return sc_dns_rcode(reply) != SC_DNS_NOERROR;
    return get16(reply + 4) == 1 && len >= question_end &&
           memcmp(reply + HEADER, query + HEADER, question_end - HEADER) == 0;
}

/* ---- our own ----------------------------------------------------------------------------------------------------- */

void
sc_dns_answer_begin(struct sc_dns_answer *answer, const unsigned char *query, const struct sc_dns_question *question,
                    int rcode)
{
    unsigned flags = FLAG_QR | FLAG_RA | (get16(query + 2) & (FLAG_OPCODE | FLAG_RD)) | (unsigned)rcode;

    memset(answer->data, 0, HEADER);
    memcpy(answer->data, query, question->end);
    put16(answer->data + 2, flags);
    put16(answer->data + 4, question->end > HEADER);
    memset(answer->data + 6, 0, HEADER - 6);
    answer->len = question->end;
    answer->count = 0;
    answer->is_cut = false;
}

/* Room for a record of len bytes of data about the question's name; NULL: there is none. */
static unsigned char *
add_record(struct sc_dns_answer *answer, unsigned type, size_t len)
{
    unsigned char *at = answer->data + answer->len;

    if (answer->len + 2 + RECORD_HEAD + len + OPT_LEN > answer->size) {
        answer->is_cut = true;
        return NULL;
    }
    put16(at, POINTER << 8 | HEADER);
    put16(at + 2, type);
    put16(at + 4, CLASS_IN);
    put16(at + 6, 0);
    put16(at + 8, TTL);
    put16(at + 10, (unsigned)len);
    answer->len += 2 + RECORD_HEAD + len;
    answer->count++;
    return at + 2 + RECORD_HEAD;
}

void
sc_dns_answer_address(struct sc_dns_answer *answer, const unsigned char *bytes, size_t len)
{
    unsigned char *data = add_record(answer, len == 16 ? SC_DNS_AAAA : SC_DNS_A, len);

    if (data != NULL)
        memcpy(data, bytes, len);
}

/* A label that no name may have is cut: names of ours have none. */
void
sc_dns_answer_name(struct sc_dns_answer *answer, const char *name)
{
    unsigned char text[SC_DNS_NAME_MAX + 1], *data;
    size_t used = 0;

    while (*name) {
        size_t len = strcspn(name, "."), kept = len < LABEL_MAX ? len : LABEL_MAX;

        if (used + kept + 2 >= sizeof(text))
            break;
        if (kept > 0) {
            text[used] = (unsigned char)kept;
            memcpy(text + used + 1, name, kept);
            used += 1 + kept;
        }
        name += len + (name[len] == '.');
    }
    text[used++] = 0;
    data = add_record(answer, SC_DNS_PTR, used);
    if (data != NULL)
        memcpy(data, text, used);
}

void
sc_dns_answer_end(struct sc_dns_answer *answer, const struct sc_dns_question *question)
{
    unsigned char *data = answer->data;

    put16(data + 6, answer->count);
    if (answer->count > 0)
        put16(data + 2, get16(data + 2) | FLAG_AA);
    if (answer->is_cut)
        put16(data + 2, get16(data + 2) | FLAG_TC);
    if (!question->has_edns || answer->len + OPT_LEN > answer->size)
        return;
    memset(data + answer->len, 0, OPT_LEN);
    put16(data + answer->len + 1, SC_DNS_OPT);
    put16(data + answer->len + 3, OPT_SIZE);
    put16(data + 10, 1);
    answer->len += OPT_LEN;
}
