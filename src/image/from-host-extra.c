/* image/from-host-extra.c: what programs open by name, which no ELF header tells: a table of families
 * (from-host-priv.h). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/from-host-priv.h"

#define PATTERNS_MAX 24
#define EXCLUDES_MAX 8

enum trigger { ALWAYS, PROGRAM, LIBRARY };

/*
 * A family: where an object of this kind (and, by fnmatch, this name) is taken, what the patterns match on the host is
 * taken too: files, and directories with all below them. In a pattern {prefix} is the directory above the object's own,
 * {dir} its own and {name} its file name, all after links. What a pattern does not find is not missed.
 */
struct family {
    enum trigger trigger;
    const char *name;
    const char *patterns[PATTERNS_MAX];
    const char *excludes[EXCLUDES_MAX]; /* names within the directories; the last is NULL */
};

static const struct family families[] = {
    {
        /* Certificates: a static program may want them as well. */
        .trigger = ALWAYS,
        .patterns = {"/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
                     "/etc/pki/ca-trust/extracted/pem", "/etc/pki/tls/certs", "/etc/ssl/cert.pem"},
    },
    {
        /* glibc opens these itself: name service (built in since 2.34, then absent), thread cancellation, locale. */
        .trigger = LIBRARY,
        .name = "libc.so.6",
        .patterns = {"{dir}/libnss_files.so.2", "{dir}/libnss_dns.so.2", "{dir}/libresolv.so.2", "{dir}/libgcc_s.so.1",
                     "/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"},
    },
    {
        .trigger = LIBRARY,
        .name = "libcrypto.so.*",
        .patterns = {"/usr/lib/ssl/openssl.cnf", "/usr/lib/ssl/certs", "/usr/lib/ssl/cert.pem", "/etc/ssl/openssl.cnf",
                     "/etc/pki/tls/openssl.cnf", "/etc/pki/tls/cert.pem", "{dir}/ossl-modules"},
    },
    {
        /* The terminals that people have; the whole database is several thousand. */
        .trigger = LIBRARY,
        .name = "lib{tinfo,ncurses}*.so.*",
        .patterns = {"/lib/terminfo", "/usr/share/terminfo/a/ansi", "/usr/share/terminfo/d/dumb",
                     "/usr/share/terminfo/l/linux", "/usr/share/terminfo/s/screen",
                     "/usr/share/terminfo/s/screen-256color", "/usr/share/terminfo/t/tmux",
                     "/usr/share/terminfo/t/tmux-256color", "/usr/share/terminfo/v/vt100",
                     "/usr/share/terminfo/v/vt220", "/usr/share/terminfo/x/xterm", "/usr/share/terminfo/x/xterm-color",
                     "/usr/share/terminfo/x/xterm-256color", "/usr/share/terminfo/x/xterm-kitty",
                     "/usr/share/terminfo/a/alacritty"},
    },
    {
        .trigger = LIBRARY,
        .name = "libreadline.so.*",
        .patterns = {"/etc/inputrc"},
    },
    {
        .trigger = LIBRARY,
        .name = "libmagic.so.*",
        .patterns = {"/etc/magic", "/usr/share/misc/magic", "/usr/share/misc/magic.mgc", "/usr/lib/file/magic.mgc",
                     "/usr/share/file/magic.mgc"},
    },
    {
        .trigger = LIBRARY,
        .name = "libtcl[0-9]*.so*",
        .patterns = {"/usr/share/tcltk/tcl[0-9]*", "{prefix}/lib/tcl[0-9]*"},
    },
    {
        /* The standard library; installed packages are not part of it, nor is its test suite. */
        .trigger = PROGRAM,
        .name = "python[0-9].[0-9]*",
        .patterns = {"{prefix}/lib/{name}", "{prefix}/lib64/{name}"},
        .excludes = {"site-packages", "dist-packages", "test", "tests", "config-*", "idle_test"},
    },
    {
        .trigger = PROGRAM,
        .name = "perl*",
        .patterns = {"/etc/perl", "{prefix}/lib/*/perl-base", "{prefix}/lib/*/perl/5.*", "{prefix}/share/perl/5.*",
                     "{prefix}/lib/perl5/5.*", "{prefix}/lib/5.*", "{prefix}/lib64/perl5",
                     "{prefix}/lib/perl5/core_perl", "{prefix}/share/perl5/core_perl"},
        .excludes = {"CORE", "*.pod"},
    },
    {
        .trigger = PROGRAM,
        .name = "ruby[0-9]*",
        .patterns = {"{prefix}/lib/ruby/[0-9]*", "{prefix}/lib/*/ruby/[0-9]*", "{prefix}/lib/ruby/vendor_ruby",
                     "{prefix}/share/rubygems-integration"},
    },
    {
        .trigger = PROGRAM,
        .name = "git",
        .patterns = {"{prefix}/lib/git-core", "{prefix}/libexec/git-core", "{prefix}/share/git-core/templates"},
    },
    {
        .trigger = PROGRAM,
        .name = "java",
        .patterns = {"{prefix}/lib", "{prefix}/conf"},
        .excludes = {"src.zip", "*.debuginfo"},
    },
    {
        .trigger = PROGRAM,
        .name = "vim*",
        .patterns = {"{prefix}/share/vim/vim[0-9]*", "/etc/vim"},
    },
};

