/* Comparisons with the limit of a 64-bit memory (emit_address.c), taken out of innermost loops.
 *
 * In an iteration an index is a start, which is the same in all iterations, plus a multiple of the iteration's number,
 * plus something that is small whatever the iteration (MW_SLACK_BYTES64: an extended i32 times 8, as in x[col[j]]). Where
 * the loop's last condition tells how many iterations there can be at most, one condition before the loop says that none of its
 * indices needs a comparison: the least and the greatest start are not above the limit, and the small part then ends
 * in the reservation on either side. The comparisons in the loop are made to depend on that condition, and LLVM's
 * unswitch pass makes two loops of it. The one without comparisons is what a 32-bit memory's loop is: vectorized, unrolled.
 *
 * Nothing here rests on an access being executed, so LLVM may do with them what it likes; and where the condition
 * does not hold, the program is what it was. */
#include "compiler/emit.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_BLOCKS = 32,      /* of a loop */
    MAX_USES = 256,       /* of a block */
    MAX_CHECKS = 24,      /* of a loop */
    MAX_DEPTH = 6,        /* of an index's expression */
    MAX_STEP_BITS = 16,   /* a step is less than 2^16 */
    MAX_COUNT_BITS = 40,  /* of the number of iterations: times a step it is less than 2^56 */
    MAX_START_BITS = 62,  /* of the start: nor does the sum of the two wrap */
};

typedef struct loop {
    LLVMBasicBlockRef header, latch, preheader;
    LLVMBasicBlockRef blocks[MAX_BLOCKS];
    unsigned nblocks;
} loop;

/* start + step * iteration + something small, from low to high; `start` is built when it is needed. */
typedef struct index_range {
    int64_t step, low, high;
} index_range;

typedef struct check {
    LLVMValueRef branch, index, limit;
    bool is_narrow;   /* the start alone decides, if there are less than 2^32 iterations */
    bool traps_first; /* the branch's first successor is the one for indices above the limit */
    index_range range;
} check;

/* ---- Loops ------------------------------------------------------------------------------------------------ */

static bool contains(const loop *l, LLVMBasicBlockRef b)
{
    for (unsigned i = 0; i < l->nblocks; i++)
        if (l->blocks[i] == b)
            return true;
    return false;
}

static bool add_block(loop *l, LLVMBasicBlockRef b)
{
    if (contains(l, b))
        return true;
    if (l->nblocks == MAX_BLOCKS)
        return false;
    l->blocks[l->nblocks++] = b;
    return true;
}

/* Calls `visit` with each predecessor of `b`, until one returns false; false also if there are very many. */
static bool each_predecessor(LLVMBasicBlockRef b, bool (*visit)(loop *l, LLVMBasicBlockRef from), loop *l)
{
    unsigned n = 0;
    for (LLVMUseRef use = LLVMGetFirstUse(LLVMBasicBlockAsValue(b)); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (++n > MAX_USES || (LLVMIsATerminatorInst(user) && !visit(l, LLVMGetInstructionParent(user))))
            return false;
    }
    return true;
}

/* The natural loop of the edge from `latch` to `header`: all that reaches the latch without passing the header. false if
 * there is none, since a way from elsewhere leads into it, or if it is too large. */
static bool find_loop(loop *l, LLVMBasicBlockRef header, LLVMBasicBlockRef latch)
{
    *l = (loop){.header = header, .latch = latch, .blocks = {header}, .nblocks = 1};
    add_block(l, latch);
    for (unsigned i = 1; i < l->nblocks; i++)
        if (l->blocks[i] == LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(header)) ||
            !each_predecessor(l->blocks[i], add_block, l))
            return false;
    return true;
}

