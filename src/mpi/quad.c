/* Predefined operations on the guest's long double, which on wasm32 is IEEE binary128 in 16 bytes. The host moves it as
 * two doubles, so computing needs these operations. */
#include "mpi/callbacks.h"

#if __LDBL_MANT_DIG__ == 113
typedef long double quad;
#else
typedef __float128 quad;
#endif

/* As the guest lays them out. */
typedef struct quad_int {
    quad value;
    int32_t index;
} quad_int;
typedef struct quad_complex {
    quad re, im;
} quad_complex;
_Static_assert(sizeof(quad_int) == 32 && sizeof(quad_complex) == 32, "wasm32 layouts");

/* The last element has no padding behind it: `bytes` is the type's true extent. */
#define QUAD_OP(name, type, bytes, statement)                                                          \
    static void name(void *in, void *inout, int *len, MPI_Datatype *datatype)                      \
    {                                                                                              \
        const char *from = in;                                                                     \
        char *to = inout;                                                                          \
        (void)datatype;                                                                            \
        for (int i = 0; i < *len; i++, from += sizeof(type), to += sizeof(type)) {                 \
            type a, b;                                                                             \
            memcpy(&a, from, bytes);                                                            \
            memcpy(&b, to, bytes);                                                              \
            statement;                                                                             \
            memcpy(to, &b, bytes);                                                              \
        }                                                                                          \
    }
QUAD_OP(quad_sum, quad, 16, b = a + b)
QUAD_OP(quad_prod, quad, 16, b = a * b)
QUAD_OP(quad_min, quad, 16, b = a < b ? a : b)
QUAD_OP(quad_max, quad, 16, b = a > b ? a : b)
/* Not in the standard, but MPICH takes floating-point numbers for logical values, and programs do. */
QUAD_OP(quad_land, quad, 16, b = a != 0 && b != 0)
QUAD_OP(quad_lor, quad, 16, b = a != 0 || b != 0)
QUAD_OP(quad_lxor, quad, 16, b = (a != 0) != (b != 0))
QUAD_OP(complex_sum, quad_complex, 32, (b.re = a.re + b.re, b.im = a.im + b.im))
QUAD_OP(complex_prod, quad_complex, 32,
        b = ((quad_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}))
/* MPI 4.1, 6.9.4: of equal values the lower index. */
QUAD_OP(quad_minloc, quad_int, 20,
        if (a.value < b.value || (a.value == b.value && a.index < b.index)) b = a)
QUAD_OP(quad_maxloc, quad_int, 20,
        if (a.value > b.value || (a.value == b.value && a.index < b.index)) b = a)

typedef enum quad_class { QUAD_REAL, QUAD_COMPLEX, QUAD_PAIR } quad_class;

typedef struct quad_row {
    uint16_t builtin;
    uint16_t class;
    MPI_User_function *function;
} quad_row;

static const quad_row rows[] = {
    {MW_GUEST_SUM, QUAD_REAL, quad_sum},          {MW_GUEST_PROD, QUAD_REAL, quad_prod},
    {MW_GUEST_MIN, QUAD_REAL, quad_min},          {MW_GUEST_MAX, QUAD_REAL, quad_max},
    {MW_GUEST_LAND, QUAD_REAL, quad_land},        {MW_GUEST_LOR, QUAD_REAL, quad_lor},
    {MW_GUEST_LXOR, QUAD_REAL, quad_lxor},
    {MW_GUEST_SUM, QUAD_COMPLEX, complex_sum},    {MW_GUEST_PROD, QUAD_COMPLEX, complex_prod},
    {MW_GUEST_MINLOC, QUAD_PAIR, quad_minloc},    {MW_GUEST_MAXLOC, QUAD_PAIR, quad_maxloc},
};
#define NROWS (sizeof rows / sizeof rows[0])
static MPI_Op ops[NROWS];
static bool made[NROWS];

static quad_class class_of(mw_guest_type type)
{
    switch (type.value) {
    case MW_GUEST_LONG_DOUBLE_INT:
        return QUAD_PAIR;
    case MW_GUEST_C_LONG_DOUBLE_COMPLEX:
    case MW_GUEST_CXX_LONG_DOUBLE_COMPLEX:
    case MW_GUEST_COMPLEX32:
        return QUAD_COMPLEX;
    default:
        return QUAD_REAL;
    }
}

/* Two threads that make the same operation at once only make one too many. */
MPI_Op mw_quad_op(uint32_t builtin, mw_guest_type type)
{
    quad_class class = class_of(type);

    for (size_t i = 0; i < NROWS; i++) {
        if (rows[i].builtin != builtin || rows[i].class != class)
            continue;
        if (!__atomic_load_n(&made[i], __ATOMIC_ACQUIRE)) {
            MPI_Op op;
            if (MPI_Op_create(rows[i].function, 1, &op) != MPI_SUCCESS)
                return MPI_OP_NULL;
            ops[i] = op;
            __atomic_store_n(&made[i], true, __ATOMIC_RELEASE);
        }
        return ops[i];
    }
    return MPI_OP_NULL;
}

void mw_quad_finalize(void)
{
    for (size_t i = 0; i < NROWS; i++)
        if (made[i])
            MPI_Op_free(&ops[i]);
    memset(made, 0, sizeof made);
}
