#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define ARENA_ALIGN       _Alignof(max_align_t)
#define ARENA_BLOCK_FIRST ((size_t)4096)
#define ARENA_BLOCK_MOST  ((size_t)65536)

struct sc_arena_block {
    struct sc_arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char data[];
};

void
sc_arena_release(struct sc_arena *arena)
{
    struct sc_arena_block *block = arena->blocks;
    int saved = errno;

    while (block) {
        struct sc_arena_block *next = block->next;

        free(block);
        block = next;
    }
    arena->blocks = NULL;
    arena->has_failed = false;
    errno = saved;
}

static struct sc_arena_block *
arena_block_new(size_t size)
{
    struct sc_arena_block *block;

    if (size > SIZE_MAX - sizeof(*block))
        return NULL;
    block = calloc(1, sizeof(*block) + size);
    if (block)
        block->size = size;
    return block;
}

/* A large piece gets a block of its own behind the current one, whose free rest stays in use. */
static struct sc_arena_block *
arena_block_for(struct sc_arena *arena, size_t size)
{
    struct sc_arena_block *head = arena->blocks, *block;
    size_t next_size = ARENA_BLOCK_FIRST;

    if (head && head->size - head->used >= size)
        return head;
    if (size >= ARENA_BLOCK_MOST / 4 && head) {
        block = arena_block_new(size);
        if (!block)
            return NULL;
        block->next = head->next;
        head->next = block;
        return block;
    }
    if (head)
        next_size = head->size * 2 < ARENA_BLOCK_MOST ? head->size * 2 : ARENA_BLOCK_MOST;
    block = arena_block_new(size > next_size ? size : next_size);
    if (!block)
        return NULL;
    block->next = head;
    arena->blocks = block;
    return block;
}

void *
sc_arena_alloc(struct sc_arena *arena, size_t size)
{
    struct sc_arena_block *block = NULL;
    void *data;

    if (size == 0)
        size = 1;
    if (size <= SIZE_MAX - ARENA_ALIGN) {
        size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
        block = arena_block_for(arena, size);
    }
    if (!block) {
        arena->has_failed = true;
        return NULL;
    }
    data = block->data + block->used;
    block->used += size;
    return data;
}

void *
sc_arena_array(struct sc_arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        arena->has_failed = true;
        return NULL;
    }
    return sc_arena_alloc(arena, total);
}

void *
sc_arena_grow(struct sc_arena *arena, void *items, size_t count, size_t *capacity, size_t size, size_t first)
{
    size_t more = *capacity > 0 ? *capacity * 2 : first;
    void *grown;

    if (count < *capacity)
        return items;
    grown = sc_arena_array(arena, more, size);
    if (!grown)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * size);
    *capacity = more;
    return grown;
}

char *
sc_arena_strndup(struct sc_arena *arena, const char *text, size_t len)
{
    char *copy;

    if (!text)
        return NULL;
    len = strnlen(text, len);
    copy = sc_arena_alloc(arena, len + 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}

char *
sc_arena_strdup(struct sc_arena *arena, const char *text)
{
    return text ? sc_arena_strndup(arena, text, strlen(text)) : NULL;
}

static char *arena_vprintf(struct sc_arena *arena, const char *fmt, va_list args) SC_PRINTF(2, 0);

static char *
arena_vprintf(struct sc_arena *arena, const char *fmt, va_list args)
{
    va_list again;
    char *text = NULL;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len >= 0)
        text = sc_arena_alloc(arena, (size_t)len + 1);
    else
        arena->has_failed = true;
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, fmt, args);
    return text;
}

char *
sc_arena_printf(struct sc_arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

int
sc_arena_check(const struct sc_arena *arena, struct sc_err *err)
{
    return arena->has_failed ? sc_err_nomem(err) : 0;
}

/* Appends text itself, which is in the arena already; NULL is an earlier failure to allocate. */
static void
strv_add_take(struct sc_strv *list, struct sc_arena *arena, char *text)
{
    if (!text)
        return;
    /* One slot stays free for the NULL that ends the list. */
    if (list->capacity < list->count + 2) {
        size_t capacity = list->count < 7 ? 8 : (list->count + 1) * 2;
        char **items = SC_ARENA_ARRAY(arena, char *, capacity);

        if (!items)
            return;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
}

void
sc_strv_add(struct sc_strv *list, struct sc_arena *arena, const char *text)
{
    strv_add_take(list, arena, sc_arena_strdup(arena, text));
}

void
sc_strv_addf(struct sc_strv *list, struct sc_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    strv_add_take(list, arena, arena_vprintf(arena, fmt, args));
    va_end(args);
}

static ssize_t
strv_find_key_len(const struct sc_strv *list, const char *key, size_t len)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], key, len) == 0 && list->items[i][len] == '=')
            return (ssize_t)i;
    }
    return -1;
}

ssize_t
sc_strv_find_key(const struct sc_strv *list, const char *key)
{
    return strv_find_key_len(list, key, strlen(key));
}

void
sc_strv_set_env(struct sc_strv *list, struct sc_arena *arena, const char *entry)
{
    ssize_t at = strv_find_key_len(list, entry, strcspn(entry, "="));
    char *copy;

    if (at < 0) {
        sc_strv_add(list, arena, entry);
        return;
    }
    copy = sc_arena_strdup(arena, entry);
    if (copy)
        list->items[at] = copy;
}
