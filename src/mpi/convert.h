/* Conversions between what a guest passes and what the host MPI takes, used by generated and hand-written shims.
 *
 * Every mw_in_... checks one argument and gives its host value; it returns MPI_SUCCESS or, having raised the error, the
 * guest's error class, which the shim returns. Raising means: one sentence naming function, argument and rank, and
 * the error handler of the call's communicator, window or file (MPI_COMM_WORLD's before one is known), which by default ends the
 * job. A shim converts in this order: communicator, other handles, counts and ranks, arrays, buffers, out pointers; then the
 * host call; then the results. Example:
 *
 *     int32_t mw_MPI_Send(mw_instance *instance, mw_guest_ptr buf, int32_t count, mw_guest_type datatype,
 *                         int32_t dest, int32_t tag, mw_guest_comm comm)
 *     {
 *         mw_call call = MW_CALL("MPI_Send");
 *         const mw_comm_slot *host_comm;
 *         const mw_type_slot *host_datatype;
 *         void *host_buf;
 *         int host_dest, host_tag;
 *         MW_TRY(mw_in_comm(&call, "comm", comm, &host_comm));
 *         MW_TRY(mw_in_type(&call, "datatype", datatype, &host_datatype));
 *         MW_TRY(mw_in_count(&call, "count", count));
 *         MW_TRY(mw_in_dest(&call, "dest", dest, &host_dest));
 *         MW_TRY(mw_in_tag(&call, "tag", tag, &host_tag));
 *         MW_TRY(mw_in_buffer(&call, "buf", buf, count, host_datatype, &host_buf));
 *         return mw_result(MPI_Send(host_buf, count, host_datatype->host, host_dest, host_tag, host_comm->host));
 *     }
 *
 * Arrays are always copied (to the thread's scratch memory, or, for operations that outlive the call, to memory
 * kept with the request): the host never reads an array that the guest could change after it was checked, from
 * another thread or from a callback. Buffers are used in place. */
#ifndef MW_MPI_CONVERT_H
#define MW_MPI_CONVERT_H

#include "mpi/guest_abi.h"
#include "mpi/handles.h"
#include "runtime/host_module.h"
#include <mpi.h>
#include <stdbool.h>

#pragma GCC visibility push(hidden) /* all of it is the plugin's own: addresses without a look into its tables */

#define MW_LIKELY(x) __builtin_expect(!!(x), 1)
#define MW_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* For checks that take the call: it then needs no memory (MW_COPY). */
#define MW_INLINE static inline __attribute__((always_inline))

/* For shims without scratch memory; with it, write `if ((error = ...)) goto out;`. */
#define MW_TRY(expression)                                                                         \
    do {                                                                                           \
        int32_t mw_try_error_ = (expression);                                                      \
        if (MW_UNLIKELY(mw_try_error_ != MW_GUEST_SUCCESS))                                        \
            return mw_try_error_;                                                                  \
    } while (0)

/* Tells the compiler that a raised error is one, so that it knows out-parameters to be set after success. */
static inline int32_t mw_failed(int32_t error_class)
{
    if (error_class == MW_GUEST_SUCCESS)
        __builtin_unreachable();
    return error_class;
}

/* A call in progress: what errors are reported with. mw_in_comm, mw_in_win, mw_in_file and mw_in_session set the object whose
 * error handler is asked. */
typedef struct mw_call {
    mw_instance *instance;
    const char *function;
    const mw_comm_slot *comm;
    const mw_win_slot *win;
    const mw_file_slot *file;
    const mw_session_slot *session;
    bool returns; /* errors are returned: so says the handler of an object to be made */
} mw_call;
/* At the beginning of a shim, which has `instance`. */
#define MW_CALL(name) {.instance = instance, .function = (name)}
/* The call as functions out of line take it: where only copies have an address, and those are on the ways of errors, the
 * call itself stays in registers. */
#define MW_COPY(call) ((mw_call[1]){*(call)})

/* ---- Errors (errors.c) ------------------------------------------------------------------------------ */

/* Raises guest error class `error_class` for argument `argument` (NULL: of the call itself); `format` says what is
 * wrong with it ("%u is not a communicator"). Returns the class to hand to the guest. */
int32_t mw_raise_error(const mw_call *call, int32_t error_class, const char *argument, const char *format, ...)
    __attribute__((cold, format(printf, 4, 5)));

