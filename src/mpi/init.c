/* Begin and end of MPI: what must hold while it runs, and what the guest may call at any time. */
#include "mpi/callbacks.h"
#include "mpi/state.h"
#include "shims.h"
#include "wasi/wasi.h"

#include <stdio.h>

int mw_mpi_running, mw_mpi_world, mw_mpi_finalized;
bool mw_host_down;
int mw_tag_ub;
bool mw_mpi_legacy;
mw_mpi_config mw_mpi_rights;
mw_instance *mw_mpi_instance;

#define RAISE_IF_BEGUN(call)                                                                       \
    do {                                                                                           \
        if (mw_mpi_world || mw_mpi_finalized)                                                      \
            mw_raise_trap((call)->instance, MW_TRAP_HOST, "%s was called a second time",           \
                          (call)->function);                                                       \
    } while (0)

/* The host's MPI_Init_thread. A module that can start threads may call MPI from all of them whatever level it asked for:
 * the host's library and our tables must then stand it. */
static int init_host(const mw_call *call, int required, int *provided)
{
    bool threads = mw_wasi_can_spawn(call->instance);
    mw_tools_before_init(call->instance);
    int rc = MPI_Init_thread(NULL, NULL, threads ? MPI_THREAD_MULTIPLE : required, provided);
    if (rc == MPI_SUCCESS && threads && *provided != MPI_THREAD_MULTIPLE)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s: the module can start threads, but this host's MPI was not built "
                      "for calls from several (MPI_THREAD_MULTIPLE)", call->function);
    return rc;
}

bool mw_mpi_imports(const char *name)
{
    const mw_code_descriptor *d = mw_mpi_instance ? mw_mpi_instance->code : NULL;
    size_t length = strlen(name);

    for (uint32_t i = 0; d && i < d->nimports; i++)
        if (d->imports[i].name_len == length && !memcmp(d->imports[i].name, name, length))
            return true;
    return false;
}

static pthread_mutex_t state_lock;
static pthread_once_t state_once = PTHREAD_ONCE_INIT;
bool mw_mpi_finalizing;

static void make_state_lock(void)
{
    pthread_mutexattr_t attributes; /* recursive: a callback of MPI_Finalize may come here */
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&state_lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void mw_mpi_state_lock(const mw_call *call)
{
    pthread_once(&state_once, make_state_lock);
    pthread_mutex_lock(&state_lock);
    if (mw_mpi_finalizing)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s was called from a callback of MPI_Finalize", call->function);
}

void mw_mpi_state_unlock(void)
{
    pthread_mutex_unlock(&state_lock);
}

void mw_mpi_begin(void)
{
    int level = MPI_THREAD_SINGLE;

    if (mw_mpi_running)
        return;
    /* MPI and fabric libraries install fault handlers of their own: ours goes back on top of them. */
    (void)!mw_trap_install(NULL);
    mw_tag_ub = 32767; /* at least this (MPI 4.1, 9.1.2) */
    MPI_Query_thread(&level);
    mw_handles_shared = level == MPI_THREAD_MULTIPLE;
    mw_handles_fill();
    mw_tools_after_init();
    mw_mpi_running = 1;
}

/* After the host's MPI_Init. */
static void begin_world(void)
{
    int *tag_ub, flag = 0;

    mw_mpi_begin();
    if (MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_ub, &flag) == MPI_SUCCESS && flag)
        mw_tag_ub = *tag_ub;
    mw_handles_fill_world();
    mw_mpi_world = 1;
}

/* The guest's argc and argv stay its own: launchers of today pass nothing through them. */
int32_t mw_MPI_Init(mw_instance *instance, mw_guest_ptr argc, mw_guest_ptr argv)
{
    mw_call call = MW_CALL("MPI_Init");
    (void)argc, (void)argv;
    RAISE_IF_BEGUN(&call);
    mw_mpi_state_lock(&call);
    mw_tools_before_init(instance);
    int provided, rc = mw_wasi_can_spawn(instance) ? init_host(&call, MPI_THREAD_SINGLE, &provided) : MPI_Init(NULL, NULL);
    if (rc == MPI_SUCCESS)
        begin_world();
    mw_mpi_state_unlock();
    return mw_result(rc);
}

