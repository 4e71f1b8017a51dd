/* The tool information interface: before MPI_Init, between, and after MPI_Finalize. What a host library has differs; what it
 * says of itself must be the same for a guest. */
#include "say.h"

static const char *error_name(int code)
{
#define NAME(c) if (code == MPI_T_##c) return #c
    NAME(ERR_NOT_INITIALIZED); NAME(ERR_INVALID_INDEX); NAME(ERR_INVALID_HANDLE); NAME(ERR_INVALID_NAME); NAME(ERR_INVALID);
    NAME(ERR_INVALID_SESSION); NAME(ERR_CVAR_SET_NEVER); NAME(ERR_CVAR_SET_NOT_NOW); NAME(ERR_PVAR_NO_WRITE);
    NAME(ERR_PVAR_NO_STARTSTOP); NAME(ERR_PVAR_NO_ATOMIC); NAME(ERR_INVALID_ITEM);
    return code == MPI_SUCCESS ? "success" : "another error";
}

#define GUARD 0x5a
static unsigned char value[1 << 16];

/* Bytes at the beginning of `value` that a read has changed, at the most. */
static int changed(void)
{
    int n = sizeof value;
    while (n > 0 && value[n - 1] == GUARD)
        n--;
    return n;
}

static int size_of(MPI_Datatype type)
{
    if (type == MPI_CHAR || type == MPI_C_BOOL)
        return 1;
    if (type == MPI_INT || type == MPI_UNSIGNED || type == MPI_INT32_T || type == MPI_UINT32_T)
        return 4;
    return 8;
}

/* All control variables: names lead back to their variables, values fit their types. */
static void control_variables(void)
{
    int n = 0, other = 0, unread = 0, too_long = 0, kept = 0, named = 0;
    say("number: %s\n", error_name(MPI_T_cvar_get_num(&n)));
    for (int i = 0; i < n; i++) {
        char name[512], desc[8192];
        int name_len = sizeof name, desc_len = sizeof desc, verbosity, bind, scope, index = -1, count = 0;
        MPI_Datatype type;
        MPI_T_enum enumtype;
        MPI_T_cvar_handle handle;
        if (MPI_T_cvar_get_info(i, name, &name_len, &verbosity, &type, &enumtype, desc, &desc_len, &bind, &scope))
            continue;
        named++;
        other += MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS || index != i || name_len != (int)strlen(name) + 1;
        other += bind != MPI_T_BIND_NO_OBJECT || scope < MPI_T_SCOPE_CONSTANT || scope > MPI_T_SCOPE_ALL_EQ;
        other += verbosity < MPI_T_VERBOSITY_USER_BASIC || verbosity > MPI_T_VERBOSITY_MPIDEV_ALL;
        if (MPI_T_cvar_handle_alloc(i, NULL, &handle, &count) != MPI_SUCCESS) {
            other++;
            continue;
        }
        memset(value, GUARD, sizeof value);
        unread += MPI_T_cvar_read(handle, value) != MPI_SUCCESS;
        too_long += changed() > count * size_of(type);
        kept += MPI_T_cvar_handle_free(&handle) != MPI_SUCCESS || handle != MPI_T_CVAR_HANDLE_NULL;
    }
    say("some: %d, wrong: %d, unread: %d, too long: %d, kept: %d\n", named > 0, other, unread, too_long, kept);
    say("name: %s\n", error_name(MPI_T_cvar_get_index("no such variable", &n)));
    say("index refused: %d\n", MPI_T_cvar_get_info(1 << 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) != 0);
}

