/* Functions of the object that come from no guest code: one `invoke` per function type, and the library routines
 * that LLVM calls on its own. */
#include "compiler/emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static LLVMValueRef cell(mw_unit *u, LLVMValueRef cells, uint32_t i)
{
    LLVMValueRef index = mw_i64(u, (uint64_t)i * sizeof(mw_value));
    return LLVMBuildInBoundsGEP2(u->builder, u->i8, cells, &index, 1, "");
}

static void store_result(mw_unit *u, LLVMValueRef value, LLVMValueRef cells, uint32_t i)
{
    LLVMBuildStore(u->builder, value, cell(u, cells, i));
}

LLVMValueRef mw_emit_invoke(mw_unit *u, uint32_t type)
{
    char name[32];
    snprintf(name, sizeof name, "mw_invoke.t%u", type);
    LLVMValueRef f = LLVMGetNamedFunction(u->llvm, name);
    if (f)
        return f;
    LLVMTypeRef params[] = {u->ptr, u->ptr, u->ptr};
    f = LLVMAddFunction(u->llvm, name, LLVMFunctionType(u->void_type, params, 3, 0));
    LLVMSetLinkage(f, LLVMInternalLinkage);
    mw_function_attributes(u, f);
    LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->context, f, ""));

    const mw_wasm_functype *t = &u->module->types[type];
    LLVMValueRef cells = LLVMGetParam(f, 2);
    uint32_t first = mw_first_param(t);
    LLVMValueRef *args = mw_calloc(first + (size_t)t->nparams, sizeof *args);
    args[first - 1] = cells; /* results in memory: where the arguments were */
    args[0] = LLVMGetParam(f, 1);
    for (uint32_t i = 0; i < t->nparams; i++)
        args[first + i] = LLVMBuildLoad2(u->builder, mw_llvm_type(u, t->types[i]), cell(u, cells, i), "");
    LLVMValueRef result = LLVMBuildCall2(u->builder, mw_llvm_functype(u, type), LLVMGetParam(f, 0), args,
                                         first + t->nparams, "");
    free(args);
    if (t->nresults == 1)
        store_result(u, result, cells, 0);
    else if (!mw_results_in_memory(t))
        for (uint32_t i = 0; i < t->nresults; i++)
            store_result(u, LLVMBuildExtractValue(u->builder, result, i, ""), cells, i);
    LLVMBuildRetVoid(u->builder);
    return f;
}

/* C prototypes of the routines of MW_LIBCALLS: of memory, or a number of doubles (floats with a final f). */
static LLVMTypeRef libcall_type(const mw_unit *u, const char *name)
{
    LLVMTypeRef memory[] = {u->ptr, strcmp(name, "memset") == 0 ? u->i32 : u->ptr, u->i64};
    if (strncmp(name, "mem", 3) == 0)
        return LLVMFunctionType(strcmp(name, "memcmp") == 0 ? u->i32 : u->ptr, memory, 3, 0);
    LLVMTypeRef real = name[strlen(name) - 1] == 'f' ? u->f32 : u->f64;
    LLVMTypeRef reals[] = {real, real, real};
    return LLVMFunctionType(real, reals, strncmp(name, "fma", 3) == 0 ? 3 : strncmp(name, "fmod", 4) == 0 ? 2 : 1, 0);
}

/* `f` jumps to what the table holds at `offset`. */
static void emit_forward(mw_unit *u, LLVMValueRef f, size_t offset)
{
    LLVMTypeRef type = LLVMGlobalGetValueType(f);
    mw_function_attributes(u, f);
    LLVMPositionBuilderAtEnd(u->builder, LLVMAppendBasicBlockInContext(u->context, f, ""));
    LLVMValueRef index = mw_i64(u, offset);
    LLVMValueRef slot = LLVMBuildInBoundsGEP2(u->builder, u->i8, LLVMGetNamedGlobal(u->llvm, "mw_libcall_table"),
                                              &index, 1, "");
    LLVMValueRef code = LLVMBuildLoad2(u->builder, u->ptr, slot, "");
    LLVMValueRef args[5];
    LLVMGetParams(f, args);
    LLVMValueRef call = LLVMBuildCall2(u->builder, type, code, args, LLVMCountParams(f), "");
    LLVMSetTailCall(call, 1);
    LLVMBuildRet(u->builder, call);
}

static void emit_libcall(mw_unit *u, const char *name, size_t offset)
{
    LLVMValueRef f = LLVMAddFunction(u->llvm, name, libcall_type(u, name));
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    emit_forward(u, f, offset);
}

void mw_emit_libcalls(mw_unit *u)
{
#define MW_LIBCALL_EMIT(name) emit_libcall(u, #name, offsetof(mw_libcalls, name));
    MW_LIBCALLS(MW_LIBCALL_EMIT)
#undef MW_LIBCALL_EMIT
}

LLVMValueRef mw_personality(mw_unit *u)
{
    LLVMValueRef f = LLVMGetNamedFunction(u->llvm, "mw_personality");
    if (f)
        return f;
    /* int (int version, _Unwind_Action, uint64_t class, struct _Unwind_Exception *, struct _Unwind_Context *) */
    LLVMTypeRef params[] = {u->i32, u->i32, u->i64, u->ptr, u->ptr};
    f = LLVMAddFunction(u->llvm, "mw_personality", LLVMFunctionType(u->i32, params, 5, 0));
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    return f;
}

void mw_emit_personality(mw_unit *u)
{
    emit_forward(u, mw_personality(u), offsetof(mw_libcalls, personality));
}
