/* Validation of everything but instruction sequences (specification 3.4). */
#include "wasm/internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct validator {
    mw_module *module;
    uint64_t features;
    mw_report *report;
    mw_body_validator *body;
} validator;

static mw_error unknown(const validator *v, uint32_t at, const char *what, uint32_t index)
{
    return mw_fail_at(v->report, MW_ERR_INVALID, at, "unknown %s %u", what, index);
}

/* ---- Features ------------------------------------------------------------------------------------------- */

const char *mw_feature_name(uint64_t features)
{
    static const char *const names[] = {
#define MW_FEATURE_NAME(f, name) name,
        MW_FEATURES(MW_FEATURE_NAME)
#undef MW_FEATURE_NAME
    };
    return features ? names[__builtin_ctzll(features)] : NULL;
}

mw_error mw_need_feature(mw_module *module, uint64_t allowed, uint64_t feature, mw_report *report, uint64_t offset)
{
    module->features |= feature;
    uint64_t missing = feature & ~allowed;
    if (missing == 0)
        return MW_OK;
    return mw_fail_at(report, MW_ERR_UNSUPPORTED, offset, "the module uses %s: not %s",
                      mw_feature_name(missing),
                      missing & MW_FEATURES_IMPLEMENTED ? "enabled" : "supported");
}

static uint64_t valtype_feature(mw_wasm_valtype type)
{
    if (type == MW_WASM_V128)
        return MW_FEATURE_SIMD;
    if (!mw_is_ref(type))
        return MW_FEATURE_MVP;
    if (mw_ref_heap(type) == MW_HEAP_EXN || mw_ref_heap(type) == MW_HEAP_NOEXN)
        return MW_FEATURE_EXCEPTIONS;
    return type & MW_TYPED ? MW_FEATURE_FUNCTION_REFERENCES | MW_FEATURE_REFERENCE_TYPES : MW_FEATURE_REFERENCE_TYPES;
}

static mw_error check_valtype(mw_module *module, uint64_t allowed, mw_wasm_valtype type, uint32_t ntypes,
                              mw_report *report, uint64_t offset)
{
    mw_heaptype heap = mw_ref_heap(type);
    uint64_t feature = valtype_feature(type);
    if (feature != MW_FEATURE_MVP)
        TRY(mw_need_feature(module, allowed, feature, report, offset));
    if (type & MW_TYPED && mw_heap_is_index(heap) && mw_heap_index(heap) >= ntypes)
        return mw_fail_at(report, MW_ERR_INVALID, offset, "unknown type %u in %s", mw_heap_index(heap),
                          mw_valtype_name(type).s);
    return MW_OK;
}

mw_error mw_check_valtype(mw_module *module, uint64_t allowed, mw_wasm_valtype type, mw_report *report, uint64_t offset)
{
    return check_valtype(module, allowed, type, module->ntypes, report, offset);
}

static mw_error need(const validator *v, uint32_t at, uint64_t feature)
{
    return mw_need_feature(v->module, v->features, feature, v->report, at);
}

/* ---- Types ---------------------------------------------------------------------------------------------- */

static mw_error check_type(const validator *v, uint32_t at, mw_wasm_valtype type)
{
    return mw_check_valtype(v->module, v->features, type, v->report, at);
}

/* A type refers to types up to the end of its group (3.2.8). */
static mw_error validate_type(const validator *v, const mw_wasm_functype *type)
{
    if (type->nresults > 1)
        TRY(need(v, type->at, MW_FEATURE_MULTI_VALUE));
    if (type->group_size > 1 || !type->is_final || type->super != UINT32_MAX)
        TRY(need(v, type->at, MW_FEATURE_FUNCTION_REFERENCES));
    for (uint32_t i = 0; i < type->nparams + type->nresults; i++)
        TRY(check_valtype(v->module, v->features, type->types[i], type->group + type->group_size, v->report, type->at));
    if (type->super != UINT32_MAX && type->super >= (uint32_t)(type - v->module->types))
        return unknown(v, type->at, "type", type->super);
    return MW_OK;
}

static mw_error no_subtype(const validator *v, const mw_wasm_functype *type)
{
    return mw_fail_at(v->report, MW_ERR_INVALID, type->at, "sub type: type %u does not match its supertype %u",
                      (unsigned)(type - v->module->types), type->super);
}

