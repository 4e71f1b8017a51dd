/* Bytes to module (specification 5.5). Every count is held against the bytes left before anything is allocated
 * for it, so memory stays linear in the module's size. */
#include "wasm/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct decoder {
    mw_module *module;
    mw_bytes bytes; /* the whole module */
    uint32_t ndefined_funcs; /* of the function section */
    uint32_t ncode;          /* of the code section */
    uint32_t data_count;
    uint32_t import_capacity[5]; /* of funcs, tables, memories, globals, tags */
    uint32_t type_capacity, custom_capacity;
} decoder;

static mw_error malformed(const mw_bytes *b, const char *what)
{
    return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(b), "%s", what);
}

static mw_error unsupported(const mw_bytes *b, uint64_t offset, const char *what)
{
    return mw_fail_at(b->report, MW_ERR_UNSUPPORTED, offset, "the module uses %s: not supported", what);
}

static mw_error alloc(const decoder *d, size_t count, size_t size, void *out)
{
    void *p = mw_arena_alloc(d->module->arena, count, size);
    if (!p)
        return mw_fail(d->bytes.report, MW_ERR_NO_MEMORY, "no memory for the module");
    memcpy(out, &p, sizeof p);
    return MW_OK;
}

/* Makes room for `more` elements after the `used` ones of the array *array. */
static mw_error reserve(const decoder *d, void *array, uint32_t used, uint32_t *capacity, uint32_t more, size_t size)
{
    if (*capacity - used >= more)
        return MW_OK;
    uint64_t wanted = (uint64_t)used + more;
    if (wanted < 2 * (uint64_t)used)
        wanted = 2 * (uint64_t)used;
    if (wanted > UINT32_MAX)
        return mw_fail(d->bytes.report, MW_ERR_LIMIT, "the module has too many definitions");
    void *old, *new = NULL;
    memcpy(&old, array, sizeof old);
    TRY(alloc(d, wanted, size, &new));
    if (used > 0)
        memcpy(new, old, (size_t)used * size);
    memcpy(array, &new, sizeof new);
    *capacity = (uint32_t)wanted;
    return MW_OK;
}

/* The length of a vector whose elements take at least `min_bytes` each. */
static mw_error read_count(mw_bytes *b, size_t min_bytes, uint32_t *out)
{
    uint64_t offset = mw_bytes_offset(b);
    TRY(mw_read_u32(b, out));
    if (*out > mw_bytes_left(b) / min_bytes)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset,
                          "unexpected end of section or function: %u elements are announced, %zu bytes are left", *out,
                          mw_bytes_left(b));
    return MW_OK;
}

static mw_error read_name(mw_bytes *b, mw_wasm_name *out)
{
    uint64_t offset = mw_bytes_offset(b);
    uint32_t len;
    mw_bytes text;
    TRY(mw_read_u32(b, &len));
    if (len > mw_bytes_left(b))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "length out of bounds");
    TRY(mw_read_bytes(b, len, &text));
    if (!mw_is_utf8(text.pos, len))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed UTF-8 encoding");
    *out = (mw_wasm_name){(const char *)text.pos, len};
    return MW_OK;
}

/* ---- Types ---------------------------------------------------------------------------------------------- */

/* Splits off the encoded types: their number says how much room both vectors need. */
static mw_error skip_result_type(mw_bytes *b, uint32_t limit, const char *what, mw_bytes *types, uint32_t *count)
{
    uint64_t offset = mw_bytes_offset(b);
    TRY(read_count(b, 1, count));
    if (*count > limit)
        return mw_fail_at(b->report, MW_ERR_LIMIT, offset, "a function type has %u %s; the limit is %u", *count, what,
                          limit);
    mw_bytes scan = *b;
    mw_wasm_valtype type;
    for (uint32_t i = 0; i < *count; i++)
        TRY(mw_read_valtype(&scan, &type));
    return mw_read_bytes(b, (uint32_t)(scan.pos - b->pos), types);
}

