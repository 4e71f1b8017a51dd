#include "compiler/control.h"
#include "compiler/facts.h"

#include <stdlib.h>
#include <string.h>

static void free_join(mw_join *join)
{
    free(join->values);
    free(join->is_phi);
    free(join->edges);
}

static void free_control(mw_control *c)
{
    free_join(&c->join);
    free_join(&c->pad);
    free_join(&c->dispatch);
    free(c->phis);
    free(c->saved);
}

/* v128s may be on the stack in any shape; where values meet they have one. */
static void normalize(mw_emitter *e, uint32_t count, const mw_wasm_valtype *types)
{
    for (uint32_t i = 0; i < count; i++)
        if (types[i] == MW_WASM_V128) {
            LLVMValueRef *slot = &e->stack[e->height - count + i];
            *slot = mw_bitcast(e, *slot, e->unit->v128);
        }
}

static LLVMValueRef new_phi(mw_emitter *e, LLVMBasicBlockRef block, LLVMTypeRef type)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMPositionBuilderAtEnd(e->builder, block);
    LLVMValueRef phi = LLVMBuildPhi(e->builder, type, "");
    LLVMPositionBuilderAtEnd(e->builder, here);
    return phi;
}

/* ---- Edges ------------------------------------------------------------------------------------------------- */

static void join_value(mw_emitter *e, mw_join *join, uint32_t i, LLVMValueRef value, LLVMBasicBlockRef here)
{
    if (!join->is_phi[i]) {
        if (join->values[i] == value)
            return;
        LLVMValueRef phi = new_phi(e, join->block, LLVMTypeOf(value));
        for (uint32_t k = 0; k < join->nedges; k++)
            LLVMAddIncoming(phi, &join->values[i], &join->edges[k], 1);
        join->values[i] = phi;
        join->is_phi[i] = true;
    }
    LLVMAddIncoming(join->values[i], &value, &here, 1);
}

void mw_join_edge(mw_emitter *e, mw_join *join, const LLVMValueRef *values, uint32_t count)
{
    uint32_t nlocals = mw_locals_in_ssa(e);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    if (!join->block) {
        join->block = mw_new_block(e, "end");
        join->values = mw_calloc(nlocals + count, sizeof *join->values);
        join->is_phi = mw_calloc(nlocals + count, sizeof *join->is_phi);
        memcpy(join->values, e->locals, nlocals * sizeof *join->values);
        if (count)
            memcpy(join->values + nlocals, values, count * sizeof *join->values);
    } else {
        for (uint32_t i = 0; i < nlocals; i++)
            join_value(e, join, i, e->locals[i], here);
        for (uint32_t i = 0; i < count; i++)
            join_value(e, join, nlocals + i, values[i], here);
    }
    mw_reserve(&join->edges, &join->edges_capacity, join->nedges + 1, sizeof *join->edges);
    join->edges[join->nedges++] = here;
}

/* The current values go from the current block to the end of `c`. */
static LLVMBasicBlockRef edge_to_end(mw_emitter *e, mw_control *c)
{
    normalize(e, c->nresults, c->types + c->nparams);
    mw_join_edge(e, &c->join, e->stack + e->height - c->nresults, c->nresults);
    if (e->facts.height < c->facts_branch)
        c->facts_branch = e->facts.height;
    return c->join.block;
}

static LLVMBasicBlockRef edge_to_loop(mw_emitter *e, mw_control *c)
{
    normalize(e, c->nparams, c->types);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    for (uint32_t i = 0; i < c->nparams; i++)
        LLVMAddIncoming(c->phis[i], &e->stack[e->height - c->nparams + i], &here, 1);
    if (!e->locals_in_memory)
        for (uint32_t i = 0; i < c->scan->count; i++)
            LLVMAddIncoming(c->phis[c->nparams + i], &e->locals[c->scan->locals[i]], &here, 1);
    return c->header;
}

static void emit_return(mw_emitter *e, const mw_control *function)
{
    uint32_t n = function->nresults;
    normalize(e, n, function->types + function->nparams);
    bool in_memory = mw_results_in_memory(&e->unit->module->types[e->func->type]);
    if (in_memory)
        for (uint32_t i = 0; i < n; i++)
            LLVMBuildStore(e->builder, e->stack[e->height - n + i],
                           mw_offset_pointer(e, LLVMGetParam(e->llvm_func, 1), i * sizeof(mw_value)));
    if (n == 0 || in_memory)
        LLVMBuildRetVoid(e->builder);
    else if (n == 1)
        LLVMBuildRet(e->builder, e->stack[e->height - 1]);
    else
        LLVMBuildAggregateRet(e->builder, &e->stack[e->height - n], n);
}

