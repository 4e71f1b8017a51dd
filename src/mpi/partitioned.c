/* Partitioned communication (MPI 4.1, 4.2). The host is told of each partition once per start: it only counts them, and a
 * partition too many would make it send before the receiver is ready, to wherever. MPI_Pready may be called by several threads
 * at a time, also while another one waits for the request: it does not claim the request. */
#include "mpi/state.h"
#include "shims.h"

#include <limits.h>

/* A bit for each partition of a send is kept with its request. */
#define MAX_PARTITIONS (1 << 20)

typedef struct partitions {
    int32_t n;
    bool nowhere; /* to or from MPI_PROC_NULL: the host has an ordinary persistent request */
    MPI_Datatype type; /* MPI_DATATYPE_NULL, or a datatype that only the request holds */
    uint64_t ready[];
} partitions;

static partitions *partitions_of(const mw_request_slot *slot)
{
    return mw_kept_bytes(slot->kept);
}

void mw_partitions_reset(mw_request_slot *slot)
{
    partitions *p = partitions_of(slot);
    memset(p->ready, 0, ((size_t)p->n + 63) / 64 * sizeof *p->ready);
}

/* MPICH: a receiver that was matched refers to the sender's request whenever it starts, whether that was freed or not. So
 * the host keeps the request, which will never be complete again; only its datatype goes. */
int mw_partitioned_free(mw_request_slot *slot, MPI_Request *host)
{
    partitions *p = partitions_of(slot);
#ifdef MPICH_VERSION
    if (!p->nowhere && (slot->flags & MW_REQUEST_PARTITIONED_SEND)) {
        *host = MPI_REQUEST_NULL;
        return p->type == MPI_DATATYPE_NULL ? MPI_SUCCESS : MPI_Type_free(&p->type);
    }
#else
    (void)p;
#endif
    return MPI_Request_free(host);
}

#if MPI_VERSION >= 4

/* The arguments of MPI_Psend_init and MPI_Precv_init. */
typedef struct init {
    const mw_comm_slot *comm;
    const mw_type_slot *type;
    MPI_Info info;
    void *buffer;
    int rank, tag;
} init;

static int32_t in_init(mw_call *call, mw_guest_ptr buf, int32_t n, int64_t count, mw_guest_type datatype, int32_t rank,
                       int32_t tag, mw_guest_comm comm, mw_guest_info info, init *out)
{
    int64_t elements;
    MW_TRY(mw_in_comm(call, "comm", comm, &out->comm));
    MW_TRY(mw_in_type(call, "datatype", datatype, &out->type));
    MW_TRY(mw_in_info_or_null(call, "info", info, &out->info));
    MW_TRY(mw_in_count(call, "count", count));
    if (count > INT_MAX) /* MPICH 4.0 takes it for an int */
        return mw_raise_error(call, MW_GUEST_ERR_COUNT, "count", "%lld is too large", (long long)count);
    if (n < 1 || n > MAX_PARTITIONS)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "partitions", "%d is not between 1 and %d", n, MAX_PARTITIONS);
    MW_TRY(mw_in_dest(call, "dest", rank, &out->rank));
    MW_TRY(mw_in_tag(call, "tag", tag, &out->tag));
    elements = count * n;
    return mw_in_buffer(call, "buf", buf, elements, out->type, &out->buffer);
}

static int host_psend(partitions *p, int64_t count, MPI_Datatype type, const init *in, MPI_Request *out)
{
    return MPI_Psend_init(in->buffer, p->n, count, type, in->rank, in->tag, in->comm->host, in->info, out);
}

#ifdef MPICH_VERSION
/* A derived datatype gets a copy that mw_partitioned_free can end: its handle stays valid while the request lives. */
static int host_psend_derived(partitions *p, int64_t count, const init *in, MPI_Request *out)
{
    MPI_Datatype copy;
    int rc = MPI_Type_contiguous(1, in->type->host, &copy);
    if (rc != MPI_SUCCESS)
        return rc;
    p->type = copy;
    rc = MPI_Type_commit(&copy);
    if (rc == MPI_SUCCESS)
        rc = host_psend(p, count, copy, in, out);
    MPI_Type_free(&copy);
    return rc;
}
#endif

