/* The guest's run on a thread: its stack, mw_invoke, and how a run ends early. */
#include "runtime/internal.h"
#include "runtime/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Below the stack. Compiled functions probe frames larger than a page; host code that does not probe skips less
 * than this. */
#define GUARD_BYTES ((size_t)1 << 20)
#define NESTED_END_SECONDS 30
#define ALTERNATE_BYTES ((size_t)64 << 10)

#if defined(__SANITIZE_ADDRESS__)
/* AddressSanitizer must know on which stack the thread runs. */
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ASAN(...) __VA_ARGS__
#else
#define ASAN(...)
#endif

static size_t stack_bytes = (size_t)64 << 20;
static mw_nested_end_fn *nested_end;

/* Initial-exec: read in signal handlers, where the lazy allocation of other models is not allowed. */
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))
THREAD_LOCAL mw_thread *current;
THREAD_LOCAL unsigned callback_depth;
THREAD_LOCAL bool ends_process; /* mw_end_process has returned on this thread */

static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;

mw_thread *mw_thread_current(void)
{
    return current;
}

unsigned mw_callback_depth(void)
{
    return callback_depth;
}

static void free_stack(mw_thread *thread)
{
    if (thread->guard)
        munmap(thread->guard, (size_t)(thread->stack_end - thread->guard));
    thread->guard = thread->stack = thread->stack_end = NULL;
}

mw_value *mw_thread_tail_params(void)
{
    mw_thread *thread = mw_thread_enter();
    if (thread && !thread->tail_params)
        thread->tail_params = calloc(MW_MAX_PARAMS, sizeof *thread->tail_params);
    return thread ? thread->tail_params : NULL;
}

static void free_thread(void *arg)
{
    mw_thread *thread = arg;
    current = NULL;
    free(thread->tail_params);
    mw_exceptions_thread_end(thread);
    free_stack(thread);
    if (thread->alternate) {
        stack_t now;
        if (!sigaltstack(NULL, &now) && now.ss_sp == thread->alternate)
            sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
        munmap(thread->alternate, thread->alternate_size);
    }
    free(thread);
}

static void make_thread_key(void)
{
    /* Without a key the state of ended threads is not freed, which is no reason to fail. */
    if (pthread_key_create(&thread_key, free_thread))
        thread_key = 0;
}

static void *map_alternate_stack(void)
{
    void *stack = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                       0);
    return stack == MAP_FAILED ? NULL : stack;
}

/* Gives the thread an alternate signal stack unless it has a sufficient one (sanitizers and some MPI libraries
 * set theirs). */
static bool give_alternate_stack(mw_thread *thread)
{
    stack_t old;
    if (!sigaltstack(NULL, &old) && !(old.ss_flags & SS_DISABLE) && old.ss_size >= ALTERNATE_BYTES / 2)
        return true;
    void *stack = map_alternate_stack();
    if (!stack)
        return false;
    if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = ALTERNATE_BYTES}, NULL)) {
        munmap(stack, ALTERNATE_BYTES);
        return false;
    }
    thread->alternate = stack;
    thread->alternate_size = ALTERNATE_BYTES;
    return true;
}

mw_thread *mw_thread_enter(void)
{
    if (current)
        return current;
    pthread_once(&thread_key_once, make_thread_key);
    mw_thread *thread = calloc(1, sizeof *thread);
    if (!thread || !give_alternate_stack(thread)) {
        free(thread);
        return NULL;
    }
    if (thread_key)
        (void)pthread_setspecific(thread_key, thread);
    current = thread;
    return thread;
}

