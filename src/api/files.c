/* Files of containers: archives in and out, export. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api-priv.h"

#define BLOCK    512
#define SEEN_MAX (64 << 10)
/* Go's os.FileMode, as Docker writes it */
#define GO_DIR     (1U << 31)
#define GO_SYMLINK (1U << 27)

static unsigned long long
octal(const char *field, size_t size)
{
    unsigned long long value = 0;

    for (size_t i = 0; i < size && (field[i] == ' ' || (field[i] >= '0' && field[i] <= '7')); i++)
        value = field[i] == ' ' ? value : value * 8 + (unsigned long long)(field[i] - '0');
    return value;
}

/* The block of the first member itself, behind those that say more of it; NULL: more is needed. */
static const char *
first_member(const struct sc_buf *seen)
{
    for (size_t at = 0; at + BLOCK <= seen->len;) {
        const char *block = seen->data + at;

        if (!strchr("xgLK", block[156]) || block[156] == '\0')
            return block;
        at += BLOCK + (octal(block + 124, 12) + BLOCK - 1) / BLOCK * BLOCK;
    }
    return NULL;
}

/* X-Docker-Container-Path-Stat: JSON in base64. */
static int
stat_header(struct sc_api_call *call, const char *path, const char *block, struct sc_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    sc_cleanup_buf text = SC_BUF_INIT;
    char *name = sc_arena_strdup(call->arena, path), *slash, link[101], time[SC_TIME_MAX];
    unsigned mode = (unsigned)octal(block + 100, 8) & 0777;
    unsigned long long size = octal(block + 124, 12);

    if (!name)
        return sc_err_nomem(&call->err);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    slash = strrchr(name, '/');
    mode |= block[156] == '5' ? GO_DIR : block[156] == '2' ? GO_SYMLINK : 0;
    (void)snprintf(link, sizeof(link), "%.100s", block[156] == '2' ? block + 157 : "");
    sc_time_format((int64_t)octal(block + 136, 12) * 1000000000, time);
    sc_buf_adds(&text, "{\"name\":");
    name = slash && slash[1] ? slash + 1 : name;
    sc_buf_add_json(&text, name, strlen(name));
    sc_buf_addf(&text, ",\"size\":%llu,\"mode\":%u,\"mtime\":\"%s\",\"linkTarget\":", size, mode, time);
    sc_buf_add_json(&text, link, strlen(link));
    sc_buf_adds(&text, "}");
    if (sc_buf_check(&text, &call->err) < 0)
        return -1;
    sc_buf_adds(out, "X-Docker-Container-Path-Stat: ");
    for (size_t i = 0; i < text.len; i += 3) {
        const unsigned char *p = (const unsigned char *)text.data + i;
        size_t left = text.len - i;
        unsigned bits = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

        for (unsigned k = 0; k < 4; k++)
            sc_buf_addc(out, k <= left ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    sc_buf_adds(out, "\r\n");
    return sc_buf_check(out, &call->err);
}

/* Reads until the first member is there: 0, or -1 by what sc said. */
static int
see_first(struct sc_api_call *call, struct sc_api_child *child, struct sc_buf *seen)
{
    char piece[BLOCK * 8];

    while (!first_member(seen)) {
        ssize_t n = read(child->out, piece, sizeof(piece));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || seen->len > SEEN_MAX) {
            sc_cleanup_buf said = SC_BUF_INIT;
            struct sc_err ignored = SC_ERR_INIT;
            int code;

            sc_closep(&child->out); /* it may be waiting for us to read on */
            if (sc_file_read_fd(child->err, SEEN_MAX, &said, &ignored) < 0)
                return sc_api_fail(call, 500, "sc cp told too much");
            code = sc_api_child_wait(child);
            return sc_api_fail_child(call, child, sc_buf_str(&said), code);
        }
        sc_buf_add(seen, piece, (size_t)n);
        if (seen->has_failed)
            return sc_err_nomem(&call->err);
    }
    return 0;
}

/* "ID:PATH", as `sc cp` has it; *path: as the client has it. */
static int
add_place(struct sc_api_call *call, struct sc_strv *words, const char **path)
{
    char *id;

    *path = sc_api_query(&call->request, "path");
    if (!*path || !**path)
        return sc_api_fail(call, 400, "path cannot be empty");
    if (sc_api_container_id(call, call->word, &id, NULL) < 0)
        return -1;
    sc_strv_addf(words, call->arena, "%s:%s", id, *path);
    return 0;
}

static int
archive(struct sc_api_call *call)
{
    const char *path;
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf seen = SC_BUF_INIT, header = SC_BUF_INIT;
    struct sc_strv words = sc_api_words(call->arena, "cp", "--", NULL);

    if (add_place(call, &words, &path) < 0)
        return -1;
    sc_strv_add(&words, call->arena, "-");
    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0 || see_first(call, &child, &seen) < 0 ||
        stat_header(call, path, first_member(&seen), &header) < 0)
        return -1;
    if (strcmp(call->request.method, "HEAD") == 0)
        return sc_api_answer(call, 200, NULL, sc_buf_str(&header), "", 0);
    if (sc_api_stream_begin(call, "application/x-tar", sc_buf_str(&header), false) < 0 ||
        sc_api_stream_write(call, seen.data, seen.len) < 0 || sc_api_pass(call, &child, NULL, NULL) < 0)
        return -1;
    return sc_api_stream_end(call);
}

static int
extract(struct sc_api_call *call)
{
    const char *path;
    struct sc_strv words = sc_api_words(call->arena, "cp", "--quiet", "--", "-", NULL);

    if (add_place(call, &words, &path) < 0)
        return -1;
    if (sc_api_feed(call, &words, NULL) < 0)
        return -1;
    return sc_api_answer(call, 200, "text/plain; charset=utf-8", NULL, "", 0);
}

static int export(struct sc_api_call *call)
{
    struct sc_strv words = sc_api_words(call->arena, "export", "--", call->word, NULL);
    sc_cleanup_api_child child = SC_API_CHILD_INIT;

    if (sc_api_spawn(call, &words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0 ||
        sc_api_pass(call, &child, "application/x-tar", NULL) < 0)
        return -1;
    return sc_api_stream_end(call);
}

const struct sc_api_row sc_api_files[] = {
    {"GET", "containers/*/archive", archive},
    {"HEAD", "containers/*/archive", archive},
    {"PUT", "containers/*/archive", extract},
    {"GET", "containers/*/export", export},
    {NULL, NULL, NULL},
};
