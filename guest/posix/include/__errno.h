/* wasi-libc declares errno `thread_local`, a word that C++ before C++11 does not have. */
#if defined(__cplusplus) && __cplusplus < 201103L
#define thread_local __thread
#include_next <__errno.h>
#undef thread_local
#else
#include_next <__errno.h>
#endif
