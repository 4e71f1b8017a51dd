/* Datatypes: commit, free, decoding, packing, and the constructors of MPI 1 that MPI 3 removed. */
#include "mpi/shim.h"
#include "mpi/state.h"
#include "shims.h"

int32_t mw_MPI_Type_commit(mw_instance *instance, mw_guest_ptr datatype)
{
    mw_call call = MW_CALL("MPI_Type_commit");
    const mw_type_slot *type;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "datatype", datatype, &handle));
    MW_TRY(mw_in_type(&call, "datatype", (mw_guest_type){*handle}, &type));
    MPI_Datatype host = type->host;
    return mw_result(MPI_Type_commit(&host));
}

int32_t mw_MPI_Type_free(mw_instance *instance, mw_guest_ptr datatype)
{
    mw_call call = MW_CALL("MPI_Type_free");
    const mw_type_slot *type;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "datatype", datatype, &handle));
    MW_TRY(mw_in_type(&call, "datatype", (mw_guest_type){*handle}, &type));
    if (type->flags & MW_TYPE_PREDEFINED)
        return mw_raise_error(&call, MW_GUEST_ERR_TYPE, "datatype", "a predefined datatype cannot be freed");
    MW_TRY(mw_in_attributes(&call, "datatype", *handle));
    MPI_Datatype host = type->host;
    mw_leaving leaving;
    mw_leave_begin(&leaving, (mw_slot_head *)&type->head);
    int rc = MPI_Type_free(&host); /* delete callbacks still find the guest's handle */
    mw_leave_end(&leaving, rc == MPI_SUCCESS);
    if (rc == MPI_SUCCESS) {
        mw_type_free((mw_type_slot *)type);
        *handle = MW_GUEST_DATATYPE_NULL;
    }
    return mw_result(rc);
}

/* ---- Names (MPI 4.1, 7.8) --------------------------------------------------------------------------------------- */

/* X(name): several guest types are one host type, so the host's names are not theirs. */
#define TYPE_NAMES(X)                                                                              \
    X(AINT) X(COUNT) X(OFFSET) X(PACKED) X(SHORT) X(INT) X(LONG) X(LONG_LONG) X(UNSIGNED_SHORT)    \
    X(UNSIGNED) X(UNSIGNED_LONG) X(UNSIGNED_LONG_LONG) X(FLOAT) X(C_FLOAT_COMPLEX)                 \
    X(CXX_FLOAT_COMPLEX) X(DOUBLE) X(C_DOUBLE_COMPLEX) X(CXX_DOUBLE_COMPLEX) X(LOGICAL) X(INTEGER) \
    X(REAL) X(COMPLEX) X(DOUBLE_PRECISION) X(DOUBLE_COMPLEX) X(CHARACTER) X(LONG_DOUBLE)           \
    X(C_LONG_DOUBLE_COMPLEX) X(CXX_LONG_DOUBLE_COMPLEX) X(FLOAT_INT) X(DOUBLE_INT) X(LONG_INT)     \
    X(2INT) X(SHORT_INT) X(LONG_DOUBLE_INT) X(2REAL) X(2DOUBLE_PRECISION) X(2INTEGER) X(C_BOOL)    \
    X(CXX_BOOL) X(WCHAR) X(INT8_T) X(UINT8_T) X(CHAR) X(SIGNED_CHAR) X(UNSIGNED_CHAR) X(BYTE)      \
    X(INT16_T) X(UINT16_T) X(INT32_T) X(UINT32_T) X(INT64_T) X(UINT64_T) X(LOGICAL1) X(INTEGER1)   \
    X(LB) X(UB) X(LOGICAL2) X(INTEGER2) X(LOGICAL4) X(INTEGER4) X(REAL4) X(LOGICAL8) X(INTEGER8) X(REAL8)      \
    X(COMPLEX8) X(INTEGER16) X(REAL16) X(COMPLEX16) X(COMPLEX32)

static const char *predefined_name(mw_guest_word guest)
{
    switch (guest) {
#define X(name)                                                                                    \
    case MW_GUEST_##name:                                                                          \
        return "MPI_" #name;
        TYPE_NAMES(X)
#undef X
    default:
        return "";
    }
}

