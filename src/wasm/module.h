/* A decoded module (specification 2.5). Everything points into the module's bytes or into the module's arena;
 * the caller keeps the bytes alive and unchanged until mw_module_free. */
#ifndef MW_WASM_MODULE_H
#define MW_WASM_MODULE_H

#include "base/bytes.h"
#include "base/report.h"
#include "base/valtype.h"
#include "wasm/features.h"
#include <stdbool.h>
#include <stdint.h>

typedef mw_valtype mw_wasm_valtype;
enum {
    MW_WASM_I32 = MW_I32,
    MW_WASM_I64 = MW_I64,
    MW_WASM_F32 = MW_F32,
    MW_WASM_F64 = MW_F64,
    MW_WASM_V128 = MW_V128,
    MW_WASM_FUNCREF = MW_FUNCREF,
    MW_WASM_EXTERNREF = MW_EXTERNREF,
    MW_WASM_EXNREF = MW_EXNREF,
    MW_WASM_NULLEXNREF = MW_NULLEXNREF,
    MW_WASM_BOT = 0x00, /* validation only: the type of what unreachable code leaves on the stack */
};

static inline bool mw_wasm_is_ref(mw_wasm_valtype t)
{
    return mw_is_ref(t);
}

typedef enum mw_wasm_extern_kind {
    MW_WASM_FUNC = 0,
    MW_WASM_TABLE = 1,
    MW_WASM_MEMORY = 2,
    MW_WASM_GLOBAL = 3,
    MW_WASM_TAG = 4,
} mw_wasm_extern_kind;

typedef struct mw_wasm_name {
    const char *bytes; /* valid UTF-8, not NUL-terminated */
    uint32_t len;
} mw_wasm_name;

typedef struct mw_wasm_functype {
    uint32_t nparams, nresults;
    const mw_wasm_valtype *types; /* parameters, then results */
    uint32_t group, group_size;   /* its recursion group: the first type's index and their number */
    uint32_t super;               /* the type that it is declared a subtype of; UINT32_MAX if there is none */
    uint32_t depth;               /* how many supertypes it has */
    bool is_final;                /* nothing may be declared a subtype of it */
    bool is_called_by_table;      /* of a canonical one: by call_indirect, known once the module is validated */
    uint32_t canonical;           /* smallest index of an equal type in this module; from mw_module_validate */
    uint32_t at;                  /* byte offset of the definition in the module; so in the structures below */
} mw_wasm_functype;

typedef struct mw_wasm_limits {
    uint64_t min, max; /* max is UINT64_MAX if not declared */
    bool is64, shared;
} mw_wasm_limits;

/* The type of addresses in a memory, and of indices in a table. */
static inline mw_wasm_valtype mw_wasm_address_type(const mw_wasm_limits *limits)
{
    return limits->is64 ? MW_WASM_I64 : MW_WASM_I32;
}

typedef struct mw_wasm_memory {
    mw_wasm_limits limits; /* pages */
    uint32_t at;
} mw_wasm_memory;

/* A constant expression as it stands in the binary, `end` included; validated, so that a reader of
 * operators (wasm/operator.h) over it cannot fail. */
typedef struct mw_wasm_expr {
    const uint8_t *bytes;
    uint32_t size;
} mw_wasm_expr;

typedef struct mw_wasm_table {
    mw_wasm_limits limits;
    mw_wasm_valtype type;
    mw_wasm_expr init; /* of its elements; empty for null references and for an imported table */
    bool is_written;   /* by an instruction; known once the module is validated */
    uint32_t at;
} mw_wasm_table;

typedef struct mw_wasm_global {
    mw_wasm_valtype type;
    bool is_mutable;
    mw_wasm_expr init; /* empty for an imported global */
    uint32_t at;
} mw_wasm_global;

typedef struct mw_wasm_tag {
    uint32_t type; /* type index: what an exception carries */
    uint32_t at;
} mw_wasm_tag;

typedef struct mw_wasm_import {
    mw_wasm_name module, name;
    mw_wasm_extern_kind kind;
    uint32_t index; /* in the index space of its kind */
    uint32_t at;
} mw_wasm_import;

typedef struct mw_wasm_export {
    mw_wasm_name name;
    mw_wasm_extern_kind kind;
    uint32_t index;
    uint32_t at;
} mw_wasm_export;

typedef struct mw_wasm_local_run {
    uint32_t count;
    mw_wasm_valtype type;
} mw_wasm_local_run;

