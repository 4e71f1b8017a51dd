/* MPI_THREAD_MULTIPLE: threads of a rank make, use and free objects of every kind at the same time, and complete
 * requests that others began. Says what it counted, which does not depend on timing. */
#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4 };

static int rank, size, rounds = 20, with_windows;
static MPI_Comm comms[THREADS];
static int errors[THREADS], handled, copied, deleted, combined, queried;

#define CHECK(t, condition)                                                                        \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            if (errors[t]++ == 0)                                                                  \
                fprintf(stderr, "rank %d, thread %d, line %d: " #condition "\n", rank, t, __LINE__); \
        }                                                                                          \
    } while (0)
#define ADD(counter) __atomic_fetch_add(&(counter), 1, __ATOMIC_SEQ_CST)

/* ---- What each thread does for itself ------------------------------------------------------------------------- */

static void messages(int t, MPI_Comm comm)
{
    enum { N = 8 };
    MPI_Request requests[2 * N];
    MPI_Status statuses[2 * N];
    int in[N], out[N], done = 0, count, indices[2 * N];
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    for (int i = 0; i < N; i++) {
        out[i] = 1000 * rank + 10 * t + i;
        in[i] = -1;
        MPI_Irecv(&in[i], 1, MPI_INT, left, i, comm, &requests[i]);
    }
    for (int i = 0; i < N; i++)
        MPI_Isend(&out[i], 1, MPI_INT, right, i, comm, &requests[N + i]);
    while (done < 2 * N) {
        MPI_Waitsome(2 * N, requests, &count, indices, statuses);
        CHECK(t, count > 0);
        done += count;
    }
    for (int i = 0; i < N; i++)
        CHECK(t, in[i] == 1000 * left + 10 * t + i);
}

static void datatypes(int t, MPI_Comm comm)
{
    MPI_Datatype vector, dup, structure;
    int out[6] = {t, 1, t + 1, 2, t + 2, 3}, in[6] = {0}, bytes;
    MPI_Type_vector(3, 1, 2, MPI_INT, &vector);
    MPI_Type_commit(&vector);
    MPI_Type_dup(vector, &dup);
    MPI_Type_create_struct(2, (int[]){1, 1}, (MPI_Aint[]){0, sizeof(int)}, (MPI_Datatype[]){MPI_INT, MPI_INT}, &structure);
    MPI_Type_size(structure, &bytes);
    CHECK(t, bytes == 2 * sizeof(int));
    MPI_Type_free(&vector);
    MPI_Sendrecv(out, 1, dup, rank, 50, in, 1, dup, rank, 50, comm, MPI_STATUS_IGNORE);
    CHECK(t, in[0] == t && in[2] == t + 1 && in[4] == t + 2 && in[1] == 0);
    MPI_Type_free(&dup);
    MPI_Type_free(&structure);
}

static void combine(void *in, void *inout, int *n, MPI_Datatype *type)
{
    (void)type;
    ADD(combined);
    for (int i = 0; i < *n; i++)
        ((int *)inout)[i] += ((int *)in)[i];
}

static void operations(int t, MPI_Comm comm)
{
    MPI_Op op;
    MPI_Request request;
    int mine = rank + t, sum = 0;
    MPI_Op_create(combine, 1, &op);
    MPI_Iallreduce(&mine, &sum, 1, MPI_INT, op, comm, &request);
    MPI_Op_free(&op);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK(t, sum == size * (size - 1) / 2 + size * t);
}

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)key, (void)extra;
    ADD(copied);
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int drop(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key, (void)value, (void)extra;
    ADD(deleted);
    return MPI_SUCCESS;
}

static void handle(MPI_Comm *comm, int *code, ...)
{
    (void)comm, (void)code;
    ADD(handled);
}

static void communicators(int t, MPI_Comm comm)
{
    MPI_Comm a, b;
    MPI_Group group, one;
    MPI_Errhandler errhandler;
    int key, flag, n, value = 0;
    void *attribute;
    MPI_Comm_dup(comm, &a);
    MPI_Comm_create_keyval(copy, drop, &key, NULL);
    MPI_Comm_set_attr(a, key, &errors[t]);
    MPI_Comm_dup(a, &b);
    MPI_Comm_get_attr(b, key, &attribute, &flag);
    CHECK(t, flag && attribute == &errors[t]);
    MPI_Comm_free_keyval(&key);
    MPI_Comm_create_errhandler(handle, &errhandler);
    MPI_Comm_set_errhandler(b, errhandler);
    MPI_Errhandler_free(&errhandler);
    MPI_Comm_free(&a);
    CHECK(t, MPI_Send(&value, 1, MPI_INT, size + 1, 0, b) != MPI_SUCCESS);
    MPI_Comm_group(b, &group);
    MPI_Group_incl(group, 1, &rank, &one);
    MPI_Group_size(one, &n);
    CHECK(t, n == 1);
    MPI_Group_free(&one);
    MPI_Group_free(&group);
    MPI_Comm_free(&b);
}

static void infos(int t)
{
    MPI_Info info, dup;
    char value[20];
    int flag;
    MPI_Info_create(&info);
    snprintf(value, sizeof value, "of %d", t);
    MPI_Info_set(info, "thread", value);
    MPI_Info_dup(info, &dup);
    MPI_Info_free(&info);
    memset(value, 0, sizeof value);
    MPI_Info_get(dup, "thread", sizeof value - 1, value, &flag);
    CHECK(t, flag && value[3] == '0' + t);
    MPI_Info_free(&dup);
}

