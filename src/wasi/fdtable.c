#include "wasi/state.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

mw_wasi_errno mw_wasi_fd_table_init(mw_wasi_state *state)
{
    state->fds = mmap(NULL, MW_WASI_MAX_FDS * sizeof *state->fds, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (state->fds == MAP_FAILED) {
        state->fds = NULL;
        return mw_wasi_errno_of(errno);
    }
    /* Half of what the process may open stays with the host: MPI and fabric libraries open descriptors late. */
    struct rlimit limit;
    uint64_t half = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 512;
    state->fd_limit = (uint32_t)(half < 16 ? 16 : half > MW_WASI_MAX_FDS ? MW_WASI_MAX_FDS : half);
    pthread_mutex_init(&state->fd_lock, NULL);
    pthread_mutex_init(&state->dir_lock, NULL);
    return MW_WASI_ESUCCESS;
}

static void release_host(mw_wasi_fd *fd)
{
    if (!fd->borrowed)
        close(fd->host);
    mw_wasi_positions_free(fd->positions);
}

void mw_wasi_fd_table_free(mw_wasi_state *state)
{
    if (!state->fds)
        return;
    for (uint32_t i = 0; i < state->fd_high; i++)
        if (state->fds[i].state & MW_WASI_FD_OPEN)
            release_host(&state->fds[i]);
    munmap(state->fds, MW_WASI_MAX_FDS * sizeof *state->fds);
    pthread_mutex_destroy(&state->fd_lock);
    pthread_mutex_destroy(&state->dir_lock);
}

mw_wasi_errno mw_wasi_fd_use(mw_wasi_state *state, uint32_t fd, mw_wasi_rights rights, mw_wasi_fd **out)
{
    if (fd >= atomic_load_explicit(&state->fd_high, memory_order_acquire))
        return MW_WASI_EBADF;
    mw_wasi_fd *f = &state->fds[fd];
    uint32_t seen = atomic_load_explicit(&f->state, memory_order_relaxed);
    do {
        if (!(seen & MW_WASI_FD_OPEN) || (seen & MW_WASI_FD_USERS) == MW_WASI_FD_USERS)
            return MW_WASI_EBADF;
    } while (!atomic_compare_exchange_weak_explicit(&f->state, &seen, seen + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    if (rights & ~atomic_load_explicit(&f->rights, memory_order_relaxed)) {
        mw_wasi_fd_drop(f);
        return MW_WASI_ENOTCAPABLE;
    }
    *out = f;
    return MW_WASI_ESUCCESS;
}

/* Its last user is gone and it is no longer open. */
static void finish_close(mw_wasi_fd *f)
{
    release_host(f);
    atomic_store_explicit(&f->state, 0, memory_order_release);
}

void mw_wasi_fd_drop(mw_wasi_fd *f)
{
    if (atomic_fetch_sub_explicit(&f->state, 1, memory_order_acq_rel) == (MW_WASI_FD_BUSY | 1))
        finish_close(f);
}

static void fill(mw_wasi_fd *f, const mw_wasi_fd_init *init)
{
    f->host = init->host;
    f->filetype = (uint8_t)init->filetype;
    f->borrowed = init->borrowed;
    f->read_only = init->read_only;
    f->preopen = init->preopen;
    f->positions = NULL;
    atomic_store_explicit(&f->rights, init->rights, memory_order_relaxed);
    atomic_store_explicit(&f->inheriting, init->inheriting, memory_order_relaxed);
}

mw_wasi_errno mw_wasi_fd_open(mw_wasi_state *state, uint32_t from, const mw_wasi_fd_init *init, uint32_t *out)
{
    mw_wasi_errno error = MW_WASI_EMFILE;
    pthread_mutex_lock(&state->fd_lock);
    for (uint32_t fd = from; fd < state->fd_limit; fd++) {
        mw_wasi_fd *f = &state->fds[fd];
        if (atomic_load_explicit(&f->state, memory_order_acquire) != 0)
            continue;
        fill(f, init);
        atomic_store_explicit(&f->state, MW_WASI_FD_BUSY | MW_WASI_FD_OPEN, memory_order_release);
        if (fd >= atomic_load_explicit(&state->fd_high, memory_order_relaxed))
            atomic_store_explicit(&state->fd_high, fd + 1, memory_order_release);
        *out = fd;
        error = MW_WASI_ESUCCESS;
        break;
    }
    pthread_mutex_unlock(&state->fd_lock);
    return error;
}

uint32_t mw_wasi_fd_close(mw_instance *instance, uint32_t fd)
{
    mw_wasi_state *state = mw_wasi_state_of(instance);
    if (fd >= atomic_load_explicit(&state->fd_high, memory_order_acquire))
        return MW_WASI_EBADF;
    mw_wasi_fd *f = &state->fds[fd];
    /* Calls that are using it finish; the last of them closes it. */
    uint32_t before = atomic_fetch_and_explicit(&f->state, ~MW_WASI_FD_OPEN, memory_order_acq_rel);
    if (!(before & MW_WASI_FD_OPEN))
        return MW_WASI_EBADF;
    if (!(before & MW_WASI_FD_USERS))
        finish_close(f);
    return MW_WASI_ESUCCESS;
}

/* Makes an open descriptor without users this thread's own: EBADF, or EBUSY if another thread is using it. */
static mw_wasi_errno seize(mw_wasi_state *state, uint32_t fd, mw_wasi_fd **out)
{
    if (fd >= atomic_load_explicit(&state->fd_high, memory_order_acquire))
        return MW_WASI_EBADF;
    mw_wasi_fd *f = &state->fds[fd];
    uint32_t idle = MW_WASI_FD_BUSY | MW_WASI_FD_OPEN;
    if (!atomic_compare_exchange_strong_explicit(&f->state, &idle, MW_WASI_FD_BUSY, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return idle & MW_WASI_FD_OPEN ? MW_WASI_EBUSY : MW_WASI_EBADF;
    *out = f;
    return MW_WASI_ESUCCESS;
}

static void reopen(mw_wasi_fd *f)
{
    atomic_store_explicit(&f->state, MW_WASI_FD_BUSY | MW_WASI_FD_OPEN, memory_order_release);
}

uint32_t mw_wasi_fd_renumber(mw_instance *instance, uint32_t fd, uint32_t to)
{
    mw_wasi_state *state = mw_wasi_state_of(instance);
    mw_wasi_fd *source, *target;
    mw_wasi_errno error = seize(state, fd, &source);
    if (error)
        return error;
    if (fd == to) {
        reopen(source);
        return MW_WASI_ESUCCESS;
    }
    error = seize(state, to, &target);
    if (error) {
        reopen(source);
        return error;
    }
    release_host(target);
    const mw_wasi_fd_init moved = {
        .host = source->host, .filetype = source->filetype,
        .borrowed = source->borrowed, .read_only = source->read_only, .preopen = source->preopen,
        .rights = atomic_load_explicit(&source->rights, memory_order_relaxed),
        .inheriting = atomic_load_explicit(&source->inheriting, memory_order_relaxed),
    };
    fill(target, &moved);
    target->positions = source->positions;
    reopen(target);
    atomic_store_explicit(&source->state, 0, memory_order_release);
    return MW_WASI_ESUCCESS;
}
