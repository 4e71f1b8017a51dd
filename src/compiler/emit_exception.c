/* Exceptions, in the standard form (try_table) and the older one (try, catch, delegate).
 *
 * Calls in a try's body are invokes that unwind to the try's landing pad; what the function itself throws there goes
 * to the handlers without unwinding. At the landing pad all exceptions arrive: code compares the tag with those of
 * the clauses in their order, and what none takes goes on to the handlers of the next try around, or is thrown
 * again where there is none. So nothing is added to the path without a throw. */
#include "compiler/control.h"
#include "compiler/facts.h"

#include <stdlib.h>
#include <string.h>

/* The try that catches what is thrown in `c`, NULL if none does. */
static mw_control *catcher_of(mw_emitter *e, const mw_control *c)
{
    return c->catcher ? &e->controls[c->catcher - 1] : NULL;
}

/* ---- Throwing ---------------------------------------------------------------------------------------------- */

/* Hands `exception` to the handlers of `to`, or to those of the function's callers if it is NULL. */
static void raise_to(mw_emitter *e, mw_control *to, LLVMValueRef exception)
{
    const mw_unit *u = e->unit;
    if (to) {
        mw_join_edge(e, &to->dispatch, &exception, 1);
        LLVMBuildBr(e->builder, to->dispatch.block);
        return;
    }
    LLVMValueRef call = mw_call_builtin(e, offsetof(mw_builtins, exception_throw), u->void_type, &exception, 1);
    /* nomerge: the call's address tells the instruction that threw. */
    static const char *const attributes[] = {"noreturn", "cold", "nomerge"};
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                 mw_attribute(u, attributes[i], 0));
    LLVMBuildUnreachable(e->builder);
}

LLVMValueRef mw_call_guest(mw_emitter *e, LLVMTypeRef type, LLVMValueRef code, LLVMValueRef *args, unsigned nargs)
{
    const mw_unit *u = e->unit;
    mw_control *c = catcher_of(e, mw_control_at(e, 0));
    if (c) {
        LLVMBasicBlockRef next = mw_new_block(e, "");
        mw_join_edge(e, &c->pad, NULL, 0);
        LLVMValueRef call = LLVMBuildInvoke2(e->builder, type, code, args, nargs, next, c->pad.block, "");
        LLVMPositionBuilderAtEnd(e->builder, next);
        return call;
    }
    LLVMValueRef call = LLVMBuildCall2(e->builder, type, code, args, nargs, "");
    if (!mw_unit_throws(u))
        LLVMAddCallSiteAttribute(call, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, mw_attribute(u, "nounwind", 0));
    return call;
}

static LLVMValueRef value_pointer(mw_emitter *e, LLVMValueRef exception, uint32_t i)
{
    return mw_offset_pointer(e, exception, offsetof(mw_exception, values) + i * sizeof(mw_value));
}

static void emit_throw(mw_emitter *e, uint32_t tag)
{
    mw_unit *u = e->unit;
    const mw_wasm_functype *type = &u->module->types[u->module->tags[tag].type];
    LLVMValueRef index = mw_i32(u, tag);
    LLVMValueRef exception = mw_call_builtin(e, offsetof(mw_builtins, exception_new), u->ptr, &index, 1);
    for (uint32_t i = type->nparams; i-- > 0;)
        LLVMBuildStore(e->builder, mw_bitcast(e, mw_pop(e), mw_llvm_type(u, type->types[i])),
                       value_pointer(e, exception, i));
    raise_to(e, catcher_of(e, mw_control_at(e, 0)), exception);
}

static void emit_throw_ref(mw_emitter *e)
{
    LLVMValueRef exception = mw_pop(e);
    mw_trap_if(e, LLVMBuildIsNull(e->builder, exception, ""), MW_TRAP_NULL_EXCEPTION_REFERENCE);
    raise_to(e, catcher_of(e, mw_control_at(e, 0)), exception);
}

/* ---- Catching ---------------------------------------------------------------------------------------------- */