/* ---- What they do for one another ----------------------------------------------------------------------------- */

static pthread_barrier_t barrier;
static MPI_Request handed[THREADS], general[THREADS];
static int values[THREADS];

static int query_fn(void *extra, MPI_Status *status)
{
    ADD(queried);
    MPI_Status_set_elements(status, MPI_INT, *(int *)extra);
    MPI_Status_set_cancelled(status, 0);
    status->MPI_SOURCE = status->MPI_TAG = 0;
    return MPI_SUCCESS;
}

static int free_fn(void *extra)
{
    (void)extra;
    return MPI_SUCCESS;
}

static int cancel_fn(void *extra, int complete)
{
    (void)extra, (void)complete;
    return MPI_SUCCESS;
}

/* A receive that one thread begins and the next completes; a generalized request that a third calls complete. */
static void hand_over(int t, MPI_Comm comm)
{
    int next = (t + 1) % THREADS, third = (t + 2) % THREADS, count, out = 7 * t;
    MPI_Status status;
    static int extra[THREADS] = {5, 6, 7, 8};
    MPI_Irecv(&values[t], 1, MPI_INT, rank, 70, comm, &handed[t]);
    MPI_Grequest_start(query_fn, free_fn, cancel_fn, &extra[t], &general[t]);
    pthread_barrier_wait(&barrier);
    MPI_Send(&out, 1, MPI_INT, rank, 70, comm);
    MPI_Wait(&handed[next], MPI_STATUS_IGNORE);
    CHECK(t, values[next] == 7 * next);
    MPI_Request request = general[third];
    MPI_Grequest_complete(request);
    pthread_barrier_wait(&barrier);
    MPI_Wait(&general[t], &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(t, count == extra[t]);
    pthread_barrier_wait(&barrier);
}

/* Windows with memory of the host's, which all threads use. */
static MPI_Win allocated, shared;
static int *allocated_ints, *shared_ints;

static void begin_windows(void)
{
    MPI_Win_allocate(THREADS * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &allocated_ints, &allocated);
    MPI_Win_allocate_shared(THREADS * sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, &shared_ints, &shared);
    memset(allocated_ints, 0, THREADS * sizeof(int));
    memset(shared_ints, 0, THREADS * sizeof(int));
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock_all(0, allocated);
    MPI_Win_lock_all(0, shared);
}

static void use_windows(int t)
{
    int one = 1, right = (rank + 1) % size;
    MPI_Accumulate(&one, 1, MPI_INT, right, t, 1, MPI_INT, MPI_SUM, allocated);
    MPI_Win_flush(right, allocated);
    MPI_Accumulate(&one, 1, MPI_INT, right, t, 1, MPI_INT, MPI_SUM, shared);
    MPI_Win_flush(right, shared);
}

static void end_windows(void)
{
    MPI_Aint bytes;
    int unit, *theirs;
    MPI_Win_unlock_all(allocated);
    MPI_Win_unlock_all(shared);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Win_lock_all(0, shared);
    MPI_Win_shared_query(shared, size - 1, &bytes, &unit, &theirs);
    for (int t = 0; t < THREADS; t++) {
        CHECK(t, allocated_ints[t] == rounds);
        CHECK(t, shared_ints[t] == rounds);
        CHECK(t, theirs[t] == rounds);
    }
    MPI_Win_unlock_all(shared);
    MPI_Win_free(&shared);
    MPI_Win_free(&allocated);
}

/* Not on Open MPI 4.1, which has no windows over other memory for several threads. */
static void windows(int t, MPI_Comm comm)
{
    int memory[4] = {0}, value = t + 1, base;
    MPI_Win win;
    MPI_Win_create(memory, sizeof memory, sizeof(int), MPI_INFO_NULL, comm, &win);
    MPI_Win_fence(0, win);
    MPI_Accumulate(&value, 1, MPI_INT, (rank + 1) % size, 1, 1, MPI_INT, MPI_SUM, win);
    MPI_Win_fence(0, win);
    base = memory[1];
    CHECK(t, base == t + 1);
    MPI_Win_free(&win);
}

static void *run(void *arg)
{
    int t = (int)(size_t)arg;
    for (int i = 0; i < rounds; i++) {
        messages(t, comms[t]);
        datatypes(t, comms[t]);
        operations(t, comms[t]);
        infos(t);
        communicators(t, comms[t]);
        hand_over(t, comms[t]);
        use_windows(t);
        if (with_windows)
            windows(t, comms[t]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int level, failed = 0, all;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc > 1)
        rounds = atoi(argv[1]);
    with_windows = argc > 2;
    if (level != MPI_THREAD_MULTIPLE) {
        printf("level %d\n", level);
        MPI_Abort(MPI_COMM_WORLD, 3);
    }
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int t = 0; t < THREADS; t++)
        MPI_Comm_dup(MPI_COMM_WORLD, &comms[t]);
    begin_windows();
    for (int t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, run, (void *)(size_t)t);
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        MPI_Comm_free(&comms[t]);
    }
    end_windows();
    for (int t = 0; t < THREADS; t++)
        failed += errors[t];
    pthread_barrier_destroy(&barrier);
    MPI_Reduce(&failed, &all, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0)
        printf("%d rounds, %d errors: %d handled, %d copied, %d deleted, %d queried, combined %d\n", rounds, all, handled,
               copied, deleted, queried, size == 1 || combined > 0);
    fflush(stdout);
    MPI_Finalize();
    return failed != 0;
}
