/* What the loader reads of a compiled object (abi.h, mw_code_descriptor). */
#include "compiler/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct builder {
    mw_unit *u;
    const mw_module *m;
    mw_image image;
} builder;

/* The pointer field of the structure at `base` of the image. */
#define FIELD(base, type, field) ((uint32_t)((base) + offsetof(type, field)))

/* An array of `type` in `linked`, and where its item i is. */
#define ARRAY(b, type, count) mw_image_linked(&(b)->image, NULL, (count) * sizeof(type))
#define ITEM(at, type, i) ((uint32_t)((at) + (i) * sizeof(type)))

static void ref_string(builder *b, uint32_t at, const char *bytes, size_t len)
{
    mw_image_ref_plain(&b->image, at, mw_image_string(&b->image, bytes, len));
}

/* ---- Constant expressions ------------------------------------------------------------------------------------ */

static mw_const_op const_op(const mw_operator *op)
{
    mw_const_op out;
    memset(&out, 0, sizeof out);
    out.opcode = MW_CONST_VALUE;
    switch (op->op) {
    case MW_OP_I32_CONST:
        out.value.i32 = op->i32;
        break;
    case MW_OP_I64_CONST:
        out.value.i64 = op->i64;
        break;
    case MW_OP_F32_CONST:
        memcpy(&out.value, &op->f32_bits, 4);
        break;
    case MW_OP_F64_CONST:
        memcpy(&out.value, &op->f64_bits, 8);
        break;
    case MW_OP_V128_CONST:
        memcpy(&out.value, op->v128, 16);
        break;
    case MW_OP_GLOBAL_GET:
        out.opcode = MW_CONST_GLOBAL_GET;
        out.index = op->index;
        break;
    case MW_OP_REF_FUNC:
        out.opcode = MW_CONST_REF_FUNC;
        out.index = op->index;
        break;
    case MW_OP_I32_ADD:
        out.opcode = MW_CONST_I32_ADD;
        break;
    case MW_OP_I32_SUB:
        out.opcode = MW_CONST_I32_SUB;
        break;
    case MW_OP_I32_MUL:
        out.opcode = MW_CONST_I32_MUL;
        break;
    case MW_OP_I64_ADD:
        out.opcode = MW_CONST_I64_ADD;
        break;
    case MW_OP_I64_SUB:
        out.opcode = MW_CONST_I64_SUB;
        break;
    case MW_OP_I64_MUL:
        out.opcode = MW_CONST_I64_MUL;
        break;
    default: /* ref.null: a value of zeros */
        break;
    }
    return out;
}

/* Writes the mw_const_expr at `at`. */
static void put_expr(builder *b, uint32_t at, const mw_wasm_expr *expr)
{
    mw_bytes code = mw_bytes_of(expr->bytes, expr->size, 0, NULL);
    mw_const_expr out = {0, NULL};
    mw_image_buffer ops = {0};
    mw_operator op;
    while (mw_bytes_left(&code) && mw_operator_read(&code, &op) == MW_OK && op.op != MW_OP_END) {
        mw_const_op o = const_op(&op);
        mw_reserve(&ops.bytes, &ops.capacity, ops.size + sizeof o, 1);
        memcpy(ops.bytes + ops.size, &o, sizeof o);
        ops.size += sizeof o;
        out.nops++;
    }
    mw_image_write(&b->image, at, &out, sizeof out);
    if (out.nops)
        mw_image_ref_plain(&b->image, FIELD(at, mw_const_expr, ops), mw_image_plain(&b->image, ops.bytes, ops.size));
    free(ops.bytes);
}

/* ---- Sections -------------------------------------------------------------------------------------------------- */

