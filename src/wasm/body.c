/* Validation of instruction sequences: the algorithm of the specification's appendix "Validation Algorithm", with
 * the types of most instructions taken from opcodes.def. Control frames lie on a stack of their own, so the
 * depth of nesting costs no host stack. */
#include "wasm/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct frame {
    mw_opcode op;      /* block, loop, if, else, try*, catch*; MW_OP_END for the body itself */
    bool unreachable;  /* the rest of the frame cannot be reached: its operand stack is polymorphic */
    uint32_t height;   /* of the operand stack at the frame's start */
    uint32_t nset;     /* locals that were set by then */
    uint32_t checked;  /* the br_table that has checked this label */
    uint32_t nparams, nresults;
    const mw_wasm_valtype *params, *results;
    mw_wasm_valtype result; /* the one result of a block without a type index: `results` is NULL */
} frame;

static const mw_wasm_valtype *results_of(const frame *f)
{
    return f->results ? f->results : &f->result;
}

struct mw_body_validator {
    mw_module *module;
    uint64_t features;
    mw_report *report;

    mw_wasm_valtype *stack; /* operands */
    uint32_t height, stack_capacity;
    frame *frames;
    uint32_t nframes, frames_capacity;
    uint32_t *local_ends; /* per run of locals: index after its last local */
    uint32_t local_ends_capacity;
    /* Locals whose type has no default value. */
    uint32_t *set_in; /* [MW_LIMIT_LOCALS]: the body in which the local has a value here; NULL until needed */
    uint32_t *set;    /* those that have one, in the order in which they got it */
    uint32_t nset;

    /* Of the present body. */
    const mw_wasm_func *func; /* NULL for a constant expression */
    uint32_t func_index;
    const mw_wasm_functype *type;
    uint32_t nlocals; /* parameters included */
    uint32_t nglobals; /* that may be read */
    mw_bytes code;
    mw_operator op;
    uint32_t br_tables;
};

/* ---- Reports -------------------------------------------------------------------------------------------- */

