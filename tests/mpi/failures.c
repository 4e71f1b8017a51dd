/* Ways for a job to end badly, and callbacks that misbehave; argv[1] chooses. Guest only: much of it would
 * crash a native program. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tools(void); /* failures_tools.c */
void tools_end(void);
int sessions(const char *what); /* failures_sessions.c */

static int rank, size;
static MPI_Op the_op;
static int counts[64];
static MPI_Request pending;

/* The other ranks wait for a message that never comes: only the end of the job ends them. */
static void others_wait(void)
{
    int x;
    if (rank != size - 1)
        MPI_Recv(&x, 1, MPI_INT, MPI_ANY_SOURCE, 12345, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void out_of_bounds(void)
{
    volatile int *p = (volatile int *)0xfff00000u;
    *p = 1;
}

static void op_trap(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)len, (void)type;
    out_of_bounds();
}

static void op_exit(void *in, void *inout, int *len, MPI_Datatype *type)
{
    (void)in, (void)inout, (void)len, (void)type;
    exit(21);
}

/* Frees itself, changes the arrays and the length that the call in progress was given, and calls MPI. */
static void op_hostile(void *in, void *inout, int *len, MPI_Datatype *type)
{
    int x = 1, y = 2;
    for (int i = 0; i < *len; i++)
        ((int *)inout)[i] += ((int *)in)[i];
    *len = 0x7fffffff;
    *type = (MPI_Datatype)0x12345678;
    for (int i = 0; i < 64; i++)
        counts[i] = 0x7fffffff;
    MPI_Reduce_local(&x, &y, 1, MPI_INT, MPI_SUM);
    MPI_Op op = the_op;
    the_op = MPI_OP_NULL;
    if (op != MPI_OP_NULL)
        MPI_Op_free(&op);
}

/* The host moves a guest's long double but cannot compute with it, also where a datatype contains it. */
static void long_doubles(void)
{
    long double memory[4] = {1, 2, 3, 4}, values[4] = {10, 20, 30, 40}, sum[4] = {0};
    int refused = 0;
    MPI_Datatype pair, nested, structure;
    MPI_Win win;
    MPI_Type_contiguous(2, MPI_LONG_DOUBLE, &pair);
    MPI_Type_vector(1, 1, 1, pair, &nested);
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 32}, (MPI_Datatype[]){MPI_DOUBLE, nested}, &structure);
    MPI_Type_commit(&nested);
    MPI_Type_commit(&structure);
    MPI_Win_create(memory, sizeof memory, sizeof memory[0], MPI_INFO_NULL, MPI_COMM_SELF, &win);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Win_fence(0, win);
    refused += MPI_Accumulate(values, 1, nested, 0, 0, 1, nested, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, structure, 0, 0, 1, structure, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, MPI_LONG_DOUBLE, 0, 0, 1, MPI_LONG_DOUBLE, MPI_SUM, win) != MPI_SUCCESS;
    MPI_Accumulate(values, 1, nested, 0, 2, 1, nested, MPI_REPLACE, win);
    MPI_Win_fence(0, win);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    refused += MPI_Allreduce(values, sum, 1, nested, MPI_SUM, MPI_COMM_SELF) != MPI_SUCCESS;
    MPI_Allreduce(values, sum, 2, MPI_LONG_DOUBLE, MPI_SUM, MPI_COMM_SELF);
    printf("refused %d: %g %g %g %g, %g %g\n", refused, (double)memory[0], (double)memory[1], (double)memory[2],
           (double)memory[3], (double)sum[0], (double)sum[1]);
    MPI_Win_free(&win);
}

/* Accumulates of elements of several types, also where only one side has them or the host returned the type: MPICH 4.0 ends
 * the process. And pairs with a long double, which hosts do not know as predefined. */
