/* Starting processes, which a guest cannot: ENOSYS. */
#ifndef MPIWASM_SPAWN_H
#define MPIWASM_SPAWN_H

#include <signal.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int __unused_;
} posix_spawnattr_t;
typedef struct {
    int __unused_;
} posix_spawn_file_actions_t;
int posix_spawn(pid_t *__restrict, const char *__restrict, const posix_spawn_file_actions_t *,
                const posix_spawnattr_t *__restrict, char *const *__restrict, char *const *__restrict);
int posix_spawnp(pid_t *__restrict, const char *__restrict, const posix_spawn_file_actions_t *,
                 const posix_spawnattr_t *__restrict, char *const *__restrict, char *const *__restrict);

#ifdef __cplusplus
}
#endif

#endif
