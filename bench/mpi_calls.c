/* What a call of MPI costs, in nanoseconds: measured in the same program natively and as a guest, the difference is
 * what the translation adds. Two ranks or more; rank 0 reports the best of several batches. */
#include <mpi.h>
#include <stdio.h>

enum { BATCHES = 15 };

static int rank;

typedef void batch(int calls);

static void comm_rank(int calls)
{
    int result;
    for (int i = 0; i < calls; i++)
        MPI_Comm_rank(MPI_COMM_WORLD, &result);
}

static void send_to_nobody(int calls)
{
    double payload = 0;
    for (int i = 0; i < calls; i++)
        MPI_Send(&payload, 1, MPI_DOUBLE, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
}

static void receive_from_nobody(int calls)
{
    double payload;
    MPI_Status status;
    for (int i = 0; i < calls; i++)
        MPI_Recv(&payload, 1, MPI_DOUBLE, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
}

static void nonblocking_to_nobody(int calls)
{
    double payload = 0;
    for (int i = 0; i < calls; i++) {
        MPI_Request request;
        MPI_Isend(&payload, 1, MPI_DOUBLE, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}

static void allreduce_alone(int calls)
{
    double in = 1, out;
    for (int i = 0; i < calls; i++)
        MPI_Allreduce(&in, &out, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_SELF);
}

/* Counted as two calls each: a message there and one back. */
static void ping_pong(int calls)
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

static void measure(const char *name, batch *run, int calls)
{
    double best = 1e300;
    run(calls / 10);
    for (int b = 0; b < BATCHES; b++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = -MPI_Wtime();
        run(calls);
        seconds += MPI_Wtime();
        best = seconds < best ? seconds : best;
    }
    if (rank == 0)
        printf("value: %s = %.2f ns\n", name, best / calls * 1e9);
}

int main(int argc, char **argv)
{
    int size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    measure("MPI_Comm_rank", comm_rank, 200000);
    measure("MPI_Send to MPI_PROC_NULL", send_to_nobody, 200000);
    measure("MPI_Recv from MPI_PROC_NULL", receive_from_nobody, 200000);
    measure("MPI_Isend and MPI_Wait, MPI_PROC_NULL", nonblocking_to_nobody, 100000);
    measure("MPI_Allreduce on MPI_COMM_SELF", allreduce_alone, 50000);
    if (size > 1)
        measure("8-byte ping-pong, one way", ping_pong, 20000);
    MPI_Finalize();
    return 0;
}
