/* From an address in a compiled object to the byte offset of the instruction in the module: the object's DWARF line
 * table has the offset as line number. A plugin, since only a trap needs it. */
#ifndef MW_RUNTIME_SYMBOLIZE_H
#define MW_RUNTIME_SYMBOLIZE_H

#include <stdbool.h>
#include <stdint.h>

#define MW_SYMBOLIZE_LIBRARY "libmpiwasm-symbolize.so"
#define MW_SYMBOLIZE_SYMBOL "mw_symbolize"

/* `address` is as in the file `object`, before loading. False if the object has no line for it. */
typedef bool mw_symbolize_fn(const char *object, uint64_t address, uint32_t *offset);
mw_symbolize_fn mw_symbolize;

#endif
