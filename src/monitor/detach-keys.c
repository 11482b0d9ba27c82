#include <string.h>

#include "monitor/relay-priv.h"

/* One key: "a", "ctrl-p", "ctrl-@". The bytes are ASCII's: ctrl clears the upper three bits. */
static int
key_parse(const char *key, size_t len)
{
    static const char ctrl[] = "ctrl-";
    char c;

    if (len == 1)
        return (unsigned char)key[0];
    if (len != sizeof(ctrl) || strncmp(key, ctrl, sizeof(ctrl) - 1) != 0)
        return -1;
    c = key[len - 1];
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 1;
    if (c == '@' || (c >= '[' && c <= '_'))
        return c - '@';
    return -1;
}

int
sc_detach_keys_parse(const char *text, struct sc_detach_keys *out, struct sc_err *err)
{
    struct sc_detach_keys keys = {.count = 0};

    for (const char *at = text; at && *text;) {
        const char *comma = strchr(*at ? at + 1 : at, ','); /* "," itself is a key */
        size_t len = comma ? (size_t)(comma - at) : strlen(at);
        int key = key_parse(at, len);

        if (key < 0) {
            sc_err_set(err, SC_ERR_INVALID, "detach keys \"%s\": \"%.*s\" is not a key", text, (int)len, at);
            return sc_err_remedy(err, "write a comma list of characters and ctrl-a to ctrl-z, ctrl-@ ctrl-[ ctrl-\\ "
                                      "ctrl-] ctrl-^ ctrl-_");
        }
        if (keys.count == SC_DETACH_KEYS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "detach keys \"%s\": more than %d keys", text, SC_DETACH_KEYS_MAX);
        keys.bytes[keys.count++] = (unsigned char)key;
        if (!comma)
            break;
        at = comma + 1;
    }
    *out = keys;
    return 0;
}

/* How many keys a sequence of held keys and then byte could be the start of, when it is not the next one: the longest
 * end of it that is a beginning of the keys. */
static size_t
fall_back(const struct sc_detach_keys *keys, size_t held, unsigned char byte)
{
    for (size_t len = held; len > 0; len--) {
        if (keys->bytes[len - 1] == byte && memcmp(keys->bytes, keys->bytes + held - (len - 1), len - 1) == 0)
            return len;
    }
    return 0;
}

bool
sc_detach_filter_run(struct sc_detach_filter *filter, const char *in, size_t len, char *out, size_t *out_len)
{
    const struct sc_detach_keys *keys = &filter->keys;
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)in[i];
        size_t held = filter->matched, kept, freed;

        if (keys->count > 0 && keys->bytes[held] == byte) {
            filter->matched++;
            if (filter->matched < keys->count)
                continue;
            filter->matched = 0;
            *out_len = count;
            return true;
        }
        kept = fall_back(keys, held, byte);
        freed = held + 1 - kept; /* of the held keys and byte, the first of these are ordinary input */
        memcpy(out + count, keys->bytes, freed < held ? freed : held);
        count += freed < held ? freed : held;
        if (freed > held)
            out[count++] = (char)byte;
        filter->matched = kept;
    }
    *out_len = count;
    return false;
}
