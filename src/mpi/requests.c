/* Completion of requests. What the guest passes is a list of handles; the host gets a list of host requests in
 * scratch memory, and afterwards each request that the host has ended loses its slot.
 *
 * A request is marked busy while the host holds it, so that it is never passed twice at a time: not by a list that
 * names it twice, nor by a callback or thread that waits for it meanwhile. The host would free it twice. */
#include "mpi/state.h"
#include "shims.h"

/* The lists of one call. slots[i] is NULL for MPI_REQUEST_NULL. */
typedef struct request_list {
    mw_arena arena;
    int64_t n;
    mw_guest_word *handles; /* the guest's, in place */
    MPI_Request *hosts;
    mw_request_slot **slots;
    MPI_Status *statuses;     /* NULL if ignored */
    mw_guest_status *guest_statuses;
} request_list;

MW_INLINE int32_t claim(const mw_call *call, const char *argument, mw_guest_word handle, mw_request_slot **out)
{
    mw_request_slot *slot = mw_request_find((mw_guest_request){handle});
    *out = NULL;
    if (MW_UNLIKELY(!slot))
        return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_request, argument, handle));
    uint32_t before;
    if (mw_handles_shared) {
        before = __atomic_fetch_or(&slot->flags, MW_REQUEST_BUSY, __ATOMIC_ACQUIRE);
    } else {
        before = slot->flags;
        slot->flags = before | MW_REQUEST_BUSY;
    }
    if (MW_UNLIKELY(before & MW_REQUEST_BUSY))
        return mw_failed(mw_raise_error(MW_COPY(call), MW_GUEST_ERR_REQUEST, argument,
                                        "request 0x%llx is already being completed", (unsigned long long)handle));
    *out = slot;
    return MW_GUEST_SUCCESS;
}

/* The claim ends, and whoever claims next sees what was written under it. */
static void unclaim(mw_request_slot *slot, uint32_t other_bits)
{
    if (mw_handles_shared) /* another thread may just call a generalized request complete */
        __atomic_fetch_and(&slot->flags, ~(MW_REQUEST_BUSY | other_bits), __ATOMIC_RELEASE);
    else
        slot->flags &= ~(MW_REQUEST_BUSY | other_bits);
}

/* What an operation kept until it was complete. */
static __attribute__((noinline)) void end_kept(const mw_request_slot *slot)
{
    if (slot->flags & MW_REQUEST_COMM)
        mw_comm_publish(*(mw_comm_slot **)mw_kept_bytes(slot->kept));
    mw_kept_free(slot->kept);
}

/* After the host call: takes over what the host made of the request. */
static inline void settle(mw_request_slot *slot, MPI_Request host, bool complete, mw_guest_word *handle)
{
    if (!slot)
        return;
    if (MW_LIKELY(host == MPI_REQUEST_NULL)) {
        if (MW_UNLIKELY(slot->kept != NULL))
            end_kept(slot);
        mw_request_end(slot);
        *handle = MW_GUEST_REQUEST_NULL;
        return;
    }
    slot->host = host;
    unclaim(slot, complete ? MW_REQUEST_ACTIVE : 0);
}

static void list_release(request_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->slots[i])
            unclaim(list->slots[i], 0);
    mw_arena_end(&list->arena);
}

/* Fills `list`. nstatuses is the room that the guest has for statuses, as far as the call can write any. On failure
 * nothing is left claimed. */
static int32_t list_begin(const mw_call *call, int32_t n, mw_guest_ptr requests, mw_guest_ptr statuses,
                          int64_t nstatuses, request_list *list)
{
    int32_t error = MW_GUEST_SUCCESS;

    memset(list, 0, sizeof *list);
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_in_count(call, "count", n));
    MW_TRY(mw_out_words(call, "array_of_requests", requests, n, &list->handles));
    if (statuses.addr != MW_GUEST_STATUSES_IGNORE)
        MW_TRY(mw_out_span(call, "array_of_statuses", statuses, (uint64_t)nstatuses * sizeof(mw_guest_status),
                           (void **)&list->guest_statuses));
    list->arena = mw_scratch_begin();
    list->hosts = mw_arena_take(call, &list->arena, (uint64_t)n * sizeof *list->hosts, &error);
    if (!error)
        list->slots = mw_arena_take(call, &list->arena, (uint64_t)n * sizeof *list->slots, &error);
    if (!error && list->guest_statuses)
        list->statuses = mw_arena_take(call, &list->arena, (uint64_t)nstatuses * sizeof *list->statuses, &error);
    for (; !error && list->n < n; list->n++) {
        mw_guest_word handle = list->handles[list->n];
        list->slots[list->n] = NULL;
        list->hosts[list->n] = MPI_REQUEST_NULL;
        if (handle == MW_GUEST_REQUEST_NULL)
            continue;
        if (!(error = claim(call, "array_of_requests", handle, &list->slots[list->n])))
            list->hosts[list->n] = list->slots[list->n]->host;
    }
    if (error)
        list_release(list);
    return error;
}

