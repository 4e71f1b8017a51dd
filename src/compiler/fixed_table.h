/* Constant tables of functions (fixed_table.c). */
#ifndef MW_COMPILER_FIXED_TABLE_H
#define MW_COMPILER_FIXED_TABLE_H

#include "compiler/emit.h"

#define MW_NO_FUNC UINT32_MAX

/* Up to so many functions of a type, all of them inlined, are told apart by comparisons of the index. Where they are called, the
 * table is faster. */
enum { MW_FEW_TARGETS = 4 };

/* Where the functions of one type are in a table. */
typedef struct mw_targets {
    uint32_t type;        /* canonical */
    uint32_t first, last; /* indices that all entries of the type lie between */
    uint32_t count;
    uint32_t few[MW_FEW_TARGETS]; /* the indices of the first ones */
    bool is_few; /* these are all, and a call compares its index with them: there is one, or they are inlined */
} mw_targets;

typedef struct mw_fixed_table {
    uint32_t *funcs; /* index of each entry's function, MW_NO_FUNC for null; NULL if the table is not fixed */
    mw_targets *targets; /* in ascending order of .type */
    uint32_t ntargets;
    bool *has_others; /* [ntypes]: whether functions of other types may be called as the type (canonical); NULL: none may */
} mw_fixed_table;

/* One for each table of the module, to be freed with mw_fixed_tables_free. `inlined`: from mw_inlined_read, may be NULL. */
mw_fixed_table *mw_fixed_tables_read(const mw_module *m, const mw_compile_options *options, const bool *inlined);
void mw_fixed_tables_free(const mw_module *m, mw_fixed_table *tables);

/* Emits the constants, in one unit. */
void mw_emit_fixed_tables(mw_unit *u);

/* The functions that call_indirect of `type` tells apart by their indices; NULL if it does not. */
const mw_targets *mw_few_targets(const mw_module *m, const mw_fixed_table *t, uint32_t type);

/* Whether call_indirect of `type` can use the constant. */
bool mw_is_called_by_fixed_table(const mw_unit *u, uint32_t type, uint32_t table);

/* A call of a function of `type` (canonical) at an index. The instance to call it with is the caller's. */
typedef struct mw_lookup {
    mw_call_site site;
    const mw_targets *targets; /* NULL if no function has the type */
    bool has_others;           /* the table has functions that may be called as the type by the rules of C */
    LLVMValueRef other;        /* the code of such a one, and the blocks where it is known and used (fixed_table.c) */
    LLVMBasicBlockRef other_block, next;
} mw_lookup;

mw_lookup mw_fixed_table_lookup(mw_emitter *e, uint32_t type, uint32_t table, LLVMValueRef index);
/* The code of the function at the index; a trap if there is none that can be called so. */
LLVMValueRef mw_fixed_table_code(mw_emitter *e, mw_lookup *l);
/* Of a lookup whose targets are few: the i-th function of the type, and whether the index is its. Of the last one, where only functions of the
 * type may be called: NULL, and a trap if it is not. */
uint32_t mw_few_target(const mw_emitter *e, const mw_lookup *l, uint32_t i);
LLVMValueRef mw_is_few_target(mw_emitter *e, mw_lookup *l, uint32_t i);
/* The code of a function of another type that may be called as the type; a trap if there is none at the index. */
LLVMValueRef mw_other_code(mw_emitter *e, const mw_lookup *l);

#endif
