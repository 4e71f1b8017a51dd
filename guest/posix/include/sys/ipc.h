/* System V keys, for <sys/shm.h>. */
#ifndef MPIWASM_SYS_IPC_H
#define MPIWASM_SYS_IPC_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int key_t;
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_PRIVATE ((key_t)0)
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
key_t ftok(const char *, int);

#ifdef __cplusplus
}
#endif

#endif
