/* How much work the loops' variables would make for LLVM's scalar evolution. Where a local that one loop steps goes on
 * into the next, and the next, what it is becomes a sum over all of them, and the pass that chooses addresses in loops
 * (lsr) and the one that widens counters (indvars) look at all these sums for each variable of each loop: 40 locals
 * through 20 loops take two seconds, one local through 80 loops takes seven.
 *
 * The depth of a loop's variable is in how many loops before it its start was stepped; the score adds the squares of the
 * depths, which fits the time well. One pass over the code. */
#include "compiler/optimize.h"

#include <stdlib.h>

/* An instruction's depth, or a block's number. */
typedef struct entry {
    void *key;
    uint32_t value;
} entry;

typedef struct map {
    entry *entries;
    uint32_t used, capacity;
} map;

static entry *find(const map *m, void *key)
{
    uint32_t mask = m->capacity - 1;
    uint32_t i = (uint32_t)(((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;
    while (m->entries[i].key && m->entries[i].key != key)
        i = (i + 1) & mask;
    return &m->entries[i];
}

static void put(map *m, void *key, uint32_t value)
{
    if (2 * m->used >= m->capacity) {
        map old = *m;
        m->capacity = old.capacity ? 2 * old.capacity : 256;
        m->entries = mw_calloc(m->capacity, sizeof *m->entries);
        for (uint32_t i = 0; i < old.capacity; i++)
            if (old.entries[i].key)
                *find(m, old.entries[i].key) = old.entries[i];
        free(old.entries);
    }
    *find(m, key) = (entry){key, value};
    m->used++;
}

/* 0 if it is not there. */
static uint32_t get(const map *m, void *key)
{
    return m->capacity ? find(m, key)->value : 0;
}

/* Whether an instruction's operands go on in its value as scalar evolution sees it. */
static bool passes_on(LLVMValueRef inst)
{
    switch (LLVMGetInstructionOpcode(inst)) {
    case LLVMAdd:
    case LLVMSub:
    case LLVMMul:
    case LLVMShl:
    case LLVMOr:
    case LLVMZExt:
    case LLVMSExt:
    case LLVMTrunc:
    case LLVMGetElementPtr:
        return true;
    default:
        return false;
    }
}

static uint32_t operands_depth(const map *depths, LLVMValueRef inst)
{
    uint32_t depth = 0;
    for (int i = 0; i < LLVMGetNumOperands(inst); i++) {
        uint32_t d = get(depths, LLVMGetOperand(inst, (unsigned)i));
        depth = d > depth ? d : depth;
    }
    return depth;
}

/* Of a phi; one more if some edge comes from here or from below, which makes it a loop's. Values from below have no
 * depth yet. */
static uint32_t phi_depth(const map *depths, const map *blocks, uint32_t number, LLVMValueRef phi, bool *is_loops)
{
    *is_loops = false;
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++)
        *is_loops |= get(blocks, LLVMGetIncomingBlock(phi, i)) >= number;
    return operands_depth(depths, phi) + *is_loops;
}

static uint64_t function_score(LLVMValueRef function)
{
    map depths = {0}, blocks = {0};
    uint32_t number = 0;
    uint64_t score = 0;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b))
        put(&blocks, b, ++number);
    number = 0;
    for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(function); b; b = LLVMGetNextBasicBlock(b)) {
        number++;
        for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
            bool is_loops = false;
            uint32_t depth = LLVMIsAPHINode(i) ? phi_depth(&depths, &blocks, number, i, &is_loops)
                             : passes_on(i)    ? operands_depth(&depths, i)
                                               : 0;
            if (depth)
                put(&depths, i, depth);
            if (is_loops)
                score += (uint64_t)depth * depth;
        }
    }
    free(depths.entries);
    free(blocks.entries);
    return score;
}

uint64_t mw_chain_score(const mw_unit *u)
{
    uint64_t score = 0;
    for (LLVMValueRef f = LLVMGetFirstFunction(u->llvm); f; f = LLVMGetNextFunction(f)) {
        uint64_t s = LLVMGetFirstBasicBlock(f) ? function_score(f) : 0;
        score = s > score ? s : score;
    }
    return score;
}
