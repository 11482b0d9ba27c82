/* create: from what was asked to a record that a start needs nothing beside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/engine-priv.h"

#define CREATE_WAIT_MS 10000

/* ---- the record ---------------------------------------------------------------------------------- */

/* docker run --cidfile: an existing file is an error, since two containers may not share one. */
static int
cidfile_open(const char *path, struct sc_err *err)
{
    int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644); /* lint: the caller's own file */

    if (fd >= 0)
        return fd;
    if (errno != EEXIST)
        return sc_err_errno(err, errno, "create --cidfile \"%s\"", path);
    sc_err_set(err, SC_ERR_EXISTS, "--cidfile \"%s\": it exists already", path);
    return sc_err_remedy(err, "make sure the other container is not running, or delete the file");
}

/* With the lock held: everything a container is on disk. */
static int
write_container(struct sc_engine *engine, struct sc_arena *arena, struct sc_container *out, struct sc_err *err)
{
    char *dir = sc_arena_printf(arena, "container/%s", out->id);

    if (!dir)
        return sc_err_nomem(err);
    if (mkdirat(engine->data_fd, dir, 0700) < 0)
        return sc_err_errno(err, errno, "make directory \"%s/%s\"", engine->data_path, dir);
    if (out->options.name) {
        if (sc_name_claim(engine, out->options.name, out->id, err) < 0)
            return -1;
        out->name = out->options.name;
    } else if (sc_name_make(engine, out->id, arena, &out->name, err) < 0) {
        return -1;
    }
    if (sc_resolve_userns(engine, false, arena, out, err) < 0)
        return -1;
    sc_volumes_mark_shared(engine, out);
    return sc_record_write(engine, out, err);
}

/* What a start would refuse, a create refuses too; a run finds out at its start a moment later. */
static int
try_plan(struct sc_engine *engine, struct sc_container *container, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_start_job *job = SC_ARENA_NEW(&arena, struct sc_start_job);

    if (!job)
        return sc_err_nomem(err);
    return sc_engine_prepare(engine, container, true, &arena, job, err);
}

static int
make_container(struct sc_engine *engine, struct sc_arena *arena, int cid_fd, struct sc_container *out,
               struct sc_err *err)
{
    /* A run directory without a container looks like what a crash leaves: somebody who lists may be taking it away. */
    sc_cleanup_fd lock = sc_engine_lock(engine, out->id, CREATE_WAIT_MS, err);
    struct sc_err ignored = SC_ERR_INIT;

    if (lock < 0)
        return -1;
    if (write_container(engine, arena, out, err) < 0 || (!out->options.starts_now && try_plan(engine, out, err) < 0) ||
        (cid_fd >= 0 && sc_io_write_all(cid_fd, out->id, SC_ID_LEN, err) < 0)) {
        (void)!sc_engine_remove_all(engine, out->id, out, false, &ignored);
        return -1;
    }
    sc_engine_event(engine, out, "create", NULL);
    if (out->options.starts_now)
        out->lock_fd = sc_steal_fd(&lock);
    return 0;
}

int
sc_engine_create(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
                 struct sc_container *out, struct sc_err *err)
{
    sc_cleanup_fd cid_fd = -1, hold = -1;

    *out = (struct sc_container)SC_CONTAINER_INIT;
    if (sc_launch_check_files(err) < 0)
        return -1;
    if (options->cidfile) {
        cid_fd = cidfile_open(options->cidfile, err);
        if (cid_fd < 0)
            return -1;
    }
    if (sc_engine_get_image(engine, options, arena, out, &hold, err) < 0 || sc_id_random(out->id, err) < 0 ||
        make_container(engine, arena, cid_fd, out, err) < 0) {
        if (cid_fd >= 0)
            (void)unlinkat(AT_FDCWD, options->cidfile, 0); /* lint: as above */
        return -1;
    }
    return 0;
}
