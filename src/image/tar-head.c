/* Headers of tar entries, and PAX records (POSIX, pax; GNU tar's manual, "Basic Tar Format"). */
#include <stddef.h>
#include <string.h>

#include "image/tar-read-priv.h"

/* Where a header has what. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    SIZE_SIZE = 12,
    SUM = 148,
    SUM_SIZE = 8,
    TYPE = 156,
    LINK = 157,
    LINK_SIZE = 100,
    MAGIC = 257,
    GNU_SPARSE = 386,   /* first number of the map of holes ... */
    GNU_EXTENDED = 482, /* ... which goes on in the next block */
    GNU_REAL_SIZE = 483,
    PREFIX = 345,
    PREFIX_SIZE = 155
};

/* A number in octal, ended by a space or NUL or the field's end; or, where the first bit is set, in base 256. */
static int
decode_number(const char *field, size_t size, int64_t *out, struct sc_err *err)
{
    const unsigned char *byte = (const unsigned char *)field, *end = byte + size;
    uint64_t value = 0;

    if (*byte & 0x80) {
        value = *byte++ & 0x7f;
        for (; byte < end && value <= (uint64_t)INT64_MAX >> 8; byte++)
            value = value << 8 | *byte;
    } else {
        while (byte < end && *byte == ' ')
            byte++;
        for (; byte < end && *byte >= '0' && *byte <= '7' && value <= (uint64_t)INT64_MAX >> 3; byte++)
            value = value << 3 | (uint64_t)(*byte - '0');
        while (byte < end && (*byte == ' ' || *byte == '\0'))
            byte++;
    }
    if (byte < end)
        return sc_err_set(err, SC_ERR_INVALID, "a number in a header of the archive is damaged or too large");
    *out = (int64_t)value;
    return 0;
}

/* Everything is added up, with spaces in place of the sum; some old programs did so with signed bytes. */
static bool
has_right_sum(const char block[SC_TAR_READ_BLOCK], int64_t sum)
{
    int64_t is = 0, is_signed = 0;

    for (int i = 0; i < SC_TAR_READ_BLOCK; i++) {
        char c = i >= SUM && i < SUM + SUM_SIZE ? ' ' : block[i];

        is += (unsigned char)c;
        is_signed += (signed char)c;
    }
    return sum == is || sum == is_signed;
}

static enum sc_member_kind
kind_of(char type, const char *name)
{
    const size_t len = strlen(name);

    switch (type) {
    case '0':
    case '\0':
    case '7':
        /* as it was before there were types */
        return len > 0 && name[len - 1] == '/' ? SC_MEMBER_DIR : SC_MEMBER_FILE;
    case '1':
        return SC_MEMBER_HARD_LINK;
    case '2':
        return SC_MEMBER_SYMLINK;
    case '5':
        return SC_MEMBER_DIR;
    case 'L':
        return SC_MEMBER_LONG_NAME;
    case 'K':
        return SC_MEMBER_LONG_LINK;
    case 'x':
        return SC_MEMBER_RECORDS;
    case 'g':
        return SC_MEMBER_GLOBAL;
    default:
        return SC_MEMBER_OTHER;
    }
}

int
sc_tar_head_err(struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "it is no tar archive, or a damaged one");
}

int
sc_tar_head_decode(const char block[SC_TAR_READ_BLOCK], struct sc_tar_head *out, struct sc_err *err)
{
    static const char zeros[SC_TAR_READ_BLOCK];
    size_t prefix = 0, name = strnlen(block + NAME, NAME_SIZE), link = strnlen(block + LINK, LINK_SIZE);
    int64_t sum;

    *out = (struct sc_tar_head){.kind = SC_MEMBER_ZEROS};
    if (memcmp(block, zeros, sizeof(zeros)) == 0)
        return 0;
    if (decode_number(block + SUM, SUM_SIZE, &sum, err) < 0 || !has_right_sum(block, sum)) {
        *err = (struct sc_err)SC_ERR_INIT;
        return sc_tar_head_err(err);
    }
    if (decode_number(block + SIZE, SIZE_SIZE, &out->size, err) < 0)
        return -1;
    /* Only where the magic is POSIX's: GNU keeps times there. */
    if (memcmp(block + MAGIC, "ustar", sizeof("ustar")) == 0)
        prefix = strnlen(block + PREFIX, PREFIX_SIZE);
    if (prefix > 0) {
        memcpy(out->name, block + PREFIX, prefix);
        out->name[prefix++] = '/';
    }
    memcpy(out->name + prefix, block + NAME, name);
    memcpy(out->link, block + LINK, link);
    out->kind = kind_of(block[TYPE], out->name);
    return 0;
}

