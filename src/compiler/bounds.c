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
#include "compiler/loop.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_CHECKS = 24,      /* of a loop */
    MAX_DEPTH = 6,        /* of an index's expression */
    MAX_COUNT_BITS = 40,  /* of the number of iterations: times a step it is less than 2^56 */
    MAX_START_BITS = 62,  /* of the start: nor does the sum of the two wrap */
};

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

/* ---- Values ------------------------------------------------------------------------------------------------- */

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

static bool read_index(const mw_loop *l, LLVMValueRef v, unsigned depth, index_range *out);

/* The index as a sum or a multiple of others. All arithmetic is modulo 2^64, as the program's is. */
static bool read_parts(const mw_loop *l, LLVMValueRef v, unsigned depth, index_range *out)
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
static bool read_index(const mw_loop *l, LLVMValueRef v, unsigned depth, index_range *out)
{
    LLVMValueRef start, next;
    int64_t step;
    if (read_small_constant(v, out) || read_small(v, out))
        return true;
    if (mw_read_induction(l, v, &start, &next, &step))
        return depth < MAX_DEPTH && read_index(l, start, depth + 1, out) &&
               !__builtin_add_overflow(out->step, step, &out->step);
    if (read_parts(l, v, depth, out))
        return true;
    *out = (index_range){0};
    return mw_is_invariant(l, v);
}

/* The start of an index that read_index has read: the same expression of starts; NULL: zero. */
static LLVMValueRef build_start(const mw_unit *u, const mw_loop *l, LLVMValueRef v, unsigned depth)
{
    LLVMValueRef start, next;
    int64_t step;
    index_range range;
    if (read_small_constant(v, &range) || read_small(v, &range))
        return NULL;
    if (mw_read_induction(l, v, &start, &next, &step))
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

/* ---- Comparisons ------------------------------------------------------------------------------------------- */

static bool is_limit(const mw_unit *u, LLVMValueRef v)
{
    return LLVMIsALoadInst(v) && LLVMGetMetadata(v, u->kinds.range) == u->limit_range;
}

/* Does `block` end with a comparison that can be taken out of the loop? */
static bool read_check(const mw_unit *u, const mw_loop *l, LLVMBasicBlockRef block, check *out)
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
    const int64_t most = INT64_C(1) << MW_MAX_STEP_BITS;
    index_range *r = &out->range;
    if (!mw_is_invariant(l, out->limit) || !read_index(l, out->index, 0, r) || r->step <= -most || r->step >= most)
        return false;
    /* Less than 2^32 small steps are small as well. */
    index_range all = *r;
    *(r->step < 0 ? &all.low : &all.high) += r->step * (INT64_C(1) << 32);
    out->is_narrow = in_slack(&all);
    return in_slack(r);
}

/* The condition that in each of count + 1 iterations the start and the multiple of the step together are not above the limit,
 * where the count has few enough bits and what is or-ed to *starts has MAX_START_BITS. */
static LLVMValueRef build_condition(const mw_unit *u, const mw_loop *l, const check *c, LLVMValueRef count,
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

static void improve(const mw_unit *u, mw_loop *l)
{
    check checks[MAX_CHECKS];
    unsigned n = 0;
    for (unsigned i = 0; i < l->nblocks && n < MAX_CHECKS; i++)
        if (read_check(u, l, l->blocks[i], &checks[n]))
            n++;
    if (n == 0)
        return;
    LLVMPositionBuilderBefore(u->builder, LLVMGetBasicBlockTerminator(l->preheader));
    LLVMValueRef ok, count = mw_build_count(u, l, &ok);
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
            mw_loop l;
            if (LLVMIsAPHINode(LLVMGetFirstInstruction(header)) && mw_find_loop(&l, header, b) && mw_has_preheader(&l) &&
                mw_is_innermost(&l) && !mw_has_call(&l))
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
