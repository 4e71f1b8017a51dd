/* Control constructs and SSA for locals.
 *
 * Structured control flow needs no general SSA construction: a loop's header gets phis for exactly the locals that
 * the loop assigns (scan.c), and where branches to the end of a construct come together, a phi is made for a local
 * when the second value for it arrives. */
#ifndef MW_COMPILER_CONTROL_H
#define MW_COMPILER_CONTROL_H

#include "compiler/emit.h"

/* The locals that a loop, with the loops in it, assigns. */
typedef struct mw_loop_scan {
    uint32_t *locals;
    uint32_t count, capacity;
} mw_loop_scan;

typedef struct mw_function_scan {
    mw_loop_scan *loops; /* in order of appearance, those in dead code included */
    uint32_t nloops;
    uint64_t edges; /* upper bound of the edges that carry values of all locals */
    bool large;     /* given up: locals belong in memory */
} mw_function_scan;

/* Reads a function's code once, ahead of emission. */
void mw_scan_function(const mw_wasm_func *func, uint32_t nlocals, mw_function_scan *out);
void mw_scan_free(mw_function_scan *scan);
/* What a function is worth with what is inlined into it (inline.h, fixed_table.h). */
mw_effort mw_scan_effort(const mw_module *m, const bool *inlined, const struct mw_fixed_table *tables, uint32_t funcidx);

/* The end of a construct, where the branches to its label and its last instruction meet. */
typedef struct mw_join {
    LLVMBasicBlockRef block; /* NULL until something goes there; holds nothing but phis until it is reached */
    LLVMValueRef *values;    /* [locals, then results]: the one value that all edges bring, or a phi of `block` */
    bool *is_phi;
    LLVMBasicBlockRef *edges; /* predecessors so far */
    uint32_t nedges, edges_capacity;
} mw_join;

typedef enum mw_control_kind {
    MW_CONTROL_FUNCTION,
    MW_CONTROL_BLOCK,
    MW_CONTROL_LOOP,
    MW_CONTROL_IF, /* its first arm */
    MW_CONTROL_ELSE,
    MW_CONTROL_TRY_TABLE,
    MW_CONTROL_TRY,   /* the older form: its body */
    MW_CONTROL_CATCH, /* one of its handlers */
} mw_control_kind;

typedef struct mw_control {
    mw_control_kind kind;
    uint32_t nparams, nresults;
    const mw_wasm_valtype *types; /* parameters, then results */
    uint32_t height;              /* of the value stack below the parameters */
    mw_join join;                 /* not of a loop or function */
    uint32_t catcher;             /* 1 + index of the innermost try whose body holds the code in here; 0: none */

    LLVMBasicBlockRef header; /* loop */
    LLVMValueRef *phis;       /* loop: of its parameters, then of scan->locals */
    const mw_loop_scan *scan;

    LLVMBasicBlockRef else_block; /* if */
    LLVMValueRef *saved;          /* if: locals, then parameters, as the second arm begins with them */

    /* Of a try: what calls of its body throw arrives at `pad`, a landing pad; that, and what the function itself
     * throws, goes on at `dispatch`, whose values are the locals and the exception. */
    mw_join pad, dispatch;
    mw_bytes catches; /* try_table: its clauses */
    uint32_t ncatches;
    LLVMValueRef exception;      /* catch: what it caught */
    LLVMBasicBlockRef unmatched; /* catch: where exceptions go that no handler so far takes; NULL: nowhere. Their
                                  * locals are `saved`. */

    LLVMBasicBlockRef switch_block; /* of the br_table that is being emitted: where it goes to reach this label */
    uint32_t switch_stamp;

    /* Heights of the log of facts: at the beginning; at the lowest branch to the end so far (UINT32_MAX: none);
     * the lowest since the beginning. */
    uint32_t facts_start, facts_branch, facts_low;
} mw_control;

/* Enters the function's own construct: its label is the return. */
void mw_enter_function(mw_emitter *e);
/* The same of one that is inlined: its label is what comes after. */
void mw_enter_inlined(mw_emitter *e);
/* Enters a construct and takes its parameters from the stack. */
mw_control *mw_enter_construct(mw_emitter *e, mw_control_kind kind, const mw_block_type *block);
/* An instruction that cannot be reached: only the nesting is followed. True if it was handled so. */
bool mw_skip_dead(mw_emitter *e, const mw_operator *op);

static inline mw_control *mw_control_at(mw_emitter *e, uint32_t depth)
{
    return &e->controls[e->ncontrols - 1 - depth];
}

/* How many locals travel along edges. */
static inline uint32_t mw_locals_in_ssa(const mw_emitter *e)
{
    return e->locals_in_memory ? 0 : e->nlocals;
}

/* Leaves the innermost construct: its `end`. */
void mw_end_construct(mw_emitter *e);
/* The locals and `count` more values go from the current block to `join`; the caller branches to its block. */
void mw_join_edge(mw_emitter *e, mw_join *join, const LLVMValueRef *values, uint32_t count);
/* The current block ends with a jump to the label of `c`, which takes its operands from the stack. */
void mw_jump(mw_emitter *e, mw_control *c);
/* The same to its end. */
void mw_jump_to_end(mw_emitter *e, mw_control *c);
/* What comes next in `c` is reached from its beginning, not from the code before: forgets what that proved. */
void mw_restart_facts(mw_emitter *e, mw_control *c);

/* The `end` of a try: emits what becomes of exceptions; the rest is as for a block (emit_exception.c). */
void mw_end_try(mw_emitter *e, mw_control *c);

#endif