int32_t mw_MPI_Type_get_name(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr type_name,
                             mw_guest_ptr resultlen)
{
    mw_call call = MW_CALL("MPI_Type_get_name");
    const mw_type_slot *type;
    char name[MPI_MAX_OBJECT_NAME + 1] = "";
    int32_t *out_length;
    void *out;
    int length;
    MW_TRY(mw_in_type(&call, "datatype", datatype, &type));
    MW_TRY(mw_out_i32(&call, "resultlen", resultlen, &out_length));
    MW_TRY(mw_result(MPI_Type_get_name(type->host, name, &length)));
    /* A predefined type has the guest's name unless the guest gave it another. */
    bool own = (type->flags & MW_TYPE_PREDEFINED) && (name[0] == 0 || strncmp(name, "MPI_", 4) == 0);
    const char *text = own ? predefined_name(datatype.value) : name;
    MW_TRY(mw_out_span(&call, "type_name", type_name, strlen(text) + 1, &out));
    *out_length = mw_put_string(out, MW_GUEST_MAX_OBJECT_NAME, text);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Type_get_value_index(mw_instance *instance, mw_guest_type value_type, mw_guest_type index_type,
                                    mw_guest_ptr pair_type)
{
    static const uint16_t pairs[][3] = {
        {MW_GUEST_FLOAT, MW_GUEST_INT, MW_GUEST_FLOAT_INT},
        {MW_GUEST_DOUBLE, MW_GUEST_INT, MW_GUEST_DOUBLE_INT},
        {MW_GUEST_LONG, MW_GUEST_INT, MW_GUEST_LONG_INT},
        {MW_GUEST_INT, MW_GUEST_INT, MW_GUEST_2INT},
        {MW_GUEST_SHORT, MW_GUEST_INT, MW_GUEST_SHORT_INT},
        {MW_GUEST_LONG_DOUBLE, MW_GUEST_INT, MW_GUEST_LONG_DOUBLE_INT},
        {MW_GUEST_REAL, MW_GUEST_REAL, MW_GUEST_2REAL},
        {MW_GUEST_DOUBLE_PRECISION, MW_GUEST_DOUBLE_PRECISION, MW_GUEST_2DOUBLE_PRECISION},
        {MW_GUEST_INTEGER, MW_GUEST_INTEGER, MW_GUEST_2INTEGER},
    };
    mw_call call = MW_CALL("MPI_Type_get_value_index");
    const mw_type_slot *type;
    mw_guest_word *out;
    MW_TRY(mw_in_type(&call, "value_type", value_type, &type));
    MW_TRY(mw_in_type(&call, "index_type", index_type, &type));
    MW_TRY(mw_out_word(&call, "pair_type", pair_type, &out));
    *out = MW_GUEST_DATATYPE_NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i][0] == value_type.value && pairs[i][1] == index_type.value &&
            mw_type_find((mw_guest_type){pairs[i][2]})) /* a host without Fortran lacks some */
            *out = pairs[i][2];
    return MW_GUEST_SUCCESS;
}

/* ---- Bounds of structs (MPI 4.1, 5.1.6; MPI 2.2, 4.1.6 on MPI_LB and MPI_UB) -------------------------------------------- */

enum { QUAD_ALIGNMENT = 16 };

/* Bounds that are set are those of the parts whose bounds were; to hosts both bounds of such a part were, so they cannot tell. */
static mw_bounds bounds_wanted(const mw_bounds *b, int64_t host_high)
{
    mw_bounds wanted = {.low = b->data ? b->low : 0, .high = b->data ? b->high : 0};
    if (b->data && b->set == 0 && host_high > wanted.high) /* the host pads */
        wanted.high = host_high;
    if (b->flags & MW_TYPE_LOW)
        wanted.low = b->set_low;
    if (b->flags & MW_TYPE_HIGH)
        wanted.high = b->set_high;
    else if ((b->flags & MW_TYPE_QUAD) && wanted.high > wanted.low)
        wanted.high = wanted.low + (wanted.high - wanted.low + QUAD_ALIGNMENT - 1) / QUAD_ALIGNMENT * QUAD_ALIGNMENT;
    return wanted;
}

