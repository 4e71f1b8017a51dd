#include "runtime/threads.h"

#include "runtime/internal.h"
#include "runtime/stack.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The thread's own stack: guest code, and what it calls of the host's, run on the guest stack. */
#define HOST_STACK_BYTES ((size_t)1 << 20)

struct mw_threads {
    mw_thread_end_fn *end;
    pthread_mutex_t lock;
    uint32_t max, live;
    uint32_t latest_id;
    bool wrapped;   /* ids are given a second time */
    uint32_t ids[]; /* [max]: of the `live` ones, in any order */
};

typedef struct start {
    mw_threads *threads;
    mw_instance *instance;
    mw_thread *thread;
    uint32_t func;
    int32_t arg;
} start;

mw_error mw_threads_new(uint32_t max, mw_thread_end_fn *end, mw_report *report, mw_threads **out)
{
    mw_threads *threads = calloc(1, sizeof *threads + max * sizeof *threads->ids);
    if (!threads)
        return mw_fail(report, MW_ERR_NO_MEMORY, "out of memory");
    threads->end = end;
    threads->max = max;
    pthread_mutex_init(&threads->lock, NULL);
    *out = threads;
    return MW_OK;
}

void mw_threads_free(mw_threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_destroy(&threads->lock);
    free(threads);
}

uint32_t mw_threads_live(mw_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    uint32_t live = threads->live;
    pthread_mutex_unlock(&threads->lock);
    return live;
}

/* ---- Ids ------------------------------------------------------------------------------------------------------- */

static bool is_used(const mw_threads *threads, uint32_t id)
{
    for (uint32_t i = 0; threads->wrapped && i < threads->live; i++)
        if (threads->ids[i] == id)
            return true;
    return false;
}

/* An id for one more; 0 if there may be none. */
static uint32_t take_id(mw_threads *threads)
{
    uint32_t id = 0;
    pthread_mutex_lock(&threads->lock);
    if (threads->live < threads->max) {
        id = threads->latest_id;
        do {
            threads->wrapped |= id == MW_THREAD_IDS;
            id = id % MW_THREAD_IDS + 1;
        } while (is_used(threads, id));
        threads->latest_id = id;
        threads->ids[threads->live++] = id;
    }
    pthread_mutex_unlock(&threads->lock);
    return id;
}

static void give_id_back(mw_threads *threads, uint32_t id)
{
    pthread_mutex_lock(&threads->lock);
    uint32_t i = 0;
    while (threads->ids[i] != id)
        i++;
    threads->ids[i] = threads->ids[--threads->live];
    pthread_mutex_unlock(&threads->lock);
}

/* ---- A thread's life ------------------------------------------------------------------------------------------- */

static _Noreturn void end_process(const mw_threads *threads, const mw_trap *trap, int exit_code)
{
    mw_end_process();
    if (threads->end)
        threads->end(trap, exit_code);
    else if (trap)
        mw_trap_print(trap, "mpiwasm: ", stderr);
    _exit(trap ? 134 : exit_code);
}

static void *run(void *arg)
{
    start s = *(start *)arg;
    free(arg);
    uint32_t id = s.thread->id;
    mw_thread_become(s.thread);
    mw_trap trap;
    int exit_code = 0;
    mw_error error = mw_instance_start(s.instance, &trap, &exit_code);
    if (error == MW_OK) {
        mw_value args[2] = {{.i32 = (int32_t)id}, {.i32 = s.arg}};
        error = mw_invoke(&s.instance->funcs[s.func], args, &trap, &exit_code);
    }
    if (error)
        end_process(s.threads, error == MW_ERR_TRAP ? &trap : NULL, exit_code);
    mw_instance_free(s.instance);
    give_id_back(s.threads, id);
    return NULL;
}

static bool create(start *s)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes))
        return false;
    bool created = !pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) &&
                   !pthread_attr_setstacksize(&attributes, HOST_STACK_BYTES) &&
                   !pthread_create(&thread, &attributes, run, s);
    pthread_attr_destroy(&attributes);
    return created;
}

uint32_t mw_threads_spawn(mw_threads *threads, mw_instance *parent, uint32_t func, int32_t arg)
{
    uint32_t id = take_id(threads);
    if (!id)
        return 0;
    start *s = malloc(sizeof *s);
    mw_instance *instance = NULL;
    mw_thread *thread = mw_thread_new(id);
    if (s && thread && mw_instance_for_thread(parent, NULL, &instance) == MW_OK) {
        *s = (start){threads, instance, thread, func, arg};
        if (create(s))
            return id;
    }
    if (thread)
        mw_thread_discard(thread);
    mw_instance_free(instance);
    free(s);
    give_id_back(threads, id);
    return 0;
}
