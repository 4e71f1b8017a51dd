/* Unit tests of the MPI translation in one process (an MPI singleton), without compiled guest code: handles, extent
 * checks, conversions, and shims called with what a hostile guest may pass. */
#include "guest.h"
#include "shims.h"

#include <stdlib.h>

#include <cmocka.h>

#define assert_trap(expression, text)                                                              \
    do {                                                                                           \
        if (!setjmp(trapped)) {                                                                    \
            (void)(expression);                                                                    \
            fail_msg("%s did not trap", #expression);                                              \
        }                                                                                          \
        if (!strstr(trap_message, text))                                                           \
            fail_msg("trap says \"%s\"", trap_message);                                            \
    } while (0)

#define COMM(v) ((mw_guest_comm){(uint32_t)(v)})
#define TYPE(v) ((mw_guest_type){(uint32_t)(v)})
#define OP(v) ((mw_guest_op){(uint32_t)(v)})
#define WORLD COMM(MW_GUEST_COMM_WORLD)
#define SELF COMM(MW_GUEST_COMM_SELF)
#define INT TYPE(MW_GUEST_INT)

static int setup(void **state)
{
    (void)state;
    mw_mpi_instance = &guest;
    return make_guest();
}

static int teardown(void **state)
{
    (void)state;
    return mw_mpi_running ? mw_mpi_finalize() : 0;
}

/* ---- Before MPI_Init ------------------------------------------------------------------------------------------- */

static void test_before_init(void **state)
{
    (void)state;
    assert_trap(mw_MPI_Comm_rank(&guest, WORLD, at(64)), "before MPI_Init");
    assert_trap(mw_MPI_Finalize(&guest), "MPI_Finalize was called before MPI_Init");
    assert_trap(mw_MPI_Alloc_mem(&guest, 8, (mw_guest_info){MW_GUEST_INFO_NULL}, at(64)), "before MPI_Init");
    assert_int_equal(mw_MPI_Initialized(&guest, at(64)), 0);
    assert_int_equal(load(64), 0);
}

static void test_handles(void **state)
{
    (void)state;
    mw_info_slot *slots[3];
    mw_guest_info handles[3];
    for (int i = 0; i < 3; i++) {
        slots[i] = mw_info_take();
        assert_null(mw_info_find((mw_guest_info){(uint32_t)(slots[i] - mw_info_slots)}));
        handles[i] = mw_info_publish(slots[i]);
        assert_ptr_equal(mw_info_find(handles[i]), slots[i]);
    }
    assert_int_not_equal(handles[0].value, handles[1].value);
    /* other kinds, the bare index, a neighbouring generation, nothing */
    assert_null(mw_group_find((mw_guest_group){handles[0].value}));
    assert_null(mw_info_find((mw_guest_info){handles[0].value & 0xfffff}));
    assert_null(mw_info_find((mw_guest_info){handles[0].value ^ 1u << 20}));
    assert_null(mw_info_find((mw_guest_info){0}));
    assert_null(mw_info_find((mw_guest_info){UINT32_MAX}));
    for (int bit = 32; bit < 8 * WORD; bit++) /* a valid one with a bit more */
        assert_null(mw_info_find((mw_guest_info){handles[0].value | (mw_guest_word)(UINT64_C(1) << bit)}));
    /* a slot that is used again has another handle */
    mw_info_free(slots[1]);
    assert_null(mw_info_find(handles[1]));
    mw_info_slot *again = mw_info_take();
    assert_ptr_equal(again, slots[1]);
    mw_guest_info fresh = mw_info_publish(again);
    assert_int_not_equal(fresh.value, handles[1].value);
    assert_null(mw_info_find(handles[1]));
    for (int i = 0; i < 3; i++)
        mw_info_free(slots[i]);
}

static void test_table_full(void **state)
{
    (void)state;
    uint32_t capacity = (1u << MW_op_index_bits) - MW_FIRST_DYNAMIC_INDEX, n = 0;
    mw_op_slot *slot, *last = NULL;
    while ((slot = mw_op_take())) {
        mw_op_publish(slot);
        last = slot;
        n++;
    }
    assert_int_equal(n, capacity);
    mw_op_free(last);
    assert_ptr_equal(mw_op_take(), last);
    assert_null(mw_op_take());
    for (uint32_t i = 0; i < capacity; i++)
        mw_op_free(&mw_op_slots[MW_FIRST_DYNAMIC_INDEX + i]);
}

/* ---- Extents ------------------------------------------------------------------------------------------------------ */

typedef struct touched_row {
    int64_t count, size, extent, true_lb, true_extent; /* in */
    bool computable;
    int64_t low;
    uint64_t length;
} touched_row;

static void test_touched(void **state)
{
    (void)state;
    static const touched_row rows[] = {
        {0, 4, 4, 0, 4, true, 0, 0},
        {1, 4, 4, 0, 4, true, 0, 4},
        {10, 4, 4, 0, 4, true, 0, 40},
        {3, 4, 8, 0, 4, true, 0, 20},             /* a gap behind the last is not touched */
        {3, 4, 8, 4, 4, true, 4, 20},             /* true lower bound above 0 */
        {3, 4, 8, -4, 4, true, -4, 20},           /* and below */
        {3, 4, -8, 0, 4, true, -16, 20},          /* negative stride */
        {3, 12, 4, 0, 12, true, 0, 20},           /* overlapping elements */
        {3, 4, 0, 0, 4, true, 0, 4},              /* all at one place */
        {INT32_MAX, 0, 1 << 20, 0, 0, true, 0, 0}, /* nothing to touch */
        {INT64_MAX, 8, 8, 0, 8, false, 0, 0},
        {3, 8, INT64_MAX / 2, 0, 8, false, 0, 0},
        {2, 8, INT64_MAX - 4, 0, 8, false, 0, 0},
        {2, 8, INT64_MIN + 4, -8, 8, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mw_type_slot type = {.size = rows[i].size, .extent = rows[i].extent, .true_lb = rows[i].true_lb,
                             .true_extent = rows[i].true_extent};
        int64_t low;
        uint64_t length;
        bool computable = mw_touched(rows[i].count, &type, &low, &length);
        if (computable && (!rows[i].computable || low != rows[i].low || length != rows[i].length))
            fail_msg("row %zu: low %lld, length %llu", i, (long long)low, (unsigned long long)length);
        assert_int_equal(computable, rows[i].computable);
    }
}

/* ---- A running MPI -------------------------------------------------------------------------------------------------- */

static void test_init(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Init(&guest, at(0), at(0)), 0);
    assert_trap(mw_MPI_Init(&guest, at(0), at(0)), "a second time");
    assert_int_equal(mw_MPI_Comm_size(&guest, WORLD, at(64)), 0);
    assert_int_equal(load(64), 1);
}

/* By default an error ends the run; from here on it is returned. */
static void test_error_handlers(void **state)
{
    (void)state;
    assert_trap(mw_MPI_Send(&guest, at(BYTES - 4), 2, INT, 0, 0, WORLD), "MPI_Send: argument buf: 2 elements of 4 bytes");
    assert_trap(mw_MPI_Comm_rank(&guest, COMM(12345), at(64)), "0x3039 is not a valid communicator");
    mw_guest_errhandler returns = {MW_GUEST_ERRORS_RETURN};
    assert_int_equal(mw_MPI_Comm_set_errhandler(&guest, WORLD, returns), 0);
    assert_int_equal(mw_MPI_Comm_set_errhandler(&guest, SELF, returns), 0);
    assert_int_equal(mw_MPI_Comm_rank(&guest, COMM(12345), at(64)), MW_GUEST_ERR_COMM);
    assert_int_equal(mw_MPI_Comm_get_errhandler(&guest, WORLD, at(64)), 0);
    assert_int_equal(load(64), MW_GUEST_ERRORS_RETURN);
}

static void test_predefined_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        int32_t size, extent;
    } rows[] = {
        {MW_GUEST_CHAR, 1, 1}, {MW_GUEST_INT, 4, 4}, {MW_GUEST_LONG, WORD, WORD}, {MW_GUEST_UNSIGNED_LONG, WORD, WORD},
        {MW_GUEST_AINT, WORD, WORD}, {MW_GUEST_COUNT, 8, 8}, {MW_GUEST_OFFSET, 8, 8}, {MW_GUEST_LONG_LONG, 8, 8},
        {MW_GUEST_LONG_DOUBLE, 16, 16}, {MW_GUEST_LONG_INT, WORD + 4, 2 * WORD}, {MW_GUEST_SHORT_INT, 6, 8},
        {MW_GUEST_DOUBLE_INT, 12, 16}, {MW_GUEST_LONG_DOUBLE_INT, 20, 32}, {MW_GUEST_WCHAR, 4, 4},
        {MW_GUEST_C_BOOL, 1, 1}, {MW_GUEST_CXX_BOOL, 1, 1}, {MW_GUEST_C_DOUBLE_COMPLEX, 16, 16},
        {MW_GUEST_INTEGER, 4, 4}, {MW_GUEST_REAL8, 8, 8}, {MW_GUEST_LOGICAL1, 1, 1}, {MW_GUEST_2DOUBLE_PRECISION, 16, 16},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(mw_MPI_Type_size(&guest, TYPE(rows[i].type), at(64)), 0);
        assert_int_equal(load(64), rows[i].size);
        assert_int_equal(mw_MPI_Type_get_extent(&guest, TYPE(rows[i].type), at(64), at(72)), 0);
        assert_int_equal(load_word(64), 0);
        assert_int_equal(load_word(72), rows[i].extent);
    }
}

