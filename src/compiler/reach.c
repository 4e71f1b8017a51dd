#include "compiler/reach.h"

enum { MAX_DEPTH = 4, MAX_STEP_BITS = 24 };

mw_reach mw_reach_of(const mw_access *a)
{
    return (mw_reach){.first = *a, .least = INT64_MAX, .most = INT64_MIN};
}

bool mw_is_reached(const mw_reach *r, const mw_access *a)
{
    return r->first.base == a->base && mw_same_terms(&r->first.index, &a->index);
}

int64_t mw_reach_to(mw_reach *r, const mw_access *a, LLVMValueRef inst)
{
    int32_t index = (int32_t)(a->index.constant - r->first.index.constant);
    r->lowest = index < r->lowest ? index : r->lowest;
    r->highest = index > r->highest ? index : r->highest;
    int64_t distance = index + (int64_t)a->offset, end = distance + (int64_t)a->size;
    r->least = distance < r->least ? distance : r->least;
    r->most = end > r->most ? end : r->most;
    r->is_stored |= LLVMIsAStoreInst(inst) != NULL;
    return distance;
}

bool mw_are_ordered(const mw_reach *a, const mw_reach *b)
{
    return a != b && (a->is_stored || b->is_stored);
}

bool mw_is_small_step(int64_t step)
{
    return step > -(INT64_C(1) << MAX_STEP_BITS) && step < INT64_C(1) << MAX_STEP_BITS;
}

static bool read_step(const mw_unit *u, const mw_loop *l, LLVMValueRef v, unsigned depth, int64_t *step)
{
    LLVMValueRef start, next;
    int64_t a, b;
    *step = 0;
    if (LLVMTypeOf(v) != u->i32)
        return false;
    if (mw_is_invariant(l, v))
        return true;
    if (mw_read_induction(l, v, &start, &next, step))
        return mw_is_small_step(*step);
    if (depth == MAX_DEPTH || !LLVMIsABinaryOperator(v) || !read_step(u, l, LLVMGetOperand(v, 0), depth + 1, &a))
        return false;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    LLVMValueRef right = LLVMGetOperand(v, 1);
    if (opcode == LLVMShl || opcode == LLVMMul) {
        if (!LLVMIsAConstantInt(right))
            return false;
        int64_t c = LLVMConstIntGetSExtValue(right);
        if (opcode == LLVMShl && (c < 0 || c >= 32))
            return false;
        if (opcode == LLVMShl)
            c = INT64_C(1) << c;
        *step = a * c; /* less than 2^24 and 2^32 */
        return mw_is_small_step(*step);
    }
    if ((!mw_is_sum(v) && opcode != LLVMSub) || !read_step(u, l, right, depth + 1, &b))
        return false;
    *step = opcode == LLVMSub ? a - b : a + b;
    return mw_is_small_step(*step);
}

bool mw_read_step(const mw_unit *u, const mw_loop *l, LLVMValueRef v, int64_t *step)
{
    return read_step(u, l, v, 0, step);
}

LLVMValueRef mw_build_first(const mw_unit *u, const mw_loop *l, LLVMValueRef v)
{
    LLVMValueRef start, next;
    if (mw_is_invariant(l, v))
        return v;
    if (mw_read_phi(l, v, &start, &next))
        return start;
    LLVMValueRef left = mw_build_first(u, l, LLVMGetOperand(v, 0)), right = mw_build_first(u, l, LLVMGetOperand(v, 1));
    return LLVMBuildBinOp(u->builder, mw_is_sum(v) ? LLVMAdd : LLVMGetInstructionOpcode(v), left, right, "");
}

LLVMValueRef mw_build_start(const mw_unit *u, const mw_loop *l, const mw_reach *r)
{
    const mw_sum *s = &r->first.index;
    LLVMValueRef sum = mw_i32(u, s->constant + (uint32_t)r->lowest);
    for (unsigned i = 0; i < s->nterms; i++)
        sum = LLVMBuildAdd(u->builder, mw_build_first(u, l, s->terms[i]), sum, "");
    return LLVMBuildZExt(u->builder, sum, u->i64, "");
}

LLVMValueRef mw_settle_value(const mw_unit *u, LLVMValueRef v)
{
    bool may_change = u->has_shared_memory && !LLVMIsAConstant(v);
    return may_change ? LLVMBuildFreeze(u->builder, v, "") : v;
}

LLVMValueRef mw_build_disjoint(const mw_unit *u, const LLVMValueRef begins[2], const LLVMValueRef ends[2])
{
    return LLVMBuildOr(u->builder, LLVMBuildICmp(u->builder, LLVMIntULE, ends[0], begins[1], ""),
                       LLVMBuildICmp(u->builder, LLVMIntULE, ends[1], begins[0], ""), "");
}

LLVMValueRef mw_build_address(const mw_unit *u, const mw_reach *r, LLVMValueRef at, int64_t distance)
{
    LLVMValueRef pointer = at ? LLVMBuildInBoundsGEP2(u->builder, u->i8, r->pointer, &at, 1, "") : r->pointer;
    LLVMValueRef rest = mw_i64(u, (uint64_t)(distance - r->lowest));
    return LLVMBuildInBoundsGEP2(u->builder, u->i8, pointer, &rest, 1, "");
}
