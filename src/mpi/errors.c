/* Error classes there and back, and the one place where errors that the translation finds are raised. */
#include "mpi/convert.h"
#include "mpi/state.h"
#include "mpi/tools.h"
#include "mpi/windows.h"
#include "shims.h"

#include <stdarg.h>
#include <stdio.h>

/* X(name): the classes that guest and host both number. Those of MPI 4.0 and later exist on newer hosts only. */
#define ERROR_CLASSES(X)                                                                           \
    X(BUFFER) X(COUNT) X(TYPE) X(TAG) X(COMM) X(RANK) X(REQUEST) X(ROOT) X(GROUP) X(OP)            \
    X(TOPOLOGY) X(DIMS) X(ARG) X(UNKNOWN) X(TRUNCATE) X(OTHER) X(INTERN) X(PENDING) X(IN_STATUS)   \
    X(ACCESS) X(AMODE) X(ASSERT) X(BAD_FILE) X(BASE) X(CONVERSION) X(DISP) X(DUP_DATAREP)          \
    X(FILE_EXISTS) X(FILE_IN_USE) X(FILE) X(INFO_KEY) X(INFO_NOKEY) X(INFO_VALUE) X(INFO) X(IO)    \
    X(KEYVAL) X(LOCKTYPE) X(NAME) X(NO_MEM) X(NOT_SAME) X(NO_SPACE) X(NO_SUCH_FILE) X(PORT)        \
    X(QUOTA) X(READ_ONLY) X(RMA_ATTACH) X(RMA_CONFLICT) X(RMA_RANGE) X(RMA_SHARED) X(RMA_SYNC)     \
    X(SERVICE) X(SIZE) X(SPAWN) X(UNSUPPORTED_DATAREP) X(UNSUPPORTED_OPERATION) X(WIN)             \
    X(RMA_FLAVOR)

/* Those of the tool interface, which works while no class of the host's may be asked for. */
#define TOOL_ERROR_CLASSES(X)                                                                      \
    X(MEMORY) X(NOT_INITIALIZED) X(CANNOT_INIT) X(INVALID_INDEX) X(INVALID_ITEM) X(INVALID_HANDLE) \
    X(OUT_OF_HANDLES) X(OUT_OF_SESSIONS) X(INVALID_SESSION) X(CVAR_SET_NOT_NOW) X(CVAR_SET_NEVER)  \
    X(PVAR_NO_STARTSTOP) X(PVAR_NO_WRITE) X(PVAR_NO_ATOMIC) X(INVALID_NAME) X(INVALID)

typedef struct class_row {
    int32_t guest;
    int host;
} class_row;

static const class_row class_rows[] = {
#define X(name) {MW_GUEST_ERR_##name, MPI_ERR_##name},
    ERROR_CLASSES(X)
#undef X
#define X(name) {MW_GUEST_T_ERR_##name, MPI_T_ERR_##name},
    TOOL_ERROR_CLASSES(X)
#undef X
#ifdef MPI_T_ERR_NOT_SUPPORTED
    {MW_GUEST_T_ERR_NOT_SUPPORTED, MPI_T_ERR_NOT_SUPPORTED},
#endif
#ifdef MPI_T_ERR_NOT_ACCESSIBLE
    {MW_GUEST_T_ERR_NOT_ACCESSIBLE, MPI_T_ERR_NOT_ACCESSIBLE},
#endif
#ifdef MPI_ERR_PROC_ABORTED
    {MW_GUEST_ERR_PROC_ABORTED, MPI_ERR_PROC_ABORTED},
#endif
#ifdef MPI_ERR_VALUE_TOO_LARGE
    {MW_GUEST_ERR_VALUE_TOO_LARGE, MPI_ERR_VALUE_TOO_LARGE},
#endif
#ifdef MPI_ERR_SESSION
    {MW_GUEST_ERR_SESSION, MPI_ERR_SESSION},
#endif
};
#define NCLASS_ROWS (sizeof class_rows / sizeof class_rows[0])

/* Classes and codes that the guest added (MPI 4.1, 9.5): guest value FIRST_ADDED + i is host value added[i]. */
#define FIRST_ADDED (MW_GUEST_ERR_LASTCODE + 1)
#define MAX_ADDED 4096
static int added[MAX_ADDED];
static int32_t added_class[MAX_ADDED]; /* the guest's class of a code; 0 for a class */
static bool removed[MAX_ADDED];        /* hosts before MPI 4.1 remove nothing: kept for the next one of its class */
static int nadded;

