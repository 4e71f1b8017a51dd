/* Gravity among all pairs of bodies, structure of arrays. */
#include <math.h>

#include "kernel.h"

enum { N = 1024 };
static double x[N], y[N], z[N], vx[N], vy[N], vz[N], m[N];

static void setup(void)
{
    for (int i = 0; i < N; i++) {
        x[i] = random_unit();
        y[i] = random_unit();
        z[i] = random_unit();
        m[i] = 1.0 + random_unit();
    }
}

static void step(void)
{
    const double dt = 1e-6, soft = 1e-3;
    for (int i = 0; i < N; i++) {
        double fx = 0, fy = 0, fz = 0;
        for (int j = 0; j < N; j++) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
            double d2 = dx * dx + dy * dy + dz * dz + soft;
            double inverse = 1.0 / sqrt(d2);
            double f = m[j] * inverse * inverse * inverse;
            fx += f * dx;
            fy += f * dy;
            fz += f * dz;
        }
        vx[i] += dt * fx;
        vy[i] += dt * fy;
        vz[i] += dt * fz;
    }
    for (int i = 0; i < N; i++) {
        x[i] += dt * vx[i];
        y[i] += dt * vy[i];
        z[i] += dt * vz[i];
    }
}

static double checksum(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += x[i] + y[i] + z[i];
    return sum;
}

KERNEL(20)
