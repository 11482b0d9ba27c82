/* image/from-host-libs.c: the libraries of a program, found as ld.so(8) finds them (from-host-priv.h). */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/from-host-priv.h"

#define CACHE_PATH "/etc/ld.so.cache"
#define CACHE_MAX  ((size_t)64 << 20)
#define NO_LOADER  SIZE_MAX

struct closure_item {
    struct sc_host_object *object;
    size_t loader; /* index of the item whose DT_NEEDED brought it, or NO_LOADER for the program */
};

/* What one process has loaded. */
struct sc_host_closure {
    struct closure_item *items; /* in the order of loading: breadth first */
    size_t count, capacity;
    struct sc_strv names; /* under which a DT_NEEDED meets something loaded: as asked for, and the sonames */
    uint16_t machine;
    unsigned bits;
    const char *musl_path; /* the search path where the loader is musl's, else NULL */
};

/* ---- ELF files of the host -------------------------------------------------------------------------- */

struct mapping {
    void *data;
    size_t len;
};

static void
mapping_release(struct mapping *mapping)
{
    if (mapping->data != NULL)
        munmap(mapping->data, mapping->len);
    mapping->data = NULL;
}

static int
map_file(int fd, const struct stat *st, struct mapping *out, struct sc_err *err)
{
    void *data;

    if (!S_ISREG(st->st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "not a regular file");
    if (st->st_size == 0)
        return sc_err_set(err, SC_ERR_INVALID, "file is empty");
    data = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return sc_err_errno(err, errno, "map it");
    *out = (struct mapping){.data = data, .len = (size_t)st->st_size};
    return 0;
}

static char *
dir_name(struct sc_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? sc_arena_strdup(arena, "/") : sc_arena_strndup(arena, path, (size_t)(slash - path));
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

static int
append_object(struct sc_host_build *build, struct sc_host_object *object, struct sc_err *err)
{
    if (build->object_count == build->object_capacity) {
        size_t capacity = build->object_capacity == 0 ? 64 : build->object_capacity * 2;
        struct sc_host_object **objects = SC_ARENA_ARRAY(build->arena, struct sc_host_object *, capacity);
        if (objects == NULL)
            return sc_err_nomem(err);
        for (size_t i = 0; i < build->object_count; i++)
            objects[i] = build->objects[i];
        build->objects = objects;
        build->object_capacity = capacity;
    }
    build->objects[build->object_count++] = object;
    return 0;
}

/*
 * The ELF file at path, in the set of files from then on. *out is NULL where there is none, or one for another machine
 * than `only` asks for (NULL: any): ld.so passes such a file over, too.
 */
static int
open_object(struct sc_host_build *build, const char *path, const struct sc_host_closure *only,
            struct sc_host_object **out, struct sc_err *err)
{
    __attribute__((cleanup(mapping_release))) struct mapping mapping = {.data = NULL};
    sc_cleanup_fd fd = sc_host_open(&build->files, path, O_RDONLY | O_NONBLOCK);
    struct sc_host_object *object = NULL;
    struct sc_host_file *leaf;
    struct stat st;

    *out = NULL;
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sc_err_errno(err, fd < 0 ? -fd : errno, "read host file \"%s\"", path);
    for (size_t i = 0; i < build->object_count && object == NULL; i++)
        if (build->objects[i]->ino == st.st_ino && build->objects[i]->dev == st.st_dev)
            object = build->objects[i];
    if (object == NULL) {
        object = SC_ARENA_NEW(build->arena, struct sc_host_object);
        if (object == NULL)
            return sc_err_nomem(err);
        if (map_file(fd, &st, &mapping, err) < 0 ||
            sc_elf_read(mapping.data, mapping.len, build->arena, &object->elf, err) < 0)
            return sc_err_wrap(err, "read host file \"%s\"", path);
    }
    if (only != NULL && (object->elf.machine != only->machine || object->elf.bits != only->bits))
        return 0;
    if (sc_host_files_add(&build->files, path, &leaf, err) < 0)
        return -1;
    if (object->path == NULL && leaf != NULL) {
        object->path = sc_arena_strdup(build->arena, path);
        object->real = sc_arena_printf(build->arena, "/%s", leaf->path);
        object->origin = dir_name(build->arena, path);
        object->dev = st.st_dev;
        object->ino = st.st_ino;
        if (sc_arena_check(build->arena, err) < 0 || append_object(build, object, err) < 0)
            return -1;
    }
    *out = object;
    return 0;
}

/* ---- search paths ----------------------------------------------------------------------------------------- */

/* ${NAME} or $NAME at text: its length, or 0. */
static size_t
token_len(const char *text, const char *name)
{
    size_t len = strlen(name);

    if (text[0] != '$')
        return 0;
    if (text[1] == '{')
        return strncmp(text + 2, name, len) == 0 && text[2 + len] == '}' ? len + 3 : 0;
    return strncmp(text + 1, name, len) == 0 ? len + 1 : 0;
}

/* Replaces the tokens of ld.so(8), "Dynamic string tokens". */
static char *
expand(struct sc_arena *arena, const char *text, const char *origin, const char *lib, const char *platform)
{
    const struct {
        const char *name, *value;
    } tokens[] = {{"ORIGIN", origin}, {"LIB", lib}, {"PLATFORM", platform}};
    sc_cleanup_buf out = SC_BUF_INIT;

    while (*text != '\0') {
        size_t len = 0;
        for (size_t i = 0; i < SC_ARRAY_LEN(tokens) && len == 0; i++) {
            len = token_len(text, tokens[i].name);
            if (len > 0)
                sc_buf_adds(&out, tokens[i].value);
        }
        if (len == 0)
            sc_buf_addc(&out, *text);
        text += len > 0 ? len : 1;
    }
    return out.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&out));
}

