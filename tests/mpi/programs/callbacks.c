/* In which order callbacks run: attributes of communicators, datatypes and windows, at duplication, freeing and
 * MPI_Finalize; generalized requests among others in lists; what statuses say of them. */
#include "say.h"

static const char *const names[] = {"a", "b", "c", "d"};

static int copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)key;
    say("copy %s of %s\n", (char *)in, (char *)extra);
    *(void **)out = in;
    *flag = *(char *)in != 'c';
    return MPI_SUCCESS;
}

static int drop(MPI_Comm comm, int key, void *value, void *extra)
{
    (void)comm, (void)key;
    say("delete %s of %s\n", (char *)value, (char *)extra);
    return MPI_SUCCESS;
}

static int refuse_copy(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag)
{
    (void)comm, (void)key, (void)extra, (void)in, (void)out, (void)flag;
    return MPI_ERR_INTERN;
}

static int type_copy(MPI_Datatype type, int key, void *extra, void *in, void *out, int *flag)
{
    (void)type, (void)key;
    say("copy %s of %s\n", (char *)in, (char *)extra);
    *(void **)out = in;
    *flag = 1;
    return MPI_SUCCESS;
}

static int type_drop(MPI_Datatype type, int key, void *value, void *extra)
{
    (void)type, (void)key;
    say("delete %s of %s\n", (char *)value, (char *)extra);
    return MPI_SUCCESS;
}

static int win_drop(MPI_Win win, int key, void *value, void *extra)
{
    int *base, flag;
    (void)key;
    MPI_Win_get_attr(win, MPI_WIN_BASE, &base, &flag); /* still a window */
    say("delete %s of %s, window %d\n", (char *)value, (char *)extra, flag);
    return MPI_SUCCESS;
}

static void communicators(void)
{
    MPI_Comm comm, dup;
    int keys[4], flag;
    char *value;
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    for (int i = 0; i < 4; i++) {
        MPI_Comm_create_keyval(copy, drop, &keys[i], "communicator");
        MPI_Comm_set_attr(comm, keys[i], (void *)names[i]);
    }
    say("dup\n");
    MPI_Comm_dup(comm, &dup);
    MPI_Comm_get_attr(dup, keys[2], &value, &flag);
    say("c copied %d\n", flag);
    say("set again\n");
    MPI_Comm_set_attr(dup, keys[0], (void *)names[3]); /* deletes the old value */
    say("free\n");
    MPI_Comm_free(&dup);
    for (int i = 0; i < 4; i++)
        MPI_Comm_free_keyval(&keys[i]);
    say("free the first\n");
    MPI_Comm_free(&comm);

    /* A copy that fails makes no duplicate. */
    MPI_Comm_dup(MPI_COMM_SELF, &comm);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_create_keyval(refuse_copy, MPI_COMM_NULL_DELETE_FN, &keys[0], NULL);
    MPI_Comm_set_attr(comm, keys[0], NULL);
    say("dup refused %d\n", MPI_Comm_dup(comm, &dup) != MPI_SUCCESS);
    MPI_Comm_free_keyval(&keys[0]);
    MPI_Comm_free(&comm);
}

