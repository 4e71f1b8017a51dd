/* Everything that compiled code and the runtime share: layouts of the structures that compiled code reads,
 * the calls it makes into the runtime, and the descriptor that a compiled object carries. Compiler and
 * runtime meet here and nowhere else. Any change of a layout or of a meaning raises MW_ABI_VERSION, which is
 * part of every cache key.
 *
 * A compiled module is an ELF shared object without undefined symbols. It exports one symbol,
 * MW_DESCRIPTOR_SYMBOL, of type mw_code_descriptor.
 *
 * Calling convention of guest functions and of the host functions that they import: the C ABI of the target,
 * with a context as the first parameter, then the WebAssembly parameters in order (i32, i64, f32, f64,
 * v128 as a 16-byte vector, references as pointers). One result is returned as a C function would, two are
 * returned in registers as LLVM lowers a literal structure; more are written to an array of mw_value, whose
 * address the caller passes after the context. Several never occur in host functions. The context of a guest
 * function is the end of its instance, where most modules' memory 0 begins, so that one register is both
 * (mw_context_of); that of a host function is the instance that imported it.
 *
 * A function that makes tail calls has its code under LLVM's convention `tailcc` and an entry under the convention
 * above that calls it. tailcc takes the same parameters if registers hold them all: at most 6 integers and pointers,
 * context and results included, and 8 floats and vectors. Otherwise it takes, after context and results, the
 * address of an array of mw_value with the parameters, which it reads before it does anything else. */
#ifndef MW_ABI_ABI_H
#define MW_ABI_ABI_H

#include "base/valtype.h"
#include <stddef.h>
#include <stdint.h>

#define MW_ABI_VERSION 4
#define MW_ABI_MAGIC UINT32_C(0x4d57414f) /* "OAWM" in memory */
#define MW_DESCRIPTOR_SYMBOL "mw_code_descriptor_v1"

#define MW_PAGE_BYTES UINT64_C(65536)
/* A 32-bit memory ends at least 64 KiB below 4 GiB: after an access at zext(p) was executed, p + c cannot
 * wrap for 0 <= c <= 64 KiB. The code generator relies on it. */
#define MW_MAX_PAGES32 UINT64_C(65535)
/* Reservation of a 32-bit memory: 4 GiB of index, 4 GiB of constant offset, and a guard for the width of
 * the access. */
#define MW_RESERVED_BYTES32 ((UINT64_C(8) << 30) + (UINT64_C(1) << 16))

/* Past the largest index of a 64-bit memory that its code does not refuse (mw_memory.limit), the reservation goes on
 * for a constant offset of 32 bits and the width of an access, and for slack: so much lies before its base too. Code
 * whose index is the sum of one that is not above the limit and of something no larger than the slack need not compare
 * the sum. The limit is within these bounds, so that no code is needed for an index that has 32 bits, and no sum of all
 * these wraps. */
#define MW_SLACK_BYTES64 (UINT64_C(64) << 30) /* an i32 times 8, and 2^32 steps of 8 */
#define MW_GUARD_BYTES64 (MW_SLACK_BYTES64 + (UINT64_C(4) << 30) + (UINT64_C(1) << 16))
#define MW_MIN_LIMIT64 (UINT64_C(4) << 30)
#define MW_MAX_LIMIT64 (UINT64_C(1) << 46)

/* ---- Traps ------------------------------------------------------------------------------------------- */