static mw_error read_functype(decoder *d, mw_bytes *b, mw_wasm_functype *out)
{
    mw_bytes params, results;
    TRY(skip_result_type(b, MW_LIMIT_PARAMS, "parameters", &params, &out->nparams));
    TRY(skip_result_type(b, MW_LIMIT_RESULTS, "results", &results, &out->nresults));
    mw_wasm_valtype *types = NULL;
    TRY(alloc(d, out->nparams + out->nresults, sizeof *types, &types));
    for (uint32_t i = 0; i < out->nparams; i++)
        TRY(mw_read_valtype(&params, &types[i]));
    for (uint32_t i = 0; i < out->nresults; i++)
        TRY(mw_read_valtype(&results, &types[out->nparams + i]));
    out->types = types;
    return MW_OK;
}

/* Forms of type definitions (5.3.8 to 5.3.10). */
enum { FORM_REC = 0x4e, FORM_SUB = 0x50, FORM_SUB_FINAL = 0x4f, FORM_FUNC = 0x60, FORM_FIRST = 0x4d, FORM_LAST = 0x5f };

static mw_error read_supertype(mw_bytes *b, uint32_t *out)
{
    uint64_t offset = mw_bytes_offset(b);
    uint32_t count;
    TRY(read_count(b, 1, &count));
    if (count > 1)
        return mw_fail_at(b->report, MW_ERR_INVALID, offset, "sub type: %u supertypes, there may be one", count);
    return count ? mw_read_u32(b, out) : MW_OK;
}

static mw_error read_subtype(decoder *d, mw_bytes *b, mw_wasm_functype *out)
{
    uint64_t offset = mw_bytes_offset(b);
    uint8_t form;
    out->at = (uint32_t)offset;
    out->super = UINT32_MAX;
    out->is_final = true;
    TRY(mw_read_u8(b, &form));
    if (form == FORM_SUB || form == FORM_SUB_FINAL) {
        out->is_final = form == FORM_SUB_FINAL;
        TRY(read_supertype(b, &out->super));
        offset = mw_bytes_offset(b);
        TRY(mw_read_u8(b, &form));
    }
    if (form >= FORM_FIRST && form <= FORM_LAST) /* array, struct, ... */
        return unsupported(b, offset, "garbage collection");
    if (form != FORM_FUNC)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "integer representation too long: malformed type 0x%02x",
                          form);
    return read_functype(d, b, out);
}

static mw_error read_group(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint64_t offset = mw_bytes_offset(b);
    uint32_t count = 1, first = m->ntypes;
    if (mw_bytes_left(b) > 0 && *b->pos == FORM_REC) {
        b->pos++;
        TRY(read_count(b, 1, &count));
    }
    if (count > MW_LIMIT_TYPES - first)
        return mw_fail_at(b->report, MW_ERR_LIMIT, offset, "the module has more than %d types", MW_LIMIT_TYPES);
    TRY(reserve(d, &m->types, first, &d->type_capacity, count, sizeof *m->types));
    for (; m->ntypes < first + count; m->ntypes++) {
        m->types[m->ntypes].group = first;
        m->types[m->ntypes].group_size = count;
        TRY(read_subtype(d, b, &m->types[m->ntypes]));
    }
    return MW_OK;
}

static mw_error type_section(decoder *d, mw_bytes *b)
{
    uint32_t count;
    TRY(read_count(b, 2, &count));
    TRY(reserve(d, &d->module->types, 0, &d->type_capacity, count < MW_LIMIT_TYPES ? count : MW_LIMIT_TYPES,
                sizeof *d->module->types));
    for (; count > 0; count--)
        TRY(read_group(d, b));
    return MW_OK;
}

static mw_error read_limits(mw_bytes *b, bool is_memory, mw_wasm_limits *out)
{
    enum { HAS_MAX = 1, SHARED = 2, IS_64 = 4 };
    uint64_t offset = mw_bytes_offset(b);
    uint8_t flags;
    TRY(mw_read_u8(b, &flags));
    if (flags & 0x80)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "integer representation too long: limits flags");
    if (flags > (HAS_MAX | SHARED | IS_64) || (flags & SHARED && !is_memory))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "integer too large: malformed limits flags 0x%02x",
                          flags);
    *out = (mw_wasm_limits){.max = UINT64_MAX, .is64 = flags & IS_64, .shared = flags & SHARED};
    /* 64 bits for every address type; what the type allows, validation says. */
    TRY(mw_read_u64(b, &out->min));
    return flags & HAS_MAX ? mw_read_u64(b, &out->max) : MW_OK;
}

