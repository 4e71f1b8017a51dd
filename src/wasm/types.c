/* Equality and matching of types (specification 3.2, 3.3). Types are equal if their recursion groups are: of one length, and
 * the same but for where they stand. A type definition outside of a group is a group of its own. */
#define _GNU_SOURCE /* tdestroy */
#include "wasm/internal.h"

#include <search.h>

/* ---- Canonical types ------------------------------------------------------------------------------------ */

/* What the reference to type `index` from within `group` means wherever the group stands: the place in the group, or an
 * earlier type. */
static uint32_t reference_word(const mw_wasm_functype *types, uint32_t group, uint32_t index)
{
    const uint32_t inner = UINT32_C(1) << 28;
    _Static_assert(MW_LIMIT_TYPES < 1 << 28 && 1 << 28 < MW_HEAP_INDEX, "an index and its mark fit");
    return index >= group ? inner | (index - group) : types[index].canonical;
}

static uint32_t type_word(const mw_wasm_functype *types, uint32_t group, mw_wasm_valtype t)
{
    mw_heaptype heap = mw_ref_heap(t);
    if (!(t & MW_TYPED) || !mw_heap_is_index(heap))
        return t;
    return mw_ref_of(MW_HEAP_INDEX | reference_word(types, group, mw_heap_index(heap)), mw_ref_is_nullable(t));
}

static uint32_t super_word(const mw_wasm_functype *types, const mw_wasm_functype *t)
{
    return t->super == UINT32_MAX ? UINT32_MAX : reference_word(types, t->group, t->super);
}

static int compare_words(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_types(const mw_wasm_functype *types, const mw_wasm_functype *a, const mw_wasm_functype *b)
{
    int order = compare_words(a->nparams, b->nparams);
    if (!order)
        order = compare_words(a->nresults, b->nresults);
    if (!order)
        order = compare_words(a->is_final, b->is_final);
    if (!order)
        order = compare_words(super_word(types, a), super_word(types, b));
    for (uint32_t i = 0; !order && i < a->nparams + a->nresults; i++)
        order = compare_words(type_word(types, a->group, a->types[i]), type_word(types, b->group, b->types[i]));
    return order;
}

/* Orders groups, given by their first types in one array. */
static int compare_groups(const void *va, const void *vb)
{
    const mw_wasm_functype *a = va, *b = vb, *types = a - a->group;
    int order = compare_words(a->group_size, b->group_size);
    for (uint32_t i = 0; !order && i < a->group_size; i++)
        order = compare_types(types, a + i, b + i);
    return order;
}

static void free_nothing(void *node)
{
    (void)node;
}

/* With a balanced tree and not by hashing: no module can make it slow. A group refers to types before its own end only,
 * so that the canonical types are known when its turn comes. */
mw_error mw_canonicalize_types(mw_module *module, mw_report *report)
{
    void *tree = NULL;
    mw_error error = MW_OK;
    for (uint32_t i = 0, size; i < module->ntypes && error == MW_OK; i += size) {
        mw_wasm_functype *group = &module->types[i];
        size = group->group_size;
        mw_wasm_functype *const *found = tsearch(group, &tree, compare_groups);
        if (!found)
            error = mw_fail(report, MW_ERR_NO_MEMORY, "no memory to validate the module");
        for (uint32_t k = 0; found && k < size; k++)
            group[k].canonical = (*found)->group + k;
    }
    tdestroy(tree, free_nothing);
    return error;
}

/* ---- Matching ------------------------------------------------------------------------------------------- */

bool mw_wasm_functype_matches(const mw_module *module, uint32_t a, uint32_t b)
{
    const mw_wasm_functype *types = module->types;
    while (types[a].canonical != types[b].canonical) {
        if (types[a].super == UINT32_MAX)
            return false;
        a = types[a].super;
    }
    return true;
}

static bool heap_matches(const mw_module *module, mw_heaptype a, mw_heaptype b)
{
    if (a == b || a == MW_HEAP_BOTTOM || (a == MW_HEAP_NOEXN && b == MW_HEAP_EXN))
        return true;
    if (!mw_heap_is_index(a))
        return false;
    return mw_heap_is_index(b) ? mw_wasm_functype_matches(module, mw_heap_index(a), mw_heap_index(b))
                               : b == MW_HEAP_FUNC;
}

bool mw_wasm_subtype(const mw_module *module, mw_wasm_valtype a, mw_wasm_valtype b)
{
    if (a == b || a == MW_WASM_BOT)
        return true;
    if (!mw_is_ref(a) || !mw_is_ref(b) || (mw_ref_is_nullable(a) && !mw_ref_is_nullable(b)))
        return false;
    return heap_matches(module, mw_ref_heap(a), mw_ref_heap(b));
}

bool mw_wasm_same_type(const mw_module *module, mw_wasm_valtype a, mw_wasm_valtype b)
{
    return mw_wasm_subtype(module, a, b) && mw_wasm_subtype(module, b, a);
}
