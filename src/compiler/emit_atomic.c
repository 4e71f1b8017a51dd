/* Atomic instructions (proposal "threads"): sequentially consistent, on addresses that are multiples of their size. The
 * alignment is looked at before the access, so an address that is neither aligned nor in bounds is "unaligned"; what
 * is aligned lies on one page and is accessed or faults as a whole. */
#include "compiler/emit.h"

#include <string.h>

#define SEQ_CST LLVMAtomicOrderingSequentiallyConsistent

/* Of what is in memory. */
static LLVMTypeRef memory_type(const mw_unit *u, const mw_operator *op)
{
    const LLVMTypeRef types[] = {u->i8, u->i16, u->i32, u->i64};
    return types[mw_op_info_of(op->op)->natural_align];
}

/* Of what is on the stack: the last letter of the signature that is not the colon. */
static LLVMTypeRef stack_type(const mw_unit *u, const mw_operator *op)
{
    const char *signature = mw_op_info_of(op->op)->signature;
    size_t n = strcspn(signature, ":");
    return (signature[n + 1] ? signature[n + 1] : signature[n - 1]) == 'I' ? u->i64 : u->i32;
}

static void check_alignment(mw_emitter *e, const mw_operator *op, LLVMValueRef index)
{
    uint64_t mask = (UINT64_C(1) << mw_op_info_of(op->op)->natural_align) - 1;
    if (mask == 0)
        return;
    LLVMBuilderRef b = e->builder;
    LLVMTypeRef type = LLVMTypeOf(index);
    if (op->memarg.offset & mask)
        index = LLVMBuildAdd(b, index, LLVMConstInt(type, op->memarg.offset & mask, 0), "");
    LLVMValueRef low = LLVMBuildAnd(b, index, LLVMConstInt(type, mask, 0), "");
    mw_trap_if(e, LLVMBuildICmp(b, LLVMIntNE, low, LLVMConstNull(type), ""), MW_TRAP_UNALIGNED_ATOMIC);
}

/* Pops the index; the address of the access. */
static LLVMValueRef pop_address(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef index = mw_pop(e);
    check_alignment(e, op, index);
    return mw_emit_address(e, op, index, UINT64_C(1) << mw_op_info_of(op->op)->natural_align);
}

/* Pops a value as the narrower type that is in memory. */
static LLVMValueRef pop_value(mw_emitter *e, const mw_operator *op)
{
    LLVMTypeRef type = memory_type(e->unit, op);
    LLVMValueRef value = mw_pop(e);
    return LLVMTypeOf(value) == type ? value : LLVMBuildTrunc(e->builder, value, type, "");
}

static void push_value(mw_emitter *e, const mw_operator *op, LLVMValueRef value)
{
    LLVMTypeRef type = stack_type(e->unit, op);
    mw_push(e, LLVMTypeOf(value) == type ? value : LLVMBuildZExt(e->builder, value, type, ""));
}

static LLVMValueRef make_atomic(mw_emitter *e, const mw_operator *op, LLVMValueRef access)
{
    LLVMSetOrdering(access, SEQ_CST);
    LLVMSetAlignment(access, 1u << mw_op_info_of(op->op)->natural_align);
    return mw_alias_as_memory(e->unit, access, op->memarg.memory);
}

static void emit_load(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef load = LLVMBuildLoad2(e->builder, memory_type(e->unit, op), pop_address(e, op), "");
    push_value(e, op, make_atomic(e, op, load));
}

static void emit_store(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef value = pop_value(e, op);
    make_atomic(e, op, LLVMBuildStore(e->builder, value, pop_address(e, op)));
}

static void emit_rmw(mw_emitter *e, const mw_operator *op, LLVMAtomicRMWBinOp operation)
{
    LLVMValueRef value = pop_value(e, op);
    LLVMValueRef old = LLVMBuildAtomicRMW(e->builder, operation, pop_address(e, op), value, SEQ_CST, 0);
    push_value(e, op, mw_alias_as_memory(e->unit, old, op->memarg.memory));
}

/* What is expected is cut to the width of memory like what is stored. */
static void emit_cmpxchg(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef value = pop_value(e, op), expected = pop_value(e, op);
    LLVMValueRef both = LLVMBuildAtomicCmpXchg(e->builder, pop_address(e, op), expected, value, SEQ_CST, SEQ_CST, 0);
    mw_alias_as_memory(e->unit, both, op->memarg.memory);
    push_value(e, op, LLVMBuildExtractValue(e->builder, both, 0, ""));
}

/* wait and notify: `builtin` gets memory, index and offset, then the operands above the index on the stack. */
static void emit_service(mw_emitter *e, const mw_operator *op, size_t builtin, unsigned noperands)
{
    const mw_unit *u = e->unit;
    LLVMValueRef args[5];
    for (unsigned i = noperands; i-- > 0;)
        args[3 + i] = mw_pop(e);
    LLVMValueRef index = mw_pop(e);
    check_alignment(e, op, index);
    args[0] = mw_i32(u, op->memarg.memory);
    args[1] = mw_widen(e, index);
    args[2] = mw_i64(u, op->memarg.offset);
    mw_push(e, mw_call_builtin(e, builtin, u->i32, args, 3 + noperands));
}

void mw_emit_atomic(mw_emitter *e, const mw_operator *op)
{
    /* The seven widths of each operation follow one another in the table. */
    static const LLVMAtomicRMWBinOp operations[] = {
        LLVMAtomicRMWBinOpAdd, LLVMAtomicRMWBinOpSub, LLVMAtomicRMWBinOpAnd,
        LLVMAtomicRMWBinOpOr,  LLVMAtomicRMWBinOpXor, LLVMAtomicRMWBinOpXchg,
    };
    mw_opcode o = op->op;
    if (o == MW_OP_ATOMIC_FENCE)
        LLVMBuildFence(e->builder, SEQ_CST, 0, "");
    else if (o == MW_OP_MEMORY_ATOMIC_NOTIFY)
        emit_service(e, op, offsetof(mw_builtins, memory_notify), 1);
    else if (o == MW_OP_MEMORY_ATOMIC_WAIT32)
        emit_service(e, op, offsetof(mw_builtins, memory_wait32), 2);
    else if (o == MW_OP_MEMORY_ATOMIC_WAIT64)
        emit_service(e, op, offsetof(mw_builtins, memory_wait64), 2);
    else if (o >= MW_OP_I32_ATOMIC_RMW_CMPXCHG)
        emit_cmpxchg(e, op);
    else if (o >= MW_OP_I32_ATOMIC_RMW_ADD)
        emit_rmw(e, op, operations[(o - MW_OP_I32_ATOMIC_RMW_ADD) / 7]);
    else if (o >= MW_OP_I32_ATOMIC_STORE)
        emit_store(e, op);
    else
        emit_load(e, op);
}