static mw_error read_table_type(mw_bytes *b, mw_wasm_table *out)
{
    out->at = (uint32_t)mw_bytes_offset(b);
    TRY(mw_read_reftype(b, &out->type));
    return read_limits(b, false, &out->limits);
}

static mw_error read_memory_type(mw_bytes *b, mw_wasm_memory *out)
{
    out->at = (uint32_t)mw_bytes_offset(b);
    return read_limits(b, true, &out->limits);
}

static mw_error read_global_type(mw_bytes *b, mw_wasm_global *out)
{
    uint8_t mutability;
    out->at = (uint32_t)mw_bytes_offset(b);
    TRY(mw_read_valtype(b, &out->type));
    uint64_t offset = mw_bytes_offset(b);
    TRY(mw_read_u8(b, &mutability));
    if (mutability > 1)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed mutability 0x%02x", mutability);
    out->is_mutable = mutability;
    return MW_OK;
}

/* An expression is read only as far as needed to find its end; whether it is constant, validation says. */
static mw_error read_expr(mw_bytes *b, mw_wasm_expr *out)
{
    const uint8_t *start = b->pos;
    mw_operator op;
    uint32_t depth = 1;
    while (depth > 0) {
        if (mw_bytes_left(b) == 0)
            return malformed(b, "unexpected end of section or function: END opcode expected");
        TRY(mw_operator_read(b, &op));
        if (op.op == MW_OP_END || op.op == MW_OP_DELEGATE)
            depth--;
        else if (mw_op_info_of(op.op)->imm == MW_IMM_BLOCK || op.op == MW_OP_TRY_TABLE)
            depth++;
    }
    *out = (mw_wasm_expr){start, (uint32_t)(b->pos - start)};
    return MW_OK;
}

/* A table, or 0x40 0x00, a table and the initial value of its elements (5.5.7). */
static mw_error read_table(mw_bytes *b, mw_wasm_table *out)
{
    enum { WITH_VALUE = 0x40 };
    if (mw_bytes_left(b) == 0 || *b->pos != WITH_VALUE)
        return read_table_type(b, out);
    uint8_t zero;
    b->pos++;
    uint64_t offset = mw_bytes_offset(b);
    TRY(mw_read_u8(b, &zero));
    if (zero != 0)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "zero byte expected: malformed table 0x%02x", zero);
    TRY(read_table_type(b, out));
    return read_expr(b, &out->init);
}

/* ---- Imports, definitions, exports ---------------------------------------------------------------------- */

static mw_error read_func_type(mw_bytes *b, mw_wasm_func *out)
{
    out->at = (uint32_t)mw_bytes_offset(b);
    return mw_read_u32(b, &out->type);
}

static mw_error read_tag_type(mw_bytes *b, mw_wasm_tag *out)
{
    uint8_t attribute;
    uint64_t offset = mw_bytes_offset(b);
    out->at = (uint32_t)offset;
    TRY(mw_read_u8(b, &attribute));
    if (attribute != 0)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed tag attribute 0x%02x", attribute);
    return mw_read_u32(b, &out->type);
}

