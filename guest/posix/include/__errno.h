/* wasi-libc declares the variable errno itself. Old programs declare it once more (`extern int errno;`), which is an error
 * there: a variable of each thread is another thing. As an expression, as other C libraries have it, both work.
 * And wasi-libc's word for it, `thread_local`, is one that C++ before C++11 does not have. */
#ifndef MPIWASM_ERRNO_H
#define MPIWASM_ERRNO_H

#if defined(__cplusplus) && __cplusplus < 201103L
#define thread_local __thread
#include_next <__errno.h>
#undef thread_local
#else
#include_next <__errno.h>
#endif

static __inline__ int *__mpiwasm_errno(void)
{
    return &errno;
}

#undef errno
#define errno (*__mpiwasm_errno())

#endif
