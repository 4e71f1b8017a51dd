/* Waiting for children, of which a guest never has any: ECHILD. */
#ifndef MPIWASM_SYS_WAIT_H
#define MPIWASM_SYS_WAIT_H

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef WCOREDUMP
#define WCOREDUMP(status) ((status) & 0x80)
#define WIFCONTINUED(status) ((status) == 0xffff)
#define WCONTINUED 8
#endif
pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);

#ifdef __cplusplus
}
#endif

#endif
