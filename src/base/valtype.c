#include "base/valtype.h"

#include <stdio.h>

static const char *one_byte_name(mw_valtype t)
{
    switch (t) {
    case MW_I32:
        return "i32";
    case MW_I64:
        return "i64";
    case MW_F32:
        return "f32";
    case MW_F64:
        return "f64";
    case MW_V128:
        return "v128";
    case MW_FUNCREF:
        return "funcref";
    case MW_EXTERNREF:
        return "externref";
    case MW_EXNREF:
        return "exnref";
    case MW_NULLEXNREF:
        return "nullexnref";
    default:
        return "any type";
    }
}

static const char *heap_name(mw_heaptype heap)
{
    switch (heap) {
    case MW_HEAP_FUNC:
        return "func";
    case MW_HEAP_EXTERN:
        return "extern";
    case MW_HEAP_EXN:
        return "exn";
    case MW_HEAP_NOEXN:
        return "noexn";
    default:
        return "any";
    }
}

mw_valtype_text mw_valtype_name(mw_valtype t)
{
    mw_valtype_text text;
    mw_heaptype heap = mw_ref_heap(t);
    const char *null = mw_ref_is_nullable(t) ? "null " : "";
    if (!(t & MW_TYPED))
        snprintf(text.s, sizeof text.s, "%s", one_byte_name(t));
    else if (mw_heap_is_index(heap))
        snprintf(text.s, sizeof text.s, "(ref %s%u)", null, mw_heap_index(heap));
    else
        snprintf(text.s, sizeof text.s, "(ref %s%s)", null, heap_name(heap));
    return text;
}
