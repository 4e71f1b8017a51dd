/* Freeing of communicators, groups and info objects; matched receives; info values; statuses that the guest sets. */
#include "mpi/large.h"
#include "mpi/state.h"
#include "shims.h"

/* The slot outlives the host call, since delete callbacks get the communicator's handle. */
static int32_t free_comm(mw_call *call, mw_guest_ptr comm, int (*host_free)(MPI_Comm *))
{
    const mw_comm_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(call, "comm", comm, &handle));
    MW_TRY(mw_in_comm(call, "comm", (mw_guest_comm){*handle}, &slot));
    if (slot->head.self < MW_FIRST_DYNAMIC_INDEX)
        return mw_raise_error(call, MW_GUEST_ERR_COMM, "comm", "a predefined communicator cannot be freed");
    MW_TRY(mw_in_attributes(call, "comm", *handle));
    MPI_Comm host = slot->host;
    mw_leaving leaving;
    mw_leave_begin(&leaving, (mw_slot_head *)&slot->head);
    int rc = host_free(&host);
    mw_leave_end(&leaving, rc == MPI_SUCCESS);
    if (rc == MPI_SUCCESS) {
        mw_comm_free((mw_comm_slot *)slot);
        *handle = MW_GUEST_COMM_NULL;
    }
    return mw_result(rc);
}

static int host_idup(MPI_Comm comm, const MPI_Info *info, MPI_Comm *newcomm, MPI_Request *request)
{
#if MPI_VERSION >= 4
    if (info)
        return MPI_Comm_idup_with_info(comm, *info, newcomm, request);
#endif
    (void)info;
    return MPI_Comm_idup(comm, newcomm, request);
}

/* Until the request is complete the new communicator's handle is not valid: the host may write its own at any time. */
static int32_t idup(mw_call *call, mw_arena *arena, mw_guest_comm comm, const MPI_Info *info, mw_guest_ptr newcomm,
                    mw_guest_ptr request)
{
    const mw_comm_slot *parent;
    MPI_Request host = MPI_REQUEST_NULL;
    mw_guest_word *out_comm, *out_request;
    int32_t error = MW_GUEST_SUCCESS;
    MW_TRY(mw_in_comm(call, "comm", comm, &parent));
    MW_TRY(mw_in_attributes(call, "comm", comm.value));
    MW_TRY(mw_out_word(call, "newcomm", newcomm, &out_comm));
    MW_TRY(mw_out_word(call, "request", request, &out_request));
    mw_comm_slot **made = mw_arena_take(call, arena, sizeof *made, &error);
    if (!made)
        return error;
    *made = mw_comm_take();
    if (!*made)
        return mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many communicators");
    /* Ranks and topology are the same. */
    memcpy(&(*made)->rank, &parent->rank, sizeof **made - offsetof(mw_comm_slot, rank));
    *out_comm = MW_GUEST_COMM_NULL;
    error = mw_result(host_idup(parent->host, info, &(*made)->host, &host));
    if (error) {
        mw_comm_free(*made);
        return error;
    }
    *out_comm = mw_comm_promise(*made).value;
    return mw_out_request_kept(call, host, MW_REQUEST_COMM, arena, out_request);
}

