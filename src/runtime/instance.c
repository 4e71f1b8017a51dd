/* Instantiation (specification 4.5.4). */
#include "runtime/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Constant expressions ----------------------------------------------------------------------------------- */

/* Each operator pushes one value or replaces two by one: n of them leave one value and need (n + 1) / 2 places. */
#define CONST_STACK 256
#define CONST_MAX_OPS (2 * CONST_STACK - 1)

mw_value mw_const_eval(mw_instance *instance, const mw_const_expr *expr)
{
    mw_value stack[CONST_STACK];
    stack[0] = (mw_value){0};
    size_t depth = 0;
    for (uint64_t i = 0; i < expr->nops; i++) {
        const mw_const_op *op = &expr->ops[i];
        mw_value *top = stack + depth;
        switch ((mw_const_opcode)op->opcode) {
        case MW_CONST_VALUE: stack[depth++] = op->value; break;
        case MW_CONST_GLOBAL_GET: stack[depth++] = *instance->globals[op->index]; break;
        case MW_CONST_REF_FUNC: stack[depth++] = (mw_value){.ref = &instance->funcs[op->index]}; break;
#define BINARY(field, unsigned_type, operator)                                                     \
    top[-2].field = (__typeof__(top->field))((unsigned_type)top[-2].field operator (unsigned_type) top[-1].field); \
    depth--;                                                                                       \
    break
        case MW_CONST_I32_ADD: BINARY(i32, uint32_t, +);
        case MW_CONST_I32_SUB: BINARY(i32, uint32_t, -);
        case MW_CONST_I32_MUL: BINARY(i32, uint32_t, *);
        case MW_CONST_I64_ADD: BINARY(i64, uint64_t, +);
        case MW_CONST_I64_SUB: BINARY(i64, uint64_t, -);
        case MW_CONST_I64_MUL: BINARY(i64, uint64_t, *);
#undef BINARY
        }
    }
    return stack[0];
}

/* An implementation limit (specification, appendix A.2), so that evaluation needs no memory and cannot fail. */
static mw_error check_const_exprs(const mw_code_descriptor *d, mw_report *report)
{
    uint64_t longest = 0;
#define LONGEST(expr) longest = (expr).nops > longest ? (expr).nops : longest
    for (uint32_t i = 0; i < d->nglobals; i++)
        LONGEST(d->globals[i].init);
    for (uint32_t i = 0; i < d->ntables; i++)
        LONGEST(d->tables[i].init);
    for (uint32_t i = 0; i < d->ndatas; i++)
        LONGEST(d->datas[i].offset);
    for (uint32_t i = 0; i < d->nelems; i++) {
        LONGEST(d->elems[i].offset);
        for (uint64_t k = 0; d->elems[i].exprs && k < d->elems[i].count; k++)
            LONGEST(d->elems[i].exprs[k]);
    }
#undef LONGEST
    if (longest <= CONST_MAX_OPS)
        return MW_OK;
    return mw_fail(report, MW_ERR_LIMIT, "the module has a constant expression of %" PRIu64 " instructions, more than "
                   "the %d that are supported", longest, CONST_MAX_OPS);
}

/* ---- Imports -------------------------------------------------------------------------------------------------- */

/* A sentence that grows piece by piece and says how much did not fit. */
typedef struct sentence {
    char text[900];
    size_t len;
    unsigned items, omitted;
} sentence;

static __attribute__((format(printf, 2, 3))) void add_item(sentence *s, const char *format, ...)
{
    char item[400];
    va_list args;
    va_start(args, format);
    vsnprintf(item, sizeof item, format, args);
    va_end(args);
    size_t n = strlen(item), separator = s->items ? 2 : 0;
    if (s->omitted || s->len + separator + n >= sizeof s->text) {
        s->omitted++;
    } else {
        memcpy(s->text + s->len, ", ", separator);
        memcpy(s->text + s->len + separator, item, n + 1);
        s->len += separator + n;
    }
    s->items++;
}

