/* MPI from several threads of one process (MPI_THREAD_MULTIPLE): every thread has a conversation of its own, and user
 * functions run on the thread that calls MPI, with its stack and its thread-local variables. */
#include "guest.h"
#include <mpi.h>

#define USE(name) IMPORT("mpi_abi_1", #name) extern __typeof__(name) name
USE(MPI_Init);
USE(MPI_Init_thread);
USE(MPI_Query_thread);
USE(MPI_Finalize);
USE(MPI_Comm_rank);
USE(MPI_Comm_size);
USE(MPI_Comm_dup);
USE(MPI_Comm_free);
USE(MPI_Send);
USE(MPI_Recv);
USE(MPI_Isend);
USE(MPI_Irecv);
USE(MPI_Waitall);
USE(MPI_Op_create);
USE(MPI_Op_free);
USE(MPI_Allreduce);
USE(MPI_Comm_create_keyval);
USE(MPI_Comm_set_attr);
USE(MPI_Win_allocate);
USE(MPI_Win_allocate_shared);
USE(MPI_Win_lock);
USE(MPI_Win_unlock);
USE(MPI_Win_free);
USE(MPI_Put);
USE(MPI_Get);
USE(MPI_Fetch_and_op);

enum { THREADS = 4, ROUNDS = 100 };
static thread threads[THREADS];
static int rank, size;
static MPI_Comm comms[THREADS], selves[THREADS];
static MPI_Op op;
static _Thread_local int number = -1;
static uint32_t total_calls, deletions;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print("failed: " #condition "\n");                                                     \
            proc_exit(2);                                                                          \
        }                                                                                          \
    } while (0)

/* In a thread of ours: a stack of its own, so no other thread's frame is overwritten. */
static void add(void *in, void *inout, int *len, MPI_Datatype *type)
{
    volatile int here[64];
    for (int i = 0; i < 64; i++)
        here[i] = number;
    for (int i = 0; i < *len; i++)
        ((int *)inout)[i] += ((int *)in)[i];
    __atomic_fetch_add(&total_calls, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 64; i++)
        CHECK(here[i] == number && number >= 0);
    (void)type;
}

static int deleted(MPI_Comm comm, int k, void *value, void *extra)
{
    (void)comm, (void)k, (void)extra;
    CHECK((intptr_t)value == number); /* on the thread that frees the communicator */
    __atomic_fetch_add(&deletions, 1, __ATOMIC_SEQ_CST);
    return MPI_SUCCESS;
}

static int key = MPI_KEYVAL_INVALID;

/* Windows of one process, which guest and host both see: with less than a page and with many. */
static void use_own_window(int n, MPI_Aint bytes, bool shared)
{
    MPI_Win win;
    int *base = NULL, last = (int)(bytes / (MPI_Aint)sizeof(int)) - 1, old = -1, got = -1, one = 1;
    if (shared)
        CHECK(MPI_Win_allocate_shared(bytes, sizeof(int), MPI_INFO_NULL, selves[n], &base, &win) == MPI_SUCCESS);
    else
        CHECK(MPI_Win_allocate(bytes, sizeof(int), MPI_INFO_NULL, selves[n], &base, &win) == MPI_SUCCESS);
    CHECK(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win) == MPI_SUCCESS);
    base[0] = 100 + n;
    CHECK(MPI_Put(&n, 1, MPI_INT, 0, last, 1, MPI_INT, win) == MPI_SUCCESS);
    CHECK(MPI_Get(&got, 1, MPI_INT, 0, 0, 1, MPI_INT, win) == MPI_SUCCESS);
    CHECK(MPI_Win_unlock(0, win) == MPI_SUCCESS);
    CHECK(base[last] == n && got == 100 + n);
    CHECK(MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win) == MPI_SUCCESS);
    CHECK(MPI_Fetch_and_op(&one, &old, MPI_INT, 0, last, MPI_SUM, win) == MPI_SUCCESS);
    CHECK(MPI_Win_unlock(0, win) == MPI_SUCCESS);
    CHECK(old == n && base[last] == n + 1);
    CHECK(MPI_Win_free(&win) == MPI_SUCCESS);
}

