/* An LULESH-like step: for each hexahedron gather eight corners, its volume's derivatives, stress and hourglass-like
 * forces, scatter by element; then gather forces by node, and move. */
#include <math.h>

#include "kernel.h"

enum { E = 24, ELEMENTS = E * E * E, NODES = (E + 1) * (E + 1) * (E + 1) };

static int *corners; /* [ELEMENTS][8] */
static int *corner_starts, *corner_list;
static double *px, *py, *pz, *vx, *vy, *vz, *fx, *fy, *fz;
static double *volume, *pressure, *energy, *fx_elem, *fy_elem, *fz_elem;

static double *doubles(size_t n)
{
    double *p = allocate(n * sizeof *p);
    memset(p, 0, n * sizeof *p);
    return p;
}

static void list_corners(void)
{
    corner_starts = allocate((NODES + 1) * sizeof *corner_starts);
    corner_list = allocate(ELEMENTS * 8 * sizeof *corner_list);
    memset(corner_starts, 0, (NODES + 1) * sizeof *corner_starts);
    for (int i = 0; i < ELEMENTS * 8; i++)
        corner_starts[corners[i] + 1]++;
    for (int n = 0; n < NODES; n++)
        corner_starts[n + 1] += corner_starts[n];
    int *next = allocate(NODES * sizeof *next);
    memcpy(next, corner_starts, NODES * sizeof *next);
    for (int i = 0; i < ELEMENTS * 8; i++)
        corner_list[next[corners[i]]++] = i;
    free(next);
}

