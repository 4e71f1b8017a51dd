/* How a host module (WASI, MPI) offers functions to guests, raises traps and calls back into the guest. */
#ifndef MW_RUNTIME_HOST_MODULE_H
#define MW_RUNTIME_HOST_MODULE_H

#include "abi/abi.h"

/* A host function. `signature` lists parameters, a colon and results, one letter a type: i I f F V r(externref)
 * R(funcref) for i32 i64 f32 f64 v128 ...: "iiIi:i". `code` has the calling convention of abi/abi.h. */
typedef struct mw_host_func {
    const char *name;
    const char *signature;
    mw_code_ptr code;
} mw_host_func;

typedef struct mw_host_module {
    const char *name;          /* the import's module name: "wasi_snapshot_preview1", "mpi_abi_1" */
    const mw_host_func *funcs; /* sorted by name (strcmp) */
    uint32_t nfuncs;
} mw_host_module;

/* Ends the guest's run with a trap; `format` says what happened and where, without rank or backtrace, which
 * the runtime adds. Only from a host function or from what one calls on the same thread. */
_Noreturn void mw_raise_trap(mw_instance *instance, mw_trap_code trap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends the guest's run as if the guest had called proc_exit(code). */
_Noreturn void mw_raise_exit(mw_instance *instance, int code);

/* The function that the guest's function pointer `index` means: entry `index` of the table that indirect calls
 * use (the exported "__indirect_function_table", else table 0), if its type has this signature; NULL
 * otherwise. It is one of the module's first instance, so it can be kept; call what mw_func_here makes of it, as
 * ((int32_t (*)(mw_context *context, ...))f->code)(f->context, ...) with the exact C type. */
const mw_func *mw_guest_function(mw_instance *instance, uint64_t index, const char *signature);

/* Threads of a guest have instances of their own, each with its own stack in linear memory. `instance`, or `func` of it,
 * as the calling thread has it, where it runs the same module: what a host module calls back into the guest with. */
mw_instance *mw_instance_here(mw_instance *instance);
const mw_func *mw_func_here(const mw_func *func);

/* The exported function `name` if its type has this signature; NULL otherwise. */
const mw_func *mw_exported_function(mw_instance *instance, const char *name, const char *signature);

/* Grows memory 0 by `pages`; the old size in pages, or -1. */
int64_t mw_guest_memory_grow(mw_instance *instance, uint64_t pages);

#endif