static void test_buffers(void **state)
{
    (void)state;
    mw_guest_ptr s = at(MW_GUEST_STATUS_IGNORE);
    /* the last byte of memory may be used, the next may not */
    store(BYTES - 4, 77);
    assert_int_equal(mw_MPI_Sendrecv(&guest, at(BYTES - 4), 1, INT, 0, 1, at(64), 1, INT, 0, 1, SELF, s), 0);
    assert_int_equal(load(64), 77);
    assert_int_equal(mw_MPI_Sendrecv(&guest, at(64), 1, INT, 0, 1, at(BYTES - 3), 1, INT, 0, 1, SELF, s),
                     MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Send(&guest, at(UINT32_MAX), 1, INT, 0, 0, SELF), MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Send(&guest, at(64), INT32_MAX, INT, 0, 0, SELF), MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Send(&guest, at(0), 1, INT, 0, 0, SELF), MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Send(&guest, at(MW_GUEST_IN_PLACE), 1, INT, 0, 0, SELF), MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Send(&guest, at(64), -1, INT, 0, 0, SELF), MW_GUEST_ERR_COUNT);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, TYPE(0), 0, 0, SELF), MW_GUEST_ERR_TYPE);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, TYPE(MW_GUEST_DATATYPE_NULL), 0, 0, SELF), MW_GUEST_ERR_TYPE);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, INT, 1, 0, SELF), MW_GUEST_ERR_RANK);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, INT, -7, 0, SELF), MW_GUEST_ERR_RANK);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, INT, 0, -2, SELF), MW_GUEST_ERR_TAG);
    assert_int_equal(mw_MPI_Send(&guest, at(64), 1, INT, MW_GUEST_PROC_NULL, 0, SELF), 0);
    assert_int_equal(mw_MPI_Send(&guest, at(UINT32_MAX), 0, INT, MW_GUEST_PROC_NULL, 0, SELF), 0);
    assert_int_equal(mw_MPI_Bcast(&guest, at(64), 1, INT, 3, SELF), MW_GUEST_ERR_ROOT);
    assert_int_equal(mw_MPI_Allreduce(&guest, at(64), at(BYTES - 2), 1, INT, OP(MW_GUEST_SUM), SELF),
                     MW_GUEST_ERR_BUFFER);
    assert_int_equal(mw_MPI_Allreduce(&guest, at(64), at(80), 1, INT, OP(77), SELF), MW_GUEST_ERR_OP);
    assert_int_equal(mw_MPI_Comm_rank(&guest, SELF, at(BYTES - 2)), MW_GUEST_ERR_ARG);
    /* right but for bits above the lower 32 */
    for (int bit = 32; bit < 8 * WORD; bit++) {
        mw_guest_addr far = (mw_guest_addr)(UINT64_C(1) << bit) + 64;
        assert_int_equal(mw_MPI_Send(&guest, at(far), 1, INT, 0, 0, SELF), MW_GUEST_ERR_BUFFER);
        assert_int_equal(mw_MPI_Comm_rank(&guest, SELF, at(far)), MW_GUEST_ERR_ARG);
    }
    assert_int_equal(mw_MPI_Comm_rank(&guest, SELF, at(0)), MW_GUEST_ERR_ARG);
}

