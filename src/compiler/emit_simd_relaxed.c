/* Relaxed vector instructions (specification 4.3.6, "Relaxed Operations"): where an operand is out of the ordinary,
 * each may give one of several results. By default the first of them, which the deterministic profile prescribes:
 * the same bits on every host. With relaxed_simd_fast the one that this target computes fastest, the same in the
 * whole module; where no other is faster, still the first.
 *
 * The dot products are the one place where that goes beyond the specification's text: it has the sums of two
 * products saturated, which vpdpbusd and sdot do not do. The proposal that it comes from, and its tests, allow both. */
#include "compiler/emit_simd.h"

#include <string.h>

static bool fast(const mw_unit *u)
{
    return u->options->relaxed_simd_fast;
}

static bool fast_x86(const mw_unit *u, const char *feature)
{
    return fast(u) && mw_x86_has(u, feature);
}

/* Calls the intrinsic `name`, which is not overloaded; vectors become those that this version of LLVM declares. */
static LLVMValueRef machine(mw_emitter *e, const char *name, LLVMValueRef *args, unsigned nargs)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->unit->llvm, id, NULL, 0);
    for (unsigned i = 0; i < nargs; i++)
        args[i] = mw_bitcast(e, args[i], LLVMTypeOf(LLVMGetParam(f, i)));
    return LLVMBuildCall2(e->builder, LLVMGlobalGetValueType(f), f, args, nargs, "");
}

/* Indices from 16 to 127: 0, or modulo 16 with x86's pshufb. */
void mw_simd_relaxed_swizzle(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    if (!fast_x86(u, "ssse3")) {
        mw_simd_swizzle(e, op, row);
        return;
    }
    LLVMValueRef index = mw_pop_v128(e, u->i8x16), v = mw_pop_v128(e, u->i8x16);
    mw_push(e, machine(e, "llvm.x86.ssse3.pshuf.b.128", (LLVMValueRef[]){v, index}, 2));
}

/* What an i32 cannot hold: saturated, a NaN as 0; or what x86's conversions give, the integer with the highest bit
 * set or, unsigned, all bits. Before AVX-512 there is no unsigned one. */
void mw_simd_relaxed_trunc(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    bool is_signed = row->code & MW_SIMD_SIGNED, f32 = row->shape == MW_F32X4;
    if (!fast_x86(u, is_signed ? "sse2" : "avx512vl")) {
        mw_simd_trunc_sat(e, op, row);
        return;
    }
    LLVMValueRef v = mw_pop_v128(e, mw_shape_type(u, row->shape));
    LLVMValueRef args[] = {v, LLVMConstNull(u->i32x4), LLVMConstInt(u->i8, 0xff, 0)};
    if (is_signed)
        mw_push(e, machine(e, f32 ? "llvm.x86.sse2.cvttps2dq" : "llvm.x86.sse2.cvttpd2dq", args, 1));
    else
        mw_push(e, machine(e, f32 ? "llvm.x86.avx512.mask.cvttps2udq.128" : "llvm.x86.avx512.mask.cvttpd2udq.128",
                           args, 3));
}

/* a * b + c or -a * b + c, rounded twice or once. Without the instruction one rounding is a call per lane. */
void mw_simd_relaxed_madd(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    mw_unit *u = e->unit;
    LLVMTypeRef type = mw_shape_type(u, row->shape);
    LLVMValueRef c = mw_pop_v128(e, type), b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    if (row->code & MW_SIMD_NEGATED)
        a = LLVMBuildFNeg(e->builder, a, "");
    if (fast_x86(u, "fma") || (fast(u) && u->target->arch == MW_ARCH_AARCH64)) {
        mw_push(e, mw_fp(e, mw_intrinsic3(e, "llvm.fma", a, b, c)));
        return;
    }
    LLVMValueRef product = mw_fp(e, LLVMBuildFMul(e->builder, a, b, ""));
    mw_push(e, mw_fp(e, LLVMBuildFAdd(e->builder, product, c, "")));
}

/* Chooses by the mask's bits, or by the highest bit of each lane: blendv, without which, and beside the three-way
 * logic of AVX-512, bits are as good. */
void mw_simd_relaxed_laneselect(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    if (!fast_x86(u, "sse4.1") || mw_x86_has(u, "avx512vl")) {
        mw_simd_bitselect(e, op, row);
        return;
    }
    LLVMTypeRef type = mw_shape_type(u, row->shape);
    LLVMValueRef mask = mw_pop_v128(e, type), b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    LLVMValueRef take_a = LLVMBuildICmp(e->builder, LLVMIntSLT, mask, LLVMConstNull(type), "");
    mw_push(e, LLVMBuildSelect(e->builder, take_a, a, b, ""));
}

