/* What a client sends: heads, chunk sizes, filters, the body of a creation, a login. */
#include <stdio.h>

#include "api/api.h"
#include "base/json.h"
#include "test.h"

static struct sc_arena arena;
static struct sc_err err;

static int
parse(const char *text, struct sc_api_request *out)
{
    return sc_api_head_parse(text, strlen(text), &arena, out, &err);
}

static void
test_head(void **state)
{
    struct sc_api_request r;

    (void)state;
    assert_int_equal(sc_api_head_len("GET / HTTP/1.1\r\n\r", 17), 0);
    assert_int_equal(sc_api_head_len("GET / HTTP/1.1\r\n\r\nbody", 22), 18);
    assert_ok(parse("POST /v1.30/containers/a%20b/start?x=1%262&y=a+b&z HTTP/1.1\r\nContent-Length: 12\r\n"
                    "UPGRADE: tcp\r\nExpect: 100-continue\r\nX-Registry-Auth:  abc \r\n\r\n",
                    &r));
    assert_string_equal(r.method, "POST");
    assert_string_equal(r.path, "containers/a b/start");
    assert_int_equal(r.minor, 30);
    assert_string_equal(sc_api_query(&r, "x"), "1&2");
    assert_string_equal(sc_api_query(&r, "y"), "a b");
    assert_string_equal(sc_api_query(&r, "z"), "");
    assert_null(sc_api_query(&r, "w"));
    assert_int_equal(r.length, 12);
    assert_true(r.wants_upgrade && r.expects_continue && !r.is_chunked);
    assert_string_equal(r.registry_auth, "abc");
    assert_ok(parse("GET /_ping HTTP/1.0\r\n\r\n", &r));
    assert_string_equal(r.path, "_ping");
    assert_int_equal(r.minor, SC_API_MINOR_MAX);
}

static void
test_bad_heads(void **state)
{
    struct sc_api_request r;

    (void)state;
    assert_fails(parse("GET /\r\n\r\n", &r), SC_ERR_INVALID, "the first line is not one of HTTP/1.1");
    assert_fails(parse("GET / HTTP/2.0\r\n\r\n", &r), SC_ERR_INVALID, "the first line is not one of HTTP/1.1");
    assert_fails(parse("GET x HTTP/1.1\r\n\r\n", &r), SC_ERR_INVALID, "an address that does not begin with /");
    assert_fails(parse("GET /%0 HTTP/1.1\r\n\r\n", &r), SC_ERR_INVALID,
                 "a % in the address that two digits do not follow, or two zeros");
    assert_fails(parse("GET /a%00b HTTP/1.1\r\n\r\n", &r), SC_ERR_INVALID,
                 "a % in the address that two digits do not follow, or two zeros");
    assert_fails(parse("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &r), SC_ERR_INVALID,
                 "Content-Length is no length, or two");
    assert_fails(parse("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", &r), SC_ERR_INVALID,
                 "Content-Length is no length, or two");
    assert_fails(parse("GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", &r), SC_ERR_INVALID,
                 "a body that has both a length and chunks");
    assert_fails(parse("GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n", &r), SC_ERR_INVALID,
                 "a field of the head that is not \"Name: value\"");
}

static void
test_chunk_size(void **state)
{
    (void)state;
    assert_int_equal(sc_api_chunk_size("0", 1), 0);
    assert_int_equal(sc_api_chunk_size("1aF;x", 5), 0x1af);
    assert_int_equal(sc_api_chunk_size("", 0), -1);
    assert_int_equal(sc_api_chunk_size("-1", 2), -1);
    assert_int_equal(sc_api_chunk_size("fffffffffffff", 13), -1);
}

static const char *
joined(const struct sc_strv *words)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    for (size_t i = 0; i < words->count; i++)
        sc_buf_addf(&out, "%s%s", i ? " " : "", words->items[i]);
    return sc_arena_strdup(&arena, sc_buf_str(&out));
}

