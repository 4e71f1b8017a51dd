/* Integer vector instructions (specification 4.3.2 on each lane). Written as LLVM's general vector operations,
 * in the form from which its back ends select the machine's own instruction; an intrinsic of one machine only
 * where LLVM 22 selects something worse from every general form tried. */
#include "compiler/emit_simd.h"

/* An intrinsic without overloaded types. */
static LLVMValueRef machine_binary(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef args[] = {a, b};
    return mw_intrinsic(e, name, NULL, 0, args, 2);
}

static LLVMTypeRef wide_type(const mw_unit *u, mw_shape shape)
{
    return mw_shape_type(u, shape + 1);
}

/* The half of `v` that a `low` or `high` instruction reads, extended to lanes of twice the width. */
static LLVMValueRef extended_half(mw_emitter *e, LLVMValueRef v, const mw_simd_row *row)
{
    unsigned half = mw_shape_lanes(row->shape) / 2;
    v = mw_simd_take(e, v, NULL, row->code & MW_SIMD_HIGH ? half : 0, 1, half);
    return mw_simd_extend(e, v, wide_type(e->unit, row->shape), row->code & MW_SIMD_SIGNED);
}

/* Integer lanes of twice the width, as many as `shape` has (256 bits). */
static LLVMTypeRef double_type(mw_emitter *e, mw_shape shape)
{
    return LLVMVectorType(LLVMIntTypeInContext(e->unit->context, 2 * mw_shape_bits(shape)), mw_shape_lanes(shape));
}

void mw_simd_int_binary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, LLVMBuildBinOp(e->builder, (LLVMOpcode)row->code, a, b, ""));
}

void mw_simd_int_compare(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef truth = LLVMBuildICmp(e->builder, (LLVMIntPredicate)row->code, a, b, "");
    mw_push(e, LLVMBuildSExt(e->builder, truth, type, ""));
}

void mw_simd_intrinsic_binary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, mw_intrinsic2(e, row->name, a, b));
}

void mw_simd_intrinsic_unary(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, mw_intrinsic1(e, row->name, mw_pop_v128(e, mw_shape_type(e->unit, row->shape))));
}

void mw_simd_abs(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(e->unit, row->shape));
    LLVMValueRef minimum_is_poison = LLVMConstInt(e->unit->i1, 0, 0);
    mw_push(e, mw_intrinsic2(e, "llvm.abs", v, minimum_is_poison));
}

void mw_simd_neg(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, LLVMBuildNeg(e->builder, mw_pop_v128(e, mw_shape_type(e->unit, row->shape)), ""));
}

/* The count is taken modulo the lanes' width; beyond it LLVM's shifts are poison. */
void mw_simd_shift(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape), lane = LLVMGetElementType(type);
    LLVMValueRef count = LLVMBuildAnd(e->builder, mw_pop(e), mw_i32(e->unit, mw_shape_bits(row->shape) - 1), "");
    count = LLVMBuildIntCast2(e->builder, count, lane, 0, "");
    LLVMValueRef v = mw_pop_v128(e, type);
    mw_push(e, LLVMBuildBinOp(e->builder, (LLVMOpcode)row->code, v, mw_splat(e, type, count), ""));
}

/* (a + b + 1) >> 1 in lanes of twice the width: pavgb, urhadd. */
void mw_simd_avgr(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape), wide = double_type(e, row->shape);
    LLVMValueRef b = mw_simd_extend(e, mw_pop_v128(e, type), wide, false);
    LLVMValueRef a = mw_simd_extend(e, mw_pop_v128(e, type), wide, false);
    LLVMValueRef one = mw_splat_const(e->unit, wide, 1);
    LLVMValueRef sum = LLVMBuildNUWAdd(e->builder, LLVMBuildNUWAdd(e->builder, a, b, ""), one, "");
    mw_push(e, LLVMBuildTrunc(e->builder, LLVMBuildLShr(e->builder, sum, one, ""), type, ""));
}

