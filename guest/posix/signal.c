/* Signals inside one guest: what raise() and kill() of oneself do, with masks, pending signals and sigaction. It
 * replaces the emulation of wasi-libc, which has only signal() and raise(). Nothing arrives from outside, and a
 * trap ends the program without a signal. */
#include "program.h"
#include "unsupported.h"
#ifdef _REENTRANT
#include <pthread.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNALS (_NSIG - 1)
#define BIT(sig) (1ULL << ((sig)-1))

static struct sigaction actions[SIGNALS + 1];
#ifdef _REENTRANT
extern _Thread_local sigset_t __mw_signal_mask; /* of the C library: a new thread has its creator's */
#define blocked __mw_signal_mask
static _Thread_local sigset_t pending;
#else
static sigset_t blocked;
static sigset_t pending;
#endif

/* Values of SIG_ERR and SIG_IGN, told by address: 1 could be a function's index in the table. */
void __SIG_ERR(int sig)
{
    (void)sig;
    abort();
}

void __SIG_IGN(int sig)
{
    (void)sig;
}

static int valid(int sig)
{
    if (sig >= 1 && sig <= SIGNALS)
        return 1;
    errno = EINVAL;
    return 0;
}

static void act_by_default(int sig)
{
    switch (sig) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
        return;
    default:
        fprintf(stderr, "%s: %s\n", mw_program_name(), strsignal(sig));
        fflush(NULL);
        _Exit(128 + sig);
    }
}

static void deliver(int sig)
{
    struct sigaction action = actions[sig];
    if (action.sa_handler == SIG_IGN)
        return;
    if (action.sa_handler == SIG_DFL) {
        act_by_default(sig);
        return;
    }
    if (action.sa_flags & SA_RESETHAND)
        actions[sig].sa_handler = SIG_DFL;
    sigset_t before = blocked;
    blocked |= action.sa_mask;
    if (!(action.sa_flags & SA_NODEFER))
        blocked |= BIT(sig);
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = {.si_signo = sig, .si_code = SI_USER, .si_pid = getpid(), .si_uid = getuid()};
        action.sa_sigaction(sig, &info, NULL);
    } else {
        action.sa_handler(sig);
    }
    blocked = before;
}

static void deliver_unblocked(void)
{
    while (pending & ~blocked) {
        int sig = __builtin_ctzll(pending & ~blocked) + 1;
        pending &= ~BIT(sig);
        deliver(sig);
    }
}

int raise(int sig)
{
    if (!valid(sig))
        return -1;
    pending |= BIT(sig);
    if (sig == SIGKILL || sig == SIGSTOP)
        act_by_default(sig);
    deliver_unblocked();
    return 0;
}

int kill(pid_t pid, int sig)
{
    if (pid != getpid() && pid != 0) {
        errno = ESRCH;
        return -1;
    }
    return sig == 0 ? 0 : raise(sig);
}

int killpg(pid_t group, int sig)
{
    return kill(group == getpgrp() ? getpid() : group, sig);
}

int sigaction(int sig, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    if (!valid(sig))
        return -1;
    if (action && (sig == SIGKILL || sig == SIGSTOP)) {
        errno = EINVAL;
        return -1;
    }
    if (before)
        *before = actions[sig];
    if (action)
        actions[sig] = *action;
    return 0;
}

void (*signal(int sig, void (*handler)(int)))(int)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, before;
    return sigaction(sig, &action, &before) ? SIG_ERR : before.sa_handler;
}

void (*bsd_signal(int sig, void (*handler)(int)))(int)
{
    return signal(sig, handler);
}

int siginterrupt(int sig, int flag)
{
    (void)flag;
    return valid(sig) ? 0 : -1;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~0ULL;
    return 0;
}

int sigaddset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set |= BIT(sig);
    return 0;
}

int sigdelset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set &= ~BIT(sig);
    return 0;
}

int sigismember(const sigset_t *set, int sig)
{
    return valid(sig) ? (*set & BIT(sig)) != 0 : -1;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    sigset_t old = blocked;
    if (set) {
        switch (how) {
        case SIG_BLOCK:
            blocked |= *set;
            break;
        case SIG_UNBLOCK:
            blocked &= ~*set;
            break;
        case SIG_SETMASK:
            blocked = *set;
            break;
        default:
            errno = EINVAL;
            return -1;
        }
    }
    if (before)
        *before = old;
    deliver_unblocked();
    return 0;
}

#ifdef _REENTRANT
int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    int saved = errno, error = sigprocmask(how, set, before) ? errno : 0;
    errno = saved;
    return error;
}

/* To another thread: nothing can interrupt it, so only what ends the whole program or does nothing is there. */
int pthread_kill(pthread_t thread, int sig)
{
    if (sig == 0)
        return 0;
    if (sig < 1 || sig > SIGNALS)
        return EINVAL;
    if (pthread_equal(thread, pthread_self()))
        return raise(sig) ? errno : 0;
    if (actions[sig].sa_handler == SIG_DFL)
        act_by_default(sig);
    else if (actions[sig].sa_handler != SIG_IGN)
        return ENOSYS;
    return 0;
}
#endif

int sigpending(sigset_t *set)
{
    *set = pending;
    return 0;
}

/* Would wait for ever: nothing can arrive. */
int sigsuspend(const sigset_t *mask)
{
    (void)mask;
    return mw_unsupported();
}

int pause(void)
{
    return mw_unsupported();
}

int sigaltstack(const stack_t *restrict stack, stack_t *restrict before)
{
    (void)stack;
    (void)before;
    return mw_unsupported();
}
