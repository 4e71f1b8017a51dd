/* Sessions in the wrong order, after their end, and in a job that ends badly. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MPI_Session begin(MPI_Errhandler errhandler)
{
    MPI_Session session = MPI_SESSION_NULL;
    MPI_Session_init(MPI_INFO_NULL, errhandler, &session);
    return session;
}

static MPI_Comm all_of(MPI_Session session)
{
    MPI_Group group;
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Group_from_session_pset(session, "mpi://WORLD", &group);
    MPI_Comm_create_from_group(group, "tag", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm);
    MPI_Group_free(&group);
    return comm;
}

static int ring(MPI_Comm comm)
{
    int r = 1, sum = 0;
    MPI_Allreduce(&r, &sum, 1, MPI_INT, MPI_SUM, comm);
    return sum;
}

/* Hosts may end for good with their last session. */
static void again(void)
{
    int sum = 0;
    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Info_set(info, "key", "value");
    for (int i = 0; i < 3; i++) {
        MPI_Session session = begin(MPI_ERRORS_RETURN);
        MPI_Comm comm = all_of(session);
        sum += ring(comm);
        if (i != 1)
            MPI_Comm_free(&comm);
        MPI_Session_finalize(&session);
    }
    MPI_Init(NULL, NULL);
    sum += ring(MPI_COMM_WORLD);
    int n = 0;
    MPI_Info_get_nkeys(info, &n);
    MPI_Info_free(&info);
    MPI_Finalize();
    printf("again: %d, keys %d\n", sum, n);
}

static void wrong_arguments(void)
{
    MPI_Session session = begin(MPI_ERRORS_RETURN);
    MPI_Group group = MPI_GROUP_NULL, other, empty = MPI_GROUP_EMPTY;
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Info info;
    int refused = 0, length = 100, rank;
    char name[100];
    refused += MPI_Group_from_session_pset(session, "mpi://nobody", &group) == MPI_ERR_ARG;
    refused += MPI_Session_get_pset_info(session, "", &info) == MPI_ERR_ARG;
    refused += MPI_Session_get_nth_pset(session, MPI_INFO_NULL, -1, &length, name) == MPI_ERR_ARG;
    refused += MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 99, &length, name) == MPI_ERR_ARG;
    refused += MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 0, &length, (void *)0xfffffff0) != MPI_SUCCESS;
    refused += MPI_Group_from_session_pset(session, NULL, &group) != MPI_SUCCESS;
    MPI_Group_from_session_pset(session, "mpi://WORLD", &group);
    MPI_Group_rank(group, &rank);
    MPI_Group_excl(group, 1, &rank, &other); /* of one process: the empty group */
    refused += MPI_Comm_create_from_group(other, "tag", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm) == MPI_ERR_GROUP;
    refused += MPI_Comm_create_from_group(empty, "tag", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm) == MPI_SUCCESS &&
               comm == MPI_COMM_NULL;
    refused += MPI_Comm_create_from_group(group, (char *)0xffffffff, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm) != MPI_SUCCESS;
    refused += MPI_Comm_create_from_group((MPI_Group)0x77777777, "tag", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm) ==
               MPI_ERR_GROUP;
    refused += MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, (MPI_Session *)0xfffffffe) != MPI_SUCCESS;
    printf("refused: %d\n", refused);
    MPI_Group_free(&group);
    MPI_Group_free(&other);
    MPI_Session_finalize(&session);
}

static int begins(MPI_Comm comm, int key, void *value, void *state)
{
    (void)comm, (void)key, (void)value, (void)state;
    begin(MPI_ERRORS_RETURN);
    return MPI_SUCCESS;
}

int sessions(const char *what)
{
    int rank = 0, key;
    MPI_Session session = MPI_SESSION_NULL;
    MPI_Comm comm;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(what, "session-again")) {
        again();
    } else if (!strcmp(what, "session-arguments")) {
        wrong_arguments();
    } else if (!strcmp(what, "session-left")) { /* ended by the end of the process */
        session = begin(MPI_ERRORS_RETURN);
        comm = all_of(session);
        printf("left: %d\n", ring(comm));
    } else if (!strcmp(what, "session-over")) {
        session = begin(MPI_ERRORS_RETURN);
        comm = all_of(session);
        MPI_Session_finalize(&session);
        MPI_Comm_rank(comm, &rank);
    } else if (!strcmp(what, "session-worldless")) {
        session = begin(MPI_ERRORS_RETURN);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    } else if (!strcmp(what, "session-finalize")) {
        session = begin(MPI_ERRORS_RETURN);
        MPI_Finalize();
    } else if (!strcmp(what, "session-trap")) {
        session = begin(MPI_ERRORS_RETURN);
        comm = all_of(session);
        MPI_Comm_rank(comm, &rank);
        if (rank == 1)
            *(volatile int *)0xfff00000u = 1;
        ring(comm);
    } else if (!strcmp(what, "session-abort")) {
        session = begin(MPI_ERRORS_RETURN);
        comm = all_of(session);
        MPI_Comm_rank(comm, &rank);
        if (rank == 1)
            MPI_Abort(comm, 9);
        ring(comm);
    } else if (!strcmp(what, "session-in-finalize")) {
        MPI_Init(NULL, NULL);
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, begins, &key, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, key, &rank);
        MPI_Finalize();
    } else if (!strcmp(what, "session-after")) {
        MPI_Init(NULL, NULL);
        MPI_Finalize();
        session = begin(MPI_ERRORS_RETURN);
    } else if (!strcmp(what, "session-freed")) {
        session = begin(MPI_ERRORS_RETURN);
        MPI_Session copy = session, other = begin(MPI_ERRORS_RETURN);
        MPI_Session_finalize(&session);
        MPI_Session_finalize(&copy);
        MPI_Session_finalize(&other);
    } else {
        return 99;
    }
    return 0;
}