static void
test_filters(void **state)
{
    struct sc_strv words = {0}, none = {0};

    (void)state;
    assert_ok(sc_api_filters("{\"status\":[\"running\"],\"label\":{\"a=b\":true}}", &arena, &words, &err));
    assert_string_equal(joined(&words), "--filter=status=running --filter=label=a=b");
    assert_ok(sc_api_filters(NULL, &arena, &none, &err));
    assert_int_equal(none.count, 0);
    assert_fails(sc_api_filters("[]", &arena, &none, &err), SC_ERR_INVALID, "filters must be an object");
    assert_fails(sc_api_filters("{\"a\":[1]}", &arena, &none, &err), SC_ERR_INVALID,
                 "filters.a must be a list of texts");
}

/* What sc tells, to a status: the words have no part in it. */
static int
status(const char *line)
{
    struct sc_api_failure failure;

    return sc_api_failure_parse(line, &failure) ? sc_api_failure_status(&failure) : -1;
}

static void
test_failure(void **state)
{
    struct sc_api_failure failure;

    (void)state;
    assert_true(sc_api_failure_parse("NOT_FOUND 2 127 run \"x y\": no", &failure));
    assert_int_equal(failure.kind, SC_ERR_NOT_FOUND);
    assert_int_equal(failure.errnum, 2);
    assert_int_equal(failure.exit_code, 127);
    assert_string_equal(failure.message, "run \"x y\": no");
    assert_int_equal(status("INVALID 0 125 already is not found"), 400);
    assert_int_equal(status("NOT_FOUND 0 0 x"), 404);
    assert_int_equal(status("NOT_FOUND 2 127 x"), 400);
    assert_int_equal(status("EXISTS 0 0 x"), 409);
    assert_int_equal(status("BUSY 0 0 x"), 409);
    assert_int_equal(status("BUSY 16 0 x"), 500);
    assert_int_equal(status("DENIED 0 0 x"), 403);
    assert_int_equal(status("DENIED 13 0 x"), 500);
    assert_int_equal(status("UNSUPPORTED 0 0 x"), 501);
    assert_int_equal(status("KERNEL 5 0 no such container"), 500);
    assert_int_equal(status("OTHER 0 0 x"), 500);
    assert_int_equal(status(""), -1);
    assert_int_equal(status("NOT_FOUND"), -1);
    assert_int_equal(status("NOT_FOUND 0 x"), -1);
    assert_int_equal(status("NOT_FOUND -1 0 x"), -1);
}

static const char *
build_words(const char *query)
{
    struct sc_api_request r;
    struct sc_strv words = {0};
    const char *head = sc_arena_printf(&arena, "POST /build?%s HTTP/1.1\r\n\r\n", query);

    assert_ok(parse(head, &r));
    err = (struct sc_err)SC_ERR_INIT;
    return sc_api_build_words(&r, &arena, &words, &err) < 0 ? err.msg : joined(&words);
}

static void
test_build(void **state)
{
    (void)state;
    /* what Docker's client sends that was told nothing */
    assert_string_equal(build_words("buildargs=%7B%7D&cachefrom=null&cgroupparent=&cpuperiod=0&cpuquota=0&cpusetcpus="
                                    "&cpusetmems=&cpushares=0&dockerfile=Dockerfile&labels=%7B%7D&memory=0&memswap=0"
                                    "&networkmode=default&rm=1&shmsize=0&target=&ulimits=null&version=1"),
                        "-");
    assert_string_equal(
        build_words("t=a:1&t=b&nocache=1&pull=1&q=1&memory=5&memswap=-1&shmsize=7&cpuquota=9&dockerfile=d/f&extrahosts="
                    "h:1.2.3.4&platform=linux/amd64&cgroupparent=p&cpusetcpus=0&forcerm=1&cachefrom=%5B%22x%22%5D"),
        "--tag=a:1 --tag=b --no-cache --pull --quiet --memory=5 --memory-swap=-1 --shm-size=7 --cpu-quota=9 --file=d/f "
        "--add-host=h:1.2.3.4 --platform=linux/amd64 --cgroup-parent=p --cpuset-cpus=0 -");
    /* only that key's default is nothing */
    assert_string_equal(build_words("t=default&target=Dockerfile&dockerfile=--x"),
                        "--tag=default --target=Dockerfile --file=--x -");
    assert_string_equal(build_words("buildargs=%7B%22A%22:%221%22,%22B%22:null%7D&labels=%7B%22l%22:%22m=n%22%7D"
                                    "&ulimits=%5B%7B%22Name%22:%22nofile%22,%22Soft%22:1,%22Hard%22:2%7D%5D"),
                        "--build-arg=A=1 --label=l=m=n --ulimit=nofile=1:2 -");
    assert_string_equal(build_words("squash=1"), "a build with \"squash\" is not supported");
    assert_string_equal(build_words("squash=0"), "-");
    assert_string_equal(build_words("remote=http://x"), "a build with \"remote\" is not supported");
    assert_string_equal(build_words("securityopt=a"), "a build with \"securityopt\" is not supported");
    assert_string_equal(build_words("new=1"), "a build with \"new\" is not supported");
    assert_string_equal(build_words("version=2"),
                        "BuildKit's protocol is not supported: use DOCKER_BUILDKIT=0, or sc build");
    assert_string_equal(build_words("buildargs=%5B%5D"), "buildargs must be an object");
    assert_string_equal(build_words("labels=%7B%22a=b%22:%22c%22%7D"), "labels must have names and texts");
    assert_string_equal(build_words("dockerfile=-"), "dockerfile must be a file of the context");
}

