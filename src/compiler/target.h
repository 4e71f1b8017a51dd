/* What code is made for: LLVM's triple, CPU and features, and a target machine per unit. */
#ifndef MW_COMPILER_TARGET_H
#define MW_COMPILER_TARGET_H

#include "compiler/emit.h"

/* The target that the options ask for: this host's CPU with all its features by default, the least CPU of the
 * architecture for another triple. Unknown names are MW_ERR_USAGE. Freed with mw_target_free. */
MW_CHECKED mw_error mw_target_init(mw_target *target, const mw_compile_options *options, mw_report *report);
void mw_target_free(mw_target *target);
/* A machine of its own for each thread; freed with LLVMDisposeTargetMachine. */
LLVMTargetMachineRef mw_target_machine(const mw_target *target, int opt_level);

#endif
