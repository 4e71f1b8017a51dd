/* Tables that stay what their element segments make of them: no instruction writes to them and nobody else can. Those of
 * C and C++ programs do, so that an indirect call needs no more than one look at a constant. All functions are the module's
 * own, so the context is the caller's.
 *
 * Each type that is called has a constant of its own, the code addresses of the entries from its first function to its last
 * one: what lies between and is of another type or null is the address of a function that traps, so that nothing is left to
 * compare but the index. Few functions that are inlined (inline.h) need no constant: each is where the index is its own. Types whose functions lie far apart use the table's whole constant, where an entry has the code of
 * the function and its type. It also tells why a call traps.
 *
 * Modules may ask for the calls of C (c_calls.h): C programs call functions through pointers of other types, which
 * natively works as long as the function gets all the arguments that it takes and the caller no more results than there
 * are. The calling convention makes such calls right here as well: arguments lie where they lie whatever follows them, and nobody
 * looks at those that are too many, or at a result that is not asked for. So these functions count as being of the
 * type. Nothing changes for calls of functions of the type itself. */
#include "compiler/fixed_table.h"
#include "compiler/c_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger tables are left alone: the constant is made whole. */
enum { MAX_ELEMS = 1 << 16 };

/* Reads `<t>.const c end`. */
static bool read_offset(const mw_wasm_expr *expr, uint64_t *offset)
{
    mw_bytes code = mw_bytes_of(expr->bytes, expr->size, 0, NULL);
    mw_operator op;
    if (mw_operator_read(&code, &op) != MW_OK || (op.op != MW_OP_I32_CONST && op.op != MW_OP_I64_CONST))
        return false;
    *offset = op.op == MW_OP_I32_CONST ? (uint32_t)op.i32 : (uint64_t)op.i64;
    return mw_operator_read(&code, &op) == MW_OK && op.op == MW_OP_END;
}

static bool read_element(const mw_wasm_elem *s, uint32_t i, uint32_t *func)
{
    if (s->funcs) {
        *func = s->funcs[i];
        return true;
    }
    mw_bytes code = mw_bytes_of(s->exprs[i].bytes, s->exprs[i].size, 0, NULL);
    mw_operator op;
    if (mw_operator_read(&code, &op) != MW_OK || (op.op != MW_OP_REF_FUNC && op.op != MW_OP_REF_NULL))
        return false;
    *func = op.op == MW_OP_REF_FUNC ? op.index : MW_NO_FUNC;
    return mw_operator_read(&code, &op) == MW_OK && op.op == MW_OP_END;
}

/* Writes the segment's functions into the table's `funcs`; false if something about it is not known now. */
static bool apply_segment(const mw_module *m, const mw_wasm_elem *s, uint32_t *funcs, uint64_t size)
{
    uint64_t offset;
    if (!read_offset(&s->offset, &offset) || offset > size || s->count > size - offset)
        return false;
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t func;
        if (!read_element(s, i, &func) || (func != MW_NO_FUNC && func < m->nimported_funcs))
            return false;
        funcs[offset + i] = func;
    }
    return true;
}

static bool is_exported(const mw_module *m, uint32_t table)
{
    for (uint32_t i = 0; i < m->nexports; i++)
        if (m->exports[i].kind == MW_WASM_TABLE && m->exports[i].index == table)
            return true;
    return false;
}