void mw_jump_to_end(mw_emitter *e, mw_control *c)
{
    LLVMBuildBr(e->builder, edge_to_end(e, c));
}

void mw_jump(mw_emitter *e, mw_control *c)
{
    if (c->kind == MW_CONTROL_FUNCTION)
        emit_return(e, c);
    else
        LLVMBuildBr(e->builder, c->kind == MW_CONTROL_LOOP ? edge_to_loop(e, c) : edge_to_end(e, c));
}

/* ---- Entering constructs ------------------------------------------------------------------------------------ */

/* A place with `type` that outlives the construct. All references are pointers here. */
static const mw_wasm_valtype *single_type(mw_wasm_valtype type)
{
    static const mw_wasm_valtype types[] = {MW_WASM_I32, MW_WASM_I64,  MW_WASM_F32,
                                            MW_WASM_F64, MW_WASM_V128, MW_WASM_EXTERNREF};
    enum { REFERENCE = sizeof types / sizeof *types - 1 };
    for (size_t i = 0; i < REFERENCE; i++)
        if (types[i] == type)
            return &types[i];
    return &types[REFERENCE];
}

static mw_control *push_control(mw_emitter *e, mw_control_kind kind)
{
    mw_reserve(&e->controls, &e->controls_capacity, e->ncontrols + 1, sizeof *e->controls);
    mw_control *c = &e->controls[e->ncontrols++];
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->facts_start = c->facts_low = e->facts.height;
    c->facts_branch = UINT32_MAX;
    c->catcher = e->ncontrols > 1 ? c[-1].catcher : 0;
    return c;
}

static mw_control *enter_body(mw_emitter *e, mw_control_kind kind)
{
    const mw_wasm_functype *type = &e->unit->module->types[e->func->type];
    mw_control *c = push_control(e, kind);
    c->nparams = 0; /* they are locals */
    c->nresults = type->nresults;
    c->types = type->types + type->nparams;
    return c;
}

void mw_enter_function(mw_emitter *e)
{
    enter_body(e, MW_CONTROL_FUNCTION);
}

void mw_enter_inlined(mw_emitter *e)
{
    enter_body(e, MW_CONTROL_BLOCK)->height = e->height;
}

mw_control *mw_enter_construct(mw_emitter *e, mw_control_kind kind, const mw_block_type *block)
{
    mw_control *c = push_control(e, kind);
    if (block->kind == MW_BLOCK_TYPE) {
        const mw_wasm_functype *type = &e->unit->module->types[block->type];
        c->nparams = type->nparams;
        c->nresults = type->nresults;
        c->types = type->types;
    } else if (block->kind == MW_BLOCK_VALUE) {
        c->nresults = 1;
        c->types = single_type(block->value);
    }
    normalize(e, c->nparams, c->types);
    c->height = e->height - c->nparams;
    return c;
}

static LLVMValueRef loop_phi(mw_emitter *e, LLVMValueRef initial, LLVMBasicBlockRef from)
{
    LLVMValueRef phi = LLVMBuildPhi(e->builder, LLVMTypeOf(initial), "");
    LLVMAddIncoming(phi, &initial, &from, 1);
    return phi;
}

static void enter_loop(mw_emitter *e, const mw_block_type *block)
{
    mw_control *c = mw_enter_construct(e, MW_CONTROL_LOOP, block);
    c->scan = &e->loops[e->next_loop++];
    c->header = mw_new_block(e, "loop");
    uint32_t nlocals = e->locals_in_memory ? 0 : c->scan->count;
    c->phis = mw_calloc(c->nparams + nlocals, sizeof *c->phis);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    LLVMBuildBr(e->builder, c->header);
    LLVMPositionBuilderAtEnd(e->builder, c->header);
    for (uint32_t i = 0; i < c->nparams; i++)
        e->stack[c->height + i] = c->phis[i] = loop_phi(e, e->stack[c->height + i], here);
    for (uint32_t i = 0; i < nlocals; i++) {
        LLVMValueRef *local = &e->locals[c->scan->locals[i]];
        *local = c->phis[c->nparams + i] = loop_phi(e, *local, here);
    }
}

