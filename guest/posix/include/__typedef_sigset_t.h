/* Replaces wasi-libc's one-byte placeholder: bit n - 1 is signal n. */
#ifndef MPIWASM_TYPEDEF_SIGSET_T_H
#define MPIWASM_TYPEDEF_SIGSET_T_H

typedef unsigned long long sigset_t;

#endif
