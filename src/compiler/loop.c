#include "compiler/loop.h"

#include <string.h>

enum { MAX_USES = 256 /* of a block */ };

/* ---- Loops ------------------------------------------------------------------------------------------------ */

bool mw_is_of_loop(const mw_loop *l, LLVMBasicBlockRef b)
{
    for (unsigned i = 0; i < l->nblocks; i++)
        if (l->blocks[i] == b)
            return true;
    return false;
}

static bool add_block(mw_loop *l, LLVMBasicBlockRef b)
{
    if (mw_is_of_loop(l, b))
        return true;
    if (l->nblocks == MW_MAX_LOOP_BLOCKS)
        return false;
    l->blocks[l->nblocks++] = b;
    return true;
}

/* Calls `visit` with each predecessor of `b`, until one returns false; false also if there are very many. */
static bool each_predecessor(LLVMBasicBlockRef b, bool (*visit)(mw_loop *l, LLVMBasicBlockRef from), mw_loop *l)
{
    unsigned n = 0;
    for (LLVMUseRef use = LLVMGetFirstUse(LLVMBasicBlockAsValue(b)); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (++n > MAX_USES || (LLVMIsATerminatorInst(user) && !visit(l, LLVMGetInstructionParent(user))))
            return false;
    }
    return true;
}

bool mw_find_loop(mw_loop *l, LLVMBasicBlockRef header, LLVMBasicBlockRef latch)
{
    *l = (mw_loop){.header = header, .latch = latch, .blocks = {header}, .nblocks = 1};
    add_block(l, latch);
    for (unsigned i = 1; i < l->nblocks; i++)
        if (l->blocks[i] == LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(header)) ||
            !each_predecessor(l->blocks[i], add_block, l))
            return false;
    return true;
}

/* Blocks are taken away whose predecessors are all gone. */
bool mw_is_innermost(const mw_loop *l)
{
    bool gone[MW_MAX_LOOP_BLOCKS] = {true};
    unsigned left = l->nblocks - 1;
    for (bool changed = true; changed && left;) {
        changed = false;
        for (unsigned i = 1; i < l->nblocks; i++) {
            bool ready = !gone[i];
            LLVMValueRef block = LLVMBasicBlockAsValue(l->blocks[i]);
            for (LLVMUseRef use = LLVMGetFirstUse(block); use && ready; use = LLVMGetNextUse(use)) {
                LLVMValueRef user = LLVMGetUser(use);
                if (!LLVMIsATerminatorInst(user))
                    continue;
                for (unsigned k = 0; k < l->nblocks; k++)
                    ready &= gone[k] || l->blocks[k] != LLVMGetInstructionParent(user);
            }
            if (ready) {
                gone[i] = changed = true;
                left--;
            }
        }
    }
    return left == 0;
}

static bool note_preheader(mw_loop *l, LLVMBasicBlockRef from)
{
    if (from == l->latch)
        return true;
    if (mw_is_of_loop(l, from) || (l->preheader && l->preheader != from))
        return false;
    l->preheader = from;
    return true;
}

bool mw_has_preheader(mw_loop *l)
{
    return each_predecessor(l->header, note_preheader, l) && l->preheader &&
           LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(l->preheader)) == 1;
}

bool mw_has_call(const mw_loop *l)
{
    for (unsigned i = 0; i < l->nblocks; i++)
        for (LLVMValueRef v = LLVMGetFirstInstruction(l->blocks[i]); v; v = LLVMGetNextInstruction(v))
            if (LLVMIsAInvokeInst(v) || (LLVMIsACallInst(v) && !LLVMIsAIntrinsicInst(v)))
                return true;
    return false;
}

bool mw_is_invariant(const mw_loop *l, LLVMValueRef v)
{
    return LLVMIsAConstant(v) || LLVMIsAArgument(v) ||
           (LLVMIsAInstruction(v) && !mw_is_of_loop(l, LLVMGetInstructionParent(v)));
}

bool mw_read_phi(const mw_loop *l, LLVMValueRef v, LLVMValueRef *start, LLVMValueRef *next)
{
    if (!LLVMIsAPHINode(v) || LLVMGetInstructionParent(v) != l->header || LLVMCountIncoming(v) != 2)
        return false;
    unsigned from_latch = LLVMGetIncomingBlock(v, 0) == l->latch ? 0 : 1;
    *next = LLVMGetIncomingValue(v, from_latch);
    *start = LLVMGetIncomingValue(v, 1 - from_latch);
    return true;
}