int32_t mw_MPI_Comm_idup(mw_instance *instance, mw_guest_comm comm, mw_guest_ptr newcomm, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Comm_idup");
    mw_arena arena = mw_kept_begin();
    int32_t error = idup(&call, &arena, comm, NULL, newcomm, request);
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Comm_idup_with_info(mw_instance *instance, mw_guest_comm comm, mw_guest_info info, mw_guest_ptr newcomm,
                                   mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Comm_idup_with_info");
    mw_arena arena = mw_kept_begin();
    MPI_Info host_info;
    int32_t error = mw_in_info_or_null(&call, "info", info, &host_info);
    if (!error && MPI_VERSION < 4)
        error = mw_raise_error(&call, MW_GUEST_ERR_UNSUPPORTED_OPERATION, NULL, "this host's MPI %d.%d does not have it",
                               MPI_VERSION, MPI_SUBVERSION);
    if (!error)
        error = idup(&call, &arena, comm, &host_info, newcomm, request);
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Comm_free(mw_instance *instance, mw_guest_ptr comm)
{
    mw_call call = MW_CALL("MPI_Comm_free");
    return free_comm(&call, comm, MPI_Comm_free);
}

int32_t mw_MPI_Comm_disconnect(mw_instance *instance, mw_guest_ptr comm)
{
    mw_call call = MW_CALL("MPI_Comm_disconnect");
    return free_comm(&call, comm, MPI_Comm_disconnect);
}

/* The same handle each time: the guest does not own a reference that it would give back. */
int32_t mw_MPI_Comm_get_parent(mw_instance *instance, mw_guest_ptr parent)
{
    mw_call call = MW_CALL("MPI_Comm_get_parent");
    mw_guest_word *out;
    MPI_Comm host;
    bool made;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "parent", parent, &out));
    MW_TRY(mw_result(MPI_Comm_get_parent(&host)));
    *out = host == MPI_COMM_NULL ? MW_GUEST_COMM_NULL : mw_comm_of_host(host, &made).value;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Group_free(mw_instance *instance, mw_guest_ptr group)
{
    mw_call call = MW_CALL("MPI_Group_free");
    mw_guest_word *handle;
    MPI_Group host;
    MW_TRY(mw_out_word(&call, "group", group, &handle));
    mw_guest_group guest = {*handle};
    MW_TRY(mw_in_group(&call, "group", guest, &host));
    if (guest.value >= MW_FIRST_DYNAMIC_INDEX) { /* MPI_GROUP_EMPTY stays */
        MW_TRY(mw_result(MPI_Group_free(&host)));
        mw_group_free(mw_group_find(guest));
    }
    *handle = MW_GUEST_GROUP_NULL;
    return MW_GUEST_SUCCESS;
}

/* ---- Info ----------------------------------------------------------------------------------------------------------- */

int32_t mw_MPI_Info_free(mw_instance *instance, mw_guest_ptr info)
{
    mw_call call = MW_CALL("MPI_Info_free");
    mw_guest_word *handle;
    MPI_Info host;
    MW_TRY(mw_out_word(&call, "info", info, &handle));
    mw_guest_info guest = {*handle};
    MW_TRY(mw_in_info(&call, "info", guest, &host));
    if (guest.value < MW_FIRST_DYNAMIC_INDEX)
        return mw_raise_error(&call, MW_GUEST_ERR_INFO, "info", "a predefined info object cannot be freed");
    MW_TRY(mw_result(MPI_Info_free(&host)));
    mw_info_free(mw_info_find(guest));
    *handle = MW_GUEST_INFO_NULL;
    return MW_GUEST_SUCCESS;
}

/* The value of a key in a host buffer that holds any; *flag says whether the key is there. */
static int32_t info_value(mw_call *call, mw_guest_info info, mw_guest_ptr key, char value[MPI_MAX_INFO_VAL + 1],
                          int *flag)
{
    mw_arena arena = mw_scratch_begin();
    MPI_Info host;
    char *host_key;
    int32_t error = mw_in_info(call, "info", info, &host);
    if (!error)
        error = mw_in_string(call, &arena, "key", key, MW_GUEST_MAX_INFO_KEY, &host_key);
    *flag = 0;
    if (!error && strlen(host_key) <= MPI_MAX_INFO_KEY) /* a longer key cannot have been set */
        error = mw_result(MPI_Info_get(host, host_key, MPI_MAX_INFO_VAL, value, flag));
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Info_get(mw_instance *instance, mw_guest_info info, mw_guest_ptr key, int32_t valuelen,
                        mw_guest_ptr value, mw_guest_ptr flag)
{
    mw_call call = MW_CALL("MPI_Info_get");
    char text[MPI_MAX_INFO_VAL + 1];
    int32_t *out_flag;
    void *out;
    int host_flag;
    MW_TRY(mw_in_any_time(&call));
    if (valuelen < 0)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "valuelen", "%d is negative", valuelen);
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(mw_out_span(&call, "value", value, 1, &out));
    MW_TRY(info_value(&call, info, key, text, &host_flag));
    *out_flag = host_flag;
    if (!host_flag)
        return MW_GUEST_SUCCESS;
    /* Only as many bytes as are written need be there: valuelen is often MPI_MAX_INFO_VAL for a shorter array. */
    size_t length = strlen(text) < (size_t)valuelen ? strlen(text) : (size_t)valuelen;
    MW_TRY(mw_out_span(&call, "value", value, length + 1, &out));
    mw_put_string(out, length + 1, text);
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Info_get_string(mw_instance *instance, mw_guest_info info, mw_guest_ptr key, mw_guest_ptr buflen,
                               mw_guest_ptr value, mw_guest_ptr flag)
{
    mw_call call = MW_CALL("MPI_Info_get_string");
    char text[MPI_MAX_INFO_VAL + 1];
    int32_t *out_flag, *length;
    void *out = NULL;
    int host_flag;
    MW_TRY(mw_in_any_time(&call));
    MW_TRY(mw_out_i32(&call, "buflen", buflen, &length));
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    if (*length < 0)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "buflen", "%d is negative", *length);
    int32_t room = *length;
    if (room > 0)
        MW_TRY(mw_out_span(&call, "value", value, (uint64_t)room, &out));
    MW_TRY(info_value(&call, info, key, text, &host_flag));
    *out_flag = host_flag;
    if (!host_flag)
        return MW_GUEST_SUCCESS;
    if (room > 0)
        mw_put_string(out, (uint64_t)room, text);
    *length = (int32_t)strlen(text) + 1;
    return MW_GUEST_SUCCESS;
}

/* What the process was started with, as MPI_INFO_ENV says it; the guest's argc and argv add nothing to that. */
int32_t mw_MPI_Info_create_env(mw_instance *instance, int32_t argc, mw_guest_ptr argv, mw_guest_ptr info)
{
    mw_call call = MW_CALL("MPI_Info_create_env");
    mw_guest_word *out;
    MPI_Info host;
    (void)argc, (void)argv;
    MW_TRY(mw_in_any_time(&call));
    MW_TRY(mw_out_word(&call, "info", info, &out));
#if MPI_VERSION >= 4
    MW_TRY(mw_result(MPI_Info_create_env(0, NULL, &host)));
#else
    MW_TRY(mw_result(MPI_Info_dup(MPI_INFO_ENV, &host)));
#endif
    return mw_out_info(&call, "info", host, out);
}

/* A host before MPI 4.1 says nothing about its hardware. */
int32_t mw_MPI_Get_hw_resource_info(mw_instance *instance, mw_guest_ptr hw_info)
{
    mw_call call = MW_CALL("MPI_Get_hw_resource_info");
    mw_guest_word *out;
    MPI_Info host;
    MW_TRY(mw_in_any_time(&call));
    MW_TRY(mw_out_word(&call, "hw_info", hw_info, &out));
#if MW_HOST_MPI >= 41
    MW_TRY(mw_result(MPI_Get_hw_resource_info(&host)));
#else
    MW_TRY(mw_result(MPI_Info_create(&host)));
#endif
    return mw_out_info(&call, "hw_info", host, out);
}

/* ---- Matched receives ----------------------------------------------------------------------------------------------- */

/* The host ends the message; so does the guest's handle. MPI_MESSAGE_NO_PROC is predefined and stays. */
static int32_t in_message(const mw_call *call, mw_guest_ptr message, mw_guest_word **handle, mw_message_slot **slot)
{
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_out_word(call, "message", message, handle));
    *slot = mw_message_find((mw_guest_message){**handle});
    return *slot ? MW_GUEST_SUCCESS : mw_raise_handle(call, MW_KIND_message, "message", **handle);
}

