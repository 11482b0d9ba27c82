/* The registry client's pure parts: challenges, addresses, base64, hosts.toml, platforms. */
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"
#include "image/registry/toml-priv.h"

#define REGISTRY "registry.example:5000"

static int
setup(void **state)
{
    struct sc_arena *arena = calloc(1, sizeof(*arena));

    *state = arena;
    return arena ? 0 : -1;
}

static int
teardown(void **state)
{
    sc_arena_release(*state);
    free(*state);
    return 0;
}

/* ---- challenges */

static struct sc_challenge
challenge_of(struct sc_arena *arena, const char *first, const char *second)
{
    struct sc_strv headers = {.items = NULL};
    struct sc_challenge out = {.realm = NULL};
    struct sc_err err = SC_ERR_INIT;

    sc_strv_add(&headers, arena, "content-type: text/plain");
    sc_strv_addf(&headers, arena, "www-authenticate: %s", first);
    if (second)
        sc_strv_addf(&headers, arena, "www-authenticate: %s", second);
    assert_int_equal(sc_challenge_parse(&headers, arena, &out, &err), 0);
    return out;
}

static void
test_challenge_bearer(void **state)
{
    struct sc_challenge c = challenge_of(
        *state, "Bearer realm=\"https://a.example/t\",service=\"s, t\",scope=\"repository:a/b:pull,push\"", NULL);

    assert_true(c.is_bearer);
    assert_string_equal(c.realm, "https://a.example/t");
    assert_string_equal(c.service, "s, t");
    assert_string_equal(c.scope, "repository:a/b:pull,push");
}

static void
test_challenge_prefers_bearer(void **state)
{
    assert_true(challenge_of(*state, "Basic realm=\"r\", bearer realm=\"https://a.example\"", NULL).is_bearer);
    assert_true(challenge_of(*state, "Basic realm=\"r\"", "Bearer realm=\"https://a.example\"").is_bearer);
    assert_false(challenge_of(*state, "Basic realm=\"r\"", "Negotiate abc").is_bearer);
    assert_true(challenge_of(*state, "Negotiate YWJj==, Bearer realm=\"https://a.example\"", NULL).is_bearer);
    assert_true(challenge_of(*state, "Bearer realm=\"https://a.example\", Negotiate YWJj=", NULL).is_bearer);
    /* A bearer that does not say where its tokens come from is none. */
    assert_false(challenge_of(*state, "Bearer service=\"s\", Basic realm=\"r\"", NULL).is_bearer);
    assert_string_equal(challenge_of(*state, "Basic realm=\"a \\\"b\\\"\"", NULL).realm, "a \"b\"");
}

static void
test_challenge_unknown(void **state)
{
    static const char *const bad[] = {"", "Negotiate", "Bearer realm=\"unfinished", "=,=", "Digest realm=\"r\""};

    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_strv headers = {.items = NULL};
        struct sc_challenge out = {.realm = NULL};
        struct sc_err err = SC_ERR_INIT;

        sc_strv_addf(&headers, *state, "www-authenticate: %s", bad[i]);
        assert_int_equal(sc_challenge_parse(&headers, *state, &out, &err), -1);
        assert_int_equal(err.kind, SC_ERR_UNSUPPORTED);
    }
}

/* ---- addresses */

