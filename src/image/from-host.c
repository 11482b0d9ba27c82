/* image/from-host.c: sc_image_from_host: an image of programs of this host and what they need (from-host-priv.h). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/from-host-priv.h"
#include "image/transfer-priv.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SHEBANG_MAX  256 /* what the kernel reads of a script's first line (BINPRM_BUF_SIZE) */
#define SCRIPT_DEPTH 5   /* interpreters of interpreters, as the kernel (fs/exec.c, exec_binprm) */
#define EPOCH        "1970-01-01T00:00:00Z"

/* ---- looking programs up --------------------------------------------------------------------------------- */

static bool
is_program_file(struct sc_host_build *build, const char *path)
{
    struct stat st;

    return sc_host_stat(&build->files, path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0;
}

/* A shim (of pyenv, rbenv, asdf) is a script that asks its manager for the real program: useless without it. */
static bool
is_shim(struct sc_host_build *build, const char *dir, const char *path)
{
    sc_cleanup_fd fd = -1;
    char magic[2];

    if (!sc_str_ends(dir, "/shims"))
        return false;
    fd = sc_host_open(&build->files, path, O_RDONLY | O_NONBLOCK);
    return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) && memcmp(magic, "#!", 2) == 0;
}

static int
find_in_path(struct sc_host_build *build, const char *name, char **out, struct sc_err *err)
{
    const char *rest = build->path_env, *shim = NULL;

    while (*rest != '\0') {
        size_t len = strcspn(rest, ":");
        char *dir = sc_arena_strndup(build->arena, rest, len);
        char *path = sc_arena_printf(build->arena, "%s/%s", dir == NULL ? "" : dir, name);
        if (dir == NULL || path == NULL)
            return sc_err_nomem(err);
        rest += len + (rest[len] == ':');
        if (dir[0] != '/' || !is_program_file(build, path))
            continue;
        if (is_shim(build, dir, path)) {
            shim = path;
            continue;
        }
        *out = path;
        return 0;
    }
    if (shim != NULL) {
        sc_err_set(err, SC_ERR_NOT_FOUND, "find program \"%s\": \"%s\" only leads to a version manager", name, shim);
        return sc_err_remedy(err, "give the path of the program itself");
    }
    sc_err_set(err, SC_ERR_NOT_FOUND, "find program \"%s\": not in PATH \"%s\"", name, build->path_env);
    return sc_err_remedy(err, "install it, or give its path");
}

static int
find_program(struct sc_host_build *build, const char *name, char **out, struct sc_err *err)
{
    sc_cleanup_free char *cwd = NULL;
    struct stat st;
    int rc;

    if (name[0] == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "find program \"\": the name is empty");
    if (strchr(name, '/') == NULL)
        return find_in_path(build, name, out, err);
    if (name[0] != '/' && (cwd = getcwd(NULL, 0)) == NULL)
        return sc_err_errno(err, errno, "find program \"%s\": read the working directory", name);
    *out = cwd == NULL ? sc_arena_strdup(build->arena, name) : sc_arena_printf(build->arena, "%s/%s", cwd, name);
    if (*out == NULL)
        return sc_err_nomem(err);
    rc = sc_host_stat(&build->files, *out, &st);
    if (rc < 0)
        return sc_err_errno(err, -rc, "find program \"%s\"", *out);
    if (S_ISDIR(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "find program \"%s\": it is a directory", *out);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0) {
        sc_err_set(err, SC_ERR_INVALID, "find program \"%s\": it is not executable", *out);
        return sc_err_remedy(err, "chmod +x it, if it is meant to be a program");
    }
    return 0;
}

/* ---- scripts ------------------------------------------------------------------------------------------------ */

/* The next word of *line, or NULL. */
static char *
next_word(struct sc_arena *arena, const char **line)
{
    const char *start = *line + strspn(*line, " \t");
    size_t len = strcspn(start, " \t\n");

    *line = start + len;
    return len == 0 ? NULL : sc_arena_strndup(arena, start, len);
}

