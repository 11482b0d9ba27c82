/* One HTTP exchange by libcurl. */
#include <curl/curl.h>
#include <errno.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <unistd.h>

#include "image/registry/registry-priv.h"

#define ERROR_BODY_MAX  (64 << 10)
#define HEADER_MAX      256 /* headers of one answer */
#define CONNECT_TIMEOUT 30L /* seconds */
#define STALL_TIME      30L /* seconds below STALL_RATE bytes each: the peer is gone */
#define STALL_RATE      1L
#define STALL_TIME_PUT  300L /* the same where something is sent: a registry may work on it before it answers */
#define ANSWER_TIME     300L /* for an answer that is no blob, however slowly it drips */
#define BATCH           ((size_t)512 << 10) /* what curl receives at once, and hands over by 16 KiB */

struct exchange {
    const struct sc_http_ask *ask;
    struct sc_http_answer *answer;
    struct sc_arena *arena;
    struct sc_err *err;
    CURL *curl;
    int64_t body_sent;
    bool has_failed, has_started;
    bool has_enough; /* of an answer that is an error: the rest is not waited for */
    char *held;      /* for the sink; NULL until there is something */
    size_t held_len;
};

const char *
sc_http_header(const struct sc_http_answer *answer, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < answer->headers.count; i++) {
        const char *line = answer->headers.items[i];

        if (strncmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0)
            return line + len + 2;
    }
    return NULL;
}

void
sc_http_answer_clear(struct sc_http_answer *answer)
{
    sc_buf_clear(&answer->body);
    answer->headers = (struct sc_strv){.items = NULL};
    answer->status = 0;
}

void *
sc_http_open(struct sc_err *err)
{
    void *curl;

    if (!sc_curl_is_there()) {
        (void)sc_err_set(err, SC_ERR_UNSUPPORTED, "cannot load the library libcurl.so.4, which speaks to registries");
        (void)sc_err_remedy(err, "install it (Debian: libcurl4)");
        return NULL;
    }
    curl = curl_easy_init();
    if (!curl)
        (void)sc_err_nomem(err);
    return curl;
}

void
sc_http_close(void *curl)
{
    if (curl)
        curl_easy_cleanup(curl);
}

static size_t
on_header(char *data, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    size_t len = size * count, name;
    char *line;

    (void)size;
    /* A new status line (after "100 Continue"): what came before was not the answer. */
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
        x->answer->headers = (struct sc_strv){.items = NULL};
        return len;
    }
    while (len > 0 && strchr(" \t\r\n", data[len - 1]))
        len--;
    line = memchr(data, ':', len);
    if (!line || x->answer->headers.count >= HEADER_MAX)
        return size * count;
    name = (size_t)(line - data);
    for (line++; line < data + len && (*line == ' ' || *line == '\t'); line++)
        ;
    line = sc_arena_printf(x->arena, "%.*s: %.*s", (int)name, data, (int)(data + len - line), line);
    for (size_t i = 0; line && i < name; i++) {
        if (line[i] >= 'A' && line[i] <= 'Z')
            line[i] = (char)(line[i] - 'A' + 'a');
    }
    if (line)
        sc_strv_add(&x->answer->headers, x->arena, line);
    return size * count;
}

static int
pass_on(struct exchange *x)
{
    size_t len = x->held_len;

    x->held_len = 0;
    if (len == 0 || x->ask->sink(x->ask->data, x->held, len, x->err) == 0)
        return 0;
    x->has_failed = true;
    return -1;
}

/* Keeps what comes until there is much of it, or no more at hand: a sink hashes, writes and tells others, and each of
 * them has its price. */
static int
hold(struct exchange *x, const char *data, size_t len)
{
    if (!x->held)
        x->held = malloc(BATCH);
    if (!x->held) {
        x->has_failed = true;
        return sc_err_nomem(x->err);
    }
    while (len > 0) {
        size_t part = BATCH - x->held_len < len ? BATCH - x->held_len : len;

        memcpy(x->held + x->held_len, data, part);
        x->held_len += part;
        data += part;
        len -= part;
        if (x->held_len == BATCH && pass_on(x) < 0)
            return -1;
    }
    return 0;
}

/* curl's progress callback: it comes after each piece that was received, and when there is none for a while. */
static int
on_turn(void *user, curl_off_t unused1, curl_off_t unused2, curl_off_t unused3, curl_off_t unused4)
{
    (void)unused1;
    (void)unused2;
    (void)unused3;
    (void)unused4;
    return pass_on(user) < 0 ? 1 : 0;
}

