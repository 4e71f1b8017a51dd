/* What is freed while it is in use: operations and datatypes of nonblocking and persistent collectives, argument arrays
 * of w-collectives, error handlers. */
#include "say.h"

enum { N = 4, MAX_RANKS = 16 };

/* Matrices of 2 x 2: what is multiplied in another order is another product. */
typedef struct matrix { int m[4]; } matrix;
static int multiplied;

static void multiply(void *in, void *inout, int *len, MPI_Datatype *type)
{
    matrix *a = in, *b = inout;
    (void)type;
    multiplied++;
    for (int i = 0; i < *len; i++)
        b[i] = (matrix){{a[i].m[0] * b[i].m[0] + a[i].m[1] * b[i].m[2], a[i].m[0] * b[i].m[1] + a[i].m[1] * b[i].m[3],
                         a[i].m[2] * b[i].m[0] + a[i].m[3] * b[i].m[2], a[i].m[2] * b[i].m[1] + a[i].m[3] * b[i].m[3]}};
}

static void add(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)type;
    for (int i = 0; i < *len; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static MPI_Datatype matrix_type(void)
{
    MPI_Datatype type;
    MPI_Type_contiguous(4, MPI_INT, &type);
    MPI_Type_commit(&type);
    return type;
}

/* Five at a time, with operation and datatype freed before any is waited for, and another operation of the same
 * function made meanwhile. */
static void operations(void)
{
    MPI_Datatype type = matrix_type();
    MPI_Op op, sum, again;
    MPI_Request requests[6];
    matrix mine[N * MAX_RANKS], all[N], first[N], scanned[N], before[N] = {{{0}}}, part[N];
    int values[N] = {rank, 1, 2, 3}, sums[N];
    for (int i = 0; i < N * size; i++)
        mine[i] = (matrix){{1, (rank + i) % 3, rank % 2, 1}};
    MPI_Op_create(multiply, 0, &op);
    MPI_Op_create(add, 1, &sum);
    MPI_Iallreduce(mine, all, N, type, op, MPI_COMM_WORLD, &requests[0]);
    MPI_Ireduce(mine, first, N, type, op, 0, MPI_COMM_WORLD, &requests[1]);
    MPI_Iscan(mine, scanned, N, type, op, MPI_COMM_WORLD, &requests[2]);
    MPI_Iexscan(mine, before, N, type, op, MPI_COMM_WORLD, &requests[3]);
    MPI_Ireduce_scatter_block(mine, part, N, type, op, MPI_COMM_WORLD, &requests[4]);
    MPI_Iallreduce(values, sums, N, MPI_INT, sum, MPI_COMM_WORLD, &requests[5]);
    MPI_Op_free(&op);
    MPI_Op_free(&sum);
    MPI_Type_free(&type);
    MPI_Op_create(add, 1, &again);
    type = matrix_type();
    MPI_Waitall(6, requests, MPI_STATUSES_IGNORE);
    say_ints("iallreduce", all[1].m, 4);
    if (rank == 0)
        say_ints("ireduce", first[2].m, 4);
    say_ints("iscan", scanned[N - 1].m, 4);
    if (rank > 0)
        say_ints("iexscan", before[0].m, 4);
    say_ints("ireduce_scatter_block", part[N - 1].m, 4);
    say_ints("sums", sums, N);
    say("multiplied %d\n", size == 1 || multiplied > 0);
    MPI_Reduce_local(values, sums, N, MPI_INT, again);
    say_ints("again", sums, N);
    MPI_Op_free(&again);
    MPI_Type_free(&type);
}

/* User-defined operations are not for accumulates (MPI 4.1, 12.3.4). */
static void accumulate(void)
{
    MPI_Op op;
    MPI_Win win;
    int memory = 1, value = 2, class;
    MPI_Op_create(add, 1, &op);
    MPI_Win_create(&memory, sizeof memory, sizeof memory, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Win_fence(0, win);
    MPI_Error_class(MPI_Accumulate(&value, 1, MPI_INT, rank, 0, 1, MPI_INT, op, win), &class);
    MPI_Win_fence(0, win);
    say("accumulate with our operation: %d, memory %d\n", class == MPI_ERR_OP, memory);
    MPI_Win_free(&win);
    MPI_Op_free(&op);
}

/* Several at a time; each has datatypes of its own, freed at once, and arrays that are not touched until it is complete. */
static void w_collectives(void)
{
    enum { ROUNDS = 3 };
    static int in[ROUNDS][MAX_RANKS * 4], out[ROUNDS][MAX_RANKS * 4];
    static int counts[ROUNDS][MAX_RANKS], displs[ROUNDS][MAX_RANKS];
    static MPI_Datatype types[ROUNDS][MAX_RANKS], received[ROUNDS][MAX_RANKS];
    MPI_Request requests[ROUNDS];
    for (int k = 0; k < ROUNDS; k++) {
        for (int i = 0; i < size; i++) {
            counts[k][i] = 1;
            displs[k][i] = i * (int)(4 * sizeof(int));
            MPI_Type_vector(2, 1, 2, MPI_INT, &types[k][i]); /* elements 0 and 2 of 4 */
            MPI_Type_commit(&types[k][i]);
            MPI_Type_indexed(2, (int[]){1, 1}, (int[]){3, 1}, MPI_INT, &received[k][i]); /* into 3 and 1 */
            MPI_Type_commit(&received[k][i]);
        }
        for (int i = 0; i < 4 * size; i++)
            in[k][i] = 1000 * k + 100 * rank + i, out[k][i] = -1;
        MPI_Ialltoallw(in[k], counts[k], displs[k], types[k], out[k], counts[k], displs[k], received[k], MPI_COMM_WORLD,
                       &requests[k]);
        for (int i = 0; i < size; i++) {
            MPI_Type_free(&types[k][i]);
            MPI_Type_free(&received[k][i]);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Waitall(ROUNDS, requests, MPI_STATUSES_IGNORE);
    for (int k = 0; k < ROUNDS; k++)
        say_ints("ialltoallw", out[k], 4 * size);
}

static void neighbours(void)
{
    MPI_Comm ring;
    MPI_Request request;
    MPI_Datatype types[2] = {MPI_INT, MPI_INT};
    MPI_Aint displs[2] = {0, 2 * sizeof(int)};
    int counts[2] = {2, 1}, values[4] = {10 * rank, 10 * rank + 1, 10 * rank + 2, -1}, got[4] = {-1, -1, -1, -1};
    int left = (rank + size - 1) % size, right = (rank + 1) % size;
    int froms[2] = {left, right}, tos[2] = {right, left};
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 2, froms, MPI_UNWEIGHTED, 2, tos, MPI_UNWEIGHTED, MPI_INFO_NULL, 0,
                                   &ring);
    MPI_Type_contiguous(1, MPI_INT, &types[1]);
    MPI_Type_commit(&types[1]);
    MPI_Ineighbor_alltoallw(values, counts, displs, types, got, counts, displs, types, ring, &request);
    MPI_Type_free(&types[1]);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say_ints("ineighbor_alltoallw", got, 4);
    MPI_Comm_free(&ring);
}

/* Persistent collectives came with MPI 4.0: a guest is told by an error where the host lacks them. */
static void persistent(void)
{
#if MPI_VERSION >= 4 || defined(__wasm__)
    MPI_Datatype type = matrix_type(), types[MAX_RANKS];
    MPI_Request requests[2];
    MPI_Op op;
    matrix mine[N], all[N];
    int in[MAX_RANKS], out[MAX_RANKS], counts[MAX_RANKS], displs[MAX_RANKS];
    MPI_Op_create(multiply, 0, &op);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int error = MPI_Allreduce_init(mine, all, N, type, op, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[0]);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Op_free(&op);
    MPI_Type_free(&type);
    if (error != MPI_SUCCESS) {
        MPI_Error_class(error, &error);
        if (error == MPI_ERR_UNSUPPORTED_OPERATION)
            say("no persistent collectives\n");
        return;
    }
    for (int i = 0; i < size; i++) {
        counts[i] = 1;
        displs[i] = i * (int)sizeof(int);
        MPI_Type_contiguous(1, MPI_INT, &types[i]);
        MPI_Type_commit(&types[i]);
    }
    MPI_Alltoallw_init(in, counts, displs, types, out, counts, displs, types, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[1]);
    for (int i = 0; i < size; i++)
        MPI_Type_free(&types[i]);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            mine[i] = (matrix){{1, rank + round, round, 1}};
        for (int i = 0; i < size; i++)
            in[i] = 100 * round + 10 * rank + i, out[i] = -1;
        MPI_Startall(2, requests);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        say_ints("allreduce_init", all[round].m, 4);
        say_ints("alltoallw_init", out, size);
    }
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
#else
    say("no persistent collectives\n");
#endif
}

static int handled[2];

static void first_handler(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
    handled[0]++;
}

static void second_handler(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
    handled[1]++;
}

/* A duplicate inherits the handler, freed or not. */
static void handlers(void)
{
    MPI_Errhandler first, second, got;
    MPI_Comm comm, dup, half;
    int value = 0;
    MPI_Comm_create_errhandler(first_handler, &first);
    MPI_Comm_create_errhandler(second_handler, &second);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, first);
    MPI_Errhandler_free(&first);
    MPI_Comm_dup(comm, &dup);
    MPI_Comm_split(comm, rank % 2, 0, &half);
    MPI_Comm_set_errhandler(comm, second);
    MPI_Send(&value, 1, MPI_INT, -77, 0, comm);
    say("second only: %d %d\n", handled[0], handled[1]);
    MPI_Send(&value, 1, MPI_INT, -77, 0, dup);
    say("the duplicate's: %d %d\n", handled[0], handled[1]);
    MPI_Send(&value, 1, MPI_INT, -77, 0, half);
    say("the part's: %d %d\n", handled[0], handled[1]);
    MPI_Comm_get_errhandler(dup, &got);
    MPI_Comm_set_errhandler(comm, got);
    MPI_Comm_set_errhandler(dup, MPI_ERRORS_RETURN);
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&second);
    MPI_Send(&value, 1, MPI_INT, -77, 0, comm);
    MPI_Send(&value, 1, MPI_INT, -77, 0, dup);
    say("given back: %d %d\n", handled[0], handled[1]);
    MPI_Comm_free(&half);
    MPI_Comm_free(&dup);
    MPI_Comm_call_errhandler(comm, MPI_ERR_OTHER);
    say("still: %d %d\n", handled[0], handled[1]);
    MPI_Comm_free(&comm);
}

int main(void)
{
    begin();
    operations();
    accumulate();
    w_collectives();
    neighbours();
    persistent();
    handlers();
    return finish();
}
