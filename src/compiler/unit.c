#include "compiler/emit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer names of functions are cut: a symbol is for people. */
enum { SYMBOL_BYTES = 512 };

static unsigned md_kind(LLVMContextRef context, const char *name)
{
    return LLVMGetMDKindIDInContext(context, name, (unsigned)strlen(name));
}

static LLVMMetadataRef md_string(const mw_unit *u, const char *text)
{
    return LLVMMDStringInContext2(u->context, text, strlen(text));
}

static LLVMMetadataRef md_number(LLVMTypeRef type, uint64_t value)
{
    return LLVMValueAsMetadata(LLVMConstInt(type, value, 0));
}

static LLVMValueRef md_node(const mw_unit *u, LLVMMetadataRef *operands, size_t count)
{
    return LLVMMetadataAsValue(u->context, LLVMMDNodeInContext2(u->context, operands, count));
}

/* An access tag for a scalar type of its own under the root: it may alias itself only. */
static LLVMValueRef tbaa_tag(mw_unit *u, const char *name)
{
    LLVMMetadataRef type[] = {md_string(u, name), u->tbaa_root, md_number(u->i64, 0)};
    LLVMMetadataRef node = LLVMMDNodeInContext2(u->context, type, 3);
    LLVMMetadataRef tag[] = {node, node, md_number(u->i64, 0)};
    return md_node(u, tag, 3);
}

static void init_types(mw_unit *u)
{
    LLVMContextRef c = u->context;
    u->void_type = LLVMVoidTypeInContext(c);
    u->i1 = LLVMInt1TypeInContext(c);
    u->i8 = LLVMInt8TypeInContext(c);
    u->i16 = LLVMInt16TypeInContext(c);
    u->i32 = LLVMInt32TypeInContext(c);
    u->i64 = LLVMInt64TypeInContext(c);
    u->f32 = LLVMFloatTypeInContext(c);
    u->f64 = LLVMDoubleTypeInContext(c);
    u->ptr = LLVMPointerTypeInContext(c, 0);
    u->i8x16 = LLVMVectorType(u->i8, 16);
    u->i16x8 = LLVMVectorType(u->i16, 8);
    u->i32x4 = LLVMVectorType(u->i32, 4);
    u->i64x2 = LLVMVectorType(u->i64, 2);
    u->f32x4 = LLVMVectorType(u->f32, 4);
    u->f64x2 = LLVMVectorType(u->f64, 2);
    u->v128 = u->i64x2;
}

static void init_metadata(mw_unit *u)
{
    LLVMContextRef c = u->context;
    u->kinds = (mw_kinds){
        .tbaa = md_kind(c, "tbaa"),
        .invariant_load = md_kind(c, "invariant.load"),
        .nonnull = md_kind(c, "nonnull"),
        .prof = md_kind(c, "prof"),
        .range = md_kind(c, "range"),
        .align = md_kind(c, "align"),
        .noundef = md_kind(c, "noundef"),
        .dereferenceable = md_kind(c, "dereferenceable"),
    };
    u->empty_node = md_node(u, NULL, 0);
    LLVMMetadataRef unlikely[] = {md_string(u, "branch_weights"), md_number(u->i32, 1),
                                  md_number(u->i32, 1 << 20)};
    u->unlikely = md_node(u, unlikely, 3);
    u->likely = md_node(u, (LLVMMetadataRef[]){unlikely[0], unlikely[2], unlikely[1]}, 3);
    LLVMMetadataRef range[] = {md_number(u->i64, MW_MIN_LIMIT64), md_number(u->i64, MW_MAX_LIMIT64 + 1)};
    u->limit_range = md_node(u, range, 2);

    LLVMMetadataRef root[] = {md_string(u, "mpiwasm")};
    u->tbaa_root = LLVMMDNodeInContext2(c, root, 1);
    static const char *const names[MW_ALIAS_COUNT] = {
        [MW_ALIAS_MEMORY] = "linear memory",     [MW_ALIAS_MEMORY64] = "64-bit linear memory",
        [MW_ALIAS_GLOBALS] = "imported globals", [MW_ALIAS_PAGES] = "memory size",
        [MW_ALIAS_TABLE] = "table size",         [MW_ALIAS_ELEMS] = "table elements",
    };
    for (int i = 0; i < MW_ALIAS_COUNT; i++)
        u->tbaa[i] = tbaa_tag(u, names[i]);
}

LLVMValueRef mw_global_tag(mw_unit *u, uint32_t global)
{
    char name[32];
    snprintf(name, sizeof name, "global %u", global);
    if (!u->tbaa_globals[global])
        u->tbaa_globals[global] = tbaa_tag(u, name);
    return u->tbaa_globals[global];
}

static void module_flag(mw_unit *u, const char *name, uint32_t value)
{
    LLVMAddModuleFlag(u->llvm, LLVMModuleFlagBehaviorWarning, name, strlen(name), md_number(u->i32, value));
}

