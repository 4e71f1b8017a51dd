/* What can be done to an open descriptor besides reading and writing. */
#include "wasi/state.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- Conversions ------------------------------------------------------------------------------------------------ */

mw_wasi_filetype mw_wasi_filetype_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFBLK:
        return MW_WASI_FILETYPE_BLOCK_DEVICE;
    case S_IFCHR:
        return MW_WASI_FILETYPE_CHARACTER_DEVICE;
    case S_IFDIR:
        return MW_WASI_FILETYPE_DIRECTORY;
    case S_IFREG:
        return MW_WASI_FILETYPE_REGULAR_FILE;
    case S_IFLNK:
        return MW_WASI_FILETYPE_SYMBOLIC_LINK;
    case S_IFSOCK:
        return MW_WASI_FILETYPE_SOCKET_STREAM;
    default: /* pipes: preview 1 has no name for them */
        return MW_WASI_FILETYPE_UNKNOWN;
    }
}

mw_wasi_rights mw_wasi_rights_of_type(mw_wasi_filetype type)
{
    const mw_wasi_rights stream = MW_WASI_RIGHT_FD_READ | MW_WASI_RIGHT_FD_WRITE | MW_WASI_RIGHT_FD_FDSTAT_SET_FLAGS |
                                  MW_WASI_RIGHT_FD_FILESTAT_GET | MW_WASI_RIGHT_FD_FILESTAT_SET_TIMES |
                                  MW_WASI_RIGHT_FD_SYNC | MW_WASI_RIGHT_FD_DATASYNC | MW_WASI_RIGHT_POLL_FD_READWRITE;
    const mw_wasi_rights file = stream | MW_WASI_RIGHT_FD_SEEK | MW_WASI_RIGHT_FD_TELL | MW_WASI_RIGHT_FD_ADVISE |
                                MW_WASI_RIGHT_FD_ALLOCATE | MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE;
    const mw_wasi_rights directory =
        MW_WASI_RIGHT_FD_FDSTAT_SET_FLAGS | MW_WASI_RIGHT_FD_SYNC | MW_WASI_RIGHT_FD_DATASYNC |
        MW_WASI_RIGHT_FD_READDIR | MW_WASI_RIGHT_FD_FILESTAT_GET | MW_WASI_RIGHT_FD_FILESTAT_SET_TIMES |
        MW_WASI_RIGHT_PATH_CREATE_DIRECTORY | MW_WASI_RIGHT_PATH_CREATE_FILE | MW_WASI_RIGHT_PATH_LINK_SOURCE |
        MW_WASI_RIGHT_PATH_LINK_TARGET | MW_WASI_RIGHT_PATH_OPEN | MW_WASI_RIGHT_PATH_READLINK |
        MW_WASI_RIGHT_PATH_RENAME_SOURCE | MW_WASI_RIGHT_PATH_RENAME_TARGET | MW_WASI_RIGHT_PATH_FILESTAT_GET |
        MW_WASI_RIGHT_PATH_FILESTAT_SET_SIZE | MW_WASI_RIGHT_PATH_FILESTAT_SET_TIMES | MW_WASI_RIGHT_PATH_SYMLINK |
        MW_WASI_RIGHT_PATH_REMOVE_DIRECTORY | MW_WASI_RIGHT_PATH_UNLINK_FILE;
    switch (type) {
    case MW_WASI_FILETYPE_DIRECTORY:
        return directory;
    case MW_WASI_FILETYPE_REGULAR_FILE:
    case MW_WASI_FILETYPE_BLOCK_DEVICE:
        return file;
    default:
        /* Without SEEK and TELL: by their absence wasi-libc tells a terminal from a file (isatty). */
        return stream;
    }
}

mw_wasi_filestat mw_wasi_filestat_of(const struct stat *st)
{
    return (mw_wasi_filestat){
        .dev = st->st_dev, .ino = st->st_ino,
        .filetype = (uint8_t)mw_wasi_filetype_of(st->st_mode),
        .nlink = st->st_nlink, .size = (uint64_t)st->st_size,
        .atim = mw_wasi_ns(st->st_atim), .mtim = mw_wasi_ns(st->st_mtim), .ctim = mw_wasi_ns(st->st_ctim),
    };
}

mw_wasi_unstable_filestat mw_wasi_unstable_filestat_of(const mw_wasi_filestat *s)
{
    return (mw_wasi_unstable_filestat){
        .dev = s->dev, .ino = s->ino, .filetype = s->filetype,
        .nlink = s->nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)s->nlink,
        .size = s->size, .atim = s->atim, .mtim = s->mtim, .ctim = s->ctim,
    };
}