/* Ends the call: `index` was completed, or all (COMPLETE_ALL), or those that the host ended only (COMPLETE_NONE; a
 * persistent one among them is marked by the caller). */
enum { COMPLETE_ALL = -1, COMPLETE_NONE = -2 };

static void list_end(request_list *list, int64_t index)
{
    for (int64_t i = 0; i < list->n; i++)
        settle(list->slots[i], list->hosts[i], index == COMPLETE_ALL || i == index, &list->handles[i]);
    mw_arena_end(&list->arena);
}

static void put_statuses(request_list *list, int64_t n, int rc)
{
    if (!list->guest_statuses)
        return;
    int error_class = MPI_SUCCESS;
    if (rc != MPI_SUCCESS)
        MPI_Error_class(rc, &error_class);
    for (int64_t i = 0; i < n; i++) {
        mw_put_status(&list->guest_statuses[i], &list->statuses[i]);
        if (error_class == MPI_ERR_IN_STATUS)
            mw_put_status_error(&list->guest_statuses[i], &list->statuses[i]);
    }
}

#define HOST_STATUSES(list) ((list)->statuses ? (list)->statuses : MPI_STATUSES_IGNORE)

/* ---- One request -------------------------------------------------------------------------------------------- */

MW_INLINE int32_t one_begin(const mw_call *call, mw_guest_ptr request, mw_guest_ptr status, mw_guest_word **handle,
                         mw_guest_status **guest_status, mw_request_slot **slot, MPI_Request *host)
{
    MW_TRY(mw_out_word(call, "request", request, handle));
    MW_TRY(mw_out_status_span(call, "status", status, guest_status));
    if (**handle == MW_GUEST_REQUEST_NULL && mw_mpi_running) {
        *slot = NULL;
        *host = MPI_REQUEST_NULL;
        return MW_GUEST_SUCCESS;
    }
    MW_TRY(claim(call, "request", **handle, slot));
    *host = (*slot)->host;
    return MW_GUEST_SUCCESS;
}

int32_t mw_MPI_Wait(mw_instance *instance, mw_guest_ptr request, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Wait");
    mw_guest_status *guest_status;
    mw_request_slot *slot;
    MPI_Request host;
    MPI_Status host_status;
    mw_guest_word *handle;
    MW_TRY(one_begin(&call, request, status, &handle, &guest_status, &slot, &host));
    int rc = MPI_Wait(&host, MW_HOST_STATUS(guest_status, &host_status));
    settle(slot, host, true, handle);
    if (rc == MPI_SUCCESS)
        mw_put_status(guest_status, &host_status);
    return mw_result(rc);
}

int32_t mw_MPI_Test(mw_instance *instance, mw_guest_ptr request, mw_guest_ptr flag, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Test");
    mw_guest_status *guest_status;
    mw_request_slot *slot;
    MPI_Request host;
    MPI_Status host_status;
    mw_guest_word *handle;
    int32_t *out_flag;
    int host_flag = 0;
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(one_begin(&call, request, status, &handle, &guest_status, &slot, &host));
    int rc = MPI_Test(&host, &host_flag, MW_HOST_STATUS(guest_status, &host_status));
    settle(slot, host, host_flag != 0, handle);
    *out_flag = host_flag;
    if (host_flag && rc == MPI_SUCCESS)
        mw_put_status(guest_status, &host_status);
    return mw_result(rc);
}

int32_t mw_MPI_Request_get_status(mw_instance *instance, mw_guest_request request, mw_guest_ptr flag,
                                  mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Request_get_status");
    mw_guest_status *guest_status;
    mw_request_slot *slot = NULL;
    MPI_Status host_status;
    int32_t *out_flag;
    int host_flag = 0;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(mw_out_status_span(&call, "status", status, &guest_status));
    if (request.value != MW_GUEST_REQUEST_NULL)
        MW_TRY(claim(&call, "request", request.value, &slot));
    int rc = MPI_Request_get_status(slot ? slot->host : MPI_REQUEST_NULL, &host_flag,
                                    MW_HOST_STATUS(guest_status, &host_status));
    if (slot)
        unclaim(slot, 0);
    *out_flag = host_flag;
    if (host_flag && rc == MPI_SUCCESS)
        mw_put_status(guest_status, &host_status);
    return mw_result(rc);
}

