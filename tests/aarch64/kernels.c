/* Loops that compilers vectorize, each in a function of its own; a line a loop with the bits of what it computed. The
 * lines are the same on every host, whatever the vectors' length. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { N = 1003 };

static double a[N], b[N], c[N];
static float f[N], g[N];
static int32_t i32[N];
static uint32_t u32[N], where[N];
static int64_t i64[N];
static uint8_t bytes[N], more[N];
static int16_t i16[N];

#define KERNEL __attribute__((noinline)) static

static void fill(void)
{
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < N; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        a[i] = (double)(int64_t)x / 1e15;
        b[i] = (double)(x >> 40) - 8e6;
        f[i] = (float)a[i];
        g[i] = (float)b[i] / 3;
        i32[i] = (int32_t)x;
        u32[i] = (uint32_t)(x >> 16);
        where[i] = (uint32_t)(x >> 8) % N;
        i64[i] = (int64_t)(x * 2654435761u);
        bytes[i] = (uint8_t)(x >> 24);
        more[i] = (uint8_t)(x >> 32);
        i16[i] = (int16_t)(x >> 5);
    }
    a[17] = -0.0, b[18] = INFINITY, a[19] = NAN, f[20] = 3e9f, f[21] = -3e9f, f[22] = NAN;
}

KERNEL uint64_t digest(const void *memory, size_t size)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const uint8_t *)memory)[i]) * 1099511628211u;
    return h;
}

KERNEL void triad(int n, double s)
{
    for (int i = 0; i < n; i++)
        c[i] = a[i] + s * b[i];
}

KERNEL double dot(int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += i == 18 || i == 19 ? 0 : a[i] * b[i];
    return sum;
}

KERNEL void float_to_int(int n)
{
    for (int i = 0; i < n; i++) /* saturating in WebAssembly */
        i32[i] = (int32_t)__builtin_truncf(f[i]), u32[i] = (uint32_t)g[i];
}

KERNEL void double_to_long(int n)
{
    for (int i = 0; i < n; i++)
        i64[i] = (int64_t)b[i];
}

KERNEL void minimum(int n)
{
    for (int i = 0; i < n; i++)
        c[i] = a[i] < b[i] ? a[i] : b[i];
}

KERNEL void square_roots(int n)
{
    for (int i = 0; i < n; i++)
        f[i] = sqrtf(fabsf(g[i])) + floorf(f[i]) / (1 + g[i] * g[i]);
}

KERNEL uint32_t byte_sum(int n)
{
    uint32_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += bytes[i] * (uint32_t)more[i];
    return sum;
}

KERNEL int32_t largest(int n)
{
    int32_t max = INT32_MIN;
    for (int i = 0; i < n; i++)
        max = i32[i] > max ? i32[i] : max;
    return max;
}

KERNEL int64_t weighted(int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += (int64_t)i32[i] * i16[i] >> (i & 7);
    return sum;
}

KERNEL void gather(int n)
{
    for (int i = 0; i < n; i++)
        c[i] = a[where[i]] - b[(where[i] + 1) % N];
}

KERNEL int first_of(int n, uint8_t byte)
{
    int i = 0;
    while (i < n && bytes[i] != byte)
        i++;
    return i;
}

KERNEL void average(int n)
{
    for (int i = 0; i < n; i++)
        bytes[i] = (uint8_t)((bytes[i] + more[i] + 1) >> 1);
}

KERNEL void divide(int n)
{
    for (int i = 0; i < n; i++)
        i32[i] = i32[i] / (i16[i] | 1), u32[i] %= (uint32_t)more[i] + 1;
}

KERNEL void where_positive(int n)
{
    for (int i = 0; i < n; i++)
        if (b[i] > 0)
            c[i] = a[i] * 2;
}

KERNEL void strided(int n)
{
    for (int i = 0; i < n / 3; i++)
        i16[3 * i] = (int16_t)(i16[3 * i + 1] + i16[3 * i + 2]);
}

KERNEL uint32_t prefix(int n)
{
    uint32_t running = 0;
    for (int i = 0; i < n; i++)
        u32[i] = running += u32[i] ^ (uint32_t)__builtin_popcount(where[i]);
    return running;
}

int main(void)
{
#define LINE(call, object)                                                                         \
    do {                                                                                           \
        fill();                                                                                    \
        for (int n = N; n > 0; n = n / 2 - 1) {                                                    \
            call;                                                                                  \
            printf("%s %d %016llx\n", #call, n, (unsigned long long)digest(&(object), sizeof(object))); \
        }                                                                                          \
    } while (0)
    double d;
    uint32_t u;
    int32_t s;
    int64_t l;
    LINE(triad(n, 3.25), c);
    LINE(d = dot(n), d);
    LINE(float_to_int(n), i32);
    LINE(float_to_int(n), u32);
    LINE(double_to_long(n), i64);
    LINE(minimum(n), c);
    LINE(square_roots(n), f);
    LINE(u = byte_sum(n), u);
    LINE(s = largest(n), s);
    LINE(l = weighted(n), l);
    LINE(gather(n), c);
    LINE(s = first_of(n, 77), s);
    LINE(average(n), bytes);
    LINE(divide(n), i32);
    LINE(divide(n), u32);
    LINE(where_positive(n), c);
    LINE(strided(n), i16);
    LINE(u = prefix(n), u32);
}
