/* Seven-point stencil on a cube, two grids in turn. */
#include "kernel.h"

enum { E = 96 };
static double *grid[2];

static void setup(void)
{
    for (int g = 0; g < 2; g++) {
        grid[g] = allocate((size_t)E * E * E * sizeof *grid[g]);
        memset(grid[g], 0, (size_t)E * E * E * sizeof *grid[g]);
    }
    for (int i = 0; i < E * E * E; i++)
        grid[0][i] = random_unit();
}

__attribute__((noinline)) static void sweep(int n, const double *in, double *out, double c0, double c1)
{
#define AT(v, i, j, k) v[((k) * n + (j)) * n + (i)]
#pragma omp parallel for collapse(2)
    for (int k = 1; k < n - 1; k++)
        for (int j = 1; j < n - 1; j++)
            for (int i = 1; i < n - 1; i++)
                AT(out, i, j, k) = c0 * AT(in, i, j, k) +
                                   c1 * (AT(in, i - 1, j, k) + AT(in, i + 1, j, k) + AT(in, i, j - 1, k) +
                                         AT(in, i, j + 1, k) + AT(in, i, j, k - 1) + AT(in, i, j, k + 1));
}

static void step(void)
{
    for (int r = 0; r < 4; r++) {
        sweep(E, grid[0], grid[1], 0.4, 0.1);
        sweep(E, grid[1], grid[0], 0.4, 0.1);
    }
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < E * E * E; i++)
        sum += grid[0][i];
    return sum;
}

KERNEL(30)
