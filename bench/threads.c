/* What threads, and what programs with threads do most, cost, in nanoseconds: natively and as a guest. Each figure is the best
 * of many batches. In those of several threads each does what is said, and the time is that of one thread's calls. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCHES = 60, CALLS = 4000, THREADS = 2, LIVE = 256 };

typedef void batch(int calls);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static volatile long counter;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* ---- Calls ---------------------------------------------------------------------------------------------------- */

static void *nothing(void *arg)
{
    return arg;
}

static void op_create(int calls)
{
    for (int i = 0; i < calls; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
            abort();
    }
}

static void op_lock(int calls)
{
    for (int i = 0; i < calls; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
}

static void op_malloc(int calls)
{
    for (int i = 0; i < calls; i++) {
        char *volatile p = malloc(64);
        p[0] = 1;
        free(p);
    }
}

/* Blocks of many sizes, which live a while. */
static void op_malloc_mixed(int calls)
{
    char *volatile live[LIVE] = {NULL};
    unsigned random = 1;
    for (int i = 0; i < calls; i++) {
        random = random * 1103515245 + 12345;
        unsigned which = (random >> 8) % LIVE;
        free(live[which]);
        live[which] = malloc(1 + (random >> 16) % 2000);
        live[which][0] = 1;
    }
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
}

static void op_barrier(int calls)
{
    for (int i = 0; i < calls; i++)
        pthread_barrier_wait(&barrier);
}

/* ---- Measuring ------------------------------------------------------------------------------------------------ */

static double measure(batch *op, int calls)
{
    double best = 1e300;
    for (int i = 0; i < BATCHES; i++) {
        double start = now_ns();
        op(calls);
        double ns = (now_ns() - start) / calls;
        best = ns < best ? ns : best;
    }
    return best;
}

typedef struct team {
    batch *op;
    int calls, waiting, round;
} team;

/* All threads begin a batch together. */
static void begin(team *t)
{
    pthread_mutex_lock(&mutex);
    int round = t->round;
    if (++t->waiting == THREADS) {
        t->waiting = 0;
        t->round++;
        pthread_cond_broadcast(&changed);
    }
    while (round == t->round)
        pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void *work(void *arg)
{
    team *t = arg;
    for (int i = 0; i < BATCHES; i++) {
        begin(t);
        t->op(t->calls);
    }
    return NULL;
}

static double measure_team(batch *op, int calls)
{
    team t = {op, calls, 0, 0};
    pthread_t others[THREADS - 1];
    double best = 1e300;
    for (int i = 0; i < THREADS - 1; i++)
        if (pthread_create(&others[i], NULL, work, &t))
            abort();
    for (int i = 0; i < BATCHES; i++) {
        begin(&t);
        double start = now_ns();
        op(calls);
        double ns = (now_ns() - start) / calls;
        best = ns < best ? ns : best;
    }
    for (int i = 0; i < THREADS - 1; i++)
        pthread_join(others[i], NULL);
    return best;
}

int main(void)
{
    pthread_barrier_init(&barrier, NULL, THREADS);
    printf("value: create and join a thread = %.1f ns\n", measure(op_create, 50));
    printf("value: lock and unlock a mutex = %.1f ns\n", measure(op_lock, CALLS));
    printf("value: the same in %d threads = %.1f ns\n", THREADS, measure_team(op_lock, CALLS));
    printf("value: malloc and free of 64 bytes = %.1f ns\n", measure(op_malloc, CALLS));
    printf("value: the same in %d threads each = %.1f ns\n", THREADS, measure_team(op_malloc, CALLS));
    printf("value: malloc and free of up to 2000 bytes = %.1f ns\n", measure(op_malloc_mixed, CALLS));
    printf("value: these in %d threads each = %.1f ns\n", THREADS, measure_team(op_malloc_mixed, CALLS));
    printf("value: barrier of %d threads = %.1f ns\n", THREADS, measure_team(op_barrier, 200));
    return counter != (long)BATCHES * CALLS * (1 + THREADS); /* a mutex that does not exclude */
}
