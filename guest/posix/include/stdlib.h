/* What wasi-libc leaves out of <stdlib.h>.  */
#ifndef MPIWASM_STDLIB_H
#define MPIWASM_STDLIB_H

#include_next <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

int mkstemp(char *);
int mkostemp(char *, int);
int mkstemps(char *, int);
int mkostemps(char *, int, int);
char *mkdtemp(char *);
char *mktemp(char *);
char *realpath(const char *__restrict, char *__restrict);
void *valloc(size_t);
void *memalign(size_t, size_t);
int getloadavg(double *, int);
void *reallocarray(void *, size_t, size_t);
#ifndef WNOHANG
#define WNOHANG 1
#define WUNTRACED 2
#define WEXITSTATUS(status) (((status) & 0xff00) >> 8)
#define WTERMSIG(status) ((status) & 0x7f)
#define WSTOPSIG(status) WEXITSTATUS(status)
#define WIFEXITED(status) (!WTERMSIG(status))
#define WIFSTOPPED(status) (((status) & 0xff) == 0x7f)
#define WIFSIGNALED(status) (((status) & 0xffff) - 1U < 0xffu)
#endif

#ifdef __cplusplus
}
#endif

#endif
