/* Bucket sort of integers, NAS IS's ranking. */
#include "kernel.h"

enum { N = 1 << 20, MAX_KEY = 1 << 16, BUCKETS = 1 << 10, SHIFT = 6 };
static int *keys, *by_bucket, *ranks, starts[BUCKETS];

static void setup(void)
{
    keys = allocate(N * sizeof *keys);
    by_bucket = allocate(N * sizeof *by_bucket);
    ranks = allocate(MAX_KEY * sizeof *ranks);
    for (int i = 0; i < N; i++)
        keys[i] = (int)(((uint64_t)random_u32() + random_u32() + random_u32() + random_u32()) / 4 >> 16);
}

static void step(void)
{
    int counts[BUCKETS] = {0};
    for (int i = 0; i < N; i++)
        counts[keys[i] >> SHIFT]++;
    starts[0] = 0;
    for (int i = 1; i < BUCKETS; i++)
        starts[i] = starts[i - 1] + counts[i - 1];
    for (int i = 0; i < N; i++)
        by_bucket[starts[keys[i] >> SHIFT]++] = keys[i];
    for (int i = 0; i < MAX_KEY; i++)
        ranks[i] = 0;
    for (int i = 0; i < N; i++)
        ranks[by_bucket[i]]++;
    for (int i = 1; i < MAX_KEY; i++)
        ranks[i] += ranks[i - 1];
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < MAX_KEY; i++)
        sum += ranks[i] * (double)(i % 17);
    return sum;
}

KERNEL(30)
