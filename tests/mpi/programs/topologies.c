/* Cartesian, graph and distributed graph topologies with neighbourhood collectives. */
#include "say.h"

static void cartesian(void)
{
    MPI_Comm cart, row;
    int dims[2] = {0, 0}, periods[2] = {1, 0}, coords[2], r, n, kind, source, dest, remain[2] = {0, 1};
    MPI_Dims_create(size, 2, dims);
    say("dims %d %d\n", dims[0], dims[1]);
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &cart);
    MPI_Topo_test(cart, &kind);
    say("cart %d\n", kind == MPI_CART);
    MPI_Topo_test(MPI_COMM_WORLD, &kind);
    say("world has none %d\n", kind == MPI_UNDEFINED);
    MPI_Cartdim_get(cart, &n);
    MPI_Cart_get(cart, 2, dims, periods, coords);
    say("%d dims, at %d %d, periods %d %d\n", n, coords[0], coords[1], periods[0], periods[1]);
    MPI_Cart_rank(cart, coords, &r);
    MPI_Cart_coords(cart, size - 1, 2, coords);
    say("rank %d, last at %d %d\n", r, coords[0], coords[1]);
    for (int d = 0; d < 2; d++) {
        MPI_Cart_shift(cart, d, 1, &source, &dest);
        say("shift %d: %d %d\n", d, source == MPI_PROC_NULL ? -99 : source, dest == MPI_PROC_NULL ? -99 : dest);
        int got = -1;
        MPI_Sendrecv(&rank, 1, MPI_INT, dest, 0, &got, 1, MPI_INT, source, 0, cart, MPI_STATUS_IGNORE);
        say("shifted %d\n", got);
    }
    int in[4] = {-1, -1, -1, -1}, out[4] = {rank * 4, rank * 4 + 1, rank * 4 + 2, rank * 4 + 3};
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, in, 1, MPI_INT, cart);
    say_ints("neighbor_allgather", in, 4);
    int counts[4] = {1, 1, 1, 1}, displs[4] = {3, 2, 1, 0};
    in[0] = in[1] = in[2] = in[3] = -1;
    MPI_Neighbor_allgatherv(&rank, 1, MPI_INT, in, counts, displs, MPI_INT, cart);
    say_ints("neighbor_allgatherv", in, 4);
    if (dims[0] > 2) { /* with two equal neighbours the hosts order the messages differently */
        in[0] = in[1] = in[2] = in[3] = -1;
        MPI_Neighbor_alltoall(out, 1, MPI_INT, in, 1, MPI_INT, cart);
        say_ints("neighbor_alltoall", in, 4);
    }
    MPI_Cart_sub(cart, remain, &row);
    MPI_Comm_size(row, &n);
    MPI_Comm_rank(row, &r);
    say("row: %d of %d\n", r, n);
    MPI_Cart_map(MPI_COMM_WORLD, 2, dims, periods, &r);
    say("map %d\n", r >= 0 || r == MPI_UNDEFINED);
    MPI_Comm_free(&row);
    MPI_Comm_free(&cart);
}

static void graph(void)
{
    /* a ring with both directions */
    MPI_Comm ring;
    int index[16], edges[32], nnodes, nedges, n, neighbors[2], kind;
    for (int i = 0; i < size; i++) {
        index[i] = 2 * (i + 1);
        edges[2 * i] = (i + size - 1) % size;
        edges[2 * i + 1] = (i + 1) % size;
    }
    MPI_Graph_create(MPI_COMM_WORLD, size, index, edges, 0, &ring);
    MPI_Topo_test(ring, &kind);
    MPI_Graphdims_get(ring, &nnodes, &nedges);
    say("graph %d: %d nodes, %d edges\n", kind == MPI_GRAPH, nnodes, nedges);
    memset(index, 0, sizeof index);
    memset(edges, 0, sizeof edges);
    MPI_Graph_get(ring, nnodes, nedges, index, edges);
    say_ints("index", index, nnodes);
    say_ints("edges", edges, nedges);
    MPI_Graph_neighbors_count(ring, rank, &n);
    MPI_Graph_neighbors(ring, rank, n, neighbors);
    say_ints("neighbors", neighbors, n);
    int in[2] = {-1, -1};
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, in, 1, MPI_INT, ring);
    say_ints("graph allgather", in, 2);
    MPI_Comm_free(&ring);
}

static void distributed(void)
{
    MPI_Comm dist;
    int sources[1] = {(rank + size - 1) % size}, destinations[1] = {(rank + 1) % size}, kind, in, out, weighted;
    int weights[1] = {rank + 1}, got[2] = {-1, -1}, got_sources[2], got_destinations[2], w1[2], w2[2];
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, sources, weights, 1, destinations, weights, MPI_INFO_NULL, 0,
                                   &dist);
    MPI_Topo_test(dist, &kind);
    MPI_Dist_graph_neighbors_count(dist, &in, &out, &weighted);
    say("dist graph %d: %d %d %d\n", kind == MPI_DIST_GRAPH, in, out, weighted);
    MPI_Dist_graph_neighbors(dist, 1, got_sources, w1, 1, got_destinations, w2);
    say("from %d (%d) to %d (%d)\n", got_sources[0], w1[0], got_destinations[0], w2[0]);
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, got, 1, MPI_INT, dist);
    say("got %d\n", got[0]);
    int sendcounts[1] = {1}, recvcounts[1] = {1}, value = rank + 50;
    int zero[1] = {0};
    MPI_Aint zeros[1] = {0};
    MPI_Datatype types[1] = {MPI_INT};
    MPI_Neighbor_alltoallv(&value, sendcounts, zero, MPI_INT, got, recvcounts, zero, MPI_INT, dist);
    say("alltoallv %d\n", got[0]);
    MPI_Neighbor_alltoallw(&value, sendcounts, zeros, types, got, recvcounts, zeros, types, dist);
    say("alltoallw %d\n", got[0]);
    MPI_Request request;
    MPI_Ineighbor_alltoallw(&value, sendcounts, zeros, types, got, recvcounts, zeros, types, dist, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say("ineighbor_alltoallw %d\n", got[0]);
    MPI_Comm_free(&dist);
    /* every edge named by rank 0 */
    int all_sources[16], degrees[16], all_destinations[16];
    for (int i = 0; i < size; i++) {
        all_sources[i] = i;
        degrees[i] = 1;
        all_destinations[i] = (i + 1) % size;
    }
    MPI_Dist_graph_create(MPI_COMM_WORLD, rank == 0 ? size : 0, all_sources, degrees, all_destinations, MPI_UNWEIGHTED,
                          MPI_INFO_NULL, 0, &dist);
    MPI_Dist_graph_neighbors_count(dist, &in, &out, &weighted);
    say("dist graph: %d %d %d\n", in, out, weighted);
    MPI_Neighbor_allgather(&rank, 1, MPI_INT, got, 1, MPI_INT, dist);
    say("got %d\n", got[0]);
    MPI_Comm_free(&dist);
}

int main(void)
{
    begin();
    cartesian();
    graph();
    distributed();
    return finish();
}
