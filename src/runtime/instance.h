/* Compiled objects, instances and how they are linked (specification 4.5.4). */
#ifndef MW_RUNTIME_INSTANCE_H
#define MW_RUNTIME_INSTANCE_H

#include "abi/abi.h"
#include "base/hash.h"
#include "base/report.h"
#include "runtime/host_module.h"
#include "runtime/trap.h"

/* ---- Compiled objects ---------------------------------------------------------------------------------- */

typedef struct mw_code mw_code;

/* Loads a compiled object and checks magic, ABI version, key (if `key` is not NULL) and that this CPU has all
 * that the code needs. MW_ERR_OBJECT says what is wrong with it. The object must not be changed while loaded. */
MW_CHECKED mw_error mw_code_load(const char *path, const mw_hash *key, mw_report *report, mw_code **out);
/* The same for a file whose seal has been compared since it was written and the machine was started. */
MW_CHECKED mw_error mw_code_load_whole(const char *path, const mw_hash *key, mw_report *report, mw_code **out);
void mw_code_unload(mw_code *code); /* NULL is allowed; instances that are left keep what they need of it */
const mw_code_descriptor *mw_code_descriptor_of(const mw_code *code);

/* ---- Linking -------------------------------------------------------------------------------------------- */

typedef struct mw_linker mw_linker;

MW_CHECKED mw_error mw_linker_new(mw_report *report, mw_linker **out);
void mw_linker_free(mw_linker *linker);
/* Offers the functions of a host module (kept by reference). Later definitions hide earlier ones. */
MW_CHECKED mw_error mw_linker_add_host(mw_linker *linker, const mw_host_module *module, mw_report *report);
/* Offers all exports of `instance` under the module name `name` (copied). */
MW_CHECKED mw_error mw_linker_add_instance(mw_linker *linker, const char *name, mw_instance *instance,
                                           mw_report *report);

/* An external value (specification 4.2.13). */
typedef struct mw_extern {
    mw_extern_kind kind;
    union {
        mw_func *func;
        mw_table *table;
        mw_memory *memory;
        mw_global *global;
        mw_tag *tag;
    } of;
    mw_valtype global_type; /* globals only */
    uint8_t global_mutable;
} mw_extern;

/* Offers one external value, for embedders and tests. Names are copied, shared memories held until mw_linker_free. A function without an instance gets the
 * instance that imports it, like those of host modules. */
MW_CHECKED mw_error mw_linker_add_extern(mw_linker *linker, const char *module, const char *name, mw_extern value,
                                         mw_report *report);

/* ---- Instances ------------------------------------------------------------------------------------------ */

#define MW_NO_MORE_PAGES UINT64_MAX /* the limit is used up */

typedef struct mw_instance_limits {
    uint64_t max_memory_pages; /* of all its memories together; 0: what the module and the architecture allow */
    uint64_t max_table_elems;  /* of all its tables together; 0: MW_DEFAULT_MAX_TABLE_ELEMS */
} mw_instance_limits;

/* Makes the shared memories that `code` imports and nobody offers yet, and offers them: a process's threads import
 * theirs from its embedder. What they may ever have is taken from limits->max_memory_pages. */
MW_CHECKED mw_error mw_linker_add_memories(mw_linker *linker, mw_code *code, mw_instance_limits *limits,
                                           mw_report *report);

/* Allocates memories, tables and globals, resolves the imports (all missing or mismatched ones are listed in
 * the one report) and runs the active segments, but not the start function. A segment out of bounds is
 * MW_ERR_TRAP with *trap filled (`trap` may be NULL); what the instance has put into imported tables by then stays
 * callable until mw_linker_free. */
MW_CHECKED mw_error mw_instantiate(mw_code *code, mw_linker *linker, const mw_instance_limits *limits,
                                   mw_report *report, mw_trap *trap, mw_instance **out);
void mw_instance_free(mw_instance *instance);

/* Whether all that `instance` imports may be used by several threads: no tables, mutable globals or memories of one
 * thread. MW_ERR_LINK names the first that may not. */
MW_CHECKED mw_error mw_instance_check_sharing(const mw_instance *instance, mw_report *report);
/* A further instance of the same module for another thread: bound to the same functions and shared memories, with the
 * same state of host modules, and tables and globals of its own. Active segments are copied again, as instantiation
 * says; the start function is to be run on that thread. `parent` is one of the module's other instances, of which the
 * first must outlive them all. */
MW_CHECKED mw_error mw_instance_for_thread(mw_instance *parent, mw_report *report, mw_instance **out);

/* The export `name`; false if there is none. */
bool mw_instance_export(mw_instance *instance, const char *name, size_t name_len, mw_extern *out);

/* Calls `func` on the guest stack with args_results[0..max(nparams, nresults)). MW_OK, MW_ERR_TRAP with *trap
 * filled, or MW_ERR_EXIT with *exit_code set. A reference to an exception among the results is valid until the
 * thread's next call only. */
MW_CHECKED mw_error mw_invoke(mw_func *func, mw_value *args_results, mw_trap *trap, int *exit_code);

/* Runs the start function, if any; as mw_invoke. */
MW_CHECKED mw_error mw_instance_start(mw_instance *instance, mw_trap *trap, int *exit_code);

#endif