static mw_error fail(mw_body_validator *v, mw_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static mw_error fail(mw_body_validator *v, mw_error error, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (!v->func)
        return mw_fail_at(v->report, error, v->op.offset, "%s, in a constant expression", what);
    if (v->func->name.len == 0)
        return mw_fail_at(v->report, error, v->op.offset, "%s, in function %u", what, v->func_index);
    char name[256];
    return mw_fail_at(v->report, error, v->op.offset, "%s, in function %u (%s)", what, v->func_index,
                      mw_name_text(v->func->name, name, sizeof name));
}

static mw_error need(mw_body_validator *v, uint64_t feature)
{
    return mw_need_feature(v->module, v->features, feature, v->report, v->op.offset);
}

static mw_error check_type(mw_body_validator *v, mw_wasm_valtype type)
{
    return mw_check_valtype(v->module, v->features, type, v->report, v->op.offset);
}

/* Index `index` of the space `what` with `count` members. */
static mw_error check_index(mw_body_validator *v, const char *what, uint32_t index, uint32_t count)
{
    return index < count ? MW_OK : fail(v, MW_ERR_INVALID, "unknown %s %u: there are %u", what, index, count);
}

/* ---- Operand stack -------------------------------------------------------------------------------------- */

static mw_error grow(mw_body_validator *v, void **array, uint32_t *capacity, size_t size, uint32_t wanted)
{
    size_t n = *capacity < 64 ? 64 : *capacity;
    while (n < wanted)
        n *= 2;
    void *p = n <= UINT32_MAX ? realloc(*array, n * size) : NULL;
    if (!p)
        return mw_fail(v->report, MW_ERR_NO_MEMORY, "no memory to validate the module");
    *array = p;
    *capacity = (uint32_t)n;
    return MW_OK;
}

static mw_error push(mw_body_validator *v, mw_wasm_valtype type)
{
    if (v->height == v->stack_capacity) {
        if (v->height >= MW_LIMIT_OPERAND_STACK)
            return fail(v, MW_ERR_LIMIT, "more than %d values on the operand stack", MW_LIMIT_OPERAND_STACK);
        void *stack = v->stack;
        TRY(grow(v, &stack, &v->stack_capacity, sizeof *v->stack, v->height + 1));
        v->stack = stack;
    }
    v->stack[v->height++] = type;
    return MW_OK;
}

static mw_error push_all(mw_body_validator *v, const mw_wasm_valtype *types, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        TRY(push(v, types[i]));
    return MW_OK;
}

/* `expected` may be MW_WASM_BOT: any type will do. *out is MW_WASM_BOT if nothing is known of the operand. */
static mw_error pop(mw_body_validator *v, mw_wasm_valtype expected, mw_wasm_valtype *out)
{
    const frame *top = &v->frames[v->nframes - 1];
    if (v->height == top->height) {
        if (!top->unreachable)
            return fail(v, MW_ERR_INVALID, "type mismatch: %s needs an operand of %s, the stack is empty",
                        mw_op_info_of(v->op.op)->name, mw_valtype_name(expected).s);
        *out = expected;
        return MW_OK;
    }
    mw_wasm_valtype type = v->stack[--v->height];
    if (expected != MW_WASM_BOT && !mw_wasm_subtype(v->module, type, expected))
        return fail(v, MW_ERR_INVALID, "type mismatch: %s needs an operand of %s, the stack has %s",
                    mw_op_info_of(v->op.op)->name, mw_valtype_name(expected).s, mw_valtype_name(type).s);
    *out = type == MW_WASM_BOT ? expected : type;
    return MW_OK;
}

static mw_error pop_type(mw_body_validator *v, mw_wasm_valtype expected)
{
    mw_wasm_valtype ignored;
    return pop(v, expected, &ignored);
}

static mw_error pop_all(mw_body_validator *v, const mw_wasm_valtype *types, uint32_t count)
{
    while (count > 0)
        TRY(pop_type(v, types[--count]));
    return MW_OK;
}

/* ---- Control frames ------------------------------------------------------------------------------------- */

static mw_error push_frame(mw_body_validator *v, frame f)
{
    if (v->nframes == v->frames_capacity) {
        if (v->nframes >= MW_LIMIT_NESTING)
            return fail(v, MW_ERR_LIMIT, "blocks nested more than %d deep", MW_LIMIT_NESTING);
        void *frames = v->frames;
        TRY(grow(v, &frames, &v->frames_capacity, sizeof *v->frames, v->nframes + 1));
        v->frames = frames;
    }
    f.height = v->height;
    f.nset = v->nset;
    v->frames[v->nframes++] = f;
    return push_all(v, f.params, f.nparams);
}

static mw_error pop_frame(mw_body_validator *v, frame *out)
{
    *out = v->frames[v->nframes - 1];
    TRY(pop_all(v, results_of(out), out->nresults));
    if (v->height != out->height)
        return fail(v, MW_ERR_INVALID, "type mismatch: %u values remain on the stack at the end of the block",
                    v->height - out->height);
    v->nframes--;
    while (v->nset > out->nset) /* what the block has set is not set behind it */
        v->set_in[v->set[--v->nset]] = 0;
    return MW_OK;
}

static void set_unreachable(mw_body_validator *v)
{
    frame *top = &v->frames[v->nframes - 1];
    v->height = top->height;
    top->unreachable = true;
}

static mw_error find_label(mw_body_validator *v, uint32_t depth, frame **out)
{
    if (depth >= v->nframes)
        return fail(v, MW_ERR_INVALID, "unknown label %u: there are %u", depth, v->nframes);
    *out = &v->frames[v->nframes - 1 - depth];
    return MW_OK;
}

/* The types that a branch to the frame carries: a loop's label is at its start. */
static const mw_wasm_valtype *label_types(const frame *f, uint32_t *count)
{
    *count = f->op == MW_OP_LOOP ? f->nparams : f->nresults;
    return f->op == MW_OP_LOOP ? f->params : results_of(f);
}

static mw_error block_frame(mw_body_validator *v, frame *out)
{
    const mw_module *m = v->module;
    const mw_block_type *type = v->op.op == MW_OP_TRY_TABLE ? &v->op.try_table.block : &v->op.block;
    *out = (frame){.op = v->op.op};
    switch (type->kind) {
    case MW_BLOCK_EMPTY:
        return MW_OK;
    case MW_BLOCK_VALUE:
        out->nresults = 1;
        out->result = type->value;
        return check_type(v, type->value);
    case MW_BLOCK_TYPE:
        TRY(check_index(v, "type", type->type, m->ntypes));
        out->nparams = m->types[type->type].nparams;
        out->nresults = m->types[type->type].nresults;
        out->params = m->types[type->type].types;
        out->results = out->params + out->nparams;
        return need(v, MW_FEATURE_MULTI_VALUE);
    }
    return MW_OK;
}

static mw_error check_block(mw_body_validator *v)
{
    frame f;
    TRY(block_frame(v, &f));
    if (f.op == MW_OP_IF)
        TRY(pop_type(v, MW_WASM_I32));
    TRY(pop_all(v, f.params, f.nparams));
    return push_frame(v, f);
}

static mw_error check_else(mw_body_validator *v)
{
    frame f;
    if (v->frames[v->nframes - 1].op != MW_OP_IF)
        return fail(v, MW_ERR_MALFORMED, "else without if");
    TRY(pop_frame(v, &f));
    f.op = MW_OP_ELSE;
    f.unreachable = false;
    return push_frame(v, f);
}

static mw_error check_end(mw_body_validator *v)
{
    frame f;
    TRY(pop_frame(v, &f));
    if (f.op == MW_OP_IF) {
        bool same = f.nparams == f.nresults;
        for (uint32_t i = 0; same && i < f.nparams; i++)
            same = mw_wasm_subtype(v->module, f.params[i], results_of(&f)[i]);
        if (!same)
            return fail(v, MW_ERR_INVALID, "type mismatch: an if without else must return what it takes");
    }
    return push_all(v, results_of(&f), f.nresults);
}

/* ---- Exceptions ----------------------------------------------------------------------------------------- */

static mw_error tag_type(mw_body_validator *v, uint32_t index, const mw_wasm_functype **out)
{
    TRY(check_index(v, "tag", index, v->module->ntags));
    *out = &v->module->types[v->module->tags[index].type];
    return MW_OK;
}

/* What a clause hands to its label: the values of its tag, then, if asked for, the exception itself. */
static mw_error check_clause(mw_body_validator *v, const mw_catch *clause)
{
    static const mw_wasm_functype nothing;
    const mw_wasm_functype *type = &nothing;
    bool has_ref = clause->kind == MW_CATCH_REF || clause->kind == MW_CATCH_ALL_REF;
    frame *target = NULL;
    uint32_t count;
    if (clause->kind <= MW_CATCH_REF)
        TRY(tag_type(v, clause->tag, &type));
    TRY(find_label(v, clause->label, &target));
    const mw_wasm_valtype *types = label_types(target, &count);
    if (count != type->nparams + has_ref)
        return fail(v, MW_ERR_INVALID, "type mismatch: a catch clause hands %u values to a label of %u",
                    type->nparams + has_ref, count);
    for (uint32_t i = 0; i < count; i++) {
        mw_wasm_valtype given = i < type->nparams ? type->types[i] : mw_ref_of(MW_HEAP_EXN, false);
        if (!mw_wasm_subtype(v->module, given, types[i]))
            return fail(v, MW_ERR_INVALID, "type mismatch: a catch clause hands %s to a label that takes %s",
                        mw_valtype_name(given).s, mw_valtype_name(types[i]).s);
    }
    return MW_OK;
}

/* The clauses' labels are those outside of the try_table. */
static mw_error check_try_table(mw_body_validator *v)
{
    mw_bytes catches = v->op.try_table.catches;
    mw_catch clause;
    while (mw_bytes_left(&catches) > 0) {
        TRY(mw_read_catch(&catches, &clause));
        TRY(check_clause(v, &clause));
    }
    return check_block(v);
}

/* The older form's handlers: `catch` and `catch_all` follow the body or another `catch`. */
static mw_error check_catch(mw_body_validator *v)
{
    mw_opcode before = v->frames[v->nframes - 1].op;
    const mw_wasm_functype *type;
    frame f;
    if (before != MW_OP_TRY && before != MW_OP_CATCH)
        return fail(v, MW_ERR_MALFORMED, "%s without try", mw_op_info_of(v->op.op)->name);
    TRY(pop_frame(v, &f));
    f.op = v->op.op;
    f.unreachable = false;
    f.checked = 0;
    f.nparams = 0; /* it begins with what the tag carries, and is no loop */
    TRY(push_frame(v, f));
    if (v->op.op == MW_OP_CATCH_ALL)
        return MW_OK;
    TRY(tag_type(v, v->op.index, &type));
    return push_all(v, type->types, type->nparams);
}

/* Ends a try; its label is one outside of that. */
static mw_error check_delegate(mw_body_validator *v)
{
    frame f, *target;
    if (v->frames[v->nframes - 1].op != MW_OP_TRY)
        return fail(v, MW_ERR_MALFORMED, "delegate without try");
    TRY(pop_frame(v, &f));
    TRY(find_label(v, v->op.index, &target));
    return push_all(v, results_of(&f), f.nresults);
}

static mw_error check_throw(mw_body_validator *v)
{
    const mw_wasm_functype *type;
    frame *target = NULL;
    switch (v->op.op) {
    case MW_OP_THROW:
        TRY(tag_type(v, v->op.index, &type));
        TRY(pop_all(v, type->types, type->nparams));
        break;
    case MW_OP_RETHROW:
        TRY(find_label(v, v->op.index, &target));
        if (target->op != MW_OP_CATCH && target->op != MW_OP_CATCH_ALL)
            return fail(v, MW_ERR_INVALID, "invalid rethrow label %u: no catch", v->op.index);
        break;
    default: /* throw_ref */
        TRY(pop_type(v, MW_WASM_EXNREF));
        break;
    }
    set_unreachable(v);
    return MW_OK;
}

/* ---- Branches ------------------------------------------------------------------------------------------- */

static mw_error check_branch(mw_body_validator *v)
{
    frame *target = NULL;
    uint32_t count;
    if (v->op.op == MW_OP_BR_IF)
        TRY(pop_type(v, MW_WASM_I32));
    TRY(find_label(v, v->op.index, &target));
    const mw_wasm_valtype *types = label_types(target, &count);
    TRY(pop_all(v, types, count));
    if (v->op.op == MW_OP_BR_IF)
        return push_all(v, types, count);
    set_unreachable(v);
    return MW_OK;
}

/* Compares the operands with the label's types and leaves them as they are: another label may see an operand of
 * unknown type as another type (3.3.8.8). */
static mw_error check_label_operands(mw_body_validator *v, const frame *target)
{
    const frame *top = &v->frames[v->nframes - 1];
    uint32_t count, have = v->height - top->height;
    const mw_wasm_valtype *types = label_types(target, &count);
    if (have < count && !top->unreachable)
        return fail(v, MW_ERR_INVALID, "type mismatch: br_table needs %u operands, the stack has %u", count, have);
    for (uint32_t i = 0; i < count && i < have; i++) {
        mw_wasm_valtype type = v->stack[v->height - 1 - i], expected = types[count - 1 - i];
        if (!mw_wasm_subtype(v->module, type, expected))
            return fail(v, MW_ERR_INVALID, "type mismatch: br_table needs an operand of %s, the stack has %s",
                        mw_valtype_name(expected).s, mw_valtype_name(type).s);
    }
    return MW_OK;
}

/* Each label is compared once a br_table, however often the table lists it. */
static mw_error check_br_table(mw_body_validator *v)
{
    mw_bytes targets = v->op.labels.targets, last = targets;
    uint32_t depth = 0, arity = 0, count;
    frame *target = NULL;
    TRY(pop_type(v, MW_WASM_I32));
    while (mw_bytes_left(&last) > 0)
        TRY(mw_read_u32(&last, &depth));
    TRY(find_label(v, depth, &target));
    label_types(target, &arity);
    v->br_tables++;
    while (mw_bytes_left(&targets) > 0) {
        TRY(mw_read_u32(&targets, &depth));
        TRY(find_label(v, depth, &target));
        if (target->checked == v->br_tables)
            continue;
        target->checked = v->br_tables;
        label_types(target, &count);
        if (count != arity)
            return fail(v, MW_ERR_INVALID, "type mismatch: br_table to labels of %u and of %u operands", arity, count);
        TRY(check_label_operands(v, target));
    }
    set_unreachable(v);
    return MW_OK;
}

/* ---- Other instructions whose types depend on the context ----------------------------------------------- */

/* The callee's results become those of the function (3.4.3 "return_call"). */
static mw_error check_tail_call(mw_body_validator *v, const mw_wasm_functype *type)
{
    bool matches = type->nresults == v->type->nresults;
    for (uint32_t i = 0; matches && i < type->nresults; i++)
        matches = mw_wasm_subtype(v->module, type->types[type->nparams + i], v->type->types[v->type->nparams + i]);
    if (!matches)
        return fail(v, MW_ERR_INVALID, "type mismatch: %s of a function with other results",
                    mw_op_info_of(v->op.op)->name);
    v->module->funcs[v->func_index].has_tail_call = true;
    set_unreachable(v);
    return MW_OK;
}

static bool is_tail_call(mw_opcode op)
{
    return op == MW_OP_RETURN_CALL || op == MW_OP_RETURN_CALL_INDIRECT || op == MW_OP_RETURN_CALL_REF;
}

static mw_error check_call(mw_body_validator *v, const mw_wasm_functype *type)
{
    TRY(pop_all(v, type->types, type->nparams));
    return is_tail_call(v->op.op) ? check_tail_call(v, type)
                                  : push_all(v, type->types + type->nparams, type->nresults);
}

static mw_wasm_valtype table_address(const mw_body_validator *v, uint32_t table)
{
    return mw_wasm_address_type(&v->module->tables[table].limits);
}

static mw_wasm_valtype memory_address(const mw_body_validator *v, uint32_t memory)
{
    return mw_wasm_address_type(&v->module->memories[memory].limits);
}

/* The type of a length that two address types must hold. */
static mw_wasm_valtype smaller_address(mw_wasm_valtype a, mw_wasm_valtype b)
{
    return a == MW_WASM_I64 ? b : a;
}

static mw_error check_call_indirect(mw_body_validator *v)
{
    mw_module *m = v->module;
    TRY(check_index(v, "table", v->op.index2, m->ntables));
    TRY(check_index(v, "type", v->op.index, m->ntypes));
    if (v->op.index2 != 0)
        TRY(need(v, MW_FEATURE_REFERENCE_TYPES));
    if (!mw_wasm_subtype(m, m->tables[v->op.index2].type, MW_WASM_FUNCREF))
        return fail(v, MW_ERR_INVALID, "type mismatch: %s through a table of %s",
                    mw_op_info_of(v->op.op)->name, mw_valtype_name(m->tables[v->op.index2].type).s);
    m->types[m->types[v->op.index].canonical].is_called_by_table |= v->op.op == MW_OP_CALL_INDIRECT;
    TRY(pop_type(v, table_address(v, v->op.index2)));
    return check_call(v, &m->types[v->op.index]);
}

static mw_error check_select(mw_body_validator *v)
{
    mw_wasm_valtype a, b;
    TRY(pop_type(v, MW_WASM_I32));
    if (v->op.op == MW_OP_SELECT_T) {
        TRY(check_type(v, v->op.valtype));
        TRY(pop_type(v, v->op.valtype));
        TRY(pop_type(v, v->op.valtype));
        return push(v, v->op.valtype);
    }
    TRY(pop(v, MW_WASM_BOT, &a));
    TRY(pop(v, a, &b));
    if (mw_wasm_is_ref(a) || mw_wasm_is_ref(b))
        return fail(v, MW_ERR_INVALID, "type mismatch: select without a type takes numbers and vectors only");
    return push(v, b);
}

static mw_wasm_valtype local_type(const mw_body_validator *v, uint32_t index)
{
    if (index < v->type->nparams)
        return v->type->types[index];
    uint32_t low = 0, high = v->func->nlocal_runs - 1; /* the first run that ends after `index` */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->local_ends[middle] > index)
            high = middle;
        else
            low = middle + 1;
    }
    return v->func->local_runs[low].type;
}