/* fnmatch(3), with one {a,b} in the pattern. */
static bool
matches_name(const char *pattern, const char *name)
{
    const char *open = strchr(pattern, '{'), *close = open == NULL ? NULL : strchr(open, '}');
    char text[64]; /* longer than any name in the table */

    if (close == NULL)
        return fnmatch(pattern, name, 0) == 0;
    for (const char *choice = open; choice < close;) {
        size_t len = strcspn(++choice, ",}");
        (void)snprintf(text, sizeof(text), "%.*s%.*s%s", (int)(open - pattern), pattern, (int)len, choice, close + 1);
        if (fnmatch(text, name, 0) == 0)
            return true;
        choice += len;
    }
    return false;
}

/* ---- from pattern to files ------------------------------------------------------------------------------- */

static bool
is_elf(struct sc_host_build *build, const struct sc_host_file *file)
{
    const char *name = strrchr(file->path, '/');
    sc_cleanup_fd fd = -1;
    char magic[4];

    if (file->kind != SC_HOST_FILE || file->source == NULL)
        return false;
    if ((file->mode & 0111) == 0 && (name == NULL || strstr(name, ".so") == NULL))
        return false;
    fd = sc_host_open(&build->files, file->source, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
           sc_elf_has_magic(magic, sizeof(magic));
}

/* The file or tree, and the libraries of every ELF file that came with it. */
static int
add_with_libraries(struct sc_host_build *build, struct sc_host_object *program, const char *path,
                   const char *const *excludes, struct sc_err *err)
{
    size_t before = build->files.count;

    if (sc_host_files_add_tree(&build->files, path, excludes, err) < 0)
        return -1;
    for (size_t i = before, end = build->files.count; i < end; i++) {
        const struct sc_host_file *file = build->files.items[i];
        if (is_elf(build, file) && sc_host_add_plugin(build, program, file->source, err) < 0)
            return -1;
    }
    return 0;
}

struct search {
    struct sc_host_build *build;
    struct sc_host_object *program; /* whose process loads what is found, or NULL */
    const char *const *excludes;
};

static int add_matches(const struct search *search, const char *dir, const char *rest, struct sc_err *err);

static int
add_matching_entries(const struct search *search, const char *dir, const char *pattern, const char *rest,
                     struct sc_err *err)
{
    int fd = sc_host_open(&search->build->files, dir[0] == '\0' ? "/" : dir, O_RDONLY | O_DIRECTORY);
    sc_cleanup_dir stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (stream == NULL) {
        sc_closep(&fd);
        return 0;
    }
    while ((entry = readdir(stream)) != NULL) {
        char *path;
        if (entry->d_name[0] == '.' || fnmatch(pattern, entry->d_name, 0) != 0)
            continue;
        path = sc_arena_printf(search->build->arena, "%s/%s", dir, entry->d_name);
        if (path == NULL)
            return sc_err_nomem(err);
        if (add_matches(search, path, rest, err) < 0)
            return -1;
    }
    return 0;
}

/* dir exists; rest is what remains of the pattern. */
static int
add_matches(const struct search *search, const char *dir, const char *rest, struct sc_err *err)
{
    struct sc_arena *arena = search->build->arena;
    struct stat st;
    char *component, *path;
    size_t len;

    rest += strspn(rest, "/");
    len = strcspn(rest, "/");
    if (len == 0) {
        if (sc_host_stat(&search->build->files, dir, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) ||
            (st.st_mode & S_IROTH) == 0)
            return 0;
        return add_with_libraries(search->build, search->program, dir, search->excludes, err);
    }
    component = sc_arena_strndup(arena, rest, len);
    if (component == NULL)
        return sc_err_nomem(err);
    if (strpbrk(component, "*?[") != NULL)
        return add_matching_entries(search, dir, component, rest + len, err);
    path = sc_arena_printf(arena, "%s/%s", dir, component);
    return path == NULL ? sc_err_nomem(err) : add_matches(search, path, rest + len, err);
}

static const char *
cut_last(struct sc_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return sc_arena_strndup(arena, path, slash == NULL ? 0 : (size_t)(slash - path));
}

static char *
fill_pattern(struct sc_arena *arena, const char *pattern, const struct sc_host_object *object)
{
    const char *dir = object == NULL ? "" : cut_last(arena, object->real);
    const char *prefix = dir == NULL ? NULL : cut_last(arena, dir);
    const char *name = object == NULL ? "" : strrchr(object->real, '/') + 1;
    const struct {
        const char *token, *value;
    } tokens[] = {{"{dir}", dir}, {"{prefix}", prefix}, {"{name}", name}};
    sc_cleanup_buf text = SC_BUF_INIT;

    while (*pattern != '\0') {
        size_t i = 0;
        while (i < SC_ARRAY_LEN(tokens) && !sc_str_starts(pattern, tokens[i].token))
            i++;
        if (i == SC_ARRAY_LEN(tokens)) {
            sc_buf_addc(&text, *pattern++);
            continue;
        }
        sc_buf_adds(&text, tokens[i].value == NULL ? "" : tokens[i].value);
        pattern += strlen(tokens[i].token);
    }
    return text.has_failed ? NULL : sc_arena_strdup(arena, sc_buf_str(&text));
}

static int
add_family(struct sc_host_build *build, const struct family *family, struct sc_host_object *object, struct sc_err *err)
{
    struct search search = {
        .build = build,
        .program = object != NULL && object->is_program ? object : NULL,
        .excludes = family->excludes,
    };

    for (size_t i = 0; i < PATTERNS_MAX && family->patterns[i] != NULL; i++) {
        char *pattern = fill_pattern(build->arena, family->patterns[i], object);
        if (pattern == NULL)
            return sc_err_nomem(err);
        if (add_matches(&search, "", pattern, err) < 0)
            return -1;
    }
    return 0;
}

static bool
is_of_family(const struct sc_host_object *object, const struct family *family)
{
    const char *file_name = strrchr(object->real, '/') + 1;

    if (family->trigger != (object->is_program ? PROGRAM : LIBRARY))
        return false;
    return matches_name(family->name, file_name) ||
           (object->elf.soname != NULL && matches_name(family->name, object->elf.soname));
}

int
sc_host_add_extras(struct sc_host_build *build, struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(families); i++)
        if (families[i].trigger == ALWAYS && add_family(build, &families[i], NULL, err) < 0)
            return -1;
    /* The list grows while it is walked: what a family brings may belong to another. */
    for (size_t at = 0; at < build->object_count; at++) {
        for (size_t i = 0; i < SC_ARRAY_LEN(families); i++)
            if (families[i].trigger != ALWAYS && is_of_family(build->objects[at], &families[i]) &&
                add_family(build, &families[i], build->objects[at], err) < 0)
                return -1;
    }
    return 0;
}

int
sc_host_add_venv(struct sc_host_build *build, const char *asked, const char *real, struct sc_err *err)
{
    const char *bin = cut_last(build->arena, asked), *home = bin == NULL ? NULL : cut_last(build->arena, bin);
    char *config = sc_arena_printf(build->arena, "%s/pyvenv.cfg", home == NULL ? "" : home);
    char *lib = sc_arena_printf(build->arena, "%s/lib", home == NULL ? "" : home);
    static const char *const excludes[] = {NULL};
    struct sc_host_object *program = NULL;
    struct stat st;

    if (config == NULL || lib == NULL)
        return sc_err_nomem(err);
    if (!sc_str_starts(strrchr(asked, '/') + 1, "python") || sc_host_stat(&build->files, config, &st) < 0)
        return 0;
    for (size_t i = 0; i < build->object_count; i++)
        if (strcmp(build->objects[i]->real, real) == 0)
            program = build->objects[i];
    if (sc_host_files_add(&build->files, config, NULL, err) < 0)
        return -1;
    return sc_host_stat(&build->files, lib, &st) < 0 ? 0 : add_with_libraries(build, program, lib, excludes, err);
}
