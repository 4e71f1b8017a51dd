/* Fast Fourier transform, radix 2, of numbers stored as pairs. */
#include <math.h>

#include "kernel.h"

enum { LOG = 15, N = 1 << LOG };
typedef struct number {
    double re, im;
} number;
static number data[N], roots[N / 2], spectrum[N];

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        data[i].re = random_unit() - 0.5;
        data[i].im = random_unit() - 0.5;
    }
    for (int i = 0; i < N / 2; i++) {
        /* Four digits: the last ones depend on the library, and the results must not. */
        double angle = -2.0 * 3.141592653589793 * i / N;
        roots[i].re = round(cos(angle) * 1e4) / 1e4;
        roots[i].im = round(sin(angle) * 1e4) / 1e4;
    }
}

static number times(number a, number b)
{
    return (number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static void step(void)
{
    for (unsigned i = 0; i < N; i++) {
        unsigned reversed = 0;
        for (int bit = 0; bit < LOG; bit++)
            reversed |= (i >> bit & 1) << (LOG - 1 - bit);
        spectrum[reversed] = data[i];
    }
    for (int half = 1; half < N; half *= 2)
        for (int start = 0; start < N; start += 2 * half)
            for (int k = 0; k < half; k++) {
                number u = spectrum[start + k], v = times(roots[k * (N / 2 / half)], spectrum[start + k + half]);
                spectrum[start + k] = (number){u.re + v.re, u.im + v.im};
                spectrum[start + k + half] = (number){u.re - v.re, u.im - v.im};
            }
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += spectrum[i].re * spectrum[i].re + spectrum[i].im * spectrum[i].im;
    return sum;
}

KERNEL(40)
