/* 32-bit variables that serve as indices are kept with their upper half zero.
 *
 * An address needs the index zero-extended to 64 bits. The operation that makes a 32-bit value does that on the way, but
 * LLVM makes code block by block: of a variable that comes into a block, as the pointers that a loop steps do, it does
 * not know that, and moves it to itself before each access (`mov ecx, ecx`). Here such variables are phis of 64 bits,
 * of which each incoming value is extended where it is made, and truncated where 32 bits are used; both cost nothing. So is what
 * comes from another block without being a variable. */
#include "compiler/optimize.h"

#include <stdlib.h>

enum { MAX_WAYS = 128 /* into a phi */ };

typedef struct pass {
    const mw_unit *unit;
    unsigned queued;   /* kind of metadata of a phi that was put into the queue */
    unsigned extended; /* of a truncation whose operand has only zeros above its result */
    LLVMValueRef mark;
    LLVMValueRef *phis; /* to do */
    uint32_t nphis, capacity;
} pass;

static bool extends(const mw_unit *u, LLVMValueRef user)
{
    return LLVMIsAZExtInst(user) && LLVMTypeOf(user) == u->i64;
}

static bool is_extended(const mw_unit *u, LLVMValueRef v)
{
    for (LLVMUseRef use = LLVMGetFirstUse(v); use; use = LLVMGetNextUse(use))
        if (extends(u, LLVMGetUser(use)))
            return true;
    return false;
}

static bool can_extend(LLVMValueRef v)
{
    if (LLVMIsAInstruction(v))
        return !LLVMIsATerminatorInst(v);
    return LLVMIsAArgument(v) || LLVMIsAConstantInt(v) || LLVMIsUndef(v);
}

static void enqueue(pass *p, LLVMValueRef phi)
{
    unsigned ways = LLVMCountIncoming(phi);
    if (LLVMGetMetadata(phi, p->queued) || ways > MAX_WAYS)
        return;
    for (unsigned i = 0; i < ways; i++)
        if (!can_extend(LLVMGetIncomingValue(phi, i)))
            return;
    LLVMSetMetadata(phi, p->queued, p->mark);
    mw_reserve(&p->phis, &p->capacity, p->nphis + 1, sizeof *p->phis);
    p->phis[p->nphis++] = phi;
}

static LLVMValueRef first_after_phis(LLVMBasicBlockRef block)
{
    LLVMValueRef i = LLVMGetFirstInstruction(block);
    while (LLVMIsAPHINode(i) || LLVMIsALandingPadInst(i))
        i = LLVMGetNextInstruction(i);
    return i;
}

/* An incoming value, extended where it is made. */
static LLVMValueRef extend(pass *p, LLVMValueRef v)
{
    const mw_unit *u = p->unit;
    if (LLVMIsUndef(v))
        return mw_i64(u, 0);
    if (LLVMIsAConstantInt(v))
        return mw_i64(u, LLVMConstIntGetZExtValue(v));
    if (LLVMIsAInstruction(v) && LLVMGetMetadata(v, p->extended))
        return LLVMGetOperand(v, 0);
    LLVMValueRef before;
    if (LLVMIsAArgument(v))
        before = first_after_phis(LLVMGetEntryBasicBlock(LLVMGetParamParent(v)));
    else if (LLVMIsAPHINode(v))
        before = first_after_phis(LLVMGetInstructionParent(v));
    else
        before = LLVMGetNextInstruction(v);
    LLVMPositionBuilderBefore(u->builder, before);
    LLVMValueRef wide = LLVMBuildZExt(u->builder, v, u->i64, "");
    if (LLVMIsAPHINode(v))
        enqueue(p, v);
    return wide;
}

/* `wide` truncated: an operation of the user's own block, so that one register goes from block to block. */
static LLVMValueRef truncate(const pass *p, LLVMValueRef wide, LLVMValueRef before)
{
    LLVMPositionBuilderBefore(p->unit->builder, before);
    LLVMValueRef narrow = LLVMBuildTrunc(p->unit->builder, wide, p->unit->i32, "");
    LLVMSetMetadata(narrow, p->extended, p->mark);
    return narrow;
}

static void replace(const pass *p, LLVMValueRef phi, LLVMValueRef wide)
{
    LLVMBasicBlockRef block = LLVMGetInstructionParent(phi);
    for (LLVMUseRef use = LLVMGetFirstUse(phi), next; use; use = next) {
        next = LLVMGetNextUse(use);
        LLVMValueRef user = LLVMGetUser(use);
        if (extends(p->unit, user)) {
            LLVMReplaceAllUsesWith(user, wide);
            LLVMInstructionEraseFromParent(user);
        } else if (!LLVMIsAPHINode(user) && LLVMGetInstructionParent(user) != block) {
            unsigned i = 0;
            while (LLVMGetOperandUse(user, i) != use)
                i++;
            LLVMSetOperand(user, i, truncate(p, wide, user));
        }
    }
    if (LLVMGetFirstUse(phi))
        LLVMReplaceAllUsesWith(phi, truncate(p, wide, first_after_phis(block)));
}

static void widen(pass *p, LLVMValueRef phi)
{
    LLVMPositionBuilderBefore(p->unit->builder, phi);
    LLVMValueRef wide = LLVMBuildPhi(p->unit->builder, p->unit->i64, "");
    replace(p, phi, wide);
    unsigned ways = LLVMCountIncoming(phi);
    for (unsigned i = 0; i < ways; i++) {
        LLVMBasicBlockRef from = LLVMGetIncomingBlock(phi, i);
        LLVMValueRef value = NULL;
        bool may_repeat = LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(from)) > 1;
        for (unsigned k = 0; may_repeat && k < i && !value; k++) /* several edges from one block bring one value */
            if (LLVMGetIncomingBlock(phi, k) == from)
                value = LLVMGetIncomingValue(wide, k);
        if (!value)
            value = extend(p, LLVMGetIncomingValue(phi, i));
        LLVMAddIncoming(wide, &value, &from, 1);
    }
    LLVMInstructionEraseFromParent(phi);
}

/* Extends a value that comes from another block where it is made. */
static void move_up(const mw_unit *u, LLVMValueRef i)
{
    LLVMValueRef v = extends(u, i) ? LLVMGetOperand(i, 0) : NULL;
    if (!v || !LLVMIsAInstruction(v) || LLVMTypeOf(v) != u->i32 || LLVMIsAPHINode(v) || LLVMIsATerminatorInst(v) ||
        LLVMGetInstructionParent(v) == LLVMGetInstructionParent(i))
        return;
    LLVMInstructionRemoveFromParent(i);
    LLVMPositionBuilderBefore(u->builder, LLVMGetNextInstruction(v));
    LLVMInsertIntoBuilder(u->builder, i);
}

void mw_keep_extended(const mw_unit *u)
{
    pass p = {.unit = u,
              .queued = LLVMGetMDKindIDInContext(u->context, "mw.queued", 9),
              .extended = LLVMGetMDKindIDInContext(u->context, "mw.extended", 11),
              .mark = LLVMMetadataAsValue(u->context, LLVMMDNodeInContext2(u->context, NULL, 0))};
    LLVMSetCurrentDebugLocation2(u->builder, NULL);
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i; i = next) {
                next = LLVMGetNextInstruction(i);
                move_up(u, i);
                if (LLVMIsAPHINode(i) && LLVMTypeOf(i) == u->i32 && is_extended(u, i))
                    enqueue(&p, i);
            }
    while (p.nphis)
        widen(&p, p.phis[--p.nphis]);
    free(p.phis);
}
