/* Large-count forms. Natively on a host without them their plain forms are called: the results are the same. */
#include "say.h"

#if MPI_VERSION >= 4 || defined __wasm__
#define LARGE 1
#else
#define LARGE 0
#endif

#if LARGE
#define EITHER(plain, large) large
#else
#define EITHER(plain, large) plain
#endif

#define MAX 64
#define INTS 512

static int in[INTS], out[INTS];
/* The same arrays in both widths. */
static int counts[MAX], displs[MAX], counts2[MAX], displs2[MAX];
static MPI_Count large_counts[MAX], large_counts2[MAX];
static MPI_Aint large_displs[MAX], large_displs2[MAX], bytes[MAX], bytes2[MAX];
static MPI_Datatype types[MAX], types2[MAX];

static void fill(void)
{
    for (int i = 0; i < INTS; i++) {
        in[i] = rank * 1000 + i;
        out[i] = -1;
    }
}

/* n blocks to send, of rank + 1 + i % 3 elements, and n to receive, which peer i sends with as many. */
static void blocks(int n)
{
    for (int i = 0, at = 0, at2 = 0; i < n; i++) {
        large_counts[i] = counts[i] = 1 + (rank + i) % 3;
        large_counts2[i] = counts2[i] = 1 + (rank + i) % 3;
        large_displs[i] = displs[i] = at;
        large_displs2[i] = displs2[i] = at2;
        at += counts[i] + 1;
        at2 += counts2[i] + 2;
        bytes[i] = displs[i] * 4;
        bytes2[i] = displs2[i] * 4;
        types[i] = types2[i] = MPI_INT;
    }
}
/* The displacements of w-collectives are in bytes. */
static void in_bytes(int n)
{
    for (int i = 0; i < n; i++) {
        large_displs[i] = displs[i] *= 4;
        large_displs2[i] = displs2[i] *= 4;
    }
}

static void wait_for(MPI_Request *request)
{
    /* What the call got must have been kept. */
    memset(counts, 1, sizeof counts), memset(displs, 1, sizeof displs);
    memset(large_counts, 1, sizeof large_counts), memset(large_displs, 1, sizeof large_displs);
    memset(counts2, 1, sizeof counts2), memset(displs2, 1, sizeof displs2);
    memset(large_counts2, 1, sizeof large_counts2), memset(large_displs2, 1, sizeof large_displs2);
    memset(bytes, 1, sizeof bytes), memset(bytes2, 1, sizeof bytes2);
    memset(types, 1, sizeof types), memset(types2, 1, sizeof types2);
    MPI_Wait(request, MPI_STATUS_IGNORE);
}

/* ---- Point-to-point --------------------------------------------------------------------------------------------- */

static void point_to_point(void)
{
    int right = (rank + 1) % size, left = (rank + size - 1) % size, n;
    MPI_Request request;
    MPI_Message message;
    MPI_Status status;
    MPI_Count count = 0;
    void *buffer;
    fill();
    EITHER(MPI_Isend(in, 7, MPI_INT, right, 1, MPI_COMM_WORLD, &request),
           MPI_Isend_c(in, 7, MPI_INT, right, 1, MPI_COMM_WORLD, &request));
    MPI_Mprobe(left, 1, MPI_COMM_WORLD, &message, &status);
    EITHER(MPI_Mrecv(out, 9, MPI_INT, &message, &status), MPI_Mrecv_c(out, 9, MPI_INT, &message, &status));
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    EITHER((MPI_Get_count(&status, MPI_INT, &n), count = n), MPI_Get_count_c(&status, MPI_INT, &count));
    say("mrecv %d %d\n", (int)count, message == MPI_MESSAGE_NULL);
    say_ints("mrecv", out, 9);

    static char space[4096 + MPI_BSEND_OVERHEAD];
    EITHER(MPI_Buffer_attach(space, sizeof space), MPI_Buffer_attach_c(space, sizeof space));
    EITHER(MPI_Bsend(in, 5, MPI_INT, right, 2, MPI_COMM_WORLD), MPI_Bsend_c(in, 5, MPI_INT, right, 2, MPI_COMM_WORLD));
    MPI_Mprobe(left, 2, MPI_COMM_WORLD, &message, MPI_STATUS_IGNORE);
    EITHER(MPI_Imrecv(out, 9, MPI_INT, &message, &request), MPI_Imrecv_c(out, 9, MPI_INT, &message, &request));
    MPI_Wait(&request, &status);
    EITHER((MPI_Buffer_detach(&buffer, &n), count = n), MPI_Buffer_detach_c(&buffer, &count));
    say("detached %d %d\n", buffer == space, count == (MPI_Count)sizeof space);
    MPI_Get_count(&status, MPI_INT, &n);
    say_ints("imrecv", out, n);

    MPI_Status set;
    memset(&set, 0, sizeof set);
    /* MPICH 4.0 lacks MPI_Status_set_elements_c. */
#ifdef __wasm__
    MPI_Status_set_elements_c(&set, MPI_INT, 123456);
#else
    MPI_Status_set_elements_x(&set, MPI_INT, 123456);
#endif
    MPI_Get_count(&set, MPI_INT, &n);
    say("elements %d\n", n);
}