static mw_error import_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 4, &count));
    TRY(alloc(d, count, sizeof *m->imports, &m->imports));
    for (; m->nimports < count; m->nimports++) {
        mw_wasm_import *import = &m->imports[m->nimports];
        uint8_t kind;
        import->at = (uint32_t)mw_bytes_offset(b);
        TRY(read_name(b, &import->module));
        TRY(read_name(b, &import->name));
        uint64_t offset = mw_bytes_offset(b);
        TRY(mw_read_u8(b, &kind));
        import->kind = kind;
        switch (kind) {
        case MW_WASM_FUNC:
            TRY(reserve(d, &m->funcs, m->nfuncs, &d->import_capacity[kind], 1, sizeof *m->funcs));
            TRY(read_func_type(b, &m->funcs[m->nfuncs]));
            import->index = m->nfuncs++;
            break;
        case MW_WASM_TABLE:
            TRY(reserve(d, &m->tables, m->ntables, &d->import_capacity[kind], 1, sizeof *m->tables));
            TRY(read_table_type(b, &m->tables[m->ntables]));
            import->index = m->ntables++;
            break;
        case MW_WASM_MEMORY:
            TRY(reserve(d, &m->memories, m->nmemories, &d->import_capacity[kind], 1, sizeof *m->memories));
            TRY(read_memory_type(b, &m->memories[m->nmemories]));
            import->index = m->nmemories++;
            break;
        case MW_WASM_GLOBAL:
            TRY(reserve(d, &m->globals, m->nglobals, &d->import_capacity[kind], 1, sizeof *m->globals));
            TRY(read_global_type(b, &m->globals[m->nglobals]));
            import->index = m->nglobals++;
            break;
        case MW_WASM_TAG:
            TRY(reserve(d, &m->tags, m->ntags, &d->import_capacity[kind], 1, sizeof *m->tags));
            TRY(read_tag_type(b, &m->tags[m->ntags]));
            import->index = m->ntags++;
            break;
        default:
            return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed import kind 0x%02x", kind);
        }
    }
    m->nimported_funcs = m->nfuncs;
    m->nimported_tables = m->ntables;
    m->nimported_memories = m->nmemories;
    m->nimported_globals = m->nglobals;
    m->nimported_tags = m->ntags;
    return MW_OK;
}

static mw_error function_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 1, &count));
    TRY(reserve(d, &m->funcs, m->nfuncs, &d->import_capacity[MW_WASM_FUNC], count, sizeof *m->funcs));
    for (d->ndefined_funcs = count; count > 0; count--)
        TRY(read_func_type(b, &m->funcs[m->nfuncs++]));
    return MW_OK;
}

static mw_error table_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 3, &count));
    TRY(reserve(d, &m->tables, m->ntables, &d->import_capacity[MW_WASM_TABLE], count, sizeof *m->tables));
    for (; count > 0; count--)
        TRY(read_table(b, &m->tables[m->ntables++]));
    return MW_OK;
}

static mw_error memory_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 2, &count));
    TRY(reserve(d, &m->memories, m->nmemories, &d->import_capacity[MW_WASM_MEMORY], count, sizeof *m->memories));
    for (; count > 0; count--)
        TRY(read_memory_type(b, &m->memories[m->nmemories++]));
    return MW_OK;
}

static mw_error tag_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 2, &count));
    TRY(reserve(d, &m->tags, m->ntags, &d->import_capacity[MW_WASM_TAG], count, sizeof *m->tags));
    for (; count > 0; count--)
        TRY(read_tag_type(b, &m->tags[m->ntags++]));
    return MW_OK;
}

static mw_error global_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint32_t count;
    TRY(read_count(b, 3, &count));
    TRY(reserve(d, &m->globals, m->nglobals, &d->import_capacity[MW_WASM_GLOBAL], count, sizeof *m->globals));
    for (; count > 0; count--) {
        mw_wasm_global *global = &m->globals[m->nglobals++];
        TRY(read_global_type(b, global));
        TRY(read_expr(b, &global->init));
    }
    return MW_OK;
}

static mw_error export_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    TRY(read_count(b, 3, &m->nexports));
    TRY(alloc(d, m->nexports, sizeof *m->exports, &m->exports));
    for (uint32_t i = 0; i < m->nexports; i++) {
        uint8_t kind;
        m->exports[i].at = (uint32_t)mw_bytes_offset(b);
        TRY(read_name(b, &m->exports[i].name));
        uint64_t offset = mw_bytes_offset(b);
        TRY(mw_read_u8(b, &kind));
        if (kind > MW_WASM_TAG)
            return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed export kind 0x%02x", kind);
        m->exports[i].kind = kind;
        TRY(mw_read_u32(b, &m->exports[i].index));
    }
    return MW_OK;
}