/* Only functions are invoked: types that are called and no function has, of many parameters in libomp, need no code. */
static uint32_t put_types(builder *b)
{
    uint32_t at = ARRAY(b, mw_type_desc, b->m->ntypes);
    bool *invoked = mw_calloc(b->m->ntypes, sizeof *invoked); /* of canonical types */
    for (uint32_t i = 0; i < b->m->nfuncs; i++)
        invoked[b->m->types[b->m->funcs[i].type].canonical] = true;
    for (uint32_t i = 0; i < b->m->ntypes; i++) {
        const mw_wasm_functype *t = &b->m->types[i];
        mw_type_desc desc = {.nparams = t->nparams, .nresults = t->nresults,
                             .group_size = t->group_size, .super = t->super, .is_final = t->is_final};
        uint32_t item = ITEM(at, mw_type_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        uint32_t types = mw_image_plain(&b->image, t->types, (t->nparams + (size_t)t->nresults) * sizeof *t->types);
        mw_image_ref_plain(&b->image, FIELD(item, mw_type_desc, types), types);
        if (invoked[t->canonical])
            mw_image_ref_value(&b->image, FIELD(item, mw_type_desc, invoke), mw_emit_invoke(b->u, t->canonical));
    }
    free(invoked);
    return at;
}

static uint32_t put_imports(builder *b)
{
    uint32_t at = ARRAY(b, mw_import_desc, b->m->nimports);
    for (uint32_t i = 0; i < b->m->nimports; i++) {
        const mw_wasm_import *m = &b->m->imports[i];
        mw_import_desc desc = {.module_len = m->module.len, .name_len = m->name.len, .kind = m->kind, .index = m->index};
        uint32_t item = ITEM(at, mw_import_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        ref_string(b, FIELD(item, mw_import_desc, module), m->module.bytes, m->module.len);
        ref_string(b, FIELD(item, mw_import_desc, name), m->name.bytes, m->name.len);
    }
    return at;
}

static uint32_t put_exports(builder *b)
{
    uint32_t at = ARRAY(b, mw_export_desc, b->m->nexports);
    for (uint32_t i = 0; i < b->m->nexports; i++) {
        const mw_wasm_export *x = &b->m->exports[i];
        mw_export_desc desc = {.name_len = x->name.len, .kind = x->kind, .index = x->index};
        uint32_t item = ITEM(at, mw_export_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        ref_string(b, FIELD(item, mw_export_desc, name), x->name.bytes, x->name.len);
    }
    return at;
}

static uint32_t put_func_types(builder *b)
{
    uint32_t *types = mw_calloc(b->m->nfuncs, sizeof *types);
    for (uint32_t i = 0; i < b->m->nfuncs; i++)
        types[i] = b->m->funcs[i].type;
    uint32_t at = mw_image_plain(&b->image, types, b->m->nfuncs * sizeof *types);
    free(types);
    return at;
}

static uint32_t put_func_offsets(builder *b)
{
    uint32_t n = b->m->nfuncs - b->m->nimported_funcs;
    uint32_t *offsets = mw_calloc(n, sizeof *offsets);
    for (uint32_t i = 0; i < n; i++)
        offsets[i] = b->m->funcs[b->m->nimported_funcs + i].offset;
    uint32_t at = mw_image_plain(&b->image, offsets, n * sizeof *offsets);
    free(offsets);
    return at;
}

static uint32_t put_code(builder *b)
{
    uint32_t n = b->m->nfuncs - b->m->nimported_funcs;
    uint32_t at = ARRAY(b, mw_code_ptr, n);
    for (uint32_t i = 0; i < n; i++)
        mw_image_ref_value(&b->image, ITEM(at, mw_code_ptr, i), mw_llvm_entry(b->u, b->m->nimported_funcs + i));
    return at;
}

static uint32_t put_tail_code(builder *b)
{
    uint32_t n = b->m->nfuncs - b->m->nimported_funcs;
    uint32_t at = ARRAY(b, mw_code_ptr, n);
    for (uint32_t i = 0; i < n; i++)
        if (b->m->funcs[b->m->nimported_funcs + i].has_tail_call)
            mw_image_ref_value(&b->image, ITEM(at, mw_code_ptr, i), mw_llvm_function(b->u, b->m->nimported_funcs + i));
    return at;
}

static uint32_t put_func_names(builder *b)
{
    uint32_t at = ARRAY(b, char *, b->m->nfuncs);
    for (uint32_t i = 0; i < b->m->nfuncs; i++) {
        char name[1024];
        size_t len = mw_function_name(b->m, i, name, sizeof name);
        ref_string(b, ITEM(at, char *, i), name, len);
    }
    return at;
}

static mw_limits_desc limits_of(const mw_wasm_limits *limits)
{
    return (mw_limits_desc){limits->min, limits->max};
}

static uint32_t put_tables(builder *b)
{
    uint32_t at = ARRAY(b, mw_table_desc, b->m->ntables);
    for (uint32_t i = 0; i < b->m->ntables; i++) {
        const mw_wasm_table *t = &b->m->tables[i];
        mw_table_desc desc = {.limits = limits_of(&t->limits), .type = t->type, .is64 = t->limits.is64};
        uint32_t item = ITEM(at, mw_table_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        put_expr(b, FIELD(item, mw_table_desc, init), &t->init);
    }
    return at;
}

static uint32_t put_memories(builder *b)
{
    uint32_t at = mw_image_plain(&b->image, NULL, b->m->nmemories * sizeof(mw_memory_desc));
    for (uint32_t i = 0; i < b->m->nmemories; i++) {
        const mw_wasm_limits *limits = &b->m->memories[i].limits;
        mw_memory_desc desc = {.limits = limits_of(limits), .is64 = limits->is64, .shared = limits->shared};
        memcpy(b->image.plain.bytes + ITEM(at, mw_memory_desc, i), &desc, sizeof desc);
    }
    return at;
}

static uint32_t put_globals(builder *b)
{
    uint32_t at = ARRAY(b, mw_global_desc, b->m->nglobals);
    for (uint32_t i = 0; i < b->m->nglobals; i++) {
        const mw_wasm_global *g = &b->m->globals[i];
        mw_global_desc desc = {.type = g->type, .is_mutable = g->is_mutable};
        uint32_t item = ITEM(at, mw_global_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        if (i >= b->m->nimported_globals)
            put_expr(b, FIELD(item, mw_global_desc, init), &g->init);
    }
    return at;
}

static uint32_t put_tag_types(builder *b)
{
    uint32_t *types = mw_calloc(b->m->ntags, sizeof *types);
    for (uint32_t i = 0; i < b->m->ntags; i++)
        types[i] = b->m->tags[i].type;
    uint32_t at = mw_image_plain(&b->image, types, b->m->ntags * sizeof *types);
    free(types);
    return at;
}

static uint32_t put_datas(builder *b)
{
    uint32_t at = ARRAY(b, mw_data_desc, b->m->ndatas);
    for (uint32_t i = 0; i < b->m->ndatas; i++) {
        const mw_wasm_data *s = &b->m->datas[i];
        mw_data_desc desc = {.size = s->size, .memory = s->memory};
        desc.mode = s->mode == MW_WASM_ACTIVE ? MW_SEGMENT_ACTIVE : MW_SEGMENT_PASSIVE;
        uint32_t item = ITEM(at, mw_data_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        mw_image_ref_plain(&b->image, FIELD(item, mw_data_desc, bytes), mw_image_plain(&b->image, s->bytes, s->size));
        if (s->mode == MW_WASM_ACTIVE)
            put_expr(b, FIELD(item, mw_data_desc, offset), &s->offset);
    }
    return at;
}

static void put_elem_exprs(builder *b, uint32_t item, const mw_wasm_elem *s)
{
    uint32_t exprs = ARRAY(b, mw_const_expr, s->count);
    for (uint32_t i = 0; i < s->count; i++)
        put_expr(b, ITEM(exprs, mw_const_expr, i), &s->exprs[i]);
    mw_image_ref_linked(&b->image, FIELD(item, mw_elem_desc, exprs), exprs);
}

static uint32_t put_elems(builder *b)
{
    uint32_t at = ARRAY(b, mw_elem_desc, b->m->nelems);
    for (uint32_t i = 0; i < b->m->nelems; i++) {
        const mw_wasm_elem *s = &b->m->elems[i];
        mw_elem_desc desc = {.table = s->table, .count = s->count, .type = s->type};
        desc.mode = s->mode == MW_WASM_ACTIVE    ? MW_SEGMENT_ACTIVE
                    : s->mode == MW_WASM_PASSIVE ? MW_SEGMENT_PASSIVE
                                                 : MW_SEGMENT_DECLARATIVE;
        uint32_t item = ITEM(at, mw_elem_desc, i);
        mw_image_write(&b->image, item, &desc, sizeof desc);
        if (s->mode == MW_WASM_ACTIVE)
            put_expr(b, FIELD(item, mw_elem_desc, offset), &s->offset);
        if (s->count && s->funcs)
            mw_image_ref_plain(&b->image, FIELD(item, mw_elem_desc, funcs),
                               mw_image_plain(&b->image, s->funcs, s->count * sizeof *s->funcs));
        else if (s->count)
            put_elem_exprs(b, item, s);
    }
    return at;
}

static void describe_compiler(const mw_unit *u, char *out, size_t size)
{
    const mw_compile_options *o = u->options;
    snprintf(out, size, "mpiwasm %s, LLVM %s, -O%d%s%s%s%s", MW_VERSION, MW_LLVM_VERSION, o->opt_level,
             o->strict_traps ? " --strict-traps" : "", o->fp_contract_fast ? " --fp-contract=fast" : "",
             o->fast_math ? " --fast-math" : "", o->relaxed_simd_fast ? " --relaxed-simd=fast" : "");
}

static LLVMValueRef libcall_table(mw_unit *u)
{
    LLVMTypeRef type = LLVMArrayType2(u->ptr, sizeof(mw_libcalls) / sizeof(mw_code_ptr));
    LLVMValueRef table = LLVMAddGlobal(u->llvm, type, "mw_libcall_table");
    LLVMSetInitializer(table, LLVMConstNull(type));
    LLVMSetVisibility(table, LLVMHiddenVisibility);
    return table;
}

void mw_emit_descriptor(mw_unit *u, const mw_hash *key)
{
    const mw_module *m = u->module;
    builder b = {.u = u, .m = m};
    mw_image_linked(&b.image, NULL, sizeof(mw_code_descriptor)); /* comes first: the symbol is its address */
    mw_code_descriptor d = {
        .magic = MW_ABI_MAGIC,
        .abi_version = MW_ABI_VERSION,
        .module_features = m->features,
        .ntypes = m->ntypes,
        .nimports = m->nimports,
        .nfuncs = m->nfuncs,
        .nimported_funcs = m->nimported_funcs,
        .ntables = m->ntables,
        .nimported_tables = m->nimported_tables,
        .nmemories = m->nmemories,
        .nimported_memories = m->nimported_memories,
        .memory0_at_context = mw_is_memory0_at_context(m),
        .nglobals = m->nglobals,
        .nimported_globals = m->nimported_globals,
        .ntags = m->ntags,
        .nimported_tags = m->nimported_tags,
        .nexports = m->nexports,
        .ndatas = m->ndatas,
        .nelems = m->nelems,
        .start = m->start,
    };
    memcpy(d.key, key->bytes, sizeof d.key);
    mw_image_write(&b.image, 0, &d, sizeof d);

    char compiler[160];
    describe_compiler(u, compiler, sizeof compiler);
#define AT(field) FIELD(0, mw_code_descriptor, field)
    ref_string(&b, AT(triple), u->target->triple, strlen(u->target->triple));
    ref_string(&b, AT(cpu), u->target->cpu, strlen(u->target->cpu));
    ref_string(&b, AT(features), u->target->required, strlen(u->target->required));
    ref_string(&b, AT(compiler), compiler, strlen(compiler));
    mw_image_ref_linked(&b.image, AT(types), put_types(&b));
    mw_image_ref_linked(&b.image, AT(imports), put_imports(&b));
    mw_image_ref_plain(&b.image, AT(func_types), put_func_types(&b));
    mw_image_ref_linked(&b.image, AT(code), put_code(&b));
    if (m->features & MW_FEATURE_TAIL_CALL)
        mw_image_ref_linked(&b.image, AT(tail_code), put_tail_code(&b));
    mw_image_ref_linked(&b.image, AT(func_names), put_func_names(&b));
    mw_image_ref_plain(&b.image, AT(func_offsets), put_func_offsets(&b));
    mw_image_ref_linked(&b.image, AT(tables), put_tables(&b));
    mw_image_ref_plain(&b.image, AT(memories), put_memories(&b));
    mw_image_ref_linked(&b.image, AT(globals), put_globals(&b));
    mw_image_ref_plain(&b.image, AT(tag_types), put_tag_types(&b));
    mw_image_ref_linked(&b.image, AT(exports), put_exports(&b));
    mw_image_ref_linked(&b.image, AT(datas), put_datas(&b));
    mw_image_ref_linked(&b.image, AT(elems), put_elems(&b));
    mw_image_ref_value(&b.image, AT(libcalls), libcall_table(u));
#undef AT
    mw_image_emit(&b.image, u, MW_DESCRIPTOR_SYMBOL);
}
