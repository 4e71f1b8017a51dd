/* Shared memories and memory.atomic.wait/notify under many threads: no wake-up is lost or counted twice, and growth is
 * one sequence for all. Also meant for ThreadSanitizer. */
#include "fixture.h"

#include "runtime/internal.h"
#include <pthread.h>
#include <sched.h>
#include <time.h>

enum { THREADS = 8 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run_threads(unsigned n, void *(*body)(void *), void *arg)
{
    pthread_t threads[64];
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, arg), 0);
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* ---- One thread ------------------------------------------------------------------------------------------------- */

static void results_without_others(void **state)
{
    (void)state;
    uint64_t cell = UINT64_C(0x100000007);
    assert_int_equal(mw_wait(&cell, 8, 4, -1), MW_WAIT_NOT_EQUAL);
    assert_int_equal(mw_wait(&cell, 7, 8, -1), MW_WAIT_NOT_EQUAL); /* all 64 bits count */
    assert_int_equal(mw_wait(&cell, 7, 4, 0), MW_WAIT_TIMED_OUT);
    assert_int_equal(mw_wait(&cell, cell, 8, 1), MW_WAIT_TIMED_OUT);
    int64_t begin = now_ns();
    assert_int_equal(mw_wait(&cell, cell, 8, 30000000), MW_WAIT_TIMED_OUT);
    assert_true(now_ns() - begin >= 30000000);
    assert_int_equal(mw_notify(&cell, 0), 0);
    assert_int_equal(mw_notify(&cell, UINT32_MAX), 0);
}

/* ---- How many are woken ------------------------------------------------------------------------------------------ */

static struct {
    uint32_t cells[64]; /* many addresses, so that some share a queue */
    uint32_t arrived, woken, timed_out;
    uint32_t stop;
} parked;

static void *park(void *arg)
{
    unsigned i = __atomic_fetch_add(&parked.arrived, 1, __ATOMIC_SEQ_CST);
    mw_wait_result result = mw_wait(&parked.cells[arg ? i % 64 : 0], 0, 4, -1);
    if (result == MW_WAIT_OK)
        __atomic_fetch_add(&parked.woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Notifies until `n` were woken: those that have not arrived yet come later. */
static uint32_t wake(uint32_t *cell, uint32_t n)
{
    uint32_t total = 0;
    while (total < n) {
        uint32_t count = mw_notify(cell, n - total);
        assert_true(count <= n - total);
        total += count;
        if (!count)
            sched_yield();
    }
    return total;
}

static void counts(void **state)
{
    (void)state;
    pthread_t threads[6];
    memset(&parked, 0, sizeof parked);
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, park, NULL), 0);
    assert_int_equal(mw_notify(&parked.cells[1], UINT32_MAX), 0); /* nobody waits there */
    wake(&parked.cells[0], 2);
    struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    assert_int_equal(__atomic_load_n(&parked.woken, __ATOMIC_SEQ_CST), 2);
    wake(&parked.cells[0], 4);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(parked.woken, 6);
    assert_int_equal(mw_notify(&parked.cells[0], UINT32_MAX), 0);
}

static void each_address_has_its_own_waiters(void **state)
{
    (void)state;
    pthread_t threads[64];
    memset(&parked, 0, sizeof parked);
    for (int i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, park, &parked), 0);
    for (int i = 0; i < 64; i++)
        wake(&parked.cells[i], 1);
    for (int i = 0; i < 64; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(parked.woken, 64);
}

/* A wake-up that meets a timeout is one or the other: what notify counts is what wait returns. */
static void *wait_briefly(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 2000; i++) {
        mw_wait_result result = mw_wait(&parked.cells[0], 0, 4, (int64_t)(i % 50) * 1000);
        __atomic_fetch_add(result == MW_WAIT_OK ? &parked.woken : &parked.timed_out, 1, __ATOMIC_RELAXED);
    }
    __atomic_fetch_add(&parked.stop, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void timeouts_against_notify(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint32_t notified = 0;
    memset(&parked, 0, sizeof parked);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_briefly, NULL), 0);
    while (__atomic_load_n(&parked.stop, __ATOMIC_SEQ_CST) < 4) {
        notified += mw_notify(&parked.cells[0], 1 + notified % 3);
        if (notified % 7 == 0)
            sched_yield();
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(parked.woken, notified);
    assert_int_equal(parked.woken + parked.timed_out, 4 * 2000);
}

/* ---- A mutex and a barrier out of wait and notify ---------------------------------------------------------------- */