bool mw_find_mark(MPI_Datatype *host)
{
    MPI_Aint lb, extent;
    int size;
    if (MPI_Type_size(*host, &size) != MPI_SUCCESS || MPI_Type_get_extent(*host, &lb, &extent) != MPI_SUCCESS ||
        size != 0 || extent != 0 || (lb != MW_LB_MARK && lb != MW_UB_MARK))
        return false;
    MPI_Type_free(host); /* the reference */
    *host = mw_made_types[lb == MW_LB_MARK ? MW_MADE_LB : MW_MADE_UB];
    return true;
}

int32_t mw_bound_struct(const mw_bounds *bounds, MPI_Datatype *host, bool *padded)
{
    MPI_Count lb, extent;
    MPI_Datatype resized;
    bool quad = (bounds->flags & MW_TYPE_QUAD) && !(bounds->flags & MW_TYPE_BOUNDED) && bounds->high > bounds->low;
    if (!quad && !bounds->half)
        return MW_GUEST_SUCCESS;
    MW_TRY(mw_result(MPI_Type_get_extent_x(*host, &lb, &extent)));
    mw_bounds wanted = bounds_wanted(bounds, bounds->half ? lb + extent : bounds->high);
    if (!bounds->half && lb == wanted.low && extent == wanted.high - wanted.low)
        return MW_GUEST_SUCCESS;
    int rc = MPI_Type_create_resized(*host, (MPI_Aint)wanted.low, (MPI_Aint)(wanted.high - wanted.low), &resized);
    MPI_Type_free(host);
    *host = resized;
    *padded = true;
    return mw_result(rc);
}

MPI_Datatype mw_type_unpadded(const mw_type_slot *type, MPI_Datatype *made)
{
    MPI_Aint bounds[2];
    int none;
    *made = MPI_DATATYPE_NULL;
    if ((type->flags & MW_TYPE_PADDED) &&
        MPI_Type_get_contents(type->host, 0, 2, 1, &none, bounds, made) == MPI_SUCCESS)
        return *made;
    return type->host;
}

/* ---- Decoding (MPI 4.1, 5.1.13) ------------------------------------------------------------------------------- */

int32_t mw_MPI_Type_get_envelope(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr num_integers,
                                 mw_guest_ptr num_addresses, mw_guest_ptr num_datatypes, mw_guest_ptr combiner)
{
    mw_call call = MW_CALL("MPI_Type_get_envelope");
    const mw_type_slot *type;
    int32_t *out[4];
    int integers, addresses, datatypes, host_combiner;
    MW_TRY(mw_in_type(&call, "datatype", datatype, &type));
    MW_TRY(mw_out_i32(&call, "num_integers", num_integers, &out[0]));
    MW_TRY(mw_out_i32(&call, "num_addresses", num_addresses, &out[1]));
    MW_TRY(mw_out_i32(&call, "num_datatypes", num_datatypes, &out[2]));
    MW_TRY(mw_out_i32(&call, "combiner", combiner, &out[3]));
    if (type->flags & MW_TYPE_PREDEFINED) {
        *out[0] = *out[1] = *out[2] = 0;
        *out[3] = MW_GUEST_COMBINER_NAMED;
        return MW_GUEST_SUCCESS;
    }
    MPI_Datatype made, host = mw_type_unpadded(type, &made);
    int rc = MPI_Type_get_envelope(host, &integers, &addresses, &datatypes, &host_combiner);
    if (made != MPI_DATATYPE_NULL)
        MPI_Type_free(&made);
    MW_TRY(mw_result(rc));
    *out[0] = integers;
    *out[1] = addresses;
    *out[2] = datatypes;
    *out[3] = mw_out_combiner(host_combiner);
    return MW_GUEST_SUCCESS;
}

/* The host counts a reference for each derived datatype that it returns, so each becomes a handle of its own. `whole` is made
 * of them. */
