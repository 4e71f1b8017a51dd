/* Sessions (MPI 4.1, 11.3), where the host has them.
 *
 * The host's library is initialized by the first of MPI_Init and MPI_Session_init and goes down with the last of what ends
 * them. MPICH 4.0 cannot come up again after that: when a guest ends its last session and has not called MPI_Init yet, a session
 * of ours keeps the library up, until MPI_Finalize or the end of the process. */
#include "mpi/callbacks.h"
#include "mpi/state.h"
#include "shims.h"
#include "wasi/wasi.h"

#include <strings.h>

#if MPI_VERSION >= 4

static MPI_Session keeper = MPI_SESSION_NULL;
static int open_sessions; /* of the guest's */
static MPI_Comm own = MPI_COMM_NULL; /* this process alone, while there is no world */
static int world_rank = -1, world_size;

int mw_sessions_open(void)
{
    return open_sessions;
}

static bool keep_host(void)
{
    if (mw_mpi_finalized)
        return false;
    return keeper != MPI_SESSION_NULL || MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &keeper) == MPI_SUCCESS;
}

void mw_sessions_release_host(void)
{
    if (own != MPI_COMM_NULL)
        MPI_Comm_free(&own);
    if (keeper != MPI_SESSION_NULL)
        MPI_Session_finalize(&keeper);
    own = MPI_COMM_NULL;
    keeper = MPI_SESSION_NULL;
}

bool mw_sessions_world(int *rank, int *size)
{
    *rank = world_rank;
    *size = world_size;
    return world_rank >= 0;
}

MPI_Comm mw_sessions_comm(void)
{
    return own;
}

/* Without MPI_Init: what a trap's report says, what MPI_Abort is called with, and the largest tag. */
static void begin_without_world(MPI_Session session)
{
    MPI_Group group;
    int *tag_ub, flag = 0;

    if (world_rank < 0 && MPI_Group_from_session_pset(session, "mpi://WORLD", &group) == MPI_SUCCESS) {
        MPI_Group_rank(group, &world_rank);
        MPI_Group_size(group, &world_size);
        MPI_Group_free(&group);
    }
    if (own == MPI_COMM_NULL && MPI_Group_from_session_pset(session, "mpi://SELF", &group) == MPI_SUCCESS) {
        if (MPI_Comm_create_from_group(group, "mpiwasm", MPI_INFO_NULL, MPI_ERRORS_RETURN, &own) != MPI_SUCCESS)
            own = MPI_COMM_NULL;
        MPI_Group_free(&group);
    }
    if (own != MPI_COMM_NULL && MPI_Comm_get_attr(own, MPI_TAG_UB, &tag_ub, &flag) == MPI_SUCCESS && flag)
        mw_tag_ub = *tag_ub;
}

void mw_sessions_without_world(void)
{
    for (uint32_t i = MW_FIRST_DYNAMIC_INDEX, n = mw_session_limit(); i < n; i++)
        if (mw_session_slots[i].head.self != 0) {
            begin_without_world(mw_session_slots[i].host);
            return;
        }
}

/* The last session is about to end, and there is no world. */
static void before_last(void)
{
    mw_quad_finalize();
    mw_handles_finalize();
    if (own != MPI_COMM_NULL)
        MPI_Comm_free(&own);
    own = MPI_COMM_NULL;
}

static void after_last(bool kept)
{
    mw_handles_empty(kept);
    mw_kept_free_orphans();
    mw_mpi_running = 0;
    mw_host_down = !kept;
}

void mw_sessions_end(void)
{
    bool last = open_sessions > 0 && !mw_mpi_world;

    mw_mpi_finalizing = true;
    if (last)
        before_last();
    for (uint32_t i = MW_FIRST_DYNAMIC_INDEX, n = mw_session_limit(); i < n; i++)
        if (mw_session_slots[i].head.self != 0) {
            MPI_Session_finalize(&mw_session_slots[i].host);
            mw_session_free(&mw_session_slots[i]);
        }
    open_sessions = 0;
    if (last)
        after_last(false);
    mw_sessions_release_host();
    mw_mpi_finalizing = false;
}

/* ---- Begin and end ----------------------------------------------------------------------------------------------- */

int32_t mw_in_session(mw_call *call, const char *argument, mw_guest_session handle, const mw_session_slot **out)
{
    const mw_session_slot *slot = mw_session_find(handle);
    if (!slot)
        return mw_failed(mw_raise_handle(call, MW_KIND_session, argument, handle.value));
    *out = call->session = slot;
    return MW_GUEST_SUCCESS;
}

