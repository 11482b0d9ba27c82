/* libcurl, opened where a registry is first spoken to. Linked, it would bring some thirty libraries of its own into
 * every sc-transfer, and take a good part of the time of a small `load`, `commit` or step of a build, none of which
 * speaks to anybody.
 *
 * The functions have libcurl's names, declarations and meaning, so that http.c is written as with any libcurl; they are
 * not exported, and libcurl's own calls of them stay its own. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "image/registry/registry-priv.h"

#undef curl_easy_getinfo
#undef curl_easy_setopt

#define LIBRARY "libcurl.so.4" /* the ABI since 2006 */

static struct {
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *);
    void (*easy_reset)(CURL *);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    CURLcode (*easy_perform)(CURL *);
    const char *(*easy_strerror)(CURLcode);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    time_t (*getdate)(const char *, const time_t *);
} lib;

static bool is_open;
static pthread_once_t opened = PTHREAD_ONCE_INIT;

/* POSIX, dlsym(): a pointer to an object may stand for one to a function, but C has no cast for it. */
static bool
find(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);

    memcpy(function, &symbol, sizeof(symbol));
    return symbol != NULL;
}

static void
open_library(void)
{
    void *l = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    is_open = l && find(l, "curl_easy_init", &lib.easy_init) && find(l, "curl_easy_cleanup", &lib.easy_cleanup) &&
              find(l, "curl_easy_reset", &lib.easy_reset) && find(l, "curl_easy_setopt", &lib.easy_setopt) &&
              find(l, "curl_easy_getinfo", &lib.easy_getinfo) && find(l, "curl_easy_perform", &lib.easy_perform) &&
              find(l, "curl_easy_strerror", &lib.easy_strerror) && find(l, "curl_slist_append", &lib.slist_append) &&
              find(l, "curl_slist_free_all", &lib.slist_free_all) && find(l, "curl_getdate", &lib.getdate);
}

bool
sc_curl_is_there(void)
{
    (void)pthread_once(&opened, open_library);
    return is_open;
}

CURL *
curl_easy_init(void)
{
    return sc_curl_is_there() ? lib.easy_init() : NULL;
}

void
curl_easy_cleanup(CURL *curl)
{
    lib.easy_cleanup(curl);
}

void
curl_easy_reset(CURL *curl)
{
    lib.easy_reset(curl);
}

/* The option's number says what its argument is (curl.h, CURLOPTTYPE). */
CURLcode
curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
    va_list args;
    CURLcode code;

    va_start(args, option);
    if (option < CURLOPTTYPE_OBJECTPOINT)
        code = lib.easy_setopt(curl, option, va_arg(args, long));
    else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
        code = lib.easy_setopt(curl, option, va_arg(args, curl_off_t));
    else
        code = lib.easy_setopt(curl, option, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode
curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
    va_list args;
    CURLcode code;

    va_start(args, info);
    code = lib.easy_getinfo(curl, info, va_arg(args, void *));
    va_end(args);
    return code;
}

CURLcode
curl_easy_perform(CURL *curl)
{
    return lib.easy_perform(curl);
}

const char *
curl_easy_strerror(CURLcode code)
{
    return lib.easy_strerror(code);
}

struct curl_slist *
curl_slist_append(struct curl_slist *list, const char *text)
{
    return lib.slist_append(list, text);
}

void
curl_slist_free_all(struct curl_slist *list)
{
    lib.slist_free_all(list);
}

time_t
curl_getdate(const char *text, const time_t *unused)
{
    return sc_curl_is_there() ? lib.getdate(text, unused) : -1;
}
