/* Digests: checked against their grammar before they become part of a path (image-spec, descriptor.md). */
#include <string.h>

#include "image/image-priv.h"

bool
sc_hex_is_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    }
    return true;
}

bool
sc_digest_is_valid(const char *digest)
{
    return digest && strlen(digest) == SC_DIGEST_LEN && sc_str_starts(digest, "sha256:") &&
           sc_hex_is_valid(digest + SC_DIGEST_PREFIX_LEN, SC_DIGEST_HEX_LEN);
}

const char *
sc_digest_hex(const char *digest)
{
    return digest + SC_DIGEST_PREFIX_LEN;
}

void
sc_blob_path(const char *digest, char out[SC_BLOB_PATH_MAX])
{
    if (!sc_digest_is_valid(digest))
        SC_BUG("a digest reached a path unchecked");
    memcpy(out, "blobs/sha256/", sizeof("blobs/sha256/") - 1);
    memcpy(out + sizeof("blobs/sha256/") - 1, sc_digest_hex(digest), SC_DIGEST_HEX_LEN + 1);
}
