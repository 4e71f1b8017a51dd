/* Tables and references. */
#include "compiler/emit.h"

static LLVMValueRef table_pointer(mw_emitter *e, uint32_t table)
{
    const mw_unit *u = e->unit;
    LLVMValueRef tables = mw_load_field(e, u->ptr, offsetof(mw_instance, tables));
    return mw_load_element(e, u->ptr, tables, table);
}

static LLVMValueRef table_size(mw_emitter *e, uint32_t table, LLVMValueRef pointer)
{
    const mw_unit *u = e->unit;
    const mw_wasm_limits *limits = &u->module->tables[table].limits;
    if (limits->min == limits->max) /* it cannot grow; an imported one must match (specification 3.2.9) */
        return mw_i64(u, limits->min);
    LLVMValueRef size = LLVMBuildLoad2(e->builder, u->i64, mw_offset_pointer(e, pointer, offsetof(mw_table, size)), "");
    return mw_alias_as(u, size, MW_ALIAS_TABLE);
}

/* An i64 as a value of the table's address type. */
static LLVMValueRef table_index(mw_emitter *e, uint32_t table, LLVMValueRef v)
{
    const mw_unit *u = e->unit;
    return u->module->tables[table].limits.is64 ? v : LLVMBuildTrunc(e->builder, v, u->i32, "");
}

static LLVMValueRef is_outside(mw_emitter *e, uint32_t table, LLVMValueRef pointer, LLVMValueRef wide)
{
    return LLVMBuildICmp(e->builder, LLVMIntUGE, wide, table_size(e, table, pointer), "");
}

static LLVMValueRef element_at(mw_emitter *e, LLVMValueRef pointer, LLVMValueRef wide)
{
    LLVMValueRef elems = mw_load_constant(e, e->unit->ptr, pointer, offsetof(mw_table, elems));
    return LLVMBuildInBoundsGEP2(e->builder, e->unit->ptr, elems, &wide, 1, "");
}

LLVMValueRef mw_table_element(mw_emitter *e, uint32_t table, LLVMValueRef index)
{
    LLVMValueRef pointer = table_pointer(e, table);
    LLVMValueRef wide = mw_widen(e, mw_settle(e, index));
    mw_trap_if(e, is_outside(e, table, pointer, wide), MW_TRAP_TABLE_OUT_OF_BOUNDS);
    return element_at(e, pointer, wide);
}

LLVMValueRef mw_called_element(mw_emitter *e, const mw_call_site *site)
{
    LLVMValueRef pointer = table_pointer(e, site->table);
    mw_call_trap_if(e, is_outside(e, site->table, pointer, site->index), site, MW_TRAP_UNDEFINED_ELEMENT);
    return element_at(e, pointer, site->index);
}

static void table_get(mw_emitter *e, uint32_t table)
{
    LLVMValueRef element = mw_table_element(e, table, mw_pop(e));
    mw_push(e, mw_alias_as(e->unit, LLVMBuildLoad2(e->builder, e->unit->ptr, element, ""), MW_ALIAS_ELEMS));
}

static void table_set(mw_emitter *e, uint32_t table)
{
    LLVMValueRef value = mw_pop(e);
    LLVMValueRef element = mw_table_element(e, table, mw_pop(e));
    mw_alias_as(e->unit, LLVMBuildStore(e->builder, value, element), MW_ALIAS_ELEMS);
}

static void table_grow(mw_emitter *e, uint32_t table)
{
    const mw_unit *u = e->unit;
    LLVMValueRef n = mw_pop(e), value = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(u, table), value, mw_widen(e, n)};
    LLVMValueRef old = mw_call_builtin(e, offsetof(mw_builtins, table_grow), u->i64, args, 3);
    mw_push(e, table_index(e, table, old));
}

static void table_fill(mw_emitter *e, uint32_t table)
{
    LLVMValueRef n = mw_pop(e), value = mw_pop(e), i = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(e->unit, table), mw_widen(e, i), value, mw_widen(e, n)};
    mw_call_builtin(e, offsetof(mw_builtins, table_fill), e->unit->void_type, args, 4);
}

static void table_copy(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(u, op->index), mw_i32(u, op->index2), mw_widen(e, dst), mw_widen(e, src), mw_widen(e, n)};
    mw_call_builtin(e, offsetof(mw_builtins, table_copy), u->void_type, args, 5);
}

static void table_init(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef n = mw_pop(e), src = mw_pop(e), dst = mw_pop(e);
    LLVMValueRef args[] = {mw_i32(u, op->index2), mw_i32(u, op->index), mw_widen(e, dst), src, n};
    mw_call_builtin(e, offsetof(mw_builtins, table_init), u->void_type, args, 5);
}

/* A reference to function i is the address of its mw_func in the instance. */
LLVMValueRef mw_func_pointer(mw_emitter *e, uint32_t funcidx)
{
    LLVMValueRef funcs = mw_load_field(e, e->unit->ptr, offsetof(mw_instance, funcs));
    return mw_offset_pointer(e, funcs, (uint64_t)funcidx * sizeof(mw_func));
}

void mw_emit_table(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    LLVMValueRef v;
    switch (op->op) {
    case MW_OP_REF_NULL:
        mw_push(e, LLVMConstNull(u->ptr));
        return;
    case MW_OP_REF_IS_NULL:
        mw_push_truth(e, LLVMBuildIsNull(e->builder, mw_pop(e), ""));
        return;
    case MW_OP_REF_FUNC:
        mw_push(e, mw_func_pointer(e, op->index));
        return;
    case MW_OP_REF_AS_NON_NULL:
        v = e->stack[e->height - 1];
        mw_trap_if(e, LLVMBuildIsNull(e->builder, v, ""), MW_TRAP_NULL_REFERENCE);
        return;
    case MW_OP_TABLE_GET:
        table_get(e, op->index);
        return;
    case MW_OP_TABLE_SET:
        table_set(e, op->index);
        return;
    case MW_OP_TABLE_SIZE:
        v = table_size(e, op->index, table_pointer(e, op->index));
        mw_push(e, table_index(e, op->index, v));
        return;
    case MW_OP_TABLE_GROW:
        table_grow(e, op->index);
        return;
    case MW_OP_TABLE_FILL:
        table_fill(e, op->index);
        return;
    case MW_OP_TABLE_COPY:
        table_copy(e, op);
        return;
    case MW_OP_TABLE_INIT:
        table_init(e, op);
        return;
    default: /* elem.drop */
        v = mw_i32(u, op->index);
        mw_call_builtin(e, offsetof(mw_builtins, elem_drop), u->void_type, &v, 1);
        return;
    }
}
