/* Sleeping as a wait, so that it can be cancelled. */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include <threads.h>
#include <time.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest)
{
    static volatile int never;
    struct timespec at = *time;
    if (at.tv_nsec < 0 || at.tv_nsec >= 1000000000 || flags & ~TIMER_ABSTIME)
        return EINVAL;
    if (!(flags & TIMER_ABSTIME)) {
        struct timespec now;
        if (at.tv_sec < 0)
            return EINVAL;
        clock = CLOCK_MONOTONIC;
        clock_gettime(clock, &now);
        at.tv_nsec += now.tv_nsec;
        if (__builtin_add_overflow(at.tv_sec, now.tv_sec + at.tv_nsec / 1000000000, &at.tv_sec))
            at.tv_sec = LLONG_MAX;
        at.tv_nsec %= 1000000000;
    }
    int error;
    while ((error = __timedwait_cp(&never, 0, clock, &at, 1)) == 0)
        ;
    return error == ETIMEDOUT ? 0 : error;
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
    int error = clock_nanosleep(CLOCK_REALTIME, 0, time, rest);
    if (!error)
        return 0;
    errno = error;
    return -1;
}

int thrd_sleep(const struct timespec *time, struct timespec *rest)
{
    return clock_nanosleep(CLOCK_REALTIME, 0, time, rest) ? -2 : 0;
}
