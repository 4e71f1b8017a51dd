/* Constants, tests, comparisons and arithmetic of the number types (specification 4.3.2, 4.3.3). */
#include "compiler/emit.h"

static LLVMValueRef float_const(const mw_unit *u, LLVMTypeRef integer, LLVMTypeRef type, uint64_t bits)
{
    (void)u;
    return LLVMConstBitCast(LLVMConstInt(integer, bits, 0), type);
}

static void compare(mw_emitter *e, LLVMIntPredicate predicate)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    mw_push_truth(e, LLVMBuildICmp(e->builder, predicate, a, b, ""));
}

static void compare_float(mw_emitter *e, LLVMRealPredicate predicate)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    LLVMValueRef result = LLVMBuildFCmp(e->builder, predicate, a, b, "");
    if (e->unit->options->fast_math && LLVMIsAInstruction(result))
        LLVMSetFastMathFlags(result, LLVMFastMathAll);
    mw_push_truth(e, result);
}

static void binary(mw_emitter *e, LLVMOpcode opcode)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    mw_push(e, LLVMBuildBinOp(e->builder, opcode, a, b, ""));
}

/* Additions and the like with a constant on the left would hide it from the rule of facts.h. */
static void commutative(mw_emitter *e, LLVMOpcode opcode)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    bool swap = LLVMIsAConstantInt(a) && !LLVMIsAConstantInt(b);
    mw_push(e, LLVMBuildBinOp(e->builder, opcode, swap ? b : a, swap ? a : b, ""));
}

static void shift(mw_emitter *e, LLVMOpcode opcode)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    LLVMTypeRef type = LLVMTypeOf(a);
    LLVMValueRef mask = LLVMConstInt(type, LLVMGetIntTypeWidth(type) - 1, 0);
    mw_push(e, LLVMBuildBinOp(e->builder, opcode, a, LLVMBuildAnd(e->builder, b, mask, ""), ""));
}

static void rotate(mw_emitter *e, const char *funnel)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    mw_push(e, mw_intrinsic3(e, funnel, a, a, b));
}

static void trap_if_zero(mw_emitter *e, LLVMValueRef v)
{
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(v));
    mw_trap_if(e, LLVMBuildICmp(e->builder, LLVMIntEQ, v, zero, ""), MW_TRAP_INTEGER_DIVIDE_BY_ZERO);
}

/* MIN / -1: does not fit when dividing, is 0 as a remainder; undefined in LLVM either way. */
static LLVMValueRef overflows(mw_emitter *e, LLVMValueRef a, LLVMValueRef b)
{
    LLVMTypeRef type = LLVMTypeOf(a);
    LLVMValueRef min = LLVMConstInt(type, UINT64_C(1) << (LLVMGetIntTypeWidth(type) - 1), 0);
    LLVMValueRef is_min = LLVMBuildICmp(e->builder, LLVMIntEQ, a, min, "");
    LLVMValueRef is_minus1 = LLVMBuildICmp(e->builder, LLVMIntEQ, b, LLVMConstAllOnes(type), "");
    return LLVMBuildAnd(e->builder, is_min, is_minus1, "");
}

static void divide(mw_emitter *e, LLVMOpcode opcode)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    trap_if_zero(e, b);
    if (opcode == LLVMSDiv)
        mw_trap_if(e, overflows(e, a, b), MW_TRAP_INTEGER_OVERFLOW);
    mw_push(e, LLVMBuildBinOp(e->builder, opcode, a, b, ""));
}

/* x rem -1 is 0 for every x, MIN included: a divisor of 1 gives it without the overflow. */
static void remainder_signed(mw_emitter *e)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    LLVMTypeRef type = LLVMTypeOf(b);
    trap_if_zero(e, b);
    LLVMValueRef is_minus1 = LLVMBuildICmp(e->builder, LLVMIntEQ, b, LLVMConstAllOnes(type), "");
    LLVMValueRef divisor = LLVMBuildSelect(e->builder, is_minus1, LLVMConstInt(type, 1, 0), b, "");
    mw_push(e, LLVMBuildSRem(e->builder, a, divisor, ""));
}