/* An error handler that may be needed before there are any predefined handles; `object` is what it is for. */
static int32_t in_errhandler(mw_call *call, mw_guest_errhandler handle, mw_handle_kind object, MPI_Errhandler *out)
{
    switch (handle.value) {
    case MW_GUEST_ERRORS_ARE_FATAL: *out = MPI_ERRORS_ARE_FATAL; return MW_GUEST_SUCCESS;
    case MW_GUEST_ERRORS_ABORT: *out = MPI_ERRORS_ABORT; return MW_GUEST_SUCCESS;
    case MW_GUEST_ERRORS_RETURN:
        *out = MPI_ERRORS_RETURN;
        call->returns = true;
        return MW_GUEST_SUCCESS;
    }
    MW_TRY(mw_in_errhandler(call, "errhandler", handle, out));
    return mw_errhandler_find(handle)->object == object
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_ARG, "errhandler", "0x%llx handles errors of another kind of object",
                                (unsigned long long)handle.value);
}

static int32_t begin_session(mw_call *call, MPI_Info info, MPI_Errhandler errhandler, mw_session_slot *slot,
                             mw_guest_word *out)
{
    int level = MPI_THREAD_SINGLE;
    mw_tools_before_init(call->instance);
    MW_TRY(mw_result(MPI_Session_init(info, errhandler, &slot->host)));
    MPI_Query_thread(&level);
    if (mw_wasi_can_spawn(call->instance) && level != MPI_THREAD_MULTIPLE)
        mw_raise_trap(call->instance, MW_TRAP_HOST, "%s: the module can start threads, but this host's MPI was not built "
                      "for calls from several (MPI_THREAD_MULTIPLE)", call->function);
    /* MPICH 4.0 forgets which handler it was given. */
    MPI_Session_set_errhandler(slot->host, errhandler);
    mw_mpi_begin();
    if (!mw_mpi_world)
        begin_without_world(slot->host);
    open_sessions++;
    *out = mw_session_publish(slot).value;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Session_init(mw_instance *instance, mw_guest_info info, mw_guest_errhandler errhandler, mw_guest_ptr session)
{
    mw_call call = MW_CALL("MPI_Session_init");
    MPI_Info host_info = MPI_INFO_NULL;
    MPI_Errhandler host_errhandler;
    mw_guest_word *out;
    MW_TRY(in_errhandler(&call, errhandler, MW_KIND_session, &host_errhandler));
    MW_TRY(mw_out_word(&call, "session", session, &out));
    if (info.value != MW_GUEST_INFO_NULL)
        MW_TRY(mw_in_info(&call, "info", info, &host_info));
    if (mw_host_down)
        mw_raise_trap(instance, MW_TRAP_HOST, "MPI_Session_init was called after MPI_Finalize, which this host cannot do");
    mw_session_slot *slot = mw_session_take();
    if (!slot)
        return mw_raise_error(&call, MW_GUEST_ERR_INTERN, NULL, "too many sessions");
    mw_mpi_state_lock(&call);
    int32_t error = begin_session(&call, host_info, host_errhandler, slot, out);
    mw_mpi_state_unlock();
    if (error)
        mw_session_free(slot);
    return error;
}

int32_t mw_MPI_Session_finalize(mw_instance *instance, mw_guest_ptr session)
{
    mw_call call = MW_CALL("MPI_Session_finalize");
    const mw_session_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "session", session, &handle));
    mw_mpi_state_lock(&call);
    mw_session_slot *valid = mw_session_find((mw_guest_session){*handle});
    if (!valid) {
        mw_mpi_state_unlock();
        return mw_in_session(&call, "session", (mw_guest_session){*handle}, &slot);
    }
    bool last = open_sessions == 1 && !mw_mpi_world, kept = false;
    if (last) {
        kept = keep_host();
        before_last();
    }
    /* If MPI_Finalize was called before, MPICH calls delete functions of MPI_COMM_SELF's attributes only now. */
    mw_mpi_finalizing = last;
    int rc = MPI_Session_finalize(&valid->host);
    mw_mpi_finalizing = false;
    mw_session_free(valid);
    open_sessions--;
    *handle = MW_GUEST_SESSION_NULL;
    if (last)
        after_last(kept);
    mw_mpi_state_unlock();
    return rc == MPI_SUCCESS ? MW_GUEST_SUCCESS : last ? MW_GUEST_ERR_OTHER : mw_result(rc);
}

/* ---- Process sets -------------------------------------------------------------------------------------------------- */

/* Process set number `n` of a session, whose name the host may write into `name`; false if there is none. */
static bool nth_pset(MPI_Session session, MPI_Info info, int n, char name[MPI_MAX_PSET_NAME_LEN + 1])
{
    int all = 0, length = MPI_MAX_PSET_NAME_LEN;
    name[0] = 0;
    return n >= 0 && MPI_Session_get_num_psets(session, info, &all) == MPI_SUCCESS && n < all &&
           MPI_Session_get_nth_pset(session, info, n, &length, name) == MPI_SUCCESS;
}

