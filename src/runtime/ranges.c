#include "runtime/ranges.h"

#include <pthread.h>
#include <stdlib.h>

/* One lock for all writers of all registries: instances come and go rarely. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

mw_error mw_ranges_add(mw_ranges *ranges, uintptr_t begin, uintptr_t end, void *owner)
{
    pthread_mutex_lock(&lock);
    mw_range *node = ranges->first;
    while (node && node->begin != node->end)
        node = node->next;
    if (!node) {
        node = calloc(1, sizeof *node);
        if (!node) {
            pthread_mutex_unlock(&lock);
            return MW_ERR_NO_MEMORY;
        }
        node->next = ranges->first;
        __atomic_store_n(&ranges->first, node, __ATOMIC_RELEASE);
    }
    /* A reader that sees the new end with the old begin (0) or the other way round must not match: a free node
     * has begin == end == 0, so `end` is published last. */
    __atomic_store_n(&node->owner, owner, __ATOMIC_RELAXED);
    __atomic_store_n(&node->begin, begin, __ATOMIC_RELEASE);
    __atomic_store_n(&node->end, end, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    return MW_OK;
}

void mw_ranges_remove(mw_ranges *ranges, uintptr_t begin, void *owner)
{
    pthread_mutex_lock(&lock);
    for (mw_range *node = ranges->first; node; node = node->next) {
        if (node->end && node->begin == begin && node->owner == owner) {
            __atomic_store_n(&node->end, 0, __ATOMIC_RELEASE);
            __atomic_store_n(&node->begin, 0, __ATOMIC_RELEASE);
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

void *mw_ranges_find(const mw_ranges *ranges, uintptr_t address)
{
    for (mw_range *node = __atomic_load_n(&ranges->first, __ATOMIC_ACQUIRE); node; node = node->next) {
        uintptr_t end = __atomic_load_n(&node->end, __ATOMIC_ACQUIRE);
        if (address >= end || address < __atomic_load_n(&node->begin, __ATOMIC_ACQUIRE))
            continue;
        void *owner = __atomic_load_n(&node->owner, __ATOMIC_ACQUIRE);
        /* If the node went from one range to another meanwhile, neither needs to hold the address. */
        if (__atomic_load_n(&node->end, __ATOMIC_RELAXED) == end)
            return owner;
    }
    return NULL;
}
