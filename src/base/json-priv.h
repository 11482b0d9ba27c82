/*
 * Numbers above INT64_MAX, which jansson's integers cannot hold, yet config.json is full of
 * 18446744073709551615 (no limit). In the tree such a number is a string of SC_JSON_BIG_MARK and its digits;
 * the getters and the dumper turn it back. The parser refuses a string that spells the same, so none
 * can be mistaken for the other.
 */
#ifndef SC_BASE_JSON_PRIV_H
#define SC_BASE_JSON_PRIV_H

#include "base/json.h"

#define SC_JSON_BIG_MARK '\x01'

/* Whether json is such a number; then *out is its value. */
bool sc_json_big_value(const json_t *json, uint64_t *out);

#endif
