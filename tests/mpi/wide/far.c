/* Everything that is given an address gets one above 4 GiB; of the 4.25 GiB little is touched. */
#include "../programs/say.h"
#include <stdint.h>
#include <stdlib.h>

#define GIB ((size_t)1 << 30)

static char *near, *far; /* ends of one block */
static void messages(void)
{
    int *out = (int *)far, *in = (int *)(far + 4096), to = (rank + 1) % size, from = (rank + size - 1) % size;
    MPI_Request *requests = (MPI_Request *)(far + 8192);
    MPI_Status *statuses = (MPI_Status *)(far + 12288);
    for (int i = 0; i < 100; i++)
        out[i] = rank * 1000 + i;
    MPI_Irecv(in, 100, MPI_INT, from, 5, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(out, 100, MPI_INT, to, 5, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, statuses);
    say("got %d to %d from %d, null %d\n", in[0], in[99], statuses[0].MPI_SOURCE, requests[0] == MPI_REQUEST_NULL);

    int bytes = 1000 + MPI_BSEND_OVERHEAD, given;
    void *buffer;
    MPI_Buffer_attach(far + 16384, bytes);
    MPI_Bsend(out, 100, MPI_INT, to, 6, MPI_COMM_WORLD);
    MPI_Recv(in, 100, MPI_INT, from, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Buffer_detach(&buffer, &given);
    say("buffered %d, the buffer came back %d %d\n", in[7], buffer == far + 16384, given == bytes);
}

/* One value at each end, by distance and by address. */
static void types(void)
{
    int ends[2], lengths[2] = {1, 1}, size_of;
    MPI_Datatype vector, absolute, huge;
    MPI_Aint addresses[2], lb, extent;
    MPI_Type_create_hvector(2, 1, far - near, MPI_INT, &vector);
    MPI_Type_commit(&vector);
    *(int *)near = rank;
    *(int *)far = rank + 100;
    MPI_Sendrecv(near, 1, vector, rank, 1, ends, 2, MPI_INT, rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Type_get_extent(vector, &lb, &extent);
    MPI_Type_size(vector, &size_of);
    say("vector %d %d, size %d, extent %d more than 4 GiB\n", ends[0], ends[1], size_of, (int)(extent - 4 * GIB));

    MPI_Get_address(near, &addresses[0]);
    MPI_Get_address(far, &addresses[1]);
    MPI_Type_create_hindexed(2, lengths, addresses, MPI_INT, &absolute);
    MPI_Type_commit(&absolute);
    ends[0] = rank + 7;
    ends[1] = rank + 8;
    MPI_Sendrecv(ends, 2, MPI_INT, rank, 2, MPI_BOTTOM, 1, absolute, rank, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    int integers[3];
    MPI_Aint given[2];
    MPI_Datatype of[1];
    MPI_Type_get_contents(absolute, 3, 2, 1, integers, given, of);
    say("absolute %d %d, addresses kept %d, difference %d\n", *(int *)near, *(int *)far,
        given[0] == addresses[0] && given[1] == addresses[1], MPI_Aint_diff(given[1], given[0]) == far - near);

    /* Of one element only its value counts. */
    MPI_Type_create_resized(MPI_INT, 0, 5 * GIB, &huge);
    MPI_Type_commit(&huge);
    MPI_Sendrecv(far, 1, huge, rank, 3, ends, 1, MPI_INT, rank, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    say("one of a huge extent %d\n", ends[0]);
#ifdef __wasm__ /* natively this would read what is not there */
    int class = MPI_SUCCESS, wrong = 0;
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    const struct {
        void *address;
        int count;
        MPI_Datatype type;
    } refused[] = {
        {far, 2, huge}, {far, 1, vector}, {near, 2, vector}, {(void *)~(uintptr_t)7, 4, MPI_INT},
        {(void *)(~(uintptr_t)0 << 63), 1, MPI_INT}, {(char *)near + (~(uintptr_t)0 << 40), 1, MPI_INT},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        MPI_Error_class(MPI_Send(refused[i].address, refused[i].count, refused[i].type, MPI_PROC_NULL, 0, MPI_COMM_SELF),
                        &class);
        if (class != MPI_ERR_BUFFER)
            say("case %d is not refused: %d\n", (int)i, ++wrong);
    }
#endif
    MPI_Type_free(&vector);
    MPI_Type_free(&absolute);
    MPI_Type_free(&huge);
}

static void add(void *in, void *inout, int *n, MPI_Datatype *type)
{
    for (int i = 0; i < *n; i++)
        ((long *)inout)[i] += ((long *)in)[i] + (*type != MPI_LONG);
}

static void reductions(void)
{
    long *out = (long *)far, *in = (long *)near;
    MPI_Op op;
    for (int i = 0; i < 5; i++)
        out[i] = (1l << 40) + rank + i;
    MPI_Op_create(add, 1, &op);
    MPI_Allreduce(out, in, 5, MPI_LONG, op, MPI_COMM_WORLD);
    MPI_Op_free(&op);
    say("sum %ld %ld\n", in[0], in[4]);
    struct {
        long value;
        int index;
    } mine = {(1l << 35) - rank, rank}, least;
    MPI_Allreduce(&mine, &least, 1, MPI_LONG_INT, MPI_MINLOC, MPI_COMM_WORLD);
    MPI_Aint distance = far - near, most;
    MPI_Allreduce(&distance, &most, 1, MPI_AINT, MPI_MAX, MPI_COMM_WORLD);
    say("least %ld at %d, most %d\n", least.value, least.index, most == distance);
}

static int delete_attribute(MPI_Comm comm, int key, void *value, void *state)
{
    say("deleted: %d %d %d\n", comm == MPI_COMM_SELF, value == far, state == near);
    (void)key;
    return MPI_SUCCESS;
}

static void attributes(void)
{
    int key, flag;
    void *value;
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, delete_attribute, &key, near);
    MPI_Comm_set_attr(MPI_COMM_SELF, key, far);
    MPI_Comm_get_attr(MPI_COMM_SELF, key, &value, &flag);
    say("attribute %d %d\n", value == far, flag);
    MPI_Comm_delete_attr(MPI_COMM_SELF, key);
    MPI_Comm_free_keyval(&key);
}

static void windows(void)
{
    int to = (rank + 1) % size, from = (rank + size - 1) % size, flag, value = rank + 50, *numbers = (int *)far;
    MPI_Aint *bytes, base, bases[1];
    MPI_Win win;
    void *start;
    /* From one end to the other. */
    MPI_Win_create(near, far - near + 4096, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_get_attr(win, MPI_WIN_SIZE, &bytes, &flag);
    say("window of %d more than 4 GiB\n", (int)(*bytes - 4 * GIB));
    MPI_Win_get_attr(win, MPI_WIN_BASE, &start, &flag);
    numbers[5] = 0;
    MPI_Win_fence(0, win);
    MPI_Put(&value, 1, MPI_INT, to, far - near + 5 * sizeof(int), 1, MPI_INT, win);
    MPI_Win_fence(0, win);
    say("put %d, base %d\n", numbers[5], start == near);
#ifdef __wasm__
    int class = MPI_SUCCESS;
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Aint beyond[] = {far - near + 4096, INT64_MAX, INT64_MIN, -1, (MPI_Aint)1 << 62};
    for (int i = 0; i < 5; i++) {
        MPI_Error_class(MPI_Put(&value, 1, MPI_INT, to, beyond[i], 1, MPI_INT, win), &class);
        if (class != MPI_ERR_RMA_RANGE)
            say("displacement %d is not refused: %d\n", i, class);
    }
#endif
    MPI_Win_free(&win);

    MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_attach(win, far, 4096);
    MPI_Get_address(far + 64, &base);
    MPI_Sendrecv(&base, 1, MPI_AINT, from, 4, bases, 1, MPI_AINT, to, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Win_fence(0, win);
    value += 1000;
    MPI_Put(&value, 1, MPI_INT, to, bases[0], 1, MPI_INT, win);
    MPI_Win_fence(0, win);
    say("put by address %d\n", numbers[16]);
    MPI_Win_detach(win, far);
    MPI_Win_free(&win);

    void *memory;
    MPI_Alloc_mem(3 * GIB, MPI_INFO_NULL, &memory);
    ((char *)memory)[3 * GIB - 1] = 'x';
    say("allocated %d\n", memory != NULL);
    MPI_Free_mem(memory);
}

static void files(void)
{
    MPI_File file;
    MPI_Status status;
    int count;
    memset(far, 'a' + rank, 100);
    MPI_File_open(MPI_COMM_WORLD, "far", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    MPI_File_write_at_all(file, rank * 100, far, 100, MPI_CHAR, &status);
    MPI_Get_count(&status, MPI_CHAR, &count);
    MPI_File_read_at_all(file, rank * 100, far + 200, 100, MPI_CHAR, &status);
    say("wrote %d, read %c\n", count, far[299]);
    MPI_File_close(&file);
}

int main(void)
{
    begin();
    near = malloc(4 * GIB + (256 << 20));
    if (!near)
        MPI_Abort(MPI_COMM_WORLD, 3);
    far = near + 4 * GIB + (128 << 20);
    messages();
    types();
    reductions();
    attributes();
    windows();
    files();
    free(near);
    return finish();
}