static int compare_entries(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Is a constant of entries from `first` on to be had? All of a table's together are no larger than some times the table. */
static bool is_dense_from(const mw_targets *t, uint32_t first)
{
    enum { SPARSE = 4, FEW = 16 };
    return t->last - first < (uint64_t)SPARSE * t->count + FEW;
}

static bool is_dense(const mw_targets *t)
{
    return is_dense_from(t, t->first);
}

/* Results of several calls meet in one phi, so there may be one at most. */
static bool is_few(const mw_module *m, const bool *inlined, const uint32_t *funcs, const mw_targets *t)
{
    if (t->count == 1)
        return true;
    if (!inlined || t->count > MW_FEW_TARGETS || m->types[t->type].nresults > 1)
        return false;
    for (uint32_t i = 0; i < t->count; i++)
        if (!inlined[funcs[t->few[i]]])
            return false;
    return true;
}

static void find_targets(const mw_module *m, const bool *inlined, uint64_t size, mw_fixed_table *t)
{
    uint64_t *entries = mw_calloc(size, sizeof *entries), n = 0; /* type, index */
    for (uint64_t i = 0; i < size; i++)
        if (t->funcs[i] != MW_NO_FUNC)
            entries[n++] = (uint64_t)m->types[m->funcs[t->funcs[i]].type].canonical << 32 | i;
    qsort(entries, n, sizeof *entries, compare_entries);
    t->targets = mw_calloc(n, sizeof *t->targets);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t type = (uint32_t)(entries[i] >> 32), index = (uint32_t)entries[i];
        if (!t->ntargets || t->targets[t->ntargets - 1].type != type)
            t->targets[t->ntargets++] = (mw_targets){.type = type, .first = index};
        mw_targets *last = &t->targets[t->ntargets - 1];
        last->last = index;
        if (last->count < MW_FEW_TARGETS)
            last->few[last->count] = index;
        last->count++;
    }
    for (uint32_t i = 0; i < t->ntargets; i++) {
        t->targets[i].is_few = is_few(m, inlined, t->funcs, &t->targets[i]);
        if (is_dense_from(&t->targets[i], 0))
            t->targets[i].first = 0; /* no subtraction */
    }
    free(entries);
}

/* The functions of a canonical type; NULL if there are none. */
static const mw_targets *targets_of(const mw_fixed_table *t, uint32_t type)
{
    uint32_t low = 0, high = t->ntargets;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->targets[middle].type < type)
            low = middle + 1;
        else
            high = middle;
    }
    return low < t->ntargets && t->targets[low].type == type ? &t->targets[low] : NULL;
}

/* May a function of the one type be called as one of the other, by the rules of C? Nobody passes very many arguments too many,
 * and where no function serves, nothing of the call is compiled: libomp has calls with up to 127. */
static bool serves_as(const mw_wasm_functype *function, const mw_wasm_functype *called)
{
    enum { MAX_TOO_MANY = 16 };
    if (!mw_takes_no_more(function, called) || called->nparams - function->nparams > MAX_TOO_MANY)
        return false;
    if (function->nresults > 1 || called->nresults > function->nresults)
        return false;
    return !called->nresults || called->types[called->nparams] == function->types[function->nparams];
}

/* What a call of a type by the table may find. In modules with very many types only functions of the type itself. */
static void find_others(const mw_module *m, mw_fixed_table *t)
{
    enum { MAX_PAIRS = 1 << 20 };
    uint64_t called = 0;
    for (uint32_t i = 0; i < m->ntypes; i++)
        called += m->types[i].is_called_by_table;
    if (called * t->ntargets > MAX_PAIRS)
        return;
    t->has_others = mw_calloc(m->ntypes, sizeof *t->has_others);
    for (uint32_t i = 0; i < m->ntypes; i++)
        for (uint32_t k = 0; m->types[i].is_called_by_table && !t->has_others[i] && k < t->ntargets; k++)
            t->has_others[i] = t->targets[k].type != i && serves_as(&m->types[t->targets[k].type], &m->types[i]);
}

static bool has_others(const mw_fixed_table *t, uint32_t type)
{
    return t->has_others && t->has_others[type];
}

static uint32_t *read_table(const mw_module *m, const mw_compile_options *options, uint32_t table)
{
    const mw_wasm_table *t = &m->tables[table];
    if (table < m->nimported_tables || t->is_written || t->type != MW_WASM_FUNCREF || t->init.size ||
        t->limits.min > MAX_ELEMS || (!options->closed && is_exported(m, table)))
        return NULL;
    uint32_t *funcs = mw_calloc(t->limits.min, sizeof *funcs);
    for (uint64_t i = 0; i < t->limits.min; i++)
        funcs[i] = MW_NO_FUNC;
    for (uint32_t i = 0; i < m->nelems; i++) {
        const mw_wasm_elem *s = &m->elems[i];
        if (s->mode == MW_WASM_ACTIVE && s->table == table && !apply_segment(m, s, funcs, t->limits.min)) {
            free(funcs);
            return NULL;
        }
    }
    return funcs;
}

