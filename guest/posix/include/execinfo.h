/* Backtraces, which a guest cannot take (a trap prints one): backtrace finds no frame. */
#ifndef MPIWASM_EXECINFO_H
#define MPIWASM_EXECINFO_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

int backtrace(void **, int);
char **backtrace_symbols(void *const *, int);
void backtrace_symbols_fd(void *const *, int, int);

#ifdef __cplusplus
}
#endif

#endif