static int32_t guest_of_added(int host_code)
{
    for (int i = 0; i < __atomic_load_n(&nadded, __ATOMIC_ACQUIRE); i++)
        if (added[i] == host_code && !__atomic_load_n(&removed[i], __ATOMIC_RELAXED))
            return FIRST_ADDED + i;
    return -1;
}

/* The index of a class or code that was added and is there; -1 for any other. */
static int index_of_added(int32_t guest_code)
{
    if (guest_code < FIRST_ADDED)
        return -1;
    int i = guest_code - FIRST_ADDED;
    return i < __atomic_load_n(&nadded, __ATOMIC_ACQUIRE) && !__atomic_load_n(&removed[i], __ATOMIC_RELAXED) ? i : -1;
}

static int32_t guest_of_class(int host_class)
{
    for (size_t i = 0; i < NCLASS_ROWS; i++)
        if (class_rows[i].host == host_class)
            return class_rows[i].guest;
    return guest_of_added(host_class);
}

int32_t mw_guest_error_class(int host_code)
{
    int host_class;
    int32_t guest;

    if (host_code == MPI_SUCCESS)
        return MW_GUEST_SUCCESS;
    if ((guest = guest_of_added(host_code)) >= 0)
        return guest;
    if (MPI_Error_class(host_code, &host_class) != MPI_SUCCESS || (guest = guest_of_class(host_class)) < 0)
        return MW_GUEST_ERR_OTHER;
    return guest;
}

int32_t mw_tool_result(int host_code)
{
    if (MW_LIKELY(host_code == MPI_SUCCESS))
        return MW_GUEST_SUCCESS;
    for (size_t i = 0; i < NCLASS_ROWS; i++)
        if (class_rows[i].host == host_code)
            return class_rows[i].guest;
    return MW_GUEST_T_ERR_INVALID;
}

int mw_host_error_code(int32_t guest_code)
{
    if (guest_code == MW_GUEST_SUCCESS)
        return MPI_SUCCESS;
    if (index_of_added(guest_code) >= 0)
        return added[index_of_added(guest_code)];
    for (size_t i = 0; i < NCLASS_ROWS; i++)
        if (class_rows[i].guest == guest_code)
            return class_rows[i].host;
    return MPI_ERR_UNKNOWN;
}

/* ---- Raising -------------------------------------------------------------------------------------------- */

static int get_handler(const mw_call *call, MPI_Errhandler *out)
{
    if (call->win)
        return MPI_Win_get_errhandler(call->win->host, out);
    if (call->file)
        return MPI_File_get_errhandler(call->file->host, out);
#if MPI_VERSION >= 4
    if (call->session)
        return MPI_Session_get_errhandler(call->session->host, out);
    if (!call->comm && !mw_mpi_world)
        return MPI_ERR_COMM; /* the initial handler, which is fatal */
#endif
    return MPI_Comm_get_errhandler(call->comm ? call->comm->host : MPI_COMM_WORLD, out);
}

static void call_handler(const mw_call *call, int code)
{
    if (call->win)
        MPI_Win_call_errhandler(call->win->host, code);
    else if (call->file)
        MPI_File_call_errhandler(call->file->host, code);
#if MPI_VERSION >= 4
    else if (call->session)
        MPI_Session_call_errhandler(call->session->host, code);
#endif
    else
        MPI_Comm_call_errhandler(call->comm ? call->comm->host : MPI_COMM_WORLD, code);
}

/* The call whose object's handler is asked. MPICH takes that of MPI_COMM_WORLD for a communicator or window whose own was
 * never set, at the time of the error, although it says then that it has a fatal one. */
static mw_call asked(const mw_call *call)
{
    mw_call object = *call;
#ifdef MPICH_VERSION
    MPI_Errhandler handler;
    bool own = call->win ? call->win->window->own_fatal : !call->comm || call->comm->own_fatal;
    if (!own && get_handler(call, &handler) == MPI_SUCCESS) {
        if (handler == MPI_ERRORS_ARE_FATAL)
            object.win = NULL, object.comm = NULL;
        MPI_Errhandler_free(&handler);
    }
#endif
    return object;
}

/* The error handler decides: with MPI_ERRORS_RETURN the guest gets the class; a handler of the guest's is called;
 * a fatal one ends the run with a trap, whose report names the guest's call stack too, and the job with it. */
