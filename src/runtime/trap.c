/* The fault handler, and walking the guest's stack. Everything the handler calls is async-signal-safe. */
#include "runtime/internal.h"
#include "runtime/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

/* ---- Machine contexts -------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static uintptr_t context_pc(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}

static uintptr_t context_sp(const ucontext_t *context)
{
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}

/* When the handler returns, `function` (which never does) is called with two arguments on the stack that ends
 * below `sp`. */
static void context_call(ucontext_t *context, uintptr_t sp, uintptr_t function, uintptr_t arg0, uintptr_t arg1)
{
    greg_t *r = context->uc_mcontext.gregs;
    r[REG_RSP] = (greg_t)((sp & ~(uintptr_t)15) - 8); /* as after the push of a return address */
    r[REG_RIP] = (greg_t)function;
    r[REG_RDI] = (greg_t)arg0;
    r[REG_RSI] = (greg_t)arg1;
    r[REG_EFL] &= ~(greg_t)0x400; /* the ABI wants the direction flag clear */
}

/* Whether the instruction at `pc` is ud2, which compilers emit for what cannot be reached. */
static bool is_deliberate_trap(uintptr_t pc)
{
    const uint8_t *code = (const uint8_t *)pc;
    return code[0] == 0x0f && code[1] == 0x0b;
}
#elif defined(__aarch64__)
static uintptr_t context_pc(const ucontext_t *context)
{
    return context->uc_mcontext.pc;
}

static uintptr_t context_sp(const ucontext_t *context)
{
    return context->uc_mcontext.sp;
}

static void context_call(ucontext_t *context, uintptr_t sp, uintptr_t function, uintptr_t arg0, uintptr_t arg1)
{
    context->uc_mcontext.sp = sp & ~(uintptr_t)15;
    context->uc_mcontext.pc = function;
    context->uc_mcontext.regs[0] = arg0;
    context->uc_mcontext.regs[1] = arg1;
    context->uc_mcontext.regs[30] = 0;
}

static bool is_deliberate_trap(uintptr_t pc)
{
    uint32_t code;
    memcpy(&code, (const void *)pc, sizeof code);
    return (code & 0xffff0000u) == 0 || (code & 0xffe0001fu) == 0xd4200000u; /* udf, brk */
}
#endif

/* ---- Backtraces --------------------------------------------------------------------------------------------------- */

typedef struct walk {
    mw_trap *trap;
    uintptr_t fault_pc;
    unsigned since_fault; /* frames seen from the faulting one on; 0: not there yet */
    unsigned host_frames; /* in a row */
    bool direct;
} walk;

/* The instance that guest code of `code` belongs to on this thread; NULL if that is not known, as there are several that
 * are not those of threads. */
static mw_instance *instance_of_frame(const mw_code *code)
{
    const mw_thread *thread = mw_thread_current();
    mw_instance *here = thread && thread->run ? thread->run->instance : NULL;
    mw_instance *oldest = __atomic_load_n(&code->instance, __ATOMIC_RELAXED);
    if (here && here->code == code->desc && (here->first ? here->first : here) == oldest)
        return here;
    return __atomic_load_n(&code->ninstances, __ATOMIC_ACQUIRE) == 1 ? oldest : NULL;
}

void mw_trap_add_frame(mw_trap *trap, uintptr_t pc)
{
    const mw_code *code = mw_code_of_pc(pc);
    uint32_t func;
    if (!code || !mw_code_function_of_pc(code, pc, &func))
        return;
    if (trap->nframes == MW_TRAP_MAX_FRAMES) {
        trap->truncated = true;
        return;
    }
    trap->frames[trap->nframes++] = (mw_frame){instance_of_frame(code), code->desc, func, pc};
}