/* Fails a call of a function that is not implemented, with its name and why (NULL: no more to say). */
int32_t mw_raise_unsupported(mw_instance *instance, const char *function, const char *reason) __attribute__((cold));

int32_t mw_guest_error_class(int host_code);   /* of any host error code; out of line */
int mw_host_error_code(int32_t guest_code);    /* of a guest error class or code */

/* What the guest is told of a host call's return code. */
static inline int32_t mw_result(int host_code)
{
    return MW_LIKELY(host_code == MPI_SUCCESS) ? MW_GUEST_SUCCESS : mw_guest_error_class(host_code);
}

/* For functions without a handle among their arguments: fails unless MPI runs. */
extern int mw_mpi_running; /* between MPI_Init and MPI_Finalize */
int32_t mw_raise_not_running(const mw_call *call) __attribute__((cold));
MW_INLINE int32_t mw_in_running(const mw_call *call)
{
    return MW_LIKELY(mw_mpi_running) ? MW_GUEST_SUCCESS : mw_failed(mw_raise_not_running(MW_COPY(call)));
}

/* For what a host with MPI 4 can do before MPI is initialized, too, and after it has ended (MPI 4.1, 11.4.1). */
static inline int32_t mw_in_any_time(const mw_call *call)
{
    return MPI_VERSION >= 4 ? MW_GUEST_SUCCESS : mw_in_running(call);
}
/* Before, but not after. */
extern bool mw_host_down; /* the host's MPI has ended and cannot be initialized again */
static inline int32_t mw_in_time(const mw_call *call)
{
    return MPI_VERSION >= 4 && !mw_host_down ? MW_GUEST_SUCCESS : mw_in_running(call);
}

/* ---- Scratch and kept memory (scratch.c) ------------------------------------------------------------- */

/* Where copies of arrays go. Scratch memory belongs to the thread and is given back when the shim returns;
 * nested shims (a callback that calls MPI) nest. Kept memory belongs to a request. */
typedef struct mw_arena {
    struct mw_kept *kept; /* kept chunks; NULL while there are none */
    bool keep;
    size_t mark;          /* scratch level to go back to */
} mw_arena;

mw_arena mw_scratch_begin(void);           /* end with mw_arena_end on every path */
mw_arena mw_kept_begin(void);              /* end with mw_out_request, or with mw_arena_end on failure */
void mw_arena_end(mw_arena *arena);
/* 16-byte aligned; NULL, with the error raised in *error, if there is no memory. Zero bytes give non-NULL. */
void *mw_arena_take(const mw_call *call, mw_arena *arena, uint64_t bytes, int32_t *error);

/* What functions out of line give of a check, in registers: the host's value, and MPI_SUCCESS or the error class that was
 * raised. */
typedef struct mw_checked_op {
    MPI_Op host;
    int32_t error;
} mw_checked_op;
typedef struct mw_checked_buffer {
    void *host;
    int32_t error;
} mw_checked_buffer;

/* ---- Handles in ---------------------------------------------------------------------------------------- */

int32_t mw_raise_handle(const mw_call *call, mw_handle_kind kind, const char *argument, mw_guest_word value)
    __attribute__((cold));

MW_INLINE int32_t mw_in_comm(mw_call *call, const char *argument, mw_guest_comm handle, const mw_comm_slot **out)
{
    const mw_comm_slot *slot = mw_comm_find(handle);
    if (MW_UNLIKELY(!slot))
        return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_comm, argument, handle.value));
    *out = call->comm = slot;
    return MW_GUEST_SUCCESS;
}

MW_INLINE int32_t mw_in_type(const mw_call *call, const char *argument, mw_guest_type handle,
                             const mw_type_slot **out)
{
    const mw_type_slot *slot = mw_type_find(handle);
    if (MW_UNLIKELY(!slot))
        return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_type, argument, handle.value));
    *out = slot;
    return MW_GUEST_SUCCESS;
}

/* The datatype of a message of `count` elements. MPICH does not look at that of an empty one, which programs leave null. */
MW_INLINE int32_t mw_in_message_type(const mw_call *call, const char *argument, mw_guest_type handle, int64_t count,
                                     const mw_type_slot **out)
{
    const mw_type_slot *slot = mw_type_find(handle);
#ifdef MPICH_VERSION
    if (MW_UNLIKELY(!slot) && handle.value == MW_GUEST_DATATYPE_NULL && count == 0)
        slot = mw_type_find((mw_guest_type){MW_GUEST_BYTE});
#else
    (void)count;
#endif
    if (MW_UNLIKELY(!slot))
        return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_type, argument, handle.value));
    *out = slot;
    return MW_GUEST_SUCCESS;
}

