/* Floating-point vector instructions and conversions (specification 4.3.3, 4.3.4 on each lane): ordinary
 * instructions, as for scalars, so that LLVM optimizes across them. */
#include "compiler/emit_simd.h"

#include <string.h>

void mw_simd_float_binary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, mw_float_binary(e, (LLVMOpcode)row->code, a, b));
}

void mw_simd_float_compare(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef truth = LLVMBuildFCmp(e->builder, (LLVMRealPredicate)row->code, a, b, "");
    if (e->unit->options->fast_math && LLVMIsAInstruction(truth))
        LLVMSetFastMathFlags(truth, LLVMFastMathAll);
    mw_push(e, LLVMBuildSExt(e->builder, truth, row->shape == MW_F32X4 ? e->unit->i32x4 : e->unit->i64x2, ""));
}

void mw_simd_float_intrinsic_unary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, mw_fp(e, mw_intrinsic1(e, row->name, mw_pop_v128(e, mw_shape_type(e->unit, row->shape)))));
}

void mw_simd_float_extremum(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, mw_float_extremum(e, row->name, a, b));
}

void mw_simd_float_neg(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, mw_fp(e, LLVMBuildFNeg(e->builder, mw_pop_v128(e, mw_shape_type(e->unit, row->shape)), "")));
}

/* The result is one of the operands as it is: b where b < a (pmin) or b > a (pmax), else a. One minps or maxps. */
void mw_simd_pmin(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef take_b = LLVMBuildFCmp(e->builder, (LLVMRealPredicate)row->code, b, a, "");
    mw_push(e, LLVMBuildSelect(e->builder, take_b, b, a, ""));
}

/* `low`, two lanes, as the low lanes of four whose high ones are zero. */
static LLVMValueRef with_zeros(mw_emitter *e, LLVMValueRef low)
{
    return mw_simd_take(e, low, LLVMConstNull(LLVMTypeOf(low)), 0, 1, 4);
}

/* ---- Saturating conversions to i32 -------------------------------------------------------------------------
 * LLVM's llvm.fptosi.sat is one instruction on aarch64; for x86 it takes the vector apart (LLVM 22). So x86 gets
 * its own sequences. cvttps2dq and cvttpd2dq give 0x80000000 for what an i32 cannot hold, NaN included. */

static LLVMValueRef f32_splat(mw_emitter *e, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mw_splat_const(e->unit, e->unit->f32x4, bits);
}

static LLVMValueRef f64_splat(mw_emitter *e, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mw_splat_const(e->unit, e->unit->f64x2, bits);
}

/* b where a `predicate` b does not hold, that is also where one is a NaN. */
static LLVMValueRef choose(mw_emitter *e, LLVMRealPredicate predicate, LLVMValueRef a, LLVMValueRef b)
{
    return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, predicate, a, b, ""), a, b, "");
}

static LLVMValueRef cvttps2dq(mw_emitter *e, LLVMValueRef v)
{
    return mw_intrinsic(e, "llvm.x86.sse2.cvttps2dq", NULL, 0, &v, 1);
}

/* 0x80000000 becomes 0x7fffffff where v was too large. */
static LLVMValueRef cvttps2dq_saturated_above(mw_emitter *e, LLVMValueRef v)
{
    LLVMValueRef too_large = LLVMBuildFCmp(e->builder, LLVMRealOGE, v, f32_splat(e, 0x1p31f), "");
    return LLVMBuildXor(e->builder, cvttps2dq(e, v), LLVMBuildSExt(e->builder, too_large, e->unit->i32x4, ""), "");
}

static LLVMValueRef x86_f32_to_signed(mw_emitter *e, LLVMValueRef v)
{
    LLVMValueRef zero = LLVMConstNull(e->unit->f32x4);
    LLVMValueRef is_number = LLVMBuildFCmp(e->builder, LLVMRealORD, v, zero, "");
    return cvttps2dq_saturated_above(e, LLVMBuildSelect(e->builder, is_number, v, zero, ""));
}

/* What lies above 2^31 is converted apart and added: for v < 2^31 that part is negative and becomes 0, for
 * v >= 2^31 the lower part is 0x80000000, for v >= 2^32 the sum is 0x80000000 + 0x7fffffff. */
static LLVMValueRef x86_f32_to_unsigned(mw_emitter *e, LLVMValueRef v)
{
    v = choose(e, LLVMRealOGT, v, LLVMConstNull(e->unit->f32x4));
    LLVMValueRef above = LLVMBuildFSub(e->builder, v, f32_splat(e, 0x1p31f), "");
    above = mw_intrinsic2(e, "llvm.smax", cvttps2dq_saturated_above(e, above), LLVMConstNull(e->unit->i32x4));
    return LLVMBuildAdd(e->builder, cvttps2dq(e, v), above, "");
}

