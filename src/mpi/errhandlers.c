/* Error handlers (MPI 4.1, 9.3): guest functions that the host calls when a communicator, window, file or session has an error.
 * The host passes no argument of ours, so each distinct guest function gets a trampoline of its own from a static pool
 * and keeps it: a freed handler that is still in use needs no bookkeeping. */
#include "mpi/callbacks.h"
#include "mpi/files.h"
#include "mpi/legacy.h"
#include "mpi/state.h"
#include "mpi/windows.h"
#include "shims.h"

typedef void errhandler_code(mw_context *context, mw_guest_addr object, mw_guest_addr error_code);
typedef void errhandler_varargs_code(mw_context *context, mw_guest_addr object, mw_guest_addr error_code, mw_guest_addr varargs);

#define POOL 256
typedef struct callback {
    const mw_func *func;
    bool varargs; /* clang passes a pointer to the variable arguments as a last parameter */
} callback;

/* One pool for the functions of all kinds of objects, and trampolines of each kind over it. */
static callback pool[POOL];
static uint32_t count;

/* What the guest's handler left in its code during a call, where it is not what it was given; else -1. */
static __thread int32_t left_code __attribute__((tls_model("initial-exec"))) = -1;

void mw_handler_begin(void)
{
    left_code = -1;
}

int32_t mw_handler_code(int32_t error)
{
#ifdef MPICH_VERSION
    return left_code >= 0 ? left_code : error;
#else
    return error;
#endif
}

static void call_guest(uint32_t index, mw_guest_word handle, int code)
{
    mw_instance *instance = mw_instance_here(mw_mpi_instance);
    const callback *c = &pool[index];
    const mw_func *func = mw_func_here(c->func);
    mw_guest_block block;
    int32_t guest_code = mw_guest_error_class(code);
    if (MW_LEGACY)
        guest_code = mw_legacy_error(guest_code);

    /* The handle, the code, and what stands for the variable arguments: two words of zeros. */
    enum { WORD = sizeof handle };
    if (!mw_guest_block_begin(instance, 4 * WORD, &block))
        mw_cannot_call("error handler", "no guest memory for its arguments");
    mw_guest_addr p = block.p.addr;
    memcpy(instance->memory0 + p, &handle, WORD);
    memcpy(instance->memory0 + p + WORD, &guest_code, sizeof guest_code);
    memset(instance->memory0 + p + 2 * WORD, 0, 2 * WORD);
    mw_callback_enter();
    if (c->varargs)
        ((errhandler_varargs_code *)func->code)(func->context, p, p + WORD, p + 2 * WORD);
    else
        ((errhandler_code *)func->code)(func->context, p, p + WORD);
    mw_callback_leave();
    int32_t left;
    memcpy(&left, instance->memory0 + p + WORD, sizeof left);
    left_code = left != guest_code && (left == MW_GUEST_SUCCESS || !MW_LEGACY) ? left : -1;
    mw_guest_block_end(instance, &block);
}

static void call_comm(uint32_t index, MPI_Comm host, int code)
{
    bool made;
    mw_guest_comm comm = mw_comm_of_host(host, &made);
    call_guest(index, MW_LEGACY ? mw_legacy_out_comm((uint32_t)comm.value) : comm.value, code);
    mw_comm_slot *slot = made ? mw_comm_find(comm) : NULL; /* the handler may have freed it */
    if (slot)
        mw_comm_free(slot);
}

static void call_win(uint32_t index, MPI_Win host, int code)
{
    call_guest(index, mw_win_of_host(host).value, code);
}

static void call_file(uint32_t index, MPI_File host, int code)
{
    call_guest(index, mw_file_of_host(host).value, code);
}

/* KIND_trampolines[i] calls function i of the pool. */
#define COMM_TRAMPOLINE(n)                                                                         \
    static void comm_##n(MPI_Comm *comm, int *code, ...)                                           \
    {                                                                                              \
        call_comm(n, *comm, *code);                                                                \
    }
#define COMM_ENTRY(n) comm_##n,
#define WIN_TRAMPOLINE(n)                                                                          \
    static void win_##n(MPI_Win *win, int *code, ...)                                              \
    {                                                                                              \
        call_win(n, *win, *code);                                                                  \
    }
#define WIN_ENTRY(n) win_##n,
#define FILE_TRAMPOLINE(n)                                                                         \
    static void file_##n(MPI_File *file, int *code, ...)                                           \
    {                                                                                              \
        call_file(n, *file, *code);                                                                \
    }
#define FILE_ENTRY(n) file_##n,
MW_REPEAT256(COMM_TRAMPOLINE, 0x0)
MW_REPEAT256(WIN_TRAMPOLINE, 0x0)
MW_REPEAT256(FILE_TRAMPOLINE, 0x0)
static MPI_Comm_errhandler_function *const comm_trampolines[POOL] = {MW_REPEAT256(COMM_ENTRY, 0x0)};
static MPI_Win_errhandler_function *const win_trampolines[POOL] = {MW_REPEAT256(WIN_ENTRY, 0x0)};
static MPI_File_errhandler_function *const file_trampolines[POOL] = {MW_REPEAT256(FILE_ENTRY, 0x0)};

