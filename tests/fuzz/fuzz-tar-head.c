/* Headers and records of the tar around images: whatever is accepted is text that ends, and a size that can be. */
#include <string.h>

#include "image/tar-read-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, const char *from, size_t len)
{
    if (text && (text < from || strnlen(text, len + 1) > (size_t)(from + len - text)))
        SC_BUG("a name that does not end");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char block[SC_TAR_READ_BLOCK] = {0}, *text = malloc(size + 1);
    struct sc_err err = SC_ERR_INIT;
    struct sc_tar_guard guard = {.skip = 0};
    struct sc_tar_records records;
    struct sc_tar_head head;
    unsigned sum = 0;

    if (!text)
        return 0;
    memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
    /* The sum put right: nothing would get past it. */
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += (unsigned char)block[i];
    (void)snprintf(block + 148, 7, "%06o", sum & 0777777);
    if (sc_tar_head_decode(block, &head, &err) == 0) {
        if (head.size < 0 || strnlen(head.name, sizeof(head.name)) == sizeof(head.name) ||
            strnlen(head.link, sizeof(head.link)) == sizeof(head.link))
            SC_BUG("a size below zero, or a name that does not end");
    } else if (err.kind != SC_ERR_INVALID) {
        SC_BUG("an error of another kind");
    }
    err = (struct sc_err)SC_ERR_INIT;
    if (sc_tar_guard(&guard, block, sizeof(block), &err) == 0 &&
        (guard.skip < 0 || sc_tar_guard(&guard, (const char *)data, size, &err) < -1))
        SC_BUG("it goes back");
    err = (struct sc_err)SC_ERR_INIT;
    memcpy(text, data, size);
    if (sc_tar_records_decode(text, size, &records, &err) == 0) {
        check_text(records.path, text, size);
        check_text(records.linkpath, text, size);
        if (records.size < -1)
            SC_BUG("a size below zero");
    } else if (err.kind != SC_ERR_INVALID) {
        SC_BUG("an error of another kind");
    }
    free(text);
    return 0;
}