static mw_error start_section(decoder *d, mw_bytes *b)
{
    d->module->start_at = (uint32_t)mw_bytes_offset(b);
    return mw_read_u32(b, &d->module->start);
}

/* ---- Segments ------------------------------------------------------------------------------------------- */

/* Bits of an element segment's first field (5.5.12). */
enum { ELEM_NOT_ACTIVE = 1, ELEM_EXPLICIT = 2, ELEM_EXPRS = 4 };

static mw_error read_elem_type(mw_bytes *b, uint32_t flags, mw_wasm_valtype *out)
{
    *out = flags & ELEM_EXPRS ? MW_WASM_FUNCREF : mw_ref_of(MW_HEAP_FUNC, false);
    if (!(flags & (ELEM_NOT_ACTIVE | ELEM_EXPLICIT)))
        return MW_OK;
    if (flags & ELEM_EXPRS)
        return mw_read_reftype(b, out);
    uint64_t offset = mw_bytes_offset(b);
    uint8_t kind;
    TRY(mw_read_u8(b, &kind));
    if (kind != 0)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed element kind 0x%02x", kind);
    return MW_OK;
}

static mw_error read_elem(decoder *d, mw_bytes *b, mw_wasm_elem *out)
{
    uint64_t offset = mw_bytes_offset(b);
    uint32_t flags;
    out->at = (uint32_t)offset;
    TRY(mw_read_u32(b, &flags));
    if (flags > (ELEM_NOT_ACTIVE | ELEM_EXPLICIT | ELEM_EXPRS))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed elements segment kind %u", flags);
    if (flags & ELEM_NOT_ACTIVE) {
        out->mode = flags & ELEM_EXPLICIT ? MW_WASM_DECLARATIVE : MW_WASM_PASSIVE;
    } else {
        out->mode = MW_WASM_ACTIVE;
        if (flags & ELEM_EXPLICIT)
            TRY(mw_read_u32(b, &out->table));
        TRY(read_expr(b, &out->offset));
    }
    TRY(read_elem_type(b, flags, &out->type));
    TRY(read_count(b, 1, &out->count));
    if (flags & ELEM_EXPRS) {
        mw_wasm_expr *exprs = NULL;
        TRY(alloc(d, out->count, sizeof *exprs, &exprs));
        for (uint32_t i = 0; i < out->count; i++)
            TRY(read_expr(b, &exprs[i]));
        out->exprs = exprs;
    } else {
        uint32_t *funcs = NULL;
        TRY(alloc(d, out->count, sizeof *funcs, &funcs));
        for (uint32_t i = 0; i < out->count; i++)
            TRY(mw_read_u32(b, &funcs[i]));
        out->funcs = funcs;
    }
    return MW_OK;
}

static mw_error element_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    TRY(read_count(b, 2, &m->nelems));
    TRY(alloc(d, m->nelems, sizeof *m->elems, &m->elems));
    for (uint32_t i = 0; i < m->nelems; i++)
        TRY(read_elem(d, b, &m->elems[i]));
    return MW_OK;
}

static mw_error data_count_section(decoder *d, mw_bytes *b)
{
    d->module->has_data_count = true;
    return mw_read_u32(b, &d->data_count);
}

static mw_error data_section(decoder *d, mw_bytes *b)
{
    enum { ACTIVE_MEMORY0, PASSIVE, ACTIVE };
    mw_module *m = d->module;
    TRY(read_count(b, 2, &m->ndatas));
    TRY(alloc(d, m->ndatas, sizeof *m->datas, &m->datas));
    for (uint32_t i = 0; i < m->ndatas; i++) {
        mw_wasm_data *data = &m->datas[i];
        uint64_t offset = mw_bytes_offset(b);
        uint32_t flags;
        data->at = (uint32_t)offset;
        TRY(mw_read_u32(b, &flags));
        if (flags > ACTIVE)
            return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed data segment kind %u", flags);
        data->mode = flags == PASSIVE ? MW_WASM_PASSIVE : MW_WASM_ACTIVE;
        if (flags == ACTIVE)
            TRY(mw_read_u32(b, &data->memory));
        if (flags != PASSIVE)
            TRY(read_expr(b, &data->offset));
        mw_bytes content;
        TRY(mw_read_u32(b, &data->size));
        TRY(mw_read_bytes(b, data->size, &content));
        data->bytes = content.pos;
    }
    return MW_OK;
}

