/* Fast Fourier transform, radix 2, in place, of complex numbers (C's double complex, as users write it). */
#include <complex.h>
#include <math.h>

#include "kernel.h"

enum { LOG = 15, N = 1 << LOG };
static double complex data[N], roots[N / 2], spectrum[N];

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        double re = random_unit() - 0.5;
        data[i] = re + (random_unit() - 0.5) * I;
    }
    for (int i = 0; i < N / 2; i++) {
        /* Four digits: the last ones depend on the library, and the results must not. */
        double angle = -2.0 * 3.141592653589793 * i / N;
        roots[i] = round(cos(angle) * 1e4) / 1e4 + round(sin(angle) * 1e4) / 1e4 * I;
    }
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
                double complex w = roots[k * (N / 2 / half)];
                double complex u = spectrum[start + k], v = spectrum[start + k + half];
                double re = creal(w) * creal(v) - cimag(w) * cimag(v);
                double im = creal(w) * cimag(v) + cimag(w) * creal(v);
                spectrum[start + k] = creal(u) + re + (cimag(u) + im) * I;
                spectrum[start + k + half] = creal(u) - re + (cimag(u) - im) * I;
            }
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += creal(spectrum[i]) * creal(spectrum[i]) + cimag(spectrum[i]) * cimag(spectrum[i]);
    return sum;
}

KERNEL(40)