mw_fixed_table *mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options, const bool *inlined)
{
    mw_fixed_table *tables = mw_calloc(m->ntables, sizeof *tables);
    uint64_t room = MAX_ELEMS; /* of all tables together */
    bool as_c = mw_calls_as_c(m, options);
    for (uint32_t i = 0; i < m->ntables; i++)
        if (m->tables[i].limits.min <= room) {
            tables[i].funcs = read_table(m, options, i);
            if (!tables[i].funcs)
                continue;
            room -= m->tables[i].limits.min;
            find_targets(m, inlined, m->tables[i].limits.min, &tables[i]);
            if (as_c)
                find_others(m, &tables[i]);
        }
    return tables;
}

void mw_fixed_tables_free(const mw_module *m, mw_fixed_table *tables)
{
    for (uint32_t i = 0; tables && i < m->ntables; i++) {
        free(tables[i].funcs);
        free(tables[i].targets);
        free(tables[i].has_others);
    }
    free(tables);
}

static LLVMTypeRef entry_type(const mw_unit *u)
{
    LLVMTypeRef fields[] = {u->ptr, u->i64};
    return LLVMStructTypeInContext(u->context, fields, 2, false);
}

static LLVMValueRef constant(mw_unit *u, const char *name, LLVMTypeRef element, uint64_t count)
{
    LLVMValueRef symbol = LLVMGetNamedGlobal(u->llvm, name);
    if (!symbol) {
        symbol = LLVMAddGlobal(u->llvm, LLVMArrayType2(element, count), name);
        LLVMSetGlobalConstant(symbol, true);
        LLVMSetVisibility(symbol, LLVMHiddenVisibility);
    }
    return symbol;
}

static LLVMValueRef table_symbol(mw_unit *u, uint32_t table)
{
    char name[32];
    snprintf(name, sizeof name, "mw_fixed_table.%" PRIu32, table);
    return constant(u, name, entry_type(u), u->module->tables[table].limits.min);
}

static LLVMValueRef targets_symbol(mw_unit *u, uint32_t table, const mw_targets *t)
{
    char name[48];
    snprintf(name, sizeof name, "mw_fixed_table.%" PRIu32 ".t%" PRIu32, table, t->type);
    return constant(u, name, u->ptr, (uint64_t)t->last - t->first + 1);
}

/* What a call gets to whose entry is null or of another type: of any type, as it only looks at the context. Each tells of
 * one type, those for functions of another type of one element, too, as long as there are not too many. */
static LLVMValueRef trapping_function(mw_unit *u, mw_trap_code code, uint32_t table, uint32_t type, uint64_t index)
{
    enum { MANY = 64 };
    char name[80];
    if (u->ntrapping >= MANY)
        index = UINT64_MAX;
    if (u->ntrapping >= 2 * MANY)
        type = UINT32_MAX;
    snprintf(name, sizeof name, "mw_trap%d.%" PRIu32 ".t%" PRIu32 ".%" PRIx64, (int)code, table, type, index);
    LLVMTypeRef params[] = {u->ptr};
    LLVMValueRef f = LLVMGetNamedFunction(u->llvm, name);
    if (f)
        return f;
    u->ntrapping++;
    f = LLVMAddFunction(u->llvm, name, LLVMFunctionType(u->void_type, params, 1, 0));
    LLVMSetLinkage(f, LLVMInternalLinkage);
    mw_function_attributes(u, f);
    mw_emitter e = {.unit = u, .builder = u->builder, .llvm_func = f, .context = LLVMGetParam(f, 0)};
    LLVMPositionBuilderAtEnd(u->builder, mw_new_block(&e, ""));
    mw_call_trap(&e, &(mw_call_site){table, type, mw_i64(u, index)}, mw_i32(u, code));
    return f;
}

