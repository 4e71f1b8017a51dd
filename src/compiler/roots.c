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

void mw_branch_around_roots(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
                if (!LLVMIsASelectInst(i) || LLVMGetTypeKind(LLVMTypeOf(LLVMGetOperand(i, 0))) != LLVMIntegerTypeKind)
                    continue;
                bool first = is_root_for(LLVMGetOperand(i, 1), i);
                if (first != is_root_for(LLVMGetOperand(i, 2), i))
                    LLVMSetMetadata(i, u->kinds.prof, first ? u->likely : u->unlikely); /* makes it a branch */
            }
}
