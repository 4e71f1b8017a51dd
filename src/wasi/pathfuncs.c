/* The path_* functions. Each takes a directory's descriptor and a path beneath it (path.h). */
#include "wasi/state.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Modes of what guests create, before the process's umask: never set-user-id, never a device. */
#define FILE_MODE 0666
#define DIRECTORY_MODE 0777

mw_wasi_errno mw_wasi_path_read(const mw_instance *instance, mw_guest_ptr p, uint64_t length, mw_wasi_path *out)
{
    const char *at = mw_guest_span(instance, p, length);
    if (!at)
        return MW_WASI_EFAULT;
    if (length >= sizeof out->text)
        return MW_WASI_ENAMETOOLONG;
    memcpy(out->text, at, length);
    out->text[length] = 0;
    if (memchr(out->text, 0, length))
        return MW_WASI_EINVAL;
    return length ? MW_WASI_ESUCCESS : MW_WASI_ENOENT;
}

/* Takes a use of the directory `fd` for an operation that needs `rights` and, if `writes`, changes the tree. */
static mw_wasi_errno use_dir(mw_instance *instance, uint32_t fd, mw_wasi_rights rights, bool writes, mw_wasi_fd **out)
{
    mw_wasi_errno error = mw_wasi_fd_use(mw_wasi_state_of(instance), fd, 0, out);
    if (error)
        return error;
    if ((*out)->filetype != MW_WASI_FILETYPE_DIRECTORY)
        error = MW_WASI_ENOTDIR;
    else if (rights & ~atomic_load_explicit(&(*out)->rights, memory_order_relaxed))
        error = MW_WASI_ENOTCAPABLE;
    else if (writes && (*out)->read_only)
        error = MW_WASI_EROFS;
    if (error)
        mw_wasi_fd_drop(*out);
    return error;
}

static mw_wasi_errno check_lookup(uint32_t flags)
{
    return flags & ~(uint32_t)MW_WASI_LOOKUP_SYMLINK_FOLLOW ? MW_WASI_EINVAL : MW_WASI_ESUCCESS;
}

static int nofollow(uint32_t lookup_flags)
{
    return lookup_flags & MW_WASI_LOOKUP_SYMLINK_FOLLOW ? 0 : O_NOFOLLOW;
}

static mw_wasi_errno result_of(int result)
{
    return result == 0 ? MW_WASI_ESUCCESS : mw_wasi_errno_of(errno);
}

/* ---- path_open -------------------------------------------------------------------------------------------------- */

#define WRITING_RIGHTS                                                                             \
    (mw_wasi_rights)(MW_WASI_RIGHT_FD_WRITE | MW_WASI_RIGHT_FD_ALLOCATE | MW_WASI_RIGHT_FD_FILESTAT_SET_SIZE)

/* The host's flags for what the guest asks. Without a right to write, the host's descriptor cannot either. */
static int open_flags(uint32_t lookup, uint32_t oflags, uint32_t fdflags, mw_wasi_rights rights)
{
    int flags = nofollow(lookup);
    flags |= oflags & MW_WASI_OFLAG_CREAT ? O_CREAT : 0;
    flags |= oflags & MW_WASI_OFLAG_DIRECTORY ? O_DIRECTORY : 0;
    flags |= oflags & MW_WASI_OFLAG_EXCL ? O_EXCL : 0;
    flags |= oflags & MW_WASI_OFLAG_TRUNC ? O_TRUNC : 0;
    flags |= fdflags & MW_WASI_FDFLAG_APPEND ? O_APPEND : 0;
    flags |= fdflags & MW_WASI_FDFLAG_DSYNC ? O_DSYNC : 0;
    flags |= fdflags & MW_WASI_FDFLAG_NONBLOCK ? O_NONBLOCK : 0;
    flags |= fdflags & (MW_WASI_FDFLAG_RSYNC | MW_WASI_FDFLAG_SYNC) ? O_SYNC : 0;
    /* With O_DIRECTORY only a plain wish to write is one, and the host's EISDIR. */
    if (!(rights & (oflags & MW_WASI_OFLAG_DIRECTORY ? (mw_wasi_rights)MW_WASI_RIGHT_FD_WRITE : WRITING_RIGHTS)))
        return flags | O_RDONLY;
    return flags | (rights & MW_WASI_RIGHT_FD_READ ? O_RDWR : O_WRONLY);
}

