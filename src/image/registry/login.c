/* login, logout: a user and password are tried before they are kept. */
#include <string.h>

#include "image/registry/registry-priv.h"

static int
try_login(const char *registry, const char *user, const char *password, const struct sc_registry_options *options,
          struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_client client = {.tokens = NULL};
    sc_cleanup_channel channel = {.curl = NULL};
    struct sc_registry_options with = *options;
    struct sc_reference ref = {.registry = sc_arena_strdup(arena, registry)};
    /* "/v2/": whoever gets 200 here is who he says (distribution-spec, end-1) */
    struct sc_request request = {.ask = {.method = "GET", .body_fd = -1}, .path = ""};

    with.credentials = sc_arena_printf(arena, "%s:%s", user, password);
    request.what = sc_arena_printf(arena, "log in to \"%s\"", registry);
    if (sc_arena_check(arena, err) < 0 || sc_client_open(&client, &ref, NULL, &with, false, err) < 0 ||
        sc_channel_open(&client, &channel, err) < 0)
        return -1;
    client.is_login = true;
    if (sc_client_request(&channel, &request, err) == 0)
        return 0;
    /* "authentication required" is what a registry says to any 401. */
    if (err->kind == SC_ERR_DENIED && channel.answer.status == 401)
        return sc_err_set(err, SC_ERR_DENIED, "%s: the user name or password is wrong", request.what);
    if (err->kind == SC_ERR_DENIED) /* "log in with sc login" is no remedy here */
        (void)sc_err_remedy(err, "check the user name and password");
    return -1;
}

int
sc_registry_login(const char *registry, const char *user, const char *password,
                  const struct sc_registry_options *options, struct sc_arena *arena, char **warning, struct sc_err *err)
{
    struct sc_credential credential = {.user = sc_arena_strdup(arena, user),
                                       .password = sc_arena_strdup(arena, password)};
    char *clear_file;

    *warning = NULL;
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (strchr(user, ':') || strpbrk(user, "\r\n"))
        return sc_err_set(err, SC_ERR_INVALID, "log in to \"%s\": a user name holds no ':'", registry);
    if (try_login(registry, user, password, options, arena, err) < 0 ||
        sc_credential_store(registry, &credential, options, arena, &clear_file, err) < 0)
        return -1;
    if (clear_file) {
        *warning = sc_arena_printf(arena, "WARNING! Your password is stored unencrypted in '%s'.", clear_file);
        if (!*warning)
            return sc_err_nomem(err);
    }
    return 0;
}

int
sc_registry_login_kept(const char *registry, const struct sc_registry_options *options, struct sc_arena *arena,
                       char **user, struct sc_err *err)
{
    struct sc_credential kept = {.user = NULL};

    *user = NULL;
    if (sc_credential_find(registry, NULL, options, arena, &kept, err) < 0)
        return -1;
    if (!kept.user || !kept.password)
        return 0;
    *user = kept.user;
    return try_login(registry, kept.user, kept.password, options, arena, err);
}

int
sc_registry_logout(const char *registry, const struct sc_registry_options *options, struct sc_arena *arena,
                   struct sc_err *err)
{
    return sc_credential_erase(registry, options, arena, err);
}