int32_t mw_MPI_Request_free(mw_instance *instance, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Request_free");
    mw_request_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "request", request, &handle));
    MW_TRY(claim(&call, "request", *handle, &slot));
    MPI_Request host = slot->host;
    int rc = MPI_SUCCESS;
    if (slot->flags & MW_REQUEST_PARTITIONED) {
        if (slot->flags & MW_REQUEST_ACTIVE) { /* the host would receive into what it has freed */
            unclaim(slot, 0);
            return mw_raise_error(&call, MW_GUEST_ERR_REQUEST, "request", "an active partitioned one cannot be freed");
        }
        rc = mw_partitioned_free(slot, &host);
    } else {
        rc = MPI_Request_free(&host);
    }
    if (rc == MPI_SUCCESS) {
        mw_kept_orphan(slot->kept);
        slot->kept = NULL;
    }
    settle(slot, host, false, handle);
    return mw_result(rc);
}

int32_t mw_MPI_Cancel(mw_instance *instance, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Cancel");
    mw_request_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "request", request, &handle));
    MW_TRY(claim(&call, "request", *handle, &slot));
    if (slot->flags & (MW_REQUEST_COLLECTIVE | MW_REQUEST_PARTITIONED)) { /* MPICH would end the job */
        unclaim(slot, 0);
        return mw_raise_error(&call, MW_GUEST_ERR_REQUEST, "request", "an operation of this kind cannot be cancelled");
    }
    int rc = MPI_Cancel(&slot->host);
    unclaim(slot, 0);
    return mw_result(rc);
}

/* ---- Persistent requests --------------------------------------------------------------------------------------- */

static int32_t check_startable(const mw_call *call, const char *argument, const mw_request_slot *slot)
{
    if (!(slot->flags & MW_REQUEST_PERSISTENT))
        return mw_raise_error(call, MW_GUEST_ERR_REQUEST, argument, "not a persistent request");
    if (slot->flags & MW_REQUEST_ACTIVE)
        return mw_raise_error(call, MW_GUEST_ERR_REQUEST, argument, "the persistent request is active already");
    return MW_GUEST_SUCCESS;
}

static void activate(mw_request_slot *slot)
{
    if (slot->flags & MW_REQUEST_PARTITIONED_SEND)
        mw_partitions_reset(slot); /* before other threads see that it is active */
    __atomic_store_n(&slot->flags, slot->flags | MW_REQUEST_ACTIVE, __ATOMIC_RELEASE);
}

int32_t mw_MPI_Start(mw_instance *instance, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Start");
    mw_request_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "request", request, &handle));
    MW_TRY(claim(&call, "request", *handle, &slot));
    unclaim(slot, 0);
    MW_TRY(check_startable(&call, "request", slot));
    activate(slot);
    int rc = MPI_Start(&slot->host);
    if (rc != MPI_SUCCESS)
        slot->flags &= ~(uint32_t)MW_REQUEST_ACTIVE;
    return mw_result(rc);
}

int32_t mw_MPI_Startall(mw_instance *instance, int32_t count, mw_guest_ptr requests)
{
    mw_call call = MW_CALL("MPI_Startall");
    request_list list;
    MW_TRY(list_begin(&call, count, requests, (mw_guest_ptr){MW_GUEST_STATUSES_IGNORE}, 0, &list));
    int32_t error = MW_GUEST_SUCCESS;
    for (int64_t i = 0; i < list.n && !error; i++)
        error = list.slots[i] ? check_startable(&call, "array_of_requests", list.slots[i])
                              : mw_raise_handle(&call, MW_KIND_request, "array_of_requests", MW_GUEST_REQUEST_NULL);
    if (!error) {
        for (int64_t i = 0; i < list.n; i++)
            activate(list.slots[i]);
        int rc = MPI_Startall(count, list.hosts);
        for (int64_t i = 0; i < list.n; i++)
            list.slots[i]->host = list.hosts[i];
        error = mw_result(rc);
    }
    list_release(&list);
    return error;
}

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