/* Declared supertypes come before their subtypes, also within a group. */
static mw_error validate_supertype(const validator *v, mw_wasm_functype *type)
{
    const mw_module *m = v->module;
    if (type->super == UINT32_MAX)
        return MW_OK;
    const mw_wasm_functype *super = &m->types[type->super];
    type->depth = super->depth + 1;
    if (type->depth > MW_LIMIT_SUPERTYPES)
        return mw_fail_at(v->report, MW_ERR_LIMIT, type->at, "a type with more than %d supertypes", MW_LIMIT_SUPERTYPES);
    if (super->is_final || super->nparams != type->nparams || super->nresults != type->nresults)
        return no_subtype(v, type);
    for (uint32_t i = 0; i < type->nparams + type->nresults; i++) {
        bool is_param = i < type->nparams;
        if (!mw_wasm_subtype(m, is_param ? super->types[i] : type->types[i], is_param ? type->types[i] : super->types[i]))
            return no_subtype(v, type);
    }
    return MW_OK;
}

static mw_error validate_types(const validator *v)
{
    mw_module *m = v->module;
    for (uint32_t i = 0; i < m->ntypes; i++)
        TRY(validate_type(v, &m->types[i]));
    TRY(mw_canonicalize_types(m, v->report));
    for (uint32_t i = 0; i < m->ntypes; i++)
        TRY(validate_supertype(v, &m->types[i]));
    return MW_OK;
}

/* `most`: what a minimum and a maximum may be; `what`: the sentence that says so. */
static mw_error validate_limits(const validator *v, uint32_t at, const mw_wasm_limits *limits, uint64_t most,
                                const char *what)
{
    if (limits->is64)
        TRY(need(v, at, MW_FEATURE_MEMORY64));
    if (limits->shared)
        TRY(need(v, at, MW_FEATURE_THREADS));
    if (limits->min > most || (limits->max != UINT64_MAX && limits->max > most))
        return mw_fail_at(v->report, MW_ERR_INVALID, at, "%s", what);
    if (limits->min > limits->max)
        return mw_fail_at(v->report, MW_ERR_INVALID, at,
                          "size minimum must not be greater than maximum: %llu and %llu",
                          (unsigned long long)limits->min, (unsigned long long)limits->max);
    return MW_OK;
}

/* The initial value of a table's elements may read imported globals only. */
static mw_error validate_tables(const validator *v)
{
    const mw_module *m = v->module;
    for (uint32_t i = 0; i < m->ntables; i++) {
        const mw_wasm_table *table = &m->tables[i];
        if (i > 0 || table->type != MW_WASM_FUNCREF)
            TRY(need(v, table->at, MW_FEATURE_REFERENCE_TYPES));
        TRY(check_type(v, table->at, table->type));
        TRY(validate_limits(v, table->at, &table->limits, table->limits.is64 ? UINT64_MAX : UINT32_MAX,
                            "table size must be at most 2^32 - 1 elements"));
        if (table->init.size > 0) {
            TRY(need(v, table->at, MW_FEATURE_FUNCTION_REFERENCES));
            TRY(mw_validate_const_expr(v->body, &table->init, table->type, m->nimported_globals));
        } else if (i >= m->nimported_tables && !mw_is_defaultable(table->type)) {
            return mw_fail_at(v->report, MW_ERR_INVALID, table->at,
                              "type mismatch: a table of %s needs an initial value", mw_valtype_name(table->type).s);
        }
    }
    return MW_OK;
}

static mw_error validate_memories(const validator *v)
{
    const mw_module *m = v->module;
    if (m->nmemories > 1)
        TRY(need(v, m->memories[1].at, MW_FEATURE_MULTI_MEMORY));
    if (m->nmemories > MW_LIMIT_MEMORIES)
        return mw_fail_at(v->report, MW_ERR_LIMIT, m->memories[MW_LIMIT_MEMORIES].at,
                          "the module has %u memories; the limit is %d", m->nmemories, MW_LIMIT_MEMORIES);
    for (uint32_t i = 0; i < m->nmemories; i++) {
        const mw_wasm_limits *limits = &m->memories[i].limits;
        uint32_t at = m->memories[i].at;
        TRY(validate_limits(v, at, limits, UINT64_C(1) << (limits->is64 ? 48 : 16),
                            limits->is64 ? "memory size must be at most 2^48 pages (2^64 bytes)"
                                         : "memory size must be at most 65536 pages (4GiB)"));
        if (limits->shared && limits->max == UINT64_MAX)
            return mw_fail_at(v->report, MW_ERR_INVALID, at, "shared memory must have maximum");
    }
    return MW_OK;
}

