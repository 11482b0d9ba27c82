/*
 * sc-oci: the OCI runtime's command line, with runc's verbs and options, for podman, containerd and Docker. Each verb
 * is a function over an opened context; state lives in <root>/<id>/state.json. Only main.c prints errors: to standard
 * error, and to --log in the asked-for format.
 */
#ifndef SC_CLI_OCI_PRIV_H
#define SC_CLI_OCI_PRIV_H

#include "runtime/runtime.h"

struct sc_oci_cli {
    const char *root; /* --root; /run/sc-oci */
    const char *log_path;
    bool log_is_json, systemd_cgroup;
    /* options of the verbs */
    const char *bundle, *config, *console_socket, *pid_file, *process_file, *cwd, *user, *format, *env_cap;
    struct sc_strv env, caps;
    bool is_detached, is_force, is_all, has_tty, no_pivot, no_new_keyring, no_new_privs, keeps, is_quiet;
    unsigned preserve_fds;
    struct sc_strv args; /* what is left: id, signal, command */
    struct sc_arena arena;
    int exit_code; /* of run and exec */
};

SC_MUST_CHECK int sc_oci_verb_create(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_run(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_start(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_state(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_kill(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_delete(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_exec(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_list(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_pause(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_resume(struct sc_oci_cli *cli, struct sc_err *err);
SC_MUST_CHECK int sc_oci_verb_ps(struct sc_oci_cli *cli, struct sc_err *err);

/* The container's state directory (O_PATH is not enough: files are made in it) and state. */
SC_MUST_CHECK int sc_oci_open_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state,
                                    struct sc_err *err); /* fd or -1 */
/* The same, and locked against other creates, starts and deletes of it until the descriptor is closed. */
SC_MUST_CHECK int sc_oci_lock_state(struct sc_oci_cli *cli, const char *id, struct sc_state *state, struct sc_err *err);
SC_MUST_CHECK int sc_oci_check_id(const char *id, struct sc_err *err);
SC_MUST_CHECK int sc_oci_load_spec(const char *bundle, const char *file, struct sc_arena *arena,
                                   struct sc_oci_spec *out, struct sc_err *err);
/* After a process was made: pid file, console socket. */
SC_MUST_CHECK int sc_oci_publish(const struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err);
/* Waits for a process in the foreground, forwarding signals and, with a terminal, relaying it. */
SC_MUST_CHECK int sc_oci_wait(struct sc_oci_cli *cli, struct sc_process *process, struct sc_err *err);
SC_MUST_CHECK int sc_oci_remove_state(struct sc_oci_cli *cli, const char *id, struct sc_err *err);
int sc_oci_cache_open(const struct sc_oci_cli *cli); /* directory of compiled seccomp filters, or -1 */

#endif
