/* Cancellation at the waits of threads, at sleeps and where pthread_testcancel is called. Reading and writing do not end for
 * it, and a thread of the asynchronous type is cancelled at the same places: nothing interrupts running code.
 *
 * A thread says where it waits. Who cancels it wakes all that wait there, until the thread has seen it; the others find that
 * they have to go on waiting, as after any wake-up for no reason. */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include <limits.h>

static _Thread_local volatile int *volatile waits_at;

static long cancelled(void)
{
    pthread_t self = __pthread_self();
    if (self->canceldisable == PTHREAD_CANCEL_ENABLE)
        __pthread_exit(PTHREAD_CANCELED);
    self->canceldisable = PTHREAD_CANCEL_DISABLE;
    return -ECANCELED;
}

long(__syscall_cp)(syscall_arg_t n, syscall_arg_t at, syscall_arg_t op, syscall_arg_t value, syscall_arg_t timeout,
                   syscall_arg_t e, syscall_arg_t f)
{
    pthread_t self = __pthread_self();
    if (self->canceldisable == PTHREAD_CANCEL_DISABLE)
        return __syscall(n, at, op, value, timeout);
    waits_at = (volatile int *)at;
    a_barrier();
    if (self->cancel) {
        waits_at = 0;
        return cancelled();
    }
    long result = __syscall(n, at, op, value, timeout);
    waits_at = 0;
    a_barrier();
    if (!self->cancel)
        return result;
    __wake((void *)at, INT_MAX, 1); /* what woke this thread may have been meant for any */
    return cancelled();
}

void __testcancel(void)
{
    pthread_t self = __pthread_self();
    if (self->cancel && !self->canceldisable)
        cancelled();
}

int pthread_cancel(pthread_t thread)
{
    pthread_t self = __pthread_self();
    volatile int *volatile *waits = (void *)((char *)thread + ((char *)&waits_at - (char *)self));
    a_store(&thread->cancel, 1);
    if (thread == self) {
        if (self->canceldisable == PTHREAD_CANCEL_ENABLE && self->cancelasync)
            __pthread_exit(PTHREAD_CANCELED);
        return 0;
    }
    for (volatile int *at; (at = *waits);) {
        __wake(at, INT_MAX, 1);
        sched_yield();
    }
    return 0;
}
