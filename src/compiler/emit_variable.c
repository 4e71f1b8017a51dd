/* Locals, globals, drop and select. */
#include "compiler/emit.h"

static LLVMValueRef get_local(mw_emitter *e, uint32_t i)
{
    if (e->locals_in_memory)
        return LLVMBuildLoad2(e->builder, e->local_types[i], e->locals[i], "");
    return e->locals[i];
}

static void set_local(mw_emitter *e, uint32_t i, LLVMValueRef value)
{
    value = mw_bitcast(e, value, e->local_types[i]);
    if (e->locals_in_memory)
        LLVMBuildStore(e->builder, value, e->locals[i]);
    else
        e->locals[i] = value;
}

/* The cell of a global: of one that the module defines, behind the instance; of an imported one, wherever it is. */
static LLVMValueRef global_cell(mw_emitter *e, uint32_t i)
{
    const mw_module *m = e->unit->module;
    if (i >= m->nimported_globals)
        return mw_offset_pointer(e, e->context, mw_global_offset(i - m->nimported_globals));
    LLVMValueRef cells = mw_load_field(e, e->unit->ptr, offsetof(mw_instance, globals));
    return mw_load_element(e, e->unit->ptr, cells, i);
}

/* A defined global's cell is no other's, but two imported globals may be the same. What does not change needs no
 * alias class: it is constant once the instance is made. */
static void mark_global(mw_emitter *e, uint32_t i, LLVMValueRef access)
{
    mw_unit *u = e->unit;
    if (!u->module->globals[i].is_mutable)
        LLVMSetMetadata(access, u->kinds.invariant_load, u->empty_node);
    else if (i < u->module->nimported_globals)
        mw_alias_as(u, access, MW_ALIAS_GLOBALS);
    else
        LLVMSetMetadata(access, u->kinds.tbaa, mw_global_tag(u, i));
}

static void emit_select(mw_emitter *e)
{
    LLVMValueRef condition = mw_pop_truth(e);
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    b = mw_bitcast(e, b, LLVMTypeOf(a));
    mw_push(e, LLVMBuildSelect(e->builder, condition, a, b, ""));
}

void mw_emit_variable(mw_emitter *e, const mw_operator *op)
{
    LLVMTypeRef type;
    LLVMValueRef access;
    switch (op->op) {
    case MW_OP_LOCAL_GET:
        mw_push(e, get_local(e, op->index));
        return;
    case MW_OP_LOCAL_SET:
        set_local(e, op->index, mw_pop(e));
        return;
    case MW_OP_LOCAL_TEE:
        set_local(e, op->index, e->stack[e->height - 1]);
        return;
    case MW_OP_GLOBAL_GET:
        type = mw_llvm_type(e->unit, e->unit->module->globals[op->index].type);
        access = LLVMBuildLoad2(e->builder, type, global_cell(e, op->index), "");
        mark_global(e, op->index, access);
        mw_push(e, access);
        return;
    case MW_OP_GLOBAL_SET:
        type = mw_llvm_type(e->unit, e->unit->module->globals[op->index].type);
        access = LLVMBuildStore(e->builder, mw_bitcast(e, mw_pop(e), type), global_cell(e, op->index));
        mark_global(e, op->index, access);
        return;
    case MW_OP_DROP:
        mw_pop(e);
        return;
    default: /* select */
        emit_select(e);
        return;
    }
}
