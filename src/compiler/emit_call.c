/* Calls. Guest functions have the C calling convention with the context in front (abi.h), those that make tail calls
 * LLVM's tailcc, whose tail calls may be to functions of any type.
 *
 * A tail call is a jump where the callee makes tail calls too: only such a callee can prolong a chain of them. Any
 * other is called and returns into the frame that waits to return, so that a chain takes one more frame at its end. */
#include "compiler/fixed_table.h"
#include "compiler/facts.h"
#include "compiler/inline.h"

#include <stdlib.h>

static LLVMValueRef cell_pointer(mw_emitter *e, LLVMValueRef cells, uint32_t i)
{
    return mw_offset_pointer(e, cells, i * sizeof(mw_value));
}

/* Room for `count` results in the frame, the same for all calls: they are read as soon as the call is back. */
static LLVMValueRef result_cells(mw_emitter *e, uint32_t count)
{
    const mw_unit *u = e->unit;
    if (!e->cells) {
        LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
        LLVMPositionBuilderBefore(e->builder, LLVMGetFirstInstruction(e->entry));
        e->cells = LLVMBuildArrayAlloca(e->builder, u->v128, mw_i32(u, count), "");
        LLVMPositionBuilderAtEnd(e->builder, here);
    } else if (count > e->ncells) {
        LLVMSetOperand(e->cells, 0, mw_i32(u, count));
    }
    e->ncells = count > e->ncells ? count : e->ncells;
    return e->cells;
}

/* The arguments of a call, popped: before them the context, and the place for the results if that is in memory, are
 * still to be set. */
static LLVMValueRef *pop_arguments(mw_emitter *e, const mw_wasm_functype *t)
{
    uint32_t first = mw_first_param(t);
    LLVMValueRef *args = mw_calloc(first + (size_t)t->nparams, sizeof *args);
    for (uint32_t i = t->nparams; i-- > 0;)
        args[first + i] = mw_bitcast(e, mw_pop(e), mw_llvm_type(e->unit, t->types[i]));
    return args;
}

static void push_results(mw_emitter *e, const mw_wasm_functype *t, LLVMValueRef result)
{
    if (t->nresults == 1)
        mw_push(e, result);
    else if (!mw_results_in_memory(t))
        for (uint32_t i = 0; i < t->nresults; i++)
            mw_push(e, LLVMBuildExtractValue(e->builder, result, i, ""));
    else
        for (uint32_t i = 0; i < t->nresults; i++)
            mw_push(e, LLVMBuildLoad2(e->builder, mw_llvm_type(e->unit, t->types[t->nparams + i]),
                                      cell_pointer(e, e->cells, i), ""));
}

/* Pops the arguments, calls, pushes the results. */
static void call(mw_emitter *e, uint32_t type, LLVMValueRef code, LLVMValueRef context)
{
    mw_unit *u = e->unit;
    const mw_wasm_functype *t = &u->module->types[type];
    LLVMValueRef *args = pop_arguments(e, t);
    args[0] = context;
    if (mw_results_in_memory(t))
        args[1] = result_cells(e, t->nresults);
    LLVMValueRef result = mw_call_guest(e, mw_llvm_functype(u, type), code, args, mw_first_param(t) + t->nparams);
    if (LLVMIsAFunction(code))
        LLVMSetInstructionCallConv(result, LLVMGetFunctionCallConv(code));
    free(args);
    push_results(e, t, result);
}

/* The ways of a call that is made in one of several places, and where they come together. */
typedef struct ways {
    LLVMValueRef results[MW_FEW_TARGETS + 1];
    LLVMBasicBlockRef ends[MW_FEW_TARGETS + 1], next;
    unsigned count;
} ways;

/* A way ends here, with its result if the function has one. */
static void end_way(mw_emitter *e, ways *w, LLVMValueRef result)
{
    w->results[w->count] = result;
    w->ends[w->count++] = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, w->next);
}

/* Emits the function, or a call of it; the result if it has one. What memory accesses prove there is known there only. */
static LLVMValueRef call_target(mw_emitter *e, uint32_t funcidx, LLVMValueRef *args)
{
    mw_unit *u = e->unit;
    uint32_t type = u->module->funcs[funcidx].type, facts = e->facts.height;
    const mw_wasm_functype *t = &u->module->types[type];
    if (!mw_is_inlined(u->inlined, u->module, funcidx, e->inline_budget))
        return mw_call_guest(e, mw_llvm_functype(u, type), mw_llvm_entry(u, funcidx), args, mw_first_param(t) + t->nparams);
    mw_emit_inlined(e, funcidx, args + mw_first_param(t));
    mw_facts_forget(&e->facts, facts);
    return t->nresults ? mw_bitcast(e, mw_pop(e), mw_llvm_type(u, t->types[t->nparams])) : NULL;
}

