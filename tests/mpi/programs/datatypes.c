/* Derived datatypes: every constructor, extents, MPI_BOTTOM, packing, decoding, partial receives. */
#include "say.h"
#include <stddef.h>

static char text[1 << 14];

static void say_type(const char *name, MPI_Datatype type)
{
    MPI_Aint lb, extent, true_lb, true_extent;
    MPI_Count size_x;
    int bytes;
    MPI_Type_size(type, &bytes);
    MPI_Type_size_x(type, &size_x);
    MPI_Type_get_extent(type, &lb, &extent);
    MPI_Type_get_true_extent(type, &true_lb, &true_extent);
    say("%s: size %d %d lb %ld extent %ld true %ld %ld\n", name, bytes, (int)size_x, (long)lb, (long)extent,
        (long)true_lb, (long)true_extent);
}

/* Sends one element to the right neighbour as `type` and receives 256 ints' worth of what arrives as ints. */
static void ship(const char *name, MPI_Datatype type, int count)
{
    int data[256], got[256], n, elements;
    MPI_Status status;
    for (int i = 0; i < 256; i++) {
        data[i] = rank * 1000 + i;
        got[i] = -1;
    }
    MPI_Type_commit(&type);
    say_type(name, type);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Sendrecv(data + 64, count, type, right, 1, got, 256, MPI_INT, left, 1, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &n);
    say_ints(name, got, n);
    /* and back into place */
    for (int i = 0; i < 256; i++)
        data[i] = -1;
    MPI_Sendrecv(got, n, MPI_INT, right, 2, data + 64, count, type, left, 2, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, type, &n);
    MPI_Get_elements(&status, type, &elements);
    int touched = 0, last = -1;
    for (int i = 0; i < 256; i++)
        if (data[i] != -1)
            touched++, last = i;
    say("%s: %d of type, %d elements, touched %d, last %d\n", name, n, elements, touched, last);
    MPI_Type_free(&type);
}

static const char *combiner_name(int combiner)
{
#define NAME(c) if (combiner == MPI_COMBINER_##c) return #c
    NAME(NAMED); NAME(DUP); NAME(CONTIGUOUS); NAME(VECTOR); NAME(HVECTOR); NAME(INDEXED); NAME(HINDEXED);
    NAME(INDEXED_BLOCK); NAME(HINDEXED_BLOCK); NAME(STRUCT); NAME(SUBARRAY); NAME(DARRAY); NAME(RESIZED);
    return "?";
}

static void decode(const char *name, MPI_Datatype type)
{
    int ni, na, nd, combiner, integers[64];
    MPI_Aint addresses[16];
    MPI_Datatype types[16];
    MPI_Type_get_envelope(type, &ni, &na, &nd, &combiner);
    say("%s: %s %d %d %d\n", name, combiner_name(combiner), ni, na, nd);
    if (combiner == MPI_COMBINER_NAMED)
        return;
    MPI_Type_get_contents(type, ni, na, nd, integers, addresses, types);
    if (combiner == MPI_COMBINER_SUBARRAY || combiner == MPI_COMBINER_DARRAY)
        integers[ni - 1] = integers[ni - 1] == MPI_ORDER_C ? 0 : integers[ni - 1] == MPI_ORDER_FORTRAN ? 1 : 2;
    if (combiner == MPI_COMBINER_DARRAY)
        for (int i = 0; i < integers[2]; i++) {
            int *distrib = &integers[3 + integers[2] + i];
            *distrib = *distrib == MPI_DISTRIBUTE_BLOCK ? 0 : *distrib == MPI_DISTRIBUTE_CYCLIC ? 1 : 2;
            int *darg = &integers[3 + 2 * integers[2] + i];
            *darg = *darg == MPI_DISTRIBUTE_DFLT_DARG ? -99 : *darg;
        }
    say_ints(name, integers, ni);
    for (int i = 0; i < na; i++)
        say(" %ld", (long)addresses[i]);
    for (int i = 0; i < nd; i++) {
        MPI_Type_get_envelope(types[i], &ni, &na, &ni, &combiner);
        say(" %s%s", combiner_name(combiner), types[i] == MPI_INT ? " int" : types[i] == MPI_DOUBLE ? " double" : "");
        if (combiner != MPI_COMBINER_NAMED)
            MPI_Type_free(&types[i]);
    }
    say("\n");
}