static void count_bits(mw_emitter *e, const char *name)
{
    LLVMValueRef a = mw_pop(e);
    LLVMValueRef args[] = {a, LLVMConstInt(e->unit->i1, 0, 0)}; /* of zero: the width, not poison */
    mw_push(e, mw_intrinsic(e, name, (LLVMTypeRef[]){LLVMTypeOf(a)}, 1, args, 2));
}

static void unary(mw_emitter *e, const char *name)
{
    mw_push(e, mw_intrinsic1(e, name, mw_pop(e)));
}

static void sign_extend(mw_emitter *e, LLVMTypeRef from)
{
    LLVMValueRef v = mw_pop(e);
    mw_push(e, LLVMBuildSExt(e->builder, LLVMBuildTrunc(e->builder, v, from, ""), LLVMTypeOf(v), ""));
}

static void float_binary(mw_emitter *e, LLVMOpcode opcode)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    mw_push(e, mw_float_binary(e, opcode, a, b));
}

static void float_unary(mw_emitter *e, const char *name)
{
    mw_push(e, mw_fp(e, mw_intrinsic1(e, name, mw_pop(e))));
}

static void float_extremum(mw_emitter *e, const char *name)
{
    LLVMValueRef b = mw_pop(e), a = mw_pop(e);
    mw_push(e, mw_float_extremum(e, name, a, b));
}

static void eqz(mw_emitter *e)
{
    LLVMValueRef v = mw_pop(e);
    if (LLVMIsAZExtInst(v) && LLVMTypeOf(LLVMGetOperand(v, 0)) == e->unit->i1)
        mw_push_truth(e, LLVMBuildNot(e->builder, LLVMGetOperand(v, 0), ""));
    else
        mw_push_truth(e, LLVMBuildICmp(e->builder, LLVMIntEQ, v, LLVMConstNull(LLVMTypeOf(v)), ""));
}

static void constant(mw_emitter *e, const mw_operator *op)
{
    const mw_unit *u = e->unit;
    switch (op->op) {
    case MW_OP_I32_CONST:
        mw_push(e, mw_i32(u, (uint32_t)op->i32));
        return;
    case MW_OP_I64_CONST:
        mw_push(e, mw_i64(u, (uint64_t)op->i64));
        return;
    case MW_OP_F32_CONST:
        mw_push(e, mw_opaque_fp(e, float_const(u, u->i32, u->f32, op->f32_bits)));
        return;
    default:
        mw_push(e, mw_opaque_fp(e, float_const(u, u->i64, u->f64, op->f64_bits)));
        return;
    }
}

/* True if it was one. */
static bool integer_comparison(mw_emitter *e, mw_opcode op)
{
    switch (op) {
#define BOTH(name, predicate)                                                                      \
    case MW_OP_I32_##name:                                                                         \
    case MW_OP_I64_##name:                                                                         \
        compare(e, predicate);                                                                     \
        return true;
        BOTH(EQ, LLVMIntEQ)
        BOTH(NE, LLVMIntNE)
        BOTH(LT_S, LLVMIntSLT)
        BOTH(LT_U, LLVMIntULT)
        BOTH(GT_S, LLVMIntSGT)
        BOTH(GT_U, LLVMIntUGT)
        BOTH(LE_S, LLVMIntSLE)
        BOTH(LE_U, LLVMIntULE)
        BOTH(GE_S, LLVMIntSGE)
        BOTH(GE_U, LLVMIntUGE)
#undef BOTH
    default:
        return false;
    }
}

