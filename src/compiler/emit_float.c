/* Floating-point arithmetic, of scalars and vectors alike: what the options allow, and NaNs as the specification wants
 * them. Every arithmetic instruction turns a signalling NaN into a quiet one (4.3.3), which LLVM does not care for: it
 * takes x * 1.0 for x, and its code for min and max hands a NaN on as it is. */
#include "compiler/emit.h"

#include <math.h>
#include <string.h>

/* Hides from LLVM what `value` is. */
static LLVMValueRef hide(mw_emitter *e, LLVMValueRef value)
{
    const mw_unit *u = e->unit;
    if (u->target->arch == MW_ARCH_OTHER)
        return value;
    const char *constraint = u->target->arch == MW_ARCH_X86_64 ? "=x,0" : "=w,0";
    LLVMTypeRef type = LLVMTypeOf(value);
    LLVMTypeRef functype = LLVMFunctionType(type, &type, 1, 0);
    LLVMValueRef nothing = LLVMGetInlineAsm(functype, "", 0, constraint, strlen(constraint), 0, 0,
                                            LLVMInlineAsmDialectATT, 0);
    return LLVMBuildCall2(e->builder, functype, nothing, &value, 1, "");
}

LLVMValueRef mw_opaque_fp(mw_emitter *e, LLVMValueRef value)
{
    return e->unit->options->strict_traps ? hide(e, value) : value;
}

LLVMValueRef mw_fp(mw_emitter *e, LLVMValueRef value)
{
    const mw_compile_options *options = e->unit->options;
    if (options->fast_math || options->fp_contract_fast) {
        if (LLVMIsAInstruction(value) && LLVMCanValueUseFastMathFlags(value))
            LLVMSetFastMathFlags(value, options->fast_math ? LLVMFastMathAll : LLVMFastMathAllowContract);
        return value;
    }
    return mw_opaque_fp(e, value);
}

/* Whether LLVM takes the instruction for its other operand, or for that with the sign changed, if `value` is one. */
static bool is_identity(LLVMOpcode opcode, LLVMValueRef value, bool is_left)
{
    if (LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind) {
        if (!LLVMIsConstant(value))
            return false;
        for (unsigned i = 0; i < LLVMGetVectorSize(LLVMTypeOf(value)); i++) {
            LLVMValueRef lane = LLVMGetAggregateElement(value, i);
            if (!lane || !is_identity(opcode, lane, is_left))
                return false;
        }
        return true;
    }
    if (!LLVMIsAConstantFP(value))
        return false;
    LLVMBool loses;
    double d = LLVMConstRealGetDouble(value, &loses);
    switch (opcode) {
    case LLVMFAdd: return d == 0 && signbit(d);
    case LLVMFSub: return d == 0 && !signbit(d) == !is_left;
    case LLVMFMul: return fabs(d) == 1;
    default: return !is_left && fabs(d) == 1; /* division */
    }
}

LLVMValueRef mw_float_binary(mw_emitter *e, LLVMOpcode opcode, LLVMValueRef a, LLVMValueRef b)
{
    /* Compilers have folded these before, so nothing is lost by it. */
    if (!e->unit->options->fast_math && is_identity(opcode, a, true))
        a = hide(e, a);
    if (!e->unit->options->fast_math && is_identity(opcode, b, false))
        b = hide(e, b);
    return mw_fp(e, LLVMBuildBinOp(e->builder, opcode, a, b, ""));
}

/* With a NaN among the operands it is their sum. So LLVM's need not look for NaNs itself: the addition is all that this
 * costs. */
LLVMValueRef mw_float_extremum(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b)
{
    LLVMValueRef extremum = mw_intrinsic2(e, name, a, b);
    if (e->unit->options->fast_math)
        return mw_fp(e, extremum);
    if (LLVMIsAInstruction(extremum))
        LLVMSetFastMathFlags(extremum, LLVMFastMathNoNaNs);
    LLVMValueRef is_nan = LLVMBuildFCmp(e->builder, LLVMRealUNO, a, b, "");
    LLVMValueRef sum = mw_fp(e, LLVMBuildFAdd(e->builder, a, b, ""));
    return LLVMBuildSelect(e->builder, is_nan, sum, extremum, "");
}

LLVMValueRef mw_float_demote(mw_emitter *e, LLVMValueRef value, LLVMTypeRef type)
{
    if (LLVMIsAFPExtInst(value)) /* and so is a promotion taken back, which quieted it */
        value = hide(e, value);
    value = LLVMBuildFPTrunc(e->builder, value, type, "");
    /* Two floats are half a register, which cannot be hidden. */
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? value : mw_fp(e, value);
}