/* Are there cycles in the loop besides its own? Blocks are taken away whose predecessors are all gone. */
static bool is_innermost(const loop *l)
{
    bool gone[MAX_BLOCKS] = {true};
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

static bool note_preheader(loop *l, LLVMBasicBlockRef from)
{
    if (from == l->latch)
        return true;
    if (contains(l, from) || (l->preheader && l->preheader != from))
        return false;
    l->preheader = from;
    return true;
}

static bool has_preheader(loop *l)
{
    return each_predecessor(l->header, note_preheader, l) && l->preheader &&
           LLVMGetNumSuccessors(LLVMGetBasicBlockTerminator(l->preheader)) == 1;
}

static bool has_call(const loop *l)
{
    for (unsigned i = 0; i < l->nblocks; i++)
        for (LLVMValueRef v = LLVMGetFirstInstruction(l->blocks[i]); v; v = LLVMGetNextInstruction(v))
            if (LLVMIsAInvokeInst(v) || (LLVMIsACallInst(v) && !LLVMIsAIntrinsicInst(v)))
                return true;
    return false;
}

/* ---- Values ------------------------------------------------------------------------------------------------- */

static bool is_invariant(const loop *l, LLVMValueRef v)
{
    return LLVMIsAConstant(v) || LLVMIsAArgument(v) ||
           (LLVMIsAInstruction(v) && !contains(l, LLVMGetInstructionParent(v)));
}

/* Is `v` a phi of the header that grows by a constant each iteration? */
static bool read_induction(const loop *l, LLVMValueRef v, LLVMValueRef *start, LLVMValueRef *next, int64_t *step)
{
    if (!LLVMIsAPHINode(v) || LLVMGetInstructionParent(v) != l->header || LLVMCountIncoming(v) != 2)
        return false;
    unsigned from_latch = LLVMGetIncomingBlock(v, 0) == l->latch ? 0 : 1;
    *next = LLVMGetIncomingValue(v, from_latch);
    *start = LLVMGetIncomingValue(v, 1 - from_latch);
    if (!LLVMIsABinaryOperator(*next) || LLVMGetInstructionOpcode(*next) != LLVMAdd || LLVMGetOperand(*next, 0) != v ||
        !LLVMIsAConstantInt(LLVMGetOperand(*next, 1)))
        return false;
    *step = LLVMConstIntGetSExtValue(LLVMGetOperand(*next, 1));
    return true;
}

static bool is_sum(LLVMValueRef v, LLVMOpcode opcode)
{
    return opcode == LLVMAdd || (opcode == LLVMOr && LLVMGetIsDisjoint(v));
}

static bool multiply(index_range *r, int64_t factor)
{
    int64_t low = factor < 0 ? r->high : r->low, high = factor < 0 ? r->low : r->high;
    return !__builtin_mul_overflow(r->step, factor, &r->step) && !__builtin_mul_overflow(low, factor, &r->low) &&
           !__builtin_mul_overflow(high, factor, &r->high);
}

/* The constant that shl or mul multiplies by; 0: none. */
static int64_t factor_of(LLVMValueRef v, LLVMOpcode opcode)
{
    LLVMValueRef c = LLVMGetOperand(v, 1);
    if (!LLVMIsAConstantInt(c))
        return 0;
    int64_t n = LLVMConstIntGetSExtValue(c);
    if (opcode == LLVMShl)
        return n >= 0 && n < 32 ? INT64_C(1) << n : 0;
    return n > -(INT64_C(1) << 31) && n < INT64_C(1) << 31 ? n : 0;
}

/* What an extension from at most 32 bits can be. */
static bool read_small(LLVMValueRef v, index_range *out)
{
    bool is_signed = LLVMIsASExtInst(v);
    if (!is_signed && !LLVMIsAZExtInst(v))
        return false;
    unsigned bits = LLVMGetIntTypeWidth(LLVMTypeOf(LLVMGetOperand(v, 0)));
    if (bits > 32)
        return false;
    *out = is_signed ? (index_range){0, -(INT64_C(1) << (bits - 1)), (INT64_C(1) << (bits - 1)) - 1}
                     : (index_range){0, 0, (INT64_C(1) << bits) - 1};
    return true;
}

/* Constants are small too, so that a[i - 1], a[i] and a[i + 1] have the same start. */
static bool read_small_constant(LLVMValueRef v, index_range *out)
{
    if (!LLVMIsAConstantInt(v) || LLVMConstIntGetSExtValue(v) != (int32_t)LLVMConstIntGetSExtValue(v))
        return false;
    *out = (index_range){0, LLVMConstIntGetSExtValue(v), LLVMConstIntGetSExtValue(v)};
    return true;
}

static bool in_slack(const index_range *r)
{
    return r->low >= -(int64_t)MW_SLACK_BYTES64 && r->high <= (int64_t)MW_SLACK_BYTES64;
}

static bool read_index(const loop *l, LLVMValueRef v, unsigned depth, index_range *out);

/* The index as a sum or a multiple of others. All arithmetic is modulo 2^64, as the program's is. */
static bool read_parts(const loop *l, LLVMValueRef v, unsigned depth, index_range *out)
{
    if (!LLVMIsABinaryOperator(v) || depth == MAX_DEPTH)
        return false;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    if (opcode == LLVMShl || opcode == LLVMMul) {
        int64_t factor = factor_of(v, opcode);
        return factor && read_index(l, LLVMGetOperand(v, 0), depth + 1, out) && multiply(out, factor) && in_slack(out);
    }
    index_range b;
    if ((!is_sum(v, opcode) && opcode != LLVMSub) || !read_index(l, LLVMGetOperand(v, 0), depth + 1, out) ||
        !read_index(l, LLVMGetOperand(v, 1), depth + 1, &b) || (opcode == LLVMSub && !multiply(&b, -1)))
        return false;
    return !__builtin_add_overflow(out->step, b.step, &out->step) && !__builtin_add_overflow(out->low, b.low, &out->low) &&
           !__builtin_add_overflow(out->high, b.high, &out->high) && in_slack(out);
}

/* What is the same in all iterations may have small parts as well: they are no part of the start. */
static bool read_index(const loop *l, LLVMValueRef v, unsigned depth, index_range *out)
{
    LLVMValueRef start, next;
    int64_t step;
    if (read_small_constant(v, out) || read_small(v, out))
        return true;
    if (read_induction(l, v, &start, &next, &step))
        return depth < MAX_DEPTH && read_index(l, start, depth + 1, out) &&
               !__builtin_add_overflow(out->step, step, &out->step);
    if (read_parts(l, v, depth, out))
        return true;
    *out = (index_range){0};
    return is_invariant(l, v);
}

/* The start of an index that read_index has read: the same expression of starts; NULL: zero. */
static LLVMValueRef build_start(const mw_unit *u, const loop *l, LLVMValueRef v, unsigned depth)
{
    LLVMValueRef start, next;
    int64_t step;
    index_range range;
    if (read_small_constant(v, &range) || read_small(v, &range))
        return NULL;
    if (read_induction(l, v, &start, &next, &step))
        return build_start(u, l, start, depth + 1);
    if (!read_parts(l, v, depth, &range))
        return v;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    LLVMValueRef a = build_start(u, l, LLVMGetOperand(v, 0), depth + 1);
    if (opcode == LLVMShl || opcode == LLVMMul)
        return a ? LLVMBuildBinOp(u->builder, opcode, a, LLVMGetOperand(v, 1), "") : NULL;
    LLVMValueRef b = build_start(u, l, LLVMGetOperand(v, 1), depth + 1);
    if (!b)
        return a;
    if (opcode == LLVMSub)
        return a ? LLVMBuildSub(u->builder, a, b, "") : LLVMBuildNeg(u->builder, b, "");
    return a ? LLVMBuildAdd(u->builder, a, b, "") : b;
}

/* ---- How many iterations ------------------------------------------------------------------------------------ */

/* The number of times that the loop can go back to its header, at most, as an i64, built before the loop; and in *valid an
 * i1 that must hold. Read off the latch's branch: the induction variable `iv`, or its next value, against a bound. NULL if
 * that is of another form. */
static LLVMValueRef build_count(const mw_unit *u, const loop *l, LLVMValueRef *valid)
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
    if (LLVMGetTypeKind(type) != LLVMIntegerTypeKind || !is_invariant(l, bound))
        return NULL;
    LLVMValueRef phi = LLVMIsAPHINode(tested) ? tested : LLVMIsAInstruction(tested) ? LLVMGetOperand(tested, 0) : NULL;
    if (!phi || !read_induction(l, phi, &start, &next, &step) || (tested != phi && tested != next) || step == 0)
        return NULL;
    unsigned width = LLVMGetIntTypeWidth(type);
    uint64_t size = step < 0 ? -(uint64_t)step : (uint64_t)step;
    if ((width != 32 && width != 64) || size & (size - 1) || size > UINT64_C(1) << MAX_STEP_BITS)
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

/* ---- Comparisons ------------------------------------------------------------------------------------------- */

static bool is_limit(const mw_unit *u, LLVMValueRef v)
{
    return LLVMIsALoadInst(v) && LLVMGetMetadata(v, u->kinds.range) == u->limit_range;
}

/* Does `block` end with a comparison that can be taken out of the loop? */
static bool read_check(const mw_unit *u, const loop *l, LLVMBasicBlockRef block, check *out)
{
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(block);
    if (!LLVMIsABranchInst(branch) || !LLVMIsConditional(branch) || !LLVMIsAICmpInst(LLVMGetCondition(branch)))
        return false;
    LLVMValueRef compare = LLVMGetCondition(branch);
    LLVMValueRef a = LLVMGetOperand(compare, 0), b = LLVMGetOperand(compare, 1);
    LLVMIntPredicate predicate = LLVMGetICmpPredicate(compare);
    if (is_limit(u, b) && (predicate == LLVMIntUGT || predicate == LLVMIntULE))
        *out = (check){.branch = branch, .index = a, .limit = b, .traps_first = predicate == LLVMIntUGT};
    else if (is_limit(u, a) && (predicate == LLVMIntULT || predicate == LLVMIntUGE))
        *out = (check){.branch = branch, .index = b, .limit = a, .traps_first = predicate == LLVMIntULT};
    else
        return false;
    const int64_t most = INT64_C(1) << MAX_STEP_BITS;
    index_range *r = &out->range;
    if (!is_invariant(l, out->limit) || !read_index(l, out->index, 0, r) || r->step <= -most || r->step >= most)
        return false;
    /* Less than 2^32 small steps are small as well. */
    index_range all = *r;
    *(r->step < 0 ? &all.low : &all.high) += r->step * (INT64_C(1) << 32);
    out->is_narrow = in_slack(&all);
    return in_slack(r);
}

/* The condition that in each of count + 1 iterations the start and the multiple of the step together are not above the limit,
 * where the count has few enough bits and what is or-ed to *starts has MAX_START_BITS. */
static LLVMValueRef build_condition(const mw_unit *u, const loop *l, const check *c, LLVMValueRef count,
                                    LLVMValueRef *starts)
{
    LLVMBuilderRef b = u->builder;
    LLVMValueRef start = build_start(u, l, c->index, 0), last;
    if (!start)
        start = mw_i64(u, 0);
    last = start;
    int64_t step = c->is_narrow ? 0 : c->range.step;
    LLVMValueRef span = LLVMBuildMul(b, count, mw_i64(u, step < 0 ? -(uint64_t)step : (uint64_t)step), "");
    if (step > 0) {
        *starts = LLVMBuildOr(b, *starts, start, "");
        last = LLVMBuildAdd(b, start, span, "");
    }
    LLVMValueRef ok = LLVMBuildICmp(b, LLVMIntULE, last, c->limit, "");
    return step < 0 ? LLVMBuildAnd(b, ok, LLVMBuildICmp(b, LLVMIntULE, span, start, ""), "") : ok;
}

/* The branch traps only where `slow` holds too. */
static void weaken(const mw_unit *u, const check *c, LLVMValueRef slow)
{
    LLVMPositionBuilderBefore(u->builder, c->branch);
    LLVMValueRef above = LLVMBuildICmp(u->builder, LLVMIntUGT, c->index, c->limit, "");
    LLVMSetCondition(c->branch, LLVMBuildAnd(u->builder, slow, above, ""));
    if (c->traps_first)
        return;
    LLVMBasicBlockRef first = LLVMGetSuccessor(c->branch, 0), second = LLVMGetSuccessor(c->branch, 1);
    LLVMSetSuccessor(c->branch, 0, second);
    LLVMSetSuccessor(c->branch, 1, first);
}

static void improve(const mw_unit *u, loop *l)
{
    check checks[MAX_CHECKS];
    unsigned n = 0;
    for (unsigned i = 0; i < l->nblocks && n < MAX_CHECKS; i++)
        if (read_check(u, l, l->blocks[i], &checks[n]))
            n++;
    if (n == 0)
        return;
    LLVMPositionBuilderBefore(u->builder, LLVMGetBasicBlockTerminator(l->preheader));
    LLVMValueRef ok, count = build_count(u, l, &ok);
    if (!count)
        return;
    LLVMValueRef starts = mw_i64(u, 0);
    unsigned count_bits = MAX_COUNT_BITS;
    for (unsigned i = 0; i < n; i++) {
        count_bits = checks[i].is_narrow ? 32 : count_bits;
        ok = LLVMBuildAnd(u->builder, ok, build_condition(u, l, &checks[i], count, &starts), "");
    }
    LLVMValueRef bits = LLVMBuildOr(u->builder,
                                    LLVMBuildLShr(u->builder, count, mw_i64(u, count_bits), ""),
                                    LLVMBuildLShr(u->builder, starts, mw_i64(u, MAX_START_BITS), ""), "");
    ok = LLVMBuildAnd(u->builder, ok, LLVMBuildIsNull(u->builder, bits, ""), "");
    LLVMValueRef slow = LLVMBuildNot(u->builder, ok, "");
    for (unsigned i = 0; i < n; i++)
        weaken(u, &checks[i], slow);
}

static void improve_function(const mw_unit *u, LLVMValueRef function)
{
    LLVMSetCurrentDebugLocation2(u->builder, NULL);
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b)) {
        LLVMValueRef branch = LLVMGetBasicBlockTerminator(b);
        for (unsigned i = 0; LLVMIsABranchInst(branch) && i < LLVMGetNumSuccessors(branch); i++) {
            LLVMBasicBlockRef header = LLVMGetSuccessor(branch, i);
            loop l;
            if (LLVMIsAPHINode(LLVMGetFirstInstruction(header)) && find_loop(&l, header, b) && has_preheader(&l) &&
                is_innermost(&l) && !has_call(&l))
                improve(u, &l);
        }
    }
}

void mw_hoist_bounds(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f))
            improve_function(u, f);
}