/* A local without a default value has one from its first local.set to the end of the block that it is in. */
static mw_error check_set(mw_body_validator *v)
{
    uint32_t index = v->op.index, body = v->func_index + 1;
    bool is_set = v->set_in[index] == body;
    if (v->op.op == MW_OP_LOCAL_GET)
        return is_set ? MW_OK : fail(v, MW_ERR_INVALID, "uninitialized local %u", index);
    if (!is_set) {
        v->set_in[index] = body;
        v->set[v->nset++] = index;
    }
    return MW_OK;
}

static mw_error check_local(mw_body_validator *v)
{
    TRY(check_index(v, "local", v->op.index, v->nlocals));
    mw_wasm_valtype type = local_type(v, v->op.index);
    if (v->op.op != MW_OP_LOCAL_GET)
        TRY(pop_type(v, type));
    if (!mw_is_defaultable(type) && v->op.index >= v->type->nparams)
        TRY(check_set(v));
    return v->op.op == MW_OP_LOCAL_SET ? MW_OK : push(v, type);
}

static mw_error check_global(mw_body_validator *v)
{
    TRY(check_index(v, "global", v->op.index, v->nglobals));
    const mw_wasm_global *global = &v->module->globals[v->op.index];
    if (v->op.op == MW_OP_GLOBAL_GET) {
        if (!v->func && global->is_mutable)
            return fail(v, MW_ERR_INVALID, "constant expression required: global %u is mutable", v->op.index);
        if (!v->func && v->op.index >= v->module->nimported_globals)
            TRY(need(v, MW_FEATURE_EXTENDED_CONST));
        return push(v, global->type);
    }
    if (!global->is_mutable)
        return fail(v, MW_ERR_INVALID, "global is immutable: global.set %u", v->op.index);
    return pop_type(v, global->type);
}