#if MPI_VERSION >= 4
static void call_session(uint32_t index, MPI_Session host, int code)
{
    uint32_t handle = MW_GUEST_SESSION_NULL;
    for (uint32_t i = MW_FIRST_DYNAMIC_INDEX, n = mw_session_limit(); i < n; i++)
        if (mw_session_slots[i].head.self != 0 && mw_session_slots[i].host == host)
            handle = mw_session_slots[i].head.self;
    call_guest(index, handle, code);
}

#define SESSION_TRAMPOLINE(n)                                                                      \
    static void session_##n(MPI_Session *session, int *code, ...)                                  \
    {                                                                                              \
        call_session(n, *session, *code);                                                          \
    }
#define SESSION_ENTRY(n) session_##n,
MW_REPEAT256(SESSION_TRAMPOLINE, 0x0)
static MPI_Session_errhandler_function *const session_trampolines[POOL] = {MW_REPEAT256(SESSION_ENTRY, 0x0)};
#endif

/* Place of the guest's function in the pool, or -1 if it is full. */
static int index_of(const mw_func *func, bool varargs)
{
    uint32_t i = 0;

    pthread_mutex_lock(&mw_registry_lock);
    while (i < count && pool[i].func != func)
        i++;
    if (i == count && i < POOL)
        pool[count++] = (callback){func, varargs};
    pthread_mutex_unlock(&mw_registry_lock);
    return i < POOL ? (int)i : -1;
}

/* ---- Shims ------------------------------------------------------------------------------------------------------ */

/* Before the host makes the handler: a slot for it, where its handle goes, and which trampoline it calls. */
static int32_t begin_create(mw_call *call, mw_guest_ptr function, mw_guest_ptr errhandler, mw_errhandler_slot **slot,
                            mw_guest_word **out, int *index)
{
    MW_TRY(mw_out_word(call, "errhandler", errhandler, out));
    const mw_func *varargs = mw_guest_function(call->instance, function.addr, MW_BY_WIDTH("iii:", "III:"));
    const mw_func *func = varargs ? varargs : mw_guest_function(call->instance, function.addr, MW_BY_WIDTH("ii:", "II:"));
    if (!func)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, NULL, "%llu is not a function of an error handler's type",
                              (unsigned long long)function.addr);
    *index = index_of(func, varargs != NULL);
    *slot = *index >= 0 ? mw_errhandler_take() : NULL;
    return *slot ? MW_GUEST_SUCCESS : mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many error handlers");
}

static int32_t end_create(mw_errhandler_slot *slot, mw_handle_kind object, int rc, mw_guest_word *out)
{
    slot->object = object;
    *out = mw_errhandler_publish(slot).value;
    if (rc != MPI_SUCCESS) {
        mw_errhandler_free(slot);
        *out = MW_GUEST_ERRHANDLER_NULL;
    }
    return mw_result(rc);
}

/* The host may not look whether a handler is one for this kind of object. */
static int32_t in_handler(const mw_call *call, mw_guest_errhandler handle, mw_handle_kind object, MPI_Errhandler *out)
{
    MW_TRY(mw_in_errhandler(call, "errhandler", handle, out));
    mw_handle_kind kind = mw_errhandler_find(handle)->object;
    return kind == MW_KIND_NONE || kind == object
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_ARG, "errhandler", "0x%llx handles errors of another kind of object",
                                (unsigned long long)handle.value);
}

static int32_t out_handler(const mw_call *call, mw_handle_kind object, MPI_Errhandler host, mw_guest_word *out)
{
    static const uint16_t predefined[] = {MW_GUEST_ERRORS_ARE_FATAL, MW_GUEST_ERRORS_RETURN, MW_GUEST_ERRORS_ABORT};
    for (size_t i = 0; i < sizeof predefined / sizeof *predefined; i++)
        if (mw_errhandler_slots[predefined[i]].host == host) {
            *out = predefined[i];
            return MW_GUEST_SUCCESS;
        }
    mw_errhandler_slot *slot = mw_errhandler_take();
    if (!slot)
        return mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many error handlers");
    slot->host = host;
    slot->object = object;
    *out = mw_errhandler_publish(slot).value;
    return MW_GUEST_SUCCESS;
}

/* MPI_FILE_NULL has an error handler too: the one with which files are opened (14.7). */
static int32_t in_file_or_null(mw_call *call, const char *argument, mw_guest_file handle, const mw_file_slot **out)
{
    if (handle.value != MW_GUEST_FILE_NULL || !mw_mpi_running)
        return mw_in_file(call, argument, handle, out);
    *out = call->file = &mw_null_file;
    return MW_GUEST_SUCCESS;
}

