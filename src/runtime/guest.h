/* Guest addresses, and the only ways from one to host memory. A host function never adds a guest address to
 * the base by itself. */
#ifndef MW_RUNTIME_GUEST_H
#define MW_RUNTIME_GUEST_H

#include "abi/abi.h"
#include <stdbool.h>
#include <string.h>

/* Width of the addresses that the functions of a source file take: 32, or 64, which holds those of both kinds of memories.
 * Functions that take them as the guest passes them are compiled for each (mpi), or take the wider ones (wasi). */
#ifndef MW_GUEST_BITS
#define MW_GUEST_BITS 64
#endif
#if MW_GUEST_BITS == 64
typedef uint64_t mw_guest_addr;
#else
typedef uint32_t mw_guest_addr;
#endif

/* An address in the guest's memory 0. Passed as the integer that the guest passes. */
typedef struct mw_guest_ptr {
    mw_guest_addr addr;
} mw_guest_ptr;
_Static_assert(sizeof(mw_guest_ptr) == MW_GUEST_BITS / 8, "passed like an i32 or i64");

/* Whether the guest's pointers have 64 bits: memory 0 has 64-bit indices. */
static inline bool mw_guest_is_wide(const mw_instance *instance)
{
    return instance->memories[0]->is64;
}

/* Bytes of memory 0 that exist now; none without a memory. A concurrent grow can only add to them. */
static inline uint64_t mw_guest_memory_size(const mw_instance *instance)
{
    return __atomic_load_n(&instance->memories[0]->pages, __ATOMIC_RELAXED) * MW_PAGE_BYTES;
}

/* Whether [addr, addr + size) lies in memory 0. */
static inline bool mw_guest_contains(const mw_instance *instance, uint64_t addr, uint64_t size)
{
    uint64_t end;
    return !__builtin_add_overflow(addr, size, &end) && end <= mw_guest_memory_size(instance);
}

/* Host address of `size` bytes of guest memory at `p`, or NULL if they do not all lie in it. Guest addresses
 * have no alignment: read and write through mw_guest_load/store or memcpy, not through typed pointers, unless
 * the target allows it. Address 0 is an ordinary guest address. */
static inline void *mw_guest_span(const mw_instance *instance, mw_guest_ptr p, uint64_t size)
{
    return mw_guest_contains(instance, p.addr, size) ? instance->memory0 + p.addr : NULL;
}

/* The same for `count` elements of `size` bytes; false products never wrap. */
static inline void *mw_guest_array(const mw_instance *instance, mw_guest_ptr p, uint64_t count, uint64_t size)
{
    uint64_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : mw_guest_span(instance, p, bytes);
}

/* Copies between the guest and host objects; false, and nothing copied, if the range is not the guest's. */
static inline bool mw_guest_read(const mw_instance *instance, mw_guest_ptr p, void *to, uint64_t size)
{
    const void *from = mw_guest_span(instance, p, size);
    return from ? (memcpy(to, from, size), true) : false;
}

static inline bool mw_guest_write(const mw_instance *instance, mw_guest_ptr p, const void *from, uint64_t size)
{
    void *to = mw_guest_span(instance, p, size);
    return to ? (memcpy(to, from, size), true) : false;
}

/* Length of the NUL-terminated string at `p` and, in *out, its host address; -1 if no NUL lies between `p` and
 * the end of memory or within `max` bytes. The guest may change the string at any time (threads): copy what
 * must stay the same. */
static inline int64_t mw_guest_string(const mw_instance *instance, mw_guest_ptr p, uint64_t max, const char **out)
{
    uint64_t limit = mw_guest_memory_size(instance);
    if (p.addr >= limit)
        return -1;
    uint64_t room = limit - p.addr < max ? limit - p.addr : max;
    const char *start = (const char *)instance->memory0 + p.addr;
    const char *nul = memchr(start, 0, room);
    if (!nul)
        return -1;
    *out = start;
    return nul - start;
}

#endif
