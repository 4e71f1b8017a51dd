/* Constant tables of functions (fixed_table.c). */
#ifndef MW_COMPILER_FIXED_TABLE_H
#define MW_COMPILER_FIXED_TABLE_H

#include "compiler/emit.h"

#define MW_NO_FUNC UINT32_MAX

/* For each table of the module its functions' indices, MW_NO_FUNC for null, or NULL if the table is not fixed. To be freed
 * with mw_fixed_tables_free. */
uint32_t **mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options);
void mw_fixed_tables_free(const mw_module *m, uint32_t **tables);

/* Emits the constants, in one unit. */
void mw_emit_fixed_tables(mw_unit *u);

/* Whether call_indirect of `type` can use the constant. */
bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table);
/* The code of the function at `index`, checked to be of the type; the instance to call it with is the caller's. */
LLVMValueRef mw_fixed_table_code(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index);

#endif