/* A derived type whose data lie far from its address, with MPI_BOTTOM and below the buffer. */
static void test_derived_types(void **state)
{
    (void)state;
    mw_guest_ptr s = at(MW_GUEST_STATUS_IGNORE);
    store(64, 1);                 /* block lengths */
    store_word(72, 4096);         /* displacement */
    store_word(80, MW_GUEST_INT); /* types */
    assert_int_equal(mw_MPI_Type_create_struct(&guest, 1, at(64), at(72), at(80), at(88)), 0);
    assert_int_equal(mw_MPI_Type_commit(&guest, at(88)), 0);
    mw_guest_type absolute = TYPE(load_word(88));
    store(4096, 5150);
    assert_int_equal(mw_MPI_Sendrecv(&guest, at(0), 1, absolute, 0, 1, at(128), 1, INT, 0, 1, SELF, s), 0);
    assert_int_equal(load(128), 5150);
    assert_int_equal(mw_MPI_Send(&guest, at(BYTES - 4096), 1, absolute, 0, 1, SELF), MW_GUEST_ERR_BUFFER);

    store_word(72, (mw_guest_word)-8);
    assert_int_equal(mw_MPI_Type_create_struct(&guest, 1, at(64), at(72), at(80), at(96)), 0);
    assert_int_equal(mw_MPI_Type_commit(&guest, at(96)), 0);
    mw_guest_type below = TYPE(load_word(96));
    assert_int_equal(mw_MPI_Sendrecv(&guest, at(4104), 1, below, 0, 1, at(128), 1, INT, 0, 1, SELF, s), 0);
    assert_int_equal(mw_MPI_Send(&guest, at(4), 1, below, 0, 1, SELF), MW_GUEST_ERR_BUFFER);

    /* stale after free; a predefined one cannot be freed */
    store_word(104, below.value);
    assert_int_equal(mw_MPI_Type_free(&guest, at(96)), 0);
    assert_int_equal(load_word(96), MW_GUEST_DATATYPE_NULL);
    assert_int_equal(mw_MPI_Type_free(&guest, at(104)), MW_GUEST_ERR_TYPE);
    assert_int_equal(mw_MPI_Send(&guest, at(4104), 1, below, 0, 1, SELF), MW_GUEST_ERR_TYPE);
    store_word(104, MW_GUEST_INT);
    assert_int_equal(mw_MPI_Type_free(&guest, at(104)), MW_GUEST_ERR_TYPE);
    assert_int_equal(mw_MPI_Type_free(&guest, at(88)), 0);
}

