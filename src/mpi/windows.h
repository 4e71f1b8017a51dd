/* Windows of one-sided communication (MPI 4.1, chapter 12), as the origin of an operation checks them.
 *
 * A host MPI computes the target's address from base, displacement and datatype and, where ranks share memory, stores
 * there itself: nothing on the way looks whether that lies within the window. So every rank knows what every other
 * exposes, and an operation that reaches past it never reaches the host. */
#ifndef MW_MPI_WINDOWS_H
#define MW_MPI_WINDOWS_H

#include "mpi/convert.h"

/* What a rank exposes. */
typedef struct mw_exposure {
    int64_t bytes;   /* of the window; of a dynamic window: of all that a guest can address */
    int64_t unit;    /* displacement unit in bytes; the host's windows have unit 1 */
    /* What the host calls the first byte: its distance in bytes from the beginning of the host's window, which is
     * aligned as MPICH's UCX device needs it but does not see to; in a dynamic window its address in that process. */
    int64_t origin;
} mw_exposure;

typedef struct mw_window {
    int32_t flavor;         /* MW_GUEST_WIN_FLAVOR_... */
    int rank, size;         /* of the window's group */
    mw_exposure *exposures; /* of each rank, or one that is every rank's */
    bool uniform;           /* there is but one */
    bool own_fatal;         /* its error handler was set to a fatal one */
    mw_guest_ptr base;      /* of this rank's part */
    mw_guest_ptr block;     /* guest memory to give back with the window; 0: none */
    mw_guest_ptr integers;  /* guest memory for the values of predefined attributes; 0 until asked for */
    struct {                /* pages that are not the guest's own */
        mw_guest_ptr first;
        uint64_t mapped;    /* bytes */
        void *host;         /* memory of the host's heap whose place they took, too; NULL: none */
        mw_guest_ptr parts; /* of a shared window: where those of all ranks lie, one after the other */
    } shared;
} mw_window;

static inline const mw_exposure *mw_exposure_of(const mw_window *window, int rank)
{
    return &window->exposures[window->uniform ? 0 : rank];
}

/* A rank of the call's window: also MPI_PROC_NULL. */
MW_INLINE int32_t mw_in_target(const mw_call *call, const char *argument, int32_t rank, int *out)
{
    if (MW_LIKELY((uint32_t)rank < (uint32_t)call->win->window->size))
        *out = rank;
    else if (rank == MW_GUEST_PROC_NULL)
        *out = MPI_PROC_NULL;
    else
        return mw_failed(mw_raise_error(MW_COPY(call), MW_GUEST_ERR_RANK, argument, "%d is not a rank of a window of %d",
                                        rank, call->win->window->size));
    return MW_GUEST_SUCCESS;
}

int32_t mw_raise_target(const mw_call *call, const char *argument, int rank, int64_t displacement, int64_t count)
    __attribute__((cold));

/* The displacement of `count` elements of `type` in the window of rank `rank` (or MPI_PROC_NULL), for the host:
 * MPI_ERR_RMA_RANGE unless they all lie in it. */
MW_INLINE int32_t mw_in_target_disp(const mw_call *call, const char *argument, mw_guest_aint displacement, int rank,
                                    int64_t count, const mw_type_slot *type, MPI_Aint *out)
{
    const mw_window *window = call->win->window;
    int64_t low, end, at;
    uint64_t length;

    *out = 0;
    if (rank == MPI_PROC_NULL)
        return MW_GUEST_SUCCESS;
    const mw_exposure *exposure = mw_exposure_of(window, rank);
    /* In a dynamic window an address of that rank's guest. No product of 32 bits by 32 bits wraps. */
    bool wraps = MW_GUEST_BITS == 64 && __builtin_mul_overflow(displacement, exposure->unit, &low);
    at = window->flavor == MW_GUEST_WIN_FLAVOR_DYNAMIC ? (int64_t)(mw_guest_addr)displacement
                                                       : (int64_t)((uint64_t)displacement * (uint64_t)exposure->unit);
    if (MW_UNLIKELY(wraps || !mw_touched(count, type, &low, &length)))
        return mw_failed(mw_raise_target(MW_COPY(call), argument, rank, displacement, count));
    if (MW_UNLIKELY(length != 0 && (__builtin_add_overflow(at, low, &low) || low < 0 ||
                                    __builtin_add_overflow(low, (int64_t)length, &end) || end > exposure->bytes)))
        return mw_failed(mw_raise_target(MW_COPY(call), argument, rank, displacement, count));
    *out = (MPI_Aint)((uint64_t)exposure->origin + (uint64_t)at);
    return MW_GUEST_SUCCESS;
}

int32_t mw_raise_as_long(const mw_call *call, const char *argument, int64_t count, const mw_type_slot *type,
                         int64_t target_count, const mw_type_slot *target_type) __attribute__((cold));

/* Fails unless the data at the origin and at the target have as many bytes: hosts that combine the two take the number
 * of elements from one side. */
MW_INLINE int32_t mw_in_as_long(const mw_call *call, const char *argument, int64_t count, const mw_type_slot *type,
                                int64_t target_count, const mw_type_slot *target_type)
{
    return MW_LIKELY((__int128)count * type->size == (__int128)target_count * target_type->size)
               ? MW_GUEST_SUCCESS
               : mw_failed(mw_raise_as_long(MW_COPY(call), argument, count, type, target_count, target_type));
}

/* The operation of an accumulate: a predefined one, defined for the type (12.3.4). */
int32_t mw_in_rma_op(const mw_call *call, const char *argument, mw_guest_op handle, const mw_type_slot *type,
                     MPI_Op *out);

/* The datatype of what is combined at the origin or target: all its elements are of one predefined type (12.3.4), which MPICH
 * takes for granted. */
int32_t mw_in_rma_elements(const mw_call *call, const char *argument, const mw_type_slot *type);

/* The host does not know some predefined types of the guest as such. */
static inline int mw_fetch_and_op(const void *origin, void *result, MPI_Datatype type, int target, MPI_Aint displacement,
                                  MPI_Op op, MPI_Win win)
{
    if (MW_UNLIKELY(type == mw_made_types[MW_MADE_QUAD_COMPLEX] || type == mw_made_types[MW_MADE_QUAD_INT]))
        return MPI_Get_accumulate(origin, 1, type, result, 1, type, target, displacement, 1, type, op, win);
    return MPI_Fetch_and_op(origin, result, type, target, displacement, op, win);
}
#define MPI_Fetch_and_op(...) mw_fetch_and_op(__VA_ARGS__)

/* The value of a predefined attribute of the call's window: *known says whether `keyval` is one. */
int32_t mw_window_attribute(const mw_call *call, int32_t keyval, mw_guest_word *out, bool *known);

#endif