/* A call by a table in which few functions have the type: each is emitted or called where the index is its own, others that may be
 * called as the type are called by way of their code. */
static void call_few(mw_emitter *e, uint32_t type, mw_lookup *l)
{
    mw_unit *u = e->unit;
    LLVMBuilderRef b = e->builder;
    const mw_wasm_functype *t = &u->module->types[type];
    LLVMValueRef *args = pop_arguments(e, t);
    ways w = {.next = mw_new_block(e, "")};
    args[0] = e->context;
    for (uint32_t i = 0; i < l->targets->count; i++) {
        LLVMBasicBlockRef is_not = NULL;
        LLVMValueRef is_it = mw_is_few_target(e, l, i);
        if (is_it) {
            LLVMBasicBlockRef is = mw_new_block(e, "");
            is_not = mw_new_block(e, "");
            LLVMValueRef branch = LLVMBuildCondBr(b, is_it, is, is_not);
            if (i + 1 == l->targets->count)
                LLVMSetMetadata(branch, u->kinds.prof, u->likely);
            LLVMPositionBuilderAtEnd(b, is);
        }
        end_way(e, &w, call_target(e, mw_few_target(e, l, i), args));
        if (is_not)
            LLVMPositionBuilderAtEnd(b, is_not);
    }
    if (l->has_others) {
        LLVMValueRef code = mw_other_code(e, l);
        end_way(e, &w, mw_call_guest(e, mw_llvm_functype(u, type), code, args, mw_first_param(t) + t->nparams));
    }
    free(args);
    LLVMPositionBuilderAtEnd(b, w.next);
    if (t->nresults == 0)
        return;
    LLVMValueRef result = LLVMBuildPhi(b, mw_llvm_type(u, t->types[t->nparams]), "");
    LLVMAddIncoming(result, w.results, w.ends, w.count);
    mw_push(e, result);
}

static void call_defined(mw_emitter *e, uint32_t funcidx)
{
    mw_unit *u = e->unit;
    uint32_t type = u->module->funcs[funcidx].type;
    if (mw_is_inlined(u->inlined, u->module, funcidx, e->inline_budget)) {
        const mw_wasm_functype *t = &u->module->types[type];
        LLVMValueRef *args = pop_arguments(e, t);
        mw_emit_inlined(e, funcidx, args + mw_first_param(t));
        free(args);
        return;
    }
    bool by_entry = mw_params_in_memory(&u->module->types[type]);
    call(e, type, by_entry ? mw_llvm_entry(u, funcidx) : mw_llvm_function(u, funcidx), e->context);
}

static void call_by_fixed_table(mw_emitter *e, uint32_t type, uint32_t table)
{
    mw_lookup l = mw_fixed_table_lookup(e, type, table, mw_pop(e));
    if (!l.targets || !l.targets->is_few)
        call(e, type, mw_fixed_table_code(e, &l), e->context);
    else if (l.targets->count == 1 && !l.has_others) {
        mw_is_few_target(e, &l, 0);
        call_defined(e, mw_few_target(e, &l, 0));
    } else {
        call_few(e, type, &l);
    }
}

static void return_result(mw_emitter *e, LLVMValueRef result)
{
    if (LLVMGetTypeKind(LLVMTypeOf(result)) == LLVMVoidTypeKind)
        LLVMBuildRetVoid(e->builder);
    else
        LLVMBuildRet(e->builder, result);
}

static LLVMValueRef call_nounwind(mw_emitter *e, LLVMTypeRef type, LLVMValueRef code, LLVMValueRef *args,
                                  unsigned nargs)
{
    const mw_unit *u = e->unit;
    LLVMValueRef result = LLVMBuildCall2(e->builder, type, code, args, nargs, "");
    if (!mw_unit_throws(u))
        LLVMAddCallSiteAttribute(result, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                 mw_attribute(u, "nounwind", 0));
    return result;
}

/* Calls the tailcc function `code` with the arguments of the usual convention; if these go through memory, through that
 * at `params`. */
static LLVMValueRef call_tailcc(mw_emitter *e, uint32_t type, LLVMValueRef code, LLVMValueRef *args,
                                LLVMValueRef params)
{
    const mw_wasm_functype *t = &e->unit->module->types[type];
    uint32_t first = mw_first_param(t), nargs = first + t->nparams;
    LLVMValueRef few[3] = {args[0], args[first - 1], NULL};
    if (mw_params_in_memory(t)) {
        for (uint32_t i = 0; i < t->nparams; i++)
            LLVMBuildStore(e->builder, args[first + i], cell_pointer(e, params, i));
        few[first] = params;
        args = few;
        nargs = first + 1;
    }
    LLVMValueRef result = call_nounwind(e, mw_tail_functype(e->unit, type), code, args, nargs);
    LLVMSetInstructionCallConv(result, MW_TAILCC);
    return result;
}