static void constructors(void)
{
    MPI_Datatype t, u;
    int lengths[3] = {2, 1, 3}, displs[3] = {0, 5, 9};
    MPI_Aint bytes[3] = {0, 16, 40};
    MPI_Datatype types[3] = {MPI_INT, MPI_INT, MPI_INT};
#define BOTH(name) decode(name, t), ship(name, t, 2)
    MPI_Type_contiguous(5, MPI_INT, &t);
    BOTH("contiguous");
    MPI_Type_vector(3, 2, 4, MPI_INT, &t);
    BOTH("vector");
    MPI_Type_vector(3, 1, -2, MPI_INT, &t);
    BOTH("negative stride");
    MPI_Type_create_hvector(2, 2, 20, MPI_INT, &t);
    BOTH("hvector");
    MPI_Type_indexed(3, lengths, displs, MPI_INT, &t);
    BOTH("indexed");
    MPI_Type_create_hindexed(3, lengths, bytes, MPI_INT, &t);
    BOTH("hindexed");
    MPI_Type_create_indexed_block(3, 2, displs, MPI_INT, &t);
    BOTH("indexed_block");
    MPI_Type_create_hindexed_block(3, 1, bytes, MPI_INT, &t);
    BOTH("hindexed_block");
    MPI_Type_create_struct(3, lengths, bytes, types, &t);
    BOTH("struct");
    MPI_Type_create_subarray(2, (int[]){4, 5}, (int[]){2, 3}, (int[]){1, 1}, MPI_ORDER_C, MPI_INT, &t);
    BOTH("subarray C");
    MPI_Type_create_subarray(2, (int[]){4, 5}, (int[]){2, 3}, (int[]){1, 1}, MPI_ORDER_FORTRAN, MPI_INT, &t);
    BOTH("subarray Fortran");
    MPI_Type_create_darray(4, 1, 2, (int[]){6, 6}, (int[]){MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC},
                           (int[]){MPI_DISTRIBUTE_DFLT_DARG, 1}, (int[]){2, 2}, MPI_ORDER_C, MPI_INT, &t);
    BOTH("darray");
    MPI_Type_vector(2, 1, 3, MPI_INT, &u);
    MPI_Type_create_resized(u, -4, 32, &t);
    decode("resized", t);
    ship("resized", t, 2);
    MPI_Type_dup(u, &t);
    BOTH("dup");
    MPI_Type_contiguous(2, u, &t);
    MPI_Type_free(&u);
    BOTH("nested");
    MPI_Type_contiguous(0, MPI_INT, &t);
    ship("empty", t, 3);
}

typedef struct particle {
    char tag;
    double position[3];
    int id;
    short flags[2];
} particle;

static void structure(void)
{
    MPI_Datatype t, particles;
    int lengths[4] = {1, 3, 1, 2};
    MPI_Aint displs[4] = {offsetof(particle, tag), offsetof(particle, position), offsetof(particle, id),
                          offsetof(particle, flags)};
    MPI_Datatype types[4] = {MPI_CHAR, MPI_DOUBLE, MPI_INT, MPI_SHORT};
    MPI_Type_create_struct(4, lengths, displs, types, &t);
    MPI_Type_create_resized(t, 0, sizeof(particle), &particles);
    MPI_Type_commit(&particles);
    particle out[4], in[4];
    memset(in, 0, sizeof in);
    for (int i = 0; i < 4; i++)
        out[i] = (particle){'a' + rank + i, {rank, i, 0.5}, 100 * rank + i, {i, -i}};
    MPI_Sendrecv(out, 4, particles, (rank + 1) % size, 0, in, 4, particles, (rank + size - 1) % size, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < 4; i++)
        say("%c %g %g %g %d %d %d\n", in[i].tag, in[i].position[0], in[i].position[1], in[i].position[2], in[i].id,
            in[i].flags[0], in[i].flags[1]);
    MPI_Type_free(&t);
    MPI_Type_free(&particles);
}