static int32_t raise_message(const mw_call *call, int32_t error_class, const char *message)
{
    if (call->returns)
        return error_class;
    if (!mw_mpi_running)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s", message);

    const mw_call object = asked(call);
    MPI_Errhandler handler;
    if (get_handler(&object, &handler) != MPI_SUCCESS)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s", message);
    bool returns = handler == MPI_ERRORS_RETURN;
    bool fatal = handler == MPI_ERRORS_ARE_FATAL;
#ifdef MPI_ERRORS_ABORT
    fatal = fatal || handler == MPI_ERRORS_ABORT;
#endif
    MPI_Errhandler_free(&handler); /* gives back the reference of get_errhandler */
    if (fatal)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s", message);
    if (!returns)
        call_handler(&object, mw_host_error_code(error_class));
    return error_class;
}

int32_t mw_raise_error(const mw_call *call, int32_t error_class, const char *argument, const char *format, ...)
{
    char message[400], what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (argument)
        snprintf(message, sizeof message, "%s: argument %s: %s", call->function, argument, what);
    else
        snprintf(message, sizeof message, "%s: %s", call->function, what);
    return raise_message(call, error_class, message);
}

int32_t mw_raise_not_running(const mw_call *call)
{
    mw_raise_trap(call->instance, MW_TRAP_HOST, "%s was called %s", call->function,
                  mw_mpi_finalized ? "after MPI_Finalize" : "before MPI_Init");
}

int32_t mw_raise_unsupported(mw_instance *instance, const char *function, const char *reason)
{
    const mw_call call = MW_CALL(function);
    if (reason)
        return mw_raise_error(&call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, NULL, "not supported: %s", reason);
    return mw_raise_error(&call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, NULL, "not supported by this version of MPIWasm");
}

static const char *const kind_names[] = {
    [MW_KIND_comm] = "communicator",   [MW_KIND_group] = "group",     [MW_KIND_type] = "datatype",
    [MW_KIND_op] = "operation",        [MW_KIND_request] = "request", [MW_KIND_errhandler] = "error handler",
    [MW_KIND_info] = "info object",    [MW_KIND_win] = "window",      [MW_KIND_file] = "file",
    [MW_KIND_message] = "message",     [MW_KIND_session] = "session",
};

static const int32_t kind_classes[] = {
    [MW_KIND_comm] = MW_GUEST_ERR_COMM,       [MW_KIND_group] = MW_GUEST_ERR_GROUP,
    [MW_KIND_type] = MW_GUEST_ERR_TYPE,       [MW_KIND_op] = MW_GUEST_ERR_OP,
    [MW_KIND_request] = MW_GUEST_ERR_REQUEST, [MW_KIND_errhandler] = MW_GUEST_ERR_ARG,
    [MW_KIND_info] = MW_GUEST_ERR_INFO,       [MW_KIND_win] = MW_GUEST_ERR_WIN,
    [MW_KIND_file] = MW_GUEST_ERR_FILE,       [MW_KIND_message] = MW_GUEST_ERR_REQUEST,
    [MW_KIND_session] = MW_GUEST_ERR_SESSION,
};

static uint32_t null_handle(mw_handle_kind kind)
{
    static const uint16_t nulls[] = {
        [MW_KIND_comm] = MW_GUEST_COMM_NULL,       [MW_KIND_group] = MW_GUEST_GROUP_NULL,
        [MW_KIND_type] = MW_GUEST_DATATYPE_NULL,   [MW_KIND_op] = MW_GUEST_OP_NULL,
        [MW_KIND_request] = MW_GUEST_REQUEST_NULL, [MW_KIND_errhandler] = MW_GUEST_ERRHANDLER_NULL,
        [MW_KIND_info] = MW_GUEST_INFO_NULL,       [MW_KIND_win] = MW_GUEST_WIN_NULL,
        [MW_KIND_file] = MW_GUEST_FILE_NULL,       [MW_KIND_message] = MW_GUEST_MESSAGE_NULL,
        [MW_KIND_session] = MW_GUEST_SESSION_NULL,
    };
    return nulls[kind];
}

int32_t mw_raise_handle(const mw_call *call, mw_handle_kind kind, const char *argument, mw_guest_word value)
{
    if (!mw_mpi_running)
        return mw_raise_not_running(call);
    if (value == null_handle(kind))
        return mw_raise_error(call, kind_classes[kind], argument, "the null %s is not allowed here", kind_names[kind]);
    return mw_raise_error(call, kind_classes[kind], argument, "0x%llx is not a valid %s", (unsigned long long)value,
                          kind_names[kind]);
}

int32_t mw_raise_count(const mw_call *call, const char *argument, int64_t count)
{
    return mw_raise_error(call, MW_GUEST_ERR_COUNT, argument, "%lld is negative", (long long)count);
}

