/* What a module's DWARF (versions 2 to 5, in its custom sections) says of its code: lines, functions and what was
 * inlined into them. All addresses here are byte offsets in the module.
 *
 * DWARF is the guest's word. What is malformed is passed over, and what is left may be wrong: it serves people only,
 * and nothing that keeps the guest in may depend on it. Time and memory are linear in the module's size. */
#ifndef MW_WASM_DWARF_H
#define MW_WASM_DWARF_H

#include "wasm/module.h"

#define MW_DEBUG_NONE UINT32_MAX

/* A source file as its compiler was given it: `name`, in `dir` unless that is empty or `name` is absolute, in `base`
 * (the compiler's working directory) likewise. */
typedef struct mw_debug_file {
    mw_wasm_name base, dir, name;
} mw_debug_file;

/* The instructions from `offset` to the next row's come from this line; from none if `line` is 0. */
typedef struct mw_debug_row {
    uint32_t offset, file, line;
} mw_debug_row;

/* A namespace or class that functions are in. */
typedef struct mw_debug_namespace {
    mw_wasm_name name;
    uint32_t parent; /* smaller than its own index; or MW_DEBUG_NONE, as in all of this header */
} mw_debug_namespace;

typedef struct mw_debug_function {
    mw_wasm_name name;    /* as written in the source; empty if unknown */
    mw_wasm_name linkage; /* mangled; empty if there is none */
    uint32_t in;          /* namespace */
    uint32_t file, line;  /* of its declaration; MW_DEBUG_NONE and 0 if unknown */
} mw_debug_function;

/* A function's code, or a call in it whose code stands in the place of the call. */
typedef struct mw_debug_scope {
    uint32_t function;             /* for mw_debug_function_at; MW_DEBUG_NONE if the DWARF does not say */
    uint32_t parent;               /* what it was inlined into, smaller than its own index; MW_DEBUG_NONE: a function */
    uint32_t call_file, call_line; /* of the call; MW_DEBUG_NONE and 0 if unknown */
} mw_debug_scope;

/* The instructions from `offset` to the next span's belong to this scope and no smaller one. */
typedef struct mw_debug_span {
    uint32_t offset, scope;
} mw_debug_span;

typedef struct mw_debug_info {
    uint32_t nfiles, nrows, nnamespaces, nfunctions, nscopes, nspans;
    const mw_debug_file *files;
    const mw_debug_row *rows;   /* ascending */
    const mw_debug_namespace *namespaces;
    const mw_debug_scope *scopes;
    const mw_debug_span *spans; /* ascending */
    bool is_cxx;                /* some of it was written in C++ */
    struct mw_dwarf *dwarf;     /* owner of the arrays */
} mw_debug_info;

/* Reads the DWARF of a validated module, which must outlive it. NULL if it has no line for any of its code, or memory
 * ran out. */
mw_debug_info *mw_debug_info_read(const mw_module *module);
void mw_debug_info_free(mw_debug_info *info); /* NULL is allowed */

/* The row or span that covers `offset`; MW_DEBUG_NONE if none does. */
uint32_t mw_debug_row_at(const mw_debug_info *info, uint32_t offset);
uint32_t mw_debug_span_at(const mw_debug_info *info, uint32_t offset);

/* `function` is below nfunctions, or MW_DEBUG_NONE: then nothing is known. */
mw_debug_function mw_debug_function_at(const mw_debug_info *info, uint32_t function);

#endif
