/* POSIX threads as a program uses them; argv[1] chooses what. It prints the same natively and as a guest, whatever the order in
 * which threads run (where lines of several threads mix, test_pthreads.py sorts them). */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

enum { THREADS = 8 };

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: failed: %s\n", __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static pthread_t create(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, arg) == 0);
    return thread;
}

static void *join(pthread_t thread)
{
    void *result;
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

/* Results, of all threads together. */
static uintptr_t run_all(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        threads[i] = create(body, (void *)i);
    for (int i = 0; i < THREADS; i++)
        sum += (uintptr_t)join(threads[i]);
    return sum;
}

/* ---- A queue ---------------------------------------------------------------------------------------------------- */

enum { ITEMS = 3000, SLOTS = 7 };
static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_full, not_empty;
    unsigned items[SLOTS], count, next, taken;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .not_full = PTHREAD_COND_INITIALIZER, .not_empty = PTHREAD_COND_INITIALIZER};

static void *produce_or_consume(void *arg)
{
    uintptr_t number = (uintptr_t)arg, sum = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        pthread_mutex_lock(&queue.lock);
        if (number % 2) {
            while (queue.count == SLOTS)
                pthread_cond_wait(&queue.not_full, &queue.lock);
            queue.items[(queue.next + queue.count++) % SLOTS] = i + (unsigned)number;
            pthread_cond_signal(&queue.not_empty);
        } else {
            while (queue.count == 0)
                pthread_cond_wait(&queue.not_empty, &queue.lock);
            sum += queue.items[queue.next];
            queue.next = (queue.next + 1) % SLOTS;
            queue.count--;
            queue.taken++;
            pthread_cond_broadcast(&queue.not_full);
        }
        pthread_mutex_unlock(&queue.lock);
    }
    return (void *)sum;
}

/* ---- Barriers --------------------------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;
static unsigned arrived, serial;

static void *meet(void *arg)
{
    for (unsigned round = 1; round <= 500; round++) {
        __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
        CHECK(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) == round * THREADS);
        pthread_barrier_wait(&barrier);
    }
    return arg;
}

/* ---- Keys, thread-local variables, errno -------------------------------------------------------------------------- */

static pthread_key_t key, again;
static unsigned destroyed, destroyed_again;
static _Thread_local int set = 42, zero[1000];

static void destroy(void *value)
{
    __atomic_fetch_add(&destroyed, (unsigned)(uintptr_t)value, __ATOMIC_SEQ_CST);
}

static void destroy_twice(void *value)
{
    if (__atomic_fetch_add(&destroyed_again, 1, __ATOMIC_SEQ_CST) % 2 == 0)
        pthread_setspecific(again, value);
}

static void *have_own(void *arg)
{
    uintptr_t number = (uintptr_t)arg;
    CHECK(set == 42 && pthread_getspecific(key) == NULL);
    for (int i = 0; i < 1000; i++)
        CHECK(zero[i] == 0);
    set = (int)number;
    memset(zero, 0xff, sizeof zero);
    pthread_setspecific(key, (void *)(number + 1));
    if (number == 3)
        pthread_setspecific(again, &set);
    errno = (int)number;
    pthread_barrier_wait(&barrier);
    CHECK(errno == (int)number && set == (int)number && pthread_getspecific(key) == (void *)(number + 1));
    if (number % 2)
        pthread_exit((void *)number);
    return (void *)number;
}

/* ---- Memory -------------------------------------------------------------------------------------------------------- */

static void *blocks[THREADS][64];

/* Half of the blocks that a thread frees are another's. */
static void *allocate(void *arg)
{
    uintptr_t number = (uintptr_t)arg, bytes = 0;
    unsigned random = (unsigned)number;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 64; i++) {
            random = random * 1103515245 + 12345;
            size_t size = (random >> 16) % (i % 16 ? 500 : 200000) + sizeof(size_t);
            size_t *block = i % 3 ? malloc(size) : calloc(size, 1);
            CHECK(block && (uintptr_t)block % 16 == 0);
            if (i % 5 == 0)
                CHECK(block = realloc(block, size += 100));
            memset(block, (int)number + i, size);
            block[0] = size;
            blocks[number][i] = block;
            bytes += size;
        }
        pthread_barrier_wait(&barrier);
        uintptr_t whose = round % 2 ? (number + 1) % THREADS : number;
        for (int i = 0; i < 64; i++) {
            unsigned char *block = blocks[whose][i];
            for (size_t k = sizeof(size_t); k < *(size_t *)block; k++)
                CHECK(block[k] == (unsigned char)(whose + i));
            free(block);
        }
        pthread_barrier_wait(&barrier);
    }
    return (void *)bytes;
}

