/* Traps: what one is, the fault handler that makes traps of page faults, and the guest stack. */
#ifndef MW_RUNTIME_TRAP_H
#define MW_RUNTIME_TRAP_H

#include "abi/abi.h"
#include "base/report.h"
#include <stdbool.h>
#include <stdio.h>

#define MW_TRAP_MAX_FRAMES 64

typedef struct mw_frame {
    mw_instance *instance;   /* NULL: unknown (an object of several instances) */
    const mw_code_descriptor *code;
    uint32_t func;           /* function index */
    uintptr_t pc;            /* host address within the function */
} mw_frame;

typedef struct mw_trap {
    mw_trap_code code;
    char message[512];  /* of a host function; "" otherwise */
    bool has_address;   /* a memory access out of bounds: which address */
    uint64_t address;   /* guest address */
    uint32_t thread;    /* of the guest's threads; 0: the first */
    unsigned nframes;   /* guest frames, innermost first; host frames are left out */
    bool truncated;     /* there were more frames than fit */
    mw_frame frames[MW_TRAP_MAX_FRAMES];
} mw_trap;

/* Installs the fault handler (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP) once a process, on an alternate signal stack of the
 * calling thread. It claims faults in compiled code, in a linear memory's reservation and in a guest stack's
 * guard, and passes all others to the handler that was there before. */
MW_CHECKED mw_error mw_trap_install(mw_report *report);
/* To be called after a library that may have installed handlers of its own (MPI_Init) has come up: the same call
 * again puts ours on top, and theirs gets what we do not claim, even if it chains to ours. */

/* Size in bytes of the stacks on which guests run from now on; at least 64 KiB. Default 64 MiB of address space. */
void mw_set_guest_stack_size(size_t bytes);

/* Text of a trap ("out of bounds memory access"); a static string. */
const char *mw_trap_text(mw_trap_code code);

/* Prints the trap: what, where (function, module offset, source line where the module has DWARF) and the guest's
 * call stack, each line preceded by `prefix` ("mpiwasm: rank 3: "). */
void mw_trap_print(const mw_trap *trap, const char *prefix, FILE *to);

/* Returns on the first thread that calls it, as often as that does, and on no other: that thread ends the process, and
 * nobody else reports anything any more. */
void mw_end_process(void);

/* Called instead of unwinding when a trap or exit happens inside a guest callback, that is with frames of a host
 * library between the guest's frames: the host library may hold locks, so its frames cannot be skipped. Must not
 * return. Default: print and _exit(134). */
typedef void mw_nested_end_fn(const mw_trap *trap, int exit_code, bool is_exit);
void mw_set_nested_end(mw_nested_end_fn *fn);
/* Marks the time in which a host module runs a guest callback (see above); nests. */
void mw_callback_enter(void);
void mw_callback_leave(void);

#endif
