/* Which namespaces there are: those of every process, those that a mount keeps, and what owns them (ioctl_ns(2)). */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/nsfs.h"

#define FILE_MAX    ((size_t)64 << 20)
#define COMMAND_MAX 4096
#define DEPTH_MAX   40 /* namespaces nest at most 32 deep */
#define NS_NAME_MAX 24

/* One process in one namespace. */
struct member {
    uint64_t ino;
    enum sc_ns_kind kind;
    pid_t pid;
};
struct scan {
    struct sc_arena *arena;
    struct member *members; /* heap */
    size_t member_count, member_capacity;
    struct sc_nsfs *items;
    size_t count, sorted_count, capacity;
    size_t hidden;
};

/* ---- processes ------------------------------------------------------------------------------------------------ */

static bool
pid_of(const char *name, pid_t *pid)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number;

    if (!isdigit((unsigned char)name[0]) || sc_parse_i64(name, &number, &ignored) < 0)
        return false;
    *pid = (pid_t)number;
    return true;
}

/* The number in "net:[4026531840]" */
static uint64_t
ino_of_link(int dir, const char *file)
{
    char text[NS_NAME_MAX + SC_NUM_MAX];
    ssize_t len = readlinkat(dir, file, text, sizeof(text) - 1);
    const char *bracket;

    if (len < 0)
        return 0;
    text[len] = '\0';
    bracket = strchr(text, '[');
    return bracket ? strtoull(bracket + 1, NULL, 10) : 0;
}

static void
ns_file(char out[NS_NAME_MAX], enum sc_ns_kind kind)
{
    (void)snprintf(out, NS_NAME_MAX, "ns/%s", sc_ns_table[kind].proc_name);
}

uint64_t
sc_nsfs_of(pid_t pid, enum sc_ns_kind kind)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, sc_ns_table[kind].proc_name);
    return ino_of_link(AT_FDCWD, path);
}

static int
add_member(struct scan *s, uint64_t ino, enum sc_ns_kind kind, pid_t pid, struct sc_err *err)
{
    if (s->member_count == s->member_capacity) {
        size_t capacity = s->member_capacity ? 2 * s->member_capacity : 1024;
        struct member *grown = realloc(s->members, capacity * sizeof(*grown));

        if (!grown)
            return sc_err_nomem(err);
        s->members = grown;
        s->member_capacity = capacity;
    }
    s->members[s->member_count++] = (struct member){.ino = ino, .kind = kind, .pid = pid};
    return 0;
}

static int
look_at(struct scan *s, int proc, pid_t pid, struct sc_err *err)
{
    bool is_hidden = false;

    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        char name[NS_NAME_MAX], path[NS_NAME_MAX + SC_NUM_MAX];
        uint64_t ino;

        ns_file(name, kind);
        (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
        errno = 0;
        ino = ino_of_link(proc, path);
        if (ino != 0 && add_member(s, ino, kind, pid, err) < 0)
            return -1;
        is_hidden = is_hidden || (ino == 0 && (errno == EACCES || errno == EPERM));
    }
    s->hidden += is_hidden;
    return 0;
}

static int
look_at_all(struct scan *s, struct sc_err *err)
{
    sc_cleanup_dir proc = opendir("/proc");
    const struct dirent *entry;
    pid_t pid;

    if (!proc)
        return sc_err_errno(err, errno, "read /proc");
    while ((entry = readdir(proc))) {
        if (pid_of(entry->d_name, &pid) && look_at(s, dirfd(proc), pid, err) < 0)
            return -1;
    }
    return 0;
}

static int
by_ino_and_pid(const void *left, const void *right)
{
    const struct member *a = left, *b = right;

    if (a->ino != b->ino)
        return a->ino < b->ino ? -1 : 1;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

/* ---- namespaces ------------------------------------------------------------------------------------------------- */

static struct sc_nsfs *
add_item(struct scan *s, enum sc_ns_kind kind, uint64_t ino)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct sc_nsfs *grown = SC_ARENA_ARRAY(s->arena, struct sc_nsfs, capacity);

        if (!grown)
            return NULL;
        if (s->count > 0)
            memcpy(grown, s->items, s->count * sizeof(*grown));
        s->items = grown;
        s->capacity = capacity;
    }
    s->items[s->count] = (struct sc_nsfs){.kind = kind, .ino = ino};
    return &s->items[s->count++];
}

static int
by_ino(const void *left, const void *right)
{
    const struct sc_nsfs *a = left, *b = right;

    return (a->ino > b->ino) - (a->ino < b->ino);
}

static struct sc_nsfs *
find_item(const struct scan *s, uint64_t ino)
{
    struct sc_nsfs key = {.ino = ino};
    struct sc_nsfs *found =
        s->sorted_count ? bsearch(&key, s->items, s->sorted_count, sizeof(*s->items), by_ino) : NULL;

    for (size_t i = s->sorted_count; !found && i < s->count; i++) {
        if (s->items[i].ino == ino)
            found = &s->items[i];
    }
    return found;
}

