#include "compiler/control.h"
#include "compiler/fixed_table.h"
#include "compiler/inline.h"

#include <stdlib.h>
#include <string.h>

/* Above these, phis for locals would take more memory than the function is worth. */
enum { MAX_LISTED = 16 << 20 };
#define MAX_EDGE_VALUES (UINT64_C(64) << 20)

#define NO_LOOP UINT32_MAX

typedef struct scanner {
    mw_function_scan *out;
    uint32_t loops_capacity;
    uint32_t *open; /* of each open construct: its loop's index, or NO_LOOP */
    uint32_t nopen, open_capacity;
    uint32_t *tries;     /* of each open construct: how many tries are open with it */
    uint32_t tries_capacity;
    uint32_t *innermost; /* stack of open loops */
    uint32_t ninnermost, innermost_capacity;
    uint32_t *stamps; /* [nlocals]: 1 + the loop that listed the local last */
    uint64_t listed;
} scanner;

static void list_local(scanner *s, uint32_t loop, uint32_t local)
{
    if (s->stamps[local] == loop + 1 || s->out->large)
        return;
    s->stamps[local] = loop + 1;
    mw_loop_scan *l = &s->out->loops[loop];
    mw_reserve(&l->locals, &l->capacity, l->count + 1, sizeof *l->locals);
    l->locals[l->count++] = local;
    if (++s->listed > MAX_LISTED)
        s->out->large = true;
}

static uint32_t open_tries(const scanner *s)
{
    return s->nopen ? s->tries[s->nopen - 1] : 0;
}

static void open_construct(scanner *s, bool is_loop, bool is_try)
{
    mw_reserve(&s->open, &s->open_capacity, s->nopen + 1, sizeof *s->open);
    mw_reserve(&s->tries, &s->tries_capacity, s->nopen + 1, sizeof *s->tries);
    s->tries[s->nopen] = open_tries(s) + is_try;
    s->open[s->nopen++] = is_loop ? s->out->nloops : NO_LOOP;
    if (!is_loop)
        return;
    mw_reserve(&s->innermost, &s->innermost_capacity, s->ninnermost + 1, sizeof *s->innermost);
    s->innermost[s->ninnermost++] = s->out->nloops;
    mw_reserve(&s->out->loops, &s->loops_capacity, s->out->nloops + 1, sizeof *s->out->loops);
    s->out->loops[s->out->nloops++] = (mw_loop_scan){NULL, 0, 0};
}

/* A closed loop's locals are its parent's too. A local may be listed twice in the parent, before and after the
 * inner loop; the second is dropped here. */
static void close_construct(scanner *s)
{
    uint32_t loop = s->nopen ? s->open[--s->nopen] : NO_LOOP;
    if (loop == NO_LOOP)
        return;
    s->ninnermost--;
    mw_loop_scan *l = &s->out->loops[loop];
    uint32_t unique = 0;
    for (uint32_t i = 0; i < l->count; i++)
        s->stamps[l->locals[i]] = 0;
    for (uint32_t i = 0; i < l->count; i++)
        if (s->stamps[l->locals[i]] != loop + 1) {
            s->stamps[l->locals[i]] = loop + 1;
            l->locals[unique++] = l->locals[i];
        }
    l->count = unique;
    if (s->ninnermost)
        for (uint32_t i = 0; i < unique; i++)
            list_local(s, s->innermost[s->ninnermost - 1], l->locals[i]);
}

