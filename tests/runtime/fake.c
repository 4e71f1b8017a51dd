/* A compiled module written by hand, as the compiler would emit it, so that the runtime is tested without one. The
 * definitions FAKE_* choose variants. Code touches memory as compiled code does: base + zero-extended address.
 * Memory 0 begins where the instance ends. */
#include "abi/abi.h"
#include <stdbool.h>

/* Of the function that it stands in. */
#define INSTANCE mw_instance_of_context(context)

#ifndef FAKE_ABI_VERSION
#define FAKE_ABI_VERSION MW_ABI_VERSION
#endif
#ifndef FAKE_FEATURES
#define FAKE_FEATURES ""
#endif
#ifndef FAKE_MEMORY_MIN
#define FAKE_MEMORY_MIN 1
#endif
#ifndef FAKE_MEMORY_MAX
#define FAKE_MEMORY_MAX 65536
#endif
#ifndef FAKE_DATA_OFFSET
#define FAKE_DATA_OFFSET 16
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define CODE(f) ((mw_code_ptr)(f))
#define FUNCREF(f) ((mw_func *)(f))

static mw_libcalls libcalls;

/* ---- Types and thunks ------------------------------------------------------------------------------------------ */

static const mw_valtype ii_i_types[] = {MW_I32, MW_I32, MW_I32};
static const mw_valtype i_i_types[] = {MW_I32, MW_I32};
static const mw_valtype IfF_F_types[] = {MW_I64, MW_F32, MW_F64, MW_F64};
static const mw_valtype swap_types[] = {MW_I32, MW_I64, MW_I64, MW_I32};

static void invoke_ii_i(mw_code_ptr code, mw_context *context, mw_value *v)
{
    v[0].i32 = ((int32_t(*)(mw_context *, int32_t, int32_t))code)(context, v[0].i32, v[1].i32);
}

static void invoke_i_i(mw_code_ptr code, mw_context *context, mw_value *v)
{
    v[0].i32 = ((int32_t(*)(mw_context *, int32_t))code)(context, v[0].i32);
}

static void invoke_none(mw_code_ptr code, mw_context *context, mw_value *v)
{
    (void)v;
    ((void (*)(mw_context *))code)(context);
}

static void invoke_IfF_F(mw_code_ptr code, mw_context *context, mw_value *v)
{
    v[0].f64 = ((double (*)(mw_context *, int64_t, float, double))code)(context, v[0].i64, v[1].f32, v[2].f64);
}

typedef struct swapped {
    int64_t a;
    int32_t b;
} swapped;

static void invoke_swap(mw_code_ptr code, mw_context *context, mw_value *v)
{
    swapped s = ((swapped(*)(mw_context *, int32_t, int64_t))code)(context, v[0].i32, v[1].i64);
    v[0].i64 = s.a;
    v[1].i32 = s.b;
}

#define PLAIN 1, UINT32_MAX, 1 /* no recursion group, no supertype, final */
enum { II_I, I_I, NONE, IFF_F, SWAP, NTYPES };
static const mw_type_desc types[NTYPES] = {
    [II_I] = {2, 1, ii_i_types, invoke_ii_i, PLAIN},
    [I_I] = {1, 1, i_i_types, invoke_i_i, PLAIN},
    [NONE] = {0, 0, NULL, invoke_none, PLAIN},
    [IFF_F] = {3, 1, IfF_F_types, invoke_IfF_F, PLAIN},
    [SWAP] = {2, 2, swap_types, invoke_swap, PLAIN},
};

/* ---- Functions --------------------------------------------------------------------------------------------------- */

enum {
    HOST, /* imported: env.host (i32) -> i32 */
#ifdef FAKE_MORE_IMPORTS
    HOST2,
    HOST3,
#endif
    NIMPORTED,
    ADD = NIMPORTED,
    LOAD,
    OUTER,
    UNREACHABLE,
    ILLEGAL,
    RECURSE,
    CALL_HOST,
    CALL_INDIRECT,
    GROW,
    GET_GLOBAL,
    SET_GLOBAL,
    MEMORY_INIT,
    DROP_DATA,
    TABLE_INIT,
    MIXED,
    DO_SWAP,
    LIBCALL,
    RECURSE_HOST,
    DO_START,
    NFUNCS
};