/* X(enumerator, text); the texts are those that the specification's tests expect. */
#define MW_TRAPS(X)                                                                                \
    X(MW_TRAP_NONE, "no trap")                                                                     \
    X(MW_TRAP_UNREACHABLE, "unreachable")                                                          \
    X(MW_TRAP_MEMORY_OUT_OF_BOUNDS, "out of bounds memory access")                                 \
    X(MW_TRAP_TABLE_OUT_OF_BOUNDS, "out of bounds table access")                                   \
    X(MW_TRAP_UNDEFINED_ELEMENT, "undefined element")                                              \
    X(MW_TRAP_UNINITIALIZED_ELEMENT, "uninitialized element")                                      \
    X(MW_TRAP_INDIRECT_CALL_TYPE_MISMATCH, "indirect call type mismatch")                          \
    X(MW_TRAP_NULL_REFERENCE, "null reference")                                                    \
    X(MW_TRAP_NULL_FUNCTION_REFERENCE, "null function reference")                                  \
    X(MW_TRAP_NULL_EXCEPTION_REFERENCE, "null exception reference")                                \
    X(MW_TRAP_INTEGER_DIVIDE_BY_ZERO, "integer divide by zero")                                    \
    X(MW_TRAP_INTEGER_OVERFLOW, "integer overflow")                                                \
    X(MW_TRAP_INVALID_CONVERSION, "invalid conversion to integer")                                 \
    X(MW_TRAP_STACK_OVERFLOW, "call stack exhausted")                                              \
    X(MW_TRAP_UNALIGNED_ATOMIC, "unaligned atomic")                                                \
    X(MW_TRAP_EXPECTED_SHARED_MEMORY, "expected shared memory")                                    \
    X(MW_TRAP_UNCAUGHT_EXCEPTION, "unhandled exception")                                           \
    X(MW_TRAP_HOST, "trap raised by a host function")

#define MW_TRAP_ENUM(t, text) t,
typedef enum mw_trap_code { MW_TRAPS(MW_TRAP_ENUM) MW_TRAP_COUNT } mw_trap_code;
#undef MW_TRAP_ENUM

/* ---- Values -------------------------------------------------------------------------------- */

/* A value in memory: an argument or result of mw_invoke_fn, or the cell of a global. References are pointers:
 * funcref to a mw_func, externref to whatever the embedder chose; null is NULL. */
typedef union mw_value {
    int32_t i32;
    int64_t i64;
    float f32;
    double f64;
    void *ref;
    uint8_t v128[16];
    uint64_t u64x2[2];
} __attribute__((aligned(16))) mw_value;

typedef enum mw_extern_kind {
    MW_EXTERN_FUNC = 0,
    MW_EXTERN_TABLE = 1,
    MW_EXTERN_MEMORY = 2,
    MW_EXTERN_GLOBAL = 3,
    MW_EXTERN_TAG = 4,
} mw_extern_kind;

/* ---- What compiled code sees of the store ------------------------------------------------------------- */

typedef struct mw_instance mw_instance;
typedef struct mw_context mw_context; /* what a function is called with, as opaque as it is: mw_func.context */
typedef void (*mw_code_ptr)(void); /* cast to the real type before the call */

/* A function. A funcref is a pointer to one. */
typedef struct mw_func {
    mw_code_ptr code;
    mw_context *context;   /* the first argument: of a guest function mw_context_of(instance), of a host one the instance */
    uint32_t type_id;      /* interned functype (runtime/types.h), equal across instances exactly if the types are */
    uint32_t index;        /* in the function index space of `instance` */
    mw_code_ptr tail_code; /* the tailcc form, where a tail call jumps to; NULL: the function makes no tail calls */
    mw_instance *instance;
} mw_func;

/* A linear memory. The base never changes; `pages` only grows; of a shared one, under other threads' hands. */
typedef struct mw_memory {
    uint8_t *base;
    uint64_t pages;     /* current size in pages of 64 KiB */
    uint64_t limit;     /* 64-bit memories: compiled code traps at an index above it. Constant */
    uint64_t max_pages; /* growth stops here: the declared maximum, --max-memory, what the host can have */
    uint64_t declared_max; /* as declared, UINT64_MAX if none (import matching) */
    uint64_t reserved;  /* bytes of address space from `base` */
    uint64_t before;    /* bytes of the same mapping before `base` */
    uint32_t refs;      /* of a shared memory: the instances and others that hold it (runtime/memory.h) */
    uint8_t shared, is64;
    uint64_t *left;     /* pages by which this memory and its owner's others may grow in sum; NULL: any number */
} mw_memory;

