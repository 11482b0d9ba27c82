/* Host steps taken back. musl-clean: the monitor, delete and crash recovery run the same text. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel/cgroup/cgroup.h"
#include "kernel/cgroup/systemd/systemd.h"
#include "kernel/kernel.h"
#include "kernel/nlmsg.h"

#define RECORD_MAX (4U << 20)

static int
undo_tree(const char *path, struct sc_err *err)
{
    const char *slash = strrchr(path, '/');
    sc_cleanup_free char *above = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    sc_cleanup_fd parent = -1;

    if (!above)
        return sc_err_nomem(err);
    if (slash[1] == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "remove \"%s\": it is not a name", path);
    parent = openat(AT_FDCWD, above, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open directory \"%s\"", above);
    return sc_tree_remove_at(parent, slash + 1, err);
}

/* Whether another container's record names what is in <data>/volume/NAME. */
static bool
has_other(const char *data, const char *name, const char *owner)
{
    sc_cleanup_free char *path = NULL;
    sc_cleanup_dir dir = NULL;
    struct dirent *item;
    bool is_named = false;

    if (asprintf(&path, "%s/container", data) < 0)
        return true;
    dir = opendir(path);
    while (dir && !is_named && (item = readdir(dir)) != NULL) {
        sc_cleanup_buf record = SC_BUF_INIT;
        struct sc_err absent = SC_ERR_INIT;
        char file[sizeof(item->d_name) + sizeof("/record.json")];

        if (strlen(item->d_name) != SC_ID_LEN || strcmp(item->d_name, owner) == 0)
            continue;
        (void)snprintf(file, sizeof(file), "%s/record.json", item->d_name);
        is_named = sc_file_read_at(dirfd(dir), file, RECORD_MAX, &record, &absent) == 0
                       ? strstr(sc_buf_str(&record), name) != NULL
                       : absent.errnum != ENOENT && absent.errnum != ENOTDIR;
    }
    return is_named;
}

/* "PATH OWNER" */
static int
undo_volume(const char *target, struct sc_err *err)
{
    const char *space = strrchr(target, ' ');
    sc_cleanup_free char *path = space ? strndup(target, (size_t)(space - target)) : NULL, *mark = NULL, *data = NULL;
    const char *slash = path ? strrchr(path, '/') : NULL,
               *above = slash ? memrchr(path, '/', (size_t)(slash - path)) : NULL;

    if (!above || !slash[1])
        return sc_err_set(err, SC_ERR_INVALID, "undo volume: \"%s\" is not a volume and an owner", target);
    data = strndup(path, (size_t)(above - path));
    if (!data || asprintf(&mark, "%s/" SC_VOLUME_SHARED, path) < 0)
        return sc_err_nomem(err);
    if (faccessat(AT_FDCWD, mark, F_OK, 0) == 0 && has_other(data, slash + 1, space + 1))
        return 0;
    return undo_tree(path, err);
}

/* Whether a name of the directory is an owner's. */
static bool
has_owner(int dir_fd)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *item;

    if (!dir)
        sc_closep(&copy);
    while (dir && (item = readdir(dir)) != NULL) {
        if (strlen(item->d_name) == SC_ID_LEN)
            return true;
    }
    return !dir;
}

