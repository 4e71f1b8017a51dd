#include "runtime/types.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types by id: chunks that never move, so that readers need no lock. */
#define CHUNK 256
#define NCHUNKS 4096
#define MAX_TYPES (CHUNK * NCHUNKS)

static const mw_functype **chunks[NCHUNKS];
static uint32_t ntypes; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* A recursion group as a string of words that does not depend on where it was found: types of the group by their place in
 * it, others by id. Two groups are one exactly if their words are. */
typedef struct group {
    uint32_t first; /* id of its first type */
    uint32_t nwords;
    uint32_t words[];
} group;

static void *groups; /* of tsearch; under the lock */

const mw_functype *mw_functype_of(uint32_t id)
{
    return __atomic_load_n(&chunks[id / CHUNK], __ATOMIC_ACQUIRE)[id % CHUNK];
}

static int compare_groups(const void *va, const void *vb)
{
    const group *a = va, *b = vb;
    if (a->nwords != b->nwords)
        return a->nwords < b->nwords ? -1 : 1;
    return memcmp(a->words, b->words, a->nwords * sizeof *a->words);
}

/* `t` with another index for the type that it refers to, if it does: of those from `first` on, their place added to
 * `base`; of others, the id. */
static mw_valtype translate(mw_valtype t, uint32_t first, uint32_t base, const uint32_t *ids)
{
    mw_heaptype heap = mw_ref_heap(t);
    if (!(t & MW_TYPED) || !mw_heap_is_index(heap))
        return t;
    uint32_t index = mw_heap_index(heap);
    index = index >= first ? base + (index - first) : ids[index];
    return mw_ref_of(MW_HEAP_INDEX | index, mw_ref_is_nullable(t));
}

static uint32_t translate_super(uint32_t super, uint32_t first, uint32_t base, const uint32_t *ids)
{
    return super == UINT32_MAX ? super : super >= first ? base + (super - first) : ids[super];
}

enum { TYPE_WORDS = 4 }; /* of a type, beside its parameters and results */

static group *make_group(const mw_type_desc *types, uint32_t first, uint32_t size, const uint32_t *ids)
{
    uint32_t nwords = 0;
    for (uint32_t i = first; i < first + size; i++)
        nwords += TYPE_WORDS + types[i].nparams + types[i].nresults;
    group *g = malloc(sizeof *g + nwords * sizeof *g->words);
    if (!g)
        return NULL;
    g->nwords = 0;
    for (uint32_t i = first; i < first + size; i++) {
        const mw_type_desc *t = &types[i];
        g->words[g->nwords++] = t->nparams;
        g->words[g->nwords++] = t->nresults;
        g->words[g->nwords++] = t->is_final;
        g->words[g->nwords++] = translate_super(t->super, first, MAX_TYPES, ids);
        for (uint32_t k = 0; k < t->nparams + t->nresults; k++)
            g->words[g->nwords++] = translate(t->types[k], first, MAX_TYPES, ids);
    }
    return g;
}

static bool add_type(const mw_type_desc *t, uint32_t first, uint32_t base, const uint32_t *ids)
{
    size_t n = (size_t)t->nparams + t->nresults;
    if (ntypes == MAX_TYPES)
        return false;
    const mw_functype **chunk = chunks[ntypes / CHUNK];
    if (!chunk) {
        chunk = calloc(CHUNK, sizeof *chunk);
        if (!chunk)
            return false;
        __atomic_store_n(&chunks[ntypes / CHUNK], chunk, __ATOMIC_RELEASE);
    }
    mw_functype *type = malloc(sizeof *type + n * sizeof *type->types);
    if (!type)
        return false;
    *type = (mw_functype){.id = ntypes, .super = translate_super(t->super, first, base, ids), .nparams = t->nparams,
                          .nresults = t->nresults};
    for (size_t i = 0; i < n; i++)
        type->types[i] = translate(t->types[i], first, base, ids);
    chunk[ntypes++ % CHUNK] = type;
    return true;
}

/* Sets ids[first..first + size) for the group there. */
static bool intern_group(const mw_type_desc *types, uint32_t first, uint32_t size, uint32_t *ids)
{
    group *g = make_group(types, first, size, ids), *const *found = g ? tsearch(g, &groups, compare_groups) : NULL;
    if (!found) {
        free(g);
        return false;
    }
    if (*found != g) {
        free(g);
    } else {
        g->first = ntypes;
        for (uint32_t i = first; i < first + size; i++)
            if (!add_type(&types[i], first, g->first, ids)) {
                tdelete(g, &groups, compare_groups);
                free(g);
                return false;
            }
    }
    for (uint32_t i = 0; i < size; i++)
        ids[first + i] = (*found)->first + i;
    return true;
}