/* curl's write callback: any return that is not the length ends the transfer. */
static size_t
on_body(char *data, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    size_t len = size * count;
    long status = 0;

    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        x->has_enough = x->answer->body.len + len > ERROR_BODY_MAX;
        if (!x->has_enough)
            sc_buf_add(&x->answer->body, data, len);
        return x->has_enough ? 0 : len;
    }
    if (!x->has_started && x->ask->started && x->ask->started(x->ask->data, status, x->err) < 0) {
        x->has_failed = true;
        return 0;
    }
    x->has_started = true;
    if (x->ask->sink)
        return hold(x, data, len) < 0 ? 0 : len;
    if (x->answer->body.len + len > SC_IMAGE_JSON_MAX) {
        x->has_failed = true;
        (void)sc_err_set(x->err, SC_ERR_INVALID, "the answer is larger than %zu bytes", SC_IMAGE_JSON_MAX);
        return 0;
    }
    sc_buf_add(&x->answer->body, data, len);
    return len;
}

static size_t
on_send(char *out, size_t size, size_t count, void *user)
{
    struct exchange *x = user;
    const struct sc_http_ask *ask = x->ask;
    size_t room = size * count, left = ask->body_len - (size_t)x->body_sent;
    ssize_t len;

    if (left < room)
        room = left;
    if (ask->body_fd < 0) {
        memcpy(out, (const char *)ask->body + x->body_sent, room);
        len = (ssize_t)room;
    } else {
        do
            len = pread(ask->body_fd, out, room, ask->body_offset + x->body_sent);
        while (len < 0 && errno == EINTR);
        if (len < 0 || (len == 0 && room > 0)) {
            x->has_failed = true;
            (void)sc_err_errno(x->err, len < 0 ? errno : ENODATA, "read what is to be sent");
            return CURL_READFUNC_ABORT;
        }
    }
    x->body_sent += len;
    if (ask->sent)
        ask->sent(ask->data, x->body_sent);
    return (size_t)len;
}

/* A connection that was reused and found dead: the body is sent again. */
static int
on_seek(void *user, curl_off_t offset, int origin)
{
    struct exchange *x = user;

    if (origin != SEEK_SET || offset < 0 || (size_t)offset > x->ask->body_len)
        return CURL_SEEKFUNC_CANTSEEK;
    x->body_sent = offset;
    return CURL_SEEKFUNC_OK;
}

int64_t
sc_http_retry_after(const char *text, time_t now)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t seconds;
    time_t date;

    if (sc_parse_i64(text, &seconds, &ignored) == 0)
        return seconds < 0 ? -1 : seconds;
    date = curl_getdate(text, NULL);
    if (date < 0)
        return -1;
    return date > now ? date - now : 0;
}

int64_t
sc_http_date(const char *text)
{
    const time_t date = curl_getdate(text, NULL);

    return date < 0 ? -1 : date;
}

/* curl reads http_proxy, https_proxy and NO_PROXY. As every other client of registries it shall know HTTP_PROXY too,
 * and leave this machine's own addresses out. */