/* ---- Datatypes ------------------------------------------------------------------------------------------------------ */

/* Decodes a type: what the large counts are is known from its constructor. */
static void decode(const char *name, MPI_Datatype type, int ni, const int *integers, int nc, const MPI_Count *expected,
                   int nd)
{
    MPI_Count n[4] = {ni, 0, nc, nd}, large[32];
    int plain[32], combiner, dummy;
    memcpy(large, expected, sizeof *large * nc);
    memcpy(plain, integers, sizeof *plain * ni);
    (void)dummy;
#if LARGE
    MPI_Datatype inner[8];
    MPI_Aint addresses[1];
    MPI_Type_get_envelope_c(type, &n[0], &n[1], &n[2], &n[3], &combiner);
    MPI_Type_get_contents_c(type, n[0], n[1], n[2], n[3], plain, addresses, large, inner);
    for (int i = 0; i < n[3]; i++)
        if (inner[i] != MPI_INT)
            say("not an int\n");
#endif
    say("%s: %d %d %d %d:", name, (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
    /* Of subarray and darray: constants become names' numbers. */
    if (ni > 0)
        plain[ni - 1] = plain[ni - 1] == MPI_ORDER_C ? -1 : -2;
    for (int i = 3; i < 7 && ni == 10; i++)
        plain[i] = i < 5 ? (plain[i] == MPI_DISTRIBUTE_BLOCK ? -3 : plain[i] == MPI_DISTRIBUTE_CYCLIC ? -4 : -5)
                         : plain[i] == MPI_DISTRIBUTE_DFLT_DARG ? -6 : plain[i];
    for (int i = 0; i < n[0]; i++)
        say(" %d", plain[i]);
    for (int i = 0; i < n[2]; i++)
        say(" %lld", (long long)large[i]);
    say("\n");
}

/* Sends one to the process itself, and says what it consists of. */
static void ship(const char *name, MPI_Datatype *type)
{
    MPI_Aint lb, extent;
    int n;
    MPI_Status status;
    MPI_Type_commit(type);
    MPI_Type_get_extent(*type, &lb, &extent);
    fill();
    MPI_Sendrecv(in + 100, 1, *type, 0, 3, out, INTS, MPI_INT, 0, 3, MPI_COMM_SELF, &status);
    MPI_Get_count(&status, MPI_INT, &n);
    say("%s: lb %ld extent %ld ", name, (long)lb, (long)extent);
    say_ints("data", out, n);
    MPI_Type_free(type);
}

#define LENGTHS {2, 1, 3}
#define DISPLACEMENTS {4, 0, -7}

static void constructors(void)
{
    int lengths[] = LENGTHS, shifts[] = DISPLACEMENTS;
    MPI_Count large_lengths[] = LENGTHS, large_shifts[] = DISPLACEMENTS, large_bytes[3];
    MPI_Aint byte_shifts[3];
    MPI_Datatype t, u, ints[] = {MPI_INT, MPI_INT, MPI_INT};
    for (int i = 0; i < 3; i++)
        large_bytes[i] = byte_shifts[i] = shifts[i] * 4;
#define DECODE(name, nd, ...)                                                                      \
    decode(name, t, 0, counts, sizeof (MPI_Count[]){__VA_ARGS__} / sizeof(MPI_Count), (MPI_Count[]){__VA_ARGS__}, nd)

    EITHER(MPI_Type_contiguous(5, MPI_INT, &t), MPI_Type_contiguous_c(5, MPI_INT, &t));
    DECODE("contiguous", 1, 5);
    ship("contiguous", &t);
    EITHER(MPI_Type_vector(3, 2, 4, MPI_INT, &t), MPI_Type_vector_c(3, 2, 4, MPI_INT, &t));
    DECODE("vector", 1, 3, 2, 4);
    ship("vector", &t);
    EITHER(MPI_Type_create_hvector(3, 2, -16, MPI_INT, &t), MPI_Type_create_hvector_c(3, 2, -16, MPI_INT, &t));
    DECODE("hvector", 1, 3, 2, -16);
    ship("hvector", &t);
    EITHER(MPI_Type_indexed(3, lengths, shifts, MPI_INT, &t),
           MPI_Type_indexed_c(3, large_lengths, large_shifts, MPI_INT, &t));
    DECODE("indexed", 1, 3, 2, 1, 3, 4, 0, -7);
    ship("indexed", &t);
    EITHER(MPI_Type_create_hindexed(3, lengths, byte_shifts, MPI_INT, &t),
           MPI_Type_create_hindexed_c(3, large_lengths, large_bytes, MPI_INT, &t));
    DECODE("hindexed", 1, 3, 2, 1, 3, 16, 0, -28);
    ship("hindexed", &t);
    EITHER(MPI_Type_create_indexed_block(3, 2, shifts, MPI_INT, &t),
           MPI_Type_create_indexed_block_c(3, 2, large_shifts, MPI_INT, &t));
    DECODE("indexed block", 1, 3, 2, 4, 0, -7);
    ship("indexed block", &t);
    EITHER(MPI_Type_create_hindexed_block(3, 2, byte_shifts, MPI_INT, &t),
           MPI_Type_create_hindexed_block_c(3, 2, large_bytes, MPI_INT, &t));
    DECODE("hindexed block", 1, 3, 2, 16, 0, -28);
    ship("hindexed block", &t);
    EITHER(MPI_Type_create_struct(3, lengths, byte_shifts, ints, &t),
           MPI_Type_create_struct_c(3, large_lengths, large_bytes, ints, &t));
    DECODE("struct", 3, 3, 2, 1, 3, 16, 0, -28);
    ship("struct", &t);
    EITHER(MPI_Type_create_resized(MPI_INT, -4, 12, &t), MPI_Type_create_resized_c(MPI_INT, -4, 12, &t));
    DECODE("resized", 1, -4, 12);
    ship("resized", &t);
    EITHER(MPI_Type_create_subarray(2, (int[]){4, 5}, (int[]){2, 3}, (int[]){1, 1}, MPI_ORDER_C, MPI_INT, &t),
           MPI_Type_create_subarray_c(2, (MPI_Count[]){4, 5}, (MPI_Count[]){2, 3}, (MPI_Count[]){1, 1}, MPI_ORDER_C,
                                      MPI_INT, &t));
    decode("subarray", t, 2, (int[]){2, MPI_ORDER_C}, 6, (MPI_Count[]){4, 5, 2, 3, 1, 1}, 1);
    MPI_Type_dup(t, &u);
    ship("subarray", &t);
    ship("subarray's duplicate", &u);
    int distribs[] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC}, dargs[] = {MPI_DISTRIBUTE_DFLT_DARG, 3};
    EITHER(MPI_Type_create_darray(4, 1, 2, (int[]){6, 7}, distribs, dargs, (int[]){2, 2}, MPI_ORDER_C, MPI_INT, &t),
           MPI_Type_create_darray_c(4, 1, 2, (MPI_Count[]){6, 7}, distribs, dargs, (int[]){2, 2}, MPI_ORDER_C, MPI_INT,
                                    &t));
    decode("darray", t, 10, (int[]){4, 1, 2, distribs[0], distribs[1], dargs[0], 3, 2, 2, MPI_ORDER_C}, 2,
           (MPI_Count[]){6, 7}, 1);
    ship("darray", &t);
#if LARGE
    /* Of a plain constructor the arguments are integers, in either form. */
    MPI_Type_vector(3, 2, 4, MPI_INT, &t);
#endif
    MPI_Count n[4] = {3, 0, 0, 1};
    EITHER((void)0, MPI_Type_get_envelope_c(t, &n[0], &n[1], &n[2], &n[3], &(int){0}));
    say("plain vector: %d %d %d %d\n", (int)n[0], (int)n[1], (int)n[2], (int)n[3]);
    EITHER((void)0, MPI_Type_free(&t));
    EITHER((void)0, MPI_Type_get_envelope_c(MPI_INT, &n[0], &n[1], &n[2], &n[3], &(int){0}));
    say("int: %d\n", EITHER(0, (int)(n[0] + n[1] + n[2] + n[3])));
}

static void packing(void)
{
    char packed[256];
    int position = 0, n = 0;
    MPI_Count large_position = 0, large_n = 0;
    MPI_Aint aint_position = 0;
    fill();
    EITHER(MPI_Pack_size(3, MPI_INT, MPI_COMM_WORLD, &n), MPI_Pack_size_c(3, MPI_INT, MPI_COMM_WORLD, &large_n));
    EITHER(MPI_Pack(in, 3, MPI_INT, packed, sizeof packed, &position, MPI_COMM_WORLD),
           MPI_Pack_c(in, 3, MPI_INT, packed, sizeof packed, &large_position, MPI_COMM_WORLD));
    EITHER(MPI_Pack(in + 10, 1, MPI_DOUBLE, packed, sizeof packed, &position, MPI_COMM_WORLD),
           MPI_Pack_c(in + 10, 1, MPI_DOUBLE, packed, sizeof packed, &large_position, MPI_COMM_WORLD));
    say("packed to %d, 3 are %d\n", EITHER(position, (int)large_position), EITHER(n, (int)large_n));
    position = 0, large_position = 0;
    EITHER(MPI_Unpack(packed, sizeof packed, &position, out + 4, 3, MPI_INT, MPI_COMM_WORLD),
           MPI_Unpack_c(packed, sizeof packed, &large_position, out + 4, 3, MPI_INT, MPI_COMM_WORLD));
    EITHER(MPI_Unpack(packed, sizeof packed, &position, out, 1, MPI_DOUBLE, MPI_COMM_WORLD),
           MPI_Unpack_c(packed, sizeof packed, &large_position, out, 1, MPI_DOUBLE, MPI_COMM_WORLD));
    say_ints("unpacked", out, 8);
    fill();
    large_position = 0;
    EITHER(MPI_Pack_external("external32", in, 3, MPI_INT, packed, sizeof packed, &aint_position),
           MPI_Pack_external_c("external32", in, 3, MPI_INT, packed, sizeof packed, &large_position));
    say("external to %d:", EITHER((int)aint_position, (int)large_position));
    for (int i = 0; i < 12; i++)
        say(" %02x", packed[i] & 255);
    aint_position = large_position = 4;
    EITHER(MPI_Unpack_external("external32", packed, 12, &aint_position, out, 2, MPI_INT),
           MPI_Unpack_external_c("external32", packed, 12, &large_position, out, 2, MPI_INT));
    say(" and to %d: %d %d\n", EITHER((int)aint_position, (int)large_position), out[0], out[1]);
}

/* ---- Collectives ------------------------------------------------------------------------------------------------------ */

static void rooted(int root)
{
    MPI_Request request;
    fill(), blocks(size);
    EITHER(MPI_Gatherv(in, 1 + (rank + root) % 3, MPI_INT, out, counts, displs, MPI_INT, root, MPI_COMM_WORLD),
           MPI_Gatherv_c(in, 1 + (rank + root) % 3, MPI_INT, out, large_counts, large_displs, MPI_INT, root,
                         MPI_COMM_WORLD));
    say_ints("gatherv", out, 4 * size);
    fill(), blocks(size);
    EITHER(MPI_Igatherv(in, 1 + (rank + root) % 3, MPI_INT, out, counts, displs, MPI_INT, root, MPI_COMM_WORLD, &request),
           MPI_Igatherv_c(in, 1 + (rank + root) % 3, MPI_INT, out, large_counts, large_displs, MPI_INT, root,
                          MPI_COMM_WORLD, &request));
    wait_for(&request);
    say_ints("igatherv", out, 4 * size);
    fill(), blocks(size);
    EITHER(MPI_Scatterv(in, counts, displs, MPI_INT, out, 1 + (rank + root) % 3, MPI_INT, root, MPI_COMM_WORLD),
           MPI_Scatterv_c(in, large_counts, large_displs, MPI_INT, out, 1 + (rank + root) % 3, MPI_INT, root,
                          MPI_COMM_WORLD));
    say_ints("scatterv", out, 4);
    fill(), blocks(size);
    EITHER(MPI_Iscatterv(in, counts, displs, MPI_INT, out, 1 + (rank + root) % 3, MPI_INT, root, MPI_COMM_WORLD, &request),
           MPI_Iscatterv_c(in, large_counts, large_displs, MPI_INT, out, 1 + (rank + root) % 3, MPI_INT, root,
                           MPI_COMM_WORLD, &request));
    wait_for(&request);
    say_ints("iscatterv", out, 4);
}

static void all(void)
{
    MPI_Request request;
    fill(), blocks(size);
    for (int i = 0; i < size; i++)
        large_counts[i] = counts[i] = 1 + i % 3;
    EITHER(MPI_Allgatherv(in, counts[rank], MPI_INT, out, counts, displs2, MPI_INT, MPI_COMM_WORLD),
           MPI_Allgatherv_c(in, counts[rank], MPI_INT, out, large_counts, large_displs2, MPI_INT, MPI_COMM_WORLD));
    say_ints("allgatherv", out, 5 * size);
    for (int i = 0; i < INTS; i++)
        out[i] = rank * 1000 + i;
    EITHER(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_INT, out, counts, displs2, MPI_INT, MPI_COMM_WORLD),
           MPI_Allgatherv_c(MPI_IN_PLACE, 0, MPI_INT, out, large_counts, large_displs2, MPI_INT, MPI_COMM_WORLD));
    say_ints("allgatherv in place", out, 5 * size);
    fill();
    EITHER(MPI_Iallgatherv(in, counts[rank], MPI_INT, out, counts, displs2, MPI_INT, MPI_COMM_WORLD, &request),
           MPI_Iallgatherv_c(in, counts[rank], MPI_INT, out, large_counts, large_displs2, MPI_INT, MPI_COMM_WORLD,
                             &request));
    wait_for(&request);
    say_ints("iallgatherv", out, 5 * size);

    fill(), blocks(size);
    EITHER(MPI_Alltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, MPI_COMM_WORLD),
           MPI_Alltoallv_c(in, large_counts, large_displs, MPI_INT, out, large_counts2, large_displs2, MPI_INT,
                           MPI_COMM_WORLD));
    say_ints("alltoallv", out, 5 * size);
    fill(), blocks(size);
    EITHER(MPI_Ialltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, MPI_COMM_WORLD, &request),
           MPI_Ialltoallv_c(in, large_counts, large_displs, MPI_INT, out, large_counts2, large_displs2, MPI_INT,
                            MPI_COMM_WORLD, &request));
    wait_for(&request);
    say_ints("ialltoallv", out, 5 * size);
    fill(), blocks(size), in_bytes(size);
    EITHER(MPI_Alltoallw(in, counts, displs, types, out, counts2, displs2, types2, MPI_COMM_WORLD),
           MPI_Alltoallw_c(in, large_counts, large_displs, types, out, large_counts2, large_displs2, types2,
                           MPI_COMM_WORLD));
    say_ints("alltoallw", out, 5 * size);
    fill(), blocks(size), in_bytes(size);
    EITHER(MPI_Ialltoallw(in, counts, displs, types, out, counts2, displs2, types2, MPI_COMM_WORLD, &request),
           MPI_Ialltoallw_c(in, large_counts, large_displs, types, out, large_counts2, large_displs2, types2,
                            MPI_COMM_WORLD, &request));
    wait_for(&request);
    say_ints("ialltoallw", out, 5 * size);
}