/* ---- Output: lines stay whole, and so do groups of them between flockfile and funlockfile ----------------------------- */

static FILE *shared;

static void *print(void *arg)
{
    for (int i = 0; i < 200; i++) {
        printf("thread %d prints line %d, %.3f\n", (int)(uintptr_t)arg, i, i / 8.0);
        flockfile(shared);
        fprintf(shared, "%d:", (int)(uintptr_t)arg);
        for (int k = 0; k < 5; k++)
            putc('a' + k, shared);
        putc('\n', shared);
        funlockfile(shared);
    }
    return arg;
}

static void output(void)
{
    CHECK(shared = tmpfile());
    run_all(print);
    rewind(shared);
    char line[100];
    int lines = 0;
    for (; fgets(line, sizeof line, shared); lines++)
        CHECK(strcmp(line + 1, ":abcde\n") == 0);
    printf("%d lines in the file\n", lines);
}

/* ---- Many, one after the other ---------------------------------------------------------------------------------------- */

static sem_t done;

static void *post(void *arg)
{
    char here[1000];
    memset(here, (int)(uintptr_t)arg, sizeof here);
    CHECK(zero[0] == 0 && here[999] == (char)(uintptr_t)arg);
    zero[0] = 1;
    sem_post(&done);
    return arg;
}

static size_t memory(void)
{
#ifdef __wasm__
    return __builtin_wasm_memory_size(0);
#else
    return 0;
#endif
}

static void many(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK(sem_init(&done, 0, 0) == 0);
    size_t before = 0;
    for (int i = 0; i < 10000; i++) {
        pthread_t thread;
        bool detached = i % 4 != 0;
        CHECK(pthread_attr_setdetachstate(&attr, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE) == 0);
        CHECK(pthread_create(&thread, &attr, post, (void *)(uintptr_t)i) == 0);
        sem_wait(&done);
        if (i % 8 == 0)
            CHECK(pthread_detach(thread) == 0);
        else if (!detached)
            CHECK(join(thread) == (void *)(uintptr_t)i);
        if (i == 1000)
            before = memory();
    }
    CHECK(memory() - before < 64 << 20 >> 16); /* some may end late */
    puts("10000 threads");
}

/* ---- Locks of all kinds ------------------------------------------------------------------------------------------------ */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spin;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t recursive, checked, robust;
static unsigned long written, spun, initialized, entered;

static void initialize(void)
{
    initialized++;
}

static void *lock_all(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        pthread_once(&once, initialize);
        if (i % 4 == 0) {
            pthread_rwlock_wrlock(&rwlock);
            written++;
        } else {
            pthread_rwlock_rdlock(&rwlock);
            CHECK(written <= THREADS * 250);
        }
        pthread_rwlock_unlock(&rwlock);
        pthread_spin_lock(&spin);
        spun++;
        pthread_spin_unlock(&spin);
        pthread_mutex_lock(&recursive);
        pthread_mutex_lock(&recursive);
        entered++;
        pthread_mutex_unlock(&recursive);
        pthread_mutex_unlock(&recursive);
    }
    return arg;
}

static void *take_and_die(void *arg)
{
    CHECK(pthread_mutex_lock(&robust) == 0 && pthread_mutex_trylock(&checked) == EBUSY);
    CHECK(pthread_mutex_unlock(&checked) == EPERM);
    return arg;
}

static void locks(void)
{
    pthread_mutexattr_t attr;
    const struct timespec past = {1, 0};
    pthread_cond_t cond;
    pthread_condattr_t clock;
    pthread_mutexattr_init(&attr);
    CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0 && pthread_mutex_init(&recursive, &attr) == 0);
    CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0 && pthread_mutex_init(&checked, &attr) == 0);
    CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0 && pthread_mutex_init(&robust, &attr) == 0);
    CHECK(pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE) == 0);
    run_all(lock_all);
    CHECK(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);
    join(create(take_and_die, NULL));
    CHECK(pthread_mutex_lock(&robust) == EOWNERDEAD && pthread_mutex_consistent(&robust) == 0);
    CHECK(pthread_mutex_unlock(&robust) == 0);
    CHECK(pthread_cond_init(&cond, NULL) == 0 && pthread_cond_timedwait(&cond, &checked, &past) == ETIMEDOUT);
    pthread_condattr_init(&clock);
    CHECK(pthread_condattr_setclock(&clock, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&cond, &clock) == 0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* far in the past of the other clock */
    CHECK(pthread_cond_timedwait(&cond, &checked, &now) == ETIMEDOUT);
    CHECK(sem_init(&done, 0, 0) == 0 && sem_timedwait(&done, &past) == -1 && errno == ETIMEDOUT);
    printf("%lu written, %lu spun, %lu entered, %lu initialized\n", written, spun, entered, initialized);
}