static void ignore_diagnostic(LLVMDiagnosticInfoRef info, void *arg)
{
    (void)info, (void)arg;
}

void mw_unit_init(mw_unit *u, const mw_module *module, const mw_debug_info *debug_info,
                  const mw_compile_options *options, const mw_target *target, mw_effort effort,
                  LLVMTargetMachineRef machine)
{
    memset(u, 0, sizeof *u);
    u->module = module;
    u->options = options;
    u->target = target;
    u->effort = effort;
    for (uint32_t i = 0; i < module->nmemories; i++)
        u->has_shared_memory |= module->memories[i].limits.shared, u->has_memory64 |= module->memories[i].limits.is64;
    u->context = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(u->context, ignore_diagnostic, NULL);
    u->llvm = LLVMModuleCreateWithNameInContext("mpiwasm", u->context);
    u->layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(u->llvm, u->layout);
    LLVMSetTarget(u->llvm, target->triple);
    u->builder = LLVMCreateBuilderInContext(u->context);
    u->functypes = mw_calloc(module->ntypes, sizeof *u->functypes);
    u->funcs = mw_calloc(module->nfuncs, sizeof *u->funcs);
    u->subprograms = mw_calloc(module->nfuncs, sizeof *u->subprograms);
    u->tbaa_globals = mw_calloc(module->nglobals, sizeof *u->tbaa_globals);
    init_types(u);
    init_metadata(u);
    mw_debug_begin_unit(u, debug_info);
    module_flag(u, "PIC Level", 2);
    module_flag(u, "uwtable", 2);
}

void mw_unit_free(mw_unit *u)
{
    mw_debug_end_unit(u);
    LLVMDisposeBuilder(u->builder);
    LLVMDisposeModule(u->llvm);
    LLVMDisposeTargetData(u->layout);
    LLVMContextDispose(u->context);
    free(u->functypes);
    free(u->funcs);
    free(u->subprograms);
    free(u->tbaa_globals);
}

LLVMTypeRef mw_llvm_type(const mw_unit *u, mw_wasm_valtype type)
{
    switch (type) {
    case MW_WASM_I32:
        return u->i32;
    case MW_WASM_I64:
        return u->i64;
    case MW_WASM_F32:
        return u->f32;
    case MW_WASM_F64:
        return u->f64;
    case MW_WASM_V128:
        return u->v128;
    default:
        return u->ptr;
    }
}

LLVMTypeRef mw_llvm_functype(mw_unit *u, uint32_t type)
{
    type = u->module->types[type].canonical;
    if (u->functypes[type])
        return u->functypes[type];
    const mw_wasm_functype *wasm = &u->module->types[type];
    uint32_t first = mw_first_param(wasm);
    LLVMTypeRef results[2], result = u->void_type;
    for (uint32_t i = 0; i < wasm->nresults && i < 2; i++)
        results[i] = mw_llvm_type(u, wasm->types[wasm->nparams + i]);
    if (wasm->nresults == 1)
        result = results[0];
    else if (wasm->nresults == 2)
        result = LLVMStructTypeInContext(u->context, results, 2, 0);
    LLVMTypeRef *types = mw_calloc(first + (size_t)wasm->nparams, sizeof *types);
    types[0] = types[first - 1] = u->ptr;
    for (uint32_t i = 0; i < wasm->nparams; i++)
        types[first + i] = mw_llvm_type(u, wasm->types[i]);
    u->functypes[type] = LLVMFunctionType(result, types, first + wasm->nparams, 0);
    free(types);
    return u->functypes[type];
}

bool mw_params_in_memory(const mw_wasm_functype *type)
{
    enum { INTEGERS = 6, VECTORS = 8 };
    uint32_t integers = mw_first_param(type), vectors = 0;
    for (uint32_t i = 0; i < type->nparams; i++) {
        mw_wasm_valtype t = type->types[i];
        if (t == MW_WASM_F32 || t == MW_WASM_F64 || t == MW_WASM_V128)
            vectors++;
        else
            integers++;
    }
    return integers > INTEGERS || vectors > VECTORS;
}

LLVMTypeRef mw_tail_functype(mw_unit *u, uint32_t type)
{
    const mw_wasm_functype *wasm = &u->module->types[type];
    LLVMTypeRef usual = mw_llvm_functype(u, type), params[3] = {u->ptr, u->ptr, u->ptr};
    return mw_params_in_memory(wasm) ? LLVMFunctionType(LLVMGetReturnType(usual), params, mw_first_param(wasm) + 1, 0)
                                     : usual;
}

LLVMAttributeRef mw_attribute(const mw_unit *u, const char *name, uint64_t value)
{
    return LLVMCreateEnumAttribute(u->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), value);
}