static void neighbours(void)
{
    MPI_Comm ring;
    MPI_Request request;
    int one = 1;
    MPI_Cart_create(MPI_COMM_WORLD, 1, &size, &one, 0, &ring);
    for (int form = 0; form < 6; form++) {
        fill(), blocks(2);
        counts[1] = counts2[1] = counts2[0] = counts[0] = 2; /* both neighbours may be the same process */
        large_counts[1] = large_counts2[1] = large_counts2[0] = large_counts[0] = 2;
        request = MPI_REQUEST_NULL;
        if (form == 0)
            EITHER(MPI_Neighbor_allgatherv(in, 2, MPI_INT, out, counts2, displs2, MPI_INT, ring),
                   MPI_Neighbor_allgatherv_c(in, 2, MPI_INT, out, large_counts2, large_displs2, MPI_INT, ring));
        if (form == 1)
            EITHER(MPI_Ineighbor_allgatherv(in, 2, MPI_INT, out, counts2, displs2, MPI_INT, ring, &request),
                   MPI_Ineighbor_allgatherv_c(in, 2, MPI_INT, out, large_counts2, large_displs2, MPI_INT, ring,
                                              &request));
        if (form == 2)
            EITHER(MPI_Neighbor_alltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, ring),
                   MPI_Neighbor_alltoallv_c(in, large_counts, large_displs, MPI_INT, out, large_counts2, large_displs2,
                                            MPI_INT, ring));
        if (form == 3)
            EITHER(MPI_Ineighbor_alltoallv(in, counts, displs, MPI_INT, out, counts2, displs2, MPI_INT, ring, &request),
                   MPI_Ineighbor_alltoallv_c(in, large_counts, large_displs, MPI_INT, out, large_counts2, large_displs2,
                                             MPI_INT, ring, &request));
        if (form == 4)
            EITHER(MPI_Neighbor_alltoallw(in, counts, bytes, types, out, counts2, bytes2, types2, ring),
                   MPI_Neighbor_alltoallw_c(in, large_counts, bytes, types, out, large_counts2, bytes2, types2, ring));
        if (form == 5)
            EITHER(MPI_Ineighbor_alltoallw(in, counts, bytes, types, out, counts2, bytes2, types2, ring, &request),
                   MPI_Ineighbor_alltoallw_c(in, large_counts, bytes, types, out, large_counts2, bytes2, types2, ring,
                                             &request));
        wait_for(&request);
        say("neighbours, form %d: ", form);
        say_ints("got", out, 10);
    }
    MPI_Comm_free(&ring);
}

