/* Every send mode, blocking and not, persistent; probe, matched probe, sendrecv, cancel. */
#include "say.h"

#define N 1000

static int right, left;

static void fill(int *data, int n, int seed)
{
    for (int i = 0; i < n; i++)
        data[i] = seed * 7919 + i * 31;
}

static long sum(const int *data, int n)
{
    long s = 0;
    for (int i = 0; i < n; i++)
        s = (s * 3 + data[i]) % 1000003;
    return s;
}

static void say_status(const char *name, const MPI_Status *status)
{
    int count;
    MPI_Get_count(status, MPI_INT, &count);
    say("%s: source %d tag %d count %d\n", name, status->MPI_SOURCE, status->MPI_TAG, count);
}

typedef int send_fn(const void *, int, MPI_Datatype, int, int, MPI_Comm);
typedef int isend_fn(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);

static void blocking(const char *name, send_fn *send)
{
    int out[N], in[N];
    MPI_Request request;
    MPI_Status status;
    fill(out, N, rank);
    MPI_Irecv(in, N, MPI_INT, left, 1, MPI_COMM_WORLD, &request);
    MPI_Barrier(MPI_COMM_WORLD); /* ready sends need it */
    send(out, N - rank, MPI_INT, right, 1, MPI_COMM_WORLD);
    MPI_Wait(&request, &status);
    say_status(name, &status);
    say("%s: %ld\n", name, sum(in, N - left));
}

static void nonblocking(const char *name, isend_fn *isend)
{
    int out[N], in[N];
    MPI_Request requests[2];
    MPI_Status statuses[2];
    fill(out, N, rank + 5);
    MPI_Irecv(in, N, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[0]);
    MPI_Barrier(MPI_COMM_WORLD);
    isend(out, N, MPI_INT, right, 2, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, statuses);
    say_status(name, &statuses[0]);
    say("%s: %ld null %d\n", name, sum(in, N), requests[0] == MPI_REQUEST_NULL && requests[1] == MPI_REQUEST_NULL);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void persistent(const char *name, isend_fn *init)
{
    int out[16], in[16];
    MPI_Request requests[2];
    MPI_Recv_init(in, 16, MPI_INT, left, 3, MPI_COMM_WORLD, &requests[0]);
    init(out, 16, MPI_INT, right, 3, MPI_COMM_WORLD, &requests[1]);
    for (int i = 0; i < 3; i++) {
        fill(out, 16, rank + 100 * i);
        MPI_Start(&requests[0]);
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Start(&requests[1]);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        say("%s: %ld\n", name, sum(in, 16));
    }
    MPI_Startall(1, &requests[0]);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Startall(1, &requests[1]);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    say("%s: again %ld\n", name, sum(in, 16));
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
    say("%s: freed %d\n", name, requests[0] == MPI_REQUEST_NULL);
}

static void probes(void)
{
    int out[8] = {rank, 1, 2, 3, 4, 5, 6, 7}, in[8], flag = 0, count;
    MPI_Request request;
    MPI_Status status;
    MPI_Message message;

    MPI_Isend(out, 5, MPI_INT, right, 11, MPI_COMM_WORLD, &request);
    MPI_Probe(left, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    say_status("probe", &status);
    MPI_Recv(in, 8, MPI_INT, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, &status);
    say_ints("probed", in, 5);
    MPI_Wait(&request, MPI_STATUS_IGNORE);

    MPI_Isend(out, 6, MPI_INT, right, 12, MPI_COMM_WORLD, &request);
    while (!flag)
        MPI_Iprobe(MPI_ANY_SOURCE, 12, MPI_COMM_WORLD, &flag, &status);
    say_status("iprobe", &status);
    MPI_Recv(in, 6, MPI_INT, left, 12, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);

    MPI_Isend(out, 7, MPI_INT, right, 13, MPI_COMM_WORLD, &request);
    MPI_Mprobe(left, 13, MPI_COMM_WORLD, &message, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    MPI_Mrecv(in, count, MPI_INT, &message, &status);
    say_status("mrecv", &status);
    say("message null %d\n", message == MPI_MESSAGE_NULL);
    MPI_Wait(&request, MPI_STATUS_IGNORE);

    MPI_Isend(out, 3, MPI_INT, right, 14, MPI_COMM_WORLD, &request);
    for (flag = 0; !flag;)
        MPI_Improbe(left, 14, MPI_COMM_WORLD, &flag, &message, &status);
    MPI_Request receive;
    MPI_Imrecv(in, 3, MPI_INT, &message, &receive);
    MPI_Wait(&receive, &status);
    say_status("imrecv", &status);
    MPI_Wait(&request, MPI_STATUS_IGNORE);

    MPI_Mprobe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &message, &status);
    say("no proc %d %d\n", message == MPI_MESSAGE_NO_PROC, status.MPI_SOURCE == MPI_PROC_NULL);
    MPI_Mrecv(in, 3, MPI_INT, &message, &status);
    say("no proc: null %d\n", message == MPI_MESSAGE_NULL);
    MPI_Recv(in, 3, MPI_INT, MPI_PROC_NULL, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("proc null: %d %d %d\n", status.MPI_SOURCE == MPI_PROC_NULL, status.MPI_TAG == MPI_ANY_TAG, count);
}

int main(void)
{
    begin();
    right = (rank + 1) % size;
    left = (rank + size - 1) % size;
    int bytes;
    MPI_Pack_size(4 * N, MPI_INT, MPI_COMM_WORLD, &bytes);
    bytes += 8 * MPI_BSEND_OVERHEAD;
    void *buffer = malloc(bytes), *detached;
    MPI_Buffer_attach(buffer, bytes);
    blocking("send", MPI_Send);
    blocking("bsend", MPI_Bsend);
    blocking("rsend", MPI_Rsend);
    if (size > 1) /* a synchronous send to oneself would wait for the later wait */
        blocking("ssend", MPI_Ssend);
    nonblocking("isend", MPI_Isend);
    nonblocking("ibsend", MPI_Ibsend);
    nonblocking("issend", MPI_Issend);
    nonblocking("irsend", MPI_Irsend);
    persistent("send_init", MPI_Send_init);
    persistent("bsend_init", MPI_Bsend_init);
    persistent("ssend_init", MPI_Ssend_init);
    persistent("rsend_init", MPI_Rsend_init);
    MPI_Buffer_detach(&detached, &bytes);
    say("detached %d\n", detached == buffer);
    probes();

    int out[4] = {rank, rank + 1, rank + 2, rank + 3}, in[4];
    MPI_Status status;
    MPI_Sendrecv(out, 4, MPI_INT, right, 21, in, 4, MPI_INT, left, 21, MPI_COMM_WORLD, &status);
    say_ints("sendrecv", in, 4);
    MPI_Sendrecv_replace(out, 4, MPI_INT, left, 22, right, 22, MPI_COMM_WORLD, &status);
    say_ints("sendrecv_replace", out, 4);
    say_status("sendrecv_replace", &status);

    MPI_Request request;
    int cancelled;
    MPI_Irecv(in, 4, MPI_INT, left, 4711, MPI_COMM_WORLD, &request);
    MPI_Cancel(&request);
    MPI_Wait(&request, &status);
    MPI_Test_cancelled(&status, &cancelled);
    say("cancelled %d\n", cancelled);
    return finish();
}
