/* What wasi-libc leaves out of <time.h>. Guests see no time zones: local time is UTC. */
#ifndef MPIWASM_TIME_H
#define MPIWASM_TIME_H

#include_next <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef CLOCK_MONOTONIC_RAW
#define CLOCK_MONOTONIC_RAW CLOCK_MONOTONIC
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#define CLOCK_REALTIME_COARSE CLOCK_REALTIME
#define CLOCK_BOOTTIME CLOCK_MONOTONIC
#endif
void tzset(void);
extern char *tzname[2];
extern long timezone;
extern int daylight;
int clock_settime(clockid_t, const struct timespec *);

#ifdef __cplusplus
}
#endif

#endif