/* In a read-only directory everything is as on a file system mounted read-only: what exists opens for reading. */
static mw_wasi_errno open_read_only(int dir, const char *path, int flags, int *out)
{
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC))
        return MW_WASI_EROFS;
    mw_wasi_errno error = mw_wasi_open_beneath(dir, path, flags & ~(O_CREAT | O_EXCL), 0, out);
    if (error == MW_WASI_ENOENT && (flags & O_CREAT))
        return MW_WASI_EROFS;
    if (!error && (flags & O_CREAT) && (flags & O_EXCL)) {
        close(*out);
        return MW_WASI_EEXIST;
    }
    return error;
}

/* Whether an opened file may be given to the guest. Files of procfs may not: /proc/self/mem is this process's
 * memory, and /proc/self/environ what --env did not give. */
static mw_wasi_errno check_opened(int host, mw_wasi_filetype *type)
{
    struct stat st;
    struct statfs fs;
    if (fstat(host, &st) != 0 || fstatfs(host, &fs) != 0)
        return mw_wasi_errno_of(errno);
    *type = mw_wasi_filetype_of(st.st_mode);
    return fs.f_type == PROC_SUPER_MAGIC ? MW_WASI_ENOTCAPABLE : MW_WASI_ESUCCESS;
}

static mw_wasi_errno check_open(const mw_wasi_fd *dir, uint32_t lookup, uint32_t oflags, uint32_t fdflags,
                                mw_wasi_rights base, mw_wasi_rights inheriting)
{
    if ((lookup & ~(uint32_t)MW_WASI_LOOKUP_SYMLINK_FOLLOW) || (oflags & ~(uint32_t)MW_WASI_OFLAGS) ||
        (fdflags & ~(uint32_t)MW_WASI_FDFLAGS))
        return MW_WASI_EINVAL;
    if ((oflags & MW_WASI_OFLAG_DIRECTORY) &&
        (oflags & (MW_WASI_OFLAG_CREAT | MW_WASI_OFLAG_EXCL | MW_WASI_OFLAG_TRUNC)))
        return MW_WASI_EINVAL;
    mw_wasi_rights needed = (oflags & MW_WASI_OFLAG_CREAT ? MW_WASI_RIGHT_PATH_CREATE_FILE : 0) |
                            (oflags & MW_WASI_OFLAG_TRUNC ? MW_WASI_RIGHT_PATH_FILESTAT_SET_SIZE : 0);
    if ((needed & ~atomic_load_explicit(&dir->rights, memory_order_relaxed)) ||
        ((base | inheriting) & ~atomic_load_explicit(&dir->inheriting, memory_order_relaxed)))
        return MW_WASI_ENOTCAPABLE;
    return MW_WASI_ESUCCESS;
}

static mw_wasi_errno open_in(mw_wasi_state *state, const mw_wasi_fd *dir, const char *path, int flags,
                             mw_wasi_rights base, mw_wasi_rights inheriting, uint32_t *out)
{
    int host;
    mw_wasi_errno error = dir->read_only ? open_read_only(dir->host, path, flags, &host)
                                         : mw_wasi_open_beneath(dir->host, path, flags, FILE_MODE, &host);
    if (error)
        return error;
    mw_wasi_filetype type = MW_WASI_FILETYPE_UNKNOWN;
    error = check_opened(host, &type);
    if (!error) {
        const mw_wasi_fd_init init = {
            .host = host, .filetype = type, .read_only = dir->read_only,
            .rights = base & mw_wasi_rights_of_type(type),
            .inheriting = type == MW_WASI_FILETYPE_DIRECTORY ? inheriting : 0,
        };
        error = mw_wasi_fd_open(state, 0, &init, out);
    }
    if (error)
        close(host);
    return error;
}

