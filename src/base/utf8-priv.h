/* UTF-8 (RFC 3629), for the JSON reader and writer. */
#ifndef SC_BASE_UTF8_PRIV_H
#define SC_BASE_UTF8_PRIV_H

#include <stddef.h>

/* Length of the well-formed sequence that text starts with, or 0; len is at least 1. */
size_t sc_utf8_len(const unsigned char *text, size_t len);

#endif
