/* Process-wide interning of function types: equal types have equal ids in all instances, so that call_indirect
 * compares one integer. Ids live as long as the process. */
#ifndef MW_RUNTIME_TYPES_H
#define MW_RUNTIME_TYPES_H

#include "abi/abi.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct mw_functype {
    uint32_t id;
    uint32_t nparams, nresults;
    mw_valtype types[]; /* parameters, then results */
} mw_functype;

/* NULL if there is no memory. Thread-safe. */
const mw_functype *mw_functype_intern(uint32_t nparams, uint32_t nresults, const mw_valtype *types);
/* The type of an id that mw_functype_intern gave. Lock-free. */
const mw_functype *mw_functype_of(uint32_t id);

/* The same for a signature in the letters of host_module.h; NULL if it is none. */
const mw_functype *mw_functype_of_signature(const char *signature);
/* Whether `type` is what `signature` says. */
bool mw_functype_matches(const mw_functype *type, const char *signature);

/* Writes "(i32, i64) -> f32" and returns as snprintf does. */
int mw_functype_print(const mw_functype *type, char *text, size_t size);

#endif