static int
try_path(struct sc_host_build *build, const struct sc_host_closure *closure, const char *dir, const char *name,
         struct sc_host_object **out, struct sc_err *err)
{
    char *path = sc_arena_printf(build->arena, "%s/%s", dir, name);

    return path == NULL ? sc_err_nomem(err) : open_object(build, path, closure, out, err);
}

/* One element of a search path. An empty or relative one means the working directory, which an image does not
 * know. $LIB depends on how the host's glibc was built, so its usual values are tried. */
static int
try_element(struct sc_host_build *build, const struct sc_host_closure *closure, const char *element,
            const struct sc_host_object *of, const char *name, struct sc_host_object **out, struct sc_err *err)
{
    const struct sc_elf_machine *machine = sc_elf_machine_find(closure->machine, closure->bits);
    const char *platform = machine == NULL ? "" : machine->platform;
    char *multiarch = sc_arena_printf(build->arena, "lib/%s", machine == NULL ? "" : machine->triplet);
    const char *libs[] = {multiarch, closure->bits == 64 ? "lib64" : "lib32", "lib"};
    size_t lib_count = strstr(element, "$LIB") != NULL || strstr(element, "${LIB}") != NULL ? SC_ARRAY_LEN(libs) : 1;

    if (multiarch == NULL)
        return sc_err_nomem(err);
    for (size_t i = 0; i < lib_count && *out == NULL; i++) {
        char *dir = expand(build->arena, element, of->origin, libs[i], platform);
        if (dir == NULL)
            return sc_err_nomem(err);
        if (dir[0] == '/' && try_path(build, closure, dir, name, out, err) < 0)
            return -1;
    }
    return 0;
}

static int
try_list(struct sc_host_build *build, const struct sc_host_closure *closure, const char *list,
         const struct sc_host_object *of, const char *name, struct sc_host_object **out, struct sc_err *err)
{
    while (list != NULL && *list != '\0' && *out == NULL) {
        size_t len = strcspn(list, ":\n");
        char *element = sc_arena_strndup(build->arena, list, len);
        if (element == NULL)
            return sc_err_nomem(err);
        if (try_element(build, closure, element, of, name, out, err) < 0)
            return -1;
        list += len + (list[len] != '\0');
    }
    return 0;
}

/* The directories built into ld.so, Debian's multiarch ones first. */
static size_t
default_dirs(struct sc_host_build *build, const struct sc_host_closure *closure, const char *out[6])
{
    const struct sc_elf_machine *machine = sc_elf_machine_find(closure->machine, closure->bits);
    size_t count = 0;

    if (machine != NULL) {
        out[count++] = sc_arena_printf(build->arena, "/lib/%s", machine->triplet);
        out[count++] = sc_arena_printf(build->arena, "/usr/lib/%s", machine->triplet);
    }
    if (closure->bits == 64) {
        out[count++] = "/lib64";
        out[count++] = "/usr/lib64";
    }
    out[count++] = "/lib";
    out[count++] = "/usr/lib";
    return count;
}

