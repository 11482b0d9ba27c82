/* D-Bus messages (dbus-specification, "Marshaling" and "Message Format"): values are written from words by walking the
 * signature, and what comes back is read with every length checked. musl-clean: only base. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernel/cgroup/systemd/systemd.h"

#define DEPTH_MOST 16
#define NATIVE     (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B')

enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR_NAME, FIELD_REPLY_SERIAL, FIELD_DESTINATION };
enum { FIELD_SIGNATURE = 8 };

static void
put_padding(struct sc_buf *out, size_t alignment)
{
    while (out->len % alignment != 0)
        sc_buf_addc(out, '\0');
}

static void
put_u32(struct sc_buf *out, uint32_t value)
{
    put_padding(out, sizeof(value));
    sc_buf_add(out, &value, sizeof(value));
}

static void
put_string(struct sc_buf *out, const char *text)
{
    put_u32(out, (uint32_t)strlen(text));
    sc_buf_add(out, text, strlen(text) + 1);
}

static void
put_signature(struct sc_buf *out, const char *text)
{
    sc_buf_addc(out, (char)strlen(text));
    sc_buf_add(out, text, strlen(text) + 1);
}

/* ---- words to values -------------------------------------------------------- */

struct walk {
    const struct sc_strv *words;
    size_t next;
    struct sc_buf *out;
};

static const char *
take_word(struct walk *walk)
{
    return walk->next < walk->words->count ? walk->words->items[walk->next++] : NULL;
}

static size_t
alignment_of(char type)
{
    switch (type) {
    case 'y':
    case 'g':
    case 'v':
        return 1;
    case 'n':
    case 'q':
        return 2;
    case 'x':
    case 't':
    case 'd':
    case '(':
    case '{':
        return 8;
    default:
        return 4;
    }
}

/* Past the one complete type at the start of signature; NULL where there is none. */
static const char *
skip_type(const char *signature, unsigned depth)
{
    if (*signature == '\0' || depth > DEPTH_MOST)
        return NULL;
    if (*signature == 'a')
        return skip_type(signature + 1, depth + 1);
    if (*signature == '(' && signature[1] != ')') {
        signature++;
        while (signature && *signature && *signature != ')')
            signature = skip_type(signature, depth + 1);
        return signature && *signature == ')' ? signature + 1 : NULL;
    }
    return strchr("ynqiuxtdbsogv", *signature) ? signature + 1 : NULL;
}

static int
put_number(struct walk *walk, char type, const char *word, struct sc_err *err)
{
    static const struct {
        char type;
        uint8_t size;
        bool is_signed;
    } kinds[] = {{'y', 1, false}, {'n', 2, true}, {'q', 2, false}, {'i', 4, true},
                 {'u', 4, false}, {'x', 8, true}, {'t', 8, false}};
    uint64_t value = 0;
    int64_t number = 0;

    for (size_t i = 0; i < SC_ARRAY_LEN(kinds); i++) {
        if (kinds[i].type != type)
            continue;
        if (kinds[i].is_signed ? sc_parse_i64(word, &number, err) < 0 : sc_parse_u64(word, &value, err) < 0)
            return -1;
        if (kinds[i].is_signed)
            value = (uint64_t)number;
        if (kinds[i].size < 8) {
            int64_t most = INT64_C(1) << (kinds[i].size * 8 - kinds[i].is_signed);

            if (kinds[i].is_signed ? number >= most || number < -most : value >= (uint64_t)most)
                return sc_err_set(err, SC_ERR_INVALID, "\"%s\" does not fit the type \"%c\"", word, type);
        }
        put_padding(walk->out, kinds[i].size);
        /* The low bytes are the value's, whatever the order of this machine. */
        uint8_t y = (uint8_t)value;
        uint16_t q = (uint16_t)value;
        uint32_t u = (uint32_t)value;
        const void *bytes = kinds[i].size == 1   ? (const void *)&y
                            : kinds[i].size == 2 ? (const void *)&q
                            : kinds[i].size == 4 ? (const void *)&u
                                                 : (const void *)&value;
        sc_buf_add(walk->out, bytes, kinds[i].size);
        return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "\"%c\" is not a D-Bus type", type);
}

static int
put_basic(struct walk *walk, char type, const char *word, struct sc_err *err)
{
    char *end = NULL;
    double real;
    bool flag;

    switch (type) {
    case 's':
    case 'o':
        put_string(walk->out, word);
        return 0;
    case 'g':
        if (strlen(word) > UINT8_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "a signature of %zu bytes is too long", strlen(word));
        put_signature(walk->out, word);
        return 0;
    case 'b':
        if (sc_parse_bool(word, &flag, err) < 0)
            return -1;
        put_u32(walk->out, flag);
        return 0;
    case 'd':
        real = strtod(word, &end);
        if (end == word || *end != '\0' || !isfinite(real))
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a number", word);
        put_padding(walk->out, sizeof(real));
        sc_buf_add(walk->out, &real, sizeof(real));
        return 0;
    default:
        return put_number(walk, type, word, err);
    }
}

