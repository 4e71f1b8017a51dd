#include "runtime/types.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Types by id: chunks that never move, so that readers need no lock. */
#define CHUNK 256
#define NCHUNKS 4096

static const mw_functype **chunks[NCHUNKS];
static uint32_t ntypes; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Open addressing, a power of two, at most half full; under the lock. */
static uint32_t *buckets; /* id + 1, 0: empty */
static uint32_t nbuckets;

static uint32_t hash_type(uint32_t nparams, uint32_t nresults, const mw_valtype *types)
{
    uint32_t h = 2166136261u ^ nparams;
    for (uint32_t i = 0; i < nparams + nresults; i++)
        h = (h ^ types[i]) * 16777619u;
    return h;
}

const mw_functype *mw_functype_of(uint32_t id)
{
    return __atomic_load_n(&chunks[id / CHUNK], __ATOMIC_ACQUIRE)[id % CHUNK];
}

static bool grow_buckets(void)
{
    uint32_t n = nbuckets ? nbuckets * 2 : 256;
    uint32_t *wider = calloc(n, sizeof *wider);
    if (!wider)
        return false;
    for (uint32_t id = 0; id < ntypes; id++) {
        const mw_functype *t = mw_functype_of(id);
        uint32_t at = hash_type(t->nparams, t->nresults, t->types) & (n - 1);
        while (wider[at])
            at = (at + 1) & (n - 1);
        wider[at] = id + 1;
    }
    free(buckets);
    buckets = wider;
    nbuckets = n;
    return true;
}

static const mw_functype *intern_locked(uint32_t nparams, uint32_t nresults, const mw_valtype *types)
{
    if (ntypes * 2 >= nbuckets && !grow_buckets())
        return NULL;
    size_t n = (size_t)nparams + nresults;
    uint32_t at = hash_type(nparams, nresults, types) & (nbuckets - 1);
    for (; buckets[at]; at = (at + 1) & (nbuckets - 1)) {
        const mw_functype *t = mw_functype_of(buckets[at] - 1);
        if (t->nparams == nparams && t->nresults == nresults && (n == 0 || !memcmp(t->types, types, n * sizeof *types)))
            return t;
    }
    if (ntypes == CHUNK * NCHUNKS)
        return NULL;
    const mw_functype **chunk = chunks[ntypes / CHUNK];
    if (!chunk) {
        chunk = calloc(CHUNK, sizeof *chunk);
        if (!chunk)
            return NULL;
        __atomic_store_n(&chunks[ntypes / CHUNK], chunk, __ATOMIC_RELEASE);
    }
    mw_functype *type = malloc(sizeof *type + n * sizeof *types);
    if (!type)
        return NULL;
    *type = (mw_functype){.id = ntypes, .nparams = nparams, .nresults = nresults};
    if (n)
        memcpy(type->types, types, n * sizeof *types);
    chunk[ntypes % CHUNK] = type;
    buckets[at] = ++ntypes;
    return type;
}

const mw_functype *mw_functype_intern(uint32_t nparams, uint32_t nresults, const mw_valtype *types)
{
    pthread_mutex_lock(&lock);
    const mw_functype *type = intern_locked(nparams, nresults, types);
    pthread_mutex_unlock(&lock);
    return type;
}

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