/* Jumps to the tailcc function `code`, whose results become this function's. No handler of this function sees what it
 * throws. */
static void jump(mw_emitter *e, uint32_t type, LLVMValueRef code, LLVMValueRef *args)
{
    LLVMValueRef params = NULL;
    if (mw_params_in_memory(&e->unit->module->types[type]))
        params = mw_call_builtin(e, offsetof(mw_builtins, tail_params), e->unit->ptr, NULL, 0);
    LLVMValueRef result = call_tailcc(e, type, code, args, params);
    LLVMSetTailCallKind(result, LLVMTailCallKindMustTail);
    return_result(e, result);
}

/* The same for a function of the usual convention. */
static void call_and_return(mw_emitter *e, uint32_t type, LLVMValueRef code, LLVMValueRef *args)
{
    const mw_wasm_functype *t = &e->unit->module->types[type];
    return_result(e, call_nounwind(e, mw_llvm_functype(e->unit, type), code, args, mw_first_param(t) + t->nparams));
}

/* The arguments of a tail call, popped, to a function with `context`: results go where this function's go. */
static LLVMValueRef *pop_tail_arguments(mw_emitter *e, uint32_t type, LLVMValueRef context)
{
    const mw_wasm_functype *t = &e->unit->module->types[type];
    LLVMValueRef *args = pop_arguments(e, t);
    if (mw_results_in_memory(t))
        args[1] = LLVMGetParam(e->llvm_func, 1);
    args[0] = context;
    return args;
}

static void return_call(mw_emitter *e, uint32_t funcidx)
{
    const mw_wasm_func *func = &e->unit->module->funcs[funcidx];
    LLVMValueRef *args = pop_tail_arguments(e, func->type, e->context);
    if (func->has_tail_call)
        jump(e, func->type, mw_llvm_function(e->unit, funcidx), args);
    else
        call_and_return(e, func->type, mw_llvm_function(e->unit, funcidx), args);
    free(args);
}

void mw_emit_entry(mw_emitter *e)
{
    mw_unit *u = e->unit;
    const mw_wasm_functype *t = &u->module->types[e->func->type];
    LLVMValueRef body = e->llvm_func, params = NULL;
    e->llvm_func = mw_llvm_entry(u, e->funcidx);
    LLVMPositionBuilderAtEnd(e->builder, mw_new_block(e, ""));
    LLVMSetCurrentDebugLocation2(e->builder, NULL);
    LLVMValueRef *args = mw_calloc(LLVMCountParams(e->llvm_func), sizeof *args);
    LLVMGetParams(e->llvm_func, args);
    if (mw_params_in_memory(t))
        params = LLVMBuildArrayAlloca(e->builder, u->v128, mw_i32(u, t->nparams), "");
    return_result(e, call_tailcc(e, e->func->type, body, args, params));
    free(args);
}

/* The function at `func`, a mw_func that is not null. */
static void call_func(mw_emitter *e, uint32_t type, LLVMValueRef func)
{
    const mw_unit *u = e->unit;
    LLVMValueRef code = mw_load_constant(e, u->ptr, func, offsetof(mw_func, code));
    LLVMValueRef context = mw_load_constant(e, u->ptr, func, offsetof(mw_func, context));
    call(e, type, code, context);
}

static void return_call_func(mw_emitter *e, uint32_t type, LLVMValueRef func)
{
    const mw_unit *u = e->unit;
    LLVMBuilderRef b = e->builder;
    LLVMValueRef context = mw_load_constant(e, u->ptr, func, offsetof(mw_func, context));
    LLVMValueRef *args = pop_tail_arguments(e, type, context);
    LLVMValueRef tail_code = LLVMBuildLoad2(b, u->ptr, mw_offset_pointer(e, func, offsetof(mw_func, tail_code)), "");
    LLVMSetMetadata(tail_code, u->kinds.invariant_load, u->empty_node);
    LLVMBasicBlockRef makes_tail_calls = mw_new_block(e, ""), other = mw_new_block(e, "");
    LLVMBuildCondBr(b, LLVMBuildIsNull(b, tail_code, ""), other, makes_tail_calls);
    LLVMPositionBuilderAtEnd(b, makes_tail_calls);
    jump(e, type, tail_code, args);
    LLVMPositionBuilderAtEnd(b, other);
    call_and_return(e, type, mw_load_constant(e, u->ptr, func, offsetof(mw_func, code)), args);
    free(args);
}

/* Function types are compared by their interned ids: equal exactly if the types are. A type that may have subtypes is
 * searched for among the supertypes of the other. */