/* A global's initial value may read the globals before it: in version 2.0 the imported ones only, in version 3.0
 * all of them that are immutable. */
static mw_error validate_globals(const validator *v)
{
    const mw_module *m = v->module;
    for (uint32_t i = 0; i < m->nglobals; i++) {
        const mw_wasm_global *global = &m->globals[i];
        TRY(check_type(v, global->at, global->type));
        if (i < m->nimported_globals) {
            if (global->is_mutable)
                TRY(need(v, global->at, MW_FEATURE_MUTABLE_GLOBALS));
            continue;
        }
        TRY(mw_validate_const_expr(v->body, &global->init, global->type, i));
    }
    return MW_OK;
}

static mw_error validate_function_types(const validator *v)
{
    const mw_module *m = v->module;
    for (uint32_t i = 0; i < m->nfuncs; i++)
        if (m->funcs[i].type >= m->ntypes)
            return unknown(v, m->funcs[i].at, "type", m->funcs[i].type);
    return MW_OK;
}

static mw_error validate_tags(const validator *v)
{
    const mw_module *m = v->module;
    for (uint32_t i = 0; i < m->ntags; i++) {
        const mw_wasm_tag *tag = &m->tags[i];
        TRY(need(v, tag->at, MW_FEATURE_EXCEPTIONS));
        if (tag->type >= m->ntypes)
            return unknown(v, tag->at, "type", tag->type);
        if (m->types[tag->type].nresults > 0)
            return mw_fail_at(v->report, MW_ERR_INVALID, tag->at, "non-empty tag result type: tag %u", i);
    }
    return MW_OK;
}

/* ---- Exports and start ---------------------------------------------------------------------------------- */

static int compare_exports(const void *va, const void *vb)
{
    const mw_wasm_name *a = &(*(mw_wasm_export *const *)va)->name, *b = &(*(mw_wasm_export *const *)vb)->name;
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    int order = memcmp(a->bytes, b->bytes, a->len);
    return order ? order : a < b ? -1 : a > b;
}

