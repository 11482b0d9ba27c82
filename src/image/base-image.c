/*
 * image/base-image.c: sc_image_make_base: the default image, from Debian's static busybox. It is an image like any
 * other: one layer, a config, a manifest; only its making is here. Two runs with the same busybox give the same digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/from-host-priv.h"

#define BASE_NAME    "docker.io/library/base:latest"
#define BUSYBOX_PATH "/bin/busybox"
#define BUSYBOX_MAX  ((size_t)64 << 20) /* Debian's is 2 MB */
#define APPLETS_MAX  ((size_t)1 << 20)  /* text of the list; a real one has 3 kB */
#define INSTALL_IT   "apt-get install busybox-static"

static const struct {
    const char *path;
    mode_t mode;
} dirs[] = {
    {"/bin", 0755},      {"/dev", 0755},       {"/etc", 0755},     {"/home", 0755},      {"/proc", 0555},
    {"/root", 0700},     {"/run", 0755},       {"/sbin", 0755},    {"/sys", 0555},       {"/tmp", 01777},
    {"/usr", 0755},      {"/usr/bin", 0755},   {"/usr/lib", 0755}, {"/usr/local", 0755}, {"/usr/local/bin", 0755},
    {"/usr/sbin", 0755}, {"/usr/share", 0755}, {"/var", 0755},     {"/var/log", 0755},   {"/var/spool", 0755},
    {"/var/tmp", 01777}, {"/var/www", 0755},
};

static const struct {
    const char *path;
    mode_t mode;
    const char *text;
} files[] = {
    {"/etc/passwd", 0644,
     "root:x:0:0:root:/root:/bin/sh\n"
     "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
     "bin:x:2:2:bin:/bin:/bin/false\n"
     "www-data:x:33:33:www-data:/var/www:/bin/false\n"
     "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
    {"/etc/group", 0644,
     "root:x:0:\ndaemon:x:1:\nbin:x:2:\ntty:x:5:\ndisk:x:6:\nmail:x:8:\nwww-data:x:33:\nusers:x:100:\nnogroup:x:65534:"
     "\n"},
    {"/etc/shadow", 0600, "root:*:::::::\ndaemon:*:::::::\nbin:*:::::::\nwww-data:*:::::::\nnobody:*:::::::\n"},
    {"/etc/shells", 0644, "/bin/sh\n/bin/ash\n"},
    {"/etc/profile", 0644,
     "# read by login shells\n"
     "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
     "PS1='\\u@\\h:\\w\\$ '\n"
     "umask 022\n"},
    {"/etc/nsswitch.conf", 0644, "passwd: files\ngroup: files\nhosts: files dns\n"},
    /* The engine puts a container's own over these. */
    {"/etc/hostname", 0644, "base\n"},
    {"/etc/hosts", 0644, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"},
    {"/etc/resolv.conf", 0644, ""},
    {"/etc/os-release", 0644, "ID=sc-base\nNAME=\"sc base\"\nPRETTY_NAME=\"sc base (busybox)\"\n"},
};

static const struct {
    const char *path, *target;
} links[] = {
    {"/usr/bin/env", "../../bin/busybox"}, /* where scripts look for it */
    {"/var/run", "../run"},
    {"/var/lock", "../run/lock"},
    {"/etc/mtab", "../proc/self/mounts"},
};

/* The image has no libraries, so neither may its one program need any. */
static int
check_static(struct sc_host_files *tree, const char *busybox, struct sc_arena *arena, struct sc_err *err)
{
    sc_cleanup_fd fd = sc_host_open(tree, busybox, O_RDONLY | O_NONBLOCK);
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_elf elf;

    if (fd < 0) {
        sc_err_errno(err, -fd, "read busybox \"%s\"", busybox);
        return sc_err_remedy(err, INSTALL_IT);
    }
    if (sc_file_read_fd(fd, BUSYBOX_MAX, &text, err) < 0 || sc_elf_read(text.data, text.len, arena, &elf, err) < 0) {
        sc_err_wrap(err, "read busybox \"%s\"", busybox);
        return sc_err_remedy(err, INSTALL_IT);
    }
    if (elf.interp != NULL || elf.needed.count > 0) {
        sc_err_set(err, SC_ERR_INVALID, "read busybox \"%s\": it is not static, and the image has no libraries",
                   busybox);
        return sc_err_remedy(err, INSTALL_IT);
    }
    return 0;
}

/* What `busybox --list` prints: one name a line. */
static int
read_applets(const char *busybox, struct sc_buf *out, struct sc_err *err)
{
    const char *const argv[] = {busybox, "--list", NULL}, *const envp[] = {"PATH=/bin", NULL};
    sc_cleanup_fd fd = memfd_create("applets", MFD_CLOEXEC);
    int status = 0;

    if (fd < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_spawn_wait(argv, envp, -1, fd, -1, &status, err) < 0)
        return sc_err_wrap(err, "list the applets of \"%s\"", busybox);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        sc_err_set(err, SC_ERR_INVALID, "list the applets of \"%s\": \"--list\" failed", busybox);
        return sc_err_remedy(err, INSTALL_IT);
    }
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "read the list of applets");
    return sc_file_read_fd(fd, APPLETS_MAX, out, err);
}

