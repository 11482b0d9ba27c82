/* hosts.toml: what is accepted leads to addresses of http or https, the registry's own last. */
#include <string.h>

#include "image/registry/registry-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_endpoints endpoints = {.items = NULL};

    if (sc_hosts_parse((const char *)data, size, "hosts.toml", "/etc/sc/certs.d/x", "registry.example:5000", true,
                       &arena, &endpoints, &err) < 0) {
        if (err.kind == SC_ERR_NONE || err.msg[0] == '\0')
            SC_BUG("an error without words");
        return 0;
    }
    if (endpoints.count == 0)
        SC_BUG("no host at all");
    for (size_t i = 0; i < endpoints.count; i++) {
        const struct sc_endpoint *endpoint = &endpoints.items[i];
        char *origin = NULL;

        if (!sc_str_starts(endpoint->origin, "https://") && !sc_str_starts(endpoint->origin, "http://"))
            SC_BUG("an address of another kind");
        if (sc_url_origin(endpoint->base, &arena, &origin, &err) < 0 || strcmp(origin, endpoint->origin) != 0 ||
            strchr(origin, '@'))
            SC_BUG("an origin that is not the address's");
        for (size_t k = 0; k < endpoint->headers.count; k++) {
            if (strpbrk(endpoint->headers.items[k], "\r\n"))
                SC_BUG("a header that is two");
        }
    }
    return 0;
}
