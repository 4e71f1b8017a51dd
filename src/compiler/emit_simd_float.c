/* Floating-point vector instructions and conversions (specification 4.3.3, 4.3.4 on each lane): ordinary
 * instructions, as for scalars, so that LLVM optimizes across them. */
#include "compiler/emit_simd.h"

void mw_simd_float_binary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, mw_fp(e, LLVMBuildBinOp(e->builder, (LLVMOpcode)row->code, a, b, "")));
}

void mw_simd_float_compare(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef truth = LLVMBuildFCmp(e->builder, (LLVMRealPredicate)row->code, a, b, "");
    mw_push(e, LLVMBuildSExt(e->builder, truth, row->shape == MW_F32X4 ? e->unit->i32x4 : e->unit->i64x2, ""));
}

void mw_simd_float_intrinsic_unary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, mw_fp(e, mw_intrinsic1(e, row->name, mw_pop_v128(e, mw_shape_type(e->unit, row->shape)))));
}

void mw_simd_float_intrinsic_binary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, mw_fp(e, mw_intrinsic2(e, row->name, a, b)));
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

void mw_simd_trunc_sat(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_unit *u = e->unit;
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(u, row->shape));
    LLVMTypeRef types[] = {LLVMVectorType(u->i32, mw_shape_lanes(row->shape)), LLVMTypeOf(v)};
    LLVMValueRef result = mw_intrinsic(e, row->name, types, 2, &v, 1);
    mw_push(e, row->shape == MW_F64X2 ? with_zeros(e, result) : result);
}

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
    mw_push(e, with_zeros(e, LLVMBuildFPTrunc(e->builder, v, LLVMVectorType(e->unit->f32, 2), "")));
}

void mw_simd_promote(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMValueRef low = mw_simd_take(e, mw_pop_v128(e, e->unit->f32x4), NULL, 0, 1, 2);
    mw_push(e, LLVMBuildFPExt(e->builder, low, e->unit->f64x2, ""));
}
