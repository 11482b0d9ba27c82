/* toml-priv: the subset of TOML that hosts.toml uses. */
#ifndef SC_IMAGE_REGISTRY_TOML_PRIV_H
#define SC_IMAGE_REGISTRY_TOML_PRIV_H

#include "base/json.h"

/* An object; tables are objects in it. name is for messages: "hosts.toml:3: a key is missing". */
SC_MUST_CHECK int sc_toml_parse(const char *text, size_t len, const char *name, json_t **out, struct sc_err *err);

#endif