static struct timespec time_of(uint64_t ns, bool set, bool now)
{
    if (now)
        return (struct timespec){0, UTIME_NOW};
    if (!set)
        return (struct timespec){0, UTIME_OMIT};
    return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

mw_wasi_errno mw_wasi_times_of(uint64_t atim, uint64_t mtim, uint32_t flags, struct timespec out[2])
{
    const uint32_t both_atim = MW_WASI_FST_ATIM | MW_WASI_FST_ATIM_NOW;
    const uint32_t both_mtim = MW_WASI_FST_MTIM | MW_WASI_FST_MTIM_NOW;
    if ((flags & ~(uint32_t)MW_WASI_FSTFLAGS) || (flags & both_atim) == both_atim || (flags & both_mtim) == both_mtim)
        return MW_WASI_EINVAL;
    out[0] = time_of(atim, flags & MW_WASI_FST_ATIM, flags & MW_WASI_FST_ATIM_NOW);
    out[1] = time_of(mtim, flags & MW_WASI_FST_MTIM, flags & MW_WASI_FST_MTIM_NOW);
    return MW_WASI_ESUCCESS;
}

static mw_wasi_errno use(mw_instance *instance, uint32_t fd, mw_wasi_rights rights, mw_wasi_fd **out)
{
    return mw_wasi_fd_use(mw_wasi_state_of(instance), fd, rights, out);
}

/* Ends a function: drops the use and gives the error of a host call that returned `result`. */
static uint32_t finish(mw_wasi_fd *f, int result)
{
    mw_wasi_errno error = result == 0 ? MW_WASI_ESUCCESS : mw_wasi_errno_of(errno);
    mw_wasi_fd_drop(f);
    return error;
}

static uint32_t refuse(mw_wasi_fd *f, mw_wasi_errno error)
{
    mw_wasi_fd_drop(f);
    return error;
}

/* ---- State of the descriptor ------------------------------------------------------------------------------------ */

uint32_t mw_wasi_fd_fdstat_get(mw_instance *instance, uint32_t fd, mw_guest_ptr out)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    int flags = fcntl(f->host, F_GETFL);
    if (flags < 0)
        return finish(f, -1);
    const mw_wasi_fdstat stat = {
        .filetype = f->filetype,
        .flags = (uint16_t)((flags & O_APPEND ? MW_WASI_FDFLAG_APPEND : 0) |
                            (flags & O_DSYNC ? MW_WASI_FDFLAG_DSYNC : 0) |
                            (flags & O_NONBLOCK ? MW_WASI_FDFLAG_NONBLOCK : 0) |
                            /* O_SYNC contains O_DSYNC's bit, and O_RSYNC is the same as O_SYNC */
                            ((flags & O_SYNC) == O_SYNC ? MW_WASI_FDFLAG_RSYNC | MW_WASI_FDFLAG_SYNC : 0)),
        .rights_base = atomic_load_explicit(&f->rights, memory_order_relaxed),
        .rights_inheriting = atomic_load_explicit(&f->inheriting, memory_order_relaxed),
    };
    return refuse(f, mw_guest_write(instance, out, &stat, sizeof stat) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT);
}

uint32_t mw_wasi_fd_fdstat_set_flags(mw_instance *instance, uint32_t fd, uint32_t fdflags)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &f);
    if (error)
        return error;
    if (fdflags & ~(uint32_t)MW_WASI_FDFLAGS)
        return refuse(f, MW_WASI_EINVAL);
    int flags = fcntl(f->host, F_GETFL);
    if (flags < 0)
        return finish(f, -1);
    /* Linux ignores changes of the synchronous modes on an open file: say so. */
    bool dsync = fdflags & (MW_WASI_FDFLAG_DSYNC | MW_WASI_FDFLAG_SYNC | MW_WASI_FDFLAG_RSYNC);
    bool sync = fdflags & (MW_WASI_FDFLAG_SYNC | MW_WASI_FDFLAG_RSYNC);
    if (dsync != !!(flags & O_DSYNC) || sync != ((flags & O_SYNC) == O_SYNC))
        return refuse(f, MW_WASI_ENOTSUP);
    int changed = flags & ~(O_APPEND | O_NONBLOCK);
    changed |= fdflags & MW_WASI_FDFLAG_APPEND ? O_APPEND : 0;
    changed |= fdflags & MW_WASI_FDFLAG_NONBLOCK ? O_NONBLOCK : 0;
    return finish(f, changed == flags ? 0 : fcntl(f->host, F_SETFL, changed));
}