static void
test_time(void **state)
{
    (void)state;
    assert_string_equal(sc_api_time(&arena, "1.5"), "1970-01-01T00:00:01.500000000Z");
    assert_string_equal(sc_api_time(&arena, "1795754131"), "1795754131");
    assert_string_equal(sc_api_time(&arena, "1.x"), "1.x");
    assert_string_equal(sc_api_time(&arena, "10m"), "10m");
}

static const char *
created(const char *text)
{
    sc_cleanup_json body = NULL;
    struct sc_strv words = {0};

    assert_ok(sc_json_parse(text, strlen(text), "it", &body, &err));
    assert_ok(sc_api_create_words(body, "/n", NULL, &arena, &words, &err));
    return joined(&words);
}

static int
create_fails(const char *text)
{
    sc_cleanup_json body = NULL;
    struct sc_strv words = {0};
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_json_parse(text, strlen(text), "it", &body, &ignored) < 0)
        fail_msg("%s", ignored.msg);
    return sc_api_create_words(body, NULL, NULL, &arena, &words, &err);
}

static void
test_create(void **state)
{
    (void)state;
    assert_string_equal(created("{\"Image\":\"i\"}"), "--pull=never --name=n -- i");
    /* what looks like a flag stays a value */
    assert_string_equal(created("{\"Image\":\"--rm\",\"Cmd\":[\"--x\"],\"User\":\"--y\"}"),
                        "--pull=never --name=n --user=--y -- --rm --x");
    assert_string_equal(created("{\"Image\":\"i\",\"Entrypoint\":[\"a\",\"b\"],\"Cmd\":[\"c\"]}"),
                        "--pull=never --name=n --entrypoint=a -- i b c");
    /* a variable without a value would be ours */
    assert_string_equal(created("{\"Image\":\"i\",\"Env\":[\"A=1\",\"HOME\"]}"),
                        "--pull=never --name=n --env=A=1 -- i");
    assert_string_equal(
        created("{\"Image\":\"i\",\"HostConfig\":{\"NanoCpus\":1500000000,\"Memory\":4096,\"PortBindings\":"
                "{\"80/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"8\"}]},\"RestartPolicy\":{\"Name\":"
                "\"on-failure\",\"MaximumRetryCount\":3},\"MemorySwappiness\":-1}}"),
        "--pull=never --name=n --memory=4096 --restart=on-failure:3 --cpus=1.500000000 "
        "--publish=[::1]:8:80/tcp -- i");
    assert_string_equal(created("{\"Image\":\"i\",\"HostConfig\":{\"NetworkMode\":\"net\"},\"NetworkingConfig\":"
                                "{\"EndpointsConfig\":{\"net\":{\"Aliases\":[\"x\"],\"IPAMConfig\":{\"IPv4Address\":"
                                "\"10.0.0.2\"}}}}}"),
                        "--pull=never --name=n --network=net:ip=10.0.0.2,alias=x -- i");
    /* null is what a client sends that was told nothing; only an empty list of masked paths says that none are */
    assert_string_equal(created("{\"Image\":\"i\",\"Cmd\":null,\"Labels\":null,\"HostConfig\":{\"PidsLimit\":null,"
                                "\"CapAdd\":null,\"MaskedPaths\":null}}"),
                        "--pull=never --name=n -- i");
    assert_string_equal(created("{\"Image\":\"i\",\"HostConfig\":{\"MaskedPaths\":[\"/proc/kcore\"]}}"),
                        "--pull=never --name=n -- i");
    assert_string_equal(created("{\"Image\":\"i\",\"HostConfig\":{\"MaskedPaths\":[]}}"),
                        "--pull=never --name=n --security-opt=systempaths=unconfined -- i");
    assert_string_equal(created("{\"Image\":\"i\",\"NetworkDisabled\":true}"),
                        "--pull=never --name=n --network=none -- i");
    assert_string_equal(created("{\"Image\":\"i\",\"Healthcheck\":{\"Test\":[\"CMD\",\"a b\",\"c\"],\"Retries\":2}}"),
                        "--pull=never --name=n --health-retries=2 --health-cmd='a b' c -- i");
}

