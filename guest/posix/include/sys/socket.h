/* What wasi-libc leaves out of <sys/socket.h>: a guest has no sockets, so these fail with EAFNOSUPPORT or ENOTSOCK.
 * wasi-libc's structures need max_align_t, which <stddef.h> gives only from C11 on unless asked for it. */
#ifndef MPIWASM_SYS_SOCKET_H
#define MPIWASM_SYS_SOCKET_H

#define __need_max_align_t
#include <stddef.h>

#include_next <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

int socket(int, int, int);
int socketpair(int, int, int, int [2]);
int bind(int, const struct sockaddr *, socklen_t);
int connect(int, const struct sockaddr *, socklen_t);
int listen(int, int);
int getsockname(int, struct sockaddr *__restrict, socklen_t *__restrict);
int getpeername(int, struct sockaddr *__restrict, socklen_t *__restrict);
int setsockopt(int, int, int, const void *, socklen_t);
ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
ssize_t recvfrom(int, void *__restrict, size_t, int, struct sockaddr *__restrict, socklen_t *__restrict);

#ifdef __cplusplus
}
#endif

#endif