static mw_error check_table(mw_body_validator *v)
{
    TRY(check_index(v, "table", v->op.index, v->module->ntables));
    mw_wasm_valtype type = v->module->tables[v->op.index].type, address = table_address(v, v->op.index);
    v->module->tables[v->op.index].is_written |= v->op.op != MW_OP_TABLE_GET && v->op.op != MW_OP_TABLE_SIZE;
    switch (v->op.op) {
    case MW_OP_TABLE_GET:
        TRY(pop_type(v, address));
        return push(v, type);
    case MW_OP_TABLE_SET:
        TRY(pop_type(v, type));
        return pop_type(v, address);
    case MW_OP_TABLE_SIZE:
        return push(v, address);
    case MW_OP_TABLE_GROW:
        TRY(pop_type(v, address));
        TRY(pop_type(v, type));
        return push(v, address);
    default: /* table.fill */
        TRY(pop_type(v, address));
        TRY(pop_type(v, type));
        return pop_type(v, address);
    }
}

static mw_error check_table_copy(mw_body_validator *v)
{
    mw_module *m = v->module;
    TRY(check_index(v, "table", v->op.index, m->ntables));
    TRY(check_index(v, "table", v->op.index2, m->ntables));
    if (!mw_wasm_subtype(m, m->tables[v->op.index2].type, m->tables[v->op.index].type))
        return fail(v, MW_ERR_INVALID, "type mismatch: table.copy from a table of %s to one of %s",
                    mw_valtype_name(m->tables[v->op.index2].type).s, mw_valtype_name(m->tables[v->op.index].type).s);
    m->tables[v->op.index].is_written = true;
    mw_wasm_valtype to = table_address(v, v->op.index), from = table_address(v, v->op.index2);
    TRY(pop_type(v, smaller_address(to, from)));
    TRY(pop_type(v, from));
    return pop_type(v, to);
}

