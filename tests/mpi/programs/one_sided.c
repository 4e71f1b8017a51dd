/* One-sided communication: all flavours of windows, all kinds of synchronization, all operations. */
#include "say.h"

enum { N = 8 };

static int next(void)
{
    return (rank + 1) % size;
}

static void fence(void)
{
    int memory[N], got[N], values[N];
    MPI_Win win;
    for (int i = 0; i < N; i++) {
        memory[i] = 100 * rank + i;
        values[i] = 1000 * rank + i;
        got[i] = -1;
    }
    MPI_Win_create(memory, sizeof memory, sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_fence(MPI_MODE_NOPRECEDE, win);
    MPI_Put(values, 3, MPI_INT, next(), 1, 3, MPI_INT, win);
    MPI_Get(got, 2, MPI_INT, next(), 5, 2, MPI_INT, win);
    MPI_Put(NULL, 0, MPI_INT, next(), 0, 0, MPI_INT, win);
    MPI_Put(values, 3, MPI_INT, MPI_PROC_NULL, 77777, 3, MPI_INT, win);
    MPI_Win_fence(MPI_MODE_NOSTORE | MPI_MODE_NOSUCCEED, win);
    say_ints("put", memory, N);
    say_ints("got", got, N);

    /* Every second element of the target, from a contiguous origin. */
    MPI_Datatype vector;
    MPI_Type_vector(3, 1, 2, MPI_INT, &vector);
    MPI_Type_commit(&vector);
    MPI_Win_fence(0, win);
    MPI_Put(values, 3, MPI_INT, next(), 3, 1, vector, win);
    MPI_Win_fence(0, win);
    say_ints("vector put", memory, N);
    MPI_Barrier(MPI_COMM_WORLD); /* what follows writes what others look at */
    MPI_Accumulate(values, 3, MPI_INT, 0, 0, 1, vector, MPI_SUM, win);
    MPI_Win_fence(0, win);
    say_ints("vector accumulate", memory, N);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Accumulate(values + 4, 1, MPI_INT, 0, 7, 1, MPI_INT, MPI_MAX, win);
    MPI_Win_fence(0, win);
    say_ints("max", memory, N);
    MPI_Type_free(&vector);
    MPI_Win_free(&win);
    say("null %d\n", win == MPI_WIN_NULL);
}

static void start_post(void)
{
    double memory[N] = {0}, value = rank + 0.5;
    int flag = 0, ranks[2] = {next(), (rank + size - 1) % size};
    MPI_Win win;
    MPI_Group world, to, from;
    MPI_Win_create(memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_get_group(win, &world);
    MPI_Group_incl(world, 1, &ranks[0], &to);
    MPI_Group_incl(world, 1, &ranks[1], &from);
    MPI_Win_post(from, 0, win);
    MPI_Win_start(to, 0, win);
    MPI_Put(&value, 1, MPI_DOUBLE, next(), 2 * sizeof(double), 1, MPI_DOUBLE, win);
    MPI_Win_complete(win);
    MPI_Win_wait(win);
    say_doubles("start, post", memory, N);
    value = -value;
    MPI_Win_post(from, MPI_MODE_NOCHECK, win);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_start(to, MPI_MODE_NOCHECK, win);
    MPI_Put(&value, 1, MPI_DOUBLE, next(), 0, 1, MPI_DOUBLE, win);
    MPI_Win_complete(win);
    while (!flag)
        MPI_Win_test(win, &flag);
    say_doubles("test", memory, N);
    MPI_Group_free(&world);
    MPI_Group_free(&to);
    MPI_Group_free(&from);
    MPI_Win_free(&win);
}

static void locks(void)
{
    long long *memory, old, one = 1, compare, swapped;
    int ints[4] = {1, 2, 3, 4}, more[4] = {-1, -1, -1, -1};
    MPI_Request requests[3];
    MPI_Win win, ints_win;
    int *shared_ints;
    MPI_Win_allocate((rank == 0 ? 2 : 1) * sizeof(long long), sizeof(long long), MPI_INFO_NULL, MPI_COMM_WORLD, &memory,
                     &win);
    memory[0] = 0;
    if (rank == 0)
        memory[1] = -1;
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < 50; i++) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win);
        MPI_Fetch_and_op(&one, &old, MPI_LONG_LONG, 0, 0, MPI_SUM, win);
        MPI_Win_unlock(0, win);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock(MPI_LOCK_SHARED, 0, MPI_MODE_NOCHECK, win);
    MPI_Fetch_and_op(NULL, &old, MPI_LONG_LONG, 0, 0, MPI_NO_OP, win);
    MPI_Win_unlock(0, win);
    say("counter %lld\n", old);

    /* Exactly one rank finds -1 there. */
    compare = -1;
    swapped = rank;
    MPI_Win_lock_all(0, win);
    MPI_Compare_and_swap(&swapped, &compare, &old, MPI_LONG_LONG, 0, 1, win);
    MPI_Win_flush(0, win);
    int winner = old == -1, winners;
    MPI_Win_unlock_all(win);
    MPI_Allreduce(&winner, &winners, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    say("winners %d\n", winners);
    MPI_Win_free(&win);

    MPI_Win_allocate(sizeof ints, sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &shared_ints, &ints_win);
    memset(shared_ints, 0, sizeof ints);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, ints_win);
    MPI_Rput(ints, 4, MPI_INT, next(), 0, 4, MPI_INT, ints_win, &requests[0]);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Win_flush_all(ints_win);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Raccumulate(ints, 2, MPI_INT, next(), 2, 2, MPI_INT, MPI_PROD, ints_win, &requests[1]);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    MPI_Win_flush(next(), ints_win);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Rget(more, 4, MPI_INT, next(), 0, 4, MPI_INT, ints_win, &requests[0]);
    MPI_Waitall(1, requests, MPI_STATUSES_IGNORE);
    say_ints("rput, raccumulate, rget", more, 4);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Rget_accumulate(ints, 4, MPI_INT, more, 4, MPI_INT, next(), 0, 4, MPI_INT, MPI_REPLACE, ints_win, &requests[2]);
    MPI_Wait(&requests[2], MPI_STATUS_IGNORE);
    MPI_Win_flush_local(next(), ints_win);
    MPI_Win_flush_local_all(ints_win);
    MPI_Win_flush_all(ints_win);
    MPI_Barrier(MPI_COMM_WORLD);
    say_ints("before the replacement", more, 4);
    MPI_Get_accumulate(NULL, 0, MPI_DATATYPE_NULL, more, 4, MPI_INT, next(), 0, 4, MPI_INT, MPI_NO_OP, ints_win);
    MPI_Win_flush(next(), ints_win);
    say_ints("no operation", more, 4);
    MPI_Win_unlock_all(ints_win);
    MPI_Win_free(&ints_win);
}

