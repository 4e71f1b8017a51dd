/* STREAM's triad on arrays within the first-level cache: instructions per element. */
#include "kernel.h"

enum { N = 1000, REPEATS = 20000 };
static double a[N], b[N], c[N];

__attribute__((noinline)) static void triad(double *x, const double *y, const double *z, double s, int n)
{
    for (int i = 0; i < n; i++)
        x[i] = y[i] + s * z[i];
}

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        b[i] = random_unit();
        c[i] = random_unit();
    }
}

static void step(void)
{
    for (int r = 0; r < REPEATS; r++)
        triad(a, b, c, 1.0 + r, N);
}

static double checksum(void)
{
    return a[0] + a[N / 2] + a[N - 1];
}

KERNEL(30)
