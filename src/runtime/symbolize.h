/* From an address in a compiled object to places in the guest's program: the object's DWARF has them
 * (compiler/debug.c). A plugin, since only a trap needs it. */
#ifndef MW_RUNTIME_SYMBOLIZE_H
#define MW_RUNTIME_SYMBOLIZE_H

#include <stdbool.h>
#include <stdint.h>

#define MW_SYMBOLIZE_LIBRARY "libmpiwasm-symbolize.so"
#define MW_SYMBOLIZE_SYMBOL "mw_symbolize"

/* Where one activation of a function was. */
typedef struct mw_place {
    bool has_offset;
    uint32_t offset;    /* of the instruction in the module */
    bool is_inlined;    /* into the next place's function, by the guest's compiler */
    char function[200]; /* then its name, "" if unknown; the module knows that of all others */
    const char *file;   /* in the source, valid until the next call; NULL if unknown */
    uint32_t line;
} mw_place;

/* The place of the instruction at `address`, which is as in the file `object`, before loading; then, if the code was
 * inlined, those of the calls that it was inlined for, from the inside out. How many were stored, at most `max`;
 * 0 if the object has no line for the address. */
typedef unsigned mw_symbolize_fn(const char *object, uint64_t address, mw_place *places, unsigned max);
mw_symbolize_fn mw_symbolize;

#endif