/* Absolute addresses of a local, a static and an allocated object in one message. */
static void bottom(void)
{
    static int b = -2;
    int a = -1, *c = malloc(3 * sizeof *c), lengths[3] = {1, 1, 3};
    MPI_Aint addresses[3];
    MPI_Datatype types[3] = {MPI_INT, MPI_INT, MPI_INT}, t;
    MPI_Get_address(&a, &addresses[0]);
    MPI_Get_address(&b, &addresses[1]);
    MPI_Get_address(c, &addresses[2]);
    say("distance %ld\n", (long)MPI_Aint_diff(MPI_Aint_add(addresses[2], 8), addresses[2]));
    MPI_Type_create_struct(3, lengths, addresses, types, &t);
    MPI_Type_commit(&t);
    int out[5] = {rank, rank + 1, rank + 2, rank + 3, rank + 4}, got[5];
    MPI_Sendrecv(out, 5, MPI_INT, (rank + 1) % size, 0, MPI_BOTTOM, 1, t, (rank + size - 1) % size, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    say("bottom %d %d %d %d %d\n", a, b, c[0], c[1], c[2]);
    MPI_Sendrecv(MPI_BOTTOM, 1, t, (rank + 1) % size, 0, got, 5, MPI_INT, (rank + size - 1) % size, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    say_ints("from bottom", got, 5);
    MPI_Bcast(MPI_BOTTOM, 1, t, 0, MPI_COMM_WORLD);
    say("broadcast %d %d %d\n", a, b, c[2]);
    MPI_Type_free(&t);
    free(c);
}

static void packing(void)
{
    int position = 0, n = 3, got_n, numbers[3] = {rank, rank * 2, rank * 3}, bytes;
    double x = rank + 0.25, y;
    long l = -rank, got_l;
    MPI_Datatype t;
    MPI_Type_vector(2, 1, 2, MPI_INT, &t);
    MPI_Type_commit(&t);
    MPI_Pack_size(1, t, MPI_COMM_WORLD, &bytes);
    say("pack size %d\n", bytes);
    MPI_Pack(&n, 1, MPI_INT, text, sizeof text, &position, MPI_COMM_WORLD);
    MPI_Pack(numbers, 1, t, text, sizeof text, &position, MPI_COMM_WORLD);
    MPI_Pack(&x, 1, MPI_DOUBLE, text, sizeof text, &position, MPI_COMM_WORLD);
    MPI_Pack(&l, 1, MPI_LONG, text, sizeof text, &position, MPI_COMM_WORLD);
    static char in[1 << 14];
    MPI_Sendrecv(text, position, MPI_PACKED, (rank + 1) % size, 0, in, sizeof in, MPI_PACKED,
                 (rank + size - 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    position = 0;
    int back[3] = {-1, -1, -1};
    MPI_Unpack(in, sizeof in, &position, &got_n, 1, MPI_INT, MPI_COMM_WORLD);
    MPI_Unpack(in, sizeof in, &position, back, 1, t, MPI_COMM_WORLD);
    MPI_Unpack(in, sizeof in, &position, &y, 1, MPI_DOUBLE, MPI_COMM_WORLD);
    MPI_Unpack(in, sizeof in, &position, &got_l, 1, MPI_LONG, MPI_COMM_WORLD);
    say("unpacked %d %g %ld\n", got_n, y, got_l);
    say_ints("unpacked", back, 3);
    MPI_Aint at = 0, external;
    MPI_Pack_external_size("external32", 3, MPI_INT, &external);
    MPI_Pack_external("external32", numbers, 3, MPI_INT, text, sizeof text, &at);
    say("external %ld %ld: %d %d\n", (long)external, (long)at, text[7], text[11]);
    at = 0;
    back[0] = back[1] = back[2] = -1;
    MPI_Unpack_external("external32", text, sizeof text, &at, back, 3, MPI_INT);
    say_ints("external", back, 3);
    MPI_Type_free(&t);
}

static void names(void)
{
    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Datatype t;
    MPI_Type_get_name(MPI_DOUBLE, name, &length);
    say("%s %d\n", name, length);
    MPI_Type_contiguous(2, MPI_INT, &t);
    MPI_Type_set_name(t, "pair");
    MPI_Type_get_name(t, name, &length);
    say("%s %d\n", name, length);
    MPI_Type_free(&t);
    say("null %d\n", t == MPI_DATATYPE_NULL);
    MPI_Type_match_size(MPI_TYPECLASS_INTEGER, 4, &t);
    MPI_Type_size(t, &length);
    say("matched %d\n", length);
}

/* A message that ends within an element. */
static void partial(void)
{
    MPI_Datatype t;
    MPI_Status status;
    int out[5] = {1, 2, 3, 4, 5}, in[8], count, elements;
    MPI_Type_contiguous(2, MPI_INT, &t);
    MPI_Type_commit(&t);
    MPI_Sendrecv(out, 5, MPI_INT, rank, 0, in, 4, t, rank, 0, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, t, &count);
    MPI_Get_elements(&status, t, &elements);
    say("partial: %d %d\n", count == MPI_UNDEFINED ? -1 : count, elements);
    MPI_Status_set_elements(&status, t, 3);
    MPI_Get_elements(&status, t, &elements);
    MPI_Get_count(&status, t, &count);
    say("set: %d %d\n", count == MPI_UNDEFINED ? -1 : count, elements);
    MPI_Type_free(&t);
}

/* The guest aligns a long double to 16 bytes, whatever the host does with its own. */
static void long_double_structs(void)
{
    struct value {
        long double a;
        int b;
    } values[3] = {{1, 2}, {3, 4}, {5, 6}}, got[3];
    int integers[4], ni, na, nd, combiner;
    MPI_Aint addresses[2], lb, extent;
    MPI_Datatype type, inner[2], nested;
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 16}, (MPI_Datatype[]){MPI_LONG_DOUBLE, MPI_INT}, &type);
    MPI_Type_get_extent(type, &lb, &extent);
    say("struct with a long double: %d %d\n", (int)lb, extent == (MPI_Aint)sizeof values[0]);
    MPI_Type_get_envelope(type, &ni, &na, &nd, &combiner);
    say("%d %d %d %d\n", ni, na, nd, combiner == MPI_COMBINER_STRUCT);
    MPI_Type_get_contents(type, 3, 2, 2, integers, addresses, inner);
    say("%d %d %d, %d %d, %d %d\n", integers[0], integers[1], integers[2], (int)addresses[0], (int)addresses[1],
        inner[0] == MPI_LONG_DOUBLE, inner[1] == MPI_INT);
    MPI_Type_commit(&type);
    memset(got, 0, sizeof got);
    MPI_Sendrecv(values, 3, type, rank, 3, got, 3, type, rank, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    say("%g %d %g %d\n", (double)got[1].a, got[1].b, (double)got[2].a, got[2].b);
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, sizeof(struct value)}, (MPI_Datatype[]){type, MPI_CHAR}, &nested);
    MPI_Type_get_extent(nested, &lb, &extent);
    say("nested: %d\n", (int)extent);
    MPI_Type_free(&nested);
    MPI_Type_free(&type);
}

/* MPI_LB and MPI_UB, which MPI 3.0 removed: guests have them on every host, native programs on MPICH only. Elsewhere the
 * bounds that MPI 2.2 (4.1.6) prescribes are said. */
#if defined(__wasm__) || defined(MPICH_VERSION)
static int has_marks = 1;
#else
static int has_marks = 0;
#define MPI_LB MPI_DATATYPE_NULL
#define MPI_UB MPI_DATATYPE_NULL
#endif

static void say_bounds(const char *name, MPI_Datatype type, int lower, int wanted)
{
    MPI_Aint lb = lower, extent = wanted;
    if (has_marks)
        MPI_Type_get_extent(type, &lb, &extent);
    say("%s: %d %d%s\n", name, (int)lb, (int)extent, lb == lower && extent == wanted ? "" : " is wrong");
}

static MPI_Datatype marked(int n, const MPI_Datatype *types, const MPI_Aint *displs)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;
    int ones[4] = {1, 1, 1, 1};
    if (has_marks)
        MPI_Type_create_struct(n, ones, displs, types, &type);
    return type;
}
#define TYPES(...) ((MPI_Datatype[]){__VA_ARGS__})
#define DISPLS(...) ((MPI_Aint[]){__VA_ARGS__})

