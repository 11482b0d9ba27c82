/* sc-transfer: export, diff and commit of a container. What the container is, sc says on the command line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/container-options-priv.h"
#include "image/transfer-program-priv.h"

/* ---- the container ---------------------------------------------------------------------------------------------- */

/* "CONTAINER:HOST:COUNT" */
static int
read_map(const char *text, struct sc_oci_id_map *out, struct sc_err *err)
{
    uint32_t *const numbers[] = {&out->container_id, &out->host_id, &out->size};
    char part[SC_NUM_MAX];

    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        size_t len = strcspn(text, ":");

        if (len >= sizeof(part) || (text[len] == ':') != (i < 2))
            return sc_err_set(err, SC_ERR_INVALID, "id map: \"%s\": it is not CONTAINER:HOST:COUNT", text);
        memcpy(part, text, len);
        part[len] = '\0';
        if (sc_parse_u32(part, numbers[i], err) < 0)
            return -1;
        text += len + (i < 2);
    }
    return 0;
}

static int
read_maps(const struct sc_strv *texts, struct sc_arena *arena, struct sc_oci_id_maps *out, struct sc_err *err)
{
    *out = (struct sc_oci_id_maps){.items = SC_ARENA_ARRAY(arena, struct sc_oci_id_map, texts->count + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < texts->count; i++) {
        if (read_map(texts->items[i], &out->items[out->count++], err) < 0)
            return -1;
    }
    return 0;
}

int
sc_container_words_read(struct sc_container_words *words, struct sc_arena *arena, struct sc_files *out,
                        struct sc_err *err)
{
    int64_t fd = -1, ns = -1;

    *out = (struct sc_files){.name = words->name,
                             .dir = words->dir,
                             .rootfs = words->rootfs,
                             .lowers = words->lowers,
                             .images = words->images,
                             .is_idmapped = words->is_idmapped,
                             .is_readonly = words->is_readonly,
                             .bind_sources = words->bind_sources,
                             .bind_targets = words->bind_targets,
                             .bind_modes = words->bind_modes,
                             .root_fd = -1,
                             .mount_ns_fd = -1};
    if (!out->name || !out->dir || out->lowers.count != out->images.count ||
        out->bind_sources.count != out->bind_targets.count || out->bind_sources.count != out->bind_modes.count)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    if ((words->root_fd && sc_parse_i64(words->root_fd, &fd, err) < 0) ||
        (words->mount_ns_fd && sc_parse_i64(words->mount_ns_fd, &ns, err) < 0))
        return -1;
    out->root_fd = (int)fd;
    out->mount_ns_fd = (int)ns;
    if ((fd >= 0 && sc_fd_cloexec((int)fd, true) < 0) || (ns >= 0 && sc_fd_cloexec((int)ns, true) < 0))
        return sc_err_errno(err, errno, "take the container's root");
    return read_maps(&words->uid_maps, arena, &out->ids.uids, err) < 0 ||
                   read_maps(&words->gid_maps, arena, &out->ids.gids, err) < 0
               ? -1
               : 0;
}

/* ---- export ----------------------------------------------------------------------------------------------------- */

static int
write_fd(void *sink, const void *data, size_t len, struct sc_err *err)
{
    const int *fd = sink;

    return sc_io_write_all(*fd, data, len, err);
}

static int
export_to(void *data, int fd, struct sc_err *err)
{
    const struct sc_files *files = data;
    const struct sc_tree_tar_how how = {.ids = files->ids, .is_live = true};
    sc_cleanup_fd merged = sc_files_open_merged(files, err);
    sc_cleanup_tree_tar tar = NULL;

    if (merged < 0 || sc_tree_tar_open(write_fd, &fd, &how, &tar, err) < 0 ||
        sc_tree_tar_children(tar, merged, "", err) < 0)
        return -1;
    return sc_tree_tar_end(tar, err);
}

int
sc_job_container_export(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_container_words words = {.name = NULL};
    struct sc_files files;
    const char *output = NULL;
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&words), {.name = "output", .value = &output}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&words, &job->arena, &files, err) < 0)
        return -1;
    if ((output ? sc_job_to_file(job, output, 0600, export_to, &files, err) : export_to(&files, STDOUT_FILENO, err)) <
        0)
        return sc_err_wrap(err, "export container \"%s\"", files.name);
    return 0;
}

/* ---- diff ------------------------------------------------------------------------------------------------------- */

int
sc_job_container_diff(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_container_words words = {.name = NULL};
    struct sc_changes changes;
    struct sc_files files;
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&words)};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&words, &job->arena, &files, err) < 0 ||
        sc_files_changes(&files, &job->arena, &changes, err) < 0)
        return -1;
    for (size_t i = 0; i < changes.count; i++)
        sc_job_print_change(changes.items[i].kind, changes.items[i].path);
    return 0;
}

/* ---- commit ----------------------------------------------------------------------------------------------------- */

int
sc_job_container_commit(struct sc_job *job, int argc, char **argv, struct sc_err *err)
{
    struct sc_strv operands = {.items = NULL};
    struct sc_container_words words = {.name = NULL};
    struct sc_commit_ask ask = {.image_id = NULL};
    struct sc_files files;
    char *id = NULL;
    const struct sc_transfer_option options[] = {SC_CONTAINER_OPTIONS(&words),
                                                 {.name = "image", .value = &ask.image_id},
                                                 {.name = "config", .value = &ask.config},
                                                 {.name = "author", .value = &ask.author},
                                                 {.name = "message", .value = &ask.message},
                                                 {.name = "created-by", .value = &ask.created_by},
                                                 {.name = "change", .values = &ask.changes}};

    if (sc_transfer_options(argc, argv, options, SC_ARRAY_LEN(options), false, &job->arena, &operands, err) < 0 ||
        sc_container_words_read(&words, &job->arena, &files, err) < 0)
        return -1;
    if (!ask.image_id || !ask.config)
        return sc_err_set(err, SC_ERR_INVALID, "this is for sc to call");
    if (sc_job_full_name(operands.count > 0 ? operands.items[0] : NULL, &job->arena, &ask.full_name, err) < 0 ||
        sc_job_open_writer(job, err) < 0 || sc_files_commit(&job->store, &files, &ask, &job->arena, &id, err) < 0)
        return -1;
    (void)printf("%s\n", id);
    return 0;
}