static void dynamic(void)
{
    int *memory = malloc(N * sizeof(int)), got[N];
    MPI_Aint address, *addresses = malloc((size_t)size * sizeof *addresses);
    MPI_Win win;
    for (int i = 0; i < N; i++)
        memory[i] = 10 * rank + i;
    MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_attach(win, memory, N * sizeof(int));
    MPI_Get_address(memory, &address);
    MPI_Allgather(&address, 1, MPI_AINT, addresses, 1, MPI_AINT, MPI_COMM_WORLD);
    MPI_Win_fence(0, win);
    MPI_Get(got, N - 2, MPI_INT, next(), MPI_Aint_add(addresses[next()], 2 * sizeof(int)), N - 2, MPI_INT, win);
    MPI_Win_fence(0, win);
    say_ints("dynamic", got, N - 2);
    MPI_Win_detach(win, memory);
    MPI_Win_free(&win);
    free(memory);
    free(addresses);
}

static void shared(void)
{
    double *mine, *theirs;
    MPI_Aint bytes;
    int unit;
    MPI_Win win;
    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    for (int round = 0; round < 20; round++) {
        MPI_Win_allocate_shared((rank + 2) * sizeof(double), sizeof(double), MPI_INFO_NULL, node, &mine, &win);
        MPI_Win_lock_all(MPI_MODE_NOCHECK, win);
        for (int i = 0; i < rank + 2; i++)
            mine[i] = 100 * round + 10 * rank + i;
        MPI_Win_sync(win);
        MPI_Barrier(node);
        MPI_Win_sync(win);
        double sum = 0;
        for (int r = 0; r < size; r++) {
            MPI_Win_shared_query(win, r, &bytes, &unit, &theirs);
            for (int i = 0; i < (int)(bytes / sizeof(double)); i++)
                sum += theirs[i];
            if (round == 0)
                say("part %d: %d bytes of unit %d, first %g\n", r, (int)bytes, unit, theirs[0]);
        }
        MPI_Barrier(node);
        /* What one stores the other sees, without a call between. */
        if (rank == 0 && size > 1) {
            MPI_Win_shared_query(win, size - 1, &bytes, &unit, &theirs);
            theirs[1] = -7;
        }
        MPI_Win_sync(win);
        MPI_Barrier(node);
        MPI_Win_sync(win);
        if (round % 10 == 0)
            say("sum %g, second %g\n", sum, mine[1]);
        MPI_Win_unlock_all(win);
        /* The host's operations on the same memory. */
        MPI_Win_fence(0, win);
        double value = 1000 + rank;
        MPI_Put(&value, 1, MPI_DOUBLE, next(), 1, 1, MPI_DOUBLE, win);
        MPI_Win_fence(0, win);
        if (round == 0)
            say("put %g\n", mine[1]);
        MPI_Win_shared_query(win, MPI_PROC_NULL, &bytes, &unit, &theirs);
        if (round == 0)
            say("first part %d\n", (int)bytes);
        MPI_Win_free(&win);
    }
    MPI_Comm_free(&node);
}

