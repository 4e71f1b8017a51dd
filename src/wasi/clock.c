/* Clocks, and waiting for them and for descriptors. */
#include "wasi/state.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static bool host_clock(uint32_t id, clockid_t *out)
{
    static const clockid_t clocks[] = {
        [MW_WASI_CLOCK_REALTIME] = CLOCK_REALTIME,
        [MW_WASI_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
        [MW_WASI_CLOCK_PROCESS_CPUTIME] = CLOCK_PROCESS_CPUTIME_ID,
        [MW_WASI_CLOCK_THREAD_CPUTIME] = CLOCK_THREAD_CPUTIME_ID,
    };
    if (id >= sizeof clocks / sizeof *clocks)
        return false;
    *out = clocks[id];
    return true;
}

uint32_t mw_wasi_clock_res_get(mw_instance *instance, uint32_t id, mw_guest_ptr out)
{
    clockid_t clock;
    struct timespec t;
    if (!host_clock(id, &clock))
        return MW_WASI_EINVAL;
    if (clock_getres(clock, &t) != 0)
        return mw_wasi_errno_of(errno);
    uint64_t ns = mw_wasi_ns(t);
    return mw_guest_write(instance, out, &ns, 8) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

uint32_t mw_wasi_clock_time_get(mw_instance *instance, uint32_t id, uint64_t precision, mw_guest_ptr out)
{
    (void)precision; /* a wish; the host's clocks are as cheap at full precision */
    clockid_t clock;
    struct timespec t;
    if (!host_clock(id, &clock))
        return MW_WASI_EINVAL;
    if (clock_gettime(clock, &t) != 0)
        return mw_wasi_errno_of(errno);
    uint64_t ns = mw_wasi_ns(t);
    return mw_guest_write(instance, out, &ns, 8) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

/* ---- poll_oneoff ------------------------------------------------------------------------------------------------ */

/* A subscription, copied: what is waited for cannot change while waiting. */
typedef struct subscription {
    uint64_t userdata;
    uint64_t deadline; /* clock: on the monotonic clock */
    uint8_t type;
    uint16_t error;    /* known before the wait */
    mw_wasi_fd *fd;    /* in use until the end; NULL for a clock or with an error */
} subscription;

typedef struct poll_set {
    uint32_t n;
    subscription *subs;
    struct pollfd *polls; /* one for each subscription; fd is -1 for those that need none */
    uint64_t deadline;    /* the earliest; UINT64_MAX: none */
} poll_set;

/* More make no sense, since a guest has at most MW_WASI_MAX_FDS descriptors; and the host allocates for them. */
#define MAX_SUBSCRIPTIONS (2 * MW_WASI_MAX_FDS)
#define STACK_SUBSCRIPTIONS 16

static uint64_t now_on(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return mw_wasi_ns(t);
}

static void add_clock(poll_set *set, subscription *sub, uint32_t id, uint64_t timeout, uint32_t flags)
{
    clockid_t clock;
    if (!host_clock(id, &clock) || (flags & ~(uint32_t)MW_WASI_SUBCLOCK_ABSTIME)) {
        sub->error = MW_WASI_EINVAL;
        return;
    }
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) { /* would not advance while waiting */
        sub->error = MW_WASI_ENOTSUP;
        return;
    }
    if (flags & MW_WASI_SUBCLOCK_ABSTIME) {
        uint64_t now = now_on(clock);
        timeout = timeout > now ? timeout - now : 0;
    }
    if (__builtin_add_overflow(now_on(CLOCK_MONOTONIC), timeout, &sub->deadline))
        sub->deadline = UINT64_MAX;
    if (sub->deadline < set->deadline)
        set->deadline = sub->deadline;
}

static void add_fd(mw_wasi_state *state, subscription *sub, struct pollfd *poll, uint32_t fd)
{
    bool reads = sub->type == MW_WASI_EVENT_FD_READ;
    mw_wasi_rights right = reads ? MW_WASI_RIGHT_FD_READ : MW_WASI_RIGHT_FD_WRITE;
    sub->error = mw_wasi_fd_use(state, fd, MW_WASI_RIGHT_POLL_FD_READWRITE | right, &sub->fd);
    if (sub->error) {
        sub->fd = NULL;
        return;
    }
    *poll = (struct pollfd){.fd = sub->fd->host, .events = reads ? POLLIN : POLLOUT};
}

/* Reads the subscriptions; `unstable` chooses their layout. */
static void read_subscriptions(mw_wasi_state *state, const uint8_t *in, bool unstable, poll_set *set)
{
    set->deadline = UINT64_MAX;
    for (uint32_t i = 0; i < set->n; i++) {
        subscription *sub = &set->subs[i];
        mw_wasi_subscription guest;
        if (unstable) {
            mw_wasi_unstable_subscription old;
            memcpy(&old, in + i * sizeof old, sizeof old);
            guest = (mw_wasi_subscription){.userdata = old.userdata, .type = old.type};
            if (old.type == MW_WASI_EVENT_CLOCK) {
                guest.clock.id = old.clock.id;
                guest.clock.timeout = old.clock.timeout;
                guest.clock.flags = old.clock.flags;
            } else {
                guest.fd = old.fd;
            }
        } else {
            memcpy(&guest, in + i * sizeof guest, sizeof guest);
        }
        *sub = (subscription){.userdata = guest.userdata, .type = guest.type, .deadline = UINT64_MAX};
        set->polls[i] = (struct pollfd){.fd = -1};
        if (guest.type == MW_WASI_EVENT_CLOCK)
            add_clock(set, sub, guest.clock.id, guest.clock.timeout, guest.clock.flags);
        else if (guest.type == MW_WASI_EVENT_FD_READ || guest.type == MW_WASI_EVENT_FD_WRITE)
            add_fd(state, sub, &set->polls[i], guest.fd);
        else
            sub->error = MW_WASI_EINVAL;
    }
}

/* Waits until a descriptor is ready or the first deadline is over. */
static mw_wasi_errno wait_for(poll_set *set)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (set->subs[i].error)
            set->deadline = 0; /* there is an event already */
    for (;;) {
        struct timespec left = {0, 0}, *timeout = NULL;
        if (set->deadline != UINT64_MAX) {
            uint64_t now = set->deadline ? now_on(CLOCK_MONOTONIC) : 0;
            uint64_t ns = set->deadline > now ? set->deadline - now : 0;
            left = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
            timeout = &left;
        }
        int ready = ppoll(set->polls, set->n, timeout, NULL);
        if (ready < 0 && errno == EINTR)
            continue; /* a signal of the host's own */
        if (ready < 0)
            return mw_wasi_errno_of(errno);
        /* The timer may end a little early on the clock that is compared. */
        if (ready > 0 || set->deadline == 0 || now_on(CLOCK_MONOTONIC) >= set->deadline)
            return MW_WASI_ESUCCESS;
    }
}

/* Bytes that can be read without waiting; 1 where the host cannot tell. */
static uint64_t readable_bytes(const mw_wasi_fd *f)
{
    struct stat st;
    if (f->filetype == MW_WASI_FILETYPE_REGULAR_FILE && fstat(f->host, &st) == 0) {
        off_t at = lseek(f->host, 0, SEEK_CUR);
        return at >= 0 && at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
    }
    int n;
    return ioctl(f->host, FIONREAD, &n) == 0 && n >= 0 ? (uint64_t)n : 1;
}

/* Whether subscription `i` has an event, and which. */
static bool event_of(const poll_set *set, uint32_t i, uint64_t now, mw_wasi_event *out)
{
    const subscription *sub = &set->subs[i];
    short revents = set->polls[i].revents;
    *out = (mw_wasi_event){.userdata = sub->userdata, .type = sub->type, .error = sub->error};
    if (sub->error)
        return true;
    if (!sub->fd)
        return sub->deadline <= now;
    if (!revents)
        return false;
    if (revents & POLLNVAL)
        out->error = MW_WASI_EBADF;
    else if (revents & POLLERR && !(revents & (POLLIN | POLLOUT | POLLHUP)))
        out->error = sub->type == MW_WASI_EVENT_FD_WRITE ? MW_WASI_EPIPE : MW_WASI_EIO;
    else
        out->nbytes = sub->type == MW_WASI_EVENT_FD_READ ? readable_bytes(sub->fd) : 1;
    if (revents & POLLHUP)
        out->flags = MW_WASI_EVENT_HANGUP;
    return true;
}

static mw_wasi_errno poll_oneoff(mw_instance *instance, mw_guest_ptr in, mw_guest_ptr out, uint64_t n,
                                 mw_guest_ptr nevents, bool unstable)
{
    size_t size = unstable ? sizeof(mw_wasi_unstable_subscription) : sizeof(mw_wasi_subscription);
    const uint8_t *in_at = mw_guest_array(instance, in, n, size);
    uint8_t *out_at = mw_guest_array(instance, out, n, sizeof(mw_wasi_event));
    void *nevents_at = mw_wasi_word_at(instance, nevents);
    if (!in_at || !out_at || !nevents_at)
        return MW_WASI_EFAULT;
    if (n == 0 || n > MAX_SUBSCRIPTIONS)
        return MW_WASI_EINVAL;

    subscription stack_subs[STACK_SUBSCRIPTIONS];
    struct pollfd stack_polls[STACK_SUBSCRIPTIONS];
    poll_set set = {.n = (uint32_t)n, .subs = stack_subs, .polls = stack_polls};
    void *heap = NULL;
    if (n > STACK_SUBSCRIPTIONS) {
        heap = malloc(n * (sizeof *set.subs + sizeof *set.polls));
        if (!heap)
            return MW_WASI_ENOMEM;
        set.subs = heap;
        set.polls = (void *)(set.subs + n);
    }

    read_subscriptions(mw_wasi_state_of(instance), in_at, unstable, &set);
    mw_wasi_errno error = wait_for(&set);
    uint32_t count = 0;
    uint64_t now = now_on(CLOCK_MONOTONIC);
    for (uint32_t i = 0; i < n; i++) {
        mw_wasi_event event;
        if (!error && event_of(&set, i, now, &event))
            memcpy(out_at + count++ * sizeof event, &event, sizeof event);
        if (set.subs[i].fd)
            mw_wasi_fd_drop(set.subs[i].fd);
    }
    free(heap);
    if (!error)
        mw_wasi_put_word(instance, nevents_at, count);
    return error;
}

uint32_t mw_wasi_poll_oneoff(mw_instance *instance, mw_guest_ptr in, mw_guest_ptr out, uint64_t n,
                             mw_guest_ptr nevents)
{
    return poll_oneoff(instance, in, out, n, nevents, false);
}

uint32_t mw_wasi_unstable_poll_oneoff(mw_instance *instance, mw_guest_ptr in, mw_guest_ptr out, uint64_t n,
                                      mw_guest_ptr nevents)
{
    return poll_oneoff(instance, in, out, n, nevents, true);
}