static void accumulates_mixed(void)
{
    typedef struct {
        long double value;
        int index;
    } pair;
    static pair memory[4], values[4] = {{1, 2}, {3, 4}}, result[4];
    int target = (rank + 1) % size, refused = 0, ok = 0, integers[5];
    MPI_Aint addresses[4];
    MPI_Datatype mixed, resized, even, decoded, parts[2] = {MPI_DOUBLE, MPI_INT};
    MPI_Win win;
    MPI_Type_create_struct(2, (int[]){1, 3}, (MPI_Aint[]){0, 8}, parts, &mixed);
    MPI_Type_create_resized(mixed, 0, 32, &resized);
    MPI_Type_contiguous(5, MPI_INT, &even);
    MPI_Type_commit(&resized);
    MPI_Type_commit(&even);
    MPI_Type_get_contents(resized, 0, 2, 1, integers, addresses, &decoded);
    MPI_Type_commit(&decoded);
    MPI_Win_create(memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Win_fence(0, win);
    refused += MPI_Accumulate(values, 1, resized, target, 0, 1, resized, MPI_REPLACE, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, decoded, target, 0, 1, decoded, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, resized, target, 0, 1, even, MPI_REPLACE, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, even, target, 0, 1, mixed, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Get_accumulate(values, 1, resized, result, 1, resized, target, 0, 1, resized, MPI_SUM, win) != MPI_SUCCESS;
    MPI_Win_fence(0, win);
    ok += MPI_Accumulate(values, 1, MPI_LONG_DOUBLE_INT, target, 0, 1, MPI_LONG_DOUBLE_INT, MPI_REPLACE, win) == MPI_SUCCESS;
    MPI_Win_fence(0, win);
    ok += MPI_Fetch_and_op(&values[1], result, MPI_LONG_DOUBLE_INT, target, 0, MPI_REPLACE, win) == MPI_SUCCESS;
    MPI_Win_fence(0, win);
    ok += MPI_Fetch_and_op(NULL, result + 1, MPI_LONG_DOUBLE_INT, target, 0, MPI_NO_OP, win) == MPI_SUCCESS;
    MPI_Win_fence(0, win);
    printf("refused %d, done %d: %g %d, %g %d\n", refused, ok, (double)result[0].value, result[0].index,
           (double)result[1].value, result[1].index);
    fflush(stdout);
    MPI_Win_free(&win);
}

/* Datatypes with which MPICH 4.0 crashes or aborts: by hand, and in a view of a file. */
static void external(void)
{
    char packed[256], values[256] = {0};
    MPI_Aint at, room;
    MPI_Datatype types[] = {MPI_DOUBLE_INT, MPI_2INT, MPI_WCHAR, MPI_DATATYPE_NULL, MPI_DATATYPE_NULL};
    MPI_File fh;
    int same = 1;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, 8}, (MPI_Datatype[]){MPI_DOUBLE, MPI_CHAR}, &types[3]);
    MPI_Type_contiguous(2, types[3], &types[4]);
    for (int i = 3; i < 5; i++)
        MPI_Type_commit(&types[i]);
    for (int i = 0; i < 5; i++) { /* where one works, all do */
        int sized = MPI_Pack_external_size("external32", 2, types[i], &room) == MPI_SUCCESS;
        at = 0;
        same &= sized == (MPI_Pack_external("external32", values, 2, types[i], packed, sizeof packed, &at) == MPI_SUCCESS);
        at = 0;
        same &= sized == (MPI_Unpack_external("external32", packed, sizeof packed, &at, values, 2, types[i]) == MPI_SUCCESS);
    }
    MPI_File_open(MPI_COMM_WORLD, "/data/made", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &fh);
    for (int i = 3; i < 5; i++)
        if (MPI_File_set_view(fh, 0, types[i], types[i], "external32", MPI_INFO_NULL) == MPI_SUCCESS)
            MPI_File_write(fh, values, 1, types[i], MPI_STATUS_IGNORE);
    if (MPI_File_set_view(fh, 0, MPI_BYTE, MPI_BYTE, "external32", MPI_INFO_NULL) == MPI_SUCCESS)
        MPI_File_write(fh, values, 1, types[3], MPI_STATUS_IGNORE);
    MPI_File_close(&fh);
    printf("alike %d\n", same);
}