static void emit_table(mw_unit *u, uint32_t table)
{
    const mw_module *m = u->module;
    const uint32_t *funcs = u->fixed_tables[table].funcs;
    size_t size = (size_t)m->tables[table].limits.min;
    LLVMValueRef *entries = mw_calloc(size, sizeof *entries);
    for (size_t k = 0; k < size; k++) {
        bool null = funcs[k] == MW_NO_FUNC;
        LLVMValueRef fields[] = {null ? LLVMConstNull(u->ptr) : mw_llvm_entry(u, funcs[k]),
                                 mw_i64(u, null ? MW_NO_FUNC : m->types[m->funcs[funcs[k]].type].canonical)};
        entries[k] = LLVMConstStructInContext(u->context, fields, 2, false);
    }
    LLVMValueRef symbol = table_symbol(u, table);
    LLVMSetInitializer(symbol, LLVMConstArray2(entry_type(u), entries, size));
    LLVMSetAlignment(symbol, 16);
    free(entries);
}

static bool has_constant(const mw_module *m, const mw_targets *t)
{
    const mw_wasm_functype *type = &m->types[t->type];
    return type->is_called_by_table && type->is_final && !t->is_few && is_dense(t);
}

static void emit_targets(mw_unit *u, uint32_t table, const mw_targets *t)
{
    const mw_module *m = u->module;
    const uint32_t *funcs = u->fixed_tables[table].funcs + t->first;
    uint32_t size = t->last - t->first + 1;
    bool others = has_others(&u->fixed_tables[table], t->type);
    LLVMValueRef *entries = mw_calloc(size, sizeof *entries);
    for (uint32_t k = 0; k < size; k++) {
        if (funcs[k] == MW_NO_FUNC) {
            entries[k] = trapping_function(u, MW_TRAP_UNINITIALIZED_ELEMENT, table, t->type, UINT64_MAX);
            continue;
        }
        uint32_t type = m->types[m->funcs[funcs[k]].type].canonical;
        bool fits = type == t->type || (others && serves_as(&m->types[type], &m->types[t->type]));
        entries[k] = fits ? mw_llvm_entry(u, funcs[k])
                          : trapping_function(u, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH, table, t->type, t->first + k);
    }
    LLVMSetInitializer(targets_symbol(u, table, t), LLVMConstArray2(u->ptr, entries, size));
    free(entries);
}

void mw_emit_fixed_tables(mw_unit *u)
{
    const mw_module *m = u->module;
    for (uint32_t i = 0; i < m->ntables; i++) {
        const mw_fixed_table *table = &u->fixed_tables[i];
        if (table->funcs)
            emit_table(u, i);
        for (uint32_t k = 0; k < table->ntargets; k++)
            if (has_constant(m, &table->targets[k]))
                emit_targets(u, i, &table->targets[k]);
    }
}

bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table)
{
    return u->fixed_tables[table].funcs && u->module->types[type].is_final;
}

const mw_targets *mw_few_targets(const mw_module *m, const mw_fixed_table *t, uint32_t type)
{
    if (!t->funcs || !m->types[type].is_final)
        return NULL;
    const mw_targets *targets = targets_of(t, m->types[type].canonical);
    return targets && targets->is_few ? targets : NULL;
}

mw_lookup mw_fixed_table_lookup(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index)
{
    const mw_unit *u = e->unit;
    const mw_fixed_table *t = &u->fixed_tables[table];
    uint32_t canonical = u->module->types[type].canonical;
    return (mw_lookup){.site = {table, canonical, mw_widen(e, mw_settle(e, index))},
                       .targets = targets_of(t, canonical), .has_others = has_others(t, canonical)};
}

static LLVMValueRef load_type(mw_emitter *e, uint32_t table, LLVMValueRef index)
{
    mw_unit *u = e->unit;
    LLVMValueRef entry = LLVMBuildInBoundsGEP2(e->builder, entry_type(u), table_symbol(u, table), &index, 1, "");
    return mw_load_constant(e, u->i32, entry, sizeof(void *));
}

static LLVMValueRef mismatch(mw_emitter *e, void *actual)
{
    const mw_unit *u = e->unit;
    LLVMValueRef is_null = LLVMBuildICmp(e->builder, LLVMIntEQ, actual, mw_i32(u, MW_NO_FUNC), "");
    return LLVMBuildSelect(e->builder, is_null, mw_i32(u, MW_TRAP_UNINITIALIZED_ELEMENT),
                           mw_i32(u, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH), "");
}