static int
group_members(struct scan *s, struct sc_err *err)
{
    struct sc_nsfs *last = NULL;

    qsort(s->members, s->member_count, sizeof(*s->members), by_ino_and_pid);
    for (size_t i = 0; i < s->member_count; i++) {
        const struct member *m = &s->members[i];

        if (!last || last->ino != m->ino) {
            last = add_item(s, m->kind, m->ino);
            if (!last)
                return sc_err_nomem(err);
            last->pid = m->pid;
        }
        last->process_count++;
    }
    s->sorted_count = s->count;
    return 0;
}

static int
kind_of(int fd)
{
    int flag = ioctl(fd, NS_GET_NSTYPE);

    for (int kind = 0; kind < SC_NS_COUNT; kind++) {
        if (flag > 0 && sc_ns_table[kind].clone_flag == (uint64_t)(unsigned)flag)
            return kind;
    }
    return -1;
}

static uint64_t see(struct scan *s, int fd, int depth);

/* What fd leads to by one of the two ioctls; EPERM: out of the caller's sight. */
static uint64_t
related(struct scan *s, int fd, unsigned long request, int depth)
{
    sc_cleanup_fd other = ioctl(fd, request);

    return other < 0 ? 0 : see(s, other, depth + 1);
}

/* Finds out what belongs to the namespace that fd is, which may be one that no process is in; its inode number. */
static uint64_t
see(struct scan *s, int fd, int depth)
{
    int kind = kind_of(fd);
    uint64_t parent = 0, owner;
    struct sc_nsfs *item;
    struct stat st;

    if (kind < 0 || fstat(fd, &st) < 0)
        return 0;
    item = find_item(s, st.st_ino);
    if ((item && (item->owner != 0 || item->parent != 0)) || depth > DEPTH_MAX)
        return st.st_ino;
    if (!item && !add_item(s, kind, st.st_ino))
        return 0;
    if (kind == SC_NS_USER || kind == SC_NS_PID)
        parent = related(s, fd, NS_GET_PARENT, depth);
    owner = related(s, fd, NS_GET_USERNS, depth);
    item = find_item(s, st.st_ino); /* the list may have moved */
    item->parent = parent;
    item->owner = owner;
    return st.st_ino;
}

static void
see_relations(struct scan *s)
{
    for (size_t i = 0; i < s->sorted_count; i++) {
        char path[64];
        sc_cleanup_fd fd = -1;

        (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)s->items[i].pid,
                       sc_ns_table[s->items[i].kind].proc_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            (void)see(s, fd, 0);
    }
}

/* Octal escapes of mountinfo, in place. */
static void
unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
            *to = (char)(((from[1] - '0') << 6) | ((from[2] - '0') << 3) | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* Field 5 of a line of mountinfo whose type is nsfs: "/run/netns/blue" */
static char *
nsfs_mount_point(char *line)
{
    char *type = strstr(line, " - nsfs "), *at = line;

    if (!type)
        return NULL;
    for (int field = 1; field < 5; field++) {
        at = strchr(at, ' ');
        if (!at)
            return NULL;
        at++;
    }
    at[strcspn(at, " ")] = '\0';
    unescape(at);
    return at;
}

/* A namespace that a bind mount keeps, such as ip-netns(8) makes. */
static int
see_mounts(struct scan *s, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char *save = NULL;

    if (sc_file_read_at(AT_FDCWD, "/proc/self/mountinfo", FILE_MAX, &text, err) < 0)
        return -1;
    for (char *line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        char *point = nsfs_mount_point(line);
        sc_cleanup_fd fd = point ? open(point, O_RDONLY | O_CLOEXEC) : -1;
        uint64_t ino = fd >= 0 ? see(s, fd, 0) : 0;
        struct sc_nsfs *item = ino ? find_item(s, ino) : NULL;

        if (item && !item->mount)
            item->mount = sc_arena_strdup(s->arena, point);
    }
    return 0;
}

int
sc_nsfs_scan(struct sc_arena *arena, struct sc_nsfs_list *out, struct sc_err *err)
{
    struct scan s = {.arena = arena};
    int result = look_at_all(&s, err);

    if (result == 0)
        result = group_members(&s, err);
    free(s.members);
    if (result < 0)
        return -1;
    see_relations(&s);
    if (see_mounts(&s, err) < 0 || sc_arena_check(arena, err) < 0)
        return -1;
    qsort(s.items, s.count, sizeof(*s.items), by_ino);
    *out = (struct sc_nsfs_list){.items = s.items, .count = s.count, .hidden = s.hidden};
    return 0;
}

const struct sc_nsfs *
sc_nsfs_find(const struct sc_nsfs_list *list, uint64_t ino)
{
    struct sc_nsfs key = {.ino = ino};

    return list->count ? bsearch(&key, list->items, list->count, sizeof(key), by_ino) : NULL;
}

int
sc_nsfs_members(uint64_t ino, struct sc_arena *arena, struct sc_nsfs_pids *out, struct sc_err *err)
{
    struct scan s = {.arena = arena};
    struct sc_nsfs_pids pids = {.items = NULL};
    int result = look_at_all(&s, err);

    if (result == 0) {
        if (s.member_count > 0)
            qsort(s.members, s.member_count, sizeof(*s.members), by_ino_and_pid);
        pids.items = SC_ARENA_ARRAY(arena, pid_t, s.member_count);
        for (size_t i = 0; pids.items && i < s.member_count; i++) {
            if (s.members[i].ino == ino)
                pids.items[pids.count++] = s.members[i].pid;
        }
        result = sc_arena_check(arena, err);
    }
    free(s.members);
    if (result == 0)
        *out = pids;
    return result;
}

bool
sc_nsfs_netns_id(const char *path, int32_t *id)
{
    struct {
        struct nlmsghdr head;
        struct rtgenmsg body;
        _Alignas(NLMSG_ALIGNTO) struct rtattr attr;
        uint32_t fd;
    } ask = {.head = {.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETNSID, .nlmsg_flags = NLM_F_REQUEST},
             .attr = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = NETNSA_FD}};
    struct {
        struct nlmsghdr head;
        char room[256];
    } answer;
    sc_cleanup_fd ns = open(path, O_RDONLY | O_CLOEXEC);
    sc_cleanup_fd sock = ns < 0 ? -1 : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const struct rtattr *attr = (const void *)(answer.room + NLMSG_ALIGN(sizeof(struct rtgenmsg)));
    ssize_t got;

    ask.fd = (uint32_t)ns;
    if (sock < 0 || send(sock, &ask, sizeof(ask), 0) < 0)
        return false;
    got = recv(sock, &answer, sizeof(answer), 0);
    if (got < (ssize_t)(NLMSG_LENGTH(sizeof(struct rtgenmsg)) + RTA_LENGTH(sizeof(*id))) ||
        answer.head.nlmsg_type != RTM_NEWNSID || attr->rta_type != NETNSA_NSID)
        return false;
    memcpy(id, RTA_DATA(attr), sizeof(*id));
    return true;
}

