#include "compiler/inline.h"
#include "compiler/control.h"

#include <stdlib.h>

/* Of code; a call with its arguments takes about ten. Where branches meet, each local counts. */
enum { MOST_BYTES = 80, MOST_LOCALS = 16, MOST_CONDITIONS = 8 };

/* No call, no loop, nothing that a service does; where control comes together again is the end. */
static bool is_simple(const mw_operator *op)
{
    const mw_op_info *info = mw_op_info_of(op->op);
    switch (op->op) {
    case MW_OP_BLOCK:
    case MW_OP_IF:
    case MW_OP_ELSE:
    case MW_OP_END:
    case MW_OP_BR:
    case MW_OP_BR_IF:
    case MW_OP_RETURN:
    case MW_OP_DROP:
    case MW_OP_SELECT:
    case MW_OP_SELECT_T:
    case MW_OP_LOCAL_GET:
    case MW_OP_LOCAL_SET:
    case MW_OP_LOCAL_TEE:
    case MW_OP_GLOBAL_GET:
    case MW_OP_GLOBAL_SET:
        return true;
    default: /* of those with a signature only atomic ones may call a service */
        return info->signature && info->prefix != 0xfe;
    }
}

/* What the branches of an instruction count; one that traps under conditions has several, and code for the traps. */
static unsigned conditions_of(const mw_operator *op)
{
    if (op->op == MW_OP_IF || op->op == MW_OP_BR_IF)
        return 1;
    return mw_is_partial(op->op) ? MOST_CONDITIONS / 2 : 0;
}

static bool is_small_and_simple(const mw_wasm_func *func)
{
    if (func->code_size > MOST_BYTES || func->nlocals > MOST_LOCALS)
        return false;
    mw_bytes code = mw_bytes_of(func->code, func->code_size, func->offset, NULL);
    mw_operator op;
    unsigned conditions = 0;
    while (mw_bytes_left(&code)) {
        if (mw_operator_read(&code, &op) != MW_OK || !is_simple(&op))
            return false;
        conditions += conditions_of(&op);
    }
    return conditions <= MOST_CONDITIONS;
}

bool *mw_inlined_read(const mw_module *m, const mw_compile_options *options)
{
    if (options->opt_level < 2 || options->strict_traps)
        return NULL;
    bool *inlined = mw_calloc(m->nfuncs, sizeof *inlined);
    for (uint32_t i = m->nimported_funcs; i < m->nfuncs; i++)
        inlined[i] = is_small_and_simple(&m->funcs[i]);
    return inlined;
}

uint32_t mw_inline_budget(const mw_wasm_func *func)
{
    enum { ALWAYS = MOST_BYTES };
    return func->code_size + ALWAYS;
}

void mw_emit_inlined(mw_emitter *e, uint32_t funcidx, const LLVMValueRef *args)
{
    const mw_unit *u = e->unit;
    const mw_wasm_func *func = &u->module->funcs[funcidx];
    const mw_emitter caller = *e;
    e->inline_budget -= func->code_size;
    e->func = func;
    e->funcidx = funcidx;
    e->locals_in_memory = false;
    mw_debug_begin_inlined(e);
    mw_begin_locals(e, args);

    e->function_control = e->ncontrols;
    mw_enter_inlined(e);
    mw_emit_code(e);

    mw_debug_end_function(e);
    free(e->locals);
    free(e->local_types);
    e->func = caller.func;
    e->funcidx = caller.funcidx;
    e->locals_in_memory = caller.locals_in_memory;
    e->locals = caller.locals;
    e->local_types = caller.local_types;
    e->nlocals = caller.nlocals;
    e->di_scope = caller.di_scope;
    e->debug = caller.debug;
    e->inlined_at = caller.inlined_at;
    e->function_control = caller.function_control;
    e->activation = caller.activation;
    mw_debug_set_offset(e, caller.offset);
}
