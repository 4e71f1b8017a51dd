/* A hash table with open addressing: mixing, probing, unpredictable branches. */
#include "kernel.h"

enum { LOG = 16, CAPACITY = 1 << LOG, KEYS = CAPACITY / 2 };
typedef struct entry {
    uint64_t key;
    uint32_t value;
    uint32_t used;
} entry;
static entry *table;
static uint64_t *keys, found;

static void setup(void)
{
    table = allocate(CAPACITY * sizeof *table);
    keys = allocate(2 * KEYS * sizeof *keys);
    for (int i = 0; i < 2 * KEYS; i++) {
        uint64_t high = random_u32();
        keys[i] = high << 20 ^ random_u32();
    }
}

static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdull;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ull;
    return h ^ h >> 33;
}

static entry *lookup(uint64_t key)
{
    for (uint64_t i = mix(key);; i++) {
        entry *e = &table[i & (CAPACITY - 1)];
        if (!e->used || e->key == key)
            return e;
    }
}

static void step(void)
{
    memset(table, 0, CAPACITY * sizeof *table);
    for (int i = 0; i < KEYS; i++) {
        entry *e = lookup(keys[i]);
        e->key = keys[i];
        e->value += (uint32_t)i;
        e->used = 1;
    }
    found = 0;
    for (int i = 0; i < 2 * KEYS; i++) {
        const entry *e = lookup(keys[i]);
        if (e->used)
            found += e->value;
    }
}

static double checksum(void)
{
    return (double)found;
}

KERNEL(30)