static void marks(void)
{
    MPI_Datatype upper = marked(2, TYPES(MPI_INT, MPI_UB), DISPLS(0, 12)), lower = marked(2, TYPES(MPI_LB, MPI_INT), DISPLS(-4, 0));
    MPI_Datatype both = marked(4, TYPES(MPI_LB, MPI_INT, MPI_UB, MPI_INT), DISPLS(-4, 0, 16, 4)), type = MPI_DATATYPE_NULL;
    int out[12], in[12], integers[5] = {4, 1, 1, 1, 1}, ni = 5, na = 4, nd = 4, combiner = MPI_COMBINER_STRUCT;
    MPI_Aint addresses[4] = {-4, 0, 16, 4};
    MPI_Datatype inner[4] = {MPI_LB, MPI_INT, MPI_UB, MPI_INT};
    say_bounds("upper", upper, 0, 12);
    say_bounds("lower", lower, -4, 8);
    say_bounds("both", both, -4, 20);
    /* What was not set is no bound in a struct with other data. */
    say_bounds("upper, below it", type = marked(2, TYPES(upper, MPI_INT), DISPLS(0, -8)), -8, 20);
    if (has_marks)
        MPI_Type_free(&type);
    say_bounds("lower, above it", type = marked(2, TYPES(lower, MPI_INT), DISPLS(0, 16)), -4, 24);
    if (has_marks)
        MPI_Type_free(&type);
#ifdef __wasm__ /* MPICH takes the last one's */
    type = marked(3, TYPES(upper, MPI_UB, MPI_UB), DISPLS(0, 40, 24));
    say_bounds("two marks", type, 0, 40);
    MPI_Type_free(&type);
#else
    say("two marks: 0 40\n");
#endif
    if (has_marks)
        MPI_Type_contiguous(3, both, &type);
    say_bounds("contiguous", type, -4, 60);
    if (has_marks) {
        MPI_Type_free(&type);
        MPI_Type_get_envelope(both, &ni, &na, &nd, &combiner);
        MPI_Type_get_contents(both, 5, 4, 4, integers, addresses, inner);
    }
    say("envelope %d %d %d %d, contents %d %d %d\n", ni, na, nd, combiner == MPI_COMBINER_STRUCT, inner[0] == MPI_LB,
        inner[1] == MPI_INT, inner[2] == MPI_UB);
    say_ints("integers", integers, 5);
    say("addresses %d %d %d %d\n", (int)addresses[0], (int)addresses[1], (int)addresses[2], (int)addresses[3]);
    for (int i = 0; i < 12; i++)
        out[i] = 100 * rank + i, in[i] = -1;
    if (!has_marks)
        MPI_Type_create_resized(MPI_INT, 0, 12, &upper);
    MPI_Type_commit(&upper);
    MPI_Sendrecv(out, 4, upper, rank, 4, in, 4, MPI_INT, rank, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    say_ints("every third", in, 5);
    MPI_Type_free(&upper);
    if (has_marks) {
        MPI_Type_free(&lower);
        MPI_Type_free(&both);
    }
}

int main(void)
{
    begin();
    marks();
    long_double_structs();
    constructors();
    structure();
    bottom();
    packing();
    names();
    partial();
    return finish();
}