/* A table. `elems` never moves: room for `max` entries is reserved. */
typedef struct mw_table {
    void **elems;
    uint64_t size;
    uint64_t max;          /* growth stops here */
    uint64_t declared_max; /* as declared, UINT64_MAX if none (import matching) */
    uint64_t *left;        /* elements by which this table and its owner's others may grow in sum */
    mw_valtype type;       /* with interned ids for type indices */
    uint8_t is64;
} mw_table;

/* A global's cell, wherever it lives. */
typedef mw_value mw_global;

/* A tag. Two tags are the same exactly if their ids are; no id is given twice in a process, so that an exception
 * may outlive the instance that its tag came from. */
typedef struct mw_tag {
    uint64_t id;
    uint32_t type_id; /* interned functype: what an exception with this tag carries, without results */
} mw_tag;

/* An exception. An exnref is a pointer to one; the runtime keeps it until nothing refers to it. */
typedef struct mw_exception {
    uint64_t tag; /* mw_tag.id */
    uint32_t type_id;
    mw_value values[]; /* the parameters of the tag's type */
} mw_exception;

/* The services that compiled code calls. Sizes, indices and offsets are in the units of the instruction;
 * each checks its own bounds and traps. None returns after a trap. */
typedef struct mw_builtins {
    void (*trap)(mw_instance *, uint32_t trap_code) __attribute__((noreturn));
    /* The trap of a call by a table, which tells of `type` (of the module; UINT32_MAX: not known) and of the element at
     * `index` (UINT64_MAX: not known). */
    void (*call_trap)(mw_instance *, uint32_t trap_code, uint32_t type, uint32_t tableidx, uint64_t index)
        __attribute__((noreturn));
    /* Old size in pages, or -1. */
    int64_t (*memory_grow)(mw_instance *, uint32_t memidx, uint64_t delta);
    void (*memory_init)(mw_instance *, uint32_t memidx, uint32_t dataidx, uint64_t dst, uint32_t src, uint32_t n);
    void (*data_drop)(mw_instance *, uint32_t dataidx);
    /* Old size in elements, or -1. */
    int64_t (*table_grow)(mw_instance *, uint32_t tableidx, void *init, uint64_t delta);
    void (*table_fill)(mw_instance *, uint32_t tableidx, uint64_t i, void *value, uint64_t n);
    void (*table_copy)(mw_instance *, uint32_t dst_table, uint32_t src_table, uint64_t dst, uint64_t src, uint64_t n);
    void (*table_init)(mw_instance *, uint32_t tableidx, uint32_t elemidx, uint64_t dst, uint32_t src, uint32_t n);
    void (*elem_drop)(mw_instance *, uint32_t elemidx);
    /* Atomics at `index` + `offset`, whose alignment was checked. A negative timeout (ns) is none. 0: woken by
     * notify, 1: another value was there, 2: the time is over. */
    uint32_t (*memory_wait32)(mw_instance *, uint32_t memidx, uint64_t index, uint64_t offset, uint32_t expected,
                              int64_t timeout);
    uint32_t (*memory_wait64)(mw_instance *, uint32_t memidx, uint64_t index, uint64_t offset, uint64_t expected,
                              int64_t timeout);
    /* How many were woken, at most `count`. */
    uint32_t (*memory_notify)(mw_instance *, uint32_t memidx, uint64_t index, uint64_t offset, uint32_t count);
    /* Whether a function of the type `actual` may be called as one of the type `expected` (interned ids). */
    uint32_t (*functype_matches)(mw_instance *, uint32_t actual, uint32_t expected);
    /* Where a tail call on this thread may leave MW_MAX_PARAMS parameters for its callee. */
    mw_value *(*tail_params)(mw_instance *);
    /* A new exception with the tag `tagidx`; the caller fills in its values. */
    mw_exception *(*exception_new)(mw_instance *, uint32_t tagidx);
    /* Unwinds to the nearest landing pad of guest code, which receives the complement of the exception's address;
     * without one before the next frame of the host it traps. */
    void (*exception_throw)(mw_instance *, mw_exception *) __attribute__((noreturn));
} mw_builtins;