static int32_t put_types(const mw_call *call, const mw_type_slot *whole, const MPI_Datatype *hosts, int n,
                         mw_guest_word *out)
{
    for (int i = 0; i < n; i++) {
        MW_TRY(mw_out_type(call, "array_of_datatypes", hosts[i], &out[i]));
        mw_type_derive(out[i], &whole, 1);
    }
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Type_get_contents(mw_instance *instance, mw_guest_type datatype, int32_t max_integers,
                                 int32_t max_addresses, int32_t max_datatypes, mw_guest_ptr array_of_integers,
                                 mw_guest_ptr array_of_addresses, mw_guest_ptr array_of_datatypes)
{
    mw_call call = MW_CALL("MPI_Type_get_contents");
    mw_arena arena = mw_scratch_begin();
    const mw_type_slot *type;
    int32_t *out_integers, error = MW_GUEST_SUCCESS;
    mw_guest_aint *out_addresses;
    mw_guest_word *out_datatypes;
    int ni, na, nd, combiner;
    MW_TRY(mw_in_type(&call, "datatype", datatype, &type));
    MW_TRY(mw_out_ints(&call, "array_of_integers", array_of_integers, max_integers, &out_integers));
    MW_TRY(mw_out_addresses(&call, "array_of_addresses", array_of_addresses, max_addresses, &out_addresses));
    MW_TRY(mw_out_words(&call, "array_of_datatypes", array_of_datatypes, max_datatypes, &out_datatypes));
    MPI_Datatype made, host = mw_type_unpadded(type, &made);
    error = mw_result(MPI_Type_get_envelope(host, &ni, &na, &nd, &combiner));
    if (!error && (combiner == MPI_COMBINER_NAMED || (type->flags & MW_TYPE_PREDEFINED)))
        error = mw_raise_error(&call, MW_GUEST_ERR_TYPE, "datatype", "a predefined datatype has no contents");
    else if (!error && (max_integers < ni || max_addresses < na || max_datatypes < nd))
        error = mw_raise_error(&call, MW_GUEST_ERR_ARG, NULL, "needs room for %d integers, %d addresses, %d datatypes",
                               ni, na, nd);
    MPI_Aint *addresses = error ? NULL : mw_arena_take(&call, &arena, (uint64_t)na * sizeof *addresses, &error);
    MPI_Datatype *types = error ? NULL : mw_arena_take(&call, &arena, (uint64_t)nd * sizeof *types, &error);
    if (!error && !(error = mw_result(MPI_Type_get_contents(host, ni, na, nd, out_integers, addresses, types)))) {
        for (int i = 0; i < na; i++)
            out_addresses[i] = (mw_guest_aint)addresses[i];
        mw_out_contents(combiner, false, out_integers, ni);
        for (int i = 0; i < nd && combiner == MPI_COMBINER_STRUCT; i++)
            if (mw_find_mark(&types[i]))
                out_integers[1 + i] = 1; /* the host got none of it */
        error = put_types(&call, type, types, nd, out_datatypes);
    }
    if (made != MPI_DATATYPE_NULL)
        MPI_Type_free(&made);
    mw_arena_end(&arena);
    return error;
}

/* ---- Distributed arrays (MPI 4.1, 5.1.4) ------------------------------------------------------------------------ */

typedef struct darray {
    int size, rank, ndims, order;
    int64_t *gsizes;
    int *distribs, *dargs, *psizes;
} darray;

/* The host computes with these before it looks at them, or does not look at all in a build without checks. */
static int32_t check_dimension(const mw_call *call, const darray *d, int i)
{
    int guest_darg = d->dargs[i], host_distrib;

    MW_TRY(mw_in_distribution(call, "array_of_distribs", d->distribs[i], &host_distrib));
    d->distribs[i] = host_distrib;
    if (guest_darg == MW_GUEST_DISTRIBUTE_DFLT_DARG)
        d->dargs[i] = MPI_DISTRIBUTE_DFLT_DARG;
    else if (guest_darg <= 0)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "array_of_dargs", "element %d is %d", i, guest_darg);
    else if (host_distrib == MPI_DISTRIBUTE_BLOCK && (int64_t)guest_darg * d->psizes[i] < d->gsizes[i])
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "array_of_dargs", "blocks of %d on %d processes are less than %lld",
                              guest_darg, d->psizes[i], (long long)d->gsizes[i]);
    if (host_distrib == MPI_DISTRIBUTE_NONE && d->psizes[i] != 1)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "array_of_psizes", "element %d is %d, but nothing is distributed",
                              i, d->psizes[i]);
    return MW_GUEST_SUCCESS;
}

