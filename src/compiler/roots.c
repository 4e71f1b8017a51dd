/* `c ? constant : sqrt(x)`: a square root of the guest has no side effect, so that its compiler or LLVM make a choice between two
 * values of what was a branch around it, which natively is left a branch, as `sqrt` may set `errno`. The root takes longer than
 * all else, also where it is not needed; and where one is needed seldom or always, a branch around it costs nothing. */
#include "compiler/optimize.h"

#include <string.h>

static bool is_root_for(LLVMValueRef v, LLVMValueRef select)
{
    if (!LLVMIsAIntrinsicInst(v) || LLVMGetInstructionParent(v) != LLVMGetInstructionParent(select))
        return false;
    LLVMUseRef use = LLVMGetFirstUse(v);
    return LLVMGetIntrinsicID(LLVMGetCalledValue(v)) == LLVMLookupIntrinsicID("llvm.sqrt", 9) && use && !LLVMGetNextUse(use);
}

void mw_say_predictable(const mw_unit *u, LLVMValueRef select, bool is_often_first)
{
    enum { OFTEN = 2000 };
    LLVMMetadataRef weights[] = {LLVMMDStringInContext2(u->context, "branch_weights", strlen("branch_weights")),
                                 LLVMValueAsMetadata(mw_i32(u, is_often_first ? OFTEN : 1)),
                                 LLVMValueAsMetadata(mw_i32(u, is_often_first ? 1 : OFTEN))};
    LLVMSetMetadata(select, LLVMGetMDKindIDInContext(u->context, "prof", 4),
                    LLVMMetadataAsValue(u->context, LLVMMDNodeInContext2(u->context, weights, 3)));
}

void mw_branch_around_roots(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
                if (!LLVMIsASelectInst(i) || LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(i, 0))) != LLVMIntegerTypeKind)
                    continue;
                bool first = is_root_for(LLVMGetOperand(i, 1), i);
                if (first != is_root_for(LLVMGetOperand(i, 2), i))
                    mw_say_predictable(u, i, first);
            }
}
