/* The calls of C. Calls through pointers are in fixed_table.c. Here are those of functions that were declared otherwise than they
 * are defined, or, in old C, not at all. For each type that such a function is called with the linker made a function that only
 * traps, `signature_mismatch:NAME`. It becomes an adapter, a call of NAME, where C natively would get by: the function
 * takes no arguments but those that there are, and its result is of the type that the caller waits for, wider, not looked at,
 * or missing (0). */
#include "compiler/c_calls.h"
#include "compiler/emit.h"
#include "wasm/operator.h"

#include <stdlib.h>
#include <string.h>

bool mw_calls_as_c(const mw_module *m, const mw_compile_options *options)
{
    enum { LENGTH = sizeof MW_C_CALLS - 1 };
    for (uint32_t i = 0; i < m->nexports && !options->strict_traps; i++)
        if (m->exports[i].kind == MW_WASM_GLOBAL && m->exports[i].name.len == LENGTH &&
            !memcmp(m->exports[i].name.bytes, MW_C_CALLS, LENGTH))
            return true;
    return false;
}

bool mw_takes_no_more(const mw_wasm_functype *function, const mw_wasm_functype *called)
{
    if (function->nparams > called->nparams)
        return false;
    for (uint32_t i = 0; i < function->nparams; i++)
        if (function->types[i] != called->types[i])
            return false;
    return true;
}

/* ---- Adapters ------------------------------------------------------------------------------------------------- */

typedef struct adapter {
    uint32_t func, callee;
    mw_wasm_name name;
    uint8_t *code;
    uint32_t size, capacity;
} adapter;

struct mw_adapters {
    adapter *of; /* by .name while they are made, then in ascending order of .func */
    uint32_t count;
};

