/* The stacks on which guests run, and the state of the guest's run on a thread. */
#ifndef MW_RUNTIME_STACK_H
#define MW_RUNTIME_STACK_H

#include "runtime/trap.h"
#include <stddef.h>
#include <stdint.h>

/* ---- Assembly (stack_<arch>.S) ------------------------------------------------------------------------------ */

/* Calls function(arg) on the stack that ends below `stack_top` (16-byte aligned), or on the current one if it is
 * NULL, and returns 0 when the function returns. *frame is set first; mw_stack_resume(*frame, value), from
 * anywhere below on the same thread, makes the call return `value` instead, as longjmp would. Not ucontext or
 * sigsetjmp: those make system calls to save the signal mask, and unwinders stop at a context's first frame. */
int mw_stack_run(void *stack_top, void (*function)(void *), void *arg, void **frame);
_Noreturn void mw_stack_resume(void *frame, int value);

/* ---- A thread that runs guest code --------------------------------------------------------------------------- */

/* One mw_invoke in progress; lives in its frame. */
typedef struct mw_run {
    struct mw_run *outer;
    void *frame;            /* for mw_stack_resume */
    mw_instance *instance;  /* whose function was invoked */
    mw_trap *trap;          /* where to report; may be NULL */
    int *exit_code;         /* may be NULL */
    unsigned callback_depth; /* of the thread when the run began */
} mw_run;

typedef struct mw_thread {
    mw_run *run;             /* innermost, or NULL */
    uint32_t id;             /* of the guest's thread; 0: the first */
    uint8_t *guard, *stack, *stack_end; /* the guest stack: [guard, stack) is inaccessible; NULL: none yet */
    void *alternate;         /* our alternate signal stack, if the thread had none */
    size_t alternate_size;
    mw_value *tail_params;   /* where tail calls leave parameters that fit no registers; NULL until one does */
    struct mw_exception_heap *exceptions; /* exception.c; NULL until it throws */
    const uint8_t *callback_base; /* callbacks on a thread without a run: guest frames lie below */
    mw_trap pending;         /* of a run that ends through the nested end */
    int pending_exit;
    bool pending_is_exit;
} mw_thread;

/* This thread's state; NULL if it has none yet. Async-signal-safe. */
mw_thread *mw_thread_current(void);
/* Makes it, with an alternate signal stack; NULL if there is no memory. */
mw_thread *mw_thread_enter(void);
/* State for a thread that is about to start, all its memory included; NULL if there is none. It becomes that thread's
 * with mw_thread_become, called there, or is discarded. */
mw_thread *mw_thread_new(uint32_t id);
void mw_thread_discard(mw_thread *thread);
void mw_thread_become(mw_thread *thread);
/* How many mw_callback_enter are open on this thread. Async-signal-safe. */
unsigned mw_callback_depth(void);

/* Gives up the thread's exceptions (exception.c). */
void mw_exceptions_thread_end(mw_thread *thread);

/* Ends the process through the nested end with thread->pending. Never on a stack that has overflowed. */
_Noreturn void mw_nested_end_now(mw_thread *thread);

/* Adds the guest's frames on the current stack to `trap`, innermost first. `fault_pc`: called from a signal
 * handler for a fault there (0: called from a function that the guest called). *direct, if not NULL, says whether
 * the code at fault_pc was called by guest code without a host frame between. Async-signal-safe. */
void mw_backtrace(mw_trap *trap, uintptr_t fault_pc, bool *direct);

/* Adds the frame of the guest function at `pc`, if there is one. Async-signal-safe. */
void mw_trap_add_frame(mw_trap *trap, uintptr_t pc);

#endif
