#include "compiler/range.h"

enum { MAX_DEPTH = 4 };

static uint64_t largest(LLVMTypeRef type)
{
    unsigned width = LLVMGetIntTypeWidth(type);
    return width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* All bits up to the highest of both. */
static uint64_t bits_of(uint64_t a, uint64_t b)
{
    return a | b ? UINT64_MAX >> __builtin_clzll(a | b) : 0;
}

static uint64_t bound_of(LLVMValueRef v, unsigned depth);

static uint64_t bound_of_binary(LLVMValueRef v, uint64_t all, unsigned depth)
{
    LLVMValueRef right = LLVMGetOperand(v, 1);
    uint64_t a = bound_of(LLVMGetOperand(v, 0), depth), b = bound_of(right, depth), result;
    bool constant = LLVMIsAConstantInt(right) != NULL;
    unsigned width = LLVMGetIntTypeWidth(LLVMTypeOf(v));
    switch (LLVMGetInstructionOpcode(v)) {
    case LLVMAnd:
        return least_of(a, b);
    case LLVMOr:
    case LLVMXor:
        return bits_of(a, b);
    case LLVMAdd:
        return !__builtin_add_overflow(a, b, &result) && result <= all ? result : all;
    case LLVMMul:
        return !__builtin_mul_overflow(a, b, &result) && result <= all ? result : all;
    case LLVMShl:
        return constant && b < width && a <= all >> b ? a << b : all;
    case LLVMLShr:
        return constant && b < width ? a >> b : a;
    case LLVMUDiv:
        return constant && b ? a / b : a;
    case LLVMURem:
        return b ? least_of(a, b - 1) : a;
    default:
        return all;
    }
}

static uint64_t bound_of(LLVMValueRef v, unsigned depth)
{
    LLVMTypeRef type = LLVMTypeOf(v);
    if (LLVMGetTypeKind(type) != LLVMIntegerTypeKind || LLVMGetIntTypeWidth(type) > 64)
        return UINT64_MAX;
    uint64_t all = largest(type);
    if (LLVMIsAConstantInt(v))
        return LLVMConstIntGetZExtValue(v);
    if (depth == MAX_DEPTH || !LLVMIsAInstruction(v))
        return all;
    if (LLVMIsABinaryOperator(v))
        return bound_of_binary(v, all, depth + 1);
    if (LLVMIsAZExtInst(v) || LLVMIsATruncInst(v))
        return least_of(bound_of(LLVMGetOperand(v, 0), depth + 1), all);
    if (!LLVMIsASelectInst(v))
        return all;
    uint64_t a = bound_of(LLVMGetOperand(v, 1), depth + 1), b = bound_of(LLVMGetOperand(v, 2), depth + 1);
    return a > b ? a : b;
}

bool mw_read_bound(LLVMValueRef v, uint64_t *bound)
{
    *bound = bound_of(v, 0);
    return *bound < UINT32_MAX;
}

LLVMValueRef mw_build_bounded(const mw_unit *u, LLVMValueRef v)
{
    uint64_t bound;
    bool is_multiple = LLVMIsABinaryOperator(v) && LLVMGetInstructionOpcode(v) == LLVMShl;
    if (is_multiple && LLVMTypeOf(v) == u->i32 && LLVMIsAConstantInt(LLVMGetOperand(v, 1)) && mw_read_bound(v, &bound)) {
        LLVMValueRef times = LLVMGetOperand(v, 1);
        LLVMValueRef wide = LLVMBuildZExt(u->builder, LLVMGetOperand(v, 0), u->i64, "");
        return LLVMBuildShl(u->builder, wide, mw_i64(u, LLVMConstIntGetZExtValue(times)), "");
    }
    return LLVMTypeOf(v) == u->i64 ? v : LLVMBuildZExt(u->builder, v, u->i64, "");
}
