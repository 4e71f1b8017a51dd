/* fd_read, fd_write and their kin: the host reads and writes guest memory in place. */
#include "wasi/state.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Linux moves at most this much in one call, so that a sum of two still fits 32 bits. */
#define MAX_TRANSFER UINT32_C(0x7ffff000)

static size_t iovec_bytes(const mw_instance *instance)
{
    return mw_guest_is_wide(instance) ? sizeof(mw_wasi_wide_iovec) : sizeof(mw_wasi_iovec);
}

/* Host addresses of the n guest iovecs at `iovs`, empty ones left out: *nout of them. Each entry is read once: the guest
 * may change it meanwhile. */
static inline mw_wasi_errno host_iovecs(const mw_instance *instance, const uint8_t *iovs, uint32_t n, struct iovec *out,
                                        uint32_t *nout, uint64_t *total)
{
    bool wide = mw_guest_is_wide(instance);
    *total = 0;
    *nout = 0;
    for (uint32_t i = 0; i < n; i++) {
        mw_wasi_wide_iovec guest;
        if (wide) {
            memcpy(&guest, iovs + (size_t)i * sizeof guest, sizeof guest);
        } else {
            mw_wasi_iovec narrow;
            memcpy(&narrow, iovs + (size_t)i * sizeof narrow, sizeof narrow);
            guest = (mw_wasi_wide_iovec){narrow.buf, narrow.buf_len};
        }
        void *base = mw_guest_span(instance, (mw_guest_ptr){guest.buf}, guest.buf_len);
        if (!base)
            return MW_WASI_EFAULT;
        if (guest.buf_len)
            out[(*nout)++] = (struct iovec){base, guest.buf_len};
        *total += guest.buf_len;
    }
    return MW_WASI_ESUCCESS;
}

/* What is mostly one buffer is given to the host as one: its way through the kernel is shorter. */
typedef ssize_t transfer_fn(int fd, const struct iovec *iovs, int n, off_t offset);

static ssize_t do_read(int fd, const struct iovec *iovs, int n, off_t offset)
{
    (void)offset;
    return n == 1 ? read(fd, iovs->iov_base, iovs->iov_len) : readv(fd, iovs, n);
}

static ssize_t do_write(int fd, const struct iovec *iovs, int n, off_t offset)
{
    (void)offset;
    return n == 1 ? write(fd, iovs->iov_base, iovs->iov_len) : writev(fd, iovs, n);
}

static ssize_t do_pread(int fd, const struct iovec *iovs, int n, off_t offset)
{
    return n == 1 ? pread(fd, iovs->iov_base, iovs->iov_len, offset) : preadv(fd, iovs, n, offset);
}

static ssize_t do_pwrite(int fd, const struct iovec *iovs, int n, off_t offset)
{
    return n == 1 ? pwrite(fd, iovs->iov_base, iovs->iov_len, offset) : pwritev(fd, iovs, n, offset);
}

/* One call of the host, again if a signal interrupted it. */
static inline mw_wasi_errno move(transfer_fn *fn, int fd, const struct iovec *iovs, uint32_t n, off_t offset, ssize_t *moved)
{
    do
        *moved = fn(fd, iovs, (int)n, offset);
    while (*moved < 0 && errno == EINTR);
    return *moved < 0 ? mw_wasi_errno_of(errno) : MW_WASI_ESUCCESS;
}

/* The one buffer that most transfers have. */
static mw_wasi_errno transfer_one(const mw_instance *instance, int fd, const uint8_t *iov, off_t offset, void *done_at,
                                  transfer_fn *fn)
{
    struct iovec host = {NULL, 0};
    uint32_t n;
    uint64_t total;
    ssize_t moved;
    mw_wasi_errno error = host_iovecs(instance, iov, 1, &host, &n, &total);
    if (!error)
        error = move(fn, fd, &host, n, offset, &moved);
    if (!error)
        mw_wasi_put_word(instance, done_at, (uint64_t)moved);
    return error;
}

/* Transfers all iovecs, MW_WASI_IOVECS at a time, and stores the number of bytes at `result`. More than one
 * chunk is transferred only by writes, and only as long as each went through whole: a second read could block
 * although the first brought data. */