static void
test_url_resolve(void **state)
{
    static const struct {
        const char *base, *location, *expected;
    } rows[] = {
        {"https://r.example/v2/a/blobs/x", "https://cdn.example/y", "https://cdn.example/y"},
        {"https://r.example/v2/a/blobs/x", "//cdn.example/y", "https://cdn.example/y"},
        {"https://r.example:5/v2/a/blobs/x", "/v2/y?z=1", "https://r.example:5/v2/y?z=1"},
        {"https://r.example/v2/a/uploads/?mount=x", "u", "https://r.example/v2/a/uploads/u"},
        {"https://r.example/v2/a/x?y=1", "?last=b", "https://r.example/v2/a/x?last=b"},
        {"https://r.example", "y", "https://r.example/y"},
        {"https://r.example/v2/x", "HTTPS://cdn.example/y", "HTTPS://cdn.example/y"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++)
        assert_string_equal(sc_url_resolve(rows[i].base, rows[i].location, *state), rows[i].expected);
}

static void
test_url_file_name(void **state)
{
    static const struct {
        const char *url, *expected;
    } rows[] = {
        {"https://h/a/b.txt", "b.txt"}, {"https://h/a/b.txt?x=/c#d", "b.txt"},
        {"https://h/a/b/", "b"},        {"https://h/a%20b%2fc%C3%A9", "c\xc3\xa9"},
        {"https://h/100%", "100%"},     {"https://h/%4", "%4"},
        {"https://h/", NULL},           {"https://h", NULL},
        {"https://h?a/b", NULL},        {"https://h/a/..", NULL},
        {"https://h/a/%2e%2E", NULL},   {"https://h/a/.", NULL},
        {"https://h/a%00b", NULL},
    };
    char url[400] = "https://h/";

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        const char *name = sc_url_file_name(rows[i].url, *state);

        if (rows[i].expected)
            assert_string_equal(name, rows[i].expected);
        else
            assert_null(name);
    }
    memset(url + strlen(url), 'a', 256); /* one more than a name may have */
    assert_null(sc_url_file_name(url, *state));
}

static void
test_url_origin(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    char *origin;

    assert_int_equal(sc_url_origin("http://[::1]:5000/v2/x?y#z", *state, &origin, &err), 0);
    assert_string_equal(origin, "http://[::1]:5000");
    assert_int_equal(sc_url_origin("HTTPS://R.Example:443/V2/", *state, &origin, &err), 0);
    assert_string_equal(origin, "https://r.example");
    assert_int_equal(sc_url_origin("http://r.example:80?x", *state, &origin, &err), 0);
    assert_string_equal(origin, "http://r.example");
    assert_int_equal(sc_url_origin("http://r.example:443", *state, &origin, &err), 0);
    assert_string_equal(origin, "http://r.example:443");
    assert_int_equal(sc_url_origin("https://r.example:4430", *state, &origin, &err), 0);
    assert_string_equal(origin, "https://r.example:4430");
    assert_int_equal(sc_url_origin("ftp://r.example/", *state, &origin, &err), -1);
    assert_int_equal(sc_url_origin("https://user:pw@r.example/", *state, &origin, &err), -1);
}

static void
test_url_encode(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    (void)state;
    sc_url_encode(&out, "repository:a/b:pull,push ~é");
    assert_string_equal(sc_buf_str(&out), "repository%3Aa%2Fb%3Apull%2Cpush%20~%C3%A9");
}

