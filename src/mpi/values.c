/* Enumerations and flag sets there and back, and the host's results as guest handles. */
#include "mpi/convert.h"
#include "mpi/state.h"

typedef struct value_row {
    int32_t guest;
    int host;
} value_row;

#define ROW(name) {MW_GUEST_##name, MPI_##name}
#define LENGTH(rows) (sizeof(rows) / sizeof(rows)[0])

static int32_t value_in(const mw_call *call, const char *argument, const value_row *rows, size_t n, int32_t value,
                        int *out)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].guest == value) {
            *out = rows[i].host;
            return MW_GUEST_SUCCESS;
        }
    return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%d is not one of the values defined for it", value);
}

static int32_t value_out(const value_row *rows, size_t n, int host)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].host == host)
            return rows[i].guest;
    return MW_GUEST_UNDEFINED;
}

static const value_row split_types[] = {
    ROW(UNDEFINED),
    ROW(COMM_TYPE_SHARED),
#ifdef MPI_COMM_TYPE_HW_UNGUIDED
    ROW(COMM_TYPE_HW_UNGUIDED),
    ROW(COMM_TYPE_HW_GUIDED),
#endif
};
static const value_row thread_levels[] = {
    ROW(THREAD_SINGLE),
    ROW(THREAD_FUNNELED),
    ROW(THREAD_SERIALIZED),
    ROW(THREAD_MULTIPLE),
};
static const value_row orders[] = {ROW(ORDER_C), ROW(ORDER_FORTRAN)};
static const value_row typeclasses[] = {ROW(TYPECLASS_INTEGER), ROW(TYPECLASS_REAL), ROW(TYPECLASS_COMPLEX)};
static const value_row distributions[] = {ROW(DISTRIBUTE_BLOCK), ROW(DISTRIBUTE_CYCLIC), ROW(DISTRIBUTE_NONE)};
static const value_row comparisons[] = {ROW(IDENT), ROW(CONGRUENT), ROW(SIMILAR), ROW(UNEQUAL)};
static const value_row topologies[] = {ROW(CART), ROW(GRAPH), ROW(DIST_GRAPH), ROW(UNDEFINED)};
static const value_row combiners[] = {
    ROW(COMBINER_NAMED),         ROW(COMBINER_DUP),           ROW(COMBINER_CONTIGUOUS),
    ROW(COMBINER_VECTOR),        ROW(COMBINER_HVECTOR),       ROW(COMBINER_INDEXED),
    ROW(COMBINER_HINDEXED),      ROW(COMBINER_INDEXED_BLOCK), ROW(COMBINER_HINDEXED_BLOCK),
    ROW(COMBINER_STRUCT),        ROW(COMBINER_SUBARRAY),      ROW(COMBINER_DARRAY),
    ROW(COMBINER_F90_REAL),      ROW(COMBINER_F90_COMPLEX),   ROW(COMBINER_F90_INTEGER),
    ROW(COMBINER_RESIZED),
};

static const value_row lock_types[] = {ROW(LOCK_EXCLUSIVE), ROW(LOCK_SHARED)};
static const value_row window_models[] = {ROW(WIN_UNIFIED), ROW(WIN_SEPARATE)};
static const value_row seeks[] = {ROW(SEEK_SET), ROW(SEEK_CUR), ROW(SEEK_END)};
static const value_row amodes[] = {
    ROW(MODE_RDONLY), ROW(MODE_RDWR), ROW(MODE_WRONLY), ROW(MODE_APPEND), ROW(MODE_SEQUENTIAL), ROW(MODE_UNIQUE_OPEN),
    {MW_GUEST_MODE_CREATE, 0}, {MW_GUEST_MODE_EXCL, 0}, {MW_GUEST_MODE_DELETE_ON_CLOSE, 0},
};
static const value_row asserts[] = {
    ROW(MODE_NOCHECK), ROW(MODE_NOPRECEDE), ROW(MODE_NOPUT), ROW(MODE_NOSTORE), ROW(MODE_NOSUCCEED),
};

#define VALUE_IN(name, rows)                                                                       \
    int32_t mw_in_##name(const mw_call *call, const char *argument, int32_t value, int *out)       \
    {                                                                                              \
        return value_in(call, argument, rows, LENGTH(rows), value, out);                           \
    }
#define VALUE_OUT(name, rows)                                                                      \
    int32_t mw_out_##name(int host)                                                                \
    {                                                                                              \
        return value_out(rows, LENGTH(rows), host);                                                \
    }