static int compare_names(mw_wasm_name a, mw_wasm_name b)
{
    int order = memcmp(a.bytes, b.bytes, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(((const adapter *)a)->name, ((const adapter *)b)->name);
}

static int by_func(const void *a, const void *b)
{
    uint32_t x = ((const adapter *)a)->func, y = ((const adapter *)b)->func;
    return (x > y) - (x < y);
}

/* The name of the function that the linker's function stands for; empty if it is none of these. */
static mw_wasm_name mismatched_name(const mw_wasm_func *func)
{
    static const char prefix[] = "signature_mismatch:";
    enum { LENGTH = sizeof prefix - 1 };
    if (func->name.len <= LENGTH || memcmp(func->name.bytes, prefix, LENGTH) != 0)
        return (mw_wasm_name){NULL, 0};
    return (mw_wasm_name){func->name.bytes + LENGTH, func->name.len - LENGTH};
}

static void find_mismatched(const mw_module *m, mw_adapters *a)
{
    uint32_t capacity = 0;
    for (uint32_t i = m->nimported_funcs; i < m->nfuncs; i++) {
        mw_wasm_name name = mismatched_name(&m->funcs[i]);
        if (!name.len)
            continue;
        mw_reserve(&a->of, &capacity, a->count + 1, sizeof *a->of);
        a->of[a->count++] = (adapter){.func = i, .callee = UINT32_MAX, .name = name};
    }
    if (a->count)
        qsort(a->of, a->count, sizeof *a->of, by_name);
}

/* The first one of that name. */
static adapter *find_name(const mw_adapters *a, mw_wasm_name name)
{
    uint32_t low = 0, high = a->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_names(a->of[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < a->count && compare_names(a->of[low].name, name) == 0 ? &a->of[low] : NULL;
}

/* Two functions of a name, static ones in C, cannot be told apart: then there is no callee. */
static void find_callees(const mw_module *m, mw_adapters *a)
{
    for (uint32_t i = 0; i < m->nfuncs; i++) {
        adapter *found = m->funcs[i].name.len ? find_name(a, m->funcs[i].name) : NULL;
        if (found)
            found->callee = found->callee == UINT32_MAX ? i : m->nfuncs;
    }
    for (uint32_t i = 1; i < a->count; i++)
        if (compare_names(a->of[i - 1].name, a->of[i].name) == 0)
            a->of[i].callee = a->of[i - 1].callee;
}

static void put_byte(adapter *a, uint8_t byte)
{
    mw_reserve(&a->code, &a->capacity, a->size + 1, sizeof *a->code);
    a->code[a->size++] = byte;
}

static void put_opcode(adapter *a, mw_opcode op)
{
    put_byte(a, (uint8_t)mw_op_info_of(op)->code);
}

static void put_with_index(adapter *a, mw_opcode op, uint32_t index)
{
    put_opcode(a, op);
    for (; index >= 0x80; index >>= 7)
        put_byte(a, (uint8_t)(index | 0x80));
    put_byte(a, (uint8_t)index);
}

static void put_zero(adapter *a, mw_wasm_valtype type)
{
    put_opcode(a, type == MW_WASM_I32 ? MW_OP_I32_CONST : type == MW_WASM_I64 ? MW_OP_I64_CONST
                                       : type == MW_WASM_F32 ? MW_OP_F32_CONST : MW_OP_F64_CONST);
    for (int i = type == MW_WASM_F32 ? 4 : type == MW_WASM_F64 ? 8 : 1; i > 0; i--)
        put_byte(a, 0);
}

static bool is_number(mw_wasm_valtype type)
{
    return type == MW_WASM_I32 || type == MW_WASM_I64 || type == MW_WASM_F32 || type == MW_WASM_F64;
}

/* Can a function of the one type be called as one of the other, by what put_code writes? */
static bool serves_as(const mw_wasm_functype *function, const mw_wasm_functype *called)
{
    if (!mw_takes_no_more(function, called) || function->nresults > 1 || called->nresults > 1)
        return false;
    if (!called->nresults)
        return true;
    mw_wasm_valtype wanted = called->types[called->nparams];
    if (!function->nresults)
        return is_number(wanted);
    mw_wasm_valtype given = function->types[function->nparams];
    return given == wanted || (given == MW_WASM_I64 && wanted == MW_WASM_I32);
}

static void put_code(const mw_module *m, adapter *a)
{
    if (a->callee >= m->nfuncs)
        return;
    const mw_wasm_functype *function = &m->types[m->funcs[a->callee].type], *called = &m->types[m->funcs[a->func].type];
    if (!serves_as(function, called))
        return;
    for (uint32_t i = 0; i < function->nparams; i++)
        put_with_index(a, MW_OP_LOCAL_GET, i);
    put_with_index(a, MW_OP_CALL, a->callee);
    if (function->nresults > called->nresults)
        put_opcode(a, MW_OP_DROP);
    else if (function->nresults < called->nresults)
        put_zero(a, called->types[called->nparams]);
    else if (called->nresults && function->types[function->nparams] != called->types[called->nparams])
        put_opcode(a, MW_OP_I32_WRAP_I64);
    put_opcode(a, MW_OP_END);
}

mw_adapters *mw_adapters_read(const mw_module *m, const mw_compile_options *options)
{
    if (!mw_calls_as_c(m, options))
        return NULL;
    mw_adapters *a = mw_calloc(1, sizeof *a);
    find_mismatched(m, a);
    if (a->count)
        find_callees(m, a);
    for (uint32_t i = 0; i < a->count; i++)
        put_code(m, &a->of[i]);
    if (a->count)
        qsort(a->of, a->count, sizeof *a->of, by_func);
    return a;
}

void mw_adapters_free(mw_adapters *a)
{
    for (uint32_t i = 0; a && i < a->count; i++)
        free(a->of[i].code);
    if (a)
        free(a->of);
    free(a);
}

mw_wasm_func mw_adapted(const mw_adapters *a, const mw_module *m, uint32_t funcidx)
{
    mw_wasm_func func = m->funcs[funcidx];
    adapter key = {.func = funcidx};
    const adapter *found = a && a->count ? bsearch(&key, a->of, a->count, sizeof key, by_func) : NULL;
    if (found && found->code) {
        func.code = found->code;
        func.code_size = found->size;
    }
    return func;
}
