/* Lists of requests: Waitany, Waitsome, Testall, Testany, Testsome, Request_get_status, inactive requests. */
#include "say.h"

#define N 12

int main(void)
{
    MPI_Request requests[2 * N];
    MPI_Status statuses[2 * N], status;
    int in[N], out[N], indices[2 * N], index, count, flag, done = 0;
    begin();
    int peer = size - 1 - rank;

    for (int round = 0; round < 5; round++) {
        int seen[2 * N] = {0}, total = 0;
        for (int i = 0; i < N; i++) {
            out[i] = rank * 1000 + round * 100 + i;
            in[i] = -1;
            MPI_Irecv(&in[i], 1, MPI_INT, peer, i, MPI_COMM_WORLD, &requests[i]);
        }
        for (int i = 0; i < N; i++)
            MPI_Isend(&out[i], 1, MPI_INT, peer, i, MPI_COMM_WORLD, &requests[N + i]);
        switch (round) {
        case 0:
            for (int i = 0; i < 2 * N; i++) {
                MPI_Waitany(2 * N, requests, &index, &status);
                seen[index]++;
                if (index < N && (status.MPI_TAG != index || status.MPI_SOURCE != peer))
                    say("waitany: wrong status\n");
            }
            MPI_Waitany(2 * N, requests, &index, &status);
            say("waitany at the end: %d\n", index == MPI_UNDEFINED);
            break;
        case 1:
            for (;;) {
                MPI_Waitsome(2 * N, requests, &count, indices, statuses);
                if (count == MPI_UNDEFINED)
                    break;
                for (int i = 0; i < count; i++) {
                    seen[indices[i]]++;
                    if (indices[i] < N && statuses[i].MPI_TAG != indices[i])
                        say("waitsome: wrong status\n");
                }
            }
            break;
        case 2:
            for (flag = 0; !flag;)
                MPI_Testall(2 * N, requests, &flag, statuses);
            for (int i = 0; i < 2 * N; i++)
                seen[i] = requests[i] == MPI_REQUEST_NULL;
            for (int i = 0; i < N; i++)
                if (statuses[i].MPI_TAG != i)
                    say("testall: wrong status\n");
            break;
        case 3:
            while (total < 2 * N) {
                MPI_Testany(2 * N, requests, &index, &flag, &status);
                if (flag)
                    seen[index]++, total++;
            }
            MPI_Testany(2 * N, requests, &index, &flag, &status);
            say("testany at the end: %d %d\n", index == MPI_UNDEFINED, flag);
            break;
        case 4:
            while (total < 2 * N) {
                MPI_Testsome(2 * N, requests, &count, indices, MPI_STATUSES_IGNORE);
                for (int i = 0; i < count; i++)
                    seen[indices[i]]++, total++;
            }
            MPI_Testsome(2 * N, requests, &count, indices, MPI_STATUSES_IGNORE);
            say("testsome at the end: %d\n", count == MPI_UNDEFINED);
            break;
        }
        say_ints("seen", seen, 2 * N);
        say_ints("in", in, N);
    }

    MPI_Irecv(in, 1, MPI_INT, peer, 50, MPI_COMM_WORLD, &requests[0]);
    MPI_Send(out, 1, MPI_INT, peer, 50, MPI_COMM_WORLD);
    while (!done)
        MPI_Request_get_status(requests[0], &done, &status);
    say("get_status: tag %d, request kept %d\n", status.MPI_TAG, requests[0] != MPI_REQUEST_NULL);
    MPI_Test(&requests[0], &flag, &status);
    say("test: %d tag %d null %d\n", flag, status.MPI_TAG, requests[0] == MPI_REQUEST_NULL);
    MPI_Test(&requests[0], &flag, &status);
    say("test of null: %d source %d\n", flag, status.MPI_SOURCE == MPI_ANY_SOURCE);

    MPI_Recv_init(in, 1, MPI_INT, peer, 60, MPI_COMM_WORLD, &requests[0]);
    MPI_Wait(&requests[0], &status);
    MPI_Get_count(&status, MPI_INT, &count);
    say("inactive: source %d count %d kept %d\n", status.MPI_SOURCE == MPI_ANY_SOURCE, count,
        requests[0] != MPI_REQUEST_NULL);
    MPI_Request_free(&requests[0]);

    MPI_Isend(out, 1, MPI_INT, peer, 70, MPI_COMM_WORLD, &requests[0]);
    MPI_Request_free(&requests[0]);
    MPI_Recv(in, 1, MPI_INT, peer, 70, MPI_COMM_WORLD, &status);
    say("freed send arrives: %d\n", in[0]);

    /* More than any small array in the implementation. */
    enum { MANY = 3000 };
    static MPI_Request many[2 * MANY];
    static int values[MANY], sent[MANY];
    for (int i = 0; i < MANY; i++) {
        sent[i] = i * (rank + 1);
        MPI_Irecv(&values[i], 1, MPI_INT, peer, 80, MPI_COMM_WORLD, &many[i]);
    }
    for (int i = 0; i < MANY; i++)
        MPI_Isend(&sent[i], 1, MPI_INT, peer, 80, MPI_COMM_WORLD, &many[MANY + i]);
    MPI_Waitall(2 * MANY, many, MPI_STATUSES_IGNORE);
    long check = 0;
    for (int i = 0; i < MANY; i++)
        check += (long)values[i] * (i % 7);
    say("many: %ld\n", check);
    return finish();
}