static void
test_base64(void **state)
{
    static const char *const texts[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar", "user:p\xc3\xa4ss:word"};

    for (size_t i = 0; i < SC_ARRAY_LEN(texts); i++) {
        struct sc_err err = SC_ERR_INIT;
        char *coded = sc_base64_encode(texts[i], strlen(texts[i]), *state), *back;
        size_t len;

        assert_int_equal(strlen(coded) % 4, 0);
        assert_int_equal(sc_base64_decode(coded, *state, &back, &len, &err), 0);
        assert_int_equal(len, strlen(texts[i]));
        assert_string_equal(back, texts[i]);
    }
    assert_string_equal(sc_base64_encode("fooba", 5, *state), "Zm9vYmE=");
    struct sc_err err = SC_ERR_INIT;
    char *back;
    size_t len;
    assert_int_equal(sc_base64_decode("a*b=", *state, &back, &len, &err), -1);
}

/* ---- logins */

static struct sc_credential
login_of(struct sc_arena *arena, const char *path, const char *registry, const char *repository)
{
    struct sc_registry_options options = {.auth_file = path};
    struct sc_credential out = {.user = NULL};
    struct sc_err err = SC_ERR_INIT;

    if (sc_credential_find(registry, repository, &options, arena, &out, &err) < 0)
        fail_msg("%s/%s: %s", registry, repository, err.msg);
    return out;
}

/* Whose login is sent where: the exact key, the longest part of a registry, the old forms. */
static void
test_credential_keys(void **state)
{
    static const char text[] = "{\"auths\": {"
                               "\"r.example/team/app\": {\"auth\": \"YXBwOng=\"},"
                               "\"r.example/team\": {\"auth\": \"dGVhbTp4\"},"
                               "\"https://r.example/v1/\": {\"auth\": \"b2xkOng=\"},"
                               "\"r.example\": {\"auth\": \"YWxsOng6eQ==\"},"
                               "\"part.example/team\": {\"auth\": \"dGVhbTp4\"},"
                               "\"http://old.example:5000/v2/\": {\"username\": \"old\"},"
                               "\"token.example\": {\"auth\": \"dTo=\", \"identitytoken\": \"t\"},"
                               "\"https://index.docker.io/v1/\": {\"auth\": \"aHViOng=\"}}}";
    char path[] = "/tmp/sc-auth-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    assert_string_equal(login_of(*state, path, "r.example", "team/app").user, "app");
    assert_string_equal(login_of(*state, path, "r.example", "team/app/x").user, "app");
    assert_string_equal(login_of(*state, path, "r.example", "team/apple").user, "team");
    assert_string_equal(login_of(*state, path, "r.example", "other").user, "all");
    assert_string_equal(login_of(*state, path, "r.example", NULL).user, "all");
    assert_string_equal(login_of(*state, path, "r.example", "other").password, "x:y");
    assert_string_equal(login_of(*state, path, "part.example", "team/x").user, "team");
    assert_null(login_of(*state, path, "part.example", "other").user);
    assert_null(login_of(*state, path, "part.example", NULL).user);
    assert_string_equal(login_of(*state, path, "old.example:5000", "a").user, "old");
    assert_null(login_of(*state, path, "old.example", "a").user);
    assert_null(login_of(*state, path, "example", "a").user);
    assert_string_equal(login_of(*state, path, "token.example", "a").identity_token, "t");
    assert_string_equal(login_of(*state, path, "docker.io", "library/a").user, "hub");
    unlink(path);
}

/* ---- hosts.toml */

static int
parse(struct sc_arena *arena, const char *text, struct sc_endpoints *out, struct sc_err *err)
{
    *out = (struct sc_endpoints){.items = NULL};
    return sc_hosts_parse(text, strlen(text), "hosts.toml", "/c", REGISTRY, false, arena, out, err);
}

static void
test_hosts(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_endpoints e;

    assert_int_equal(parse(*state,
                           "# mirrors\nserver = 'https://up.example'\n"
                           "[host.\"https://m.example/\"] # first\n"
                           " capabilities = [\n  \"pull\", 'resolve',\n ]\n"
                           " ca = [\"ca.crt\", \"/k/more.crt\"]\n client = [[\"a.cert\", \"/k/a.key\"]]\n"
                           "[host.\"https://m.example/\".header]\n x-a = [\"b c\", \"d\"]\n"
                           "[host.\"http://p.example:8/v2/cache\"]\n override_path = true\n skip_verify = true\n",
                           &e, &err),
                     0);
    assert_int_equal(e.count, 3);
    assert_string_equal(e.items[0].base, "https://m.example/v2");
    assert_true(e.items[0].can_pull);
    assert_false(e.items[0].can_push);
    assert_int_equal(e.items[0].ca_files.count, 2);
    assert_string_equal(e.items[0].ca_files.items[0], "/c/ca.crt");
    assert_string_equal(e.items[0].ca_files.items[1], "/k/more.crt");
    assert_string_equal(e.items[0].cert_file, "/c/a.cert");
    assert_string_equal(e.items[0].key_file, "/k/a.key");
    assert_true(e.items[0].can_resolve);
    assert_string_equal(e.items[0].headers.items[0], "x-a: b c");
    assert_string_equal(e.items[0].headers.items[1], "x-a: d");
    assert_string_equal(e.items[1].base, "http://p.example:8/v2/cache");
    assert_true(e.items[1].skip_verify && e.items[1].can_push);
    assert_string_equal(e.items[2].base, "https://up.example/v2");
    assert_string_equal(e.items[2].origin, "https://up.example");
    assert_true(e.items[0].is_mirror && e.items[1].is_mirror && !e.items[2].is_mirror);
}

/* containerd's forms: certificate and key are in one file unless an inner array names two. */
static void
test_hosts_client(void **state)
{
    static const struct {
        const char *client, *cert, *key;
    } forms[] = {{"\"a.pem\"", "/c/a.pem", "/c/a.pem"},
                 {"[\"a.pem\", \"b.pem\"]", "/c/a.pem", "/c/a.pem"},
                 {"[[\"a\"]]", "/c/a", "/c/a"},
                 {"[[\"a\", \"\"], [\"b\", \"k\"]]", "/c/a", "/c/a"},
                 {"[[\"a\", \"k\"], [\"b\"]]", "/c/a", "/c/k"},
                 {"[]", NULL, NULL},
                 {"[[]]", NULL, NULL},
                 {"7", NULL, NULL}};

    for (size_t i = 0; i < SC_ARRAY_LEN(forms); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_endpoints e;
        char text[128];

        (void)snprintf(text, sizeof(text), "[host.\"https://m.example\"]\n client = %s\n", forms[i].client);
        assert_int_equal(parse(*state, text, &e, &err), forms[i].cert ? 0 : -1);
        if (!forms[i].cert)
            continue;
        assert_string_equal(e.items[0].cert_file, forms[i].cert);
        assert_string_equal(e.items[0].key_file, forms[i].key);
    }
}

static void
test_hosts_resolve(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_endpoints e;

    assert_int_equal(parse(*state, "[host.\"https://m\"]\ncapabilities = [\"pull\"]\n", &e, &err), 0);
    assert_true(e.items[0].can_pull);
    assert_false(e.items[0].can_resolve);
    assert_true(e.items[1].can_resolve);
}

static void
test_retry_after(void **state)
{
    const time_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own date */

    (void)state;
    assert_int_equal(sc_http_retry_after("0", now), 0);
    assert_int_equal(sc_http_retry_after("120", now), 120);
    assert_int_equal(sc_http_retry_after("-1", now), -1);
    assert_int_equal(sc_http_retry_after("Sun, 06 Nov 1994 08:49:40 GMT", now), 3);
    assert_int_equal(sc_http_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), 0);
    assert_int_equal(sc_http_retry_after("soon", now), -1);
    assert_int_equal(sc_http_retry_after("", now), -1);
}