static int put_value(struct walk *walk, const char *signature, unsigned depth, struct sc_err *err);

/* As many types as come before end */
static int
put_values(struct walk *walk, const char *signature, const char *end, unsigned depth, struct sc_err *err)
{
    while (signature < end) {
        const char *next = skip_type(signature, depth);

        if (!next || next > end)
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a D-Bus signature", signature);
        if (put_value(walk, signature, depth, err) < 0)
            return -1;
        signature = next;
    }
    return 0;
}

static int
put_array(struct walk *walk, const char *element, unsigned depth, struct sc_err *err)
{
    const char *word = take_word(walk);
    uint64_t count;
    size_t length_at, begin;
    uint32_t length;

    if (!word)
        return sc_err_set(err, SC_ERR_INVALID, "an array has no length");
    if (sc_parse_u64(word, &count, err) < 0)
        return -1;
    put_u32(walk->out, 0);
    length_at = walk->out->len - sizeof(length);
    put_padding(walk->out, alignment_of(*element));
    begin = walk->out->len;
    for (uint64_t i = 0; i < count; i++) {
        if (put_value(walk, element, depth + 1, err) < 0)
            return -1;
    }
    if (sc_buf_check(walk->out, err) < 0)
        return -1;
    length = (uint32_t)(walk->out->len - begin);
    memcpy(walk->out->data + length_at, &length, sizeof(length));
    return 0;
}

static int
put_variant(struct walk *walk, unsigned depth, struct sc_err *err)
{
    const char *signature = take_word(walk), *end = signature ? skip_type(signature, depth + 1) : NULL;

    if (!end || *end != '\0')
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not the signature of a value", signature ? signature : "");
    put_signature(walk->out, signature);
    return put_value(walk, signature, depth + 1, err);
}

static int
put_value(struct walk *walk, const char *signature, unsigned depth, struct sc_err *err)
{
    const char *end = skip_type(signature, depth), *word;

    if (!end)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is not a D-Bus signature", signature);
    if (*signature == 'a')
        return put_array(walk, signature + 1, depth, err);
    if (*signature == 'v')
        return put_variant(walk, depth, err);
    if (*signature == '(') {
        put_padding(walk->out, 8);
        return put_values(walk, signature + 1, end - 1, depth + 1, err);
    }
    word = take_word(walk);
    if (!word)
        return sc_err_set(err, SC_ERR_INVALID, "a value of type \"%c\" is missing", *signature);
    return put_basic(walk, *signature, word, err);
}

int
sc_dbus_write_words(const char *signature, const struct sc_strv *words, struct sc_buf *out, struct sc_err *err)
{
    struct walk walk = {.words = words, .out = out};

    if (put_values(&walk, signature, signature + strlen(signature), 0, err) < 0)
        return -1;
    if (walk.next != words->count)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\" is more than the signature \"%s\" takes",
                          words->items[walk.next], signature);
    return sc_buf_check(out, err);
}

/* ---- whole messages ----------------------------------------------------------- */

static void
put_field(struct sc_buf *out, uint8_t code, char type, const char *text)
{
    char signature[2] = {type, '\0'};

    if (!text)
        return;
    put_padding(out, 8);
    sc_buf_addc(out, (char)code);
    put_signature(out, signature);
    if (type == 'g')
        put_signature(out, text);
    else
        put_string(out, text);
}

int
sc_dbus_write(const struct sc_dbus_message *message, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_buf bytes = SC_BUF_INIT;
    const char head[4] = {NATIVE, (char)message->type, 0, 1};
    uint32_t length;

    sc_buf_add(&bytes, head, sizeof(head));
    put_u32(&bytes, (uint32_t)message->body_len);
    put_u32(&bytes, message->serial);
    put_u32(&bytes, 0);
    put_field(&bytes, FIELD_PATH, 'o', message->path);
    put_field(&bytes, FIELD_INTERFACE, 's', message->interface);
    put_field(&bytes, FIELD_MEMBER, 's', message->member);
    put_field(&bytes, FIELD_DESTINATION, 's', message->destination);
    put_field(&bytes, FIELD_SIGNATURE, 'g', message->signature);
    if (sc_buf_check(&bytes, err) < 0)
        return -1;
    length = (uint32_t)(bytes.len - SC_DBUS_HEAD);
    memcpy(bytes.data + SC_DBUS_HEAD - sizeof(length), &length, sizeof(length));
    put_padding(&bytes, 8);
    sc_buf_add(&bytes, message->body, message->body_len);
    if (sc_buf_check(&bytes, err) < 0)
        return -1;
    sc_buf_add(out, bytes.data, bytes.len);
    return sc_buf_check(out, err);
}

/* ---- reading -------------------------------------------------------------------- */

struct reader {
    const uint8_t *data; /* its start is aligned to 8 in the message */
    size_t len, at;
};

static bool
skip_padding(struct reader *reader, size_t alignment)
{
    size_t rest = reader->at % alignment;

    if (rest && alignment - rest > reader->len - reader->at)
        return false;
    reader->at += rest ? alignment - rest : 0;
    return true;
}

