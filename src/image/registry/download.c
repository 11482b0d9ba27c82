/* A file from a web server, as `import` takes it: no registry, no login. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

struct download {
    const struct sc_store *store;
    int fd;
};

static int
on_bytes(void *data, const void *bytes, size_t len, struct sc_err *err)
{
    const struct download *d = data;

    if (sc_io_write_all(d->fd, bytes, len, err) < 0) {
        sc_err_wrap(err, "write in \"%s/image\"", d->store->data_path);
        return sc_err_disk(err, d->store);
    }
    return 0;
}

/* One address after the other, until one is no redirect. */
static int
fetch(void *curl, struct download *d, const char *url, struct sc_err *err)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;

    for (int i = 0; i <= SC_REGISTRY_REDIRECTS; i++) {
        struct sc_http_ask ask = {.method = "GET", .url = url, .body_fd = -1, .sink = on_bytes, .data = d};
        struct sc_http_answer answer = {.status = 0};
        const char *location;
        bool passing;
        int status = sc_http_exchange(curl, &ask, &arena, &answer, &passing, err);

        location = sc_http_header(&answer, "location");
        sc_buf_release(&answer.body);
        if (status < 0)
            return -1;
        if (answer.status >= 200 && answer.status <= 299)
            return 0;
        if (answer.status < 300 || answer.status > 399 || !location)
            return sc_err_set(err, answer.status == 404 ? SC_ERR_NOT_FOUND : SC_ERR_INVALID,
                              "get \"%.300s\": the server answers with status %ld", url, answer.status);
        url = sc_url_resolve(url, location, &arena);
        if (!url)
            return sc_err_nomem(err);
    }
    return sc_err_set(err, SC_ERR_INVALID, "more than %d redirects", SC_REGISTRY_REDIRECTS);
}

int
sc_url_download(const struct sc_store *store, const char *url, struct sc_err *err)
{
    char name[64];
    sc_cleanup_fd fd = -1;
    struct download d = {.store = store};
    void *curl;
    int status;

    /* Not O_TMPFILE, which not every file system has. */
    (void)snprintf(name, sizeof(name), "tmp/%d-%lld-url", (int)getpid(), (long long)sc_time_monotonic());
    d.fd = fd = openat(store->image_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)unlinkat(store->image_fd, name, 0);
    if (fd < 0)
        return sc_err_errno(err, errno, "create a file in \"%s/image\"", store->data_path);
    curl = sc_http_open(err);
    status = curl ? fetch(curl, &d, url, err) : -1;
    sc_http_close(curl);
    if (status < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "go back in a file of \"%s/image\"", store->data_path);
    return sc_steal_fd(&fd);
}
