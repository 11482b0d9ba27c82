/* The image of a container to be: made (base), or pulled, where it is not there. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine-priv.h"

bool
sc_engine_is_base(const char *image)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_reference ref = {0};
    struct sc_err ignored = SC_ERR_INIT;

    return image && sc_reference_parse(image, &arena, &ref, &ignored) == 0 && !ref.digest &&
           sc_str_eq(ref.registry, "docker.io") && sc_str_eq(ref.repository, "library/base") &&
           sc_str_eq(ref.tag, "latest");
}

int
sc_engine_transfer_failed(int said, enum sc_err_kind kind, const char *doing, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    (void)lseek(said, 0, SEEK_SET);
    if (sc_file_read_fd(said, SC_SMALL_FILE_MAX, &text, err) < 0)
        return -1;
    if (text.len == 0)
        return sc_err_set(err, SC_ERR_KERNEL, "%s: sc-transfer failed", doing ? doing : "build");
    text.data[strcspn(text.data, "\n")] = '\0';
    if (!sc_str_starts(text.data, "sc: "))
        return sc_err_set(err, SC_ERR_KERNEL, "%s: sc-transfer failed: %s", doing ? doing : "build", text.data);
    char *remedy = strstr(text.data, "; ");
    if (remedy)
        *remedy = '\0';
    sc_err_set(err, kind, "%s%s%s", doing ? doing : "", doing ? ": " : "", text.data + strlen("sc: "));
    return remedy ? sc_err_remedy(err, "%s", remedy + strlen("; ")) : -1;
}

/* The heavy libraries are in sc-transfer; it finds the store where we have it. */
static int
make_base(const struct sc_engine *engine, struct sc_arena *arena, struct sc_err *err)
{
    const char *argv[] = {NULL, "make-base", NULL};
    sc_cleanup_fd said = memfd_create("sc-make-base", MFD_CLOEXEC);
    struct sc_strv env = {0};
    char *program = NULL;
    int status = 0;

    if (said < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_engine_program("sc-transfer", arena, &program, err) < 0)
        return -1;
    argv[0] = program;
    for (char **at = environ; at && *at; at++)
        sc_strv_add(&env, arena, *at);
    sc_strv_set_env(&env, arena, sc_arena_printf(arena, "SC_DATA_ROOT=%s", engine->data_path));
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (sc_rootless_spawn(engine, argv, (const char *const *)env.items, -1, said, &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return sc_engine_transfer_failed(said, SC_ERR_KERNEL, "make the default image \"base\"", err);
}

static const char *
shown_name(const char *image, struct sc_arena *arena)
{
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_reference ref;

    return sc_reference_parse(image, arena, &ref, &ignored) == 0 ? sc_reference_shown(&ref, arena) : image;
}

/* Runs sc-transfer with its standard output on our standard error (where Docker shows a pull), and takes what it says
 * on its own standard error, "sc: cause; remedy", for the error. */
static int
run_pull(const struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
         struct sc_err *err)
{
    const char *argv[] = {NULL, "--data", engine->data_path, "pull", "--progress", NULL, NULL, NULL, NULL};
    sc_cleanup_fd said = memfd_create("sc-pull", MFD_CLOEXEC);
    char *program = NULL;
    int status = 0;

    if (said < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_engine_program("sc-transfer", arena, &program, err) < 0)
        return -1;
    argv[0] = program;
    argv[5] = options->pull_quiet ? "none" : isatty(STDERR_FILENO) ? "bar" : "plain";
    argv[6] =
        options->platform && *options->platform ? sc_arena_printf(arena, "--platform=%s", options->platform) : "--";
    /* with its tag, so that nothing needs to be said of a default */
    argv[7] = shown_name(options->image, arena);
    if (sc_arena_check(arena, err) < 0 ||
        sc_rootless_spawn(engine, argv, (const char *const *)environ, options->pull_quiet ? -1 : STDERR_FILENO, said,
                          &status, err) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return sc_engine_transfer_failed(said, SC_ERR_NOT_FOUND, sc_arena_printf(arena, "pull \"%s\"", options->image),
                                     err);
}

/* Missing, or there for another platform only. */
static bool
is_missing_image(const struct sc_err *err)
{
    return err->kind == SC_ERR_NOT_FOUND &&
           (sc_str_starts(err->msg, "no such image: ") || sc_str_starts(err->msg, "image \""));
}

static bool
may_pull(const struct sc_create_options *options)
{
    return !options->rootfs && !sc_str_eq(options->pull, "never") && !sc_engine_is_base(options->image);
}

static int
resolve_held(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
             struct sc_container *out, int *hold_fd, struct sc_err *err)
{
    sc_cleanup_fd hold = sc_store_hold(&engine->store, err);

    if (hold < 0 || sc_engine_resolve(engine, options, arena, out, err) < 0)
        return -1;
    *hold_fd = sc_steal_fd(&hold);
    return 0;
}

int
sc_engine_get_image(struct sc_engine *engine, const struct sc_create_options *options, struct sc_arena *arena,
                    struct sc_container *out, int *hold_fd, struct sc_err *err)
{
    struct sc_err first = SC_ERR_INIT;

    if (sc_check_platform(options, arena, err) < 0)
        return -1;
    if (may_pull(options) && sc_str_eq(options->pull, "always") && run_pull(engine, options, arena, err) < 0)
        return -1;
    if (resolve_held(engine, options, arena, out, hold_fd, &first) == 0)
        return 0;
    if (!is_missing_image(&first) || (!sc_engine_is_base(options->image) && !may_pull(options))) {
        *err = first;
        return -1;
    }
    if (sc_engine_is_base(options->image)) {
        if (sc_str_starts(first.msg, "image \"")) { /* it is made here, of this machine's programs */
            *err = first;
            return -1;
        }
        if (make_base(engine, arena, err) < 0)
            return -1;
    } else if (run_pull(engine, options, arena, err) < 0) {
        return sc_err_wrap(err, "no such image: \"%s\"", options->image);
    }
    return resolve_held(engine, options, arena, out, hold_fd, err);
}