/* With a NaN, or zeros of both signs: as `min` and `max`, or the second operand, which is what x86's minps does. As a
 * comparison and a choice LLVM may merge it with a store to a masked one. */
void mw_simd_relaxed_min(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    if (!fast_x86(u, "sse2")) {
        mw_simd_float_extremum(e, op, row);
        return;
    }
    LLVMTypeRef type = mw_shape_type(u, row->shape);
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    bool f32 = row->shape == MW_F32X4, minimum = row->code == LLVMRealOLT;
    const char *name = f32 ? minimum ? "llvm.x86.sse.min.ps" : "llvm.x86.sse.max.ps"
                           : minimum ? "llvm.x86.sse2.min.pd" : "llvm.x86.sse2.max.pd";
    mw_push(e, machine(e, name, (LLVMValueRef[]){a, b}, 2));
}

/* -1 * -1: saturated, or x86's pmulhrsw as it is. */
void mw_simd_relaxed_q15mulr(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    if (!fast_x86(u, "ssse3")) {
        mw_simd_q15mulr(e, op, row);
        return;
    }
    LLVMValueRef b = mw_pop_v128(e, u->i16x8), a = mw_pop_v128(e, u->i16x8);
    mw_push(e, machine(e, "llvm.x86.ssse3.pmul.hr.sw.128", (LLVMValueRef[]){a, b}, 2));
}

/* ---- Dot products ---------------------------------------------------------------------------------------------- */

/* Sums of two products of signed bytes, saturated to 16 bits. x86: as 32-bit sums that are packed (pmaddwd,
 * packssdw); aarch64: smull, smull2, uzp1, uzp2, sqadd. */
static LLVMValueRef signed_dot(mw_emitter *e, LLVMValueRef a, LLVMValueRef b)
{
    mw_unit *u = e->unit;
    bool x86 = mw_x86_has(u, "sse2");
    LLVMTypeRef wide = LLVMVectorType(x86 ? u->i32 : LLVMIntTypeInContext(u->context, 16), 16);
    LLVMValueRef product = LLVMBuildNSWMul(e->builder, mw_simd_extend(e, a, wide, true),
                                           mw_simd_extend(e, b, wide, true), "");
    LLVMValueRef even = mw_simd_take(e, product, NULL, 0, 2, 8), odd = mw_simd_take(e, product, NULL, 1, 2, 8);
    if (!x86)
        return mw_intrinsic2(e, "llvm.sadd.sat", even, odd);
    LLVMValueRef sum = LLVMBuildNSWAdd(e->builder, even, odd, "");
    LLVMValueRef halves[] = {mw_simd_take(e, sum, NULL, 0, 1, 4), mw_simd_take(e, sum, NULL, 4, 1, 4)};
    return machine(e, "llvm.x86.sse2.packssdw.128", halves, 2);
}

/* Bytes of b with the highest bit set: as negative numbers, or as x86's pmaddubsw takes them, which has one operand
 * signed and one unsigned. */
static LLVMValueRef dot(mw_emitter *e, LLVMValueRef a, LLVMValueRef b)
{
    if (fast_x86(e->unit, "ssse3"))
        return machine(e, "llvm.x86.ssse3.pmadd.ub.sw.128", (LLVMValueRef[]){b, a}, 2);
    return signed_dot(e, a, b);
}

void mw_simd_relaxed_dot(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    (void)op;
    (void)row;
    LLVMTypeRef type = e->unit->i8x16;
    LLVMValueRef b = mw_pop_v128(e, type), a = mw_pop_v128(e, type);
    mw_push(e, dot(e, a, b));
}

void mw_simd_relaxed_dot_add(mw_emitter *e, const mw_operator *op, const mw_simd_row *row)
{
    mw_unit *u = e->unit;
    LLVMValueRef c = mw_pop_v128(e, u->i32x4), b = mw_pop_v128(e, u->i8x16), a = mw_pop_v128(e, u->i8x16);
    if ((fast_x86(u, "avx512vnni") && mw_x86_has(u, "avx512vl")) || fast_x86(u, "avxvnni")) {
        mw_push(e, machine(e, "llvm.x86.avx512.vpdpbusd.128", (LLVMValueRef[]){c, b, a}, 3));
        return;
    }
    if (fast(u) && u->target->arch == MW_ARCH_AARCH64 && mw_target_has(u->target, "dotprod")) {
        LLVMTypeRef types[] = {u->i32x4, u->i8x16};
        mw_push(e, mw_intrinsic(e, "llvm.aarch64.neon.sdot", types, 2, (LLVMValueRef[]){c, a, b}, 3));
        return;
    }
    mw_push(e, dot(e, a, b));
    mw_simd_extadd_pairwise(e, op, row);
    mw_push(e, LLVMBuildAdd(e->builder, mw_pop_v128(e, u->i32x4), c, ""));
}
