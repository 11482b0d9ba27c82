/* sc build -o DIR|-|type=..,dest=.., as buildx reads it. */
#include <string.h>
#include <unistd.h>

#include "cli/build-priv.h"
#include "cli/cli.h"

static int
find_type(const char *word, const char *name, const char *dest, struct sc_build_ask *ask, struct sc_err *err)
{
    static const struct {
        const char *name;
        enum sc_build_to to;
    } known[] = {{"local", SC_BUILD_TO_DIR},
                 {"tar", SC_BUILD_TO_TAR},
                 {"oci", SC_BUILD_TO_OCI},
                 {"docker", SC_BUILD_TO_DOCKER},
                 {"image", SC_BUILD_TO_STORE}};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        ask->to = known[i].to;
        if (ask->to == SC_BUILD_TO_DOCKER && !dest)
            ask->to = SC_BUILD_TO_STORE;
        return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "--output \"%s\": its type is local, tar, oci, docker or image", word);
}

static int
split(const char *word, struct sc_arena *arena, const char **type, const char **dest, struct sc_err *err)
{
    char *copy = sc_arena_strdup(arena, word), *save = NULL;

    if (!copy)
        return sc_err_nomem(err);
    for (char *field = strtok_r(copy, ",", &save); field; field = strtok_r(NULL, ",", &save)) {
        if (sc_str_starts(field, "type="))
            *type = field + strlen("type=");
        else if (sc_str_starts(field, "dest="))
            *dest = field + strlen("dest=");
        else
            return sc_err_set(err, SC_ERR_INVALID, "--output \"%s\": \"%s\" is neither type=.. nor dest=..", word,
                              field);
    }
    return *type ? 0 : sc_err_set(err, SC_ERR_INVALID, "--output \"%s\": it has no type", word);
}

int
sc_build_output_read(const char *word, struct sc_arena *arena, struct sc_build_ask *ask, struct sc_err *err)
{
    const char *type = NULL, *dest = NULL;

    if (!word)
        return 0;
    if (strchr(word, '=')) {
        if (split(word, arena, &type, &dest, err) < 0)
            return -1;
    } else {
        type = strcmp(word, "-") == 0 ? "tar" : "local";
        dest = word;
    }
    if (find_type(word, type, dest, ask, err) < 0)
        return -1;
    if (ask->to == SC_BUILD_TO_STORE)
        return dest ? sc_err_set(err, SC_ERR_INVALID, "--output \"%s\": an image in the store has no dest", word) : 0;
    if (ask->to == SC_BUILD_TO_DIR && (!dest || !*dest || strcmp(dest, "-") == 0))
        return sc_err_set(err, SC_ERR_INVALID, "--output \"%s\": its dest is a directory", word);
    ask->to_path = dest && *dest ? dest : "-";
    if (strcmp(ask->to_path, "-") == 0 && isatty(STDOUT_FILENO)) {
        sc_err_set(err, SC_ERR_INVALID, "refusing to write an archive to a terminal");
        return sc_err_remedy(err, "redirect the output, or name a file: -o type=%s,dest=FILE", type);
    }
    return 0;
}