static const char *const kind_names[] = {"function", "table", "memory", "global", "tag"};

/* "env.foo", with what would disturb a terminal replaced. */
static void import_name(const mw_import_desc *import, char *out, size_t size)
{
    snprintf(out, size, "%.*s.%.*s", import->module_len > 80 ? 80 : (int)import->module_len, import->module,
             import->name_len > 160 ? 160 : (int)import->name_len, import->name);
    for (; *out; out++)
        *out = mw_printable(*out);
}

static const mw_functype *import_functype(const mw_code *code, const mw_import_desc *import)
{
    return mw_functype_of(code->type_ids[code->desc->func_types[import->index]]);
}

static void describe_missing(sentence *missing, const mw_code *code, const mw_import_desc *import)
{
    char name[256], type[200];
    import_name(import, name, sizeof name);
    if (import->kind == MW_EXTERN_FUNC) {
        mw_functype_print(import_functype(code, import), type, sizeof type);
        add_item(missing, "%s %s", name, type);
    } else {
        add_item(missing, "%s (%s)", name, import->kind <= MW_EXTERN_TAG ? kind_names[import->kind] : "?");
    }
}

/* Limits of an import (specification 3.2, "Import Subtyping"): what is offered has at least the minimum
 * and, if a maximum is asked for, has one that is no larger. */
static bool limits_match(uint64_t size, uint64_t declared_max, mw_limits_desc wanted)
{
    return size >= wanted.min && (wanted.max == UINT64_MAX || declared_max <= wanted.max);
}

/* Binds one import; false, with the reason in `why`, if the definition is of another type. */
static bool bind_import(mw_instance *instance, const mw_code *code, const mw_import_desc *import,
                        const mw_definition *def, char *why, size_t why_size)
{
    const mw_code_descriptor *d = code->desc;
    const mw_extern *v = &def->value;
    if ((uint32_t)v->kind != import->kind) {
        snprintf(why, why_size, "is a %s here, not a %s", kind_names[v->kind],
                 import->kind <= MW_EXTERN_TAG ? kind_names[import->kind] : "?");
        return false;
    }
    switch (v->kind) {
    case MW_EXTERN_FUNC: {
        mw_func func = def->is_host ? def->host : *v->of.func;
        uint32_t wanted = code->type_ids[d->func_types[import->index]];
        if (def->bad_signature || !mw_functype_is_subtype(func.type_id, wanted)) {
            char has[200] = "(its signature in this host's table is invalid)", wants[200];
            if (!def->bad_signature)
                mw_functype_print(mw_functype_of(func.type_id), has, sizeof has);
            mw_functype_print(mw_functype_of(wanted), wants, sizeof wants);
            snprintf(why, why_size, "is %s here, not %s", has, wants);
            return false;
        }
        if (!func.instance) { /* a host function */
            func.instance = instance;
            func.context = (mw_context *)instance;
            func.index = import->index;
        }
        instance->funcs[import->index] = func;
        return true;
    }
    case MW_EXTERN_TABLE: {
        const mw_table_desc *wanted = &d->tables[import->index];
        mw_valtype type = mw_valtype_interned(wanted->type, code->type_ids);
        if (v->of.table->type != type) {
            snprintf(why, why_size, "is a table of %s here, not of %s", mw_valtype_name(v->of.table->type).s,
                     mw_valtype_name(type).s);
            return false;
        }
        if (v->of.table->is64 != wanted->is64) {
            snprintf(why, why_size, "is a table with %s indices here, not %s", v->of.table->is64 ? "i64" : "i32",
                     wanted->is64 ? "i64" : "i32");
            return false;
        }
        if (!limits_match(v->of.table->size, v->of.table->declared_max, wanted->limits)) {
            snprintf(why, why_size, "is a table with other limits here");
            return false;
        }
        instance->tables[import->index] = v->of.table;
        return true;
    }
    case MW_EXTERN_MEMORY:
        if (v->of.memory->shared != d->memories[import->index].shared) {
            snprintf(why, why_size, "is a %s memory here, not a %s one", v->of.memory->shared ? "shared" : "private",
                     v->of.memory->shared ? "private" : "shared");
            return false;
        }
        if (v->of.memory->is64 != d->memories[import->index].is64) {
            snprintf(why, why_size, "is a %s memory here, not a %s one", v->of.memory->is64 ? "64-bit" : "32-bit",
                     v->of.memory->is64 ? "32-bit" : "64-bit");
            return false;
        }
        if (!limits_match(__atomic_load_n(&v->of.memory->pages, __ATOMIC_SEQ_CST), v->of.memory->declared_max,
                          d->memories[import->index].limits)) {
            snprintf(why, why_size, "is a memory with other limits here");
            return false;
        }
        instance->memories[import->index] = v->of.memory;
        mw_memory_hold(v->of.memory);
        return true;
    case MW_EXTERN_GLOBAL: {
        const mw_global_desc *wanted = &d->globals[import->index];
        mw_valtype type = mw_valtype_interned(wanted->type, code->type_ids);
        bool matches = wanted->is_mutable ? v->global_type == type : mw_valtype_is_subtype(v->global_type, type);
        if (!matches || v->global_mutable != wanted->is_mutable) {
            snprintf(why, why_size, "is a global of type %s%s here, not %s%s", v->global_mutable ? "mutable " : "",
                     mw_valtype_name(v->global_type).s, wanted->is_mutable ? "mutable " : "",
                     mw_valtype_name(type).s);
            return false;
        }
        instance->globals[import->index] = v->of.global;
        return true;
    }
    case MW_EXTERN_TAG: {
        uint32_t wanted = code->type_ids[d->tag_types[import->index]];
        if (v->of.tag->type_id != wanted) {
            char has[200], wants[200];
            mw_functype_print(mw_functype_of(v->of.tag->type_id), has, sizeof has);
            mw_functype_print(mw_functype_of(wanted), wants, sizeof wants);
            snprintf(why, why_size, "is a tag of type %s here, not %s", has, wants);
            return false;
        }
        instance->tags[import->index] = v->of.tag;
        return true;
    }
    default:
        snprintf(why, why_size, "is of a kind that cannot be imported");
        return false;
    }
}

