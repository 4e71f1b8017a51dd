/* Guest functions that the host calls: user-defined operations. The host's interface gives these no argument of
 * ours, so each distinct guest function gets a trampoline of its own from a static pool and keeps it: that way a freed
 * operation that is still in use needs no bookkeeping. */
#include "mpi/callbacks.h"
#include "mpi/large.h"
#include "mpi/legacy.h"
#include "mpi/state.h"
#include "shims.h"

#include <stdio.h>

pthread_mutex_t mw_registry_lock = PTHREAD_MUTEX_INITIALIZER;

#define POOL 1024

/* ---- Host objects as guest handles -------------------------------------------------------------------------- */

mw_guest_comm mw_comm_of_host(MPI_Comm host, bool *made)
{
    uint32_t found;
    *made = false;
    MW_FIND_HOST(comm, MW_GUEST_COMM_WORLD, host, found);
    if (found)
        return (mw_guest_comm){found};
    mw_comm_slot *slot = mw_comm_take();
    if (!slot)
        return (mw_guest_comm){MW_GUEST_COMM_NULL};
    *made = true;
    mw_comm_describe(slot, host);
    return mw_comm_publish(slot);
}

mw_guest_type mw_type_of_host(MPI_Datatype host, uint32_t hint, bool *made)
{
    *made = false;
    mw_type_slot *slot = mw_type_find((mw_guest_type){hint});
    if (slot && slot->host == host)
        return (mw_guest_type){hint};
    uint32_t predefined = mw_type_predefined(host);
    if (predefined)
        return (mw_guest_type){predefined};
    uint32_t found;
    MW_FIND_HOST(type, MW_FIRST_DYNAMIC_INDEX, host, found);
    if (found)
        return (mw_guest_type){found};
    slot = mw_type_take();
    if (!slot)
        return (mw_guest_type){MW_GUEST_DATATYPE_NULL};
    *made = true;
    mw_type_describe(slot, host);
    return mw_type_publish(slot);
}

_Noreturn void mw_cannot_call(const char *what, const char *why)
{
    fprintf(stderr, "mpiwasm: cannot call the guest's %s: %s\n", what, why);
    mw_mpi_abort(1);
}

/* ---- User-defined operations (MPI 4.1, 6.9.5) ------------------------------------------------------------------ */

typedef void op_code(mw_context *context, mw_guest_addr invec, mw_guest_addr inoutvec, mw_guest_addr len, mw_guest_addr datatype);

typedef struct op_callback {
    const mw_func *func;
    bool large;         /* an MPI_User_function_c: its length is an MPI_Count */
    uint32_t type_hint; /* guest datatype of the latest call with an operation of this function */
} op_callback;

static op_callback op_pool[POOL];
static uint32_t op_count = 1; /* 0 means none */

/* Guest address of a vector of the host's that already lies in guest memory; 0 otherwise. */
static mw_guest_addr guest_address(const mw_instance *instance, const void *vector, int64_t low, uint64_t length)
{
    uintptr_t base = (uintptr_t)instance->memory0, first = (uintptr_t)vector + (uintptr_t)low;
    uint64_t limit = mw_guest_memory_size(instance);
    bool inside = first >= base && first - base <= limit && length <= limit - (first - base);
    return inside ? (mw_guest_addr)((uintptr_t)vector - base) : 0;
}

/* The host's temporary vectors lie outside guest memory: the guest works on copies of the bytes that the type touches,
 * gaps included, for there only the host's own padding is. */
