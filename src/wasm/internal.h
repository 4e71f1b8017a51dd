/* What decoder and validator share among themselves. */
#ifndef MW_WASM_INTERNAL_H
#define MW_WASM_INTERNAL_H

#include "wasm/module.h"
#include "wasm/operator.h"
#include <stddef.h>

/* Passes an error on. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        mw_error try_error = (call);                                                               \
        if (try_error != MW_OK)                                                                    \
            return try_error;                                                                      \
    } while (0)

/* Limits of this implementation. Without those on types, a two-byte call or block could stand for any amount of
 * work; 1,000 is what the WebAssembly JavaScript API demands of engines, and so is the limit on locals. */
enum {
    MW_LIMIT_PARAMS = MW_MAX_PARAMS,
    MW_LIMIT_RESULTS = 1000,
    MW_LIMIT_TYPES = 1000000,
    MW_LIMIT_SUPERTYPES = 63,        /* of a type: how far matching walks */
    MW_LIMIT_LOCALS = 50000,         /* of a function, parameters included */
    MW_LIMIT_OPERAND_STACK = 1 << 20, /* values on the operand stack of a function */
    MW_LIMIT_NESTING = 1 << 20,       /* blocks within one another */
    MW_LIMIT_MEMORIES = 100,          /* of a module: each takes 8 GiB of address space and more */
};

/* ---- Arena: memory with the lifetime of a module -------------------------------------------------------- */

typedef struct mw_arena mw_arena;
mw_arena *mw_arena_new(void);
void mw_arena_free(mw_arena *arena);
/* Zeroed room for `count` elements, aligned for any of this module's types; NULL without memory. A count of 0
 * gives a pointer that is not NULL. */
void *mw_arena_alloc(mw_arena *arena, size_t count, size_t size);

/* ---- Names (names.c) ------------------------------------------------------------------------------------ */

bool mw_is_utf8(const uint8_t *bytes, size_t size);
/* Takes module and function names from the custom section `name` (specification A, "Name Section"). What is
 * malformed in it is ignored, as the specification asks, together with all that follows. */
void mw_decode_name_section(mw_module *module, const mw_wasm_custom *section);

/* ---- Instruction sequences (body.c) --------------------------------------------------------------------- */

/* Scratch memory that validation of one body hands to the next. */
typedef struct mw_body_validator mw_body_validator;
MW_CHECKED mw_error mw_body_validator_new(mw_module *module, uint64_t features, mw_report *report,
                                          mw_body_validator **out);
void mw_body_validator_free(mw_body_validator *v);

/* Validates the defined function `index`. */
MW_CHECKED mw_error mw_validate_function(mw_body_validator *v, uint32_t index);
/* Validates a constant expression of type `type` that may read the globals below `nglobals` (3.3.10). A function
 * that it refers to becomes a declared reference. */
MW_CHECKED mw_error mw_validate_const_expr(mw_body_validator *v, const mw_wasm_expr *expr, mw_wasm_valtype type,
                                           uint32_t nglobals);

/* ---- Types (types.c) ------------------------------------------------------------------------------------ */

/* Sets `canonical` of all types, which refer to types before the end of their group only. */
MW_CHECKED mw_error mw_canonicalize_types(mw_module *module, mw_report *report);

/* ---- Features and types (validate.c) -------------------------------------------------------------------- */

/* Notes that the module uses `feature`; MW_ERR_UNSUPPORTED unless `allowed` has it. */
MW_CHECKED mw_error mw_need_feature(mw_module *module, uint64_t allowed, uint64_t feature, mw_report *report,
                                    uint64_t offset);
/* Checks that the module may use `type` and has the type that it refers to. */
MW_CHECKED mw_error mw_check_valtype(mw_module *module, uint64_t allowed, mw_wasm_valtype type, mw_report *report,
                                     uint64_t offset);

#endif