/* ---- Reductions ------------------------------------------------------------------------------------------------------- */

/* Two by two matrices do not commute. */
#if LARGE
static void multiply(void *a, void *b, MPI_Count *n, MPI_Datatype *type)
#else
static void multiply(void *a, void *b, int *n, MPI_Datatype *type)
#endif
{
    int *x = a, *y = b, extent;
    MPI_Type_size(*type, &extent);
    if (extent != 16)
        say("type of size %d\n", extent);
    for (int i = 0; i < *n; i++, x += 4, y += 4) {
        int product[4] = {x[0] * y[0] + x[1] * y[2], x[0] * y[1] + x[1] * y[3], x[2] * y[0] + x[3] * y[2],
                          x[2] * y[1] + x[3] * y[3]};
        memcpy(y, product, sizeof product);
    }
}

static void reductions(void)
{
    MPI_Op op;
    MPI_Datatype matrix;
    MPI_Request request;
    int commutes;
    MPI_Type_contiguous(4, MPI_INT, &matrix);
    MPI_Type_commit(&matrix);
    EITHER(MPI_Op_create(multiply, 0, &op), MPI_Op_create_c(multiply, 0, &op));
    MPI_Op_commutative(op, &commutes);
    say("commutes: %d\n", commutes);
#define NUMBERS fill(); for (int i = 0; i < INTS; i++) in[i] = (rank + i) % 5 - 2
    NUMBERS;
    EITHER(MPI_Allreduce(in, out, 3, matrix, op, MPI_COMM_WORLD), MPI_Allreduce_c(in, out, 3, matrix, op, MPI_COMM_WORLD));
    say_ints("allreduce", out, 12);
    NUMBERS;
    EITHER(MPI_Reduce(in, out, 3, matrix, op, size - 1, MPI_COMM_WORLD),
           MPI_Reduce_c(in, out, 3, matrix, op, size - 1, MPI_COMM_WORLD));
    say_ints("reduce", out, 12);
    NUMBERS;
    EITHER(MPI_Scan(in, out, 3, matrix, op, MPI_COMM_WORLD), MPI_Scan_c(in, out, 3, matrix, op, MPI_COMM_WORLD));
    say_ints("scan", out, 12);
    NUMBERS;
    memcpy(out, in + 1, sizeof out - sizeof *out);
    EITHER(MPI_Reduce_local(in, out, 3, matrix, op), MPI_Reduce_local_c(in, out, 3, matrix, op));
    say_ints("reduce_local", out, 12);
    NUMBERS;
    for (int i = 0; i < size; i++)
        large_counts[i] = counts[i] = 1 + i % 2;
    EITHER(MPI_Reduce_scatter(in, out, counts, matrix, op, MPI_COMM_WORLD),
           MPI_Reduce_scatter_c(in, out, large_counts, matrix, op, MPI_COMM_WORLD));
    say_ints("reduce_scatter", out, 12);
    NUMBERS;
    EITHER(MPI_Ireduce_scatter(in, out, counts, matrix, op, MPI_COMM_WORLD, &request),
           MPI_Ireduce_scatter_c(in, out, large_counts, matrix, op, MPI_COMM_WORLD, &request));
    MPI_Op_free(&op); /* and the datatype, before completion */
    MPI_Type_free(&matrix);
    wait_for(&request);
    say_ints("ireduce_scatter", out, 12);
}

