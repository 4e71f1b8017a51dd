/* What musl's pthread_create.c and pthread_exit want of a system, over wasi-threads: memory for stacks, a new thread on one
 * of them, and its end. The end is told by what the kernel would do: __thread_list_lock, which an ending thread holds, is
 * cleared by start.s when the thread needs its stack no more. */
#define _GNU_SOURCE
#include "pthread_impl.h"
#include <stdarg.h>
#include <string.h>

volatile int __thread_list_lock;
_Thread_local struct pthread __mw_self;

/* Of the first thread; those of others are given by the host, from 1 to 2^29 - 1. */
enum { FIRST_TID = 0x3ffffffe };

/* In the new thread's memory, below where its stack begins; start.s knows the layout. */
struct start {
    void *stack, *tls;
    volatile int *cleared_at_end;
    int (*func)(void *);
    void *arg;
};
static _Thread_local struct start *start;

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int __mw_thread_spawn(struct start *);
/* start.s: throws, up to where the thread started. */
_Noreturn void __mw_throw_thread_end(void);
/* start.s: initializes the thread-local memory at `to`, not this thread's. */
void __mw_init_tls(void *to);
extern char __stack_low, __stack_high;

/* ---- The first thread ------------------------------------------------------------------------------------------ */

__attribute__((constructor(1))) static void init_first_thread(void)
{
    pthread_t self = __pthread_self();
    size_t stack = &__stack_high - &__stack_low;
    self->self = self;
    self->prev = self->next = self;
    self->tid = FIRST_TID;
    self->detach_state = DT_JOINABLE;
    self->locale = &libc.global_locale;
    self->robust_list.head = &self->robust_list.head;
    self->stack = &__stack_high;
    self->stack_size = stack;
    libc.can_do_threads = 1;
    libc.tls_size = __builtin_wasm_tls_size() + __builtin_wasm_tls_align();
    /* As natively, where the first thread's limit is the others' default. Nothing can be guarded. */
    __default_stacksize = stack < DEFAULT_STACK_MAX ? stack : DEFAULT_STACK_MAX;
    __default_guardsize = 0;
}

/* ---- Memory ---------------------------------------------------------------------------------------------------- */

/* Of detached threads that ended, linked by their first words. Under __tl_lock, which a thread holds until it is gone. */
static void *left_behind;

static void free_what_is_left_behind(void)
{
    if (!left_behind)
        return;
    __tl_lock();
    void *list = left_behind;
    left_behind = 0;
    __tl_unlock();
    while (list) {
        void *next = *(void **)list;
        __libc_free(list);
        list = next;
    }
}

/* pthread_create's memory: it relies on zeros at the end, where values of keys are. */
void *__mmap(void *hint, size_t size, int protection, int flags, int fd, off_t offset)
{
    free_what_is_left_behind();
    unsigned char *map = __libc_malloc(size);
    if (!map)
        return MAP_FAILED;
    memset(map + size - __pthread_tsd_size, 0, __pthread_tsd_size);
    return map;
}

int __mprotect(void *at, size_t size, int protection)
{
    return 0;
}

int __munmap(void *map, size_t size)
{
    __libc_free(map);
    return 0;
}

void __unmapself(void *map, size_t size)
{
    *(void **)map = left_behind;
    left_behind = map;
    __mw_thread_exit();
}

void *__copy_tls(unsigned char *memory)
{
    memory += -(uintptr_t)memory & (__builtin_wasm_tls_align() - 1);
    __mw_init_tls(memory);
    return memory + ((char *)&__mw_self - (char *)__builtin_wasm_tls_base());
}

/* ---- Start and end --------------------------------------------------------------------------------------------- */

int __clone(int (*func)(void *), void *stack, int flags, void *arg, ...)
{
    va_list more;
    va_start(more, arg);
    int *tid = va_arg(more, int *);
    char *self = va_arg(more, void *);
    volatile int *cleared_at_end = va_arg(more, volatile int *);
    va_end(more);
    struct start *s = (struct start *)(((uintptr_t)stack - sizeof *s) & -16);
    *s = (struct start){.stack = s, .tls = self - ((char *)&__mw_self - (char *)__builtin_wasm_tls_base()),
                        .cleared_at_end = cleared_at_end, .func = func, .arg = arg};
    int id = __mw_thread_spawn(s);
    if (id < 0)
        return -EAGAIN;
    *tid = id;
    return id;
}

/* Called by start.s with the thread's own stack and thread-local memory. */
void __mw_thread_main(int id, struct start *s)
{
    start = s;
    __pthread_self()->tid = id;
    s->func(s->arg);
}

_Noreturn void __mw_thread_exit(void)
{
    if (start)
        __mw_throw_thread_end();
    /* The first thread's return would end the process, which lives until the last thread has ended. */
    a_store(&__thread_list_lock, 0);
    __wake(&__thread_list_lock, 1, 0);
    static volatile int never;
    for (;;)
        __mw_futex_wait(&never, 0, 0);
}

long __mw_set_tid_address(volatile int *at)
{
    start->cleared_at_end = at;
    return 0;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------------- */

long __mw_futex_wait(volatile int *at, int value, const struct timespec *timeout)
{
    long long ns = -1;
    if (timeout && (__builtin_mul_overflow(timeout->tv_sec, 1000000000LL, &ns) ||
                    __builtin_add_overflow(ns, timeout->tv_nsec, &ns)))
        ns = -1; /* in 292 years */
    switch (__builtin_wasm_memory_atomic_wait32((int *)at, value, ns)) {
    case 0:
        return 0;
    case 1:
        return -EAGAIN;
    default:
        return -ETIMEDOUT;
    }
}

/* ---- Scheduling: all threads have the one policy that an ordinary user's have ---------------------------------------- */

long __mw_scheduling(long n, long policy_or_param, long param)
{
    switch (n) {
    case SYS_sched_getscheduler:
        return SCHED_OTHER;
    case SYS_sched_getparam:
        ((struct sched_param *)policy_or_param)->sched_priority = 0;
        return 0;
    case SYS_sched_setparam:
        return ((const struct sched_param *)policy_or_param)->sched_priority ? -EINVAL : 0;
    case SYS_sched_setscheduler:
        if (policy_or_param == SCHED_FIFO || policy_or_param == SCHED_RR)
            return -EPERM;
        return policy_or_param != SCHED_OTHER || *(const int *)param ? -EINVAL : 0;
    default:
        return -ENOSYS;
    }
}

/* ---- Signals: masks only (guest/posix/signal.c) -------------------------------------------------------------------- */

_Thread_local sigset_t __mw_signal_mask;

void __mw_set_signal_mask(const void *mask)
{
    memcpy(&__mw_signal_mask, mask, sizeof __mw_signal_mask);
}

/* Nothing interrupts a thread, so that nothing needs to be blocked; `set` becomes a new thread's mask. */
void __block_app_sigs(void *set)
{
    memcpy(set, &__mw_signal_mask, sizeof __mw_signal_mask);
}

void __block_all_sigs(void *set)
{
    if (set)
        __block_app_sigs(set);
}

void __restore_sigs(void *set)
{
}
