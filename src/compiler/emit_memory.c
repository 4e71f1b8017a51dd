/* Linear memory: scalar accesses, size, grow and the bulk instructions. */
#include "compiler/emit.h"

#include <string.h>

LLVMValueRef mw_emit_load(mw_emitter *e, const mw_operator *op, LLVMTypeRef type)
{
    uint64_t size = LLVMStoreSizeOfType(e->unit->layout, type);
    LLVMValueRef load = LLVMBuildLoad2(e->builder, type, mw_emit_address(e, op, mw_pop(e), size), "");
    LLVMSetAlignment(load, 1);
    mw_alias_as_memory(e->unit, load, op->memarg.memory);
    if (e->unit->options->strict_traps)
        LLVMSetVolatile(load, 1);
    return load;
}

/* When a store across the end of memory faults, aarch64 may have written the part that lies inside, which a store that
 * traps must not do: a load of the last byte faults before. */
static void probe_last_byte(mw_emitter *e, LLVMValueRef address, uint64_t size)
{
    const mw_unit *u = e->unit;
    LLVMValueRef last = LLVMBuildLoad2(e->builder, u->i8, mw_offset_pointer(e, address, size - 1), "");
    LLVMSetVolatile(mw_alias_as(u, last, MW_ALIAS_MEMORY), 1);
}

void mw_emit_store(mw_emitter *e, const mw_operator *op, LLVMValueRef value)
{
    uint64_t size = LLVMStoreSizeOfType(e->unit->layout, LLVMTypeOf(value));
    LLVMValueRef address = mw_emit_address(e, op, mw_pop(e), size);
    if (e->unit->options->strict_traps && e->unit->target->arch == MW_ARCH_AARCH64 && size > 1)
        probe_last_byte(e, address, size);
    LLVMValueRef store = LLVMBuildStore(e->builder, value, address);
    LLVMSetAlignment(store, 1);
    mw_alias_as_memory(e->unit, store, op->memarg.memory);
    if (e->unit->options->strict_traps)
        LLVMSetVolatile(store, 1);
}

static void load_extended(mw_emitter *e, const mw_operator *op, LLVMTypeRef stored, LLVMTypeRef type, bool is_signed)
{
    LLVMValueRef v = mw_emit_load(e, op, stored);
    mw_push(e, is_signed ? LLVMBuildSExt(e->builder, v, type, "") : LLVMBuildZExt(e->builder, v, type, ""));
}

static void store(mw_emitter *e, const mw_operator *op, LLVMTypeRef stored)
{
    LLVMValueRef v = mw_pop(e);
    if (LLVMTypeOf(v) != stored)
        v = LLVMBuildTrunc(e->builder, v, stored, "");
    mw_emit_store(e, op, v);
}

/* ---- Size and bulk -------------------------------------------------------------------------------------------- */

static bool is64(const mw_emitter *e, uint32_t memory)
{
    return e->unit->module->memories[memory].limits.is64;
}

/* An i64 as a value of the memory's address type. */
static LLVMValueRef memory_index(mw_emitter *e, uint32_t memory, LLVMValueRef v)
{
    return is64(e, memory) ? v : LLVMBuildTrunc(e->builder, v, e->unit->i32, "");
}

static LLVMValueRef memory_pages(mw_emitter *e, uint32_t memory)
{
    const mw_unit *u = e->unit;
    LLVMValueRef m = mw_memory_pointer(e, memory);
    LLVMValueRef pages = LLVMBuildLoad2(e->builder, u->i64, mw_offset_pointer(e, m, offsetof(mw_memory, pages)), "");
    if (u->module->memories[memory].limits.shared) /* it grows under other threads' memory.grow */
        LLVMSetOrdering(pages, LLVMAtomicOrderingSequentiallyConsistent);
    return mw_alias_as(u, pages, MW_ALIAS_PAGES);
}

