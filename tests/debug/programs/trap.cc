// A trap deep in calls that the compiler inlines, reached through main and one call that it must not inline. The
// argument says on which rank.
#include <cstdlib>
#include <mpi.h>

namespace mesh {
class Field {
public:
    Field(const double *values, int count) : values_(values), count_(count) {}
    double at(int i) const
    {
        if (i >= count_)
            __builtin_trap(); // trap
        return values_[i];
    }

private:
    const double *values_;
    int count_;
};

template <class T> static inline T average(const Field &field, int i)
{
    return (field.at(i) + field.at(i + 1)) / 2; // average
}
} // namespace mesh

__attribute__((noinline)) static double smooth(const mesh::Field &field, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += mesh::average<double>(field, i); // smooth
    return sum;
}

static double values[8];

int main(int argc, char **argv)
{
    int rank;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    bool beyond = argc > 1 && rank == std::atoi(argv[1]);
    mesh::Field field(values, 8);
    double sum = smooth(field, beyond ? 8 : 7); // main
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return sum != 0;
}
