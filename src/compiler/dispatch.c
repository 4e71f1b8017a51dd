/* Interpreters: a loop around a large `br_table`. LLVM jumps from one place to the code of every instruction, which this CPU's
 * predictor, as it knows a jump by its place and what was executed before it, often guesses wrongly, depending on how the
 * code happens to lie. Such a switch becomes an `indirectbr` through a constant of offsets, which LLVM's tail duplication copies
 * to the end of each case, as it never copies a switch's comparison and jump; so each has a jump of its own. */
#include "compiler/optimize.h"

#include <llvm/Config/llvm-config.h>
#include <stdlib.h>

enum {
    MIN_TARGETS = 6,   /* of a switch; smaller ones are comparisons or predicted well */
    MIN_WAYS = 4,      /* that lead to the switch */
    MAX_WAYS = 128,    /* from which on LLVM does not copy (optimize.c) */
    MAX_COPIED = 12,   /* instructions in the switch's block; LLVM copies up to 20 of the machine's */
    MAX_ENTRIES = 1024, /* of the constant */
    EDGES_EACH = 16,   /* of the copies, for each instruction of the function */
    FUNCTION_ALIGNMENT = 64 /* a line of the cache: where the cases lie in lines does not depend on what is before them */
};

typedef struct dispatch {
    LLVMValueRef branch;
    LLVMBasicBlockRef block, otherwise;
    LLVMTypeRef type; /* of the index */
    uint64_t first, entries;
} dispatch;

/* Of the i-th successor. */
static uint64_t case_value(LLVMValueRef branch, unsigned i)
{
#if LLVM_VERSION_MAJOR >= 22
    return LLVMConstIntGetZExtValue(LLVMGetSwitchCaseValue(branch, i));
#else
    return LLVMConstIntGetZExtValue(LLVMGetOperand(branch, 2 * i));
#endif
}

/* The ways that end in an unconditional branch to the block, or to one that does nothing but join such ways. Stops at MAX_WAYS. */
static unsigned count_ways(LLVMBasicBlockRef block, bool through)
{
    unsigned n = 0;
    for (LLVMUseRef use = LLVMGetFirstUse(LLVMBasicBlockAsValue(block)); use && n < MAX_WAYS; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (!LLVMIsABranchInst(user) || LLVMIsConditional(user))
            continue;
        unsigned joined = through ? count_ways(LLVMGetInstructionParent(user), false) : 0;
        n += joined > 1 ? joined : 1;
    }
    return n;
}

static bool has_ways(LLVMBasicBlockRef block)
{
    unsigned n = count_ways(block, true);
    return n >= MIN_WAYS && n < MAX_WAYS;
}

static bool may_be_copied(LLVMBasicBlockRef block)
{
    unsigned n = 0;
    for (LLVMValueRef i = LLVMGetFirstInstruction(block); i; i = LLVMGetNextInstruction(i)) {
        if (LLVMIsAPHINode(i))
            continue;
        if (++n > MAX_COPIED || (LLVMIsACallInst(i) && !LLVMIsAIntrinsicInst(i)))
            return false;
    }
    return true;
}

static unsigned count_instructions(LLVMValueRef f)
{
    unsigned n = 0;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(f); b; b = LLVMGetNextBasicBlock(b))
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
            n++;
    return n;
}

static bool is_dispatch(LLVMBasicBlockRef block, dispatch *d)
{
    LLVMValueRef branch = LLVMGetBasicBlockTerminator(block);
    if (!LLVMIsASwitchInst(branch) || block == LLVMGetEntryBasicBlock(LLVMGetBasicBlockParent(block)))
        return false;
    unsigned edges = LLVMGetNumSuccessors(branch);
    if (edges < MIN_TARGETS || edges > MAX_ENTRIES || !may_be_copied(block) || !has_ways(block))
        return false;
    *d = (dispatch){branch, block, LLVMGetSwitchDefaultDest(branch), LLVMTypeOf(LLVMGetOperand(branch, 0)), UINT64_MAX, 0};
    unsigned width = LLVMGetIntTypeWidth(d->type);
    if (width > 64)
        return false;
    uint64_t last = 0;
    for (unsigned i = 1; i < edges; i++) {
        uint64_t value = case_value(branch, i);
        d->first = value < d->first ? value : d->first;
        last = value > last ? value : last;
    }
    d->entries = last - d->first + 1;
    /* The last entry is the default's; its number must be one of the index's type. */
    return d->entries <= 2 * (uint64_t)edges && (width >= 16 || last < UINT64_C(1) << (width - 1));
}

