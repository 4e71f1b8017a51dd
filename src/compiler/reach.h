/* What a loop accesses at constant distances, and its addresses by one counter of 64 bits in a copy of the loop. */
#ifndef MW_COMPILER_REACH_H
#define MW_COMPILER_REACH_H

#include "compiler/access.h"
#include "compiler/loop.h"

/* Accesses whose indices differ by constants. */
typedef struct mw_reach {
    mw_access first;
    int32_t lowest, highest; /* indices, from the first one's */
    int64_t least, most;     /* addresses, from the first one's index: the first one's, and the end of the last one's */
    bool is_stored;
    LLVMValueRef start;    /* i64: the lowest index in the first iteration */
    LLVMValueRef pointer;  /* base + start */
    LLVMMetadataRef scope; /* of the accesses in the copy */
} mw_reach;

/* The reach of one access, which is still to be added. */
mw_reach mw_reach_of(const mw_access *a);
/* Does the access's index differ from those of the others by a constant? */
bool mw_is_reached(const mw_reach *r, const mw_access *a);
/* Adds such an access, a load or store. Returns how far its address, index and offset, is from the first one's index. */
int64_t mw_reach_to(mw_reach *r, const mw_access *a, LLVMValueRef inst);
/* Can the order of accesses in the one and the other matter? */
bool mw_are_ordered(const mw_reach *a, const mw_reach *b);

/* By how much an i32 grows in an iteration; false if that is not the same constant each time, or not a small step. */
bool mw_read_step(const mw_unit *u, const mw_loop *l, LLVMValueRef v, int64_t *step);
/* Less than 2^24, so that times any 32-bit count it is a 64-bit number. */
bool mw_is_small_step(int64_t step);

/* The value in the first iteration, built before the loop, of `v`: an invariant, a variable of the loop's (mw_read_phi), or
 * what operations of two operands make of these. */
LLVMValueRef mw_build_first(const mw_unit *u, const mw_loop *l, LLVMValueRef v);
/* The lowest index in the first iteration, as an i64 less than 2^32. Each term is one that mw_build_first knows. */
LLVMValueRef mw_build_start(const mw_unit *u, const mw_loop *l, const mw_reach *r);
/* What the condition compares, and the copy computes with. What was read from shared memory may be another value at each use, unless
 * it is settled: the copy rests on the condition to stay inside the reservation. */
LLVMValueRef mw_settle_value(const mw_unit *u, LLVMValueRef v);
/* Do the i64s [begins[0], ends[0]) and [begins[1], ends[1]) not overlap? */
LLVMValueRef mw_build_disjoint(const mw_unit *u, const LLVMValueRef begins[2], const LLVMValueRef ends[2]);

/* The address `distance` (mw_reach_to) from the first one's index, when that has grown by `at` since the start; NULL: by nothing. */
LLVMValueRef mw_build_address(const mw_unit *u, const mw_reach *r, LLVMValueRef at, int64_t distance);

#endif