static mw_error check_table_init(mw_body_validator *v)
{
    mw_module *m = v->module;
    TRY(check_index(v, "table", v->op.index2, m->ntables));
    TRY(check_index(v, "elem segment", v->op.index, m->nelems));
    if (!mw_wasm_subtype(m, m->elems[v->op.index].type, m->tables[v->op.index2].type))
        return fail(v, MW_ERR_INVALID, "type mismatch: table.init from a segment of %s to a table of %s",
                    mw_valtype_name(m->elems[v->op.index].type).s, mw_valtype_name(m->tables[v->op.index2].type).s);
    m->tables[v->op.index2].is_written = true;
    TRY(pop_type(v, MW_WASM_I32));
    TRY(pop_type(v, MW_WASM_I32));
    return pop_type(v, table_address(v, v->op.index2));
}

static mw_error check_memory(mw_body_validator *v, uint32_t index)
{
    return check_index(v, "memory", index, v->module->nmemories);
}

static mw_error check_data(mw_body_validator *v)
{
    if (!v->module->has_data_count)
        return fail(v, MW_ERR_MALFORMED, "data count section required");
    return check_index(v, "data segment", v->op.index, v->module->ndatas);
}

/* memory.size, memory.grow, memory.fill */
static mw_error check_memory_op(mw_body_validator *v)
{
    TRY(check_memory(v, v->op.index));
    mw_wasm_valtype address = memory_address(v, v->op.index);
    if (v->op.op == MW_OP_MEMORY_SIZE)
        return push(v, address);
    TRY(pop_type(v, address));
    if (v->op.op == MW_OP_MEMORY_GROW)
        return push(v, address);
    TRY(pop_type(v, MW_WASM_I32));
    return pop_type(v, address);
}

