/* Threads over wasi-threads' one import; see pthread.h. */
#include "pthread.h"
#include <errno.h>
#include <stdbool.h>

enum { STACK = 1 << 20, TLS = 4096 };

struct test_thread {
    void *stack_end, *tls; /* start.s reads these two */
    uint32_t done;         /* and sets this one, when the thread uses its block no more */
    void *(*body)(void *);
    void *arg, *result;
    char *block;
};

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int32_t thread_spawn(struct test_thread *thread);

static _Thread_local struct test_thread *self;
static struct test_thread first;

static void wait_while(uint32_t *at, uint32_t value)
{
    __builtin_wasm_memory_atomic_wait32((int *)at, (int)value, -1);
}

/* ---- Mutexes and barriers ------------------------------------------------------------------------------------ */

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&mutex->state, &free, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return 0;
    while (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_SEQ_CST) != 0)
        wait_while(&mutex->state, 2);
    return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (__atomic_exchange_n(&mutex->state, 0, __ATOMIC_SEQ_CST) == 2)
        __builtin_wasm_memory_atomic_notify((int *)&mutex->state, 1);
    return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    (void)attr;
    mutex->state = 0;
    return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return mutex->state ? EBUSY : 0;
}

int pthread_barrier_init(pthread_barrier_t *barrier, const pthread_barrierattr_t *attr, unsigned count)
{
    (void)attr;
    *barrier = (pthread_barrier_t){.wanted = count};
    return count ? 0 : EINVAL;
}

int pthread_barrier_wait(pthread_barrier_t *barrier)
{
    uint32_t round = __atomic_load_n(&barrier->round, __ATOMIC_SEQ_CST);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_SEQ_CST) == barrier->wanted) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&barrier->round, round + 1, __ATOMIC_SEQ_CST);
        __builtin_wasm_memory_atomic_notify((int *)&barrier->round, ~0u);
    }
    while (__atomic_load_n(&barrier->round, __ATOMIC_SEQ_CST) == round)
        wait_while(&barrier->round, round);
    return 0;
}

int pthread_barrier_destroy(pthread_barrier_t *barrier)
{
    return barrier->arrived ? EBUSY : 0;
}

/* ---- Memory ---------------------------------------------------------------------------------------------------- */

static pthread_mutex_t memory;

#define LOCKED(type, name, parameters, arguments)                                                  \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        pthread_mutex_lock(&memory);                                                               \
        type result = __real_##name arguments;                                                     \
        pthread_mutex_unlock(&memory);                                                             \
        return result;                                                                             \
    }
LOCKED(void *, malloc, (size_t size), (size))
LOCKED(void *, calloc, (size_t n, size_t size), (n, size))
LOCKED(void *, realloc, (void *p, size_t size), (p, size))

void __real_free(void *p);
void __wrap_free(void *p)
{
    pthread_mutex_lock(&memory);
    __real_free(p);
    pthread_mutex_unlock(&memory);
}

/* ---- Threads --------------------------------------------------------------------------------------------------- */

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*body)(void *), void *arg)
{
    (void)attr;
    struct test_thread *thread = calloc(1, sizeof *thread);
    char *block = malloc(STACK + TLS);
    if (!thread || !block || __builtin_wasm_tls_size() > TLS) {
        free(block);
        free(thread);
        return EAGAIN;
    }
    *thread = (struct test_thread){.body = body, .arg = arg, .block = block};
    thread->stack_end = thread->tls = (void *)(((uintptr_t)block + STACK) & ~(uintptr_t)63);
    if (thread_spawn(thread) < 0) {
        free(block);
        free(thread);
        return EAGAIN;
    }
    *out = thread;
    return 0;
}

/* Called by start.s with the thread's own stack and thread-local memory. */
void thread_main(int32_t id, struct test_thread *thread)
{
    (void)id;
    self = thread;
    thread->result = thread->body(thread->arg);
}

int pthread_join(pthread_t thread, void **result)
{
    while (!__atomic_load_n(&thread->done, __ATOMIC_SEQ_CST))
        wait_while(&thread->done, 0);
    if (result)
        *result = thread->result;
    free(thread->block);
    free(thread);
    return 0;
}

pthread_t pthread_self(void)
{
    return self ? self : &first;
}

int pthread_attr_init(pthread_attr_t *attr)
{
    *attr = PTHREAD_CREATE_JOINABLE;
    return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
    *attr = state;
    return state == PTHREAD_CREATE_JOINABLE ? 0 : EINVAL;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
    (void)attr;
    return 0;
}
