/* LLVM's passes over a unit. */
#ifndef MW_COMPILER_OPTIMIZE_H
#define MW_COMPILER_OPTIMIZE_H

#include "compiler/emit.h"

/* Sets LLVM's process-wide options; before any unit is made, once. */
void mw_llvm_options(void);
MW_CHECKED mw_error mw_optimize(mw_unit *u, LLVMTargetMachineRef machine, mw_report *report);

#endif