/* Slots for what host modules keep per instance. */
enum { MW_HOST_WASI, MW_HOST_MPI, MW_HOST_EMBEDDER, MW_HOST_SLOTS };

/* The part of an instance that compiled code reads. Every pointer here is constant from instantiation on, so
 * loads of them are invariant. Behind it memory 0 begins if it is a 32-bit one, the module's own and not shared
 * (mw_code_descriptor.memory0_at_context): the guest's addresses are no lower than its memory's base, whatever it does.
 * All is within reach of addresses relative to a context (256 bytes back on AArch64), and with the shortest instructions
 * (128 bytes on x86-64) the last cell: that of the first global that the module itself defines, in which C programs have
 * their stack pointer. The cells of its other ones are right before the structure (mw_global_offset). */
struct mw_instance {
    uint8_t *memory0;            /* base of memory 0; NULL without a memory */
    const mw_builtins *builtins;
    mw_func *funcs;              /* function index space, imports first */
    const uint32_t *type_ids;    /* interned id of each type of the module */
    mw_memory **memories;        /* memory index space; one of no pages for the host's functions if it is empty */
    mw_table **tables;           /* table index space */
    mw_global **globals;         /* global index space: where each cell is */
    mw_tag **tags;               /* tag index space */
    void *host[MW_HOST_SLOTS];
    const struct mw_code_descriptor *code;
    uint64_t limit0;             /* mw_memory.limit of memory 0 */
    mw_instance *first; /* of an instance for a further thread: the module's first one, which outlives it; else NULL */
    struct mw_instance_private *own; /* the runtime's part of it */
    mw_global first_global;
};

static inline mw_context *mw_context_of(mw_instance *instance)
{
    return (mw_context *)(instance + 1);
}
static inline mw_instance *mw_instance_of_context(mw_context *context)
{
    return (mw_instance *)context - 1;
}
#define MW_CONTEXT_INSTANCE (UINT64_C(0) - sizeof(mw_instance)) /* from a context to its instance */
/* From a context to the cell of the defined global i. */
static inline uint64_t mw_global_offset(uint32_t i)
{
    return i ? MW_CONTEXT_INSTANCE - sizeof(mw_global) * (uint64_t)i : UINT64_C(0) - sizeof(mw_global);
}

/* ---- The descriptor of a compiled object -------------------------------------------------------------- */

typedef struct mw_type_desc {
    uint32_t nparams, nresults;
    const mw_valtype *types; /* parameters, then results */
    /* Calls `code` with `context` and the arguments in args_results[0..nparams), and stores the results in
     * args_results[0..nresults). */
    void (*invoke)(mw_code_ptr code, mw_context *context, mw_value *args_results); /* NULL if no function has the type */
    uint32_t group_size; /* of the recursion group that it is in */
    uint32_t super;      /* the declared supertype's index, or UINT32_MAX */
    uint32_t is_final;   /* nothing is declared a subtype of it */
} mw_type_desc;

typedef struct mw_limits_desc {
    uint64_t min, max; /* max is UINT64_MAX if not declared */
} mw_limits_desc;

typedef struct mw_memory_desc {
    mw_limits_desc limits; /* pages */
    uint8_t is64, shared;
} mw_memory_desc;

/* Constant expressions: instructions of a small stack machine. */
typedef enum mw_const_opcode {
    MW_CONST_VALUE,      /* push `value` (a number, a v128 or a null reference) */
    MW_CONST_GLOBAL_GET, /* push global `index` */
    MW_CONST_REF_FUNC,   /* push a reference to function `index` */
    MW_CONST_I32_ADD,
    MW_CONST_I32_SUB,
    MW_CONST_I32_MUL,
    MW_CONST_I64_ADD,
    MW_CONST_I64_SUB,
    MW_CONST_I64_MUL,
} mw_const_opcode;

