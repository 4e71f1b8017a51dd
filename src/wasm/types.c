/* Equality and matching of value types (specification 3.3). */
#include "wasm/module.h"

static uint32_t canonical(const mw_module *module, mw_heaptype heap)
{
    return module->types[mw_heap_index(heap)].canonical;
}

static bool heap_matches(const mw_module *module, mw_heaptype a, mw_heaptype b)
{
    if (a == b || a == MW_HEAP_BOTTOM)
        return true;
    if (!mw_heap_is_index(a))
        return false;
    return mw_heap_is_index(b) ? canonical(module, a) == canonical(module, b) : b == MW_HEAP_FUNC;
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
