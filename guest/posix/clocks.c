/* Processor time and limits. wasi-libc's emulation of these shows wall time; WASI has a clock of the processor
 * time, so programs that time themselves with clock() or getrusage() see what they see natively. */
#include "unsupported.h"
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

/* Nanoseconds since the clock's start; processor time where the host has such a clock. */
static __wasi_timestamp_t processor_time(void)
{
    __wasi_timestamp_t now;
    if (__wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1000, &now) &&
        __wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1000, &now))
        return 0;
    return now;
}

/* CLOCKS_PER_SEC is 10^9 in wasi-libc. */
clock_t clock(void)
{
    return (clock_t)processor_time();
}

/* In clock()'s unit, which sysconf(_SC_CLK_TCK) of wasi-libc also names. */
clock_t times(struct tms *result)
{
    __wasi_timestamp_t wall = 0;
    *result = (struct tms){.tms_utime = clock()};
    (void)__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1000, &wall);
    return (clock_t)wall;
}

int getrusage(int who, struct rusage *usage)
{
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN) {
        errno = EINVAL;
        return -1;
    }
    memset(usage, 0, sizeof *usage);
    if (who == RUSAGE_SELF) {
        __wasi_timestamp_t time = processor_time();
        usage->ru_utime.tv_sec = time / 1000000000;
        usage->ru_utime.tv_usec = time % 1000000000 / 1000;
        usage->ru_maxrss = __builtin_wasm_memory_size(0) * 64;
    }
    return 0;
}

/* Of the linker: the stack's ends. */
extern char __stack_low, __stack_high;

int getrlimit(int resource, struct rlimit *limit)
{
    switch (resource) {
    case RLIMIT_STACK:
        limit->rlim_cur = &__stack_high - &__stack_low;
        break;
    case RLIMIT_AS:
    case RLIMIT_DATA:
    case RLIMIT_RSS:
        limit->rlim_cur = 0xffff0000ULL; /* 65535 pages */
        break;
    case RLIMIT_CORE:
    case RLIMIT_NPROC:
        limit->rlim_cur = 0;
        break;
    case RLIMIT_CPU:
    case RLIMIT_FSIZE:
    case RLIMIT_NOFILE:
    case RLIMIT_MEMLOCK:
        limit->rlim_cur = RLIM_INFINITY;
        break;
    default:
        errno = EINVAL;
        return -1;
    }
    limit->rlim_max = limit->rlim_cur;
    return 0;
}

int setrlimit(int resource, const struct rlimit *limit)
{
    struct rlimit now;
    if (getrlimit(resource, &now))
        return -1;
    if (limit->rlim_cur == now.rlim_cur)
        return 0;
    errno = EPERM;
    return -1;
}

int getpagesize(void)
{
    return 65536;
}

int getdtablesize(void)
{
    return 1024;
}

/* ---- time zones: local time is UTC ------------------------------------------------------------------------ */

char *tzname[2] = {(char *)"UTC", (char *)"UTC"};
long timezone;
int daylight;

void tzset(void)
{
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)time, (void)zone;
    errno = EPERM;
    return -1;
}

int clock_settime(clockid_t clock_id, const struct timespec *time)
{
    (void)clock_id, (void)time;
    errno = EPERM;
    return -1;
}

/* ---- timers: nothing can interrupt a guest ---------------------------------------------------------------- */

int getitimer(int which, struct itimerval *value)
{
    (void)which, (void)value;
    return mw_unsupported();
}

int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict before)
{
    (void)which, (void)value, (void)before;
    return mw_unsupported();
}
