/* Which function answers: method and path against the tables of the end points. */
#include <string.h>

#include "api/api-priv.h"

/* Does path fit? A * is a word without '/', ** one that may have some; they go to words. */
static bool
fits(const char *pattern, const char *path, struct sc_arena *arena, char *words[2])
{
    size_t count = 0;

    while (*pattern) {
        size_t n;

        if (*pattern != '*') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        if (pattern[1] == '*') {
            size_t rest = strlen(pattern + 2), len = strlen(path);

            if (len <= rest || strcmp(path + len - rest, pattern + 2) != 0)
                return false;
            words[count] = sc_arena_strndup(arena, path, len - rest);
            return words[count];
        }
        n = strcspn(path, "/");
        if (n == 0 || count == 2)
            return false;
        words[count++] = sc_arena_strndup(arena, path, n);
        pattern++;
        path += n;
    }
    return *path == '\0';
}

int
sc_api_route(struct sc_api_call *call)
{
    static const struct sc_api_row *const tables[] = {sc_api_system, sc_api_containers, sc_api_streams,  sc_api_execs,
                                                      sc_api_files,  sc_api_images,     sc_api_networks, sc_api_build};
    const struct sc_api_request *request = &call->request;
    bool is_other_method = false;

    if (request->minor > SC_API_MINOR_MAX)
        return sc_api_fail(call, 400, "client version 1.%u is too new. Maximum supported API version is 1.%d",
                           request->minor, SC_API_MINOR_MAX);
    if (request->minor < SC_API_MINOR_MIN)
        return sc_api_fail(call, 400, "client version 1.%u is too old. Minimum supported API version is 1.%d",
                           request->minor, SC_API_MINOR_MIN);
    for (size_t i = 0; i < SC_ARRAY_LEN(tables); i++) {
        for (const struct sc_api_row *row = tables[i]; row->method; row++) {
            char *words[2] = {NULL, NULL};

            if (!fits(row->pattern, request->path, call->arena, words))
                continue;
            if (strcmp(row->method, request->method) != 0) {
                is_other_method = true;
                continue;
            }
            call->word = words[0];
            call->second = words[1];
            return row->fn(call);
        }
    }
    if (is_other_method)
        return sc_api_fail(call, 405, "%s is not a method of /%s", request->method, request->path);
    return sc_api_fail(call, 404, "page not found");
}