static void test_type_contents(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Type_vector(&guest, 3, 2, 5, TYPE(MW_GUEST_DOUBLE), at(64)), 0);
    mw_guest_type vector = TYPE(load(64));
    assert_int_equal(mw_MPI_Type_get_envelope(&guest, vector, at(80), at(84), at(88), at(92)), 0);
    assert_int_equal(load(80), 3);
    assert_int_equal(load(84), 0);
    assert_int_equal(load(88), 1);
    assert_int_equal(load(92), MW_GUEST_COMBINER_VECTOR);
    assert_int_equal(mw_MPI_Type_get_contents(&guest, vector, 3, 0, 1, at(96), at(112), at(120)), 0);
    assert_int_equal(load(96), 3);
    assert_int_equal(load(104), 5);
    assert_int_equal(load(120), MW_GUEST_DOUBLE);
    assert_int_equal(mw_MPI_Type_get_contents(&guest, vector, 2, 0, 1, at(96), at(112), at(120)), MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_get_contents(&guest, INT, 2, 0, 1, at(96), at(112), at(120)), MW_GUEST_ERR_TYPE);
    assert_int_equal(mw_MPI_Type_free(&guest, at(64)), 0);
}

static void test_arrays(void **state)
{
    (void)state;
    store(64, 1);  /* counts */
    store(68, 0);  /* displacements */
    store(72, 42); /* data */
    mw_guest_ptr counts = at(64), displs = at(68);
    assert_int_equal(mw_MPI_Allgatherv(&guest, at(72), 1, INT, at(80), counts, displs, INT, SELF), 0);
    assert_int_equal(load(80), 42);
    store(68, INT32_MAX);
    assert_int_equal(mw_MPI_Allgatherv(&guest, at(72), 1, INT, at(80), counts, displs, INT, SELF), MW_GUEST_ERR_BUFFER);
    store(68, -1000);
    assert_int_equal(mw_MPI_Allgatherv(&guest, at(72), 1, INT, at(80), counts, displs, INT, SELF), MW_GUEST_ERR_BUFFER);
    store(64, -1);
    assert_int_equal(mw_MPI_Allgatherv(&guest, at(72), 1, INT, at(80), counts, displs, INT, SELF), MW_GUEST_ERR_COUNT);
    assert_int_equal(mw_MPI_Allgatherv(&guest, at(72), 1, INT, at(80), at(BYTES - 2), displs, INT, SELF),
                     MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_indexed(&guest, INT32_MAX, at(64), at(64), INT, at(80)), MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_indexed(&guest, -1, at(64), at(64), INT, at(80)), MW_GUEST_ERR_COUNT);
}