int32_t mw_MPI_Init_thread(mw_instance *instance, mw_guest_ptr argc, mw_guest_ptr argv, int32_t required,
                           mw_guest_ptr provided)
{
    mw_call call = MW_CALL("MPI_Init_thread");
    int32_t *out;
    int host_required, host_provided;
    (void)argc, (void)argv;
    RAISE_IF_BEGUN(&call);
    MW_TRY(mw_out_i32(&call, "provided", provided, &out));
    MW_TRY(mw_in_thread_level(&call, "required", required, &host_required));
    mw_mpi_state_lock(&call);
    int rc = init_host(&call, host_required, &host_provided);
    if (rc == MPI_SUCCESS) {
        begin_world();
        *out = mw_out_thread_level(host_provided);
    }
    mw_mpi_state_unlock();
    return mw_result(rc);
}

/* Handles stay valid during the host's MPI_Finalize, which calls delete functions of MPI_COMM_SELF's attributes. */
int mw_mpi_finalize(void)
{
    bool last = mw_sessions_open() == 0;

    mw_mpi_finalizing = true;
    if (last) {
        mw_quad_finalize();
        mw_handles_finalize();
        mw_sessions_release_host();
    }
    int rc = MPI_Finalize();
    mw_mpi_finalizing = false;
    mw_mpi_world = 0;
    mw_mpi_finalized = 1;
    if (last) {
        mw_handles_empty(false);
        mw_kept_free_orphans();
        mw_mpi_running = 0;
        mw_host_down = true;
    } else {
        mw_handles_empty_world();
        mw_sessions_without_world();
    }
    return rc;
}

int32_t mw_MPI_Finalize(mw_instance *instance)
{
    mw_call call = MW_CALL("MPI_Finalize");
    mw_tools_deliver_events();
    mw_mpi_state_lock(&call);
    if (!mw_mpi_world)
        mw_raise_not_running(&call);
    int rc = mw_mpi_finalize();
    mw_mpi_state_unlock();
    return rc == MPI_SUCCESS ? MW_GUEST_SUCCESS : MW_GUEST_ERR_OTHER; /* no error class can be asked for now */
}

static int32_t put_flag(const mw_call *call, mw_guest_ptr flag, int value)
{
    int32_t *out;
    MW_TRY(mw_out_i32(call, "flag", flag, &out));
    *out = value;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Initialized(mw_instance *instance, mw_guest_ptr flag)
{
    mw_call call = MW_CALL("MPI_Initialized");
    return put_flag(&call, flag, mw_mpi_world || mw_mpi_finalized);
}

int32_t mw_MPI_Finalized(mw_instance *instance, mw_guest_ptr flag)
{
    mw_call call = MW_CALL("MPI_Finalized");
    return put_flag(&call, flag, mw_mpi_finalized);
}

/* The whole job ends, whatever the communicator: so do the host MPIs too. */
int32_t mw_MPI_Abort(mw_instance *instance, mw_guest_comm comm, int32_t errorcode)
{
    mw_call call = MW_CALL("MPI_Abort");
    (void)comm;
    MW_TRY(mw_in_running(&call));
    fflush(stdout);
    mw_mpi_abort(errorcode);
}

int32_t mw_MPI_Get_library_version(mw_instance *instance, mw_guest_ptr version, mw_guest_ptr resultlen)
{
    mw_call call = MW_CALL("MPI_Get_library_version");
    char text[MPI_MAX_LIBRARY_VERSION_STRING + 64];
    int32_t *out_length;
    void *out;
    MW_TRY(mw_out_i32(&call, "resultlen", resultlen, &out_length));
    mw_mpi_library_version(text, sizeof text);
    MW_TRY(mw_out_span(&call, "version", version, strlen(text) + 1, &out));
    *out_length = mw_put_string(out, MW_GUEST_MAX_LIBRARY_VERSION_STRING, text);
    return MW_GUEST_SUCCESS;
}
