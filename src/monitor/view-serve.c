/* The kernel's FUSE protocol (linux/fuse.h): read-only files whose text is made when they are opened or read again. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "monitor/view.h"

#define OLD_KERNEL_MS 200 /* between looks at a process that cannot be polled */
#define ROOT_INO      FUSE_ROOT_ID
#define FIRST_INO     2
#define REQUEST_MAX   (FUSE_MIN_READ_BUFFER + 4096)
#define FOREVER_SEC   86400
#define OWN_MINOR     31
#define FAR_OFFSET    (64 << 20) /* beyond all text */
#define TEXT_MAX      ((size_t)1 << 20)
#define REQUESTS_MAX  16 /* in the background, which there are none */

/* One open file: its text as of the last read of its beginning; or the entries of a directory. */
struct handle {
    struct sc_buf text;
    bool is_read; /* what was made for the opening has been asked for */
};
struct server {
    int fd;
    struct sc_view_source *source;
    size_t *sizes; /* of each file as it was last made; 0: not yet */
    size_t *known; /* the least that the kernel may take it for */
    union {
        char bytes[REQUEST_MAX];
        struct fuse_in_header header;
    } request;
};

static int
reply(const struct server *s, int error, const void *body, size_t len)
{
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof(header) + len), .error = error, .unique = s->request.header.unique};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)(uintptr_t)body, len}};

    /* ENOENT: the reader was interrupted and waits no more */
    return writev(s->fd, parts, len ? 2 : 1) < 0 && errno != ENOENT ? -errno : 0;
}

static int
host_cpus(void)
{
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static bool
is_file(uint64_t ino)
{
    return ino >= FIRST_INO && ino < FIRST_INO + SC_VIEW_FILE_COUNT;
}

/* Of a directory: below the host's /sys. */
static int
make_node_text(const struct server *s, struct sc_view_node *node, struct sc_buf *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf host = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    struct sc_view_values values;
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(path, sizeof(path), "/" SC_VIEW_SYS "/%s", node->path);
    /* what not everybody may read on the host is for nobody here */
    if (lstat(path, &st) < 0) /* lint: the host's own /sys */
        return -errno;
    if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH))
        return -EACCES;
    if (sc_file_read_at(AT_FDCWD, path, TEXT_MAX, &host, &ignored) < 0) /* lint: the host's own /sys */
        return ignored.errnum ? -ignored.errnum : -EIO;
    sc_view_values_read_sys(s->source, node->path, &arena, &values);
    sc_view_render_sys(node->path, sc_buf_str(&host), &values, host_cpus(), out);
    node->size = out->len;
    return 0;
}

static int
make_text(const struct server *s, uint64_t ino, struct sc_buf *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf host = SC_BUF_INIT;
    struct sc_view_values values;
    enum sc_view_file file = (enum sc_view_file)(ino - FIRST_INO);
    int result = 0;

    sc_buf_clear(out);
    if (is_file(ino)) {
        (void)sc_view_host_text(s->source, file, &host);
        sc_view_values_read(s->source, file, &arena, &values);
        sc_view_render(file, sc_buf_str(&host), &values, host_cpus(), out);
        s->sizes[file] = out->len;
    } else {
        struct sc_view_node *node = sc_view_node_get(ino);

        result = node ? make_node_text(s, node, out) : -ENOENT;
    }
    return result == 0 && out->has_failed ? -ENOMEM : result;
}

/* has_size: what stat(2) shows must be made for that; a look-up can do without. */
static int
fill_attr(const struct server *s, uint64_t ino, bool has_size, struct fuse_attr *attr)
{
    struct sc_view_node *node = sc_view_node_get(ino);
    sc_cleanup_buf text = SC_BUF_INIT;
    char path[PATH_MAX];
    struct stat st;

    if (ino != ROOT_INO && !is_file(ino) && !node)
        return -ENOENT;
    *attr = (struct fuse_attr){.ino = ino, .mode = S_IFREG | 0444, .nlink = 1, .blksize = 4096};
    if (ino == ROOT_INO)
        attr->mode = S_IFDIR | 0555;
    if (is_file(ino)) {
        if (has_size && s->sizes[ino - FIRST_INO] == 0)
            (void)make_text(s, ino, &text);
        attr->size = s->known[ino - FIRST_INO] = s->sizes[ino - FIRST_INO];
    }
    if (!node)
        return 0;
    (void)snprintf(path, sizeof(path), "/" SC_VIEW_SYS "/%s", node->path);
    if (lstat(path, &st) < 0) /* lint: the host's own /sys */
        return -errno;
    attr->mode = (uint32_t)(st.st_mode & ~0222U);
    attr->nlink = (uint32_t)st.st_nlink;
    attr->size = S_ISREG(st.st_mode) && node->size ? node->size : (uint64_t)st.st_size;
    return 0;
}