/* The operation to use with `type`: the user's, the host's, or for the guest's long double one of our own.
 * Fails where the standard does not define the predefined operation for the type (6.9.2) only as the host does. */
mw_checked_op mw_op_to_use(const mw_call *call, const char *argument, mw_guest_op handle, mw_guest_type type_handle,
                           const mw_type_slot *type);
MW_INLINE int32_t mw_in_op(const mw_call *call, const char *argument, mw_guest_op handle, mw_guest_type type_handle,
                           const mw_type_slot *type, MPI_Op *out)
{
    const mw_op_slot *slot = mw_op_find(handle);
    if (MW_LIKELY(slot && slot->builtin && !(type->flags & MW_TYPE_QUAD))) {
        *out = slot->host;
        return MW_GUEST_SUCCESS;
    }
    mw_checked_op checked = mw_op_to_use(MW_COPY(call), argument, handle, type_handle, type);
    *out = checked.host;
    return checked.error;
}
/* `count` elements, as far as the user's function can be called with so many: a plain one has an int (MPI_ERR_COUNT). */
int32_t mw_in_large_op_count(const mw_call *call, const char *argument, mw_guest_op handle, int64_t count);
MW_INLINE int32_t mw_in_op_count(const mw_call *call, const char *argument, mw_guest_op handle, int64_t count)
{
    return MW_LIKELY(count <= INT32_MAX) ? MW_GUEST_SUCCESS
                                         : mw_in_large_op_count(MW_COPY(call), argument, handle, count);
}
/* The operation itself, as for MPI_Op_commutative and MPI_Op_free. */
MW_INLINE int32_t mw_in_op_slot(const mw_call *call, const char *argument, mw_guest_op handle, mw_op_slot **out)
{
    mw_op_slot *slot = mw_op_find(handle);
    if (MW_UNLIKELY(!slot))
        return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_op, argument, handle.value));
    *out = slot;
    return MW_GUEST_SUCCESS;
}

/* int32_t mw_in_K(call, argument, handle, host handle *out) for the kinds whose host handle is all that a shim
 * needs, and mw_in_K_or_null, which also takes the null handle. */
#define MW_IN_PLAIN(kind, host_type, KIND)                                                         \
    MW_INLINE int32_t mw_in_##kind(const mw_call *call, const char *argument,                      \
                                   mw_guest_##kind handle, host_type *out)                         \
    {                                                                                              \
        const mw_##kind##_slot *slot = mw_##kind##_find(handle);                                   \
        if (MW_UNLIKELY(!slot))                                                                    \
            return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_##kind, argument, handle.value)); \
        *out = slot->host;                                                                         \
        return MW_GUEST_SUCCESS;                                                                   \
    }                                                                                              \
    MW_INLINE int32_t mw_in_##kind##_or_null(const mw_call *call, const char *argument,            \
                                             mw_guest_##kind handle, host_type *out)               \
    {                                                                                              \
        if (handle.value == MW_GUEST_##KIND##_NULL && mw_mpi_running) {                            \
            *out = MPI_##KIND##_NULL;                                                              \
            return MW_GUEST_SUCCESS;                                                               \
        }                                                                                          \
        return mw_in_##kind(call, argument, handle, out);                                          \
    }
MW_IN_PLAIN(group, MPI_Group, GROUP)
MW_IN_PLAIN(errhandler, MPI_Errhandler, ERRHANDLER)
MW_IN_PLAIN(info, MPI_Info, INFO)

