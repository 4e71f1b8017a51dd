/* A thread is found by a variable of its own, its struct __pthread. */
extern _Thread_local struct __pthread __mw_self;

#define __get_tp() ((uintptr_t)&__mw_self)

/* Of signals between threads, only masks are there (thread.c). */
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
hidden void __block_all_sigs(void *);
hidden void __block_app_sigs(void *);
hidden void __restore_sigs(void *);