uint32_t mw_wasi_fd_fdstat_set_rights(mw_instance *instance, uint32_t fd, uint64_t base, uint64_t inheriting)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    if ((base & ~atomic_load_explicit(&f->rights, memory_order_relaxed)) ||
        (inheriting & ~atomic_load_explicit(&f->inheriting, memory_order_relaxed)))
        return refuse(f, MW_WASI_ENOTCAPABLE);
    /* "and": what another thread takes away meanwhile stays away. */
    atomic_fetch_and_explicit(&f->rights, base, memory_order_relaxed);
    atomic_fetch_and_explicit(&f->inheriting, inheriting, memory_order_relaxed);
    return refuse(f, MW_WASI_ESUCCESS);
}

uint32_t mw_wasi_fd_prestat_get(mw_instance *instance, uint32_t fd, mw_guest_ptr out)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    if (!f->preopen)
        return refuse(f, MW_WASI_EBADF); /* wasi-libc counts up descriptors until this */
    const mw_wasi_prestat stat = {.name_len = (uint32_t)strlen(f->preopen)};
    const mw_wasi_wide_prestat wide = {.name_len = stat.name_len};
    bool written = mw_guest_is_wide(instance) ? mw_guest_write(instance, out, &wide, sizeof wide)
                                              : mw_guest_write(instance, out, &stat, sizeof stat);
    return refuse(f, written ? MW_WASI_ESUCCESS : MW_WASI_EFAULT);
}

uint32_t mw_wasi_fd_prestat_dir_name(mw_instance *instance, uint32_t fd, mw_guest_ptr path, uint64_t path_len)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    if (!f->preopen)
        return refuse(f, MW_WASI_EBADF);
    size_t length = strlen(f->preopen);
    if (path_len < length)
        return refuse(f, MW_WASI_ENAMETOOLONG);
    return refuse(f, mw_guest_write(instance, path, f->preopen, length) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT);
}

/* ---- Position --------------------------------------------------------------------------------------------------- */

static mw_wasi_errno seek(mw_instance *instance, uint32_t fd, mw_wasi_rights right, int64_t offset, int whence,
                          mw_guest_ptr out)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    mw_wasi_rights rights = atomic_load_explicit(&f->rights, memory_order_relaxed);
    void *at = mw_guest_span(instance, out, 8);
    if (f->filetype == MW_WASI_FILETYPE_DIRECTORY)
        error = MW_WASI_EISDIR;
    else if (f->filetype != MW_WASI_FILETYPE_REGULAR_FILE && f->filetype != MW_WASI_FILETYPE_BLOCK_DEVICE)
        error = MW_WASI_ESPIPE;
    else if (!(rights & (right | MW_WASI_RIGHT_FD_SEEK))) /* who may seek may tell */
        error = MW_WASI_ENOTCAPABLE;
    else if (!at)
        error = MW_WASI_EFAULT;
    if (error)
        return refuse(f, error);
    off_t position = lseek(f->host, offset, whence);
    if (position >= 0)
        memcpy(at, &position, 8);
    return finish(f, position < 0 ? -1 : 0);
}

static mw_wasi_errno seek_from(mw_instance *instance, uint32_t fd, uint64_t offset, uint32_t whence,
                               const int host_whence[3], mw_guest_ptr out)
{
    if (whence > 2) /* SEEK_DATA and the like are not WASI's */
        return MW_WASI_EINVAL;
    bool tells = offset == 0 && host_whence[whence] == SEEK_CUR;
    return seek(instance, fd, tells ? MW_WASI_RIGHT_FD_TELL : MW_WASI_RIGHT_FD_SEEK, (int64_t)offset,
                host_whence[whence], out);
}

uint32_t mw_wasi_fd_seek(mw_instance *instance, uint32_t fd, uint64_t offset, uint32_t whence, mw_guest_ptr out)
{
    static const int order[3] = {SEEK_SET, SEEK_CUR, SEEK_END};
    return seek_from(instance, fd, offset, whence, order, out);
}

uint32_t mw_wasi_unstable_fd_seek(mw_instance *instance, uint32_t fd, uint64_t offset, uint32_t whence,
                                  mw_guest_ptr out)
{
    static const int order[3] = {SEEK_CUR, SEEK_END, SEEK_SET};
    return seek_from(instance, fd, offset, whence, order, out);
}