bool mw_read_induction(const mw_loop *l, LLVMValueRef v, LLVMValueRef *start, LLVMValueRef *next, int64_t *step)
{
    if (!mw_read_phi(l, v, start, next) || !LLVMIsABinaryOperator(*next) || LLVMGetInstructionOpcode(*next) != LLVMAdd || LLVMGetOperand(*next, 0) != v ||
        !LLVMIsAConstantInt(LLVMGetOperand(*next, 1)))
        return false;
    *step = LLVMConstIntGetSExtValue(LLVMGetOperand(*next, 1));
    return true;
}

/* ---- How many iterations ------------------------------------------------------------------------------------ */

/* Of b and a, what this is of a and b. */
static LLVMIntPredicate swapped(LLVMIntPredicate p)
{
    switch (p) {
    case LLVMIntUGT:
        return LLVMIntULT;
    case LLVMIntUGE:
        return LLVMIntULE;
    case LLVMIntULT:
        return LLVMIntUGT;
    case LLVMIntULE:
        return LLVMIntUGE;
    case LLVMIntSGT:
        return LLVMIntSLT;
    case LLVMIntSGE:
        return LLVMIntSLE;
    case LLVMIntSLT:
        return LLVMIntSGT;
    case LLVMIntSLE:
        return LLVMIntSGE;
    default:
        return p;
    }
}

LLVMValueRef mw_build_count(const mw_unit *u, const mw_loop *l, LLVMValueRef *valid)
{
    LLVMBuilderRef b = u->builder;
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(l->latch);
    if (!LLVMIsABranchInst(branch) || !LLVMIsConditional(branch) || !LLVMIsAICmpInst(LLVMGetCondition(branch)))
        return NULL;
    LLVMValueRef compare = LLVMGetCondition(branch), tested = LLVMGetOperand(compare, 0);
    LLVMValueRef bound = LLVMGetOperand(compare, 1), start, next;
    LLVMIntPredicate predicate = LLVMGetICmpPredicate(compare);
    bool back_if_true = LLVMGetSuccessor(branch, 0) == l->header;
    int64_t step;
    LLVMTypeRef type = LLVMTypeOf(tested);
    if (mw_is_invariant(l, tested)) {
        LLVMValueRef other = tested;
        tested = bound;
        bound = other;
        predicate = swapped(predicate);
    }
    if (LLVMGetTypeKind(type) != LLVMIntegerTypeKind || !mw_is_invariant(l, bound))
        return NULL;
    LLVMValueRef phi = LLVMIsAPHINode(tested) ? tested : LLVMIsAInstruction(tested) ? LLVMGetOperand(tested, 0) : NULL;
    if (!phi || !mw_read_induction(l, phi, &start, &next, &step) || (tested != phi && tested != next) || step == 0)
        return NULL;
    unsigned width = LLVMGetIntTypeWidth(type);
    uint64_t size = step < 0 ? -(uint64_t)step : (uint64_t)step;
    if ((width != 32 && width != 64) || size & (size - 1) || size > UINT64_C(1) << MW_MAX_STEP_BITS)
        return NULL;
    LLVMValueRef first = tested == phi ? start : LLVMBuildAdd(b, start, LLVMConstInt(type, (uint64_t)step, 1), "");
    LLVMValueRef distance = step > 0 ? LLVMBuildSub(b, bound, first, "") : LLVMBuildSub(b, first, bound, "");
    if (predicate == (back_if_true ? LLVMIntNE : LLVMIntEQ)) {
        /* The first multiple of the step that equals the distance modulo 2^width; there is none if bits remain. */
        LLVMValueRef rest = LLVMBuildAnd(b, distance, LLVMConstInt(type, size - 1, 0), "");
        *valid = LLVMBuildIsNull(b, rest, "");
        distance = LLVMBuildLShr(b, distance, LLVMConstInt(type, (unsigned)__builtin_ctzll(size), 0), "");
    } else {
        /* By steps of one it cannot jump over the bound and wrap. */
        bool up = predicate == (back_if_true ? LLVMIntULT : LLVMIntUGE) ||
                  predicate == (back_if_true ? LLVMIntSLT : LLVMIntSGE);
        bool down = predicate == (back_if_true ? LLVMIntUGT : LLVMIntULE) ||
                    predicate == (back_if_true ? LLVMIntSGT : LLVMIntSLE);
        if (size != 1 || (step > 0 ? !up : !down))
            return NULL;
        LLVMValueRef again = LLVMBuildICmp(b, predicate, first, bound, "");
        if (!back_if_true)
            again = LLVMBuildNot(b, again, "");
        distance = LLVMBuildSelect(b, again, distance, LLVMConstNull(type), "");
        *valid = LLVMConstInt(u->i1, 1, 0);
    }
    return width == 64 ? distance : LLVMBuildZExt(b, distance, u->i64, "");
}