static int host_init(bool send, partitions *p, int64_t count, const init *in, MPI_Request *out)
{
    MPI_Comm comm = in->comm->host;
    if (p->nowhere) /* MPICH 4.0 would look MPI_PROC_NULL up among its connections */
        return send ? MPI_Send_init(in->buffer, 0, MPI_BYTE, in->rank, in->tag, comm, out)
                    : MPI_Recv_init(in->buffer, 0, MPI_BYTE, in->rank, in->tag, comm, out);
    if (!send)
        return MPI_Precv_init(in->buffer, p->n, count, in->type->host, in->rank, in->tag, comm, in->info, out);
#ifdef MPICH_VERSION
    if (!(in->type->flags & MW_TYPE_PREDEFINED))
        return host_psend_derived(p, count, in, out);
#endif
    return host_psend(p, count, in->type->host, in, out);
}

static int32_t start_init(mw_call *call, bool send, int32_t n, int64_t count, const init *in, mw_guest_ptr request)
{
    mw_arena arena = mw_kept_begin();
    MPI_Request host = MPI_REQUEST_NULL;
    mw_guest_word *out;
    int32_t error;
    partitions *p = NULL;

    if (!(error = mw_out_word(call, "request", request, &out)))
        p = mw_arena_take(call, &arena, sizeof *p + (send ? ((uint64_t)n + 63) / 64 * sizeof *p->ready : 0), &error);
    if (error)
        goto out;
    p->n = n;
    p->nowhere = in->rank == MPI_PROC_NULL;
    p->type = MPI_DATATYPE_NULL;
    error = mw_result(host_init(send, p, count, in, &host));
    if (!error)
        error = mw_out_request_kept(call, host, MW_REQUEST_PERSISTENT | (send ? MW_REQUEST_PARTITIONED_SEND
                                                                              : MW_REQUEST_PARTITIONED_RECV),
                                    &arena, out);
out:
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Psend_init(mw_instance *instance, mw_guest_ptr buf, int32_t n, mw_guest_count count,
                          mw_guest_type datatype, int32_t dest, int32_t tag, mw_guest_comm comm, mw_guest_info info,
                          mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Psend_init");
    init in;
    MW_TRY(in_init(&call, buf, n, count, datatype, dest, tag, comm, info, &in));
    return start_init(&call, true, n, count, &in, request);
}

int32_t mw_MPI_Precv_init(mw_instance *instance, mw_guest_ptr buf, int32_t n, mw_guest_count count,
                          mw_guest_type datatype, int32_t source, int32_t tag, mw_guest_comm comm, mw_guest_info info,
                          mw_guest_ptr request)
{
    mw_call call = MW_CALL("MPI_Precv_init");
    init in;
    MW_TRY(in_init(&call, buf, n, count, datatype, source, tag, comm, info, &in));
    return start_init(&call, false, n, count, &in, request);
}

/* ---- Partitions ------------------------------------------------------------------------------------------------------- */

static int32_t in_partitioned(const mw_call *call, mw_guest_request request, uint32_t kind, mw_request_slot **out)
{
    *out = mw_request_find(request);
    if (!*out)
        return mw_raise_handle(call, MW_KIND_request, "request", request.value);
    if (!((*out)->flags & kind))
        return mw_raise_error(call, MW_GUEST_ERR_REQUEST, "request", "not of a partitioned %s",
                              kind == MW_REQUEST_PARTITIONED_SEND ? "send" : "receive");
    return MW_GUEST_SUCCESS;
}

static bool is_active(const mw_request_slot *slot)
{
    return __atomic_load_n(&slot->flags, __ATOMIC_ACQUIRE) & MW_REQUEST_ACTIVE;
}

static int32_t in_active_send(const mw_call *call, mw_guest_request request, mw_request_slot **out)
{
    MW_TRY(in_partitioned(call, request, MW_REQUEST_PARTITIONED_SEND, out));
    return is_active(*out) ? MW_GUEST_SUCCESS
                           : mw_raise_error(call, MW_GUEST_ERR_REQUEST, "request", "the request is not active");
}

static int32_t in_partition(const mw_call *call, const char *argument, const partitions *p, int32_t partition)
{
    return (uint32_t)partition < (uint32_t)p->n
               ? MW_GUEST_SUCCESS
               : mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "%d is not one of %d partitions", partition, p->n);
}

static void unmark(partitions *p, int32_t partition)
{
    __atomic_fetch_and(&p->ready[partition / 64], ~(UINT64_C(1) << partition % 64), __ATOMIC_RELAXED);
}

