/* A guest for unit tests of the translation: memory, an instance, and what stands in for the runtime's traps. Its memory is
 * an exact allocation between inaccessible pages, so that a single byte too far is a fault. For one test program each. */
#ifndef MW_TESTS_MPI_GUEST_H
#define MW_TESTS_MPI_GUEST_H

#include "mpi/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES 2
#define BYTES (PAGES * MW_PAGE_BYTES)

static mw_memory memory;
static mw_memory *memories[] = {&memory};
static mw_instance guest;
static jmp_buf trapped;
static char trap_message[512];

/* Stands in for the runtime's. */
_Noreturn void mw_raise_trap(mw_instance *instance, mw_trap_code trap, const char *format, ...)
{
    va_list args;
    (void)instance, (void)trap;
    va_start(args, format);
    vsnprintf(trap_message, sizeof trap_message, format, args);
    va_end(args);
    longjmp(trapped, 1);
}

static inline mw_guest_ptr at(mw_guest_addr addr)
{
    return (mw_guest_ptr){addr};
}

static inline int32_t load(uint32_t addr)
{
    int32_t value;
    memcpy(&value, memory.base + addr, 4);
    return value;
}

static inline void store(uint32_t addr, int32_t value)
{
    memcpy(memory.base + addr, &value, 4);
}

/* A handle, an address or an MPI_Aint. */
enum { WORD = sizeof(mw_guest_word) };

static inline mw_guest_word load_word(uint32_t addr)
{
    mw_guest_word value;
    memcpy(&value, memory.base + addr, sizeof value);
    return value;
}

static inline void store_word(uint32_t addr, mw_guest_word value)
{
    memcpy(memory.base + addr, &value, sizeof value);
}

/* Returns -1 if the host has no memory. */
static inline int make_guest(void)
{
    static const mw_code_descriptor no_imports;
    uint8_t *all = mmap(NULL, BYTES + 2 * 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + 65536, BYTES, PROT_READ | PROT_WRITE) != 0)
        return -1;
    memory = (mw_memory){
        .base = all + 65536, .pages = PAGES, .max_pages = PAGES, .declared_max = PAGES, .reserved = BYTES};
    guest.code = &no_imports;
    guest.memory0 = memory.base;
    guest.memories = memories;
    return 0;
}

#endif