/* ---- Code ----------------------------------------------------------------------------------------------- */

static mw_error read_locals(decoder *d, mw_bytes *body, mw_wasm_func *func)
{
    uint64_t offset = mw_bytes_offset(body), total = 0;
    mw_wasm_local_run *runs = NULL;
    TRY(read_count(body, 2, &func->nlocal_runs));
    TRY(alloc(d, func->nlocal_runs, sizeof *runs, &runs));
    for (uint32_t i = 0; i < func->nlocal_runs; i++) {
        TRY(mw_read_u32(body, &runs[i].count));
        TRY(mw_read_valtype(body, &runs[i].type));
        total += runs[i].count;
    }
    if (total > UINT32_MAX)
        return mw_fail_at(body->report, MW_ERR_MALFORMED, offset, "too many locals: %llu",
                          (unsigned long long)total);
    if (total > MW_LIMIT_LOCALS)
        return mw_fail_at(body->report, MW_ERR_LIMIT, offset, "too many locals: %llu in one function; the limit is %d",
                          (unsigned long long)total, MW_LIMIT_LOCALS);
    func->local_runs = runs;
    func->nlocals = (uint32_t)total;
    return MW_OK;
}

static mw_error code_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    uint64_t offset = mw_bytes_offset(b);
    m->code_offset = offset;
    TRY(read_count(b, 1, &d->ncode));
    if (d->ncode != d->ndefined_funcs)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset,
                          "function and code section have inconsistent lengths: %u and %u", d->ndefined_funcs,
                          d->ncode);
    for (uint32_t i = 0; i < d->ncode; i++) {
        mw_wasm_func *func = &m->funcs[m->nimported_funcs + i];
        uint32_t size;
        mw_bytes body;
        TRY(mw_read_u32(b, &size));
        if (size > mw_bytes_left(b))
            return malformed(b, "unexpected end of section or function: the body is longer than the section");
        TRY(mw_read_bytes(b, size, &body));
        TRY(read_locals(d, &body, func));
        func->offset = (uint32_t)mw_bytes_offset(&body);
        func->code = body.pos;
        func->code_size = (uint32_t)mw_bytes_left(&body);
    }
    return MW_OK;
}

/* ---- Sections ------------------------------------------------------------------------------------------- */

enum { SECTION_CUSTOM = 0 };

typedef mw_error section_reader(decoder *, mw_bytes *);

/* By section id; `order` is the position in a module (5.5.2, 5.5.17). */
static const struct {
    const char *name;
    unsigned order;
    section_reader *read;
} sections[] = {
    [1] = {"type", 1, type_section},         [2] = {"import", 2, import_section},
    [3] = {"function", 3, function_section}, [4] = {"table", 4, table_section},
    [5] = {"memory", 5, memory_section},     [6] = {"global", 7, global_section},
    [7] = {"export", 8, export_section},     [8] = {"start", 9, start_section},
    [9] = {"element", 10, element_section},  [12] = {"data count", 11, data_count_section},
    [10] = {"code", 12, code_section},       [11] = {"data", 13, data_section},
    [13] = {"tag", 6, tag_section},
};

static mw_error custom_section(decoder *d, mw_bytes *b)
{
    mw_module *m = d->module;
    TRY(reserve(d, &m->customs, m->ncustoms, &d->custom_capacity, 1, sizeof *m->customs));
    mw_wasm_custom *custom = &m->customs[m->ncustoms];
    TRY(read_name(b, &custom->name));
    custom->bytes = b->pos;
    custom->size = (uint32_t)mw_bytes_left(b);
    b->pos = b->end;
    m->ncustoms++;
    return MW_OK;
}

