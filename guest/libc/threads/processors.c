/* How many threads can run at a time, which WASI does not tell; where they run is the host's choice. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>

__attribute__((import_module("mpiwasm"), import_name("processors"))) int __mw_imported_processors(void);

int __mw_processors(void)
{
    return __mw_imported_processors();
}

int sched_getaffinity(pid_t thread, size_t size, cpu_set_t *set)
{
    int processors = __mw_processors();
    if (size * 8 < (size_t)processors) {
        errno = EINVAL;
        return -1;
    }
    memset(set, 0, size);
    for (int i = 0; i < processors; i++)
        CPU_SET_S(i, size, set);
    return 0;
}

int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set)
{
    errno = ENOSYS;
    return -1;
}

int pthread_getaffinity_np(struct __pthread *thread, size_t size, cpu_set_t *set)
{
    return sched_getaffinity(0, size, set) ? errno : 0;
}

int pthread_setaffinity_np(struct __pthread *thread, size_t size, const cpu_set_t *set)
{
    return ENOSYS;
}
