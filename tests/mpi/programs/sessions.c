/* Sessions without MPI_Init, then beside it. A host with MPI 3 has none. */
#include "say.h"

#if MPI_VERSION < 4 && !defined(__wasm__)
int main(void)
{
    printf("no sessions\n");
    return 0;
}
#else

static int handled, handled_class, handled_session;
static MPI_Session the_session;

static void handler(MPI_Session *session, int *code, ...)
{
    handled++;
    handled_session = *session == the_session;
    MPI_Error_class(*code, &handled_class);
}

/* Communicator of all processes, made of a session. */
static MPI_Comm communicator(MPI_Session session, const char *pset, const char *tag)
{
    MPI_Group group;
    MPI_Comm comm = MPI_COMM_NULL;
    MPI_Group_from_session_pset(session, pset, &group);
    MPI_Comm_create_from_group(group, tag, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm);
    MPI_Group_free(&group);
    return comm;
}

static void process_sets(MPI_Session session)
{
    int n = 0, flag;
    MPI_Session_get_num_psets(session, MPI_INFO_NULL, &n);
    for (int i = 0; i < n; i++) {
        char name[MPI_MAX_PSET_NAME_LEN], text[16] = "", short_name[4] = "---";
        int length = 0, three = 3;
        MPI_Info info;
        MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &length, NULL);
        int whole = length;
        MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &length, name);
        MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &three, short_name);
        MPI_Session_get_pset_info(session, name, &info);
        MPI_Info_get(info, "mpi_size", 15, text, &flag);
        say("set %s: %d %s, size %s %d\n", name, whole == (int)strlen(name) + 1, short_name, text, flag);
        MPI_Info_free(&info);
    }
}

/* The largest tag, a reduction, an error that is returned, a duplicate. */
static void use(MPI_Comm comm)
{
    int sum = 0, r, *tag_ub, flag, inter;
    MPI_Comm other;
    MPI_Comm_rank(comm, &r);
    MPI_Allreduce(&r, &sum, 1, MPI_INT, MPI_SUM, comm);
    MPI_Comm_get_attr(comm, MPI_TAG_UB, &tag_ub, &flag);
    int tag = flag ? *tag_ub : 0, x = r, y = -1;
    MPI_Comm_size(comm, &inter);
    MPI_Sendrecv(&x, 1, MPI_INT, (r + 1) % inter, tag, &y, 1, MPI_INT, (r + inter - 1) % inter, tag, comm, MPI_STATUS_IGNORE);
    say("sum %d, neighbour %d, tags %d\n", sum, y, tag > 32767);
    say("error returned: %d\n", MPI_Send(&x, 1, MPI_INT, 1000, 0, comm) != MPI_SUCCESS);
    MPI_Comm_dup(comm, &other);
    MPI_Comm_test_inter(other, &inter);
    MPI_Barrier(other);
    MPI_Comm_free(&other);
    say("duplicate: %d\n", inter);
}

static void handlers(MPI_Session session)
{
    MPI_Errhandler made, got;
    the_session = session;
    MPI_Session_create_errhandler(handler, &made);
    MPI_Session_get_errhandler(session, &got);
    say("made, was null: %d %d\n", made != MPI_ERRHANDLER_NULL, got == MPI_ERRHANDLER_NULL);
    MPI_Errhandler_free(&got);
    MPI_Session_set_errhandler(session, made);
    MPI_Errhandler_free(&made);
    MPI_Session_call_errhandler(session, MPI_ERR_OTHER);
    say("handled %d: session %d, class %d\n", handled, handled_session, handled_class == MPI_ERR_OTHER);
    MPI_Session_set_errhandler(session, MPI_ERRORS_RETURN);
    say("returned: %d\n", MPI_Session_call_errhandler(session, MPI_ERR_OTHER) == MPI_SUCCESS);
}

static void print(MPI_Comm comm)
{
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
    if (rank != 0)
        MPI_Send(said, said_length, MPI_CHAR, 0, 999, comm);
    else
        for (int r = 0; r < size; r++) {
            MPI_Status status;
            if (r > 0) {
                MPI_Recv(said, sizeof said, MPI_CHAR, r, 999, comm, &status);
                MPI_Get_count(&status, MPI_CHAR, &said_length);
            }
            printf("-- rank %d of %d\n%.*s", r, size, said_length, said);
        }
    said_length = 0;
}

static void sessions(void)
{
    MPI_Session session, second;
    MPI_Info info, used;
    MPI_Comm comm, alone;
    char text[64] = "";
    int flag = 0, initialized;

    MPI_Info_create(&info);
    MPI_Info_set(info, "thread_level", "MPI_THREAD_MULTIPLE");
    MPI_Info_get(info, "thread_level", 63, text, &flag);
    say("info before: %d %s\n", flag, text);
    say("init: %d\n", MPI_Session_init(info, MPI_ERRORS_RETURN, &session));
    MPI_Info_free(&info);
    MPI_Initialized(&initialized);
    say("initialized: %d\n", initialized);
    MPI_Session_get_info(session, &used);
    MPI_Info_get(used, "thread_level", 63, text, &flag);
    say("level: %d %s\n", flag, text);
    MPI_Info_free(&used);
    process_sets(session);
    handlers(session);
    comm = communicator(session, "mpi://WORLD", "all");
    use(comm);
    alone = communicator(session, "mpi://self", "alone");
    use(alone);
    MPI_Comm_free(&alone);
    say("second: %d\n", MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &second));
    say("different: %d\n", second != session);
    say("end: %d %d\n", MPI_Session_finalize(&second), second == MPI_SESSION_NULL);
    MPI_Init(NULL, NULL);
    MPI_Initialized(&initialized);
    say("initialized now: %d\n", initialized);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    use(MPI_COMM_WORLD);
    use(comm);
    MPI_Finalize();
    MPI_Finalized(&initialized);
    say("finalized: %d\n", initialized);
    use(comm); /* of the session, which has not ended */
    print(comm);
    MPI_Comm_free(&comm);
    int r = rank;
    int code = MPI_Session_finalize(&session);
    if (r == 0)
        printf("last: %d %d\n", code, session == MPI_SESSION_NULL);
}

int main(void)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    if (strstr(version, "Open MPI v4")) {
        printf("no sessions\n");
        return 0;
    }
    sessions();
    return 0;
}
#endif
