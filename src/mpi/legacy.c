#include "mpi/legacy.h"
#include "shims.h"

#include <unistd.h>

/* The artifact's value is the index. Its MPI_LONG is the guest's own long of 4 bytes: a buffer of n of them has 4n. */
static const uint16_t comms[] = {MW_GUEST_COMM_WORLD, MW_GUEST_COMM_SELF, MW_GUEST_COMM_NULL};
static const uint16_t types[] = {
    MW_GUEST_INT8_T,   MW_GUEST_INT16_T,   MW_GUEST_INT32_T,  MW_GUEST_INT,      MW_GUEST_INT64_T,
    MW_GUEST_UINT8_T,  MW_GUEST_UINT16_T,  MW_GUEST_UINT32_T, MW_GUEST_UNSIGNED, MW_GUEST_UINT64_T,
    MW_GUEST_LONG,     MW_GUEST_LONG_LONG, MW_GUEST_LONG_LONG_INT, MW_GUEST_FLOAT, MW_GUEST_DOUBLE,
    MW_GUEST_DOUBLE_INT, MW_GUEST_CHAR,    MW_GUEST_C_BOOL,   MW_GUEST_BYTE,
};
static const uint16_t ops[] = {
    MW_GUEST_MAX,  MW_GUEST_MIN, MW_GUEST_SUM,    MW_GUEST_PROD,   MW_GUEST_LAND,   MW_GUEST_LOR,
    MW_GUEST_BAND, MW_GUEST_BOR, MW_GUEST_MAXLOC, MW_GUEST_MINLOC, MW_GUEST_OP_NULL,
};
static const uint16_t infos[] = {MW_GUEST_INFO_NULL};
static const uint16_t comparisons[] = {MW_GUEST_IDENT, MW_GUEST_CONGRUENT, MW_GUEST_SIMILAR, MW_GUEST_UNEQUAL};
static const uint16_t thread_levels[] = {MW_GUEST_THREAD_SINGLE, MW_GUEST_THREAD_FUNNELED, MW_GUEST_THREAD_SERIALIZED,
                                         MW_GUEST_THREAD_MULTIPLE};
static const uint16_t win_keyvals[] = {0, MW_GUEST_WIN_BASE, MW_GUEST_WIN_SIZE, MW_GUEST_WIN_DISP_UNIT,
                                       MW_GUEST_WIN_CREATE_FLAVOR, MW_GUEST_WIN_MODEL};
#define LENGTH(values) (sizeof(values) / sizeof(values)[0])

enum { LEGACY_TYPE_NULL = -1, LEGACY_ANY_TAG = -1, LEGACY_COMM_TYPE_SHARED = 0, LEGACY_ERR_OTHER = 1 };

/* MPI_Status of the artifact. */
typedef struct legacy_status {
    int32_t source, tag, error, cancelled;
    int64_t bytes;
} legacy_status;
_Static_assert(sizeof(legacy_status) == 24, "the artifact's MPI_Status");

/* Dynamic handles, and whatever is wrong, stay as they are. */
static uint32_t in(const uint16_t *values, size_t n, uint32_t value)
{
    return value < n ? values[value] : value;
}

