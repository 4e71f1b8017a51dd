/* Predefined operations on every type of C that they are defined for, and user-defined operations. */
#include "say.h"
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARITHMETIC(ctype, mpitype, format, cast)                                                   \
    do {                                                                                           \
        static const MPI_Op ops[] = {MPI_SUM, MPI_PROD, MPI_MIN, MPI_MAX};                         \
        for (int o = 0; o < 4; o++) {                                                              \
            ctype a[3] = {(ctype)(rank + 2), (ctype)(5 - rank), (ctype)(rank % 2 + 1)}, b[3];      \
            MPI_Allreduce(a, b, 3, mpitype, ops[o], MPI_COMM_WORLD);                               \
            say(#mpitype " %d: " format " " format " " format "\n", o, (cast)b[0], (cast)b[1], (cast)b[2]); \
        }                                                                                          \
    } while (0)

#define BITS(ctype, mpitype)                                                                       \
    do {                                                                                           \
        static const MPI_Op ops[] = {MPI_BAND, MPI_BOR, MPI_BXOR, MPI_LAND, MPI_LOR, MPI_LXOR};    \
        for (int o = 0; o < 6; o++) {                                                              \
            ctype a[3] = {(ctype)(rank + 9), (ctype)(rank % 2), (ctype)(3 << rank)}, b[3];         \
            MPI_Allreduce(a, b, 3, mpitype, ops[o], MPI_COMM_WORLD);                               \
            say(#mpitype " bits %d: %d %d %d\n", o, (int)b[0], (int)b[1], (int)b[2]);              \
        }                                                                                          \
    } while (0)

#define PAIR(ctype, mpitype)                                                                       \
    do {                                                                                           \
        struct { ctype value; int index; } a[2] = {{(ctype)(rank % 3), rank}, {(ctype)-rank, 10 + rank}}, b[2]; \
        MPI_Allreduce(a, b, 2, mpitype, MPI_MINLOC, MPI_COMM_WORLD);                               \
        say(#mpitype " minloc: %g %d %g %d\n", (double)b[0].value, b[0].index, (double)b[1].value, b[1].index); \
        MPI_Allreduce(a, b, 2, mpitype, MPI_MAXLOC, MPI_COMM_WORLD);                               \
        say(#mpitype " maxloc: %g %d %g %d\n", (double)b[0].value, b[0].index, (double)b[1].value, b[1].index); \
    } while (0)

/* 2 x 2 matrices: associative, not commutative. */
typedef struct matrix { double m[4]; } matrix;
static int calls, wrong_type;
static MPI_Datatype matrix_type;

static void multiply(void *in, void *inout, int *len, MPI_Datatype *type)
{
    matrix *a = in, *b = inout;
    calls++;
    if (*type != matrix_type)
        wrong_type++;
    for (int i = 0; i < *len; i++) {
        matrix c = {{a[i].m[0] * b[i].m[0] + a[i].m[1] * b[i].m[2], a[i].m[0] * b[i].m[1] + a[i].m[1] * b[i].m[3],
                     a[i].m[2] * b[i].m[0] + a[i].m[3] * b[i].m[2], a[i].m[2] * b[i].m[1] + a[i].m[3] * b[i].m[3]}};
        b[i] = c;
    }
}

static void add_longs(void *in, void *inout, int *len, MPI_Datatype *type)
{
    long *a = in, *b = inout;
    if (*type != MPI_LONG)
        wrong_type++;
    for (int i = 0; i < *len; i++)
        b[i] += a[i];
}

/* Only the strided members of the vector type may be touched. */
static void add_strided(void *in, void *inout, int *len, MPI_Datatype *type)
{
    MPI_Aint lb, extent;
    MPI_Type_get_extent(*type, &lb, &extent);
    for (int i = 0; i < *len; i++) {
        int *a = (int *)((char *)in + i * extent), *b = (int *)((char *)inout + i * extent);
        for (int j = 0; j < 3; j++)
            b[2 * j] += a[2 * j];
    }
}

static void user_ops(void)
{
    MPI_Op op;
    int commute;
    MPI_Type_contiguous(4, MPI_DOUBLE, &matrix_type);
    MPI_Type_commit(&matrix_type);
    MPI_Op_create(multiply, 0, &op);
    MPI_Op_commutative(op, &commute);
    say("commutes: %d\n", commute);
    matrix a[3], b[3];
    for (int i = 0; i < 3; i++)
        a[i] = (matrix){{1 + rank, i, 1, rank}};
    MPI_Allreduce(a, b, 3, matrix_type, op, MPI_COMM_WORLD);
    say_doubles("product", b[0].m, 12);
    MPI_Reduce(a, b, 3, matrix_type, op, size - 1, MPI_COMM_WORLD);
    if (rank == size - 1)
        say_doubles("reduced", b[0].m, 12);
    MPI_Scan(a, b, 3, matrix_type, op, MPI_COMM_WORLD);
    say_doubles("scanned", b[0].m, 12);
    MPI_Exscan(a, b, 3, matrix_type, op, MPI_COMM_WORLD);
    if (rank > 0)
        say_doubles("exscanned", b[0].m, 12);
    b[0] = b[1] = b[2] = (matrix){{1, 1, 0, 1}};
    MPI_Reduce_local(a, b, 3, matrix_type, op);
    say_doubles("local", b[0].m, 12);
    /* freed while in use */
    MPI_Request request;
    MPI_Iallreduce(a, b, 3, matrix_type, op, MPI_COMM_WORLD, &request);
    MPI_Op_free(&op);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say_doubles("freed", b[0].m, 12);
    say("op null: %d, called: %d, wrong types: %d\n", op == MPI_OP_NULL, calls > 0, wrong_type);

    enum { LONG = 20000 };
    static long x[LONG], y[LONG];
    MPI_Op_create(add_longs, 1, &op);
    for (int i = 0; i < LONG; i++)
        x[i] = i + rank;
    MPI_Allreduce(x, y, LONG, MPI_LONG, op, MPI_COMM_WORLD);
    long check = 0;
    for (int i = 0; i < LONG; i++)
        check = (check * 5 + y[i]) % 1000003;
    say("long vector: %ld, wrong types: %d\n", check, wrong_type);
    MPI_Op_free(&op);

    MPI_Datatype vector;
    MPI_Type_vector(3, 1, 2, MPI_INT, &vector);
    MPI_Type_commit(&vector);
    MPI_Op_create(add_strided, 1, &op);
    int u[5] = {rank, 50, rank + 1, 60, rank + 2}, v[5] = {-1, -2, -3, -4, -5};
    MPI_Allreduce(u, v, 1, vector, op, MPI_COMM_WORLD);
    say_ints("strided", v, 5);
    MPI_Op_free(&op);
    MPI_Type_free(&vector);
    MPI_Type_free(&matrix_type);
}

int main(void)
{
    begin();
    ARITHMETIC(signed char, MPI_SIGNED_CHAR, "%d", int);
    ARITHMETIC(unsigned char, MPI_UNSIGNED_CHAR, "%d", int);
    ARITHMETIC(short, MPI_SHORT, "%d", int);
    ARITHMETIC(unsigned short, MPI_UNSIGNED_SHORT, "%d", int);
    ARITHMETIC(int, MPI_INT, "%d", int);
    ARITHMETIC(unsigned, MPI_UNSIGNED, "%u", unsigned);
    ARITHMETIC(long, MPI_LONG, "%ld", long);
    ARITHMETIC(unsigned long, MPI_UNSIGNED_LONG, "%lu", unsigned long);
    ARITHMETIC(long long, MPI_LONG_LONG, "%lld", long long);
    ARITHMETIC(unsigned long long, MPI_UNSIGNED_LONG_LONG, "%llu", unsigned long long);
    ARITHMETIC(float, MPI_FLOAT, "%g", double);
    ARITHMETIC(double, MPI_DOUBLE, "%g", double);
    ARITHMETIC(long double, MPI_LONG_DOUBLE, "%g", double);
    ARITHMETIC(int8_t, MPI_INT8_T, "%d", int);
    ARITHMETIC(uint16_t, MPI_UINT16_T, "%d", int);
    ARITHMETIC(int32_t, MPI_INT32_T, "%d", int);
    ARITHMETIC(int64_t, MPI_INT64_T, "%lld", long long);
    ARITHMETIC(MPI_Aint, MPI_AINT, "%ld", long);
    ARITHMETIC(MPI_Count, MPI_COUNT, "%lld", long long);
    ARITHMETIC(MPI_Offset, MPI_OFFSET, "%lld", long long);
    BITS(unsigned char, MPI_UNSIGNED_CHAR);
    BITS(int, MPI_INT);
    BITS(unsigned long, MPI_UNSIGNED_LONG);
    BITS(long long, MPI_LONG_LONG);
    PAIR(int, MPI_2INT);
    PAIR(short, MPI_SHORT_INT);
    PAIR(long, MPI_LONG_INT);
    PAIR(float, MPI_FLOAT_INT);
    PAIR(double, MPI_DOUBLE_INT);
    PAIR(long double, MPI_LONG_DOUBLE_INT);

    double complex z[2] = {rank + 1 + I * 2, 1 - I * rank}, w[2];
    MPI_Allreduce(z, w, 2, MPI_C_DOUBLE_COMPLEX, MPI_SUM, MPI_COMM_WORLD);
    say("complex sum: %g %g %g %g\n", creal(w[0]), cimag(w[0]), creal(w[1]), cimag(w[1]));
    MPI_Allreduce(z, w, 2, MPI_C_DOUBLE_COMPLEX, MPI_PROD, MPI_COMM_WORLD);
    say("complex product: %g %g %g %g\n", creal(w[0]), cimag(w[0]), creal(w[1]), cimag(w[1]));
    bool yes[2] = {rank == 0, true}, any[2];
    MPI_Allreduce(yes, any, 2, MPI_C_BOOL, MPI_LAND, MPI_COMM_WORLD);
    say("bool: %d %d\n", any[0], any[1]);
    user_ops();
    return finish();
}
