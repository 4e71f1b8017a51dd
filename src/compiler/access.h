/* Accesses of linear memories with 32-bit indices, as they are in LLVM's IR (emit_address.c). */
#ifndef MW_COMPILER_ACCESS_H
#define MW_COMPILER_ACCESS_H

#include "compiler/emit.h"

enum { MW_MAX_TERMS = 4 };

/* An i32 as a sum modulo 2^32: terms in ascending order of their addresses, and a constant. Where LLVM has widened a
 * counter to 64 bits, the term is the counter, of which the low half counts. */
typedef struct mw_sum {
    LLVMValueRef terms[MW_MAX_TERMS];
    unsigned nterms;
    uint32_t constant;
} mw_sum;

/* At base + zext(index) + offset. */
typedef struct mw_access {
    LLVMValueRef base, pointer; /* pointer: base + zext(index) */
    mw_sum index;
    uint64_t offset, size; /* size: at least */
    uint32_t section;      /* of its block (addresses.c): sections end where something can be seen from outside */
} mw_access;

/* Is `v` an addition, or the same by other means? */
bool mw_is_sum(LLVMValueRef v);
bool mw_same_terms(const mw_sum *a, const mw_sum *b);
/* Is `inst` a load or store of linear memory with an i32 index? Which operand is its address? */
bool mw_read_access(const mw_unit *u, LLVMValueRef inst, mw_access *out, unsigned *operand);

#endif
