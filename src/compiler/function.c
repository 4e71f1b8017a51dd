/* One function: its frame and the loop over its instructions. */
#include "compiler/c_calls.h"
#include "compiler/control.h"
#include "compiler/facts.h"
#include "compiler/inline.h"

#include <stdlib.h>
#include <string.h>

static void init_local(mw_emitter *e, uint32_t i, LLVMTypeRef type, LLVMValueRef value)
{
    e->local_types[i] = type;
    e->locals[i] = value;
    if (e->locals_in_memory) {
        e->locals[i] = LLVMBuildAlloca(e->builder, type, "");
        LLVMBuildStore(e->builder, value, e->locals[i]);
    }
}

static LLVMValueRef param(mw_emitter *e, const mw_wasm_functype *type, uint32_t i, LLVMTypeRef llvm_type)
{
    uint32_t first = mw_first_param(type);
    if (!e->func->has_tail_call || !mw_params_in_memory(type))
        return LLVMGetParam(e->llvm_func, first + i);
    LLVMValueRef params = LLVMGetParam(e->llvm_func, first);
    return LLVMBuildLoad2(e->builder, llvm_type, mw_offset_pointer(e, params, i * sizeof(mw_value)), "");
}

static uint32_t count_locals(const mw_unit *u, const mw_wasm_func *func)
{
    return u->module->types[func->type].nparams + func->nlocals;
}

void mw_begin_locals(mw_emitter *e, const LLVMValueRef *params)
{
    const mw_wasm_functype *type = &e->unit->module->types[e->func->type];
    e->nlocals = count_locals(e->unit, e->func);
    e->locals = mw_calloc(e->nlocals, sizeof *e->locals);
    e->local_types = mw_calloc(e->nlocals, sizeof *e->local_types);
    uint32_t n = 0;
    for (; n < type->nparams; n++) {
        LLVMTypeRef t = mw_llvm_type(e->unit, type->types[n]);
        init_local(e, n, t, params ? params[n] : param(e, type, n, t));
    }
    for (uint32_t run = 0; run < e->func->nlocal_runs; run++) {
        LLVMTypeRef t = mw_llvm_type(e->unit, e->func->local_runs[run].type);
        for (uint32_t i = 0; i < e->func->local_runs[run].count; i++)
            init_local(e, n++, t, LLVMConstNull(t));
    }
}

static void begin_body(mw_emitter *e, bool locals_in_memory)
{
    const mw_module *m = e->unit->module;
    e->entry = mw_new_block(e, "entry");
    LLVMPositionBuilderAtEnd(e->builder, e->entry);
    mw_debug_set_offset(e, e->func->offset);
    e->context = LLVMGetParam(e->llvm_func, 0);
    e->locals_in_memory = locals_in_memory;
    mw_begin_locals(e, NULL);
    e->bases = mw_calloc(m->nmemories, sizeof *e->bases);
    e->limits = mw_calloc(m->nmemories, sizeof *e->limits);
    if (m->nmemories)
        e->bases[0] = mw_is_memory0_at_context(m) ? e->context
                                                  : mw_load_field(e, e->unit->ptr, offsetof(mw_instance, memory0));
    LLVMBasicBlockRef body = mw_new_block(e, "body");
    LLVMBuildBr(e->builder, body);
    LLVMPositionBuilderAtEnd(e->builder, body);
}

static void emit_operator(mw_emitter *e, const mw_operator *op)
{
    mw_opcode o = op->op;
    uint8_t prefix = mw_op_info_of(o)->prefix;
    if (prefix == 0xfd)
        mw_emit_simd(e, op);
    else if (prefix == 0xfe)
        mw_emit_atomic(e, op);
    else if (mw_op_info_of(o)->feature == MW_FEATURE_EXCEPTIONS)
        mw_emit_exception(e, op);
    else if (o <= MW_OP_RETURN)
        mw_emit_control(e, op);
    else if (o <= MW_OP_RETURN_CALL_REF)
        mw_emit_call(e, op);
    else if (o <= MW_OP_GLOBAL_SET)
        mw_emit_variable(e, op);
    else if (o == MW_OP_TABLE_GET || o == MW_OP_TABLE_SET)
        mw_emit_table(e, op);
    else if (o <= MW_OP_MEMORY_GROW)
        mw_emit_memory(e, op);
    else if (o < MW_OP_I32_WRAP_I64)
        mw_emit_numeric(e, op);
    else if (o <= MW_OP_F64_REINTERPRET_I64)
        mw_emit_convert(e, op);
    else if (o <= MW_OP_I64_EXTEND32_S)
        mw_emit_numeric(e, op);
    else if (o >= MW_OP_REF_NULL && o <= MW_OP_REF_AS_NON_NULL)
        mw_emit_table(e, op);
    else if (o == MW_OP_BR_ON_NULL || o == MW_OP_BR_ON_NON_NULL)
        mw_emit_control(e, op);
    else if (o >= MW_OP_I32_TRUNC_SAT_F32_S && o <= MW_OP_I64_TRUNC_SAT_F64_U)
        mw_emit_convert(e, op);
    else if (o >= MW_OP_MEMORY_INIT && o <= MW_OP_MEMORY_FILL)
        mw_emit_memory(e, op);
    else
        mw_emit_table(e, op);
}

void mw_emit_code(mw_emitter *e)
{
    mw_bytes code = mw_bytes_of(e->func->code, e->func->code_size, e->func->offset, NULL);
    mw_operator op;
    while (e->ncontrols > e->function_control) {
        if (mw_operator_read(&code, &op) != MW_OK)
            abort(); /* validated */
        if (mw_skip_dead(e, &op))
            continue;
        mw_debug_set_offset(e, op.offset);
        emit_operator(e, &op);
    }
}

void mw_emit_function(mw_unit *u, uint32_t funcidx)
{
    const mw_wasm_func adapted = mw_adapted(u->adapters, u->module, funcidx), *func = &adapted;
    mw_emitter e = {
        .unit = u,
        .builder = u->builder,
        .func = func,
        .funcidx = funcidx,
        .llvm_func = mw_llvm_function(u, funcidx),
        .inline_budget = mw_inline_budget(func),
    };
    mw_function_scan scan;
    mw_scan_function(func, count_locals(u, func), &scan);
    e.loops = scan.loops;
    mw_debug_begin_function(&e);
    begin_body(&e, scan.large);
    mw_enter_function(&e);
    mw_emit_code(&e);
    mw_debug_end_function(&e);
    if (func->has_tail_call)
        mw_emit_entry(&e);
    mw_scan_free(&scan);
    mw_facts_free(&e.facts);
    free(e.bases);
    free(e.limits);
    free(e.stack);
    free(e.locals);
    free(e.local_types);
    free(e.controls);
}
