/* image/tar-write.c: the deterministic tar stream of tar-write-priv.h. */
#include <stdio.h>
#include <string.h>

#include "image/tar-write-priv.h"

#define BLOCK        ((size_t)512)
#define OCTAL_11_MAX UINT64_C(077777777777) /* what eleven octal digits hold: 8 GiB - 1 */

struct ustar { /* POSIX.1-1988, tar(5) */
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], typeflag[1], linkname[100];
    char magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is one block");

static int
flush(struct sc_tar *tar, struct sc_err *err)
{
    size_t used = tar->used;

    tar->used = 0;
    return used > 0 ? tar->write(tar->sink, tar->buffer, used, err) : 0;
}

static int
put(struct sc_tar *tar, const void *data, size_t len, struct sc_err *err)
{
    if (len > SC_TAR_BUFFER - tar->used && flush(tar, err) < 0)
        return -1;
    if (len >= SC_TAR_BUFFER)
        return tar->write(tar->sink, data, len, err);
    memcpy(tar->buffer + tar->used, data, len);
    tar->used += len;
    return 0;
}

static int
put_zeros(struct sc_tar *tar, size_t len, struct sc_err *err)
{
    static const char zeros[2 * BLOCK];

    return put(tar, zeros, len, err);
}

static uint64_t
padding_of(uint64_t size)
{
    return (BLOCK - size % BLOCK) % BLOCK;
}

