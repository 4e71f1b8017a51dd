/* System V shared memory, which a guest does not have (MPI_Win_allocate_shared gives it): ENOSYS. */
#ifndef MPIWASM_SYS_SHM_H
#define MPIWASM_SYS_SHM_H

#include <sys/ipc.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shmid_ds {
    size_t shm_segsz;
};
#define SHM_RDONLY 010000
int shmget(key_t, size_t, int);
void *shmat(int, const void *, int);
int shmdt(const void *);
int shmctl(int, int, struct shmid_ds *);

#ifdef __cplusplus
}
#endif

#endif