static mw_error check_memory_copy(mw_body_validator *v)
{
    TRY(check_memory(v, v->op.index));
    TRY(check_memory(v, v->op.index2));
    mw_wasm_valtype to = memory_address(v, v->op.index), from = memory_address(v, v->op.index2);
    TRY(pop_type(v, smaller_address(to, from)));
    TRY(pop_type(v, from));
    return pop_type(v, to);
}

static mw_error check_memory_init(mw_body_validator *v)
{
    TRY(check_memory(v, v->op.index2));
    TRY(check_data(v));
    TRY(pop_type(v, MW_WASM_I32));
    TRY(pop_type(v, MW_WASM_I32));
    return pop_type(v, memory_address(v, v->op.index2));
}

/* Pops any reference; of unreachable code, one to nothing. */
static mw_error pop_ref(mw_body_validator *v, mw_wasm_valtype *out)
{
    TRY(pop(v, MW_WASM_BOT, out));
    if (*out == MW_WASM_BOT)
        *out = mw_ref_of(MW_HEAP_BOTTOM, false);
    else if (!mw_wasm_is_ref(*out))
        return fail(v, MW_ERR_INVALID, "type mismatch: %s needs a reference, the stack has %s",
                    mw_op_info_of(v->op.op)->name, mw_valtype_name(*out).s);
    return MW_OK;
}

static mw_error check_ref_is_null(mw_body_validator *v)
{
    mw_wasm_valtype type;
    TRY(pop_ref(v, &type));
    return push(v, MW_WASM_I32);
}

static mw_error check_ref_as_non_null(mw_body_validator *v)
{
    mw_wasm_valtype type;
    TRY(pop_ref(v, &type));
    return push(v, mw_ref_of(mw_ref_heap(type), false));
}

static mw_error check_br_on_null(mw_body_validator *v)
{
    mw_wasm_valtype type;
    frame *target = NULL;
    uint32_t count;
    TRY(pop_ref(v, &type));
    TRY(find_label(v, v->op.index, &target));
    const mw_wasm_valtype *types = label_types(target, &count);
    TRY(pop_all(v, types, count));
    TRY(push_all(v, types, count));
    return push(v, mw_ref_of(mw_ref_heap(type), false));
}

/* The reference is the last operand of the branch, and gone if there is none. */
static mw_error check_br_on_non_null(mw_body_validator *v)
{
    frame *target = NULL;
    uint32_t count;
    TRY(find_label(v, v->op.index, &target));
    const mw_wasm_valtype *types = label_types(target, &count);
    if (count == 0 || !mw_wasm_is_ref(types[count - 1]))
        return fail(v, MW_ERR_INVALID, "type mismatch: br_on_non_null to a label without a reference");
    TRY(pop_type(v, mw_ref_of(mw_ref_heap(types[count - 1]), true)));
    TRY(pop_all(v, types, count - 1));
    return push_all(v, types, count - 1);
}

static mw_error check_ref_func(mw_body_validator *v)
{
    TRY(check_index(v, "function", v->op.index, v->module->nfuncs));
    mw_wasm_func *func = &v->module->funcs[v->op.index];
    if (!v->func)
        func->is_declared_ref = true;
    else if (!func->is_declared_ref)
        return fail(v, MW_ERR_INVALID, "undeclared function reference: ref.func %u", v->op.index);
    return push(v, mw_ref_of(MW_HEAP_INDEX | func->type, false));
}

static mw_error check_contextual(mw_body_validator *v)
{
    switch (v->op.op) {
    case MW_OP_UNREACHABLE:
        set_unreachable(v);
        return MW_OK;
    case MW_OP_BLOCK:
    case MW_OP_LOOP:
    case MW_OP_IF:
    case MW_OP_TRY:
        return check_block(v);
    case MW_OP_TRY_TABLE:
        return check_try_table(v);
    case MW_OP_CATCH:
    case MW_OP_CATCH_ALL:
        return check_catch(v);
    case MW_OP_DELEGATE:
        return check_delegate(v);
    case MW_OP_THROW:
    case MW_OP_RETHROW:
    case MW_OP_THROW_REF:
        return check_throw(v);
    case MW_OP_ELSE:
        return check_else(v);
    case MW_OP_END:
        return check_end(v);
    case MW_OP_BR:
    case MW_OP_BR_IF:
        return check_branch(v);
    case MW_OP_BR_TABLE:
        return check_br_table(v);
    case MW_OP_RETURN:
        TRY(pop_all(v, results_of(&v->frames[0]), v->frames[0].nresults));
        set_unreachable(v);
        return MW_OK;
    case MW_OP_CALL:
    case MW_OP_RETURN_CALL:
        TRY(check_index(v, "function", v->op.index, v->module->nfuncs));
        return check_call(v, &v->module->types[v->module->funcs[v->op.index].type]);
    case MW_OP_CALL_INDIRECT:
    case MW_OP_RETURN_CALL_INDIRECT:
        return check_call_indirect(v);
    case MW_OP_CALL_REF:
    case MW_OP_RETURN_CALL_REF:
        TRY(check_index(v, "type", v->op.index, v->module->ntypes));
        TRY(pop_type(v, mw_ref_of(MW_HEAP_INDEX | v->op.index, true)));
        return check_call(v, &v->module->types[v->op.index]);
    case MW_OP_DROP:
        return pop_type(v, MW_WASM_BOT);
    case MW_OP_SELECT:
    case MW_OP_SELECT_T:
        return check_select(v);
    case MW_OP_LOCAL_GET:
    case MW_OP_LOCAL_SET:
    case MW_OP_LOCAL_TEE:
        return check_local(v);
    case MW_OP_GLOBAL_GET:
    case MW_OP_GLOBAL_SET:
        return check_global(v);
    case MW_OP_TABLE_GET:
    case MW_OP_TABLE_SET:
    case MW_OP_TABLE_SIZE:
    case MW_OP_TABLE_GROW:
    case MW_OP_TABLE_FILL:
        return check_table(v);
    case MW_OP_TABLE_COPY:
        return check_table_copy(v);
    case MW_OP_TABLE_INIT:
        return check_table_init(v);
    case MW_OP_MEMORY_SIZE:
    case MW_OP_MEMORY_GROW:
    case MW_OP_MEMORY_FILL:
        return check_memory_op(v);
    case MW_OP_MEMORY_COPY:
        return check_memory_copy(v);
    case MW_OP_MEMORY_INIT:
        return check_memory_init(v);
    case MW_OP_REF_NULL:
        TRY(check_type(v, v->op.valtype));
        return push(v, v->op.valtype);
    case MW_OP_REF_IS_NULL:
        return check_ref_is_null(v);
    case MW_OP_REF_AS_NON_NULL:
        return check_ref_as_non_null(v);
    case MW_OP_BR_ON_NULL:
        return check_br_on_null(v);
    case MW_OP_BR_ON_NON_NULL:
        return check_br_on_non_null(v);
    case MW_OP_REF_FUNC:
        return check_ref_func(v);
    default:
        /* A row of opcodes.def without a signature and without a case here. */
        return fail(v, MW_ERR_UNSUPPORTED, "%s is not supported", mw_op_info_of(v->op.op)->name);
    }
}