static void
test_hosts_default_server(void **state)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_endpoints e = {.items = NULL};

    assert_int_equal(parse(*state, "", &e, &err), 0);
    assert_int_equal(e.count, 1);
    assert_string_equal(e.items[0].base, "https://" REGISTRY "/v2");
    e = (struct sc_endpoints){.items = NULL};
    assert_int_equal(sc_hosts_parse("", 0, "hosts.toml", "/c", "docker.io", false, *state, &e, &err), 0);
    assert_string_equal(e.items[0].base, "https://registry-1.docker.io/v2");
    assert_string_equal(e.items[0].auth_key, "docker.io");
    /* on loopback as without the file: http where https is not, nothing verified; unless an authority is named */
    e = (struct sc_endpoints){.items = NULL};
    assert_int_equal(sc_hosts_parse("", 0, "hosts.toml", "/c", "localhost:5", true, *state, &e, &err), 0);
    assert_int_equal(e.count, 2);
    assert_string_equal(e.items[0].base, "https://localhost:5/v2");
    assert_true(e.items[0].skip_verify && e.items[0].is_unasked);
    assert_string_equal(e.items[1].base, "http://localhost:5/v2");
    e = (struct sc_endpoints){.items = NULL};
    assert_int_equal(sc_hosts_parse("ca = 'x'", 8, "hosts.toml", "/c", "localhost:5", true, *state, &e, &err), 0);
    assert_int_equal(e.count, 1);
    assert_false(e.items[0].skip_verify);
}

static void
test_hosts_bad(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"server = ", "hosts.toml:1: a value must be"},
        {"\nserver \"x\"", "hosts.toml:2: '=' is missing"},
        {"server = \"a\nb\"", "a string ends on its own line"},
        {"server = \"a", "a string does not end"},
        {"a = 1\na = 2", "given twice"},
        {"[host", "needs ']'"},
        {"[[host]]", "arrays of tables"},
        {"a = [1 2]", "an array needs"},
        {"a = 1 b = 2", "more than one value"},
        {"server = \"ftp://x\"", "is no http or https address"},
        {"server = 3", "server: must be"},
        {"[host.\"https://u:p@m\"]", "has a user name in it"},
        {"[host.\"https://m\"]\ncapabilities = [\"fly\"]", "capabilities: must be of"},
        {"[host.\"https://m\"]\nskip_verify = \"yes\"", "skip_verify: must be true or false"},
        {"[host.\"https://m\".header]\n\"a\\nb\" = \"c\"", "header"},
        {"[host]\n\"https://m\" = 1", "must be a table"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(rows); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_endpoints e;

        assert_int_equal(parse(*state, rows[i].text, &e, &err), -1);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("%s: says \"%s\", not \"%s\"", rows[i].text, err.msg, rows[i].says);
    }
}

