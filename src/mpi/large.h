/* The large-count forms (MPI 4.1, 2.5.8): the host's own, or, on a host without them, its plain forms where all counts
 * fit. What does not fit fails with MPI_ERR_COUNT. */
#ifndef MW_MPI_LARGE_H
#define MW_MPI_LARGE_H

#include "mpi/convert.h"
#include <limits.h>

/* The standard that the host implements: 31 for MPI 3.1. */
#define MW_HOST_MPI (MPI_VERSION * 10 + MPI_SUBVERSION)

#if MPI_VERSION >= 4
#define MW_LARGE(name) name##_c
#define MW_LARGEST_COUNT INT64_MAX
typedef MPI_Count mw_large_int;  /* what is int in the plain form */
typedef MPI_Count mw_large_aint; /* what is MPI_Aint in the plain form */
typedef MPI_Aint mw_large_displ; /* displacements of v- and w-collectives: int in the plain form */
#else
#define MW_LARGE(name) name
#define MW_LARGEST_COUNT INT_MAX
typedef int mw_large_int;
typedef MPI_Aint mw_large_aint;
typedef int mw_large_displ;
#endif

MW_INLINE int32_t mw_in_large_count(const mw_call *call, const char *argument, int64_t count)
{
    if (MW_UNLIKELY(count > MW_LARGEST_COUNT))
        return mw_raise_error(MW_COPY(call), MW_GUEST_ERR_COUNT, argument, "%lld is too large for this host's MPI %d.%d",
                              (long long)count, MPI_VERSION, MPI_SUBVERSION);
    return mw_in_count(call, argument, count);
}

/* The same for a distance, which may be negative. */
MW_INLINE int32_t mw_in_large_shift(const mw_call *call, const char *argument, int64_t shift)
{
    return mw_in_large_count(call, argument, shift < 0 ? -(shift + 1) : shift);
}

/* Arrays of n MPI_Counts: counts, of which none may be negative; distances in elements; distances in bytes. And of n
 * MPI_Aints. */
int32_t mw_in_large_counts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_int **out);
int32_t mw_in_large_shifts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_int **out);
int32_t mw_in_large_bytes(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                          mw_large_aint **out);
int32_t mw_in_large_displs(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_displ **out);

/* As mw_in_buffer_v and its like (convert.h). */
int32_t mw_in_large_buffer_v(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,
                             const mw_large_int *counts, const mw_large_displ *displs, const mw_type_slot *type,
                             void **out);
int32_t mw_in_large_buffer_w(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,
                             const mw_large_int *counts, mw_large_displ *displs, const mw_type_slot *const *types,
                             void **out);
int32_t mw_in_large_buffer_w_aint(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,
                                  const mw_large_int *counts, const MPI_Aint *displs,
                                  const mw_type_slot *const *types, void **out);

/* What a large-count constructor made: mw_out_type, after which decoding finds its arguments among the large counts on
 * every host. */
int32_t mw_out_large_type(const mw_call *call, const char *argument, MPI_Datatype host, mw_guest_word *out);

#endif