typedef struct mw_const_op {
    mw_value value;
    uint32_t opcode;
    uint32_t index;
} mw_const_op;

typedef struct mw_const_expr {
    uint64_t nops;
    const mw_const_op *ops;
} mw_const_expr;

typedef struct mw_table_desc {
    mw_limits_desc limits;
    mw_valtype type;
    mw_const_expr init; /* of its elements; no ops: null references */
    uint8_t is64;
} mw_table_desc;

typedef struct mw_global_desc {
    mw_valtype type;
    uint8_t is_mutable;
    mw_const_expr init; /* no ops for an imported global */
} mw_global_desc;

typedef struct mw_import_desc {
    const char *module, *name; /* UTF-8; may contain NULs, hence the lengths */
    uint32_t module_len, name_len;
    uint32_t kind;  /* mw_extern_kind */
    uint32_t index; /* in the index space of its kind */
} mw_import_desc;

typedef struct mw_export_desc {
    const char *name;
    uint32_t name_len;
    uint32_t kind;
    uint32_t index;
} mw_export_desc;

typedef enum mw_segment_mode { MW_SEGMENT_ACTIVE, MW_SEGMENT_PASSIVE, MW_SEGMENT_DECLARATIVE } mw_segment_mode;

typedef struct mw_data_desc {
    const uint8_t *bytes;
    uint64_t size;
    uint32_t mode; /* active or passive */
    uint32_t memory;
    mw_const_expr offset; /* active only */
} mw_data_desc;

typedef struct mw_elem_desc {
    uint32_t mode;
    uint32_t table;
    uint64_t count;
    mw_const_expr offset;       /* active only */
    /* Exactly one is set if count > 0. */
    const uint32_t *funcs;      /* function indices; UINT32_MAX is a null reference */
    const mw_const_expr *exprs; /* one per element */
    mw_valtype type;
} mw_elem_desc;

/* Library routines that LLVM may call on its own. The object defines each as a hidden function that jumps
 * through this table, which the loader fills. X(name) */
#define MW_LIBCALLS(X)                                                                             \
    X(memcpy) X(memmove) X(memset) X(memcmp)                                                       \
    X(ceil) X(ceilf) X(floor) X(floorf) X(trunc) X(truncf) X(rint) X(rintf) X(nearbyint)           \
    X(nearbyintf) X(roundeven) X(roundevenf) X(fma) X(fmaf) X(fmod) X(fmodf) X(sqrt) X(sqrtf)

typedef struct mw_libcalls {
#define MW_LIBCALL_FIELD(name) mw_code_ptr name;
    MW_LIBCALLS(MW_LIBCALL_FIELD)
#undef MW_LIBCALL_FIELD
    /* Of guest functions with landing pads, as the C++ ABI for Itanium defines one. Every landing pad catches all:
     * the code behind it looks at the tag. */
    mw_code_ptr personality;
} mw_libcalls;

