/* What only generated shims need, beyond convert.h. */
#ifndef MW_MPI_SHIM_H
#define MW_MPI_SHIM_H

#include "mpi/convert.h"
#include "mpi/files.h"
#include "mpi/large.h"
#include "mpi/windows.h"
#include "shims.h"
#include <string.h>

/* Longest string that a guest may pass, with its NUL. The host's own limits are lower, and its to report. */
#define MW_STRING_BYTES 65536

/* Neighbourhood collectives need neighbours; MPICH 4.0 does not check. */
MW_INLINE int32_t mw_in_topology(const mw_call *call, const char *argument, const mw_comm_slot *comm)
{
    return MW_LIKELY(comm->topology != MPI_UNDEFINED)
               ? MW_GUEST_SUCCESS
               : mw_raise_error(MW_COPY(call), MW_GUEST_ERR_TOPOLOGY, argument, "a communicator without a topology");
}

/* Queries of one kind of topology. */
MW_INLINE int32_t mw_in_topology_of(const mw_call *call, const char *argument, const mw_comm_slot *comm, int kind)
{
    return MW_LIKELY(comm->topology == kind)
               ? MW_GUEST_SUCCESS
               : mw_raise_error(MW_COPY(call), MW_GUEST_ERR_TOPOLOGY, argument, "a communicator without such a topology");
}

/* For what only an intercommunicator has; MPICH 4.0 does not check everywhere. */
MW_INLINE int32_t mw_in_inter(const mw_call *call, const char *argument, const mw_comm_slot *comm)
{
    return MW_LIKELY(comm->inter) ? MW_GUEST_SUCCESS
                                  : mw_raise_error(MW_COPY(call), MW_GUEST_ERR_COMM, argument, "not an intercommunicator");
}

/* Element counts that a buffer check takes: no product or sum wraps, the largest one fits no memory. */
static inline int64_t mw_product(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}
static inline int64_t mw_sum(const int *counts, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += counts[i];
    return sum;
}
static inline int64_t mw_large_sum(const mw_large_int *counts, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (__builtin_add_overflow(sum, (int64_t)counts[i], &sum))
            return INT64_MAX;
    return sum;
}

/* How far a datatype reaches: no size, bound or displacement of it is larger. A new one is bounded by its
 * constructor's arguments before the host computes it. Doubles cannot wrap, and rounding does not matter here. */
#define MW_LARGEST_REACH 0x1p61
static inline double mw_magnitude(int64_t value)
{
    return __builtin_fabs((double)value);
}
static inline double mw_reach(const mw_type_slot *type)
{
    double reach = type->size > 0 ? (double)type->size : 1; /* the numbers of an empty type's elements are added too */
    const double others[] = {
        mw_magnitude(type->lb),
        mw_magnitude(type->lb) + mw_magnitude(type->extent),
        mw_magnitude(type->true_lb) + mw_magnitude(type->true_extent),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        reach = others[i] > reach ? others[i] : reach;
    return reach;
}
#define MW_REACHES(prefix, int_type, aint_type)                                                    \
    static inline double prefix##_sum(const int_type *values, int64_t n)                           \
    {                                                                                              \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            sum += mw_magnitude(values[i]);                                                        \
        return sum;                                                                                \
    }                                                                                              \
    static inline double prefix##_sum_aint(const aint_type *values, int64_t n)                     \
    {                                                                                              \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            sum += mw_magnitude(values[i]);                                                        \
        return sum;                                                                                \
    }                                                                                              \
    static inline double prefix##_product(const int_type *values, int64_t n)                       \
    {                                                                                              \
        double product = 1;                                                                        \
        for (int64_t i = 0; i < n; i++)                                                            \
            product *= mw_magnitude(values[i]);                                                    \
        return product;                                                                            \
    }                                                                                              \
    static inline double prefix##_dot(const int_type *counts, const mw_type_slot *const *types, int64_t n) \
    {                                                                                              \
        double sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            sum += mw_magnitude(counts[i]) * mw_reach(types[i]);                                   \
        return sum;                                                                                \
    }
MW_REACHES(mw_reach, int, MPI_Aint)
MW_REACHES(mw_large_reach, mw_large_int, mw_large_aint)

/* Bounds of a struct, without padding. mw_in_reach has seen that no sum wraps. Marks are not for the host: it gets none of
 * each. */
static inline void mw_add_bounds(mw_bounds *bounds, int64_t count, int64_t displacement, const mw_type_slot *type)
{
    uint16_t set = type->flags & MW_TYPE_BOUNDED;
    int64_t low = displacement + type->lb, high = low + type->extent, more = (count - 1) * type->extent;
    bounds->flags |= type->flags;
    bounds->half = bounds->half || (set && set != MW_TYPE_BOUNDED);
    low += more < 0 ? more : 0;
    high += more > 0 ? more : 0;
    if ((set & MW_TYPE_LOW) && low < bounds->set_low)
        bounds->set_low = low;
    if ((set & MW_TYPE_HIGH) && high > bounds->set_high)
        bounds->set_high = high;
    if (type->flags & MW_TYPE_MARK)
        return;
    bounds->data = true;
    bounds->set |= set;
    bounds->low = low < bounds->low ? low : bounds->low;
    bounds->high = high > bounds->high ? high : bounds->high;
}
#define MW_STRUCT_BOUNDS(name, int_type, aint_type)                                                \
    static inline mw_bounds name(int_type *counts, const aint_type *displacements,                 \
                                 const mw_type_slot *const *types, int64_t n)                      \
    {                                                                                              \
        mw_bounds bounds = {.low = INT64_MAX, INT64_MIN, INT64_MAX, INT64_MIN};                    \
        for (int64_t i = 0; i < n; i++) {                                                          \
            if (counts[i] > 0)                                                                     \
                mw_add_bounds(&bounds, counts[i], displacements[i], types[i]);                     \
            if (types[i]->flags & MW_TYPE_MARK)                                                    \
                counts[i] = 0;                                                                     \
        }                                                                                          \
        return bounds;                                                                             \
    }
MW_STRUCT_BOUNDS(mw_struct_bounds, int, MPI_Aint)
MW_STRUCT_BOUNDS(mw_large_struct_bounds, mw_large_int, mw_large_aint)
MW_INLINE int32_t mw_in_reach(const mw_call *call, const char *argument, double reach)
{
    return MW_LIKELY(reach <= MW_LARGEST_REACH)
               ? MW_GUEST_SUCCESS
               : mw_raise_error(MW_COPY(call), MW_GUEST_ERR_ARG, argument, "a datatype of %.3g bytes is too large", reach);
}

/* Cumulative numbers of neighbours (MPI_Graph_create): never negative, never falling. */
static inline int32_t mw_in_cumulative(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p,
                                       int64_t n, int **out)
{
    MW_TRY(mw_in_counts(call, arena, argument, p, n, out));
    for (int64_t i = 1; i < n; i++)
        if ((*out)[i] < (*out)[i - 1])
            return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "element %lld is less than the one before it",
                                  (long long)i);
    return MW_GUEST_SUCCESS;
}

