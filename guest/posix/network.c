/* Name lookup and sockets, which a guest does not have, and messages of programs (err.h). */
#include "program.h"
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int h_errno;

static void *no_host(void)
{
    h_errno = NO_RECOVERY;
    return NULL;
}

struct hostent *gethostbyname(const char *name)
{
    (void)name;
    return no_host();
}

struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
    (void)address, (void)size, (void)family;
    return no_host();
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    (void)name, (void)protocol;
    return NULL;
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict result)
{
    (void)node, (void)service, (void)hints;
    *result = NULL;
    return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t size, char *restrict node, socklen_t node_size,
                char *restrict service, socklen_t service_size, int flags)
{
    (void)address, (void)size, (void)node, (void)node_size, (void)service, (void)service_size, (void)flags;
    return EAI_FAIL;
}

const char *gai_strerror(int error)
{
    return error ? "guests of mpiwasm have no name lookup" : "no error";
}

const char *hstrerror(int error)
{
    return gai_strerror(error);
}

void herror(const char *prefix)
{
    fprintf(stderr, "%s%s%s\n", prefix ? prefix : "", prefix && *prefix ? ": " : "", hstrerror(h_errno));
}

/* ---- sockets ---------------------------------------------------------------------------------------------- */

int socket(int family, int type, int protocol)
{
    (void)family, (void)type, (void)protocol;
    errno = EAFNOSUPPORT;
    return -1;
}

int socketpair(int family, int type, int protocol, int fds[2])
{
    (void)fds;
    return socket(family, type, protocol);
}

static int no_socket(void)
{
    errno = ENOTSOCK;
    return -1;
}

int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    (void)fd, (void)address, (void)size;
    return no_socket();
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    (void)fd, (void)address, (void)size;
    return no_socket();
}

int listen(int fd, int backlog)
{
    (void)fd, (void)backlog;
    return no_socket();
}

int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict size)
{
    (void)fd, (void)address, (void)size;
    return no_socket();
}

int getpeername(int fd, struct sockaddr *restrict address, socklen_t *restrict size)
{
    (void)fd, (void)address, (void)size;
    return no_socket();
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    (void)fd, (void)level, (void)option, (void)value, (void)size;
    return no_socket();
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size)
{
    (void)fd, (void)data, (void)size, (void)flags, (void)to, (void)to_size;
    return no_socket();
}

ssize_t recvfrom(int fd, void *restrict data, size_t size, int flags, struct sockaddr *restrict from,
                 socklen_t *restrict from_size)
{
    (void)fd, (void)data, (void)size, (void)flags, (void)from, (void)from_size;
    return no_socket();
}

/* ---- err.h ------------------------------------------------------------------------------------------------ */

static void message(int error, const char *format, va_list arguments)
{
    fprintf(stderr, "%s: ", mw_program_name());
    if (format)
        vfprintf(stderr, format, arguments);
    if (error >= 0)
        fprintf(stderr, "%s%s", format ? ": " : "", strerror(error));
    fputc('\n', stderr);
}

void vwarn(const char *format, va_list arguments)
{
    message(errno, format, arguments);
}

void vwarnx(const char *format, va_list arguments)
{
    message(-1, format, arguments);
}

_Noreturn void verr(int status, const char *format, va_list arguments)
{
    vwarn(format, arguments);
    exit(status);
}

_Noreturn void verrx(int status, const char *format, va_list arguments)
{
    vwarnx(format, arguments);
    exit(status);
}

void warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
}

void warnx(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
}

_Noreturn void err(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    verr(status, format, arguments);
}

_Noreturn void errx(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    verrx(status, format, arguments);
}
