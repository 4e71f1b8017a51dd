/* Value types (WebAssembly specification 2.3, 5.3) as 32-bit words: the one encoding that decoder, compiler, descriptor and
 * runtime share. */
#ifndef MW_BASE_VALTYPE_H
#define MW_BASE_VALTYPE_H

#include <stdbool.h>
#include <stdint.h>

/* A type that the binary format writes in one byte is that byte. Every other reference type is MW_TYPED with the heap type
 * and, if it may be null, MW_NULLABLE; a type has one encoding, so that (ref null func) is MW_FUNCREF only. */
typedef uint32_t mw_valtype;
enum {
    MW_I32 = 0x7f,
    MW_I64 = 0x7e,
    MW_F32 = 0x7d,
    MW_F64 = 0x7c,
    MW_V128 = 0x7b,
    MW_FUNCREF = 0x70,   /* (ref null func) */
    MW_EXTERNREF = 0x6f, /* (ref null extern) */
    MW_EXNREF = 0x69,    /* (ref null exn) */
    MW_NULLEXNREF = 0x74, /* (ref null noexn): null */
};

/* A heap type: a type index with MW_HEAP_INDEX set, or one of the abstract ones. The index counts in the module's types,
 * in the runtime's own structures in the process's (runtime/types.h). */
typedef uint32_t mw_heaptype;
enum {
    MW_HEAP_BOTTOM = 0, /* below all; validation only: of a reference that unreachable code leaves */
    MW_HEAP_FUNC = 0x70,
    MW_HEAP_EXTERN = 0x6f,
    MW_HEAP_EXN = 0x69,
    MW_HEAP_NOEXN = 0x74, /* below exn, of no value */
};
#define MW_HEAP_INDEX (UINT32_C(1) << 29)
#define MW_NULLABLE (UINT32_C(1) << 30)
#define MW_TYPED (UINT32_C(1) << 31)
#define MW_MAX_TYPE_INDEX (MW_HEAP_INDEX - 1)

static inline bool mw_is_ref(mw_valtype t)
{
    return t & MW_TYPED || t == MW_FUNCREF || t == MW_EXTERNREF || t == MW_EXNREF || t == MW_NULLEXNREF;
}

/* Of reference types. */
static inline bool mw_ref_is_nullable(mw_valtype t)
{
    return !(t & MW_TYPED) || t & MW_NULLABLE;
}

static inline mw_heaptype mw_ref_heap(mw_valtype t)
{
    return t & ~(MW_TYPED | MW_NULLABLE);
}

static inline mw_valtype mw_ref_of(mw_heaptype heap, bool nullable)
{
    if (nullable && !(heap & MW_HEAP_INDEX) && heap != MW_HEAP_BOTTOM)
        return heap;
    return MW_TYPED | (nullable ? MW_NULLABLE : 0) | heap;
}

static inline bool mw_heap_is_index(mw_heaptype heap)
{
    return heap & MW_HEAP_INDEX;
}

static inline uint32_t mw_heap_index(mw_heaptype heap)
{
    return heap & MW_MAX_TYPE_INDEX;
}

/* More parameters a function type cannot have: what the WebAssembly JavaScript API demands of engines. */
enum { MW_MAX_PARAMS = 1000 };

/* Whether a local of the type begins with a value: a zero or a null. */
static inline bool mw_is_defaultable(mw_valtype t)
{
    return !mw_is_ref(t) || mw_ref_is_nullable(t);
}

/* The type as the text format writes it: "i32", "funcref", "(ref null 3)", "(ref func)". */
typedef struct mw_valtype_text {
    char s[32];
} mw_valtype_text;
mw_valtype_text mw_valtype_name(mw_valtype t);

#endif