static mw_error read_section(decoder *d, unsigned *last_order)
{
    mw_bytes *b = &d->bytes, content;
    uint64_t offset = mw_bytes_offset(b);
    uint8_t id;
    uint32_t size;
    TRY(mw_read_u8(b, &id));
    if (id != SECTION_CUSTOM && (id >= sizeof sections / sizeof *sections || !sections[id].read))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "malformed section id %u", id);
    TRY(mw_read_u32(b, &size));
    if (size > mw_bytes_left(b))
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset,
                          "length out of bounds: a section of %u bytes, of which %zu are there", size,
                          mw_bytes_left(b));
    TRY(mw_read_bytes(b, size, &content));
    if (id == SECTION_CUSTOM)
        return custom_section(d, &content);
    if (sections[id].order <= *last_order)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset,
                          "unexpected content after last section: the %s section is repeated or out of order",
                          sections[id].name);
    *last_order = sections[id].order;
    TRY(sections[id].read(d, &content));
    if (mw_bytes_left(&content) > 0)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(&content),
                          "section size mismatch: %zu bytes are left in the %s section", mw_bytes_left(&content),
                          sections[id].name);
    return MW_OK;
}

static mw_error read_header(mw_bytes *b)
{
    static const uint8_t magic[4] = {0, 'a', 's', 'm'};
    uint64_t offset = mw_bytes_offset(b);
    uint8_t word[4];
    if (mw_bytes_left(b) < sizeof word)
        return malformed(b, "unexpected end: not a WebAssembly module");
    TRY(mw_read_fixed(b, word, sizeof word));
    if (memcmp(word, magic, sizeof magic) != 0)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "magic header not detected: not a WebAssembly module");
    offset = mw_bytes_offset(b);
    TRY(mw_read_fixed(b, word, sizeof word));
    if (word[0] == 0x0d && word[2] == 1)
        return unsupported(b, offset, "the component model");
    if (word[0] != 1 || word[1] || word[2] || word[3])
        return mw_fail_at(b->report, MW_ERR_MALFORMED, offset, "unknown binary version %u",
                          word[0] | (unsigned)word[1] << 8 | (unsigned)word[2] << 16 | (unsigned)word[3] << 24);
    return MW_OK;
}

static mw_error decode(decoder *d)
{
    mw_module *m = d->module;
    mw_bytes *b = &d->bytes;
    unsigned last_order = 0;
    TRY(read_header(b));
    while (mw_bytes_left(b) > 0)
        TRY(read_section(d, &last_order));
    if (d->ncode != d->ndefined_funcs)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(b),
                          "function and code section have inconsistent lengths: %u and 0", d->ndefined_funcs);
    if (m->has_data_count && d->data_count != m->ndatas)
        return mw_fail_at(b->report, MW_ERR_MALFORMED, mw_bytes_offset(b),
                          "data count and data section have inconsistent lengths: %u and %u", d->data_count,
                          m->ndatas);
    for (uint32_t i = 0; i < m->ncustoms; i++)
        if (m->customs[i].name.len == 4 && memcmp(m->customs[i].name.bytes, "name", 4) == 0)
            mw_decode_name_section(m, &m->customs[i]);
    return MW_OK;
}

mw_error mw_module_decode(const void *bytes, size_t size, mw_report *report, mw_module **out)
{
    if (size > UINT32_MAX)
        return mw_fail(report, MW_ERR_LIMIT, "the module has %zu bytes; the limit is 4 GiB", size);
    mw_arena *arena = mw_arena_new();
    mw_module *module = arena ? mw_arena_alloc(arena, 1, sizeof *module) : NULL;
    if (!module) {
        mw_arena_free(arena);
        return mw_fail(report, MW_ERR_NO_MEMORY, "no memory for the module");
    }
    module->arena = arena;
    module->bytes = bytes;
    module->size = size;
    module->start = UINT32_MAX;
    decoder d = {.module = module, .bytes = mw_bytes_of(bytes, size, 0, report)};
    mw_error error = decode(&d);
    if (error != MW_OK) {
        mw_arena_free(arena);
        return error;
    }
    *out = module;
    return MW_OK;
}

void mw_module_free(mw_module *module)
{
    if (module)
        mw_arena_free(module->arena);
}