/* What loopback has without a word goes no further; what was said holds wherever the host leads to. */
static void
test_skips_verify(void **state)
{
    struct sc_endpoint e = {.skip_verify = true, .is_unasked = true};

    (void)state;
    assert_true(sc_endpoint_skips_verify(&e, "https://localhost:5001/token"));
    assert_false(sc_endpoint_skips_verify(&e, "https://auth.example/token"));
    assert_false(sc_endpoint_skips_verify(&e, "https://auth.example/https://localhost/"));
    e.is_unasked = false;
    assert_true(sc_endpoint_skips_verify(&e, "https://auth.example/token"));
    e.skip_verify = false;
    assert_false(sc_endpoint_skips_verify(&e, "https://localhost:5001/token"));
}

static void
test_loopback(void **state)
{
    (void)state;
    assert_true(sc_host_is_loopback("localhost:5000"));
    assert_true(sc_host_is_loopback("127.0.0.1"));
    assert_true(sc_host_is_loopback("127.9.9.9:1"));
    assert_true(sc_host_is_loopback("[::1]:5000"));
    assert_true(sc_host_is_loopback("localhost/v2/"));
    assert_false(sc_host_is_loopback("127.evil.example"));
    assert_false(sc_host_is_loopback("localhost.example"));
    assert_false(sc_host_is_loopback("10.0.0.1:5000"));
}

/* ---- platforms */

static int
fit(struct sc_arena *arena, const char *want, const char *arch, const char *variant)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_platform platform;

    assert_int_equal(sc_platform_parse(want, arena, &platform, &err), 0);
    return sc_platform_fit(&platform, "linux", arch, variant);
}

static void
test_platform_fit(void **state)
{
    /* The best level that this CPU has, none above it. */
    assert_true(fit(*state, "linux/amd64/v3", "amd64", "v3") > fit(*state, "linux/amd64/v3", "amd64", "v2"));
    assert_true(fit(*state, "linux/amd64/v3", "amd64", "v2") > fit(*state, "linux/amd64/v3", "amd64", NULL));
    assert_int_equal(fit(*state, "linux/amd64/v3", "amd64", "v4"), 0);
    assert_true(fit(*state, "amd64", "amd64", "") > fit(*state, "amd64", "386", ""));
    assert_true(fit(*state, "amd64", "386", "") > 0);
    assert_int_equal(fit(*state, "386", "amd64", ""), 0);
    assert_true(fit(*state, "linux/arm64", "arm64", "v8") > 0);
    assert_true(fit(*state, "linux/aarch64/v8", "arm64", NULL) > 0);
    assert_true(fit(*state, "linux/arm/v7", "arm", "v6") > 0);
    assert_int_equal(fit(*state, "linux/arm/v6", "arm", "v7"), 0);
    assert_int_equal(fit(*state, "linux/arm64", "amd64", NULL), 0);
    assert_int_equal(fit(*state, "windows/amd64", "amd64", NULL), 0);
}

static void
test_platform_bad(void **state)
{
    static const char *const bad[] = {"", "/", "linux/", "linux//v1", "linux/amd64/v1/x"};

    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_platform platform;

        assert_int_equal(sc_platform_parse(bad[i], *state, &platform, &err), -1);
        assert_int_equal(err.kind, SC_ERR_INVALID);
    }
}

/* A level has all flags of its own and of those below it, and a flag is a whole word. */
static void
test_platform_level(void **state)
{
    static const char v2[] = "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
    static const char v3[] =
        "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave";

    (void)state;
    assert_int_equal(sc_platform_amd64_level(""), 1);
    assert_int_equal(sc_platform_amd64_level("fpu sse sse2"), 1);
    assert_int_equal(sc_platform_amd64_level(v2), 2);
    assert_int_equal(sc_platform_amd64_level("cx16 lahf_lm popcnt pni sse4_1 sse4_2 xssse3 ssse3x"), 1);
    assert_int_equal(sc_platform_amd64_level(v3), 3);
    assert_int_equal(sc_platform_amd64_level("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx512f avx512bw avx512cd "
                                             "avx512dq avx512vl"),
                     2);
    assert_int_equal(
        sc_platform_amd64_level("avx512vl avx512dq avx512cd avx512bw avx512f xsave movbe abm fma f16c bmi2 "
                                "bmi1 avx2 avx ssse3 sse4_2 sse4_1 pni popcnt lahf_lm cx16"),
        4);
}

