/* Conversions to integers that stayed scalar, on x86-64. trunc_sat is emitted in operations that the loop vectorizer widens
 * (emit_convert.c): x is brought into range, then converted, one after the other. The machine's conversion needs no range:
 * it gives the smallest integer for whatever does not fit, as it should for what is too small, so that what is too large and
 * NaNs are put in afterwards, by comparisons of x that nobody waits for. Where the integer becomes a number again, as in
 * `x - (int)x`, it does not leave the vector registers, as natively, and what does not fit is put in behind a branch that no
 * program takes, so that what follows does not wait for the choice. */
#include "compiler/optimize.h"

#include <math.h>
#include <string.h>

/* `v` is select(fcmp(predicate, w, limit), w, limit) of a constant limit: w, else NULL. */
static LLVMValueRef bounded_value(LLVMValueRef v, LLVMRealPredicate predicate)
{
    if (!LLVMIsASelectInst(v))
        return NULL;
    LLVMValueRef compare = LLVMGetOperand(v, 0), w = LLVMGetOperand(v, 1), limit = LLVMGetOperand(v, 2);
    if (!LLVMIsAFCmpInst(compare) || LLVMGetFCmpPredicate(compare) != predicate || LLVMGetOperand(compare, 0) != w ||
        !LLVMIsAConstantFP(limit))
        return NULL;
    /* Against 0, which LLVM compares with whether it is a number, the limit for NaNs is 0 as well. */
    return LLVMGetOperand(compare, 1) == limit ? w : NULL;
}

/* x of a conversion of x that was brought into the integer's range; NULL if it is none. */
static LLVMValueRef converted_value(LLVMValueRef conversion)
{
    LLVMValueRef v = bounded_value(LLVMGetOperand(conversion, 0), LLVMRealOLT);
    v = v ? bounded_value(v, LLVMRealOGT) : NULL;
    return v ? bounded_value(v, LLVMRealORD) : NULL;
}

static double limit_of(LLVMValueRef bounded)
{
    LLVMBool loses;
    return LLVMConstRealGetDouble(LLVMGetOperand(bounded, 2), &loses);
}

/* Is what is too small, or no number, as the machine and `saturated` have it? The upper bound may be any in the range: LLVM leaves
 * out what the guest's own bounds make superfluous. */
static bool is_in_range(LLVMValueRef conversion, double end)
{
    LLVMValueRef upper = LLVMGetOperand(conversion, 0), lower = LLVMGetOperand(upper, 1);
    double highest = limit_of(upper);
    return limit_of(lower) == -end && limit_of(LLVMGetOperand(lower, 1)) == 0.0 && highest < end && highest >= 0;
}

static LLVMValueRef call_of_vector(const mw_unit *u, const char *name, LLVMTypeRef to, LLVMValueRef x)
{
    LLVMTypeRef vector = LLVMTypeOf(x) == u->f64 ? u->f64x2 : u->f32x4;
    LLVMTypeRef type = LLVMFunctionType(to, &vector, 1, false);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(u->llvm, LLVMLookupIntrinsicID(name, strlen(name)), NULL, 0);
    LLVMValueRef lanes = LLVMBuildInsertElement(u->builder, LLVMGetPoison(vector), x, mw_i64(u, 0), "");
    return LLVMBuildCall2(u->builder, type, f, &lanes, 1, "");
}

static LLVMValueRef to_integer(const mw_unit *u, LLVMValueRef x, LLVMTypeRef to)
{
    const char *name = LLVMTypeOf(x) == u->f64 ? to == u->i64 ? "llvm.x86.sse2.cvttsd2si64" : "llvm.x86.sse2.cvttsd2si"
                                               : to == u->i64 ? "llvm.x86.sse.cvttss2si64" : "llvm.x86.sse.cvttss2si";
    return call_of_vector(u, name, to, x);
}

/* To an i32, and back to the type of x. */
static LLVMValueRef to_integral_number(const mw_unit *u, LLVMValueRef x)
{
    LLVMBuilderRef b = u->builder;
    bool is_double = LLVMTypeOf(x) == u->f64;
    LLVMValueRef lanes = call_of_vector(u, is_double ? "llvm.x86.sse2.cvttpd2dq" : "llvm.x86.sse2.cvttps2dq", u->i32x4, x);
    LLVMValueRef first[] = {mw_i32(u, 0), mw_i32(u, 1)};
    if (is_double)
        lanes = LLVMBuildShuffleVector(b, lanes, LLVMGetPoison(u->i32x4), LLVMConstVector(first, 2), "");
    lanes = LLVMBuildSIToFP(b, lanes, is_double ? u->f64x2 : u->f32x4, "");
    return LLVMBuildExtractElement(b, lanes, mw_i64(u, 0), "");
}

