/* Threads without a C library, as wasi-libc arranges them: a thread gets a block of memory with its stack and its
 * thread-local variables, which wasi_thread_start (start.s) sets up before any C code runs. */
#ifndef TEST_THREADS_GUEST_H
#define TEST_THREADS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define WASI(name) IMPORT("wasi_snapshot_preview1", #name)

IMPORT("wasi", "thread-spawn") int32_t thread_spawn(void *block);
WASI(fd_write) uint32_t fd_write(uint32_t fd, const void *iovecs, uint32_t n, uint32_t *written);
WASI(fd_fdstat_set_flags) uint32_t fd_fdstat_set_flags(uint32_t fd, uint32_t flags);
WASI(args_sizes_get) uint32_t args_sizes_get(uint32_t *count, uint32_t *bytes);
WASI(args_get) uint32_t args_get(char **argv, char *bytes);
WASI(sched_yield) uint32_t sched_yield(void);
WASI(proc_exit) _Noreturn void proc_exit(uint32_t code);

typedef struct thread {
    void *stack_end, *tls; /* start.s reads these two */
    uint32_t done;         /* and sets this one, for join */
    void (*body)(struct thread *);
    int32_t id, number;
} thread;

enum { STACK = 16384, BLOCK = STACK + 4096 };

/* Memory is never given back. */
void *allocate(uint32_t bytes);
/* False if thread_spawn gave a negative number. */
bool start(thread *t, int32_t number, void (*body)(thread *));
void join(thread *t);
void print(const char *text);

/* 0: woken, 1: not equal, 2: timed out */
static inline int wait32(uint32_t *at, uint32_t expected, int64_t timeout)
{
    return __builtin_wasm_memory_atomic_wait32((int *)at, (int)expected, timeout);
}

static inline uint32_t notify(uint32_t *at, uint32_t count)
{
    return (uint32_t)__builtin_wasm_memory_atomic_notify((int *)at, count);
}

#endif
