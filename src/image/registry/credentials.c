/*
 * Credentials as Docker keeps them (config.json: auths, credHelpers, credsStore) and as podman does (auth.json: auths).
 *
 * A helper is a program docker-credential-NAME (docker-credential-helpers' protocol): the verb is its argument, the
 * server or the credential its standard input, JSON its standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

#define CONFIG_MAX         ((size_t)1 << 20)
#define DOCKER_IO          "docker.io"
#define DOCKER_IO_KEY      "https://index.docker.io/v1/" /* what docker login has always called it */
#define HELPER_SECONDS     120
#define HELPER_SECONDS_MAX 86400
#define TOKEN_USER         "<token>" /* a helper's user name where the secret is an identity token */

/* ---- base64 ------------------------------------------------------------------------------------------ */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
sc_base64_encode(const void *data, size_t len, struct sc_arena *arena)
{
    const unsigned char *in = data;
    char *out = sc_arena_alloc(arena, (len + 2) / 3 * 4 + 1), *at = out;

    for (size_t i = 0; out && i < len; i += 3) {
        uint32_t group = (uint32_t)in[i] << 16;

        if (i + 1 < len)
            group |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < len)
            group |= in[i + 2];
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        *at++ = i + 1 < len ? alphabet[group >> 6 & 63] : '=';
        *at++ = i + 2 < len ? alphabet[group & 63] : '=';
    }
    return out;
}

int
sc_base64_decode(const char *text, struct sc_arena *arena, char **out, size_t *len, struct sc_err *err)
{
    size_t used = strcspn(text, "="), bits = 0;
    uint32_t group = 0;
    char *at;

    *out = at = sc_arena_alloc(arena, strlen(text) / 4 * 3 + 4);
    if (!at)
        return sc_err_nomem(err);
    for (size_t i = 0; i < used; i++) {
        const char *found = strchr(alphabet, text[i]);

        if (!found || text[i] == '\0')
            return sc_err_set(err, SC_ERR_INVALID, "is not base64");
        group = group << 6 | (uint32_t)(found - alphabet);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (char)(group >> bits & 0xff);
        }
    }
    *len = (size_t)(at - *out);
    return 0;
}

/* ---- the file -------------------------------------------------------------------------------------------- */

static bool
exists(const char *path)
{
    return path && faccessat(AT_FDCWD, path, F_OK, 0) == 0; /* lint: the caller's own file */
}

/* Which file: for writing, Docker's; for reading, podman's where Docker's is not there. */
static const char *
auth_file(const struct sc_registry_options *options, bool for_writing, struct sc_arena *arena)
{
    const char *env = getenv("REGISTRY_AUTH_FILE"), *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *docker, *podman;

    if (options->auth_file)
        return options->auth_file;
    if (env && *env)
        return env;
    if (dir && *dir)
        return sc_arena_printf(arena, "%s/config.json", dir);
    docker = home && *home ? sc_arena_printf(arena, "%s/.docker/config.json", home) : NULL;
    if (for_writing || exists(docker))
        return docker;
    podman = runtime && *runtime ? sc_arena_printf(arena, "%s/containers/auth.json", runtime)
                                 : "/run/containers/0/auth.json";
    return exists(podman) ? podman : NULL;
}

/* An absent file is an empty object. */
static int
read_config(const char *path, json_t **out, struct sc_err *err)
{
    struct sc_err cause = SC_ERR_INIT;

    /* lint: the caller's own file */
    if (!path || (sc_json_read_at(AT_FDCWD, path, CONFIG_MAX, out, &cause) < 0 && cause.kind == SC_ERR_NOT_FOUND)) {
        *out = json_object();
        return *out ? 0 : sc_err_nomem(err);
    }
    if (cause.kind != SC_ERR_NONE) {
        *err = cause;
        return sc_err_wrap(err, "read credentials from \"%s\"", path);
    }
    if (!json_is_object(*out))
        return sc_err_set(err, SC_ERR_INVALID, "read credentials from \"%s\": must be an object", path);
    return 0;
}

static const char *
key_of(const char *registry)
{
    return strcmp(registry, DOCKER_IO) == 0 ? DOCKER_IO_KEY : registry;
}

/* "https://host", "https://host/v1/", "host/v1/": what logins have been kept under over the years. */
static bool
is_old_key_of(const char *key, const char *registry)
{
    bool is_url = sc_str_starts(key, "https://") || sc_str_starts(key, "http://");
    const char *host = is_url ? strstr(key, "://") + 3 : key;
    size_t len = strcspn(host, "/");
    const char *path = host + len;

    if (!is_url && strcmp(path, "") != 0 && strcmp(path, "/") != 0 && strcmp(path, "/v1/") != 0 &&
        strcmp(path, "/v2/") != 0)
        return false;
    if (strcmp(registry, DOCKER_IO) == 0)
        return (len == 15 && memcmp(host, "index.docker.io", len) == 0) ||
               (len == 20 && memcmp(host, "registry-1.docker.io", len) == 0);
    return strlen(registry) == len && memcmp(host, registry, len) == 0;
}