static void strings(void)
{
    char whole[512] = "", part[6] = "-----";
    int length = sizeof whole, zero = 0, five = 5, again = 7;
    MPI_T_cvar_get_info(0, whole, &length, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    MPI_T_cvar_get_info(0, part, &zero, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    say("length alone: %d %s\n", zero == length && length == (int)strlen(whole) + 1, part);
    MPI_T_cvar_get_info(0, NULL, &again, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    say("without a place: %d\n", again == length);
    MPI_T_cvar_get_info(0, part, &five, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
    say("cut: %d %d\n", !strncmp(part, whole, 4) && part[4] == 0, part[5]);
}

static void enumerations(void)
{
    int n = 0;
    MPI_T_cvar_get_num(&n);
    for (int i = 0, shown = 0; i < n && shown < 3; i++) {
        char name[512];
        int length = sizeof name, items = 0, item;
        MPI_T_enum enumtype = MPI_T_ENUM_NULL;
        if (MPI_T_cvar_get_info(i, name, &length, NULL, NULL, &enumtype, NULL, NULL, NULL, NULL) || enumtype == MPI_T_ENUM_NULL)
            continue;
        say("enumeration of %s:", name);
        length = sizeof name;
        say(" %s", error_name(MPI_T_enum_get_info(enumtype, &items, name, &length)));
        for (int k = 0; k < items; k++) {
            length = sizeof name;
            if (MPI_T_enum_get_item(enumtype, k, &item, name, &length) == MPI_SUCCESS)
                say(" %d=%s", item, name);
        }
        length = sizeof name;
        say(", then %s\n", error_name(MPI_T_enum_get_item(enumtype, items, &item, name, &length)));
        shown++;
    }
}

static void categories(void)
{
    int n = 0, wrong = 0, first, second, indices[4096];
    say("categories: %s\n", error_name(MPI_T_category_get_num(&n)));
    for (int i = 0; i < n; i++) {
        char name[512], desc[4096];
        int name_len = sizeof name, desc_len = sizeof desc, cvars, pvars, subcategories, index = -1;
        if (MPI_T_category_get_info(i, name, &name_len, desc, &desc_len, &cvars, &pvars, &subcategories))
            continue;
        wrong += MPI_T_category_get_index(name, &index) != MPI_SUCCESS || index != i;
        memset(indices, 0xff, sizeof indices);
        wrong += cvars < 4000 && (MPI_T_category_get_cvars(i, 4096, indices) != MPI_SUCCESS || indices[cvars] != -1);
        for (int k = 0; k < cvars && cvars < 4000; k++)
            wrong += indices[k] < 0;
        memset(indices, 0xff, sizeof indices);
        wrong += MPI_T_category_get_pvars(i, 1, indices) != MPI_SUCCESS || indices[1] != -1;
        wrong += MPI_T_category_get_categories(i, 1, indices) != MPI_SUCCESS || indices[1] != -1;
    }
    say("wrong: %d\n", wrong);
    say("index: %s\n", error_name(MPI_T_category_get_info(n + 100, NULL, NULL, NULL, NULL, NULL, NULL, NULL)));
    MPI_T_category_changed(&first);
    MPI_T_category_changed(&second);
    say("unchanged: %d\n", first == second);
}

static void writing(const char *name)
{
    int index, count, old = 0, now = 0;
    MPI_T_cvar_handle handle;
    if (MPI_T_cvar_get_index(name, &index) != MPI_SUCCESS) {
        say("%s: absent\n", name);
        return;
    }
    MPI_T_cvar_handle_alloc(index, NULL, &handle, &count);
    MPI_T_cvar_read(handle, &old);
    say("%s: %d", name, old);
    now = old + 1;
    say(" %s", error_name(MPI_T_cvar_write(handle, &now)));
    MPI_T_cvar_read(handle, &now);
    say(" %d\n", now - old);
    MPI_T_cvar_write(handle, &old);
    MPI_T_cvar_handle_free(&handle);
}

/* Open MPI counts unexpected messages for each peer in a communicator. */
static void queue(MPI_T_pvar_session session)
{
    int index, count = 0, data = 1;
    unsigned lengths[64];
    MPI_Comm comm;
    MPI_Request request;
    MPI_T_pvar_handle handle = MPI_T_PVAR_HANDLE_NULL;
    if (MPI_T_pvar_get_index("pml_ob1_unexpected_msgq_length", MPI_T_PVAR_CLASS_SIZE, &index) != MPI_SUCCESS) {
        say("no queue\n");
        return;
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    say("handle: %s", error_name(MPI_T_pvar_handle_alloc(session, index, &comm, &handle, &count)));
    say(" %d\n", count);
    MPI_Isend(&data, 1, MPI_INT, rank, 1, comm, &request);
    MPI_Barrier(comm);
    say("read: %s", error_name(MPI_T_pvar_read(session, handle, lengths)));
    say(" %u\n", lengths[rank]);
    MPI_Recv(&data, 1, MPI_INT, rank, 1, comm, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_T_pvar_read(session, handle, lengths);
    say("then: %u\n", lengths[rank]);
    say("all: %s", error_name(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES)));
    say(" %s", error_name(MPI_T_pvar_stop(session, MPI_T_PVAR_ALL_HANDLES)));
    say(" %s\n", error_name(MPI_T_pvar_reset(session, MPI_T_PVAR_ALL_HANDLES)));
    say("free: %s", error_name(MPI_T_pvar_handle_free(session, &handle)));
    say(" %d\n", handle == MPI_T_PVAR_HANDLE_NULL);
    MPI_Comm_free(&comm);
}

static void performance_variables(void)
{
    MPI_T_pvar_session session = MPI_T_PVAR_SESSION_NULL;
    int n = -1, index;
    say("variables: %s\n", error_name(MPI_T_pvar_get_num(&n)));
    for (int i = 0; i < n; i++) {
        char name[512];
        int length = sizeof name, class, bind, readonly, continuous, atomic;
        if (MPI_T_pvar_get_info(i, name, &length, NULL, &class, NULL, NULL, NULL, NULL, &bind, &readonly, &continuous, &atomic))
            continue;
        say("%s: class %d, bound %d, %d %d %d, index %d\n", name, class - MPI_T_PVAR_CLASS_STATE, bind - MPI_T_BIND_NO_OBJECT,
            !!readonly, !!continuous, !!atomic, MPI_T_pvar_get_index(name, class, &index) ? -1 : index == i);
    }
    say("name: %s\n", error_name(MPI_T_pvar_get_index("no such variable", MPI_T_PVAR_CLASS_LEVEL, &index)));
    say("session: %s", error_name(MPI_T_pvar_session_create(&session)));
    say(" %d\n", session != MPI_T_PVAR_SESSION_NULL);
    queue(session);
    say("free: %s", error_name(MPI_T_pvar_session_free(&session)));
    say(" %d\n", session == MPI_T_PVAR_SESSION_NULL);
}

int main(void)
{
    int provided = -1, n, class, length;
    char text[MPI_MAX_ERROR_STRING];
    say("before: %s\n", error_name(MPI_T_cvar_get_num(&n)));
    say("finalize before: %s\n", error_name(MPI_T_finalize()));
    say("init: %s", error_name(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided)));
    say(" %d\n", provided == MPI_THREAD_SINGLE);
    say("init again: %s\n", error_name(MPI_T_init_thread(MPI_THREAD_SINGLE, &provided)));
    control_variables();
    strings();
    enumerations();
    categories();
    writing("MPIR_CVAR_BCAST_SHORT_MSG_SIZE");
    writing("io_ompio_cycle_buffer_size");
    begin();
    writing("MPIR_CVAR_ALLREDUCE_SHORT_MSG_SIZE");
    performance_variables();
    MPI_Error_class(MPI_T_ERR_INVALID_HANDLE, &class);
    say("class: %d %d\n", class == MPI_T_ERR_INVALID_HANDLE,
        MPI_Error_string(MPI_T_ERR_INVALID_HANDLE, text, &length) == MPI_SUCCESS && length > 0);
    say("finalize: %s\n", error_name(MPI_T_finalize()));
    int last = rank == 0;
    finish();
    int after = MPI_T_cvar_get_num(&n); /* and no MPI_T_finalize: Open MPI 4 crashes in it now */
    if (last)
        printf("after MPI_Finalize: %s %d\n", error_name(after), n > 0);
    return 0;
}
