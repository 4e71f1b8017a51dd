/* malloc and free: freed small blocks are kept in lists by size, from which most requests are served, as glibc does; all
 * else is wasi-libc's dlmalloc, whose functions the build gives the prefix __dl_ (prefix_symbols.py).
 *
 * To dlmalloc a block in a list is in use, so it is not merged with its neighbours. That is bounded: all lists are given
 * back when they hold MAX_KEPT bytes together, before each large request, and before one fails.
 *
 * In programs with threads each thread has lists of its own, and dlmalloc, which is built without locks, is behind one here.
 *
 * A program's own malloc replaces this one. */
#include "lock.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

MW_LOCK(lock);
#define LOCKED(expression)                                                                         \
    ({                                                                                             \
        mw_lock(lock);                                                                             \
        __typeof(expression) result = (expression);                                                \
        mw_unlock(lock);                                                                           \
        result;                                                                                    \
    })

void *__dl_malloc(size_t size);
void *__dl_calloc(size_t count, size_t size);
void *__dl_realloc(void *block, size_t size);
void __dl_free(void *block);
int __dl_posix_memalign(void **block, size_t alignment, size_t size);
void *__dl_aligned_alloc(size_t alignment, size_t size);
size_t __dl_malloc_usable_size(void *block);

/* What dlmalloc does: before a block lies a word with the size of block and word together, a multiple of 16 and at least four
 * words, and flags, of which one says that the block is in use. */
enum { OVERHEAD = sizeof(size_t), SMALLEST = 4 * sizeof(size_t), ALIGNMENT = 16, IN_USE = 2, FLAGS = 7 };

enum { LARGEST = 2064, CLASSES = LARGEST / ALIGNMENT + 1, LARGE_REQUEST = 64 << 10, MAX_KEPT = 1 << 20 };

/* A freed block. `key` finds those that are freed twice: it is unlikely in a block that the program uses. */
typedef struct kept {
    struct kept *next;
    uintptr_t key;
} kept;

/* Aligned, and with it the segment that holds the zeroed data of all: the arrays at its beginning, which are the program's, begin
 * at a cache line. */
static MW_EACH_THREADS _Alignas(64) kept *lists[CLASSES];
static MW_EACH_THREADS size_t kept_bytes;
#define KEY ((uintptr_t)lists ^ 0x9e3779b9u)

static inline size_t header_of(const void *block)
{
    return ((const size_t *)block)[-1];
}

static __attribute__((noinline)) void give_back(void)
{
    kept_bytes = 0;
    mw_lock(lock);
    for (int i = 0; i < CLASSES; i++)
        for (kept *k = lists[i], *next; k; k = next) {
            next = k->next;
            lists[i] = next;
            k->key = 0;
            __dl_free(k);
        }
    mw_unlock(lock);
}

#ifdef _REENTRANT
/* Of musl, the last that it calls in a thread that ends. */
void __dl_thread_cleanup(void)
{
    if (kept_bytes)
        give_back();
}
#endif

static __attribute__((noinline)) void check_for_double_free(const kept *block, size_t class)
{
    for (const kept *k = lists[class]; k; k = k->next)
        if (k == block) {
            static const char message[] = "free(): a block is freed twice\n";
            (void)!write(STDERR_FILENO, message, sizeof message - 1);
            abort();
        }
}

static inline void *take(size_t size)
{
    if (size > LARGEST - OVERHEAD)
        return NULL;
    size_t class = (size + OVERHEAD + ALIGNMENT - 1) / ALIGNMENT;
    if (class < SMALLEST / ALIGNMENT)
        class = SMALLEST / ALIGNMENT;
    kept *k = lists[class];
    if (!k)
        return NULL;
    lists[class] = k->next;
    k->key = 0;
    kept_bytes -= class * ALIGNMENT;
    return k;
}

static inline void prepare(size_t size)
{
    if (size >= LARGE_REQUEST && kept_bytes)
        give_back();
}

/* Whether it makes sense to try again: there was no memory. */
static bool gave_back(void)
{
    if (!kept_bytes)
        return false;
    give_back();
    return true;
}

static __attribute__((noinline)) void *allocate(size_t size)
{
    prepare(size);
    void *block = LOCKED(__dl_malloc(size));
    return block || !gave_back() ? block : LOCKED(__dl_malloc(size));
}

WEAK void *malloc(size_t size)
{
    void *block = take(size);
    return block ? block : allocate(size);
}

WEAK void free(void *block)
{
    if (!block)
        return;
    size_t header = header_of(block), size = header & ~(size_t)FLAGS, class = size / ALIGNMENT;
    if (size - ALIGNMENT > LARGEST - ALIGNMENT || !(header & IN_USE)) {
        mw_lock(lock);
        __dl_free(block);
        mw_unlock(lock);
        return;
    }
    kept *k = block;
    if (k->key == KEY)
        check_for_double_free(k, class);
    k->next = lists[class];
    k->key = KEY;
    lists[class] = k;
    kept_bytes += size;
    if (kept_bytes > MAX_KEPT)
        give_back();
}

WEAK void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = take(bytes);
    if (block)
        return memset(block, 0, bytes);
    prepare(bytes);
    block = LOCKED(__dl_calloc(1, bytes));
    return block || !gave_back() ? block : LOCKED(__dl_calloc(1, bytes));
}

WEAK void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    prepare(size);
    void *moved = LOCKED(__dl_realloc(block, size));
    return moved || !gave_back() ? moved : LOCKED(__dl_realloc(block, size));
}

WEAK int posix_memalign(void **block, size_t alignment, size_t size)
{
    prepare(size);
    int error = LOCKED(__dl_posix_memalign(block, alignment, size));
    return error != ENOMEM || !gave_back() ? error : LOCKED(__dl_posix_memalign(block, alignment, size));
}

WEAK void *aligned_alloc(size_t alignment, size_t size)
{
    prepare(size);
    void *block = LOCKED(__dl_aligned_alloc(alignment, size));
    return block || !gave_back() ? block : LOCKED(__dl_aligned_alloc(alignment, size));
}

WEAK size_t malloc_usable_size(void *block)
{
    return __dl_malloc_usable_size(block);
}

/* What wasi-libc calls itself, also in programs that have another malloc. */
void *__libc_malloc(size_t size)
{
    return malloc(size);
}

void *__libc_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void __libc_free(void *block)
{
    free(block);
}