static void store64(uint32_t addr, int64_t value)
{
    memcpy(memory.base + addr, &value, 8);
}

/* Counts that no int holds go to the host's large-count form; a host without it gets none of them. */
static void test_large_counts(void **state)
{
    (void)state;
    const int64_t large = INT64_C(1) << 33;
    const int32_t expected = MPI_VERSION >= 4 ? MW_GUEST_SUCCESS : MW_GUEST_ERR_COUNT;
    mw_guest_ptr s = at(MW_GUEST_STATUS_IGNORE);
    assert_int_equal(mw_MPI_Type_contiguous(&guest, 0, INT, at(64)), 0);
    assert_int_equal(mw_MPI_Type_commit(&guest, at(64)), 0);
    mw_guest_type empty = TYPE(load(64));
    assert_int_equal(mw_MPI_Sendrecv_c(&guest, at(72), large, empty, 0, 1, at(80), large, empty, 0, 1, SELF, s), expected);
    assert_int_equal(mw_MPI_Send_c(&guest, at(72), large, INT, 0, 1, SELF), expected ? expected : MW_GUEST_ERR_BUFFER);
    store64(128, large); /* counts */
    store64(136, 0);
    store(144, 0);       /* displacements */
    assert_int_equal(mw_MPI_Allgatherv_c(&guest, at(72), large, empty, at(80), at(128), at(144), empty, SELF), expected);
    assert_int_equal(mw_MPI_Allgatherv_c(&guest, at(72), 1, INT, at(80), at(128), at(144), INT, SELF),
                     expected ? expected : MW_GUEST_ERR_BUFFER);
    store64(128, -1);
    assert_int_equal(mw_MPI_Allgatherv_c(&guest, at(72), 1, INT, at(80), at(128), at(144), INT, SELF), MW_GUEST_ERR_COUNT);
    assert_int_equal(mw_MPI_Allgatherv_c(&guest, at(72), 1, INT, at(80), at(BYTES - 4), at(144), INT, SELF),
                     MW_GUEST_ERR_ARG);
    store64(128, 1);
    store(144, INT32_MAX);
    assert_int_equal(mw_MPI_Allgatherv_c(&guest, at(72), 1, INT, at(80), at(128), at(144), INT, SELF), MW_GUEST_ERR_BUFFER);

    /* datatypes: what is too large for 64 bits is refused, whatever the host */
    store64(128, large);
    assert_int_equal(mw_MPI_Type_indexed_c(&guest, 1, at(128), at(136), INT, at(64)), expected);
    store64(136, INT64_MAX);
    assert_int_equal(mw_MPI_Type_create_hindexed_c(&guest, 1, at(128), at(136), INT, at(64)),
                     expected ? expected : MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_indexed_c(&guest, INT64_MAX, at(128), at(136), INT, at(64)),
                     expected ? expected : MW_GUEST_ERR_ARG);

    /* decoding: counts are found among the large ones; too little room */
    assert_int_equal(mw_MPI_Type_vector_c(&guest, 3, 2, 5, INT, at(64)), 0);
    mw_guest_type vector = TYPE(load(64));
    assert_int_equal(mw_MPI_Type_get_envelope_c(&guest, vector, at(128), at(136), at(144), at(152), at(160)), 0);
    assert_int_equal(load(128), 0);
    assert_int_equal(load(136), 0);
    assert_int_equal(load(144), 3);
    assert_int_equal(load(152), 1);
    assert_int_equal(load(160), MW_GUEST_COMBINER_VECTOR);
    assert_int_equal(mw_MPI_Type_get_contents_c(&guest, vector, 0, 0, 3, 1, at(64), at(64), at(128), at(160)), 0);
    assert_int_equal(load(128), 3);
    assert_int_equal(load(144), 5);
    assert_int_equal(load(160), MW_GUEST_INT);
    assert_int_equal(mw_MPI_Type_get_contents_c(&guest, vector, 0, 0, 2, 1, at(64), at(64), at(128), at(160)),
                     MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_get_contents_c(&guest, vector, 0, 0, -1, 1, at(64), at(64), at(128), at(160)),
                     MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Type_get_contents_c(&guest, INT, 9, 9, 9, 9, at(64), at(64), at(128), at(160)),
                     MW_GUEST_ERR_TYPE);
}