bool mw_functypes_intern(const mw_type_desc *types, uint32_t count, uint32_t *ids)
{
    bool done = true;
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < count && done; i += types[i].group_size)
        done = intern_group(types, i, types[i].group_size, ids);
    pthread_mutex_unlock(&lock);
    return done;
}

const mw_functype *mw_functype_intern(uint32_t nparams, uint32_t nresults, const mw_valtype *types)
{
    const mw_type_desc desc = {.nparams = nparams, .nresults = nresults, .types = types, .group_size = 1,
                               .super = UINT32_MAX, .is_final = 1};
    uint32_t id;
    return mw_functypes_intern(&desc, 1, &id) ? mw_functype_of(id) : NULL;
}

/* ---- Matching (specification 3.3) ------------------------------------------------------------------------------ */

mw_valtype mw_valtype_interned(mw_valtype t, const uint32_t *ids)
{
    return translate(t, UINT32_MAX, 0, ids);
}

bool mw_functype_is_subtype(uint32_t a, uint32_t b)
{
    while (a != b && a != UINT32_MAX)
        a = mw_functype_of(a)->super;
    return a == b;
}

bool mw_valtype_is_subtype(mw_valtype a, mw_valtype b)
{
    if (a == b)
        return true;
    if (!mw_is_ref(a) || !mw_is_ref(b) || (mw_ref_is_nullable(a) && !mw_ref_is_nullable(b)))
        return false;
    mw_heaptype x = mw_ref_heap(a), y = mw_ref_heap(b);
    if (x == y || !mw_heap_is_index(x))
        return x == y;
    return mw_heap_is_index(y) ? mw_functype_is_subtype(mw_heap_index(x), mw_heap_index(y)) : y == MW_HEAP_FUNC;
}

/* ---- Signatures ------------------------------------------------------------------------------------------------ */

/* 0: not a letter of a signature. */
static mw_valtype valtype_of_letter(char letter)
{
    switch (letter) {
    case 'i': return MW_I32;
    case 'I': return MW_I64;
    case 'f': return MW_F32;
    case 'F': return MW_F64;
    case 'V': return MW_V128;
    case 'r': return MW_EXTERNREF;
    case 'R': return MW_FUNCREF;
    default: return 0;
    }
}

const mw_functype *mw_functype_of_signature(const char *signature)
{
    mw_valtype types[64];
    uint32_t n = 0, nparams = UINT32_MAX;
    for (const char *s = signature; *s; s++) {
        if (*s == ':' && nparams == UINT32_MAX) {
            nparams = n;
            continue;
        }
        if (n == sizeof types / sizeof *types || !(types[n++] = valtype_of_letter(*s)))
            return NULL;
    }
    return nparams == UINT32_MAX ? NULL : mw_functype_intern(nparams, n - nparams, types);
}

bool mw_functype_matches(const mw_functype *type, const char *signature)
{
    uint32_t n = 0;
    bool colon = false;
    for (const char *s = signature; *s; s++) {
        if (*s == ':' && !colon) {
            if (n != type->nparams)
                return false;
            colon = true;
        } else if (n == type->nparams + type->nresults || type->types[n++] != valtype_of_letter(*s)) {
            return false;
        }
    }
    return colon && n == type->nparams + type->nresults;
}

/* Appends "(a, b)" at *at, which may run past `size`. */
static void print_list(char *text, size_t size, int *at, const mw_valtype *types, uint32_t n, bool parentheses)
{
#define REST ((size_t)*at < size ? text + *at : NULL), ((size_t)*at < size ? size - (size_t)*at : 0)
    *at += snprintf(REST, "%s", parentheses ? "(" : "");
    for (uint32_t i = 0; i < n; i++)
        *at += snprintf(REST, "%s%s", i ? ", " : "", mw_valtype_name(types[i]).s);
    *at += snprintf(REST, "%s", parentheses ? ")" : "");
#undef REST
}

int mw_functype_print(const mw_functype *type, char *text, size_t size)
{
    int at = 0;
    print_list(text, size, &at, type->types, type->nparams, true);
    at += snprintf((size_t)at < size ? text + at : NULL, (size_t)at < size ? size - (size_t)at : 0, " -> ");
    print_list(text, size, &at, type->types + type->nparams, type->nresults, type->nresults != 1);
    return at;
}
