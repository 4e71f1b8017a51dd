#include "compiler/emit_simd.h"

#include <assert.h>

LLVMTypeRef mw_shape_type(const mw_unit *u, mw_shape shape)
{
    switch (shape) {
    case MW_I8X16: return u->i8x16;
    case MW_I16X8: return u->i16x8;
    case MW_I32X4: return u->i32x4;
    case MW_I64X2: return u->i64x2;
    case MW_F32X4: return u->f32x4;
    case MW_F64X2: return u->f64x2;
    }
    return NULL;
}

unsigned mw_shape_bits(mw_shape shape)
{
    static const uint8_t bits[] = {8, 16, 32, 64, 32, 64};
    return bits[shape];
}

unsigned mw_shape_lanes(mw_shape shape)
{
    return 128 / mw_shape_bits(shape);
}

bool mw_x86_has(const mw_unit *u, const char *feature)
{
    return u->target->arch == MW_ARCH_X86_64 && mw_target_has(u->target, feature);
}

LLVMValueRef mw_simd_take(mw_emitter *e, LLVMValueRef a, LLVMValueRef b, unsigned first, unsigned stride,
                          unsigned count)
{
    LLVMValueRef mask[32];
    assert(count <= 32);
    for (unsigned i = 0; i < count; i++)
        mask[i] = mw_i32(e->unit, first + i * stride);
    return LLVMBuildShuffleVector(e->builder, a, b ? b : LLVMGetPoison(LLVMTypeOf(a)), LLVMConstVector(mask, count),
                                  "");
}

LLVMValueRef mw_simd_extend(mw_emitter *e, LLVMValueRef v, LLVMTypeRef type, bool is_signed)
{
    return is_signed ? LLVMBuildSExt(e->builder, v, type, "") : LLVMBuildZExt(e->builder, v, type, "");
}

/* ---- The table --------------------------------------------------------------------------------------------- */

/* Rows are indexed from the first vector instruction on; opcodes.def is in the order of the encoding. */
#define FIRST MW_OP_V128_LOAD
#define ROW(name) [MW_OP_##name - FIRST]

#define S MW_SIMD_SIGNED
#define HIGH MW_SIMD_HIGH

/* clang-format off */