/* ---- Instructions with a signature ---------------------------------------------------------------------- */

static unsigned lanes_of_shape(const char *name)
{
    /* "i8x16.extract_lane_s": the number after the x */
    while (*name != 'x')
        name++;
    return (unsigned)atoi(name + 1);
}

static mw_error check_lane(mw_body_validator *v, unsigned lanes)
{
    return v->op.lane < lanes ? MW_OK : fail(v, MW_ERR_INVALID, "invalid lane index %u: there are %u", v->op.lane, lanes);
}

static mw_error check_immediate(mw_body_validator *v, const mw_op_info *info)
{
    switch (info->imm) {
    case MW_IMM_MEMARG_LANE:
        TRY(check_lane(v, 16u >> info->natural_align));
        /* fall through */
    case MW_IMM_MEMARG:
        TRY(check_memory(v, v->op.memarg.memory));
        if (info->prefix == 0xfe && v->op.memarg.align != info->natural_align)
            return fail(v, MW_ERR_INVALID, "atomic alignment must be natural: 2^%u for %s", v->op.memarg.align,
                        info->name);
        if (v->op.memarg.offset > UINT32_MAX && memory_address(v, v->op.memarg.memory) == MW_WASM_I32)
            return fail(v, MW_ERR_INVALID, "offset out of range: %llu for a 32-bit memory",
                        (unsigned long long)v->op.memarg.offset);
        if (v->op.memarg.align > info->natural_align)
            return fail(v, MW_ERR_INVALID, "alignment must not be larger than natural: 2^%u for %s",
                        v->op.memarg.align, info->name);
        return MW_OK;
    case MW_IMM_DATA:
        return check_data(v);
    case MW_IMM_ELEM:
        return check_index(v, "elem segment", v->op.index, v->module->nelems);
    case MW_IMM_LANE:
        return check_lane(v, lanes_of_shape(info->name));
    case MW_IMM_SHUFFLE:
        for (unsigned i = 0; i < sizeof v->op.v128; i++)
            if (v->op.v128[i] >= 32)
                return fail(v, MW_ERR_INVALID, "invalid lane index %u: there are 32", v->op.v128[i]);
        return MW_OK;
    default:
        return MW_OK;
    }
}

static mw_wasm_valtype type_of_letter(char letter)
{
    switch (letter) {
    case 'i':
        return MW_WASM_I32;
    case 'I':
        return MW_WASM_I64;
    case 'f':
        return MW_WASM_F32;
    case 'F':
        return MW_WASM_F64;
    default:
        return MW_WASM_V128;
    }
}

static mw_error check_signature(mw_body_validator *v, const mw_op_info *info)
{
    const char *signature = info->signature;
    bool has_address = info->imm == MW_IMM_MEMARG || info->imm == MW_IMM_MEMARG_LANE;
    unsigned nparams = 0;
    while (signature[nparams] != ':')
        nparams++;
    for (unsigned i = nparams; i > has_address; i--)
        TRY(pop_type(v, type_of_letter(signature[i - 1])));
    if (has_address)
        TRY(pop_type(v, memory_address(v, v->op.memarg.memory)));
    for (const char *result = signature + nparams + 1; *result; result++)
        TRY(push(v, type_of_letter(*result)));
    return MW_OK;
}

/* ---- Bodies --------------------------------------------------------------------------------------------- */

