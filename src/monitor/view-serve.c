/* The kernel's FUSE protocol (linux/fuse.h): a flat directory of read-only files whose text is made when it is read. */
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "monitor/view.h"

#define ROOT_INO     FUSE_ROOT_ID
#define FIRST_INO    2
#define REQUEST_MAX  (FUSE_MIN_READ_BUFFER + 4096)
#define FOREVER_SEC  86400
#define OWN_MINOR    31
#define FAR_OFFSET   (64 << 20) /* beyond all text */
#define REQUESTS_MAX 16         /* in the background, which there are none */

/* One open file: its text as of the last read of its beginning. */
struct handle {
    struct sc_buf text;
};
struct server {
    int fd;
    struct sc_view_source *source;
    size_t *sizes; /* of each file as it was last made; 0: not yet */
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

static void
make_text(const struct server *s, enum sc_view_file file, struct sc_buf *out)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf host = SC_BUF_INIT;
    struct sc_view_values values;

    sc_buf_clear(out);
    (void)sc_view_host_text(s->source, file, &host);
    sc_view_values_read(s->source, file, &arena, &values);
    sc_view_render(file, sc_buf_str(&host), &values, (int)sysconf(_SC_NPROCESSORS_ONLN), out);
    s->sizes[file] = out->len;
}

/* has_size: what stat(2) shows must be made for that; a look-up can do without. */
static void
fill_attr(const struct server *s, uint64_t ino, bool has_size, struct fuse_attr *attr)
{
    bool is_root = ino == ROOT_INO;

    *attr = (struct fuse_attr){
        .ino = ino, .mode = is_root ? S_IFDIR | 0555 : S_IFREG | 0444, .nlink = is_root ? 2 : 1, .blksize = 4096};
    if (!is_root && has_size) {
        enum sc_view_file file = (enum sc_view_file)(ino - FIRST_INO);
        sc_cleanup_buf text = SC_BUF_INIT;

        if (s->sizes[file] == 0)
            make_text(s, file, &text);
        attr->size = s->sizes[file];
    }
}

static bool
is_file(uint64_t ino)
{
    return ino >= FIRST_INO && ino < FIRST_INO + SC_VIEW_FILE_COUNT;
}

static int
lookup(const struct server *s, const char *name)
{
    for (uint64_t i = 0; s->request.header.nodeid == ROOT_INO && i < SC_VIEW_FILE_COUNT; i++) {
        struct fuse_entry_out entry = {.nodeid = FIRST_INO + i, .entry_valid = FOREVER_SEC};

        if (strcmp(sc_view_files[i].name, name) != 0)
            continue;
        fill_attr(s, entry.nodeid, false, &entry.attr);
        return reply(s, 0, &entry, sizeof(entry));
    }
    return reply(s, -ENOENT, NULL, 0);
}

static int
getattr(const struct server *s)
{
    struct fuse_attr_out out = {.attr_valid = 0};

    if (s->request.header.nodeid != ROOT_INO && !is_file(s->request.header.nodeid))
        return reply(s, -ENOENT, NULL, 0);
    fill_attr(s, s->request.header.nodeid, true, &out.attr);
    return reply(s, 0, &out, sizeof(out));
}

/*
 * read(2) goes round the page cache (direct I/O) and ends where nothing comes. sendfile(2) and splice(2) do not: they
 * end at the size that the kernel knows, which may be an older text's. A byte far behind makes that size larger; the
 * short answer to the read then sets it right. No reader ever waits for that far page, so this cannot wait for one
 * either.
 */
static void
forget_size(const struct server *s)
{
    struct {
        struct fuse_out_header header;
        struct fuse_notify_store_out store;
        char byte;
    } note = {.header = {.error = FUSE_NOTIFY_STORE},
              .store = {.nodeid = s->request.header.nodeid, .offset = FAR_OFFSET, .size = 1}};

    note.header.len = (uint32_t)(offsetof(__typeof__(note), byte) + 1);
    (void)!write(s->fd, &note, note.header.len);
}

static int
open_file(const struct server *s)
{
    struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO};
    struct handle *handle;

    if (!is_file(s->request.header.nodeid))
        return reply(s, -EISDIR, NULL, 0);
    handle = calloc(1, sizeof(*handle));
    if (!handle)
        return reply(s, -ENOMEM, NULL, 0);
    out.fh = (uint64_t)(uintptr_t)handle;
    forget_size(s);
    return reply(s, 0, &out, sizeof(out));
}

static int
read_file(const struct server *s, const struct fuse_read_in *in)
{
    struct handle *handle = (struct handle *)(uintptr_t)in->fh;
    size_t left;

    if (!is_file(s->request.header.nodeid))
        return reply(s, -EISDIR, NULL, 0);
    if (in->offset == 0)
        make_text(s, (enum sc_view_file)(s->request.header.nodeid - FIRST_INO), &handle->text);
    if (handle->text.has_failed)
        return reply(s, -ENOMEM, NULL, 0);
    left = in->offset < handle->text.len ? handle->text.len - in->offset : 0;
    return reply(s, 0, sc_buf_str(&handle->text) + (left ? in->offset : 0), left < in->size ? left : in->size);
}

static int
release_file(const struct server *s, const struct fuse_release_in *in)
{
    struct handle *handle = (struct handle *)(uintptr_t)in->fh;

    if (handle)
        sc_buf_release(&handle->text);
    free(handle);
    return reply(s, 0, NULL, 0);
}

static int
init(const struct server *s, const struct fuse_init_in *in)
{
    struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                                .minor = in->minor < OWN_MINOR ? in->minor : OWN_MINOR,
                                .max_readahead = 0,
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
    case FUSE_OPEN:
        return open_file(s);
    case FUSE_READ:
        return read_file(s, body);
    case FUSE_RELEASE:
        return release_file(s, body);
    case FUSE_STATFS:
        return reply(s, 0, &statfs, sizeof(statfs));
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return 0; /* these want none */
    case FUSE_DESTROY:
        return reply(s, 0, NULL, 0);
    default:
        return reply(s, -ENOSYS, NULL, 0);
    }
}

int
sc_view_serve(int fuse_fd, struct sc_view_source *source)
{
    static struct server s;
    static size_t sizes[SC_VIEW_FILE_COUNT];

    s.fd = fuse_fd;
    s.source = source;
    s.sizes = sizes;
    for (;;) {
        ssize_t len = read(fuse_fd, s.request.bytes, sizeof(s.request.bytes) - 1);

        if (len < 0 && (errno == ENOENT || errno == EINTR || errno == EAGAIN))
            continue;
        if (len < 0)
            return errno == ENODEV ? 0 : -errno;
        if ((size_t)len < sizeof(struct fuse_in_header))
            continue;
        s.request.bytes[len] = '\0';
        if (answer(&s) < 0 && errno == ENODEV)
            return 0;
    }
}