/* ---- Cancellation -------------------------------------------------------------------------------------------------------- */

static unsigned cleaned;
static sem_t cancelled;

static void clean(void *arg)
{
    cleaned++;
    if (arg)
        pthread_mutex_unlock(arg);
}

static void *wait_for(void *arg)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    static sem_t never;
    sem_post(&done);
    switch ((uintptr_t)arg) {
    case 0:
        pthread_mutex_lock(&lock);
        pthread_cleanup_push(clean, &lock);
        for (;;)
            pthread_cond_wait(&cond, &lock);
        pthread_cleanup_pop(0);
    case 1:
        pthread_cleanup_push(clean, NULL);
        sleep(1000);
        pthread_cleanup_pop(0);
        break;
    case 2:
        pthread_cleanup_push(clean, NULL);
        sem_wait(&never);
        pthread_cleanup_pop(0);
        break;
    case 3:
        pthread_cleanup_push(clean, NULL);
        for (;;)
            pthread_testcancel();
        pthread_cleanup_pop(0);
    case 4: {
        int before;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        sem_wait(&cancelled);
        cleaned++;
        pthread_setcancelstate(before, NULL);
        pthread_testcancel();
    }
    }
    return NULL;
}

static void cancel(void)
{
    for (uintptr_t i = 0; i < 5; i++) {
        CHECK(sem_init(&done, 0, 0) == 0 && sem_init(&cancelled, 0, 0) == 0);
        pthread_t thread = create(wait_for, (void *)i);
        sem_wait(&done);
        CHECK(pthread_cancel(thread) == 0);
        sem_post(&cancelled);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
    printf("%u cleaned up\n", cleaned);
}

/* ---- longjmp and signals, each thread its own ------------------------------------------------------------------------------ */

static _Thread_local volatile sig_atomic_t handled;

static void handle(int signal)
{
    handled += signal;
}

static void *jump(void *arg)
{
    jmp_buf place;
    volatile int jumps = 0;
    sigset_t usr1, mask;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGUSR1));
    int number = (int)(uintptr_t)arg;
    setjmp(place);
    if (jumps < 100) {
        jumps++;
        sched_yield();
        longjmp(place, jumps);
    }
    if (number % 2)
        CHECK(pthread_sigmask(SIG_BLOCK, &usr1, NULL) == 0);
    CHECK(raise(SIGUSR1) == 0);
    CHECK(handled == (number % 2 ? 0 : SIGUSR1));
    if (number % 2)
        CHECK(pthread_sigmask(SIG_UNBLOCK, &usr1, NULL) == 0);
    CHECK(handled == SIGUSR1 && jumps == 100);
    return arg;
}

/* ---- The first thread is not the last --------------------------------------------------------------------------------------- */

static pthread_t first;

static void at_exit(void)
{
    puts("at exit");
}

static void *outlive(void *arg)
{
    CHECK(join(first) == &first);
    puts("the first thread has ended");
    return arg;
}

static void *exit_now(void *arg)
{
    exit((int)(uintptr_t)arg);
}

static void *trap_now(void *arg)
{
    *(volatile int *)arg = 1;
    return NULL;
}

static void *wait_forever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

/* ---- Limits and attributes ---------------------------------------------------------------------------------------------------- */

static void *hold(void *arg)
{
    pthread_barrier_wait(&barrier);
    return arg;
}

/* With --max-threads 3 */
static void limit(void)
{
    pthread_t threads[3], more;
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++)
        threads[i] = create(hold, NULL);
    CHECK(pthread_create(&more, NULL, hold, NULL) == EAGAIN);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 3; i++)
        join(threads[i]);
    puts("limited");
}

__attribute__((noinline)) static unsigned deep(unsigned n)
{
    volatile char here[1000];
    here[n % 1000] = (char)n;
    return n == 0 ? 0 : deep(n - 1) + (unsigned char)here[n % 1000];
}