static int32_t check_darray(const mw_call *call, const darray *d)
{
    int64_t processes = 1;

    if (d->size < 1 || (uint32_t)d->rank >= (uint32_t)d->size || d->ndims < 1)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, NULL, "%d dimensions for rank %d of %d", d->ndims, d->rank,
                              d->size);
    for (int i = 0; i < d->ndims; i++) {
        if (d->gsizes[i] < 1 || d->psizes[i] < 1)
            return mw_raise_error(call, MW_GUEST_ERR_ARG, NULL, "dimension %d: %lld elements on %d processes", i,
                                  (long long)d->gsizes[i], d->psizes[i]);
        processes *= d->psizes[i];
        if (processes > d->size)
            break;
        MW_TRY(check_dimension(call, d, i));
    }
    return processes == d->size ? MW_GUEST_SUCCESS
                                : mw_raise_error(call, MW_GUEST_ERR_ARG, "array_of_psizes",
                                                 "the product is not the size, which is %d", d->size);
}

static double darray_reach(const darray *d, const mw_type_slot *type)
{
    double reach = mw_reach(type);
    for (int i = 0; i < d->ndims; i++)
        reach *= (double)d->gsizes[i];
    return reach;
}

/* Global sizes, of which the host gets `ints` or `larges`, and the checks get 64 bits. */
static int32_t in_gsizes(const mw_call *call, mw_arena *arena, mw_guest_ptr p, bool large, darray *d, int **ints,
                         mw_large_int **larges)
{
    int32_t error = MW_GUEST_SUCCESS;
    *ints = NULL, *larges = NULL;
    if (large)
        MW_TRY(mw_in_large_counts(call, arena, "array_of_gsizes", p, d->ndims, larges));
    else
        MW_TRY(mw_in_ints(call, arena, "array_of_gsizes", p, d->ndims, ints));
    d->gsizes = mw_arena_take(call, arena, (uint64_t)d->ndims * sizeof *d->gsizes, &error);
    for (int i = 0; !error && i < d->ndims; i++)
        d->gsizes[i] = large ? (*larges)[i] : (*ints)[i];
    return error;
}

