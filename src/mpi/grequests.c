/* Generalized requests (MPI 4.1, 13.2). The host's callbacks have an extra state, which here is a record of ours; it
 * lives until the host calls the free function, once for each request. */
#include "mpi/callbacks.h"
#include "mpi/state.h"
#include "shims.h"

#include <stdlib.h>

typedef int32_t query_code(mw_context *context, mw_guest_addr extra_state, mw_guest_addr status);
typedef int32_t free_code(mw_context *context, mw_guest_addr extra_state);
typedef int32_t cancel_code(mw_context *context, mw_guest_addr extra_state, int32_t complete);

typedef struct grequest {
    const mw_func *query, *free, *cancel;
    mw_guest_addr extra_state;
} grequest;

static int query(void *state, MPI_Status *status)
{
    grequest *g = state;
    mw_instance *instance = mw_instance_here(mw_mpi_instance);
    mw_call call = MW_CALL("MPI_Grequest_start");
    mw_guest_block block;
    MPI_Status result;

    if (!mw_guest_block_begin(instance, sizeof(mw_guest_status), &block))
        return MPI_ERR_NO_MEM;
    mw_guest_status *guest = (mw_guest_status *)(instance->memory0 + block.p.addr);
    memset(guest, 0, sizeof *guest);
    mw_put_status(guest, status);
    const mw_func *func = mw_func_here(g->query);
    mw_callback_enter();
    int32_t error = ((query_code *)func->code)(func->context, g->extra_state, block.p.addr);
    mw_callback_leave();
    if (mw_in_status(&call, "status", block.p, &result) == MW_GUEST_SUCCESS) {
        result.MPI_ERROR = status->MPI_ERROR;
        *status = result;
    }
    mw_guest_block_end(instance, &block);
    return mw_host_error_code(error);
}

static int release(void *state)
{
    grequest *g = state;
    const mw_func *func = mw_func_here(g->free);
    mw_callback_enter();
    int32_t error = ((free_code *)func->code)(func->context, g->extra_state);
    mw_callback_leave();
    free(g);
    return mw_host_error_code(error);
}

static int cancel(void *state, int complete)
{
    grequest *g = state;
    const mw_func *func = mw_func_here(g->cancel);
    mw_callback_enter();
    int32_t error = ((cancel_code *)func->code)(func->context, g->extra_state, complete);
    mw_callback_leave();
    return mw_host_error_code(error);
}

int32_t mw_MPI_Grequest_start(mw_instance *instance, mw_guest_ptr query_fn, mw_guest_ptr free_fn,
                              mw_guest_ptr cancel_fn, mw_guest_ptr extra_state, mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Grequest_start");
    mw_guest_word *out;
    MPI_Request host;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_word(&call, "request", request, &out));
    grequest made = {
        mw_guest_function(instance, query_fn.addr, MW_BY_WIDTH("ii:i", "II:i")),
        mw_guest_function(instance, free_fn.addr, MW_BY_WIDTH("i:i", "I:i")),
        mw_guest_function(instance, cancel_fn.addr, MW_BY_WIDTH("ii:i", "Ii:i")),
        extra_state.addr,
    };
    if (!made.query || !made.free || !made.cancel)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, !made.query ? "query_fn" : !made.free ? "free_fn" : "cancel_fn",
                              "not a function of the right type");
    grequest *g = malloc(sizeof *g);
    if (!g)
        return mw_raise_error(&call, MW_GUEST_ERR_NO_MEM, NULL, "no memory for the request");
    *g = made;
    int rc = MPI_Grequest_start(query, release, cancel, g, &host);
    if (rc != MPI_SUCCESS) {
        free(g);
        return mw_result(rc);
    }
    return mw_out_request(&call, host, MW_REQUEST_GENERALIZED, out);
}

/* A second completion would complete a request that the host may have reused. */
int32_t mw_MPI_Grequest_complete(mw_instance *instance, mw_guest_request request)
{
    mw_call call = MW_CALL("MPI_Grequest_complete");
    MW_TRY(mw_in_running(&call));
    mw_request_slot *slot = mw_request_find(request);
    if (!slot)
        return mw_raise_handle(&call, MW_KIND_request, "request", request.value);
    uint32_t flags = __atomic_load_n(&slot->flags, __ATOMIC_ACQUIRE);
    if (flags & MW_REQUEST_GENERALIZED) /* another thread may just wait for it */
        flags = __atomic_fetch_or(&slot->flags, MW_REQUEST_DONE, __ATOMIC_ACQ_REL);
    if (!(flags & MW_REQUEST_GENERALIZED) || (flags & MW_REQUEST_DONE))
        return mw_raise_error(&call, MW_GUEST_ERR_REQUEST, "request", "not a generalized request in progress");
    return mw_result(MPI_Grequest_complete(slot->host));
}
