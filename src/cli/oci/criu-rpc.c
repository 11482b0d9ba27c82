/*
 * criu's own protocol: `criu swrk FD` is asked over a SEQPACKET socket, in the protocol buffers of its rpc.proto, and
 * asks back (notifications) before it answers. Of those buffers only what is used is here: numbers and texts.
 */
#include <errno.h>
#include <string.h>

#include "cli/oci/oci-priv.h"

#define PACKET_MAX   (64 << 10)
#define WIRE_VARINT  0
#define WIRE_FIXED64 1
#define WIRE_BYTES   2
#define WIRE_FIXED32 5

/* members of criu_req, criu_resp and criu_notify */
enum { REQ_TYPE = 1, REQ_OPTS = 2, REQ_NOTIFY_SUCCESS = 3 };
enum { RESP_TYPE = 1, RESP_SUCCESS = 2, RESP_RESTORE = 4, RESP_NOTIFY = 5, RESP_ERRNO = 7 };
enum { RESTORE_PID = 1 };
enum { NOTIFY_SCRIPT = 1, NOTIFY_PID = 2 };

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void
add_varint(struct sc_buf *buf, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        sc_buf_addc(buf, (char)(0x80 | (value & 0x7f)));
    sc_buf_addc(buf, (char)value);
}

void
sc_criu_add_number(struct sc_buf *buf, unsigned member, uint64_t value)
{
    add_varint(buf, (uint64_t)member << 3 | WIRE_VARINT);
    add_varint(buf, value);
}

void
sc_criu_add_bytes(struct sc_buf *buf, unsigned member, const void *data, size_t len)
{
    add_varint(buf, (uint64_t)member << 3 | WIRE_BYTES);
    add_varint(buf, len);
    sc_buf_add(buf, data, len);
}

void
sc_criu_add_text(struct sc_buf *buf, unsigned member, const char *text)
{
    sc_criu_add_bytes(buf, member, text, strlen(text));
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

struct cursor {
    const unsigned char *at, *end;
};
struct field {
    unsigned member, wire;
    uint64_t number;
    struct cursor bytes;
};

static bool
read_varint(struct cursor *c, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        unsigned char byte = *c->at++;

        *value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* false at the end, and at what is no field: then the cursor is not at the end */
static bool
read_field(struct cursor *c, struct field *field)
{
    struct cursor next = *c;
    uint64_t key = 0, len = 0;

    if (next.at == next.end || !read_varint(&next, &key))
        return false;
    *field = (struct field){.member = (unsigned)(key >> 3), .wire = (unsigned)(key & 7)};
    if (field->wire == WIRE_VARINT) {
        if (!read_varint(&next, &field->number))
            return false;
    } else {
        if (field->wire == WIRE_BYTES) {
            if (!read_varint(&next, &len))
                return false;
        } else if (field->wire == WIRE_FIXED64 || field->wire == WIRE_FIXED32) {
            len = field->wire == WIRE_FIXED64 ? 8 : 4;
        } else {
            return false;
        }
        if (len > (uint64_t)(next.end - next.at))
            return false;
        field->bytes = (struct cursor){.at = next.at, .end = next.at + len};
        next.at += len;
    }
    *c = next;
    return true;
}

static const char *
field_text(const struct field *field, struct sc_arena *arena)
{
    return field->wire == WIRE_BYTES
               ? sc_arena_strndup(arena, (const char *)field->bytes.at, (size_t)(field->bytes.end - field->bytes.at))
               : NULL;
}

static bool
read_part(struct cursor c, bool is_notify, struct sc_arena *arena, struct sc_criu_answer *out)
{
    struct field field;

    while (read_field(&c, &field)) {
        if (is_notify && field.member == NOTIFY_SCRIPT)
            out->script = field_text(&field, arena);
        else if (field.member == (is_notify ? (unsigned)NOTIFY_PID : (unsigned)RESTORE_PID))
            out->pid = (pid_t)field.number;
    }
    return c.at == c.end;
}

int
sc_criu_read_answer(const void *data, size_t len, struct sc_arena *arena, struct sc_criu_answer *out,
                    struct sc_err *err)
{
    struct cursor c = {.at = data, .end = (const unsigned char *)data + len};
    struct field field;
    bool is_good = true, has_type = false;

    memset(out, 0, sizeof(*out));
    while (is_good && read_field(&c, &field)) {
        switch (field.member) {
        case RESP_TYPE:
            out->type = (int)field.number;
            has_type = true;
            break;
        case RESP_SUCCESS:
            out->is_success = field.number != 0;
            break;
        case RESP_RESTORE:
        case RESP_NOTIFY:
            is_good = read_part(field.bytes, field.member == RESP_NOTIFY, arena, out);
            break;
        case RESP_ERRNO:
            out->errnum = (int)field.number;
            break;
        default:
            break;
        }
    }
    if (!is_good || !has_type || c.at != c.end)
        return sc_err_set(err, SC_ERR_KERNEL, "talk to criu: its answer cannot be read");
    return sc_arena_check(arena, err);
}

/* ---- the conversation ---------------------------------------------------------------------------------------- */

static int
request(int sock, enum sc_criu_type type, const struct sc_buf *opts, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_criu_add_number(&text, REQ_TYPE, (uint64_t)type);
    if (opts != NULL)
        sc_criu_add_bytes(&text, REQ_OPTS, opts->data, opts->len);
    else
        sc_criu_add_number(&text, REQ_NOTIFY_SUCCESS, 1);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_msg_send(sock, text.data, text.len, NULL, 0, err);
}

int
sc_criu_talk(int sock, enum sc_criu_type type, const struct sc_buf *opts, sc_criu_notify_fn notify, void *data,
             struct sc_arena *arena, struct sc_criu_answer *answer, struct sc_err *err)
{
    char *packet = sc_arena_alloc(arena, PACKET_MAX);

    if (packet == NULL)
        return sc_err_nomem(err);
    if (request(sock, type, opts, err) < 0)
        return -1;
    for (;;) {
        sc_cleanup_fd fd = -1;
        size_t count = 1;
        ssize_t len = sc_msg_recv(sock, packet, PACKET_MAX, &fd, &count, err);

        if (len < 0)
            return -1;
        if (len == 0)
            return sc_err_set(err, SC_ERR_PEER_DIED, "it ended without an answer");
        if (sc_criu_read_answer(packet, (size_t)len, arena, answer, err) < 0)
            return -1;
        if (answer->type != SC_CRIU_NOTIFY)
            return 0;
        if (notify(data, answer, &fd, err) < 0 || request(sock, SC_CRIU_NOTIFY, NULL, err) < 0)
            return -1;
    }
}