/* ---- one process --------------------------------------------------------------------------------------------------
 */

const char *
sc_process_file(pid_t pid, const char *file, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    const char *copy;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    if (sc_file_read_at(AT_FDCWD, path, FILE_MAX, &text, &ignored) < 0)
        return "";
    copy = sc_arena_strdup(arena, sc_buf_str(&text));
    return copy ? copy : "";
}

/* "NAME" of "NAME:x:UID:..." */
static char *
user_name(uint32_t uid, struct sc_arena *arena)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char wanted[SC_NUM_MAX];

    (void)snprintf(wanted, sizeof(wanted), "%" PRIu32 ":", uid);
    if (sc_file_read_at(AT_FDCWD, "/etc/passwd", FILE_MAX, &text, &ignored) == 0) {
        for (const char *line = sc_buf_str(&text); *line;
             line = strchrnul(line, '\n') + (*strchrnul(line, '\n') != 0)) {
            size_t len = strcspn(line, ":\n");
            const char *password = line[len] == ':' ? line + len + 1 : NULL;
            size_t skip = password ? strcspn(password, ":\n") : 0;

            if (password && password[skip] == ':' && sc_str_starts(password + skip + 1, wanted))
                return sc_arena_strndup(arena, line, len);
        }
    }
    return sc_arena_printf(arena, "%" PRIu32, uid);
}

/* At most max bytes of a file, NUL-terminated; -1: it cannot be read. */
static ssize_t
read_start(int dir, const char *file, char *out, size_t max)
{
    sc_cleanup_fd fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, out, max);

    out[len > 0 ? len : 0] = '\0';
    return len;
}

bool
sc_process_describe(pid_t pid, struct sc_arena *arena, struct sc_process_text *out)
{
    char path[32], text[COMMAND_MAX + 1], *at;
    sc_cleanup_fd dir = -1;
    struct stat st;
    ssize_t len;

    (void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || fstatat(dir, "", &st, AT_EMPTY_PATH) < 0 || read_start(dir, "stat", text, COMMAND_MAX) <= 0)
        return false;
    at = strrchr(text, ')'); /* the name before it may hold anything */
    if (!at || strlen(at) < 4)
        return false;
    *out = (struct sc_process_text){
        .ppid = (pid_t)strtol(at + 4, NULL, 10), .uid = st.st_uid, .user = user_name(st.st_uid, arena)};
    *at = '\0';
    at = strchr(text, '(');
    out->command = sc_arena_strdup(arena, at ? at + 1 : "");
    len = read_start(dir, "cmdline", text, COMMAND_MAX);
    while (len > 0 && text[len - 1] == '\0')
        len--;
    for (ssize_t i = 0; i < len; i++)
        text[i] = text[i] == '\0' ? ' ' : text[i];
    if (len > 0)
        out->command = sc_arena_strndup(arena, text, (size_t)len);
    return out->command && out->user;
}