static void *use_stack(void *arg)
{
    pthread_attr_t attr;
    void *stack;
    size_t size;
    char here;
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0 && pthread_attr_getstack(&attr, &stack, &size) == 0);
    CHECK(&here > (char *)stack && &here < (char *)stack + size);
    return arg ? NULL : (void *)(uintptr_t)deep((unsigned)(size / 1200));
}

static void attributes(void)
{
    static _Alignas(64) char own[1 << 20];
    pthread_attr_t attr;
    pthread_t thread;
    char name[16];
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setstacksize(&attr, 4 << 20) == 0 && pthread_create(&thread, &attr, use_stack, NULL) == 0);
    CHECK(join(thread) != NULL);
    CHECK(pthread_attr_setstack(&attr, own, sizeof own) == 0 && pthread_create(&thread, &attr, use_stack, NULL) == 0);
    CHECK(join(thread) != NULL);
    join(create(use_stack, NULL));
    CHECK(pthread_setname_np(pthread_self(), "sixteen letters!") == ERANGE);
    CHECK(pthread_setname_np(pthread_self(), "short") == 0 && pthread_getname_np(pthread_self(), name, 16) == 0);
    CHECK(pthread_attr_setstacksize(&attr, 1) == EINVAL);
    printf("%s, some processors: %d\n", name, sysconf(_SC_NPROCESSORS_ONLN) > 0);
}

/* ---- C11 ------------------------------------------------------------------------------------------------------------------------ */

static mtx_t mutex;
static cnd_t changed;
static int turn;

static int take_turns(void *arg)
{
    int number = *(int *)arg;
    for (int i = 0; i < 100; i++) {
        mtx_lock(&mutex);
        while (turn % 2 != number)
            cnd_wait(&changed, &mutex);
        turn++;
        cnd_broadcast(&changed);
        mtx_unlock(&mutex);
    }
    return number;
}

static void c11(void)
{
    thrd_t threads[2];
    int numbers[2] = {0, 1}, result, sum = 0;
    mtx_init(&mutex, mtx_plain);
    cnd_init(&changed);
    for (int i = 0; i < 2; i++)
        CHECK(thrd_create(&threads[i], take_turns, &numbers[i]) == thrd_success);
    for (int i = 0; i < 2; i++) {
        CHECK(thrd_join(threads[i], &result) == thrd_success);
        sum += result;
    }
    printf("%d turns, %d\n", turn, sum);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    pthread_barrier_init(&barrier, NULL, THREADS);
    if (!strcmp(what, "queue")) {
        uintptr_t sum = run_all(produce_or_consume); /* the halves' results are 0 */
        printf("%lu, %u taken\n", (unsigned long)sum, queue.taken);
    } else if (!strcmp(what, "barriers")) {
        run_all(meet);
        printf("%u arrived, %u rounds\n", arrived, serial);
    } else if (!strcmp(what, "keys")) {
        CHECK(pthread_key_create(&key, destroy) == 0 && pthread_key_create(&again, destroy_twice) == 0);
        for (int i = 0; i < 3; i++)
            run_all(have_own);
        printf("%u, %u\n", destroyed, destroyed_again);
    } else if (!strcmp(what, "memory")) {
        uintptr_t bytes = 0;
        for (int i = 0; i < 2; i++)
            bytes += run_all(allocate);
        printf("%d\n", bytes > 1000000);
    } else if (!strcmp(what, "output")) {
        output();
    } else if (!strcmp(what, "many")) {
        many();
    } else if (!strcmp(what, "locks")) {
        locks();
    } else if (!strcmp(what, "cancel")) {
        cancel();
    } else if (!strcmp(what, "jumps")) {
        sigset_t usr2;
        sigemptyset(&usr2);
        sigaddset(&usr2, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &usr2, NULL);
        signal(SIGUSR1, handle);
        printf("%lu\n", (unsigned long)run_all(jump));
    } else if (!strcmp(what, "first")) {
        first = pthread_self();
        atexit(at_exit);
        create(outlive, NULL);
        pthread_exit(&first);
    } else if (!strcmp(what, "exit")) {
        atexit(at_exit);
        create(wait_forever, NULL);
        create(exit_now, (void *)7);
        join(create(wait_forever, NULL));
    } else if (!strcmp(what, "trap")) {
        create(trap_now, (void *)(uintptr_t)0xfffffff0);
        wait_forever(NULL);
    } else if (!strcmp(what, "limit")) {
        limit();
    } else if (!strcmp(what, "attributes")) {
        attributes();
    } else if (!strcmp(what, "c11")) {
        c11();
    } else {
        fprintf(stderr, "%s?\n", what);
        return 2;
    }
    return 0;
}
