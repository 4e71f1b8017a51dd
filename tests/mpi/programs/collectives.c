/* All blocking collectives, with and without MPI_IN_PLACE, the v- and w-forms, and their nonblocking twins. */
#include "say.h"

#define MAX 64

static int in[MAX * 16], out[MAX * 16], counts[MAX], displs[MAX], counts2[MAX], displs2[MAX];

static void fill(int n)
{
    for (int i = 0; i < n; i++) {
        in[i] = rank * 100 + i;
        out[i] = -1;
    }
}

static void rooted(void)
{
    for (int root = 0; root < size; root++) {
        fill(MAX * 4);
        MPI_Bcast(in, 5, MPI_INT, root, MPI_COMM_WORLD);
        say_ints("bcast", in, 5);
        fill(MAX * 4);
        MPI_Gather(in, 2, MPI_INT, out, 2, MPI_INT, root, MPI_COMM_WORLD);
        say_ints("gather", out, 2 * size);
        fill(MAX * 4);
        if (rank == root) {
            out[2 * root] = 77, out[2 * root + 1] = 78;
            MPI_Gather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, out, 2, MPI_INT, root, MPI_COMM_WORLD);
        } else {
            MPI_Gather(in, 2, MPI_INT, NULL, -1, MPI_DATATYPE_NULL, root, MPI_COMM_WORLD);
        }
        say_ints("gather in place", out, 2 * size);
        fill(MAX * 4);
        MPI_Scatter(in, 3, MPI_INT, out, 3, MPI_INT, root, MPI_COMM_WORLD);
        say_ints("scatter", out, 3);
        for (int i = 0, at = 0; i < size; at += counts[i] + 1, i++) {
            counts[i] = i + 1;
            displs[i] = at;
        }
        fill(MAX * 4);
        MPI_Gatherv(in, rank + 1, MPI_INT, out, counts, displs, MPI_INT, root, MPI_COMM_WORLD);
        say_ints("gatherv", out, size * (size + 3) / 2);
        fill(MAX * 4);
        MPI_Scatterv(in, counts, displs, MPI_INT, out, rank + 1, MPI_INT, root, MPI_COMM_WORLD);
        say_ints("scatterv", out, size + 1);
        fill(MAX * 4);
        MPI_Reduce(in, out, 4, MPI_INT, MPI_SUM, root, MPI_COMM_WORLD);
        say_ints("reduce", out, 4);
        fill(MAX * 4);
        MPI_Reduce(rank == root ? MPI_IN_PLACE : in, rank == root ? in : NULL, 4, MPI_INT, MPI_MAX, root,
                   MPI_COMM_WORLD);
        say_ints("reduce in place", in, 4);
    }
}

