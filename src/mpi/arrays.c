/* Arrays and strings that the guest passes: checked, then copied where the guest cannot change them. */
#include "mpi/convert.h"

/* The host's copy, in the arena, of n elements of `size` bytes at p. */
static int32_t copy_in(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                       uint32_t size, void **out)
{
    int32_t error = MW_GUEST_SUCCESS;

    if (n < 0)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%lld elements", (long long)n);
    if (n > UINT32_MAX)
        return mw_raise_span(call, argument, p, UINT32_MAX);
    const void *from = mw_guest_span(call->instance, p, (uint64_t)n * size);
    if ((!from || p.addr < 16) && n > 0)
        return mw_raise_span(call, argument, p, (uint64_t)n * size);
    *out = mw_arena_take(call, arena, (uint64_t)n * size, &error);
    if (*out && n > 0)
        memcpy(*out, from, (uint64_t)n * size);
    return error;
}

int32_t mw_in_ints(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int **out)
{
    return copy_in(call, arena, argument, p, n, sizeof(int), (void **)out);
}

int32_t mw_in_counts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int **out)
{
    MW_TRY(mw_in_ints(call, arena, argument, p, n, out));
    int all = 0;
    for (int64_t i = 0; i < n; i++)
        all |= (*out)[i];
    for (int64_t i = 0; all < 0 && i < n; i++)
        if ((*out)[i] < 0)
            return mw_raise_error(call, MW_GUEST_ERR_COUNT, argument, "element %lld is negative: %d", (long long)i,
                                  (*out)[i]);
    return MW_GUEST_SUCCESS;
}

int32_t mw_in_ranks(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int size,
                    bool special, int **out)
{
    MW_TRY(mw_in_ints(call, arena, argument, p, n, out));
    for (int64_t i = 0; i < n; i++) {
        int *rank = &(*out)[i];
        if (special && *rank == MW_GUEST_PROC_NULL)
            *rank = MPI_PROC_NULL;
        else if ((uint32_t)*rank >= (uint32_t)size)
            return mw_raise_error(call, MW_GUEST_ERR_RANK, argument, "element %lld is not a rank of %d: %d",
                                  (long long)i, size, *rank);
    }
    return MW_GUEST_SUCCESS;
}

int32_t mw_in_aints(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    MPI_Aint **out)
{
    if (sizeof(mw_guest_aint) == sizeof(MPI_Aint))
        return copy_in(call, arena, argument, p, n, sizeof(MPI_Aint), (void **)out);
    mw_arena scratch = mw_scratch_begin();
    mw_guest_aint *ints;
    int32_t error = copy_in(call, &scratch, argument, p, n, sizeof *ints, (void **)&ints);
    if (!error && (*out = mw_arena_take(call, arena, (uint64_t)n * sizeof(MPI_Aint), &error))) {
        for (int64_t i = 0; i < n; i++)
            (*out)[i] = ints[i];
    }
    /* With a scratch arena of the caller's, its block lies above ours on the same stack and must stay. */
    if (arena->keep || error)
        mw_arena_end(&scratch);
    return error;
}

int32_t mw_in_words(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    mw_guest_word **out)
{
    return copy_in(call, arena, argument, p, n, sizeof **out, (void **)out);
}

int32_t mw_in_longs(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    int64_t **out)
{
    return copy_in(call, arena, argument, p, n, sizeof(int64_t), (void **)out);
}

int32_t mw_in_weights(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                      int **out)
{
    if (p.addr == MW_GUEST_UNWEIGHTED) {
        *out = MPI_UNWEIGHTED;
        return MW_GUEST_SUCCESS;
    }
    if (p.addr == MW_GUEST_WEIGHTS_EMPTY && n == 0) {
        *out = MPI_WEIGHTS_EMPTY;
        return MW_GUEST_SUCCESS;
    }
    return mw_in_ints(call, arena, argument, p, n, out);
}

int32_t mw_in_types(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr handles, int64_t n,
                    MPI_Datatype **hosts, const mw_type_slot ***slots)
{
    int32_t error = MW_GUEST_SUCCESS;
    mw_guest_word *values;

    MW_TRY(mw_in_words(call, arena, argument, handles, n, &values));
    *hosts = mw_arena_take(call, arena, (uint64_t)n * sizeof **hosts, &error);
    if (!*hosts)
        return error;
    if (slots && !(*slots = mw_arena_take(call, arena, (uint64_t)n * sizeof **slots, &error)))
        return error;
    for (int64_t i = 0; i < n; i++) {
        const mw_type_slot *slot;
        MW_TRY(mw_in_type(call, argument, (mw_guest_type){values[i]}, &slot));
        (*hosts)[i] = slot->host;
        if (slots)
            (*slots)[i] = slot;
    }
    return MW_GUEST_SUCCESS;
}

int32_t mw_in_infos(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr handles, int64_t n,
                    MPI_Info **hosts)
{
    int32_t error = MW_GUEST_SUCCESS;
    mw_guest_word *values;

    MW_TRY(mw_in_words(call, arena, argument, handles, n, &values));
    if (!(*hosts = mw_arena_take(call, arena, (uint64_t)n * sizeof **hosts, &error)))
        return error;
    for (int64_t i = 0; i < n; i++)
        MW_TRY(mw_in_info_or_null(call, argument, (mw_guest_info){values[i]}, &(*hosts)[i]));
    return MW_GUEST_SUCCESS;
}

int32_t mw_out_ints(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, int32_t **out)
{
    if (n < 0 || n > UINT32_MAX)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%lld elements", (long long)n);
    return mw_out_span(call, argument, p, (uint64_t)n * sizeof(int32_t), (void **)out);
}

int32_t mw_out_words(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, mw_guest_word **out)
{
    if (n < 0 || n > UINT32_MAX)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%lld elements", (long long)n);
    return mw_out_span(call, argument, p, (uint64_t)n * sizeof **out, (void **)out);
}

int32_t mw_out_addresses(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, mw_guest_aint **out)
{
    return mw_out_words(call, argument, p, n, (mw_guest_word **)out);
}

int32_t mw_out_longs(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, int64_t **out)
{
    if (n < 0 || n > UINT32_MAX)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%lld elements", (long long)n);
    return mw_out_span(call, argument, p, (uint64_t)n * sizeof(int64_t), (void **)out);
}

int32_t mw_in_string(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, uint64_t max,
                     char **out)
{
    const char *from;
    int32_t error = MW_GUEST_SUCCESS;

    if (p.addr < 16)
        return mw_raise_span(call, argument, p, 1);
    int64_t length = mw_guest_string(call->instance, p, max, &from);
    if (length < 0)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "no end of string within %llu bytes at 0x%llx",
                              (unsigned long long)max, (unsigned long long)p.addr);
    *out = mw_arena_take(call, arena, (uint64_t)length + 1, &error);
    if (*out) {
        memcpy(*out, from, (size_t)length);
        (*out)[length] = 0;
    }
    return error;
}

int32_t mw_put_string(void *span, uint64_t size, const char *text)
{
    uint64_t length = strlen(text);
    if (length >= size)
        length = size - 1;
    memcpy(span, text, length);
    ((char *)span)[length] = 0;
    return (int32_t)length;
}