/* Goes to where the exceptions of a try's body arrive, with the locals as they are then; NULL if there are none. */
static LLVMValueRef begin_dispatch(mw_emitter *e, mw_control *c)
{
    mw_unit *u = e->unit;
    uint32_t nlocals = mw_locals_in_ssa(e);
    LLVMValueRef exception = NULL;
    if (c->pad.block) {
        LLVMTypeRef fields[] = {u->ptr, u->i32};
        LLVMPositionBuilderAtEnd(e->builder, c->pad.block);
        LLVMSetPersonalityFn(e->llvm_func, mw_personality(u));
        LLVMValueRef landed = LLVMBuildLandingPad(e->builder, LLVMStructTypeInContext(u->context, fields, 2, 0), NULL,
                                                  1, "");
        LLVMAddClause(landed, LLVMConstNull(u->ptr));
        /* It arrives as its complement (runtime/exception.c). */
        exception = LLVMBuildPtrToInt(e->builder, LLVMBuildExtractValue(e->builder, landed, 0, ""), u->i64, "");
        exception = LLVMBuildIntToPtr(e->builder, LLVMBuildNot(e->builder, exception, ""), u->ptr, "");
        memcpy(e->locals, c->pad.values, nlocals * sizeof *e->locals);
        if (c->dispatch.block)
            raise_to(e, c, exception);
    }
    if (c->dispatch.block) {
        LLVMPositionBuilderAtEnd(e->builder, c->dispatch.block);
        exception = c->dispatch.values[nlocals];
        memcpy(e->locals, c->dispatch.values, nlocals * sizeof *e->locals);
    }
    mw_restart_facts(e, c);
    e->height = c->height;
    return exception;
}

/* The code goes on where the exception has the tag; gives the block where it has another. */
static LLVMBasicBlockRef match_tag(mw_emitter *e, LLVMValueRef exception, uint32_t index)
{
    const mw_unit *u = e->unit;
    LLVMBasicBlockRef matched = mw_new_block(e, "catch"), unmatched = mw_new_block(e, "");
    LLVMValueRef tags = mw_load_field(e, u->ptr, offsetof(mw_instance, tags));
    LLVMValueRef tag = mw_load_element(e, u->ptr, tags, index);
    LLVMValueRef wanted = mw_load_constant(e, u->i64, tag, offsetof(mw_tag, id));
    LLVMValueRef id = mw_offset_pointer(e, exception, offsetof(mw_exception, tag));
    LLVMValueRef has = LLVMBuildLoad2(e->builder, u->i64, id, "");
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntEQ, has, wanted, ""), matched, unmatched);
    LLVMPositionBuilderAtEnd(e->builder, matched);
    return unmatched;
}

static void push_values(mw_emitter *e, LLVMValueRef exception, uint32_t tag)
{
    mw_unit *u = e->unit;
    const mw_wasm_functype *type = &u->module->types[u->module->tags[tag].type];
    for (uint32_t i = 0; i < type->nparams; i++)
        mw_push(e, LLVMBuildLoad2(e->builder, mw_llvm_type(u, type->types[i]), value_pointer(e, exception, i), ""));
}

/* The clauses of a try_table. Their labels are those outside of it. */
static void emit_clauses(mw_emitter *e, mw_control *c, LLVMValueRef exception)
{
    mw_bytes catches = c->catches;
    for (uint32_t i = 0; i < c->ncatches; i++) {
        mw_catch clause;
        LLVMBasicBlockRef unmatched = NULL;
        if (mw_read_catch(&catches, &clause) != MW_OK)
            abort(); /* validated */
        e->height = c->height;
        if (clause.kind <= MW_CATCH_REF) {
            unmatched = match_tag(e, exception, clause.tag);
            push_values(e, exception, clause.tag);
        }
        if (clause.kind == MW_CATCH_REF || clause.kind == MW_CATCH_ALL_REF)
            mw_push(e, exception);
        mw_jump(e, mw_control_at(e, 1 + clause.label));
        if (!unmatched)
            return; /* what follows catch_all takes nothing */
        LLVMPositionBuilderAtEnd(e->builder, unmatched);
    }
    raise_to(e, catcher_of(e, mw_control_at(e, 1)), exception);
}