/* How well a key of auths fits: 0 not at all. podman keeps logins of a part of a registry, "host/name", which hold for
 * the repositories below that name and no others; the longest is the one. */
static size_t
key_fit(const char *key, const char *registry, const char *repository)
{
    size_t host = strlen(registry), below;

    if (strcmp(key, key_of(registry)) == 0 || strcmp(key, registry) == 0)
        return 2;
    if (repository && strncmp(key, registry, host) == 0 && key[host] == '/' && key[host + 1] != '\0') {
        key += host + 1;
        below = strlen(key);
        if (strncmp(repository, key, below) == 0 && (repository[below] == '/' || repository[below] == '\0'))
            return 2 + below;
    }
    return is_old_key_of(key, registry) ? 1 : 0;
}

/* ---- helpers ------------------------------------------------------------------------------------------------ */

static const char *
helper_of(const json_t *config, const char *registry)
{
    const json_t *helpers = json_object_get(config, "credHelpers");
    const char *name = json_string_value(json_object_get(helpers, registry));

    if (!name)
        name = json_string_value(json_object_get(helpers, key_of(registry)));
    if (!name)
        name = json_string_value(json_object_get(config, "credsStore"));
    return name && *name ? name : NULL;
}

static int
find_helper(const char *name, struct sc_arena *arena, char **out, struct sc_err *err)
{
    const char *path = getenv("PATH");

    for (const char *c = name; *c; c++) {
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("._-", *c)))
            return sc_err_set(err, SC_ERR_INVALID, "credential helper \"%s\": not a name", name);
    }
    while (path && *path) {
        size_t len = strcspn(path, ":");
        char *file = len > 0 ? sc_arena_printf(arena, "%.*s/docker-credential-%s", (int)len, path, name) : NULL;

        /* lint: a program of the host, as the caller's PATH names it */
        if (file && faccessat(AT_FDCWD, file, X_OK, 0) == 0) {
            *out = file;
            return 0;
        }
        path += len + (path[len] == ':');
    }
    sc_err_set(err, SC_ERR_NOT_FOUND, "credential helper \"docker-credential-%s\": not found in PATH", name);
    return sc_err_remedy(err, "install it, or take credsStore and credHelpers out of the configuration");
}

/* How long a helper may take: some ask a person for a passphrase. $SC_CREDENTIAL_TIMEOUT says it otherwise, 0: for
 * ever. */
static int
read_helper_timeout(int *out, struct sc_err *err)
{
    const char *text = getenv("SC_CREDENTIAL_TIMEOUT");
    uint32_t seconds = HELPER_SECONDS;

    if (text && *text && sc_parse_u32(text, &seconds, err) < 0)
        return sc_err_wrap(err, "SC_CREDENTIAL_TIMEOUT");
    *out = (int)(seconds < HELPER_SECONDS_MAX ? seconds : HELPER_SECONDS_MAX);
    return 0;
}

/* Runs `docker-credential-NAME verb` with input; what it printed is in output. *ok: it exited with 0. */
static int
run_helper(const char *name, const char *verb, const char *input, struct sc_arena *arena, struct sc_buf *output,
           bool *ok, struct sc_err *err)
{
    sc_cleanup_fd in = memfd_create("sc-credential", MFD_CLOEXEC), out = memfd_create("sc-credential", MFD_CLOEXEC);
    char *program = NULL;
    int status = 0, seconds = 0;

    if (find_helper(name, arena, &program, err) < 0 || read_helper_timeout(&seconds, err) < 0)
        return -1;
    const char *const argv[] = {program, verb, NULL};
    if (in < 0 || out < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_io_write_all(in, input, strlen(input), err) < 0)
        return -1;
    (void)lseek(in, 0, SEEK_SET);
    if (sc_spawn_wait_for(argv, (const char *const *)environ, in, out, 2, seconds, &status, err) < 0) {
        sc_err_wrap(err, "credential helper \"%s\": %s", name, verb);
        return err->kind != SC_ERR_BUSY ? -1
                                        : sc_err_remedy(err, "see what it waits for, a locked keyring for instance; "
                                                             "SC_CREDENTIAL_TIMEOUT=SECONDS lets it take longer");
    }
    (void)lseek(out, 0, SEEK_SET);
    if (sc_file_read_fd(out, CONFIG_MAX, output, err) < 0)
        return -1;
    *ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    return 0;
}

