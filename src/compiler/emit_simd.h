/* Vector instructions: emit_simd.c holds one row per instruction, emit_simd_int.c, emit_simd_float.c,
 * emit_simd_lane.c and emit_simd_relaxed.c the code that the rows name. */
#ifndef MW_COMPILER_EMIT_SIMD_H
#define MW_COMPILER_EMIT_SIMD_H

#include "compiler/emit.h"

/* ORDER: each integer shape is followed by the one with lanes of twice the width. */
typedef enum mw_shape {
    MW_I8X16,
    MW_I16X8,
    MW_I32X4,
    MW_I64X2,
    MW_F32X4,
    MW_F64X2,
} mw_shape;

typedef struct mw_simd_row mw_simd_row;
typedef void mw_simd_emit(mw_emitter *e, const mw_operator *op, const mw_simd_row *row);
struct mw_simd_row {
    mw_simd_emit *emit;
    mw_shape shape;   /* of the operands, unless the function says otherwise */
    int code;         /* what the function takes: an LLVM opcode or predicate, or a combination of MW_SIMD_* */
    const char *name; /* an intrinsic */
};

/* Bits of mw_simd_row.code. */
enum { MW_SIMD_SIGNED = 1, MW_SIMD_HIGH = 2, MW_SIMD_NEGATED = 4 };

LLVMTypeRef mw_shape_type(const mw_unit *u, mw_shape shape);
unsigned mw_shape_lanes(mw_shape shape);
unsigned mw_shape_bits(mw_shape shape); /* of a lane */

/* Is the target x86-64, with this feature? */
bool mw_x86_has(const mw_unit *u, const char *feature);

/* `count` lanes of the concatenation of a and b (b NULL: poison): first, first + stride, ... */
LLVMValueRef mw_simd_take(mw_emitter *e, LLVMValueRef a, LLVMValueRef b, unsigned first, unsigned stride,
                          unsigned count);
/* Extends each lane to `type`, whose lanes are wider. */
LLVMValueRef mw_simd_extend(mw_emitter *e, LLVMValueRef v, LLVMTypeRef type, bool is_signed);

/* ---- emit_simd_int.c: the rows' shape is that of the operands --------------------------------------------- */
mw_simd_emit mw_simd_int_binary;      /* code: LLVM opcode */
mw_simd_emit mw_simd_int_compare;     /* code: LLVM predicate */
mw_simd_emit mw_simd_intrinsic_binary;
mw_simd_emit mw_simd_intrinsic_unary;
mw_simd_emit mw_simd_abs;
mw_simd_emit mw_simd_neg;
mw_simd_emit mw_simd_shift;           /* code: LLVM opcode */
mw_simd_emit mw_simd_avgr;
mw_simd_emit mw_simd_q15mulr;
mw_simd_emit mw_simd_dot;
mw_simd_emit mw_simd_extmul;          /* code: MW_SIMD_SIGNED, MW_SIMD_HIGH */
mw_simd_emit mw_simd_extadd_pairwise; /* code: MW_SIMD_SIGNED */
mw_simd_emit mw_simd_narrow;          /* code: MW_SIMD_SIGNED: saturate to signed lanes */
mw_simd_emit mw_simd_extend_half;     /* code: MW_SIMD_SIGNED, MW_SIMD_HIGH */
mw_simd_emit mw_simd_all_true;
mw_simd_emit mw_simd_bitmask;

/* ---- emit_simd_float.c: the rows' shape is that of the operands -------------------------------------------- */
mw_simd_emit mw_simd_float_binary;  /* code: LLVM opcode */
mw_simd_emit mw_simd_float_compare; /* code: LLVM predicate */
mw_simd_emit mw_simd_float_intrinsic_unary;
mw_simd_emit mw_simd_float_extremum;
mw_simd_emit mw_simd_float_neg;
mw_simd_emit mw_simd_pmin; /* and pmax; code: LLVM predicate that makes the second operand the result */
mw_simd_emit mw_simd_trunc_sat; /* MW_SIMD_SIGNED; name: the general intrinsic */
mw_simd_emit mw_simd_convert; /* to f32x4, or from the low lanes to f64x2; shape: of the result; MW_SIMD_SIGNED */
mw_simd_emit mw_simd_demote;
mw_simd_emit mw_simd_promote;

/* ---- emit_simd_lane.c: memory, lanes, permutations, bits ---------------------------------------------------- */
mw_simd_emit mw_simd_load;
mw_simd_emit mw_simd_store;
mw_simd_emit mw_simd_load_extend; /* shape: of the memory's lanes; MW_SIMD_SIGNED */
mw_simd_emit mw_simd_load_splat;  /* shape: integer lanes */
mw_simd_emit mw_simd_load_zero;
mw_simd_emit mw_simd_load_lane;
mw_simd_emit mw_simd_store_lane;
mw_simd_emit mw_simd_const;
mw_simd_emit mw_simd_shuffle;
mw_simd_emit mw_simd_swizzle;
mw_simd_emit mw_simd_splat;
mw_simd_emit mw_simd_extract_lane; /* MW_SIMD_SIGNED where a lane is narrower than 32 bits */
mw_simd_emit mw_simd_replace_lane;
mw_simd_emit mw_simd_not;
mw_simd_emit mw_simd_andnot;
mw_simd_emit mw_simd_bitselect;
mw_simd_emit mw_simd_any_true;

/* ---- emit_simd_relaxed.c: the rows' shape is that of the operands -------------------------------------------- */
mw_simd_emit mw_simd_relaxed_swizzle;
mw_simd_emit mw_simd_relaxed_trunc;      /* as mw_simd_trunc_sat */
mw_simd_emit mw_simd_relaxed_madd;       /* code: MW_SIMD_NEGATED */
mw_simd_emit mw_simd_relaxed_laneselect;
mw_simd_emit mw_simd_relaxed_min; /* and max; code: LLVM predicate of the operands, smaller or larger first */
mw_simd_emit mw_simd_relaxed_q15mulr;
mw_simd_emit mw_simd_relaxed_dot;
mw_simd_emit mw_simd_relaxed_dot_add; /* shape, code: of the sums of pairs, as mw_simd_extadd_pairwise takes them */

#endif
