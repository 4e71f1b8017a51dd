/* Conversions between number types (specification 4.3.4). */
#include "compiler/emit.h"

#include <math.h>

/* The values that truncate into range: min < x < max, both exclusive, each exact in the float type. Where the
 * bound below the range is no float (i32 from f32, i64), the next float below it takes its place. */
typedef struct trunc_range {
    double min, max;
} trunc_range;

static trunc_range range_of(bool from_f32, bool to_i64, bool is_signed)
{
    if (!is_signed)
        return (trunc_range){-1.0, to_i64 ? 0x1p64 : 0x1p32};
    double bound = to_i64 ? 0x1p63 : 0x1p31;
    double below = to_i64 || from_f32 ? (from_f32 ? (double)nextafterf((float)-bound, -INFINITY)
                                                  : nextafter(-bound, -INFINITY))
                                      : -bound - 1;
    return (trunc_range){below, bound};
}

static LLVMValueRef trunc_trap_code(mw_emitter *e, void *value)
{
    LLVMValueRef is_nan = LLVMBuildFCmp(e->builder, LLVMRealUNO, value, value, "");
    return LLVMBuildSelect(e->builder, is_nan, mw_i32(e->unit, MW_TRAP_INVALID_CONVERSION),
                           mw_i32(e->unit, MW_TRAP_INTEGER_OVERFLOW), "");
}

static void truncate_or_trap(mw_emitter *e, LLVMTypeRef to, bool is_signed)
{
    LLVMBuilderRef b = e->builder;
    LLVMValueRef x = mw_pop(e);
    LLVMTypeRef from = LLVMTypeOf(x);
    trunc_range r = range_of(from == e->unit->f32, to == e->unit->i64, is_signed);
    LLVMValueRef above = LLVMBuildFCmp(b, LLVMRealOGT, x, LLVMConstReal(from, r.min), "");
    LLVMValueRef below = LLVMBuildFCmp(b, LLVMRealOLT, x, LLVMConstReal(from, r.max), "");
    LLVMValueRef outside = LLVMBuildNot(b, LLVMBuildAnd(b, above, below, ""), "");
    mw_trap_if_with(e, outside, NULL, trunc_trap_code, x);
    mw_push(e, is_signed ? LLVMBuildFPToSI(b, x, to, "") : LLVMBuildFPToUI(b, x, to, ""));
}

/* x where x `predicate` bound holds, else the bound: also where x is a NaN. */
static LLVMValueRef bounded(mw_emitter *e, LLVMRealPredicate predicate, LLVMValueRef x, double bound)
{
    LLVMValueRef limit = LLVMConstReal(LLVMTypeOf(x), bound);
    return LLVMBuildSelect(e->builder, LLVMBuildFCmp(e->builder, predicate, x, limit, ""), x, limit, "");
}

/* Bounds of a conversion: the ends of the integer type, each as the float in range that is nearest to it, and the
 * first float above the range, if the type's largest integer is no float. */
typedef struct clamp {
    double lowest, highest, beyond;
} clamp;

static clamp clamp_of(bool from_f32, bool to_i64, bool is_signed)
{
    double end = ldexp(1.0, (to_i64 ? 64 : 32) - is_signed);
    bool exact = !from_f32 && !to_i64;
    double highest = exact ? end - 1 : from_f32 ? (double)nextafterf((float)end, 0.0f) : nextafter(end, 0.0);
    return (clamp){is_signed ? -end : 0.0, highest, exact ? 0.0 : end};
}

/* trunc_sat in operations that also exist as vectors: C's (int)x is one, and llvm.fptosi.sat, which the loop
 * vectorizer widens just as well, is then taken apart by the x86 back end (LLVM 22), up to 40 times slower. The
 * conversion itself is poison for what does not fit, so x is brought into range before, and where it lay beyond the
 * largest float in range the largest integer is put in afterwards. */
