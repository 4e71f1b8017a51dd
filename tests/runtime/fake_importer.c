/* A second module, which imports table, memory, global and a function from the first ("fake") and has an element
 * segment that fits and a data segment that does not, if FAKE_TRAPS. */
#include "abi/abi.h"

/* Of the function that it stands in. */
#define INSTANCE mw_instance_of_context(context)

static int32_t seven(mw_context *context)
{
    (void)context;
    return 7;
}

static int32_t add(mw_context *context, int32_t a, int32_t b)
{
    const mw_func *f = &INSTANCE->funcs[0];
    return ((int32_t(*)(mw_context *, int32_t, int32_t))f->code)(f->context, a, b);
}

static void invoke_i(mw_code_ptr code, mw_context *context, mw_value *v)
{
    v[0].i32 = ((int32_t(*)(mw_context *))code)(context);
}

static void invoke_ii_i(mw_code_ptr code, mw_context *context, mw_value *v)
{
    v[0].i32 = ((int32_t(*)(mw_context *, int32_t, int32_t))code)(context, v[0].i32, v[1].i32);
}

static const mw_valtype i32s[] = {MW_I32, MW_I32, MW_I32};
static const mw_type_desc types[] = {{0, 1, i32s, invoke_i, 1, UINT32_MAX, 1},
                                     {2, 1, i32s, invoke_ii_i, 1, UINT32_MAX, 1}};
static const mw_import_desc imports[] = {
    {"fake", "add", 4, 3, MW_EXTERN_FUNC, 0},
    {"fake", "__indirect_function_table", 4, 25, MW_EXTERN_TABLE, 0},
    {"fake", "memory", 4, 6, MW_EXTERN_MEMORY, 0},
    {"fake", "global", 4, 6, MW_EXTERN_GLOBAL, 0},
};
#ifndef FAKE_TABLE_MIN
#define FAKE_TABLE_MIN 8
#endif
#ifndef FAKE_GLOBAL_TYPE
#define FAKE_GLOBAL_TYPE MW_I32
#endif
static const uint32_t func_types[] = {1, 0, 1};
static const mw_code_ptr code[] = {(mw_code_ptr)seven, (mw_code_ptr)add};
static const char *const names[] = {"add", "seven", "call_add"};
static const mw_table_desc tables[] = {{.limits = {FAKE_TABLE_MIN, 16}, .type = MW_FUNCREF}};
static const mw_memory_desc memories[] = {{{1, 65536}, 0, 0}};
static const mw_global_desc globals[] = {{FAKE_GLOBAL_TYPE, 1, {0, 0}}};
static const mw_const_op at5[] = {{.opcode = MW_CONST_VALUE, .value = {.i32 = 5}}};
static const mw_const_op at_end[] = {{.opcode = MW_CONST_VALUE, .value = {.i32 = -2}}};
static const uint32_t funcs5[] = {1};
static const mw_elem_desc elems[] = {{MW_SEGMENT_ACTIVE, 0, 1, {1, at5}, funcs5, 0, MW_FUNCREF}};
static const mw_data_desc datas[] = {{(const uint8_t *)"xyz", 3, MW_SEGMENT_ACTIVE, 0, {1, at_end}}};
static const mw_export_desc exports[] = {{"call_add", 8, MW_EXTERN_FUNC, 2}};
static mw_libcalls libcalls;

extern const mw_code_descriptor mw_code_descriptor_v1;
const mw_code_descriptor mw_code_descriptor_v1 = {
    .magic = MW_ABI_MAGIC,
    .abi_version = MW_ABI_VERSION,
    .features = "",
    .cpu = "by-hand",
    .ntypes = 2,
    .nimports = 4,
    .nfuncs = 3,
    .nimported_funcs = 1,
    .ntables = 1,
    .nimported_tables = 1,
    .nmemories = 1,
    .nimported_memories = 1,
    .nglobals = 1,
    .nimported_globals = 1,
    .nexports = 1,
#ifdef FAKE_TRAPS
    .ndatas = 1,
#endif
    .nelems = 1,
    .start = UINT32_MAX,
    .types = types,
    .imports = imports,
    .func_types = func_types,
    .code = code,
    .func_names = names,
    .tables = tables,
    .memories = memories,
    .globals = globals,
    .exports = exports,
    .datas = datas,
    .elems = elems,
    .libcalls = &libcalls,
};