/* What all three narrower integer shapes have. */
#define INTEGER_COMPARISONS(shape)                                                                 \
    ROW(shape##_EQ)   = {mw_simd_int_compare, MW_##shape, LLVMIntEQ, NULL},                        \
    ROW(shape##_NE)   = {mw_simd_int_compare, MW_##shape, LLVMIntNE, NULL},                        \
    ROW(shape##_LT_S) = {mw_simd_int_compare, MW_##shape, LLVMIntSLT, NULL},                       \
    ROW(shape##_LT_U) = {mw_simd_int_compare, MW_##shape, LLVMIntULT, NULL},                       \
    ROW(shape##_GT_S) = {mw_simd_int_compare, MW_##shape, LLVMIntSGT, NULL},                       \
    ROW(shape##_GT_U) = {mw_simd_int_compare, MW_##shape, LLVMIntUGT, NULL},                       \
    ROW(shape##_LE_S) = {mw_simd_int_compare, MW_##shape, LLVMIntSLE, NULL},                       \
    ROW(shape##_LE_U) = {mw_simd_int_compare, MW_##shape, LLVMIntULE, NULL},                       \
    ROW(shape##_GE_S) = {mw_simd_int_compare, MW_##shape, LLVMIntSGE, NULL},                       \
    ROW(shape##_GE_U) = {mw_simd_int_compare, MW_##shape, LLVMIntUGE, NULL}

#define INTEGER_MINIMUM_MAXIMUM(shape)                                                             \
    ROW(shape##_MIN_S) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.smin"},                   \
    ROW(shape##_MIN_U) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.umin"},                   \
    ROW(shape##_MAX_S) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.smax"},                   \
    ROW(shape##_MAX_U) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.umax"}

/* What all four integer shapes have. */
#define INTEGER_ARITHMETIC(shape)                                                                  \
    ROW(shape##_ABS)      = {mw_simd_abs, MW_##shape, 0, NULL},                                    \
    ROW(shape##_NEG)      = {mw_simd_neg, MW_##shape, 0, NULL},                                    \
    ROW(shape##_ALL_TRUE) = {mw_simd_all_true, MW_##shape, 0, NULL},                               \
    ROW(shape##_BITMASK)  = {mw_simd_bitmask, MW_##shape, 0, NULL},                                \
    ROW(shape##_SHL)      = {mw_simd_shift, MW_##shape, LLVMShl, NULL},                            \
    ROW(shape##_SHR_S)    = {mw_simd_shift, MW_##shape, LLVMAShr, NULL},                           \
    ROW(shape##_SHR_U)    = {mw_simd_shift, MW_##shape, LLVMLShr, NULL},                           \
    ROW(shape##_ADD)      = {mw_simd_int_binary, MW_##shape, LLVMAdd, NULL},                       \
    ROW(shape##_SUB)      = {mw_simd_int_binary, MW_##shape, LLVMSub, NULL}

/* What the shapes with lanes of 8 and 16 bits have. */
#define INTEGER_SATURATING(shape)                                                                  \
    ROW(shape##_ADD_SAT_S) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.sadd.sat"},           \
    ROW(shape##_ADD_SAT_U) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.uadd.sat"},           \
    ROW(shape##_SUB_SAT_S) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.ssub.sat"},           \
    ROW(shape##_SUB_SAT_U) = {mw_simd_intrinsic_binary, MW_##shape, 0, "llvm.usub.sat"},           \
    ROW(shape##_AVGR_U)    = {mw_simd_avgr, MW_##shape, 0, NULL}

#define INTEGER_NARROW(shape, from)                                                                \
    ROW(shape##_NARROW_##from##_S) = {mw_simd_narrow, MW_##from, S, NULL},                         \
    ROW(shape##_NARROW_##from##_U) = {mw_simd_narrow, MW_##from, 0, NULL}

/* From the half of a shape with lanes of half the width. */
#define INTEGER_WIDENING(shape, from)                                                              \
    ROW(shape##_EXTEND_LOW_##from##_S)  = {mw_simd_extend_half, MW_##from, S, NULL},               \
    ROW(shape##_EXTEND_HIGH_##from##_S) = {mw_simd_extend_half, MW_##from, S | HIGH, NULL},        \
    ROW(shape##_EXTEND_LOW_##from##_U)  = {mw_simd_extend_half, MW_##from, 0, NULL},               \
    ROW(shape##_EXTEND_HIGH_##from##_U) = {mw_simd_extend_half, MW_##from, HIGH, NULL},            \
    ROW(shape##_EXTMUL_LOW_##from##_S)  = {mw_simd_extmul, MW_##from, S, NULL},                    \
    ROW(shape##_EXTMUL_HIGH_##from##_S) = {mw_simd_extmul, MW_##from, S | HIGH, NULL},             \
    ROW(shape##_EXTMUL_LOW_##from##_U)  = {mw_simd_extmul, MW_##from, 0, NULL},                    \
    ROW(shape##_EXTMUL_HIGH_##from##_U) = {mw_simd_extmul, MW_##from, HIGH, NULL},                 \
    ROW(shape##_MUL)                    = {mw_simd_int_binary, MW_##shape, LLVMMul, NULL}

#define INTEGER_PAIRWISE(shape, from)                                                              \
    ROW(shape##_EXTADD_PAIRWISE_##from##_S) = {mw_simd_extadd_pairwise, MW_##from, S, NULL},       \
    ROW(shape##_EXTADD_PAIRWISE_##from##_U) = {mw_simd_extadd_pairwise, MW_##from, 0, NULL}

#define FLOAT(shape)                                                                               \
    ROW(shape##_SPLAT)        = {mw_simd_splat, MW_##shape, 0, NULL},                              \
    ROW(shape##_EXTRACT_LANE) = {mw_simd_extract_lane, MW_##shape, 0, NULL},                       \
    ROW(shape##_REPLACE_LANE) = {mw_simd_replace_lane, MW_##shape, 0, NULL},                       \
    ROW(shape##_EQ)      = {mw_simd_float_compare, MW_##shape, LLVMRealOEQ, NULL},                 \
    ROW(shape##_NE)      = {mw_simd_float_compare, MW_##shape, LLVMRealUNE, NULL},                 \
    ROW(shape##_LT)      = {mw_simd_float_compare, MW_##shape, LLVMRealOLT, NULL},                 \
    ROW(shape##_GT)      = {mw_simd_float_compare, MW_##shape, LLVMRealOGT, NULL},                 \
    ROW(shape##_LE)      = {mw_simd_float_compare, MW_##shape, LLVMRealOLE, NULL},                 \
    ROW(shape##_GE)      = {mw_simd_float_compare, MW_##shape, LLVMRealOGE, NULL},                 \
    ROW(shape##_ABS)     = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.fabs"},            \
    ROW(shape##_NEG)     = {mw_simd_float_neg, MW_##shape, 0, NULL},                               \
    ROW(shape##_CEIL)    = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.ceil"},            \
    ROW(shape##_FLOOR)   = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.floor"},           \
    ROW(shape##_TRUNC)   = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.trunc"},           \
    ROW(shape##_NEAREST) = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.roundeven"},       \
    ROW(shape##_SQRT)    = {mw_simd_float_intrinsic_unary, MW_##shape, 0, "llvm.sqrt"},            \
    ROW(shape##_ADD)     = {mw_simd_float_binary, MW_##shape, LLVMFAdd, NULL},                     \
    ROW(shape##_SUB)     = {mw_simd_float_binary, MW_##shape, LLVMFSub, NULL},                     \
    ROW(shape##_MUL)     = {mw_simd_float_binary, MW_##shape, LLVMFMul, NULL},                     \
    ROW(shape##_DIV)     = {mw_simd_float_binary, MW_##shape, LLVMFDiv, NULL},                     \
    ROW(shape##_MIN)     = {mw_simd_float_extremum, MW_##shape, 0, "llvm.minimum"},        \
    ROW(shape##_MAX)     = {mw_simd_float_extremum, MW_##shape, 0, "llvm.maximum"},        \
    ROW(shape##_PMIN)    = {mw_simd_pmin, MW_##shape, LLVMRealOLT, NULL},                          \
    ROW(shape##_PMAX)    = {mw_simd_pmin, MW_##shape, LLVMRealOGT, NULL}

static const mw_simd_row rows[MW_OP_COUNT - FIRST] = {
    ROW(V128_LOAD)         = {mw_simd_load, MW_I64X2, 0, NULL},
    ROW(V128_LOAD8X8_S)    = {mw_simd_load_extend, MW_I8X16, S, NULL},
    ROW(V128_LOAD8X8_U)    = {mw_simd_load_extend, MW_I8X16, 0, NULL},
    ROW(V128_LOAD16X4_S)   = {mw_simd_load_extend, MW_I16X8, S, NULL},
    ROW(V128_LOAD16X4_U)   = {mw_simd_load_extend, MW_I16X8, 0, NULL},
    ROW(V128_LOAD32X2_S)   = {mw_simd_load_extend, MW_I32X4, S, NULL},
    ROW(V128_LOAD32X2_U)   = {mw_simd_load_extend, MW_I32X4, 0, NULL},
    ROW(V128_LOAD8_SPLAT)  = {mw_simd_load_splat, MW_I8X16, 0, NULL},
    ROW(V128_LOAD16_SPLAT) = {mw_simd_load_splat, MW_I16X8, 0, NULL},
    ROW(V128_LOAD32_SPLAT) = {mw_simd_load_splat, MW_I32X4, 0, NULL},
    ROW(V128_LOAD64_SPLAT) = {mw_simd_load_splat, MW_I64X2, 0, NULL},
    ROW(V128_LOAD32_ZERO)  = {mw_simd_load_zero, MW_I32X4, 0, NULL},
    ROW(V128_LOAD64_ZERO)  = {mw_simd_load_zero, MW_I64X2, 0, NULL},
    ROW(V128_LOAD8_LANE)   = {mw_simd_load_lane, MW_I8X16, 0, NULL},
    ROW(V128_LOAD16_LANE)  = {mw_simd_load_lane, MW_I16X8, 0, NULL},
    ROW(V128_LOAD32_LANE)  = {mw_simd_load_lane, MW_I32X4, 0, NULL},
    ROW(V128_LOAD64_LANE)  = {mw_simd_load_lane, MW_I64X2, 0, NULL},
    ROW(V128_STORE)        = {mw_simd_store, MW_I64X2, 0, NULL},
    ROW(V128_STORE8_LANE)  = {mw_simd_store_lane, MW_I8X16, 0, NULL},
    ROW(V128_STORE16_LANE) = {mw_simd_store_lane, MW_I16X8, 0, NULL},
    ROW(V128_STORE32_LANE) = {mw_simd_store_lane, MW_I32X4, 0, NULL},
    ROW(V128_STORE64_LANE) = {mw_simd_store_lane, MW_I64X2, 0, NULL},

    ROW(V128_CONST)     = {mw_simd_const, MW_I64X2, 0, NULL},
    ROW(V128_NOT)       = {mw_simd_not, MW_I64X2, 0, NULL},
    ROW(V128_AND)       = {mw_simd_int_binary, MW_I64X2, LLVMAnd, NULL},
    ROW(V128_OR)        = {mw_simd_int_binary, MW_I64X2, LLVMOr, NULL},
    ROW(V128_XOR)       = {mw_simd_int_binary, MW_I64X2, LLVMXor, NULL},
    ROW(V128_ANDNOT)    = {mw_simd_andnot, MW_I64X2, 0, NULL},
    ROW(V128_BITSELECT) = {mw_simd_bitselect, MW_I64X2, 0, NULL},
    ROW(V128_ANY_TRUE)  = {mw_simd_any_true, MW_I64X2, 0, NULL},

    ROW(I8X16_SHUFFLE)        = {mw_simd_shuffle, MW_I8X16, 0, NULL},
    ROW(I8X16_SWIZZLE)        = {mw_simd_swizzle, MW_I8X16, 0, NULL},
    ROW(I8X16_SPLAT)          = {mw_simd_splat, MW_I8X16, 0, NULL},
    ROW(I16X8_SPLAT)          = {mw_simd_splat, MW_I16X8, 0, NULL},
    ROW(I32X4_SPLAT)          = {mw_simd_splat, MW_I32X4, 0, NULL},
    ROW(I64X2_SPLAT)          = {mw_simd_splat, MW_I64X2, 0, NULL},
    ROW(I8X16_EXTRACT_LANE_S) = {mw_simd_extract_lane, MW_I8X16, S, NULL},
    ROW(I8X16_EXTRACT_LANE_U) = {mw_simd_extract_lane, MW_I8X16, 0, NULL},
    ROW(I16X8_EXTRACT_LANE_S) = {mw_simd_extract_lane, MW_I16X8, S, NULL},
    ROW(I16X8_EXTRACT_LANE_U) = {mw_simd_extract_lane, MW_I16X8, 0, NULL},
    ROW(I32X4_EXTRACT_LANE)   = {mw_simd_extract_lane, MW_I32X4, 0, NULL},
    ROW(I64X2_EXTRACT_LANE)   = {mw_simd_extract_lane, MW_I64X2, 0, NULL},
    ROW(I8X16_REPLACE_LANE)   = {mw_simd_replace_lane, MW_I8X16, 0, NULL},
    ROW(I16X8_REPLACE_LANE)   = {mw_simd_replace_lane, MW_I16X8, 0, NULL},
    ROW(I32X4_REPLACE_LANE)   = {mw_simd_replace_lane, MW_I32X4, 0, NULL},
    ROW(I64X2_REPLACE_LANE)   = {mw_simd_replace_lane, MW_I64X2, 0, NULL},

    INTEGER_COMPARISONS(I8X16),
    INTEGER_COMPARISONS(I16X8),
    INTEGER_COMPARISONS(I32X4),
    ROW(I64X2_EQ)   = {mw_simd_int_compare, MW_I64X2, LLVMIntEQ, NULL},
    ROW(I64X2_NE)   = {mw_simd_int_compare, MW_I64X2, LLVMIntNE, NULL},
    ROW(I64X2_LT_S) = {mw_simd_int_compare, MW_I64X2, LLVMIntSLT, NULL},
    ROW(I64X2_GT_S) = {mw_simd_int_compare, MW_I64X2, LLVMIntSGT, NULL},
    ROW(I64X2_LE_S) = {mw_simd_int_compare, MW_I64X2, LLVMIntSLE, NULL},
    ROW(I64X2_GE_S) = {mw_simd_int_compare, MW_I64X2, LLVMIntSGE, NULL},

    INTEGER_ARITHMETIC(I8X16),
    INTEGER_ARITHMETIC(I16X8),
    INTEGER_ARITHMETIC(I32X4),
    INTEGER_ARITHMETIC(I64X2),
    INTEGER_MINIMUM_MAXIMUM(I8X16),
    INTEGER_MINIMUM_MAXIMUM(I16X8),
    INTEGER_MINIMUM_MAXIMUM(I32X4),
    INTEGER_SATURATING(I8X16),
    INTEGER_SATURATING(I16X8),
    INTEGER_NARROW(I8X16, I16X8),
    INTEGER_NARROW(I16X8, I32X4),
    INTEGER_WIDENING(I16X8, I8X16),
    INTEGER_WIDENING(I32X4, I16X8),
    INTEGER_WIDENING(I64X2, I32X4),
    INTEGER_PAIRWISE(I16X8, I8X16),
    INTEGER_PAIRWISE(I32X4, I16X8),
    ROW(I8X16_POPCNT)        = {mw_simd_intrinsic_unary, MW_I8X16, 0, "llvm.ctpop"},
    ROW(I16X8_Q15MULR_SAT_S) = {mw_simd_q15mulr, MW_I16X8, 0, NULL},
    ROW(I32X4_DOT_I16X8_S)   = {mw_simd_dot, MW_I16X8, 0, NULL},

    FLOAT(F32X4),
    FLOAT(F64X2),
    ROW(I32X4_TRUNC_SAT_F32X4_S)      = {mw_simd_trunc_sat, MW_F32X4, S, "llvm.fptosi.sat"},
    ROW(I32X4_TRUNC_SAT_F32X4_U)      = {mw_simd_trunc_sat, MW_F32X4, 0, "llvm.fptoui.sat"},
    ROW(I32X4_TRUNC_SAT_F64X2_S_ZERO) = {mw_simd_trunc_sat, MW_F64X2, S, "llvm.fptosi.sat"},
    ROW(I32X4_TRUNC_SAT_F64X2_U_ZERO) = {mw_simd_trunc_sat, MW_F64X2, 0, "llvm.fptoui.sat"},
    ROW(F32X4_CONVERT_I32X4_S)        = {mw_simd_convert, MW_F32X4, S, NULL},
    ROW(F32X4_CONVERT_I32X4_U)        = {mw_simd_convert, MW_F32X4, 0, NULL},
    ROW(F64X2_CONVERT_LOW_I32X4_S)    = {mw_simd_convert, MW_F64X2, S, NULL},
    ROW(F64X2_CONVERT_LOW_I32X4_U)    = {mw_simd_convert, MW_F64X2, 0, NULL},
    ROW(F32X4_DEMOTE_F64X2_ZERO)      = {mw_simd_demote, MW_F64X2, 0, NULL},
    ROW(F64X2_PROMOTE_LOW_F32X4)      = {mw_simd_promote, MW_F32X4, 0, NULL},

    ROW(I8X16_RELAXED_SWIZZLE)               = {mw_simd_relaxed_swizzle, MW_I8X16, 0, NULL},
    ROW(I32X4_RELAXED_TRUNC_F32X4_S)         = {mw_simd_relaxed_trunc, MW_F32X4, S, "llvm.fptosi.sat"},
    ROW(I32X4_RELAXED_TRUNC_F32X4_U)         = {mw_simd_relaxed_trunc, MW_F32X4, 0, "llvm.fptoui.sat"},
    ROW(I32X4_RELAXED_TRUNC_F64X2_S_ZERO)    = {mw_simd_relaxed_trunc, MW_F64X2, S, "llvm.fptosi.sat"},
    ROW(I32X4_RELAXED_TRUNC_F64X2_U_ZERO)    = {mw_simd_relaxed_trunc, MW_F64X2, 0, "llvm.fptoui.sat"},
    ROW(F32X4_RELAXED_MADD)                  = {mw_simd_relaxed_madd, MW_F32X4, 0, NULL},
    ROW(F32X4_RELAXED_NMADD)                 = {mw_simd_relaxed_madd, MW_F32X4, MW_SIMD_NEGATED, NULL},
    ROW(F64X2_RELAXED_MADD)                  = {mw_simd_relaxed_madd, MW_F64X2, 0, NULL},
    ROW(F64X2_RELAXED_NMADD)                 = {mw_simd_relaxed_madd, MW_F64X2, MW_SIMD_NEGATED, NULL},
    ROW(I8X16_RELAXED_LANESELECT)            = {mw_simd_relaxed_laneselect, MW_I8X16, 0, NULL},
    ROW(I16X8_RELAXED_LANESELECT)            = {mw_simd_relaxed_laneselect, MW_I16X8, 0, NULL},
    ROW(I32X4_RELAXED_LANESELECT)            = {mw_simd_relaxed_laneselect, MW_I32X4, 0, NULL},
    ROW(I64X2_RELAXED_LANESELECT)            = {mw_simd_relaxed_laneselect, MW_I64X2, 0, NULL},
    ROW(F32X4_RELAXED_MIN)                   = {mw_simd_relaxed_min, MW_F32X4, LLVMRealOLT, "llvm.minimum"},
    ROW(F32X4_RELAXED_MAX)                   = {mw_simd_relaxed_min, MW_F32X4, LLVMRealOGT, "llvm.maximum"},
    ROW(F64X2_RELAXED_MIN)                   = {mw_simd_relaxed_min, MW_F64X2, LLVMRealOLT, "llvm.minimum"},
    ROW(F64X2_RELAXED_MAX)                   = {mw_simd_relaxed_min, MW_F64X2, LLVMRealOGT, "llvm.maximum"},
    ROW(I16X8_RELAXED_Q15MULR_S)             = {mw_simd_relaxed_q15mulr, MW_I16X8, 0, NULL},
    ROW(I16X8_RELAXED_DOT_I8X16_I7X16_S)     = {mw_simd_relaxed_dot, MW_I8X16, S, NULL},
    ROW(I32X4_RELAXED_DOT_I8X16_I7X16_ADD_S) = {mw_simd_relaxed_dot_add, MW_I16X8, S, NULL},
};
/* clang-format on */

void mw_emit_simd(mw_emitter *e, const mw_operator *op)
{
    const mw_simd_row *row = &rows[op->op - FIRST];
    row->emit(e, op, row);
}
