/* Ports and published names: even ranks wait at a port for the odd ones, who find its name by the service's. Where the host
 * has no ports, names are published for one that somebody else might have. */
#include "../programs/say.h"

#define OTHERS_PORT "tag#0$description#localhost$port#1$ifname#127.0.0.1$"

/* Whether it failed: classes of hosts' errors are theirs, and told by the comparison with the native run. */
static void result(const char *what, int error)
{
    int error_class = 0;
    MPI_Error_class(error, &error_class);
    say("%s: class %d\n", what, error_class == MPI_ERR_NAME ? 1000 : error_class == MPI_ERR_PORT ? 1001 : error != 0);
}

static void talk(MPI_Comm half, const char *port, int accepts)
{
    MPI_Comm other;
    int n, remote, sent[2] = {rank, 10 * rank}, got[2] = {0, 0};
    int error = accepts ? MPI_Comm_accept(port, MPI_INFO_NULL, 0, half, &other)
                        : MPI_Comm_connect(port, MPI_INFO_NULL, 0, half, &other);
    result(accepts ? "accept" : "connect", error);
    if (error)
        return;
    MPI_Comm_rank(half, &n);
    MPI_Comm_remote_size(other, &remote);
    say("%d remote\n", remote);
    if (n == 0)
        MPI_Sendrecv(sent, 2, MPI_INT, 0, 5, got, 2, MPI_INT, 0, 5, other, MPI_STATUS_IGNORE);
    say_ints("got", got, 2);
    MPI_Comm_disconnect(&other);
}

int main(void)
{
    char port[MPI_MAX_PORT_NAME] = "", found[MPI_MAX_PORT_NAME];
    int opened;
    MPI_Comm half;

    begin();
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, rank, &half);
    MPI_Comm_set_errhandler(half, MPI_ERRORS_RETURN);
    if (rank == 0) {
        result("open", opened = MPI_Open_port(MPI_INFO_NULL, port));
        if (opened)
            strcpy(port, OTHERS_PORT);
        result("publish", MPI_Publish_name("mpiwasm-test", MPI_INFO_NULL, port));
    }
    MPI_Bcast(&opened, 1, MPI_INT, 0, MPI_COMM_WORLD);
    memset(found, 0, sizeof found);
    if (rank % 2 == 0) {
        MPI_Bcast(port, sizeof port, MPI_CHAR, 0, half);
        strcpy(found, port);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == size - 1) {
        char looked_up[MPI_MAX_PORT_NAME] = "";
        result("look up", MPI_Lookup_name("mpiwasm-test", MPI_INFO_NULL, looked_up));
        if (rank % 2)
            strcpy(found, looked_up);
        else
            say("the same %d\n", strcmp(looked_up, port) == 0);
    }
    if (rank % 2) {
        int half_size;
        MPI_Comm_size(half, &half_size);
        MPI_Bcast(found, sizeof found, MPI_CHAR, half_size - 1, half);
        if (size % 2) /* the last rank is an even one: nobody here has looked */
            MPI_Recv(found, sizeof found, MPI_CHAR, 0, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (size % 2 && rank == 0) {
        for (int r = 1; r < size; r += 2)
            MPI_Send(port, sizeof port, MPI_CHAR, r, 6, MPI_COMM_WORLD);
    }
    if (!opened && size > 1)
        for (int round = 0; round < 2; round++)
            talk(half, found, rank % 2 == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) {
        result("unpublish", MPI_Unpublish_name("mpiwasm-test", MPI_INFO_NULL, port));
        result("look up what is gone", MPI_Lookup_name("mpiwasm-test", MPI_INFO_NULL, found));
        if (!opened)
            result("close", MPI_Close_port(port));
    }
    MPI_Comm_free(&half);
    return finish();
}
