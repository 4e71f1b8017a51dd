/* Messages and collectives of all sizes: nanoseconds for each call (PingPong: one way), the best of many batches as rank 0
 * sees them.
 *
 *     mpi_sweep [OPERATION] */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 4 << 20, PASSES = 6, BATCHES = 8, BATCH_BYTES = 1 << 18, MOST_CALLS = 100 };

static int rank, size;
static char *in, *out;

typedef void operation(int bytes);

static void ping_pong(int n)
{
    if (rank == 0) {
        MPI_Send(in, n, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(out, n, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (rank == 1) {
        MPI_Recv(out, n, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(in, n, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
    }
}

static void sendrecv(int n)
{
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Sendrecv(in, n, MPI_BYTE, right, 0, out, n, MPI_BYTE, left, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void bcast(int n)
{
    MPI_Bcast(in, n, MPI_BYTE, 0, MPI_COMM_WORLD);
}

/* Of bytes, and of doubles where there are 8. */
static void allreduce(int n)
{
    if (n < 8)
        MPI_Allreduce(in, out, n, MPI_SIGNED_CHAR, MPI_MAX, MPI_COMM_WORLD);
    else
        MPI_Allreduce(in, out, n / 8, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static void reduce(int n)
{
    if (n < 8)
        MPI_Reduce(in, out, n, MPI_SIGNED_CHAR, MPI_MAX, 0, MPI_COMM_WORLD);
    else
        MPI_Reduce(in, out, n / 8, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
}

static void allgather(int n)
{
    MPI_Allgather(in, n, MPI_BYTE, out, n, MPI_BYTE, MPI_COMM_WORLD);
}

static void alltoall(int n)
{
    MPI_Alltoall(in, n, MPI_BYTE, out, n, MPI_BYTE, MPI_COMM_WORLD);
}

static void gather(int n)
{
    MPI_Gather(in, n, MPI_BYTE, out, n, MPI_BYTE, 0, MPI_COMM_WORLD);
}

static void scatter(int n)
{
    MPI_Scatter(in, n, MPI_BYTE, out, n, MPI_BYTE, 0, MPI_COMM_WORLD);
}

/* Seconds for each call, the best of some batches. */
static double measure(operation *run, int bytes)
{
    int calls = BATCH_BYTES / bytes < MOST_CALLS ? BATCH_BYTES / bytes : MOST_CALLS;
    double best = 1e300;

    calls = calls ? calls : 1;
    run(bytes);
    for (int b = 0; b < BATCHES; b++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = -MPI_Wtime();
        for (int i = 0; i < calls; i++)
            run(bytes);
        seconds += MPI_Wtime();
        best = seconds < best ? seconds : best;
    }
    return best / calls;
}

static const struct {
    const char *name;
    operation *run;
    int parts; /* what a time is divided by */
} operations[] = {
    {"PingPong", ping_pong, 2}, {"Sendrecv", sendrecv, 1}, {"Bcast", bcast, 1},
    {"Allreduce", allreduce, 1}, {"Reduce", reduce, 1}, {"Allgather", allgather, 1},
    {"Alltoall", alltoall, 1}, {"Gather", gather, 1}, {"Scatter", scatter, 1},
};
enum { OPERATIONS = sizeof operations / sizeof *operations, SIZES = 12 };

/* All of it several times over, so that what else the machine does hits no operation alone. */
int main(int argc, char **argv)
{
    static double best[OPERATIONS][SIZES];
    const char *only = argc > 1 ? argv[1] : "all";

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    in = malloc((size_t)LARGEST * (size_t)size);
    out = malloc((size_t)LARGEST * (size_t)size);
    if (!in || !out || size < 2) {
        fprintf(stderr, size < 2 ? "needs two ranks or more\n" : "no memory\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    memset(in, 0, (size_t)LARGEST * (size_t)size);
    memset(out, 0, (size_t)LARGEST * (size_t)size);
    for (int pass = 0; pass < PASSES; pass++)
        for (int op = 0; op < OPERATIONS; op++)
            for (int i = 0; i < SIZES && (!strcmp(only, "all") || !strcmp(only, operations[op].name)); i++) {
                double seconds = measure(operations[op].run, 1 << 2 * i);
                if (pass == 0 || seconds < best[op][i])
                    best[op][i] = seconds;
            }
    for (int op = 0; op < OPERATIONS; op++)
        for (int i = 0; i < SIZES && rank == 0 && best[op][i] > 0; i++)
            printf("value: %s, %d bytes = %.1f ns\n", operations[op].name, 1 << 2 * i,
                   best[op][i] / operations[op].parts * 1e9);
    MPI_Finalize();
    return 0;
}