static _Unwind_Reason_Code visit_frame(struct _Unwind_Context *context, void *arg)
{
    walk *w = arg;
    int before = 0;
    uintptr_t pc = _Unwind_GetIPInfo(context, &before);
    if (!pc)
        return _URC_END_OF_STACK;
    if (w->fault_pc && !w->since_fault) {
        if (pc != w->fault_pc) /* the handler's own frames */
            return ++w->host_frames > 32 ? _URC_END_OF_STACK : _URC_NO_REASON;
        w->since_fault = 1;
        w->host_frames = 0;
        if (mw_code_of_pc(pc)) /* added before the walk */
            return _URC_NO_REASON;
    } else if (w->since_fault) {
        w->since_fault++;
    }
    if (!before)
        pc--; /* a return address may already belong to the next function */
    bool guest = mw_code_of_pc(pc) != NULL;
    if (w->since_fault == 2)
        w->direct = guest;
    if (guest) {
        w->host_frames = 0;
        mw_trap_add_frame(w->trap, pc);
        return w->trap->truncated ? _URC_END_OF_STACK : _URC_NO_REASON;
    }
    return ++w->host_frames > 256 ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void mw_backtrace(mw_trap *trap, uintptr_t fault_pc, bool *direct)
{
    walk w = {.trap = trap, .fault_pc = fault_pc};
    if (fault_pc)
        mw_trap_add_frame(trap, fault_pc); /* even if the unwinder does not get that far */
    _Unwind_Backtrace(visit_frame, &w);
    if (direct)
        *direct = w.direct;
}

/* ---- The handler ---------------------------------------------------------------------------------------------------- */

/* Compilers emit an instruction for what cannot be reached: ud2 raises SIGILL, AArch64's brk SIGTRAP. */
static const int claimed_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
#define NSIGNALS (sizeof claimed_signals / sizeof *claimed_signals)

/* `original` was there when we came first, `later` came after us and was covered when mw_trap_install was called again; it may chain
 * to us in turn. */
static struct sigaction original[NSIGNALS], later[NSIGNALS];
static bool has_later[NSIGNALS];
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;
static __thread __attribute__((tls_model("initial-exec"))) bool passing_on;

static void call_handler(struct sigaction *action, int sig, siginfo_t *info, void *context)
{
    bool has_info = action->sa_flags & SA_SIGINFO;
    if (!has_info && (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN)) {
        if (action->sa_handler == SIG_IGN && info->si_code <= 0)
            return; /* sent by someone and ignored; a real fault kills in any case */
        /* The fault happens again when we return, now with the default action: the core shows it where it was. A
         * signal that was sent does not, so it is sent again. */
        signal(sig, SIG_DFL);
        if (info->si_code <= 0)
            syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
        return;
    }
    sigset_t old;
    pthread_sigmask(SIG_BLOCK, &action->sa_mask, &old);
    struct sigaction copy = *action;
    if (action->sa_flags & (int)SA_RESETHAND)
        action->sa_flags = 0, action->sa_handler = SIG_DFL;
    if (has_info)
        copy.sa_sigaction(sig, info, context);
    else
        copy.sa_handler(sig);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void pass_on(int sig, siginfo_t *info, void *context)
{
    size_t i = 0;
    while (claimed_signals[i] != sig)
        i++;
    if (__atomic_load_n(&has_later[i], __ATOMIC_ACQUIRE) && !passing_on) {
        passing_on = true;
        call_handler(&later[i], sig, info, context);
        passing_on = false;
    } else {
        call_handler(&original[i], sig, info, context);
    }
}

/* What a fault means, if it is ours. */
static bool classify(int sig, const siginfo_t *info, uintptr_t pc, const mw_thread *thread, mw_trap *trap)
{
    if (info->si_code <= 0) /* sent by kill() and the like */
        return false;
    const mw_code *code = mw_code_of_pc(pc);
    uintptr_t address = (uintptr_t)info->si_addr;
    trap->code = MW_TRAP_HOST;
    if (sig == SIGFPE) {
        trap->code = MW_TRAP_INTEGER_DIVIDE_BY_ZERO;
        return code;
    }
    if (sig == SIGILL || sig == SIGTRAP) {
        if (!code)
            return false;
        if (is_deliberate_trap(pc))
            trap->code = MW_TRAP_UNREACHABLE;
        else
            snprintf(trap->message, sizeof trap->message, "illegal instruction: the module was compiled for the CPU "
                     "\"%s\"", code->desc->cpu);
        return true;
    }
    const mw_memory *memory = mw_memory_of_address(address);
    if (memory) {
        uint64_t at = address - (uintptr_t)memory->base;
        trap->has_address = true;
        trap->address = at;
        if (at < __atomic_load_n(&memory->pages, __ATOMIC_RELAXED) * MW_PAGE_BYTES)
            snprintf(trap->message, sizeof trap->message, "the host could not provide a page of guest memory");
        else
            trap->code = MW_TRAP_MEMORY_OUT_OF_BOUNDS;
        if (!code)
            snprintf(trap->message, sizeof trap->message, "in a function of the host");
        return true;
    }
    if (thread && address >= (uintptr_t)thread->guard && address < (uintptr_t)thread->stack) {
        trap->code = MW_TRAP_STACK_OVERFLOW;
        return true;
    }
    if (code)
        snprintf(trap->message, sizeof trap->message, "internal error: compiled code touched the host address %p",
                 info->si_addr);
    return code;
}

/* C programs keep a stack of their own in linear memory. Linkers put it first, so that its overflow runs below
 * address 0 and faults; the stack pointer is their first global and begins at the stack's size. */
static void explain_program_stack(mw_trap *trap)
{
    const mw_instance *in = trap->nframes ? trap->frames[0].instance : NULL;
    if (trap->code != MW_TRAP_MEMORY_OUT_OF_BOUNDS || !in || in->code->nglobals == 0 || in->code->nimported_globals)
        return;
    const mw_global_desc *g = &in->code->globals[0];
    if (g->type != MW_I32 || !g->is_mutable || g->init.nops != 1 || g->init.ops[0].opcode != MW_CONST_VALUE)
        return;
    int64_t size = g->init.ops[0].value.i32, now = in->globals[0]->i32;
    bool wrapped = now < 0;
    bool leaf = now < 65536 && trap->address >= (UINT64_C(1) << 32) - 65536; /* a leaf does not move the pointer */
    if (size > 0 && (wrapped || leaf))
        snprintf(trap->message, sizeof trap->message, "the program's own stack of %lld KiB overflowed (link with "
                 "-Wl,-z,stack-size=BYTES for a larger one)", (long long)size / 1024);
}

static void on_fault(int sig, siginfo_t *info, void *opaque)
{
    int saved_errno = errno;
    ucontext_t *context = opaque;
    uintptr_t pc = context_pc(context);
    mw_thread *thread = mw_thread_current();
    mw_trap found = {0};
    if (!classify(sig, info, pc, thread, &found)) {
        pass_on(sig, info, opaque);
        errno = saved_errno;
        return;
    }
    static mw_thread stranger; /* guest code on a thread that nobody prepared: the process ends anyway */
    if (!thread)
        thread = &stranger;
    found.thread = thread->id;
    bool direct = false;
    mw_backtrace(&found, pc, &direct);
    explain_program_stack(&found);
    /* Host frames cannot be skipped: they may hold locks. The exception are routines such as memcpy that guest code
     * calls directly. */
    bool in_host = !mw_code_of_pc(pc) && !(direct && mw_is_library_routine(pc));
    mw_run *run = thread->run;
    if (run && !in_host && mw_callback_depth() == run->callback_depth) {
        if (run->trap)
            *run->trap = found;
        context_call(context, context_sp(context), (uintptr_t)mw_stack_resume, (uintptr_t)run->frame, MW_ERR_TRAP);
    } else {
        thread->pending = found;
        thread->pending_is_exit = false;
        /* On the guest's stack there may be no room left: below the frame of the outermost mw_invoke nothing of the
         * host's stack is in use. */
        uintptr_t sp = context_sp(context) - 256;
        if (run && sp >= (uintptr_t)thread->guard && sp < (uintptr_t)thread->stack_end) {
            while (run->outer)
                run = run->outer;
            sp = (uintptr_t)run->frame - 1024;
        }
        context_call(context, sp, (uintptr_t)mw_nested_end_now, (uintptr_t)thread, 0);
    }
    errno = saved_errno;
}

static mw_error install_all(mw_report *report)
{
    struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < NSIGNALS; i++) {
        struct sigaction now;
        if (sigaction(claimed_signals[i], NULL, &now))
            goto fail;
        /* A library that saves and restores handlers with signal() loses our flags, so ours is always set again,
         * but never taken for somebody else's. */
        if (now.sa_sigaction != on_fault) {
            if (!installed) {
                original[i] = now;
            } else {
                later[i] = now;
                __atomic_store_n(&has_later[i], true, __ATOMIC_RELEASE);
            }
        }
        if (sigaction(claimed_signals[i], &ours, NULL))
            goto fail;
    }
    installed = true;
    return MW_OK;

fail:
    return mw_fail(report, MW_ERR_IO, "cannot install the fault handler: %s", strerror(errno));
}

mw_error mw_trap_install(mw_report *report)
{
    pthread_mutex_lock(&install_lock);
    mw_error error = install_all(report);
    pthread_mutex_unlock(&install_lock);
    if (!error && !mw_thread_enter())
        error = mw_fail(report, MW_ERR_NO_MEMORY, "no memory for a signal stack");
    return error;
}