/* A FIFO without a peer blocks the guest here, as it does a native program. */
uint32_t mw_wasi_path_open(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr path, uint64_t path_len,
                           uint32_t oflags, uint64_t base, uint64_t inheriting, uint32_t fdflags, mw_guest_ptr out)
{
    void *out_at = mw_guest_span(instance, out, 4);
    mw_wasi_fd *dir;
    mw_wasi_errno error = use_dir(instance, fd, MW_WASI_RIGHT_PATH_OPEN, false, &dir);
    if (error)
        return error;
    mw_wasi_path copy;
    uint32_t opened;
    error = out_at ? mw_wasi_path_read(instance, path, path_len, &copy) : MW_WASI_EFAULT;
    if (!error)
        error = check_open(dir, lookup, oflags, fdflags, base, inheriting);
    if (!error)
        error = open_in(mw_wasi_state_of(instance), dir, copy.text, open_flags(lookup, oflags, fdflags, base), base,
                        inheriting, &opened);
    if (!error)
        memcpy(out_at, &opened, 4);
    mw_wasi_fd_drop(dir);
    return error;
}

/* ---- Attributes ------------------------------------------------------------------------------------------------- */

static mw_wasi_errno filestat(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr path,
                              uint64_t path_len, mw_wasi_filestat *out)
{
    mw_wasi_fd *dir;
    mw_wasi_errno error = use_dir(instance, fd, MW_WASI_RIGHT_PATH_FILESTAT_GET, false, &dir);
    if (error)
        return error;
    mw_wasi_path copy;
    int host = -1;
    struct stat st;
    error = mw_wasi_path_read(instance, path, path_len, &copy);
    if (!error)
        error = check_lookup(lookup);
    if (!error)
        error = mw_wasi_open_beneath(dir->host, copy.text, O_PATH | nofollow(lookup), 0, &host);
    if (!error) {
        error = result_of(fstat(host, &st));
        close(host);
    }
    if (!error)
        *out = mw_wasi_filestat_of(&st);
    mw_wasi_fd_drop(dir);
    return error;
}