static void call_op(uint32_t index, void *in, void *inout, int64_t len, MPI_Datatype type)
{
    mw_instance *instance = mw_instance_here(mw_mpi_instance);
    const mw_func *func = mw_func_here(op_pool[index].func);
    mw_guest_block block;
    bool made;
    uint32_t hint = __atomic_load_n(&op_pool[index].type_hint, __ATOMIC_RELAXED);
    mw_guest_type guest_type = mw_type_of_host(type, hint, &made);
    const mw_type_slot *slot = mw_type_find(guest_type);
    int64_t low = 0;
    uint64_t length = 0;

    if (!slot || !mw_touched(len, slot, &low, &length))
        mw_cannot_call("reduction function", "unknown datatype");
    mw_guest_addr guest_in = guest_address(instance, in, low, length);
    mw_guest_addr guest_inout = guest_address(instance, inout, low, length);
    /* {len (4 bytes, or 8 if large), datatype (4 or 8)}, in, inout, each vector on a 16-byte boundary */
    uint64_t room = (length + 15) & ~(uint64_t)15;
    uint64_t need = 16 + (guest_in ? 0 : room) + (guest_inout ? 0 : room);
    if (!mw_guest_block_begin(instance, need, &block))
        mw_cannot_call("reduction function", "no guest memory for its vectors");
    uint8_t *arguments = instance->memory0 + block.p.addr;
    mw_guest_addr next = block.p.addr + 16;
    memcpy(arguments, &len, 8); /* the host is little-endian, as the guest is */
    mw_guest_word type_value = MW_LEGACY ? mw_legacy_out_type((uint32_t)guest_type.value) : guest_type.value;
    memcpy(arguments + 8, &type_value, sizeof type_value);
    if (!guest_in) {
        memcpy(instance->memory0 + next, (char *)in + low, length);
        guest_in = next - (mw_guest_addr)low;
        next += (mw_guest_addr)room;
    }
    uint8_t *copy = NULL;
    if (!guest_inout) {
        copy = instance->memory0 + next;
        memcpy(copy, (char *)inout + low, length);
        guest_inout = next - (mw_guest_addr)low;
    }

    mw_callback_enter();
    ((op_code *)func->code)(func->context, guest_in, guest_inout, block.p.addr, block.p.addr + 8);
    mw_callback_leave();

    if (copy)
        memcpy((char *)inout + low, copy, length);
    mw_guest_block_end(instance, &block);
    if (made)
        mw_type_free(mw_type_find(guest_type));
}

#define OP_TRAMPOLINE(n)                                                                           \
    static void op_##n(void *in, void *inout, int *len, MPI_Datatype *type)                        \
    {                                                                                              \
        call_op(n, in, inout, *len, *type);                                                        \
    }
MW_REPEAT1024(OP_TRAMPOLINE)
#define OP_ENTRY(n) op_##n,
static MPI_User_function *const op_trampolines[POOL] = {MW_REPEAT1024(OP_ENTRY)};

/* A host without large counts calls large functions with what fits an int. */
#if MPI_VERSION >= 4
#define LARGE_OP_TRAMPOLINE(n)                                                                     \
    static void large_op_##n(void *in, void *inout, MPI_Count *len, MPI_Datatype *type)            \
    {                                                                                              \
        call_op(n, in, inout, *len, *type);                                                        \
    }
MW_REPEAT1024(LARGE_OP_TRAMPOLINE)
#define LARGE_OP_ENTRY(n) large_op_##n,
static MPI_User_function_c *const large_op_trampolines[POOL] = {MW_REPEAT1024(LARGE_OP_ENTRY)};
#else
#define large_op_trampolines op_trampolines
#endif

/* Trampoline for the guest's function, or 0 if all are taken. */
static uint32_t op_index(const mw_func *func, bool large)
{
    uint32_t i = 1;

    pthread_mutex_lock(&mw_registry_lock);
    while (i < op_count && (op_pool[i].func != func || op_pool[i].large != large))
        i++;
    if (i == POOL) {
        i = 0;
    } else if (i == op_count) {
        op_pool[i].func = func;
        op_pool[i].large = large;
        op_count++;
    }
    pthread_mutex_unlock(&mw_registry_lock);
    return i;
}