/* ---- Requests -------------------------------------------------------------------------------------------------------- */

static void test_requests(void **state)
{
    (void)state;
    uint32_t requests = 256, statuses = 512;
    for (int i = 0; i < 4; i++)
        assert_int_equal(mw_MPI_Irecv(&guest, at(1024 + 4 * (uint32_t)i), 1, INT, MW_GUEST_ANY_SOURCE,
                                      MW_GUEST_ANY_TAG, SELF, at(requests + WORD * (uint32_t)i)), 0);
    /* one request twice in a list, a wild one, and too long a list */
    store_word(304, load_word(requests));
    store_word(304 + WORD, load_word(requests));
    assert_int_equal(mw_MPI_Waitall(&guest, 2, at(304), at(MW_GUEST_STATUSES_IGNORE)), MW_GUEST_ERR_REQUEST);
    store_word(304 + WORD, 0x12345678);
    assert_int_equal(mw_MPI_Waitall(&guest, 2, at(304), at(MW_GUEST_STATUSES_IGNORE)), MW_GUEST_ERR_REQUEST);
    assert_int_equal(mw_MPI_Waitall(&guest, INT32_MAX, at(304), at(MW_GUEST_STATUSES_IGNORE)), MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Start(&guest, at(requests)), MW_GUEST_ERR_REQUEST);

    for (int i = 0; i < 4; i++) {
        store(2048, 100 + i);
        assert_int_equal(mw_MPI_Send(&guest, at(2048), 1, INT, 0, 7 + i, SELF), 0);
    }
    mw_guest_word stale = load_word(requests);
    assert_int_equal(mw_MPI_Waitall(&guest, 4, at(requests), at(statuses)), 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(load(1024 + 4 * i), 100 + i);
        assert_int_equal(load_word(requests + WORD * i), MW_GUEST_REQUEST_NULL);
        assert_int_equal(load(statuses + 32 * i), 0);
        assert_int_equal(load(statuses + 32 * i + 4), 7 + i);
        assert_int_equal(mw_MPI_Get_count(&guest, at(statuses + 32 * i), INT, at(304)), 0);
        assert_int_equal(load(304), 1);
    }
    store_word(304, stale);
    assert_int_equal(mw_MPI_Wait(&guest, at(304), at(0)), MW_GUEST_ERR_REQUEST);

    /* the empty status of a null request */
    assert_int_equal(mw_MPI_Wait(&guest, at(requests), at(statuses)), 0);
    assert_int_equal(load(statuses), MW_GUEST_ANY_SOURCE);
    assert_int_equal(load(statuses + 4), MW_GUEST_ANY_TAG);
    assert_int_equal(mw_MPI_Waitany(&guest, 4, at(requests), at(304), at(statuses)), 0);
    assert_int_equal(load(304), MW_GUEST_UNDEFINED);
}

static void test_persistent(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Recv_init(&guest, at(64), 1, INT, 0, 3, SELF, at(256)), 0);
    int32_t handle = load(256);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mw_MPI_Start(&guest, at(256)), 0);
        assert_int_equal(mw_MPI_Start(&guest, at(256)), MW_GUEST_ERR_REQUEST); /* active already */
        store(68, i);
        assert_int_equal(mw_MPI_Send(&guest, at(68), 1, INT, 0, 3, SELF), 0);
        assert_int_equal(mw_MPI_Wait(&guest, at(256), at(0)), 0);
        assert_int_equal(load(64), i);
        assert_int_equal(load(256), handle);
    }
    assert_int_equal(mw_MPI_Request_free(&guest, at(256)), 0);
    assert_int_equal(load(256), MW_GUEST_REQUEST_NULL);
}