/* Constant instructions (3.3.10), with those of the extended-const proposal. */
static mw_error check_constant(mw_body_validator *v)
{
    switch (v->op.op) {
    case MW_OP_I32_CONST:
    case MW_OP_I64_CONST:
    case MW_OP_F32_CONST:
    case MW_OP_F64_CONST:
    case MW_OP_V128_CONST:
    case MW_OP_REF_NULL:
    case MW_OP_REF_FUNC:
    case MW_OP_GLOBAL_GET:
    case MW_OP_END:
        return MW_OK;
    case MW_OP_I32_ADD:
    case MW_OP_I32_SUB:
    case MW_OP_I32_MUL:
    case MW_OP_I64_ADD:
    case MW_OP_I64_SUB:
    case MW_OP_I64_MUL:
        return need(v, MW_FEATURE_EXTENDED_CONST);
    default:
        return fail(v, MW_ERR_INVALID, "constant expression required: %s is not constant",
                    mw_op_info_of(v->op.op)->name);
    }
}

static mw_error check_instruction(mw_body_validator *v)
{
    const mw_op_info *info = mw_op_info_of(v->op.op);
    if (info->feature != MW_FEATURE_MVP)
        TRY(need(v, info->feature));
    if (!info->signature)
        return check_contextual(v);
    if (info->imm != MW_IMM_NONE)
        TRY(check_immediate(v, info));
    return check_signature(v, info);
}

static mw_error check_body(mw_body_validator *v, const mw_wasm_valtype *results, uint32_t nresults)
{
    v->height = v->nframes = v->br_tables = v->nset = 0;
    TRY(push_frame(v, (frame){.op = MW_OP_END, .results = results, .nresults = nresults}));
    while (v->nframes > 0) {
        v->op.offset = mw_bytes_offset(&v->code);
        if (mw_bytes_left(&v->code) == 0)
            return fail(v, MW_ERR_MALFORMED, "unexpected end of section or function: END opcode expected");
        TRY(mw_operator_read(&v->code, &v->op));
        if (!v->func)
            TRY(check_constant(v));
        TRY(check_instruction(v));
    }
    v->op.offset = mw_bytes_offset(&v->code);
    if (mw_bytes_left(&v->code) > 0)
        return fail(v, MW_ERR_MALFORMED, "section size mismatch: %zu bytes after the end of the body",
                    mw_bytes_left(&v->code));
    return MW_OK;
}

static mw_error set_locals(mw_body_validator *v)
{
    const mw_wasm_func *func = v->func;
    if (func->nlocal_runs > v->local_ends_capacity) {
        void *ends = v->local_ends;
        TRY(grow(v, &ends, &v->local_ends_capacity, sizeof *v->local_ends, func->nlocal_runs));
        v->local_ends = ends;
    }
    v->nlocals = v->type->nparams;
    bool all_default = true;
    for (uint32_t i = 0; i < func->nlocal_runs; i++) {
        all_default &= mw_is_defaultable(func->local_runs[i].type);
        TRY(check_type(v, func->local_runs[i].type));
        v->local_ends[i] = v->nlocals += func->local_runs[i].count;
    }
    if (v->nlocals > MW_LIMIT_LOCALS)
        return fail(v, MW_ERR_LIMIT, "too many locals: %u; the limit is %d", v->nlocals, MW_LIMIT_LOCALS);
    if (all_default || v->set_in)
        return MW_OK;
    v->set_in = calloc(2 * (size_t)MW_LIMIT_LOCALS, sizeof *v->set_in);
    v->set = v->set_in + MW_LIMIT_LOCALS;
    return v->set_in ? MW_OK : mw_fail(v->report, MW_ERR_NO_MEMORY, "no memory to validate the module");
}

mw_error mw_validate_function(mw_body_validator *v, uint32_t index)
{
    const mw_wasm_func *func = &v->module->funcs[index];
    v->func = func;
    v->func_index = index;
    v->type = &v->module->types[func->type];
    v->nglobals = v->module->nglobals;
    v->code = mw_bytes_of(func->code, func->code_size, func->offset, v->report);
    v->op.offset = func->offset;
    TRY(set_locals(v));
    return check_body(v, v->type->types + v->type->nparams, v->type->nresults);
}

mw_error mw_validate_const_expr(mw_body_validator *v, const mw_wasm_expr *expr, mw_wasm_valtype type,
                                uint32_t nglobals)
{
    v->func = NULL;
    v->type = NULL;
    v->nlocals = 0;
    v->nglobals = nglobals;
    v->code = mw_bytes_of(expr->bytes, expr->size, (uint64_t)(expr->bytes - v->module->bytes), v->report);
    return check_body(v, &type, 1);
}

mw_error mw_body_validator_new(mw_module *module, uint64_t features, mw_report *report, mw_body_validator **out)
{
    mw_body_validator *v = calloc(1, sizeof *v);
    if (!v)
        return mw_fail(report, MW_ERR_NO_MEMORY, "no memory to validate the module");
    v->module = module;
    v->features = features;
    v->report = report;
    *out = v;
    return MW_OK;
}

void mw_body_validator_free(mw_body_validator *v)
{
    if (!v)
        return;
    free(v->stack);
    free(v->frames);
    free(v->local_ends);
    free(v->set_in);
    free(v);
}