/* Windows and files: the slot, whose host handle and error handler the call uses from here on. */
#define MW_IN_OBJECT(kind)                                                                         \
    MW_INLINE int32_t mw_in_##kind(mw_call *call, const char *argument, mw_guest_##kind handle,    \
                                   const mw_##kind##_slot **out)                                   \
    {                                                                                              \
        const mw_##kind##_slot *slot = mw_##kind##_find(handle);                                   \
        if (MW_UNLIKELY(!slot))                                                                    \
            return mw_failed(mw_raise_handle(MW_COPY(call), MW_KIND_##kind, argument, handle.value)); \
        *out = call->kind = slot;                                                                  \
        return MW_GUEST_SUCCESS;                                                                   \
    }
MW_IN_OBJECT(win)
MW_IN_OBJECT(file)
int32_t mw_in_session(mw_call *call, const char *argument, mw_guest_session handle, const mw_session_slot **out);

/* A communicator that may be MPI_COMM_NULL, as the host's handle. */
MW_INLINE int32_t mw_in_comm_or_null(mw_call *call, const char *argument, mw_guest_comm handle, MPI_Comm *out)
{
    const mw_comm_slot *slot;
    if (handle.value == MW_GUEST_COMM_NULL && mw_mpi_running) {
        *out = MPI_COMM_NULL;
        return MW_GUEST_SUCCESS;
    }
    int32_t error = mw_in_comm(call, argument, handle, &slot);
    if (!error)
        *out = slot->host;
    return error;
}

/* Arrays of datatypes: host handles, and the slots if `slots` is not NULL. */
int32_t mw_in_types(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr handles, int64_t n,
                    MPI_Datatype **hosts, const mw_type_slot ***slots);
int32_t mw_in_infos(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr handles, int64_t n,
                    MPI_Info **hosts);

/* ---- Scalars in ---------------------------------------------------------------------------------------- */

int32_t mw_raise_count(const mw_call *call, const char *argument, int64_t count) __attribute__((cold));
int32_t mw_raise_rank(const mw_call *call, int32_t error_class, const char *argument, int32_t rank)
    __attribute__((cold));
int32_t mw_raise_tag(const mw_call *call, const char *argument, int32_t tag) __attribute__((cold));
extern int mw_tag_ub; /* of MPI_COMM_WORLD */

/* A count or length that must not be negative. */
MW_INLINE int32_t mw_in_count(const mw_call *call, const char *argument, int64_t count)
{
    return MW_LIKELY(count >= 0) ? MW_GUEST_SUCCESS : mw_failed(mw_raise_count(MW_COPY(call), argument, count));
}

/* A rank of the call's communicator to send to: also MPI_PROC_NULL. */
MW_INLINE int32_t mw_in_dest(const mw_call *call, const char *argument, int32_t rank, int *out)
{
    if (MW_LIKELY((uint32_t)rank < (uint32_t)call->comm->remote_size))
        *out = rank;
    else if (rank == MW_GUEST_PROC_NULL)
        *out = MPI_PROC_NULL;
    else
        return mw_failed(mw_raise_rank(MW_COPY(call), MW_GUEST_ERR_RANK, argument, rank));
    return MW_GUEST_SUCCESS;
}

/* A rank to receive from: also MPI_PROC_NULL and MPI_ANY_SOURCE. */
MW_INLINE int32_t mw_in_source(const mw_call *call, const char *argument, int32_t rank, int *out)
{
    if (rank == MW_GUEST_ANY_SOURCE) {
        *out = MPI_ANY_SOURCE;
        return MW_GUEST_SUCCESS;
    }
    return mw_in_dest(call, argument, rank, out);
}

/* A rank of the local group, without special values (MPI_Cart_coords, Group_..., by `size`). */
MW_INLINE int32_t mw_in_local_rank(const mw_call *call, const char *argument, int32_t rank, int size)
{
    return MW_LIKELY((uint32_t)rank < (uint32_t)size)
               ? MW_GUEST_SUCCESS
               : mw_failed(mw_raise_rank(MW_COPY(call), MW_GUEST_ERR_RANK, argument, rank));
}

/* What this process does in a rooted collective. */
typedef enum mw_role {
    MW_ROLE_ROOT,  /* arguments significant at the root are significant */
    MW_ROLE_LEAF,  /* they are not */
    MW_ROLE_NONE,  /* MPI_PROC_NULL on an intercommunicator: no buffer is significant */
} mw_role;
/* On an intercommunicator the root itself (MPI_ROOT) has only the significant-at-root buffer of
 * gathers, scatters, broadcasts and reductions, none of the other. On an intracommunicator it has both. */
typedef struct mw_checked_root {
    int32_t error;
    int host;
    mw_role role;
} mw_checked_root;
mw_checked_root mw_root_inter(const mw_call *call, const char *argument, int32_t root);
MW_INLINE int32_t mw_in_root(const mw_call *call, const char *argument, int32_t root, int *out, mw_role *role)
{
    const mw_comm_slot *comm = call->comm;
    if (MW_UNLIKELY(comm->inter)) {
        mw_checked_root checked = mw_root_inter(MW_COPY(call), argument, root);
        *out = checked.host;
        *role = checked.role;
        return checked.error;
    }
    if (MW_UNLIKELY((uint32_t)root >= (uint32_t)comm->size))
        return mw_failed(mw_raise_rank(MW_COPY(call), MW_GUEST_ERR_ROOT, argument, root));
    *out = root;
    *role = root == comm->rank ? MW_ROLE_ROOT : MW_ROLE_LEAF;
    return MW_GUEST_SUCCESS;
}

/* A tag to send with; a tag to receive (also MPI_ANY_TAG). */
MW_INLINE int32_t mw_in_tag(const mw_call *call, const char *argument, int32_t tag, int *out)
{
    *out = tag;
    return MW_LIKELY((uint32_t)tag <= (uint32_t)mw_tag_ub) ? MW_GUEST_SUCCESS
                                                           : mw_failed(mw_raise_tag(MW_COPY(call), argument, tag));
}
MW_INLINE int32_t mw_in_recv_tag(const mw_call *call, const char *argument, int32_t tag, int *out)
{
    if (tag == MW_GUEST_ANY_TAG) {
        *out = MPI_ANY_TAG;
        return MW_GUEST_SUCCESS;
    }
    return mw_in_tag(call, argument, tag, out);
}

/* A host rank for the guest: MPI_PROC_NULL, MPI_ANY_SOURCE and MPI_ROOT translated, MPI_UNDEFINED kept. */
static inline int32_t mw_out_rank(int rank)
{
    if (MW_LIKELY(rank >= 0))
        return rank;
    return rank == MPI_PROC_NULL    ? MW_GUEST_PROC_NULL
           : rank == MPI_ANY_SOURCE ? MW_GUEST_ANY_SOURCE
           : rank == MPI_ROOT       ? MW_GUEST_ROOT
                                    : rank;
}
static inline int32_t mw_out_tag(int tag)
{
    return tag == MPI_ANY_TAG ? MW_GUEST_ANY_TAG : tag;
}

/* Enumerations. The `in` forms fail with MPI_ERR_ARG for other values. */
int32_t mw_in_split_type(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_thread_level(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_order(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_distribution(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_typeclass(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_lock_type(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_in_assert(const mw_call *call, const char *argument, int32_t value, int *out); /* MPI_MODE_NOCHECK ... */
int32_t mw_in_whence(const mw_call *call, const char *argument, int32_t value, int *out);
/* Of a file that exists and is not to be deleted by the host: without the flags that would say so. */
int32_t mw_in_amode(const mw_call *call, const char *argument, int32_t value, int *out);
int32_t mw_out_comparison(int host);   /* MPI_IDENT ... */
int32_t mw_out_topology(int host);     /* MPI_CART ..., MPI_UNDEFINED */
int32_t mw_out_combiner(int host);
int32_t mw_out_thread_level(int host);
int32_t mw_out_window_model(int host);

/* ---- Spans and arrays ------------------------------------------------------------------------------------- */

int32_t mw_raise_span(const mw_call *call, const char *argument, mw_guest_ptr p, uint64_t bytes)
    __attribute__((cold));

/* Where the host sees the guest's address 0 plus `address`, which wraps around as the guest's own arithmetic does. Not checked. */
static inline void *mw_host_sum(const mw_instance *instance, uint64_t address)
{
    return (void *)((uintptr_t)instance->memory0 + address);
}

/* An address that the host only compares or does not look at. What lies beyond all that a 64-bit memory may ever be is nowhere. */
static inline void *mw_host_address(const mw_instance *instance, mw_guest_ptr p)
{
    return MW_GUEST_BITS == 32 || p.addr < instance->memories[0]->reserved ? instance->memory0 + p.addr : NULL;
}

/* `bytes` bytes at `p`, to read or write in place: pack buffers, out parameters. */
MW_INLINE int32_t mw_in_span(const mw_call *call, const char *argument, mw_guest_ptr p, uint64_t bytes, void **out)
{
    if (MW_UNLIKELY(!mw_guest_contains(call->instance, p.addr, bytes)))
        return mw_failed(mw_raise_span(MW_COPY(call), argument, p, bytes));
    *out = call->instance->memory0 + p.addr;
    return MW_GUEST_SUCCESS;
}

/* Out parameters. An address below 16 is refused too: no object of C lies there, and NULL is a frequent mistake. */
MW_INLINE int32_t mw_out_span(const mw_call *call, const char *argument, mw_guest_ptr p, uint64_t bytes, void **out)
{
    if (MW_UNLIKELY(!mw_guest_contains(call->instance, p.addr, bytes) || (p.addr < 16 && bytes != 0)))
        return mw_failed(mw_raise_span(MW_COPY(call), argument, p, bytes));
    *out = call->instance->memory0 + p.addr;
    return MW_GUEST_SUCCESS;
}
/* A handle or pointer; an MPI_Aint; an int; a Count, Offset or double. */
MW_INLINE int32_t mw_out_word(const mw_call *call, const char *argument, mw_guest_ptr p, mw_guest_word **out)
{
    return mw_out_span(call, argument, p, sizeof **out, (void **)out);
}
MW_INLINE int32_t mw_out_address(const mw_call *call, const char *argument, mw_guest_ptr p, mw_guest_aint **out)
{
    return mw_out_span(call, argument, p, sizeof **out, (void **)out);
}
MW_INLINE int32_t mw_out_i32(const mw_call *call, const char *argument, mw_guest_ptr p, int32_t **out)
{
    return mw_out_span(call, argument, p, 4, (void **)out);
}
MW_INLINE int32_t mw_out_i64(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t **out)
{
    return mw_out_span(call, argument, p, 8, (void **)out);
}
/* n handles; n MPI_Aints; n ints to be written by the host in place; n MPI_Counts. */
int32_t mw_out_words(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, mw_guest_word **out);
int32_t mw_out_addresses(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, mw_guest_aint **out);
int32_t mw_out_ints(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, int32_t **out);
int32_t mw_out_longs(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t n, int64_t **out);

/* n ints; their copy. A negative n fails with MPI_ERR_ARG. */
int32_t mw_in_ints(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int **out);
/* n counts: none may be negative (MPI_ERR_COUNT). */
int32_t mw_in_counts(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int **out);
/* n ranks below `size` (MPI_ERR_RANK); `special` also allows MPI_PROC_NULL. */
int32_t mw_in_ranks(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n, int size,
                    bool special, int **out);
/* n MPI_Aints, sign-extended; n handles, or n MPI_Counts, whatever they say. */
int32_t mw_in_aints(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    MPI_Aint **out);
int32_t mw_in_words(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    mw_guest_word **out);
int32_t mw_in_longs(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                    int64_t **out);
/* Edge weights: MPI_UNWEIGHTED, MPI_WEIGHTS_EMPTY, or n ints. */
int32_t mw_in_weights(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, int64_t n,
                      int **out);

/* A NUL-terminated string of at most `max` bytes with its NUL; its copy. Longer: MPI_ERR_ARG. */
int32_t mw_in_string(const mw_call *call, mw_arena *arena, const char *argument, mw_guest_ptr p, uint64_t max,
                     char **out);
/* Room for a string of at most `size` bytes with its NUL (MPI_MAX_..._STRING/NAME of the guest). The host
 * writes into a host buffer of its own maximum; then mw_put_string copies what fits. Returns its length. */
int32_t mw_put_string(void *span, uint64_t size, const char *text);

/* ---- Buffers (spans.c) ----------------------------------------------------------------------------------- */

int32_t mw_raise_buffer(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t count,
                        const mw_type_slot *type) __attribute__((cold));

/* The bytes that `count` elements of a type touch: [low, low + length) from the buffer's address. False if that
 * is not computable in 63 bits, which no buffer has. Zero counts and empty types touch nothing. */
static inline bool mw_touched(int64_t count, const mw_type_slot *type, int64_t *low, uint64_t *length)
{
    int64_t span;
    if (count <= 0 || type->size == 0) {
        *low = 0;
        *length = 0;
        return true;
    }
    if (__builtin_mul_overflow(count - 1, type->extent, &span))
        return false;
    *low = type->true_lb;
    if (MW_LIKELY(span >= 0))
        return !__builtin_add_overflow(type->true_extent, span, (int64_t *)length);
    int64_t all;
    if (__builtin_add_overflow(*low, span, low) || __builtin_sub_overflow(type->true_extent, span, &all))
        return false;
    *length = (uint64_t)all;
    return true;
}

/* A message buffer, for the host to use in place. Addresses wrap modulo 2^32 (wasm32), as the guest's own arithmetic does:
 * with MPI_BOTTOM a displacement from 2 GiB on is negative. An address below 16 with a predefined type is
 * refused (MPI_ERR_BUFFER): it can only be a null pointer or an MPI_IN_PLACE where none is allowed. `count` must not be negative.
 *
 * Of most types `count` elements touch nothing beyond `count` extents from p: a few instructions check these. What does not
 * lie in the memory then, and all other types, is for mw_any_buffer. */
mw_checked_buffer mw_any_buffer(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t count,
                                const mw_type_slot *type);
MW_INLINE int32_t mw_in_buffer(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t count,
                               const mw_type_slot *type, void **out)
{
    int64_t bytes;
    if (MW_LIKELY(!__builtin_mul_overflow(count, (int64_t)type->step, &bytes) && p.addr >= 16 &&
                  (MW_GUEST_BITS == 32 || type->step != MW_NO_STEP) &&
                  mw_guest_contains(call->instance, p.addr, (uint64_t)bytes))) {
        *out = call->instance->memory0 + p.addr;
        return MW_GUEST_SUCCESS;
    }
    mw_checked_buffer checked = mw_any_buffer(MW_COPY(call), argument, p, count, type);
    *out = checked.host;
    return checked.error;
}

/* The same where MPI_IN_PLACE is allowed; *out is then the host's. */
MW_INLINE int32_t mw_in_buffer_or_in_place(const mw_call *call, const char *argument, mw_guest_ptr p,
                                           int64_t count, const mw_type_slot *type, void **out)
{
    if (p.addr == MW_GUEST_IN_PLACE) {
        *out = MPI_IN_PLACE;
        return MW_GUEST_SUCCESS;
    }
    return mw_in_buffer(call, argument, p, count, type, out);
}
static inline bool mw_is_in_place(mw_guest_ptr p)
{
    return p.addr == MW_GUEST_IN_PLACE;
}

/* `blocks` blocks, block i of counts[i] elements at displs[i] extents of `type`, each checked by itself. counts were
 * checked by mw_in_counts. */
int32_t mw_in_buffer_v(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks, const int *counts,
                       const int *displs, const mw_type_slot *type, void **out);
/* The w-forms: displacements in bytes, a type for each block. `displs` is the host's copy and may be changed. */
int32_t mw_in_buffer_w(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks, const int *counts,
                       int *displs, const mw_type_slot *const *types, void **out);
int32_t mw_in_buffer_w_aint(const mw_call *call, const char *argument, mw_guest_ptr p, int64_t blocks,
                            const int *counts, const MPI_Aint *displs, const mw_type_slot *const *types, void **out);

/* ---- Results ---------------------------------------------------------------------------------------------- */

/* int32_t mw_out_K(call, argument, host handle, guest handle *out): makes the guest's handle of a host object
 * that the guest now owns a reference to and writes it. A null host handle gives the null handle. */
int32_t mw_out_comm(const mw_call *call, const char *argument, MPI_Comm host, mw_guest_word *out);
int32_t mw_out_group(const mw_call *call, const char *argument, MPI_Group host, mw_guest_word *out);
int32_t mw_out_type(const mw_call *call, const char *argument, MPI_Datatype host, mw_guest_word *out);
/* What a new datatype has of those that it is made of. */
void mw_type_derive(mw_guest_word handle, const mw_type_slot *const *types, int64_t n);
void mw_type_mark(mw_guest_word handle, uint16_t flag); /* not a predefined one */
/* Bounds of a struct, from its parts' ones: of all parts that are data, and of those whose own were set. */
typedef struct mw_bounds {
    int64_t low, high, set_low, set_high;
    bool data;      /* there are such parts at all */
    bool half;      /* one bound alone is set, of a part or by it */
    uint16_t flags; /* those of all parts: MW_TYPE_... */
    uint16_t set;   /* those of parts that are data: MW_TYPE_BOUNDED or a part of it */
} mw_bounds;
/* Bounds that the host does not know how to compute: where MPI_LB or MPI_UB is somewhere in it, and of a struct with a
 * long double, the extent of which is a multiple of the guest's alignment. */
int32_t mw_bound_struct(const mw_bounds *bounds, MPI_Datatype *host, bool *padded);
/* Whether a part of a struct is MPI_LB or MPI_UB: Open MPI returns copies of parts. *host is then the one that is theirs. */
bool mw_find_mark(MPI_Datatype *host);
/* The host datatype that the guest made, without the bounds; *made is to be freed unless it is null (types.c). */
MPI_Datatype mw_type_unpadded(const mw_type_slot *type, MPI_Datatype *made);
/* A new datatype that is not made of others, but a number of one kind, as Fortran has them. */
void mw_type_of_one_kind(mw_guest_word handle, char kind);
/* Whether the host can convert the datatype to external32 (pack.c). */
int32_t mw_in_external(const mw_call *call, const char *argument, const mw_type_slot *type);
int32_t mw_out_info(const mw_call *call, const char *argument, MPI_Info host, mw_guest_word *out);
int32_t mw_out_message(const mw_call *call, const char *argument, MPI_Message host, mw_guest_word *out);

/* A started or persistent operation. Takes over `arena` if it is not NULL (kept until completion, or, with
 * MW_REQUEST_PERSISTENT, until the request is freed). */
int32_t mw_out_request_kept(const mw_call *call, MPI_Request host, uint32_t flags, mw_arena *arena, mw_guest_word *out);
MW_INLINE int32_t mw_out_request(const mw_call *call, MPI_Request host, uint32_t flags, mw_guest_word *out)
{
    mw_guest_request handle;
    if (MW_UNLIKELY(!mw_request_make(host, flags, &handle)))
        return mw_out_request_kept(MW_COPY(call), host, flags, NULL, out);
    *out = handle.value;
    return MW_GUEST_SUCCESS;
}

/* ---- Statuses ----------------------------------------------------------------------------------------------- */

/* Where a status goes; *out is NULL for MPI_STATUS_IGNORE. Pass MW_HOST_STATUS(gs, &host) to the host. */
MW_INLINE int32_t mw_out_status_span(const mw_call *call, const char *argument, mw_guest_ptr p,
                                     mw_guest_status **out)
{
    *out = NULL;
    return p.addr == MW_GUEST_STATUS_IGNORE ? MW_GUEST_SUCCESS
                                            : mw_in_span(call, argument, p, sizeof(mw_guest_status), (void **)out);
}
#define MW_HOST_STATUS(guest, host) ((guest) ? (host) : MPI_STATUS_IGNORE)

/* Open MPI's status has _cancelled and _ucount, MPICH's count_lo and count_hi_and_cancelled; both fit in
 * `internal`, so a status needs no call and no state to go there and back. */
#if defined(OPEN_MPI)
#define MW_STATUS_OPAQUE_OUT(h, internal)                                                          \
    ((internal)[0] = (h)->_cancelled, memcpy(&(internal)[1], &(h)->_ucount, sizeof(h)->_ucount))
#define MW_STATUS_OPAQUE_IN(h, internal)                                                           \
    ((h)->_cancelled = (internal)[0], memcpy(&(h)->_ucount, &(internal)[1], sizeof(h)->_ucount))
#elif defined(MPICH_VERSION)
#define MW_STATUS_OPAQUE_OUT(h, internal)                                                          \
    ((internal)[0] = (h)->count_lo, (internal)[1] = (h)->count_hi_and_cancelled)
#define MW_STATUS_OPAQUE_IN(h, internal)                                                           \
    ((h)->count_lo = (internal)[0], (h)->count_hi_and_cancelled = (internal)[1])
#else
#error "unknown host MPI: say where its MPI_Status keeps the count and the cancelled flag"
#endif

/* Writes a status; NULL is ignored. The error field is left alone (MPI 4.1, 3.2.5: functions that return one status
 * do not set it); mw_put_status_error sets it. */
static inline void mw_put_status(mw_guest_status *out, const MPI_Status *host)
{
    if (!out)
        return;
    out->source = mw_out_rank(host->MPI_SOURCE);
    out->tag = mw_out_tag(host->MPI_TAG);
    MW_STATUS_OPAQUE_OUT(host, out->internal);
}
static inline void mw_put_status_error(mw_guest_status *out, const MPI_Status *host)
{
    if (out)
        out->error = mw_result(host->MPI_ERROR);
}
/* Reads a status that the guest passes (MPI_Get_count). */
int32_t mw_in_status(const mw_call *call, const char *argument, mw_guest_ptr p, MPI_Status *out);

#pragma GCC visibility pop

#endif