int32_t mw_raise_rank(const mw_call *call, int32_t error_class, const char *argument, int32_t rank)
{
    if (call->comm)
        return mw_raise_error(call, error_class, argument, "%d is not a rank of a communicator of size %d", rank,
                              call->comm->remote_size);
    return mw_raise_error(call, error_class, argument, "%d is not a valid rank", rank);
}

int32_t mw_raise_tag(const mw_call *call, const char *argument, int32_t tag)
{
    return mw_raise_error(call, MW_GUEST_ERR_TAG, argument, "%d is not between 0 and %d", tag, mw_tag_ub);
}

int32_t mw_raise_span(const mw_call *call, const char *argument, mw_guest_ptr p, uint64_t bytes)
{
    if (p.addr < 16)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "null pointer");
    return mw_raise_error(call, MW_GUEST_ERR_ARG, argument,
                          "%llu bytes at 0x%llx do not lie in the guest's memory of %llu bytes",
                          (unsigned long long)bytes, (unsigned long long)p.addr,
                          (unsigned long long)mw_guest_memory_size(call->instance));
}

int32_t mw_raise_buffer(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t count,
                        const mw_type_slot *type)
{
    if (p.addr < 16 && (type->flags & MW_TYPE_PREDEFINED))
        return mw_raise_error(call, MW_GUEST_ERR_BUFFER, argument, "null pointer with a count of %lld",
                              (long long)count);
    return mw_raise_error(call, MW_GUEST_ERR_BUFFER, argument,
                          "%lld elements of %lld bytes at 0x%llx do not lie in the guest's memory of %llu bytes",
                          (long long)count, (long long)type->true_extent, (unsigned long long)p.addr,
                          (unsigned long long)mw_guest_memory_size(call->instance));
}

/* ---- Shims ---------------------------------------------------------------------------------------------- */

int32_t mw_MPI_Error_class(mw_instance *instance, int32_t errorcode, mw_guest_ptr errorclass)
{
    mw_call call = MW_CALL("MPI_Error_class");
    int32_t *out;
    MW_TRY(mw_out_i32(&call, "errorclass", errorclass, &out));
    if (errorcode < FIRST_ADDED) { /* codes below are classes */
        *out = errorcode;
        return MW_GUEST_SUCCESS;
    }
    int host_class;
    int rc = MPI_Error_class(mw_host_error_code(errorcode), &host_class);
    int32_t guest = rc == MPI_SUCCESS ? guest_of_class(host_class) : -1;
    *out = host_class == MPI_SUCCESS ? MW_GUEST_SUCCESS : guest >= 0 ? guest : MW_GUEST_ERR_UNKNOWN;
    return mw_result(rc);
}

int32_t mw_MPI_Error_string(mw_instance *instance, int32_t errorcode, mw_guest_ptr string, mw_guest_ptr resultlen)
{
    mw_call call = MW_CALL("MPI_Error_string");
    char text[MPI_MAX_ERROR_STRING + 1] = "";
    int length = 0;
    int32_t *out_length;
    void *out;
    MW_TRY(mw_out_span(&call, "string", string, MW_GUEST_MAX_ERROR_STRING, &out));
    MW_TRY(mw_out_i32(&call, "resultlen", resultlen, &out_length));
    int rc = MPI_Error_string(mw_host_error_code(errorcode), text, &length);
    if (rc == MPI_SUCCESS)
        *out_length = mw_put_string(out, MW_GUEST_MAX_ERROR_STRING, text);
    return mw_result(rc);
}

static int32_t add(const mw_call *call, int host_code, int32_t error_class, int32_t *out)
{
    pthread_mutex_lock(&mw_registry_lock);
    int i = nadded;
    if (i < MAX_ADDED) {
        added[i] = host_code;
        added_class[i] = error_class;
        __atomic_store_n(&nadded, i + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&mw_registry_lock);
    if (i >= MAX_ADDED)
        return mw_raise_error(call, MW_GUEST_ERR_OTHER, NULL, "more than %d error classes and codes", MAX_ADDED);
    *out = FIRST_ADDED + i;
    return MW_GUEST_SUCCESS;
}

/* One that was removed, to be added again; false if there is none. */
static bool add_removed(int32_t error_class, int32_t *out)
{
    bool found = false;
    pthread_mutex_lock(&mw_registry_lock);
    for (int i = 0; i < nadded && !found; i++)
        if (removed[i] && added_class[i] == error_class) {
            __atomic_store_n(&removed[i], false, __ATOMIC_RELAXED);
            *out = FIRST_ADDED + i;
            found = true;
        }
    pthread_mutex_unlock(&mw_registry_lock);
    return found;
}

/* Removes a class or code that nothing refers to, and what the host says of it. */
static int32_t remove_added(const mw_call *call, const char *argument, int32_t guest_code, bool is_class)
{
    MW_TRY(mw_in_running(call));
    int host = mw_host_error_code(guest_code);
    pthread_mutex_lock(&mw_registry_lock);
    int i = index_of_added(guest_code), codes = 0;
    for (int k = 0; k < nadded && i >= 0; k++)
        codes += is_class && !removed[k] && added_class[k] == guest_code;
    bool good = i >= 0 && (added_class[i] == 0) == is_class && codes == 0;
    if (good)
        __atomic_store_n(&removed[i], true, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&mw_registry_lock);
    if (codes > 0)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "class %d still has %d codes", guest_code, codes);
    if (!good)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%d is not an added %s", guest_code,
                              is_class ? "class" : "code");
    return mw_result(MPI_Add_error_string(host, ""));
}

