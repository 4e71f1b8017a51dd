/* What distinguishes this CPU from another for generated code. */
#ifndef MW_BASE_CPU_H
#define MW_BASE_CPU_H

#include <stddef.h>

/* Writes a string that is equal on two hosts only if code generated for the one's CPU is right for the other's
 * (architecture, vendor, family, model, feature bits that the operating system lets programs use). Needs no LLVM. */
void mw_cpu_identity(char *out, size_t size);

#endif
