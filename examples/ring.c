/* A token goes round the ring of ranks; every rank adds its number to it.
 *
 *     mpirun -np 4 mpiwasm ring.wasm [rounds] */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    int rank, size;
    long long token = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int rounds = argc > 1 ? atoi(argv[1]) : 3;
    int next = (rank + 1) % size, previous = (rank + size - 1) % size;

    for (int round = 0; round < rounds; round++) {
        if (rank == 0) {
            MPI_Send(&token, 1, MPI_LONG_LONG, next, round, MPI_COMM_WORLD);
            MPI_Recv(&token, 1, MPI_LONG_LONG, previous, round, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            printf("round %d: token %lld\n", round, token);
        } else {
            MPI_Recv(&token, 1, MPI_LONG_LONG, previous, round, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            token += rank;
            MPI_Send(&token, 1, MPI_LONG_LONG, next, round, MPI_COMM_WORLD);
        }
    }

    long long expected = (long long)rounds * size * (size - 1) / 2;
    int wrong = rank == 0 && token != expected;
    if (rank == 0)
        printf("%s\n", wrong ? "WRONG" : "ring: correct");
    MPI_Finalize();
    return wrong;
}