/* What hosts refuse or not, as they like: access to a sequential file other than by the shared pointer. */
static void files_sequential(void)
{
    int value = 7, refused = 0;
    MPI_File fh;
    MPI_Request request;
    MPI_File_open(MPI_COMM_WORLD, "/data/file", MPI_MODE_RDONLY | MPI_MODE_SEQUENTIAL, MPI_INFO_NULL, &fh);
    refused += MPI_File_read_at(fh, 0, &value, 1, MPI_CHAR, MPI_STATUS_IGNORE) != MPI_SUCCESS;
    refused += MPI_File_read(fh, &value, 1, MPI_CHAR, MPI_STATUS_IGNORE) != MPI_SUCCESS;
    refused += MPI_File_read_all(fh, &value, 1, MPI_CHAR, MPI_STATUS_IGNORE) != MPI_SUCCESS;
    refused += MPI_File_iread_at(fh, 0, &value, 1, MPI_CHAR, &request) != MPI_SUCCESS;
    refused += MPI_File_read_all_begin(fh, &value, 1, MPI_CHAR) != MPI_SUCCESS;
    refused += MPI_File_seek(fh, 1, MPI_SEEK_SET) != MPI_SUCCESS;
    refused += MPI_File_seek_shared(fh, 1, MPI_SEEK_SET) != MPI_SUCCESS;
    refused += MPI_File_set_view(fh, 1, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL) != MPI_SUCCESS;
    int shared = MPI_File_read_shared(fh, &value, 1, MPI_CHAR, MPI_STATUS_IGNORE);
    MPI_File_close(&fh);
    MPI_File_open(MPI_COMM_WORLD, "/data/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh);
    refused += MPI_File_set_view(fh, MPI_DISPLACEMENT_CURRENT, MPI_BYTE, MPI_BYTE, "native", MPI_INFO_NULL) != MPI_SUCCESS;
    MPI_File_close(&fh);
    printf("refused %d, shared %d, value %d\n", refused, shared, value == 'd' || value == 'a');
}

/* Partitions that do not exist or are ready, requests that are not active or of another kind: all refused, and what
 * is right still arrives. -1 on a host without partitioned communication. */
static int partitions_refused(void)
{
    int in[4] = {1, 2, 3, 4}, out[4] = {0}, list[4] = {0, 3, 0, 1}, refused = 0, flag;
    MPI_Request send, receive, plain, copy, big;
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (MPI_Psend_init(in, 4, 1, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &send) == MPI_ERR_UNSUPPORTED_OPERATION)
        return -1;
    MPI_Precv_init(out, 2, 2, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &receive);
    MPI_Recv_init(out, 0, MPI_INT, 0, 6, MPI_COMM_SELF, &plain);
#define REFUSED(call) refused += (call) != MPI_SUCCESS
    REFUSED(MPI_Psend_init(in, 0, 1, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &big));
    REFUSED(MPI_Psend_init(in, 0x7fffffff, 0, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &big));
    REFUSED(MPI_Psend_init(in, 1 << 16, (MPI_Count)1 << 16, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &big));
    REFUSED(MPI_Precv_init(out, 1, (MPI_Count)1 << 32, MPI_INT, 0, 5, MPI_COMM_SELF, MPI_INFO_NULL, &big));
    REFUSED(MPI_Precv_init(out, 1, 1, MPI_INT, MPI_ANY_SOURCE, 5, MPI_COMM_SELF, MPI_INFO_NULL, &big));
    REFUSED(MPI_Pready(0, send)); /* not active */
    MPI_Start(&send);
    REFUSED(MPI_Pready(0, receive));
    REFUSED(MPI_Pready(0, plain));
    REFUSED(MPI_Pready(4, send));
    REFUSED(MPI_Pready(-1, send));
    REFUSED(MPI_Pready(0x7fffffff, send));
    REFUSED(MPI_Pready_range(0, 4, send));
    REFUSED(MPI_Pready_range(2, 1, send));
    REFUSED(MPI_Pready_list(4, list, send)); /* one twice: none of them is taken */
    REFUSED(MPI_Pready_list(-1, list, send));
    MPI_Pready(2, send);
    for (int i = 0; i < 9; i++)
        REFUSED(MPI_Pready(2, send));
    REFUSED(MPI_Pready_range(0, 3, send)); /* 2 is ready; 0 and 1 are not taken */
    REFUSED(MPI_Parrived(send, 0, &flag));
    MPI_Start(&receive);
    REFUSED(MPI_Parrived(receive, 2, &flag));
    REFUSED(MPI_Parrived(receive, -1, &flag));
    copy = send;
    REFUSED(MPI_Request_free(&copy)); /* active */
    REFUSED(MPI_Cancel(&copy));
    list[2] = 1;
    MPI_Pready_list(3, list, send);
    MPI_Wait(&send, MPI_STATUS_IGNORE);
    MPI_Wait(&receive, MPI_STATUS_IGNORE);
    REFUSED(MPI_Pready(0, send));
    /* The sender's request goes, then the receiver starts. */
    MPI_Request_free(&send);
    MPI_Start(&receive);
    for (int i = 0; i < 100; i++)
        MPI_Test(&receive, &flag, MPI_STATUS_IGNORE);
    for (int i = 0; i < 4; i++)
        refused += out[i] != in[i] ? 1000 : 0;
    return refused;
}

/* Names that lead out of the directories /data (where `link` and `up` are symbolic links out of it) and /ro, or ask for
 * more than was granted; then what is allowed. */
static void files_escape(void)
{
    static const struct {
        const char *name;
        int amode;
    } refused[] = {
        {"/etc/passwd", MPI_MODE_RDONLY},
        {"../secret", MPI_MODE_RDONLY},
        {"/data/../secret", MPI_MODE_RDONLY},
        {"/data/./../secret", MPI_MODE_RDWR},
        {"/data/link", MPI_MODE_RDONLY},
        {"/data/link", MPI_MODE_RDWR},
        {"/data/up/secret", MPI_MODE_RDONLY},
        {"/data/up/made", MPI_MODE_CREATE | MPI_MODE_WRONLY},
        {"/data/dangling", MPI_MODE_CREATE | MPI_MODE_WRONLY},
        {"/data", MPI_MODE_RDWR},
        {"/proc/self/mem", MPI_MODE_RDWR},
        {"ufs:/etc/passwd", MPI_MODE_RDONLY},
        {"/ro/file", MPI_MODE_RDWR},
        {"/ro/file", MPI_MODE_WRONLY | MPI_MODE_DELETE_ON_CLOSE},
        {"/ro/made", MPI_MODE_CREATE | MPI_MODE_WRONLY},
        {"", MPI_MODE_RDONLY},
    };
    int opened = 0;
    MPI_File fh;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (MPI_File_open(MPI_COMM_WORLD, refused[i].name, refused[i].amode, MPI_INFO_NULL, &fh) == MPI_SUCCESS)
            printf("opened %s (0x%x)\n", refused[i].name, refused[i].amode);
        else
            opened += fh != MPI_FILE_NULL;
    int deleted = (MPI_File_delete("/ro/file", MPI_INFO_NULL) == MPI_SUCCESS) +
                  (MPI_File_delete("/data/../secret", MPI_INFO_NULL) == MPI_SUCCESS) +
                  (MPI_File_delete("/data/up/secret", MPI_INFO_NULL) == MPI_SUCCESS);
    int allowed = MPI_File_open(MPI_COMM_WORLD, "/ro/file", MPI_MODE_RDONLY, MPI_INFO_NULL, &fh) == MPI_SUCCESS;
    char text[4] = "";
    allowed += MPI_File_read(fh, text, 3, MPI_CHAR, MPI_STATUS_IGNORE) == MPI_SUCCESS && !strcmp(text, "ro\n");
    MPI_File_close(&fh);
    allowed += MPI_File_open(MPI_COMM_WORLD, "/data/made", MPI_MODE_CREATE | MPI_MODE_WRONLY, MPI_INFO_NULL, &fh) ==
               MPI_SUCCESS;
    MPI_File_close(&fh);
    printf("opened %d, deleted %d, allowed %d\n", opened, deleted, allowed);
}

/* Operations on the last rank's small window, each past an end of it in another way. */
static void windows_end(void)
{
    int part[4] = {1, 2, 3, 4}, values[4] = {9, 9, 9, 9}, refused = 0, old;
    MPI_Datatype backward, wide;
    MPI_Win win;
    MPI_Type_create_hindexed(1, (int[]){1}, (MPI_Aint[]){-4}, MPI_INT, &backward);
    MPI_Type_commit(&backward);
    MPI_Type_vector(2, 1, 1 << 28, MPI_INT, &wide);
    MPI_Type_commit(&wide);
    MPI_Win_create(part, rank == size - 1 ? 8 : 16, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Win_fence(0, win);
    int target = size - 1;
    refused += MPI_Put(values, 1, MPI_INT, target, 2, 1, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Put(values, 3, MPI_INT, target, 0, 3, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Put(values, 1, MPI_INT, target, -1, 1, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Put(values, 1, MPI_INT, target, 0x7fffffff, 1, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Put(values, 1, MPI_INT, target, (MPI_Aint)0x80000000, 1, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Put(values, 1, MPI_INT, target, 0, 1, backward, win) != MPI_SUCCESS;
    refused += MPI_Get(values, 2, MPI_INT, target, 0, 1, wide, win) != MPI_SUCCESS;
    refused += MPI_Get(values, 1, MPI_INT, target, 2, 1, MPI_INT, win) != MPI_SUCCESS;
    refused += MPI_Accumulate(values, 1, MPI_INT, target, 2, 1, MPI_INT, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Fetch_and_op(values, &old, MPI_INT, target, 2, MPI_SUM, win) != MPI_SUCCESS;
    refused += MPI_Compare_and_swap(values, values, &old, MPI_INT, target, 2, win) != MPI_SUCCESS;
    /* More data at the target than at the origin. */
    refused += MPI_Accumulate(values, 1, MPI_INT, target, 0, 2, MPI_INT, MPI_SUM, win) != MPI_SUCCESS;
    MPI_Op op;
    MPI_Op_create(op_hostile, 1, &op);
    refused += MPI_Accumulate(values, 1, MPI_INT, target, 0, 1, MPI_INT, op, win) != MPI_SUCCESS;
    MPI_Op_free(&op);
    MPI_Win_fence(0, win);
    refused += MPI_Win_attach(win, part, 4) != MPI_SUCCESS;
    MPI_Win_free(&win);
    printf("refused %d, memory %d %d %d %d\n", refused, part[0], part[1], part[2], part[3]);
}

static void handler_frees(MPI_Comm *comm, int *code, ...)
{
    (void)code;
    MPI_Comm_free(comm);
}

static int delete_frees(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)value, (void)extra;
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    printf("inner changes refused: %d\n", MPI_Comm_delete_attr(comm, key) != MPI_SUCCESS &&
                                              MPI_Comm_set_attr(comm, key, &comm) != MPI_SUCCESS &&
                                              MPI_Comm_free(&comm) != MPI_SUCCESS);
    return MPI_SUCCESS;
}

static int query_waits(void *extra, MPI_Status *status)
{
    (void)extra, (void)status;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    printf("inner wait refused: %d\n", MPI_Wait(&pending, MPI_STATUS_IGNORE) != MPI_SUCCESS);
    printf("inner free refused: %d\n", MPI_Request_free(&pending) != MPI_SUCCESS);
    return MPI_SUCCESS;
}

static int nothing(void *extra)
{
    (void)extra;
    return MPI_SUCCESS;
}

static int cancel_nothing(void *extra, int complete)
{
    (void)extra, (void)complete;
    return MPI_SUCCESS;
}

static void run(const char *what)
{
    int x = rank, y = 0, last = rank == size - 1;
    MPI_Comm comm;
    if (!strcmp(what, "abort")) {
        if (last)
            MPI_Abort(MPI_COMM_WORLD, 7);
        others_wait();
    } else if (!strcmp(what, "trap")) {
        if (last)
            out_of_bounds();
        others_wait();
    } else if (!strcmp(what, "unreachable")) {
        if (last)
            __builtin_trap();
        others_wait();
    } else if (!strcmp(what, "exit")) {
        if (last)
            exit(9);
        others_wait();
    } else if (!strcmp(what, "code")) {
        printf("done\n"); /* and main returns 5 */
    } else if (!strcmp(what, "no-finalize")) {
        printf("done\n");
        exit(0);
    } else if (!strcmp(what, "bad-buffer")) {
        if (last)
            MPI_Send((void *)0xf0000000u, 1, MPI_DOUBLE, 0, 0, MPI_COMM_WORLD);
        others_wait();
    } else if (!strcmp(what, "bad-handle")) {
        MPI_Comm_rank((MPI_Comm)(long)(0x10001000 + size), &x);
    } else if (!strcmp(what, "host-error")) { /* found by the host MPI, not by us */
        MPI_Cart_create(MPI_COMM_WORLD, 1, (int[]){size + 1}, (int[]){0}, 0, &comm);
    } else if (!strcmp(what, "after-finalize")) {
        MPI_Finalize();
        MPI_Comm_size(MPI_COMM_WORLD, &x);
    } else if (!strcmp(what, "op-trap")) {
        MPI_Op_create(op_trap, 1, &the_op);
        MPI_Allreduce(&x, &y, 1, MPI_INT, the_op, MPI_COMM_WORLD);
    } else if (!strcmp(what, "op-exit")) {
        MPI_Op_create(op_exit, 1, &the_op);
        MPI_Allreduce(&x, &y, 1, MPI_INT, the_op, MPI_COMM_WORLD);
    } else if (!strcmp(what, "op-hostile")) {
        int in[64], out[64] = {0};
        for (int i = 0; i < 64; i++)
            in[i] = i, counts[i] = 1;
        MPI_Op_create(op_hostile, 1, &the_op);
        MPI_Reduce_scatter(in, out, counts, MPI_INT, the_op, MPI_COMM_WORLD);
        printf("reduced: %d\n", out[0] == rank * size);
    } else if (!strcmp(what, "op-type")) { /* a function of another type */
        MPI_Op_create((MPI_User_function *)(void *)others_wait, 1, &the_op);
    } else if (!strcmp(what, "op-count")) { /* more elements than the function's int can say */
        MPI_Datatype empty;
        MPI_Type_contiguous(0, MPI_INT, &empty);
        MPI_Type_commit(&empty);
        MPI_Op_create(op_hostile, 1, &the_op);
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        int first = MPI_Allreduce_c(&x, &x, (MPI_Count)1 << 33, empty, the_op, MPI_COMM_WORLD);
        int second = MPI_Reduce_scatter_block(&x, &x, 0x7fffffff, empty, the_op, MPI_COMM_WORLD);
        printf("refused: %d %d\n", first == MPI_ERR_COUNT, second == MPI_ERR_COUNT);
    } else if (!strcmp(what, "partitions")) {
        int refused = partitions_refused();
        printf("refused: %s\n", refused == -1 || refused == 31 ? "all" : "some");
        if (refused != -1)
            printf("%d\n", refused);
    } else if (!strcmp(what, "handler-frees")) {
        MPI_Errhandler eh;
        MPI_Comm_create_errhandler(handler_frees, &eh);
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        MPI_Comm_set_errhandler(comm, eh);
        printf("refused: %d\n", MPI_Send(&x, 1, MPI_INT, -5, 0, comm) != MPI_SUCCESS);
    } else if (!strcmp(what, "delete-frees")) {
        int key;
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, delete_frees, &key, NULL);
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
        MPI_Comm_set_attr(comm, key, &x);
        MPI_Comm_free_keyval(&key);
        MPI_Comm_free(&comm);
        printf("freed\n");
    } else if (!strcmp(what, "file-escape")) {
        files_escape();
    } else if (!strcmp(what, "file-sequential")) {
        files_sequential();
    } else if (!strcmp(what, "accumulate-mixed")) {
        accumulates_mixed();
    } else if (!strcmp(what, "long-double")) {
        long_doubles();
    } else if (!strcmp(what, "external32")) {
        external();
    } else if (!strcmp(what, "window-end")) {
        windows_end();
    } else if (!strcmp(what, "window-beyond")) {
        char part[8] = {0};
        MPI_Win win;
        MPI_Win_create(part, sizeof part, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
        MPI_Win_fence(0, win);
        if (rank == 1)
            MPI_Put(part, 8, MPI_CHAR, 0, 1, 8, MPI_CHAR, win);
        MPI_Win_fence(0, win);
    } else if (!strcmp(what, "query-waits")) {
        MPI_Grequest_start(query_waits, nothing, cancel_nothing, NULL, &pending);
        MPI_Grequest_complete(pending);
        MPI_Wait(&pending, MPI_STATUS_IGNORE);
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        printf("complete again refused: %d\n", MPI_Grequest_complete(pending) != MPI_SUCCESS);
    } else if (!strcmp(what, "tools")) {
        tools();
    } else {
        fprintf(stderr, "unknown case %s\n", what);
        exit(99);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 98;
    if (!strncmp(argv[1], "session-", 8))
        return sessions(argv[1]);
    if (!strcmp(argv[1], "before-init"))
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    setvbuf(stdout, NULL, _IOLBF, 0);
    run(argv[1]);
    MPI_Finalize();
    if (!strcmp(argv[1], "tools"))
        tools_end();
    return !strcmp(argv[1], "code") ? 5 : 0;
}
