/* The seccomp agent: it gets the filter's listener and the container process state (config-linux.md, "The Container
 * Process State"), over a connection of its own. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/launch-priv.h"

static int
connect_agent(const char *path, struct sc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sc_cleanup_fd sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return sc_err_errno(err, errno, "make a socket");
    if (strlen(path) >= sizeof(address.sun_path))
        return sc_err_set(err, SC_ERR_INVALID, "linux.seccomp.listenerPath: \"%s\" is too long for a socket", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "failed to connect with seccomp agent at \"%s\"", path);
    return sc_steal_fd(&sock);
}

/* How the process is written: state_json is the state object, ends with a newline or not. */
static void
add_process_state(const struct sc_oci_seccomp *profile, pid_t pid, const char *state_json, struct sc_buf *out)
{
    sc_buf_addf(out, "{\"ociVersion\":\"%s\",\"fds\":[\"seccompFd\"],\"pid\":%d", SC_OCI_VERSION, (int)pid);
    if (profile->listener_metadata != NULL) {
        sc_buf_adds(out, ",\"metadata\":");
        sc_buf_add_json(out, profile->listener_metadata, strlen(profile->listener_metadata));
    }
    sc_buf_addf(out, ",\"state\":%s}", state_json);
}

int
sc_listener_fetch(int pidfd, int number, struct sc_err *err)
{
    int listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);

    return listener >= 0 ? listener
                         : sc_err_errno(err, errno, "fetch the seccomp listener from the container's process");
}

int
sc_listener_send(const struct sc_oci_seccomp *profile, pid_t pid, int pidfd, int number, const char *state_json,
                 struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd listener = sc_listener_fetch(pidfd, number, err), sock = -1;

    if (listener < 0)
        return -1;
    sock = connect_agent(profile->listener_path, err);
    if (sock < 0)
        return -1;
    add_process_state(profile, pid, state_json, &text);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    if (sc_msg_send(sock, text.data, text.len, &listener, 1, err) < 0)
        return sc_err_wrap(err, "send the seccomp listener to the agent at \"%s\"", profile->listener_path);
    return 0;
}
