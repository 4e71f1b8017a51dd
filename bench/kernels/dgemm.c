/* Matrix product, blocked for the caches, with C's restrict on its arguments. */
#include "kernel.h"

enum { N = 256, BLOCK = 64 };
static double a[N * N], b[N * N], c[N * N];

static void setup(void)
{
    for (int i = 0; i < N * N; i++) {
        a[i] = random_unit();
        b[i] = random_unit();
    }
}

__attribute__((noinline)) static void dgemm(int n, const double *restrict x, const double *restrict y, double *restrict z)
{
    for (int kk = 0; kk < n; kk += BLOCK)
        for (int jj = 0; jj < n; jj += BLOCK)
            for (int i = 0; i < n; i++)
                for (int k = kk; k < kk + BLOCK; k++) {
                    const double v = x[i * n + k];
                    for (int j = jj; j < jj + BLOCK; j++)
                        z[i * n + j] += v * y[k * n + j];
                }
}

static void step(void)
{
    memset(c, 0, sizeof c);
    dgemm(N, a, b, c);
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < N * N; i++)
        sum += c[i];
    return sum;
}

KERNEL(40)
