#include "compiler/reach.h"

bool mw_is_reached(const mw_reach *r, const mw_access *a)
{
    return r->first.base == a->base && mw_same_terms(&r->first.index, &a->index);
}

int64_t mw_reach_to(mw_reach *r, const mw_access *a)
{
    int32_t index = (int32_t)(a->index.constant - r->first.index.constant);
    r->lowest = index < r->lowest ? index : r->lowest;
    r->highest = index > r->highest ? index : r->highest;
    return index + (int64_t)a->offset;
}

LLVMValueRef mw_build_first(const mw_unit *u, const mw_loop *l, LLVMValueRef v)
{
    LLVMValueRef start, next;
    int64_t step;
    if (mw_is_invariant(l, v))
        return v;
    if (mw_read_induction(l, v, &start, &next, &step))
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

LLVMValueRef mw_build_address(const mw_unit *u, const mw_reach *r, LLVMValueRef at, int64_t distance)
{
    LLVMValueRef pointer = at ? LLVMBuildInBoundsGEP2(u->builder, u->i8, r->pointer, &at, 1, "") : r->pointer;
    LLVMValueRef rest = mw_i64(u, (uint64_t)(distance - r->lowest));
    return LLVMBuildInBoundsGEP2(u->builder, u->i8, pointer, &rest, 1, "");
}
