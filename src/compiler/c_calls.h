/* C programs call functions with more arguments than they take, without use of their results, and without a declaration, which
 * natively works where nothing is read that is not there, and in WebAssembly is a trap. Modules may ask for such calls. */
#ifndef MW_COMPILER_C_CALLS_H
#define MW_COMPILER_C_CALLS_H

#include "compiler/compiler.h"

/* Does the module ask for the calls of C, by exporting a global of this name, and is it to have them? */
#define MW_C_CALLS "__mpiwasm_c_calls"
bool mw_calls_as_c(const mw_module *m, const mw_compile_options *options);

/* Are a function's parameters the first ones of the type that it is called as? */
bool mw_takes_no_more(const mw_wasm_functype *function, const mw_wasm_functype *called);

/* Functions that the linker made to trap, made to call what they stand for. */
typedef struct mw_adapters mw_adapters;

/* Of a valid module; NULL if it has no calls of C. To be freed with mw_adapters_free, which takes NULL as well. */
mw_adapters *mw_adapters_read(const mw_module *m, const mw_compile_options *options);
void mw_adapters_free(mw_adapters *a);

/* The function, with the code of its adapter if it has one. `a` may be NULL. */
mw_wasm_func mw_adapted(const mw_adapters *a, const mw_module *m, uint32_t funcidx);

#endif
