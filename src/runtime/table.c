#include "runtime/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static pthread_mutex_t grow_lock = PTHREAD_MUTEX_INITIALIZER;

mw_error mw_table_create(mw_table *table, mw_table_desc desc, uint64_t *left, mw_report *report)
{
    const uint64_t most = UINT64_C(1) << 40; /* 8 TiB of entries */
    pthread_mutex_lock(&grow_lock);
    uint64_t cap = *left < most ? *left : most;
    if (desc.limits.min <= cap)
        *left -= desc.limits.min;
    pthread_mutex_unlock(&grow_lock);
    if (desc.limits.min > cap)
        return mw_fail(report, MW_ERR_LIMIT, "the module has a table of %" PRIu64 " elements, more than the %" PRIu64
                       " that it may have", desc.limits.min, cap);
    *table = (mw_table){
        .size = desc.limits.min,
        .max = desc.limits.max < cap ? desc.limits.max : cap,
        .declared_max = desc.limits.max,
        .left = left,
        .type = desc.type,
        .is64 = desc.is64,
    };
    if (table->max == 0)
        return MW_OK; /* elems is never read: no index is below the size */
    /* Untouched entries cost nothing and are null references. */
    table->elems = mmap(NULL, table->max * sizeof *table->elems, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (table->elems == MAP_FAILED) {
        table->elems = NULL;
        return mw_fail(report, MW_ERR_NO_MEMORY, "cannot reserve a table of %" PRIu64 " elements: %s", table->max,
                       strerror(errno));
    }
    return MW_OK;
}

void mw_table_destroy(mw_table *table)
{
    if (table->left) {
        pthread_mutex_lock(&grow_lock);
        *table->left += table->size;
        pthread_mutex_unlock(&grow_lock);
    }
    if (table->elems)
        munmap(table->elems, table->max * sizeof *table->elems);
    *table = (mw_table){0};
}

int64_t mw_table_grow(mw_table *table, void *init, uint64_t delta)
{
    pthread_mutex_lock(&grow_lock);
    uint64_t old = table->size;
    int64_t result = -1;
    if (delta <= table->max && old <= table->max - delta && delta <= *table->left) {
        *table->left -= delta;
        if (init)
            for (uint64_t i = 0; i < delta; i++)
                table->elems[old + i] = init;
        __atomic_store_n(&table->size, old + delta, __ATOMIC_RELEASE);
        result = (int64_t)old;
    }
    pthread_mutex_unlock(&grow_lock);
    return result;
}
