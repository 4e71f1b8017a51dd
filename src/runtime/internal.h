/* What the files of the runtime share and nobody else sees: loaded objects, the private part of instances, and
 * the guest's run on a thread. */
#ifndef MW_RUNTIME_INTERNAL_H
#define MW_RUNTIME_INTERNAL_H

#include "runtime/instance.h"
#include "runtime/memory.h"
#include "runtime/types.h"
#include <unwind.h>

/* ---- Loaded objects ---------------------------------------------------------------------------------------- */

struct mw_code {
    const mw_code_descriptor *desc;
    uint32_t *type_ids;   /* interned id of each type; instances point to it */
    void *handle;         /* of dlopen */
    char *path;           /* absolute */
    uintptr_t load_bias;  /* added to the addresses in the ELF file */
    uintptr_t text_begin; /* in this process; 0 while not registered */
    unsigned refs;        /* the caller of mw_code_load and the instances */
    unsigned ninstances;
    mw_instance *instance; /* the one that was made when there was none: the only one if ninstances == 1 */
};

/* The object whose text holds `pc`, or NULL. Async-signal-safe. */
const mw_code *mw_code_of_pc(uintptr_t pc);
/* The guest function whose text holds `pc`; false for thunks and for what is no text of `code`.
 * Async-signal-safe. */
bool mw_code_function_of_pc(const mw_code *code, uintptr_t pc, uint32_t *func);
/* Whether `pc` lies in a library of the host that compiled code calls by itself (mw_libcalls). Async-signal-safe. */
bool mw_is_library_routine(uintptr_t pc);
void mw_code_attach(mw_code *code, mw_instance *instance);
void mw_code_detach(mw_code *code, mw_instance *instance);

/* Checks that this CPU has each "+feature" of the list; MW_ERR_OBJECT names those that it lacks. */
MW_CHECKED mw_error mw_cpu_check(const char *features, const char *path, mw_report *report);

/* ---- Instances ---------------------------------------------------------------------------------------------- */

/* What of an instance compiled code does not read, followed by its arrays. */
typedef struct mw_instance_private {
    mw_code *code;
    mw_memory *own_memories; /* [nmemories - nimported_memories] */
    mw_table *own_tables;
    uint8_t *data_dropped;   /* [ndatas] */
    uint8_t *elem_dropped;   /* [nelems] */
    bool is_limited;
    uint64_t pages_left;     /* by which own_memories, with those of the instances for threads, may grow in sum */
    uint64_t elems_left;     /* the same of own_tables */
    mw_tag *own_tags;
    mw_instance *next_orphan;
    mw_instance *next_watched; /* exception.c */
} __attribute__((aligned(16))) mw_instance_private;

static inline mw_instance_private *mw_private(mw_instance *instance)
{
    return instance->own;
}

extern const mw_builtins mw_runtime_builtins;

/* Each does its instruction (specification 4.4) or returns the trap that it would raise. */
mw_trap_code mw_memory_init_op(mw_instance *instance, uint32_t memidx, uint32_t dataidx, uint64_t dst, uint32_t src,
                               uint64_t n);
mw_trap_code mw_table_init_op(mw_instance *instance, uint32_t tableidx, uint32_t elemidx, uint64_t dst, uint32_t src,
                              uint64_t n);

/* Value of a constant expression of a validated module. */
mw_value mw_const_eval(mw_instance *instance, const mw_const_expr *expr);

/* Finds what the linker offers for an import. `instance` becomes the instance of a host function. */
typedef struct mw_definition {
    mw_extern value;
    mw_func host;          /* of a host function: value.of.func is unset and this is the function */
    bool is_host;
    bool bad_signature;    /* of a host function: its table is wrong */
} mw_definition;
bool mw_linker_find(const mw_linker *linker, const mw_import_desc *import, mw_definition *out);
/* Keeps an instance whose instantiation trapped after it had written to imported tables. */
void mw_linker_adopt(mw_linker *linker, mw_instance *orphan);

/* ---- Waiting at addresses (wait.c) ----------------------------------------------------------------------------- */

typedef enum mw_wait_result { MW_WAIT_OK, MW_WAIT_NOT_EQUAL, MW_WAIT_TIMED_OUT } mw_wait_result;

/* Waits while the `size` bytes (4 or 8) at `address` are `expected`, until a notify wakes it or `timeout` ns are over
 * (negative: never). */
mw_wait_result mw_wait(const void *address, uint64_t expected, size_t size, int64_t timeout);
/* Wakes at most `count` of those that wait at `address`, the longest waiting first; how many. */
uint32_t mw_notify(const void *address, uint32_t count);

/* ---- The guest's run on a thread ---------------------------------------------------------------------------- */

/* Ends the run of the innermost mw_invoke. Both only from code called by the guest on the same thread. */
_Noreturn void mw_run_trap(mw_instance *instance, mw_trap_code code, const char *message);
_Noreturn void mw_run_exit(int code);

/* Service of mw_builtins. */
void mw_call_trap(mw_instance *instance, uint32_t code, uint32_t type, uint32_t tableidx, uint64_t index)
    __attribute__((noreturn)); /* of the pointer's type, to clang, too */

/* The same for an exception that nobody catches; `trace` are the addresses of the frames that it came from. */
_Noreturn void mw_run_uncaught(const char *message, const uintptr_t *trace, unsigned ntrace, bool truncated);

/* ---- Exceptions (exception.c) ------------------------------------------------------------------------------- */

/* Services of mw_builtins. */
mw_exception *mw_exception_new(mw_instance *instance, uint32_t tagidx);
void mw_exception_throw(mw_instance *instance, mw_exception *exception) __attribute__((noreturn));
_Unwind_Reason_Code mw_exception_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                             struct _Unwind_Exception *unwound, struct _Unwind_Context *context);
/* An instance whose globals and tables are complete; from here on exceptions in them live, until mw_exceptions_unwatch. */
void mw_exceptions_watch(mw_instance *instance);
void mw_exceptions_unwatch(mw_instance *instance);
/* Around the time in which a thread runs guest code. */
void mw_exceptions_enter(void);
void mw_exceptions_leave(void);

/* Room for MW_MAX_PARAMS values, this thread's own; NULL without memory. */
mw_value *mw_thread_tail_params(void);

#endif