/* (a * b + 2^14) >> 15, saturated: only -1 * -1 (0x8000 twice) overflows. aarch64's sqrdmulh does just this;
 * x86's pmulhrsw yields 0x8000 where it overflows and nowhere else, which is then inverted. LLVM selects neither
 * from the general form. */
void mw_simd_q15mulr(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    mw_unit *u = e->unit;
    LLVMValueRef b = mw_pop_v128(e, u->i16x8), a = mw_pop_v128(e, u->i16x8);
    if (u->target->arch == MW_ARCH_AARCH64) {
        mw_push(e, mw_intrinsic2(e, "llvm.aarch64.neon.sqrdmulh", a, b));
        return;
    }
    if (mw_x86_has(u, "ssse3")) {
        LLVMValueRef product = machine_binary(e, "llvm.x86.ssse3.pmul.hr.sw.128", a, b);
        LLVMValueRef overflow = LLVMBuildICmp(e->builder, LLVMIntEQ, product, mw_splat_const(u, u->i16x8, 0x8000), "");
        mw_push(e, LLVMBuildXor(e->builder, product, LLVMBuildSExt(e->builder, overflow, u->i16x8, ""), ""));
        return;
    }
    LLVMTypeRef wide = double_type(e, MW_I16X8);
    LLVMValueRef product = LLVMBuildNSWMul(e->builder, mw_simd_extend(e, a, wide, true),
                                           mw_simd_extend(e, b, wide, true), "");
    product = LLVMBuildNSWAdd(e->builder, product, mw_splat_const(u, wide, 0x4000), "");
    product = LLVMBuildAShr(e->builder, product, mw_splat_const(u, wide, 15), "");
    product = mw_intrinsic2(e, "llvm.smin", product, mw_splat_const(u, wide, 0x7fff));
    mw_push(e, LLVMBuildTrunc(e->builder, product, u->i16x8, ""));
}

/* Sums of neighbouring products: pmaddwd; smull, smull2, addp. Four products of 0x8000 * 0x8000 wrap. */
void mw_simd_dot(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape), wide = double_type(e, row->shape);
    LLVMValueRef b = mw_simd_extend(e, mw_pop_v128(e, type), wide, true);
    LLVMValueRef a = mw_simd_extend(e, mw_pop_v128(e, type), wide, true);
    LLVMValueRef product = LLVMBuildNSWMul(e->builder, a, b, "");
    LLVMValueRef even = mw_simd_take(e, product, NULL, 0, 2, 4), odd = mw_simd_take(e, product, NULL, 1, 2, 4);
    mw_push(e, LLVMBuildAdd(e->builder, even, odd, ""));
}

void mw_simd_extmul(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef b = extended_half(e, mw_pop_v128(e, type), row);
    LLVMValueRef a = extended_half(e, mw_pop_v128(e, type), row);
    mw_push(e, LLVMBuildMul(e->builder, a, b, ""));
}

/* aarch64: saddlp, uaddlp. x86 multiplies by ones and adds neighbours: pmaddubsw takes its first operand as
 * unsigned and its second as signed. Unsigned 16-bit lanes have no such instruction. */
