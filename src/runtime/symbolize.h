/* From an address in a compiled object to byte offsets in the module: the object's DWARF has them as line numbers.
 * A plugin, since only a trap needs it. */
#ifndef MW_RUNTIME_SYMBOLIZE_H
#define MW_RUNTIME_SYMBOLIZE_H

#include <stdint.h>

#define MW_SYMBOLIZE_LIBRARY "libmpiwasm-symbolize.so"
#define MW_SYMBOLIZE_SYMBOL "mw_symbolize"

/* Offset of the instruction at `address`, which is as in the file `object`, before loading; then, if the code was
 * inlined, those of the calls that it was inlined for, from the inside out. How many were stored, at most `max`;
 * 0 if the object has no line for the address. */
typedef unsigned mw_symbolize_fn(const char *object, uint64_t address, uint32_t *offsets, unsigned max);
mw_symbolize_fn mw_symbolize;

#endif