LLVMValueRef mw_emit_range(mw_emitter *e, uint32_t memory, LLVMValueRef index, LLVMValueRef length64)
{
    LLVMBuilderRef b = e->builder;
    LLVMValueRef start = mw_widen(e, mw_settle(e, index)), outside;
    LLVMValueRef size = LLVMBuildShl(b, memory_pages(e, memory), mw_i64(e->unit, 16), "");
    if (is64(e, memory)) {
        LLVMValueRef last = LLVMBuildSub(b, size, length64, "");
        outside = LLVMBuildOr(b, LLVMBuildICmp(b, LLVMIntUGT, length64, size, ""),
                              LLVMBuildICmp(b, LLVMIntUGT, start, last, ""), "");
    } else { /* index and length are less than 2^32: their sum does not wrap */
        outside = LLVMBuildICmp(b, LLVMIntUGT, LLVMBuildAdd(b, start, length64, ""), size, "");
    }
    mw_trap_if(e, outside, MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    return LLVMBuildInBoundsGEP2(b, e->unit->i8, mw_memory_base(e, memory), &start, 1, "");
}

static void emit_grow(mw_emitter *e, uint32_t memory)
{
    const mw_unit *u = e->unit;
    LLVMValueRef args[] = {mw_i32(u, memory), mw_widen(e, mw_pop(e))};
    LLVMValueRef old = mw_call_builtin(e, offsetof(mw_builtins, memory_grow), u->i64, args, 2);
    mw_push(e, memory_index(e, memory, old));
}

static void emit_copy(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    n = mw_widen(e, mw_settle(e, n));
    LLVMValueRef from = mw_emit_range(e, op->index2, src, n), to = mw_emit_range(e, op->index, dst, n);
    LLVMValueRef move = LLVMBuildMemMove(e->builder, to, 1, from, 1, n);
    if (is64(e, op->index) == is64(e, op->index2)) /* of two kinds of memory, LLVM may know neither */
        mw_alias_as_memory(e->unit, move, op->index);
}

static void emit_fill(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef n = mw_pop(e), value = mw_pop(e), dst = mw_pop(e);
    n = mw_widen(e, mw_settle(e, n));
    LLVMValueRef byte = LLVMBuildTrunc(e->builder, value, e->unit->i8, ""), to = mw_emit_range(e, op->index, dst, n);
    mw_alias_as_memory(e->unit, LLVMBuildMemSet(e->builder, to, byte, n, 1), op->index);
}

static void emit_init(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(u, op->index2), mw_i32(u, op->index), mw_widen(e, dst), src, n};
    mw_call_builtin(e, offsetof(mw_builtins, memory_init), u->void_type, args, 5);
}

void mw_emit_memory(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef index;
    switch (op->op) {
    case MW_OP_I32_LOAD:
        mw_push(e, mw_emit_load(e, op, u->i32));
        return;
    case MW_OP_I64_LOAD:
        mw_push(e, mw_emit_load(e, op, u->i64));
        return;
    case MW_OP_F32_LOAD:
        mw_push(e, mw_emit_load(e, op, u->f32));
        return;
    case MW_OP_F64_LOAD:
        mw_push(e, mw_emit_load(e, op, u->f64));
        return;
    case MW_OP_I32_LOAD8_S:
        load_extended(e, op, u->i8, u->i32, true);
        return;
    case MW_OP_I32_LOAD8_U:
        load_extended(e, op, u->i8, u->i32, false);
        return;
    case MW_OP_I32_LOAD16_S:
        load_extended(e, op, u->i16, u->i32, true);
        return;
    case MW_OP_I32_LOAD16_U:
        load_extended(e, op, u->i16, u->i32, false);
        return;
    case MW_OP_I64_LOAD8_S:
        load_extended(e, op, u->i8, u->i64, true);
        return;
    case MW_OP_I64_LOAD8_U:
        load_extended(e, op, u->i8, u->i64, false);
        return;
    case MW_OP_I64_LOAD16_S:
        load_extended(e, op, u->i16, u->i64, true);
        return;
    case MW_OP_I64_LOAD16_U:
        load_extended(e, op, u->i16, u->i64, false);
        return;
    case MW_OP_I64_LOAD32_S:
        load_extended(e, op, u->i32, u->i64, true);
        return;
    case MW_OP_I64_LOAD32_U:
        load_extended(e, op, u->i32, u->i64, false);
        return;
    case MW_OP_I32_STORE:
    case MW_OP_I64_STORE32:
        store(e, op, u->i32);
        return;
    case MW_OP_I64_STORE:
        store(e, op, u->i64);
        return;
    case MW_OP_F32_STORE:
        store(e, op, u->f32);
        return;
    case MW_OP_F64_STORE:
        store(e, op, u->f64);
        return;
    case MW_OP_I32_STORE8:
    case MW_OP_I64_STORE8:
        store(e, op, u->i8);
        return;
    case MW_OP_I32_STORE16:
    case MW_OP_I64_STORE16:
        store(e, op, u->i16);
        return;
    case MW_OP_MEMORY_SIZE:
        mw_push(e, memory_index(e, op->index, memory_pages(e, op->index)));
        return;
    case MW_OP_MEMORY_GROW:
        emit_grow(e, op->index);
        return;
    case MW_OP_MEMORY_INIT:
        emit_init(e, op);
        return;
    case MW_OP_DATA_DROP:
        index = mw_i32(u, op->index);
        mw_call_builtin(e, offsetof(mw_builtins, data_drop), u->void_type, &index, 1);
        return;
    case MW_OP_MEMORY_COPY:
        emit_copy(e, op);
        return;
    default: /* memory.fill */
        emit_fill(e, op);
        return;
    }
}
