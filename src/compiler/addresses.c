/* The rule of facts.h once more, over whole blocks: before LLVM's passes, so that the vectorizers see neighbours as such,
 * and on what they made of the code, as the unroller writes p + 16, p + 32, p + 48 where the guest stepped p, each a
 * 32-bit sum with a zero-extension of its own. Where an access at zext(p) is executed before, these are addressed from
 * it with constant displacements.
 *
 * Where p + 8 is accessed first and p after it, both are addressed from p, if nothing between them can be seen from
 * outside (a call) or leaves the block: should p be so far below p + 8 that the latter wraps around, the access at p
 * traps for certain, and so does now, a few instructions sooner, the one at p + 8. Not so with strict traps, where each
 * access traps for itself.
 *
 * Should LLVM drop or move the access relied on, addresses are in the reservation all the same (facts.h). */
#include "compiler/access.h"

#include <stdlib.h>

enum { MAX_SEARCH = 64, MAX_AHEAD = 24 };

/* A block and the one that comes right before it whenever it is entered, if there is such a one. */
typedef struct block {
    LLVMBasicBlockRef block;
    struct block *parent, *first_child, *next_sibling;
} block;

typedef struct pass {
    mw_unit *unit;
    block *blocks; /* in ascending order of .block */
    unsigned nblocks;
    mw_access *known; /* executed before the current instruction, innermost block last */
    uint32_t nknown, known_capacity;
    mw_access *ahead; /* all of the current block; next: the first that is not yet rewritten */
    uint32_t nahead, next, ahead_capacity;
} pass;

/* ---- Rewriting ----------------------------------------------------------------------------------------------- */

static void erase_if_unused(LLVMValueRef v)
{
    if (!LLVMIsAInstruction(v) || LLVMGetFirstUse(v))
        return;
    bool is_cast = LLVMIsAZExtInst(v) || LLVMIsATruncInst(v);
    if (!LLVMIsAGetElementPtrInst(v) && !is_cast && !mw_is_sum(v))
        return;
    LLVMValueRef operands[] = {LLVMGetOperand(v, 0), is_cast ? NULL : LLVMGetOperand(v, 1)};
    LLVMInstructionEraseFromParent(v);
    for (int i = 0; i < 2; i++)
        if (operands[i])
            erase_if_unused(operands[i]);
}

/* Distance of a's index above b's, if b proves that it does not wrap; UINT64_MAX otherwise. */
static uint64_t distance(const mw_access *a, const mw_access *b)
{
    if (a->base != b->base || !mw_same_terms(&a->index, &b->index))
        return UINT64_MAX;
    uint32_t above = a->index.constant - b->index.constant;
    bool fits = above <= MW_PAGE_BYTES - 1 + b->offset + b->size && above + a->offset <= UINT32_MAX;
    return fits ? above : UINT64_MAX;
}

static void address_from(const pass *p, LLVMValueRef inst, unsigned operand, LLVMValueRef pointer, uint64_t offset)
{
    LLVMValueRef old = LLVMGetOperand(inst, operand), distance64 = mw_i64(p->unit, offset);
    LLVMPositionBuilderBefore(p->unit->builder, inst);
    LLVMSetOperand(inst, operand, LLVMBuildInBoundsGEP2(p->unit->builder, p->unit->i8, pointer, &distance64, 1, ""));
    erase_if_unused(old);
}

/* The lowest access that certainly follows `a` and proves that its index does not wrap; NULL if there is none below. */
static const mw_access *find_lower(const pass *p, const mw_access *a)
{
    const mw_access *lowest = NULL;
    uint64_t farthest = 0;
    for (uint32_t i = p->next; i < p->nahead && i < p->next + MAX_AHEAD; i++) {
        const mw_access *b = &p->ahead[i];
        if (b->section != p->ahead[p->next - 1].section)
            break;
        uint64_t above = distance(a, b);
        if (above != UINT64_MAX && above < MW_PAGE_BYTES && above > farthest) {
            farthest = above;
            lowest = b;
        }
    }
    return lowest;
}

static void rewrite(pass *p, LLVMValueRef inst)
{
    mw_access a;
    unsigned operand;
    if (!mw_read_access(p->unit, inst, &a, &operand))
        return;
    p->next++;
    uint32_t last = p->nknown > MAX_SEARCH ? p->nknown - MAX_SEARCH : 0;
    for (uint32_t i = p->nknown; i-- > last;) {
        const mw_access *b = &p->known[i];
        uint64_t above = distance(&a, b);
        if (above == UINT64_MAX)
            continue;
        if (a.pointer != b->pointer)
            address_from(p, inst, operand, b->pointer, above + a.offset);
        return;
    }
    const mw_access *lower = p->unit->options->strict_traps ? NULL : find_lower(p, &a);
    if (lower) {
        LLVMBuilderRef b = p->unit->builder;
        uint32_t above = a.index.constant - lower->index.constant;
        LLVMPositionBuilderBefore(b, inst);
        LLVMValueRef index = LLVMGetOperand(LLVMGetOperand(a.pointer, 1), 0);
        index = LLVMBuildZExt(b, LLVMBuildSub(b, index, mw_i32(p->unit, above), ""), p->unit->i64, "");
        LLVMValueRef pointer = LLVMBuildInBoundsGEP2(b, p->unit->i8, a.base, &index, 1, "");
        address_from(p, inst, operand, pointer, above + a.offset);
        a = *lower;
        a.pointer = pointer;
    }
    mw_reserve(&p->known, &p->known_capacity, p->nknown + 1, sizeof *p->known);
    p->known[p->nknown++] = a;
}

