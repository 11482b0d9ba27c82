/*
 * The heap of the static programs (musl-heap.c). They live for milliseconds and take some hundred blocks; musl's own
 * allocator, made to be small over a long life, asks the kernel for a page and gives it back for nearly each of them,
 * which is a twentieth of a start.
 *
 *     first[]       the first blocks, in pages that come with the program
 *     chunk         after those, a mapping at a time
 *     free lists    one per size class; a freed block waits there for the next of its size
 *     own mapping   what is larger than a chunk's quarter, and goes back to the kernel
 *
 * One thread. A block carries a mark made of its address: freeing what is none, or twice, ends the program.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/heap-priv.h"

#define FIRST_SIZE  (256 << 10)
#define CHUNK_SIZE  (1 << 20)
#define BLOCK_MAX   (CHUNK_SIZE / 4)
#define ALIGN       ((size_t)16)
#define SMALL_MAX   1024 /* below: a class per 16 bytes; above: four between a power of two and the next */
#define CLASS_COUNT 100

#define MARK_USED   UINT64_C(0x5c11a110ca7ed000)
#define MARK_FREE   UINT64_C(0x5c0f5ee0f5ee0000)
#define MARK_MAPPED UINT64_C(0x5c3a99edb10c0000)

struct block {
    uint64_t size; /* of what follows; for an own mapping, of all of it */
    uint64_t mark;
    struct block *next[]; /* of a free one */
};

static struct {
    char *at, *end;
    struct block *last; /* the newest block, which ends at `at` */
    struct block *free[CLASS_COUNT];
} heap;
static _Alignas(16) char first[FIRST_SIZE];

static uint64_t
mark_of(const struct block *block, uint64_t kind)
{
    return kind ^ (uint64_t)(uintptr_t)block;
}

static size_t
class_size(size_t class)
{
    size_t above = class - SMALL_MAX / ALIGN;

    if (class < SMALL_MAX / ALIGN)
        return (class + 1) * ALIGN;
    return ((size_t)SMALL_MAX << above / 4) / 4 * (5 + above % 4);
}

/* The smallest class that holds size. */
static size_t
class_above(size_t size)
{
    size_t class = SMALL_MAX / ALIGN;

    if (size <= SMALL_MAX)
        return size == 0 ? 0 : (size - 1) / ALIGN;
    while (class_size(class) < size)
        class ++;
    return class;
}

static struct block *
block_of(void *data)
{
    struct block *block = (struct block *)((char *)data - sizeof(struct block));

    if (block->mark != mark_of(block, MARK_USED) && block->mark != mark_of(block, MARK_MAPPED))
        SC_BUG("a block that was not allocated is freed");
    return block;
}

static void *
map_block(size_t size)
{
    size_t total = size + sizeof(struct block);
    struct block *block =
        total < size ? MAP_FAILED : mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (block == MAP_FAILED)
        return NULL;
    block->size = total;
    block->mark = mark_of(block, MARK_MAPPED);
    return block + 1;
}

static bool
next_chunk(void)
{
    void *chunk = first;

    if (heap.end != NULL)
        chunk = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        return false;
    heap.at = chunk;
    heap.end = heap.at + (chunk == first ? FIRST_SIZE : CHUNK_SIZE);
    heap.last = NULL;
    return true;
}

/* *is_zero: it has never been used */
static void *
take(size_t size, bool *is_zero)
{
    size_t class, needed;

    *is_zero = true;
    if (size > BLOCK_MAX)
        return map_block(size);
    class = class_above(size);
    struct block *block = heap.free[class];
    if (block != NULL) {
        heap.free[class] = block->next[0];
        *is_zero = false;
    } else {
        needed = sizeof(*block) + class_size(class);
        if ((size_t)(heap.end - heap.at) < needed && !next_chunk())
            return NULL;
        block = (struct block *)heap.at;
        block->size = class_size(class);
        heap.at += needed;
        heap.last = block;
    }
    block->mark = mark_of(block, MARK_USED);
    return block + 1;
}

void *
sc_heap_alloc(size_t size)
{
    bool is_zero;

    return take(size, &is_zero);
}

void *
sc_heap_alloc_zero(size_t size)
{
    bool is_zero;
    void *data = take(size, &is_zero);

    return data == NULL || is_zero ? data : memset(data, 0, size);
}

void
sc_heap_free(void *data)
{
    if (data == NULL)
        return;
    struct block *block = block_of(data);
    if (block->mark == mark_of(block, MARK_MAPPED)) {
        (void)munmap(block, block->size);
        return;
    }
    size_t class = class_above(block->size);
    if (class_size(class) > block->size) /* it was extended in place to no class's size */
        class --;
    block->mark = mark_of(block, MARK_FREE);
    block->next[0] = heap.free[class];
    heap.free[class] = block;
}

size_t
sc_heap_size(void *data)
{
    const struct block *block = block_of(data);

    return block->mark == mark_of(block, MARK_MAPPED) ? block->size - sizeof(*block) : block->size;
}

void *
sc_heap_resize(void *data, size_t size)
{
    if (data == NULL)
        return sc_heap_alloc(size);
    struct block *block = block_of(data);
    size_t have = sc_heap_size(data);
    if (size <= have)
        return data;
    /* What grows is mostly the newest. */
    size_t more = (size - have + ALIGN - 1) & ~(ALIGN - 1);
    if (block == heap.last && size <= BLOCK_MAX && more <= (size_t)(heap.end - heap.at)) {
        block->size += more;
        heap.at += more;
        return data;
    }
    void *bigger = sc_heap_alloc(size);
    if (bigger == NULL)
        return NULL;
    memcpy(bigger, data, have);
    sc_heap_free(data);
    return bigger;
}
