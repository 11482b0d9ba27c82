#include <errno.h>
#include <jansson.h>

#include "test.h"
#include "torture.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *data, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *data, size_t size);

/* A test program has one thread and one torture at a time. */
static size_t fail_at, allocations;
static bool is_on, has_failed;

static bool
is_to_fail(void)
{
    if (!is_on || ++allocations != fail_at)
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return is_to_fail() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return is_to_fail() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *data, size_t size)
{
    return is_to_fail() ? NULL : __real_realloc(data, size);
}

/* jansson may be a shared library, which --wrap does not reach. Its allocations are counted, to see leaks there
 * too without a sanitizer. */
static size_t json_live;

static void *
json_alloc(size_t size)
{
    void *data = __wrap_malloc(size);

    json_live += data != NULL;
    return data;
}

static void
json_free(void *data)
{
    json_live -= data != NULL;
    free(data);
}

size_t
torture_run(const char *name, torture_job job, void *context)
{
    struct sc_err err = SC_ERR_INIT;

    json_set_alloc_funcs(json_alloc, json_free);
    /* What a library keeps for good is allocated before the count starts. */
    if (job(context, &err) < 0)
        fail_msg("%s: without torture: %s", name, err.msg);
    for (size_t n = 1;; n++) {
        size_t live = json_live;
        int result;

        err = (struct sc_err)SC_ERR_INIT;
        fail_at = n;
        allocations = 0;
        has_failed = false;
        is_on = true;
        result = job(context, &err);
        is_on = false;
        if (json_live != live)
            fail_msg("%s: allocation %zu: %zu pieces of JSON leaked", name, n, json_live - live);
        if (!has_failed) {
            if (result < 0)
                fail_msg("%s: after %zu allocations: %s", name, allocations, err.msg);
            return allocations;
        }
        if (result == 0)
            fail_msg("%s: allocation %zu failed and nobody noticed", name, n);
        if (err.errnum != ENOMEM || strstr(err.msg, "out of memory") == NULL)
            fail_msg("%s: allocation %zu: says \"%s\"", name, n, err.msg);
    }
}