static bool equal_names(const mw_wasm_name *a, const mw_wasm_name *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* By sorting and not by hashing: no module can make it slow. */
static mw_error check_export_names(const validator *v)
{
    const mw_module *m = v->module;
    if (m->nexports < 2)
        return MW_OK;
    const mw_wasm_export **sorted = calloc(m->nexports, sizeof *sorted);
    if (!sorted)
        return mw_fail(v->report, MW_ERR_NO_MEMORY, "no memory to validate the module");
    for (uint32_t i = 0; i < m->nexports; i++)
        sorted[i] = &m->exports[i];
    qsort(sorted, m->nexports, sizeof *sorted, compare_exports);
    char name[256];
    mw_error error = MW_OK;
    for (uint32_t i = 1; i < m->nexports && error == MW_OK; i++)
        if (equal_names(&sorted[i - 1]->name, &sorted[i]->name))
            error = mw_fail_at(v->report, MW_ERR_INVALID, sorted[i]->at, "duplicate export name \"%s\"",
                               mw_name_text(sorted[i]->name, name, sizeof name));
    free(sorted);
    return error;
}

static mw_error validate_exports(const validator *v)
{
    const mw_module *m = v->module;
    for (uint32_t i = 0; i < m->nexports; i++) {
        const mw_wasm_export *export = &m->exports[i];
        switch (export->kind) {
        case MW_WASM_FUNC:
            if (export->index >= m->nfuncs)
                return unknown(v, export->at, "function", export->index);
            m->funcs[export->index].is_declared_ref = true;
            break;
        case MW_WASM_TABLE:
            if (export->index >= m->ntables)
                return unknown(v, export->at, "table", export->index);
            break;
        case MW_WASM_MEMORY:
            if (export->index >= m->nmemories)
                return unknown(v, export->at, "memory", export->index);
            break;
        case MW_WASM_GLOBAL:
            if (export->index >= m->nglobals)
                return unknown(v, export->at, "global", export->index);
            if (m->globals[export->index].is_mutable)
                TRY(need(v, export->at, MW_FEATURE_MUTABLE_GLOBALS));
            break;
        case MW_WASM_TAG:
            if (export->index >= m->ntags)
                return unknown(v, export->at, "tag", export->index);
            break;
        }
    }
    return check_export_names(v);
}

static mw_error validate_start(const validator *v)
{
    const mw_module *m = v->module;
    if (m->start == UINT32_MAX)
        return MW_OK;
    if (m->start >= m->nfuncs)
        return mw_fail_at(v->report, MW_ERR_INVALID, m->start_at, "unknown function %u, as the start function",
                          m->start);
    const mw_wasm_functype *type = &m->types[m->funcs[m->start].type];
    if (type->nparams + type->nresults > 0)
        return mw_fail_at(v->report, MW_ERR_INVALID, m->start_at,
                          "start function: function %u has parameters or results", m->start);
    return MW_OK;
}

/* ---- Segments ------------------------------------------------------------------------------------------- */

static mw_error validate_elem(const validator *v, const mw_wasm_elem *elem)
{
    const mw_module *m = v->module;
    if (elem->mode != MW_WASM_ACTIVE)
        TRY(need(v, elem->at, MW_FEATURE_BULK_MEMORY));
    if (elem->exprs || elem->table != 0)
        TRY(need(v, elem->at, MW_FEATURE_REFERENCE_TYPES));
    if (elem->exprs)
        TRY(check_type(v, elem->at, elem->type));
    for (uint32_t i = 0; i < elem->count; i++) {
        if (elem->exprs) {
            TRY(mw_validate_const_expr(v->body, &elem->exprs[i], elem->type, m->nglobals));
            continue;
        }
        if (elem->funcs[i] >= m->nfuncs)
            return unknown(v, elem->at, "function", elem->funcs[i]);
        m->funcs[elem->funcs[i]].is_declared_ref = true;
    }
    if (elem->mode != MW_WASM_ACTIVE)
        return MW_OK;
    if (elem->table >= m->ntables)
        return unknown(v, elem->at, "table", elem->table);
    if (!mw_wasm_subtype(m, elem->type, m->tables[elem->table].type))
        return mw_fail_at(v->report, MW_ERR_INVALID, elem->at,
                          "type mismatch: an element segment of %s and table %u of %s",
                          mw_valtype_name(elem->type).s, elem->table, mw_valtype_name(m->tables[elem->table].type).s);
    return mw_validate_const_expr(v->body, &elem->offset, mw_wasm_address_type(&m->tables[elem->table].limits), m->nglobals);
}

static mw_error validate_data(const validator *v, const mw_wasm_data *data)
{
    const mw_module *m = v->module;
    if (data->mode != MW_WASM_ACTIVE)
        return need(v, data->at, MW_FEATURE_BULK_MEMORY);
    if (data->memory >= m->nmemories)
        return unknown(v, data->at, "memory", data->memory);
    return mw_validate_const_expr(v->body, &data->offset, mw_wasm_address_type(&m->memories[data->memory].limits),
                                  m->nglobals);
}

static mw_error validate_segments(const validator *v)
{
    const mw_module *m = v->module;
    if (m->has_data_count)
        TRY(mw_need_feature(v->module, v->features, MW_FEATURE_BULK_MEMORY, v->report, MW_NO_OFFSET));
    for (uint32_t i = 0; i < m->nelems; i++)
        TRY(validate_elem(v, &m->elems[i]));
    for (uint32_t i = 0; i < m->ndatas; i++)
        TRY(validate_data(v, &m->datas[i]));
    return MW_OK;
}

/* ---- Modules -------------------------------------------------------------------------------------------- */

/* Function bodies come last: what all else declares is what ref.func may name in them. */
static mw_error validate(const validator *v)
{
    const mw_module *m = v->module;
    TRY(validate_types(v));
    TRY(validate_function_types(v));
    TRY(validate_tables(v));
    TRY(validate_memories(v));
    TRY(validate_tags(v));
    TRY(validate_globals(v));
    TRY(validate_exports(v));
    TRY(validate_start(v));
    TRY(validate_segments(v));
    for (uint32_t i = m->nimported_funcs; i < m->nfuncs; i++)
        TRY(mw_validate_function(v->body, i));
    return MW_OK;
}

mw_error mw_module_validate(mw_module *module, uint64_t features, mw_report *report)
{
    validator v = {.module = module, .features = features & MW_FEATURES_IMPLEMENTED, .report = report};
    TRY(mw_body_validator_new(module, v.features, report, &v.body));
    mw_error error = validate(&v);
    mw_body_validator_free(v.body);
    return error;
}