int32_t mw_MPI_Waitall(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Waitall");
    request_list list;
    MW_TRY(list_begin(&call, count, requests, statuses, count, &list));
    int rc = MPI_Waitall(count, list.hosts, HOST_STATUSES(&list));
    put_statuses(&list, count, rc);
    list_end(&list, rc == MPI_SUCCESS ? COMPLETE_ALL : COMPLETE_NONE);
    return mw_result(rc);
}

int32_t mw_MPI_Testall(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr flag,
                       mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Testall");
    request_list list;
    int32_t *out_flag;
    int host_flag = 0;
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(list_begin(&call, count, requests, statuses, count, &list));
    int rc = MPI_Testall(count, list.hosts, &host_flag, HOST_STATUSES(&list));
    *out_flag = host_flag;
    if (host_flag || rc != MPI_SUCCESS)
        put_statuses(&list, count, rc);
    list_end(&list, host_flag ? COMPLETE_ALL : COMPLETE_NONE);
    return mw_result(rc);
}

int32_t mw_MPI_Waitany(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr index,
                       mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Waitany");
    request_list list;
    int32_t *out_index;
    int host_index = MPI_UNDEFINED;
    MW_TRY(mw_out_i32(&call, "index", index, &out_index));
    MW_TRY(list_begin(&call, count, requests, status, 1, &list));
    int rc = MPI_Waitany(count, list.hosts, &host_index, list.statuses ? list.statuses : MPI_STATUS_IGNORE);
    *out_index = host_index == MPI_UNDEFINED ? MW_GUEST_UNDEFINED : host_index;
    if (rc == MPI_SUCCESS && list.statuses)
        mw_put_status(list.guest_statuses, list.statuses);
    list_end(&list, host_index == MPI_UNDEFINED ? COMPLETE_NONE : host_index);
    return mw_result(rc);
}

int32_t mw_MPI_Testany(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr index,
                       mw_guest_ptr flag, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Testany");
    request_list list;
    int32_t *out_index, *out_flag;
    int host_index = MPI_UNDEFINED, host_flag = 0;
    MW_TRY(mw_out_i32(&call, "index", index, &out_index));
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(list_begin(&call, count, requests, status, 1, &list));
    int rc = MPI_Testany(count, list.hosts, &host_index, &host_flag,
                         list.statuses ? list.statuses : MPI_STATUS_IGNORE);
    *out_index = host_index == MPI_UNDEFINED ? MW_GUEST_UNDEFINED : host_index;
    *out_flag = host_flag;
    if (rc == MPI_SUCCESS && host_flag && list.statuses)
        mw_put_status(list.guest_statuses, list.statuses);
    list_end(&list, host_flag && host_index != MPI_UNDEFINED ? host_index : COMPLETE_NONE);
    return mw_result(rc);
}

/* MPI_Waitsome and MPI_Testsome. */
typedef int some_fn(int, MPI_Request *, int *, int *, MPI_Status *);

static int32_t complete_some(const mw_call *call, some_fn *host_some, int32_t count, mw_guest_ptr requests,
                             mw_guest_ptr outcount, mw_guest_ptr indices, mw_guest_ptr statuses)
{
    request_list list;
    int32_t *out_count, *out_indices, error = MW_GUEST_SUCCESS;
    int completed = 0;
    MW_TRY(mw_in_count(call, "incount", count));
    MW_TRY(mw_out_i32(call, "outcount", outcount, &out_count));
    MW_TRY(mw_out_ints(call, "array_of_indices", indices, count, &out_indices));
    MW_TRY(list_begin(call, count, requests, statuses, count, &list));
    int *host_indices = mw_arena_take(call, &list.arena, (uint64_t)count * sizeof *host_indices, &error);
    if (!host_indices) {
        list_release(&list);
        return error;
    }
    int rc = host_some(count, list.hosts, &completed, host_indices, HOST_STATUSES(&list));
    *out_count = completed == MPI_UNDEFINED ? MW_GUEST_UNDEFINED : completed;
    for (int i = 0; completed != MPI_UNDEFINED && i < completed; i++) {
        out_indices[i] = host_indices[i];
        if (list.slots[host_indices[i]])
            list.slots[host_indices[i]]->flags &= ~(uint32_t)MW_REQUEST_ACTIVE;
    }
    if (completed != MPI_UNDEFINED)
        put_statuses(&list, completed, rc);
    list_end(&list, COMPLETE_NONE);
    return mw_result(rc);
}

