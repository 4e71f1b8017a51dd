/* Conjugate gradients with a multigrid preconditioner, built like the HPCG benchmark.
 *
 *     mpirun -np 4 mpiwasm cg.wasm [points per side and rank] [iterations] [solves]
 *
 * The matrix is a 27-point stencil on a 3-D grid: 26 on the diagonal, -1 for each neighbour. Every rank owns a cube of
 * n x n x n points; ranks are arranged in a box. A level of the multigrid keeps the matrix by rows, the columns of a
 * row in ascending order of the grid; points of other ranks ("halo") are numbered after the own ones, ordered by the
 * direction they lie in. One V-cycle of symmetric Gauss-Seidel sweeps preconditions each iteration.
 *
 * The right-hand side is the matrix times ones, so the solution is known: the error is printed, and the residuals
 * to the last bit, since a build for WebAssembly must give the same as a native one. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 4, STENCIL = 27, DIRECTIONS = 27, CENTRE = 13 };

/* A direction is (dz + 1) * 9 + (dy + 1) * 3 + (dx + 1); CENTRE is no direction. */
typedef struct halo {
    int neighbour[DIRECTIONS]; /* rank, or MPI_PROC_NULL */
    int start[DIRECTIONS];     /* first point in that direction, as an index behind the own points */
    int count[DIRECTIONS];
    int total;
    int *send;                 /* own points to send, `count` per direction */
    double *buffer;            /* their values */
} halo;

typedef struct level level;

struct level {
    int n;                     /* points per side */
    int rows;                  /* n^3 */
    int *row_count;            /* entries of each row, at most STENCIL */
    int (*columns)[STENCIL];
    double (*values)[STENCIL];
    double *diagonal;
    halo halo;
    double *x, *r, *ax;        /* vectors of the V-cycle; x with halo */
    level *coarser;            /* the next level, or NULL */
    int *coarse;               /* for each point of it, the point of this level that it is */
};

typedef struct problem {
    int rank, size, box[3], place[3]; /* x, y, z */
    int levels;
    level level[LEVELS];
    double seconds_exchange;
    double flops;              /* of this rank, since the last reset */
} problem;

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "cg: no memory for %zu x %zu bytes\n", count, size);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    return memory;
}

/* ---- set-up ---------------------------------------------------------------------------------------------- */

static int neighbour_rank(const problem *p, int dx, int dy, int dz)
{
    int x = p->place[0] + dx, y = p->place[1] + dy, z = p->place[2] + dz;
    if (x < 0 || y < 0 || z < 0 || x >= p->box[0] || y >= p->box[1] || z >= p->box[2])
        return MPI_PROC_NULL;
    return (z * p->box[1] + y) * p->box[0] + x;
}

/* -1, 0 or 1: below, in or above [0, n). */
static int side(int i, int n)
{
    return i < 0 ? -1 : i >= n;
}

/* Index of the point (x, y, z), each from -1 to n: an own one, one of the halo, or -1 outside of the grid. A face of
 * the halo is ordered like the grid, without the dimensions that are fixed in it. */
static int point_index(const level *l, int x, int y, int z)
{
    int n = l->n, dx = side(x, n), dy = side(y, n), dz = side(z, n);
    int direction = (dz + 1) * 9 + (dy + 1) * 3 + dx + 1;
    if (direction == CENTRE)
        return (z * n + y) * n + x;
    if (l->halo.neighbour[direction] == MPI_PROC_NULL)
        return -1;
    int index = dz ? 0 : z;
    index = dy ? index : index * n + y;
    index = dx ? index : index * n + x;
    return l->halo.start[direction] + index;
}

static void create_halo(const problem *p, level *l)
{
    halo *h = &l->halo;
    int n = l->n;
    for (int d = 0; d < DIRECTIONS; d++) {
        int dx = d % 3 - 1, dy = d / 3 % 3 - 1, dz = d / 9 - 1;
        h->neighbour[d] = d == CENTRE ? MPI_PROC_NULL : neighbour_rank(p, dx, dy, dz);
        h->start[d] = l->rows + h->total;
        h->count[d] = h->neighbour[d] == MPI_PROC_NULL ? 0 : (dx ? 1 : n) * (dy ? 1 : n) * (dz ? 1 : n);
        h->total += h->count[d];
    }
    h->send = allocate(h->total, sizeof *h->send);
    h->buffer = allocate(h->total, sizeof *h->buffer);
    int *send = h->send;
    for (int d = 0; d < DIRECTIONS; d++) {
        if (!h->count[d])
            continue;
        int dx = d % 3 - 1, dy = d / 3 % 3 - 1, dz = d / 9 - 1;
        for (int z = dz > 0 ? n - 1 : 0; z < (dz < 0 ? 1 : n); z++)
            for (int y = dy > 0 ? n - 1 : 0; y < (dy < 0 ? 1 : n); y++)
                for (int x = dx > 0 ? n - 1 : 0; x < (dx < 0 ? 1 : n); x++)
                    *send++ = (z * n + y) * n + x;
    }
}