static mw_wasi_errno transfer(const mw_instance *instance, int fd, mw_guest_ptr iovs, uint64_t niovs, off_t offset,
                              mw_guest_ptr result, transfer_fn *fn, bool is_read)
{
    size_t size = iovec_bytes(instance);
    const uint8_t *array = mw_guest_array(instance, iovs, niovs, size);
    void *done_at = mw_wasi_word_at(instance, result);
    if (!array || !done_at)
        return MW_WASI_EFAULT;
    if (niovs == 1)
        return transfer_one(instance, fd, array, offset, done_at, fn);
    uint32_t done = 0;
    for (uint64_t i = 0; i == 0 || i < niovs;) {
        struct iovec host[MW_WASI_IOVECS];
        uint32_t n = niovs - i < MW_WASI_IOVECS ? (uint32_t)(niovs - i) : MW_WASI_IOVECS;
        uint32_t nhost;
        uint64_t total;
        mw_wasi_errno error = host_iovecs(instance, array + i * size, n, host, &nhost, &total);
        ssize_t moved = -1;
        if (!error)
            error = move(fn, fd, host, nhost, offset + done, &moved);
        if (error) {
            if (done == 0)
                return error;
            break; /* what was transferred counts; the next call meets the error again */
        }
        done += (uint32_t)moved;
        i += n;
        if ((uint64_t)moved < total || (is_read && moved > 0) || done > UINT32_MAX - MAX_TRANSFER || i == 0)
            break;
    }
    mw_wasi_put_word(instance, done_at, done);
    return MW_WASI_ESUCCESS;
}

/* A descriptor for reading or writing. One that lacks the right is not open for it, which is EBADF in POSIX (and
 * EISDIR for reading a directory); programs look for these, not for WASI's own ENOTCAPABLE. */
static mw_wasi_errno use_for(mw_instance *instance, uint32_t fd, mw_wasi_rights right, mw_wasi_fd **out)
{
    mw_wasi_errno error = mw_wasi_fd_use(mw_wasi_state_of(instance), fd, 0, out);
    if (error || (atomic_load_explicit(&(*out)->rights, memory_order_relaxed) & right))
        return error;
    bool directory = (*out)->filetype == MW_WASI_FILETYPE_DIRECTORY;
    mw_wasi_fd_drop(*out);
    return directory && right == MW_WASI_RIGHT_FD_READ ? MW_WASI_EISDIR : MW_WASI_EBADF;
}

uint32_t mw_wasi_fd_read(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs, mw_guest_ptr nread)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use_for(instance, fd, MW_WASI_RIGHT_FD_READ, &f);
    if (error)
        return error;
    error = transfer(instance, f->host, iovs, niovs, 0, nread, do_read, true);
    mw_wasi_fd_drop(f);
    return error;
}

uint32_t mw_wasi_fd_write(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs,
                          mw_guest_ptr nwritten)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use_for(instance, fd, MW_WASI_RIGHT_FD_WRITE, &f);
    if (error)
        return error;
    error = transfer(instance, f->host, iovs, niovs, 0, nwritten, do_write, false);
    /* `mpiwasm program.wasm | head`: ends as a native program does, unless whoever started us ignores the signal. */
    bool killed = error == MW_WASI_EPIPE && f->borrowed && mw_wasi_state_of(instance)->pipe_kills;
    mw_wasi_fd_drop(f);
    if (killed)
        mw_raise_exit(instance, 128 + SIGPIPE);
    return error;
}

static mw_wasi_errno transfer_at(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs,
                                 uint64_t offset, mw_guest_ptr result, bool is_read)
{
    mw_wasi_fd *f;
    mw_wasi_errno error =
        use_for(instance, fd, is_read ? MW_WASI_RIGHT_FD_READ : MW_WASI_RIGHT_FD_WRITE, &f);
    if (error)
        return error;
    if (offset > INT64_MAX - UINT32_MAX) /* leaves room for what is added in chunks */
        error = MW_WASI_EINVAL;
    else if (!(atomic_load_explicit(&f->rights, memory_order_relaxed) & MW_WASI_RIGHT_FD_SEEK))
        error = f->filetype == MW_WASI_FILETYPE_REGULAR_FILE ? MW_WASI_ENOTCAPABLE : MW_WASI_ESPIPE;
    else
        error = transfer(instance, f->host, iovs, niovs, (off_t)offset, result, is_read ? do_pread : do_pwrite, is_read);
    mw_wasi_fd_drop(f);
    return error;
}

uint32_t mw_wasi_fd_pread(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs, uint64_t offset,
                          mw_guest_ptr nread)
{
    return transfer_at(instance, fd, iovs, niovs, offset, nread, true);
}

/* On a descriptor with APPEND, Linux appends whatever the offset is (pwrite(2), BUGS), as for native programs. */
uint32_t mw_wasi_fd_pwrite(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs, uint64_t offset,
                           mw_guest_ptr nwritten)
{
    return transfer_at(instance, fd, iovs, niovs, offset, nwritten, false);
}

/* ---- Sockets ---------------------------------------------------------------------------------------------------- */

/* Preview 1 cannot make sockets, and directories are all that is granted; so a socket can only be a standard
 * stream that the process was started with. */
static mw_wasi_errno use_socket(mw_instance *instance, uint32_t fd, mw_wasi_rights right, mw_wasi_fd **out)
{
    mw_wasi_errno error = mw_wasi_fd_use(mw_wasi_state_of(instance), fd, 0, out);
    if (error)
        return error;
    if ((*out)->filetype != MW_WASI_FILETYPE_SOCKET_STREAM && (*out)->filetype != MW_WASI_FILETYPE_SOCKET_DGRAM)
        error = MW_WASI_ENOTSOCK;
    else if (!(atomic_load_explicit(&(*out)->rights, memory_order_relaxed) & right))
        error = MW_WASI_ENOTCAPABLE;
    if (error)
        mw_wasi_fd_drop(*out);
    return error;
}

