/* transfer-program-priv: what the verbs of the program sc-transfer share. */
#ifndef SC_IMAGE_TRANSFER_PROGRAM_PRIV_H
#define SC_IMAGE_TRANSFER_PROGRAM_PRIV_H

#include <sys/stat.h>

#include "image/registry/registry.h"
#include "image/transfer-options.h"
#include "image/transfer-priv.h"

struct sc_job {
    struct sc_store store;
    struct sc_arena arena;
    const char *data; /* --data, or NULL */
};
/* A verb: its arguments without its own name. What it prints is what the user sees. */
typedef int (*sc_job_fn)(struct sc_job *job, int argc, char **argv, struct sc_err *err);

/* A name given to a new image, in full; NULL stays NULL. */
SC_MUST_CHECK int sc_job_full_name(const char *text, struct sc_arena *arena, const char **out, struct sc_err *err);
/* Opens job->store. */
SC_MUST_CHECK int sc_job_open_store(struct sc_job *job, struct sc_err *err);
/* The same, and what strangers wrote is unpacked in a jail: before the first thread. */
SC_MUST_CHECK int sc_job_open_writer(struct sc_job *job, struct sc_err *err);
/* For `sc events`: what became of an image, by its name or id as it is shown. Never fails. */
void sc_job_event(const char *action, const char *name);
int sc_job_usage(struct sc_err *err, const char *usage);

/* ---- transfer-interrupt.c */
/* From now on SIGINT, SIGTERM and SIGHUP end this verb cleanly, with 128 and the signal's number. After the store was
 * opened, if it is. */
SC_MUST_CHECK int sc_interrupt_ready(struct sc_job *job, const char *verb, struct sc_err *err);
void sc_interrupt_file(const char *path); /* removed then; NULL: none; kept by the caller until replaced */
struct termios;
void sc_interrupt_terminal(const struct termios *before); /* set again then, on standard input; NULL: leave it */
int sc_job_interrupted(struct sc_job *job, int argc, char **argv, struct sc_err *err);

typedef int (*sc_job_write_fn)(void *data, int fd, struct sc_err *err);
/* What write puts into the file that it is given becomes path when it is whole; a pipe or device is written as it is.
 */
SC_MUST_CHECK int sc_job_to_file(struct sc_job *job, const char *path, mode_t mode, sc_job_write_fn write, void *data,
                                 struct sc_err *err);

/* ---- transfer-container.c, transfer-cp.c: sc alone calls these, which knows of containers */
int sc_job_container_export(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_container_diff(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_container_commit(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_container_cp(struct sc_job *job, int argc, char **argv, struct sc_err *err);

/* ---- transfer-build.c: the same, of a build's steps */
int sc_job_build_copy(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_build_context(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_build_mount(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_build_layer(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_build_image(struct sc_job *job, int argc, char **argv, struct sc_err *err);

/* ---- transfer-registry.c */
int sc_job_pull(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_push(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_login(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_logout(struct sc_job *job, int argc, char **argv, struct sc_err *err);
/* ---- transfer-manifest.c */
int sc_job_manifest_inspect(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_manifest_create(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_manifest_annotate(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_manifest_rm(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_manifest_push(struct sc_job *job, int argc, char **argv, struct sc_err *err);

/* ---- transfer-tree.c */
/* A line "K PATH", in which nothing speaks to the terminal. */
void sc_job_print_change(char kind, const char *path);
int sc_job_unpack(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_mount(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_umount(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_diff(struct sc_job *job, int argc, char **argv, struct sc_err *err);
int sc_job_fsck(struct sc_job *job, int argc, char **argv, struct sc_err *err);

/* ---- the options that all of these have */
struct sc_registry_flags {
    const char *auth_file, *credentials, *cert_dir, *platform, *progress;
    bool tls_verify, is_insecure; /* is_insecure: Docker's word for no tls_verify, where it has one */
};
#define SC_REGISTRY_FLAGS_INIT                                                                                         \
    {                                                                                                                  \
        .tls_verify = true                                                                                             \
    }
#define SC_REGISTRY_OPTIONS(flags)                                                                                     \
    {.name = "authfile", .value = &(flags)->auth_file}, {.name = "creds", .value = &(flags)->credentials},             \
        {.name = "cert-dir", .value = &(flags)->cert_dir},                                                             \
    {                                                                                                                  \
        .name = "tls-verify", .flag = &(flags)->tls_verify                                                             \
    }
void sc_registry_flags_apply(const struct sc_registry_flags *flags, int argc, char **argv,
                             struct sc_registry_options *out);

#endif