/* The end of what comes before a handler, or before the end. */
static void finish_arm(mw_emitter *e, mw_control *c)
{
    if (!e->unreachable)
        mw_jump_to_end(e, c);
    e->unreachable = true;
}

/* What a try's body throws, if anything, goes to `to`. */
static void pass_to(mw_emitter *e, mw_control *c, mw_control *to)
{
    if (!c->pad.block && !c->dispatch.block)
        return;
    finish_arm(e, c);
    LLVMValueRef exception = begin_dispatch(e, c);
    raise_to(e, to, exception);
}

/* Goes to where those exceptions are that no handler so far took. */
static void go_to_unmatched(mw_emitter *e, mw_control *c)
{
    LLVMPositionBuilderAtEnd(e->builder, c->unmatched);
    memcpy(e->locals, c->saved, mw_locals_in_ssa(e) * sizeof *e->locals);
    mw_restart_facts(e, c);
    e->height = c->height;
}

static void emit_catch(mw_emitter *e, const mw_operator *op)
{
    mw_control *c = mw_control_at(e, 0);
    finish_arm(e, c);
    if (c->kind == MW_CONTROL_TRY) {
        c->kind = MW_CONTROL_CATCH;
        c->catcher = mw_control_at(e, 1)->catcher;
        c->exception = begin_dispatch(e, c);
        c->unmatched = c->exception ? LLVMGetInsertBlock(e->builder) : NULL;
        c->saved = mw_calloc(mw_locals_in_ssa(e), sizeof *c->saved);
        memcpy(c->saved, e->locals, mw_locals_in_ssa(e) * sizeof *c->saved);
    }
    if (!c->unmatched) /* nothing gets here */
        return;
    go_to_unmatched(e, c);
    e->unreachable = false;
    if (op->op == MW_OP_CATCH_ALL) {
        c->unmatched = NULL;
    } else {
        c->unmatched = match_tag(e, c->exception, op->index);
        push_values(e, c->exception, op->index);
    }
}

void mw_end_try(mw_emitter *e, mw_control *c)
{
    if (c->kind == MW_CONTROL_TRY) {
        pass_to(e, c, catcher_of(e, mw_control_at(e, 1)));
    } else if (c->kind == MW_CONTROL_TRY_TABLE && (c->pad.block || c->dispatch.block)) {
        finish_arm(e, c);
        LLVMValueRef exception = begin_dispatch(e, c);
        emit_clauses(e, c, exception);
    } else if (c->unmatched) {
        finish_arm(e, c);
        go_to_unmatched(e, c);
        raise_to(e, catcher_of(e, mw_control_at(e, 1)), c->exception);
    }
}

static void enter_try(mw_emitter *e, const mw_operator *op)
{
    bool is_table = op->op == MW_OP_TRY_TABLE;
    mw_control *c = mw_enter_construct(e, is_table ? MW_CONTROL_TRY_TABLE : MW_CONTROL_TRY,
                                       is_table ? &op->try_table.block : &op->block);
    if (is_table) {
        c->catches = op->try_table.catches;
        c->ncatches = op->try_table.count;
        if (c->ncatches == 0) /* a block */
            return;
    }
    c->catcher = e->ncontrols;
}

void mw_emit_exception(mw_emitter *e, const mw_operator *op)
{
    switch (op->op) {
    case MW_OP_TRY:
    case MW_OP_TRY_TABLE:
        enter_try(e, op);
        return;
    case MW_OP_CATCH:
    case MW_OP_CATCH_ALL:
        emit_catch(e, op);
        return;
    case MW_OP_DELEGATE:
        /* Its label is one outside of the try; the catch part of a try does not catch. */
        pass_to(e, mw_control_at(e, 0), catcher_of(e, mw_control_at(e, 1 + op->index)));
        mw_control_at(e, 0)->kind = MW_CONTROL_BLOCK;
        mw_end_construct(e);
        return;
    case MW_OP_THROW:
        emit_throw(e, op->index);
        break;
    case MW_OP_RETHROW:
        raise_to(e, catcher_of(e, mw_control_at(e, 0)), mw_control_at(e, op->index)->exception);
        break;
    default: /* throw_ref */
        emit_throw_ref(e);
        break;
    }
    e->unreachable = true;
}