/* What env(1) is to run: the first word that is neither an option nor NAME=VALUE. */
static char *
env_program(struct sc_arena *arena, const char *line)
{
    char *word;

    while ((word = next_word(arena, &line)) != NULL) {
        if (sc_str_eq(word, "-u") || sc_str_eq(word, "-C"))
            (void)next_word(arena, &line);
        else if (sc_str_starts(word, "-S") && word[2] != '\0')
            return word + 2;
        else if (word[0] != '-' && strchr(word, '=') == NULL)
            return word;
    }
    return NULL;
}

static int add_program_file(struct sc_host_build *build, const char *asked, int depth, struct sc_err *err);

static int
add_interpreter(struct sc_host_build *build, const char *script, const char *line, int depth, struct sc_err *err)
{
    char *interpreter = next_word(build->arena, &line), *program = NULL, *path = NULL;
    const char *base;

    if (sc_arena_check(build->arena, err) < 0)
        return -1;
    if (interpreter == NULL || interpreter[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "script \"%s\": its interpreter \"%s\" is not an absolute path", script,
                          interpreter == NULL ? "" : interpreter);
    if (depth >= SCRIPT_DEPTH)
        return sc_err_set(err, SC_ERR_INVALID, "script \"%s\": more than %d interpreters follow each other", script,
                          SCRIPT_DEPTH);
    if (find_program(build, interpreter, &path, err) < 0 || add_program_file(build, path, depth + 1, err) < 0)
        return sc_err_wrap(err, "script \"%s\": its interpreter", script);
    base = strrchr(interpreter, '/') + 1;
    if (strcmp(base, "env") == 0)
        program = env_program(build->arena, line);
    else if (strcmp(base, "busybox") == 0)
        return 0;
    if (program == NULL)
        return sc_arena_check(build->arena, err);
    if (find_program(build, program, &path, err) < 0 || add_program_file(build, path, depth + 1, err) < 0)
        return sc_err_wrap(err, "script \"%s\": its interpreter", script);
    return 0;
}

/* asked is a path that find_program gave. */
static int
add_program_file(struct sc_host_build *build, const char *asked, int depth, struct sc_err *err)
{
    char head[SHEBANG_MAX + 1];
    struct sc_host_file *leaf;
    sc_cleanup_fd fd = -1;
    ssize_t len;
    char *real;

    if (sc_host_files_add(&build->files, asked, &leaf, err) < 0)
        return -1;
    real = leaf == NULL ? NULL : sc_arena_printf(build->arena, "/%s", leaf->path);
    if (real == NULL)
        return sc_err_nomem(err);
    fd = sc_host_open(&build->files, real, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return sc_err_errno(err, -fd, "read program \"%s\"", asked);
    len = read(fd, head, SHEBANG_MAX);
    if (len < 0)
        return sc_err_errno(err, errno, "read program \"%s\"", asked);
    head[len] = '\0';
    if (sc_elf_has_magic(head, (size_t)len)) {
        if (sc_host_add_program(build, asked, real, err) < 0)
            return -1;
        return sc_host_add_venv(build, asked, real, err);
    }
    if (head[0] == '#' && head[1] == '!') {
        head[strcspn(head, "\n")] = '\0';
        return add_interpreter(build, asked, head + 2, depth, err);
    }
    sc_err_set(err, SC_ERR_INVALID, "read program \"%s\": neither an ELF file nor a script with \"#!\"", asked);
    return sc_err_remedy(err, "name the interpreter in its first line");
}

/* ---- what every image has ------------------------------------------------------------------------------------ */

/* Where the host has /bin as a link into /usr, so must the image, even if no file was named through it. */
static int
add_top_links(struct sc_host_build *build, struct sc_err *err)
{
    static const char *const names[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        sc_cleanup_fd fd = sc_host_open(&build->files, names[i], O_PATH | O_NOFOLLOW);
        struct stat st, target;
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode) || sc_host_stat(&build->files, names[i], &target) < 0)
            continue;
        if (sc_host_files_add(&build->files, names[i], NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int
put_system_files(struct sc_host_build *build, struct sc_err *err)
{
    static const struct {
        const char *path;
        mode_t mode;
        const char *text; /* NULL: a directory */
    } entries[] = {
        {"/etc", 0755, NULL},
        {"/etc/passwd", 0644,
         "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
        {"/etc/group", 0644, "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"},
        {"/etc/nsswitch.conf", 0644,
         "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\n"
         "services: files\n"},
        /* Mount points: made once here, not in each container. */
        {"/dev", 0755, NULL},
        {"/proc", 0555, NULL},
        {"/sys", 0555, NULL},
        {"/run", 0755, NULL},
        {"/root", 0700, NULL},
        {"/tmp", 01777, NULL},
        {"/var", 0755, NULL},
        {"/var/tmp", 01777, NULL},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(entries); i++) {
        const char *text = entries[i].text;
        int rc = text == NULL
                     ? sc_host_files_put_dir(&build->files, entries[i].path, entries[i].mode, err)
                     : sc_host_files_put_text(&build->files, entries[i].path, entries[i].mode, text, strlen(text), err);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* ---- the image ------------------------------------------------------------------------------------------------- */

static void
add_json_list(struct sc_buf *out, const char *key, const struct sc_strv *list)
{
    if (list == NULL || list->count == 0)
        return;
    sc_buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            sc_buf_addc(out, ',');
        sc_buf_add_json(out, list->items[i], strlen(list->items[i]));
    }
    sc_buf_addc(out, ']');
}

static void
add_json_labels(struct sc_buf *out, const struct sc_strv *labels)
{
    if (labels == NULL || labels->count == 0)
        return;
    sc_buf_adds(out, ",\"Labels\":{");
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->items[i];
        size_t key_len = strcspn(label, "=");
        if (i > 0)
            sc_buf_addc(out, ',');
        sc_buf_add_json(out, label, key_len);
        sc_buf_addc(out, ':');
        label += key_len + (label[key_len] == '=');
        sc_buf_add_json(out, label, strlen(label));
    }
    sc_buf_addc(out, '}');
}

int
sc_host_config_write(const struct sc_host_config *config, struct sc_buf *out, struct sc_err *err)
{
    char arch[SC_PLATFORM_MAX];

    sc_buf_adds(out, "{\"created\":\"" EPOCH "\",\"architecture\":");
    (void)sc_platform_arch(arch);
    sc_buf_add_json(out, arch, strlen(arch));
    sc_buf_adds(out, ",\"os\":\"linux\",\"config\":{\"WorkingDir\":\"/\"");
    add_json_list(out, "Env", config->env);
    add_json_list(out, "Entrypoint", config->entrypoint);
    add_json_list(out, "Cmd", config->cmd);
    add_json_labels(out, config->labels);
    sc_buf_addf(out,
                "},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]},\"history\":[{\"created\":\"" EPOCH
                "\",\"created_by\":",
                config->diff_id);
    sc_buf_add_json(out, config->created_by, strlen(config->created_by));
    sc_buf_adds(out, "}]}");
    return sc_buf_check(out, err);
}

static int
commit_in_session(struct sc_host_files *files, const struct sc_store *store, struct sc_host_config *config,
                  const char *full_name, char **image_id, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_fd session = sc_store_session(store, err);
    struct sc_store_layer layer;

    /* While the session is held no sweep takes the blob that no image leads to yet. */
    if (session < 0 || sc_host_files_write(files, store, &layer, err) < 0)
        return -1;
    config->diff_id = layer.diff_id;
    if (sc_host_config_write(config, &text, err) < 0)
        return -1;
    return sc_image_commit(store, text.data, text.len, &layer, 1, full_name, files->arena, image_id, err);
}

int
sc_host_commit(struct sc_host_files *files, const struct sc_store *store, struct sc_host_config *config,
               const char *full_name, char **image_id, struct sc_err *err)
{
    int rc = commit_in_session(files, store, config, full_name, image_id, err);

    if (rc < 0)
        sc_store_collect(store);
    return rc;
}

int
sc_host_build_open(struct sc_host_build *build, const char *root, const char *path_env, struct sc_arena *arena,
                   struct sc_err *err)
{
    *build = (struct sc_host_build){.arena = arena, .files = SC_HOST_FILES_INIT, .path_env = path_env};
    if (path_env == NULL || path_env[0] == '\0')
        build->path_env = DEFAULT_PATH;
    return sc_host_files_open(&build->files, root, arena, err);
}

void
sc_host_build_release(struct sc_host_build *build)
{
    sc_host_files_release(&build->files);
    sc_buf_release(&build->cache_text);
}

/* PATH of the image: the usual directories, then those of programs that lie elsewhere. */
static char *
image_path(struct sc_host_build *build, const struct sc_strv *found)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_adds(&text, "PATH=" DEFAULT_PATH);
    for (size_t i = 0; i < found->count; i++) {
        const char *path = found->items[i];
        size_t len = (size_t)(strrchr(path, '/') - path);
        char *dir = len == 0 ? sc_arena_strdup(build->arena, "/") : sc_arena_strndup(build->arena, path, len);
        bool is_there = false;
        const char *rest = text.has_failed ? NULL : text.data + strlen("PATH=");
        if (dir == NULL || rest == NULL)
            return NULL;
        for (size_t part; *rest != '\0' && !is_there; rest += part + (rest[part] == ':')) {
            part = strcspn(rest, ":");
            is_there = strlen(dir) == part && strncmp(rest, dir, part) == 0;
        }
        /* A name with a colon cannot be in a PATH. */
        if (!is_there && strchr(dir, ':') == NULL)
            sc_buf_addf(&text, ":%s", dir);
    }
    return text.has_failed ? NULL : sc_arena_strdup(build->arena, text.data);
}

int
sc_host_collect(struct sc_host_build *build, const struct sc_from_host *ask, struct sc_strv *found, struct sc_err *err)
{
    char *path = NULL;

    if (sc_host_libs_init(build, err) < 0 || add_top_links(build, err) < 0)
        return -1;
    for (size_t i = 0; i < ask->programs.count; i++) {
        if (find_program(build, ask->programs.items[i], &path, err) < 0 || add_program_file(build, path, 0, err) < 0)
            return -1;
        sc_strv_add(found, build->arena, path);
    }
    /* An entrypoint that is not in the image could not run. */
    if (ask->entrypoint.count > 0) {
        if (find_program(build, ask->entrypoint.items[0], &path, err) < 0 || add_program_file(build, path, 0, err) < 0)
            return sc_err_wrap(err, "entrypoint");
        sc_strv_add(found, build->arena, path);
    }
    if (sc_host_add_extras(build, err) < 0 || put_system_files(build, err) < 0 || sc_host_put_cache(build, err) < 0)
        return -1;
    return sc_arena_check(build->arena, err);
}

int
sc_image_from_host(const struct sc_store *store, const struct sc_from_host *ask, struct sc_arena *arena,
                   char **image_id, struct sc_err *err)
{
    sc_cleanup_host_build build = SC_HOST_BUILD_INIT;
    struct sc_strv found = {.count = 0}, env = {.count = 0}, cmd = ask->cmd;
    sc_cleanup_buf created_by = SC_BUF_INIT;
    struct sc_host_config config = {.env = &env, .entrypoint = &ask->entrypoint, .cmd = &cmd};
    char *path;

    if (ask->programs.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "make image from host: no program was named");
    if (sc_host_build_open(&build, ask->root == NULL ? "/" : ask->root, getenv("PATH"), arena, err) < 0 ||
        sc_host_collect(&build, ask, &found, err) < 0)
        return sc_err_wrap(err, "make image from host");
    path = image_path(&build, &found);
    if (path == NULL)
        return sc_err_nomem(err);
    sc_strv_add(&env, arena, path);
    if (cmd.count == 0 && ask->entrypoint.count == 0)
        sc_strv_add(&cmd, arena, found.items[0]);
    sc_buf_adds(&created_by, "sc image from-host");
    for (size_t i = 0; i < ask->programs.count; i++) {
        sc_buf_addc(&created_by, ' ');
        sc_buf_add_shell(&created_by, ask->programs.items[i]);
    }
    if (sc_arena_check(arena, err) < 0 || sc_buf_check(&created_by, err) < 0)
        return -1;
    config.created_by = created_by.data;
    return sc_host_commit(&build.files, store, &config, ask->full_name, image_id, err) < 0
               ? sc_err_wrap(err, "make image from host")
               : 0;
}