int32_t mw_MPI_Waitsome(mw_instance *instance, int32_t incount, mw_guest_ptr requests, mw_guest_ptr outcount,
                        mw_guest_ptr indices, mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Waitsome");
    return complete_some(&call, MPI_Waitsome, incount, requests, outcount, indices, statuses);
}

int32_t mw_MPI_Testsome(mw_instance *instance, int32_t incount, mw_guest_ptr requests, mw_guest_ptr outcount,
                        mw_guest_ptr indices, mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Testsome");
    return complete_some(&call, MPI_Testsome, incount, requests, outcount, indices, statuses);
}

/* ---- Lists that stay as they are (MPI 4.1, 3.7.6): hosts before MPI 4.1 ask for one request at a time ----------------- */

static bool is_inactive(const mw_request_slot *slot)
{
    return !slot || ((slot->flags & MW_REQUEST_PERSISTENT) && !(slot->flags & MW_REQUEST_ACTIVE));
}

/* Of request i into status number `at`. */
static int get_status(request_list *list, int64_t i, int64_t at, int *flag)
{
    return MPI_Request_get_status(list->hosts[i], flag, list->statuses ? &list->statuses[at] : MPI_STATUS_IGNORE);
}

int32_t mw_MPI_Request_get_status_all(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr flag,
                                      mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Request_get_status_all");
    request_list list;
    int32_t *out_flag;
    int complete = 1, rc = MPI_SUCCESS;
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(list_begin(&call, count, requests, statuses, count, &list));
    for (int64_t i = 0; i < list.n && complete && rc == MPI_SUCCESS; i++)
        rc = get_status(&list, i, i, &complete);
    if (rc == MPI_SUCCESS) {
        *out_flag = complete;
        if (complete)
            put_statuses(&list, count, rc);
    }
    list_release(&list);
    return mw_result(rc);
}

int32_t mw_MPI_Request_get_status_any(mw_instance *instance, int32_t count, mw_guest_ptr requests, mw_guest_ptr index,
                                      mw_guest_ptr flag, mw_guest_ptr status)
{
    mw_call call = MW_CALL("MPI_Request_get_status_any");
    request_list list;
    int32_t *out_index, *out_flag;
    int64_t active = 0, found = -1;
    int complete = 0, rc = MPI_SUCCESS;
    MW_TRY(mw_out_i32(&call, "index", index, &out_index));
    MW_TRY(mw_out_i32(&call, "flag", flag, &out_flag));
    MW_TRY(list_begin(&call, count, requests, status, 1, &list));
    for (int64_t i = 0; i < list.n && !complete && rc == MPI_SUCCESS; i++) {
        if (is_inactive(list.slots[i]))
            continue;
        active++;
        rc = get_status(&list, i, 0, &complete);
        found = i;
    }
    if (active == 0) /* the empty status */
        rc = MPI_Request_get_status(MPI_REQUEST_NULL, &complete, list.statuses ? list.statuses : MPI_STATUS_IGNORE);
    if (rc == MPI_SUCCESS) {
        *out_flag = complete;
        *out_index = complete && active > 0 ? (int32_t)found : MW_GUEST_UNDEFINED;
        if (complete && list.statuses)
            mw_put_status(list.guest_statuses, list.statuses);
    }
    list_release(&list);
    return mw_result(rc);
}

int32_t mw_MPI_Request_get_status_some(mw_instance *instance, int32_t count, mw_guest_ptr requests,
                                       mw_guest_ptr outcount, mw_guest_ptr indices, mw_guest_ptr statuses)
{
    mw_call call = MW_CALL("MPI_Request_get_status_some");
    request_list list;
    int32_t *out_count, *out_indices, n = 0;
    int64_t active = 0;
    int rc = MPI_SUCCESS;
    MW_TRY(mw_in_count(&call, "incount", count));
    MW_TRY(mw_out_i32(&call, "outcount", outcount, &out_count));
    MW_TRY(mw_out_ints(&call, "array_of_indices", indices, count, &out_indices));
    MW_TRY(list_begin(&call, count, requests, statuses, count, &list));
    for (int64_t i = 0; i < list.n && rc == MPI_SUCCESS; i++) {
        int complete = 0;
        if (is_inactive(list.slots[i]))
            continue;
        active++;
        rc = get_status(&list, i, n, &complete);
        if (complete)
            out_indices[n++] = (int32_t)i;
    }
    if (rc == MPI_SUCCESS) {
        *out_count = active > 0 ? n : MW_GUEST_UNDEFINED;
        put_statuses(&list, n, rc);
    }
    list_release(&list);
    return mw_result(rc);
}
