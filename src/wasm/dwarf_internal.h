/* What the readers of DWARF share among themselves. */
#ifndef MW_WASM_DWARF_INTERNAL_H
#define MW_WASM_DWARF_INTERNAL_H

#include "wasm/dwarf.h"
#include <stddef.h>

/* A reader of little-endian bytes. Once it was asked for more than there is it is `bad`, at its end, and gives 0. */
typedef struct mw_dwarf_reader {
    const uint8_t *pos, *end;
    bool bad;
} mw_dwarf_reader;

uint64_t mw_dwarf_fixed(mw_dwarf_reader *r, unsigned size); /* 1 to 8 bytes */
uint64_t mw_dwarf_uleb(mw_dwarf_reader *r);
int64_t mw_dwarf_sleb(mw_dwarf_reader *r);
void mw_dwarf_skip(mw_dwarf_reader *r, uint64_t size);
mw_wasm_name mw_dwarf_string(mw_dwarf_reader *r); /* up to a NUL, which is skipped */
/* The length that units begin with, and the size that offsets in the unit have; splits off the unit. */
mw_dwarf_reader mw_dwarf_unit(mw_dwarf_reader *r, uint8_t *offset_size);

/* X(field, name of the custom section) */
#define MW_DWARF_SECTIONS(X)                                                                       \
    X(info, ".debug_info")                                                                         \
    X(abbrev, ".debug_abbrev")                                                                     \
    X(line, ".debug_line")                                                                         \
    X(str, ".debug_str")                                                                           \
    X(line_str, ".debug_line_str")                                                                 \
    X(str_offsets, ".debug_str_offsets")                                                           \
    X(addr, ".debug_addr")                                                                         \
    X(old_ranges, ".debug_ranges")                                                                     \
    X(rnglists, ".debug_rnglists")

/* No path and no name is longer than this: what looks for its end does so in bounded time. */
enum { MW_DWARF_NAME_BYTES = 4096 };

/* From `offset` of a section on; bad if that is outside. */
mw_dwarf_reader mw_dwarf_at(const mw_wasm_custom *section, uint64_t offset);
/* The string at `offset` of a section of strings. Its length is that of the bytes it may take: mw_dwarf_ended finds
 * its end when it is needed. Empty if there is none. */
mw_wasm_name mw_dwarf_string_at(const mw_wasm_custom *section, uint64_t offset);
mw_wasm_name mw_dwarf_ended(mw_wasm_name name);

/* ---- Attribute values (dwarf_form.c) ---------------------------------------------------------------------- */

enum {
    MW_FORM_ADDR = 0x01,
    MW_FORM_BLOCK2 = 0x03,
    MW_FORM_BLOCK4 = 0x04,
    MW_FORM_DATA2 = 0x05,
    MW_FORM_DATA4 = 0x06,
    MW_FORM_DATA8 = 0x07,
    MW_FORM_STRING = 0x08,
    MW_FORM_BLOCK = 0x09,
    MW_FORM_BLOCK1 = 0x0a,
    MW_FORM_DATA1 = 0x0b,
    MW_FORM_FLAG = 0x0c,
    MW_FORM_SDATA = 0x0d,
    MW_FORM_STRP = 0x0e,
    MW_FORM_UDATA = 0x0f,
    MW_FORM_REF_ADDR = 0x10,
    MW_FORM_REF1 = 0x11,
    MW_FORM_REF2 = 0x12,
    MW_FORM_REF4 = 0x13,
    MW_FORM_REF8 = 0x14,
    MW_FORM_REF_UDATA = 0x15,
    MW_FORM_INDIRECT = 0x16,
    MW_FORM_SEC_OFFSET = 0x17,
    MW_FORM_EXPRLOC = 0x18,
    MW_FORM_FLAG_PRESENT = 0x19,
    MW_FORM_STRX = 0x1a,
    MW_FORM_ADDRX = 0x1b,
    MW_FORM_REF_SUP4 = 0x1c,
    MW_FORM_STRP_SUP = 0x1d,
    MW_FORM_DATA16 = 0x1e,
    MW_FORM_LINE_STRP = 0x1f,
    MW_FORM_REF_SIG8 = 0x20,
    MW_FORM_IMPLICIT_CONST = 0x21,
    MW_FORM_LOCLISTX = 0x22,
    MW_FORM_RNGLISTX = 0x23,
    MW_FORM_REF_SUP8 = 0x24,
    MW_FORM_STRX1 = 0x25,
    MW_FORM_STRX2 = 0x26,
    MW_FORM_STRX3 = 0x27,
    MW_FORM_STRX4 = 0x28,
    MW_FORM_ADDRX1 = 0x29,
    MW_FORM_ADDRX2 = 0x2a,
    MW_FORM_ADDRX3 = 0x2b,
    MW_FORM_ADDRX4 = 0x2c,
};

