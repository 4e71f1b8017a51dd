/* Threads of the guest's: each has an instance of its own of the same module and runs one of its functions. */
#ifndef MW_RUNTIME_THREADS_H
#define MW_RUNTIME_THREADS_H

#include "abi/abi.h"
#include "base/report.h"
#include "runtime/trap.h"

typedef struct mw_threads mw_threads;

/* Ends the process for a thread that trapped, or that called proc_exit (`trap` is NULL). Called after mw_end_process. */
typedef void mw_thread_end_fn(const mw_trap *trap, int exit_code);

#define MW_THREAD_IDS ((UINT32_C(1) << 29) - 1) /* ids are 1 to this */
#define MW_DEFAULT_MAX_THREADS 1024

/* At most `max` threads live at a time beside the first. `end` must not return; NULL prints and exits. */
MW_CHECKED mw_error mw_threads_new(uint32_t max, mw_thread_end_fn *end, mw_report *report, mw_threads **out);
/* Only when none lives any more. NULL is allowed. */
void mw_threads_free(mw_threads *threads);

/* Starts a thread that makes an instance of the module of `parent`, runs its start function and then function `func`
 * (of type (i32, i32) -> ()) with its id and `arg`. The id, not used by another that lives; 0 if there are as many
 * threads as there may be or no memory for one more. */
uint32_t mw_threads_spawn(mw_threads *threads, mw_instance *parent, uint32_t func, int32_t arg);

/* How many live: run guest code, or have and still free what they used for it. */
uint32_t mw_threads_live(mw_threads *threads);

#endif
