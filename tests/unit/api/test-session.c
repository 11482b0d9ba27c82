/* What one request's process is told by another: that a container has started, which only our own may say. */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api-priv.h"
#include "test.h"

/* By a process of this user: 0 when it was sent. */
static int
say(const char *env, uid_t uid, const char *text)
{
    const char *name = env + strlen("NOTIFY_SOCKET=@");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = -1, fd;
    pid_t pid = fork();

    if (pid == 0) {
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        memcpy(address.sun_path + 1, name, strlen(name));
        if (fd < 0 || (uid != geteuid() && setresuid(uid, uid, uid) < 0))
            _exit(1);
        _exit(sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&address,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))) < 0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void
test_ready(void **state)
{
    char env[64];
    int fd = sc_api_notify_open(env);

    (void)state;
    assert_true(fd >= 0);
    assert_false(sc_api_notify_came(fd));
    assert_int_equal(say(env, geteuid(), "READY=0"), 0);
    assert_false(sc_api_notify_came(fd));
    assert_int_equal(say(env, geteuid(), "READY=1"), 0);
    assert_true(sc_api_notify_came(fd));
    assert_false(sc_api_notify_came(fd));
    close(fd);
}

/* The name is anybody's to send to. */
static void
test_another_user_says_nothing(void **state)
{
    char env[64];
    int fd;

    (void)state;
    if (geteuid() != 0)
        skip();
    fd = sc_api_notify_open(env);
    assert_true(fd >= 0);
    assert_int_equal(say(env, 65534, "READY=1"), 0);
    assert_false(sc_api_notify_came(fd));
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ready), cmocka_unit_test(test_another_user_says_nothing)};

    return RUN_TESTS(tests);
}
