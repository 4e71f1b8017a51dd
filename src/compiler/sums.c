/* `sum += a * b` in a loop, where multiplications and additions may be fused (--fp-contract=fast). A fused one takes 4 cycles, and the
 * next one waits for it; of a product that is added only the addition is waited for, 2 or 3 cycles. So the sums of scalars are left
 * as additions, as GCC does for some x86-64 CPUs ("avoid FMA chains"). AArch64's do not wait so long for what is added to a product.
 * Loops with many sums, and with vectors of them, are not waiting: there fewer instructions are what counts. */
#include "compiler/optimize.h"

enum { MAX_CHAIN = 64, MAX_SUMS = 4 };

static bool is_sum(LLVMValueRef v)
{
    if (!LLVMIsABinaryOperator(v))
        return false;
    LLVMOpcode opcode = LLVMGetInstructionOpcode(v);
    return opcode == LLVMFAdd || opcode == LLVMFSub;
}

static bool is_product(LLVMValueRef v)
{
    return LLVMIsABinaryOperator(v) && LLVMGetInstructionOpcode(v) == LLVMFMul;
}

/* The sums from `last` back to the phi, which it is the next value of; their number, 0 if it is not made of sums. */
static unsigned read_chain(LLVMValueRef phi, LLVMValueRef last, LLVMValueRef chain[MAX_CHAIN])
{
    unsigned n = 0;
    for (LLVMValueRef v = last; v != phi; n++) {
        if (n == MAX_CHAIN || !is_sum(v))
            return 0;
        chain[n] = v;
        LLVMValueRef left = LLVMGetOperand(v, 0), right = LLVMGetOperand(v, 1);
        bool goes_right = LLVMGetInstructionOpcode(v) == LLVMFAdd && left != phi && (right == phi || !is_sum(left));
        v = goes_right ? right : left;
    }
    return n;
}

static unsigned chain_of_phi(LLVMValueRef phi, LLVMValueRef chain[MAX_CHAIN])
{
    LLVMTypeKind kind = LLVMGetTypeKind(LLVMTypeOf(phi));
    if (kind != LLVMFloatTypeKind && kind != LLVMDoubleTypeKind)
        return 0;
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++) {
        unsigned n = read_chain(phi, LLVMGetIncomingValue(phi, i), chain);
        if (n)
            return n;
    }
    return 0;
}

/* LLVM's C interface adds flags to an instruction and takes none away: it is made anew. */
static void keep_apart(const mw_unit *u, LLVMValueRef sum)
{
    LLVMValueRef left = LLVMGetOperand(sum, 0), right = LLVMGetOperand(sum, 1);
    if (!is_product(left) && !is_product(right))
        return;
    LLVMPositionBuilderBefore(u->builder, sum);
    LLVMValueRef apart = LLVMBuildBinOp(u->builder, LLVMGetInstructionOpcode(sum), left, right, "");
    LLVMSetFastMathFlags(apart, LLVMGetFastMathFlags(sum) & ~(LLVMFastMathFlags)LLVMFastMathAllowContract);
    LLVMReplaceAllUsesWith(sum, apart);
    LLVMInstructionEraseFromParent(sum);
}

static void visit_block(const mw_unit *u, LLVMBasicBlockRef block)
{
    LLVMValueRef chain[MAX_CHAIN];
    unsigned sums = 0;
    for (LLVMValueRef i = LLVMGetFirstInstruction(block); i && LLVMIsAPHINode(i); i = LLVMGetNextInstruction(i))
        sums += chain_of_phi(i, chain) > 0;
    if (!sums || sums > MAX_SUMS)
        return;
    for (LLVMValueRef i = LLVMGetFirstInstruction(block); i && LLVMIsAPHINode(i); i = LLVMGetNextInstruction(i))
        for (unsigned n = chain_of_phi(i, chain); n-- > 0;)
            keep_apart(u, chain[n]);
}

void mw_keep_sums(const mw_unit *u)
{
    if (u->target->arch != MW_ARCH_X86_64 || (!u->options->fp_contract_fast && !u->options->fast_math))
        return;
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f))
        for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
            visit_block(u, b);
}