static struct {
    uint32_t lock; /* 0 free, 1 taken, 2 taken and waited for */
    uint64_t counter;
    uint32_t arrived, generation;
} shared;

static void lock(void)
{
    uint32_t zero = 0;
    if (__atomic_compare_exchange_n(&shared.lock, &zero, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    while (__atomic_exchange_n(&shared.lock, 2, __ATOMIC_SEQ_CST))
        mw_wait(&shared.lock, 2, 4, -1);
}

static void unlock(void)
{
    if (__atomic_exchange_n(&shared.lock, 0, __ATOMIC_SEQ_CST) == 2)
        mw_notify(&shared.lock, 1);
}

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        lock();
        shared.counter++;
        unlock();
    }
    return NULL;
}

static void mutex(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof shared);
    run_threads(THREADS, count_up, NULL);
    assert_int_equal(shared.counter, THREADS * 20000);
}

static void *meet(void *arg)
{
    (void)arg;
    for (uint32_t round = 0; round < 2000; round++) {
        if (__atomic_add_fetch(&shared.arrived, 1, __ATOMIC_SEQ_CST) == THREADS) {
            __atomic_store_n(&shared.arrived, 0, __ATOMIC_SEQ_CST);
            __atomic_store_n(&shared.generation, round + 1, __ATOMIC_SEQ_CST);
            mw_notify(&shared.generation, UINT32_MAX);
        } else {
            while (__atomic_load_n(&shared.generation, __ATOMIC_SEQ_CST) == round)
                mw_wait(&shared.generation, round, 4, -1);
        }
    }
    return NULL;
}

static void barrier(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof shared);
    run_threads(THREADS, meet, NULL);
    assert_int_equal(shared.generation, 2000);
}

/* ---- Shared memories ---------------------------------------------------------------------------------------------- */

enum { PAGES = 400 };
static struct {
    mw_memory *memory;
    uint8_t seen[PAGES + 1]; /* sizes that a growth found */
    uint32_t failures;
} growing;

static void *grow_and_touch(void *arg)
{
    (void)arg;
    for (;;) {
        int64_t old = mw_memory_grow(growing.memory, 1);
        if (old < 0)
            return NULL;
        __atomic_fetch_add(&growing.seen[old], 1, __ATOMIC_RELAXED);
        uint64_t now = __atomic_load_n(&growing.memory->pages, __ATOMIC_SEQ_CST);
        /* Mine is there, and so is all that others have grown. */
        uint8_t *mine = growing.memory->base + (uint64_t)old * MW_PAGE_BYTES;
        if (now <= (uint64_t)old || *mine != 0)
            __atomic_fetch_add(&growing.failures, 1, __ATOMIC_RELAXED);
        *mine = 1;
        (void)*(volatile uint8_t *)(growing.memory->base + now * MW_PAGE_BYTES - 1);
    }
}

static void growth(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    memset(&growing, 0, sizeof growing);
    assert_int_equal(mw_shared_memory_create((mw_memory_desc){.limits = {1, PAGES}}, NULL, &report, &growing.memory), MW_OK);
    run_threads(THREADS, grow_and_touch, NULL);
    assert_int_equal(growing.memory->pages, PAGES);
    assert_int_equal(growing.failures, 0);
    for (int i = 1; i < PAGES; i++)
        assert_int_equal(growing.seen[i], 1);
    mw_memory_release(growing.memory);
}

/* It lives as long as somebody holds it. */
static void holders(void **state)
{
    (void)state;
    mw_report report = MW_REPORT_INIT;
    mw_memory *memory;
    assert_int_equal(mw_shared_memory_create((mw_memory_desc){.limits = {3, 4}}, &(uint64_t){2}, &report, &memory), MW_ERR_LIMIT);
    assert_int_equal(mw_shared_memory_create((mw_memory_desc){.limits = {1, 4}}, &(uint64_t){2}, &report, &memory), MW_OK);
    assert_int_equal(mw_memory_grow(memory, 2), -1); /* --max-memory */
    mw_memory_hold(memory);
    uintptr_t inside = (uintptr_t)memory->base + 100;
    mw_memory_release(memory);
    assert_ptr_equal(mw_memory_of_address(inside), memory);
    memory->base[100] = 1;
    mw_memory_release(memory);
    assert_null(mw_memory_of_address(inside));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_without_others), cmocka_unit_test(counts),
        cmocka_unit_test(each_address_has_its_own_waiters), cmocka_unit_test(timeouts_against_notify),
        cmocka_unit_test(mutex), cmocka_unit_test(barrier), cmocka_unit_test(growth), cmocka_unit_test(holders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
