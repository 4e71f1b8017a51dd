#include "mpi/handles.h"

/* ---- Tables --------------------------------------------------------------------------------------------- */

#define X(kind, host_type, bits)                                                                   \
    mw_##kind##_slot mw_##kind##_slots[1u << bits];                                                \
    _Static_assert((1u << bits) > MW_FIRST_DYNAMIC_INDEX && bits <= 20, "index field of a handle");
MW_HANDLE_KINDS(X)
#undef X

_Static_assert(MW_KINDS <= 16, "four bits name the kind");

bool mw_handles_shared;

/* Before any call: handle 0 is invalid from the beginning. */
__attribute__((constructor)) static void refuse_zero(void)
{
#define X(kind, host_type, bits) mw_##kind##_slots[0].head.self = UINT32_MAX;
    MW_HANDLE_KINDS(X)
#undef X
}

/* With one thread a plain store does: a locked instruction costs as much as the rest of the call. */
static inline bool change(uint64_t *word, uint64_t *expected, uint64_t desired)
{
    if (!mw_handles_shared) {
        *word = desired;
        return true;
    }
    return __atomic_compare_exchange_n(word, expected, desired, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static mw_slot_head *slot_at(void *slots, size_t stride, uint32_t index)
{
    return (mw_slot_head *)((char *)slots + index * stride);
}

static mw_slot_head *list_take(mw_slot_list *list, void *slots, size_t stride, uint32_t capacity)
{
    uint64_t top = __atomic_load_n(&list->top, __ATOMIC_ACQUIRE);
    while ((uint32_t)top != 0) {
        mw_slot_head *slot = slot_at(slots, stride, (uint32_t)top);
        uint64_t next = __atomic_load_n(&slot->link, __ATOMIC_RELAXED) & MW_INDEX_MASK;
        uint64_t changed = ((top >> 32) + 1) << 32 | next;
        if (change(&list->top, &top, changed))
            return slot;
    }
    uint32_t fresh = __atomic_load_n(&list->fresh, __ATOMIC_RELAXED);
    do {
        uint32_t index = fresh + MW_FIRST_DYNAMIC_INDEX;
        if (index >= capacity)
            return NULL;
    } while (!__atomic_compare_exchange_n(&list->fresh, &fresh, fresh + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return slot_at(slots, stride, fresh + MW_FIRST_DYNAMIC_INDEX);
}

static void list_free(mw_slot_list *list, mw_slot_head *slot, uint32_t index)
{
    uint32_t generation = (slot->link + MW_GENERATION_ONE) & MW_GENERATION_MASK;
    uint64_t top = __atomic_load_n(&list->top, __ATOMIC_RELAXED);
    uint64_t changed;

    __atomic_store_n(&slot->self, 0, __ATOMIC_RELEASE);
    do {
        __atomic_store_n(&slot->link, generation | (uint32_t)top, __ATOMIC_RELAXED);
        changed = ((top >> 32) + 1) << 32 | index;
    } while (!change(&list->top, &top, changed));
}

/* The handle that is valid for a slot that was taken, once it is published. */
static uint32_t self_of(mw_handle_kind kind, const mw_slot_head *head, uint32_t index)
{
    return (uint32_t)kind << MW_KIND_SHIFT | (head->link & MW_GENERATION_MASK) | index;
}

#define X(kind, host_type, bits)                                                                   \
    mw_slot_list mw_##kind##_list;                                                                 \
    mw_##kind##_slot *mw_##kind##_take(void)                                                       \
    {                                                                                              \
        return (mw_##kind##_slot *)list_take(&mw_##kind##_list, mw_##kind##_slots,                 \
                                             sizeof mw_##kind##_slots[0], 1u << bits);             \
    }                                                                                              \
    mw_guest_##kind mw_##kind##_publish(mw_##kind##_slot *slot)                                    \
    {                                                                                              \
        uint32_t self = self_of(MW_KIND_##kind, &slot->head, (uint32_t)(slot - mw_##kind##_slots)); \
        __atomic_store_n(&slot->head.self, self, __ATOMIC_RELEASE);                                \
        return (mw_guest_##kind){self};                                                            \
    }                                                                                              \
    void mw_##kind##_free(mw_##kind##_slot *slot)                                                  \
    {                                                                                              \
        list_free(&mw_##kind##_list, &slot->head, (uint32_t)(slot - mw_##kind##_slots));           \
    }                                                                                              \
    uint32_t mw_##kind##_limit(void)                                                               \
    {                                                                                              \
        return __atomic_load_n(&mw_##kind##_list.fresh, __ATOMIC_ACQUIRE) + MW_FIRST_DYNAMIC_INDEX; \
    }
MW_HANDLE_KINDS(X)
#undef X

static _Thread_local mw_leaving *leaving_here;

void mw_leave_begin(mw_leaving *leaving, mw_slot_head *head)
{
    *leaving = (mw_leaving){head, leaving_here};
    leaving_here = leaving;
    __atomic_fetch_or(&head->link, MW_SLOT_LEAVING, __ATOMIC_RELEASE);
}

void mw_leave_end(mw_leaving *leaving, bool gone)
{
    leaving_here = leaving->outer;
    if (!gone)
        __atomic_fetch_and(&leaving->head->link, ~MW_SLOT_LEAVING, __ATOMIC_RELEASE);
}

uint32_t mw_slot_self(const mw_slot_head *head)
{
    uint32_t self = __atomic_load_n(&head->self, __ATOMIC_ACQUIRE);
    if (self == 0 || !(__atomic_load_n(&head->link, __ATOMIC_ACQUIRE) & MW_SLOT_LEAVING))
        return self;
    for (const mw_leaving *l = leaving_here; l; l = l->outer)
        if (l->head == head)
            return self;
    return 0;
}

mw_guest_comm mw_comm_promise(const mw_comm_slot *slot)
{
    return (mw_guest_comm){self_of(MW_KIND_comm, &slot->head, (uint32_t)(slot - mw_comm_slots))};
}

/* ---- Predefined handles -------------------------------------------------------------------------------- */

/* The host type of each predefined guest type, by representation: where C's long has 8 bytes on the host, a guest's 4-byte
 * long is the host's int32_t. A row counts only if the host's type exists and has `size`; of
 * several rows for one guest type the first that counts wins (the Fortran types of a host built without Fortran).
 * Of several guest types for one host type the first is what the host's handle becomes on the way back. */
typedef struct type_row {
    uint16_t guest;
    uint8_t size;
    uint8_t flags;
    MPI_Datatype host;
} type_row;

static const type_row type_rows[] = {
    {MW_GUEST_CHAR, 1, 0, MPI_CHAR},
    {MW_GUEST_SIGNED_CHAR, 1, 0, MPI_SIGNED_CHAR},
    {MW_GUEST_UNSIGNED_CHAR, 1, 0, MPI_UNSIGNED_CHAR},
    {MW_GUEST_BYTE, 1, 0, MPI_BYTE},
    {MW_GUEST_WCHAR, 4, 0, MPI_WCHAR},
    {MW_GUEST_SHORT, 2, 0, MPI_SHORT},
    {MW_GUEST_UNSIGNED_SHORT, 2, 0, MPI_UNSIGNED_SHORT},
    {MW_GUEST_INT, 4, 0, MPI_INT},
    {MW_GUEST_UNSIGNED, 4, 0, MPI_UNSIGNED},
    {MW_GUEST_LONG, MW_BY_WIDTH(4, 8), 0, MW_BY_WIDTH(MPI_INT32_T, MPI_LONG)},
    {MW_GUEST_UNSIGNED_LONG, MW_BY_WIDTH(4, 8), 0, MW_BY_WIDTH(MPI_UINT32_T, MPI_UNSIGNED_LONG)},
    {MW_GUEST_LONG_LONG, 8, 0, MPI_LONG_LONG},
    {MW_GUEST_UNSIGNED_LONG_LONG, 8, 0, MPI_UNSIGNED_LONG_LONG},
    {MW_GUEST_FLOAT, 4, 0, MPI_FLOAT},
    {MW_GUEST_DOUBLE, 8, 0, MPI_DOUBLE},
    {MW_GUEST_LONG_DOUBLE, 16, MW_TYPE_QUAD, MPI_COMPLEX16}, /* not the host's long double: see fill_quads */
    {MW_GUEST_LONG_DOUBLE, 16, MW_TYPE_QUAD, MPI_C_DOUBLE_COMPLEX},
    {MW_GUEST_INT8_T, 1, 0, MPI_INT8_T},
    {MW_GUEST_UINT8_T, 1, 0, MPI_UINT8_T},
    {MW_GUEST_INT16_T, 2, 0, MPI_INT16_T},
    {MW_GUEST_UINT16_T, 2, 0, MPI_UINT16_T},
    {MW_GUEST_INT32_T, 4, 0, MPI_INT32_T},
    {MW_GUEST_UINT32_T, 4, 0, MPI_UINT32_T},
    {MW_GUEST_INT64_T, 8, 0, MPI_INT64_T},
    {MW_GUEST_UINT64_T, 8, 0, MPI_UINT64_T},
    {MW_GUEST_AINT, MW_BY_WIDTH(4, 8), 0, MW_BY_WIDTH(MPI_INT32_T, MPI_AINT)},
    {MW_GUEST_COUNT, 8, 0, MPI_COUNT},
    {MW_GUEST_OFFSET, 8, 0, MPI_OFFSET},
    {MW_GUEST_C_BOOL, 1, 0, MPI_C_BOOL},
    {MW_GUEST_C_FLOAT_COMPLEX, 8, 0, MPI_C_FLOAT_COMPLEX},
    {MW_GUEST_C_DOUBLE_COMPLEX, 16, 0, MPI_C_DOUBLE_COMPLEX},
    {MW_GUEST_PACKED, 1, 0, MPI_PACKED},
    {MW_GUEST_FLOAT_INT, 8, 0, MPI_FLOAT_INT},
    {MW_GUEST_DOUBLE_INT, 12, 0, MPI_DOUBLE_INT},
    {MW_GUEST_2INT, 8, 0, MPI_2INT},
    {MW_GUEST_LONG_INT, MW_BY_WIDTH(8, 12), 0, MW_BY_WIDTH(MPI_2INT, MPI_LONG_INT)},
    {MW_GUEST_SHORT_INT, 6, 0, MPI_SHORT_INT},
    /* C++ */
    {MW_GUEST_CXX_BOOL, 1, 0, MPI_CXX_BOOL},
    {MW_GUEST_CXX_BOOL, 1, 0, MPI_C_BOOL},
    {MW_GUEST_CXX_FLOAT_COMPLEX, 8, 0, MPI_CXX_FLOAT_COMPLEX},
    {MW_GUEST_CXX_FLOAT_COMPLEX, 8, 0, MPI_C_FLOAT_COMPLEX},
    {MW_GUEST_CXX_DOUBLE_COMPLEX, 16, 0, MPI_CXX_DOUBLE_COMPLEX},
    {MW_GUEST_CXX_DOUBLE_COMPLEX, 16, 0, MPI_C_DOUBLE_COMPLEX},
    /* Fortran, with 4-byte default INTEGER, REAL and LOGICAL */
    {MW_GUEST_LOGICAL, 4, 0, MPI_LOGICAL},
    {MW_GUEST_LOGICAL, 4, 0, MPI_INT32_T},
    {MW_GUEST_INTEGER, 4, 0, MPI_INTEGER},
    {MW_GUEST_INTEGER, 4, 0, MPI_INT32_T},
    {MW_GUEST_REAL, 4, 0, MPI_REAL},
    {MW_GUEST_REAL, 4, 0, MPI_FLOAT},
    {MW_GUEST_DOUBLE_PRECISION, 8, 0, MPI_DOUBLE_PRECISION},
    {MW_GUEST_DOUBLE_PRECISION, 8, 0, MPI_DOUBLE},
    {MW_GUEST_COMPLEX, 8, 0, MPI_COMPLEX},
    {MW_GUEST_COMPLEX, 8, 0, MPI_C_FLOAT_COMPLEX},
    {MW_GUEST_DOUBLE_COMPLEX, 16, 0, MPI_DOUBLE_COMPLEX},
    {MW_GUEST_DOUBLE_COMPLEX, 16, 0, MPI_C_DOUBLE_COMPLEX},
    {MW_GUEST_CHARACTER, 1, 0, MPI_CHARACTER},
    {MW_GUEST_CHARACTER, 1, 0, MPI_CHAR},
    {MW_GUEST_2REAL, 8, 0, MPI_2REAL},
    {MW_GUEST_2DOUBLE_PRECISION, 16, 0, MPI_2DOUBLE_PRECISION},
    {MW_GUEST_2INTEGER, 8, 0, MPI_2INTEGER},
    {MW_GUEST_2INTEGER, 8, 0, MPI_2INT},
    {MW_GUEST_INTEGER1, 1, 0, MPI_INTEGER1},
    {MW_GUEST_INTEGER1, 1, 0, MPI_INT8_T},
    {MW_GUEST_INTEGER2, 2, 0, MPI_INTEGER2},
    {MW_GUEST_INTEGER2, 2, 0, MPI_INT16_T},
    {MW_GUEST_INTEGER4, 4, 0, MPI_INTEGER4},
    {MW_GUEST_INTEGER4, 4, 0, MPI_INT32_T},
    {MW_GUEST_INTEGER8, 8, 0, MPI_INTEGER8},
    {MW_GUEST_INTEGER8, 8, 0, MPI_INT64_T},
#ifdef MPI_INTEGER16
    {MW_GUEST_INTEGER16, 16, 0, MPI_INTEGER16},
#endif
    {MW_GUEST_REAL4, 4, 0, MPI_REAL4},
    {MW_GUEST_REAL4, 4, 0, MPI_FLOAT},
    {MW_GUEST_REAL8, 8, 0, MPI_REAL8},
    {MW_GUEST_REAL8, 8, 0, MPI_DOUBLE},
    {MW_GUEST_REAL16, 16, MW_TYPE_QUAD, MPI_COMPLEX16},
    {MW_GUEST_REAL16, 16, MW_TYPE_QUAD, MPI_C_DOUBLE_COMPLEX},
    {MW_GUEST_COMPLEX8, 8, 0, MPI_COMPLEX8},
    {MW_GUEST_COMPLEX8, 8, 0, MPI_C_FLOAT_COMPLEX},
    {MW_GUEST_COMPLEX16, 16, 0, MPI_COMPLEX16},
    {MW_GUEST_COMPLEX16, 16, 0, MPI_C_DOUBLE_COMPLEX},
    {MW_GUEST_LOGICAL1, 1, 0, MPI_INT8_T},
    {MW_GUEST_LOGICAL2, 2, 0, MPI_INT16_T},
    {MW_GUEST_LOGICAL4, 4, 0, MPI_INT32_T},
    {MW_GUEST_LOGICAL8, 8, 0, MPI_INT64_T},
};
#define NTYPE_ROWS (sizeof type_rows / sizeof type_rows[0])

typedef struct op_row {
    uint16_t guest;
    MPI_Op host;
} op_row;

static const op_row op_rows[] = {
    {MW_GUEST_SUM, MPI_SUM},   {MW_GUEST_MIN, MPI_MIN},       {MW_GUEST_MAX, MPI_MAX},
    {MW_GUEST_PROD, MPI_PROD}, {MW_GUEST_BAND, MPI_BAND},     {MW_GUEST_BOR, MPI_BOR},
    {MW_GUEST_BXOR, MPI_BXOR}, {MW_GUEST_LAND, MPI_LAND},     {MW_GUEST_LOR, MPI_LOR},
    {MW_GUEST_LXOR, MPI_LXOR}, {MW_GUEST_MINLOC, MPI_MINLOC}, {MW_GUEST_MAXLOC, MPI_MAXLOC},
    {MW_GUEST_REPLACE, MPI_REPLACE}, {MW_GUEST_NO_OP, MPI_NO_OP},
};

#define PUBLISH(slot, value) __atomic_store_n(&(slot)->head.self, (value), __ATOMIC_RELEASE)

void mw_comm_describe(mw_comm_slot *slot, MPI_Comm host)
{
    int inter = 0, ndims = 0, weighted = 0;

    MW_SET_HOST(slot, host);
    MPI_Comm_rank(host, &slot->rank);
    MPI_Comm_size(host, &slot->size);
    MPI_Comm_test_inter(host, &inter);
    slot->inter = inter != 0;
    slot->remote_size = slot->size;
    slot->topology = MPI_UNDEFINED;
    slot->indegree = slot->outdegree = 0;
    if (inter) {
        MPI_Comm_remote_size(host, &slot->remote_size);
        return;
    }
    MPI_Topo_test(host, &slot->topology);
    if (slot->topology == MPI_CART) {
        MPI_Cartdim_get(host, &ndims);
        slot->indegree = slot->outdegree = 2 * ndims;
    } else if (slot->topology == MPI_GRAPH) {
        MPI_Graph_neighbors_count(host, slot->rank, &slot->indegree);
        slot->outdegree = slot->indegree;
    } else if (slot->topology == MPI_DIST_GRAPH) {
        MPI_Dist_graph_neighbors_count(host, &slot->indegree, &slot->outdegree, &weighted);
    }
}

void mw_type_describe(mw_type_slot *slot, MPI_Datatype host)
{
    MPI_Count size, lb, extent, true_lb, true_extent;

    MPI_Type_size_x(host, &size);
    MPI_Type_get_extent_x(host, &lb, &extent);
    MPI_Type_get_true_extent_x(host, &true_lb, &true_extent);
    MW_SET_HOST(slot, host);
    slot->size = size;
    slot->lb = lb;
    slot->extent = extent;
    slot->true_lb = true_lb;
    slot->true_extent = true_extent;
    slot->flags = slot->base = 0;
    bool inside = true_lb >= 0 && extent > 0 && extent < UINT32_MAX && true_extent <= extent - true_lb;
    slot->step = inside ? (uint32_t)extent : MW_NO_STEP;
}

bool mw_type_is_pair(uint32_t guest)
{
    static const uint16_t pairs[] = {MW_GUEST_FLOAT_INT, MW_GUEST_DOUBLE_INT, MW_GUEST_LONG_INT, MW_GUEST_2INT,
                                     MW_GUEST_SHORT_INT, MW_GUEST_2REAL, MW_GUEST_2DOUBLE_PRECISION, MW_GUEST_2INTEGER,
                                     MW_GUEST_LONG_DOUBLE_INT};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i] == guest)
            return true;
    return false;
}

static void fill_types(void)
{
    for (size_t i = 0; i < NTYPE_ROWS; i++) {
        const type_row *row = &type_rows[i];
        mw_type_slot *slot = &mw_type_slots[row->guest];
        if (row->host == MPI_DATATYPE_NULL || slot->head.self != 0)
            continue;
        mw_type_describe(slot, row->host);
        slot->flags = (uint16_t)(MW_TYPE_PREDEFINED | row->flags);
        slot->base = row->guest;
        if (slot->size == row->size)
            PUBLISH(slot, row->guest);
    }
}

/* The guest's long double, 16 bytes of IEEE quadruple precision, travels as two doubles: MPICH copies the host's
 * long double through x87 registers, which keep 10 of the 16 bytes. Types made of it are built here; they stay
 * predefined for the guest. */
#define quad_complex mw_made_types[MW_MADE_QUAD_COMPLEX]
#define quad_int mw_made_types[MW_MADE_QUAD_INT]
MPI_Datatype mw_made_types[MW_MADE_TYPES];

static void fill_quads(void)
{
    static const uint16_t complex_types[] = {MW_GUEST_C_LONG_DOUBLE_COMPLEX, MW_GUEST_CXX_LONG_DOUBLE_COMPLEX,
                                             MW_GUEST_COMPLEX32};
    MPI_Datatype pair;

    MPI_Type_contiguous(2, MPI_C_DOUBLE_COMPLEX, &quad_complex);
    MPI_Type_commit(&quad_complex);
    MPI_Type_contiguous(5, MPI_INT, &pair); /* of one kind of elements: hosts replace no other atomically */
    MPI_Type_create_resized(pair, 0, 32, &quad_int);
    MPI_Type_free(&pair);
    MPI_Type_commit(&quad_int);
    for (size_t i = 0; i < sizeof complex_types / sizeof complex_types[0]; i++) {
        mw_type_slot *slot = &mw_type_slots[complex_types[i]];
        mw_type_describe(slot, quad_complex);
        slot->flags = MW_TYPE_PREDEFINED | MW_TYPE_QUAD;
        slot->base = complex_types[i];
        PUBLISH(slot, complex_types[i]);
    }
    mw_type_slot *slot = &mw_type_slots[MW_GUEST_LONG_DOUBLE_INT];
    mw_type_describe(slot, quad_int);
    slot->flags = MW_TYPE_PREDEFINED | MW_TYPE_QUAD;
    slot->base = MW_GUEST_LONG_DOUBLE_INT;
    PUBLISH(slot, MW_GUEST_LONG_DOUBLE_INT);
}

/* MPI_LB and MPI_UB: to hosts, not all of which have them, types without data (mw_bound_struct). */
static void fill_marks(void)
{
    static const struct {
        uint16_t guest, flag;
    } rows[] = {{MW_GUEST_LB, MW_TYPE_LOW}, {MW_GUEST_UB, MW_TYPE_HIGH}};
    MPI_Datatype none;
    MPI_Type_contiguous(0, MPI_BYTE, &none);
    for (size_t i = 0; i < 2; i++) {
        mw_type_slot *slot = &mw_type_slots[rows[i].guest];
        MPI_Type_create_resized(none, i ? MW_UB_MARK : MW_LB_MARK, 0, &mw_made_types[MW_MADE_LB + i]);
        MPI_Type_commit(&mw_made_types[MW_MADE_LB + i]);
        mw_type_describe(slot, mw_made_types[MW_MADE_LB + i]);
        slot->lb = slot->true_lb = slot->true_extent = 0;
        slot->flags = MW_TYPE_PREDEFINED | MW_TYPE_MARK | rows[i].flag;
        slot->base = rows[i].guest;
        PUBLISH(slot, rows[i].guest);
    }
    MPI_Type_free(&none);
}

void mw_handles_finalize(void)
{
    for (size_t i = 0; i < MW_MADE_TYPES; i++)
        MPI_Type_free(&mw_made_types[i]);
}

#define FILL(kind, guest, host_handle)                                                             \
    do {                                                                                           \
        mw_##kind##_slots[guest].host = (host_handle);                                             \
        PUBLISH(&mw_##kind##_slots[guest], guest);                                                 \
    } while (0)

void mw_handles_fill(void)
{
    fill_types();
    fill_quads();
    fill_marks();
    for (size_t i = 0; i < sizeof op_rows / sizeof op_rows[0]; i++) {
        mw_op_slot *slot = &mw_op_slots[op_rows[i].guest];
        slot->host = op_rows[i].host;
        slot->builtin = (uint8_t)op_rows[i].guest;
        slot->commutes = op_rows[i].guest != MW_GUEST_REPLACE && op_rows[i].guest != MW_GUEST_NO_OP;
        PUBLISH(slot, op_rows[i].guest);
    }
    FILL(group, MW_GUEST_GROUP_EMPTY, MPI_GROUP_EMPTY);
    FILL(message, MW_GUEST_MESSAGE_NO_PROC, MPI_MESSAGE_NO_PROC);
    FILL(info, MW_GUEST_INFO_ENV, MPI_INFO_ENV);
    FILL(errhandler, MW_GUEST_ERRORS_ARE_FATAL, MPI_ERRORS_ARE_FATAL);
    FILL(errhandler, MW_GUEST_ERRORS_RETURN, MPI_ERRORS_RETURN);
#ifdef MPI_ERRORS_ABORT
    FILL(errhandler, MW_GUEST_ERRORS_ABORT, MPI_ERRORS_ABORT);
#else /* before MPI 4.0 the nearest is the other fatal one */
    FILL(errhandler, MW_GUEST_ERRORS_ABORT, MPI_ERRORS_ARE_FATAL);
#endif
}

void mw_handles_fill_world(void)
{
    mw_comm_describe(&mw_comm_slots[MW_GUEST_COMM_WORLD], MPI_COMM_WORLD);
    PUBLISH(&mw_comm_slots[MW_GUEST_COMM_WORLD], MW_GUEST_COMM_WORLD);
    mw_comm_describe(&mw_comm_slots[MW_GUEST_COMM_SELF], MPI_COMM_SELF);
    PUBLISH(&mw_comm_slots[MW_GUEST_COMM_SELF], MW_GUEST_COMM_SELF);
}

void mw_handles_empty_world(void)
{
    PUBLISH(&mw_comm_slots[MW_GUEST_COMM_WORLD], 0);
    PUBLISH(&mw_comm_slots[MW_GUEST_COMM_SELF], 0);
}

void mw_handles_empty(bool host_is_up)
{
#define X(kind, host_type, bits)                                                                   \
    bool kind##_stay = MPI_VERSION >= 4 && (MW_KIND_##kind == MW_KIND_info ||                      \
                                            (MW_KIND_##kind == MW_KIND_errhandler && host_is_up)); \
    for (uint32_t i = 1, n = kind##_stay ? MW_FIRST_DYNAMIC_INDEX : mw_##kind##_limit(); i < n; i++) \
        if (mw_##kind##_slots[i].head.self != 0)                                                   \
            PUBLISH(&mw_##kind##_slots[i], 0);
    MW_HANDLE_KINDS(X)
#undef X
}

uint32_t mw_type_predefined(MPI_Datatype host)
{
    if (host == quad_complex)
        return MW_GUEST_C_LONG_DOUBLE_COMPLEX;
    if (host == quad_int)
        return MW_GUEST_LONG_DOUBLE_INT;
    for (uint32_t i = 0; i < 2; i++)
        if (host == mw_made_types[MW_MADE_LB + i])
            return MW_GUEST_LB + i;
    for (size_t i = 0; i < NTYPE_ROWS; i++)
        if (type_rows[i].host == host && mw_type_slots[type_rows[i].guest].host == host)
            return mw_type_slots[type_rows[i].guest].head.self;
    return 0;
}
