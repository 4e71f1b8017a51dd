/* Dot product and norm with one accumulator each, as BLAS-1 loops are written: strict arithmetic must keep the order. */
#include "kernel.h"

enum { N = 20000, REPEATS = 200 };
static double x[N], y[N], result;

__attribute__((noinline)) static double dot(int n, const double *p, const double *q)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += p[i] * q[i];
    return sum;
}

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        x[i] = random_unit();
        y[i] = random_unit();
    }
}

static void step(void)
{
    result = 0;
    for (int r = 0; r < REPEATS; r++)
        result += dot(N, x, r % 2 ? x : y);
}

static double checksum(void)
{
    return result;
}

KERNEL(20)
