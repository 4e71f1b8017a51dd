/* Functions of MPI 4.1 that hosts need not have. Natively the expected results are said. */
#include "say.h"

#ifdef __wasm__
#define HERE(call, expected) (call)
#else
#define HERE(call, expected) (expected)
#endif

static void say_status(const char *name, const MPI_Status *status)
{
    int n;
    MPI_Get_count(status, MPI_INT, &n);
    say("%s: source %d tag %d count %d\n", name, status->MPI_SOURCE == MPI_ANY_SOURCE ? -1 : status->MPI_SOURCE,
        status->MPI_TAG == MPI_ANY_TAG ? -1 : status->MPI_TAG, n);
}

/* What the requests say without being completed: `mask` of them are. */
static void ask(const char *name, MPI_Request *requests, int mask, const int *tags)
{
    int flag = 7, index = 7, count = 7, indices[4] = {7, 7, 7, 7}, active = 0;
    MPI_Status statuses[4], status;
    for (int i = 0; i < 4; i++)
        active += requests[i] != MPI_REQUEST_NULL && tags[i] >= 0;
#ifdef __wasm__
    MPI_Request_get_status_all(4, requests, &flag, statuses);
#else
    flag = mask == 15;
    for (int i = 0; i < 4 && flag; i++)
        MPI_Request_get_status(requests[i], &flag, &statuses[i]);
#endif
    say("%s: all %d\n", name, flag);
    for (int i = 0; i < 4 && flag; i++)
        say_status("  all", &statuses[i]);
    int first = -1, n = 0;
    for (int i = 3; i >= 0; i--)
        if ((mask & 1 << i) && requests[i] != MPI_REQUEST_NULL && tags[i] >= 0)
            first = i, n++;
#ifdef __wasm__
    MPI_Request_get_status_any(4, requests, &index, &flag, &status);
#else
    flag = first >= 0 || active == 0;
    index = first >= 0 ? first : MPI_UNDEFINED;
    if (flag)
        MPI_Request_get_status(first >= 0 ? requests[first] : MPI_REQUEST_NULL, &flag, &status);
#endif
    say("%s: any %d %d\n", name, flag, index == MPI_UNDEFINED ? -1 : index);
    if (flag)
        say_status("  any", &status);
#ifdef __wasm__
    MPI_Request_get_status_some(4, requests, &count, indices, statuses);
#else
    count = active == 0 ? MPI_UNDEFINED : 0;
    for (int i = 0; i < 4 && active; i++)
        if ((mask & 1 << i) && requests[i] != MPI_REQUEST_NULL && tags[i] >= 0) {
            MPI_Request_get_status(requests[i], &flag, &statuses[count]);
            indices[count++] = i;
        }
#endif
    say("%s: some %d", name, count == MPI_UNDEFINED ? -1 : count);
    for (int i = 0; i < 4; i++)
        say(" %d", indices[i]);
    say("\n");
    for (int i = 0; i < count && count != MPI_UNDEFINED; i++)
        say_status("  some", &statuses[i]);
}

static void statuses(void)
{
    int out[4][4], in[4] = {1, 2, 3, 4}, flag, tags[4] = {0, 1, 2, -1};
    MPI_Request requests[4], inactive;
    for (int i = 0; i < 3; i++)
        MPI_Irecv(out[i], 4, MPI_INT, 0, i, MPI_COMM_SELF, &requests[i]);
    MPI_Recv_init(out[3], 4, MPI_INT, 0, 3, MPI_COMM_SELF, &requests[3]); /* never started */
    inactive = requests[3];
    ask("none", requests, 8, tags);
    for (int i = 2; i >= 0; i--) {
        MPI_Send(in, i + 1, MPI_INT, 0, i, MPI_COMM_SELF);
        do /* progress */
            MPI_Request_get_status(requests[i], &flag, MPI_STATUS_IGNORE);
        while (!flag);
        ask("more", requests, 15 & ~((1 << i) - 1), tags);
    }
    MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
    ask("waited", requests, 15, tags);
    say("kept %d\n", requests[3] == inactive && requests[0] == MPI_REQUEST_NULL);
    MPI_Request_free(&requests[3]);
#ifdef __wasm__
    MPI_Request_get_status_all(4, requests, &flag, MPI_STATUSES_IGNORE);
    MPI_Request_get_status_all(0, NULL, &flag, MPI_STATUSES_IGNORE);
#else
    flag = 1;
#endif
    say("ignored %d\n", flag);
}

