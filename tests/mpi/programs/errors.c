/* Error handlers and classes: what a program that checks return codes sees. */
#include "say.h"

static int handled, handled_class, handled_comm_rank;

static void handler(MPI_Comm *comm, int *code, ...)
{
    handled++;
    MPI_Error_class(*code, &handled_class);
    MPI_Comm_rank(*comm, &handled_comm_rank);
}

static const char *class_name(int code)
{
    int class;
    MPI_Error_class(code, &class);
#define NAME(c) if (class == MPI_##c) return #c
    NAME(SUCCESS); NAME(ERR_BUFFER); NAME(ERR_COUNT); NAME(ERR_TYPE); NAME(ERR_TAG); NAME(ERR_COMM); NAME(ERR_RANK);
    NAME(ERR_ROOT); NAME(ERR_GROUP); NAME(ERR_OP); NAME(ERR_ARG); NAME(ERR_TRUNCATE); NAME(ERR_IN_STATUS);
    NAME(ERR_REQUEST); NAME(ERR_INFO); NAME(ERR_INFO_NOKEY); NAME(ERR_DIMS); NAME(ERR_TOPOLOGY); NAME(ERR_KEYVAL);
    return "another class";
}

static void say_class(const char *what, int code)
{
    say("%s: %s\n", what, class_name(code));
}

int main(void)
{
    int data[4] = {1, 2, 3, 4}, small[1], code, new_class, new_code, length;
    MPI_Errhandler eh, got;
    MPI_Comm comm;
    MPI_Request requests[2];
    MPI_Status statuses[2];
    char text[MPI_MAX_ERROR_STRING];
    begin();
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &got);
    say("default fatal: %d\n", got == MPI_ERRORS_ARE_FATAL);
    MPI_Errhandler_free(&got);
    say("null: %d\n", got == MPI_ERRHANDLER_NULL);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_get_errhandler(comm, &got);
    say("returns: %d\n", got == MPI_ERRORS_RETURN);

    say_class("negative count", MPI_Send(data, -1, MPI_INT, rank, 0, comm));
    say_class("null datatype", MPI_Send(data, 1, MPI_DATATYPE_NULL, rank, 0, comm));
    say_class("rank too big", MPI_Send(data, 1, MPI_INT, size, 0, comm));
    say_class("negative tag", MPI_Send(data, 1, MPI_INT, rank, -5, comm));
    say_class("null buffer", MPI_Send(NULL, 1, MPI_INT, rank, 0, comm));
    say_class("root too big", MPI_Bcast(data, 1, MPI_INT, size, comm));
    say_class("null op", MPI_Allreduce(data, small, 1, MPI_INT, MPI_OP_NULL, comm));
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    say_class("null comm", MPI_Comm_rank(MPI_COMM_NULL, &length));
    say_class("null group", MPI_Group_size(MPI_GROUP_NULL, &length));

    MPI_Isend(data, 4, MPI_INT, rank, 1, comm, &requests[0]);
    code = MPI_Recv(small, 1, MPI_INT, rank, 1, comm, &statuses[0]);
    say_class("truncated", code);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Isend(data, 4, MPI_INT, rank, 2, comm, &requests[0]);
    MPI_Irecv(small, 1, MPI_INT, rank, 2, comm, &requests[1]);
    code = MPI_Waitall(2, requests, statuses);
    say_class("waitall", code);
    say_class("its send", statuses[0].MPI_ERROR);
    say_class("its receive", statuses[1].MPI_ERROR);

    MPI_Comm_create_errhandler(handler, &eh);
    MPI_Comm_set_errhandler(comm, eh);
    MPI_Errhandler_free(&eh); /* stays in use */
    code = MPI_Send(data, 1, MPI_INT, size + 3, 0, comm);
    say("handled %d as %s, rank %d, returned %s\n", handled, class_name(handled_class), handled_comm_rank == rank ? 0 : 1,
        class_name(code));
    code = MPI_Recv(small, -7, MPI_INT, rank, 1, comm, MPI_STATUS_IGNORE);
    say("handled %d as %s\n", handled, class_name(handled_class));
    MPI_Comm_call_errhandler(comm, MPI_ERR_OTHER);
    say("called: %d\n", handled);
    MPI_Comm_get_errhandler(comm, &got);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(comm, got);
    MPI_Errhandler_free(&got);
    MPI_Send(data, 1, MPI_INT, rank, -9, comm);
    say("set again: %d\n", handled);

    MPI_Add_error_class(&new_class);
    MPI_Add_error_code(new_class, &new_code);
    MPI_Add_error_string(new_class, "our class");
    MPI_Add_error_string(new_code, "our code");
    MPI_Error_string(new_class, text, &length);
    say("%s %d\n", text, length);
    MPI_Error_string(new_code, text, &length);
    say("%s %d\n", text, length);
    MPI_Error_class(new_code, &code);
    say("class of code: %d, above last: %d\n", code == new_class, new_class > MPI_ERR_LASTCODE);
    MPI_Comm_call_errhandler(comm, new_code);
    say("ours handled: %d %d\n", handled, handled_class == new_class);
    MPI_Comm_free(&comm);

    return finish();
}