/* A NaN becomes 0 through the mask on the upper bound; below the range cvttpd2dq gives what it should. */
static LLVMValueRef x86_f64_to_signed(mw_emitter *e, LLVMValueRef v)
{
    LLVMValueRef zero = LLVMConstNull(e->unit->f64x2);
    LLVMValueRef is_number = LLVMBuildFCmp(e->builder, LLVMRealORD, v, zero, "");
    LLVMValueRef bound = LLVMBuildSelect(e->builder, is_number, f64_splat(e, 2147483647.0), zero, "");
    v = choose(e, LLVMRealOLT, v, bound);
    return mw_intrinsic(e, "llvm.x86.sse2.cvttpd2dq", NULL, 0, &v, 1); /* upper lanes: 0 */
}

/* 2^52 + n, n < 2^32 an integer, has n in the lower half of its bits. */
static LLVMValueRef x86_f64_to_unsigned(mw_emitter *e, LLVMValueRef v)
{
    v = choose(e, LLVMRealOGT, v, LLVMConstNull(e->unit->f64x2));
    v = choose(e, LLVMRealOLT, v, f64_splat(e, 4294967295.0));
    v = LLVMBuildFAdd(e->builder, mw_intrinsic1(e, "llvm.trunc", v), f64_splat(e, 0x1p52), "");
    LLVMValueRef halves = mw_bitcast(e, v, e->unit->i32x4);
    LLVMValueRef mask[] = {mw_i32(e->unit, 0), mw_i32(e->unit, 2), mw_i32(e->unit, 4), mw_i32(e->unit, 4)};
    return LLVMBuildShuffleVector(e->builder, halves, LLVMConstNull(e->unit->i32x4), LLVMConstVector(mask, 4), "");
}

/* aarch64 has no instruction from two doubles to two words: by way of i64, saturating twice (fcvtzs, sqxtn). */
static LLVMValueRef f64_by_way_of_i64(mw_emitter *e, LLVMValueRef v, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    LLVMTypeRef types[] = {u->i64x2, u->f64x2};
    LLVMValueRef wide = mw_intrinsic(e, row->name, types, 2, &v, 1);
    if (row->code & MW_SIMD_SIGNED) {
        wide = mw_intrinsic2(e, "llvm.smax", wide, mw_splat_const(u, u->i64x2, (uint64_t)INT32_MIN));
        wide = mw_intrinsic2(e, "llvm.smin", wide, mw_splat_const(u, u->i64x2, INT32_MAX));
    } else {
        wide = mw_intrinsic2(e, "llvm.umin", wide, mw_splat_const(u, u->i64x2, UINT32_MAX));
    }
    return with_zeros(e, LLVMBuildTrunc(e->builder, wide, LLVMVectorType(u->i32, 2), ""));
}

void mw_simd_trunc_sat(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_unit *u = e->unit;
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(u, row->shape));
    bool is_signed = row->code & MW_SIMD_SIGNED;
    if (u->target->arch == MW_ARCH_X86_64 && row->shape == MW_F32X4) {
        mw_push(e, is_signed ? x86_f32_to_signed(e, v) : x86_f32_to_unsigned(e, v));
    } else if (u->target->arch == MW_ARCH_X86_64) {
        mw_push(e, is_signed ? x86_f64_to_signed(e, v) : x86_f64_to_unsigned(e, v));
    } else if (row->shape == MW_F64X2) {
        mw_push(e, f64_by_way_of_i64(e, v, row));
    } else {
        LLVMTypeRef types[] = {u->i32x4, u->f32x4};
        mw_push(e, mw_intrinsic(e, row->name, types, 2, &v, 1));
    }
}

/* ---- Other conversions ------------------------------------------------------------------------------------- */

void mw_simd_convert(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef v = mw_pop_v128(e, e->unit->i32x4);
    if (row->shape == MW_F64X2)
        v = mw_simd_take(e, v, NULL, 0, 1, 2);
    mw_push(e, row->code & MW_SIMD_SIGNED ? LLVMBuildSIToFP(e->builder, v, type, "")
                                          : LLVMBuildUIToFP(e->builder, v, type, ""));
}

void mw_simd_demote(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMValueRef v = mw_pop_v128(e, e->unit->f64x2);
    mw_push(e, with_zeros(e, mw_float_demote(e, v, LLVMVectorType(e->unit->f32, 2))));
}

void mw_simd_promote(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMValueRef low = mw_simd_take(e, mw_pop_v128(e, e->unit->f32x4), NULL, 0, 1, 2);
    mw_push(e, LLVMBuildFPExt(e->builder, low, e->unit->f64x2, ""));
}