static bool
is_in_default_dir(const char *path, const char *const dirs[], size_t count)
{
    const char *slash = strrchr(path, '/');
    size_t len = (size_t)(slash - path);

    for (size_t i = 0; i < count; i++)
        if (strlen(dirs[i]) == len && strncmp(path, dirs[i], len) == 0)
            return true;
    return false;
}

static int
note_cached(struct sc_host_build *build, const struct sc_elf_machine *machine, const char *name, const char *path,
            struct sc_err *err)
{
    for (size_t i = 0; i < build->cached_count; i++)
        if (build->cached[i].flags == machine->cache_flags && strcmp(build->cached[i].name, name) == 0)
            return 0;
    if (build->cached_count == build->cached_capacity) {
        size_t capacity = build->cached_capacity == 0 ? 16 : build->cached_capacity * 2;
        struct sc_ld_entry *cached = SC_ARENA_ARRAY(build->arena, struct sc_ld_entry, capacity);
        if (cached == NULL)
            return sc_err_nomem(err);
        if (build->cached_count > 0)
            memcpy(cached, build->cached, build->cached_count * sizeof(cached[0]));
        build->cached = cached;
        build->cached_capacity = capacity;
    }
    build->cached[build->cached_count++] = (struct sc_ld_entry){
        .name = sc_arena_strdup(build->arena, name),
        .path = sc_arena_strdup(build->arena, path),
        .flags = machine->cache_flags,
    };
    return sc_arena_check(build->arena, err);
}