static bool give_stack(mw_thread *thread)
{
    size_t bytes = __atomic_load_n(&stack_bytes, __ATOMIC_RELAXED);
    if (thread->stack && (size_t)(thread->stack_end - thread->stack) == bytes)
        return true;
    free_stack(thread);
    uint8_t *whole = mmap(NULL, GUARD_BYTES + bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (whole == MAP_FAILED)
        return false;
    if (mprotect(whole + GUARD_BYTES, bytes, PROT_READ | PROT_WRITE)) {
        munmap(whole, GUARD_BYTES + bytes);
        return false;
    }
    /* Where huge pages are always on, the first push would take one. */
    (void)madvise(whole, GUARD_BYTES + bytes, MADV_NOHUGEPAGE);
    thread->guard = whole;
    thread->stack = whole + GUARD_BYTES;
    thread->stack_end = thread->stack + bytes;
    return true;
}

mw_thread *mw_thread_new(uint32_t id)
{
    mw_thread *thread = calloc(1, sizeof *thread);
    if (!thread)
        return NULL;
    thread->id = id;
    thread->alternate = map_alternate_stack();
    thread->alternate_size = ALTERNATE_BYTES;
    if (!thread->alternate || !give_stack(thread)) {
        mw_thread_discard(thread);
        return NULL;
    }
    return thread;
}

void mw_thread_discard(mw_thread *thread)
{
    free_stack(thread);
    if (thread->alternate)
        munmap(thread->alternate, thread->alternate_size);
    free(thread);
}

void mw_thread_become(mw_thread *thread)
{
    pthread_once(&thread_key_once, make_thread_key);
    sigaltstack(&(stack_t){.ss_sp = thread->alternate, .ss_size = thread->alternate_size}, NULL);
    if (thread_key)
        (void)pthread_setspecific(thread_key, thread);
    current = thread;
}

static mw_instance *first_of(mw_instance *instance)
{
    return instance->first ? instance->first : instance;
}

mw_instance *mw_instance_here(mw_instance *instance)
{
    const mw_run *run = current ? current->run : NULL;
    return run && first_of(run->instance) == first_of(instance) ? run->instance : instance;
}

const mw_func *mw_func_here(const mw_func *func)
{
    mw_instance *instance = mw_instance_here(func->instance);
    return instance == func->instance ? func : &instance->funcs[func->index];
}

void mw_set_guest_stack_size(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes < (size_t)64 << 10)
        bytes = (size_t)64 << 10;
    if (bytes > SIZE_MAX / 4)
        bytes = SIZE_MAX / 4;
    __atomic_store_n(&stack_bytes, (bytes + page - 1) & ~(page - 1), __ATOMIC_RELAXED);
}

/* ---- Invoking -------------------------------------------------------------------------------------------------- */

typedef struct call {
    const mw_func *func;
    void (*invoke)(mw_code_ptr, mw_context *, mw_value *);
    mw_value *values;
    bool switched;
    ASAN(const void *host_stack; size_t host_size; void *fake;)
} call;

static void call_guest(void *arg)
{
    call *c = arg;
    ASAN(if (c->switched) __sanitizer_finish_switch_fiber(NULL, &c->host_stack, &c->host_size);)
    c->invoke(c->func->code, c->func->context, c->values);
    ASAN(if (c->switched) __sanitizer_start_switch_fiber(NULL, c->host_stack, c->host_size);)
}

mw_error mw_invoke(mw_func *func, mw_value *args_results, mw_trap *trap, int *exit_code)
{
    const mw_code_descriptor *d = func->instance->code;
    mw_thread *thread = mw_thread_enter();
    uint8_t *here = __builtin_frame_address(0);
    bool on_guest_stack = thread && here >= thread->stack && here < thread->stack_end;
    /* A run within a run of this thread on another stack than ours: a host library switched stacks. Then the
     * current stack is as good as any, while the guest's is in use. */
    bool nested = thread && thread->run;
    if (!thread || (!nested && !give_stack(thread))) {
        if (trap) {
            *trap = (mw_trap){.code = MW_TRAP_HOST};
            snprintf(trap->message, sizeof trap->message, "no memory for the guest's stack: %s", strerror(errno));
        }
        return MW_ERR_TRAP;
    }
    mw_run run = {.outer = thread->run, .instance = func->instance, .trap = trap, .exit_code = exit_code,
                  .callback_depth = callback_depth};
    call c = {
        .func = func,
        .invoke = d->types[d->func_types[func->index]].invoke,
        .values = args_results,
        .switched = !on_guest_stack && !nested,
    };
    if (!nested)
        mw_exceptions_enter();
    thread->run = &run;
    ASAN(if (c.switched) __sanitizer_start_switch_fiber(&c.fake, thread->stack,
                                                        (size_t)(thread->stack_end - thread->stack));)
    mw_error error = (mw_error)mw_stack_run(c.switched ? thread->stack_end : NULL, call_guest, &c, &run.frame);
    ASAN(if (c.switched) {
        if (error) { /* call_guest was left without saying so, and its frames with their red zones */
            __asan_unpoison_memory_region(thread->stack, (size_t)(thread->stack_end - thread->stack));
            __sanitizer_start_switch_fiber(NULL, c.host_stack, c.host_size);
        }
        __sanitizer_finish_switch_fiber(c.fake, NULL, NULL);
    })
    thread->run = run.outer;
    if (!nested)
        mw_exceptions_leave();
    callback_depth = run.callback_depth;
    return error;
}

