/* Inside the compiler: a unit is what one thread compiles (some of the module's functions, in an LLVM module and
 * context of its own); an emitter turns one function's instructions into SSA.
 *
 * The value stack holds LLVM values; only instructions that can be reached are emitted, so that the stack always
 * holds what validation says. i32 is i32 (a comparison's result is zero-extended), references are pointers, and a
 * v128 may have any 128-bit vector type: who needs a certain one pops it with mw_pop_v128; joins, locals, calls
 * and memory use `v128`. */
#ifndef MW_COMPILER_EMIT_H
#define MW_COMPILER_EMIT_H

#include "abi/abi.h"
#include "compiler/compiler.h"
#include "wasm/dwarf.h"
#include "wasm/operator.h"
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/TargetMachine.h>

typedef enum mw_arch { MW_ARCH_X86_64, MW_ARCH_AARCH64, MW_ARCH_OTHER } mw_arch;

/* The target, as LLVM names it; shared by all units, constant while they compile. */
typedef struct mw_target {
    char *triple, *cpu;
    char *features; /* for LLVM, beyond what the CPU's name implies: "+avx2,-avx512f,..." */
    char *required; /* what the loader must find on the host for the code to run there: "+avx2,+fma,..." */
    mw_arch arch;
} mw_target;

/* May the code use `feature` ("ssse3", "avx2", "dotprod")? */
bool mw_target_has(const mw_target *target, const char *feature);

/* Kinds of memory that cannot overlap (TBAA), beyond the cells of the module's own globals. */
typedef enum mw_alias {
    MW_ALIAS_MEMORY,  /* all 32-bit linear memories: two imports may be one memory */
    MW_ALIAS_MEMORY64, /* all 64-bit ones */
    MW_ALIAS_GLOBALS, /* cells of imported globals: two imports may be one cell */
    MW_ALIAS_PAGES,   /* mw_memory.pages */
    MW_ALIAS_TABLE,   /* mw_table.size */
    MW_ALIAS_ELEMS,   /* mw_table.elems[] */
    MW_ALIAS_COUNT
} mw_alias;

/* LLVM numbers attributes and metadata kinds per process; looked up once per unit. */
typedef struct mw_kinds {
    unsigned tbaa, invariant_load, nonnull, prof, range, align, noundef, dereferenceable;
} mw_kinds;

/* What is worth optimizing in a function; up to MW_EFFORT_REROLL what has arithmetic on floats. */
typedef enum mw_effort {
    MW_EFFORT_VECTORS, /* arithmetic on floats */
    MW_EFFORT_WIDEN,   /* arithmetic on 128-bit vectors of floats in loops, which wider ones can do */
    MW_EFFORT_REROLL,  /* the same, with so many accesses in a loop that taking them apart does not help */
    MW_EFFORT_LOOPS,   /* loops, without such arithmetic */
    MW_EFFORT_LITTLE,  /* neither */
    MW_EFFORT_LINEAR,  /* so large that only little is done */
    MW_EFFORT_LEAST,   /* of a shape on which even that takes more than linear time (scan.c) */
    MW_EFFORTS
} mw_effort;

typedef struct mw_unit {
    const mw_module *module;
    const mw_compile_options *options;
    const mw_target *target;
    const struct mw_fixed_table *fixed_tables; /* fixed_table.h; the same for all units of a module */
    unsigned ntrapping; /* functions that fixed_table.c made for calls that trap */
    const struct mw_adapters *adapters; /* c_calls.h; NULL without calls of C */
    const bool *inlined;                /* [nfuncs]: what is inlined (inline.h); NULL if nothing is */
    mw_effort effort; /* of all its functions */
    bool has_shared_memory, has_memory64;

    LLVMContextRef context;
    LLVMModuleRef llvm;
    LLVMBuilderRef builder;
    LLVMTargetDataRef layout;

    LLVMTypeRef void_type, i1, i8, i16, i32, i64, f32, f64, ptr;
    LLVMTypeRef v128; /* the type that v128 has in signatures, locals and joins: i64x2 */
    LLVMTypeRef i8x16, i16x8, i32x4, i64x2, f32x4, f64x2;
    LLVMTypeRef *functypes; /* [ntypes]: LLVM's function type, NULL until used */
    LLVMValueRef *funcs;    /* [nfuncs]: the LLVM function of a defined function, NULL until used */

    mw_kinds kinds;
    LLVMValueRef tbaa[MW_ALIAS_COUNT];
    LLVMValueRef *tbaa_globals; /* [nglobals] of the module's own globals, NULL until used */
    LLVMMetadataRef tbaa_root;
    LLVMValueRef empty_node, unlikely, likely, limit_range; /* metadata */

    LLVMDIBuilderRef di;
    LLVMMetadataRef di_file, di_unit, di_functype;
    const mw_debug_info *debug_info; /* of the module, NULL if it has none */
    struct mw_unit_debug *debug;     /* what was made of it (debug.c) */
    LLVMMetadataRef *subprograms;    /* [nfuncs]: NULL until used */
    uint32_t activations;            /* functions begun so far, inlined ones counted each time */
} mw_unit;