/* What is asked for by name: without a variant each is meant, in whichever words. */
static void
test_platform_is(void **state)
{
    static const struct {
        const char *want, *os, *arch, *variant;
        bool is;
    } cases[] = {
        {"linux/amd64", "linux", "amd64", NULL, true},     {"linux/x86_64", "linux", "amd64", "", true},
        {"linux/amd64", "linux", "amd64", "v3", true},     {"linux/amd64", "linux", "386", NULL, false},
        {"linux/arm64/v8", "linux", "arm64", NULL, true},  {"linux/arm64", "linux", "arm64", "v8", true},
        {"linux/arm/v6", "linux", "arm", "v7", false},     {"windows/amd64", "linux", "amd64", NULL, false},
        {"linux/amd64/v3", "linux", "amd64", "v2", false}, {"linux/arm64", "linux", NULL, NULL, false},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        struct sc_err err = SC_ERR_INIT;
        struct sc_platform want;

        assert_int_equal(sc_platform_parse(cases[i].want, *state, &want, &err), 0);
        assert_int_equal(sc_platform_is(&want, cases[i].os, cases[i].arch, cases[i].variant), cases[i].is);
    }
}

/* Half of 50 MB at 10 MB/s, on terminals of each width. */
static void
test_progress_text(void **state)
{
    static const struct sc_progress_shown item = {"0123456789ab", "Downloading", 25000000, 50000000};
    static const struct sc_progress_shown final = {"0123456789ab", "Pull complete", 0, 0};
    static const struct {
        size_t width;
        const char *expected;
    } cases[] = {
        {100, "0123456789ab: Downloading [===============>              ] 25.0MB/50.0MB 10.0MB/s 3s"},
        {79, "0123456789ab: Downloading [============>            ] 25.0MB/50.0MB 10.0MB/s 3s"},
        {60, "0123456789ab: Downloading [===>  ] 25.0MB/50.0MB 10.0MB/s 3s"},
        {59, "0123456789ab: Downloading [==>  ] 25.0MB/50.0MB 10.0MB/s 3s"},
        {50, "0123456789ab: Downloading [==>  ] 25.0MB/50.0MB 3s"},
        {40, "0123456789ab: Downloading 25.0MB/50.0MB"},
        {38, "0123456789ab:  50%"},
        {20, "0123456789ab:  50%"},
        {17, "0123456789ab:"},
        {8, "01234567"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf out = SC_BUF_INIT;

        sc_progress_text(&item, 10000000, cases[i].width, &out);
        assert_string_equal(sc_buf_str(&out), cases[i].expected);
    }
    for (size_t width = 0; width < 120; width++) { /* whatever is shown, never more than there is room for */
        sc_cleanup_buf one = SC_BUF_INIT, two = SC_BUF_INIT, three = SC_BUF_INIT;

        sc_progress_text(&item, 0, width, &one);
        sc_progress_text(&item, 1, width, &two);
        sc_progress_text(&final, 0, width, &three);
        assert_true(one.len <= width && two.len <= width && three.len <= width);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_challenge_bearer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_challenge_prefers_bearer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_challenge_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(test_url_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_url_file_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_url_origin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_url_encode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base64, setup, teardown),
        cmocka_unit_test_setup_teardown(test_credential_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts_client, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts_resolve, setup, teardown),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test_setup_teardown(test_hosts_default_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts_bad, setup, teardown),
        cmocka_unit_test(test_skips_verify),
        cmocka_unit_test_setup_teardown(test_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_platform_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_platform_bad, setup, teardown),
        cmocka_unit_test(test_platform_level),
        cmocka_unit_test_setup_teardown(test_platform_is, setup, teardown),
        cmocka_unit_test(test_progress_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