VALUE_IN(split_type, split_types)
VALUE_IN(thread_level, thread_levels)
VALUE_IN(order, orders)
VALUE_IN(typeclass, typeclasses)
VALUE_IN(distribution, distributions)
VALUE_IN(lock_type, lock_types)
VALUE_IN(whence, seeks)
VALUE_OUT(comparison, comparisons)
VALUE_OUT(topology, topologies)
VALUE_OUT(combiner, combiners)
VALUE_OUT(thread_level, thread_levels)
VALUE_OUT(window_model, window_models)

/* A set of flags; those that are none of `rows` fail with `error_class`. */
static int32_t flags_in(const mw_call *call, const char *argument, const value_row *rows, size_t n, int32_t error_class,
                        int32_t value, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++)
        if (value & rows[i].guest) {
            *out |= rows[i].host;
            value &= ~rows[i].guest;
        }
    return value == 0 ? MW_GUEST_SUCCESS
                      : mw_raise_error(call, error_class, argument, "0x%x is no flag of it", (unsigned)value);
}

int32_t mw_in_assert(const mw_call *call, const char *argument, int32_t value, int *out)
{
    return flags_in(call, argument, asserts, LENGTH(asserts), MW_GUEST_ERR_ASSERT, value, out);
}

int32_t mw_in_amode(const mw_call *call, const char *argument, int32_t value, int *out)
{
    return flags_in(call, argument, amodes, LENGTH(amodes), MW_GUEST_ERR_AMODE, value, out);
}

void mw_out_contents(int combiner, bool large, int32_t *integers, int64_t n)
{
    if (combiner != MPI_COMBINER_SUBARRAY && combiner != MPI_COMBINER_DARRAY)
        return;
    integers[n - 1] = value_out(orders, LENGTH(orders), integers[n - 1]);
    if (combiner == MPI_COMBINER_SUBARRAY)
        return;
    /* size, rank, ndims, then ndims each of gsizes (unless they are large counts), distribs, dargs and psizes */
    int32_t ndims = integers[2], *distribs = &integers[3 + (large ? 0 : ndims)], *dargs = distribs + ndims;
    for (int32_t i = 0; i < ndims; i++) {
        distribs[i] = value_out(distributions, LENGTH(distributions), distribs[i]);
        if (dargs[i] == MPI_DISTRIBUTE_DFLT_DARG)
            dargs[i] = MW_GUEST_DISTRIBUTE_DFLT_DARG;
    }
}

mw_checked_root mw_root_inter(const mw_call *call, const char *argument, int32_t root)
{
    if (root == MW_GUEST_ROOT)
        return (mw_checked_root){MW_GUEST_SUCCESS, MPI_ROOT, MW_ROLE_ROOT};
    if (root == MW_GUEST_PROC_NULL)
        return (mw_checked_root){MW_GUEST_SUCCESS, MPI_PROC_NULL, MW_ROLE_NONE};
    if ((uint32_t)root < (uint32_t)call->comm->remote_size)
        return (mw_checked_root){MW_GUEST_SUCCESS, root, MW_ROLE_LEAF};
    return (mw_checked_root){.error = mw_raise_rank(call, MW_GUEST_ERR_ROOT, argument, root)};
}

/* ---- Handles out ------------------------------------------------------------------------------------------ */

static int32_t raise_full(const mw_call *call, const char *argument, const char *what)
{
    return mw_raise_error(call, MW_GUEST_ERR_INTERN, argument, "too many %s at a time", what);
}

int32_t mw_out_comm(const mw_call *call, const char *argument, MPI_Comm host, mw_guest_word *out)
{
    if (host == MPI_COMM_NULL) {
        *out = MW_GUEST_COMM_NULL;
        return MW_GUEST_SUCCESS;
    }
    mw_comm_slot *slot = mw_comm_take();
    if (!slot)
        return raise_full(call, argument, "communicators");
    mw_comm_describe(slot, host);
    slot->own_fatal = call->comm && call->comm->own_fatal;
    *out = mw_comm_publish(slot).value;
    return MW_GUEST_SUCCESS;
}

int32_t mw_out_type(const mw_call *call, const char *argument, MPI_Datatype host, mw_guest_word *out)
{
    if (host == MPI_DATATYPE_NULL) {
        *out = MW_GUEST_DATATYPE_NULL;
        return MW_GUEST_SUCCESS;
    }
    uint32_t predefined = mw_type_predefined(host);
    if (predefined) {
        *out = predefined;
        return MW_GUEST_SUCCESS;
    }
    mw_type_slot *slot = mw_type_take();
    if (!slot)
        return raise_full(call, argument, "datatypes");
    mw_type_describe(slot, host);
    *out = mw_type_publish(slot).value;
    return MW_GUEST_SUCCESS;
}

