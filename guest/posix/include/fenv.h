/* What wasi-libc leaves out of <fenv.h>. WebAssembly rounds to nearest and keeps no exception flags: no flag is
 * ever set, and whatever asks for a trap, a flag or another rounding fails. */
#ifndef MPIWASM_FENV_H
#define MPIWASM_FENV_H

#include_next <fenv.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef FE_INVALID
#define FE_INVALID 1
#define FE_DIVBYZERO 4
#define FE_OVERFLOW 8
#define FE_UNDERFLOW 16
#define FE_INEXACT 32
#undef FE_ALL_EXCEPT
#define FE_ALL_EXCEPT 61
#define FE_DOWNWARD 0x400
#define FE_UPWARD 0x800
#define FE_TOWARDZERO 0xc00
#endif
int feenableexcept(int);
int fedisableexcept(int);
int fegetexcept(void);

#ifdef __cplusplus
}
#endif

#endif
