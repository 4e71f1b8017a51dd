/* A program for the artifact's ABI (mpi.h beside it) and, natively, for any MPI: it must say the same. */
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __wasm__
#define LONG_BYTES 4 /* the guest's */
__attribute__((import_module("env"), import_name("gethostname"))) int env_gethostname(char *, int);
__attribute__((import_module("env"), import_name("__cxa_allocate_exception"))) void *env_allocate_exception(int);
__attribute__((import_module("env"), import_name("__cxa_throw"))) void env_throw(void *, void *, void *);
#define gethostname env_gethostname
#else
#define LONG_BYTES (int)sizeof(long)
#endif

static int rank, size, wrong;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            wrong++;                                                                               \
            fprintf(stderr, "rank %d, line %d: %s\n", rank, __LINE__, #condition);                 \
        }                                                                                          \
    } while (0)

/* Every datatype: its size, and the smallest and the largest of a value on all ranks. */
#define TYPE(type, handle, bytes)                                                                  \
    do {                                                                                           \
        type guarded[3] = {(type)77, (type)(rank + 1), (type)77}, result[3] = {(type)55, 0, (type)55}; \
        int n;                                                                                     \
        MPI_Type_size(handle, &n);                                                                 \
        CHECK(n == (bytes));                                                                       \
        CHECK(MPI_Allreduce(&guarded[1], &result[1], 1, handle, MPI_MAX, MPI_COMM_WORLD) == MPI_SUCCESS); \
        CHECK(result[0] == (type)55 && result[1] == (type)size && result[2] == (type)55);          \
        CHECK(MPI_Allreduce(&guarded[1], &result[1], 1, handle, MPI_MIN, MPI_COMM_WORLD) == MPI_SUCCESS); \
        CHECK(result[0] == (type)55 && result[1] == (type)1 && result[2] == (type)55);             \
    } while (0)