/* The text of a compiled function: where it begins and, through the next function's begin or text_end, ends. */
typedef struct mw_code_descriptor {
    uint32_t magic;
    uint32_t abi_version;
    uint8_t key[32];            /* the cache key that it was made for */
    const char *triple;
    const char *cpu;            /* as LLVM names it */
    const char *features;       /* "+avx2,+fma,...": all that the code may use; the loader refuses a host that lacks one */
    const char *compiler;       /* "mpiwasm 0.1.0, LLVM 22.1.8, -O3 ...": for people */
    uint64_t module_features;   /* bits of wasm/features.h: what the module uses */

    uint32_t ntypes;
    uint32_t nimports;
    uint32_t nfuncs, nimported_funcs;
    uint32_t ntables, nimported_tables;
    uint32_t nmemories, nimported_memories;
    uint32_t memory0_at_context; /* memory 0 is the instance's own and begins where the instance ends */
    uint32_t nglobals, nimported_globals;
    uint32_t ntags, nimported_tags;
    uint32_t nexports;
    uint32_t ndatas;
    uint32_t nelems;
    uint32_t start;             /* function index, or UINT32_MAX */

    const mw_type_desc *types;
    const mw_import_desc *imports;
    const uint32_t *func_types; /* [nfuncs]: type index */
    const mw_code_ptr *code;    /* [nfuncs - nimported_funcs] */
    const mw_code_ptr *tail_code; /* the same of mw_func.tail_code; NULL if no function has one */
    const char *const *func_names; /* [nfuncs], from the name section or "wasm-function[N]"; never NULL */
    const uint32_t *func_offsets;  /* [nfuncs - nimported_funcs]: byte offset of the body in the module */
    const mw_table_desc *tables;     /* [ntables] */
    const mw_memory_desc *memories;  /* [nmemories] */
    const mw_global_desc *globals;   /* [nglobals] */
    const uint32_t *tag_types;       /* [ntags]: type index */
    const mw_export_desc *exports;
    const mw_data_desc *datas;
    const mw_elem_desc *elems;
    mw_libcalls *libcalls;
} mw_code_descriptor;

/* What the file of a compiled object ends with: a hash of all that is loaded of it (mw_hash_parts of one part, the first
 * `size` bytes). A file that was damaged, by a crash of the machine or on its way, is found out; whoever may write the
 * file can make any. */
#define MW_SEAL_MAGIC "mpiwasm seal 1\n" /* 16 bytes with its NUL */
typedef struct mw_code_seal {
    char magic[16];
    uint64_t size;
    uint8_t hash[32];
} mw_code_seal;

_Static_assert(sizeof(void *) == 8, "64-bit hosts only");
_Static_assert(sizeof(MW_SEAL_MAGIC) == 16 && sizeof(mw_code_seal) == 56, "part of a file format");
_Static_assert(sizeof(mw_value) == 16 && _Alignof(mw_value) == 16, "cells of globals are 16 bytes");
_Static_assert(sizeof(mw_func) == 40, "compiled code indexes mw_func");
_Static_assert(offsetof(mw_func, code) == 0, "");
_Static_assert(offsetof(mw_func, context) == 8, "");
_Static_assert(offsetof(mw_func, type_id) == 16, "");
_Static_assert(offsetof(mw_func, tail_code) == 24, "");
_Static_assert(offsetof(mw_func, instance) == 32, "");
_Static_assert(offsetof(mw_memory, base) == 0, "");
_Static_assert(offsetof(mw_memory, pages) == 8, "");
_Static_assert(offsetof(mw_memory, limit) == 16, "");
_Static_assert(offsetof(mw_table, elems) == 0, "");
_Static_assert(offsetof(mw_table, size) == 8, "");
_Static_assert(sizeof(mw_instance) == 144 && _Alignof(mw_instance) == 16, "and so within reach of a context");
_Static_assert(offsetof(mw_instance, first_global) == 128, "");
_Static_assert(offsetof(mw_instance, memory0) == 0, "");
_Static_assert(offsetof(mw_instance, builtins) == 8, "");
_Static_assert(offsetof(mw_instance, funcs) == 16, "");
_Static_assert(offsetof(mw_instance, type_ids) == 24, "");
_Static_assert(offsetof(mw_instance, memories) == 32, "");
_Static_assert(offsetof(mw_instance, tables) == 40, "");
_Static_assert(offsetof(mw_instance, globals) == 48, "");
_Static_assert(offsetof(mw_instance, tags) == 56, "");
_Static_assert(offsetof(mw_tag, id) == 0, "");
_Static_assert(offsetof(mw_exception, tag) == 0, "");
_Static_assert(offsetof(mw_exception, values) == 16, "");

#endif