static mw_error resolve_imports(mw_instance *instance, const mw_code *code, const mw_linker *linker,
                                mw_report *report)
{
    const mw_code_descriptor *d = code->desc;
    sentence missing = {0}, mismatched = {0};
    bool only_functions = true, wide_pointers = false;
    for (uint32_t i = 0; i < d->nimports; i++) {
        const mw_import_desc *import = &d->imports[i];
        mw_definition def;
        char why[500], name[256];
        if (!mw_linker_find(linker, import, &def)) {
            only_functions &= import->kind == MW_EXTERN_FUNC;
            describe_missing(&missing, code, import);
        } else if (!bind_import(instance, code, import, &def, why, sizeof why)) {
            import_name(import, name, sizeof name);
            add_item(&mismatched, "%s %s", name, why);
            wide_pointers |= def.is_host && d->nmemories && d->memories[0].is64;
        }
    }
    if (!missing.items && !mismatched.items)
        return MW_OK;

    char first[1024] = "", second[1200] = "", more[2][32] = {"", ""};
    if (missing.omitted)
        snprintf(more[0], sizeof more[0], " and %u more", missing.omitted);
    if (mismatched.omitted)
        snprintf(more[1], sizeof more[1], " and %u more", mismatched.omitted);
    if (missing.items)
        snprintf(first, sizeof first, "the module needs %u %s%s that this host lacks: %s%s", missing.items,
                 only_functions ? "function" : "import", missing.items == 1 ? "" : "s", missing.text, more[0]);
    if (mismatched.items)
        snprintf(second, sizeof second, "%s%s%u import%s of the module %s another type here: %s%s",
                 missing.items ? "; " : "",
                 wide_pointers ? "the module has a 64-bit memory, so pointers and sizes are i64: " : "",
                 mismatched.items, mismatched.items == 1 ? "" : "s", mismatched.items == 1 ? "has" : "have",
                 mismatched.text, more[1]);
    return mw_fail(report, MW_ERR_LINK, "%s%s", first, second);
}