/* n dimensions of a grid of at most `processes`; 0 leaves one to MPI_Dims_create. Hosts multiply them as ints, and
 * MPICH then divides by the product. */
static inline int32_t mw_in_factors(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p,
                                    int64_t n, int processes, int **out)
{
    int64_t product = 1;
    MW_TRY(mw_in_ints(call, arena, argument, p, n, out));
    for (int64_t i = 0; i < n; i++) {
        if ((*out)[i] < 0)
            return mw_raise_error(call, MW_GUEST_ERR_DIMS, argument, "dimension %lld is negative", (long long)i);
        product *= (*out)[i] ? (*out)[i] : 1;
        if (product > processes)
            return mw_raise_error(call, MW_GUEST_ERR_DIMS, argument, "a grid of more than %d processes", processes);
    }
    return MW_GUEST_SUCCESS;
}

/* n triplets first, last, stride (MPI_Group_range_incl): first and last are ranks of the group. What the
 * stride makes of them lies between the two. */
static inline int32_t mw_in_ranges(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p,
                                   int64_t n, int size, int (**out)[3])
{
    MW_TRY(mw_in_ints(call, arena, argument, p, mw_product(n, 3), (int **)out));
    for (int64_t i = 0; i < n; i++) {
        MW_TRY(mw_in_local_rank(call, argument, (*out)[i][0], size));
        MW_TRY(mw_in_local_rank(call, argument, (*out)[i][1], size));
        if ((*out)[i][2] == 0)
            return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "triplet %lld has stride 0", (long long)i);
    }
    return MW_GUEST_SUCCESS;
}

/* Where edge weights go: the host's MPI_UNWEIGHTED for the guest's. */
static inline int32_t mw_out_weights(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, int32_t **out)
{
    if (p.addr == MW_GUEST_UNWEIGHTED) {
        *out = MPI_UNWEIGHTED;
        return MW_GUEST_SUCCESS;
    }
    return mw_out_ints(call, argument, p, n, out);
}

/* A host MPI_Aint for the guest's. What does not fit becomes MPI_UNDEFINED (MPI 4.1, 5.1.7). */
static inline mw_guest_aint mw_out_aint(int64_t value)
{
    return value == (mw_guest_aint)value ? (mw_guest_aint)value : MW_GUEST_UNDEFINED;
}

_Static_assert(MPI_UNDEFINED == MW_GUEST_UNDEFINED, "counts, colours and ranks pass through");
_Static_assert(sizeof(int) == sizeof(int32_t) && sizeof(MPI_Count) == sizeof(int64_t), "written in place");

#endif