/* Whether another program could see what was done before the instruction, or it may not be reached from there. */
static bool ends_section(LLVMValueRef inst)
{
    switch (LLVMGetInstructionOpcode(inst)) {
    case LLVMCall:
        return !LLVMGetIntrinsicID(LLVMGetCalledValue(inst));
    case LLVMFence:
    case LLVMAtomicCmpXchg:
    case LLVMAtomicRMW:
    case LLVMInvoke:
        return true;
    case LLVMLoad:
    case LLVMStore:
        return LLVMGetOrdering(inst) != LLVMAtomicOrderingNotAtomic;
    default:
        return false;
    }
}

static void look_ahead(pass *p, LLVMBasicBlockRef b)
{
    p->nahead = p->next = 0;
    uint32_t section = 0;
    for (LLVMValueRef inst = LLVMGetFirstInstruction(b); inst; inst = LLVMGetNextInstruction(inst)) {
        unsigned operand;
        mw_access a;
        section += ends_section(inst);
        if (!mw_read_access(p->unit, inst, &a, &operand))
            continue;
        mw_reserve(&p->ahead, &p->ahead_capacity, p->nahead + 1, sizeof *p->ahead);
        a.section = section;
        p->ahead[p->nahead++] = a;
    }
}

/* ---- Walking --------------------------------------------------------------------------------------------------- */

static int compare_blocks(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const block *)a)->block, y = (uintptr_t)((const block *)b)->block;
    return x < y ? -1 : x > y;
}

static block *find_block(const pass *p, LLVMBasicBlockRef b)
{
    block key = {.block = b};
    return bsearch(&key, p->blocks, p->nblocks, sizeof key, compare_blocks);
}

/* The one predecessor, or NULL if there are none or several. */
static LLVMBasicBlockRef only_predecessor(LLVMBasicBlockRef b)
{
    LLVMBasicBlockRef from = NULL;
    for (LLVMUseRef use = LLVMGetFirstUse(LLVMBasicBlockAsValue(b)); use; use = LLVMGetNextUse(use)) {
        LLVMValueRef user = LLVMGetUser(use);
        if (!LLVMIsATerminatorInst(user))
            continue;
        if (from && from != LLVMGetInstructionParent(user))
            return NULL;
        from = LLVMGetInstructionParent(user);
    }
    return from == b ? NULL : from;
}

static void find_parents(pass *p, LLVMValueRef function)
{
    p->nblocks = LLVMCountBasicBlocks(function);
    p->blocks = mw_calloc(p->nblocks, sizeof *p->blocks);
    unsigned i = 0;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b))
        p->blocks[i++].block = b;
    qsort(p->blocks, p->nblocks, sizeof *p->blocks, compare_blocks);
    for (i = 0; i < p->nblocks; i++) {
        block *b = &p->blocks[i];
        LLVMBasicBlockRef from = only_predecessor(b->block);
        if (!from)
            continue;
        b->parent = find_block(p, from);
        b->next_sibling = b->parent->first_child;
        b->parent->first_child = b;
    }
}

static void rewrite_block(pass *p, LLVMBasicBlockRef b)
{
    look_ahead(p, b);
    for (LLVMValueRef inst = LLVMGetFirstInstruction(b), next; inst; inst = next) {
        next = LLVMGetNextInstruction(inst); /* what is erased lies before inst */
        rewrite(p, inst);
    }
}

/* Visits `root` and the blocks below it, each with what is known at the end of its parent. Without recursion: the
 * chains are as long as functions are. */
static void visit(pass *p, block *root)
{
    uint32_t *heights = NULL, capacity = 0, depth = 0;
    for (block *b = root;;) {
        mw_reserve(&heights, &capacity, depth + 1, sizeof *heights);
        heights[depth] = p->nknown;
        rewrite_block(p, b->block);
        if (b->first_child) {
            b = b->first_child;
            depth++;
            continue;
        }
        p->nknown = heights[depth];
        while (b != root && !b->next_sibling) {
            b = b->parent;
            p->nknown = heights[--depth];
        }
        if (b == root)
            break;
        b = b->next_sibling;
    }
    free(heights);
}

void mw_share_addresses(mw_unit *u)
{
    pass p = {.unit = u};
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f)) {
        if (LLVMIsDeclaration(f))
            continue;
        find_parents(&p, f);
        for (unsigned i = 0; i < p.nblocks; i++) {
            p.nknown = 0;
            if (!p.blocks[i].parent)
                visit(&p, &p.blocks[i]);
        }
        free(p.blocks);
    }
    free(p.known);
    free(p.ahead);
}
