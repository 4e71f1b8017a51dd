/* Innermost loops in LLVM's IR. */
#ifndef MW_COMPILER_LOOP_H
#define MW_COMPILER_LOOP_H

#include "compiler/emit.h"

enum {
    MW_MAX_LOOP_BLOCKS = 32,
    MW_MAX_STEP_BITS = 16, /* of the counter that mw_build_count reads: its step is at most 2^16 */
};

typedef struct mw_loop {
    LLVMBasicBlockRef header, latch, preheader;
    LLVMBasicBlockRef blocks[MW_MAX_LOOP_BLOCKS];
    unsigned nblocks;
} mw_loop;

/* The natural loop of the edge from `latch` to `header`: all that reaches the latch without passing the header. false if
 * there is none, since a way from elsewhere leads into it, or if it is too large. */
bool mw_find_loop(mw_loop *l, LLVMBasicBlockRef header, LLVMBasicBlockRef latch);
bool mw_is_of_loop(const mw_loop *l, LLVMBasicBlockRef b);
/* Are there cycles in the loop besides its own? */
bool mw_is_innermost(const mw_loop *l);
/* Is the loop entered from one block only, which goes nowhere else? Notes it. */
bool mw_has_preheader(mw_loop *l);
bool mw_has_call(const mw_loop *l);
bool mw_is_invariant(const mw_loop *l, LLVMValueRef v);
/* Is `v` a phi of the header? What it is at first, and in the next iteration. */
bool mw_read_phi(const mw_loop *l, LLVMValueRef v, LLVMValueRef *start, LLVMValueRef *next);
/* Is `v` a phi of the header that grows by a constant each iteration? */
bool mw_read_induction(const mw_loop *l, LLVMValueRef v, LLVMValueRef *start, LLVMValueRef *next, int64_t *step);
/* The number of times that the loop can go back to its header, at most, as an i64, built before the loop; and in *valid an
 * i1 that must hold. Read off the latch's branch: the induction variable, or its next value, against a bound. NULL if
 * that is of another form. If the latch is the only way out, it is that number. */
LLVMValueRef mw_build_count(const mw_unit *u, const mw_loop *l, LLVMValueRef *valid);

/* Is that number the same constant each time? */
bool mw_has_constant_count(const mw_unit *u, const mw_loop *l, uint64_t *count);

/* A node that has itself as its first operand, so that it is like no other; `operands` follow. At most MW_MAX_OPERANDS. */
enum { MW_MAX_OPERANDS = 2 };
LLVMMetadataRef mw_distinct_node(const mw_unit *u, const LLVMMetadataRef *operands, unsigned n);
/* What `llvm.loop` of a branch back to a loop's header says: the loop is not to be vectorized, nor, if `rolled`, unrolled. */
LLVMMetadataRef mw_loop_left_alone(const mw_unit *u, bool rolled);
/* Of so many iterations at a time, if it is vectorized. */
LLVMMetadataRef mw_loop_interleaved(const mw_unit *u, unsigned count);
void mw_set_loop(const mw_unit *u, LLVMValueRef branch, LLVMMetadataRef node);
/* A scope of accesses (`alias.scope`) in a domain, which is a distinct node. It is declared where the builder is, before the loop: should
 * an outer loop be unrolled, each copy has a scope of its own, as what holds in one iteration of it need not in the next. */
LLVMMetadataRef mw_build_scope(const mw_unit *u, LLVMMetadataRef domain);
/* `access` is of the scope, and touches nothing that accesses of the `others` do. */
void mw_set_scope(const mw_unit *u, LLVMValueRef access, LLVMMetadataRef scope, LLVMMetadataRef *others, unsigned n);

#endif