static void types_and_windows(void)
{
    MPI_Datatype type, dup;
    MPI_Win win;
    int key, memory[4];
    MPI_Type_contiguous(2, MPI_INT, &type);
    MPI_Type_create_keyval(type_copy, type_drop, &key, "type");
    MPI_Type_set_attr(type, key, (void *)names[0]);
    MPI_Type_dup(type, &dup);
    MPI_Type_free_keyval(&key);
    MPI_Type_free(&type);
    say("the duplicate\n");
    MPI_Type_free(&dup);
    MPI_Win_create(memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
    MPI_Win_create_keyval(MPI_WIN_NULL_COPY_FN, win_drop, &key, "window");
    MPI_Win_set_attr(win, key, (void *)names[1]);
    MPI_Win_free_keyval(&key);
    MPI_Win_free(&win);
}

/* ---- Generalized requests --------------------------------------------------------------------------------------- */

typedef struct state {
    const char *name;
    int count, cancelled, error;
} state;

static int query_fn(void *extra, MPI_Status *status)
{
    state *s = extra;
    say("query %s\n", s->name);
    MPI_Status_set_elements(status, MPI_DOUBLE, s->count);
    MPI_Status_set_cancelled(status, s->cancelled);
    status->MPI_SOURCE = 3;
    status->MPI_TAG = s->count + 10;
    return s->error ? MPI_ERR_OTHER : MPI_SUCCESS;
}

static int free_fn(void *extra)
{
    say("free %s\n", ((state *)extra)->name);
    return MPI_SUCCESS;
}

static int cancel_fn(void *extra, int complete)
{
    state *s = extra;
    say("cancel %s %d\n", s->name, complete);
    s->cancelled = !complete;
    return MPI_SUCCESS;
}

static void say_status(const char *what, MPI_Status *status)
{
    int count, cancelled;
    MPI_Get_count(status, MPI_DOUBLE, &count);
    MPI_Test_cancelled(status, &cancelled);
    say("%s: source %d, tag %d, count %d, cancelled %d\n", what, status->MPI_SOURCE, status->MPI_TAG, count, cancelled);
}

static void lists(void)
{
    state s[3] = {{"x", 1, 0, 0}, {"y", 2, 0, 0}, {"z", 3, 0, 0}};
    MPI_Request requests[5];
    MPI_Status statuses[5];
    double in = -1, out = rank;
    int indices[5], n, flag, index, peer = size - 1 - rank;
    MPI_Irecv(&in, 1, MPI_DOUBLE, peer, 5, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(&out, 1, MPI_DOUBLE, peer, 5, MPI_COMM_WORLD, &requests[3]);
    for (int i = 0; i < 3; i++)
        MPI_Grequest_start(query_fn, free_fn, cancel_fn, &s[i], &requests[i == 2 ? 4 : i + 1]);
    MPI_Testall(5, requests, &flag, statuses);
    say("testall %d\n", flag);
    for (int i = 0; i < 3; i++)
        MPI_Grequest_complete(requests[i == 2 ? 4 : i + 1]);
    MPI_Waitall(5, requests, statuses);
    say("received %g from %d\n", in, statuses[0].MPI_SOURCE == peer);
    say_status("x", &statuses[1]);
    say_status("y", &statuses[2]);
    say_status("z", &statuses[4]);

    for (int i = 0; i < 3; i++)
        MPI_Grequest_start(query_fn, free_fn, cancel_fn, &s[i], &requests[i]);
    MPI_Grequest_complete(requests[1]);
    MPI_Waitsome(3, requests, &n, indices, statuses);
    say("waitsome %d: %d\n", n, indices[0]);
    say_status("y", &statuses[0]);
    MPI_Cancel(&requests[0]);
    MPI_Grequest_complete(requests[0]);
    MPI_Waitany(3, requests, &index, statuses);
    say("waitany %d\n", index);
    say_status("x", &statuses[0]);
    MPI_Request_get_status(requests[2], &flag, statuses);
    say("get_status %d\n", flag);
    MPI_Grequest_complete(requests[2]);
    MPI_Cancel(&requests[2]);
    MPI_Request_get_status(requests[2], &flag, statuses);
    say_status("get_status", statuses);
    MPI_Request_free(&requests[2]);
    say("freed\n");
}

static void statuses_that_we_set(void)
{
    MPI_Status status;
    MPI_Count elements;
    int flag, n;
    memset(&status, 0, sizeof status);
    MPI_Status_set_elements_x(&status, MPI_DOUBLE_INT, 7);
    MPI_Get_elements_x(&status, MPI_DOUBLE_INT, &elements);
    MPI_Get_count(&status, MPI_DOUBLE_INT, &n);
    say("elements %lld count %d\n", (long long)elements, n == MPI_UNDEFINED ? -1 : n);
    MPI_Status_set_cancelled(&status, 1);
    MPI_Test_cancelled(&status, &flag);
    say("cancelled %d\n", flag);
    MPI_Status_set_cancelled(&status, 0);
    MPI_Test_cancelled(&status, &flag);
    say("cancelled %d\n", flag);
}

/* ---- At the end --------------------------------------------------------------------------------------------------- */

/* MPI works while attributes of MPI_COMM_SELF are deleted, last set first (MPI 4.1, 11.2.4); printed at once, since
 * nothing can be sent any more after it. */
static int at_finalize(MPI_Comm comm, int key, void *value, void *extra)
{
    int initialized, finalized, same, sum = 0;
    (void)key, (void)extra;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    MPI_Comm_compare(comm, MPI_COMM_SELF, &same);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, comm);
    if (rank == 0)
        printf("finalize deletes %s: initialized %d, finalized %d, self %d, sum %d\n", (char *)value, initialized,
               finalized, same == MPI_IDENT, sum);
    fflush(stdout);
    return MPI_SUCCESS;
}

int main(void)
{
    int key;
    begin();
    communicators();
    types_and_windows();
    lists();
    statuses_that_we_set();
    for (int i = 0; i < 4; i++) {
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, at_finalize, &key, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, key, (void *)names[i]);
        if (i % 2)
            MPI_Comm_free_keyval(&key); /* lives on in the attribute */
    }
    return finish();
}