static uint32_t out(const uint16_t *values, size_t n, uint32_t value)
{
    for (uint32_t i = 0; i < n; i++)
        if (values[i] == value)
            return i;
    return value;
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static uint32_t in_comm(uint32_t value) { return in(comms, LENGTH(comms), value); }
static uint32_t in_op(uint32_t value) { return in(ops, LENGTH(ops), value); }
static uint32_t in_info(uint32_t value) { return in(infos, LENGTH(infos), value); }
static uint32_t in_type(uint32_t value)
{
    return value == (uint32_t)LEGACY_TYPE_NULL ? MW_GUEST_DATATYPE_NULL : in(types, LENGTH(types), value);
}

uint32_t mw_legacy_out_comm(uint32_t value) { return out(comms, LENGTH(comms), value); }
static uint32_t out_op(uint32_t value) { return out(ops, LENGTH(ops), value); }
static uint32_t out_info(uint32_t value) { return out(infos, LENGTH(infos), value); }
static uint32_t out_comparison(uint32_t value) { return out(comparisons, LENGTH(comparisons), value); }
static uint32_t out_thread_level(uint32_t value) { return out(thread_levels, LENGTH(thread_levels), value); }
uint32_t mw_legacy_out_type(uint32_t value)
{
    return value == MW_GUEST_DATATYPE_NULL ? (uint32_t)LEGACY_TYPE_NULL : out(types, LENGTH(types), value);
}

mw_guest_comm mw_legacy_in_comm(mw_guest_comm comm) { return (mw_guest_comm){in_comm(comm.value)}; }
mw_guest_type mw_legacy_in_type(mw_guest_type type) { return (mw_guest_type){in_type(type.value)}; }
mw_guest_op mw_legacy_in_op(mw_guest_op op) { return (mw_guest_op){in_op(op.value)}; }
mw_guest_info mw_legacy_in_info(mw_guest_info info) { return (mw_guest_info){in_info(info.value)}; }

int32_t mw_legacy_in_recv_tag(int32_t tag)
{
    return tag == LEGACY_ANY_TAG ? MW_GUEST_ANY_TAG : tag;
}

int32_t mw_legacy_in_thread_level(int32_t level)
{
    return (int32_t)in(thread_levels, LENGTH(thread_levels), (uint32_t)level);
}

int32_t mw_legacy_in_split_type(int32_t split_type)
{
    return split_type == LEGACY_COMM_TYPE_SHARED ? MW_GUEST_COMM_TYPE_SHARED : split_type;
}

int32_t mw_legacy_in_win_keyval(int32_t keyval)
{
    return (int32_t)in(win_keyvals, LENGTH(win_keyvals), (uint32_t)keyval);
}

int32_t mw_legacy_error(int32_t error_class)
{
    return error_class == MW_GUEST_ERR_OTHER ? LEGACY_ERR_OTHER : error_class;
}

#define FIELD(name, field)                                                                         \
    int32_t mw_legacy_##name(mw_guest_comm comm)                                                   \
    {                                                                                              \
        const mw_comm_slot *slot = mw_comm_find(mw_legacy_in_comm(comm));                          \
        return slot ? slot->field : 0;                                                             \
    }
FIELD(size, size)
FIELD(indegree, indegree)
FIELD(outdegree, outdegree)
FIELD(peers, remote_size)

/* ---- Places ------------------------------------------------------------------------------------------------------- */

static void change(mw_instance *instance, mw_guest_ptr p, int64_t n, uint32_t (*translate)(uint32_t))
{
    uint8_t *place = n > 0 ? mw_guest_array(instance, p, (uint64_t)n, 4) : NULL;
    for (int64_t i = 0; place && i < n; i++) {
        uint32_t value;
        memcpy(&value, place + 4 * i, 4);
        value = translate(value);
        memcpy(place + 4 * i, &value, 4);
    }
}

#define PLACE(name, translate)                                                                     \
    void mw_legacy_place_##name(mw_instance *instance, mw_guest_ptr p)                             \
    {                                                                                              \
        change(instance, p, 1, translate);                                                         \
    }
PLACE(in_comm, in_comm)
PLACE(in_type, in_type)
PLACE(in_op, in_op)
PLACE(in_info, in_info)
PLACE(out_comm, mw_legacy_out_comm)
PLACE(out_type, mw_legacy_out_type)
PLACE(out_op, out_op)
PLACE(out_info, out_info)
PLACE(out_comparison, out_comparison)
PLACE(out_thread_level, out_thread_level)

void mw_legacy_types_out(mw_instance *instance, mw_guest_ptr p, int64_t n)
{
    change(instance, p, n, mw_legacy_out_type);
}

/* ---- Arrays and statuses ------------------------------------------------------------------------------------------- */

static mw_guest_ptr take(mw_legacy_blocks *b, uint64_t bytes)
{
    if (!mw_guest_block_begin(b->instance, bytes, &b->blocks[b->used]))
        mw_raise_trap(b->instance, MW_TRAP_HOST, "no guest memory for %llu bytes of arguments in the standard's ABI",
                      (unsigned long long)bytes);
    return b->blocks[b->used++].p;
}

void mw_legacy_blocks_end(mw_legacy_blocks *b)
{
    while (b->used > 0)
        mw_guest_block_end(b->instance, &b->blocks[--b->used]);
}

mw_guest_ptr mw_legacy_types(mw_legacy_blocks *b, mw_guest_ptr p, int64_t n)
{
    if (n <= 0 || !mw_guest_array(b->instance, p, (uint64_t)n, 4))
        return p;
    mw_guest_ptr copy = take(b, (uint64_t)n * 4);
    /* Taking it may have grown the memory, not moved it. */
    memcpy(b->instance->memory0 + copy.addr, b->instance->memory0 + p.addr, (size_t)n * 4);
    change(b->instance, copy, n, in_type);
    return copy;
}

mw_guest_ptr mw_legacy_statuses(mw_legacy_blocks *b, mw_guest_ptr p, int64_t n, bool read)
{
    if (p.addr == MW_GUEST_STATUS_IGNORE || n <= 0 || !mw_guest_array(b->instance, p, (uint64_t)n, sizeof(legacy_status)))
        return p;
    mw_guest_ptr room = take(b, (uint64_t)n * sizeof(mw_guest_status));
    for (int64_t i = 0; i < n; i++) {
        legacy_status old;
        mw_guest_status status = {0};
        memcpy(&old, b->instance->memory0 + p.addr + (uint64_t)i * sizeof old, sizeof old);
        if (read && mw_mpi_running) {
            MPI_Status host = {.MPI_SOURCE = old.source, .MPI_TAG = mw_legacy_in_recv_tag(old.tag)};
            MPI_Status_set_elements_x(&host, MPI_BYTE, old.bytes);
            MPI_Status_set_cancelled(&host, old.cancelled);
            MW_STATUS_OPAQUE_OUT(&host, status.internal);
        }
        status.source = old.source;
        status.tag = mw_legacy_in_recv_tag(old.tag);
        status.error = old.error;
        memcpy(b->instance->memory0 + room.addr + (uint64_t)i * sizeof status, &status, sizeof status);
    }
    return room;
}

void mw_legacy_statuses_out(mw_instance *instance, mw_guest_ptr from, mw_guest_ptr p, int64_t n)
{
    if (p.addr == MW_GUEST_STATUS_IGNORE || n <= 0 || !mw_guest_array(instance, p, (uint64_t)n, sizeof(legacy_status)))
        return;
    for (int64_t i = 0; i < n; i++) {
        mw_guest_status status;
        MPI_Status host = {0};
        MPI_Count bytes = 0;
        int cancelled = 0;
        memcpy(&status, instance->memory0 + from.addr + (uint64_t)i * sizeof status, sizeof status);
        MW_STATUS_OPAQUE_IN(&host, status.internal);
        if (mw_mpi_running) {
            MPI_Get_elements_x(&host, MPI_BYTE, &bytes);
            MPI_Test_cancelled(&host, &cancelled);
        }
        const legacy_status old = {status.source, status.tag == MW_GUEST_ANY_TAG ? LEGACY_ANY_TAG : status.tag,
                                   status.error, cancelled, bytes};
        memcpy(instance->memory0 + p.addr + (uint64_t)i * sizeof old, &old, sizeof old);
    }
}

/* ---- Not of MPI ------------------------------------------------------------------------------------------------------ */

int32_t mw_legacy_allocate_exception(mw_instance *instance, int32_t size)
{
    mw_guest_ptr p = size >= 0 ? mw_guest_alloc(instance, (uint64_t)size) : (mw_guest_ptr){0};
    if (p.addr == 0)
        mw_raise_trap(instance, MW_TRAP_HOST, "no guest memory for a C++ exception of %d bytes", size);
    return (int32_t)p.addr;
}

void mw_legacy_throw(mw_instance *instance, mw_guest_ptr object, mw_guest_ptr type, mw_guest_ptr destructor)
{
    (void)object, (void)type, (void)destructor;
    mw_raise_trap(instance, MW_TRAP_UNCAUGHT_EXCEPTION, "a C++ exception was thrown in a module built without exceptions");
}

int32_t mw_legacy_gethostname(mw_instance *instance, mw_guest_ptr name, int32_t size)
{
    char host[256] = "";
    char *text = size > 0 ? mw_guest_span(instance, name, (uint64_t)size) : NULL;
    if (!text || gethostname(host, sizeof host - 1) || strlen(host) >= (size_t)size)
        return -1;
    strcpy(text, host);
    return 0;
}
