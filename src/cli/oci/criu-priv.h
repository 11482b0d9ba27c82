/*
 * checkpoint and restore: criu(8) does the work. sc-oci tells it which of the container's mounts, namespaces and
 * descriptors come from outside, and says what criu said when it fails.
 *
 *   sc-oci ──fork──► [cgroups of the container] ──exec──► criu swrk 3        (criu-rpc.c: how the two talk)
 *                    [mount namespace of its own]             └─► the restored processes, ours to wait for
 *
 * Beside criu's images lies descriptors.json, as runc writes it: what the standard descriptors of init were, so that a
 * restore can put its own in their place.
 */
#ifndef SC_CLI_OCI_CRIU_PRIV_H
#define SC_CLI_OCI_CRIU_PRIV_H

#include "cli/oci/oci-priv.h"

#define SC_CRIU_DESCRIPTORS "descriptors.json"
#define SC_CRIU_LOG_MAX     (64 << 20)
#define SC_CRIU_EXTRA_FDS   8

/* members of criu_opts (rpc.proto) */
enum {
    SC_CRIU_IMAGES_DIR_FD = 1,
    SC_CRIU_PID = 2,
    SC_CRIU_LEAVE_RUNNING = 3,
    SC_CRIU_EXT_UNIX_SK = 4,
    SC_CRIU_TCP_ESTABLISHED = 5,
    SC_CRIU_EVASIVE_DEVICES = 6,
    SC_CRIU_SHELL_JOB = 7,
    SC_CRIU_FILE_LOCKS = 8,
    SC_CRIU_LOG_LEVEL = 9,
    SC_CRIU_LOG_FILE = 10,
    SC_CRIU_PS = 11,
    SC_CRIU_NOTIFY_SCRIPTS = 12,
    SC_CRIU_ROOT = 13,
    SC_CRIU_PARENT_IMG = 14,
    SC_CRIU_TRACK_MEM = 15,
    SC_CRIU_AUTO_DEDUP = 16,
    SC_CRIU_WORK_DIR_FD = 17,
    SC_CRIU_MANAGE_CGROUPS = 24,
    SC_CRIU_CG_ROOT = 25,
    SC_CRIU_RST_SIBLING = 26,
    SC_CRIU_INHERIT_FD = 27,
    SC_CRIU_MANAGE_CGROUPS_MODE = 34,
    SC_CRIU_EXTERNAL = 37,
    SC_CRIU_EMPTY_NS = 38,
    SC_CRIU_JOIN_NS = 39,
    SC_CRIU_FREEZE_CGROUP = 44,
    SC_CRIU_LAZY_PAGES = 48,
    SC_CRIU_ORPHAN_PTS_MASTER = 50,
    SC_CRIU_CONFIG_FILE = 51,
    SC_CRIU_LSM_PROFILE = 53,
    SC_CRIU_LSM_MOUNT_CONTEXT = 63
};

struct sc_criu {
    struct sc_oci_cli *cli;
    struct sc_buf opts; /* the request's criu_opts, as far as it is written */
    const char *images, *work, *log;
    int images_fd;
    int sock; /* to criu, while it runs */
    pid_t pid;
    /* restore */
    const char *bound_root; /* the root file system is bound here, in criu's own mount namespace; or NULL */
    const char *root;
    bool no_new_privs;
    const struct sc_strv *cgroup_dirs; /* criu works from within, and what it restores is born there; or NULL */
    int extra_fds[SC_CRIU_EXTRA_FDS];  /* become 4, 5, ... of criu */
    size_t extra_fd_count;
};
#define SC_CRIU_INIT                                                                                                   \
    {                                                                                                                  \
        .opts = SC_BUF_INIT, .images_fd = -1, .sock = -1                                                               \
    }
void sc_criu_release(struct sc_criu *criu);
#define sc_cleanup_criu __attribute__((cleanup(sc_criu_release))) struct sc_criu

/* criu's directories; makes: those that are missing. */
SC_MUST_CHECK int sc_criu_open_dirs(struct sc_criu *criu, bool makes, struct sc_err *err);
/* What both directions are told alike. */
SC_MUST_CHECK int sc_criu_add_common(struct sc_criu *criu, const struct sc_oci_spec *spec, struct sc_err *err);
/* A text made of a format, like "mnt[/data]:/srv/data". */
void sc_criu_addf(struct sc_criu *criu, unsigned member, const char *format, ...) SC_PRINTF(3, 4);
/* Namespaces that are joined by path, of a kind that criu can leave alone: "net" and "pid". NULL after the last. */
struct sc_criu_namespace {
    enum sc_ns_kind kind;
    const char *name, *key;
};
extern const struct sc_criu_namespace sc_criu_namespaces[];

/* What the plan binds from outside, but for the root: the next from *at (0 at first), or NULL. */
const struct sc_step *sc_criu_next_bind(const struct sc_plan *plan, size_t *at);

SC_MUST_CHECK int sc_criu_start(struct sc_criu *criu, struct sc_err *err);
/* Asks, and waits for criu's end. what: "dump", for messages. */
SC_MUST_CHECK int sc_criu_ask(struct sc_criu *criu, enum sc_criu_type type, const char *what, sc_criu_notify_fn notify,
                              void *data, struct sc_criu_answer *answer, struct sc_err *err);

#endif
