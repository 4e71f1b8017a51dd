/* Every rank greets; rank 0 prints, in order, so that the output is always the same. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    int rank, size, length;
    char host[MPI_MAX_PROCESSOR_NAME], text[MPI_MAX_PROCESSOR_NAME + 64];

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Get_processor_name(host, &length);
    snprintf(text, sizeof text, "hello from rank %d of %d on %s", rank, size, host);

    if (rank == 0) {
        puts(text);
        for (int from = 1; from < size; from++) {
            MPI_Recv(text, sizeof text, MPI_CHAR, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            puts(text);
        }
    } else {
        MPI_Send(text, (int)strlen(text) + 1, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
    }
    MPI_Finalize();
    return 0;
}