void mw_scan_function(const mw_wasm_func *func, uint32_t nlocals, mw_function_scan *out)
{
    *out = (mw_function_scan){0};
    scanner s = {.out = out, .stamps = mw_calloc(nlocals, sizeof *s.stamps)};
    mw_bytes code = mw_bytes_of(func->code, func->code_size, func->offset, NULL);
    mw_operator op;
    while (mw_bytes_left(&code) && mw_operator_read(&code, &op) == MW_OK) {
        switch (op.op) {
        case MW_OP_LOCAL_SET:
        case MW_OP_LOCAL_TEE:
            if (s.ninnermost)
                list_local(&s, s.innermost[s.ninnermost - 1], op.index);
            break;
        case MW_OP_LOOP:
        case MW_OP_BLOCK:
        case MW_OP_IF:
            open_construct(&s, op.op == MW_OP_LOOP, false);
            out->edges++;
            break;
        case MW_OP_TRY:
        case MW_OP_TRY_TABLE:
            open_construct(&s, false, true);
            out->edges += 3 + (op.op == MW_OP_TRY_TABLE ? op.try_table.count : 0);
            break;
        case MW_OP_CATCH:
        case MW_OP_CATCH_ALL:
        case MW_OP_THROW:
        case MW_OP_RETHROW:
        case MW_OP_THROW_REF:
            out->edges++;
            break;
        case MW_OP_CALL:
        case MW_OP_CALL_INDIRECT:
        case MW_OP_CALL_REF: /* what it throws goes to a landing pad */
            out->edges += open_tries(&s) > 0;
            break;
        case MW_OP_END:
        case MW_OP_DELEGATE:
            close_construct(&s);
            out->edges++;
            break;
        case MW_OP_ELSE:
        case MW_OP_BR:
        case MW_OP_BR_IF:
        case MW_OP_BR_ON_NULL:
        case MW_OP_BR_ON_NON_NULL:
            out->edges++;
            break;
        case MW_OP_BR_TABLE:
            out->edges += op.labels.count + UINT64_C(1) < s.nopen + UINT64_C(1) ? op.labels.count + UINT64_C(1)
                                                                              : s.nopen + UINT64_C(1);
            break;
        default:
            break;
        }
    }
    if (out->edges * nlocals > MAX_EDGE_VALUES)
        out->large = true;
    free(s.open);
    free(s.tries);
    free(s.innermost);
    free(s.stamps);
}

void mw_scan_free(mw_function_scan *scan)
{
    for (uint32_t i = 0; i < scan->nloops; i++)
        free(scan->loops[i].locals);
    free(scan->loops);
}

/* Two floats or vectors in: additions, comparisons, conversions of lanes. */
static bool is_float_arithmetic(const char *signature)
{
    return signature && signature[0] && strchr("fFV", signature[0]) && signature[1] && strchr("fFV:", signature[1]) &&
           (signature[1] != ':' || signature[0] == 'V');
}

/* Vectors that a loop may load and store for it to be widened: with more, as in a stencil, LLVM's checks that the arrays
 * are apart fail, and what is left of the loop is slower than it was. */
enum { MOST_WIDENED = 6 };

/* LLVM's passes take quadratic time each in one of these, so the functions of hostile (or generated) modules get only
 * the passes that stand them. Seconds of each at its limit, on one core of 2020:
 *
 *   bytes of code          gvn, and instcombine after it: in a function of 200 KB thousands of conditions are on the
 *                          same few values, and both walk them for each use
 *   operators in a run     without a branch: slp-vectorizer (2 s), then the schedulers of the code generator
 *   loops                  indvars: for each loop it walks the conditions of those before it (1 s)
 *   conditional branches   instcombine (1 s) */
enum { LINEAR_BYTES = 64 << 10, LINEAR_RUN = 4096, LEAST_LOOPS = 300, LEAST_BRANCHES = 1024, LEAST_RUN = 16384 };

typedef struct shape {
    uint32_t loops, branches, run, longest_run;
    bool has_floats;
    bool has_float_vectors, has_other_vectors;
    uint32_t vector_accesses, most_vector_accesses; /* since the last loop began; the most of these */
} shape;

/* What is done to each lane on its own, or moves lanes that are floats: LLVM takes it apart and puts it together again. */
static bool is_lanewise(mw_opcode op)
{
    switch (op) {
    case MW_OP_V128_LOAD:
    case MW_OP_V128_STORE:
    case MW_OP_V128_CONST:
    case MW_OP_V128_LOAD32_SPLAT:
    case MW_OP_V128_LOAD64_SPLAT:
    case MW_OP_F32X4_SPLAT:
    case MW_OP_F64X2_SPLAT:
    case MW_OP_F32X4_EXTRACT_LANE:
    case MW_OP_F64X2_EXTRACT_LANE:
    case MW_OP_F32X4_REPLACE_LANE:
    case MW_OP_F64X2_REPLACE_LANE:
    case MW_OP_F32X4_ABS:
    case MW_OP_F32X4_NEG:
    case MW_OP_F32X4_SQRT:
    case MW_OP_F32X4_ADD:
    case MW_OP_F32X4_SUB:
    case MW_OP_F32X4_MUL:
    case MW_OP_F32X4_DIV:
    case MW_OP_F64X2_ABS:
    case MW_OP_F64X2_NEG:
    case MW_OP_F64X2_SQRT:
    case MW_OP_F64X2_ADD:
    case MW_OP_F64X2_SUB:
    case MW_OP_F64X2_MUL:
    case MW_OP_F64X2_DIV:
        return true;
    default:
        return false;
    }
}

