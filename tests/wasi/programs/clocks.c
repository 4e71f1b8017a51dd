/* Clocks, sleeping, random numbers: what can be said about them without their values. */
#include "check.h"
#include <poll.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(void)
{
    struct timespec t;
    SHOW(clock_getres(CLOCK_MONOTONIC, &t));
    printf("%d\n", t.tv_sec == 0 && t.tv_nsec > 0 && t.tv_nsec <= 10000000);
    double start = seconds(CLOCK_MONOTONIC), last = start;
    int back = 0;
    for (int i = 0; i < 100000; i++) {
        double now = seconds(CLOCK_MONOTONIC);
        back += now < last;
        last = now;
    }
    SHOW(back);
    t = (struct timespec){0, 50000000};
    start = seconds(CLOCK_MONOTONIC);
    SHOW(nanosleep(&t, NULL));
    double slept = seconds(CLOCK_MONOTONIC) - start;
    printf("slept long enough %d, not too long %d\n", slept >= 0.05, slept < 5);
    start = seconds(CLOCK_MONOTONIC);
    SHOW(usleep(20000));
    printf("%d\n", seconds(CLOCK_MONOTONIC) - start >= 0.02);
    SHOW(poll(NULL, 0, 10));
    struct timeval tv;
    SHOW(gettimeofday(&tv, NULL));
    printf("%d %d\n", tv.tv_sec > 1600000000, (long long)time(NULL) - tv.tv_sec <= 1);
    printf("%d\n", seconds(CLOCK_REALTIME) - (tv.tv_sec + tv.tv_usec * 1e-6) < 1);
    time_t when = 1000000000;
    struct tm *tm = gmtime(&when);
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", tm);
    puts(text);

    unsigned char a[64] = {0}, b[64] = {0};
    SHOW(getentropy(a, sizeof a));
    SHOW(getentropy(b, sizeof b));
    printf("%d\n", memcmp(a, b, sizeof a) != 0);
    return 0;
}