static int32_t add(mw_context *context, int32_t a, int32_t b)
{
    (void)context;
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static __attribute__((noinline)) int32_t load(mw_context *context, int32_t p)
{
    return *(volatile int32_t *)((uint8_t *)context + (uint32_t)p); /* memory0_at_context */
}

static int32_t outer(mw_context *context, int32_t p)
{
    return load(context, p) + 1;
}

static void unreachable(mw_context *context)
{
    INSTANCE->builtins->trap(INSTANCE, MW_TRAP_UNREACHABLE);
}

static void illegal(mw_context *context)
{
    (void)context;
    __builtin_trap();
}

#pragma GCC diagnostic ignored "-Winfinite-recursion"
static __attribute__((noinline)) int32_t recurse(mw_context *context, int32_t n)
{
    volatile char room[64];
    room[n & 63] = 1;
    return recurse(context, n + 1) + room[0];
}

static int32_t call_host(mw_context *context, int32_t n)
{
    const mw_func *f = &INSTANCE->funcs[HOST];
    return ((int32_t(*)(mw_context *, int32_t))f->code)(f->context, n) + 1;
}

/* Deep on the stack before the host is called: the host's frames overflow it. */
static __attribute__((noinline)) int32_t recurse_host(mw_context *context, int32_t n)
{
    volatile char room[1024];
    room[n & 1023] = 1;
    return (n % 8 == 0 ? call_host(context, -n) : 0) + recurse_host(context, n + 1) + room[0];
}

static int32_t call_indirect(mw_context *context, int32_t index, int32_t arg)
{
    const mw_table *table = INSTANCE->tables[0];
    if ((uint32_t)index >= table->size)
        INSTANCE->builtins->trap(INSTANCE, MW_TRAP_UNDEFINED_ELEMENT);
    const mw_func *f = table->elems[(uint32_t)index];
    if (!f)
        INSTANCE->builtins->trap(INSTANCE, MW_TRAP_UNINITIALIZED_ELEMENT);
    if (f->type_id != INSTANCE->type_ids[I_I])
        INSTANCE->builtins->trap(INSTANCE, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH);
    return ((int32_t(*)(mw_context *, int32_t))f->code)(f->context, arg);
}

static int32_t grow(mw_context *context, int32_t delta)
{
    return (int32_t)INSTANCE->builtins->memory_grow(INSTANCE, 0, (uint32_t)delta);
}

static int32_t get_global(mw_context *context, int32_t i)
{
    return INSTANCE->globals[i]->i32;
}

static int32_t set_global(mw_context *context, int32_t i, int32_t value)
{
    ((mw_global *)((uint8_t *)context + (int64_t)mw_global_offset((uint32_t)i)))->i32 = value;
    return INSTANCE->globals[i]->i32;
}

static int32_t memory_init(mw_context *context, int32_t dst, int32_t n)
{
    INSTANCE->builtins->memory_init(INSTANCE, 0, 1, (uint32_t)dst, 0, (uint32_t)n);
    return 0;
}

static void drop_data(mw_context *context)
{
    INSTANCE->builtins->data_drop(INSTANCE, 1);
}

static int32_t table_init(mw_context *context, int32_t dst, int32_t n)
{
    INSTANCE->builtins->table_init(INSTANCE, 0, 1, (uint32_t)dst, 0, (uint32_t)n);
    return 0;
}

static double mixed(mw_context *context, int64_t a, float b, double c)
{
    (void)context;
    return (double)a + (double)b + c;
}

static swapped do_swap(mw_context *context, int32_t a, int64_t b)
{
    (void)context;
    return (swapped){b, a};
}

/* A loop that became memset. */
static int32_t libcall(mw_context *context, int32_t p)
{
    ((void *(*)(void *, int, size_t))libcalls.memset)(INSTANCE->memory0 + (uint32_t)p, 1, 100);
    return 1;
}

static void do_start(mw_context *context)
{
    INSTANCE->globals[0]->i32 = 99;
}

static const mw_code_ptr code[NFUNCS - NIMPORTED] = {
#define AT(i) [(i)-NIMPORTED]
    AT(ADD) = CODE(add),
    AT(LOAD) = CODE(load),
    AT(OUTER) = CODE(outer),
    AT(UNREACHABLE) = CODE(unreachable),
    AT(ILLEGAL) = CODE(illegal),
    AT(RECURSE) = CODE(recurse),
    AT(CALL_HOST) = CODE(call_host),
    AT(CALL_INDIRECT) = CODE(call_indirect),
    AT(GROW) = CODE(grow),
    AT(GET_GLOBAL) = CODE(get_global),
    AT(SET_GLOBAL) = CODE(set_global),
    AT(MEMORY_INIT) = CODE(memory_init),
    AT(DROP_DATA) = CODE(drop_data),
    AT(TABLE_INIT) = CODE(table_init),
    AT(MIXED) = CODE(mixed),
    AT(DO_SWAP) = CODE(do_swap),
    AT(LIBCALL) = CODE(libcall),
    AT(RECURSE_HOST) = CODE(recurse_host),
    AT(DO_START) = CODE(do_start),
};

static const uint32_t func_types[NFUNCS] = {
    [HOST] = I_I,
#ifdef FAKE_MORE_IMPORTS
    [HOST2] = II_I,
    [HOST3] = IFF_F,
#endif
    [ADD] = II_I,         [LOAD] = I_I,          [OUTER] = I_I,       [UNREACHABLE] = NONE, [ILLEGAL] = NONE,
    [RECURSE] = I_I,      [CALL_HOST] = I_I,     [CALL_INDIRECT] = II_I, [GROW] = I_I,      [GET_GLOBAL] = I_I,
    [SET_GLOBAL] = II_I,  [MEMORY_INIT] = II_I,  [DROP_DATA] = NONE,  [TABLE_INIT] = II_I,
    [MIXED] = IFF_F,       [DO_SWAP] = SWAP,    [LIBCALL] = I_I,      [RECURSE_HOST] = I_I,
    [DO_START] = NONE,
};

static const char *const func_names[NFUNCS] = {
    [HOST] = "host",
#ifdef FAKE_MORE_IMPORTS
    [HOST2] = "host2",
    [HOST3] = "host3",
#endif
    [ADD] = "add",
    [LOAD] = "load",
    [OUTER] = "outer",
    [UNREACHABLE] = "unreachable",
    [ILLEGAL] = "illegal",
    [RECURSE] = "recurse",
    [CALL_HOST] = "call_host",
    [CALL_INDIRECT] = "call_indirect",
    [GROW] = "grow",
    [GET_GLOBAL] = "get_global",
    [SET_GLOBAL] = "set_global",
    [MEMORY_INIT] = "memory_init",
    [DROP_DATA] = "drop_data",
    [TABLE_INIT] = "table_init",
    [MIXED] = "mixed",
    [DO_SWAP] = "swap",
    [LIBCALL] = "libcall",
    [RECURSE_HOST] = "recurse_host",
    [DO_START] = "do_start",
};

/* ---- Memory, table, globals, segments ------------------------------------------------------------------------------ */

#define VALUE_I32(n) (const mw_const_op[]){{.opcode = MW_CONST_VALUE, .value = {.i32 = (int32_t)(n)}}}
#define EXPR_I32(n) {1, VALUE_I32(n)}

static const mw_memory_desc memories[] = {{{FAKE_MEMORY_MIN, FAKE_MEMORY_MAX}, 0, 0}};
static const mw_table_desc tables[] = {{.limits = {8, 16}, .type = MW_FUNCREF}};

/* Global 0 is where C programs have their stack pointer. Global 2 is global 0 times 3 plus 4 minus 1. */
static const mw_const_op sum[] = {
    {.opcode = MW_CONST_GLOBAL_GET, .index = 0},
    {.opcode = MW_CONST_VALUE, .value = {.i32 = 3}},
    {.opcode = MW_CONST_I32_MUL},
    {.opcode = MW_CONST_VALUE, .value = {.i32 = 4}},
    {.opcode = MW_CONST_I32_ADD},
    {.opcode = MW_CONST_VALUE, .value = {.i32 = 1}},
    {.opcode = MW_CONST_I32_SUB},
};
#ifndef FAKE_EXPR_OPS
#define FAKE_EXPR_OPS 1
#endif
static const mw_const_op double_expr[FAKE_EXPR_OPS] = {{.opcode = MW_CONST_VALUE, .value = {.f64 = 2.5}}};
static const mw_global_desc globals[] = {
    {MW_I32, 1, EXPR_I32(100007)},
    {MW_F64, 0, {FAKE_EXPR_OPS, double_expr}},
    {MW_I32, 0, {COUNT(sum), sum}},
};

static const uint32_t elem0[] = {ADD, LOAD, UINT32_MAX};
static const mw_const_expr elem1[] = {
    {1, (const mw_const_op[]){{.opcode = MW_CONST_REF_FUNC, .index = OUTER}}},
    {1, (const mw_const_op[]){{.opcode = MW_CONST_VALUE}}},
};
static const mw_elem_desc elems[] = {
    {MW_SEGMENT_ACTIVE, 0, COUNT(elem0), EXPR_I32(1), elem0, NULL, MW_FUNCREF},
    {MW_SEGMENT_PASSIVE, 0, COUNT(elem1), {0, NULL}, NULL, elem1, MW_FUNCREF},
};
static const mw_data_desc datas[] = {
    {(const uint8_t *)"hello", 5, MW_SEGMENT_ACTIVE, 0, EXPR_I32(FAKE_DATA_OFFSET)},
    {(const uint8_t *)"passive", 7, MW_SEGMENT_PASSIVE, 0, {0, NULL}},
};

#define IMPORT(name, index) {"env", name, 3, sizeof(name) - 1, MW_EXTERN_FUNC, index}
static const mw_import_desc imports[] = {
    IMPORT("host", HOST),
#ifdef FAKE_MORE_IMPORTS
    IMPORT("host2", HOST2),
    {"other", "host\n3", 5, 6, MW_EXTERN_FUNC, HOST3},
#endif
};

#define EXPORT(name, kind, index) {name, sizeof(name) - 1, kind, index}
#define EXPORT_FUNC(name, index) EXPORT(name, MW_EXTERN_FUNC, index)
static const mw_export_desc exports[] = {
    EXPORT("memory", MW_EXTERN_MEMORY, 0),
    EXPORT("__indirect_function_table", MW_EXTERN_TABLE, 0),
    EXPORT("global", MW_EXTERN_GLOBAL, 0),
    EXPORT_FUNC("host", HOST),
    EXPORT_FUNC("add", ADD),
    EXPORT_FUNC("load", LOAD),
    EXPORT_FUNC("outer", OUTER),
    EXPORT_FUNC("unreachable", UNREACHABLE),
    EXPORT_FUNC("illegal", ILLEGAL),
    EXPORT_FUNC("recurse", RECURSE),
    EXPORT_FUNC("call_host", CALL_HOST),
    EXPORT_FUNC("call_indirect", CALL_INDIRECT),
    EXPORT_FUNC("grow", GROW),
    EXPORT_FUNC("get_global", GET_GLOBAL),
    EXPORT_FUNC("set_global", SET_GLOBAL),
    EXPORT_FUNC("memory_init", MEMORY_INIT),
    EXPORT_FUNC("drop_data", DROP_DATA),
    EXPORT_FUNC("table_init", TABLE_INIT),
    EXPORT_FUNC("mixed", MIXED),
    EXPORT_FUNC("swap", DO_SWAP),
    EXPORT_FUNC("libcall", LIBCALL),
    EXPORT_FUNC("recurse_host", RECURSE_HOST),
};

extern const mw_code_descriptor mw_code_descriptor_v1;
const mw_code_descriptor mw_code_descriptor_v1 = {
    .magic = MW_ABI_MAGIC,
    .abi_version = FAKE_ABI_VERSION,
    .key = {1, 2, 3},
    .triple = "none",
    .cpu = "by-hand",
    .features = FAKE_FEATURES,
    .compiler = "by hand",
    .ntypes = NTYPES,
    .nimports = COUNT(imports),
    .nfuncs = NFUNCS,
    .nimported_funcs = NIMPORTED,
    .ntables = 1,
    .nmemories = 1,
    .memory0_at_context = 1,
    .nglobals = COUNT(globals),
    .nexports = COUNT(exports),
    .ndatas = COUNT(datas),
    .nelems = COUNT(elems),
    .start = DO_START,
    .types = types,
    .imports = imports,
    .func_types = func_types,
    .code = code,
    .func_names = func_names,
    .tables = tables,
    .memories = memories,
    .globals = globals,
    .exports = exports,
    .datas = datas,
    .elems = elems,
    .libcalls = &libcalls,
};