static int
ask_helper(const char *name, const char *registry, struct sc_arena *arena, struct sc_credential *out,
           struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json answer = NULL;
    char *user = NULL, *secret = NULL;
    bool ok = false;

    if (run_helper(name, "get", key_of(registry), arena, &text, &ok, err) < 0)
        return -1;
    if (!ok) {
        /* What the helpers say when they have none (credentials/error.go of docker-credential-helpers). */
        if (strstr(sc_buf_str(&text), "credentials not found"))
            return 0;
        text.len = text.len > 0 ? strcspn(text.data, "\r\n") : 0;
        if (text.len == 0)
            return sc_err_set(err, SC_ERR_DENIED, "credential helper \"%s\": failed", name);
        return sc_err_set(err, SC_ERR_DENIED, "credential helper \"%s\": %.*s", name,
                          (int)(text.len > 200 ? 200 : text.len), text.data);
    }
    if (sc_json_parse(sc_buf_str(&text), text.len, "credential helper's answer", &answer, err) < 0 ||
        sc_json_get_str(answer, "Username", "", arena, &user, err) < 0 ||
        sc_json_get_str(answer, "Secret", "", arena, &secret, err) < 0)
        return sc_err_wrap(err, "credential helper \"%s\"", name);
    if (user && strcmp(user, TOKEN_USER) == 0) {
        out->identity_token = secret;
    } else {
        out->user = user;
        out->password = secret;
    }
    return 0;
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

/* "user:password" */
static int
split(const char *text, size_t len, struct sc_arena *arena, struct sc_credential *out, struct sc_err *err)
{
    const char *colon = memchr(text, ':', len);

    if (!colon)
        return sc_err_set(err, SC_ERR_INVALID, "has no ':' between user and password");
    out->user = sc_arena_strndup(arena, text, (size_t)(colon - text));
    out->password = sc_arena_strndup(arena, colon + 1, len - (size_t)(colon + 1 - text));
    return sc_arena_check(arena, err);
}

static int
from_entry(const json_t *entry, struct sc_arena *arena, struct sc_credential *out, struct sc_err *err)
{
    const char *auth = json_string_value(json_object_get(entry, "auth"));
    const char *token = json_string_value(json_object_get(entry, "identitytoken"));
    const char *user = json_string_value(json_object_get(entry, "username"));
    char *text = NULL;
    size_t len = 0;

    if (token && *token)
        out->identity_token = sc_arena_strdup(arena, token);
    if (auth && *auth) {
        if (sc_base64_decode(auth, arena, &text, &len, err) < 0 || split(text, len, arena, out, err) < 0)
            return -1;
    } else if (user) {
        const char *password = json_string_value(json_object_get(entry, "password"));

        out->user = sc_arena_strdup(arena, user);
        out->password = sc_arena_strdup(arena, password ? password : "");
    }
    return sc_arena_check(arena, err);
}

static int
from_auths(const json_t *config, const char *registry, const char *repository, struct sc_arena *arena,
           struct sc_credential *out, struct sc_err *err)
{
    const char *key, *best_key = NULL;
    const json_t *best = NULL;
    size_t best_fit = 0;
    json_t *entry;

    json_object_foreach (json_object_get(config, "auths"), key, entry) {
        size_t fit = key_fit(key, registry, repository);

        if (fit > best_fit) {
            best_fit = fit;
            best_key = key;
            best = entry;
        }
    }
    if (best && from_entry(best, arena, out, err) < 0)
        return sc_err_wrap(err, "auths: \"%s\": auth", best_key);
    return 0;
}

int
sc_credential_find(const char *registry, const char *repository, const struct sc_registry_options *options,
                   struct sc_arena *arena, struct sc_credential *out, struct sc_err *err)
{
    const char *path = auth_file(options, false, arena);
    sc_cleanup_json config = NULL;
    const char *helper;

    *out = (struct sc_credential){.user = NULL};
    if (options->credentials) {
        const char *text = options->credentials;

        if (!strchr(text, ':')) {
            out->user = sc_arena_strdup(arena, text);
            out->password = sc_arena_strdup(arena, "");
            return sc_arena_check(arena, err);
        }
        return split(text, strlen(text), arena, out, err);
    }
    if (read_config(path, &config, err) < 0)
        return -1;
    helper = helper_of(config, registry);
    if (helper && ask_helper(helper, registry, arena, out, err) < 0)
        return -1;
    if (out->user || out->identity_token)
        return 0;
    if (from_auths(config, registry, repository, arena, out, err) < 0)
        return sc_err_wrap(err, "read credentials from \"%s\"", path);
    return 0;
}

/* ---- keeping
 * --------------------------------------------------------------------------------------------------------- */

static int
write_config(const char *path, const json_t *config, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    /* Where it is a symbolic link, into a collection of dot files for instance, it stays one. */
    sc_cleanup_free char *real = realpath(path, NULL); /* lint: the caller's own file */
    const char *slash;

    if (real)
        path = real;
    slash = strrchr(path, '/');
    if (slash && slash != path) {
        sc_cleanup_free char *dir = strndup(path, (size_t)(slash - path));

        if (!dir)
            return sc_err_nomem(err);
        if (sc_dir_make_at(AT_FDCWD, dir, 0700, err) < 0)
            return -1;
    }
    if (sc_json_dump_pretty(config, &text, err) < 0)
        return -1;
    sc_buf_addc(&text, '\n');
    return sc_file_replace_at(AT_FDCWD, path, sc_buf_str(&text), text.len, 0600, SC_DURABLE, err);
}

static int
open_for_writing(const struct sc_registry_options *options, struct sc_arena *arena, const char **path, json_t **config,
                 struct sc_err *err)
{
    *path = auth_file(options, true, arena);
    if (!*path)
        return sc_err_set(err, SC_ERR_INVALID, "keep a login: HOME is not set, and no --authfile was given");
    return read_config(*path, config, err);
}

static int
store_by_helper(const char *helper, const char *registry, const struct sc_credential *credential,
                struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_buf input = SC_BUF_INIT, output = SC_BUF_INIT;
    sc_cleanup_json body = json_pack("{s:s, s:s, s:s}", "ServerURL", key_of(registry), "Username",
                                     credential->identity_token ? TOKEN_USER : credential->user, "Secret",
                                     credential->identity_token ? credential->identity_token : credential->password);
    bool ok = false;

    if (!body)
        return sc_err_nomem(err);
    if (sc_json_dump(body, &input, err) < 0 ||
        run_helper(helper, "store", sc_buf_str(&input), arena, &output, &ok, err) < 0)
        return -1;
    return ok ? 0 : sc_err_set(err, SC_ERR_DENIED, "credential helper \"%s\": %.200s", helper, sc_buf_str(&output));
}

int
sc_credential_store(const char *registry, const struct sc_credential *credential,
                    const struct sc_registry_options *options, struct sc_arena *arena, char **clear_file,
                    struct sc_err *err)
{
    sc_cleanup_json config = NULL;
    const char *path, *helper;
    json_t *auths, *entry;
    char *pair;

    *clear_file = NULL;
    if (open_for_writing(options, arena, &path, &config, err) < 0)
        return -1;
    helper = helper_of(config, registry);
    if (helper)
        return store_by_helper(helper, registry, credential, arena, err);
    auths = json_object_get(config, "auths");
    if (!json_is_object(auths)) {
        auths = json_object();
        if (json_object_set_new(config, "auths", auths) < 0)
            return sc_err_nomem(err);
    }
    pair = sc_arena_printf(arena, "%s:%s", credential->user, credential->password);
    entry = pair ? json_pack("{s:s}", "auth", sc_base64_encode(pair, strlen(pair), arena)) : NULL;
    if (entry && credential->identity_token)
        (void)json_object_set_new(entry, "identitytoken", json_string(credential->identity_token));
    if (json_object_set_new(auths, key_of(registry), entry) < 0)
        return sc_err_nomem(err);
    *clear_file = sc_arena_strdup(arena, path);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return write_config(path, config, err);
}

int
sc_credential_erase(const char *registry, const struct sc_registry_options *options, struct sc_arena *arena,
                    struct sc_err *err)
{
    sc_cleanup_json config = NULL;
    const char *path, *helper, *key;
    json_t *auths, *entry;
    bool was_there = false;
    void *next;

    if (open_for_writing(options, arena, &path, &config, err) < 0)
        return -1;
    helper = helper_of(config, registry);
    if (helper) {
        sc_cleanup_buf output = SC_BUF_INIT;

        if (run_helper(helper, "erase", key_of(registry), arena, &output, &was_there, err) < 0)
            return -1;
    }
    auths = json_object_get(config, "auths");
    json_object_foreach_safe(auths, next, key, entry)
    {
        if (key_fit(key, registry, NULL) > 0) {
            was_there = true;
            (void)json_object_del(auths, key);
        }
    }
    if (!was_there)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "not logged in to %s", registry);
    return helper && !auths ? 0 : write_config(path, config, err);
}
