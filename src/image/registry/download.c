/* A file from a web server, as `import` and ADD take it: no registry, no login. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

struct download {
    const struct sc_store *store;
    const char *url;              /* as it was asked for */
    struct sc_http_answer answer; /* of the address that is asked now */
    int fd;
    int64_t max, done;
};

static int
too_large(const struct download *d, struct sc_err *err)
{
    return sc_err_set(err, SC_ERR_INVALID, "get \"%.300s\": it is larger than %lld bytes", d->url, (long long)d->max);
}

/* Not a byte of what says itself that it is too large. */
static int
on_started(void *data, long status, struct sc_err *err)
{
    const struct download *d = data;
    const char *length = sc_http_header(&d->answer, "content-length");
    struct sc_err ignored = SC_ERR_INIT;
    int64_t bytes;

    (void)status;
    return length && sc_parse_i64(length, &bytes, &ignored) == 0 && bytes > d->max ? too_large(d, err) : 0;
}

static int
on_bytes(void *data, const void *bytes, size_t len, struct sc_err *err)
{
    struct download *d = data;

    if ((int64_t)len > d->max - d->done)
        return too_large(d, err);
    d->done += (int64_t)len;
    if (sc_io_write_all(d->fd, bytes, len, err) < 0) {
        sc_err_wrap(err, "write in \"%s/image\"", d->store->data_path);
        return sc_err_disk(err, d->store);
    }
    return 0;
}

/* One address after the other, until one is no redirect. */
static int
fetch(void *curl, struct download *d, int64_t *modified, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    const char *url = d->url;

    for (int i = 0; i <= SC_REGISTRY_REDIRECTS; i++) {
        struct sc_http_ask ask = {.method = "GET",
                                  .url = url,
                                  .body_fd = -1,
                                  .is_file = true,
                                  .sink = on_bytes,
                                  .started = on_started,
                                  .data = d};
        const char *location, *date;
        bool passing;
        int status;

        d->answer = (struct sc_http_answer){.status = 0};
        status = sc_http_exchange(curl, &ask, &arena, &d->answer, &passing, err);
        location = sc_http_header(&d->answer, "location");
        date = sc_http_header(&d->answer, "last-modified");
        sc_buf_release(&d->answer.body);
        if (status < 0)
            return -1;
        if (d->answer.status >= 200 && d->answer.status <= 299) {
            *modified = date ? sc_http_date(date) : 0;
            *modified = *modified < 0 ? 0 : *modified;
            return 0;
        }
        if (d->answer.status < 300 || d->answer.status > 399 || !location)
            return sc_err_set(err, d->answer.status == 404 ? SC_ERR_NOT_FOUND : SC_ERR_INVALID,
                              "get \"%.300s\": the server answers with status %ld", url, d->answer.status);
        url = sc_url_resolve(url, location, &arena);
        if (!url)
            return sc_err_nomem(err);
    }
    return sc_err_set(err, SC_ERR_INVALID, "more than %d redirects", SC_REGISTRY_REDIRECTS);
}

int
sc_url_download_to(const struct sc_store *store, const char *url, int fd, int64_t max, int64_t *modified,
                   struct sc_err *err)
{
    struct download d = {.store = store, .url = url, .fd = fd, .max = max};
    void *curl = sc_http_open(err);
    int status = curl ? fetch(curl, &d, modified, err) : -1;

    sc_http_close(curl);
    return status;
}

int
sc_url_download(const struct sc_store *store, const char *url, struct sc_err *err)
{
    char name[64];
    sc_cleanup_fd fd = -1;
    int64_t modified;

    /* Not O_TMPFILE, which not every file system has. */
    (void)snprintf(name, sizeof(name), "tmp/%d-%lld-url", (int)getpid(), (long long)sc_time_monotonic());
    fd = openat(store->image_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(store->image_fd, name, 0);
    if (fd < 0)
        return sc_err_errno(err, errno, "create a file in \"%s/image\"", store->data_path);
    if (sc_url_download_to(store, url, fd, INT64_MAX, &modified, err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "go back in a file of \"%s/image\"", store->data_path);
    return sc_steal_fd(&fd);
}