struct mw_control;

/* What the accesses that dominate this point have proved (facts.c). */
typedef struct mw_facts {
    struct mw_fact *table; /* open addressing, by value */
    uint32_t capacity, used;
    struct mw_fact *log; /* what to restore, innermost scope last */
    uint32_t height, log_capacity;
} mw_facts;

typedef struct mw_emitter {
    mw_unit *unit;
    LLVMBuilderRef builder; /* unit->builder, positioned where code goes */
    const mw_wasm_func *func;
    uint32_t funcidx;
    LLVMValueRef llvm_func;
    LLVMMetadataRef di_scope;
    struct mw_function_debug *debug; /* debug.c; NULL without debugging information in the module */
    LLVMMetadataRef inlined_at;      /* where the function was called that is being inlined; NULL if none is */
    uint32_t activation;             /* of a function or one that is inlined: its number in the unit */
    uint32_t inline_budget;          /* bytes of code that may still be inlined (inline.h) */
    LLVMValueRef context; /* first parameter: where the instance ends and, mostly, memory 0 begins (abi.h) */
    LLVMValueRef *bases;   /* [nmemories]: base of a memory, loaded in the entry block; NULL until used, but for 0 */
    LLVMValueRef *limits;  /* [nmemories]: likewise, of a 64-bit memory the largest index that an access may have */
    LLVMValueRef cells;    /* array of mw_value in the frame, for results of calls; NULL until needed */
    uint32_t ncells;
    LLVMBasicBlockRef entry; /* holds what is constant in an activation; ends in a branch to the code */
    uint64_t offset;         /* byte offset in the module of the instruction that is being emitted */

    LLVMValueRef *stack;
    uint32_t height, stack_capacity;

    LLVMValueRef *locals; /* current values; addresses of stack slots if locals_in_memory */
    LLVMTypeRef *local_types;
    uint32_t nlocals;
    bool locals_in_memory; /* the function is so large that phis for all locals would explode */

    bool unreachable; /* the code up to the next `else` or `end` of the innermost construct is dead */
    struct mw_control *controls;
    uint32_t ncontrols, controls_capacity;
    uint32_t function_control; /* index of e->func's own construct; not 0 if it is being inlined */
    uint32_t dead_depth; /* constructs opened in dead code and not yet closed */
    struct mw_loop_scan *loops; /* what each loop of the function assigns (scan.c), in order of appearance */
    uint32_t next_loop;
    uint32_t switch_stamp; /* counts br_tables */
    mw_facts facts;
} mw_emitter;

/* ---- Memory: LLVM ends the process when memory ends, and so do these ------------------------------------ */

void *mw_calloc(size_t count, size_t size); /* never NULL, zeroed */
/* Makes room in the array at *array for `needed` items of `size` bytes. */
void mw_reserve(void *array, uint32_t *capacity, uint32_t needed, size_t size);

/* ---- Value stack --------------------------------------------------------------------------------------- */

void mw_push(mw_emitter *e, LLVMValueRef value);
LLVMValueRef mw_pop(mw_emitter *e);
/* Pops a v128 as a vector of type `type` (unit->i8x16 ... f64x2). */
LLVMValueRef mw_pop_v128(mw_emitter *e, LLVMTypeRef type);
/* `value` as `type`, which has the same size; no instruction if it has it already. */
LLVMValueRef mw_bitcast(mw_emitter *e, LLVMValueRef value, LLVMTypeRef type);
/* Pops an i32 that is tested for zero, as an i1. */
LLVMValueRef mw_pop_truth(mw_emitter *e);
/* Pushes an i1 as an i32. */
void mw_push_truth(mw_emitter *e, LLVMValueRef i1);

static inline LLVMValueRef mw_i32(const mw_unit *u, uint32_t value)
{
    return LLVMConstInt(u->i32, value, 0);
}

static inline LLVMValueRef mw_i64(const mw_unit *u, uint64_t value)
{
    return LLVMConstInt(u->i64, value, 0);
}