static void pairs(void)
{
    MPI_Datatype pair = MPI_DATATYPE_NULL;
#define PAIR(value, index, expected)                                                               \
    (void)HERE(MPI_Type_get_value_index(value, index, &pair), (pair = expected, 0));               \
    say("%s %s: %d\n", #value, #index, pair == expected)
    PAIR(MPI_FLOAT, MPI_INT, MPI_FLOAT_INT);
    PAIR(MPI_DOUBLE, MPI_INT, MPI_DOUBLE_INT);
    PAIR(MPI_LONG, MPI_INT, MPI_LONG_INT);
    PAIR(MPI_INT, MPI_INT, MPI_2INT);
    PAIR(MPI_SHORT, MPI_INT, MPI_SHORT_INT);
    PAIR(MPI_LONG_DOUBLE, MPI_INT, MPI_LONG_DOUBLE_INT);
    PAIR(MPI_DOUBLE, MPI_DOUBLE, MPI_DATATYPE_NULL);
    PAIR(MPI_BYTE, MPI_INT, MPI_DATATYPE_NULL);
}

static void say_error(const char *name, int code, int class)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int length, found = -1;
    MPI_Error_string(code, text, &length);
    MPI_Error_class(code, &found);
    say("%s: \"%s\", class right %d\n", name, text, found == class);
}

static void error_codes(void)
{
    int class, code, other, again, refused = 0;
    MPI_Add_error_class(&class);
    MPI_Add_error_code(class, &code);
    MPI_Add_error_code(MPI_ERR_IO, &other);
    MPI_Add_error_string(class, "a class");
    MPI_Add_error_string(code, "a code");
    say_error("class", class, class);
    say_error("code", code, class);
    say_error("other", other, MPI_ERR_IO);
#ifdef __wasm__
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Remove_error_string(code);
    say_error("removed string", code, class);
    refused += MPI_Remove_error_class(class) != MPI_SUCCESS; /* has a code */
    refused += MPI_Remove_error_class(code) != MPI_SUCCESS;
    refused += MPI_Remove_error_code(class) != MPI_SUCCESS;
    refused += MPI_Remove_error_code(MPI_ERR_IO) != MPI_SUCCESS;
    refused += MPI_Remove_error_string(MPI_ERR_IO) != MPI_SUCCESS;
    MPI_Remove_error_code(code);
    refused += MPI_Remove_error_code(code) != MPI_SUCCESS;
    refused += MPI_Add_error_string(code, "gone") != MPI_SUCCESS;
    MPI_Remove_error_class(class);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
    for (int i = 0; i < 10000; i++) { /* more than there is room for at a time */
        MPI_Add_error_class(&again);
        MPI_Add_error_code(again, &code);
        MPI_Remove_error_code(code);
        MPI_Remove_error_class(again);
    }
#else
    MPI_Add_error_string(code, "");
    say_error("removed string", code, class);
    refused = 7;
#endif
    MPI_Add_error_class(&again);
    MPI_Add_error_string(again, "another");
    say_error("another", again, again);
    say("refused %d\n", refused);
}

static void buffers(void)
{
    static char space[1000 + MPI_BSEND_OVERHEAD];
    void *address = NULL;
    int x = 5, y = 0, bytes = 0;
    (void)HERE(MPI_Buffer_flush(), 0);
    MPI_Buffer_attach(space, sizeof space);
    for (int i = 0; i < 20; i++) { /* more than fit without the flush */
        MPI_Bsend(space, 0, MPI_CHAR, MPI_PROC_NULL, 1, MPI_COMM_SELF);
        MPI_Bsend(&x, 1, MPI_INT, 0, 1, MPI_COMM_SELF);
        MPI_Recv(&y, 1, MPI_INT, 0, 1, MPI_COMM_SELF, MPI_STATUS_IGNORE);
        (void)HERE(MPI_Buffer_flush(), 0);
    }
    MPI_Buffer_detach(&address, &bytes);
    say("buffer %d %d %d\n", address == space, bytes == (int)sizeof space, y);
}

static void infos(void)
{
    MPI_Info info = MPI_INFO_NULL;
    int n = 0, same = 0;
    (void)HERE(MPI_Info_create_env(0, NULL, &info), MPI_Info_dup(MPI_INFO_ENV, &info));
    MPI_Info_get_nkeys(MPI_INFO_ENV, &same);
    MPI_Info_get_nkeys(info, &n);
    say("environment %d\n", n == same);
    MPI_Info_free(&info);
    (void)HERE(MPI_Get_hw_resource_info(&info), MPI_Info_create(&info));
    MPI_Info_get_nkeys(info, &n);
    say("hardware %d\n", n);
    MPI_Info_free(&info);
}

int main(void)
{
    begin();
    statuses();
    pairs();
    error_codes();
    buffers();
    infos();
    return finish();
}
