/* wasi-libc's structures need max_align_t, which <stddef.h> gives only from C11 on unless asked for it. */
#ifndef MPIWASM_SYS_SOCKET_H
#define MPIWASM_SYS_SOCKET_H

#define __need_max_align_t
#include <stddef.h>

#include_next <sys/socket.h>

#endif
