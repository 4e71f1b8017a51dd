/* Counters that run up to zero. For an array at a constant address, LLVM for WebAssembly makes of
 *
 *     for (i = 0; i < 128; i++) a[i] ...        i = -1024; do { access at i + (a + 1024) } while (i += 8);
 *
 * As an unsigned number, i is just below 2^32 and the sum wraps around in 32 bits, so that LLVM for this machine, with
 * its 64-bit addresses, neither takes the access for one with a constant stride nor keeps a pointer. Here the counter
 * begins at 0 instead, and its uses add the old start: i' + a in the access, i' == 1024 at the end, once folded. */
#include "compiler/optimize.h"

static bool is_constant(LLVMValueRef v, int64_t *value)
{
    if (!LLVMIsAConstantInt(v))
        return false;
    *value = LLVMConstIntGetSExtValue(v);
    return true;
}

/* Is `next` the sum of `phi` and a positive constant? */
static bool steps_up(LLVMValueRef next, LLVMValueRef phi, LLVMValueRef *step)
{
    if (!LLVMIsABinaryOperator(next) || LLVMGetInstructionOpcode(next) != LLVMAdd)
        return false;
    unsigned at = LLVMGetOperand(next, 0) == phi ? 1 : 0;
    int64_t value;
    *step = LLVMGetOperand(next, at);
    return LLVMGetOperand(next, 1 - at) == phi && is_constant(*step, &value) && value > 0;
}

/* A counter that starts at a negative constant, the same on each way into the loop, and is stepped up on each way back. */
static bool counts_up_to_zero(LLVMValueRef phi, LLVMValueRef *start)
{
    *start = NULL;
    bool steps = false;
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
        LLVMValueRef value = LLVMGetIncomingValue(phi, i), step;
        int64_t constant;
        if (is_constant(value, &constant)) {
            if (constant >= 0 || (*start && *start != value))
                return false;
            *start = value;
        } else if (steps_up(value, phi, &step)) {
            steps = true;
        } else {
            return false;
        }
    }
    return steps && *start;
}

static void start_at_zero(const mw_unit *u, LLVMValueRef phi, LLVMValueRef start)
{
    LLVMBuilderRef b = u->builder;
    LLVMPositionBuilderBefore(b, phi);
    LLVMValueRef counter = LLVMBuildPhi(b, u->i32, "");
    LLVMBasicBlockRef header = LLVMGetInstructionParent(phi);
    LLVMValueRef first = LLVMGetFirstInstruction(header);
    while (LLVMIsAPHINode(first))
        first = LLVMGetNextInstruction(first);
    LLVMPositionBuilderBefore(b, first);
    LLVMValueRef sum = LLVMBuildAdd(b, counter, start, "");
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
        LLVMValueRef next = LLVMGetIncomingValue(phi, i), step;
        LLVMBasicBlockRef from = LLVMGetIncomingBlock(phi, i);
        if (steps_up(next, phi, &step)) {
            LLVMPositionBuilderBefore(b, next);
            next = LLVMBuildAdd(b, counter, step, "");
        } else {
            next = mw_i32(u, 0);
        }
        LLVMAddIncoming(counter, &next, &from, 1);
    }
    LLVMReplaceAllUsesWith(phi, sum);
    LLVMInstructionEraseFromParent(phi);
}

void mw_rebase_inductions(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block)) {
            LLVMValueRef next, start;
            for (LLVMValueRef i = LLVMGetFirstInstruction(block); i && LLVMIsAPHINode(i); i = next) {
                next = LLVMGetNextInstruction(i);
                if (LLVMTypeOf(i) == u->i32 && counts_up_to_zero(i, &start))
                    start_at_zero(u, i, start);
            }
        }
}
