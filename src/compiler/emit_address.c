/* Addresses in linear memories.
 *
 * A 32-bit memory: a GEP off the base with the zero-extended index and the constant offset. The zero-extension is what
 * keeps the guest in, as index, offset and width end inside the reservation, and the fault handler turns what is not
 * mapped there into a trap.
 *
 * A 64-bit memory: an index above the memory's limit, which is constant, traps; what lies between the present size and
 * the limit, and up to 4 GiB of constant offset beyond, is in the reservation and faults. What was compared with the
 * limit serves as the anchor of all that lies at most 4 GiB above it. bounds.c takes comparisons out of loops. */
#include "compiler/facts.h"

#include <string.h>

LLVMValueRef mw_widen(mw_emitter *e, LLVMValueRef index)
{
    return LLVMTypeOf(index) == e->unit->i64 ? index : LLVMBuildZExt(e->builder, index, e->unit->i64, "");
}

LLVMValueRef mw_alias_as_memory(const mw_unit *u, LLVMValueRef access, uint32_t memory)
{
    return mw_alias_as(u, access, u->module->memories[memory].limits.is64 ? MW_ALIAS_MEMORY64 : MW_ALIAS_MEMORY);
}

LLVMValueRef mw_memory_pointer(mw_emitter *e, uint32_t memory)
{
    LLVMValueRef memories = mw_load_field(e, e->unit->ptr, offsetof(mw_instance, memories));
    return mw_load_element(e, e->unit->ptr, memories, memory);
}

/* One value for the whole function: accesses are compared by it (addresses.c), and no loop loads it again. */
LLVMValueRef mw_memory_base(mw_emitter *e, uint32_t memory)
{
    if (!e->bases[memory]) {
        LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
        LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(e->entry));
        e->bases[memory] = mw_load_constant(e, e->unit->ptr, mw_memory_pointer(e, memory), offsetof(mw_memory, base));
        LLVMPositionBuilderAtEnd(e->builder, here);
    }
    return e->bases[memory];
}

static LLVMValueRef memory_limit(mw_emitter *e, uint32_t memory)
{
    const mw_unit *u = e->unit;
    if (!e->limits[memory]) {
        LLVMBasicBlockRef here = LLVMGetInsertBlock(e->builder);
        LLVMPositionBuilderBefore(e->builder, LLVMGetBasicBlockTerminator(e->entry));
        LLVMValueRef limit = memory == 0 ? mw_load_field(e, u->i64, offsetof(mw_instance, limit0))
                                         : mw_load_constant(e, u->i64, mw_memory_pointer(e, memory),
                                                            offsetof(mw_memory, limit));
        LLVMSetMetadata(limit, u->kinds.range, u->limit_range);
        e->limits[memory] = limit;
        LLVMPositionBuilderAtEnd(e->builder, here);
    }
    return e->limits[memory];
}

/* An index and what it is a sum of: parts[0] is the index, which equals parts[i] + sums[i] modulo its type's size. */
enum { MAX_PARTS = 5 };
typedef struct split {
    LLVMValueRef parts[MAX_PARTS];
    uint64_t sums[MAX_PARTS];
    int n;
} split;

static split split_index(LLVMValueRef index)
{
    split s = {.parts = {index}, .n = 1};
    while (s.n < MAX_PARTS) {
        LLVMValueRef sum = s.parts[s.n - 1];
        if (!LLVMIsABinaryOperator(sum) || LLVMGetInstructionOpcode(sum) != LLVMAdd)
            break;
        LLVMValueRef c = LLVMGetOperand(sum, 1);
        if (!LLVMIsAConstantInt(c))
            break;
        s.parts[s.n] = LLVMGetOperand(sum, 0);
        s.sums[s.n] = s.sums[s.n - 1] + LLVMConstIntGetZExtValue(c);
        s.n++;
    }
    return s;
}

static LLVMValueRef pointer_to(mw_emitter *e, uint32_t memory, LLVMValueRef index64, uint64_t offset)
{
    LLVMValueRef base = mw_memory_base(e, memory);
    LLVMValueRef pointer = LLVMBuildInBoundsGEP2(e->builder, e->unit->i8, base, &index64, 1, "");
    return mw_offset_pointer(e, pointer, offset);
}

/* Where a fact (facts.h) shows that the index lies `c` above an anchor without wrapping, the address is the anchor's with
 * `c` added to the constant offset. */
static LLVMValueRef address32(mw_emitter *e, const mw_operator *op, LLVMValueRef index, uint64_t size)
{
    split s = split_index(index);
    LLVMValueRef anchor = index;
    uint32_t above = 0;
    for (int i = s.n - 1; i >= 0 && anchor == index; i--) {
        const mw_fact *fact = mw_facts_about(&e->facts, s.parts[i], MW_FACTS_32);
        uint32_t c = fact ? (uint32_t)(s.sums[i] - fact->distance) : 0;
        /* Index and offset stay within the 8 GiB of the reservation. */
        if (fact && c <= fact->headroom && c + op->memarg.offset <= UINT32_MAX) {
            anchor = fact->anchor;
            above = c;
        }
    }
    uint64_t offset = op->memarg.offset + above;
    for (int i = 0; i < s.n; i++)
        mw_facts_learn(&e->facts, &(mw_fact){s.parts[i], MW_FACTS_32, anchor, (uint32_t)(s.sums[i] - above),
                                             MW_PAGE_BYTES - 1 + offset + size});
    return pointer_to(e, op->memarg.memory, mw_widen(e, anchor), offset);
}

/* An offset of more than 32 bits is added first, and the sum kept at 2^64 - 1 where it would wrap. */
static LLVMValueRef address64(mw_emitter *e, const mw_operator *op, LLVMValueRef index)
{
    uint32_t memory = op->memarg.memory;
    uint64_t offset = op->memarg.offset;
    if (offset > UINT32_MAX) {
        index = mw_intrinsic2(e, "llvm.uadd.sat", index, mw_i64(e->unit, offset));
        offset = 0;
    }
    split s = split_index(index);
    for (int i = s.n - 1; i >= 0; i--) {
        const mw_fact *fact = mw_facts_about(&e->facts, s.parts[i], MW_FACTS_64 + memory);
        uint64_t c = fact ? s.sums[i] - fact->distance : 0;
        if (fact && c <= fact->headroom && c + offset <= UINT32_MAX)
            return pointer_to(e, memory, fact->anchor, c + offset);
    }
    LLVMValueRef anchor = mw_settle(e, index);
    mw_trap_if(e, LLVMBuildICmp(e->builder, LLVMIntUGT, anchor, memory_limit(e, memory), ""),
               MW_TRAP_MEMORY_OUT_OF_BOUNDS);
    for (int i = 0; i < s.n; i++)
        mw_facts_learn(&e->facts, &(mw_fact){s.parts[i], MW_FACTS_64 + memory, anchor, s.sums[i], UINT32_MAX});
    return pointer_to(e, memory, anchor, offset);
}

LLVMValueRef mw_emit_address(mw_emitter *e, const mw_operator *op, LLVMValueRef index, uint64_t size)
{
    return e->unit->module->memories[op->memarg.memory].limits.is64 ? address64(e, op, index)
                                                                    : address32(e, op, index, size);
}