/* Counts an operator. Those that trap under a condition branch, too; a block that is entered from above only is not seen. */
static void count(shape *s, const mw_operator *op)
{
    const mw_op_info *info = mw_op_info_of(op->op);
    bool branches = false;
    switch (op->op) {
    case MW_OP_LOOP:
        s->loops++;
        break;
    case MW_OP_IF:
    case MW_OP_BR_IF:
    case MW_OP_BR_TABLE:
    case MW_OP_CALL_INDIRECT:
    case MW_OP_CALL_REF:
    case MW_OP_TABLE_GET:
    case MW_OP_TABLE_SET:
        branches = true;
        break;
    default:
        branches = mw_is_partial(op->op) || (op->op >= MW_OP_MEMORY_INIT && op->op <= MW_OP_TABLE_FILL) || info->prefix == 0xfe;
    }
    s->branches += branches + (op->op == MW_OP_I32_DIV_S || op->op == MW_OP_I64_DIV_S); /* zero, and overflow */
    s->run = branches ? 0 : s->run + 1;
    if (s->run > s->longest_run)
        s->longest_run = s->run;
    bool is_float = is_float_arithmetic(info->signature);
    s->has_floats |= is_float;
    if (info->prefix == 0xfd) {
        s->has_float_vectors |= is_float && is_lanewise(op->op);
        s->has_other_vectors |= !is_lanewise(op->op);
        s->vector_accesses += op->op == MW_OP_V128_LOAD || op->op == MW_OP_V128_STORE;
        if (s->vector_accesses > s->most_vector_accesses)
            s->most_vector_accesses = s->vector_accesses;
    } else if (op->op == MW_OP_LOOP) {
        s->vector_accesses = 0;
    }
}

static void count_code(shape *s, const mw_wasm_func *func)
{
    mw_bytes code = mw_bytes_of(func->code, func->code_size, func->offset, NULL);
    mw_operator op;
    while (mw_bytes_left(&code) && mw_operator_read(&code, &op) == MW_OK)
        count(s, &op);
}

/* Counts what is inlined for a call of a function, within the budget. */
static void count_inlined(shape *s, const mw_module *m, const bool *inlined, uint32_t funcidx, uint32_t *budget)
{
    if (!mw_is_inlined(inlined, m, funcidx, *budget))
        return;
    *budget -= m->funcs[funcidx].code_size;
    count_code(s, &m->funcs[funcidx]);
}

mw_effort mw_scan_effort(const mw_module *m, const bool *inlined, const mw_fixed_table *tables, uint32_t funcidx)
{
    const mw_wasm_func *func = &m->funcs[funcidx];
    shape s = {0};
    uint32_t budget = mw_inline_budget(func);
    mw_bytes code = mw_bytes_of(func->code, func->code_size, func->offset, NULL);
    mw_operator op;
    while (mw_bytes_left(&code) && mw_operator_read(&code, &op) == MW_OK) {
        count(&s, &op);
        if (op.op == MW_OP_CALL)
            count_inlined(&s, m, inlined, op.index, &budget);
        if (op.op == MW_OP_CALL_INDIRECT) {
            const mw_targets *t = mw_few_targets(m, &tables[op.index2], op.index);
            for (uint32_t i = 0; t && i < t->count; i++)
                count_inlined(&s, m, inlined, tables[op.index2].funcs[t->few[i]], &budget);
        }
    }
    if (s.loops > LEAST_LOOPS || s.branches > LEAST_BRANCHES || s.longest_run > LEAST_RUN)
        return MW_EFFORT_LEAST;
    if (func->code_size >= LINEAR_BYTES || s.longest_run > LINEAR_RUN)
        return MW_EFFORT_LINEAR;
    if (s.loops && s.has_float_vectors && !s.has_other_vectors)
        return s.most_vector_accesses <= MOST_WIDENED ? MW_EFFORT_WIDEN : MW_EFFORT_REROLL;
    return s.has_floats ? MW_EFFORT_VECTORS : s.loops ? MW_EFFORT_LOOPS : MW_EFFORT_LITTLE;
}