/* One record, "LENGTH KEY=VALUE\n", at the beginning of len bytes: its length, or 0. */
static size_t
decode_record(char *text, size_t len, char **key, char **value)
{
    size_t digits = 0, length = 0;

    while (digits < len && digits < 8 && text[digits] >= '0' && text[digits] <= '9')
        length = length * 10 + (size_t)(text[digits++] - '0');
    if (digits == 0 || digits == len || text[digits] != ' ' || length > len || length < digits + 2 ||
        text[length - 1] != '\n')
        return 0;
    *key = text + digits + 1;
    text[length - 1] = '\0';
    *value = memchr(*key, '=', length - digits - 2);
    if (!*value || *value == *key)
        return 0;
    *(*value)++ = '\0';
    /* A value may have any byte; those asked for here are names and numbers. */
    return length;
}

int
sc_tar_records_decode(char *text, size_t len, struct sc_tar_records *out, struct sc_err *err)
{
    *out = (struct sc_tar_records){.size = -1};
    text[len] = '\0';
    while (len > 0) {
        char *key, *value;
        size_t length = decode_record(text, len, &key, &value), value_len;

        if (length == 0)
            return sc_err_set(err, SC_ERR_INVALID, "a PAX header of the archive is damaged");
        value_len = (size_t)(text + length - 1 - value);
        if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0) {
            if (strlen(value) != value_len)
                return sc_err_set(err, SC_ERR_INVALID, "a name in a PAX header of the archive has a NUL in it");
            *(key[0] == 'p' ? &out->path : &out->linkpath) = value;
        } else if (strcmp(key, "size") == 0) {
            if (sc_parse_i64(value, &out->size, err) < 0 || out->size < 0) {
                *err = (struct sc_err)SC_ERR_INIT;
                return sc_err_set(err, SC_ERR_INVALID, "a size in a PAX header of the archive is no number");
            }
        } else if (strncmp(key, "GNU.sparse.", sizeof("GNU.sparse.") - 1) == 0) {
            return sc_err_set(err, SC_ERR_INVALID, "an image archive cannot have sparse files");
        }
        text += length;
        len -= length;
    }
    return 0;
}

/* What PAX records say of the size is not understood here. */
static bool
has_size_record(const char *data, size_t len, int64_t size)
{
    return (uint64_t)size > len || memmem(data, (size_t)size, "size=", 5) != NULL;
}

int
sc_tar_guard(struct sc_tar_guard *guard, const char *data, size_t len, struct sc_err *err)
{
    while (!guard->is_over && len > 0) {
        size_t passed = (uint64_t)guard->skip < len ? (size_t)guard->skip : len;
        struct sc_err unread = SC_ERR_INIT;
        struct sc_tar_head head;

        guard->skip -= (int64_t)passed;
        data += passed;
        len -= passed;
        if (len == 0)
            return 0;
        guard->is_over = len < SC_TAR_READ_BLOCK || sc_tar_head_decode(data, &head, &unread) < 0 ||
                         head.kind == SC_MEMBER_ZEROS || data[TYPE] == 'S' ||
                         (data[TYPE] >= '1' && data[TYPE] <= '6' && head.size > 0);
        if (guard->is_over)
            return 0;
        /* Where only an 'S' has a map of holes, libarchive takes what is there for one, whatever the type is, and to
         * complete it reads the next header. */
        if (memcmp(data + MAGIC, "ustar  ", sizeof("ustar  ")) == 0 &&
            (data[GNU_SPARSE] || data[GNU_EXTENDED] || data[GNU_REAL_SIZE]))
            return sc_err_set(err, SC_ERR_INVALID, "entry \"%.300s\": it has a map of holes, and is no sparse file",
                              head.name);
        data += SC_TAR_READ_BLOCK;
        len -= SC_TAR_READ_BLOCK;
        guard->is_over = head.kind == SC_MEMBER_RECORDS && has_size_record(data, len, head.size);
        guard->skip = head.size > INT64_MAX - SC_TAR_READ_BLOCK
                          ? INT64_MAX
                          : (head.size + SC_TAR_READ_BLOCK - 1) / SC_TAR_READ_BLOCK * SC_TAR_READ_BLOCK;
    }
    return 0;
}