/* ---- Persistent forms, where the host has them -------------------------------------------------------------------------- */

static void run_twice(const char *name, int code, MPI_Request *request)
{
#if LARGE
    if (code != MPI_SUCCESS) {
        int class;
        MPI_Error_class(code, &class);
        say("%s: %s\n", name, class == MPI_ERR_UNSUPPORTED_OPERATION ? "not here" : "fails");
        return;
    }
    for (int turn = 0; turn < 2; turn++) {
        fill();
        MPI_Start(request);
        wait_for(request);
        say_ints(name, out, 5 * size);
    }
    MPI_Request_free(request);
#else
    (void)code, (void)request;
    say("%s: not here\n", name);
#endif
}

static void persistent(void)
{
    MPI_Request request;
    int code = 0;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    blocks(size);
    EITHER((void)0, code = MPI_Alltoallv_init_c(in, large_counts, large_displs, MPI_INT, out, large_counts2, large_displs2,
                                                MPI_INT, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    run_twice("alltoallv_init", code, &request);
    blocks(size), in_bytes(size);
    EITHER((void)0, code = MPI_Alltoallw_init_c(in, large_counts, large_displs, types, out, large_counts2, large_displs2,
                                                types2, MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    run_twice("alltoallw_init", code, &request);
    blocks(size);
    EITHER((void)0, code = MPI_Gatherv_init_c(in, 1 + rank % 3, MPI_INT, out, large_counts, large_displs, MPI_INT, 0,
                                              MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    run_twice("gatherv_init", code, &request);
    blocks(size);
    EITHER((void)0, code = MPI_Scatterv_init_c(in, large_counts, large_displs, MPI_INT, out, 1 + rank % 3, MPI_INT, 0,
                                               MPI_COMM_WORLD, MPI_INFO_NULL, &request));
    run_twice("scatterv_init", code, &request);
    for (int i = 0; i < size; i++)
        large_counts[i] = 1;
    EITHER((void)0, code = MPI_Reduce_scatter_init_c(in, out, large_counts, MPI_INT, MPI_SUM, MPI_COMM_WORLD,
                                                     MPI_INFO_NULL, &request));
    run_twice("reduce_scatter_init", code, &request);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

int main(void)
{
    begin();
    point_to_point();
    constructors();
    packing();
    for (int root = 0; root < size; root++)
        rooted(root);
    all();
    neighbours();
    reductions();
    persistent();
    return finish();
}
