/* Loops that take some bits of a counter (`i & 31`) stay scalar. LLVM 22's vectorizer takes such bits for a counter of their own
 * width that must not wrap, and drops the check of it, as if implied, where an address of 32 bits has a check too: a table
 * of 32 bytes was then read beyond its end. */
#include "compiler/emit.h"
#include "compiler/optimize.h"

#include <llvm-c/DebugInfo.h>

enum { MAX_CHAIN = 4 };

/* The phi that `value` is a sum or multiple of; NULL if there is none. */
static LLVMValueRef counter_of(LLVMValueRef value)
{
    for (int i = 0; i < MAX_CHAIN; i++) {
        if (LLVMIsAPHINode(value))
            return value;
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
    switch (LLVMGetInstructionOpcode(instruction)) {
    case LLVMAnd:
    case LLVMURem:
        return LLVMIsAConstantInt(LLVMGetOperand(instruction, 1))   ? counter_of(LLVMGetOperand(instruction, 0))
               : LLVMIsAConstantInt(LLVMGetOperand(instruction, 0)) ? counter_of(LLVMGetOperand(instruction, 1))
                                                                    : NULL;
    case LLVMSExt:
        return LLVMIsATruncInst(LLVMGetOperand(instruction, 0))
                   ? counter_of(LLVMGetOperand(LLVMGetOperand(instruction, 0), 0))
                   : NULL;
    default:
        return NULL;
    }
}

/* On each way into the loop, of which it means something on the ways back only. Once for each counter: there may be as many
 * ways as uses. */
static void keep_scalar(const mw_unit *u, LLVMValueRef phi)
{
    unsigned kind = LLVMGetMDKindIDInContext(u->context, "llvm.loop", 9);
    static const char name[] = "llvm.loop.vectorize.enable";
    LLVMMetadataRef parts[] = {LLVMMDStringInContext2(u->context, name, sizeof name - 1),
                               LLVMValueAsMetadata(LLVMConstInt(LLVMInt1TypeInContext(u->context), 0, 0))};
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
        LLVMValueRef way = LLVMGetBasicBlockTerminator(LLVMGetIncomingBlock(phi, i));
        if (LLVMGetMetadata(way, kind))
            return;
        LLVMMetadataRef self = LLVMTemporaryMDNode(u->context, NULL, 0);
        LLVMMetadataRef loop[] = {self, LLVMMDNodeInContext2(u->context, parts, 2)};
        LLVMMetadataRef id = LLVMMDNodeInContext2(u->context, loop, 2);
        LLVMMetadataReplaceAllUsesWith(self, id);
        LLVMSetMetadata(way, kind, LLVMMetadataAsValue(u->context, id));
    }
}

void mw_keep_narrow_counters(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block))
            for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i)) {
                LLVMValueRef phi = narrowed_counter(i);
                if (phi)
                    keep_scalar(u, phi);
            }
}
