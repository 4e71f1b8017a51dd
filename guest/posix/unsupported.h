/* The answer of every function here that WASI gives no means for. */
#ifndef MPIWASM_UNSUPPORTED_H
#define MPIWASM_UNSUPPORTED_H

#include <errno.h>

static inline int mw_unsupported(void)
{
    errno = ENOSYS;
    return -1;
}

#endif