/* The number of an entry of a directory; 0: there is none. */
static uint64_t
find_entry(const struct server *s, uint64_t dir, const char *name)
{
    const struct sc_view_node *node = sc_view_node_get(dir);
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_view_values values;
    char path[PATH_MAX];

    for (uint64_t i = 0; dir == ROOT_INO && i < SC_VIEW_FILE_COUNT; i++) {
        if (sc_view_files[i].name && strcmp(sc_view_files[i].name, name) == 0)
            return FIRST_INO + i;
    }
    for (size_t i = 0; dir == ROOT_INO && i < SC_VIEW_DIR_COUNT; i++) {
        if (strcmp(sc_view_dirs[i], name) == 0)
            return sc_view_node_find(name);
    }
    if (!node || snprintf(path, sizeof(path), SC_VIEW_SYS "/%s/%s", node->path, name) >= (int)sizeof(path))
        return 0;
    for (uint64_t i = 0; i < SC_VIEW_FILE_COUNT; i++) {
        if (!sc_view_files[i].name && strcmp(sc_view_files[i].target, path) == 0)
            return FIRST_INO + i;
    }
    sc_view_values_init(&values);
    if (sc_view_sys_depends(name))
        sc_view_values_read_sys(s->source, node->path, &arena, &values);
    if (!sc_view_sys_is_shown(node->path, name, &values, host_cpus()))
        return 0;
    return sc_view_node_find(path + sizeof(SC_VIEW_SYS));
}

static int
lookup(const struct server *s, const char *name)
{
    struct fuse_entry_out entry = {.nodeid = find_entry(s, s->request.header.nodeid, name)};
    int result = entry.nodeid ? fill_attr(s, entry.nodeid, false, &entry.attr) : -ENOENT;

    /* how many CPUs there are may change */
    entry.entry_valid = s->request.header.nodeid == ROOT_INO ? FOREVER_SEC : 1;
    if (result < 0)
        sc_view_node_forget(entry.nodeid, 1);
    return result < 0 ? reply(s, result, NULL, 0) : reply(s, 0, &entry, sizeof(entry));
}

static int
getattr(const struct server *s)
{
    struct fuse_attr_out out = {.attr_valid = 0};
    int result = fill_attr(s, s->request.header.nodeid, true, &out.attr);

    return result < 0 ? reply(s, result, NULL, 0) : reply(s, 0, &out, sizeof(out));
}

static int
read_link(const struct server *s)
{
    const struct sc_view_node *node = sc_view_node_get(s->request.header.nodeid);
    char path[PATH_MAX], target[PATH_MAX];
    ssize_t len;

    (void)snprintf(path, sizeof(path), "/" SC_VIEW_SYS "/%s", node ? node->path : "");
    len = node ? readlink(path, target, sizeof(target)) : -1; /* lint: the host's own /sys */
    return len < 0 ? reply(s, node ? -errno : -ENOENT, NULL, 0) : reply(s, 0, target, (size_t)len);
}

/*
 * read(2) goes round the page cache (direct I/O) and ends where nothing comes. sendfile(2) and splice(2) do not: they
 * end at the size that the kernel knows, which may be an older text's. A byte far behind makes that size larger; the
 * short answer to the read then sets it right. No reader ever waits for that far page, so this cannot wait for one
 * either.
 */
static void
forget_size(const struct server *s, uint64_t ino)
{
    struct {
        struct fuse_out_header header;
        struct fuse_notify_store_out store;
        char byte;
    } note = {.header = {.error = FUSE_NOTIFY_STORE}, .store = {.nodeid = ino, .offset = FAR_OFFSET, .size = 1}};

    note.header.len = (uint32_t)(offsetof(__typeof__(note), byte) + 1);
    (void)!write(s->fd, &note, note.header.len);
    if (is_file(ino))
        s->known[ino - FIRST_INO] = FAR_OFFSET;
}