static void talk(thread *t)
{
    int n = t->number, right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Comm comm = comms[n];
    number = n;
    for (int i = 0; i < ROUNDS; i++) {
        int out = rank * 1000 + n * 100 + i, in = -1;
        MPI_Request requests[2];
        CHECK(MPI_Irecv(&in, 1, MPI_INT, left, n, MPI_COMM_WORLD, &requests[0]) == MPI_SUCCESS);
        CHECK(MPI_Isend(&out, 1, MPI_INT, right, n, MPI_COMM_WORLD, &requests[1]) == MPI_SUCCESS);
        CHECK(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE) == MPI_SUCCESS);
        CHECK(in == left * 1000 + n * 100 + i);
        int mine[8], sum[8];
        for (int k = 0; k < 8; k++)
            mine[k] = rank + k + n;
        CHECK(MPI_Allreduce(mine, sum, 8, MPI_INT, op, comm) == MPI_SUCCESS);
        for (int k = 0; k < 8; k++)
            CHECK(sum[k] == size * (size - 1) / 2 + size * (k + n));
    }
    for (int i = 0; i < 3; i++) {
        use_own_window(n, 2 * sizeof(int), i & 1);
        use_own_window(n, 200000, i & 1);
    }
    MPI_Comm copy; /* functions that this thread names stay when it is gone */
    CHECK(MPI_Comm_dup(comm, &copy) == MPI_SUCCESS);
    CHECK(MPI_Comm_set_attr(copy, key, (void *)(intptr_t)n) == MPI_SUCCESS);
    CHECK(MPI_Comm_free(&copy) == MPI_SUCCESS);
}

static void make_key(thread *t)
{
    (void)t;
    CHECK(MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, deleted, &key, NULL) == MPI_SUCCESS);
    CHECK(MPI_Op_create(add, 1, &op) == MPI_SUCCESS);
}

static void trap_now(thread *t)
{
    (void)t;
    __builtin_trap();
}

static void exit_now(thread *t)
{
    (void)t;
    proc_exit(7);
}

static bool is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

void _start(void)
{
    static char *argv[16], bytes[256];
    uint32_t argc, length;
    int level = -1;
    args_sizes_get(&argc, &length);
    if (argc != 2 || length > sizeof bytes)
        proc_exit(1);
    args_get(argv, bytes);
    if (is(argv[1], "multiple"))
        CHECK(MPI_Init_thread(NULL, NULL, MPI_THREAD_MULTIPLE, &level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE);
    else
        CHECK(MPI_Init(NULL, NULL) == MPI_SUCCESS);
    /* Whatever was asked for: a module with threads could call from all of them. */
    CHECK(MPI_Query_thread(&level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (is(argv[1], "trap") || is(argv[1], "exit")) {
        if (rank == 1)
            CHECK(start(&threads[0], 0, is(argv[1], "trap") ? trap_now : exit_now));
        int never; /* the others wait here */
        MPI_Recv(&never, 1, MPI_INT, MPI_ANY_SOURCE, 99, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        proc_exit(3);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(MPI_Comm_dup(MPI_COMM_WORLD, &comms[i]) == MPI_SUCCESS &&
              MPI_Comm_dup(MPI_COMM_SELF, &selves[i]) == MPI_SUCCESS);
    CHECK(start(&threads[0], 0, make_key));
    join(&threads[0]);
    for (int i = 0; i < THREADS; i++)
        CHECK(start(&threads[i], i, talk));
    for (int i = 0; i < THREADS; i++)
        join(&threads[i]);
    CHECK(deletions == THREADS && number == -1);
    MPI_Op_free(&op);
    uint32_t of_all; /* which ranks combine is the host's choice */
    MPI_Allreduce(&total_calls, &of_all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK(of_all >= THREADS * ROUNDS);
    if (rank == 0)
        print("talked\n");
    MPI_Finalize();
}
