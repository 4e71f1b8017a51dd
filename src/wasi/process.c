/* Arguments, environment, random numbers, and the process's end. */
#include "wasi/state.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>

/* ---- Arguments and environment ---------------------------------------------------------------------------------- */

static size_t strings_size(const char *const *strings, int n)
{
    size_t size = 0;
    for (int i = 0; i < n; i++)
        size += strlen(strings[i]) + 1;
    return size;
}

static mw_wasi_errno sizes_get(const mw_instance *instance, const char *const *strings, int n, mw_guest_ptr count,
                               mw_guest_ptr size)
{
    size_t bytes = strings_size(strings, n);
    void *count_at = mw_wasi_word_at(instance, count), *size_at = mw_wasi_word_at(instance, size);
    if (!count_at || !size_at)
        return MW_WASI_EFAULT;
    if (bytes > UINT32_MAX)
        return MW_WASI_EOVERFLOW;
    mw_wasi_put_word(instance, count_at, (uint64_t)n);
    mw_wasi_put_word(instance, size_at, bytes);
    return MW_WASI_ESUCCESS;
}

/* Stores the strings one after the other at `buf` and their addresses at `pointers`. */
static mw_wasi_errno strings_get(const mw_instance *instance, const char *const *strings, int n,
                                 mw_guest_ptr pointers, mw_guest_ptr buf)
{
    uint64_t word = mw_wasi_word_bytes(instance);
    uint8_t *pointers_at = mw_guest_array(instance, pointers, (uint64_t)n, word);
    char *buf_at = mw_guest_span(instance, buf, strings_size(strings, n));
    if (!pointers_at || !buf_at)
        return MW_WASI_EFAULT;
    uint64_t at = 0;
    for (int i = 0; i < n; i++) {
        uint64_t size = strlen(strings[i]) + 1;
        mw_wasi_put_word(instance, pointers_at + word * (uint64_t)i, buf.addr + at);
        memcpy(buf_at + at, strings[i], size);
        at += size;
    }
    return MW_WASI_ESUCCESS;
}

uint32_t mw_wasi_args_sizes_get(mw_instance *instance, mw_guest_ptr argc, mw_guest_ptr size)
{
    const mw_wasi_config *config = &mw_wasi_state_of(instance)->config;
    return sizes_get(instance, config->argv, config->argc, argc, size);
}

uint32_t mw_wasi_args_get(mw_instance *instance, mw_guest_ptr argv, mw_guest_ptr buf)
{
    const mw_wasi_config *config = &mw_wasi_state_of(instance)->config;
    return strings_get(instance, config->argv, config->argc, argv, buf);
}

uint32_t mw_wasi_environ_sizes_get(mw_instance *instance, mw_guest_ptr count, mw_guest_ptr size)
{
    const mw_wasi_config *config = &mw_wasi_state_of(instance)->config;
    return sizes_get(instance, config->envv, config->envc, count, size);
}

uint32_t mw_wasi_environ_get(mw_instance *instance, mw_guest_ptr envv, mw_guest_ptr buf)
{
    const mw_wasi_config *config = &mw_wasi_state_of(instance)->config;
    return strings_get(instance, config->envv, config->envc, envv, buf);
}

/* ---- Random numbers, scheduling --------------------------------------------------------------------------------- */

uint32_t mw_wasi_random_get(mw_instance *instance, mw_guest_ptr buf, uint64_t size)
{
    uint8_t *at = mw_guest_span(instance, buf, size);
    if (!at)
        return MW_WASI_EFAULT;
    while (size) {
        ssize_t n = getrandom(at, size, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return mw_wasi_errno_of(errno);
        at += n;
        size -= (uint64_t)n;
    }
    return MW_WASI_ESUCCESS;
}

uint32_t mw_wasi_sched_yield(mw_instance *instance)
{
    (void)instance;
    sched_yield();
    return MW_WASI_ESUCCESS;
}

/* ---- The end ---------------------------------------------------------------------------------------------------- */

void mw_wasi_proc_exit(mw_instance *instance, uint32_t code)
{
    mw_raise_exit(instance, (int)code);
}

/* A guest has no handlers that the host could call, so a signal takes its default action, on the guest alone: the
 * host's process keeps its own signals. */
uint32_t mw_wasi_proc_raise(mw_instance *instance, uint32_t signal)
{
    static const char names[][8] = {"",     "HUP",  "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "BUS",
                                    "FPE",  "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
                                    "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",  "XCPU",
                                    "XFSZ", "VTALRM", "PROF", "WINCH", "POLL", "PWR", "SYS"};
    if (signal >= sizeof names / sizeof *names)
        return MW_WASI_EINVAL;
    switch (signal) {
    case 0:  /* none */
    case 16: /* CHLD, CONT, URG and WINCH are ignored */
    case 17:
    case 22:
    case 27:
        return MW_WASI_ESUCCESS;
    case 18: /* STOP, TSTP, TTIN, TTOU: nobody could continue it */
    case 19:
    case 20:
    case 21:
        return MW_WASI_ENOTSUP;
    default:
        mw_raise_trap(instance, MW_TRAP_HOST, "the guest raised SIG%s", names[signal]);
    }
}
