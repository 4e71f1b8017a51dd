/* Linear memories and tables as the runtime makes them. */
#ifndef MW_RUNTIME_MEMORY_H
#define MW_RUNTIME_MEMORY_H

#include "abi/abi.h"
#include "base/report.h"
#include <stdbool.h>

/* Reserves address space for a memory and commits its minimum. *left, if `left` is not NULL, is what all the
 * memories that were created with it may have in pages from now on; what they take is subtracted while they
 * have it, and `left` must outlive them. MW_ERR_LIMIT if `min` exceeds what can be given, MW_ERR_NO_MEMORY if the host refuses. */
MW_CHECKED mw_error mw_memory_create(mw_memory *memory, mw_memory_desc desc, uint64_t *left, mw_report *report);
void mw_memory_destroy(mw_memory *memory); /* a zeroed memory is allowed */

/* In two steps, for a 32-bit memory: the address space, with `before` bytes of zeroed memory for the caller that end where
 * the memory will begin, and what the guest gets of it. mw_memory_destroy undoes the first alone, too. */
MW_CHECKED mw_error mw_memory_reserve(mw_memory *memory, uint64_t before, mw_report *report);
MW_CHECKED mw_error mw_memory_create_reserved(mw_memory *memory, mw_memory_desc desc, uint64_t *left,
                                              mw_report *report);

/* The same for a shared memory, which is an object of its own with one holder: it lives until the last one has let
 * go of it. All that it may ever have is subtracted from *left for good: it may outlive it. Instances hold those that they
 * define or import. */
MW_CHECKED mw_error mw_shared_memory_create(mw_memory_desc desc, uint64_t *left, mw_report *report, mw_memory **out);
/* Of a memory that is not shared: nothing. */
void mw_memory_hold(mw_memory *memory);
void mw_memory_release(mw_memory *memory);

/* Grows by `delta` pages; the old size in pages, or -1 with nothing changed. Thread-safe. */
int64_t mw_memory_grow(mw_memory *memory, uint64_t delta);

/* Finds the memory whose reservation holds `address`. Async-signal-safe. */
const mw_memory *mw_memory_of_address(uintptr_t address);

/* Whether this process can be expected to get `bytes` more of memory: what the machine and the control group have
 * available. Committing address space never fails where the kernel overcommits; touching it then ends in the
 * out-of-memory killer, which takes the job down without a word. */
bool mw_host_has_memory(uint64_t bytes);

#define MW_DEFAULT_MAX_TABLE_ELEMS UINT64_C(10000000)

/* As mw_memory_create; *left is in elements. */
MW_CHECKED mw_error mw_table_create(mw_table *table, mw_table_desc desc, uint64_t *left, mw_report *report);
void mw_table_destroy(mw_table *table);
int64_t mw_table_grow(mw_table *table, void *init, uint64_t delta);

#endif
