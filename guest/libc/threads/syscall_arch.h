/* The calls of Linux that musl's threads make, for WebAssembly: the futex is memory.atomic.wait and notify, there is one
 * scheduling policy, and a few others have nothing to do. Everything else gives ENOSYS. */
#include <errno.h>

#define SYS_exit 1
#define SYS_futex 2
#define SYS_rt_sigprocmask 3
#define SYS_set_tid_address 4
#define SYS_set_robust_list 5
#define SYS_get_robust_list 6
#define SYS_sched_yield 7
#define SYS_sched_getparam 8
#define SYS_sched_setparam 9
#define SYS_sched_getscheduler 10
#define SYS_sched_setscheduler 11
#define SYS_sched_get_priority_max 12
#define SYS_sched_get_priority_min 13

struct timespec;
hidden long __mw_futex_wait(volatile int *at, int value, const struct timespec *timeout);
hidden long __mw_scheduling(long n, long a, long b);
hidden long __mw_set_tid_address(volatile int *at);
hidden void __mw_set_signal_mask(const void *mask);
hidden _Noreturn void __mw_thread_exit(void);
int sched_yield(void);

static inline long __mw_futex(volatile int *at, long op, long value, long more)
{
    switch (op & 127) {
    case 0: /* FUTEX_WAIT */
        return __mw_futex_wait(at, (int)value, (const struct timespec *)more);
    case 1: /* FUTEX_WAKE */
        return __builtin_wasm_memory_atomic_notify((int *)at, (unsigned)value);
    case 3: /* FUTEX_REQUEUE, of one: it is woken instead, and finds by itself what it has to wait for */
        return __builtin_wasm_memory_atomic_notify((int *)at, 1);
    default: /* of mutexes that inherit priorities */
        return -ENOTSUP;
    }
}

static inline long __mw_syscall(long n, long a, long b, long c, long d)
{
    switch (n) {
    case SYS_futex:
        return __mw_futex((volatile int *)a, b, c, d);
    case SYS_exit:
        __mw_thread_exit();
    case SYS_rt_sigprocmask:
        if (a == 2) /* SIG_SETMASK: a new thread's */
            __mw_set_signal_mask((const void *)b);
        return 0;
    case SYS_set_tid_address:
        return __mw_set_tid_address((volatile int *)a);
    case SYS_set_robust_list: /* pthread_exit looks after the list */
    case SYS_get_robust_list:
        return 0;
    case SYS_sched_yield:
        return sched_yield();
    default:
        return __mw_scheduling(n, b, c);
    }
}

#define __syscall0(n) __mw_syscall(n, 0, 0, 0, 0)
static inline long(__syscall1)(long n, long a) { return __mw_syscall(n, a, 0, 0, 0); }
static inline long(__syscall2)(long n, long a, long b) { return __mw_syscall(n, a, b, 0, 0); }
static inline long(__syscall3)(long n, long a, long b, long c) { return __mw_syscall(n, a, b, c, 0); }
static inline long(__syscall4)(long n, long a, long b, long c, long d) { return __mw_syscall(n, a, b, c, d); }
static inline long(__syscall5)(long n, long a, long b, long c, long d, long e)
{
    (void)e;
    return __mw_syscall(n, a, b, c, d);
}
static inline long(__syscall6)(long n, long a, long b, long c, long d, long e, long f)
{
    (void)e, (void)f;
    return __mw_syscall(n, a, b, c, d);
}
