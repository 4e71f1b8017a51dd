/* Tables that stay what their element segments make of them: no instruction writes to them and nobody else can. Those of
 * C and C++ programs do, so that an indirect call needs no more than one look at a constant: an entry has the code of the
 * function and its type. All functions are the module's own, so the instance is the caller's. */
#include "compiler/fixed_table.h"

#include <stdio.h>
#include <stdlib.h>

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

uint32_t **mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options)
{
    uint32_t **tables = mw_calloc(m->ntables, sizeof *tables);
    uint64_t room = MAX_ELEMS; /* of all tables together */
    for (uint32_t i = 0; i < m->ntables; i++)
        if (m->tables[i].limits.min <= room) {
            tables[i] = read_table(m, options, i);
            room -= tables[i] ? m->tables[i].limits.min : 0;
        }
    return tables;
}

void mw_fixed_tables_free(const mw_module *m, uint32_t **tables)
{
    for (uint32_t i = 0; tables && i < m->ntables; i++)
        free(tables[i]);
    free(tables);
}

static LLVMTypeRef entry_type(const mw_unit *u)
{
    LLVMTypeRef fields[] = {u->ptr, u->i64};
    return LLVMStructTypeInContext(u->context, fields, 2, false);
}

static LLVMValueRef table_symbol(mw_unit *u, uint32_t table)
{
    char name[32];
    snprintf(name, sizeof name, "mw_fixed_table.%" PRIu32, table);
    LLVMValueRef symbol = LLVMGetNamedGlobal(u->llvm, name);
    if (!symbol) {
        symbol = LLVMAddGlobal(u->llvm, LLVMArrayType2(entry_type(u), u->module->tables[table].limits.min), name);
        LLVMSetGlobalConstant(symbol, true);
        LLVMSetVisibility(symbol, LLVMHiddenVisibility);
    }
    return symbol;
}

void mw_emit_fixed_tables(mw_unit *u)
{
    const mw_module *m = u->module;
    for (uint32_t i = 0; i < m->ntables; i++) {
        const uint32_t *funcs = u->fixed_tables[i];
        if (!funcs)
            continue;
        size_t size = (size_t)m->tables[i].limits.min;
        LLVMValueRef *entries = mw_calloc(size, sizeof *entries);
        for (size_t k = 0; k < size; k++) {
            bool null = funcs[k] == MW_NO_FUNC;
            LLVMValueRef fields[] = {null ? LLVMConstNull(u->ptr) : mw_llvm_entry(u, funcs[k]),
                                     mw_i64(u, null ? MW_NO_FUNC : m->types[m->funcs[funcs[k]].type].canonical)};
            entries[k] = LLVMConstStructInContext(u->context, fields, 2, false);
        }
        LLVMValueRef symbol = table_symbol(u, i);
        LLVMSetInitializer(symbol, LLVMConstArray2(entry_type(u), entries, size));
        LLVMSetAlignment(symbol, 16);
        free(entries);
    }
}

static LLVMValueRef mismatch(mw_emitter *e, void *arg)
{
    const mw_unit *u = e->unit;
    LLVMValueRef is_null = LLVMBuildICmp(e->builder, LLVMIntEQ, arg, mw_i32(u, MW_NO_FUNC), "");
    return LLVMBuildSelect(e->builder, is_null, mw_i32(u, MW_TRAP_UNINITIALIZED_ELEMENT),
                           mw_i32(u, MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH), "");
}

bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table)
{
    return u->fixed_tables[table] && u->module->types[type].is_final;
}

LLVMValueRef mw_fixed_table_code(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index)
{
    mw_unit *u = e->unit;
    LLVMValueRef wide = mw_widen(e, mw_settle(e, index)), size = mw_i64(u, u->module->tables[table].limits.min);
    mw_trap_if(e, LLVMBuildICmp(e->builder, LLVMIntUGE, wide, size, ""), MW_TRAP_UNDEFINED_ELEMENT);
    LLVMValueRef entry = LLVMBuildInBoundsGEP2(e->builder, entry_type(u), table_symbol(u, table), &wide, 1, "");
    LLVMValueRef actual = mw_load_constant(e, u->i32, entry, sizeof(void *));
    LLVMValueRef differs = LLVMBuildICmp(e->builder, LLVMIntNE, actual, mw_i32(u, u->module->types[type].canonical), "");
    mw_trap_if_with(e, differs, mismatch, actual);
    return mw_load_constant(e, u->ptr, entry, 0);
}