int32_t mw_MPI_Remove_error_class(mw_instance *instance, int32_t errorclass)
{
    mw_call call = MW_CALL("MPI_Remove_error_class");
    return remove_added(&call, "errorclass", errorclass, true);
}

int32_t mw_MPI_Remove_error_code(mw_instance *instance, int32_t errorcode)
{
    mw_call call = MW_CALL("MPI_Remove_error_code");
    return remove_added(&call, "errorcode", errorcode, false);
}

int32_t mw_MPI_Remove_error_string(mw_instance *instance, int32_t errorcode)
{
    mw_call call = MW_CALL("MPI_Remove_error_string");
    MW_TRY(mw_in_running(&call));
    if (index_of_added(errorcode) < 0)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "errorcode", "%d is not an added code", errorcode);
    return mw_result(MPI_Add_error_string(mw_host_error_code(errorcode), ""));
}

int mw_last_used_code(void)
{
    return FIRST_ADDED - 1 + __atomic_load_n(&nadded, __ATOMIC_ACQUIRE);
}

int32_t mw_MPI_Add_error_class(mw_instance *instance, mw_guest_ptr errorclass)
{
    mw_call call = MW_CALL("MPI_Add_error_class");
    int32_t *out;
    int host;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_i32(&call, "errorclass", errorclass, &out));
    if (add_removed(0, out))
        return MW_GUEST_SUCCESS;
    MW_TRY(mw_result(MPI_Add_error_class(&host)));
    return add(&call, host, 0, out);
}

int32_t mw_MPI_Add_error_code(mw_instance *instance, int32_t errorclass, mw_guest_ptr errorcode)
{
    mw_call call = MW_CALL("MPI_Add_error_code");
    int32_t *out;
    int host;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_i32(&call, "errorcode", errorcode, &out));
    if (add_removed(errorclass, out))
        return MW_GUEST_SUCCESS;
    MW_TRY(mw_result(MPI_Add_error_code(mw_host_error_code(errorclass), &host)));
    return add(&call, host, errorclass, out);
}

int32_t mw_MPI_Add_error_string(mw_instance *instance, int32_t errorcode, mw_guest_ptr string)
{
    mw_call call = MW_CALL("MPI_Add_error_string");
    mw_arena arena = mw_scratch_begin();
    char *text;
    int32_t error;
    if ((error = mw_in_running(&call)) ||
        (error = mw_in_string(&call, &arena, "string", string, MW_GUEST_MAX_ERROR_STRING, &text)))
        goto out;
    if (index_of_added(errorcode) < 0) {
        error = mw_raise_error(&call, MW_GUEST_ERR_ARG, "errorcode", "%d is not an added code", errorcode);
    } else {
        if (strlen(text) >= MPI_MAX_ERROR_STRING)
            text[MPI_MAX_ERROR_STRING - 1] = 0;
        error = mw_result(MPI_Add_error_string(mw_host_error_code(errorcode), text));
    }
out:
    mw_arena_end(&arena);
    return error;
}

#define CALL_SHIM(Kind, kind)                                                                      \
    int32_t mw_MPI_##Kind##_call_errhandler(mw_instance *instance, mw_guest_##kind kind, int32_t errorcode) \
    {                                                                                              \
        mw_call call = MW_CALL("MPI_" #Kind "_call_errhandler");                                   \
        const mw_##kind##_slot *slot;                                                              \
        MW_TRY(mw_in_##kind(&call, #kind, kind, &slot));                                           \
        return mw_result(MPI_##Kind##_call_errhandler(slot->host, mw_host_error_code(errorcode))); \
    }
CALL_SHIM(Comm, comm)
CALL_SHIM(Win, win)
CALL_SHIM(File, file)
#if MPI_VERSION >= 4
CALL_SHIM(Session, session)
#endif