/* ---- Allocation ------------------------------------------------------------------------------------------------ */

static uint64_t tags_made; /* the last tag's id */
static const mw_memory no_memory;

/* One zeroed block: private part, cells of the defined globals, instance, then the arrays. Cells and instance are before
 * memory 0 instead if compiled code finds the memory by that (mw_code_descriptor.memory0_at_context). */
static mw_error allocate(mw_code *code, mw_report *report, mw_instance **out)
{
    const mw_code_descriptor *d = code->desc;
    uint64_t cells_bytes = (d->nglobals - d->nimported_globals) * sizeof(mw_global) + sizeof(mw_instance); /* at the most */
    uint64_t own_memories = d->nmemories - d->nimported_memories;
    uint64_t own_tables = d->ntables - d->nimported_tables;
    uint64_t own_tags = d->ntags - d->nimported_tags;
    bool before_memory = d->memory0_at_context;
    enum { CELLS, FUNCS, GLOBALS, MEMORIES, TABLES, TAGS, OWN_MEMORIES, OWN_TABLES, OWN_TAGS, DATAS, ELEMS, PARTS };
    const uint64_t sizes[PARTS] = {
        [CELLS] = before_memory ? 0 : cells_bytes,
        [FUNCS] = d->nfuncs * (uint64_t)sizeof(mw_func),
        [GLOBALS] = d->nglobals * (uint64_t)sizeof(mw_global *),
        [MEMORIES] = (d->nmemories ? d->nmemories : 1) * (uint64_t)sizeof(mw_memory *),
        [TABLES] = d->ntables * (uint64_t)sizeof(mw_table *),
        [TAGS] = d->ntags * (uint64_t)sizeof(mw_tag *),
        [OWN_MEMORIES] = own_memories * sizeof(mw_memory),
        [OWN_TABLES] = own_tables * sizeof(mw_table),
        [OWN_TAGS] = own_tags * sizeof(mw_tag),
        [DATAS] = d->ndatas,
        [ELEMS] = d->nelems,
    };
    uint64_t offsets[PARTS], total = sizeof(mw_instance_private);
    for (unsigned i = 0; i < PARTS; i++) {
        offsets[i] = total;
        total += (sizes[i] + 15) & ~UINT64_C(15);
    }
    uint8_t *block = calloc(1, total); /* malloc's 16-byte alignment is that of mw_value */
    if (!block)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    mw_instance_private *priv = (mw_instance_private *)block;
    uint8_t *context = block + offsets[CELLS] + cells_bytes;
    priv->own_memories = (mw_memory *)(block + offsets[OWN_MEMORIES]);
    if (before_memory) {
        mw_error error = mw_memory_reserve(&priv->own_memories[0], cells_bytes, report);
        if (error) {
            free(block);
            return error;
        }
        context = priv->own_memories[0].base;
    }
    mw_instance *instance = mw_instance_of_context((mw_context *)context);
    instance->own = priv;
    priv->own_tables = (mw_table *)(block + offsets[OWN_TABLES]);
    priv->own_tags = (mw_tag *)(block + offsets[OWN_TAGS]);
    priv->data_dropped = block + offsets[DATAS];
    priv->elem_dropped = block + offsets[ELEMS];
    instance->builtins = &mw_runtime_builtins;
    instance->funcs = (mw_func *)(block + offsets[FUNCS]);
    instance->type_ids = code->type_ids;
    instance->memories = (mw_memory **)(block + offsets[MEMORIES]);
    instance->tables = (mw_table **)(block + offsets[TABLES]);
    instance->globals = (mw_global **)(block + offsets[GLOBALS]);
    instance->tags = (mw_tag **)(block + offsets[TAGS]);
    instance->code = d;

    for (uint32_t i = d->nimported_funcs; i < d->nfuncs; i++)
        instance->funcs[i] = (mw_func){
            .code = d->code[i - d->nimported_funcs],
            .tail_code = d->tail_code ? d->tail_code[i - d->nimported_funcs] : NULL,
            .context = mw_context_of(instance),
            .instance = instance,
            .type_id = code->type_ids[d->func_types[i]],
            .index = i,
        };
    for (uint32_t i = d->nimported_memories; i < d->nmemories; i++) /* shared ones are objects of their own */
        instance->memories[i] = d->memories[i].shared ? NULL : &priv->own_memories[i - d->nimported_memories];
    if (d->nmemories == 0)
        instance->memories[0] = (mw_memory *)&no_memory;
    for (uint32_t i = d->nimported_tables; i < d->ntables; i++)
        instance->tables[i] = &priv->own_tables[i - d->nimported_tables];
    for (uint32_t i = d->nimported_tags; i < d->ntags; i++) {
        mw_tag *tag = &priv->own_tags[i - d->nimported_tags];
        *tag = (mw_tag){__atomic_add_fetch(&tags_made, 1, __ATOMIC_RELAXED), code->type_ids[d->tag_types[i]]};
        instance->tags[i] = tag;
    }
    for (uint32_t i = d->nimported_globals; i < d->nglobals; i++)
        instance->globals[i] = (mw_global *)(context + (int64_t)mw_global_offset(i - d->nimported_globals));

    priv->code = code;
    mw_code_attach(code, instance);
    *out = instance;
    return MW_OK;
}