void mw_type_derive(mw_guest_word handle, const mw_type_slot *const *types, int64_t n)
{
    mw_type_slot *slot = mw_type_find((mw_guest_type){handle});
    if (!slot || (slot->flags & MW_TYPE_PREDEFINED))
        return;
    bool first = true;
    slot->base = 0;
    for (int64_t i = 0; i < n; i++) {
        slot->flags |= types[i]->flags & (MW_TYPE_QUAD | MW_TYPE_BOUNDED);
        if (types[i]->flags & MW_TYPE_MARK)
            continue;
        slot->base = first || types[i]->base == slot->base ? types[i]->base : 0;
        first = false;
    }
}

void mw_type_mark(mw_guest_word handle, uint16_t flag)
{
    mw_type_slot *slot = mw_type_find((mw_guest_type){handle});
    if (slot && !(slot->flags & MW_TYPE_PREDEFINED))
        slot->flags |= flag;
}

void mw_type_of_one_kind(mw_guest_word handle, char kind)
{
    mw_type_slot *slot = mw_type_find((mw_guest_type){handle});
    if (slot && !(slot->flags & MW_TYPE_PREDEFINED)) /* no predefined handle, so that it is no other type's */
        slot->base = (uint16_t)(0x8000 | (slot->size & 0x7f) << 8 | kind);
}

/* `known` are the predefined handles that the host may return for this kind. */
#define OUT_PLAIN(kind, host_type, KIND, plural, predefined)                                       \
    int32_t mw_out_##kind(const mw_call *call, const char *argument, host_type host, mw_guest_word *out) \
    {                                                                                              \
        if (host == MPI_##KIND##_NULL) {                                                           \
            *out = MW_GUEST_##KIND##_NULL;                                                         \
            return MW_GUEST_SUCCESS;                                                               \
        }                                                                                          \
        if ((predefined) && mw_##kind##_slots[predefined].host == host) {                          \
            *out = (predefined);                                                                   \
            return MW_GUEST_SUCCESS;                                                               \
        }                                                                                          \
        mw_##kind##_slot *slot = mw_##kind##_take();                                               \
        if (!slot)                                                                                 \
            return raise_full(call, argument, plural);                                             \
        slot->host = host;                                                                         \
        *out = mw_##kind##_publish(slot).value;                                                    \
        return MW_GUEST_SUCCESS;                                                                   \
    }
OUT_PLAIN(group, MPI_Group, GROUP, "groups", MW_GUEST_GROUP_EMPTY)
OUT_PLAIN(info, MPI_Info, INFO, "info objects", 0)
OUT_PLAIN(message, MPI_Message, MESSAGE, "messages", MW_GUEST_MESSAGE_NO_PROC)

int32_t mw_out_request_kept(const mw_call *call, MPI_Request host, uint32_t flags, mw_arena *arena, mw_guest_word *out)
{
    mw_request_slot *slot = mw_request_take();
    if (!slot)
        return raise_full(call, NULL, "requests");
    slot->host = host;
    slot->flags = flags;
    slot->kept = NULL;
    if (arena) { /* its scratch part, if any, ends with the call */
        slot->kept = arena->kept;
        arena->kept = NULL;
        mw_arena_end(arena);
    }
    *out = mw_request_publish(slot).value;
    return MW_GUEST_SUCCESS;
}

int32_t mw_in_status(const mw_call *call, const char *argument, mw_guest_ptr p, MPI_Status *out)
{
    mw_guest_status *guest;
    void *span;

    MW_TRY(mw_out_span(call, argument, p, sizeof *guest, &span));
    guest = span;
    memset(out, 0, sizeof *out);
    out->MPI_SOURCE = guest->source == MW_GUEST_ANY_SOURCE  ? MPI_ANY_SOURCE
                      : guest->source == MW_GUEST_PROC_NULL ? MPI_PROC_NULL
                                                            : guest->source;
    out->MPI_TAG = guest->tag == MW_GUEST_ANY_TAG ? MPI_ANY_TAG : guest->tag;
    out->MPI_ERROR = mw_host_error_code(guest->error);
    MW_STATUS_OPAQUE_IN(out, guest->internal);
    return MW_GUEST_SUCCESS;
}