static int
try_cache_and_defaults(struct sc_host_build *build, const struct sc_host_closure *closure, bool no_default_dirs,
                       const char *name, struct sc_host_object **out, struct sc_err *err)
{
    const struct sc_elf_machine *machine = sc_elf_machine_find(closure->machine, closure->bits);
    const char *dirs[6], *path;
    size_t dir_count = default_dirs(build, closure, dirs);
    uint32_t index = 0;

    if (sc_arena_check(build->arena, err) < 0)
        return -1;
    while (*out == NULL && machine != NULL && (path = sc_ld_cache_next(&build->cache, name, machine, &index)) != NULL) {
        bool is_default = is_in_default_dir(path, dirs, dir_count);
        if (is_default && no_default_dirs)
            continue;
        if (open_object(build, path, closure, out, err) < 0)
            return -1;
        if (*out != NULL && !is_default && note_cached(build, machine, name, path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < dir_count && *out == NULL && !no_default_dirs; i++)
        if (try_path(build, closure, dirs[i], name, out, err) < 0)
            return -1;
    return 0;
}

/*
 * ld.so(8), "The dynamic linker": DT_RPATH of the loading object and of those that loaded it, up to the program, where
 * the loading object has no DT_RUNPATH (and each RPATH only where its own object has none); DT_RUNPATH of the loading
 * object; the cache; the default directories. LD_LIBRARY_PATH is the caller's affair and not the image's.
 */
static int
find_library(struct sc_host_build *build, const struct sc_host_closure *closure, size_t loader, const char *name,
             struct sc_host_object **out, struct sc_err *err)
{
    const struct sc_host_object *by = closure->items[loader].object;

    *out = NULL;
    if (strchr(name, '/') != NULL) {
        char *path = expand(build->arena, name, by->origin, "lib", "");
        if (path == NULL)
            return sc_err_nomem(err);
        return path[0] == '/' ? open_object(build, path, closure, out, err) : 0;
    }
    for (size_t at = loader; by->elf.runpath == NULL && at != NO_LOADER && *out == NULL;
         at = closure->items[at].loader) {
        const struct sc_host_object *of = closure->items[at].object;
        if (of->elf.runpath == NULL && try_list(build, closure, of->elf.rpath, of, name, out, err) < 0)
            return -1;
    }
    if (*out == NULL && try_list(build, closure, by->elf.runpath, by, name, out, err) < 0)
        return -1;
    if (*out != NULL)
        return 0;
    if (closure->musl_path != NULL)
        return try_list(build, closure, closure->musl_path, by, name, out, err);
    return try_cache_and_defaults(build, closure, by->elf.no_default_dirs, name, out, err);
}

/* ---- what a process loads ------------------------------------------------------------------------------------ */

static bool
is_loaded(const struct sc_host_closure *closure, const char *name)
{
    for (size_t i = 0; i < closure->names.count; i++)
        if (strcmp(closure->names.items[i], name) == 0)
            return true;
    return false;
}

static int
append_item(struct sc_host_build *build, struct sc_host_closure *closure, struct sc_host_object *object, size_t loader,
            struct sc_err *err)
{
    for (size_t i = 0; i < closure->count; i++)
        if (closure->items[i].object == object)
            return 0; /* ld.so knows a file by device and inode */
    if (closure->count == closure->capacity) {
        size_t capacity = closure->capacity == 0 ? 32 : closure->capacity * 2;
        struct closure_item *items = SC_ARENA_ARRAY(build->arena, struct closure_item, capacity);
        if (items == NULL)
            return sc_err_nomem(err);
        if (closure->count > 0)
            memcpy(items, closure->items, closure->count * sizeof(items[0]));
        closure->items = items;
        closure->capacity = capacity;
    }
    closure->items[closure->count++] = (struct closure_item){.object = object, .loader = loader};
    if (object->elf.soname != NULL)
        sc_strv_add(&closure->names, build->arena, object->elf.soname);
    return sc_arena_check(build->arena, err);
}

/* Loads what the items from `first` on need, and what that needs. *missing gets the name of a library not found, with
 * *by its loader; then the work stops. */
static int
load_needed(struct sc_host_build *build, struct sc_host_closure *closure, size_t first, const char **missing,
            const struct sc_host_object **by, struct sc_err *err)
{
    *missing = NULL;
    for (size_t at = first; at < closure->count; at++) {
        const struct sc_strv *needed = &closure->items[at].object->elf.needed;
        for (size_t i = 0; i < needed->count; i++) {
            struct sc_host_object *found;
            if (is_loaded(closure, needed->items[i]))
                continue;
            if (find_library(build, closure, at, needed->items[i], &found, err) < 0)
                return sc_err_wrap(err, "find library \"%s\" of \"%s\"", needed->items[i],
                                   closure->items[at].object->path);
            if (found == NULL) {
                *missing = needed->items[i];
                *by = closure->items[at].object;
                return 0;
            }
            sc_strv_add(&closure->names, build->arena, needed->items[i]);
            if (append_item(build, closure, found, at, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* musl reads its search path from /etc/ld-musl-ARCH.path, which the image then needs too. */
static int
read_musl_path(struct sc_host_build *build, const char *interp, struct sc_host_closure *closure, struct sc_err *err)
{
    const char *base = base_name(interp), *suffix = ".so.1";
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd fd = -1;
    char *path;

    closure->musl_path = "/lib:/usr/local/lib:/usr/lib";
    if (!sc_str_ends(base, suffix))
        return 0;
    path = sc_arena_printf(build->arena, "/etc/%.*s.path", (int)(strlen(base) - strlen(suffix)), base);
    if (path == NULL)
        return sc_err_nomem(err);
    fd = sc_host_open(&build->files, path, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return 0;
    if (sc_file_read_fd(fd, SC_ELF_STRING_MAX, &text, err) < 0)
        return sc_err_wrap(err, "read host file \"%s\"", path);
    closure->musl_path = sc_arena_strdup(build->arena, sc_buf_str(&text));
    if (closure->musl_path == NULL)
        return sc_err_nomem(err);
    return sc_host_files_add(&build->files, path, NULL, err);
}

static int
load_interp(struct sc_host_build *build, const struct sc_host_object *program, struct sc_host_closure *closure,
            struct sc_err *err)
{
    const char *interp = program->elf.interp;
    struct sc_host_object *object;

    if (interp == NULL)
        return 0;
    if (interp[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "program \"%s\": its loader \"%s\" is not an absolute path",
                          program->asked, interp);
    if (open_object(build, interp, NULL, &object, err) < 0)
        return sc_err_wrap(err, "program \"%s\": read its loader", program->asked);
    if (object == NULL)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "program \"%s\": its loader \"%s\" does not exist", program->asked,
                          interp);
    sc_strv_add(&closure->names, build->arena, base_name(interp));
    if (object->elf.soname != NULL)
        sc_strv_add(&closure->names, build->arena, object->elf.soname);
    if (!sc_str_starts(base_name(interp), "ld-musl-"))
        return sc_arena_check(build->arena, err);
    /* musl's loader is its libc, and its soname is the libc's. */
    sc_strv_add(&closure->names, build->arena, "libc.so");
    return read_musl_path(build, interp, closure, err);
}

static int
check_machine(const struct sc_host_object *program, struct sc_err *err)
{
    const struct sc_elf_machine *host = sc_elf_machine_host();
    const struct sc_elf_machine *its = sc_elf_machine_find(program->elf.machine, program->elf.bits);

    if (host == NULL || its == host)
        return 0;
    if ((host->machine == EM_X86_64 && program->elf.machine == EM_386) ||
        (host->machine == EM_AARCH64 && program->elf.machine == EM_ARM))
        return 0;
    if (its == NULL)
        return sc_err_set(err, SC_ERR_UNSUPPORTED,
                          "program \"%s\" is for ELF machine %u (%u bits), and this machine is %s", program->asked,
                          program->elf.machine, program->elf.bits, host->name);
    return sc_err_set(err, SC_ERR_UNSUPPORTED, "program \"%s\" is for %s, and this machine is %s", program->asked,
                      its->name, host->name);
}

int
sc_host_add_program(struct sc_host_build *build, const char *asked, const char *real, struct sc_err *err)
{
    const struct sc_host_object *by = NULL;
    struct sc_host_closure *closure;
    struct sc_host_object *program;
    const char *missing;

    if (open_object(build, real, NULL, &program, err) < 0)
        return -1;
    if (program == NULL)
        return sc_err_set(err, SC_ERR_NOT_FOUND, "read host file \"%s\": it does not exist", real);
    if (program->is_program)
        return 0;
    closure = SC_ARENA_NEW(build->arena, struct sc_host_closure);
    program->asked = sc_arena_strdup(build->arena, asked);
    if (closure == NULL || program->asked == NULL)
        return sc_err_nomem(err);
    if (check_machine(program, err) < 0)
        return -1;
    program->is_program = true;
    program->closure = closure;
    closure->machine = program->elf.machine;
    closure->bits = program->elf.bits;
    if (load_interp(build, program, closure, err) < 0 || append_item(build, closure, program, NO_LOADER, err) < 0 ||
        load_needed(build, closure, 0, &missing, &by, err) < 0)
        return -1;
    if (missing == NULL)
        return 0;
    if (by == program)
        sc_err_set(err, SC_ERR_NOT_FOUND, "program \"%s\" needs the library \"%s\", which was not found", asked,
                   missing);
    else
        sc_err_set(err, SC_ERR_NOT_FOUND,
                   "library \"%s\" of program \"%s\" needs the library \"%s\", which was not found", by->path, asked,
                   missing);
    return sc_err_remedy(
        err, "install the package that holds %s, then run ldconfig if it is not in a default directory", missing);
}

int
sc_host_add_plugin(struct sc_host_build *build, struct sc_host_object *program, const char *real, struct sc_err *err)
{
    struct sc_host_closure alone = {.count = 0};
    struct sc_host_closure *closure = program == NULL ? &alone : program->closure;
    const struct sc_host_object *by;
    struct sc_host_object *object;
    size_t count = closure->count, name_count = closure->names.count;
    const char *missing;
    int rc;

    if (open_object(build, real, program == NULL ? NULL : closure, &object, err) < 0)
        return -1;
    if (object == NULL)
        return 0;
    if (program == NULL) {
        closure->machine = object->elf.machine;
        closure->bits = object->elf.bits;
    }
    /* The search for a plugin's libraries ends with the program's RPATH, as for a library that the program needs. */
    rc = append_item(build, closure, object, program == NULL ? NO_LOADER : 0, err);
    if (rc == 0)
        rc = load_needed(build, closure, count, &missing, &by, err);
    /* Another plugin may be loaded into a process that never loads this one. */
    closure->count = count;
    closure->names.count = name_count;
    return rc;
}

/* ---- the cache ----------------------------------------------------------------------------------------------------
 */

int
sc_host_libs_init(struct sc_host_build *build, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_host_open(&build->files, CACHE_PATH, O_RDONLY | O_NONBLOCK);

    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0;
    if (fd < 0)
        return sc_err_errno(err, -fd, "read host file \"%s\"", CACHE_PATH);
    if (sc_file_read_fd(fd, CACHE_MAX, &build->cache_text, err) < 0 ||
        sc_ld_cache_open(build->cache_text.data, build->cache_text.len, &build->cache, err) < 0) {
        sc_err_wrap(err, "read host file \"%s\"", CACHE_PATH);
        return sc_err_remedy(err, "run ldconfig");
    }
    return 0;
}

int
sc_host_put_cache(struct sc_host_build *build, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (build->cached_count == 0)
        return 0;
    sc_ld_cache_write(build->cached, build->cached_count, &text);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    return sc_host_files_put_text(&build->files, CACHE_PATH, 0644, text.data, text.len, err);
}
