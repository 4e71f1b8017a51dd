/* HPCG's structure: conjugate gradients preconditioned by a multigrid V-cycle with symmetric Gauss-Seidel, on matrices of
 * 27 nonzeros a row that are stored as arrays of pointers to rows, as HPCG's reference does. */
#include <math.h>

#include "kernel.h"

enum { LEVELS = 3, EDGE = 32, ITERATIONS = 2 };

typedef struct matrix {
    int n, edge;
    char *counts;
    int **columns;
    double **values;
    double **diagonals;
    int *coarse_to_fine;
    double *r, *x, *ax;
} matrix;

static matrix levels[LEVELS];
static double *b, *x, *r, *z, *p, *ap, norm;

static void make_level(matrix *a, int edge)
{
    a->edge = edge;
    a->n = edge * edge * edge;
    a->counts = allocate((size_t)a->n);
    a->columns = allocate((size_t)a->n * sizeof *a->columns);
    a->values = allocate((size_t)a->n * sizeof *a->values);
    a->diagonals = allocate((size_t)a->n * sizeof *a->diagonals);
    a->r = allocate((size_t)a->n * sizeof *a->r);
    a->x = allocate((size_t)a->n * sizeof *a->x);
    a->ax = allocate((size_t)a->n * sizeof *a->ax);
    for (int row = 0; row < a->n; row++) {
        int i = row % edge, j = row / edge % edge, k = row / edge / edge, count = 0;
        int *columns = allocate(27 * sizeof *columns);
        double *values = allocate(27 * sizeof *values);
        for (int dk = -1; dk <= 1; dk++)
            for (int dj = -1; dj <= 1; dj++)
                for (int di = -1; di <= 1; di++) {
                    int ii = i + di, jj = j + dj, kk = k + dk;
                    if (ii < 0 || ii >= edge || jj < 0 || jj >= edge || kk < 0 || kk >= edge)
                        continue;
                    if (!di && !dj && !dk)
                        a->diagonals[row] = &values[count];
                    columns[count] = (kk * edge + jj) * edge + ii;
                    values[count++] = di || dj || dk ? -1.0 : 26.0;
                }
        a->counts[row] = (char)count;
        a->columns[row] = columns;
        a->values[row] = values;
    }
}

static void setup(void)
{
    for (int l = 0; l < LEVELS; l++) {
        make_level(&levels[l], EDGE >> l);
        if (l == 0)
            continue;
        matrix *a = &levels[l];
        a->coarse_to_fine = allocate((size_t)a->n * sizeof *a->coarse_to_fine);
        for (int i = 0; i < a->n; i++) {
            int e = a->edge;
            a->coarse_to_fine[i] = ((i / e / e) * 2 * 2 * e + i / e % e * 2) * 2 * e + i % e * 2;
        }
    }
    size_t n = (size_t)levels[0].n;
    b = allocate(n * sizeof *b);
    x = allocate(n * sizeof *x);
    r = allocate(n * sizeof *r);
    z = allocate(n * sizeof *z);
    p = allocate(n * sizeof *p);
    ap = allocate(n * sizeof *ap);
    for (size_t i = 0; i < n; i++)
        b[i] = 27.0 - levels[0].counts[i];
}

static void spmv(const matrix *a, const double *in, double *out)
{
    for (int i = 0; i < a->n; i++) {
        double sum = 0;
        const double *values = a->values[i];
        const int *columns = a->columns[i];
        const int count = a->counts[i];
        for (int j = 0; j < count; j++)
            sum += values[j] * in[columns[j]];
        out[i] = sum;
    }
}

static void smooth_row(const matrix *a, const double *rhs, double *v, int i)
{
    const double *values = a->values[i];
    const int *columns = a->columns[i];
    const int count = a->counts[i];
    const double diagonal = a->diagonals[i][0];
    double sum = rhs[i];
    for (int j = 0; j < count; j++)
        sum -= values[j] * v[columns[j]];
    sum += v[i] * diagonal;
    v[i] = sum / diagonal;
}

static void symgs(const matrix *a, const double *rhs, double *v)
{
    for (int i = 0; i < a->n; i++)
        smooth_row(a, rhs, v, i);
    for (int i = a->n - 1; i >= 0; i--)
        smooth_row(a, rhs, v, i);
}

static void multigrid(int level, const double *rhs, double *v)
{
    const matrix *a = &levels[level];
    memset(v, 0, (size_t)a->n * sizeof *v);
    symgs(a, rhs, v);
    if (level + 1 == LEVELS)
        return;
    const matrix *coarse = &levels[level + 1];
    spmv(a, v, a->ax);
    for (int i = 0; i < coarse->n; i++)
        coarse->r[i] = rhs[coarse->coarse_to_fine[i]] - a->ax[coarse->coarse_to_fine[i]];
    multigrid(level + 1, coarse->r, coarse->x);
    for (int i = 0; i < coarse->n; i++)
        v[coarse->coarse_to_fine[i]] += coarse->x[i];
    symgs(a, rhs, v);
}

static double dot(int n, const double *v, const double *w)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += v[i] * w[i];
    return sum;
}

static void waxpby(int n, double alpha, const double *v, double beta, const double *w, double *out)
{
    if (alpha == 1.0)
        for (int i = 0; i < n; i++)
            out[i] = v[i] + beta * w[i];
    else
        for (int i = 0; i < n; i++)
            out[i] = alpha * v[i] + beta * w[i];
}

static void step(void)
{
    int n = levels[0].n;
    memset(x, 0, (size_t)n * sizeof *x);
    memcpy(r, b, (size_t)n * sizeof *r);
    double rz = 0;
    for (int k = 0; k < ITERATIONS; k++) {
        multigrid(0, r, z);
        double old = rz;
        rz = dot(n, r, z);
        if (k == 0)
            memcpy(p, z, (size_t)n * sizeof *p);
        else
            waxpby(n, 1.0, z, rz / old, p, p);
        spmv(&levels[0], p, ap);
        double alpha = rz / dot(n, p, ap);
        waxpby(n, 1.0, x, alpha, p, x);
        waxpby(n, 1.0, r, -alpha, ap, r);
    }
    norm = sqrt(dot(n, r, r));
}

static double checksum(void)
{
    return norm;
}

KERNEL(20)
