/* A program as any other: it calls MPI by its own names, once through a pointer, and once by a name with P itself. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int rank, size, values[10] = {0}, got[10], sum;
    MPI_Request request;
    int (*send)(const void *, int, MPI_Datatype, int, int, MPI_Comm) = MPI_Send;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    for (int i = 0; i < 5; i++) {
        MPI_Isend(values, i, MPI_INT, right, i, MPI_COMM_WORLD, &request);
        MPI_Recv(got, 10, MPI_INT, left, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    if (rank == 0)
        send(values, 7, MPI_DOUBLE_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Pcontrol(0); /* what follows is not counted */
    MPI_Send(values, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Pcontrol(2, 1);
    PMPI_Send(values, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD); /* nor is this */
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("program: %d\n", sum);
    MPI_Finalize();
    return 0;
}
