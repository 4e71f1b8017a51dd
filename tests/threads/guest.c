#include "guest.h"

extern char __heap_base;

void *allocate(uint32_t bytes)
{
    static uint32_t next;
    uint32_t zero = 0;
    __atomic_compare_exchange_n(&next, &zero, (uint32_t)&__heap_base, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    uint32_t at = __atomic_fetch_add(&next, (bytes + 15) & ~15u, __ATOMIC_SEQ_CST);
    while (at + bytes > __builtin_wasm_memory_size(0) * 65536)
        if (__builtin_wasm_memory_grow(0, 16) == (size_t)-1 && at + bytes > __builtin_wasm_memory_size(0) * 65536)
            __builtin_trap();
    return (void *)((at + 15) & ~15u);
}

bool start(thread *t, int32_t number, void (*body)(thread *))
{
    if (!t->stack_end) {
        char *block = allocate(BLOCK + 16);
        t->stack_end = block + STACK;
        t->tls = block + STACK;
    }
    t->body = body;
    t->number = number;
    __atomic_store_n(&t->done, 0, __ATOMIC_SEQ_CST);
    int32_t id = thread_spawn(t);
    return id > 0;
}

void thread_main(int32_t id, thread *t)
{
    t->id = id;
    t->body(t);
}

void join(thread *t)
{
    while (!__atomic_load_n(&t->done, __ATOMIC_SEQ_CST))
        wait32(&t->done, 0, -1);
}

void print(const char *text)
{
    struct {
        const char *text;
        uint32_t length;
    } iovec = {text, 0};
    uint32_t written;
    while (text[iovec.length])
        iovec.length++;
    fd_write(1, &iovec, 1, &written);
}

void *memset(void *to, int value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}