/* No descriptor has the right: standard streams do not listen for connections. */
uint32_t mw_wasi_sock_accept(mw_instance *instance, uint32_t fd, uint32_t flags, mw_guest_ptr out)
{
    (void)flags;
    (void)out;
    mw_wasi_fd *f;
    mw_wasi_errno error = use_socket(instance, fd, MW_WASI_RIGHT_SOCK_ACCEPT, &f);
    if (error)
        return error;
    mw_wasi_fd_drop(f);
    return MW_WASI_ENOTSUP;
}

static mw_wasi_errno message(const mw_instance *instance, mw_guest_ptr iovs, uint64_t niovs, struct iovec *host,
                             struct msghdr *out)
{
    const uint8_t *array = mw_guest_array(instance, iovs, niovs, iovec_bytes(instance));
    if (!array)
        return MW_WASI_EFAULT;
    if (niovs > MW_WASI_IOVECS) /* a datagram cannot be sent in parts */
        return MW_WASI_EMSGSIZE;
    uint32_t nhost;
    uint64_t total;
    mw_wasi_errno error = host_iovecs(instance, array, (uint32_t)niovs, host, &nhost, &total);
    *out = (struct msghdr){.msg_iov = host, .msg_iovlen = nhost};
    return error;
}

uint32_t mw_wasi_sock_recv(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs, uint32_t flags,
                           mw_guest_ptr nread, mw_guest_ptr out_flags)
{
    void *nread_at = mw_wasi_word_at(instance, nread), *flags_at = mw_guest_span(instance, out_flags, 2);
    mw_wasi_fd *f;
    mw_wasi_errno error = use_socket(instance, fd, MW_WASI_RIGHT_FD_READ, &f);
    if (error)
        return error;
    struct iovec host[MW_WASI_IOVECS];
    struct msghdr header;
    if (!nread_at || !flags_at)
        error = MW_WASI_EFAULT;
    else if (flags & ~(uint32_t)(MW_WASI_RI_RECV_PEEK | MW_WASI_RI_RECV_WAITALL))
        error = MW_WASI_EINVAL;
    else
        error = message(instance, iovs, niovs, host, &header);
    if (!error) {
        ssize_t n = recvmsg(f->host, &header, (flags & MW_WASI_RI_RECV_PEEK ? MSG_PEEK : 0) |
                                                  (flags & MW_WASI_RI_RECV_WAITALL ? MSG_WAITALL : 0));
        uint16_t got = header.msg_flags & MSG_TRUNC ? MW_WASI_RO_RECV_DATA_TRUNCATED : 0;
        if (n < 0)
            error = mw_wasi_errno_of(errno);
        else {
            mw_wasi_put_word(instance, nread_at, (uint64_t)n);
            memcpy(flags_at, &got, 2);
        }
    }
    mw_wasi_fd_drop(f);
    return error;
}

uint32_t mw_wasi_sock_send(mw_instance *instance, uint32_t fd, mw_guest_ptr iovs, uint64_t niovs, uint32_t flags,
                           mw_guest_ptr nwritten)
{
    void *nwritten_at = mw_wasi_word_at(instance, nwritten);
    mw_wasi_fd *f;
    mw_wasi_errno error = use_socket(instance, fd, MW_WASI_RIGHT_FD_WRITE, &f);
    if (error)
        return error;
    struct iovec host[MW_WASI_IOVECS];
    struct msghdr header;
    if (!nwritten_at)
        error = MW_WASI_EFAULT;
    else if (flags)
        error = MW_WASI_EINVAL;
    else
        error = message(instance, iovs, niovs, host, &header);
    if (!error) {
        ssize_t n = sendmsg(f->host, &header, MSG_NOSIGNAL);
        if (n < 0)
            error = mw_wasi_errno_of(errno);
        else
            mw_wasi_put_word(instance, nwritten_at, (uint64_t)n);
    }
    mw_wasi_fd_drop(f);
    return error;
}

uint32_t mw_wasi_sock_shutdown(mw_instance *instance, uint32_t fd, uint32_t how)
{
    mw_wasi_fd *f;
    mw_wasi_errno error = use_socket(instance, fd, MW_WASI_RIGHT_SOCK_SHUTDOWN, &f);
    if (error)
        return error;
    if (how == 0 || how > (MW_WASI_SD_RD | MW_WASI_SD_WR))
        error = MW_WASI_EINVAL;
    else if (shutdown(f->host, how == MW_WASI_SD_RD ? SHUT_RD : how == MW_WASI_SD_WR ? SHUT_WR : SHUT_RDWR) != 0)
        error = mw_wasi_errno_of(errno);
    mw_wasi_fd_drop(f);
    return error;
}