/* A function, imported or defined. */
typedef struct mw_wasm_func {
    uint32_t type;                   /* type index */
    uint32_t at;                     /* where its type index stands, in the import or the function section */
    uint32_t offset;                 /* defined: byte offset of the first instruction in the module */
    const uint8_t *code;             /* defined: the instructions, final `end` included; NULL for an import */
    uint32_t code_size;
    uint32_t nlocals;                /* declared locals, parameters not counted */
    uint32_t nlocal_runs;
    const mw_wasm_local_run *local_runs;
    mw_wasm_name name;               /* from the name section; empty if it has none */
    bool has_tail_call;              /* from mw_module_validate: its code has a return_call, return_call_indirect, ... */
    bool is_declared_ref;            /* may occur in ref.func (specification 3.4.10, C.refs) */
} mw_wasm_func;

typedef enum mw_wasm_segment_mode {
    MW_WASM_ACTIVE,
    MW_WASM_PASSIVE,
    MW_WASM_DECLARATIVE
} mw_wasm_segment_mode;

typedef struct mw_wasm_data {
    mw_wasm_segment_mode mode;
    uint32_t memory;
    mw_wasm_expr offset;
    const uint8_t *bytes;
    uint32_t size;
    uint32_t at;
} mw_wasm_data;

typedef struct mw_wasm_elem {
    mw_wasm_segment_mode mode;
    uint32_t table;
    mw_wasm_expr offset;
    mw_wasm_valtype type;
    uint32_t count;
    /* One of the two is set if count > 0. */
    const uint32_t *funcs;
    const mw_wasm_expr *exprs;
    uint32_t at;
} mw_wasm_elem;

typedef struct mw_wasm_custom {
    mw_wasm_name name;
    const uint8_t *bytes;
    uint32_t size;
} mw_wasm_custom;

/* Index spaces hold the imported ones first. */
typedef struct mw_module {
    const uint8_t *bytes;
    size_t size;

    uint32_t ntypes;
    mw_wasm_functype *types;
    uint32_t nimports;
    mw_wasm_import *imports;
    uint32_t nfuncs, nimported_funcs;
    mw_wasm_func *funcs;
    uint32_t ntables, nimported_tables;
    mw_wasm_table *tables;
    uint32_t nmemories, nimported_memories;
    mw_wasm_memory *memories;
    uint32_t nglobals, nimported_globals;
    mw_wasm_global *globals;
    uint32_t ntags, nimported_tags;
    mw_wasm_tag *tags;
    uint32_t nexports;
    mw_wasm_export *exports;
    uint32_t ndatas;
    bool has_data_count;
    mw_wasm_data *datas;
    uint32_t nelems;
    mw_wasm_elem *elems;
    uint32_t ncustoms;
    mw_wasm_custom *customs;
    uint32_t start; /* function index, or UINT32_MAX */
    uint32_t start_at;
    mw_wasm_name name; /* from the name section */

    uint64_t features; /* MW_FEATURE_*: what the module uses; complete after mw_module_validate */
    uint64_t code_offset; /* byte offset of the code section's contents in the module; 0 without one. DWARF in
                             the module counts from here. */

    struct mw_arena *arena; /* owner of all arrays above */
} mw_module;

/* Decodes `size` bytes (specification 5). Refuses what is malformed with MW_ERR_MALFORMED, the byte offset and
 * the reason; the instructions themselves are read by mw_module_validate. On failure *out is unchanged and
 * nothing needs to be freed. */
MW_CHECKED mw_error mw_module_decode(const void *bytes, size_t size, mw_report *report, mw_module **out);

/* Validates all of `module` (specification 3), instructions included: MW_ERR_MALFORMED, MW_ERR_INVALID or
 * MW_ERR_UNSUPPORTED (a feature outside `features`) with offset and reason. Time and memory are linear in the
 * module's size. Afterwards every reader of operators over a function's code succeeds. */
MW_CHECKED mw_error mw_module_validate(mw_module *module, uint64_t features, mw_report *report);

void mw_module_free(mw_module *module); /* NULL is allowed */

/* Whether a value of type `a` may stand where one of type `b` is wanted (3.3, "Matching"). Both are types of `module`, with
 * indices that it has; MW_WASM_BOT matches everything. */
bool mw_wasm_subtype(const mw_module *module, mw_wasm_valtype a, mw_wasm_valtype b);
/* The same for references to functions of the types with these indices. */
bool mw_wasm_functype_matches(const mw_module *module, uint32_t a, uint32_t b);
/* Whether they are one type. */
bool mw_wasm_same_type(const mw_module *module, mw_wasm_valtype a, mw_wasm_valtype b);

/* The name as a string for people: control characters, which could drive a terminal, become '?', and what does
 * not fit into `size` bytes is cut at a character. Returns `text`. */
const char *mw_name_text(mw_wasm_name name, char *text, size_t size);

#endif