/* Remembers that a fatal handler was set, for errors.c. */
static void note_comm(const mw_comm_slot *slot, bool fatal)
{
    ((mw_comm_slot *)slot)->own_fatal = fatal;
}
static void note_win(const mw_win_slot *slot, bool fatal)
{
    slot->window->own_fatal = fatal;
}
static void note_file(const mw_file_slot *slot, bool fatal)
{
    (void)slot, (void)fatal;
}

/* Create, set and get for one kind of object; the names of MPI 1 are those of communicators. */
#define CREATE_SHIM(name, Kind, kind, in_time)                                                     \
    int32_t mw_##name(mw_instance *instance, mw_guest_ptr function, mw_guest_ptr errhandler)       \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        mw_errhandler_slot *slot;                                                                  \
        mw_guest_word *out;                                                                        \
        int index;                                                                                 \
        MW_TRY(in_time(&call));                                                                    \
        MW_TRY(begin_create(&call, function, errhandler, &slot, &out, &index));                    \
        int rc = MPI_##Kind##_create_errhandler(kind##_trampolines[index], &slot->host);           \
        return end_create(slot, MW_KIND_##kind, rc, out);                                          \
    }
#define SET_SHIM(name, Kind, kind, in_object)                                                            \
    int32_t mw_##name(mw_instance *instance, mw_guest_##kind kind, mw_guest_errhandler errhandler) \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        const mw_##kind##_slot *slot;                                                              \
        MPI_Errhandler host;                                                                       \
        MW_TRY(in_object(&call, #kind, kind, &slot));                                              \
        MW_TRY(in_handler(&call, errhandler, MW_KIND_##kind, &host));                              \
        MW_TRY(mw_result(MPI_##Kind##_set_errhandler(slot->host, host)));                          \
        note_##kind(slot, errhandler.value == MW_GUEST_ERRORS_ARE_FATAL ||                         \
                              errhandler.value == MW_GUEST_ERRORS_ABORT);                          \
        return MW_GUEST_SUCCESS;                                                                   \
    }
#define GET_SHIM(name, Kind, kind, in_object)                                                            \
    int32_t mw_##name(mw_instance *instance, mw_guest_##kind kind, mw_guest_ptr errhandler)        \
    {                                                                                              \
        mw_call call = MW_CALL(#name);                                                             \
        const mw_##kind##_slot *slot;                                                              \
        MPI_Errhandler host;                                                                       \
        mw_guest_word *out;                                                                        \
        MW_TRY(in_object(&call, #kind, kind, &slot));                                              \
        MW_TRY(mw_out_word(&call, "errhandler", errhandler, &out));                                \
        MW_TRY(mw_result(MPI_##Kind##_get_errhandler(slot->host, &host)));                         \
        return out_handler(&call, MW_KIND_##kind, host, out);                                      \
    }
CREATE_SHIM(MPI_Comm_create_errhandler, Comm, comm, mw_in_running)
CREATE_SHIM(MPI_Errhandler_create, Comm, comm, mw_in_running)
CREATE_SHIM(MPI_Win_create_errhandler, Win, win, mw_in_running)
CREATE_SHIM(MPI_File_create_errhandler, File, file, mw_in_running)
SET_SHIM(MPI_Comm_set_errhandler, Comm, comm, mw_in_comm)
SET_SHIM(MPI_Errhandler_set, Comm, comm, mw_in_comm)
SET_SHIM(MPI_Win_set_errhandler, Win, win, mw_in_win)
SET_SHIM(MPI_File_set_errhandler, File, file, in_file_or_null)
GET_SHIM(MPI_Comm_get_errhandler, Comm, comm, mw_in_comm)
GET_SHIM(MPI_Errhandler_get, Comm, comm, mw_in_comm)
GET_SHIM(MPI_Win_get_errhandler, Win, win, mw_in_win)
GET_SHIM(MPI_File_get_errhandler, File, file, in_file_or_null)
#if MPI_VERSION >= 4
static void note_session(const mw_session_slot *slot, bool fatal)
{
    (void)slot, (void)fatal;
}
CREATE_SHIM(MPI_Session_create_errhandler, Session, session, mw_in_time)
SET_SHIM(MPI_Session_set_errhandler, Session, session, mw_in_session)
GET_SHIM(MPI_Session_get_errhandler, Session, session, mw_in_session)
#endif

int32_t mw_MPI_Errhandler_free(mw_instance *instance, mw_guest_ptr errhandler)
{
    mw_call call = MW_CALL("MPI_Errhandler_free");
    mw_guest_word *handle;
    MPI_Errhandler host;
    MW_TRY(mw_out_word(&call, "errhandler", errhandler, &handle));
    mw_guest_errhandler guest = {*handle};
    MW_TRY(mw_in_errhandler(&call, "errhandler", guest, &host));
    if (guest.value >= MW_FIRST_DYNAMIC_INDEX) { /* a predefined one stays */
        int rc = MPI_Errhandler_free(&host);
        if (rc != MPI_SUCCESS)
            return mw_result(rc);
        mw_errhandler_free(mw_errhandler_find(guest));
    }
    *handle = MW_GUEST_ERRHANDLER_NULL;
    return MW_GUEST_SUCCESS;
}