static void enter_if(mw_emitter *e, const mw_block_type *block)
{
    LLVMValueRef condition = mw_pop_truth(e);
    mw_control *c = mw_enter_construct(e, MW_CONTROL_IF, block);
    uint32_t nlocals = mw_locals_in_ssa(e);
    c->saved = mw_calloc(nlocals + c->nparams, sizeof *c->saved);
    memcpy(c->saved, e->locals, nlocals * sizeof *c->saved);
    if (c->nparams)
        memcpy(c->saved + nlocals, e->stack + c->height, c->nparams * sizeof *c->saved);
    LLVMBasicBlockRef then = mw_new_block(e, "then");
    c->else_block = mw_new_block(e, "else");
    LLVMBuildCondBr(e->builder, condition, then, c->else_block);
    LLVMPositionBuilderAtEnd(e->builder, then);
}

/* ---- Else and end --------------------------------------------------------------------------------------------- */

void mw_restart_facts(mw_emitter *e, mw_control *c)
{
    c->facts_low = c->facts_start;
    if (c->facts_branch != UINT32_MAX)
        c->facts_branch = c->facts_start;
    mw_facts_forget(&e->facts, c->facts_start);
}

/* From the end of an if's first arm, or from anywhere if that is dead, to the beginning of its second. */
static void switch_arm(mw_emitter *e, mw_control *c)
{
    if (!e->unreachable)
        LLVMBuildBr(e->builder, edge_to_end(e, c));
    uint32_t nlocals = mw_locals_in_ssa(e);
    memcpy(e->locals, c->saved, nlocals * sizeof *e->locals);
    e->height = c->height;
    for (uint32_t i = 0; i < c->nparams; i++)
        mw_push(e, c->saved[nlocals + i]);
    LLVMPositionBuilderAtEnd(e->builder, c->else_block);
    e->unreachable = false;
    c->kind = MW_CONTROL_ELSE;
    mw_restart_facts(e, c);
}

/* After a construct only what was known at every branch to its end is known: the lowest height of the log at
 * these, or since. */
static void leave_facts(mw_emitter *e, const mw_control *c)
{
    uint32_t height = e->facts.height < c->facts_branch ? e->facts.height : c->facts_branch;
    if (c->facts_branch != UINT32_MAX && c->facts_low < height)
        height = c->facts_low;
    mw_facts_forget(&e->facts, height);
    uint32_t low = height < c->facts_low ? height : c->facts_low;
    if (e->ncontrols) {
        mw_control *parent = &e->controls[e->ncontrols - 1];
        if (low < parent->facts_low)
            parent->facts_low = low;
    }
}

static void continue_at_join(mw_emitter *e, mw_control *c)
{
    if (!e->unreachable)
        LLVMBuildBr(e->builder, edge_to_end(e, c));
    uint32_t nlocals = mw_locals_in_ssa(e);
    LLVMPositionBuilderAtEnd(e->builder, c->join.block);
    memcpy(e->locals, c->join.values, nlocals * sizeof *e->locals);
    e->height = c->height;
    for (uint32_t i = 0; i < c->nresults; i++)
        mw_push(e, c->join.values[nlocals + i]);
    e->unreachable = false;
}

void mw_end_construct(mw_emitter *e)
{
    mw_control *c = mw_control_at(e, 0);
    if (c->kind == MW_CONTROL_IF)
        switch_arm(e, c); /* an absent second arm passes the parameters on */
    if (c->kind >= MW_CONTROL_TRY_TABLE)
        mw_end_try(e, c);
    if (c->kind == MW_CONTROL_FUNCTION) {
        if (!e->unreachable)
            emit_return(e, c);
    } else if (c->join.block) {
        continue_at_join(e, c);
    } else if (e->unreachable) {
        e->height = c->height;
    }
    mw_control closed = *c;
    e->ncontrols--;
    leave_facts(e, &closed);
    free_control(&closed);
}

/* ---- Branches ------------------------------------------------------------------------------------------------- */