/* Takes a partition for the calling thread to report; false if it is ready already. */
static bool mark(partitions *p, int32_t partition)
{
    uint64_t bit = UINT64_C(1) << partition % 64;
    return !(__atomic_fetch_or(&p->ready[partition / 64], bit, __ATOMIC_RELAXED) & bit);
}

static int32_t raise_ready(const mw_call *call, const char *argument, int32_t partition)
{
    return mw_raise_error(call, MW_GUEST_ERR_ARG, argument, "partition %d is ready already", partition);
}

static int32_t ready_range(const mw_call *call, const char *argument, mw_request_slot *slot, int32_t low, int32_t high)
{
    partitions *p = partitions_of(slot);
    for (int32_t i = low; i <= high; i++)
        if (!mark(p, i)) {
            for (int32_t k = low; k < i; k++)
                unmark(p, k);
            return raise_ready(call, argument, i);
        }
    return p->nowhere ? MW_GUEST_SUCCESS : mw_result(MPI_Pready_range(low, high, slot->host));
}

int32_t mw_MPI_Pready(mw_instance *instance, int32_t partition, mw_guest_request request)
{
    mw_call call = MW_CALL("MPI_Pready");
    mw_request_slot *slot;
    MW_TRY(in_active_send(&call, request, &slot));
    MW_TRY(in_partition(&call, "partition", partitions_of(slot), partition));
    return ready_range(&call, "partition", slot, partition, partition);
}

int32_t mw_MPI_Pready_range(mw_instance *instance, int32_t low, int32_t high, mw_guest_request request)
{
    mw_call call = MW_CALL("MPI_Pready_range");
    mw_request_slot *slot;
    MW_TRY(in_active_send(&call, request, &slot));
    MW_TRY(in_partition(&call, "partition_low", partitions_of(slot), low));
    MW_TRY(in_partition(&call, "partition_high", partitions_of(slot), high));
    if (low > high)
        return mw_raise_error(&call, MW_GUEST_ERR_ARG, "partition_low", "%d is greater than %d", low, high);
    return ready_range(&call, "partition_low", slot, low, high);
}

int32_t mw_MPI_Pready_list(mw_instance *instance, int32_t length, mw_guest_ptr array_of_partitions,
                           mw_guest_request request)
{
    mw_call call = MW_CALL("MPI_Pready_list");
    mw_arena arena = mw_scratch_begin();
    mw_request_slot *slot;
    int *list = NULL;
    int32_t error;
    if ((error = in_active_send(&call, request, &slot)) ||
        (error = mw_in_ints(&call, &arena, "array_of_partitions", array_of_partitions, length, &list)))
        goto out;
    partitions *p = partitions_of(slot);
    for (int32_t i = 0; i < length && !error; i++)
        error = in_partition(&call, "array_of_partitions", p, list[i]);
    for (int32_t i = 0; i < length && !error; i++)
        if (!mark(p, list[i])) { /* perhaps by an earlier element */
            for (int32_t k = 0; k < i; k++)
                unmark(p, list[k]);
            error = raise_ready(&call, "array_of_partitions", list[i]);
        }
    if (!error && !p->nowhere && length > 0)
        error = mw_result(MPI_Pready_list(length, list, slot->host));
out:
    mw_arena_end(&arena);
    return error;
}

int32_t mw_MPI_Parrived(mw_instance *instance, mw_guest_request request, int32_t partition, mw_guest_ptr flag)
{
    mw_call call = MW_CALL("MPI_Parrived");
    mw_request_slot *slot;
    int32_t *out;
    int arrived = 1;
    MW_TRY(mw_in_running(&call));
    MW_TRY(mw_out_i32(&call, "flag", flag, &out));
    if (request.value != MW_GUEST_REQUEST_NULL) { /* that one, and inactive ones, have arrived */
        MW_TRY(in_partitioned(&call, request, MW_REQUEST_PARTITIONED_RECV, &slot));
        MW_TRY(in_partition(&call, "partition", partitions_of(slot), partition));
        if (is_active(slot) && !partitions_of(slot)->nowhere)
            MW_TRY(mw_result(MPI_Parrived(slot->host, partition, &arrived)));
    }
    *out = arrived != 0;
    return MW_GUEST_SUCCESS;
}

#endif
