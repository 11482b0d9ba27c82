/* malloc(3) and its like, in place of musl's. Never part of a program that makes threads: heap.c has no locks. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/heap-priv.h"

static void *
checked(void *data)
{
    if (data == NULL)
        errno = ENOMEM;
    return data;
}

void *
malloc(size_t size)
{
    return checked(sc_heap_alloc(size));
}

void *
calloc(size_t count, size_t size)
{
    size_t total;

    return checked(__builtin_mul_overflow(count, size, &total) ? NULL : sc_heap_alloc_zero(total));
}

void *
realloc(void *data, size_t size)
{
    return checked(sc_heap_resize(data, size));
}

void
free(void *data)
{
    sc_heap_free(data);
}

/* Nothing here asks for more than what any block has. */
void *
aligned_alloc(size_t alignment, size_t size)
{
    if (alignment > _Alignof(max_align_t)) {
        errno = EINVAL;
        return NULL;
    }
    return malloc(size);
}

size_t
malloc_usable_size(void *data)
{
    return data == NULL ? 0 : sc_heap_size(data);
}