static bool
get_u32(struct reader *reader, uint32_t *out)
{
    if (!skip_padding(reader, sizeof(*out)) || reader->len - reader->at < sizeof(*out))
        return false;
    memcpy(out, reader->data + reader->at, sizeof(*out));
    reader->at += sizeof(*out);
    return true;
}

/* len bytes and the NUL after them, with none inside */
static const char *
get_text(struct reader *reader, size_t len)
{
    const char *text = (const char *)reader->data + reader->at;

    if (reader->len - reader->at <= len || strnlen(text, len + 1) != len)
        return NULL;
    reader->at += len + 1;
    return text;
}

static const char *
get_string(struct reader *reader)
{
    uint32_t len;

    return get_u32(reader, &len) ? get_text(reader, len) : NULL;
}

static const char *
get_signature(struct reader *reader)
{
    return reader->at < reader->len ? get_text(reader, reader->data[reader->at++]) : NULL;
}

int
sc_dbus_length(const uint8_t head[SC_DBUS_HEAD], size_t *len, struct sc_err *err)
{
    uint32_t body, fields;

    memcpy(&body, head + 4, sizeof(body));
    memcpy(&fields, head + 12, sizeof(fields));
    /* The other byte order is allowed, and nobody on this machine has a reason to use it. */
    if (head[0] != NATIVE || head[3] != 1)
        return sc_err_set(err, SC_ERR_KERNEL, "read a D-Bus message: it is not one");
    *len = SC_DBUS_HEAD + ((size_t)fields + 7) / 8 * 8 + body;
    if (*len > SC_DBUS_MESSAGE_MAX)
        return sc_err_set(err, SC_ERR_KERNEL, "read a D-Bus message: %zu bytes are too many", *len);
    return 0;
}

static bool
get_field(struct reader *reader, struct sc_dbus_message *out)
{
    const char *signature, *text = NULL;
    uint32_t number = 0;
    uint8_t code;

    if (!skip_padding(reader, 8) || reader->at == reader->len)
        return false;
    code = reader->data[reader->at++];
    signature = get_signature(reader);
    if (!signature || !signature[0] || signature[1])
        return false;
    if (signature[0] == 'u' ? !get_u32(reader, &number)
                            : !(text = signature[0] == 'g'          ? get_signature(reader)
                                       : strchr("so", signature[0]) ? get_string(reader)
                                                                    : NULL))
        return false;
    switch (code) {
    case FIELD_PATH:
        out->path = text;
        break;
    case FIELD_INTERFACE:
        out->interface = text;
        break;
    case FIELD_MEMBER:
        out->member = text;
        break;
    case FIELD_ERROR_NAME:
        out->error_name = text;
        break;
    case FIELD_REPLY_SERIAL:
        out->reply_serial = number;
        break;
    case FIELD_SIGNATURE:
        out->signature = text;
        break;
    default:
        break; /* the sender, descriptors: nothing here asks for them */
    }
    return true;
}

int
sc_dbus_read(const uint8_t *data, size_t len, struct sc_dbus_message *out, struct sc_err *err)
{
    struct reader reader = {.data = data};
    uint32_t fields;
    size_t whole;

    *out = (struct sc_dbus_message){.type = SC_DBUS_CALL};
    if (len < SC_DBUS_HEAD)
        return sc_err_set(err, SC_ERR_KERNEL, "read a D-Bus message: it is cut off");
    if (sc_dbus_length(data, &whole, err) < 0)
        return -1;
    if (whole != len)
        return sc_err_set(err, SC_ERR_KERNEL, "read a D-Bus message: it is cut off");
    memcpy(&out->serial, data + 8, sizeof(out->serial));
    memcpy(&fields, data + 12, sizeof(fields));
    out->type = (enum sc_dbus_type)data[1];
    reader.at = SC_DBUS_HEAD;
    reader.len = SC_DBUS_HEAD + (size_t)fields;
    while (reader.at < reader.len) {
        if (!get_field(&reader, out))
            return sc_err_set(err, SC_ERR_KERNEL, "read a D-Bus message: its header is damaged");
    }
    memcpy(&fields, data + 4, sizeof(fields));
    out->body_len = fields;
    out->body = data + len - out->body_len;
    return 0;
}

const char *
sc_dbus_string(const struct sc_dbus_message *message, size_t index)
{
    struct reader reader = {.data = message->body, .len = message->body_len};
    const char *signature = message->signature ? message->signature : "";

    for (;; signature++) {
        char type = *signature;
        const char *text = NULL;
        uint32_t number;

        if (type == 'v') {
            const char *inner = get_signature(&reader);

            type = inner && inner[0] && !inner[1] ? inner[0] : '\0';
        }
        if (type == 'u' ? !get_u32(&reader, &number)
                        : (type != 's' && type != 'o') || (text = get_string(&reader)) == NULL)
            return NULL;
        if (index-- == 0)
            return text;
    }
}