static bool integer_arithmetic(mw_emitter *e, mw_opcode op)
{
    const mw_unit *u = e->unit;
    switch (op) {
#define BOTH(name, action)                                                                         \
    case MW_OP_I32_##name:                                                                         \
    case MW_OP_I64_##name:                                                                         \
        action;                                                                                    \
        return true;
        BOTH(EQZ, eqz(e))
        BOTH(CLZ, count_bits(e, "llvm.ctlz"))
        BOTH(CTZ, count_bits(e, "llvm.cttz"))
        BOTH(POPCNT, unary(e, "llvm.ctpop"))
        BOTH(ADD, commutative(e, LLVMAdd))
        BOTH(SUB, binary(e, LLVMSub))
        BOTH(MUL, commutative(e, LLVMMul))
        BOTH(DIV_S, divide(e, LLVMSDiv))
        BOTH(DIV_U, divide(e, LLVMUDiv))
        BOTH(REM_S, remainder_signed(e))
        BOTH(REM_U, divide(e, LLVMURem))
        BOTH(AND, binary(e, LLVMAnd))
        BOTH(OR, binary(e, LLVMOr))
        BOTH(XOR, binary(e, LLVMXor))
        BOTH(SHL, shift(e, LLVMShl))
        BOTH(SHR_S, shift(e, LLVMAShr))
        BOTH(SHR_U, shift(e, LLVMLShr))
        BOTH(ROTL, rotate(e, "llvm.fshl"))
        BOTH(ROTR, rotate(e, "llvm.fshr"))
        BOTH(EXTEND8_S, sign_extend(e, u->i8))
        BOTH(EXTEND16_S, sign_extend(e, u->i16))
#undef BOTH
    case MW_OP_I64_EXTEND32_S:
        sign_extend(e, u->i32);
        return true;
    default:
        return false;
    }
}

static void float_operation(mw_emitter *e, mw_opcode op)
{
    switch (op) {
#define BOTH(name, action)                                                                         \
    case MW_OP_F32_##name:                                                                         \
    case MW_OP_F64_##name:                                                                         \
        action;                                                                                    \
        return;
        BOTH(EQ, compare_float(e, LLVMRealOEQ))
        BOTH(NE, compare_float(e, LLVMRealUNE))
        BOTH(LT, compare_float(e, LLVMRealOLT))
        BOTH(GT, compare_float(e, LLVMRealOGT))
        BOTH(LE, compare_float(e, LLVMRealOLE))
        BOTH(GE, compare_float(e, LLVMRealOGE))
        BOTH(ABS, unary(e, "llvm.fabs"))
        BOTH(NEG, mw_push(e, LLVMBuildFNeg(e->builder, mw_pop(e), "")))
        BOTH(CEIL, float_unary(e, "llvm.ceil"))
        BOTH(FLOOR, float_unary(e, "llvm.floor"))
        BOTH(TRUNC, float_unary(e, "llvm.trunc"))
        BOTH(NEAREST, float_unary(e, "llvm.roundeven"))
        BOTH(SQRT, float_unary(e, "llvm.sqrt"))
        BOTH(ADD, float_binary(e, LLVMFAdd))
        BOTH(SUB, float_binary(e, LLVMFSub))
        BOTH(MUL, float_binary(e, LLVMFMul))
        BOTH(DIV, float_binary(e, LLVMFDiv))
        BOTH(MIN, float_extremum(e, "llvm.minimum"))
        BOTH(MAX, float_extremum(e, "llvm.maximum"))
#undef BOTH
    default: { /* copysign: bits only, no NaN is touched */
        LLVMValueRef sign = mw_pop(e), magnitude = mw_pop(e);
        mw_push(e, mw_intrinsic2(e, "llvm.copysign", magnitude, sign));
    }
    }
}

void mw_emit_numeric(mw_emitter *e, const mw_operator *op)
{
    if (op->op >= MW_OP_I32_CONST && op->op <= MW_OP_F64_CONST)
        constant(e, op);
    else if (!integer_comparison(e, op->op) && !integer_arithmetic(e, op->op))
        float_operation(e, op->op);
}
