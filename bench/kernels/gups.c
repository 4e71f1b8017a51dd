/* Random access: updates of a table beyond the caches at random places. */
#include "kernel.h"

enum { LOG = 22, N = 1 << LOG, UPDATES = 1 << 20, STREAMS = 128 };
static uint64_t *table, streams[STREAMS];

static void setup(void)
{
    table = allocate(N * sizeof *table);
    for (uint64_t i = 0; i < N; i++)
        table[i] = i;
    for (int i = 0; i < STREAMS; i++) {
        uint64_t high = random_u32();
        streams[i] = high << 32 | random_u32();
    }
}

static void step(void)
{
    for (int i = 0; i < UPDATES / STREAMS; i++)
        for (int j = 0; j < STREAMS; j++) {
            streams[j] = streams[j] << 1 ^ ((int64_t)streams[j] < 0 ? 7 : 0);
            table[streams[j] & (N - 1)] ^= streams[j];
        }
}

static double checksum(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        sum = sum * 31 + table[i];
    return (double)(sum >> 11);
}

KERNEL(20)
