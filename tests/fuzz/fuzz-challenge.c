/* WWW-Authenticate: whatever a registry says, what is taken from it is whole and within the header. */
#include <string.h>

#include "image/registry/registry-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_strv headers = {.items = NULL};
    struct sc_challenge challenge = {.realm = NULL};

    sc_strv_addf(&headers, &arena, "www-authenticate: %.*s", (int)size, (const char *)data);
    if (sc_challenge_parse(&headers, &arena, &challenge, &err) < 0) {
        if (err.kind != SC_ERR_UNSUPPORTED)
            SC_BUG("an error of another kind");
        return 0;
    }
    if (challenge.is_bearer && !challenge.realm)
        SC_BUG("a bearer challenge that leads nowhere");
    if (challenge.realm && strlen(challenge.realm) > size)
        SC_BUG("a realm longer than its header");
    return 0;
}