static LLVMValueRef saturated(mw_emitter *e, LLVMValueRef x, LLVMTypeRef to, bool is_signed)
{
    LLVMBuilderRef b = e->builder;
    LLVMTypeRef from = LLVMTypeOf(x);
    clamp c = clamp_of(from == e->unit->f32, to == e->unit->i64, is_signed);
    LLVMValueRef v = x;
    if (is_signed) { /* a NaN becomes 0; as unsigned it does with the lower bound */
        LLVMValueRef is_number = LLVMBuildFCmp(b, LLVMRealORD, x, x, "");
        v = LLVMBuildSelect(b, is_number, x, LLVMConstNull(from), "");
    }
    v = bounded(e, LLVMRealOGT, v, c.lowest);
    v = bounded(e, LLVMRealOLT, v, c.highest);
    LLVMValueRef result = is_signed ? LLVMBuildFPToSI(b, v, to, "") : LLVMBuildFPToUI(b, v, to, "");
    if (c.beyond == 0.0)
        return result;
    LLVMValueRef beyond = LLVMBuildFCmp(b, LLVMRealOGE, x, LLVMConstReal(from, c.beyond), "");
    LLVMValueRef largest = LLVMConstInt(to, UINT64_MAX >> is_signed >> (to == e->unit->i64 ? 0 : 32), 0);
    return LLVMBuildSelect(b, beyond, largest, result, "");
}

static void truncate_saturating(mw_emitter *e, LLVMTypeRef to, bool is_signed)
{
    LLVMValueRef x = mw_pop(e);
    if (e->unit->target->arch == MW_ARCH_X86_64) {
        mw_push(e, saturated(e, x, to, is_signed));
        return;
    }
    LLVMTypeRef types[] = {to, LLVMTypeOf(x)};
    mw_push(e, mw_intrinsic(e, is_signed ? "llvm.fptosi.sat" : "llvm.fptoui.sat", types, 2, &x, 1));
}

static void cast(mw_emitter *e, LLVMOpcode opcode, LLVMTypeRef to)
{
    mw_push(e, LLVMBuildCast(e->builder, opcode, mw_pop(e), to, ""));
}

void mw_emit_convert(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    switch (op->op) {
    case MW_OP_I32_WRAP_I64:
        cast(e, LLVMTrunc, u->i32);
        return;
    case MW_OP_I64_EXTEND_I32_S:
        cast(e, LLVMSExt, u->i64);
        return;
    case MW_OP_I64_EXTEND_I32_U:
        cast(e, LLVMZExt, u->i64);
        return;
#define FROM_BOTH(trunc, sat, to, is_signed)                                                       \
    case MW_OP_##trunc##_F32_##sat:                                                                \
    case MW_OP_##trunc##_F64_##sat:                                                                \
        truncate_or_trap(e, to, is_signed);                                                        \
        return;                                                                                    \
    case MW_OP_##trunc##_SAT_F32_##sat:                                                            \
    case MW_OP_##trunc##_SAT_F64_##sat:                                                            \
        truncate_saturating(e, to, is_signed);                                                     \
        return;
        FROM_BOTH(I32_TRUNC, S, u->i32, true)
        FROM_BOTH(I32_TRUNC, U, u->i32, false)
        FROM_BOTH(I64_TRUNC, S, u->i64, true)
        FROM_BOTH(I64_TRUNC, U, u->i64, false)
#undef FROM_BOTH
    case MW_OP_F32_CONVERT_I32_S:
    case MW_OP_F32_CONVERT_I64_S:
        cast(e, LLVMSIToFP, u->f32);
        return;
    case MW_OP_F32_CONVERT_I32_U:
    case MW_OP_F32_CONVERT_I64_U:
        cast(e, LLVMUIToFP, u->f32);
        return;
    case MW_OP_F64_CONVERT_I32_S:
    case MW_OP_F64_CONVERT_I64_S:
        cast(e, LLVMSIToFP, u->f64);
        return;
    case MW_OP_F64_CONVERT_I32_U:
    case MW_OP_F64_CONVERT_I64_U:
        cast(e, LLVMUIToFP, u->f64);
        return;
    case MW_OP_F32_DEMOTE_F64:
        mw_push(e, mw_float_demote(e, mw_pop(e), u->f32));
        return;
    case MW_OP_F64_PROMOTE_F32:
        mw_push(e, mw_fp(e, LLVMBuildFPExt(e->builder, mw_pop(e), u->f64, "")));
        return;
    case MW_OP_I32_REINTERPRET_F32:
        cast(e, LLVMBitCast, u->i32);
        return;
    case MW_OP_I64_REINTERPRET_F64:
        cast(e, LLVMBitCast, u->i64);
        return;
    case MW_OP_F32_REINTERPRET_I32:
        cast(e, LLVMBitCast, u->f32);
        return;
    default: /* f64.reinterpret_i64 */
        cast(e, LLVMBitCast, u->f64);
        return;
    }
}
