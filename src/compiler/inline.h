/* Small functions without calls and loops, emitted where they are called. The guest's compiler has inlined what it saw: what
 * remains are functions of other translation units and, above all, those that are called by a table (fixed_table.c), virtual
 * functions of C++. */
#ifndef MW_COMPILER_INLINE_H
#define MW_COMPILER_INLINE_H

#include "compiler/emit.h"

/* [nfuncs]: which functions of a valid module are to be inlined; NULL if none is, at the given options. To be freed with free. */
bool *mw_inlined_read(const mw_module *m, const mw_compile_options *options);

/* How many bytes of code may be inlined into a function, so that no module grows by more than some times. */
uint32_t mw_inline_budget(const mw_wasm_func *func);

static inline bool mw_is_inlined(const bool *inlined, const mw_module *m, uint32_t funcidx, uint32_t budget)
{
    return inlined && inlined[funcidx] && m->funcs[funcidx].code_size <= budget;
}

/* Emits the code of such a function with the parameters `args` (not kept) and pushes its results. The budget is the emitter's. */
void mw_emit_inlined(mw_emitter *e, uint32_t funcidx, const LLVMValueRef *args);

#endif