/* The root is listed once, while the view is made, so that the kernel need not ask for each of its names. */
static void
add_root_entry(const struct server *s, const char *name, uint64_t ino, struct sc_buf *out)
{
    struct fuse_entry_out entry = {.nodeid = ino, .entry_valid = FOREVER_SEC};

    if (ino != 0 && fill_attr(s, ino, false, &entry.attr) == 0)
        sc_view_add_entry(&entry, name, entry.attr.mode >> 12, out);
}

static int
open_dir(const struct server *s)
{
    const struct sc_view_node *node = sc_view_node_get(s->request.header.nodeid);
    struct fuse_open_out out = {.open_flags = 0};
    struct handle *handle = calloc(1, sizeof(*handle));
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct sc_view_values values;
    int result = 0;

    if (!handle)
        return reply(s, -ENOMEM, NULL, 0);
    if (node) {
        sc_view_values_read_sys(s->source, node->path, &arena, &values);
        result = sc_view_node_list(node->path, &values, host_cpus(), &handle->text);
    }
    for (uint64_t i = 0; !node && i < SC_VIEW_FILE_COUNT; i++)
        add_root_entry(s, sc_view_files[i].name, sc_view_files[i].name ? FIRST_INO + i : 0, &handle->text);
    for (size_t i = 0; !node && i < SC_VIEW_DIR_COUNT; i++)
        add_root_entry(s, sc_view_dirs[i], sc_view_node_find(sc_view_dirs[i]), &handle->text);
    if (result < 0) {
        sc_buf_release(&handle->text);
        free(handle);
        return reply(s, result, NULL, 0);
    }
    out.fh = (uint64_t)(uintptr_t)handle;
    return reply(s, 0, &out, sizeof(out));
}

/* As many whole entries as there is room for. */
static int
read_dir(const struct server *s, const struct fuse_read_in *in)
{
    const struct handle *handle = (const struct handle *)(uintptr_t)in->fh;
    size_t from = in->offset < handle->text.len ? in->offset : handle->text.len, to = from;

    while (to < handle->text.len) {
        const struct fuse_direntplus *entry = (const struct fuse_direntplus *)(const void *)(handle->text.data + to);
        size_t len = FUSE_DIRENTPLUS_SIZE(entry);

        if (to + len - from > in->size)
            break;
        to += len;
    }
    return reply(s, 0, sc_buf_str(&handle->text) + from, to - from);
}

static int
open_file(const struct server *s)
{
    uint64_t ino = s->request.header.nodeid;
    struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO};
    struct handle *handle;
    int result;

    if (ino == ROOT_INO)
        return reply(s, -EISDIR, NULL, 0);
    handle = calloc(1, sizeof(*handle));
    if (!handle)
        return reply(s, -ENOMEM, NULL, 0);
    result = make_text(s, ino, &handle->text);
    if (result < 0) {
        sc_buf_release(&handle->text);
        free(handle);
        return reply(s, result, NULL, 0);
    }
    out.fh = (uint64_t)(uintptr_t)handle;
    if (!is_file(ino) || s->known[ino - FIRST_INO] < handle->text.len)
        forget_size(s, ino);
    return reply(s, 0, &out, sizeof(out));
}

static int
read_file(const struct server *s, const struct fuse_read_in *in)
{
    uint64_t ino = s->request.header.nodeid;
    struct handle *handle = (struct handle *)(uintptr_t)in->fh;
    size_t left;
    int result = in->offset == 0 && handle->is_read ? make_text(s, ino, &handle->text) : 0;

    if (result < 0)
        return reply(s, result, NULL, 0);
    handle->is_read = true;
    left = in->offset < handle->text.len ? handle->text.len - in->offset : 0;
    /* a short answer may be taken for the end */
    if (is_file(ino) && left < in->size && s->known[ino - FIRST_INO] > handle->text.len)
        s->known[ino - FIRST_INO] = handle->text.len;
    return reply(s, 0, sc_buf_str(&handle->text) + (left ? in->offset : 0), left < in->size ? left : in->size);
}

static int
release(const struct server *s, const struct fuse_release_in *in)
{
    struct handle *handle = (struct handle *)(uintptr_t)in->fh;

    if (handle)
        sc_buf_release(&handle->text);
    free(handle);
    return reply(s, 0, NULL, 0);
}