static void test_status_round_trip(void **state)
{
    (void)state;
    memset(memory.base + 512, 0, 32);
    assert_int_equal(mw_MPI_Status_set_elements(&guest, at(512), INT, 17), 0);
    assert_int_equal(mw_MPI_Status_set_cancelled(&guest, at(512), 1), 0);
    assert_int_equal(mw_MPI_Get_count(&guest, at(512), INT, at(64)), 0);
    assert_int_equal(load(64), 17);
    assert_int_equal(mw_MPI_Test_cancelled(&guest, at(512), at(64)), 0);
    assert_int_equal(load(64), 1);
    assert_int_equal(mw_MPI_Get_count(&guest, at(BYTES - 31), INT, at(64)), MW_GUEST_ERR_ARG);
}

/* ---- Packing, errors, info, memory ------------------------------------------------------------------------------------- */

static void test_pack(void **state)
{
    (void)state;
    store(64, 11);
    store(68, 22);
    store(72, 0); /* position */
    assert_int_equal(mw_MPI_Pack(&guest, at(64), 2, INT, at(128), 8, at(72), SELF), 0);
    assert_int_equal(load(72), 8);
    assert_int_equal(mw_MPI_Pack(&guest, at(64), 1, INT, at(128), 8, at(72), SELF), MW_GUEST_ERR_TRUNCATE);
    store(72, -4);
    assert_int_equal(mw_MPI_Pack(&guest, at(64), 1, INT, at(128), 8, at(72), SELF), MW_GUEST_ERR_ARG);
    store(72, 4);
    assert_int_equal(mw_MPI_Unpack(&guest, at(128), 8, at(72), at(80), 1, INT, SELF), 0);
    assert_int_equal(load(80), 22);
    assert_int_equal(mw_MPI_Unpack(&guest, at(128), 8, at(72), at(80), 1, INT, SELF), MW_GUEST_ERR_TRUNCATE);
}

static void test_errors(void **state)
{
    (void)state;
    for (int32_t class = 1; class <= MW_GUEST_ERR_WIN; class++) {
        assert_int_equal(mw_MPI_Error_class(&guest, class, at(64)), 0);
        assert_int_equal(load(64), class);
        assert_int_equal(mw_guest_error_class(mw_host_error_code(class)), class);
        assert_int_equal(mw_MPI_Error_string(&guest, class, at(128), at(64)), 0);
        assert_true(load(64) > 0 && load(64) < MW_GUEST_MAX_ERROR_STRING);
    }
    assert_int_equal(mw_MPI_Add_error_class(&guest, at(64)), 0);
    assert_int_equal(mw_MPI_Add_error_code(&guest, load(64), at(68)), 0);
    assert_true(load(64) > MW_GUEST_ERR_LASTCODE);
    memcpy(memory.base + 128, "it broke", 9);
    assert_int_equal(mw_MPI_Add_error_string(&guest, load(68), at(128)), 0);
    assert_int_equal(mw_MPI_Error_string(&guest, load(68), at(1024), at(72)), 0);
    assert_string_equal((char *)memory.base + 1024, "it broke");
    assert_int_equal(mw_MPI_Error_class(&guest, load(68), at(72)), 0);
    assert_int_equal(load(72), load(64));
    assert_int_equal(mw_MPI_Error_string(&guest, 1, at(BYTES - 8), at(72)), MW_GUEST_ERR_ARG);
}

static void test_info(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Info_create(&guest, at(64)), 0);
    mw_guest_info info = {load_word(64)};
    memcpy(memory.base + 128, "key", 4);
    memcpy(memory.base + 160, "a value", 8);
    assert_int_equal(mw_MPI_Info_set(&guest, info, at(128), at(160)), 0);
    assert_int_equal(mw_MPI_Info_get(&guest, info, at(128), 3, at(192), at(72)), 0);
    assert_int_equal(load(72), 1);
    assert_string_equal((char *)memory.base + 192, "a v");
    memset(memory.base + BYTES - 16, 'x', 16); /* a key without an end */
    assert_int_equal(mw_MPI_Info_set(&guest, info, at(BYTES - 16), at(160)), MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Info_free(&guest, at(64)), 0);
    assert_int_equal(mw_MPI_Info_set(&guest, info, at(128), at(160)), MW_GUEST_ERR_INFO);
}