static void end_message(mw_message_slot *slot, MPI_Message host, mw_guest_word *handle)
{
    if (host == MPI_MESSAGE_NULL) {
        if (slot->head.self >= MW_FIRST_DYNAMIC_INDEX)
            mw_message_free(slot);
        *handle = MW_GUEST_MESSAGE_NULL;
    }
}

static int32_t mrecv(const mw_call *call, bool large, mw_guest_ptr buf, int64_t count, mw_guest_type datatype,
                     mw_guest_ptr message, mw_guest_ptr status)
{
    const mw_type_slot *type;
    mw_message_slot *slot;
    mw_guest_status *guest_status;
    MPI_Status host_status, *use;
    mw_guest_word *handle;
    void *host_buf;
    MW_TRY(in_message(call, message, &handle, &slot));
    MW_TRY(mw_in_type(call, "datatype", datatype, &type));
    MW_TRY(mw_in_large_count(call, "count", count));
    MW_TRY(mw_in_buffer(call, "buf", buf, count, type, &host_buf));
    MW_TRY(mw_out_status_span(call, "status", status, &guest_status));
    MPI_Message host = slot->host;
    use = MW_HOST_STATUS(guest_status, &host_status);
    int rc = large ? MW_LARGE(MPI_Mrecv)(host_buf, count, type->host, &host, use)
                   : MPI_Mrecv(host_buf, (int)count, type->host, &host, use);
    end_message(slot, host, handle);
    if (rc == MPI_SUCCESS)
        mw_put_status(guest_status, &host_status);
    return mw_result(rc);
}

