/* A tool on the profiling interface (MPI 4.1, 15.2): it counts calls and bytes, and calls what it stands before by the
 * names with P. It knows nothing of the program that it is linked with. */
#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>

static int level = 1, sends, receives, waits, reductions;
static long long sent_bytes;

int MPI_Init(int *argc, char ***argv)
{
    int error = PMPI_Init(argc, argv), rank;
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        printf("tool: starts\n");
    return error;
}

int MPI_Pcontrol(const int new_level, ...)
{
    va_list args;
    va_start(args, new_level);
    level = new_level == 2 ? va_arg(args, int) : new_level; /* level 2 says which by its argument */
    va_end(args);
    return MPI_SUCCESS;
}

static void count(int *calls, int n, MPI_Datatype type)
{
    int bytes;
    if (!level)
        return;
    ++*calls;
    PMPI_Type_size(type, &bytes);
    if (calls == &sends)
        sent_bytes += (long long)n * bytes;
}

int MPI_Send(const void *buf, int n, MPI_Datatype type, int dest, int tag, MPI_Comm comm)
{
    count(&sends, n, type);
    return PMPI_Send(buf, n, type, dest, tag, comm);
}

int MPI_Isend(const void *buf, int n, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request)
{
    count(&sends, n, type);
    return PMPI_Isend(buf, n, type, dest, tag, comm, request);
}

int MPI_Recv(void *buf, int n, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status *status)
{
    count(&receives, n, type);
    return PMPI_Recv(buf, n, type, source, tag, comm, status);
}

int MPI_Wait(MPI_Request *request, MPI_Status *status)
{
    count(&waits, 0, MPI_INT);
    return PMPI_Wait(request, status);
}

/* A tool may do more than the call. */
int MPI_Allreduce(const void *in, void *out, int n, MPI_Datatype type, MPI_Op op, MPI_Comm comm)
{
    count(&reductions, n, type);
    PMPI_Barrier(comm);
    return PMPI_Allreduce(in, out, n, type, op, comm);
}

int MPI_Finalize(void)
{
    int rank, size, mine[4] = {sends, receives, waits, reductions}, all[4];
    PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
    PMPI_Comm_size(MPI_COMM_WORLD, &size);
    long long bytes;
    PMPI_Reduce(mine, all, 4, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    PMPI_Reduce(&sent_bytes, &bytes, 1, MPI_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("tool: %d ranks: %d sends of %lld bytes, %d receives, %d waits, %d reductions\n", size, all[0], bytes,
               all[1], all[2], all[3]);
    fflush(stdout);
    return PMPI_Finalize();
}
