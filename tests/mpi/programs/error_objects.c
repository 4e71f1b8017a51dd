/* Whose error handler is asked, which of two errors is told, and what is left in results: as the host has it. */
#include "say.h"

static int handled, handled_world;

static void handler(MPI_Comm *comm, int *code, ...)
{
    int same;
    (void)code;
    handled++;
    MPI_Comm_compare(*comm, MPI_COMM_WORLD, &same);
    handled_world = same == MPI_IDENT;
}

static int class_of(int code)
{
    int class = -1;
    MPI_Error_class(code, &class);
    return class;
}

static void say_class(const char *what, int code)
{
    int class = class_of(code);
    say("%s: %s\n", what, class == MPI_SUCCESS ? "success" : class == MPI_ERR_ARG ? "argument" :
        class == MPI_ERR_RANK ? "rank" : class == MPI_ERR_BUFFER ? "buffer" : class == MPI_ERR_COMM ? "communicator" :
        class == MPI_ERR_GROUP ? "group" : class == MPI_ERR_DIMS ? "dimensions" : "another");
}

/* MPICH asks MPI_COMM_WORLD's handler for objects whose own was never set. */
static void world_for_others(void)
{
    MPI_Comm dup, made = MPI_COMM_WORLD;
    MPI_Errhandler eh;
    MPI_Group group;
    MPI_Win win;
    int memory = 0, keyval;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup);
    MPI_Comm_group(dup, &group);
    MPI_Win_create(&memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_SELF, &win);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, &keyval, NULL);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    say_class("null result of a split", MPI_Comm_split(dup, 0, rank, NULL));
    say_class("null result of a create", MPI_Comm_create(dup, group, NULL));
    say("key of another kind: %d\n", MPI_Win_set_attr(win, keyval, &memory) != MPI_SUCCESS);

    MPI_Comm_create_errhandler(handler, &eh);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, eh);
    MPI_Errhandler_free(&eh);
    say_class("null result", MPI_Comm_split(dup, 0, rank, NULL));
    say("handled: %d, as the world's %d\n", handled, handled_world);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    MPI_Comm_set_errhandler(dup, MPI_ERRORS_RETURN);
    say_class("returned by its own", MPI_Comm_split(dup, 0, rank, NULL));
    MPI_Comm_split(dup, 0, rank, &made);
    say_class("and by one made from it", MPI_Comm_split(made, 0, rank, NULL));
    MPI_Comm_free(&made);
    MPI_Comm_free(&dup);
    MPI_Group_free(&group);
    MPI_Win_free(&win);
    MPI_Comm_free_keyval(&keyval);
}

/* Two errors in a call: MPICH tells that of the result's address. */
static void two_errors(MPI_Comm comm)
{
    MPI_Group group;
    int triplet[1][3] = {{size, size + 1, 1}};
    MPI_Comm_group(comm, &group);
    say_class("null group and ranges", MPI_Group_range_excl(group, 1, triplet, NULL));
    say_class("null group and ranges", MPI_Group_range_incl(group, 1, triplet, NULL));
    say_class("null communicator and leader", MPI_Intercomm_create(comm, 0, comm, size + 1, 5, NULL));
    MPI_Group_free(&group);
}

/* MPICH looks for aliased buffers where the same counts, and types, are passed for both. */
static void aliases(MPI_Comm comm)
{
    int n = size, *counts = malloc(n * sizeof *counts), *displs = malloc(n * sizeof *displs), *buffer = malloc(n * 4);
    MPI_Datatype *types = malloc(n * sizeof *types);
    MPI_Request request;
    for (int i = 0; i < n; i++)
        counts[i] = 1, displs[i] = i, buffer[i] = i, types[i] = MPI_INT;
    say_class("alltoallv", MPI_Alltoallv(buffer, counts, displs, MPI_INT, buffer, counts, displs, MPI_INT, comm));
    say_class("alltoallw", MPI_Alltoallw(buffer, counts, displs, types, buffer, counts, displs, types, comm));
    say_class("ialltoallv",
              MPI_Ialltoallv(buffer, counts, displs, MPI_INT, buffer, counts, displs, MPI_INT, comm, &request));
    say_class("ialltoallw",
              MPI_Ialltoallw(buffer, counts, displs, types, buffer, counts, displs, types, comm, &request));
    free(counts), free(displs), free(buffer), free(types);
}