/* The session's process set of that name, as the session calls it (letters' case does not count). Unknown ones the host
 * would report to a handler that is not the session's. */
static int32_t in_pset(const mw_call *call, const mw_session_slot *session, mw_guest_ptr p,
                       char name[MPI_MAX_PSET_NAME_LEN + 1])
{
    mw_arena arena = mw_scratch_begin();
    char *wanted;
    int32_t error = mw_in_string(call, &arena, "pset_name", p, MW_GUEST_MAX_PSET_NAME_LEN + 1, &wanted);
    for (int n = 0; !error; n++) {
        if (!nth_pset(session->host, MPI_INFO_NULL, n, name))
            error = mw_raise_error(call, MW_GUEST_ERR_ARG, "pset_name", "the session has no process set \"%s\"", wanted);
        else if (!strcasecmp(name, wanted))
            break;
    }
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Session_get_num_psets(mw_instance *instance, mw_guest_session session, mw_guest_info info,
                                     mw_guest_ptr npset_names)
{
    mw_call call = MW_CALL("MPI_Session_get_num_psets");
    const mw_session_slot *slot;
    MPI_Info host_info;
    int32_t *out;
    int n = 0;
    MW_TRY(mw_in_session(&call, "session", session, &slot));
    MW_TRY(mw_in_info_or_null(&call, "info", info, &host_info));
    MW_TRY(mw_out_i32(&call, "npset_names", npset_names, &out));
    MW_TRY(mw_result(MPI_Session_get_num_psets(slot->host, host_info, &n)));
    *out = n;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Session_get_nth_pset(mw_instance *instance, mw_guest_session session, mw_guest_info info, int32_t n,
                                    mw_guest_ptr pset_len, mw_guest_ptr pset_name)
{
    mw_call call = MW_CALL("MPI_Session_get_nth_pset");
    char name[MPI_MAX_PSET_NAME_LEN + 1];
    const mw_session_slot *slot;
    MPI_Info host_info;
    int32_t *length;
    void *out;
    MW_TRY(mw_in_session(&call, "session", session, &slot));
    MW_TRY(mw_in_info_or_null(&call, "info", info, &host_info));
    MW_TRY(mw_out_i32(&call, "pset_len", pset_len, &length));
    if (*length < 0)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "pset_len", "%d is negative", *length);
    if (!nth_pset(slot->host, host_info, n, name))
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "n", "the session has no process set number %d", n);
    int32_t full = (int32_t)strlen(name) + 1;
    if (*length > 0) {
        int32_t room = *length < full ? *length : full;
        MW_TRY(mw_out_span(&call, "pset_name", pset_name, (uint64_t)room, &out));
        mw_put_string(out, (uint64_t)room, name);
    }
    *length = full;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Session_get_info(mw_instance *instance, mw_guest_session session, mw_guest_ptr info_used)
{
    mw_call call = MW_CALL("MPI_Session_get_info");
    const mw_session_slot *slot;
    MPI_Info host = MPI_INFO_NULL;
    mw_guest_word *out;
    MW_TRY(mw_in_session(&call, "session", session, &slot));
    MW_TRY(mw_out_word(&call, "info_used", info_used, &out));
    MW_TRY(mw_result(MPI_Session_get_info(slot->host, &host)));
    return mw_out_info(&call, "info_used", host, out);
}

int32_t mw_MPI_Session_get_pset_info(mw_instance *instance, mw_guest_session session, mw_guest_ptr pset_name,
                                     mw_guest_ptr info)
{
    mw_call call = MW_CALL("MPI_Session_get_pset_info");
    char name[MPI_MAX_PSET_NAME_LEN + 1];
    const mw_session_slot *slot;
    MPI_Info host = MPI_INFO_NULL;
    mw_guest_word *out;
    MW_TRY(mw_in_session(&call, "session", session, &slot));
    MW_TRY(in_pset(&call, slot, pset_name, name));
    MW_TRY(mw_out_word(&call, "info", info, &out));
    MW_TRY(mw_result(MPI_Session_get_pset_info(slot->host, name, &host)));
    return mw_out_info(&call, "info", host, out);
}

int32_t mw_MPI_Group_from_session_pset(mw_instance *instance, mw_guest_session session, mw_guest_ptr pset_name,
                                       mw_guest_ptr newgroup)
{
    mw_call call = MW_CALL("MPI_Group_from_session_pset");
    char name[MPI_MAX_PSET_NAME_LEN + 1];
    const mw_session_slot *slot;
    MPI_Group host = MPI_GROUP_NULL;
    mw_guest_word *out;
    MW_TRY(mw_in_session(&call, "session", session, &slot));
    MW_TRY(in_pset(&call, slot, pset_name, name));
    MW_TRY(mw_out_word(&call, "newgroup", newgroup, &out));
    MW_TRY(mw_result(MPI_Group_from_session_pset(slot->host, name, &host)));
    return mw_out_group(&call, "newgroup", host, out);
}

/* ---- Communicators --------------------------------------------------------------------------------------------------- */

static int32_t create_from_group(mw_call *call, mw_arena *arena, mw_guest_group group, mw_guest_ptr stringtag,
                                 mw_guest_info info, mw_guest_errhandler errhandler, mw_guest_ptr newcomm)
{
    MPI_Errhandler host_errhandler;
    MPI_Comm host = MPI_COMM_NULL;
    MPI_Group host_group;
    MPI_Info host_info;
    mw_guest_word *out;
    char *tag;
    int rank = MPI_UNDEFINED, size = 0;
    MW_TRY(in_errhandler(call, errhandler, MW_KIND_comm, &host_errhandler));
    MW_TRY(mw_in_group(call, "group", group, &host_group));
    MW_TRY(mw_in_string(call, arena, "stringtag", stringtag, MW_GUEST_MAX_STRINGTAG_LEN + 1, &tag));
    MW_TRY(mw_in_info_or_null(call, "info", info, &host_info));
    MW_TRY(mw_out_word(call, "newcomm", newcomm, &out));
    MPI_Group_rank(host_group, &rank);
    MPI_Group_size(host_group, &size);
    if (size == 0) {
        *out = MW_GUEST_COMM_NULL;
        return MW_GUEST_SUCCESS;
    }
    if (rank == MPI_UNDEFINED)
        return mw_raise_error(call, MW_GUEST_ERR_GROUP, "group", "this process is not in it");
    MW_TRY(mw_result(MPI_Comm_create_from_group(host_group, tag, host_info, host_errhandler, &host)));
    MW_TRY(mw_out_comm(call, "newcomm", host, out));
    mw_comm_find((mw_guest_comm){*out})->own_fatal = host_errhandler == MPI_ERRORS_ARE_FATAL ||
                                                               host_errhandler == MPI_ERRORS_ABORT;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Comm_create_from_group(mw_instance *instance, mw_guest_group group, mw_guest_ptr stringtag,
                                      mw_guest_info info, mw_guest_errhandler errhandler, mw_guest_ptr newcomm)
{
    mw_call call = MW_CALL("MPI_Comm_create_from_group");
    mw_arena arena = mw_scratch_begin();
    int32_t error = mw_in_running(&call);
    if (!error)
        error = create_from_group(&call, &arena, group, stringtag, info, errhandler, newcomm);
    mw_arena_end(&arena);
    return error;
}

#else /* a host with MPI 3 */

int mw_sessions_open(void)
{
    return 0;
}

void mw_sessions_release_host(void) {}

bool mw_sessions_world(int *rank, int *size)
{
    (void)rank, (void)size;
    return false;
}

MPI_Comm mw_sessions_comm(void)
{
    return MPI_COMM_NULL;
}

void mw_sessions_end(void) {}

void mw_sessions_without_world(void) {}

#pragma GCC diagnostic ignored "-Wunused-parameter"
MW_ABSENT(MPI_Session_init, mw_guest_info info, mw_guest_errhandler errhandler, mw_guest_ptr session)
MW_ABSENT(MPI_Session_finalize, mw_guest_ptr session)
MW_ABSENT(MPI_Session_get_num_psets, mw_guest_session session, mw_guest_info info, mw_guest_ptr npset_names)
MW_ABSENT(MPI_Session_get_nth_pset, mw_guest_session session, mw_guest_info info, int32_t n, mw_guest_ptr pset_len,
          mw_guest_ptr pset_name)
MW_ABSENT(MPI_Session_get_info, mw_guest_session session, mw_guest_ptr info_used)
MW_ABSENT(MPI_Session_get_pset_info, mw_guest_session session, mw_guest_ptr pset_name, mw_guest_ptr info)
MW_ABSENT(MPI_Group_from_session_pset, mw_guest_session session, mw_guest_ptr pset_name, mw_guest_ptr newgroup)
MW_ABSENT(MPI_Comm_create_from_group, mw_guest_group group, mw_guest_ptr stringtag, mw_guest_info info,
          mw_guest_errhandler errhandler, mw_guest_ptr newcomm)
MW_ABSENT(MPI_Session_create_errhandler, mw_guest_ptr session_errhandler_fn, mw_guest_ptr errhandler)
MW_ABSENT(MPI_Session_set_errhandler, mw_guest_session session, mw_guest_errhandler errhandler)
MW_ABSENT(MPI_Session_get_errhandler, mw_guest_session session, mw_guest_ptr errhandler)
MW_ABSENT(MPI_Session_call_errhandler, mw_guest_session session, int32_t errorcode)

#endif
