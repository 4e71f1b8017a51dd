/* Calls whose cost in a guest may go with the number of ranks, on communicators of 1, 2, 4, ... ranks up to all of the job: for a
 * profiler of rank 0 that counts (bench/instructions.py), since times of more ranks than cores say nothing.
 *
 *     mpi_scale count CALLS    each batch once with 2 and once with CALLS calls */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1024 };
#define NOINLINE __attribute__((noinline))

static int rank, size; /* in the communicator that is measured */
static MPI_Comm comm;
static int in[MOST], out[MOST], ones[MOST], places[MOST], offsets[MOST];
static MPI_Datatype types[MOST];
static MPI_Win window;

typedef void batch(int calls);

static NOINLINE void op_allgather(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Allgather(in, 1, MPI_INT, out, 1, MPI_INT, comm);
}

static NOINLINE void op_allgatherv(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Allgatherv(in, 1, MPI_INT, out, ones, places, MPI_INT, comm);
}

static NOINLINE void op_gatherv(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Gatherv(in, 1, MPI_INT, out, ones, places, MPI_INT, 0, comm);
}

static NOINLINE void op_alltoallv(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Alltoallv(in, ones, places, MPI_INT, out, ones, places, MPI_INT, comm);
}

static NOINLINE void op_ialltoallv(int calls)
{
    MPI_Request request;
    for (int i = 0; i < calls; i++) {
        MPI_Ialltoallv(in, ones, places, MPI_INT, out, ones, places, MPI_INT, comm, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}

static NOINLINE void op_alltoallw(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Alltoallw(in, ones, offsets, types, out, ones, offsets, types, comm);
}

static NOINLINE void op_reduce_scatter(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Reduce_scatter(in, out, ones, MPI_INT, MPI_SUM, comm);
}

static NOINLINE void op_win_alike(int calls)
{
    for (int i = 0; i < calls; i++) {
        MPI_Win_create(out, sizeof out, sizeof(int), MPI_INFO_NULL, comm, &window);
        MPI_Win_free(&window);
    }
}

static NOINLINE void op_win_different(int calls)
{
    for (int i = 0; i < calls; i++) {
        MPI_Win_create(out, (rank + 1) * sizeof(int), sizeof(int), MPI_INFO_NULL, comm, &window);
        MPI_Win_free(&window);
    }
}

/* Of a window whose ranks differ. */
static NOINLINE void op_put(int calls)
{
    for (int i = 0; i < calls; i++)
        MPI_Put(in, 1, MPI_INT, size - 1, 0, 1, MPI_INT, window);
}

static void measure(const char *name, batch *run, int calls)
{
    if (rank < 0)
        return;
    run(2);
    run(calls);
    if (rank == 0)
        printf("counted: %s, %d\n", name, size);
}

int main(int argc, char **argv)
{
    int world_rank, world_size, calls;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world_size);
    if (argc < 3 || strcmp(argv[1], "count") || world_size > MOST)
        MPI_Abort(MPI_COMM_WORLD, 2);
    calls = atoi(argv[2]);
    for (int i = 0; i < MOST; i++)
        ones[i] = 1, places[i] = i, offsets[i] = i * (int)sizeof(int), types[i] = MPI_INT;
    for (int n = 1; n <= world_size; n *= 2) {
        MPI_Comm_split(MPI_COMM_WORLD, world_rank < n ? 0 : MPI_UNDEFINED, world_rank, &comm);
        rank = world_rank < n ? world_rank : -1;
        size = n;
        measure("MPI_Allgather", op_allgather, calls);
        measure("MPI_Allgatherv", op_allgatherv, calls);
        measure("MPI_Gatherv", op_gatherv, calls);
        measure("MPI_Alltoallv", op_alltoallv, calls);
        measure("MPI_Ialltoallv and MPI_Wait", op_ialltoallv, calls);
        measure("MPI_Alltoallw", op_alltoallw, calls);
        measure("MPI_Reduce_scatter", op_reduce_scatter, calls);
        measure("MPI_Win_create and MPI_Win_free, all alike", op_win_alike, calls);
        measure("MPI_Win_create and MPI_Win_free, different", op_win_different, calls);
        if (rank >= 0) {
            MPI_Win_create(out, (rank + 1) * sizeof(int), sizeof(int), MPI_INFO_NULL, comm, &window);
            MPI_Win_fence(0, window);
        }
        measure("MPI_Put", op_put, calls);
        if (rank >= 0) {
            MPI_Win_fence(0, window);
            MPI_Win_free(&window);
            MPI_Comm_free(&comm);
        }
    }
    MPI_Finalize();
    return 0;
}