static int copied, deleted;

static int copy_fn(MPI_Win win, int key, void *extra, void *in, void *out, int *flag)
{
    (void)win, (void)key, (void)extra, (void)in, (void)out;
    copied++;
    *flag = 0;
    return MPI_SUCCESS;
}

static int delete_fn(MPI_Win win, int key, void *value, void *extra)
{
    int *integers, flag;
    (void)key;
    MPI_Win_get_attr(win, MPI_WIN_SIZE, &integers, &flag);
    deleted += *(int *)value + *(int *)extra + flag;
    return MPI_SUCCESS;
}

static int handled;

static void handler(MPI_Win *win, int *code, ...)
{
    int class;
    char name[MPI_MAX_OBJECT_NAME];
    int length;
    MPI_Error_class(*code, &class);
    MPI_Win_get_name(*win, name, &length);
    if (strcmp(name, "ours") == 0)
        handled++;
}

static void attributes(void)
{
    char memory[64];
    int key, flag, *value, length, attribute = 40, extra = 2;
    char name[MPI_MAX_OBJECT_NAME];
    void *base;
    MPI_Aint *bytes;
    MPI_Win win;
    MPI_Errhandler errhandler, got;
    MPI_Win_create(memory, sizeof memory, 4, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_get_attr(win, MPI_WIN_BASE, &base, &flag);
    say("base %d %d\n", flag, base == memory);
    MPI_Win_get_attr(win, MPI_WIN_SIZE, &bytes, &flag);
    say("size %d %d\n", flag, (int)*bytes);
    MPI_Win_get_attr(win, MPI_WIN_DISP_UNIT, &value, &flag);
    say("unit %d %d\n", flag, *value);
    MPI_Win_get_attr(win, MPI_WIN_CREATE_FLAVOR, &value, &flag);
    say("flavor %d %d\n", flag, *value == MPI_WIN_FLAVOR_CREATE);
    MPI_Win_get_attr(win, MPI_WIN_MODEL, &value, &flag);
    say("model %d %d\n", flag, *value == MPI_WIN_UNIFIED || *value == MPI_WIN_SEPARATE);
    MPI_Win_create_keyval(copy_fn, delete_fn, &key, &extra);
    MPI_Win_get_attr(win, key, &value, &flag);
    say("none %d\n", flag);
    MPI_Win_set_attr(win, key, &attribute);
    MPI_Win_get_attr(win, key, &value, &flag);
    say("ours %d %d\n", flag, *value);
    MPI_Win_delete_attr(win, key);
    say("deleted %d\n", deleted);
    MPI_Win_set_attr(win, key, &attribute);
    MPI_Win_free_keyval(&key);
    say("invalid %d\n", key == MPI_KEYVAL_INVALID);
    MPI_Win_set_name(win, "ours");
    MPI_Win_get_name(win, name, &length);
    say("name %s %d\n", name, length);

    MPI_Win_create_errhandler(handler, &errhandler);
    MPI_Win_set_errhandler(win, errhandler);
    MPI_Win_get_errhandler(win, &got);
    say("same handler %d\n", got != MPI_ERRHANDLER_NULL);
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&errhandler);
    MPI_Win_call_errhandler(win, MPI_ERR_OTHER);
    say("handled %d\n", handled);
    MPI_Win_fence(0, win);
    int error = MPI_Put(memory, 1, MPI_CHAR, size + 5, 0, 1, MPI_CHAR, win);
    MPI_Win_fence(0, win);
    say("bad rank %d, handled %d\n", error != MPI_SUCCESS, handled);
    MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
    MPI_Info info;
    MPI_Win_get_info(win, &info);
    MPI_Win_set_info(win, info);
    MPI_Info_free(&info);
    MPI_Win_free(&win);
    say("deleted %d, copied %d\n", deleted, copied);
}

int main(void)
{
    begin();
    fence();
    start_post();
    locks();
    dynamic();
    shared();
    attributes();
    return finish();
}
