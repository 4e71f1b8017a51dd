/* Constant tables of functions (fixed_table.c). */
#ifndef MW_COMPILER_FIXED_TABLE_H
#define MW_COMPILER_FIXED_TABLE_H

#include "compiler/emit.h"

#define MW_NO_FUNC UINT32_MAX

/* Where the functions of one type are in a table. */
typedef struct mw_targets {
    uint32_t type;        /* canonical */
    uint32_t first, last; /* indices that all entries of the type lie between */
    uint32_t count;
} mw_targets;

typedef struct mw_fixed_table {
    uint32_t *funcs; /* index of each entry's function, MW_NO_FUNC for null; NULL if the table is not fixed */
    mw_targets *targets; /* in ascending order of .type */
    uint32_t ntargets;
} mw_fixed_table;

/* One for each table of the module, to be freed with mw_fixed_tables_free. */
mw_fixed_table *mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options);
void mw_fixed_tables_free(const mw_module *m, mw_fixed_table *tables);

/* Emits the constants, in one unit. */
void mw_emit_fixed_tables(mw_unit *u);

/* Whether call_indirect of `type` can use the constant. */
bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table);
/* The code of the function at `index`, checked to be of the type; the instance to call it with is the caller's. */
LLVMValueRef mw_fixed_table_code(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index);

#endif
