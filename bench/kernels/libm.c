/* Elementary functions: pricing of options (exp, log, erf-like), wave fields (sin, cos), powers. */
#include <math.h>

#include "kernel.h"

enum { N = 4000 };
static double spot[N], strike[N], years[N], price[N];

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        spot[i] = 10 + 90 * random_unit();
        strike[i] = 10 + 90 * random_unit();
        years[i] = 0.1 + random_unit();
    }
}

static double normal(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static void step(void)
{
    for (int i = 0; i < N; i++) {
        const double rate = 0.02, volatility = 0.3;
        double root = sqrt(years[i]), d1 = (log(spot[i] / strike[i]) + (rate + 0.5 * volatility * volatility) * years[i]) / (volatility * root);
        price[i] = spot[i] * normal(d1) - strike[i] * exp(-rate * years[i]) * normal(d1 - volatility * root);
    }
    for (int i = 0; i < N; i++)
        price[i] += 1e-3 * sin(spot[i]) * cos(strike[i]) + 1e-3 * pow(years[i], 1.5) + 1e-3 * tanh(years[i]) +
                    1e-3 * atan2(spot[i], strike[i]) + floor(spot[i]);
}

/* The libraries differ in the last bits. */
static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += price[i];
    return round(sum * 1e4) / 1e4;
}

KERNEL(30)