/* How the values of a unit are encoded. */
typedef struct mw_dwarf_encoding {
    uint16_t version;
    uint8_t address_size, offset_size;
} mw_dwarf_encoding;

/* A value as it stands there; what it means may depend on attributes that come later. */
typedef struct mw_dwarf_value {
    uint16_t form; /* 0: none */
    uint64_t number;
    mw_wasm_name string; /* MW_FORM_STRING */
} mw_dwarf_value;

/* Reads a value of `form`; blocks are skipped. An unknown form, whose size nobody knows, makes the reader bad. */
mw_dwarf_value mw_dwarf_read_form(mw_dwarf_reader *r, uint64_t form, mw_dwarf_encoding encoding, int64_t implicit);

/* ---- The whole ---------------------------------------------------------------------------------------------- */

typedef struct mw_dwarf_vector {
    void *items;
    uint32_t count, capacity;
} mw_dwarf_vector;

/* Room for one more item of `size` bytes, zeroed; NULL without memory. */
void *mw_dwarf_append(mw_dwarf_vector *vector, size_t size);

void mw_dwarf_vector_free(mw_dwarf_vector *vector);

/* A unit of .debug_line: its files are files[first_file..), as many as it says. */
typedef struct mw_dwarf_line_unit {
    uint32_t offset; /* in .debug_line */
    uint32_t first_file, nfiles;
    uint16_t version;
    bool has_base; /* the working directory is known */
} mw_dwarf_line_unit;

/* What is kept of a subprogram's entry. */
typedef struct mw_dwarf_function {
    uint32_t entry;  /* offset in .debug_info; ascending in the vector */
    uint32_t origin; /* the entry that tells what this one does not, or MW_DEBUG_NONE */
    uint32_t in, file, line;
    mw_wasm_name name, linkage; /* not ended */
} mw_dwarf_function;

/* A range of code of a scope, as it stands there. */
typedef struct mw_dwarf_range {
    uint32_t begin, end, scope;
} mw_dwarf_range;

typedef struct mw_dwarf {
    const mw_module *module;
    uint32_t code_size; /* of the code section: addresses are below it */
#define MW_DWARF_FIELD(field, name) mw_wasm_custom field;
    MW_DWARF_SECTIONS(MW_DWARF_FIELD)
#undef MW_DWARF_FIELD
    /* Reading costs, and so does what is kept, many times more than any compiler's output needs of it for a byte: a
     * module that was made to take long, or much memory, is read no further when this comes to 0. */
    uint64_t budget;
    bool no_memory;
    mw_dwarf_vector files, rows, line_units, namespaces, functions, scopes, ranges, spans;
    mw_debug_info result;
} mw_dwarf;

void mw_dwarf_read_lines(mw_dwarf *d); /* dwarf_line.c: files, rows, line_units */
void mw_dwarf_read_info(mw_dwarf *d);  /* dwarf_info.c: namespaces, functions, scopes, ranges */

#endif
