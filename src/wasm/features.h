/* Features of WebAssembly beyond version 1.0, one bit each. X(enumerator, name for people) */
#ifndef MW_WASM_FEATURES_H
#define MW_WASM_FEATURES_H

#include <stdint.h>

#define MW_FEATURES(X)                                                                             \
    X(MUTABLE_GLOBALS, "mutable-globals")                                                          \
    X(SIGN_EXTENSION, "sign-ext")                                                                  \
    X(SATURATING_CONVERSION, "nontrapping-fptoint")                                                \
    X(MULTI_VALUE, "multivalue")                                                                   \
    X(BULK_MEMORY, "bulk-memory")                                                                  \
    X(REFERENCE_TYPES, "reference-types")                                                          \
    X(SIMD, "simd128")                                                                             \
    X(EXTENDED_CONST, "extended-const")                                                            \
    X(TAIL_CALL, "tail-call")                                                                      \
    X(EXCEPTIONS, "exception-handling")                                                            \
    X(MULTI_MEMORY, "multimemory")                                                                 \
    X(MEMORY64, "memory64")                                                                        \
    X(RELAXED_SIMD, "relaxed-simd")                                                                \
    X(THREADS, "atomics")                                                                          \
    X(FUNCTION_REFERENCES, "function-references")                                                  \
    X(GC, "gc")

enum {
#define MW_FEATURE_BIT(f, name) MW_FEATURE_BIT_##f,
    MW_FEATURES(MW_FEATURE_BIT)
#undef MW_FEATURE_BIT
    MW_FEATURE_COUNT
};
enum {
#define MW_FEATURE_MASK(f, name) MW_FEATURE_##f = 1 << MW_FEATURE_BIT_##f,
    MW_FEATURES(MW_FEATURE_MASK)
#undef MW_FEATURE_MASK
};
#define MW_FEATURE_MVP 0
/* What decoder, validator and compiler handle: all but garbage collection. */
#define MW_FEATURES_IMPLEMENTED (((1 << MW_FEATURE_COUNT) - 1) & ~MW_FEATURE_GC)

/* The name for people of the first feature of the mask; NULL if it is empty. */
const char *mw_feature_name(uint64_t features);

#endif