static void types(void)
{
    TYPE(int8_t, MPI_INT8_T, 1);
    TYPE(int16_t, MPI_INT16_T, 2);
    TYPE(int32_t, MPI_INT32_T, 4);
    TYPE(int, MPI_INT, 4);
    TYPE(int64_t, MPI_INT64_T, 8);
    TYPE(uint8_t, MPI_UINT8_T, 1);
    TYPE(uint16_t, MPI_UINT16_T, 2);
    TYPE(uint32_t, MPI_UINT32_T, 4);
    TYPE(unsigned, MPI_UNSIGNED, 4);
    TYPE(uint64_t, MPI_UINT64_T, 8);
    TYPE(long, MPI_LONG, LONG_BYTES);
    TYPE(long long, MPI_LONG_LONG, 8);
    TYPE(long long, MPI_LONG_LONG_INT, 8);
    TYPE(float, MPI_FLOAT, 4);
    TYPE(double, MPI_DOUBLE, 8);
    char text[4] = "abc", got[4] = "";
    if (rank == 0)
        memcpy(got, text, 4);
    MPI_Bcast(got, 4, MPI_CHAR, 0, MPI_COMM_WORLD);
    CHECK(!strcmp(got, text));
    memset(got, rank, sizeof got);
    MPI_Bcast(got, 4, MPI_BYTE, size - 1, MPI_COMM_WORLD);
    CHECK(got[3] == size - 1);
    bool truth = rank == 0, all, any;
    MPI_Allreduce(&truth, &all, 1, MPI_C_BOOL, MPI_LAND, MPI_COMM_WORLD);
    MPI_Allreduce(&truth, &any, 1, MPI_C_BOOL, MPI_LOR, MPI_COMM_WORLD);
    CHECK(any && all == (size == 1));
    struct {
        double value;
        int where;
    } mine = {(rank * 3 + 1) % 5, rank}, high, low;
    MPI_Allreduce(&mine, &high, 1, MPI_DOUBLE_INT, MPI_MAXLOC, MPI_COMM_WORLD);
    MPI_Allreduce(&mine, &low, 1, MPI_DOUBLE_INT, MPI_MINLOC, MPI_COMM_WORLD);
    printf("rank %d: largest %g at %d, smallest %g at %d\n", rank, high.value, high.where, low.value, low.where);
    int bits = 1 << rank, both, factor = rank + 1, product;
    MPI_Allreduce(&bits, &both, 1, MPI_INT, MPI_BOR, MPI_COMM_WORLD);
    CHECK(both == (1 << size) - 1);
    MPI_Allreduce(&bits, &both, 1, MPI_INT, MPI_BAND, MPI_COMM_WORLD);
    CHECK(both == (size == 1));
    MPI_Reduce(&factor, &product, 1, MPI_INT, MPI_PROD, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("product %d\n", product);
    /* In a buffer of longs that ends with the guest's memory, or anywhere, there are 4 bytes for each. */
    long longs[100];
    for (int i = 0; i < 100; i++)
        longs[i] = i * (rank + 1);
    MPI_Allreduce(MPI_IN_PLACE, longs, 100, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    CHECK(longs[99] == 99L * size * (size + 1) / 2);
}

static void messages(void)
{
    int value = 10 * rank, got = -1, count, next = (rank + 1) % size, previous = (rank + size - 1) % size;
    MPI_Status status, statuses[2];
    MPI_Request requests[2];
    memset(&status, 0x5a, sizeof status);
    MPI_Sendrecv(&value, 1, MPI_INT, next, 7, &got, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    printf("rank %d: got %d from %d, tag %d, count %d\n", rank, got, status.MPI_SOURCE, status.MPI_TAG, count);
    double values[5] = {rank, 1, 2, 3, 4}, several[8];
    MPI_Irecv(several, 8, MPI_DOUBLE, previous, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(values, 5, MPI_DOUBLE, next, 8, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, statuses);
    MPI_Get_count(&statuses[0], MPI_DOUBLE, &count);
    printf("rank %d: %d doubles of %d, first %g\n", rank, count, statuses[0].MPI_SOURCE, several[0]);
    MPI_Isend(&value, 1, MPI_INT, next, 9, MPI_COMM_WORLD, &requests[0]);
    MPI_Probe(previous, 9, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    MPI_Recv(&got, count, MPI_INT, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    CHECK(count == 1 && got == 10 * previous);
}

static int seen;

static void add(void *in, void *inout, int *n, MPI_Datatype *type)
{
    seen = *type == MPI_INT;
    for (int i = 0; i < *n; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static void objects(void)
{
    MPI_Comm dup, half, node, none;
    MPI_Op op;
    MPI_Datatype pair;
    int result, n, value = rank, sum = 0, members;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Comm_compare(MPI_COMM_WORLD, MPI_COMM_WORLD, &result);
    CHECK(result == MPI_IDENT);
    MPI_Comm_compare(MPI_COMM_WORLD, dup, &result);
    CHECK(result == MPI_CONGRUENT);
    MPI_Comm_compare(MPI_COMM_SELF, dup, &result);
    CHECK(result == (size == 1 ? MPI_CONGRUENT : MPI_UNEQUAL));
    MPI_Comm_split(dup, 0, -rank, &half);
    MPI_Comm_compare(half, dup, &result);
    CHECK(result == (size == 1 ? MPI_CONGRUENT : MPI_SIMILAR));
    MPI_Comm_split(dup, MPI_UNDEFINED, 0, &none);
    CHECK(none == MPI_COMM_NULL);
    MPI_Comm_split_type(dup, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &members);
    CHECK(members == size);
    MPI_Op_create(add, 1, &op);
    MPI_Allreduce(&value, &sum, 1, MPI_INT, op, dup);
    int anywhere; /* not every rank need call it */
    MPI_Allreduce(&seen, &anywhere, 1, MPI_INT, MPI_MAX, dup);
    CHECK(sum == size * (size - 1) / 2 && (size == 1 || anywhere));
    MPI_Op_free(&op);
    CHECK(op == MPI_OP_NULL);
    MPI_Type_contiguous(2, MPI_DOUBLE, &pair);
    MPI_Type_commit(&pair);
    MPI_Type_size(pair, &n);
    CHECK(n == 16);
    MPI_Type_free(&pair);
    CHECK(pair == MPI_DATATYPE_NULL);
    MPI_Comm_free(&dup);
    CHECK(dup == MPI_COMM_NULL);
    MPI_Comm_free(&half);
    MPI_Comm_free(&node);
    /* Arrays of datatypes. */
    int *counts = malloc(size * sizeof(int)), *displs = malloc(size * sizeof(int));
    int *from = malloc(size * sizeof(int)), *to = malloc(size * sizeof(int));
    MPI_Datatype *handles = malloc(size * sizeof *handles);
    for (int i = 0; i < size; i++) {
        counts[i] = 1;
        displs[i] = i * (int)sizeof(int);
        handles[i] = i % 2 ? MPI_INT : MPI_INT32_T;
        from[i] = 100 * rank + i;
    }
    MPI_Datatype *mine = malloc(size * sizeof *mine);
    for (int i = 0; i < size; i++)
        mine[i] = rank % 2 ? MPI_INT : MPI_INT32_T;
    MPI_Alltoallw(from, counts, displs, handles, to, counts, displs, mine, MPI_COMM_WORLD);
    for (int i = 0; i < size; i++)
        CHECK(to[i] == 100 * i + rank);
    CHECK(handles[0] == MPI_INT32_T);
}

static void windows(void)
{
    int memory[4] = {0}, value = rank + 1, flag, *unit;
    void *base;
    MPI_Aint *bytes;
    MPI_Win win;
    MPI_Win_create(memory, sizeof memory, sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_get_attr(win, MPI_WIN_BASE, &base, &flag);
    CHECK(flag && base == memory);
    MPI_Win_get_attr(win, MPI_WIN_SIZE, &bytes, &flag);
    CHECK(flag && *bytes == sizeof memory);
    MPI_Win_get_attr(win, MPI_WIN_DISP_UNIT, &unit, &flag);
    CHECK(flag && *unit == sizeof(int));
    MPI_Win_get_attr(win, MPI_WIN_CREATE_FLAVOR, &unit, &flag);
    CHECK(flag);
    MPI_Win_get_attr(win, MPI_WIN_MODEL, &unit, &flag);
    CHECK(flag);
    MPI_Win_fence(0, win);
    MPI_Put(&value, 1, MPI_INT, (rank + 1) % size, 2, 1, MPI_INT, win);
    MPI_Win_fence(0, win);
    CHECK(memory[2] == (rank + size - 1) % size + 1);
    MPI_Win_free(&win);
}

int main(int argc, char **argv)
{
    int provided, level, length;
    char name[MPI_MAX_PROCESSOR_NAME], host[256] = "";
    double *memory;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Query_thread(&level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(provided >= MPI_THREAD_FUNNELED && provided <= MPI_THREAD_MULTIPLE && level == provided);
    MPI_Get_processor_name(name, &length);
    CHECK((int)strlen(name) == length && gethostname(host, sizeof host) == 0 && host[0]);
    MPI_Alloc_mem(1000, MPI_INFO_NULL, &memory);
    memory[0] = memory[124] = 1;
    MPI_Free_mem(memory);
#ifdef __wasm__
    if (argc > 1)
        env_throw(env_allocate_exception(8), NULL, NULL);
#endif
    types();
    messages();
    objects();
    windows();
    CHECK(MPI_Wtime() >= 0);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d of %d: %d wrong\n", rank, size, wrong);
    MPI_Finalize();
    return wrong != 0;
}
