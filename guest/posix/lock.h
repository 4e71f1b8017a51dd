/* Locks of what a program's threads share; nothing where it has one thread only. */
#ifndef MPIWASM_LOCK_H
#define MPIWASM_LOCK_H

#ifdef _REENTRANT
/* musl's. They do nothing until the program makes its second thread. */
void __lock(volatile int *lock);
void __unlock(volatile int *lock);
#define mw_lock(lock) __lock(lock)
#define mw_unlock(lock) __unlock(lock)
#define MW_LOCK(name) static _Alignas(64) volatile int name[1]
#define MW_EACH_THREADS _Thread_local
#else
#define mw_lock(lock) ((void)0)
#define mw_unlock(lock) ((void)0)
#define MW_LOCK(name) _Static_assert(1, "")
#define MW_EACH_THREADS
#endif

#endif
