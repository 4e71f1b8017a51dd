/* What MPICH's tests use of POSIX threads, for guests whose C library knows none (wasi-libc as distributions build it).
 * Memory is taken and given back under a lock; whatever else of the C library keeps state (stdio, errno) must be left to
 * one thread, as the tests do. */
#ifndef TEST_PTHREAD_H
#define TEST_PTHREAD_H

#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct test_thread *pthread_t;
typedef struct {
    uint32_t state; /* 0 free, 1 taken, 2 taken and waited for */
} pthread_mutex_t;
typedef struct {
    uint32_t wanted, arrived, round;
} pthread_barrier_t;
typedef int pthread_attr_t, pthread_mutexattr_t, pthread_barrierattr_t;

enum { PTHREAD_CREATE_JOINABLE };
#define PTHREAD_BARRIER_SERIAL_THREAD (-1)
#define PTHREAD_MUTEX_INITIALIZER {0}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *), void *arg);
int pthread_join(pthread_t thread, void **result);
pthread_t pthread_self(void);

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_mutex_destroy(pthread_mutex_t *mutex);

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count);
int pthread_barrier_wait(pthread_barrier_t *barrier); /* 0 for all threads */
int pthread_barrier_destroy(pthread_barrier_t *barrier);

int pthread_attr_init(pthread_attr_t *attr);
int pthread_attr_setdetachstate(pthread_attr_t *attr, int state);
int pthread_attr_destroy(pthread_attr_t *attr);

#endif
