/* tar-build: tars that no honest program writes. Every field is what the test says. */
#ifndef SC_TESTS_UNIT_IMAGE_TAR_BUILD_H
#define SC_TESTS_UNIT_IMAGE_TAR_BUILD_H

#include <stdio.h>
#include <string.h>

#include "base/base.h"

struct tar_item {
    const char *name;
    char type; /* '0' file, '1' hard link, '2' symbolic link, '3' char, '4' block, '5' directory, '6' fifo; 0: '0' */
    unsigned mode; /* 0: 0644 */
    const char *link;
    const char *data; /* of a file */
    unsigned uid, gid, major, minor;
    const char *pax; /* records "KEY=VALUE\n" without their length */
    long long mtime;
};

static inline void
tar_octal(char *field, size_t size, unsigned long long value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static inline void
tar_header(struct sc_buf *out, const char *name, char type, unsigned mode, unsigned long long size,
           const struct tar_item *item)
{
    char block[512] = {0};
    unsigned sum = 0;

    memcpy(block, name, strnlen(name, 100));
    tar_octal(block + 100, 8, mode);
    tar_octal(block + 108, 8, item->uid);
    tar_octal(block + 116, 8, item->gid);
    tar_octal(block + 124, 12, size);
    tar_octal(block + 136, 12, (unsigned long long)item->mtime);
    memset(block + 148, ' ', 8);
    block[156] = type;
    if (item->link)
        memcpy(block + 157, item->link, strnlen(item->link, 100));
    memcpy(block + 257,
           "ustar\0"
           "00",
           8);
    tar_octal(block + 329, 8, item->major);
    tar_octal(block + 337, 8, item->minor);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    (void)snprintf(block + 148, 7, "%06o", sum);
    sc_buf_add(out, block, sizeof(block));
}

static inline void
tar_pad(struct sc_buf *out)
{
    while (out->len % 512)
        sc_buf_addc(out, '\0');
}

/* One pax record with its own length in front. */
static inline void
tar_pax_record(struct sc_buf *out, const char *record, size_t len)
{
    size_t total = len + 2;
    char digits[24];

    for (;;) {
        size_t count = (size_t)snprintf(digits, sizeof(digits), "%zu", total);
        if (count + 1 + len == total)
            break;
        total = count + 1 + len;
    }
    sc_buf_addf(out, "%s ", digits);
    sc_buf_add(out, record, len);
}

static inline void
tar_put(struct sc_buf *out, const struct tar_item *item)
{
    char type = item->type ? item->type : '0';
    size_t size = type == '0' && item->data ? strlen(item->data) : 0;

    if (item->pax) {
        sc_cleanup_buf records = SC_BUF_INIT;

        for (const char *at = item->pax; *at;) {
            size_t len = strcspn(at, "\n") + 1;
            tar_pax_record(&records, at, len);
            at += len;
        }
        tar_header(out, "pax", 'x', 0644, records.len, &(struct tar_item){.name = ""});
        sc_buf_add(out, records.data, records.len);
        tar_pad(out);
    }
    if (strlen(item->name) > 100) { /* GNU's long name */
        tar_header(out, "././@LongLink", 'L', 0644, strlen(item->name) + 1, &(struct tar_item){.name = ""});
        sc_buf_add(out, item->name, strlen(item->name) + 1);
        tar_pad(out);
    }
    tar_header(out, item->name, type, item->mode ? item->mode : 0644, size, item);
    if (size > 0)
        sc_buf_add(out, item->data, size);
    tar_pad(out);
}

/* Items up to one without a name, and the end of the archive. */
static inline void
tar_build(struct sc_buf *out, const struct tar_item *items)
{
    for (; items->name; items++)
        tar_put(out, items);
    for (int i = 0; i < 1024; i++)
        sc_buf_addc(out, '\0');
}

#endif