static void branch_if(mw_emitter *e, LLVMValueRef condition, uint32_t depth)
{
    mw_control *c = mw_control_at(e, depth);
    LLVMBasicBlockRef next = mw_new_block(e, "");
    if (c->kind == MW_CONTROL_FUNCTION) {
        LLVMBasicBlockRef taken = mw_new_block(e, "return");
        LLVMBuildCondBr(e->builder, condition, taken, next);
        LLVMPositionBuilderAtEnd(e->builder, taken);
        emit_return(e, c);
    } else {
        LLVMBasicBlockRef target = c->kind == MW_CONTROL_LOOP ? edge_to_loop(e, c) : edge_to_end(e, c);
        LLVMBuildCondBr(e->builder, condition, target, next);
    }
    LLVMPositionBuilderAtEnd(e->builder, next);
}

/* br_on_null leaves the reference where it does not branch, br_on_non_null takes it along where it does. */
static void emit_br_on(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef ref = mw_pop(e), is_null = LLVMBuildIsNull(e->builder, ref, "");
    if (op->op == MW_OP_BR_ON_NULL) {
        branch_if(e, is_null, op->index);
        mw_push(e, ref);
    } else {
        mw_push(e, ref);
        branch_if(e, LLVMBuildNot(e->builder, is_null, ""), op->index);
        mw_pop(e);
    }
}

static void emit_br_table(mw_emitter *e, const mw_operator *op)
{
    LLVMValueRef index = mw_pop(e);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
    mw_bytes labels = op->labels.targets;
    uint32_t count = op->labels.count, depth = 0;
    e->switch_stamp++;
    LLVMBasicBlockRef *targets = mw_calloc((size_t)count + 1, sizeof *targets);
    for (uint32_t i = 0; i <= count; i++) {
        if (mw_read_u32(&labels, &depth) != MW_OK)
            abort();
        mw_control *c = mw_control_at(e, depth);
        if (c->switch_stamp != e->switch_stamp) { /* one edge per label: phis want one entry per edge */
            c->switch_stamp = e->switch_stamp;
            c->switch_block = mw_new_block(e, "");
            LLVMPositionBuilderAtEnd(e->builder, c->switch_block);
            mw_jump(e, c);
        }
        targets[i] = c->switch_block;
    }
    LLVMPositionBuilderAtEnd(e->builder, here);
    LLVMValueRef branch = LLVMBuildSwitch(e->builder, mw_settle(e, index), targets[count], count);
    for (uint32_t i = 0; i < count; i++)
        LLVMAddCase(branch, mw_i32(e->unit, i), targets[i]);
    free(targets);
}

bool mw_skip_dead(mw_emitter *e, const mw_operator *op)
{
    if (!e->unreachable)
        return false;
    switch (op->op) {
    case MW_OP_LOOP:
        e->next_loop++;
        e->dead_depth++;
        return true;
    case MW_OP_BLOCK:
    case MW_OP_IF:
    case MW_OP_TRY:
    case MW_OP_TRY_TABLE:
        e->dead_depth++;
        return true;
    case MW_OP_ELSE:
    case MW_OP_CATCH:
    case MW_OP_CATCH_ALL:
        return e->dead_depth > 0;
    case MW_OP_END:
    case MW_OP_DELEGATE:
        if (e->dead_depth == 0)
            return false;
        e->dead_depth--;
        return true;
    default:
        return true;
    }
}

void mw_emit_control(mw_emitter *e, const mw_operator *op)
{
    switch (op->op) {
    case MW_OP_NOP:
        return;
    case MW_OP_BLOCK:
        mw_enter_construct(e, MW_CONTROL_BLOCK, &op->block);
        return;
    case MW_OP_LOOP:
        enter_loop(e, &op->block);
        return;
    case MW_OP_IF:
        enter_if(e, &op->block);
        return;
    case MW_OP_ELSE:
        switch_arm(e, mw_control_at(e, 0));
        return;
    case MW_OP_END:
        mw_end_construct(e);
        return;
    case MW_OP_BR_IF:
        branch_if(e, mw_pop_truth(e), op->index);
        return;
    case MW_OP_BR_ON_NULL:
    case MW_OP_BR_ON_NON_NULL:
        emit_br_on(e, op);
        return;
    case MW_OP_BR:
        mw_jump(e, mw_control_at(e, op->index));
        break;
    case MW_OP_BR_TABLE:
        emit_br_table(e, op);
        break;
    case MW_OP_RETURN:
        mw_jump(e, &e->controls[e->function_control]);
        break;
    default: /* unreachable */
        mw_trap(e, mw_i32(e->unit, MW_TRAP_UNREACHABLE));
        break;
    }
    e->unreachable = true;
}