/* Offsets from the constant to the code of each index, the last one that of all others. */
static LLVMValueRef make_offsets(const mw_unit *u, const dispatch *d)
{
    LLVMValueRef f = LLVMGetBasicBlockParent(d->block);
    LLVMBasicBlockRef *targets = mw_calloc(d->entries + 1, sizeof *targets);
    for (uint64_t i = 0; i <= d->entries; i++)
        targets[i] = d->otherwise;
    for (unsigned i = 1; i < LLVMGetNumSuccessors(d->branch); i++)
        targets[case_value(d->branch, i) - d->first] = LLVMGetSuccessor(d->branch, i);
    LLVMTypeRef type = LLVMArrayType2(u->i32, d->entries + 1);
    LLVMValueRef table = LLVMAddGlobal(u->llvm, type, "dispatch");
    LLVMValueRef *offsets = mw_calloc(d->entries + 1, sizeof *offsets), start = LLVMConstPtrToInt(table, u->i64);
    for (uint64_t i = 0; i <= d->entries; i++) {
        LLVMValueRef code = LLVMConstPtrToInt(LLVMBlockAddress(f, targets[i]), u->i64);
        offsets[i] = LLVMConstTrunc(LLVMConstSub(code, start), u->i32);
    }
    LLVMSetInitializer(table, LLVMConstArray2(u->i32, offsets, d->entries + 1));
    LLVMSetGlobalConstant(table, 1);
    LLVMSetLinkage(table, LLVMPrivateLinkage);
    LLVMSetAlignment(table, 4);
    free(offsets);
    free(targets);
    return table;
}

static void copy_to_cases(const mw_unit *u, const dispatch *d)
{
    LLVMBuilderRef b = u->builder;
    LLVMValueRef table = make_offsets(u, d);
    LLVMPositionBuilderBefore(b, d->branch);
    LLVMSetCurrentDebugLocation2(b, LLVMInstructionGetDebugLoc(d->branch));
    LLVMValueRef last = LLVMConstInt(d->type, d->entries, 0);
    LLVMValueRef index = LLVMBuildSub(b, LLVMGetOperand(d->branch, 0), LLVMConstInt(d->type, d->first, 0), "");
    LLVMValueRef below = LLVMBuildICmp(b, LLVMIntULT, index, last, "");
    index = LLVMBuildZExt(b, LLVMBuildSelect(b, below, index, last, ""), u->i64, "");
    LLVMValueRef place = LLVMBuildInBoundsGEP2(b, u->i32, table, &index, 1, "");
    LLVMValueRef offset = LLVMBuildSExt(b, LLVMBuildLoad2(b, u->i32, place, ""), u->i64, "");
    LLVMValueRef code = LLVMBuildInBoundsGEP2(b, u->i8, table, &offset, 1, "");
    unsigned edges = LLVMGetNumSuccessors(d->branch);
    LLVMValueRef jump = LLVMBuildIndirectBr(b, code, edges);
    for (unsigned i = 0; i < edges; i++) /* as many edges as there were: phis have a value for each */
        LLVMAddDestination(jump, LLVMGetSuccessor(d->branch, i));
    LLVMInstructionEraseFromParent(d->branch);
}

void mw_copy_dispatch(const mw_unit *u)
{
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f)) {
        uint64_t budget = UINT64_MAX; /* edges that the copies have together */
        for (LLVMBasicBlockRef block = LLVMGetFirstBasicBlock(f); block; block = LLVMGetNextBasicBlock(block)) {
            dispatch d;
            if (!is_dispatch(block, &d))
                continue;
            if (budget == UINT64_MAX)
                budget = (uint64_t)EDGES_EACH * count_instructions(f);
            uint64_t cost = (uint64_t)count_ways(block, true) * LLVMGetNumSuccessors(d.branch);
            if (cost > budget)
                continue;
            budget -= cost;
            copy_to_cases(u, &d);
            LLVMSetAlignment(f, FUNCTION_ALIGNMENT);
        }
    }
}