static void
test_create_volumes(void **state)
{
    (void)state;
    /* what is bound there is not a volume too */
    assert_string_equal(
        created("{\"Image\":\"i\",\"Volumes\":{\"/d\":{},\"/e\":{}},\"HostConfig\":{\"Binds\":[\"v:/d:rw\"]}}"),
        "--pull=never --name=n --volume=v:/d:rw --volume=/e -- i");
}

static void
test_bad_create(void **state)
{
    (void)state;
    assert_fails(create_fails("{}"), SC_ERR_INVALID, "Image must be a name");
    assert_fails(create_fails("{\"Image\":\"i\",\"Tty\":1}"), SC_ERR_INVALID, "Tty must be true or false");
    assert_fails(create_fails("{\"Image\":\"i\",\"Cmd\":[1]}"), SC_ERR_INVALID, "Cmd must be a list of texts");
    assert_fails(create_fails("{\"Image\":\"i\",\"HostConfig\":[]}"), SC_ERR_INVALID, "HostConfig must be an object");
    assert_fails(
        create_fails("{\"Image\":\"i\",\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/a,x\"}]}}"),
        SC_ERR_INVALID, "Mounts must be without a comma or a quote in a path");
    assert_fails(create_fails("{\"Image\":\"i\",\"HostConfig\":{\"Runtime\":\"runc\"}}"), SC_ERR_UNSUPPORTED,
                 "Runtime \"runc\" is not supported");
}

static void
test_login(void **state)
{
    sc_cleanup_buf out = SC_BUF_INIT;

    (void)state;
    /* {"username":"u","password":"p"} */
    assert_ok(sc_api_auth_file("eyJ1c2VybmFtZSI6InUiLCJwYXNzd29yZCI6InAifQ==", "h:1", &out, &err));
    assert_string_equal(sc_buf_str(&out), "{\"auths\":{\"h:1\":{\"auth\":\"dTpw\"}}}");
    sc_buf_clear(&out);
    assert_ok(sc_api_auth_file("e30=", "h:1", &out, &err)); /* {} */
    assert_int_equal(out.len, 0);
    assert_fails(sc_api_auth_file("!", "h:1", &out, &err), SC_ERR_INVALID, "X-Registry-Auth is not base64");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),    cmocka_unit_test(test_bad_heads),      cmocka_unit_test(test_chunk_size),
        cmocka_unit_test(test_filters), cmocka_unit_test(test_create),         cmocka_unit_test(test_bad_create),
        cmocka_unit_test(test_login),   cmocka_unit_test(test_failure),        cmocka_unit_test(test_build),
        cmocka_unit_test(test_time),    cmocka_unit_test(test_create_volumes),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);

    sc_arena_release(&arena);
    return result;
}
