/* What a call of MPI costs, in nanoseconds: measured in the same program natively and as a guest, the difference is
 * what the translation adds. Most calls are such that the host's library has nearly nothing to do: it is the same on both
 * sides. Rank 0 reports the best of many batches.
 *
 *     mpi_calls [FILTER]       calls whose name contains FILTER
 *     mpi_calls count CALLS    each batch once with 10 and once with CALLS calls, for a profiler that counts: no times */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 300, LIVE = 10000, LARGEST = 1 << 22 };

#define NOINLINE __attribute__((noinline))

static int rank;
static char buffer[LARGEST];

/* What the calls are made with: the predefined objects, or the last of many. */
static MPI_Comm comm;
static MPI_Datatype type;
static int count = 1;

typedef void batch(int calls);

/* ---- Calls ---------------------------------------------------------------------------------------------------- */

static NOINLINE void op_comm_rank(int calls)
{
    int result;
    for (int i = 0; i < calls; i++)
        MPI_Comm_rank(comm, &result);
}

static NOINLINE void op_send(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Send(buffer, count, type, MPI_PROC_NULL, 0, comm);
}

static NOINLINE void op_recv(int calls)
{
    MPI_Status status;
    for (int i = 0; i < calls; i++)
        MPI_Recv(buffer, count, type, MPI_PROC_NULL, 0, comm, &status);
}

static NOINLINE void op_isend_wait(int calls)
{
    MPI_Request request;
    for (int i = 0; i < calls; i++) {
        MPI_Isend(buffer, count, type, MPI_PROC_NULL, 0, comm, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}

static NOINLINE void op_irecv_wait(int calls)
{
    MPI_Request request;
    MPI_Status status;
    for (int i = 0; i < calls; i++) {
        MPI_Irecv(buffer, count, type, MPI_PROC_NULL, 0, comm, &request);
        MPI_Wait(&request, &status);
    }
}

static NOINLINE void op_waitall(int calls)
{
    MPI_Request requests[8];
    for (int i = 0; i < calls; i++) {
        for (int k = 0; k < 8; k++)
            MPI_Isend(buffer, count, type, MPI_PROC_NULL, 0, comm, &requests[k]);
        MPI_Waitall(8, requests, MPI_STATUSES_IGNORE);
    }
}

static NOINLINE void op_allreduce(int calls)
{
    double in = 1, out;
    for (int i = 0; i < calls; i++)
        MPI_Allreduce(&in, &out, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_SELF);
}

static NOINLINE void op_bcast(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Bcast(buffer, 8, MPI_BYTE, 0, MPI_COMM_SELF);
}

static NOINLINE void op_scatter(int calls)
{
    static char out[8];
    for (int i = 0; i < calls; i++)
        MPI_Scatter(buffer, 8, MPI_BYTE, out, 8, MPI_BYTE, 0, MPI_COMM_SELF);
}

static NOINLINE void op_alltoall(int calls)
{
    static char out[8];
    for (int i = 0; i < calls; i++)
        MPI_Alltoall(buffer, 8, MPI_BYTE, out, 8, MPI_BYTE, MPI_COMM_SELF);
}

/* Counted as two calls each: a message there and one back. */
static NOINLINE void op_ping_pong(int calls)
{
    double payload = 0;
    for (int i = 0; i < calls; i += 2) {
        if (rank == 0) {
            MPI_Send(&payload, 1, MPI_DOUBLE, 1, 0, MPI_COMM_WORLD);
            MPI_Recv(&payload, 1, MPI_DOUBLE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        } else if (rank == 1) {
            MPI_Recv(&payload, 1, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            MPI_Send(&payload, 1, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD);
        }
    }
}

/* ---- Measuring ------------------------------------------------------------------------------------------------ */

static const char *filter = "";
static int counted; /* calls per batch for a profiler; 0: measure times */

static void measure(const char *name, batch *run, int calls)
{
    double best = 1e300;
    if (!strstr(name, filter))
        return;
    if (counted) {
        run(10);
        run(counted);
        printf("counted: %s\n", name);
        return;
    }
    run(calls);
    for (int b = 0; b < BATCHES; b++) {
        double seconds = -MPI_Wtime();
        run(calls);
        seconds += MPI_Wtime();
        best = seconds < best ? seconds : best;
    }
    if (rank == 0)
        printf("value: %s = %.2f ns\n", name, best / calls * 1e9);
}

static void measure_sizes(void)
{
    static const int sizes[] = {0, 8, 1 << 10, 1 << 16, LARGEST};
    char name[64];

    type = MPI_BYTE;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        count = sizes[i];
        snprintf(name, sizeof name, "MPI_Send, %d bytes", count);
        measure(name, op_send, 2000);
    }
    count = 1;
    type = MPI_DOUBLE;
}

/* With many objects alive that are all valid: the last of them is used. */
static void measure_live(void)
{
    static MPI_Request requests[LIVE];
    static MPI_Comm comms[LIVE];
    static MPI_Datatype types[LIVE];
    char name[80];
    int n;

    for (int i = 0; i < LIVE; i++)
        MPI_Recv_init(buffer, 1, MPI_DOUBLE, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &requests[i]);
    measure("MPI_Isend and MPI_Wait, 10000 requests alive", op_isend_wait, 2000);
    for (int i = 0; i < LIVE; i++)
        MPI_Request_free(&requests[i]);

    for (int i = 0; i < LIVE; i++) {
        MPI_Type_contiguous(i + 1, MPI_BYTE, &types[i]);
        MPI_Type_commit(&types[i]);
    }
    type = types[LIVE - 1];
    measure("MPI_Send, 10000 datatypes alive", op_send, 2000);
    type = MPI_DOUBLE;
    for (int i = 0; i < LIVE; i++)
        MPI_Type_free(&types[i]);

    /* MPICH has no more than about 2,000. */
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    for (n = 0; n < LIVE && MPI_Comm_dup(MPI_COMM_SELF, &comms[n]) == MPI_SUCCESS; n++)
        ;
    comm = comms[n - 1];
    snprintf(name, sizeof name, "MPI_Send, %s communicators alive", n == LIVE ? "10000" : "as many as possible");
    measure(name, op_send, 2000);
    comm = MPI_COMM_WORLD;
    for (int i = 0; i < n; i++)
        MPI_Comm_free(&comms[i]);
}

int main(int argc, char **argv)
{
    int size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    comm = MPI_COMM_WORLD;
    type = MPI_DOUBLE;
    if (argc > 2 && !strcmp(argv[1], "count"))
        counted = atoi(argv[2]);
    else if (argc > 1)
        filter = argv[1];
    measure("MPI_Comm_rank", op_comm_rank, 2000);
    measure("MPI_Send", op_send, 2000);
    measure("MPI_Recv", op_recv, 2000);
    measure("MPI_Isend and MPI_Wait", op_isend_wait, 2000);
    measure("MPI_Irecv and MPI_Wait, with a status", op_irecv_wait, 2000);
    measure("8 MPI_Isend and MPI_Waitall", op_waitall, 200);
    measure("MPI_Allreduce, 8 bytes", op_allreduce, 1000);
    measure("MPI_Bcast, 8 bytes", op_bcast, 1000);
    measure("MPI_Scatter, 8 bytes", op_scatter, 1000);
    measure("MPI_Alltoall, 8 bytes", op_alltoall, 1000);
    if (!counted) {
        measure_sizes();
        measure_live();
        if (size > 1)
            measure("8-byte ping-pong, one way", op_ping_pong, 2000);
    }
    MPI_Finalize();
    return 0;
}