mw_error mw_instance_start(mw_instance *instance, mw_trap *trap, int *exit_code)
{
    if (instance->code->start == UINT32_MAX)
        return MW_OK;
    mw_value none[1] = {{0}}; /* () -> () */
    return mw_invoke(&instance->funcs[instance->code->start], none, trap, exit_code);
}

/* ---- Ending early ----------------------------------------------------------------------------------------------- */

void mw_set_nested_end(mw_nested_end_fn *fn)
{
    nested_end = fn;
}

void mw_callback_enter(void)
{
    /* A progress thread of the host library may have no alternate stack yet. If there is no memory for one, only an
     * overflow of its stack goes unreported. */
    mw_thread *thread = mw_thread_enter();
    if (callback_depth++ == 0 && thread && !thread->run) {
        /* The caller's frame is above; what lies between is its call of the guest. */
        thread->callback_base = (const uint8_t *)__builtin_frame_address(0) + 64;
        mw_exceptions_enter();
    }
}

void mw_callback_leave(void)
{
    if (--callback_depth == 0 && current && current->callback_base) {
        current->callback_base = NULL;
        mw_exceptions_leave();
    }
}

void mw_end_process(void)
{
    static bool begun;
    if (!ends_process && __atomic_exchange_n(&begun, true, __ATOMIC_ACQ_REL))
        for (;;)
            pause();
    ends_process = true;
}

void mw_nested_end_now(mw_thread *thread)
{
    mw_end_process();
    /* Host libraries are in the middle of something: should the end wait for a lock that this thread holds, an alarm
     * ends the process, and its launcher the job. */
    signal(SIGALRM, SIG_DFL);
    alarm(NESTED_END_SECONDS);
    if (nested_end)
        nested_end(&thread->pending, thread->pending_exit, thread->pending_is_exit);
    else if (!thread->pending_is_exit)
        mw_trap_print(&thread->pending, "mpiwasm: ", stderr);
    _exit(134);
}

/* Whether frames of a host library lie between here and the innermost mw_invoke. */
static bool must_nest(const mw_thread *thread)
{
    return !thread->run || callback_depth > thread->run->callback_depth;
}

static _Noreturn void die_without_thread(void)
{
    /* Guest code on a thread that neither mw_invoke nor mw_callback_enter prepared. */
    static const char text[] = "mpiwasm: a guest function ended abnormally on a thread of the host\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(134);
}

/* Where the trap of this thread is to be written, with its code and message. */
static mw_trap *begin_trap(mw_trap_code code, const char *message)
{
    mw_thread *thread = current;
    if (!thread)
        die_without_thread();
    mw_trap *trap = must_nest(thread) || !thread->run->trap ? &thread->pending : thread->run->trap;
    *trap = (mw_trap){.code = code, .thread = thread->id};
    snprintf(trap->message, sizeof trap->message, "%s", message);
    return trap;
}

static _Noreturn void end_trap(void)
{
    mw_thread *thread = current;
    if (must_nest(thread)) {
        thread->pending_is_exit = false;
        mw_nested_end_now(thread);
    }
    mw_stack_resume(thread->run->frame, MW_ERR_TRAP);
}

void mw_run_trap(mw_instance *instance, mw_trap_code code, const char *message)
{
    (void)instance;
    mw_backtrace(begin_trap(code, message), 0, NULL);
    end_trap();
}

void mw_run_uncaught(const char *message, const uintptr_t *trace, unsigned ntrace, bool truncated)
{
    mw_trap *trap = begin_trap(MW_TRAP_UNCAUGHT_EXCEPTION, message);
    for (unsigned i = 0; i < ntrace; i++)
        mw_trap_add_frame(trap, trace[i]);
    trap->truncated |= truncated;
    end_trap();
}

void mw_run_exit(int code)
{
    mw_thread *thread = current;
    if (!thread)
        die_without_thread();
    if (must_nest(thread)) {
        thread->pending_exit = code;
        thread->pending_is_exit = true;
        mw_nested_end_now(thread);
    }
    if (thread->run->exit_code)
        *thread->run->exit_code = code;
    mw_stack_resume(thread->run->frame, MW_ERR_EXIT);
}