int32_t mw_MPI_Mrecv(mw_instance *instance, mw_guest_ptr buf, int32_t count, mw_guest_type datatype,
                     mw_guest_ptr message, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Mrecv");
    return mrecv(&call, false, buf, count, datatype, message, status);
}

int32_t mw_MPI_Mrecv_c(mw_instance *instance, mw_guest_ptr buf, mw_guest_count count, mw_guest_type datatype,
                       mw_guest_ptr message, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Mrecv_c");
    return mrecv(&call, true, buf, count, datatype, message, status);
}

static int32_t imrecv(const mw_call *call, bool large, mw_guest_ptr buf, int64_t count, mw_guest_type datatype,
                      mw_guest_ptr message, mw_guest_ptr request)
{
    const mw_type_slot *type;
    mw_message_slot *slot;
    mw_guest_word *handle, *out;
    void *host_buf;
    MPI_Request host_request;
    MW_TRY(in_message(call, message, &handle, &slot));
    MW_TRY(mw_in_type(call, "datatype", datatype, &type));
    MW_TRY(mw_in_large_count(call, "count", count));
    MW_TRY(mw_in_buffer(call, "buf", buf, count, type, &host_buf));
    MW_TRY(mw_out_word(call, "request", request, &out));
    MPI_Message host = slot->host;
    int rc = large ? MW_LARGE(MPI_Imrecv)(host_buf, count, type->host, &host, &host_request)
                   : MPI_Imrecv(host_buf, (int)count, type->host, &host, &host_request);
    end_message(slot, host, handle);
    return rc == MPI_SUCCESS ? mw_out_request(call, host_request, 0, out) : mw_result(rc);
}

int32_t mw_MPI_Imrecv(mw_instance *instance, mw_guest_ptr buf, int32_t count, mw_guest_type datatype,
                      mw_guest_ptr message, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Imrecv");
    return imrecv(&call, false, buf, count, datatype, message, request);
}

int32_t mw_MPI_Imrecv_c(mw_instance *instance, mw_guest_ptr buf, mw_guest_count count, mw_guest_type datatype,
                        mw_guest_ptr message, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Imrecv_c");
    return imrecv(&call, true, buf, count, datatype, message, request);
}

/* ---- Statuses that the guest sets -------------------------------------------------------------------------------------- */

static int32_t set_elements(mw_call *call, mw_guest_ptr status, mw_guest_type datatype, int64_t count)
{
    const mw_type_slot *type;
    MPI_Status host;
    mw_guest_status *guest;
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_in_type(call, "datatype", datatype, &type));
    MW_TRY(mw_in_status(call, "status", status, &host));
    MW_TRY(mw_out_span(call, "status", status, sizeof *guest, (void **)&guest));
    int rc = MPI_Status_set_elements_x(&host, type->host, count);
    if (rc == MPI_SUCCESS)
        MW_STATUS_OPAQUE_OUT(&host, guest->internal);
    return mw_result(rc);
}

int32_t mw_MPI_Status_set_elements(mw_instance *instance, mw_guest_ptr status, mw_guest_type datatype, int32_t count)
{
    mw_call call = MW_CALL("MPI_Status_set_elements");
    return set_elements(&call, status, datatype, count);
}

int32_t mw_MPI_Status_set_elements_x(mw_instance *instance, mw_guest_ptr status, mw_guest_type datatype,
                                     mw_guest_count count)
{
    mw_call call = MW_CALL("MPI_Status_set_elements_x");
    return set_elements(&call, status, datatype, count);
}

int32_t mw_MPI_Status_set_elements_c(mw_instance *instance, mw_guest_ptr status, mw_guest_type datatype,
                                     mw_guest_count count)
{
    mw_call call = MW_CALL("MPI_Status_set_elements_c");
    return set_elements(&call, status, datatype, count);
}

int32_t mw_MPI_Status_set_cancelled(mw_instance *instance, mw_guest_ptr status, int32_t flag)
{
    mw_call call = MW_CALL("MPI_Status_set_cancelled");
    MPI_Status host;
    mw_guest_status *guest;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_in_status(&call, "status", status, &host));
    MW_TRY(mw_out_span(&call, "status", status, sizeof *guest, (void **)&guest));
    int rc = MPI_Status_set_cancelled(&host, flag);
    if (rc == MPI_SUCCESS)
        MW_STATUS_OPAQUE_OUT(&host, guest->internal);
    return mw_result(rc);
}