/* Why a call at an index traps at which there is no function of its type; the table has some. */
static LLVMValueRef miss(mw_emitter *e, void *arg)
{
    mw_unit *u = e->unit;
    const mw_lookup *l = arg;
    uint64_t size = u->module->tables[l->site.table].limits.min;
    LLVMValueRef is_outside = LLVMBuildICmp(e->builder, LLVMIntUGE, l->site.index, mw_i64(u, size), "");
    LLVMValueRef inside = LLVMBuildSelect(e->builder, is_outside, mw_i64(u, 0), l->site.index, "");
    return LLVMBuildSelect(e->builder, is_outside, mw_i32(u, MW_TRAP_UNDEFINED_ELEMENT),
                           mismatch(e, load_type(e, l->site.table, inside)), "");
}

/* code(context, index): of the function at an index at which there is none of the type, one that may be called as the type, or a
 * trap. */
static LLVMValueRef other_function(mw_unit *u, uint32_t table, uint32_t type)
{
    char name[48];
    snprintf(name, sizeof name, "mw_other_code.%" PRIu32 ".t%" PRIu32, table, type);
    LLVMValueRef f = LLVMGetNamedFunction(u->llvm, name);
    if (f)
        return f;
    LLVMTypeRef params[] = {u->ptr, u->i64};
    f = LLVMAddFunction(u->llvm, name, LLVMFunctionType(u->ptr, params, 2, 0));
    LLVMSetLinkage(f, LLVMInternalLinkage);
    mw_function_attributes(u, f);
    LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, mw_attribute(u, "cold", 0));
    LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, mw_attribute(u, "noinline", 0));
    LLVMBasicBlockRef here = LLVMGetInsertBlock(u->builder);
    LLVMMetadataRef location = LLVMGetCurrentDebugLocation2(u->builder);
    LLVMSetCurrentDebugLocation2(u->builder, NULL);

    mw_emitter e = {.unit = u, .builder = u->builder, .llvm_func = f, .context = LLVMGetParam(f, 0)};
    LLVMValueRef index = LLVMGetParam(f, 1);
    LLVMPositionBuilderAtEnd(u->builder, mw_new_block(&e, ""));
    LLVMValueRef size = mw_i64(u, u->module->tables[table].limits.min);
    mw_call_site site = {table, type, index};
    mw_call_trap_if(&e, LLVMBuildICmp(u->builder, LLVMIntUGE, index, size, ""), &site, MW_TRAP_UNDEFINED_ELEMENT);
    LLVMValueRef actual = load_type(&e, table, index);
    LLVMBasicBlockRef serves = mw_new_block(&e, ""), differs = mw_new_block(&e, "");
    const mw_fixed_table *t = &u->fixed_tables[table];
    LLVMValueRef branch = LLVMBuildSwitch(u->builder, actual, differs, t->ntargets);
    for (uint32_t i = 0; i < t->ntargets; i++)
        if (t->targets[i].type != type && serves_as(&u->module->types[t->targets[i].type], &u->module->types[type]))
            LLVMAddCase(branch, mw_i32(u, t->targets[i].type), serves);
    LLVMPositionBuilderAtEnd(u->builder, differs);
    mw_call_trap(&e, &site, mismatch(&e, actual));
    LLVMPositionBuilderAtEnd(u->builder, serves);
    LLVMValueRef entry = LLVMBuildInBoundsGEP2(u->builder, entry_type(u), table_symbol(u, table), &index, 1, "");
    LLVMBuildRet(u->builder, mw_load_constant(&e, u->ptr, entry, 0));

    LLVMPositionBuilderAtEnd(u->builder, here);
    LLVMSetCurrentDebugLocation2(u->builder, location);
    return f;
}

LLVMValueRef mw_other_code(mw_emitter *e, const mw_lookup *l)
{
    mw_unit *u = e->unit;
    LLVMValueRef f = other_function(u, l->site.table, l->site.type), args[] = {e->context, l->site.index};
    return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(f), f, args, 2, "");
}