void mw_instance_free(mw_instance *instance)
{
    if (!instance)
        return;
    mw_instance_private *priv = mw_private(instance);
    const mw_code_descriptor *d = instance->code;
    bool before_memory = d->memory0_at_context;
    mw_exceptions_unwatch(instance);
    for (uint32_t i = 0; i < d->nmemories; i++) {
        if (!instance->memories[i])
            continue; /* an import that was not found */
        if (d->memories[i].shared)
            mw_memory_release(instance->memories[i]);
        else if (i >= d->nimported_memories && !(i == 0 && before_memory))
            mw_memory_destroy(&priv->own_memories[i - d->nimported_memories]);
    }
    for (uint32_t i = 0; i < d->ntables - d->nimported_tables; i++)
        mw_table_destroy(&priv->own_tables[i]);
    mw_code_detach(priv->code, instance);
    if (before_memory)
        mw_memory_destroy(&priv->own_memories[0]); /* and the instance with it */
    free(priv);
}

static mw_error allocate_memories_and_tables(mw_instance *instance, const mw_instance_limits *limits,
                                             mw_report *report)
{
    const mw_code_descriptor *d = instance->code;
    mw_instance_private *priv = mw_private(instance->first ? instance->first : instance); /* threads share the limits */
    if (!instance->first) {
        uint64_t pages = limits ? limits->max_memory_pages : 0;
        priv->is_limited = pages != 0;
        priv->pages_left = pages == MW_NO_MORE_PAGES ? 0 : pages;
        priv->elems_left = limits && limits->max_table_elems ? limits->max_table_elems : MW_DEFAULT_MAX_TABLE_ELEMS;
    }
    uint64_t *pages_left = priv->is_limited ? &priv->pages_left : NULL;
    for (uint32_t i = d->nimported_memories; i < d->nmemories; i++) {
        mw_error error = d->memories[i].shared
                             ? mw_shared_memory_create(d->memories[i], pages_left, report, &instance->memories[i])
                             : mw_memory_create_reserved(instance->memories[i], d->memories[i], pages_left, report);
        if (error)
            return error;
    }
    for (uint32_t i = d->nimported_tables; i < d->ntables; i++) {
        mw_table_desc desc = d->tables[i];
        desc.type = mw_valtype_interned(desc.type, instance->type_ids);
        mw_error error = mw_table_create(instance->tables[i], desc, &priv->elems_left, report);
        if (error)
            return error;
    }
    if (d->nmemories) {
        instance->memory0 = instance->memories[0]->base;
        instance->limit0 = instance->memories[0]->limit;
    }
    return MW_OK;
}