/* Digits with leading zeros, and the NUL that ends the field. */
static void
put_octal(char *field, size_t size, uint64_t value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static void
fill_header(struct ustar *header, char typeflag, mode_t mode, uint64_t size)
{
    *header = (struct ustar){.typeflag = {typeflag}};
    memcpy(header->magic, "ustar", 6);
    memcpy(header->version, "00", 2);
    put_octal(header->mode, sizeof(header->mode), mode & 07777);
    put_octal(header->uid, sizeof(header->uid), 0);
    put_octal(header->gid, sizeof(header->gid), 0);
    put_octal(header->size, sizeof(header->size), size);
    put_octal(header->mtime, sizeof(header->mtime), 0);
    put_octal(header->devmajor, sizeof(header->devmajor), 0);
    put_octal(header->devminor, sizeof(header->devminor), 0);
}

static int
put_header(struct sc_tar *tar, struct ustar *header, struct sc_err *err)
{
    const unsigned char *bytes = (const unsigned char *)header;
    unsigned sum = 0;

    /* The sum is taken with its own field as spaces; six digits, NUL, space by tradition. */
    memset(header->checksum, ' ', sizeof(header->checksum));
    for (size_t i = 0; i < BLOCK; i++)
        sum += bytes[i];
    put_octal(header->checksum, sizeof(header->checksum) - 1, sum);
    return put(tar, header, sizeof(*header), err);
}

/* A pax record is "LENGTH KEY=VALUE\n", and LENGTH counts its own digits. */
static void
add_pax(struct sc_buf *records, const char *key, const void *value, size_t len)
{
    size_t rest = 1 + strlen(key) + 1 + len + 1, total = rest + 1;
    char digits[SC_NUM_MAX];

    for (;;) {
        size_t count = (size_t)snprintf(digits, sizeof(digits), "%zu", total);
        if (count + rest == total)
            break;
        total = count + rest;
    }
    sc_buf_addf(records, "%s %s=", digits, key);
    sc_buf_add(records, value, len);
    sc_buf_addc(records, '\n');
}

/* Puts path into name, or split at a slash into prefix and name; false where neither holds it. */
static bool
fill_name(struct ustar *header, const char *path)
{
    size_t len = strlen(path);

    if (len <= sizeof(header->name)) {
        memcpy(header->name, path, len);
        return true;
    }
    for (size_t at = 1; at <= sizeof(header->prefix) && at + 1 < len; at++) {
        if (path[at] != '/' || len - at - 1 > sizeof(header->name))
            continue;
        memcpy(header->prefix, path, at);
        memcpy(header->name, path + at + 1, len - at - 1);
        return true;
    }
    memcpy(header->name, path, sizeof(header->name));
    return false;
}

static char
typeflag_of(enum sc_tar_type type)
{
    switch (type) {
    case SC_TAR_FILE:
        return '0';
    case SC_TAR_HARD_LINK:
        return '1';
    case SC_TAR_SYMLINK:
        return '2';
    case SC_TAR_DIR:
        return '5';
    }
    SC_BUG("unknown tar entry type");
}

int
sc_tar_open(struct sc_tar *tar, sc_tar_sink_fn write, void *sink, struct sc_err *err)
{
    *tar = (struct sc_tar){.write = write, .sink = sink, .buffer = malloc(SC_TAR_BUFFER)};
    return tar->buffer != NULL ? 0 : sc_err_nomem(err);
}

static int
put_pax(struct sc_tar *tar, const struct sc_buf *records, struct sc_err *err)
{
    struct ustar header;

    if (sc_buf_check(records, err) < 0)
        return -1;
    if (records->len == 0)
        return 0;
    fill_header(&header, 'x', 0644, records->len);
    memcpy(header.name, "pax_header", sizeof("pax_header"));
    if (put_header(tar, &header, err) < 0 || put(tar, records->data, records->len, err) < 0)
        return -1;
    return put_zeros(tar, padding_of(records->len), err);
}

int
sc_tar_add(struct sc_tar *tar, const struct sc_tar_entry *entry, struct sc_err *err)
{
    sc_cleanup_buf name = SC_BUF_INIT, records = SC_BUF_INIT;
    uint64_t size = entry->type == SC_TAR_FILE ? entry->size : 0;
    struct ustar header;

    if (tar->owed != 0)
        return sc_err_set(err, SC_ERR_INTERNAL, "write tar entry \"%s\": the entry before lacks content", entry->path);
    sc_buf_adds(&name, entry->path);
    if (entry->type == SC_TAR_DIR)
        sc_buf_addc(&name, '/');
    if (sc_buf_check(&name, err) < 0)
        return -1;
    fill_header(&header, typeflag_of(entry->type), entry->mode, size > OCTAL_11_MAX ? 0 : size);
    if (!fill_name(&header, name.data))
        add_pax(&records, "path", name.data, name.len);
    if (entry->link != NULL) {
        size_t len = strlen(entry->link);
        memcpy(header.linkname, entry->link, len < sizeof(header.linkname) ? len : sizeof(header.linkname));
        if (len > sizeof(header.linkname))
            add_pax(&records, "linkpath", entry->link, len);
    }
    if (size > OCTAL_11_MAX) {
        char digits[SC_NUM_MAX];
        int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)size);
        add_pax(&records, "size", digits, (size_t)len);
    }
    if (entry->capability != NULL)
        add_pax(&records, "SCHILY.xattr.security.capability", entry->capability, entry->capability_len);
    if (put_pax(tar, &records, err) < 0 || put_header(tar, &header, err) < 0)
        return -1;
    tar->owed = size;
    tar->padding = padding_of(size);
    return 0;
}

int
sc_tar_data(struct sc_tar *tar, const void *data, size_t len, struct sc_err *err)
{
    if (len > tar->owed)
        return sc_err_set(err, SC_ERR_INTERNAL, "write tar content: %zu bytes where %llu are due", len,
                          (unsigned long long)tar->owed);
    if (put(tar, data, len, err) < 0)
        return -1;
    tar->owed -= len;
    if (tar->owed > 0)
        return 0;
    len = tar->padding;
    tar->padding = 0;
    return put_zeros(tar, len, err);
}

int
sc_tar_finish(struct sc_tar *tar, struct sc_err *err)
{
    if (tar->owed != 0)
        return sc_err_set(err, SC_ERR_INTERNAL, "end tar: the last entry lacks content");
    if (put_zeros(tar, 2 * BLOCK, err) < 0)
        return -1;
    return flush(tar, err);
}

void
sc_tar_release(struct sc_tar *tar)
{
    free(tar->buffer);
    tar->buffer = NULL;
}