/* The same arrays for both directions, and buffers that differ. */
static void shared_arrays(MPI_Comm comm)
{
    int n = size, *counts = malloc(n * sizeof *counts), *displs = malloc(n * sizeof *displs);
    int *from = malloc(n * sizeof *from), *to = malloc(n * sizeof *to);
    MPI_Datatype *types = malloc(n * sizeof *types);
    MPI_Request request;
    for (int i = 0; i < n; i++)
        counts[i] = 1, displs[i] = i, from[i] = 100 * rank + i, to[i] = -1, types[i] = MPI_INT;
    MPI_Alltoallv(from, counts, displs, MPI_INT, to, counts, displs, MPI_INT, comm);
    say_ints("alltoallv", to, n);
    for (int i = 0; i < n; i++)
        displs[i] = 4 * i, to[i] = -1;
    MPI_Alltoallw(from, counts, displs, types, to, counts, displs, types, comm);
    say_ints("alltoallw", to, n);
    MPI_Ialltoallw(to, counts, displs, types, from, counts, displs, types, comm, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    say_ints("ialltoallw", from, n);
    free(counts), free(displs), free(from), free(to), free(types);
}

/* An error handler of a file that says all is well: MPICH returns that. */
static void pardon(MPI_File *file, int *code, ...)
{
    (void)file;
    handled++;
    *code = MPI_SUCCESS;
}

static void pardoned(void)
{
    MPI_Errhandler eh;
    MPI_File file;
    MPI_File_create_errhandler(pardon, &eh);
    MPI_File_set_errhandler(MPI_FILE_NULL, eh);
    MPI_Errhandler_free(&eh);
    handled = 0;
    say("open: %d", MPI_File_open(MPI_COMM_SELF, "not-there", MPI_MODE_RDWR, MPI_INFO_NULL, &file) == MPI_SUCCESS);
    say(", handled %d\n", handled);
    MPI_File_set_errhandler(MPI_FILE_NULL, MPI_ERRORS_RETURN);
}

/* Info objects at any time (MPI 4.1, 11.4.1), where the host has MPI 4. */
static MPI_Info info_of_before(void)
{
    MPI_Info info;
    MPI_Info_create(&info);
    MPI_Info_set(info, "key", "before");
    return info;
}

static int info_of_after(MPI_Info before)
{
    char text[32] = "";
    int flag, keys = 0;
    MPI_Info info;
    MPI_Info_get(before, "key", sizeof text - 1, text, &flag);
    MPI_Info_dup(before, &info);
    MPI_Info_free(&before);
    MPI_Info_set(info, "another", "after");
    MPI_Info_get_nkeys(info, &keys);
    MPI_Info_free(&info);
    return flag && !strcmp(text, "before") && keys == 2 && before == MPI_INFO_NULL;
}

int main(void)
{
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length, mpich, result, dims[2], periods[2] = {0, 0};
    MPI_Comm comm, cart = MPI_COMM_WORLD;
    MPI_Info info = MPI_INFO_NULL;
    MPI_Get_library_version(version, &length);
    mpich = strstr(version, "MPICH") != NULL;
    if (mpich)
        info = info_of_before();
    begin();
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    shared_arrays(comm);
    if (mpich) {
        world_for_others();
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        two_errors(comm);
        aliases(comm);
        dims[0] = dims[1] = size + 1;
        say("too large a grid: %d", MPI_Cart_create(comm, 2, dims, periods, 0, &cart) != MPI_SUCCESS);
        say(", left null: %d\n", cart == MPI_COMM_NULL);
        pardoned();
    }
    MPI_Comm_free(&comm);
    result = finish();
    return mpich && !info_of_after(info) ? 1 : result;
}
