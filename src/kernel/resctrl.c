/* Groups of resctrl: made, compared, taken back. All below a descriptor, so that tests can give a plain directory. */
#include "kernel/resctrl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX  (64 << 10)
#define SPACES    " \t"
#define GROUP_MAX (2 * NAME_MAX + 64) /* "NAME/mon_groups/ID/tasks" */

/* ---- schemata ------------------------------------------------------------------------------------------------ */

struct span {
    const char *at;
    size_t len;
};

/* The next part of *rest up to separator, without spaces around it; false: there is none. */
static bool
next_part(struct span *rest, char separator, struct span *out)
{
    if (rest->len == 0)
        return false;
    const char *end = memchr(rest->at, separator, rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->at) : rest->len;

    *out = (struct span){rest->at, len};
    rest->at += len + (end != NULL);
    rest->len -= len + (end != NULL);
    while (out->len > 0 && strchr(SPACES, *out->at) != NULL)
        out->at++, out->len--;
    while (out->len > 0 && strchr(SPACES, out->at[out->len - 1]) != NULL)
        out->len--;
    return true;
}

static bool
is_same_text(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* Masks are hexadecimal and padded to their width, percentages decimal: without their zeros both compare as text. */
static struct span
without_zeros(struct span number)
{
    while (number.len > 1 && *number.at == '0')
        number.at++, number.len--;
    return number;
}

/* "0=ff;1=f": the value of a domain. */
static bool
find_value(struct span domains, struct span domain, struct span *out)
{
    struct span entry, id;

    while (next_part(&domains, ';', &entry)) {
        if (next_part(&entry, '=', &id) && is_same_text(without_zeros(id), without_zeros(domain)))
            return next_part(&entry, '\n', out);
    }
    return false;
}

static bool
has_line(const char *have, struct span resource, struct span domains)
{
    struct span rest = {have, strlen(have)}, line, name, entry, id;

    while (next_part(&rest, '\n', &line)) {
        if (!next_part(&line, ':', &name) || !is_same_text(name, resource))
            continue;
        while (next_part(&domains, ';', &entry)) {
            struct span asked, value;

            if (entry.len == 0)
                continue;
            if (!next_part(&entry, '=', &id) || !next_part(&entry, '\n', &asked) || !find_value(line, id, &value) ||
                !is_same_text(without_zeros(value), without_zeros(asked)))
                return false;
        }
        return true;
    }
    return false;
}

bool
sc_resctrl_has_schemata(const char *have, const char *asked)
{
    struct span rest = {asked, strlen(asked)}, line, name;

    while (next_part(&rest, '\n', &line)) {
        if (line.len > 0 && (!next_part(&line, ':', &name) || !has_line(have, name, line)))
            return false;
    }
    return true;
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

static void
group_file(char out[GROUP_MAX], const char *name, const char *monitor, const char *file)
{
    (void)snprintf(out, GROUP_MAX, "%s%s%s%s%s%s", name, name[0] != '\0' ? "/" : "",
                   monitor != NULL ? "mon_groups/" : "", monitor != NULL ? monitor : "",
                   monitor != NULL && file[0] != '\0' ? "/" : "", file);
}

/* Adds what the file system says of the operation that just failed. */
static int
explain(int root_fd, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    if (sc_file_read_at(root_fd, "info/last_cmd_status", FILE_MAX, &text, &ignored) < 0)
        return -1;
    const char *said = sc_buf_str(&text);
    size_t len = strcspn(said, "\n");
    if (len == 0 || strncmp(said, "ok", len) == 0)
        return -1;
    return sc_err_remedy(err, "resctrl says: %.*s", (int)len, said);
}

int
sc_resctrl_write(int root_fd, const char *name, const char *schemata, struct sc_err *err)
{
    char file[GROUP_MAX];

    group_file(file, name, NULL, "schemata");
    return sc_file_write_at(root_fd, file, schemata, err) < 0 ? explain(root_fd, err) : 0;
}

static int
check_schemata(int root_fd, const struct sc_resctrl_group *group, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char file[GROUP_MAX];

    if (group->schemata == NULL)
        return 0;
    group_file(file, group->name, NULL, "schemata");
    if (sc_file_read_at(root_fd, file, FILE_MAX, &text, err) < 0)
        return -1;
    if (sc_resctrl_has_schemata(sc_buf_str(&text), group->schemata))
        return 0;
    return sc_err_set(err, SC_ERR_INVALID, "it is there with other schemata than those asked for");
}

static int
make_group(int root_fd, const struct sc_resctrl_group *group, struct sc_resctrl_open *out, struct sc_err *err)
{
    struct stat st;

    if (group->name[0] == '\0')
        return check_schemata(root_fd, group, err);
    if (group->how == SC_RESCTRL_SHARED && group->schemata == NULL) {
        if (fstatat(root_fd, group->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return 0;
        sc_err_errno(err, errno, "it must be there where no schemata are given");
        return sc_err_remedy(err, "make it first (mkdir), or give l3CacheSchema, memBwSchema or schemata");
    }
    if (mkdirat(root_fd, group->name, 0755) == 0) {
        out->has_made_group = true;
        return group->schemata != NULL ? sc_resctrl_write(root_fd, group->name, group->schemata, err) : 0;
    }
    if (errno == EEXIST && group->how == SC_RESCTRL_SHARED)
        return check_schemata(root_fd, group, err);
    sc_err_errno(err, errno, "make it");
    if (err->errnum == ENOSPC)
        return sc_err_remedy(err, "every group of this hardware is in use: remove one, or share one by its closID");
    return explain(root_fd, err);
}

static int
make_monitor(int root_fd, const struct sc_resctrl_group *group, struct sc_resctrl_open *out, struct sc_err *err)
{
    char dir[GROUP_MAX];

    if (group->monitor == NULL)
        return 0;
    group_file(dir, group->name, group->monitor, "");
    if (mkdirat(root_fd, dir, 0755) == 0) {
        out->has_made_monitor = true;
        return 0;
    }
    sc_err_errno(err, errno, "make \"%s\"", dir);
    if (err->errnum == ENOENT)
        return sc_err_remedy(err, "this hardware has no monitoring of its caches: leave enableMonitoring out");
    return explain(root_fd, err);
}

static int
open_tasks(int root_fd, const struct sc_resctrl_group *group, const char *monitor, int *out, struct sc_err *err)
{
    char file[GROUP_MAX];

    group_file(file, group->name, monitor, "tasks");
    *out = openat(root_fd, file, O_WRONLY | O_CLOEXEC);
    if (*out >= 0 || (group->how == SC_RESCTRL_ENTER && errno == ENOENT))
        return 0;
    return sc_err_errno(err, errno, "open \"%s\"", file);
}

int
sc_resctrl_make(int root_fd, const struct sc_resctrl_group *group, struct sc_resctrl_open *out, struct sc_err *err)
{
    int result = 0;

    *out = (struct sc_resctrl_open)SC_RESCTRL_OPEN_INIT;
    if (group->how != SC_RESCTRL_ENTER)
        result = make_group(root_fd, group, out, err) < 0 || make_monitor(root_fd, group, out, err) < 0 ? -1 : 0;
    if (result == 0)
        result = open_tasks(root_fd, group, NULL, &out->tasks, err);
    if (result == 0 && group->monitor != NULL)
        result = open_tasks(root_fd, group, group->monitor, &out->monitor_tasks, err);
    if (result == 0)
        return 0;
    sc_closep(&out->tasks);
    sc_closep(&out->monitor_tasks);
    sc_resctrl_unmake(root_fd, group, out);
    *out = (struct sc_resctrl_open)SC_RESCTRL_OPEN_INIT;
    return -1;
}

/* Without tasks: nobody has joined it since. */
static bool
is_unused(int root_fd, const char *name)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char file[GROUP_MAX];

    group_file(file, name, NULL, "tasks");
    return sc_file_read_at(root_fd, file, FILE_MAX, &text, &ignored) == 0 && text.len == 0;
}

void
sc_resctrl_unmake(int root_fd, const struct sc_resctrl_group *group, const struct sc_resctrl_open *made)
{
    char dir[GROUP_MAX];

    if (made->has_made_monitor) {
        group_file(dir, group->name, group->monitor, "");
        (void)unlinkat(root_fd, dir, AT_REMOVEDIR);
    }
    if (made->has_made_group && (group->how == SC_RESCTRL_OWN || is_unused(root_fd, group->name)))
        (void)unlinkat(root_fd, group->name, AT_REMOVEDIR);
}