static void create_matrix(level *l)
{
    int n = l->n, row = 0;
    for (int z = 0; z < n; z++)
        for (int y = 0; y < n; y++)
            for (int x = 0; x < n; x++, row++) {
                int entries = 0;
                for (int d = 0; d < STENCIL; d++) {
                    int column = point_index(l, x + d % 3 - 1, y + d / 3 % 3 - 1, z + d / 9 - 1);
                    if (column < 0)
                        continue;
                    l->columns[row][entries] = column;
                    l->values[row][entries++] = d == CENTRE ? 26 : -1;
                }
                l->row_count[row] = entries;
                l->diagonal[row] = 26;
            }
}

static void create_level(const problem *p, level *l, int n, level *coarser)
{
    memset(l, 0, sizeof *l);
    l->n = n;
    l->rows = n * n * n;
    l->coarser = coarser;
    create_halo(p, l);
    l->row_count = allocate(l->rows, sizeof *l->row_count);
    l->columns = allocate(l->rows, sizeof *l->columns);
    l->values = allocate(l->rows, sizeof *l->values);
    l->diagonal = allocate(l->rows, sizeof *l->diagonal);
    l->x = allocate((size_t)l->rows + l->halo.total, sizeof *l->x);
    l->r = allocate(l->rows, sizeof *l->r);
    l->ax = allocate(l->rows, sizeof *l->ax);
    create_matrix(l);
    if (coarser) {
        int half = n / 2, *coarse = l->coarse = allocate((size_t)half * half * half, sizeof *l->coarse);
        for (int z = 0; z < half; z++)
            for (int y = 0; y < half; y++)
                for (int x = 0; x < half; x++)
                    *coarse++ = (2 * z * n + 2 * y) * n + 2 * x;
    }
}

static void create(problem *p, int n)
{
    memset(p, 0, sizeof *p);
    MPI_Comm_rank(MPI_COMM_WORLD, &p->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &p->size);
    MPI_Dims_create(p->size, 3, p->box);
    p->place[0] = p->rank % p->box[0];
    p->place[1] = p->rank / p->box[0] % p->box[1];
    p->place[2] = p->rank / p->box[0] / p->box[1];
    for (level *l = p->level; l; l = l->coarser, n /= 2)
        create_level(p, l, n, ++p->levels < LEVELS && n % 2 == 0 && n > 2 ? l + 1 : NULL);
}

static void destroy(problem *p)
{
    for (level *l = p->level; l < p->level + p->levels; l++) {
        free(l->row_count);
        free(l->columns);
        free(l->values);
        free(l->diagonal);
        free(l->x);
        free(l->r);
        free(l->ax);
        free(l->coarse);
        free(l->halo.send);
        free(l->halo.buffer);
    }
}

/* ---- kernels --------------------------------------------------------------------------------------------- */

/* Fills the halo of x from the neighbours. Direction d of one is direction DIRECTIONS - 1 - d of the other. */
static void exchange_halo(problem *p, level *l, double *x)
{
    halo *h = &l->halo;
    MPI_Request requests[2 * DIRECTIONS];
    int pending = 0, offset = 0;
    double begin = MPI_Wtime();
    for (int d = 0; d < DIRECTIONS; d++)
        if (h->count[d])
            MPI_Irecv(x + h->start[d], h->count[d], MPI_DOUBLE, h->neighbour[d], d, MPI_COMM_WORLD,
                      &requests[pending++]);
    for (int i = 0; i < h->total; i++)
        h->buffer[i] = x[h->send[i]];
    for (int d = 0; d < DIRECTIONS; d++)
        if (h->count[d]) {
            MPI_Isend(h->buffer + offset, h->count[d], MPI_DOUBLE, h->neighbour[d], DIRECTIONS - 1 - d,
                      MPI_COMM_WORLD, &requests[pending++]);
            offset += h->count[d];
        }
    MPI_Waitall(pending, requests, MPI_STATUSES_IGNORE);
    p->seconds_exchange += MPI_Wtime() - begin;
}

static double dot(problem *p, int n, const double *x, const double *y)
{
    double sum = 0, total;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    MPI_Allreduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    p->flops += 2.0 * n;
    return total;
}

/* w = a x + b y */
static void combine(problem *p, int n, double a, const double *x, double b, const double *y, double *w)
{
    for (int i = 0; i < n; i++)
        w[i] = a * x[i] + b * y[i];
    p->flops += 3.0 * n;
}

/* y = A x; x needs room for the halo. */
static void multiply(problem *p, level *l, double *x, double *y)
{
    exchange_halo(p, l, x);
    for (int i = 0; i < l->rows; i++) {
        const int *columns = l->columns[i];
        const double *values = l->values[i];
        double sum = 0;
        for (int j = 0; j < l->row_count[i]; j++)
            sum += values[j] * x[columns[j]];
        y[i] = sum;
    }
    p->flops += 2.0 * STENCIL * l->rows;
}

/* The new value of x[i] that makes row i's equation hold. */
static inline void relax_row(const level *l, int i, const double *r, double *x)
{
    const int *columns = l->columns[i];
    const double *values = l->values[i];
    double sum = r[i];
    for (int j = 0; j < l->row_count[i]; j++)
        sum -= values[j] * x[columns[j]];
    sum += x[i] * l->diagonal[i];
    x[i] = sum / l->diagonal[i];
}

