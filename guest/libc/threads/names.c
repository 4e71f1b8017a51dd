/* What threads are called, and what they know of themselves. */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include <string.h>

static _Thread_local char name_of_thread[16];

static char *name_of(pthread_t thread)
{
    return (char *)thread + (name_of_thread - (char *)__pthread_self());
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    size_t length = strlen(name);
    if (length >= sizeof name_of_thread)
        return ERANGE;
    memcpy(name_of(thread), name, length + 1);
    return 0;
}

int pthread_getname_np(pthread_t thread, char *name, size_t size)
{
    size_t length = strlen(name_of(thread));
    if (size <= length)
        return ERANGE;
    memcpy(name, name_of(thread), length + 1);
    return 0;
}

int pthread_getattr_np(pthread_t thread, pthread_attr_t *attr)
{
    *attr = (pthread_attr_t){0};
    attr->_a_detach = thread->detach_state >= DT_DETACHED;
    attr->_a_guardsize = thread->guard_size;
    attr->_a_stackaddr = (uintptr_t)thread->stack;
    attr->_a_stacksize = thread->stack_size;
    return 0;
}

int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
    if (thread != __pthread_self())
        return ENOENT;
    *clock = CLOCK_THREAD_CPUTIME_ID;
    return 0;
}

/* The clock's number: a zeroed condition variable has CLOCK_REALTIME (see threads.py, clocks). */
int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return EINVAL;
    attr->__attr = (attr->__attr & 0x80000000) | (clock == CLOCK_MONOTONIC);
    return 0;
}

pid_t gettid(void)
{
    return __pthread_self()->tid;
}
