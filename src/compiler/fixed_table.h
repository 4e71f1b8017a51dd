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
    bool *has_others; /* [ntypes]: whether functions of other types may be called as the type (canonical); NULL: none may */
} mw_fixed_table;

/* One for each table of the module, to be freed with mw_fixed_tables_free. */
mw_fixed_table *mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options);
void mw_fixed_tables_free(const mw_module *m, mw_fixed_table *tables);

/* Emits the constants, in one unit. */
void mw_emit_fixed_tables(mw_unit *u);

/* Whether call_indirect of `type` can use the constant. */
bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table);

/* A call of a function of `type` (canonical) at an index. The instance to call it with is the caller's. */
typedef struct mw_lookup {
    mw_call_site site;
    const mw_targets *targets; /* NULL if no function has the type */
    uint32_t only;             /* the one function that has the type, else MW_NO_FUNC */
    bool has_others;           /* the table has functions that may be called as the type by the rules of C */
    LLVMValueRef other;        /* the code of such a one, and the blocks where it is known and used (fixed_table.c) */
    LLVMBasicBlockRef other_block, next;
} mw_lookup;

mw_lookup mw_fixed_table_lookup(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index);
/* The code of the function at the index; a trap if there is none that can be called so. */
LLVMValueRef mw_fixed_table_code(mw_emitter *e, mw_lookup *l);
/* Of a lookup with an .only: whether the index is another's, whose code mw_other_code then gives. NULL without others: a trap
 * if it is. */
LLVMValueRef mw_is_other(mw_emitter *e, mw_lookup *l);
LLVMValueRef mw_other_code(mw_emitter *e, const mw_lookup *l);

#endif