static int32_t create_op(const mw_call *call, mw_guest_ptr user_fn, bool large, int32_t commute, mw_guest_ptr op)
{
    mw_guest_word *out;
    MW_TRY(mw_in_running(call));
    MW_TRY(mw_out_word(call, "op", op, &out));
    const mw_func *func = mw_guest_function(call->instance, user_fn.addr, MW_BY_WIDTH("iiii:", "IIII:"));
    if (!func)
        return mw_raise_error(call, MW_GUEST_ERR_ARG, "user_fn", "%llu is not a function of type MPI_User_function%s",
                              (unsigned long long)user_fn.addr, large ? "_c" : "");
    uint32_t index = op_index(func, large);
    mw_op_slot *slot = index ? mw_op_take() : NULL;
    if (!slot)
        return mw_raise_error(call, MW_GUEST_ERR_INTERN, NULL, "too many user-defined operations");
    int rc = large ? MW_LARGE(MPI_Op_create)(large_op_trampolines[index], commute, &slot->host)
                   : MPI_Op_create(op_trampolines[index], commute, &slot->host);
    slot->callback = index;
    slot->builtin = 0;
    slot->commutes = commute != 0;
    *out = mw_op_publish(slot).value;
    if (rc != MPI_SUCCESS) {
        mw_op_free(slot);
        *out = MW_GUEST_OP_NULL;
    }
    return mw_result(rc);
}

int32_t mw_MPI_Op_create(mw_instance *instance, mw_guest_ptr user_fn, int32_t commute, mw_guest_ptr op)
{
    mw_call call = MW_CALL("MPI_Op_create");
    return create_op(&call, user_fn, false, commute, op);
}

int32_t mw_MPI_Op_create_c(mw_instance *instance, mw_guest_ptr user_fn, int32_t commute, mw_guest_ptr op)
{
    mw_call call = MW_CALL("MPI_Op_create_c");
    return create_op(&call, user_fn, true, commute, op);
}

int32_t mw_MPI_Op_free(mw_instance *instance, mw_guest_ptr op)
{
    mw_call call = MW_CALL("MPI_Op_free");
    mw_op_slot *slot;
    mw_guest_word *handle;
    MW_TRY(mw_out_word(&call, "op", op, &handle));
    MW_TRY(mw_in_op_slot(&call, "op", (mw_guest_op){*handle}, &slot));
    if (slot->builtin)
        return mw_raise_error(&call, MW_GUEST_ERR_OP, "op", "a predefined operation cannot be freed");
    MPI_Op host = slot->host;
    int rc = MPI_Op_free(&host);
    if (rc == MPI_SUCCESS) {
        mw_op_free(slot);
        *handle = MW_GUEST_OP_NULL;
    }
    return mw_result(rc);
}

int32_t mw_MPI_Op_commutative(mw_instance *instance, mw_guest_op op, mw_guest_ptr commute)
{
    mw_call call = MW_CALL("MPI_Op_commutative");
    mw_op_slot *slot;
    int32_t *out;
    int flag;
    MW_TRY(mw_in_op_slot(&call, "op", op, &slot));
    MW_TRY(mw_out_i32(&call, "commute", commute, &out));
    MW_TRY(mw_result(MPI_Op_commutative(slot->host, &flag)));
    *out = flag;
    return MW_GUEST_SUCCESS;
}

mw_checked_op mw_op_to_use(const mw_call *call, const char *argument, mw_guest_op handle, mw_guest_type type_handle,
                           const mw_type_slot *type)
{
    mw_op_slot *slot;
    mw_checked_op checked = {.error = mw_in_op_slot(call, argument, handle, &slot)};
    if (checked.error)
        return checked;
    checked.host = slot->host;
    if (slot->callback) {
        __atomic_store_n(&op_pool[slot->callback].type_hint, (uint32_t)type_handle.value, __ATOMIC_RELAXED);
    } else if ((type->flags & MW_TYPE_QUAD) && (type->flags & MW_TYPE_PREDEFINED)) {
        checked.host = mw_quad_op(slot->builtin, type_handle);
        if (checked.host == MPI_OP_NULL)
            checked.error = mw_raise_error(call, MW_GUEST_ERR_OP, argument,
                                           "the operation is not defined for the datatype");
    }
    return checked;
}

int32_t mw_in_large_op_count(const mw_call *call, const char *argument, mw_guest_op handle, int64_t count)
{
    const mw_op_slot *slot = mw_op_find(handle);
    if (!slot || !slot->callback || op_pool[slot->callback].large)
        return MW_GUEST_SUCCESS;
    return mw_raise_error(call, MW_GUEST_ERR_COUNT, argument,
                          "the operation's function takes an int of elements, not %lld: see MPI_Op_create_c",
                          (long long)count);
}
