/* STREAM's copy as a loop, then memcpy, memmove and memset of many sizes. */
#include "kernel.h"

enum { N = 1 << 20, SMALL = 4096 };
static double *a, *b;
static char from[SMALL * 2], to[SMALL * 2];

static void setup(void)
{
    a = allocate(N * sizeof *a);
    b = allocate(N * sizeof *b);
    for (int i = 0; i < N; i++) {
        a[i] = random_unit();
        b[i] = 0;
    }
    for (int i = 0; i < SMALL * 2; i++)
        from[i] = (char)i;
}

static void step(void)
{
    for (int i = 0; i < N; i++)
        b[i] = a[i];
    for (int i = 0; i < 40000; i++) {
        size_t n = (unsigned)(i * 37) % SMALL;
        memcpy(to + i % 64, from + i % 32, n);
        memmove(to + i % 7, to, n / 2);
        memset(to + n, i, n / 4);
    }
}

static double checksum(void)
{
    double sum = b[0] + b[N - 1];
    for (int i = 0; i < SMALL; i++)
        sum += to[i];
    return sum;
}

KERNEL(30)
