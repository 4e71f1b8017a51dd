/* Calls. Every guest function has the C calling convention with the instance in front (abi.h). */
#include "compiler/emit.h"

#include <stdlib.h>

/* Pops the arguments, calls, pushes the results. */
static void call(mw_emitter *e, uint32_t type, LLVMValueRef code, LLVMValueRef instance)
{
    mw_unit *u = e->unit;
    const mw_wasm_functype *t = &u->module->types[type];
    LLVMValueRef *args = mw_calloc(t->nparams + (size_t)1, sizeof *args);
    args[0] = instance;
    for (uint32_t i = t->nparams; i-- > 0;)
        args[i + 1] = mw_bitcast(e, mw_pop(e), mw_llvm_type(u, t->types[i]));
    LLVMValueRef result = mw_call_guest(e, mw_llvm_functype(u, type), code, args, t->nparams + 1);
    free(args);
    if (t->nresults == 1)
        mw_push(e, result);
    else
        for (uint32_t i = 0; i < t->nresults; i++)
            mw_push(e, LLVMBuildExtractValue(e->builder, result, i, ""));
}

static void call_import(mw_emitter *e, uint32_t funcidx)
{
    const mw_unit *u = e->unit;
    LLVMValueRef funcs = mw_load_constant(e, u->ptr, e->instance, offsetof(mw_instance, funcs));
    uint64_t f = (uint64_t)funcidx * sizeof(mw_func);
    LLVMValueRef code = mw_load_constant(e, u->ptr, funcs, f + offsetof(mw_func, code));
    LLVMValueRef instance = mw_load_constant(e, u->ptr, funcs, f + offsetof(mw_func, instance));
    call(e, u->module->funcs[funcidx].type, code, instance);
}

/* Calls the function at `func`, a mw_func that is not null. */
static void call_func(mw_emitter *e, uint32_t type, LLVMValueRef func)
{
    const mw_unit *u = e->unit;
    LLVMValueRef code = mw_load_constant(e, u->ptr, func, offsetof(mw_func, code));
    LLVMValueRef instance = mw_load_constant(e, u->ptr, func, offsetof(mw_func, instance));
    call(e, type, code, instance);
}

/* Function types are compared by their interned ids: equal exactly if the types are. A type that may have subtypes is
 * searched for among the supertypes of the other. */
static void check_functype(mw_emitter *e, uint32_t type, LLVMValueRef actual, LLVMValueRef expected)
{
    const mw_unit *u = e->unit;
    LLVMBuilderRef b = e->builder;
    LLVMValueRef differs = LLVMBuildICmp(b, LLVMIntNE, actual, expected, "");
    if (u->module->types[type].is_final) {
        mw_trap_if(e, differs, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
        return;
    }
    LLVMBasicBlockRef search = mw_new_block(e, ""), call = mw_new_block(e, "");
    mw_branch_unlikely(e, differs, search, call);
    LLVMPositionBuilderAtEnd(b, search);
    LLVMValueRef args[] = {actual, expected};
    LLVMValueRef found = mw_call_builtin(e, offsetof(mw_builtins, functype_matches), u->i32, args, 2);
    mw_trap_if(e, LLVMBuildICmp(b, LLVMIntEQ, found, mw_i32(u, 0), ""), MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
    LLVMBuildBr(b, call);
    LLVMPositionBuilderAtEnd(b, call);
}

static void call_indirect(mw_emitter *e, uint32_t type, uint32_t table)
{
    const mw_unit *u = e->unit;
    LLVMBuilderRef b = e->builder;
    LLVMValueRef element = mw_table_element(e, table, mw_pop(e), MW_TRAP_UNDEFINED_ELEMENT);
    LLVMValueRef func = LLVMBuildLoad2(b, u->ptr, element, "");
    mw_alias_as(u, func, MW_ALIAS_ELEMS);
    mw_trap_if(e, LLVMBuildIsNull(b, func, ""), MW_TRAP_UNINITIALIZED_ELEMENT);
    LLVMValueRef type_ids = mw_load_constant(e, u->ptr, e->instance, offsetof(mw_instance, type_ids));
    LLVMValueRef expected = mw_load_element(e, u->i32, type_ids, type);
    LLVMValueRef actual = mw_load_constant(e, u->i32, func, offsetof(mw_func, type_id));
    check_functype(e, type, actual, expected);
    call_func(e, type, func);
}

static void call_ref(mw_emitter *e, uint32_t type)
{
    LLVMValueRef func = mw_pop(e);
    mw_trap_if(e, LLVMBuildIsNull(e->builder, func, ""), MW_TRAP_NULL_FUNCTION_REFERENCE);
    call_func(e, type, func);
}

void mw_emit_call(mw_emitter *e, const mw_operator *op)
{
    const mw_module *m = e->unit->module;
    if (op->op == MW_OP_CALL_INDIRECT)
        call_indirect(e, op->index, op->index2);
    else if (op->op == MW_OP_CALL_REF)
        call_ref(e, op->index);
    else if (op->index < m->nimported_funcs)
        call_import(e, op->index);
    else
        call(e, m->funcs[op->index].type, mw_llvm_function(e->unit, op->index), e->instance);
}