/* `small`, what x was converted to, or `largest` from `highest` on, or 0 if x is no number. */
static LLVMValueRef saturated(const mw_unit *u, LLVMValueRef x, double highest, LLVMValueRef small, LLVMValueRef largest)
{
    LLVMBuilderRef b = u->builder;
    LLVMValueRef large = LLVMBuildFCmp(b, LLVMRealOGE, x, LLVMConstReal(LLVMTypeOf(x), highest), "");
    LLVMValueRef fits = LLVMBuildSelect(b, large, largest, small, "");
    LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
    return LLVMBuildSelect(b, nan, LLVMConstNull(LLVMTypeOf(small)), fits, "");
}

static void erase_unused(LLVMValueRef v)
{
    while (LLVMIsAInstruction(v) && !LLVMGetFirstUse(v)) {
        LLVMValueRef compare = LLVMIsASelectInst(v) ? LLVMGetOperand(v, 0) : NULL;
        LLVMValueRef next = compare ? LLVMGetOperand(v, 1) : v;
        if (!compare || !LLVMIsAFCmpInst(compare))
            return;
        LLVMInstructionEraseFromParent(v);
        if (!LLVMGetFirstUse(compare))
            LLVMInstructionEraseFromParent(compare);
        v = next;
    }
}

/* The conversion of x to an integer below `highest`. */
typedef struct conversion {
    LLVMValueRef instruction, x;
    double highest;
    bool is_bounded; /* by the guest: what does not fit may be as frequent as the rest */
} conversion;

static bool is_used_as_number(const conversion *c, LLVMValueRef user)
{
    return LLVMIsASIToFPInst(user) && LLVMTypeOf(user) == LLVMTypeOf(c->x);
}

static bool is_used_as_integer(const conversion *c)
{
    for (LLVMUseRef use = LLVMGetFirstUse(c->instruction); use; use = LLVMGetNextUse(use))
        if (!is_used_as_number(c, LLVMGetUser(use)))
            return true;
    return false;
}

/* x as an integer, as a number of the type of x. */
static LLVMValueRef as_number(const mw_unit *u, const conversion *c)
{
    LLVMValueRef x = c->x, small = to_integral_number(u, x);
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef any = saturated(u, x, c->highest, small, LLVMConstReal(type, trunc(c->highest)));
    if (c->is_bounded)
        return any;
    LLVMValueRef fabs = LLVMGetIntrinsicDeclaration(u->llvm, LLVMLookupIntrinsicID("llvm.fabs", 9), &type, 1);
    LLVMValueRef size = LLVMBuildCall2(u->builder, LLVMGlobalGetValueType(fabs), fabs, &x, 1, "");
    LLVMValueRef fits = LLVMBuildFCmp(u->builder, LLVMRealOLT, size, LLVMConstReal(type, c->highest), "");
    LLVMValueRef number = LLVMBuildSelect(u->builder, fits, small, any, "");
    LLVMSetMetadata(number, u->kinds.prof, u->likely); /* makes it a branch */
    return number;
}

/* Gives the conversion's uses as numbers of the type of x a value of their own. */
static void convert_to_number(const mw_unit *u, const conversion *c)
{
    LLVMValueRef number = NULL;
    for (LLVMUseRef use = LLVMGetFirstUse(c->instruction), next; use; use = next) {
        next = LLVMGetNextUse(use);
        LLVMValueRef user = LLVMGetUser(use);
        if (!is_used_as_number(c, user))
            continue;
        number = number ? number : as_number(u, c);
        LLVMReplaceAllUsesWith(user, number);
    }
}

static void convert_first(const mw_unit *u, const conversion *c)
{
    LLVMTypeRef to = LLVMTypeOf(c->instruction);
    LLVMValueRef bounded = LLVMGetOperand(c->instruction, 0);
    LLVMPositionBuilderBefore(u->builder, c->instruction); /* with its source location */
    if (to == u->i32)
        convert_to_number(u, c);
    LLVMValueRef integer = LLVMGetPoison(to); /* of uses that are dead */
    if (to == u->i64 || is_used_as_integer(c))
        integer = saturated(u, c->x, c->highest, to_integer(u, c->x, to), LLVMConstInt(to, (uint64_t)c->highest, false));
    LLVMReplaceAllUsesWith(c->instruction, integer);
    LLVMInstructionEraseFromParent(c->instruction);
    erase_unused(bounded);
}

void mw_convert_first(const mw_unit *u)
{
    if (u->target->arch != MW_ARCH_X86_64)
        return;
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            for (LLVMValueRef i = LLVMGetFirstInstruction(b), next; i; i = next) {
                next = LLVMGetNextInstruction(i);
                LLVMTypeRef to = LLVMTypeOf(i);
                if (!LLVMIsAFPToSIInst(i) || (to != u->i32 && to != u->i64))
                    continue;
                LLVMValueRef x = converted_value(i);
                double end = ldexp(1.0, to == u->i32 ? 31 : 63);
                if (!x || !is_in_range(i, end))
                    continue;
                double highest = limit_of(LLVMGetOperand(i, 0));
                convert_first(u, &(conversion){i, x, highest, highest < nextafterf((float)end, 0.0f)});
            }
}
