/* What threads do, one case a run: the first argument chooses. test_threads.py knows what each must print and how it
 * must end. */
#include "guest.h"

enum { THREADS = 4 };
static thread threads[256];

static void run_all(int n, void (*body)(thread *))
{
    for (int i = 0; i < n; i++)
        if (!start(&threads[i], i, body))
            proc_exit(3);
    for (int i = 0; i < n; i++)
        join(&threads[i]);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print("failed: " #condition "\n");                                                     \
            proc_exit(2);                                                                          \
        }                                                                                          \
    } while (0)

/* ---- Atomics, thread-local variables, a mutex ------------------------------------------------------------------- */

static uint32_t counter32;
static uint64_t counter64;
static uint8_t counter8;
static uint32_t guarded, lock_word;
static _Thread_local uint32_t mine = 7;

static void lock(void)
{
    uint32_t zero = 0;
    if (__atomic_compare_exchange_n(&lock_word, &zero, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_SEQ_CST))
        wait32(&lock_word, 2, -1);
}

static void unlock(void)
{
    if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_SEQ_CST) == 2)
        notify(&lock_word, 1);
}

static void count(thread *t)
{
    CHECK(mine == 7);
    for (int i = 0; i < 20000; i++) {
        __atomic_fetch_add(&counter32, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&counter64, UINT64_C(1) << 32, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&counter8, 1, __ATOMIC_SEQ_CST);
        mine += (uint32_t)t->number;
        lock();
        guarded++;
        unlock();
    }
    CHECK(mine == 7 + 20000 * (uint32_t)t->number);
}

static void counters(void)
{
    run_all(THREADS, count);
    CHECK(counter32 == THREADS * 20000);
    CHECK(counter64 == (uint64_t)THREADS * 20000 << 32);
    CHECK(counter8 == (uint8_t)(THREADS * 20000));
    CHECK(guarded == THREADS * 20000);
    CHECK(mine == 7); /* the first thread has its own */
    print("counted\n");
}

/* ---- Many ---------------------------------------------------------------------------------------------------------- */

static void add_one(thread *t)
{
    (void)t;
    __atomic_fetch_add(&counter32, 1, __ATOMIC_SEQ_CST);
}

static void many(void)
{
    for (int i = 0; i < 3000; i++) { /* one after the other: what ended ones used is there again */
        while (!start(&threads[0], 0, add_one))
            sched_yield();
        join(&threads[0]);
    }
    CHECK(counter32 == 3000);
    run_all(200, add_one);
    CHECK(counter32 == 3200);
    print("many\n");
}

static uint32_t gate;

static void hold(thread *t)
{
    (void)t;
    while (!__atomic_load_n(&gate, __ATOMIC_SEQ_CST))
        wait32(&gate, 0, -1);
}

/* With --max-threads 3: a fourth fails, and comes when one has gone. Ids of those that live differ. */
static void limit(void)
{
    for (int i = 0; i < 3; i++)
        CHECK(start(&threads[i], i, hold));
    CHECK(!start(&threads[3], 3, hold));
    CHECK(thread_spawn(&threads[3]) == -6); /* EAGAIN */
    __atomic_store_n(&gate, 1, __ATOMIC_SEQ_CST);
    notify(&gate, ~0u);
    for (int i = 0; i < 3; i++)
        join(&threads[i]);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < i; k++)
            CHECK(threads[i].id > 0 && threads[i].id != threads[k].id);
    while (!start(&threads[3], 3, hold))
        sched_yield();
    join(&threads[3]);
    print("limited\n");
}

/* ---- Growth --------------------------------------------------------------------------------------------------------- */

static void grow(thread *t)
{
    for (;;) {
        size_t old = __builtin_wasm_memory_grow(0, 1);
        if (old == (size_t)-1)
            return;
        volatile uint32_t *page = (volatile uint32_t *)(old * 65536);
        CHECK(*page == 0 && page[16383] == 0 && __builtin_wasm_memory_size(0) > old);
        *page = (uint32_t)t->number + 1;
        __atomic_fetch_add(&counter32, 1, __ATOMIC_SEQ_CST);
    }
}

static void growth(void)
{
    for (int i = 0; i < THREADS; i++)
        CHECK(start(&threads[i], i, hold)); /* allocates their blocks */
    __atomic_store_n(&gate, 1, __ATOMIC_SEQ_CST);
    notify(&gate, ~0u);
    for (int i = 0; i < THREADS; i++)
        join(&threads[i]);
    size_t before = __builtin_wasm_memory_size(0);
    run_all(THREADS, grow);
    CHECK(__builtin_wasm_memory_size(0) == before + counter32);
    for (size_t p = before; p < before + counter32; p++)
        CHECK(*(uint32_t *)(p * 65536) - 1 < THREADS);
    print("grown\n");
}

/* ---- Ends ------------------------------------------------------------------------------------------------------------- */

static void trap_now(thread *t)
{
    (void)t;
    *(volatile char *)0xffff0000 = 1;
}

static volatile int sink;

__attribute__((noinline)) static int recurse(int n)
{
    return n == 0 ? 0 : recurse(n + 1) + sink;
}

static void overflow(thread *t)
{
    sink = recurse(t->number + 1);
}

static void exit_now(thread *t)
{
    proc_exit((uint32_t)t->number);
}

static void spin(thread *t)
{
    (void)t;
    for (;;)
        __atomic_fetch_add(&counter32, 1, __ATOMIC_SEQ_CST);
}

static void wait_forever(thread *t)
{
    (void)t;
    for (;;)
        wait32(&gate, 0, -1);
}

static void non_blocking(thread *t)
{
    (void)t;
    fd_fdstat_set_flags(0, 4);
    fd_fdstat_set_flags(1, 4);
}

/* A thread ends the process, whatever the others do. */
static void ends(void (*body)(thread *), int number)
{
    start(&threads[0], 0, spin);
    start(&threads[1], 0, wait_forever);
    start(&threads[2], number, body);
    hold(NULL);
}

static bool is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

void _start(void)
{
    static char *argv[16], bytes[256];
    uint32_t argc, size;
    args_sizes_get(&argc, &size);
    if (argc != 2 || size > sizeof bytes)
        proc_exit(1);
    args_get(argv, bytes);
    const char *what = argv[1];
    if (is(what, "counters"))
        counters();
    else if (is(what, "many"))
        many();
    else if (is(what, "limit"))
        limit();
    else if (is(what, "growth"))
        growth();
    else if (is(what, "trap"))
        ends(trap_now, 0);
    else if (is(what, "overflow"))
        ends(overflow, 0);
    else if (is(what, "traps")) {
        for (int i = 0; i < 8; i++)
            start(&threads[i], i, trap_now);
        hold(NULL);
    } else if (is(what, "exit"))
        ends(exit_now, 42);
    else if (is(what, "exit-0"))
        ends(exit_now, 0);
    else if (is(what, "return")) {
        start(&threads[0], 0, spin);
        start(&threads[1], 0, wait_forever);
        print("returned\n");
    } else if (is(what, "flags")) {
        run_all(1, non_blocking);
        start(&threads[1], 0, wait_forever);
    } else
        proc_exit(1);
}
