/* What the kernels have in common. Each is one file that defines
 *     static void setup(void);       makes the data, not timed
 *     static void step(void);        the work, the same amount at each call
 *     static double checksum(void);  of the results; the same in every build that follows IEEE 754 strictly
 * and ends with KERNEL(STEPS). The program runs step() once to touch all memory, then STEPS times, and prints the least
 * and the mean processor time of these in nanoseconds, and the checksum. Kernels with loops in parallel can also be built with
 * OpenMP (bench/kernels.py --openmp); then it is the elapsed time. */
#ifndef BENCH_KERNEL_H
#define BENCH_KERNEL_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec t;
#ifdef _OPENMP
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
#endif
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Numbers that are the same everywhere. */
static inline uint32_t random_u32(void)
{
    static uint64_t state = 88172645463325252ull;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

static inline double random_unit(void)
{
    return (double)random_u32() * 0x1p-32;
}

static inline void *allocate(size_t size)
{
    void *p = malloc(size);
    if (!p) {
        fprintf(stderr, "cannot allocate %zu bytes\n", size);
        exit(1);
    }
    return p;
}

#define KERNEL(steps)                                                                                         \
    int main(void)                                                                                            \
    {                                                                                                         \
        setup();                                                                                              \
        step();                                                                                               \
        double least = 1e30, sum = 0;                                                                         \
        for (int i = 0; i < (steps); i++) {                                                                   \
            double start = now_ns();                                                                          \
            step();                                                                                           \
            double t = now_ns() - start;                                                                      \
            least = t < least ? t : least;                                                                    \
            sum += t;                                                                                         \
        }                                                                                                     \
        printf("least: %.0f ns\nmean: %.0f ns\nchecksum: %.17g\n", least, sum / (steps), checksum());          \
        return 0;                                                                                             \
    }

#endif
