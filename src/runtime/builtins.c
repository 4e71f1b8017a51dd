/* The services that compiled code calls (mw_builtins). Bounds are compared so that no sum wraps: indices of 64-bit
 * memories and tables use all their bits. */
#include "runtime/internal.h"

#include <string.h>

static bool within(uint64_t at, uint64_t n, uint64_t size)
{
    return n <= size && at <= size - n;
}

static uint64_t memory_bytes(const mw_memory *memory)
{
    return __atomic_load_n(&memory->pages, __ATOMIC_ACQUIRE) * MW_PAGE_BYTES;
}

static uint64_t table_size(const mw_table *table)
{
    return __atomic_load_n(&table->size, __ATOMIC_ACQUIRE);
}

static __attribute__((noreturn)) void trap(mw_instance *instance, uint32_t code)
{
    mw_run_trap(instance, code > MW_TRAP_NONE && code < MW_TRAP_COUNT ? (mw_trap_code)code : MW_TRAP_UNREACHABLE, "");
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

static int64_t memory_grow(mw_instance *instance, uint32_t memidx, uint64_t delta)
{
    return mw_memory_grow(instance->memories[memidx], delta);
}

mw_trap_code mw_memory_init_op(mw_instance *instance, uint32_t memidx, uint32_t dataidx, uint64_t dst, uint32_t src,
                               uint64_t n)
{
    mw_memory *memory = instance->memories[memidx];
    const mw_data_desc *data = &instance->code->datas[dataidx];
    uint64_t size = mw_private(instance)->data_dropped[dataidx] ? 0 : data->size;
    if (!within(src, n, size) || !within(dst, n, memory_bytes(memory)))
        return MW_TRAP_MEMORY_OUT_OF_BOUNDS;
    if (n)
        memcpy(memory->base + dst, data->bytes + src, n);
    return MW_TRAP_NONE;
}

static void memory_init(mw_instance *instance, uint32_t memidx, uint32_t dataidx, uint64_t dst, uint32_t src,
                        uint32_t n)
{
    mw_trap_code code = mw_memory_init_op(instance, memidx, dataidx, dst, src, n);
    if (code)
        trap(instance, code);
}

static void data_drop(mw_instance *instance, uint32_t dataidx)
{
    mw_private(instance)->data_dropped[dataidx] = 1;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------- */

/* Host address of `size` bytes at index + offset. */
static const void *cell(mw_instance *instance, const mw_memory *memory, uint64_t index, uint64_t offset, uint64_t size)
{
    uint64_t at;
    if (__builtin_add_overflow(index, offset, &at) || !within(at, size, memory_bytes(memory)))
        trap(instance, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    return memory->base + at;
}

static uint32_t wait_at(mw_instance *instance, uint32_t memidx, uint64_t index, uint64_t offset, uint64_t expected,
                        uint64_t size, int64_t timeout)
{
    const mw_memory *memory = instance->memories[memidx];
    if (!memory->shared)
        trap(instance, MW_TRAP_EXPECTED_SHARED_MEMORY);
    return mw_wait(cell(instance, memory, index, offset, size), expected, size, timeout);
}

static uint32_t memory_wait32(mw_instance *instance, uint32_t memidx, uint64_t index, uint64_t offset,
                              uint32_t expected, int64_t timeout)
{
    return wait_at(instance, memidx, index, offset, expected, sizeof expected, timeout);
}

static uint32_t memory_wait64(mw_instance *instance, uint32_t memidx, uint64_t index, uint64_t offset,
                              uint64_t expected, int64_t timeout)
{
    return wait_at(instance, memidx, index, offset, expected, sizeof expected, timeout);
}

/* Nobody waits at a memory that is not shared. */
static uint32_t memory_notify(mw_instance *instance, uint32_t memidx, uint64_t index, uint64_t offset, uint32_t count)
{
    return mw_notify(cell(instance, instance->memories[memidx], index, offset, sizeof(uint32_t)), count);
}

/* ---- Tables -------------------------------------------------------------------------------------------------- */

static int64_t table_grow(mw_instance *instance, uint32_t tableidx, void *init, uint64_t delta)
{
    return mw_table_grow(instance->tables[tableidx], init, delta);
}

static void table_fill(mw_instance *instance, uint32_t tableidx, uint64_t i, void *value, uint64_t n)
{
    mw_table *table = instance->tables[tableidx];
    if (!within(i, n, table_size(table)))
        trap(instance, MW_TRAP_TABLE_OUT_OF_BOUNDS);
    for (uint64_t k = 0; k < n; k++)
        table->elems[i + k] = value;
}

static void table_copy(mw_instance *instance, uint32_t dst_table, uint32_t src_table, uint64_t dst, uint64_t src,
                       uint64_t n)
{
    mw_table *to = instance->tables[dst_table], *from = instance->tables[src_table];
    if (!within(src, n, table_size(from)) || !within(dst, n, table_size(to)))
        trap(instance, MW_TRAP_TABLE_OUT_OF_BOUNDS);
    if (n)
        memmove(to->elems + dst, from->elems + src, n * sizeof *to->elems);
}

/* Passive segments are evaluated when they are used: their expressions read immutable globals only, so the values
 * are those at instantiation (specification 4.5.4). */
mw_trap_code mw_table_init_op(mw_instance *instance, uint32_t tableidx, uint32_t elemidx, uint64_t dst, uint32_t src,
                              uint64_t n)
{
    mw_table *table = instance->tables[tableidx];
    const mw_elem_desc *elem = &instance->code->elems[elemidx];
    uint64_t count = mw_private(instance)->elem_dropped[elemidx] ? 0 : elem->count;
    if (!within(src, n, count) || !within(dst, n, table_size(table)))
        return MW_TRAP_TABLE_OUT_OF_BOUNDS;
    for (uint64_t i = 0; i < n; i++) {
        if (elem->funcs) {
            uint32_t func = elem->funcs[src + i];
            table->elems[dst + i] = func == UINT32_MAX ? NULL : &instance->funcs[func];
        } else {
            table->elems[dst + i] = mw_const_eval(instance, &elem->exprs[src + i]).ref;
        }
    }
    return MW_TRAP_NONE;
}

static void table_init(mw_instance *instance, uint32_t tableidx, uint32_t elemidx, uint64_t dst, uint32_t src,
                       uint32_t n)
{
    mw_trap_code code = mw_table_init_op(instance, tableidx, elemidx, dst, src, n);
    if (code)
        trap(instance, code);
}

static void elem_drop(mw_instance *instance, uint32_t elemidx)
{
    mw_private(instance)->elem_dropped[elemidx] = 1;
}

static uint32_t functype_matches(mw_instance *instance, uint32_t actual, uint32_t expected)
{
    (void)instance;
    return mw_functype_is_subtype(actual, expected);
}

static mw_value *tail_params(mw_instance *instance)
{
    mw_value *params = mw_thread_tail_params();
    if (!params)
        mw_run_trap(instance, MW_TRAP_HOST, "no memory for the parameters of a tail call");
    return params;
}

const mw_builtins mw_runtime_builtins = {
    .trap = trap,
    .call_trap = mw_call_trap,
    .memory_grow = memory_grow,
    .memory_init = memory_init,
    .data_drop = data_drop,
    .table_grow = table_grow,
    .table_fill = table_fill,
    .table_copy = table_copy,
    .table_init = table_init,
    .elem_drop = elem_drop,
    .memory_wait32 = memory_wait32,
    .memory_wait64 = memory_wait64,
    .memory_notify = memory_notify,
    .functype_matches = functype_matches,
    .tail_params = tail_params,
    .exception_new = mw_exception_new,
    .exception_throw = mw_exception_throw,
};
