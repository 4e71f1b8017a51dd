/* Linear memory: scalar accesses, size, grow and the bulk instructions.
 *
 * An address is a GEP off the base with the zero-extended index and the constant offset: the zero-extension is what
 * keeps the guest in, as index, offset and width end inside the reservation, and the fault handler turns what is not
 * mapped there into a trap. */
#include "compiler/facts.h"

#include <string.h>

static LLVMValueRef memory_pointer(mw_emitter *e, uint32_t memory)
{
    LLVMValueRef memories = mw_load_constant(e, e->unit->ptr, e->instance, offsetof(mw_instance, memories));
    return mw_load_element(e, e->unit->ptr, memories, memory);
}

/* One value for the whole function: accesses are compared by it (addresses.c), and no loop loads it again. */
LLVMValueRef mw_memory_base(mw_emitter *e, uint32_t memory)
{
    if (!e->bases[memory]) {
        LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
        LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(e->entry));
        e->bases[memory] = mw_load_constant(e, e->unit->ptr, memory_pointer(e, memory), offsetof(mw_memory, base));
        LLVMPositionBuilderAtEnd(e->builder, here);
    }
    return e->bases[memory];
}

/* An index and what it is a sum of: parts[0] is the index, which equals parts[i] + sums[i] modulo 2^32. */
enum { MAX_PARTS = 5 };
typedef struct split {
    LLVMValueRef parts[MAX_PARTS];
    uint32_t sums[MAX_PARTS];
    int n;
} split;

static split split_index(LLVMValueRef index)
{
    split s = {.parts = {index}, .n = 1};
    while (s.n < MAX_PARTS) {
        LLVMValueRef sum = s.parts[s.n - 1];
        if (!LLVMIsABinaryOperator(sum) || LLVMGetInstructionOpcode(sum) != LLVMAdd)
            break;
        LLVMValueRef c = LLVMGetOperand(sum, 1);
        if (!LLVMIsAConstantInt(c))
            break;
        s.parts[s.n] = LLVMGetOperand(sum, 0);
        s.sums[s.n] = s.sums[s.n - 1] + (uint32_t)LLVMConstIntGetZExtValue(c);
        s.n++;
    }
    return s;
}

/* The address of an access of `size` bytes. Where a fact (facts.h) shows that the index lies `c` above an anchor
 * without wrapping, it is the anchor's with `c` added to the constant offset. */
LLVMValueRef mw_emit_address(mw_emitter *e, const mw_operator *op, LLVMValueRef index, uint64_t size)
{
    LLVMBuilderRef b = e->builder;
    const mw_unit *u = e->unit;
    split s = split_index(index);
    LLVMValueRef anchor = index;
    uint32_t above = 0;
    for (int i = s.n - 1; i >= 0 && anchor == index; i--) {
        const mw_fact *fact = mw_facts_about(&e->facts, s.parts[i]);
        uint32_t c = fact ? s.sums[i] - fact->distance : 0;
        /* Index and offset stay within the 8 GiB of the reservation. */
        if (fact && c <= fact->headroom && c + op->memarg.offset <= UINT32_MAX) {
            anchor = fact->anchor;
            above = c;
        }
    }
    uint64_t offset = op->memarg.offset + above;
    for (int i = 0; i < s.n; i++)
        mw_facts_learn(&e->facts, &(mw_fact){s.parts[i], anchor, s.sums[i] - above, MW_PAGE_BYTES - 1 + offset + size});
    LLVMValueRef wide = LLVMBuildZExt(b, anchor, u->i64, "");
    LLVMValueRef base = mw_memory_base(e, op->memarg.memory);
    LLVMValueRef pointer = LLVMBuildInBoundsGEP2(b, u->i8, base, &wide, 1, "");
    return mw_offset_pointer(e, pointer, offset);
}

LLVMValueRef mw_emit_load(mw_emitter *e, const mw_operator *op, LLVMTypeRef type)
{
    uint64_t size = LLVMStoreSizeOfType(e->unit->layout, type);
    LLVMValueRef load = LLVMBuildLoad2(e->builder, type, mw_emit_address(e, op, mw_pop(e), size), "");
    LLVMSetAlignment(load, 1);
    mw_alias_as(e->unit, load, MW_ALIAS_MEMORY);
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
    mw_alias_as(e->unit, store, MW_ALIAS_MEMORY);
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

static LLVMValueRef memory_pages(mw_emitter *e, uint32_t memory)
{
    const mw_unit *u = e->unit;
    LLVMValueRef m = memory_pointer(e, memory);
    LLVMValueRef pages = LLVMBuildLoad2(e->builder, u->i64, mw_offset_pointer(e, m, offsetof(mw_memory, pages)), "");
    if (u->module->memories[memory].limits.shared) /* it grows under other threads' memory.grow */
        LLVMSetOrdering(pages, LLVMAtomicOrderingSequentiallyConsistent);
    return mw_alias_as(u, pages, MW_ALIAS_PAGES);
}

static LLVMValueRef widen(mw_emitter *e, LLVMValueRef v)
{
    return LLVMBuildZExt(e->builder, v, e->unit->i64, "");
}

/* Neither sum can overflow: index and length are less than 2^32, or (64-bit memories) LLVM's umin keeps them so. */
LLVMValueRef mw_emit_range(mw_emitter *e, uint32_t memory, LLVMValueRef index, LLVMValueRef length64)
{
    LLVMBuilderRef b = e->builder;
    LLVMValueRef start = widen(e, mw_settle(e, index));
    LLVMValueRef size = LLVMBuildShl(b, memory_pages(e, memory), mw_i64(e->unit, 16), "");
    LLVMValueRef end = LLVMBuildAdd(b, start, length64, "");
    mw_trap_if(e, LLVMBuildICmp(b, LLVMIntUGT, end, size, ""), MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    return LLVMBuildInBoundsGEP2(b, e->unit->i8, mw_memory_base(e, memory), &start, 1, "");
}

static void emit_grow(mw_emitter *e, uint32_t memory)
{
    const mw_unit *u = e->unit;
    LLVMValueRef args[] = {mw_i32(u, memory), widen(e, mw_pop(e))};
    LLVMValueRef old = mw_call_builtin(e, offsetof(mw_builtins, memory_grow), u->i64, args, 2);
    mw_push(e, LLVMBuildTrunc(e->builder, old, u->i32, ""));
}

static void emit_copy(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    n = widen(e, mw_settle(e, n));
    LLVMValueRef from = mw_emit_range(e, op->index2, src, n), to = mw_emit_range(e, op->index, dst, n);
    mw_alias_as(e->unit, LLVMBuildMemMove(e->builder, to, 1, from, 1, n), MW_ALIAS_MEMORY);
}

static void emit_fill(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef n = mw_pop(e), value = mw_pop(e), dst = mw_pop(e);
    n = widen(e, mw_settle(e, n));
    LLVMValueRef byte = LLVMBuildTrunc(e->builder, value, e->unit->i8, ""), to = mw_emit_range(e, op->index, dst, n);
    mw_alias_as(e->unit, LLVMBuildMemSet(e->builder, to, byte, n, 1), MW_ALIAS_MEMORY);
}

static void emit_init(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(u, op->index2), mw_i32(u, op->index), widen(e, dst), src, n};
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
        mw_push(e, LLVMBuildTrunc(e->builder, memory_pages(e, op->index), u->i32, ""));
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