static void fill_tables(mw_instance *instance)
{
    const mw_code_descriptor *d = instance->code;
    for (uint32_t i = d->nimported_tables; i < d->ntables; i++) {
        mw_table *table = instance->tables[i];
        void *value = mw_const_eval(instance, &d->tables[i].init).ref;
        for (uint64_t k = 0; value && k < table->size; k++)
            table->elems[k] = value;
    }
}

/* Index that an active segment's offset means: i32 offsets are unsigned. */
static uint64_t segment_offset(mw_instance *instance, const mw_const_expr *offset, bool is64)
{
    mw_value v = mw_const_eval(instance, offset);
    return is64 ? (uint64_t)v.i64 : (uint32_t)v.i32;
}

/* Active segments in order, element segments first; each is checked when its turn comes, so what earlier ones
 * wrote stays (specification 4.5.4, steps of bulk memory). Active and declarative segments are dropped. */
static mw_trap_code run_segments(mw_instance *instance)
{
    const mw_code_descriptor *d = instance->code;
    for (uint32_t i = 0; i < d->nelems; i++) {
        const mw_elem_desc *elem = &d->elems[i];
        if (elem->mode == MW_SEGMENT_PASSIVE)
            continue;
        if (elem->mode == MW_SEGMENT_ACTIVE) {
            mw_trap_code code = mw_table_init_op(instance, elem->table, i,
                                                 segment_offset(instance, &elem->offset, d->tables[elem->table].is64), 0,
                                                 elem->count);
            if (code)
                return code;
        }
        mw_private(instance)->elem_dropped[i] = 1;
    }
    for (uint32_t i = 0; i < d->ndatas; i++) {
        const mw_data_desc *data = &d->datas[i];
        if (data->mode != MW_SEGMENT_ACTIVE)
            continue;
        mw_trap_code code = mw_memory_init_op(instance, data->memory, i,
                                              segment_offset(instance, &data->offset, d->memories[data->memory].is64),
                                              0, data->size);
        if (code)
            return code;
        mw_private(instance)->data_dropped[i] = 1;
    }
    return MW_TRAP_NONE;
}

/* What follows once the imports are bound; the trap of a segment that does not fit in *trapped. */
static mw_error fill(mw_instance *instance, const mw_instance_limits *limits, mw_report *report, mw_trap_code *trapped)
{
    const mw_code_descriptor *d = instance->code;
    *trapped = MW_TRAP_NONE;
    mw_error error = allocate_memories_and_tables(instance, limits, report);
    if (error)
        return error;
    for (uint32_t i = d->nimported_globals; i < d->nglobals; i++)
        *instance->globals[i] = mw_const_eval(instance, &d->globals[i].init);
    fill_tables(instance);
    mw_exceptions_watch(instance);
    *trapped = run_segments(instance);
    if (*trapped)
        return mw_fail(report, MW_ERR_TRAP, "a segment of the module does not fit: %s",
                       *trapped == MW_TRAP_TABLE_OUT_OF_BOUNDS ? "out of bounds table access"
                                                               : "out of bounds memory access");
    return MW_OK;
}

mw_error mw_instantiate(mw_code *code, mw_linker *linker, const mw_instance_limits *limits, mw_report *report,
                        mw_trap *trap, mw_instance **out)
{
    const mw_code_descriptor *d = code->desc;
    mw_error error = check_const_exprs(d, report);
    if (error)
        return error;
    mw_instance *instance;
    error = allocate(code, report, &instance);
    if (error)
        return error;
    error = resolve_imports(instance, code, linker, report);
    if (error)
        goto fail;
    mw_trap_code trapped;
    error = fill(instance, limits, report, &trapped);
    if (trapped) {
        if (trap)
            *trap = (mw_trap){.code = trapped};
        /* Imported tables may refer to its functions by now. */
        if (d->nimported_tables) {
            mw_linker_adopt(linker, instance);
            return error;
        }
    }
    if (error)
        goto fail;
    *out = instance;
    return MW_OK;

fail:
    mw_instance_free(instance);
    return error;
}

