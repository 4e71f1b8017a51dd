/* What memory accesses prove about indices, first of 32-bit memories.
 *
 * A memory ends at least 64 KiB below 4 GiB (MW_MAX_PAGES32). So once an access of s bytes at zext(p) + o was
 * executed, p + c cannot wrap for c <= 65535 + o + s: the "headroom" of p. An access at zext(p + c) that such an
 * access dominates is emitted at zext(p) + c: one index register serves all fields of a structure and all
 * neighbours of a stencil, and the vectorizer sees one stride.
 *
 * What was accessed first may itself be a sum (a[i-1] before a[i] and a[i+1]): a fact about `value` names the
 * `anchor`, value + distance in i32, whose zero-extension serves the sums above it.
 *
 * Marking the add `nuw` would say more (induction variables could widen to 64 bits), but is no way to take: LLVM may
 * drop or sink an access whose value it finds unused, while the promise stays; a hostile loop would then step a
 * widened index out of the reservation without a fault. An address as emitted here is at most 4 GiB + 4 GiB from the
 * base whatever becomes of the access that it relies on, and where that access would have trapped, this one does.
 *
 * A 64-bit memory has other facts: an anchor was compared with the memory's limit and is not above it, so that the
 * anchor + c neither wraps nor leaves the reservation for any c of 32 bits. The comparison is part of the program's
 * control flow and cannot be dropped.
 *
 * Values are SSA, so what was proved of one holds wherever the access dominates: facts form a stack that follows the
 * control structure. */
#ifndef MW_COMPILER_FACTS_H
#define MW_COMPILER_FACTS_H

#include "compiler/emit.h"

/* What a fact is about: indices of any 32-bit memory, or of the 64-bit memory n. */
enum { MW_FACTS_32 = 0, MW_FACTS_64 = 1 /* + n */ };

struct mw_fact {
    LLVMValueRef value;
    uint32_t about;
    LLVMValueRef anchor; /* value + distance; NULL: nothing known */
    uint64_t distance;   /* modulo 2^32 or 2^64 */
    uint64_t headroom;   /* anchor + c does not wrap for c <= headroom */
};
typedef struct mw_fact mw_fact;

void mw_facts_free(mw_facts *facts);
/* What is known of `value`; NULL if nothing is. Valid until the next call that changes facts. */
const mw_fact *mw_facts_about(const mw_facts *facts, LLVMValueRef value, uint32_t about);
/* An access was emitted that proves it. Of two facts about a value, the one with the lower anchor is kept if it
 * reaches the other, otherwise the older one. */
void mw_facts_learn(mw_facts *facts, const mw_fact *fact);
/* Forgets what was learnt since the log had this height. */
void mw_facts_forget(mw_facts *facts, uint32_t height);

#endif