static void check_functype(mw_emitter *e, const mw_call_site *site, LLVMValueRef actual, LLVMValueRef expected)
{
    const mw_unit *u = e->unit;
    LLVMBuilderRef b = e->builder;
    LLVMValueRef differs = LLVMBuildICmp(b, LLVMIntNE, actual, expected, "");
    if (u->module->types[site->type].is_final) {
        mw_call_trap_if(e, differs, site, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
        return;
    }
    LLVMBasicBlockRef search = mw_new_block(e, ""), call = mw_new_block(e, "");
    mw_branch_unlikely(e, differs, search, call);
    LLVMPositionBuilderAtEnd(b, search);
    LLVMValueRef args[] = {actual, expected};
    LLVMValueRef found = mw_call_builtin(e, offsetof(mw_builtins, functype_matches), u->i32, args, 2);
    mw_call_trap_if(e, LLVMBuildICmp(b, LLVMIntEQ, found, mw_i32(u, 0), ""), site, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
    LLVMBuildBr(b, call);
    LLVMPositionBuilderAtEnd(b, call);
}

/* Pops an index; the function in the table there, checked to be of the type. */
static LLVMValueRef pop_table_func(mw_emitter *e, uint32_t type, uint32_t table)
{
    const mw_unit *u = e->unit;
    mw_call_site site = {table, type, mw_widen(e, mw_settle(e, mw_pop(e)))};
    LLVMValueRef element = mw_called_element(e, &site);
    LLVMValueRef func = LLVMBuildLoad2(e->builder, u->ptr, element, "");
    mw_alias_as(u, func, MW_ALIAS_ELEMS);
    mw_call_trap_if(e, LLVMBuildIsNull(e->builder, func, ""), &site, MW_TRAP_UNINITIALIZED_ELEMENT);
    LLVMValueRef type_ids = mw_load_field(e, u->ptr, offsetof(mw_instance, type_ids));
    LLVMValueRef expected = mw_load_element(e, u->i32, type_ids, type);
    LLVMValueRef actual = mw_load_constant(e, u->i32, func, offsetof(mw_func, type_id));
    check_functype(e, &site, actual, expected);
    return func;
}

static LLVMValueRef pop_func(mw_emitter *e)
{
    LLVMValueRef func = mw_pop(e);
    mw_trap_if(e, LLVMBuildIsNull(e->builder, func, ""), MW_TRAP_NULL_FUNCTION_REFERENCE);
    return func;
}

/* The import that a function only passes its parameters on to, as the guest's stubs of MPI do; otherwise the function. */
static uint32_t forwarded(const mw_module *m, uint32_t funcidx)
{
    enum { MAX_CODE_BYTES = 128 };
    const mw_wasm_func *func = &m->funcs[funcidx];
    if (funcidx < m->nimported_funcs || func->code_size > MAX_CODE_BYTES)
        return funcidx;
    mw_bytes code = mw_bytes_of(func->code, func->code_size, 0, NULL);
    mw_operator op, end;
    for (uint32_t i = 0; i < m->types[func->type].nparams; i++)
        if (mw_operator_read(&code, &op) != MW_OK || op.op != MW_OP_LOCAL_GET || op.index != i)
            return funcidx;
    if (mw_operator_read(&code, &op) != MW_OK || op.op != MW_OP_CALL || op.index >= m->nimported_funcs ||
        mw_operator_read(&code, &end) != MW_OK || end.op != MW_OP_END)
        return funcidx;
    return m->funcs[op.index].type == func->type ? op.index : funcidx;
}

void mw_emit_call(mw_emitter *e, const mw_operator *op)
{
    const mw_module *m = e->unit->module;
    bool is_import = op->index < m->nimported_funcs;
    uint32_t callee;
    switch (op->op) {
    case MW_OP_CALL:
        callee = forwarded(m, op->index);
        if (callee < m->nimported_funcs)
            call_func(e, m->funcs[callee].type, mw_func_pointer(e, callee));
        else
            call_defined(e, callee);
        return;
    case MW_OP_CALL_INDIRECT:
        if (mw_is_called_by_fixed_table(e->unit, op->index, op->index2))
            call_by_fixed_table(e, op->index, op->index2);
        else
            call_func(e, op->index, pop_table_func(e, op->index, op->index2));
        return;
    case MW_OP_CALL_REF:
        call_func(e, op->index, pop_func(e));
        return;
    case MW_OP_RETURN_CALL:
        if (is_import)
            return_call_func(e, m->funcs[op->index].type, mw_func_pointer(e, op->index));
        else
            return_call(e, op->index);
        break;
    case MW_OP_RETURN_CALL_INDIRECT:
        return_call_func(e, op->index, pop_table_func(e, op->index, op->index2));
        break;
    default: /* return_call_ref */
        return_call_func(e, op->index, pop_func(e));
        break;
    }
    e->unreachable = true;
}