/* ---- Instances of threads --------------------------------------------------------------------------------------- */

mw_error mw_instance_check_sharing(const mw_instance *instance, mw_report *report)
{
    const mw_code_descriptor *d = instance->code;
    char name[256];
    for (uint32_t i = 0; i < d->nimports; i++) {
        const mw_import_desc *import = &d->imports[i];
        bool shared = import->kind == MW_EXTERN_FUNC || import->kind == MW_EXTERN_TAG ||
                      (import->kind == MW_EXTERN_MEMORY && d->memories[import->index].shared) ||
                      (import->kind == MW_EXTERN_GLOBAL && !d->globals[import->index].is_mutable);
        import_name(import, name, sizeof name);
        if (!shared)
            return mw_fail(report, MW_ERR_LINK, "the module starts threads, which cannot share the %s %s that it imports",
                           import->kind <= MW_EXTERN_TAG ? kind_names[import->kind] : "?", name);
    }
    return MW_OK;
}

mw_error mw_instance_for_thread(mw_instance *parent, mw_report *report, mw_instance **out)
{
    const mw_code_descriptor *d = parent->code;
    mw_instance *instance;
    mw_error error = allocate(mw_private(parent)->code, report, &instance);
    if (error)
        return error;
    instance->first = parent->first ? parent->first : parent;
    memcpy(instance->host, parent->host, sizeof instance->host);
    for (uint32_t i = 0; i < d->nimported_funcs; i++) {
        instance->funcs[i] = parent->funcs[i];
        if (instance->funcs[i].instance == parent) { /* a host function */
            instance->funcs[i].instance = instance;
            instance->funcs[i].context = (mw_context *)instance;
        }
    }
    for (uint32_t i = 0; i < d->nimported_memories; i++) {
        instance->memories[i] = parent->memories[i];
        mw_memory_hold(instance->memories[i]);
    }
    for (uint32_t i = 0; i < d->nimported_globals; i++)
        instance->globals[i] = parent->globals[i];
    for (uint32_t i = 0; i < d->nimported_tags; i++)
        instance->tags[i] = parent->tags[i];
    mw_trap_code trapped;
    error = mw_instance_check_sharing(parent, report);
    if (error == MW_OK)
        error = fill(instance, NULL, report, &trapped);
    if (error) {
        mw_instance_free(instance);
        return error;
    }
    *out = instance;
    return MW_OK;
}

bool mw_instance_export(mw_instance *instance, const char *name, size_t name_len, mw_extern *out)
{
    const mw_code_descriptor *d = instance->code;
    for (uint32_t i = 0; i < d->nexports; i++) {
        const mw_export_desc *e = &d->exports[i];
        if (e->name_len != name_len || memcmp(e->name, name, name_len))
            continue;
        *out = (mw_extern){.kind = (mw_extern_kind)e->kind};
        switch (out->kind) {
        case MW_EXTERN_FUNC: out->of.func = &instance->funcs[e->index]; return true;
        case MW_EXTERN_TABLE: out->of.table = instance->tables[e->index]; return true;
        case MW_EXTERN_MEMORY: out->of.memory = instance->memories[e->index]; return true;
        case MW_EXTERN_TAG: out->of.tag = instance->tags[e->index]; return true;
        case MW_EXTERN_GLOBAL:
            out->of.global = instance->globals[e->index];
            out->global_type = mw_valtype_interned(d->globals[e->index].type, instance->type_ids);
            out->global_mutable = d->globals[e->index].is_mutable;
            return true;
        default: return false;
        }
    }
    return false;
}
