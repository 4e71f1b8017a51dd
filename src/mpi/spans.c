/* Buffers of several blocks: each block is checked by itself, as the host touches it. */
#include "mpi/shim.h"

/* Whether `count` elements of `type` at byte `displacement` from p lie in the guest's memory. Blocks do not wrap at
 * 4 GiB: the host reaches them all from one base. (Of 64 bits an address wraps as the host's own does.) */
static bool block_fits(const mw_call *call, mw_guest_ptr p, int64_t displacement, int64_t count,
                       const mw_type_slot *type)
{
    int64_t low;
    uint64_t length;

    if (!mw_touched(count, type, &low, &length))
        return false;
    if (length == 0)
        return true;
    if (__builtin_add_overflow(low, displacement, &low) || __builtin_add_overflow(low, (int64_t)p.addr, &low))
        return false;
    return low >= 0 && mw_guest_contains(call->instance, (uint64_t)low, length) &&
           !(low < 16 && (type->flags & MW_TYPE_PREDEFINED));
}

static int32_t raise_block(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t block, int64_t count,
                           int64_t displacement)
{
    return mw_raise_error(call, MW_GUEST_ERR_BUFFER, argument,
                          "block %lld (%lld elements, %lld bytes from 0x%llx) does not lie in the guest's memory",
                          (long long)block, (long long)count, (long long)displacement,
                          (unsigned long long)p.addr);
}

mw_checked_buffer mw_any_buffer(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t count,
                                const mw_type_slot *type)
{
    int64_t low;
    uint64_t length;
    if (!mw_touched(count, type, &low, &length))
        return (mw_checked_buffer){NULL, mw_raise_buffer(call, argument, p, count, type)};
    if (length == 0)
        return (mw_checked_buffer){call->instance->memory0, MW_GUEST_SUCCESS};
    mw_guest_addr first = p.addr + (mw_guest_addr)low;
    if (!mw_guest_contains(call->instance, first, length) || (p.addr < 16 && (type->flags & MW_TYPE_PREDEFINED)))
        return (mw_checked_buffer){NULL, mw_raise_buffer(call, argument, p, count, type)};
    return (mw_checked_buffer){mw_host_sum(call->instance, (uint64_t)first - (uint64_t)low), MW_GUEST_SUCCESS};
}

/* Whether all from the first to the last block lies in the guest's memory, as it mostly does: less than to look at each. False
 * says nothing. */
static bool all_fit(const mw_call *call, mw_guest_ptr p, int64_t blocks, const int *counts, const int *displs,
                    const mw_type_slot *type)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (int64_t i = 0; i < blocks; i++) {
        int64_t first = displs[i], end = first + counts[i];
        low = counts[i] > 0 && first < low ? first : low;
        high = counts[i] > 0 && end > high ? end : high;
    }
    return type->step != MW_NO_STEP && high > low && !__builtin_mul_overflow(low, (int64_t)type->step, &low) &&
           !__builtin_mul_overflow(high, (int64_t)type->step, &high) &&
           !__builtin_add_overflow(low, (int64_t)p.addr, &low) && !__builtin_add_overflow(high, (int64_t)p.addr, &high) &&
           low >= 16 && mw_guest_contains(call->instance, (uint64_t)low, (uint64_t)(high - low));
}

/* The v-forms for one width of counts and displacements. */
#define BUFFER_V(name, count_type, displ_type, fits)                                               \
    int32_t name(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,        \
                 const count_type *counts, const displ_type *displs, const mw_type_slot *type, void **out) \
    {                                                                                              \
        int64_t displacement = 0;                                                                  \
        for (int64_t i = 0, n = (fits) ? 0 : blocks; i < n; i++)                                   \
            if (__builtin_mul_overflow((int64_t)displs[i], type->extent, &displacement) ||         \
                !block_fits(call, p, displacement, counts[i], type))                               \
                return raise_block(call, argument, p, i, counts[i], displacement);                 \
        *out = mw_host_sum(call->instance, p.addr);                                                \
        return MW_GUEST_SUCCESS;                                                                   \
    }

/* The w-forms. A single block is passed at its own address with displacement 0: on one rank, Open MPI's coll/self takes
 * the displacement for a number of extents and would leave what was checked. */
#define BUFFER_W(name, count_type, displ_type)                                                     \
    int32_t name(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,        \
                 const count_type *counts, displ_type *displs, const mw_type_slot *const *types, void **out) \
    {                                                                                              \
        for (int64_t i = 0; i < blocks; i++)                                                       \
            if (!block_fits(call, p, displs[i], counts[i], types[i]))                              \
                return raise_block(call, argument, p, i, counts[i], displs[i]);                    \
        *out = mw_host_sum(call->instance, p.addr);                                                \
        if (blocks == 1) {                                                                         \
            *out = mw_host_sum(call->instance, p.addr + (uint64_t)(int64_t)displs[0]);             \
            displs[0] = 0;                                                                         \
        }                                                                                          \
        return MW_GUEST_SUCCESS;                                                                   \
    }

/* Those of neighbours, whose displacements are MPI_Aints. */
#define BUFFER_W_AINT(name, count_type)                                                            \
    int32_t name(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,        \
                 const count_type *counts, const MPI_Aint *displs, const mw_type_slot *const *types, void **out) \
    {                                                                                              \
        for (int64_t i = 0; i < blocks; i++)                                                       \
            if (!block_fits(call, p, displs[i], counts[i], types[i]))                              \
                return raise_block(call, argument, p, i, counts[i], displs[i]);                    \
        *out = mw_host_sum(call->instance, p.addr);                                                \
        return MW_GUEST_SUCCESS;                                                                   \
    }

BUFFER_V(mw_in_buffer_v, int, int, all_fit(call, p, blocks, counts, displs, type))
BUFFER_W(mw_in_buffer_w, int, int)
BUFFER_W_AINT(mw_in_buffer_w_aint, int)
BUFFER_V(mw_in_large_buffer_v, mw_large_int, mw_large_displ, false)
BUFFER_W(mw_in_large_buffer_w, mw_large_int, mw_large_displ)
BUFFER_W_AINT(mw_in_large_buffer_w_aint, mw_large_int)
