/* What values can be at most, as far as the operations that make them tell. */
#ifndef MW_COMPILER_RANGE_H
#define MW_COMPILER_RANGE_H

#include "compiler/emit.h"

/* Is the integer `v` of at most 64 bits, as an unsigned number, at most `*bound`, whatever its operands are? False if nothing is
 * known, or not less than 2^32. */
bool mw_read_bound(LLVMValueRef v, uint64_t *bound);
/* Such a value as an i64, built where the builder is; multiples as multiples of an i64, which addresses take in. */
LLVMValueRef mw_build_bounded(const mw_unit *u, LLVMValueRef v);

#endif
