/* Partitioned communication, where the host has it: partitions in any order, ranges, lists, several starts, other numbers of
 * partitions on the two sides, derived datatypes, MPI_PROC_NULL, requests that are freed and made again. */
#include "say.h"

/* A guest's MPI_VERSION is that of all hosts. */
#if MPI_VERSION >= 4 || defined __wasm__

enum { PARTITIONS = 8, COUNT = 3, ALL = PARTITIONS * COUNT };

static int in[2 * ALL], out[2 * ALL];

static void fill(int turn)
{
    for (int i = 0; i < 2 * ALL; i++) {
        in[i] = rank * 1000 + turn * 100 + i;
        out[i] = -1;
    }
}

/* Marks all partitions ready, in one of several ways. */
static void ready(MPI_Request send, int way)
{
    int odd[] = {7, 1, 5, 3}, flag;
    switch (way) {
    case 0:
        for (int i = PARTITIONS - 1; i >= 0; i--)
            MPI_Pready(i, send);
        break;
    case 1:
        MPI_Pready_range(2, 7, send);
        MPI_Pready_range(0, 0, send);
        MPI_Test(&send, &flag, MPI_STATUS_IGNORE);
        say("complete before the last partition: %d\n", flag);
        MPI_Pready(1, send);
        break;
    default:
        MPI_Pready_list(4, odd, send);
        MPI_Pready_list(0, odd, send);
        for (int i = 0; i < PARTITIONS; i += 2)
            MPI_Pready(i, send);
    }
}

/* To the right neighbour. `theirs` partitions of ALL / theirs elements on the receiving side. */
static void ring(const char *name, int theirs, MPI_Datatype type, MPI_Comm comm)
{
    MPI_Request requests[2];
    MPI_Status statuses[2];
    int right = (rank + 1) % size, left = (rank + size - 1) % size, n, arrived;
    MPI_Psend_init(in, PARTITIONS, COUNT, type, right, 7, comm, MPI_INFO_NULL, &requests[0]);
    MPI_Precv_init(out, theirs, ALL / theirs, type, left, 7, comm, MPI_INFO_NULL, &requests[1]);
    arrived = 1;
#ifdef __wasm__ /* MPICH 4.0 refuses what the standard allows */
    MPI_Parrived(requests[1], 0, &arrived);
#endif
    say("%s: inactive arrived %d\n", name, arrived);
    for (int turn = 0; turn < 3; turn++) {
        fill(turn);
        if (turn == 1) {
            MPI_Startall(2, requests);
        } else {
            MPI_Start(&requests[1]);
            MPI_Start(&requests[0]);
        }
        ready(requests[0], turn);
        if (turn == 2)
            for (int i = 0; i < theirs; i++)
                do
                    MPI_Parrived(requests[1], i, &arrived);
                while (!arrived);
        MPI_Waitall(2, requests, statuses);
        MPI_Get_count(&statuses[1], type, &n);
        say("%s: from %d tag %d, %d elements\n", name, statuses[1].MPI_SOURCE == left, statuses[1].MPI_TAG, n);
        say_ints(name, out, 2 * ALL);
    }
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
    say("%s: freed %d\n", name, requests[0] == MPI_REQUEST_NULL && requests[1] == MPI_REQUEST_NULL);
}

static void nowhere(void)
{
    /* MPICH 4.0 crashes when it is asked natively. */
    int flag = 1;
    fill(0);
#ifdef __wasm__
    MPI_Request requests[2];
    MPI_Psend_init(in, 4, 1, MPI_INT, MPI_PROC_NULL, 7, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[0]);
    MPI_Precv_init(out, 4, 1, MPI_INT, MPI_PROC_NULL, 7, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[1]);
    for (int turn = 0; turn < 2; turn++) {
        MPI_Startall(2, requests);
        MPI_Pready_range(0, 3, requests[0]);
        MPI_Parrived(requests[1], 3, &flag);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    }
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
#endif
    say("nowhere %d %d\n", flag, out[0]);
}

int main(void)
{
    MPI_Request request;
    begin();
    fill(0);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int code = MPI_Precv_init(out, 1, 1, MPI_INT, 0, 9, MPI_COMM_WORLD, MPI_INFO_NULL, &request);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    if (code != MPI_SUCCESS) {
        MPI_Error_class(code, &code);
        say("%s\n", code == MPI_ERR_UNSUPPORTED_OPERATION ? "not here" : "fails");
        return finish();
    }
    MPI_Datatype one, pairs;
    MPI_Comm comm;
    MPI_Request_free(&request); /* never started, never matched */
    ring("same", PARTITIONS, MPI_INT, MPI_COMM_WORLD);
    ring("fewer", 1, MPI_INT, MPI_COMM_WORLD);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Type_vector(1, 1, 1, MPI_INT, &one);
    MPI_Type_create_resized(one, 0, 8, &pairs);
    MPI_Type_free(&one);
    MPI_Type_commit(&pairs);
    ring("more", 12, pairs, comm);
    MPI_Type_free(&pairs);
    MPI_Comm_free(&comm);
    nowhere();
    return finish();
}

#else

int main(void)
{
    begin();
    say("not here\n");
    return finish();
}

#endif
