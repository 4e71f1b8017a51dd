/* Sparse matrix times vector, CSR, 27 nonzeros a row, as in HPCG. */
#include "kernel.h"

enum { E = 40, ROWS = E * E * E };
static int *starts, *columns;
static double *values, *x, *y;

static void setup(void)
{
    starts = allocate((ROWS + 1) * sizeof *starts);
    columns = allocate(ROWS * 27 * sizeof *columns);
    values = allocate(ROWS * 27 * sizeof *values);
    x = allocate(ROWS * sizeof *x);
    y = allocate(ROWS * sizeof *y);
    int nonzeros = 0;
    for (int k = 0; k < E; k++)
        for (int j = 0; j < E; j++)
            for (int i = 0; i < E; i++) {
                int row = (k * E + j) * E + i;
                starts[row] = nonzeros;
                x[row] = random_unit();
                for (int dk = -1; dk <= 1; dk++)
                    for (int dj = -1; dj <= 1; dj++)
                        for (int di = -1; di <= 1; di++) {
                            int ii = i + di, jj = j + dj, kk = k + dk;
                            if (ii < 0 || ii >= E || jj < 0 || jj >= E || kk < 0 || kk >= E)
                                continue;
                            columns[nonzeros] = (kk * E + jj) * E + ii;
                            values[nonzeros++] = di || dj || dk ? -1.0 : 26.0;
                        }
            }
    starts[ROWS] = nonzeros;
}

__attribute__((noinline)) static void spmv(int rows, const int *start, const int *column, const double *value,
                                           const double *in, double *out)
{
#pragma omp parallel for
    for (int row = 0; row < rows; row++) {
        double sum = 0;
        for (int k = start[row]; k < start[row + 1]; k++)
            sum += value[k] * in[column[k]];
        out[row] = sum;
    }
}

static void step(void)
{
    for (int r = 0; r < 4; r++)
        spmv(ROWS, starts, columns, values, x, y);
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < ROWS; i++)
        sum += y[i] * y[i];
    return sum;
}

KERNEL(30)
