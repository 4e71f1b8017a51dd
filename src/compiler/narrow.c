/* Loops that take some bits of a counter (`i & 31`) stay scalar. LLVM 22's vectorizer takes such bits for a counter of their own
 * width that must not wrap, and drops the check of it, as if implied, where an address of 32 bits has a check too: a table
 * of 32 bytes was then read beyond its end. */
#include "compiler/loop.h"
#include "compiler/optimize.h"

enum { MAX_CHAIN = 4 };

/* The phi, or the variable in memory, that `value` is a sum or multiple of; NULL if there is none. */
static LLVMValueRef counter_of(LLVMValueRef value)
{
    for (int i = 0; i < MAX_CHAIN; i++) {
        if (LLVMIsAPHINode(value))
            return value;
        if (LLVMIsALoadInst(value))
            return LLVMIsAAllocaInst(LLVMGetOperand(value, 0));
        if (!LLVMIsABinaryOperator(value))
            return NULL;
        LLVMOpcode op = LLVMGetInstructionOpcode(value);
        if (op != LLVMAdd && op != LLVMSub && op != LLVMMul && op != LLVMShl)
            return NULL;
        LLVMValueRef left = LLVMGetOperand(value, 0), right = LLVMGetOperand(value, 1);
        value = LLVMIsAPHINode(right) || LLVMIsConstant(left) ? right : left;
    }
    return NULL;
}

/* The counter of which the instruction takes some bits. */
static LLVMValueRef narrowed_counter(LLVMValueRef instruction)
{
    LLVMValueRef left, right;
    switch (LLVMGetInstructionOpcode(instruction)) {
    case LLVMAnd:
    case LLVMURem:
    case LLVMSRem:
        left = LLVMGetOperand(instruction, 0);
        right = LLVMGetOperand(instruction, 1);
        return LLVMIsAConstantInt(right) ? counter_of(left) : LLVMIsAConstantInt(left) ? counter_of(right) : NULL;
    case LLVMLShr:
    case LLVMAShr:
        left = LLVMGetOperand(instruction, 0);
        return LLVMIsABinaryOperator(left) && LLVMGetInstructionOpcode(left) == LLVMShl ? counter_of(left) : NULL;
    case LLVMSExt:
        left = LLVMGetOperand(instruction, 0);
        return LLVMIsATruncInst(left) ? counter_of(LLVMGetOperand(left, 0)) : NULL;
    default:
        return NULL;
    }
}

/* Says so at the branches into the loop, of which it counts on the ways back. A counter is done once, as it may have as many ways
 * as uses. All loops of a function are told by one node, as one branch may lead into several. */
static void keep_scalar(const mw_unit *u, LLVMValueRef phi, LLVMMetadataRef node)
{
    unsigned done = LLVMGetMDKindIDInContext(u->context, "mw.scalar", 9);
    if (LLVMGetMetadata(phi, done))
        return;
    LLVMSetMetadata(phi, done, LLVMMetadataAsValue(u->context, node));
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++)
        mw_set_loop(u, LLVMGetBasicBlockTerminator(LLVMGetIncomingBlock(phi, i)), node);
}

/* Which loop a variable in memory counts is not known. */
static void keep_all_scalar(const mw_unit *u, LLVMValueRef f, LLVMMetadataRef node)
{
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
        if (LLVMIsABranchInst(LLVMGetBasicBlockTerminator(block)))
            mw_set_loop(u, LLVMGetBasicBlockTerminator(block), node);
}

static void keep_function(const mw_unit *u, LLVMValueRef f)
{
    LLVMMetadataRef node = NULL;
    for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
        for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i)) {
            LLVMValueRef counter = narrowed_counter(i);
            if (!counter)
                continue;
            node = node ? node : mw_loop_left_alone(u, false);
            if (LLVMIsAAllocaInst(counter)) {
                keep_all_scalar(u, f, node);
                return;
            }
            keep_scalar(u, counter, node);
        }
}

void mw_keep_narrow_counters(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        keep_function(u, f);
}
