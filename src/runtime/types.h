/* Process-wide interning of function types: equal types (specification 3.2: their recursion groups are equal) have equal ids
 * in all instances, so that call_indirect compares one integer. Ids live as long as the process. */
#ifndef MW_RUNTIME_TYPES_H
#define MW_RUNTIME_TYPES_H

#include "abi/abi.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct mw_functype {
    uint32_t id;
    uint32_t super; /* id of the declared supertype, or UINT32_MAX */
    uint32_t nparams, nresults;
    mw_valtype types[]; /* parameters, then results; with ids for type indices */
} mw_functype;

/* Sets ids[i] for each of a module's types, whole recursion groups. False if there is no memory. Thread-safe. */
bool mw_functypes_intern(const mw_type_desc *types, uint32_t count, uint32_t *ids);
/* One type that refers to no other. NULL if there is no memory. Thread-safe. */
const mw_functype *mw_functype_intern(uint32_t nparams, uint32_t nresults, const mw_valtype *types);
/* The type of an id that mw_functype_intern gave. Lock-free. */
const mw_functype *mw_functype_of(uint32_t id);

/* A type of a module as one with ids. */
mw_valtype mw_valtype_interned(mw_valtype t, const uint32_t *ids);
/* Whether `a` is `b` or declared a subtype of it; both are ids. */
bool mw_functype_is_subtype(uint32_t a, uint32_t b);
/* Whether a value of type `a` may stand where one of type `b` is wanted; both with ids. */
bool mw_valtype_is_subtype(mw_valtype a, mw_valtype b);

/* The type of a signature in the letters of host_module.h; NULL if it is none. */
const mw_functype *mw_functype_of_signature(const char *signature);
/* Whether `type` is what `signature` says. */
bool mw_functype_matches(const mw_functype *type, const char *signature);

/* Writes "(i32, i64) -> f32" and returns as snprintf does. */
int mw_functype_print(const mw_functype *type, char *text, size_t size);

#endif
