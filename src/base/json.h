/*
 * base/json: typed reading of a jansson tree. Kept out of base.h so that programs
 * which never parse JSON (sc-monitor, sc-init) do not depend on jansson.
 *
 * Each getter takes the object, a key and `where` (a path such as "process.user") used only in
 * messages. An absent key or JSON null leaves *out untouched and returns 0; a present key of
 * another type is SC_ERR_INVALID "process.user.uid: must be a number". Strings are copied into the arena.
 * A number must be integral and inside the type's range.
 */
#ifndef SC_BASE_JSON_H
#define SC_BASE_JSON_H

#include <jansson.h>

#include "base/base.h"

void sc_json_decrefp(json_t **json);
#define sc_cleanup_json __attribute__((cleanup(sc_json_decrefp))) json_t *

/* Parses text; duplicate keys, trailing garbage, NUL in a string, more than 512 levels are SC_ERR_INVALID with line and
 * column. */
SC_MUST_CHECK int sc_json_parse(const char *text, size_t len, const char *what, json_t **out, struct sc_err *err);
/* Reads and parses a file of at most max bytes. */
SC_MUST_CHECK int sc_json_read_at(int dirfd, const char *path, size_t max, json_t **out, struct sc_err *err);
/* Compact form, keys in insertion order. */
SC_MUST_CHECK int sc_json_dump(const json_t *json, struct sc_buf *out, struct sc_err *err);
SC_MUST_CHECK int sc_json_dump_pretty(const json_t *json, struct sc_buf *out,
                                      struct sc_err *err); /* 4 spaces, like docker inspect */

SC_MUST_CHECK int sc_json_get_str(const json_t *obj, const char *key, const char *where, struct sc_arena *arena,
                                  char **out, struct sc_err *err);
/* The same with so many spaces for each level, or a tab where that is 0. */
SC_MUST_CHECK int sc_json_dump_indented(const json_t *json, unsigned spaces, struct sc_buf *out, struct sc_err *err);
SC_MUST_CHECK int sc_json_get_i64(const json_t *obj, const char *key, const char *where, int64_t *out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_json_get_u64(const json_t *obj, const char *key, const char *where, uint64_t *out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_json_get_u32(const json_t *obj, const char *key, const char *where, uint32_t *out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_json_get_bool(const json_t *obj, const char *key, const char *where, bool *out,
                                   struct sc_err *err);
SC_MUST_CHECK int sc_json_get_strv(const json_t *obj, const char *key, const char *where, struct sc_arena *arena,
                                   struct sc_strv *out, struct sc_err *err);
/* An array of what is in the list, without what is not UTF-8; NULL when memory is out. Owned by the caller. */
json_t *sc_json_strv(const struct sc_strv *list);
/* {"a":"b"} to "a=b" entries, sorted as written */
SC_MUST_CHECK int sc_json_get_map(const json_t *obj, const char *key, const char *where, struct sc_arena *arena,
                                  struct sc_strv *out, struct sc_err *err);
/* The member when it is an object (or array); NULL in *out when absent or null; another type is an error. Borrowed. */
SC_MUST_CHECK int sc_json_get_obj(const json_t *obj, const char *key, const char *where, json_t **out,
                                  struct sc_err *err);
SC_MUST_CHECK int sc_json_get_arr(const json_t *obj, const char *key, const char *where, json_t **out,
                                  struct sc_err *err);

#endif