/* One symmetric Gauss-Seidel sweep towards A x = r; the halo stays as it was at the begin. */
static void smooth(problem *p, level *l, const double *r, double *x)
{
    exchange_halo(p, l, x);
    for (int i = 0; i < l->rows; i++)
        relax_row(l, i, r, x);
    for (int i = l->rows - 1; i >= 0; i--)
        relax_row(l, i, r, x);
    p->flops += 4.0 * STENCIL * l->rows;
}

/* One V-cycle from this level down: x = an approximation of A^-1 r. */
static void precondition(problem *p, level *fine, const double *r, double *x)
{
    level *coarse = fine->coarser;
    memset(x, 0, ((size_t)fine->rows + fine->halo.total) * sizeof *x);
    smooth(p, fine, r, x);
    if (!coarse)
        return;
    multiply(p, fine, x, fine->ax);
    for (int i = 0; i < coarse->rows; i++)
        coarse->r[i] = r[fine->coarse[i]] - fine->ax[fine->coarse[i]];
    precondition(p, coarse, coarse->r, coarse->x);
    for (int i = 0; i < coarse->rows; i++)
        x[fine->coarse[i]] += coarse->x[i];
    p->flops += 2.0 * coarse->rows;
    smooth(p, fine, r, x);
}

/* ---- solver ---------------------------------------------------------------------------------------------- */

typedef struct solution {
    double residual_begin, residual_end; /* Euclidean norms */
    double error;                        /* largest difference to the exact solution */
    double seconds, seconds_exchange;    /* of the slowest rank */
    double flops;                        /* of all ranks */
} solution;

static void solve(problem *p, int iterations, solution *s)
{
    level *l = &p->level[0];
    int n = l->rows;
    size_t with_halo = (size_t)n + l->halo.total;
    double *x = allocate(with_halo, sizeof *x), *d = allocate(with_halo, sizeof *d); /* d: search direction */
    double *z = allocate(with_halo, sizeof *z), *r = allocate(n, sizeof *r), *ad = allocate(n, sizeof *ad);

    /* From x = 0 the residual is the right-hand side: the sum of each row. */
    for (int i = 0; i < n; i++)
        r[i] = 27 - l->row_count[i];

    p->flops = p->seconds_exchange = 0;
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = -MPI_Wtime(), rz_before = 1;
    s->residual_begin = s->residual_end = sqrt(dot(p, n, r, r));
    for (int k = 0; k < iterations; k++) {
        precondition(p, l, r, z);
        double rz = dot(p, n, r, z);
        if (k == 0)
            memcpy(d, z, n * sizeof *d);
        else
            combine(p, n, 1, z, rz / rz_before, d, d);
        multiply(p, l, d, ad);
        double alpha = rz / dot(p, n, d, ad);
        combine(p, n, 1, x, alpha, d, x);
        combine(p, n, 1, r, -alpha, ad, r);
        s->residual_end = sqrt(dot(p, n, r, r));
        rz_before = rz;
    }
    seconds += MPI_Wtime();

    double error = 0, times[2] = {seconds, p->seconds_exchange}, slowest[2];
    for (int i = 0; i < n; i++)
        error = fmax(error, fabs(x[i] - 1));
    MPI_Allreduce(&error, &s->error, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    MPI_Allreduce(&p->flops, &s->flops, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(times, slowest, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    s->seconds = slowest[0];
    s->seconds_exchange = slowest[1];
    free(x);
    free(d);
    free(z);
    free(r);
    free(ad);
}

int main(int argc, char **argv)
{
    static problem p;
    MPI_Init(&argc, &argv);
    int n = argc > 1 ? atoi(argv[1]) : 64, iterations = argc > 2 ? atoi(argv[2]) : 10;
    int solves = argc > 3 ? atoi(argv[3]) : 3;
    if (n < 2 || n > 256 || iterations < 1 || solves < 1) {
        fprintf(stderr, "usage: cg [points per side and rank, 2 to 256] [iterations] [solves]\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    create(&p, n);

    solution best, now;
    solve(&p, 1, &best); /* warm-up: memory touched, connections made */
    for (int i = 0; i < solves; i++) {
        solve(&p, iterations, &now);
        if (i == 0 || now.seconds < best.seconds)
            best = now;
    }
    if (p.rank == 0) {
        printf("cg: %d^3 points per rank, %d x %d x %d ranks, %d levels, %d iterations\n", n, p.box[0], p.box[1], p.box[2],
               p.levels, iterations);
        printf("residual: %.3e of %.3e, error %.3e\n", best.residual_end, best.residual_begin, best.error);
        printf("check: residual %a, error %a\n", best.residual_end, best.error);
        printf("time: %.3f s, %.1f %% of it halo exchange\n", best.seconds, 100 * best.seconds_exchange / best.seconds);
        printf("rate: %.3f GFLOP/s\n", best.flops / best.seconds * 1e-9);
    }
    destroy(&p);
    MPI_Finalize();
    return 0;
}