void mw_simd_extadd_pairwise(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_unit *u = e->unit;
    LLVMTypeRef type = mw_shape_type(u, row->shape), wide = wide_type(u, row->shape);
    LLVMValueRef v = mw_pop_v128(e, type), ones = mw_splat_const(u, type, 1);
    bool is_signed = row->code & MW_SIMD_SIGNED;
    if (u->target->arch == MW_ARCH_AARCH64) {
        LLVMTypeRef types[] = {wide, type};
        const char *name = is_signed ? "llvm.aarch64.neon.saddlp" : "llvm.aarch64.neon.uaddlp";
        mw_push(e, mw_intrinsic(e, name, types, 2, &v, 1));
    } else if (row->shape == MW_I16X8 && is_signed && mw_x86_has(u, "sse2")) {
        mw_push(e, machine_binary(e, "llvm.x86.sse2.pmadd.wd", v, ones));
    } else if (row->shape == MW_I8X16 && mw_x86_has(u, "ssse3")) {
        const char *name = "llvm.x86.ssse3.pmadd.ub.sw.128";
        mw_push(e, is_signed ? machine_binary(e, name, ones, v) : machine_binary(e, name, v, ones));
    } else {
        unsigned half = mw_shape_lanes(row->shape) / 2;
        LLVMValueRef even = mw_simd_extend(e, mw_simd_take(e, v, NULL, 0, 2, half), wide, is_signed);
        LLVMValueRef odd = mw_simd_extend(e, mw_simd_take(e, v, NULL, 1, 2, half), wide, is_signed);
        mw_push(e, LLVMBuildAdd(e->builder, even, odd, ""));
    }
}

/* x86's pack instruction for a narrow instruction, or NULL. From the general form LLVM selects it for AVX2, but
 * for AVX-512 a 256-bit truncation that costs three times as much. */
static const char *pack_name(const mw_unit *u, const mw_simd_row *row)
{
    bool is_signed = row->code & MW_SIMD_SIGNED;
    if (!mw_x86_has(u, "sse4.1"))
        return NULL;
    if (row->shape == MW_I16X8)
        return is_signed ? "llvm.x86.sse2.packsswb.128" : "llvm.x86.sse2.packuswb.128";
    return is_signed ? "llvm.x86.sse2.packssdw.128" : "llvm.x86.sse41.packusdw";
}

/* Lanes of a, then of b, clamped to the narrow type: packss, packus; sqxtn, sqxtun. The operands are signed in
 * both forms. */
void mw_simd_narrow(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_unit *u = e->unit;
    LLVMTypeRef type = mw_shape_type(u, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    const char *pack = pack_name(u, row);
    if (pack) {
        mw_push(e, machine_binary(e, pack, a, b));
        return;
    }
    unsigned bits = mw_shape_bits(row->shape - 1);
    uint64_t lo = 0, hi = (UINT64_C(1) << bits) - 1;
    if (row->code & MW_SIMD_SIGNED) {
        hi >>= 1;
        lo = (UINT64_C(1) << 2 * bits) - 1 - hi; /* -hi - 1 */
    }
    LLVMValueRef both = mw_simd_take(e, a, b, 0, 1, 2 * mw_shape_lanes(row->shape));
    LLVMTypeRef both_type = LLVMTypeOf(both);
    both = mw_intrinsic2(e, "llvm.smax", both, mw_splat_const(u, both_type, lo));
    both = mw_intrinsic2(e, "llvm.smin", both, mw_splat_const(u, both_type, hi));
    mw_push(e, LLVMBuildTrunc(e->builder, both, mw_shape_type(u, row->shape - 1), ""));
}

void mw_simd_extend_half(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_push(e, extended_half(e, mw_pop_v128(e, mw_shape_type(e->unit, row->shape)), row));
}

void mw_simd_all_true(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef truth = LLVMBuildICmp(e->builder, LLVMIntNE, mw_pop_v128(e, type), LLVMConstNull(type), "");
    mw_push_truth(e, mw_intrinsic1(e, "llvm.vector.reduce.and", truth));
}

/* The sign bits: pmovmskb, movmskps, movmskpd. */
void mw_simd_bitmask(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    LLVMTypeRef type = mw_shape_type(e->unit, row->shape);
    LLVMValueRef negative = LLVMBuildICmp(e->builder, LLVMIntSLT, mw_pop_v128(e, type), LLVMConstNull(type), "");
    LLVMTypeRef mask = LLVMIntTypeInContext(e->unit->context, mw_shape_lanes(row->shape));
    mw_push(e, LLVMBuildZExt(e->builder, LLVMBuildBitCast(e->builder, negative, mask, ""), e->unit->i32, ""));
}
