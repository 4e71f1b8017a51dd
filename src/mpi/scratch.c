/* Memory for the host copies of arrays: a stack per thread for calls, chunks for what a request keeps. */
#include "mpi/state.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Address space only; pages appear as they are used. Bounds the arrays of all calls in progress on a thread. */
#define STACK_BYTES (UINT64_C(1) << 32)
#define ALIGN 16

struct mw_kept {
    struct mw_kept *next;
    char bytes[] __attribute__((aligned(ALIGN)));
};

typedef struct stack {
    char *base;
    size_t top;
} stack;

static __thread stack scratch __attribute__((tls_model("initial-exec")));
static pthread_key_t stack_key;
static pthread_once_t stack_once = PTHREAD_ONCE_INIT;

static void unmap_stack(void *base)
{
    munmap(base, STACK_BYTES);
}

static void make_key(void)
{
    pthread_key_create(&stack_key, unmap_stack);
}

static bool map_stack(void)
{
    void *base = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    pthread_once(&stack_once, make_key);
    pthread_setspecific(stack_key, base);
    scratch.base = base;
    return true;
}

mw_arena mw_scratch_begin(void)
{
    return (mw_arena){NULL, false, scratch.top};
}

mw_arena mw_kept_begin(void)
{
    return (mw_arena){NULL, true, scratch.top};
}

void mw_arena_end(mw_arena *arena)
{
    scratch.top = arena->mark;
    mw_kept_free(arena->kept);
    arena->kept = NULL;
}

void *mw_kept_bytes(struct mw_kept *kept)
{
    return kept->bytes;
}

void mw_kept_free(struct mw_kept *kept)
{
    while (kept) {
        struct mw_kept *next = kept->next;
        free(kept);
        kept = next;
    }
}

/* Operations that the guest let go of while they may still read their arrays; all are over at MPI_Finalize. */
static struct mw_kept *orphans;

void mw_kept_orphan(struct mw_kept *kept)
{
    struct mw_kept *last = kept;

    if (!kept)
        return;
    while (last->next)
        last = last->next;
    last->next = __atomic_load_n(&orphans, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&orphans, &last->next, kept, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

void mw_kept_free_orphans(void)
{
    mw_kept_free(__atomic_exchange_n(&orphans, NULL, __ATOMIC_ACQUIRE));
}

void *mw_arena_take(const mw_call *call, mw_arena *arena, uint64_t bytes, int32_t *error)
{
    if (arena->keep) {
        struct mw_kept *chunk = bytes < STACK_BYTES ? malloc(sizeof *chunk + bytes) : NULL;
        if (chunk) {
            chunk->next = arena->kept;
            arena->kept = chunk;
            return chunk->bytes;
        }
    } else if ((scratch.base || map_stack()) && bytes <= STACK_BYTES - scratch.top) {
        void *start = scratch.base + scratch.top;
        scratch.top += (bytes + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
        return start;
    }
    *error = mw_raise_error(call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for arrays of %llu bytes",
                            (unsigned long long)bytes);
    return NULL;
}