static int
link_applets(struct sc_host_files *tree, char *list, struct sc_err *err)
{
    char *save = NULL;
    size_t count = 0;

    for (char *name = strtok_r(list, "\n", &save); name != NULL; name = strtok_r(NULL, "\n", &save)) {
        char path[256];
        if (strcmp(name, "busybox") == 0)
            continue;
        if (strchr(name, '/') != NULL || name[0] == '.' ||
            (size_t)snprintf(path, sizeof(path), "/bin/%s", name) >= sizeof(path))
            return sc_err_set(err, SC_ERR_INVALID, "link applet \"%s\": not a file name", name);
        if (sc_host_files_put_link(tree, path, "busybox", err) < 0)
            return -1;
        count++;
    }
    if (sc_host_files_find(tree, "bin/sh") == NULL) {
        sc_err_set(err, SC_ERR_INVALID, "link applets: no \"sh\" among the %zu listed", count);
        return sc_err_remedy(err, INSTALL_IT);
    }
    return 0;
}

static int
fill_tree(struct sc_host_files *tree, const char *busybox, struct sc_err *err)
{
    sc_cleanup_buf applets = SC_BUF_INIT;

    for (size_t i = 0; i < SC_ARRAY_LEN(dirs); i++)
        if (sc_host_files_put_dir(tree, dirs[i].path, dirs[i].mode, err) < 0)
            return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(files); i++)
        if (sc_host_files_put_text(tree, files[i].path, files[i].mode, files[i].text, strlen(files[i].text), err) < 0)
            return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(links); i++)
        if (sc_host_files_put_link(tree, links[i].path, links[i].target, err) < 0)
            return -1;
    if (sc_host_files_put_copy(tree, "/bin/busybox", 0755, busybox, err) < 0 ||
        read_applets(busybox, &applets, err) < 0)
        return -1;
    if (applets.len == 0)
        return sc_err_set(err, SC_ERR_INVALID, "list the applets of \"%s\": the list is empty", busybox);
    return link_applets(tree, applets.data, err);
}

int
sc_image_make_base(const struct sc_store *store, struct sc_arena *arena, char **image_id, struct sc_err *err)
{
    sc_cleanup_host_files tree = SC_HOST_FILES_INIT;
    const char *busybox = getenv("SC_BUSYBOX");
    struct sc_strv env = {.count = 0}, cmd = {.count = 0}, labels = {.count = 0};
    struct sc_host_config config = {.env = &env, .cmd = &cmd, .labels = &labels, .created_by = "sc: base from busybox"};

    if (busybox == NULL || busybox[0] == '\0')
        busybox = BUSYBOX_PATH;
    if (busybox[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "make image \"base\": SC_BUSYBOX \"%s\": not an absolute path", busybox);
    if (sc_host_files_open(&tree, "/", arena, err) < 0)
        return sc_err_wrap(err, "make image \"base\"");
    tree.is_own_tree = true;
    sc_strv_add(&env, arena, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    sc_strv_add(&cmd, arena, "sh");
    sc_strv_add(&labels, arena, "org.opencontainers.image.title=base");
    sc_strv_add(&labels, arena, "org.opencontainers.image.description=busybox with all its applets");
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (check_static(&tree, busybox, arena, err) < 0 || fill_tree(&tree, busybox, err) < 0 ||
        sc_host_commit(&tree, store, &config, BASE_NAME, image_id, err) < 0)
        return sc_err_wrap(err, "make image \"base\"");
    return 0;
}
