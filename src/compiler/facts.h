/* What memory accesses prove about 32-bit indices.
 *
 * A memory ends at least 64 KiB below 4 GiB (MW_MAX_PAGES32). So once an access of s bytes at zext(p) + o was
 * executed, p + c cannot wrap for c <= 65535 + o + s: the "headroom" of p. An access at zext(p + c) that such an
 * access dominates is emitted at zext(p) + c: one index register serves all fields of a structure and all
 * neighbours of a stencil, and the vectorizer sees one stride.
 *
 * Marking the add `nuw` would say more (induction variables could widen to 64 bits), but is no way to take: LLVM may
 * drop or sink an access whose value it finds unused, while the promise stays; a hostile loop would then step a
 * widened index out of the reservation without a fault. An address as emitted here is at most 4 GiB + 4 GiB from the
 * base whatever becomes of the access that it relies on, and where that access would have trapped, this one does.
 *
 * Values are SSA, so what was proved of one holds wherever the access dominates: facts form a stack that follows the
 * control structure. */
#ifndef MW_COMPILER_FACTS_H
#define MW_COMPILER_FACTS_H

#include "compiler/emit.h"

typedef struct mw_fact {
    LLVMValueRef value;
    uint64_t headroom; /* 0: nothing known */
} mw_fact;

void mw_facts_free(mw_facts *facts);
uint64_t mw_facts_headroom(const mw_facts *facts, LLVMValueRef value);
/* An access was emitted that proves `headroom` of `value`. */
void mw_facts_learn(mw_facts *facts, LLVMValueRef value, uint64_t headroom);
/* Forgets what was learnt since the log had this height. */
void mw_facts_forget(mw_facts *facts, uint32_t height);

#endif
