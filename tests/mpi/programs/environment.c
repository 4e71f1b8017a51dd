/* Init_thread, names, versions, time, error classes and strings. */
#include "say.h"

int main(void)
{
    int flag, provided, length, version, subversion, class;
    char text[MPI_MAX_LIBRARY_VERSION_STRING];

    MPI_Initialized(&flag);
    say("initialized before: %d\n", flag);
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Initialized(&flag);
    say("initialized: %d, provides enough: %d\n", flag, provided >= MPI_THREAD_FUNNELED);
    MPI_Finalized(&flag);
    say("finalized: %d\n", flag);
    MPI_Query_thread(&version);
    say("query agrees: %d\n", version == provided);
    MPI_Is_thread_main(&flag);
    say("main thread: %d\n", flag);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Get_processor_name(text, &length);
    say("processor name %s %d\n", text, length == (int)strlen(text));
    MPI_Get_version(&version, &subversion);
    say("version at least 3.1: %d\n", version > 3 || (version == 3 && subversion >= 1));
    MPI_Get_library_version(text, &length);
    say("library version: %d\n", length > 0);
    double t0 = MPI_Wtime();
    while (MPI_Wtime() < t0 + 0.01)
        ;
    say("time passes: %d, tick %d\n", MPI_Wtime() - t0 >= 0.01, MPI_Wtick() > 0 && MPI_Wtick() < 0.01);
    MPI_Pcontrol(1);
    int classes[] = {MPI_ERR_BUFFER, MPI_ERR_COUNT, MPI_ERR_TYPE, MPI_ERR_TAG, MPI_ERR_COMM, MPI_ERR_RANK,
                     MPI_ERR_ROOT, MPI_ERR_GROUP, MPI_ERR_OP, MPI_ERR_ARG, MPI_ERR_TRUNCATE, MPI_ERR_OTHER,
                     MPI_ERR_INTERN, MPI_ERR_REQUEST, MPI_ERR_INFO_KEY, MPI_ERR_IO, MPI_ERR_WIN, MPI_SUCCESS};
    for (unsigned i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        MPI_Error_class(classes[i], &class);
        int rc = MPI_Error_string(classes[i], text, &length);
        say("class %u: %d %d %d\n", i, class == classes[i], rc, length > 0);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return finish();
}
