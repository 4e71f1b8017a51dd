/* Functions that the linker made to trap, made to call what they stand for (adapters.c). */
#ifndef MW_COMPILER_ADAPTERS_H
#define MW_COMPILER_ADAPTERS_H

#include "wasm/module.h"

typedef struct mw_adapters mw_adapters;

/* Of a valid module; to be freed with mw_adapters_free, which takes NULL as well. */
mw_adapters *mw_adapters_read(const mw_module *m);
void mw_adapters_free(mw_adapters *a);

/* The function, with the code of its adapter if it has one. `a` may be NULL. */
mw_wasm_func mw_adapted(const mw_adapters *a, const mw_module *m, uint32_t funcidx);

#endif