static void test_communicators(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Comm_dup(&guest, WORLD, at(64)), 0);
    mw_guest_comm dup = COMM(load_word(64));
    assert_int_equal(mw_MPI_Comm_compare(&guest, WORLD, dup, at(72)), 0);
    assert_int_equal(load(72), MW_GUEST_CONGRUENT);
    assert_int_equal(mw_MPI_Comm_free(&guest, at(64)), 0);
    assert_int_equal(mw_MPI_Comm_rank(&guest, dup, at(72)), MW_GUEST_ERR_COMM);
    store_word(64, MW_GUEST_COMM_WORLD);
    assert_int_equal(mw_MPI_Comm_free(&guest, at(64)), MW_GUEST_ERR_COMM);
    assert_int_equal(mw_MPI_Comm_split(&guest, WORLD, MW_GUEST_UNDEFINED, 0, at(64)), 0);
    assert_int_equal(load_word(64), MW_GUEST_COMM_NULL);
}

static void test_buffer_attach(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Buffer_attach(&guest, at(BYTES - 8), 4096), MW_GUEST_ERR_ARG);
    assert_int_equal(mw_MPI_Buffer_attach(&guest, at(4096), 4096), 0);
    assert_int_equal(mw_MPI_Buffer_attach(&guest, at(4096), 4096), MW_GUEST_ERR_BUFFER);
    store(64, 9);
    assert_int_equal(mw_MPI_Bsend(&guest, at(64), 1, INT, 0, 5, SELF), 0);
    assert_int_equal(mw_MPI_Recv(&guest, at(68), 1, INT, 0, 5, SELF, at(0)), 0);
    assert_int_equal(load(68), 9);
    assert_int_equal(mw_MPI_Buffer_detach(&guest, at(72), at(76)), 0);
    assert_int_equal(load(72), 4096);
    assert_int_equal(load(76), 4096);
    assert_int_equal(mw_MPI_Buffer_detach(&guest, at(72), at(76)), MW_GUEST_ERR_BUFFER);
}

/* The guest's long double is IEEE quadruple precision: 1 + 2^-100 needs all of it. */
static void test_quad(void **state)
{
    (void)state;
#if __LDBL_MANT_DIG__ == 113
    long double one = 1, small = 0x1p-100, sum;
#else
    __float128 one = 1, small = 0x1p-100, sum;
#endif
    memcpy(memory.base + 256, &one, 16);
    memcpy(memory.base + 272, &small, 16);
    assert_int_equal(mw_MPI_Reduce_local(&guest, at(256), at(272), 1, TYPE(MW_GUEST_LONG_DOUBLE), OP(MW_GUEST_SUM)), 0);
    memcpy(&sum, memory.base + 272, 16);
    assert_true(sum == one + small && sum != one);
    assert_int_equal(mw_MPI_Reduce_local(&guest, at(256), at(272), 1, TYPE(MW_GUEST_LONG_DOUBLE), OP(MW_GUEST_BAND)),
                     MW_GUEST_ERR_OP);
}

static void test_after_finalize(void **state)
{
    (void)state;
    assert_int_equal(mw_MPI_Finalize(&guest), 0);
    assert_trap(mw_MPI_Comm_rank(&guest, WORLD, at(64)), "after MPI_Finalize");
    assert_trap(mw_MPI_Init(&guest, at(0), at(0)), "a second time");
    assert_int_equal(mw_MPI_Finalized(&guest, at(64)), 0);
    assert_int_equal(load(64), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_init),      cmocka_unit_test(test_handles),
        cmocka_unit_test(test_table_full),       cmocka_unit_test(test_touched),
        cmocka_unit_test(test_init),             cmocka_unit_test(test_error_handlers),
        cmocka_unit_test(test_predefined_types), cmocka_unit_test(test_buffers),
        cmocka_unit_test(test_derived_types),    cmocka_unit_test(test_type_contents),
        cmocka_unit_test(test_arrays),           cmocka_unit_test(test_large_counts),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_persistent),       cmocka_unit_test(test_status_round_trip),
        cmocka_unit_test(test_pack),             cmocka_unit_test(test_errors),
        cmocka_unit_test(test_info),             cmocka_unit_test(test_communicators),
        cmocka_unit_test(test_buffer_attach),    cmocka_unit_test(test_quad),
        cmocka_unit_test(test_after_finalize),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