static void
set_proxy(CURL *curl, const char *url)
{
    const char *authority = strstr(url, "://"), *proxy = getenv("HTTP_PROXY"), *lower = getenv("http_proxy");

    if (authority && sc_host_is_loopback(authority + 3))
        (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    else if (sc_str_starts(url, "http://") && proxy && !(lower && *lower))
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
}

static struct curl_slist *
header_list(const struct sc_http_ask *ask, struct sc_arena *arena)
{
    struct curl_slist *list = NULL, *more = curl_slist_append(NULL, "Expect:");
    char *line = ask->authorization ? sc_arena_printf(arena, "Authorization: %s", ask->authorization) : NULL;

    if (more)
        list = more;
    for (size_t i = 0; ask->headers && i < ask->headers->count; i++) {
        more = curl_slist_append(list, ask->headers->items[i]);
        if (more)
            list = more;
    }
    if (line) {
        more = curl_slist_append(list, line);
        if (more)
            list = more;
    }
    return list;
}

static void
set_body(CURL *curl, struct exchange *x)
{
    const struct sc_http_ask *ask = x->ask;

    if (!ask->body && ask->body_fd < 0) {
        /* POST and PUT without a body still say its length, 0. */
        if (strcmp(ask->method, "POST") == 0 || strcmp(ask->method, "PUT") == 0) {
            (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
            (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
            (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        }
        return;
    }
    (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)ask->body_len);
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    (void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, x);
}

static void
set_options(CURL *curl, struct exchange *x, struct curl_slist *headers, char *text)
{
    const struct sc_http_ask *ask = x->ask;
    bool is_read = strcmp(ask->method, "GET") == 0 || strcmp(ask->method, "HEAD") == 0;
    struct curl_blob authorities = {.data = (void *)(uintptr_t)ask->ca_pem, .flags = CURL_BLOB_NOCOPY};

    authorities.len = ask->ca_pem ? strlen(ask->ca_pem) : 0;
    curl_easy_reset(curl); /* keeps connections */
    (void)curl_easy_setopt(curl, CURLOPT_URL, ask->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "sc/" SC_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, is_read ? STALL_TIME : STALL_TIME_PUT);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_RATE);
    (void)curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    if (ask->sink) {
        (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_turn);
        (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    }
    if (is_read && !ask->sink) {
        (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_TIME);
        /* A proxy may pack a text. What a blob's bytes are its digest says. */
        (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    }
    set_proxy(curl, ask->url);
    set_body(curl, x);
    if (strcmp(ask->method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (ask->ca_pem) /* the system's directory of authorities still holds */
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &authorities);
    if (ask->cert_file)
        (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, ask->cert_file);
    if (ask->key_file)
        (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, ask->key_file);
    if (ask->skip_verify) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static bool
is_passing(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_AGAIN:
        return true;
    default:
        return false;
    }
}

/* What is wrong with a certificate an authority does not always mend. */
static int
certificate_remedy(CURL *curl, const char *host, struct sc_err *err)
{
    long verdict = X509_V_OK;

    (void)curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verdict);
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED || verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        return sc_err_remedy(err, "check this machine's clock, or have the registry's owner renew the certificate");
    /* curl compares the name itself, and before it has asked for OpenSSL's verdict. */
    if (verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED)
        return sc_err_remedy(err, "use the name that its certificate is for; --tls-verify=false goes without a check");
    return sc_err_remedy(err,
                         "put the authority's certificate into /etc/sc/certs.d/%.200s/ca.crt; "
                         "--tls-verify=false goes without",
                         host);
}

static int
failed(CURL *curl, CURLcode code, const struct sc_http_ask *ask, const char *text, struct sc_arena *arena,
       struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    const char *host = "HOST";
    char *origin = NULL;
    long number = 0;

    if (sc_url_origin(ask->url, arena, &origin, &ignored) < 0)
        origin = NULL;
    if (origin)
        host = strstr(origin, "://") + 3;
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &number);
    if (code == CURLE_COULDNT_CONNECT && number == ECONNREFUSED) /* curl: "after 0 ms: Couldn't connect to server" */
        text = "connection refused: nothing listens there";
    if (code == CURLE_SSL_CONNECT_ERROR && strstr(text, "wrong version number")) /* OpenSSL's word for no TLS at all */
        text = "it does not speak https";
    sc_err_set(err, code == CURLE_COULDNT_RESOLVE_HOST ? SC_ERR_NOT_FOUND : SC_ERR_KERNEL, "talk to %s: %s",
               origin         ? origin
               : ask->is_file ? "the server"
                              : "the registry",
               text[0] ? text : curl_easy_strerror(code));
    if (code == CURLE_COULDNT_CONNECT)
        err->errnum = ECONNREFUSED;
    if (ask->is_file)
        return code == CURLE_PEER_FAILED_VERIFICATION
                   ? sc_err_remedy(err, "its certificate must be one that this machine trusts")
                   : -1;
    if (code == CURLE_SSL_CONNECT_ERROR && sc_str_ends(err->msg, "it does not speak https"))
        return sc_err_remedy(err, "for a registry of plain http, where that is safe, say --tls-verify=false");
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return certificate_remedy(curl, host, err);
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return sc_err_remedy(err, "check the registry's name and this machine's name servers");
    return -1;
}

int
sc_http_exchange(void *curl, const struct sc_http_ask *ask, struct sc_arena *arena, struct sc_http_answer *answer,
                 bool *passing, struct sc_err *err)
{
    struct exchange x = {.ask = ask, .answer = answer, .arena = arena, .err = err, .curl = curl};
    struct curl_slist *headers = header_list(ask, arena);
    char text[CURL_ERROR_SIZE] = "";
    CURLcode code;

    *passing = false;
    sc_http_answer_clear(answer);
    set_options(curl, &x, headers, text);
    code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_slist_free_all(headers);
    if (!x.has_failed) /* also of what broke off: the next try goes on behind it */
        (void)pass_on(&x);
    free(x.held);
    if (x.has_failed)
        return -1;
    if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && x.has_enough)) {
        *passing = is_passing(code);
        return failed(curl, code, ask, text, arena, err);
    }
    if (sc_buf_check(&answer->body, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}