/* A vector constant of `type` with `bits` (zero-extended) in each lane; of a float type: these bits. */
LLVMValueRef mw_splat_const(const mw_unit *u, LLVMTypeRef type, uint64_t bits);
/* A vector of `type` with `scalar` in each lane. */
LLVMValueRef mw_splat(mw_emitter *e, LLVMTypeRef type, LLVMValueRef scalar);

/* ---- Linear memory -------------------------------------------------------------------------------------- */

/* Pops the index of `op` (a MW_IMM_MEMARG or MW_IMM_MEMARG_LANE instruction) and loads `type`. */
LLVMValueRef mw_emit_load(mw_emitter *e, const mw_operator *op, LLVMTypeRef type);
/* Pops the index and stores `value` (popped before) as it is. */
void mw_emit_store(mw_emitter *e, const mw_operator *op, LLVMValueRef value);

/* The address of an access of `size` bytes at the i32 or i64 `index` of the memory of `op`: always inside the
 * reservation, and outside the memory a fault. */
LLVMValueRef mw_emit_address(mw_emitter *e, const mw_operator *op, LLVMValueRef index, uint64_t size);

/* `value`, to be compared with a bound and then used. Other threads write shared memory while plain loads read it,
 * and what such a load gives may be another value at each use, says LLVM: after this it is one. Nothing is emitted in
 * a module without a shared memory. */
LLVMValueRef mw_settle(mw_emitter *e, LLVMValueRef value);

/* Marks an access of a linear memory. */
LLVMValueRef mw_alias_as_memory(const mw_unit *u, LLVMValueRef access, uint32_t memory);
LLVMValueRef mw_memory_pointer(mw_emitter *e, uint32_t memory); /* to its mw_memory */
/* The address of byte 0 of a memory. */
LLVMValueRef mw_memory_base(mw_emitter *e, uint32_t memory);
/* `length` bytes (settled) from the i32 or i64 `index` of a memory on lie inside of it, or it traps; gives their
 * address. */
LLVMValueRef mw_emit_range(mw_emitter *e, uint32_t memory, LLVMValueRef index, LLVMValueRef length64);

/* Extends an i32 without sign to an i64; an i64 stays as it is. */
LLVMValueRef mw_widen(mw_emitter *e, LLVMValueRef index);

/* The address of entry `index` (i32 or i64) of a table; beyond its end it traps. */
LLVMValueRef mw_table_element(mw_emitter *e, uint32_t table, LLVMValueRef index);

/* A call by a table. */
typedef struct mw_call_site {
    uint32_t table, type;
    LLVMValueRef index; /* 64 bits */
} mw_call_site;
LLVMValueRef mw_called_element(mw_emitter *e, const mw_call_site *site);

/* The address of the mw_func of function `funcidx` in the instance: a reference to it. */
LLVMValueRef mw_func_pointer(mw_emitter *e, uint32_t funcidx);

/* Marks a load or store of memory of the given kind. */
LLVMValueRef mw_alias_as(const mw_unit *u, LLVMValueRef access, mw_alias alias);
/* Loads a `type` at `pointer` + `offset`, where nothing changes while guest code runs; a pointer so loaded is not null. */
LLVMValueRef mw_load_constant(mw_emitter *e, LLVMTypeRef type, LLVMValueRef pointer, uint64_t offset);
/* The same of the field of mw_instance at `offset`. */
LLVMValueRef mw_load_field(mw_emitter *e, LLVMTypeRef type, size_t offset);
/* The same, with the offset given by index in an array of `type`. */
LLVMValueRef mw_load_element(mw_emitter *e, LLVMTypeRef type, LLVMValueRef array, uint32_t index);
LLVMValueRef mw_offset_pointer(mw_emitter *e, LLVMValueRef pointer, uint64_t offset);

/* ---- Calls and traps ------------------------------------------------------------------------------------- */

/* Calls the intrinsic `name` ("llvm.fshl"), overloaded on `types[0..ntypes)`. */
LLVMValueRef mw_intrinsic(mw_emitter *e, const char *name, const LLVMTypeRef *types, unsigned ntypes,
                          LLVMValueRef *args, unsigned nargs);
