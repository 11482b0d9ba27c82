/* heap.c: what malloc(3) and its like are in the static programs. */
#ifndef SC_BASE_HEAP_PRIV_H
#define SC_BASE_HEAP_PRIV_H

#include "base/base.h"

/* Aligned to 16; NULL without memory. A freed or resized block is what one of these returned, or NULL. */
void *sc_heap_alloc(size_t size);
void *sc_heap_alloc_zero(size_t size);
void *sc_heap_resize(void *data, size_t size);
void sc_heap_free(void *data);
size_t sc_heap_size(void *data); /* at least what was asked for */

#endif