/* Where `missing`, there is no function of the type at the index: a trap for the reason that `why` finds, or another's code. */
static void require(mw_emitter *e, mw_lookup *l, LLVMValueRef missing, LLVMValueRef (*why)(mw_emitter *e, void *arg),
                    void *arg)
{
    if (!l->has_others) {
        mw_trap_if_with(e, missing, &l->site, why, arg);
        return;
    }
    LLVMBasicBlockRef found = mw_new_block(e, "");
    l->other_block = mw_new_block(e, "");
    l->next = mw_new_block(e, "");
    mw_branch_unlikely(e, missing, l->other_block, found);
    LLVMPositionBuilderAtEnd(e->builder, l->other_block);
    l->other = mw_other_code(e, l);
    LLVMBuildBr(e->builder, l->next);
    LLVMPositionBuilderAtEnd(e->builder, found);
}

/* After require: the code that was found, or the other's. */
static LLVMValueRef found_or_other(mw_emitter *e, mw_lookup *l, LLVMValueRef code)
{
    if (!l->has_others)
        return code;
    LLVMBasicBlockRef blocks[] = {l->other_block, LLVMGetInsertBlock(e->builder)};
    LLVMBuildBr(e->builder, l->next);
    LLVMPositionBuilderAtEnd(e->builder, l->next);
    LLVMValueRef phi = LLVMBuildPhi(e->builder, e->unit->ptr, "");
    LLVMAddIncoming(phi, (LLVMValueRef[]){l->other, code}, blocks, 2);
    return phi;
}

/* With the type's own constant. */
static LLVMValueRef dense_code(mw_emitter *e, mw_lookup *l)
{
    mw_unit *u = e->unit;
    const mw_targets *t = l->targets;
    LLVMValueRef from_first = LLVMBuildSub(e->builder, l->site.index, mw_i64(u, t->first), "");
    LLVMValueRef outside = LLVMBuildICmp(e->builder, LLVMIntUGT, from_first, mw_i64(u, t->last - t->first), "");
    require(e, l, outside, miss, l);
    LLVMValueRef entry =
        LLVMBuildInBoundsGEP2(e->builder, u->ptr, targets_symbol(u, l->site.table, t), &from_first, 1, "");
    return found_or_other(e, l, mw_load_constant(e, u->ptr, entry, 0));
}

/* With the table's. */
static LLVMValueRef sparse_code(mw_emitter *e, mw_lookup *l)
{
    mw_unit *u = e->unit;
    LLVMValueRef size = mw_i64(u, u->module->tables[l->site.table].limits.min);
    mw_call_trap_if(e, LLVMBuildICmp(e->builder, LLVMIntUGE, l->site.index, size, ""), &l->site, MW_TRAP_UNDEFINED_ELEMENT);
    LLVMValueRef actual = load_type(e, l->site.table, l->site.index);
    /* Where the table has no function of the type, what comes after the trap is left out by LLVM's first passes. */
    LLVMValueRef differs = l->targets ? LLVMBuildICmp(e->builder, LLVMIntNE, actual, mw_i32(u, l->site.type), "")
                                      : LLVMConstInt(u->i1, 1, 0);
    require(e, l, differs, mismatch, actual);
    LLVMValueRef entry = LLVMBuildInBoundsGEP2(e->builder, entry_type(u), table_symbol(u, l->site.table), &l->site.index, 1, "");
    return found_or_other(e, l, mw_load_constant(e, u->ptr, entry, 0));
}

LLVMValueRef mw_fixed_table_code(mw_emitter *e, mw_lookup *l)
{
    if (!l->targets && l->has_others)
        return mw_other_code(e, l);
    return l->targets && is_dense(l->targets) ? dense_code(e, l) : sparse_code(e, l);
}

uint32_t mw_few_target(const mw_emitter *e, const mw_lookup *l, uint32_t i)
{
    return e->unit->fixed_tables[l->site.table].funcs[l->targets->few[i]];
}

LLVMValueRef mw_is_few_target(mw_emitter *e, mw_lookup *l, uint32_t i)
{
    LLVMValueRef index = mw_i64(e->unit, l->targets->few[i]);
    if (i + 1 < l->targets->count || l->has_others)
        return LLVMBuildICmp(e->builder, LLVMIntEQ, l->site.index, index, "");
    mw_trap_if_with(e, LLVMBuildICmp(e->builder, LLVMIntNE, l->site.index, index, ""), &l->site, miss, l);
    return NULL;
}
