/* Vector instructions that move lanes or bits: loads and stores, constants, permutations, access to lanes,
 * bitwise operations. */
#include "compiler/emit_simd.h"

/* ---- Memory -------------------------------------------------------------------------------------------------- */

void mw_simd_load(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)row;
    mw_push(e, mw_emit_load(e, op, e->unit->v128));
}

void mw_simd_store(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)row;
    mw_emit_store(e, op, mw_pop(e));
}

void mw_simd_load_extend(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMTypeRef lane = LLVMGetElementType(mw_shape_type(e->unit, row->shape));
    LLVMValueRef half = mw_emit_load(e, op, LLVMVectorType(lane, mw_shape_lanes(row->shape) / 2));
    mw_push(e, mw_simd_extend(e, half, mw_shape_type(e->unit, row->shape + 1), row->code & MW_SIMD_SIGNED));
}

void mw_simd_load_splat(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    mw_push(e, mw_splat(e, type, mw_emit_load(e, op, LLVMGetElementType(type))));
}

void mw_simd_load_zero(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef scalar = mw_emit_load(e, op, LLVMGetElementType(type));
    mw_push(e, LLVMBuildInsertElement(e->builder, LLVMConstNull(type), scalar, mw_i32(e->unit, 0), ""));
}

void mw_simd_load_lane(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef v = mw_pop_v128(e, type);
    LLVMValueRef scalar = mw_emit_load(e, op, LLVMGetElementType(type));
    mw_push(e, LLVMBuildInsertElement(e->builder, v, scalar, mw_i32(e->unit, op->lane), ""));
}

void mw_simd_store_lane(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(e->unit, row->shape));
    mw_emit_store(e, op, LLVMBuildExtractElement(e->builder, v, mw_i32(e->unit, op->lane), ""));
}

/* ---- Constants and permutations -------------------------------------------------------------------------------- */

void mw_simd_const(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)row;
    LLVMValueRef lanes[2];
    for (int i = 0; i < 2; i++) {
        uint64_t bits = 0;
        for (int k = 0; k < 8; k++)
            bits |= (uint64_t)op->v128[8 * i + k] << (8 * k);
        lanes[i] = mw_i64(e->unit, bits);
    }
    mw_push(e, mw_opaque_fp(e, LLVMConstVector(lanes, 2)));
}

void mw_simd_shuffle(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)row;
    LLVMValueRef mask[16];
    for (int i = 0; i < 16; i++)
        mask[i] = mw_i32(e->unit, op->v128[i]);
    LLVMValueRef b = mw_pop_v128(e, e->unit->i8x16), a = mw_pop_v128(e, e->unit->i8x16);
    mw_push(e, LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(mask, 16), ""));
}

/* Lanes of `v` by index; an index beyond 15 gives 0. LLVM has no general form of it. x86's pshufb gives 0 where
 * the index's highest bit is set and takes the index modulo 16 elsewhere: a saturating addition of 0x70 sets the
 * bit for all beyond 15. LLVM turns both into a plain shuffle where the indices are constant. */
void mw_simd_swizzle(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    mw_unit *u = e->unit;
    LLVMValueRef index = mw_pop_v128(e, u->i8x16), v = mw_pop_v128(e, u->i8x16);
    if (mw_x86_has(u, "ssse3")) {
        LLVMValueRef args[] = {v, mw_intrinsic2(e, "llvm.uadd.sat", index, mw_splat_const(u, u->i8x16, 0x70))};
        mw_push(e, mw_intrinsic(e, "llvm.x86.ssse3.pshuf.b.128", NULL, 0, args, 2));
        return;
    }
    if (u->target->arch == MW_ARCH_AARCH64) {
        LLVMValueRef args[] = {v, index};
        mw_push(e, mw_intrinsic(e, "llvm.aarch64.neon.tbl1", &u->i8x16, 1, args, 2));
        return;
    }
    LLVMValueRef inside = LLVMBuildICmp(e->builder, LLVMIntULT, index, mw_splat_const(u, u->i8x16, 16), "");
    LLVMValueRef masked = LLVMBuildAnd(e->builder, index, mw_splat_const(u, u->i8x16, 15), "");
    LLVMValueRef result = LLVMConstNull(u->i8x16);
    for (unsigned i = 0; i < 16; i++) {
        LLVMValueRef from = LLVMBuildExtractElement(e->builder, masked, mw_i32(u, i), "");
        LLVMValueRef lane = LLVMBuildExtractElement(e->builder, v, from, "");
        result = LLVMBuildInsertElement(e->builder, result, lane, mw_i32(u, i), "");
    }
    mw_push(e, LLVMBuildSelect(e->builder, inside, result, LLVMConstNull(u->i8x16), ""));
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------ */

/* The i32 `scalar` as a lane of i8x16 or i16x8, any other scalar as it is. */
static LLVMValueRef narrowed(mw_emitter *e, LLVMValueRef scalar, mw_shape shape)
{
    if (mw_shape_bits(shape) >= 32)
        return scalar;
    return LLVMBuildTrunc(e->builder, scalar, LLVMGetElementType(mw_shape_type(e->unit, shape)), "");
}

void mw_simd_splat(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMValueRef scalar = narrowed(e, mw_pop(e), row->shape);
    mw_push(e, mw_splat(e, mw_shape_type(e->unit, row->shape), scalar));
}

void mw_simd_extract_lane(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(e->unit, row->shape));
    LLVMValueRef lane = LLVMBuildExtractElement(e->builder, v, mw_i32(e->unit, op->lane), "");
    if (mw_shape_bits(row->shape) < 32)
        lane = mw_simd_extend(e, lane, e->unit->i32, row->code & MW_SIMD_SIGNED);
    mw_push(e, lane);
}

void mw_simd_replace_lane(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    LLVMValueRef lane = narrowed(e, mw_pop(e), row->shape);
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(e->unit, row->shape));
    mw_push(e, LLVMBuildInsertElement(e->builder, v, lane, mw_i32(e->unit, op->lane), ""));
}

/* ---- Bits -------------------------------------------------------------------------------------------------------- */

void mw_simd_not(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    mw_push(e, LLVMBuildNot(e->builder, mw_pop_v128(e, e->unit->i64x2), ""));
}

void mw_simd_andnot(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMValueRef b = mw_pop_v128(e, e->unit->i64x2), a = mw_pop_v128(e, e->unit->i64x2);
    mw_push(e, LLVMBuildAnd(e->builder, a, LLVMBuildNot(e->builder, b, ""), ""));
}

/* Where the mask came from a comparison, LLVM makes a select of it. */
void mw_simd_bitselect(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMTypeRef type = e->unit->i64x2;
    LLVMValueRef mask = mw_pop_v128(e, type), b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef from_a = LLVMBuildAnd(e->builder, a, mask, "");
    LLVMValueRef from_b = LLVMBuildAnd(e->builder, b, LLVMBuildNot(e->builder, mask, ""), "");
    mw_push(e, LLVMBuildOr(e->builder, from_a, from_b, ""));
}

/* One ptest on x86. A comparison of the 128 bits as one integer would do as well there, not on aarch64. */
void mw_simd_any_true(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMValueRef either = mw_intrinsic1(e, "llvm.vector.reduce.or", mw_pop_v128(e, e->unit->i64x2));
    mw_push_truth(e, LLVMBuildICmp(e->builder, LLVMIntNE, either, mw_i64(e->unit, 0), ""));
}
