/* Says what holds between ranks of several nodes: the same natively and as Wasm, with every host MPI. Messages, collectives and
 * a file that they share; no one-sided communication, in which Debian's MPICH 4.0.2 over UCX's TCP loses data, natively. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N (1 << 18) /* ints of a message: 1 MiB, past every eager limit */

int main(int argc, char **argv)
{
    static int sent[N], got[N];
    char name[MPI_MAX_PROCESSOR_NAME] = "", all[16][MPI_MAX_PROCESSOR_NAME], file[] = "shared";
    int rank, size, length, node_size, nodes = 0, wrong = 0, sum = 0, value = 0;
    MPI_Comm node;
    MPI_File fh;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size > 16)
        MPI_Abort(MPI_COMM_WORLD, 2);
    MPI_Get_processor_name(name, &length);
    MPI_Allgather(name, sizeof name, MPI_CHAR, all, sizeof name, MPI_CHAR, MPI_COMM_WORLD);
    for (int i = 0; i < size; i++) {
        int known = 0;
        for (int k = 0; k < i; k++)
            known |= !strcmp(all[i], all[k]);
        nodes += !known;
    }
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &node_size);

    for (int i = 0; i < N; i++)
        sent[i] = rank * N + i;
    for (int step = 1; step <= size; step++) {
        int to = (rank + step) % size, from = (rank - step + size) % size;
        MPI_Sendrecv(sent, N, MPI_INT, to, step, got, N, MPI_INT, from, step, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (int i = 0; i < N; i++)
            wrong += got[i] != from * N + i;
    }
    MPI_Allreduce(sent, got, N, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i < N; i++)
        wrong += got[i] != size * (size - 1) / 2 * N + size * i;

    MPI_File_open(MPI_COMM_WORLD, file, MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    MPI_File_write_at_all(fh, rank * sizeof rank, &rank, 1, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_sync(fh);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_File_sync(fh);
    MPI_File_read_at(fh, (size - 1 - rank) * sizeof rank, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_close(&fh);
    wrong += value != size - 1 - rank;

    MPI_Reduce(&wrong, &sum, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d ranks, %d nodes, %d ranks on the first, %d wrong\n", size, nodes, node_size, sum);
    MPI_Comm_free(&node);
    MPI_Finalize();
    return sum != 0;
}