/* "PATH OWNER" */
static int
undo_volume_leave(const char *target, struct sc_err *err)
{
    const char *space = strrchr(target, ' ');
    sc_cleanup_free char *path = space ? strndup(target, (size_t)(space - target)) : NULL;
    char at[PATH_MAX];
    sc_cleanup_fd dir = -1;
    ssize_t len;

    if (!path)
        return sc_err_set(err, SC_ERR_INVALID, "undo volume: \"%s\" is not a directory and an owner", target);
    dir = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? 0 : sc_err_errno(err, errno, "open directory \"%s\"", path);
    if (flock(dir, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock \"%s\"", path);
    if (unlinkat(dir, space + 1, 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove \"%s/%s\"", path, space + 1);
    len = readlinkat(dir, SC_VOLUME_AT, at, sizeof(at) - 1);
    if (len < 0 || has_owner(dir))
        return 0;
    at[len] = '\0';
    /* EINVAL: it is not mounted (any more) */
    if (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
        return sc_err_errno(err, errno, "unmount volume \"%s\"", at);
    (void)unlinkat(dir, SC_VOLUME_AT, 0);
    (void)unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
    return 0;
}

static int
undo_unlink(const char *path, struct sc_err *err)
{
    if (unlinkat(AT_FDCWD, path, 0) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove \"%s\"", path);
    return 0;
}

/* A cgroup that can be removed holds nobody who could be killed. But a scope is systemd's to remove. */
static bool
remove_unused_cgroup(const char *dir)
{
    static const char suffix[] = ".scope";
    size_t len = strlen(dir);
    bool is_scope = len >= strlen(suffix) && strcmp(dir + len - strlen(suffix), suffix) == 0;

    return !is_scope && unlinkat(AT_FDCWD, dir, AT_REMOVEDIR) == 0;
}

static int
undo_resctrl(const char *path, struct sc_err *err)
{
    if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return sc_err_errno(err, errno, "remove resctrl group \"%s\"", path);
    return 0;
}

static int
undo_systemd(const char *unit, struct sc_err *err)
{
    return sc_systemd_stop(false, unit, err);
}

static int
undo_systemd_user(const char *unit, struct sc_err *err)
{
    return sc_systemd_stop(true, unit, err);
}

enum { NOW = 1, LATER = 2 };

static const struct {
    const char *name;
    int (*run)(const char *target, struct sc_err *err);
    bool is_unit;  /* the target is a name, not a path */
    unsigned when; /* 0: now */
    enum { NO_ELEMENT, PORT, GUARD } element;
} undo_table[] = {
    [SC_UNDO_CGROUP_KILL] = {"cgroup-kill", sc_cgroup_kill, false},
    [SC_UNDO_CGROUP_REMOVE] = {"cgroup-remove", sc_cgroup_remove, false},
    [SC_UNDO_RESCTRL_REMOVE] = {"resctrl-remove", undo_resctrl, false},
    [SC_UNDO_TREE] = {"tree", undo_tree, false},
    [SC_UNDO_VOLUME] = {"volume-remove", undo_volume, false},
    [SC_UNDO_VOLUME_LEAVE] = {"volume-leave", undo_volume_leave, false},
    [SC_UNDO_UNLINK] = {"unlink", undo_unlink, false},
    [SC_UNDO_LINK] = {"link-remove", sc_undo_link, true, LATER},
    [SC_UNDO_LEASE] = {"lease-release", sc_undo_lease, false, LATER},
    [SC_UNDO_PORT] = {"port-release", NULL, false, NOW, PORT},
    [SC_UNDO_GUARD] = {"guard-remove", NULL, true, NOW, GUARD},
    [SC_UNDO_NAMES] = {"names-withdraw", sc_undo_names, false, NOW},
    [SC_UNDO_NETWORK] = {"network-down", sc_undo_network, false},
    [SC_UNDO_SYSTEMD_STOP] = {"systemd-stop", undo_systemd, true},
    [SC_UNDO_SYSTEMD_USER_STOP] = {"systemd-user-stop", undo_systemd_user, true},
};

void
sc_undo_add(struct sc_buf *text, enum sc_undo_op op, const char *target)
{
    sc_buf_addf(text, "%s ", undo_table[op].name);
    for (const char *c = target; *c; c++) {
        if (*c == ' ' || *c == '\n' || *c == '%')
            sc_buf_addf(text, "%%%02X", (unsigned)*c);
        else
            sc_buf_addc(text, *c);
    }
    sc_buf_addc(text, '\n');
}

/* Percent-decodes in place; false where a '%' is followed by anything but two digits, or by 00. */
static bool
decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        if (*from != '%') {
            *to = *from++;
            continue;
        }
        int high = sc_hex_digit(from[1]), low = high < 0 ? -1 : sc_hex_digit(from[2]);

        if (low < 0 || high * 16 + low == 0)
            return false;
        *to = (char)(high * 16 + low);
        from += 3;
    }
    *to = '\0';
    return true;
}

static bool
is_part(unsigned when, enum sc_undo_part part)
{
    return part == SC_UNDO_ALL || ((when ? when : NOW) & (part == SC_UNDO_NOW ? NOW : LATER)) != 0;
}

/* Elements wait for each other until something else is to be done, and go in one transaction. */
struct elements {
    struct sc_undo_element *items;
    size_t count;
    int *nft_sock;
    const char **gone; /* cgroups that there was nobody to kill in */
    size_t gone_count;
};

/* What needs not be done: a cgroup whose killing removed it already is not looked for again. */
static bool
is_done(struct elements *elements, enum sc_undo_op op, const char *target)
{
    if (op == SC_UNDO_CGROUP_KILL && remove_unused_cgroup(target)) {
        elements->gone[elements->gone_count++] = target;
        return true;
    }
    for (size_t i = 0; op == SC_UNDO_CGROUP_REMOVE && i < elements->gone_count; i++) {
        if (strcmp(elements->gone[i], target) == 0)
            return true;
    }
    return false;
}

static int
undo_elements(struct elements *elements, struct sc_err *err)
{
    size_t count = elements->count;

    elements->count = 0;
    return count == 0 ? 0 : sc_undo_elements(elements->nft_sock, elements->items, count, err);
}

static int
undo_line(char *line, enum sc_undo_part part, struct elements *elements, struct sc_err *err)
{
    char *space = strchr(line, ' '), *target = space ? space + 1 : NULL;
    bool is_text;

    if (!target || strchr(target, ' '))
        return sc_err_set(err, SC_ERR_INVALID, "undo: \"%s\" is not an operation and a path", line);
    *space = '\0';
    is_text = decode(target);
    for (size_t i = 0; i < SC_ARRAY_LEN(undo_table); i++) {
        if (strcmp(line, undo_table[i].name) != 0)
            continue;
        if (undo_table[i].is_unit && (!is_text || strchr(target, '/')))
            return sc_err_set(err, SC_ERR_INVALID, "undo %s: \"%s\" is not a name", line, target);
        if (!undo_table[i].is_unit && (!is_text || target[0] != '/'))
            return sc_err_set(err, SC_ERR_INVALID, "undo %s: \"%s\" is not an absolute path", line, target);
        if (!is_part(undo_table[i].when, part))
            return 0;
        if (undo_table[i].element) {
            elements->items[elements->count++] = (struct sc_undo_element){target, undo_table[i].element == PORT};
            return 0;
        }
        if (undo_elements(elements, err) < 0) {
            struct sc_err second = SC_ERR_INIT; /* the first cause is the one to report */

            (void)!undo_table[i].run(target, &second);
            return -1;
        }
        return is_done(elements, (enum sc_undo_op)i, target) ? 0 : undo_table[i].run(target, err);
    }
    return sc_err_set(err, SC_ERR_INVALID, "undo: \"%s\" is not an operation", line);
}

int
sc_undo_run(const char *text, struct sc_err *err)
{
    sc_cleanup_fd nft_sock = -1;

    return sc_undo_run_part(text, SC_UNDO_ALL, &nft_sock, err);
}

static size_t
count_lines(const char *text)
{
    size_t count = 1;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

int
sc_undo_run_part(const char *text, enum sc_undo_part part, int *nft_sock, struct sc_err *err)
{
    sc_cleanup_free char *copy = strdup(text);
    sc_cleanup_free struct sc_undo_element *items = calloc(count_lines(text), sizeof(*items));
    sc_cleanup_free const char **gone = calloc(count_lines(text), sizeof(*gone));
    struct elements elements = {.items = items, .nft_sock = nft_sock, .gone = gone};
    struct sc_err later = SC_ERR_INIT;
    char *save = NULL;
    int result = 0;

    if (!copy || !items || !gone)
        return sc_err_nomem(err);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        /* What fails must not keep the rest from being taken back; the first cause is the one to report. */
        if (undo_line(line, part, &elements, result == 0 ? err : &later) < 0)
            result = -1;
        sc_err_clear(&later);
    }
    if (undo_elements(&elements, result == 0 ? err : &later) < 0)
        result = -1;
    return result;
}
