/* LLVM's passes over a unit. */
#ifndef MW_COMPILER_OPTIMIZE_H
#define MW_COMPILER_OPTIMIZE_H

#include "compiler/emit.h"

/* Sets LLVM's process-wide options; before any unit is made, once. */
void mw_llvm_options(void);
MW_CHECKED mw_error mw_optimize(mw_unit *u, LLVMTargetMachineRef machine, mw_report *report);
/* How much work for LLVM the variables are that go through one loop after another (chains.c). */
uint64_t mw_chain_score(const mw_unit *u);

/* Lets counters that run from a negative constant up run from 0 (inductions.c). */
void mw_rebase_inductions(const mw_unit *u);

/* Keeps loops scalar that LLVM would vectorize wrongly (narrow.c). */
void mw_keep_narrow_counters(const mw_unit *u);
/* Makes loops over vectors of 128 bits loops over their lanes, after BEFORE_REROLL (reroll.c). */
void mw_reroll(const mw_unit *u);
/* Gives loops over complex numbers and the like a copy of several iterations at a time, after BEFORE_REROLL (pairs.c). */
void mw_unroll_pairs(const mw_unit *u);
/* Gives innermost loops addresses of 64 bits where no index wraps around, after BEFORE_REROLL (wide.c). */
void mw_widen_loops(const mw_unit *u);
/* Makes the switches of interpreters jumps that LLVM copies to the end of each case (dispatch.c). */
void mw_copy_dispatch(const mw_unit *u);
/* Makes scalar conversions to integers begin with the conversion (conversions.c). */
void mw_convert_first(const mw_unit *u);
/* Makes choices between a square root and something else branches (roots.c). */
void mw_branch_around_roots(const mw_unit *u);
/* Where fusing is allowed, keeps loops that wait for one scalar sum after the other from it (sums.c). */
void mw_keep_sums(const mw_unit *u);
/* Keeps 32-bit variables that are indices with their upper half zero; the last of all (extend.c). */
void mw_keep_extended(const mw_unit *u);
/* The level at which code should be made for the unit, once it is optimized: that of the options, or a lower one where that
 * would take more than linear time. */
int mw_codegen_level(const mw_unit *u);

#endif