static int32_t create_darray(const mw_call *call, bool large, darray d, mw_guest_ptr gsizes, mw_guest_ptr distribs,
                             mw_guest_ptr dargs, mw_guest_ptr psizes, int32_t order, mw_guest_type oldtype,
                             mw_guest_ptr newtype)
{
    mw_arena arena = mw_scratch_begin();
    const mw_type_slot *type = NULL;
    MPI_Datatype host;
    mw_large_int *larges;
    int *ints;
    mw_guest_word *out;
    int32_t error;

    if ((error = mw_in_type(call, "oldtype", oldtype, &type)) ||
        (error = mw_in_order(call, "order", order, &d.order)) ||
        (error = in_gsizes(call, &arena, gsizes, large, &d, &ints, &larges)) ||
        (error = mw_in_ints(call, &arena, "array_of_distribs", distribs, d.ndims, &d.distribs)) ||
        (error = mw_in_ints(call, &arena, "array_of_dargs", dargs, d.ndims, &d.dargs)) ||
        (error = mw_in_ints(call, &arena, "array_of_psizes", psizes, d.ndims, &d.psizes)) ||
        (error = check_darray(call, &d)) || (error = mw_in_reach(call, "newtype", darray_reach(&d, type))) ||
        (error = mw_out_word(call, "newtype", newtype, &out)))
        goto out;
    if (large)
        error = mw_result(MW_LARGE(MPI_Type_create_darray)(d.size, d.rank, d.ndims, larges, d.distribs, d.dargs,
                                                           d.psizes, d.order, type->host, &host));
    else
        error = mw_result(MPI_Type_create_darray(d.size, d.rank, d.ndims, ints, d.distribs, d.dargs, d.psizes, d.order,
                                                 type->host, &host));
    if (!error)
        error = (large ? mw_out_large_type : mw_out_type)(call, "newtype", host, out);
    if (!error)
        mw_type_derive(*out, &type, 1);
out:
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Type_create_darray(mw_instance *instance, int32_t size, int32_t rank, int32_t ndims,
                                  mw_guest_ptr gsizes, mw_guest_ptr distribs, mw_guest_ptr dargs, mw_guest_ptr psizes,
                                  int32_t order, mw_guest_type oldtype, mw_guest_ptr newtype)
{
    mw_call call = MW_CALL("MPI_Type_create_darray");
    return create_darray(&call, false, (darray){.size = size, .rank = rank, .ndims = ndims}, gsizes, distribs, dargs,
                         psizes, order, oldtype, newtype);
}

int32_t mw_MPI_Type_create_darray_c(mw_instance *instance, int32_t size, int32_t rank, int32_t ndims,
                                    mw_guest_ptr gsizes, mw_guest_ptr distribs, mw_guest_ptr dargs,
                                    mw_guest_ptr psizes, int32_t order, mw_guest_type oldtype, mw_guest_ptr newtype)
{
    mw_call call = MW_CALL("MPI_Type_create_darray_c");
    return create_darray(&call, true, (darray){.size = size, .rank = rank, .ndims = ndims}, gsizes, distribs, dargs,
                         psizes, order, oldtype, newtype);
}

/* ---- Removed in MPI 3.0 -------------------------------------------------------------------------------------------- */

typedef enum type_bound { BOUND_EXTENT, BOUND_LOWER, BOUND_UPPER } type_bound;

static int32_t out_bound(const mw_call *call, mw_guest_type datatype, type_bound bound, const char *argument,
                         mw_guest_ptr p)
{
    const mw_type_slot *type;
    mw_guest_aint *out;
    MW_TRY(mw_in_type(call, "datatype", datatype, &type));
    MW_TRY(mw_out_address(call, argument, p, &out));
    *out = (mw_guest_aint)((bound == BOUND_EXTENT ? 0 : type->lb) + (bound == BOUND_LOWER ? 0 : type->extent));
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Type_extent(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr extent)
{
    mw_call call = MW_CALL("MPI_Type_extent");
    return out_bound(&call, datatype, BOUND_EXTENT, "extent", extent);
}

int32_t mw_MPI_Type_lb(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr displacement)
{
    mw_call call = MW_CALL("MPI_Type_lb");
    return out_bound(&call, datatype, BOUND_LOWER, "displacement", displacement);
}

int32_t mw_MPI_Type_ub(mw_instance *instance, mw_guest_type datatype, mw_guest_ptr displacement)
{
    mw_call call = MW_CALL("MPI_Type_ub");
    return out_bound(&call, datatype, BOUND_UPPER, "displacement", displacement);
}

/* These differ from their successors in name only. */
int32_t mw_MPI_Type_hvector(mw_instance *instance, int32_t count, int32_t blocklength, mw_guest_aint stride,
                            mw_guest_type oldtype, mw_guest_ptr newtype)
{
    return mw_MPI_Type_create_hvector(instance, count, blocklength, stride, oldtype, newtype);
}

int32_t mw_MPI_Type_hindexed(mw_instance *instance, int32_t count, mw_guest_ptr blocklengths,
                             mw_guest_ptr displacements, mw_guest_type oldtype, mw_guest_ptr newtype)
{
    return mw_MPI_Type_create_hindexed(instance, count, blocklengths, displacements, oldtype, newtype);
}

int32_t mw_MPI_Type_struct(mw_instance *instance, int32_t count, mw_guest_ptr blocklengths,
                           mw_guest_ptr displacements, mw_guest_ptr types, mw_guest_ptr newtype)
{
    return mw_MPI_Type_create_struct(instance, count, blocklengths, displacements, types, newtype);
}