static void setup(void)
{
    static const int offsets[8][3] = {{0, 0, 0}, {1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {0, 0, 1}, {1, 0, 1}, {1, 1, 1}, {0, 1, 1}};
    corners = allocate(ELEMENTS * 8 * sizeof *corners);
    for (int e = 0; e < ELEMENTS; e++)
        for (int c = 0; c < 8; c++) {
            int i = e % E + offsets[c][0], j = e / E % E + offsets[c][1], k = e / E / E + offsets[c][2];
            corners[e * 8 + c] = (k * (E + 1) + j) * (E + 1) + i;
        }
    list_corners();
    px = doubles(NODES), py = doubles(NODES), pz = doubles(NODES);
    vx = doubles(NODES), vy = doubles(NODES), vz = doubles(NODES);
    fx = doubles(NODES), fy = doubles(NODES), fz = doubles(NODES);
    volume = doubles(ELEMENTS), pressure = doubles(ELEMENTS), energy = doubles(ELEMENTS);
    fx_elem = doubles(ELEMENTS * 8), fy_elem = doubles(ELEMENTS * 8), fz_elem = doubles(ELEMENTS * 8);
    for (int n = 0; n < NODES; n++) {
        px[n] = n % (E + 1) + 0.1 * random_unit();
        py[n] = n / (E + 1) % (E + 1) + 0.1 * random_unit();
        pz[n] = n / (E + 1) / (E + 1) + 0.1 * random_unit();
    }
    for (int e = 0; e < ELEMENTS; e++)
        energy[e] = random_unit();
}

static inline double triple(double x1, double y1, double z1, double x2, double y2, double z2, double x3, double y3, double z3)
{
    return x1 * (y2 * z3 - z2 * y3) + x2 * (z1 * y3 - y1 * z3) + x3 * (y1 * z2 - z1 * y2);
}

static double element_volume(const double x[8], const double y[8], const double z[8])
{
    double d[3][3][3];
    static const int to[3] = {6, 6, 6}, from[3][3] = {{3, 0, 0}, {0, 4, 0}, {0, 0, 1}};
    static const int low[3] = {1, 3, 4};
    for (int t = 0; t < 3; t++)
        for (int k = 0; k < 3; k++) {
            int hi = k == t ? to[t] : k == (t + 1) % 3 ? 2 + t : 5 + t % 2, lo = from[t][k] + (k ? 0 : low[t] % 2);
            d[t][k][0] = x[hi] - x[lo];
            d[t][k][1] = y[hi] - y[lo];
            d[t][k][2] = z[hi] - z[lo];
        }
    double v = 0;
    for (int t = 0; t < 3; t++)
        v += triple(d[t][0][0], d[t][0][1], d[t][0][2], d[t][1][0], d[t][1][1], d[t][1][2], d[t][2][0], d[t][2][1],
                    d[t][2][2]);
    return v * (1.0 / 12.0);
}

static void face_normal(double *nx[4], double *ny[4], double *nz[4], const double *x, const double *y, const double *z,
                        const int f[4])
{
    double ax = 0.5 * (x[f[3]] + x[f[2]] - x[f[1]] - x[f[0]]), ay = 0.5 * (y[f[3]] + y[f[2]] - y[f[1]] - y[f[0]]);
    double az = 0.5 * (z[f[3]] + z[f[2]] - z[f[1]] - z[f[0]]);
    double bx = 0.5 * (x[f[2]] + x[f[1]] - x[f[3]] - x[f[0]]), by = 0.5 * (y[f[2]] + y[f[1]] - y[f[3]] - y[f[0]]);
    double bz = 0.5 * (z[f[2]] + z[f[1]] - z[f[3]] - z[f[0]]);
    double areax = 0.25 * (ay * bz - az * by), areay = 0.25 * (az * bx - ax * bz), areaz = 0.25 * (ax * by - ay * bx);
    for (int c = 0; c < 4; c++) {
        *nx[c] += areax;
        *ny[c] += areay;
        *nz[c] += areaz;
    }
}

static void stress(void)
{
    static const int faces[6][4] = {{0, 1, 2, 3}, {0, 4, 5, 1}, {1, 5, 6, 2}, {2, 6, 7, 3}, {3, 7, 4, 0}, {4, 7, 6, 5}};
    for (int e = 0; e < ELEMENTS; e++) {
        const int *corner = &corners[e * 8];
        double x[8], y[8], z[8], nx[8] = {0}, ny[8] = {0}, nz[8] = {0};
        for (int c = 0; c < 8; c++) {
            x[c] = px[corner[c]];
            y[c] = py[corner[c]];
            z[c] = pz[corner[c]];
        }
        for (int f = 0; f < 6; f++) {
            double *qx[4], *qy[4], *qz[4];
            for (int c = 0; c < 4; c++) {
                qx[c] = &nx[faces[f][c]];
                qy[c] = &ny[faces[f][c]];
                qz[c] = &nz[faces[f][c]];
            }
            face_normal(qx, qy, qz, x, y, z, faces[f]);
        }
        volume[e] = element_volume(x, y, z);
        double s = -pressure[e];
        for (int c = 0; c < 8; c++) {
            fx_elem[e * 8 + c] = s * nx[c];
            fy_elem[e * 8 + c] = s * ny[c];
            fz_elem[e * 8 + c] = s * nz[c];
        }
    }
}

static void hourglass(void)
{
    static const double gamma[4][8] = {{1, 1, -1, -1, -1, -1, 1, 1},
                                       {1, -1, -1, 1, -1, 1, 1, -1},
                                       {1, -1, 1, -1, 1, -1, 1, -1},
                                       {-1, 1, -1, 1, 1, -1, 1, -1}};
    for (int e = 0; e < ELEMENTS; e++) {
        const int *corner = &corners[e * 8];
        double hx[4], hy[4], hz[4], coefficient = -0.01 * (1.0 + fabs(volume[e]));
        for (int i = 0; i < 4; i++) {
            hx[i] = hy[i] = hz[i] = 0;
            for (int c = 0; c < 8; c++) {
                hx[i] += gamma[i][c] * vx[corner[c]];
                hy[i] += gamma[i][c] * vy[corner[c]];
                hz[i] += gamma[i][c] * vz[corner[c]];
            }
        }
        for (int c = 0; c < 8; c++) {
            double gx = 0, gy = 0, gz = 0;
            for (int i = 0; i < 4; i++) {
                gx += gamma[i][c] * hx[i];
                gy += gamma[i][c] * hy[i];
                gz += gamma[i][c] * hz[i];
            }
            fx_elem[e * 8 + c] += coefficient * gx;
            fy_elem[e * 8 + c] += coefficient * gy;
            fz_elem[e * 8 + c] += coefficient * gz;
        }
    }
}

static void move_nodes(double dt)
{
    for (int n = 0; n < NODES; n++) {
        double x = 0, y = 0, z = 0;
        for (int i = corner_starts[n]; i < corner_starts[n + 1]; i++) {
            x += fx_elem[corner_list[i]];
            y += fy_elem[corner_list[i]];
            z += fz_elem[corner_list[i]];
        }
        fx[n] = x;
        fy[n] = y;
        fz[n] = z;
    }
    for (int n = 0; n < NODES; n++) {
        vx[n] += dt * fx[n];
        vy[n] += dt * fy[n];
        vz[n] += dt * fz[n];
    }
    for (int n = 0; n < NODES; n++) {
        px[n] += dt * vx[n];
        py[n] += dt * vy[n];
        pz[n] += dt * vz[n];
    }
}

static void equation_of_state(double dt)
{
    for (int e = 0; e < ELEMENTS; e++) {
        double compression = 1.0 / (0.1 + fabs(volume[e])) - 1.0;
        double half = energy[e] - 0.5 * dt * pressure[e] * compression;
        if (half < 1e-9)
            half = 1e-9;
        double p = (2.0 / 3.0) * (compression + 1.0) * half;
        if (fabs(p) < 1e-7)
            p = 0;
        double speed = sqrt(fabs(p) + 1e-3);
        energy[e] = half - 1e-6 * dt * speed;
        pressure[e] = p;
    }
}

static void step(void)
{
    const double dt = 1e-5;
    for (int s = 0; s < 4; s++) {
        stress();
        hourglass();
        move_nodes(dt);
        equation_of_state(dt);
    }
}

static double checksum(void)
{
    double sum = 0;
    for (int n = 0; n < NODES; n++)
        sum += px[n] + vy[n] + fz[n];
    return sum;
}

KERNEL(20)
