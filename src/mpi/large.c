/* Large-count forms: arrays of counts, and decoding of the datatypes that were made of such counts. */
#include "mpi/large.h"
#include "mpi/state.h"
#include "shims.h"

/* ---- Arrays in -------------------------------------------------------------------------------------------------- */

/* Values that were checked to fit, as the host takes them. */
static int32_t as_host_ints(const mw_call *call, mw_arena *arena, int64_t *values, int64_t n, mw_large_int **out)
{
    int32_t error = MW_GUEST_SUCCESS;
#if MPI_VERSION >= 4
    (void)call, (void)arena, (void)n;
    *out = (mw_large_int *)values;
#else
    *out = mw_arena_take(call, arena, (uint64_t)n * sizeof **out, &error);
    for (int64_t i = 0; !error && i < n; i++)
        (*out)[i] = (mw_large_int)values[i];
#endif
    return error;
}

int32_t mw_in_large_counts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_int **out)
{
    int64_t *values;
    MW_TRY(mw_in_longs(call, arena, argument, p, n, &values));
    for (int64_t i = 0; i < n; i++)
        MW_TRY(mw_in_large_count(call, argument, values[i]));
    return as_host_ints(call, arena, values, n, out);
}

int32_t mw_in_large_shifts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_int **out)
{
    int64_t *values;
    MW_TRY(mw_in_longs(call, arena, argument, p, n, &values));
    for (int64_t i = 0; i < n; i++)
        MW_TRY(mw_in_large_shift(call, argument, values[i]));
    return as_host_ints(call, arena, values, n, out);
}

int32_t mw_in_large_bytes(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                          mw_large_aint **out)
{
    int64_t *values = NULL;
    int32_t error = mw_in_longs(call, arena, argument, p, n, &values);
    _Static_assert(sizeof(mw_large_aint) == sizeof(int64_t), "both are 64 bits on every host");
    *out = (mw_large_aint *)values;
    return error;
}

int32_t mw_in_large_displs(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                           mw_large_displ **out)
{
#if MPI_VERSION >= 4
    return mw_in_aints(call, arena, argument, p, n, out);
#else
    MPI_Aint *values;
    int32_t error = mw_in_aints(call, arena, argument, p, n, &values);
    for (int64_t i = 0; !error && i < n; i++)
        error = mw_in_large_shift(call, argument, values[i]);
    if (!error)
        *out = mw_arena_take(call, arena, (uint64_t)n * sizeof **out, &error);
    for (int64_t i = 0; !error && i < n; i++)
        (*out)[i] = (mw_large_displ)values[i];
    return error;
#endif
}

/* ---- Decoding (MPI 4.1, 5.1.13) ------------------------------------------------------------------------------------ */

/* A host without large-count forms keeps what their plain ones got: this attribute marks the datatypes whose counts the
 * guest gave as large ones. Datatypes that decoding returns have it too, being the same host objects. */
#if MPI_VERSION < 4
static int large_keyval = MPI_KEYVAL_INVALID;
static pthread_once_t large_once = PTHREAD_ONCE_INIT;

static void make_large_keyval(void)
{
    MPI_Type_create_keyval(MPI_TYPE_NULL_COPY_FN, MPI_TYPE_NULL_DELETE_FN, &large_keyval, NULL);
}

static int mark_large(MPI_Datatype type)
{
    pthread_once(&large_once, make_large_keyval);
    return MPI_Type_set_attr(type, large_keyval, NULL);
}

static bool is_large(MPI_Datatype type)
{
    void *value;
    int flag = 0;
    return large_keyval != MPI_KEYVAL_INVALID && MPI_Type_get_attr(type, large_keyval, &value, &flag) == MPI_SUCCESS &&
           flag;
}
#endif

int32_t mw_out_large_type(const mw_call *call, const char *argument, MPI_Datatype host, mw_guest_word *out)
{
#if MPI_VERSION < 4
    MW_TRY(mw_result(mark_large(host)));
#endif
    return mw_out_type(call, argument, host, out);
}

typedef struct envelope {
    int64_t integers, addresses, counts, types;
    int combiner; /* the host's */
} envelope;