static void string_attribute(const mw_unit *u, LLVMValueRef function, const char *name, const char *value)
{
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(u->context, name, (unsigned)strlen(name), value,
                                                           (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
}

void mw_function_attributes(const mw_unit *u, LLVMValueRef function)
{
    LLVMAttributeIndex at = (LLVMAttributeIndex)LLVMAttributeFunctionIndex;
    /* Functions of modules that know no exceptions have no landing pad: exceptions of others unwind through them
     * unseen, and nothing that LLVM does with a call that returns once, or never, is lost by that. */
    if (!mw_unit_throws(u))
        LLVMAddAttributeAtIndex(function, at, mw_attribute(u, "nounwind", 0));
    /* Asynchronous unwind tables: a trap may come from any instruction. */
    LLVMAddAttributeAtIndex(function, at, mw_attribute(u, "uwtable", 2));
    /* A frame larger than a page touches each of its pages, so that no stack overflow jumps the guard page. */
    string_attribute(u, function, "probe-stack", "inline-asm");
    /* No loop becomes a call of memset or strlen: the guest's compiler found these already, what remains would only
     * add undefined symbols, and a memset whose length comes from a loop that traps half-way must not write its
     * end first. */
    string_attribute(u, function, "no-builtins", "");
    /* A recursion without end is a trap, not a loop without end. */
    if (u->options->strict_traps)
        string_attribute(u, function, "disable-tail-calls", "true");
}

size_t mw_function_name(const mw_module *module, uint32_t funcidx, char *out, size_t size)
{
    const mw_wasm_name *name = &module->funcs[funcidx].name;
    if (name->len == 0)
        return (size_t)snprintf(out, size, "wasm-function[%u]", funcidx);
    size_t len = name->len < size - 1 ? name->len : size - 1;
    memcpy(out, name->bytes, len);
    out[len] = 0;
    return len;
}

/* "<name>.f<index>": unique, readable in perf and gdb, never the name of a C library function (LLVM would take
 * it for that). The name is the name section's but for '@', which linkers take for the beginning of a version. */
static void symbol_name(const mw_module *module, uint32_t funcidx, char *out, size_t size)
{
    char name[SYMBOL_BYTES];
    if (module->funcs[funcidx].name.len)
        mw_name_text(module->funcs[funcidx].name, name, sizeof name);
    else
        mw_function_name(module, funcidx, name, sizeof name);
    for (char *c = name; *c; c++)
        if (*c == '@')
            *c = '_';
    snprintf(out, size, "%s.f%u", name, funcidx);
}

static LLVMValueRef declare(mw_unit *u, const char *name, uint32_t wasm_type, LLVMTypeRef type)
{
    LLVMValueRef f = LLVMAddFunction(u->llvm, name, type);
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    mw_function_attributes(u, f);
    const mw_module *m = u->module;
    LLVMAddAttributeAtIndex(f, 1, mw_attribute(u, "noundef", 0));
    LLVMAddAttributeAtIndex(f, 1, mw_attribute(u, "nonnull", 0));
    LLVMAddAttributeAtIndex(f, 1, mw_attribute(u, "align", 16));
    if (mw_is_memory0_at_context(m) && m->memories[0].limits.min)
        LLVMAddAttributeAtIndex(f, 1, mw_attribute(u, "dereferenceable", m->memories[0].limits.min * MW_PAGE_BYTES));
    if (mw_results_in_memory(&u->module->types[wasm_type]))
        LLVMAddAttributeAtIndex(f, 2, mw_attribute(u, "noalias", 0)); /* the caller looks when it has returned */
    return f;
}

LLVMValueRef mw_llvm_function(mw_unit *u, uint32_t funcidx)
{
    if (u->funcs[funcidx])
        return u->funcs[funcidx];
    char name[SYMBOL_BYTES + 16];
    symbol_name(u->module, funcidx, name, sizeof name);
    const mw_wasm_func *func = &u->module->funcs[funcidx];
    LLVMValueRef f = declare(u, name, func->type, func->has_tail_call ? mw_tail_functype(u, func->type)
                                                                      : mw_llvm_functype(u, func->type));
    if (func->has_tail_call)
        LLVMSetFunctionCallConv(f, MW_TAILCC);
    return u->funcs[funcidx] = f;
}

LLVMValueRef mw_llvm_entry(mw_unit *u, uint32_t funcidx)
{
    if (!u->module->funcs[funcidx].has_tail_call)
        return mw_llvm_function(u, funcidx);
    static const char suffix[] = ".entry";
    char name[SYMBOL_BYTES + 16 + sizeof suffix];
    symbol_name(u->module, funcidx, name, SYMBOL_BYTES + 16);
    strcat(name, suffix);
    uint32_t type = u->module->funcs[funcidx].type;
    LLVMValueRef f = LLVMGetNamedFunction(u->llvm, name);
    return f ? f : declare(u, name, type, mw_llvm_functype(u, type));
}