/* The common forms: one overloaded type, which is that of the first argument. */
LLVMValueRef mw_intrinsic1(mw_emitter *e, const char *name, LLVMValueRef a);
LLVMValueRef mw_intrinsic2(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef mw_intrinsic3(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);

/* Marks a floating-point instruction as the options allow (contraction, fast math); returns `value`. Every
 * floating-point arithmetic instruction and intrinsic goes through here. */
LLVMValueRef mw_fp(mw_emitter *e, LLVMValueRef value);
/* Arithmetic that quiets NaNs (emit_float.c): fadd, fsub, fmul, fdiv; llvm.minimum or llvm.maximum; f64 to f32. */
LLVMValueRef mw_float_binary(mw_emitter *e, LLVMOpcode opcode, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef mw_float_extremum(mw_emitter *e, const char *name, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef mw_float_demote(mw_emitter *e, LLVMValueRef value, LLVMTypeRef type);

/* Traps with `code` if the i1 `condition` holds; the code after it goes on where it does not. */
void mw_trap_if(mw_emitter *e, LLVMValueRef condition, mw_trap_code code);

/* The same with the code as an i32 that is computed only when it traps: `code` is called there. `site`: of a call by a table, whose
 * trap tells of it; else NULL. */
void mw_trap_if_with(mw_emitter *e, LLVMValueRef condition, const mw_call_site *site,
                     LLVMValueRef (*code)(mw_emitter *e, void *arg), void *arg);
/* Traps here; the block is ended. */
void mw_trap(mw_emitter *e, LLVMValueRef code);

/* The same for a call by a table: the runtime says which function was called as what. */
void mw_call_trap(mw_emitter *e, const mw_call_site *site, LLVMValueRef code);
void mw_call_trap_if(mw_emitter *e, LLVMValueRef condition, const mw_call_site *site, mw_trap_code code);

/* Calls a service of mw_builtins: the function pointer at `offset` of it, of type `result`(instance, args...). */
LLVMValueRef mw_call_builtin(mw_emitter *e, size_t offset, LLVMTypeRef result, LLVMValueRef *args, unsigned nargs);

/* Calls a guest function: in the body of a try so that what it throws gets to the handlers (emit_exception.c). */
LLVMValueRef mw_call_guest(mw_emitter *e, LLVMTypeRef type, LLVMValueRef code, LLVMValueRef *args, unsigned nargs);

/* With strict_traps, hides from LLVM what `value` is, so that it folds nothing of what a NaN would become; otherwise
 * returns it unchanged. For floating-point constants, scalar and vector. */
LLVMValueRef mw_opaque_fp(mw_emitter *e, LLVMValueRef value);

/* A conditional branch whose first target is hardly ever taken. */
void mw_branch_unlikely(mw_emitter *e, LLVMValueRef condition, LLVMBasicBlockRef rare, LLVMBasicBlockRef usual);

/* A new basic block of the function, placed at its end. */
LLVMBasicBlockRef mw_new_block(mw_emitter *e, const char *name);

/* ---- Units --------------------------------------------------------------------------------------------------- */

/* An empty unit for `target`. Freed with mw_unit_free. Never fails. */
void mw_unit_init(mw_unit *u, const mw_module *module, const mw_debug_info *debug_info,
                  const mw_compile_options *options, const mw_target *target, mw_effort effort,
                  LLVMTargetMachineRef machine);
void mw_unit_free(mw_unit *u);
LLVMTypeRef mw_llvm_type(const mw_unit *u, mw_wasm_valtype type);
LLVMTypeRef mw_llvm_functype(mw_unit *u, uint32_t type);
/* The access tag of one of the module's own globals: made on first use, as there may be a million in each unit. */
LLVMValueRef mw_global_tag(mw_unit *u, uint32_t global);
/* Are the results written to memory, at the address that comes after the context (abi.h)? */
static inline bool mw_results_in_memory(const mw_wasm_functype *type)
{
    return type->nresults > 2;
}
/* Where a function's own parameters begin among LLVM's. */
static inline uint32_t mw_first_param(const mw_wasm_functype *type)
{
    return mw_results_in_memory(type) ? 2 : 1;
}
/* Does tailcc pass the parameters in memory (abi.h)? No tail call then needs stack for its arguments: LLVM 22 loses those on
 * x86-64 (llvm-project issue 199224), and where callers have less room than callees all versions go wrong at times (109279). */
bool mw_params_in_memory(const mw_wasm_functype *type);
/* The type of the tailcc form of functions of a type. */
LLVMTypeRef mw_tail_functype(mw_unit *u, uint32_t type);
/* The LLVM function of a defined function: declared on first use, hidden, with its attributes. One with tail calls has the
 * convention MW_TAILCC. */
LLVMValueRef mw_llvm_function(mw_unit *u, uint32_t funcidx);
/* What the rest of the world calls: the function itself, or the entry of one with tail calls. */
LLVMValueRef mw_llvm_entry(mw_unit *u, uint32_t funcidx);
enum { MW_TAILCC = 18 }; /* llvm::CallingConv::Tail, which the C interface does not name */
/* An enum attribute ("nounwind"), for LLVMAddAttributeAtIndex and LLVMAddCallSiteAttribute. */
LLVMAttributeRef mw_attribute(const mw_unit *u, const char *name, uint64_t value);
/* Does memory 0 begin where the instance ends (abi.h)? Not where others may have the memory too, nor before a 64-bit
 * one, whose indices may lie below its base. */
static inline bool mw_is_memory0_at_context(const mw_module *m)
{
    return m->nmemories && !m->nimported_memories && !m->memories[0].limits.shared && !m->memories[0].limits.is64;
}
/* Do the module's functions throw, or pass on what others throw, with landing pads to see it? */
static inline bool mw_unit_throws(const mw_unit *u)
{
    return u->module->features & MW_FEATURE_EXCEPTIONS;
}
/* The personality routine of functions with landing pads (thunks.c). */
LLVMValueRef mw_personality(mw_unit *u);
/* What every function in the object gets: unwind tables for each instruction, stack probes. */
void mw_function_attributes(const mw_unit *u, LLVMValueRef function);
/* Name of a function for people: from the name section, or "wasm-function[N]". Returns its length. */
size_t mw_function_name(const mw_module *module, uint32_t funcidx, char *out, size_t size);

/* Line tables and what else debuggers read (debug.c). `info` may be NULL. */
void mw_debug_begin_unit(mw_unit *u, const mw_debug_info *info);
void mw_debug_end_unit(mw_unit *u);
void mw_debug_begin_function(mw_emitter *e);
/* The same for a function that is emitted where the current location calls it. */
void mw_debug_begin_inlined(mw_emitter *e);
void mw_debug_end_function(mw_emitter *e);
/* What is emitted from here on belongs to the instruction at byte `offset` of the module; offsets ascend. */
void mw_debug_set_offset(mw_emitter *e, uint64_t offset);

/* Makes the locals of e->func from its parameters; NULL: those of the LLVM function (function.c). */
void mw_begin_locals(mw_emitter *e, const LLVMValueRef *params);
/* Emits the code of e->func, whose construct is the innermost one. */
void mw_emit_code(mw_emitter *e);
/* Emits the entry of a function with tail calls (emit_call.c). */
void mw_emit_entry(mw_emitter *e);
/* Emits the body of a defined function into the unit. */
void mw_emit_function(mw_unit *u, uint32_t funcidx);

/* The unit that holds no guest code: descriptor, invoke functions, library routines (descriptor.c). */
void mw_emit_descriptor(mw_unit *u, const mw_hash *key);
void mw_emit_libcalls(mw_unit *u);
void mw_emit_personality(mw_unit *u);

/* Before the vectorizer: comparisons of indices of 64-bit memories leave innermost loops (bounds.c). */
void mw_hoist_bounds(const mw_unit *u);
/* After LLVM's passes: accesses of linear memory share index registers (addresses.c). */
void mw_share_addresses(mw_unit *u);
LLVMValueRef mw_emit_invoke(mw_unit *u, uint32_t type);

/* ---- By concern: each emits one instruction ---------------------------------------------------------------- */

void mw_emit_control(mw_emitter *e, const mw_operator *op);   /* emit_control.c: also end, else, br*, return */
void mw_emit_call(mw_emitter *e, const mw_operator *op);      /* emit_call.c: all calls */
void mw_emit_exception(mw_emitter *e, const mw_operator *op); /* emit_exception.c: try*, catch*, delegate, throw* */
void mw_emit_variable(mw_emitter *e, const mw_operator *op);  /* emit_variable.c: locals, globals, drop, select */
void mw_emit_memory(mw_emitter *e, const mw_operator *op);    /* emit_memory.c: scalar loads and stores, bulk */
void mw_emit_table(mw_emitter *e, const mw_operator *op);     /* emit_table.c: table.*, ref.*, elem.drop */
void mw_emit_numeric(mw_emitter *e, const mw_operator *op);   /* emit_numeric.c: constants, arithmetic */
void mw_emit_convert(mw_emitter *e, const mw_operator *op);   /* emit_convert.c: between number types */
void mw_emit_simd(mw_emitter *e, const mw_operator *op);      /* emit_simd*.c: every operator with prefix 0xfd */
void mw_emit_atomic(mw_emitter *e, const mw_operator *op);    /* emit_atomic.c: every operator with prefix 0xfe */

#endif
