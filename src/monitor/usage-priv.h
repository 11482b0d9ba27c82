/* The members of struct sc_usage in exit.json, once: encoder and decoder walk this table. */
#ifndef SC_MONITOR_USAGE_PRIV_H
#define SC_MONITOR_USAGE_PRIV_H

#include <stddef.h>

struct sc_usage_field {
    const char *name;
    size_t offset;
};
extern const struct sc_usage_field sc_usage_fields[];
extern const size_t sc_usage_field_count;

#endif
