/* Address ranges that the fault handler looks up: text of compiled objects, reservations of memories. Lookups
 * are lock-free and async-signal-safe; a range must not be removed while a thread can fault in it. */
#ifndef MW_RUNTIME_RANGES_H
#define MW_RUNTIME_RANGES_H

#include "base/error.h"
#include <stdint.h>

typedef struct mw_range {
    uintptr_t begin, end; /* begin == end: a free node */
    void *owner;
    struct mw_range *next;
} mw_range;

typedef struct mw_ranges {
    mw_range *first; /* nodes are never freed, only reused */
} mw_ranges;

MW_CHECKED mw_error mw_ranges_add(mw_ranges *ranges, uintptr_t begin, uintptr_t end, void *owner);
void mw_ranges_remove(mw_ranges *ranges, uintptr_t begin, void *owner);
/* Owner of the range that holds `address`, or NULL. */
void *mw_ranges_find(const mw_ranges *ranges, uintptr_t address);

#endif