/* `host` is the datatype without padding. */
static int32_t get_envelope(const mw_type_slot *type, MPI_Datatype host, envelope *out)
{
    if (type->flags & MW_TYPE_PREDEFINED) {
        *out = (envelope){.combiner = MPI_COMBINER_NAMED};
        return MW_GUEST_SUCCESS;
    }
#if MPI_VERSION >= 4
    MPI_Count n[4];
    MW_TRY(mw_result(MPI_Type_get_envelope_c(host, &n[0], &n[1], &n[2], &n[3], &out->combiner)));
    out->integers = n[0];
    out->addresses = n[1];
    out->counts = n[2];
    out->types = n[3];
#else
    int integers, addresses, types;
    MW_TRY(mw_result(MPI_Type_get_envelope(host, &integers, &addresses, &types, &out->combiner)));
    *out = (envelope){integers, addresses, 0, types, out->combiner};
    if (!is_large(type->host))
        return MW_GUEST_SUCCESS;
    if (out->combiner == MPI_COMBINER_SUBARRAY) /* ndims, sizes, subsizes, starts, order */
        *out = (envelope){2, 0, integers - 2, types, out->combiner};
    else if (out->combiner == MPI_COMBINER_DARRAY) /* size, rank, ndims, gsizes and three more arrays, order */
        *out = (envelope){integers - (integers - 4) / 4, 0, (integers - 4) / 4, types, out->combiner};
    else
        *out = (envelope){0, 0, integers + addresses, types, out->combiner};
#endif
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Type_get_envelope_c(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr num_integers,
                                   mw_guest_ptr num_addresses, mw_guest_ptr num_large_counts,
                                   mw_guest_ptr num_datatypes, mw_guest_ptr combiner)
{
    mw_call call = MW_CALL("MPI_Type_get_envelope_c");
    const mw_type_slot *type;
    envelope n;
    int64_t *out[4];
    int32_t *out_combiner;
    MW_TRY(mw_in_type(&call, "datatype", datatype, &type));
    MW_TRY(mw_out_i64(&call, "num_integers", num_integers, &out[0]));
    MW_TRY(mw_out_i64(&call, "num_addresses", num_addresses, &out[1]));
    MW_TRY(mw_out_i64(&call, "num_large_counts", num_large_counts, &out[2]));
    MW_TRY(mw_out_i64(&call, "num_datatypes", num_datatypes, &out[3]));
    MW_TRY(mw_out_i32(&call, "combiner", combiner, &out_combiner));
    MPI_Datatype made, plain = mw_type_unpadded(type, &made);
    int32_t error = get_envelope(type, plain, &n);
    if (made != MPI_DATATYPE_NULL)
        MPI_Type_free(&made);
    MW_TRY(error);
    *out[0] = n.integers;
    *out[1] = n.addresses;
    *out[2] = n.counts;
    *out[3] = n.types;
    *out_combiner = mw_out_combiner(n.combiner);
    return MW_GUEST_SUCCESS;
}

typedef struct contents {
    int32_t *integers;
    MPI_Aint *addresses;
    int64_t *counts;
    MPI_Datatype *types;
} contents;

static int32_t take_contents(const mw_call *call, mw_arena *arena, const envelope *n, contents *out)
{
    int32_t error = MW_GUEST_SUCCESS;
    *out = (contents){NULL, NULL, NULL, NULL};
    if ((out->integers = mw_arena_take(call, arena, (uint64_t)n->integers * sizeof *out->integers, &error)) &&
        (out->addresses = mw_arena_take(call, arena, (uint64_t)n->addresses * sizeof *out->addresses, &error)) &&
        (out->counts = mw_arena_take(call, arena, (uint64_t)n->counts * sizeof *out->counts, &error)))
        out->types = mw_arena_take(call, arena, (uint64_t)n->types * sizeof *out->types, &error);
    return error;
}

#if MPI_VERSION >= 4
static int32_t get_contents(const mw_call *call, mw_arena *arena, MPI_Datatype type, const envelope *n,
                            contents *out)
{
    MW_TRY(take_contents(call, arena, n, out));
    return mw_result(MPI_Type_get_contents_c(type, n->integers, n->addresses, n->counts, n->types, out->integers,
                                             out->addresses, (MPI_Count *)out->counts, out->types));
}
#else
/* What a large-count constructor got lies in the host's integers, in the same order, and then in its addresses. */
static int32_t get_contents(const mw_call *call, mw_arena *arena, MPI_Datatype type, const envelope *n,
                            contents *out)
{
    envelope plain = *n;
    contents host;
    bool array = n->combiner == MPI_COMBINER_SUBARRAY || n->combiner == MPI_COMBINER_DARRAY;
    int integers, addresses, types, combiner;

    MW_TRY(mw_result(MPI_Type_get_envelope(type, &integers, &addresses, &types, &combiner)));
    plain.integers = integers;
    plain.addresses = addresses;
    MW_TRY(take_contents(call, arena, &plain, &host));
    MW_TRY(mw_result(MPI_Type_get_contents(type, integers, addresses, types, host.integers, host.addresses,
                                           host.types)));
    *out = host;
    if (n->counts == 0)
        return MW_GUEST_SUCCESS;
    /* Of arrays the counts follow ndims and the fixed numbers before it. */
    int64_t first = !array ? 0 : n->combiner == MPI_COMBINER_SUBARRAY ? 1 : 3;
    for (int64_t i = 0; i < n->counts; i++)
        out->counts[i] = first + i < integers ? host.integers[first + i] : host.addresses[i - integers];
    if (array)
        memmove(&out->integers[first], &host.integers[first + n->counts],
                (uint64_t)(integers - first - n->counts) * sizeof(int32_t));
    return MW_GUEST_SUCCESS;
}
#endif

int32_t mw_MPI_Type_get_contents_c(mw_instance *instance, mw_guest_type datatype, mw_guest_count max_integers,
                                   mw_guest_count max_addresses, mw_guest_count max_large_counts,
                                   mw_guest_count max_datatypes, mw_guest_ptr array_of_integers,
                                   mw_guest_ptr array_of_addresses, mw_guest_ptr array_of_large_counts,
                                   mw_guest_ptr array_of_datatypes)
{
    mw_call call = MW_CALL("MPI_Type_get_contents_c");
    mw_arena arena = mw_scratch_begin();
    const mw_type_slot *type;
    MPI_Datatype plain, made = MPI_DATATYPE_NULL;
    envelope n;
    contents host;
    int32_t *integers, error;
    mw_guest_aint *addresses;
    mw_guest_word *types;
    int64_t *counts;

    if ((error = mw_in_type(&call, "datatype", datatype, &type)) ||
        (error = mw_out_ints(&call, "array_of_integers", array_of_integers, max_integers, &integers)) ||
        (error = mw_out_addresses(&call, "array_of_addresses", array_of_addresses, max_addresses, &addresses)) ||
        (error = mw_out_longs(&call, "array_of_large_counts", array_of_large_counts, max_large_counts, &counts)) ||
        (error = mw_out_words(&call, "array_of_datatypes", array_of_datatypes, max_datatypes, &types)))
        goto out;
    plain = mw_type_unpadded(type, &made);
    if ((error = get_envelope(type, plain, &n)))
        goto out;
    if (n.combiner == MPI_COMBINER_NAMED)
        error = mw_raise_error(&call, MW_GUEST_ERR_TYPE, "datatype", "a predefined datatype has no contents");
    else if (max_integers < n.integers || max_addresses < n.addresses || max_large_counts < n.counts ||
             max_datatypes < n.types)
        error = mw_raise_error(&call, MW_GUEST_ERR_ARG, NULL,
                               "needs room for %lld integers, %lld addresses, %lld large counts, %lld datatypes",
                               (long long)n.integers, (long long)n.addresses, (long long)n.counts, (long long)n.types);
    if (error || (error = get_contents(&call, &arena, plain, &n, &host)))
        goto out;
    mw_out_contents(n.combiner, n.counts > 0, host.integers, n.integers);
    for (int64_t i = 0; i < n.types && n.combiner == MPI_COMBINER_STRUCT; i++) {
        if (!mw_find_mark(&host.types[i]))
            continue;
        if (n.counts > 0) /* the host got none of it */
            host.counts[1 + i] = 1;
        else
            host.integers[1 + i] = 1;
    }
    memcpy(integers, host.integers, (uint64_t)n.integers * sizeof *integers);
    for (int64_t i = 0; i < n.addresses; i++)
        addresses[i] = (mw_guest_aint)host.addresses[i];
    memcpy(counts, host.counts, (uint64_t)n.counts * sizeof *counts);
    for (int64_t i = 0; i < n.types && !error; i++)
        if (!(error = mw_out_type(&call, "array_of_datatypes", host.types[i], &types[i])))
            mw_type_derive(types[i], &type, 1);
out:
    if (made != MPI_DATATYPE_NULL)
        MPI_Type_free(&made);
    mw_arena_end(&arena);
    return error;
}