uint32_t mw_wasi_fd_tell(mw_instance *instance, uint32_t fd, mw_guest_ptr out)
{
    return seek(instance, fd, MW_WASI_RIGHT_FD_TELL, 0, SEEK_CUR, out);
}

/* ---- The file --------------------------------------------------------------------------------------------------- */

static mw_wasi_errno filestat(mw_instance *instance, uint32_t fd, mw_wasi_filestat *out)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_FILESTAT_GET, &f);
    if (error)
        return error;
    struct stat st;
    int result = fstat(f->host, &st);
    if (result == 0) {
        *out = mw_wasi_filestat_of(&st);
        out->filetype = f->filetype; /* knows the kind of socket */
    }
    return finish(f, result);
}

uint32_t mw_wasi_fd_filestat_get(mw_instance *instance, uint32_t fd, mw_guest_ptr out)
{
    mw_wasi_filestat stat;
    mw_wasi_errno error = filestat(instance, fd, &stat);
    if (error)
        return error;
    return mw_guest_write(instance, out, &stat, sizeof stat) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

uint32_t mw_wasi_unstable_fd_filestat_get(mw_instance *instance, uint32_t fd, mw_guest_ptr out)
{
    mw_wasi_filestat stat;
    mw_wasi_errno error = filestat(instance, fd, &stat);
    if (error)
        return error;
    mw_wasi_unstable_filestat old = mw_wasi_unstable_filestat_of(&stat);
    return mw_guest_write(instance, out, &old, sizeof old) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

uint32_t mw_wasi_fd_filestat_set_size(mw_instance *instance, uint32_t fd, uint64_t size)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE, &f);
    if (error)
        return error;
    if (size > INT64_MAX)
        return refuse(f, MW_WASI_EFBIG);
    return finish(f, ftruncate(f->host, (off_t)size));
}

uint32_t mw_wasi_fd_filestat_set_times(mw_instance *instance, uint32_t fd, uint64_t atim, uint64_t mtim,
                                       uint32_t flags)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_FILESTAT_SET_TIMES, &f);
    if (error)
        return error;
    struct timespec times[2];
    error = f->read_only ? MW_WASI_EROFS : mw_wasi_times_of(atim, mtim, flags, times);
    if (error)
        return refuse(f, error);
    return finish(f, futimens(f->host, times));
}

uint32_t mw_wasi_fd_advise(mw_instance *instance, uint32_t fd, uint64_t offset, uint64_t length, uint32_t advice)
{
    static const int host_advice[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                                      POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, 0, &f);
    if (error)
        return error;
    mw_wasi_rights rights = atomic_load_explicit(&f->rights, memory_order_relaxed);
    if (f->filetype == MW_WASI_FILETYPE_DIRECTORY)
        error = MW_WASI_EBADF;
    else if (f->filetype != MW_WASI_FILETYPE_REGULAR_FILE && f->filetype != MW_WASI_FILETYPE_BLOCK_DEVICE)
        error = MW_WASI_ESPIPE;
    else if (!(rights & MW_WASI_RIGHT_FD_ADVISE))
        error = MW_WASI_ENOTCAPABLE;
    else if (advice >= sizeof host_advice / sizeof *host_advice || offset > INT64_MAX || length > INT64_MAX)
        error = MW_WASI_EINVAL;
    if (error)
        return refuse(f, error);
    return refuse(f, mw_wasi_errno_of(posix_fadvise(f->host, (off_t)offset, (off_t)length, host_advice[advice])));
}

/* Not posix_fallocate: where the file system cannot, glibc would write every block. */
uint32_t mw_wasi_fd_allocate(mw_instance *instance, uint32_t fd, uint64_t offset, uint64_t length)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_ALLOCATE, &f);
    if (error)
        return error;
    if (offset > INT64_MAX || length > INT64_MAX)
        return refuse(f, MW_WASI_EINVAL);
    return finish(f, fallocate(f->host, 0, (off_t)offset, (off_t)length));
}

uint32_t mw_wasi_fd_datasync(mw_instance *instance, uint32_t fd)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_DATASYNC, &f);
    return error ? error : finish(f, fdatasync(f->host));
}

uint32_t mw_wasi_fd_sync(mw_instance *instance, uint32_t fd)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use(instance, fd, MW_WASI_RIGHT_FD_SYNC, &f);
    return error ? error : finish(f, fsync(f->host));
}