uint32_t mw_wasi_path_filestat_get(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr path,
                                   uint64_t path_len, mw_guest_ptr out)
{
    mw_wasi_filestat stat;
    mw_wasi_errno error = filestat(instance, fd, lookup, path, path_len, &stat);
    if (error)
        return error;
    return mw_guest_write(instance, out, &stat, sizeof stat) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

uint32_t mw_wasi_unstable_path_filestat_get(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr path,
                                            uint64_t path_len, mw_guest_ptr out)
{
    mw_wasi_filestat stat;
    mw_wasi_errno error = filestat(instance, fd, lookup, path, path_len, &stat);
    if (error)
        return error;
    mw_wasi_unstable_filestat old = mw_wasi_unstable_filestat_of(&stat);
    return mw_guest_write(instance, out, &old, sizeof old) ? MW_WASI_ESUCCESS : MW_WASI_EFAULT;
}

/* The name by which a call without AT_EMPTY_PATH reaches the file that `host` has open, exactly that one. */
typedef struct fd_name {
    char text[32];
} fd_name;

static fd_name name_of_fd(int host)
{
    fd_name name;
    snprintf(name.text, sizeof name.text, "/proc/self/fd/%d", host);
    return name;
}

static int set_times(int host, const struct timespec times[2])
{
    int result = utimensat(host, "", times, AT_EMPTY_PATH);
    if (result != 0 && errno == EINVAL) /* before Linux 5.8 */
        result = utimensat(AT_FDCWD, name_of_fd(host).text, times, 0);
    return result;
}

uint32_t mw_wasi_path_filestat_set_times(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr path,
                                         uint64_t path_len, uint64_t atim, uint64_t mtim, uint32_t flags)
{
    mw_wasi_fd *dir;
    mw_wasi_errno error = use_dir(instance, fd, MW_WASI_RIGHT_PATH_FILESTAT_SET_TIMES, true, &dir);
    if (error)
        return error;
    mw_wasi_path copy;
    int host;
    struct timespec times[2];
    error = mw_wasi_path_read(instance, path, path_len, &copy);
    if (!error)
        error = check_lookup(lookup);
    if (!error)
        error = mw_wasi_times_of(atim, mtim, flags, times);
    if (!error)
        error = mw_wasi_open_beneath(dir->host, copy.text, O_PATH | nofollow(lookup), 0, &host);
    if (!error) {
        error = result_of(set_times(host, times));
        close(host);
    }
    mw_wasi_fd_drop(dir);
    return error;
}

uint32_t mw_wasi_path_readlink(mw_instance *instance, uint32_t fd, mw_guest_ptr path, uint64_t path_len,
                               mw_guest_ptr buf, uint64_t buf_len, mw_guest_ptr used_out)
{
    void *used_at = mw_wasi_word_at(instance, used_out);
    char *buf_at = mw_guest_span(instance, buf, buf_len);
    mw_wasi_fd *dir;
    mw_wasi_errno error = use_dir(instance, fd, MW_WASI_RIGHT_PATH_READLINK, false, &dir);
    if (error)
        return error;
    mw_wasi_path copy;
    int host;
    error = used_at && buf_at ? mw_wasi_path_read(instance, path, path_len, &copy) : MW_WASI_EFAULT;
    if (!error)
        error = mw_wasi_open_beneath(dir->host, copy.text, O_PATH | O_NOFOLLOW, 0, &host);
    if (!error) {
        char target[PATH_MAX]; /* the host refuses a size of 0, which WASI allows */
        ssize_t n = readlinkat(host, "", target, sizeof target);
        /* For an O_PATH descriptor of something else it says ENOENT. */
        error = n < 0 ? (errno == ENOENT ? MW_WASI_EINVAL : mw_wasi_errno_of(errno)) : MW_WASI_ESUCCESS;
        close(host);
        if (!error) {
            size_t used = (size_t)n < buf_len ? (size_t)n : buf_len;
            memcpy(buf_at, target, used);
            mw_wasi_put_word(instance, used_at, used);
        }
    }
    mw_wasi_fd_drop(dir);
    return error;
}

/* ---- Entries of directories ------------------------------------------------------------------------------------- */

/* Takes the directory and splits the path for an operation on its last component; `dotdot` is the host's error
 * for a last component "..". leave() ends what this began if it succeeds. */
typedef struct entry {
    mw_wasi_fd *dir;
    mw_wasi_path path;
    mw_wasi_parent parent;
} entry;

static mw_wasi_errno enter(mw_instance *instance, uint32_t fd, mw_wasi_rights rights, mw_guest_ptr path,
                           uint64_t path_len, mw_wasi_errno dotdot, entry *out)
{
    mw_wasi_errno error = use_dir(instance, fd, rights, true, &out->dir);
    if (error)
        return error;
    error = mw_wasi_path_read(instance, path, path_len, &out->path);
    if (!error)
        error = mw_wasi_open_parent(out->dir->host, &out->path, dotdot, &out->parent);
    if (error)
        mw_wasi_fd_drop(out->dir);
    return error;
}

static void leave(const entry *e)
{
    mw_wasi_parent_close(&e->parent);
    mw_wasi_fd_drop(e->dir);
}

uint32_t mw_wasi_path_create_directory(mw_instance *instance, uint32_t fd, mw_guest_ptr path, uint64_t path_len)
{
    entry e;
    mw_wasi_errno error =
        enter(instance, fd, MW_WASI_RIGHT_PATH_CREATE_DIRECTORY, path, path_len, MW_WASI_EEXIST, &e);
    if (error)
        return error;
    error = result_of(mkdirat(e.parent.fd, e.parent.base, DIRECTORY_MODE));
    leave(&e);
    return error;
}

uint32_t mw_wasi_path_remove_directory(mw_instance *instance, uint32_t fd, mw_guest_ptr path, uint64_t path_len)
{
    entry e;
    mw_wasi_errno error =
        enter(instance, fd, MW_WASI_RIGHT_PATH_REMOVE_DIRECTORY, path, path_len, MW_WASI_ENOTEMPTY, &e);
    if (error)
        return error;
    error = result_of(unlinkat(e.parent.fd, e.parent.base, AT_REMOVEDIR));
    leave(&e);
    return error;
}

uint32_t mw_wasi_path_unlink_file(mw_instance *instance, uint32_t fd, mw_guest_ptr path, uint64_t path_len)
{
    entry e;
    mw_wasi_errno error = enter(instance, fd, MW_WASI_RIGHT_PATH_UNLINK_FILE, path, path_len, MW_WASI_EISDIR, &e);
    if (error)
        return error;
    error = result_of(unlinkat(e.parent.fd, e.parent.base, 0));
    leave(&e);
    return error;
}

uint32_t mw_wasi_path_rename(mw_instance *instance, uint32_t fd, mw_guest_ptr old_path, uint64_t old_len,
                             uint32_t new_fd, mw_guest_ptr new_path, uint64_t new_len)
{
    entry from, to;
    mw_wasi_errno error =
        enter(instance, fd, MW_WASI_RIGHT_PATH_RENAME_SOURCE, old_path, old_len, MW_WASI_EBUSY, &from);
    if (error)
        return error;
    error = enter(instance, new_fd, MW_WASI_RIGHT_PATH_RENAME_TARGET, new_path, new_len, MW_WASI_EBUSY, &to);
    if (!error) {
        error = result_of(renameat(from.parent.fd, from.parent.base, to.parent.fd, to.parent.base));
        leave(&to);
    }
    leave(&from);
    return error;
}

/* Absolute targets are refused: no guest could follow them, but other programs of the host would. */
uint32_t mw_wasi_path_symlink(mw_instance *instance, mw_guest_ptr target, uint64_t target_len, uint32_t fd,
                              mw_guest_ptr path, uint64_t path_len)
{
    mw_wasi_path target_copy;
    entry e;
    mw_wasi_errno error = enter(instance, fd, MW_WASI_RIGHT_PATH_SYMLINK, path, path_len, MW_WASI_EEXIST, &e);
    if (error)
        return error;
    error = mw_wasi_path_read(instance, target, target_len, &target_copy);
    if (!error && target_copy.text[0] == '/')
        error = MW_WASI_ENOTCAPABLE;
    if (!error)
        error = result_of(symlinkat(target_copy.text, e.parent.fd, e.parent.base));
    leave(&e);
    return error;
}

/* A second name in a writable directory makes a file writable: so the source's directory must be, too. */
uint32_t mw_wasi_path_link(mw_instance *instance, uint32_t fd, uint32_t lookup, mw_guest_ptr old_path,
                           uint64_t old_len, uint32_t new_fd, mw_guest_ptr new_path, uint64_t new_len)
{
    mw_wasi_fd *dir;
    mw_wasi_errno error = use_dir(instance, fd, MW_WASI_RIGHT_PATH_LINK_SOURCE, true, &dir);
    if (error)
        return error;
    mw_wasi_path copy;
    int host = -1;
    error = mw_wasi_path_read(instance, old_path, old_len, &copy);
    if (!error)
        error = check_lookup(lookup);
    if (!error)
        error = mw_wasi_open_beneath(dir->host, copy.text, O_PATH | nofollow(lookup), 0, &host);
    entry to;
    if (!error)
        error = enter(instance, new_fd, MW_WASI_RIGHT_PATH_LINK_TARGET, new_path, new_len, MW_WASI_EEXIST, &to);
    if (!error) {
        /* AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH on most kernels. The magic link leads to the very file,
         * and is not followed beyond it if that is a symbolic link. */
        error = result_of(
            linkat(AT_FDCWD, name_of_fd(host).text, to.parent.fd, to.parent.base, AT_SYMLINK_FOLLOW));
        leave(&to);
    }
    if (host >= 0)
        close(host);
    mw_wasi_fd_drop(dir);
    return error;
}
