/* Heat in a square plate, by explicit time steps on a grid that all ranks share.
 *
 *     mpirun -np 4 mpiwasm heat.wasm [cells] [steps] [picture.ppm]
 *     mpirun -np 4 mpiwasm -d ./out heat.wasm 1000 500 /out/heat.ppm
 *
 * The plate has `cells` x `cells` cells. Each rank holds a rectangle of it with a border one cell wide, which it
 * fills from its neighbours on a Cartesian communicator before each step: rows are contiguous in memory, columns
 * are a derived datatype. At first a disc in the middle is hot; the upper edge stays hot, the others stay cold. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFUSION 0.2 /* of a cell's difference to its neighbours, per step; stable up to 0.25 */

typedef struct plate {
    MPI_Comm comm;
    int rank, size;
    int grid[2], place[2];  /* ranks per dimension (down, across), and which of them this one is */
    int above, below, left, right;
    int cells;              /* of the whole plate, per side */
    int first[2], count[2]; /* this rank's rectangle of it */
    int stride;             /* of a row in memory: count[1] and a border on both sides */
    MPI_Datatype row, column;
    double *now, *next;
} plate;

/* Cells [first, first + count) of `cells`, shared out to `parts` as evenly as can be. */
static void share(int cells, int parts, int part, int *first, int *count)
{
    *first = (int)((long long)cells * part / parts);
    *count = (int)((long long)cells * (part + 1) / parts) - *first;
}

static double *cell(const plate *p, double *field, int row, int column)
{
    return field + (size_t)row * p->stride + column;
}

static void create(plate *p, int cells)
{
    int periodic[2] = {0, 0};
    MPI_Comm_size(MPI_COMM_WORLD, &p->size);
    p->grid[0] = p->grid[1] = 0;
    MPI_Dims_create(p->size, 2, p->grid);
    MPI_Cart_create(MPI_COMM_WORLD, 2, p->grid, periodic, 1, &p->comm);
    MPI_Comm_rank(p->comm, &p->rank);
    MPI_Cart_coords(p->comm, p->rank, 2, p->place);
    MPI_Cart_shift(p->comm, 0, 1, &p->above, &p->below);
    MPI_Cart_shift(p->comm, 1, 1, &p->left, &p->right);

    p->cells = cells;
    for (int d = 0; d < 2; d++)
        share(cells, p->grid[d], p->place[d], &p->first[d], &p->count[d]);
    p->stride = p->count[1] + 2;
    MPI_Type_contiguous(p->count[1], MPI_DOUBLE, &p->row);
    MPI_Type_vector(p->count[0], 1, p->stride, MPI_DOUBLE, &p->column);
    MPI_Type_commit(&p->row);
    MPI_Type_commit(&p->column);

    size_t bytes = (size_t)(p->count[0] + 2) * p->stride * sizeof(double);
    p->now = malloc(bytes);
    p->next = malloc(bytes);
    if (!p->now || !p->next) {
        fprintf(stderr, "heat: no memory for %zu bytes\n", bytes);
        MPI_Abort(p->comm, 2);
    }
    memset(p->now, 0, bytes);
    memset(p->next, 0, bytes);
    if (p->place[0] == 0) /* the border above the plate's upper edge stays hot */
        for (int j = 0; j < p->stride; j++)
            *cell(p, p->now, 0, j) = *cell(p, p->next, 0, j) = 100;
    for (int i = 0; i < p->count[0]; i++)
        for (int j = 0; j < p->count[1]; j++) {
            double down = p->first[0] + i - cells * 0.5, across = p->first[1] + j - cells * 0.5;
            if (down * down + across * across < cells * 0.25 * cells * 0.25)
                *cell(p, p->now, i + 1, j + 1) = 100;
        }
}

static void destroy(plate *p)
{
    free(p->now);
    free(p->next);
    MPI_Type_free(&p->row);
    MPI_Type_free(&p->column);
    MPI_Comm_free(&p->comm);
}

/* Where there is no neighbour (MPI_PROC_NULL) the border keeps its value: the edge of the plate. */
static void exchange_borders(plate *p)
{
    int rows = p->count[0], columns = p->count[1];
    MPI_Request requests[8];
    MPI_Irecv(cell(p, p->now, 0, 1), 1, p->row, p->above, 0, p->comm, &requests[0]);
    MPI_Irecv(cell(p, p->now, rows + 1, 1), 1, p->row, p->below, 1, p->comm, &requests[1]);
    MPI_Irecv(cell(p, p->now, 1, 0), 1, p->column, p->left, 2, p->comm, &requests[2]);
    MPI_Irecv(cell(p, p->now, 1, columns + 1), 1, p->column, p->right, 3, p->comm, &requests[3]);
    MPI_Isend(cell(p, p->now, rows, 1), 1, p->row, p->below, 0, p->comm, &requests[4]);
    MPI_Isend(cell(p, p->now, 1, 1), 1, p->row, p->above, 1, p->comm, &requests[5]);
    MPI_Isend(cell(p, p->now, 1, columns), 1, p->column, p->right, 2, p->comm, &requests[6]);
    MPI_Isend(cell(p, p->now, 1, 1), 1, p->column, p->left, 3, p->comm, &requests[7]);
    MPI_Waitall(8, requests, MPI_STATUSES_IGNORE);
}

