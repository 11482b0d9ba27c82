/* What a client of sc-api sends: the first byte says what the rest is. No word may begin where it was not meant to. */
#include <string.h>

#include "api/api.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
head(const char *text, size_t len, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_api_request request;
    struct sc_strv words = {0};
    size_t head_len = sc_api_head_len(text, len);

    if (head_len == 0 || sc_api_head_parse(text, head_len, arena, &request, err) < 0)
        return;
    if (!request.method || !request.path || request.length < 0 || (request.is_chunked && request.length > 0))
        SC_BUG("a request that has two meanings");
    if (sc_api_build_words(&request, arena, &words, err) < 0)
        return;
    for (size_t i = 0; i + 1 < words.count; i++) {
        if (!sc_str_starts(words.items[i], "--") || strcmp(words.items[i], "--") == 0)
            SC_BUG("a word of the client's is an argument of the build");
    }
}

/* Before "--" are options alone. */
static void
check_words(const struct sc_strv *words)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->items[i], "--") == 0)
            return;
        if (!sc_str_starts(words->items[i], "--"))
            SC_BUG("a word of the client's is an argument");
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_json body = NULL;
    sc_cleanup_buf out = SC_BUF_INIT;
    struct sc_strv words = {0};
    struct sc_api_failure failure;
    struct sc_err err = SC_ERR_INIT;
    char *text;

    if (size == 0)
        return 0;
    text = sc_arena_strndup(&arena, (const char *)data + 1, size - 1);
    switch (data[0]) {
    case 'c':
        if (sc_json_parse((const char *)data + 1, size - 1, "it", &body, &err) == 0 && json_is_object(body) &&
            sc_api_create_words(body, "name", NULL, &arena, &words, &err) == 0)
            check_words(&words);
        break;
    case 's':
        if (sc_json_parse((const char *)data + 1, size - 1, "it", &body, &err) == 0)
            json_decref(sc_api_summary(body, "Up"));
        break;
    case 'f':
        if (sc_api_filters(text, &arena, &words, &err) == 0)
            check_words(&words);
        break;
    case 'l':
        if (sc_api_auth_file(text, "host", &out, &err) == 0)
            (void)!sc_api_auth_files(text, &out, &err);
        break;
    case 'e':
        if (sc_api_failure_parse(text, &failure) && !sc_api_failure_status(&failure))
            SC_BUG("a failure without a status");
        break;
    case 'n':
        if (sc_api_chunk_size((const char *)data + 1, size - 1) < -1)
            SC_BUG("a size below none");
        break;
    default:
        head((const char *)data, size, &arena, &err);
    }
    return 0;
}
