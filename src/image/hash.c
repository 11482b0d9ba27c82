/* SHA-256 through libcrypto, which uses the processor's instructions for it. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "image/transfer-priv.h"

void
sc_hash_release(struct sc_hash *hash)
{
    EVP_MD_CTX_free(hash->ctx);
    hash->ctx = NULL;
}

int
sc_hash_start(struct sc_hash *hash, struct sc_err *err)
{
    hash->ctx = EVP_MD_CTX_new();
    if (!hash->ctx || EVP_DigestInit_ex(hash->ctx, EVP_sha256(), NULL) != 1)
        return sc_err_set(err, SC_ERR_INTERNAL, "start a SHA-256: libcrypto refuses");
    return 0;
}

int
sc_hash_add(struct sc_hash *hash, const void *data, size_t len, struct sc_err *err)
{
    if (EVP_DigestUpdate(hash->ctx, data, len) != 1)
        return sc_err_set(err, SC_ERR_INTERNAL, "add to a SHA-256: libcrypto refuses");
    return 0;
}

int
sc_hash_end(struct sc_hash *hash, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(hash->ctx, bytes, &len) != 1 || len * 2 != SC_DIGEST_HEX_LEN)
        return sc_err_set(err, SC_ERR_INTERNAL, "end a SHA-256: libcrypto refuses");
    (void)snprintf(digest, SC_DIGEST_PREFIX_LEN + 1, "sha256:");
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(digest + SC_DIGEST_PREFIX_LEN + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

int
sc_hash_text(const void *data, size_t len, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_hash hash = SC_HASH_INIT;

    if (sc_hash_start(&hash, err) < 0 || sc_hash_add(&hash, data, len, err) < 0)
        return -1;
    return sc_hash_end(&hash, digest, err);
}

int
sc_hash_file(int fd, char digest[SC_DIGEST_LEN + 1], struct sc_err *err)
{
    sc_cleanup_hash hash = SC_HASH_INIT;
    char chunk[65536];
    off_t at = 0;
    ssize_t got;

    if (sc_hash_start(&hash, err) < 0)
        return -1;
    while ((got = pread(fd, chunk, sizeof(chunk), at)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sc_err_errno(err, errno, "read what is to be hashed");
        if (sc_hash_add(&hash, chunk, (size_t)got, err) < 0)
            return -1;
        at += got;
    }
    return sc_hash_end(&hash, digest, err);
}
