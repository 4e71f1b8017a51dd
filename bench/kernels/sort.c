/* Heap sort with a comparison behind a pointer, then binary searches: indirect calls. */
#include "kernel.h"

enum { N = 40000 };
typedef struct record {
    double key;
    int index;
} record;
static record *records, *sorted;
static double sum;

static void setup(void)
{
    records = allocate(N * sizeof *records);
    sorted = allocate(N * sizeof *sorted);
    for (int i = 0; i < N; i++)
        records[i] = (record){random_unit(), i};
}

static int compare(const void *a, const void *b)
{
    double x = ((const record *)a)->key, y = ((const record *)b)->key;
    return (x > y) - (x < y);
}

/* A heap sort of our own: what is measured is calls, not which algorithm a C library took for its qsort. */
static void sift(char *base, size_t n, size_t size, size_t i, int (*cmp)(const void *, const void *))
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= n)
            return;
        if (child + 1 < n && cmp(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (cmp(base + i * size, base + child * size) >= 0)
            return;
        record t;
        memcpy(&t, base + i * size, sizeof t);
        memcpy(base + i * size, base + child * size, sizeof t);
        memcpy(base + child * size, &t, sizeof t);
        i = child;
    }
}

__attribute__((noinline)) static void heap_sort(void *data, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
    char *base = data;
    for (size_t i = n / 2; i-- > 0;)
        sift(base, n, size, i, cmp);
    for (size_t i = n; i-- > 1;) {
        record t;
        memcpy(&t, base, sizeof t);
        memcpy(base, base + i * size, sizeof t);
        memcpy(base + i * size, &t, sizeof t);
        sift(base, i, size, 0, cmp);
    }
}

static int (*volatile order)(const void *, const void *) = compare;

static void step(void)
{
    memcpy(sorted, records, N * sizeof *records);
    heap_sort(sorted, N, sizeof *sorted, order);
    sum = 0;
    for (int i = 0; i < N; i++) {
        const record *r = bsearch(&records[i], sorted, N, sizeof *sorted, order);
        sum += r ? (double)r->index * (i % 3) : 0;
    }
}

static double checksum(void)
{
    return sum;
}

KERNEL(20)
