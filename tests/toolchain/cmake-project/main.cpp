#include "part.h"
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    std::vector<int> sums(1, sum_of_ranks(MPI_COMM_WORLD));
    if (rank == 0)
        std::cout << "sum over " + std::to_string(size) + " ranks: " << sums[0] << std::endl;
    MPI_Finalize();
}