/* One row of the new field from three of the old one. */
static void step_row(int columns, const double *restrict up, const double *restrict here, const double *restrict down,
                     double *restrict out)
{
    for (int j = 0; j < columns; j++)
        out[j] = here[j] + DIFFUSION * (up[j] + down[j] + here[j - 1] + here[j + 1] - 4 * here[j]);
}

static void step(plate *p)
{
    exchange_borders(p);
    for (int i = 1; i <= p->count[0]; i++)
        step_row(p->count[1], cell(p, p->now, i - 1, 1), cell(p, p->now, i, 1), cell(p, p->now, i + 1, 1),
                 cell(p, p->next, i, 1));
    double *swap = p->now;
    p->now = p->next;
    p->next = swap;
}

static double total_heat(plate *p)
{
    double sum = 0, total;
    for (int i = 1; i <= p->count[0]; i++)
        for (int j = 1; j <= p->count[1]; j++)
            sum += *cell(p, p->now, i, j);
    MPI_Allreduce(&sum, &total, 1, MPI_DOUBLE, MPI_SUM, p->comm);
    return total;
}

/* Rank 0 collects the rectangles, each placed by a subarray type, and writes them as a picture. */
static int write_picture(plate *p, const char *path)
{
    int whole[2] = {p->cells, p->cells}, mine[2] = {p->count[0] + 2, p->stride}, inner[2] = {1, 1};
    MPI_Datatype from;
    MPI_Request request;
    MPI_Type_create_subarray(2, mine, p->count, inner, MPI_ORDER_C, MPI_DOUBLE, &from);
    MPI_Type_commit(&from);
    MPI_Isend(p->now, 1, from, 0, 4, p->comm, &request);

    int failed = 0;
    if (p->rank == 0) {
        double *field = malloc((size_t)p->cells * p->cells * sizeof *field);
        FILE *file = fopen(path, "wb");
        failed = !field || !file;
        if (!file)
            perror(path);
        for (int r = 0; r < p->size && field; r++) {
            int place[2], first[2], count[2];
            MPI_Datatype to;
            MPI_Cart_coords(p->comm, r, 2, place);
            for (int d = 0; d < 2; d++)
                share(p->cells, p->grid[d], place[d], &first[d], &count[d]);
            MPI_Type_create_subarray(2, whole, count, first, MPI_ORDER_C, MPI_DOUBLE, &to);
            MPI_Type_commit(&to);
            MPI_Recv(field, 1, to, r, 4, p->comm, MPI_STATUS_IGNORE);
            MPI_Type_free(&to);
        }
        if (!failed) {
            fprintf(file, "P6\n%d %d\n255\n", p->cells, p->cells);
            for (size_t i = 0; i < (size_t)p->cells * p->cells; i++) {
                double heat = field[i] / 100; /* black, red, yellow, white */
                for (int c = 0; c < 3; c++) {
                    double level = 3 * heat - c;
                    putc((int)(255 * (level < 0 ? 0 : level > 1 ? 1 : level)), file);
                }
            }
        }
        if (file && fclose(file))
            failed = 1;
        free(field);
    }
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Type_free(&from);
    MPI_Bcast(&failed, 1, MPI_INT, 0, p->comm);
    return failed;
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int cells = argc > 1 ? atoi(argv[1]) : 1000, steps = argc > 2 ? atoi(argv[2]) : 500;
    plate p;
    if (cells < 1 || steps < 0) {
        fprintf(stderr, "usage: heat [cells] [steps] [picture.ppm]\n");
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    create(&p, cells);

    MPI_Barrier(p.comm);
    double seconds = -MPI_Wtime(), slowest;
    for (int s = 0; s < steps; s++)
        step(&p);
    seconds += MPI_Wtime();
    MPI_Reduce(&seconds, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, p.comm);

    double heat = total_heat(&p);
    if (p.rank == 0) {
        printf("heat: %d x %d cells, %d steps, %d x %d ranks\n", cells, cells, steps, p.grid[0], p.grid[1]);
        printf("check: total %a\n", heat);
        printf("rate: %.3f GFLOP/s\n", 7e-9 * cells * cells * steps / slowest);
    }
    int failed = argc > 3 && write_picture(&p, argv[3]);
    destroy(&p);
    MPI_Finalize();
    return failed;
}
