/* What WASI keeps of an instance: its configuration and its table of descriptors. */
#ifndef MW_WASI_STATE_H
#define MW_WASI_STATE_H

#include "wasi/errno.h"
#include "wasi/funcs.h"
#include "wasi/path.h"
#include "wasi/preview1.h"
#include "wasi/wasi.h"
#include "runtime/instance.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* A descriptor. `state` says who may touch the rest:
 *   0                     free; whoever holds the table's lock may take it
 *   BUSY                  taken, but being made or closed: its maker or its last user owns it
 *   BUSY | OPEN | users   open; `users` calls are using it, and it does not change before they are done
 * A call takes and drops a use with one atomic operation each; only opening, closing and renumbering lock. */
typedef struct mw_wasi_fd {
    _Atomic uint32_t state;
    int host;
    uint8_t filetype;         /* mw_wasi_filetype */
    bool borrowed;            /* a standard stream of the process: never closed */
    bool read_only;           /* granted, or beneath what was granted, by --dir-ro */
    const char *preopen;      /* guest path of a granted directory, else NULL */
    _Atomic uint64_t rights;  /* only shrink */
    _Atomic uint64_t inheriting;
    struct mw_wasi_positions *positions; /* of a directory that was read; under dir_lock until it is closed */
} mw_wasi_fd;

#define MW_WASI_FD_OPEN UINT32_C(0x80000000)
#define MW_WASI_FD_BUSY UINT32_C(0x40000000)
#define MW_WASI_FD_USERS UINT32_C(0x3fffffff)

#define MW_WASI_MAX_FDS 65536

typedef struct mw_wasi_state {
    mw_wasi_config config; /* the strings are the embedder's */
    mw_wasi_fd *fds;             /* address space for MW_WASI_MAX_FDS; pages appear when touched */
    uint32_t fd_limit;           /* the guest may have so many: it must not take the host MPI's descriptors */
    _Atomic uint32_t fd_high;    /* no descriptor from here on was ever open */
    pthread_mutex_t fd_lock;
    pthread_mutex_t dir_lock;    /* fd_readdir: seeks, then reads, and notes positions */
    int std_flags[3];            /* F_GETFL at the start, put back at the end; -1 if not open */
    struct sigaction old_pipe, old_xfsz;
    bool pipe_kills;             /* SIGPIPE had its default action before it was ignored */
    mw_threads *threads;         /* NULL in a module that starts none */
    uint32_t thread_start;       /* index of wasi_thread_start */
} mw_wasi_state;

static inline mw_wasi_state *mw_wasi_state_of(const mw_instance *instance)
{
    return instance->host[MW_HOST_WASI];
}

/* ---- Threads (threads.c) ---------------------------------------------------------------------------------------- */

extern const mw_host_func mw_wasi_thread_funcs[1]; /* of the module "wasi" */
extern const mw_host_func mw_wasi_own_funcs[1];    /* of the module "mpiwasm", for our C library */
/* Makes state->threads if the module starts threads; MW_ERR_LINK for one that lacks what they need. */
MW_CHECKED mw_error mw_wasi_threads_attach(mw_wasi_state *state, mw_instance *instance, mw_report *report);

/* ---- Descriptors (fdtable.c) ------------------------------------------------------------------------------------ */

/* Takes a use of descriptor `fd` if it is open and has all of `rights`: EBADF, else ENOTCAPABLE. */
MW_CHECKED mw_wasi_errno mw_wasi_fd_use(mw_wasi_state *state, uint32_t fd, mw_wasi_rights rights, mw_wasi_fd **out);
void mw_wasi_fd_drop(mw_wasi_fd *fd);

/* What a new descriptor is. */
typedef struct mw_wasi_fd_init {
    int host; /* owned from a success on, unless borrowed */
    mw_wasi_filetype filetype;
    bool borrowed, read_only;
    const char *preopen;
    mw_wasi_rights rights, inheriting;
} mw_wasi_fd_init;

/* Opens the lowest free descriptor from `from` on; EMFILE if the guest has as many as it may. */
MW_CHECKED mw_wasi_errno mw_wasi_fd_open(mw_wasi_state *state, uint32_t from, const mw_wasi_fd_init *init,
                                         uint32_t *out);
MW_CHECKED mw_wasi_errno mw_wasi_fd_table_init(mw_wasi_state *state);
void mw_wasi_fd_table_free(mw_wasi_state *state);

/* Host positions of a directory's entries (readdir.c). */
void mw_wasi_positions_free(struct mw_wasi_positions *positions);

/* ---- Shared by the functions ------------------------------------------------------------------------------------ */

mw_wasi_filetype mw_wasi_filetype_of(mode_t mode);
/* What can be done with a file of this type at all. */
mw_wasi_rights mw_wasi_rights_of_type(mw_wasi_filetype type);

/* Room for a size_t or pointer of the guest's at `p`, NULL if it is not the guest's; and what goes there. */
static inline uint64_t mw_wasi_word_bytes(const mw_instance *instance)
{
    return mw_guest_is_wide(instance) ? 8 : 4;
}
static inline void *mw_wasi_word_at(const mw_instance *instance, mw_guest_ptr p)
{
    return mw_guest_span(instance, p, mw_wasi_word_bytes(instance));
}
static inline void mw_wasi_put_word(const mw_instance *instance, void *at, uint64_t value)
{
    memcpy(at, &value, mw_wasi_word_bytes(instance)); /* the low half comes first */
}

/* Copies a guest path: EFAULT outside memory, ENAMETOOLONG, EINVAL with a NUL in it, ENOENT if empty. */
MW_CHECKED mw_wasi_errno mw_wasi_path_read(const mw_instance *instance, mw_guest_ptr p, uint64_t length,
                                           mw_wasi_path *out);

static inline uint64_t mw_wasi_ns(struct timespec t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The times of *_filestat_set_times as utimensat takes them; EINVAL for flags that contradict each other. */
MW_CHECKED mw_wasi_errno mw_wasi_times_of(uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec out[2]);

mw_wasi_filestat mw_wasi_filestat_of(const struct stat *st);
mw_wasi_unstable_filestat mw_wasi_unstable_filestat_of(const mw_wasi_filestat *stat);

#define MW_WASI_IOVECS 64 /* so many at a time: 1 KiB of stack */

#endif
