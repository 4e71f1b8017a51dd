#include "part.h"
#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int size;
    MPI_Init(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("sum over %d ranks: %d, root %.3f\n", size, sum_of_ranks(MPI_COMM_WORLD), sqrt(size));
    MPI_Finalize();
    return 0;
}