static int
forget_batch(const struct fuse_batch_forget_in *in)
{
    const struct fuse_forget_one *ones = (const void *)(in + 1);

    for (uint32_t i = 0; i < in->count; i++)
        sc_view_node_forget(ones[i].nodeid, ones[i].nlookup);
    return 0;
}

static int
init(const struct server *s, const struct fuse_init_in *in)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = in->minor < OWN_MINOR ? in->minor : OWN_MINOR,
                                .max_readahead = 0,
                                .flags = FUSE_DO_READDIRPLUS,
                                .max_background = REQUESTS_MAX,
                                .congestion_threshold = REQUESTS_MAX,
                                .max_write = 4096,
                                .time_gran = 1};

    return reply(s, 0, &out, sizeof(out));
}

static int
answer(const struct server *s)
{
    const void *body = s->request.bytes + sizeof(struct fuse_in_header);
    struct fuse_statfs_out statfs = {.st = {.bsize = 4096, .namelen = 255}};

    switch (s->request.header.opcode) {
    case FUSE_INIT:
        return init(s, body);
    case FUSE_LOOKUP:
        return lookup(s, body);
    case FUSE_GETATTR:
        return getattr(s);
    case FUSE_READLINK:
        return read_link(s);
    case FUSE_OPENDIR:
        return open_dir(s);
    case FUSE_READDIRPLUS:
        return read_dir(s, body);
    case FUSE_OPEN:
        return open_file(s);
    case FUSE_READ:
        return read_file(s, body);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        return release(s, body);
    case FUSE_STATFS:
        return reply(s, 0, &statfs, sizeof(statfs));
    case FUSE_FORGET:
        sc_view_node_forget(s->request.header.nodeid, ((const struct fuse_forget_in *)body)->nlookup);
        return 0; /* these want none */
    case FUSE_BATCH_FORGET:
        return forget_batch(body);
    case FUSE_INTERRUPT:
        return 0;
    case FUSE_DESTROY:
        return reply(s, 0, NULL, 0);
    default:
        return reply(s, -ENOSYS, NULL, 0);
    }
}

/* The container's pidfd, or -errno. */
static int
learn_whose(int whose_fd, struct sc_view_source *source)
{
    static struct sc_view_whose whose;
    struct sc_err ignored = SC_ERR_INIT;
    int pidfd = -1;
    size_t count = 1;

    if (sc_msg_recv(whose_fd, &whose, sizeof(whose), &pidfd, &count, &ignored) != sizeof(whose) || count != 1)
        return -ECONNRESET; /* whoever makes the view has given up */
    sc_view_source_begin(whose.pid, source);
    if (*whose.cgroup_text)
        source->cgroup_text = whose.cgroup_text;
    return pidfd;
}

/* A request, if there is one. -ENODEV: the file system is gone. */
static int
serve_one(struct server *s)
{
    ssize_t len = read(s->fd, s->request.bytes, sizeof(s->request.bytes) - 1);

    if (len < 0)
        return errno == ENOENT || errno == EINTR || errno == EAGAIN ? 0 : -errno;
    if ((size_t)len < sizeof(struct fuse_in_header))
        return 0;
    s->request.bytes[len] = '\0';
    return answer(s) < 0 && errno == ENODEV ? -ENODEV : 0;
}

int
sc_view_serve(int fuse_fd, int whose_fd)
{
    static struct server s;
    static struct sc_view_source source;
    static size_t sizes[SC_VIEW_FILE_COUNT], known[SC_VIEW_FILE_COUNT];
    struct pollfd fds[] = {{.fd = fuse_fd, .events = POLLIN}, {.fd = whose_fd, .events = POLLIN}};
    int pidfd = -1, result = 0;

    s.fd = fuse_fd;
    s.source = &source;
    s.sizes = sizes;
    s.known = known;
    while (result == 0) {
        if (poll(fds, SC_ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents && pidfd < 0) {
            pidfd = learn_whose(whose_fd, &source);
            if (pidfd < 0)
                return pidfd;
            close(whose_fd);
            fds[1].fd = pidfd;
            continue;
        }
        /* Whoever still holds the mounts. Before Linux 5.3 it is a directory, which is always ready. */
        if (fds[1].revents && sc_pidfd_wait(pidfd, 0))
            return 0;
        if (fds[1].revents && poll(fds, 1, OLD_KERNEL_MS) == 0)
            continue;
        result = serve_one(&s);
    }
    return result == -ENODEV ? 0 : result;
}