bool mw_has_constant_count(const mw_unit *u, const mw_loop *l, uint64_t *count)
{
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(l->latch), start, next, valid;
    int64_t step;
    if (!LLVMIsABranchInst(branch) || !LLVMIsConditional(branch) || !LLVMIsAICmpInst(LLVMGetCondition(branch)))
        return false;
    LLVMValueRef compare = LLVMGetCondition(branch), phi = LLVMGetOperand(compare, 0);
    if (!LLVMIsAPHINode(phi) && LLVMIsABinaryOperator(phi))
        phi = LLVMGetOperand(phi, 0);
    if (!LLVMIsAConstantInt(LLVMGetOperand(compare, 1)) || !mw_read_induction(l, phi, &start, &next, &step) ||
        !LLVMIsAConstantInt(start))
        return false;
    /* Of constants all is folded, and nothing built. */
    LLVMValueRef number = mw_build_count(u, l, &valid);
    if (!number || !LLVMIsAConstantInt(number) || !LLVMIsAConstantInt(valid) || !LLVMConstIntGetZExtValue(valid))
        return false;
    *count = LLVMConstIntGetZExtValue(number);
    return true;
}

/* ---- What is said of loops ---------------------------------------------------------------------------------------- */

LLVMMetadataRef mw_distinct_node(const mw_unit *u, const LLVMMetadataRef *operands, unsigned n)
{
    LLVMMetadataRef self = LLVMTemporaryMDNode(u->context, NULL, 0), all[1 + MW_MAX_OPERANDS] = {self};
    for (unsigned i = 0; i < n; i++)
        all[1 + i] = operands[i];
    LLVMMetadataRef node = LLVMMDNodeInContext2(u->context, all, 1 + n);
    LLVMMetadataReplaceAllUsesWith(self, node);
    return node;
}

static LLVMMetadataRef text(const mw_unit *u, const char *s)
{
    return LLVMMDStringInContext2(u->context, s, strlen(s));
}

LLVMMetadataRef mw_loop_left_alone(const mw_unit *u, bool rolled)
{
    LLVMMetadataRef scalar[] = {text(u, "llvm.loop.vectorize.enable"), LLVMValueAsMetadata(LLVMConstInt(u->i1, 0, 0))};
    LLVMMetadataRef no_unrolling = text(u, "llvm.loop.unroll.disable");
    LLVMMetadataRef options[] = {LLVMMDNodeInContext2(u->context, scalar, 2),
                                 LLVMMDNodeInContext2(u->context, &no_unrolling, 1)};
    return mw_distinct_node(u, options, rolled ? 2 : 1);
}

LLVMMetadataRef mw_loop_interleaved(const mw_unit *u, unsigned count)
{
    LLVMMetadataRef pair[] = {text(u, "llvm.loop.interleave.count"), LLVMValueAsMetadata(LLVMConstInt(u->i32, count, 0))};
    LLVMMetadataRef option = LLVMMDNodeInContext2(u->context, pair, 2);
    return mw_distinct_node(u, &option, 1);
}

void mw_set_loop(const mw_unit *u, LLVMValueRef branch, LLVMMetadataRef node)
{
    LLVMSetMetadata(branch, LLVMGetMDKindIDInContext(u->context, "llvm.loop", 9), LLVMMetadataAsValue(u->context, node));
}

LLVMMetadataRef mw_build_scope(const mw_unit *u, LLVMMetadataRef domain)
{
    static const char name[] = "llvm.experimental.noalias.scope.decl";
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(u->llvm, LLVMLookupIntrinsicID(name, sizeof name - 1), NULL, 0);
    LLVMMetadataRef scope = mw_distinct_node(u, &domain, 1);
    LLVMValueRef list = LLVMMetadataAsValue(u->context, LLVMMDNodeInContext2(u->context, &scope, 1));
    LLVMBuildCall2(u->builder, LLVMGlobalGetValueType(f), f, &list, 1, "");
    return scope;
}

static void set_scopes(const mw_unit *u, LLVMValueRef access, const char *kind, LLVMMetadataRef *scopes, unsigned n)
{
    LLVMMetadataRef list = LLVMMDNodeInContext2(u->context, scopes, n);
    unsigned id = LLVMGetMDKindIDInContext(u->context, kind, (unsigned)strlen(kind));
    if (n)
        LLVMSetMetadata(access, id, LLVMMetadataAsValue(u->context, list));
}

void mw_set_scope(const mw_unit *u, LLVMValueRef access, LLVMMetadataRef scope, LLVMMetadataRef *others, unsigned n)
{
    set_scopes(u, access, "alias.scope", &scope, 1);
    set_scopes(u, access, "noalias", others, n);
}