static void all(void)
{
    fill(MAX * 4);
    MPI_Allgather(in, 2, MPI_INT, out, 2, MPI_INT, MPI_COMM_WORLD);
    say_ints("allgather", out, 2 * size);
    fill(MAX * 4);
    out[2 * rank] = out[2 * rank + 1] = rank;
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, out, 2, MPI_INT, MPI_COMM_WORLD);
    say_ints("allgather in place", out, 2 * size);
    fill(MAX * 4);
    MPI_Allgatherv(in, rank + 1, MPI_INT, out, counts, displs, MPI_INT, MPI_COMM_WORLD);
    say_ints("allgatherv", out, size * (size + 3) / 2);
    fill(MAX * 4);
    MPI_Alltoall(in, 2, MPI_INT, out, 2, MPI_INT, MPI_COMM_WORLD);
    say_ints("alltoall", out, 2 * size);
    fill(MAX * 4);
    MPI_Alltoall(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, in, 2, MPI_INT, MPI_COMM_WORLD);
    say_ints("alltoall in place", in, 2 * size);
    for (int i = 0; i < size; i++) {
        counts[i] = (rank + i) % 3;
        displs[i] = 3 * (size - 1 - i);
        counts2[i] = (rank + i) % 3;
        displs2[i] = 4 * i;
    }
    fill(MAX * 4);
    MPI_Alltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, MPI_COMM_WORLD);
    say_ints("alltoallv", out, 4 * size);
    MPI_Datatype types[MAX];
    for (int i = 0; i < size; i++) {
        types[i] = MPI_INT;
        displs[i] *= 4;
        displs2[i] *= 4;
    }
    fill(MAX * 4);
    MPI_Alltoallw(in, counts, displs, types, out, counts2, displs2, types, MPI_COMM_WORLD);
    say_ints("alltoallw", out, 4 * size);
    fill(MAX * 4);
    MPI_Allreduce(in, out, 6, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say_ints("allreduce", out, 6);
    MPI_Allreduce(MPI_IN_PLACE, in, 6, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    say_ints("allreduce in place", in, 6);
    for (int i = 0; i < size; i++)
        counts[i] = i % 3 + 1;
    fill(MAX * 4);
    MPI_Reduce_scatter(in, out, counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say_ints("reduce_scatter", out, 4);
    fill(MAX * 4);
    MPI_Reduce_scatter_block(in, out, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say_ints("reduce_scatter_block", out, 3);
    fill(MAX * 4);
    MPI_Scan(in, out, 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say_ints("scan", out, 3);
    fill(MAX * 4);
    MPI_Exscan(in, out, 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say_ints("exscan", out, rank ? 3 : 0);
}

static void nonblocking(void)
{
    MPI_Request r;
    MPI_Datatype types[MAX];
#define DONE MPI_Wait(&r, MPI_STATUS_IGNORE)
    MPI_Ibarrier(MPI_COMM_WORLD, &r);
    DONE;
    fill(MAX * 4);
    MPI_Ibcast(in, 5, MPI_INT, size - 1, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ibcast", in, 5);
    fill(MAX * 4);
    MPI_Igather(in, 2, MPI_INT, out, 2, MPI_INT, 0, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("igather", out, 2 * size);
    MPI_Iscatter(in, 2, MPI_INT, out, 2, MPI_INT, 0, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iscatter", out, 2);
    MPI_Iallgather(in, 2, MPI_INT, out, 2, MPI_INT, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iallgather", out, 2 * size);
    MPI_Ialltoall(in, 2, MPI_INT, out, 2, MPI_INT, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ialltoall", out, 2 * size);
    /* the argument arrays may go as soon as the call returns only because nobody may change them: we do not */
    for (int i = 0; i < size; i++) {
        counts[i] = counts2[i] = (rank + i) % 3;
        displs[i] = 3 * (size - 1 - i);
        displs2[i] = 4 * i;
        types[i] = MPI_INT;
    }
    fill(MAX * 4);
    MPI_Ialltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ialltoallv", out, 4 * size);
    for (int i = 0; i < size; i++)
        displs[i] *= 4, displs2[i] *= 4;
    fill(MAX * 4);
    MPI_Ialltoallw(in, counts, displs, types, out, counts2, displs2, types, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ialltoallw", out, 4 * size);
    for (int i = 0; i < size; i++)
        counts[i] = 2, displs[i] = 3 * i;
    fill(MAX * 4);
    MPI_Igatherv(in, 2, MPI_INT, out, counts, displs, MPI_INT, 0, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("igatherv", out, 3 * size);
    MPI_Iscatterv(in, counts, displs, MPI_INT, out, 2, MPI_INT, 0, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iscatterv", out, 3);
    MPI_Iallgatherv(in, 2, MPI_INT, out, counts, displs, MPI_INT, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iallgatherv", out, 3 * size);
    MPI_Ireduce(in, out, 3, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD, &r);
    DONE;
    if (rank == 0)
        say_ints("ireduce", out, 3);
    MPI_Iallreduce(in, out, 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iallreduce", out, 3);
    MPI_Ireduce_scatter(in, out, counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ireduce_scatter", out, 2);
    MPI_Ireduce_scatter_block(in, out, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("ireduce_scatter_block", out, 2);
    MPI_Iscan(in, out, 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iscan", out, 3);
    fill(MAX * 4);
    MPI_Iexscan(in, out, 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &r);
    DONE;
    say_ints("iexscan", out, rank ? 3 : 0);
}

int main(void)
{
    begin();
    rooted();
    all();
    nonblocking();
    return finish();
}
