/* The gate of a created container: its first process waits at a socket until start, and says there what becomes of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/launch-priv.h"

static int
gate_address(int dir_fd, struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    /* through the descriptor: a state directory's path may be longer than sun_path */
    return snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/start.sock", dir_fd);
}

int
sc_gate_listen(int state_dir_fd, struct sc_err *err)
{
    struct sockaddr_un address;
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return sc_err_errno(err, errno, "make a socket");
    (void)gate_address(state_dir_fd, &address);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
        return sc_err_errno(err, errno, "bind the start socket");
    return sc_steal_fd(&fd);
}

static int
send_gate_listener(const struct sc_oci_spec *spec, const struct sc_state *state, int number, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd pidfd = sc_pidfd_open(state->pid, state->start_time, err);

    if (pidfd < 0 || sc_state_oci(state, SC_STATUS_CREATED, &text, err) < 0)
        return -1;
    return sc_listener_send(&spec->linux_.seccomp, state->pid, pidfd, number, sc_buf_str(&text), err);
}

int
sc_gate_open(int state_dir_fd, const struct sc_oci_spec *spec, const struct sc_state *state, struct sc_err *err)
{
    struct sockaddr_un address;
    sc_cleanup_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sc_child_msg msg = {0};
    bool is_execing = false;

    if (fd < 0)
        return sc_err_errno(err, errno, "make a socket");
    (void)gate_address(state_dir_fd, &address);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return sc_err_errno(err, errno, "start the container: reach its first process");
    if (sc_msg_send(fd, "s", 1, NULL, 0, err) < 0)
        return -1;
    for (;;) {
        sc_cleanup_fd output = -1;
        size_t count = 1;
        ssize_t len = sc_msg_recv(fd, &msg, sizeof(msg), &output, &count, err);

        if (len < 0)
            return -1;
        if (len == 0 && is_execing)
            return 0;
        if (len == 0)
            return sc_err_set(err, SC_ERR_PEER_DIED, "start the container: its first process died");
        if (msg.type == SC_CHILD_EXECING) {
            is_execing = true;
        } else if (msg.type == SC_CHILD_LISTENER) {
            if (send_gate_listener(spec, state, msg.step, err) < 0 || sc_msg_send(fd, "", 1, NULL, 0, err) < 0)
                return -1;
        } else {
            if (msg.op == SC_OP_EXEC)
                return sc_launch_explain(state->pid, &spec->process, msg.errnum, err);
            if (msg.op == SC_OP_HOOKS_START)
                return sc_hook_failed(&spec->hooks.start_container, "startContainer", &msg, output, err);
            return sc_err_errno(err, msg.errnum, "start the container: %s",
                                msg.op >= 0 && msg.op < SC_OP_COUNT ? sc_op_name((enum sc_op)msg.op)
                                                                    : "its first process");
        }
    }
}
