#include "wasm/internal.h"

#include <stdlib.h>

/* Chunks in a list; the newest has the free room. A request too large for a chunk of the usual size gets its own. */
typedef struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(max_align_t) uint8_t bytes[];
} chunk;

struct mw_arena {
    chunk *chunks;
};

enum { CHUNK_BYTES = 64 * 1024 };

mw_arena *mw_arena_new(void)
{
    return calloc(1, sizeof(mw_arena));
}

void mw_arena_free(mw_arena *arena)
{
    if (!arena)
        return;
    for (chunk *c = arena->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(arena);
}

void *mw_arena_alloc(mw_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    chunk *c = arena->chunks;
    if (!c || c->size - c->used < bytes) {
        size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        c = calloc(1, sizeof *c + room);
        if (!c)
            return NULL;
        c->size = room;
        c->next = arena->chunks;
        arena->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += bytes;
    return p;
}
