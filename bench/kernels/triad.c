/* STREAM's triad on arrays beyond the caches: bandwidth of memory. */
#include "kernel.h"

enum { N = 2 << 20 };
static double *a, *b, *c;

static void setup(void)
{
    a = allocate(N * sizeof *a);
    b = allocate(N * sizeof *b);
    c = allocate(N * sizeof *c);
    for (int i = 0; i < N; i++) {
        a[i] = 0;
        b[i] = random_unit();
        c[i] = random_unit();
    }
}

static void step(void)
{
    const double s = 3.0;
#pragma omp parallel for
    for (int i = 0; i < N; i++)
        a[i] = b[i] + s * c[i];
}

static double checksum(void)
{
    return a[0] + a[N / 2] + a[N - 1];
}

KERNEL(30)
