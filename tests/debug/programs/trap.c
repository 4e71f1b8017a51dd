// An access out of bounds deep in calls that the compiler inlines. The argument says on which rank.
#include <mpi.h>
#include <stdlib.h>

static inline void set(int *at, int value)
{
    *at = value; // set
}

static inline void fill(int *at, int n)
{
    for (int i = 0; i < n; i++)
        set(at + i, i); // fill
}

static volatile int again;

__attribute__((noinline)) static void work(int *at, int n)
{
    while (again) // functions with loops are not inlined by the compiler either: gdb takes a trap in an inlined function's first
        again--;  // instruction for one in the caller
    fill(at, n); // work
}

int main(int argc, char **argv)
{
    int rank, numbers[4];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    work(numbers, 4);
    if (argc > 1 && rank == atoi(argv[1]))
        work((int *)0xfffffff0u, 3); // main
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return numbers[3] != 3;
}
