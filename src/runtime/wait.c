/* memory.atomic.wait and notify: threads parked by the host address that they wait at, in a hash table of queues. A
 * waiter is a record on its thread's stack, so that the table takes no memory however much is waited for. */
#include "runtime/internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct waiter {
    struct waiter *next, *previous;
    const void *address;
    uint32_t woken; /* what the kernel waits at; 1: a notify took the waiter out of its queue */
} waiter;

/* Waiters in the order in which they came; a line of the cache each. */
typedef struct queue {
    pthread_mutex_t lock;
    waiter *first, *last;
} __attribute__((aligned(64))) queue;

enum { QUEUE_BITS = 8, QUEUES = 1 << QUEUE_BITS };
static queue queues[QUEUES] = {[0 ... QUEUES - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};

static queue *queue_of(const void *address)
{
    return &queues[((uintptr_t)address >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - QUEUE_BITS)];
}

static void append(queue *q, waiter *w)
{
    w->previous = q->last;
    *(q->last ? &q->last->next : &q->first) = w;
    q->last = w;
}

static void take_out(queue *q, waiter *w)
{
    *(w->previous ? &w->previous->next : &q->first) = w->next;
    *(w->next ? &w->next->previous : &q->last) = w->previous;
}

/* The monotonic clock's time `timeout` ns from now; false if that never comes. */
static bool deadline_after(int64_t timeout, struct timespec *out)
{
    if (timeout < 0)
        return false;
    clock_gettime(CLOCK_MONOTONIC, out);
    int64_t ns = out->tv_nsec + timeout % 1000000000;
    out->tv_nsec = ns % 1000000000;
    return !__builtin_add_overflow(out->tv_sec, timeout / 1000000000 + ns / 1000000000, &out->tv_sec);
}

/* Sleeps until w->woken; false if the deadline (NULL: none) came first. The kernel may wake it for no reason. */
static bool sleep_until_woken(waiter *w, const struct timespec *deadline)
{
    while (!__atomic_load_n(&w->woken, __ATOMIC_ACQUIRE))
        if (syscall(SYS_futex, &w->woken, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, deadline, NULL,
                    FUTEX_BITSET_MATCH_ANY) &&
            errno == ETIMEDOUT)
            return false;
    return true;
}

static bool holds(const void *address, uint64_t expected, size_t size)
{
    return size == sizeof(uint32_t) ? __atomic_load_n((const uint32_t *)address, __ATOMIC_SEQ_CST) == (uint32_t)expected
                                    : __atomic_load_n((const uint64_t *)address, __ATOMIC_SEQ_CST) == expected;
}

mw_wait_result mw_wait(const void *address, uint64_t expected, size_t size, int64_t timeout)
{
    queue *q = queue_of(address);
    waiter w = {.address = address};
    struct timespec deadline;
    bool ends = deadline_after(timeout, &deadline);

    pthread_mutex_lock(&q->lock);
    /* Under the lock: who changes the value and notifies after this look finds the waiter in the queue. */
    bool equal = holds(address, expected, size);
    if (equal)
        append(q, &w);
    pthread_mutex_unlock(&q->lock);
    if (!equal)
        return MW_WAIT_NOT_EQUAL;
    if (sleep_until_woken(&w, ends ? &deadline : NULL))
        return MW_WAIT_OK;

    pthread_mutex_lock(&q->lock);
    bool woken = __atomic_load_n(&w.woken, __ATOMIC_ACQUIRE); /* it was counted, so it must not say otherwise */
    if (!woken)
        take_out(q, &w);
    pthread_mutex_unlock(&q->lock);
    return woken ? MW_WAIT_OK : MW_WAIT_TIMED_OUT;
}

uint32_t mw_notify(const void *address, uint32_t count)
{
    queue *q = queue_of(address);
    uint32_t n = 0;
    pthread_mutex_lock(&q->lock);
    for (waiter *w = q->first, *next; w && n < count; w = next) {
        next = w->next;
        if (w->address != address)
            continue;
        take_out(q, w);
        n++;
        __atomic_store_n(&w->woken, 1, __ATOMIC_RELEASE);
        /* Its thread may be gone from the record by now: then nobody sleeps at this address, or someone else's loop
         * looks once more. */
        syscall(SYS_futex, &w->woken, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}
