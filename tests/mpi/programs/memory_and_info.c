/* MPI_Alloc_mem, info objects, generalized requests. */
#include "say.h"

static int queried, freed, cancelled;

static int query_fn(void *extra, MPI_Status *status)
{
    queried++;
    MPI_Status_set_elements(status, MPI_INT, *(int *)extra);
    MPI_Status_set_cancelled(status, cancelled);
    status->MPI_SOURCE = 3;
    status->MPI_TAG = 4;
    return MPI_SUCCESS;
}

static int free_fn(void *extra)
{
    freed += *(int *)extra;
    return MPI_SUCCESS;
}

static int cancel_fn(void *extra, int complete)
{
    (void)extra;
    say("cancel: complete %d\n", complete);
    cancelled = 1;
    return MPI_SUCCESS;
}

static void info(void)
{
    MPI_Info info, dup;
    char key[MPI_MAX_INFO_KEY + 1], value[MPI_MAX_INFO_VAL + 1];
    int n, flag, length;
    MPI_Info_create(&info);
    MPI_Info_set(info, "first", "1");
    MPI_Info_set(info, "second", "a longer value");
    MPI_Info_get_nkeys(info, &n);
    say("%d keys\n", n);
    for (int i = 0; i < n; i++) {
        MPI_Info_get_nthkey(info, i, key);
        MPI_Info_get_valuelen(info, key, &length, &flag);
        MPI_Info_get(info, key, MPI_MAX_INFO_VAL, value, &flag);
        say("%s = %s (%d, %d)\n", key, value, length, flag);
    }
    MPI_Info_get(info, "third", 10, value, &flag);
    say("third: %d\n", flag);
    MPI_Info_dup(info, &dup);
    MPI_Info_delete(info, "first");
    MPI_Info_get_nkeys(info, &n);
    say("%d key\n", n);
    MPI_Info_get_nkeys(dup, &n);
    say("%d keys\n", n);
    MPI_Info_free(&info);
    MPI_Info_free(&dup);
    say("null %d\n", info == MPI_INFO_NULL);
    MPI_Comm comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Info_create(&info);
    MPI_Info_set(info, "our_hint", "yes");
    MPI_Comm_set_info(comm, info);
    MPI_Info_free(&info);
    MPI_Comm_get_info(comm, &info);
    say("got info %d\n", info != MPI_INFO_NULL);
    MPI_Info_free(&info);
    MPI_Comm_free(&comm);
    MPI_Info_get(MPI_INFO_ENV, "maxprocs", 10, value, &flag);
    say("env %d\n", flag ? atoi(value) >= 1 : -1);
}

static void generalized(void)
{
    MPI_Request request;
    MPI_Status status;
    int extra = 11, flag, count;
    MPI_Grequest_start(query_fn, free_fn, cancel_fn, &extra, &request);
    MPI_Test(&request, &flag, &status);
    say("incomplete %d\n", flag);
    MPI_Grequest_complete(request);
    MPI_Wait(&request, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    MPI_Test_cancelled(&status, &flag);
    say("complete: count %d source %d tag %d cancelled %d, queried %d freed %d null %d\n", count, status.MPI_SOURCE,
        status.MPI_TAG, flag, queried, freed, request == MPI_REQUEST_NULL);
    MPI_Grequest_start(query_fn, free_fn, cancel_fn, &extra, &request);
    MPI_Cancel(&request);
    MPI_Grequest_complete(request);
    MPI_Waitall(1, &request, &status);
    MPI_Test_cancelled(&status, &flag);
    say("cancelled %d, freed %d\n", flag, freed);
}

int main(void)
{
    begin();
    int *memory[20];
    for (int i = 0; i < 20; i++) {
        MPI_Alloc_mem((i + 1) * 1000 * sizeof(int), MPI_INFO_NULL, &memory[i]);
        for (int j = 0; j < (i + 1) * 1000; j++)
            memory[i][j] = i * j + rank;
    }
    int *heap = malloc(4000); /* does not overlap */
    memset(heap, 0xff, 4000);
    long check = 0;
    for (int i = 0; i < 20; i++) {
        for (int j = 0; j < (i + 1) * 1000; j++)
            check += memory[i][j] % 7;
        MPI_Free_mem(memory[i]);
    }
    free(heap);
    say("memory: %ld\n", check);
    info();
    generalized();
    return finish();
}
